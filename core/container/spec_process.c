/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/path.h"
#include "core/container/caps.h"
#include "core/container/env.h"
#include "core/container/kernel.h"
#include "core/container/spec_parts.h"
#include "core/container/user.h"

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { UMASK = 022 }; /* whatever the engine was started with */

/* One process: the container's first, or an exec, which takes what it does not say from the
 * container. */
struct process {
	const struct spec_input *in;
	const struct record *config, *host;
	const struct record *exec; /* NULL: the first */
	bool tty;
	struct security_opt security;
	struct user_found user;
	uint64_t caps;
	bool caps_for_all; /* exec --privileged: not to root only */
};

int spec_caps(const struct record *host, uint64_t *ret, struct berth_error *err)
{
	uint64_t available = caps_available();

	if (record_bool_or(record_get(host, "Privileged"), false)) {
		*ret = available;
		return 0;
	}
	return caps_tweak(available, record_get(host, "CapAdd"), record_get(host, "CapDrop"), ret,
			  err);
}

static const char *non_empty(const struct record *obj, const char *key, const char *otherwise)
{
	const char *s = record_str(record_get(obj, key));

	return s && *s ? s : otherwise;
}

static void write_size(const struct process *p, struct jw *w)
{
	const struct record *size = record_get(p->exec ? p->exec : p->host, "ConsoleSize");
	uint64_t height = 0, width = 0;

	if (!p->tty || !record_uint(record_at(size, 0), &height) ||
	    !record_uint(record_at(size, 1), &width) || (!height && !width))
		return;
	jw_key_object(w, "consoleSize");
	jw_key_uint(w, "height", height);
	jw_key_uint(w, "width", width);
	jw_object_end(w);
}

static void write_user(const struct user_found *user, struct jw *w)
{
	jw_key_object(w, "user");
	jw_key_uint(w, "uid", user->uid);
	jw_key_uint(w, "gid", user->gid);
	jw_key_uint(w, "umask", UMASK);
	jw_key_array(w, "additionalGids");
	for (size_t i = 0; i < user->n_groups; i++)
		jw_uint(w, user->groups[i]);
	jw_array_end(w);
	jw_object_end(w);
}

static void write_items(const struct record *list, struct jw *w)
{
	for (size_t i = 0; i < record_len(list); i++)
		jw_str(w, record_str_or(record_at(list, i), ""));
}

static int write_args(const struct process *p, struct jw *w, struct berth_error *err)
{
	const struct record *cmd = record_get(p->exec ? p->exec : p->config, "Cmd");
	const struct record *entrypoint = p->exec ? NULL : record_get(p->config, "Entrypoint");

	if (record_len(cmd) + record_len(entrypoint) == 0)
		return berth_fail(err, BERTH_E_INVALID,
				  p->exec ? "No exec command specified" : "no command specified");
	jw_key_array(w, "args");
	if (!p->exec && spec_has_init(p->in)) {
		jw_str(w, SPEC_INIT_PATH);
		jw_str(w, "--");
	}
	write_items(entrypoint, w);
	write_items(cmd, w);
	jw_array_end(w);
	return 0;
}

static int put_env(const struct process *p, const char *hostname, const char *home, struct env *env,
		   struct berth_error *err)
{
	int r = env_put(env, PATH_DEFAULT, err);

	if (r == 0)
		r = env_put(env, hostname, err);
	if (r == 0 && p->tty)
		r = env_put(env, "TERM=xterm", err);
	if (r == 0)
		r = env_put_all(env, record_get(p->config, "Env"), err);
	if (r == 0)
		r = env_put_all(env, record_get(p->exec, "Env"), err);
	if (r == 0 && !env_has(env, home))
		r = env_put(env, home, err);
	return r;
}

static int write_env(const struct process *p, struct jw *w, struct berth_error *err)
{
	const char *name = p->in->hostname ? p->in->hostname : non_empty(p->config, "Hostname", "");
	cleanup_free char *hostname = str_fmt("HOSTNAME=%s", name);
	cleanup_free char *home = str_fmt("HOME=%s", p->user.home);
	cleanup_env struct env env = ENV_INIT;
	int r;

	if (!hostname || !home)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = put_env(p, hostname, home, &env, err);
	if (r < 0)
		return r;
	jw_key_array(w, "env");
	for (size_t i = 0; i < env.n; i++) {
		/* "NAME" is unset; an image may also hold "=x", which runtimes refuse */
		if (strchr(env.entries[i], '=') && *env.entries[i] != '=')
			jw_str(w, env.entries[i]);
	}
	jw_array_end(w);
	return 0;
}

