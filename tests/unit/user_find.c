/* SPDX-License-Identifier: Apache-2.0 */
/* "name|uid[:name|gid]" in a root filesystem that is hostile. */
#include "core/container/user.h"

#include <sys/mman.h>

#include "tests/unit/spec_case.h"

static struct user_found user;

/* A root with these files; NULL: without. */
static int root_with(const char *passwd, const char *group)
{
	int fd = ck_dir();

	ck_assert_int_eq(mkdirat(fd, "etc", 0755), 0);
	if (passwd)
		ck_write(fd, "etc/passwd", passwd);
	if (group)
		ck_write(fd, "etc/group", group);
	return fd;
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "web:x:1000:1001:Web:/srv/web:/bin/sh\n"
			     "twice:x:2000:2000::/first:\n"
			     "twice:x:3000:3000::/second:\n"
			     "nohome:x:4000:4000\n"
			     "1234:x:5000:5000::/five:\n";
static const char group[] = "root:x:0:root\n"
			    "web:x:1001:\n"
			    "# comment:x:7:web\n"
			    "staff:x:50:games,web\n"
			    "  tail : x\n"
			    "wide:x:60:root,web,nobody\n"
			    "webby:x:61:webs,we\n"
			    "gone:x:70\n"
			    "77:x:78:\n";

/* "uid:gid home groups" */
static const char *find(int root, const char *spec, const char *add)
{
	static char text[256];
	cleanup_record struct record *list = add ? json(add) : NULL;
	int n;

	ck_ok(user_find(root, spec, list, &user, &err));
	n = snprintf(text, sizeof(text), "%u:%u %s", user.uid, user.gid, user.home);
	for (size_t i = 0; i < user.n_groups; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %u", user.groups[i]);
	user_done(&user);
	return text;
}

START_TEST(a_user_is_found_as_docker_finds_it)
{
	static const struct {
		const char *spec, *wanted;
	} cases[] = {
		{"", "0:0 /root 0 60"},
		{"root", "0:0 /root 0 60"},
		{"0", "0:0 /root 0 60"},
		{"web", "1000:1001 /srv/web 1001 50 60"},
		{"1000", "1000:1001 /srv/web 1001 50 60"},
		{"web:staff", "1000:50 /srv/web 50"},
		{"web:50", "1000:50 /srv/web 50"},
		{"web:4321", "1000:4321 /srv/web 4321"},
		{"web:", "1000:1001 /srv/web 1001 50 60"},
		{":staff", "0:50 /root 50"},
		{"4321", "4321:0 / 0"},
		{"4321:web", "4321:1001 / 1001"},
		{"twice", "2000:2000 /first 2000"},
		{"nohome", "4000:4000 / 4000"},
		{"1234", "1234:0 / 0"}, /* a number is never a name */
		{"web:77", "1000:77 /srv/web 77"},
		{"web:gone", "1000:70 /srv/web 70"},
		{"web:staff:root", "1000:50 /srv/web 50"},
		{"2147483647", "2147483647:0 / 0"},
	};
	int root = root_with(passwd, group);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(find(root, cases[i].spec, NULL), cases[i].wanted);
	ck_assert_str_eq(find(root, NULL, NULL), "0:0 /root 0 60");
}
END_TEST

START_TEST(added_groups_come_behind_and_none_comes_twice)
{
	int root = root_with(passwd, group);

	ck_assert_str_eq(find(root, "web", "['staff','9','wide','9','web']"),
			 "1000:1001 /srv/web 1001 50 60 9");
	ck_assert_str_eq(find(root, "7:8", "['gone']"), "7:8 / 8 70");
}
END_TEST

START_TEST(without_files_there_are_numbers_and_root)
{
	int root = root_with(NULL, NULL);
	int empty = ck_dir();

	ck_assert_str_eq(find(root, "", NULL), "0:0 / 0");
	ck_assert_str_eq(find(empty, "5:6", "['7']"), "5:6 / 6 7");
	ck_fails(BERTH_E_NOT_FOUND, user_find(empty, "web", NULL, &user, &err));
}
END_TEST

START_TEST(who_is_not_there_is_refused_in_dockers_words)
{
	static const struct {
		const char *spec, *add, *says;
	} cases[] = {
		{"nobody", NULL, "unable to find user nobody: no matching entries in passwd file"},
		{"web:none", NULL, "unable to find group none: no matching entries in group file"},
		{"web", "['none']", "unable to find group none: no matching entries in group file"},
		{"we", NULL, "unable to find user we: "},
		{"webx", NULL, "unable to find user webx: "},
		{"a\nb\033[2J", NULL, "unable to find user a?b?[2J: "},
	};
	int root = root_with(passwd, group);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_record struct record *add = cases[i].add ? json(cases[i].add) : NULL;

		ck_fails(BERTH_E_NOT_FOUND, user_find(root, cases[i].spec, add, &user, &err));
		ck_says(cases[i].says);
	}
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
	static const char *const specs[] = {"2147483648", "-1", "99999999999999999999999", "0:-1",
					    "0:4294967295"};
	int root = root_with(passwd, group);

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		ck_fails(BERTH_E_INVALID, user_find(root, specs[i], NULL, &user, &err));
		ck_says("uids and gids must be in range 0-2147483647");
	}
}
END_TEST

