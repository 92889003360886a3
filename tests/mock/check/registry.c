/* SPDX-License-Identifier: Apache-2.0 */
#include "berth/registry.h"
#include "mocked.h"

/* digests of "{}" and of "blob" */
#define MANIFEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define BLOB	 "sha256:fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8"

static struct mocked m;
static const struct berth_registry_ops *ops;
static struct berth_registry *reg;
static const struct berth_where where = {.size = sizeof(where), .host = "mock.example", .fd = -1};

static void begin(const char *scenario)
{
	m = mocked_open(MOCK_REGISTRY, scenario);
	ops = m.ops;
	reg = m.instance;
}

static struct berth_desc desc_of(const char *digest, uint64_t bytes)
{
	return (struct berth_desc){.size = sizeof(struct berth_desc),
				   .media_type = "a/b",
				   .digest = digest,
				   .bytes = bytes};
}

static void push(void)
{
	struct berth_desc desc = desc_of(BLOB, 4);
	struct berth_desc manifest = desc_of(MANIFEST, 2);
	struct berth_upload *up;
	bool there = true;

	ck_ok(ops->has(reg, &where, "lib/a", &desc, NULL, &there, &err));
	ck_assert(!there);
	ck_ok(ops->upload_begin(reg, &where, "lib/a", &desc, NULL, NULL, &up, &err));
	ck_ok(ops->write(up, "bl", 2, NULL, &err));
	ck_ok(ops->write(up, "ob", 2, NULL, &err));
	ck_ok(ops->upload_commit(up, NULL, &err));
	ck_ok(ops->has(reg, &where, "lib/a", &desc, NULL, &there, &err));
	ck_assert(there);
	ck_ok(ops->put_manifest(reg, &where, "lib/a", "1", &manifest, (struct berth_str){"{}", 2},
				NULL, &err));
}

static char heard[256];

static int hear(void *arg, const char *name, const struct berth_desc *desc)
{
	(void)snprintf(heard, sizeof(heard), "%s %s %llu", desc->media_type, desc->digest,
		       (unsigned long long)desc->bytes);
	return 0;
}

static int resolve(const char *ref, struct berth_reply *reply)
{
	return ops->resolve(reg, &where, "lib/a", ref, NULL, hear, NULL, reply, &err);
}

static const char *fetch(uint64_t from, uint64_t len, size_t *ret_reads)
{
	static char text[64];
	struct berth_desc desc = desc_of(BLOB, 4);
	struct berth_stream *stream;
	size_t at = 0;
	size_t n;

	*ret_reads = 0;
	ck_ok(ops->fetch(reg, &where, "lib/a", &desc, from, len, NULL, &stream, NULL, &err));
	do {
		ck_ok(ops->read(stream, text + at, sizeof(text) - 1 - at, &n, &err));
		at += n;
		++*ret_reads;
	} while (n > 0);
	text[at] = '\0';
	ops->close_stream(stream);
	ops->close_stream(NULL);
	return text;
}

START_TEST(what_was_pushed_is_found_and_fetched)
{
	struct str ids = STR_INIT;
	struct berth_sink json = {.limit = 4096};
	size_t reads;

	begin(NULL);
	push();
	ck_ok(resolve("1", NULL));
	ck_assert_str_eq(heard, "a/b " MANIFEST " 2");
	ck_ok(resolve(MANIFEST, NULL));
	ck_fails(BERTH_E_NOT_FOUND, resolve("2", NULL));
	ck_fails(BERTH_E_NOT_FOUND, resolve(BLOB, NULL));
	ck_fails(BERTH_E_INVALID, resolve("../1", NULL));
	ck_assert_str_eq(fetch(0, UINT64_MAX, &reads), "blob");
	ck_assert_str_eq(fetch(1, 2, &reads), "lo");
	ck_ok(ops->tags(reg, &where, "lib/a", mocked_hear, &ids, NULL, &err));
	ck_assert_str_eq(str_text(&ids), "1 ");
	ck_ok(ops->search(reg, &where, "ib/", 9, NULL, &json, &err));
	ck_assert_ptr_nonnull(strstr(str_text(&json.text), "\"name\":\"lib/a\""));
	ck_ok(ops->remove(reg, &where, "lib/a", "1", NULL, &err));
	ck_fails(BERTH_E_NOT_FOUND, resolve("1", NULL));
	ck_fails(BERTH_E_NOT_FOUND, ops->remove(reg, &where, "lib/a", "1", NULL, &err));
	ck_ok(resolve(MANIFEST, NULL));
	ck_fails(BERTH_E_INVALID, ops->tags(reg, &where, "../x", mocked_hear, &ids, NULL, &err));
	lent_sink_done(&json);
	str_done(&ids);
	mocked_close(&m);
}
END_TEST

