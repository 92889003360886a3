/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/tar.h"

#include <stdlib.h>
#include <string.h>

#include "core/image/work/tar_parts.h"

struct tar {
	tar_input_fn in;
	void *arg;
	const uint8_t *p; /* what is left of the last input */
	size_t n;
	uint64_t offset; /* of p in the stream */
	bool ended;	 /* the input has no more */

	uint8_t block[TAR_BLOCK_SIZE]; /* one that lies across two inputs */
	struct str pax_text, long_name, long_link;
	struct tar_pax pax;
	struct tar_header header;
	struct tar_entry entry;

	uint64_t stored; /* bytes of this entry's data that are still in the stream */
	unsigned int padding;
	uint64_t at; /* offset in the file of the next byte, if there are no holes */
	struct tar_hole_map map;
	size_t extent;	      /* the one being read */
	uint64_t extent_done; /* of its bytes */
};

int tar_new(tar_input_fn in, void *arg, struct tar **ret, struct berth_error *err)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (!t)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	t->in = in;
	t->arg = arg;
	t->pax.pending_offset = -1;
	*ret = t;
	return 0;
}

void tar_free(struct tar *t)
{
	if (!t)
		return;
	str_done(&t->pax_text);
	str_done(&t->long_name);
	str_done(&t->long_link);
	tar_pax_done(&t->pax);
	free(t->map.extent);
	free(t);
}

uint64_t tar_offset(const struct tar *t)
{
	return t->offset;
}

/** Make sure that there is input, unless it has ended: t->n is 0 then. */
static int fill(struct tar *t, struct berth_error *err)
{
	const void *p = NULL;
	size_t n = 0;
	int r;

	if (t->n > 0 || t->ended)
		return 0;
	r = t->in(t->arg, &p, &n, err);
	if (r < 0) {
		t->ended = true;
		return r;
	}
	t->ended = n == 0;
	t->p = p;
	t->n = n;
	return 0;
}

static void consume(struct tar *t, size_t n)
{
	t->p += n;
	t->n -= n;
	t->offset += n;
}

static int cut_off(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_CORRUPT, "tar: it ends too early");
}

/** The next block, borrowed; NULL in *ret at the end of the stream. */
static int next_block(struct tar *t, const uint8_t **ret, struct berth_error *err)
{
	size_t have = 0;
	int r = fill(t, err);

	if (r < 0)
		return r;
	if (t->n >= TAR_BLOCK_SIZE) {
		*ret = t->p;
		consume(t, TAR_BLOCK_SIZE);
		return 0;
	}
	while (have < TAR_BLOCK_SIZE) {
		size_t take;

		r = fill(t, err);
		if (r < 0)
			return r;
		if (t->n == 0)
			break;
		take = t->n < TAR_BLOCK_SIZE - have ? t->n : TAR_BLOCK_SIZE - have;
		memcpy(t->block + have, t->p, take);
		consume(t, take);
		have += take;
	}
	if (have > 0 && have < TAR_BLOCK_SIZE)
		return cut_off(err);
	*ret = have ? t->block : NULL;
	return 0;
}

static int skip(struct tar *t, uint64_t n, struct berth_error *err)
{
	while (n > 0) {
		size_t take;
		int r = fill(t, err);

		if (r < 0)
			return r;
		if (t->n == 0)
			return cut_off(err);
		take = t->n < n ? t->n : (size_t)n;
		consume(t, take);
		n -= take;
	}
	return 0;
}

int tar_drain(struct tar *t, struct berth_error *err)
{
	for (;;) {
		int r = fill(t, err);

		if (r < 0 || t->n == 0)
			return r;
		consume(t, t->n);
	}
}

static unsigned int padding_of(uint64_t size)
{
	return (unsigned int)(-size & (TAR_BLOCK_SIZE - 1));
}

