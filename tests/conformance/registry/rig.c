/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/registry/rig.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <time.h>

static void open_instance(struct rig *r)
{
	void *instance = NULL;

	r->head = suite_driver();
	r->ops = r->head->ops;
	ck_ok(r->head->open(lent_host(), suite_conf(NULL), r->statefd, &instance, &err));
	r->reg = instance;
}

bool reg_can(const struct rig *r, uint64_t caps)
{
	return (r->head->caps & caps) == caps;
}

bool reg_is_dir(const struct rig *r)
{
	return reg_can(r, BERTH_REG_ARCHIVE) && suite_trait_is("place", "dir");
}

void reg_new_place_at(struct rig *r, int dirfd, const char *path)
{
	static unsigned n;
	char name[32];

	if (!reg_can(r, BERTH_REG_ARCHIVE))
		return;
	(void)snprintf(name, sizeof(name), "place%u", n++);
	(void)snprintf(r->path, sizeof(r->path), "%s/%s", path, name);
	if (reg_is_dir(r)) {
		ck_assert_int_eq(mkdirat(dirfd, name, 0755), 0);
		r->fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else {
		r->fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	}
	ck_assert_int_ge(r->fd, 0);
}

void reg_new_place(struct rig *r)
{
	char path[96];
	int dirfd = ck_dir_at(path);

	reg_new_place_at(r, dirfd, path);
	ck_assert_int_eq(close(dirfd), 0);
}

static void open_fixture(struct rig *r)
{
	const char *path = suite_trait("fixture");

	if (!path[0])
		suite_skip("the driver cannot push: --trait fixture=WHERE says where content is");
	if (!reg_can(r, BERTH_REG_ARCHIVE))
		return;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_msg(r->fd >= 0, "open '%s': %s", path, strerror(errno));
	(void)snprintf(r->path, sizeof(r->path), "%s", path);
}

void reg_open(struct rig *r)
{
	*r = (struct rig){.statefd = ck_dir(), .fd = -1};
	open_instance(r);
	if (reg_can(r, BERTH_REG_PUSH))
		reg_new_place(r);
	else
		open_fixture(r);
}

void reg_open_again(const struct rig *old, struct rig *r)
{
	*r = *old;
	r->statefd = fcntl(old->statefd, F_DUPFD_CLOEXEC, 3);
	r->fd = -1;
	if (old->fd >= 0)
		r->fd = reg_is_dir(old) ? open(old->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
					: open(old->path, O_RDWR | O_CLOEXEC);
	ck_assert((r->fd >= 0) == (old->fd >= 0));
	open_instance(r);
}

void reg_close(struct rig *r)
{
	r->head->close(r->reg);
	if (r->fd >= 0)
		ck_assert_int_eq(close(r->fd), 0);
	ck_assert_int_eq(close(r->statefd), 0);
	r->reg = NULL;
}

void reg_needs(uint64_t caps, const char *what)
{
	suite_needs(BERTH_REG_PULL, "capability 'pull'");
	suite_needs(caps, what);
}

static struct berth_where where_with(const struct rig *r, uint32_t flags)
{
	struct berth_where where = {.size = sizeof(where), .flags = flags, .fd = r->fd};
	const char *base = suite_trait("base");

	if (reg_can(r, BERTH_REG_ARCHIVE)) {
		where.base = "the.archive";
		return where;
	}
	if (!reg_can(r, BERTH_REG_PUSH))
		base = suite_trait("fixture");
	where.host = suite_trait("host");
	where.base = base[0] ? base : NULL;
	if (where.base && str_has_prefix(where.base, "http://"))
		where.flags |= BERTH_WHERE_PLAIN_HTTP;
	return where;
}

struct berth_where reg_where(const struct rig *r)
{
	return where_with(r, BERTH_WHERE_PULL | BERTH_WHERE_RESOLVE);
}

/* To an archive that may not be read: it is written. A server may be both. */
struct berth_where reg_where_push(const struct rig *r)
{
	return where_with(r, reg_can(r, BERTH_REG_ARCHIVE)
				     ? BERTH_WHERE_PUSH
				     : BERTH_WHERE_PUSH | BERTH_WHERE_PULL | BERTH_WHERE_RESOLVE);
}

const char *reg_digest(const void *bytes, size_t n, char out[static REG_DIGEST])
{
	unsigned char is[EVP_MAX_MD_SIZE];
	size_t len = 0;

	ck_assert_int_eq(EVP_Q_digest(NULL, "SHA256", NULL, bytes, n, is, &len), 1);
	(void)snprintf(out, REG_DIGEST, "sha256:");
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 7 + 2 * i, 3, "%02x", is[i]);
	return out;
}

struct berth_desc reg_desc(const struct thing *t)
{
	return (struct berth_desc){
		.size = sizeof(struct berth_desc),
		.media_type = t->type,
		.digest = t->digest,
		.bytes = t->bytes.len,
	};
}

static void thing_is(struct thing *t, const char *type)
{
	ck_assert_int_eq(str_check(&t->bytes, NULL), 0);
	(void)snprintf(t->type, sizeof(t->type), "%s", type);
	(void)reg_digest(str_text(&t->bytes), t->bytes.len, t->digest);
}

/* No byte is like its neighbours', and no block like another. */
void reg_make_blob(struct thing *t, unsigned n, size_t bytes)
{
	uint32_t x = 2463534242u + n;
	unsigned char *p;

	str_clear(&t->bytes);
	p = (unsigned char *)str_room(&t->bytes, bytes + 1);
	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < bytes; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p[i] = (unsigned char)(x >> 11);
	}
	str_grew(&t->bytes, bytes);
	thing_is(t, REG_LAYER);
}

