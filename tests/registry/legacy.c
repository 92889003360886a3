/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives from before Docker 1.10, which have "repositories" and no manifest.json.
 */
#include "base/record.h"
#include "reg.h"

#define BASE "1111111111111111111111111111111111111111111111111111111111111111"
#define TOP  "2222222222222222222222222222222222222222222222222222222222222222"

static struct reg r;

static void add_layer(struct tarball *t, const char *id, const char *json, const char *content)
{
	cleanup_free char *name = str_fmt("%s/json", id);
	cleanup_free char *tar = str_fmt("%s/layer.tar", id);
	cleanup_free char *dir = str_fmt("%s/", id);

	tarball_entry(t, dir, '5', NULL, NULL, 0);
	tarball_text(t, name, json);
	if (content)
		tarball_text(t, tar, content);
}

static const char base_json[] =
	"{\"id\":\"" BASE
	"\",\"created\":\"2015-01-01T00:00:00Z\",\"container_config\":{\"Cmd\":[\"/bin/sh\","
	"\"-c\",\"#(nop) ADD file\"]},\"architecture\":\"amd64\",\"os\":\"linux\",\"Size\":7}";
static const char top_json[] =
	"{\"os\":\"linux\",\"id\":\"" TOP "\",\"parent\":\"" BASE
	"\",\"created\":\"2015-02-02T00:00:00Z\","
	"\"author\":\"A & B\",\"comment\":\"c\",\"container_config\":{\"Cmd\":[\"echo\"]},"
	"\"config\":{\"Cmd\":[\"/"
	"x\"],\"Env\":null},\"architecture\":\"amd64\",\"throwaway\":true,\"Size\":0}";

static void add_image(struct tarball *t)
{
	add_layer(t, TOP, top_json, "top layer");
	add_layer(t, BASE, base_json, "base layer");
	tarball_text(t, "repositories",
		     "{\"busybox\":{\"latest\":\"" TOP "\",\"old\":\"" BASE "\"}}");
}

START_TEST(an_image_is_made_of_its_layers_and_their_configs)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_record struct record *manifest = NULL;
	cleanup_str struct str wanted = STR_INIT;
	struct tarball t = {STR_INIT};
	char base[TARBALL_DIGEST];
	char top[TARBALL_DIGEST];
	const char *text;
	const struct record *layers;
	int fd;

	add_image(&t);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_resolve(&r, fd, "busybox", "latest", &h));
	ck_assert_uint_eq(h.flags, BERTH_DESC_SYNTHETIC);
	text = reg_blob(&r, fd, h.digest);
	ck_ok(record_parse(text, strlen(text), 0, &manifest, &err));
	layers = record_get(manifest, "layers");
	ck_assert_uint_eq(record_len(layers), 2);
	ck_assert_str_eq(record_str(record_get(record_at(layers, 0), "digest")),
			 digest_of("base layer", 10, base));
	ck_assert_str_eq(record_str(record_get(record_at(layers, 1), "digest")),
			 digest_of("top layer", 9, top));
	ck_assert_str_eq(reg_blob(&r, fd, base), "base layer");
	/* as Docker 1.10 made it: keys in order, what belongs to layers dropped */
	str_addf(&wanted,
		 "{\"architecture\":\"amd64\",\"author\":\"A \\u0026 "
		 "B\",\"comment\":\"c\",\"config\":{\"Cmd\":[\"/x\"],"
		 "\"Env\":null},\"container_config\":{\"Cmd\":[\"echo\"]},\"created\":\"2015-02-"
		 "02T00:00:00Z\","
		 "\"history\":[{\"created\":\"2015-01-01T00:00:00Z\",\"created_by\":\"/bin/sh -c "
		 "#(nop) ADD file\"},"
		 "{\"created\":\"2015-02-02T00:00:00Z\",\"author\":\"A \\u0026 "
		 "B\",\"created_by\":\"echo\","
		 "\"comment\":\"c\"}],\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_"
		 "ids\":[\"%s\",\"%s\"]}}",
		 base, top);
	ck_assert_str_eq(reg_blob(&r, fd, record_str(record_path(manifest, "config.digest"))),
			 str_text(&wanted));
	reg_close(&r);
}
END_TEST

START_TEST(each_tag_is_an_image)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	int fd;

	add_image(&t);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 2);
	ck_assert_ptr_nonnull(strstr(str_text(&h.text), "busybox:latest "));
	ck_assert_ptr_nonnull(strstr(str_text(&h.text), "busybox:old "));
	ck_ok(reg_resolve(&r, fd, "busybox", "old", &h));
	ck_assert_ptr_null(strstr(reg_blob(&r, fd, h.digest), "top"));
	reg_close(&r);
}
END_TEST

