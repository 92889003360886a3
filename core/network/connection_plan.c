/* SPDX-License-Identifier: Apache-2.0 */
/* What a start would make of a container's networks, without making it. */
#include "base/record_write.h"
#include "core/network/address.h"
#include "core/network/connection.h"

static void write_endpoint(struct jw *w, const struct endpoint *ep)
{
	char text[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];

	jw_key_str(w, "Interface", ep->ifname);
	jw_key_str(w, "MacAddress", mac_text(ep->mac, mac));
	jw_key(w, "Addresses");
	jw_array_begin(w);
	for (uint32_t i = 0; i < ep->n_addr; i++)
		jw_str(w, address_cidr(&ep->addr[i], text));
	jw_array_end(w);
	jw_key_str(w, "Gateway", address_text(&ep->gateway4, text));
	jw_key_str(w, "IPv6Gateway", address_text(&ep->gateway6, text));
	jw_key(w, "Ports");
	jw_array_begin(w);
	for (size_t i = 0; i < record_len(ep->ports); i++)
		jw_record(w, record_at(ep->ports, i));
	jw_array_end(w);
}

static int write_network(struct jw *w, const struct connected *c, struct berth_error *err)
{
	cleanup_endpoint_call struct endpoint_call call = {0};
	cleanup_record struct record *plan = NULL;
	int r = 0;

	if (c->kept)
		r = endpoint_call_open(c->ep, -1, NULL, &call, err);
	if (r == 0)
		r = network_use_plan(&c->use, c->kept ? &call.ep : NULL, &plan, err);
	if (r < 0 && r != -BERTH_E_UNSUPPORTED)
		return r;
	jw_object_begin(w);
	jw_key_str(w, "Network", c->row->name);
	jw_key_str(w, "Driver", c->row->driver);
	if (c->kept)
		write_endpoint(w, c->ep);
	if (plan) { /* else the driver does not say */
		jw_key(w, "Plan");
		jw_record(w, plan);
	}
	jw_object_end(w);
	return 0;
}

int connection_plan(const struct network_host *h, const struct connection_wish *wish,
		    struct record **ret, struct berth_error *err)
{
	struct connection_wish dry = *wish;
	struct connection c = CONNECTION_INIT;
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);
	int r;

	dry.dry_run = true;
	r = connection_open(h, &dry, &c, err);
	jw_array_begin(&w);
	for (size_t i = 0; i < c.n && r == 0; i++)
		r = write_network(&w, &c.list[i], err);
	jw_array_end(&w);
	connection_done(&c);
	if (r == 0)
		r = str_check(&text, err);
	return r < 0 ? r : record_parse(text.p, text.len, 0, ret, err);
}
