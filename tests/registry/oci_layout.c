/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <time.h>

#include "reg.h"

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define INDEX	 "application/vnd.oci.image.index.v1+json"
#define FULL	 "io.containerd.image.name"
#define REF	 "org.opencontainers.image.ref.name"
#define LAYOUT	 "{\"imageLayoutVersion\":\"1.0.0\"}"

static struct reg r;

/* An index.json being made. */
static void entry(struct str *index, const char *digest, size_t bytes, const char *annotations)
{
	str_addf(index, "%s{\"mediaType\":\"" MANIFEST "\",\"digest\":\"%s\",\"size\":%zu%s%s}",
		 index->len ? "," : "{\"schemaVersion\":2,\"manifests\":[", digest, bytes,
		 annotations ? ",\"annotations\":" : "", annotations ? annotations : "");
}

struct fixture {
	char one[TARBALL_DIGEST];
	char two[TARBALL_DIGEST];
	char blob[TARBALL_DIGEST];
	struct str index;
};

#define BLOB "0123456789abcdef"

static void fixture_done(struct fixture *f)
{
	str_done(&f->index);
}
#define cleanup_fixture cleanup_with(fixture_done)

/* Three names of two manifests, and one without a name. */
static struct fixture make_fixture(struct tarball *t)
{
	struct fixture f = {.index = STR_INIT};

	tarball_blob(t, BLOB, strlen(BLOB), f.blob);
	tarball_blob(t, "{\"one\":1}", 9, f.one);
	tarball_blob(t, "{\"two\":22}", 10, f.two);
	entry(&f.index, f.one, 9, "{\"" REF "\":\"3.19\"}");
	entry(&f.index, f.one, 9,
	      "{\"" FULL "\":\"docker.io/library/a:1\",\"" REF "\":\"1\",\"x\":\"y\"}");
	entry(&f.index, f.two, 10, "{\"" REF "\":\"quay.io/b:2\"}");
	entry(&f.index, f.two, 10, NULL);
	str_add(&f.index, "]}");
	return f;
}

static int fixture_tar(struct fixture *ret)
{
	struct tarball t = {STR_INIT};

	fixture_done(ret);
	*ret = make_fixture(&t);
	tarball_text(&t, "./index.json", str_text(&ret->index));
	tarball_text(&t, "./oci-layout", LAYOUT);
	tarball_end(&t);
	return tarball_fd(&t);
}

static void write_blob(int dir, const char *text, char digest[static TARBALL_DIGEST])
{
	char name[100];

	(void)snprintf(name, sizeof(name), "blobs/sha256/%s",
		       digest_of(text, strlen(text), digest) + 7);
	ck_write(dir, name, text);
}

static int fixture_dir(struct fixture *ret)
{
	struct tarball unused = {STR_INIT};
	int dir = ck_dir();

	fixture_done(ret);
	*ret = make_fixture(&unused);
	str_done(&unused.bytes);
	ck_assert_int_eq(mkdirat(dir, "blobs", 0755), 0);
	ck_assert_int_eq(mkdirat(dir, "blobs/sha256", 0755), 0);
	write_blob(dir, BLOB, ret->blob);
	write_blob(dir, "{\"one\":1}", ret->one);
	write_blob(dir, "{\"two\":22}", ret->two);
	ck_write(dir, "index.json", str_text(&ret->index));
	ck_write(dir, "oci-layout", LAYOUT);
	return dir;
}

static void check_reading(int fd, const struct fixture *f)
{
	cleanup_heard struct heard all = {.text = STR_INIT};
	cleanup_heard struct heard one = {.text = STR_INIT};
	cleanup_str struct str wanted = STR_INIT;

	ck_ok(reg_each(&r, fd, &all));
	str_addf(&wanted, "3.19 " MANIFEST " %s 9 0\ndocker.io/library/a:1 " MANIFEST " %s 9 0\n",
		 f->one, f->one);
	str_addf(&wanted, "quay.io/b:2 " MANIFEST " %s 10 0\n- " MANIFEST " %s 10 0\n", f->two,
		 f->two);
	ck_assert_str_eq(str_text(&all.text), str_text(&wanted));
	ck_ok(reg_resolve(&r, fd, "docker.io/library/a", "1", &one));
	ck_assert_str_eq(one.digest, f->one);
	ck_assert_int_eq(one.calls, 1);
	ck_assert_str_eq(one.annotations,
			 "{\"" FULL "\":\"docker.io/library/a:1\",\"" REF "\":\"1\",\"x\":\"y\"}");
	ck_assert_str_eq(reg_blob(&r, fd, f->blob), BLOB);
	ck_assert_str_eq(reg_blob(&r, fd, f->two), "{\"two\":22}");
}

START_TEST(a_tar_lists_its_manifests_in_order_with_the_names_as_written)
{
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);

	r = reg_open(OCI_LAYOUT);
	check_reading(fd, &f);
	ck_ok(reg_finish(&r, &(struct berth_where){.fd = fd}, false));
	reg_close(&r);
}
END_TEST

START_TEST(a_directory_reads_like_a_tar)
{
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_dir(&f);

	r = reg_open(OCI_LAYOUT);
	check_reading(fd, &f);
	reg_close(&r);
}
END_TEST

