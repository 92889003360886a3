/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker: tar files as `docker save` writes them. manifest.json names, per image, a config and the
 * layers' tars. There are no manifests in them, so one is made up: always the same from the same
 * archive.
 */
#ifndef DOCKER_ARCHIVE_DOCKER_H
#define DOCKER_ARCHIVE_DOCKER_H

#include "archive/archive.h"
#include "archive/writer.h"

#define DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG_TYPE   "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER_TYPE    "application/vnd.docker.image.rootfs.diff.tar"
#define OCI_MANIFEST_TYPE    "application/vnd.oci.image.manifest.v1+json"

enum {
	DOCKER_IMAGES_MAX = 1024,
	DOCKER_LAYERS_MAX = 16384, /* of all images together */
};

/** Make the catalog of the images that manifest.json lists, or else repositories. */
int docker_load(const struct session *s, struct berth_op *op, struct catalog **ret,
		struct berth_error *err);
/** Write manifest.json and repositories. */
int docker_close_tar(struct writer *w, struct berth_op *op, struct berth_error *err);

#endif
