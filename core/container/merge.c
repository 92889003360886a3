/* SPDX-License-Identifier: Apache-2.0 */
/* Config: what is allowed, and the image's defaults below it. */
#include <string.h>

#include "base/path.h"
#include "core/container/env.h"
#include "core/container/spec_parts.h"

enum {
	HOSTNAME_MAX = 64,	/* what sethostname(2) takes */
	DURATION_MIN = 1000000, /* ns: who writes 30 means seconds, and must not get 30 ns */
};

static const struct shape health_shape[] = {
	{"Test", SHAPE_STRV, SHAPE_OMIT},
	{"Interval", SHAPE_INT, SHAPE_OMIT},
	{"Timeout", SHAPE_INT, SHAPE_OMIT},
	{"StartPeriod", SHAPE_INT, SHAPE_OMIT},
	{"StartInterval", SHAPE_INT, SHAPE_OMIT},
	{"Retries", SHAPE_INT, SHAPE_OMIT},
	{NULL},
};

static const struct shape ipam_shape[] = {
	{"IPv4Address", SHAPE_STR, SHAPE_OMIT},
	{"IPv6Address", SHAPE_STR, SHAPE_OMIT},
	{"LinkLocalIPs", SHAPE_STRV, SHAPE_OMIT},
	{NULL},
};

/* What can be asked for; the rest of an endpoint is what came of it. */
static const struct shape endpoint_shape[] = {
	{"IPAMConfig", SHAPE_OBJECT, 0, ipam_shape},
	{"Links", SHAPE_STRV},
	{"Aliases", SHAPE_STRV},
	{"MacAddress", SHAPE_STR},
	{"DriverOpts", SHAPE_STRMAP},
	{"GwPriority", SHAPE_INT},
	{NULL},
};

static const struct shape networking_shape[] = {
	{"EndpointsConfig", SHAPE_MAP, SHAPE_NOT_NULL, endpoint_shape},
	{NULL},
};

/* In the order of Docker's struct. */
static const struct shape config_shape[] = {
	{"Hostname", SHAPE_STR},
	{"Domainname", SHAPE_STR},
	{"User", SHAPE_STR},
	{"AttachStdin", SHAPE_BOOL},
	{"AttachStdout", SHAPE_BOOL},
	{"AttachStderr", SHAPE_BOOL},
	{"ExposedPorts", SHAPE_SET, SHAPE_OMIT},
	{"Tty", SHAPE_BOOL},
	{"OpenStdin", SHAPE_BOOL},
	{"StdinOnce", SHAPE_BOOL},
	{"Env", SHAPE_STRV},
	{"Cmd", SHAPE_STRSLICE},
	{"Healthcheck", SHAPE_OBJECT, SHAPE_OMIT, health_shape},
	{"ArgsEscaped", SHAPE_BOOL, SHAPE_OMIT},
	{"Image", SHAPE_STR},
	{"Volumes", SHAPE_SET},
	{"WorkingDir", SHAPE_STR},
	{"Entrypoint", SHAPE_STRSLICE},
	{"NetworkDisabled", SHAPE_BOOL, SHAPE_OMIT},
	{"MacAddress", SHAPE_STR, SHAPE_OMIT},
	{"OnBuild", SHAPE_STRV},
	{"Labels", SHAPE_STRMAP, SHAPE_NOT_NULL},
	{"StopSignal", SHAPE_STR, SHAPE_OMIT},
	{"StopTimeout", SHAPE_INT, SHAPE_OMIT | SHAPE_POINTER},
	{"Shell", SHAPE_STRSLICE, SHAPE_OMIT},
	{NULL},
};

static const struct shape create_shape[] = {
	{"", SHAPE_INLINE, 0, config_shape},
	{"HostConfig", SHAPE_STRUCT, 0, spec_host_shape},
	{"NetworkingConfig", SHAPE_STRUCT, 0, networking_shape},
	{NULL},
};

static const char *text(const struct record *obj, const char *key)
{
	return record_str_or(record_get(obj, key), "");
}

