/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/container/spec_parts.h"

/* "as" is not among them, as in docker: it would count for the runtime's own start. */
static const char *const names[] = {
	"core",	  "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
	"nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack",
};
_Static_assert(sizeof(names) / sizeof(names[0]) <= ULIMIT_MAX, "one of each name must fit");

static const char *find_name(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return names[i];
	}
	return NULL;
}

int ulimit_make(const char *name, int64_t soft, int64_t hard, struct ulimit *ret,
		struct berth_error *err)
{
	const char *known = find_name(name, strlen(name));
	char shown[SPEC_SHOWN_MAX];

	if (!known)
		return berth_fail(err, BERTH_E_INVALID, "invalid ulimit type: %s",
				  spec_shown(name, shown));
	if (soft < -1 || hard < -1)
		return berth_fail(err, BERTH_E_INVALID, "invalid ulimit argument: %s=%lld:%lld",
				  known, (long long)soft, (long long)hard);
	if (hard != -1 && soft == -1)
		return berth_fail(err, BERTH_E_INVALID,
				  "ulimit soft limit must be less than or equal to hard limit: "
				  "soft: -1 (unlimited), hard: %lld",
				  (long long)hard);
	if (hard != -1 && soft > hard)
		return berth_fail(err, BERTH_E_INVALID,
				  "ulimit soft limit must be less than or equal to hard limit: "
				  "%lld > %lld",
				  (long long)soft, (long long)hard);
	*ret = (struct ulimit){known, soft, hard};
	return 0;
}

int ulimit_parse(const char *text, struct ulimit *ret, struct berth_error *err)
{
	const char *values = strchr(text, '=');
	cleanup_strv char **parts = NULL;
	cleanup_free char *name = NULL;
	int64_t soft = 0, hard = 0;
	char shown[SPEC_SHOWN_MAX];
	bool fits = values;

	if (values) {
		name = strndup(text, (size_t)(values - text));
		parts = strv_split(values + 1, ':');
		if (!name || !parts)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		fits = strv_len(parts) >= 1 && strv_len(parts) <= 2 &&
		       parse_i64(parts[0], -1, INT64_MAX, &soft) == 0;
		hard = soft;
		if (fits && parts[1])
			fits = parse_i64(parts[1], -1, INT64_MAX, &hard) == 0;
	}
	if (!fits)
		return berth_fail(err, BERTH_E_INVALID, "invalid ulimit argument: %s",
				  spec_shown(text, shown));
	return ulimit_make(name, soft, hard, ret, err);
}

static void put(struct ulimit *list, size_t *n, const struct ulimit *one)
{
	for (size_t i = 0; i < *n; i++) {
		if (list[i].name == one->name) {
			list[i] = *one;
			return;
		}
	}
	list[(*n)++] = *one;
}

int ulimit_all(const struct config *engine, const struct record *host,
	       struct ulimit ret[static ULIMIT_MAX], size_t *ret_n, struct berth_error *err)
{
	const struct record *list = record_get(host, "Ulimits");
	struct ulimit all[ULIMIT_MAX], one;
	size_t n = 0;
	int r = 0;

	strv_foreach (text, engine->default_ulimits) {
		r = ulimit_parse(*text, &one, err);
		if (r < 0)
			return r;
		put(all, &n, &one);
	}
	for (size_t i = 0; i < record_len(list); i++) {
		const struct record *item = record_at(list, i);

		r = ulimit_make(record_str_or(record_get(item, "Name"), ""),
				record_int_or(record_get(item, "Soft"), 0),
				record_int_or(record_get(item, "Hard"), 0), &one, err);
		if (r < 0)
			return r;
		put(all, &n, &one);
	}
	memcpy(ret, all, n * sizeof(*all));
	*ret_n = n;
	return 0;
}
