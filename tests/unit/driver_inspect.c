/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/path.h"
#include "core/driver/info.h"
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

/* --- hostile files -------------------------------------------------------- */

static bool is_sound(const struct info *info)
{
	return memchr(info->name, '\0', sizeof(info->name)) &&
	       memchr(info->version, '\0', sizeof(info->version));
}

/* 0: refused. */
static size_t read_bytes(const char *bytes, size_t n)
{
	cleanup_fd int fd = memfd_create("driver", MFD_CLOEXEC);
	struct info infos[INFO_MAX];
	size_t found = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	err = (struct berth_error){0};
	if (info_read(fd, infos, &found, &err) < 0) {
		ck_assert_int_eq(err.code, BERTH_E_INVALID);
		ck_assert_ptr_null(strchr(err.text, '\n'));
		return 0;
	}
	ck_assert_uint_ge(found, 1);
	ck_assert_uint_le(found, INFO_MAX);
	for (size_t i = 0; i < found; i++)
		ck_assert(is_sound(&infos[i]));
	return found;
}

static char *read_odd(size_t *ret_n)
{
	cleanup_fd int fd = -1;
	char path[512], *bytes;

	(void)snprintf(path, sizeof(path), "%s/odd_all.so", rig_odd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_ok(read_fd_limited(fd, 64 << 20, &bytes, ret_n, &err));
	return bytes;
}

/* Numbers that lengths, offsets and counts go wrong with. */
START_TEST(damaged_files_are_refused_or_read_as_far_as_they_make_sense)
{
	static const uint64_t numbers[] = {0,	       1,	  0xffff,    0x7fffffff,
					   0xffffffff, INT64_MAX, UINT64_MAX};
	enum { ROUNDS = 600, HEADER = 64 };
	cleanup_free char *bytes = NULL;
	uint64_t sections;
	unsigned seed = 7;
	size_t n;

	bytes = read_odd(&n);
	ck_assert_uint_eq(read_bytes(bytes, n), 4);
	memcpy(&sections, bytes + 40, sizeof(sections)); /* e_shoff */
	ck_assert_uint_lt(sections, n);
	for (size_t cut = 0; cut < n; cut += cut < HEADER + 8 ? 1 : n / 37)
		ck_assert_uint_eq(read_bytes(bytes, cut), 0);
	for (int i = 0; i < ROUNDS; i++) {
		cleanup_free char *copy = malloc(n);
		uint64_t number = numbers[(unsigned)rand_r(&seed) % 7];
		size_t room = i % 2 ? HEADER : n - sections, at;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, bytes, n);
		at = (i % 2 ? 0 : sections) + (size_t)rand_r(&seed) % (room - 8);
		memcpy(copy + at, &number, 1u << (unsigned)rand_r(&seed) % 4);
		(void)read_bytes(copy, n);
	}
}
END_TEST

START_TEST(what_is_no_driver_is_refused)
{
	static const char *const texts[] = {"",
					    "\x7f"
					    "ELF",
					    "#!/bin/sh\n", "<html>"};
	cleanup_fd int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct info infos[INFO_MAX];
	size_t n;

	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(read_bytes(texts[i], strlen(texts[i])), 0);
	ck_assert_int_lt(info_read(dir, infos, &n, &err), 0);
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
		       kinds_and_caps_have_names,
		       damaged_files_are_refused_or_read_as_far_as_they_make_sense,
		       what_is_no_driver_is_refused);
}
