/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/tar.h"

#include "layer_tar.h"

static const size_t steps[] = {1, 7, 511, 512, 513, 1000, 1 << 20};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/** What a reader makes of @t, as text: a line per entry; data of files in brackets. */
static int read_all(const struct ltar *t, size_t step, struct str *out)
{
	struct ltar_input in = {.p = t->out.p, .n = t->out.len, .step = step};
	cleanup_tar struct tar *tar = NULL;
	const struct tar_entry *e;
	struct tar_part part;
	int r;

	ck_assert_int_eq(tar_new(ltar_next, &in, &tar, &err), 0);
	while ((r = tar_next(tar, &e, &err)) > 0) {
		int d;

		str_addf(out, "%d %s", e->type, e->name);
		if (*e->link)
			str_addf(out, " -> %s", e->link);
		str_addf(out, " %o %u:%u %lld.%09ld", e->mode, e->uid, e->gid,
			 (long long)e->mtime.tv_sec, e->mtime.tv_nsec);
		if (e->type == TAR_REG)
			str_addf(out, " %llu", (unsigned long long)e->size);
		for (size_t i = 0; i < e->n_xattr; i++)
			str_addf(out, " %s=%.*s", e->xattr[i].name, (int)e->xattr[i].n,
				 (const char *)e->xattr[i].value);
		str_add(out, " [");
		for (uint64_t at = 0; (d = tar_data(tar, &part, &err)) > 0;) {
			if (part.offset != at)
				str_addf(out, "@%llu:", (unsigned long long)part.offset);
			str_add_n(out, part.p, part.n);
			at = part.offset + part.n;
		}
		str_add(out, "]\n");
		if (d < 0) {
			r = d;
			break;
		}
	}
	if (r == 0)
		r = tar_drain(tar, &err);
	free(in.copy);
	return r;
}

/** The same for whatever sizes the input comes in. */
static void ck_reads(struct ltar *t, const char *wanted)
{
	for (size_t i = 0; i < N_STEPS; i++) {
		cleanup_str struct str out = STR_INIT;
		int r = read_all(t, steps[i], &out);

		ck_assert_msg(r == 0, "in steps of %zu: %s", steps[i], err.text);
		ck_assert_str_eq(str_text(&out), wanted);
	}
	ltar_done(t);
}

static void ck_refuses(struct ltar *t, int code, const char *why)
{
	for (size_t i = 0; i < N_STEPS; i++) {
		cleanup_str struct str out = STR_INIT;
		int r;

		memset(&err, 0, sizeof(err));
		r = read_all(t, steps[i], &out);
		ck_assert_msg(r == -code, "in steps of %zu: wanted %s, not %s (%s), having read %s",
			      steps[i], berth_code_name(code), berth_code_name(r), err.text,
			      str_text(&out));
		ck_says(why);
	}
	ltar_done(t);
}

START_TEST(all_types_of_entries_are_read)
{
	struct ltar t = {0};

	ltar_dir(&t, "d/");
	t.mode = 04755;
	t.uid = 1000;
	t.gid = 100;
	t.mtime = 1234567890;
	ltar_file(&t, "d/f", "hello");
	ltar_symlink(&t, "s", "../x");
	ltar_link(&t, "h", "d/f");
	ltar_entry(&t, '3', "c", "", "", 0);
	ltar_entry(&t, '4', "b", "", "", 0);
	ltar_entry(&t, '6', "p", "", "", 0);
	ltar_entry(&t, '\0', "old", "", "x", 1);
	ltar_entry(&t, '\0', "old/", "", "", 0);
	ltar_entry(&t, '7', "cont", "", "y", 1);
	ltar_end(&t);
	ck_reads(&t, "5 d/ 755 0:0 1000000000.000000000 []\n"
		     "0 d/f 4755 1000:100 1234567890.000000000 5 [hello]\n"
		     "2 s -> ../x 644 0:0 1000000000.000000000 []\n"
		     "1 h -> d/f 644 0:0 1000000000.000000000 []\n"
		     "3 c 644 0:0 1000000000.000000000 []\n"
		     "4 b 644 0:0 1000000000.000000000 []\n"
		     "6 p 644 0:0 1000000000.000000000 []\n"
		     "0 old 644 0:0 1000000000.000000000 1 [x]\n"
		     "5 old/ 644 0:0 1000000000.000000000 []\n"
		     "0 cont 644 0:0 1000000000.000000000 1 [y]\n");
}
END_TEST

