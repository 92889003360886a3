/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives between our drivers and the programs that people have: skopeo, umoci, podman.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/process.h"
#include "base/record.h"
#include "reg.h"

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"

static struct reg r;

/* A place for the files of one test; programs get it as their HOME. */
static char dir_path[96];
static int dir;

/* The image that all of this is about. */
static char config_digest[TARBALL_DIGEST];
static char layer_digest[TARBALL_DIGEST];
static char manifest_digest[TARBALL_DIGEST];

static const char *find_program(const char *name)
{
	static char path[128];
	static const char *const dirs[] = {"/usr/bin", "/usr/local/bin"};

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

/* Run a program in the test's directory ("@" in an argument); it must succeed. Its output goes to
 * @to. */
static void run_to(const char *to, const char *const argv[])
{
	cleanup_strv char **args = NULL;
	cleanup_strv char **env = strv_new("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL);
	cleanup_fd int out = openat(dir, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	cleanup_fd int log = openat(dir, "log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct process_spec spec = {
		.path = find_program(argv[0]), .fds = (int[]){-1, out, log}, .n_fds = 3};
	struct process_status status;
	cleanup_fd int pidfd = -1;

	for (; *argv; argv++) {
		const char *at = strchr(*argv, '@');

		if (at)
			ck_ok(strv_addf(&args, "%.*s%s%s", (int)(at - *argv), *argv, dir_path,
					at + 1));
		else
			ck_ok(strv_add(&args, *argv));
	}
	ck_ok(strv_addf(&env, "HOME=%s", dir_path));
	ck_ok(strv_addf(&env, "CONTAINERS_CONF=%s/containers.conf", dir_path));
	ck_ok(strv_addf(&env, "TMPDIR=%s", dir_path));
	spec.argv = args;
	spec.envp = env;
	ck_ok(process_spawn(&spec, &pidfd, NULL, &err));
	ck_ok(process_wait(pidfd, &status, &err));
	ck_assert_msg(process_status_code(&status) == 0, "%s %s failed: %s", args[0], args[1],
		      ck_text(dir, "log"));
}

#define run(...) run_to("out", (const char *const[]){__VA_ARGS__, NULL})
#define SKOPEO	 "skopeo", "--insecure-policy", "--tmpdir", "@", "copy", "-q"
#define PODMAN                                                                                     \
	"podman", "--root", "@/root", "--runroot", "@/run", "--tmpdir", "@/tmp",                   \
		"--storage-driver", "vfs"

static int open_file(const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void push_image(const struct berth_where *where, const char *repo, const char *ref)
{
	struct tarball files = {STR_INIT};
	cleanup_str struct str layer = STR_INIT;
	cleanup_str struct str config = STR_INIT;
	cleanup_str struct str manifest = STR_INIT;
	char diff_id[TARBALL_DIGEST];

	tarball_text(&files, "hello.txt", "hello\n");
	tarball_end(&files);
	(void)digest_of(files.bytes.p, files.bytes.len, diff_id);
	gzip_of(files.bytes.p, files.bytes.len, &layer);
	str_done(&files.bytes);
	str_addf(&config,
		 "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/"
		 "hello\"]},\"rootfs\":{"
		 "\"type\":\"layers\",\"diff_ids\":[\"%s\"]},\"history\":[{\"created_by\":\"hand\"}"
		 "]}",
		 diff_id);
	str_addf(&manifest,
		 "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST "\",\"config\":{\"mediaType\":"
		 "\"application/"
		 "vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
		 "\"mediaType\":\"application/"
		 "vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"%s\",\"size\":%zu}]}",
		 digest_of(config.p, config.len, config_digest), config.len,
		 digest_of(layer.p, layer.len, layer_digest), layer.len);
	(void)digest_of(manifest.p, manifest.len, manifest_digest);
	ck_ok(reg_push_blob(&r, where, config_digest, config.p, config.len));
	ck_ok(reg_push_blob(&r, where, layer_digest, layer.p, layer.len));
	ck_ok(reg_push_manifest(&r, where, repo, ref, MANIFEST, str_text(&manifest)));
}

/* Our image as a layout "@/oci", tag 1. */
static void begin(void)
{
	struct berth_where where;
	cleanup_fd int layout = -1;

	dir = ck_dir_at(dir_path);
	/* or podman keeps its locks in memory that outlives it */
	ck_write(dir, "containers.conf",
		 "[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\n");
	ck_assert_int_eq(mkdirat(dir, "oci", 0755), 0);
	layout = openat(dir, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	where = reg_where(layout);
	r = reg_open(OCI_LAYOUT);
	push_image(&where, "", "1");
	ck_ok(reg_finish(&r, &where, true));
	reg_close(&r);
}

/* Every blob that the manifest names is there, and is what its digest says; the config is ours. */
static void check_image(int fd, const char *digest)
{
	cleanup_record struct record *manifest = NULL;
	const char *text = reg_blob(&r, fd, digest);
	const struct record *layers;

	ck_ok(record_parse(text, strlen(text), 0, &manifest, &err));
	ck_assert_str_eq(record_str(record_path(manifest, "config.digest")), config_digest);
	(void)reg_blob(&r, fd, config_digest);
	layers = record_get(manifest, "layers");
	ck_assert_uint_eq(record_len(layers), 1);
	(void)reg_blob(&r, fd, record_str(record_get(record_at(layers, 0), "digest")));
}

static void check_file(const char *driver, const char *name, const char *const names[], size_t n)
{
	cleanup_fd int fd = open_file(name);
	cleanup_heard struct heard h = {.text = STR_INIT};

	r = reg_open(driver);
	ck_ok(reg_each(&r, fd, &h));
	ck_assert_int_eq(h.calls, (int)n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(strstr(str_text(&h.text), names[i]), "'%s' is not in '%s'", names[i],
			      str_text(&h.text));
	check_image(fd, h.digest);
	reg_close(&r);
}

#define CHECK_FILE(driver, name, ...)                                                              \
	check_file(driver, name, (const char *const[]){__VA_ARGS__},                               \
		   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

START_TEST(skopeo_reads_our_layout_and_we_read_its_docker_archive)
{
	begin();
	run(SKOPEO, "oci:@/oci:1", "docker-archive:@/d.tar:a:1");
	CHECK_FILE(DOCKER_ARCHIVE, "d.tar", "docker.io/library/a:1 ");
}
END_TEST

START_TEST(we_read_the_oci_archive_of_skopeo)
{
	begin();
	run(SKOPEO, "oci:@/oci:1", "oci-archive:@/o.tar:quay.io/a:1");
	CHECK_FILE(OCI_LAYOUT, "o.tar", "quay.io/a:1 ");
	CHECK_FILE(DOCKER_ARCHIVE, "o.tar", "quay.io/a:1 ");
}
END_TEST

/* What we save with @driver as "ours.tar". */
static void save(const char *driver)
{
	cleanup_fd int fd = openat(dir, "ours.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct berth_where where = reg_where_push(fd);

	r = reg_open(driver);
	push_image(&where, "docker.io/library/a", "1");
	push_image(&where, "docker.io/library/a", "2");
	ck_ok(reg_finish(&r, &where, true));
	reg_close(&r);
}

static void config_is_ours(const char *source)
{
	cleanup_record struct record *manifest = NULL;
	const char *text;

	run("skopeo", "--insecure-policy", "--tmpdir", "@", "inspect", "--raw", source);
	text = ck_text(dir, "out");
	ck_ok(record_parse(text, strlen(text), 0, &manifest, &err));
	ck_assert_str_eq(record_str(record_path(manifest, "config.digest")), config_digest);
}

START_TEST(skopeo_reads_what_we_save_by_either_half)
{
	begin();
	save(DOCKER_ARCHIVE);
	config_is_ours("docker-archive:@/ours.tar:docker.io/library/a:2");
	config_is_ours("oci-archive:@/ours.tar:2");
	run(SKOPEO, "docker-archive:@/ours.tar:docker.io/library/a:1", "dir:@/copied");
	CHECK_FILE(OCI_LAYOUT, "ours.tar", "docker.io/library/a:1 ", "docker.io/library/a:2 ");
}
END_TEST

START_TEST(skopeo_reads_our_oci_archive)
{
	begin();
	save(OCI_LAYOUT);
	config_is_ours("oci-archive:@/ours.tar:1");
	run(SKOPEO, "oci-archive:@/ours.tar:2", "dir:@/copied");
}
END_TEST

START_TEST(umoci_and_we_work_on_one_layout)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	cleanup_fd int layout = -1;

	begin();
	run("umoci", "tag", "--image", "@/oci:1", "two");
	run("umoci", "config", "--image", "@/oci:two", "--config.user", "nobody");
	layout = openat(dir, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = reg_open(OCI_LAYOUT);
	ck_ok(reg_resolve(&r, layout, "", "two", &h));
	ck_assert_str_ne(h.digest, manifest_digest);
	(void)reg_blob(&r, layout, h.digest);
	ck_ok(reg_resolve(&r, layout, "", "1", &h));
	ck_assert_str_eq(h.digest, manifest_digest);
	reg_close(&r);
	run("umoci", "unpack", "--rootless", "--image", "@/oci:1", "@/bundle");
	ck_assert_str_eq(ck_text(dir, "bundle/rootfs/hello.txt"), "hello\n");
}
END_TEST

/* What podman leaves in /run goes with this test's own. */
static void hide_run(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("run", "/run", "tmpfs", 0, NULL), 0);
}

START_TEST(podman_loads_what_we_save_and_we_read_what_it_saves)
{
	hide_run();
	begin();
	save(DOCKER_ARCHIVE);
	run(PODMAN, "load", "-i", "@/ours.tar");
	run(PODMAN, "images", "-q", "--no-trunc", "docker.io/library/a:1");
	ck_assert_int_eq(strncmp(ck_text(dir, "out"), config_digest, 71), 0);
	run(PODMAN, "save", "-o", "@/one.tar", "a:1");
	CHECK_FILE(DOCKER_ARCHIVE, "one.tar", "docker.io/library/a:1 ");
	run(PODMAN, "tag", "a:1", "quay.io/b:3");
	run(PODMAN, "save", "-m", "-o", "@/many.tar", "a:1", "quay.io/b:3");
	CHECK_FILE(DOCKER_ARCHIVE, "many.tar", "docker.io/library/a:1 ", "quay.io/b:3 ");
	run(PODMAN, "save", "--format", "oci-archive", "-o", "@/o.tar", "quay.io/b:3");
	CHECK_FILE(OCI_LAYOUT, "o.tar", "quay.io/b:3 ");
	run(PODMAN, "rmi", "-f", "a:1", "quay.io/b:3");
}
END_TEST

int main(void)
{
	static const char *const programs[] = {"skopeo", "umoci", "podman"};

	if (geteuid() != 0)
		return ck_skip_all("podman and umoci work otherwise without root");
	for (size_t i = 0; i < 3; i++) {
		char reason[64];

		(void)snprintf(reason, sizeof(reason), "%s is not installed", programs[i]);
		if (!find_program(programs[i]))
			return ck_skip_all(reason);
	}
	return CK_MAIN("registry/interop", skopeo_reads_our_layout_and_we_read_its_docker_archive,
		       we_read_the_oci_archive_of_skopeo, skopeo_reads_what_we_save_by_either_half,
		       skopeo_reads_our_oci_archive, umoci_and_we_work_on_one_layout,
		       podman_loads_what_we_save_and_we_read_what_it_saves);
}
