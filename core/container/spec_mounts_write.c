/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "core/container/spec_parts.h"

enum { MOUNTINFO_MAX = 64 * 1024 * 1024 };

/* What every container has; the options as JSON, as they never change. */
static const struct {
	const char *target, *rest;
	const char *privileged; /* instead, if it may write there */
} base_mounts[] = {
	{"/proc", "\"type\":\"proc\",\"source\":\"proc\","
		  "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]"},
	{"/dev", "\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		 "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]"},
	{"/dev/pts", "\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
		     "\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]"},
	{"/sys",
	 "\"type\":\"sysfs\",\"source\":\"sysfs\","
	 "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]",
	 "\"type\":\"sysfs\",\"source\":\"sysfs\","
	 "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]"},
	{"/sys/fs/cgroup",
	 "\"type\":\"cgroup\",\"source\":\"cgroup\","
	 "\"options\":[\"ro\",\"nosuid\",\"noexec\",\"nodev\"]",
	 "\"type\":\"cgroup\",\"source\":\"cgroup\","
	 "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]"},
	{"/dev/mqueue", "\"type\":\"mqueue\",\"source\":\"mqueue\","
			"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]"},
	{"/dev/shm", NULL},
};

static bool has_target(const struct spec_input *in, const char *target)
{
	for (size_t i = 0; i < in->n_mounts; i++) {
		if (str_eq(in->mounts[i].target, target))
			return true;
	}
	return false;
}

static void write_options(const char *const *options, struct jw *w)
{
	jw_key_array(w, "options");
	for (; *options; options++)
		jw_str(w, *options);
	jw_array_end(w);
}

static void write_bind(const char *target, const char *source, const char *const *options,
		       struct jw *w)
{
	jw_object_begin(w);
	jw_key_str(w, "destination", target);
	jw_key_str(w, "type", "bind");
	jw_key_str(w, "source", source);
	write_options(options, w);
	jw_object_end(w);
}

/* Who shares an IPC namespace shares /dev/shm, where the half of it is that has names. */
static void write_shm(const struct spec_input *in, struct jw *w)
{
	static const char *const shared[] = {"rbind", "rprivate", NULL};
	const struct record *host = record_get(in->merged, "HostConfig");
	const char *source = in->shm_path;
	char size[32];

	if (str_eq(record_str(record_get(host, "IpcMode")), "none"))
		return;
	if (!source && spec_mode_is_host(host, "IpcMode"))
		source = "/dev/shm";
	if (source) {
		write_bind("/dev/shm", source, shared, w);
		return;
	}
	(void)snprintf(size, sizeof(size), "size=%lld",
		       (long long)record_int_or(record_get(host, "ShmSize"), 64 << 20));
	jw_object_begin(w);
	jw_key_str(w, "destination", "/dev/shm");
	jw_key_str(w, "type", "tmpfs");
	jw_key_str(w, "source", "shm");
	write_options((const char *const[]){"nosuid", "noexec", "nodev", "mode=1777", size, NULL},
		      w);
	jw_object_end(w);
}

static bool cgroup_writable(const struct spec_input *in, const struct security_opt *security,
			    bool privileged)
{
	/* in a user namespace the mount could not be made read-only */
	if (in->uid_map)
		return true;
	return security->cgroups_given ? security->cgroups_writable : privileged;
}

static void write_base(const struct spec_input *in, const struct security_opt *security,
		       struct jw *w)
{
	bool privileged = record_bool_or(record_path(in->merged, "HostConfig.Privileged"), false);
	bool own_dev = has_target(in, "/dev");

	for (size_t i = 0; i < sizeof(base_mounts) / sizeof(base_mounts[0]); i++) {
		const char *target = base_mounts[i].target;
		const char *rest = base_mounts[i].rest;
		bool writable = str_eq(target, "/sys/fs/cgroup")
					? cgroup_writable(in, security, privileged)
					: privileged;

		if (has_target(in, target) || (own_dev && str_has_prefix(target, "/dev/")))
			continue;
		if (!rest) {
			write_shm(in, w);
			continue;
		}
		if (writable && base_mounts[i].privileged)
			rest = base_mounts[i].privileged;
		jw_object_begin(w);
		jw_key_str(w, "destination", target);
		str_add_char(w->out, ',');
		str_add(w->out, rest);
		jw_object_end(w);
	}
}

/* ------------------------------------------------------------------------ propagation */

/* The line of mountinfo of the mount with number @id. */
static const char *mount_line(const char *table, uint64_t id, size_t *ret_len)
{
	for (const char *line = table; *line;) {
		size_t n = strcspn(line, "\n");
		char word[24];
		uint64_t number;
		size_t k = strcspn(line, " ");

		if (k < sizeof(word)) {
			memcpy(word, line, k);
			word[k] = '\0';
			if (parse_u64(word, UINT64_MAX, &number) == 0 && number == id) {
				*ret_len = n;
				return line;
			}
		}
		line += n + (line[n] == '\n');
	}
	return NULL;
}

