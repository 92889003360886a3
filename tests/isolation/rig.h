/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: a container for a test. Its specification begins as docker's default one, with the default
 * seccomp profile; its program is payload.c, whose words are the test's:
 *
 *	struct box b = box("say hello exit 3");
 *
 *	box_set(&b, "process.cwd", "'/tmp'");
 *	ck_assert_int_eq(box_run(&b).code, 3);
 *	box_says(&b, "hello");
 *	box_end(&b);
 *
 * JSON is written with ' for ". box_end also looks for what must not stay behind: processes,
 *cgroups, mounts, descriptors.
 */
#ifndef TESTS_ISOLATION_RIG_H
#define TESTS_ISOLATION_RIG_H

#include "../unit/ck.h"

#include "tests/conformance/lent.h"
#include "base/record.h"
#include "berth/isolation.h"

/** Of this run, from the command line. */
struct rig {
	const char *driver, *payload, *golden, *profile;
	char groups[64]; /* cgroup below which all containers of this run are, "/berth-test-1" */
};
extern struct rig rig;

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
	int out, out_write; /* what it prints; our end, its end */
	struct str printed;
	int fds_before;
};

/** A new empty directory of this test; main.c has it. */
int rig_dir(char path[static 96]);
/** A new one, not created yet, which will do @words (separated by blanks). */
struct box box(const char *words);
void box_words(struct box *b, const char *words);
/** Put JSON at a path of the specification, making the objects on the way; NULL removes it. */
void box_set(struct box *b, const char *path, const char *json);
void box_setf(struct box *b, const char *path, const char *fmt, ...) BERTH_PRINTF(3, 4);
/** Add to an array. */
void box_add(struct box *b, const char *path, const char *json);
/** Without this namespace; or joining the one at @path. */
void box_namespace(struct box *b, const char *type, const char *path);

/** Once more, with other words: what there was is destroyed, and the driver opened anew. */
void box_again(struct box *b, const char *words);
int box_try_create(struct box *b, struct berth_error *why);
void box_create(struct box *b);
void box_start(struct box *b);
struct berth_exit box_wait(struct box *b);
/** All of it, and all that it printed. */
struct berth_exit box_run(struct box *b);
/** Read until there is a line that begins with @part; the test fails after 10 seconds. */
void box_await(struct box *b, const char *part);
/** It printed this line, or did not. */
void box_says(struct box *b, const char *line);
void box_silent(struct box *b, const char *line);
/** The rest of a line that begins with @part, copied to static memory; NULL if there is none. */
const char *box_line(struct box *b, const char *part);
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
/** Some process of the machine has @id in its command line. */
bool rig_finds_process(const char *id);

/** The driver's bytes for another process. */
char *box_save(struct box *b);

enum { RIG_CASES_MAX = 64 };
#define RIG_CASES(name, ...)                                                                       \
	size_t name(const TTest *out[])                                                            \
	{                                                                                          \
		const TTest *const all[] = {__VA_ARGS__};                                          \
                                                                                                   \
		memcpy(out, all, sizeof(all));                                                     \
		return sizeof(all) / sizeof(all[0]);                                               \
	}                                                                                          \
	struct name##_ends_with_a_semicolon

size_t run_cases(const TTest *out[]);
size_t inside_cases(const TTest *out[]);
size_t limit_cases(const TTest *out[]);
size_t exec_cases(const TTest *out[]);
size_t life_cases(const TTest *out[]);
size_t hook_cases(const TTest *out[]);
size_t refuse_cases(const TTest *out[]);
size_t namespace_cases(const TTest *out[]);

#endif
