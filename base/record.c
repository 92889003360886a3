/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree, which is json-c's. No other file includes json-c. It does not parse nor print for us:
 * even when strict it takes NaN, "01", "1." and raw control characters, clamps integers that are
 * too big, and prints in a way of its own. See record_parse.c and record_write.c.
 */
#include "base/record.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

/* A struct record is never defined: it is a struct json_object seen from outside. */
static struct json_object *tree(const struct record *r)
{
	return (struct json_object *)(uintptr_t)r;
}

static struct record *record(struct json_object *o)
{
	return (struct record *)o;
}

static bool is(const struct record *r, enum json_type type)
{
	return r && json_object_get_type(tree(r)) == type;
}

void record_free(struct record *r)
{
	(void)json_object_put(tree(r));
}

struct record *record_ref(struct record *r)
{
	return record(json_object_get(tree(r)));
}

struct record *record_copy(const struct record *r)
{
	struct json_object *copy = NULL;

	if (!r || json_object_deep_copy(tree(r), &copy, NULL) < 0)
		return NULL;
	return record(copy);
}

enum record_type record_type(const struct record *r)
{
	switch (json_object_get_type(tree(r))) {
	case json_type_null:
		return RECORD_NULL;
	case json_type_boolean:
		return RECORD_BOOL;
	case json_type_double:
		return RECORD_DOUBLE;
	case json_type_int:
		return json_object_get_uint64(tree(r)) > INT64_MAX ? RECORD_UINT : RECORD_INT;
	case json_type_object:
		return RECORD_OBJECT;
	case json_type_array:
		return RECORD_ARRAY;
	case json_type_string:
		return RECORD_STR;
	}
	return RECORD_NULL;
}

const char *record_type_name(enum record_type type)
{
	static const char *const names[] = {
		[RECORD_NULL] = "null",
		[RECORD_BOOL] = "bool",
		[RECORD_INT] = "int",
		[RECORD_UINT] = "unsigned int",
		[RECORD_DOUBLE] = "number",
		[RECORD_STR] = "string",
		[RECORD_ARRAY] = "array",
		[RECORD_OBJECT] = "object",
		[RECORD_STRV] = "array of strings",
		[RECORD_STRMAP] = "object of strings",
		[RECORD_ANY] = "value",
	};

	return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : "value";
}

static bool find(const struct record *obj, const char *key, struct json_object **ret)
{
	return is(obj, json_type_object) && json_object_object_get_ex(tree(obj), key, ret);
}

struct record *record_get(const struct record *obj, const char *key)
{
	struct json_object *val = NULL;

	return find(obj, key, &val) ? record(val) : NULL;
}

bool record_has(const struct record *obj, const char *key)
{
	struct json_object *val;

	return find(obj, key, &val);
}

struct record *record_path(const struct record *obj, const char *path)
{
	const struct record *at = obj;

	while (at) {
		size_t n = strcspn(path, ".");
		cleanup_free char *key = NULL;

		if (!path[n])
			return record_get(at, path);
		key = strndup(path, n);
		if (!key)
			return NULL;
		at = record_get(at, key);
		path += n + 1;
	}
	return NULL;
}

size_t record_len(const struct record *r)
{
	if (is(r, json_type_array))
		return json_object_array_length(tree(r));
	if (is(r, json_type_object))
		return (size_t)json_object_object_length(tree(r));
	return 0;
}

struct record *record_at(const struct record *arr, size_t i)
{
	if (!is(arr, json_type_array))
		return NULL;
	return record(json_object_array_get_idx(tree(arr), i));
}

const char *record_str(const struct record *r)
{
	return is(r, json_type_string) ? json_object_get_string(tree(r)) : NULL;
}

bool record_int(const struct record *r, int64_t *ret)
{
	if (record_type(r) != RECORD_INT)
		return false;
	*ret = json_object_get_int64(tree(r));
	return true;
}

bool record_uint(const struct record *r, uint64_t *ret)
{
	if (!is(r, json_type_int) || json_object_get_int64(tree(r)) < 0)
		return false;
	*ret = json_object_get_uint64(tree(r));
	return true;
}

bool record_double(const struct record *r, double *ret)
{
	if (!is(r, json_type_int) && !is(r, json_type_double))
		return false;
	*ret = json_object_get_double(tree(r));
	return true;
}

bool record_bool(const struct record *r, bool *ret)
{
	if (!is(r, json_type_boolean))
		return false;
	*ret = json_object_get_boolean(tree(r));
	return true;
}

struct record_iter record_iter(const struct record *obj)
{
	struct record_iter iter = {NULL};

	if (is(obj, json_type_object))
		iter.at = lh_table_head(json_object_get_object(tree(obj)));
	return iter;
}

bool record_next(struct record_iter *iter, const char **ret_key, struct record **ret_val)
{
	const struct lh_entry *entry = iter->at;

	if (!entry)
		return false;
	*ret_key = lh_entry_k(entry);
	*ret_val = lh_entry_v(entry);
	iter->at = lh_entry_next(entry);
	return true;
}

struct record *record_new_object(void)
{
	return record(json_object_new_object());
}

struct record *record_new_array(void)
{
	return record(json_object_new_array());
}

struct record *record_new_str(const char *s)
{
	return record(json_object_new_string(s));
}

struct record *record_new_str_n(const char *s, size_t n)
{
	return n > INT32_MAX ? NULL : record(json_object_new_string_len(s, (int)n));
}

struct record *record_new_int(int64_t value)
{
	return record(json_object_new_int64(value));
}

struct record *record_new_uint(uint64_t value)
{
	return record(value > INT64_MAX ? json_object_new_uint64(value)
					: json_object_new_int64((int64_t)value));
}

struct record *record_new_double(double value)
{
	return record(json_object_new_double(value));
}

struct record *record_new_bool(bool value)
{
	return record(json_object_new_boolean(value));
}

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* @val may be NULL here and is null then; it is taken over, also on failure. */
static int put_member(struct record *obj, const char *key, struct record *val,
		      struct berth_error *err)
{
	int r = 0;

	if (!is(obj, json_type_object))
		r = berth_fail(err, BERTH_E_INTERNAL, "set key '%s' of what is no object", key);
	else if (json_object_object_add(tree(obj), key, tree(val)) < 0)
		r = fail_memory(err);
	if (r < 0)
		record_free(val);
	return r;
}

static int put_item(struct record *arr, struct record *val, struct berth_error *err)
{
	int r = 0;

	if (!is(arr, json_type_array))
		r = berth_fail(err, BERTH_E_INTERNAL, "append to what is no array");
	else if (json_object_array_add(tree(arr), tree(val)) < 0)
		r = fail_memory(err);
	if (r < 0)
		record_free(val);
	return r;
}

int record_set(struct record *obj, const char *key, struct record *val, struct berth_error *err)
{
	return val ? put_member(obj, key, val, err) : fail_memory(err);
}

int record_set_null(struct record *obj, const char *key, struct berth_error *err)
{
	return put_member(obj, key, NULL, err);
}

int record_append(struct record *arr, struct record *val, struct berth_error *err)
{
	return val ? put_item(arr, val, err) : fail_memory(err);
}

int record_append_null(struct record *arr, struct berth_error *err)
{
	return put_item(arr, NULL, err);
}

void record_unset(struct record *obj, const char *key)
{
	if (is(obj, json_type_object))
		json_object_object_del(tree(obj), key);
}
