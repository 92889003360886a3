/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ck.h"

START_TEST(a_buffer_grows_and_stays_terminated)
{
	cleanup_str struct str s = STR_INIT;

	ck_assert_str_eq(str_text(&s), "");
	for (int i = 0; i < 10000; i++)
		str_addf(&s, "%d,", i % 10);
	ck_assert_uint_eq(s.len, 20000);
	ck_assert_uint_eq(strlen(s.p), 20000);
	ck_assert_mem_eq(s.p + 19990, "5,6,7,8,9,", 11);
	str_cut(&s, 3);
	ck_assert_str_eq(s.p, "0,1");
	str_add_char(&s, '!');
	ck_assert_str_eq(str_text(&s), "0,1!");
	ck_ok(str_check(&s, &err));
}
END_TEST

START_TEST(a_format_longer_than_the_room_is_whole)
{
	cleanup_str struct str s = STR_INIT;
	char wide[512];

	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	str_add(&s, "x");
	str_addf(&s, "%s|%s", wide, wide);
	ck_assert_uint_eq(s.len, 1 + 511 + 1 + 511);
	ck_assert_int_eq(s.p[512], '|');
}
END_TEST

START_TEST(out_of_memory_is_remembered)
{
	cleanup_str struct str s = STR_INIT;

	str_add(&s, "abc");
	ck_assert_ptr_null(str_room(&s, SIZE_MAX / 2));
	str_add(&s, "more");
	str_addf(&s, "%d", 1);
	str_grew(&s, 1);
	ck_assert(s.failed);
	ck_assert_str_eq(str_text(&s), "");
	ck_fails(BERTH_E_NO_MEMORY, str_check(&s, &err));
	ck_assert_ptr_null(str_steal(&s));
	ck_assert(!s.failed);
	str_add(&s, "again");
	ck_assert_str_eq(str_text(&s), "again");
	ck_assert_ptr_null(str_room(&s, SIZE_MAX - 2));
	str_clear(&s);
	ck_ok(str_check(&s, &err));
}
END_TEST

START_TEST(a_stolen_text_leaves_an_empty_buffer)
{
	struct str s = STR_INIT;
	cleanup_free char *empty = str_steal(&s);
	cleanup_free char *text = NULL;

	ck_assert_str_eq(empty, "");
	str_add_n(&s, "a\0b", 3);
	text = str_steal(&s);
	ck_assert_mem_eq(text, "a\0b", 4);
	ck_assert_ptr_null(s.p);
	ck_assert_uint_eq(s.len, 0);
}
END_TEST

START_TEST(a_cleared_buffer_keeps_its_memory)
{
	cleanup_str struct str s = STR_INIT;
	const char *p;

	str_add(&s, "text");
	p = s.p;
	str_clear(&s);
	ck_assert_str_eq(str_text(&s), "");
	ck_assert_ptr_eq(s.p, p);
}
END_TEST

START_TEST(room_may_be_filled_by_hand)
{
	cleanup_str struct str s = STR_INIT;
	char *room = str_room(&s, 1000);

	ck_assert_ptr_nonnull(room);
	memset(room, 'r', 1000);
	str_grew(&s, 1000);
	ck_assert_uint_eq(strlen(str_text(&s)), 1000);
}
END_TEST

START_TEST(beginnings_and_ends_are_seen)
{
	ck_assert(str_has_prefix("sha256:ab", "sha256:"));
	ck_assert(!str_has_prefix("sha", "sha256:"));
	ck_assert(str_has_suffix("a.json", ".json"));
	ck_assert(str_has_suffix("x", ""));
	ck_assert(!str_has_suffix("json", ".json"));
	ck_assert_str_eq(str_after("oci:dir", "oci:"), "dir");
	ck_assert_ptr_null(str_after("docker:dir", "oci:"));
	ck_assert(str_eq(NULL, NULL));
	ck_assert(!str_eq(NULL, ""));
	ck_assert(!str_eq("", NULL));
	ck_assert(str_eq("a", "a"));
	ck_assert(!str_eq("a", "b"));
}
END_TEST

