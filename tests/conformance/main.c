/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-conformance: does a driver keep what the headers and docs/drivers/ promise for its kind?
 * See docs/drivers/conformance.md.
 */
#include <getopt.h>
#include <sys/mount.h>

#include "core/driver/drivers.h"
#include "tests/conformance/run.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static const char usage[] =
	"usage: berth-conformance FILE.so [OPTION...]\n"
	"  -o KEY=VALUE          option of the driver, as in the config file\n"
	"  --trait NAME=VALUE    what this driver does differently (list: --help FILE.so)\n"
	"  --only PART           only cases with PART in their name; may be repeated\n"
	"  --process WHERE       'shared' (as the engine's default) or 'separate' (in one of its "
	"own)\n"
	"  --driver-host FILE    the program that serves it there, if not the installed one\n"
	"  --kind KIND           of a file with several drivers\n"
	"  --name NAME           of a file with several drivers\n"
	"  --on TYPE             on a filesystem made for the run: tmpfs ext4 xfs btrfs\n"
	"  --junit FILE          write results as JUnit XML\n"
	"  --report FILE.md      write a summary for a README\n"
	"  --list                print the cases and end\n"
	"Results go to standard output (TAP). Status: 0 no case failed, 1 one did or the file is "
	"no\n"
	"driver that can be loaded, 2 wrong use.\n";

static const struct suite *const suites[] = {SUITES NULL};

/* clang-format off */
enum {
	OPTION_TRAIT = 256, OPTION_ONLY, OPTION_PROCESS, OPTION_DRIVER_HOST, OPTION_KIND, OPTION_NAME,
	OPTION_ON, OPTION_JUNIT, OPTION_REPORT, OPTION_LIST,
};

static const struct option options[] = {
	{"trait", required_argument, NULL, OPTION_TRAIT},
	{"only", required_argument, NULL, OPTION_ONLY},
	{"process", required_argument, NULL, OPTION_PROCESS},
	{"driver-host", required_argument, NULL, OPTION_DRIVER_HOST},
	{"kind", required_argument, NULL, OPTION_KIND},
	{"name", required_argument, NULL, OPTION_NAME},
	{"on", required_argument, NULL, OPTION_ON},
	{"junit", required_argument, NULL, OPTION_JUNIT},
	{"report", required_argument, NULL, OPTION_REPORT},
	{"list", no_argument, NULL, OPTION_LIST},
	{"help", no_argument, NULL, 'h'},
	{0},
};
/* clang-format on */

BERTH_PRINTF(1, 2)
static int misuse(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("berth-conformance: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputs(" (see --help)\n", stderr);
	return EXIT_USAGE;
}

static int take_process(const char *word)
{
	run.wish.is_separate = str_eq(word, "separate");
	if (run.wish.is_separate || str_eq(word, "shared"))
		return 0;
	return misuse("'%s' is no place for a driver: shared, separate", word);
}

static int take_kind(const char *word)
{
	run.wish.kind = driver_kind_parse(word);
	return run.wish.kind ? 0 : misuse("'%s' is no kind of drivers", word);
}

static int take_option(int c, const char *value)
{
	switch (c) {
	case 'o':
		return strv_add(&run.options, value) < 0 ? EXIT_FAILED : 0;
	case OPTION_TRAIT:
		return strv_add(&run.traits, value) < 0 ? EXIT_FAILED : 0;
	case OPTION_ONLY:
		return strv_add(&run.only, value) < 0 ? EXIT_FAILED : 0;
	case OPTION_PROCESS:
		return take_process(value);
	case OPTION_DRIVER_HOST:
		run.wish.program = value;
		return 0;
	case OPTION_KIND:
		return take_kind(value);
	case OPTION_NAME:
		run.wish.name = value;
		return 0;
	case OPTION_ON:
		run.on = value;
		return 0;
	case OPTION_JUNIT:
		run.junit = value;
		return 0;
	case OPTION_REPORT:
		run.report = value;
		return 0;
	case OPTION_LIST:
		run.is_list = true;
		return 0;
	default:
		return EXIT_USAGE; /* getopt has said why */
	}
}

/* -1: go on; else the status to end with. */
static int read_arguments(int argc, char *argv[], bool *ret_help)
{
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		int status = c == 'h' ? 0 : take_option(c, optarg);

		*ret_help |= c == 'h';
		if (status != 0)
			return status;
	}
	if (argc - optind == 0 && *ret_help)
		return (void)fputs(usage, stdout), EXIT_OK;
	if (argc - optind != 1)
		return misuse("one driver file is wanted, not %d", argc - optind);
	run.wish.file = argv[optind];
	return -1;
}

static int refuse(const struct berth_error *e)
{
	(void)fprintf(stderr, "berth-conformance: %s: %s%s%s\n", run.wish.file, e->text,
		      e->hint[0] ? "; " : "", e->hint);
	return EXIT_FAILED;
}

static bool is_wanted(const TTest *test)
{
	bool found = !run.only;

	strv_foreach (part, run.only)
		found |= strstr(test->name, *part) != NULL;
	return found;
}

