/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/rows.h"

#include "core/image/sweep.h"
#include "store_rig.h"

#define ID_A "sha256:aaaa000000000000000000000000000000000000000000000000000000000000"
#define ID_B "sha256:aaaabb0000000000000000000000000000000000000000000000000000000000"
#define ID_C "sha256:cccc000000000000000000000000000000000000000000000000000000000000"
#define L1   "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define L2   "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define L3   "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define HEX  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct store *store;

/** @layers with blanks between; @config what stands in "config". */
static void add_image(const char *id, const char *layers, const char *parent, int64_t created_s,
		      const char *config)
{
	cleanup_strv char **chains = strv_split(layers, ' ');
	cleanup_free char *text = str_fmt(
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"created\":\"2024-01-02T03:04:05."
		"5Z\","
		"\"author\":\"me\",\"config\":{%s},\"history\":["
		"{\"created\":\"2024-01-01T00:00:00Z\",\"created_by\":\"ADD\",\"comment\":\"c1\"},"
		"{\"created\":\"2024-01-02T00:00:00Z\",\"created_by\":\"ENV\",\"empty_layer\":true}"
		","
		"{\"created\":\"2024-01-03T00:00:00Z\",\"created_by\":\"RUN\",\"comment\":\"last\"}"
		"],"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" L1 "\",\"" L2 "\"]}}",
		config);
	const struct rows_image image = {
		.id = id,
		.config = text,
		.layers = chains,
		.parent = parent,
		.size = 1234,
		.created_ns = created_s * 1000000000,
	};
	const struct rows_blob blob = {.digest = id, .kind = "config", .size = 5};

	ck_ok(db_begin(store->db, &err));
	for (size_t i = 0; chains[i]; i++)
		ck_ok(rows_layer_plan(store->db, chains[i], chains[i], i ? chains[i - 1] : NULL,
				      "nodriver", &err));
	ck_ok(rows_image_add(store->db, &image, &err));
	ck_ok(rows_blob_use(store->db, id, &blob, &err));
	ck_ok(db_commit(store->db, DB_LAZY, &err));
}

static void name(const char *full, const char *id)
{
	ck_ok(rows_name_set(store->db, full, id, &err));
}

static void add_container(const char *id, const char *image, const char *state)
{
	ck_ok(db_run(store->db, NULL, &err,
		     "INSERT INTO container(id,name,image,state) VALUES(?1,?1,?2,?3)", "sss", id,
		     image, state));
}

