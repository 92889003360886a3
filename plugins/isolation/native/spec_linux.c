/* SPDX-License-Identifier: Apache-2.0 */
/* The "linux" object, but for its resources (resources.c) and seccomp (seccomp.c). */
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include "spec.h"

enum { DEVICES_MAX = 4096, PATHS_MAX = 4096 };

static void read_namespaces(const struct fields *f, struct spec *spec)
{
	size_t n = field_count(f, "namespaces", 64);

	for (size_t i = 0; i < n; i++) {
		struct fields item = field_item(f, "namespaces", i);
		const char *type = field_str(&item, "type");
		const char *path = field_str(&item, "path");
		int kind = 0;

		while (kind < SPEC_NS_COUNT && !str_eq(type, spec_ns_name(kind)))
			kind++;
		if (kind == SPEC_NS_COUNT) {
			field_invalid(&item, "type", "is '%.40s', which is no namespace",
				      type ? type : "");
			return;
		}
		if (spec->ns[kind].given)
			field_invalid(&item, "type", "is '%s' for the second time", type);
		if (path && path[0] && path[0] != '/')
			field_invalid(&item, "path", "is no absolute path");
		spec->ns[kind].given = true;
		spec->ns[kind].path = path && path[0] ? path : NULL;
	}
}

static void read_timens(const struct fields *f, const char *key, struct spec_timens *ret)
{
	struct fields offsets = field_object(f, "timeOffsets");
	struct fields t = field_object(&offsets, key);
	uint64_t nanosecs = 0;

	ret->given = t.obj != NULL;
	(void)field_int(&t, "secs", INT64_MIN, INT64_MAX, &ret->secs);
	(void)field_uint(&t, "nanosecs", 999999999, &nanosecs);
	ret->nanosecs = (uint32_t)nanosecs;
}

static void read_device(const struct fields *f, struct spec_device *ret)
{
	const char *type = field_str(f, "type");
	uint64_t mode = 0666;
	uint64_t value = 0;

	ret->path = field_str(f, "path");
	if (!ret->path || ret->path[0] != '/')
		field_invalid(f, "path", "is no absolute path");
	(void)field_uint(f, "fileMode", 0177777, &mode);
	ret->mode = (mode_t)mode & 07777;
	if (str_eq(type, "c") || str_eq(type, "u"))
		ret->mode |= S_IFCHR;
	else if (str_eq(type, "b"))
		ret->mode |= S_IFBLK;
	else if (str_eq(type, "p"))
		ret->mode |= S_IFIFO;
	else
		field_invalid(f, "type", "is '%.20s', wanted c, b, u or p", type ? type : "");
	if (field_uint(f, "major", UINT32_MAX, &value))
		ret->major = (uint32_t)value;
	if (field_uint(f, "minor", UINT32_MAX, &value))
		ret->minor = (uint32_t)value;
	if (field_uint(f, "uid", UINT32_MAX - 1, &value))
		ret->uid = (uid_t)value;
	if (field_uint(f, "gid", UINT32_MAX - 1, &value))
		ret->gid = (gid_t)value;
}

static void read_devices(const struct fields *f, struct spec *spec)
{
	size_t n = field_count(f, "devices", DEVICES_MAX);
	struct spec_device *v = field_array_alloc(f, n, sizeof(*v));

	for (size_t i = 0; v && i < n; i++) {
		struct fields item = field_item(f, "devices", i);

		read_device(&item, &v[i]);
	}
	spec->devices = v;
	spec->n_devices = v ? n : 0;
}

static const char **read_paths(const struct fields *f, const char *key)
{
	const char **v = field_strv(f, key, NULL);

	for (const char **p = v; *p; p++)
		if ((*p)[0] != '/')
			field_invalid(f, key, "has '%.100s', which is no absolute path", *p);
	return v;
}

/* "net.ipv4.conf.eth0/1.forwarding" -> "net/ipv4/conf/eth0.1/forwarding", as sysctl(8) does. */
static char *sysctl_path(struct arena *arena, const char *key)
{
	char *path = arena_copy(arena, key);
	bool slashes = key[strcspn(key, "./")] == '/';

	for (char *c = path; c && *c && !slashes; c++) {
		if (*c == '.')
			*c = '/';
		else if (*c == '/')
			*c = '.';
	}
	return path;
}

