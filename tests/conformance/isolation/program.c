/* SPDX-License-Identifier: Apache-2.0 */
/* What the program is, and where. */
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/conformance/isolation/iso.h"

START_TEST(it_has_its_words_and_environment)
{
	struct box b = box("self say here exit 0");

	box_set(&b, "process.env", "['PATH=/bin','A=1','B=two words','C=']");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "env A=1");
	box_says(&b, "env B=two words");
	box_says(&b, "env C=");
	ck_assert_uint_le(box_count(&b, "env "), 5); /* HOME may be added */
	box_says(&b, "here");
	box_end(&b);
}
END_TEST

START_TEST(it_is_in_its_directory_and_root)
{
	struct box b = box("self list / open /proc/self/status r exit 0");
	char path[128];

	iso_needs_apart();
	(void)snprintf(path, sizeof(path), "%s/work", b.root);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	box_set(&b, "process.cwd", "'/work'");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "cwd /work");
	box_says(&b, "entry //work");
	box_says(&b, "entry //payload");
	box_says(&b, "open /proc/self/status ok");
	box_silent(&b, "entry //usr");
	box_end(&b);
}
END_TEST

START_TEST(its_root_is_read_only_if_it_says_so)
{
	struct box b = box("write /new x exit 0");

	iso_needs_apart();
	box_set(&b, "root.readonly", "true");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "write /new EROFS");
	box_again(&b, "write /new x exit 0");
	box_set(&b, "root.readonly", "false");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "write /new ok");
	box_end(&b);
}
END_TEST

START_TEST(it_is_the_user_that_it_says)
{
	struct box b = box("ids exit 0");

	iso_needs_apart();
	box_set(&b, "process.user", "{'uid':5,'gid':6}");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_str_eq(
		str_after(box_line(&b, "ids "), "5 5 5 / 6 6 6 / /") ? "yes" : box_line(&b, "ids "),
		"yes");
	box_end(&b);
}
END_TEST

static const char *const kinds[] = {"pid", "mnt", "uts", "ipc", "net"};

/* "pid:[4026531836]", of this process. */
static const char *ours(const char *kind)
{
	static char to[64];
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	n = readlink(path, to, sizeof(to) - 1);
	ck_assert_int_gt(n, 0);
	to[n] = '\0';
	return to;
}

START_TEST(namespaces_that_are_asked_for_are_new_and_others_are_ours)
{
	struct box b = box("ns self exit 0");

	iso_needs_apart();
	box_namespace(&b, "network", "");
	ck_assert_int_eq(box_run(&b).code, 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		cleanup_free char *line = str_fmt("ns %s", ours(kinds[i]));

		box_silent(&b, line);
	}
	ck_assert_ptr_nonnull(box_line(&b, "pid 1 "));
	box_again(&b, "ns exit 0");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!str_eq(kinds[i], "mnt") && !str_eq(kinds[i], "net"))
			box_namespace(&b, kinds[i], NULL);
	}
	box_namespace(&b, "network", NULL);
	ck_assert_int_eq(box_run(&b).code, 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		cleanup_free char *line = str_fmt("ns %s", ours(kinds[i]));

		if (!str_eq(kinds[i], "mnt"))
			box_says(&b, line);
	}
	box_end(&b);
}
END_TEST

START_TEST(a_network_namespace_is_handed_over)
{
	struct box b = box("ns exit 0");
	cleanup_free char *wanted = NULL;
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	iso_needs_apart();
	suite_needs(BERTH_ISO_NET_NETNS, "network namespaces (cap 'net-netns')");
	if (unshare(CLONE_NEWNET) < 0)
		suite_skip("no network namespaces here");
	wanted = str_fmt("ns %s", ours("net"));
	b.launch.netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(setns(own, CLONE_NEWNET), 0);
	box_namespace(&b, "network", "");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, wanted);
	ck_assert_int_eq(close(b.launch.netns_fd), 0);
	ck_assert_int_eq(close(own), 0);
	box_end(&b);
}
END_TEST

/* ---------------------------------------------------------------------------------- descriptors */

START_TEST(no_descriptor_of_the_caller_gets_through)
{
	int leaky = open("/", O_RDONLY | O_DIRECTORY); /* even one that is not close-on-exec */
	struct box b = box("fds exit 0");

	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "fd 0");
	box_says(&b, "fd 1");
	box_says(&b, "fd 2");
	ck_assert_uint_eq(box_count(&b, "fd "), 3);
	box_end(&b);
	ck_assert_int_eq(close(leaky), 0);
}
END_TEST

START_TEST(descriptors_are_handed_on_if_asked_for)
{
	int dir = ck_dir();
	int fds[2];
	struct box b;

	/* 3 and 4 are the engine's to choose: what is there now goes elsewhere */
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 100);
		ck_assert_int_ge(dup2(dir, 3 + i), 0);
	}
	b = box("fds cat /proc/self/fd/4/said exit 0");
	ck_write(dir, "said", "by the fourth\n");
	b.launch.preserve_fds = 2;
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_uint_eq(box_count(&b, "fd "), 5);
	box_says(&b, "by the fourth");
	box_end(&b);
	for (int i = 0; i < 2; i++) {
		(void)close(3 + i);
		if (fds[i] >= 0) {
			(void)dup3(fds[i], 3 + i, O_CLOEXEC);
			(void)close(fds[i]);
		}
	}
	(void)close(dir);
}
END_TEST

