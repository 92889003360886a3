/* SPDX-License-Identifier: Apache-2.0 */
/* The three files in /etc that the engine makes for a container: hosts, hostname, resolv.conf. */
#include "core/container/connect.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "core/network/address.h"
#include "core/network/names_socket.h"

enum { HOST_FILE_MAX = 1 << 20 };

static const char hosts_head[] = "127.0.0.1\tlocalhost\n"
				 "::1\tlocalhost ip6-localhost ip6-loopback\n"
				 "fe00::\tip6-localnet\n"
				 "ff00::\tip6-mcastprefix\n"
				 "ff02::1\tip6-allnodes\n"
				 "ff02::2\tip6-allrouters\n";

/** Readers are not there yet: the container is not started, so no rename is needed. */
static int put(int dirfd, const char *name, const struct str *text, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = str_check(text, err);

	if (r == 0)
		r = state_open(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd, err);
	if (r == 0)
		r = write_all(fd, text->p, text->len, err);
	return r;
}

/** A file of the host, trusted but limited; what is not there is empty. */
static void add_host_file(const char *path, struct str *out)
{
	cleanup_free char *text = NULL;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n;

	if (fd >= 0 && read_fd_limited(fd, HOST_FILE_MAX, &text, &n, NULL) == 0)
		str_add_n(out, text, n);
}

/** The address by which a container reaches the host: its gateway's. */
static const char *host_gateway(const struct connection *net, char out[static ADDRESS_TEXT_MAX])
{
	const struct endpoint *ep = net->gateway < net->n ? net->list[net->gateway].ep : NULL;

	if (net->kind == SPEC_NET_HOST)
		return "127.0.0.1";
	if (!ep)
		return "";
	return address_text(ep->gateway4.family ? &ep->gateway4 : &ep->gateway6, out);
}

static int extra_hosts(const struct container_row *row, const struct connection *net,
		       struct str *out, struct berth_error *err)
{
	const struct record *extra = record_path(row->merged, "HostConfig.ExtraHosts");
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < record_len(extra); i++) {
		const char *entry = record_str_or(record_at(extra, i), "");
		const char *colon = strchr(entry, ':'); /* NAME:IP; an IPv6 address has more */
		const char *ip = colon ? colon + 1 : "";

		if (!colon || colon == entry || strchr(entry, '\n'))
			continue;
		if (str_eq(ip, "host-gateway"))
			ip = host_gateway(net, text);
		if (!*ip)
			return berth_fail(err, BERTH_E_UNSUPPORTED,
					  "unable to derive the IP value for host-gateway");
		str_addf(out, "%s\t%.*s\n", ip, (int)(colon - entry), entry);
	}
	return 0;
}

/** Links on a network whose names nobody answers: "CONTAINER:ALIAS" becomes a line. */
static int link_host(struct container_host *h, const struct container_row *row,
		     const struct connection *net, const char *link, struct str *out,
		     struct berth_error *err)
{
	cleanup_strv char **parts = strv_split(link, ':');
	cleanup_row struct container_row *other = NULL;
	cleanup_endpoints struct endpoints eps = {0};
	char text[ADDRESS_TEXT_MAX];
	size_t n = strv_len(parts);
	int r = n > 0 ? container_row_find(h->store, parts[0], &other, err)
		      : berth_fail(err, BERTH_E_INVALID, "invalid link '%s'", link);

	if (r == 0)
		r = endpoints_of_container(h->store, other->id, &eps, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < eps.n; i++) {
		const struct endpoint *ep = eps.list[i];

		if (!str_eq(ep->network, net->list[0].row->id) || !str_eq(ep->phase, "ready"))
			continue;
		for (uint32_t k = 0; k < ep->n_addr; k++)
			str_addf(out, "%s\t%s %.12s %s\n", address_text(&ep->addr[k], text),
				 parts[n > 1 ? 1 : 0], other->id, other->name);
		return 0;
	}
	return berth_fail(err, BERTH_E_BUSY,
			  "Cannot link to a non running container: /%s AS /%s/%s", other->name,
			  row->name, parts[n > 1 ? 1 : 0]);
}

static void own_hosts(const struct container_row *row, const struct connection *net,
		      struct str *out)
{
	const char *hostname = record_str(record_path(row->merged, "Config.Hostname"));
	char text[ADDRESS_TEXT_MAX];
	bool any = false;

