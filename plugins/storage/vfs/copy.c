/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree_copy.h"
#include "vfs.h"

enum { PROGRESS_EVERY = 256 };

struct going {
	const struct tree *t;
	struct berth_op *op;
	uint64_t said;
};

static int go_on(void *arg, uint64_t files, struct berth_error *err)
{
	struct going *going = arg;

	if (going->op && files >= going->said + PROGRESS_EVERY) {
		going->t->host->progress(going->op, files, 0, "files");
		going->said = files;
	}
	return tree_cancelled(going->t, going->op, err);
}

int vfs_copy(struct berth_storage *st, int fromfd, int tofd, int linksfd, struct berth_op *op,
	     struct berth_error *err)
{
	struct going going = {.t = &st->tree, .op = op};
	struct tree_copy_how how = {
		.reflink = atomic_load(&st->no_reflink) ? FILE_COPY_REFLINK_NEVER : st->reflink,
		.links = linksfd,
		.threads = true,
		.go_on = go_on,
		.going = &going,
	};
	int r = tree_copy(fromfd, tofd, &how, err);

	/* the filesystem is the same for all of this driver's files, so is its answer */
	if (st->reflink == FILE_COPY_REFLINK_AUTO && how.reflink == FILE_COPY_REFLINK_NEVER)
		atomic_store(&st->no_reflink, true);
	return r;
}
