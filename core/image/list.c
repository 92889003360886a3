/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/store/filter.h"
#include "core/image/names.h"

/** What was asked for, parsed. */
struct list {
	const struct record *filters;
	struct image_names names;
	char **patterns, **labels;
	bool all, by_pattern, dangling_given, dangling;
	int64_t before_ns, since_ns, until_ns; /* created earlier, later, earlier than these */
	struct record *out;
};

static void list_done(struct list *list)
{
	names_done(&list->names);
	strv_free(list->patterns);
	strv_free(list->labels);
	record_free(list->out);
}

/** Point in time of the image that filter @key names: of several the narrowest. */
static int read_border(struct store *store, const struct record *filters, const char *key,
		       bool later, int64_t *at_ns, struct berth_error *err)
{
	cleanup_strv char **values = NULL;
	int r = filter_values(filters, key, &values, err);

	strv_foreach (v, values) {
		cleanup_image struct image *image = NULL;

		r = image_find(store, *v, &image, err);
		if (r < 0)
			return r;
		if (later ? image->created_ns > *at_ns : image->created_ns < *at_ns)
			*at_ns = image->created_ns;
	}
	return r;
}

static int list_init(struct store *store, const struct record *filters, bool all, struct list *list,
		     struct berth_error *err)
{
	static const char *const known[] = {"reference", "dangling", "label", "before",
					    "since",	 "until",    NULL};
	int r = filter_check(filters, known, err);

	list->filters = filters;
	list->all = all;
	list->before_ns = INT64_MAX;
	list->since_ns = INT64_MIN;
	list->until_ns = INT64_MAX;
	list->by_pattern = filter_has(filters, "reference");
	list->dangling_given = filter_has(filters, "dangling");
	if (r == 0)
		r = filter_bool(filters, "dangling", false, &list->dangling, err);
	if (r == 0)
		r = filter_values(filters, "reference", &list->patterns, err);
	if (r == 0)
		r = filter_values(filters, "label", &list->labels, err);
	if (r == 0)
		r = read_border(store, filters, "before", false, &list->before_ns, err);
	if (r == 0)
		r = read_border(store, filters, "since", true, &list->since_ns, err);
	if (r == 0)
		r = filter_until(filters, &list->until_ns, err);
	if (r == 0)
		r = names_read(store, NULL, &list->names, err);
	if (r < 0)
		return r;
	list->out = record_new_array();
	return list->out ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/** A pattern is tried on "alpine:3" and on "alpine", as shell patterns within the parts of a path.
 */
static bool name_matches(char *const *patterns, const char *full)
{
	const char *shown = reference_short(full);
	cleanup_free char *repo = strndup(full, name_repo_len(full));

	strv_foreach (p, patterns) {
		if (fnmatch(*p, shown, FNM_PATHNAME) == 0)
			return true;
		if (repo && fnmatch(*p, reference_short(repo), FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

/** Its names, those that were asked for, into @tags and @digests. */
static int sort_names(const struct list *list, const char *id, struct record *tags,
		      struct record *digests, struct berth_error *err)
{
	size_t first;
	size_t n = names_of(&list->names, id, &first);
	int r = 0;

	for (size_t i = first; i < first + n && r == 0; i++) {
		const char *full = list->names.name[i].full;

		if (list->by_pattern && !name_matches(list->patterns, full))
			continue;
		r = record_append_str(name_is_digest(full) ? digests : tags, reference_short(full),
				      err);
	}
	return r;
}

static bool is_wanted(const struct list *list, size_t tags, size_t digests, bool has_children)
{
	if (tags + digests > 0)
		return !list->dangling || tags == 0;
	if (!list->all && has_children)
		return false;
	if (list->dangling_given && !list->dangling)
		return false;
	return !list->by_pattern;
}

static int summary(struct db_stmt *q, const struct record *config, struct record *tags,
		   struct record *digests, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	struct record *labels = record_path(config, "config.Labels");
	const char *parent = db_text(q, 4);
	int64_t created_ns = db_int(q, 2);
	int r;

	if (!out)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_int(out, "Containers", -1, err);
	if (r == 0)
		r = record_set_int(out, "Created", created_ns / CLOCK_SECOND, err);
	if (r == 0)
		r = record_set_str(out, "Id", db_text(q, 0), err);
	if (r == 0)
		r = labels ? record_set(out, "Labels", record_ref(labels), err)
			   : record_set_null(out, "Labels", err);
	if (r == 0)
		r = record_set_str(out, "ParentId", parent ? parent : "", err);
	if (r == 0)
		r = record_set(out, "RepoDigests", record_ref(digests), err);
	if (r == 0)
		r = record_set(out, "RepoTags", record_ref(tags), err);
	if (r == 0)
		r = record_set_int(out, "SharedSize", -1, err);
	if (r == 0)
		r = record_set_int(out, "Size", db_int(q, 3), err);
	if (r < 0)
		return r;
	*ret = steal_ptr(out);
	return 0;
}

/** One row of the query of image_list. */
static int list_row(struct list *list, struct db_stmt *q, struct berth_error *err)
{
	cleanup_record struct record *tags = record_new_array();
	cleanup_record struct record *digests = record_new_array();
	cleanup_record struct record *config = NULL;
	struct record *item = NULL;
	const char *text = db_text(q, 1);
	int64_t created_ns = db_int(q, 2);
	int r;

	if (!tags || !digests)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (created_ns >= list->before_ns || created_ns <= list->since_ns ||
	    created_ns > list->until_ns)
		return 0;
	r = sort_names(list, db_text(q, 0), tags, digests, err);
	if (r < 0 || !is_wanted(list, record_len(tags), record_len(digests), db_int(q, 5) != 0))
		return r;
	/* a damaged config hides the labels only; image_check tells of it */
	(void)record_parse(text, strlen(text), 0, &config, NULL);
	if (!filter_labels(list->labels, record_path(config, "config.Labels")))
		return 0;
	r = summary(q, config, tags, digests, &item, err);
	return r < 0 ? r : record_append(list->out, item, err);
}

int image_list(struct store *store, const struct record *filters, bool all, struct record **ret,
	       struct berth_error *err)
{
	cleanup_with(list_done) struct list list = {0};
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r = list_init(store, filters, all, &list, err);

	if (r == 0)
		r = db_query(store->db, &q, err,
			     "SELECT id,config,created_ns,size,parent,"
			     "EXISTS(SELECT 1 FROM image c WHERE c.parent=i.id) "
			     "FROM image i ORDER BY created_ns DESC, id",
			     "");
	while (r == 0 && (r = db_step(q, err)) > 0)
		r = list_row(&list, q, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(list.out);
	return 0;
}
