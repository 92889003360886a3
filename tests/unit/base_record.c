/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/record.h"
#include "base/record_write.h"
#include "tests/unit/ck.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse(const char *text, struct record **ret)
{
	return record_parse(text, strlen(text), 0, ret, &err);
}

static struct record *parsed(const char *text)
{
	struct record *r = NULL;

	ck_ok(parse(text, &r));
	return r;
}

/* @text parsed and printed again is @want. */
static void ck_prints(const char *text, unsigned flags, const char *want)
{
	cleanup_record struct record *r = parsed(text);
	cleanup_free char *printed = record_to_text(r, flags);

	ck_assert_str_eq(printed, want);
}

START_TEST(values_keep_their_types)
{
	cleanup_record struct record *r = parsed(
		" {\"s\":\"3\", \"i\":-3,\"u\":18446744073709551615,\"d\":1.5,\"t\":true,\r\n"
		"\t\"f\":false,\"n\":null,\"a\":[1,\"x\",null,[]],\"o\":{\"k\":{}}} ");
	int64_t i = 42;
	uint64_t u = 42;
	double d = 42;
	bool b = false;

	ck_assert_int_eq(record_type(r), RECORD_OBJECT);
	ck_assert_uint_eq(record_len(r), 9);
	ck_assert_str_eq(record_str(record_get(r, "s")), "3");
	ck_assert(!record_int(record_get(r, "s"), &i));
	ck_assert(!record_double(record_get(r, "s"), &d));
	ck_assert(!record_bool(record_get(r, "s"), &b));
	ck_assert(record_int(record_get(r, "i"), &i));
	ck_assert_int_eq(i, -3);
	ck_assert(!record_uint(record_get(r, "i"), &u));
	ck_assert(record_uint(record_get(r, "u"), &u));
	ck_assert_uint_eq(u, UINT64_MAX);
	ck_assert_int_eq(record_type(record_get(r, "u")), RECORD_UINT);
	ck_assert(!record_int(record_get(r, "u"), &i));
	ck_assert_int_eq(i, -3);
	ck_assert(!record_int(record_get(r, "d"), &i));
	ck_assert(record_double(record_get(r, "d"), &d));
	ck_assert(d > 1.4 && d < 1.6);
	ck_assert(record_double(record_get(r, "i"), &d));
	ck_assert(d < -2.9 && d > -3.1);
	ck_assert(record_bool(record_get(r, "t"), &b));
	ck_assert(b);
	ck_assert(record_bool(record_get(r, "f"), &b));
	ck_assert(!b);
	ck_assert_ptr_null(record_str(record_get(r, "t")));
	ck_assert_uint_eq(record_len(record_get(r, "a")), 4);
	ck_assert_str_eq(record_str(record_at(record_get(r, "a"), 1)), "x");
	ck_assert_ptr_null(record_at(record_get(r, "a"), 2));
	ck_assert_ptr_null(record_at(record_get(r, "a"), 4));
	ck_assert_int_eq(record_type(record_path(r, "o.k")), RECORD_OBJECT);
}
END_TEST

START_TEST(chains_go_through_what_is_not_there)
{
	cleanup_record struct record *r =
		parsed("{\"a\":{\"b\":{\"c\":\"deep\"}},\"s\":\"x\",\"n\":null}");

	ck_assert_str_eq(record_str(record_path(r, "a.b.c")), "deep");
	ck_assert_ptr_null(record_path(r, "a.x.c"));
	ck_assert_ptr_null(record_path(r, "s.x"));
	ck_assert_ptr_null(record_path(r, "n.x"));
	ck_assert_ptr_null(record_path(NULL, "a.b"));
	ck_assert_ptr_null(record_get(record_get(r, "s"), "k"));
	ck_assert_ptr_null(record_at(r, 0));
	ck_assert_uint_eq(record_len(NULL), 0);
	ck_assert_uint_eq(record_len(record_get(r, "s")), 0);
	ck_assert_int_eq(record_type(NULL), RECORD_NULL);
	ck_assert(record_has(r, "n"));
	ck_assert_ptr_null(record_get(r, "n"));
	ck_assert(!record_has(r, "m"));
	ck_assert(!record_has(NULL, "m"));
	ck_assert_str_eq(record_str_or(NULL, "fallback"), "fallback");
	ck_assert_str_eq(record_str_or(record_get(r, "s"), "fallback"), "x");
	ck_assert_int_eq(record_int_or(NULL, -7), -7);
	ck_assert(record_bool_or(NULL, true));
	ck_assert(!record_bool_or(NULL, false));
}
END_TEST

