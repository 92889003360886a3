/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth: the command line. It parses, calls the engine, and prints; each verb is a file.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "core/driver/trace.h"
#include "verb.h"

static int print_version(struct cli *cli)
{
	cleanup_str struct str out = STR_INIT;

	str_add(&out, "berth version " BERTH_VERSION "\n");
	return cli_print(cli, &out);
}

/* "help", "help run", "help container", "help container run" */
static int print_help(struct cli *cli, char *const *words)
{
	cleanup_str struct str out = STR_INIT;
	struct berth_error err;
	const struct verb *verb;
	size_t n_words;

	if (!words[0]) {
		help_overview(&out);
	} else if (verb_is_group(words[0]) && !words[1]) {
		help_group(words[0], &out);
	} else {
		cleanup_free char *name = NULL;

		if (verb_find(words, &verb, &n_words, &err) < 0)
			return cli_misused(cli, STATUS_FAILED, &err);
		name = strndup(verb->names, strcspn(verb->names, "|"));
		help_verb(verb, name ? name : "", &out);
	}
	return cli_print(cli, &out);
}

static int count_args(const struct verb *verb, const struct options *o, struct berth_error *err)
{
	int n = (int)o->n_args, min = verb->min_args, max = verb->max_args;

	if (n >= min && (max == ARGS_ANY || n <= max))
		return 0;
	if (max == 0)
		return berth_fail(err, BERTH_E_INVALID, "accepts no arguments");
	if (min == max)
		return berth_fail(err, BERTH_E_INVALID, "requires %d argument%s", min,
				  min == 1 ? "" : "s");
	if (n < min)
		return berth_fail(err, BERTH_E_INVALID, "requires at least %d argument%s", min,
				  min == 1 ? "" : "s");
	return berth_fail(err, BERTH_E_INVALID, "requires at most %d argument%s", max,
			  max == 1 ? "" : "s");
}

static int run(struct cli *cli, char *const *words)
{
	static const struct option none[] = {{0}};
	cleanup_options struct options o = {0};
	const struct option *table = cli->verb->options ? cli->verb->options : none;
	struct berth_error err = {0};

	if (options_parse(table, words, cli->verb->flags & VERB_IN_ORDER, &o, &err) < 0)
		return cli_misused(cli, STATUS_ENGINE, &err);
	if (o.help) {
		cleanup_str struct str out = STR_INIT;

		help_verb(cli->verb, cli->name, &out);
		return cli_print(cli, &out);
	}
	if (count_args(cli->verb, &o, &err) < 0)
		return cli_misused(cli, STATUS_FAILED, &err);
	return cli->verb->run(cli, &o);
}

static int run_words(struct cli *cli, char *const *words)
{
	cleanup_free char *name = NULL;
	struct berth_error err = {0};
	size_t n_words;
	int status;

	if (!words[0])
		return print_help(cli, words);
	if (strcmp(words[0], "help") == 0)
		return print_help(cli, words + 1);
	if (verb_is_group(words[0]) && (!words[1] || strcmp(words[1], "--help") == 0))
		return print_help(cli, (char *const[]){words[0], NULL});
	if (verb_find(words, &cli->verb, &n_words, &err) < 0)
		return cli_misused(cli, STATUS_FAILED, &err);
	name = n_words == 2 ? str_fmt("%s %s", words[0], words[1]) : strdup(words[0]);
	cli->name = name;
	status = run(cli, words + n_words);
	cli->name = NULL;
	return status;
}

static int set_globals(struct cli *cli, const struct options *o, struct berth_error *err)
{
	const char *level = options_str(o, "log-level");
	int number = options_bool(o, "debug") ? BERTH_LOG_DEBUG : 0;

	cli->config_file = options_str(o, "config");
	if (options_bool(o, "trace"))
		trace_switch_on();
	if (options_last(o, "host"))
		return berth_fail(
			err, BERTH_E_UNSUPPORTED,
			"-H, --host: there is no daemon to talk to; berth works by itself");
	/* docker's default level is info, and its log lines are not wanted here without -D */
	if (level && !number && strcmp(level, "info") != 0 && strcmp(level, "fatal") != 0 &&
	    log_parse_level(level, &number, err) < 0)
		return -BERTH_E_INVALID;
	if (number)
		log_to_fd(STDERR_FILENO, number);
	return 0;
}

static int with_globals(struct cli *cli, char *const *argv)
{
	cleanup_options struct options o = {0};
	struct berth_error err = {0};
	int status;

	if (options_parse(global_options, argv, true, &o, &err) < 0)
		return cli_misused(cli, STATUS_ENGINE, &err);
	if (o.help)
		return print_help(cli, (char *const[]){NULL});
	if (options_bool(&o, "version"))
		return print_version(cli);
	if (set_globals(cli, &o, &err) < 0)
		return cli_misused(cli, STATUS_FAILED, &err);
	status = run_words(cli, o.args);
	cli_done(cli);
	return status;
}

/* descriptors 0 to 2 exist, so that no file of ours becomes one of them */
static void fill_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null",
				   fd == 0 ? O_RDONLY : O_WRONLY); /* not kept: no O_CLOEXEC */
}

int main(int argc, char *argv[])
{
	struct cli cli = {0};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	fill_descriptors();
	(void)sigaction(SIGPIPE, &ignore, NULL); /* writes say EPIPE, and are looked at */
	return with_globals(&cli, argc > 0 ? argv + 1 : argv);
}
