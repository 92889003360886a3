/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock registry: a registry in a directory. One directory may be shared by several.
 *
 *	blobs/DIGEST                  bytes, of manifests too
 *	repos/REPO/manifests/DIGEST   media type     (in REPO each '/' is a '!')
 *	repos/REPO/tags/TAG           digest
 *
 * Faults (see mock.h) of fetch and read may have besides:
 *
 *	"truncate": 100      the stream ends after so many bytes
 *	"flip": 7            byte 7 of the blob is another one
 *	"piece": 10          read gives at most so many bytes
 * and those of resolve and fetch, failing or not, fill the reply:
 *	"http": 429, "retry_after_ms": 50, "warning": "...", "ratelimit": "..."
 */
#include <fcntl.h>

#include "../mock.h"
#include "base/digest.h"
#include "base/path.h"
#include "base/record_write.h"
#include "berth/registry.h"

struct berth_registry {
	struct mock mock;
	int dir;
};

struct berth_stream {
	struct berth_registry *reg;
	struct berth_op *op;
	int fd;
	uint64_t at;
	uint64_t end;
	uint64_t flip;
	uint64_t piece;
};

struct berth_upload {
	struct berth_registry *reg;
	char *digest;
	struct str bytes;
	uint64_t wanted;
};

enum { MANIFEST_MAX = 4 * 1024 * 1024, SMALL_MAX = 4096 };

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* "repos/REPO/FOLDER"; INVALID if @repo could leave its place. */
static int repo_path(const char *repo, const char *folder, char **ret, struct berth_error *err)
{
	char *path;
	char *at;

	if (!repo[0] || repo[0] == '.' || repo[0] == '/' || strstr(repo, "/."))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is no repository", repo);
	path = str_fmt("repos/%s", repo);
	if (!path)
		return no_memory(err);
	for (at = path + strlen("repos/"); *at; at++)
		*at = *at == '/' ? '!' : *at;
	*ret = str_fmt("%s/%s", path, folder);
	free(path);
	return *ret ? 0 : no_memory(err);
}

static int check_digest(const char *text, struct berth_error *err)
{
	struct digest digest;

	return digest_parse(text, &digest, err);
}

static int check_ref(const char *ref, struct berth_error *err)
{
	if (path_is_name(ref) && ref[0] != '.')
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "'%s' is no tag", ref);
}

static int read_small(const struct berth_registry *reg, const char *folder, const char *name,
		      char **ret, struct berth_error *err)
{
	cleanup_free char *path = path_join(folder, name);
	int r;

	if (!path)
		return no_memory(err);
	r = state_read(reg->dir, path, SMALL_MAX, ret, NULL, err);
	if (r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_NOT_FOUND, "manifest unknown: '%s'", name);
	return r;
}

static int write_small(const struct berth_registry *reg, const char *folder, const char *name,
		       const char *text, size_t n, struct berth_error *err)
{
	cleanup_fd int dir = -1;
	int r;

	r = state_mkdirs(reg->dir, folder, 0755, &dir, err);
	return r < 0 ? r : state_replace(dir, name, 0644, text, n, 0, err);
}

static int open_blob(const struct berth_registry *reg, const char *digest, int *ret,
		     uint64_t *ret_bytes, struct berth_error *err)
{
	cleanup_free char *path = path_join("blobs", digest);
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (!path)
		return no_memory(err);
	r = state_open(reg->dir, path, O_RDONLY, 0, &fd, err);
	if (r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_NOT_FOUND, "blob unknown: '%s'", digest);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat blob '%s'", digest);
	*ret_bytes = (uint64_t)st.st_size;
	*ret = steal_fd(&fd);
	return 0;
}

static void fill_text(char *to, size_t n, const struct record *text)
{
	if (record_str(text))
		(void)snprintf(to, n, "%s", record_str(text));
}

