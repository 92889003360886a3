/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/driver_rig.h"

static void be(const char *words)
{
	ck_assert_int_eq(setenv("ODD", words, 1), 0);
}

static const char *text_of(const struct record *r, const char *key)
{
	return record_str_or(record_get(r, key), "(none)");
}

/* --- all files ------------------------------------------------------------ */

struct seen {
	struct str all;
	int stop_after;
};

static int see(void *arg, const struct driver_file *file)
{
	struct seen *seen = arg;

	str_addf(&seen->all, "%s|%s|%s|%s|%u|%s\n", path_base(file->path),
		 driver_kind_name(file->kind), file->name, file->version, file->abi,
		 file->refused.code ? file->refused.text : "");
	return --seen->stop_after == 0 ? 9 : 0;
}

START_TEST(all_files_are_listed_and_none_is_run)
{
	struct seen seen = {.all = STR_INIT};
	const uint32_t abi = 9;
	char text[512];
	int fd;

	rig_make();
	be("load-segv");
	ck_assert_int_eq(setenv("ODD_LOADS", rig_path("loads"), 1), 0);
	(void)rig_copy("odd_all", "drivers/storage/b.so");
	(void)rig_copy("odd_network", "drivers/network/c.so");
	rig_patch_info(rig_path("drivers/network/c.so"), offsetof(struct berth_driver_info, abi),
		       &abi, sizeof(abi));
	(void)rig_copy("odd_network", "drivers/network/d.so");
	ck_assert_int_eq(chmod(rig_path("drivers/network/d.so"), 0666), 0);
	(void)rig_copy("odd_network", "drivers/network/readme.txt");
	(void)rig_copy("odd_network", "drivers/network/.hidden.so");
	(void)rig_copy("odd_network", "own.so");
	fd = open(rig_path("drivers"), O_RDONLY | O_CLOEXEC);
	ck_write(fd, "a.so", "text");
	ck_assert_int_eq(close(fd), 0);
	(void)snprintf(text, sizeof(text),
		       "\"network\": {\"drivers\": {\"odd\": {\"file\": \"%s\"}}}",
		       rig_path("own.so"));
	rig_config_is(text);
	ck_ok(drivers_each_file(rig, see, &seen, &err));
	ck_assert_str_eq(str_text(&seen.all),
			 "a.so|?|||0|not an ELF file\n"
			 "b.so|storage|odd|1.0.0|1|\n"
			 "b.so|network|odd|1.0.0|1|\n"
			 "b.so|isolation|odd|1.0.0|1|\n"
			 "b.so|registry|odd|1.0.0|1|\n"
			 "c.so|network|odd|1.0.0|9|needs driver ABI 9, this engine has 1\n"
			 "d.so|network|odd|1.0.0|1|the file can be written by others (mode 0666)\n"
			 "own.so|network|odd|1.0.0|1|\n");
	ck_assert_int_ne(access(rig_path("loads"), F_OK), 0);
	seen.stop_after = 2;
	ck_assert_int_eq(drivers_each_file(rig, see, &seen, &err), 9);
	str_done(&seen.all);
	rig_done();
}
END_TEST

START_TEST(a_file_that_crashed_before_is_listed_as_refused)
{
	struct seen seen = {.all = STR_INIT};
	struct network *net;

	rig_make();
	ck_assert_int_eq(mkdir(rig_path("root"), 0700), 0);
	(void)rig_copy("odd_network", "drivers/network/odd.so");
	be("load-segv");
	ck_fails(BERTH_E_INVALID, drivers_network(rig, "odd", &net, &err));
	ck_ok(drivers_each_file(rig, see, &seen, &err));
	ck_assert_str_eq(str_text(&seen.all),
			 "odd.so|network|odd|1.0.0|1|crashed while it was loaded (SIGSEGV)\n");
	str_done(&seen.all);
	rig_done();
}
END_TEST

START_TEST(driver_directories_may_be_absent)
{
	struct seen seen = {.all = STR_INIT};

	rig_make();
	ck_assert_int_eq(rename(rig_path("drivers"), rig_path("away")), 0);
	ck_ok(drivers_each_file(rig, see, &seen, &err));
	ck_assert_str_eq(str_text(&seen.all), "");
	rig_done();
}
END_TEST

/* --- one ------------------------------------------------------------------ */

START_TEST(a_file_is_inspected_without_running_it)
{
	struct record *r;
	const char *path;

	rig_make();
	be("load-segv");
	path = rig_copy("odd_network", "drivers/network/odd.so");
	ck_ok(drivers_inspect(rig, 0, "odd", false, &r, &err));
	ck_assert_str_eq(text_of(r, "Name"), "odd");
	ck_assert_str_eq(text_of(r, "Kind"), "network");
	ck_assert_str_eq(text_of(r, "File"), path);
	ck_assert_str_eq(text_of(r, "Version"), "1.0.0");
	ck_assert_int_eq(record_int_or(record_get(r, "ABI"), 0), 1);
	ck_assert_int_eq(record_int_or(record_get(r, "HostMin"), 0), BERTH_HOST_SIZE_1_0);
	ck_assert(!record_has(r, "Refused"));
	ck_assert(!record_has(r, "Caps"));
	record_free(r);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_ok(drivers_inspect(rig, 0, path, false, &r, &err));
	ck_assert_str_eq(text_of(r, "Refused"), "the file can be written by others (mode 0666)");
	record_free(r);
	ck_fails(BERTH_E_DENIED, drivers_inspect(rig, 0, path, true, &r, &err));
	rig_done();
}
END_TEST

