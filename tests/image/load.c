/* SPDX-License-Identifier: Apache-2.0 */
/* What is loaded is what was in the archive, in whatever form that came. */
#include "rig.h"

static struct rig r;

/** A docker archive of one image with one file. */
static int simple(const char *names)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};

	rig_file_layer(&image, "etc/motd", "hello", RIG_PLAIN);
	rig_docker(&a, &image, names);
	rig_docker_end(&a);
	return rig_archive_fd(&a);
}

START_TEST(an_image_of_docker_save_is_there_with_its_names)
{
	cleanup_record struct record *list = NULL;
	cleanup_free char *text = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_free char *wanted = NULL;

	rig_open(&r);
	ck_ok(rig_load(&r, simple("\"one:1\",\"host.io:5000/two\""), NULL, &list, &err));
	ck_ok(image_find(r.store, "one:1", &image, &err));
	ck_assert_str_eq(rig_read(&r, NULL, "host.io:5000/two:latest", "etc/motd"), "hello");
	text = record_to_text(list, RECORD_COMPACT);
	wanted = str_fmt("[{\"Id\":\"%s\",\"Names\":[\"one:1\",\"host.io:5000/two:latest\"]}]",
			 image->id);
	ck_assert_str_eq(text, wanted);
	ck_assert_str_eq(str_text(&r.notes),
			 "Loaded image: one:1\nLoaded image: host.io:5000/two:latest\n");
	ck_assert_uint_eq(image->size, 5);
	rig_close(&r);
}
END_TEST

START_TEST(an_image_without_a_name_is_told_by_its_id)
{
	cleanup_free char *wanted = NULL;
	cleanup_record struct record *list = NULL;

	rig_open(&r);
	ck_ok(rig_load(&r, simple(""), NULL, &list, &err));
	wanted = str_fmt("Loaded image ID: %s\n", record_str(record_get(record_at(list, 0), "Id")));
	ck_assert_str_eq(str_text(&r.notes), wanted);
	rig_close(&r);
}
END_TEST

START_TEST(a_name_that_is_none_is_left_out_and_said)
{
	rig_open(&r);
	ck_loads(&r, simple("\"Not A Name\",\"good:1\""));
	ck_assert_ptr_nonnull(strstr(str_text(&r.notes), "'Not A Name' in the archive is no name"));
	ck_assert_ptr_nonnull(strstr(str_text(&r.notes), "Loaded image: good:1\n"));
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM image_name"), 1);
	rig_close(&r);
}
END_TEST

START_TEST(layers_stack_in_all_packings)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	struct ltar t = {0};

	rig_open(&r);
	ltar_dir(&t, "d");
	ltar_file(&t, "d/gone", "1");
	ltar_file(&t, "d/kept", "2");
	ltar_file(&t, "changed", "old");
	rig_layer(&image, &t, RIG_GZIP);
	ltar_dir(&t, "d");
	ltar_file(&t, "d/.wh.gone", "");
	ltar_file(&t, "changed", "new");
	rig_layer(&image, &t, RIG_ZSTD);
	ltar_dir(&t, "o");
	ltar_file(&t, "o/below", "");
	rig_layer(&image, &t, RIG_PLAIN);
	ltar_dir(&t, "o");
	ltar_file(&t, "o/.wh..wh..opq", "");
	ltar_file(&t, "o/above", "");
	rig_layer(&image, &t, RIG_GZIP);
	rig_oci(&a, &image, "stack:1", false);
	rig_oci_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	ck_assert_ptr_null(rig_read(&r, NULL, "stack:1", "d/gone"));
	ck_assert_str_eq(rig_read(&r, NULL, "stack:1", "d/kept"), "2");
	ck_assert_str_eq(rig_read(&r, NULL, "stack:1", "changed"), "new");
	ck_assert_ptr_null(rig_read(&r, NULL, "stack:1", "o/below"));
	ck_assert_ptr_nonnull(rig_read(&r, NULL, "stack:1", "o/above"));
	rig_close(&r);
}
END_TEST

