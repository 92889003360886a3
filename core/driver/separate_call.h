/* SPDX-License-Identifier: Apache-2.0 */
/*
 * separate_call: the engine's end of a driver in a process of its own, as its files share it.
 * Private to separate*.c.
 */
#ifndef CORE_DRIVER_SEPARATE_CALL_H
#define CORE_DRIVER_SEPARATE_CALL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/driver/head.h"
#include "core/driver/separate.h"
#include "core/driver/wire.h"

/** A socket to the process: one call at a time, and those that it calls back with. */
struct channel {
	struct channel *next;
	int fd;
};

/** A process, until its last call is over. */
struct process {
	unsigned refs;
	uint64_t life; /* its number */
	int owner;     /* pid of who started it: not that of one who was forked since */
	int pid, pidfd;
	int control, lifeline;
	struct channel *idle;
	bool is_dead;
	char death[128]; /* "killed by SIGSEGV" */
};

struct separate {
	char *program, *path, *name;
	uint64_t timeout_ms;
	unsigned slot;
	struct wire hello; /* what the head's texts are in */
	struct berth_driver head;
	union ops ops;
	/* one channel, which is the control socket, for calls that must not overlap */
	bool is_single;
	pthread_mutex_t turn; /* recursive */
	pthread_mutex_t lock; /* of what follows */
	struct process *process;
	uint64_t lives;
};

/** What callers hold for an instance, or for an object of one. */
struct proxy {
	struct separate *s;
	struct proxy *instance; /* itself, if it is one */
	const struct berth_host *host;
	uint64_t remote;
	uint64_t life; /* of the process that knows `remote`; 0: none does */
	pthread_mutex_t lock; /* of instances and sandboxes: held while they are made again */
	/* an instance: to open it again */
	struct wire conf;
	int state_fd;
	/* a stream: the operation that it was fetched in */
	struct berth_op *op;
	int signal_fd; /* what the driver's end sees of it */
	/* a sandbox */
	char *id;
	struct str saved;
	int wait_fd;
	/* a plan */
	struct wire held;
	struct berth_plan *plan;
	struct proxy *next; /* of plans: the instance has the first */
};

/* --- processes (separate_process.c) -------------------------------------------------------------
 */

/** The process that serves @s, started if need be, with a channel to it; give both back. */
int process_take(struct separate *s, struct process **ret, struct channel **ret_channel,
		 struct berth_error *err);
void process_give(struct separate *s, struct process *p, struct channel *channel);
/** Ends it, if it has not ended; why is in p->death afterwards. @why NULL: it died by itself. */
void process_end(struct separate *s, struct process *p, const char *why);
/** DRIVER_DIED with the driver's name and the reason. */
int process_died(const struct separate *s, const struct process *p, struct berth_error *err);
/** Ends the one that there is now, if any. */
void process_stop(struct separate *s);
/** Starts the first one and reads its head into @ret. */
int process_first(struct separate *s, struct wire *ret, struct berth_error *err);

/* --- calls (separate_transact.c) ----------------------------------------------------------------
 */

/** One call in progress. */
struct frame {
	struct separate *s;
	struct process *process;
	struct channel *channel;
	const struct berth_host *host;
	const struct wire_call *call;
	union wire_arg *a;
	/* found among the arguments; NULL if there are none */
	struct berth_op *op;
	struct berth_sink *sink;
	const union wire_arg *fn;
	char fn_letter;
	int stopped; /* what fn answered, if not 0 */
	int cancel_fd;		/* of the host, while it is not readable */
	int signal_fd;		/* what the driver's end sees of it */
	int64_t silent_at;	/* when patience ends */
	int64_t cancelled_at;	/* when it was cancelled; 0: not */
	const char *ended;	/* why we ended the process */
	bool keeps_signal;	/* it outlives the call */
	struct str *copy;	/* takes what is put into the sink; NULL: nothing does */
	struct wire *held;	/* takes what results point to; NULL: none does */
	const struct wire *kept_conf; /* written before, in place of a conf argument */
};

/**
 * Call @number with @remote at the other end, its results into @f->a. DRIVER_DIED when it ended
 * within; otherwise what the driver said.
 */
int transact(struct frame *f, unsigned number, uint64_t remote, struct berth_error *err);

/* --- objects (separate.c) -----------------------------------------------------------------------
 */

/** An object of @instance, whose remote half is yet to be made. */
struct proxy *proxy_new(struct proxy *instance);
void proxy_free(struct proxy *p);

/** The call of a table: @p is what the C call has as its first argument. */
int proxy_call(struct proxy *p, unsigned call, union wire_arg *a, struct berth_error *err);
/** The same, with what its results point to kept in @held. */
int proxy_call_held(struct proxy *p, unsigned call, union wire_arg *a, struct wire *held,
		    struct berth_error *err);
/**
 * A call that makes an object: its handle is result @at of @a. *@ret is NULL if the driver made
 * none.
 */
int proxy_make(struct proxy *instance, unsigned call, union wire_arg *a, size_t at,
	       struct proxy **ret, struct berth_error *err);
/** A call that gives an object back; best effort. NULL is fine. */
void proxy_drop(struct proxy *p, unsigned call);

/** separate_KIND.c: all calls of the kind. */
extern const struct berth_storage_ops separate_storage;
extern const struct berth_network_ops separate_network;
extern const struct berth_isolation_ops separate_isolation;
extern const struct berth_registry_ops separate_registry;

/** separate_isolation.c: make @p again in a new process. Its lock is held. */
int sandbox_recover(struct proxy *p, struct frame *f, struct berth_error *err);

#endif
