/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/container/spec_parts.h"

enum {
	DEVICES_MAX = 8192, /* of one container */
	DEPTH_MAX = 16,	    /* below a directory of devices */
};

/* What is done with each device that is found. */
struct visit {
	struct jw *w;
	bool rules; /* write the rules of the devices cgroup rather than the devices */
	const char *access;
	bool all; /* of the host: leave out what a container has of its own */
	size_t n;
};

static const char *kind_of(mode_t mode)
{
	if (S_ISCHR(mode))
		return "c";
	if (S_ISBLK(mode))
		return "b";
	return S_ISFIFO(mode) ? "p" : NULL;
}

static void write_rule(struct jw *w, bool allow, const char *type, int64_t major, int64_t minor,
		       const char *access)
{
	jw_object_begin(w);
	jw_key_bool(w, "allow", allow);
	if (type)
		jw_key_str(w, "type", type);
	if (type && major >= 0)
		jw_key_int(w, "major", major);
	if (type && minor >= 0)
		jw_key_int(w, "minor", minor);
	jw_key_str(w, "access", access);
	jw_object_end(w);
}

static void write_device(struct jw *w, const char *path, const struct stat *st)
{
	jw_object_begin(w);
	jw_key_str(w, "path", path);
	jw_key_str(w, "type", kind_of(st->st_mode));
	jw_key_uint(w, "major", major(st->st_rdev));
	jw_key_uint(w, "minor", minor(st->st_rdev));
	jw_key_uint(w, "fileMode", st->st_mode & 07777);
	jw_key_uint(w, "uid", st->st_uid);
	jw_key_uint(w, "gid", st->st_gid);
	jw_object_end(w);
}

static int visit_device(struct visit *v, const char *path, const struct stat *st,
			struct berth_error *err)
{
	if (v->n++ == DEVICES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d devices", DEVICES_MAX);
	if (!v->rules)
		write_device(v->w, path, st);
	else if (!S_ISFIFO(st->st_mode))
		write_rule(v->w, true, kind_of(st->st_mode), major(st->st_rdev), minor(st->st_rdev),
			   v->access);
	return 0;
}

/* What a container has of its own, or that is another container's. */
static bool is_private_name(const char *name, mode_t mode)
{
	static const char *const dirs[] = {"pts",  "shm",   "fd",	  "mqueue",
					   ".lxc", ".udev", ".lxd-mounts"};

	if (!S_ISDIR(mode))
		return str_eq(name, "console") || S_ISFIFO(mode);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (str_eq(name, dirs[i]))
			return true;
	}
	return false;
}

static int visit_dir(struct visit *v, int dirfd, const char *path, unsigned depth,
		     struct berth_error *err);

static int visit_entry(struct visit *v, int dirfd, const char *name, const char *path,
		       unsigned depth, struct berth_error *err)
{
	cleanup_free char *full = NULL;
	cleanup_fd int sub = -1;
	struct stat st;

	/* devices come and go while we look */
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode) && !kind_of(st.st_mode))
		return 0;
	if (v->all && is_private_name(name, st.st_mode))
		return 0;
	full = str_fmt("%s/%s", path, name);
	if (!full)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (!S_ISDIR(st.st_mode))
		return visit_device(v, full, &st, err);
	if (depth == DEPTH_MAX)
		return 0;
	sub = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return sub < 0 ? 0 : visit_dir(v, sub, full, depth + 1, err);
}

/* All devices below the directory @dirfd, as @path in the container. */
static int visit_dir(struct visit *v, int dirfd, const char *path, unsigned depth,
		     struct berth_error *err)
{
	int own = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	cleanup_dir DIR *dir = own < 0 ? NULL : fdopendir(own);
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		close_fd(&own);
		return berth_fail_errno(err, errno, "read directory '%s'", path);
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			r = visit_entry(v, dirfd, entry->d_name, path, depth, err);
	}
	return r;
}

/* A device, or a directory of devices. */
static int visit_path(struct visit *v, const char *path, const char *inside,
		      struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];
	cleanup_fd int fd = -1;
	size_t before = v->n;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return berth_fail_errno(err, errno,
					"error gathering device information while adding custom "
					"device \"%s\"",
					spec_shown(path, shown));
	if (kind_of(st.st_mode))
		return visit_device(v, inside, &st, err);
	if (S_ISDIR(st.st_mode)) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return berth_fail_errno(err, errno, "open '%s'", spec_shown(path, shown));
		r = visit_dir(v, fd, inside, 0, err);
		if (r < 0 || v->n > before)
			return r;
	}
	return berth_fail(err, BERTH_E_INVALID,
			  "error gathering device information while adding custom device \"%s\": "
			  "not a device node",
			  spec_shown(path, shown));
}

