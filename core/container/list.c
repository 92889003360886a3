/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/connect.h"
#include "core/container/make.h"

#include <fnmatch.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"

/** One line of the list as it is read; strings are borrowed from the query's row. */
struct line {
	const char *id, *name, *image, *error, *storage, *isolation;
	enum container_state state;
	int64_t created_ns, started_ns, finished_ns;
	int exit_code;
	struct record *summary;
	struct record *networks; /* only if a filter asks for them */
};

/** "Up 2 minutes", "Exited (0) 3 hours ago", "Created": docker's words. */
static void status_text(const struct line *l, struct str *out)
{
	char human[CLOCK_HUMAN_MAX];
	int64_t now = clock_now_ns();

	switch (l->state) {
	case CONTAINER_RUNNING:
		str_addf(out, "Up %s", clock_human(now - l->started_ns, human));
		return;
	case CONTAINER_PAUSED:
		str_addf(out, "Up %s (Paused)", clock_human(now - l->started_ns, human));
		return;
	case CONTAINER_EXITED:
		str_addf(out, "Exited (%d) %s ago", l->exit_code,
			 clock_human(now - l->finished_ns, human));
		return;
	case CONTAINER_REMOVING:
		str_add(out, "Removal In Progress");
		return;
	case CONTAINER_DEAD:
		str_add(out, "Dead");
		return;
	case CONTAINER_CREATING:
	case CONTAINER_CREATED:
	case CONTAINER_STARTING:
		str_add(out, "Created");
		return;
	}
}

/* --- filters ------------------------------------------------------------------------------------
 */

/** Call @matches for each value of filter @key; true if there is none, or one matches. */
typedef bool (*match_fn)(const struct line *l, const char *value);

