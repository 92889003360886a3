/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "body.h"
#include "create_options.h"

/* "NAME=value", or NAME alone with the value that this process has; false: it has none */
static bool from_environment(const char *entry, struct str *ret)
{
	const char *value = strchr(entry, '=') ? NULL : getenv(entry);

	str_add(ret, entry);
	if (value)
		str_addf(ret, "=%s", value);
	return value || strchr(entry, '=');
}

/* ------------------------------------------------------------------------------ files of pairs */

typedef int (*pair_fn)(void *arg, const char *entry, struct berth_error *err);

static int read_line(const char *line, const char *path, const char *what, pair_fn fn, void *arg,
		     struct berth_error *err)
{
	size_t name;

	line += strspn(line, " \t\v\f\r");
	if (!*line || *line == '#')
		return 0;
	name = strcspn(line, "=");
	if (name == 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid %s file (%s): no variable name on line '%s'", what, path,
				  line);
	if (strcspn(line, " \t\v\f\r") < name)
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid %s file (%s): variable '%.*s' contains whitespaces",
				  what, path, (int)name, line);
	return fn(arg, line, err);
}

/* each line NAME or NAME=value to @fn; comments and empty lines are left out */
static int read_pairs(const char *path, const char *what, pair_fn fn, void *arg,
		      struct berth_error *err)
{
	cleanup_free char *text = NULL;
	char *line, *next;
	size_t len;
	int r = body_read_file(path, &text, &len, err);

	if (r < 0)
		return r;
	if (memchr(text, '\0', len))
		return berth_fail(err, BERTH_E_INVALID, "invalid %s file (%s): it has a NUL byte",
				  what, path);
	line = str_has_prefix(text, "\xef\xbb\xbf") ? text + 3 : text;
	for (; r == 0 && line; line = next) {
		size_t n = strcspn(line, "\n");

		next = line[n] ? line + n + 1 : NULL;
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		line[n] = '\0';
		r = read_line(line, path, what, fn, arg, err);
	}
	return r;
}

/* ------------------------------------------------------------------------------- environment */

static int add_from_file(void *arg, const char *entry, struct berth_error *err)
{
	cleanup_str struct str full = STR_INIT;
	char ***env = arg;

	if (!from_environment(entry, &full))
		return 0;
	if (strv_take(env, str_steal(&full)) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

/* in place of an earlier -e of that name; what files said before stays, and loses */
static int add_from_flag(char ***env, const char *entry, struct berth_error *err)
{
	cleanup_str struct str full = STR_INIT;
	size_t name = strcspn(entry, "=");

	if (name == 0)
		return body_bad_flag(err, "-e, --env", entry, "invalid environment variable: %s",
				     entry);
	(void)from_environment(entry, &full);
	strv_foreach (old, *env) {
		char *now;

		if (strncmp(*old, entry, name) != 0 || ((*old)[name] && (*old)[name] != '='))
			continue;
		now = str_steal(&full);
		if (!now)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		free((*env)[old - *env]);
		(*env)[old - *env] = now;
		return 0;
	}
	if (strv_take(env, str_steal(&full)) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

int create_environment(const struct options *o, char ***ret, struct berth_error *err)
{
	cleanup_strv char **env = NULL;
	cleanup_strv char **flags = NULL;
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "env-file", &at));)
		r = read_pairs(text, "env", add_from_file, &env, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "env", &at));)
		r = add_from_flag(&flags, text, err);
	if (r < 0)
		return r;
	if (strv_add_all(&env, flags) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret = steal_ptr(env);
	return 0;
}

/* ------------------------------------------------------------------------------------ labels */

static int add_label(void *arg, const char *entry, struct berth_error *err)
{
	return body_set_pair(arg, "Labels", entry, err);
}

/* as docker: in a file, unlike in a flag, a key without a value is nothing */
static int add_label_from_file(void *arg, const char *entry, struct berth_error *err)
{
	return strchr(entry, '=') ? add_label(arg, entry, err) : 0;
}

static int set_labels(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "label-file", &at));)
		r = read_pairs(text, "label", add_label_from_file, body, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "label", &at));) {
		if (text[0] == '=' || !text[0])
			return body_bad_flag(err, "-l, --label", text,
					     "invalid label '%s': empty name", text);
		r = add_label(body, text, err);
	}
	return r;
}

/* ------------------------------------------------------------------------------------ others */

static int set_log(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *driver = options_str(o, "log-driver"), *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "log-opt", &at));) {
		if (driver && strcmp(driver, "none") == 0)
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid logging opts for driver %s", driver);
		r = body_set_pair(body, "HostConfig.LogConfig.Config", text, err);
	}
	return r;
}

int create_pairs(const struct options *o, struct record *body, struct berth_error *err)
{
	cleanup_strv char **env = NULL;
	const char *text;
	int r = create_environment(o, &env, err);

	if (r == 0 && strv_len(env) > 0)
		r = record_set(body, "Env", record_from_strv(env), err);
	if (r == 0)
		r = set_labels(o, body, err);
	if (r == 0)
		r = set_log(o, body, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "annotation", &at));)
		r = body_set_pair(body, "HostConfig.Annotations", text, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "storage-opt", &at));) {
		if (!strchr(text, '='))
			return berth_fail(err, BERTH_E_INVALID, "invalid storage option '%s'",
					  text);
		r = body_set_pair(body, "HostConfig.StorageOpt", text, err);
	}
	for (size_t at = 0; r == 0 && (text = options_next(o, "sysctl", &at));) {
		if (text[0] == '=' || !strchr(text, '='))
			return body_bad_flag(err, "--sysctl", text, "sysctl '%s' is not allowed",
					     text);
		r = body_set_pair(body, "HostConfig.Sysctls", text, err);
	}
	return r;
}
