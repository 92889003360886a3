/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "cni.h"

/* A file in memory with these bytes, read from its beginning. */
static int memory_file(const struct str *text, int *ret, struct berth_error *err)
{
	cleanup_fd int fd = memfd_create("berth-cni", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "make a file in memory");
	r = text ? write_all(fd, text->p, text->len, err) : 0;
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = berth_fail_errno(err, errno, "make a file in memory");
	if (r == 0)
		*ret = steal_fd(&fd);
	return r;
}

static int find_program(const struct berth_network *net, const char *type, char **ret,
			struct berth_error *err)
{
	strv_foreach (dir, net->bin_dirs) {
		cleanup_free char *path = str_fmt("%s/%s", *dir, type);

		if (!path)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		if (**dir == '/' && access(path, X_OK) == 0) {
			*ret = steal_ptr(path);
			return 0;
		}
	}
	(void)berth_fail(err, BERTH_E_NOT_FOUND, "there is no CNI plugin '%s' in '%s'", type,
			 net->path);
	berth_error_hint(err, "install it (Debian: containernetworking-plugins), or set the option "
			      "bin_dirs of driver 'cni'");
	return -BERTH_E_NOT_FOUND;
}

static int environment(const struct berth_network *net, const struct cni_call *call, char ***ret,
		       struct berth_error *err)
{
	cleanup_strv char **env = NULL;
	int r = strv_addf(&env, "CNI_COMMAND=%s", call->command);

	if (r == 0)
		r = strv_addf(&env, "CNI_CONTAINERID=%s", call->container);
	if (r == 0)
		r = call->netns < 0 ? strv_add(&env, "CNI_NETNS=")
				    : strv_addf(&env, "CNI_NETNS=/proc/%d/fd/%d", (int)getpid(),
						call->netns);
	if (r == 0)
		r = strv_addf(&env, "CNI_IFNAME=%s", call->ifname);
	if (r == 0)
		r = strv_addf(&env, "CNI_PATH=%s", net->path);
	if (r == 0)
		r = strv_add(&env, "CNI_ARGS=IgnoreUnknown=1");
	/* some run others, which they look for there */
	if (r == 0)
		r = strv_add(&env,
			     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (r < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret = steal_ptr(env);
	return 0;
}

static void end(int pidfd)
{
	siginfo_t info;

	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* or it has ended */
	(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
}

/* *@ret_ok: it ended with status 0. */
static int wait_end(struct berth_network *net, int pidfd, struct berth_op *op, bool *ret_ok,
		    struct berth_error *err)
{
	struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN},
			       {.fd = net->host->cancel_fd(op), .events = POLLIN}};
	int64_t until = clock_mono_ns() + (int64_t)net->timeout_ms * 1000000;
	siginfo_t info = {0};

	for (;;) {
		int64_t left = (until - clock_mono_ns()) / 1000000;
		int n = left > 0 ? poll(fds, 2, (int)(left < 1000000 ? left : 1000000)) : 0;

		if (n > 0 && fds[0].revents)
			break;
		if (n > 0 && fds[1].revents) {
			end(pidfd);
			return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
		}
		if (n == 0) {
			end(pidfd);
			return berth_fail(err, BERTH_E_TIMEOUT, "it has not ended within %llu s",
					  (unsigned long long)(net->timeout_ms / 1000));
		}
	}
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return berth_fail_errno(err, errno, "wait for its end");
	*ret_ok = info.si_code == CLD_EXITED && info.si_status == 0;
	return 0;
}

/* What it said when it failed: {"code": 11, "msg": "...", "details": "..."} */
static int plugin_failed(const struct record *said, const char *complaint, struct berth_error *err)
{
	const char *msg = record_str_or(record_get(said, "msg"), "");
	const char *details = record_str_or(record_get(said, "details"), "");

	if (!*msg)
		msg = *complaint ? complaint : "it failed, and did not say why";
	/* 11: try again later (CNI specification, section 2) */
	return berth_fail(err,
			  record_int_or(record_get(said, "code"), 0) == 11 ? BERTH_E_RETRY_LATER
									   : BERTH_E_IO,
			  "%.300s%s%.150s", msg, *details ? ": " : "", details);
}

static int read_back(int fd, char **ret, size_t *ret_n, struct berth_error *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return berth_fail_errno(err, errno, "read what it printed");
	return read_fd_limited(fd, CNI_TEXT_MAX, ret, ret_n, err);
}

static int answer(int out, int complaints, bool ok, struct record **ret, struct berth_error *err)
{
	cleanup_free char *text = NULL, *complaint = NULL;
	cleanup_record struct record *said = NULL;
	size_t n, len;
	int r = read_back(out, &text, &n, err);

	if (r == 0)
		r = read_back(complaints, &complaint, &len, err);
	if (r < 0)
		return r;
	complaint[strcspn(complaint, "\n")] = '\0';
	if (strspn(text, " \t\r\n") < n)
		r = record_parse(text, n, 0, &said, ok ? err : NULL);
	if (!ok)
		return plugin_failed(said, complaint, err);
	if (r == 0 && ret)
		*ret = steal_ptr(said);
	return r;
}

static int run_program(struct berth_network *net, const char *program, char *const *env,
		       const struct str *input, const struct cni_call *call, struct record **ret,
		       struct berth_error *err)
{
	const char *argv[] = {program, NULL};
	cleanup_fd int in = -1, out = -1, complaints = -1, pidfd = -1;
	bool ok = false;
	int r = memory_file(input, &in, err);

	if (r == 0)
		r = memory_file(NULL, &out, err);
	if (r == 0)
		r = memory_file(NULL, &complaints, err);
	if (r == 0)
		r = net->host->spawn(net->host, argv, (const char *const *)env,
				     (const int[]){in, out, complaints}, 3, &pidfd, err);
	if (r == 0)
		r = wait_end(net, pidfd, call->op, &ok, err);
	return r < 0 ? r : answer(out, complaints, ok, ret, err);
}

int cni_run(struct berth_network *net, const struct cni_list *list, size_t i,
	    const struct cni_call *call, const struct record *previous, struct record **ret,
	    struct berth_error *err)
{
	const char *type = record_str_or(record_get(record_at(list->plugins, i), "type"), "");
	cleanup_str struct str input = STR_INIT;
	cleanup_free char *program = NULL;
	cleanup_strv char **env = NULL;
	int r = find_program(net, type, &program, err);

	if (r == 0)
		r = environment(net, call, &env, err);
	if (r == 0)
		r = cni_list_input(list, i, previous, &input, err);
	if (r == 0)
		r = run_program(net, program, env, &input, call, ret, err);
	if (r < 0)
		berth_error_prefix(err, "CNI plugin '%s', %s", type, call->command);
	return r;
}
