/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/doctor.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "core/driver/loaded.h"
#include "core/driver/sink.h"
#include "core/driver/trust.h"

enum { INODES_WANTED = 100000 };

#define BYTES_WANTED (UINT64_C(1) << 30)

/* --- directories ---------------------------------------------------------- */

/* Filesystems that are worth a word; a name is no evidence of what works, probes are. */
static const struct {
	unsigned long magic;
	const char *name;
	const char *trouble; /* for state that must survive, or NULL */
} filesystems[] = {
	{EXT4_SUPER_MAGIC, "ext4", NULL},
	{XFS_SUPER_MAGIC, "xfs", NULL},
	{BTRFS_SUPER_MAGIC, "btrfs", NULL},
	{F2FS_SUPER_MAGIC, "f2fs", NULL},
	{0x2fc12fc1, "zfs", NULL},
	{0xca451a4e, "bcachefs", NULL},
	{TMPFS_MAGIC, "tmpfs", "it does not survive a reboot"},
	{RAMFS_MAGIC, "ramfs", "it does not survive a reboot"},
	{OVERLAYFS_SUPER_MAGIC, "overlay", "it cannot carry every storage driver"},
	{NFS_SUPER_MAGIC, "nfs", "locks and owners may not work as they should"},
	{0x65735546, "fuse", "it may lack what storage drivers need"},
	{SQUASHFS_MAGIC, "squashfs", "it cannot be written to"},
};

/* @path or the nearest directory above it that is there. Changes @path. */
static void nearest(char *path)
{
	struct stat st;

	while (stat(path, &st) < 0 && path[1]) {
		char *slash = strrchr(path, '/');

		slash[slash == path] = '\0';
	}
}

static int examine_filesystem(const char *root, struct record *list, struct berth_error *err)
{
	struct statfs fs;
	size_t i = 0, n = sizeof(filesystems) / sizeof(filesystems[0]);

	if (statfs(root, &fs) < 0)
		return finding_addf(list, BERTH_FINDING_ERROR, "root.filesystem", NULL, err,
				    "'%s' cannot be looked at: %s", root, strerror(errno));
	while (i < n && filesystems[i].magic != (unsigned long)fs.f_type)
		i++;
	if (i == n)
		return finding_addf(list, BERTH_FINDING_INFO, "root.filesystem", NULL, err,
				    "'%s' is on a filesystem that is not known (0x%lx)", root,
				    (unsigned long)fs.f_type);
	if (filesystems[i].trouble)
		return finding_addf(list, BERTH_FINDING_WARN, "root.filesystem",
				    "set \"root\" to a directory of a local disk", err,
				    "'%s' is on %s: %s", root, filesystems[i].name,
				    filesystems[i].trouble);
	return finding_addf(list, BERTH_FINDING_OK, "root.filesystem", NULL, err, "'%s' is on %s",
			    root, filesystems[i].name);
}

static int examine_room(const char *root, struct record *list, struct berth_error *err)
{
	char human[STR_SIZE_MAX];
	struct statvfs fs;
	uint64_t bytes;
	int r;

	if (statvfs(root, &fs) < 0)
		return 0; /* said already */
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	str_human_size(bytes, STR_SIZE_BINARY, 3, human);
	r = finding_addf(list, bytes < BYTES_WANTED ? BERTH_FINDING_WARN : BERTH_FINDING_OK,
			 "root.space",
			 bytes < BYTES_WANTED ? "remove images that are not used" : NULL, err,
			 "%s are free for images and containers", human);
	/* filesystems that make inodes as they go say 0 */
	if (r == 0 && fs.f_files && fs.f_favail < INODES_WANTED)
		r = finding_addf(list, BERTH_FINDING_WARN, "root.inodes",
				 "use a filesystem with more inodes", err,
				 "only %" PRIu64
				 " more files can be made for images and containers",
				 (uint64_t)fs.f_favail);
	return r;
}