START_TEST(null_alone_is_a_text)
{
	struct record *r = (struct record *)1;

	ck_ok(parse(" null\n", &r));
	ck_assert_ptr_null(r);
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const char *const bad[] = {
		"",
		"  ",
		"{",
		"}",
		"[",
		"]",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,",
		"{\"a\":1,}",
		"{,}",
		"{\"a\" 1}",
		"{a:1}",
		"{'a':1}",
		"{1:1}",
		"{\"a\":1 \"b\":2}",
		"[1,]",
		"[,1]",
		"[1 2]",
		"[1",
		"tru",
		"truex",
		"True",
		"nul",
		"NULL",
		"NaN",
		"Infinity",
		"-Infinity",
		"nan",
		"01",
		"-01",
		"00",
		"1.",
		".5",
		"+1",
		"-",
		"1e",
		"1e+",
		"1.e5",
		"0x10",
		"1_000",
		"1 2",
		"{} {}",
		"{}x",
		"[]]",
		"// c\n1",
		"/* c */ 1",
		"1 // c",
		"\"abc",
		"\"a\\q\"",
		"\"a\\",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"a\nb\"",
		"\"a\tb\"",
		"\"\\x41\"",
		"'a'",
		"\xef\xbb\xbf{}",
		"\v1",
		"\"\\",
		"[\"a\",\"b]",
		"{\"a\":1]",
		"[1}",
		"\"\\ud83d",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct record *r = (struct record *)1;
		int code = parse(bad[i], &r);

		ck_assert_msg(code == -BERTH_E_INVALID, "'%s' gives %d", bad[i], code);
		ck_assert_ptr_eq(r, (struct record *)1);
		ck_says("line ");
	}
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_refused)
{
	static const char *const bad[] = {
		"\"\xff\"",
		"\"\x80\"",
		"\"\xc3\"",
		"\"\xc0\xaf\"",
		"\"\xe0\x80\xaf\"",
		"\"\xed\xa0\x80\"",
		"\"\xf5\x80\x80\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xf0\x80\x80\x80\"",
		"\"\xe2\x82\"",
		"{\"\xff\":1}",
		"\"\xe2\x28\xa1\"",
	};
	cleanup_record struct record *good =
		parsed("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\"");
	struct record *r = NULL;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_fails(BERTH_E_INVALID, parse(bad[i], &r));
	ck_assert_uint_eq(strlen(record_str(good)), 13);
}
END_TEST

START_TEST(a_nul_is_refused_wherever_it_hides)
{
	struct record *r = NULL;

	ck_fails(BERTH_E_INVALID, parse("\"a\\u0000b\"", &r));
	ck_fails(BERTH_E_INVALID, parse("{\"a\\u0000b\":1}", &r));
	ck_fails(BERTH_E_INVALID, record_parse("\"a\0b\"", 5, 0, &r, &err));
	ck_fails(BERTH_E_INVALID, record_parse("1\0", 2, 0, &r, &err));
	ck_fails(BERTH_E_INVALID, record_parse("\0", 1, 0, &r, &err));
	ck_ok(parse("\"a\\\\u0000b\"", &r));
	ck_assert_str_eq(record_str(r), "a\\u0000b");
	record_free(r);
}
END_TEST

START_TEST(a_key_that_is_there_twice_is_refused)
{
	struct record *r = NULL;

	ck_fails(BERTH_E_INVALID, parse("{\"a\":1,\"b\":2,\"a\":1}", &r));
	ck_says("key 'a' is there twice");
	ck_fails(BERTH_E_INVALID, parse("{\"a\":null,\"\\u0061\":1}", &r));
	ck_ok(parse("{\"a\":{\"a\":1},\"A\":2}", &r));
	record_free(r);
}
END_TEST

