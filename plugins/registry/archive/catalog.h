/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog: what an archive says is in it: manifests under names. Never changes once it is made, and
 * is shared by references, so that a listing and a change of the archive do not meet.
 *
 * It must not know how the archive stores anything, nor what manifests mean.
 */
#ifndef ARCHIVE_CATALOG_H
#define ARCHIVE_CATALOG_H

#include "base/digest.h"
#include "base/record.h"
#include "berth/registry.h"

/** One manifest under one name. */
struct catalog_item {
	char *name; /* "docker.io/library/alpine:3.19" or whatever is written there; "" if none */
	char *ref;  /* a name that is only a tag ("3.19"), or a second spelling, or NULL */
	char *media_type;
	struct digest digest;
	uint64_t bytes;
	char *annotations; /* JSON objects, or NULL */
	char *platform;
	uint32_t flags; /* enum berth_desc_flags */
};

/** A blob that is found elsewhere than under its digest. */
struct catalog_blob {
	struct digest digest;
	char *entry; /* its file in the archive, or NULL: */
	char *text;  /* it was made up, and is here */
	uint64_t bytes;
};

struct catalog {
	unsigned refs; /* guarded by the instance's lock */
	struct catalog_item *item;
	size_t n_item;
	struct catalog_blob *blob;
	size_t n_blob;
};

int catalog_new(struct catalog **ret, struct berth_error *err);
void catalog_free(struct catalog *catalog); /* whatever refs says */
DEFINE_CLEANUP(struct catalog *, catalog_free);
#define cleanup_catalog cleanup_with(catalog_free_at)

/** Room for one more, zeroed; the catalog owns its strings. */
int catalog_add_item(struct catalog *catalog, struct catalog_item **ret, struct berth_error *err);
int catalog_add_blob(struct catalog *catalog, struct catalog_blob **ret, struct berth_error *err);

/**
 * The one that @repo and @ref name: by digest; or by its name, "repo:ref" or either alone; or by
 * tag if the archive has tags only. Nothing asked and only one in there: that one. NOT_FOUND;
 * INVALID if several differ under that name.
 */
int catalog_find(const struct catalog *catalog, const char *label, const char *repo,
		 const char *ref, const struct catalog_item **ret, struct berth_error *err);
/** Every tag that @repo ("": all names, as they are) has, to @fn. */
int catalog_tags(const struct catalog *catalog, const char *repo, berth_id_fn fn, void *arg);
const struct catalog_blob *catalog_blob(const struct catalog *catalog, const struct digest *digest);

/** Tell @fn of one item. */
int catalog_tell(const struct catalog_item *item, berth_desc_fn fn, void *arg);

#endif
