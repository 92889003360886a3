/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "cli.h"
#include "verb.h"

/* clang-format off */
const struct option load_options[] = {
	{"input", 'i', OPTION_STRING, "Read this file rather than STDIN", "file"},
	{"platform", 0, OPTION_STRING, "Only this platform: os/arch[/variant]", "platform"},
	{"quiet", 'q', OPTION_BOOL, "Print only the names"},
	{0},
};
/* clang-format on */


static int open_input(const char *path, int *ret_fd, struct berth_error *err)
{
	if (!path) {
		if (isatty(STDIN_FILENO))
			return berth_fail(err, BERTH_E_INVALID,
					  "requested load from stdin, but stdin is a terminal");
		*ret_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (*ret_fd < 0)
		return berth_fail_errno(err, errno, "cannot open '%s'", path ? path : "stdin");
	return 0;
}

static int print_names(struct cli *cli, const struct record *loaded)
{
	cleanup_str struct str out = STR_INIT;

	for (size_t i = 0; i < record_len(loaded); i++) {
		const struct record *image = record_at(loaded, i);
		const struct record *names = record_get(image, "Names");

		for (size_t j = 0; j < record_len(names); j++)
			str_addf(&out, "Loaded image: %s\n",
				 record_str_or(record_at(names, j), ""));
		if (record_len(names) == 0)
			str_addf(&out, "Loaded image ID: %s\n",
				 record_str_or(record_get(image, "Id"), ""));
	}
	return cli_print(cli, &out);
}

int load_verb(struct cli *cli, const struct options *o)
{
	const char *path = options_str(o, "input");
	cleanup_record struct record *loaded = NULL;
	const struct image_work *work;
	cleanup_fd int fd = -1;
	struct berth_error err;
	int r = open_input(path, &fd, &err);

	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0)
		r = engine_image_work(cli->engine, &work, &err);
	if (r == 0)
		r = work->load(cli->engine->store, cli->engine->drivers, fd, path ? path : "stdin",
			       options_str(o, "platform"), NULL, NULL,
			       cli->engine->op, &loaded, &err);
	return r < 0 ? cli_fail(cli, path, &err) : print_names(cli, loaded);
}
