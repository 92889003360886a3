/* SPDX-License-Identifier: Apache-2.0 */
/* Conveniences on top of record.c, and struct filling by tables. */
#include "base/record.h"

#include <stdlib.h>
#include <string.h>

const char *record_str_or(const struct record *r, const char *fallback)
{
	const char *s = record_str(r);

	return s ? s : fallback;
}

int64_t record_int_or(const struct record *r, int64_t fallback)
{
	int64_t value;

	return record_int(r, &value) ? value : fallback;
}

bool record_bool_or(const struct record *r, bool fallback)
{
	bool value;

	return record_bool(r, &value) ? value : fallback;
}

int record_set_str(struct record *obj, const char *key, const char *s, struct berth_error *err)
{
	return s ? record_set(obj, key, record_new_str(s), err) : record_set_null(obj, key, err);
}

int record_set_int(struct record *obj, const char *key, int64_t value, struct berth_error *err)
{
	return record_set(obj, key, record_new_int(value), err);
}

int record_set_uint(struct record *obj, const char *key, uint64_t value, struct berth_error *err)
{
	return record_set(obj, key, record_new_uint(value), err);
}

int record_set_double(struct record *obj, const char *key, double value, struct berth_error *err)
{
	return record_set(obj, key, record_new_double(value), err);
}

int record_set_bool(struct record *obj, const char *key, bool value, struct berth_error *err)
{
	return record_set(obj, key, record_new_bool(value), err);
}

int record_append_str(struct record *arr, const char *s, struct berth_error *err)
{
	return record_append(arr, record_new_str(s), err);
}

struct record *record_from_strv(char *const *v)
{
	cleanup_record struct record *arr = record_new_array();

	if (!arr)
		return NULL;
	strv_foreach (s, v) {
		if (record_append_str(arr, *s, NULL) < 0)
			return NULL;
	}
	return steal_ptr(arr);
}

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

int record_strv(const struct record *r, char ***ret, struct berth_error *err)
{
	cleanup_strv char **v = strv_copy(NULL);
	size_t n = record_len(r);

	if (!v)
		return fail_memory(err);
	if (r && record_type(r) != RECORD_ARRAY)
		return berth_fail(err, BERTH_E_INVALID, "wanted an array of strings");
	for (size_t i = 0; i < n; i++) {
		const char *s = record_str(record_at(r, i));

		if (!s)
			return berth_fail(err, BERTH_E_INVALID, "item %zu is no string", i);
		if (strv_add(&v, s) < 0)
			return fail_memory(err);
	}
	*ret = steal_ptr(v);
	return 0;
}

static int record_strmap(const struct record *r, char ***ret, struct berth_error *err)
{
	cleanup_strv char **v = strv_copy(NULL);
	const char *key;
	struct record *val;

	if (!v)
		return fail_memory(err);
	record_foreach (r, key, val) {
		if (!record_str(val))
			return berth_fail(err, BERTH_E_INVALID, "the value of '%s' is no string",
					  key);
		if (strv_addf(&v, "%s=%s", key, record_str(val)) < 0)
			return fail_memory(err);
	}
	*ret = steal_ptr(v);
	return 0;
}

static const char *article(enum record_type type)
{
	switch (type) {
	case RECORD_NULL:
		return "";
	case RECORD_INT:
	case RECORD_UINT:
	case RECORD_ARRAY:
	case RECORD_OBJECT:
	case RECORD_STRV:
	case RECORD_STRMAP:
		return "an ";
	case RECORD_BOOL:
	case RECORD_DOUBLE:
	case RECORD_STR:
	case RECORD_ANY:
		break;
	}
	return "a ";
}

static int fail_type(struct berth_error *err, const char *key, const struct record *val,
		     enum record_type wanted)
{
	enum record_type type = record_type(val);

	if (type == RECORD_UINT && wanted == RECORD_INT)
		return berth_fail(err, BERTH_E_INVALID, "key '%s': the number is too big", key);
	if (type == RECORD_INT && wanted == RECORD_UINT)
		return berth_fail(err, BERTH_E_INVALID, "key '%s': the number is negative", key);
	return berth_fail(err, BERTH_E_INVALID, "key '%s' is %s%s, wanted %s%s", key, article(type),
			  record_type_name(type), article(wanted), record_type_name(wanted));
}

/* The value that must be there; what there is of it is the caller's to check. */
static int need(const struct record *obj, const char *key, struct record **ret,
		struct berth_error *err)
{
	struct record *val = record_get(obj, key);

	if (!val)
		return berth_fail(err, BERTH_E_INVALID, "key '%s' is missing", key);
	*ret = val;
	return 0;
}

int record_need_str(const struct record *obj, const char *key, const char **ret,
		    struct berth_error *err)
{
	struct record *val;
	int r = need(obj, key, &val, err);

	if (r < 0)
		return r;
	if (!record_str(val))
		return fail_type(err, key, val, RECORD_STR);
	*ret = record_str(val);
	return 0;
}

