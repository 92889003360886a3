/* SPDX-License-Identifier: Apache-2.0 */
/* How networks are shown: list and inspect, in the shapes of the Engine API. */
#include <fnmatch.h>
#include <string.h>

#include "base/clock.h"
#include "base/record_write.h"
#include "core/network/address.h"
#include "core/network/endpoint.h"
#include "core/network/network.h"
#include "core/store/filter.h"

static void write_part(struct jw *w, const char *key, const struct record *part, const char *absent)
{
	if (part) {
		jw_key(w, key);
		jw_record(w, part);
	} else {
		jw_key_raw(w, key, absent);
	}
}

static void write_container(struct jw *w, const struct endpoint *ep)
{
	char mac[MAC_TEXT_MAX], text[ADDRESS_TEXT_MAX];
	const char *v4 = "", *v6 = "";
	char v6_text[ADDRESS_TEXT_MAX];

	for (uint32_t i = 0; i < ep->n_addr; i++) {
		if (ep->addr[i].family == BERTH_IPV4)
			v4 = address_cidr(&ep->addr[i], text);
		else
			v6 = address_cidr(&ep->addr[i], v6_text);
	}
	jw_key_object(w, ep->container);
	jw_key_str(w, "Name", strv_len(ep->names) ? ep->names[0] : "");
	jw_key_str(w, "EndpointID", ep->id);
	jw_key_str(w, "MacAddress", mac_text(ep->mac, mac));
	jw_key_str(w, "IPv4Address", v4);
	jw_key_str(w, "IPv6Address", v6);
	jw_object_end(w);
}

/** @eps NULL: for a list, in which docker leaves containers out. */
static void write_network(struct jw *w, const struct network_row *row, const struct endpoints *eps)
{
	const struct record *spec = row->spec, *ipam = record_get(spec, "IPAM");
	char created[CLOCK_TEXT_MAX];

	jw_object_begin(w);
	jw_key_str(w, "Name", row->name);
	jw_key_str(w, "Id", row->id);
	jw_key_str(w, "Created", clock_format(row->created_ns, created));
	jw_key_str(w, "Scope", "local");
	jw_key_str(w, "Driver", row->driver);
	jw_key_bool(w, "EnableIPv4", record_bool_or(record_get(spec, "EnableIPv4"), true));
	jw_key_bool(w, "EnableIPv6", record_bool_or(record_get(spec, "EnableIPv6"), false));
	jw_key_object(w, "IPAM");
	jw_key_str(w, "Driver", record_str_or(record_get(ipam, "Driver"), "default"));
	write_part(w, "Options", record_get(ipam, "Options"), "null");
	write_part(w, "Config", record_get(ipam, "Config"), "[]");
	jw_object_end(w);
	jw_key_bool(w, "Internal", record_bool_or(record_get(spec, "Internal"), false));
	jw_key_bool(w, "Attachable", record_bool_or(record_get(spec, "Attachable"), false));
	jw_key_bool(w, "Ingress", false);
	jw_key_raw(w, "ConfigFrom", "{\"Network\":\"\"}");
	jw_key_bool(w, "ConfigOnly", false);
	jw_key_object(w, "Containers");
	for (size_t i = 0; eps && i < eps->n; i++)
		if (str_eq(eps->list[i]->phase, "ready"))
			write_container(w, eps->list[i]);
	jw_object_end(w);
	write_part(w, "Options", record_get(spec, "Options"), "{}");
	write_part(w, "Labels", record_get(spec, "Labels"), "{}");
	jw_object_end(w);
}

int network_inspect(const struct network_host *h, const char *ref, struct record **ret,
		    struct berth_error *err)
{
	cleanup_network_row struct network_row *row = NULL;
	cleanup_endpoints struct endpoints eps = {0};
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);
	int r = network_find(h, ref, &row, err);

	if (r == 0)
		r = endpoints_of_network(h->store, row->id, &eps, err);
	if (r < 0)
		return r;
	write_network(&w, row, &eps);
	r = str_check(&out, err);
	return r < 0 ? r : record_parse(out.p, out.len, 0, ret, err);
}