START_TEST(the_manifest_of_an_oci_archive_is_kept_as_it_was)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	cleanup_record struct record *out = NULL;

	rig_open(&r);
	rig_file_layer(&image, "f", "x", RIG_GZIP);
	rig_oci(&a, &image, "m:1", false);
	rig_oci_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	ck_ok(image_inspect(r.store, r.drivers, "m:1", &out, &err));
	ck_assert_str_eq(record_str(record_path(out, "Descriptor.digest")), a.manifest);
	ck_assert_str_eq(record_str(record_path(out, "GraphDriver.Name")), rig_driver);
	rig_close(&r);
}
END_TEST

START_TEST(a_layer_that_is_there_twice_is_there_twice)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};

	rig_open(&r);
	for (int i = 0; i < 3; i++)
		rig_file_layer(&image, "f", "same", RIG_GZIP);
	rig_oci(&a, &image, "twice:1", false);
	rig_oci_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	ck_assert_str_eq(rig_read(&r, NULL, "twice:1", "f"), "same");
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM layer_copy WHERE ready=1"), 3);
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM image_blob WHERE kind='layer'"), 1);
	rig_close(&r);
}
END_TEST

START_TEST(an_image_may_have_no_layers)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	cleanup_image struct image *found = NULL;
	bool ready = false;

	rig_open(&r);
	rig_oci(&a, &image, "scratch:1", false);
	rig_oci_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	ck_ok(image_find(r.store, "scratch:1", &found, &err));
	ck_assert_ptr_null(found->top);
	ck_ok(image_is_ready(r.store, found, rig_driver, &ready, &err));
	ck_assert(ready);
	rig_close(&r);
}
END_TEST

START_TEST(many_layers_are_all_there_in_their_order)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};

	rig_open(&r);
	for (int i = 0; i < 60; i++) {
		struct ltar t = {0};
		char text[16], name[16];

		(void)snprintf(text, sizeof(text), "%d", i);
		(void)snprintf(name, sizeof(name), "f%d", i);
		ltar_file(&t, name, text);
		ltar_file(&t, "last", text);
		rig_layer(&image, &t, RIG_GZIP);
	}
	rig_oci(&a, &image, "many:1", false);
	rig_oci_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	ck_assert_str_eq(rig_read(&r, NULL, "many:1", "last"), "59");
	ck_assert_str_eq(rig_read(&r, NULL, "many:1", "f0"), "0");
	ck_assert_str_eq(rig_read(&r, NULL, "many:1", "f31"), "31");
	rig_close(&r);
}
END_TEST

START_TEST(several_images_in_one_archive_share_what_they_can)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	cleanup_record struct record *list = NULL;

	rig_open(&r);
	for (int i = 0; i < 2; i++) {
		rig_file_layer(&image, "base", "shared", RIG_PLAIN);
		rig_file_layer(&image, "own", i ? "1" : "0", RIG_PLAIN);
		rig_docker(&a, &image, i ? "\"x:1\"" : "\"x:0\"");
	}
	rig_docker_end(&a);
	ck_ok(rig_load(&r, rig_archive_fd(&a), NULL, &list, &err));
	ck_assert_uint_eq(record_len(list), 2);
	ck_assert_str_eq(rig_read(&r, NULL, "x:0", "own"), "0");
	ck_assert_str_eq(rig_read(&r, NULL, "x:1", "own"), "1");
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM layer"), 3);
	rig_close(&r);
}
END_TEST

static void remove_name(const char *name)
{
	cleanup_record struct record *list = NULL;

	ck_ok(image_remove(r.store, r.drivers, name, 0, &list, &err));
}

START_TEST(removing_one_of_two_keeps_what_the_other_needs)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};

	rig_open(&r);
	for (int i = 0; i < 2; i++) {
		rig_file_layer(&image, "base", "shared", RIG_GZIP);
		rig_file_layer(&image, "own", i ? "1" : "0", RIG_GZIP);
		rig_oci(&a, &image, i ? "x:1" : "x:0", false);
	}
	rig_oci_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	remove_name("x:0");
	ck_assert_str_eq(rig_read(&r, NULL, "x:1", "base"), "shared");
	remove_name("x:1");
	ck_empty(&r);
	rig_close(&r);
}
END_TEST

