/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "body.h"
#include "create_options.h"

enum { ULIMITS_MAX = 64, WEIGHT_MIN = 10, WEIGHT_MAX = 1000 };

/* ----------------------------------------------------------------------------------- ulimits */

static const char *const ulimit_names[] = {
	"as",	"core",	  "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
	"nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack",
};

static int bad_ulimit(struct berth_error *err, const char *text, const char *why)
{
	return body_bad_flag(err, "--ulimit", text, "%s", why);
}

/* "name=soft[:hard]"; -1 is no limit */
static int parse_ulimit(const char *text, struct record **ret, struct berth_error *err)
{
	cleanup_strv char **halves = strv_split(text, '=');
	cleanup_strv char **limits = NULL;
	cleanup_record struct record *ulimit = record_new_object();
	int64_t soft, hard;
	bool known = false;
	int r;

	if (!halves || !ulimit)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (strv_len(halves) != 2)
		return bad_ulimit(err, text, "it is not name=soft[:hard]");
	for (size_t i = 0; i < sizeof(ulimit_names) / sizeof(ulimit_names[0]); i++)
		known = known || strcmp(ulimit_names[i], halves[0]) == 0;
	if (!known)
		return bad_ulimit(err, text, "there is no such limit");
	limits = strv_split(halves[1], ':');
	if (!limits)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (strv_len(limits) < 1 || strv_len(limits) > 2 ||
	    parse_i64(limits[0], -1, INT64_MAX, &soft) < 0)
		return bad_ulimit(err, text, "it is not name=soft[:hard]");
	hard = soft;
	if (limits[1] && parse_i64(limits[1], -1, INT64_MAX, &hard) < 0)
		return bad_ulimit(err, text, "it is not name=soft[:hard]");
	if (hard != -1 && (soft == -1 || soft > hard))
		return bad_ulimit(err, text,
				  "ulimit soft limit must be less than or equal to hard limit");
	r = record_set_str(ulimit, "Name", halves[0], err);
	if (r == 0)
		r = record_set_int(ulimit, "Hard", hard, err);
	if (r == 0)
		r = record_set_int(ulimit, "Soft", soft, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(ulimit);
	return 0;
}

static const char *ulimit_name(const struct record *ulimit)
{
	return record_str(record_get(ulimit, "Name"));
}

/* where @new belongs among the sorted @all, in place of one of its name */
static size_t insert_ulimit(struct record **all, size_t n, struct record *new)
{
	size_t i = 0;

	while (i < n && strcmp(ulimit_name(all[i]), ulimit_name(new)) < 0)
		i++;
	if (i < n && strcmp(ulimit_name(all[i]), ulimit_name(new)) == 0) {
		record_free(all[i]);
		all[i] = new;
		return n;
	}
	memmove(all + i + 1, all + i, (n - i) * sizeof(*all));
	all[i] = new;
	return n + 1;
}

static int set_ulimits(const struct options *o, struct record *body, struct berth_error *err)
{
	struct record *all[ULIMITS_MAX];
	const char *text;
	size_t n = 0;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "ulimit", &at));) {
		struct record *ulimit;

		r = parse_ulimit(text, &ulimit, err); /* there are fewer names than ULIMITS_MAX */
		if (r == 0)
			n = insert_ulimit(all, n, ulimit);
	}
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = body_append(body, "HostConfig.Ulimits", all[i], err);
		else
			record_free(all[i]);
	}
	return r;
}

/* -------------------------------------------------------------------- block I/O of one device */

struct device_flag {
	const char *flag, *key, *member;
	bool is_size;
};

static const struct device_flag device_flags[] = {
	{"blkio-weight-device", "HostConfig.BlkioWeightDevice", "Weight", false},
	{"device-read-bps", "HostConfig.BlkioDeviceReadBps", "Rate", true},
	{"device-write-bps", "HostConfig.BlkioDeviceWriteBps", "Rate", true},
	{"device-read-iops", "HostConfig.BlkioDeviceReadIOps", "Rate", false},
	{"device-write-iops", "HostConfig.BlkioDeviceWriteIOps", "Rate", false},
};

static int bad_device(struct berth_error *err, const struct device_flag *f, const char *text,
		      const char *why)
{
	(void)berth_fail(err, BERTH_E_INVALID, "invalid argument \"%s\" for \"--%s\" flag: %s: %s",
			 text, f->flag, why, text);
	return -BERTH_E_INVALID;
}

static int add_device(struct record *body, const struct device_flag *f, const char *text,
		      struct berth_error *err)
{
	const char *colon = strrchr(text, ':');
	cleanup_record struct record *item = record_new_object();
	cleanup_free char *path = NULL;
	bool is_weight = strcmp(f->member, "Weight") == 0;
	uint64_t value;
	int r;

	if (!colon || colon == text)
		return bad_device(err, f, text, "bad format");
	if (!str_has_prefix(text, "/dev/"))
		return bad_device(err, f, text, "bad format for device path");
	r = f->is_size ? parse_size(colon + 1, &value) : parse_u64(colon + 1, INT64_MAX, &value);
	if (r < 0 || value > INT64_MAX)
		return bad_device(err, f, text,
				  is_weight ? "invalid weight for device"
					    : "invalid rate for device");
	if (is_weight && value != 0 && (value < WEIGHT_MIN || value > WEIGHT_MAX))
		return bad_device(err, f, text, "invalid weight for device");
	path = strndup(text, (size_t)(colon - text));
	if (!path || !item)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_str(item, "Path", path, err);
	if (r == 0)
		r = record_set_int(item, f->member, (int64_t)value, err);
	return r < 0 ? r : body_append(body, f->key, steal_ptr(item), err);
}

int create_limits(const struct options *o, struct record *body, struct berth_error *err)
{
	int64_t weight = options_int(o, "blkio-weight", 0);
	int r = set_ulimits(o, body, err);

	if (r == 0 && (weight < 0 || weight > UINT16_MAX))
		r = body_bad_flag(err, "--blkio-weight", options_str(o, "blkio-weight"),
				  "value out of range");
	for (size_t i = 0; i < sizeof(device_flags) / sizeof(device_flags[0]); i++) {
		const char *text;

		for (size_t at = 0; r == 0 && (text = options_next(o, device_flags[i].flag, &at));)
			r = add_device(body, &device_flags[i], text, err);
	}
	return r;
}
