/* SPDX-License-Identifier: Apache-2.0 */
/* What only the driver overlay promises, and what its state looks like (storage-overlay.md). */
#include "own.h"

#include <sys/mount.h>
#include <sys/xattr.h>

static void put_base(const struct rig *r BERTH_UNUSED, int dirfd)
{
	ck_write(dirfd, "file", "layer");
	ck_assert_int_eq(mkdirat(dirfd, "dir", 0755), 0);
	ck_write(dirfd, "dir/inner", "layer");
	ck_assert_int_eq(mkdirat(dirfd, "dir/sub", 0755), 0);
	ck_write(dirfd, "dir/sub/deep", "layer");
}

static void open_with(struct rig *r, const char *option)
{
	own.options[0] = option;
	rig_open(r);
}

START_TEST(a_directory_of_a_layer_cannot_be_renamed_by_default)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_assert_int_lt(renameat(fd, "dir", fd, "moved"), 0);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

static int hear(void *arg, uint32_t change, const char *path)
{
	return strv_addf(arg, "%c %s", (int)change, path);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 2, *(char *const *)b + 2);
}

static void ck_changes(const struct rig *r, const char *view, const char *expected)
{
	cleanup_strv char **lines = NULL;
	cleanup_free char *text = NULL;

	ck_ok(r->ops->changes(r->st, view, hear, &lines, NULL, &err));
	if (lines)
		qsort(lines, strv_len(lines), sizeof(*lines), by_path);
	text = strv_join(lines, "\n");
	ck_assert_str_eq(text, expected);
}