START_TEST(layers_below_a_container_stay_until_it_goes)
{
	struct storage *st;
	cleanup_image struct image *image = NULL;
	cleanup_record struct record *list = NULL;

	rig_open(&r);
	ck_loads(&r, simple("\"a:1\""));
	st = rig_storage(&r, NULL);
	ck_ok(image_find(r.store, "a:1", &image, &err));
	ck_ok(st->ops.view_create(st->st, "box", image->top, 0, NULL, &err));
	ck_ok(image_remove(r.store, r.drivers, "a:1", IMAGE_REMOVE_FORCE, &list, &err));
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM layer_copy"), 1);
	ck_ok(st->ops.view_remove(st->st, "box", &err));
	ck_ok(image_sweep(r.store, r.drivers, &err));
	ck_empty(&r);
	rig_close(&r);
}
END_TEST

START_TEST(loading_again_writes_nothing_anew)
{
	struct stat before, after;
	cleanup_free char *path = NULL;
	cleanup_image struct image *image = NULL;

	rig_open(&r);
	ck_loads(&r, simple("\"a:1\""));
	ck_ok(image_find(r.store, "a:1", &image, &err));
	path = str_fmt("%s/root/content/sha256/%s", r.dir, image->id + 7);
	ck_assert_int_eq(stat(path, &before), 0);
	ck_loads(&r, simple("\"a:1\""));
	ck_assert_str_eq(str_text(&r.notes), "Loaded image: a:1\n");
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_loads(&r, simple("\"b:1\""));
	ck_assert_str_eq(rig_read(&r, NULL, "b:1", "etc/motd"), "hello");
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM image"), 1);
	rig_close(&r);
}
END_TEST

START_TEST(a_name_moves_to_what_was_loaded_last)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	cleanup_image struct image *old = NULL;
	cleanup_free char *wanted = NULL;

	rig_open(&r);
	ck_loads(&r, simple("\"a:1\""));
	ck_ok(image_find(r.store, "a:1", &old, &err));
	rig_file_layer(&image, "etc/motd", "other", RIG_PLAIN);
	rig_docker(&a, &image, "\"a:1\"");
	rig_docker_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	wanted = str_fmt("The image a:1 already exists, renaming the old one with ID %s to empty "
			 "string\nLoaded image: a:1\n",
			 old->id);
	ck_assert_str_eq(str_text(&r.notes), wanted);
	ck_assert_str_eq(rig_read(&r, NULL, "a:1", "etc/motd"), "other");
	ck_assert_str_eq(rig_read(&r, NULL, old->id, "etc/motd"), "hello");
	rig_close(&r);
}
END_TEST

/* --- where it comes from
 * ------------------------------------------------------------------------------ */

static void read_all(int fd, struct str *out)
{
	cleanup_free char *bytes = NULL;
	size_t n;

	ck_ok(read_fd_limited(fd, 1 << 24, &bytes, &n, &err));
	str_add_n(out, bytes, n);
	(void)close(fd);
}

/** A pipe with these bytes, written by a child. */
static int pipe_of(const struct str *bytes)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	if (fork() == 0) {
		(void)close(fds[0]);
		(void)write_all(fds[1], bytes->p, bytes->len, NULL);
		_exit(0);
	}
	(void)close(fds[1]);
	return fds[0];
}

START_TEST(pipes_and_archives_packed_as_a_whole_are_read)
{
	cleanup_str struct str plain = STR_INIT, packed = STR_INIT;

	read_all(simple("\"a:1\""), &plain);
	rig_gzip(plain.p, plain.len, &packed);
	for (int i = 0; i < 3; i++) {
		rig_open(&r);
		ck_loads(&r, i == 0   ? pipe_of(&plain)
			     : i == 1 ? pipe_of(&packed)
				      : rig_fd_of(&packed));
		ck_assert_str_eq(rig_read(&r, NULL, "a:1", "etc/motd"), "hello");
		rig_close(&r);
	}
}
END_TEST