void reg_make(struct content *c, unsigned n, size_t bytes)
{
	c->repo = suite_trait("repo");
	c->ref = suite_trait("ref");
	reg_make_blob(&c->layer, n, bytes);
	str_clear(&c->config.bytes);
	str_addf(&c->config.bytes,
		 "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"N=%u\"]},"
		 "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
		 n, c->layer.digest);
	thing_is(&c->config, REG_CONFIG);
	str_clear(&c->manifest.bytes);
	/* blanks and a key that nobody knows: bytes are kept, not meaning */
	str_addf(&c->manifest.bytes,
		 "{ \"schemaVersion\": 2,\n  \"mediaType\": \"" REG_MANIFEST "\", \"x-suite\": 1,\n"
		 "  \"config\": {\"mediaType\":\"" REG_CONFIG "\",\"digest\":\"%s\",\"size\":%zu},"
		 "\"layers\": [{\"mediaType\":\"" REG_LAYER "\",\"digest\":\"%s\",\"size\":%zu}] "
		 "}\n",
		 c->config.digest, c->config.bytes.len, c->layer.digest, c->layer.bytes.len);
	thing_is(&c->manifest, REG_MANIFEST);
}

void thing_done(struct thing *t)
{
	str_done(&t->bytes);
}

void content_done(struct content *c)
{
	thing_done(&c->manifest);
	thing_done(&c->config);
	thing_done(&c->layer);
}

int reg_push_blob(const struct rig *r, const char *repo, const struct thing *t)
{
	struct berth_where where = reg_where_push(r);
	struct berth_desc desc = reg_desc(t);
	struct berth_upload *up = NULL;
	int code;

	code = r->ops->upload_begin(r->reg, &where, repo, &desc, NULL, NULL, &up, &err);
	if (code < 0)
		return code;
	ck_assert_msg(up, "nothing was to be mounted, and there is no upload");
	code = r->ops->write(up, str_text(&t->bytes), t->bytes.len, NULL, &err);
	if (code < 0) {
		r->ops->upload_abort(up);
		return code;
	}
	return r->ops->upload_commit(up, NULL, &err);
}

int reg_push_manifest(const struct rig *r, const char *repo, const char *ref, const struct thing *t)
{
	struct berth_where where = reg_where_push(r);
	struct berth_desc desc = reg_desc(t);
	struct berth_str bytes = {str_text(&t->bytes), t->bytes.len};

	return r->ops->put_manifest(r->reg, &where, repo, ref, &desc, bytes, NULL, &err);
}

int reg_push(const struct rig *r, const struct content *c)
{
	int code = reg_push_blob(r, c->repo, &c->layer);

	if (code == 0)
		code = reg_push_blob(r, c->repo, &c->config);
	return code == 0 ? reg_push_manifest(r, c->repo, c->ref, &c->manifest) : code;
}

int reg_finish(const struct rig *r, bool commit)
{
	struct berth_where where = reg_where_push(r);

	if (!suite_has("finish"))
		return 0;
	return r->ops->finish(r->reg, &where, commit, NULL, &err);
}

int reg_has(const struct rig *r, const char *repo, const struct thing *t, bool *ret)
{
	struct berth_where where = reg_where_push(r);
	struct berth_desc desc = reg_desc(t);

	return r->ops->has(r->reg, &where, repo, &desc, NULL, ret, &err);
}

bool reg_is_there(const struct rig *r, const char *repo, const struct thing *t)
{
	cleanup_str struct str out = STR_INIT;

	if (reg_read(r, repo, t, 0, UINT64_MAX, 65536, &out) < 0)
		return false;
	return out.len == t->bytes.len && (out.len == 0 || memcmp(out.p, t->bytes.p, out.len) == 0);
}