static int write_cwd(const struct process *p, struct jw *w, struct berth_error *err)
{
	const char *cwd = non_empty(p->exec, "WorkingDir", NULL);
	char shown[SPEC_SHOWN_MAX];

	if (!cwd)
		cwd = non_empty(p->config, "WorkingDir", "/");
	if (*cwd != '/')
		return berth_fail(err, BERTH_E_INVALID,
				  "the working directory '%s' is invalid, it needs to be an "
				  "absolute path",
				  spec_shown(cwd, shown));
	jw_key_str(w, "cwd", cwd);
	return 0;
}

/*
 * A user that is not root has none at all when the program runs: the kernel takes them at execve,
 * as there are no ambient ones. To say so here leaves nothing to it, nor to drivers.
 */
static void write_caps(const struct process *p, struct jw *w)
{
	uint64_t own = p->user.uid == 0 || p->caps_for_all ? p->caps : 0;

	jw_key_object(w, "capabilities");
	jw_key(w, "bounding");
	caps_write(w, p->caps);
	jw_key(w, "effective");
	caps_write(w, own);
	jw_key(w, "permitted");
	caps_write(w, own);
	jw_object_end(w);
}

static int write_rlimits(const struct process *p, struct jw *w, struct berth_error *err)
{
	struct ulimit list[ULIMIT_MAX];
	size_t n;
	int r = ulimit_all(p->in->config, p->host, list, &n, err);

	if (r < 0 || n == 0)
		return r;
	jw_key_array(w, "rlimits");
	for (size_t i = 0; i < n; i++) {
		char type[32] = "RLIMIT_";
		size_t k = strlen(type);

		for (const char *c = list[i].name; *c; c++)
			type[k++] = (char)toupper((unsigned char)*c);
		type[k] = '\0';
		jw_object_begin(w);
		jw_key_str(w, "type", type);
		jw_key_uint(w, "hard", (uint64_t)list[i].hard); /* -1 becomes RLIM_INFINITY */
		jw_key_uint(w, "soft", (uint64_t)list[i].soft);
		jw_object_end(w);
	}
	jw_array_end(w);
	return 0;
}

static void write_security(const struct process *p, struct jw *w)
{
	const char *profile = p->security.apparmor;

	jw_key_bool(w, "noNewPrivileges", p->security.no_new_privileges);
	/* without AppArmor everything is unconfined, and drivers refuse the word */
	if (profile && *profile && (!str_eq(profile, "unconfined") || kernel_has_apparmor()))
		jw_key_str(w, "apparmorProfile", profile);
	jw_key_int(w, "oomScoreAdj", record_int_or(record_get(p->host, "OomScoreAdj"), 0));
}

static int write_process(const struct process *p, struct jw *w, struct berth_error *err)
{
	int r;

	jw_object_begin(w);
	jw_key_bool(w, "terminal", p->tty);
	write_size(p, w);
	write_user(&p->user, w);
	r = write_args(p, w, err);
	if (r == 0)
		r = write_env(p, w, err);
	if (r == 0)
		r = write_cwd(p, w, err);
	if (r == 0) {
		write_caps(p, w);
		r = write_rlimits(p, w, err);
	}
	if (r == 0)
		write_security(p, w);
	jw_object_end(w);
	return r;
}

static int gather(struct process *p, struct berth_error *err)
{
	const char *user = non_empty(p->exec, "User", NULL);
	int r;

	p->tty = record_bool_or(record_get(p->exec ? p->exec : p->config, "Tty"), false);
	p->caps_for_all = record_bool_or(record_get(p->exec, "Privileged"), false);
	if (!user)
		user = non_empty(p->config, "User", "");
	r = security_opt_read(record_get(p->host, "SecurityOpt"), &p->security, err);
	if (r == 0 && p->caps_for_all)
		p->caps = caps_available();
	else if (r == 0)
		r = spec_caps(p->host, &p->caps, err);
	if (r == 0)
		r = user_find(p->in->rootfd, user, record_get(p->host, "GroupAdd"), &p->user, err);
	return r;
}

int spec_process_write(const struct spec_input *in, const struct record *exec, struct jw *w,
		       struct berth_error *err)
{
	struct process p = {
		.in = in,
		.config = record_get(in->merged, "Config"),
		.host = record_get(in->merged, "HostConfig"),
		.exec = exec,
	};
	int r = gather(&p, err);

	if (r < 0)
		return r;
	r = write_process(&p, w, err);
	user_done(&p.user);
	return r;
}

int spec_process(const struct spec_input *in, const struct record *exec, struct str *out,
		 struct berth_error *err)
{
	struct jw w = jw_to(out, RECORD_COMPACT);
	int r = spec_process_write(in, exec, &w, err);

	return r < 0 ? r : str_check(out, err);
}