	if (!hostname || !*hostname || net->kind == SPEC_NET_HOST)
		return;
	for (size_t i = 0; i < net->n; i++) {
		const struct endpoint *ep = net->list[i].ep;

		for (uint32_t k = 0; ep && k < ep->n_addr; k++) {
			str_addf(out, "%s\t%s\n", address_text(&ep->addr[k], text), hostname);
			any = true;
		}
	}
	/* without an address of its own, the container's name means itself */
	if (!any)
		str_addf(out, "127.0.1.1\t%s\n", hostname);
}

static int hosts(struct container_host *h, const struct container_row *row,
		 const struct connection *net, int dirfd, struct berth_error *err)
{
	const struct record *links = record_path(row->merged, "HostConfig.Links");
	cleanup_str struct str out = STR_INIT;
	int r;

	if (net->kind == SPEC_NET_HOST)
		add_host_file("/etc/hosts", &out);
	else
		str_add(&out, hosts_head);
	r = extra_hosts(row, net, &out, err);
	for (size_t i = 0; i < record_len(links) && r == 0; i++)
		if (net->n > 0 && net->list[0].row->builtin && net->list[0].kept)
			r = link_host(h, row, net, record_str_or(record_at(links, i), ""), &out,
				      err);
	if (r == 0)
		own_hosts(row, net, &out);
	return r < 0 ? r : put(dirfd, "hosts", &out, err);
}

/** Values of the user, else of the config: DNS, DNSSearch and DNSOptions of HostConfig. */
static bool dns_lines(const struct record *list, char *const *fallback, const char *word, bool join,
		      struct str *out)
{
	cleanup_strv char **own = NULL;
	char *const *use = fallback;
	bool first = true;

	if (record_len(list) > 0) {
		if (record_strv(list, &own, NULL) < 0)
			return false;
		use = own;
	}
	if (!use || !*use)
		return false;
	strv_foreach (value, use) {
		if (strpbrk(*value, "\r\n"))
			continue;
		if (join)
			str_addf(out, "%s%s", first ? word : " ", *value);
		else
			str_addf(out, "%s%s\n", word, *value);
		first = false;
	}
	if (join && !first)
		str_add_char(out, '\n');
	return true;
}

/** A server that answers in the host's own namespace only. */
static bool is_local_server(const char *line)
{
	const char *at = line + sizeof("nameserver") - 1;

	at += strspn(at, " \t");
	return str_has_prefix(at, "127.") || str_has_prefix(at, "::1");
}

/** Lines of the host's resolv.conf that begin with @word; @local: all servers can be reached. */
static void host_lines(const struct str *host, const char *word, bool local, struct str *out)
{
	const char *line = str_text(host);

	while (*line) {
		const char *end = strchrnul(line, '\n');

		if (str_has_prefix(line, word) &&
		    (local || !str_eq(word, "nameserver") || !is_local_server(line)))
			str_addf(out, "%.*s\n", (int)(end - line), line);
		line = *end ? end + 1 : end;
	}
}

static int resolv(struct container_host *h, const struct container_row *row,
		  const struct connection *net, int dirfd, struct berth_error *err)
{
	const struct record *host = record_get(row->merged, "HostConfig");
	const struct record *options = record_get(host, "DnsOptions");
	bool isolated = net->kind == SPEC_NET_NEW && net->gateway < net->n;
	cleanup_str struct str out = STR_INIT, theirs = STR_INIT;

	add_host_file("/etc/resolv.conf", &theirs);
	if (net->wants_resolver)
		str_add(&out, "nameserver " NAMES_SERVER "\n");
	else if (!dns_lines(record_get(host, "Dns"), h->config->dns, "nameserver ", false, &out))
		host_lines(&theirs, "nameserver", !isolated, &out);
	if (!dns_lines(record_get(host, "DnsSearch"), h->config->dns_search, "search ", true, &out))
		host_lines(&theirs, "search", true, &out);
	if (!dns_lines(options, h->config->dns_options, "options ", true, &out)) {
		host_lines(&theirs, "options", true, &out);
		/* a name without a dot may be a container's */
		if (net->wants_resolver)
			str_add(&out, "options ndots:0\n");
	}
	return put(dirfd, "resolv.conf", &out, err);
}

int container_files_write(struct container_host *h, const struct container_row *row,
			  const struct connection *net, int dirfd, struct berth_error *err)
{
	const char *hostname = record_str_or(record_path(row->merged, "Config.Hostname"), "");
	cleanup_str struct str name = STR_INIT;
	int r;

	str_addf(&name, "%s\n", hostname);
	r = put(dirfd, "hostname", &name, err);
	if (r == 0)
		r = hosts(h, row, net, dirfd, err);
	if (r == 0)
		r = resolv(h, row, net, dirfd, err);
	return r;
}
