/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener of a seccomp filter goes to who asked for it by linux.seccomp.listenerPath, with the
 * container process state of the specification (config-linux.md, "The Container Process State").
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "base/record_write.h"
#include "kernel.h"
#include "native.h"

static int describe(struct berth_sandbox *sb, pid_t pid, const char *status, struct str *out,
		    struct berth_error *err)
{
	cleanup_str struct str state = STR_INIT;
	struct jw w = jw_to(out, RECORD_COMPACT);
	int r = state_describe(sb, status, &state, err);

	if (r < 0)
		return r;
	jw_object_begin(&w);
	jw_key_str(&w, "ociVersion", sb->version);
	jw_key_array(&w, "fds");
	jw_str(&w, "seccompFd");
	jw_array_end(&w);
	jw_key_int(&w, "pid", pid);
	jw_key_str(&w, "metadata",
		   sb->filter.listener_metadata ? sb->filter.listener_metadata : "");
	jw_key_raw(&w, "state", str_text(&state));
	jw_object_end(&w);
	return str_check(out, err);
}

static int send_with_fd(int to, const struct str *text, int fd, struct berth_error *err)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {text->p, text->len};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(to, &m, MSG_NOSIGNAL) != (ssize_t)text->len)
		return berth_fail_errno(err, errno, "send the seccomp listener");
	return 0;
}

int notify_hand_over(struct berth_sandbox *sb, int pidfd, pid_t pid, int number, const char *status,
		     struct berth_error *err)
{
	const char *path = sb->filter.listener_path;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	cleanup_str struct str text = STR_INIT;
	cleanup_fd int listener = -1, to = -1;
	int r;

	if (!path || strlen(path) >= sizeof(address.sun_path))
		return berth_fail(err, BERTH_E_INVALID,
				  "key 'linux.seccomp.listenerPath' is missing or too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	listener = kernel_pidfd_getfd(pidfd, number);
	if (listener < 0)
		return berth_fail_errno(err, errno, "take the seccomp listener");
	to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (to < 0 || connect(to, (struct sockaddr *)&address, sizeof(address)) < 0)
		return berth_fail_errno(err, errno, "connect to seccomp listener '%s'", path);
	r = describe(sb, pid, status, &text, err);
	return r < 0 ? r : send_with_fd(to, &text, listener, err);
}
