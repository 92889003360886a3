/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/trace.h"

/* A call of each, around the driver's own: handles are unwrapped, arguments told. */

struct berth_network {
	struct berth_network *real;
	struct berth_network_ops ops;
	struct trace_name name;
};

static int plan(struct berth_network *net, const struct berth_net_desc *desc,
		const struct berth_endpoint *endpoint, struct berth_sink *json,
		struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "plan");
	int r;

	trace_str(&c, "network", desc->name);
	trace_str(&c, "container", endpoint ? endpoint->container : NULL);
	trace_u64(&c, "ports", endpoint ? endpoint->n_port : 0);
	r = net->ops.plan(net->real, desc, endpoint, json, trace_go(&c));
	return trace_end(&c, r, err);
}

static int create(struct berth_network *net, const struct berth_net_desc *desc,
		  struct berth_sink *state, struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "create");
	int r;

	trace_str(&c, "network", desc->name);
	r = net->ops.create(net->real, desc, state, trace_go(&c));
	return trace_end(&c, r, err);
}

static int net_remove(struct berth_network *net, const struct berth_net_desc *desc,
		      struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "remove");
	int r;

	trace_str(&c, "network", desc->name);
	r = net->ops.remove(net->real, desc, trace_go(&c));
	return trace_end(&c, r, err);
}

static int attach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_op *op, struct berth_sink *state,
		  struct berth_attached *ret, struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "attach");
	int r;

	trace_str(&c, "network", desc->name);
	trace_str(&c, "container", ep ? ep->container : NULL);
	trace_u64(&c, "ports", ep ? ep->n_port : 0);
	r = net->ops.attach(net->real, desc, ep, op, state, ret, trace_go(&c));
	return trace_end(&c, r, err);
}

static int detach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "detach");
	int r;

	trace_str(&c, "network", desc->name);
	trace_str(&c, "container", ep ? ep->container : NULL);
	trace_u64(&c, "ports", ep ? ep->n_port : 0);
	r = net->ops.detach(net->real, desc, ep, trace_go(&c));
	return trace_end(&c, r, err);
}

static int publish(struct berth_network *net, const struct berth_net_desc *desc,
		   const struct berth_endpoint *ep, struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "publish");
	int r;

	trace_str(&c, "network", desc->name);
	trace_str(&c, "container", ep ? ep->container : NULL);
	trace_u64(&c, "ports", ep ? ep->n_port : 0);
	r = net->ops.publish(net->real, desc, ep, trace_go(&c));
	return trace_end(&c, r, err);
}

static int check(struct berth_network *net, const struct berth_net_desc *desc,
		 const struct berth_endpoint *ep, struct berth_sink *findings,
		 struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "check");
	int r;

	trace_str(&c, "network", desc->name);
	trace_str(&c, "container", ep ? ep->container : NULL);
	trace_u64(&c, "ports", ep ? ep->n_port : 0);
	r = net->ops.check(net->real, desc, ep, findings, trace_go(&c));
	return trace_end(&c, r, err);
}

static int reconcile(struct berth_network *net, const struct berth_net_desc *desc, uint32_t n_desc,
		     uint32_t desc_stride, const struct berth_endpoint *ep, uint32_t n_ep,
		     uint32_t ep_stride, struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "reconcile");
	int r;

	trace_u64(&c, "networks", n_desc);
	trace_u64(&c, "endpoints", n_ep);
	r = net->ops.reconcile(net->real, desc, n_desc, desc_stride, ep, n_ep, ep_stride,
			       trace_go(&c));
	return trace_end(&c, r, err);
}

static int each(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err)
{
	struct trace_call c = trace_begin(&net->name, "each");
	int r;

	r = net->ops.each(net->real, fn, arg, trace_go(&c));
	return trace_end(&c, r, err);
}

static const struct berth_network_ops traced = {
	.plan = plan,
	.create = create,
	.remove = net_remove,
	.attach = attach,
	.detach = detach,
	.publish = publish,
	.check = check,
	.reconcile = reconcile,
	.each = each,
};

struct berth_network *trace_network(struct network *pub, const struct trace_name *name)
{
	struct berth_network *wrapped = calloc(1, sizeof(*wrapped));

	if (!wrapped)
		return NULL;
	*wrapped = (struct berth_network){pub->net, pub->ops, *name};
	pub->net = wrapped;
	pub->ops = traced;
	return wrapped;
}
