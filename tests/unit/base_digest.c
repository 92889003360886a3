/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"
#include "tests/unit/ck.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(a_digest_survives_its_text)
{
	struct digest d;
	char text[DIGEST_TEXT_MAX];
	char hex[DIGEST_HEX_MAX];

	ck_ok(digest_parse("sha256:" HEX64, &d, &err));
	ck_assert_uint_eq(d.len, 32);
	ck_assert_uint_eq(d.bytes[1], 0x23);
	ck_assert_str_eq(digest_format(&d, text), "sha256:" HEX64);
	ck_assert_str_eq(digest_hex(&d, hex), HEX64);
	ck_assert_str_eq(digest_algo_name(&d), "sha256");
	ck_ok(digest_parse("sha512:" HEX64 HEX64, &d, &err));
	ck_assert_str_eq(digest_format(&d, text), "sha512:" HEX64 HEX64);
}
END_TEST

START_TEST(what_is_no_digest_is_refused)
{
	static const char *const bad[] = {
		"",
		"sha256",
		"sha256:",
		HEX64,
		"sha256:" HEX64 "0",
		"sha256:0123",
		"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"sha256:0123456789abcdeg0123456789abcdef0123456789abcdef0123456789abcdef",
		"sha256:../../../../../../../../../../../../../../../../etc/passwd/a/b/c",
		" sha256:" HEX64,
		"sha256:" HEX64 " ",
		"SHA256:" HEX64,
		"md5:0123456789abcdef0123456789abcdef",
		"sha512:" HEX64,
		"sha256x:" HEX64,
		":" HEX64,
	};
	struct digest d = {.algo = 42};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_fails(BERTH_E_INVALID, digest_parse(bad[i], &d, &err));
	ck_assert_uint_eq(d.algo, 42);
}
END_TEST

START_TEST(people_may_leave_out_the_algorithm)
{
	struct digest d;
	char text[DIGEST_TEXT_MAX];

	ck_ok(digest_parse_loose(HEX64, &d, &err));
	ck_assert_str_eq(digest_format(&d, text), "sha256:" HEX64);
	ck_ok(digest_parse_loose("sha256:" HEX64, &d, &err));
	ck_fails(BERTH_E_INVALID, digest_parse_loose("0123", &d, &err));
}
END_TEST

START_TEST(digests_are_equal_in_algorithm_and_bytes)
{
	struct digest a;
	struct digest b;
	struct digest none = {0};
	uint8_t bytes[64] = {1, 2, 3};
	char text[DIGEST_TEXT_MAX];

	ck_ok(digest_from_bytes(DIGEST_SHA256, bytes, 32, &a, &err));
	ck_ok(digest_from_bytes(DIGEST_SHA256, bytes, 32, &b, &err));
	ck_assert(digest_eq(&a, &b));
	b.bytes[31] = 1;
	ck_assert(!digest_eq(&a, &b));
	ck_ok(digest_from_bytes(DIGEST_SHA512, bytes, 64, &b, &err));
	ck_assert(!digest_eq(&a, &b));
	ck_assert(digest_is_set(&a));
	ck_assert(!digest_is_set(&none));
	ck_assert(!digest_eq(&a, &none));
	ck_assert_str_eq(digest_format(&none, text), "");
	ck_assert_str_eq(digest_algo_name(&none), "");
	ck_fails(BERTH_E_INVALID, digest_from_bytes(DIGEST_SHA256, bytes, 64, &a, &err));
	ck_fails(BERTH_E_INVALID, digest_from_bytes(DIGEST_NONE, bytes, 0, &a, &err));
	ck_fails(BERTH_E_INVALID, digest_from_bytes((enum digest_algo)9, bytes, 32, &a, &err));
}
END_TEST

START_TEST(hex_is_exact_or_nothing)
{
	uint8_t bytes[3] = {9, 9, 9};
	char text[7];

	hex_encode("\x00\xff\x1a", 3, text);
	ck_assert_str_eq(text, "00ff1a");
	ck_assert(!hex_decode("00ff1", bytes, 3));
	ck_assert(!hex_decode("00ff1a0", bytes, 3));
	ck_assert(!hex_decode("00fg1a", bytes, 3));
	ck_assert(!hex_decode("00FF1A", bytes, 3));
	ck_assert_mem_eq(bytes, "\t\t\t", 3);
	ck_assert(hex_decode("00ff1a", bytes, 3));
	ck_assert_mem_eq(bytes, "\x00\xff\x1a", 3);
	ck_assert(hex_decode("", bytes, 0));
}
END_TEST

int main(void)
{
	return CK_MAIN("base/digest", a_digest_survives_its_text, what_is_no_digest_is_refused,
		       people_may_leave_out_the_algorithm, digests_are_equal_in_algorithm_and_bytes,
		       hex_is_exact_or_nothing);
}
