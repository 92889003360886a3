/* SPDX-License-Identifier: Apache-2.0 */
/* What the program is, and what it may not. */
#include "rig.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct box ran(const char *words)
{
	struct box b = box(words);

	ck_assert_int_eq(box_run(&b).code, 0);
	return b;
}

static void has_status(struct box *b, const char *key, const char *value)
{
	const char *is = box_line(b, key);

	ck_assert_msg(is && str_eq(is, value), "%s is '%s', wanted '%s'", key, is ? is : "(none)",
		      value);
}

START_TEST(the_capabilities_are_those_of_the_specification)
{
	struct box b = ran("cat /proc/self/status");

	has_status(&b, "CapInh:\t", "0000000000000000");
	has_status(&b, "CapPrm:\t", "00000000a80425fb");
	has_status(&b, "CapEff:\t", "00000000a80425fb");
	has_status(&b, "CapBnd:\t", "00000000a80425fb");
	has_status(&b, "CapAmb:\t", "0000000000000000");
	box_end(&b);
}
END_TEST

START_TEST(without_capabilities_there_are_none)
{
	struct box b = box("cat /proc/self/status");

	box_set(&b, "process.capabilities", NULL);
	ck_assert_int_eq(box_run(&b).code, 0);
	has_status(&b, "CapPrm:\t", "0000000000000000");
	has_status(&b, "CapEff:\t", "0000000000000000");
	has_status(&b, "CapBnd:\t", "0000000000000000");
	box_end(&b);
}
END_TEST

START_TEST(a_user_keeps_only_ambient_capabilities)
{
	struct box b = box("cat /proc/self/status");

	box_set(&b, "process.user.uid", "1000");
	box_set(&b, "process.capabilities.inheritable", "['CAP_NET_RAW']");
	box_set(&b, "process.capabilities.ambient", "['CAP_NET_RAW']");
	ck_assert_int_eq(box_run(&b).code, 0);
	has_status(&b, "CapInh:\t", "0000000000002000");
	has_status(&b, "CapPrm:\t", "0000000000002000");
	has_status(&b, "CapEff:\t", "0000000000002000");
	has_status(&b, "CapBnd:\t", "00000000a80425fb");
	has_status(&b, "CapAmb:\t", "0000000000002000");
	box_end(&b);
}
END_TEST

START_TEST(a_user_without_ambient_ones_has_none)
{
	struct box b = box("cat /proc/self/status");

	box_set(&b, "process.user.uid", "1000");
	ck_assert_int_eq(box_run(&b).code, 0);
	has_status(&b, "CapPrm:\t", "0000000000000000");
	has_status(&b, "CapEff:\t", "0000000000000000");
	has_status(&b, "CapBnd:\t", "00000000a80425fb");
	box_end(&b);
}
END_TEST

START_TEST(the_seccomp_filter_is_on)
{
	struct box b = ran("cat /proc/self/status sys keyctl sys unshare sys bpf sys mkdir");

	has_status(&b, "Seccomp:\t", "2");
	has_status(&b, "Seccomp_filters:\t", "1");
	box_says(&b, "sys keyctl EPERM");
	box_says(&b, "sys unshare EPERM");
	box_says(&b, "sys bpf EPERM");
	box_says(&b, "sys mkdir ok");
	box_end(&b);
}
END_TEST

START_TEST(without_a_filter_there_is_none)
{
	struct box b = box("cat /proc/self/status");

	box_set(&b, "linux.seccomp", NULL);
	ck_assert_int_eq(box_run(&b).code, 0);
	has_status(&b, "Seccomp:\t", "0");
	box_end(&b);
}
END_TEST

START_TEST(a_filter_of_ones_own_is_obeyed)
{
	struct box b = box("sys mkdir");

	box_set(&b, "linux.seccomp",
		"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['mkdir','mkdirat'],"
		"'action':'SCMP_ACT_ERRNO','errnoRet':38}]}");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "sys mkdir ENOSYS");
	box_end(&b);
}
END_TEST

/* The one file of the cache; its number of inode. */
static ino_t cached(const struct box *b, int64_t *ret_size)
{
	char path[128];
	DIR *dir;
	const struct dirent *e;
	ino_t ino = 0;
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/seccomp", b->state);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		ck_assert_uint_eq(ino, 0);
		ino = e->d_ino;
		ck_assert_int_eq(fstatat(dirfd(dir), e->d_name, &st, 0), 0);
		ck_assert_int_eq(st.st_mode & 0777, 0600);
		*ret_size = st.st_size;
	}
	(void)closedir(dir);
	return ino;
}

