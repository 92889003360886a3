/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/changes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/path.h"
#include "core/image/work/words.h"

enum { PORTS_MAX = 65535 };

struct change {
	struct record *config;
	const char *rest; /* what stands behind the instruction */
	char **env;	  /* as it is now */
};

typedef int (*change_fn)(struct change *c, struct berth_error *err);

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int no_args(const char *name, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_INVALID, "%s requires at least one argument", name);
}

/** The member @key, made as an array or object if it is not there; borrowed. */
static int member(struct record *config, const char *key, bool object, struct record **ret,
		  struct berth_error *err)
{
	struct record *val = record_get(config, key);
	int r = 0;

	if (!val) {
		val = object ? record_new_object() : record_new_array();
		r = record_set(config, key, val, err);
	}
	if (r == 0)
		*ret = val;
	return r;
}

/** ["a","b"], or anything else as a line for the shell. */
static int command(struct change *c, struct record **ret, bool *ret_exec, struct berth_error *err)
{
	cleanup_record struct record *list = NULL;
	cleanup_strv char **words = NULL;

	*ret_exec = *c->rest == '[' &&
		    record_parse(c->rest, strlen(c->rest), 2, &list, NULL) == 0 &&
		    record_strv(list, &words, NULL) == 0;
	if (*ret_exec) {
		*ret = steal_ptr(list);
		return 0;
	}
	record_free(steal_ptr(list));
	words = strv_new("/bin/sh", "-c", c->rest, NULL);
	list = words ? record_from_strv(words) : NULL;
	if (!list)
		return no_memory(err);
	*ret = steal_ptr(list);
	return 0;
}

static int set_command(struct change *c, const char *key, struct berth_error *err)
{
	struct record *list;
	bool exec;
	int r = command(c, &list, &exec, err);

	return r < 0 ? r : record_set(c->config, key, list, err);
}

static int do_cmd(struct change *c, struct berth_error *err)
{
	return set_command(c, "Cmd", err);
}

static int do_entrypoint(struct change *c, struct berth_error *err)
{
	return set_command(c, "Entrypoint", err);
}

/** "a=b c=d", or the old form "a b c" for one: NAME=value of each. */
static int pairs(struct change *c, const char *what, char ***ret, struct berth_error *err)
{
	cleanup_strv char **words = NULL;
	int r = words_split(c->rest, c->env, &words, err);

	if (r < 0)
		return r;
	if (!words[0])
		return no_args(what, err);
	if (!strchr(words[0], '=')) {
		size_t n = strcspn(c->rest, " \t");
		const char *value = c->rest + n + strspn(c->rest + n, " \t");
		cleanup_free char *text = NULL;
		char **one = NULL;

		if (!*value)
			return berth_fail(err, BERTH_E_INVALID, "%s must have two arguments", what);
		r = words_expand(value, c->env, &text, err);
		if (r < 0)
			return r;
		if (strv_addf(&one, "%.*s=%s", (int)n, c->rest, text) < 0)
			return no_memory(err);
		*ret = one;
		return 0;
	}
	strv_foreach (w, words)
		if (!strchr(*w, '=') || **w == '=')
			return berth_fail(err, BERTH_E_INVALID,
					  "Syntax error - can't find = in \"%s\". Must be of the "
					  "form: name=value",
					  *w);
	*ret = steal_ptr(words);
	return 0;
}

static int do_env(struct change *c, struct berth_error *err)
{
	cleanup_strv char **list = NULL;
	struct record *env;
	int r = pairs(c, "ENV", &list, err);

	strv_foreach (entry, list)
		if (r == 0 && strv_set_env(&c->env, *entry) < 0)
			r = no_memory(err);
	if (r < 0)
		return r;
	env = record_from_strv(c->env);
	return env ? record_set(c->config, "Env", env, err) : no_memory(err);
}

static int do_label(struct change *c, struct berth_error *err)
{
	cleanup_strv char **list = NULL;
	struct record *labels;
	int r = pairs(c, "LABEL", &list, err);

	if (r == 0)
		r = member(c->config, "Labels", true, &labels, err);
	strv_foreach (entry, list) {
		char *equal = strchr(*entry, '=');

		if (r < 0)
			break;
		*equal = '\0';
		r = record_set_str(labels, *entry, equal + 1, err);
	}
	return r;
}

