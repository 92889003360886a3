/* SPDX-License-Identifier: Apache-2.0 */
/* Templates over records: what docker's Go structs are there, and what a list of cases cannot tell.
 */
#include "ck.h"

#include "base/record.h"
#include "programs/berth/template.h"

static struct record *parse(const char *json)
{
	struct record *r;

	ck_ok(record_parse(json, strlen(json), 0, &r, &err));
	return r;
}

static int run(const char *text, const char *json, const struct template_env *env, struct str *out)
{
	cleanup_record struct record *data = parse(json);
	cleanup_template struct template *t = NULL;
	int r = template_parse(text, &t, &err);

	str_clear(out);
	return r < 0 ? r : template_exec(t, data, env, out, &err);
}

static const char *print_in(const char *text, const char *json, const struct template_env *env)
{
	static struct str out;

	ck_ok(run(text, json, env, &out));
	return str_text(&out);
}

static const char *print(const char *text, const char *json)
{
	return print_in(text, json, NULL);
}

#define ck_prints(wanted, text, json) ck_assert_str_eq(print((text), (json)), (wanted))

static enum template_absent absent(const char *key)
{
	if (strcmp(key, "Labels") == 0)
		return TEMPLATE_ABSENT_MAP;
	if (strcmp(key, "Binds") == 0)
		return TEMPLATE_ABSENT_LIST;
	if (strcmp(key, "Health") == 0)
		return TEMPLATE_ABSENT_POINTER;
	if (strcmp(key, "StopSignal") == 0)
		return TEMPLATE_ABSENT_STRING;
	return TEMPLATE_ABSENT_UNKNOWN;
}

static const struct template_env typed = {.strict = true, .absent = absent};

START_TEST(fields_go_down_into_objects)
{
	ck_prints("running 7", "{{.State.Status}} {{.State.Pid}}",
		  "{\"State\": {\"Status\": \"running\", \"Pid\": 7}}");
}
END_TEST

START_TEST(lists_and_objects_print_as_go_prints_them)
{
	ck_prints("[a b [1 <nil>]]", "{{.L}}", "{\"L\": [\"a\", \"b\", [1, null]]}");
	ck_prints("map[a:1 b:map[]]", "{{.M}}", "{\"M\": {\"b\": {}, \"a\": 1}}");
	ck_prints("[map[k:v]]", "{{.L}}", "{\"L\": [{\"k\": \"v\"}]}");
}
END_TEST

START_TEST(a_range_over_an_object_is_sorted_by_key)
{
	ck_prints("a=1 b=2 c=3 ", "{{range $k, $v := .M}}{{$k}}={{$v}} {{end}}",
		  "{\"M\": {\"c\": 3, \"a\": 1, \"b\": 2}}");
	ck_prints("123", "{{range .M}}{{.}}{{end}}", "{\"M\": {\"c\": 3, \"a\": 1, \"b\": 2}}");
}
END_TEST

START_TEST(a_range_over_nothing_takes_its_else)
{
	ck_prints("none", "{{range .L}}x{{else}}none{{end}}", "{\"L\": []}");
	ck_prints("none", "{{range .L}}x{{else}}none{{end}}", "{\"L\": null}");
	ck_prints("none", "{{range .L}}x{{else}}none{{end}}", "{\"L\": {}}");
}
END_TEST

START_TEST(index_goes_through_ports_as_people_write_it)
{
	const char *json =
		"{\"NetworkSettings\": {\"Ports\": {\"80/tcp\": [{\"HostIp\": \"0.0.0.0\","
		"\"HostPort\": \"8080\"}]}}}";

	ck_prints("8080", "{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", json);
	ck_prints("8080", "{{index .NetworkSettings.Ports \"80/tcp\" 0 \"HostPort\"}}", json);
	ck_prints("80/tcp->8080 ",
		  "{{range $p, $c := .NetworkSettings.Ports}}{{$p}}->{{(index $c 0).HostPort}} "
		  "{{end}}",
		  json);
}
END_TEST

