/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/filter.h"

#include <string.h>

#include "base/clock.h"

static int bad_value(const char *key, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_INVALID, "invalid filter '%s': its values must be strings",
			  key);
}

int filter_check(const struct record *filters, const char *const *known, struct berth_error *err)
{
	const char *key;
	struct record *val;

	if (filters && record_type(filters) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_INVALID, "invalid filter");
	record_foreach (filters, key, val) {
		cleanup_strv char **values = NULL;
		bool found = false;
		int r;

		for (size_t i = 0; known[i] && !found; i++)
			found = str_eq(known[i], key);
		if (!found)
			return berth_fail(err, BERTH_E_INVALID, "invalid filter '%s'", key);
		r = filter_values(filters, key, &values, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int filter_values(const struct record *filters, const char *key, char ***ret,
		  struct berth_error *err)
{
	cleanup_strv char **values = NULL;
	const struct record *given = record_get(filters, key);
	const char *value;
	struct record *on;

	if (!given || record_type(given) == RECORD_ARRAY) {
		if (record_strv(given, &values, NULL) < 0)
			return bad_value(key, err);
		*ret = steal_ptr(values);
		return 0;
	}
	if (record_type(given) != RECORD_OBJECT)
		return bad_value(key, err);
	values = strv_copy(NULL);
	if (!values)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	record_foreach (given, value, on)
		if (record_bool_or(on, false) && strv_add(&values, value) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret = steal_ptr(values);
	return 0;
}

bool filter_has(const struct record *filters, const char *key)
{
	return record_len(record_get(filters, key)) > 0;
}

static bool has_label(const char *wanted, const struct record *labels)
{
	const char *key;
	struct record *val;

	record_foreach (labels, key, val) {
		const char *rest = str_after(wanted, key);

		if (rest &&
		    (*rest == '\0' || (*rest == '=' && str_eq(rest + 1, record_str_or(val, "")))))
			return true;
	}
	return false;
}

bool filter_labels(char *const *wanted, const struct record *labels)
{
	strv_foreach (w, wanted)
		if (!has_label(*w, labels))
			return false;
	return true;
}

int filter_bool(const struct record *filters, const char *key, bool fallback, bool *ret,
		struct berth_error *err)
{
	cleanup_strv char **values = NULL;
	bool value = fallback;
	int r = filter_values(filters, key, &values, err);

	if (r < 0)
		return r;
	if (strv_len(values) > 1 || (strv_len(values) == 1 && parse_bool(values[0], &value) < 0))
		return berth_fail(err, BERTH_E_INVALID, "invalid filter '%s=%s'", key, values[0]);
	*ret = value;
	return 0;
}

int filter_until(const struct record *filters, int64_t *ret, struct berth_error *err)
{
	cleanup_strv char **values = NULL;
	int r = filter_values(filters, "until", &values, err);

	*ret = INT64_MAX;
	strv_foreach (v, values) {
		int64_t ns;

		r = clock_parse_user(*v, clock_now_ns(), &ns, err);
		if (r < 0)
			return r;
		if (ns < *ret)
			*ret = ns;
	}
	return r;
}

int filter_prune_read(const struct record *filters, struct filter_prune *ret,
		      struct berth_error *err)
{
	static const char *const known[] = {"label", "label!", "until", "all", "dangling", NULL};
	cleanup_filter_prune struct filter_prune f = {0};
	int r = filter_check(filters, known, err);

	if (r == 0)
		r = filter_values(filters, "label", &f.labels, err);
	if (r == 0)
		r = filter_values(filters, "label!", &f.without, err);
	if (r == 0)
		r = filter_until(filters, &f.until_ns, err);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct filter_prune){0};
	return 0;
}

bool filter_prune_has(const struct filter_prune *f, int64_t created_ns, const struct record *labels)
{
	if (created_ns >= f->until_ns || !filter_labels(f->labels, labels))
		return false;
	strv_foreach (w, f->without)
		if (has_label(*w, labels))
			return false;
	return true;
}

void filter_prune_done(struct filter_prune *f)
{
	strv_free(f->labels);
	strv_free(f->without);
}
