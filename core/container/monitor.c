/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/monitor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/ident.h"
#include "base/log.h"
#include "base/msg.h"
#include "base/path.h"
#include "base/process.h"
#include "core/driver/trace.h"

/** Of a monitor; starting a process in a container that is short of everything takes its time. */
enum { ANSWER_SECONDS = 60, PTY_NAME_MAX = 256 };

int monitor_send(int fd, uint16_t verb, uint32_t flags, int32_t a, int32_t b, const char *text,
		 const int *fds, size_t n_fds, struct berth_error *err)
{
	size_t len = text ? strlen(text) : 0;
	struct monitor_head head = {
		.magic = MONITOR_MAGIC,
		.size = sizeof(head),
		.verb = verb,
		.flags = flags,
		.a = a,
		.b = b,
		.len = (uint32_t)len,
	};
	cleanup_str struct str packet = STR_INIT;
	int r;

	if (len > MONITOR_TEXT_MAX)
		return berth_fail(err, BERTH_E_LIMIT,
				  "message of %zu bytes to the monitor, at most %d", len,
				  MONITOR_TEXT_MAX);
	if (len == 0)
		return msg_send(fd, &head, sizeof(head), fds, n_fds, err);
	str_add_n(&packet, &head, sizeof(head));
	str_add_n(&packet, text, len);
	r = str_check(&packet, err);
	if (r < 0)
		return r;
	return msg_send(fd, packet.p, packet.len, fds, n_fds, err);
}

int monitor_send_error(int fd, const struct berth_error *error)
{
	char text[sizeof(error->text) + sizeof(error->hint) + 1];

	(void)snprintf(text, sizeof(text), "%s\n%s", error->text, error->hint);
	return monitor_send(fd, MONITOR_FAILED, 0, error->code, error->sys_errno, text, NULL, 0,
			    NULL);
}

void monitor_msg_close(struct monitor_msg *msg)
{
	for (size_t i = 0; i < msg->n_fds; i++)
		cleanup_fd_at(&msg->fds[i]);
	msg->n_fds = 0;
}

int monitor_recv(int fd, struct monitor_msg *msg, struct berth_error *err)
{
	/* one packet: head and text lie behind each other after this */
	char packet[sizeof(struct monitor_head) + MONITOR_TEXT_MAX];
	struct monitor_head head = {0};
	size_t n = 0, size;
	int r;

	msg->n_fds = 0;
	r = msg_recv(fd, packet, sizeof(packet), &n, msg->fds, MONITOR_FDS_MAX, &msg->n_fds, err);
	if (r < 0)
		return r;
	if (n == 0)
		return berth_fail(err, BERTH_E_UNREACHABLE, "the other side is gone");
	memcpy(&head, packet, n < sizeof(head) ? n : sizeof(head));
	size = head.size;
	if (n < offsetof(struct monitor_head, verb) || head.magic != MONITOR_MAGIC || size > n ||
	    size < sizeof(uint32_t) * 2 || head.len != n - size) {
		monitor_msg_close(msg);
		return berth_fail(err, BERTH_E_CORRUPT, "a message that is none of ours");
	}
	/* an older or newer sender: what we do not know is skipped, what it does not know is 0 */
	memset(&msg->head, 0, sizeof(msg->head));
	memcpy(&msg->head, packet, size < sizeof(head) ? size : sizeof(head));
	memcpy(msg->text, packet + size, head.len);
	msg->text[head.len] = '\0';
	return 0;
}

static int fail_as_told(const struct monitor_msg *msg, struct berth_error *err)
{
	const char *hint = strchr(msg->text, '\n');
	int len = hint ? (int)(hint - msg->text) : (int)strlen(msg->text);
	int code =
		msg->head.a > 0 && msg->head.a <= BERTH_E_INTERNAL ? msg->head.a : BERTH_E_INTERNAL;

	(void)berth_fail(err, code, "%.*s", len, msg->text);
	if (err)
		err->sys_errno = msg->head.b;
	if (hint && hint[1])
		berth_error_hint(err, "%s", hint + 1);
	return -code;
}

