/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: what cases for registry drivers stand on: an open driver, a place with content in it, and
 * words for what they do again and again. It knows no driver. Private to the suite.
 *
 * A driver that pushes fills its places itself, and each case has a place of its own. One that only
 * pulls is shown the place of the trait 'fixture', in which there is repo:ref of the traits 'repo'
 * and 'ref'; what else is in there is learnt from that manifest.
 */
#ifndef CONFORMANCE_REGISTRY_RIG_H
#define CONFORMANCE_REGISTRY_RIG_H

#include "berth/registry.h"
#include "tests/conformance/suite.h"

enum { REG_DIGEST = 160 };

#define REG_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define REG_CONFIG   "application/vnd.oci.image.config.v1+json"
#define REG_LAYER    "application/vnd.oci.image.layer.v1.tar"

/** Bytes that are there. */
struct thing {
	char type[160];
	char digest[REG_DIGEST];
	struct str bytes;
};

/** An image. */
struct content {
	const char *repo;
	const char *ref;
	struct thing manifest, config, layer;
};

struct rig {
	const struct berth_driver *head;
	const struct berth_registry_ops *ops;
	struct berth_registry *reg;
	int statefd;
	int fd;		/* of an archive, else -1 */
	char path[128]; /* of an archive, else "" */
};

/** Open the driver, on an empty place if it can push. */
void reg_open(struct rig *r);
/** The same with state and place as they are: another instance for them. */
void reg_open_again(const struct rig *old, struct rig *r);
void reg_close(struct rig *r);
bool reg_can(const struct rig *r, uint64_t caps);
/** Skip unless the driver promises @caps (named @what); a driver without PULL can show nothing. */
void reg_needs(uint64_t caps, const char *what);
/** An archive's place is a directory; else it is a file. */
bool reg_is_dir(const struct rig *r);
/** An empty place instead of the one that @r has, on which both stay open. */
void reg_new_place(struct rig *r);
/** The same below directory @dirfd, a path of which is @path. */
void reg_new_place_at(struct rig *r, int dirfd, const char *path);

/** Where the driver is told to read and to write. */
struct berth_where reg_where(const struct rig *r);
struct berth_where reg_where_push(const struct rig *r);

/** Image number @n: config, layer of @bytes bytes, manifest; always the same. */
void reg_make(struct content *c, unsigned n, size_t bytes);
void reg_make_blob(struct thing *t, unsigned n, size_t bytes);
void content_done(struct content *c);
void thing_done(struct thing *t);
#define cleanup_content cleanup_with(content_done)
#define cleanup_thing	cleanup_with(thing_done)

/** What is in the place: pushed just now, or learnt from the fixture. */
void reg_fill(struct rig *r, struct content *c);
/** Calls of the driver, in one. */
int reg_push_blob(const struct rig *r, const char *repo, const struct thing *t);
int reg_push_manifest(const struct rig *r, const char *repo, const char *ref,
		      const struct thing *t);
/** Blobs and manifest, without finish. */
int reg_push(const struct rig *r, const struct content *c);
int reg_finish(const struct rig *r, bool commit);
int reg_has(const struct rig *r, const char *repo, const struct thing *t, bool *ret);
/** The driver is sure that @t is there; an archive that it is visible to readers. */
bool reg_is_there(const struct rig *r, const char *repo, const struct thing *t);

/** What a listing said. */
struct heard {
	struct str text; /* a line per call: the name */
	char digest[REG_DIGEST];
	char type[160];
	uint64_t bytes;
	uint32_t flags;
	int calls;
	int answer; /* of the callback */
};
void heard_done(struct heard *h);
#define cleanup_heard cleanup_with(heard_done)
int reg_hear(void *arg, const char *name, const struct berth_desc *desc);
int reg_hear_id(void *arg, const char *id);

int reg_resolve(const struct rig *r, const char *repo, const char *ref, struct heard *h);
int reg_fetch(const struct rig *r, const char *repo, const struct thing *t, uint64_t from,
	      uint64_t len, struct berth_op *op, struct berth_stream **ret);
/** Fetch, read in pieces of @piece to the end, close. */
int reg_read(const struct rig *r, const char *repo, const struct thing *t, uint64_t from,
	     uint64_t len, size_t piece, struct str *out);
/** All of image @c comes as it is. */
void reg_comes_back(const struct rig *r, const struct content *c);
/** 0 if manifest, config and layer of repo:ref come whole and as their digests say; else the error.
 */
int reg_try_image(const struct rig *r, const struct content *c);

/** "sha256:…" of bytes; returns @out. */
const char *reg_digest(const void *bytes, size_t n, char out[static REG_DIGEST]);
/** The descriptor of @t. */
struct berth_desc reg_desc(const struct thing *t);

/** Cancels @op in @ms milliseconds, from a thread; joined by reg_cancel_done. */
struct canceller;
struct canceller *reg_cancel_in(struct berth_op *op, unsigned ms);
void reg_cancel_done(struct canceller *c);
/** Milliseconds of a clock that only goes forward. */
uint64_t reg_now(void);
/** How many directory entries there are in place and state, of all depths. */
size_t reg_held(const struct rig *r);

size_t registry_pull_cases(const TTest *out[]);
size_t registry_push_cases(const TTest *out[]);
size_t registry_list_cases(const TTest *out[]);
size_t registry_bad_cases(const TTest *out[]);
size_t registry_whole_cases(const TTest *out[]);
size_t registry_net_cases(const TTest *out[]);

#endif