/* Is directory @path ours alone? @id begins the finding's id. */
static int examine_owner(const char *path, const char *id, struct record *list,
			 struct berth_error *err)
{
	struct berth_error why;
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT)
		return finding_addf(list, BERTH_FINDING_INFO, id, NULL, err,
				    "'%s' is not there yet; it is made when it is needed", path);
	if (trust_dir(path, &why) < 0)
		return finding_addf(list, BERTH_FINDING_ERROR, id, why.hint, err, "'%s': %s", path,
				    why.text);
	if (access(path, W_OK) < 0)
		return finding_addf(list, BERTH_FINDING_ERROR, id,
				    geteuid() ? "run it as root, or set \"root\" and \"run\""
					      : NULL,
				    err, "'%s' cannot be written to: %s", path, strerror(errno));
	return finding_addf(list, BERTH_FINDING_OK, id, NULL, err, "'%s' is there, and ours alone",
			    path);
}

static int examine_driver_dirs(const struct config *config, struct record *list,
			       struct berth_error *err)
{
	int r = 0;

	strv_foreach (dir, config->driver_dirs) {
		struct berth_error why;
		struct stat st;

		if (r < 0)
			return r;
		if (stat(*dir, &st) < 0)
			r = finding_addf(list, BERTH_FINDING_WARN, "drivers.directory",
					 "install drivers there, or correct \"driver_dirs\"", err,
					 "driver directory '%s' cannot be looked at: %s", *dir,
					 strerror(errno));
		else if (trust_dir(*dir, &why) < 0)
			r = finding_addf(list, BERTH_FINDING_ERROR, "drivers.directory", why.hint,
					 err, "no driver of '%s' is loaded: %s", *dir, why.text);
	}
	return r;
}

static int examine_dirs(const struct config *config, struct record *list, struct berth_error *err)
{
	cleanup_free char *root = strdup(config->root);
	int r;

	if (!root)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	nearest(root);
	r = examine_filesystem(root, list, err);
	if (r == 0)
		r = examine_room(root, list, err);
	if (r == 0)
		r = examine_owner(config->root, "root.directory", list, err);
	if (r == 0)
		r = examine_owner(config->run, "run.directory", list, err);
	if (r == 0)
		r = examine_driver_dirs(config, list, err);
	return r;
}

/* --- drivers -------------------------------------------------------------- */

/* A driver to look at, once. */
struct patient {
	uint32_t kind;
	char name[33];
};

enum { PATIENTS_MAX = 256 };

struct ward {
	struct drivers *d;
	struct patient patients[PATIENTS_MAX];
	size_t n;
	struct record *list;
	char *chosen; /* the storage driver that "auto" is; NULL: none, or the config names one */
	struct berth_error *err;
};

static void admit(struct ward *w, uint32_t kind, const char *name)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->patients[i].kind == kind && str_eq(w->patients[i].name, name))
			return;
	}
	if (w->n == PATIENTS_MAX)
		return;
	w->patients[w->n].kind = kind;
	(void)snprintf(w->patients[w->n].name, sizeof(w->patients[0].name), "%s", name);
	w->n++;
}

static void admit_all(struct ward *w, uint32_t kind, char *const *names)
{
	strv_foreach (name, names)
		admit(w, kind, *name);
}

/* What the config names comes first. */
static void admit_named(struct ward *w)
{
	for (uint32_t kind = BERTH_STORAGE; kind <= BERTH_REGISTRY; kind++) {
		const struct config_kind *k = &w->d->config->kind[kind];
		const char *name;
		struct record *entry;

		if (k->driver && *k->driver && !str_eq(k->driver, "auto"))
			admit(w, kind, k->driver);
		admit_all(w, kind, k->candidates);
		admit_all(w, kind, k->archives);
		if (k->save && *k->save)
			admit(w, kind, k->save);
		record_foreach (k->drivers, name, entry)
			admit(w, kind, name);
	}
}

