/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../tree/newmount.h"
#include "base/cleanup.h"

enum {
	STRING_MAX = 256, /* of fsconfig(2), with its NUL */
	MESSAGE_MAX = 256,
	FD_PATH_MAX = 32,
};

int context_open(struct context *c, struct berth_storage *st, struct berth_error *err)
{
	int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);

	*c = (struct context){.st = st, .fs = fs};
	if (fs >= 0)
		return 0;
	if (errno == ENOSYS)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "this kernel has no fsopen, needs Linux 5.2");
	if (errno != ENODEV)
		return berth_fail_errno(err, errno, "open overlayfs");
	(void)berth_fail(err, BERTH_E_UNSUPPORTED, "this kernel has no overlayfs");
	berth_error_hint(err, "modprobe overlay, or use another storage driver");
	return -BERTH_E_UNSUPPORTED;
}

void context_done(struct context *c)
{
	for (size_t i = 0; i < c->n_kept; i++)
		close_fd(&c->kept[i]);
	free(c->kept);
	close_fd(&c->fs);
}

/* What failed, and what the kernel has to say about it: a line per read, "e overlay: ...". */
static int fail_context(struct context *c, int sys_errno, const char *what, struct berth_error *err)
{
	cleanup_str struct str why = STR_INIT;
	char line[MESSAGE_MAX];
	ssize_t n;

	while ((n = read(c->fs, line, sizeof(line))) > 0) {
		while (n > 0 && line[n - 1] == '\n')
			n--;
		if (why.len)
			str_add(&why, "; ");
		if (n > 2)
			str_add_n(&why, line + 2, (size_t)n - 2);
	}
	if (sys_errno != EINVAL && sys_errno != EOPNOTSUPP && sys_errno != ENODEV)
		return berth_fail_errno(err, sys_errno, "%s%s%s", what, why.len ? ": " : "",
					str_text(&why));
	return berth_fail(err, BERTH_E_UNSUPPORTED, "%s: %s", what,
			  why.len ? str_text(&why) : "the kernel refuses it; see its log (dmesg)");
}

int context_set(struct context *c, const char *key, const char *value, struct berth_error *err)
{
	if (sys_fsconfig(c->fs, FSCONFIG_SET_STRING, key, value, 0) == 0)
		return 0;
	return fail_context(c, errno, key, err);
}

int context_flag(struct context *c, const char *key, struct berth_error *err)
{
	if (sys_fsconfig(c->fs, FSCONFIG_SET_FLAG, key, NULL, 0) == 0)
		return 0;
	return fail_context(c, errno, key, err);
}

static int set_fd(struct context *c, const char *key, int fd)
{
	return sys_fsconfig(c->fs, FSCONFIG_SET_FD, key, NULL, fd);
}

