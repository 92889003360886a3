/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_rig: a directory of drivers, a state directory and a config for one test, without
 * privileges. The files are copies of tests/unit/odd, so each test has fresh ones.
 */
#ifndef TESTS_DRIVER_RIG_H
#define TESTS_DRIVER_RIG_H

#include "core/driver/drivers.h"
#include "tests/unit/ck.h"

static char rig_top[96] BERTH_UNUSED;	 /* of this test: drivers/, root/, run/ */
static const char *rig_odd BERTH_UNUSED; /* where the modules were built */
static struct config *rig_config BERTH_UNUSED;
static struct drivers *rig BERTH_UNUSED;

/** Path @name below rig_top; a few of them at a time. */
BERTH_UNUSED
static const char *rig_path(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", rig_top, name);
	return path;
}

/** Module @module of tests/unit/odd as file @name below rig_top, with these bits of ours. */
BERTH_UNUSED
static const char *rig_copy(const char *module, const char *name)
{
	const char *path = rig_path(name);
	char from[512];
	char *bytes;
	size_t n;
	int in, out;

	(void)snprintf(from, sizeof(from), "%s/%s.so", rig_odd, module);
	in = open(from, O_RDONLY | O_CLOEXEC);
	ck_assert_msg(in >= 0, "open '%s'", from);
	ck_ok(read_fd_limited(in, 64 << 20, &bytes, &n, &err));
	(void)unlink(path);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_msg(out >= 0, "make '%s'", path);
	ck_assert_int_eq(fchmod(out, 0644), 0);
	ck_ok(write_all(out, bytes, n, &err));
	free(bytes);
	ck_assert_int_eq(close(in), 0);
	ck_assert_int_eq(close(out), 0);
	return path;
}

/** Replace the first @old in file @path, from its place @skip on, by @new of the same length. */
BERTH_UNUSED
static void rig_patch(const char *path, const void *old, size_t n, size_t skip, const void *new,
		      size_t n_new)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *bytes, *at;
	size_t len;

	ck_assert_int_ge(fd, 0);
	ck_ok(read_fd_limited(fd, 64 << 20, &bytes, &len, &err));
	at = memmem(bytes, len, old, n);
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(pwrite(fd, new, n_new, at - bytes + (off_t)skip), (ssize_t)n_new);
	free(bytes);
	ck_assert_int_eq(close(fd), 0);
}

/** Overwrite the first record of the section .berth.info from @offset on. */
BERTH_UNUSED
static void rig_patch_info(const char *path, size_t offset, const void *bytes, size_t n)
{
	rig_patch(path, BERTH_INFO_MAGIC, 8, offset, bytes, n);
}

/** New drivers with a config of this text (an object without braces, "" for none), again if need
 * be. */
BERTH_UNUSED
static void rig_config_is(const char *text)
{
	char json[4096];

	drivers_free(rig);
	config_free(rig_config);
	rig = NULL;
	rig_config = NULL;
	(void)snprintf(
		json, sizeof(json),
		"{\"root\": \"%s/root\", \"run\": \"%s/run\", \"driver_dirs\": [\"%s/drivers\"]"
		"%s%s}",
		rig_top, rig_top, rig_top, *text ? ",\n" : "", text);
	ck_ok(config_load_text(json, "the.json", NULL, &rig_config, &err));
	ck_ok(drivers_new(rig_config, &rig, &err));
}

BERTH_UNUSED
static void rig_make(void)
{
	static const char *const dirs[] = {"drivers", "drivers/storage", "drivers/network",
					   "drivers/isolation", "drivers/registry"};
	int fd = ck_dir_at(rig_top);

	ck_assert_int_eq(close(fd), 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		ck_assert_int_eq(mkdir(rig_path(dirs[i]), 0755), 0);
		ck_assert_int_eq(chmod(rig_path(dirs[i]), 0755), 0);
	}
	(void)unsetenv("ODD");
	(void)unsetenv("ODD_LOADS");
	rig_config_is("");
}

/** With the file of all kinds in place of network/odd.so. */
BERTH_UNUSED
static const char *rig_make_odd(void)
{
	rig_make();
	return rig_copy("odd_all", "drivers/network/odd.so");
}

BERTH_UNUSED
static void rig_done(void)
{
	drivers_free(rig);
	config_free(rig_config);
	rig = NULL;
	rig_config = NULL;
}

/** Whether a test, or the rest of one, that needs root can go on; says why not. */
BERTH_UNUSED
static bool rig_is_root(const char *reason)
{
	if (geteuid() == 0)
		return true;
	(void)printf("# skipped without root: %s\n", reason);
	(void)fflush(stdout);
	return false;
}

/** The text of the last failure ends so. */
#define ck_ends(words)                                                                             \
	ck_assert_msg(str_has_suffix(err.text, (words)), "'%s' does not end with '%s'", err.text,  \
		      (words))

/** What main does first: where the modules are. */
BERTH_UNUSED
static bool rig_main(int argc, char *argv[])
{
	(void)unsetenv("BERTH_ROOT");
	(void)unsetenv("BERTH_RUN");
	(void)unsetenv("BERTH_CONFIG");
	rig_odd = argc > 1 ? argv[1] : NULL;
	return rig_odd != NULL;
}

#endif
