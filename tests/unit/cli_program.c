/* SPDX-License-Identifier: Apache-2.0 */
/* The program as people and scripts meet it: help, one line for each mistake, exit codes. */
#include "ck.h"

#include <ctype.h>

#include "base/process.h"
#include "base/record.h"

static const char *program;

struct result {
	char *out, *err;
	int status;
};

static struct result last;

static char *read_all(int fd)
{
	char *text;

	ck_ok(read_fd_limited(fd, 1 << 20, &text, NULL, &err));
	return text;
}

/* "berth --config FILE" and @words, which '|' separates; what it prints must fit into pipes */
static void run_with(const char *config, const char *words)
{
	cleanup_strv char **argv = strv_new("berth", NULL);
	cleanup_strv char **more = strv_split(words, '|');
	char *env[] = {(char[]){"PATH=/bin"}, (char[]){"TZ=UTC"}, NULL};
	int out[2], er[2], pidfd;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct process_status status;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(er, O_CLOEXEC), 0);
	if (config) {
		ck_ok(strv_add(&argv, "--config"));
		ck_ok(strv_add(&argv, config));
	}
	ck_ok(strv_add_all(&argv, more));
	ck_ok(process_spawn(&(struct process_spec){.path = program,
						   .argv = argv,
						   .envp = env,
						   .fds = (int[]){null, out[1], er[1]},
						   .n_fds = 3},
			    &pidfd, NULL, &err));
	(void)close(out[1]);
	(void)close(er[1]);
	free(last.out);
	free(last.err);
	last.out = read_all(out[0]);
	last.err = read_all(er[0]);
	ck_ok(process_wait(pidfd, &status, &err));
	last.status = process_status_code(&status);
	(void)close(out[0]), (void)close(er[0]), (void)close(pidfd), (void)close(null);
}

static void run(const char *words)
{
	run_with(NULL, words);
}

/* a config whose state is in a directory of this test, and which knows no drivers */
static const char *config_file(void)
{
	static char path[128];
	char dir[96];
	int fd = ck_dir_at(dir);
	cleanup_free char *text = str_fmt("{\"root\": \"%s/root\", \"run\": \"%s/run\","
					  " \"driver_dirs\": [\"%s/drivers\"]}",
					  dir, dir, dir);

	ck_write(fd, "berth.json", text);
	(void)snprintf(path, sizeof(path), "%s/berth.json", dir);
	return path;
}

#define ck_result(wanted_status, wanted_err)                                                       \
	do {                                                                                       \
		ck_assert_str_eq(last.err, (wanted_err));                                          \
		ck_assert_int_eq(last.status, (wanted_status));                                    \
	} while (0)

/* -------------------------------------------------------------------------------------- help */

START_TEST(help_fits_a_screen)
{
	size_t lines = 0, width = 0;

	run("");
	ck_assert_int_eq(last.status, 0);
	for (const char *s = last.out; *s; s++) {
		width = *s == '\n' ? 0 : width + 1;
		ck_assert_uint_le(width, 79);
		lines += *s == '\n';
	}
	ck_assert_uint_gt(lines, 10);
	ck_assert_uint_lt(lines, 24);
	ck_assert_str_eq(last.err, "");
}
END_TEST

START_TEST(each_verb_has_help_that_fits_the_width)
{
	static const char *const verbs[] = {
		"run",	       "create",       "start",	    "stop",	      "kill",
		"wait",	       "rm",	       "ps",	    "logs",	      "exec",
		"attach",      "images",       "load",	    "import",	      "tag",
		"history",     "rmi",	       "inspect",   "version",	      "info",
		"doctor",      "system|check", "driver|ls", "driver|inspect", "config|check",
		"config|show", "driver|test",
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		cleanup_free char *words = str_fmt("%s|--help", verbs[i]);
		cleanup_free char *other = str_fmt("help|%s", verbs[i]);
		cleanup_free char *first = NULL;
		size_t width = 0;

		run(words);
		ck_assert_int_eq(last.status, 0);
		ck_assert_msg(str_has_prefix(last.out, "Usage:  berth "), "%s", words);
		for (const char *s = last.out; *s; s++) {
			width = *s == '\n' ? 0 : width + ((*s & 0xc0) != 0x80);
			ck_assert_msg(width <= 100, "%s: %s", words, s);
		}
		first = strdup(last.out);
		run(other);
		ck_assert_str_eq(last.out, first);
	}
}
END_TEST

START_TEST(groups_have_help)
{
	run("container");
	ck_assert_ptr_nonnull(strstr(last.out, "\n  ls "));
	ck_assert_int_eq(last.status, 0);
	run("image|--help");
	ck_assert_ptr_nonnull(strstr(last.out, "\n  rm "));
	run("system");
	ck_assert_ptr_nonnull(strstr(last.out, "\n  check "));
	ck_assert_ptr_null(strstr(last.out, "finish"));
}
END_TEST

