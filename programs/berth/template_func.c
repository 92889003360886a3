/* SPDX-License-Identifier: Apache-2.0 */
#include "template_func.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "template.h"
#include "template_literal.h"

static int fail(struct berth_error *err, const char *text)
{
	return berth_fail(err, BERTH_E_INVALID, "%s", text);
}

/* ------------------------------------------------------------------------------ comparisons */

enum order {
	LESS = -1,
	EQUAL,
	GREATER,
	DIFFERENT, /* and in no order */
};

static bool is_basic(const struct value *v)
{
	switch (v->kind) {
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_UINT:
	case VALUE_FLOAT:
	case VALUE_STRING:
		return true;
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
	case VALUE_LIST:
	case VALUE_MAP:
		break;
	}
	return false;
}

static enum order order_text(const struct value *a, const struct value *b)
{
	size_t n = a->string.n < b->string.n ? a->string.n : b->string.n;
	int c = n > 0 ? memcmp(a->string.p, b->string.p, n) : 0;

	if (c == 0 && a->string.n != b->string.n)
		c = a->string.n < b->string.n ? -1 : 1;
	return c < 0 ? LESS : c > 0 ? GREATER : EQUAL;
}

#define order_of(a, b) ((a) < (b) ? LESS : (a) > (b) ? GREATER : EQUAL)

/* INT and UINT may be compared with each other: UINT is always the greater one */
static int compare(const struct value *a, const struct value *b, enum order *ret,
		   struct berth_error *err)
{
	if (a->kind == VALUE_INT && b->kind == VALUE_UINT)
		*ret = LESS;
	else if (a->kind == VALUE_UINT && b->kind == VALUE_INT)
		*ret = GREATER;
	else if (a->kind != b->kind)
		return fail(err, "incompatible types for comparison");
	else if (a->kind == VALUE_INT)
		*ret = order_of(a->integer, b->integer);
	else if (a->kind == VALUE_UINT)
		*ret = order_of(a->natural, b->natural);
	else if (a->kind == VALUE_FLOAT)
		*ret = order_of(a->number, b->number);
	else if (a->kind == VALUE_STRING)
		*ret = order_text(a, b);
	else
		*ret = a->boolean == b->boolean ? EQUAL : DIFFERENT;
	return 0;
}

static bool is_nothing(const struct value *v)
{
	return v->kind == VALUE_NONE || v->kind == VALUE_NIL || v->kind == VALUE_POINTER;
}

/* equal, in the sense of eq: nothing equals nothing only, lists and maps equal nothing else */
static int equals(const struct value *a, const struct value *b, bool *ret, struct berth_error *err)
{
	enum order order;
	int r;

	if (is_nothing(a) || is_nothing(b)) {
		*ret = is_nothing(a) == is_nothing(b);
		return 0;
	}
	if (!is_basic(a) || !is_basic(b))
		return berth_fail(err, BERTH_E_INVALID, "non-comparable type %s",
				  value_type_name(is_basic(a) ? b : a));
	r = compare(a, b, &order, err);
	if (r == 0)
		*ret = order == EQUAL;
	return r;
}

static int call_eq(struct values *vs, const struct value *args, size_t n, struct value *ret,
		   struct berth_error *err)
{
	bool same = false;

	if (n < 2)
		return fail(err, "missing argument for comparison");
	for (size_t i = 1; i < n && !same; i++) {
		int r = equals(&args[0], &args[i], &same, err);

		if (r < 0)
			return r;
	}
	*ret = value_bool(same);
	return 0;
}

static int call_ne(struct values *vs, const struct value *args, size_t n, struct value *ret,
		   struct berth_error *err)
{
	bool same;
	int r = equals(&args[0], &args[1], &same, err);

	if (r == 0)
		*ret = value_bool(!same);
	return r;
}

static int ordered(const struct value *args, enum order *ret, struct berth_error *err)
{
	for (int i = 0; i < 2; i++)
		if (!is_basic(&args[i]) || args[i].kind == VALUE_BOOL)
			return fail(err, "invalid type for comparison");
	return compare(&args[0], &args[1], ret, err);
}

static int call_lt(struct values *vs, const struct value *args, size_t n, struct value *ret,
		   struct berth_error *err)
{
	enum order order;
	int r = ordered(args, &order, err);

	if (r == 0)
		*ret = value_bool(order == LESS);
	return r;
}

static int call_le(struct values *vs, const struct value *args, size_t n, struct value *ret,
		   struct berth_error *err)
{
	enum order order;
	int r = ordered(args, &order, err);

	if (r == 0)
		*ret = value_bool(order != GREATER);
	return r;
}

