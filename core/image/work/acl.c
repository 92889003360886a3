/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/image/work/unpack_parts.h"

/* the kernel's form: version 2, then tag, permissions and id of each, all little endian */
enum {
	ACL_VERSION = 2,
	ENTRY_BYTES = 8,
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

static int bad(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_CORRUPT, "its ACL makes no sense");
}

static bool read_perm(const char *s, size_t n, uint16_t *ret)
{
	uint16_t perm = 0;

	for (size_t i = 0; i < n; i++) {
		switch (s[i]) {
		case 'r':
			perm |= 4;
			break;
		case 'w':
			perm |= 2;
			break;
		case 'x':
			perm |= 1;
			break;
		case '-':
			break;
		default:
			return false;
		}
	}
	*ret = perm;
	return n > 0;
}

static bool read_number(const char *s, size_t n, uint32_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || value > UINT32_MAX)
			return false;
		value = value * 10 + (uint64_t)(s[i] - '0');
	}
	*ret = (uint32_t)value;
	return n > 0 && value < UINT32_MAX;
}

static uint16_t tag_of(const char *word, size_t n, bool named)
{
	static const struct {
		const char *word;
		uint16_t tag, named;
	} tags[] = {
		{"user", TAG_USER_OBJ, TAG_USER},
		{"group", TAG_GROUP_OBJ, TAG_GROUP},
		{"mask", TAG_MASK, 0},
		{"other", TAG_OTHER, 0},
	};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (n > 0 && n <= strlen(tags[i].word) && strncmp(tags[i].word, word, n) == 0)
			return named ? tags[i].named : tags[i].tag;
	return 0;
}

/** "user:lisa:r-x:502", "group::r--", "mask::r-x", "other::r--"; @n bytes. */
static int read_entry(const char *s, size_t n, struct acl_entry *ret, struct berth_error *err)
{
	const char *field[4] = {s};
	size_t len[4] = {0};
	size_t fields = 1;
	bool named;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != ':') {
			len[fields - 1]++;
			continue;
		}
		if (fields == 4)
			return bad(err);
		field[fields++] = s + i + 1;
	}
	/* "mask:rwx" and "other:r-x" come without the empty field too */
	if (fields == 2) {
		field[2] = field[1];
		len[2] = len[1];
		len[1] = 0;
		fields = 3;
	}
	named = len[1] > 0;
	ret->tag = fields < 3 ? 0 : tag_of(field[0], len[0], named);
	ret->id = UINT32_MAX;
	if (!ret->tag || !read_perm(field[2], len[2], &ret->perm))
		return bad(err);
	if (!named)
		return 0;
	if (fields == 4 ? read_number(field[3], len[3], &ret->id)
			: read_number(field[1], len[1], &ret->id))
		return 0;
	return berth_fail(err, BERTH_E_UNSUPPORTED, "its ACL names a user without a number");
}

static int compare(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void put(uint8_t *out, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

int acl_from_text(const char *text, uint8_t out[static ACL_BYTES_MAX], size_t *ret_n,
		  struct berth_error *err)
{
	struct acl_entry entry[(ACL_BYTES_MAX - 4) / ENTRY_BYTES];
	size_t n = 0;
	int r;

	while (*text) {
		size_t len = strcspn(text, ",\n");
		const char *from = text;

		text += len + (text[len] != '\0');
		while (len > 0 && *from == ' ') {
			from++;
			len--;
		}
		if (len == 0 || *from == '#')
			continue;
		if (n == sizeof(entry) / sizeof(entry[0]))
			return berth_fail(err, BERTH_E_LIMIT, "its ACL has more than %zu entries",
					  n);
		r = read_entry(from, len, &entry[n++], err);
		if (r < 0)
			return r;
	}
	qsort(entry, n, sizeof(entry[0]), compare); /* the kernel wants them in order */
	put(out, ACL_VERSION, 4);
	for (size_t i = 0; i < n; i++) {
		uint8_t *at = out + 4 + i * ENTRY_BYTES;

		put(at, entry[i].tag, 2);
		put(at + 2, entry[i].perm, 2);
		put(at + 4, entry[i].id, 4);
	}
	*ret_n = 4 + n * ENTRY_BYTES;
	return 0;
}
