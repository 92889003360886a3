/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: what a container may ask for, read from the files that core/network writes
 * (docs/formats/names.md). They are replaced as a whole by rename, and read anew for each question:
 * so an answer is never older than the question, and nobody needs to be told of a change.
 */
#ifndef MONITOR_NAMES_H
#define MONITOR_NAMES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "berth/driver.h"

enum { NAMES_FOUND_MAX = 256, NAMES_UPSTREAM_MAX = 8 };

struct names_ip {
	uint8_t family; /* 4, 6 */
	uint8_t ip[16];
};

/** The addresses of @name (lower case) in the container's own names, then in its networks. */
struct names_found {
	bool known; /* the name is there, with addresses of whatever family */
	size_t n;
	struct names_ip ip[NAMES_FOUND_MAX];
};

/** Where to look; @run is <run>, @id a container's. Borrowed for the calls. */
struct names_at {
	int run;
	const char *id;
};

int names_find(const struct names_at *at, const char *name, struct names_found *ret,
	       struct berth_error *err);
/** The first name of that address; *ret_name[0] is NUL if there is none. */
int names_reverse(const struct names_at *at, const struct names_ip *ip, char ret_name[static 256],
		  struct berth_error *err);
/** Servers for everything else; *ret_n 0 if outside names are none of this container's. */
int names_upstream(const struct names_at *at, struct sockaddr_in6 ret[static NAMES_UPSTREAM_MAX],
		   size_t *ret_n, struct berth_error *err);

#endif
