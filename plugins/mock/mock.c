/* SPDX-License-Identifier: Apache-2.0 */
#include "mock.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "base/ident.h"
#include "base/path.h"

enum { SCENARIO_MAX = 1024 * 1024 }; /* bytes */

static char *const kinds[] = {(char *)"storage", (char *)"network", (char *)"isolation",
			      (char *)"registry", NULL};

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

/* The scenario of our kind in the file of all kinds; NULL: there is none. */
static int read_scenarios(const char *path, const char *kind, struct record **ret,
			  struct berth_error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_record struct record *all = NULL;
	cleanup_free char *text = NULL;
	const char *key;
	struct record *one;
	size_t n;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open");
	r = read_fd_limited(fd, SCENARIO_MAX, &text, &n, err);
	if (r == 0)
		r = record_parse(text, n, 0, &all, err);
	if (r == 0 && record_type(all) != RECORD_OBJECT)
		r = berth_fail(err, BERTH_E_INVALID, "it is no object");
	if (r < 0)
		return r;
	record_foreach (all, key, one) {
		if (!strv_has(kinds, key))
			return berth_fail(
				err, BERTH_E_INVALID,
				"'%s' is no kind of drivers: storage, network, isolation, "
				"registry",
				key);
		if (!str_eq(key, kind))
			continue;
		*ret = record_copy(one);
		if (!*ret)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return 0;
}

static int get_scenario(const struct mock *m, const struct berth_conf *conf, struct record **ret,
			struct berth_error *err)
{
	const char *text = m->host->conf_json(conf, "scenario");
	const char *path = secure_getenv("BERTH_MOCK_SCENARIO");
	cleanup_record struct record *scenario = NULL;
	int r = 0;

	if (text)
		r = record_parse(text, strlen(text), 0, &scenario, err);
	else if (path && *path)
		r = read_scenarios(path, m->kind, &scenario, err);
	if (r == 0)
		r = check_scenario(scenario, err);
	if (r < 0 && !text)
		berth_error_prefix(err, "BERTH_MOCK_SCENARIO '%s'", path);
	if (r < 0)
		return r;
	*ret = steal_ptr(scenario);
	return 0;
}

int mock_reload(struct mock *m, const struct berth_conf *conf, struct berth_error *err)
{
	cleanup_record struct record *scenario = NULL;
	int r = get_scenario(m, conf, &scenario, err);

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

	if (!path)
		path = secure_getenv("BERTH_MOCK_TRANSCRIPT");
	r = mock_reload(&fresh, conf, err);
	if (r < 0)
		return r;
	if (path && *path) {
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

/* Ids are random and transcripts shall not be: 64 hex digits become "ID"; digests stay. */
static void add_without_ids(struct str *out, const char *args)
{
	enum { ID_DIGITS = 64 };

	while (*args) {
		size_t n = strspn(args, "0123456789abcdef");
		bool digest = str_has_suffix(str_text(out), ":");

		if (n == ID_DIGITS && !digest)
			str_add(out, "ID");
		else
			str_add_n(out, args, n ? n : 1);
		args += n ? n : 1;
	}
}

BERTH_PRINTF(3, 0)
static void write_line(const struct mock *m, const char *call, const char *fmt, va_list ap)
{
	cleanup_str struct str line = STR_INIT, args = STR_INIT;
	ssize_t n;

	str_addf(&line, "%s.%s ", m->kind, call);
	str_addv(&args, fmt, ap);
	add_without_ids(&line, str_text(&args));
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

int mock_check_format(int state_fd, struct berth_error *err)
{
	static const char format[] = "mock 1\n";
	cleanup_free char *text = NULL;
	struct berth_error why;
	int r = state_read(state_fd, "format", 64, &text, NULL, &why);

	if (r == -BERTH_E_NOT_FOUND)
		return state_replace(state_fd, "format", 0644, format, strlen(format), 0, err);
	if (r == 0 && !str_eq(text, format))
		return berth_fail(err, BERTH_E_CORRUPT, "its state is of another format");
	if (r < 0 && err)
		*err = why;
	return r;
}