START_TEST(the_version_needs_nothing)
{
	run("--version");
	ck_assert(str_has_prefix(last.out, "berth version "));
	ck_assert_int_eq(last.status, 0);
	run_with("/no/such/file", "-v");
	ck_assert_int_eq(last.status, 0);
}
END_TEST

/* ---------------------------------------------------------------------------------- mistakes */

START_TEST(flags_that_are_wrong_are_125_as_with_docker)
{
	run("ps|--forma|x");
	ck_result(125,
		  "berth: ps: unknown flag: --forma (hint: did you mean '--format'? see 'berth "
		  "ps --help')\n");
	run("run|-Z|x");
	ck_result(125, "berth: run: unknown shorthand flag: 'Z' in -Z (hint: see 'berth run "
		       "--help')\n");
	run("container|run|-m|x|y");
	ck_result(125,
		  "berth: container run: invalid argument \"x\" for \"-m, --memory\" flag: it is "
		  "no size like 512m or 2g (hint: see 'berth container run --help')\n");
	run("--foo|ps");
	ck_result(125, "berth: unknown flag: --foo (hint: see 'berth help')\n");
	run("run|--restart|always|--rm|x");
	ck_result(125,
		  "berth: run: conflicting options: cannot specify both --restart and --rm (hint: "
		  "see 'berth run --help')\n");
	ck_assert_str_eq(last.out, "");
}
END_TEST

START_TEST(arguments_that_are_too_few_or_many_are_1)
{
	run("run");
	ck_result(1, "berth: run: requires at least 1 argument (hint: see 'berth run --help')\n");
	run("exec|x");
	ck_result(1,
		  "berth: exec: requires at least 2 arguments (hint: see 'berth exec --help')\n");
	run("ps|x");
	ck_result(1, "berth: ps: accepts no arguments (hint: see 'berth ps --help')\n");
	run("tag|x");
	ck_result(1, "berth: tag: requires 2 arguments (hint: see 'berth tag --help')\n");
	run("images|x|y");
	ck_result(1,
		  "berth: images: requires at most 1 argument (hint: see 'berth images --help')\n");
}
END_TEST

START_TEST(commands_that_are_not_there_are_1)
{
	run("psx");
	ck_result(
		1,
		"berth: unknown command 'psx' (hint: did you mean 'berth ps'? see 'berth help')\n");
	run("container|foo");
	ck_assert(str_has_prefix(last.err, "berth: unknown command 'container foo'"));
	ck_assert_int_eq(last.status, 1);
	run("pull|alpine");
	ck_result(1, "berth: 'pull' is not supported yet (hint: see 'berth help')\n");
	run("-H|unix:///x|ps");
	ck_result(1,
		  "berth: -H, --host: there is no daemon to talk to; berth works by itself (hint: "
		  "see 'berth help')\n");
}
END_TEST

START_TEST(a_config_that_is_wrong_is_125_for_run_and_1_for_others)
{
	run_with("/no/such/file", "run|x");
	ck_assert(str_has_prefix(last.err, "berth: run 'x': "));
	ck_assert_ptr_nonnull(strstr(last.err, "/no/such/file"));
	ck_assert_int_eq(last.status, 125);
	run_with("/no/such/file", "ps");
	ck_assert_int_eq(last.status, 1);
}
END_TEST

START_TEST(what_is_not_there_is_told_in_one_line_each)
{
	const char *config = config_file();

	run_with(config, "rm|a|b");
	ck_result(1, "berth: rm 'a': No such container: a\nberth: rm 'b': No such container: b\n");
	run_with(config, "stop|a");
	ck_result(1, "berth: stop 'a': No such container: a\n");
	run_with(config, "logs|a");
	ck_result(1, "berth: logs 'a': No such container: a\n");
	run_with(config, "exec|a|b");
	ck_result(1, "berth: exec 'a': No such container: a\n");
	run_with(config, "rmi|a");
	ck_assert_int_eq(last.status, 1);
	run_with(config, "inspect|a");
	ck_assert_str_eq(last.out, "[]\n");
	ck_assert_int_eq(last.status, 1);
}
END_TEST

START_TEST(with_force_what_is_not_there_is_no_failure)
{
	const char *config = config_file();

	run_with(config, "rm|-f|a");
	ck_result(0, "berth: rm 'a': No such container: a\n");
	ck_assert_str_eq(last.out, "");
	run_with(config, "rmi|-f|a");
	ck_assert_int_eq(last.status, 0);
}
END_TEST

START_TEST(errors_hold_nothing_that_a_terminal_obeys)
{
	run_with(config_file(), "rm|a\033[31m\nb");
	ck_assert_ptr_null(strchr(last.err, '\033'));
	ck_assert_ptr_eq(strchr(last.err, '\n'), last.err + strlen(last.err) - 1);
}
END_TEST

