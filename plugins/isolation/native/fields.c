/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "fields.h"

struct fields fields_of(struct parser *p, const struct record *obj, const char *name)
{
	return (struct fields){.p = p, .obj = obj, .key = name, .index = -1};
}

static void add_name(struct str *out, const struct fields *f)
{
	if (!f)
		return;
	add_name(out, f->up);
	if (f->key && f->key[0]) {
		if (out->len)
			str_add_char(out, '.');
		str_add(out, f->key);
	}
	if (f->index >= 0)
		str_addf(out, "[%ld]", f->index);
}

const char *field_name(const struct fields *f, const char *key)
{
	cleanup_str struct str name = STR_INIT;
	const char *copy;

	add_name(&name, f);
	if (key) {
		if (name.len)
			str_add_char(&name, '.');
		str_add(&name, key);
	}
	copy = arena_copy(f->p->arena, str_text(&name));
	return copy ? copy : "?";
}

void field_fail(const struct fields *f, const char *key, int code, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (f->p->r < 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->p->r = berth_fail(f->p->err, code, "key '%.200s' %s", field_name(f, key), text);
}

static void wrong_type(const struct fields *f, const char *key, const struct record *r,
		       const char *wanted)
{
	field_invalid(f, key, "is a %s, wanted %s", record_type_name(record_type(r)), wanted);
}

bool field_has(const struct fields *f, const char *key)
{
	return record_get(f->obj, key) != NULL;
}

struct fields field_object(const struct fields *f, const char *key)
{
	struct fields sub = {.p = f->p, .up = f, .key = key, .index = -1};

	sub.obj = record_get(f->obj, key);
	if (sub.obj && record_type(sub.obj) != RECORD_OBJECT) {
		wrong_type(f, key, sub.obj, "an object");
		sub.obj = NULL;
	}
	return sub;
}

size_t field_count(const struct fields *f, const char *key, size_t limit)
{
	const struct record *arr = record_get(f->obj, key);
	size_t n;

	if (!arr)
		return 0;
	if (record_type(arr) != RECORD_ARRAY) {
		wrong_type(f, key, arr, "an array");
		return 0;
	}
	n = record_len(arr);
	if (n > limit) {
		field_fail(f, key, BERTH_E_LIMIT, "has %zu items, at most %zu are taken", n, limit);
		return 0;
	}
	return n;
}

struct fields field_item(const struct fields *f, const char *key, size_t i)
{
	struct fields sub = {.p = f->p, .up = f, .key = key, .index = (long)i};

	sub.obj = record_at(record_get(f->obj, key), i);
	if (record_type(sub.obj) != RECORD_OBJECT) {
		field_invalid(&sub, NULL, "is no object");
		sub.obj = NULL;
	}
	return sub;
}

const char *field_str(const struct fields *f, const char *key)
{
	const struct record *r = record_get(f->obj, key);

	if (!r)
		return NULL;
	if (record_type(r) != RECORD_STR)
		wrong_type(f, key, r, "a string");
	return record_str(r);
}

bool field_bool(const struct fields *f, const char *key)
{
	const struct record *r = record_get(f->obj, key);
	bool value = false;

	if (r && !record_bool(r, &value))
		wrong_type(f, key, r, "true or false");
	return value;
}

bool field_int(const struct fields *f, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	const struct record *r = record_get(f->obj, key);
	int64_t value;

	if (!r)
		return false;
	if (!record_int(r, &value)) {
		wrong_type(f, key, r, "an int");
		return false;
	}
	if (value < min || value > max) {
		field_invalid(f, key, "is %lld, wanted %lld to %lld", (long long)value,
			      (long long)min, (long long)max);
		return false;
	}
	*ret = value;
	return true;
}

bool field_uint(const struct fields *f, const char *key, uint64_t max, uint64_t *ret)
{
	const struct record *r = record_get(f->obj, key);
	uint64_t value;

	if (!r)
		return false;
	if (!record_uint(r, &value)) {
		field_invalid(f, key, "is no unsigned number");
		return false;
	}
	if (value > max) {
		field_invalid(f, key, "is %llu, wanted at most %llu", (unsigned long long)value,
			      (unsigned long long)max);
		return false;
	}
	*ret = value;
	return true;
}

void *field_array_alloc(const struct fields *f, size_t n, size_t size)
{
	void *p;

	if (n == 0)
		return NULL;
	p = arena_array(f->p->arena, n, size);
	if (!p && f->p->r == 0)
		f->p->r = no_memory(f->p->err);
	return p;
}

const char **field_strv(const struct fields *f, const char *key, size_t *ret_n)
{
	static const char *none[] = {NULL};
	const struct record *arr = record_get(f->obj, key);
	size_t n = field_count(f, key, 65536);
	const char **v;

	if (ret_n)
		*ret_n = 0;
	v = field_array_alloc(f, n + 1, sizeof(*v));
	if (!v)
		return none;
	for (size_t i = 0; i < n; i++) {
		v[i] = record_str(record_at(arr, i));
		if (!v[i]) {
			field_invalid(f, key, "has an item that is no string");
			return none;
		}
	}
	if (ret_n)
		*ret_n = n;
	return v;
}
