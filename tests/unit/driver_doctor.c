/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/doctor.h"
#include "tests/unit/driver_rig.h"

static struct record *list;

static const char *text_of(const struct record *f, const char *key)
{
	return record_str_or(record_get(f, key), "(none)");
}

/* The first finding with this id, of this driver. */
static const struct record *find(const char *id, const char *driver)
{
	for (size_t i = 0; i < record_len(list); i++) {
		const struct record *f = record_at(list, i);

		if (str_eq(text_of(f, "id"), id) && str_eq(text_of(f, "driver"), driver))
			return f;
	}
	return NULL;
}

static void examine(void)
{
	record_free(list);
	list = NULL;
	ck_ok(doctor(rig, &list, &err));
}

static void done(void)
{
	record_free(list);
	list = NULL;
	rig_done();
}

START_TEST(every_finding_is_whole)
{
	rig_make_odd();
	examine();
	ck_assert_uint_gt(record_len(list), 5);
	for (size_t i = 0; i < record_len(list); i++) {
		const struct record *f = record_at(list, i);
		const char *level = text_of(f, "level");
		bool used;

		ck_assert_str_ne(text_of(f, "id"), "(none)");
		ck_assert(str_eq(level, "ok") || str_eq(level, "info") || str_eq(level, "warn") ||
			  str_eq(level, "error"));
		ck_assert_uint_gt(strlen(text_of(f, "text")), 5);
		ck_assert_str_ne(text_of(f, "fix"), "(none)");
		ck_assert_str_ne(text_of(f, "driver"), "(none)");
		ck_assert(record_bool(record_get(f, "used"), &used));
	}
	ck_assert_ptr_nonnull(find("kernel.version", ""));
	ck_assert_ptr_nonnull(find("cgroup.layout", ""));
	ck_assert_ptr_nonnull(find("root.space", ""));
	done();
}
END_TEST

START_TEST(looking_makes_nothing)
{
	rig_make_odd();
	examine();
	ck_assert_str_eq(text_of(find("root.directory", ""), "level"), "info");
	ck_assert_ptr_nonnull(strstr(text_of(find("run.directory", ""), "text"), "not there yet"));
	ck_assert_int_ne(access(rig_path("run"), F_OK), 0);
	ck_assert_int_ne(access(rig_path("root/network/odd"), F_OK), 0);
	done();
}
END_TEST

START_TEST(all_drivers_are_probed_and_the_used_ones_marked)
{
	const struct record *f;
	bool used = true;

	rig_make_odd();
	(void)rig_copy("odd_all", "drivers/storage/odd.so");
	rig_config_is("\"storage\": {\"driver\": \"auto\", \"candidates\": [\"odd\", \"gone\"]}");
	examine();
	f = find("odd.mount", "storage odd");
	ck_assert_ptr_nonnull(f);
	ck_assert(record_bool_or(record_get(f, "used"), false));
	f = find("odd.mount", "network odd");
	ck_assert_ptr_nonnull(f);
	ck_assert(record_bool(record_get(f, "used"), &used));
	ck_assert(!used);
	f = find("gone.load", "storage gone");
	ck_assert_str_eq(text_of(f, "level"), "error");
	ck_assert(!record_bool_or(record_get(f, "used"), true));
	ck_assert_ptr_nonnull(strstr(text_of(f, "text"), "no storage driver 'gone'"));
	ck_assert_str_eq(text_of(f, "fix"), "there is: odd");
	done();
}
END_TEST

START_TEST(what_auto_is_or_would_be_is_told_with_the_reason)
{
	const struct record *f;
	const char *name;

	rig_make_odd();
	(void)rig_copy("odd_all", "drivers/storage/odd.so");
	rig_config_is("\"storage\": {\"driver\": \"auto\", \"candidates\": [\"gone\", \"odd\"]}");
	examine();
	f = find("storage.auto", "");
	ck_assert_str_eq(text_of(f, "level"), "ok");
	ck_assert_ptr_nonnull(
		strstr(text_of(f, "text"), "will be 'odd': no storage driver 'gone'"));
	ck_ok(drivers_default(rig, BERTH_STORAGE, &name, &err));
	examine();
	ck_assert_ptr_nonnull(
		strstr(text_of(find("storage.auto", ""), "text"), "is 'odd': chosen for"));
	done();
}
END_TEST

START_TEST(directories_that_others_can_write_to_are_told)
{
	const struct record *f;
	int fd;

	rig_make_odd();
	ck_assert_int_eq(mkdir(rig_path("root"), 0777), 0);
	ck_assert_int_eq(chmod(rig_path("root"), 0777), 0);
	ck_assert_int_eq(chmod(rig_path("drivers"), 0777), 0);
	examine();
	f = find("root.directory", "");
	ck_assert_str_eq(text_of(f, "level"), "error");
	ck_assert_ptr_nonnull(strstr(text_of(f, "text"), "can be written by others (mode 0777)"));
	ck_assert(str_has_prefix(text_of(f, "fix"), "chmod go-w '"));
	ck_assert_str_eq(text_of(find("drivers.directory", ""), "level"), "error");
	ck_assert_int_eq(chmod(rig_path("root"), 0711), 0);
	ck_assert_int_eq(chmod(rig_path("drivers"), 0755), 0);
	fd = open(rig_path("drivers"), O_RDONLY | O_CLOEXEC);
	ck_write(fd, "text.so", "text");
	ck_assert_int_eq(close(fd), 0);
	examine();
	ck_assert_str_eq(text_of(find("root.directory", ""), "level"), "ok");
	ck_assert_ptr_null(find("drivers.directory", ""));
	ck_assert_ptr_nonnull(strstr(text_of(find("drivers.file", ""), "text"), "not an ELF file"));
	done();
}
END_TEST

int main(int argc, char *argv[])
{
	if (!rig_main(argc, argv))
		return 1;
	return CK_MAIN("driver/doctor", every_finding_is_whole, looking_makes_nothing,
		       what_auto_is_or_would_be_is_told_with_the_reason,
		       all_drivers_are_probed_and_the_used_ones_marked,
		       directories_that_others_can_write_to_are_told);
}