/** The data of a header that describes the next one: a long name, pax records. */
static int read_special(struct tar *t, struct str *out, struct berth_error *err)
{
	uint64_t left = (uint64_t)t->header.size;

	str_clear(out);
	if (t->header.size < 0)
		return berth_fail(err, BERTH_E_CORRUPT, "tar: the field 'size' is negative");
	if (left > TAR_SPECIAL_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "tar: a header is longer than %d bytes",
				  TAR_SPECIAL_MAX);
	while (left > 0) {
		size_t take;
		int r = fill(t, err);

		if (r < 0)
			return r;
		if (t->n == 0)
			return cut_off(err);
		take = t->n < left ? t->n : (size_t)left;
		str_add_n(out, t->p, take);
		consume(t, take);
		left -= take;
	}
	if (str_check(out, err) < 0)
		return -BERTH_E_NO_MEMORY;
	return skip(t, padding_of((uint64_t)t->header.size), err);
}

/** The next block that is a header, NULL at the end: two empty blocks, or the end of the stream. */
static int next_filled_block(struct tar *t, const uint8_t **ret, struct berth_error *err)
{
	int r = next_block(t, ret, err);

	if (r < 0 || !*ret || !tar_block_is_zero(*ret))
		return r;
	r = next_block(t, ret, err);
	if (r < 0)
		return r;
	if (*ret && !tar_block_is_zero(*ret))
		return berth_fail(err, BERTH_E_CORRUPT,
				  "tar: an empty block stands between entries");
	*ret = NULL;
	return 0;
}

static void forget_extras(struct tar *t)
{
	str_clear(&t->long_name);
	str_clear(&t->long_link);
	tar_pax_done(&t->pax);
}

static int read_pax(struct tar *t, struct berth_error *err)
{
	int r = read_special(t, &t->pax_text, err);

	tar_pax_done(&t->pax);
	if (r < 0 || t->pax_text.len == 0)
		return r;
	return tar_pax_parse(t->pax_text.p, t->pax_text.len, &t->pax, err);
}

/** Global records mean nothing to Go's users, and end what stood before them. */
static int skip_global(struct tar *t, struct berth_error *err)
{
	int r = read_special(t, &t->pax_text, err);

	forget_extras(t);
	return r;
}

/** Next header of an entry; what belongs to it is kept in pax, long_name, long_link. */
static int next_header(struct tar *t, const uint8_t **ret_block, struct berth_error *err)
{
	int r;

	forget_extras(t);
	do {
		r = next_filled_block(t, ret_block, err);
		if (r < 0 || !*ret_block)
			return r;
		r = tar_header_parse(*ret_block, &t->header, err);
		if (r < 0)
			return r;
		switch (t->header.type) {
		case 'x':
			r = read_pax(t, err);
			break;
		case 'g':
			r = skip_global(t, err);
			break;
		case 'L':
			r = read_special(t, &t->long_name, err);
			break;
		case 'K':
			r = read_special(t, &t->long_link, err);
			break;
		default:
			return 0;
		}
	} while (r == 0);
	return r;
}

static int read_type(struct tar *t, enum tar_type *ret, struct berth_error *err)
{
	size_t n = strlen(t->entry.name);

	switch (t->header.type) {
	case '\0': /* v7 marks directories by their name */
		*ret = n > 0 && t->entry.name[n - 1] == '/' ? TAR_DIR : TAR_REG;
		return 0;
	case '0':
	case '7':
	case 'S':
		*ret = TAR_REG;
		return 0;
	case '1':
		*ret = TAR_LINK;
		return 0;
	case '2':
		*ret = TAR_SYMLINK;
		return 0;
	case '3':
		*ret = TAR_CHAR;
		return 0;
	case '4':
		*ret = TAR_BLOCK;
		return 0;
	case '5':
		*ret = TAR_DIR;
		return 0;
	case '6':
		*ret = TAR_FIFO;
		return 0;
	default:
		return berth_fail(err, BERTH_E_UNSUPPORTED, "tar: an entry of unknown type 0x%02x",
				  (unsigned int)(uint8_t)t->header.type);
	}
}

/** A uid or gid; the highest means "none" to the kernel. */
static int read_id(int64_t value, const char *what, uint32_t *ret, struct berth_error *err)
{
	if (value < 0 || value >= UINT32_MAX)
		return berth_fail(err, BERTH_E_CORRUPT, "tar: the %s %lld is out of range", what,
				  (long long)value);
	*ret = (uint32_t)value;
	return 0;
}

