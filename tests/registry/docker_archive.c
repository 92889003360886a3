/* SPDX-License-Identifier: Apache-2.0 */
#include "base/record.h"
#include "reg.h"

#define SCHEMA2	  "application/vnd.docker.distribution.manifest.v2+json"
#define OCI	  "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define LAYOUT	  "{\"imageLayoutVersion\":\"1.0.0\"}"
#define LAYER	  "application/vnd.docker.image.rootfs.diff.tar"

static struct reg r;

/* Layers are any bytes to this driver. */
static char base_layer[1000];
static char top_layer[300];

/* A config with these diff ids, whose digest goes to @digest. */
static void config_of(const char *const diff_ids[], size_t n, struct str *out,
		      char digest[static TARBALL_DIGEST])
{
	str_add(out, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		     "\"diff_ids\":[");
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s\"%s\"", i ? "," : "", diff_ids[i]);
	str_add(out, "]}}");
	(void)digest_of(str_text(out), out->len, digest);
}

struct image {
	char config[TARBALL_DIGEST];
	char base[TARBALL_DIGEST]; /* digests of the layers as they stand there */
	char top[TARBALL_DIGEST];
	char base_id[TARBALL_DIGEST]; /* their diff ids */
	char top_id[TARBALL_DIGEST];
};

/* The files of an image; manifest.json is the caller's. @gzip: both layers are compressed. */
static struct image add_image(struct tarball *t, bool gzip)
{
	cleanup_str struct str config = STR_INIT;
	cleanup_str struct str base = STR_INIT;
	cleanup_str struct str top = STR_INIT;
	struct image im;
	char name[100];

	memset(base_layer, 'b', sizeof(base_layer));
	memset(top_layer, 't', sizeof(top_layer));
	(void)digest_of(base_layer, sizeof(base_layer), im.base_id);
	(void)digest_of(top_layer, sizeof(top_layer), im.top_id);
	config_of((const char *const[]){im.base_id, im.top_id}, 2, &config, im.config);
	if (gzip) {
		gzip_of(base_layer, sizeof(base_layer), &base);
		gzip_of(top_layer, sizeof(top_layer), &top);
	} else {
		str_add_n(&base, base_layer, sizeof(base_layer));
		str_add_n(&top, top_layer, sizeof(top_layer));
	}
	(void)digest_of(base.p, base.len, im.base);
	(void)digest_of(top.p, top.len, im.top);
	tarball_entry(t, "aaa/", '5', NULL, NULL, 0);
	tarball_text(t, "aaa/VERSION", "1.0");
	tarball_file(t, "aaa/layer.tar", base.p, base.len);
	tarball_file(t, "bbb/layer.tar", top.p, top.len);
	(void)snprintf(name, sizeof(name), "%.64s.json", im.config + 7);
	tarball_file(t, name, config.p, config.len);
	return im;
}

static void add_manifest(struct tarball *t, const struct image *im, const char *tags,
			 const char *layers)
{
	cleanup_str struct str text = STR_INIT;

	str_addf(&text, "[{\"Config\":\"%s.json\",\"RepoTags\":%s,\"Layers\":%s}]", im->config + 7,
		 tags, layers);
	tarball_text(t, "manifest.json", str_text(&text));
}

#define TWO_LAYERS "[\"aaa/layer.tar\",\"bbb/layer.tar\"]"

/* What the made-up manifest must be, byte for byte: its digest is an identity. */
static void manifest_of(const struct image *im, const char *suffix, size_t config, size_t base,
			size_t top, struct str *out)
{
	str_addf(out,
		 "{\"schemaVersion\":2,\"mediaType\":\"" SCHEMA2 "\",\"config\":{\"mediaType\":");
	str_addf(out,
		 "\"application/"
		 "vnd.docker.container.image.v1+json\",\"size\":%zu,\"digest\":\"%s\"},",
		 config, im->config);
	str_addf(out, "\"layers\":[{\"mediaType\":\"" LAYER "%s\",\"size\":%zu,\"digest\":\"%s\"},",
		 suffix, base, im->base);
	str_addf(out, "{\"mediaType\":\"" LAYER "%s\",\"size\":%zu,\"digest\":\"%s\"}]}", suffix,
		 top, im->top);
}

