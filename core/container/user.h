/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user: "name|uid[:name|gid]" looked up in a root filesystem's /etc/passwd and /etc/group, as
 * docker does. Everything in there is hostile: the files are read through root_open, up to
 * USER_FILE_MAX bytes, and lines that make no sense are skipped rather than read as root.
 */
#ifndef CORE_CONTAINER_USER_H
#define CORE_CONTAINER_USER_H

#include <stddef.h>
#include <stdint.h>

#include "base/record.h"

enum {
	USER_FILE_MAX = 16 * 1024 * 1024, /* bytes of passwd, and of group */
	USER_HOME_MAX = 4096,
	USER_GROUPS_MAX = 65536, /* what setgroups(2) takes */
	USER_ADD_MAX = 1024,	 /* --group-add */
	USER_ID_MAX = INT32_MAX,
};

struct user_found {
	uint32_t uid, gid;
	uint32_t *groups; /* gid first, then supplementary ones, none twice */
	size_t n_groups;
	char *home; /* "/" if passwd does not say */
};

/**
 * Look up @spec; "" or NULL is user 0. A number needs no entry; its group is that of the entry, or
 * 0. @group_add (array of names and numbers, or NULL) is added to the supplementary groups, which
 * only a user without an explicit group has. A file that is absent is an empty one. NOT_FOUND:
 * "unable to find user x: no matching entries in passwd file". INVALID: an id out of range, a
 * passwd that is no file. LIMIT.
 */
int user_find(int rootfd, const char *spec, const struct record *group_add, struct user_found *ret,
	      struct berth_error *err);
void user_done(struct user_found *user);
#define cleanup_user cleanup_with(user_done)

#endif