/* --- list --------------------------------------------------------------------------------------
 */

struct wanted {
	char **ids, **names, **drivers, **types, **labels, **scopes;
	bool dangling_given, dangling;
};

static void wanted_done(struct wanted *w)
{
	strv_free(w->ids);
	strv_free(w->names);
	strv_free(w->drivers);
	strv_free(w->types);
	strv_free(w->labels);
	strv_free(w->scopes);
}
#define cleanup_wanted cleanup_with(wanted_done)

static int read_wanted(const struct record *filters, struct wanted *w, struct berth_error *err)
{
	static const char *const known[] = {"id",    "name",  "driver",	  "type",
					    "label", "scope", "dangling", NULL};
	int r = filter_check(filters, known, err);

	w->dangling_given = filter_has(filters, "dangling");
	if (r == 0)
		r = filter_bool(filters, "dangling", false, &w->dangling, err);
	if (r == 0)
		r = filter_values(filters, "id", &w->ids, err);
	if (r == 0)
		r = filter_values(filters, "name", &w->names, err);
	if (r == 0)
		r = filter_values(filters, "driver", &w->drivers, err);
	if (r == 0)
		r = filter_values(filters, "type", &w->types, err);
	if (r == 0)
		r = filter_values(filters, "scope", &w->scopes, err);
	if (r == 0)
		r = filter_values(filters, "label", &w->labels, err);
	strv_foreach (type, w->types)
		if (r == 0 && !str_eq(*type, "custom") && !str_eq(*type, "builtin"))
			r = berth_fail(err, BERTH_E_INVALID, "invalid filter: 'type'='%s'", *type);
	return r;
}

static bool any_in(char *const *values, const char *text)
{
	if (!values || !*values)
		return true;
	strv_foreach (value, values)
		if (strstr(text, *value) || fnmatch(*value, text, 0) == 0)
			return true;
	return false;
}

static bool is_used(const struct endpoints *eps, const char *network)
{
	for (size_t i = 0; i < eps->n; i++)
		if (str_eq(eps->list[i]->network, network) && !str_eq(eps->list[i]->phase, "off"))
			return true;
	return false;
}

static bool is_wanted(const struct wanted *w, const struct network_row *row,
		      const struct endpoints *eps)
{
	if (!any_in(w->ids, row->id) || !any_in(w->names, row->name) ||
	    !any_in(w->scopes, "local") || !any_in(w->types, row->builtin ? "builtin" : "custom"))
		return false;
	if (strv_len(w->drivers) && !strv_has(w->drivers, row->driver))
		return false;
	if (w->dangling_given && w->dangling == (row->builtin || is_used(eps, row->id)))
		return false;
	return filter_labels(w->labels, record_get(row->spec, "Labels"));
}

static void find_builtin(const struct network_host *h)
{
	strv_foreach (name, h->config->kind[BERTH_NETWORK].builtin) {
		cleanup_network_row struct network_row *row = NULL;

		/* its driver is not installed, or does not work here: then it is not there */
		(void)network_find(h, *name, &row, NULL);
	}
}

int network_list(const struct network_host *h, const struct record *filters, struct record **ret,
		 struct berth_error *err)
{
	cleanup_network_rows struct network_row **rows = NULL;
	cleanup_endpoints struct endpoints eps = {0};
	cleanup_wanted struct wanted wanted = {0};
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);
	size_t n = 0;
	int r = read_wanted(filters, &wanted, err);

	if (r == 0)
		find_builtin(h);
	if (r == 0)
		r = network_row_all(h->store, &rows, &n, err);
	if (r == 0)
		r = endpoints_all(h->store, &eps, err);
	if (r < 0)
		return r;
	jw_array_begin(&w);
	for (size_t i = 0; i < n; i++)
		if (is_wanted(&wanted, rows[i], &eps))
			write_network(&w, rows[i], NULL);
	jw_array_end(&w);
	r = str_check(&out, err);
	return r < 0 ? r : record_parse(out.p, out.len, 0, ret, err);
}