static void check_image(int fd, const struct image *im, const char *suffix, size_t base, size_t top)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_str struct str wanted = STR_INIT;
	cleanup_str struct str out = STR_INIT;

	ck_ok(reg_resolve(&r, fd, "a", "1", &h));
	ck_assert_str_eq(h.media_type, SCHEMA2);
	ck_assert_uint_eq(h.flags, BERTH_DESC_SYNTHETIC);
	manifest_of(im, suffix, strlen(reg_blob(&r, fd, im->config)), base, top, &wanted);
	ck_assert_str_eq(reg_blob(&r, fd, h.digest), str_text(&wanted));
	ck_assert_uint_eq(h.bytes, wanted.len);
	/* a part of it, since it is a blob like others */
	ck_ok(reg_fetch(&r, fd, h.digest, h.bytes, 2, 13, 5, &out));
	ck_assert_str_eq(str_text(&out), "schemaVersion");
	str_clear(&out);
	ck_ok(reg_fetch(&r, fd, im->base, base, 0, UINT64_MAX, 999, &out));
	ck_assert_uint_eq(out.len, base);
	str_clear(&out);
	ck_ok(reg_fetch(&r, fd, im->top, top, 0, UINT64_MAX, 999, &out));
	ck_assert_uint_eq(out.len, top);
}

START_TEST(plain_layers_are_named_by_their_diff_ids)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	int fd;

	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	check_image(fd, &im, "", sizeof(base_layer), sizeof(top_layer));
	reg_close(&r);
}
END_TEST

START_TEST(compressed_layers_are_named_by_the_digest_of_their_bytes)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, true);
	int fd;

	ck_assert_str_ne(im.base, im.base_id);
	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	check_image(fd, &im, ".gzip", sizeof(base_layer) + 23, sizeof(top_layer) + 23);
	reg_close(&r);
}
END_TEST

START_TEST(each_name_is_told_and_an_image_without_any_is_told_once)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_str struct str text = STR_INIT;
	cleanup_str struct str wanted = STR_INIT;
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	int fd;

	str_addf(&text,
		 "[{\"Config\":\"%s.json\",\"RepoTags\":[\"a:1\",\"docker.io/"
		 "b:2\"],\"Layers\":" TWO_LAYERS "}",
		 im.config + 7);
	str_addf(&text, ",{\"Config\":\"%s.json\",\"RepoTags\":null,\"Layers\":" TWO_LAYERS "}",
		 im.config + 7);
	str_addf(&text, ",{\"Config\":\"./%s.json\",\"Layers\":" TWO_LAYERS "}]", im.config + 7);
	tarball_text(&t, "manifest.json", str_text(&text));
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_each(&r, fd, &h));
	for (int i = 0; i < 4; i++)
		str_addf(&wanted, "%s " SCHEMA2 " %s %llu 1\n",
			 (const char *[]){"a:1", "docker.io/b:2", "-", "-"}[i], h.digest,
			 (unsigned long long)h.bytes);
	ck_assert_str_eq(str_text(&h.text), str_text(&wanted));
	reg_close(&r);
}
END_TEST

START_TEST(layers_may_be_links_to_one_another)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	int fd;

	tarball_entry(&t, "ccc/layer.tar", '2', "../aaa/./layer.tar", NULL, 0);
	tarball_entry(&t, "ddd/layer.tar", '1', "bbb/layer.tar", NULL, 0);
	tarball_entry(&t, "eee/layer.tar", '2', "../ddd/layer.tar", NULL, 0);
	add_manifest(&t, &im, "[\"a:1\"]", "[\"ccc/layer.tar\",\"eee/layer.tar\"]");
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	check_image(fd, &im, "", sizeof(base_layer), sizeof(top_layer));
	reg_close(&r);
}
END_TEST