static int invalid_value(struct berth_error *err, const char *sentence, const char *value)
{
	char shown[SPEC_SHOWN_MAX];

	return berth_fail(err, BERTH_E_INVALID, "%s: %s", sentence, spec_shown(value, shown));
}

/* ------------------------------------------------------------------------------ checks */

static int check_host_name(const struct record *config, const char *key, struct berth_error *err)
{
	const char *name = text(config, key);
	char shown[SPEC_SHOWN_MAX];

	if (strlen(name) > HOSTNAME_MAX)
		return berth_fail(err, BERTH_E_INVALID,
				  "hostname \"%s\" is too long (maximum %d bytes)",
				  spec_shown(name, shown), HOSTNAME_MAX);
	/* it becomes a word of /etc/hosts */
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '/')
			return invalid_value(err, "invalid hostname format", name);
	}
	return 0;
}

static int check_env(const struct record *env, struct berth_error *err)
{
	for (size_t i = 0; i < record_len(env); i++) {
		const char *entry = record_str_or(record_at(env, i), "");

		if (!*entry || *entry == '=')
			return invalid_value(err, "invalid environment variable", entry);
	}
	return 0;
}

static int check_health(const struct record *health, struct berth_error *err)
{
	static const char *const durations[] = {"Interval", "Timeout", "StartPeriod",
						"StartInterval"};

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		int64_t n = record_int_or(record_get(health, durations[i]), 0);

		if (n != 0 && n < DURATION_MIN)
			return berth_fail(err, BERTH_E_INVALID,
					  "%s in Healthcheck cannot be less than 1ms",
					  durations[i]);
	}
	if (record_int_or(record_get(health, "Retries"), 0) < 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "Retries in Healthcheck cannot be negative");
	return 0;
}

static int check_working_dir(struct record *config, struct berth_error *err)
{
	const char *dir = text(config, "WorkingDir");
	cleanup_free char *clean = NULL;
	char shown[SPEC_SHOWN_MAX];

	if (!*dir)
		return 0;
	if (*dir != '/')
		return berth_fail(err, BERTH_E_INVALID,
				  "the working directory '%s' is invalid, it needs to be an "
				  "absolute path",
				  spec_shown(dir, shown));
	clean = path_clean(dir);
	if (!clean)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return record_set_str(config, "WorkingDir", clean, err);
}

/* The same with "80/tcp" for "80". */
static int check_exposed(struct record *config, struct berth_error *err)
{
	const struct record *ports = record_get(config, "ExposedPorts");
	cleanup_record struct record *clean = record_new_object();
	char port[SPEC_PORT_MAX];
	struct record *val;
	const char *key;
	int r = 0;

	if (!ports)
		return 0;
	record_foreach (ports, key, val) {
		if (spec_port_parse(key, port) < 0)
			return invalid_value(err, "invalid port specification", key);
		if (r == 0)
			r = record_set(clean, port, record_new_object(), err);
	}
	return r < 0 ? r : record_set(config, "ExposedPorts", steal_ptr(clean), err);
}

static int check_config(struct record *config, struct berth_error *err)
{
	const char *stop = text(config, "StopSignal");
	int signal, r = check_host_name(config, "Hostname", err);

	if (r == 0)
		r = check_host_name(config, "Domainname", err);
	if (r == 0 && *stop)
		r = spec_signal(stop, &signal, err);
	if (r == 0)
		r = check_env(record_get(config, "Env"), err);
	if (r == 0)
		r = check_health(record_get(config, "Healthcheck"), err);
	if (r == 0)
		r = check_working_dir(config, err);
	return r == 0 ? check_exposed(config, err) : r;
}

/* ------------------------------------------------------------------------ the image below */

/* @key of the image, where the user has nothing. */
static int take(struct record *config, const struct record *image, const char *key,
		struct berth_error *err)
{
	struct record *val = record_get(image, key);

	return val ? record_set(config, key, record_ref(val), err) : 0;
}

static int take_text(struct record *config, const struct record *image, const char *key,
		     struct berth_error *err)
{
	return *text(config, key) ? 0 : take(config, image, key, err);
}

