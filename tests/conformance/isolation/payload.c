/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program inside: statically linked, so that a root filesystem with nothing else will do. Its
 * arguments are a list of words to carry out, each with its own arguments; what it finds it prints,
 *one line each, failures by the name of their errno:
 *
 *	payload ids open /proc/kcore r fork 3 exit 4
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char **words;

static const char *next(void)
{
	if (!*words) {
		(void)fprintf(stderr, "payload: a word is missing\n");
		_exit(99);
	}
	return *words++;
}

static long number(void)
{
	return strtol(next(), NULL, 0);
}

/* One write a line: others may write to the same pipe. */
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n] = '\n';
	if (write(1, line, (size_t)n + 1) < 0)
		_exit(98);
}

static const char *result(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

static void copy(int from, int to)
{
	char bytes[65536];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)n) < 0)
			_exit(98);
}

static void do_cat(void)
{
	const char *path = next();
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		say("cat %s %s", path, result(fd));
	else
		copy(fd, 1);
	(void)close(fd);
}

static void do_open(void)
{
	const char *path = next();
	int fd = open(path, next()[0] == 'w' ? O_WRONLY : O_RDONLY);

	say("open %s %s", path, result(fd));
	(void)close(fd);
}

static void do_write(void)
{
	const char *path = next();
	const char *text = next();
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	long r = fd < 0 ? fd : write(fd, text, strlen(text));

	say("write %s %s", path, result(r));
	(void)close(fd);
}

/* For hooks: @label and what comes from standard input, to the end of a file. */
static void do_append(void)
{
	const char *path = next();
	const char *label = next();
	char line[8192];
	ssize_t n = snprintf(line, 4096, "%s ", label);
	ssize_t m = read(0, line + n, 4096 - 2);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	n += m > 0 ? m : 0;
	line[n++] = '\n';
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		_exit(97);
}

static void do_list(void)
{
	const char *path = next();
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir) {
		say("list %s %s", path, result(-1));
		return;
	}
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			say("entry %s/%s", path, e->d_name);
	(void)closedir(dir);
}

static void do_fds(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0)
			say("fd %d", fd);
	}
}

static void do_ids(void)
{
	uid_t u[3];
	gid_t g[3];
	gid_t groups[64];
	char text[512] = "";
	int n = getgroups(64, groups);
	mode_t mask = umask(0);

	(void)getresuid(&u[0], &u[1], &u[2]);
	(void)getresgid(&g[0], &g[1], &g[2]);
	for (int i = 0; i < n; i++)
		(void)snprintf(text + strlen(text), 16, " %u", groups[i]);
	say("ids %u %u %u / %u %u %u /%s / %03o", u[0], u[1], u[2], g[0], g[1], g[2], text, mask);
}

static void do_ns(void)
{
	static const char *const names[] = {"mnt", "net",    "pid",  "uts",
					    "ipc", "cgroup", "user", "time"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		char to[64] = "";

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (readlink(path, to, sizeof(to) - 1) > 0)
			say("ns %s", to);
	}
}

static void do_sys(void)
{
	const char *name = next();
	long r = -1;

	if (strcmp(name, "unshare") == 0)
		r = unshare(CLONE_NEWUSER);
	else if (strcmp(name, "keyctl") == 0)
		r = syscall(SYS_keyctl, 6 /* describe */, -3, NULL, 0);
	else if (strcmp(name, "bpf") == 0)
		r = syscall(SYS_bpf, 1000, NULL, 0);
	else if (strcmp(name, "settime") == 0)
		r = syscall(SYS_clock_settime, CLOCK_REALTIME, NULL);
	else if (strcmp(name, "mkdir") == 0)
		r = mkdir("/made", 0755);
	else
		errno = ENOTSUP;
	say("sys %s %s", name, result(r));
}

static void do_mknod(void)
{
	const char *path = next();
	long major_ = number();
	long minor_ = number();

	say("mknod %s %s", path,
	    result(mknod(path, S_IFCHR | 0666, makedev((unsigned)major_, (unsigned)minor_))));
}

static void do_mount(void)
{
	const char *source = next();
	const char *target = next();
	const char *type = next();

	say("mount %s %s", target, result(mount(source, target, type, 0, NULL)));
}