START_TEST(a_layer_that_two_share_is_one_blob)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_str struct str config = STR_INIT;
	cleanup_record struct record *manifest = NULL;
	struct tarball t = {STR_INIT};
	struct image im;
	char name[100];
	const char *text;
	int fd;

	memset(base_layer, 'b', sizeof(base_layer));
	(void)digest_of(base_layer, sizeof(base_layer), im.base);
	config_of((const char *const[]){im.base, im.base}, 2, &config, im.config);
	(void)snprintf(name, sizeof(name), "%.64s.json", im.config + 7);
	tarball_text(&t, name, str_text(&config));
	tarball_file(&t, "x.tar", base_layer, sizeof(base_layer));
	add_manifest(&t, &im, "[\"a:1\"]", "[\"x.tar\",\"x.tar\"]");
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_resolve(&r, fd, "a", "1", &h));
	text = reg_blob(&r, fd, h.digest);
	ck_ok(record_parse(text, strlen(text), 0, &manifest, &err));
	ck_assert_uint_eq(record_len(record_get(manifest, "layers")), 2);
	reg_close(&r);
}
END_TEST

START_TEST(a_digest_in_a_layers_name_spares_the_hashing)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_str struct str zipped = STR_INIT;
	cleanup_str struct str layers = STR_INIT;
	cleanup_str struct str config = STR_INIT;
	cleanup_str struct str out = STR_INIT;
	struct tarball t = {STR_INIT};
	struct image im;
	char wrong[TARBALL_DIGEST];
	char name[100];
	int fd;

	/* the name lies: who hashes would find out, and that is the engine's work */
	gzip_of("layer", 5, &zipped);
	(void)snprintf(name, sizeof(name), "blobs/sha256/%.64s", digest_of("?", 1, wrong) + 7);
	tarball_file(&t, name, zipped.p, zipped.len);
	str_addf(&layers, "[\"%s\"]", name);
	config_of((const char *const[]){wrong}, 1, &config, im.config);
	(void)snprintf(name, sizeof(name), "%.64s.json", im.config + 7);
	tarball_text(&t, name, str_text(&config));
	add_manifest(&t, &im, "[\"a:1\"]", str_text(&layers));
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_resolve(&r, fd, "a", "1", &h));
	ck_assert_ptr_nonnull(strstr(reg_blob(&r, fd, h.digest), wrong));
	ck_ok(reg_fetch(&r, fd, wrong, zipped.len, 0, UINT64_MAX, 99, &out));
	ck_assert_uint_eq(out.len, zipped.len);
	reg_close(&r);
}
END_TEST

START_TEST(the_oci_half_is_preferred_and_its_digests_are_real)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_str struct str index = STR_INIT;
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	char digest[TARBALL_DIGEST];
	int fd;

	tarball_blob(&t, "{\"real\":1}", 10, digest);
	str_addf(&index,
		 "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI "\",\"digest\":\"%s\","
		 "\"size\":10,\"annotations\":{\"io.containerd.image.name\":\"docker.io/library/"
		 "a:1\","
		 "\"org.opencontainers.image.ref.name\":\"1\"}}]}",
		 digest);
	tarball_text(&t, "index.json", str_text(&index));
	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	tarball_text(&t, "oci-layout", LAYOUT);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 1);
	ck_assert_str_eq(h.digest, digest);
	ck_assert_uint_eq(h.flags, 0);
	ck_assert_ptr_nonnull(strstr(str_text(&h.text), "docker.io/library/a:1 " OCI));
	ck_assert_str_eq(reg_blob(&r, fd, digest), "{\"real\":1}");
	reg_close(&r);
}
END_TEST

START_TEST(an_index_beside_a_manifest_is_no_layout_without_saying_so)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	int fd;

	tarball_text(&t, "index.json", "somebody's");
	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_uint_eq(h.flags, BERTH_DESC_SYNTHETIC);
	reg_close(&r);
}
END_TEST

START_TEST(a_layout_alone_is_read_too)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	int fd;

	tarball_text(&t, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 0);
	reg_close(&r);
}
END_TEST

