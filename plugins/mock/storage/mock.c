/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock storage: layers and views are whole copies in plain directories, for tests without
 * privileges.
 *
 *	layers/NAME/{tree/,parent}   views/NAME/{tree/,below}   making/KEY/...   locks/KEY
 *
 * where KEY is layers-NAME or views-NAME.
 *
 * "Mounting" gives the directory itself (O_PATH), not a mount: mock isolation takes it, move_mount
 * does not. Not durable: nothing is synced.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "../mock.h"
#include "base/lock.h"
#include "base/path.h"
#include "berth/storage.h"
#include "copy.h"

#define LOCK_OF_ALL "all" /* shared by who stands on a layer, exclusive for who removes one */

struct berth_storage {
	struct mock mock;
	int state;
};

struct berth_ingest {
	struct berth_storage *st;
	char *layer;
	char *key;
	char *parent; /* or NULL */
	int lock;     /* as long as it is held, making/KEY is ours */
};

/* "FOLDER/NAME/FILE", with FILE optional */
static char *place(const char *folder, const char *name, const char *file)
{
	return str_fmt("%s/%s%s%s", folder, name, file ? "/" : "", file ? file : "");
}

/* 1 or 0, or why that cannot be known. */
static int is_there(const struct berth_storage *st, const char *folder, const char *name,
		    struct berth_error *err)
{
	cleanup_free char *path = place(folder, name, NULL);
	struct stat at;

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (fstatat(st->state, path, &at, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "look for '%s'", path);
}

static int open_tree_of(const struct berth_storage *st, const char *folder, const char *name,
			int flags, int *ret, struct berth_error *err)
{
	cleanup_free char *path = place(folder, name, "tree");

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return state_open(st->state, path, flags | O_DIRECTORY, 0, ret, err);
}

/* What stands in layers/NAME/parent or views/NAME/below; "" for none. */
static int read_base(const struct berth_storage *st, const char *folder, const char *name,
		     const char *file, char **ret, struct berth_error *err)
{
	cleanup_free char *path = place(folder, name, file);

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return state_read(st->state, path, 256, ret, NULL, err);
}

static int remove_from(const struct berth_storage *st, const char *folder, const char *name,
		       struct berth_error *err)
{
	cleanup_fd int dir = -1;
	int r;

	r = state_open(st->state, folder, O_RDONLY | O_DIRECTORY, 0, &dir, err);
	return r < 0 ? r : remove_tree(dir, name, err);
}

/* Take the lock of making/@key. With LOCK_TRY, BUSY: another process makes it now. */
static int lock_key(const struct berth_storage *st, const char *key, unsigned flags, int *ret,
		    struct berth_error *err)
{
	cleanup_fd int locks = -1;
	int r;

	r = state_open(st->state, "locks", O_RDONLY | O_DIRECTORY, 0, &locks, err);
	return r < 0 ? r : lock_take(locks, key, flags, ret, err);
}

/* making/@key with a copy of layer @base (NULL: empty), and @file saying what that was. Locked. */
static int fill(const struct berth_storage *st, const char *key, const char *base, const char *file,
		struct berth_error *err)
{
	cleanup_free char *path = place("making", key, "tree");
	cleanup_free char *top = place("making", key, NULL);
	cleanup_fd int tree = -1;
	cleanup_fd int dir = -1;
	cleanup_fd int from = -1;
	int r;

	if (!path || !top)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = remove_from(st, "making", key, err); /* of somebody who died */
	if (r == 0)
		r = state_mkdirs(st->state, path, 0755, &tree, err);
	if (r == 0 && base)
		r = open_tree_of(st, "layers", base, O_RDONLY, &from, err);
	if (r == 0 && base)
		r = copy_tree(from, tree, err);
	if (r == 0)
		r = state_open(st->state, top, O_RDONLY | O_DIRECTORY, 0, &dir, err);
	if (r == 0)
		r = state_replace(dir, file, 0644, base ? base : "", base ? strlen(base) : 0, 0,
				  err);
	return r;
}

static int make(const struct berth_storage *st, const char *key, const char *base, const char *file,
		struct berth_error *err)
{
	int r = fill(st, key, base, file, err);

