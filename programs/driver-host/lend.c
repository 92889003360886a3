/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver is lent: options and programs from here, the rest from the engine. */
#include <poll.h>

#include "base/clock.h"
#include "base/netns.h"
#include "core/driver/host.h"
#include "seat.h"

enum { ASK_NS = 20 * 1000 * 1000 }; /* so often the engine is asked whether the user gave up */

/* --- options -----------------------------------------------------------------------------------
 */

static const struct wire_option *find(const struct berth_conf *conf, const char *key)
{
	const struct wire_conf *c = (const struct wire_conf *)conf;

	for (uint64_t i = 0; c && i < c->n; i++)
		if (str_eq(c->option[i].name, key))
			return c->option[i].is_set ? &c->option[i] : NULL;
	return NULL;
}

static const char *lent_str(const struct berth_conf *conf, const char *key)
{
	const struct wire_option *o = find(conf, key);

	return o && o->type != BERTH_OPT_JSON ? o->text : NULL;
}

static const char *lent_json(const struct berth_conf *conf, const char *key)
{
	const struct wire_option *o = find(conf, key);

	return o && o->type == BERTH_OPT_JSON ? o->text : NULL;
}

static bool is_number(uint32_t type)
{
	return type == BERTH_OPT_U64 || type == BERTH_OPT_SIZE || type == BERTH_OPT_DURATION;
}

static int lent_u64(const struct berth_conf *conf, const char *key, uint64_t *ret)
{
	const struct wire_option *o = find(conf, key);

	if (!o || !is_number(o->type))
		return -BERTH_E_NOT_FOUND;
	*ret = o->number;
	return 0;
}

static bool lent_bool(const struct berth_conf *conf, const char *key)
{
	const struct wire_option *o = find(conf, key);

	return o && o->type == BERTH_OPT_BOOL && o->number;
}

/* --- operations --------------------------------------------------------------------------------
 */

static bool lent_cancelled(struct berth_op *op)
{
	struct pollfd p = {.fd = op ? op->fd : -1, .events = POLLIN};
	cleanup_wire struct wire w = {0};
	int64_t now;

	if (!op || op->is_cancelled)
		return op != NULL;
	if (poll(&p, 1, 0) > 0)
		return op->is_cancelled = true;
	now = clock_mono_ns();
	if (!seat_is_here() || (op->asked_ns && now - op->asked_ns < ASK_NS))
		return false;
	op->asked_ns = now;
	op->is_cancelled = seat_ask(WIRE_CANCELLED, &w, NULL) != 0;
	return op->is_cancelled;
}

static int lent_cancel_fd(struct berth_op *op)
{
	return op ? op->fd : -1;
}

static void lent_progress(struct berth_op *op, uint64_t done, uint64_t total, const char *unit)
{
	cleanup_wire struct wire w = {0};

	if (!op)
		return;
	wire_put_u64(&w, done);
	wire_put_u64(&w, total);
	wire_put_str(&w, unit);
	(void)seat_say(WIRE_PROGRESS, &w);
}

/* --- to the engine -----------------------------------------------------------------------------
 */

static void lent_log_str(const struct berth_host *host, uint32_t level, const char *text)
{
	cleanup_wire struct wire w = {0};

	(void)host;
	wire_put_u64(&w, level);
	wire_put_str(&w, text);
	(void)seat_say(WIRE_LOG, &w); /* a thread of the driver's own is not heard */
}

static int lent_event(const struct berth_host *host, const char *topic, struct berth_str json)
{
	cleanup_wire struct wire w = {0};

	(void)host;
	wire_put_u64(&w, 0);
	wire_put_str(&w, topic);
	wire_put_bytes(&w, json.p, json.n);
	(void)seat_say(WIRE_EVENT, &w);
	return 0;
}

static int lent_sink_put(struct berth_sink *sink, const char *bytes, size_t n)
{
	cleanup_wire struct wire w = {0};

	(void)sink;
	wire_put_bytes(&w, bytes, n);
	return seat_ask(WIRE_PUT, &w, NULL);
}

static int lent_finding(struct berth_sink *sink, uint32_t level, const char *id, const char *text,
			const char *fix)
{
	cleanup_wire struct wire w = {0};

	(void)sink;
	wire_put_u64(&w, level);
	wire_put_str(&w, id);
	wire_put_str(&w, text);
	wire_put_str(&w, fix);
	return seat_ask(WIRE_FINDING, &w, NULL);
}

static int lent_credential(const struct berth_host *host, const char *registry,
			   struct berth_sink *sink, struct berth_error *err)
{
	cleanup_wire struct wire w = {0};

	(void)host;
	(void)sink;
	wire_put_str(&w, registry);
	return seat_ask(WIRE_CREDENTIAL, &w, err);
}

int lend_id(void *arg, const char *id)
{
	cleanup_wire struct wire w = {0};

	(void)arg;
	wire_put_str(&w, id);
	return seat_ask(WIRE_ID, &w, NULL);
}

int lend_change(void *arg, uint32_t change, const char *path)
{
	cleanup_wire struct wire w = {0};

	(void)arg;
	wire_put_str(&w, path);
	wire_put_u64(&w, change);
	return seat_ask(WIRE_CHANGE, &w, NULL);
}

int lend_desc(void *arg, const char *name, const struct berth_desc *desc)
{
	cleanup_wire struct wire w = {0};

	(void)arg;
	wire_put_str(&w, name);
	wire_put_struct(&w, &wire_desc, desc);
	return seat_ask(WIRE_DESC, &w, NULL);
}

/* --- from here ---------------------------------------------------------------------------------
 */

static int lent_spawn(const struct berth_host *host, const char *const argv[],
		      const char *const envp[], const int fds[], size_t n_fds, int *ret_pidfd,
		      struct berth_error *err)
{
	return host_run(&((const struct served *)host)->head, argv, envp, fds, n_fds, ret_pidfd,
			err);
}

static int lent_socket_in(const struct berth_host *host, int netns_fd, int domain, int type,
			  int protocol, int *ret_fd, struct berth_error *err)
{
	(void)host;
	return netns_socket(netns_fd, domain, type, protocol, ret_fd, err);
}

void lend(struct served *s)
{
	s->host = (struct berth_host){
		.size = sizeof(s->host),
		.abi = BERTH_ABI,
		.engine = "berth " BERTH_VERSION,
		.log_str = lent_log_str,
		.cancelled = lent_cancelled,
		.cancel_fd = lent_cancel_fd,
		.progress = lent_progress,
		.conf_str = lent_str,
		.conf_u64 = lent_u64,
		.conf_bool = lent_bool,
		.conf_json = lent_json,
		.sink_put = lent_sink_put,
		.finding = lent_finding,
		.spawn = lent_spawn,
		.socket_in = lent_socket_in,
		.event = lent_event,
		.credential = lent_credential,
	};
}
