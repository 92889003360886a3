/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci-layout: images in an OCI image layout, be it a directory or a tar of one ("oci-archive").
 */
#include "archive/archive.h"

static int load(const struct session *s, struct berth_op *op, struct catalog **ret,
		struct berth_error *err)
{
	int r;

	if (!place_has(&s->place, "index.json")) {
		r = berth_fail(err, BERTH_E_UNSUPPORTED, "%s is no OCI layout: no index.json in it",
			       s->place.label);
		if (place_has(&s->place, "manifest.json"))
			berth_error_hint(err, "it looks like a docker archive");
		return r;
	}
	return archive_load_oci(s, op, ret, err);
}

static const struct archive_flavour flavour = {.directories = true, .load = load};

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
		BERTH_REG_RANGE | BERTH_REG_ARCHIVE | BERTH_REG_ONE_WRITER,
	.name = "oci-layout",
	.version = "1.0.0",
	.summary = "OCI image layouts: directories and tar files",
	.ops = &archive_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(archive_ops),
	.open = open_driver,
	.close = archive_close,
};

BERTH_DRIVER_EXPORT(BERTH_REGISTRY, "oci-layout", "1.0.0", head);
