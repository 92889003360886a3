/* SPDX-License-Identifier: Apache-2.0 */
#include "archive.h"

#include "oci_index.h"
#include "writer.h"

int archive_load_oci(const struct session *s, struct berth_op *op, struct catalog **ret,
		     struct berth_error *err)
{
	cleanup_record struct record *index = NULL;
	int r;

	r = oci_index_read(&s->place, &index, err);
	if (r < 0)
		return r;
	return oci_index_catalog(index, s->place.label, ret, err);
}

static int archive_resolve(struct berth_registry *reg, const struct berth_where *where,
			   const char *repo, const char *ref, struct berth_op *op, berth_desc_fn fn,
			   void *arg, struct berth_reply *reply, struct berth_error *err)
{
	cleanup_session struct session *s = NULL;
	const struct catalog_item *item;
	struct catalog *catalog;
	int r;

	r = session_get(reg, where, SESSION_READ, op, &s, err);
	if (r < 0)
		return r;
	catalog = session_catalog(s);
	r = catalog_find(catalog, s->place.label, repo, ref, &item, err);
	if (r == 0)
		r = catalog_tell(item, fn, arg);
	session_catalog_put(s, catalog);
	return r;
}

static int archive_tags(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, berth_id_fn fn, void *arg, struct berth_op *op,
			struct berth_error *err)
{
	cleanup_session struct session *s = NULL;
	struct catalog *catalog;
	int r;

	r = session_get(reg, where, SESSION_READ, op, &s, err);
	if (r < 0)
		return r;
	catalog = session_catalog(s);
	r = catalog_tags(catalog, repo, fn, arg);
	session_catalog_put(s, catalog);
	return r;
}

static int archive_each(struct berth_registry *reg, const struct berth_where *where,
			struct berth_op *op, berth_desc_fn fn, void *arg, struct berth_error *err)
{
	cleanup_session struct session *s = NULL;
	struct catalog *catalog;
	int r;

	r = session_get(reg, where, SESSION_READ, op, &s, err);
	if (r < 0)
		return r;
	catalog = session_catalog(s);
	for (size_t i = 0; r == 0 && i < catalog->n_item; i++)
		r = catalog_tell(&catalog->item[i], fn, arg);
	session_catalog_put(s, catalog);
	return r;
}

static int archive_finish(struct berth_registry *reg, const struct berth_where *where, bool commit,
			  struct berth_op *op, struct berth_error *err)
{
	cleanup_session struct session *s = session_find(reg, where);
	unsigned uploads = 0;
	int r = 0;

	if (!s)
		return 0;
	if (s->writer) {
		pthread_mutex_lock(&reg->lock);
		uploads = s->writer->uploads;
		pthread_mutex_unlock(&reg->lock);
	}
	if (uploads > 0)
		return berth_fail(err, BERTH_E_BUSY, "%u blobs are still being written to %s",
				  uploads, s->place.label);
	if (s->writer && commit)
		r = writer_finish(s->writer, op, err);
	else if (s->writer)
		writer_drop(s->writer);
	if (r < 0)
		return r;     /* the host drops it by another call */
	session_end_write(s); /* a stream that is still open must not keep the directory locked */
	session_forget(s);
	return 0;
}

int archive_open(const struct archive_flavour *flavour, const struct berth_host *host, void **ret,
		 struct berth_error *err)
{
	struct berth_registry *reg = calloc(1, sizeof(*reg));

	if (!reg)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	reg->host = host;
	reg->flavour = flavour;
	pthread_mutex_init(&reg->lock, NULL);
	*ret = reg;
	return 0;
}

void archive_close(void *instance)
{
	struct berth_registry *reg = instance;

	if (!reg)
		return;
	while (reg->sessions)
		session_forget(reg->sessions);
	pthread_mutex_destroy(&reg->lock);
	free(reg);
}

const struct berth_registry_ops archive_ops = {
	.resolve = archive_resolve,
	.fetch = archive_fetch,
	.read = archive_read,
	.close_stream = archive_close_stream,
	.has = archive_has,
	.upload_begin = archive_upload_begin,
	.write = archive_write,
	.upload_commit = archive_upload_commit,
	.upload_abort = archive_upload_abort,
	.put_manifest = archive_put_manifest,
	.tags = archive_tags,
	.each = archive_each,
	.finish = archive_finish,
};
