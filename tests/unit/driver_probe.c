/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/file.h>

#include "tests/unit/driver_rig.h"

static void be(const char *words)
{
	ck_assert_int_eq(setenv("ODD", words, 1), 0);
}

static const char *finding(const struct record *list, size_t i, const char *key)
{
	return record_str_or(record_get(record_at(list, i), key), "(none)");
}

static void make_storage(const char *config)
{
	rig_make();
	(void)rig_copy("odd_all", "drivers/storage/odd.so");
	rig_config_is(config);
}

/* --- probe ---------------------------------------------------------------- */

START_TEST(a_probe_reports_and_leaves_nothing)
{
	struct record *list;

	rig_make_odd();
	ck_ok(drivers_probe(rig, BERTH_NETWORK, "odd", &list, &err));
	ck_assert_uint_eq(record_len(list), 1);
	ck_assert_str_eq(finding(list, 0, "id"), "odd.mount");
	ck_assert_str_eq(finding(list, 0, "level"), "ok");
	record_free(list);
	/* it had no state before, so it has none now */
	ck_assert_int_ne(access(rig_path("root/network/odd"), F_OK), 0);
	be("probe-bad");
	ck_ok(drivers_probe(rig, BERTH_NETWORK, "odd", &list, &err));
	ck_assert_str_eq(finding(list, 0, "level"), "error");
	ck_assert_str_eq(finding(list, 0, "fix"), "ask the admin");
	record_free(list);
	rig_done();
}
END_TEST

START_TEST(what_a_probe_leaves_is_removed_and_told)
{
	struct network *net;
	struct record *list;
	DIR *dir;

	rig_make_odd();
	ck_ok(drivers_network(rig, "odd", &net, &err));
	be("probe-leaves");
	ck_ok(drivers_probe(rig, BERTH_NETWORK, "odd", &list, &err));
	ck_assert_uint_eq(record_len(list), 2);
	ck_assert_str_eq(finding(list, 1, "id"), "odd.probe");
	ck_assert_str_eq(finding(list, 1, "level"), "warn");
	record_free(list);
	dir = opendir(rig_path("root/network/odd"));
	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		ck_assert_int_eq(e->d_name[0], '.');
	ck_assert_int_eq(closedir(dir), 0);
	ck_assert_int_eq(rmdir(rig_path("root/network/odd")), 0);
	rig_done();
}
END_TEST

