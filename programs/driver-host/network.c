/* SPDX-License-Identifier: Apache-2.0 */
#include "seat.h"

int network_call(struct call *c, struct berth_error *err)
{
	const struct berth_network_ops *ops = &served.ops.network;
	struct berth_network *net = c->object;
	union wire_arg *a = c->a;

	switch ((enum wire_network_call)c->number) {
	case NET_PLAN:
		return ops->plan(net, a[0].p, a[1].p, a[2].sink, err);
	case NET_CREATE:
		return ops->create(net, a[0].p, a[1].sink, err);
	case NET_REMOVE:
		return ops->remove(net, a[0].p, err);
	case NET_ATTACH:
		return ops->attach(net, a[0].p, a[1].p, a[2].op, a[3].sink, a[4].ret, err);
	case NET_DETACH:
		return ops->detach(net, a[0].p, a[1].p, err);
	case NET_PUBLISH:
		return ops->publish(net, a[0].p, a[1].p, err);
	case NET_CHECK:
		return ops->check(net, a[0].p, a[1].p, a[2].sink, err);
	case NET_RECONCILE:
		return ops->reconcile(net, a[0].list.p, a[0].list.n, a[0].list.stride, a[1].list.p,
				      a[1].list.n, a[1].list.stride, err);
	case NET_EACH:
		return ops->each(net, a[0].fn.id, NULL, err);
	}
	return -BERTH_E_INTERNAL;
}
