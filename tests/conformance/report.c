/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a run: JUnit XML for machines, a page for a README. */
#include <sys/utsname.h>

#include "base/clock.h"
#include "core/driver/drivers.h"
#include "tests/conformance/run.h"

static int save(const char *path, struct str *text, struct berth_error *e)
{
	cleanup_fd int fd = -1;
	int r = str_check(text, e);

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return berth_fail_errno(e, errno, "make '%s'", path);
	r = write_all(fd, text->p, text->len, e);
	if (r < 0)
		berth_error_prefix(e, "write '%s'", path);
	return r;
}

/* XML has no way to write most control characters at all. */
static void add_xml(struct str *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		switch (*c) {
		case '<':
			str_add(out, "&lt;");
			break;
		case '>':
			str_add(out, "&gt;");
			break;
		case '&':
			str_add(out, "&amp;");
			break;
		case '"':
			str_add(out, "&quot;");
			break;
		case '\n':
			str_add(out, "&#10;");
			break;
		default:
			str_add_char(out, (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
		}
	}
}

static void add_seconds(struct str *out, int64_t ns)
{
	str_addf(out, "%lld.%03lld", (long long)(ns / CLOCK_SECOND),
		 (long long)(ns % CLOCK_SECOND / 1000000));
}

static void add_junit_case(struct str *out, const struct run_result *r)
{
	const char *tag = r->outcome == RUN_FAILED ? "failure" : "skipped";

	str_addf(out, "  <testcase classname=\"%s.%s\" name=\"%s\" time=\"",
		 driver_kind_name(run.suite->kind), run.driver.head.name, r->test->name);
	add_seconds(out, r->ns);
	if (r->outcome == RUN_PASSED) {
		str_add(out, "\"/>\n");
		return;
	}
	str_addf(out, "\">\n    <%s message=\"", tag);
	add_xml(out, r->why ? r->why : "");
	str_add(out, "\"/>\n  </testcase>\n");
}

int report_junit(const char *path, struct berth_error *e)
{
	cleanup_str struct str out = STR_INIT;
	int64_t ns = 0;

	for (size_t i = 0; i < run.n_cases; i++)
		ns += run.results[i].ns;
	str_addf(&out,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<testsuite name=\"%s %s\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
		 "skipped=\"%zu\" time=\"",
		 driver_kind_name(run.suite->kind), run.driver.head.name, run.n_cases,
		 run.counts[RUN_FAILED], run.counts[RUN_SKIPPED]);
	add_seconds(&out, ns);
	str_add(&out, "\">\n");
	for (size_t i = 0; i < run.n_cases; i++)
		add_junit_case(&out, &run.results[i]);
	str_add(&out, "</testsuite>\n");
	return save(path, &out, e);
}

struct call_lists {
	struct str has, lacks;
};

static int add_call(void *arg, const char *call, bool has)
{
	struct call_lists *lists = arg;
	struct str *list = has ? &lists->has : &lists->lacks;

	str_addf(list, "%s`%s`", list->len ? " " : "", call);
	return 0;
}

static void add_row(struct str *out, const char *what, const char *text)
{
	str_addf(out, "| %s | %s |\n", what, text[0] ? text : "none");
}

static void add_driver(struct str *out)
{
	const struct berth_driver *head = &run.driver.raw;
	cleanup_str struct str caps = STR_INIT;
	struct call_lists calls = {STR_INIT, STR_INIT};
	static const char *const extras[] = {"probe", "reload", "status"};
	const bool has_extra[] = {head->probe != NULL, head->reload != NULL, head->status != NULL};

	for (unsigned bit = 0; bit < 64; bit++) {
		if (head->caps >> bit & 1)
			str_addf(&caps, "%s%s", caps.len ? ", " : "",
				 driver_cap_name(head->kind, bit) ?: "?");
	}
	(void)clamp_each_call(head, add_call, &calls);
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		(void)add_call(&calls, extras[i], has_extra[i]);
	str_addf(out, "| driver | %s `%s` %s: %s |\n", driver_kind_name(head->kind), head->name,
		 head->version, head->summary);
	str_addf(out, "| ABI | %u |\n", run.driver.info.abi);
	add_row(out, "promises (caps)", str_text(&caps));
	add_row(out, "calls", str_text(&calls.has));
	add_row(out, "calls it leaves to the engine", str_text(&calls.lacks));
	str_done(&calls.has);
	str_done(&calls.lacks);
}

static void add_circumstances(struct str *out)
{
	struct utsname kernel = {0};

	(void)uname(&kernel);
	str_addf(out, "| suite | berth %s |\n", BERTH_VERSION);
	str_addf(out, "| kernel | %s %s %s |\n", kernel.sysname, kernel.release, kernel.machine);
	str_addf(out, "| filesystem | %s |\n", stand_type(ck_top_path));
	str_addf(out, "| process | %s |\n",
		 run.wish.is_separate ? "one of its own" : "the engine's");
	for (const struct suite_trait *t = run.suite->traits; t && t->name; t++) {
		if (!str_eq(run_trait(t), t->fallback))
			str_addf(out, "| trait `%s` | %s (strict: %s): %s |\n", t->name,
				 run_trait(t), t->fallback, t->doc);
	}
	strv_foreach (option, run.options)
		str_addf(out, "| option | `%s` |\n", *option);
	strv_foreach (part, run.only)
		str_addf(out, "| only cases with | `%s` |\n", *part);
}

static void add_list(struct str *out, enum run_outcome outcome, const char *title)
{
	if (!run.counts[outcome])
		return;
	str_addf(out, "\n%s:\n\n", title);
	for (size_t i = 0; i < run.n_cases; i++) {
		if (run.results[i].outcome == outcome)
			str_addf(out, "- `%s`: %s\n", run.results[i].test->name,
				 run.results[i].why ?: "?");
	}
}

int report_markdown(const char *path, struct berth_error *e)
{
	cleanup_str struct str out = STR_INIT;
	char now[CLOCK_TEXT_MAX];

	str_addf(&out,
		 "## Conformance\n\n%zu cases: %zu passed, %zu failed, %zu skipped (%.10s).\n",
		 run.n_cases, run.counts[RUN_PASSED], run.counts[RUN_FAILED],
		 run.counts[RUN_SKIPPED], clock_format(clock_now_ns(), now));
	str_add(&out, "\n| | |\n|---|---|\n");
	add_driver(&out);
	add_circumstances(&out);
	add_list(&out, RUN_FAILED, "Failed");
	add_list(&out, RUN_SKIPPED, "Skipped (neither passed nor failed)");
	return save(path, &out, e);
}
