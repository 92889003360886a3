/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cni: networks of the Container Network Interface (specification 1.0): its plugins, programs of
 * others, do the work; this driver runs them as the specification says.
 *
 *	driver.c   head, options; networks and containers
 *	list.c     a configuration list, and what each of its plugins is given
 *	run.c      one plugin, run once
 *
 * What a network was made of is kept as its state, so a container is taken down by what it was set up
 * with, whatever has become of the file.
 */
#ifndef PLUGIN_CNI_H
#define PLUGIN_CNI_H

#include "base/cleanup.h"
#include "base/record.h"
#include "base/str.h"
#include "berth/network.h"

enum {
	CNI_TEXT_MAX = 256 * 1024, /* of a list, of an answer */
	CNI_PLUGINS_MAX = 32,
};

struct berth_network {
	const struct berth_host *host;
	char **bin_dirs;
	char *path; /* the same, as CNI_PATH */
	uint64_t timeout_ms;
};

/** A configuration list. */
struct cni_list {
	struct record *doc;
	const char *name, *version;
	const struct record *plugins;
	size_t n;
};
void cni_list_done(struct cni_list *list);
#define cleanup_cni_list cleanup_with(cni_list_done)

/** Of a text. INVALID, UNSUPPORTED (version). */
int cni_list_parse(const char *text, size_t n, struct cni_list *ret, struct berth_error *err);
/** Of the file that the network's options name. */
int cni_list_read(const struct berth_network *net, const struct berth_conf *conf,
		  struct cni_list *ret, struct berth_error *err);
/** Standard input of plugin @i. @previous: result of the one before, or NULL. */
int cni_list_input(const struct cni_list *list, size_t i, const struct record *previous,
		   struct str *out, struct berth_error *err);

/** What a plugin is told besides. */
struct cni_call {
	const char *command; /* "ADD", "DEL", "CHECK" */
	const char *container, *ifname;
	int netns; /* -1: gone */
	struct berth_op *op;
};

/** Run plugin @i; its answer to *@ret (may be NULL), NULL if it printed none. */
int cni_run(struct berth_network *net, const struct cni_list *list, size_t i,
	    const struct cni_call *call, const struct record *previous, struct record **ret,
	    struct berth_error *err);

#endif
