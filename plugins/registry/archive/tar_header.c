/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_header.h"

#include <string.h>

#include "base/str.h"

/* Byte ranges of a ustar header. */
#define AT_NAME	    0
#define AT_SIZE	    124
#define AT_CHECKSUM 148
#define AT_TYPE	    156
#define AT_LINK	    157
#define AT_MAGIC    257
#define AT_PREFIX   345
enum { LEN_NAME = 100, LEN_SIZE = 12, LEN_CHECKSUM = 8, LEN_LINK = 100, LEN_PREFIX = 155 };

bool tar_is_zero(const char block[static TAR_BLOCK])
{
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		if (block[i] != 0)
			return false;
	}
	return true;
}

/* GNU's binary form: the first bit set, then a big-endian number. */
static bool binary_number(const unsigned char *p, size_t n, uint64_t *ret)
{
	uint64_t value = p[0] & 0x7f;

	for (size_t i = 1; i < n; i++) {
		if (value >> (63 - 8))
			return false;
		value = value << 8 | p[i];
	}
	*ret = value;
	return true;
}

/* Octal digits between blanks, ended by a blank, a NUL or the field; all blank is 0. */
static bool octal_number(const char *p, size_t n, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(p[i] - '0'); /* at most 12 digits, 36 bits */
	for (; i < n; i++) {
		if (p[i] != ' ' && p[i] != '\0')
			return false;
	}
	*ret = value;
	return true;
}

static bool header_number(const char *p, size_t n, uint64_t *ret)
{
	if ((unsigned char)p[0] & 0x80)
		return binary_number((const unsigned char *)p, n, ret);
	return octal_number(p, n, ret);
}

static bool checksum_fits(const char *block)
{
	uint64_t sum = 0;
	uint64_t wanted;

	if (!octal_number(block + AT_CHECKSUM, LEN_CHECKSUM, &wanted))
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool blank = i >= AT_CHECKSUM && i < AT_CHECKSUM + LEN_CHECKSUM;

		sum += blank ? ' ' : (unsigned char)block[i];
	}
	return sum == wanted;
}

const char *tar_header_parse(const char block[static TAR_BLOCK], struct tar_header *ret)
{
	struct tar_header header = {.type = block[AT_TYPE]};
	size_t at = 0;

	if (!checksum_fits(block))
		return "a header has the wrong checksum";
	if (!header_number(block + AT_SIZE, LEN_SIZE, &header.bytes))
		return "a header has no valid size";
	/* POSIX has a prefix; GNU ("ustar  ") has times there. */
	if (memcmp(block + AT_MAGIC, "ustar\0", 6) == 0 && block[AT_PREFIX]) {
		at = strnlen(block + AT_PREFIX, LEN_PREFIX);
		memcpy(header.name, block + AT_PREFIX, at);
		header.name[at++] = '/';
	}
	memcpy(header.name + at, block + AT_NAME, strnlen(block + AT_NAME, LEN_NAME));
	memcpy(header.link, block + AT_LINK, strnlen(block + AT_LINK, LEN_LINK));
	*ret = header;
	return NULL;
}

enum tar_kind tar_header_kind(char type, const char *name)
{
	size_t len = strlen(name);

	switch (type) {
	case '\0':
	case '0':
	case '7':
		/* before ustar a slash at the end said that it is a directory */
		return len > 0 && name[len - 1] == '/' ? TAR_DIR : TAR_FILE;
	case '1':
		return TAR_HARDLINK;
	case '2':
		return TAR_SYMLINK;
	case '5':
		return TAR_DIR;
	default:
		return TAR_OTHER;
	}
}

