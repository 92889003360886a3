/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <signal.h>
#include <string.h>

#include "base/path.h"
#include "programs/defaults.h"
#include "verb.h"

/* ------------------------------------------------------------------------------------ engine */

static struct engine *cancellable;

static void on_interrupt(int signo)
{
	int kept_errno = errno;

	engine_cancel(cancellable);
	errno = kept_errno;
}

static void catch_signals(struct engine *e)
{
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};

	cancellable = e;
	(void)sigaction(SIGINT, &action, NULL); /* only a wrong number or pointer fails */
	(void)sigaction(SIGTERM, &action, NULL);
}

void cli_release_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	if (!cancellable)
		return;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	cancellable = NULL;
}

int cli_config(struct cli *cli, struct berth_error *err)
{
	struct engine_options options = {
		.config_file = cli->config_file,
		.defaults = berth_defaults,
	};

	return cli->engine ? 0 : engine_open(&options, &cli->engine, err);
}

int cli_engine(struct cli *cli, struct berth_error *err)
{
	int r = cli_config(cli, err);

	return r < 0 ? r : engine_ready(cli->engine, err);
}

int cli_engine_cancellable(struct cli *cli, struct berth_error *err)
{
	int r = cli_config(cli, err);

	if (r < 0)
		return r;
	catch_signals(cli->engine);
	return engine_ready(cli->engine, err);
}

void cli_done(struct cli *cli)
{
	cli_release_signals();
	engine_close(cli->engine);
	cli->engine = NULL;
}

/* ------------------------------------------------------------------------------------ errors */

/* errors may quote what people or images wrote: one line, nothing that a terminal obeys */
static void add_printable(struct str *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		str_add_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
	}
}

static void print_error(const struct cli *cli, const char *object, const struct berth_error *err)
{
	cleanup_str struct str line = STR_INIT;

	str_add(&line, "berth: ");
	if (cli->name)
		str_addf(&line, "%s%s", cli->name, object ? " " : ": ");
	if (object) {
		str_add_char(&line, '\'');
		add_printable(&line, object);
		str_add(&line, "': ");
	}
	add_printable(&line, err->text[0] ? err->text : berth_code_name(err->code));
	if (err->hint[0]) {
		str_add(&line, " (hint: ");
		add_printable(&line, err->hint);
		str_add_char(&line, ')');
	}
	str_add_char(&line, '\n');
	(void)write_all(STDERR_FILENO, str_text(&line), line.len,
			NULL); /* there is no other place */
}

int cli_fail(const struct cli *cli, const char *object, const struct berth_error *err)
{
	print_error(cli, object, err);
	if (cli->verb && (cli->verb->flags & VERB_RUNS)) {
		if (err->code != BERTH_E_EXEC)
			return STATUS_ENGINE;
		return err->sys_errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	}
	return STATUS_FAILED;
}

int cli_misused(const struct cli *cli, int status, struct berth_error *err)
{
	char hint[sizeof(err->hint)];

	memcpy(hint, err->hint, sizeof(hint));
	berth_error_hint(err, "%.128s%ssee 'berth %s%s'", hint, hint[0] ? " " : "",
			 cli->name ? cli->name : "help", cli->name ? " --help" : "");
	print_error(cli, NULL, err);
	return status;
}

void cli_warn(const char *text)
{
	cleanup_str struct str line = STR_INIT;

	str_add(&line, "WARNING: ");
	add_printable(&line, text);
	str_add_char(&line, '\n');
	(void)write_all(STDERR_FILENO, str_text(&line), line.len, NULL);
}

/* ------------------------------------------------------------------------------------ output */

int cli_print(const struct cli *cli, const struct str *out)
{
	struct berth_error err;
	int r = str_check(out, &err);

	if (r == 0)
		r = write_all(STDOUT_FILENO, str_text(out), out->len, &err);
	if (r == 0)
		return STATUS_OK;
	if (err.sys_errno == EPIPE)
		return STATUS_FAILED; /* nobody reads any more, and nobody wants to know */
	return cli_fail(cli, NULL, &err);
}

int cli_each(struct cli *cli, const struct options *o, bool echo, cli_each_fn fn)
{
	struct berth_error err;
	int status = STATUS_OK;

	if (cli_engine(cli, &err) < 0)
		return cli_fail(cli, NULL, &err);
	for (size_t i = 0; i < o->n_args; i++) {
		cleanup_str struct str line = STR_INIT;
		int now = STATUS_OK;

		int r = fn(cli, o, o->args[i], &err);

		if (r < 0) {
			now = cli_fail(cli, o->args[i], &err);
		} else if (echo && r != CLI_SILENT) {
			str_addf(&line, "%s\n", o->args[i]);
			now = cli_print(cli, &line);
		}
		if (now != STATUS_OK)
			status = now;
	}
	return status;
}

bool cli_has_colours(int fd)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return !(no && *no) && !(terminal && strcmp(terminal, "dumb") == 0) && isatty(fd);
}
