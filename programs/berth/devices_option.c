/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "body.h"
#include "create_options.h"
#include "csv.h"

/* ---------------------------------------------------------------------------------- --device */

/* some of r, w and m, each at most once */
static bool is_mode(const char *text)
{
	if (!text[0] || strspn(text, "rwm") != strlen(text))
		return false;
	for (const char *s = text; *s; s++)
		if (strchr(s + 1, *s))
			return false;
	return true;
}

/* "vendor.com/class=name": a device of the Container Device Interface */
static bool is_cdi(const char *text)
{
	const char *slash = strchr(text, '/'), *equals = strchr(text, '=');

	return isalpha((unsigned char)text[0]) && slash && equals && slash < equals &&
	       slash[1] != '=' && equals[1] && !strchr(equals, '/');
}

static int add_request(struct record *body, struct record *request, struct berth_error *err)
{
	return body_append(body, "HostConfig.DeviceRequests", request, err);
}

static int add_cdi(struct record *body, const char *text, struct berth_error *err)
{
	cleanup_record struct record *request = record_new_object();
	int r = request ? record_set_str(request, "Driver", "cdi", err)
			: berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == 0)
		r = body_append(request, "DeviceIDs", record_new_str(text), err);
	return r < 0 ? r : add_request(body, steal_ptr(request), err);
}

static int add_device(struct record *body, const char *text, struct berth_error *err)
{
	cleanup_strv char **parts = strv_split(text, ':');
	cleanup_record struct record *device = record_new_object();
	const char *inside, *mode = "rwm";
	size_t n = strv_len(parts);
	int r;

	if (!parts || !device)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (n < 1 || n > 3 || !parts[0][0] || (n > 1 && !parts[1][0]))
		return berth_fail(err, BERTH_E_INVALID, "bad format for path: %s", text);
	inside = n > 1 ? parts[1] : parts[0];
	if (n == 2 && is_mode(parts[1])) {
		inside = parts[0];
		mode = parts[1];
	}
	if (n == 3)
		mode = parts[2];
	if (!is_mode(mode))
		return berth_fail(err, BERTH_E_INVALID, "bad mode specified: %s", mode);
	if (parts[0][0] != '/' || inside[0] != '/')
		return berth_fail(err, BERTH_E_INVALID, "%s is not an absolute path",
				  parts[0][0] != '/' ? parts[0] : inside);
	r = record_set_str(device, "PathOnHost", parts[0], err);
	if (r == 0)
		r = record_set_str(device, "PathInContainer", inside, err);
	if (r == 0)
		r = record_set_str(device, "CgroupPermissions", mode, err);
	return r < 0 ? r : body_append(body, "HostConfig.Devices", steal_ptr(device), err);
}

/* "c 1:3 rwm", "a *:* r" */
static bool is_rule(const char *text)
{
	const char *s = text;

	if (!*s || !strchr("abc", *s) || s[1] != ' ')
		return false;
	s += 2;
	for (int i = 0; i < 2; i++) {
		size_t n = *s == '*' ? 1 : strspn(s, "0123456789");

		if (n == 0 || s[n] != (i == 0 ? ':' : ' '))
			return false;
		s += n + 1;
	}
	return strlen(s) >= 1 && strlen(s) <= 3 && strspn(s, "rwm") == strlen(s);
}

/* ------------------------------------------------------------------------------------ --gpus */

static int add_list(struct record *request, const char *key, const char *text,
		    struct berth_error *err)
{
	cleanup_strv char **words = strv_split(text, ',');
	int r = words ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	strv_foreach (word, words) {
		if (r == 0)
			r = body_append(request, key, record_new_str(*word), err);
	}
	return r;
}

static int set_count(struct record *request, const char *text, struct berth_error *err)
{
	int64_t count = -1;

	if (strcmp(text, "all") != 0 && parse_i64(text, INT32_MIN, INT32_MAX, &count) < 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid count (%s): value must be either \"all\" or an integer",
				  text);
	return record_set_int(request, "Count", count, err);
}

static int set_gpu_field(struct record *request, struct record *caps, const char *field,
			 struct berth_error *err)
{
	const char *value;

	if (!strchr(field, '='))
		return set_count(request, field, err);
	value = str_after(field, "count=");
	if (value)
		return set_count(request, value, err);
	value = str_after(field, "driver=");
	if (value)
		return record_set_str(request, "Driver", value, err);
	value = str_after(field, "device=");
	if (value)
		return add_list(request, "DeviceIDs", value, err);
	value = str_after(field, "capabilities=");
	if (value)
		return add_list(caps, "list", value, err);
	value = str_after(field, "options=");
	if (value)
		return body_set_pair(request, "Options", value, err);
	return berth_fail(err, BERTH_E_INVALID, "unexpected key '%.*s' in '%s'",
			  (int)strcspn(field, "="), field, field);
}

static int read_gpus(struct record *request, struct record *caps, const char *text,
		     struct berth_error *err)
{
	cleanup_strv char **fields = NULL;
	int r = csv_split(text, &fields, err);

	strv_foreach (field, fields) {
		if (r == 0)
			r = set_gpu_field(request, caps, *field, err);
	}
	if (r == 0 && !record_get(request, "Count") && !record_get(request, "DeviceIDs"))
		r = record_set_int(request, "Count", 1, err);
	if (r == 0)
		r = body_append(caps, "list", record_new_str("gpu"), err);
	if (r == 0)
		r = body_append(request, "Capabilities", record_ref(record_get(caps, "list")), err);
	return r;
}

static int add_gpus(struct record *body, const char *text, struct berth_error *err)
{
	cleanup_record struct record *request = record_new_object();
	cleanup_record struct record *caps = record_new_object();
	int r = request && caps ? read_gpus(request, caps, text, err)
				: berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	if (r == -BERTH_E_INVALID)
		berth_error_prefix(err, "invalid argument \"%s\" for \"--gpus\" flag", text);
	return r < 0 ? r : add_request(body, steal_ptr(request), err);
}

int create_devices(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "device", &at));)
		r = is_cdi(text) ? add_cdi(body, text, err) : add_device(body, text, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "gpus", &at));)
		r = add_gpus(body, text, err);
	for (size_t at = 0; r == 0 && (text = options_next(o, "device-cgroup-rule", &at));) {
		if (!is_rule(text))
			return body_bad_flag(err, "--device-cgroup-rule", text,
					     "invalid device cgroup format '%s'", text);
		r = body_append(body, "HostConfig.DeviceCgroupRules", record_new_str(text), err);
	}
	return r;
}
