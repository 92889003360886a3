/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/manifest.h"

#include "ck.h"
#include "core/image/work/hash.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "\"digest\":\"sha256:" HEX "\",\"size\":7"
#define OCI    "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

#define CONFIG	    "\"config\":{\"mediaType\":\"" OCI "config.v1+json\"," DIGEST "}"
#define LAYER(type) "{\"mediaType\":\"" type "\"," DIGEST "}"
#define GZIP	    OCI "layer.v1.tar+gzip"

static int parse(const char *text, const char *type, struct manifest *m)
{
	return manifest_parse(text, strlen(text), type, 3, m, &err);
}

START_TEST(manifests_of_both_kinds_are_read)
{
	static const char *const texts[] = {
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI "manifest.v1+json\"," CONFIG
		",\"layers\":[" LAYER(GZIP) "," LAYER(OCI "layer.v1.tar") "]}",
		"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER
		"distribution.manifest.v2+json\",\"config\":{\"mediaType\":\"" DOCKER
		"container.image.v1+json\"," DIGEST
		"},\"layers\":[" LAYER(DOCKER "image.rootfs.diff.tar.gzip") "," LAYER(
			DOCKER "image.rootfs.diff.tar") "]}",
		/* without a type of its own it is what it looks like */
		"{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER(GZIP) "," LAYER(
			OCI "layer.v1.tar+zstd") "],\"annotations\":{\"x\":\"y\"}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cleanup_manifest struct manifest m = {0};
		char text[DIGEST_TEXT_MAX];

		ck_ok(parse(texts[i], NULL, &m));
		ck_assert_int_eq(m.kind, MANIFEST_IMAGE);
		ck_assert_uint_eq(m.n, 2);
		ck_assert_str_eq(digest_format(&m.config.digest, text), "sha256:" HEX);
		ck_assert_uint_eq(m.item[1].bytes, 7);
	}
}
END_TEST

START_TEST(an_index_is_read_with_its_platforms)
{
	cleanup_manifest struct manifest m = {0};
	cleanup_free char *platforms = NULL;

	ck_ok(parse(
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\",\"manifests\":["
		"{\"mediaType\":\"" OCI "manifest.v1+json\"," DIGEST
		",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}},"
		"{\"mediaType\":\"" OCI "manifest.v1+json\"," DIGEST
		",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},"
		"\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}},"
		"{\"mediaType\":\"application/x\"," DIGEST "},"
		"{\"mediaType\":\"" DOCKER "distribution.manifest.list.v2+json\"," DIGEST "}]}",
		OCI "index.v1+json", &m));
	ck_assert_int_eq(m.kind, MANIFEST_INDEX);
	ck_assert_uint_eq(m.n, 4);
	ck_assert(m.item[0].is_image && m.item[0].has_platform);
	ck_assert(!m.item[1].is_image);
	ck_assert(!m.item[2].is_image);
	ck_assert(m.item[3].is_image);
	platforms = manifest_platforms(&m);
	ck_assert_str_eq(platforms, "linux/arm64");
}
END_TEST

