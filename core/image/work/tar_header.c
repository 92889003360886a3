/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/image/work/tar_parts.h"

/* offsets and lengths of the fields of a block */
#define NAME	 0, 100
#define MODE	 100, 8
#define UID	 108, 8
#define GID	 116, 8
#define SIZE	 124, 12
#define MTIME	 136, 12
#define CHECKSUM 148
#define TYPE	 156
#define LINK	 157, 100
#define MAGIC	 257
#define MAJOR	 329, 8
#define MINOR	 337, 8
#define PREFIX	 345, 155

bool tar_block_is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK_SIZE - 1) == 0;
}

static bool number_base256(const uint8_t *field, size_t n, int64_t *ret)
{
	bool negative = field[0] & 0x40;
	uint8_t flip = negative ? 0xff : 0;
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = field[i] ^ flip;

		if (i == 0)
			c &= 0x7f; /* the mark itself */
		if (value >> 56)
			return false;
		value = value << 8 | c;
	}
	if (value >> 63)
		return false;
	*ret = negative ? ~(int64_t)value : (int64_t)value;
	return true;
}

bool tar_number(const uint8_t *field, size_t n, int64_t *ret)
{
	uint64_t value = 0;

	if (field[0] & 0x80)
		return number_base256(field, n, ret);
	while (n > 0 && (*field == ' ' || *field == '\0')) {
		field++;
		n--;
	}
	while (n > 0 && (field[n - 1] == ' ' || field[n - 1] == '\0'))
		n--;
	for (; n > 0 && *field; field++, n--) {
		if (*field < '0' || *field > '7' || value >> 60)
			return false;
		value = value << 3 | (uint64_t)(*field - '0');
	}
	*ret = (int64_t)value;
	return true;
}

static int field_at(const uint8_t *block, size_t at, size_t n, const char *what, int64_t *ret,
		    struct berth_error *err)
{
	if (tar_number(block + at, n, ret))
		return 0;
	return berth_fail(err, BERTH_E_CORRUPT, "tar: the field '%s' is no number", what);
}

/** The same for what cannot be negative. */
static int unsigned_at(const uint8_t *block, size_t at, size_t n, const char *what, uint64_t *ret,
		       struct berth_error *err)
{
	int64_t value;
	int r = field_at(block, at, n, what, &value, err);

	if (r < 0)
		return r;
	if (value < 0)
		return berth_fail(err, BERTH_E_CORRUPT, "tar: the field '%s' is negative", what);
	*ret = (uint64_t)value;
	return 0;
}

static size_t text_at(const uint8_t *block, size_t at, size_t n, char *out)
{
	size_t len = strnlen((const char *)block + at, n);

	memcpy(out, block + at, len);
	out[len] = '\0';
	return len;
}

/** The sum of all bytes, the field itself as blanks; some old writers took bytes as signed. */
static bool checksum_is_right(const uint8_t *block)
{
	int64_t said, as_unsigned = 0, as_signed = 0;

	for (size_t i = 0; i < TAR_BLOCK_SIZE; i++) {
		uint8_t c = i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : block[i];

		as_unsigned += c;
		as_signed += (int8_t)c;
	}
	return tar_number(block + CHECKSUM, 8, &said) && (said == as_unsigned || said == as_signed);
}

int tar_header_parse(const uint8_t *block, struct tar_header *ret, struct berth_error *err)
{
	struct tar_header h = {.type = (char)block[TYPE]};
	bool ustar = memcmp(block + MAGIC, "ustar", 6) == 0;
	char prefix[156], name[101];
	int r;

	if (!checksum_is_right(block))
		return berth_fail(err, BERTH_E_CORRUPT, "tar: the checksum of a header is wrong");
	h.gnu = memcmp(block + MAGIC, "ustar  ", 8) == 0;
	(void)text_at(block, NAME, name);
	(void)text_at(block, LINK, h.link);
	prefix[0] = '\0';
	if (ustar)
		(void)text_at(block, PREFIX, prefix);
	(void)snprintf(h.name, sizeof(h.name), "%s%s%s", prefix, *prefix ? "/" : "", name);
	r = field_at(block, SIZE, "size", &h.size, err);
	if (r == 0)
		r = field_at(block, MTIME, "mtime", &h.mtime, err);
	if (r == 0)
		r = unsigned_at(block, MODE, "mode", &h.mode, err);
	if (r == 0)
		r = unsigned_at(block, UID, "uid", &h.uid, err);
	if (r == 0)
		r = unsigned_at(block, GID, "gid", &h.gid, err);
	/* others fill these two with anything */
	if (r == 0 && (h.type == '3' || h.type == '4'))
		r = unsigned_at(block, MAJOR, "devmajor", &h.major, err);
	if (r == 0 && (h.type == '3' || h.type == '4'))
		r = unsigned_at(block, MINOR, "devminor", &h.minor, err);
	if (r < 0)
		return r;
	*ret = h;
	return 0;
}