bool tar_header_is_extended(char type)
{
	return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

static const char *take_record(struct tar_extended *ext, const char *key, const char *value,
			       size_t n)
{
	bool is_path = strcmp(key, "path") == 0;

	if (is_path || strcmp(key, "linkpath") == 0) {
		char **to = is_path ? &ext->path : &ext->link;

		if (strlen(value) != n)
			return "a name has a NUL in it";
		free(*to);
		*to = strdup(value);
		return *to ? NULL : "a name does not fit into memory";
	}
	if (strcmp(key, "size") == 0) {
		ext->has_bytes = true;
		if (strlen(value) != n || parse_u64(value, INT64_MAX, &ext->bytes) < 0)
			return "an extended header has no valid size";
	}
	if (str_has_prefix(key, "GNU.sparse."))
		ext->sparse = true;
	return NULL;
}

/* Records "LENGTH KEY=VALUE\n", where LENGTH counts all of the record. */
static const char *take_pax(struct tar_extended *ext, const char *body, size_t n)
{
	static const char bad[] = "a malformed extended header";

	while (n > 0) {
		const char *blank = memchr(body, ' ', n < 20 ? n : 20);
		cleanup_free char *record = NULL;
		uint64_t len;
		size_t digits;
		char *equals;
		const char *wrong;

		if (!blank)
			return bad;
		digits = (size_t)(blank - body);
		record = strndup(body, digits);
		if (!record || parse_u64(record, n, &len) < 0 || len < digits + 3 ||
		    body[len - 1] != '\n')
			return bad;
		free(record);
		record = malloc(len);
		if (!record)
			return "an extended header does not fit into memory";
		memcpy(record, body, len - 1);
		record[len - 1] = '\0';
		equals = memchr(record + digits + 1, '=', len - 1 - digits - 1);
		if (!equals)
			return bad;
		*equals = '\0';
		wrong = take_record(ext, record + digits + 1, equals + 1,
				    len - 1 - (size_t)(equals + 1 - record));
		if (wrong)
			return wrong;
		body += len;
		n -= len;
	}
	return NULL;
}

/* A global header speaks for all that follows. No writer of images needs that for names or sizes.
 */
static const char *take_global(const char *body, size_t n)
{
	struct tar_extended ext = {NULL};
	const char *wrong = take_pax(&ext, body, n);

	if (!wrong && tar_extended_is_set(&ext))
		wrong = "a global header names or sizes entries";
	tar_extended_done(&ext);
	return wrong;
}

static const char *take_gnu(char **to, const char *body, size_t n)
{
	size_t len = strnlen(body, n);

	/* NULs behind the name are padding; anything else there is not */
	for (size_t i = len; i < n; i++) {
		if (body[i])
			return "a name has a NUL in it";
	}
	if (*to)
		return NULL; /* pax, where both are there, comes first */
	*to = strndup(body, len);
	return *to ? NULL : "a name does not fit into memory";
}

const char *tar_extended_take(struct tar_extended *ext, char type, const char *body, size_t n)
{
	const char *types = "xLK";
	const char *at = strchr(types, type);

	if (type == 'g' || !at)
		return take_global(body, n);
	if (ext->seen[at - types])
		return "two extended headers of a kind for one entry";
	ext->seen[at - types] = true;
	if (type == 'x')
		return take_pax(ext, body, n);
	return take_gnu(type == 'L' ? &ext->path : &ext->link, body, n);
}

bool tar_extended_is_set(const struct tar_extended *ext)
{
	return ext->path || ext->link || ext->has_bytes || ext->sparse || ext->seen[0] ||
	       ext->seen[1] || ext->seen[2];
}

void tar_extended_done(struct tar_extended *ext)
{
	free(ext->path);
	free(ext->link);
	memset(ext, 0, sizeof(*ext));
}

bool tar_is_printable(const char *name)
{
	if (strlen(name) > TAR_NAME_MAX)
		return false;
	for (; *name; name++) {
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			return false;
	}
	return true;
}

/* Append the components of @raw to @out; ".." takes one away if @up, else it is refused. */
static const char *add_components(struct str *out, const char *raw, bool up)
{
	while (*raw) {
		size_t n = strcspn(raw, "/");

		if (n == 2 && raw[0] == '.' && raw[1] == '.') {
			const char *slash;

			if (!up || out->len == 0)
				return "leads out of the archive";
			slash = strrchr(str_text(out), '/');
			str_cut(out, slash ? (size_t)(slash - out->p) : 0);
		} else if (n > 0 && !(n == 1 && raw[0] == '.')) {
			if (out->len > 0)
				str_add_char(out, '/');
			str_add_n(out, raw, n);
		}
		raw += n;
		raw += *raw == '/';
	}
	return NULL;
}

const char *tar_clean_name(const char *raw, char **ret)
{
	cleanup_str struct str out = STR_INIT;

	if (!tar_is_printable(raw))
		return "an entry's name has control characters or is too long";
	if (raw[0] == '\0')
		return "an entry has no name";
	if (raw[0] == '/' || add_components(&out, raw, false))
		return "an entry's name leads out of the archive";
	*ret = str_steal(&out);
	return *ret ? NULL : "a name does not fit into memory";
}

const char *tar_clean_link(const char *from, const char *link, char **ret)
{
	cleanup_str struct str out = STR_INIT;
	const char *slash = strrchr(from, '/');

	if (link[0] == '/')
		return "leads out of the archive";
	if (slash)
		str_add_n(&out, from, (size_t)(slash - from));
	if (add_components(&out, link, true))
		return "leads out of the archive";
	*ret = str_steal(&out);
	return *ret ? NULL : "does not fit into memory";
}