START_TEST(a_filter_is_compiled_once)
{
	struct box b = ran("exit 0");
	int64_t size = 0;
	ino_t ino = cached(&b, &size);

	ck_assert_uint_ne(ino, 0);
	box_again(&b, "cat /proc/self/status sys keyctl");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_uint_eq(cached(&b, &size), ino);
	has_status(&b, "Seccomp:\t", "2");
	box_says(&b, "sys keyctl EPERM");
	box_end(&b);
}
END_TEST

START_TEST(a_damaged_cache_is_made_anew)
{
	struct box b = ran("exit 0");
	int64_t size = 0;
	ino_t ino = cached(&b, &size);
	char path[128];
	DIR *dir;
	const struct dirent *e;

	(void)snprintf(path, sizeof(path), "%s/seccomp", b.state);
	dir = opendir(path);
	while ((e = readdir(dir))) {
		cleanup_fd int fd = -1;

		if (e->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), e->d_name, O_WRONLY | O_CLOEXEC);
		ck_assert_int_eq(pwrite(fd, "\6\0\0\0\0\0\377\177", 8, size - 200), 8);
	}
	(void)closedir(dir);
	box_again(&b, "sys keyctl");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "sys keyctl EPERM");
	ck_assert_uint_ne(cached(&b, &size), ino);
	box_end(&b);
}
END_TEST

START_TEST(no_new_privs_is_set_if_it_says_so)
{
	struct box b = ran("cat /proc/self/status");

	has_status(&b, "NoNewPrivs:\t", "0");
	box_end(&b);
	b = box("cat /proc/self/status");
	box_set(&b, "process.noNewPrivileges", "true");
	ck_assert_int_eq(box_run(&b).code, 0);
	has_status(&b, "NoNewPrivs:\t", "1");
	has_status(&b, "Seccomp:\t", "2");
	has_status(&b, "CapEff:\t", "00000000a80425fb");
	box_end(&b);
}
END_TEST

START_TEST(no_descriptor_above_2_gets_through)
{
	struct box b = box("fds");
	int extra = open("/", O_RDONLY | O_DIRECTORY); /* and not close-on-exec */

	ck_assert_int_ge(extra, 0);
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_str_eq(str_text(&b.printed), "fd 0\nfd 1\nfd 2\n");
	ck_assert_int_eq(close(extra), 0);
	box_end(&b);
}
END_TEST

START_TEST(descriptors_are_handed_on_if_asked_for)
{
	struct box b = box("fds cat /proc/self/fd/4");
	int saved[2] = {fcntl(3, F_DUPFD_CLOEXEC, 500), fcntl(4, F_DUPFD_CLOEXEC, 500)};
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/handed", b.root);
	ck_write(AT_FDCWD, path, "over\n");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 5);
	b.launch.preserve_fds = 2;
	/* what lies there now is the rig's: not while the driver uses it */
	ck_assert_int_ge(fcntl(3, F_GETFD), 0);
	if (b.state_fd > 4 && b.own_fd > 4 && b.root_fd > 4 && b.out > 4 && b.out_write > 4) {
		ck_assert_int_eq(dup3(fd, 3, O_CLOEXEC), 3);
		ck_assert_int_eq(dup3(fd, 4, O_CLOEXEC), 4);
		ck_assert_int_eq(box_run(&b).code, 0);
		ck_assert_str_eq(str_text(&b.printed), "fd 0\nfd 1\nfd 2\nfd 3\nfd 4\nover\n");
	}
	for (int i = 0; i < 2; i++) {
		if (saved[i] >= 0)
			ck_assert_int_eq(dup3(saved[i], 3 + i, O_CLOEXEC), 3 + i);
		close_fd(&saved[i]);
	}
	ck_assert_int_eq(close(fd), 0);
	box_end(&b);
}
END_TEST

START_TEST(ids_groups_and_umask_are_exact)
{
	struct box b = ran("ids");

	box_says(&b, "ids 0 0 0 / 0 0 0 / 0 / 022");
	box_end(&b);
	b = box("ids");
	box_set(&b, "process.user",
		"{'uid':1000,'gid':1001,'umask':63,'additionalGids':[7,2147483648]}");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "ids 1000 1000 1000 / 1001 1001 1001 / 7 2147483648 / 077");
	box_end(&b);
}
END_TEST