/* As docker: the user's first, then those of the image that the user did not set. */
static int merge_env(struct record *config, const struct record *image, struct berth_error *err)
{
	const struct record *below = record_get(image, "Env");
	struct record *own = record_get(config, "Env");
	cleanup_env struct env env = ENV_INIT;
	int r;

	if (record_len(own) == 0)
		return below ? take(config, image, "Env", err)
			     : record_set_null(config, "Env", err);
	r = env_put_all(&env, own, err);
	for (size_t i = 0; r == 0 && i < record_len(below); i++) {
		const char *entry = record_str_or(record_at(below, i), "");

		if (!env_has(&env, entry))
			r = record_append(own, record_ref(record_at(below, i)), err);
	}
	return r;
}

/* Members of the image's object that the user's does not have. */
static int merge_object(struct record *config, const struct record *image, const char *key,
			struct berth_error *err)
{
	const struct record *below = record_get(image, key);
	struct record *own = record_get(config, key), *val;
	const char *name;
	int r = 0;

	if (record_len(own) == 0)
		return below ? take(config, image, key, err) : record_set_null(config, key, err);
	record_foreach (below, name, val) {
		if (r == 0 && !record_has(own, name))
			r = record_set(own, name, record_ref(val), err);
	}
	return r;
}

/* An image's ports come unchecked: those that are none are dropped. */
static int merge_ports(struct record *config, const struct record *image, struct berth_error *err)
{
	struct record *own = record_get(config, "ExposedPorts"), *val;
	const struct record *below = record_get(image, "ExposedPorts");
	char port[SPEC_PORT_MAX];
	const char *key;
	int r = 0;

	if (record_len(below) == 0)
		return 0;
	if (!own) {
		own = record_new_object();
		r = record_set(config, "ExposedPorts", own, err);
	}
	record_foreach (below, key, val) {
		if (r == 0 && spec_port_parse(key, port) == 0 && !record_has(own, port))
			r = record_set(own, port, record_new_object(), err);
	}
	return r;
}

/* A user's entrypoint drops the image's command, an empty one of the user's only the entrypoint. */
static int merge_command(struct record *config, const struct record *image, struct berth_error *err)
{
	const struct record *entrypoint = record_get(config, "Entrypoint");
	int r = 0;

	if (record_len(entrypoint) == 0) {
		if (record_len(record_get(config, "Cmd")) == 0)
			r = take(config, image, "Cmd", err);
		if (r == 0 && !entrypoint)
			r = take(config, image, "Entrypoint", err);
	}
	entrypoint = record_get(config, "Entrypoint");
	/* [""] is how one says "none" */
	if (r == 0 && record_len(entrypoint) == 1 &&
	    str_eq(record_str(record_at(entrypoint, 0)), ""))
		r = record_set_null(config, "Entrypoint", err);
	if (r == 0 && record_len(record_get(config, "Entrypoint")) == 0 &&
	    record_len(record_get(config, "Cmd")) == 0)
		r = berth_fail(err, BERTH_E_INVALID, "no command specified");
	return r;
}

/* What an image must not say counts as not said: 1 ns between two checks would be a busy loop. */
static int clean_health(struct record *health, struct berth_error *err)
{
	int r = 0;

	for (const struct shape *s = health_shape; r == 0 && s->key; s++) {
		int64_t min = str_eq(s->key, "Retries") ? 0 : DURATION_MIN;

		if (s->type == SHAPE_INT && record_int_or(record_get(health, s->key), 0) < min)
			r = record_set_int(health, s->key, 0, err);
	}
	return r;
}

static int merge_health(struct record *config, const struct record *image, struct berth_error *err)
{
	struct record *own = record_get(config, "Healthcheck");
	struct record *below = record_get(image, "Healthcheck");
	int r;

	if (!below)
		return 0;
	r = clean_health(below, err);
	if (r == 0 && !own)
		return take(config, image, "Healthcheck", err);
	if (r == 0 && record_len(record_get(own, "Test")) == 0)
		r = take(own, below, "Test", err);
	for (const struct shape *s = health_shape; r == 0 && s->key; s++) {
		if (s->type == SHAPE_INT && record_int_or(record_get(own, s->key), 0) == 0)
			r = take(own, below, s->key, err);
	}
	return r;
}

