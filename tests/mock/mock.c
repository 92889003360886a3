/* SPDX-License-Identifier: Apache-2.0 */
#include "mock.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "base/ident.h"

const struct berth_option mock_options[] = {
	MOCK_OPTIONS,
	{NULL},
};

/* The code of a name, or -1. */
static int code_of(const char *name)
{
	for (int code = 1; code <= BERTH_E_INTERNAL; code++) {
		if (str_eq(name, berth_code_name(code)))
			return code;
	}
	return -1;
}

/* A scenario that is mistyped would test nothing. */
static int check_scenario(const struct record *scenario, struct berth_error *err)
{
	const struct record *faults = record_get(scenario, "faults");

	if (scenario && record_type(scenario) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_INVALID, "scenario: it is no object");
	for (size_t i = 0; i < record_len(faults); i++) {
		const struct record *fault = record_at(faults, i);
		const char *code = record_str(record_get(fault, "code"));

		if (!record_str(record_get(fault, "call")))
			return berth_fail(err, BERTH_E_INVALID, "scenario: fault %zu names no call",
					  i + 1);
		if (record_has(fault, "code") && (!code || code_of(code) < 0))
			return berth_fail(err, BERTH_E_INVALID,
					  "scenario: fault %zu has no code of ours", i + 1);
	}
	return 0;
}

int mock_reload(struct mock *m, const struct berth_conf *conf, struct berth_error *err)
{
	const char *text = m->host->conf_json(conf, "scenario");
	cleanup_record struct record *scenario = NULL;
	int r = 0;

	if (text)
		r = record_parse(text, strlen(text), 0, &scenario, err);
	if (r == 0)
		r = check_scenario(scenario, err);
	if (r < 0)
		return r;
	record_free(m->scenario);
	m->scenario = steal_ptr(scenario);
	memset(m->count, 0, sizeof(m->count));
	return 0;
}

int mock_init(struct mock *m, const char *kind, const struct berth_host *host,
	      const struct berth_conf *conf, struct berth_error *err)
{
	const char *path = host->conf_str(conf, "transcript");
	struct mock fresh = {.host = host, .kind = kind, .transcript = -1};
	int r;

	r = mock_reload(&fresh, conf, err);
	if (r < 0)
		return r;
	if (path) {
		fresh.transcript = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (fresh.transcript < 0) {
			r = berth_fail_errno(err, errno, "open the transcript '%s'", path);
			mock_done(&fresh);
			return r;
		}
	}
	*m = fresh;
	return 0;
}

void mock_done(struct mock *m)
{
	close_fd(&m->transcript);
	record_free(m->scenario);
	m->scenario = NULL;
}

static void wait_ms(int64_t ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (ms > 0 && nanosleep(&left, &left) < 0)
		;
}

/* How many times was this called, now included? */
static unsigned count(struct mock *m, const char *call)
{
	for (int i = 0; i < MOCK_CALLS_MAX; i++) {
		if (!m->count[i].name)
			m->count[i].name = call;
		if (str_eq(m->count[i].name, call))
			return ++m->count[i].n;
	}
	return 0;
}

static const struct record *find_fault(const struct mock *m, const char *call, int64_t n)
{
	const struct record *faults = record_get(m->scenario, "faults");

	for (size_t i = 0; i < record_len(faults); i++) {
		const struct record *fault = record_at(faults, i);
		int64_t first = record_int_or(record_get(fault, "nth"), 1);
		int64_t times = record_int_or(record_get(fault, "times"), INT64_MAX);

		if (str_eq(record_str(record_get(fault, "call")), call) && n >= first &&
		    n - first < times)
			return fault;
	}
	return NULL;
}

static int strike(const struct record *fault, const char *call, struct berth_error *err)
{
	const char *code = record_str(record_get(fault, "code"));
	const char *text = record_str(record_get(fault, "text"));
	const char *hint = record_str(record_get(fault, "hint"));
	int r;

	wait_ms(record_int_or(record_get(fault, "latency_ms"), 0));
	if (record_bool_or(record_get(fault, "kill"), false))
		(void)raise(SIGKILL);
	if (!code)
		return 0;
	r = text ? berth_fail(err, code_of(code), "%s", text)
		 : berth_fail(err, code_of(code), "the scenario lets '%s' fail", call);
	if (err)
		err->sys_errno = (int32_t)record_int_or(record_get(fault, "errno"), 0);
	if (hint)
		berth_error_hint(err, "%s", hint);
	return r;
}

BERTH_PRINTF(3, 0)
static void write_line(const struct mock *m, const char *call, const char *fmt, va_list ap)
{
	cleanup_str struct str line = STR_INIT;
	ssize_t n;

	str_addf(&line, "%s.%s ", m->kind, call);
	str_addv(&line, fmt, ap);
	if (str_has_suffix(str_text(&line), " "))
		str_cut(&line, line.len - 1); /* no arguments */
	for (size_t i = 0; i < line.len; i++) {
		if ((unsigned char)line.p[i] < ' ')
			line.p[i] = '?';
	}
	str_add_char(&line, '\n');
	if (line.failed)
		return;
	/* one write to the end of the file: lines of several processes do not mix */
	n = write(m->transcript, line.p, line.len);
	if (n != (ssize_t)line.len)
		berth_log(m->host, BERTH_LOG_ERROR, "the transcript cannot be written");
}

int mock_call(struct mock *m, const struct record **ret_fault, struct berth_error *err,
	      const char *call, const char *fmt, ...)
{
	const struct record *fault = find_fault(m, call, count(m, call));
	va_list ap;
	int r = 0;

	if (m->transcript >= 0) {
		va_start(ap, fmt);
		write_line(m, call, fmt, ap);
		va_end(ap);
	}
	wait_ms(mock_number(m, "latency_ms", 0));
	if (fault)
		r = strike(fault, call, err);
	if (ret_fault)
		*ret_fault = fault;
	return r;
}

int mock_check_name(const char *name, struct berth_error *err)
{
	if (name && ident_is_object(name))
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "'%s' is no name", name ? name : "");
}

int64_t mock_number(const struct mock *m, const char *path, int64_t fallback)
{
	return record_int_or(record_path(m->scenario, path), fallback);
}

int mock_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
	       struct berth_sink *findings, struct berth_error *err)
{
	return host->finding(findings, BERTH_FINDING_OK, "mock.ready", "a mock works everywhere",
			     NULL);
}