/* HostConfig.Devices. */
static int visit_mappings(struct visit *v, const struct record *list, struct berth_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(list); i++) {
		const struct record *mapping = record_at(list, i);
		const char *path = record_str_or(record_get(mapping, "PathOnHost"), "");
		const char *inside = record_str_or(record_get(mapping, "PathInContainer"), path);

		/* with all of the host's it is there already */
		if (v->all && str_eq(path, inside))
			continue;
		v->access = record_str_or(record_get(mapping, "CgroupPermissions"), "rwm");
		r = visit_path(v, path, inside, err);
	}
	return r;
}

static int visit_all(struct visit *v, struct berth_error *err)
{
	cleanup_fd int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return berth_fail_errno(err, errno, "open /dev");
	return visit_dir(v, fd, "/dev", 0, err);
}

int spec_devices_write(const struct record *host, struct jw *w, struct berth_error *err)
{
	bool all = record_bool_or(record_get(host, "Privileged"), false);
	const struct record *mappings = record_get(host, "Devices");
	struct visit v = {.w = w, .all = all};
	int r = 0;

	if (!all && record_len(mappings) == 0)
		return 0;
	jw_key_array(w, "devices");
	if (all)
		r = visit_all(&v, err);
	if (r == 0)
		r = visit_mappings(&v, mappings, err);
	jw_array_end(w);
	return r;
}

/* --------------------------------------------------------------------------- cgroup rules */

struct rule {
	const char *type;
	int64_t major, minor; /* -1: all */
	char access[4];
};

static bool read_number(const char **at, char end, int64_t *ret)
{
	size_t n = strcspn(*at, end ? (char[]){end, '\0'} : "");
	char digits[16];
	uint64_t number;

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, *at, n);
	digits[n] = '\0';
	*at += n + (end && (*at)[n] == end);
	*ret = -1;
	if (str_eq(digits, "*"))
		return true;
	if (parse_u64(digits, UINT32_MAX, &number) < 0)
		return false;
	*ret = (int64_t)number;
	return true;
}

/* "c 10:* rwm"; the type may be "a" for all. */
static bool read_rule(const char *text, struct rule *ret)
{
	static const char *const types[] = {"a", "b", "c"};

	*ret = (struct rule){NULL, -1, -1, ""};
	for (size_t i = 0; i < 3; i++) {
		if (*text == *types[i])
			ret->type = types[i];
	}
	if (!ret->type || text[1] != ' ')
		return false;
	text += 2;
	if (!read_number(&text, ':', &ret->major) || !read_number(&text, ' ', &ret->minor))
		return false;
	if (!*text || strlen(text) > 3 || text[strspn(text, "rwm")])
		return false;
	memcpy(ret->access, text, strlen(text) + 1);
	return true;
}

int spec_device_rule_check(const char *text, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];
	struct rule rule;

	if (read_rule(text, &rule))
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "invalid device cgroup rule format: '%s'",
			  spec_shown(text, shown));
}

/*
 * Devices may be made, and those that are harmless used. Runtimes add these anyway; said here,
 * config.json alone tells the whole truth.
 */
static void write_default_rules(struct jw *w)
{
	static const struct {
		uint16_t major;
		int32_t minor;
	} harmless[] = {
		{1, 3},	   /* null */
		{1, 5},	   /* zero */
		{1, 7},	   /* full */
		{1, 8},	   /* random */
		{1, 9},	   /* urandom */
		{5, 0},	   /* tty */
		{5, 1},	   /* console */
		{5, 2},	   /* ptmx */
		{136, -1}, /* pts */
	};

	write_rule(w, false, NULL, -1, -1, "rwm");
	write_rule(w, true, "c", -1, -1, "m");
	write_rule(w, true, "b", -1, -1, "m");
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		write_rule(w, true, "c", harmless[i].major, harmless[i].minor, "rwm");
}

int spec_device_rules_write(const struct record *host, struct jw *w, struct berth_error *err)
{
	const struct record *list = record_get(host, "DeviceCgroupRules");
	struct visit v = {.w = w, .rules = true};
	struct rule rule;
	int r = 0;

	jw_key_array(w, "devices");
	if (record_bool_or(record_get(host, "Privileged"), false)) {
		write_rule(w, true, NULL, -1, -1, "rwm");
		jw_array_end(w);
		return 0;
	}
	write_default_rules(w);
	r = visit_mappings(&v, record_get(host, "Devices"), err);
	for (size_t i = 0; r == 0 && i < record_len(list); i++) {
		const char *text = record_str_or(record_at(list, i), "");

		r = spec_device_rule_check(text, err);
		if (r == 0 && read_rule(text, &rule))
			write_rule(w, true, rule.type, rule.major, rule.minor, rule.access);
	}
	jw_array_end(w);
	return r;
}
