/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/path.h"
#include "cli.h"
#include "verb.h"

/* clang-format off */
const struct option driver_test_options[] = {
	{"opt", 'o', OPTION_LIST, "Option of the driver, as in the config file", "key=value"},
	{"trait", 0, OPTION_LIST, "What this driver does differently", "name=value"},
	{"only", 0, OPTION_LIST, "Only cases with this in their name", "part"},
	{"process", 0, OPTION_STRING, "Where it runs: shared, separate", "where"},
	{"kind", 0, OPTION_STRING, "Of a file with several drivers", "kind"},
	{"name", 0, OPTION_STRING, "Of a file with several drivers", "name"},
	{"on", 0, OPTION_STRING, "On a filesystem made for it: tmpfs, ext4, xfs, btrfs", "type"},
	{"junit", 0, OPTION_STRING, "Write results as JUnit XML", "file"},
	{"report", 0, OPTION_STRING, "Write a summary for a README", "file"},
	{"list", 0, OPTION_BOOL, "Print the cases and end"},
	{0},
};
/* clang-format on */

/* It is installed beside us. */
static int find_program(char **ret, struct berth_error *err)
{
	static const char name[] = "berth-conformance";
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return berth_fail_errno(err, errno, "read '/proc/self/exe'");
	self[n] = '\0';
	*ret = str_fmt("%.*s%s", (int)(path_base(self) - self), self, name);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int add_given(char ***argv, const struct option_given *given)
{
	if (given->option->letter == 'o') /* the program has no long name for it */
		return strv_addf(argv, "-o%s", given->text);
	if (given->option->type == OPTION_BOOL)
		return given->value ? strv_addf(argv, "--%s", given->option->name) : 0;
	return strv_addf(argv, "--%s=%s", given->option->name, given->text);
}

/* Returns only if that failed. */
static int become(const struct options *o, struct berth_error *err)
{
	cleanup_free char *program = NULL;
	cleanup_strv char **argv = NULL;
	int r = find_program(&program, err);

	if (r < 0)
		return r;
	r = strv_add(&argv, program);
	for (size_t i = 0; r == 0 && i < o->n_given; i++)
		r = add_given(&argv, &o->given[i]);
	if (r == 0)
		r = strv_add(&argv, "--");
	for (size_t i = 0; r == 0 && i < o->n_args; i++)
		r = strv_add(&argv, o->args[i]);
	if (r < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	(void)execv(program, argv);
	r = berth_fail_errno(err, errno, "run '%s'", program);
	if (r == -BERTH_E_NOT_FOUND)
		berth_error_hint(err, "it comes with what is needed to develop drivers; builds "
				      "have it with -Dtests=enabled");
	return r;
}

int driver_test_verb(struct cli *cli, const struct options *o)
{
	struct berth_error err = {0};

	(void)become(o, &err);
	return cli_fail(cli, o->args[0], &err);
}
