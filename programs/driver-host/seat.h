/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seat: berth-driver-host's end of one channel (core/driver/wire.h): calls come in, the driver's
 * calls to its host go out, on the thread that serves it. The engine is trusted: what it sends that
 * is not as agreed ends the process, as does its end.
 */
#ifndef PROGRAMS_DRIVER_HOST_SEAT_H
#define PROGRAMS_DRIVER_HOST_SEAT_H

#include <pthread.h>

#include "core/driver/head.h"
#include "core/driver/wire.h"

/** The driver that this process serves. */
struct served {
	struct berth_host host; /* first: what the driver is lent */
	struct berth_driver head;
	union ops ops;
};
extern struct served served;

/** An operation of the engine's. */
struct berth_op {
	int fd; /* readable when it is cancelled */
	bool is_cancelled;
	int64_t asked_ns; /* when the engine was asked */
};

/** The engine has it; there is one a call. */
struct berth_sink {
	char none;
};

/** One call, decoded. */
struct call {
	const struct wire_call *what;
	unsigned number;
	void *object; /* instance or object of one; NULL: of the head */
	union wire_arg a[WIRE_ARGS_MAX];
	struct berth_op op;
	struct berth_sink sink;
	int *preserved; /* descriptors for a program, from 3 on */
	size_t n_preserved;
	uint64_t where; /* which descriptor the engine means by where->fd */
	bool keeps_op;	/* the made object has it */
};

/** Serve the channel @fd to its end, on the calling thread. */
void seat_serve(int fd);
/** Say @w on this thread's channel. A thread that serves none: false. */
bool seat_say(enum wire_type type, const struct wire *w);
/** Say it and wait for what the engine answers, whose calls are served meanwhile. */
int seat_ask(enum wire_type type, const struct wire *w, struct berth_error *err);
/** Is this the thread of a call? */
bool seat_is_here(void);

/** lend.c: the struct berth_host of this process. */
void lend(struct served *s);
/** lend.c: who is told of items, by the engine. */
int lend_id(void *arg, const char *id);
int lend_change(void *arg, uint32_t change, const char *path);
int lend_desc(void *arg, const char *name, const struct berth_desc *desc);

/** KIND.c: make the call; results go into its arguments. */
int storage_call(struct call *c, struct berth_error *err);
int network_call(struct call *c, struct berth_error *err);
int isolation_call(struct call *c, struct berth_error *err);
int registry_call(struct call *c, struct berth_error *err);

/** isolation.c: keep descriptors 3 and up free for programs' own; these two move out of the way.
 * Before anything else is open. */
bool isolation_prepare(int *control, int *life);

/** stand_in.c: the process in place of one that is not the caller's child (WIRE_CONTROL_FD its
 * pidfd, WIRE_LIFE_FD where its end is told). Does not return. */
_Noreturn void stand_in(void);
/** stand_in.c: tell @fd how the child @pidfd ends; kill it if nobody is there to be told. Takes both
 * over. */
int stand_in_watch(int pidfd, int fd, struct berth_error *err);

#endif
