/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack_rig: unpack a made tar into a new directory, and say what is there.
 */
#ifndef TESTS_UNPACK_RIG_H
#define TESTS_UNPACK_RIG_H

#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "core/image/work/unpack.h"
#include "layer_tar.h"

static struct unpack_how rig_how = {
	.flags = UNPACK_WHITEOUT_KEEP,
	.max_entries = 100000,
	.max_bytes = UINT64_C(1) << 40,
};

static int rig_unpack(struct ltar *t, int dirfd, struct unpack_result *ret)
{
	struct ltar_input in = {.p = t->out.p, .n = t->out.len, .step = 700};
	cleanup_tar struct tar *tar = NULL;
	struct unpack_result res;
	int r;

	ck_assert_int_eq(tar_new(ltar_next, &in, &tar, &err), 0);
	r = unpack_tree(tar, dirfd, &rig_how, NULL, ret ? ret : &res, &err);
	free(in.copy);
	ltar_done(t);
	return r;
}

/** It unpacks into a new directory, whose descriptor is returned. */
BERTH_UNUSED
static int ck_unpacks(struct ltar *t)
{
	int dirfd = ck_dir();

	ltar_end(t);
	ck_ok(rig_unpack(t, dirfd, NULL));
	return dirfd;
}

/** It fails so, and the text has @why in it. */
BERTH_UNUSED
static void ck_unpack_fails(struct ltar *t, int code, const char *why)
{
	ltar_end(t);
	ck_fails(code, rig_unpack(t, ck_dir(), NULL));
	ck_says(why);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void rig_xattrs(const char *path, struct str *out)
{
	char names[1024], value[256];
	ssize_t n = llistxattr(path, names, sizeof(names));

	for (const char *at = names; n > 0 && at < names + n; at += strlen(at) + 1) {
		ssize_t v = lgetxattr(path, at, value, sizeof(value));

		str_addf(out, " %s=", at);
		for (ssize_t i = 0; i < v; i++)
			str_addf(out, value[i] > ' ' && value[i] < 0x7f ? "%c" : "\\%02x",
				 (unsigned char)value[i]);
	}
}

static void rig_walk(const char *path, const char *shown, struct str *out)
{
	struct dirent **list;
	int n = scandir(path, &list, NULL, by_name);

	ck_assert_msg(n >= 0, "scan '%s'", path);
	for (int i = 0; i < n; i++) {
		cleanup_free char *below = str_fmt("%s/%s", path, list[i]->d_name);
		cleanup_free char *name =
			str_fmt("%s%s%s", shown, *shown ? "/" : "", list[i]->d_name);
		char target[256];
		struct stat st;
		ssize_t len;

		if (!str_eq(list[i]->d_name, ".") && !str_eq(list[i]->d_name, "..")) {
			ck_assert_int_eq(lstat(below, &st), 0);
			str_addf(out, "%s ", name);
			if (S_ISDIR(st.st_mode))
				str_add(out, "dir");
			else if (S_ISREG(st.st_mode))
				str_addf(out, "file:%lld", (long long)st.st_size);
			else if (S_ISLNK(st.st_mode)) {
				len = readlink(below, target, sizeof(target));
				str_addf(out, "->%.*s", (int)len, target);
			} else if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
				str_add(out, "whiteout");
			else
				str_addf(out, "%s:%u:%u",
					 S_ISCHR(st.st_mode)   ? "char"
					 : S_ISBLK(st.st_mode) ? "block"
							       : "fifo",
					 major(st.st_rdev), minor(st.st_rdev));
			rig_xattrs(below, out);
			str_add_char(out, '\n');
			if (S_ISDIR(st.st_mode))
				rig_walk(below, name, out);
		}
		free(list[i]);
	}
	free(list);
}

/** What is in the tree: a line for each, without what ck_stat looks at. */
#define ck_tree(dirfd, wanted)                                                                     \
	do {                                                                                       \
		cleanup_str struct str ck_out_ = STR_INIT;                                         \
		char ck_path_[32];                                                                 \
                                                                                                   \
		(void)snprintf(ck_path_, sizeof(ck_path_), "/proc/self/fd/%d/.", (dirfd));         \
		rig_walk(ck_path_, "", &ck_out_);                                                  \
		ck_assert_str_eq(str_text(&ck_out_), (wanted));                                    \
	} while (0)

/** lstat of @path. */
BERTH_UNUSED
static struct stat ck_stat(int dirfd, const char *path)
{
	struct stat st;

	ck_assert_msg(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0, "stat '%s'", path);
	return st;
}

#endif