static int64_t count(const char *table)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_free char *sql = str_fmt("SELECT count(*) FROM %s", table);

	ck_ok(db_query(store->db, &q, &err, sql, ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	return db_int(q, 0);
}

static void setup(void)
{
	store = rig_store();
	add_image(ID_A, L1 " " L2, NULL, 1000,
		  "\"Labels\":{\"x\":\"1\",\"y\":\"2\"},\"Cmd\":[\"a\"],\"User\":\"\"");
	add_image(ID_B, L1 " " L3, NULL, 2000, "\"Labels\":{\"x\":\"9\"}");
	name("docker.io/library/a:1", ID_A);
	name("docker.io/library/a:2", ID_A);
	name("quay.io/x/b:latest", ID_B);
}

/* --- finding
 * ------------------------------------------------------------------------------------------ */

static void ck_finds(const char *text, const char *id, const char *shown)
{
	cleanup_image struct image *image = NULL;

	ck_ok(image_find(store, text, &image, &err));
	ck_assert_str_eq(image->id, id);
	ck_assert_pstr_eq(image->name, shown);
}

START_TEST(images_are_found_by_names_ids_and_beginnings)
{
	setup();
	ck_finds("a:1", ID_A, "a:1");
	ck_finds("docker.io/library/a:2", ID_A, "a:2");
	ck_finds("quay.io/x/b", ID_B, "quay.io/x/b:latest");
	ck_finds(ID_A, ID_A, NULL);
	ck_finds(ID_A + 7, ID_A, NULL);
	ck_finds("aaaab", ID_B, NULL);
	ck_finds("sha256:aaaab", ID_B, NULL);
	ck_finds("aaaa0", ID_A, NULL);
}
END_TEST

START_TEST(what_was_found_is_whole)
{
	cleanup_image struct image *image = NULL;

	setup();
	ck_ok(image_find(store, "a:1", &image, &err));
	ck_assert_str_eq(image->top, L2);
	ck_assert_uint_eq(strv_len(image->layers), 2);
	ck_assert_str_eq(image->layers[0], L1);
	ck_assert_uint_eq(image->size, 1234);
	ck_assert_int_eq(image->created_ns, 1000000000000);
	ck_assert_str_eq(record_str(record_path(image->config, "author")), "me");
}
END_TEST

START_TEST(a_name_is_more_than_the_beginning_of_an_id)
{
	setup();
	name("docker.io/library/aaaab:latest", ID_A);
	ck_finds("aaaab", ID_A, "aaaab:latest");
}
END_TEST

static void ck_not_found(int code, const char *text, const char *said)
{
	struct image *image = NULL;

	ck_fails(code, image_find(store, text, &image, &err));
	ck_assert_str_eq(err.text, said);
	ck_assert_ptr_null(image);
}

START_TEST(what_is_not_there_is_said_as_docker_does)
{
	setup();
	ck_not_found(BERTH_E_NOT_FOUND, "nope", "No such image: nope:latest");
	ck_not_found(BERTH_E_NOT_FOUND, "quay.io/x/b:2", "No such image: quay.io/x/b:2");
	ck_not_found(BERTH_E_NOT_FOUND, HEX, "No such image: sha256:" HEX);
	ck_not_found(BERTH_E_NOT_FOUND, "dddd", "No such image: dddd:latest");
	ck_not_found(BERTH_E_INVALID, "aaaa", "'aaaa' is the beginning of several image ids");
	ck_not_found(BERTH_E_INVALID, "No",
		     "invalid reference format: repository name "
		     "(library/No) must be lowercase");
	ck_not_found(BERTH_E_INVALID, "a b", "invalid reference format");
}
END_TEST

START_TEST(an_image_is_ready_where_its_top_layer_is)
{
	cleanup_image struct image *image = NULL;
	bool ready = true;

	setup();
	ck_ok(image_find(store, "a:1", &image, &err));
	ck_ok(image_is_ready(store, image, "nodriver", &ready, &err));
	ck_assert(!ready);
	ck_ok(rows_layer_ready(store->db, L1, "nodriver", 7, &err));
	ck_ok(image_is_ready(store, image, "nodriver", &ready, &err));
	ck_assert(!ready);
	ck_ok(rows_layer_ready(store->db, L2, "nodriver", 8, &err));
	ck_ok(image_is_ready(store, image, "nodriver", &ready, &err));
	ck_assert(ready);
	ck_ok(image_is_ready(store, image, "other", &ready, &err));
	ck_assert(!ready);
}
END_TEST

/* --- names
 * -------------------------------------------------------------------------------------------- */

START_TEST(a_tag_is_one_more_name_and_moves)
{
	setup();
	ck_ok(image_tag(store, "a:1", "new", &err));
	ck_finds("new", ID_A, "new:latest");
	ck_ok(image_tag(store, "quay.io/x/b", "new:latest", &err));
	ck_finds("new", ID_B, "new:latest");
	ck_finds("a:1", ID_A, "a:1");
	ck_fails(BERTH_E_NOT_FOUND, image_tag(store, "nope", "x", &err));
	ck_fails(BERTH_E_INVALID, image_tag(store, "a:1", "X", &err));
	ck_fails(BERTH_E_INVALID, image_tag(store, "a:1", "x@sha256:" HEX, &err));
	ck_says("digest reference");
}
END_TEST

/* --- listing
 * ------------------------------------------------------------------------------------------ */

/** The list as "tag,tag;tag" in its order, ids without names as <id>. */
static void ck_lists(const char *filters, bool all, const char *wanted)
{
	cleanup_record struct record *f = NULL, *list = NULL;
	cleanup_str struct str out = STR_INIT;

	if (filters)
		ck_ok(record_parse(filters, strlen(filters), 0, &f, &err));
	ck_ok(image_list(store, f, all, &list, &err));
	for (size_t i = 0; i < record_len(list); i++) {
		const struct record *item = record_at(list, i);
		const struct record *tags = record_get(item, "RepoTags");

		str_add(&out, i ? ";" : "");
		for (size_t j = 0; j < record_len(tags); j++)
			str_addf(&out, "%s%s", j ? "," : "", record_str(record_at(tags, j)));
		if (record_len(tags) == 0)
			str_addf(&out, "<%.4s>", record_str(record_get(item, "Id")) + 7);
	}
	ck_assert_str_eq(str_text(&out), wanted);
}

START_TEST(a_list_is_newest_first_with_all_names)
{
	setup();
	ck_lists(NULL, false, "quay.io/x/b:latest;a:1,a:2");
}
END_TEST

START_TEST(a_listed_image_has_the_members_of_the_api)
{
	cleanup_record struct record *list = NULL;
	cleanup_free char *text = NULL;

	setup();
	name("docker.io/library/a@sha256:" HEX, ID_A);
	ck_ok(image_list(store, NULL, false, &list, &err));
	text = record_to_text(record_at(list, 1), RECORD_COMPACT);
	ck_assert_str_eq(text,
			 "{\"Containers\":-1,\"Created\":1000,\"Id\":\"" ID_A
			 "\",\"Labels\":{\"x\":\"1\",\"y\":\"2\"},\"ParentId\":\"\","
			 "\"RepoDigests\":[\"a@sha256:" HEX "\"],\"RepoTags\":[\"a:1\",\"a:2\"],"
			 "\"SharedSize\":-1,\"Size\":1234}");
}
END_TEST

START_TEST(lists_can_be_filtered)
{
	setup();
	add_image(ID_C, L1, NULL, 3000, "");
	ck_lists(NULL, false, "<cccc>;quay.io/x/b:latest;a:1,a:2");
	ck_lists("{\"dangling\":[\"true\"]}", false, "<cccc>");
	ck_lists("{\"dangling\":{\"false\":true}}", false, "quay.io/x/b:latest;a:1,a:2");
	ck_lists("{\"label\":[\"x\"]}", false, "quay.io/x/b:latest;a:1,a:2");
	ck_lists("{\"label\":[\"x=1\"]}", false, "a:1,a:2");
	ck_lists("{\"label\":[\"x=1\",\"y\"]}", false, "a:1,a:2");
	ck_lists("{\"label\":[\"x=1\",\"z\"]}", false, "");
	ck_lists("{\"reference\":[\"a\"]}", false, "a:1,a:2");
	ck_lists("{\"reference\":[\"a:2\"]}", false, "a:2");
	ck_lists("{\"reference\":[\"*:2\",\"quay.io/*/b\"]}", false, "quay.io/x/b:latest;a:2");
	ck_lists("{\"reference\":[\"*\"]}", false, "a:1,a:2");
	ck_lists("{\"reference\":[\"q*\"]}", false, "");
	ck_lists("{\"before\":[\"quay.io/x/b\"]}", false, "a:1,a:2");
	ck_lists("{\"since\":[\"a:1\"]}", false, "<cccc>;quay.io/x/b:latest");
	ck_lists("{\"until\":[\"1970-01-01T00:30:00Z\"]}", false, "a:1,a:2");
}
END_TEST

START_TEST(children_hide_their_unnamed_parents)
{
	setup();
	add_image(ID_C, L1, NULL, 3000, "");
	add_image("sha256:dddd000000000000000000000000000000000000000000000000000000000000", L1,
		  ID_C, 4000, "");
	name("docker.io/library/d:1",
	     "sha256:dddd000000000000000000000000000000000000000000000000000000000000");
	ck_lists("{\"since\":[\"quay.io/x/b\"]}", false, "d:1");
	ck_lists("{\"since\":[\"quay.io/x/b\"]}", true, "d:1;<cccc>");
}
END_TEST

START_TEST(wrong_filters_are_refused)
{
	static const char *const bad[] = {
		"{\"nope\":[\"x\"]}",	      "{\"label\":[7]}",
		"{\"label\":\"x\"}",	      "[]",
		"{\"dangling\":[\"maybe\"]}", "{\"until\":[\"yesterday-ish\"]}"};

	setup();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_record struct record *f = NULL, *list = NULL;

		ck_ok(record_parse(bad[i], strlen(bad[i]), 0, &f, &err));
		ck_fails(BERTH_E_INVALID, image_list(store, f, false, &list, &err));
		ck_assert_ptr_null(list);
	}
	{
		cleanup_record struct record *f = NULL, *list = NULL;

		ck_ok(record_parse("{\"before\":[\"nope\"]}", 19, 0, &f, &err));
		ck_fails(BERTH_E_NOT_FOUND, image_list(store, f, false, &list, &err));
	}
}
END_TEST

