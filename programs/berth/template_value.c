/* SPDX-License-Identifier: Apache-2.0 */
#include "template_value.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/record_write.h"
#include "template.h"

struct value value_of(const struct record *r)
{
	struct value v = {.kind = VALUE_NIL};

	switch (record_type(r)) {
	case RECORD_BOOL:
		v.kind = VALUE_BOOL;
		(void)record_bool(r, &v.boolean);
		break;
	case RECORD_INT:
		v.kind = VALUE_INT;
		(void)record_int(r, &v.integer);
		break;
	case RECORD_UINT:
		v.kind = VALUE_UINT;
		(void)record_uint(r, &v.natural);
		break;
	case RECORD_DOUBLE:
		v.kind = VALUE_FLOAT;
		(void)record_double(r, &v.number);
		break;
	case RECORD_STR:
		v = value_string(record_str(r), strlen(record_str(r)));
		break;
	case RECORD_ARRAY:
		v.kind = VALUE_LIST;
		v.record = r;
		break;
	case RECORD_OBJECT:
		v.kind = VALUE_MAP;
		v.record = r;
		break;
	case RECORD_NULL:
	case RECORD_STRV:
	case RECORD_STRMAP:
	case RECORD_ANY:
		break;
	}
	return v;
}

struct value value_string(const char *p, size_t n)
{
	struct value v = {.kind = VALUE_STRING};

	v.string.p = p;
	v.string.n = n;
	return v;
}

struct value value_int(int64_t i)
{
	return (struct value){.kind = VALUE_INT, .integer = i};
}

struct value value_bool(bool b)
{
	return (struct value){.kind = VALUE_BOOL, .boolean = b};
}

int values_exhausted(const struct values *vs, struct berth_error *err)
{
	if (vs->arena.full)
		return berth_fail(err, BERTH_E_LIMIT, "template: needs more than %d MiB of memory",
				  TEMPLATE_MEMORY_MAX >> 20);
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

int value_take_str(struct values *vs, struct str *s, struct value *ret, struct berth_error *err)
{
	const char *p;

	if (str_check(s, err) < 0)
		return -BERTH_E_NO_MEMORY;
	p = arena_copy(&vs->arena, str_text(s), s->len);
	if (!p)
		return values_exhausted(vs, err);
	*ret = value_string(p, s->len);
	return 0;
}

bool value_truth(const struct value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
		return false;
	case VALUE_BOOL:
		return v->boolean;
	case VALUE_INT:
		return v->integer != 0;
	case VALUE_UINT:
		return v->natural != 0;
	case VALUE_FLOAT:
		return v->number != 0;
	case VALUE_STRING:
		return v->string.n > 0;
	case VALUE_LIST:
	case VALUE_MAP:
		return record_len(v->record) > 0;
	}
	return false;
}

/* As strconv's 'g' with the shortest digits that give the same number again. */
void value_print_float(double f, struct str *out)
{
	char text[40], *e;
	int exponent, decimals;

	if (!isfinite(f)) {
		str_add(out, isnan(f) ? "NaN" : f > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int precision = 0; precision < 18; precision++) {
		(void)snprintf(text, sizeof(text), "%.*e", precision, f);
		if (strtod(text, NULL) == f)
			break;
	}
	e = strchr(text, 'e');
	exponent = (int)strtol(e + 1, NULL, 10);
	if (exponent < -4 || exponent >= 6) {
		str_add(out, text);
		return;
	}
	/* digits behind the point of d.ddde+xx, moved by its exponent */
	decimals = (int)(e - text) - (text[0] == '-') - 2 - exponent;
	if (e - text == 1 + (text[0] == '-'))
		decimals = -exponent;
	str_addf(out, "%.*f", decimals > 0 ? decimals : 0, f);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void fill_members(const struct record *obj, struct member *members)
{
	const char *key;
	struct record *val;
	size_t n = 0;

	record_foreach (obj, key, val)
		members[n++] = (struct member){key, val};
	qsort(members, n, sizeof(*members), by_key);
}

const struct member *value_members(struct values *vs, const struct value *map, size_t *ret_n)
{
	struct member *members;

	*ret_n = record_len(map->record);
	members = arena_alloc(&vs->arena, (*ret_n + 1) * sizeof(*members));
	if (members && *ret_n > 0)
		fill_members(map->record, members);
	return members;
}

static void print_map(const struct record *obj, struct str *out)
{
	size_t n = record_len(obj);
	cleanup_free struct member *members = calloc(n + 1, sizeof(*members));

	if (!members) {
		out->failed = true;
		return;
	}
	if (n > 0)
		fill_members(obj, members);
	str_add(out, "map[");
	for (size_t i = 0; i < n; i++) {
		struct value v = value_of(members[i].value);

		str_addf(out, "%s%s:", i ? " " : "", members[i].key);
		value_print(&v, out);
	}
	str_add_char(out, ']');
}

static void print_list(const struct record *arr, struct str *out)
{
	str_add_char(out, '[');
	for (size_t i = 0; i < record_len(arr); i++) {
		struct value v = value_of(record_at(arr, i));

		if (i)
			str_add_char(out, ' ');
		value_print(&v, out);
	}
	str_add_char(out, ']');
}

void value_print(const struct value *v, struct str *out)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
		str_add(out, "<nil>");
		break;
	case VALUE_BOOL:
		str_add(out, v->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		str_addf(out, "%" PRId64, v->integer);
		break;
	case VALUE_UINT:
		str_addf(out, "%" PRIu64, v->natural);
		break;
	case VALUE_FLOAT:
		value_print_float(v->number, out);
		break;
	case VALUE_STRING:
		str_add_n(out, v->string.p, v->string.n);
		break;
	case VALUE_LIST:
		print_list(v->record, out);
		break;
	case VALUE_MAP:
		print_map(v->record, out);
		break;
	}
}

void value_json(const struct value *v, struct str *out)
{
	struct jw w = jw_to(out, RECORD_COMPACT);

	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
		jw_null(&w);
		break;
	case VALUE_BOOL:
		jw_bool(&w, v->boolean);
		break;
	case VALUE_INT:
		jw_int(&w, v->integer);
		break;
	case VALUE_UINT:
		jw_uint(&w, v->natural);
		break;
	case VALUE_FLOAT:
		jw_double(&w, v->number);
		break;
	case VALUE_STRING:
		jw_str_n(&w, v->string.p, v->string.n);
		break;
	case VALUE_LIST:
	case VALUE_MAP:
		jw_record(&w, v->record);
		break;
	}
}

const char *value_type_name(const struct value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
		break;
	case VALUE_BOOL:
		return "bool";
	case VALUE_INT:
		return "int";
	case VALUE_UINT:
		return "uint64";
	case VALUE_FLOAT:
		return "float64";
	case VALUE_STRING:
		return "string";
	case VALUE_LIST:
		return "[]interface {}";
	case VALUE_MAP:
		return "map[string]interface {}";
	}
	return "<nil>";
}

struct value value_member(const struct value *map, const char *key)
{
	if (!record_has(map->record, key))
		return (struct value){.kind = VALUE_NONE};
	return value_of(record_get(map->record, key));
}