START_TEST(a_terminal_that_is_wanted_and_missing_is_1)
{
	run_with(config_file(), "run|-it|x");
	ck_result(1, "berth: run: the input device is not a TTY\n");
}
END_TEST

START_TEST(a_cidfile_must_not_be_there)
{
	char dir[96];
	int fd = ck_dir_at(dir);
	cleanup_free char *words = str_fmt("create|--cidfile|%s/cid|x", dir);
	cleanup_free char *others = str_fmt("create|--cidfile|%s/new|x", dir);

	ck_write(fd, "cid", "old");
	run_with(config_file(), words);
	ck_assert_ptr_nonnull(strstr(last.err, "container ID file found, make sure the other "
					       "container isn't running or delete "));
	ck_assert_int_eq(last.status, 1);
	ck_assert_str_eq(ck_text(fd, "cid"), "old");
	run_with(config_file(), others);
	ck_assert_int_eq(last.status, 1);
	ck_assert(!ck_exists(fd, "new"));
}
END_TEST

/* ------------------------------------------------------------------------------------ outputs */

START_TEST(empty_lists_are_their_headings)
{
	const char *config = config_file();

	run_with(config, "ps|-a");
	ck_assert_str_eq(last.out,
			 "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     "
			 "NAMES\n");
	ck_result(0, "");
	run_with(config, "container|ls|-q");
	ck_assert_str_eq(last.out, "");
	run_with(config, "images");
	ck_assert_str_eq(last.out, "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");
	run_with(config, "driver|ls");
	ck_assert_int_eq(last.status, 0);
	ck_assert(str_has_prefix(last.out, "KIND "));
}
END_TEST

START_TEST(the_version_is_where_docker_has_it)
{
	const char *config = config_file();
	struct record *all;

	run_with(config, "version|--format|{{.Server.Version}} {{.Client.Version}}");
	ck_assert(isdigit((unsigned char)last.out[0]));
	run_with(config, "version|-f|json");
	ck_ok(record_parse(last.out, strlen(last.out), 0, &all, &err));
	ck_assert_str_eq(record_str(record_path(all, "Server.ApiVersion")), "1.50");
	record_free(all);
}
END_TEST

START_TEST(the_config_shows_and_is_checked)
{
	const char *config = config_file();
	char dir[96];
	int fd = ck_dir_at(dir);
	cleanup_free char *bad = str_fmt("%s/bad.json", dir);

	run_with(config, "config|show|-f|{{.root}}");
	ck_assert_ptr_nonnull(strstr(last.out, "/root\n"));
	ck_write(fd, "bad.json", "{\n  \"rooot\": \"/x\"\n}\n");
	run_with(bad, "config|check");
	ck_assert_int_eq(last.status, 1);
	ck_assert_ptr_nonnull(strstr(last.out, "bad.json:2: rooot: "));
}
END_TEST

START_TEST(output_that_cannot_be_written_is_a_failure)
{
	char *argv[] = {(char[]){"berth"}, (char[]){"--version"}, NULL};
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), er[2], pidfd;
	struct process_status status;
	cleanup_free char *text = NULL;

	ck_assert_int_eq(pipe2(er, O_CLOEXEC), 0);
	ck_ok(process_spawn(
		&(struct process_spec){
			.path = program, .argv = argv, .fds = (int[]){-1, full, er[1]}, .n_fds = 3},
		&pidfd, NULL, &err));
	(void)close(er[1]);
	text = read_all(er[0]);
	ck_ok(process_wait(pidfd, &status, &err));
	ck_assert_int_eq(process_status_code(&status), 1);
	ck_assert_ptr_nonnull(strstr(text, "No space left on device"));
}
END_TEST

int main(int argc, char *argv[])
{
	program = argc > 1 ? argv[1] : "berth";
	return CK_MAIN("cli/program", help_fits_a_screen, each_verb_has_help_that_fits_the_width,
		       groups_have_help, the_version_needs_nothing,
		       flags_that_are_wrong_are_125_as_with_docker,
		       arguments_that_are_too_few_or_many_are_1, commands_that_are_not_there_are_1,
		       a_config_that_is_wrong_is_125_for_run_and_1_for_others,
		       what_is_not_there_is_told_in_one_line_each,
		       with_force_what_is_not_there_is_no_failure,
		       errors_hold_nothing_that_a_terminal_obeys,
		       a_terminal_that_is_wanted_and_missing_is_1, a_cidfile_must_not_be_there,
		       empty_lists_are_their_headings, the_version_is_where_docker_has_it,
		       the_config_shows_and_is_checked, output_that_cannot_be_written_is_a_failure);
}
