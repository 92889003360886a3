/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/names.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/path.h"
#include "base/str.h"

enum { FILE_MAX = 4 << 20 };

/* A file of lines "WORD REST", cut into its lines as it is read. */
struct lines {
	char *text, *at;
};

static void lines_done(struct lines *l)
{
	free(l->text);
}
#define cleanup_lines cleanup_with(lines_done)

/* One that is not there has no lines. */
static int lines_open(const struct names_at *at, const char *dir, const char *id, const char *file,
		      struct lines *ret, struct berth_error *err)
{
	char path[200];
	struct berth_error why;
	size_t n;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", dir, id, file);
	r = state_read(at->run, path, FILE_MAX, &ret->text, &n, &why);
	if (r < 0 && r != -BERTH_E_NOT_FOUND) {
		if (err)
			*err = why;
		return r;
	}
	ret->at = r == 0 ? ret->text : NULL;
	return 0;
}

/* The next line's first word and the rest. */
static bool lines_next(struct lines *l, const char **ret_word, char **ret_rest)
{
	char *line = l->at, *end, *blank;

	if (!line || !*line)
		return false;
	end = strchrnul(line, '\n');
	l->at = *end ? end + 1 : end;
	*end = '\0';
	blank = strchrnul(line, ' ');
	*ret_rest = *blank ? blank + 1 : blank;
	*blank = '\0';
	*ret_word = line;
	return true;
}

static bool read_ip(const char *text, struct names_ip *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->family = strchr(text, ':') ? 6 : 4;
	return inet_pton(ret->family == 4 ? AF_INET : AF_INET6, text, ret->ip) == 1;
}

static void found_add(struct names_found *found, const char *text)
{
	struct names_ip ip;

	if (!read_ip(text, &ip))
		return;
	found->known = true;
	for (size_t i = 0; i < found->n; i++)
		if (memcmp(&found->ip[i], &ip, sizeof(ip)) == 0)
			return;
	if (found->n < NAMES_FOUND_MAX)
		found->ip[found->n++] = ip;
}

static int find_in(const struct names_at *at, const char *dir, const char *id, const char *name,
		   struct names_found *ret, struct berth_error *err)
{
	cleanup_lines struct lines l = {NULL, NULL};
	const char *word;
	char *rest;
	int r = lines_open(at, dir, id, "names", &l, err);

	while (r == 0 && lines_next(&l, &word, &rest))
		if (strcasecmp(word, name) == 0)
			found_add(ret, rest);
	return r;
}

/* "web.front" where the network is called "front" */
static bool without_suffix(const char *name, const char *network, char out[static 256])
{
	size_t n = strlen(name), m = strlen(network);

	if (m == 0 || n < m + 2 || n > 255 || name[n - m - 1] != '.' ||
	    strcasecmp(name + n - m, network) != 0)
		return false;
	memcpy(out, name, n - m - 1);
	out[n - m - 1] = '\0';
	return true;
}

/* Lines "network ID NAME". */
static int networks_open(const struct names_at *at, struct lines *ret, struct berth_error *err)
{
	return lines_open(at, "containers", at->id, "resolver", ret, err);
}

static bool networks_next(struct lines *l, const char **ret_id, const char **ret_name)
{
	const char *word;
	char *rest;

	while (lines_next(l, &word, &rest)) {
		char *blank;

		if (!str_eq(word, "network"))
			continue;
		blank = strchrnul(rest, ' ');
		*ret_name = *blank ? blank + 1 : "";
		*blank = '\0';
		*ret_id = rest;
		if (path_is_name(rest))
			return true;
	}
	return false;
}

int names_find(const struct names_at *at, const char *name, struct names_found *ret,
	       struct berth_error *err)
{
	cleanup_lines struct lines l = {NULL, NULL};
	const char *id, *network;
	char plain[256];
	int r;

	ret->known = false;
	ret->n = 0;
	r = find_in(at, "containers", at->id, name, ret, err);
	if (r == 0 && !ret->known)
		r = networks_open(at, &l, err);
	while (r == 0 && !ret->known && networks_next(&l, &id, &network)) {
		r = find_in(at, "networks", id, name, ret, err);
		if (r == 0 && !ret->known && without_suffix(name, network, plain))
			r = find_in(at, "networks", id, plain, ret, err);
	}
	return r;
}

static int reverse_in(const struct names_at *at, const char *id, const struct names_ip *ip,
		      const char *network, char ret_name[static 256], struct berth_error *err)
{
	cleanup_lines struct lines l = {NULL, NULL};
	struct names_ip other;
	const char *word;
	char *rest;
	int r = lines_open(at, "networks", id, "names", &l, err);

	while (r == 0 && !*ret_name && lines_next(&l, &word, &rest))
		if (read_ip(rest, &other) && memcmp(&other, ip, sizeof(other)) == 0)
			(void)snprintf(ret_name, 256, "%s%s%s", word, *network ? "." : "", network);
	return r;
}

int names_reverse(const struct names_at *at, const struct names_ip *ip, char ret_name[static 256],
		  struct berth_error *err)
{
	cleanup_lines struct lines l = {NULL, NULL};
	const char *id, *network;
	int r = networks_open(at, &l, err);

	*ret_name = '\0';
	while (r == 0 && !*ret_name && networks_next(&l, &id, &network))
		r = reverse_in(at, id, ip, network, ret_name, err);
	return r;
}

/* --- servers outside ------------------------------------------------------ */

/* IPv4 as mapped IPv6: one kind of socket for both */
static bool read_server(const char *text, struct sockaddr_in6 *ret)
{
	struct names_ip ip;

	if (!read_ip(text, &ip))
		return false;
	*ret = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(53)};
	if (ip.family == 6) {
		memcpy(&ret->sin6_addr, ip.ip, 16);
	} else {
		ret->sin6_addr.s6_addr[10] = ret->sin6_addr.s6_addr[11] = 0xff;
		memcpy(&ret->sin6_addr.s6_addr[12], ip.ip, 4);
	}
	return true;
}

/* As the host has them now: it may have moved to another network since. */
static void read_host_servers(struct sockaddr_in6 *ret, size_t *n)
{
	cleanup_fd int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_lines struct lines l = {NULL, NULL};
	const char *word;
	char *rest;
	size_t size;

	if (fd < 0 || read_fd_limited(fd, FILE_MAX, &l.text, &size, NULL) < 0)
		return;
	l.at = l.text;
	while (*n < NAMES_UPSTREAM_MAX && lines_next(&l, &word, &rest)) {
		rest += strspn(rest, " \t");
		rest[strcspn(rest, " \t\r#")] = '\0';
		if (str_eq(word, "nameserver") && read_server(rest, &ret[*n]))
			(*n)++;
	}
}

int names_upstream(const struct names_at *at, struct sockaddr_in6 ret[static NAMES_UPSTREAM_MAX],
		   size_t *ret_n, struct berth_error *err)
{
	cleanup_lines struct lines l = {NULL, NULL};
	const char *word;
	char *rest;
	size_t n = 0;
	int r = lines_open(at, "containers", at->id, "resolver", &l, err);

	while (r == 0 && n < NAMES_UPSTREAM_MAX && lines_next(&l, &word, &rest)) {
		if (!str_eq(word, "upstream"))
			continue;
		if (str_eq(rest, "host"))
			read_host_servers(ret, &n);
		else if (read_server(rest, &ret[n]))
			n++;
	}
	if (r == 0)
		*ret_n = n;
	return r;
}
