/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "archive.h"
#include "base/path.h"
#include "hash.h"
#include "oci_index.h"
#include "writer.h"

enum upload_kind {
	UPLOAD_FILE,  /* into a temporary file of the directory */
	UPLOAD_ENTRY, /* into the tar's open entry */
	UPLOAD_SKIP,  /* the tar has it: only look whether the bytes are right */
};

struct berth_upload {
	struct session *s;
	struct digest digest;
	uint64_t bytes; /* announced; UINT64_MAX = unknown */
	uint64_t got;
	struct hash *hash;
	enum upload_kind kind;
	bool open; /* counts in writer.uploads */
	char *temp;
	int fd;
};

static void upload_free(struct berth_upload *up)
{
	struct writer *w = up->s->writer;

	if (up->open) {
		pthread_mutex_lock(&up->s->reg->lock);
		w->uploads--;
		pthread_mutex_unlock(&up->s->reg->lock);
	}
	close_fd(&up->fd);
	hash_free(up->hash);
	free(up->temp);
	session_put(up->s);
	free(up);
}

/* Count it in. A tar takes one at a time, since its entries stand one behind the other. */
static int enter(struct berth_upload *up, const char *digest, struct berth_error *err)
{
	struct writer *w = up->s->writer;
	int r = 0;

	pthread_mutex_lock(&up->s->reg->lock);
	if (w->is_dir)
		r = writer_temp(w, &up->temp, err);
	else if (w->uploads > 0)
		r = berth_fail(err, BERTH_E_BUSY, "%s is a tar and takes one blob at a time",
			       up->s->place.label);
	up->kind = w->is_dir			? UPLOAD_FILE
		   : writer_has_blob(w, digest) ? UPLOAD_SKIP
						: UPLOAD_ENTRY;
	if (r == 0) {
		w->uploads++;
		up->open = true;
	}
	pthread_mutex_unlock(&up->s->reg->lock);
	return r;
}

