/* SPDX-License-Identifier: Apache-2.0 */
#include "base/netns.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREAD_STACK = 64 * 1024 };

struct socket_in {
	int netns_fd, domain, type, protocol;
	int fd; /* -1: failed */
	int sys_errno;
	const char *failed;
};

/*
 * A network namespace belongs to a thread. This one enters it, and ends: so there is no way back
 * that could fail and leave the caller in the wrong place.
 */
static void *socket_thread(void *arg)
{
	struct socket_in *in = arg;

	if (setns(in->netns_fd, CLONE_NEWNET) < 0) {
		in->sys_errno = errno;
		in->failed = "enter the network namespace";
		return NULL;
	}
	in->fd = socket(in->domain, in->type | SOCK_CLOEXEC, in->protocol);
	if (in->fd < 0) {
		in->sys_errno = errno;
		in->failed = "make a socket in the network namespace";
	}
	return NULL;
}

static int run_thread(struct socket_in *in, struct berth_error *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r == 0) {
		(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
		r = pthread_create(&thread, &attr, socket_thread, in);
		(void)pthread_attr_destroy(&attr);
	}
	if (r == 0)
		r = pthread_join(thread, NULL);
	return r ? berth_fail_errno(err, r, "start a thread") : 0;
}

int netns_socket(int netns_fd, int domain, int type, int protocol, int *ret_fd,
		 struct berth_error *err)
{
	struct socket_in in = {
		.netns_fd = netns_fd,
		.domain = domain,
		.type = type,
		.protocol = protocol,
		.fd = -1,
	};
	int r;

	if (netns_fd < 0) {
		int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

		if (fd < 0)
			return berth_fail_errno(err, errno, "make a socket");
		*ret_fd = fd;
		return 0;
	}
	r = run_thread(&in, err);
	if (r < 0)
		return r;
	if (in.fd < 0)
		return berth_fail_errno(err, in.sys_errno, "%s", in.failed);
	*ret_fd = in.fd;
	return 0;
}

bool netns_is_own(int netns_fd)
{
	struct stat own, other;

	return stat("/proc/thread-self/ns/net", &own) == 0 && fstat(netns_fd, &other) == 0 &&
	       own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}