START_TEST(a_copy_of_nothing_is_nothing)
{
	char *copy = (char *)1;
	cleanup_free char *text = NULL;
	cleanup_free char *formatted = str_fmt("%s-%d", "a", 7);

	ck_ok(str_copy(NULL, &copy, &err));
	ck_assert_ptr_null(copy);
	ck_ok(str_copy("t", &text, &err));
	ck_assert_str_eq(text, "t");
	ck_assert_str_eq(formatted, "a-7");
}
END_TEST

START_TEST(unsigned_numbers_are_digits_only)
{
	static const char *const bad[] = {"",	 " 1",	"1 ", "+1", "-1",
					  "0x1", "1.0", "a",  "1a", "99999999999999999999x"};
	uint64_t value = 42;

	ck_ok(parse_u64("0", 0, &value));
	ck_assert_uint_eq(value, 0);
	ck_ok(parse_u64("007", 10, &value));
	ck_assert_uint_eq(value, 7);
	ck_ok(parse_u64("18446744073709551615", UINT64_MAX, &value));
	ck_assert_uint_eq(value, UINT64_MAX);
	value = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_fails(BERTH_E_INVALID, parse_u64(bad[i], UINT64_MAX, &value));
	ck_fails(BERTH_E_LIMIT, parse_u64("18446744073709551616", UINT64_MAX, &value));
	ck_fails(BERTH_E_LIMIT, parse_u64("28446744073709551616", UINT64_MAX, &value));
	ck_fails(BERTH_E_LIMIT, parse_u64("65536", 65535, &value));
	ck_assert_uint_eq(value, 42);
}
END_TEST

START_TEST(signed_numbers_keep_their_bounds)
{
	int64_t value = 42;

	ck_ok(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &value));
	ck_assert_int_eq(value, INT64_MIN);
	ck_ok(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &value));
	ck_assert_int_eq(value, INT64_MAX);
	ck_ok(parse_i64("+5", -10, 10, &value));
	ck_assert_int_eq(value, 5);
	ck_ok(parse_i64("-5", -10, 10, &value));
	ck_assert_int_eq(value, -5);
	value = 42;
	ck_fails(BERTH_E_LIMIT, parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &value));
	ck_fails(BERTH_E_LIMIT, parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &value));
	ck_fails(BERTH_E_LIMIT, parse_i64("-11", -10, 10, &value));
	ck_fails(BERTH_E_LIMIT, parse_i64("11", -10, 10, &value));
	ck_fails(BERTH_E_INVALID, parse_i64("--5", -10, 10, &value));
	ck_fails(BERTH_E_INVALID, parse_i64("-", -10, 10, &value));
	ck_assert_int_eq(value, 42);
}
END_TEST

START_TEST(modes_are_octal)
{
	mode_t mode = 1;

	ck_ok(parse_mode("0755", &mode));
	ck_assert_uint_eq(mode, 0755);
	ck_ok(parse_mode("1777", &mode));
	ck_assert_uint_eq(mode, 01777);
	ck_ok(parse_mode("0o644", &mode));
	ck_assert_uint_eq(mode, 0644);
	ck_fails(BERTH_E_INVALID, parse_mode("0o", &mode));
	ck_fails(BERTH_E_INVALID, parse_mode("", &mode));
	ck_fails(BERTH_E_INVALID, parse_mode("789", &mode));
	ck_fails(BERTH_E_INVALID, parse_mode("u+x", &mode));
	ck_fails(BERTH_E_LIMIT, parse_mode("10000", &mode));
	ck_assert_uint_eq(mode, 0644);
}
END_TEST