static void fails(int code, struct tarball *t, const char *text)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	int fd = tarball_fd(t);

	r = reg_open(DOCKER_ARCHIVE);
	ck_fails(code, reg_each(&r, fd, &h));
	ck_says(text);
	ck_assert_int_eq(h.calls, 0);
	reg_close(&r);
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(what_is_no_archive_of_images_says_so)
{
	struct tarball t = {STR_INIT};

	tarball_text(&t, "etc/passwd", "root");
	tarball_end(&t);
	fails(BERTH_E_UNSUPPORTED, &t,
	      "'x.tar' is no archive of images: neither manifest.json nor index.json in it");
	str_add(&t.bytes, "GIF89a, and some more bytes than a block of a tar has: ");
	for (int i = 0; i < 64; i++)
		str_add(&t.bytes, "0123456789abcdef");
	fails(BERTH_E_UNSUPPORTED, &t, "'x.tar' is no tar archive");
	fails(BERTH_E_UNSUPPORTED, &t, "'x.tar' is empty");
	r = reg_open(DOCKER_ARCHIVE);
	ck_fails(BERTH_E_UNSUPPORTED, reg_each(&r, ck_dir(), &(struct heard){0}));
	ck_says("'x.tar' is a directory, wanted a tar file");
	reg_close(&r);
}
END_TEST

START_TEST(a_cut_archive_says_where_and_by_how_much)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);

	str_cut(&t.bytes, 512 + 1024 + 512 + 100);
	fails(BERTH_E_CORRUPT, &t,
	      "'x.tar' is truncated: entry 'aaa/layer.tar' claims 1000 bytes, 100 are there");
	str_done(&t.bytes);
	im = add_image(&t, false);
	str_cut(&t.bytes, 512 + 300);
	fails(BERTH_E_CORRUPT, &t, "'x.tar' is truncated: it ends inside a header at byte 812");
	str_done(&t.bytes);
	/* cut between two entries: only what is missing shows it */
	(void)add_image(&t, false);
	str_clear(&t.bytes);
	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	fails(BERTH_E_CORRUPT, &t, "and the end marker are missing");
}
END_TEST

START_TEST(an_archive_without_end_marker_is_fine_if_nothing_is_missing)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	int fd;

	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	check_image(fd, &im, "", sizeof(base_layer), sizeof(top_layer));
	reg_close(&r);
}
END_TEST

static void damaged_image(const char *layers, int code, const char *text)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);

	tarball_entry(&t, "round/a", '2', "b", NULL, 0);
	tarball_entry(&t, "round/b", '2', "../round/a", NULL, 0);
	tarball_entry(&t, "out", '2', "../../etc/passwd", NULL, 0);
	tarball_entry(&t, "abs", '2', "/aaa/layer.tar", NULL, 0);
	tarball_file(&t, "xz",
		     "\xfd"
		     "7zXZ\0rest",
		     10);
	add_manifest(&t, &im, "[\"a:1\"]", layers);
	tarball_end(&t);
	fails(code, &t, text);
}

START_TEST(an_image_whose_parts_do_not_fit_is_refused)
{
	damaged_image("[\"aaa/layer.tar\"]", BERTH_E_CORRUPT, "has 2 layers, manifest.json has 1");
	damaged_image("[\"aaa/layer.tar\",7]", BERTH_E_CORRUPT, "layer 2 has no name");
	damaged_image("[\"aaa/layer.tar\",\"nowhere\"]", BERTH_E_CORRUPT,
		      "'x.tar' has no entry 'nowhere'");
	damaged_image("[\"aaa/layer.tar\",\"aaa\"]", BERTH_E_CORRUPT, "entry 'aaa' is no file");
	damaged_image("[\"aaa/layer.tar\",\"round/a\"]", BERTH_E_CORRUPT, "go on and on");
	damaged_image("[\"aaa/layer.tar\",\"out\"]", BERTH_E_CORRUPT,
		      "link 'out' leads out of the archive");
	damaged_image("[\"aaa/layer.tar\",\"abs\"]", BERTH_E_CORRUPT,
		      "link 'abs' leads out of the archive");
	damaged_image("[\"aaa/layer.tar\",\"../../etc/passwd\"]", BERTH_E_CORRUPT,
		      "leads out of the archive");
	damaged_image("[\"aaa/layer.tar\",\"no\\nwhere\"]", BERTH_E_CORRUPT,
		      "'x.tar' has no entry 'no?where'");
	damaged_image("[\"aaa/layer.tar\",\"xz\"]", BERTH_E_UNSUPPORTED, "neither gzip nor zstd");
}
END_TEST