START_TEST(stdio_is_what_it_was_given_or_nothing)
{
	int in[2];
	struct box b = box("cat /proc/self/fd/0 say end exit 0");

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(write(in[1], "hello\n", 6), 6);
	ck_assert_int_eq(close(in[1]), 0);
	b.launch.stdio[0] = in[0];
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "hello");
	ck_assert_int_eq(close(in[0]), 0);
	b.launch.stdio[0] = -1;
	box_again(&b, "fds cat /proc/self/fd/0 say end exit 0");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "fd 0");
	box_says(&b, "end");
	box_end(&b);
}
END_TEST

/* ------------------------------------------------------------------------------------- terminals */

START_TEST(a_terminal_is_handed_over)
{
	struct box b = box("tty exit 3");
	char name[64];
	char text[512] = "";
	size_t at = 0;
	int pair[2];
	int master;
	ssize_t n;

	suite_needs(BERTH_ISO_CONSOLE, "terminals (cap 'console')");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	box_set(&b, "process.terminal", "true");
	box_set(&b, "process.consoleSize", "{'height':30,'width':100}");
	box_add(&b, "mounts",
		"{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['mode=755']}");
	box_add(&b, "mounts",
		"{'destination':'/dev/pts','type':'devpts','source':'devpts',"
		"'options':['newinstance','ptmxmode=0666','mode=0620']}");
	b.launch.console_socket = pair[1];
	box_create(&b);
	master = box_take_master(pair[0], name, sizeof(name));
	ck_assert_msg(str_has_prefix(name, "/dev/pts/"), "its name is '%s'", name);
	box_start(&b);
	ck_assert_int_eq(box_wait(&b).code, 3);
	while (at < sizeof(text) - 1 && (n = read(master, text + at, sizeof(text) - 1 - at)) > 0)
		at += (size_t)n;
	ck_assert_msg(strstr(text, "tty /dev/pts/0 30x100 controlling ok leader 1"), "%s", text);
	ck_assert_int_eq(close(master) | close(pair[0]) | close(pair[1]), 0);
	box_end(&b);
}
END_TEST

START_TEST(who_has_no_terminals_refuses_them)
{
	struct box b = box("exit 0");

	if (suite_driver()->caps & BERTH_ISO_CONSOLE)
		suite_skip("the driver has terminals");
	box_set(&b, "process.terminal", "true");
	ck_fails(BERTH_E_UNSUPPORTED, box_try_create(&b, &err));
	box_end(&b);
}
END_TEST

/* ------------------------------------------------------------------------- what it takes is true */

/* Either the driver says that it cannot do this, or a program sees that it was done. */
static void ck_true_or_refused(const char *path, const char *json, const char *words,
			       const char *line)
{
	struct box b = box(words);
	cleanup_free char *text = NULL;
	int r;

	box_set(&b, "linux.cgroupsPath", NULL); /* is in the way of those who have none */
	if (str_eq(path, "linux.resources.pids"))
		box_setf(&b, "linux.cgroupsPath", "'%s/%s'", box_all.groups, b.id);
	box_set(&b, path, json);
	b.launch.flags = 0;
	r = box_try_create(&b, &err);
	if (r < 0) {
		ck_assert_msg(r == -BERTH_E_UNSUPPORTED, "%s: %s: %s", path, berth_code_name(r),
			      err.text);
	} else {
		box_start(&b);
		(void)box_wait(&b);
		box_says(&b, line);
	}
	box_end(&b);
}

START_TEST(what_is_taken_without_a_word_is_true)
{
	iso_needs_apart();
	ck_true_or_refused("hostname", "'elsewhere'", "self exit 0", "host elsewhere (none)");
	ck_true_or_refused("process.user", "{'uid':0,'gid':0,'additionalGids':[7,8]}", "ids exit 0",
			   "ids 0 0 0 / 0 0 0 / 7 8 / 022");
	ck_true_or_refused("process.user", "{'uid':3,'gid':4,'umask':63}", "ids exit 0",
			   "ids 3 3 3 / 4 4 4 / / 077");
	ck_true_or_refused("process.rlimits", "[{'type':'RLIMIT_NOFILE','soft':77,'hard':99}]",
			   "rlimit 7 exit 0", "rlimit 7 77 99");
	ck_true_or_refused("process.noNewPrivileges", "true", "cat /proc/self/status exit 0",
			   "NoNewPrivs:\t1");
	ck_true_or_refused("process.capabilities", "{'bounding':['CAP_CHOWN']}",
			   "cat /proc/self/status exit 0", "CapBnd:\t0000000000000001");
	ck_true_or_refused("process.oomScoreAdj", "500", "cat /proc/self/oom_score_adj exit 0",
			   "500");
	ck_true_or_refused("linux.maskedPaths", "['/proc/uptime']",
			   "cat /proc/uptime say end exit 0", "end");
	ck_true_or_refused("linux.resources.pids", "{'limit':10}", "fork 50 exit 0", "forked 9");
}
END_TEST

SUITE_CASES(iso_program_cases, it_has_its_words_and_environment, it_is_in_its_directory_and_root,
	    its_root_is_read_only_if_it_says_so, it_is_the_user_that_it_says,
	    namespaces_that_are_asked_for_are_new_and_others_are_ours,
	    a_network_namespace_is_handed_over, no_descriptor_of_the_caller_gets_through,
	    descriptors_are_handed_on_if_asked_for, stdio_is_what_it_was_given_or_nothing,
	    a_terminal_is_handed_over, who_has_no_terminals_refuses_them,
	    what_is_taken_without_a_word_is_true);
