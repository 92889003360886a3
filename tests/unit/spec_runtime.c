/* SPDX-License-Identifier: Apache-2.0 */
/* Other runtimes run what we write. Needs root, busybox, and crun or runc. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/unit/spec_case.h"

enum { OUTPUT_MAX = 8192 };

static const char *const runtimes[] = {"/usr/bin/crun", "/usr/sbin/runc", "/usr/bin/runc"};

/* A container of busybox in a directory of its own. */
struct bundle {
	char path[96];
	int fd;
	char id[64];
};

static void link_busybox(int bin)
{
	static const char *const names[] = {"sh",    "cat",  "id",   "hostname", "test",  "env",
					    "mount", "grep", "true", "ls",	 "mkdir", "touch"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(symlinkat("busybox", bin, names[i]), 0);
}

static void copy_busybox(int bin)
{
	cleanup_fd int from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	cleanup_fd int to = openat(bin, "busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	cleanup_free char *bytes = NULL;
	size_t n;

	ck_ok(read_fd_limited(from, 16 << 20, &bytes, &n, &err));
	ck_ok(write_all(to, bytes, n, &err));
}

static void make_bundle(struct bundle *b)
{
	static const char *const dirs[] = {"rootfs",	 "rootfs/bin", "rootfs/etc", "rootfs/proc",
					   "rootfs/dev", "rootfs/sys", "rootfs/tmp", "rootfs/srv"};
	cleanup_fd int bin = -1;

	b->fd = ck_dir_at(b->path);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		ck_assert_int_eq(mkdirat(b->fd, dirs[i], 0755), 0);
	bin = openat(b->fd, "rootfs/bin", O_PATH | O_DIRECTORY | O_CLOEXEC);
	copy_busybox(bin);
	link_busybox(bin);
	/* runc gives a tmpfs the mode of what it covers */
	ck_assert_int_eq(fchmodat(b->fd, "rootfs/tmp", 01777, 0), 0);
	ck_write(b->fd, "rootfs/etc/passwd", "root:x:0:0::/root:\nweb:x:1000:1001::/srv/web:\n");
	ck_write(b->fd, "rootfs/etc/group", "web:x:1001:\nstaff:x:50:web\n");
	ck_write(b->fd, "hosts", "127.0.0.1 here\n");
	(void)snprintf(b->id, sizeof(b->id), "berth-ck-%d", (int)getpid());
}

static void write_bundle(struct bundle *b, const char *body)
{
	cleanup_record struct record *merged = merged_of(body);
	cleanup_free char *hosts = str_fmt("%s/hosts", b->path);
	cleanup_free char *cgroup = str_fmt("/%s", b->id);
	cleanup_fd int root = openat(b->fd, "rootfs", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_str struct str out = STR_INIT;
	struct spec_mount *mounts = NULL;
	struct spec_input in = {.config = &engine,
				.merged = merged,
				.id = b->id,
				.hostname = "box",
				.rootfd = root,
				.hosts_path = hosts,
				.cgroups_path = cgroup};

	ck_ok(spec_mounts(merged, &mounts, &in.n_mounts, &err));
	in.mounts = mounts;
	ck_ok(spec_write(&in, &out, &err));
	spec_mounts_free(mounts, in.n_mounts);
	ck_write(b->fd, "config.json", out.p);
}

/*
 * crun refuses a machine whose version 2 hierarchy has controllers beside version 1. In a mount
 * namespace of its own it sees none.
 */
static void hide_controllers(void)
{
	static const char path[] = "/sys/fs/cgroup/unified/cgroup.controllers";

	if (access(path, F_OK) == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
		(void)mount("/dev/null", path, NULL, MS_BIND, NULL);
}

/* Run @runtime in the bundle; its output in a static text. Returns the exit status. */
static int run_bundle(struct bundle *b, const char *runtime, char *text)
{
	cleanup_free char *state = str_fmt("%s/state", b->path);
	int out[2], status;
	ssize_t got, n = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(out), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)dup2(out[1], 1);
		(void)dup2(out[1], 2);
		(void)close(out[0]);
		(void)close(out[1]);
		if (strstr(runtime, "crun"))
			hide_controllers();
		if (fchdir(b->fd) == 0)
			(void)execl(runtime, runtime, "--root", state, "run", b->id, NULL);
		_exit(99);
	}
	ck_assert_int_eq(close(out[1]), 0);
	while (n < OUTPUT_MAX - 1 &&
	       (got = read(out[0], text + n, (size_t)(OUTPUT_MAX - 1 - n))) > 0)
		n += got;
	text[n] = '\0';
	ck_assert_int_eq(close(out[0]), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Each runtime that is there runs @body, and its output has all of @wanted. */
static void ck_runs(const char *body, const char *const wanted[])
{
	static char text[OUTPUT_MAX];
	int ran = 0;

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		struct bundle b;
		int status;

		if (access(runtimes[i], X_OK) < 0)
			continue;
		make_bundle(&b);
		write_bundle(&b, body);
		status = run_bundle(&b, runtimes[i], text);
		ck_assert_msg(status == 0, "%s: status %d: %s", runtimes[i], status, text);
		for (const char *const *w = wanted; *w; w++)
			ck_assert_msg(strstr(text, *w), "%s: no '%s' in: %s", runtimes[i], *w,
				      text);
		ck_assert_int_eq(close(b.fd), 0);
		ran++;
	}
	ck_assert_int_gt(ran, 0);
}

START_TEST(a_default_container_runs)
{
	static const char *const wanted[] = {"uid=0",
					     "host=box",
					     "HOME=/root",
					     "127.0.0.1 here",
					     "Seccomp:\t2",
					     "NoNewPrivs:\t0",
					     "CapBnd:\t00000000a80425fb",
					     "CapEff:\t00000000a80425fb",
					     "masked",
					     "shm ",
					     "umask=0022",
					     NULL};

	ck_runs("{'Image':'x','Cmd':['sh','-c','id; echo host=$(hostname); env; cat /etc/hosts; "
		"grep "
		"-E \\\"Seccomp|NoNew|Cap\\\" /proc/self/status; test -s /proc/kcore || echo "
		"masked;"
		"mount | grep /dev/shm; echo umask=$(umask)']}",
		wanted);
}
END_TEST

START_TEST(a_limited_user_in_a_frozen_root_runs)
{
	static const char *const wanted[] = {"uid=1000",
					     "gid=1001",
					     "50(staff)",
					     "HOME=/srv/web",
					     "CapEff:\t0000000000000000",
					     "NoNewPrivs:\t1",
					     "frozen",
					     "size=1024k",
					     "tmp-rw",
					     "bound-ro",
					     "files=64",
					     NULL};

	ck_runs("{'Image':'x','User':'web','WorkingDir':'/srv','Cmd':['sh','-c','id; env; grep -E "
		"\\\"NoNew|CapEff\\\" /proc/self/status; touch /srv/x 2>/dev/null || echo frozen; "
		"mount | grep /tmp; touch /tmp/x && echo tmp-rw; touch /etc2/x 2>/dev/null || echo "
		"bound-ro; echo files=$(ulimit -n)'],'HostConfig':{'ReadonlyRootfs':true,'Tmpfs':"
		"{'/tmp':'size=1m,mode=1777'},'Binds':['/etc:/etc2:ro'],'SecurityOpt':"
		"['no-new-privileges'],'CapDrop':['ALL'],'Ulimits':[{'Name':'nofile','Soft':64,"
		"'Hard':64}],'Memory':67108864,'PidsLimit':50,'CpuShares':512,'Domainname':'d'}}",
		wanted);
}
END_TEST

START_TEST(a_privileged_container_runs)
{
	static const char *const wanted[] = {"Seccomp:\t0", "/dev/kmsg", "sys-rw", NULL};

	if (access("/dev/kmsg", F_OK) < 0)
		return;
	ck_runs("{'Image':'x','Cmd':['sh','-c','grep Seccomp: /proc/self/status; ls /dev/kmsg; "
		"mount | "
		"grep \\\"on /sys type sysfs (rw\\\" && echo "
		"sys-rw'],'HostConfig':{'Privileged':true}}",
		wanted);
}
END_TEST

START_TEST(a_device_and_a_sysctl_arrive)
{
	static const char *const wanted[] = {"/dev/nothing", "ip=1", "port=0", NULL};

	ck_runs("{'Image':'x','Cmd':['sh','-c','ls /dev/nothing; echo x > /dev/nothing; echo "
		"ip=$(cat "
		"/proc/sys/net/ipv4/ip_forward); echo port=$(cat "
		"/proc/sys/net/ipv4/"
		"ip_unprivileged_port_start)'],'HostConfig':{'Devices':[{'PathOnHost':"
		"'/dev/null','PathInContainer':'/dev/"
		"nothing'}],'Sysctls':{'net.ipv4.ip_forward':'1'}}}",
		wanted);
}
END_TEST

int main(void)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
		any |= access(runtimes[i], X_OK) == 0;
	if (!any)
		return ck_skip_all("neither crun nor runc is installed");
	if (geteuid() != 0 || (caps_available() & CAPS_DEFAULT) != CAPS_DEFAULT)
		return ck_skip_all("needs root with the usual capabilities");
	if (access("/bin/busybox", X_OK) < 0)
		return ck_skip_all("needs a static busybox");
	return CK_MAIN("spec/runtime", a_default_container_runs,
		       a_limited_user_in_a_frozen_root_runs, a_privileged_container_runs,
		       a_device_and_a_sysctl_arrive);
}