	if (r < 0)
		(void)remove_from(st, "making", key, NULL); /* or the next one of that name does */
	return r;
}

static int need(const struct berth_storage *st, const char *folder, const char *name,
		struct berth_error *err)
{
	int r = is_there(st, folder, name, err);

	if (r != 0)
		return r < 0 ? r : 0;
	return berth_fail(err, BERTH_E_NOT_FOUND, "there is no '%s' in %s", name, folder);
}

static int need_none(const struct berth_storage *st, const char *folder, const char *name,
		     struct berth_error *err)
{
	int r = is_there(st, folder, name, err);

	if (r <= 0)
		return r;
	return berth_fail(err, BERTH_E_EXISTS, "'%s' is in %s already", name, folder);
}

/* making/@key, which stands on layer @base (or NULL), becomes FOLDER/NAME. */
static int show(const struct berth_storage *st, const char *key, const char *base,
		const char *folder, const char *name, struct berth_error *err)
{
	cleanup_free char *from = place("making", key, NULL);
	cleanup_free char *to = place(folder, name, NULL);
	cleanup_fd int lock = -1; /* no layer goes meanwhile */
	int r = from && to ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = lock_key(st, LOCK_OF_ALL, LOCK_SHARED, &lock, err);
	if (r == 0 && base)
		r = need(st, "layers", base, err);
	if (r == 0 && renameat2(st->state, from, st->state, to, RENAME_NOREPLACE) < 0)
		r = berth_fail_errno(err, errno, "make '%s' visible", to);
	if (r < 0)
		(void)remove_from(st, "making", key, NULL); /* or the next one of that name does */
	return r;
}

/* FOLDER/NAME is gone at once, however we end. @key's lock is held. */
static int hide(const struct berth_storage *st, const char *key, const char *folder,
		const char *name, struct berth_error *err)
{
	cleanup_free char *from = place(folder, name, NULL);
	cleanup_free char *to = place("making", key, NULL);
	int r = from && to ? remove_from(st, "making", key, err)
			   : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0 && renameat2(st->state, from, st->state, to, RENAME_NOREPLACE) < 0)
		return errno == ENOENT ? 0 : berth_fail_errno(err, errno, "remove '%s'", from);
	if (r == 0)
		(void)remove_from(st, "making", key, NULL); /* or reclaim does */
	return r;
}

static int cancelled(const struct berth_storage *st, struct berth_op *op, struct berth_error *err)
{
	if (!st->mock.host->cancelled(op))
		return 0;
	return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
}

/* Names in a folder, sorted by nobody. */
static int list(const struct berth_storage *st, const char *folder, berth_id_fn fn, void *arg,
		struct berth_error *err)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	cleanup_fd int fd = -1;
	int r;

	r = state_open(st->state, folder, O_RDONLY | O_DIRECTORY, 0, &fd, err);
	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return berth_fail_errno(err, errno, "list '%s'", folder);
	(void)steal_fd(&fd);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		r = fn(arg, entry->d_name);
		if (r != 0)
			return r;
	}
	return 0;
}

static void ingest_free(struct berth_ingest *in)
{
	close_fd(&in->lock);
	free(in->layer);
	free(in->key);
	free(in->parent);
	free(in);
}

static int begin_checked(struct berth_ingest *in, struct berth_error *err)
{
	const struct berth_storage *st = in->st;
	int r;

	in->key = str_fmt("layers-%s", in->layer);
	if (!in->key)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = lock_key(st, in->key, LOCK_TRY, &in->lock, err);
	if (r == 0)
		r = need_none(st, "layers", in->layer, err);
	if (r == 0 && in->parent)
		r = need(st, "layers", in->parent, err);
	return r < 0 ? r : make(st, in->key, in->parent, "parent", err);
}

