/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/image.h"

#include "ck.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A32   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A64   A32 A32
#define A128  A64 A64

static const struct {
	const char *text, *full, *familiar;
} good[] = {
	{"alpine", "docker.io/library/alpine:latest", "alpine:latest"},
	{"alpine:3.19", "docker.io/library/alpine:3.19", "alpine:3.19"},
	{"library/alpine", "docker.io/library/alpine:latest", "alpine:latest"},
	{"docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"},
	{"docker.io/library/alpine:1", "docker.io/library/alpine:1", "alpine:1"},
	{"index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"},
	{"index.docker.io/a/b:c", "docker.io/a/b:c", "a/b:c"},
	{"a/b", "docker.io/a/b:latest", "a/b:latest"},
	{"library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
	{"localhost/x", "localhost/x:latest", "localhost/x:latest"},
	{"localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"},
	{"host:80/a/b/c:V1.0-rc_1", "host:80/a/b/c:V1.0-rc_1", "host:80/a/b/c:V1.0-rc_1"},
	{"example.com/x", "example.com/x:latest", "example.com/x:latest"},
	{"Example.COM/x", "Example.COM/x:latest", "Example.COM/x:latest"},
	{"HOST/x", "HOST/x:latest", "HOST/x:latest"},
	{"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest"},
	{"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"},
	{"[2001:db8::1]/x:y", "[2001:db8::1]/x:y", "[2001:db8::1]/x:y"},
	{"xn--7o8h.com/x", "xn--7o8h.com/x:latest", "xn--7o8h.com/x:latest"},
	{"a.b", "docker.io/library/a.b:latest", "a.b:latest"},
	{"a__b", "docker.io/library/a__b:latest", "a__b:latest"},
	{"a--b---c", "docker.io/library/a--b---c:latest", "a--b---c:latest"},
	{"a_b.c-d", "docker.io/library/a_b.c-d:latest", "a_b.c-d:latest"},
	{"x:_", "docker.io/library/x:_", "x:_"},
	{"x:" A128, "docker.io/library/x:" A128, "x:" A128},
	{"host/x", "docker.io/host/x:latest", "host/x:latest"},
	{"5000/x", "docker.io/5000/x:latest", "5000/x:latest"},
	{"alpine@sha256:" HEX64, "docker.io/library/alpine@sha256:" HEX64, "alpine@sha256:" HEX64},
	{"alpine:3@sha256:" HEX64, "docker.io/library/alpine@sha256:" HEX64,
	 "alpine:3@sha256:" HEX64},
	{"h.io:1/a/b@sha512:" HEX64 HEX64, "h.io:1/a/b@sha512:" HEX64 HEX64,
	 "h.io:1/a/b@sha512:" HEX64 HEX64},
	/* 64 digits are an id only if they stand alone */
	{"x/" HEX64, "docker.io/x/" HEX64 ":latest", "x/" HEX64 ":latest"},
};

static const struct {
	const char *text, *why;
} bad[] = {
	{"", "invalid reference format"},
	{":", "invalid reference format"},
	{":tag", "invalid reference format"},
	{"/x", "invalid reference format"},
	{"x/", "invalid reference format"},
	{"a//b", "invalid reference format"},
	{"x:", "invalid reference format"},
	{"x:-a", "invalid reference format"},
	{"x:.a", "invalid reference format"},
	{"x:a b", "invalid reference format"},
	{"x:a:b", "invalid reference format"},
	{"x:a/b", "invalid reference format"},
	{"x:" A128 "a", "invalid reference format"},
	{"-x", "invalid reference format"},
	{"x-", "invalid reference format"},
	{"x_", "invalid reference format"},
	{"a___b", "invalid reference format"},
	{"a..b", "invalid reference format"},
	{"a._b", "invalid reference format"},
	{"a_-b", "invalid reference format"},
	{"../x", "invalid reference format"},
	{"./x", "invalid reference format"},
	{"a/../b", "invalid reference format"},
	{"a b", "invalid reference format"},
	{"x\n", "invalid reference format"},
	{"caf\303\251", "invalid reference format"},
	{"host:/x", "invalid reference format"},
	{"host:port/x", "invalid reference format"},
	{"-host.com/x", "invalid reference format"},
	{"host-.com/x", "invalid reference format"},
	{"host..com/x", "invalid reference format"},
	{"[::1/x", "invalid reference format"},
	{"[]:1/x", "invalid reference format"},
	{"[fe80::1%eth0]/x", "invalid reference format"},
	{"https://host.com/x", "invalid reference format"},
	{"x@", "invalid reference format"},
	{"x@sha256", "invalid reference format"},
	{"x@sha256:", "invalid reference format"},
	{"x@sha256:abc", "invalid reference format"},
	{"x@sha256:" A32, "invalid checksum digest length"},
	{"x@sha512:" HEX64, "invalid checksum digest length"},
	{"x@md5:" A32, "unsupported digest algorithm"},
	{"x@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
	 "invalid checksum digest format"},
	{"x@sha256:" HEX64 ":tag", "invalid reference format"},
	{"Alpine", "invalid reference format: repository name (library/Alpine) must be lowercase"},
	{"docker.io/Alpine",
	 "invalid reference format: repository name (library/Alpine) must be lowercase"},
	{"h.io/a/B:c", "invalid reference format: repository name (a/B) must be lowercase"},
	{HEX64, "invalid repository name (" HEX64 "), cannot specify 64-byte hexadecimal strings"},
	{A128 A128, "repository name must not be more than 255 characters"},
	{"h.io/" A128 "/" A128, "repository name must not be more than 255 characters"},
};

START_TEST(names_are_understood_as_docker_does)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cleanup_reference struct reference ref = {0};
		cleanup_free char *full = NULL;
		cleanup_free char *familiar = NULL;

		ck_ok(reference_parse(good[i].text, &ref, &err));
		ck_ok(reference_full(&ref, &full, &err));
		ck_ok(reference_familiar(&ref, &familiar, &err));
		ck_assert_str_eq(full, good[i].full);
		ck_assert_str_eq(familiar, good[i].familiar);
	}
}
END_TEST

