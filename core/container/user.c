/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/user.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "core/container/spec_parts.h"

/* Bytes within a file; not terminated. */
struct word {
	const char *p;
	size_t n;
};

static bool word_is(struct word w, const char *s)
{
	return w.n == strlen(s) && memcmp(w.p, s, w.n) == 0;
}

/* The next part of *@rest up to @sep; false when nothing is left, not even an empty part. */
static bool next_word(struct word *rest, char sep, struct word *ret)
{
	const char *end;

	if (!rest->p)
		return false;
	end = memchr(rest->p, sep, rest->n);
	*ret = (struct word){rest->p, end ? (size_t)(end - rest->p) : rest->n};
	*rest = end ? (struct word){end + 1, rest->n - ret->n - 1} : (struct word){NULL, 0};
	return true;
}

static struct word trim(struct word w)
{
	while (w.n && strchr(" \t\r\v\f", *w.p) && *w.p) {
		w.p++;
		w.n--;
	}
	while (w.n && strchr(" \t\r\v\f", w.p[w.n - 1]) && w.p[w.n - 1])
		w.n--;
	return w;
}

static bool word_id(struct word w, uint32_t *ret)
{
	uint64_t id = 0;

	if (w.n == 0 || w.n > 10)
		return false;
	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] < '0' || w.p[i] > '9')
			return false;
		id = id * 10 + (uint64_t)(w.p[i] - '0');
	}
	*ret = (uint32_t)id;
	return id <= USER_ID_MAX;
}

/* A name or a number, as the user wrote it. */
struct who {
	const char *text; /* "": not said */
	bool numeric;
	uint32_t id;
};

static int read_who(const char *text, struct who *ret, struct berth_error *err)
{
	int64_t id = 0;
	int r = *text ? parse_i64(text, 0, USER_ID_MAX, &id) : -BERTH_E_INVALID;

	if (r == -BERTH_E_LIMIT)
		return berth_fail(err, BERTH_E_INVALID, "uids and gids must be in range 0-%d",
				  USER_ID_MAX);
	*ret = (struct who){text, r == 0, (uint32_t)id};
	return 0;
}

static bool who_is(const struct who *who, struct word name, uint32_t id)
{
	return who->numeric ? who->id == id : word_is(name, who->text);
}

static int read_file(int rootfd, const char *path, char **ret, size_t *ret_len,
		     struct berth_error *err)
{
	struct berth_error failure;
	cleanup_fd int fd = -1;
	int r = root_open_regular(rootfd, path, &fd, &failure);

	if (r == -BERTH_E_NOT_FOUND) {
		*ret = NULL;
		*ret_len = 0;
		return 0;
	}
	if (r == 0)
		r = read_fd_limited(fd, USER_FILE_MAX, ret, ret_len, &failure);
	if (r < 0 && err) {
		*err = failure;
		berth_error_prefix(err, "unable to read '/%s' of the container", path);
	}
	return r;
}

struct passwd_entry {
	struct word name, home;
	uint32_t uid, gid;
};

/* name:password:uid:gid:gecos:home:shell */
static bool read_passwd_line(struct word line, struct passwd_entry *ret)
{
	struct word uid, gid, skipped;

	*ret = (struct passwd_entry){{NULL, 0}, {NULL, 0}, 0, 0};
	if (!next_word(&line, ':', &ret->name) || !next_word(&line, ':', &skipped) ||
	    !next_word(&line, ':', &uid) || !next_word(&line, ':', &gid))
		return false;
	if (next_word(&line, ':', &skipped))
		(void)next_word(&line, ':', &ret->home); /* may be missing */
	return ret->name.n > 0 && word_id(uid, &ret->uid) && word_id(gid, &ret->gid);
}

static bool find_passwd(struct word file, const struct who *who, struct passwd_entry *ret)
{
	struct passwd_entry entry;
	struct word line;

	while (next_word(&file, '\n', &line)) {
		if (read_passwd_line(trim(line), &entry) && who_is(who, entry.name, entry.uid)) {
			*ret = entry;
			return true;
		}
	}
	return false;
}