START_TEST(a_name_is_found_in_each_way_that_it_may_be_written)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);

	r = reg_open(OCI_LAYOUT);
	ck_ok(reg_resolve(&r, fd, "", "3.19", &h));
	ck_assert_str_eq(h.digest, f.one);
	ck_ok(reg_resolve(&r, fd, "whatever/repo", "3.19",
			  &h)); /* a bare tag belongs to any name */
	ck_ok(reg_resolve(&r, fd, "quay.io/b", "2", &h));
	ck_assert_str_eq(h.digest, f.two);
	ck_ok(reg_resolve(&r, fd, "quay.io/b:2", "", &h));
	ck_ok(reg_resolve(&r, fd, "", "1", &h)); /* the tag beside a whole name */
	ck_assert_str_eq(h.digest, f.one);
	ck_ok(reg_resolve(&r, fd, "anything", f.two, &h));
	ck_assert_str_eq(h.digest, f.two);
	ck_assert_int_eq(h.calls, 6);
	ck_fails(BERTH_E_NOT_FOUND,
		 reg_resolve(&r, fd, "other", "1", &h)); /* it has a name, another one */
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, fd, "quay.io/b", "3", &h));
	ck_says("'x.tar' has no image 'quay.io/b:3'");
	ck_fails(BERTH_E_NOT_FOUND,
		 reg_resolve(&r, fd, "", f.blob, &h)); /* no manifest of the index */
	ck_fails(BERTH_E_INVALID, reg_resolve(&r, fd, "", "", &h));
	ck_assert_int_eq(h.calls, 6);
	reg_close(&r);
}
END_TEST

START_TEST(a_name_for_two_manifests_is_refused_rather_than_guessed)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	cleanup_fixture struct fixture f = make_fixture(&t);
	cleanup_str struct str index = STR_INIT;
	int fd;

	entry(&index, f.one, 9, "{\"" REF "\":\"x\"}");
	entry(&index, f.two, 10, "{\"" REF "\":\"x\"}");
	str_add(&index, "]}");
	tarball_text(&t, "index.json", str_text(&index));
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_INVALID, reg_resolve(&r, fd, "", "x", &h));
	ck_says("different manifests");
	ck_ok(reg_resolve(&r, fd, "", f.two, &h));
	reg_close(&r);
}
END_TEST

START_TEST(tags_are_those_of_the_repository)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);
	struct berth_where where = reg_where(fd);

	r = reg_open(OCI_LAYOUT);
	ck_ok(r.ops->tags(r.reg, &where, "quay.io/b", hear_id, &h, NULL, &err));
	ck_assert_str_eq(str_text(&h.text), "3.19\n2\n");
	str_clear(&h.text);
	ck_ok(r.ops->tags(r.reg, &where, "", hear_id, &h, NULL, &err));
	ck_assert_str_eq(str_text(&h.text), "3.19\ndocker.io/library/a:1\nquay.io/b:2\n");
	reg_close(&r);
}
END_TEST

START_TEST(a_range_is_exactly_what_was_asked_for)
{
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fds[2] = {fixture_tar(&f), fixture_dir(&f)};

	r = reg_open(OCI_LAYOUT);
	for (int i = 0; i < 2; i++) {
		cleanup_str struct str out = STR_INIT;

		ck_ok(reg_fetch(&r, fds[i], f.blob, 16, 3, 5, 2, &out));
		ck_assert_str_eq(str_text(&out), "34567");
		str_clear(&out);
		ck_ok(reg_fetch(&r, fds[i], f.blob, UINT64_MAX, 14, UINT64_MAX, 7, &out));
		ck_assert_str_eq(str_text(&out), "ef");
		str_clear(&out);
		ck_ok(reg_fetch(&r, fds[i], f.blob, 16, 16, UINT64_MAX, 7, &out));
		ck_assert_str_eq(str_text(&out), "");
		ck_ok(reg_fetch(&r, fds[i], f.blob, 16, 4, 0, 7, &out));
		ck_assert_str_eq(str_text(&out), "");
		ck_fails(BERTH_E_INVALID,
			 reg_fetch(&r, fds[i], f.blob, 16, 17, UINT64_MAX, 7, &out));
	}
	reg_close(&r);
}
END_TEST

START_TEST(streams_are_independent_of_each_other_and_of_the_file_offset)
{
	struct berth_stream *stream[2];
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);
	struct berth_where where = reg_where(fd);
	struct berth_desc desc = reg_desc("x", f.blob, 16);
	char a[17] = {0};
	char b[17] = {0};
	size_t n;

	r = reg_open(OCI_LAYOUT);
	ck_assert_int_eq(lseek(fd, 77, SEEK_SET), 77);
	for (int i = 0; i < 2; i++)
		ck_ok(r.ops->fetch(r.reg, &where, "", &desc, 0, UINT64_MAX, NULL, &stream[i], NULL,
				   &err));
	for (int i = 0; i < 16; i += 4) {
		ck_ok(r.ops->read(stream[0], a + i, 4, &n, &err));
		ck_ok(r.ops->read(stream[1], b + i, 4, &n, &err));
	}
	ck_assert_str_eq(a, BLOB);
	ck_assert_str_eq(b, BLOB);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 77);
	/* also after finish, and when the host has closed its descriptor */
	r.ops->close_stream(stream[0]);
	ck_ok(r.ops->fetch(r.reg, &where, "", &desc, 2, 3, NULL, &stream[0], NULL, &err));
	ck_ok(reg_finish(&r, &where, false));
	ck_assert_int_eq(close(fd), 0);
	ck_ok(r.ops->read(stream[0], a, 16, &n, &err));
	ck_assert_uint_eq(n, 3);
	r.ops->close_stream(stream[0]);
	r.ops->close_stream(stream[1]);
	r.ops->close_stream(NULL);
	reg_close(&r);
}
END_TEST

