/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/record_write.h"
#include "base/str.h"
#include "bridge.h"

/* Everything that should be. */
struct wanted {
	const struct berth_net_desc *desc;
	uint32_t n_desc, desc_stride;
	const struct berth_endpoint *ep;
	uint32_t n_ep, ep_stride;
};

static const struct berth_net_desc *desc_at(const struct wanted *w, uint32_t i)
{
	return (const void *)((const char *)w->desc + (size_t)i * w->desc_stride);
}

static const struct berth_endpoint *ep_at(const struct wanted *w, uint32_t i)
{
	return (const void *)((const char *)w->ep + (size_t)i * w->ep_stride);
}

static const struct berth_net_desc *desc_of(const struct wanted *w, const struct berth_endpoint *ep)
{
	for (uint32_t i = 0; i < w->n_desc; i++)
		if (str_eq(desc_at(w, i)->id, ep->network))
			return desc_at(w, i);
	return NULL;
}

/* Interfaces of ours that nobody wants any more. */
struct sweep {
	const struct wanted *w;
	struct link_batch *b;
};

static bool is_wanted(const struct wanted *w, const char *alias)
{
	const char *network = str_after(alias, LINK_ALIAS_NETWORK);
	const char *endpoint = str_after(alias, LINK_ALIAS_ENDPOINT);

	for (uint32_t i = 0; network && i < w->n_desc; i++)
		if (str_eq(network, desc_at(w, i)->id))
			return true;
	for (uint32_t i = 0; endpoint && i < w->n_ep; i++)
		if (str_eq(endpoint, ep_at(w, i)->id))
			return true;
	return !network && !endpoint;
}

static bool is_of_this_driver(const struct link *link)
{
	return str_has_prefix(link->alias, LINK_ALIAS) &&
	       (str_eq(link->kind, "bridge") || str_eq(link->kind, "veth"));
}

static int sweep_link(void *arg, const struct link *link)
{
	struct sweep *s = arg;

	if (is_of_this_driver(link) && !is_wanted(s->w, link->alias))
		link_delete(s->b, link->name, true);
	return 0;
}

static int drop_unwanted(struct berth_network *net, const struct wanted *w, struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	struct sweep s = {.w = w};
	cleanup_fd int fd = -1;
	int r = bridge_route_socket(net, -1, &fd, err);

	if (r == 0)
		r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	s.b = b;
	r = link_each(fd, sweep_link, &s, err);
	return r < 0 ? r : link_run(b, fd, err);
}

/* All rules anew, in one step: what should not be there is gone with the old ones. */
static int put_rules(struct berth_network *net, const struct wanted *w, struct berth_error *err)
{
	struct nft b;
	int r = 0;

	nft_begin(&b);
	rules_table(&b, true);
	for (uint32_t i = 0; i < w->n_desc && r == 0; i++) {
		struct bridge_net n;

		r = bridge_net_of(net, desc_at(w, i), &n, err);
		if (r == 0)
			rules_network(&b, &n, desc_at(w, i));
	}
	for (uint32_t i = 0; i < w->n_ep && r == 0; i++)
		ports_add(&b, net, ep_at(w, i));
	if (r < 0) {
		nft_done(&b);
		return r;
	}
	return rules_commit(net, &b, "put the rules back", err);
}

/* A container that runs, whose interface is gone, gets it again. */
static int put_endpoint(struct berth_network *net, const struct wanted *w,
			const struct berth_endpoint *ep, struct berth_error *err)
{
	const struct berth_net_desc *desc = desc_of(w, ep);
	struct berth_attached got = {.size = sizeof(got), .helper_pidfd = -1};
	struct berth_endpoint bare = *ep;
	cleanup_fd int fd = -1;
	char name[IFNAMSIZ];
	struct bridge_net n;
	struct link link, bridge;
	int r;

	if (!desc || ep->netns_fd < 0)
		return 0;
	r = bridge_net_of(net, desc, &n, err);
	if (r == 0)
		r = bridge_route_socket(net, -1, &fd, err);
	bridge_port_name(ep, name);
	if (r == 0)
		r = link_find(fd, n.name, &bridge, err);
	if (r < 0)
		return r;
	if (link_find(fd, name, &link, NULL) == 0) {
		cleanup_link_batch struct link_batch *b = NULL;

		if (link.master == bridge.index && link.up)
			return 0;
		r = link_batch_new(&b, err);
		if (r == 0) {
			link_delete(b, name, true);
			r = link_run(b, fd, err);
		}
	}
	bare.n_port = 0; /* they are in the rules */
	return r < 0 ? r : bridge_attach(net, desc, &bare, NULL, NULL, &got, err);
}

