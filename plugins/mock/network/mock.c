/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock network: remembers what should be, in files, and touches no interface.
 *
 *	networks/ID    name of the network
 *	endpoints/ID   "NETWORK\nPORTS", PORTS as in "8080:80/6"
 */
#include <fcntl.h>

#include "../mock.h"
#include "base/path.h"
#include "berth/network.h"

struct berth_network {
	struct mock mock;
	int networks;
	int endpoints;
};

enum { RECORD_LIMIT = 65536 };

static void ports_of(const struct berth_endpoint *ep, struct str *out)
{
	for (uint32_t i = 0; i < ep->n_port; i++) {
		const struct berth_port *port =
			(const void *)((const char *)ep->port + (size_t)i * ep->port_stride);

		str_addf(out, "%s%u:%u/%u", i ? "," : "", port->outside, port->inside, port->proto);
		if (port->count > 1)
			str_addf(out, "+%u", port->count - 1);
	}
}

static int write_endpoint(struct berth_network *net, const struct berth_endpoint *ep,
			  unsigned flags, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	int r;

	str_addf(&text, "%s\n", ep->network);
	ports_of(ep, &text);
	r = str_check(&text, err);
	return r < 0 ? r
		     : state_replace(net->endpoints, ep->id, 0644, text.p, text.len, flags, err);
}

static int list(int folder, const char *kind, berth_id_fn fn, void *arg, struct berth_error *err)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		close_fd(&fd);
		return berth_fail_errno(err, errno, "list %ss", kind);
	}
	while ((entry = readdir(dir))) {
		cleanup_free char *id = NULL;
		int r;

		if (entry->d_name[0] == '.')
			continue;
		id = str_fmt("%s/%s", kind, entry->d_name);
		if (!id)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = fn(arg, id);
		if (r != 0)
			return r;
	}
	return 0;
}

static int mock_plan(struct berth_network *net, const struct berth_net_desc *desc,
		     const struct berth_endpoint *endpoint, struct berth_sink *json,
		     struct berth_error *err)
{
	int r = mock_call(&net->mock, NULL, err, "plan", "network=%s", desc->id);

	if (r == 0 && berth_sink_str(net->mock.host, json,
				     "{\"interfaces\":[],\"addresses\":[],\"rules\":[]}") < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	return r;
}

static int mock_create(struct berth_network *net, const struct berth_net_desc *desc,
		       struct berth_sink *state, struct berth_error *err)
{
	int r;

	r = mock_call(&net->mock, NULL, err, "create", "network=%s name=%s subnets=%u flags=%u",
		      desc->id, mock_arg(desc->name), desc->n_subnet, desc->flags);
	if (r == 0)
		r = mock_check_name(desc->id, err);
	if (r == 0)
		r = state_replace(net->networks, desc->id, 0644, desc->name, strlen(desc->name), 0,
				  err);
	if (r == 0 && state && berth_sink_str(net->mock.host, state, "mock") < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the sink is full");
	return r;
}

struct member {
	const struct berth_network *net;
	const char *network;
};

/* 1: endpoint @id ("endpoint/ID") belongs to the network. */
static int is_member(void *arg, const char *id)
{
	const struct member *member = arg;
	cleanup_free char *text = NULL;
	const char *rest;

	if (state_read(member->net->endpoints, str_after(id, "endpoint/"), RECORD_LIMIT, &text,
		       NULL, NULL) < 0)
		return 0;
	rest = str_after(text, member->network);
	return rest && *rest == '\n' ? 1 : 0;
}

static int mock_remove(struct berth_network *net, const struct berth_net_desc *desc,
		       struct berth_error *err)
{
	struct member member = {net, desc->id};
	int r;

