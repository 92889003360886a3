/* SPDX-License-Identifier: Apache-2.0 */
/* The three files in /etc that the engine makes for a container: hosts, hostname, resolv.conf. */
#include "core/container/make.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"

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

static int hosts(const struct container_row *row, bool host_net, int dirfd, struct berth_error *err)
{
	const struct record *extra = record_path(row->merged, "HostConfig.ExtraHosts");
	const char *hostname = record_str(record_path(row->merged, "Config.Hostname"));
	cleanup_str struct str out = STR_INIT;

	if (host_net)
		add_host_file("/etc/hosts", &out);
	else
		str_add(&out, hosts_head);
	for (size_t i = 0; i < record_len(extra); i++) {
		const char *entry = record_str_or(record_at(extra, i), "");
		const char *colon = strchr(entry, ':'); /* NAME:IP; an IPv6 address has more */

		if (colon && colon != entry && !strchr(entry, '\n'))
			str_addf(&out, "%s\t%.*s\n", colon + 1, (int)(colon - entry), entry);
	}
	/* without an address of its own, the container's name means itself */
	if (hostname && *hostname && !host_net)
		str_addf(&out, "127.0.1.1\t%s\n", hostname);
	return put(dirfd, "hosts", &out, err);
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

/** Lines of the host's resolv.conf that begin with @word. */
static void host_lines(const struct str *host, const char *word, struct str *out)
{
	const char *line = str_text(host);

	while (*line) {
		const char *end = strchrnul(line, '\n');

		if (str_has_prefix(line, word))
			str_addf(out, "%.*s\n", (int)(end - line), line);
		line = *end ? end + 1 : end;
	}
}

static int resolv(struct container_host *h, const struct container_row *row, int dirfd,
		  struct berth_error *err)
{
	const struct record *host = record_get(row->merged, "HostConfig");
	cleanup_str struct str out = STR_INIT, theirs = STR_INIT;

	add_host_file("/etc/resolv.conf", &theirs);
	if (!dns_lines(record_get(host, "Dns"), h->config->dns, "nameserver ", false, &out))
		host_lines(&theirs, "nameserver", &out);
	if (!dns_lines(record_get(host, "DnsSearch"), h->config->dns_search, "search ", true, &out))
		host_lines(&theirs, "search", &out);
	if (!dns_lines(record_get(host, "DnsOptions"), h->config->dns_options, "options ", true,
		       &out))
		host_lines(&theirs, "options", &out);
	return put(dirfd, "resolv.conf", &out, err);
}

int container_files_write(struct container_host *h, const struct container_row *row, bool host_net,
			  int dirfd, struct berth_error *err)
{
	const char *hostname = record_str_or(record_path(row->merged, "Config.Hostname"), "");
	cleanup_str struct str name = STR_INIT;
	int r;

	str_addf(&name, "%s\n", hostname);
	r = put(dirfd, "hostname", &name, err);
	if (r == 0)
		r = hosts(row, host_net, dirfd, err);
	if (r == 0)
		r = resolv(h, row, dirfd, err);
	return r;
}
