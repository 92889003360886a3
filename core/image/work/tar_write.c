/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/tar_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"

enum {
	BLOCK = 512,
	BUFFER = 256 * 1024,
	PREFIX_MAX = 155,
	NAME_FIELD = 100,
	NAME_LIMIT = 1 << 16, /* of a name or link; readers refuse more */
	SENDFILE_MIN = 64 * 1024,
	SENDFILE_MAX = 1 << 30,
};

/* POSIX.1-2017, pax, "ustar Interchange Format" */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155],
		unused[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

struct tar_writer {
	struct tar_output out;
	uint64_t written; /* the buffered ones included */
	uint64_t left;	  /* of the entry's data */
	size_t pad;	  /* behind it */
	bool no_sendfile;
	size_t n;
	char buf[BUFFER];
};

int tar_writer_new(const struct tar_output *out, struct tar_writer **ret, struct berth_error *err)
{
	struct tar_writer *w = malloc(sizeof(*w));

	if (!w)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	memset(w, 0, offsetof(struct tar_writer, buf));
	w->out = *out;
	*ret = w;
	return 0;
}

void tar_writer_free(struct tar_writer *w)
{
	free(w);
}

uint64_t tar_written(const struct tar_writer *w)
{
	return w->written;
}

/* --- bytes ---------------------------------------------------------------- */

static int put(struct tar_writer *w, const void *p, size_t n, struct berth_error *err)
{
	return w->out.put ? w->out.put(w->out.arg, p, n, err) : write_all(w->out.fd, p, n, err);
}

static int flush(struct tar_writer *w, struct berth_error *err)
{
	size_t n = w->n;

	w->n = 0;
	return n > 0 ? put(w, w->buf, n, err) : 0;
}

static int add(struct tar_writer *w, const void *p, size_t n, struct berth_error *err)
{
	int r = 0;

	w->written += n;
	if (n > sizeof(w->buf) - w->n)
		r = flush(w, err);
	if (r == 0 && n >= sizeof(w->buf))
		return put(w, p, n, err);
	if (r == 0) {
		memcpy(w->buf + w->n, p, n);
		w->n += n;
	}
	return r;
}

static int add_zeros(struct tar_writer *w, uint64_t n, struct berth_error *err)
{
	static const char zeros[4096];
	int r = 0;

	while (n > 0 && r == 0) {
		size_t part = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);

		r = add(w, zeros, part, err);
		n -= part;
	}
	return r;
}

static int pad(struct tar_writer *w, struct berth_error *err)
{
	size_t n = w->pad;

	w->pad = 0;
	return add_zeros(w, n, err);
}

/* --- pax records ---------------------------------------------------------- */

/* "LEN KEY=VALUE\n", where LEN counts itself as well */
static void pax_add(struct str *pax, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest, before;
	char text[24];

	do {
		before = len;
		len = rest + (size_t)snprintf(text, sizeof(text), "%zu", len);
	} while (len != before);
	str_addf(pax, "%zu %s=", len, key);
	str_add_n(pax, value, n);
	str_add_char(pax, '\n');
}

static void pax_number(struct str *pax, const char *key, uint64_t value)
{
	char text[24];

	pax_add(pax, key, text,
		(size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)value));
}

static void pax_xattrs(struct str *pax, const struct tar_entry *e)
{
	for (size_t i = 0; i < e->n_xattr; i++) {
		cleanup_free char *key = str_fmt("SCHILY.xattr.%s", e->xattr[i].name);

		if (key)
			pax_add(pax, key, e->xattr[i].value, e->xattr[i].n);
		else
			pax->failed = true;
	}
	if (e->acl_access)
		pax_add(pax, "SCHILY.acl.access", e->acl_access, strlen(e->acl_access));
	if (e->acl_default)
		pax_add(pax, "SCHILY.acl.default", e->acl_default, strlen(e->acl_default));
}

/* --- headers -------------------------------------------------------------- */

