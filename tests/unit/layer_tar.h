/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer_tar: tars made byte by byte, right ones and wrong ones. It shares nothing with the code
 * under test.
 *
 *     struct ltar t = {0};
 *
 *     ltar_pax(&t, "SCHILY.xattr.user.x", "1", 1);
 *     ltar_file(&t, "a/b", "content");
 *     ltar_end(&t);
 */
#ifndef TESTS_LAYER_TAR_H
#define TESTS_LAYER_TAR_H

#include "ck.h"

struct ltar {
	struct str out;
	struct str pax; /* records for the next entry */
	/* of the next entry, then as before */
	unsigned int mode; /* 0: 0644, or 0755 of directories */
	uint64_t uid, gid;
	int64_t mtime; /* 0: 1000000000 */
	unsigned int major, minor;
	const char *magic; /* NULL: ustar */
	const char *prefix;
	bool bad_checksum;
	const char *raw_size; /* 12 bytes in place of the size */
};

BERTH_UNUSED
static void ltar_pad(struct ltar *t)
{
	static const char zero[512];

	str_add_n(&t->out, zero, (512 - t->out.len % 512) % 512);
}

BERTH_UNUSED
static void ltar_number(char *field, size_t n, uint64_t value)
{
	char text[32];

	if (value < (UINT64_C(1) << (3 * (n - 1)))) {
		(void)snprintf(text, sizeof(text), "%0*llo", (int)n - 1, (unsigned long long)value);
		memcpy(field, text, n);
		return;
	}
	for (size_t i = n; i-- > 0; value >>= 8)
		field[i] = (char)(value & 0xff);
	field[0] = (char)(field[0] | 0x80);
}

/** One header block. @size as it stands there. */
BERTH_UNUSED
static void ltar_header(struct ltar *t, char type, const char *name, const char *link,
			uint64_t size)
{
	char b[512] = {0};
	unsigned int sum = 0;
	unsigned int mode = t->mode ? t->mode : type == '5' ? 0755 : 0644;

	memcpy(b, name, strnlen(name, 100));
	ltar_number(b + 100, 8, mode);
	ltar_number(b + 108, 8, t->uid);
	ltar_number(b + 116, 8, t->gid);
	ltar_number(b + 124, 12, size);
	if (t->raw_size)
		memcpy(b + 124, t->raw_size, 12);
	ltar_number(b + 136, 12, (uint64_t)(t->mtime ? t->mtime : 1000000000));
	b[156] = type;
	memcpy(b + 157, link, strnlen(link, 100));
	memcpy(b + 257, t->magic ? t->magic : "ustar\00000", 8);
	if (type == '3' || type == '4') {
		ltar_number(b + 329, 8, t->major);
		ltar_number(b + 337, 8, t->minor);
	}
	if (t->prefix)
		memcpy(b + 345, t->prefix, strnlen(t->prefix, 155));
	memset(b + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(b); i++)
		sum += (unsigned char)b[i];
	(void)snprintf(b + 148, 8, "%06o", sum + (t->bad_checksum ? 1 : 0));
	b[155] = ' ';
	str_add_n(&t->out, b, sizeof(b));
	t->mode = 0;
	t->uid = t->gid = 0;
	t->mtime = 0;
	t->major = t->minor = 0;
	t->bad_checksum = false;
	t->raw_size = NULL;
}

/** A pax record of the next entry. */
BERTH_UNUSED
static void ltar_pax(struct ltar *t, const char *key, const void *value, size_t n)
{
	size_t body = strlen(key) + n + 3; /* " key=value\n" */
	size_t len = body + 1;

	while (len != body + (size_t)snprintf(NULL, 0, "%zu", len))
		len++;
	str_addf(&t->pax, "%zu %s=", len, key);
	str_add_n(&t->pax, value, n);
	str_add_char(&t->pax, '\n');
}

BERTH_UNUSED
static void ltar_pax_str(struct ltar *t, const char *key, const char *value)
{
	ltar_pax(t, key, value, strlen(value));
}

BERTH_UNUSED
static void ltar_flush_pax(struct ltar *t)
{
	struct ltar kept = *t;

	if (t->pax.len == 0)
		return;
	t->mode = 0644;
	t->uid = t->gid = 0;
	t->bad_checksum = false;
	t->raw_size = NULL;
	ltar_header(t, 'x', "PaxHeaders/x", "", t->pax.len);
	str_add_n(&t->out, t->pax.p, t->pax.len);
	ltar_pad(t);
	str_clear(&t->pax);
	t->mode = kept.mode;
	t->uid = kept.uid;
	t->gid = kept.gid;
	t->mtime = kept.mtime;
	t->major = kept.major;
	t->minor = kept.minor;
	t->bad_checksum = kept.bad_checksum;
	t->raw_size = kept.raw_size;
}

/** Any entry with @n bytes of data. */
BERTH_UNUSED
static void ltar_entry(struct ltar *t, char type, const char *name, const char *link,
		       const void *data, size_t n)
{
	ltar_flush_pax(t);
	ltar_header(t, type, name, link, n);
	str_add_n(&t->out, data, n);
	ltar_pad(t);
}

BERTH_UNUSED
static void ltar_file(struct ltar *t, const char *name, const char *text)
{
	ltar_entry(t, '0', name, "", text, strlen(text));
}

BERTH_UNUSED
static void ltar_dir(struct ltar *t, const char *name)
{
	ltar_entry(t, '5', name, "", "", 0);
}

BERTH_UNUSED
static void ltar_symlink(struct ltar *t, const char *name, const char *target)
{
	ltar_entry(t, '2', name, target, "", 0);
}

BERTH_UNUSED
static void ltar_link(struct ltar *t, const char *name, const char *target)
{
	ltar_entry(t, '1', name, target, "", 0);
}

/** GNU's way for a long name ('L') or link ('K') of the next entry. */
BERTH_UNUSED
static void ltar_gnu_long(struct ltar *t, char type, const char *text)
{
	ltar_entry(t, type, "././@LongLink", "", text, strlen(text) + 1);
}

BERTH_UNUSED
static void ltar_end(struct ltar *t)
{
	static const char zero[1024];

	str_add_n(&t->out, zero, sizeof(zero));
}

BERTH_UNUSED
static void ltar_done(struct ltar *t)
{
	str_done(&t->out);
	str_done(&t->pax);
}

/** A tar_input_fn that gives so many bytes at a time. */
struct ltar_input {
	const char *p;
	size_t n, at, step;
	char *copy; /* of the part given out, so that who looks behind it is caught */
};

BERTH_UNUSED
static int ltar_next(void *arg, const void **ret_p, size_t *ret_n, struct berth_error *e)
{
	struct ltar_input *in = arg;
	size_t n = in->n - in->at < in->step ? in->n - in->at : in->step;

	free(in->copy);
	in->copy = malloc(n ? n : 1);
	ck_assert_ptr_nonnull(in->copy);
	memcpy(in->copy, in->p + in->at, n);
	in->at += n;
	*ret_p = in->copy;
	*ret_n = n;
	return 0;
}

#endif