START_TEST(a_manifest_beside_it_is_what_counts)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	int fd;

	add_image(&t);
	tarball_text(&t, "manifest.json", "[]");
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 0);
	reg_close(&r);
}
END_TEST

static void fails(int code, struct tarball *t, const char *repositories, const char *text)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	int fd;

	tarball_text(t, "repositories", repositories);
	tarball_end(t);
	fd = tarball_fd(t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_fails(code, reg_each(&r, fd, &h));
	ck_says(text);
	ck_assert_int_eq(h.calls, 0);
	reg_close(&r);
	ck_assert_int_eq(close(fd), 0);
}

#define OF_BASE "{\"a\":{\"1\":\"" BASE "\"}}"

START_TEST(what_does_not_fit_is_refused)
{
	struct tarball t = {STR_INIT};
	cleanup_str struct str zipped = STR_INIT;

	fails(BERTH_E_CORRUPT, &t, "[]", "'repositories' of 'x.tar' is no object");
	fails(BERTH_E_CORRUPT, &t, "{\"a\":{\"1\":7}}", "'a:1' is no id");
	fails(BERTH_E_CORRUPT, &t, "{\"a\":{\"1\":\"\"}}", "'a:1' has no layer");
	fails(BERTH_E_CORRUPT, &t, "{\"a\":{\"1\":\"../../etc\"}}",
	      "'../../etc' is no id of a layer");
	fails(BERTH_E_CORRUPT, &t, OF_BASE, "has no entry '" BASE "/json'");
	add_layer(&t, BASE, "{}", NULL);
	fails(BERTH_E_CORRUPT, &t, OF_BASE, "has no entry '" BASE "/layer.tar'");
	add_layer(&t, BASE, "{\"parent\":\"" TOP "\"}", "x");
	fails(BERTH_E_CORRUPT, &t, OF_BASE, "has no entry '" TOP "/json'");
	add_layer(&t, BASE, "{\"parent\":\"" BASE "\"}", "x");
	fails(BERTH_E_LIMIT, &t, OF_BASE, "an image of more than 256 layers");
	add_layer(&t, BASE, "{\"container_config\":{\"Cmd\":\"sh\"}}", "x");
	fails(BERTH_E_CORRUPT, &t, OF_BASE, "");
	add_layer(&t, BASE, "{", "x");
	fails(BERTH_E_CORRUPT, &t, OF_BASE, BASE "/json' of 'x.tar': line 1");
	gzip_of("layer", 5, &zipped);
	add_layer(&t, BASE, "{}", NULL);
	tarball_file(&t, BASE "/layer.tar", zipped.p, zipped.len);
	fails(BERTH_E_UNSUPPORTED, &t, OF_BASE, "is compressed");
}
END_TEST

START_TEST(too_many_tags_are_refused)
{
	cleanup_str struct str text = STR_INIT;
	struct tarball t = {STR_INIT};

	add_layer(&t, BASE, base_json, "base layer");
	for (int i = 0; i < 1025; i++)
		str_addf(&text, "%s\"%d\":\"" BASE "\"", i ? "," : "{\"a\":{", i);
	str_add(&text, "}}");
	fails(BERTH_E_LIMIT, &t, str_text(&text), "more than 1024 images");
}
END_TEST

START_TEST(following_the_layers_can_be_cancelled)
{
	struct berth_op op = LENT_OP;
	struct tarball t = {STR_INIT};
	struct berth_where where;

	add_image(&t);
	tarball_end(&t);
	where = reg_where(tarball_fd(&t));
	r = reg_open(DOCKER_ARCHIVE);
	for (unsigned at = 1; at <= 3; at++) {
		op = (struct berth_op)LENT_OP;
		op.cancel_at = at;
		ck_fails(BERTH_E_CANCELLED, r.ops->each(r.reg, &where, &op, hear_desc, NULL, &err));
	}
	reg_close(&r);
}
END_TEST

int main(void)
{
	return CK_MAIN("registry/legacy", an_image_is_made_of_its_layers_and_their_configs,
		       each_tag_is_an_image, a_manifest_beside_it_is_what_counts,
		       what_does_not_fit_is_refused, too_many_tags_are_refused,
		       following_the_layers_can_be_cancelled);
}