START_TEST(a_prefix_stands_before_the_name_in_ustar_only)
{
	struct ltar t = {.prefix = "very/long"};

	ltar_file(&t, "name", "");
	t.magic = "ustar  ";
	ltar_file(&t, "name", "");
	ltar_end(&t);
	ck_reads(&t, "0 very/long/name 644 0:0 1000000000.000000000 0 []\n"
		     "0 name 644 0:0 1000000000.000000000 0 []\n");
}
END_TEST

START_TEST(pax_records_count_more_than_the_header)
{
	struct ltar t = {0};

	ltar_pax_str(&t, "path", "the/path");
	ltar_pax_str(&t, "uid", "4294967294");
	ltar_pax_str(&t, "gid", "7");
	ltar_pax_str(&t, "mtime", "1350244992.023960108");
	ltar_pax_str(&t, "comment", "nobody needs it");
	ltar_file(&t, "other", "x");
	ltar_pax_str(&t, "linkpath", "the/target");
	ltar_symlink(&t, "s", "other");
	ltar_pax_str(&t, "path", "");
	ltar_file(&t, "kept", "");
	ltar_end(&t);
	ck_reads(&t, "0 the/path 644 4294967294:7 1350244992.023960108 1 [x]\n"
		     "2 s -> the/target 644 0:0 1000000000.000000000 []\n"
		     "0 kept 644 0:0 1000000000.000000000 0 []\n");
}
END_TEST

START_TEST(times_before_1970_and_of_any_precision_are_read)
{
	struct ltar t = {0};
	static const char *const times[] = {"-1.5", "-1", "0.1234567899", "12.5", "-0.25", "5."};

	for (size_t i = 0; i < 6; i++) {
		ltar_pax_str(&t, "mtime", times[i]);
		ltar_file(&t, "f", "");
	}
	ltar_end(&t);
	ck_reads(&t, "0 f 644 0:0 -2.500000000 0 []\n"
		     "0 f 644 0:0 -1.000000000 0 []\n"
		     "0 f 644 0:0 0.123456789 0 []\n"
		     "0 f 644 0:0 12.500000000 0 []\n"
		     "0 f 644 0:0 -1.750000000 0 []\n"
		     "0 f 644 0:0 5.000000000 0 []\n");
}
END_TEST

START_TEST(pax_records_are_for_one_entry)
{
	struct ltar t = {0};

	ltar_pax_str(&t, "path", "a");
	ltar_pax_str(&t, "SCHILY.xattr.user.x", "1");
	ltar_file(&t, "x", "");
	ltar_file(&t, "b", "");
	ltar_end(&t);
	ck_reads(&t, "0 a 644 0:0 1000000000.000000000 0 user.x=1 []\n"
		     "0 b 644 0:0 1000000000.000000000 0 []\n");
}
END_TEST

START_TEST(global_pax_records_mean_nothing)
{
	struct ltar t = {0};
	static const char record[] = "11 path=no\n";

	ltar_entry(&t, 'g', "g", "", record, sizeof(record) - 1);
	ltar_file(&t, "yes", "1");
	ltar_end(&t);
	ck_reads(&t, "0 yes 644 0:0 1000000000.000000000 1 [1]\n");
}
END_TEST

START_TEST(gnu_long_names_are_read)
{
	struct ltar t = {.magic = "ustar  "};
	char name[300], wanted[800];

	memset(name, 'n', 299);
	name[299] = '\0';
	ltar_gnu_long(&t, 'L', name);
	ltar_file(&t, "short", "x");
	ltar_gnu_long(&t, 'K', name);
	ltar_symlink(&t, "s", "short");
	ltar_file(&t, "next", "");
	ltar_end(&t);
	(void)snprintf(wanted, sizeof(wanted),
		       "0 %s 644 0:0 1000000000.000000000 1 [x]\n"
		       "2 s -> %s 644 0:0 1000000000.000000000 []\n"
		       "0 next 644 0:0 1000000000.000000000 0 []\n",
		       name, name);
	ck_reads(&t, wanted);
}
END_TEST

START_TEST(numbers_in_base_256_are_read)
{
	struct ltar t = {0};

	t.uid = 3000000;
	t.gid = 4294967294;
	ltar_file(&t, "f", "");
	ltar_end(&t);
	ck_reads(&t, "0 f 644 3000000:4294967294 1000000000.000000000 0 []\n");
}
END_TEST