/* Field @i, from 0, of a line. */
static const char *line_field(const char *line, size_t n, int i, size_t *ret_len)
{
	const char *end = line + n;

	for (; i > 0; i--) {
		line = memchr(line, ' ', (size_t)(end - line));
		if (!line)
			return NULL;
		line++;
	}
	*ret_len = strcspn(line, " \n");
	return line;
}

/* Whether one of the optional fields, which end with " - ", begins with @word. */
static bool has_field(const char *line, size_t n, const char *word)
{
	const char *end = memmem(line, n, " - ", 3);
	const char *found = memmem(line, end ? (size_t)(end - line) : n, word, strlen(word));

	return found != NULL;
}

static int check_shared(const char *path, bool slave_will_do, struct berth_error *err)
{
	cleanup_fd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	cleanup_free char *table = NULL;
	char shown[SPEC_SHOWN_MAX];
	struct statx at;
	const char *line, *where;
	size_t len, n = 0, where_len = 0;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open /proc/self/mountinfo");
	r = read_fd_limited(fd, MOUNTINFO_MAX, &table, &len, err);
	if (r < 0)
		return r;
	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &at) < 0)
		return berth_fail_errno(err, errno, "'%s'", spec_shown(path, shown));
	line = mount_line(table, at.stx_mnt_id, &n);
	if (line &&
	    (has_field(line, n, " shared:") || (slave_will_do && has_field(line, n, " master:"))))
		return 0;
	where = line ? line_field(line, n, 4, &where_len) : NULL;
	return berth_fail(err, BERTH_E_INVALID,
			  "path %s is mounted on %.*s but it is not a shared%s mount",
			  spec_shown(path, shown), (int)where_len, where ? where : "",
			  slave_will_do ? " or slave" : "");
}

/* A mount can only be shared with the host if the root of the container is. */
static int propagate(const struct spec_mount *m, const char *source, const char **propagation,
		     struct berth_error *err)
{
	const char *kind = m->propagation ? m->propagation : "";
	bool shared = str_has_suffix(kind, "shared");
	int r;

	if (!shared && !str_has_suffix(kind, "slave"))
		return 0;
	r = check_shared(source, !shared, err);
	if (r < 0)
		return r;
	if (shared)
		*propagation = "shared";
	else if (!*propagation)
		*propagation = "rslave";
	return 0;
}

/* ------------------------------------------------------------------------ the user's */

static int write_mount(const struct spec_mount *m, struct jw *w, const char **propagation,
		       struct berth_error *err)
{
	const char *source = m->host_path ? m->host_path : m->source;
	char shown[SPEC_SHOWN_MAX];
	int r;

	if (str_eq(m->type, "tmpfs")) {
		jw_object_begin(w);
		jw_key_str(w, "destination", m->target);
		jw_key_str(w, "type", "tmpfs");
		jw_key_str(w, "source", "tmpfs");
		write_options((const char *const *)m->options, w);
		jw_object_end(w);
		return 0;
	}
	if (!m->host_path && !str_eq(m->type, "bind"))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "mount of type %s at '%s' has no directory on the host", m->type,
				  spec_shown(m->target, shown));
	r = propagate(m, source, propagation, err);
	if (r == 0)
		write_bind(m->target, source, (const char *const *)m->options, w);
	return r;
}

static void write_file(const struct spec_input *in, const char *target, const char *source,
		       struct jw *w)
{
	static const char *const rw[] = {"rbind", "rprivate", NULL};
	static const char *const ro[] = {"rbind", "ro", "rprivate", NULL};
	bool frozen = record_bool_or(record_path(in->merged, "HostConfig.ReadonlyRootfs"), false);

	if (source && !has_target(in, target))
		write_bind(target, source, frozen ? ro : rw, w);
}

int spec_mounts_write(const struct spec_input *in, struct jw *w, const char **ret_propagation,
		      struct berth_error *err)
{
	static const char *const init_options[] = {"bind", "ro", NULL};
	const struct record *host = record_get(in->merged, "HostConfig");
	const char *propagation = NULL;
	struct security_opt security;
	int r = security_opt_read(record_get(host, "SecurityOpt"), &security, err);

	if (r < 0)
		return r;
	jw_key_array(w, "mounts");
	write_base(in, &security, w);
	for (size_t i = 0; r == 0 && i < in->n_mounts; i++)
		r = write_mount(&in->mounts[i], w, &propagation, err);
	if (r < 0)
		return r;
	write_file(in, "/etc/resolv.conf", in->resolv_path, w);
	write_file(in, "/etc/hostname", in->hostname_path, w);
	write_file(in, "/etc/hosts", in->hosts_path, w);
	/* last, so that nothing of the user's covers it */
	if (spec_has_init(in))
		write_bind(SPEC_INIT_PATH, in->init_path, init_options, w);
	jw_array_end(w);
	*ret_propagation = propagation;
	return 0;
}
