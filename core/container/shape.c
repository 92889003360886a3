/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/shape.h"

#include <string.h>
#include <strings.h>

#include "core/container/spec_parts.h"

/* Where in the tree we are; put into words only when something is wrong. */
struct place {
	const struct place *up;
	const char *key;
};

static void place_text(const struct place *at, struct str *out)
{
	char shown[SPEC_SHOWN_MAX];

	if (!at)
		return;
	place_text(at->up, out);
	if (!*at->key)
		return;
	if (out->len)
		str_add_char(out, '.');
	str_add(out, spec_shown(at->key, shown));
}

static int fail_type(const struct place *at, const struct record *val, const char *wanted,
		     struct berth_error *err)
{
	cleanup_str struct str where = STR_INIT;

	place_text(at, &where);
	return berth_fail(err, BERTH_E_INVALID, "key '%s' is of type %s, wanted %s",
			  str_text(&where), record_type_name(record_type(val)), wanted);
}

static int check_len(const struct place *at, const struct record *val, struct berth_error *err)
{
	cleanup_str struct str where = STR_INIT;

	if (record_len(val) <= SHAPE_ITEMS_MAX)
		return 0;
	place_text(at, &where);
	return berth_fail(err, BERTH_E_LIMIT, "key '%s' has %zu entries, at most %d are allowed",
			  str_text(&where), record_len(val), SHAPE_ITEMS_MAX);
}

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* A scalar is shared with the tree it comes from: nobody changes scalars. */
static struct record *share(const struct record *val)
{
	return record_ref((struct record *)(uintptr_t)val);
}

static int read_object(const struct shape *shape, const struct record *in, const struct place *at,
		       struct record **ret, struct berth_error *err);

/* In an array or object of strings null is "", as in Go. */
static int read_string(const struct record *val, const struct place *at, struct record **ret,
		       struct berth_error *err)
{
	if (val && !record_str(val))
		return fail_type(at, val, "string", err);
	*ret = val ? share(val) : record_new_str("");
	return *ret ? 0 : fail_memory(err);
}

static int read_strings(const struct record *val, const struct place *at, struct record **ret,
			struct berth_error *err)
{
	cleanup_record struct record *arr = record_new_array();
	int r = arr ? 0 : fail_memory(err);