START_TEST(xattrs_are_bytes)
{
	struct ltar t = {0};
	struct ltar_input in;
	cleanup_tar struct tar *tar = NULL;
	const struct tar_entry *e;

	ltar_pax(&t, "SCHILY.xattr.security.capability", "\1\0\0\2\0=\n\0", 8);
	ltar_pax(&t, "SCHILY.xattr.user.empty", "", 0);
	ltar_pax_str(&t, "LIBARCHIVE.xattr.user.a%20b", "AAEC");
	ltar_file(&t, "f", "");
	ltar_end(&t);
	in = (struct ltar_input){.p = t.out.p, .n = t.out.len, .step = 700};
	ck_ok(tar_new(ltar_next, &in, &tar, &err));
	ck_assert_int_eq(tar_next(tar, &e, &err), 1);
	ck_assert_uint_eq(e->n_xattr, 3);
	ck_assert_str_eq(e->xattr[0].name, "security.capability");
	ck_assert_uint_eq(e->xattr[0].n, 8);
	ck_assert_mem_eq(e->xattr[0].value, "\1\0\0\2\0=\n\0", 8);
	ck_assert_str_eq(e->xattr[1].name, "user.empty");
	ck_assert_uint_eq(e->xattr[1].n, 0);
	ck_assert_str_eq(e->xattr[2].name, "user.a b");
	ck_assert_uint_eq(e->xattr[2].n, 3);
	ck_assert_mem_eq(e->xattr[2].value, "\0\1\2", 3);
	free(in.copy);
	ltar_done(&t);
}
END_TEST

/* --- sparse files
 * ------------------------------------------------------------------------------------ */

START_TEST(sparse_files_of_pax_0_0_are_read)
{
	struct ltar t = {0};

	ltar_pax_str(&t, "GNU.sparse.size", "100");
	ltar_pax_str(&t, "GNU.sparse.numblocks", "2");
	ltar_pax_str(&t, "GNU.sparse.offset", "10");
	ltar_pax_str(&t, "GNU.sparse.numbytes", "3");
	ltar_pax_str(&t, "GNU.sparse.offset", "50");
	ltar_pax_str(&t, "GNU.sparse.numbytes", "2");
	ltar_file(&t, "f", "abcde");
	ltar_file(&t, "g", "1");
	ltar_end(&t);
	ck_reads(&t, "0 f 644 0:0 1000000000.000000000 100 [@10:abc@50:de]\n"
		     "0 g 644 0:0 1000000000.000000000 1 [1]\n");
}
END_TEST

START_TEST(sparse_files_of_pax_0_1_are_read)
{
	struct ltar t = {0};

	ltar_pax_str(&t, "GNU.sparse.size", "100");
	ltar_pax_str(&t, "GNU.sparse.name", "real");
	ltar_pax_str(&t, "GNU.sparse.map", "0,1,10,3,100,0");
	ltar_file(&t, "GNUSparseFile.0/f", "abcd");
	ltar_end(&t);
	ck_reads(&t, "0 real 644 0:0 1000000000.000000000 100 [a@10:bcd]\n");
}
END_TEST

START_TEST(sparse_files_of_pax_1_0_are_read)
{
	struct ltar t = {0};
	char data[512 + 5] = "2\n10\n3\n600\n2\n";

	memcpy(data + 512, "abcde", 5);
	ltar_pax_str(&t, "GNU.sparse.major", "1");
	ltar_pax_str(&t, "GNU.sparse.minor", "0");
	ltar_pax_str(&t, "GNU.sparse.name", "real");
	ltar_pax_str(&t, "GNU.sparse.realsize", "1000");
	ltar_entry(&t, '0', "GNUSparseFile.0/f", "", data, sizeof(data));
	ltar_file(&t, "g", "1");
	ltar_end(&t);
	ck_reads(&t, "0 real 644 0:0 1000000000.000000000 1000 [@10:abc@600:de]\n"
		     "0 g 644 0:0 1000000000.000000000 1 [1]\n");
}
END_TEST

/** Parts of 12 + 12 bytes at @at, then the checksum of block @block again. */
static void put_gnu_map(struct ltar *t, size_t block, size_t at, const uint64_t (*part)[2],
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ltar_number(t->out.p + block + at + 24 * i, 12, part[i][0]);
		ltar_number(t->out.p + block + at + 24 * i + 12, 12, part[i][1]);
	}
}

