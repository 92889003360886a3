/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/copy.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "core/image/work/pack.h"
#include "core/image/work/spool.h"
#include "core/image/work/stream.h"
#include "core/image/work/unpack.h"

static int begin(int fd, struct berth_op *op, struct tar_writer **ret_w, struct pack **ret,
		 struct berth_error *err)
{
	const struct tar_output out = {.fd = fd};
	const struct pack_how how = {.op = op};
	int r = tar_writer_new(&out, ret_w, err);

	return r < 0 ? r : pack_new(*ret_w, &how, ret, err);
}

int image_copy_tree(int topfd, int fd, struct berth_op *op, struct berth_error *err)
{
	cleanup_tar_writer struct tar_writer *w = NULL;
	cleanup_pack struct pack *pack = NULL;
	int r = begin(fd, op, &w, &pack, err);

	if (r == 0)
		r = pack_below(pack, topfd, err);
	return r < 0 ? r : tar_write_end(w, err);
}

/* The directory that the last component of @path is in; "." stands for the root and for what ends
 * with a slash, which is then a directory. */
static int find(int rootfd, const char *path, int *ret_dir, const char **ret_name,
		struct berth_error *err)
{
	const char *base = path_base(path);
	cleanup_free char *dir = NULL;

	if (!*base || str_eq(base, ".") || str_eq(base, "..")) {
		*ret_name = ".";
		return root_open(rootfd, path, O_PATH | O_DIRECTORY, 0, ret_dir, err);
	}
	dir = strndup(path, (size_t)(base - path));
	if (!dir)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret_name = base;
	return root_open(rootfd, dir, O_PATH | O_DIRECTORY, 0, ret_dir, err);
}

int image_copy_out(int rootfd, const char *path, const char *as, int fd, struct berth_op *op,
		   uint64_t *ret_bytes, struct berth_error *err)
{
	cleanup_tar_writer struct tar_writer *w = NULL;
	cleanup_pack struct pack *pack = NULL;
	cleanup_fd int dir = -1;
	const char *name;
	int r = find(rootfd, path, &dir, &name, err);

	if (r == 0)
		r = begin(fd, op, &w, &pack, err);
	if (r == 0)
		r = pack_one(pack, dir, name, as, err);
	if (r == 0)
		r = tar_write_end(w, err);
	if (r == 0 && ret_bytes)
		*ret_bytes = tar_written(w);
	return r;
}

static int unpack_stream(struct stream *s, int dir, const struct image_owner *owner,
			 struct berth_op *op, struct berth_error *err)
{
	const struct unpack_owner to =
		owner ? (struct unpack_owner){owner->uid, owner->gid} : (struct unpack_owner){0, 0};
	const struct unpack_how how = {
		.flags = UNPACK_INTO,
		.max_entries = UINT64_MAX,
		.max_bytes = UINT64_MAX,
		.owner = owner ? &to : NULL,
	};
	struct unpack_result result;
	cleanup_tar struct tar *tar = NULL;
	int r = tar_new(stream_next, s, &tar, err);

	if (r == 0)
		r = unpack_tree(tar, dir, &how, op, &result, err);
	/* who writes the tar is not to find a closed pipe because of the zeros at its end */
	return r < 0 ? r : tar_drain(tar, err);
}

int image_copy_in(int rootfd, const char *path, int fd, const struct image_owner *owner,
		  struct berth_op *op, struct berth_error *err)
{
	struct spool_source src;
	struct stream_how how = {
		.read = spool_read,
		.arg = &src,
		.bytes = UINT64_MAX,
		.limit = UINT64_MAX,
	};
	cleanup_stream struct stream *s = NULL;
	cleanup_fd int dir = -1;
	int r = root_open(rootfd, path, O_RDONLY | O_DIRECTORY, 0, &dir, err);

	if (r == 0)
		r = spool_open(fd, UINT64_MAX, op, &src, err);
	if (r == 0)
		r = stream_start(&how, &s, err);
	return r < 0 ? r : unpack_stream(s, dir, owner, op, err);
}
