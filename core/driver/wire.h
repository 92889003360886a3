/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: calls of drivers as bytes and descriptors, for a driver in a process of its own. Both ends
 * are of one build, so there are no versions in it; what comes from the driver's end is trusted in
 * nothing all the same.
 *
 * A message is a header, its bytes, and descriptors beside them. What a call's arguments and
 * results are, its signature says (wire_call.c); what a struct holds, its table (wire_value.c): one
 * description serves both directions and both ends. A reader never fails in the middle: it becomes
 * bad, gives zeros from there on, and is asked once at the end, as struct str is.
 *
 *     engine                       berth-driver-host
 *       | <-------- HELLO ------------ |   once: the head
 *       | --------- CHANNEL ---------> |   one more socket, for one more call at a time
 *       | --------- CALL ------------> |
 *       | <-------- LOG, PROGRESS ---- |   no answer
 *       | <-------- ITEM, PUT, ... --- |   what the driver asks or tells in the middle of the call
 *       | --------- ANSWER ----------> |
 *       | <-------- RESULT ----------- |
 *
 * While it waits for an ANSWER, the driver's end also takes a CALL: who is told of an item may call
 * the driver. It knows no sockets but to send and receive, and nothing of instances.
 */
#ifndef CORE_DRIVER_WIRE_H
#define CORE_DRIVER_WIRE_H

#include <berth/isolation.h>
#include <berth/network.h>
#include <berth/registry.h>
#include <berth/storage.h>

#include "base/str.h"

enum {
	WIRE_BYTES_MAX = 64 * 1024 * 1024, /* of one message */
	WIRE_FDS_MAX = 8192,		   /* of one message */
	WIRE_ITEMS_MAX = 65536,		   /* of one array in it */
	WIRE_CHUNK = 1024 * 1024,	   /* of a stream, in one message */
	WIRE_OPTIONS_MAX = 256,
	WIRE_PRESERVE_MAX = 64, /* descriptors of the caller that go to a program */
	/* descriptors of the program that serves a driver */
	WIRE_CONTROL_FD = 3,
	WIRE_LIFE_FD = 4, /* its other end is closed: the engine is gone */
};

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_CHANNEL,
	WIRE_CALL,
	WIRE_RESULT,
	WIRE_ANSWER,
	WIRE_LOG,
	WIRE_PROGRESS,
	WIRE_EVENT,
	WIRE_CANCELLED,
	WIRE_PUT,
	WIRE_FINDING,
	WIRE_CREDENTIAL,
	WIRE_ID,
	WIRE_CHANGE,
	WIRE_DESC,
};

/** A message being written or read. */
struct wire {
	struct str out; /* written */
	char *body;	/* received */
	size_t n, at;
	int *fds; /* written: borrowed; received: owned, those before at_fd were taken */
	size_t n_fds, at_fd;
	struct wire_block *blocks; /* what was read and does not fit into the body */
	bool bad;
	bool is_reader;
	/* to write a berth_conf: who answers, and what there is to ask for */
	const struct berth_host *host;
	const struct berth_driver *head;
};

/** Free everything, close received descriptors that nobody took. A zeroed one is a new writer. */
void wire_done(struct wire *w);
#define cleanup_wire cleanup_with(wire_done)

/* --- values (wire.c) ----------------------------------------------------------------------------
 */

void wire_put_u64(struct wire *w, uint64_t u);
void wire_put_bytes(struct wire *w, const void *bytes, size_t n);
void wire_put_str(struct wire *w, const char *s); /* may be NULL */
void wire_put_fd(struct wire *w, int fd);	  /* -1: none */
void wire_put_conf(struct wire *w, const struct berth_conf *conf);

uint64_t wire_get_u64(struct wire *w);
/** At most @max, else the reader becomes bad. */
uint64_t wire_get_max(struct wire *w, uint64_t max);
/** Borrowed with @w. */
struct berth_str wire_get_bytes(struct wire *w);
const char *wire_get_str(struct wire *w);
/** The same, where NULL makes no sense: "" and bad then. */
const char *wire_get_text(struct wire *w);
/** The caller closes it; -1: none. */
int wire_get_fd(struct wire *w);
/** Zeroed memory that lives as long as @w; never NULL unless bad. */
void *wire_room(struct wire *w, size_t n);
/** 0 if all of it was as agreed, and read to its end. CORRUPT otherwise. */
int wire_check(const struct wire *w, struct berth_error *err);

/** What a berth_conf is at the driver's end. */
struct wire_option {
	const char *name;
	uint32_t type;
	bool is_set;
	uint64_t number;
	const char *text;
};
struct wire_conf {
	uint64_t n;
	struct wire_option *option;
};
struct wire_conf *wire_get_conf(struct wire *w);

/* --- structs (wire_value.c) ---------------------------------------------------------------------
 */

struct wire_struct;
extern const struct wire_struct wire_layer_desc, wire_usage, wire_plan, wire_view_opts,
	wire_net_desc, wire_endpoint, wire_attached, wire_launch, wire_sandbox_info, wire_exit,
	wire_exec, wire_where, wire_desc, wire_reply;

/** NULL is a value, too. Of a growable struct the part that its maker knew. */
void wire_put_struct(struct wire *w, const struct wire_struct *type, const void *value);
/** Borrowed with @w; NULL for NULL. Descriptors in it belong to the caller. */
void *wire_get_struct(struct wire *w, const struct wire_struct *type);
/** Close the descriptors in it, which become -1. NULL is fine. */
void wire_close_struct(const struct wire_struct *type, void *value);
/** Copy @from over @to, which @size bytes of are known to its owner; but for the size itself. */
void wire_copy_out(const struct wire_struct *type, void *to, const void *from);
size_t wire_struct_size(const struct wire_struct *type);
/** Whether steps refer to earlier steps only, and all numbers of them are good. */
bool wire_plan_is_sound(const struct berth_plan *plan);

