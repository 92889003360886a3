/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolation driver of version 1.0, written against its headers alone: its program writes "ran"
 * to stdout and ends with status 3. It must load and work with every later engine of ABI 1; so it
 * is never edited.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <berth/isolation.h>

struct berth_isolation {
	const struct berth_host *host;
};

struct berth_sandbox {
	int pid, pidfd, gate;
	bool dead;
	struct berth_exit exit;
};

static void child(int gate, int out)
{
	char go;

	if (read(gate, &go, 1) != 1)
		_exit(1);
	_exit(write(out, "ran", 3) == 3 ? 3 : 2);
}

static int old_create(struct berth_isolation *iso, const struct berth_launch *launch,
		      struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	struct berth_sandbox *sb = calloc(1, sizeof(*sb));
	int gate[2];

	if (!sb)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (launch->size < sizeof(*launch) || launch->spec.n == 0 || pipe2(gate, O_CLOEXEC) < 0) {
		free(sb);
		return berth_fail(err, BERTH_E_INVALID, "'%s' cannot be launched", launch->id);
	}
	sb->pid = fork();
	if (sb->pid == 0) {
		(void)close(gate[1]);
		child(gate[0], launch->stdio[1]);
	}
	(void)close(gate[0]);
	sb->gate = gate[1];
	sb->pidfd = (int)syscall(SYS_pidfd_open, sb->pid, 0);
	*ret = sb;
	return 0;
}

static int old_info(struct berth_sandbox *sb, struct berth_sandbox_info *ret,
		    struct berth_error *err)
{
	ret->pid = sb->dead ? 0 : sb->pid;
	return 0;
}

static int old_start(struct berth_sandbox *sb, struct berth_error *err)
{
	if (sb->gate < 0)
		return berth_fail(err, BERTH_E_BUSY, "it is started already");
	if (write(sb->gate, "", 1) != 1)
		return berth_fail_errno(err, errno, "start it");
	(void)close(sb->gate);
	sb->gate = -1;
	return 0;
}

static int old_signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags,
		      struct berth_error *err)
{
	if (sb->dead)
		return berth_fail(err, BERTH_E_NOT_FOUND, "it has ended");
	return kill(sb->pid, signo) < 0 ? berth_fail_errno(err, errno, "signal it") : 0;
}

static int old_wait_fd(struct berth_sandbox *sb, int *ret_fd, struct berth_error *err)
{
	*ret_fd = sb->pidfd;
	return 0;
}

static int old_reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	int status;

	if (!sb->dead) {
		pid_t pid = waitpid(sb->pid, &status, WNOHANG);

		if (pid == 0)
			return berth_fail(err, BERTH_E_BUSY, "it runs");
		sb->dead = true;
		sb->exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	ret->code = sb->exit.code;
	return 0;
}

static int old_destroy(struct berth_sandbox *sb, struct berth_error *err)
{
	if (!sb->dead) {
		(void)kill(sb->pid, SIGKILL);
		(void)waitpid(sb->pid, NULL, 0);
	}
	sb->dead = true;
	return 0;
}

static void old_forget(struct berth_sandbox *sb)
{
	if (!sb)
		return;
	if (sb->gate >= 0)
		(void)close(sb->gate);
	(void)close(sb->pidfd);
	free(sb);
}

static int old_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		    void **ret_instance, struct berth_error *err)
{
	struct berth_isolation *iso = calloc(1, sizeof(*iso));

	if (!iso)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	iso->host = host;
	*ret_instance = iso;
	return 0;
}

static void old_close(void *instance)
{
	free(instance);
}

static const struct berth_isolation_ops ops = {
	.create = old_create,
	.info = old_info,
	.start = old_start,
	.signal = old_signal,
	.wait_fd = old_wait_fd,
	.reap = old_reap,
	.destroy = old_destroy,
	.forget = old_forget,
};

static const struct berth_driver head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_ISOLATION,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_ONE,
	.caps = BERTH_ISO_PID_IS_REAL | BERTH_ISO_INSECURE,
	.name = "old",
	.version = "1.0.0",
	.summary = "a driver of ABI 1.0",
	.ops = &ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.open = old_open,
	.close = old_close,
};

BERTH_DRIVER_EXPORT(BERTH_ISOLATION, "old", "1.0.0", head);