static void octal(char *field, size_t size, uint64_t value)
{
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	field[size - 1] = '\0';
}

/* As many bits as a field of @size has, the NUL taken off. */
static bool fits(uint64_t value, size_t size)
{
	return value >> (3 * (size - 1)) == 0;
}

/* Other readers take names of headers for ASCII, of pax records for UTF-8. */
static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* Where a long name can be cut: name and prefix, with a slash between. */
static const char *split(const char *name, size_t n)
{
	const char *at = n > NAME_FIELD + 1 ? name + n - NAME_FIELD - 1 : name + 1;

	at = strchr(at, '/');
	return at && at[1] && (size_t)(at - name) <= PREFIX_MAX ? at : NULL;
}

static void put_name(struct header *h, const char *name, struct str *pax)
{
	size_t n = strlen(name);
	const char *slash = NULL;

	if (n > NAME_FIELD)
		slash = split(name, n);
	if (!is_ascii(name) || (n > NAME_FIELD && !slash))
		pax_add(pax, "path", name, n);
	if (slash) {
		memcpy(h->prefix, name, (size_t)(slash - name));
		name = slash + 1;
		n = strlen(name);
	}
	memcpy(h->name, name, n < NAME_FIELD ? n : NAME_FIELD);
}

static void put_link(struct header *h, const char *link, struct str *pax)
{
	size_t n = strlen(link);

	if (n > NAME_FIELD || !is_ascii(link))
		pax_add(pax, "linkpath", link, n);
	memcpy(h->link, link, n < NAME_FIELD ? n : NAME_FIELD);
}

static void put_number(char *field, size_t size, uint64_t value, const char *key, struct str *pax)
{
	if (!fits(value, size)) {
		pax_number(pax, key, value);
		value = 0;
	}
	octal(field, size, value);
}

static char type_char(enum tar_type type)
{
	static const char chars[] = {
		[TAR_REG] = '0',   [TAR_LINK] = '1', [TAR_SYMLINK] = '2', [TAR_CHAR] = '3',
		[TAR_BLOCK] = '4', [TAR_DIR] = '5',  [TAR_FIFO] = '6',
	};

	return chars[type];
}

static void seal(struct header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	unsigned sum = 0;

	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += bytes[i];
	octal(h->checksum, 7, sum);
}

/* The header "x" that says the rest. Its own name is of no consequence, and always the same. */
static int write_pax(struct tar_writer *w, const struct str *pax, struct berth_error *err)
{
	struct header h = {.name = "PaxHeaders.0/x", .type = 'x'};
	int r = str_check(pax, err);

	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), pax->len);
	octal(h.mtime, sizeof(h.mtime), 0);
	seal(&h);
	if (r == 0)
		r = add(w, &h, sizeof(h), err);
	if (r == 0)
		r = add(w, pax->p, pax->len, err);
	return r < 0 ? r : add_zeros(w, (BLOCK - pax->len % BLOCK) % BLOCK, err);
}

static int check(const struct tar_writer *w, const struct tar_entry *e, struct berth_error *err)
{
	if (w->left > 0)
		return berth_fail(err, BERTH_E_INTERNAL, "the entry before lacks %llu bytes",
				  (unsigned long long)w->left);
	if (!e->name[0] || strlen(e->name) > NAME_LIMIT || strlen(e->link) > NAME_LIMIT)
		return berth_fail(err, BERTH_E_INVALID, "'%.64s…' is no name for a tar", e->name);
	return 0;
}

static int write_header(struct tar_writer *w, const struct tar_entry *e, const char *name,
			struct berth_error *err)
{
	struct header h = {.type = type_char(e->type)};
	cleanup_str struct str pax = STR_INIT;
	uint64_t size = e->type == TAR_REG ? e->size : 0;
	int r = 0;