START_TEST(sizes_are_powers_of_1024)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"512", 512},
		{"10b", 10},
		{"10B", 10},
		{"1k", 1024},
		{"1kb", 1024},
		{"1KiB", 1024},
		{"512m", 512ull << 20},
		{"1.5g", 1610612736},
		{"1.1g", 1181116006},
		{".5k", 512},
		{"5.k", 5120},
		{"32 kB", 32768},
		{"2T", 2ull << 40},
		{"3p", 3ull << 50},
		{"8191p", 8191ull << 50},
		{"0.00000000000000000000000001k", 0},
	};
	static const char *const bad[] = {"",	   "m",	  "-1",	 "+1",	 "1x",	"1kx",
					  "1kibb", "1bb", "1 ",	 "1  k", " 1k", "1.2.3",
					  ".",	   "k1",  "1ki", "0x1",	 "1e3", "1bk"};
	uint64_t bytes = 42;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_ok(parse_size(good[i].text, &bytes));
		ck_assert_msg(bytes == good[i].bytes, "%s: %llu", good[i].text,
			      (unsigned long long)bytes);
	}
	bytes = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = parse_size(bad[i], &bytes);

		ck_assert_msg(r == -BERTH_E_INVALID, "'%s': %d", bad[i], r);
	}
	ck_fails(BERTH_E_LIMIT, parse_size("8192p", &bytes));
	ck_fails(BERTH_E_LIMIT, parse_size("99999999999999999999", &bytes));
	ck_assert_uint_eq(bytes, 42);
}
END_TEST

START_TEST(durations_are_written_as_in_go)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{"0", 0},
		{"-0", 0},
		{"5s", 5000000000},
		{"250ms", 250000000},
		{"1m30s", 90000000000},
		{"2h", 7200000000000},
		{"1h2m3s4ms5us6ns", 3723004005006},
		{"1.5s", 1500000000},
		{".5m", 30000000000},
		{"-2m", -120000000000},
		{"+3s", 3000000000},
		{"7\xc2\xb5s", 7000},
		{"7\xce\xbcs", 7000},
		{"2562047h", 9223369200000000000},
	};
	static const char *const bad[] = {"",  "5",    "s",   "5x", "1m ", "-",
					  "+", "1h30", "1 s", "0x", "00",  "5sm"};
	int64_t ns = 42;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_ok(parse_duration_ns(good[i].text, &ns));
		ck_assert_msg(ns == good[i].ns, "%s: %lld", good[i].text, (long long)ns);
	}
	ns = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = parse_duration_ns(bad[i], &ns);

		ck_assert_msg(r == -BERTH_E_INVALID, "'%s': %d", bad[i], r);
	}
	ck_fails(BERTH_E_LIMIT, parse_duration_ns("2562048h", &ns));
	ck_fails(BERTH_E_LIMIT, parse_duration_ns("2562047h2562047h", &ns));
	ck_assert_int_eq(ns, 42);
}
END_TEST

START_TEST(milliseconds_are_rounded_up_and_never_negative)
{
	uint64_t ms = 42;

	ck_ok(parse_duration_ms("250ms", &ms));
	ck_assert_uint_eq(ms, 250);
	ck_ok(parse_duration_ms("1ns", &ms));
	ck_assert_uint_eq(ms, 1);
	ck_ok(parse_duration_ms("0", &ms));
	ck_assert_uint_eq(ms, 0);
	ck_fails(BERTH_E_LIMIT, parse_duration_ms("-1s", &ms));
	ck_fails(BERTH_E_INVALID, parse_duration_ms("1", &ms));
}
END_TEST