START_TEST(it_is_pid_1_with_its_own_name_and_environment)
{
	struct box b = box("self");

	box_set(&b, "domainname", "'example'");
	box_set(&b, "process.cwd", "'/new/dir'");
	box_set(&b, "process.env", "['A=1','PATH=/']");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "pid 1 parent 0");
	box_says(&b, "cwd /new/dir");
	box_says(&b, "host box example");
	box_says(&b, "env A=1");
	box_says(&b, "env HOME=/");
	box_end(&b);
}
END_TEST

START_TEST(home_is_that_of_the_containers_passwd)
{
	struct box b = box("self");
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/etc", b.root);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", b.root);
	ck_write(AT_FDCWD, path, "root:x:0:0::/r:/bin/sh\nu:x:1000:1000:U:/home/u:/bin/sh\n");
	box_set(&b, "process.env", "[]");
	box_set(&b, "process.user.uid", "1000");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "env HOME=/home/u");
	box_end(&b);
}
END_TEST

START_TEST(masked_paths_show_nothing)
{
	struct box b = box("cat /proc/version cat /proc/keys list /sys/firmware list /etc say end");
	char path[128];

	/* whatever this kernel has, these are there */
	box_add(&b, "linux.maskedPaths", "'/proc/version'");
	box_add(&b, "linux.maskedPaths", "'/etc'");
	(void)snprintf(path, sizeof(path), "%s/etc", b.root);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/etc/secret", b.root);
	ck_write(AT_FDCWD, path, "x");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_ptr_null(strstr(str_text(&b.printed), "entry"));
	ck_assert_ptr_null(strstr(str_text(&b.printed), "Linux"));
	box_says(&b, "end");
	box_end(&b);
}
END_TEST

START_TEST(readonly_paths_cannot_be_written)
{
	struct box b = ran("open /proc/sys/kernel/hostname w open /proc/self/comm w "
			   "open /sys/kernel/profiling w write /dev/null x");

	box_says(&b, "open /proc/sys/kernel/hostname EROFS");
	box_says(&b, "open /proc/self/comm ok");
	box_says(&b, "write /dev/null ok");
	ck_assert_ptr_null(strstr(str_text(&b.printed), "profiling ok"));
	box_end(&b);
}
END_TEST

START_TEST(a_readonly_root_is_one)
{
	struct box b = box("write /file x write /dev/shm/file x");

	box_set(&b, "root.readonly", "true");
	/* mount points must be there: nobody can make them in an image that is read-only already */
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "write /file EROFS");
	box_says(&b, "write /dev/shm/file ok");
	box_end(&b);
}
END_TEST

START_TEST(it_sees_no_mounts_but_its_own)
{
	struct box b = ran("cat /proc/self/mountinfo list /");

	ck_assert_ptr_null(strstr(str_text(&b.printed), "/var/tmp "));
	ck_assert_ptr_null(strstr(str_text(&b.printed), " / /.oldroot"));
	box_silent(&b, "entry //root");
	box_says(&b, "entry //payload");
	box_end(&b);
}
END_TEST

START_TEST(it_may_not_mount)
{
	struct box b = ran("mount tmpfs /proc tmpfs");

	box_says(&b, "mount /proc EPERM");
	box_end(&b);
}
END_TEST

START_TEST(the_usual_devices_are_there)
{
	struct box b = ran("open /dev/null w open /dev/zero r open /dev/urandom r list /dev open "
			   "/dev/ptmx r");

	box_says(&b, "open /dev/null ok");
	box_says(&b, "open /dev/zero ok");
	box_says(&b, "open /dev/urandom ok");
	box_says(&b, "open /dev/ptmx ok");
	box_says(&b, "entry /dev/stdin");
	box_silent(&b, "entry /dev/console");
	box_end(&b);
}
END_TEST