START_TEST(a_blob_of_another_length_than_its_descriptor_says_is_corrupt)
{
	cleanup_str struct str out = STR_INIT;
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);

	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_CORRUPT, reg_fetch(&r, fd, f.blob, 17, 0, UINT64_MAX, 7, &out));
	ck_says("has 16 bytes, its descriptor says 17");
	reg_close(&r);
}
END_TEST

START_TEST(an_absent_blob_is_not_found_and_a_name_is_no_digest)
{
	char digest[TARBALL_DIGEST];
	cleanup_str struct str out = STR_INIT;
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fds[2] = {fixture_tar(&f), fixture_dir(&f)};

	r = reg_open(OCI_LAYOUT);
	for (int i = 0; i < 2; i++) {
		ck_fails(BERTH_E_NOT_FOUND, reg_fetch(&r, fds[i], digest_of("?", 1, digest),
						      UINT64_MAX, 0, UINT64_MAX, 7, &out));
		ck_fails(BERTH_E_INVALID, reg_fetch(&r, fds[i], "sha256:../../index.json",
						    UINT64_MAX, 0, UINT64_MAX, 7, &out));
	}
	reg_close(&r);
}
END_TEST

START_TEST(links_of_a_directory_never_leave_it)
{
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	cleanup_str struct str out = STR_INIT;
	char digest[TARBALL_DIGEST];
	char name[100];
	int dir = fixture_dir(&f);

	/* the layout is given to us; a link to /etc/hostname in it must not read this machine's */
	ck_assert_int_eq(mkdirat(dir, "etc", 0755), 0);
	(void)snprintf(name, sizeof(name), "blobs/sha256/%.64s", digest_of("?", 1, digest) + 7);
	ck_assert_int_eq(symlinkat("/etc/hostname", dir, name), 0);
	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_NOT_FOUND,
		 reg_fetch(&r, dir, digest, UINT64_MAX, 0, UINT64_MAX, 99, &out));
	ck_write(dir, "etc/hostname", "?");
	ck_ok(reg_fetch(&r, dir, digest, UINT64_MAX, 0, UINT64_MAX, 99, &out));
	ck_assert_str_eq(str_text(&out), "?");
	reg_close(&r);
}
END_TEST

START_TEST(a_fifo_in_a_directory_does_not_stop_us)
{
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	cleanup_str struct str out = STR_INIT;
	char digest[TARBALL_DIGEST];
	char name[100];
	int dir = fixture_dir(&f);

	(void)snprintf(name, sizeof(name), "blobs/sha256/%.64s", digest_of("?", 1, digest) + 7);
	ck_assert_int_eq(mkfifoat(dir, name, 0644), 0);
	r = reg_open(OCI_LAYOUT);
	ck_assert_int_lt(reg_fetch(&r, dir, digest, UINT64_MAX, 0, UINT64_MAX, 99, &out), 0);
	reg_close(&r);
}
END_TEST

START_TEST(what_is_no_layout_is_unsupported_so_that_another_driver_may_try)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	int pipes[2];
	int fd;

	r = reg_open(OCI_LAYOUT);
	tarball_text(&t, "manifest.json", "[]");
	tarball_end(&t);
	fd = tarball_fd(&t);
	ck_fails(BERTH_E_UNSUPPORTED, reg_each(&r, fd, &h));
	ck_says("'x.tar' is no OCI layout: no index.json in it");
	ck_assert_str_eq(err.hint, "it looks like a docker archive");
	ck_fails(BERTH_E_UNSUPPORTED, reg_each(&r, ck_dir(), &h));
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_fails(BERTH_E_UNSUPPORTED, reg_each(&r, pipes[0], &h));
	ck_says("neither a file nor a directory");
	ck_fails(BERTH_E_INVALID, reg_each(&r, -1, &h));
	ck_assert_int_eq(h.calls, 0);
	reg_close(&r);
}
END_TEST

START_TEST(an_index_of_more_than_4_mib_is_refused_unread)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	int fd;

	tarball_header(&t, "index.json", '0', NULL, 4 * 1024 * 1024 + 512);
	memset(str_room(&t.bytes, 4 * 1024 * 1024 + 512), ' ', 4 * 1024 * 1024 + 512);
	str_grew(&t.bytes, 4 * 1024 * 1024 + 512);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_LIMIT, reg_each(&r, fd, &h));
	ck_says("4194304 are allowed");
	reg_close(&r);
}
END_TEST

START_TEST(another_file_under_the_same_descriptor_is_noticed)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);
	struct tarball t = {STR_INIT};
	struct stat st;
	int other;

	r = reg_open(OCI_LAYOUT);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 4);
	tarball_text(&t, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
	tarball_end(&t);
	other = tarball_fd(&t);
	/* of the same size and time */
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(ftruncate(other, st.st_size), 0);
	ck_assert_int_eq(futimens(other, (struct timespec[]){st.st_atim, st.st_mtim}), 0);
	ck_assert_int_eq(dup3(other, fd, O_CLOEXEC), fd);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 4);
	reg_close(&r);
}
END_TEST

START_TEST(a_stream_ends_when_the_user_gives_up)
{
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);
	struct berth_where where = reg_where(fd);
	struct berth_op op = LENT_OP;
	struct berth_stream *stream;
	struct berth_desc desc = reg_desc("x", f.blob, 16);
	char buf[4];
	size_t n = 99;

	r = reg_open(OCI_LAYOUT);
	ck_ok(r.ops->fetch(r.reg, &where, "", &desc, 0, UINT64_MAX, &op, &stream, NULL, &err));
	lent_cancel(&op);
	ck_fails(BERTH_E_CANCELLED, r.ops->read(stream, buf, 4, &n, &err));
	ck_assert_uint_eq(n, 99);
	r.ops->close_stream(stream);
	lent_op_done(&op);
	reg_close(&r);
}
END_TEST