static void fill_reply(const struct record *fault, struct berth_reply *reply)
{
	if (!fault || !reply)
		return;
	reply->http = (int32_t)record_int_or(record_get(fault, "http"), 0);
	reply->retry_after_ms = (uint64_t)record_int_or(record_get(fault, "retry_after_ms"), 0);
	fill_text(reply->warning, sizeof(reply->warning), record_get(fault, "warning"));
	fill_text(reply->ratelimit, sizeof(reply->ratelimit), record_get(fault, "ratelimit"));
}

/* What a tag or a digest of a repository is. */
static int lookup(const struct berth_registry *reg, const char *repo, const char *ref,
		  char **ret_digest, char **ret_type, struct berth_error *err)
{
	cleanup_free char *tags = NULL;
	cleanup_free char *manifests = NULL;
	cleanup_free char *digest = NULL;
	int r;

	r = repo_path(repo, "tags", &tags, err);
	if (r == 0)
		r = repo_path(repo, "manifests", &manifests, err);
	if (r == 0 && check_digest(ref, NULL) == 0)
		r = str_copy(ref, &digest, err);
	else if (r == 0 && (r = check_ref(ref, err)) == 0)
		r = read_small(reg, tags, ref, &digest, err);
	if (r == 0)
		r = read_small(reg, manifests, digest, ret_type, err);
	if (r < 0)
		return r;
	*ret_digest = steal_ptr(digest);
	return 0;
}

static int mock_resolve(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const char *ref, struct berth_op *op, berth_desc_fn fn,
			void *arg, struct berth_reply *reply, struct berth_error *err)
{
	struct berth_desc desc = {.size = sizeof(desc)};
	const struct record *fault;
	cleanup_free char *digest = NULL;
	cleanup_free char *type = NULL;
	cleanup_fd int fd = -1;
	int r;

	r = mock_call(&reg->mock, &fault, err, "resolve", "host=%s repo=%s ref=%s",
		      mock_arg(where->host), repo, ref);
	fill_reply(fault, reply);
	if (r == 0)
		r = lookup(reg, repo, ref, &digest, &type, err);
	if (r == 0)
		r = open_blob(reg, digest, &fd, &desc.bytes, err);
	if (r < 0)
		return r;
	desc.media_type = type;
	desc.digest = digest;
	return fn(arg, ref, &desc);
}

static int mock_fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		      const struct berth_desc *desc, uint64_t from, uint64_t len,
		      struct berth_op *op, struct berth_stream **ret, struct berth_reply *reply,
		      struct berth_error *err)
{
	const struct record *fault;
	struct berth_stream stream = {.reg = reg, .op = op, .at = from};
	cleanup_fd int fd = -1;
	int r;

	r = mock_call(&reg->mock, &fault, err, "fetch", "host=%s repo=%s digest=%s from=%llu",
		      mock_arg(where->host), repo, desc->digest, (unsigned long long)from);
	fill_reply(fault, reply);
	if (r == 0)
		r = check_digest(desc->digest, err);
	if (r == 0)
		r = open_blob(reg, desc->digest, &fd, &stream.end, err);
	if (r < 0)
		return r;
	if (from > stream.end)
		return berth_fail(err, BERTH_E_INVALID, "offset %llu is behind the end of the blob",
				  (unsigned long long)from);
	if (len < stream.end - from)
		stream.end = from + len;
	if (record_has(fault, "truncate") &&
	    record_int_or(record_get(fault, "truncate"), 0) < (int64_t)stream.end)
		stream.end = (uint64_t)record_int_or(record_get(fault, "truncate"), 0);
	stream.flip = (uint64_t)record_int_or(record_get(fault, "flip"), -1);
	stream.piece = (uint64_t)record_int_or(record_get(fault, "piece"), INT64_MAX);
	stream.fd = steal_fd(&fd);
	*ret = malloc(sizeof(stream));
	if (!*ret) {
		close_fd(&stream.fd);
		return no_memory(err);
	}
	**ret = stream;
	return 0;
}

