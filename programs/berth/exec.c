/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"
#include "create_options.h"
#include "terminal.h"
#include "verb.h"

/* clang-format off */
const struct option exec_options[] = {
	{"detach", 'd', OPTION_BOOL, "Run in the background"},
	{"detach-keys", 0, OPTION_STRING, "Keys that detach (default ctrl-p,ctrl-q)", "keys"},
	{"env", 'e', OPTION_LIST, "Set an environment variable", "name[=value]"},
	{"env-file", 0, OPTION_LIST, "Set environment variables from a file", "file"},
	{"interactive", 'i', OPTION_BOOL, "Keep STDIN open"},
	{"privileged", 0, OPTION_BOOL, "Give the command all privileges"},
	{"tty", 't', OPTION_BOOL, "Give it a terminal"},
	{"user", 'u', OPTION_STRING, "User: name|uid[:group|gid]", "user"},
	{"workdir", 'w', OPTION_STRING, "Working directory", "path"},
	{0},
};
/* clang-format on */

static int set_word(const struct options *o, const char *flag, struct record *exec, const char *key,
		    struct berth_error *err)
{
	const char *text = options_str(o, flag);

	return text && text[0] ? record_set_str(exec, key, text, err) : 0;
}

/* ExecConfig */
static int exec_config(const struct options *o, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *exec = record_new_object();
	cleanup_strv char **env = NULL;
	bool detach = options_bool(o, "detach");
	int r = exec ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = create_environment(o, &env, err);
	if (r == 0)
		r = record_set(exec, "Cmd", record_from_strv(o->args + 1), err);
	if (r == 0 && strv_len(env) > 0)
		r = record_set(exec, "Env", record_from_strv(env), err);
	if (r == 0)
		r = record_set_bool(exec, "Tty", options_bool(o, "tty"), err);
	if (r == 0)
		r = record_set_bool(exec, "Privileged", options_bool(o, "privileged"), err);
	if (r == 0)
		r = record_set_bool(exec, "AttachStdin", !detach && options_bool(o, "interactive"),
				    err);
	if (r == 0)
		r = record_set_bool(exec, "AttachStdout", !detach, err);
	if (r == 0)
		r = record_set_bool(exec, "AttachStderr", !detach, err);
	if (r == 0)
		r = set_word(o, "user", exec, "User", err);
	if (r == 0)
		r = set_word(o, "workdir", exec, "WorkingDir", err);
	if (r == 0 && options_bool(o, "tty"))
		r = terminal_add_size(exec, "ConsoleSize", err);
	if (r < 0)
		return r;
	*ret = steal_ptr(exec);
	return 0;
}

static int start(struct cli *cli, const struct options *o, const struct record *exec,
		 struct container_streams *streams, struct berth_error *err)
{
	bool input = record_bool_or(record_get(exec, "AttachStdin"), false);
	uint32_t attach = 0;
	int r = session_check_tty(input, options_bool(o, "tty"), err);

	if (!options_bool(o, "detach"))
		attach = CONTAINER_ATTACH_STDOUT | CONTAINER_ATTACH_STDERR |
			 (input ? CONTAINER_ATTACH_STDIN : 0);
	if (r == 0)
		r = cli_engine(cli, err);
	return r < 0 ? r
		     : container_exec(&cli->engine->host, o->args[0], exec, attach, streams, err);
}

/* docker's exec gives 126 and 127 when the command cannot be executed, and 1 for all else */
static int fail(const struct cli *cli, const char *object, const struct berth_error *err)
{
	(void)cli_fail(cli, object, err);
	if (err->code != BERTH_E_EXEC)
		return STATUS_FAILED;
	return err->sys_errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

int exec_verb(struct cli *cli, const struct options *o)
{
	cleanup_record struct record *exec = NULL;
	struct container_streams streams;
	struct attached a = {.streams = &streams, .object = o->args[0]};
	struct berth_error err = {0};
	int r = exec_config(o, &exec, &err);

	if (r == 0)
		r = detach_keys_parse(options_str(o, "detach-keys"), &a.keys, &err);
	if (r < 0)
		return cli_misused(cli, STATUS_FAILED, &err);
	if (start(cli, o, exec, &streams, &err) < 0)
		return fail(cli, o->args[0], &err);
	if (options_bool(o, "detach")) {
		container_streams_close(&streams);
		return STATUS_OK;
	}
	a.flags = SESSION_DIRECT;
	if (record_bool_or(record_get(exec, "AttachStdin"), false))
		a.flags |= SESSION_STDIN;
	return attached_run(cli, &a);
}
