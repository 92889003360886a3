/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lent: what the engine lends to drivers, made small for tests that call a driver's table by hand.
 *
 *	struct berth_conf conf = {.options = head->options, .pairs = (const char *[]){"key=value",
 *NULL}}; struct berth_op op = LENT_OP; struct berth_sink sink = {.limit = 65536};
 *
 *	head = lent_load(PATH_OF_THE_FILE);
 *	ck_ok(head->open(lent_host(), &conf, dirfd, &instance, &err));
 *
 * It completes the host's opaque types, and knows nothing of the engine.
 */
#ifndef TESTS_LENT_H
#define TESTS_LENT_H

#include "base/record.h"
#include "base/str.h"
#include "berth/driver.h"

struct berth_conf {
	const struct berth_option *options; /* for fallbacks; may be NULL */
	const char *const *pairs;	    /* "key=value", NULL ends; may be NULL */
};

struct berth_op {
	bool cancelled;
	int fd;		    /* readable once cancelled; -1: made when asked for */
	unsigned polls;	    /* how often it was asked whether it is cancelled; */
	unsigned cancel_at; /* the poll at which it becomes so; 0: none */
	uint64_t done;	    /* of the last progress */
};

#define LENT_OP                                                                                    \
	{                                                                                          \
		.fd = -1                                                                           \
	}

struct berth_sink {
	size_t limit;
	struct str text;	 /* what was put */
	struct record *findings; /* array of {level, id, text, fix}; made with the first one */
};

/** The driver of a file, whose table is not clamped; the test fails if there is none. */
const struct berth_driver *lent_load(const char *path);
const struct berth_host *lent_host(void);
/** May be called from a signal handler or another thread. */
void lent_cancel(struct berth_op *op);
void lent_op_done(struct berth_op *op);
void lent_sink_done(struct berth_sink *sink);
/** The level of finding @id, 0 if there is none. */
int lent_finding(const struct berth_sink *sink, const char *id);
/** All that was logged since the last call of this, lines; static. */
const char *lent_log(void);

#endif