static int expose(struct record *ports, const char *word, struct berth_error *err)
{
	size_t n = strcspn(word, "/");
	const char *proto = word[n] ? word + n + 1 : "tcp";
	cleanup_free char *range = strndup(word, n);
	char *dash = range ? strchr(range, '-') : NULL;
	uint64_t first, last;
	int r = 0;

	if (!range)
		return no_memory(err);
	if (dash)
		*dash = '\0';
	if (parse_u64(range, PORTS_MAX, &first) < 0 ||
	    parse_u64(dash ? dash + 1 : range, PORTS_MAX, &last) < 0 || last < first ||
	    !(strcasecmp(proto, "tcp") == 0 || strcasecmp(proto, "udp") == 0 ||
	      strcasecmp(proto, "sctp") == 0))
		return berth_fail(err, BERTH_E_INVALID, "invalid containerPort: %s", word);
	for (uint64_t port = first; port <= last && r == 0; port++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "%llu/%.4s", (unsigned long long)port, proto);
		for (char *at = key; *at; at++)
			*at = *at >= 'A' && *at <= 'Z' ? (char)(*at | 0x20) : *at;
		r = record_set(ports, key, record_new_object(), err);
	}
	return r;
}

static int do_expose(struct change *c, struct berth_error *err)
{
	cleanup_strv char **words = NULL;
	struct record *ports;
	int r = words_split(c->rest, c->env, &words, err);

	if (r == 0 && !words[0])
		return no_args("EXPOSE", err);
	if (r == 0)
		r = member(c->config, "ExposedPorts", true, &ports, err);
	strv_foreach (w, words)
		if (r == 0)
			r = expose(ports, *w, err);
	return r;
}

static int do_volume(struct change *c, struct berth_error *err)
{
	cleanup_record struct record *list = NULL;
	cleanup_strv char **paths = NULL;
	struct record *volumes;
	int r;

	if (*c->rest == '[' && record_parse(c->rest, strlen(c->rest), 2, &list, NULL) == 0)
		r = record_strv(list, &paths, err);
	else
		r = words_split(c->rest, c->env, &paths, err);
	if (r == 0 && strv_len(paths) == 0)
		return no_args("VOLUME", err);
	if (r == 0)
		r = member(c->config, "Volumes", true, &volumes, err);
	strv_foreach (path, paths)
		if (r == 0)
			r = **path ? record_set(volumes, *path, record_new_object(), err)
				   : berth_fail(err, BERTH_E_INVALID,
						"VOLUME specified can not be an empty string");
	return r;
}

static int set_text(struct change *c, const char *key, struct berth_error *err)
{
	cleanup_free char *text = NULL;
	int r = words_expand(c->rest, c->env, &text, err);

	return r < 0 ? r : record_set_str(c->config, key, text, err);
}

static int do_user(struct change *c, struct berth_error *err)
{
	return set_text(c, "User", err);
}

static int do_stopsignal(struct change *c, struct berth_error *err)
{
	return set_text(c, "StopSignal", err);
}

static int do_workdir(struct change *c, struct berth_error *err)
{
	const char *before = record_str_or(record_get(c->config, "WorkingDir"), "/");
	cleanup_free char *text = NULL;
	cleanup_free char *joined = NULL;
	cleanup_free char *path = NULL;
	int r = words_expand(c->rest, c->env, &text, err);

	if (r < 0)
		return r;
	joined = path_join(*before ? before : "/", text);
	path = joined ? path_clean(joined) : NULL;
	return path ? record_set_str(c->config, "WorkingDir", path, err) : no_memory(err);
}

static int do_onbuild(struct change *c, struct berth_error *err)
{
	size_t n = strcspn(c->rest, " \t");
	struct record *list;
	int r;

	if (n == 7 && strncasecmp(c->rest, "ONBUILD", n) == 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if ((n == 4 && strncasecmp(c->rest, "FROM", n) == 0) ||
	    (n == 10 && strncasecmp(c->rest, "MAINTAINER", n) == 0))
		return berth_fail(err, BERTH_E_INVALID, "%.*s isn't allowed as an ONBUILD trigger",
				  (int)n, c->rest);
	r = member(c->config, "OnBuild", false, &list, err);
	return r < 0 ? r : record_append_str(list, c->rest, err);
}

/** "--interval=5s" and its like, which stand before the command. */
static int health_flag(struct record *health, const char *flag, struct berth_error *err)
{
	static const struct {
		const char *flag, *key;
	} times[] = {
		{"--interval=", "Interval"},
		{"--timeout=", "Timeout"},
		{"--start-period=", "StartPeriod"},
		{"--start-interval=", "StartInterval"},
	};
	const char *value = str_after(flag, "--retries=");
	uint64_t retries;
	int64_t ns;

	if (value)
		return parse_u64(value, INT32_MAX, &retries) < 0
			       ? berth_fail(err, BERTH_E_INVALID, "--retries: '%s' is no number",
					    value)
			       : record_set_uint(health, "Retries", retries, err);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		value = str_after(flag, times[i].flag);
		if (!value)
			continue;
		if (parse_duration_ns(value, &ns) < 0 || ns < 0 || (ns > 0 && ns < 1000000))
			return berth_fail(err, BERTH_E_INVALID,
					  "%s: '%s' is no duration of 1ms or more", times[i].key,
					  value);
		return record_set_int(health, times[i].key, ns, err);
	}
	return berth_fail(err, BERTH_E_INVALID, "Unknown flag: %s", flag);
}