static void do_fork(void)
{
	long n = number();
	long made = 0;

	for (; made < n; made++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				(void)pause();
		if (pid < 0)
			break;
	}
	say("forked %ld", made);
}

static void do_reap(void)
{
	for (long n = number(); n > 0; n--)
		while (wait(NULL) < 0 && errno == EINTR)
			;
}

static void do_ignore(void)
{
	(void)signal((int)number(), SIG_IGN);
}

static void do_eat(void)
{
	size_t n = (size_t)number() << 20;
	char *p = malloc(n);

	if (!p)
		say("eat ENOMEM");
	for (size_t i = 0; p && i < n; i += 4096)
		((volatile char *)p)[i] = 1;
}

static void do_clocks(void)
{
	struct timespec m, b;

	(void)clock_gettime(CLOCK_MONOTONIC, &m);
	(void)clock_gettime(CLOCK_BOOTTIME, &b);
	say("clocks %lld %lld", (long long)m.tv_sec, (long long)b.tv_sec);
}

static void do_tty(void)
{
	struct winsize size = {0};
	char to[64] = "none";
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

	(void)readlink("/proc/self/fd/0", to, sizeof(to) - 1);
	(void)ioctl(0, TIOCGWINSZ, &size);
	say("tty %s %dx%d controlling %s leader %d", to, size.ws_row, size.ws_col, result(tty),
	    getsid(0) == getpid());
	(void)close(tty);
}

static void do_rlimit(void)
{
	struct rlimit limit;
	int resource = (int)number();

	(void)getrlimit((__rlimit_resource_t)resource, &limit);
	say("rlimit %d %llu %llu", resource, (unsigned long long)limit.rlim_cur,
	    (unsigned long long)limit.rlim_max);
}

static int term_status;

static void on_term(int signo)
{
	(void)signo;
	_exit(term_status);
}

static void on_term_tell(int signo)
{
	(void)signo;
	say("term");
	_exit(term_status);
}

/* Of this process and its children. */
static void do_tellterm(void)
{
	term_status = (int)number();
	(void)signal(SIGTERM, on_term_tell);
}

static void do_self(void)
{
	char text[512] = "";
	char name[65] = "";
	char domain[65] = "";

	say("pid %d parent %d", getpid(), getppid());
	say("cwd %s", getcwd(text, sizeof(text)));
	(void)gethostname(name, sizeof(name));
	(void)getdomainname(domain, sizeof(domain));
	say("host %s %s", name, domain);
	for (char **e = environ; *e; e++)
		say("env %s", *e);
}

static void do_spin(void)
{
	struct timespec nap = {0, 5000000};

	for (unsigned i = 0;; i++) {
		say("tick %u", i);
		(void)nanosleep(&nap, NULL);
	}
}

static void do_sleep(void)
{
	long ms = number();
	struct timespec nap = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&nap, NULL);
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *word;
		void (*fn)(void);
	} table[] = {
		{"cat", do_cat},     {"open", do_open},
		{"write", do_write}, {"append", do_append},
		{"list", do_list},   {"fds", do_fds},
		{"ids", do_ids},     {"ns", do_ns},
		{"sys", do_sys},     {"mknod", do_mknod},
		{"mount", do_mount}, {"fork", do_fork},
		{"eat", do_eat},     {"clocks", do_clocks},
		{"tty", do_tty},     {"rlimit", do_rlimit},
		{"self", do_self},   {"spin", do_spin},
		{"sleep", do_sleep}, {"tellterm", do_tellterm},
		{"reap", do_reap},   {"ignore", do_ignore},
	};

	(void)argc;
	words = argv + 1;
	while (*words) {
		const char *word = next();
		size_t i = 0;

		for (; i < sizeof(table) / sizeof(table[0]); i++)
			if (strcmp(table[i].word, word) == 0)
				break;
		if (i < sizeof(table) / sizeof(table[0]))
			table[i].fn();
		else if (strcmp(word, "exit") == 0)
			_exit((int)number());
		else if (strcmp(word, "raise") == 0)
			(void)raise((int)number());
		else if (strcmp(word, "say") == 0)
			say("%s", next());
		else if (strcmp(word, "pause") == 0)
			(void)pause();
		else if (strcmp(word, "onterm") == 0) {
			term_status = (int)number();
			(void)signal(SIGTERM, on_term);
		} else
			_exit(96);
	}
	return 0;
}