START_TEST(bzip2_and_xz_around_an_archive_are_read)
{
	static const char *const programs[] = {"bzip2", "xz"};
	cleanup_str struct str plain = STR_INIT;

	read_all(simple("\"a:1\""), &plain);
	for (size_t i = 0; i < 2; i++) {
		int fds[2], from = rig_fd_of(&plain);
		pid_t pid;

		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			(void)dup2(from, 0);
			(void)dup2(fds[1], 1);
			(void)execlp(programs[i], programs[i], "-c", NULL);
			_exit(1); /* not here: the pipe is empty */
		}
		(void)close(fds[1]);
		(void)close(from);
		rig_open(&r);
		if (rig_load(&r, fds[0], NULL, NULL, &err) == 0)
			ck_assert_str_eq(rig_read(&r, NULL, "a:1", "etc/motd"), "hello");
		else
			(void)printf("# no %s here, or: %s\n", programs[i], err.text);
		rig_close(&r);
	}
}
END_TEST

START_TEST(an_oci_layout_in_a_directory_is_read)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	struct ltar_input in;
	cleanup_free char *hex = NULL;
	int d;

	/* by hand: the blobs of the archive as files */
	rig_open(&r);
	rig_file_layer(&image, "f", "x", RIG_GZIP);
	rig_oci(&a, &image, "dir:1", false);
	rig_oci_end(&a);
	in = (struct ltar_input){.p = a.tar.out.p, .n = a.tar.out.len};
	d = ck_dir();
	ck_assert_int_eq(mkdirat(d, "blobs", 0755), 0);
	ck_assert_int_eq(mkdirat(d, "blobs/sha256", 0755), 0);
	while (in.at + 512 < in.n && in.p[in.at]) {
		const char *header = in.p + in.at;
		size_t n = strtoull(header + 124, NULL, 8);
		int fd = openat(d, header, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		ck_assert_int_ge(fd, 0);
		ck_ok(write_all(fd, header + 512, n, &err));
		(void)close(fd);
		in.at += 512 + (n + 511) / 512 * 512;
	}
	ltar_done(&a.tar);
	str_done(&a.items);
	ck_loads(&r, d);
	ck_assert_str_eq(rig_read(&r, NULL, "dir:1", "f"), "x");
	rig_close(&r);
}
END_TEST

/* --- platforms
 * ---------------------------------------------------------------------------------------- */

/** An index of two images for amd64 and arm64, and one that is named but not there. */
static int two_platforms(bool nested)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	cleanup_str struct str index = STR_INIT;
	char digest[80];
	static const char *const arch[] = {"amd64", "arm64"};

	str_add(&index,
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
		"\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"digest\":\"sha256:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":5,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}}");
	for (int i = 0; i < 2; i++) {
		image.arch = arch[i];
		rig_file_layer(&image, "arch", arch[i], RIG_GZIP);
		rig_oci(&a, &image, NULL, true);
		str_addf(
			&index,
			",{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":"
			"\"%s\",\"size\":%zu,\"platform\":{\"os\":\"linux\",\"architecture\":\"%"
			"s\"}}",
			a.manifest, a.manifest_n, arch[i]);
	}
	str_add(&index, "]}");
	rig_blob(&a, index.p, index.len, digest);
	if (nested) {
		cleanup_str struct str outer = STR_INIT;

		str_addf(&outer,
			 "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
			 "\"application/"
			 "vnd.oci.image.index.v1+json\",\"digest\":\"%s\",\"size\":%zu}]}",
			 digest, index.len);
		rig_blob(&a, outer.p, outer.len, digest);
		str_cut(&index, outer.len);
		rig_oci_entry(
			&a, "application/vnd.oci.image.index.v1+json", digest, outer.len,
			"\"annotations\":{\"org.opencontainers.image.ref.name\":\"multi:1\"}");
	} else {
		rig_oci_entry(
			&a, "application/vnd.oci.image.index.v1+json", digest, index.len,
			"\"annotations\":{\"org.opencontainers.image.ref.name\":\"multi:1\"}");
	}
	rig_oci_end(&a);
	return rig_archive_fd(&a);
}