static const struct {
	int code;
	const char *type, *text, *why;
} bad[] = {
	{BERTH_E_CORRUPT, NULL, "", ""},
	{BERTH_E_CORRUPT, NULL, "[]", "no object"},
	{BERTH_E_CORRUPT, NULL, "null", "no object"},
	{BERTH_E_CORRUPT, NULL, "{}", "neither"},
	{BERTH_E_CORRUPT, NULL, "{\"schemaVersion\":2} x", ""},
	{BERTH_E_CORRUPT, NULL, "{\"schemaVersion\":2,\"manifests\":[]," CONFIG ",\"layers\":[]}",
	 "a manifest and an index in one"},
	{BERTH_E_CORRUPT, NULL, "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
	 "a manifest and an index in one"},
	{BERTH_E_CORRUPT, OCI "index.v1+json",
	 "{\"schemaVersion\":2,\"mediaType\":\"" OCI "manifest.v1+json\"," CONFIG ",\"layers\":[]}",
	 "wanted"},
	{BERTH_E_CORRUPT, NULL,
	 "{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\"," CONFIG ",\"layers\":[]}",
	 "and is not"},
	{BERTH_E_CORRUPT, OCI "index.v1+json", "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}",
	 "and is not"},
	{BERTH_E_CORRUPT, NULL, "{\"schemaVersion\":2," CONFIG "}", "layers"},
	{BERTH_E_CORRUPT, NULL, "{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", "layers"},
	{BERTH_E_CORRUPT, NULL, "{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}", "layer 1"},
	{BERTH_E_CORRUPT, NULL,
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" GZIP
	 "\",\"digest\":\"sha256:../../../etc/passwd\",\"size\":7}]}",
	 "layer 1"},
	{BERTH_E_CORRUPT, NULL,
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" GZIP
	 "\",\"digest\":\"sha256:" HEX "\",\"size\":-1}]}",
	 "size"},
	{BERTH_E_CORRUPT, NULL,
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a\\nb\"," DIGEST "}]}",
	 "mediaType"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":1,\"name\":\"x\",\"fsLayers\":[],\"history\":[]}", "schema 1"},
	{BERTH_E_UNSUPPORTED, DOCKER "distribution.manifest.v1+prettyjws", "{\"x\":1}", "schema 1"},
	{BERTH_E_UNSUPPORTED, NULL, "{\"schemaVersion\":3," CONFIG ",\"layers\":[]}", "3"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":2,\"mediaType\":\"application/x\"," CONFIG ",\"layers\":[]}",
	 "application/x"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":2,\"config\":{\"mediaType\":"
	 "\"application/vnd.cncf.helm.config.v1+json\"," DIGEST "},\"layers\":[]}",
	 "artifact"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
	 "vnd.oci.empty.v1+json\"," DIGEST "},\"layers\":[]}",
	 "artifact"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":2," CONFIG
	 ",\"layers\":[" LAYER(DOCKER "image.rootfs.foreign.diff.tar.gzip") "]}",
	 "not distributed"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":2," CONFIG
	 ",\"layers\":[" LAYER(OCI "layer.nondistributable.v1.tar+gzip") "]}",
	 "not distributed"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER(GZIP "+encrypted") "]}", "encrypted"},
	{BERTH_E_UNSUPPORTED, NULL,
	 "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER("application/x") "]}",
	 "unknown type"},
	{BERTH_E_LIMIT, NULL,
	 "{\"schemaVersion\":2," CONFIG
	 ",\"layers\":[" LAYER(GZIP) "," LAYER(GZIP) "," LAYER(GZIP) "," LAYER(GZIP) "]}",
	 "at most 3"},
};

START_TEST(what_is_no_image_is_refused_with_the_reason)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct manifest m = {.n = 99};

		ck_fails(bad[i].code, parse(bad[i].text, bad[i].type, &m));
		ck_says(bad[i].why);
		ck_assert_uint_eq(m.n, 99);
	}
}
END_TEST

/* --- platforms
 * ------------------------------------------------------------------------------------------ */