START_TEST(lines_that_make_no_sense_make_nobody_root)
{
	static const char *const lines[] = {
		"eve",
		"eve:",
		"eve:x",
		"eve:x:",
		"eve:x:1000",
		"eve:x::",
		"eve:x:abc:0",
		"eve:x:1000:",
		"eve:x:-1:0",
		"eve:x:+0:0",
		"eve:x:0x0:0",
		"eve:x:2147483648:0",
		"eve:x:4294967296:0",
		"eve:x:18446744073709551616:0",
		"eve:x: 0:0",
		"#eve:x:0:0",
		"+eve::::::",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int root = root_with(lines[i], NULL);
		int r;

		memset(&err, 0, sizeof(err));
		r = user_find(root, "eve", NULL, &user, &err);
		ck_assert_msg(r == -BERTH_E_NOT_FOUND, "'%s' gave %d, uid %u", lines[i], r,
			      r == 0 ? user.uid : 0);
		ck_assert_int_eq(close(root), 0);
	}
}
END_TEST

START_TEST(a_bad_line_does_not_hide_the_good_one_behind_it)
{
	int root = root_with("web:x::\nweb:x:7:8::/w:\n", "staff\nstaff:x:9:web\n");

	ck_assert_str_eq(find(root, "web", NULL), "7:8 /w 8 9");
}
END_TEST

START_TEST(carriage_returns_and_a_missing_newline_do_no_harm)
{
	int root = root_with("web:x:7:8::/w\r\nlast:x:9:9::/l", "g:x:5:web\r");

	ck_assert_str_eq(find(root, "web", NULL), "7:8 /w 8 5");
	ck_assert_str_eq(find(root, "last", NULL), "9:9 /l 9");
}
END_TEST

