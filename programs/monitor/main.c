/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/monitor.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "programs/defaults.h"

/**
 * berth-monitor ISOLATION PROGRAM CONFIG, with the launching client at descriptor 3. Not for
 * people: `berth` starts it, and it says what goes wrong over that descriptor.
 */
static int prepare(struct monitor *m, const char *isolation, struct berth_error *err)
{
	int r = config_load(m->config_file, berth_defaults, &m->config, err);

	if (r == 0)
		r = drivers_new(m->config, &m->drivers, err);
	if (r == 0)
		r = drivers_isolation(m->drivers, isolation, &m->iso, err);
	return r;
}

static void debug_log(void)
{
	const char *word = getenv("BERTH_LOG");
	int level;

	if (word && log_parse_level(word, &level, NULL) == 0)
		log_to_fd(STDERR_FILENO, level);
}

int main(int argc, char **argv)
{
	struct monitor m = {
		.run_dir = -1,
		.state_dir = -1,
		.lock = -1,
		.log = -1,
		.stdin_w = -1,
		.console = -1,
		.epoll = -1,
		.run_root = -1,
	};
	struct berth_error err = {0};
	int r;

	if (argc != 4) {
		(void)fprintf(stderr, "berth-monitor: is started by berth, not by hand\n");
		return 125;
	}
	debug_log();
	m.program = argv[2];
	m.config_file = argv[3][0] ? argv[3] : NULL;
	(void)signal(SIGPIPE, SIG_IGN);
	/* the container's orphans become ours, so that none escapes the wait for its end */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (chdir("/") < 0) /* keeps no mount busy; cannot fail for root */
		return 125;

	r = prepare(&m, argv[1], &err);
	if (r == 0)
		r = loop_init(&m, &err);
	if (r < 0) {
		struct monitor_msg msg;

		/* whoever launches waits for an answer, not for us to be gone */
		if (monitor_recv(MONITOR_FD, &msg, NULL) == 0)
			(void)monitor_send_error(MONITOR_FD, &err);
		return 125;
	}
	r = launch(&m, MONITOR_FD, &err);
	if (r < 0) {
		log_debug("monitor.launch", "error='%s'", err.text);
		finish_tidy(&m);
		return 125;
	}
	trim();
	loop_run(&m);
	finish_tidy(&m);
	finish_reclaim(&m);
	return 0;
}
