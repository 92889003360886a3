/* SPDX-License-Identifier: Apache-2.0 */
/* New namespaces, joined ones, and user namespaces. */
#include "rig.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static const char *ns_of(pid_t pid, const char *name)
{
	static char to[64];
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	n = readlink(path, to, sizeof(to) - 1);
	ck_assert_int_gt(n, 0);
	to[n] = '\0';
	return to;
}

static bool is_in(struct box *b, pid_t pid, const char *name)
{
	char line[96];

	(void)snprintf(line, sizeof(line), "ns %s\n", ns_of(pid, name));
	return strstr(str_text(&b->printed), line) != NULL;
}

START_TEST(all_namespaces_that_are_asked_for_are_new)
{
	static const char *const names[] = {"mnt", "net", "pid", "uts", "ipc", "cgroup"};
	struct box b = box("ns");

	ck_assert_int_eq(box_run(&b).code, 0);
	for (size_t i = 0; i < 6; i++)
		ck_assert_msg(!is_in(&b, getpid(), names[i]), "%s", names[i]);
	ck_assert(is_in(&b, getpid(), "user"));
	ck_assert(is_in(&b, getpid(), "time"));
	box_end(&b);
}
END_TEST

START_TEST(what_is_not_asked_for_stays_ours)
{
	struct box b = box("ns");

	box_namespace(&b, "network", NULL);
	box_namespace(&b, "ipc", NULL);
	box_set(&b, "linux.sysctl", NULL);
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert(is_in(&b, getpid(), "net"));
	ck_assert(is_in(&b, getpid(), "ipc"));
	ck_assert(!is_in(&b, getpid(), "uts"));
	box_end(&b);
}
END_TEST

static pid_t holder(int flags)
{
	int ready[2];
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(flags) == 0)
			(void)!write(ready[1], "r", 1);
		for (;;)
			(void)pause();
	}
	ck_assert_int_eq(close(ready[1]), 0);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(close(ready[0]), 0);
	return pid;
}

static void join(struct box *b, const char *type, pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	box_namespace(b, type, path);
}

START_TEST(namespaces_are_joined_by_path)
{
	pid_t pid = holder(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
	struct box b = box("ns");

	join(&b, "network", pid, "net");
	join(&b, "ipc", pid, "ipc");
	join(&b, "uts", pid, "uts");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert(is_in(&b, pid, "net"));
	ck_assert(is_in(&b, pid, "ipc"));
	ck_assert(is_in(&b, pid, "uts"));
	ck_assert(!is_in(&b, pid, "mnt"));
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	box_end(&b);
}
END_TEST

START_TEST(a_network_namespace_can_be_handed_over)
{
	pid_t pid = holder(CLONE_NEWNET);
	char path[64];
	struct box b = box("ns say up pause");
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	b.launch.netns_fd = fd;
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_assert(is_in(&b, pid, "net"));
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "exit 4")), 4);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	box_end(&b);
}
END_TEST

START_TEST(in_a_joined_pid_namespace_the_rest_is_killed)
{
	struct box a = box("say up pause");
	struct box b;

	box_create(&a);
	box_start(&a);
	box_await(&a, "up");
	b = box("fork 3 self ns say up pause");
	join(&b, "pid", box_pid(&a), "pid");
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_assert(is_in(&b, box_pid(&a), "pid"));
	ck_assert_ptr_null(box_line(&b, "pid 1 "));
	box_destroy(&b); /* and the three, whose init goes on */
	ck_assert_int_gt(box_pid(&a), 0);
	box_drop(&b);
	box_end(&a);
}
END_TEST

START_TEST(a_namespace_that_is_not_there_fails)
{
	struct box b = box("exit 0");

	box_namespace(&b, "network", "/proc/self/ns/nope");
	ck_fails(BERTH_E_NOT_FOUND, box_try_create(&b, &err));
	ck_says("/proc/self/ns/nope");
	box_end(&b);
}
END_TEST

START_TEST(a_time_namespace_has_its_own_clocks)
{
	struct timespec now;
	struct box b = box("clocks say up pause");
	long long monotonic, boottime;

	box_namespace(&b, "time", "");
	box_set(&b, "linux.timeOffsets",
		"{'monotonic':{'secs':100000},'boottime':{'secs':200000}}");
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	ck_assert_int_eq(sscanf(box_line(&b, "clocks "), "%lld %lld", &monotonic, &boottime), 2);
	ck_assert(monotonic >= now.tv_sec + 100000 && monotonic < now.tv_sec + 100060);
	ck_assert(boottime >= now.tv_sec + 200000);
	str_clear(&b.printed);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "clocks")), 0);
	ck_assert_int_eq(sscanf(box_line(&b, "clocks "), "%lld %lld", &monotonic, &boottime), 2);
	ck_assert(monotonic >= now.tv_sec + 100000);
	box_end(&b);
}
END_TEST