START_TEST(the_names_of_go_fields_are_taken_for_those_of_the_json)
{
	ck_prints("abc 5", "{{.ID}} {{.HostConfig.CPUShares}}",
		  "{\"Id\": \"abc\", \"HostConfig\": {\"CpuShares\": 5}}");
	ck_prints("exact", "{{.ID}}", "{\"Id\": \"other\", \"ID\": \"exact\"}");
	ck_prints("<no value>", "{{.id}}", "{\"Id\": \"abc\"}");
}
END_TEST

START_TEST(keys_that_people_chose_are_exact)
{
	ck_assert_str_eq(print_in("{{.Labels.Name}}", "{\"Labels\": {\"NAME\": \"x\"}}", &typed),
			 "<no value>");
}
END_TEST

START_TEST(what_is_missing_has_no_value_unless_that_is_an_error)
{
	static struct str out;

	ck_prints("<no value>", "{{.Nope}}", "{}");
	ck_prints("<no value>", "{{.Nope.Deeper}}", "{}");
	ck_prints("<no value>", "{{.Null}}", "{\"Null\": null}");
	ck_fails(BERTH_E_INVALID, run("{{.Nope}}", "{}", &typed, &out));
	ck_assert_str_eq(
		err.text,
		"template: :1:2: executing \"\" at <.Nope>: map has no entry for key \"Nope\"");
	str_done(&out);
}
END_TEST

START_TEST(what_docker_knows_the_type_of_prints_by_it)
{
	const char *json = "{\"Labels\": null, \"Binds\": null}";

	ck_assert_str_eq(
		print_in("{{.Labels}} {{.Binds}} {{.Health}} {{.StopSignal}}.", json, &typed),
		"map[] [] <nil> .");
	ck_assert_str_eq(print_in("{{json .Labels}} {{json .Health}}", json, &typed), "null null");
	ck_assert_str_eq(print_in("{{len .Binds}} {{len .Labels}}", json, &typed), "0 0");
	ck_assert_str_eq(print_in("{{if .Health}}x{{else}}y{{end}}", json, &typed), "y");
	ck_assert_str_eq(print_in("{{range .Binds}}x{{end}}.", json, &typed), ".");
}
END_TEST

START_TEST(a_missing_label_is_empty_for_index_and_nothing_for_a_field)
{
	const char *json = "{\"Labels\": {\"a\": \"1\"}}";

	ck_assert_str_eq(print_in("[{{index .Labels \"b\"}}]", json, &typed), "[]");
	ck_assert_str_eq(print_in("[{{.Labels.b}}]", json, &typed), "[<no value>]");
	ck_assert_str_eq(print_in("[{{index .Labels \"b\"}}]", "{}", &typed), "[]");
}
END_TEST

START_TEST(a_field_of_a_nil_pointer_is_an_error)
{
	static struct str out;

	ck_fails(BERTH_E_INVALID, run("{{.Health.Status}}", "{}", &typed, &out));
	ck_says("nil pointer evaluating interface {}.Status");
	str_done(&out);
}
END_TEST

START_TEST(json_is_what_the_record_is)
{
	ck_prints("{\"a\":[1,2.5,true,null,\"<&>\"]}", "{{json .}}",
		  "{\"a\": [1, 2.5, true, null, \"<&>\"]}");
	ck_prints("18446744073709551615 18446744073709551615", "{{json .N}} {{.N}}",
		  "{\"N\": 18446744073709551615}");
}
END_TEST

START_TEST(rows_of_lists_escape_html_in_json_as_docker_does)
{
	static const struct template_env row = {.row_type = "row"};

	ck_assert_str_eq(print_in("{{json .}} {{json .P}}", "{\"P\": \"a->b\"}", &row),
			 "{\"P\":\"a-\\u003eb\"} \"a->b\"");
}
END_TEST

START_TEST(join_takes_lists_of_anything)
{
	ck_prints("a,1,true", "{{join .L \",\"}}", "{\"L\": [\"a\", 1, true]}");
	ck_prints("", "{{join .L \",\"}}", "{\"L\": null}");
}
END_TEST