static int call_gt(struct values *vs, const struct value *args, size_t n, struct value *ret,
		   struct berth_error *err)
{
	enum order order;
	int r = ordered(args, &order, err);

	if (r == 0)
		*ret = value_bool(order == GREATER);
	return r;
}

static int call_ge(struct values *vs, const struct value *args, size_t n, struct value *ret,
		   struct berth_error *err)
{
	enum order order;
	int r = ordered(args, &order, err);

	if (r == 0)
		*ret = value_bool(order != LESS);
	return r;
}

static int call_not(struct values *vs, const struct value *args, size_t n, struct value *ret,
		    struct berth_error *err)
{
	*ret = value_bool(!value_truth(&args[0]));
	return 0;
}

/* ------------------------------------------------------------------------- lists and maps */

static int call_len(struct values *vs, const struct value *args, size_t n, struct value *ret,
		    struct berth_error *err)
{
	if (args[0].kind == VALUE_STRING)
		*ret = value_int((int64_t)args[0].string.n);
	else if (args[0].kind == VALUE_LIST || args[0].kind == VALUE_MAP)
		*ret = value_int((int64_t)record_len(args[0].record));
	else if (is_nothing(&args[0]))
		return fail(err, args[0].kind == VALUE_POINTER ? "len of nil pointer"
							       : "len of untyped nil");
	else
		return berth_fail(err, BERTH_E_INVALID, "len of type %s",
				  value_type_name(&args[0]));
	return 0;
}

static int index_number(const struct value *index, size_t max, size_t *ret, struct berth_error *err)
{
	if (is_nothing(index))
		return fail(err, "cannot index slice/array with nil");
	if (index->kind != VALUE_INT)
		return berth_fail(err, BERTH_E_INVALID, "cannot index slice/array with type %s",
				  value_type_name(index));
	if (index->integer < 0 || (uint64_t)index->integer > max)
		return berth_fail(err, BERTH_E_INVALID, "index out of range: %" PRId64,
				  index->integer);
	*ret = (size_t)index->integer;
	return 0;
}

/* Of a map whose values are all strings Go's answer for a missing key is the empty string. */
static struct value missing_member(const struct value *map)
{
	const char *key;
	struct record *val;

	if (!map->free_keys)
		return (struct value){.kind = VALUE_NONE};
	record_foreach (map->record, key, val)
		if (record_type(val) != RECORD_STR)
			return (struct value){.kind = VALUE_NONE};
	return value_string("", 0);
}

static int index_one(struct value *item, const struct value *index, struct berth_error *err)
{
	size_t at;
	int r;

	if (item->kind == VALUE_MAP) {
		struct value v;

		if (index->kind != VALUE_STRING)
			return berth_fail(err, BERTH_E_INVALID,
					  "value has type %s; should be string",
					  value_type_name(index));
		v = value_member(item, index->string.p);
		*item = v.kind == VALUE_NONE ? missing_member(item) : v;
		return 0;
	}
	if (item->kind == VALUE_LIST || item->kind == VALUE_STRING) {
		size_t len = item->kind == VALUE_LIST ? record_len(item->record) : item->string.n;

		r = index_number(index, len, &at, err);
		if (r < 0)
			return r;
		if (at >= len)
			return berth_fail(err, BERTH_E_INVALID, "reflect: %s index out of range",
					  item->kind == VALUE_LIST ? "slice" : "string");
		*item = item->kind == VALUE_LIST ? value_of(record_at(item->record, at))
						 : value_int((unsigned char)item->string.p[at]);
		return 0;
	}
	if (is_nothing(item))
		return fail(err, item->kind == VALUE_POINTER ? "index of nil pointer"
							     : "index of untyped nil");
	return berth_fail(err, BERTH_E_INVALID, "can't index item of type %s",
			  value_type_name(item));
}

static int call_index(struct values *vs, const struct value *args, size_t n, struct value *ret,
		      struct berth_error *err)
{
	struct value item = args[0];

	for (size_t i = 1; i < n; i++) {
		int r = index_one(&item, &args[i], err);

		if (r < 0)
			return r;
	}
	*ret = item;
	return 0;
}

/* keep @list alive as long as the values; takes it over */
static int keep_list(struct values *vs, struct record *list, struct value *ret,
		     struct berth_error *err)
{
	int r;

