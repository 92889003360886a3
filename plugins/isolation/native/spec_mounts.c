/* SPDX-License-Identifier: Apache-2.0 */
/* The "mounts" array: options are words of the specification, or the filesystem's own. */
#include <sys/mount.h>

#include "spec.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum { MOUNTS_MAX = 8192, IDMAPS_MAX = 340 };

enum option_kind {
	OPTION_SET,	/* an MS_ flag */
	OPTION_CLEAR,	/* its opposite */
	OPTION_REC_SET, /* a MOUNT_ATTR_ for the whole tree */
	OPTION_REC_CLEAR,
	OPTION_PROPAGATION,
	OPTION_OTHER,
};

enum {
	OTHER_NONE,
	OTHER_BIND,
	OTHER_RBIND,
	OTHER_REMOUNT,
	OTHER_COPY_UP,
	OTHER_IDMAP,
	OTHER_RIDMAP,
};

static const struct option {
	const char *name;
	enum option_kind kind;
	uint64_t value;
} options[] = {
	{"async", OPTION_CLEAR, MS_SYNCHRONOUS},
	{"atime", OPTION_CLEAR, MS_NOATIME},
	{"bind", OPTION_OTHER, OTHER_BIND},
	{"defaults", OPTION_OTHER, OTHER_NONE},
	{"dev", OPTION_CLEAR, MS_NODEV},
	{"diratime", OPTION_CLEAR, MS_NODIRATIME},
	{"dirsync", OPTION_SET, MS_DIRSYNC},
	{"exec", OPTION_CLEAR, MS_NOEXEC},
	{"idmap", OPTION_OTHER, OTHER_IDMAP},
	{"iversion", OPTION_SET, MS_I_VERSION},
	{"lazytime", OPTION_SET, MS_LAZYTIME},
	{"loud", OPTION_CLEAR, MS_SILENT},
	{"mand", OPTION_SET, MS_MANDLOCK},
	{"noatime", OPTION_SET, MS_NOATIME},
	{"nodev", OPTION_SET, MS_NODEV},
	{"nodiratime", OPTION_SET, MS_NODIRATIME},
	{"noexec", OPTION_SET, MS_NOEXEC},
	{"noiversion", OPTION_CLEAR, MS_I_VERSION},
	{"nolazytime", OPTION_CLEAR, MS_LAZYTIME},
	{"nomand", OPTION_CLEAR, MS_MANDLOCK},
	{"norelatime", OPTION_CLEAR, MS_RELATIME},
	{"nostrictatime", OPTION_CLEAR, MS_STRICTATIME},
	{"nosuid", OPTION_SET, MS_NOSUID},
	{"nosymfollow", OPTION_SET, MS_NOSYMFOLLOW},
	{"private", OPTION_PROPAGATION, MS_PRIVATE},
	{"ratime", OPTION_REC_CLEAR, MOUNT_ATTR_NOATIME},
	{"rbind", OPTION_OTHER, OTHER_RBIND},
	{"rdev", OPTION_REC_CLEAR, MOUNT_ATTR_NODEV},
	{"rdiratime", OPTION_REC_CLEAR, MOUNT_ATTR_NODIRATIME},
	{"relatime", OPTION_SET, MS_RELATIME},
	{"remount", OPTION_OTHER, OTHER_REMOUNT},
	{"rexec", OPTION_REC_CLEAR, MOUNT_ATTR_NOEXEC},
	{"ridmap", OPTION_OTHER, OTHER_RIDMAP},
	{"rnoatime", OPTION_REC_SET, MOUNT_ATTR_NOATIME},
	{"rnodev", OPTION_REC_SET, MOUNT_ATTR_NODEV},
	{"rnodiratime", OPTION_REC_SET, MOUNT_ATTR_NODIRATIME},
	{"rnoexec", OPTION_REC_SET, MOUNT_ATTR_NOEXEC},
	{"rnorelatime", OPTION_REC_CLEAR, MOUNT_ATTR_RELATIME},
	{"rnostrictatime", OPTION_REC_CLEAR, MOUNT_ATTR_STRICTATIME},
	{"rnosuid", OPTION_REC_SET, MOUNT_ATTR_NOSUID},
	{"rnosymfollow", OPTION_REC_SET, MOUNT_ATTR_NOSYMFOLLOW},
	{"ro", OPTION_SET, MS_RDONLY},
	{"rprivate", OPTION_PROPAGATION, MS_PRIVATE | MS_REC},
	{"rrelatime", OPTION_REC_SET, MOUNT_ATTR_RELATIME},
	{"rro", OPTION_REC_SET, MOUNT_ATTR_RDONLY},
	{"rrw", OPTION_REC_CLEAR, MOUNT_ATTR_RDONLY},
	{"rshared", OPTION_PROPAGATION, MS_SHARED | MS_REC},
	{"rslave", OPTION_PROPAGATION, MS_SLAVE | MS_REC},
	{"rstrictatime", OPTION_REC_SET, MOUNT_ATTR_STRICTATIME},
	{"rsuid", OPTION_REC_CLEAR, MOUNT_ATTR_NOSUID},
	{"rsymfollow", OPTION_REC_CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
	{"runbindable", OPTION_PROPAGATION, MS_UNBINDABLE | MS_REC},
	{"rw", OPTION_CLEAR, MS_RDONLY},
	{"shared", OPTION_PROPAGATION, MS_SHARED},
	{"silent", OPTION_SET, MS_SILENT},
	{"slave", OPTION_PROPAGATION, MS_SLAVE},
	{"strictatime", OPTION_SET, MS_STRICTATIME},
	{"suid", OPTION_CLEAR, MS_NOSUID},
	{"symfollow", OPTION_CLEAR, MS_NOSYMFOLLOW},
	{"sync", OPTION_SET, MS_SYNCHRONOUS},
	{"tmpcopyup", OPTION_OTHER, OTHER_COPY_UP},
	{"unbindable", OPTION_PROPAGATION, MS_UNBINDABLE},
};

const char *spec_mount_option(size_t i)
{
	return i < sizeof(options) / sizeof(options[0]) ? options[i].name : NULL;
}

static const struct option *option_find(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

static void take_other(struct spec_mount *m, uint64_t what)
{
	switch (what) {
	case OTHER_RBIND:
		m->recursive = true;
		m->bind = true;
		break;
	case OTHER_BIND:
		m->bind = true;
		break;
	case OTHER_REMOUNT:
		m->remount = true;
		break;
	case OTHER_COPY_UP:
		m->copy_up = true;
		break;
	case OTHER_RIDMAP:
		m->idmap_recursive = true;
		m->idmap = true;
		break;
	case OTHER_IDMAP:
		m->idmap = true;
		break;
	default:
		break;
	}
}

/* The last word about a flag counts. */
static void take_option(const struct fields *f, struct spec_mount *m, const struct option *o)
{
	switch (o->kind) {
	case OPTION_SET:
		m->flags |= o->value;
		m->clear &= ~(unsigned long)o->value;
		break;
	case OPTION_CLEAR:
		m->clear |= o->value;
		m->flags &= ~(unsigned long)o->value;
		break;
	case OPTION_REC_SET:
		m->rec_set |= o->value;
		m->rec_clear &= ~o->value;
		break;
	case OPTION_REC_CLEAR:
		m->rec_clear |= o->value;
		m->rec_set &= ~o->value;
		break;
	case OPTION_PROPAGATION:
		if (m->n_propagation == sizeof(m->propagation) / sizeof(m->propagation[0]))
			field_invalid(f, "options", "has too many words about propagation");
		else
			m->propagation[m->n_propagation++] = o->value;
		break;
	case OPTION_OTHER:
		take_other(m, o->value);
		break;
	}
}

static void read_options(const struct fields *f, struct spec_mount *m)
{
	const char **words = field_strv(f, "options", NULL);
	cleanup_str struct str data = STR_INIT;

	for (; *words; words++) {
		const struct option *o = option_find(*words);

		if (o) {
			take_option(f, m, o);
			continue;
		}
		if (data.len)
			str_add_char(&data, ',');
		str_add(&data, *words);
	}
	m->data = data.len ? arena_copy(f->p->arena, str_text(&data)) : "";
	if (!m->data || data.failed)
		field_fail(f, "options", BERTH_E_NO_MEMORY, "is too much for the memory");
	if (data.len >= 4096)
		field_fail(f, "options", BERTH_E_LIMIT, "has more than 4095 bytes for the kernel");
}

struct spec_idmaps spec_read_idmaps(const struct fields *f, const char *key)
{
	size_t n = field_count(f, key, IDMAPS_MAX);
	struct spec_idmap *v = field_array_alloc(f, n, sizeof(*v));

	for (size_t i = 0; v && i < n; i++) {
		struct fields item = field_item(f, key, i);
		uint64_t inside = 0;
		uint64_t outside = 0;
		uint64_t count = 0;

		if (!field_uint(&item, "containerID", UINT32_MAX, &inside) ||
		    !field_uint(&item, "hostID", UINT32_MAX, &outside) ||
		    !field_uint(&item, "size", UINT32_MAX, &count) || count == 0)
			field_invalid(&item, NULL, "needs containerID, hostID and size");
		if (inside + count > UINT32_MAX || outside + count > UINT32_MAX)
			field_invalid(&item, "size", "goes beyond the last id");
		v[i] = (struct spec_idmap){(uint32_t)inside, (uint32_t)outside, (uint32_t)count};
	}
	return (struct spec_idmaps){v, v ? n : 0};
}

int64_t spec_idmap_out(const struct spec_idmaps *maps, uint32_t inside)
{
	if (!maps->n)
		return inside;
	for (size_t i = 0; i < maps->n; i++) {
		const struct spec_idmap *m = &maps->v[i];

		if (inside >= m->inside && inside - m->inside < m->count)
			return (int64_t)m->outside + (inside - m->inside);
	}
	return -1;
}

static bool is_root(const char *path)
{
	for (; *path; path++)
		if (*path != '/' && !(*path == '.' && (path[1] == '/' || !path[1])))
			return false;
	return true;
}

static void check_mount(const struct fields *f, struct spec_mount *m)
{
	if (!m->target || !m->target[0]) {
		field_invalid(f, "destination", "is missing");
		return;
	}
	if (is_root(m->target))
		field_invalid(f, "destination", "is the root, which root.path is for");
	if (m->kind == SPEC_MOUNT_BIND && (!m->source || !m->source[0]))
		field_invalid(f, "source", "is missing, and a bind mount has one");
	if (m->kind == SPEC_MOUNT_FS && (!m->type || !m->type[0]))
		field_invalid(f, "type", "is missing, and it is no bind mount");
	if (m->uids.n != m->gids.n && (!m->uids.n || !m->gids.n))
		field_invalid(f, "uidMappings", "and gidMappings must both be there, or none");
	if ((m->idmap || m->uids.n) && m->kind != SPEC_MOUNT_BIND)
		field_fail(f, "options", BERTH_E_UNSUPPORTED,
			   "has idmap for what is no bind mount");
	if (m->copy_up && !str_eq(m->type, "tmpfs"))
		field_invalid(f, "options", "has tmpcopyup for what is no tmpfs");
}

static void read_mount(const struct fields *f, struct spec_mount *m)
{
	*m = (struct spec_mount){.kind = SPEC_MOUNT_FS};
	m->target = field_str(f, "destination");
	m->type = field_str(f, "type");
	m->source = field_str(f, "source");
	read_options(f, m);
	if (m->remount)
		m->kind = SPEC_MOUNT_REMOUNT;
	else if (m->bind || str_eq(m->type, "bind"))
		m->kind = SPEC_MOUNT_BIND;
	else if (str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2"))
		m->kind = SPEC_MOUNT_CGROUP;
	m->uids = spec_read_idmaps(f, "uidMappings");
	m->gids = spec_read_idmaps(f, "gidMappings");
	/* the mappings alone mean "idmap" */
	m->idmap = m->idmap || m->uids.n;
	check_mount(f, m);
}

void spec_read_mounts(const struct fields *root, struct spec *spec)
{
	size_t n = field_count(root, "mounts", MOUNTS_MAX);

	spec->mounts = field_array_alloc(root, n, sizeof(*spec->mounts));
	for (size_t i = 0; spec->mounts && i < n; i++) {
		struct fields item = field_item(root, "mounts", i);

		read_mount(&item, &spec->mounts[i]);
	}
	spec->n_mounts = spec->mounts ? n : 0;
}
