/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/find.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/ident.h"
#include "base/path.h"
#include "core/driver/info.h"

enum { FILES_MAX = 4096 }; /* in one directory */

/* --- files ---------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The *.so of one directory, sorted, added to *@files. An absent directory has none. */
static int add_dir(const char *path, char ***files, struct berth_error *err)
{
	cleanup_strv char **found = NULL;
	cleanup_dir DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t n = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return berth_fail_errno(err, errno, "read directory '%s'", path);
	while ((entry = readdir(dir))) {
		if (!str_has_suffix(entry->d_name, ".so") || entry->d_name[0] == '.')
			continue;
		if (++n > FILES_MAX)
			return berth_fail(err, BERTH_E_LIMIT, "more than %d files in '%s'",
					  FILES_MAX, path);
		if (strv_take(&found, path_join(path, entry->d_name)) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (n)
		qsort(found, n, sizeof(found[0]), by_text);
	if (strv_add_all(files, found) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

/* Driver directory @dir and, in it, one for each kind. */
static int add_dirs(const char *dir, char ***files, struct berth_error *err)
{
	int r = add_dir(dir, files, err);

	for (uint32_t kind = BERTH_STORAGE; r == 0 && kind <= BERTH_REGISTRY; kind++) {
		cleanup_free char *path = path_join(dir, config_section(kind));

		if (!path)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = add_dir(path, files, err);
	}
	return r;
}

static int add_named(const struct config *config, char ***files, struct berth_error *err)
{
	for (uint32_t kind = BERTH_STORAGE; kind <= BERTH_REGISTRY; kind++) {
		const char *name;
		struct record *entry;

		record_foreach (config->kind[kind].drivers, name, entry) {
			const char *file = record_str(record_get(entry, "file"));

			if (file && !strv_has(*files, file) && strv_add(files, file) < 0)
				return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		}
	}
	return 0;
}

int find_files(const struct config *config, char ***ret, struct berth_error *err)
{
	cleanup_strv char **files = strv_copy(NULL);
	int r = files ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	strv_foreach (dir, config->driver_dirs) {
		if (r == 0)
			r = add_dirs(*dir, &files, err);
	}
	if (r == 0)
		r = add_named(config, &files, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(files);
	return 0;
}

/* --- by what is inside ---------------------------------------------------- */

/* The records of file @path; 0 if it has none that can be read. */
static size_t records_of(const char *path, struct info infos[static INFO_MAX])
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	size_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    info_read(fd, infos, &n, NULL) < 0)
		return 0;
	return n;
}

static bool holds(const char *path, uint32_t kind, const char *name)
{
	struct info infos[INFO_MAX];
	size_t n = records_of(path, infos);

	for (size_t i = 0; i < n; i++) {
		if (infos[i].kind == kind && infos[i].abi == BERTH_ABI &&
		    str_eq(infos[i].name, name))
			return true;
	}
	return false;
}

/* Names of all drivers of @kind in @files. */
static int names_of(char *const *files, uint32_t kind, char ***ret, struct berth_error *err)
{
	cleanup_strv char **names = strv_copy(NULL);

	strv_foreach (file, files) {
		struct info infos[INFO_MAX];
		size_t n = records_of(*file, infos);

		for (size_t i = 0; i < n; i++) {
			if (infos[i].kind == kind && !strv_has(names, infos[i].name) &&
			    strv_add(&names, infos[i].name) < 0)
				return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		}
	}
	*ret = steal_ptr(names);
	return 0;
}

/* --- the answer ----------------------------------------------------------- */

static int not_found(const struct config *config, uint32_t kind, const char *name,
		     char *const *files, struct berth_error *err)
{
	cleanup_strv char **names = NULL;
	cleanup_free char *list = NULL, *dirs = strv_join(config->driver_dirs, "', '");
	const char *near;
	int r = names_of(files, kind, &names, err);

	if (r < 0)
		return r;
	list = strv_join(names, ", ");
	near = str_nearest(name, (const char *const *)names, strv_len(names));
	(void)berth_fail(err, BERTH_E_NOT_FOUND, "no %s driver '%s' in '%s'%s%s%s",
			 config_section(kind), name, dirs ? dirs : "",
			 near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
	if (list && *list)
		berth_error_hint(err, "there is: %s", list);
	else
		berth_error_hint(err, "no %s driver is there; is 'driver_dirs' right?",
				 config_section(kind));
	return -BERTH_E_NOT_FOUND;
}

/* KIND/NAME.so, where nearly all are. *@ret NULL: in none of the directories. */
static int find_by_file_name(const struct config *config, uint32_t kind, const char *name,
			     char **ret, struct berth_error *err)
{
	*ret = NULL;
	strv_foreach (dir, config->driver_dirs) {
		cleanup_free char *path = str_fmt("%s/%s/%s.so", *dir, config_section(kind), name);

		if (!path)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0) {
			*ret = steal_ptr(path);
			return 0;
		}
	}
	return 0;
}

int find_driver(const struct config *config, uint32_t kind, const char *name, char **ret_path,
		struct berth_error *err)
{
	const char *file;
	cleanup_strv char **files = NULL;
	cleanup_free char *path = NULL;
	int r;

	if (!ident_is_driver(name)) {
		(void)berth_fail(
			err, BERTH_E_INVALID,
			"'%.60s' is no name of a driver (a letter, then letters, digits and "
			"'-')",
			name);
		if (strchr(name, '/'))
			berth_error_hint(err,
					 "a file of your own gets a name by the config: \"%s\": "
					 "{\"drivers\": {\"NAME\": {\"file\": \"/PATH\"}}}",
					 config_section(kind));
		else if (str_has_suffix(name, ".so"))
			berth_error_hint(err, "a file is named with a slash: './%.60s'", name);
		return -BERTH_E_INVALID;
	}
	file = record_str(record_get(config_driver(config, kind, name), "file"));
	if (file)
		return str_copy(file, ret_path, err);
	r = find_by_file_name(config, kind, name, &path, err);
	if (r < 0)
		return r;
	if (!path) {
		r = find_files(config, &files, err);
		if (r < 0)
			return r;
		strv_foreach (at, files) {
			if (holds(*at, kind, name))
				return str_copy(*at, ret_path, err);
		}
		return not_found(config, kind, name, files, err);
	}
	*ret_path = steal_ptr(path);
	return 0;
}

int find_kind(const struct config *config, const char *name, uint32_t *ret, struct berth_error *err)
{
	for (uint32_t kind = BERTH_STORAGE; kind <= BERTH_REGISTRY; kind++) {
		cleanup_free char *path = NULL;
		struct berth_error why;
		int r = find_driver(config, kind, name, &path, &why);

		if (r == 0) {
			*ret = kind;
			return 0;
		}
		if (r != -BERTH_E_NOT_FOUND) {
			if (err)
				*err = why;
			return r;
		}
	}
	(void)berth_fail(err, BERTH_E_NOT_FOUND, "no driver '%s'", name);
	berth_error_hint(err, "see `berth driver ls`");
	return -BERTH_E_NOT_FOUND;
}
