/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli.h"
#include "outfile.h"
#include "verb.h"

/* clang-format off */
const struct option save_options[] = {
	{"format", 0, OPTION_STRING, "Registry driver that writes it, or docker, oci (default: the config's)", "format"},
	{"output", 'o', OPTION_STRING, "To this file (or directory, for oci) instead of stdout", "file"},
	{"quiet", 'q', OPTION_BOOL, NULL, .flags = OPTION_IGNORED},
	{0},
};
/* clang-format on */

/* The names that others have for formats. */
static const struct {
	const char *word, *driver;
} formats[] = {
	{"docker", "docker-archive"},	  {"oci", "oci-layout"},
	{"oci-archive", "oci-layout"},	  {"oci-dir", "oci-layout"},
	{"docker-dir", "docker-archive"},
};

static const char *driver_of(const struct cli *cli, const char *format)
{
	if (!format || !*format)
		return cli->engine->config->kind[BERTH_REGISTRY].save;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (str_eq(formats[i].word, format))
			return formats[i].driver;
	return format;
}

/* "dir/" is made if it is not there. */
static int open_dir(const char *path, int *ret_fd, struct berth_error *err)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return berth_fail_errno(err, errno, "create '%s'", path);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? berth_fail_errno(err, errno, "open '%s'", path) : 0;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return path && *path &&
	       (str_has_suffix(path, "/") || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)));
}

int save_verb(struct cli *cli, const struct options *o)
{
	const char *path = options_str(o, "output"), *format = options_str(o, "format");
	cleanup_outfile struct outfile to = OUTFILE_INIT;
	const struct image_work *work;
	cleanup_fd int dir = -1;
	struct berth_error err = {0};
	int r = is_dir(path) || (format && str_has_suffix(format, "-dir") && path)
			? open_dir(path, &dir, &err)
			: outfile_open(&to, path, &err);

	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0)
		r = engine_image_work(cli->engine, &work, &err);
	if (r == 0)
		r = work->save(cli->engine->store, cli->engine->drivers, o->args,
			       driver_of(cli, format), dir >= 0 ? dir : to.fd,
			       path && *path ? path : "stdout", cli->engine->op, &err);
	if (r == 0)
		r = outfile_commit(&to, &err);
	return r < 0 ? cli_fail(cli, o->args[1] ? NULL : o->args[0], &err) : STATUS_OK;
}