START_TEST(platforms_have_one_spelling)
{
	static const char *const pairs[][2] = {
		{"linux/amd64", "linux/amd64"},
		{"linux/x86_64", "linux/amd64"},
		{"LINUX/AMD64", "linux/amd64"},
		{"linux/amd64/v1", "linux/amd64"},
		{"linux/amd64/v3", "linux/amd64/v3"},
		{"linux/aarch64", "linux/arm64"},
		{"linux/arm64/v8", "linux/arm64"},
		{"linux/arm", "linux/arm/v7"},
		{"linux/arm/6", "linux/arm/v6"},
		{"linux/armhf", "linux/arm/v7"},
		{"linux/armel", "linux/arm/v6"},
		{"linux/i386", "linux/386"},
		{"arm64", "linux/arm64"},
		{"windows/amd64", "windows/amd64"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct platform p;
		char text[PLATFORM_TEXT_MAX];

		ck_ok(platform_parse(pairs[i][0], &p, &err));
		ck_assert_str_eq(platform_format(&p, text), pairs[i][1]);
	}
}
END_TEST

START_TEST(what_is_no_platform_is_refused)
{
	static const char *const texts[] = {"",
					    "/",
					    "linux/",
					    "/amd64",
					    "linux/amd64/",
					    "li nux/x",
					    "linux/../x",
					    "nonsense",
					    "a/b/c/d",
					    "linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct platform p;

		ck_fails(BERTH_E_INVALID, platform_parse(texts[i], &p, &err));
	}
}
END_TEST

static int rank(const char *want, const char *have)
{
	struct platform w, h;

	ck_ok(platform_parse(want, &w, &err));
	ck_ok(platform_parse(have, &h, &err));
	return platform_rank(&w, &h);
}

START_TEST(a_machine_runs_its_own_and_lower_variants)
{
	ck_assert_int_eq(rank("linux/amd64", "linux/amd64"), 0);
	ck_assert_int_eq(rank("linux/arm/v7", "linux/arm/v7"), 0);
	ck_assert_int_eq(rank("linux/arm64", "linux/arm64/v8"), 0);
	ck_assert_int_gt(rank("linux/arm/v7", "linux/arm/v6"), 0);
	ck_assert_int_gt(rank("linux/arm/v7", "linux/arm/v5"),
			 rank("linux/arm/v7", "linux/arm/v6"));
	ck_assert_int_gt(rank("linux/amd64/v3", "linux/amd64/v2"), 0);
	ck_assert_int_gt(rank("linux/amd64/v3", "linux/amd64"),
			 rank("linux/amd64/v3", "linux/amd64/v2"));
	ck_assert_int_gt(rank("linux/arm64", "linux/arm/v7"), 0);
	ck_assert_int_eq(rank("linux/arm/v6", "linux/arm/v7"), -1);
	ck_assert_int_eq(rank("linux/amd64", "linux/amd64/v2"), -1);
	ck_assert_int_eq(rank("linux/amd64", "linux/386"), -1);
	ck_assert_int_eq(rank("linux/amd64", "linux/arm64"), -1);
	ck_assert_int_eq(rank("linux/arm/v7", "linux/arm64"), -1);
	ck_assert_int_eq(rank("linux/amd64", "windows/amd64"), -1);
}
END_TEST

/** The digests' last digit of those that are chosen, best first. */
static void chosen(const char *entries, const char *want, bool any, const char *wanted)
{
	cleanup_str struct str text = STR_INIT, got = STR_INIT;
	cleanup_strv char **list = strv_split(entries, ' ');
	cleanup_manifest struct manifest m = {0};
	cleanup_free size_t *order = NULL;
	struct platform p;
	size_t n;

	str_add(&text, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; list[i]; i++) {
		cleanup_strv char **part = strv_split(list[i], '/');

		str_addf(&text, "%s{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"sha256:",
			 i ? "," : "");
		for (int j = 0; j < 64; j++)
			str_addf(&text, "%zu", i);
		str_add(&text, "\",\"size\":1");
		if (!str_eq(part[0], "-"))
			str_addf(&text,
				 ",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"%s%s%s}",
				 part[0], part[1], part[2] ? ",\"variant\":\"" : "",
				 part[2] ? part[2] : "", part[2] ? "\"" : "");
		str_add(&text, "}");
	}
	str_add(&text, "]}");
	ck_ok(parse(str_text(&text), NULL, &m));
	ck_ok(platform_parse(want, &p, &err));
	ck_ok(manifest_choose(&m, &p, any, &order, &n, &err));
	for (size_t i = 0; i < n; i++)
		str_addf(&got, "%zu", order[i]);
	ck_assert_str_eq(str_text(&got), wanted);
}

