/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "core/config/keys.h"
#include "core/config/locate.h"
#include "core/config/read.h"

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config_keys_count; i++)
		config_member_done(config, &config_keys[i]);
	free(config->file);
	free(config->text);
	free(config);
}

/* --- the file ------------------------------------------------------------- */

/* Who can write it decides which code runs as us. */
static int check_owner(const char *path, int fd, struct berth_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		(void)berth_fail(err, BERTH_E_DENIED,
				 "'%s' belongs to user %u, who could change what runs as you", path,
				 (unsigned)st.st_uid);
		berth_error_hint(err, "chown %u '%s'", (unsigned)geteuid(), path);
		return -BERTH_E_DENIED;
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		(void)berth_fail(err, BERTH_E_DENIED, "'%s' can be written by others (mode %04o)",
				 path, (unsigned)st.st_mode & 07777);
		berth_error_hint(err, "chmod go-w '%s'", path);
		return -BERTH_E_DENIED;
	}
	return 0;
}

static int read_file(const char *path, char **ret, struct berth_error *err)
{
	/* no waiting for the writer of a fifo */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "read '%s'", path);
	r = check_owner(path, fd, err);
	if (r < 0)
		return r;
	r = read_fd_limited(fd, CONFIG_SIZE_MAX, &text, &len, err);
	if (r < 0) {
		berth_error_prefix(err, "read '%s'", path);
		return r;
	}
	if (memchr(text, '\0', len))
		return berth_fail(err, BERTH_E_INVALID, "%s: a NUL byte is in there", path);
	*ret = steal_ptr(text);
	return 0;
}

/* --config, BERTH_CONFIG, or the usual place if something is there; else *@ret_path is NULL. */
static int find_file(const char *path, const char **ret_path, char **ret_text,
		     struct berth_error *err)
{
	int r;

	if (!path || !*path)
		path = secure_getenv("BERTH_CONFIG");
	if (path && *path) {
		r = read_file(path, ret_text, err);
		if (r == -BERTH_E_NOT_FOUND)
			berth_error_hint(err, "--config or BERTH_CONFIG names it");
	} else {
		path = CONFIG_FILE;
		r = read_file(path, ret_text, err);
		if (r == -BERTH_E_NOT_FOUND) {
			*ret_path = NULL;
			return 0;
		}
	}
	if (r < 0)
		return r;
	*ret_path = path;
	return 0;
}

/* --- the layers ----------------------------------------------------------- */

/* For tests, and for a state directory of one's own without writing a file. */
static int read_environment(struct config *config, struct berth_error *err)
{
	static const struct {
		const char *variable, *key;
	} table[] = {{"BERTH_ROOT", "root"}, {"BERTH_RUN", "run"}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct config_key *key = config_key_find("", table[i].key);
		const char *value = secure_getenv(table[i].variable);
		char *copy;
		int r;

		if (!value || !*value)
			continue;
		if (!key->type->fits(value))
			return berth_fail(err, BERTH_E_INVALID, "%s is '%.200s', wanted %s",
					  table[i].variable, value, key->type->wanted);
		r = str_copy(value, &copy, err);
		if (r < 0)
			return r;
		config_member_done(config, key);
		*(char **)config_member(config, key) = copy;
	}
	return 0;
}

/* What every use needs, and no table can make up. */
static int check_whole(const struct config *config, const char *label, struct berth_error *err)
{
	if (!*config->root || !*config->run)
		return berth_fail(err, BERTH_E_INVALID, "%s: key '%s' is missing",
				  label ? label : "built-in defaults",
				  *config->root ? "run" : "root");
	if (str_eq(config->root, config->run))
		return berth_fail(err, BERTH_E_INVALID, "'root' and 'run' are both '%s'",
				  config->root);
	return 0;
}

/* @text (may be NULL) over @defaults, into a new config which owns copies of @label and @text. */
static int make(const char *text, const char *label, const char *defaults, struct record *mistakes,
		struct config **ret, struct berth_error *err)
{
	cleanup_config struct config *config = calloc(1, sizeof(*config));
	struct config_reader reader = {.config = config, .mistakes = mistakes};
	int r;

	if (!config)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = config_read_defaults(config, defaults, err);
	if (r == 0)
		r = str_copy(label, &config->file, err);
	if (r == 0)
		r = str_copy(text, &config->text, err);
	if (r == 0 && text) {
		reader.label = label;
		reader.text = text;
		r = config_read(&reader, err);
	}
	if (r == 0)
		r = read_environment(config, err);
	if (r == 0)
		r = check_whole(config, label, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(config);
	return 0;
}

static int pass_on(int r, const struct berth_error *why, struct berth_error *err)
{
	if (r < 0 && err)
		*err = *why;
	return r;
}

int config_load(const char *path, const char *defaults, struct config **ret,
		struct berth_error *err)
{
	cleanup_free char *text = NULL;
	struct berth_error why;
	int r = find_file(path, &path, &text, &why);

	if (r == 0)
		r = make(text, path, defaults, NULL, ret, &why);
	return pass_on(r, &why, err);
}

int config_load_text(const char *text, const char *label, const char *defaults, struct config **ret,
		     struct berth_error *err)
{
	struct berth_error why;

	return pass_on(make(text, label, defaults, NULL, ret, &why), &why, err);
}

int config_check(const char *path, const char *defaults, struct record **ret,
		 struct berth_error *err)
{
	cleanup_record struct record *mistakes = record_new_array();
	cleanup_config struct config *config = NULL;
	cleanup_free char *text = NULL;
	struct berth_error why;
	int r;

	if (!mistakes)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = find_file(path, &path, &text, &why);
	if (r < 0)
		return pass_on(r, &why, err);
	r = make(text, path, defaults, mistakes, &config, &why);
	/* what does not belong to a line: the environment, something missing */
	if (r == -BERTH_E_INVALID)
		r = config_mistake_add(mistakes, path, 0, "", &why, &why);
	if (r < 0)
		return pass_on(r, &why, err);
	*ret = steal_ptr(mistakes);
	return 0;
}

/* --- questions ------------------------------------------------------------ */

const char *config_section(uint32_t kind)
{
	static const char *const sections[] = {
		[BERTH_STORAGE] = "storage",
		[BERTH_NETWORK] = "network",
		[BERTH_ISOLATION] = "isolation",
		[BERTH_REGISTRY] = "registry",
	};

	return kind < sizeof(sections) / sizeof(sections[0]) ? sections[kind] : NULL;
}

const struct record *config_driver(const struct config *config, uint32_t kind, const char *name)
{
	return config_section(kind) ? record_get(config->kind[kind].drivers, name) : NULL;
}

unsigned config_line(const struct config *config, const char *const path[])
{
	return config->text ? locate_key(config->text, path) : 0;
}
