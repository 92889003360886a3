/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of berth/storage.h as cases that each driver must pass; rig.h says how it is run.
 * docs/drivers/storage.md has the case beside each sentence.
 */
#include "rig.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <linux/loop.h>
#include <sys/mount.h>
#include <sys/wait.h>

int rig_dir(char path[static 96])
{
	return ck_dir_at(path);
}

/* Run @argv; its output goes nowhere. */
static bool run(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A free loop device with file @fd in it, which goes when nothing uses it. Its path in @path. */
static bool attach_loop(int fd, char path[static 32])
{
	cleanup_fd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	for (int tries = 0; control >= 0 && tries < 16; tries++) {
		struct loop_config config = {.fd = (uint32_t)fd,
					     .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		int loop;

		(void)snprintf(path, 32, "/dev/loop%d", n);
		loop = n < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC); /* open until we end */
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return true;
		if (loop >= 0)
			(void)close(loop);
	}
	return false;
}

/* Put a filesystem of type @type over /var/tmp, where only we see it. NULL, or why not. */
static const char *stand_on(const char *type)
{
	char image[] = "/var/tmp/berth-fs-XXXXXX";
	char mkfs[32];
	char loop[32];
	cleanup_fd int fd = -1;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "no mount namespace of our own";
	if (str_eq(type, "tmpfs"))
		return mount("tmpfs", "/var/tmp", "tmpfs", 0, "size=512m") < 0 ? "no tmpfs" : NULL;
	fd = mkostemp(image, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 512 << 20) < 0)
		return "no room for an image";
	(void)snprintf(mkfs, sizeof(mkfs), "mkfs.%s", type);
	if (!run((const char *const[]){mkfs, "-q", image, NULL})) {
		(void)unlink(image);
		return "no mkfs for this filesystem";
	}
	(void)unlink(image);
	if (!attach_loop(fd, loop))
		return "no loop device";
	return mount(loop, "/var/tmp", type, 0, NULL) < 0 ? "the kernel does not mount this" : NULL;
}

static void take_trait(const char *word)
{
	static size_t n_options;
	const char *value = str_after(word, "layers=");
	uint64_t n = 0;

	if (value && parse_u64(value, 500, &n) == 0)
		rig_traits.layers = (unsigned)n;
	else if (str_has_prefix(word, "option="))
		rig_traits.options[n_options++] = str_after(word, "option=");
}

int main(int argc, char *argv[])
{
	const TTest *cases[8 * RIG_CASES_MAX] = {NULL};
	size_t n = 0;

	if (argc < 2 || argc > 8) {
		(void)fprintf(stderr, "usage: contract FILE.so [TRAIT=VALUE...]\n");
		return 2;
	}
	rig_traits.file = argv[1];
	if (geteuid() != 0)
		return ck_skip_all("needs root");
	for (int i = 2; i < argc; i++) {
		const char *type = str_after(argv[i], "on=");
		const char *why = type ? stand_on(type) : NULL;

		if (why)
			return ck_skip_all(why);
		take_trait(argv[i]);
	}
	n += layer_cases(cases + n);
	n += file_cases(cases + n);
	n += view_cases(cases + n);
	n += userns_cases(cases + n);
	n += change_cases(cases + n);
	n += crash_cases(cases + n);
	n += whole_cases(cases + n);
	return ck_main("storage", cases);
}