START_TEST(truth_has_a_few_spellings)
{
	static const char *const yes[] = {"1", "t", "T", "true", "True", "TRUE", "yes"};
	static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE", "no"};
	static const char *const bad[] = {"", "2", "y", "on", "true ", "truee"};
	bool value;

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		value = false;
		ck_ok(parse_bool(yes[i], &value));
		ck_assert(value);
		ck_ok(parse_bool(no[i], &value));
		ck_assert(!value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_fails(BERTH_E_INVALID, parse_bool(bad[i], &value));
}
END_TEST

START_TEST(the_nearest_word_is_suggested)
{
	static const char *const words[] = {"driver_dirs", NULL,   "storage",
					    "network",	   "root", "ps"};
	const size_t n = sizeof(words) / sizeof(words[0]);

	ck_assert_str_eq(str_nearest("dirver_dirs", words, n), "driver_dirs");
	ck_assert_str_eq(str_nearest("storrage", words, n), "storage");
	ck_assert_str_eq(str_nearest("netwrok", words, n), "network");
	ck_assert_str_eq(str_nearest("rot", words, n), "root");
	ck_assert_str_eq(str_nearest("sp", words, n), "ps"); /* a swap is one step */
	ck_assert_ptr_null(str_nearest("zebra", words, n));
	ck_assert_ptr_null(str_nearest("root", words, n));
	ck_assert_ptr_null(str_nearest("", words, n));
	ck_assert_ptr_null(str_nearest("x", words, n));
	ck_assert_ptr_null(str_nearest("qx", words, 0));
}
END_TEST

START_TEST(words_of_any_length_are_compared)
{
	char word[200];
	const char *words[] = {word};

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	ck_assert_ptr_null(str_nearest(word, words, 1));
	ck_assert_ptr_null(str_nearest("aaaa", words, 1));
	word[63] = '\0';
	word[10] = 'b';
	ck_assert_ptr_eq(
		str_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			    words, 1),
		word);
}
END_TEST

START_TEST(sizes_for_people_are_dockers)
{
	char out[STR_SIZE_MAX];

	ck_assert_str_eq(str_human_size(0, STR_SIZE_DECIMAL, 4, out), "0B");
	ck_assert_str_eq(str_human_size(999, STR_SIZE_DECIMAL, 4, out), "999B");
	ck_assert_str_eq(str_human_size(1000, STR_SIZE_DECIMAL, 4, out), "1kB");
	ck_assert_str_eq(str_human_size(1024, STR_SIZE_DECIMAL, 4, out), "1.024kB");
	ck_assert_str_eq(str_human_size(1234567, STR_SIZE_DECIMAL, 4, out), "1.235MB");
	ck_assert_str_eq(str_human_size(117000000, STR_SIZE_DECIMAL, 3, out), "117MB");
	ck_assert_str_eq(str_human_size(1230000000, STR_SIZE_DECIMAL, 3, out), "1.23GB");
	ck_assert_str_eq(str_human_size(1024, STR_SIZE_BINARY, 4, out), "1KiB");
	ck_assert_str_eq(str_human_size(536870912, STR_SIZE_BINARY, 4, out), "512MiB");
	ck_assert_str_eq(str_human_size(1023, STR_SIZE_BINARY, 4, out), "1023B");
	ck_assert_str_eq(str_human_size(UINT64_MAX, STR_SIZE_BINARY, 4, out), "16EiB");
}
END_TEST

START_TEST(arrays_of_strings_begin_with_nothing)
{
	cleanup_strv char **v = NULL;
	cleanup_strv char **more = strv_new("x", "y", NULL);
	cleanup_free char *joined = NULL;

	ck_assert_uint_eq(strv_len(NULL), 0);
	ck_assert(!strv_has(NULL, "a"));
	ck_ok(strv_add(&v, "a"));
	ck_ok(strv_addf(&v, "%s=%d", "b", 2));
	ck_ok(strv_add_n(&v, "cccc", 2));
	ck_ok(strv_add_all(&v, more));
	ck_ok(strv_add_all(&v, NULL));
	ck_ok(strv_add_all(&v, v));
	ck_assert_uint_eq(strv_len(v), 10);
	ck_assert(strv_has(v, "b=2"));
	ck_assert(!strv_has(v, "b"));
	joined = strv_join(v, ", ");
	ck_assert_str_eq(joined, "a, b=2, cc, x, y, a, b=2, cc, x, y");
	ck_fails(BERTH_E_NO_MEMORY, strv_take(&v, NULL));
	ck_assert_uint_eq(strv_len(v), 10);
}
END_TEST