int record_need_int(const struct record *obj, const char *key, int64_t *ret,
		    struct berth_error *err)
{
	struct record *val;
	int r = need(obj, key, &val, err);

	if (r == 0 && !record_int(val, ret))
		return fail_type(err, key, val, RECORD_INT);
	return r;
}

int record_need_uint(const struct record *obj, const char *key, uint64_t *ret,
		     struct berth_error *err)
{
	struct record *val;
	int r = need(obj, key, &val, err);

	if (r == 0 && !record_uint(val, ret))
		return fail_type(err, key, val, RECORD_UINT);
	return r;
}

int record_need_bool(const struct record *obj, const char *key, bool *ret, struct berth_error *err)
{
	struct record *val;
	int r = need(obj, key, &val, err);

	if (r == 0 && !record_bool(val, ret))
		return fail_type(err, key, val, RECORD_BOOL);
	return r;
}

static int need_tree(const struct record *obj, const char *key, enum record_type type,
		     struct record **ret, struct berth_error *err)
{
	struct record *val;
	int r = need(obj, key, &val, err);

	if (r < 0)
		return r;
	if (record_type(val) != type)
		return fail_type(err, key, val, type);
	*ret = val;
	return 0;
}

int record_need_object(const struct record *obj, const char *key, struct record **ret,
		       struct berth_error *err)
{
	return need_tree(obj, key, RECORD_OBJECT, ret, err);
}

int record_need_array(const struct record *obj, const char *key, struct record **ret,
		      struct berth_error *err)
{
	return need_tree(obj, key, RECORD_ARRAY, ret, err);
}

static int prefixed(int r, const char *key, struct berth_error *err)
{
	if (r < 0)
		berth_error_prefix(err, "key '%s'", key);
	return r;
}

static int read_field(const struct record *val, const struct record_field *f, void *out,
		      struct berth_error *err)
{
	void *at = (char *)out + f->offset;
	bool fits = false;

	switch (f->type) {
	case RECORD_STR:
		if (record_str(val))
			return str_copy(record_str(val), at, err);
		break;
	case RECORD_INT:
		fits = record_int(val, at);
		break;
	case RECORD_UINT:
		fits = record_uint(val, at);
		break;
	case RECORD_DOUBLE:
		fits = record_double(val, at);
		break;
	case RECORD_BOOL:
		fits = record_bool(val, at);
		break;
	case RECORD_STRV:
		if (record_type(val) == RECORD_ARRAY)
			return prefixed(record_strv(val, at, err), f->key, err);
		break;
	case RECORD_STRMAP:
		if (record_type(val) == RECORD_OBJECT)
			return prefixed(record_strmap(val, at, err), f->key, err);
		break;
	case RECORD_OBJECT:
	case RECORD_ARRAY:
	case RECORD_ANY:
		fits = f->type == RECORD_ANY || f->type == record_type(val);
		if (fits)
			*(struct record **)at = record_ref((struct record *)(uintptr_t)val);
		break;
	case RECORD_NULL:
		break;
	}
	return fits ? 0 : fail_type(err, f->key, val, f->type);
}

int record_read(const struct record *obj, const struct record_field *fields, void *out, size_t size,
		struct berth_error *err)
{
	cleanup_free void *filled = calloc(1, size);
	int r = 0;

	if (!filled)
		return fail_memory(err);
	if (record_type(obj) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_INVALID, "wanted an object, not %s%s",
				  article(record_type(obj)), record_type_name(record_type(obj)));
	for (const struct record_field *f = fields; f->key && r == 0; f++) {
		const struct record *val = record_get(obj, f->key);

		if (val)
			r = read_field(val, f, filled, err);
		else if (f->required)
			r = berth_fail(err, BERTH_E_INVALID, "key '%s' is missing", f->key);
	}
	if (r < 0) {
		record_read_free(fields, filled);
		return r;
	}
	memcpy(out, filled, size);
	return 0;
}

int record_read_text(const char *text, size_t len, const struct record_field *fields, void *out,
		     size_t size, struct berth_error *err)
{
	cleanup_record struct record *obj = NULL;
	int r = record_parse(text, len, 0, &obj, err);

	return r < 0 ? r : record_read(obj, fields, out, size, err);
}

void record_read_free(const struct record_field *fields, void *out)
{
	for (const struct record_field *f = fields; f->key; f++) {
		void *at = (char *)out + f->offset;

		switch (f->type) {
		case RECORD_STR:
			free(*(char **)at);
			*(char **)at = NULL;
			break;
		case RECORD_STRV:
		case RECORD_STRMAP:
			strv_free(*(char ***)at);
			*(char ***)at = NULL;
			break;
		case RECORD_OBJECT:
		case RECORD_ARRAY:
		case RECORD_ANY:
			record_free(*(struct record **)at);
			*(struct record **)at = NULL;
			break;
		case RECORD_NULL:
		case RECORD_BOOL:
		case RECORD_INT:
		case RECORD_UINT:
		case RECORD_DOUBLE:
			break;
		}
	}
}
