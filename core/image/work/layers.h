/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers: makes the layers of one image be there: the blob in the content store, the tree in a
 * storage driver; several layers at once as far as the driver can, each checked against blob digest
 * and diff id before anything of it is visible. It writes no row: who calls it has planned them
 * (rows.h), and holds the shared lock.
 */
#ifndef CORE_IMAGE_LAYERS_H
#define CORE_IMAGE_LAYERS_H

#include "core/driver/drivers.h"
#include "core/store/store.h"

/** Where blobs come from that are not in the content store. */
struct layer_source {
	struct registry *registry;
	const struct berth_where *where;
	const char *repo;
};

struct layer_job {
	/* given */
	struct digest diff_id, blob;
	const char *chain, *parent;    /* parent NULL: base layer */
	const char *media_type;	       /* of the blob, or NULL */
	uint64_t bytes;		       /* of the blob; UINT64_MAX = unknown */
	const struct berth_desc *desc; /* how the source knows it; NULL: it must be in the store */
	bool unpack;		       /* into the storage; else only the blob is wanted */
	/* found out */
	int64_t size; /* of its files; -1 if it was not unpacked now */
	/* of layers.c */
	int state;
	struct berth_ingest *ingest;
};

struct layers_how {
	struct store *store;
	struct storage *storage;	 /* NULL: nothing is unpacked */
	const struct layer_source *from; /* NULL: everything is in the store */
	struct berth_op *op;
};

/**
 * All of @job, base layer first. On failure nothing half-made is left, whole blobs and layers may
 * be; which layer it was is in the text. CORRUPT: a digest is wrong, or the layer is no tar.
 */
int layers_make(const struct layers_how *how, struct layer_job *job, size_t n,
		struct berth_error *err);

#endif
