/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reg: an open registry driver and short ways to call it, for tests.
 */
#ifndef TESTS_REG_H
#define TESTS_REG_H

#include "berth/registry.h"
#include "ck.h"
#include "tests/conformance/lent.h"
#include "tarball.h"

struct reg {
	const struct berth_driver *head;
	const struct berth_registry_ops *ops;
	struct berth_registry *reg;
};

/** What a listing said, one line per call of the callback: "NAME MEDIATYPE DIGEST BYTES FLAGS". */
struct heard {
	struct str text;
	char digest[160]; /* of the last one */
	char media_type[160];
	char annotations[512];
	uint64_t bytes;
	uint32_t flags;
	int calls;
};

BERTH_UNUSED
static void heard_done(struct heard *heard)
{
	str_done(&heard->text);
}
#define cleanup_heard cleanup_with(heard_done)

BERTH_UNUSED
static struct reg reg_open(const char *path)
{
	struct reg r = {.head = lent_load(path)};
	struct berth_conf conf = {.options = r.head->options};
	int state = ck_dir();
	void *instance;

	ck_assert_uint_eq(r.head->kind, BERTH_REGISTRY);
	ck_ok(r.head->open(lent_host(), &conf, state, &instance, &err));
	ck_assert_int_eq(close(state), 0);
	r.ops = r.head->ops;
	r.reg = instance;
	return r;
}

BERTH_UNUSED
static void reg_close(struct reg *r)
{
	r->head->close(r->reg);
	r->reg = NULL;
}

BERTH_UNUSED
static struct berth_where reg_where(int fd)
{
	return (struct berth_where){
		.size = sizeof(struct berth_where),
		.flags = BERTH_WHERE_PULL | BERTH_WHERE_RESOLVE,
		.base = "x.tar",
		.fd = fd,
	};
}

/* For writing a tar. */
BERTH_UNUSED
static struct berth_where reg_where_push(int fd)
{
	struct berth_where where = reg_where(fd);

	where.flags = BERTH_WHERE_PUSH;
	return where;
}

BERTH_UNUSED
static struct berth_desc reg_desc(const char *media_type, const char *digest, uint64_t bytes)
{
	return (struct berth_desc){
		.size = sizeof(struct berth_desc),
		.media_type = media_type,
		.digest = digest,
		.bytes = bytes,
	};
}

BERTH_UNUSED
static int hear_desc(void *arg, const char *name, const struct berth_desc *desc)
{
	struct heard *heard = arg;

	str_addf(&heard->text, "%s %s %s %llu %u\n", name[0] ? name : "-", desc->media_type,
		 desc->digest, (unsigned long long)desc->bytes, desc->flags);
	(void)snprintf(heard->digest, sizeof(heard->digest), "%s", desc->digest);
	(void)snprintf(heard->media_type, sizeof(heard->media_type), "%s", desc->media_type);
	(void)snprintf(heard->annotations, sizeof(heard->annotations), "%.*s",
		       (int)desc->annotations.n, desc->annotations.p ? desc->annotations.p : "");
	heard->bytes = desc->bytes;
	heard->flags = desc->flags;
	heard->calls++;
	return 0;
}

BERTH_UNUSED
static int hear_id(void *arg, const char *id)
{
	struct heard *heard = arg;

	str_addf(&heard->text, "%s\n", id);
	heard->calls++;
	return 0;
}

BERTH_UNUSED
static int reg_each(struct reg *r, int fd, struct heard *heard)
{
	struct berth_where where = reg_where(fd);

	return r->ops->each(r->reg, &where, NULL, hear_desc, heard, &err);
}

BERTH_UNUSED
static int reg_resolve(struct reg *r, int fd, const char *repo, const char *ref,
		       struct heard *heard)
{
	struct berth_where where = reg_where(fd);
	struct berth_reply reply = {.size = sizeof(reply)};

	return r->ops->resolve(r->reg, &where, repo, ref, NULL, hear_desc, heard, &reply, &err);
}

/* Fetch a range and read it to its end, in pieces of @piece bytes. */
BERTH_UNUSED
static int reg_fetch(struct reg *r, int fd, const char *digest, uint64_t bytes, uint64_t from,
		     uint64_t len, size_t piece, struct str *out)
{
	struct berth_where where = reg_where(fd);
	struct berth_desc desc = reg_desc("application/octet-stream", digest, bytes);
	struct berth_reply reply = {.size = sizeof(reply)};
	struct berth_stream *stream = NULL;
	size_t n = 0;
	int code;

	code = r->ops->fetch(r->reg, &where, "", &desc, from, len, NULL, &stream, &reply, &err);
	if (code < 0) {
		ck_assert_ptr_null(stream);
		return code;
	}
	do {
		code = r->ops->read(stream, str_room(out, piece), piece, &n, &err);
		if (code == 0)
			str_grew(out, n);
	} while (code == 0 && n > 0);
	r->ops->close_stream(stream);
	return code;
}

/* All of a blob, whose digest is checked, as text; static. */
BERTH_UNUSED
static const char *reg_blob(struct reg *r, int fd, const char *digest)
{
	static char text[65536];
	cleanup_str struct str out = STR_INIT;
	char is[TARBALL_DIGEST];

	ck_ok(reg_fetch(r, fd, digest, UINT64_MAX, 0, UINT64_MAX, 65536, &out));
	ck_assert_str_eq(digest_of(str_text(&out), out.len, is), digest);
	(void)snprintf(text, sizeof(text), "%s", str_text(&out));
	return text;
}

BERTH_UNUSED
static int reg_push_blob(struct reg *r, const struct berth_where *where, const char *digest,
			 const char *bytes, size_t n)
{
	struct berth_desc desc = reg_desc("application/octet-stream", digest, n);
	struct berth_upload *up = NULL;
	int code;

	code = r->ops->upload_begin(r->reg, where, "", &desc, NULL, NULL, &up, &err);
	if (code < 0)
		return code;
	code = r->ops->write(up, bytes, n / 2, NULL, &err);
	if (code == 0)
		code = r->ops->write(up, bytes + n / 2, n - n / 2, NULL, &err);
	if (code < 0) {
		r->ops->upload_abort(up);
		return code;
	}
	return r->ops->upload_commit(up, NULL, &err);
}

BERTH_UNUSED
static int reg_push_manifest(struct reg *r, const struct berth_where *where, const char *repo,
			     const char *ref, const char *media_type, const char *text)
{
	char digest[TARBALL_DIGEST];
	struct berth_desc desc =
		reg_desc(media_type, digest_of(text, strlen(text), digest), strlen(text));
	struct berth_str bytes = {text, strlen(text)};

	return r->ops->put_manifest(r->reg, where, repo, ref, &desc, bytes, NULL, &err);
}

BERTH_UNUSED
static int reg_finish(struct reg *r, const struct berth_where *where, bool commit)
{
	return r->ops->finish(r->reg, where, commit, NULL, &err);
}

#endif
