/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skeleton - a registry driver in its minimal form: a registry which is a directory, of this machine
 * or one that several have mounted.
 *
 *	format			"skeleton 1"
 *	blobs/HEX		bytes whose SHA-256 is HEX: layers, configs, manifests
 *	types/HEX		media type of manifest HEX; it makes the blob a manifest
 *	tags/REPO/TAG		digest of the manifest; "/" in REPO is "="
 *
 * A file appears whole, by one link or rename: whoever is killed leaves nothing that can be seen. What
 * each call promises is in <berth/registry.h>.
 *
 * Where to begin: a server instead of a directory is asked in open_blob(), find_type() and
 * put_file(), by where->host or, if that is not NULL, where->base.
 */
#include <berth/registry.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "skeleton 1\n"

enum {
	HEX_BYTES = 65,		  /* of a SHA-256, with its NUL */
	NAME_BYTES = 256,	  /* of a file, with its NUL */
	MANIFEST_MAX = 4 << 20,	  /* as other registries have it */
	WRITE_PIECE = 256 * 1024, /* until we ask again whether the user gave up */
};

struct berth_registry {
	const struct berth_host *host;
	int dir, blobs, types, tags;
};

struct berth_stream {
	const struct berth_host *host;
	struct berth_op *op; /* of the fetch: it outlives the stream */
	int fd;
	uint64_t at, end;
};

struct berth_upload {
	struct berth_registry *reg;
	int fd; /* without a name until commit */
	uint64_t written, announced;
	char hex[HEX_BYTES];
};

static void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}
#define cleanup_fd __attribute__((cleanup(close_fd)))

static int steal_fd(int *fd)
{
	int is = *fd;

	*fd = -1;
	return is;
}

static int check_cancelled(const struct berth_host *host, struct berth_op *op,
			   struct berth_error *err)
{
	if (!host->cancelled(op))
		return 0;
	return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
}

/* ----------------------------------------------------------------------------- names become file names */

static int hex_of(const char *digest, char hex[HEX_BYTES], struct berth_error *err)
{
	const char *p = strncmp(digest, "sha256:", 7) == 0 ? digest + 7 : "";

	if (strspn(p, "0123456789abcdef") != HEX_BYTES - 1 || p[HEX_BYTES - 1])
		return berth_fail(err, BERTH_E_INVALID, "this is no digest of kind sha256");
	memcpy(hex, p, HEX_BYTES);
	return 0;
}

static int check_tag(const char *tag, struct berth_error *err)
{
	size_t n = strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (n == 0 || tag[n] || n > 128 || tag[0] == '.' || tag[0] == '-')
		return berth_fail(err, BERTH_E_INVALID, "this is no tag");
	return 0;
}

/* "library/alpine" as one name of a file; nothing that leads elsewhere passes. */
static int dir_of_repo(const char *repo, char out[NAME_BYTES], struct berth_error *err)
{
	size_t n = strspn(repo, "abcdefghijklmnopqrstuvwxyz0123456789_./:-");

	if (n == 0 || repo[n] || n >= NAME_BYTES || repo[0] == '.' || repo[0] == '/')
		return berth_fail(err, BERTH_E_INVALID, "this is no name of a repository");
	memcpy(out, repo, n + 1);
	for (char *p = out; *p; p++)
		if (*p == '/')
			*p = '=';
	return 0;
}

/* ---------------------------------------------------------------------------------------------- files */

static int write_all(int fd, const char *bytes, size_t n, struct berth_error *err)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return berth_fail_errno(err, errno, "write");
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

/* A file that goes with its last descriptor, unless it gets a name. */
static int open_nameless(int dir, int *ret, struct berth_error *err)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd < 0)
		return berth_fail_errno(err, errno, "make a file");
	*ret = fd;
	return 0;
}

