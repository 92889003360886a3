/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor: the protocol between the engine and berth-monitor, and the engine's end of it.
 *
 * One monitor process per running container: it holds the sandbox, the container's pipes or
 * terminal, and the log. It is small and single-threaded, because it clones (see
 * berth/isolation.h), and knows neither database nor images. Messages are SOCK_SEQPACKET packets
 * (base/msg.h): a fixed head, then `len` bytes of text. Both ends come from the same version at
 * launch, but a monitor may outlive an upgrade: new fields go to the end of the head, and a reader
 * takes min(size).
 *
 *   launching client, over the descriptor it was started with:
 *     LAUNCH "ID STORAGE", fds run dir, state dir, root, [userns], [out], [err]
 *       a: 1 = to be removed after its end  ->  CREATED {pid}, fd netns  (if wait_network)
 *     PORTS, fds (any number of times)      ->  nothing: bound sockets which keep published ports
 *                                               until the container's end
 *     NAMES, fds UDP and TCP socket         ->  nothing: answer names there (docs/formats/names.md)
 *     START                                 ->  STARTED {pid}, [fd stdin or console]  or FAILED
 *   anybody, over <run>/containers/<id>/monitor.sock, one request after the other:
 *     ATTACH {flags}, fds [out, err]        ->  ATTACHED, [fd stdin or console]  or FAILED
 *     EXEC {OCI process}, fds 0,1,2 or console socket
 *                                           ->  STARTED {pid}  or FAILED;  later EXITED
 *     SIGNAL {a: number, b: all}            ->  DONE or FAILED  (of an EXEC's connection: to that
 *                                               process)
 *     WATCH {flags}                         ->  nothing now;  EXITED when the container has ended
 *     FREEZE {a: on; b: 1 = as long as this connection lives, whatever others want}
 *     UPDATE {JSON} STATS PROCESSES STATUS NAMES
 *                                           ->  DONE {a, b, text} or FAILED
 *     FINISHED                              ->  nothing
 *
 * After the container's end the monitor tells one of the clients that said CONTAINER_FINISH, EXITED
 * with `b` = 1: that one makes the database say so and answers FINISHED; if it dies before, another
 * one gets the duty, and at last `berth system finish ID`. Then all others get EXITED, and the
 * monitor ends.
 */
#ifndef CORE_CONTAINER_MONITOR_H
#define CORE_CONTAINER_MONITOR_H

#include "core/container/container.h"

#define MONITOR_MAGIC	0x31544242u /* "BBT1" */
#define MONITOR_SOCKET	"monitor.sock"
#define MONITOR_LOCK	"monitor.lock" /* held by the monitor as long as it lives */
#define MONITOR_EXIT	"exit" /* JSON {"Code","Signal","OOM","At"}, written when it has ended */
#define MONITOR_SPEC	"config.json"
#define MONITOR_SANDBOX "sandbox" /* what the isolation driver saved, for recover */
#define MONITOR_LOG	"log"	  /* in the state directory, see log_file.h */
#define MONITOR_FD	3	  /* the launching client's end in a new monitor */

enum monitor_verb {
	MONITOR_LAUNCH = 1,
	MONITOR_START,
	MONITOR_ATTACH,
	MONITOR_EXEC,
	MONITOR_SIGNAL,
	MONITOR_WATCH,
	MONITOR_FREEZE,
	MONITOR_UPDATE,
	MONITOR_STATS,
	MONITOR_PROCESSES,
	MONITOR_STATUS,
	MONITOR_FINISHED,
	MONITOR_PORTS,
	MONITOR_NAMES,
	/* answers */
	MONITOR_CREATED = 64,
	MONITOR_STARTED,
	MONITOR_ATTACHED,
	MONITOR_DONE,
	MONITOR_FAILED, /* a: berth_code, b: errno; text "message\nhint" */
	MONITOR_EXITED, /* a: exit code, b: 1 = finish it, flags: enum berth_exit_flags */
};

/** Flags of LAUNCH, ATTACH, EXEC and their answers. */
enum monitor_flags {
	/* the low bits are enum container_attach_flags */
	MONITOR_TTY = 1u << 8,
	MONITOR_OPEN_STDIN = 1u << 9,
	MONITOR_STDIN_ONCE = 1u << 10,
	MONITOR_WAIT_NETWORK = 1u << 11,
	MONITOR_NO_LOG = 1u << 12,
	MONITOR_HAVE_OUT = 1u << 13, /* which descriptors come with the message */
	MONITOR_HAVE_ERR = 1u << 14,
	MONITOR_HAVE_IN = 1u << 15,
	MONITOR_HAVE_CONSOLE = 1u << 16,
	MONITOR_HAVE_USERNS = 1u << 17,
};

struct monitor_head {
	uint32_t magic;
	uint16_t size; /* of this struct as its sender has it */
	uint16_t verb; /* enum monitor_verb */
	uint32_t flags;
	int32_t a, b;
	uint32_t len; /* bytes of text that follow */
};

enum { MONITOR_TEXT_MAX = 60000, MONITOR_FDS_MAX = 8 };

/** A message as received. */
struct monitor_msg {
	struct monitor_head head;
	size_t n_fds;
	int fds[MONITOR_FDS_MAX];
	char text[MONITOR_TEXT_MAX + 1]; /* NUL-terminated */
};

int monitor_send(int fd, uint16_t verb, uint32_t flags, int32_t a, int32_t b, const char *text,
		 const int *fds, size_t n_fds, struct berth_error *err);
/** FAILED of @error. */
int monitor_send_error(int fd, const struct berth_error *error);
/** UNREACHABLE at the other end's end. BUSY on a non-blocking socket without a message. */
int monitor_recv(int fd, struct monitor_msg *msg, struct berth_error *err);
/** Receive an answer of kind @verb; a FAILED one becomes the error that it carries. */
int monitor_expect(int fd, uint16_t verb, struct monitor_msg *msg, struct berth_error *err);
void monitor_msg_close(struct monitor_msg *msg);
/** The master of a terminal, as an isolation driver sends it over a console socket. */
int monitor_recv_console(int socket, int *ret_fd, struct berth_error *err);

/** Start a monitor process for isolation driver @isolation, as early as possible: it loads
 * meanwhile. */
int monitor_spawn(struct container_host *h, const char *isolation, int *ret_fd,
		  struct berth_error *err);
/** Connect to the monitor of container @id. NOT_FOUND if there is none (alive). */
int monitor_connect(struct container_host *h, const char *id, int *ret_fd, struct berth_error *err);
/** Is the monitor of @id alive? Asks the lock, not the process. */
bool monitor_is_alive(struct container_host *h, const char *id);

#endif