static void fix_checksum(struct ltar *t, size_t block)
{
	unsigned int sum = 0;

	memset(t->out.p + block + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)t->out.p[block + i];
	(void)snprintf(t->out.p + block + 148, 8, "%06o", sum);
	t->out.p[block + 155] = ' ';
}

START_TEST(old_gnu_sparse_files_are_read)
{
	struct ltar t = {.magic = "ustar  "};
	static const uint64_t first[4][2] = {{0, 1}, {10, 1}, {20, 1}, {30, 1}};
	static const uint64_t more[2][2] = {{40, 2}, {90, 0}};

	ltar_header(&t, 'S', "f", "", 6);
	put_gnu_map(&t, 0, 386, first, 4);
	t.out.p[482] = 1;
	ltar_number(t.out.p + 483, 12, 90);
	fix_checksum(&t, 0);
	str_add_n(&t.out, (char[512]){0}, 512);
	put_gnu_map(&t, 512, 0, more, 2);
	str_add(&t.out, "abcdef");
	ltar_pad(&t);
	ltar_file(&t, "g", "1");
	ltar_end(&t);
	ck_reads(&t, "0 f 644 0:0 1000000000.000000000 90 [a@10:b@20:c@30:d@40:ef]\n"
		     "0 g 644 0:0 1000000000.000000000 1 [1]\n");
}
END_TEST

static void sparse_map(const char *map, const char *size, const char *data, int code)
{
	struct ltar t = {0};

	ltar_pax_str(&t, "GNU.sparse.size", size);
	ltar_pax_str(&t, "GNU.sparse.map", map);
	ltar_file(&t, "f", data);
	ltar_end(&t);
	ck_refuses(&t, code, "");
}

START_TEST(maps_that_make_no_sense_are_refused)
{
	sparse_map("0,1,0,1", "10", "ab", BERTH_E_CORRUPT);	  /* overlap */
	sparse_map("5,1,0,1", "10", "ab", BERTH_E_CORRUPT);	  /* order */
	sparse_map("0,11", "10", "abcdefghijk", BERTH_E_CORRUPT); /* behind the end */
	sparse_map("0,1", "10", "ab", BERTH_E_CORRUPT);		  /* data left over */
	sparse_map("0,3", "10", "ab", BERTH_E_CORRUPT);		  /* data missing */
	sparse_map("0,1,", "10", "a", BERTH_E_CORRUPT);
	sparse_map("0", "10", "a", BERTH_E_CORRUPT);
	sparse_map("-1,1", "10", "a", BERTH_E_CORRUPT);
	sparse_map("9223372036854775807,9223372036854775807", "10", "a", BERTH_E_CORRUPT);
	sparse_map("0,1", "-10", "a", BERTH_E_CORRUPT);
}
END_TEST

START_TEST(a_map_without_end_is_refused)
{
	struct ltar t = {0};
	cleanup_str struct str map = STR_INIT;

	for (int i = 0; i < 100000; i++)
		str_addf(&map, "%s%d,0", i ? "," : "", i);
	ltar_pax_str(&t, "GNU.sparse.size", "1000000");
	ltar_pax_str(&t, "GNU.sparse.map", str_text(&map));
	for (int i = 100000; i < 140000; i++) {
		char number[16];

		(void)snprintf(number, sizeof(number), "%d", i);
		ltar_pax_str(&t, "GNU.sparse.offset", number);
		ltar_pax_str(&t, "GNU.sparse.numbytes", "0");
	}
	ltar_file(&t, "f", "");
	ltar_end(&t);
	ck_refuses(&t, BERTH_E_LIMIT, "longer than");
}
END_TEST

/* --- ends
 * ------------------------------------------------------------------------------------------- */

START_TEST(a_tar_may_end_without_its_empty_blocks)
{
	struct ltar t = {0};

	ltar_file(&t, "f", "hello");
	ck_reads(&t, "0 f 644 0:0 1000000000.000000000 5 [hello]\n");
}
END_TEST

START_TEST(the_padding_of_the_last_file_may_be_missing)
{
	struct ltar t = {0};

	ltar_file(&t, "f", "hello");
	str_cut(&t.out, 512 + 5);
	ck_reads(&t, "0 f 644 0:0 1000000000.000000000 5 [hello]\n");
}
END_TEST

START_TEST(nothing_at_all_is_an_empty_tar)
{
	struct ltar t = {0};

	str_add(&t.out, "");
	ck_reads(&t, "");
}
END_TEST