static int admit_file(void *arg, const struct driver_file *file)
{
	struct ward *w = arg;

	if (file->kind && config_section(file->kind)) {
		admit(w, file->kind, file->name);
		return 0;
	}
	/* nobody can name what has no name, so nobody will come upon it otherwise */
	return finding_addf(w->list, BERTH_FINDING_WARN, "drivers.file", file->refused.hint, w->err,
			    "'%s' is not loaded: %s", file->path, file->refused.text);
}

/* Of the candidates of "auto" only the chosen one is. */
static bool is_used(const struct ward *w, const struct patient *p)
{
	const struct config_kind *k = &w->d->config->kind[p->kind];

	if (p->kind == BERTH_STORAGE && w->chosen)
		return str_eq(w->chosen, p->name);
	return str_eq(k->driver, p->name) || str_eq(k->save, p->name) ||
	       strv_has(k->candidates, p->name) || strv_has(k->archives, p->name);
}

static int mark(struct record *list, size_t from, const char *driver, bool used,
		struct berth_error *err)
{
	int r = 0;

	for (size_t i = from; r == 0 && i < record_len(list); i++) {
		r = record_set_str(record_at(list, i), "driver", driver, err);
		if (r == 0)
			r = record_set_bool(record_at(list, i), "used", used, err);
	}
	return r;
}

static int probe_patient(struct ward *w, const struct patient *p)
{
	struct berth_error why;
	size_t before = record_len(w->list);
	char driver[64];
	int r;

	(void)snprintf(driver, sizeof(driver), "%s %s", driver_kind_name(p->kind), p->name);
	r = driver_probe(w->d, p->kind, p->name, w->list, &why);
	if (r < 0) {
		char id[64];

		(void)snprintf(id, sizeof(id), "%s.load", p->name);
		r = finding_addf(w->list, BERTH_FINDING_ERROR, id, why.hint, w->err, "%s",
				 why.text);
	}
	return r == 0 ? mark(w->list, before, driver, is_used(w, p), w->err) : r;
}

/* What "auto" is, or would be, and why. */
static int examine_auto(struct ward *w)
{
	cleanup_str struct str reasons = STR_INIT;
	struct berth_error why = {0};
	bool made = false;
	int r;

	if (!str_eq(w->d->config->kind[BERTH_STORAGE].driver, "auto"))
		return 0;
	{
		with_lock(w->d);

		r = drivers_auto_look(w->d, &w->chosen, &reasons, &made, &why);
	}
	if (r < 0)
		return finding_addf(w->list, BERTH_FINDING_ERROR, "storage.auto", why.hint, w->err,
				    "%s", why.text);
	return finding_addf(w->list, BERTH_FINDING_OK, "storage.auto", NULL, w->err,
			    "storage driver \"auto\" %s '%s': %s", made ? "is" : "will be",
			    w->chosen, str_text(&reasons));
}

static int examine_drivers(struct drivers *d, struct record *list, struct berth_error *err)
{
	cleanup_free struct ward *w = calloc(1, sizeof(*w));
	size_t before = record_len(list);
	int r;

	if (!w)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	w->d = d;
	w->list = list;
	w->err = err;
	admit_named(w);
	r = drivers_each_file(d, admit_file, w, err);
	if (r == 0)
		r = examine_auto(w);
	if (r == 0)
		r = mark(list, before, "", true, err);
	for (size_t i = 0; r == 0 && i < w->n; i++) {
		with_lock(d);

		r = probe_patient(w, &w->patients[i]);
	}
	free(w->chosen);
	return r;
}

int doctor(struct drivers *d, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *list = record_new_array();
	int r;

	if (!list)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = machine_examine(list, err);
	if (r == 0)
		r = examine_dirs(d->config, list, err);
	if (r == 0)
		r = mark(list, 0, "", true, err);
	if (r == 0)
		r = examine_drivers(d, list, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(list);
	return 0;
}
