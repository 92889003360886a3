/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flags of `create` make the request that docker's command line made of them, but for values
 * that say nothing (0, "", false, null, empty lists), which both sides lose here before they are
 * compared.
 */
#include "ck.h"

#include "base/record.h"
#include "programs/berth/create_options.h"

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

/* ------------------------------------------------------------- values that say nothing */

/* objects whose keys people choose: an empty value there says that the key is there */
static bool has_free_keys(const char *key)
{
	static const char *const keys[] = {
		"Labels", "Volumes", "ExposedPorts", "PortBindings",
		"Tmpfs",  "Sysctls", "Annotations",  "StorageOpt",
		"Config", "Options", "DriverOpts",   "EndpointsConfig",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

static bool says_nothing(const struct record *r)
{
	double number;
	bool truth;

	if (record_bool(r, &truth))
		return !truth;
	if (record_double(r, &number))
		return number == 0;
	if (record_str(r))
		return record_str(r)[0] == '\0';
	return record_len(r) == 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* @r as text, with sorted keys and without what says nothing */
static char *normal(const struct record *r, bool free_keys)
{
	cleanup_strv char **parts = NULL;
	cleanup_free char *joined = NULL;
	struct record *val;
	const char *key;

	if (record_type(r) == RECORD_ARRAY) {
		for (size_t i = 0; i < record_len(r); i++)
			ck_ok(strv_take(&parts, normal(record_at(r, i), false)));
		joined = strv_join(parts, ",");
		return str_fmt("[%s]", joined);
	}
	if (record_type(r) != RECORD_OBJECT)
		return record_to_text(r, RECORD_COMPACT);
	record_foreach (r, key, val) {
		cleanup_free char *text = normal(val, has_free_keys(key));

		if (!free_keys && (says_nothing(val) || strcmp(text, "{}") == 0))
			continue;
		ck_ok(strv_take(&parts, str_fmt("\"%s\":%s", key, text)));
	}
	if (parts)
		qsort(parts, strv_len(parts), sizeof(*parts), by_text);
	joined = strv_join(parts, ",");
	return str_fmt("{%s}", joined);
}

/* what docker writes when nothing was asked for, and we do not */
static void drop_defaults(struct record *body)
{
	struct record *host = record_get(body, "HostConfig");
	struct record *endpoints = record_path(body, "NetworkingConfig.EndpointsConfig");

	if (strcmp(record_str_or(record_get(host, "NetworkMode"), ""), "default") == 0)
		record_unset(host, "NetworkMode");
	if (strcmp(record_str_or(record_path(host, "RestartPolicy.Name"), ""), "no") == 0)
		record_unset(host, "RestartPolicy");
	if (record_int_or(record_get(host, "MemorySwappiness"), 0) == -1)
		record_unset(host, "MemorySwappiness");
	if (record_has(endpoints, "default") && record_len(record_get(endpoints, "default")) == 0)
		record_unset(endpoints, "default");
	record_unset(body, "Platform"); /* docker's goes elsewhere */
}

/* ------------------------------------------------------------------------------------- cases */

/* "@name" in arguments are files, which lie in @dir */
static char **arguments(const struct record *args, const char *dir)
{
	char **argv = NULL;

	for (size_t i = 0; i < record_len(args); i++) {
		const char *text = record_str(record_at(args, i));
		const char *sign = strchr(text, '@');

		ck_ok(sign ? strv_addf(&argv, "%.*s%s/%s", (int)(sign - text), text, dir, sign + 1)
			   : strv_add(&argv, text));
	}
	return argv;
}

static int create(char *const *argv, struct record **ret)
{
	cleanup_options struct options o = {0};
	int r = options_parse(create_options, argv, true, &o, &err);

	if (r == 0 && o.n_args == 0)
		return berth_fail(&err, BERTH_E_INVALID, "no image");
	return r < 0 ? r : create_body(&o, ret, &err);
}

static int check_case(const struct record *c, const char *dir)
{
	cleanup_strv char **argv = arguments(record_get(c, "args"), dir);
	cleanup_free char *words = strv_join(argv, " ");
	struct record *wanted = record_get(c, "body");
	cleanup_record struct record *body = NULL;
	cleanup_free char *want = NULL;
	cleanup_free char *got = NULL;
	int r = create(argv, &body);

	if (!wanted && r < 0)
		return 0;
	if (r < 0 || !wanted) {
		(void)fprintf(stderr, "%s\n  wanted: %s\n  got: %s\n", words,
			      wanted ? "success" : record_str(record_get(c, "error")),
			      wanted ? err.text : "success");
		return 1;
	}
	drop_defaults(body);
	drop_defaults(wanted);
	want = normal(wanted, false);
	got = normal(body, false);
	if (strcmp(want, got) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n  wanted: %s\n  got:    %s\n", words, want, got);
	return 1;
}

START_TEST(each_command_line_makes_the_request_that_docker_makes)
{
	cleanup_record struct record *golden = read_golden();
	const struct record *cases = record_get(golden, "cases");
	const char *name;
	struct record *text;
	char dir[96];
	int fd = ck_dir_at(dir);
	int wrong = 0;

	record_foreach (record_get(golden, "files"), name, text)
		ck_write(fd, name, record_str(text));
	ck_assert_int_eq(setenv("FROM_HOST", "yes", 1), 0);
	ck_assert_int_eq(unsetenv("NOT_THERE"), 0);
	ck_assert_int_eq(chdir("/var"), 0);
	ck_assert_uint_gt(record_len(cases), 300);
	for (size_t i = 0; i < record_len(cases); i++)
		wrong += check_case(record_at(cases, i), dir);
	ck_assert_msg(wrong == 0, "%d of %zu differ", wrong, record_len(cases));
}
END_TEST

int main(int argc, char *argv[])
{
	golden_path = argc > 1 ? argv[1] : "cli_create_golden.json";
	return CK_MAIN("cli/create", each_command_line_makes_the_request_that_docker_makes);
}
