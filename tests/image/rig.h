/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: a store of the test's own with the drivers of the build, and archives made byte by byte.
 */
#ifndef TESTS_IMAGE_RIG_H
#define TESTS_IMAGE_RIG_H

#include "core/image/image_work.h"
#include "tests/unit/layer_tar.h"

enum rig_packing { RIG_PLAIN, RIG_GZIP, RIG_ZSTD };

/** What main was given: BUILD_DIR of the drivers, and the storage driver. */
extern const char *rig_build, *rig_driver;

/** An engine's lower half on a directory. */
struct rig {
	char dir[96];
	struct config *config;
	struct store *store;
	struct drivers *drivers;
	const struct image_work *work;
	struct str notes; /* what load said, a line each */
};

/** In a new directory, or (@dir not NULL) in one that is there. */
void rig_open_at(struct rig *r, const char *dir);
void rig_open(struct rig *r);
/** Directories that another process has open too may be closed and opened again. */
void rig_close(struct rig *r);
/** Limits may be changed before anything is loaded. */
struct storage *rig_storage(struct rig *r, const char *name);

/** An image that is being made. */
struct rig_image {
	struct str diff_ids, layers; /* pieces of JSON */
	struct str *blob;	     /* of each layer */
	char (*digest)[80];
	size_t n;
	const char *os, *arch, *variant; /* of the config; NULL: linux, amd64, none */
	const char *config;		 /* what stands in "config" */
};

/** The tar of @t (which is ended and freed) as a layer. */
void rig_layer(struct rig_image *image, struct ltar *t, enum rig_packing packing);
/** One file of this name and text. */
void rig_file_layer(struct rig_image *image, const char *name, const char *text,
		    enum rig_packing packing);

/** An archive that is being made, as a tar. */
struct rig_archive {
	struct ltar tar;
	struct str items; /* of manifest.json or index.json */
	char id[80];	  /* of the last image: "sha256:…" */
	char manifest[80];
	size_t manifest_n;
};

/** docker save's: manifest.json. @names as they stand there, e.g. "\"a:1\"". */
void rig_docker(struct rig_archive *a, struct rig_image *image, const char *names);
void rig_docker_end(struct rig_archive *a);
/** An OCI layout; the image gets @name unless that is NULL, and no entry of its own if @quiet. */
void rig_oci(struct rig_archive *a, struct rig_image *image, const char *name, bool quiet);
/** Any blob; its digest into @digest. */
void rig_blob(struct rig_archive *a, const void *bytes, size_t n, char digest[static 80]);
void rig_oci_entry(struct rig_archive *a, const char *media_type, const char *digest, size_t n,
		   const char *more);
void rig_oci_end(struct rig_archive *a);
void rig_image_done(struct rig_image *image);

/** The archive as a file without a name, at its beginning; @a is empty afterwards. */
int rig_archive_fd(struct rig_archive *a);
int rig_fd_of(const struct str *bytes);
const char *rig_digest_of(const void *bytes, size_t n, char out[static 80]);
void rig_gzip(const void *bytes, size_t n, struct str *out);

/** Load @fd, which is closed. Ids and names are in *ret (may be NULL). */
int rig_load(struct rig *r, int fd, const char *platform, struct record **ret,
	     struct berth_error *why);
#define ck_loads(r, fd) ck_ok(rig_load((r), (fd), NULL, NULL, &err))

/** What file @path of image @name has, through the storage driver; static, NULL: not there. */
const char *rig_read(struct rig *r, const char *storage, const char *name, const char *path);
/** lstat in the image's view. */
bool rig_stat(struct rig *r, const char *storage, const char *name, const char *path,
	      struct stat *ret);
int64_t rig_count(struct rig *r, const char *sql);
/** No image, no blob, no layer, no half of anything. */
void ck_empty(struct rig *r);

#endif
