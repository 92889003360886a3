/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/archive.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "core/container/tree.h"

/* os.FileMode of Go: permissions below, kinds from the top */
enum {
	GO_DIR = 1u << 31,
	GO_SYMLINK = 1u << 27,
	GO_DEVICE = 1u << 26,
	GO_FIFO = 1u << 25,
	GO_SOCKET = 1u << 24,
	GO_SETUID = 1u << 23,
	GO_SETGID = 1u << 22,
	GO_CHAR = 1u << 21,
	GO_STICKY = 1u << 20,
};

static uint32_t go_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return GO_DIR;
	case S_IFLNK:
		return GO_SYMLINK;
	case S_IFBLK:
		return GO_DEVICE;
	case S_IFCHR:
		return GO_DEVICE | GO_CHAR;
	case S_IFIFO:
		return GO_FIFO;
	case S_IFSOCK:
		return GO_SOCKET;
	default:
		return 0;
	}
}

static uint32_t go_mode(mode_t mode)
{
	return (mode & 0777) | go_kind(mode) | (mode & S_ISUID ? GO_SETUID : 0u) |
	       (mode & S_ISGID ? GO_SETGID : 0u) | (mode & S_ISVTX ? GO_STICKY : 0u);
}

/* A place in a container's tree. */
struct place {
	struct container_tree tree;
	int root;
	char *path;
};

static void place_done(struct place *p)
{
	container_tree_close(&p->tree);
	close_fd(&p->root);
	free(p->path);
}
#define cleanup_place cleanup_with(place_done)
/* clang-format off */
#define PLACE_INIT {.tree = {.root = -1, .lock = -1}, .root = -1}
/* clang-format on */

static int find(struct engine *e, const char *ref, const char *path, bool write, struct place *p,
		struct berth_error *err)
{
	int r;

	if (!*path)
		return berth_fail(err, BERTH_E_INVALID, "the path in the container is empty");
	r = container_tree_open(&e->host, ref, write, &p->tree, err);
	return r < 0 ? r : container_tree_find(&p->tree, path, write, &p->root, &p->path, err);
}

static int not_found(const char *path, const char *ref, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NOT_FOUND, "Could not find the file %s in container %s",
			  path, ref);
}

/* Where @path leads, as text; "" if it is no symlink. */
static int link_target(const struct place *p, char out[static PATH_MAX], struct berth_error *err)
{
	const char *base = path_base(p->path);
	cleanup_free char *dir = strndup(p->path, (size_t)(base - p->path));
	cleanup_fd int fd = -1;
	ssize_t n;
	int r;

	if (!dir)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = root_open(p->root, dir, O_PATH | O_DIRECTORY, 0, &fd, err);
	if (r < 0)
		return r;
	n = readlinkat(fd, base, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	return 0;
}

static int stat_record(const struct place *p, const char *path, const struct stat *st,
		       struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	cleanup_free char *clean = path_clean(path);
	int64_t mtime = st->st_mtim.tv_sec * CLOCK_SECOND + st->st_mtim.tv_nsec;
	char target[PATH_MAX] = "", time[CLOCK_TEXT_MAX];
	int r = out && clean ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0 && S_ISLNK(st->st_mode))
		r = link_target(p, target, err);
	if (r == 0)
		r = record_set_str(out, "name", str_eq(clean, "/") ? "/" : path_base(clean), err);
	if (r == 0)
		r = record_set_int(out, "size", st->st_size, err);
	if (r == 0)
		r = record_set_int(out, "mode", go_mode(st->st_mode), err);
	if (r == 0)
		r = record_set_str(out, "mtime", clock_format(mtime, time), err);
	if (r == 0)
		r = record_set_str(out, "linkTarget", target, err);
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}

int engine_path_stat(struct engine *e, const char *ref, const char *path, struct record **ret,
		     struct berth_error *err)
{
	cleanup_place struct place p = PLACE_INIT;
	struct stat st;
	bool follow;
	int r = find(e, ref, path, false, &p, err);

	if (r < 0)
		return r;
	/* "link/" is what it leads to */
	follow = str_has_suffix(p.path, "/");
	r = root_stat(p.root, p.path, follow ? 0 : AT_SYMLINK_NOFOLLOW, &st, err);
	if (r == -BERTH_E_NOT_FOUND)
		return not_found(path, ref, err);
	return r < 0 ? r : stat_record(&p, path, &st, ret, err);
}

int engine_copy_out(struct engine *e, const char *ref, const char *path, const char *as, int fd,
		    uint64_t *ret_bytes, struct berth_error *err)
{
	cleanup_place struct place p = PLACE_INIT;
	cleanup_free char *clean = path_clean(path);
	const struct image_work *work;
	int r;

	if (!clean)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = engine_image_work(e, &work, err);
	if (r == 0)
		r = find(e, ref, path, false, &p, err);
	if (!as)
		as = str_eq(clean, "/") || str_has_suffix(path, "/.") ? "." : path_base(clean);
	if (r == 0)
		r = work->copy_out(p.root, p.path, as, fd, e->op, ret_bytes, err);
	return r == -BERTH_E_NOT_FOUND && p.path ? not_found(path, ref, err) : r;
}

int engine_copy_in(struct engine *e, const char *ref, const char *path, int fd,
		   const struct image_owner *owner, struct berth_error *err)
{
	cleanup_place struct place p = PLACE_INIT;
	const struct image_work *work;
	struct stat st;
	int r = engine_image_work(e, &work, err);

	if (r == 0)
		r = find(e, ref, path, true, &p, err);
	if (r == 0)
		r = root_stat(p.root, p.path, 0, &st, err);
	if (r == -BERTH_E_NOT_FOUND && p.path)
		return not_found(path, ref, err);
	if (r == 0 && !S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is no directory", path);
	return r < 0 ? r : work->copy_in(p.root, p.path, fd, owner, e->op, err);
}

int engine_export(struct engine *e, const char *ref, int fd, struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	const struct image_work *work;
	cleanup_fd int view = -1;
	int r = engine_image_work(e, &work, err);

	if (r == 0)
		r = container_row_find(e->store, ref, &row, err);
	if (r == 0)
		r = container_view_open(&e->host, row, &view, err);
	return r < 0 ? r : work->copy_tree(view, fd, e->op, err);
}