START_TEST(a_loaded_driver_tells_all_about_itself)
{
	struct record *r;
	char *json;

	rig_make_odd();
	ck_ok(drivers_inspect(rig, BERTH_NETWORK, "odd", true, &r, &err));
	json = record_to_text(r, RECORD_COMPACT);
	ck_assert_str_eq(text_of(r, "Summary"), "Odd, for tests.");
	ck_assert_str_eq(text_of(r, "Threads"), "free");
	ck_assert_ptr_nonnull(strstr(json, "\"Caps\":[\"v4\",\"bit-60\"]"));
	ck_assert_ptr_nonnull(strstr(json, "\"Needs\":[]"));
	ck_assert_ptr_nonnull(strstr(
		json, "{\"Name\":\"mode\",\"Type\":\"enum\",\"Default\":\"slow\",\"Choices\":"
		      "[\"slow\",\"fast\"],\"Required\":false,\"Reloadable\":false,"
		      "\"PerObject\":false,\"Doc\":\"A choice.\"}"));
	ck_assert_ptr_nonnull(strstr(json, "\"Default\":null"));
	ck_assert(record_bool_or(record_path(r, "Calls.attach"), false));
	ck_assert(!record_bool_or(record_path(r, "Calls.plan"), true));
	ck_assert(record_bool_or(record_path(r, "Calls.probe"), false));
	ck_assert(!record_bool_or(record_path(r, "Calls.reload"), true));
	free(json);
	record_free(r);
	rig_done();
}
END_TEST

START_TEST(a_path_is_inspected_whatever_it_is_called)
{
	struct record *r;
	const char *path;

	rig_make();
	path = rig_copy("odd_all", "anything.so");
	ck_ok(drivers_inspect(rig, 0, path, true, &r, &err));
	ck_assert_str_eq(text_of(r, "Kind"), "storage");
	ck_assert_str_eq(text_of(r, "Summary"), "Odd, for tests.");
	record_free(r);
	ck_ok(drivers_inspect(rig, BERTH_REGISTRY, path, true, &r, &err));
	ck_assert_str_eq(text_of(r, "Kind"), "registry");
	record_free(r);
	path = rig_copy("odd_network", "anything.so");
	ck_fails(BERTH_E_NOT_FOUND, drivers_inspect(rig, BERTH_REGISTRY, path, false, &r, &err));
	ck_fails(BERTH_E_NOT_FOUND, drivers_inspect(rig, 0, "/nowhere/x.so", false, &r, &err));
	ck_says("/nowhere/x.so");
	ck_fails(BERTH_E_INVALID, drivers_inspect(rig, 0, "/etc/passwd", false, &r, &err));
	ck_says("not an ELF file");
	ck_fails(BERTH_E_NOT_FOUND, drivers_inspect(rig, 0, "nobody", false, &r, &err));
	ck_says("no driver 'nobody'");
	rig_done();
}
END_TEST

START_TEST(an_open_driver_tells_its_status)
{
	struct record *r;

	rig_make_odd();
	ck_ok(drivers_status(rig, BERTH_NETWORK, "odd", &r, &err));
	ck_assert_int_eq(record_int_or(record_get(r, "Layers"), 0), 3);
	record_free(r);
	be("status-list");
	ck_fails(BERTH_E_INTERNAL, drivers_status(rig, BERTH_NETWORK, "odd", &r, &err));
	rig_config_is("");
	be("no-status");
	ck_ok(drivers_status(rig, BERTH_NETWORK, "odd", &r, &err));
	ck_assert_uint_eq(record_len(r), 0);
	record_free(r);
	rig_done();
}
END_TEST

/* --- words ---------------------------------------------------------------- */

START_TEST(kinds_and_caps_have_names)
{
	ck_assert_str_eq(driver_kind_name(BERTH_ISOLATION), "isolation");
	ck_assert_str_eq(driver_kind_name(0), "?");
	ck_assert_str_eq(driver_kind_name(5), "?");
	ck_assert_uint_eq(driver_kind_parse("registry"), BERTH_REGISTRY);
	ck_assert_uint_eq(driver_kind_parse("x"), 0);
	ck_assert_str_eq(driver_cap_name(BERTH_STORAGE, 0), "ingest-tree");
	ck_assert_str_eq(driver_cap_name(BERTH_STORAGE, __builtin_ctzll(BERTH_ST_ONE_OWNER)),
			 "one-owner");
	ck_assert_str_eq(driver_cap_name(BERTH_NETWORK, __builtin_ctzll(BERTH_NET_INTERNAL)),
			 "internal");
	ck_assert_str_eq(driver_cap_name(BERTH_ISOLATION, __builtin_ctzll(BERTH_ISO_INSECURE)),
			 "insecure");
	ck_assert_str_eq(driver_cap_name(BERTH_REGISTRY, __builtin_ctzll(BERTH_REG_EACH)), "each");
	ck_assert_ptr_null(driver_cap_name(BERTH_STORAGE, 18));
	ck_assert_ptr_null(driver_cap_name(BERTH_STORAGE, 63));
	ck_assert_ptr_null(driver_cap_name(9, 0));
}
END_TEST

int main(int argc, char *argv[])
{
	if (!rig_main(argc, argv))
		return 1;
	return CK_MAIN("driver/inspect", all_files_are_listed_and_none_is_run,
		       a_file_that_crashed_before_is_listed_as_refused,
		       driver_directories_may_be_absent, a_file_is_inspected_without_running_it,
		       a_loaded_driver_tells_all_about_itself,
		       a_path_is_inspected_whatever_it_is_called, an_open_driver_tells_its_status,
		       kinds_and_caps_have_names);
}
