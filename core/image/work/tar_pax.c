/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "core/image/work/tar_parts.h"

#define XATTR_SCHILY	 "SCHILY.xattr."
#define XATTR_LIBARCHIVE "LIBARCHIVE.xattr."

enum { XATTRS_MAX = 1024 };

static int bad(const char *key, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_CORRUPT, "tar: the pax record '%.64s' makes no sense", key);
}

/** Decimal, with an optional sign. */
static bool read_int(const char *s, int64_t *ret)
{
	return parse_i64(s, INT64_MIN, INT64_MAX, ret) == 0;
}

/** "1350244992.023960108", "-1.5": seconds with any number of decimals. */
static bool read_time(const char *s, struct timespec *ret)
{
	const char *dot = strchr(s, '.');
	cleanup_free char *whole = dot ? strndup(s, (size_t)(dot - s)) : strdup(s);
	int64_t seconds = 0;
	long ns = 0, unit = 100000000;

	if (!whole || (*whole && !str_eq(whole, "-") && !read_int(whole, &seconds)))
		return false;
	for (const char *at = dot ? dot + 1 : ""; *at; at++, unit /= 10) {
		if (*at < '0' || *at > '9')
			return false;
		ns += unit * (*at - '0'); /* from the tenth decimal on nothing */
	}
	if (*s == '-' && ns > 0) {
		if (seconds == INT64_MIN)
			return false;
		seconds--;
		ns = 1000000000 - ns;
	}
	ret->tv_sec = seconds;
	ret->tv_nsec = ns;
	return true;
}

static int add_xattr(struct tar_pax *pax, const char *name, const void *value, size_t n,
		     struct berth_error *err)
{
	/* writers give the same one in two spellings; the later record is the one that counts */
	for (size_t i = 0; i < pax->n_xattr; i++) {
		if (str_eq(pax->xattr[i].name, name)) {
			pax->xattr[i].value = value;
			pax->xattr[i].n = n;
			return 0;
		}
	}
	if (pax->n_xattr == XATTRS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "tar: more than %d xattrs of one entry",
				  XATTRS_MAX);
	if (pax->n_xattr == pax->room_xattr) {
		size_t room = pax->room_xattr ? 2 * pax->room_xattr : 8;
		void *grown = reallocarray(pax->xattr, room, sizeof(*pax->xattr));

		if (!grown)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		pax->xattr = grown;
		pax->room_xattr = room;
	}
	pax->xattr[pax->n_xattr++] = (struct tar_xattr){.name = name, .value = value, .n = n};
	return 0;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/** In place, since the result is shorter; padding may be missing. false: it is none. */
static bool base64_decode(char *s, size_t *ret_n)
{
	char *out = s;
	uint32_t bits = 0;
	int have = 0;

	for (const char *at = s; *at && *at != '='; at++) {
		int digit = base64_digit(*at);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (char)(bits >> have & 0xff);
		}
	}
	*ret_n = (size_t)(out - s);
	return true;
}

/** "%41" to "A", in place. */
static bool url_decode(char *s)
{
	char *out = s;

	while (*s) {
		char hex[3] = {0};
		char byte;

		if (*s != '%') {
			*out++ = *s++;
			continue;
		}
		for (int i = 0; i < 2 && s[1 + i]; i++)
			hex[i] = s[1 + i] >= 'A' && s[1 + i] <= 'F' ? (char)(s[1 + i] | 0x20)
								    : s[1 + i];
		if (!hex_decode(hex, &byte, 1) || byte == '\0')
			return false;
		*out++ = byte;
		s += 3;
	}
	*out = '\0';
	return true;
}

static int read_xattr(struct tar_pax *pax, char *key, char *value, size_t n, bool *ret_is,
		      struct berth_error *err)
{
	*ret_is = true;
	if (str_has_prefix(key, XATTR_SCHILY))
		return add_xattr(pax, key + strlen(XATTR_SCHILY), value, n, err);
	if (str_has_prefix(key, XATTR_LIBARCHIVE)) {
		char *name = key + strlen(XATTR_LIBARCHIVE);

		if (strlen(value) != n || !url_decode(name) || !base64_decode(value, &n))
			return bad(key, err);
		return add_xattr(pax, name, value, n, err);
	}
	*ret_is = false;
	return 0;
}

/** GNU.sparse.offset and .numbytes come in pairs, in pax 0.0. */
static int read_sparse_part(struct tar_pax *pax, const char *key, const char *value,
			    struct berth_error *err)
{
	int64_t number;
	int r;

