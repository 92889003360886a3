/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/spec_case.h - what the tests of core/container/spec.h share.
 *
 * JSON is written with ' for ". Golden files are compared byte for byte; BERTH_GOLDEN=write makes
 * them anew, to be looked at before they are committed.
 */
#ifndef TESTS_SPEC_CASE_H
#define TESTS_SPEC_CASE_H

#include "core/container/caps.h"
#include "core/container/kernel.h"
#include "core/container/spec.h"
#include "tests/unit/ck.h"

static const char *golden_dir BERTH_UNUSED = "golden";

static struct config engine BERTH_UNUSED = {
	.kind = {[BERTH_ISOLATION] = {.driver = (char *)"native"}},
	.shm_size = 64 << 20,
};

BERTH_UNUSED
static struct record *json(const char *text)
{
	cleanup_free char *copy = strdup(text);
	struct record *r = NULL;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	ck_ok(record_parse(copy, strlen(copy), 0, &r, &err));
	return r;
}

/** The merged container of @body, with @image ("{'config': ...}") below it if not NULL. */
BERTH_UNUSED
static struct record *merged_with(const char *body, const char *image)
{
	cleanup_record struct record *b = json(body);
	cleanup_record struct record *i = image ? json(image) : NULL;
	struct record *merged = NULL;

	ck_ok(spec_merge(&engine, b, i, &merged, &err));
	return merged;
}

BERTH_UNUSED
static struct record *merged_of(const char *body)
{
	return merged_with(body, NULL);
}

BERTH_UNUSED
static int try_merge(const char *body)
{
	cleanup_record struct record *b = json(body);
	cleanup_record struct record *merged = NULL;
	int r = spec_merge(&engine, b, NULL, &merged, &err);

	ck_assert_msg(r == 0 || !merged, "'%s' failed but gave a result", body);
	return r;
}

/** The value at @path is @text, JSON with ' for "; "absent" if it must not be there. */
BERTH_UNUSED
static void ck_at(const struct record *r, const char *path, const char *text)
{
	struct record *at = record_path(r, path);
	cleanup_free char *is = record_to_text(at, RECORD_COMPACT);
	const char *dot = strrchr(path, '.');
	cleanup_free char *up = dot ? strndup(path, (size_t)(dot - path)) : NULL;
	bool there = record_has(up ? record_path(r, up) : r, dot ? dot + 1 : path);

	for (char *c = is; *c; c++)
		*c = *c == '"' ? '\'' : *c;
	ck_assert_msg(strcmp(there ? is : "absent", text) == 0, "%s is %s, wanted %s", path,
		      there ? is : "absent", text);
}

/** What the machine says differs: put a fixed word there once it is right. */
BERTH_UNUSED
static void make_portable(struct record *merged)
{
	struct record *host = record_get(merged, "HostConfig");
	struct record *masked = record_get(host, "MaskedPaths");
	struct record *kept;

	ck_at(host, "CgroupnsMode", kernel_cgroup2() ? "'private'" : "'host'");
	ck_at(host, "OomKillDisable", kernel_cgroup2() ? "null" : "false");
	ck_ok(record_set_str(host, "CgroupnsMode", "private", &err));
	ck_ok(record_set_null(host, "OomKillDisable", &err));
	if (!masked)
		return;
	kept = record_new_array();
	for (size_t i = 0; i < record_len(masked); i++) {
		const char *path = record_str(record_at(masked, i));

		if (!strstr(path, "thermal_throttle"))
			ck_ok(record_append_str(kept, path, &err));
	}
	ck_ok(record_set(host, "MaskedPaths", kept, &err));
}

BERTH_UNUSED
static void ck_golden(const struct record *r, const char *name)
{
	cleanup_free char *is = record_to_text(r, RECORD_PRETTY);
	cleanup_free char *path = str_fmt("%s/%s", golden_dir, name);
	bool write = str_eq(getenv("BERTH_GOLDEN"), "write");
	cleanup_fd int fd =
		open(path, (write ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY) | O_CLOEXEC, 0644);
	cleanup_free char *golden = NULL;
	size_t n, at = 0, line = 1;

	ck_assert_msg(fd >= 0, "open '%s'", path);
	if (write) {
		ck_ok(write_all(fd, is, strlen(is), &err));
		ck_ok(write_all(fd, "\n", 1, &err));
		return;
	}
	ck_ok(read_fd_limited(fd, 1 << 20, &golden, &n, &err));
	while (is[at] && is[at] == golden[at])
		line += is[at++] == '\n';
	ck_assert_msg(!is[at] && str_eq(golden + at, "\n"),
		      "%s, line %zu, differs: '%.60s', wanted '%.60s'", name, line, is + at,
		      golden + at);
}

/** A root filesystem with the users root and web (1000, also in group 50). */
BERTH_UNUSED
static int small_root(char path[static 96])
{
	int fd = ck_dir_at(path);

	ck_assert_int_eq(mkdirat(fd, "etc", 0755), 0);
	ck_write(fd, "etc/passwd",
		 "root:x:0:0:root:/root:/bin/sh\n"
		 "web:x:1000:1001:Web:/srv/web:/bin/sh\n");
	ck_write(fd, "etc/group", "root:x:0:root\nweb:x:1001:\nstaff:x:50:games,web\nadm:x:4:\n");
	return fd;
}

/** For main: "… golden-directory" */
BERTH_UNUSED
static void read_args(int argc, char *argv[])
{
	if (argc > 1)
		golden_dir = argv[1];
}

#endif