void heard_done(struct heard *h)
{
	str_done(&h->text);
}

int reg_hear(void *arg, const char *name, const struct berth_desc *desc)
{
	struct heard *h = arg;

	ck_assert_ptr_nonnull(name);
	ck_assert_uint_ge(desc->size, offsetof(struct berth_desc, annotations));
	str_addf(&h->text, "%s\n", name);
	(void)snprintf(h->digest, sizeof(h->digest), "%s", desc->digest);
	(void)snprintf(h->type, sizeof(h->type), "%s", desc->media_type);
	h->bytes = desc->bytes;
	h->flags = desc->flags;
	h->calls++;
	return h->answer;
}

int reg_hear_id(void *arg, const char *id)
{
	struct heard *h = arg;

	str_addf(&h->text, "%s\n", id);
	h->calls++;
	return h->answer;
}

int reg_resolve(const struct rig *r, const char *repo, const char *ref, struct heard *h)
{
	struct berth_where where = reg_where(r);
	struct berth_reply reply = {.size = sizeof(reply)};

	return r->ops->resolve(r->reg, &where, repo, ref, NULL, reg_hear, h, &reply, &err);
}

int reg_fetch(const struct rig *r, const char *repo, const struct thing *t, uint64_t from,
	      uint64_t len, struct berth_op *op, struct berth_stream **ret)
{
	struct berth_where where = reg_where(r);
	struct berth_desc desc = reg_desc(t);
	struct berth_reply reply = {.size = sizeof(reply)};

	return r->ops->fetch(r->reg, &where, repo, &desc, from, len, op, ret, &reply, &err);
}

int reg_read(const struct rig *r, const char *repo, const struct thing *t, uint64_t from,
	     uint64_t len, size_t piece, struct str *out)
{
	struct berth_stream *stream = NULL;
	size_t n = 0;
	int code = reg_fetch(r, repo, t, from, len, NULL, &stream);

	if (code < 0)
		return code;
	ck_assert_ptr_nonnull(stream);
	do {
		char *to = str_room(out, piece);

		ck_assert_ptr_nonnull(to);
		code = r->ops->read(stream, to, piece, &n, &err);
		ck_assert_msg(code < 0 || n <= piece, "read gave %zu of %zu bytes", n, piece);
		if (code == 0)
			str_grew(out, n);
	} while (code == 0 && n > 0);
	r->ops->close_stream(stream);
	return code;
}

/* Learn what @desc's bytes are; its digest is checked unless the driver makes manifests up. */
static int learn(const struct rig *r, const char *repo, const struct heard *h, struct thing *t)
{
	char is[REG_DIGEST];
	struct thing wanted = {.bytes = STR_INIT};
	struct berth_where where = reg_where(r);
	struct berth_desc desc;
	struct berth_stream *stream = NULL;
	size_t n = 0;
	int code;

	(void)snprintf(wanted.type, sizeof(wanted.type), "%s", h->type);
	(void)snprintf(wanted.digest, sizeof(wanted.digest), "%s", h->digest);
	desc = reg_desc(&wanted);
	desc.bytes = h->bytes;
	desc.flags = h->flags;
	str_clear(&t->bytes);
	code = r->ops->fetch(r->reg, &where, repo, &desc, 0, UINT64_MAX, NULL, &stream, NULL, &err);
	while (code == 0) {
		char *to = str_room(&t->bytes, 65536);

		ck_assert_ptr_nonnull(to);
		code = r->ops->read(stream, to, 65536, &n, &err);
		if (code == 0)
			str_grew(&t->bytes, n);
		if (code == 0 && n == 0)
			break;
	}
	if (stream)
		r->ops->close_stream(stream);
	if (code < 0)
		return code;
	if (h->digest[0] && !str_eq(reg_digest(str_text(&t->bytes), t->bytes.len, is), h->digest))
		return -BERTH_E_CORRUPT;
	if (h->bytes != UINT64_MAX && h->bytes != t->bytes.len)
		return -BERTH_E_CORRUPT;
	(void)snprintf(t->type, sizeof(t->type), "%s", h->type);
	(void)snprintf(t->digest, sizeof(t->digest), "%s", h->digest);
	return 0;
}

static void hear_record(const struct record *desc, struct heard *h)
{
	ck_assert_msg(desc, "the manifest lacks a descriptor");
	(void)snprintf(h->digest, sizeof(h->digest), "%s", record_str(record_get(desc, "digest")));
	(void)snprintf(h->type, sizeof(h->type), "%s", record_str(record_get(desc, "mediaType")));
	h->bytes = (uint64_t)record_int_or(record_get(desc, "size"), -1);
	h->flags = 0;
}