static int mock_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		     struct berth_error *err)
{
	uint64_t left = stream->end > stream->at ? stream->end - stream->at : 0;
	ssize_t got;
	int r;

	r = mock_call(&stream->reg->mock, NULL, err, "read", "at=%llu",
		      (unsigned long long)stream->at);
	if (r < 0)
		return r;
	if (stream->reg->mock.host->cancelled(stream->op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (n > left)
		n = (size_t)left;
	if (n > stream->piece)
		n = (size_t)stream->piece;
	got = pread(stream->fd, buf, n, (off_t)stream->at);
	if (got < 0)
		return berth_fail_errno(err, errno, "read a blob");
	if (stream->flip >= stream->at && stream->flip < stream->at + (uint64_t)got)
		((unsigned char *)buf)[stream->flip - stream->at] ^= 0xff;
	stream->at += (uint64_t)got;
	*ret_n = (size_t)got;
	return 0;
}

static void mock_close_stream(struct berth_stream *stream)
{
	if (!stream)
		return;
	close_fd(&stream->fd);
	free(stream);
}

static bool has_blob(const struct berth_registry *reg, const char *digest)
{
	cleanup_fd int fd = -1;
	uint64_t bytes;

	return open_blob(reg, digest, &fd, &bytes, NULL) == 0;
}

static int mock_has(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		    const struct berth_desc *desc, struct berth_op *op, bool *ret,
		    struct berth_error *err)
{
	int r = mock_call(&reg->mock, NULL, err, "has", "repo=%s digest=%s", repo, desc->digest);

	if (r == 0)
		r = check_digest(desc->digest, err);
	if (r == 0)
		*ret = has_blob(reg, desc->digest);
	return r;
}

static int mock_upload_begin(struct berth_registry *reg, const struct berth_where *where,
			     const char *repo, const struct berth_desc *desc,
			     const char *mount_from, struct berth_op *op, struct berth_upload **ret,
			     struct berth_error *err)
{
	struct berth_upload *up;
	int r;

	r = mock_call(&reg->mock, NULL, err, "upload_begin", "repo=%s digest=%s mount_from=%s",
		      repo, desc->digest, mock_arg(mount_from));
	if (r == 0)
		r = check_digest(desc->digest, err);
	if (r < 0)
		return r;
	if (mount_from && has_blob(reg, desc->digest)) {
		*ret = NULL;
		return 0;
	}
	up = calloc(1, sizeof(*up));
	if (!up)
		return no_memory(err);
	up->reg = reg;
	up->wanted = desc->bytes;
	r = str_copy(desc->digest, &up->digest, err);
	if (r < 0) {
		free(up);
		return r;
	}
	*ret = up;
	return 0;
}

static int mock_write(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
		      struct berth_error *err)
{
	int r = mock_call(&up->reg->mock, NULL, err, "write", "digest=%s bytes=%zu", up->digest, n);

	if (r < 0)
		return r;
	if (up->reg->mock.host->cancelled(op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	str_add_n(&up->bytes, buf, n);
	return str_check(&up->bytes, err);
}

static void upload_free(struct berth_upload *up)
{
	str_done(&up->bytes);
	free(up->digest);
	free(up);
}

static int mock_upload_commit(struct berth_upload *up, struct berth_op *op, struct berth_error *err)
{
	int r = mock_call(&up->reg->mock, NULL, err, "upload_commit", "digest=%s", up->digest);

	if (r == 0 && up->wanted != UINT64_MAX && up->wanted != up->bytes.len)
		r = berth_fail(err, BERTH_E_CORRUPT, "%zu bytes came, %llu were announced",
			       up->bytes.len, (unsigned long long)up->wanted);
	if (r == 0)
		r = write_small(up->reg, "blobs", up->digest, str_text(&up->bytes), up->bytes.len,
				err);
	upload_free(up);
	return r;
}

static void mock_upload_abort(struct berth_upload *up)
{
	if (!up)
		return;
	(void)mock_call(&up->reg->mock, NULL, NULL, "upload_abort", "digest=%s", up->digest);
	upload_free(up);
}

static int mock_put_manifest(struct berth_registry *reg, const struct berth_where *where,
			     const char *repo, const char *ref, const struct berth_desc *desc,
			     struct berth_str bytes, struct berth_op *op, struct berth_error *err)
{
	cleanup_free char *tags = NULL;
	cleanup_free char *manifests = NULL;
	bool is_tag = ref[0] && check_digest(ref, NULL) < 0;
	int r;

	r = mock_call(&reg->mock, NULL, err, "put_manifest", "repo=%s ref=%s digest=%s", repo,
		      mock_arg(ref), desc->digest);
	if (r == 0)
		r = check_digest(desc->digest, err);
	if (r == 0 && is_tag)
		r = check_ref(ref, err);
	if (r == 0)
		r = repo_path(repo, "tags", &tags, err);
	if (r == 0)
		r = repo_path(repo, "manifests", &manifests, err);
	if (r == 0 && bytes.n > MANIFEST_MAX)
		r = berth_fail(err, BERTH_E_LIMIT, "the manifest has %zu bytes, %d are allowed",
			       bytes.n, MANIFEST_MAX);
	if (r == 0)
		r = write_small(reg, "blobs", desc->digest, bytes.p, bytes.n, err);
	if (r == 0)
		r = write_small(reg, manifests, desc->digest, desc->media_type,
				strlen(desc->media_type), err);
	if (r == 0 && is_tag)
		r = write_small(reg, tags, ref, desc->digest, strlen(desc->digest), err);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory of ours, sorted; none if it is not there. */
static int list(const struct berth_registry *reg, const char *folder, char ***ret,
		struct berth_error *err)
{
	cleanup_strv char **names = strv_copy(NULL);
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	if (!names)
		return no_memory(err);
	if (state_open(reg->dir, folder, O_RDONLY | O_DIRECTORY, 0, &fd, NULL) == 0) {
		dir = fdopendir(fd);
		if (!dir) {
			close_fd(&fd);
			return berth_fail_errno(err, errno, "list '%s'", folder);
		}
	}
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strv_add(&names, entry->d_name) < 0)
			return no_memory(err);
	}
	qsort(names, strv_len(names), sizeof(*names), by_name);
	*ret = steal_ptr(names);
	return 0;
}

static int mock_tags(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		     berth_id_fn fn, void *arg, struct berth_op *op, struct berth_error *err)
{
	cleanup_free char *tags = NULL;
	cleanup_strv char **names = NULL;
	int r = mock_call(&reg->mock, NULL, err, "tags", "repo=%s", repo);

	if (r == 0)
		r = repo_path(repo, "tags", &tags, err);
	if (r == 0)
		r = list(reg, tags, &names, err);
	if (r == 0 && strv_len(names) == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "repository unknown: '%s'", repo);
	strv_foreach (name, names) {
		if (r == 0)
			r = fn(arg, *name);
	}
	return r;
}

static int mock_remove(struct berth_registry *reg, const struct berth_where *where,
		       const char *repo, const char *ref, struct berth_op *op,
		       struct berth_error *err)
{
	bool is_digest = check_digest(ref, NULL) == 0;
	cleanup_free char *folder = NULL;
	cleanup_free char *text = NULL;
	cleanup_fd int dir = -1;
	int r = mock_call(&reg->mock, NULL, err, "remove", "repo=%s ref=%s", repo, ref);

	if (r == 0 && !is_digest)
		r = check_ref(ref, err);
	if (r == 0)
		r = repo_path(repo, is_digest ? "manifests" : "tags", &folder, err);
	if (r == 0)
		r = read_small(reg, folder, ref, &text, err);
	if (r == 0)
		r = state_open(reg->dir, folder, O_RDONLY | O_DIRECTORY, 0, &dir, err);
	return r < 0 ? r : state_unlink(dir, ref, err);
}

static int mock_search(struct berth_registry *reg, const struct berth_where *where,
		       const char *term, uint32_t limit, struct berth_op *op,
		       struct berth_sink *json, struct berth_error *err)
{
	cleanup_strv char **names = NULL;
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);
	int r = mock_call(&reg->mock, NULL, err, "search", "term=%s limit=%u", term, limit);

	if (r == 0)
		r = list(reg, "repos", &names, err);
	if (r < 0)
		return r;
	jw_array_begin(&w);
	strv_foreach (name, names) {
		for (char *at = *name; *at; at++)
			*at = *at == '!' ? '/' : *at;
		if (!strstr(*name, term) || limit == 0)
			continue;
		limit--;
		jw_object_begin(&w);
		jw_key_str(&w, "name", *name);
		jw_key_str(&w, "description", "");
		jw_key_int(&w, "star_count", 0);
		jw_key_bool(&w, "is_official", false);
		jw_key_bool(&w, "is_automated", false);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	r = str_check(&text, err);
	if (r == 0 && reg->mock.host->sink_put(json, text.p, text.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	return r;
}

static void close_driver(void *instance)
{
	struct berth_registry *reg = instance;

	if (!reg)
		return;
	mock_done(&reg->mock);
	close_fd(&reg->dir);
	free(reg);
}

static int open_dir(struct berth_registry *reg, const struct berth_conf *conf, int state_fd,
		    struct berth_error *err)
{
	const char *path = reg->mock.host->conf_str(conf, "directory");

	reg->dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			: fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (reg->dir < 0)
		return berth_fail_errno(err, errno, "open directory '%s'",
					path ? path : "of the state");
	return 0;
}

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_registry *reg = calloc(1, sizeof(*reg));
	int r;

	if (!reg)
		return no_memory(err);
	reg->dir = reg->mock.transcript = -1;
	r = mock_init(&reg->mock, "registry", host, conf, err);
	if (r == 0)
		r = mock_call(&reg->mock, NULL, err, "open", "%s", "");
	if (r == 0)
		r = open_dir(reg, conf, state_fd, err);
	if (r < 0) {
		close_driver(reg);
		return r;
	}
	*ret = reg;
	return 0;
}

static int reload_driver(void *instance, const struct berth_conf *conf, struct berth_error *err)
{
	return mock_reload(&((struct berth_registry *)instance)->mock, conf, err);
}

static const struct berth_option options[] = {
	MOCK_OPTIONS,
	{"directory", BERTH_OPT_PATH, 0, NULL, NULL,
	 "Where the content is; by default in the driver's state."},
	{NULL},
};

static const struct berth_registry_ops ops = {
	.resolve = mock_resolve,
	.fetch = mock_fetch,
	.read = mock_read,
	.close_stream = mock_close_stream,
	.has = mock_has,
	.upload_begin = mock_upload_begin,
	.write = mock_write,
	.upload_commit = mock_upload_commit,
	.upload_abort = mock_upload_abort,
	.put_manifest = mock_put_manifest,
	.tags = mock_tags,
	.remove = mock_remove,
	.search = mock_search,
};

static const struct berth_driver head = {
	MOCK_HEAD,
	.options = options,
	.kind = BERTH_REGISTRY,
	.caps = BERTH_REG_PULL | BERTH_REG_PUSH | BERTH_REG_TAGS | BERTH_REG_RANGE |
		BERTH_REG_MOUNT | BERTH_REG_DELETE | BERTH_REG_SEARCH,
	.summary = "a registry in a directory, for tests",
	.ops = &ops,
	.ops_size = sizeof(ops),
	.open = open_driver,
	.reload = reload_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_REGISTRY, "mock", MOCK_VERSION, head);
