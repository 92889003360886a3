/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "body.h"
#include "create_options.h"

/* ----------------------------------------------------------------------------- --security-opt */

/* the profile itself rather than its file's name: who makes the container need not see the file */
static int add_profile(struct record *body, const char *path, struct berth_error *err)
{
	cleanup_free char *text = NULL;
	cleanup_free char *compact = NULL;
	cleanup_free char *option = NULL;
	cleanup_record struct record *profile = NULL;
	size_t len;
	int r = body_read_file(path, &text, &len, err);

	if (r < 0) {
		berth_error_prefix(err, "opening seccomp profile (%s) failed", path);
		return r;
	}
	r = record_parse(text, len, 0, &profile, err);
	if (r < 0) {
		berth_error_prefix(err, "compacting json for seccomp profile (%s) failed", path);
		return r;
	}
	compact = record_to_text(profile, RECORD_COMPACT);
	option = compact ? str_fmt("seccomp=%s", compact) : NULL;
	if (!option)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return body_append(body, "HostConfig.SecurityOpt", record_new_str(option), err);
}

static int add_security(struct record *body, const char *text, struct berth_error *err)
{
	const char *sign = text + strcspn(text, strchr(text, '=') ? "=" : ":");

	if (!*sign && strcmp(text, "no-new-privileges") != 0)
		return berth_fail(err, BERTH_E_INVALID, "Invalid --security-opt: \"%s\"", text);
	if (strcmp(text, "systempaths=unconfined") == 0) {
		int r = body_set(body, "HostConfig.MaskedPaths", record_new_array(), err);

		return r < 0 ? r
			     : body_set(body, "HostConfig.ReadonlyPaths", record_new_array(), err);
	}
	if (sign - text == 7 && str_has_prefix(text, "seccomp") &&
	    strcmp(sign + 1, "unconfined") != 0 && strcmp(sign + 1, "builtin") != 0)
		return add_profile(body, sign + 1, err);
	return body_append(body, "HostConfig.SecurityOpt", record_new_str(text), err);
}

/* ------------------------------------------------------------------------------- capabilities */

/* "net_admin" -> "CAP_NET_ADMIN" */
static char *cap_name(const char *text)
{
	char *name = str_fmt(
		"%s%s",
		strncasecmp(text, "cap_", 4) == 0 || strcasecmp(text, "all") == 0 ? "" : "CAP_",
		text);

	for (char *s = name; s && *s; s++)
		*s = (char)toupper((unsigned char)*s);
	return name;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* sorted, each once */
static int set_caps(const struct options *o, const char *flag, struct record *body, const char *key,
		    struct berth_error *err)
{
	cleanup_strv char **names = NULL;
	const char *text;
	size_t n;
	int r = 0;

	for (size_t at = 0; (text = options_next(o, flag, &at));)
		if (strv_take(&names, cap_name(text)) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	n = strv_len(names);
	if (n == 0)
		return 0;
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			r = body_append(body, key, record_new_str(names[i]), err);
	return r;
}

int create_security(const struct options *o, struct record *body, struct berth_error *err)
{
	const char *text;
	int r = 0;

	for (size_t at = 0; r == 0 && (text = options_next(o, "security-opt", &at));)
		r = add_security(body, text, err);
	if (r == 0)
		r = set_caps(o, "cap-add", body, "HostConfig.CapAdd", err);
	if (r == 0)
		r = set_caps(o, "cap-drop", body, "HostConfig.CapDrop", err);
	return r;
}
