/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../tree/newmount.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "context.h"
#include "creds.h"

enum {
	PATH_ROOM = 2 * TREE_NAME_MAX,
	UID_UNMAPPED = 65534, /* what stat says of an owner that has no place in the namespace */
};

static int add_layers(struct context *c, int root, const char *top, struct berth_error *err)
{
	const struct tree *t = &c->st->tree;
	char file[TREE_NAME_MAX];
	int r = 0;

	memcpy(file, top, strlen(top) + 1);
	while (r == 0 && file[0]) {
		cleanup_fd int fd = -1;

		r = tree_content_open(t, root, file, &fd, err);
		if (r == 0)
			r = context_lower(c, &fd, err);
		if (r == 0)
			r = tree_below(t, t->layers, file, file, err);
	}
	return r;
}

static int add_lowers(struct context *c, const struct overlay_spec *spec, int root,
		      struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = 0;

	if (spec->view && !spec->writable)
		r = tree_view_part(root, spec->view, "upper", &fd, err);
	if (r == 0 && fd >= 0)
		r = context_lower(c, &fd, err);
	if (r == 0)
		r = add_layers(c, root, spec->layer, err);
	if (r < 0 || c->n > 1 || (c->n == 1 && spec->writable))
		return r;
	/* overlayfs wants one lower, or two if there is no upper */
	r = tree_content_open(&c->st->tree, root, NULL, &fd, err);
	return r < 0 ? r : context_lower(c, &fd, err);
}

/*
 * A volatile mount leaves a mark which forbids the next mount, since after a crash of the machine
 * the contents are undefined. Views are volatile only when that is as good as no contents.
 */
static void forget_volatile(int statefd, const char *view)
{
	static const char mark[] = "work/work/incompat/volatile";
	char path[PATH_ROOM + sizeof(mark)];

	(void)snprintf(path, sizeof(path), "views/%s/%s/dirty", view, mark);
	(void)unlinkat(statefd, path, 0); /* mostly not there; if it stays, the mount says so */
	(void)snprintf(path, sizeof(path), "views/%s/%s", view, mark);
	(void)unlinkat(statefd, path, AT_REMOVEDIR);
}

static int add_upper(struct context *c, const struct overlay_spec *spec, int root,
		     struct berth_error *err)
{
	cleanup_fd int upper = -1;
	cleanup_fd int work = -1;
	int r = tree_view_part(root, spec->view, "upper", &upper, err);

	if (r == 0)
		r = tree_view_part(root, spec->view, "work", &work, err);
	if (r == 0)
		r = context_dir(c, "upperdir", &upper, err);
	if (r == 0)
		r = context_dir(c, "workdir", &work, err);
	if (r < 0)
		return r;
	forget_volatile(c->st->tree.state, spec->view);
	return spec->is_volatile ? context_flag(c, "volatile", err) : 0;
}

/*
 * All that could differ with how the kernel was configured is said. userxattr is not: it is off
 * where it is not named, and for mounts without privileges only.
 */
static int add_options(struct context *c, const struct overlay_spec *spec, struct berth_error *err)
{
	/* images may carry redirects that somebody hostile made: follow only what we made */
	const char *redirect = !spec->redirect ? "nofollow" : spec->writable ? "on" : "follow";
	const char *const options[][2] = {
		{"source", "overlay"},
		{"redirect_dir", redirect},
		{"metacopy", spec->metacopy ? "on" : "off"},
		{"index", spec->index && spec->writable ? "on" : "off"},
		{"nfs_export", "off"},
		{"xino", "off"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(options) / sizeof(options[0]); i++)
		r = context_set(c, options[i][0], options[i][1], err);
	return r;
}

/* Who root of the user namespace is here: the owner that a file of root has in the clone. */
static int mapped_root(int root, const char *view, struct stat *ret, struct berth_error *err)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "views/%s", view);
	if (fstatat(root, path, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", path);
	if (ret->st_uid == UID_UNMAPPED || ret->st_gid == UID_UNMAPPED)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "the user namespace has no root (user and group 0)");
	return 0;
}

static int create_as(struct context *c, uid_t uid, gid_t gid, struct berth_error *err)
{
	struct creds old;
	int back;
	int r = creds_become(uid, gid, &old, err);

	if (r < 0)
		return r;
	r = context_create(c, err);
	back = creds_restore(&old, err);
	return back < 0 ? back : r;
}

static int create(struct context *c, const struct overlay_spec *spec, int root,
		  struct berth_error *err)
{
	struct stat owner;
	int r;

	if (spec->userns_fd >= 0 && spec->writable) {
		r = mapped_root(root, spec->view, &owner, err);
		if (r == 0)
			r = create_as(c, owner.st_uid, owner.st_gid, err);
	} else {
		r = context_create(c, err);
	}
	if (r == -BERTH_E_UNSUPPORTED && (spec->userns_fd >= 0 || spec->detached_layers))
		berth_error_hint(err, "a user namespace needs Linux 6.15 with this storage driver; "
				      "vfs can do it from Linux 5.12");
	return r;
}

static int mount_at(struct berth_storage *st, const struct overlay_spec *spec, int root,
		    int *ret_fd, struct berth_error *err)
{
	struct context c;
	int r = context_open(&c, st, err);

	if (r < 0)
		return r;
	r = add_lowers(&c, spec, root, err);
	if (r == 0 && spec->writable)
		r = add_upper(&c, spec, root, err);
	if (r == 0)
		r = add_options(&c, spec, err);
	if (r == 0)
		r = create(&c, spec, root, err);
	if (r == 0)
		r = context_mount(&c, spec->attr, ret_fd, err);
	context_done(&c);
	return r;
}

/* Nothing on nothing: overlayfs cannot stack that, and need not. */
static int mount_nothing(struct berth_storage *st, const struct overlay_spec *spec, int *ret_fd,
			 struct berth_error *err)
{
	cleanup_fd int fd = -1;
	int r = tree_content_open(&st->tree, st->tree.state, NULL, &fd, err);

	if (r < 0)
		return r;
	return clone_mount(fd, spec->attr | MOUNT_ATTR_RDONLY, spec->userns_fd, ret_fd, err);
}

int overlay_mount(struct berth_storage *st, const struct overlay_spec *spec, int *ret_fd,
		  struct berth_error *err)
{
	cleanup_fd int clone = -1;
	int r;

	if (!spec->view && !spec->layer[0])
		return mount_nothing(st, spec, ret_fd, err);
	if (spec->userns_fd < 0 && !spec->detached_layers)
		return mount_at(st, spec, st->tree.state, ret_fd, err);
	/* one clone maps everything that is opened below it: all layers, the upper, the work */
	r = clone_mount(st->tree.state, 0, spec->userns_fd, &clone, err);
	return r < 0 ? r : mount_at(st, spec, clone, ret_fd, err);
}
