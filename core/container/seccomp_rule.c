/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/seccomp_rule.h"

#include "core/container/caps.h"
#include "core/container/kernel.h"

/* What the profile calls this machine, in its conditions and in its archMap. */
#if defined(__x86_64__)
static const char own_arch[] = "amd64", own_scmp[] = "SCMP_ARCH_X86_64";
#elif defined(__i386__)
static const char own_arch[] = "x86", own_scmp[] = "SCMP_ARCH_X86";
#elif defined(__aarch64__)
static const char own_arch[] = "arm64", own_scmp[] = "SCMP_ARCH_AARCH64";
#elif defined(__arm__)
static const char own_arch[] = "arm", own_scmp[] = "SCMP_ARCH_ARM";
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static const char own_arch[] = "ppc64le", own_scmp[] = "SCMP_ARCH_PPC64LE";
#elif defined(__s390x__)
static const char own_arch[] = "s390x", own_scmp[] = "SCMP_ARCH_S390X";
#elif defined(__riscv) && __riscv_xlen == 64
static const char own_arch[] = "riscv64", own_scmp[] = "SCMP_ARCH_RISCV64";
#elif defined(__loongarch64)
static const char own_arch[] = "loong64", own_scmp[] = "SCMP_ARCH_LOONGARCH64";
#else
#error "say here what this architecture is called in seccomp profiles"
#endif

static bool has_string(const struct record *list, const char *s)
{
	for (size_t i = 0; i < record_len(list); i++) {
		if (str_eq(record_str(record_at(list, i)), s))
			return true;
	}
	return false;
}

/* *ret_unknown: there is a name that we do not know. */
static uint64_t caps_of(const struct record *list, bool *ret_unknown)
{
	uint64_t caps = 0;

	*ret_unknown = false;
	for (size_t i = 0; i < record_len(list); i++) {
		uint64_t bit = caps_bit(record_str_or(record_at(list, i), ""));

		*ret_unknown |= !bit;
		caps |= bit;
	}
	return caps;
}

static int min_kernel(const struct record *filter, uint32_t *ret, struct berth_error *err)
{
	const struct record *val = record_get(filter, "minKernel");
	const char *text = record_str(val);

	if (val && (!text || (*text && !kernel_version_of(text))))
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid kernel version: %.32s, expected \"<kernel>.<major>\"",
				  text ? text : "no string");
	*ret = text ? kernel_version_of(text) : 0;
	return 0;
}

int seccomp_rule_when(const struct record *entry, struct seccomp_when *ret, struct berth_error *err)
{
	const struct record *needs = record_get(entry, "includes");
	const struct record *lacks = record_get(entry, "excludes");
	struct seccomp_when when = {0};
	bool unknown;
	int r;

	when.needs_caps = caps_of(record_get(needs, "caps"), &unknown);
	when.never = unknown; /* nobody has what nobody knows */
	when.lacks_caps = caps_of(record_get(lacks, "caps"), &unknown);
	if (record_len(record_get(needs, "arches")) > 0)
		when.never |= !has_string(record_get(needs, "arches"), own_arch);
	when.never |= has_string(record_get(lacks, "arches"), own_arch);
	r = min_kernel(needs, &when.from_kernel, err);
	if (r == 0)
		r = min_kernel(lacks, &when.to_kernel, err);
	if (r == 0)
		*ret = when;
	return r;
}

bool seccomp_when_holds(const struct seccomp_when *when, uint64_t caps, uint32_t kernel)
{
	if (when->never || (caps & when->needs_caps) != when->needs_caps || caps & when->lacks_caps)
		return false;
	if (when->from_kernel && kernel < when->from_kernel)
		return false;
	return !when->to_kernel || kernel < when->to_kernel;
}

static int write_string(const struct record *obj, const char *key, struct jw *w,
			struct berth_error *err)
{
	const char *text;
	int r = record_need_str(obj, key, &text, err);

	if (r == 0)
		jw_key_str(w, key, text);
	return r;
}

static int write_number(const struct record *obj, const char *key, struct jw *w,
			struct berth_error *err)
{
	uint64_t n = 0;
	int r = record_has(obj, key) ? record_need_uint(obj, key, &n, err) : 0;

	if (r == 0)
		jw_key_uint(w, key, n);
	return r;
}