START_TEST(a_config_under_the_name_of_another_is_refused)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	char name[100];

	(void)digest_of("?", 1, im.config);
	(void)snprintf(name, sizeof(name), "%.64s.json", im.config + 7);
	tarball_text(&t, name, "{}");
	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	tarball_end(&t);
	fails(BERTH_E_CORRUPT, &t, "has another digest than its name says");
}
END_TEST

START_TEST(a_config_may_have_any_name)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	char digest[TARBALL_DIGEST];
	cleanup_str struct str text = STR_INIT;
	cleanup_str struct str config = STR_INIT;
	cleanup_heard struct heard h = {.text = STR_INIT};
	int fd;

	/* 65 digits claim nothing */
	config_of((const char *const[]){im.base_id, im.top_id}, 2, &config, digest);
	str_addf(&text, "%s0.json", digest_of("?", 1, digest) + 7);
	tarball_text(&t, str_text(&text), str_text(&config));
	str_clear(&text);
	str_addf(&text, "[{\"Config\":\"%s0.json\",\"Layers\":" TWO_LAYERS "}]", digest + 7);
	tarball_text(&t, "manifest.json", str_text(&text));
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(DOCKER_ARCHIVE);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_str_eq(reg_blob(&r, fd, im.config), str_text(&config));
	reg_close(&r);
}
END_TEST

START_TEST(a_manifest_that_is_no_list_of_images_is_refused)
{
	struct tarball t = {STR_INIT};

	tarball_text(&t, "manifest.json", "{\"schemaVersion\":2}");
	tarball_end(&t);
	fails(BERTH_E_CORRUPT, &t, "'manifest.json' of 'x.tar' is no array");
	tarball_text(&t, "manifest.json", "[{\"Config\":7}]");
	tarball_end(&t);
	fails(BERTH_E_CORRUPT, &t, "'Config'");
	tarball_text(&t, "manifest.json", "[{]");
	tarball_end(&t);
	fails(BERTH_E_CORRUPT, &t, "'manifest.json' of 'x.tar': line 1");
}
END_TEST

/* An image of @n layers, all of them the same. */
static void many_layers(struct tarball *t, int n)
{
	cleanup_str struct str config = STR_INIT;
	cleanup_str struct str layers = STR_INIT;
	char digest[TARBALL_DIGEST];

	(void)digest_of("layer", 5, digest);
	for (int i = 0; i < n; i++) {
		str_addf(&config, "%s\"%s\"", i ? "," : "{\"rootfs\":{\"diff_ids\":[", digest);
		str_addf(&layers, "%s\"l\"", i ? "," : "[{\"Config\":\"c\",\"Layers\":[");
	}
	str_add(&config, "]}}");
	str_add(&layers, "]}]");
	tarball_text(t, "c", str_text(&config));
	tarball_text(t, "l", "layer");
	tarball_text(t, "manifest.json", str_text(&layers));
	tarball_end(t);
}

START_TEST(too_many_images_or_layers_are_refused)
{
	cleanup_str struct str text = STR_INIT;
	struct tarball t = {STR_INIT};

	str_add(&text, "[");
	for (int i = 0; i < 1025; i++)
		str_add(&text, i ? ",{}" : "{}");
	str_add(&text, "]");
	tarball_text(&t, "manifest.json", str_text(&text));
	tarball_end(&t);
	fails(BERTH_E_LIMIT, &t, "1025 images, 1024 are allowed");
	many_layers(&t, 16384 + 1);
	fails(BERTH_E_LIMIT, &t, "has more than 16384 layers");
}
END_TEST