/* An image's directory may be relative to "/"; its signal may be none. */
static int clean_image(struct record *image, struct berth_error *err)
{
	const char *dir = text(image, "WorkingDir");
	int signal, r = 0;

	if (*dir && *dir != '/') {
		cleanup_free char *clean = path_join("/", dir);

		r = clean ? record_set_str(image, "WorkingDir", clean, err)
			  : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (r == 0)
		r = check_working_dir(image, err);
	if (r == 0 && spec_signal(text(image, "StopSignal"), &signal, NULL) < 0)
		r = record_set_str(image, "StopSignal", "", err);
	return r;
}

static int merge_image(struct record *config, struct record *image, struct berth_error *err)
{
	int r = clean_image(image, err);

	if (r == 0)
		r = take_text(config, image, "User", err);
	if (r == 0)
		r = merge_ports(config, image, err);
	if (r == 0)
		r = merge_env(config, image, err);
	if (r == 0)
		r = merge_object(config, image, "Volumes", err);
	if (r == 0 && record_len(record_get(image, "Labels")) > 0)
		r = merge_object(config, image, "Labels", err);
	if (r == 0)
		r = merge_health(config, image, err);
	if (r == 0)
		r = take_text(config, image, "WorkingDir", err);
	return r == 0 ? take_text(config, image, "StopSignal", err) : r;
}

/* ------------------------------------------------------------------------------ all of it */

static int read_image(const struct record *document, struct record **ret, struct berth_error *err)
{
	int r = shape_read(config_shape, record_get(document, "config"), "config", ret, err);

	if (r < 0)
		berth_error_prefix(err, "the image's configuration");
	return r;
}

struct parts {
	struct record *config, *image, *host, *networking, *warnings;
};

static void parts_done(struct parts *p)
{
	record_free(p->config);
	record_free(p->image);
	record_free(p->host);
	record_free(p->networking);
	record_free(p->warnings);
}
#define cleanup_parts cleanup_with(parts_done)

static struct record *take_out(struct record *obj, const char *key)
{
	struct record *val = record_ref(record_get(obj, key));

	record_unset(obj, key);
	return val;
}

static int read_parts(const struct record *body, const struct record *image_config, struct parts *p,
		      struct berth_error *err)
{
	int r;

	if (record_type(body) != RECORD_OBJECT || record_len(body) == 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "config cannot be empty in order to create a container");
	p->warnings = record_new_array();
	if (!p->warnings)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = shape_read(create_shape, body, "", &p->config, err);
	if (r < 0)
		return r;
	p->host = take_out(p->config, "HostConfig");
	p->networking = take_out(p->config, "NetworkingConfig");
	return read_image(image_config, &p->image, err);
}

static int join_parts(struct parts *p, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *merged = record_new_object();
	int r;

	shape_prune(config_shape, p->config);
	shape_prune(spec_host_shape, p->host);
	shape_prune(networking_shape, p->networking);
	r = record_set(merged, "Config", steal_ptr(p->config), err);
	if (r == 0)
		r = record_set(merged, "HostConfig", steal_ptr(p->host), err);
	if (r == 0)
		r = record_set(merged, "NetworkingConfig", steal_ptr(p->networking), err);
	if (r == 0 && record_len(p->warnings) > 0)
		r = record_set(merged, "Warnings", steal_ptr(p->warnings), err);
	if (r == 0)
		*ret = steal_ptr(merged);
	return r;
}

int spec_merge(const struct config *config, const struct record *body,
	       const struct record *image_config, struct record **ret, struct berth_error *err)
{
	cleanup_parts struct parts p = {0};
	int r = read_parts(body, image_config, &p, err);

	if (r == 0)
		r = check_config(p.config, err);
	if (r == 0)
		r = spec_network_check(p.config, p.host, p.networking, p.warnings, err);
	if (r == 0)
		r = spec_host_check(config, p.host, p.warnings, err);
	if (r == 0 && image_config)
		r = merge_image(p.config, p.image, err);
	if (r == 0)
		r = merge_command(p.config, p.image, err);
	return r == 0 ? join_parts(&p, ret, err) : r;
}
