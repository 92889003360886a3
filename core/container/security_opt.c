/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/container/spec_parts.h"

static int fail_opt(int round, const char *opt, struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];

	return berth_fail(err, BERTH_E_INVALID, "invalid --security-opt %d: \"%s\"", round,
			  spec_shown(opt, shown));
}

/* What follows "@key=" or, as long ago, "@key:". */
static const char *value_of(const char *opt, const char *key)
{
	const char *value = str_after(opt, key);

	/* the first '=' separates, and a ':' only if there is none */
	if (!value || (*value != '=' && (*value != ':' || strchr(opt, '='))))
		return NULL;
	return value + 1;
}

static int read_one(const char *opt, struct security_opt *into, struct berth_error *err)
{
	const char *value;

	if (str_eq(opt, "no-new-privileges")) {
		into->no_new_privileges = true;
		return 0;
	}
	if (str_eq(opt, "writable-cgroups")) {
		into->cgroups_given = into->cgroups_writable = true;
		return 0;
	}
	if (str_eq(opt, "disable")) /* of SELinux labels, which we do not set */
		return 0;
	if (!strpbrk(opt, "=:"))
		return fail_opt(1, opt, err);
	if (value_of(opt, "label"))
		return 0;
	value = value_of(opt, "apparmor");
	if (value) {
		into->apparmor = value;
		return 0;
	}
	value = str_after(opt, "seccomp");
	/* a profile is JSON and may hold both separators */
	if (value && (*value == '=' || *value == ':')) {
		into->seccomp = value + 1;
		return 0;
	}
	value = value_of(opt, "no-new-privileges");
	if (value && parse_bool(value, &into->no_new_privileges) == 0)
		return 0;
	value = value_of(opt, "writable-cgroups");
	if (value && parse_bool(value, &into->cgroups_writable) == 0) {
		into->cgroups_given = true;
		return 0;
	}
	value = value_of(opt, "systempaths");
	if (value && str_eq(value, "unconfined")) {
		into->paths_unconfined = true;
		return 0;
	}
	return fail_opt(2, opt, err);
}

int security_opt_read(const struct record *list, struct security_opt *ret, struct berth_error *err)
{
	struct security_opt opts = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < record_len(list); i++)
		r = read_one(record_str_or(record_at(list, i), ""), &opts, err);
	if (r == 0)
		*ret = opts;
	return r;
}