START_TEST(reading_can_be_cancelled_before_each_image)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, false);
	struct berth_op op = LENT_OP;
	struct berth_where where;

	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	tarball_end(&t);
	where = reg_where(tarball_fd(&t));
	op.cancel_at = 1;
	r = reg_open(DOCKER_ARCHIVE);
	ck_fails(BERTH_E_CANCELLED, r.ops->each(r.reg, &where, &op, hear_desc, NULL, &err));
	reg_close(&r);
}
END_TEST

START_TEST(reading_can_be_cancelled)
{
	struct tarball t = {STR_INIT};
	struct image im = add_image(&t, true);
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_op op = LENT_OP;
	struct berth_where where;

	add_manifest(&t, &im, "[\"a:1\"]", TWO_LAYERS);
	tarball_end(&t);
	where = reg_where(tarball_fd(&t));
	r = reg_open(DOCKER_ARCHIVE);
	op.cancel_at = 1; /* before the image, and then between its layers */
	ck_fails(BERTH_E_CANCELLED, r.ops->each(r.reg, &where, &op, hear_desc, &h, &err));
	op = (struct berth_op)LENT_OP;
	op.cancel_at = 2;
	ck_fails(BERTH_E_CANCELLED, r.ops->each(r.reg, &where, &op, hear_desc, &h, &err));
	ck_ok(r.ops->each(r.reg, &where, NULL, hear_desc, &h, &err)); /* and begun again */
	ck_assert_int_eq(h.calls, 1);
	lent_op_done(&op);
	reg_close(&r);
}
END_TEST

/* An image as the engine pushes it: a real manifest with a real config and layer. */
static void push(const struct berth_where *where, const char *ref, struct str *manifest)
{
	cleanup_str struct str zipped = STR_INIT;
	cleanup_str struct str config = STR_INIT;
	char digest[TARBALL_DIGEST];
	char diff_id[TARBALL_DIGEST];

	gzip_of("layer", 5, &zipped);
	config_of((const char *const[]){digest_of("layer", 5, diff_id)}, 1, &config, digest);
	ck_ok(reg_push_blob(&r, where, digest, config.p, config.len));
	str_clear(manifest);
	str_addf(manifest,
		 "{\"schemaVersion\":2,\"mediaType\":\"" OCI
		 "\",\"config\":{\"mediaType\":\"application/"
		 "vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},",
		 digest, config.len);
	ck_ok(reg_push_blob(&r, where, digest_of(zipped.p, zipped.len, digest), zipped.p,
			    zipped.len));
	str_addf(manifest,
		 "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\","
		 "\"digest\":\"%s\",\"size\":%zu}]}",
		 digest, zipped.len);
	ck_ok(reg_push_manifest(&r, where, "a", ref, OCI, str_text(manifest)));
}

