/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/path.h"

/* All that the child needs, made before the fork: behind it nothing is allocated. */
struct plan {
	char **argv;
	char **envp;
	int program; /* descriptor of what is executed; -1 with pretend */
	int missing; /* errno if there is no such program: start tells */
	int cwd;
	int stdio[3];
	int gate;
	int report;
	const struct child_spec *spec;
};

static void plan_done(struct plan *plan)
{
	strv_free(plan->argv);
	strv_free(plan->envp);
	close_fd(&plan->program);
	close_fd(&plan->cwd);
	for (int i = 0; i < 3; i++)
		close_fd(&plan->stdio[i]);
	close_fd(&plan->gate);
	close_fd(&plan->report);
}

static int open_in(int root, const char *path, int flags, int *ret, struct berth_error *err)
{
	int fd;

	if (root >= 0)
		return root_open(root, path, flags, 0, ret, err);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	*ret = fd;
	return 0;
}

/* A program of the container's tree if it has it, else the machine's: nothing is kept apart here.
 */
static bool open_program(int root, const char *path, struct plan *plan)
{
	for (int own = root >= 0; own >= 0; own--) {
		struct stat st;
		int fd;

		if (open_in(own ? root : -1, path, O_RDONLY | O_NONBLOCK, &fd, NULL) != 0)
			continue;
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111) {
			plan->program = fd;
			return true;
		}
		plan->missing = EACCES;
		close_fd(&fd);
	}
	return false;
}

static void find_program(struct plan *plan, int root)
{
	const char *name = plan->argv[0];
	const char *path = strv_env(plan->envp, "PATH");
	cleanup_strv char **dirs = NULL;

	plan->missing = ENOENT;
	if (strchr(name, '/')) {
		(void)open_program(root, name, plan);
		return;
	}
	dirs = strv_split(path ? path : "/usr/bin:/bin", ':');
	strv_foreach (dir, dirs) {
		cleanup_free char *full = path_join(*dir, name);

		if (full && open_program(root, full, plan))
			return;
	}
}

static int plan_make(const struct child_spec *spec, struct plan *plan, struct berth_error *err)
{
	const char *cwd = record_str_or(record_get(spec->process, "cwd"), "/");
	int r;

	r = record_strv(record_get(spec->process, "args"), &plan->argv, err);
	if (r == 0)
		r = record_strv(record_get(spec->process, "env"), &plan->envp, err);
	if (r < 0) {
		berth_error_prefix(err, "process.args or process.env");
		return r;
	}
	if (strv_len(plan->argv) == 0)
		return berth_fail(err, BERTH_E_INVALID, "process.args is empty");
	if (record_bool_or(record_get(spec->process, "terminal"), false))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "mock isolation has no terminals");
	if (!spec->pretend)
		find_program(plan, spec->root);
	r = open_in(spec->root, cwd, O_PATH | O_DIRECTORY, &plan->cwd, err);
	if (r == -BERTH_E_NOT_FOUND || (r < 0 && errno == ENOTDIR))
		return berth_fail(err, BERTH_E_INVALID, "process.cwd: there is no directory '%s'",
				  cwd);
	if (r < 0)
		return r;
	/* out of the way of 0, 1, 2, and of what is preserved */
	for (int i = 0; i < 3; i++) {
		int from = spec->stdio[i] >= 0 ? spec->stdio[i]
					       : open("/dev/null", O_RDWR | O_CLOEXEC);

		plan->stdio[i] = fcntl(from, F_DUPFD_CLOEXEC, 3 + (int)spec->preserve_fds);
		if (from != spec->stdio[i])
			close_fd(&from);
		if (plan->stdio[i] < 0)
			return berth_fail_errno(err, errno, "prepare stdio");
	}
	return 0;
}

/* Close all from @first on but a few: what stays open keeps others' gates open. */
static void close_all_but(unsigned first, const int *keep, size_t n)
{
	for (;;) {
		unsigned next = ~0U;

		for (size_t i = 0; i < n; i++) {
			if (keep[i] >= 0 && (unsigned)keep[i] >= first && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		}
		if (next == ~0U)
			break;
		if (next > first)
			(void)syscall(SYS_close_range, first, next - 1, 0);
		first = next + 1;
	}
	(void)syscall(SYS_close_range, first, ~0U, 0);
}

static void say(int fd, const char *text)
{
	size_t left = text ? strlen(text) : 0;

	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nobody listens */
		text += n;
		left -= (size_t)n;
	}
}