START_TEST(a_blob_of_another_repository_is_mounted)
{
	struct berth_desc desc = desc_of(BLOB, 4);
	struct berth_upload *up = (void *)1;

	begin(NULL);
	push();
	ck_ok(ops->upload_begin(reg, &where, "lib/b", &desc, "lib/a", NULL, &up, &err));
	ck_assert_ptr_null(up);
	mocked_close(&m);
}
END_TEST

START_TEST(too_few_bytes_are_refused)
{
	struct berth_desc desc = desc_of(BLOB, 4);
	struct berth_upload *up;
	bool there = true;

	begin(NULL);
	ck_ok(ops->upload_begin(reg, &where, "lib/a", &desc, NULL, NULL, &up, &err));
	ck_ok(ops->write(up, "blo", 3, NULL, &err));
	ck_fails(BERTH_E_CORRUPT, ops->upload_commit(up, NULL, &err));
	ck_ok(ops->has(reg, &where, "lib/a", &desc, NULL, &there, &err));
	ck_assert(!there);
	ops->upload_abort(NULL);
	mocked_close(&m);
}
END_TEST

START_TEST(streams_break_as_the_scenario_says)
{
	size_t reads;

	begin("{\"faults\":[{\"call\":\"fetch\",\"nth\":1,\"times\":1,\"truncate\":3},"
	      "{\"call\":\"fetch\",\"nth\":2,\"times\":1,\"flip\":1},"
	      "{\"call\":\"fetch\",\"nth\":3,\"times\":1,\"piece\":1}]}");
	push();
	ck_assert_str_eq(fetch(0, UINT64_MAX, &reads), "blo");
	ck_assert_int_eq((unsigned char)fetch(0, UINT64_MAX, &reads)[1], 'l' ^ 0xff);
	ck_assert_str_eq(fetch(0, UINT64_MAX, &reads), "blob");
	ck_assert_uint_eq(reads, 5);
	ck_assert_str_eq(fetch(0, UINT64_MAX, &reads), "blob");
	ck_assert_uint_eq(reads, 2);
	mocked_close(&m);
}
END_TEST

START_TEST(a_refusal_fills_the_reply)
{
	struct berth_reply reply = {.size = sizeof(reply)};

	begin("{\"faults\":[{\"call\":\"resolve\",\"nth\":1,\"times\":1,\"code\":\"retry-later\","
	      "\"http\":429,"
	      "\"retry_after_ms\":50,\"ratelimit\":\"100 per hour\",\"warning\":\"w\"}]}");
	push();
	ck_fails(BERTH_E_RETRY_LATER, resolve("1", &reply));
	ck_assert_int_eq(reply.http, 429);
	ck_assert_uint_eq(reply.retry_after_ms, 50);
	ck_assert_str_eq(reply.ratelimit, "100 per hour");
	ck_assert_str_eq(reply.warning, "w");
	reply = (struct berth_reply){.size = sizeof(reply)};
	ck_ok(resolve("1", &reply));
	ck_assert_int_eq(reply.http, 0);
	mocked_close(&m);
}
END_TEST

int main(void)
{
	return CK_MAIN("mock/registry", what_was_pushed_is_found_and_fetched,
		       a_blob_of_another_repository_is_mounted, too_few_bytes_are_refused,
		       streams_break_as_the_scenario_says, a_refusal_fills_the_reply);
}
