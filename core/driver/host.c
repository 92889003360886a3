/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/host.h"

#include "core/driver/loaded.h"

#include "base/log.h"
#include "base/netns.h"
#include "base/process.h"
#include "core/driver/op.h"
#include "core/driver/options.h"
#include "core/driver/sink.h"

static const struct loaded *of_host(const struct berth_host *host)
{
	return (const struct loaded *)host;
}

static void host_log_str(const struct berth_host *host, uint32_t level, const char *text)
{
	char at[64];

	if (!log_enabled((int)level))
		return;
	(void)snprintf(at, sizeof(at), "driver.%s", of_host(host)->head.name);
	log_write((int)level, at, "text='%s'", text);
}

static bool host_cancelled(struct berth_op *op)
{
	return op_cancelled(op);
}

static int host_cancel_fd(struct berth_op *op)
{
	return op_cancel_fd(op);
}

/* --- spawn ---------------------------------------------------------------- */

static int spawn(const char *const argv[], const char *const envp[], const int fds[], size_t n_fds,
		 int *ret_pidfd, struct berth_error *err)
{
	cleanup_strv char **env =
		strv_new("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			 "LANG=C", NULL);
	struct process_spec spec = {
		.argv = (char *const *)argv,
		.fds = fds,
		.n_fds = n_fds,
		.flags = PROCESS_DIE_WITH_PARENT | PROCESS_NEW_GROUP,
	};

	if (!env)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (; envp && *envp; envp++) {
		if (strv_set_env(&env, *envp) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	spec.envp = env;
	return process_spawn(&spec, ret_pidfd, NULL, err);
}

int host_run(const struct berth_driver *head, const char *const argv[], const char *const envp[],
	     const int fds[], size_t n_fds, int *ret_pidfd, struct berth_error *err)
{
	if (!(head->needs & BERTH_NEEDS_SPAWN))
		return berth_fail(err, BERTH_E_DENIED,
				  "driver '%s' starts a program, but does not declare "
				  "BERTH_NEEDS_SPAWN",
				  head->name);
	if (!argv || !argv[0] || argv[0][0] != '/')
		return berth_fail(err, BERTH_E_INVALID,
				  "a program to start needs an absolute path");
	if (n_fds > PROCESS_FDS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d descriptors for a program",
				  PROCESS_FDS_MAX);
	return spawn(argv, envp, fds, n_fds, ret_pidfd, err);
}

static int host_spawn(const struct berth_host *host, const char *const argv[],
		      const char *const envp[], const int fds[], size_t n_fds, int *ret_pidfd,
		      struct berth_error *err)
{
	return host_run(&of_host(host)->head, argv, envp, fds, n_fds, ret_pidfd, err);
}

static int host_socket_in(const struct berth_host *host, int netns_fd, int domain, int type,
			  int protocol, int *ret_fd, struct berth_error *err)
{
	return netns_socket(netns_fd, domain, type, protocol, ret_fd, err);
}

/* --- to the engine -------------------------------------------------------- */

static int host_event(const struct berth_host *host, const char *topic, struct berth_str json)
{
	const struct loaded *l = of_host(host);
	const struct drivers *d = l->drivers;

	if (d->event)
		d->event(d->event_arg, l->head.name, topic, json);
	else
		log_debug("driver.event", "driver=%s topic='%s' json=%.*s", l->head.name, topic,
			  (int)(json.n < 1024 ? json.n : 1024), json.p ? json.p : "");
	return 0;
}

static int host_credential(const struct berth_host *host, const char *registry,
			   struct berth_sink *sink, struct berth_error *err)
{
	const struct drivers *d = of_host(host)->drivers;
	cleanup_str struct str json = STR_INIT;
	int r;

	if (!d->credential)
		return berth_fail(err, BERTH_E_NOT_FOUND, "no credentials for '%s'", registry);
	r = d->credential(d->credential_arg, registry, &json, err);
	if (r < 0)
		return r;
	r = sink_put(sink, str_text(&json), json.len);
	if (json.p)
		explicit_bzero(json.p, json.cap);
	if (r < 0)
		return berth_fail(err, -r, "hand over credentials for '%s'", registry);
	return 0;
}

void host_lend(struct loaded *l)
{
	l->host = (struct berth_host){
		.size = sizeof(l->host),
		.abi = BERTH_ABI,
		.engine = "berth " BERTH_VERSION,
		.log_str = host_log_str,
		.cancelled = host_cancelled,
		.cancel_fd = host_cancel_fd,
		.progress = op_progress,
		.conf_str = conf_str,
		.conf_u64 = conf_u64,
		.conf_bool = conf_bool,
		.conf_json = conf_json,
		.sink_put = sink_put,
		.finding = sink_finding,
		.spawn = host_spawn,
		.socket_in = host_socket_in,
		.event = host_event,
		.credential = host_credential,
	};
}

int driver_result(int r, struct berth_error *err)
{
	if (r == 0)
		return 0;
	if (r > 0 || r < -BERTH_E_INTERNAL)
		return berth_fail(err, BERTH_E_INTERNAL,
				  "the driver answered %d, which means "
				  "nothing",
				  r);
	if (err->code != -r || !err->text[0])
		return berth_fail(err, -r, "the driver says '%s', and not why", berth_code_name(r));
	return r;
}