START_TEST(errors_name_line_and_column_and_what_was_expected)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{"{\n  \"a\": 1\n  \"b\": 2\n}",
		 "line 3, column 3: expected ',' or '}', found '\"'"},
		{"{\n  \"a\": 1,\n}", "line 3, column 1: expected a key in quotes, found '}'"},
		{"{ b: 1 }", "line 1, column 3: expected a key in quotes or '}', found 'b'"},
		{"{\"a\": True}", "line 1, column 7: expected a value, found 'True'"},
		{"[1 2]", "line 1, column 4: expected ',' or ']', found '2'"},
		{"{\"a\" 1}", "line 1, column 6: expected ':', found '1'"},
		{"\n\n[1", "line 3, column 3: expected ',' or ']', found the end"},
		{"{} x", "line 1, column 4: expected the end, found 'x'"},
		{"\"a", "line 1, column 3: expected '\"' at the end of a string, found the end"},
		{"[1, \x01]", "line 1, column 5: expected a value, found byte 0x01"},
		{"{\n\"a\": 007}", "line 2, column 6: a number that begins with 0"},
		{"{\"a\":\n \"x\\q\"}", "line 2, column 4: no such escape in a string"},
		{"[99999999999999999999]", "line 1, column 2: a number out of range"},
		{"[\"open\n]", "line 1, column 7: a control character"},
	};
	struct record *r = NULL;

	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_fails(BERTH_E_INVALID, parse(cases[i].text, &r));
		ck_says(cases[i].says);
	}
}
END_TEST

START_TEST(numbers_out_of_range_are_refused_not_clamped)
{
	static const char *const bad[] = {"18446744073709551616", "-9223372036854775809", "1e400",
					  "-1e400", "99999999999999999999999999999999"};
	struct record *r = NULL;
	int64_t i = 0;

	for (size_t k = 0; k < COUNT(bad); k++)
		ck_fails(BERTH_E_INVALID, parse(bad[k], &r));
	ck_ok(parse("-9223372036854775808", &r));
	ck_assert(record_int(r, &i));
	ck_assert_int_eq(i, INT64_MIN);
	record_free(r);
	ck_ok(parse("9223372036854775807", &r));
	ck_assert_int_eq(record_type(r), RECORD_INT);
	record_free(r);
	ck_ok(parse("9223372036854775808", &r));
	ck_assert_int_eq(record_type(r), RECORD_UINT);
	record_free(r);
}
END_TEST

START_TEST(nesting_has_a_limit)
{
	struct record *r = NULL;
	char deep[2001];

	ck_ok(record_parse("[[[]]]", 6, 3, &r, &err));
	record_free(r);
	ck_fails(BERTH_E_LIMIT, record_parse("[[[]]]", 6, 2, &r, &err));
	ck_ok(record_parse("[[],[[]],{\"a\":[]}]", 18, 3, &r, &err));
	record_free(r);
	memset(deep, '[', sizeof(deep));
	ck_fails(BERTH_E_LIMIT, record_parse(deep, sizeof(deep), 0, &r, &err));
	ck_fails(BERTH_E_LIMIT, record_parse(deep, sizeof(deep), 1000000, &r, &err));
}
END_TEST

