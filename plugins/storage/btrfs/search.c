/* SPDX-License-Identifier: Apache-2.0 */
#include "search.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"

enum { BUFFER_BYTES = 65536 }; /* an item is at most a block: 64 KiB, with its header too much */

/* The key after the last one that was seen. */
static bool advance(struct btrfs_ioctl_search_key *key, const struct search_item *last)
{
	key->min_objectid = last->objectid;
	key->min_type = last->type;
	key->min_offset = last->offset + 1;
	if (key->min_offset != 0)
		return true;
	if (++key->min_type <= UINT8_MAX)
		return true;
	key->min_type = 0;
	return ++key->min_objectid != 0;
}

/* Items of one answer. */
static int each_item(const struct btrfs_ioctl_search_args_v2 *args, search_fn fn, void *arg,
		     struct search_item *last, struct berth_error *err)
{
	size_t at = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < args->key.nr_items; i++) {
		struct btrfs_ioctl_search_header head;

		if (at + sizeof(head) > BUFFER_BYTES)
			return berth_fail(err, BERTH_E_INTERNAL, "a search says too much");
		memcpy(&head, args->buf + at, sizeof(head));
		at += sizeof(head);
		if (head.len > BUFFER_BYTES - at)
			return berth_fail(err, BERTH_E_INTERNAL, "a search says too much");
		*last = (struct search_item){
			.objectid = head.objectid,
			.offset = head.offset,
			.type = head.type,
			.len = head.len,
			.data = args->buf + at,
		};
		at += head.len;
		r = fn(arg, last, err);
	}
	return r;
}

int search_tree(int fd, const struct search_range *range, search_fn fn, void *arg,
		struct berth_error *err)
{
	cleanup_free struct btrfs_ioctl_search_args_v2 *args =
		calloc(1, sizeof(*args) + BUFFER_BYTES);
	struct search_item last = {0};
	bool more = true;

	if (!args)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	args->key = (struct btrfs_ioctl_search_key){
		.tree_id = range->tree,
		.min_objectid = range->objectid[0],
		.max_objectid = range->objectid[1],
		.min_offset = range->offset[0],
		.max_offset = range->offset[1],
		.min_transid = range->newer ? range->newer + 1 : 0,
		.max_transid = UINT64_MAX,
		.min_type = range->type[0],
		.max_type = range->type[1],
	};
	while (more) {
		int r;

		args->key.nr_items = UINT32_MAX;
		args->buf_size = BUFFER_BYTES;
		if (ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, args) < 0)
			return berth_fail_errno(err, errno, "search a tree of btrfs");
		if (args->key.nr_items == 0)
			return 0;
		r = each_item(args, fn, arg, &last, err);
		if (r != 0)
			return r < 0 ? r : 0;
		more = advance(&args->key, &last);
	}
	return 0;
}