START_TEST(devices_are_allowed_by_rules_only)
{
	struct box b = ran("mknod /n 1 3 open /n r mknod /m 1 1 open /m r mknod /k 60 1 open /k r");

	box_says(&b, "mknod /n ok");
	box_says(&b, "open /n ok");
	box_says(&b, "mknod /m ok");
	box_says(&b, "open /m EPERM");
	box_says(&b, "open /k EPERM");
	box_end(&b);
	b = box("open /dev/mine r open /dev/mine w");
	box_add(&b, "linux.resources.devices",
		"{'allow':true,'type':'c','major':60,'minor':1,'access':'r'}");
	box_add(&b, "linux.devices",
		"{'path':'/dev/"
		"mine','type':'c','major':60,'minor':1,'fileMode':438,'uid':5,'gid':6}");
	ck_assert_int_eq(box_run(&b).code, 0);
	/* there is no such driver, which shows only to who is let through */
	box_says(&b, "open /dev/mine ENXIO");
	box_says(&b, "open /dev/mine EPERM");
	box_end(&b);
}
END_TEST

START_TEST(resource_limits_are_set)
{
	struct box b = box("rlimit 7 rlimit 4");

	box_set(&b, "process.rlimits",
		"[{'type':'RLIMIT_NOFILE','soft':100,'hard':200},"
		"{'type':'RLIMIT_CORE','soft':0,'hard':0}]");
	ck_assert_int_eq(box_run(&b).code, 0);
	box_says(&b, "rlimit 7 100 200");
	box_says(&b, "rlimit 4 0 0");
	box_end(&b);
}
END_TEST

START_TEST(a_limit_above_our_own_is_a_clear_error)
{
	struct rlimit low = {64, 64};
	struct box b = box("exit 0");
	int r;

	/* who has CAP_SYS_RESOURCE may raise it; who has not must say what is missing */
	box_set(&b, "process.rlimits", "[{'type':'RLIMIT_MSGQUEUE','soft':100,'hard':4096}]");
	ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &low), 0);
	box_create(&b);
	r = b.ops->start(b.sb, &err);
	if (r < 0) {
		ck_assert_int_eq(err.code, BERTH_E_DENIED);
		ck_says("RLIMIT_MSGQUEUE");
		ck_says("CAP_SYS_RESOURCE");
	}
	box_end(&b);
}
END_TEST

START_TEST(sysctls_are_those_of_its_namespaces)
{
	const char *path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
	cleanup_free char *before = strdup(ck_text(AT_FDCWD, path));
	struct box b = box("cat /proc/sys/net/ipv4/ip_unprivileged_port_start "
			   "cat /proc/sys/kernel/shm_rmid_forced");

	box_set(&b, "linux.sysctl",
		"{'net.ipv4.ip_unprivileged_port_start':'77','kernel.shm_rmid_forced':'1'}");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_str_eq(str_text(&b.printed), "77\n1\n");
	ck_assert_str_eq(ck_text(AT_FDCWD, path), before);
	box_end(&b);
}
END_TEST

START_TEST(the_engine_cannot_be_seen_from_inside)
{
	struct box b = ran("list /proc open /proc/1/exe w");
	char line[32];

	(void)snprintf(line, sizeof(line), "entry /proc/%d", (int)getpid());
	box_says(&b, "entry /proc/1");
	box_silent(&b, line);
	box_says(&b, "open /proc/1/exe ETXTBSY");
	box_end(&b);
}
END_TEST

RIG_CASES(inside_cases, the_capabilities_are_those_of_the_specification,
	  without_capabilities_there_are_none, a_user_keeps_only_ambient_capabilities,
	  a_user_without_ambient_ones_has_none, the_seccomp_filter_is_on,
	  without_a_filter_there_is_none, a_filter_of_ones_own_is_obeyed, a_filter_is_compiled_once,
	  a_damaged_cache_is_made_anew, no_new_privs_is_set_if_it_says_so,
	  no_descriptor_above_2_gets_through, descriptors_are_handed_on_if_asked_for,
	  ids_groups_and_umask_are_exact, it_is_pid_1_with_its_own_name_and_environment,
	  home_is_that_of_the_containers_passwd, masked_paths_show_nothing,
	  readonly_paths_cannot_be_written, a_readonly_root_is_one, it_sees_no_mounts_but_its_own,
	  it_may_not_mount, the_usual_devices_are_there, devices_are_allowed_by_rules_only,
	  resource_limits_are_set, a_limit_above_our_own_is_a_clear_error,
	  sysctls_are_those_of_its_namespaces, the_engine_cannot_be_seen_from_inside);