/* Which namespace of its own a container needs, so that the setting is not the host's. */
static int sysctl_namespace(const char *path)
{
	static const struct {
		const char *prefix;
		enum spec_ns_kind kind;
	} homes[] = {
		{"net/", SPEC_NS_NET},
		{"fs/mqueue/", SPEC_NS_IPC},
		{"kernel/msg", SPEC_NS_IPC},
		{"kernel/sem", SPEC_NS_IPC},
		{"kernel/shm", SPEC_NS_IPC},
		{"kernel/domainname", SPEC_NS_UTS},
		{"kernel/hostname", SPEC_NS_UTS},
	};

	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++)
		if (str_has_prefix(path, homes[i].prefix))
			return homes[i].kind;
	return -1;
}

static void read_sysctls(const struct fields *f, struct spec *spec)
{
	struct fields s = field_object(f, "sysctl");
	size_t n = record_len(s.obj);
	struct spec_sysctl *v = field_array_alloc(f, n, sizeof(*v));
	const char *key;
	struct record *value;
	size_t i = 0;

	if (!v)
		return;
	record_foreach (s.obj, key, value) {
		int kind;

		v[i].value = record_str(value);
		v[i].path = sysctl_path(f->p->arena, key);
		if (!v[i].value || !v[i].path || strstr(v[i].path, "..") || v[i].path[0] == '/') {
			field_invalid(&s, key, "is no setting");
			return;
		}
		kind = sysctl_namespace(v[i].path);
		if (kind < 0 || !spec_has_own(spec, (enum spec_ns_kind)kind))
			field_invalid(&s, key, "would change the host: %s%s%s",
				      kind < 0 ? "it belongs to no namespace" : "it needs a ",
				      kind < 0 ? "" : spec_ns_name((enum spec_ns_kind)kind),
				      kind < 0 ? "" : " namespace");
		i++;
	}
	spec->sysctls = v;
	spec->n_sysctls = i;
}

static void read_propagation(const struct fields *f, struct spec *spec)
{
	static const struct {
		const char *name;
		unsigned long flags;
	} words[] = {
		{"shared", MS_SHARED},	       {"rshared", MS_SHARED | MS_REC},
		{"slave", MS_SLAVE},	       {"rslave", MS_SLAVE | MS_REC},
		{"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
		{"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
	};
	const char *word = field_str(f, "rootfsPropagation");

	if (!word || !word[0])
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, word) == 0)
			spec->propagation = words[i].flags;
	if (!spec->propagation)
		field_invalid(f, "rootfsPropagation", "is '%.40s', which is no propagation", word);
}

static void read_personality(const struct fields *f, struct spec *spec)
{
	struct fields p = field_object(f, "personality");
	const char *domain = field_str(&p, "domain");

	if (!p.obj)
		return;
	spec->has_personality = true;
	if (str_eq(domain, "LINUX"))
		spec->personality = PER_LINUX;
	else if (str_eq(domain, "LINUX32"))
		spec->personality = PER_LINUX32;
	else
		field_invalid(&p, "domain", "is '%.40s', wanted LINUX or LINUX32",
			      domain ? domain : "");
	if (field_count(&p, "flags", 64) > 0)
		field_fail(&p, "flags", BERTH_E_UNSUPPORTED, "is not supported");
}

/* Parts of the specification that this driver knows of and does not do. */
static void note_beyond(const struct fields *f, struct spec *spec)
{
	static const char *const keys[] = {"intelRdt", "netDevices", "memoryPolicy"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (field_has(f, keys[i]))
			spec->beyond[spec->n_beyond++] = field_name(f, keys[i]);
	if (spec->resources.has_network)
		spec->beyond[spec->n_beyond++] = field_name(f, "resources.network");
	if (spec->resources.has_rdma)
		spec->beyond[spec->n_beyond++] = field_name(f, "resources.rdma");
}

void spec_read_linux(const struct fields *f, struct spec *spec)
{
	struct fields resources = field_object(f, "resources");

	read_namespaces(f, spec);
	spec->uids = spec_read_idmaps(f, "uidMappings");
	spec->gids = spec_read_idmaps(f, "gidMappings");
	read_timens(f, "monotonic", &spec->monotonic);
	read_timens(f, "boottime", &spec->boottime);
	read_devices(f, spec);
	spec->masked = read_paths(f, "maskedPaths");
	spec->readonly = read_paths(f, "readonlyPaths");
	read_sysctls(f, spec);
	spec->cgroups_path = field_str(f, "cgroupsPath");
	if (spec->cgroups_path && !spec->cgroups_path[0])
		spec->cgroups_path = NULL;
	spec->mount_label = field_str(f, "mountLabel");
	if (spec->mount_label && !spec->mount_label[0])
		spec->mount_label = NULL;
	read_propagation(f, spec);
	read_personality(f, spec);
	resources_read(&resources, &spec->resources);
	note_beyond(f, spec);
}