static const char *fd_path(int fd, char out[static FD_PATH_MAX])
{
	(void)snprintf(out, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return out;
}

static int keep(struct context *c, int *fd, struct berth_error *err)
{
	int *kept = reallocarray(c->kept, c->n_kept + 1, sizeof(*kept));

	if (!kept)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	c->kept = kept;
	c->kept[c->n_kept++] = steal_fd(fd);
	return 0;
}

int context_dir(struct context *c, const char *key, int *fd, struct berth_error *err)
{
	cleanup_fd int own = steal_fd(fd);
	char path[FD_PATH_MAX];
	int r;

	if (atomic_load(&c->st->lower) == OVERLAY_LOWER_FD) {
		if (set_fd(c, key, own) == 0)
			return 0;
		return fail_context(c, errno, key, err);
	}
	r = context_set(c, key, fd_path(own, path), err);
	return r < 0 ? r : keep(c, &own, err);
}

/*
 * Before Linux 6.5 overlayfs takes its options as one string, and learns only at the end that it
 * does not know one. So a word that nobody knows tells which kernel this is.
 */
static enum overlay_lower ask_kernel(int lowerfd, struct berth_error *err)
{
	struct context c;
	enum overlay_lower found = OVERLAY_LOWER_EACH;

	if (context_open(&c, NULL, err) < 0)
		return OVERLAY_LOWER_UNKNOWN;
	if (set_fd(&c, "lowerdir+", lowerfd) == 0)
		found = OVERLAY_LOWER_FD;
	else if (sys_fsconfig(c.fs, FSCONFIG_SET_FLAG, "no_such_option", NULL, 0) == 0)
		found = OVERLAY_LOWER_GLUED;
	context_done(&c);
	return found;
}

int context_lower(struct context *c, int *fd, struct berth_error *err)
{
	cleanup_fd int own = steal_fd(fd);
	enum overlay_lower how = atomic_load(&c->st->lower);
	char path[FD_PATH_MAX];

	if (c->n == OVERLAY_LAYERS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d layers", OVERLAY_LAYERS_MAX);
	c->n++;
	if (how == OVERLAY_LOWER_UNKNOWN) {
		how = ask_kernel(own, err);
		if (how == OVERLAY_LOWER_UNKNOWN)
			return -BERTH_E_UNSUPPORTED;
		atomic_store(&c->st->lower, how);
	}
	switch (how) {
	case OVERLAY_LOWER_UNKNOWN:
		break;
	case OVERLAY_LOWER_FD:
		if (set_fd(c, "lowerdir+", own) == 0)
			return 0;
		return fail_context(c, errno, "lowerdir+", err);
	case OVERLAY_LOWER_EACH:
		return context_set(c, "lowerdir+", fd_path(own, path), err);
	case OVERLAY_LOWER_JOINED:
	case OVERLAY_LOWER_GLUED:
		return keep(c, &own, err);
	}
	return berth_fail(err, BERTH_E_INTERNAL, "no way to give lower directories");
}

static int too_many(const struct context *c, struct berth_error *err)
{
	(void)berth_fail(err, BERTH_E_UNSUPPORTED,
			 "%zu layers are more than this kernel can mount detached", c->n);
	berth_error_hint(err, "use Linux 6.5 or newer, or the storage driver vfs");
	return -BERTH_E_UNSUPPORTED;
}

static int set_joined(struct context *c, struct berth_error *err)
{
	cleanup_str struct str all = STR_INIT;
	int r;

	for (size_t i = 0; i < c->n; i++)
		str_addf(&all, "%s/proc/self/fd/%d", i ? ":" : "", c->kept[i]);
	r = str_check(&all, err);
	if (r < 0)
		return r;
	return all.len < STRING_MAX ? context_set(c, "lowerdir", str_text(&all), err)
				    : too_many(c, err);
}

/* One more string of the option `lowerdir`: the first is its value, each other one is a flag. */
static int put_piece(struct context *c, struct str *piece, bool first, struct berth_error *err)
{
	int r = str_check(piece, err);

	if (r == 0)
		r = first ? context_set(c, "lowerdir", str_text(piece), err)
			  : context_flag(c, str_text(piece), err);
	str_clear(piece);
	return r < 0 ? too_many(c, err) : 0;
}

/*
 * Before Linux 6.5 fsconfig(2) gathers strings of at most 255 bytes, with commas between, as one
 * text of up to a page, which overlayfs takes apart at the commas; but a comma behind a backslash
 * belongs to a path. So a string that ends in a backslash and a flag after it are one option, whose
 * path has a comma in it where they meet. There a link named "," in the state directory waits,
 * which leads to /proc/self/fd: ".../fd/STATE/" "," "/LOWER".
 */
static int set_glued(struct context *c, struct berth_error *err)
{
	cleanup_str struct str piece = STR_INIT;
	int state = c->st->tree.state;
	bool first = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		if (piece.len + 2 * FD_PATH_MAX < STRING_MAX) {
			str_addf(&piece, "%s/proc/self/fd/%d", i ? ":" : "", c->kept[i]);
			continue;
		}
		if (first && symlinkat("/proc/self/fd", state, ",") < 0 && errno != EEXIST)
			return berth_fail_errno(err, errno, "make a link for mount options");
		str_addf(&piece, ":/proc/self/fd/%d/\\", state);
		r = put_piece(c, &piece, first, err);
		str_addf(&piece, "/%d", c->kept[i]);
		first = false;
	}
	return r < 0 ? r : put_piece(c, &piece, first, err);
}

/* The lowers, if they were not given one by one. */
static int set_lowers(struct context *c, struct berth_error *err)
{
	switch (atomic_load(&c->st->lower)) {
	case OVERLAY_LOWER_JOINED:
		return set_joined(c, err);
	case OVERLAY_LOWER_GLUED:
		return set_glued(c, err);
	case OVERLAY_LOWER_UNKNOWN:
	case OVERLAY_LOWER_FD:
	case OVERLAY_LOWER_EACH:
		break;
	}
	return 0;
}

int context_create(struct context *c, struct berth_error *err)
{
	int r = set_lowers(c, err);

	if (r < 0)
		return r;
	if (sys_fsconfig(c->fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		return 0;
	return fail_context(c, errno, "mount overlayfs", err);
}

int context_mount(struct context *c, uint64_t attr, int *ret_fd, struct berth_error *err)
{
	int fd = sys_fsmount(c->fs, FSMOUNT_CLOEXEC, (unsigned)attr);

	if (fd < 0)
		return fail_context(c, errno, "mount overlayfs", err);
	*ret_fd = fd;
	return 0;
}
