/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock: what the mock drivers of all kinds share. They work without privileges, do the least that
 * keeps the engine's promises, write down each call, and fail when the scenario says so. Nothing is
 * random. What users are told: docs/testing-with-mocks.md.
 *
 * Options:
 *
 *	transcript	a file to which each call appends one line:
 *			"storage.view_create view=v1 layer=- flags=0"
 *	scenario	JSON, with every key optional:
 *	  {"latency_ms": 5,		before every call
 *	   "faults": [{
 *	     "call": "ingest_commit",	by name; a call that cannot fail only waits
 *	     "nth": 2, "times": 1,	from the 2nd on, once; absent: from the first, always
 *	     "latency_ms": 100,		before that one
 *	     "code": "full",		fails so (berth_code_name), with this text and hint, or a
 *	     "text": "...", "hint": "...", "errno": 28,			text of ours
 *	     "kill": true}]}		or the process ends here, as by kill -9
 *
 * Without these options the environment counts: BERTH_MOCK_TRANSCRIPT is a file,
 *BERTH_MOCK_SCENARIO a file with an object of scenarios, by kind: {"storage": {...}, "registry":
 *{...}}.
 *
 * Calls are counted per instance. What else a kind understands stands at the top of its file.
 */
#ifndef PLUGINS_MOCK_H
#define PLUGINS_MOCK_H

#include "base/record.h"
#include "berth/driver.h"

#define MOCK_VERSION "1.0.0"

enum { MOCK_CALLS_MAX = 64 };

struct mock {
	const struct berth_host *host;
	const char *kind; /* "storage", for the transcript */
	struct record *scenario;
	int transcript; /* -1: none */
	struct {
		const char *name;
		unsigned n;
	} count[MOCK_CALLS_MAX];
};

/** For the head of a kind's table of options. */
#define MOCK_OPTIONS                                                                               \
	{"scenario", BERTH_OPT_JSON, BERTH_OPT_RELOADABLE,                                         \
	 NULL,	     NULL,	     "What goes wrong and when, as a JSON object."},               \
	{                                                                                          \
		"transcript", BERTH_OPT_PATH, 0, NULL, NULL,                                       \
			"A file to which each call appends a line."                                \
	}

extern const struct berth_option mock_options[];

int mock_init(struct mock *m, const char *kind, const struct berth_host *host,
	      const struct berth_conf *conf, struct berth_error *err);
int mock_reload(struct mock *m, const struct berth_conf *conf, struct berth_error *err);
void mock_done(struct mock *m);

/**
 * Begin call @call, a literal: write it down with its arguments, wait, and fail if it is its turn.
 * *@ret_fault, if not NULL, becomes the fault that struck, failing the call or not, or NULL.
 */
int mock_call(struct mock *m, const struct record **ret_fault, struct berth_error *err,
	      const char *call, const char *fmt, ...) BERTH_PRINTF(5, 6);
/** INVALID if @name is no name that drivers are given. */
int mock_check_name(const char *name, struct berth_error *err);
/** The state directory is ours, or empty and becomes so. CORRUPT: of another format. */
int mock_check_format(int state_fd, struct berth_error *err);
/** A number of the scenario. */
int64_t mock_number(const struct mock *m, const char *path, int64_t fallback);

/** The probe of all mocks: one finding, "mock.ready". */
int mock_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
	       struct berth_sink *findings, struct berth_error *err);

/** A string argument as the transcript has it. */
static inline const char *mock_arg(const char *s)
{
	return s && *s ? s : "-";
}

/** What all heads have in common; the kind, caps, options and calls follow. */
#define MOCK_HEAD                                                                                  \
	.size = sizeof(struct berth_driver), .host_min = BERTH_HOST_SIZE_1_0,                      \
	.threads = BERTH_THREADS_ONE, .name = "mock", .version = MOCK_VERSION,                     \
	.option_size = sizeof(struct berth_option), .probe = mock_probe

#endif
