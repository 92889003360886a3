/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"
#include "verb.h"

/* clang-format off */
const struct option attach_options[] = {
	{"detach-keys", 0, OPTION_STRING, "Keys that detach (default ctrl-p,ctrl-q)", "keys"},
	{"no-stdin", 0, OPTION_BOOL, "Do not attach STDIN"},
	{"sig-proxy", 0, OPTION_BOOL, "Signals go to the container (default true)"},
	{0},
};
/* clang-format on */

static int attach(struct cli *cli, const struct options *o, struct attached *a,
		  struct berth_error *err)
{
	struct container_host *h;
	cleanup_record struct record *c = NULL;
	bool is_input;
	int r = detach_keys_parse(options_str(o, "detach-keys"), &a->keys, err);

	if (r == 0)
		r = cli_engine(cli, err);
	if (r < 0)
		return r;
	h = &cli->engine->host;
	r = container_inspect(h, o->args[0], false, &c, err);
	if (r < 0)
		return r;
	is_input = !options_bool(o, "no-stdin") &&
		   record_bool_or(record_path(c, "Config.OpenStdin"), false);
	r = session_check_tty(is_input, record_bool_or(record_path(c, "Config.Tty"), false), err);
	if (r < 0)
		return r;
	a->flags = (is_input ? SESSION_STDIN : 0) |
		   (options_int(o, "sig-proxy", 1) ? SESSION_PROXY : 0);
	return container_attach(h, o->args[0],
				CONTAINER_ATTACH_STDOUT | CONTAINER_ATTACH_STDERR |
					(is_input ? CONTAINER_ATTACH_STDIN : 0),
				a->streams, err);
}

int attach_verb(struct cli *cli, const struct options *o)
{
	struct container_streams streams;
	struct attached a = {.streams = &streams, .object = o->args[0]};
	struct berth_error err = {0};

	if (attach(cli, o, &a, &err) < 0)
		return cli_fail(cli, o->args[0], &err);
	return attached_run(cli, &a);
}
