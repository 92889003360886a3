/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked wrongly, and places that are damaged. */
#include <dirent.h>

#include "tests/conformance/registry/rig.h"

static void ck_one_line(void)
{
	for (const char *p = err.text; *p; p++)
		ck_assert_msg((unsigned char)*p >= ' ' && *p != 0x7f,
			      "the error has a control character: %d", *p);
}

START_TEST(names_that_lead_elsewhere_are_refused)
{
	static const char *const bad[] = {
		"../../etc/passwd",	   "..",       "/etc/hostname", "a\nb", "a b", "%2e%2e/x",
		"sha256:../../index.json", "sha256:0", "\xff\xfe"};
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (int as_repo = 0; as_repo < 2; as_repo++) {
			int code;

			if (as_repo && reg_can(&r, BERTH_REG_ARCHIVE))
				continue; /* a name as written in there, looked for, not followed */
			memset(&err, 0, sizeof(err));
			code = reg_resolve(&r, as_repo ? bad[i] : c.repo, as_repo ? c.ref : bad[i],
					   &h);
			ck_assert_msg(code == -BERTH_E_INVALID || code == -BERTH_E_NOT_FOUND,
				      "'%s': %s", bad[i], berth_code_name(code));
			ck_one_line();
		}
	}
	ck_assert_int_eq(h.calls, 0);
	reg_comes_back(&r, &c);
	reg_close(&r);
}
END_TEST

START_TEST(a_name_is_no_digest)
{
	static const char *const bad[] = {
		"sha256:../../../../etc/hostname",
		"sha256:",
		"latest",
		"sha256:zz",
		"md5:00",
		"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
	cleanup_content struct content c = {0};
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_str struct str out = STR_INIT;
		struct thing t = {.bytes = {.len = 10}};
		int code;

		(void)snprintf(t.digest, sizeof(t.digest), "%s", bad[i]);
		(void)snprintf(t.type, sizeof(t.type), "%s", REG_LAYER);
		code = reg_read(&r, c.repo, &t, 0, UINT64_MAX, 100, &out);
		ck_assert_msg(code == -BERTH_E_INVALID || code == -BERTH_E_NOT_FOUND, "'%s': %s",
			      bad[i], berth_code_name(code));
		ck_assert_uint_eq(out.len, 0);
	}
	reg_close(&r);
}
END_TEST

START_TEST(a_name_is_no_digest_to_upload_under)
{
	static const char *const bad[] = {"sha256:../../../x", "sha256:", "latest", "../x", ""};
	cleanup_thing struct thing t = {.bytes = STR_INIT};
	struct berth_where where;
	struct rig r;
	size_t held;

	reg_needs(BERTH_REG_PUSH, "capability 'push'");
	reg_open(&r);
	where = reg_where_push(&r);
	reg_make_blob(&t, 1, 10);
	ck_ok(reg_push_blob(&r, suite_trait("repo"), &t));
	held = reg_held(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct berth_upload *up = (struct berth_upload *)&r;
		struct berth_desc desc = reg_desc(&t);

		desc.digest = bad[i];
		ck_fails(BERTH_E_INVALID, r.ops->upload_begin(r.reg, &where, suite_trait("repo"),
							      &desc, NULL, NULL, &up, &err));
		ck_assert_ptr_eq(up, &r);
	}
	ck_assert_uint_eq(reg_held(&r), held);
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

START_TEST(a_very_long_name_is_refused)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_free char *name = malloc(100001);
	struct rig r;
	int code;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	ck_assert_ptr_nonnull(name);
	memset(name, 'a', 100000);
	name[100000] = '\0';
	memset(&err, 0, sizeof(err));
	code = reg_resolve(&r, c.repo, name, &h);
	ck_assert_int_lt(code, 0);
	ck_assert_msg(memchr(err.text, '\0', sizeof(err.text)), "the text does not end");
	code = reg_resolve(&r, name, c.ref, &h);
	/* archives in which only the tag is written know no repository to differ from */
	ck_assert(code < 0 || reg_can(&r, BERTH_REG_ARCHIVE));
	reg_comes_back(&r, &c);
	reg_close(&r);
}
END_TEST

