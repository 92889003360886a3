/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/path.h"
#include "oci_index.h"

#define TEMP_PREFIX ".berth-"

/* Whoever holds the lock is the only writer: temporary files of others are of dead ones. */
static int sweep_temps(int dirfd, struct berth_error *err)
{
	cleanup_fd int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir)
		return berth_fail_errno(err, errno, "list the layout");
	(void)steal_fd(&fd); /* belongs to dir */
	while ((entry = readdir(dir))) {
		if (str_has_prefix(entry->d_name, TEMP_PREFIX) &&
		    str_has_suffix(entry->d_name, "~"))
			(void)unlinkat(dirfd, entry->d_name, 0); /* it is only rubbish that stays */
	}
	return 0;
}

static int refresh_catalog(struct writer *w, struct berth_error *err)
{
	struct session *s = w->s;
	struct catalog *catalog;
	int r;

	r = oci_index_catalog(w->index, s->place.label, &catalog, err);
	if (r < 0)
		return r;
	if (s->catalog && --s->catalog->refs == 0)
		catalog_free(s->catalog);
	s->catalog = catalog;
	s->loaded = true;
	return 0;
}

static int begin_dir(struct writer *w, struct berth_error *err)
{
	const struct place *place = &w->s->place;
	int r;

	w->is_dir = true;
	if (flock(place->fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return berth_fail(err, BERTH_E_BUSY, "another process writes to %s",
					  place->label);
		return berth_fail_errno(err, errno, "lock %s", place->label);
	}
	r = sweep_temps(place->fd, err);
	if (r < 0)
		return r;
	r = place_has(place, "index.json") ? oci_index_read(place, &w->index, err)
					   : oci_index_new(&w->index, err);
	return r < 0 ? r : refresh_catalog(w, err);
}

int writer_new(struct session *s, struct writer **ret, struct berth_error *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	w->s = s;
	if (S_ISDIR(s->st.st_mode)) {
		r = begin_dir(w, err);
	} else {
		r = tar_writer_init(&w->tar, s->place.fd, s->reg->host, err);
		if (r == 0)
			r = oci_index_new(&w->index, err);
	}
	if (r < 0) {
		writer_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

static void put_done(struct put *put)
{
	free(put->media_type);
	free(put->text);
	strv_free(put->names);
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	if (w->is_dir)
		(void)flock(w->s->place.fd, LOCK_UN); /* closing it would do as well */
	for (size_t i = 0; i < w->n_put; i++)
		put_done(&w->put[i]);
	free(w->put);
	strv_free(w->blobs);
	strv_free(w->children);
	record_free(w->index);
	free(w);
}

bool writer_has_blob(const struct writer *w, const char *digest)
{
	return strv_has(w->blobs, digest);
}

int writer_note_blob(struct writer *w, const char *digest, struct berth_error *err)
{
	if (strv_has(w->blobs, digest))
		return 0;
	return strv_add(&w->blobs, digest) < 0 ? berth_fail(err, BERTH_E_NO_MEMORY, "out of memory")
					       : 0;
}

int writer_temp(struct writer *w, char **ret, struct berth_error *err)
{
	*ret = str_fmt(TEMP_PREFIX "%u~", w->temps++);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* What an index refers to is not an image of its own in the layout's index.json. */
static int note_children(struct writer *w, const struct berth_desc *desc, struct berth_str bytes,
			 struct berth_error *err)
{
	cleanup_record struct record *index = NULL;
	const struct record *manifests;
	int r;

	if (!str_eq(desc->media_type, OCI_INDEX_TYPE) &&
	    !str_eq(desc->media_type, DOCKER_LIST_TYPE))
		return 0;
	r = record_parse(bytes.p, bytes.n, 0, &index, err);
	if (r < 0)
		return r;
	manifests = record_get(index, "manifests");
	for (size_t i = 0; i < record_len(manifests); i++) {
		const char *digest = record_str(record_get(record_at(manifests, i), "digest"));

		if (digest && strv_add(&w->children, digest) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return 0;
}

static int find_put(struct writer *w, const struct berth_desc *desc, struct berth_str bytes,
		    struct put **ret, struct berth_error *err)
{
	struct put fresh = {.n = bytes.n};
	struct put *more;
	int r;

	r = digest_parse(desc->digest, &fresh.digest, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->n_put; i++) {
		if (digest_eq(&w->put[i].digest, &fresh.digest)) {
			*ret = &w->put[i];
			return 0;
		}
	}
	more = reallocarray(w->put, w->n_put + 1, sizeof(*more));
	if (more)
		w->put = more;
	fresh.media_type = strdup(desc->media_type);
	fresh.text = bytes.n ? strndup(bytes.p, bytes.n) : strdup("");
	if (!more || !fresh.media_type || !fresh.text) {
		put_done(&fresh);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	w->put[w->n_put] = fresh;
	*ret = &w->put[w->n_put++];
	return 0;
}

int writer_note_manifest(struct writer *w, const struct berth_desc *desc, const char *repo,
			 const char *ref, struct berth_str bytes, struct berth_error *err)
{
	struct put *put;
	int r;

	r = note_children(w, desc, bytes, err);
	if (r == 0)
		r = find_put(w, desc, bytes, &put, err);
	if (r < 0 || !ref[0])
		return r;
	if (strv_addf(&put->names, "%s%s%s", repo, repo[0] ? ":" : "", ref) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = oci_index_put(w->index, desc, repo, ref, err);
	if (r < 0)
		return r;
	return w->is_dir ? refresh_catalog(w, err) : 0;
}

/* Manifests without a name that nothing of ours refers to: they are images too, just unnamed. */
static int index_unnamed(struct writer *w, struct berth_error *err)
{
	for (size_t i = 0; i < w->n_put; i++) {
		char digest[DIGEST_TEXT_MAX];
		struct berth_desc desc = {
			.size = sizeof(desc),
			.media_type = w->put[i].media_type,
			.digest = digest_format(&w->put[i].digest, digest),
			.bytes = w->put[i].n,
		};
		int r;

		if (w->put[i].names || strv_has(w->children, digest))
			continue;
		r = oci_index_put(w->index, &desc, "", "", err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int sync_directory(const struct place *place, const char *path, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r;

	if (!place_has(place, path))
		return 0;
	r = state_open(place->fd, path, O_RDONLY | O_DIRECTORY, 0, &fd, err);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? berth_fail_errno(err, errno, "sync '%s'", path) : 0;
}

static int finish_dir(struct writer *w, const char *index, size_t n, struct berth_error *err)
{
	static const char layout[] = OCI_LAYOUT_CONTENT;
	const struct place *place = &w->s->place;
	int r;

	r = sync_directory(place, "blobs/sha256", err);
	if (r == 0)
		r = sync_directory(place, "blobs/sha512", err);
	if (r == 0)
		r = sync_directory(place, "blobs", err);
	if (r == 0 && !place_has(place, "oci-layout"))
		r = state_replace(place->fd, "oci-layout", 0644, layout, sizeof(layout) - 1, 0,
				  err);
	if (r == 0)
		r = state_replace(place->fd, "index.json", 0644, index, n, STATE_FSYNC, err);
	return r;
}

static int finish_tar(struct writer *w, const char *index, size_t n, struct berth_op *op,
		      struct berth_error *err)
{
	static const char layout[] = OCI_LAYOUT_CONTENT;
	int r = 0;

	if (w->s->reg->flavour->close_tar)
		r = w->s->reg->flavour->close_tar(w, op, err);
	if (r == 0)
		r = tar_writer_file(&w->tar, "index.json", index, n, op, err);
	if (r == 0)
		r = tar_writer_file(&w->tar, "oci-layout", layout, sizeof(layout) - 1, op, err);
	if (r == 0)
		r = tar_writer_finish(&w->tar, op, err);
	return r;
}

int writer_finish(struct writer *w, struct berth_op *op, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	int r;

	r = index_unnamed(w, err);
	if (r < 0)
		return r;
	record_print(w->index, RECORD_COMPACT, &text);
	r = str_check(&text, err);
	if (r < 0)
		return r;
	if (text.len > OCI_JSON_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "the index has %zu bytes, %d are allowed",
				  text.len, OCI_JSON_MAX);
	r = w->is_dir ? finish_dir(w, text.p, text.len, err)
		      : finish_tar(w, text.p, text.len, op, err);
	if (r < 0)
		berth_error_prefix(err, "finish %s", w->s->place.label);
	return r;
}

void writer_drop(struct writer *w)
{
	if (!w->is_dir) {
		tar_writer_drop(&w->tar);
		return;
	}
	strv_foreach (text, w->blobs) {
		char name[PLACE_BLOB_NAME_MAX];
		struct digest digest;

		/* nothing refers to it; that it stays behind would be waste, not damage */
		if (digest_parse(*text, &digest, NULL) == 0)
			(void)unlinkat(w->s->place.fd, place_blob_name(&digest, name), 0);
	}
}