static void push_image(const struct berth_where *where, const char *repo, const char *ref,
		       const char *text)
{
	char digest[TARBALL_DIGEST];

	ck_ok(reg_push_blob(&r, where, digest_of(BLOB, 16, digest), BLOB, 16));
	ck_ok(reg_push_manifest(&r, where, repo, ref, MANIFEST, text));
}

static void check_pushed(int fd)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	char digest[TARBALL_DIGEST];

	ck_ok(reg_resolve(&r, fd, "docker.io/library/a", "1", &h));
	ck_assert_str_eq(h.digest, digest_of("{\"m\":1}", 7, digest));
	ck_assert_str_eq(h.media_type, MANIFEST);
	ck_assert_uint_eq(h.bytes, 7);
	ck_assert_str_eq(h.annotations,
			 "{\"" FULL "\":\"docker.io/library/a:1\",\"" REF "\":\"1\"}");
	ck_assert_str_eq(reg_blob(&r, fd, h.digest), "{\"m\":1}");
	ck_assert_str_eq(reg_blob(&r, fd, digest_of(BLOB, 16, digest)), BLOB);
}

START_TEST(a_directory_shows_a_push_when_it_is_finished_and_not_before)
{
	char path[96];
	int dir = ck_dir_at(path);
	int other = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct berth_where where = reg_where(dir);
	struct reg mine;

	r = mine = reg_open(OCI_LAYOUT);
	push_image(&where, "docker.io/library/a", "1", "{\"m\":1}");
	ck_assert(!ck_exists(dir, "index.json"));
	check_pushed(dir); /* who writes sees it already */
	ck_ok(reg_finish(&r, &where, true));
	ck_assert_str_eq(ck_text(dir, "oci-layout"), LAYOUT);
	r = reg_open(OCI_LAYOUT);
	check_pushed(other);
	reg_close(&r);
	reg_close(&mine);
}
END_TEST

START_TEST(a_push_keeps_what_else_is_in_the_layout_and_replaces_the_name)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_str struct str wanted = STR_INIT;
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int dir = fixture_dir(&f);
	struct berth_where where = reg_where(dir);
	char digest[TARBALL_DIGEST];

	r = reg_open(OCI_LAYOUT);
	push_image(&where, "docker.io/library/a", "1", "{\"m\":1}");
	push_image(&where, "", "3.19", "{\"m\":1}");
	ck_ok(reg_finish(&r, &where, true));
	ck_ok(reg_each(&r, dir, &h));
	(void)digest_of("{\"m\":1}", 7, digest);
	str_addf(&wanted, "quay.io/b:2 " MANIFEST " %s 10 0\n- " MANIFEST " %s 10 0\n", f.two,
		 f.two);
	str_addf(&wanted, "docker.io/library/a:1 " MANIFEST " %s 7 0\n3.19 " MANIFEST " %s 7 0\n",
		 digest, digest);
	ck_assert_str_eq(str_text(&h.text), str_text(&wanted));
	ck_assert_str_eq(reg_blob(&r, dir, f.one),
			 "{\"one\":1}"); /* unnamed now, but not ours to delete */
	reg_close(&r);
}
END_TEST

START_TEST(an_unnamed_manifest_is_listed_unless_an_index_of_the_push_refers_to_it)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	int dir = ck_dir();
	struct berth_where where = reg_where(dir);
	cleanup_str struct str index = STR_INIT;
	char child[TARBALL_DIGEST];

	r = reg_open(OCI_LAYOUT);
	ck_ok(reg_push_manifest(&r, &where, "a", "", MANIFEST, "{\"alone\":1}"));
	ck_ok(reg_push_manifest(&r, &where, "a", digest_of("{\"child\":1}", 11, child), MANIFEST,
				"{\"child\":1}"));
	entry(&index, child, 11, NULL);
	str_add(&index, "]}");
	ck_ok(reg_push_manifest(&r, &where, "a", "multi", INDEX, str_text(&index)));
	ck_ok(reg_finish(&r, &where, true));
	ck_ok(reg_each(&r, dir, &h));
	ck_assert_int_eq(h.calls, 2);
	ck_assert_ptr_nonnull(strstr(str_text(&h.text), "a:multi " INDEX));
	ck_assert_ptr_null(strstr(str_text(&h.text), child));
	ck_assert_ptr_nonnull(strstr(str_text(&h.text), "\n- " MANIFEST));
	ck_assert_str_eq(reg_blob(&r, dir, child), "{\"child\":1}");
	reg_close(&r);
}
END_TEST

START_TEST(wrong_bytes_are_refused_and_leave_nothing)
{
	int dir = ck_dir();
	struct berth_where where = reg_where(dir);
	char digest[TARBALL_DIGEST];
	struct berth_desc desc = reg_desc("x", digest_of("right", 5, digest), UINT64_MAX);
	char name[100];
	bool there = true;

	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_CORRUPT, reg_push_blob(&r, &where, digest, "wrong", 5));
	ck_says("announced was sha256:");
	ck_fails(BERTH_E_CORRUPT, reg_push_blob(&r, &where, digest, "rig", 3));
	desc.bytes = 4;
	ck_ok(r.ops->has(r.reg, &where, "", &desc, NULL, &there, &err));
	ck_assert(!there);
	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	ck_assert(!ck_exists(dir, name));
	ck_assert(!ck_exists(dir, ".berth-0~"));
	ck_ok(reg_push_blob(&r, &where, digest, "right", 5));
	ck_ok(reg_finish(&r, &where, true));
	there = true;
	ck_ok(r.ops->has(r.reg, &where, "", &desc, NULL, &there, &err));
	ck_assert(!there); /* not of this length */
	desc.bytes = 5;
	ck_ok(r.ops->has(r.reg, &where, "", &desc, NULL, &there, &err));
	ck_assert(there);
	reg_close(&r);
}
END_TEST

