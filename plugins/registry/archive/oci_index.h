/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci_index: the index.json and oci-layout of an OCI image layout 1.0 to 1.1 (image-layout.md).
 *
 * Its entries are kept as they are, whatever else stands in them. Names are two annotations:
 * io.containerd.image.name has whole names, org.opencontainers.image.ref.name a tag or a whole
 * name.
 */
#ifndef ARCHIVE_OCI_INDEX_H
#define ARCHIVE_OCI_INDEX_H

#include "catalog.h"
#include "place.h"

enum {
	OCI_JSON_MAX = 4 * 1024 * 1024, /* bytes of an index.json, a manifest, a config */
};

#define OCI_INDEX_TYPE	   "application/vnd.oci.image.index.v1+json"
#define DOCKER_LIST_TYPE   "application/vnd.docker.distribution.manifest.list.v2+json"
#define OCI_LAYOUT_CONTENT "{\"imageLayoutVersion\":\"1.0.0\"}"

/** JSON file @name of the archive. CORRUPT if it is none. */
int oci_json_read(const struct place *place, const char *name, struct record **ret,
		  struct berth_error *err);
/** Bytes of an archive that make no sense are CORRUPT where a request would be INVALID. */
int oci_as_corrupt(int r, struct berth_error *err);

/** An index without entries. */
int oci_index_new(struct record **ret, struct berth_error *err);
/** Read and check oci-layout (if it is there) and index.json. NOT_FOUND: no index.json. */
int oci_index_read(const struct place *place, struct record **ret, struct berth_error *err);
int oci_index_catalog(const struct record *index, const char *label, struct catalog **ret,
		      struct berth_error *err);
/**
 * Put @desc into the index, in place of what had the name "@repo:@ref", or "@ref" if @repo is
 * empty; with
 * @ref empty without a name.
 */
int oci_index_put(struct record *index, const struct berth_desc *desc, const char *repo,
		  const char *ref, struct berth_error *err);

#endif
