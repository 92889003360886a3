/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loadtool: loads an archive through the real drivers of a build, and says how long it took:
 *
 *     loadtool BUILD_DIR STATE_DIR STORAGE_DRIVER ARCHIVE|-
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "core/image/image_work.h"

static void note(void *arg, const char *line)
{
	printf("%s\n", line);
}

static int fail(const char *what, const struct berth_error *err)
{
	(void)fprintf(stderr, "%s: %s (%s)%s%s\n", what, err->text, berth_code_name(err->code),
		      *err->hint ? ": " : "", err->hint);
	return 1;
}

static int run(const struct config *config, const char *archive)
{
	cleanup_record struct record *loaded = NULL;
	cleanup_drivers struct drivers *drivers = NULL;
	cleanup_store struct store *store = NULL;
	const struct image_work *work;
	struct berth_error err = {0};
	cleanup_fd int fd = -1;
	int64_t begin = clock_mono_ns(), opened, end;

	fd = strcmp(archive, "-") == 0 ? dup(0) : open(archive, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(archive);
		return 1;
	}
	if (store_open(config, &store, &err) < 0)
		return fail("open the store", &err);
	if (drivers_new(config, &drivers, &err) < 0 || image_work_load(config, &work, &err) < 0)
		return fail("load the module", &err);
	opened = clock_mono_ns();
	if (work->load(store, drivers, fd, archive, NULL, note, NULL, NULL, &loaded, &err) < 0)
		return fail("load", &err);
	end = clock_mono_ns();
	printf("opened in %.1f ms, loaded in %.1f ms\n", (double)(opened - begin) / 1e6,
	       (double)(end - opened) / 1e6);
	return 0;
}

/** A config file that says nothing, so that the machine's own is not read. */
static int write_empty(const char *path)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : write_all(fd, "{}", 2, NULL);
}

int main(int argc, char **argv)
{
	cleanup_config struct config *config = NULL;
	cleanup_free char *text = NULL;
	cleanup_free char *file = NULL;
	struct berth_error err = {0};

	if (argc != 5) {
		(void)fprintf(stderr,
			      "usage: loadtool BUILD_DIR STATE_DIR STORAGE_DRIVER ARCHIVE|-\n");
		return 2;
	}
	text = str_fmt("{\"root\":\"%s/root\",\"run\":\"%s/run\","
		       "\"driver_dirs\":[\"%s/plugins\",\"%s/core/image/work\"],"
		       "\"storage\":{\"driver\":\"%s\"},"
		       "\"registry\":{\"archives\":[\"oci-layout\",\"docker-archive\"]}}",
		       argv[2], argv[2], argv[1], argv[1], argv[3]);
	file = str_fmt("%s/empty.json", argv[2]);
	(void)mkdir(argv[2], 0755); /* it may be there */
	if (!text || !file || write_empty(file) < 0)
		return fail("config", &err);
	if (config_load(file, text, &config, &err) < 0)
		return fail("config", &err);
	return run(config, argv[4]);
}