/* --- removing
 * ------------------------------------------------------------------------------------------ */

/** What is done, as "-name" for untagged and "!id" (4 digits) for deleted. */
static void ck_removes(const char *text, uint32_t flags, const char *wanted)
{
	cleanup_record struct record *list = NULL;
	cleanup_str struct str out = STR_INIT;

	ck_ok(image_remove(store, NULL, text, flags, &list, &err));
	for (size_t i = 0; i < record_len(list); i++) {
		const char *untagged = record_str(record_get(record_at(list, i), "Untagged"));
		const char *deleted = record_str(record_get(record_at(list, i), "Deleted"));

		str_addf(&out, "%s%s%.*s", i ? " " : "", untagged ? "-" : "!", untagged ? 99 : 4,
			 untagged ? untagged : deleted + 7);
	}
	ck_assert_str_eq(str_text(&out), wanted);
}

static void ck_keeps(const char *text, uint32_t flags, const char *said)
{
	struct record *list = NULL;
	int64_t names = count("image_name"), images = count("image");

	ck_fails(BERTH_E_BUSY, image_remove(store, NULL, text, flags, &list, &err));
	ck_assert_str_eq(err.text, said);
	ck_assert_ptr_null(list);
	ck_assert_int_eq(count("image_name"), names);
	ck_assert_int_eq(count("image"), images);
}

