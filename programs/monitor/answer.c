/* SPDX-License-Identifier: Apache-2.0 */
/* The container's resolver as a part of the monitor. */
#include "programs/monitor/monitor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "programs/monitor/resolver.h"

void answer_stop(struct monitor *m)
{
	if (!m->resolver)
		return;
	loop_unwatch(m, &m->names);
	resolver_free(m->resolver);
	m->resolver = NULL;
	m->names.fd = -1;
	close_fd(&m->run_root);
}

int answer_on(struct monitor *m, struct monitor_msg *msg, struct berth_error *err)
{
	int r;

	if (msg->n_fds != 2)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "names are answered on two sockets, not %zu", msg->n_fds);
	answer_stop(m);
	m->run_root = open(m->config->run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->run_root < 0)
		return berth_fail_errno(err, errno, "open '%s'", m->config->run);
	r = resolver_new(m->run_root, m->id, steal_fd(&msg->fds[0]), steal_fd(&msg->fds[1]),
			 &m->resolver, err);
	if (r < 0) {
		close_fd(&m->run_root);
		return r;
	}
	m->names = (struct source){SOURCE_NAMES, resolver_fd(m->resolver)};
	r = loop_watch(m, &m->names, EPOLLIN, err);
	if (r < 0)
		answer_stop(m);
	return r;
}

void answer_serve(struct monitor *m)
{
	resolver_serve(m->resolver);
}
