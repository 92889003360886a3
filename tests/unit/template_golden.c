/* SPDX-License-Identifier: Apache-2.0 */
/* What docker's own templates printed or said for each line of a list, we print and say too. */
#include "ck.h"

#include "base/record.h"
#include "programs/berth/template.h"

static const char *golden_path;

static struct record *read_golden(void)
{
	cleanup_free char *text = NULL;
	cleanup_fd int fd = open(golden_path, O_RDONLY | O_CLOEXEC);
	struct record *golden;
	size_t n;

	ck_assert_msg(fd >= 0, "cannot open '%s'", golden_path);
	ck_ok(read_fd_limited(fd, 1 << 20, &text, &n, &err));
	ck_ok(record_parse(text, n, 0, &golden, &err));
	return golden;
}

static bool label(const void *source, const char *name, const char *arg, struct str *ret)
{
	if (strcmp(name, "Label") != 0)
		return false;
	if (arg)
		str_add(ret, strcmp(arg, "a") == 0 ? "1" : strcmp(arg, "b") == 0 ? "2" : "");
	return true;
}

/* 0 if @c came out as it should */
static int check_case(const struct record *row, const struct record *c)
{
	static const struct template_env env = {.strict = true, .row_type = "row", .method = label};
	const char *text = record_str(record_get(c, "template"));
	const char *output = record_str(record_get(c, "output"));
	const char *error = record_str(record_get(c, "error"));
	cleanup_template struct template *t = NULL;
	cleanup_str struct str out = STR_INIT;
	int r = template_parse(text, &t, &err);

	if (r == 0)
		r = template_exec(t, row, &env, &out, &err);
	if (r < 0 && (!error || strcmp(error, err.text) != 0))
		(void)fprintf(stderr, "%s\n  wanted: %s\n  failed: %s\n", text,
			      error ? error : output, err.text);
	else if (r == 0 && (!output || strcmp(output, str_text(&out)) != 0))
		(void)fprintf(stderr, "%s\n  wanted: %s\n  got:    %s\n", text,
			      output ? output : error, str_text(&out));
	else
		return 0;
	return 1;
}

START_TEST(each_template_comes_out_as_docker_makes_it)
{
	cleanup_record struct record *golden = read_golden();
	const struct record *row = record_get(golden, "row"), *cases = record_get(golden, "cases");
	int wrong = 0;

	ck_assert_uint_gt(record_len(cases), 100);
	for (size_t i = 0; i < record_len(cases); i++)
		wrong += check_case(row, record_at(cases, i));
	ck_assert_msg(wrong == 0, "%d of %zu differ", wrong, record_len(cases));
}
END_TEST

int main(int argc, char *argv[])
{
	golden_path = argc > 1 ? argv[1] : "template_golden.json";
	return CK_MAIN("template/golden", each_template_comes_out_as_docker_makes_it);
}