START_TEST(a_copied_array_is_another)
{
	cleanup_strv char **v = strv_new("one", "two", NULL);
	cleanup_strv char **copy = strv_copy(v);
	cleanup_strv char **empty = strv_copy(NULL);
	size_t n = 0;

	ck_assert_uint_eq(strv_len(copy), 2);
	ck_assert_str_eq(copy[1], "two");
	ck_assert_ptr_ne(copy[1], v[1]);
	ck_assert_ptr_nonnull(empty);
	ck_assert_ptr_null(empty[0]);
	strv_foreach (s, v)
		n += strlen(*s);
	ck_assert_uint_eq(n, 6);
	strv_foreach (s, (char **)NULL)
		n++;
	ck_assert_uint_eq(n, 6);
}
END_TEST

START_TEST(a_split_keeps_empty_parts)
{
	cleanup_strv char **v = strv_split("a,,b,", ',');
	cleanup_strv char **none = strv_split("", ',');
	cleanup_strv char **one = strv_split("abc", ',');
	cleanup_free char *joined = strv_join(v, ",");
	cleanup_free char *nothing = strv_join(NULL, ",");

	ck_assert_uint_eq(strv_len(v), 4);
	ck_assert_str_eq(v[1], "");
	ck_assert_str_eq(v[2], "b");
	ck_assert_str_eq(v[3], "");
	ck_assert_str_eq(joined, "a,,b,");
	ck_assert_ptr_nonnull(none);
	ck_assert_uint_eq(strv_len(none), 0);
	ck_assert_uint_eq(strv_len(one), 1);
	ck_assert_str_eq(nothing, "");
}
END_TEST

START_TEST(an_environment_has_each_name_once)
{
	cleanup_strv char **env = strv_new("PATH=/bin", "PATHX=1", "EMPTY=", NULL);

	ck_assert_str_eq(strv_env(env, "PATH"), "/bin");
	ck_assert_str_eq(strv_env(env, "EMPTY"), "");
	ck_assert_ptr_null(strv_env(env, "PAT"));
	ck_assert_ptr_null(strv_env(NULL, "PAT"));
	ck_ok(strv_set_env(&env, "PATH=/usr/bin"));
	ck_ok(strv_set_env(&env, "NEW=a=b"));
	ck_assert_uint_eq(strv_len(env), 4);
	ck_assert_str_eq(env[0], "PATH=/usr/bin");
	ck_assert_str_eq(env[1], "PATHX=1");
	ck_assert_str_eq(strv_env(env, "NEW"), "a=b");
}
END_TEST

int main(void)
{
	return CK_MAIN("base/str", a_buffer_grows_and_stays_terminated,
		       a_format_longer_than_the_room_is_whole, out_of_memory_is_remembered,
		       a_stolen_text_leaves_an_empty_buffer, a_cleared_buffer_keeps_its_memory,
		       room_may_be_filled_by_hand, beginnings_and_ends_are_seen,
		       a_copy_of_nothing_is_nothing, unsigned_numbers_are_digits_only,
		       signed_numbers_keep_their_bounds, modes_are_octal, sizes_are_powers_of_1024,
		       durations_are_written_as_in_go,
		       milliseconds_are_rounded_up_and_never_negative, truth_has_a_few_spellings,
		       the_nearest_word_is_suggested, words_of_any_length_are_compared,
		       sizes_for_people_are_dockers, arrays_of_strings_begin_with_nothing,
		       a_copied_array_is_another, a_split_keeps_empty_parts,
		       an_environment_has_each_name_once);
}
