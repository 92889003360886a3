/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/monitor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"

enum {
	CHUNK = 65536,		/* one read: the size of a pipe */
	LATE_MAX = 1 << 20,	/* what a lossy client may be behind before it is let go */
	DRAIN_ROUNDS = 1 << 16, /* of CHUNK after the end; only a foreign writer could need more */
};

void sink_open(struct sink *sink, int fd, bool lossless)
{
	/* blocking would stop the loop; the description is the client's gift, so its flags are ours
	 */
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	sink->source = (struct source){SOURCE_SINK, fd};
	sink->lossless = lossless;
}

void sink_close(struct monitor *m, struct sink *sink)
{
	if (sink->source.fd < 0)
		return;
	if (sink->polled)
		loop_unwatch(m, &sink->source);
	close_fd(&sink->source.fd);
	free(sink->late);
	*sink = (struct sink){.source = {SOURCE_SINK, -1}};
}

/** The log goes on after a full disk: what does not fit is lost, the container is not stopped. */
static void log_append(struct monitor *m, int stream, const char *bytes, size_t n)
{
	struct berth_error err;

	if (m->flags & MONITOR_NO_LOG)
		return;
	if (m->log < 0 && state_open(m->state_dir, MONITOR_LOG, O_WRONLY | O_CREAT | O_APPEND, 0600,
				     &m->log, NULL) < 0)
		return;
	if (log_file_append(m->log, stream ? LOG_STDERR : LOG_STDOUT, clock_now_ns(), bytes, n,
			    &err) < 0 &&
	    !m->log_failed) {
		m->log_failed = true;
		log_debug("monitor.log", "id=%s error='%s'", m->id, err.text);
	}
}

static void outputs_pause(struct monitor *m)
{
	for (int i = 0; i < STREAMS; i++) {
		struct output *o = &m->output[i];

		if (o->source.fd >= 0 && !o->paused && !m->ended) {
			loop_unwatch(m, &o->source);
			o->paused = true;
		}
	}
}

void outputs_resume(struct monitor *m)
{
	for (int i = 0; i < STREAMS; i++) {
		struct output *o = &m->output[i];

		if (o->source.fd >= 0 && o->paused && !m->ended &&
		    loop_watch(m, &o->source, EPOLLIN, NULL) == 0)
			o->paused = false;
	}
}

/** Keep what a sink does not take now; a lossy one that is too late is let go. */
static void sink_keep(struct monitor *m, struct sink *sink, const char *bytes, size_t n)
{
	char *more;

	if (!sink->lossless && sink->n_late + n > LATE_MAX) {
		sink_close(m, sink);
		return;
	}
	more = realloc(sink->late, sink->n_late + n);
	if (!more) {
		sink_close(m, sink);
		return;
	}
	memcpy(more + sink->n_late, bytes, n);
	sink->late = more;
	sink->n_late += n;
	if (!sink->polled)
		sink->polled = loop_watch(m, &sink->source, EPOLLOUT, NULL) == 0;
	if (!sink->polled)
		sink_close(m, sink);
	else if (sink->lossless)
		outputs_pause(m);
}

static void sink_put(struct monitor *m, struct sink *sink, const char *bytes, size_t n)
{
	ssize_t put = 0;

	if (sink->source.fd < 0)
		return;
	if (sink->n_late == 0) {
		do
			put = write(sink->source.fd, bytes, n);
		while (put < 0 && errno == EINTR);
		if (put < 0 && errno != EAGAIN) {
			sink_close(m, sink); /* its reader is gone */
			return;
		}
		put = put < 0 ? 0 : put;
	}
	if ((size_t)put < n)
		sink_keep(m, sink, bytes + put, n - (size_t)put);
}

void sink_ready(struct monitor *m, struct sink *sink)
{
	ssize_t put;

	while (sink->at_late < sink->n_late) {
		put = write(sink->source.fd, sink->late + sink->at_late,
			    sink->n_late - sink->at_late);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0)
			break;
		sink->at_late += (size_t)put;
	}
	if (sink->at_late < sink->n_late || m->ended) {
		sink_close(m, sink); /* gone, or all that will ever come has been taken */
	} else {
		loop_unwatch(m, &sink->source);
		sink->polled = false;
		free(sink->late);
		sink->late = NULL;
		sink->n_late = sink->at_late = 0;
	}
	outputs_resume(m);
}

static void spread(struct monitor *m, int stream, const char *bytes, size_t n)
{
	log_append(m, stream, bytes, n);
	for (struct client *c = m->clients; c; c = c->next)
		sink_put(m, &c->sink[stream], bytes, n);
}

/** One read. false: nothing more now, or ever. */
static bool output_step(struct monitor *m, struct output *o)
{
	char chunk[CHUNK];
	ssize_t n;

	if (o->source.fd < 0)
		return false;
	do
		n = read(o->source.fd, chunk, sizeof(chunk));
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		spread(m, o->stream, chunk, (size_t)n);
		return true;
	}
	if (n < 0 && errno == EAGAIN)
		return false;
	/* the end; a terminal without a user says EIO, and may get one again while the container
	 * runs */
	if (!o->paused)
		loop_unwatch(m, &o->source);
	if (o->source.fd == m->console)
		o->source.fd = -1; /* clients still set its size */
	else
		close_fd(&o->source.fd);
	return false;
}

void output_read(struct monitor *m, struct output *o)
{
	(void)output_step(m, o);
}

void output_drain(struct monitor *m)
{
	for (int i = 0; i < STREAMS; i++) {
		struct output *o = &m->output[i];

		for (int round = 0; round < DRAIN_ROUNDS && output_step(m, o); round++)
			;
		if (o->source.fd >= 0 && o->source.fd != m->console)
			close_fd(&o->source.fd);
		o->source.fd = -1;
	}
	for (struct client *c = m->clients; c; c = c->next)
		for (int i = 0; i < STREAMS; i++)
			if (c->sink[i].n_late == 0)
				sink_close(m, &c->sink[i]);
}
