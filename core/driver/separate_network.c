/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate_call.h"

static struct proxy *of(struct berth_network *net)
{
	return (struct proxy *)net;
}

static int plan(struct berth_network *net, const struct berth_net_desc *desc,
		const struct berth_endpoint *endpoint, struct berth_sink *json,
		struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.p = endpoint}, {.sink = json}};

	return proxy_call(of(net), NET_PLAN, a, err);
}

static int create(struct berth_network *net, const struct berth_net_desc *desc,
		  struct berth_sink *state, struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.sink = state}};

	return proxy_call(of(net), NET_CREATE, a, err);
}

static int net_remove(struct berth_network *net, const struct berth_net_desc *desc,
		      struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}};

	return proxy_call(of(net), NET_REMOVE, a, err);
}

static int attach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_op *op, struct berth_sink *state,
		  struct berth_attached *ret, struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.p = ep}, {.op = op}, {.sink = state}, {.ret = ret}};

	return proxy_call(of(net), NET_ATTACH, a, err);
}

static int detach(struct berth_network *net, const struct berth_net_desc *desc,
		  const struct berth_endpoint *ep, struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.p = ep}};

	return proxy_call(of(net), NET_DETACH, a, err);
}

static int publish(struct berth_network *net, const struct berth_net_desc *desc,
		   const struct berth_endpoint *ep, struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.p = ep}};

	return proxy_call(of(net), NET_PUBLISH, a, err);
}

static int check(struct berth_network *net, const struct berth_net_desc *desc,
		 const struct berth_endpoint *ep, struct berth_sink *findings,
		 struct berth_error *err)
{
	union wire_arg a[] = {{.p = desc}, {.p = ep}, {.sink = findings}};

	return proxy_call(of(net), NET_CHECK, a, err);
}

static int reconcile(struct berth_network *net, const struct berth_net_desc *desc, uint32_t n_desc,
		     uint32_t desc_stride, const struct berth_endpoint *ep, uint32_t n_ep,
		     uint32_t ep_stride, struct berth_error *err)
{
	union wire_arg a[] = {{.list = {desc, n_desc, desc_stride}},
			      {.list = {ep, n_ep, ep_stride}}};

	return proxy_call(of(net), NET_RECONCILE, a, err);
}

static int each(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err)
{
	union wire_arg a[] = {{.fn = {.id = fn, .arg = arg}}};

	return proxy_call(of(net), NET_EACH, a, err);
}

const struct berth_network_ops separate_network = {
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
