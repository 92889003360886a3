/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that the driver started in a container is a child of the driver's process. Who asked for
 * it waits for a child of his own: the stand-in, which hands signals on and ends as the real one
 * does. If the stand-in is killed, so is the real one.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seat.h"

struct ending {
	int32_t code, signal;
};

static void send_signal(int pidfd, int signo)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0); /* or it has ended */
}

/* --- in the driver's process -------------------------------------------------------------------
 */

struct watch {
	int pidfd, fd;
};

static void *watch(void *arg)
{
	struct watch *w = arg;
	struct pollfd fds[] = {{.fd = w->pidfd, .events = POLLIN}, {.fd = w->fd, .events = 0}};
	struct ending end = {0};
	siginfo_t info = {0};

	while (!fds[0].revents) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents) { /* nobody stands in for it any more */
			send_signal(w->pidfd, SIGKILL);
			fds[1].fd = -1;
			fds[1].revents = 0;
		}
	}
	if (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED) == 0) {
		end.code = info.si_code == CLD_EXITED ? info.si_status : 0;
		end.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	}
	(void)send(w->fd, &end, sizeof(end), MSG_NOSIGNAL);
	close_fd(&w->fd);
	close_fd(&w->pidfd);
	free(w);
	return NULL;
}

int stand_in_watch(int pidfd, int fd, struct berth_error *err)
{
	struct watch *w = calloc(1, sizeof(*w));
	pthread_t thread;
	int code = ENOMEM;

	if (w) {
		*w = (struct watch){pidfd, fd};
		code = pthread_create(&thread, NULL, watch, w);
	}
	if (code == 0) {
		(void)pthread_detach(thread);
		return 0;
	}
	free(w);
	send_signal(pidfd, SIGKILL);
	(void)close(pidfd);
	(void)close(fd);
	return berth_fail_errno(err, code, "start a thread");
}

/* --- in its own process ------------------------------------------------------------------------
 */

static _Noreturn void end_like(const struct ending *end)
{
	sigset_t none;

	if (!end->signal)
		_exit(end->code);
	(void)prctl(PR_SET_DUMPABLE, 0); /* the core is the real one's to write */
	(void)signal(end->signal, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)kill(getpid(), end->signal);
	_exit(128 + end->signal);
}

_Noreturn void stand_in(void)
{
	struct pollfd fds[] = {{.fd = WIRE_LIFE_FD, .events = POLLIN},
			       {.fd = -1, .events = POLLIN}};
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	fds[1].fd = signalfd(-1, &all, SFD_CLOEXEC);
	for (;;) {
		struct signalfd_siginfo info;
		struct ending end = {.signal =
					     SIGKILL}; /* its driver's process is gone, so is it */

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && read(fds[1].fd, &info, sizeof(info)) == sizeof(info))
			send_signal(WIRE_CONTROL_FD, (int)info.ssi_signo);
		if (!fds[0].revents)
			continue;
		if (recv(WIRE_LIFE_FD, &end, sizeof(end), 0) != sizeof(end))
			end = (struct ending){.signal = SIGKILL};
		end_like(&end);
	}
}
