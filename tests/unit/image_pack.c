/* SPDX-License-Identifier: Apache-2.0 */
/* What pack makes of a tree, unpack makes the same tree of again. */
#include "core/image/work/pack.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "base/tree_diff.h"
#include "ck.h"
#include "core/image/work/unpack.h"

static int top;

static int collect(void *arg, const void *p, size_t n, struct berth_error *why)
{
	str_add_n(arg, p, n);
	return 0;
}

static const struct pack_how plain_how;

/* All of tree @dir, or those changes of it, as a tar. */
static void pack(struct str *out, int dir, const struct pack_how *how, struct image_change *change,
		 size_t n)
{
	const struct tar_output to = {.put = collect, .arg = out};
	cleanup_tar_writer struct tar_writer *w = NULL;
	cleanup_pack struct pack *p = NULL;

	ck_ok(tar_writer_new(&to, &w, &err));
	ck_ok(pack_new(w, how, &p, &err));
	if (change)
		ck_ok(pack_changes(p, dir, change, n, &err));
	else
		ck_ok(pack_below(p, dir, &err));
	ck_ok(tar_write_end(w, &err));
	ck_assert_uint_eq(tar_written(w), out->len);
	ck_assert_uint_eq(out->len % 512, 0);
}

struct input {
	const struct str *from;
	bool given;
};

static int give(void *arg, const void **ret_p, size_t *ret_n, struct berth_error *why)
{
	struct input *in = arg;

	*ret_p = in->from->p;
	*ret_n = in->given ? 0 : in->from->len;
	in->given = true;
	return 0;
}

/* A new directory with what is in the tar. */
static int unpack(const struct str *from)
{
	struct input in = {.from = from};
	const struct unpack_how how = {.max_entries = 100000, .max_bytes = 1 << 30};
	struct unpack_result result;
	cleanup_tar struct tar *tar = NULL;
	int dir = ck_dir();

	ck_ok(tar_new(give, &in, &tar, &err));
	ck_ok(unpack_tree(tar, dir, &how, NULL, &result, &err));
	return dir;
}

/* "TYPE NAME[ -> LINK]" of each entry; static. */
static const char *list(const struct str *from)
{
	static char text[8192];
	struct input in = {.from = from};
	cleanup_tar struct tar *tar = NULL;
	const struct tar_entry *e;
	int r;

	text[0] = '\0';
	ck_ok(tar_new(give, &in, &tar, &err));
	while ((r = tar_next(tar, &e, &err)) > 0)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%c %s%s%s\n",
			       "-hlcbdp"[e->type], e -> name, *e -> link ? " -> " : "", e->link);
	ck_assert_int_eq(r, 0);
	return text;
}

static int hear(void *arg, char change, const char *path, struct berth_error *why)
{
	str_addf(arg, "%c %s\n", change, path);
	return 0;
}

static void same_tree(int a, int b)
{
	cleanup_str struct str out = STR_INIT;
	const struct tree_diff_how how = {.fn = hear, .arg = &out};

	ck_ok(tree_diff(a, b, &how, &err));
	ck_assert_str_eq(str_text(&out), "");
}

/* Whole seconds, as a tar has them. */
static void set_times(int dir)
{
	static const char *const names[] = {"dir/sub/file", "dir/sub", "dir",  "empty",
					    "big",	    "link",    "fifo", "null",
					    "again",	    "secret",  NULL};
	const struct timespec times[2] = {{1000000007, 0}, {1000000007, 0}};

	for (size_t i = 0; names[i]; i++)
		(void)utimensat(dir, names[i], times, AT_SYMLINK_NOFOLLOW);
}

