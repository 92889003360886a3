/* SPDX-License-Identifier: Apache-2.0 */
#include "subvol.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs_tree.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/walk.h"
#include "search.h"

enum {
	DEPTH_MAX = 32,	 /* of subvolumes in subvolumes that are removed whole; see loosen */
	NAME_ROOM = 256, /* a component of a path, with its NUL */
};

static int set_name(char *to, size_t room, const char *name, struct berth_error *err)
{
	size_t n = strlen(name);

	if (n >= room)
		return berth_fail(err, BERTH_E_INVALID, "name '%s' is too long", name);
	memcpy(to, name, n + 1);
	return 0;
}

int subvol_create(int dirfd, const char *name, mode_t mode, struct berth_error *err)
{
	struct btrfs_ioctl_vol_args args = {0};
	int r = set_name(args.name, sizeof(args.name), name, err);

	if (r < 0)
		return r;
	if (ioctl(dirfd, BTRFS_IOC_SUBVOL_CREATE, &args) < 0)
		return berth_fail_errno(err, errno, "make subvolume '%s'", name);
	if (fchmodat(dirfd, name, mode, 0) < 0)
		return berth_fail_errno(err, errno, "set the mode of subvolume '%s'", name);
	return 0;
}

int subvol_snapshot(int fromfd, int dirfd, const char *name, struct berth_error *err)
{
	struct btrfs_ioctl_vol_args_v2 args = {.fd = fromfd};
	int r = set_name(args.name, sizeof(args.name), name, err);

	if (r < 0)
		return r;
	if (ioctl(dirfd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
		return berth_fail_errno(err, errno, "make a snapshot");
	return 0;
}

int subvol_is_read_only(int fd, bool *ret, struct berth_error *err)
{
	__u64 flags;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return berth_fail_errno(err, errno, "read the flags of a subvolume");
	*ret = flags & BTRFS_SUBVOL_RDONLY;
	return 0;
}

int subvol_set_read_only(int fd, bool on, struct berth_error *err)
{
	__u64 flags = on ? BTRFS_SUBVOL_RDONLY : 0;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) < 0)
		return berth_fail_errno(err, errno, "set the flags of a subvolume");
	return 0;
}

int subvol_info(int fd, struct subvol_info *ret, struct berth_error *err)
{
	struct btrfs_ioctl_get_subvol_info_args args = {0};

	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &args) < 0)
		return berth_fail_errno(err, errno, "ask about a subvolume");
	ret->id = args.treeid;
	ret->born = args.otransid;
	memcpy(ret->uuid, args.uuid, sizeof(ret->uuid));
	memcpy(ret->parent_uuid, args.parent_uuid, sizeof(ret->parent_uuid));
	return 0;
}

/* The first subvolume in another one. */
struct inner {
	bool found;
	uint64_t dir; /* inode of the directory that it is in */
	char name[NAME_ROOM];
};

static int take_inner(void *arg, const struct search_item *item, struct berth_error *err)
{
	struct inner *in = arg;
	struct btrfs_root_ref ref;
	size_t n;

	if (item->type != BTRFS_ROOT_REF_KEY || item->len < sizeof(ref))
		return 0;
	memcpy(&ref, item->data, sizeof(ref));
	n = le16toh(ref.name_len);
	if (n >= sizeof(in->name) || n > item->len - sizeof(ref))
		return berth_fail(err, BERTH_E_CORRUPT, "a subvolume has a name of %zu bytes", n);
	memcpy(in->name, (const char *)item->data + sizeof(ref), n);
	in->name[n] = '\0';
	in->dir = le64toh(ref.dirid);
	in->found = true;
	return SEARCH_END;
}

static int first_inner(int fd, uint64_t id, struct inner *ret)
{
	const struct search_range range = {
		.tree = BTRFS_ROOT_TREE_OBJECTID,
		.objectid = {id, id},
		.type = {BTRFS_ROOT_REF_KEY, BTRFS_ROOT_REF_KEY},
		.offset = {0, UINT64_MAX},
	};

	ret->found = false;
	return search_tree(fd, &range, take_inner, ret, NULL);
}

/* The directory with inode @ino of the subvolume @fd, whose id is @id. */
static int open_dir_of(int fd, uint64_t id, uint64_t ino, int *ret_fd)
{
	struct btrfs_ioctl_ino_lookup_args args = {.treeid = id, .objectid = ino};

	if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
		return berth_fail_errno(NULL, errno, "find a directory");
	return state_open(fd, args.name, O_RDONLY | O_DIRECTORY, 0, ret_fd, NULL);
}

/* What its owner made immutable goes like everything else. */
static void clear_flags(int fd)
{
	int flags = 0;

	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags); /* if that fails, what follows says so */
}

static bool destroy_one(int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args args = {0};

	if (set_name(args.name, sizeof(args.name), name, NULL) < 0)
		return false;
	return ioctl(dirfd, BTRFS_IOC_SNAP_DESTROY, &args) == 0;
}

static bool destroy(int dirfd, const char *name, int depth);

/* All that are in the subvolume @fd. */
static bool destroy_inner(int fd, int depth)
{
	struct subvol_info info;
	struct inner in;

	if (depth == DEPTH_MAX || subvol_info(fd, &info, NULL) < 0)
		return false;
	(void)subvol_set_read_only(fd, false, NULL); /* its directories lose entries */
	clear_flags(fd);
	while (first_inner(fd, info.id, &in) == 0) {
		cleanup_fd int dir = -1;

		if (!in.found)
			return true;
		if (open_dir_of(fd, info.id, in.dir, &dir) < 0 || !destroy(dir, in.name, depth + 1))
			return false;
	}
	return false;
}

static bool destroy(int dirfd, const char *name, int depth)
{
	cleanup_fd int fd = -1;

	if (destroy_one(dirfd, name)) /* mostly there is nothing inside */
		return true;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	clear_flags(dirfd);
	return destroy_inner(fd, depth) && destroy_one(dirfd, name);
}

static int loosen_one(void *arg BERTH_UNUSED, const struct walk_entry *e, struct berth_error *err)
{
	if (e->event != WALK_ENTER || e->st->st_ino != BTRFS_FIRST_FREE_OBJECTID)
		return 0;
	return subvol_set_read_only(e->fd, false, err);
}

/* Who nests subvolumes so that they cannot be removed whole: their files can be, one by one. */
static int loosen(int dirfd, const char *name, struct berth_error *err)
{
	const struct walk_how how = {.fn = loosen_one};
	cleanup_fd int fd = -1;
	int r = state_open(dirfd, name, O_RDONLY | O_DIRECTORY, 0, &fd, err);

	return r < 0 ? r : walk_tree(fd, &how, err);
}

int subvol_destroy(int dirfd, const char *name, struct berth_error *err)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_fail_errno(err, errno, "stat '%s'", name);
	if (st.st_ino != BTRFS_FIRST_FREE_OBJECTID)
		return berth_fail(err, BERTH_E_NOT_FOUND, "'%s' is no subvolume", name);
	return destroy(dirfd, name, 0) ? 0 : loosen(dirfd, name, err);
}
