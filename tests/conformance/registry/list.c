/* SPDX-License-Identifier: Apache-2.0 */
/* What is there, and what goes. */
#include "tests/conformance/registry/rig.h"

START_TEST(tags_are_those_of_the_repository)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_TAGS, "capability 'tags'");
	reg_open(&r);
	reg_fill(&r, &c);
	where = reg_where(&r);
	ck_ok(r.ops->tags(r.reg, &where, c.repo, reg_hear_id, &h, NULL, &err));
	if (reg_can(&r, BERTH_REG_PUSH)) {
		ck_assert_int_eq(h.calls, 1);
		ck_assert_str_eq(str_text(&h.text), "1\n");
	} else {
		ck_assert_msg(strstr(str_text(&h.text), c.ref), "'%s' is not in the list", c.ref);
	}
	reg_close(&r);
}
END_TEST

/* Three more names for one manifest. */
static void push_names(struct rig *r, struct content *c)
{
	reg_make(c, 1, 1000);
	ck_ok(reg_push(r, c));
	ck_ok(reg_push_manifest(r, c->repo, "zebra", &c->manifest));
	ck_ok(reg_push_manifest(r, c->repo, "ape", &c->manifest));
	ck_ok(reg_finish(r, true));
}

START_TEST(tags_has_each_tag_once)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_TAGS | BERTH_REG_PUSH, "capabilities 'tags' and 'push'");
	reg_open(&r);
	push_names(&r, &c);
	where = reg_where(&r);
	ck_ok(r.ops->tags(r.reg, &where, c.repo, reg_hear_id, &h, NULL, &err));
	ck_assert_int_eq(h.calls, 3);
	ck_assert_ptr_nonnull(strstr(str_text(&h.text), "ape\n"));
	ck_assert_ptr_nonnull(strstr(str_text(&h.text), "zebra\n"));
	reg_close(&r);
}
END_TEST

START_TEST(the_callback_ends_a_listing)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT, .answer = 42};
	cleanup_heard struct heard each = {.text = STR_INIT, .answer = 42};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_TAGS | BERTH_REG_PUSH, "capabilities 'tags' and 'push'");
	reg_open(&r);
	push_names(&r, &c);
	where = reg_where(&r);
	ck_assert_int_eq(r.ops->tags(r.reg, &where, c.repo, reg_hear_id, &h, NULL, &err), 42);
	ck_assert_int_eq(h.calls, 1);
	if (reg_can(&r, BERTH_REG_EACH)) {
		ck_assert_int_eq(r.ops->each(r.reg, &where, NULL, reg_hear, &each, &err), 42);
		ck_assert_int_eq(each.calls, 1);
	}
	reg_close(&r);
}
END_TEST

START_TEST(each_lists_what_is_in_there_with_its_names)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_EACH, "capability 'each'");
	reg_open(&r);
	reg_fill(&r, &c);
	where = reg_where(&r);
	ck_ok(r.ops->each(r.reg, &where, NULL, reg_hear, &h, &err));
	ck_assert_int_ge(h.calls, 1);
	ck_assert_msg(strstr(str_text(&h.text), c.repo), "no '%s' in the list", c.repo);
	if (reg_can(&r, BERTH_REG_PUSH)) {
		cleanup_free char *name = str_fmt("%s:%s\n", c.repo, c.ref);

		ck_assert_str_eq(str_text(&h.text), name);
		ck_assert_str_eq(h.digest, c.manifest.digest);
		ck_assert_uint_eq(h.bytes, c.manifest.bytes.len);
	}
	reg_close(&r);
}
END_TEST

START_TEST(each_keeps_the_archives_order)
{
	cleanup_content struct content one = {0};
	cleanup_content struct content two = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_free char *names = NULL;
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_EACH | BERTH_REG_PUSH, "capabilities 'each' and 'push'");
	reg_open(&r);
	reg_make(&one, 1, 1000);
	reg_make(&two, 2, 1000);
	two.ref = "0";
	ck_ok(reg_push(&r, &one));
	ck_ok(reg_push(&r, &two));
	ck_ok(reg_finish(&r, true));
	where = reg_where(&r);
	ck_ok(r.ops->each(r.reg, &where, NULL, reg_hear, &h, &err));
	names = str_fmt("%s:%s\n%s:%s\n", one.repo, one.ref, two.repo, two.ref);
	ck_assert_str_eq(str_text(&h.text), names);
	reg_close(&r);
}
END_TEST