int bridge_reconcile(struct berth_network *net, const struct berth_net_desc *desc, uint32_t n_desc,
		     uint32_t desc_stride, const struct berth_endpoint *ep, uint32_t n_ep,
		     uint32_t ep_stride, struct berth_error *err)
{
	const struct wanted w = {desc, n_desc, desc_stride, ep, n_ep, ep_stride};
	bool rules = false;
	int r = drop_unwanted(net, &w, err);

	if (r == 0)
		r = rules_are_there(net, &rules, err);
	/* a host without networks of ours, and without a table, stays as it is */
	if (r == 0 && (n_desc > 0 || rules))
		r = put_rules(net, &w, err);
	for (uint32_t i = 0; i < n_desc && r == 0; i++)
		r = bridge_create(net, desc_at(&w, i), NULL, err);
	for (uint32_t i = 0; i < n_ep && r == 0; i++)
		r = put_endpoint(net, &w, ep_at(&w, i), err);
	return r;
}

/* --- each ----------------------------------------------------------------- */

struct telling {
	berth_id_fn fn;
	void *arg;
};

static int tell_link(void *arg, const struct link *link)
{
	const struct telling *t = arg;
	const char *network = str_after(link->alias, LINK_ALIAS_NETWORK);
	const char *endpoint = str_after(link->alias, LINK_ALIAS_ENDPOINT);
	char id[180];

	if (!is_of_this_driver(link) || (!network && !endpoint))
		return 0;
	(void)snprintf(id, sizeof(id), "%s/%s", network ? "network" : "endpoint",
		       network ? network : endpoint);
	return t->fn(t->arg, id);
}

int bridge_each(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err)
{
	struct telling t = {fn, arg};
	cleanup_fd int fd = -1;
	int r = bridge_route_socket(net, -1, &fd, err);

	return r < 0 ? r : link_each(fd, tell_link, &t, err);
}

/* --- plan ----------------------------------------------------------------- */

static int plan_lines(struct berth_network *net, const struct bridge_net *n,
		      const struct berth_net_desc *desc, const struct berth_endpoint *ep,
		      struct jw *w, struct berth_error *err)
{
	cleanup_strv char **rules = NULL;
	char name[IFNAMSIZ];
	int r = rules_lines(n, desc, &rules);

	if (r == 0 && ep)
		r = ports_lines(net, ep, &rules);
	if (r < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	jw_object_begin(w);
	jw_key_array(w, "interfaces");
	jw_str(w, n->name);
	if (ep) {
		bridge_port_name(ep, name);
		jw_str(w, name);
	}
	jw_array_end(w);
	jw_key_array(w, "addresses");
	for (uint32_t i = 0; i < desc->n_subnet; i++) {
		struct berth_addr gw = desc->subnet[i].gateway;

		gw.prefix = desc->subnet[i].net.prefix;
		if (gw.family)
			jw_str(w, link_addr_text(&gw, true));
	}
	for (uint32_t i = 0; ep && i < ep->n_addr; i++)
		jw_str(w, link_addr_text(&ep->addr[i], true));
	jw_array_end(w);
	jw_key_array(w, "rules");
	strv_foreach (line, rules)
		jw_str(w, *line);
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int bridge_plan(struct berth_network *net, const struct berth_net_desc *desc,
		const struct berth_endpoint *ep, struct berth_sink *json, struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);
	struct bridge_net n;
	int r = bridge_net_of(net, desc, &n, err);

	if (r == 0)
		r = plan_lines(net, &n, desc, ep, &w, err);
	if (r == 0)
		r = str_check(&out, err);
	if (r < 0)
		return r;
	r = net->host->sink_put(json, out.p, out.len);
	return r < 0 ? berth_fail(err, BERTH_E_LIMIT, "the plan is too long") : 0;
}
