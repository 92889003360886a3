/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the host, or the container, at the stations of its life. */
#include "rig.h"

static const char *const kinds[] = {"prestart",	      "createRuntime", "createContainer",
				    "startContainer", "poststart",     "poststop"};

/* Hook @kind appends "@label STATE" to /log of the root filesystem, and ends with @status. */
static void add_hook(struct box *b, const char *kind, const char *label, int status)
{
	bool inside = str_eq(kind, "startContainer");
	char path[64];
	char hook[512];

	(void)snprintf(path, sizeof(path), "hooks.%s", kind);
	(void)snprintf(hook, sizeof(hook),
		       "{'path':'%s/payload','args':['p','append','%s/log','%s','exit','%d'],"
		       "'env':['X=1'],'timeout':20}",
		       inside ? "" : b->root, inside ? "" : b->root, label, status);
	box_add(b, path, hook);
}

static const char *log_of(const struct box *b)
{
	char path[128];
	const char *text;

	(void)snprintf(path, sizeof(path), "%s/log", b->root);
	text = ck_text(AT_FDCWD, path);
	return text ? text : "";
}

/* The labels in their order, and what status each was told. */
static const char *told(const struct box *b)
{
	static struct str out;
	cleanup_strv char **lines = strv_split(log_of(b), '\n');

	str_clear(&out);
	strv_foreach (line, lines) {
		cleanup_record struct record *r = NULL;
		const char *blank = strchr(*line, ' ');

		if (!blank)
			continue;
		ck_ok(record_parse(blank + 1, strlen(blank + 1), 0, &r, &err));
		ck_assert_str_eq(record_str(record_get(r, "id")), b->id);
		ck_assert_str_eq(record_str(record_get(r, "bundle")), "/bundle");
		ck_assert_str_eq(record_str(record_get(r, "ociVersion")), "1.1.0");
		ck_assert_str_eq(record_str(record_path(r, "annotations.k")), "v");
		str_addf(&out, "%.*s=%s%s ", (int)(blank - *line), *line,
			 record_str(record_get(r, "status")),
			 record_has(r, "pid") ? "" : "(no pid)");
	}
	return str_text(&out);
}

START_TEST(hooks_run_in_order_and_are_told_the_state)
{
	struct box b = box("write /log program exit 0");

	box_set(&b, "annotations", "{'k':'v'}");
	for (size_t i = 0; i < 6; i++)
		add_hook(&b, kinds[i], kinds[i], 0);
	add_hook(&b, "createRuntime", "second", 0);
	box_create(&b);
	ck_assert_str_eq(told(&b), "prestart=creating createRuntime=creating second=creating "
				   "createContainer=creating ");
	box_start(&b);
	(void)box_wait(&b);
	ck_assert_ptr_nonnull(strstr(log_of(&b), "startContainer"));
	ck_assert_ptr_nonnull(strstr(log_of(&b), "poststart"));
	ck_assert_ptr_null(strstr(log_of(&b), "poststop"));
	box_destroy(&b);
	box_destroy(&b);
	ck_assert_ptr_nonnull(strstr(log_of(&b), "poststop"));
	ck_assert_ptr_null(strstr(strstr(log_of(&b), "poststop") + 1, "poststop"));
	box_end(&b);
}
END_TEST

START_TEST(each_hook_is_told_its_station)
{
	struct box b = box("sleep 100");

	box_set(&b, "annotations", "{'k':'v'}");
	add_hook(&b, "startContainer", "in", 0);
	add_hook(&b, "poststart", "after", 0);
	add_hook(&b, "poststop", "end", 0);
	(void)box_run(&b);
	box_destroy(&b);
	ck_assert_str_eq(told(&b), "in=created after=running end=stopped(no pid) ");
	box_end(&b);
}
END_TEST

START_TEST(a_failing_hook_before_the_start_fails_it)
{
	for (size_t i = 0; i < 3; i++) {
		struct box b = box("exit 0");

		add_hook(&b, kinds[i], "bad", 3);
		add_hook(&b, kinds[i], "not-run", 0);
		add_hook(&b, "poststop", "end", 0);
		ck_fails(BERTH_E_IO, box_try_create(&b, &err));
		ck_says("exit status 3");
		ck_assert_ptr_null(b.sb);
		ck_assert_ptr_null(strstr(log_of(&b), "not-run"));
		ck_assert_ptr_nonnull(strstr(log_of(&b), "end"));
		box_end(&b);
	}
}
END_TEST

START_TEST(a_failing_hook_inside_fails_the_start)
{
	struct box b = box("write /log program");

	add_hook(&b, "startContainer", "bad", 4);
	box_create(&b);
	ck_fails(BERTH_E_IO, b.ops->start(b.sb, &err));
	ck_says("exit status 4");
	ck_assert_ptr_null(strstr(log_of(&b), "program"));
	box_end(&b);
}
END_TEST

START_TEST(a_failing_hook_afterwards_is_only_logged)
{
	struct box b = box("sleep 50 exit 6");

	add_hook(&b, "poststart", "bad", 5);
	add_hook(&b, "poststop", "bad", 5);
	ck_assert_int_eq(box_run(&b).code, 6);
	ck_assert_ptr_nonnull(strstr(lent_log(), "poststart hook"));
	box_destroy(&b);
	ck_assert_ptr_nonnull(strstr(lent_log(), "poststop hook"));
	box_end(&b);
}
END_TEST

START_TEST(a_hook_that_hangs_is_ended)
{
	struct box b = box("exit 0");

	box_setf(&b, "hooks.createRuntime",
		 "[{'path':'%s/payload','args':['p','pause'],'timeout':1}]", b.root);
	ck_fails(BERTH_E_IO, box_try_create(&b, &err));
	ck_says("timeout");
	box_end(&b);
}
END_TEST

START_TEST(a_hook_that_is_not_there_fails)
{
	struct box b = box("exit 0");

	box_set(&b, "hooks.createRuntime", "[{'path':'/no/such/hook'}]");
	ck_fails(BERTH_E_IO, box_try_create(&b, &err));
	ck_says("/no/such/hook");
	box_end(&b);
	b = box("exit 0");
	box_set(&b, "hooks.createRuntime", "[{'path':'relative'}]");
	ck_fails(BERTH_E_INVALID, box_try_create(&b, &err));
	ck_says("path");
	box_end(&b);
}
END_TEST

static int stop_it(struct box *b, const char *state)
{
	b->sb = NULL;
	if (b->ops->recover(b->iso, b->id, (struct berth_str){state, strlen(state)}, &b->sb, NULL) <
	    0)
		return 1;
	return b->ops->destroy(b->sb, NULL) < 0 ? 2 : 0;
}

START_TEST(another_process_runs_the_last_hook)
{
	struct box b = box("say up pause");
	cleanup_free char *state = NULL;

	box_set(&b, "annotations", "{'k':'v'}");
	add_hook(&b, "poststop", "end", 0);
	box_create(&b);
	box_start(&b);
	state = box_save(&b);
	b.ops->forget(b.sb);
	ck_assert_int_eq(stop_it(&b, state), 0);
	ck_assert_str_eq(told(&b), "end=stopped(no pid) ");
	box_end(&b);
}
END_TEST

RIG_CASES(hook_cases, hooks_run_in_order_and_are_told_the_state, each_hook_is_told_its_station,
	  a_failing_hook_before_the_start_fails_it, a_failing_hook_inside_fails_the_start,
	  a_failing_hook_afterwards_is_only_logged, a_hook_that_hangs_is_ended,
	  a_hook_that_is_not_there_fails, another_process_runs_the_last_hook);