static void make_tree(void)
{
	int fd;

	top = ck_dir();
	ck_ok(state_mkdirs(top, "dir/sub", 0755, NULL, &err));
	ck_write(top, "dir/sub/file", "hello");
	ck_write(top, "empty", "");
	ck_assert_int_eq(linkat(top, "dir/sub/file", top, "again", 0), 0);
	ck_assert_int_eq(symlinkat("../dir", top, "link"), 0);
	ck_assert_int_eq(mkfifoat(top, "fifo", 0640), 0);
	ck_write(top, "secret", "s");
	fd = openat(top, "secret", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(fchmod(fd, 04711), 0);
	ck_assert_int_eq(fsetxattr(fd, "user.note", "a\0b", 3, 0), 0);
	ck_assert_int_eq(close(fd), 0);
	fd = openat(top, "big", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(ftruncate(fd, 3000000), 0);
	ck_assert_int_eq(pwrite(fd, "middle", 6, 1500000), 6);
	ck_assert_int_eq(close(fd), 0);
	set_times(top);
}

START_TEST(a_tree_comes_out_as_it_went_in)
{
	cleanup_str struct str out = STR_INIT;
	struct stat a, b;
	int copy;

	make_tree();
	if (geteuid() == 0) {
		ck_assert_int_eq(mknodat(top, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
		ck_assert_int_eq(fchownat(top, "empty", 70000, 3000000, 0), 0);
		set_times(top);
	}
	pack(&out, top, &plain_how, NULL, 0);
	copy = unpack(&out);
	same_tree(top, copy);
	ck_assert_int_eq(fstatat(copy, "again", &a, 0), 0);
	ck_assert_int_eq(fstatat(copy, "dir/sub/file", &b, 0), 0);
	ck_assert_uint_eq(a.st_ino, b.st_ino);
	ck_assert_str_eq(ck_text(copy, "again"), "hello");
}
END_TEST

START_TEST(entries_are_in_order_and_the_first_name_is_the_file)
{
	cleanup_str struct str out = STR_INIT;

	make_tree();
	pack(&out, top, &plain_how, NULL, 0);
	ck_assert_str_eq(list(&out), "- again\n- big\nd dir/\nd dir/sub/\n"
				     "h dir/sub/file -> again\n- empty\np fifo\nl link -> ../dir\n"
				     "- secret\n");
}
END_TEST

START_TEST(the_same_tree_is_the_same_bytes)
{
	cleanup_str struct str one = STR_INIT, two = STR_INIT;
	int copy;

	make_tree();
	pack(&one, top, &plain_how, NULL, 0);
	copy = unpack(&one);
	pack(&two, copy, &plain_how, NULL, 0);
	ck_assert_uint_eq(one.len, two.len);
	ck_assert(memcmp(one.p, two.p, one.len) == 0);
}
END_TEST

START_TEST(names_and_numbers_of_any_length_are_kept)
{
	cleanup_str struct str out = STR_INIT;
	const struct timespec late[2] = {{8589934592, 0}, {8589934592, 0}};
	char name[256], path[1024] = "";
	int copy;

	top = ck_dir();
	memset(name, 'n', 255);
	name[255] = '\0';
	ck_write(top, name, "long");
	ck_assert_int_eq(utimensat(top, name, late, 0), 0);
	ck_assert_int_eq(symlinkat(name, top, "to"), 0);
	ck_write(top, "gr\xc3\xbc\xc3\x9f", "utf-8");
	for (int i = 0; i < 6; i++)
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "%.*s/", 40, name);
	ck_ok(state_mkdirs(top, path, 0700, NULL, &err));
	for (size_t n = 90; n < 110; n++) { /* on both sides of what a header holds */
		char part[128];

		(void)snprintf(part, sizeof(part), "%.*s", (int)n, name);
		ck_write(top, part, "x");
		ck_assert_int_eq(utimensat(top, part, late, 0), 0);
	}
	ck_assert_int_eq(utimensat(top, "to", late, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(utimensat(top, "gr\xc3\xbc\xc3\x9f", late, 0), 0);
	pack(&out, top, &plain_how, NULL, 0);
	copy = unpack(&out);
	same_tree(top, copy);
}
END_TEST

START_TEST(deletions_become_whiteouts)
{
	cleanup_str struct str out = STR_INIT;
	struct image_change changes[] = {
		{'D', (char *)"dir/sub/gone"}, {'C', (char *)"dir/sub"}, {'D', (char *)"bin"},
		{'C', (char *)"dir"},	       {'A', (char *)"empty"},	 {'D', (char *)"empty/x"},
		{'A', (char *)"vanished"},
	};

	make_tree();
	pack(&out, top, &plain_how, changes, 7);
	ck_assert_str_eq(list(&out),
			 "- .wh.bin\nd dir/\nd dir/sub/\n- dir/sub/.wh.gone\n- empty\n");
}
END_TEST

static int numeric(void *arg, struct tar_entry *e, struct berth_error *why)
{
	if (str_eq(e->name, "dir/sub"))
		return PACK_LEAVE_OUT;
	e->uid = e->gid = 7;
	return 0;
}

START_TEST(entries_can_be_changed_and_left_out_with_all_below)
{
	cleanup_str struct str out = STR_INIT;
	const struct pack_how how = {.change = numeric, .latest_s = 5};
	struct stat st;
	int copy;

	make_tree();
	ck_assert_int_eq(unlinkat(top, "again", 0), 0);
	pack(&out, top, &how, NULL, 0);
	ck_assert_str_eq(list(&out),
			 "- big\nd dir/\n- empty\np fifo\nl link -> ../dir\n- secret\n");
	copy = unpack(&out);
	ck_assert_int_eq(fstatat(copy, "empty", &st, 0), 0);
	ck_assert_uint_eq(st.st_uid, geteuid() == 0 ? 7 : geteuid());
	ck_assert_int_eq(st.st_mtim.tv_sec, 5);
}
END_TEST

START_TEST(one_thing_gets_the_name_that_is_asked_for)
{
	cleanup_str struct str out = STR_INIT;
	const struct tar_output to = {.put = collect, .arg = &out};
	struct tar_writer *w;
	struct pack *p;

	make_tree();
	ck_ok(tar_writer_new(&to, &w, &err));
	ck_ok(pack_new(w, &plain_how, &p, &err));
	ck_ok(pack_one(p, top, "dir", "other", &err));
	ck_ok(pack_one(p, top, "link", "l", &err));
	ck_fails(BERTH_E_NOT_FOUND, pack_one(p, top, "nothing", "n", &err));
	ck_ok(tar_write_end(w, &err));
	ck_assert_str_eq(list(&out), "d other/\nd other/sub/\n- other/sub/file\nl l -> ../dir\n");
	pack_free(p);
	tar_writer_free(w);
}
END_TEST

START_TEST(a_socket_is_left_out)
{
	cleanup_str struct str out = STR_INIT;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char path[96];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	top = ck_dir_at(path);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	pack(&out, top, &plain_how, NULL, 0);
	ck_assert_str_eq(list(&out), "");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(to_a_descriptor_the_bytes_are_the_same)
{
	cleanup_str struct str out = STR_INIT;
	cleanup_tar_writer struct tar_writer *w = NULL;
	cleanup_pack struct pack *p = NULL;
	cleanup_free char *bytes = NULL;
	int other = ck_dir();
	struct tar_output to = {.fd = openat(other, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
	size_t n;

	make_tree();
	pack(&out, top, &plain_how, NULL, 0);
	ck_ok(tar_writer_new(&to, &w, &err));
	ck_ok(pack_new(w, &plain_how, &p, &err));
	ck_ok(pack_below(p, top, &err));
	ck_ok(tar_write_end(w, &err));
	ck_ok(state_read(other, "x", 1 << 30, &bytes, &n, &err));
	ck_assert_uint_eq(n, out.len);
	ck_assert(memcmp(bytes, out.p, n) == 0);
}
END_TEST

START_TEST(data_that_does_not_fit_its_entry_is_refused)
{
	cleanup_str struct str out = STR_INIT;
	const struct tar_output to = {.put = collect, .arg = &out};
	const struct tar_entry e = {.type = TAR_REG, .name = "x", .link = "", .size = 3};
	cleanup_tar_writer struct tar_writer *w = NULL;

	ck_ok(tar_writer_new(&to, &w, &err));
	ck_ok(tar_write_entry(w, &e, &err));
	ck_fails(BERTH_E_INTERNAL, tar_write_data(w, "1234", 4, &err));
	ck_ok(tar_write_data(w, "12", 2, &err));
	ck_fails(BERTH_E_INTERNAL, tar_write_end(w, &err));
	ck_fails(BERTH_E_INTERNAL, tar_write_entry(w, &e, &err));
	ck_ok(tar_write_data(w, "3", 1, &err));
	ck_ok(tar_write_end(w, &err));
	ck_assert_uint_eq(out.len, 4 * 512);
}
END_TEST

int main(void)
{
	return CK_MAIN("image/pack", a_tree_comes_out_as_it_went_in,
		       entries_are_in_order_and_the_first_name_is_the_file,
		       the_same_tree_is_the_same_bytes, names_and_numbers_of_any_length_are_kept,
		       deletions_become_whiteouts,
		       entries_can_be_changed_and_left_out_with_all_below,
		       one_thing_gets_the_name_that_is_asked_for, a_socket_is_left_out,
		       to_a_descriptor_the_bytes_are_the_same,
		       data_that_does_not_fit_its_entry_is_refused);
}