/* --- calls (wire_call.c) ------------------------------------------------------------------------
 */

/** An argument or result of a call, in its place. */
union wire_arg {
	uint64_t u;
	int fd;
	const char *s;
	struct berth_str b;
	const void *p; /* struct */
	void *ret;     /* struct to be filled */
	struct berth_op *op;
	const struct berth_conf *conf;
	struct berth_sink *sink;
	struct {
		union {
			berth_id_fn id;
			berth_change_fn change;
			berth_desc_fn desc;
		};
		void *arg;
	} fn;
	struct {
		const void *p;
		uint32_t n, stride;
	} list;
	struct {
		void *p;
		size_t n;
	} buf;
};

enum { WIRE_ARGS_MAX = 10 };

/**
 * What a call takes and gives, one letter each, in the order of the C arguments:
 *
 *   u number   s string (may be NULL)   b bytes   f descriptor   o operation   c conf   k sink
 *   i g d      who is told of each id, change, descriptor
 *   L V N E W D C X   layer_desc, view_opts, net_desc, endpoint, where, desc, launch, exec
 *   n e        arrays of net_desc, endpoint
 *   >u number or handle   >f descriptor   >w one that stays the driver's
 *   >B bytes into a buffer   >P plan   >S >I >T >A   usage, sandbox_info, exit, attached
 *   >R reply, also of a call that failed
 */
struct wire_call {
	const char *name;
	const char *signature;
	size_t offset; /* of the call in its table; of the head's own calls: 0 */
};

/* Calls of the head; those of the kind come after them. Call 0 is none. */
enum wire_head_call {
	WIRE_PROBE = 1,
	WIRE_OPEN,
	WIRE_RELOAD,
	WIRE_STATUS,
	WIRE_CLOSE,
	WIRE_KIND, /* the first one of the kind */
};

enum wire_storage_call {
	ST_CLAIM = WIRE_KIND,
	ST_INGEST_BEGIN,
	ST_INGEST_TREE,
	ST_INGEST_TAR,
	ST_INGEST_COMMIT,
	ST_INGEST_ABORT,
	ST_USAGE,
	ST_LAYER_REMOVE,
	ST_VIEW_CREATE,
	ST_VIEW_MOUNT,
	ST_VIEW_PLAN,
	ST_VIEW_PUT,
	ST_VIEW_COMMIT,
	ST_VIEW_REMOVE,
	ST_VIEW_LIMIT,
	ST_CHANGES,
	ST_TREE_OPEN,
	ST_DIFF_TAR,
	ST_EACH,
	ST_CHECK,
	ST_RECLAIM,
	ST_BELOW,
};

enum wire_network_call {
	NET_PLAN = WIRE_KIND,
	NET_CREATE,
	NET_REMOVE,
	NET_ATTACH,
	NET_DETACH,
	NET_PUBLISH,
	NET_CHECK,
	NET_RECONCILE,
	NET_EACH,
};

enum wire_isolation_call {
	ISO_FEATURES = WIRE_KIND,
	ISO_EXPLAIN,
	ISO_CREATE,
	ISO_RECOVER,
	ISO_SAVE,
	ISO_INFO,
	ISO_START,
	ISO_EXEC,
	ISO_SIGNAL,
	ISO_WAIT_FD,
	ISO_REAP,
	ISO_UPDATE,
	ISO_FREEZE,
	ISO_STATS,
	ISO_PROCESSES,
	ISO_CHECKPOINT,
	ISO_DESTROY,
	ISO_FORGET,
};

enum wire_registry_call {
	REG_RESOLVE = WIRE_KIND,
	REG_FETCH,
	REG_READ,
	REG_CLOSE_STREAM,
	REG_HAS,
	REG_UPLOAD_BEGIN,
	REG_WRITE,
	REG_UPLOAD_COMMIT,
	REG_UPLOAD_ABORT,
	REG_PUT_MANIFEST,
	REG_TAGS,
	REG_EACH,
	REG_REMOVE,
	REG_REFERRERS,
	REG_SEARCH,
	REG_FINISH,
};

/** NULL if there is no such call (the numbers of a kind have no holes). */
const struct wire_call *wire_call(uint32_t kind, unsigned call);
/** The struct that a letter of a signature stands for, NULL: none. */
const struct wire_struct *wire_struct_of(char letter);
/** The next letter of a signature, 0 at its end. */
char wire_next(const char **at, bool *ret_is_result);

/* --- messages (wire_io.c) -----------------------------------------------------------------------
 */

/** Until the socket is ready for @events. NULL: wait as long as it takes. */
typedef int (*wire_wait_fn)(void *arg, short events, struct berth_error *err);

struct wire_port {
	int fd;
	wire_wait_fn wait;
	void *arg;
};

/** UNREACHABLE: the other end is gone; NO_MEMORY if the writer failed; what wait said. */
int wire_send(const struct wire_port *port, enum wire_type type, const struct wire *w,
	      struct berth_error *err);
/** @ret is a new reader, for wire_done. CORRUPT: no message of ours. UNREACHABLE: the end. */
int wire_recv(const struct wire_port *port, enum wire_type *ret_type, struct wire *ret,
	      struct berth_error *err);

#endif
