/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <dirent.h>

#include "base/record_write.h"
#include "core/container/caps.h"
#include "core/container/kernel.h"
#include "core/container/seccomp_profile.h"

struct rig rig;

const struct berth_driver *box_driver(void)
{
	return lent_load(rig.driver);
}

const struct berth_conf *box_conf(void)
{
	static struct berth_conf conf;

	conf.options = box_driver()->options;
	return &conf;
}

static struct record *read_json(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct record *r = NULL;
	size_t len;

	ck_assert_msg(fd >= 0, "open '%s'", path);
	ck_ok(read_fd_limited(fd, 1 << 20, &text, &len, &err));
	ck_ok(record_parse(text, len, 0, &r, &err));
	return r;
}

static struct record *default_seccomp(void)
{
	cleanup_record struct record *top = NULL;
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);

	jw_object_begin(&w);
	seccomp_default_write(CAPS_DEFAULT, KERNEL_VERSION_OF(6, 1), &w);
	jw_object_end(&w);
	ck_ok(str_check(&out, &err));
	ck_ok(record_parse(out.p, out.len, 0, &top, &err));
	return record_ref(record_get(top, "seccomp"));
}

/* Docker's default one, with the default seccomp profile; without files of the engine's. */
struct record *box_spec(void)
{
	static const char *const gone[] = {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"};
	struct record *spec = read_json(rig.golden);
	struct record *mounts = record_new_array();
	const struct record *old = record_get(spec, "mounts");

	for (size_t i = 0; i < record_len(old); i++) {
		const char *target = record_str(record_get(record_at(old, i), "destination"));

		if (!str_eq(target, gone[0]) && !str_eq(target, gone[1]) &&
		    !str_eq(target, gone[2]))
			ck_ok(record_append(mounts, record_ref(record_at(old, i)), &err));
	}
	ck_ok(record_set(spec, "mounts", mounts, &err));
	ck_ok(record_set(record_get(spec, "linux"), "seccomp", default_seccomp(), &err));
	return spec;
}

bool rig_finds_process(const char *word)
{
	DIR *dir = opendir("/proc");
	bool found = false;
	struct dirent *e;

	while (!found && (e = readdir(dir))) {
		char path[300];
		const char *text;

		if (e->d_name[0] < '0' || e->d_name[0] > '9' || atol(e->d_name) == getpid())
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		text = ck_text(AT_FDCWD, path);
		for (const char *p = text; p && *p; p += strlen(p) + 1)
			found = found || strcmp(p, word) == 0;
	}
	(void)closedir(dir);
	return found;
}
