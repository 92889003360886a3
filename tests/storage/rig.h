/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: what the cases of the storage contract stand on: a driver, opened on a state directory of
 * its own, and words for what cases do again and again. It knows no driver. What drivers may do
 * differently is asked of the caps, or is a trait, which the command line gives:
 *
 *	contract FILE.so [layers=N] [option=VALUE] [on=tmpfs|ext4|xfs|btrfs]
 */
#ifndef TESTS_STORAGE_RIG_H
#define TESTS_STORAGE_RIG_H

#include "../unit/ck.h"

#include "berth/storage.h"
#include "tests/conformance/lent.h"

/** Of this run. */
struct rig_traits {
	const char *file;	/* the driver */
	unsigned layers;	/* how many can be stacked; 300 unless said */
	const char *options[8]; /* of open: "key=value", NULL ends */
};
extern struct rig_traits rig_traits;

/** A new empty directory of this test; contract.c has it. */
int rig_dir(char path[static 96]);

struct rig {
	const struct berth_driver *head;
	const struct berth_storage_ops *ops;
	struct berth_storage *st;
	int statefd;
	char path[96];
};

void rig_open(struct rig *r);
void rig_reopen(struct rig *r);
void rig_close(struct rig *r);
bool rig_can(const struct rig *r, uint64_t caps);

typedef void (*rig_fill_fn)(const struct rig *r, int dirfd);

struct berth_ingest *rig_begin(const struct rig *r, const char *layer, const char *parent);
/** The directory of an ingest. */
int rig_tree(const struct rig *r, struct berth_ingest *in);
/** Layer @layer on @parent (NULL: base), with what @fill (NULL: nothing) puts there. */
void rig_layer(const struct rig *r, const char *layer, const char *parent, rig_fill_fn fill);
void rig_view(const struct rig *r, const char *view, const char *layer, uint32_t flags);
/** Mount a view; close it. */
int rig_mount(const struct rig *r, const char *view);
int rig_mount_flags(const struct rig *r, const char *view, uint32_t flags, uint64_t attr);

/** In an ingest: remove what layers below have, as the engine does for this driver's caps. */
void rig_hide(const struct rig *r, int dirfd, const char *path);
/** The same for all that directory @path has in layers below. */
void rig_hide_content(const struct rig *r, int dirfd, const char *path);

/** Names of layers or views, sorted, with a blank after each; static. */
const char *rig_names(const struct rig *r, uint32_t each_flag);
/** How many directory entries there are below @dirfd, at any depth. */
size_t rig_count(int dirfd);
/** The same, after reclaim, of the state directory: what a test left behind shows here. */
size_t rig_held(const struct rig *r);
/** Nothing of what check looks at is damaged. */
void rig_check(const struct rig *r);

/**
 * fork() for a child that may be killed at any moment: what check would write for it, to the file
 * that it shares with its parent, is dropped. A failed assertion in it is its exit with 1.
 */
pid_t rig_fork(void);

/** A user namespace: 0..65535 in there is @base.. here. */
int rig_userns(unsigned base);
/** Run @fn in a child that is root of @userns; its answer must be 0. */
void rig_as_root_of(int userns, int (*fn)(int dirfd), int dirfd);
/** Be in a mount namespace of one's own, in which nothing is shared. */
void rig_own_mounts(void);
/** An empty directory on a tmpfs of that size, in a mount namespace of one's own. */
int rig_tmpfs(const char *size);

/** Lists of cases: each file of the suite adds its own to @out and says how many. */
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

size_t layer_cases(const TTest *out[]);
size_t file_cases(const TTest *out[]);
size_t view_cases(const TTest *out[]);
size_t userns_cases(const TTest *out[]);
size_t change_cases(const TTest *out[]);
size_t crash_cases(const TTest *out[]);
size_t whole_cases(const TTest *out[]);

#endif