START_TEST(scratch_of_a_dead_probe_is_swept_of_a_living_one_not)
{
	struct record *list;
	int fd;

	rig_make_odd();
	ck_assert_int_eq(mkdir(rig_path("root"), 0700), 0);
	ck_assert_int_eq(mkdir(rig_path("root/network"), 0700), 0);
	ck_assert_int_eq(mkdir(rig_path("root/network/odd"), 0700), 0);
	ck_assert_int_eq(mkdir(rig_path("root/network/odd/.probe-dead"), 0700), 0);
	ck_assert_int_eq(mkdir(rig_path("root/network/odd/.probe-dead/x"), 0700), 0);
	ck_assert_int_eq(mkdir(rig_path("root/network/odd/.probe-alive"), 0700), 0);
	fd = open(rig_path("root/network/odd/.probe-alive"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	ck_ok(drivers_probe(rig, BERTH_NETWORK, "odd", &list, &err));
	record_free(list);
	ck_assert_int_ne(access(rig_path("root/network/odd/.probe-dead"), F_OK), 0);
	ck_assert_int_eq(access(rig_path("root/network/odd/.probe-alive"), F_OK), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_done();
}
END_TEST

START_TEST(a_probe_that_cannot_be_made_is_an_error)
{
	struct record *list = NULL;

	rig_make_odd();
	be("probe-fails");
	ck_fails(BERTH_E_IO, drivers_probe(rig, BERTH_NETWORK, "odd", &list, &err));
	ck_assert_str_eq(err.text, "network driver 'odd': the probe cannot be made");
	ck_assert_ptr_null(list);
	rig_done();
}
END_TEST

START_TEST(a_driver_without_probe_says_so)
{
	struct record *list;

	rig_make_odd();
	be("no-probe");
	ck_ok(drivers_probe(rig, BERTH_NETWORK, "odd", &list, &err));
	ck_assert_uint_eq(record_len(list), 1);
	ck_assert_str_eq(finding(list, 0, "level"), "info");
	ck_assert_ptr_nonnull(strstr(finding(list, 0, "text"), "has no probe"));
	record_free(list);
	rig_done();
}
END_TEST

/* --- auto ----------------------------------------------------------------- */

static unsigned notices;
static char notice[512];

static void take_notice(void *arg, const char *text)
{
	notices++;
	(void)snprintf(notice, sizeof(notice), "%s", text);
}

#define CANDIDATES "\"storage\": {\"driver\": \"auto\", \"candidates\": [\"gone\", \"odd\"]}"

START_TEST(auto_takes_the_first_candidate_that_works_and_says_so_once)
{
	struct storage *st;
	const char *name;
	int dir;

	make_storage(CANDIDATES);
	drivers_set_notice(rig, take_notice, NULL);
	ck_ok(drivers_storage(rig, NULL, &st, &err));
	ck_assert_str_eq(st->name, "odd");
	ck_assert_uint_eq(notices, 1);
	ck_assert_ptr_nonnull(strstr(notice, "storage driver 'odd' chosen"));
	dir = open(rig_path("root"), O_RDONLY | O_CLOEXEC);
	ck_assert(str_has_prefix(ck_text(dir, "storage/auto"), "odd\nchosen for \"auto\" on "));
	ck_assert_ptr_nonnull(strstr(ck_text(dir, "storage/auto"), "\nno storage driver 'gone'"));
	ck_assert_int_eq(close(dir), 0);
	rig_config_is(CANDIDATES);
	drivers_set_notice(rig, take_notice, NULL);
	ck_ok(drivers_default(rig, BERTH_STORAGE, &name, &err));
	ck_assert_str_eq(name, "odd");
	ck_ok(drivers_storage(rig, "auto", &st, &err));
	ck_assert_uint_eq(notices, 1);
	rig_done();
}
END_TEST

START_TEST(a_decision_is_kept_whatever_the_candidates_and_probes_say)
{
	const char *name;
	struct storage *st;

	make_storage(CANDIDATES);
	ck_ok(drivers_default(rig, BERTH_STORAGE, &name, &err));
	rig_config_is("\"storage\": {\"driver\": \"auto\", \"candidates\": [\"other\"]}");
	be("probe-bad");
	ck_ok(drivers_default(rig, BERTH_STORAGE, &name, &err));
	ck_assert_str_eq(name, "odd");
	/* gone, it is missed, not replaced */
	ck_assert_int_eq(unlink(rig_path("drivers/storage/odd.so")), 0);
	rig_config_is(CANDIDATES);
	ck_fails(BERTH_E_NOT_FOUND, drivers_storage(rig, NULL, &st, &err));
	ck_says("no storage driver 'odd'");
	rig_done();
}
END_TEST

START_TEST(when_no_candidate_works_every_reason_is_told_and_nothing_is_decided)
{
	const char *name = NULL;

	make_storage(CANDIDATES);
	be("probe-bad");
	ck_fails(BERTH_E_UNSUPPORTED, drivers_default(rig, BERTH_STORAGE, &name, &err));
	ck_says("no storage driver of the candidates works: no storage driver 'gone'");
	ck_says("; odd: mounts do not work here");
	ck_assert_ptr_nonnull(strstr(err.hint, "\"storage\": {\"driver\": \"NAME\"}"));
	ck_assert_ptr_null(name);
	ck_assert_int_ne(access(rig_path("root/storage/auto"), F_OK), 0);
	be("");
	ck_ok(drivers_default(rig, BERTH_STORAGE, &name, &err));
	rig_done();
}
END_TEST

START_TEST(auto_needs_candidates)
{
	const char *name;

	make_storage("\"storage\": {\"driver\": \"auto\"}");
	ck_fails(BERTH_E_INVALID, drivers_default(rig, BERTH_STORAGE, &name, &err));
	ck_says("without any candidates");
	rig_done();
}
END_TEST

START_TEST(a_damaged_decision_is_not_overwritten)
{
	const char *name;
	int dir;

	make_storage(CANDIDATES);
	ck_assert_int_eq(mkdir(rig_path("root"), 0700), 0);
	ck_assert_int_eq(mkdir(rig_path("root/storage"), 0700), 0);
	dir = open(rig_path("root/storage"), O_RDONLY | O_CLOEXEC);
	ck_write(dir, "auto", "../../x\n");
	ck_fails(BERTH_E_CORRUPT, drivers_default(rig, BERTH_STORAGE, &name, &err));
	ck_says("/root/storage/auto'");
	ck_assert_str_eq(ck_text(dir, "auto"), "../../x\n");
	/* an admin may write it by hand, without more */
	ck_write(dir, "auto", "odd");
	ck_ok(drivers_default(rig, BERTH_STORAGE, &name, &err));
	ck_assert_str_eq(name, "odd");
	ck_assert_int_eq(close(dir), 0);
	rig_done();
}
END_TEST

int main(int argc, char *argv[])
{
	if (!rig_main(argc, argv))
		return 1;
	return CK_MAIN("driver/probe", a_probe_reports_and_leaves_nothing,
		       what_a_probe_leaves_is_removed_and_told,
		       scratch_of_a_dead_probe_is_swept_of_a_living_one_not,
		       a_probe_that_cannot_be_made_is_an_error, a_driver_without_probe_says_so,
		       auto_takes_the_first_candidate_that_works_and_says_so_once,
		       a_decision_is_kept_whatever_the_candidates_and_probes_say,
		       when_no_candidate_works_every_reason_is_told_and_nothing_is_decided,
		       auto_needs_candidates, a_damaged_decision_is_not_overwritten);
}
