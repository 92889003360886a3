/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: runs the cases, one process each, says how each went as it ends (TAP), and keeps that for
 * the reports. Private to berth-conformance.
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include "tests/conformance/bind.h"
#include "tests/conformance/stand.h"
#include "tests/conformance/suite.h"

enum run_outcome {
	RUN_PASSED,
	RUN_FAILED,
	RUN_SKIPPED,
};

struct run_result {
	const TTest *test;
	enum run_outcome outcome;
	char *why; /* it failed or was skipped; else NULL */
	int64_t ns;
};

/** All of this run. */
struct run {
	struct bind_wish wish;
	char **options; /* -o, as they were given */
	char **traits;	/* --trait */
	char **only;	/* --only */
	const char *on; /* --on */
	const char *junit, *report;
	bool is_list;

	struct bound driver;
	const struct suite *suite;
	const TTest *cases[SUITE_CASES_MAX * SUITE_LISTS_MAX];
	size_t n_cases;
	struct run_result *results; /* one per case */
	size_t counts[RUN_SKIPPED + 1];
};
extern struct run run;

/** Memory that the process of a case shares with us. */
struct run_page {
	char skipped[1024]; /* why, or "" */
};
extern struct run_page *run_page;

/** The value of trait @t in this run. */
const char *run_trait(const struct suite_trait *t);
/** Run all cases of run.cases. */
int run_cases(struct berth_error *err);

/** report.c. INTERNAL if the file cannot be written. */
int report_junit(const char *path, struct berth_error *err);
int report_markdown(const char *path, struct berth_error *err);

#endif