START_TEST(what_stands_behind_the_end_means_nothing)
{
	struct ltar t = {0};

	ltar_file(&t, "f", "");
	ltar_end(&t);
	ltar_file(&t, "hidden", "");
	str_add(&t.out, "garbage");
	ck_reads(&t, "0 f 644 0:0 1000000000.000000000 0 []\n");
}
END_TEST

START_TEST(a_tar_cut_anywhere_inside_is_corrupt)
{
	for (size_t cut = 1; cut < 512 + 5; cut += 37) {
		struct ltar t = {0};

		ltar_file(&t, "f", "hello");
		str_cut(&t.out, cut);
		ck_refuses(&t, BERTH_E_CORRUPT, "too early");
	}
}
END_TEST

START_TEST(one_empty_block_between_entries_is_corrupt)
{
	struct ltar t = {0};

	ltar_file(&t, "f", "");
	str_add_n(&t.out, (char[512]){0}, 512);
	ltar_file(&t, "g", "");
	ck_refuses(&t, BERTH_E_CORRUPT, "empty block");
}
END_TEST

/* --- nonsense
 * ---------------------------------------------------------------------------------------- */

START_TEST(a_wrong_checksum_is_corrupt)
{
	struct ltar t = {.bad_checksum = true};

	ltar_file(&t, "f", "");
	ltar_end(&t);
	ck_refuses(&t, BERTH_E_CORRUPT, "checksum");
}
END_TEST

START_TEST(a_size_that_is_no_number_is_corrupt)
{
	struct ltar t = {.raw_size = "0000000000x"};
	struct ltar negative = {.raw_size = "\377\377\377\377\377\377\377\377\377\377\377\0"};
	struct ltar huge = {.raw_size = "\200\377\377\377\377\377\377\377\377\377\377\377"};

	ltar_file(&t, "f", "");
	ck_refuses(&t, BERTH_E_CORRUPT, "size");
	ltar_file(&negative, "f", "");
	ck_refuses(&negative, BERTH_E_CORRUPT, "size");
	ltar_file(&huge, "f", "");
	ck_refuses(&huge, BERTH_E_CORRUPT, "size");
}
END_TEST

START_TEST(a_size_beyond_the_end_is_corrupt)
{
	struct ltar t = {.raw_size = "77777777777"};

	ltar_file(&t, "f", "abc");
	ltar_end(&t);
	ck_refuses(&t, BERTH_E_CORRUPT, "too early");
}
END_TEST

START_TEST(an_unknown_type_is_unsupported)
{
	struct ltar t = {0};

	ltar_entry(&t, 'Z', "f", "", "", 0);
	ltar_end(&t);
	ck_refuses(&t, BERTH_E_UNSUPPORTED, "unknown type");
}
END_TEST

START_TEST(an_owner_that_means_none_is_corrupt)
{
	struct ltar t = {0};

	t.uid = UINT32_MAX;
	ltar_file(&t, "f", "");
	ck_refuses(&t, BERTH_E_CORRUPT, "uid");
	ltar_pax_str(&t, "gid", "4294967295");
	ltar_file(&t, "f", "");
	ck_refuses(&t, BERTH_E_CORRUPT, "gid");
	ltar_pax_str(&t, "gid", "-1");
	ltar_file(&t, "f", "");
	ck_refuses(&t, BERTH_E_CORRUPT, "gid");
}
END_TEST

static void bad_pax(const char *text, size_t n)
{
	struct ltar t = {0};

	str_add_n(&t.pax, text, n);
	ltar_file(&t, "f", "");
	ltar_end(&t);
	ck_refuses(&t, BERTH_E_CORRUPT, "pax");
}