START_TEST(errors_may_be_unwanted)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_reply reply = {.size = sizeof(reply)};
	struct berth_stream *stream = NULL;
	struct berth_where where;
	struct berth_desc desc = {.size = sizeof(desc), .media_type = "x", .digest = "x"};
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	where = reg_where(&r);
	ck_assert_int_eq(r.ops->resolve(r.reg, &where, c.repo, "no-such-tag", NULL, reg_hear, &h,
					&reply, NULL),
			 -BERTH_E_NOT_FOUND);
	ck_assert_int_lt(r.ops->fetch(r.reg, &where, c.repo, &desc, 0, UINT64_MAX, NULL, &stream,
				      &reply, NULL),
			 0);
	reg_close(&r);
}
END_TEST

START_TEST(a_failure_leaves_what_it_would_have_returned_alone)
{
	cleanup_content struct content c = {0};
	cleanup_thing struct thing none = {.bytes = STR_INIT};
	struct berth_stream *stream = (struct berth_stream *)&none;
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	reg_make_blob(&none, 55, 10);
	ck_fails(BERTH_E_NOT_FOUND, reg_fetch(&r, c.repo, &none, 0, UINT64_MAX, NULL, &stream));
	ck_assert_ptr_eq(stream, &none);
	ck_fails(BERTH_E_INVALID,
		 reg_fetch(&r, c.repo, &c.layer, c.layer.bytes.len + 1, UINT64_MAX, NULL, &stream));
	ck_assert_ptr_eq(stream, &none);
	reg_close(&r);
}
END_TEST

START_TEST(the_reply_is_well_formed)
{
	cleanup_content struct content c = {0};
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	where = reg_where(&r);
	for (int i = 0; i < 2; i++) {
		struct berth_reply reply = {.size = sizeof(reply)};

		(void)r.ops->resolve(r.reg, &where, c.repo, i ? "no-such-tag" : c.ref, NULL,
				     reg_hear, &h, &reply, NULL);
		ck_assert_uint_eq(reply.size, sizeof(reply));
		ck_assert_ptr_nonnull(memchr(reply.warning, '\0', sizeof(reply.warning)));
		ck_assert_ptr_nonnull(memchr(reply.ratelimit, '\0', sizeof(reply.ratelimit)));
		ck_assert(reply.http == 0 || (reply.http >= 100 && reply.http <= 599));
		ck_assert(!reg_can(&r, BERTH_REG_ARCHIVE) || reply.http == 0);
	}
	reg_close(&r);
}
END_TEST

START_TEST(a_wrong_length_in_a_descriptor_makes_no_bytes)
{
	cleanup_content struct content c = {0};
	cleanup_str struct str out = STR_INIT;
	struct thing t;
	struct rig r;
	int code;

	reg_needs(BERTH_REG_PULL, "capability 'pull'");
	reg_open(&r);
	reg_fill(&r, &c);
	t = c.layer;
	t.bytes.len++;
	code = reg_read(&r, c.repo, &t, 0, UINT64_MAX, 65536, &out);
	ck_assert_msg(code == 0 || code == -BERTH_E_CORRUPT, "%s", berth_code_name(code));
	ck_assert_uint_le(out.len, c.layer.bytes.len);
	ck_assert(out.len == 0 || memcmp(out.p, c.layer.bytes.p, out.len) == 0);
	reg_close(&r);
}
END_TEST

START_TEST(what_is_no_archive_is_left_to_other_drivers)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_where where;
	struct rig r;

	reg_needs(BERTH_REG_EACH | BERTH_REG_ARCHIVE, "capability 'each'");
	reg_open(&r);
	if (!reg_can(&r, BERTH_REG_PUSH)) { /* a place of ours instead of the fixture */
		ck_assert_int_eq(close(r.fd), 0);
		reg_new_place(&r);
	}
	if (reg_is_dir(&r))
		ck_write(r.fd, "README", "nothing that anybody knows");
	else
		ck_assert_int_eq(write(r.fd, "nothing that anybody knows\n", 27), 27);
	where = reg_where(&r);
	ck_fails(BERTH_E_UNSUPPORTED, r.ops->each(r.reg, &where, NULL, reg_hear, &h, &err));
	ck_assert_int_eq(h.calls, 0);
	reg_close(&r);
}
END_TEST