START_TEST(fewer_bytes_than_announced_are_refused_in_the_end)
{
	struct berth_where where = reg_where(ck_dir());
	char digest[TARBALL_DIGEST];
	struct berth_desc desc = reg_desc("x", digest_of("right", 5, digest), 5);
	struct berth_upload *up;

	r = reg_open(OCI_LAYOUT);
	ck_ok(r.ops->upload_begin(r.reg, &where, "", &desc, NULL, NULL, &up, &err));
	ck_ok(r.ops->write(up, "rig", 3, NULL, &err));
	ck_fails(BERTH_E_CORRUPT, r.ops->upload_commit(up, NULL, &err));
	ck_says("the blob has 3 bytes, 5 were announced");
	reg_close(&r);
}
END_TEST

START_TEST(a_manifest_of_more_than_4_mib_is_refused)
{
	struct berth_where where = reg_where(ck_dir());
	cleanup_str struct str text = STR_INIT;

	memset(str_room(&text, 4 * 1024 * 1024 + 1), ' ', 4 * 1024 * 1024 + 1);
	str_grew(&text, 4 * 1024 * 1024 + 1);
	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_LIMIT, reg_push_manifest(&r, &where, "", "a", MANIFEST, str_text(&text)));
	ck_says("4194304 are allowed");
	reg_close(&r);
}
END_TEST

START_TEST(a_tar_that_was_read_is_not_written)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);
	struct berth_where where = reg_where(fd);

	r = reg_open(OCI_LAYOUT);
	ck_ok(reg_each(&r, fd, &h));
	ck_fails(BERTH_E_INVALID, reg_push_manifest(&r, &where, "", "a", MANIFEST, "{}"));
	ck_says("is being read");
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, 8);
	reg_close(&r);
}
END_TEST

START_TEST(a_name_takes_the_place_of_none_and_none_adds_nothing_to_a_name)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	int dir = ck_dir();
	struct berth_where where = reg_where(dir);

	r = reg_open(OCI_LAYOUT);
	for (int i = 0; i < 3; i++) {
		ck_ok(reg_push_manifest(&r, &where, "", i == 1 ? "a" : "", MANIFEST, "{}"));
		ck_ok(reg_finish(&r, &where, true));
		str_clear(&h.text);
		ck_ok(reg_each(&r, dir, &h));
		ck_assert_int_eq(h.calls, i + 1); /* one more each time: one */
		ck_assert_int_eq(str_text(&h.text)[0], i == 0 ? '-' : 'a');
	}
	reg_close(&r);
}
END_TEST

START_TEST(a_stream_that_is_still_open_keeps_nobody_from_writing)
{
	char path[96];
	int dir = ck_dir_at(path);
	int again = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct berth_where where = reg_where(dir);
	struct berth_where where_again = reg_where(again);
	struct reg other = reg_open(OCI_LAYOUT);
	char digest[TARBALL_DIGEST];
	struct berth_desc desc = reg_desc("x", digest_of("{\"m\":1}", 7, digest), 7);
	struct berth_stream *stream;

	r = reg_open(OCI_LAYOUT);
	push_image(&where, "", "a", "{\"m\":1}");
	ck_ok(r.ops->fetch(r.reg, &where, "", &desc, 0, UINT64_MAX, NULL, &stream, NULL, &err));
	ck_ok(reg_finish(&r, &where, true));
	ck_ok(reg_push_manifest(&other, &where_again, "", "b", MANIFEST, "{\"m\":2}"));
	r.ops->close_stream(stream);
	reg_close(&other);
	reg_close(&r);
}
END_TEST

START_TEST(reading_a_long_list_of_entries_can_be_cancelled)
{
	struct berth_op op = LENT_OP;
	struct tarball t = {STR_INIT};
	struct berth_where where;

	for (int i = 0; i < 1500; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d", i);
		tarball_header(&t, name, '0', NULL, 0);
	}
	tarball_end(&t);
	where = reg_where(tarball_fd(&t));
	op.cancel_at = 1;
	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_CANCELLED, r.ops->each(r.reg, &where, &op, hear_desc, NULL, &err));
	reg_close(&r);
}
END_TEST

START_TEST(more_bytes_than_announced_are_refused_while_they_come)
{
	int dir = ck_dir();
	struct berth_where where = reg_where(dir);
	char digest[TARBALL_DIGEST];
	struct berth_desc desc = reg_desc("x", digest_of("right", 5, digest), 5);
	struct berth_upload *up;

	r = reg_open(OCI_LAYOUT);
	ck_ok(r.ops->upload_begin(r.reg, &where, "", &desc, NULL, NULL, &up, &err));
	ck_ok(r.ops->write(up, "righ", 4, NULL, &err));
	ck_fails(BERTH_E_CORRUPT, r.ops->write(up, "t!", 2, NULL, &err));
	r.ops->upload_abort(up);
	r.ops->upload_abort(NULL);
	reg_close(&r);
}
END_TEST