START_TEST(a_name_of_several_is_only_untagged)
{
	setup();
	ck_removes("a:1", 0, "-a:1");
	ck_finds("a:2", ID_A, "a:2");
}
END_TEST

START_TEST(with_the_last_name_the_image_goes_and_layers_that_nobody_shares)
{
	setup();
	ck_removes("a:1", 0, "-a:1");
	ck_removes("a:2", 0, "-a:2 !aaaa !2222");
	ck_not_found(BERTH_E_NOT_FOUND, "a:2", "No such image: a:2");
	ck_removes("quay.io/x/b", 0, "-quay.io/x/b:latest !aaaa !3333 !1111");
	ck_assert_int_eq(count("image_layer"), 0);
	ck_assert_int_eq(count("image_blob"), 0);
	ck_assert_int_eq(count("blob"), 0);
}
END_TEST

START_TEST(digests_of_a_repository_go_with_its_last_tag)
{
	setup();
	name("quay.io/x/b@sha256:" HEX, ID_B);
	ck_removes("quay.io/x/b", 0, "-quay.io/x/b:latest -quay.io/x/b@sha256:" HEX " !aaaa !3333");
}
END_TEST

START_TEST(by_its_id_an_image_goes_with_all_names_of_one_repository)
{
	setup();
	ck_removes("aaaabb", 0, "-quay.io/x/b:latest !aaaa !3333");
}
END_TEST

START_TEST(by_its_id_an_image_of_several_names_goes_only_by_force)
{
	setup();
	ck_keeps(
		"aaaa0", 0,
		"conflict: unable to delete aaaa00000000 (must be forced) - image is referenced in "
		"multiple repositories");
	ck_removes("aaaa0", IMAGE_REMOVE_FORCE, "-a:1 -a:2 !aaaa !2222");
}
END_TEST

