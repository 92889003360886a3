/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/mount_mode.h"

#include <string.h>

#include "core/container/spec_parts.h"

enum sort { READ_WRITE, LABEL, PROPAGATION, COPY, CONSISTENCY };

static const struct {
	const char *word;
	enum sort sort;
} mode_words[] = {
	{"ro", READ_WRITE},
	{"rw", READ_WRITE},
	{"z", LABEL},
	{"Z", LABEL},
	{"private", PROPAGATION},
	{"rprivate", PROPAGATION},
	{"shared", PROPAGATION},
	{"rshared", PROPAGATION},
	{"slave", PROPAGATION},
	{"rslave", PROPAGATION},
	{"nocopy", COPY},
	{"consistent", CONSISTENCY},
	{"cached", CONSISTENCY},
	{"delegated", CONSISTENCY},
};

static int find_word(const char *word, size_t n)
{
	for (size_t i = 0; i < sizeof(mode_words) / sizeof(mode_words[0]); i++) {
		if (strlen(mode_words[i].word) == n && memcmp(mode_words[i].word, word, n) == 0)
			return (int)i;
	}
	return -1;
}

const char *mount_propagation(const char *word)
{
	int i = find_word(word, strlen(word));

	return i >= 0 && mode_words[i].sort == PROPAGATION ? mode_words[i].word : NULL;
}

bool mount_mode_parse(const char *text, struct mount_mode *ret)
{
	struct mount_mode mode = {false, false, NULL};
	unsigned seen = 0;

	while (*text) {
		size_t n = strcspn(text, ",");
		int i = find_word(text, n);

		if (i < 0 || seen & (1u << mode_words[i].sort))
			return false;
		seen |= 1u << mode_words[i].sort;
		mode.read_only |= str_eq(mode_words[i].word, "ro");
		mode.no_copy |= mode_words[i].sort == COPY;
		if (mode_words[i].sort == PROPAGATION)
			mode.propagation = mode_words[i].word;
		text += n;
		if (*text && !*++text)
			return false; /* ends with a comma */
	}
	*ret = mode;
	return true;
}

/* Options of one sort exclude each other: the last one counts. */
static const struct {
	const char *word;
	const char *sort;
} tmpfs_flags[] = {
	{"ro", "ro"},
	{"rw", "ro"},
	{"suid", "suid"},
	{"nosuid", "suid"},
	{"dev", "dev"},
	{"nodev", "dev"},
	{"exec", "exec"},
	{"noexec", "exec"},
	{"sync", "sync"},
	{"async", "sync"},
	{"dirsync", "dirsync"},
	{"mand", "mand"},
	{"nomand", "mand"},
	{"atime", "atime"},
	{"noatime", "atime"},
	{"diratime", "diratime"},
	{"nodiratime", "diratime"},
	{"relatime", "relatime"},
	{"norelatime", "relatime"},
	{"strictatime", "strictatime"},
	{"nostrictatime", "strictatime"},
	{"private", "propagation"},
	{"rprivate", "propagation"},
	{"shared", "propagation"},
	{"rshared", "propagation"},
	{"slave", "propagation"},
	{"rslave", "propagation"},
	{"unbindable", "propagation"},
	{"runbindable", "propagation"},
};

static const char *const tmpfs_values[] = {
	"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol",
};

/* What @option is of, or NULL if it is nothing that a tmpfs takes. */
static const char *tmpfs_sort(const char *option)
{
	size_t n = strcspn(option, "=");

	for (size_t i = 0; !option[n] && i < sizeof(tmpfs_flags) / sizeof(tmpfs_flags[0]); i++) {
		if (str_eq(tmpfs_flags[i].word, option))
			return tmpfs_flags[i].sort;
	}
	for (size_t i = 0; option[n] && i < sizeof(tmpfs_values) / sizeof(tmpfs_values[0]); i++) {
		if (strlen(tmpfs_values[i]) == n && memcmp(tmpfs_values[i], option, n) == 0)
			return tmpfs_values[i];
	}
	return NULL;
}

/* Whether a later option of @words than @i is of the same sort. */
static bool is_overruled(char *const *words, size_t i)
{
	const char *sort = tmpfs_sort(words[i]);

	for (size_t k = i + 1; words[k]; k++) {
		if (str_eq(tmpfs_sort(words[k]), sort))
			return true;
	}
	return false;
}

enum { TMPFS_WORDS_MAX = 64 };

int mount_tmpfs_options(const char *text, char ***ret, struct berth_error *err)
{
	cleanup_strv char **words = strv_new("noexec", "nosuid", "nodev", "rprivate", NULL);
	cleanup_strv char **given = strv_split(text, ',');
	cleanup_strv char **kept = strv_copy(NULL);
	char shown[SPEC_SHOWN_MAX];
	int r = words && given && kept ? strv_add_all(&words, given) : -1;

	if (strv_len(given) > TMPFS_WORDS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d tmpfs options",
				  TMPFS_WORDS_MAX);
	for (size_t i = 0; r == 0 && words[i]; i++) {
		if (str_eq(words[i], "defaults"))
			continue;
		if (!tmpfs_sort(words[i]))
			return berth_fail(err, BERTH_E_INVALID, "invalid tmpfs option [\"%s\"]",
					  spec_shown(words[i], shown));
		if (!is_overruled(words, i))
			r = strv_add(&kept, words[i]);
	}
	if (r < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret = steal_ptr(kept);
	return 0;
}