/* Manifest, config and first layer of repo:ref; of an index those of its first manifest. */
static int learn_image(const struct rig *r, struct content *c)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_record struct record *manifest = NULL;
	int code = reg_resolve(r, c->repo, c->ref, &h);

	if (code == 0)
		code = learn(r, c->repo, &h, &c->manifest);
	if (code < 0)
		return code;
	ck_ok(record_parse(str_text(&c->manifest.bytes), c->manifest.bytes.len, 0, &manifest,
			   &err));
	if (record_get(manifest, "manifests")) {
		cleanup_thing struct thing one = {.bytes = STR_INIT};

		hear_record(record_at(record_get(manifest, "manifests"), 0), &h);
		code = learn(r, c->repo, &h, &one);
		if (code < 0)
			return code;
		record_free(manifest);
		manifest = NULL;
		ck_ok(record_parse(str_text(&one.bytes), one.bytes.len, 0, &manifest, &err));
	}
	hear_record(record_get(manifest, "config"), &h);
	code = learn(r, c->repo, &h, &c->config);
	if (code < 0)
		return code;
	hear_record(record_at(record_get(manifest, "layers"), 0), &h);
	return learn(r, c->repo, &h, &c->layer);
}

int reg_try_image(const struct rig *r, const struct content *c)
{
	cleanup_content struct content is = {.repo = c->repo, .ref = c->ref};
	int code = learn_image(r, &is);

	if (code == 0 && (!str_eq(is.layer.digest, c->layer.digest) ||
			  !str_eq(is.config.digest, c->config.digest)))
		return -BERTH_E_CORRUPT;
	return code;
}

enum { LAYER_BYTES = 300017 };

void reg_fill(struct rig *r, struct content *c)
{
	if (reg_can(r, BERTH_REG_PUSH)) {
		reg_make(c, 0, LAYER_BYTES);
		ck_ok(reg_push(r, c));
		ck_ok(reg_finish(r, true));
		return;
	}
	c->repo = suite_trait("repo");
	c->ref = suite_trait("ref");
	ck_assert_msg(learn_image(r, c) == 0, "the fixture has no '%s' '%s': %s", c->repo, c->ref,
		      err.text);
	if (suite_trait("digest")[0])
		ck_assert_str_eq(c->manifest.digest, suite_trait("digest"));
}

static void ck_thing(const struct rig *r, const char *repo, const struct thing *t)
{
	cleanup_str struct str out = STR_INIT;

	ck_ok(reg_read(r, repo, t, 0, UINT64_MAX, 65536, &out));
	ck_assert_uint_eq(out.len, t->bytes.len);
	ck_assert_msg(out.len == 0 || memcmp(out.p, t->bytes.p, out.len) == 0,
		      "'%s' came with other bytes", t->digest);
}

void reg_comes_back(const struct rig *r, const struct content *c)
{
	cleanup_heard struct heard h = {.text = STR_INIT};

	ck_ok(reg_resolve(r, c->repo, c->ref, &h));
	ck_assert_int_eq(h.calls, 1);
	ck_assert_str_eq(h.digest, c->manifest.digest);
	ck_thing(r, c->repo, &c->manifest);
	ck_thing(r, c->repo, &c->config);
	ck_thing(r, c->repo, &c->layer);
}

struct canceller {
	struct berth_op *op;
	unsigned ms;
	pthread_t thread;
};

static void *cancel_later(void *arg)
{
	struct canceller *c = arg;

	(void)usleep(c->ms * 1000);
	lent_cancel(c->op);
	return NULL;
}

struct canceller *reg_cancel_in(struct berth_op *op, unsigned ms)
{
	struct canceller *c = calloc(1, sizeof(*c));

	ck_assert_ptr_nonnull(c);
	c->op = op;
	c->ms = ms;
	(void)lent_host()->cancel_fd(op); /* made before there are two threads */
	ck_assert_int_eq(pthread_create(&c->thread, NULL, cancel_later, c), 0);
	return c;
}

void reg_cancel_done(struct canceller *c)
{
	ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
	free(c);
}

uint64_t reg_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static size_t count_below(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		int sub;

		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		n++;
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0) {
			n += count_below(sub);
			ck_assert_int_eq(close(sub), 0);
		}
	}
	return n;
}

size_t reg_held(const struct rig *r)
{
	return count_below(r->statefd) + (reg_is_dir(r) ? count_below(r->fd) : 0);
}