START_TEST(an_image_of_a_running_container_stays)
{
	setup();
	add_container("123456789012345", ID_B, "running");
	ck_keeps("quay.io/x/b", 0,
		 "conflict: unable to remove repository reference \"quay.io/x/b\" (must force) - "
		 "container 123456789012 is using its referenced image aaaabb000000");
	ck_keeps("aaaabb", IMAGE_REMOVE_FORCE,
		 "conflict: unable to delete aaaabb000000 (cannot be forced) - image is being used "
		 "by "
		 "running container 123456789012");
	/* by force the name goes, and the image stays without one */
	ck_removes("quay.io/x/b", IMAGE_REMOVE_FORCE, "-quay.io/x/b:latest");
	ck_finds("aaaabb", ID_B, NULL);
}
END_TEST

START_TEST(an_image_of_a_stopped_container_goes_by_force)
{
	setup();
	add_container("123456789012345", ID_B, "exited");
	ck_keeps(
		"aaaabb", 0,
		"conflict: unable to delete aaaabb000000 (must be forced) - image is being used by "
		"stopped container 123456789012");
	/* its layers stay with the container */
	ck_removes("aaaabb", IMAGE_REMOVE_FORCE, "-quay.io/x/b:latest !aaaa");
}
END_TEST

START_TEST(an_image_with_children_stays)
{
	setup();
	add_image(ID_C, L1, ID_B, 3000, "");
	ck_keeps("aaaabb", IMAGE_REMOVE_FORCE,
		 "conflict: unable to delete aaaabb000000 (cannot be forced) - image has dependent "
		 "child images");
}
END_TEST

START_TEST(unnamed_parents_go_with_their_last_child)
{
	setup();
	add_image(ID_C, L1, NULL, 3000, "");
	add_image("sha256:dddd000000000000000000000000000000000000000000000000000000000000", L1,
		  ID_C, 4000, "");
	ck_removes("dddd", IMAGE_REMOVE_NO_PRUNE, "!dddd");
	ck_finds("cccc", ID_C, NULL);
	add_image("sha256:dddd000000000000000000000000000000000000000000000000000000000000", L1,
		  ID_C, 4000, "");
	ck_removes("dddd", 0, "!dddd !cccc");
}
END_TEST

START_TEST(named_parents_stay)
{
	setup();
	add_image(ID_C, L1, ID_B, 3000, "");
	ck_removes("cccc", 0, "!cccc");
	ck_finds("quay.io/x/b", ID_B, "quay.io/x/b:latest");
}
END_TEST

START_TEST(removing_what_is_not_there_fails)
{
	struct record *list = NULL;

	setup();
	ck_fails(BERTH_E_NOT_FOUND, image_remove(store, NULL, "nope", 0, &list, &err));
	ck_fails(BERTH_E_NOT_FOUND,
		 image_remove(store, NULL, "nope", IMAGE_REMOVE_FORCE, &list, &err));
}
END_TEST

START_TEST(blobs_that_another_image_uses_stay)
{
	struct digest shared = rig_digest('e');
	char text[DIGEST_TEXT_MAX];
	struct rows_blob blob = {.kind = "layer", .diff_id = L1, .size = 3};
	struct content_writer *w = NULL;
	uint64_t have;

	setup();
	ck_ok(content_begin(store, &shared, &w, &have, &err));
	ck_ok(content_write(w, "abc", 3, &err));
	ck_ok(content_commit(w, &shared, &err));
	blob.digest = digest_format(&shared, text);
	ck_ok(rows_blob_use(store->db, ID_A, &blob, &err));
	ck_ok(rows_blob_use(store->db, ID_B, &blob, &err));
	ck_removes("quay.io/x/b", 0, "-quay.io/x/b:latest !aaaa !3333");
	ck_ok(content_stat(store, &shared, NULL, &err));
	ck_removes("aaaa0", IMAGE_REMOVE_FORCE, "-a:1 -a:2 !aaaa !2222 !1111");
	ck_fails(BERTH_E_NOT_FOUND, content_stat(store, &shared, NULL, &err));
}
END_TEST