static const char *first_text(const char *a, const struct str *b, const char *c)
{
	if (b->len > 0)
		return str_text(b);
	return a ? a : c;
}

static int build_entry(struct tar *t, struct berth_error *err)
{
	const struct tar_header *h = &t->header;
	const struct tar_pax *pax = &t->pax;
	struct tar_entry *e = &t->entry;
	int r;

	*e = (struct tar_entry){
		.mode = h->mode & 07777,
		.name = first_text(pax->path, &t->long_name, h->name),
		.link = first_text(pax->link, &t->long_link, h->link),
		.major = (uint32_t)h->major,
		.minor = (uint32_t)h->minor,
		.mtime = {.tv_sec = h->mtime},
		.xattr = pax->xattr,
		.n_xattr = pax->n_xattr,
		.acl_access = pax->acl_access,
		.acl_default = pax->acl_default,
	};
	if (pax->has_mtime)
		e->mtime = pax->mtime;
	r = read_type(t, &e->type, err);
	if (r == 0)
		r = read_id(pax->has_uid ? pax->uid : (int64_t)h->uid, "uid", &e->uid, err);
	if (r == 0)
		r = read_id(pax->has_gid ? pax->gid : (int64_t)h->gid, "gid", &e->gid, err);
	if (r == 0 && (h->major > UINT32_MAX || h->minor > UINT32_MAX))
		r = berth_fail(err, BERTH_E_CORRUPT, "tar: a device number is out of range");
	return r;
}

static int read_size(struct tar *t, struct berth_error *err)
{
	int64_t size = t->pax.has_size ? t->pax.size : t->header.size;

	t->at = 0;
	t->extent = 0;
	t->extent_done = 0;
	t->stored = 0;
	t->padding = 0;
	if (size < 0)
		return berth_fail(err, BERTH_E_CORRUPT, "tar: the field 'size' is negative");
	/* of the other types the field says nothing about what follows, whatever it is */
	if (t->entry.type == TAR_REG) {
		t->stored = (uint64_t)size;
		t->padding = padding_of(t->stored);
		t->entry.size = t->stored;
	}
	return 0;
}

static int read_old_sparse(struct tar *t, const uint8_t *block, struct berth_error *err)
{
	bool more;
	int r;

	if (!t->header.gnu)
		return berth_fail(err, BERTH_E_CORRUPT, "tar: a sparse file in a foreign format");
	t->entry.sparse = true;
	r = tar_map_gnu(&t->map, block, &t->entry.size, &more, err);
	while (r == 0 && more) {
		r = next_block(t, &block, err);
		if (r == 0 && !block)
			r = cut_off(err);
		if (r == 0)
			r = tar_map_gnu(&t->map, block, NULL, &more, err);
	}
	return r;
}

/** A decimal number and a newline, from the data of the entry. */
static int read_line_number(struct tar *t, uint64_t *ret, struct berth_error *err)
{
	uint64_t value = 0;
	int digits = 0;

	for (;;) {
		int r = fill(t, err);
		uint8_t c;

		if (r < 0)
			return r;
		if (t->n == 0 || t->stored == 0)
			return cut_off(err);
		c = *t->p;
		consume(t, 1);
		t->stored--;
		if (c == '\n' && digits > 0)
			break;
		if (c < '0' || c > '9' || ++digits > 18)
			return berth_fail(err, BERTH_E_CORRUPT,
					  "tar: the map of a sparse file makes no sense");
		value = value * 10 + (uint64_t)(c - '0');
	}
	*ret = value;
	return 0;
}