static int mock_ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
			     struct berth_op *op, struct berth_ingest **ret,
			     struct berth_error *err)
{
	struct berth_ingest *in;
	int r;

	r = mock_call(&st->mock, NULL, err, "ingest_begin", "layer=%s parent=%s", desc->layer,
		      mock_arg(desc->parent));
	if (r == 0)
		r = mock_check_name(desc->layer, err);
	if (r == 0 && desc->parent)
		r = mock_check_name(desc->parent, err);
	if (r < 0)
		return r;
	in = calloc(1, sizeof(*in));
	if (!in)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	in->st = st;
	in->lock = -1;
	r = str_copy(desc->layer, &in->layer, err);
	if (r == 0)
		r = str_copy(desc->parent, &in->parent, err);
	if (r == 0)
		r = begin_checked(in, err);
	if (r < 0) {
		ingest_free(in);
		return r;
	}
	*ret = in;
	return 0;
}

static int mock_ingest_tree(struct berth_ingest *in, int *ret, struct berth_error *err)
{
	int r = mock_call(&in->st->mock, NULL, err, "ingest_tree", "layer=%s", in->layer);

	return r < 0 ? r : open_tree_of(in->st, "making", in->key, O_RDONLY, ret, err);
}

static int mock_ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
			      struct berth_error *err)
{
	int r;

	r = mock_call(&in->st->mock, NULL, err, "ingest_commit", "layer=%s parent=%s", in->layer,
		      mock_arg(parent));
	if (r == 0 && !str_eq(parent, in->parent))
		r = berth_fail(err, BERTH_E_INVALID, "the parent was another at ingest_begin");
	if (r == 0)
		r = cancelled(in->st, op, err);
	if (r == 0)
		r = show(in->st, in->key, in->parent, "layers", in->layer, err);
	else
		(void)remove_from(in->st, "making", in->key, NULL);
	ingest_free(in);
	return r;
}

static void mock_ingest_abort(struct berth_ingest *in)
{
	if (!in)
		return;
	(void)mock_call(&in->st->mock, NULL, NULL, "ingest_abort", "layer=%s", in->layer);
	(void)remove_from(in->st, "making", in->key, NULL); /* reclaim finds what stays */
	ingest_free(in);
}

struct stands_on {
	const struct berth_storage *st;
	const char *folder;
	const char *file;
	const char *layer;
};

static int is_on(void *arg, const char *name)
{
	const struct stands_on *on = arg;
	cleanup_free char *base = NULL;

	if (read_base(on->st, on->folder, name, on->file, &base, NULL) < 0)
		return 0;
	return str_eq(base, on->layer) ? 1 : 0;
}

static int mock_layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err)
{
	struct stands_on child = {st, "layers", "parent", layer};
	struct stands_on view = {st, "views", "below", layer};
	cleanup_free char *key = str_fmt("layers-%s", layer);
	cleanup_fd int lock = -1;
	cleanup_fd int all = -1;
	int r;

	r = mock_call(&st->mock, NULL, err, "layer_remove", "layer=%s", layer);
	if (r == 0)
		r = mock_check_name(layer, err);
	if (r == 0 && !key)
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (r == 0)
		r = is_there(st, "layers", layer, err);
	if (r <= 0)
		return r; /* absent, or being made */
	r = lock_key(st, key, 0, &lock, err);
	if (r == 0)
		r = lock_key(st, LOCK_OF_ALL, 0, &all, err);
	if (r == 0)
		r = list(st, child.folder, is_on, &child, err);
	if (r == 0)
		r = list(st, view.folder, is_on, &view, err);
	if (r > 0)
		return berth_fail(err, BERTH_E_BUSY, "something stands on layer '%s'", layer);
	return r < 0 ? r : hide(st, key, "layers", layer, err);
}

