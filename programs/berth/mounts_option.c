/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/path.h"
#include "base/str.h"
#include "body.h"
#include "create_options.h"
#include "csv.h"

/* "./x" and "../x" are meant from where we are */
static int absolute(const char *path, char **ret, struct berth_error *err)
{
	cleanup_free char *here = NULL;
	cleanup_free char *joined = NULL;

	if (path[0] != '.')
		return str_copy(path, ret, err);
	here = getcwd(NULL, 0);
	if (!here)
		return berth_fail_errno(err, errno, "cannot tell the working directory");
	joined = path_join(here, path);
	*ret = joined ? path_clean(joined) : NULL;
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/* --------------------------------------------------------------------------------- -v, --tmpfs */

static int add_volume(struct record *body, const char *text, struct berth_error *err)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *source = NULL;
	cleanup_free char *host = NULL;
	struct record *volumes;
	int r;

	if (!text[0])
		return berth_fail(err, BERTH_E_INVALID, "invalid empty volume spec");
	if (!colon) {
		r = body_object(body, "Volumes", &volumes, err);
		return r < 0 ? r : record_set(volumes, text, record_new_object(), err);
	}
	if (colon == text || !colon[1] || colon[1] == ':')
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid spec: %s: empty section between colons", text);
	source = strndup(text, (size_t)(colon - text));
	if (!source)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = absolute(source, &host, err);
	if (r < 0)
		return r;
	{
		cleanup_free char *bind = str_fmt("%s%s", host, colon);

		if (!bind)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		return body_append(body, "HostConfig.Binds", record_new_str(bind), err);
	}
}

static int add_tmpfs(struct record *body, const char *text, struct berth_error *err)
{
	size_t n = strcspn(text, ":");
	cleanup_free char *path = strndup(text, n);
	struct record *tmpfs;
	int r;

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = body_object(body, "HostConfig.Tmpfs", &tmpfs, err);
	return r < 0 ? r : record_set_str(tmpfs, path, text[n] ? text + n + 1 : "", err);
}

/* ------------------------------------------------------------------------------------- --mount */

enum field_type {
	FIELD_STR,
	FIELD_PATH,
	FIELD_BOOL, /* true without a value */
	FIELD_SIZE,
	FIELD_MODE,
	FIELD_PAIR,
	FIELD_RECURSIVE,
};

struct field {
	const char *name, *key;
	enum field_type type;
	const char *mount_type; /* the only one that it goes with, or NULL */
};

static const struct field fields[] = {
	{"type", "Type", FIELD_STR, NULL},
	{"source", "Source", FIELD_PATH, NULL},
	{"src", "Source", FIELD_PATH, NULL},
	{"target", "Target", FIELD_STR, NULL},
	{"dst", "Target", FIELD_STR, NULL},
	{"destination", "Target", FIELD_STR, NULL},
	{"readonly", "ReadOnly", FIELD_BOOL, NULL},
	{"ro", "ReadOnly", FIELD_BOOL, NULL},
	{"consistency", "Consistency", FIELD_STR, NULL},
	{"bind-propagation", "BindOptions.Propagation", FIELD_STR, "bind"},
	{"bind-nonrecursive", "BindOptions.NonRecursive", FIELD_BOOL, "bind"},
	{"bind-recursive", "BindOptions", FIELD_RECURSIVE, "bind"},
	{"volume-subpath", "VolumeOptions.Subpath", FIELD_STR, "volume"},
	{"volume-nocopy", "VolumeOptions.NoCopy", FIELD_BOOL, "volume"},
	{"volume-label", "VolumeOptions.Labels", FIELD_PAIR, "volume"},
	{"volume-driver", "VolumeOptions.DriverConfig.Name", FIELD_STR, "volume"},
	{"volume-opt", "VolumeOptions.DriverConfig.Options", FIELD_PAIR, "volume"},
	{"image-subpath", "ImageOptions.Subpath", FIELD_STR, "image"},
	{"tmpfs-size", "TmpfsOptions.SizeBytes", FIELD_SIZE, "tmpfs"},
	{"tmpfs-mode", "TmpfsOptions.Mode", FIELD_MODE, "tmpfs"},
};

static const struct field *find_field(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strlen(fields[i].name) == n && strncasecmp(fields[i].name, name, n) == 0)
			return &fields[i];
	return NULL;
}

static int bad_value(struct berth_error *err, const struct field *f, const char *value)
{
	return berth_fail(err, BERTH_E_INVALID, "invalid value for %s: %s", f->name, value);
}

static int set_recursive(struct record *mount, const struct field *f, const char *value,
			 struct berth_error *err)
{
	if (strcmp(value, "enabled") == 0)
		return 0;
	if (strcmp(value, "disabled") == 0)
		return body_set(mount, "BindOptions.NonRecursive", record_new_bool(true), err);
	if (strcmp(value, "writable") == 0)
		return body_set(mount, "BindOptions.ReadOnlyNonRecursive", record_new_bool(true),
				err);
	if (strcmp(value, "readonly") == 0)
		return body_set(mount, "BindOptions.ReadOnlyForceRecursive", record_new_bool(true),
				err);
	return berth_fail(err, BERTH_E_INVALID,
			  "invalid value for %s: %s (must be \"enabled\", \"disabled\", "
			  "\"writable\", or \"readonly\")",
			  f->name, value);
}