/** pax 1.0: the map is text at the beginning of the data, up to a whole number of blocks. */
static int read_new_sparse(struct tar *t, struct berth_error *err)
{
	uint64_t total = t->stored, n = 0, offset, len, rest;
	int r = read_line_number(t, &n, err);

	for (uint64_t i = 0; i < n && r == 0; i++) {
		r = read_line_number(t, &offset, err);
		if (r == 0)
			r = read_line_number(t, &len, err);
		if (r == 0)
			r = tar_map_add(&t->map, offset, len, err);
	}
	if (r < 0)
		return r;
	rest = padding_of(total - t->stored);
	if (rest > t->stored)
		return cut_off(err);
	t->stored -= rest;
	return skip(t, rest, err);
}

/** Sparse files in one of the three ways of pax; others are as they are. */
static int read_pax_sparse(struct tar *t, struct berth_error *err)
{
	struct tar_pax *pax = &t->pax;
	const char *major = pax->sparse_major, *minor = pax->sparse_minor;
	bool new = str_eq(major, "1") && str_eq(minor, "0");
	bool old = major ? str_eq(major, "0") && (str_eq(minor, "0") || str_eq(minor, "1"))
			 : pax->sparse_map || pax->map.n > 0;
	int r = 0;

	if (!new && !old)
		return 0;
	t->entry.sparse = true;
	if (pax->sparse_name)
		t->entry.name = pax->sparse_name;
	if (pax->has_sparse_size)
		t->entry.size = (uint64_t)pax->sparse_size;
	if (new)
		return read_new_sparse(t, err);
	if (pax->sparse_map)
		r = tar_map_text(&t->map, pax->sparse_map, err);
	for (size_t i = 0; i < pax->map.n && r == 0 && !pax->sparse_map; i++)
		r = tar_map_add(&t->map, pax->map.extent[i].offset, pax->map.extent[i].len, err);
	return r;
}

static int read_holes(struct tar *t, const uint8_t *block, struct berth_error *err)
{
	int r;

	t->map.n = 0;
	if (t->entry.type != TAR_REG)
		return 0;
	r = t->header.type == 'S' ? read_old_sparse(t, block, err) : read_pax_sparse(t, err);
	if (r < 0 || !t->entry.sparse)
		return r;
	return tar_map_check(&t->map, t->entry.size, t->stored, err);
}

/** The rest of the entry before. That the padding of the very last one is missing is fine. */
static int skip_rest(struct tar *t, struct berth_error *err)
{
	int r = skip(t, t->stored, err);

	t->stored = 0;
	if (r == 0)
		r = fill(t, err);
	if (r == 0 && (t->n > 0 || !t->ended))
		r = skip(t, t->padding, err);
	t->padding = 0;
	return r;
}

int tar_next(struct tar *t, const struct tar_entry **ret, struct berth_error *err)
{
	const uint8_t *block;
	int r = skip_rest(t, err);

	if (r == 0)
		r = next_header(t, &block, err);
	if (r < 0)
		return r;
	if (!block)
		return 0;
	r = build_entry(t, err);
	if (r == 0)
		r = read_size(t, err);
	if (r == 0)
		r = read_holes(t, block, err);
	if (r < 0)
		return r;
	*ret = &t->entry;
	return 1;
}

/** How much may be given out at once, and where it belongs. */
static size_t next_part(struct tar *t, uint64_t *ret_offset)
{
	const struct tar_extent *e;
	uint64_t left = t->stored;

	*ret_offset = t->at;
	if (t->entry.sparse) {
		while (t->extent < t->map.n && t->extent_done == t->map.extent[t->extent].len) {
			t->extent++;
			t->extent_done = 0;
		}
		e = &t->map.extent[t->extent]; /* tar_map_check: as long as stored > 0 there is one
						*/
		*ret_offset = e->offset + t->extent_done;
		left = e->len - t->extent_done;
	}
	return t->n < left ? t->n : (size_t)left;
}

int tar_data(struct tar *t, struct tar_part *ret, struct berth_error *err)
{
	int r;

	if (t->stored == 0)
		return 0;
	r = fill(t, err);
	if (r < 0)
		return r;
	if (t->n == 0)
		return cut_off(err);
	ret->n = next_part(t, &ret->offset);
	ret->p = t->p;
	consume(t, ret->n);
	t->stored -= ret->n;
	t->at += ret->n;
	t->extent_done += ret->n;
	return 1;
}