START_TEST(nothing_is_swept_while_somebody_adds)
{
	uint64_t layers, blobs;
	int lock = -1;

	setup();
	ck_ok(rows_blob_plan(store->db, "sha256:" HEX, 5, &err));
	ck_ok(store_lock_shared(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, &lock, &err));
	ck_ok(image_sweep(store, NULL, &err));
	ck_ok(sweep_count(store, &layers, &blobs, &err));
	ck_assert_uint_eq(blobs, 1);
	(void)close(lock);
	ck_ok(image_sweep(store, NULL, &err));
	ck_ok(sweep_count(store, &layers, &blobs, &err));
	ck_assert_uint_eq(blobs, 0);
}
END_TEST

/* --- looking
 * ------------------------------------------------------------------------------------------- */

START_TEST(inspect_has_the_members_of_the_api_in_their_order)
{
	cleanup_record struct record *out = NULL;
	cleanup_free char *text = NULL;

	setup();
	name("docker.io/library/a@sha256:" HEX, ID_A);
	ck_ok(image_inspect(store, NULL, "a:1", &out, &err));
	text = record_to_text(out, RECORD_COMPACT);
	ck_assert_str_eq(
		text,
		"{\"Id\":\"" ID_A
		"\",\"RepoTags\":[\"a:1\",\"a:2\"],\"RepoDigests\":[\"a@sha256:" HEX
		"\"],\"Parent\":\"\",\"Comment\":\"last\",\"Created\":\"2024-01-02T03:04:05.5Z\","
		"\"DockerVersion\":\"\",\"Author\":\"me\",\"Config\":{\"Cmd\":[\"a\"],\"Labels\":{"
		"\"x\":\"1\",\"y\":\"2\"}},\"Architecture\":\"amd64\",\"Os\":\"linux\",\"Size\":"
		"1234,"
		"\"GraphDriver\":{\"Data\":null,\"Name\":\"\"},\"RootFS\":{\"Type\":\"layers\","
		"\"Layers\":[\"" L1 "\",\"" L2
		"\"]},\"Metadata\":{\"LastTagTime\":\"0001-01-01T00:00:00Z\"}}");
}
END_TEST

START_TEST(inspect_knows_the_driver_the_tag_time_and_the_manifest)
{
	cleanup_record struct record *out = NULL;
	const struct rows_blob manifest = {.digest = "sha256:" HEX,
					   .kind = "manifest",
					   .media_type = "application/x",
					   .size = 77};

	setup();
	ck_ok(rows_layer_ready(store->db, L2, "nodriver", 8, &err));
	ck_ok(rows_blob_use(store->db, ID_A, &manifest, &err));
	ck_ok(image_tag(store, "a:1", "t", &err));
	ck_ok(image_inspect(store, NULL, "t", &out, &err));
	ck_assert_str_eq(record_str(record_path(out, "GraphDriver.Name")), "nodriver");
	ck_assert_str_eq(record_str(record_path(out, "Descriptor.digest")), "sha256:" HEX);
	ck_assert_int_eq(record_int_or(record_path(out, "Descriptor.size"), 0), 77);
	ck_assert_ptr_null(strstr(record_str(record_path(out, "Metadata.LastTagTime")), "0001-"));
}
END_TEST

START_TEST(history_gives_each_step_the_size_of_its_layer)
{
	cleanup_record struct record *out = NULL;
	cleanup_free char *text = NULL;

	setup();
	ck_ok(rows_layer_ready(store->db, L1, "nodriver", 100, &err));
	ck_ok(rows_layer_ready(store->db, L2, "nodriver", 23, &err));
	ck_ok(image_history(store, "a:1", &out, &err));
	text = record_to_text(out, RECORD_COMPACT);
	ck_assert_str_eq(
		text,
		"[{\"Comment\":\"last\",\"Created\":1704240000,\"CreatedBy\":\"RUN\",\"Id\":\"" ID_A
		"\",\"Size\":23,\"Tags\":[\"a:1\",\"a:2\"]},"
		"{\"Comment\":\"\",\"Created\":1704153600,\"CreatedBy\":\"ENV\",\"Id\":\"<missing>"
		"\","
		"\"Size\":0,\"Tags\":null},"
		"{\"Comment\":\"c1\",\"Created\":1704067200,\"CreatedBy\":\"ADD\",\"Id\":"
		"\"<missing>\",\"Size\":100,\"Tags\":null}]");
}
END_TEST