START_TEST(escapes_are_decoded)
{
	cleanup_record struct record *r =
		parsed("[\"\\\"\\\\\\/"
		       "\\b\\f\\n\\r\\t\",\"\\u00e9\\u20AC\\ud83d\\ude00\",\"\\ud83dx\","
		       "\"\\udc00\",\"\\ud83d\\u0041\"]");

	ck_assert_str_eq(record_str(record_at(r, 0)), "\"\\/\b\f\n\r\t");
	ck_assert_str_eq(record_str(record_at(r, 1)), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	ck_assert_str_eq(record_str(record_at(r, 2)), "\xef\xbf\xbdx");
	ck_assert_str_eq(record_str(record_at(r, 3)), "\xef\xbf\xbd");
	ck_assert_str_eq(record_str(record_at(r, 4)), "\xef\xbf\xbd"
						      "A");
}
END_TEST

START_TEST(members_come_in_the_order_of_the_text)
{
	cleanup_record struct record *r = parsed("{\"z\":1,\"a\":null,\"m\":{\"y\":1,\"b\":2}}");
	cleanup_str struct str seen = STR_INIT;
	const char *key;
	const char *inner;
	struct record *val;
	struct record *inner_val;

	record_foreach (r, key, val) {
		str_addf(&seen, "%s%s,", key, val ? "" : "=null");
		record_foreach (val, inner, inner_val)
			str_addf(&seen, "%s,", inner);
	}
	record_foreach (NULL, key, val)
		str_add(&seen, "!");
	ck_assert_str_eq(str_text(&seen), "z,a=null,m,y,b,");
}
END_TEST

START_TEST(compact_text_is_gos)
{
	ck_prints("{ \"a\" : [ 1 , 2.50 , { } , [ ] ] , \"b\" : \"x/y\" }", RECORD_COMPACT,
		  "{\"a\":[1,2.5,{},[]],\"b\":\"x/y\"}");
	ck_prints("[null,true,false,18446744073709551615,-1]", RECORD_COMPACT,
		  "[null,true,false,18446744073709551615,-1]");
	ck_prints("\"<a>&\\u2028\\u2029\"", RECORD_COMPACT, "\"<a>&\\u2028\\u2029\"");
	ck_prints("\"<a>&\"", RECORD_HTML_ESCAPE, "\"\\u003ca\\u003e\\u0026\"");
	ck_prints("{\"<k>\":1}", RECORD_HTML_ESCAPE, "{\"\\u003ck\\u003e\":1}");
	ck_prints("\"\\u0001\\b\\f\\n\\r\\t\\\"\\\\\\u001f\\u007f\"", RECORD_COMPACT,
		  "\"\\u0001\\b\\f\\n\\r\\t\\\"\\\\\\u001f\x7f\"");
	ck_prints("null", RECORD_COMPACT, "null");
}
END_TEST

START_TEST(pretty_text_is_that_of_docker_inspect)
{
	ck_prints("[{\"Id\":\"x\",\"Empty\":{},\"None\":[],\"Null\":null,\"Deep\":{\"List\":[1,"
		  "\"two\"]}}]",
		  RECORD_PRETTY,
		  "[\n"
		  "    {\n"
		  "        \"Id\": \"x\",\n"
		  "        \"Empty\": {},\n"
		  "        \"None\": [],\n"
		  "        \"Null\": null,\n"
		  "        \"Deep\": {\n"
		  "            \"List\": [\n"
		  "                1,\n"
		  "                \"two\"\n"
		  "            ]\n"
		  "        }\n"
		  "    }\n"
		  "]");
	ck_prints("[]", RECORD_PRETTY, "[]");
	ck_prints("{}", RECORD_PRETTY, "{}");
	ck_prints("1", RECORD_PRETTY, "1");
	ck_prints("[[],[]]", RECORD_PRETTY, "[\n    [],\n    []\n]");
}
END_TEST

START_TEST(floating_numbers_are_printed_as_by_go)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1, "1"},
		{-1.5, "-1.5"},
		{100, "100"},
		{0.1, "0.1"},
		{1e20, "100000000000000000000"},
		{1e21, "1e+21"},
		{1e-6, "0.000001"},
		{1e-7, "1e-7"},
		{1.5e-9, "1.5e-9"},
		{1e-10, "1e-10"},
		{123456789.125, "123456789.125"},
		{0.1 + 0.2, "0.30000000000000004"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{5e-324, "5e-324"},
		{-0.0, "-0"},
		{1e100, "1e+100"},
		{-2.5e-8, "-2.5e-8"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_record struct record *r = record_new_double(cases[i].value);
		cleanup_free char *text = record_to_text(r, RECORD_COMPACT);

		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(what_is_not_finite_is_null)
{
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);

	jw_array_begin(&w);
	jw_double(&w, NAN);
	jw_double(&w, -INFINITY);
	jw_array_end(&w);
	ck_assert_str_eq(str_text(&out), "[null,null]");
}
END_TEST

START_TEST(a_built_tree_prints_what_was_put_in)
{
	cleanup_record struct record *obj = record_new_object();
	cleanup_strv char **v = strv_new("a", "b", NULL);
	cleanup_free char *text = NULL;

	ck_ok(record_set_str(obj, "s", "x", &err));
	ck_ok(record_set_str(obj, "none", NULL, &err));
	ck_ok(record_set_int(obj, "i", -1, &err));
	ck_ok(record_set_uint(obj, "u", UINT64_MAX, &err));
	ck_ok(record_set_double(obj, "d", 0.5, &err));
	ck_ok(record_set_bool(obj, "b", true, &err));
	ck_ok(record_set(obj, "v", record_from_strv(v), &err));
	ck_ok(record_append_str(record_get(obj, "v"), "c", &err));
	ck_ok(record_append_null(record_get(obj, "v"), &err));
	ck_ok(record_append(record_get(obj, "v"), record_new_str_n("dd", 1), &err));
	ck_ok(record_set_int(obj, "s", 5, &err));
	ck_ok(record_set_null(obj, "b", &err));
	record_unset(obj, "d");
	record_unset(obj, "absent");
	text = record_to_text(obj, RECORD_COMPACT);
	ck_assert_str_eq(text,
			 "{\"s\":5,\"none\":null,\"i\":-1,\"u\":18446744073709551615,\"b\":null,"
			 "\"v\":[\"a\",\"b\",\"c\",null,\"d\"]}");
}
END_TEST

START_TEST(building_with_nothing_fails_and_frees)
{
	cleanup_record struct record *obj = record_new_object();
	cleanup_record struct record *arr = record_new_array();

	ck_fails(BERTH_E_NO_MEMORY, record_set(obj, "k", NULL, &err));
	ck_fails(BERTH_E_NO_MEMORY, record_append(arr, NULL, &err));
	ck_fails(BERTH_E_INTERNAL, record_set_str(arr, "k", "x", &err));
	ck_fails(BERTH_E_INTERNAL, record_append_str(obj, "x", &err));
	ck_fails(BERTH_E_INTERNAL, record_set_str(NULL, "k", "x", &err));
	ck_assert(!record_has(obj, "k"));
}
END_TEST

START_TEST(a_part_may_outlive_its_tree_and_a_copy_is_apart)
{
	struct record *r = parsed("{\"a\":{\"b\":[1,2.5]}}");
	cleanup_record struct record *part = record_ref(record_get(r, "a"));
	cleanup_record struct record *copy = record_copy(r);
	cleanup_free char *text = NULL;

	ck_ok(record_set_int(part, "c", 1, &err));
	record_free(r);
	ck_assert_uint_eq(record_len(part), 2);
	text = record_to_text(copy, RECORD_COMPACT);
	ck_assert_str_eq(text, "{\"a\":{\"b\":[1,2.5]}}");
	ck_assert_ptr_null(record_copy(NULL));
	ck_assert_ptr_null(record_ref(NULL));
}
END_TEST

START_TEST(arrays_of_strings_are_read)
{
	cleanup_record struct record *r =
		parsed("{\"v\":[\"a\",\"\"],\"bad\":[\"a\",1],\"s\":\"a\",\"null\":[null]}");
	cleanup_strv char **v = NULL;
	cleanup_strv char **none = NULL;

	ck_fails(BERTH_E_INVALID, record_strv(record_get(r, "bad"), &v, &err));
	ck_fails(BERTH_E_INVALID, record_strv(record_get(r, "null"), &v, &err));
	ck_fails(BERTH_E_INVALID, record_strv(record_get(r, "s"), &v, &err));
	ck_assert_ptr_null(v);
	ck_ok(record_strv(record_get(r, "v"), &v, &err));
	ck_assert_uint_eq(strv_len(v), 2);
	ck_ok(record_strv(NULL, &none, &err));
	ck_assert_ptr_nonnull(none);
	ck_assert_ptr_null(none[0]);
}
END_TEST

START_TEST(what_is_needed_must_be_there_and_of_its_type)
{
	cleanup_record struct record *r =
		parsed("{\"s\":\"x\",\"i\":-1,\"u\":18446744073709551615,\"b\":true,\"o\":{},\"a\":"
		       "[],\"n\":null,\"d\":1.0}");
	const char *s = NULL;
	struct record *part = NULL;
	int64_t i = 42;
	uint64_t u = 42;
	bool b = false;

	ck_fails(BERTH_E_INVALID, record_need_str(r, "none", &s, &err));
	ck_says("key 'none' is missing");
	ck_fails(BERTH_E_INVALID, record_need_str(r, "n", &s, &err));
	ck_fails(BERTH_E_INVALID, record_need_str(r, "i", &s, &err));
	ck_says("key 'i' is an int, wanted a string");
	ck_fails(BERTH_E_INVALID, record_need_int(r, "s", &i, &err));
	ck_says("key 's' is a string, wanted an int");
	ck_fails(BERTH_E_INVALID, record_need_int(r, "d", &i, &err));
	ck_fails(BERTH_E_INVALID, record_need_int(r, "u", &i, &err));
	ck_says("too big");
	ck_fails(BERTH_E_INVALID, record_need_uint(r, "i", &u, &err));
	ck_says("negative");
	ck_fails(BERTH_E_INVALID, record_need_bool(r, "i", &b, &err));
	ck_fails(BERTH_E_INVALID, record_need_object(r, "a", &part, &err));
	ck_fails(BERTH_E_INVALID, record_need_array(r, "o", &part, &err));
	ck_fails(BERTH_E_INVALID, record_need_array(NULL, "o", &part, &err));
	ck_assert_ptr_null(s);
	ck_assert_ptr_null(part);
	ck_assert_int_eq(i, 42);
	ck_assert_uint_eq(u, 42);
	ck_ok(record_need_str(r, "s", &s, &err));
	ck_ok(record_need_int(r, "i", &i, &err));
	ck_ok(record_need_uint(r, "u", &u, &err));
	ck_ok(record_need_bool(r, "b", &b, &err));
	ck_ok(record_need_object(r, "o", &part, &err));
	ck_ok(record_need_array(r, "a", &part, &err));
	ck_assert_str_eq(s, "x");
	ck_assert_uint_eq(u, UINT64_MAX);
}
END_TEST

struct sample {
	char *name;
	int64_t size;
	uint64_t count;
	bool on;
	double ratio;
	char **args;
	char **labels;
	struct record *config;
	struct record *list;
	struct record *any;
	int untabled;
};

static const struct record_field sample_fields[] = {
	{"name", RECORD_STR, true, offsetof(struct sample, name)},
	{"size", RECORD_INT, true, offsetof(struct sample, size)},
	{"count", RECORD_UINT, false, offsetof(struct sample, count)},
	{"on", RECORD_BOOL, false, offsetof(struct sample, on)},
	{"ratio", RECORD_DOUBLE, false, offsetof(struct sample, ratio)},
	{"args", RECORD_STRV, false, offsetof(struct sample, args)},
	{"labels", RECORD_STRMAP, false, offsetof(struct sample, labels)},
	{"config", RECORD_OBJECT, false, offsetof(struct sample, config)},
	{"list", RECORD_ARRAY, false, offsetof(struct sample, list)},
	{"any", RECORD_ANY, false, offsetof(struct sample, any)},
	{0},
};

static int read_sample(const char *text, struct sample *ret)
{
	return record_read_text(text, strlen(text), sample_fields, ret, sizeof(*ret), &err);
}

START_TEST(a_table_fills_a_struct)
{
	struct sample s;

	memset(&s, 0xaa, sizeof(s));
	ck_ok(read_sample("{\"name\":\"n\",\"size\":-5,\"count\":6,\"on\":true,\"ratio\":2,"
			  "\"args\":[\"a\",\"b\"],\"labels\":{\"k\":\"v=w\",\"e\":\"\"},"
			  "\"config\":{\"x\":1},\"list\":[1],\"any\":\"thing\",\"unknown\":{}}",
			  &s));
	ck_assert_str_eq(s.name, "n");
	ck_assert_int_eq(s.size, -5);
	ck_assert_uint_eq(s.count, 6);
	ck_assert(s.on);
	ck_assert(s.ratio > 1.9 && s.ratio < 2.1);
	ck_assert_uint_eq(strv_len(s.args), 2);
	ck_assert_str_eq(s.labels[0], "k=v=w");
	ck_assert_str_eq(s.labels[1], "e=");
	ck_assert_uint_eq(record_len(s.config), 1);
	ck_assert_uint_eq(record_len(s.list), 1);
	ck_assert_str_eq(record_str(s.any), "thing");
	ck_assert_int_eq(s.untabled, 0);
	record_read_free(sample_fields, &s);
	ck_assert_ptr_null(s.name);
	ck_assert_ptr_null(s.args);
	ck_assert_ptr_null(s.config);
	record_read_free(sample_fields, &s);
}
END_TEST

START_TEST(what_is_optional_may_be_absent_or_null)
{
	struct sample s;

	ck_ok(read_sample("{\"name\":\"n\",\"size\":1,\"args\":null,\"on\":null,\"config\":null}",
			  &s));
	ck_assert_ptr_null(s.args);
	ck_assert_ptr_null(s.labels);
	ck_assert_ptr_null(s.config);
	ck_assert(!s.on);
	record_read_free(sample_fields, &s);
}
END_TEST

START_TEST(a_table_refuses_and_leaves_the_struct_alone)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{"{\"size\":1}", "key 'name' is missing"},
		{"{\"name\":null,\"size\":1}", "key 'name' is missing"},
		{"{\"name\":\"n\",\"size\":\"1\"}", "key 'size' is a string, wanted an int"},
		{"{\"name\":\"n\",\"size\":1.5}", "key 'size' is a number, wanted an int"},
		{"{\"name\":\"n\",\"size\":18446744073709551615}",
		 "key 'size': the number is too big"},
		{"{\"name\":\"n\",\"size\":1,\"count\":-1}", "key 'count': the number is negative"},
		{"{\"name\":[],\"size\":1}", "key 'name' is an array, wanted a string"},
		{"{\"name\":\"n\",\"size\":1,\"on\":1}", "key 'on' is an int, wanted a bool"},
		{"{\"name\":\"n\",\"size\":1,\"args\":\"a\"}", "wanted an array of strings"},
		{"{\"name\":\"n\",\"size\":1,\"args\":[\"a\",2]}",
		 "key 'args': item 1 is no string"},
		{"{\"name\":\"n\",\"size\":1,\"labels\":{\"k\":1}}",
		 "key 'labels': the value of 'k'"},
		{"{\"name\":\"n\",\"size\":1,\"labels\":[]}", "wanted an object of strings"},
		{"{\"name\":\"n\",\"size\":1,\"config\":[]}",
		 "key 'config' is an array, wanted an object"},
		{"{\"name\":\"n\",\"size\":1,\"list\":{}}",
		 "key 'list' is an object, wanted an array"},
		{"[]", "wanted an object, not an array"},
		{"null", "wanted an object, not null"},
		{"{\"name\":\"n\",\"size\":1} x", "line 1, column 23"},
	};
	struct sample s;
	struct sample before;

	memset(&s, 0xaa, sizeof(s));
	before = s;
	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_fails(BERTH_E_INVALID, read_sample(cases[i].text, &s));
		ck_says(cases[i].says);
		ck_assert_mem_eq(&s, &before, sizeof(s));
	}
}
END_TEST