START_TEST(what_was_removed_is_gone_and_the_rest_stays)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_where where;
	struct rig r;
	int code;

	reg_needs(BERTH_REG_DELETE | BERTH_REG_PUSH, "capability 'delete'");
	reg_open(&r);
	push_names(&r, &c);
	where = reg_where_push(&r);
	ck_ok(r.ops->remove(r.reg, &where, c.repo, "zebra", NULL, &err));
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, c.repo, "zebra", &h));
	reg_comes_back(&r, &c);
	code = r.ops->remove(r.reg, &where, c.repo, "zebra", NULL, &err);
	ck_assert(code == 0 || code == -BERTH_E_NOT_FOUND);
	reg_comes_back(&r, &c);
	ck_ok(r.ops->remove(r.reg, &where, c.repo, c.manifest.digest, NULL, &err));
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, c.repo, c.manifest.digest, &h));
	reg_close(&r);
}
END_TEST

START_TEST(referrers_are_those_whose_subject_it_is)
{
	cleanup_content struct content c = {0};
	cleanup_thing struct thing sbom = {.bytes = STR_INIT};
	cleanup_heard struct heard all = {.text = STR_INIT};
	cleanup_heard struct heard none = {.text = STR_INIT};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_REFERRERS | BERTH_REG_PUSH, "capability 'referrers'");
	reg_open(&r);
	reg_fill(&r, &c);
	str_addf(&sbom.bytes,
		 "{\"schemaVersion\":2,\"mediaType\":\"" REG_MANIFEST
		 "\",\"artifactType\":\"application/"
		 "x.suite\",\"config\":{\"mediaType\":\"" REG_CONFIG
		 "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[],\"subject\":{\"mediaType\":"
		 "\"" REG_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu}}",
		 c.config.digest, c.config.bytes.len, c.manifest.digest, c.manifest.bytes.len);
	(void)snprintf(sbom.type, sizeof(sbom.type), REG_MANIFEST);
	(void)reg_digest(sbom.bytes.p, sbom.bytes.len, sbom.digest);
	ck_ok(reg_push_manifest(&r, c.repo, "", &sbom));
	ck_ok(reg_finish(&r, true));
	where = reg_where(&r);
	ck_ok(r.ops->referrers(r.reg, &where, c.repo, c.manifest.digest, NULL, NULL, reg_hear, &all,
			       &err));
	ck_assert_int_eq(all.calls, 1);
	ck_assert_str_eq(all.digest, sbom.digest);
	ck_ok(r.ops->referrers(r.reg, &where, c.repo, c.manifest.digest, "application/x.other",
			       NULL, reg_hear, &none, &err));
	ck_assert_int_eq(none.calls, 0);
	reg_close(&r);
}
END_TEST

START_TEST(search_answers_with_an_array_no_longer_than_asked)
{
	static const char *const keys[] = {"name", "description", "star_count", "is_official",
					   "is_automated"};
	cleanup_content struct content c = {0};
	cleanup_record struct record *found = NULL;
	struct berth_sink json = {.limit = 1 << 20};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_SEARCH, "capability 'search'");
	reg_open(&r);
	reg_fill(&r, &c);
	where = reg_where(&r);
	ck_ok(r.ops->search(r.reg, &where, path_base(c.repo), 1, NULL, &json, &err));
	ck_ok(record_parse(str_text(&json.text), json.text.len, 0, &found, &err));
	ck_assert_int_eq(record_type(found), RECORD_ARRAY);
	ck_assert_uint_eq(record_len(found), 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ck_assert_msg(record_has(record_at(found, 0), keys[i]), "no '%s'", keys[i]);
	lent_sink_done(&json);
	/* a sink that is full is no success */
	json = (struct berth_sink){.limit = 1};
	ck_assert_int_eq(r.ops->search(r.reg, &where, path_base(c.repo), 1, NULL, &json, NULL),
			 -BERTH_E_LIMIT);
	lent_sink_done(&json);
	reg_close(&r);
}
END_TEST

SUITE_CASES(registry_list_cases, tags_are_those_of_the_repository, tags_has_each_tag_once,
	    the_callback_ends_a_listing, each_lists_what_is_in_there_with_its_names,
	    each_keeps_the_archives_order, what_was_removed_is_gone_and_the_rest_stays,
	    referrers_are_those_whose_subject_it_is,
	    search_answers_with_an_array_no_longer_than_asked);