/* It is on the disk and called @name. Bytes with a digest are the same whoever came first. */
static int give_name(int fd, int dir, const char *name, bool replace, struct berth_error *err)
{
	char from[32];
	char temp[NAME_BYTES + 32];
	struct stat at;

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (fsync(fd) < 0 || fstat(fd, &at) < 0)
		return berth_fail_errno(err, errno, "sync");
	/* no other file has this number while this one is open */
	(void)snprintf(temp, sizeof(temp), ".%llu", (unsigned long long)at.st_ino);
	if (linkat(AT_FDCWD, from, dir, replace ? temp : name, AT_SYMLINK_FOLLOW) < 0)
		return errno == EEXIST && !replace ? 0 : berth_fail_errno(err, errno, "name it");
	if (replace && renameat(dir, temp, dir, name) < 0) {
		int failed = errno;

		(void)unlinkat(dir, temp, 0);
		return berth_fail_errno(err, failed, "name it");
	}
	if (fsync(dir) < 0)
		return berth_fail_errno(err, errno, "sync a directory");
	return 0;
}

static int put_file(int dir, const char *name, bool replace, struct berth_str bytes,
		    struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = open_nameless(dir, &fd, err);

	if (r == 0)
		r = write_all(fd, bytes.p, bytes.n, err);
	return r < 0 ? r : give_name(fd, dir, name, replace, err);
}

static int read_text(int dir, const char *name, char *out, size_t size, struct berth_error *err)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return berth_fail_errno(err, errno, "read '%.128s'", name);
	out[n] = '\0';
	return 0;
}

/* ----------------------------------------------------------------------------------- with BERTH_REG_PULL */

/* Media type of manifest @hex. NOT_FOUND: it is none. */
static int find_type(const struct berth_registry *reg, const char *hex, char *out, size_t size,
		     struct berth_error *err)
{
	return read_text(reg->types, hex, out, size, err);
}