START_TEST(what_is_no_name_is_refused_with_dockers_words)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct reference ref = {.host = (char *)"untouched"};

		ck_fails(BERTH_E_INVALID, reference_parse(bad[i].text, &ref, &err));
		ck_assert_msg(str_eq(err.text, bad[i].why), "'%s': said '%s', wanted '%s'",
			      bad[i].text, err.text, bad[i].why);
		ck_assert_str_eq(ref.host, "untouched");
	}
}
END_TEST

START_TEST(a_full_name_parsed_again_is_the_same)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cleanup_reference struct reference ref = {0};
		cleanup_free char *full = NULL;

		ck_ok(reference_parse(good[i].full, &ref, &err));
		ck_ok(reference_full(&ref, &full, &err));
		ck_assert_str_eq(full, good[i].full);
	}
}
END_TEST

START_TEST(a_name_of_just_the_limit_is_fine)
{
	char text[300] = "h.io/";
	cleanup_reference struct reference ref = {0};

	memset(text + 5, 'a', 255);
	ck_ok(reference_parse(text, &ref, &err));
	ck_assert_uint_eq(strlen(ref.repo), 255);
	memset(text, 'a', 247);
	text[247] = '\0';
	reference_done(&ref);
	ck_ok(reference_parse(text, &ref, &err)); /* with "library/" just 255 */
	text[247] = 'a';
	text[248] = '\0';
	reference_done(&ref);
	ck_fails(BERTH_E_INVALID, reference_parse(text, &ref, &err));
}
END_TEST

START_TEST(the_short_form_is_a_part_of_the_full_one)
{
	static const char full[] = "docker.io/library/alpine:3";

	ck_assert_ptr_eq(reference_short(full), full + strlen("docker.io/library/"));
	ck_assert_str_eq(reference_short("docker.io/a/b:1"), "a/b:1");
	ck_assert_str_eq(reference_short("docker.io/library/a/b:1"), "library/a/b:1");
	ck_assert_str_eq(reference_short("quay.io/library/a:1"), "quay.io/library/a:1");
}
END_TEST

int main(void)
{
	return CK_MAIN("image/reference", names_are_understood_as_docker_does,
		       what_is_no_name_is_refused_with_dockers_words,
		       a_full_name_parsed_again_is_the_same, a_name_of_just_the_limit_is_fine,
		       the_short_form_is_a_part_of_the_full_one);
}
