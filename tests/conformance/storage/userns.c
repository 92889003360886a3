/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/storage/cases.h"

enum {
	BASE = 100000,
	OTHER_BASE = 300000,
};

static void put_base(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "root", "r");
	ck_write(dirfd, "user", "u");
	ck_assert_int_eq(fchownat(dirfd, "user", 1000, 1001, 0), 0);
	ck_write(dirfd, "setuid", "s");
	ck_assert_int_eq(fchmodat(dirfd, "setuid", 04755, 0), 0);
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_write(dirfd, "dir/file", "f");
}

/* A view mounted for @userns; where that cannot be, the case ends. */
static int mount_for(const struct rig *r, const char *view, int userns)
{
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = userns};
	int fd = -1;
	int got;

	if (!rig_can(r, BERTH_ST_IDMAP) && !rig_can(r, BERTH_ST_CHOWN_CLONE)) {
		ck_fails(BERTH_E_UNSUPPORTED, r->ops->view_mount(r->st, view, &opts, &fd, &err));
		suite_skip("the driver does not promise user namespaces (idmap, chown-clone)");
	}
	got = r->ops->view_mount(r->st, view, &opts, &fd, &err);
	if (got == -BERTH_E_UNSUPPORTED && err.hint[0])
		suite_skip("%s", err.text);
	ck_assert_msg(got == 0, "%s", err.text);
	return fd;
}

static uid_t owner(int dirfd, const char *name)
{
	struct stat st;

	ck_assert_msg(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0, "stat '%s'", name);
	return st.st_uid;
}

/* In the namespace, as its root; the answer is the number of the step that failed. */
static int use_as_root(int dirfd)
{
	struct stat st;
	int fd;

	if (fstatat(dirfd, "root", &st, 0) < 0 || st.st_uid != 0)
		return 1;
	if (fstatat(dirfd, "user", &st, 0) < 0 || st.st_uid != 1000 || st.st_gid != 1001)
		return 2;
	fd = openat(dirfd, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != 0)
		return 3;
	fd = openat(dirfd, "given", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fchown(fd, 33, 44) < 0)
		return 4;
	fd = openat(dirfd, "user", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, "+", 1) != 1)
		return 5;
	if (fstat(fd, &st) < 0 || st.st_uid != 1000)
		return 6;
	if (unlinkat(dirfd, "setuid", 0) < 0 || unlinkat(dirfd, "dir/file", 0) < 0 ||
	    unlinkat(dirfd, "dir", AT_REMOVEDIR) < 0)
		return 7;
	if (mkdirat(dirfd, "dir", 0755) < 0 || fstatat(dirfd, "dir/file", &st, 0) == 0)
		return 8;
	if (symlinkat("root", dirfd, "link") < 0 || linkat(dirfd, "new", dirfd, "new2", 0) < 0)
		return 9;
	return 0;
}

START_TEST(in_a_user_namespace_root_owns_what_root_owned)
{
	struct rig r;
	int userns = rig_userns(BASE);
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, NULL);
	rig_layer(&r, "b", "a", put_base);
	rig_view(&r, "v", "b", 0);
	fd = mount_for(&r, "v", userns);
	ck_assert_uint_eq(owner(fd, "root"), BASE);
	ck_assert_uint_eq(owner(fd, "user"), BASE + 1000);
	rig_as_root_of(userns, use_as_root, fd);
	ck_assert_uint_eq(owner(fd, "given"), BASE + 33);
	ck_assert_int_eq(close(fd), 0);
	(void)close(userns);
	rig_close(&r);
}
END_TEST

static int read_again(int dirfd)
{
	struct stat st;

	if (fstatat(dirfd, "new", &st, 0) < 0 || st.st_uid != 0)
		return 1;
	if (fstatat(dirfd, "given", &st, 0) < 0 || st.st_uid != 33 || st.st_gid != 44)
		return 2;
	if (mkdirat(dirfd, "again", 0755) < 0 || fstatat(dirfd, "again", &st, 0) < 0 ||
	    st.st_uid != 0)
		return 3;
	return 0;
}

/* So that a container can change its mapping, and that its changes can become a layer. */
START_TEST(on_disk_owners_are_those_of_the_image)
{
	struct rig r;
	int userns = rig_userns(BASE);
	int other = rig_userns(OTHER_BASE);
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = mount_for(&r, "v", userns);
	rig_as_root_of(userns, use_as_root, fd);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "v");
	ck_assert_uint_eq(owner(fd, "new"), 0);
	ck_assert_uint_eq(owner(fd, "given"), 33);
	ck_assert_uint_eq(owner(fd, "user"), 1000);
	ck_assert_uint_eq(owner(fd, "dir"), 0);
	ck_assert_uint_eq(owner(fd, "."), 0);
	ck_assert_int_eq(close(fd), 0);
	fd = mount_for(&r, "v", other);
	ck_assert_uint_eq(owner(fd, "given"), OTHER_BASE + 33);
	rig_as_root_of(other, read_again, fd);
	ck_assert_int_eq(close(fd), 0);
	(void)close(userns);
	(void)close(other);
	rig_close(&r);
}
END_TEST

START_TEST(a_read_only_view_is_mapped_too)
{
	struct rig r;
	int userns = rig_userns(BASE);
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", BERTH_VIEW_READ_ONLY);
	rig_view(&r, "nothing", NULL, BERTH_VIEW_READ_ONLY);
	fd = mount_for(&r, "v", userns);
	ck_assert_uint_eq(owner(fd, "user"), BASE + 1000);
	ck_assert_int_eq(close(fd), 0);
	fd = mount_for(&r, "nothing", userns);
	ck_assert_uint_eq(owner(fd, "."), BASE);
	ck_assert_int_eq(close(fd), 0);
	(void)close(userns);
	rig_close(&r);
}
END_TEST

/* Whatever a driver does meanwhile, it does not keep it. */
START_TEST(the_caller_stays_who_it_is)
{
	struct rig r;
	int userns = rig_userns(BASE);
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	int proc = open("/proc/thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	before = strdup(strstr(ck_text(proc, "status"), "Uid:"));
	fd = mount_for(&r, "v", userns);
	after = strdup(strstr(ck_text(proc, "status"), "Uid:"));
	before[strcspn(before, "V")] = '\0'; /* up to the sizes of memory */
	after[strcspn(after, "V")] = '\0';
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	before = strdup(strstr(ck_text(proc, "status"), "CapInh:"));
	ck_assert_int_eq(close(fd), 0);
	fd = mount_for(&r, "v", userns);
	after = strdup(strstr(ck_text(proc, "status"), "CapInh:"));
	before[strcspn(before, "N")] = '\0'; /* up to NoNewPrivs */
	after[strcspn(after, "N")] = '\0';
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(close(fd), 0);
	(void)close(proc);
	(void)close(userns);
	rig_close(&r);
}
END_TEST

START_TEST(the_hosts_own_user_namespace_is_refused)
{
	const int own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = own};
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	ck_fails(BERTH_E_UNSUPPORTED, r.ops->view_mount(r.st, "v", &opts, &fd, &err));
	ck_assert_str_ne(err.hint, "");
	(void)close(own);
	rig_close(&r);
}
END_TEST

SUITE_CASES(userns_cases, in_a_user_namespace_root_owns_what_root_owned,
	    on_disk_owners_are_those_of_the_image, a_read_only_view_is_mapped_too,
	    the_caller_stays_who_it_is, the_hosts_own_user_namespace_is_refused);