START_TEST(of_several_platforms_the_wanted_one_is_taken)
{
	for (int nested = 0; nested < 2; nested++) {
		rig_open(&r);
		ck_ok(rig_load(&r, two_platforms(nested), "linux/arm64", NULL, &err));
		ck_assert_str_eq(rig_read(&r, NULL, "multi:1", "arch"), "arm64");
		ck_ok(rig_load(&r, two_platforms(nested), "linux/amd64", NULL, &err));
		ck_assert_str_eq(rig_read(&r, NULL, "multi:1", "arch"), "amd64");
		rig_close(&r);
	}
}
END_TEST

START_TEST(a_platform_that_is_not_there_is_a_clear_failure)
{
	rig_open(&r);
	ck_fails(BERTH_E_NOT_FOUND,
		 rig_load(&r, two_platforms(false), "linux/riscv64", NULL, &err));
	ck_says("linux/riscv64");
	ck_says("linux/s390x, linux/amd64, linux/arm64");
	ck_empty(&r);
	/* named in the index, and its manifest is missing */
	ck_fails(BERTH_E_NOT_FOUND, rig_load(&r, two_platforms(false), "linux/s390x", NULL, &err));
	ck_empty(&r);
	ck_fails(BERTH_E_INVALID, rig_load(&r, two_platforms(false), "not a platform", NULL, &err));
	rig_close(&r);
}
END_TEST

/* --- other ways in and out
 * ------------------------------------------------------------------------------ */

START_TEST(what_is_there_can_be_unpacked_in_another_driver)
{
	const char *other = str_eq(rig_driver, "vfs") ? "overlay" : "vfs";
	struct rig_archive a = {0};
	struct rig_image image = {0};
	cleanup_image struct image *found = NULL;
	struct storage *st;
	bool ready = true;

	rig_open(&r);
	rig_file_layer(&image, "f", "1", RIG_GZIP);
	rig_file_layer(&image, ".wh.f", "", RIG_GZIP);
	rig_file_layer(&image, "g", "2", RIG_PLAIN);
	rig_oci(&a, &image, "a:1", false);
	rig_oci_end(&a);
	ck_loads(&r, rig_archive_fd(&a));
	ck_ok(image_find(r.store, "a:1", &found, &err));
	ck_ok(image_is_ready(r.store, found, other, &ready, &err));
	ck_assert(!ready);
	st = rig_storage(&r, other);
	ck_ok(r.work->materialise(r.store, r.drivers, found, st, NULL, &err));
	ck_ok(image_is_ready(r.store, found, other, &ready, &err));
	ck_assert(ready);
	ck_assert_ptr_null(rig_read(&r, other, "a:1", "f"));
	ck_assert_str_eq(rig_read(&r, other, "a:1", "g"), "2");
	ck_ok(r.work->materialise(r.store, r.drivers, found, st, NULL, &err));
	remove_name("a:1");
	ck_empty(&r);
	rig_close(&r);
}
END_TEST

/** A tar of a root filesystem, packed so. */
static int rootfs(enum rig_packing packing)
{
	cleanup_str struct str packed = STR_INIT;
	struct ltar t = {0};
	int fd;

	ltar_dir(&t, "./");
	t.mode = 04755;
	ltar_file(&t, "./bin/su", "program");
	ltar_end(&t);
	if (packing == RIG_GZIP)
		rig_gzip(t.out.p, t.out.len, &packed);
	else
		str_add_n(&packed, t.out.p, t.out.len);
	ltar_done(&t);
	fd = packing == RIG_GZIP ? pipe_of(&packed) : rig_fd_of(&packed);
	return fd;
}

