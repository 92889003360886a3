/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network driver that is wrong in one way: the calls of a right one, of which the option `mutant`
 * breaks one rule. The suite must find exactly that (network.txt); else it proves nothing.
 */
#undef berth_driver_v1 /* the right driver's entry has another name here: meson.build */
#include <stdio.h>

#include "base/str.h"
#include "berth/network.h"

const struct berth_driver *right_driver_v1(uint32_t index);
__attribute__((visibility("default"))) const struct berth_driver *berth_driver_v1(uint32_t index);

#define MUTANTS                                                                                    \
	"none|plans-by-doing|opens-internal|busy-is-removed|attaches-twice|chooses-the-mac|"       \
	"needs-the-namespace|keeps-old-ports|publishes-everywhere|"                                \
	"finds-nothing|repairs-nothing|names-nothing|takes-any-name"

static const struct berth_network_ops *right;
static char mutant[32] = "none";

static bool is(const char *name)
{
	return str_eq(mutant, name);
}

/* What the right one answered is what is told, but for one code. */
static int forgive(const char *name, int code, int r, const struct berth_error *why,
		   struct berth_error *err)
{
	if (r == code && is(name))
		return 0;
	if (r < 0 && err)
		*err = *why;
	return r;
}

static int plan(struct berth_network *net, const struct berth_net_desc *desc,
		const struct berth_endpoint *ep, struct berth_sink *json, struct berth_error *err)
{
	if (is("plans-by-doing"))
		(void)right->create(net, desc, NULL, NULL);
	return right->plan(net, desc, ep, json, err);
}

static int create(struct berth_network *net, const struct berth_net_desc *desc,
		  struct berth_sink *state, struct berth_error *err)
{
	struct berth_net_desc other = *desc;
	struct berth_error why;

	if (is("opens-internal"))
		other.flags &= ~(uint32_t)BERTH_NETWORK_INTERNAL;
	return forgive("takes-any-name", -BERTH_E_INVALID, right->create(net, &other, state, &why),
		       &why, err);
}

static int remove_network(struct berth_network *net, const struct berth_net_desc *desc,
			  struct berth_error *err)
{
	struct berth_error why;

	return forgive("busy-is-removed", -BERTH_E_BUSY, right->remove(net, desc, &why), &why, err);
}

/* The endpoint with its ports on all addresses of the host; @port has room for @n. */
static struct berth_endpoint everywhere(const struct berth_endpoint *ep, struct berth_port *port,
					uint32_t n)
{
	struct berth_endpoint other = *ep;

	for (uint32_t i = 0; i < ep->n_port && i < n; i++) {
		port[i] = *(const struct berth_port *)((const char *)ep->port +
						       (size_t)i * ep->port_stride);
		port[i].host = (struct berth_addr){.family = port[i].host.family};
	}
	if (ep->n_port <= n) {
		other.port = port;
		other.port_stride = sizeof(*port);
	}
	return other;
}

static int attach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_op *op, struct berth_sink *state,
		  struct berth_attached *ret, struct berth_error *err)
{
	struct berth_endpoint other = *ep;
	struct berth_net_desc open = *desc;
	struct berth_port port[8];
	struct berth_error why;
	int r;

	if (is("opens-internal"))
		open.flags &= ~(uint32_t)BERTH_NETWORK_INTERNAL;
	if (is("publishes-everywhere"))
		other = everywhere(ep, port, 8);
	for (unsigned i = 0; i < sizeof(other.mac) && is("chooses-the-mac"); i++)
		other.mac[i] = 0;
	r = right->attach(net, &open, &other, op, state, ret, &why);
	return forgive("attaches-twice", -BERTH_E_EXISTS, r, &why, err);
}

static int detach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_error *err)
{
	if (is("needs-the-namespace") && ep->netns_fd < 0)
		return berth_fail(err, BERTH_E_INVALID, "the namespace is gone");
	return right->detach(net, desc, ep, err);
}

static int publish(struct berth_network *net, const struct berth_net_desc *desc,
		   const struct berth_endpoint *ep, struct berth_error *err)
{
	struct berth_port port[8];
	struct berth_endpoint other;

	if (is("keeps-old-ports") && ep->n_port == 0)
		return 0;
	if (!is("publishes-everywhere"))
		return right->publish(net, desc, ep, err);
	other = everywhere(ep, port, 8);
	return right->publish(net, desc, &other, err);
}

static int check(struct berth_network *net, const struct berth_net_desc *desc,
		 const struct berth_endpoint *ep, struct berth_sink *findings,
		 struct berth_error *err)
{
	return is("finds-nothing") ? 0 : right->check(net, desc, ep, findings, err);
}

static int reconcile(struct berth_network *net, const struct berth_net_desc *desc, uint32_t n_desc,
		     uint32_t desc_stride, const struct berth_endpoint *ep, uint32_t n_ep,
		     uint32_t ep_stride, struct berth_error *err)
{
	if (is("repairs-nothing"))
		return 0;
	return right->reconcile(net, desc, n_desc, desc_stride, ep, n_ep, ep_stride, err);
}

static int each(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err)
{
	return is("names-nothing") ? 0 : right->each(net, fn, arg, err);
}

static int open_wrong(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		      void **ret, struct berth_error *err)
{
	const char *word = host->conf_str(conf, "mutant");

	(void)snprintf(mutant, sizeof(mutant), "%s", word ? word : "none");
	return right_driver_v1(0)->open(host, conf, state_fd, ret, err);
}

static const struct berth_option *options(void)
{
	static struct berth_option all[32];
	size_t n = 0;

	for (const struct berth_option *o = right_driver_v1(0)->options; o && o->name && n < 30;
	     o++)
		all[n++] = *o;
	all[n] = (struct berth_option){
		.name = "mutant",
		.type = BERTH_OPT_ENUM,
		.fallback = "none",
		.choices = MUTANTS,
		.doc = "which rule is broken",
	};
	return all;
}

const struct berth_driver *berth_driver_v1(uint32_t index)
{
	static struct berth_network_ops ops;
	static struct berth_driver head;

	if (index > 0)
		return NULL;
	head = *right_driver_v1(0);
	right = head.ops;
	ops = *right;
	ops.plan = plan;
	ops.create = create;
	ops.remove = remove_network;
	ops.attach = attach;
	ops.detach = detach;
	ops.publish = publish;
	ops.check = check;
	ops.reconcile = reconcile;
	ops.each = each;
	head.ops = &ops;
	head.options = options();
	head.open = open_wrong;
	return &head;
}