static int make_view(const struct berth_storage *st, const char *view, const char *layer,
		     struct berth_error *err)
{
	cleanup_free char *key = str_fmt("views-%s", view);
	cleanup_fd int lock = -1;
	int r;

	if (!key)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = lock_key(st, key, 0, &lock, err);
	if (r == 0)
		r = need_none(st, "views", view, err);
	if (r == 0 && layer)
		r = need(st, "layers", layer, err);
	if (r == 0)
		r = make(st, key, layer, "below", err);
	return r < 0 ? r : show(st, key, layer, "views", view, err);
}

static int mock_view_create(struct berth_storage *st, const char *view, const char *layer,
			    uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
{
	int r;

	r = mock_call(&st->mock, NULL, err, "view_create", "view=%s layer=%s flags=%u", view,
		      mock_arg(layer), flags);
	if (r == 0)
		r = mock_check_name(view, err);
	if (r == 0 && layer)
		r = mock_check_name(layer, err);
	return r < 0 ? r : make_view(st, view, layer, err);
}

static int mock_view_mount(struct berth_storage *st, const char *view,
			   const struct berth_view_opts *opts, int *ret, struct berth_error *err)
{
	int r;

	r = mock_call(&st->mock, NULL, err, "view_mount", "view=%s flags=%u userns=%s", view,
		      opts->flags, opts->userns_fd >= 0 ? "yes" : "no");
	if (r == 0)
		r = mock_check_name(view, err);
	if (r < 0)
		return r;
	if (opts->userns_fd >= 0) {
		(void)berth_fail(err, BERTH_E_UNSUPPORTED, "mock storage maps no owners");
		berth_error_hint(err, "use a storage driver with the cap 'idmap'");
		return -BERTH_E_UNSUPPORTED;
	}
	return open_tree_of(st, "views", view, O_PATH, ret, err);
}

static int mock_view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
{
	int r = mock_call(&st->mock, NULL, err, "view_remove", "view=%s", view);
	cleanup_free char *key = str_fmt("views-%s", view);
	cleanup_fd int lock = -1;

	if (r == 0)
		r = mock_check_name(view, err);
	if (r == 0 && !key)
		r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (r == 0)
		r = lock_key(st, key, 0, &lock, err);
	return r < 0 ? r : hide(st, key, "views", view, err);
}

static int mock_tree_open(struct berth_storage *st, const char *layer, int *ret,
			  struct berth_error *err)
{
	int r = mock_call(&st->mock, NULL, err, "tree_open", "layer=%s", layer);

	if (r == 0)
		r = mock_check_name(layer, err);
	return r < 0 ? r : open_tree_of(st, "layers", layer, O_PATH, ret, err);
}

static int mock_each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		     struct berth_error *err)
{
	int r = mock_call(&st->mock, NULL, err, "each", "flags=%u", flags);

	if (r == 0 && flags & BERTH_EACH_LAYERS)
		r = list(st, "layers", fn, arg, err);
	if (r == 0 && flags & BERTH_EACH_VIEWS)
		r = list(st, "views", fn, arg, err);
	return r;
}

static int mock_below(struct berth_storage *st, const char *id, uint32_t each_flag,
		      struct berth_sink *sink, struct berth_error *err)
{
	bool layers = each_flag & BERTH_EACH_LAYERS;
	cleanup_free char *base = NULL;
	int r;

	r = mock_call(&st->mock, NULL, err, "below", "id=%s", id);
	if (r == 0)
		r = mock_check_name(id, err);
	if (r == 0)
		r = read_base(st, layers ? "layers" : "views", id, layers ? "parent" : "below",
			      &base, err);
	if (r == 0)
		r = berth_sink_str(st->mock.host, sink, base) < 0
			    ? berth_fail(err, BERTH_E_LIMIT, "the sink is full")
			    : 0;
	return r;
}

