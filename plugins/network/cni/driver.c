/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../link/link.h"
#include "cni.h"

static void close_driver(void *instance)
{
	struct berth_network *net = instance;

	if (!net)
		return;
	strv_free(net->bin_dirs);
	free(net->path);
	free(net);
}

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_network *net = calloc(1, sizeof(*net));
	const char *dirs = host->conf_str(conf, "bin_dirs");

	(void)state_fd;
	if (!net)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	net->host = host;
	net->path = strdup(dirs ? dirs : "");
	net->bin_dirs = strv_split(dirs ? dirs : "", ':');
	if (host->conf_u64(conf, "timeout", &net->timeout_ms) < 0)
		net->timeout_ms = 60000;
	if (!net->path || !net->bin_dirs) {
		close_driver(net);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	*ret = net;
	return 0;
}

static int probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		 struct berth_sink *findings, struct berth_error *err)
{
	const char *dirs = host->conf_str(conf, "bin_dirs");
	cleanup_strv char **all = strv_split(dirs ? dirs : "", ':');
	char text[256];

	(void)scratch_fd;
	(void)err;
	strv_foreach (dir, all)
		if (access(*dir, X_OK) == 0) {
			(void)snprintf(text, sizeof(text), "CNI plugins are looked for in '%s'",
				       *dir);
			return host->finding(findings, BERTH_FINDING_OK, "cni.plugins", text, NULL);
		}
	(void)snprintf(text, sizeof(text), "there are no CNI plugins in '%s'", dirs ? dirs : "");
	return host->finding(findings, BERTH_FINDING_INFO, "cni.plugins", text,
			     "install containernetworking-plugins");
}

/* --- networks ------------------------------------------------------------- */

static bool is_id(const char *s)
{
	size_t n = s ? strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz_.:-") : 0;

	return s && n > 0 && n <= 128 && s[n] == '\0' && !strchr("_.:-", *s);
}

static int cni_create(struct berth_network *net, const struct berth_net_desc *desc,
		      struct berth_sink *state, struct berth_error *err)
{
	cleanup_cni_list struct cni_list list = {0};
	cleanup_str struct str text = STR_INIT;
	int r;

	if (!is_id(desc->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of a network",
				  desc->id ? desc->id : "");
	if (desc->flags & BERTH_NETWORK_INTERNAL)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "networks of driver 'cni' are as their list says, not internal");
	if (desc->state.n > 0) /* it is there: the list that it was made with stays */
		r = cni_list_parse(desc->state.p, desc->state.n, &list, err);
	else
		r = cni_list_read(net, desc->conf, &list, err);
	if (r < 0)
		return r;
	record_print(list.doc, RECORD_COMPACT, &text);
	r = str_check(&text, err);
	if (r == 0 && state && net->host->sink_put(state, text.p, text.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the configuration list is too long");
	return r;
}

static int list_of(struct berth_network *net, const struct berth_net_desc *desc,
		   struct cni_list *ret, struct berth_error *err)
{
	if (desc->state.n > 0)
		return cni_list_parse(desc->state.p, desc->state.n, ret, err);
	return cni_list_read(net, desc->conf, ret, err);
}

/* --- containers ----------------------------------------------------------- */

static int check_attach(const struct berth_endpoint *ep, struct berth_error *err)
{
	if (!is_id(ep->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of an endpoint",
				  ep->id ? ep->id : "");
	if (ep->netns_fd < 0)
		return berth_fail(err, BERTH_E_INVALID, "attach needs a network namespace");
	if (ep->n_port > 0) {
		(void)berth_fail(err, BERTH_E_UNSUPPORTED,
				 "network driver 'cni' cannot publish ports");
		berth_error_hint(err, "use a network of driver 'bridge' for that");
		return -BERTH_E_UNSUPPORTED;
	}
	if (ep->n_addr > 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "addresses of driver 'cni' are given by its plugins");
	return 0;
}

static int loopback(struct berth_network *net, int netns, struct berth_error *err)
{
	cleanup_link_batch struct link_batch *b = NULL;
	cleanup_fd int fd = -1;
	int r = net->host->socket_in(net->host, netns, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				     NETLINK_ROUTE, &fd, err);

	if (r == 0)
		r = link_batch_new(&b, err);
	if (r < 0)
		return r;
	link_change(b, &(struct link_change){.name = "lo", .up = true});
	return link_run(b, fd, err);
}

/* Against the order in which they were set up. What fails is told, and the rest is done. */
static int take_down(struct berth_network *net, const struct cni_list *list, size_t n,
		     const struct berth_endpoint *ep, const struct record *result,
		     struct berth_error *err)
{
	const struct cni_call call = {
		.command = "DEL",
		.container = ep->id,
		.ifname = ep->ifname && *ep->ifname ? ep->ifname : "eth0",
		.netns = ep->netns_fd,
	};
	int first = 0;

	while (n-- > 0) {
		struct berth_error why = {0};
		int r = cni_run(net, list, n, &call, result, NULL, &why);

		/* never set up, by a program that is not there: nothing to take down */
		if (r == -BERTH_E_NOT_FOUND && !result)
			continue;
		if (r < 0 && first == 0) {
			first = r;
			if (err)
				*err = why;
		}
	}
	return first;
}

static bool read_address(const char *text, struct berth_addr *ret)
{
	size_t len = strcspn(text, "/");
	char ip[INET6_ADDRSTRLEN];
	uint64_t prefix;

	*ret = (struct berth_addr){.family = strchr(text, ':') ? BERTH_IPV6 : BERTH_IPV4};
	ret->prefix = ret->family == BERTH_IPV4 ? 32 : 128;
	if (len >= sizeof(ip))
		return false;
	(void)snprintf(ip, sizeof(ip), "%.*s", (int)len, text);
	if (inet_pton(ret->family == BERTH_IPV4 ? AF_INET : AF_INET6, ip, ret->ip) != 1)
		return false;
	if (!text[len])
		return true;
	if (parse_u64(text + len + 1, ret->prefix, &prefix) < 0)
		return false;
	ret->prefix = (uint8_t)prefix;
	return true;
}

static void read_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) == 6)
		for (int i = 0; i < 6; i++)
			mac[i] = (uint8_t)b[i];
}