	if (!vs->kept)
		vs->kept = record_new_array();
	if (!vs->kept) {
		record_free(list);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	r = record_append(vs->kept, list, err);
	if (r < 0)
		return r;
	*ret = (struct value){.kind = VALUE_LIST, .record = list};
	return 0;
}

/* what functions put into lists is limited like what they put into the arena */
static int add_string(struct values *vs, struct record *list, const char *p, size_t n,
		      struct berth_error *err)
{
	if (!arena_alloc(&vs->arena, n + 64))
		return values_exhausted(vs, err);
	return record_append(list, record_new_str_n(p, n), err);
}

static int slice_list(struct values *vs, const struct record *from, size_t a, size_t b,
		      struct value *ret, struct berth_error *err)
{
	cleanup_record struct record *list = record_new_array();

	for (; a < b; a++) {
		struct record *item = record_at(from, a);
		int r;

		if (!arena_alloc(&vs->arena, 64))
			return values_exhausted(vs, err);
		r = record_append(list, item ? record_ref(item) : NULL, err);
		if (r < 0)
			return r;
	}
	if (!list)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return keep_list(vs, steal_ptr(list), ret, err);
}

static int call_slice(struct values *vs, const struct value *args, size_t n, struct value *ret,
		      struct berth_error *err)
{
	size_t len, bound[2] = {0, 0};

	if (args[0].kind == VALUE_STRING)
		len = args[0].string.n;
	else if (args[0].kind == VALUE_LIST)
		len = record_len(args[0].record);
	else if (is_nothing(&args[0]))
		return fail(err, "slice of untyped nil");
	else
		return berth_fail(err, BERTH_E_INVALID, "can't slice item of type %s",
				  value_type_name(&args[0]));
	bound[1] = len;
	for (size_t i = 1; i < n; i++) {
		int r = index_number(&args[i], len, &bound[i - 1], err);

		if (r < 0)
			return r;
	}
	if (bound[0] > bound[1])
		return berth_fail(err, BERTH_E_INVALID, "invalid slice index: %zu > %zu", bound[0],
				  bound[1]);
	if (args[0].kind == VALUE_LIST)
		return slice_list(vs, args[0].record, bound[0], bound[1], ret, err);
	*ret = value_string(args[0].string.p + bound[0], bound[1] - bound[0]);
	return 0;
}

/* ------------------------------------------------------------------------------ strings */

static int call_json(struct values *vs, const struct value *args, size_t n, struct value *ret,
		     struct berth_error *err)
{
	cleanup_str struct str s = STR_INIT;

	if (vs->headings) {
		*ret = args[0];
		return 0;
	}
	if (args[0].kind == VALUE_MAP && args[0].record == vs->row)
		record_print(args[0].record, RECORD_COMPACT | RECORD_HTML_ESCAPE, &s);
	else
		value_json(&args[0], &s);
	return value_take_str(vs, &s, ret, err);
}

static int call_join(struct values *vs, const struct value *args, size_t n, struct value *ret,
		     struct berth_error *err)
{
	cleanup_str struct str s = STR_INIT;

	if (args[0].kind != VALUE_LIST && !is_nothing(&args[0]))
		return berth_fail(err, BERTH_E_INVALID,
				  "wrong type for value; expected []string; got %s",
				  value_type_name(&args[0]));
	for (size_t i = 0; args[0].kind == VALUE_LIST && i < record_len(args[0].record); i++) {
		struct value v = value_of(record_at(args[0].record, i));

		if (i)
			str_add_n(&s, args[1].string.p, args[1].string.n);
		value_print(&v, &s);
		if (s.len > TEMPLATE_MEMORY_MAX)
			break;
	}
	return value_take_str(vs, &s, ret, err);
}

static int call_split(struct values *vs, const struct value *args, size_t n, struct value *ret,
		      struct berth_error *err)
{
	const char *p = args[0].string.p, *end = p + args[0].string.n;
	size_t step = args[1].string.n;
	cleanup_record struct record *list = record_new_array();
	int r = list ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	while (r == 0 && step == 0 && p < end) { /* by characters */
		size_t len;

		(void)literal_rune(p, (size_t)(end - p), &len);
		r = add_string(vs, list, p, len, err);
		p += len;
	}
	while (r == 0 && step > 0) {
		const char *next = memmem(p, (size_t)(end - p), args[1].string.p, step);

		r = add_string(vs, list, p, (size_t)((next ? next : end) - p), err);
		if (!next)
			break;
		p = next + step;
	}
	return r < 0 ? r : keep_list(vs, steal_ptr(list), ret, err);
}

/* Letters of ASCII only; others stay as they are. */
static int change_case(struct values *vs, const struct value *arg, int (*change)(int),
		       bool first_only, struct value *ret, struct berth_error *err)
{
	char *p = arena_copy(&vs->arena, arg->string.p, arg->string.n);
	bool within = false;

	if (!p)
		return values_exhausted(vs, err);
	for (size_t i = 0; i < arg->string.n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x80 && !(first_only && within))
			p[i] = (char)change(c);
		within = c >= 0x80 || isalnum(c) || c == '_';
	}
	*ret = value_string(p, arg->string.n);
	return 0;
}