START_TEST(with_redirect_dir_a_directory_is_renamed_and_changes_say_so)
{
	struct rig r;
	int fd;

	open_with(&r, "redirect_dir=on");
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_assert_int_eq(mkdirat(fd, "new", 0755), 0);
	ck_assert_int_eq(renameat(fd, "dir", fd, "new/moved"), 0);
	ck_assert_str_eq(ck_text(fd, "new/moved/sub/deep"), "layer");
	ck_assert_int_eq(close(fd), 0);
	ck_changes(&r, "v",
		   "D dir\nA new\nA new/moved\nA new/moved/inner\nA new/moved/sub\n"
		   "A new/moved/sub/deep");
	/* a second one, in place of the first, compares with what was there */
	fd = rig_mount(&r, "v");
	ck_assert_int_eq(renameat(fd, "new/moved", fd, "dir"), 0);
	ck_assert_int_eq(unlinkat(fd, "dir/inner", 0), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_changes(&r, "v", "C dir\nD dir/inner\nA new");
	fd = rig_mount_flags(&r, "v", BERTH_VIEW_READ_ONLY, 0);
	ck_assert_str_eq(ck_text(fd, "dir/sub/deep"), "layer");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

/* Only its maker says how a view is mounted, not today's option. */
START_TEST(a_view_keeps_the_option_that_it_was_made_with)
{
	struct berth_conf conf = {.pairs = (const char *const[]){"redirect_dir=on", NULL}};
	struct rig r;
	int fd;

	rig_open(&r);
	conf.options = r.head->options;
	rig_layer(&r, "a", NULL, put_base);
	ck_ok(r.ops->view_create(r.st, "v", "a", 0, &conf, &err));
	rig_reopen(&r);
	fd = rig_mount(&r, "v");
	ck_assert_int_eq(renameat(fd, "dir", fd, "moved"), 0);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount(&r, "v");
	ck_assert_str_eq(ck_text(fd, "moved/inner"), "layer");
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

static void put_redirect(const struct rig *r BERTH_UNUSED, int dirfd)
{
	cleanup_fd int fd = -1;

	ck_assert_int_eq(mkdirat(dirfd, "trap", 0755), 0);
	fd = openat(dirfd, "trap", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fsetxattr(fd, "trusted.overlay.redirect", "/dir", 4, 0), 0);
}

START_TEST(a_redirect_that_an_image_brought_is_not_followed)
{
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_layer(&r, "b", "a", put_redirect);
	rig_view(&r, "v", "b", 0);
	fd = rig_mount(&r, "v");
	ck_assert(!ck_exists(fd, "trap/inner"));
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(more_layers_than_the_kernel_takes_are_refused_by_number)
{
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
	char layer[32];
	char parent[32] = "";
	struct rig r;
	int fd;

	open_with(&r, "lower=joined");
	for (int i = 0; i < 30; i++) {
		(void)snprintf(layer, sizeof(layer), "l%d", i);
		rig_layer(&r, layer, parent[0] ? parent : NULL, NULL);
		memcpy(parent, layer, sizeof(parent));
	}
	rig_view(&r, "v", layer, 0);
	ck_fails(BERTH_E_UNSUPPORTED, r.ops->view_mount(r.st, "v", &opts, &fd, &err));
	ck_says("30 layers");
	ck_assert_str_ne(err.hint, "");
	rig_close(&r);
}
END_TEST

START_TEST(the_state_is_as_documented)
{
	struct rig r;
	struct stat self;
	struct stat link;
	int fd;

	rig_open(&r);
	ck_assert_str_eq(ck_text(r.statefd, "format"), "overlay 1\n");
	rig_layer(&r, "sha256:aa", NULL, put_base);
	rig_layer(&r, "b", "sha256:aa", NULL);
	rig_view(&r, "v:1", "b", 0);
	rig_view(&r, "n", NULL, BERTH_VIEW_VOLATILE);
	ck_assert_str_eq(ck_text(r.statefd, "layers/sha256=aa/diff/file"), "layer");
	ck_assert_str_eq(ck_text(r.statefd, "layers/sha256=aa/self"), "sha256:aa\n");
	ck_assert_str_eq(ck_text(r.statefd, "layers/b/parent"), "sha256:aa\n");
	ck_assert(!ck_exists(r.statefd, "layers/sha256=aa/parent"));
	ck_assert_str_eq(ck_text(r.statefd, "views/v=1/layer"), "b\n");
	ck_assert_str_eq(ck_text(r.statefd, "views/n/layer"), "\n");
	ck_assert(ck_exists(r.statefd, "views/n/volatile"));
	ck_assert_int_eq(fstatat(r.statefd, "layers/b/self", &self, 0), 0);
	ck_assert_int_eq(fstatat(r.statefd, "views/v=1/layer", &link, 0), 0);
	ck_assert_uint_eq(self.st_ino, link.st_ino);
	ck_assert_uint_eq(self.st_nlink, 2);
	fd = rig_mount(&r, "v:1");
	ck_assert_int_eq(unlinkat(fd, "file", 0), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(fstatat(r.statefd, "views/v=1/upper/file", &self, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISCHR(self.st_mode) && self.st_rdev == 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_lost_format_file_is_not_taken_for_a_new_state)
{
	struct rig r;
	void *instance;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	ck_assert_int_eq(unlinkat(r.statefd, "format", 0), 0);
	ck_fails(BERTH_E_CORRUPT, r.head->open(lent_host(), NULL, r.statefd, &instance, &err));
	ck_assert(!ck_exists(r.statefd, "format"));
	ck_write(r.statefd, "format", "overlay 1\n");
	rig_reopen(&r);
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_LAYERS), "a ");
	rig_close(&r);
}
END_TEST

/* How a view is mounted, as /proc/self/mountinfo says. */
static bool mounted_with(const struct rig *r, const char *view, const char *option)
{
	char path[96];
	cleanup_free char *text = NULL;
	int target = ck_dir_at(path);
	int fd = rig_mount(r, view);
	int proc;
	const char *line;
	size_t n;
	bool found;

	ck_assert_int_eq(
		move_mount(fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
		0);
	proc = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	ck_ok(read_fd_limited(proc, 1 << 20, &text, &n, &err));
	line = strstr(text, path);
	ck_assert_ptr_nonnull(line);
	((char *)line)[strcspn(line, "\n")] = '\0';
	found = strstr(line, option) != NULL;
	ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(close(proc), 0);
	ck_assert_int_eq(close(target), 0);
	return found;
}

START_TEST(only_a_volatile_view_is_mounted_so)
{
	struct rig r;

	rig_own_mounts();
	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	rig_view(&r, "w", "a", BERTH_VIEW_VOLATILE);
	ck_assert(!mounted_with(&r, "v", "volatile"));
	ck_assert(mounted_with(&r, "w", "volatile"));
	rig_close(&r);
}
END_TEST

/* A view that was being made when its maker was killed. */
static void leave_half_view(const struct rig *r)
{
	ck_assert_int_eq(mkdirat(r->statefd, "staging/quick~1.2", 0700), 0);
	ck_assert_int_eq(
		linkat(r->statefd, "layers/a/self", r->statefd, "staging/quick~1.2/layer", 0), 0);
}

START_TEST(the_dead_do_not_keep_a_layer_busy)
{
	struct rig r;
	size_t held;

	rig_open(&r);
	held = rig_held(&r);
	rig_layer(&r, "a", NULL, put_base);
	leave_half_view(&r);
	/* killed between the two steps of a removal */
	ck_assert_int_eq(mkdirat(r.statefd, "trash/old", 0700), 0);
	ck_assert_int_eq(linkat(r.statefd, "layers/a/self", r.statefd, "trash/old/parent", 0), 0);
	ck_ok(r.ops->layer_remove(r.st, "a", &err));
	ck_assert_uint_eq(rig_held(&r), held);
	rig_close(&r);
}
END_TEST

static void ck_finds(const struct rig *r, const char *id)
{
	struct berth_sink sink = {.limit = 65536};

	ck_ok(r->ops->check(r->st, NULL, BERTH_CHECK_FULL, NULL, &sink, &err));
	ck_assert_msg(lent_finding(&sink, id) == BERTH_FINDING_ERROR, "check does not find '%s'",
		      id);
	lent_sink_done(&sink);
}

START_TEST(a_check_finds_damage)
{
	struct rig r;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_layer(&r, "b", "a", put_base);
	rig_view(&r, "v", "b", 0);
	rig_check(&r);
	ck_assert_int_eq(linkat(r.statefd, "layers/a/diff/file", r.statefd, "stolen", 0), 0);
	ck_finds(&r, "layer.links");
	ck_assert_int_eq(unlinkat(r.statefd, "stolen", 0), 0);
	rig_check(&r);
	ck_assert_int_eq(renameat(r.statefd, "layers/a", r.statefd, "hidden"), 0);
	ck_finds(&r, "layer.parent");
	ck_assert_int_eq(renameat(r.statefd, "hidden", r.statefd, "layers/a"), 0);
	rig_check(&r);
	ck_assert_int_eq(unlinkat(r.statefd, "views/v/layer", 0), 0);
	ck_finds(&r, "view.layer");
	ck_ok(r.ops->view_remove(r.st, "v", &err));
	rig_view(&r, "v", "b", 0);
	ck_assert_int_eq(unlinkat(r.statefd, "views/v/work", AT_REMOVEDIR), 0);
	ck_finds(&r, "view.content");
	ck_assert_int_eq(mkdirat(r.statefd, "views/v/work", 0700), 0);
	ck_write(r.statefd, "layers/b/self", "c\n");
	ck_finds(&r, "layer.self");
	ck_write(r.statefd, "layers/b/self", "b\n");
	ck_assert_int_eq(renameat(r.statefd, "layers/b/diff", r.statefd, "layers/b/d"), 0);
	ck_finds(&r, "layer.content");
	ck_assert_int_eq(mkdirat(r.statefd, "layers/What is this?", 0700), 0);
	ck_finds(&r, "layer.name");
	rig_close(&r);
}
END_TEST

START_TEST(a_damaged_link_is_corrupt_rather_than_another_layer)
{
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
	static const char *const bad[] = {"../../etc\n", "b", "", "b\n\n", "B\n"};
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "b", NULL, put_base);
	rig_view(&r, "v", "b", 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_write(r.statefd, "views/v/layer", bad[i]);
		ck_fails(BERTH_E_CORRUPT, r.ops->view_mount(r.st, "v", &opts, &fd, &err));
	}
	rig_close(&r);
}
END_TEST

static int probe_level(int scratch, const char *id)
{
	const struct berth_driver *head = lent_load(own.file);
	const struct berth_conf conf = {.options = head->options};
	struct berth_sink sink = {.limit = 65536};
	int level;

	ck_ok(head->probe(lent_host(), &conf, scratch, &sink, &err));
	level = lent_finding(&sink, id);
	lent_sink_done(&sink);
	return level;
}

/* -------------------------------------------------------------------------------- mount options */

static void put_links(const struct rig *r BERTH_UNUSED, int dirfd)
{
	static char bytes[1 << 20];
	int fd = openat(dirfd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	memset(bytes, 'b', sizeof(bytes));
	ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	ck_assert_int_eq(close(fd), 0);
	ck_write(dirfd, "one", "layer");
	ck_assert_int_eq(linkat(dirfd, "one", dirfd, "two", 0), 0);
}

static uint64_t bytes_of_view(const struct rig *r, const char *view)
{
	struct berth_usage u = {.size = sizeof(u)};

	ck_ok(r->ops->usage(r->st, view, BERTH_EACH_VIEWS, &u, &err));
	return u.own;
}

static int add_line(void *arg, uint32_t change, const char *path)
{
	str_addf(arg, "%c %s\n", (int)change, path);
	return 0;
}

START_TEST(with_metacopy_a_change_of_owner_copies_no_data)
{
	cleanup_str struct str said = STR_INIT;
	const struct berth_conf conf = {.pairs = (const char *const[]){"metacopy=on", NULL}};
	struct stat st;
	struct rig r;
	char byte;
	int big;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_links);
	ck_ok(r.ops->view_create(r.st, "v", "a", 0, &conf, &err));
	rig_view(&r, "w", "a", 0);
	for (int i = 0; i < 2; i++) {
		fd = rig_mount(&r, i ? "w" : "v");
		ck_assert_int_eq(fchownat(fd, "big", 7, 7, 0), 0);
		ck_assert_int_eq(close(fd), 0);
	}
	ck_assert_uint_lt(bytes_of_view(&r, "v"), 1 << 16);
	ck_assert_uint_ge(bytes_of_view(&r, "w"), 1 << 20);
	ck_ok(r.ops->changes(r.st, "v", add_line, &said, NULL, &err));
	ck_assert_str_eq(str_text(&said), "C big\n");
	/* all of it is there, also for who only reads, and after a rename */
	fd = rig_mount(&r, "v");
	ck_assert_int_eq(renameat(fd, "big", fd, "moved"), 0);
	ck_assert_int_eq(close(fd), 0);
	fd = rig_mount_flags(&r, "v", BERTH_VIEW_READ_ONLY, 0);
	ck_assert_int_eq(fstatat(fd, "moved", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 1 << 20);
	ck_assert_uint_eq(st.st_uid, 7);
	big = openat(fd, "moved", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(pread(big, &byte, 1, 765432), 1);
	ck_assert_int_eq(byte, 'b');
	ck_assert_int_eq(close(big), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(hard_links_of_a_layer_stay_together_with_index)
{
	const struct berth_conf conf = {.pairs = (const char *const[]){"index=on", NULL}};
	struct rig r;
	int fd;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_links);
	ck_ok(r.ops->view_create(r.st, "v", "a", 0, &conf, &err));
	rig_view(&r, "w", "a", 0);
	for (int i = 0; i < 2; i++) {
		fd = rig_mount(&r, i ? "w" : "v");
		ck_write(fd, "two", "changed");
		ck_assert_str_eq(ck_text(fd, "one"), i ? "layer" : "changed");
		ck_assert_int_eq(close(fd), 0);
	}
	fd = rig_mount(&r, "v");
	ck_assert_str_eq(ck_text(fd, "one"), "changed");
	ck_assert_int_eq(close(fd), 0);
	rig_check(&r);
	rig_close(&r);
}
END_TEST

/* ---------------------------------------------------------------------------------------- quotas */

START_TEST(without_project_quotas_a_size_is_refused_with_what_to_do)
{
	const struct berth_conf conf = {.pairs = (const char *const[]){"size=8388608", NULL}};
	struct rig r;

	rig_open_on(&r, rig_tmpfs("8m"), rig_conf());
	rig_layer(&r, "a", NULL, put_base);
	ck_fails(BERTH_E_UNSUPPORTED, r.ops->view_create(r.st, "v", "a", 0, &conf, &err));
	ck_assert(strstr(err.hint, "prjquota"));
	ck_assert_str_eq(rig_names(&r, BERTH_EACH_VIEWS), "");
	rig_close(&r);
}
END_TEST

START_TEST(a_probe_says_that_overlay_cannot_be_on_overlay)
{
	struct rig r;
	int fd;
	int scratch;

	rig_open(&r);
	rig_layer(&r, "a", NULL, put_base);
	rig_view(&r, "v", "a", 0);
	fd = rig_mount(&r, "v");
	ck_assert_int_eq(mkdirat(fd, "scratch", 0700), 0);
	scratch = openat(fd, "scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(probe_level(scratch, "overlay.nested"), BERTH_FINDING_ERROR);
	ck_assert_uint_eq(rig_count(scratch), 0);
	ck_assert_int_eq(close(scratch), 0);
	ck_assert_int_eq(close(fd), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_probe_says_what_works)
{
	char path[96];
	int fd = ck_dir_at(path);

	ck_assert_int_eq(probe_level(fd, "overlay.mount"), BERTH_FINDING_OK);
	ck_assert_int_gt(probe_level(fd, "overlay.layers"), 0);
	ck_assert_int_gt(probe_level(fd, "overlay.idmap"), 0);
	ck_assert_int_eq(probe_level(fd, "overlay.volatile"), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(int argc, char *argv[])
{
	if (argc != 2)
		return 2;
	own.file = argv[1];
	if (geteuid() != 0)
		return ck_skip_all("needs root");
	return CK_MAIN("storage/overlay", a_directory_of_a_layer_cannot_be_renamed_by_default,
		       with_redirect_dir_a_directory_is_renamed_and_changes_say_so,
		       a_view_keeps_the_option_that_it_was_made_with,
		       a_redirect_that_an_image_brought_is_not_followed,
		       more_layers_than_the_kernel_takes_are_refused_by_number,
		       the_state_is_as_documented, a_lost_format_file_is_not_taken_for_a_new_state,
		       only_a_volatile_view_is_mounted_so, the_dead_do_not_keep_a_layer_busy,
		       a_check_finds_damage, a_damaged_link_is_corrupt_rather_than_another_layer,
		       with_metacopy_a_change_of_owner_copies_no_data,
		       hard_links_of_a_layer_stay_together_with_index,
		       without_project_quotas_a_size_is_refused_with_what_to_do,
		       a_probe_says_that_overlay_cannot_be_on_overlay, a_probe_says_what_works);
}