static void add_cases(suite_cases_fn fn)
{
	const TTest *list[SUITE_CASES_MAX];
	size_t n = fn(list);

	for (size_t i = 0; i < n && run.n_cases < sizeof(run.cases) / sizeof(run.cases[0]); i++) {
		if (is_wanted(list[i]))
			run.cases[run.n_cases++] = list[i];
	}
}

static int find_suite(void)
{
	for (const struct suite *const *s = suites; *s; s++) {
		if ((*s)->kind == run.driver.head.kind)
			run.suite = *s;
	}
	if (!run.suite)
		return misuse("there is no suite for %s drivers yet",
			      driver_kind_name(run.driver.head.kind));
	add_cases(common_cases);
	for (const suite_cases_fn *fn = run.suite->cases; fn && *fn; fn++)
		add_cases(*fn);
	return run.n_cases ? 0 : misuse("no case has this in its name");
}

static int check_traits(void)
{
	strv_foreach (word, run.traits) {
		bool found = false;

		for (const struct suite_trait *t = run.suite->traits; t && t->name; t++) {
			const char *after = str_after(*word, t->name);

			found |= after && after[0] == '=';
		}
		if (!found)
			return misuse("%s drivers have no trait '%s'",
				      driver_kind_name(run.suite->kind), *word);
	}
	return 0;
}

static int check_options(void)
{
	cleanup_strv char **values = NULL;
	struct berth_error e = {0};

	if (bind_options(&run.driver, run.options, &values, &e) < 0)
		return misuse("%s", e.text);
	return 0;
}

static int print_help(void)
{
	(void)printf("%s\nTraits of %s drivers:\n", usage, driver_kind_name(run.suite->kind));
	for (const struct suite_trait *t = run.suite->traits; t && t->name; t++)
		(void)printf("  %s=%s\t%s\n", t->name, t->fallback, t->doc);
	return EXIT_OK;
}

static int print_list(void)
{
	for (size_t i = 0; i < run.n_cases; i++)
		(void)printf("%s\n", run.cases[i]->name);
	return EXIT_OK;
}

static bool stands; /* on a filesystem that goes with our mount namespace */

/* Why nothing can be shown on this machine, or NULL. */
static const char *prepare(void)
{
	const char *why = NULL;

	if (run.driver.head.needs & BERTH_NEEDS_ROOT && geteuid() != 0)
		return "the driver needs root";
	if (run.on) {
		why = stand_on(run.on);
		stands = !why;
	}
	if (!why && run.suite->prepare)
		why = run.suite->prepare();
	return why;
}

static int run_in_directory(void)
{
	struct berth_error e = {0};
	cleanup_fd int top = -1;
	int r;

	(void)snprintf(ck_top_path, sizeof(ck_top_path), "/var/tmp/berth-conformance-XXXXXX");
	if (!mkdtemp(ck_top_path)) {
		(void)fprintf(stderr, "berth-conformance: mkdtemp '%s': %s\n", ck_top_path,
			      strerror(errno));
		return EXIT_FAILED;
	}
	r = run_cases(&e);
	if (run.suite->finish)
		run.suite->finish();
	if (r == 0 && run.junit)
		r = report_junit(run.junit, &e);
	if (r == 0 && run.report)
		r = report_markdown(run.report, &e);
	if (stands) /* with all that a driver has mounted in there */
		(void)umount2("/var/tmp", MNT_DETACH);
	top = open("/var/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r == 0)
		r = remove_tree(top, path_base(ck_top_path), &e);
	else
		(void)remove_tree(top, path_base(ck_top_path), NULL); /* the first error counts */
	(void)printf("# %s %s: %zu passed, %zu failed, %zu skipped\n",
		     driver_kind_name(run.suite->kind), run.driver.head.name,
		     run.counts[RUN_PASSED], run.counts[RUN_FAILED], run.counts[RUN_SKIPPED]);
	if (r < 0)
		(void)fprintf(stderr, "berth-conformance: %s\n", e.text);
	return r < 0 || run.counts[RUN_FAILED] ? EXIT_FAILED : EXIT_OK;
}

static int with_driver(bool is_help)
{
	const char *why;
	int status = find_suite();

	if (status == 0)
		status = check_traits();
	if (status == 0)
		status = check_options();
	if (status != 0)
		return status;
	if (is_help)
		return print_help();
	if (run.is_list)
		return print_list();
	why = prepare();
	return why ? ck_skip_all(why) : run_in_directory();
}

int main(int argc, char *argv[])
{
	struct berth_error e = {0};
	bool is_help = false;
	int status = read_arguments(argc, argv, &is_help);

	if (status < 0)
		status = bind_driver(&run.wish, &run.driver, &e) < 0 ? refuse(&e)
								     : with_driver(is_help);
	strv_free(run.options);
	strv_free(run.traits);
	strv_free(run.only);
	for (size_t i = 0; run.results && i < run.n_cases; i++)
		free(run.results[i].why);
	free(run.results);
	return status;
}
