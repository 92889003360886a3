/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/run.h"

#include <sys/mman.h>

#include "base/clock.h"

enum { CASE_SECONDS = 60 };

struct run run;
struct run_page *run_page;

const char *run_trait(const struct suite_trait *t)
{
	const char *value = t->fallback;

	strv_foreach (word, run.traits) {
		const char *after = str_after(*word, t->name);

		if (after && after[0] == '=')
			value = after + 1;
	}
	return value;
}

/* What a driver prints must not be taken for ours. */
static void turn_output_away(void)
{
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
}

static char *failure(TestResult *r)
{
	return str_fmt("%s:%d: %s", tr_lfile(r) ? path_base(tr_lfile(r)) : "?", tr_lno(r),
		       tr_msg(r) ? tr_msg(r) : "failed");
}

/* Check runs several cases and tells at the end: so one runner for each. */
static void run_one(const TTest *test, struct run_result *result)
{
	Suite *suite = suite_create("conformance");
	TCase *tcase = tcase_create(test->name);
	SRunner *runner;
	TestResult **results;
	int64_t before = clock_mono_ns();

	run_page->skipped[0] = '\0';
	tcase_add_test(tcase, test);
	tcase_set_timeout(tcase, CASE_SECONDS);
	tcase_add_checked_fixture(tcase, turn_output_away, NULL);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_SILENT);
	results = srunner_results(runner);
	result->test = test;
	result->ns = clock_mono_ns() - before;
	if (srunner_ntests_failed(runner) > 0) {
		result->outcome = RUN_FAILED;
		result->why = failure(results[0]);
	} else if (run_page->skipped[0]) {
		result->outcome = RUN_SKIPPED;
		result->why = strdup(run_page->skipped);
	} else {
		result->outcome = RUN_PASSED;
	}
	free(results);
	srunner_free(runner);
}

static void say(size_t number, const struct run_result *r)
{
	(void)printf("%s %zu - %s", r->outcome == RUN_FAILED ? "not ok" : "ok", number,
		     r->test->name);
	if (r->outcome == RUN_SKIPPED)
		(void)printf(" # SKIP %s", r->why);
	(void)putchar('\n');
	if (r->outcome == RUN_FAILED) {
		cleanup_strv char **lines = strv_split(r->why ? r->why : "", '\n');

		strv_foreach (line, lines)
			(void)printf("# %s\n", *line);
	}
	(void)fflush(stdout);
}

int run_cases(struct berth_error *e)
{
	run_page = mmap(NULL, sizeof(*run_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (run_page == MAP_FAILED)
		return berth_fail_errno(e, errno, "mmap");
	run.results = calloc(run.n_cases, sizeof(*run.results));
	if (!run.results)
		return berth_fail(e, BERTH_E_NO_MEMORY, "out of memory");
	(void)printf("1..%zu\n", run.n_cases);
	for (size_t i = 0; i < run.n_cases; i++) {
		run_one(run.cases[i], &run.results[i]);
		run.counts[run.results[i].outcome]++;
		say(i + 1, &run.results[i]);
	}
	return 0;
}