static int set_field(struct record *mount, const struct field *f, const char *value,
		     struct berth_error *err)
{
	cleanup_free char *path = NULL;
	uint64_t bytes;
	mode_t mode;
	bool truth;
	int r;

	switch (f->type) {
	case FIELD_STR:
		return body_set(mount, f->key, record_new_str(value), err);
	case FIELD_PATH:
		r = absolute(value, &path, err);
		return r < 0 ? r : body_set(mount, f->key, record_new_str(path), err);
	case FIELD_BOOL:
		if (parse_bool(value, &truth) < 0)
			return bad_value(err, f, value);
		return truth ? body_set(mount, f->key, record_new_bool(true), err) : 0;
	case FIELD_SIZE:
		if (parse_size(value, &bytes) < 0 || bytes > INT64_MAX)
			return bad_value(err, f, value);
		return body_set(mount, f->key, record_new_int((int64_t)bytes), err);
	case FIELD_MODE:
		if (parse_mode(value, &mode) < 0)
			return bad_value(err, f, value);
		return body_set(mount, f->key, record_new_int(mode), err);
	case FIELD_PAIR:
		return body_set_pair(mount, f->key, value, err);
	case FIELD_RECURSIVE:
		return set_recursive(mount, f, value, err);
	}
	return 0;
}

static int read_fields(struct record *mount, char *const *texts, struct berth_error *err)
{
	const char *kind = "volume";

	strv_foreach (text, texts) {
		if (strncasecmp(*text, "type=", 5) == 0)
			kind = *text + 5;
	}
	strv_foreach (text, texts) {
		size_t n = strcspn(*text, "=");
		const struct field *f = find_field(*text, n);
		const char *value = (*text)[n] ? *text + n + 1 : NULL;
		int r;

		if (!value && (!f || f->type != FIELD_BOOL))
			return berth_fail(err, BERTH_E_INVALID,
					  "invalid field '%s' must be a key=value pair", *text);
		if (!f)
			return berth_fail(err, BERTH_E_INVALID, "unexpected key '%.*s' in '%s'",
					  (int)n, *text, *text);
		if (f->mount_type && strcmp(f->mount_type, kind) != 0)
			return berth_fail(err, BERTH_E_INVALID,
					  "cannot mix '%s-*' options with mount type '%s'",
					  f->mount_type, kind);
		r = set_field(mount, f, value ? value : "true", err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_mount(struct record *mount, struct berth_error *err)
{
	const struct record *bind = record_get(mount, "BindOptions");
	const char *propagation = record_str(record_get(bind, "Propagation"));
	const char *kind = record_str(record_get(mount, "Type"));
	bool read_only = record_bool_or(record_get(mount, "ReadOnly"), false);

	if (kind && !kind[0])
		return berth_fail(err, BERTH_E_INVALID, "type is required");
	if (!record_str_or(record_get(mount, "Target"), "")[0])
		return berth_fail(err, BERTH_E_INVALID, "target is required");
	if (record_has(bind, "ReadOnlyNonRecursive") && !read_only)
		return berth_fail(err, BERTH_E_INVALID,
				  "option 'bind-recursive=writable' requires 'readonly' to be "
				  "specified in conjunction");
	if (record_has(bind, "ReadOnlyForceRecursive") && !read_only)
		return berth_fail(err, BERTH_E_INVALID,
				  "option 'bind-recursive=readonly' requires 'readonly' to be "
				  "specified in conjunction");
	if (record_has(bind, "ReadOnlyForceRecursive") &&
	    (!propagation || strcmp(propagation, "rprivate") != 0))
		return berth_fail(err, BERTH_E_INVALID,
				  "option 'bind-recursive=readonly' requires "
				  "'bind-propagation=rprivate' to be specified in conjunction");
	return 0;
}

static int read_mount(struct record *mount, const char *text, struct berth_error *err)
{
	cleanup_strv char **texts = NULL;
	int r = csv_split(text, &texts, err);

	if (r == 0)
		r = record_set_str(mount, "Type", "volume", err);
	if (r == 0)
		r = read_fields(mount, texts, err);
	return r < 0 ? r : check_mount(mount, err);
}

static int add_mount(struct record *body, const char *text, struct berth_error *err)
{
	cleanup_record struct record *mount = record_new_object();
	int r = mount ? read_mount(mount, text, err)
		      : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == -BERTH_E_INVALID)
		berth_error_prefix(err, "invalid argument \"%s\" for \"--mount\" flag", text);
	if (r < 0)
		return r;
	return body_append(body, "HostConfig.Mounts", steal_ptr(mount), err);
}

int create_mounts(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "volume", &at));)
		r = add_volume(body, text, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "mount", &at));)
		r = add_mount(body, text, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "tmpfs", &at));)
		r = add_tmpfs(body, text, err);
	return r;
}