/* What the plugins did, as the last one told it. */
static void tell(const struct record *result, const struct berth_endpoint *ep,
		 struct berth_attached *ret)
{
	const uint32_t most = sizeof(ret->addr) / sizeof(ret->addr[0]);
	const struct record *ips = record_get(result, "ips");
	const struct record *links = record_get(result, "interfaces");
	struct berth_addr gw;

	ret->helper_pidfd = -1;
	ret->n_addr = 0;
	for (size_t i = 0; i < record_len(ips) && ret->n_addr < most; i++) {
		const struct record *ip = record_at(ips, i);
		const char *gateway = record_str_or(record_get(ip, "gateway"), "");

		if (!read_address(record_str_or(record_get(ip, "address"), ""),
				  &ret->addr[ret->n_addr]))
			continue;
		ret->n_addr++;
		if (*gateway && read_address(gateway, &gw)) {
			if (gw.family == BERTH_IPV4 && !ret->gateway4.family)
				ret->gateway4 = gw;
			if (gw.family == BERTH_IPV6 && !ret->gateway6.family)
				ret->gateway6 = gw;
		}
	}
	for (size_t i = 0; i < record_len(links); i++) {
		const struct record *link = record_at(links, i);

		if (str_eq(record_str(record_get(link, "name")), ep->ifname) &&
		    *record_str_or(record_get(link, "sandbox"), ""))
			read_mac(record_str_or(record_get(link, "mac"), ""), ret->mac);
	}
}