static int begin_file(struct berth_upload *up, struct berth_error *err)
{
	int dirfd = up->s->place.fd;
	int r;

	r = state_mkdirs(dirfd, up->digest.algo == DIGEST_SHA512 ? "blobs/sha512" : "blobs/sha256",
			 0755, NULL, err);
	if (r < 0)
		return r;
	up->fd =
		openat(dirfd, up->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return up->fd < 0 ? berth_fail_errno(err, errno, "make '%s'", up->temp) : 0;
}

static int begin_entry(struct berth_upload *up, struct berth_op *op, struct berth_error *err)
{
	char name[PLACE_BLOB_NAME_MAX];

	if (up->bytes == UINT64_MAX)
		return berth_fail(err, BERTH_E_INVALID,
				  "a tar needs to know the length of a blob before");
	return tar_writer_begin(&up->s->writer->tar, place_blob_name(&up->digest, name), up->bytes,
				op, err);
}

static int begin(struct berth_upload *up, const char *digest, struct berth_op *op,
		 struct berth_error *err)
{
	int r;

	r = hash_new(up->digest.algo, &up->hash, err);
	if (r == 0)
		r = enter(up, digest, err);
	if (r < 0)
		return r;
	switch (up->kind) {
	case UPLOAD_FILE:
		return begin_file(up, err);
	case UPLOAD_ENTRY:
		return begin_entry(up, op, err);
	case UPLOAD_SKIP:
		break;
	}
	return 0;
}

int archive_upload_begin(struct berth_registry *reg, const struct berth_where *where,
			 const char *repo, const struct berth_desc *desc, const char *mount_from,
			 struct berth_op *op, struct berth_upload **ret, struct berth_error *err)
{
	cleanup_session struct session *s = NULL;
	struct berth_upload *up;
	struct digest digest;
	int r;

	r = digest_parse(desc->digest, &digest, err);
	if (r < 0)
		return r;
	r = session_get(reg, where, SESSION_WRITE, op, &s, err);
	if (r < 0)
		return r;
	up = calloc(1, sizeof(*up));
	if (!up)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*up = (struct berth_upload){
		.s = steal_ptr(s), .digest = digest, .bytes = desc->bytes, .fd = -1};
	r = begin(up, desc->digest, op, err);
	if (r < 0) {
		upload_free(up);
		return r;
	}
	*ret = up;
	return 0;
}

int archive_write(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
		  struct berth_error *err)
{
	int r;

	if (up->s->reg->host->cancelled(op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (up->bytes != UINT64_MAX && n > up->bytes - up->got)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "the blob has more than the %llu bytes that were announced",
				  (unsigned long long)up->bytes);
	r = hash_add(up->hash, buf, n, err);
	if (r < 0)
		return r;
	switch (up->kind) {
	case UPLOAD_FILE:
		r = write_all(up->fd, buf, n, err);
		break;
	case UPLOAD_ENTRY:
		r = tar_writer_add(&up->s->writer->tar, buf, n, op, err);
		break;
	case UPLOAD_SKIP:
		break;
	}
	if (r < 0)
		return r;
	up->got += n;
	return 0;
}

static int check_digest(struct berth_upload *up, struct berth_error *err)
{
	char is_text[DIGEST_TEXT_MAX];
	char said_text[DIGEST_TEXT_MAX];
	struct digest is;
	int r;

	if (up->bytes != UINT64_MAX && up->got != up->bytes)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "the blob has %llu bytes, %llu were announced",
				  (unsigned long long)up->got, (unsigned long long)up->bytes);
	r = hash_end(up->hash, &is, err);
	if (r < 0)
		return r;
	if (!digest_eq(&is, &up->digest))
		return berth_fail(err, BERTH_E_CORRUPT, "the blob's digest is %s, announced was %s",
				  digest_format(&is, is_text),
				  digest_format(&up->digest, said_text));
	return 0;
}

/* Into place, whole and on the disk. *@ret_new: it was not there before. */
static int commit_file(struct berth_upload *up, bool *ret_new, struct berth_error *err)
{
	int dirfd = up->s->place.fd;
	char name[PLACE_BLOB_NAME_MAX];
	bool was_there;

	(void)place_blob_name(&up->digest, name);
	if (fsync(up->fd) < 0)
		return berth_fail_errno(err, errno, "sync a blob");
	was_there = place_has(&up->s->place, name);
	if (renameat(dirfd, up->temp, dirfd, name) < 0)
		return berth_fail_errno(err, errno, "rename a blob to '%s'", name);
	*ret_new = !was_there;
	return 0;
}

static int commit(struct berth_upload *up, struct berth_op *op, struct berth_error *err)
{
	char digest[DIGEST_TEXT_MAX];
	bool is_new = false;
	int r;

	r = check_digest(up, err);
	if (r < 0)
		return r;
	if (up->kind == UPLOAD_FILE) {
		r = commit_file(up, &is_new, err);
	} else if (up->kind == UPLOAD_ENTRY) {
		r = tar_writer_end(&up->s->writer->tar, op, err);
		is_new = true;
	}
	if (r < 0 || !is_new)
		return r;
	pthread_mutex_lock(&up->s->reg->lock);
	r = writer_note_blob(up->s->writer, digest_format(&up->digest, digest), err);
	pthread_mutex_unlock(&up->s->reg->lock);
	return r;
}

int archive_upload_commit(struct berth_upload *up, struct berth_op *op, struct berth_error *err)
{
	int r = commit(up, op, err);

	if (r < 0)
		archive_upload_abort(up);
	else
		upload_free(up);
	return r;
}

void archive_upload_abort(struct berth_upload *up)
{
	if (!up)
		return;
	if (up->kind == UPLOAD_FILE && up->temp)
		(void)unlinkat(up->s->place.fd, up->temp, 0); /* else the next writer sweeps it */
	if (up->kind == UPLOAD_ENTRY && up->open)
		tar_writer_undo(&up->s->writer->tar);
	upload_free(up);
}

int archive_has(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		const struct berth_desc *desc, struct berth_op *op, bool *ret,
		struct berth_error *err)
{
	cleanup_session struct session *s = NULL;
	cleanup_place_file struct place_file file = {.fd = -1};
	char name[PLACE_BLOB_NAME_MAX];
	struct digest digest;
	bool there;
	int r;

	r = digest_parse(desc->digest, &digest, err);
	if (r < 0)
		return r;
	r = session_get(reg, where, SESSION_EITHER, op, &s, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&reg->lock);
	there = s->writer && writer_has_blob(s->writer, desc->digest);
	pthread_mutex_unlock(&reg->lock);
	if (!there && (!s->writer || s->writer->is_dir))
		there = place_open(&s->place, place_blob_name(&digest, name), &file, NULL) == 0 &&
			(desc->bytes == UINT64_MAX || desc->bytes == file.bytes);
	*ret = there;
	return 0;
}

static int put_blob(struct berth_registry *reg, const struct berth_where *where,
		    const struct berth_desc *desc, struct berth_str bytes, struct berth_op *op,
		    struct berth_error *err)
{
	struct berth_upload *up;
	int r;

	r = archive_upload_begin(reg, where, "", desc, NULL, op, &up, err);
	if (r < 0)
		return r;
	r = archive_write(up, bytes.p, bytes.n, op, err);
	if (r < 0) {
		archive_upload_abort(up);
		return r;
	}
	return archive_upload_commit(up, op, err);
}

int archive_put_manifest(struct berth_registry *reg, const struct berth_where *where,
			 const char *repo, const char *ref, const struct berth_desc *desc,
			 struct berth_str bytes, struct berth_op *op, struct berth_error *err)
{
	cleanup_session struct session *s = NULL;
	struct berth_desc exact = *desc;
	struct digest digest;
	int r;

	if (bytes.n > OCI_JSON_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "the manifest has %zu bytes, %d are allowed",
				  bytes.n, OCI_JSON_MAX);
	if (!desc->media_type || !desc->media_type[0])
		return berth_fail(err, BERTH_E_INVALID, "the manifest has no media type");
	if (digest_parse(ref, &digest, NULL) == 0)
		ref = ""; /* its digest is no name */
	if (exact.bytes == UINT64_MAX)
		exact.bytes = bytes.n;
	r = put_blob(reg, where, &exact, bytes, op, err);
	if (r < 0)
		return r;
	r = session_get(reg, where, SESSION_WRITE, op, &s, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&reg->lock);
	r = writer_note_manifest(s->writer, &exact, repo, ref, bytes, err);
	pthread_mutex_unlock(&reg->lock);
	return r;
}
