/* SPDX-License-Identifier: Apache-2.0 */
/*
 * box: a container for a case. Its program is payload.c, whose words are the case's:
 *
 *	struct box b = box("say hello exit 3");
 *
 *	box_set(&b, "process.cwd", "'/tmp'");
 *	ck_assert_int_eq(box_run(&b).code, 3);
 *	box_says(&b, "hello");
 *	box_end(&b);
 *
 * JSON is written with ' for ". box_end also looks for what must not stay behind: processes,
 * cgroups, mounts, descriptors, run-time files. It knows no driver: it serves the suite and the
 * tests of what one driver alone promises, which give it box_driver, box_conf and box_spec.
 */
#ifndef TESTS_ISOLATION_BOX_H
#define TESTS_ISOLATION_BOX_H

#include "tests/unit/ck.h"

#include "base/record.h"
#include "berth/isolation.h"
#include "tests/conformance/lent.h"

/** Of each program: the driver under test, the options for its open, and a specification. */
const struct berth_driver *box_driver(void);
const struct berth_conf *box_conf(void);
/** "process.args" and "linux.cgroupsPath" are set by box(). */
struct record *box_spec(void);

/** Of this run. */
struct box_all {
	char groups[64];   /* cgroup below which all containers are, "/berth-test-1" */
	bool has_children; /* a driver in a process of its own is a child of ours */
	uint32_t flags;	   /* of each launch */
};
extern struct box_all box_all;

/** Containers can have cgroups here. */
bool box_has_cgroups(void);
/** Below which all of them are; what is in there still is killed. Outside of a case. */
void box_remove_groups(void);

struct box {
	const struct berth_isolation_ops *ops;
	struct berth_isolation *iso;
	struct berth_sandbox *sb;
	struct record *spec;
	struct berth_launch launch;
	char id[32];
	char root[96];	/* of its root filesystem */
	char state[96]; /* of the driver's state */
	int state_fd, own_fd, root_fd;
	bool is_root_used;
	int out, out_write; /* what it prints; our end, its end */
	struct str printed;
	int fds_before;
	int32_t first; /* its first process as of create; 0: not told */
};

/** A new one, not created yet, which will do @words (separated by blanks). */
struct box box(const char *words);
/** One beside @b: another container of the same driver instance. */
struct box box_beside(const struct box *b, const char *words);
void box_words(struct box *b, const char *words);
/** Put JSON at a path of the specification, making the objects on the way; NULL removes it. */
void box_set(struct box *b, const char *path, const char *json);
void box_setf(struct box *b, const char *path, const char *fmt, ...) BERTH_PRINTF(3, 4);
/** Add to an array. */
void box_add(struct box *b, const char *path, const char *json);
/** Without this namespace; or a new one ("" as @path), or joining the one at @path. */
void box_namespace(struct box *b, const char *type, const char *path);

/** For one of several processes: another instance of the driver on the same state. */
void box_reopen(struct box *b);
/** Once more, with other words: what there was is destroyed, and the driver opened anew. */
void box_again(struct box *b, const char *words);
int box_try_create(struct box *b, struct berth_error *why);
void box_create(struct box *b);
void box_start(struct box *b);
struct berth_exit box_wait(struct box *b);
/** All of it, and all that it printed. */
struct berth_exit box_run(struct box *b);
/** Create and start it, and read until it says "up". */
void box_up(struct box *b);
/** Read until there is a line that begins with @part; the test fails after 10 seconds. */
void box_await(struct box *b, const char *part);
/** It printed this line, or did not. */
void box_says(struct box *b, const char *line);
void box_silent(struct box *b, const char *line);
/** The rest of a line that begins with @part, copied to static memory; NULL if there is none. */
const char *box_line(struct box *b, const char *part);
/** How many lines begin with @part. */
unsigned box_count(struct box *b, const char *part);
void box_destroy(struct box *b);
void box_end(struct box *b);
/** The same without looking: of two, the one that was made first is to be the last, and looks. */
void box_drop(struct box *b);
int32_t box_pid(struct box *b);

/** One more process that does @words; its pidfd, and what it prints goes where the box's does. */
int box_exec(struct box *b, const char *words);
/** The same with @more (JSON members, "'cwd':'/'"), as the call's result. */
int box_try_exec(struct box *b, const char *words, const char *more, int *ret_pidfd,
		 struct berth_error *why);
/** Its exit status; 128 + signal. */
int box_exec_wait(int pidfd);

/** File @file of this box's group in v1 or v2 hierarchies that have it; NULL if none; static. */
const char *box_group_file(const struct box *b, const char *file);
/** A group of that box is in some hierarchy. */
bool box_has_group(const struct box *b);

/** The driver's bytes for another process. */
char *box_save(struct box *b);
/** Give up the handle of this process; make another from @state. */
void box_take_over(struct box *b, const char *state);
/** What is sent over a console socket: the master's end, and its name. */
int box_take_master(int socket, char *name, size_t size);

#endif
