/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/tree.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "base/tree_diff.h"
#include "core/container/make.h"
#include "core/volume/volume.h"

static int view_mount(struct storage *storage, const char *view, uint32_t flags, int *ret_fd,
		      struct berth_error *err)
{
	struct berth_view_opts opts = {
		.size = sizeof(opts),
		.flags = flags,
		.userns_fd = -1,
		.want_form = BERTH_ST_FORM_DIR,
	};

	return storage->ops.view_mount(storage->st, view, &opts, ret_fd, err);
}

int container_view_open(struct container_host *h, const struct container_row *row, int *ret_fd,
			struct berth_error *err)
{
	struct storage *storage;
	int r = drivers_storage(h->drivers, row->storage, &storage, err);

	return r < 0 ? r : view_mount(storage, row->id, BERTH_VIEW_READ_ONLY, ret_fd, err);
}

static int live_root(const struct container_row *row, int *ret_fd, struct berth_error *err)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%lld/root", (long long)row->pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail_errno(err, errno, "open the root of container %.12s", row->id);
	*ret_fd = fd;
	return 0;
}

static int take_mount(struct container_tree *t, const struct spec_mount *m, struct berth_error *err)
{
	struct tree_mount *more = reallocarray(t->mount, t->n_mount + 1, sizeof(*more));
	struct tree_mount own = {.read_only = m->read_only};

	if (!more)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	t->mount = more;
	own.at = path_clean(m->target);
	own.host = strdup(m->host_path);
	t->mount[t->n_mount++] = own;
	return own.at && own.host ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* What a start would mount: volumes and directories of the host; a tmpfs would be empty. */
static int find_mounts(struct container_host *h, const struct container_row *row,
		       struct container_tree *t, struct berth_error *err)
{
	struct spec_mount *mounts = NULL;
	size_t n = 0;
	int r = spec_mounts(row->merged, &mounts, &n, err);

	if (r == 0 && n > 0)
		r = volume_locate(h->store, record_get(row->merged, "Volumes"), mounts, n, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (mounts[i].host_path)
			r = take_mount(t, &mounts[i], err);
	spec_mounts_free(mounts, n);
	return r;
}

static int view_root(struct container_host *h, const struct container_row *row, bool write,
		     struct container_tree *t, struct berth_error *err)
{
	struct storage *storage;
	int r = drivers_storage(h->drivers, row->storage, &storage, err);

	if (r == 0)
		r = view_mount(storage, row->id, write ? 0 : BERTH_VIEW_READ_ONLY, &t->root, err);
	return r < 0 ? r : find_mounts(h, row, t, err);
}

static int open_row(struct container_host *h, const char *ref, bool write, struct container_tree *t,
		    struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL, *later = NULL;
	int r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	t->live = (row->state & CONTAINER_ALIVE) != 0;
	if (t->live)
		return live_root(row, &t->root, err);
	if (!write)
		return view_root(h, row, write, t, err);
	r = store_lock(h->store, CONTAINER_LOCK, row->id, false, &t->lock, err);
	if (r == 0)
		r = container_row_find(h->store, row->id, &later, err);
	if (r < 0)
		return r;
	/* it may have been started while we waited */
	t->live = (later->state & CONTAINER_ALIVE) != 0;
	return t->live ? live_root(later, &t->root, err) : view_root(h, later, write, t, err);
}

int container_tree_open(struct container_host *h, const char *ref, bool write,
			struct container_tree *ret, struct berth_error *err)
{
	struct container_tree t = {.root = -1, .lock = -1};
	int r = open_row(h, ref, write, &t, err);

	if (r < 0) {
		container_tree_close(&t);
		return r;
	}
	if (t.live)
		close_fd(&t.lock);
	*ret = t;
	return 0;
}

/* The rest of @path behind mount point @at: "" or "/...". NULL: it is elsewhere. */
static const char *behind(const char *path, const char *at)
{
	const char *rest = str_after(path, at);

	if (str_eq(at, "/"))
		return path;
	return rest && (*rest == '\0' || *rest == '/') ? rest : NULL;
}

static const struct tree_mount *mount_of(const struct container_tree *t, const char *path,
					 const char **ret_rest)
{
	const struct tree_mount *found = NULL;
	size_t len = 0;

	for (size_t i = 0; i < t->n_mount; i++) {
		const char *rest = behind(path, t->mount[i].at);

		if (rest && strlen(t->mount[i].at) >= len) {
			found = &t->mount[i];
			len = strlen(found->at);
			*ret_rest = rest;
		}
	}
	return found;
}

/* A directory of the host, or the one that a single file is in. */
static int open_mount(const struct tree_mount *m, const char *rest, int *ret_root, char **ret_path,
		      struct berth_error *err)
{
	cleanup_free char *dir = NULL;
	int fd = open(m->host, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR) {
		const char *base = path_base(m->host);

		dir = strndup(m->host, (size_t)(base - m->host));
		fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
		rest = base;
	}
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s', mounted at '%s'", m->host, m->at);
	*ret_path = strdup(rest);
	if (!*ret_path) {
		(void)close(fd);
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	*ret_root = fd;
	return 0;
}

int container_tree_find(const struct container_tree *tree, const char *path, bool write,
			int *ret_root, char **ret_path, struct berth_error *err)
{
	cleanup_free char *absolute = str_fmt("/%s", path);
	cleanup_free char *clean = absolute ? path_clean(absolute) : NULL;
	bool slash = str_has_suffix(path, "/") || str_has_suffix(path, "/.") || str_eq(path, ".");
	const struct tree_mount *m;
	const char *rest;

	if (!clean)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	m = mount_of(tree, clean, &rest);
	if (m && write && m->read_only)
		return berth_fail(err, BERTH_E_DENIED, "mounted volume is marked read-only");
	if (m)
		return open_mount(m, rest, ret_root, ret_path, err);
	/* what asks for a directory goes on asking for one */
	*ret_path = slash ? str_fmt("%s/", clean) : strdup(clean);
	*ret_root = *ret_path ? fcntl(tree->root, F_DUPFD_CLOEXEC, 3) : -1;
	if (*ret_root >= 0)
		return 0;
	free(steal_ptr(*ret_path));
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

void container_tree_close(struct container_tree *tree)
{
	for (size_t i = 0; i < tree->n_mount; i++) {
		free(tree->mount[i].at);
		free(tree->mount[i].host);
	}
	free(tree->mount);
	close_fd(&tree->root);
	close_fd(&tree->lock);
	*tree = (struct container_tree){.root = -1, .lock = -1};
}

/* --- changes -------------------------------------------------------------- */

struct told {
	berth_change_fn fn;
	void *arg;
	struct berth_op *op;
};

static int tell(void *arg, char change, const char *path, struct berth_error *err)
{
	struct told *told = arg;

	return told->fn(told->arg, (uint32_t)change, path);
}

static int go_on(void *arg, struct berth_error *err)
{
	return op_check(((struct told *)arg)->op, err);
}

/* A view of the layer alone, for as long as it takes. */
static int below_by_view(struct storage *storage, const char *view, const char *layer, int *ret_fd,
			 struct berth_error *err)
{
	cleanup_free char *name = str_fmt("%s.below", view);
	int r;

	if (!name)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	/* one that a killed process left */
	(void)storage->ops.view_remove(storage->st, name, NULL);
	r = storage->ops.view_create(storage->st, name, layer, BERTH_VIEW_READ_ONLY, NULL, err);
	if (r < 0)
		return r;
	r = view_mount(storage, name, BERTH_VIEW_READ_ONLY, ret_fd, err);
	/* where it is busy as long as it is mounted, the next one removes it */
	(void)storage->ops.view_remove(storage->st, name, NULL);
	return r;
}

/* The tree of @layer and all below it; *ret_fd -1 without one. */
static int below(struct storage *storage, const char *view, const char *layer, int *ret_fd,
		 struct berth_error *err)
{
	int r = -BERTH_E_UNSUPPORTED;

	*ret_fd = -1;
	if (!layer)
		return 0;
	if (!(storage->caps & BERTH_ST_WHITEOUT_KEEP))
		r = storage->ops.tree_open(storage->st, layer, ret_fd, NULL);
	return r == 0 ? 0 : below_by_view(storage, view, layer, ret_fd, err);
}

int container_base_open(struct container_host *h, const struct container_row *row,
			const char *layer, int *ret_fd, struct berth_error *err)
{
	struct storage *storage;
	int r = drivers_storage(h->drivers, row->storage, &storage, err);

	return r < 0 ? r : below(storage, row->id, layer, ret_fd, err);
}

int tree_changes(struct storage *storage, const char *view, const char *layer, berth_change_fn fn,
		 void *arg, struct berth_op *op, struct berth_error *err)
{
	struct told told = {fn, arg, op};
	const struct tree_diff_how how = {
		.fn = tell,
		.arg = &told,
		.go_on = go_on,
		.going = &told,
	};
	cleanup_fd int before = -1, after = -1;
	int r;

	if (storage->caps & BERTH_ST_NATIVE_DIFF)
		return storage->ops.changes(storage->st, view, fn, arg, op, err);
	r = below(storage, view, layer, &before, err);
	if (r == 0)
		r = view_mount(storage, view, BERTH_VIEW_READ_ONLY, &after, err);
	return r < 0 ? r : tree_diff(before, after, &how, err);
}
