/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: what cases for storage drivers stand on: a driver, opened on a state directory of its own,
 * and words for what they do again and again. It knows no driver. It serves the suite and the tests
 * of what one driver alone promises, which give it rig_driver and rig_conf.
 */
#ifndef TESTS_STORAGE_RIG_H
#define TESTS_STORAGE_RIG_H

#include "berth/storage.h"
#include "tests/conformance/lent.h"
#include "tests/unit/ck.h"

/** The driver under test and the options for its open; each program has its own. */
const struct berth_driver *rig_driver(void);
const struct berth_conf *rig_conf(void);

struct rig {
	const struct berth_driver *head;
	const struct berth_storage_ops *ops;
	struct berth_storage *st;
	int statefd;
	char path[96];
};

void rig_open(struct rig *r);
/** On a state directory that is there, with @r->path unset. */
void rig_open_on(struct rig *r, int statefd, const struct berth_conf *conf);
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

/** A user namespace: 0..65535 in there is @base.. here. */
int rig_userns(unsigned base);
/** Run @fn in a child that is root of @userns; its answer must be 0. */
void rig_as_root_of(int userns, int (*fn)(int dirfd), int dirfd);
/** Be in a mount namespace of one's own, in which nothing is shared. */
void rig_own_mounts(void);
/** An empty directory on a tmpfs of that size, in a mount namespace of one's own. */
int rig_tmpfs(const char *size);

#endif
