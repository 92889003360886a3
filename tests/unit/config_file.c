/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"
#include "programs/defaults.h"
#include "tests/unit/ck.h"

static struct config *c;
static char dir[96], file[128];

static void make_file(const char *text)
{
	int fd = ck_dir_at(dir);

	ck_write(fd, "berth.json", text);
	(void)snprintf(file, sizeof(file), "%s/berth.json", dir);
	ck_assert_int_eq(chmod(file, 0644), 0);
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(a_named_file_is_read)
{
	make_file("{\"root\": \"/elsewhere\"}");
	ck_ok(config_load(file, berth_defaults, &c, &err));
	ck_assert_str_eq(c->file, file);
	ck_assert_str_eq(c->root, "/elsewhere");
	config_free(c);
}
END_TEST

START_TEST(the_variable_names_the_file_where_the_caller_does_not)
{
	make_file("{\"root\": \"/elsewhere\"}");
	ck_assert_int_eq(setenv("BERTH_CONFIG", file, 1), 0);
	ck_ok(config_load(NULL, berth_defaults, &c, &err));
	ck_assert_str_eq(c->root, "/elsewhere");
	config_free(c);
	ck_assert_int_eq(setenv("BERTH_CONFIG", "/nowhere", 1), 0);
	ck_ok(config_load(file, berth_defaults, &c, &err));
	config_free(c);
}
END_TEST

START_TEST(a_named_file_must_be_there)
{
	ck_fails(BERTH_E_NOT_FOUND, config_load("/nowhere/x", berth_defaults, &c, &err));
	ck_says("'/nowhere/x'");
	ck_assert_int_eq(setenv("BERTH_CONFIG", "/nowhere/y", 1), 0);
	ck_fails(BERTH_E_NOT_FOUND, config_load(NULL, berth_defaults, &c, &err));
	ck_says("'/nowhere/y'");
}
END_TEST

START_TEST(what_others_can_write_is_refused)
{
	make_file("{}");
	ck_assert_int_eq(chmod(file, 0664), 0);
	ck_fails(BERTH_E_DENIED, config_load(file, berth_defaults, &c, &err));
	ck_says("can be written by others (mode 0664)");
	ck_assert_ptr_nonnull(strstr(err.hint, "chmod go-w"));
	ck_assert_int_eq(chmod(file, 0646), 0);
	ck_fails(BERTH_E_DENIED, config_load(file, berth_defaults, &c, &err));
	ck_assert_int_eq(chmod(file, 0644), 0);
	ck_ok(config_load(file, berth_defaults, &c, &err));
	config_free(c);
	if (geteuid() != 0)
		return; /* only root can give a file away */
	ck_assert_int_eq(chown(file, 1234, 0), 0);
	ck_fails(BERTH_E_DENIED, config_load(file, berth_defaults, &c, &err));
	ck_says("belongs to user 1234");
}
END_TEST

START_TEST(only_a_regular_file_of_a_sane_size_is_read)
{
	char fifo[128];
	int fd;

	make_file("{}");
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_fails(BERTH_E_INVALID, config_load(fifo, berth_defaults, &c, &err));
	ck_says("not a regular file");
	ck_fails(BERTH_E_INVALID, config_load(dir, berth_defaults, &c, &err));
	ck_assert_int_eq(truncate(file, CONFIG_SIZE_MAX + 1), 0);
	ck_fails(BERTH_E_LIMIT, config_load(file, berth_defaults, &c, &err));
	ck_assert_int_eq(truncate(file, 0), 0);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "{}\0", 3), 3);
	ck_assert_int_eq(close(fd), 0);
	ck_fails(BERTH_E_INVALID, config_load(file, berth_defaults, &c, &err));
	ck_says("NUL");
}
END_TEST

START_TEST(a_check_tells_every_mistake_with_its_line)
{
	struct record *list = NULL;
	const struct record *m;

	make_file("{\n\"rot\": 1,\n\"storage\": {\"driver\": 5,\n\"drivers\": {\"x\": {\"fiel\": "
		  "1}}},\n"
		  "\"limits\": {\"layers\": 0}}");
	ck_ok(config_check(file, berth_defaults, &list, &err));
	ck_assert_uint_eq(record_len(list), 4);
	m = record_at(list, 0);
	ck_assert_str_eq(record_str(record_get(m, "File")), file);
	ck_assert_int_eq(record_int_or(record_get(m, "Line"), 0), 2);
	ck_assert_str_eq(record_str(record_get(m, "Key")), "rot");
	ck_assert_str_eq(record_str(record_get(m, "Text")),
			 "unknown key 'rot' (did you mean 'root'?)");
	ck_assert_str_eq(record_str(record_get(record_at(list, 1), "Key")), "storage.driver");
	m = record_at(list, 2);
	ck_assert_str_eq(record_str(record_get(m, "Key")), "storage.drivers.x.fiel");
	ck_assert_int_eq(record_int_or(record_get(m, "Line"), 0), 4);
	ck_assert_int_eq(record_int_or(record_get(record_at(list, 3), "Line"), 0), 5);
	record_free(list);

	make_file("{\n\n\"root\" 1}");
	ck_ok(config_check(file, berth_defaults, &list, &err));
	ck_assert_uint_eq(record_len(list), 1);
	ck_assert_int_eq(record_int_or(record_get(record_at(list, 0), "Line"), 0), 3);
	record_free(list);

	make_file("{\"root\": \"/a\", \"run\": \"/a\"}");
	ck_ok(config_check(file, berth_defaults, &list, &err));
	ck_assert_uint_eq(record_len(list), 1);
	record_free(list);

	make_file("{\"root\": \"/a\"}");
	ck_ok(config_check(file, berth_defaults, &list, &err));
	ck_assert_uint_eq(record_len(list), 0);
	record_free(list);
	ck_fails(BERTH_E_NOT_FOUND, config_check("/nowhere", berth_defaults, &list, &err));
}
END_TEST

START_TEST(the_programs_own_defaults_are_whole)
{
	make_file("{}");
	ck_ok(config_load(file, berth_defaults, &c, &err));
	ck_assert_str_ne(c->root, "");
	ck_assert_str_ne(c->run, "");
	ck_assert_uint_eq(strv_len(c->driver_dirs), 1);
	ck_assert_str_eq(c->kind[BERTH_STORAGE].driver, "auto");
	ck_assert_uint_gt(strv_len(c->kind[BERTH_STORAGE].candidates), 0);
	ck_assert_str_ne(c->kind[BERTH_NETWORK].driver, "");
	ck_assert_str_ne(c->kind[BERTH_ISOLATION].driver, "");
	ck_assert_uint_gt(strv_len(c->kind[BERTH_REGISTRY].archives), 0);
	config_free(c);
}
END_TEST

int main(void)
{
	(void)unsetenv("BERTH_ROOT");
	(void)unsetenv("BERTH_RUN");
	(void)unsetenv("BERTH_CONFIG");
	return CK_MAIN(
		"config/file", a_named_file_is_read,
		the_variable_names_the_file_where_the_caller_does_not, a_named_file_must_be_there,
		what_others_can_write_is_refused, only_a_regular_file_of_a_sane_size_is_read,
		a_check_tells_every_mistake_with_its_line, the_programs_own_defaults_are_whole);
}