START_TEST(a_writer_puts_the_commas)
{
	cleanup_str struct str out = STR_INIT;
	cleanup_strv char **v = strv_new("p", "q", NULL);
	cleanup_strv char **map = strv_new("k=v", "flag", "e=", NULL);
	cleanup_record struct record *r = parsed("{\"x\":[1]}");
	struct jw w = jw_to(&out, RECORD_COMPACT);

	jw_object_begin(&w);
	jw_key_str(&w, "s", "a\"b");
	jw_key_str(&w, "none", NULL);
	jw_key_int(&w, "i", INT64_MIN);
	jw_key_uint(&w, "u", UINT64_MAX);
	jw_key_bool(&w, "b", false);
	jw_key_raw(&w, "raw", "{\"r\": 1}");
	jw_key_object(&w, "o");
	jw_object_end(&w);
	jw_key_array(&w, "a");
	jw_int(&w, 1);
	jw_array_begin(&w);
	jw_array_end(&w);
	jw_null(&w);
	jw_bool(&w, true);
	jw_object_begin(&w);
	jw_key(&w, "n");
	jw_str_n(&w, "xyz", 2);
	jw_object_end(&w);
	jw_array_end(&w);
	jw_key(&w, "v");
	jw_strv(&w, v);
	jw_key(&w, "nov");
	jw_strv(&w, NULL);
	jw_key(&w, "m");
	jw_strmap(&w, map);
	jw_key(&w, "nom");
	jw_strmap(&w, NULL);
	jw_key(&w, "r");
	jw_record(&w, r);
	jw_object_end(&w);
	ck_assert_str_eq(
		str_text(&out),
		"{\"s\":\"a\\\"b\",\"none\":null,\"i\":-9223372036854775808,"
		"\"u\":18446744073709551615,\"b\":false,\"raw\":{\"r\": 1},\"o\":{},"
		"\"a\":[1,[],null,true,{\"n\":\"xy\"}],\"v\":[\"p\",\"q\"],\"nov\":null,"
		"\"m\":{\"k\":\"v\",\"flag\":\"\",\"e\":\"\"},\"nom\":null,\"r\":{\"x\":[1]}}");
}
END_TEST