/* An array of strings under @key, or nothing if it is absent. */
static int write_strings(const struct record *obj, const char *key, struct jw *w,
			 struct berth_error *err)
{
	const struct record *list = record_get(obj, key);

	if (!list)
		return 0;
	if (record_type(list) != RECORD_ARRAY)
		return berth_fail(err, BERTH_E_INVALID, "key '%s' is no array", key);
	jw_key_array(w, key);
	for (size_t i = 0; i < record_len(list); i++) {
		const char *s = record_str(record_at(list, i));

		if (!s)
			return berth_fail(err, BERTH_E_INVALID, "key '%s' has no strings", key);
		jw_str(w, s);
	}
	jw_array_end(w);
	return 0;
}

static int write_names(const struct record *entry, struct jw *w, struct berth_error *err)
{
	const char *name = record_str(record_get(entry, "name"));
	const struct record *names = record_get(entry, "names");

	if (name && *name && record_len(names) > 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "both 'name' and 'names' are specified in the seccomp profile, "
				  "use either 'name' or 'names'");
	if (!name || !*name)
		return write_strings(entry, "names", w, err);
	jw_key_array(w, "names");
	jw_str(w, name);
	jw_array_end(w);
	return 0;
}

static int write_arg(const struct record *arg, struct jw *w, struct berth_error *err)
{
	int r;

	jw_object_begin(w);
	r = write_number(arg, "index", w, err);
	if (r == 0)
		r = write_number(arg, "value", w, err);
	if (r == 0 && record_has(arg, "valueTwo"))
		r = write_number(arg, "valueTwo", w, err);
	if (r == 0)
		r = write_string(arg, "op", w, err);
	jw_object_end(w);
	return r;
}

int seccomp_rule_write(const struct record *entry, struct jw *w, struct berth_error *err)
{
	const struct record *args = record_get(entry, "args");
	int r;

	jw_object_begin(w);
	r = write_names(entry, w, err);
	if (r == 0)
		r = write_string(entry, "action", w, err);
	if (r == 0 && record_get(entry, "errnoRet"))
		r = write_number(entry, "errnoRet", w, err);
	if (r == 0 && args && record_type(args) != RECORD_ARRAY)
		r = berth_fail(err, BERTH_E_INVALID, "key 'args' is no array");
	if (r == 0 && record_len(args) > 0) {
		jw_key_array(w, "args");
		for (size_t i = 0; r == 0 && i < record_len(args); i++)
			r = write_arg(record_at(args, i), w, err);
		jw_array_end(w);
	}
	jw_object_end(w);
	return r;
}

/* The architectures of a machine of our kind, which a profile lists directly or by archMap. */
static int write_arches(const struct record *profile, struct jw *w, struct berth_error *err)
{
	const struct record *map = record_get(profile, "archMap");

	if (record_len(record_get(profile, "architectures")) > 0) {
		if (record_len(map) > 0)
			return berth_fail(
				err, BERTH_E_INVALID,
				"both 'architectures' and 'archMap' are specified in the "
				"seccomp profile, use either 'architectures' or 'archMap'");
		return write_strings(profile, "architectures", w, err);
	}
	for (size_t i = 0; i < record_len(map); i++) {
		const struct record *entry = record_at(map, i);
		const struct record *sub = record_get(entry, "subArchitectures");

		if (!str_eq(record_str(record_get(entry, "architecture")), own_scmp))
			continue;
		jw_key_array(w, "architectures");
		jw_str(w, own_scmp);
		for (size_t k = 0; k < record_len(sub); k++)
			jw_str(w, record_str_or(record_at(sub, k), ""));
		jw_array_end(w);
		break;
	}
	return 0;
}

int seccomp_head_write(const struct record *profile, struct jw *w, struct berth_error *err)
{
	int r = write_string(profile, "defaultAction", w, err);

	if (r == 0 && record_get(profile, "defaultErrnoRet"))
		r = write_number(profile, "defaultErrnoRet", w, err);
	if (r == 0)
		r = write_arches(profile, w, err);
	if (r == 0)
		r = write_strings(profile, "flags", w, err);
	if (r == 0 && record_get(profile, "listenerPath"))
		r = write_string(profile, "listenerPath", w, err);
	if (r == 0 && record_get(profile, "listenerMetadata"))
		r = write_string(profile, "listenerMetadata", w, err);
	return r;
}