	if (!read_int(value, &number) || number < 0)
		return bad(key, err);
	if (str_has_suffix(key, ".offset")) {
		if (pax->pending_offset >= 0)
			return bad(key, err);
		pax->pending_offset = number;
		return 0;
	}
	if (pax->pending_offset < 0)
		return bad(key, err);
	r = tar_map_add(&pax->map, (uint64_t)pax->pending_offset, (uint64_t)number, err);
	pax->pending_offset = -1;
	return r;
}

static int read_sparse(struct tar_pax *pax, const char *key, const char *value,
		       struct berth_error *err)
{
	const char *what = str_after(key, "GNU.sparse.");

	if (str_eq(what, "name"))
		pax->sparse_name = value;
	else if (str_eq(what, "map"))
		pax->sparse_map = value;
	else if (str_eq(what, "major"))
		pax->sparse_major = value;
	else if (str_eq(what, "minor"))
		pax->sparse_minor = value;
	else if (str_eq(what, "offset") || str_eq(what, "numbytes"))
		return read_sparse_part(pax, key, value, err);
	else if (str_eq(what, "size") || str_eq(what, "realsize")) {
		pax->has_sparse_size = read_int(value, &pax->sparse_size);
		if (!pax->has_sparse_size || pax->sparse_size < 0)
			return bad(key, err);
	}
	return 0;
}

/** Keys that are numbers or texts of the entry; empty values leave what the header says. */
static int read_known(struct tar_pax *pax, const char *key, const char *value,
		      struct berth_error *err)
{
	bool fine = true;

	if (*value == '\0')
		return 0;
	if (str_eq(key, "path"))
		pax->path = value;
	else if (str_eq(key, "linkpath"))
		pax->link = value;
	else if (str_eq(key, "size"))
		fine = pax->has_size = read_int(value, &pax->size);
	else if (str_eq(key, "uid"))
		fine = pax->has_uid = read_int(value, &pax->uid);
	else if (str_eq(key, "gid"))
		fine = pax->has_gid = read_int(value, &pax->gid);
	else if (str_eq(key, "mtime"))
		fine = pax->has_mtime = read_time(value, &pax->mtime);
	else if (str_eq(key, "SCHILY.acl.access"))
		pax->acl_access = value;
	else if (str_eq(key, "SCHILY.acl.default"))
		pax->acl_default = value;
	else if (str_has_prefix(key, "GNU.sparse."))
		return read_sparse(pax, key, value, err);
	return fine ? 0 : bad(key, err);
}

static int read_record(struct tar_pax *pax, char *key, size_t key_n, char *value, size_t n,
		       struct berth_error *err)
{
	bool is_xattr;
	int r;

	if (key_n == 0 || strlen(key) != key_n)
		return bad(key, err);
	r = read_xattr(pax, key, value, n, &is_xattr, err);
	if (r < 0 || is_xattr)
		return r;
	/* a NUL inside would make a name another one for who reads it as a C string */
	if (strlen(value) != n)
		return bad(key, err);
	return read_known(pax, key, value, err);
}

int tar_pax_parse(char *text, size_t n, struct tar_pax *ret, struct berth_error *err)
{
	char *at = text, *end = text + n;

	*ret = (struct tar_pax){.pending_offset = -1};
	while (at < end) {
		char *record = at, *key, *equal;
		size_t len = 0;
		int r;

		for (; at < end && *at >= '0' && *at <= '9' && len <= n; at++)
			len = len * 10 + (size_t)(*at - '0');
		/* "5 a=\n" is the shortest */
		if (at == record || at == end || *at != ' ' || len < 5 ||
		    len > (size_t)(end - record) || record + len <= at + 1)
			return bad("", err);
		key = at + 1;
		at = record + len;
		equal = memchr(key, '=', (size_t)(at - key));
		if (!equal || at[-1] != '\n')
			return bad("", err);
		*equal = '\0';
		at[-1] = '\0';
		r = read_record(ret, key, (size_t)(equal - key), equal + 1,
				(size_t)(at - 1 - (equal + 1)), err);
		if (r < 0)
			return r;
	}
	return 0;
}

void tar_pax_done(struct tar_pax *pax)
{
	free(pax->xattr);
	free(pax->map.extent);
	*pax = (struct tar_pax){.pending_offset = -1};
}
