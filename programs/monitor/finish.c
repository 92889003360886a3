/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/monitor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/process.h"

/** For whoever finishes, should we be killed before they know. */
static void exit_write(struct monitor *m)
{
	cleanup_fd int fd = -1;
	char text[160];
	int n = snprintf(text, sizeof(text),
			 "{\"Code\":%d,\"Signal\":%d,\"Flags\":%u,\"At\":%lld}\n", m->end.code,
			 m->end.signal, m->end.flags,
			 (long long)(m->end.at_ns ? (int64_t)m->end.at_ns : clock_now_ns()));

	if (state_open(m->run_dir, MONITOR_EXIT, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd, NULL) ==
	    0)
		(void)!write(fd, text, (size_t)n);
}

int finish_tell(struct monitor *m, struct client *c, bool duty)
{
	return monitor_send(c->source.fd, MONITOR_EXITED, m->end.flags, m->end.code, duty, NULL,
			    NULL, 0, NULL);
}

static bool give_duty(struct monitor *m)
{
	for (struct client *c = m->clients; c; c = c->next) {
		if (!c->can_finish)
			continue;
		c->can_finish = c->watches = false;
		if (finish_tell(m, c, true) == 0) {
			c->has_duty = true;
			return true;
		}
	}
	return false;
}

static void finish_over(struct monitor *m);

/**
 * Nobody is there to do it: `berth system finish ID`. It is not waited for here: it may wait for
 * somebody who waits for an answer of ours.
 */
static void start_finisher(struct monitor *m)
{
	const char *argv[] = {m->program, "--config", m->config_file, "system", "finish",
			      m->id,	  NULL};
	const char *plain[] = {m->program, "system", "finish", m->id, NULL};
	const int fds[] = {-1, -1, log_enabled(BERTH_LOG_DEBUG) ? STDERR_FILENO : -1};
	struct process_spec spec = {
		.path = m->program,
		.argv = (char *const *)(m->config_file ? argv : plain),
		.envp = environ,
		.fds = fds,
		.n_fds = 3,
	};

	m->finisher = (struct source){SOURCE_FINISHER, -1};
	if (process_spawn(&spec, &m->finisher.fd, NULL, NULL) == 0 &&
	    loop_watch(m, &m->finisher, EPOLLIN, NULL) == 0)
		return;
	/* then the next command finds a row that runs without a monitor */
	finish_over(m);
}

void finish_begin(struct monitor *m)
{
	exit_write(m);
	answer_stop(m);
	ports_close(m); /* before anybody hears of the end: who does may publish them at once */
	if (!give_duty(m))
		start_finisher(m);
}

void finish_ended(struct monitor *m)
{
	struct process_status status;

	(void)process_wait(m->finisher.fd, &status, NULL);
	loop_unwatch(m, &m->finisher);
	close_fd(&m->finisher.fd);
	finish_over(m);
}

void finish_next(struct monitor *m, bool ok)
{
	if (ok)
		finish_over(m);
	else if (!give_duty(m))
		start_finisher(m);
}

/** The database says so: tell everybody, tidy up, and let the clients go. */
static void finish_over(struct monitor *m)
{
	struct client *next;

	m->finished = true;
	finish_tidy(m);
	for (struct client *c = m->clients; c; c = next) {
		bool behind = c->sink[0].n_late > 0 || c->sink[1].n_late > 0;

		next = c->next;
		if (c->watches)
			(void)finish_tell(m, c, false);
		c->watches = c->has_duty = c->can_finish = false;
		/* who has not taken all output yet keeps us until it has, or goes */
		if (!behind)
			client_free(m, c);
	}
}

/** <run>/containers/<id> itself; what a driver left in there keeps it, for the next recovery. */
static void remove_run_dir(struct monitor *m)
{
	cleanup_fd int run = open(m->config->run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int parent = -1;

	if (run >= 0 && state_open(run, "containers", O_PATH | O_DIRECTORY, 0, &parent, NULL) == 0)
		(void)unlinkat(parent, m->id, AT_REMOVEDIR);
}

void finish_tidy(struct monitor *m)
{
	static const char *const files[] = {MONITOR_SPEC,    MONITOR_SOCKET, MONITOR_EXIT,
					    MONITOR_SANDBOX, "resolver",     "names",
					    MONITOR_LOCK};

	ports_close(m);
	if (m->run_dir < 0)
		return;
	if (m->sandbox) {
		(void)m->iso->ops.destroy(m->sandbox, NULL);
		m->iso->ops.forget(m->sandbox);
		m->sandbox = NULL;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)state_unlink(m->run_dir, files[i], NULL);
	remove_run_dir(m);
	/* the lock is given back last: with it free, nothing of this run is left */
	close_fd(&m->run_dir);
	close_fd(&m->lock);
}

void finish_reclaim(struct monitor *m)
{
	struct storage *st;
	uint64_t bytes;

	if (!m->auto_remove || !m->storage[0])
		return;
	/* best effort: what stays in the trash is for the next one */
	if (drivers_storage(m->drivers, m->storage, &st, NULL) == 0)
		(void)st->ops.reclaim(st->st, NULL, &bytes, NULL);
}