START_TEST(a_push_that_is_given_up_leaves_no_blob_and_no_index)
{
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int dir = fixture_dir(&f);
	struct berth_where where = reg_where(dir);
	cleanup_heard struct heard h = {.text = STR_INIT};
	char digest[TARBALL_DIGEST];
	char name[100];

	r = reg_open(OCI_LAYOUT);
	push_image(&where, "", "new", "{\"m\":1}");
	(void)snprintf(name, sizeof(name), "blobs/sha256/%s",
		       digest_of("{\"m\":1}", 7, digest) + 7);
	ck_assert(ck_exists(dir, name));
	ck_ok(reg_finish(&r, &where, false));
	ck_assert(!ck_exists(dir, name));
	ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, dir, "", "new", &h));
	ck_assert_str_eq(reg_blob(&r, dir, f.blob),
			 BLOB); /* was pushed too, but was there before */
	ck_ok(reg_finish(&r, &where, false));
	reg_close(&r);
}
END_TEST

START_TEST(one_process_writes_at_a_time)
{
	char path[96];
	int dir = ck_dir_at(path);
	int again = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct berth_where where = reg_where(dir);
	struct berth_where where_again = reg_where(again);
	struct reg other = reg_open(OCI_LAYOUT);

	r = reg_open(OCI_LAYOUT);
	push_image(&where, "", "a", "{\"m\":1}");
	ck_fails(BERTH_E_BUSY,
		 reg_push_manifest(&other, &where_again, "", "b", MANIFEST, "{\"m\":2}"));
	ck_says("another process writes to 'x.tar'");
	ck_ok(reg_finish(&r, &where, true));
	ck_ok(reg_push_manifest(&other, &where_again, "", "b", MANIFEST, "{\"m\":2}"));
	reg_close(&other); /* without finish: the lock goes, and nothing is listed */
	ck_ok(reg_push_manifest(&r, &where, "", "c", MANIFEST, "{\"m\":3}"));
	ck_ok(reg_finish(&r, &where, true));
	reg_close(&r);
	ck_assert_ptr_null(strstr(ck_text(dir, "index.json"), "\"b\""));
}
END_TEST

START_TEST(rubbish_of_a_dead_writer_is_swept)
{
	int dir = ck_dir();
	struct berth_where where = reg_where(dir);

	ck_write(dir, ".berth-7~", "half a blob");
	ck_write(dir, ".berthrc", "somebody's");
	ck_write(dir, "notes~", "somebody's");
	r = reg_open(OCI_LAYOUT);
	push_image(&where, "", "a", "{\"m\":1}");
	ck_ok(reg_finish(&r, &where, true));
	ck_assert(!ck_exists(dir, ".berth-7~"));
	ck_assert(ck_exists(dir, ".berthrc"));
	ck_assert(ck_exists(dir, "notes~"));
	ck_assert(!ck_exists(dir, ".berth-0~"));
	reg_close(&r);
}
END_TEST

/* Push an image through a pipe and give the bytes that came out. */
static void *drain(void *arg)
{
	struct str *out = ((void **)arg)[0];
	int fd = *(int *)((void **)arg)[1];
	ssize_t n;

	while ((n = read(fd, str_room(out, 65536), 65536)) > 0)
		str_grew(out, (size_t)n);
	return NULL;
}

static void push_to_pipe(struct str *out)
{
	struct berth_where where;
	pthread_t reader;
	int pipes[2];
	void *arg[2] = {out, &pipes[0]};

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(pthread_create(&reader, NULL, drain, arg), 0);
	where = reg_where_push(pipes[1]);
	r = reg_open(OCI_LAYOUT);
	push_image(&where, "docker.io/library/a", "1", "{\"m\":1}");
	push_image(&where, "docker.io/library/a", "2", "{\"m\":1}");
	ck_ok(reg_finish(&r, &where, true));
	reg_close(&r);
	ck_assert_int_eq(close(pipes[1]), 0);
	ck_assert_int_eq(pthread_join(reader, NULL), 0);
	ck_assert_int_eq(close(pipes[0]), 0);
}

START_TEST(a_tar_can_be_written_to_a_pipe_and_is_always_the_same)
{
	struct tarball one = {STR_INIT};
	struct tarball two = {STR_INIT};
	int fd;

	push_to_pipe(&one.bytes);
	push_to_pipe(&two.bytes);
	ck_assert_uint_eq(one.bytes.len, two.bytes.len);
	ck_assert_int_eq(memcmp(one.bytes.p, two.bytes.p, one.bytes.len), 0);
	/* blob, manifest, index of two entries, layout, end: each once */
	ck_assert_uint_eq(one.bytes.len, 1024 + 1024 + 1536 + 1024 + 1024);
	str_done(&two.bytes);
	fd = tarball_fd(&one);
	r = reg_open(OCI_LAYOUT);
	check_pushed(fd);
	reg_close(&r);
}
END_TEST

static int file_for_tar(void)
{
	int dir = ck_dir();
	int fd = openat(dir, "out.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(an_entry_that_is_given_up_is_taken_back_from_a_file)
{
	int fd = file_for_tar();
	struct berth_where where = reg_where_push(fd);
	char digest[TARBALL_DIGEST];
	struct berth_desc desc = reg_desc("x", digest_of("right", 5, digest), 5);
	struct berth_upload *up;

	r = reg_open(OCI_LAYOUT);
	ck_ok(r.ops->upload_begin(r.reg, &where, "", &desc, NULL, NULL, &up, &err));
	ck_ok(r.ops->write(up, "rig", 3, NULL, &err));
	r.ops->upload_abort(up);
	ck_fails(BERTH_E_CORRUPT, reg_push_blob(&r, &where, digest, "wrong", 5));
	push_image(&where, "docker.io/library/a", "1", "{\"m\":1}");
	ck_ok(reg_finish(&r, &where, true));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 5 * 1024);
	check_pushed(fd);
	reg_close(&r);
}
END_TEST

START_TEST(a_file_is_empty_again_when_the_push_is_given_up)
{
	int fd = file_for_tar();
	struct berth_where where = reg_where_push(fd);

	ck_assert_int_eq(write(fd, "before", 6), 6);
	r = reg_open(OCI_LAYOUT);
	push_image(&where, "docker.io/library/a", "1", "{\"m\":1}");
	ck_ok(reg_finish(&r, &where, false));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 6);
	reg_close(&r);
}
END_TEST

