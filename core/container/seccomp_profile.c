/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/seccomp_profile.h"

#include <string.h>

#include "core/container/seccomp_rule.h"

void seccomp_default_write(uint64_t caps, uint32_t kernel, struct jw *w)
{
	cleanup_str struct str out = STR_INIT;
	bool comma = false;

	(void)str_room(&out, 16 * 1024); /* one allocation; if it fails, out remembers */
	str_add_char(&out, '{');
	str_add(&out, seccomp_default_head);
	str_add(&out, ",\"syscalls\":[");
	for (size_t i = 0; i < seccomp_default_n; i++) {
		const struct seccomp_rule *rule = &seccomp_default_rules[i];

		if (!seccomp_when_holds(&rule->when, caps, kernel))
			continue;
		if (comma)
			str_add_char(&out, ',');
		str_add_n(&out, rule->json, rule->len);
		comma = true;
	}
	str_add(&out, "]}");
	jw_key(w, "seccomp");
	if (out.failed)
		w->out->failed = true;
	jw_raw(w, str_text(&out), out.len);
}

static int write_rules(const struct record *rules, uint64_t caps, uint32_t kernel, struct jw *w,
		       struct berth_error *err)
{
	int r = 0;

	if (rules && record_type(rules) != RECORD_ARRAY)
		return berth_fail(err, BERTH_E_INVALID, "key 'syscalls' is no array");
	if (record_len(rules) > SECCOMP_RULES_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d rules", SECCOMP_RULES_MAX);
	jw_key_array(w, "syscalls");
	for (size_t i = 0; r == 0 && i < record_len(rules); i++) {
		const struct record *rule = record_at(rules, i);
		struct seccomp_when when;

		r = seccomp_rule_when(rule, &when, err);
		if (r == 0 && seccomp_when_holds(&when, caps, kernel))
			r = seccomp_rule_write(rule, w, err);
		if (r < 0)
			berth_error_prefix(err, "rule %zu", i);
	}
	jw_array_end(w);
	return r;
}

int seccomp_profile_write(const char *text, size_t len, uint64_t caps, uint32_t kernel,
			  struct jw *w, struct berth_error *err)
{
	cleanup_record struct record *profile = NULL;
	int r;

	if (len > SECCOMP_PROFILE_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "seccomp profile is larger than %d bytes",
				  SECCOMP_PROFILE_MAX);
	r = record_parse(text, len, 16, &profile, err);
	if (r == 0 && record_type(profile) != RECORD_OBJECT)
		r = berth_fail(err, BERTH_E_INVALID, "it is no object");
	if (r == 0 && !record_get(profile, "defaultAction") &&
	    record_len(record_get(profile, "syscalls")) == 0)
		return 0;
	if (r == 0) {
		jw_key_object(w, "seccomp");
		r = seccomp_head_write(profile, w, err);
		if (r == 0)
			r = write_rules(record_get(profile, "syscalls"), caps, kernel, w, err);
		jw_object_end(w);
	}
	if (r < 0)
		berth_error_prefix(err, "Decoding seccomp profile failed");
	return r;
}