START_TEST(each_of_a_pipe_or_a_device_is_refused)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct rig r;
	int ends[2];

	reg_needs(BERTH_REG_EACH | BERTH_REG_ARCHIVE, "capability 'each'");
	reg_open(&r);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		int fd = i ? open("/dev/zero", O_RDONLY | O_CLOEXEC) : ends[0];
		struct berth_where where = reg_where(&r);

		where.fd = fd;
		ck_assert_int_lt(r.ops->each(r.reg, &where, NULL, reg_hear, &h, &err), 0);
	}
	ck_assert_int_eq(h.calls, 0);
	reg_close(&r);
}
END_TEST

/* The largest file below @dirfd: in a directory that holds an image, its layer. */
static void find_largest(int dirfd, off_t *most, int *ret)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			find_largest(sub, most, ret);
			ck_assert_int_eq(close(sub), 0);
		} else if (S_ISREG(st.st_mode) && st.st_size > *most) {
			close_fd(ret);
			*ret = openat(fd, entry->d_name, O_RDWR | O_CLOEXEC);
			*most = st.st_size;
		}
	}
}

enum { CUTS = 40 };

START_TEST(what_is_cut_short_never_comes_as_whole)
{
	cleanup_content struct content c = {0};
	cleanup_fd int fd = -1;
	off_t bytes = 0;
	struct rig again;
	struct rig r;

	reg_needs(BERTH_REG_PUSH | BERTH_REG_ARCHIVE, "capabilities 'push' and 'archive'");
	reg_open(&r);
	reg_fill(&r, &c);
	if (reg_is_dir(&r)) {
		find_largest(r.fd, &bytes, &fd);
	} else {
		fd = fcntl(r.fd, F_DUPFD_CLOEXEC, 3);
		bytes = lseek(fd, 0, SEEK_END);
	}
	reg_open_again(&r, &again);
	ck_ok(reg_try_image(&again, &c));
	reg_close(&again);
	for (off_t i = CUTS - 1; i >= 0; i--) {
		cleanup_str struct str out = STR_INIT;
		int code;

		ck_assert_int_eq(ftruncate(fd, bytes * i / CUTS), 0);
		reg_open_again(&r, &again);
		code = reg_read(&again, c.repo, &c.layer, 0, UINT64_MAX, 65536, &out);
		ck_assert_msg(code < 0 || out.len < c.layer.bytes.len ||
				      memcmp(out.p, c.layer.bytes.p, out.len) == 0,
			      "cut to %lld of %lld bytes, it gives other ones",
			      (long long)(bytes * i / CUTS), (long long)bytes);
		ck_assert_msg(code == 0 || code == -BERTH_E_CORRUPT || code == -BERTH_E_NOT_FOUND ||
				      code == -BERTH_E_UNSUPPORTED,
			      "cut short, and it says %s", berth_code_name(code));
		if (i < CUTS / 2)
			ck_assert_int_lt(reg_try_image(&again, &c), 0);
		reg_close(&again);
	}
	reg_close(&r);
}
END_TEST

START_TEST(too_large_a_manifest_is_refused)
{
	cleanup_thing struct thing t = {.bytes = STR_INIT};
	char *p;
	struct rig r;
	int code;

	reg_needs(BERTH_REG_PUSH, "capability 'push'");
	reg_open(&r);
	p = str_room(&t.bytes, 64 << 20);
	ck_assert_ptr_nonnull(p);
	memset(p, ' ', 64 << 20);
	str_grew(&t.bytes, 64 << 20);
	(void)snprintf(t.type, sizeof(t.type), "%s", REG_MANIFEST);
	(void)reg_digest(t.bytes.p, t.bytes.len, t.digest);
	code = reg_push_manifest(&r, suite_trait("repo"), "big", &t);
	ck_assert_msg(code == -BERTH_E_LIMIT, "64 MiB of manifest: %s", berth_code_name(code));
	ck_ok(reg_finish(&r, false));
	reg_close(&r);
}
END_TEST

SUITE_CASES(registry_bad_cases, names_that_lead_elsewhere_are_refused, a_name_is_no_digest,
	    a_name_is_no_digest_to_upload_under, a_very_long_name_is_refused,
	    errors_may_be_unwanted, a_failure_leaves_what_it_would_have_returned_alone,
	    the_reply_is_well_formed, a_wrong_length_in_a_descriptor_makes_no_bytes,
	    what_is_no_archive_is_left_to_other_drivers, each_of_a_pipe_or_a_device_is_refused,
	    what_is_cut_short_never_comes_as_whole, too_large_a_manifest_is_refused);