static int open_blob(const struct berth_registry *reg, const char *hex, int *ret,
		     uint64_t *ret_size, struct berth_error *err)
{
	cleanup_fd int fd = openat(reg->blobs, hex, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat at;

	if (fd < 0 || fstat(fd, &at) < 0)
		return berth_fail_errno(err, errno, "blob 'sha256:%s'", hex);
	*ret = steal_fd(&fd);
	*ret_size = (uint64_t)at.st_size;
	return 0;
}

/* The digest that tag @ref of @repo stands for; a digest stands for itself. */
static int find_digest(const struct berth_registry *reg, const char *repo, const char *ref,
		       char digest[NAME_BYTES], struct berth_error *err)
{
	cleanup_fd int dir = -1;
	char name[NAME_BYTES];
	int r = dir_of_repo(repo, name, err);

	if (r < 0)
		return r;
	if (strchr(ref, ':')) {
		(void)snprintf(digest, NAME_BYTES, "%s", ref);
		return 0;
	}
	r = check_tag(ref, err);
	if (r < 0)
		return r;
	dir = openat(reg->tags, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return berth_fail_errno(err, errno, "repository '%.128s'", repo);
	return read_text(dir, ref, digest, NAME_BYTES, err);
}

static int skeleton_resolve(struct berth_registry *reg, const struct berth_where *where,
			    const char *repo, const char *ref, struct berth_op *op,
			    berth_desc_fn fn, void *arg, struct berth_reply *reply,
			    struct berth_error *err)
{
	char digest[NAME_BYTES];
	char type[NAME_BYTES];
	char hex[HEX_BYTES];
	cleanup_fd int blob = -1;
	struct berth_desc desc = {.size = sizeof(desc), .media_type = type, .digest = digest};
	int r = check_cancelled(reg->host, op, err);

	(void)where;
	(void)reply; /* what a server says besides; there is none */
	if (r == 0)
		r = find_digest(reg, repo, ref, digest, err);
	if (r == 0)
		r = hex_of(digest, hex, err);
	if (r == 0)
		r = find_type(reg, hex, type, sizeof(type), err);
	if (r == 0)
		r = open_blob(reg, hex, &blob, &desc.bytes, err);
	return r < 0 ? r : fn(arg, ref, &desc);
}

static int skeleton_fetch(struct berth_registry *reg, const struct berth_where *where,
			  const char *repo, const struct berth_desc *desc, uint64_t from,
			  uint64_t len, struct berth_op *op, struct berth_stream **ret,
			  struct berth_reply *reply, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	char hex[HEX_BYTES];
	uint64_t size = 0;
	struct berth_stream *stream;
	int r = hex_of(desc->digest, hex, err);

	(void)where;
	(void)repo;
	(void)reply;
	if (r == 0)
		r = open_blob(reg, hex, &fd, &size, err);
	if (r < 0)
		return r;
	if (from > size)
		return berth_fail(err, BERTH_E_INVALID, "it has %llu bytes only",
				  (unsigned long long)size);
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	stream->host = reg->host;
	stream->op = op;
	stream->fd = steal_fd(&fd);
	stream->at = from;
	stream->end = len < size - from ? from + len : size;
	*ret = stream;
	return 0;
}

static int skeleton_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
			 struct berth_error *err)
{
	uint64_t left = stream->end - stream->at;
	ssize_t got;
	int r = check_cancelled(stream->host, stream->op, err);

	if (r < 0)
		return r;
	do
		got = pread(stream->fd, buf, n < left ? n : (size_t)left, (off_t)stream->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return berth_fail_errno(err, errno, "read a blob");
	if (got == 0 && n > 0 && left > 0)
		return berth_fail(err, BERTH_E_CORRUPT, "the blob has become shorter");
	stream->at += (uint64_t)got;
	*ret_n = (size_t)got;
	return 0;
}

static void skeleton_close_stream(struct berth_stream *stream)
{
	if (!stream)
		return;
	close_fd(&stream->fd);
	free(stream);
}

/* ----------------------------------------------------------------------------------- with BERTH_REG_PUSH */

static int skeleton_has(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const struct berth_desc *desc, struct berth_op *op,
			bool *ret, struct berth_error *err)
{
	char hex[HEX_BYTES];
	struct stat at;
	int r = hex_of(desc->digest, hex, err);

	(void)where;
	(void)repo;
	(void)op;
	if (r < 0)
		return r;
	if (fstatat(reg->blobs, hex, &at, AT_SYMLINK_NOFOLLOW) == 0)
		*ret = true;
	else if (errno == ENOENT)
		*ret = false;
	else
		return berth_fail_errno(err, errno, "look for a blob");
	return 0;
}

static int skeleton_upload_begin(struct berth_registry *reg, const struct berth_where *where,
				 const char *repo, const struct berth_desc *desc,
				 const char *mount_from, struct berth_op *op,
				 struct berth_upload **ret, struct berth_error *err)
{
	struct berth_upload *up;
	char hex[HEX_BYTES];
	int r = hex_of(desc->digest, hex, err);

	(void)where;
	(void)repo;
	(void)mount_from; /* without the cap `mount` the bytes come all the same */
	(void)op;
	if (r < 0)
		return r;
	up = calloc(1, sizeof(*up));
	if (!up)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	up->reg = reg;
	up->announced = desc->bytes;
	memcpy(up->hex, hex, sizeof(hex));
	r = open_nameless(reg->blobs, &up->fd, err);
	if (r < 0) {
		free(up);
		return r;
	}
	*ret = up;
	return 0;
}

static int skeleton_write(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
			  struct berth_error *err)
{
	const char *bytes = buf;

	while (n > 0) {
		size_t piece = n < WRITE_PIECE ? n : WRITE_PIECE;
		int r = check_cancelled(up->reg->host, op, err);

		if (r == 0 && up->announced - up->written < piece)
			r = berth_fail(err, BERTH_E_CORRUPT, "more bytes came than announced");
		if (r == 0)
			r = write_all(up->fd, bytes, piece, err);
		if (r < 0)
			return r;
		up->written += piece;
		bytes += piece;
		n -= piece;
	}
	return 0;
}

static void skeleton_upload_abort(struct berth_upload *up)
{
	if (!up)
		return;
	close_fd(&up->fd);
	free(up);
}

static int skeleton_upload_commit(struct berth_upload *up, struct berth_op *op,
				  struct berth_error *err)
{
	int r = check_cancelled(up->reg->host, op, err);

	if (r == 0 && up->announced != UINT64_MAX && up->written != up->announced)
		r = berth_fail(err, BERTH_E_CORRUPT, "fewer bytes came than announced");
	if (r == 0)
		r = give_name(up->fd, up->reg->blobs, up->hex, false, err);
	skeleton_upload_abort(up); /* ends it in every case */
	return r;
}

static int tag_manifest(const struct berth_registry *reg, const char *repo, const char *tag,
			const char *digest, struct berth_error *err)
{
	const struct berth_str text = {digest, strlen(digest)};
	cleanup_fd int dir = -1;
	char name[NAME_BYTES];
	int r = dir_of_repo(repo, name, err);

	if (r < 0)
		return r;
	if (mkdirat(reg->tags, name, 0755) < 0 && errno != EEXIST)
		return berth_fail_errno(err, errno, "make repository '%.128s'", repo);
	dir = openat(reg->tags, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return berth_fail_errno(err, errno, "repository '%.128s'", repo);
	return put_file(dir, tag, true, text, err);
}

static int skeleton_put_manifest(struct berth_registry *reg, const struct berth_where *where,
				 const char *repo, const char *ref, const struct berth_desc *desc,
				 struct berth_str bytes, struct berth_op *op,
				 struct berth_error *err)
{
	const struct berth_str type = {desc->media_type, strlen(desc->media_type)};
	bool is_tag = ref[0] && !strchr(ref, ':');
	char hex[HEX_BYTES];
	int r = hex_of(desc->digest, hex, err);

	(void)where;
	(void)op;
	if (r == 0 && is_tag)
		r = check_tag(ref, err);
	if (r < 0)
		return r;
	if (bytes.n > MANIFEST_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "a manifest has at most %d bytes, not %zu",
				  MANIFEST_MAX, bytes.n);
	if (type.n >= NAME_BYTES)
		return berth_fail(err, BERTH_E_LIMIT, "a media type has at most %d bytes",
				  NAME_BYTES - 1);
	if (ref[0] && !is_tag && strcmp(ref, desc->digest) != 0)
		return berth_fail(err, BERTH_E_CORRUPT, "the manifest has another digest");
	r = put_file(reg->blobs, hex, false, bytes, err);
	if (r == 0)
		r = put_file(reg->types, hex, false, type, err);
	if (r == 0 && is_tag) /* last: what a tag stands for is there */
		r = tag_manifest(reg, repo, ref, desc->digest, err);
	return r;
}

/* ----------------------------------------------------------------------------------- with BERTH_REG_TAGS */

static int skeleton_tags(struct berth_registry *reg, const struct berth_where *where,
			 const char *repo, berth_id_fn fn, void *arg, struct berth_op *op,
			 struct berth_error *err)
{
	char name[NAME_BYTES];
	const struct dirent *e;
	DIR *list = NULL;
	int fd = -1;
	int r = dir_of_repo(repo, name, err);

	(void)where;
	(void)op;
	if (r < 0)
		return r;
	fd = openat(reg->tags, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		r = berth_fail_errno(err, errno, "repository '%.128s'", repo);
		close_fd(&fd);
		return r;
	}
	errno = 0;
	while (r == 0 && (e = readdir(list))) {
		if (e->d_name[0] != '.')
			r = fn(arg, e->d_name);
		errno = 0;
	}
	if (r == 0 && errno)
		r = berth_fail_errno(err, errno, "list repository '%.128s'", repo);
	(void)closedir(list);
	return r;
}

/* ---------------------------------------------------------------------- required: open, close; and probe */

static int open_sub(const struct berth_registry *reg, const char *name, int *ret,
		    struct berth_error *err)
{
	if (mkdirat(reg->dir, name, 0755) < 0 && errno != EEXIST)
		return berth_fail_errno(err, errno, "make directory '%s'", name);
	*ret = openat(reg->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret < 0)
		return berth_fail_errno(err, errno, "open directory '%s'", name);
	return 0;
}

static int check_format(const struct berth_registry *reg, struct berth_error *err)
{
	const struct berth_str format = {FORMAT, strlen(FORMAT)};
	struct berth_error why;
	char is[64];
	int r = read_text(reg->dir, "format", is, sizeof(is), &why);

	if (r == -BERTH_E_NOT_FOUND)
		return put_file(reg->dir, "format", false, format, err);
	if (r < 0 && err)
		*err = why;
	if (r == 0 && strcmp(is, FORMAT) != 0)
		r = berth_fail(err, BERTH_E_CORRUPT, "its directory is of another format");
	return r;
}

static int open_all(struct berth_registry *reg, const char *path, int state_fd,
		    struct berth_error *err)
{
	int r;

	reg->dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			: fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (reg->dir < 0)
		return berth_fail_errno(err, errno, "open directory '%s'", path ? path : ".");
	r = check_format(reg, err);
	if (r == 0)
		r = open_sub(reg, "blobs", &reg->blobs, err);
	if (r == 0)
		r = open_sub(reg, "types", &reg->types, err);
	if (r == 0)
		r = open_sub(reg, "tags", &reg->tags, err);
	return r;
}

static void skeleton_close(void *instance)
{
	struct berth_registry *reg = instance;

	if (!reg)
		return;
	close_fd(&reg->dir);
	close_fd(&reg->blobs);
	close_fd(&reg->types);
	close_fd(&reg->tags);
	free(reg);
}

static int skeleton_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
			 void **ret_instance, struct berth_error *err)
{
	struct berth_registry *reg = calloc(1, sizeof(*reg));
	int r;

	if (!reg)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	reg->host = host;
	reg->dir = reg->blobs = reg->types = reg->tags = -1;
	r = open_all(reg, host->conf_str(conf, "path"), state_fd, err);
	if (r < 0) {
		skeleton_close(reg);
		return r;
	}
	*ret_instance = reg;
	return 0;
}

/* What `berth doctor` prints. Try the real thing, leave nothing, say what to do about it. */
static int skeleton_probe(const struct berth_host *host, const struct berth_conf *conf,
			  int scratch_fd, struct berth_sink *findings, struct berth_error *err)
{
	struct berth_error why = {0};
	cleanup_fd int fd = -1;

	(void)conf;
	(void)err;
	if (open_nameless(scratch_fd, &fd, &why) < 0)
		return host->finding(
			findings, BERTH_FINDING_ERROR, "skeleton.files", why.text,
			"use a filesystem that has O_TMPFILE: ext4, xfs, btrfs, tmpfs");
	return host->finding(findings, BERTH_FINDING_OK, "skeleton.files", "images can be kept",
			     NULL);
}

/* ----------------------------------------------------------------------------------------- the tables */

static const struct berth_option skeleton_options[] = {
	{
		.name = "path",
		.type = BERTH_OPT_PATH,
		.doc = "Directory of the registry; without it, the driver's own state.",
	},
	{.name = NULL},
};

static const struct berth_registry_ops skeleton_ops = {
	.resolve = skeleton_resolve,
	.fetch = skeleton_fetch,
	.read = skeleton_read,
	.close_stream = skeleton_close_stream,
	.has = skeleton_has,
	.upload_begin = skeleton_upload_begin,
	.write = skeleton_write,
	.upload_commit = skeleton_upload_commit,
	.upload_abort = skeleton_upload_abort,
	.put_manifest = skeleton_put_manifest,
	.tags = skeleton_tags,
	/* each with its cap: each, remove, referrers, search, finish */
};

static const struct berth_driver skeleton_head = {
	.size = sizeof(skeleton_head),
	.kind = BERTH_REGISTRY,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE, /* the instance never changes after open */
	.caps = BERTH_REG_PULL | BERTH_REG_PUSH | BERTH_REG_TAGS | BERTH_REG_RANGE, /* promises */
	.name = "skeleton",
	.version = "0.1.0",
	.summary = "a registry which is a directory",
	.options = skeleton_options,
	.ops = &skeleton_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(skeleton_ops),
	.probe = skeleton_probe,
	.open = skeleton_open,
	.close = skeleton_close,
};

BERTH_DRIVER_EXPORT(BERTH_REGISTRY, "skeleton", "0.1.0", skeleton_head);
