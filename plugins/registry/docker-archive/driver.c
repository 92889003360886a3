/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-archive: images in tar files as `docker save` writes them, in all its ages.
 *
 * Since Docker 25 such a file is an OCI layout as well. That half has real manifests, so it is read
 * where it is there, and always written.
 */
#include "docker.h"

static int load(const struct session *s, struct berth_op *op, struct catalog **ret,
		struct berth_error *err)
{
	const struct place *place = &s->place;
	bool old_half = place_has(place, "manifest.json");

	if (place_has(place, "index.json") && (!old_half || place_has(place, "oci-layout")))
		return archive_load_oci(s, op, ret, err);
	if (old_half || place_has(place, "repositories"))
		return docker_load(s, op, ret, err);
	return berth_fail(err, BERTH_E_UNSUPPORTED,
			  "%s is no archive of images: neither manifest.json nor index.json in it",
			  place->label);
}

static const struct archive_flavour flavour = {.load = load, .close_tar = docker_close_tar};

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	return archive_open(&flavour, host, ret, err);
}

static const struct berth_driver head = {
	.size = sizeof(head),
	.kind = BERTH_REGISTRY,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_PER_OBJECT,
	.caps = BERTH_REG_PULL | BERTH_REG_PUSH | BERTH_REG_EACH | BERTH_REG_TAGS |
		BERTH_REG_RANGE | BERTH_REG_ARCHIVE | BERTH_REG_ONE_WRITER | BERTH_REG_SYNTHETIC,
	.name = "docker-archive",
	.version = "1.0.0",
	.summary = "tar files as docker save, podman save and skopeo write them",
	.ops = &archive_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(archive_ops),
	.open = open_driver,
	.close = archive_close,
};

BERTH_DRIVER_EXPORT(BERTH_REGISTRY, "docker-archive", "1.0.0", head);