START_TEST(a_writer_indents_like_the_printer)
{
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_PRETTY);

	jw_array_begin(&w);
	jw_object_begin(&w);
	jw_key_array(&w, "a");
	jw_array_end(&w);
	jw_key_array(&w, "b");
	jw_raw(&w, "1", 1);
	jw_array_end(&w);
	jw_object_end(&w);
	jw_array_end(&w);
	ck_assert_str_eq(str_text(&out), "[\n    {\n        \"a\": [],\n        \"b\": [\n         "
					 "   1\n        ]\n    }\n]");
}
END_TEST

START_TEST(written_bytes_that_are_not_utf8_become_a_sign)
{
	cleanup_str struct str out = STR_INIT;

	jw_quote(&out,
		 "a\xff\xc3"
		 "b\xe2\x82",
		 6, RECORD_COMPACT);
	ck_assert_str_eq(str_text(&out), "\"a\\ufffd\\ufffdb\\ufffd\\ufffd\"");
	str_clear(&out);
	jw_quote(&out, "\xc3\xa9\0z", 4, RECORD_COMPACT);
	ck_assert_str_eq(str_text(&out), "\"\xc3\xa9\\u0000z\"");
}
END_TEST

START_TEST(whatever_is_cut_off_is_refused_and_leaks_nothing)
{
	static const char text[] =
		"{\"a\":[1,2.5e3,\"\\u00e9\\n\",{\"b\":null,\"c\":[true,false]}],\"d\":-1}";
	struct record *r = NULL;

	for (size_t len = 0; len < strlen(text); len++) {
		/* from memory that ends there, so that a byte too far is seen */
		cleanup_free char *exact = malloc(len + !len);

		memcpy(exact, text, len);
		ck_fails(BERTH_E_INVALID, record_parse(exact, len, 0, &r, &err));
	}
}
END_TEST