START_TEST(slices_of_lists_are_lists)
{
	ck_prints("[b c] 2 b", "{{slice .L 1 3}} {{len (slice .L 1 3)}} {{index (slice .L 1) 0}}",
		  "{\"L\": [\"a\", \"b\", \"c\", \"d\"]}");
}
END_TEST

START_TEST(numbers_are_compared_across_their_signs)
{
	ck_prints("true false true", "{{lt .A .B}} {{eq .A .B}} {{gt .B .A}}",
		  "{\"A\": 1, \"B\": 18446744073709551615}");
}
END_TEST

START_TEST(headings_go_through_functions_unchanged)
{
	static const struct template_env headings = {.row_type = "row", .headings = true};

	ck_assert_str_eq(print_in("{{json .Names}} {{upper .Names}} {{lower .Names}} "
				  "{{title .Names}} {{truncate .Names 2}}",
				  "{\"Names\": \"NaMES\"}", &headings),
			 "NaMES NaMES NaMES NaMES NaMES");
}
END_TEST

START_TEST(newlines_count_for_the_place_of_an_error)
{
	static struct str out;

	ck_fails(BERTH_E_INVALID, run("a\nb{{.X.Y}}", "{\"X\": \"s\"}", NULL, &out));
	ck_says("template: :2:5: executing \"\" at <.X.Y>: can't evaluate field Y in type string");
	ck_fails(BERTH_E_INVALID, run("a\n\n{{foo}}", "{}", NULL, &out));
	ck_says("template: :3: function \"foo\" not defined");
	str_done(&out);
}
END_TEST

START_TEST(what_is_used_can_be_asked)
{
	cleanup_template struct template *t = NULL;

	ck_ok(template_parse("{{if eq (len .Names) 1}}{{range .L}}{{$.Size}}{{end}}{{end}}", &t,
			     &err));
	ck_assert(template_uses(t, "Names"));
	ck_assert(template_uses(t, "Size"));
	ck_assert(!template_uses(t, "ID"));
	ck_assert(!template_uses_all(t));
	template_free(steal_ptr(t));
	ck_ok(template_parse("{{json .}}", &t, &err));
	ck_assert(template_uses_all(t));
	ck_assert(!template_uses(t, "Names"));
}
END_TEST

/* ------------------------------------------------------------------------------------ limits */

static char *repeat(const char *before, const char *word, int n, const char *after)
{
	cleanup_str struct str s = STR_INIT;

	str_add(&s, before);
	for (int i = 0; i < n; i++)
		str_add(&s, word);
	str_add(&s, after);
	return str_steal(&s);
}

START_TEST(deep_nesting_is_refused)
{
	cleanup_free char *parens = repeat("{{", "(", 5000, "}}");
	cleanup_free char *ifs = repeat("", "{{if 1}}", 5000, "");
	cleanup_free char *elses = repeat("{{if 1}}", "{{else if 1}}", 4000, "{{end}}");
	cleanup_free char *closed = repeat("{{print ", "(print ", 5000, "");
	struct template *t;

	ck_fails(BERTH_E_LIMIT, template_parse(ifs, &t, &err));
	ck_fails(BERTH_E_LIMIT, template_parse(elses, &t, &err));
	ck_assert_int_lt(template_parse(parens, &t, &err), 0);
	ck_assert_int_lt(template_parse(closed, &t, &err), 0);
}
END_TEST

START_TEST(a_template_has_a_greatest_length)
{
	cleanup_free char *text = repeat("", "x", TEMPLATE_SOURCE_MAX + 1, "");
	struct template *t = NULL;

	ck_fails(BERTH_E_LIMIT, template_parse(text, &t, &err));
	text[TEMPLATE_SOURCE_MAX] = '\0';
	ck_ok(template_parse(text, &t, &err));
	template_free(t);
}
END_TEST

START_TEST(loops_within_loops_come_to_an_end)
{
	static struct str out;

	ck_fails(BERTH_E_LIMIT,
		 run("{{range 100000}}{{range 100000}}{{end}}{{end}}", "{}", NULL, &out));
	ck_says("steps");
	ck_fails(BERTH_E_LIMIT, run("{{range 9223372036854775807}}{{end}}", "{}", NULL, &out));
	str_done(&out);
}
END_TEST