struct group_entry {
	struct word name, members;
	uint32_t gid;
};

/* name:password:gid:member,member */
static bool read_group_line(struct word line, struct group_entry *ret)
{
	struct word gid, skipped;

	*ret = (struct group_entry){{NULL, 0}, {NULL, 0}, 0};
	if (line.n == 0 || *line.p == '#')
		return false;
	if (!next_word(&line, ':', &ret->name) || !next_word(&line, ':', &skipped) ||
	    !next_word(&line, ':', &gid))
		return false;
	(void)next_word(&line, ':', &ret->members);
	return ret->name.n > 0 && word_id(gid, &ret->gid);
}

static bool next_group(struct word *file, struct group_entry *ret)
{
	struct word line;

	while (next_word(file, '\n', &line)) {
		if (read_group_line(trim(line), ret))
			return true;
	}
	return false;
}

static bool has_member(struct word members, struct word name)
{
	struct word one;

	while (next_word(&members, ',', &one)) {
		if (one.n == name.n && memcmp(one.p, name.p, one.n) == 0)
			return true;
	}
	return false;
}

/* The groups in the making; may hold an id twice until drop_doubles. */
struct group_set {
	uint32_t *ids;
	size_t n, cap;
};

static int group_set_add(struct group_set *set, uint32_t id, struct berth_error *err)
{
	if (set->n == USER_GROUPS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d groups", USER_GROUPS_MAX);
	if (set->n == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 16;
		uint32_t *ids = reallocarray(set->ids, cap, sizeof(*ids));

		if (!ids)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		set->ids = ids;
		set->cap = cap;
	}
	set->ids[set->n++] = id;
	return 0;
}

/* The gid of an explicit group. */
static int find_group(struct word file, const struct who *who, uint32_t *ret,
		      struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];
	struct group_entry entry;

	if (who->numeric) {
		*ret = who->id;
		return 0;
	}
	while (next_group(&file, &entry)) {
		if (word_is(entry.name, who->text)) {
			*ret = entry.gid;
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_NOT_FOUND,
			  "unable to find group %s: no matching entries in group file",
			  spec_shown(who->text, shown));
}

static int add_memberships(struct word file, struct word name, struct group_set *set,
			   struct berth_error *err)
{
	struct group_entry entry;
	int r = 0;

	while (r == 0 && next_group(&file, &entry)) {
		if (has_member(entry.members, name))
			r = group_set_add(set, entry.gid, err);
	}
	return r;
}

static int add_named_groups(struct word file, const struct record *list, struct group_set *set,
			    struct berth_error *err)
{
	int r = 0;

	if (record_len(list) > USER_ADD_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d additional groups",
				  USER_ADD_MAX);
	for (size_t i = 0; r == 0 && i < record_len(list); i++) {
		uint32_t gid = 0;
		struct who who;

		r = read_who(record_str_or(record_at(list, i), ""), &who, err);
		if (r == 0)
			r = find_group(file, &who, &gid, err);
		if (r == 0)
			r = group_set_add(set, gid, err);
	}
	return r;
}

static int by_id_then_place(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Keep the first of each id, in their order. */
static int drop_doubles(struct group_set *set, struct berth_error *err)
{
	cleanup_free uint64_t *keys = calloc(set->n + 1, sizeof(*keys));
	uint64_t last = UINT64_MAX;
	size_t kept = 0;

	if (!keys)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < set->n; i++)
		keys[i] = (uint64_t)set->ids[i] << 32 | i;
	qsort(keys, set->n, sizeof(*keys), by_id_then_place);
	for (size_t i = 0; i < set->n; i++) {
		uint64_t id = keys[i] >> 32;

		/* back to the order of their places; what comes again to the end */
		keys[i] = id == last ? UINT64_MAX : keys[i] << 32 | id;
		last = id;
	}
	qsort(keys, set->n, sizeof(*keys), by_id_then_place);
	for (; kept < set->n && keys[kept] != UINT64_MAX; kept++)
		set->ids[kept] = (uint32_t)keys[kept];
	set->n = kept;
	return 0;
}

/* "user:group" in two; what follows a second colon does not count. */
static int split_spec(const char *spec, char **ret_text, struct who *ret_user,
		      struct who *ret_group, struct berth_error *err)
{
	cleanup_free char *text = strdup(spec ? spec : "");
	char *group = NULL;
	int r;

	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	group = strchr(text, ':');
	if (group) {
		*group++ = '\0';
		group[strcspn(group, ":")] = '\0';
	}
	r = read_who(text, ret_user, err);
	if (r == 0)
		r = read_who(group ? group : "", ret_group, err);
	if (r == 0)
		*ret_text = steal_ptr(text);
	return r;
}

static int copy_home(struct word home, char **ret, struct berth_error *err)
{
	const char *nul = memchr(home.p ? home.p : "", '\0', home.p ? home.n : 0);
	size_t n = nul ? (size_t)(nul - home.p) : home.n;

	if (n > USER_HOME_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "home directory has more than %d bytes",
				  USER_HOME_MAX);
	*ret = n ? strndup(home.p, n) : strdup("/");
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int find_in(struct word passwd, struct word group, const struct who *user,
		   const struct who *in_group, const struct record *group_add,
		   struct user_found *found, struct group_set *set, struct berth_error *err)
{
	const struct who zero = {"", true, 0};
	const struct who *wanted = *user->text ? user : &zero;
	struct passwd_entry entry = {{NULL, 0}, {NULL, 0}, wanted->id, 0};
	bool listed = find_passwd(passwd, wanted, &entry);
	char shown[SPEC_SHOWN_MAX];
	int r;

	if (!listed && !wanted->numeric)
		return berth_fail(err, BERTH_E_NOT_FOUND,
				  "unable to find user %s: no matching entries in passwd file",
				  spec_shown(wanted->text, shown));
	found->uid = entry.uid;
	found->gid = entry.gid;
	r = *in_group->text ? find_group(group, in_group, &found->gid, err) : 0;
	if (r == 0)
		r = group_set_add(set, found->gid, err);
	if (r == 0 && listed && !*in_group->text)
		r = add_memberships(group, entry.name, set, err);
	if (r == 0)
		r = add_named_groups(group, group_add, set, err);
	if (r == 0)
		r = drop_doubles(set, err);
	if (r == 0)
		r = copy_home(entry.home, &found->home, err);
	return r;
}

int user_find(int rootfd, const char *spec, const struct record *group_add, struct user_found *ret,
	      struct berth_error *err)
{
	cleanup_free char *text = NULL, *passwd = NULL, *group = NULL;
	struct word passwd_file = {NULL, 0}, group_file = {NULL, 0};
	struct group_set set = {NULL, 0, 0};
	struct user_found found = {0};
	struct who user, in_group;
	int r;

	r = split_spec(spec, &text, &user, &in_group, err);
	if (r == 0)
		r = read_file(rootfd, "etc/passwd", &passwd, &passwd_file.n, err);
	if (r == 0)
		r = read_file(rootfd, "etc/group", &group, &group_file.n, err);
	if (r < 0)
		return r;
	passwd_file.p = passwd;
	group_file.p = group;
	r = find_in(passwd_file, group_file, &user, &in_group, group_add, &found, &set, err);
	if (r < 0) {
		free(set.ids);
		free(found.home);
		return r;
	}
	found.groups = set.ids;
	found.n_groups = set.n;
	*ret = found;
	return 0;
}

void user_done(struct user_found *user)
{
	free(user->groups);
	free(user->home);
	*user = (struct user_found){0};
}
