/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/zone.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "core/network/address.h"

#define FILE_NAMES "names"
enum { PATH_MAX_OURS = 96 };

static bool is_ready(const struct endpoint *ep)
{
	return str_eq(ep->phase, "ready");
}

/** A line of the column `names` that is a link: "CONTAINER ALIAS". */
static const char *link_alias(const char *line)
{
	const char *blank = strchr(line, ' ');

	return blank ? blank + 1 : NULL;
}

static void add_lines(const struct endpoint *ep, const char *name, struct str *out)
{
	char text[ADDRESS_TEXT_MAX];

	for (uint32_t i = 0; i < ep->n_addr; i++)
		str_addf(out, "%s %s\n", name, address_text(&ep->addr[i], text));
}

static void add_endpoint(const struct endpoint *ep, struct str *out)
{
	strv_foreach (name, ep->names)
		if (**name && !link_alias(*name))
			add_lines(ep, *name, out);
}

/* --- links: names that one container alone knows -----------------------------------------------
 */

static bool has_name(const struct endpoint *ep, const char *name, size_t n)
{
	strv_foreach (own, ep->names)
		if (strlen(*own) == n && strncasecmp(*own, name, n) == 0)
			return true;
	/* by its id, or a part of it */
	return n >= IDENT_SHORT && strncmp(ep->container, name, n) == 0;
}

static void add_links(const struct endpoint *ep, const struct endpoints *others, struct str *out)
{
	strv_foreach (line, ep->names) {
		const char *alias = link_alias(*line);

		for (size_t i = 0; alias && i < others->n; i++)
			if (is_ready(others->list[i]) &&
			    has_name(others->list[i], *line, (size_t)(alias - 1 - *line)))
				add_lines(others->list[i], alias, out);
	}
}

static bool has_links(const struct endpoint *ep)
{
	strv_foreach (line, ep->names)
		if (link_alias(*line))
			return true;
	return false;
}

static int write_links(struct store *store, const char *container, struct berth_error *err)
{
	cleanup_endpoints struct endpoints own = {0};
	cleanup_str struct str out = STR_INIT;
	char path[PATH_MAX_OURS];
	cleanup_fd int dir = -1;
	int r = endpoints_of_container(store, container, &own, err);

	for (size_t i = 0; i < own.n && r == 0; i++) {
		cleanup_endpoints struct endpoints others = {0};

		if (!has_links(own.list[i]))
			continue;
		r = endpoints_of_network(store, own.list[i]->network, &others, err);
		if (r == 0)
			add_links(own.list[i], &others, &out);
	}
	(void)snprintf(path, sizeof(path), "containers/%s", container);
	if (r == 0)
		r = state_open(store->runfd, path, O_RDONLY | O_DIRECTORY, 0, &dir, err);
	if (r == -BERTH_E_NOT_FOUND)
		return 0; /* it has ended */
	if (r == 0)
		r = str_check(&out, err);
	return r < 0 ? r : state_replace(dir, FILE_NAMES, 0600, str_text(&out), out.len, 0, err);
}

/* --- zones -------------------------------------------------------------------------------------
 */

static int write_zone(struct store *store, const char *network, int dir, struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	cleanup_str struct str out = STR_INIT;
	int r = endpoints_of_network(store, network, &eps, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < eps.n; i++)
		if (is_ready(eps.list[i]))
			add_endpoint(eps.list[i], &out);
	r = str_check(&out, err);
	if (r == 0)
		r = state_replace(dir, FILE_NAMES, 0600, str_text(&out), out.len, 0, err);
	for (size_t i = 0; i < eps.n && r == 0; i++)
		if (has_links(eps.list[i]))
			r = write_links(store, eps.list[i]->container, err);
	return r;
}

int zone_write(struct store *store, const char *network, bool make, struct berth_error *err)
{
	cleanup_fd int dir = -1, lock = -1;
	char path[PATH_MAX_OURS];
	int r;

	(void)snprintf(path, sizeof(path), "networks/%s/" FILE_NAMES, network);
	if (!make && faccessat(store->runfd, path, F_OK, 0) < 0)
		return 0; /* one without names */
	(void)snprintf(path, sizeof(path), "networks/%s", network);
	/* who comes last has read last */
	r = store_lock(store, "names", network, false, &lock, err);
	if (r == 0)
		r = state_mkdirs(store->runfd, path, 0700, &dir, err);
	return r < 0 ? r : write_zone(store, network, dir, err);
}

int zone_write_of(struct store *store, const char *container, struct berth_error *err)
{
	cleanup_endpoints struct endpoints eps = {0};
	int r = endpoints_of_container(store, container, &eps, err);

	for (size_t i = 0; i < eps.n && r == 0; i++)
		r = zone_write(store, eps.list[i]->network, false, err);
	return r;
}

int zone_remove(struct store *store, const char *network, struct berth_error *err)
{
	cleanup_fd int parent = -1;
	int r = state_open(store->runfd, "networks", O_RDONLY | O_DIRECTORY, 0, &parent, err);

	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	return r < 0 ? r : remove_tree(parent, network, err);
}