static void pretend(const struct plan *plan)
{
	struct timespec left = {
		.tv_sec = plan->spec->run_ms / 1000,
		.tv_nsec = plan->spec->run_ms % 1000 * 1000000,
	};

	close(plan->report);
	say(STDOUT_FILENO, plan->spec->out);
	say(STDERR_FILENO, plan->spec->err);
	while (nanosleep(&left, &left) < 0)
		;
	_exit(plan->spec->code);
}

/* In the child, where nothing may be allocated. */
static _Noreturn void child_main(const struct plan *plan)
{
	const int needed[] = {plan->program, plan->cwd, plan->gate, plan->report};
	sigset_t none;
	char magic[2];
	int failed;
	char go;

	(void)setsid();
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	if (plan->spec->ignore_term)
		(void)signal(SIGTERM, SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++) {
		if (dup2(plan->stdio[i], i) < 0)
			_exit(126);
	}
	for (unsigned i = 0; i < plan->spec->preserve_fds; i++)
		(void)fcntl(3 + (int)i, F_SETFD, 0);
	close_all_but(3 + plan->spec->preserve_fds, needed, sizeof(needed) / sizeof(needed[0]));
	if (fchdir(plan->cwd) < 0 || read(plan->gate, &go, 1) != 1)
		_exit(126);
	if (plan->spec->pretend)
		pretend(plan);
	if (plan->program < 0) {
		(void)!write(plan->report, &plan->missing, sizeof(plan->missing));
		_exit(127);
	}
	/* a script's interpreter opens it by its descriptor */
	if (pread(plan->program, magic, sizeof(magic), 0) == sizeof(magic) &&
	    memcmp(magic, "#!", sizeof(magic)) == 0)
		(void)fcntl(plan->program, F_SETFD, 0);
	(void)fexecve(plan->program, plan->argv, plan->envp);
	failed = errno;
	(void)!write(plan->report, &failed, sizeof(failed));
	_exit(127);
}

int child_start(const struct child_spec *spec, struct child *ret, struct berth_error *err)
{
	__attribute__((cleanup(plan_done))) struct plan plan = {
		.program = -1,
		.cwd = -1,
		.stdio = {-1, -1, -1},
		.gate = -1,
		.report = -1,
		.spec = spec,
	};
	struct child child = CHILD_INIT;
	int gate[2];
	int report[2];
	int r;

	r = plan_make(spec, &plan, err);
	if (r < 0)
		return r;
	/* who writes to a dead one's pipe gets a signal */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) < 0)
		return berth_fail_errno(err, errno, "make a pair of sockets");
	plan.gate = gate[0];
	child.gate = gate[1];
	if (pipe2(report, O_CLOEXEC) < 0) {
		child_done(&child);
		return berth_fail_errno(err, errno, "make a pipe");
	}
	child.report = report[0];
	plan.report = report[1];
	child.pid = fork();
	if (child.pid == 0)
		child_main(&plan);
	if (child.pid > 0)
		child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	if (child.pidfd < 0) {
		r = berth_fail_errno(err, errno, "start a process");
		child_done(&child);
		return r;
	}
	*ret = child;
	return 0;
}

static int cannot_execute(const char *program, int failed, struct berth_error *err)
{
	(void)berth_fail_errno(err, failed, "exec: \"%s\"", program);
	if (failed == ENOENT && !strchr(program, '/'))
		(void)berth_fail(err, BERTH_E_EXEC,
				 "exec: \"%s\": executable file not found in $PATH", program);
	if (err) {
		err->code = BERTH_E_EXEC;
		err->sys_errno = failed;
	}
	return -BERTH_E_EXEC;
}

int child_release(struct child *child, const char *program, struct berth_error *err)
{
	int failed = 0;
	ssize_t n;

	if (child->gate < 0)
		return berth_fail(err, BERTH_E_BUSY, "it is started already");
	if (send(child->gate, "", 1, MSG_NOSIGNAL) != 1)
		return berth_fail(err, BERTH_E_NOT_FOUND, "it has ended");
	close_fd(&child->gate);
	do
		n = read(child->report, &failed, sizeof(failed));
	while (n < 0 && errno == EINTR);
	close_fd(&child->report);
	if (n != (ssize_t)sizeof(failed))
		return 0; /* closed by its exec */
	return cannot_execute(program, failed, err);
}

void child_done(struct child *child)
{
	close_fd(&child->gate);
	close_fd(&child->report);
	close_fd(&child->pidfd);
}