static int keep(struct berth_network *net, const struct record *result, struct berth_sink *state,
		struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	int r;

	if (!state || !result)
		return 0;
	record_print(result, RECORD_COMPACT, &text);
	r = str_check(&text, err);
	if (r == 0 && net->host->sink_put(state, text.p, text.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the plugins' answer is too long");
	return r;
}

static int is_attached(struct berth_network *net, const struct berth_endpoint *ep,
		       struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct link link;
	int r = net->host->socket_in(net->host, ep->netns_fd, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				     NETLINK_ROUTE, &fd, err);

	if (r < 0)
		return r;
	if (link_find(fd, ep->ifname, &link, NULL) == 0)
		return berth_fail(err, BERTH_E_EXISTS,
				  "the container has an interface '%s' already", ep->ifname);
	return 0;
}

static int cni_attach(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_op *op,
		      struct berth_sink *state, struct berth_attached *ret, struct berth_error *err)
{
	cleanup_cni_list struct cni_list list = {0};
	cleanup_record struct record *result = NULL;
	const struct cni_call call = {
		.command = "ADD",
		.container = ep->id,
		.ifname = ep->ifname,
		.netns = ep->netns_fd,
		.op = op,
	};
	size_t done = 0;
	int r = check_attach(ep, err);

	if (r == 0)
		r = list_of(net, desc, &list, err);
	if (r == 0)
		r = is_attached(net, ep, err);
	if (r == 0)
		r = loopback(net, ep->netns_fd, err);
	while (r == 0 && done < list.n) {
		struct record *next = NULL;

		r = cni_run(net, &list, done++, &call, result, &next, err);
		if (next) {
			record_free(result);
			result = next;
		}
	}
	if (r == 0)
		r = keep(net, result, state, err);
	if (r < 0) {
		(void)take_down(net, &list, done, ep, result, NULL); /* the failure is told */
		return r;
	}
	tell(result, ep, ret);
	return 0;
}

static int cni_detach(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_error *err)
{
	cleanup_cni_list struct cni_list list = {0};
	cleanup_record struct record *result = NULL;
	int r;

	if (!is_id(ep->id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no id of an endpoint",
				  ep->id ? ep->id : "");
	if (ep->state.n > 0)
		(void)record_parse(ep->state.p, ep->state.n, 0, &result, NULL); /* or without */
	r = list_of(net, desc, &list, err);
	return r < 0 ? r : take_down(net, &list, list.n, ep, result, err);
}

static int cni_check(struct berth_network *net, const struct berth_net_desc *desc,
		     const struct berth_endpoint *ep, struct berth_sink *findings,
		     struct berth_error *err)
{
	cleanup_cni_list struct cni_list list = {0};
	cleanup_record struct record *result = NULL;
	const struct cni_call call = {
		.command = "CHECK",
		.container = ep->id,
		.ifname = ep->ifname,
		.netns = ep->netns_fd,
	};
	int r = list_of(net, desc, &list, err);

	/* before 0.4.0 there is no such question */
	if (r < 0 || ep->netns_fd < 0 || str_has_prefix(list.version, "0.3") || ep->state.n == 0)
		return r;
	(void)record_parse(ep->state.p, ep->state.n, 0, &result, NULL);
	for (size_t i = 0; i < list.n; i++) {
		struct berth_error why = {0};

		if (cni_run(net, &list, i, &call, result, NULL, &why) < 0)
			return net->host->finding(findings, BERTH_FINDING_ERROR, "cni.endpoint",
						  why.text, "restart the container");
	}
	return 0;
}

/* --- head ----------------------------------------------------------------- */

static const struct berth_option options[] = {
	{"conflist", BERTH_OPT_PATH, BERTH_OPT_PER_OBJECT, NULL, NULL,
	 "File with the configuration list of a network."},
	{"bin_dirs", BERTH_OPT_STR, 0, "/opt/cni/bin:/usr/lib/cni", NULL,
	 "Directories with plugins, with colons between them."},
	{"timeout", BERTH_OPT_DURATION, 0, "60s", NULL, "How long one plugin may take."},
	{0},
};

static const struct berth_network_ops ops = {
	.create = cni_create,
	.attach = cni_attach,
	.detach = cni_detach,
	.check = cni_check,
};

static const struct berth_driver head = {
	.size = sizeof(head),
	.kind = BERTH_NETWORK,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE,
	.caps = BERTH_NET_IPAM | BERTH_NET_V4 | BERTH_NET_V6 | BERTH_NET_HOTPLUG |
		BERTH_NET_USER_MADE,
	.needs = BERTH_NEEDS_ROOT | BERTH_NEEDS_SPAWN,
	.name = "cni",
	.version = "1.0.0",
	.summary = "networks made by plugins of the Container Network Interface",
	.ops = &ops,
	.options = options,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.probe = probe,
	.open = open_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_NETWORK, "cni", "1.0.0", head);
