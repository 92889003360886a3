/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader meets the mock drivers, and the broken ones that tests/mock keeps.
 */
#include "core/driver/trial.h"
#include "tests/unit/driver_rig.h"

static int open_kind(uint32_t kind, const char *name)
{
	switch ((enum berth_kind)kind) {
	case BERTH_STORAGE:
		return drivers_storage(rig, name, &(struct storage *){0}, &err);
	case BERTH_NETWORK:
		return drivers_network(rig, name, &(struct network *){0}, &err);
	case BERTH_ISOLATION:
		return drivers_isolation(rig, name, &(struct isolation *){0}, &err);
	case BERTH_REGISTRY:
		return drivers_registry(rig, name, &(struct registry *){0}, &err);
	}
	return 1;
}

/* Broken driver @name as the config's "file" for a driver of @kind. */
static void use_broken(uint32_t kind, const char *name)
{
	char text[512], from[64];

	rig_make();
	(void)snprintf(from, sizeof(from), "../../tests/mock/broken/%s", name);
	(void)rig_copy(from, "own.so");
	(void)snprintf(text, sizeof(text), "\"%s\": {\"drivers\": {\"%s\": {\"file\": \"%s\"}}}",
		       driver_kind_name(kind), name, rig_path("own.so"));
	rig_config_is(text);
}

static int always(void *arg, const char *id)
{
	return 1;
}

START_TEST(the_mocks_of_all_kinds_open_and_report)
{
	rig_make();
	rig_config_is("\"isolation\": {\"allow_insecure\": true}");
	for (uint32_t kind = BERTH_STORAGE; kind <= BERTH_REGISTRY; kind++) {
		struct record *list;
		char from[64], to[64];

		(void)snprintf(from, sizeof(from), "%s/mock", driver_kind_name(kind));
		(void)snprintf(to, sizeof(to), "drivers/%s/mock.so", driver_kind_name(kind));
		(void)rig_copy(from, to);
		ck_ok(open_kind(kind, "mock"));
		ck_ok(drivers_probe(rig, kind, "mock", &list, &err));
		ck_assert_str_eq(record_str(record_get(record_at(list, 0), "id")), "mock.ready");
		record_free(list);
	}
	rig_done();
}
END_TEST

START_TEST(a_right_driver_of_each_kind_is_taken)
{
	static const char *const names[] = {"right", "right-network", "right-isolation",
					    "right-registry"};

	for (uint32_t i = 0; i < 4; i++) {
		use_broken(BERTH_STORAGE + i, names[i]);
		ck_ok(open_kind(BERTH_STORAGE + i, names[i]));
		rig_done();
	}
}
END_TEST

START_TEST(each_broken_one_is_refused_with_its_own_reason)
{
	static const struct {
		uint32_t kind;
		const char *name, *text;
	} broken[] = {
		{BERTH_STORAGE, "not-elf", "not an ELF file"},
		{BERTH_STORAGE, "abi9", "it does not export berth_driver_v1"},
		{BERTH_STORAGE, "entry-null",
		 "its section .berth.info names a storage driver 'entry-null', but its code has "
		 "none"},
		{BERTH_STORAGE, "kind-unknown",
		 "driver 'kind-unknown' is of kind 77, which this engine does not know"},
		{BERTH_STORAGE, "info-lies",
		 "it is a network driver ('info-lies'), wanted a storage driver"},
		{BERTH_NETWORK, "info-lies",
		 "its section .berth.info names a network driver 'info-lies', but its code has "
		 "none"},
		{BERTH_STORAGE, "no-info", "no driver: it has no section .berth.info"},
		{BERTH_STORAGE, "host-min", "needs a host of 1048576 bytes (host_min), "},
		{BERTH_STORAGE, "lacks-view-create", "it lacks the required call 'view_create'"},
		{BERTH_NETWORK, "lacks-attach", "it lacks the call 'attach', which is required "},
		{BERTH_ISOLATION, "lacks-reap", "it lacks the required call 'reap'"},
		{BERTH_REGISTRY, "lacks-read",
		 "it lacks the call 'read', which its cap 'pull' promises"},
		{BERTH_STORAGE, "twin-options", "its option 'colour' is there twice"},
		{BERTH_STORAGE, "crashes", "crashed while it was loaded (SIGSEGV)"},
		{BERTH_STORAGE, "exits", "ended its process while it was loaded (exit status 0)"},
		{BERTH_STORAGE, "other-name", "its name is 'some-name', not 'other-name'"},
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		use_broken(broken[i].kind, broken[i].name);
		ck_fails(BERTH_E_INVALID, open_kind(broken[i].kind, broken[i].name));
		ck_says(broken[i].text);
		ck_says(broken[i].name);
		rig_done();
	}
}
END_TEST

START_TEST(a_driver_that_hangs_is_given_up)
{
	bool lasting;

	use_broken(BERTH_STORAGE, "hangs");
	ck_fails(BERTH_E_INVALID, trial_load(rig_path("own.so"), 100, &lasting, &err));
	ck_says("did not load within 100 ms");
	rig_done();
}
END_TEST

START_TEST(rubbish_behind_a_short_table_is_never_called)
{
	struct storage *st;

	use_broken(BERTH_STORAGE, "old-table");
	ck_ok(drivers_storage(rig, "old-table", &st, &err));
	ck_fails(BERTH_E_UNSUPPORTED, st->ops.reclaim(st->st, NULL, NULL, &err));
	ck_fails(BERTH_E_UNSUPPORTED, st->ops.check(st->st, NULL, 0, NULL, NULL, &err));
	ck_fails(BERTH_E_UNSUPPORTED, st->ops.below(st->st, "x", 0, NULL, &err));
	ck_assert_int_eq(st->ops.each(st->st, 0, always, NULL, &err), 0);
	rig_done();
	use_broken(BERTH_STORAGE, "new-table");
	ck_ok(drivers_storage(rig, "new-table", &st, &err));
	rig_done();
}
END_TEST

int main(int argc, char *argv[])
{
	if (!rig_main(argc, argv))
		return 1;
	return CK_MAIN("driver/mock", the_mocks_of_all_kinds_open_and_report,
		       a_right_driver_of_each_kind_is_taken,
		       each_broken_one_is_refused_with_its_own_reason,
		       a_driver_that_hangs_is_given_up,
		       rubbish_behind_a_short_table_is_never_called);
}