/* A half-made thing whose lock can be had is of a dead process. */
static int sweep(void *arg, const char *key)
{
	const struct berth_storage *st = arg;
	cleanup_fd int lock = -1;

	if (lock_key(st, key, LOCK_TRY, &lock, NULL) == 0)
		(void)remove_from(st, "making", key, NULL);
	return 0;
}

/* The same with its lock, which nobody holds. */
static int sweep_lock(void *arg, const char *key)
{
	const struct berth_storage *st = arg;
	cleanup_free char *path = place("locks", key, NULL);
	cleanup_fd int lock = -1;

	if (!path || str_eq(key, LOCK_OF_ALL) || lock_key(st, key, LOCK_TRY, &lock, NULL) < 0)
		return 0;
	(void)remove_from(st, "making", key, NULL);
	(void)unlinkat(st->state, path, 0);
	return 0;
}

static int mock_reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret,
			struct berth_error *err)
{
	int r = mock_call(&st->mock, NULL, err, "reclaim", "%s", "");

	if (r == 0)
		r = cancelled(st, op, err);
	if (r == 0)
		r = list(st, "making", sweep, st, err);
	if (r == 0)
		r = list(st, "locks", sweep_lock, st, err);
	if (r == 0)
		*ret = 0;
	return r;
}

static int open_state(struct berth_storage *st, int state_fd, struct berth_error *err)
{
	static const char *const folders[] = {"layers", "views", "making", "locks"};
	cleanup_fd int lock = -1;
	int r;

	st->state = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (st->state < 0)
		return berth_fail_errno(err, errno, "keep the state directory");
	r = mock_check_format(st->state, err);
	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		r = state_mkdir(st->state, folders[i], 0755, STATE_EXIST_OK, err);
	if (r == 0)
		r = lock_key(st, LOCK_OF_ALL, LOCK_SHARED, &lock,
			     err); /* from now on it is there */
	return r < 0 ? r : list(st, "making", sweep, st, err);
}

static void close_driver(void *instance)
{
	struct berth_storage *st = instance;

	if (!st)
		return;
	mock_done(&st->mock);
	close_fd(&st->state);
	free(st);
}

static int open_driver(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		       void **ret, struct berth_error *err)
{
	struct berth_storage *st = calloc(1, sizeof(*st));
	int r;

	if (!st)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	st->state = -1;
	st->mock.transcript = -1;
	r = mock_init(&st->mock, "storage", host, conf, err);
	if (r == 0)
		r = mock_call(&st->mock, NULL, err, "open", "%s", "");
	if (r == 0)
		r = open_state(st, state_fd, err);
	if (r < 0) {
		close_driver(st);
		return r;
	}
	*ret = st;
	return 0;
}

static int reload_driver(void *instance, const struct berth_conf *conf, struct berth_error *err)
{
	return mock_reload(&((struct berth_storage *)instance)->mock, conf, err);
}

static const struct berth_storage_ops ops = {
	.ingest_begin = mock_ingest_begin,
	.ingest_tree = mock_ingest_tree,
	.ingest_commit = mock_ingest_commit,
	.ingest_abort = mock_ingest_abort,
	.layer_remove = mock_layer_remove,
	.view_create = mock_view_create,
	.view_mount = mock_view_mount,
	.view_remove = mock_view_remove,
	.tree_open = mock_tree_open,
	.each = mock_each,
	.reclaim = mock_reclaim,
	.below = mock_below,
};

static const struct berth_driver head = {
	MOCK_HEAD,
	.options = mock_options,
	.kind = BERTH_STORAGE,
	.caps = BERTH_ST_INGEST_TREE | BERTH_ST_FORM_DIR | BERTH_ST_ONE_OWNER,
	.summary = "whole copies in plain directories, for tests",
	.ops = &ops,
	.ops_size = sizeof(ops),
	.open = open_driver,
	.reload = reload_driver,
	.close = close_driver,
};

BERTH_DRIVER_EXPORT(BERTH_STORAGE, "mock", MOCK_VERSION, head);