START_TEST(bytes_of_zero_end_nothing_but_the_home)
{
	static const char text[] = "we\0b:x:1:1::/a:\nweb:x:2:2::/h\0me:\n";
	int root = root_with(NULL, NULL);
	int fd = openat(root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_str_eq(find(root, "web", NULL), "2:2 /h 2");
}
END_TEST

START_TEST(a_passwd_of_100_MB_is_refused_without_reading_it_all)
{
	int root = root_with(NULL, NULL);
	int fd = openat(root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_eq(ftruncate(fd, 100 << 20), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_fails(BERTH_E_LIMIT, user_find(root, "0", NULL, &user, &err));
	ck_says("'/etc/passwd' of the container");
}
END_TEST

START_TEST(links_in_the_root_work_and_never_leave_it)
{
	int root = root_with(NULL, "g:x:5:me\n");

	/* were it the host's, there would be a root with a home */
	ck_assert_int_eq(symlinkat("../../../../../../../../etc/passwd", root, "etc/passwd"), 0);
	ck_fails(BERTH_E_INVALID, user_find(root, "root", NULL, &user, &err));
	ck_assert_int_eq(unlinkat(root, "etc/passwd", 0), 0);
	ck_assert_int_eq(symlinkat("/proc/self/root/etc/passwd", root, "etc/passwd"), 0);
	ck_fails(BERTH_E_NOT_FOUND, user_find(root, "root", NULL, &user, &err));
	ck_assert_int_eq(unlinkat(root, "etc/passwd", 0), 0);
	ck_write(root, "users", "me:x:1:2::/me:\n");
	ck_assert_int_eq(symlinkat("/users", root, "etc/passwd"), 0);
	ck_assert_str_eq(find(root, "me", NULL), "1:2 /me 2 5");
}
END_TEST

START_TEST(what_is_no_file_is_refused_at_once)
{
	int fifo = root_with(NULL, NULL), dir = root_with(passwd, NULL);

	ck_assert_int_eq(mkfifoat(fifo, "etc/passwd", 0644), 0);
	ck_fails(BERTH_E_INVALID, user_find(fifo, "0", NULL, &user, &err));
	ck_assert_int_eq(mkdirat(dir, "etc/group", 0755), 0);
	ck_fails(BERTH_E_INVALID, user_find(dir, "0", NULL, &user, &err));
}
END_TEST

START_TEST(a_user_in_every_group_has_a_limit)
{
	cleanup_str struct str text = STR_INIT;
	int root;

	for (int i = 0; i < 70000; i++)
		str_addf(&text, "g%d:x:%d:web\n", i, i);
	root = root_with(passwd, text.p);
	ck_fails(BERTH_E_LIMIT, user_find(root, "web", NULL, &user, &err));
	ck_says("more than 65536 groups");
	ck_assert_str_eq(find(root, "web:5", NULL), "1000:5 /srv/web 5");
}
END_TEST

START_TEST(a_home_has_a_limit)
{
	cleanup_str struct str text = STR_INIT;
	int root;

	str_add(&text, "web:x:1:1::/");
	for (int i = 0; i < USER_HOME_MAX; i++)
		str_add_char(&text, 'h');
	root = root_with(text.p, NULL);
	ck_fails(BERTH_E_LIMIT, user_find(root, "web", NULL, &user, &err));
}
END_TEST

START_TEST(too_many_added_groups_are_refused)
{
	cleanup_record struct record *list = record_new_array();
	int root = root_with(passwd, group);

	for (int i = 0; i <= USER_ADD_MAX; i++)
		ck_ok(record_append_str(list, "5", &err));
	ck_fails(BERTH_E_LIMIT, user_find(root, "0", list, &user, &err));
}
END_TEST

START_TEST(nothing_stays_open_and_nothing_is_written_on_failure)
{
	int root = root_with(passwd, group);
	struct user_found before = {.uid = 7, .home = (char *)"x"}, now = before;
	int fds = ck_count_fds();

	ck_fails(BERTH_E_NOT_FOUND, user_find(root, "nobody", NULL, &now, &err));
	ck_fails(BERTH_E_NOT_FOUND, user_find(root, "web:none", NULL, &now, &err));
	ck_assert_mem_eq(&before, &now, sizeof(now));
	(void)find(root, "web", NULL);
	ck_assert_int_eq(ck_count_fds(), fds);
}
END_TEST

int main(void)
{
	return CK_MAIN("user/find", a_user_is_found_as_docker_finds_it,
		       added_groups_come_behind_and_none_comes_twice,
		       without_files_there_are_numbers_and_root,
		       who_is_not_there_is_refused_in_dockers_words,
		       numbers_out_of_range_are_refused, lines_that_make_no_sense_make_nobody_root,
		       a_bad_line_does_not_hide_the_good_one_behind_it,
		       carriage_returns_and_a_missing_newline_do_no_harm,
		       bytes_of_zero_end_nothing_but_the_home,
		       a_passwd_of_100_MB_is_refused_without_reading_it_all,
		       links_in_the_root_work_and_never_leave_it,
		       what_is_no_file_is_refused_at_once, a_user_in_every_group_has_a_limit,
		       a_home_has_a_limit, too_many_added_groups_are_refused,
		       nothing_stays_open_and_nothing_is_written_on_failure);
}