START_TEST(an_entry_that_is_given_up_in_a_pipe_spoils_the_archive)
{
	int pipes[2];
	struct berth_where where;
	char digest[TARBALL_DIGEST];

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	where = reg_where_push(pipes[1]);
	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_CORRUPT,
		 reg_push_blob(&r, &where, digest_of("right", 5, digest), "wrong", 5));
	ck_fails(BERTH_E_IO, reg_push_blob(&r, &where, digest, "right", 5));
	ck_fails(BERTH_E_IO, reg_finish(&r, &where, true));
	ck_ok(reg_finish(&r, &where, false));
	reg_close(&r);
}
END_TEST

START_TEST(a_tar_takes_one_blob_at_a_time_and_knows_its_length_before)
{
	int fd = file_for_tar();
	struct berth_where where = reg_where_push(fd);
	char digest[TARBALL_DIGEST];
	struct berth_desc desc = reg_desc("x", digest_of("right", 5, digest), UINT64_MAX);
	struct berth_upload *up = NULL;
	cleanup_heard struct heard h = {.text = STR_INIT};

	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_INVALID,
		 r.ops->upload_begin(r.reg, &where, "", &desc, NULL, NULL, &up, &err));
	ck_assert_ptr_null(up);
	desc.bytes = 5;
	ck_ok(r.ops->upload_begin(r.reg, &where, "", &desc, NULL, NULL, &up, &err));
	ck_fails(BERTH_E_BUSY, reg_push_blob(&r, &where, digest, "right", 5));
	ck_fails(BERTH_E_BUSY, reg_push_manifest(&r, &where, "", "a", MANIFEST, "{}"));
	ck_fails(BERTH_E_BUSY, reg_finish(&r, &where, true));
	ck_fails(BERTH_E_INVALID, reg_each(&r, fd, &h));
	ck_says("is being written");
	ck_ok(r.ops->write(up, "right", 5, NULL, &err));
	ck_ok(r.ops->upload_commit(up, NULL, &err));
	ck_ok(reg_push_blob(&r, &where, digest, "right", 5)); /* again: there is one copy */
	ck_fails(BERTH_E_CORRUPT, reg_push_blob(&r, &where, digest, "wrong", 5));
	ck_ok(reg_finish(&r, &where, true));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 4 * 1024);
	reg_close(&r);
}
END_TEST

START_TEST(directories_take_several_blobs_at_once)
{
	int dir = ck_dir();
	struct berth_where where = reg_where(dir);
	char one[TARBALL_DIGEST];
	char two[TARBALL_DIGEST];
	struct berth_desc desc[2] = {
		reg_desc("x", digest_of("one", 3, one), UINT64_MAX),
		reg_desc("x", digest_of("two", 3, two), 3),
	};
	struct berth_upload *up[2];

	r = reg_open(OCI_LAYOUT);
	for (int i = 0; i < 2; i++)
		ck_ok(r.ops->upload_begin(r.reg, &where, "", &desc[i], NULL, NULL, &up[i], &err));
	ck_ok(r.ops->write(up[1], "two", 3, NULL, &err));
	ck_ok(r.ops->write(up[0], "one", 3, NULL, &err));
	ck_ok(r.ops->upload_commit(up[0], NULL, &err));
	ck_ok(r.ops->upload_commit(up[1], NULL, &err));
	ck_assert_str_eq(reg_blob(&r, dir, one), "one");
	ck_assert_str_eq(reg_blob(&r, dir, two), "two");
	reg_close(&r);
}
END_TEST

enum { THREADS = 6, ROUNDS = 30 };

static struct berth_where shared_where;

/* Push blobs of this thread's own and read them back, as fast as it goes. */
static void *work(void *arg)
{
	struct berth_reply reply = {.size = sizeof(reply)};
	struct berth_error why;

	for (int i = 0; i < ROUNDS; i++) {
		cleanup_free char *text = str_fmt("thread %s round %d", (const char *)arg, i);
		char digest[TARBALL_DIGEST];
		struct berth_desc desc =
			reg_desc("x", digest_of(text, strlen(text), digest), strlen(text));
		struct berth_upload *up;
		struct berth_stream *stream;
		char back[64] = {0};
		size_t n;

		if (r.ops->upload_begin(r.reg, &shared_where, "", &desc, NULL, NULL, &up, &why) <
			    0 ||
		    r.ops->write(up, text, strlen(text), NULL, &why) < 0 ||
		    r.ops->upload_commit(up, NULL, &why) < 0 ||
		    r.ops->put_manifest(r.reg, &shared_where, arg, digest + 60, &desc,
					(struct berth_str){text, strlen(text)}, NULL, &why) < 0 ||
		    r.ops->fetch(r.reg, &shared_where, "", &desc, 0, UINT64_MAX, NULL, &stream,
				 &reply, &why) < 0 ||
		    r.ops->read(stream, back, sizeof(back) - 1, &n, &why) < 0)
			return strdup(why.text);
		r.ops->close_stream(stream);
		if (strcmp(back, text) != 0)
			return strdup(back);
	}
	return NULL;
}

