/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-monitor: the process that stays with a running container. core/container/monitor.h has its
 * protocol.
 *
 *   main.c      start: load the isolation driver, wait for LAUNCH
 *   launch.c    LAUNCH .. STARTED
 *   loop.c      one epoll loop: output, clients, ends of processes
 *   output.c    from the container's pipes or terminal to the log and to those attached
 *   client.c    requests
 *   answer.c    questions for names (resolver.h)
 *   trim.c      the memory of the launch is given back
 *   finish.c    the end: who makes the database say so, and tidying up
 *
 * It is single-threaded and keeps little memory: what is big is on the stack of a phase that is
 * over, or is touched only when it is needed.
 */
#ifndef PROGRAMS_MONITOR_H
#define PROGRAMS_MONITOR_H

#include <sys/types.h>

#include "core/container/log_file.h"
#include "core/container/monitor.h"

enum { CLIENTS_MAX = 256, STREAMS = 2 };

/** What an epoll event is about; the first member of everything that is polled. */
enum source_kind {
	SOURCE_LISTENER,
	SOURCE_CLIENT,
	SOURCE_OUTPUT,
	SOURCE_SANDBOX,
	SOURCE_EXEC,
	SOURCE_SINK,
	SOURCE_SIGNAL,
	SOURCE_FINISHER,
	SOURCE_NAMES
};
struct source {
	enum source_kind kind;
	int fd; /* -1: not polled */
};

/** A client's pipe for one stream of output. */
struct sink {
	struct source source;
	bool lossless; /* the launching client: the container waits for it, as for a pipe */
	char *late;    /* what it has not taken yet */
	size_t n_late, at_late;
	bool polled;
};

struct client {
	struct source source;
	struct client *next;
	bool watches;	 /* wants EXITED */
	bool can_finish; /* would do the finishing */
	bool has_duty;
	bool holds; /* the container is frozen as long as it is here */
	struct sink sink[STREAMS];
	struct exec *exec; /* the process that it runs, or NULL */
};

/**
 * One more process in the container. It is our child: unless we reap it, the container's first
 * process cannot end either. So it outlives the client that asked for it.
 */
struct exec {
	struct source source; /* pidfd */
	struct exec *next;
	struct client *client; /* NULL: gone */
};

/** One of the container's outputs. */
struct output {
	struct source source;
	int stream;  /* 0 stdout or terminal, 1 stderr */
	bool paused; /* a lossless sink is full */
};

struct monitor {
	const char *program, *config_file;
	char id[65], storage[33];
	uint32_t flags; /* of LAUNCH */
	bool auto_remove;
	struct config *config;
	struct drivers *drivers;
	struct isolation *iso;
	struct berth_sandbox *sandbox;
	int run_dir, state_dir, lock, log;
	int stdin_w; /* the container's stdin, kept for those who attach; -1 when it is closed */
	int console; /* master of its terminal */
	int epoll;
	struct source listener, sandbox_end, signals, finisher;
	struct output output[STREAMS];
	struct client *clients;
	struct exec *execs;
	unsigned int n_clients;
	bool is_paused; /* by a user, until a user says otherwise */
	int *ports; /* bound sockets, so that nobody else takes what is published */
	size_t n_ports;
	struct source names; /* the resolver's, or not polled */
	struct resolver *resolver;
	int run_root; /* where it reads names */
	bool log_failed, ended, finished;
	struct berth_exit end;
};

/* launch.c */
int launch(struct monitor *m, int fd, struct berth_error *err);
/** Others may publish these ports from now on. */
void ports_close(struct monitor *m);

/* loop.c */
int loop_init(struct monitor *m, struct berth_error *err);
int loop_watch(struct monitor *m, struct source *source, uint32_t events, struct berth_error *err);
void loop_unwatch(struct monitor *m, struct source *source);
/** Until the container has ended, its output is passed on, and the end is finished. */
void loop_run(struct monitor *m);

/* output.c */
void output_read(struct monitor *m, struct output *o);
void output_drain(struct monitor *m);
/** Read the container's outputs again after a pause for a full sink. */
void outputs_resume(struct monitor *m);
void sink_ready(struct monitor *m, struct sink *sink);
void sink_close(struct monitor *m, struct sink *sink);
void sink_open(struct sink *sink, int fd, bool lossless);

/* client.c */
struct client *client_new(struct monitor *m, int fd, struct berth_error *err);
void client_accept(struct monitor *m);
void client_serve(struct monitor *m, struct client *c);
void client_free(struct monitor *m, struct client *c);
void client_exec_ended(struct monitor *m, struct exec *x);
/** Give the streams that @msg's flags and descriptors name to client @c, from descriptor @first on.
 */
void client_take_sinks(struct client *c, struct monitor_msg *msg, size_t first, bool lossless);

/* answer.c */
/** Answer names on the two sockets of this message, and no longer on those of an earlier one. */
int answer_on(struct monitor *m, struct monitor_msg *msg, struct berth_error *err);
void answer_serve(struct monitor *m);
void answer_stop(struct monitor *m);

/* trim.c */
/** The launch is over, and took far more memory than what is to come: give it back. */
void trim(void);

/* finish.c */
/** EXITED to @c; @duty: it is the one to finish. */
int finish_tell(struct monitor *m, struct client *c, bool duty);
/** The container has ended: tell a client that can finish, or run `berth system finish`. */
void finish_begin(struct monitor *m);
/** The client with the duty is done (@ok) or gone: tell the others, or give the duty on. */
void finish_next(struct monitor *m, bool ok);
/** `berth system finish` has ended. */
void finish_ended(struct monitor *m);
/** Cgroups and run-time directory; then the lock is given back. Once. */
void finish_tidy(struct monitor *m);
/** With --rm: empty the storage driver's trash, now that nobody waits any more. */
void finish_reclaim(struct monitor *m);

#endif
