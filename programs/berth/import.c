/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "cli.h"
#include "verb.h"

/* clang-format off */
const struct option import_options[] = {
	{"change", 'c', OPTION_LIST, "Dockerfile line for the image: CMD, ENV, …", "line"},
	{"message", 'm', OPTION_STRING, "Comment of its history"},
	{"platform", 0, OPTION_STRING, "Platform of the image: os/arch[/variant]", "platform"},
	{0},
};
/* clang-format on */

static int open_source(const char *source, int *ret_fd, struct berth_error *err)
{
	if (strcmp(source, "-") == 0)
		*ret_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (strstr(source, "://"))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "URLs are not supported yet");
	else
		*ret_fd = open(source, O_RDONLY | O_CLOEXEC);
	if (*ret_fd < 0)
		return berth_fail_errno(err, errno, "cannot open it");
	return 0;
}

int import_verb(struct cli *cli, const struct options *o)
{
	const char *source = o->args[0], *message = options_str(o, "message");
	const char *name = o->n_args > 1 && o->args[1][0] ? o->args[1] : NULL;
	cleanup_strv char **changes = NULL;
	cleanup_str struct str out = STR_INIT;
	cleanup_str struct str said = STR_INIT;
	cleanup_free char *id = NULL;
	const struct image_work *work;
	cleanup_fd int fd = -1;
	struct berth_error err;
	int r = open_source(source, &fd, &err);

	if (r == 0)
		r = options_strv(o, "change", &changes, &err);
	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0)
		r = engine_image_work(cli->engine, &work, &err);
	str_addf(&said, "Imported from %s", source);
	if (r == 0)
		r = work->import(cli->engine->store, cli->engine->drivers, fd,
				 strcmp(source, "-") == 0 ? "stdin" : source, name,
				 message ? message : str_text(&said), options_str(o, "platform"),
				 changes, cli->engine->op, &id, &err);
	if (r < 0)
		return cli_fail(cli, source, &err);
	str_addf(&out, "%s\n", id);
	return cli_print(cli, &out);
}