START_TEST(threads_work_on_different_blobs_at_once)
{
	static char names[THREADS][2];
	pthread_t threads[THREADS];
	cleanup_heard struct heard h = {.text = STR_INIT};
	int dir = ck_dir();

	shared_where = reg_where(dir);
	r = reg_open(OCI_LAYOUT);
	ck_assert_uint_eq(r.head->threads, BERTH_THREADS_PER_OBJECT);
	for (int i = 0; i < THREADS; i++) {
		names[i][0] = (char)('a' + i);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, names[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *why;

		ck_assert_int_eq(pthread_join(threads[i], &why), 0);
		ck_assert_msg(!why, "%s", (char *)why);
	}
	ck_ok(reg_finish(&r, &shared_where, true));
	ck_ok(reg_each(&r, dir, &h));
	ck_assert_int_eq(h.calls, THREADS * ROUNDS);
	reg_close(&r);
}
END_TEST

START_TEST(a_full_pipe_that_nobody_reads_can_be_cancelled)
{
	static char much[1 << 20];
	struct berth_op op = LENT_OP;
	char digest[TARBALL_DIGEST];
	struct berth_desc desc = reg_desc("x", digest_of(much, sizeof(much), digest), sizeof(much));
	struct berth_where where;
	struct berth_upload *up;
	struct timespec begun;
	struct timespec now;
	int pipes[2];
	pid_t child;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	where = reg_where_push(pipes[1]);
	r = reg_open(OCI_LAYOUT);
	ck_assert_int_ge(lent_host()->cancel_fd(&op), 0);
	child = fork();
	if (child == 0) { /* the user gives up a little later */
		usleep(100000);
		lent_cancel(&op);
		_exit(0);
	}
	ck_ok(r.ops->upload_begin(r.reg, &where, "", &desc, NULL, &op, &up, &err));
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &begun), 0);
	ck_fails(BERTH_E_CANCELLED, r.ops->write(up, much, sizeof(much), &op, &err));
	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	ck_assert_int_lt(now.tv_sec - begun.tv_sec, 2);
	r.ops->upload_abort(up);
	lent_op_done(&op);
	reg_close(&r);
}
END_TEST

START_TEST(opening_and_closing_leaves_no_descriptor)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_fixture struct fixture f = {.index = STR_INIT};
	int fd = fixture_tar(&f);
	int dir = fixture_dir(&f);
	struct berth_where where = reg_where(dir);
	int before = ck_count_fds();

	for (int i = 0; i < 200; i++) {
		int state_before = ck_count_fds();

		r = reg_open(OCI_LAYOUT);
		ck_ok(reg_each(&r, fd, &h));
		ck_ok(reg_push_manifest(&r, &where, "", "x", MANIFEST, "{}"));
		ck_fails(BERTH_E_NOT_FOUND, reg_resolve(&r, dir, "", "y", &h));
		if (i % 2)
			ck_ok(reg_finish(&r, &where, true));
		reg_close(&r);
		ck_assert_int_eq(ck_count_fds(), state_before);
	}
	ck_assert_int_eq(ck_count_fds(), before);
	r.head->close(NULL);
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"registry/oci-layout", a_tar_lists_its_manifests_in_order_with_the_names_as_written,
		a_directory_reads_like_a_tar, a_name_is_found_in_each_way_that_it_may_be_written,
		a_name_for_two_manifests_is_refused_rather_than_guessed,
		tags_are_those_of_the_repository, a_range_is_exactly_what_was_asked_for,
		streams_are_independent_of_each_other_and_of_the_file_offset,
		a_blob_of_another_length_than_its_descriptor_says_is_corrupt,
		an_absent_blob_is_not_found_and_a_name_is_no_digest,
		links_of_a_directory_never_leave_it, a_fifo_in_a_directory_does_not_stop_us,
		what_is_no_layout_is_unsupported_so_that_another_driver_may_try,
		an_index_of_more_than_4_mib_is_refused_unread,
		another_file_under_the_same_descriptor_is_noticed,
		a_stream_ends_when_the_user_gives_up,
		a_directory_shows_a_push_when_it_is_finished_and_not_before,
		a_push_keeps_what_else_is_in_the_layout_and_replaces_the_name,
		an_unnamed_manifest_is_listed_unless_an_index_of_the_push_refers_to_it,
		wrong_bytes_are_refused_and_leave_nothing,
		more_bytes_than_announced_are_refused_while_they_come,
		fewer_bytes_than_announced_are_refused_in_the_end,
		a_manifest_of_more_than_4_mib_is_refused, a_tar_that_was_read_is_not_written,
		a_name_takes_the_place_of_none_and_none_adds_nothing_to_a_name,
		a_stream_that_is_still_open_keeps_nobody_from_writing,
		reading_a_long_list_of_entries_can_be_cancelled,
		a_push_that_is_given_up_leaves_no_blob_and_no_index, one_process_writes_at_a_time,
		rubbish_of_a_dead_writer_is_swept,
		a_tar_can_be_written_to_a_pipe_and_is_always_the_same,
		an_entry_that_is_given_up_is_taken_back_from_a_file,
		a_file_is_empty_again_when_the_push_is_given_up,
		an_entry_that_is_given_up_in_a_pipe_spoils_the_archive,
		a_tar_takes_one_blob_at_a_time_and_knows_its_length_before,
		directories_take_several_blobs_at_once, threads_work_on_different_blobs_at_once,
		a_full_pipe_that_nobody_reads_can_be_cancelled,
		opening_and_closing_leaves_no_descriptor);
}