	r = mock_call(&net->mock, NULL, err, "remove", "network=%s", desc->id);
	if (r == 0)
		r = mock_check_name(desc->id, err);
	if (r == 0)
		r = list(net->endpoints, "endpoint", is_member, &member, err);
	if (r > 0)
		return berth_fail(err, BERTH_E_BUSY, "network '%s' has endpoints", desc->id);
	return r < 0 ? r : state_unlink(net->networks, desc->id, err);
}

static void fill_attached(const struct berth_endpoint *ep, struct berth_attached *ret)
{
	ret->n_addr = ep->n_addr < 8 ? ep->n_addr : 8;
	for (uint32_t i = 0; i < ret->n_addr; i++)
		ret->addr[i] = ep->addr[i];
	memcpy(ret->mac, ep->mac, sizeof(ret->mac));
	ret->helper_pidfd = -1;
}

static int mock_attach(struct berth_network *net, const struct berth_net_desc *desc,
		       const struct berth_endpoint *ep, struct berth_op *op,
		       struct berth_sink *state, struct berth_attached *ret,
		       struct berth_error *err)
{
	cleanup_str struct str ports = STR_INIT;
	int r;

	ports_of(ep, &ports);
	r = mock_call(&net->mock, NULL, err, "attach",
		      "endpoint=%s network=%s addresses=%u ports=%s", ep->id, mock_arg(ep->network),
		      ep->n_addr, mock_arg(str_text(&ports)));
	if (r == 0)
		r = mock_check_name(ep->id, err);
	if (r == 0)
		r = write_endpoint(net, ep, STATE_EXCL, err);
	if (r < 0)
		return r;
	fill_attached(ep, ret);
	return 0;
}

static int mock_detach(struct berth_network *net, const struct berth_net_desc *desc,
		       const struct berth_endpoint *ep, struct berth_error *err)
{
	int r = mock_call(&net->mock, NULL, err, "detach", "endpoint=%s", ep->id);

	if (r == 0)
		r = mock_check_name(ep->id, err);
	return r < 0 ? r : state_unlink(net->endpoints, ep->id, err);
}

static int mock_publish(struct berth_network *net, const struct berth_net_desc *desc,
			const struct berth_endpoint *ep, struct berth_error *err)
{
	cleanup_str struct str ports = STR_INIT;
	cleanup_free char *old = NULL;
	int r;

	ports_of(ep, &ports);
	r = mock_call(&net->mock, NULL, err, "publish", "endpoint=%s ports=%s", ep->id,
		      mock_arg(str_text(&ports)));
	if (r == 0)
		r = mock_check_name(ep->id, err);
	if (r == 0)
		r = state_read(net->endpoints, ep->id, RECORD_LIMIT, &old, NULL, err);
	return r < 0 ? r : write_endpoint(net, ep, 0, err);
}

static int mock_check(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_sink *findings,
		      struct berth_error *err)
{
	cleanup_free char *text = NULL;
	int r = mock_call(&net->mock, NULL, err, "check", "endpoint=%s", ep->id);

