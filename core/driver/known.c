/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/known.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/log.h"
#include "base/path.h"

#define KNOWN_FILE "drivers.known"

enum {
	KNOWN_MAX = 256 * 1024, /* bytes; a longer file is begun anew */
	KEY_MAX = 128,
	WHY_MAX = 256,
};

void known_done(struct known *known)
{
	free(known->text);
	known->text = NULL;
}

/* Another content has another time or size, another file another inode. */
static void make_key(const struct stat *st, char out[static KEY_MAX])
{
	(void)snprintf(out, KEY_MAX, "%ju %ju %jd %jd.%09ld\t", (uintmax_t)st->st_dev,
		       (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
		       st->st_mtim.tv_nsec);
}

static void read_file(struct known *known, const char *root)
{
	cleanup_fd int dirfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0 || state_read(dirfd, KNOWN_FILE, KNOWN_MAX, &known->text, NULL, NULL) < 0)
		known->text = NULL;
}

/* The line that begins with @key, or NULL. */
static char *find_line(char *text, const char *key)
{
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (str_has_prefix(line, key))
			return line;
	}
	return NULL;
}

bool known_find(struct known *known, const char *root, const struct stat *st, const char **ret_why)
{
	static _Thread_local char why[WHY_MAX];
	char key[KEY_MAX];
	const char *verdict;
	size_t len;

	make_key(st, key);
	if (!known->text)
		read_file(known, root);
	verdict = find_line(known->text, key);
	if (!verdict)
		return false;
	verdict += strlen(key);
	len = strcspn(verdict, "\t\n");
	if (len == 2 && memcmp(verdict, "ok", 2) == 0) {
		*ret_why = NULL;
		return true;
	}
	(void)snprintf(why, sizeof(why), "%.*s", (int)len, verdict);
	*ret_why = why;
	return true;
}

/* All lines but those of @path, whose file is another one now. */
static void keep_others(const char *text, const char *path, struct str *out)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");
		const char *tab = memrchr(text, '\t', len);
		size_t name = tab ? len - (size_t)(tab + 1 - text) : 0;

		if (tab && (name != strlen(path) || memcmp(tab + 1, path, name) != 0)) {
			str_add_n(out, text, len);
			str_add_char(out, '\n');
		}
		text += len + (text[len] == '\n');
	}
}

void known_add(struct known *known, const char *root, const struct stat *st, const char *path,
	       const char *why)
{
	cleanup_fd int dirfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_str struct str text = STR_INIT;
	char key[KEY_MAX];
	struct berth_error err;

	if (dirfd < 0 || strpbrk(path, "\t\n"))
		return;
	known_done(known);
	read_file(known, root); /* another process may have added some */
	if (known->text && strlen(known->text) < KNOWN_MAX / 2)
		keep_others(known->text, path, &text);
	make_key(st, key);
	str_addf(&text, "%s%s\t%s\n", key, why ? why : "ok", path);
	known_done(known);
	if (str_check(&text, NULL) == 0 &&
	    state_replace(dirfd, KNOWN_FILE, 0600, text.p, text.len, 0, &err) < 0)
		log_debug("drivers.known", "path='%s' error='%s'", path, err.text);
	known->text = str_steal(&text);
}
