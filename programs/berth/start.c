/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"
#include "base/ident.h"
#include "verb.h"

/* clang-format off */
const struct option start_options[] = {
	{"attach", 'a', OPTION_BOOL, "Attach to STDOUT and STDERR, forward signals"},
	{"detach-keys", 0, OPTION_STRING, "Keys that detach (default ctrl-p,ctrl-q)", "keys"},
	{"interactive", 'i', OPTION_BOOL, "Attach STDIN"},
	{"sig-proxy", 0, OPTION_BOOL, NULL, .flags = OPTION_HIDDEN},
	{0},
};
/* clang-format on */

static int start_one(struct cli *cli, const struct options *o, const char *ref,
		     struct berth_error *err)
{
	struct container_streams none = {
		.control = -1, .in = -1, .out = -1, .err = -1, .console = -1};
	int r = container_start(&cli->engine->host, ref, 0, &none, err);

	if (r == 0)
		container_streams_close(&none);
	return r;
}

static int check_stdin(struct cli *cli, const char *ref, bool interactive, struct berth_error *err)
{
	cleanup_record struct record *c = NULL;
	int r = container_inspect(&cli->engine->host, ref, false, &c, err);

	if (r < 0)
		return r;
	return session_check_tty(interactive &&
					 record_bool_or(record_path(c, "Config.OpenStdin"), false),
				 record_bool_or(record_path(c, "Config.Tty"), false), err);
}

static int start_attached(struct cli *cli, const struct options *o, struct attached *a,
			  char id[static IDENT_ID_MAX], struct berth_error *err)
{
	bool interactive = options_bool(o, "interactive");
	uint32_t attach = CONTAINER_ATTACH_STDOUT | CONTAINER_ATTACH_STDERR | CONTAINER_FINISH |
			  (interactive ? CONTAINER_ATTACH_STDIN : 0);
	int r;

	if (o->n_args > 1)
		return berth_fail(err, BERTH_E_INVALID,
				  "you cannot start and attach multiple containers at once");
	a->flags = (interactive ? SESSION_STDIN : 0) |
		   (options_int(o, "sig-proxy", 1) ? SESSION_PROXY : 0);
	r = detach_keys_parse(options_str(o, "detach-keys"), &a->keys, err);
	if (r == 0)
		r = cli_engine(cli, err);
	if (r == 0 && interactive)
		r = check_stdin(cli, o->args[0], interactive, err);
	if (r == 0)
		r = container_find(&cli->engine->host, o->args[0], id, err);
	return r < 0 ? r : container_start(&cli->engine->host, id, attach, a->streams, err);
}

int start_verb(struct cli *cli, const struct options *o)
{
	struct container_streams streams;
	char id[IDENT_ID_MAX];
	struct attached a = {.streams = &streams, .object = o->args[0], .id = id};
	struct berth_error err = {0};

	if (!options_bool(o, "attach") && !options_bool(o, "interactive"))
		return cli_each(cli, o, true, start_one);
	if (start_attached(cli, o, &a, id, &err) < 0)
		return cli_fail(cli, o->args[0], &err);
	return attached_run(cli, &a);
}