START_TEST(any_single_changed_byte_is_refused_or_read)
{
	static const char text[] = "{\"a\":[1,-2.5e3,\"\\u00e9\\n\"],\"b\":{\"c\":[true,null]}}";

	for (size_t at = 0; at < strlen(text); at++) {
		for (int c = 0; c < 256; c++) {
			char changed[sizeof(text)];
			struct record *r = NULL;
			struct record *again = NULL;
			cleanup_free char *printed = NULL;

			memcpy(changed, text, sizeof(text));
			changed[at] = (char)c;
			if (record_parse(changed, strlen(text), 0, &r, NULL) < 0)
				continue;
			printed = record_to_text(r, RECORD_COMPACT);
			ck_ok(parse(printed, &again)); /* what we print, we read */
			record_free(r);
			record_free(again);
		}
	}
}
END_TEST

int main(void)
{
	return CK_MAIN("base/record", values_keep_their_types, chains_go_through_what_is_not_there,
		       null_alone_is_a_text, what_is_no_json_is_refused,
		       bytes_that_are_not_utf8_are_refused, a_nul_is_refused_wherever_it_hides,
		       a_key_that_is_there_twice_is_refused,
		       errors_name_line_and_column_and_what_was_expected,
		       numbers_out_of_range_are_refused_not_clamped, nesting_has_a_limit,
		       escapes_are_decoded, members_come_in_the_order_of_the_text,
		       compact_text_is_gos, pretty_text_is_that_of_docker_inspect,
		       floating_numbers_are_printed_as_by_go, what_is_not_finite_is_null,
		       a_built_tree_prints_what_was_put_in, building_with_nothing_fails_and_frees,
		       a_part_may_outlive_its_tree_and_a_copy_is_apart, arrays_of_strings_are_read,
		       what_is_needed_must_be_there_and_of_its_type, a_table_fills_a_struct,
		       what_is_optional_may_be_absent_or_null,
		       a_table_refuses_and_leaves_the_struct_alone, a_writer_puts_the_commas,
		       a_writer_indents_like_the_printer,
		       written_bytes_that_are_not_utf8_become_a_sign,
		       whatever_is_cut_off_is_refused_and_leaks_nothing,
		       any_single_changed_byte_is_refused_or_read);
}
