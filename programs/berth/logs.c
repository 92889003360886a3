/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "cli.h"
#include "verb.h"

enum { STREAMS = 2, FLUSH_AT = 64 << 10 };

/* clang-format off */
const struct option logs_options[] = {
	{"details", 0, OPTION_BOOL, NULL, .flags = OPTION_IGNORED},
	{"follow", 'f', OPTION_BOOL, "Go on with what comes"},
	{"since", 0, OPTION_STRING, "From this time on: 2024-01-02T15:04:05, or 42m for that long ago", "time"},
	{"tail", 'n', OPTION_STRING, "Only so many lines of the end, or 'all'", "lines"},
	{"timestamps", 't', OPTION_BOOL, "With the time of each line"},
	{"until", 0, OPTION_STRING, "Up to this time", "time"},
	{0},
};
/* clang-format on */

struct printer {
	struct str text[STREAMS]; /* not yet written, of stdout and stderr */
	bool timestamps, follow;
	bool within[STREAMS]; /* of a line, so that no time belongs before what follows */
	struct berth_error *err;
};

static int flush(struct printer *p, int i)
{
	int r = str_check(&p->text[i], p->err);

	if (r == 0 && p->text[i].len > 0)
		r = write_all(i == 0 ? STDOUT_FILENO : STDERR_FILENO, str_text(&p->text[i]),
			      p->text[i].len, p->err);
	str_clear(&p->text[i]);
	return r;
}

static void add_with_times(struct printer *p, int i, int64_t at_ns, const char *bytes, size_t n)
{
	char time[CLOCK_TEXT_MAX];

	clock_format_log(at_ns, time);
	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t len = end ? (size_t)(end - bytes) + 1 : n;

		if (!p->within[i])
			str_addf(&p->text[i], "%s ", time);
		str_add_n(&p->text[i], bytes, len);
		p->within[i] = !end;
		bytes += len;
		n -= len;
	}
}

static int print_piece(void *arg, int stream, int64_t at_ns, const char *bytes, size_t n)
{
	struct printer *p = arg;
	int i = stream == 2, other = !i;
	int r = 0;

	/* the two of them in order, where both go to one place */
	if (p->text[other].len > 0)
		r = flush(p, other);
	if (r < 0)
		return r;
	if (p->timestamps) {
		add_with_times(p, i, at_ns, bytes, n);
	} else if (n >= FLUSH_AT || p->follow) {
		r = flush(p, i);
		return r < 0 ? r
			     : write_all(i == 0 ? STDOUT_FILENO : STDERR_FILENO, bytes, n, p->err);
	} else {
		str_add_n(&p->text[i], bytes, n);
	}
	return p->follow || p->text[i].len >= FLUSH_AT ? flush(p, i) : 0;
}

static int parse_time(const struct options *o, const char *flag, int64_t *ret,
		      struct berth_error *err)
{
	const char *text = options_str(o, flag);
	int r;

	if (!text || !text[0])
		return 0;
	r = clock_parse_user(text, clock_now_ns(), ret, err);
	if (r < 0)
		berth_error_prefix(err, "invalid value for \"%s\"", flag);
	return r;
}

static int parse(const struct options *o, struct container_logs_opts *opts, struct berth_error *err)
{
	const char *tail = options_str(o, "tail");
	int r = parse_time(o, "since", &opts->since_ns, err);

	if (r == 0)
		r = parse_time(o, "until", &opts->until_ns, err);
	/* docker: what is no number, or a negative one, is all */
	if (!tail || parse_i64(tail, 0, INT64_MAX, &opts->tail) < 0)
		opts->tail = -1;
	return r;
}

int logs_verb(struct cli *cli, const struct options *o)
{
	struct container_logs_opts opts = {
		.out = true,
		.err = true,
		.follow = options_bool(o, "follow"),
	};
	struct berth_error err = {0};
	struct printer p = {
		.timestamps = options_bool(o, "timestamps"),
		.follow = opts.follow,
		.err = &err,
	};
	int r = parse(o, &opts, &err);

	if (r == 0)
		r = cli_engine(cli, &err);
	if (r == 0)
		r = container_logs(&cli->engine->host, o->args[0], &opts, print_piece, &p, &err);
	for (int i = 0; i < STREAMS; i++) {
		if (r == 0)
			r = flush(&p, i);
		str_done(&p.text[i]);
	}
	if (r < 0 && err.sys_errno == EPIPE)
		return STATUS_FAILED; /* `logs | head`: nobody wants more */
	return r < 0 ? cli_fail(cli, o->args[0], &err) : STATUS_OK;
}