static int call_lower(struct values *vs, const struct value *args, size_t n, struct value *ret,
		      struct berth_error *err)
{
	*ret = args[0];
	return vs->headings ? 0 : change_case(vs, args, tolower, false, ret, err);
}

static int call_upper(struct values *vs, const struct value *args, size_t n, struct value *ret,
		      struct berth_error *err)
{
	*ret = args[0];
	return vs->headings ? 0 : change_case(vs, args, toupper, false, ret, err);
}

static int call_title(struct values *vs, const struct value *args, size_t n, struct value *ret,
		      struct berth_error *err)
{
	*ret = args[0];
	return vs->headings ? 0 : change_case(vs, args, toupper, true, ret, err);
}

static int call_pad(struct values *vs, const struct value *args, size_t n, struct value *ret,
		    struct berth_error *err)
{
	size_t len = args[0].string.n;
	int64_t before = args[1].integer, after = args[2].integer;
	char *p;

	if (before < 0 || after < 0)
		return fail(err, "negative Repeat count");
	if (len == 0) {
		*ret = args[0];
		return 0;
	}
	if (before > TEMPLATE_MEMORY_MAX || after > TEMPLATE_MEMORY_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d blanks", TEMPLATE_MEMORY_MAX);
	p = arena_alloc(&vs->arena, len + (size_t)before + (size_t)after + 1);
	if (!p)
		return values_exhausted(vs, err);
	memset(p, ' ', len + (size_t)before + (size_t)after);
	memcpy(p + before, args[0].string.p, len);
	*ret = value_string(p, len + (size_t)before + (size_t)after);
	return 0;
}

static int call_truncate(struct values *vs, const struct value *args, size_t n, struct value *ret,
			 struct berth_error *err)
{
	if (args[1].integer < 0)
		return berth_fail(err, BERTH_E_INVALID, "slice bounds out of range [:%" PRId64 "]",
				  args[1].integer);
	*ret = args[0];
	if (!vs->headings && args[0].string.n > (uint64_t)args[1].integer)
		ret->string.n = (size_t)args[1].integer;
	return 0;
}

/* -------------------------------------------------------------------------------- printing */

static int call_print(struct values *vs, const struct value *args, size_t n, struct value *ret,
		      struct berth_error *err)
{
	cleanup_str struct str s = STR_INIT;

	for (size_t i = 0; i < n; i++) {
		if (i && args[i].kind != VALUE_STRING && args[i - 1].kind != VALUE_STRING)
			str_add_char(&s, ' ');
		value_print(&args[i], &s);
	}
	return value_take_str(vs, &s, ret, err);
}

static int call_println(struct values *vs, const struct value *args, size_t n, struct value *ret,
			struct berth_error *err)
{
	cleanup_str struct str s = STR_INIT;

	for (size_t i = 0; i < n; i++) {
		if (i)
			str_add_char(&s, ' ');
		value_print(&args[i], &s);
	}
	str_add_char(&s, '\n');
	return value_take_str(vs, &s, ret, err);
}

static const struct template_function functions[] = {
	{"and", 1, 0, ".", NULL},
	{"eq", 1, 0, ".", call_eq},
	{"ge", 2, 2, ".", call_ge},
	{"gt", 2, 2, ".", call_gt},
	{"index", 1, 0, ".", call_index},
	{"join", 2, 2, ".s", call_join},
	{"json", 1, 1, ".", call_json},
	{"le", 2, 2, ".", call_le},
	{"len", 1, 1, ".", call_len},
	{"lower", 1, 1, "s", call_lower},
	{"lt", 2, 2, ".", call_lt},
	{"ne", 2, 2, ".", call_ne},
	{"not", 1, 1, ".", call_not},
	{"or", 1, 0, ".", NULL},
	{"pad", 3, 3, "sii", call_pad},
	{"print", 0, 0, ".", call_print},
	{"printf", 1, 0, "s.", template_printf},
	{"println", 0, 0, ".", call_println},
	{"slice", 1, 3, ".", call_slice},
	{"split", 2, 2, "s", call_split},
	{"title", 1, 1, "s", call_title},
	{"truncate", 2, 2, "si", call_truncate},
	{"upper", 1, 1, "s", call_upper},
};

const struct template_function *template_function(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strlen(functions[i].name) == n && memcmp(functions[i].name, name, n) == 0)
			return &functions[i];
	return NULL;
}