START_TEST(memory_has_a_limit)
{
	static struct str out;

	ck_fails(BERTH_E_LIMIT, run("{{pad \"x\" 100000000 1}}", "{}", NULL, &out));
	ck_fails(BERTH_E_LIMIT,
		 run("{{$x := pad \"x\" 1000000 1}}{{range 1000}}{{$x = print $x \"y\"}}{{end}}",
		     "{}", NULL, &out));
	ck_says("MiB");
	ck_fails(BERTH_E_LIMIT, run("{{$x := pad \"x\" 1000000 0}}{{range 1000}}{{len (split $x "
				    "\" \")}}{{end}}",
				    "{}", NULL, &out));
	str_done(&out);
}
END_TEST

START_TEST(widths_of_printf_are_limited)
{
	ck_prints("%!(BADWIDTH)5", "{{printf \"%*d\" 99999999 5}}", "{}");
	ck_assert_uint_eq(strlen(print("{{printf \"%1000000d\" 5}}", "{}")), 1000000);
}
END_TEST

START_TEST(numbers_that_do_not_fit_are_refused)
{
	struct template *t;

	ck_prints("9223372036854775807 -9223372036854775808",
		  "{{9223372036854775807}} {{-9223372036854775808}}", "{}");
	ck_fails(BERTH_E_INVALID, template_parse("{{9223372036854775808}}", &t, &err));
	ck_fails(BERTH_E_INVALID, template_parse("{{-9223372036854775809}}", &t, &err));
	ck_fails(BERTH_E_INVALID, template_parse("{{0x10000000000000000}}", &t, &err));
	ck_fails(BERTH_E_INVALID, template_parse("{{1e999}}", &t, &err));
}
END_TEST

START_TEST(too_many_operands_and_variables_are_refused)
{
	cleanup_free char *operands = repeat("{{print ", "1 ", 100, "}}");
	cleanup_free char *variables = repeat("", "{{$x := 1}}", 2000, "");
	struct template *t;

	ck_fails(BERTH_E_INVALID, template_parse(operands, &t, &err));
	ck_says("operands");
	ck_fails(BERTH_E_INVALID, template_parse(variables, &t, &err));
	ck_says("variables");
}
END_TEST

START_TEST(constructs_that_are_not_there_are_named)
{
	struct template *t;

	ck_fails(BERTH_E_INVALID, template_parse("{{define \"x\"}}{{end}}", &t, &err));
	ck_says("{{define}} is not supported");
	ck_fails(BERTH_E_INVALID, template_parse("{{template \"x\"}}", &t, &err));
	ck_says("{{template}} is not supported");
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"template/exec", fields_go_down_into_objects,
		lists_and_objects_print_as_go_prints_them, a_range_over_an_object_is_sorted_by_key,
		a_range_over_nothing_takes_its_else, index_goes_through_ports_as_people_write_it,
		the_names_of_go_fields_are_taken_for_those_of_the_json,
		keys_that_people_chose_are_exact,
		what_is_missing_has_no_value_unless_that_is_an_error,
		what_docker_knows_the_type_of_prints_by_it,
		a_missing_label_is_empty_for_index_and_nothing_for_a_field,
		a_field_of_a_nil_pointer_is_an_error, json_is_what_the_record_is,
		rows_of_lists_escape_html_in_json_as_docker_does, join_takes_lists_of_anything,
		slices_of_lists_are_lists, numbers_are_compared_across_their_signs,
		headings_go_through_functions_unchanged, newlines_count_for_the_place_of_an_error,
		what_is_used_can_be_asked, deep_nesting_is_refused,
		a_template_has_a_greatest_length, loops_within_loops_come_to_an_end,
		memory_has_a_limit, widths_of_printf_are_limited,
		numbers_that_do_not_fit_are_refused, too_many_operands_and_variables_are_refused,
		constructs_that_are_not_there_are_named);
}