static bool any_matches(const struct record *filters, const char *key, const struct line *l,
			match_fn matches)
{
	const struct record *values = record_get(filters, key);
	struct record *val;
	const char *word;

	if (record_len(values) == 0)
		return true;
	if (record_type(values) == RECORD_OBJECT) {
		record_foreach (values, word, val) {
			if (matches(l, word))
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < record_len(values); i++)
		if (matches(l, record_str_or(record_at(values, i), "")))
			return true;
	return false;
}

static bool by_id(const struct line *l, const char *value)
{
	return *value && str_has_prefix(l->id, value);
}

static bool by_name(const struct line *l, const char *value)
{
	/* docker: a part of the name, or a pattern; "/" stands before every name there */
	const char *anchored = *value == '^' ? value + 1 : value;
	size_t n;

	if (*anchored == '/')
		anchored++;
	n = strlen(anchored);
	if (*value == '^' && n > 0 && anchored[n - 1] == '$')
		return strlen(l->name) == n - 1 && strncmp(l->name, anchored, n - 1) == 0;
	if (*value == '^')
		return str_has_prefix(l->name, anchored);
	return strstr(l->name, anchored) || fnmatch(anchored, l->name, 0) == 0;
}

static bool by_status(const struct line *l, const char *value)
{
	return str_eq(container_state_name(l->state), value);
}

static bool by_exited(const struct line *l, const char *value)
{
	int64_t code;

	return l->state == CONTAINER_EXITED && parse_i64(value, INT32_MIN, INT32_MAX, &code) == 0 &&
	       code == l->exit_code;
}

static bool by_ancestor(const struct line *l, const char *value)
{
	const char *name = record_str_or(record_get(l->summary, "Image"), "");
	const char *hex = l->image ? str_after(l->image, "sha256:") : NULL;
	const char *id = str_after(value, "sha256:");
	size_t n = strlen(name);

	if (hex && ident_is_id_prefix(id ? id : value) && str_has_prefix(hex, id ? id : value))
		return true;
	if (str_eq(name, value))
		return true;
	/* "alpine" means "alpine:latest", on either side */
	return (n > 7 && str_eq(name + n - 7, ":latest") && strlen(value) == n - 7 &&
		strncmp(name, value, n - 7) == 0) ||
	       (str_has_prefix(value, name) && str_eq(value + n, ":latest"));
}

static bool by_network(const struct line *l, const char *value)
{
	struct record *val;
	const char *name;

	if (str_eq(record_str(record_get(l->summary, "NetworkMode")), value))
		return true;
	record_foreach (l->networks, name, val) {
		const char *id = record_str_or(record_get(val, "NetworkID"), "");

		if (str_eq(name, value) ||
		    (strlen(value) >= IDENT_SHORT && str_has_prefix(id, value)))
			return true;
	}
	return false;
}

/** Every label filter must hold, other than with the rest, where one of each kind does. */
static bool one_label(const struct record *labels, const char *want)
{
	const char *eq = strchr(want, '=');
	cleanup_free char *key = eq ? strndup(want, (size_t)(eq - want)) : strdup(want);

	if (!key || !record_has(labels, key))
		return false;
	return !eq || str_eq(record_str_or(record_get(labels, key), ""), eq + 1);
}

static bool labels_match(const struct record *filters, const struct line *l)
{
	const struct record *want = record_get(filters, "label");
	const struct record *labels = record_get(l->summary, "Labels");
	struct record *val;
	const char *word;

	if (record_type(want) == RECORD_OBJECT) {
		record_foreach (want, word, val) {
			if (!one_label(labels, word))
				return false;
		}
		return true;
	}
	for (size_t i = 0; i < record_len(want); i++)
		if (!one_label(labels, record_str_or(record_at(want, i), "")))
			return false;
	return true;
}

/** created_ns of the container that "before" or "since" names; @fallback if there is no such
 * filter. */
static int bound(struct container_host *h, const struct record *filters, const char *key,
		 int64_t fallback, int64_t *ret, struct berth_error *err)
{
	const struct record *values = record_get(filters, key);
	cleanup_row struct container_row *row = NULL;
	struct record *val;
	const char *word = record_str(record_at(values, 0));
	int r;

	*ret = fallback;
	if (record_type(values) == RECORD_OBJECT) {
		const char *name;

		record_foreach (values, name, val) {
			word = name;
		}
	}
	if (!word)
		return 0;
	r = container_row_find(h->store, word, &row, err);
	if (r == 0)
		*ret = row->created_ns;
	return r;
}

static int filters_check(const struct record *filters, struct berth_error *err)
{
	static const char *const known[] = {"id",     "name",	 "status", "exited",  "ancestor",
					    "label",  "before",	 "since",  "network", "volume",
					    "health", "publish", "expose", "is-task", "isolation"};
	struct record *val;
	const char *key;

	record_foreach (filters, key, val) {
		size_t i = 0, n = sizeof(known) / sizeof(known[0]);

		while (i < n && !str_eq(known[i], key))
			i++;
		if (i == n)
			return berth_fail(err, BERTH_E_INVALID, "invalid filter '%s'", key);
	}
	return 0;
}

static bool line_matches(const struct record *filters, const struct line *l)
{
	return any_matches(filters, "id", l, by_id) && any_matches(filters, "name", l, by_name) &&
	       any_matches(filters, "status", l, by_status) &&
	       any_matches(filters, "exited", l, by_exited) &&
	       any_matches(filters, "ancestor", l, by_ancestor) &&
	       any_matches(filters, "network", l, by_network) && labels_match(filters, l);
}

/* --- output -------------------------------------------------------------------------------------
 */

static int sizes_add(struct container_host *h, const struct line *l, struct record *out,
		     struct berth_error *err)
{
	struct berth_usage u = {.size = sizeof(u)};
	struct storage *st;
	int r = drivers_storage(h->drivers, l->storage, &st, err);

	if (r == 0)
		r = st->ops.usage(st->st, l->id, BERTH_EACH_VIEWS, &u, err);
	if (r == -BERTH_E_UNSUPPORTED)
		return 0; /* the driver cannot tell: the keys are absent */
	if (r == 0)
		r = record_set_uint(out, "SizeRw", u.own, err);
	if (r == 0 && u.shared != UINT64_MAX)
		r = record_set_uint(out, "SizeRootFs", u.own + u.shared, err);
	return r;
}

static int set_copy(struct record *out, const char *key, struct record *part,
		    struct berth_error *err)
{
	return record_set(out, key, part ? record_ref(part) : record_new_array(), err);
}

static int line_write(struct container_host *h, const struct line *l, bool size,
		      struct record *list, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object(), *names = record_new_array();
	cleanup_record struct record *host = record_new_object(), *net = record_new_object();
	cleanup_record struct record *ports = NULL, *networks = NULL;
	cleanup_str struct str status = STR_INIT, name = STR_INIT;
	int r;

	status_text(l, &status);
	str_addf(&name, "/%s", l->name);
	r = record_append_str(names, str_text(&name), err);
	if (r == 0)
		r = record_set_str(out, "Id", l->id, err);
	if (r == 0)
		r = record_set(out, "Names", steal_ptr(names), err);
	if (r == 0)
		r = record_set_str(out, "Image", record_str_or(record_get(l->summary, "Image"), ""),
				   err);
	if (r == 0)
		r = record_set_str(out, "ImageID", l->image ? l->image : "", err);
	if (r == 0)
		r = record_set_str(out, "Command",
				   record_str_or(record_get(l->summary, "Command"), ""), err);
	if (r == 0)
		r = record_set_int(out, "Created", l->created_ns / CLOCK_SECOND, err);
	if (r == 0)
		r = container_network_list(h, l->id, record_get(l->summary, "ExposedPorts"), &ports,
					   &networks, err);
	if (r == 0)
		r = record_set(out, "Ports", steal_ptr(ports), err);
	if (r == 0)
		r = set_copy(out, "Labels", record_get(l->summary, "Labels"), err);
	if (r == 0)
		r = record_set_str(
			out, "State",
			container_state_name(l->state == CONTAINER_STARTING ||
							     l->state == CONTAINER_CREATING
						     ? CONTAINER_CREATED
						     : l->state),
			err);
	if (r == 0)
		r = record_set_str(out, "Status", str_text(&status), err);
	if (r == 0)
		r = record_set_str(host, "NetworkMode",
				   record_str_or(record_get(l->summary, "NetworkMode"), ""), err);
	if (r == 0)
		r = record_set(out, "HostConfig", steal_ptr(host), err);
	if (r == 0)
		r = record_set(net, "Networks", steal_ptr(networks), err);
	if (r == 0)
		r = record_set(out, "NetworkSettings", steal_ptr(net), err);
	if (r == 0)
		r = record_set(out, "Mounts", record_new_array(), err);
	if (r == 0 && size)
		r = sizes_add(h, l, out, err);
	if (r == 0)
		r = record_append(list, steal_ptr(out), err);
	return r;
}

static int line_read(struct db_stmt *q, struct line *l, struct berth_error *err)
{
	const char *summary = db_text(q, 10);

	*l = (struct line){
		.id = db_text(q, 0),
		.name = db_text(q, 1),
		.image = db_text(q, 2),
		.state = container_state_parse(db_text(q, 3)),
		.created_ns = db_int(q, 4),
		.started_ns = db_int(q, 5),
		.finished_ns = db_int(q, 6),
		.exit_code = (int)db_int(q, 7),
		.storage = db_text(q, 8),
		.isolation = db_text(q, 9),
	};
	if (!summary)
		return 0;
	return record_parse(summary, strlen(summary), 0, &l->summary, err);
}

static int networks_read(struct container_host *h, struct line *l, struct berth_error *err)
{
	cleanup_record struct record *ports = NULL;

	return container_network_list(h, l->id, NULL, &ports, &l->networks, err);
}

int container_list(struct container_host *h, bool all, uint32_t limit, bool size,
		   const struct record *filters, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *list = record_new_array();
	cleanup_db_stmt struct db_stmt *q = NULL;
	int64_t before, since;
	int r = filters_check(filters, err);

	if (r == 0)
		r = bound(h, filters, "before", INT64_MAX, &before, err);
	if (r == 0)
		r = bound(h, filters, "since", INT64_MIN, &since, err);
	if (r < 0)
		return r;
	/* a filter for a state asks for those that do not run, too, as docker has it */
	all = all || limit > 0 || record_has(filters, "status") || record_has(filters, "exited");
	r = db_query(
		h->store->db, &q, err,
		"SELECT id,name,image,state,created_ns,started_ns,finished_ns,exit_code,"
		"storage,isolation,summary FROM container WHERE created_ns<?1 AND created_ns>?2 "
		"AND (?3 OR state IN('running','paused')) ORDER BY created_ns DESC,id",
		"iii", before, since, (int64_t)all);
	while (r == 0 && (r = db_step(q, err)) > 0) {
		struct line l;

		r = line_read(q, &l, err);
		if (r == 0 && record_has(filters, "network"))
			r = networks_read(h, &l, err);
		if (r == 0 && line_matches(filters, &l))
			r = line_write(h, &l, size, list, err);
		record_free(l.summary);
		record_free(l.networks);
		if (r == 0 && limit > 0 && record_len(list) >= limit)
			break;
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(list);
	return 0;
}