static int push_tar(struct str *manifest)
{
	int fd = openat(ck_dir(), "out.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct berth_where where = reg_where_push(fd);

	r = reg_open(DOCKER_ARCHIVE);
	push(&where, "1", manifest);
	push(&where, "2", manifest);
	ck_ok(reg_finish(&r, &where, true));
	return fd;
}

/* Content of an entry of a tar which has no links or long names. */
static char *tar_text(int fd, const char *name)
{
	char block[512];
	off_t at = 0;

	while (pread(fd, block, 512, at) == 512 && block[0]) {
		size_t n = strtoul(block + 124, NULL, 8);

		if (strcmp(block, name) == 0) {
			char *text = calloc(1, n + 1);

			ck_assert_int_eq(pread(fd, text, n, at + 512), (ssize_t)n);
			return text;
		}
		at += 512 + (off_t)((n + 511) / 512 * 512);
	}
	return NULL;
}

START_TEST(a_saved_image_has_both_halves)
{
	cleanup_str struct str manifest = STR_INIT;
	cleanup_str struct str wanted = STR_INIT;
	cleanup_heard struct heard h = {.text = STR_INIT};
	int fd = push_tar(&manifest);
	cleanup_free char *old = tar_text(fd, "manifest.json");
	cleanup_free char *repositories = tar_text(fd, "repositories");
	cleanup_record struct record *real = NULL;
	const char *config;
	const char *layer;
	char digest[TARBALL_DIGEST];

	ck_ok(record_parse(manifest.p, manifest.len, 0, &real, &err));
	config = record_str(record_path(real, "config.digest"));
	layer = record_str(record_get(record_at(record_get(real, "layers"), 0), "digest"));
	str_addf(&wanted,
		 "[{\"Config\":\"blobs/sha256/"
		 "%s\",\"RepoTags\":[\"a:1\",\"a:2\"],\"Layers\":[\"blobs/sha256/%s\"]}]",
		 config + 7, layer + 7);
	ck_assert_str_eq(old, str_text(&wanted));
	str_clear(&wanted);
	str_addf(&wanted, "{\"a\":{\"1\":\"%s\",\"2\":\"%s\"}}", layer + 7, layer + 7);
	ck_assert_str_eq(repositories, str_text(&wanted));
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 2);
	ck_assert_str_eq(h.digest, digest_of(manifest.p, manifest.len, digest));
	ck_assert_uint_eq(h.flags, 0);
	ck_assert_str_eq(reg_blob(&r, fd, h.digest), manifest.p);
	/* config, layer, manifest once each; manifest.json, repositories, index.json, oci-layout,
	 * end */
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 7 * 1024 + 512 + 1024);
	reg_close(&r);
}
END_TEST

START_TEST(a_saved_image_is_read_by_its_old_half_alone_as_well)
{
	cleanup_str struct str manifest = STR_INIT;
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_record struct record *made_up = NULL;
	cleanup_record struct record *real = NULL;
	int fd = push_tar(&manifest);
	const char *text;
	char block[512];
	off_t at = 0;

	/* an older reader: rename index.json, with the same sum of bytes */
	while (pread(fd, block, 512, at) == 512 && strcmp(block, "index.json") != 0)
		at += 512 + (off_t)((strtoul(block + 124, NULL, 8) + 511) / 512 * 512);
	memcpy(block, "jndew", 5);
	ck_assert_int_eq(pwrite(fd, block, 512, at), 512);
	ck_ok(reg_resolve(&r, fd, "a", "2", &h));
	ck_assert_uint_eq(h.flags, BERTH_DESC_SYNTHETIC);
	text = reg_blob(&r, fd, h.digest);
	ck_ok(record_parse(text, strlen(text), 0, &made_up, &err));
	ck_ok(record_parse(manifest.p, manifest.len, 0, &real, &err));
	ck_assert_str_eq(record_str(record_path(made_up, "config.digest")),
			 record_str(record_path(real, "config.digest")));
	ck_assert_str_eq(
		record_str(record_get(record_at(record_get(made_up, "layers"), 0), "digest")),
		record_str(record_get(record_at(record_get(real, "layers"), 0), "digest")));
	reg_close(&r);
}
END_TEST