START_TEST(pax_records_that_make_no_sense_are_corrupt)
{
	static const char *const records[] = {
		"x\n",
		"5 a=b\n",
		"7 a=b\n",
		"99 a=b\n",
		"6 ab\n\n",
		"6a=bc\n",
		"-6 a=b\n",
		"6 =bc\n",
		"99999999999999999999 a=b\n",
		"4 a\n",
		"10 uid=x\n",
		"12 mtime=x\n",
		"13 mtime=1.x\n",
		"10 size=-\n",
		"34 LIBARCHIVE.xattr.user.x=\001\n",
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		bad_pax(records[i], strlen(records[i]));
	bad_pax("11 path=a\0b\n", 12);
	bad_pax("12 path=a\0b\n", 12);
	bad_pax("6 a\0=b\n", 7);
	bad_pax("7 a\0=b\n", 7);
}
END_TEST

START_TEST(a_negative_size_of_pax_is_corrupt)
{
	struct ltar t = {0};

	ltar_pax_str(&t, "size", "-1");
	ltar_file(&t, "f", "");
	ck_refuses(&t, BERTH_E_CORRUPT, "negative");
}
END_TEST

START_TEST(headers_larger_than_any_honest_one_are_refused)
{
	static const char types[] = {'x', 'g', 'L', 'K'};

	for (size_t i = 0; i < sizeof(types); i++) {
		struct ltar t = {0};

		ltar_header(&t, types[i], "h", "", (1 << 20) + 1);
		ck_refuses(&t, BERTH_E_LIMIT, "longer than");
	}
}
END_TEST

START_TEST(sizes_of_what_has_no_data_mean_nothing)
{
	struct ltar t = {0};

	t.raw_size = "00000000777";
	ltar_symlink(&t, "s", "x");
	t.raw_size = "00000000777";
	ltar_link(&t, "h", "x");
	t.raw_size = "00000000777";
	ltar_dir(&t, "d");
	ltar_file(&t, "f", "1");
	ltar_end(&t);
	ck_reads(&t, "2 s -> x 644 0:0 1000000000.000000000 []\n"
		     "1 h -> x 644 0:0 1000000000.000000000 []\n"
		     "5 d 755 0:0 1000000000.000000000 []\n"
		     "0 f 644 0:0 1000000000.000000000 1 [1]\n");
}
END_TEST

START_TEST(damage_never_does_more_than_fail)
{
	struct ltar t = {0};
	uint32_t random = 1;

	ltar_pax_str(&t, "path", "some/path");
	ltar_pax_str(&t, "GNU.sparse.size", "100");
	ltar_pax_str(&t, "GNU.sparse.map", "0,1,10,3");
	ltar_pax_str(&t, "LIBARCHIVE.xattr.user.%41", "QUJD");
	ltar_file(&t, "f", "abcd");
	ltar_gnu_long(&t, 'L', "a long name");
	ltar_link(&t, "h", "f");
	ltar_end(&t);
	for (int round = 0; round < 4000; round++) {
		struct ltar bad = {0};
		cleanup_str struct str out = STR_INIT;

		str_add_n(&bad.out, t.out.p, t.out.len);
		for (int i = 0; i < 3; i++) {
			size_t at;

			random = random * 1664525 + 1013904223;
			at = (random >> 8) % bad.out.len;
			random = random * 1664525 + 1013904223;
			bad.out.p[at] = (char)(random >> 16);
			/* a header with a wrong checksum would hide the rest */
			if (bad.out.p[at / 512 * 512 + 257] == 'u')
				fix_checksum(&bad, at / 512 * 512);
		}
		(void)read_all(&bad, 300, &out); /* whatever it says, it comes back */
		ltar_done(&bad);
	}
	ltar_done(&t);
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"unpack/tar", all_types_of_entries_are_read,
		a_prefix_stands_before_the_name_in_ustar_only,
		pax_records_count_more_than_the_header,
		times_before_1970_and_of_any_precision_are_read, pax_records_are_for_one_entry,
		global_pax_records_mean_nothing, gnu_long_names_are_read,
		numbers_in_base_256_are_read, xattrs_are_bytes, sparse_files_of_pax_0_0_are_read,
		sparse_files_of_pax_0_1_are_read, sparse_files_of_pax_1_0_are_read,
		old_gnu_sparse_files_are_read, maps_that_make_no_sense_are_refused,
		a_map_without_end_is_refused, a_tar_may_end_without_its_empty_blocks,
		the_padding_of_the_last_file_may_be_missing, nothing_at_all_is_an_empty_tar,
		what_stands_behind_the_end_means_nothing, a_tar_cut_anywhere_inside_is_corrupt,
		one_empty_block_between_entries_is_corrupt, a_wrong_checksum_is_corrupt,
		a_size_that_is_no_number_is_corrupt, a_size_beyond_the_end_is_corrupt,
		an_unknown_type_is_unsupported, an_owner_that_means_none_is_corrupt,
		pax_records_that_make_no_sense_are_corrupt, a_negative_size_of_pax_is_corrupt,
		headers_larger_than_any_honest_one_are_refused,
		sizes_of_what_has_no_data_mean_nothing, damage_never_does_more_than_fail);
}