	if (r == 0 && val && record_type(val) != RECORD_ARRAY)
		r = fail_type(at, val, "array of strings", err);
	if (r == 0)
		r = check_len(at, val, err);
	for (size_t i = 0; r == 0 && i < record_len(val); i++) {
		struct record *item;

		r = read_string(record_at(val, i), at, &item, err);
		if (r == 0)
			r = record_append(arr, item, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(arr);
	return 0;
}

static int read_slice(const struct record *val, const struct place *at, struct record **ret,
		      struct berth_error *err)
{
	cleanup_record struct record *arr = NULL;
	int r;

	if (!record_str(val))
		return read_strings(val, at, ret, err);
	arr = record_new_array();
	r = arr ? record_append(arr, share(val), err) : fail_memory(err);
	if (r == 0)
		*ret = steal_ptr(arr);
	return r;
}

static int read_size(const struct record *val, const struct place *at, struct record **ret,
		     struct berth_error *err)
{
	cleanup_record struct record *arr = record_new_array();
	int r = arr ? 0 : fail_memory(err);

	if (r == 0 && val && (record_type(val) != RECORD_ARRAY || record_len(val) != 2))
		r = fail_type(at, val, "array of two numbers", err);
	for (size_t i = 0; r == 0 && i < 2; i++) {
		const struct record *item = record_at(val, i);
		uint64_t n = 0;

		if (item && !record_uint(item, &n))
			return fail_type(at, item, "unsigned int", err);
		r = record_append(arr, record_new_uint(n), err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(arr);
	return 0;
}

typedef int (*read_fn)(const struct shape *shape, const struct record *val, const struct place *at,
		       struct record **ret, struct berth_error *err);

static int read_array_of(read_fn fn, const struct shape *shape, const struct record *val,
			 const struct place *at, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *arr = record_new_array();
	int r = arr ? 0 : fail_memory(err);

	if (r == 0 && val && record_type(val) != RECORD_ARRAY)
		r = fail_type(at, val, "array", err);
	if (r == 0)
		r = check_len(at, val, err);
	for (size_t i = 0; r == 0 && i < record_len(val); i++) {
		struct record *item;

		r = fn(shape, record_at(val, i), at, &item, err);
		if (r == 0)
			r = record_append(arr, item, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(arr);
	return 0;
}

static int read_object_of(read_fn fn, const struct shape *shape, const struct record *val,
			  const struct place *up, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *obj = record_new_object();
	int r = obj ? 0 : fail_memory(err);
	struct record *value;
	const char *key;

	if (r == 0 && val && record_type(val) != RECORD_OBJECT)
		r = fail_type(up, val, "object", err);
	if (r == 0)
		r = check_len(up, val, err);
	record_foreach (val, key, value) {
		struct place at = {up, key};
		struct record *item;

		if (r == 0)
			r = fn(shape, value, &at, &item, err);
		if (r == 0)
			r = record_set(obj, key, item, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(obj);
	return 0;
}

static int member_string(const struct shape *shape, const struct record *val,
			 const struct place *at, struct record **ret, struct berth_error *err)
{
	return read_string(val, at, ret, err);
}

static int member_strings(const struct shape *shape, const struct record *val,
			  const struct place *at, struct record **ret, struct berth_error *err)
{
	return read_strings(val, at, ret, err);
}

/* What stands in a set does not count. */
static int member_nothing(const struct shape *shape, const struct record *val,
			  const struct place *at, struct record **ret, struct berth_error *err)
{
	*ret = record_new_object();
	return *ret ? 0 : fail_memory(err);
}

static int member_object(const struct shape *shape, const struct record *val,
			 const struct place *at, struct record **ret, struct berth_error *err)
{
	return read_object(shape->members, val, at, ret, err);
}

static int member_list(const struct shape *shape, const struct record *val, const struct place *at,
		       struct record **ret, struct berth_error *err)
{
	return read_array_of(member_object, shape, val, at, ret, err);
}

static int read_int(const struct record *val, const struct place *at, struct record **ret,
		    struct berth_error *err)
{
	int64_t n;

	if (val && !record_int(val, &n))
		return fail_type(at, val, "int", err);
	*ret = val ? share(val) : record_new_int(0);
	return *ret ? 0 : fail_memory(err);
}

static int read_bool(const struct record *val, const struct place *at, struct record **ret,
		     struct berth_error *err)
{
	bool yes;

	if (val && !record_bool(val, &yes))
		return fail_type(at, val, "bool", err);
	*ret = val ? share(val) : record_new_bool(false);
	return *ret ? 0 : fail_memory(err);
}

static int read_value(const struct shape *s, const struct record *val, const struct place *at,
		      struct record **ret, struct berth_error *err)
{
	switch (s->type) {
	case SHAPE_STR:
		return read_string(val, at, ret, err);
	case SHAPE_BOOL:
		return read_bool(val, at, ret, err);
	case SHAPE_INT:
		return read_int(val, at, ret, err);
	case SHAPE_SIZE:
		return read_size(val, at, ret, err);
	case SHAPE_STRV:
		return read_strings(val, at, ret, err);
	case SHAPE_STRSLICE:
		return read_slice(val, at, ret, err);
	case SHAPE_STRVS:
		return read_array_of(member_strings, s, val, at, ret, err);
	case SHAPE_STRMAP:
		return read_object_of(member_string, s, val, at, ret, err);
	case SHAPE_SET:
		return read_object_of(member_nothing, s, val, at, ret, err);
	case SHAPE_OBJECT:
	case SHAPE_STRUCT:
		return read_object(s->members, val, at, ret, err);
	case SHAPE_LIST:
		return read_array_of(member_object, s, val, at, ret, err);
	case SHAPE_MAP:
		return read_object_of(member_object, s, val, at, ret, err);
	case SHAPE_MAP_LIST:
		return read_object_of(member_list, s, val, at, ret, err);
	case SHAPE_INLINE: /* is none */
		break;
	}
	return berth_fail(err, BERTH_E_INTERNAL, "shape of key '%s' has no type", s->key);
}

/* Whether an absent value of that kind is null. */
static bool null_if_absent(const struct shape *s)
{
	switch (s->type) {
	case SHAPE_STR:
	case SHAPE_BOOL:
	case SHAPE_INT:
		return s->flags & SHAPE_POINTER;
	case SHAPE_SIZE:
	case SHAPE_STRUCT:
		return false;
	case SHAPE_STRV:
	case SHAPE_STRSLICE:
	case SHAPE_STRVS:
	case SHAPE_STRMAP:
	case SHAPE_SET:
	case SHAPE_OBJECT:
	case SHAPE_LIST:
	case SHAPE_MAP:
	case SHAPE_MAP_LIST:
	case SHAPE_INLINE:
		break;
	}
	return !(s->flags & SHAPE_NOT_NULL);
}

/* How many keys of @in are spelled as in the tables. */
static size_t count_exact(const struct shape *shape, const struct record *in)
{
	size_t n = 0;

	for (const struct shape *s = shape; s->key; s++)
		n += s->type == SHAPE_INLINE ? count_exact(s->members, in) : record_has(in, s->key);
	return n;
}

static struct record *find_any_case(const struct record *in, const char *key)
{
	struct record *val, *found = NULL;
	const char *name;

	record_foreach (in, name, val) {
		if (val && strcasecmp(name, key) == 0)
			found = val;
	}
	return found;
}

static int read_members(const struct shape *shape, const struct record *in, bool exact,
			const struct place *up, struct record *obj, struct berth_error *err)
{
	int r = 0;

	for (const struct shape *s = shape; r == 0 && s->key; s++) {
		struct place at = {up, s->key};
		struct record *made, *val;

		if (s->type == SHAPE_INLINE) {
			r = read_members(s->members, in, exact, up, obj, err);
			continue;
		}
		val = record_get(in, s->key);
		if (!val && !exact)
			val = find_any_case(in, s->key);
		if (!val && null_if_absent(s)) {
			r = record_set_null(obj, s->key, err);
			continue;
		}
		r = read_value(s, val, &at, &made, err);
		if (r == 0)
			r = record_set(obj, s->key, made, err);
	}
	return r;
}

static int read_object(const struct shape *shape, const struct record *in, const struct place *at,
		       struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *obj = record_new_object();
	int r = obj ? 0 : fail_memory(err);

	if (r == 0 && in && record_type(in) != RECORD_OBJECT)
		r = fail_type(at, in, "object", err);
	if (r == 0)
		r = check_len(at, in, err);
	if (r == 0)
		r = read_members(shape, in, count_exact(shape, in) == record_len(in), at, obj, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(obj);
	return 0;
}

int shape_read(const struct shape *shape, const struct record *in, const char *where,
	       struct record **ret, struct berth_error *err)
{
	struct place at = {NULL, where};

	return read_object(shape, in, &at, ret, err);
}

static bool is_empty(const struct shape *s, const struct record *val)
{
	bool yes = false;
	int64_t n = 0;

	if (!val)
		return true;
	if (s->flags & SHAPE_POINTER || s->type == SHAPE_OBJECT || s->type == SHAPE_STRUCT)
		return false;
	if (record_str(val))
		return !*record_str(val);
	if (record_bool(val, &yes))
		return !yes;
	if (record_int(val, &n))
		return n == 0;
	return record_len(val) == 0;
}

static void prune_list(const struct shape *members, struct record *arr)
{
	for (size_t i = 0; i < record_len(arr); i++)
		shape_prune(members, record_at(arr, i));
}

static void prune_map(const struct shape *s, struct record *obj)
{
	struct record *val;
	const char *key;

	record_foreach (obj, key, val) {
		if (s->type == SHAPE_MAP)
			shape_prune(s->members, val);
		else
			prune_list(s->members, val);
	}
}

void shape_prune(const struct shape *shape, struct record *obj)
{
	for (const struct shape *s = shape; s->key; s++) {
		struct record *val = record_get(obj, s->key);

		if (s->type == SHAPE_INLINE) {
			shape_prune(s->members, obj);
			continue;
		}
		if (s->type == SHAPE_OBJECT || s->type == SHAPE_STRUCT)
			shape_prune(s->members, val);
		else if (s->type == SHAPE_LIST)
			prune_list(s->members, val);
		else if (s->type == SHAPE_MAP || s->type == SHAPE_MAP_LIST)
			prune_map(s, val);
		if (s->flags & SHAPE_OMIT && is_empty(s, val))
			record_unset(obj, s->key);
	}
}
