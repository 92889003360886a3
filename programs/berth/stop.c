/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "verb.h"

/* clang-format off */
const struct option stop_options[] = {
	{"signal", 's', OPTION_STRING, "Signal to send first"},
	{"time", 0, OPTION_INT, NULL, .alias = "timeout", .flags = OPTION_HIDDEN},
	{"timeout", 't', OPTION_INT, "Seconds until it is killed, -1: never", "seconds"},
	{0},
};
/* clang-format on */

/* another signal than the container's own first; if that does not end it in time, it is killed */
static int stop_with(struct cli *cli, const char *ref, const char *signal, int timeout_s,
		     struct berth_error *err)
{
	struct container_host *h = &cli->engine->host;
	struct container_streams streams;
	int code;
	int r = container_attach(h, ref, 0, &streams, err);

	if (r == -BERTH_E_INVALID)
		return 0; /* it does not run */
	if (r < 0)
		return r;
	r = container_kill(h, ref, signal, err);
	if (r == 0) {
		int64_t ms = timeout_s < 0 ? 10000 : (int64_t)timeout_s * 1000;

		r = container_streams_wait(&streams, ms > INT32_MAX ? -1 : (int)ms, &code, err);
	}
	container_streams_close(&streams);
	/* sees to the end of what is still there, and that the end is on record of what is not */
	return r == 0 || r == -BERTH_E_TIMEOUT ? container_stop(h, ref, 0, err) : r;
}

static int stop_one(struct cli *cli, const struct options *o, const char *ref,
		    struct berth_error *err)
{
	const struct option_given *given = options_last(o, "timeout");
	const char *signal = options_str(o, "signal");
	int timeout_s = -1;

	if (given && given->value < 0)
		timeout_s = INT32_MAX;
	else if (given)
		timeout_s = given->value > INT32_MAX ? INT32_MAX : (int)given->value;
	if (signal && signal[0])
		return stop_with(cli, ref, signal, timeout_s, err);
	return container_stop(&cli->engine->host, ref, timeout_s, err);
}

int stop_verb(struct cli *cli, const struct options *o)
{
	return cli_each(cli, o, true, stop_one);
}