enum { BASE = 300000 };

static int userns(void)
{
	char path[64];
	pid_t pid = holder(CLONE_NEWUSER);
	int fd;

	for (int i = 0; i < 2; i++) {
		char map[32];

		(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, i ? "gid_map" : "uid_map");
		fd = open(path, O_WRONLY | O_CLOEXEC);
		(void)snprintf(map, sizeof(map), "0 %d 65536", BASE);
		ck_assert_int_eq(write(fd, map, strlen(map)), (ssize_t)strlen(map));
		ck_assert_int_eq(close(fd), 0);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	return fd;
}

/* With an id-mapped root, as a storage driver hands it over. False: this filesystem cannot. */
static bool map_root(struct box *b, int user)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user};

	return syscall(SYS_mount_setattr, b->root_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0;
}

static void use_userns(struct box *b)
{
	static const char maps[] = "[{'containerID':0,'hostID':300000,'size':65536}]";

	box_namespace(b, "user", "");
	box_set(b, "linux.uidMappings", maps);
	box_set(b, "linux.gidMappings", maps);
	box_set(b, "linux.sysctl", NULL); /* one of the default ones has ids that are not mapped */
}

static void in_userns(bool hand_over)
{
	struct box b = box("ids ns write /file x mknod /n 1 3 open /dev/null w open "
			   "/proc/self/oom_score_adj w say up pause");
	int user = userns();
	bool mapped = map_root(&b, user);
	char path[128];
	struct stat st;

	if (!mapped) /* then it belongs to the others, and may be read only */
		ck_assert_int_eq(chown(b.root, BASE, BASE), 0);
	use_userns(&b);
	if (hand_over)
		b.launch.userns_fd = user;
	box_create(&b);
	box_start(&b);
	box_await(&b, "up");
	box_says(&b, "ids 0 0 0 / 0 0 0 / 0 / 022");
	box_says(&b, "write /file ok");
	box_says(&b, "mknod /n EPERM");
	box_says(&b, "open /dev/null ok");
	ck_assert(!is_in(&b, getpid(), "user"));
	(void)snprintf(path, sizeof(path), "%s/file", b.root);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_uid, mapped ? 0 : BASE);
	(void)snprintf(path, sizeof(path), "/proc/%d", box_pid(&b));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_uid, BASE);
	str_clear(&b.printed);
	ck_assert_int_eq(box_exec_wait(box_exec(&b, "ids ns exit 2")), 2);
	box_says(&b, "ids 0 0 0 / 0 0 0 / 0 / 022");
	ck_assert(!is_in(&b, getpid(), "user"));
	ck_assert_int_eq(close(user), 0);
	box_end(&b);
}

START_TEST(a_user_namespace_has_its_own_root)
{
	in_userns(false);
}
END_TEST

START_TEST(a_user_namespace_can_be_handed_over)
{
	in_userns(true);
}
END_TEST

START_TEST(mappings_without_a_user_namespace_are_refused)
{
	struct box b = box("exit 0");

	use_userns(&b);
	box_namespace(&b, "user", NULL);
	ck_fails(BERTH_E_INVALID, box_try_create(&b, &err));
	ck_says("linux.uidMappings");
	box_end(&b);
	b = box("exit 0");
	box_namespace(&b, "user", "");
	ck_fails(BERTH_E_INVALID, box_try_create(&b, &err));
	ck_says("linux.uidMappings");
	box_end(&b);
}
END_TEST

RIG_CASES(namespace_cases, all_namespaces_that_are_asked_for_are_new,
	  what_is_not_asked_for_stays_ours, namespaces_are_joined_by_path,
	  a_network_namespace_can_be_handed_over, in_a_joined_pid_namespace_the_rest_is_killed,
	  a_namespace_that_is_not_there_fails, a_time_namespace_has_its_own_clocks,
	  a_user_namespace_has_its_own_root, a_user_namespace_can_be_handed_over,
	  mappings_without_a_user_namespace_are_refused);
