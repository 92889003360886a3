/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <signal.h>

static int send_signal(int monitor, int signo, struct berth_error *err)
{
	struct monitor_msg msg;
	int r = monitor_send(monitor, MONITOR_SIGNAL, 0, signo, 0, NULL, NULL, 0, err);

	if (r == 0)
		r = monitor_expect(monitor, MONITOR_DONE, &msg, err);
	return r;
}

int container_kill(struct container_host *h, const char *ref, const char *signal,
		   struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_fd int monitor = -1;
	int signo = SIGKILL, r = 0;

	if (signal && *signal)
		r = spec_signal(signal, &signo, err);
	if (r == 0)
		r = container_row_find(h->store, ref, &row, err);
	if (r == 0)
		r = container_connect(h, row, "kill", &monitor, err);
	if (r == 0)
		r = send_signal(monitor, signo, err);
	/* what is frozen takes no signal */
	if (r == 0 && row->state == CONTAINER_PAUSED && signo != SIGCONT)
		r = container_thaw(h, row, monitor, err);
	return r;
}

static int stop_signal(const struct container_row *row, int *ret, struct berth_error *err)
{
	const char *word = record_str(record_path(row->merged, "Config.StopSignal"));

	if (!word || !*word) {
		*ret = SIGTERM;
		return 0;
	}
	return spec_signal(word, ret, err);
}

int container_stop(struct container_host *h, const char *ref, int timeout_s,
		   struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	struct container_streams s;
	int64_t timeout_ms = (int64_t)timeout_s * 1000;
	int signo, code, r;

	container_streams_init(&s);
	r = container_row_find(h->store, ref, &row, err);
	if (r == 0)
		r = stop_signal(row, &signo, err);
	if (r < 0)
		return r;
	if (timeout_s < 0)
		timeout_ms = record_int_or(record_path(row->merged, "Config.StopTimeout"),
					   (int64_t)(h->config->stop_timeout_ms / 1000)) *
			     1000;
	if (container_connect(h, row, "stop", &s.control, NULL) < 0)
		return 0; /* not running: done, as docker has it */
	r = monitor_send(s.control, MONITOR_WATCH, CONTAINER_FINISH, 0, 0, NULL, NULL, 0, err);
	if (r == 0)
		r = container_streams_signal(&s, signo, err);
	if (r == 0 && row->state == CONTAINER_PAUSED)
		r = container_thaw(h, row, s.control, err);
	if (r == 0)
		r = container_streams_wait(
			&s, timeout_ms < 0 || timeout_ms > INT32_MAX ? -1 : (int)timeout_ms, &code,
			err);
	if (r == -BERTH_E_TIMEOUT) {
		r = container_streams_signal(&s, SIGKILL, err);
		if (r == 0)
			r = container_streams_wait(&s, -1, &code, err);
	}
	if (r == 0 && s.has_duty)
		r = container_finish(h, row->id, err);
	container_streams_close(&s);
	/* it was at its end already when we came: until the row says so as well */
	if (r == -BERTH_E_UNREACHABLE)
		r = container_wait(h, row->id, CONTAINER_WAIT_NOT_RUNNING, &code, err);
	return r == -BERTH_E_NOT_FOUND ? 0 : r;
}