START_TEST(an_imported_tar_is_an_image)
{
	static char *const changes[] = {(char *)"CMD [\"sh\"]", (char *)"ENV A=b", NULL};

	for (int packing = RIG_PLAIN; packing <= RIG_GZIP; packing++) {
		cleanup_record struct record *out = NULL;
		cleanup_free char *id = NULL;
		struct stat st;
		int fd = rootfs((enum rig_packing)packing);

		rig_open(&r);
		ck_ok(r.work->import(r.store, r.drivers, fd, "-", "mine:1", NULL, NULL, changes,
				     NULL, &id, &err));
		(void)close(fd);
		ck_assert(rig_stat(&r, NULL, "mine:1", "bin/su", &st));
		ck_assert_uint_eq(st.st_mode & 07777, 04755);
		ck_ok(image_inspect(r.store, r.drivers, id, &out, &err));
		ck_assert_str_eq(record_str(record_path(out, "Comment")), "Imported from -");
		ck_assert_str_eq(record_str(record_at(record_path(out, "Config.Cmd"), 0)), "sh");
		ck_assert_str_eq(record_str(record_at(record_path(out, "Config.Env"), 0)), "A=b");
		ck_assert_str_eq(record_str(record_at(record_path(out, "RepoTags"), 0)), "mine:1");
		remove_name("mine:1");
		ck_empty(&r);
		rig_close(&r);
	}
}
END_TEST

START_TEST(mistakes_in_an_import_are_told_and_leave_nothing)
{
	static char *const wrong[] = {(char *)"RUN x", NULL};
	cleanup_str struct str junk = STR_INIT;
	char *id = NULL;
	int fd = rootfs(RIG_PLAIN);

	rig_open(&r);
	ck_fails(BERTH_E_INVALID, r.work->import(r.store, r.drivers, fd, "-", NULL, NULL, NULL,
						 wrong, NULL, &id, &err));
	ck_says("RUN is not a valid change command");
	ck_fails(BERTH_E_INVALID, r.work->import(r.store, r.drivers, fd, "-", "Bad", NULL, NULL,
						 NULL, NULL, &id, &err));
	ck_fails(BERTH_E_INVALID, r.work->import(r.store, r.drivers, fd, "-", NULL, NULL, "x y",
						 NULL, NULL, &id, &err));
	(void)close(fd);
	for (int i = 0; i < 2000; i++)
		str_add(&junk, "this is no tar ");
	fd = rig_fd_of(&junk);
	ck_fails(BERTH_E_CORRUPT, r.work->import(r.store, r.drivers, fd, "-", NULL, NULL, NULL,
						 NULL, NULL, &id, &err));
	(void)close(fd);
	ck_assert_ptr_null(id);
	ck_empty(&r);
	rig_close(&r);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	rig_build = argv[1];
	rig_driver = argv[2];
	if (geteuid() != 0)
		return ck_skip_all("storage drivers need root");
	return CK_MAIN(
		"image/load", an_image_of_docker_save_is_there_with_its_names,
		an_image_without_a_name_is_told_by_its_id, a_name_that_is_none_is_left_out_and_said,
		layers_stack_in_all_packings, the_manifest_of_an_oci_archive_is_kept_as_it_was,
		a_layer_that_is_there_twice_is_there_twice, an_image_may_have_no_layers,
		many_layers_are_all_there_in_their_order,
		several_images_in_one_archive_share_what_they_can,
		removing_one_of_two_keeps_what_the_other_needs,
		layers_below_a_container_stay_until_it_goes, loading_again_writes_nothing_anew,
		a_name_moves_to_what_was_loaded_last, pipes_and_archives_packed_as_a_whole_are_read,
		bzip2_and_xz_around_an_archive_are_read, an_oci_layout_in_a_directory_is_read,
		of_several_platforms_the_wanted_one_is_taken,
		a_platform_that_is_not_there_is_a_clear_failure,
		what_is_there_can_be_unpacked_in_another_driver, an_imported_tar_is_an_image,
		mistakes_in_an_import_are_told_and_leave_nothing);
}