	if (r == 0)
		r = mock_check_name(ep->id, err);
	if (r < 0 || state_read(net->endpoints, ep->id, RECORD_LIMIT, &text, NULL, NULL) == 0)
		return r;
	return net->mock.host->finding(findings, BERTH_FINDING_ERROR, "mock.detached",
				       "the endpoint is not attached", "berth network repair");
}

/* What should exist, while the rest is dropped. */
struct wanted {
	struct berth_network *net;
	const struct berth_net_desc *desc;
	const struct berth_endpoint *ep;
	uint32_t n_desc, desc_stride, n_ep, ep_stride;
};

static const struct berth_net_desc *desc_at(const struct wanted *w, uint32_t i)
{
	return (const void *)((const char *)w->desc + (size_t)i * w->desc_stride);
}

static const struct berth_endpoint *ep_at(const struct wanted *w, uint32_t i)
{
	return (const void *)((const char *)w->ep + (size_t)i * w->ep_stride);
}

static int drop_unwanted(void *arg, const char *id)
{
	const struct wanted *w = arg;
	const char *network = str_after(id, "network/");
	const char *endpoint = str_after(id, "endpoint/");

	for (uint32_t i = 0; network && i < w->n_desc; i++) {
		if (str_eq(desc_at(w, i)->id, network))
			return 0;
	}
	for (uint32_t i = 0; endpoint && i < w->n_ep; i++) {
		if (str_eq(ep_at(w, i)->id, endpoint))
			return 0;
	}
	return network ? state_unlink(w->net->networks, network, NULL)
		       : state_unlink(w->net->endpoints, endpoint, NULL);
}

static int mock_reconcile(struct berth_network *net, const struct berth_net_desc *desc,
			  uint32_t n_desc, uint32_t desc_stride, const struct berth_endpoint *ep,
			  uint32_t n_ep, uint32_t ep_stride, struct berth_error *err)
{
	struct wanted w = {net, desc, ep, n_desc, desc_stride, n_ep, ep_stride};
	int r = mock_call(&net->mock, NULL, err, "reconcile", "networks=%u endpoints=%u", n_desc,
			  n_ep);

	if (r == 0)
		r = list(net->endpoints, "endpoint", drop_unwanted, &w, err);
	if (r == 0)
		r = list(net->networks, "network", drop_unwanted, &w, err);
	for (uint32_t i = 0; r == 0 && i < n_desc; i++)
		r = state_replace(net->networks, desc_at(&w, i)->id, 0644, desc_at(&w, i)->name,
				  strlen(desc_at(&w, i)->name), 0, err);
	for (uint32_t i = 0; r == 0 && i < n_ep; i++)
		r = write_endpoint(net, ep_at(&w, i), 0, err);
	return r;
}

static int mock_each(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err)
{
	int r = mock_call(&net->mock, NULL, err, "each", "%s", "");

	if (r == 0)
		r = list(net->networks, "network", fn, arg, err);
	return r == 0 ? list(net->endpoints, "endpoint", fn, arg, err) : r;
}

static void close_driver(void *instance)
{
	struct berth_network *net = instance;

	if (!net)
		return;
	mock_done(&net->mock);
	close_fd(&net->networks);
	close_fd(&net->endpoints);
	free(net);
}

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_network *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	net->networks = net->endpoints = net->mock.transcript = -1;
	r = mock_init(&net->mock, "network", host, conf, err);
	if (r == 0)
		r = mock_call(&net->mock, NULL, err, "open", "%s", "");
	if (r == 0)
		r = mock_check_format(state_fd, err);
	if (r == 0)
		r = state_mkdirs(state_fd, "networks", 0755, &net->networks, err);
	if (r == 0)
		r = state_mkdirs(state_fd, "endpoints", 0755, &net->endpoints, err);
	if (r < 0) {
		close_driver(net);
		return r;
	}
	*ret = net;
	return 0;
}

static int reload_driver(void *instance, const struct berth_conf *conf, struct berth_error *err)
{
	return mock_reload(&((struct berth_network *)instance)->mock, conf, err);
}

static const struct berth_network_ops ops = {
	.plan = mock_plan,
	.create = mock_create,
	.remove = mock_remove,
	.attach = mock_attach,
	.detach = mock_detach,
	.publish = mock_publish,
	.check = mock_check,
	.reconcile = mock_reconcile,
	.each = mock_each,
};

static const struct berth_driver head = {
	MOCK_HEAD,
	.options = mock_options,
	.kind = BERTH_NETWORK,
	.caps = BERTH_NET_V4 | BERTH_NET_V6 | BERTH_NET_PUBLISH | BERTH_NET_ROOTLESS |
		BERTH_NET_HOTPLUG | BERTH_NET_USER_MADE | BERTH_NET_INTERNAL,
	.summary = "remembers networks and touches nothing, for tests",
	.ops = &ops,
	.ops_size = sizeof(ops),
	.open = open_driver,
	.reload = reload_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "mock", MOCK_VERSION, head);