	put_name(&h, name, &pax);
	put_link(&h, e->link, &pax);
	octal(h.mode, sizeof(h.mode), e->mode & 07777);
	put_number(h.uid, sizeof(h.uid), e->uid, "uid", &pax);
	put_number(h.gid, sizeof(h.gid), e->gid, "gid", &pax);
	put_number(h.size, sizeof(h.size), size, "size", &pax);
	put_number(h.mtime, sizeof(h.mtime), e->mtime.tv_sec < 0 ? 0 : (uint64_t)e->mtime.tv_sec,
		   "mtime", &pax);
	octal(h.major, sizeof(h.major), e->major);
	octal(h.minor, sizeof(h.minor), e->minor);
	pax_xattrs(&pax, e);
	if (pax.len > 0 || pax.failed)
		r = write_pax(w, &pax, err);
	seal(&h);
	if (r == 0)
		r = add(w, &h, sizeof(h), err);
	w->left = size;
	w->pad = (size_t)((BLOCK - size % BLOCK) % BLOCK);
	return r;
}

int tar_write_entry(struct tar_writer *w, const struct tar_entry *e, struct berth_error *err)
{
	cleanup_free char *slashed = NULL;
	int r = check(w, e, err);

	if (r < 0)
		return r;
	if (e->type == TAR_DIR && !str_has_suffix(e->name, "/")) {
		slashed = str_fmt("%s/", e->name);
		if (!slashed)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return write_header(w, e, slashed ? slashed : e->name, err);
}

/* --- data ----------------------------------------------------------------- */

int tar_write_data(struct tar_writer *w, const void *p, size_t n, struct berth_error *err)
{
	int r;

	if (n > w->left)
		return berth_fail(err, BERTH_E_INTERNAL, "more data than the entry has");
	r = add(w, p, n, err);
	w->left -= n;
	return r < 0 || w->left > 0 ? r : pad(w, err);
}

/* Inside the kernel, to a descriptor. What it could not do is left for reading and writing. */
static int send_file(struct tar_writer *w, int fd, off_t *at, struct berth_error *err)
{
	int r = flush(w, err);

	while (r == 0 && w->left > 0) {
		size_t want = w->left < SENDFILE_MAX ? (size_t)w->left : SENDFILE_MAX;
		ssize_t n = sendfile(w->out.fd, fd, at, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EAGAIN)) {
			w->no_sendfile = true;
			return 0;
		}
		if (n < 0)
			return berth_fail_errno(err, errno, "write");
		if (n == 0)
			return 0;
		w->left -= (uint64_t)n;
		w->written += (uint64_t)n;
	}
	return r;
}

/* Read straight into the buffer. */
static int read_file(struct tar_writer *w, int fd, off_t at, struct berth_error *err)
{
	int r = 0;

	while (r == 0 && w->left > 0) {
		size_t room = sizeof(w->buf) - w->n;
		ssize_t n;

		if (room < BLOCK) {
			r = flush(w, err);
			continue;
		}
		n = pread(fd, w->buf + w->n, w->left < room ? (size_t)w->left : room, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return berth_fail_errno(err, errno, "read");
		if (n == 0) {
			r = add_zeros(w, w->left, err);
			w->left = 0;
			break;
		}
		w->n += (size_t)n;
		w->written += (uint64_t)n;
		w->left -= (uint64_t)n;
		at += n;
	}
	return r;
}

int tar_write_from(struct tar_writer *w, int fd, struct berth_error *err)
{
	off_t at = 0;
	int r = 0;

	if (!w->out.put && !w->no_sendfile && w->left >= SENDFILE_MIN)
		r = send_file(w, fd, &at, err);
	if (r == 0)
		r = read_file(w, fd, at, err);
	return r < 0 ? r : pad(w, err);
}

int tar_write_end(struct tar_writer *w, struct berth_error *err)
{
	int r = 0;

	if (w->left > 0)
		return berth_fail(err, BERTH_E_INTERNAL, "the last entry lacks %llu bytes",
				  (unsigned long long)w->left);
	r = add_zeros(w, 2 * BLOCK, err);
	return r < 0 ? r : flush(w, err);
}