int monitor_expect(int fd, uint16_t verb, struct monitor_msg *msg, struct berth_error *err)
{
	int r = monitor_recv(fd, msg, err);

	if (r < 0) {
		if (r == -BERTH_E_UNREACHABLE)
			return berth_fail(err, BERTH_E_UNREACHABLE,
					  "the container's monitor ended");
		if (r == -BERTH_E_BUSY)
			return berth_fail(err, BERTH_E_TIMEOUT,
					  "the container's monitor does not answer");
		return r;
	}
	if (msg->head.verb == verb)
		return 0;
	monitor_msg_close(msg);
	if (msg->head.verb == MONITOR_FAILED)
		return fail_as_told(msg, err);
	return berth_fail(err, BERTH_E_INTERNAL, "monitor answered %u, not %u", msg->head.verb,
			  verb);
}

int monitor_recv_console(int socket, int *ret_fd, struct berth_error *err)
{
	char name[PTY_NAME_MAX], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {name, sizeof(name)};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;

	if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) <= 0)
		return berth_fail_errno(err, errno, "receive the terminal");
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return berth_fail(err, BERTH_E_INTERNAL, "the driver sent no terminal");
	memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return 0;
}

int monitor_spawn(struct container_host *h, const char *isolation, int *ret_fd,
		  struct berth_error *err)
{
	const char *argv[] = {"berth-monitor", isolation, h->program,
			      h->config_file ? h->config_file : "", NULL};
	int pair[2], pidfd = -1, r;

	r = msg_pair(pair, err);
	if (r < 0)
		return r;
	{
		const int fds[] = {
			-1, -1, log_enabled(BERTH_LOG_DEBUG) || trace_is_on() ? STDERR_FILENO : -1,
			pair[1]};
		struct process_spec spec = {
			.path = h->monitor,
			.argv = (char *const *)argv,
			.envp = environ,
			.fds = fds,
			.n_fds = 4,
			.flags = PROCESS_NEW_SESSION,
		};

		r = process_spawn(&spec, &pidfd, NULL, err);
	}
	close_fd(&pair[1]);
	if (r < 0) {
		close_fd(&pair[0]);
		berth_error_prefix(err, "start '%s'", h->monitor);
		return r;
	}
	/* it outlives us, or its death shows as the end of the socket */
	close_fd(&pidfd);
	*ret_fd = pair[0];
	return 0;
}

static int open_run_dir(struct container_host *h, const char *id, int *ret_fd,
			struct berth_error *err)
{
	char path[sizeof("containers/") + IDENT_ID_MAX];

	(void)snprintf(path, sizeof(path), "containers/%s", id);
	return state_open(h->store->runfd, path, O_PATH | O_DIRECTORY, 0, ret_fd, err);
}

int monitor_connect(struct container_host *h, const char *id, int *ret_fd, struct berth_error *err)
{
	const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	cleanup_fd int dir = -1;
	int r;

	r = open_run_dir(h, id, &dir, err);
	if (r == 0)
		r = msg_connect(dir, MONITOR_SOCKET, ret_fd, err);
	if (r == -BERTH_E_UNREACHABLE || r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_NOT_FOUND, "container %.12s has no monitor", id);
	/* waiting for an end is by poll, and has no limit; an answer has one */
	if (r == 0)
		(void)setsockopt(*ret_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return r;
}

bool monitor_is_alive(struct container_host *h, const char *id)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[sizeof("containers//" MONITOR_LOCK) + IDENT_ID_MAX];
	cleanup_fd int fd = -1;

	(void)snprintf(path, sizeof(path), "containers/%s/" MONITOR_LOCK, id);
	if (state_open(h->store->runfd, path, O_RDWR, 0, &fd, NULL) < 0)
		return false;
	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
