/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "inodes.h"
#include "base/walk.h"

enum {
	SIZE_MAX_BYTES = 64, /* of the file `size`: two numbers */
};

struct measure {
	struct inodes linked;
	uint64_t bytes;
	uint64_t inodes;
};

static int measure_one(void *arg, const struct walk_entry *e, struct berth_error *err)
{
	struct measure *m = arg;
	uint32_t seen = 1;
	int r = 0;

	if (e->event == WALK_LEAVE)
		return 0;
	if (e->event == WALK_OTHER && e->st->st_nlink > 1)
		r = inodes_see(&m->linked, e->st->st_ino, (uint32_t)e->st->st_nlink, &seen, err);
	if (r == 0 && seen == 1) {
		m->bytes += (uint64_t)e->st->st_blocks * 512;
		m->inodes++;
	}
	return r;
}

int tree_measure(const struct tree *t, int dirfd, struct berth_op *op, uint64_t *ret_bytes,
		 uint64_t *ret_inodes, struct berth_error *err)
{
	struct measure m = {0};
	struct tree_going going = {t, op};
	struct walk_how how = {
		.flags = WALK_STAT,
		.fn = measure_one,
		.arg = &m,
		.go_on = tree_go_on,
		.going = &going,
	};
	int r = walk_tree(dirfd, &how, err);

	inodes_done(&m.linked);
	if (r < 0)
		return r;
	*ret_bytes = m.bytes;
	*ret_inodes = m.inodes;
	return 0;
}

/* A size that was measured before, if there is one that can be read. */
static bool size_known(int layerfd, uint64_t *ret_bytes, uint64_t *ret_inodes)
{
	cleanup_free char *text = NULL;
	uint64_t bytes;
	uint64_t inodes;

	if (state_read(layerfd, "size", SIZE_MAX_BYTES, &text, NULL, NULL) < 0)
		return false;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &bytes, &inodes) != 2)
		return false;
	*ret_bytes = bytes;
	*ret_inodes = inodes;
	return true;
}

int tree_layer_size(const struct tree *t, const char *file, uint64_t *ret_bytes,
		    uint64_t *ret_inodes, struct berth_error *err)
{
	cleanup_fd int layer = -1;
	cleanup_fd int content = -1;
	char text[SIZE_MAX_BYTES];
	int n;
	int r = tree_content_open(t, t->state, file, &content, err);

	if (r == 0)
		r = state_open(t->layers, file, O_RDONLY | O_DIRECTORY, 0, &layer, err);
	if (r < 0 || size_known(layer, ret_bytes, ret_inodes))
		return r;
	r = t->kind->measure ? t->kind->measure(t, file, content, ret_bytes, ret_inodes, err)
			     : tree_measure(t, content, NULL, ret_bytes, ret_inodes, err);
	if (r < 0)
		return r;
	/* a layer never changes; if this cannot be kept, it is measured again */
	n = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", *ret_bytes, *ret_inodes);
	(void)state_replace(layer, "size", 0600, text, (size_t)n, 0, NULL);
	return 0;
}