/* --- checking
 * ------------------------------------------------------------------------------------------ */

static bool has_finding(const struct record *list, const char *id)
{
	for (size_t i = 0; i < record_len(list); i++)
		if (str_eq(record_str(record_get(record_at(list, i), "id")), id))
			return true;
	return false;
}

START_TEST(a_check_finds_and_a_repair_mends)
{
	cleanup_record struct record *found = record_new_array(), *mended = record_new_array(),
				     *after = record_new_array();
	struct digest stray = rig_digest('9');
	struct content_writer *w = NULL;
	uint64_t have;

	setup();
	ck_ok(rows_blob_plan(store->db, "sha256:" HEX, 5, &err)); /* of a load that died */
	ck_ok(content_begin(store, NULL, &w, &have, &err));
	ck_ok(content_write(w, "x", 1, &err));
	content_abort(w, true);
	ck_ok(content_begin(store, &stray, &w, &have, &err));
	ck_ok(content_write(w, "x", 1, &err));
	ck_ok(content_commit(w, &stray, &err));
	ck_ok(image_check(store, NULL, false, found, &err));
	ck_assert(has_finding(found, "image.leftover"));
	ck_assert(has_finding(found, "image.partial"));
	ck_assert(has_finding(found, "image.blob-unknown"));
	ck_assert(has_finding(found, "image.blob-missing")); /* the configs were never stored */
	ck_ok(image_check(store, NULL, true, mended, &err));
	ck_ok(image_check(store, NULL, false, after, &err));
	ck_assert(!has_finding(after, "image.leftover"));
	ck_assert(!has_finding(after, "image.partial"));
	ck_assert(!has_finding(after, "image.blob-unknown"));
}
END_TEST

START_TEST(a_blob_of_another_size_is_found)
{
	cleanup_record struct record *found = record_new_array();
	struct digest d = rig_digest('9');
	char text[DIGEST_TEXT_MAX];
	struct rows_blob blob = {.digest = digest_format(&d, text), .kind = "layer", .size = 3};
	struct content_writer *w = NULL;
	uint64_t have;

	setup();
	ck_ok(rows_blob_use(store->db, ID_A, &blob, &err));
	ck_ok(content_begin(store, &d, &w, &have, &err));
	ck_ok(content_write(w, "four", 4, &err));
	ck_ok(content_commit(w, &d, &err));
	ck_ok(image_check(store, NULL, false, found, &err));
	ck_assert(has_finding(found, "image.blob-size"));
}
END_TEST

int main(void)
{
	return CK_MAIN("image/rows", images_are_found_by_names_ids_and_beginnings,
		       what_was_found_is_whole, a_name_is_more_than_the_beginning_of_an_id,
		       what_is_not_there_is_said_as_docker_does,
		       an_image_is_ready_where_its_top_layer_is, a_tag_is_one_more_name_and_moves,
		       a_list_is_newest_first_with_all_names,
		       a_listed_image_has_the_members_of_the_api, lists_can_be_filtered,
		       children_hide_their_unnamed_parents, wrong_filters_are_refused,
		       a_name_of_several_is_only_untagged,
		       with_the_last_name_the_image_goes_and_layers_that_nobody_shares,
		       digests_of_a_repository_go_with_its_last_tag,
		       by_its_id_an_image_goes_with_all_names_of_one_repository,
		       by_its_id_an_image_of_several_names_goes_only_by_force,
		       an_image_of_a_running_container_stays,
		       an_image_of_a_stopped_container_goes_by_force, an_image_with_children_stays,
		       unnamed_parents_go_with_their_last_child, named_parents_stay,
		       removing_what_is_not_there_fails, blobs_that_another_image_uses_stay,
		       nothing_is_swept_while_somebody_adds,
		       inspect_has_the_members_of_the_api_in_their_order,
		       inspect_knows_the_driver_the_tag_time_and_the_manifest,
		       history_gives_each_step_the_size_of_its_layer,
		       a_check_finds_and_a_repair_mends, a_blob_of_another_size_is_found);
}