static int health_test(struct change *c, struct record *health, struct berth_error *err)
{
	cleanup_record struct record *list = NULL;
	cleanup_strv char **words = NULL;
	bool exec;
	int r = command(c, &list, &exec, err);

	if (r < 0)
		return r;
	if (!exec) {
		words = strv_new("CMD-SHELL", c->rest, NULL);
	} else {
		cleanup_strv char **given = NULL;

		r = record_strv(list, &given, err);
		words = strv_new("CMD", NULL);
		if (r == 0 && (!words || strv_add_all(&words, given) < 0))
			r = no_memory(err);
	}
	if (r < 0)
		return r;
	return words ? record_set(health, "Test", record_from_strv(words), err) : no_memory(err);
}

static int do_healthcheck(struct change *c, struct berth_error *err)
{
	cleanup_record struct record *health = record_new_object();
	int r = health ? 0 : no_memory(err);

	while (r == 0 && str_has_prefix(c->rest, "--")) {
		size_t n = strcspn(c->rest, " \t");
		cleanup_free char *flag = strndup(c->rest, n);

		r = flag ? health_flag(health, flag, err) : no_memory(err);
		c->rest += n + strspn(c->rest + n, " \t");
	}
	if (r < 0)
		return r;
	if (strcasecmp(c->rest, "NONE") == 0) {
		cleanup_strv char **none = strv_new("NONE", NULL);

		r = none ? record_set(health, "Test", record_from_strv(none), err) : no_memory(err);
	} else if (strncasecmp(c->rest, "CMD", 3) == 0 && c->rest[3] && strchr(" \t", c->rest[3])) {
		c->rest += 3 + strspn(c->rest + 3, " \t");
		r = health_test(c, health, err);
	} else {
		r = berth_fail(err, BERTH_E_INVALID, "Unknown type \"%s\" in HEALTHCHECK (try CMD)",
			       c->rest);
	}
	return r < 0 ? r : record_set(c->config, "Healthcheck", steal_ptr(health), err);
}

static const struct {
	const char *name;
	change_fn fn;
	bool may_be_empty;
} instructions[] = {
	{"CMD", do_cmd, true},
	{"ENTRYPOINT", do_entrypoint, true},
	{"ENV", do_env, false},
	{"EXPOSE", do_expose, false},
	{"LABEL", do_label, false},
	{"USER", do_user, false},
	{"VOLUME", do_volume, false},
	{"WORKDIR", do_workdir, false},
	{"STOPSIGNAL", do_stopsignal, false},
	{"ONBUILD", do_onbuild, false},
	{"HEALTHCHECK", do_healthcheck, false},
};

int change_apply(struct record *config, const char *line, struct berth_error *err)
{
	cleanup_free char *text = strdup(line + strspn(line, " \t"));
	struct change c = {.config = config};
	size_t n;
	int r;

	if (!text)
		return no_memory(err);
	for (size_t end = strlen(text); end > 0 && strchr(" \t\r\n", text[end - 1]);)
		text[--end] = '\0';
	n = strcspn(text, " \t");
	c.rest = text + n + strspn(text + n, " \t");
	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
		const char *name = instructions[i].name;

		if (strlen(name) != n || strncasecmp(name, text, n) != 0)
			continue;
		if (!*c.rest && !instructions[i].may_be_empty)
			return no_args(name, err);
		r = record_strv(record_get(config, "Env"), &c.env, err);
		if (r == 0)
			r = instructions[i].fn(&c, err);
		strv_free(c.env);
		return r;
	}
	return berth_fail(err, BERTH_E_INVALID, "%.*s is not a valid change command", (int)n, text);
}