START_TEST(a_manifest_whose_blobs_were_not_written_cannot_be_saved)
{
	int fd = openat(ck_dir(), "out.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct berth_where where = reg_where_push(fd);
	char digest[TARBALL_DIGEST];
	cleanup_str struct str text = STR_INIT;

	r = reg_open(DOCKER_ARCHIVE);
	str_addf(&text, "{\"config\":{\"digest\":\"%s\"},\"layers\":[]}",
		 digest_of("?", 1, digest));
	ck_ok(reg_push_manifest(&r, &where, "a", "1", OCI, str_text(&text)));
	ck_fails(BERTH_E_INVALID, reg_finish(&r, &where, true));
	ck_says("which was not written");
	ck_ok(reg_finish(&r, &where, false));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	reg_close(&r);
}
END_TEST

START_TEST(the_names_of_an_index_go_to_its_first_image_that_is_there)
{
	int fd = openat(ck_dir(), "out.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct berth_where where = reg_where_push(fd);
	cleanup_str struct str manifest = STR_INIT;
	cleanup_str struct str other = STR_INIT;
	cleanup_str struct str index = STR_INIT;
	cleanup_free char *old = NULL;
	char digest[TARBALL_DIGEST];
	char absent[TARBALL_DIGEST];

	r = reg_open(DOCKER_ARCHIVE);
	push(&where, "", &manifest);
	str_addf(&other, " %s", str_text(&manifest)); /* of another platform, say */
	ck_ok(reg_push_manifest(&r, &where, "a", "", OCI, str_text(&other)));
	str_addf(&index,
		 "{\"manifests\":[{\"digest\":\"%s\",\"mediaType\":\"" OCI "\",\"size\":1},"
		 "{\"digest\":\"%s\",\"mediaType\":\"" OCI "\",\"size\":%zu},",
		 digest_of("?", 1, absent), digest_of(manifest.p, manifest.len, digest),
		 manifest.len);
	str_addf(&index, "{\"digest\":\"%s\",\"mediaType\":\"" OCI "\",\"size\":%zu}]}",
		 digest_of(other.p, other.len, digest), other.len);
	ck_ok(reg_push_manifest(&r, &where, "a", "multi", OCI_INDEX, str_text(&index)));
	ck_ok(reg_finish(&r, &where, true));
	old = tar_text(fd, "manifest.json");
	ck_assert_ptr_nonnull(strstr(old, "\"RepoTags\":[\"a:multi\"]"));
	ck_assert_ptr_null(strstr(strstr(old, "Config") + 1, "Config")); /* one image */
	reg_close(&r);
}
END_TEST

START_TEST(an_image_without_a_name_is_saved_without_one)
{
	int fd = openat(ck_dir(), "out.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct berth_where where = reg_where_push(fd);
	cleanup_str struct str manifest = STR_INIT;
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_free char *old = NULL;

	r = reg_open(DOCKER_ARCHIVE);
	push(&where, "", &manifest);
	ck_ok(reg_finish(&r, &where, true));
	old = tar_text(fd, "manifest.json");
	ck_assert_ptr_nonnull(strstr(old, "\"RepoTags\":null"));
	ck_assert_ptr_null(tar_text(fd, "repositories"));
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(strncmp(str_text(&h.text), "- " OCI, 2 + strlen(OCI)), 0);
	reg_close(&r);
}
END_TEST

int main(void)
{
	return CK_MAIN("registry/docker-archive", plain_layers_are_named_by_their_diff_ids,
		       compressed_layers_are_named_by_the_digest_of_their_bytes,
		       each_name_is_told_and_an_image_without_any_is_told_once,
		       layers_may_be_links_to_one_another, a_layer_that_two_share_is_one_blob,
		       a_digest_in_a_layers_name_spares_the_hashing,
		       the_oci_half_is_preferred_and_its_digests_are_real,
		       an_index_beside_a_manifest_is_no_layout_without_saying_so,
		       a_layout_alone_is_read_too, a_config_may_have_any_name,
		       what_is_no_archive_of_images_says_so,
		       a_cut_archive_says_where_and_by_how_much,
		       an_archive_without_end_marker_is_fine_if_nothing_is_missing,
		       an_image_whose_parts_do_not_fit_is_refused,
		       a_config_under_the_name_of_another_is_refused,
		       a_manifest_that_is_no_list_of_images_is_refused,
		       too_many_images_or_layers_are_refused, reading_can_be_cancelled,
		       reading_can_be_cancelled_before_each_image, a_saved_image_has_both_halves,
		       a_saved_image_is_read_by_its_old_half_alone_as_well,
		       a_manifest_whose_blobs_were_not_written_cannot_be_saved,
		       the_names_of_an_index_go_to_its_first_image_that_is_there,
		       an_image_without_a_name_is_saved_without_one);
}