START_TEST(the_best_entry_comes_first)
{
	chosen("linux/amd64 linux/arm64", "linux/arm64", true, "1");
	chosen("linux/arm/v5 linux/arm/v7 linux/arm/v6", "linux/arm/v7", true, "120");
	chosen("linux/arm/v5 linux/arm/v7 linux/arm/v6", "linux/arm/v6", true, "20");
	chosen("linux/amd64 linux/amd64", "linux/amd64", true, "01");
	chosen("- linux/amd64", "linux/amd64", true, "10");
	chosen("windows/amd64 linux/386", "linux/amd64", true, "");
	chosen("linux/s390x", "linux/amd64", true, "0");
	chosen("linux/s390x", "linux/amd64", false, "");
	chosen("linux/s390x unknown/unknown", "linux/amd64", true, "0");
}
END_TEST

/* --- configs
 * -------------------------------------------------------------------------------------------- */

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static int parse_config(const char *text, struct image_config *c)
{
	return image_config_parse(text, strlen(text), 3, c, &err);
}

START_TEST(chain_ids_are_those_of_the_specification)
{
	cleanup_image_config struct image_config c = {0};
	struct digest want;
	char text[DIGEST_TEXT_MAX];

	ck_ok(parse_config(
		"{\"os\":\"linux\",\"architecture\":\"arm64\",\"created\":"
		"\"2024-01-02T03:04:05Z\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1
		"\",\"" D2 "\"]}}",
		&c));
	ck_assert_uint_eq(c.n, 2);
	ck_assert_str_eq(c.chain[0], D1);
	ck_ok(hash_bytes(D1 " " D2, strlen(D1 " " D2), &want, &err));
	ck_assert_str_eq(c.chain[1], digest_format(&want, text));
	ck_assert_ptr_null(c.chain[2]);
	ck_assert_int_eq(c.created_ns, INT64_C(1704164645) * 1000000000);
	ck_assert_str_eq(c.platform.arch, "arm64");
}
END_TEST

START_TEST(a_config_may_have_no_layer_and_no_time)
{
	cleanup_image_config struct image_config c = {0};

	ck_ok(parse_config("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}", &c));
	ck_assert_uint_eq(c.n, 0);
	ck_assert_int_eq(c.created_ns, 0);
}
END_TEST

START_TEST(configs_that_make_no_sense_are_refused)
{
	static const struct {
		int code;
		const char *text;
	} bad_configs[] = {
		{BERTH_E_CORRUPT, ""},
		{BERTH_E_CORRUPT, "null"},
		{BERTH_E_CORRUPT, "[]"},
		{BERTH_E_CORRUPT, "{}"},
		{BERTH_E_CORRUPT, "{\"rootfs\":7}"},
		{BERTH_E_CORRUPT, "{\"rootfs\":{\"diff_ids\":[7]}}"},
		{BERTH_E_CORRUPT, "{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}"},
		{BERTH_E_CORRUPT, "{\"rootfs\":{\"diff_ids\":[\"" D1 "\",null]}}"},
		{BERTH_E_UNSUPPORTED, "{\"rootfs\":{\"type\":\"zip\",\"diff_ids\":[]}}"},
		{BERTH_E_UNSUPPORTED, "{\"os\":\"windows\",\"rootfs\":{\"diff_ids\":[]}}"},
		{BERTH_E_LIMIT,
		 "{\"rootfs\":{\"diff_ids\":[\"" D1 "\",\"" D1 "\",\"" D1 "\",\"" D1 "\"]}}"},
	};

	for (size_t i = 0; i < sizeof(bad_configs) / sizeof(bad_configs[0]); i++) {
		struct image_config c = {.n = 99};

		ck_fails(bad_configs[i].code, parse_config(bad_configs[i].text, &c));
		ck_assert_uint_eq(c.n, 99);
	}
}
END_TEST

int main(void)
{
	return CK_MAIN("image/manifest", manifests_of_both_kinds_are_read,
		       an_index_is_read_with_its_platforms,
		       what_is_no_image_is_refused_with_the_reason, platforms_have_one_spelling,
		       what_is_no_platform_is_refused, a_machine_runs_its_own_and_lower_variants,
		       the_best_entry_comes_first, chain_ids_are_those_of_the_specification,
		       a_config_may_have_no_layer_and_no_time,
		       configs_that_make_no_sense_are_refused);
}
