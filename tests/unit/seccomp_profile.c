/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles in Docker's format -> linux.seccomp, ours from the build and those of users alike. */
#include "core/container/seccomp_profile.h"

#include "tests/unit/spec_case.h"

#define NEW_KERNEL KERNEL_VERSION_OF(6, 1)

static const char *profile_path = "seccomp-default.json";

/* linux.seccomp as a tree; NULL if nothing was written. */
static struct record *tree_of(struct str *out)
{
	cleanup_record struct record *top = NULL;

	ck_ok(record_parse(out->p, out->len, 0, &top, &err));
	return record_ref(record_get(top, "seccomp"));
}

static struct record *default_for(uint64_t caps, uint32_t kernel)
{
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);

	jw_object_begin(&w);
	seccomp_default_write(caps, kernel, &w);
	jw_object_end(&w);
	ck_ok(str_check(&out, &err));
	return tree_of(&out);
}

static int try_profile(const char *text, size_t n, uint64_t caps, uint32_t kernel, struct str *out)
{
	struct jw w = jw_to(out, RECORD_COMPACT);
	int r;

	jw_object_begin(&w);
	r = seccomp_profile_write(text, n, caps, kernel, &w, &err);
	jw_object_end(&w);
	return r;
}

/* @text has ' for ". */
static struct record *profile_for(const char *text, uint64_t caps, uint32_t kernel)
{
	cleanup_str struct str out = STR_INIT;
	cleanup_record struct record *profile = json(text);
	cleanup_free char *clean = record_to_text(profile, RECORD_COMPACT);

	ck_ok(try_profile(clean, strlen(clean), caps, kernel, &out));
	return tree_of(&out);
}

/* The first rule with @name and these args ("" = none), or NULL. */
static const struct record *rule_of(const struct record *seccomp, const char *name,
				    const char *args)
{
	const struct record *rules = record_get(seccomp, "syscalls");

	for (size_t i = 0; i < record_len(rules); i++) {
		const struct record *rule = record_at(rules, i);
		const struct record *names = record_get(rule, "names");
		cleanup_free char *text = record_to_text(record_get(rule, "args"), RECORD_COMPACT);

		if (!str_eq(str_eq(text, "null") ? "" : text, args))
			continue;
		for (size_t k = 0; k < record_len(names); k++) {
			if (str_eq(record_str(record_at(names, k)), name))
				return rule;
		}
	}
	return NULL;
}

static bool allows(const struct record *seccomp, const char *name)
{
	return str_eq(record_str(record_get(rule_of(seccomp, name, ""), "action")),
		      "SCMP_ACT_ALLOW");
}

START_TEST(the_default_forbids_what_it_does_not_name)
{
	cleanup_record struct record *s = default_for(CAPS_DEFAULT, NEW_KERNEL);

	ck_at(s, "defaultAction", "'SCMP_ACT_ERRNO'");
	ck_at(s, "defaultErrnoRet", "1");
	ck_assert(allows(s, "openat"));
	ck_assert(allows(s, "clone") == false);
	ck_assert(!allows(s, "mount"));
	ck_assert(!allows(s, "kexec_load"));
	ck_assert(!allows(s, "bpf"));
	ck_assert(!allows(s, "keyctl"));
}
END_TEST

START_TEST(a_capability_opens_its_calls)
{
	static const struct {
		const char *cap, *call;
	} cases[] = {
		{"SYS_ADMIN", "mount"},
		{"SYS_ADMIN", "setns"},
		{"SYS_ADMIN", "clone"},
		{"SYS_ADMIN", "clone3"},
		{"SYS_MODULE", "init_module"},
		{"SYS_BOOT", "reboot"},
		{"SYS_TIME", "settimeofday"},
		{"SYS_PTRACE", "pidfd_getfd"},
		{"SYS_PACCT", "acct"},
		{"SYS_RAWIO", "iopl"},
		{"BPF", "bpf"},
		{"PERFMON", "perf_event_open"},
		{"SYSLOG", "syslog"},
		{"DAC_READ_SEARCH", "open_by_handle_at"},
	};
	cleanup_record struct record *without = default_for(CAPS_DEFAULT, NEW_KERNEL);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t caps = CAPS_DEFAULT | caps_bit(cases[i].cap);
		cleanup_record struct record *with = default_for(caps, NEW_KERNEL);

		ck_assert_msg(allows(with, cases[i].call), "%s does not open %s", cases[i].cap,
			      cases[i].call);
		ck_assert_msg(!allows(without, cases[i].call), "%s is open without %s",
			      cases[i].call, cases[i].cap);
	}
}
END_TEST

START_TEST(clone_is_filtered_and_clone3_absent_without_sys_admin)
{
	static const char flags[] = "[{\"index\":0,\"value\":2114060288,\"valueTwo\":0,"
				    "\"op\":\"SCMP_CMP_MASKED_EQ\"}]";
	cleanup_record struct record *s = default_for(CAPS_DEFAULT, NEW_KERNEL);
	cleanup_record struct record *admin =
		default_for(CAPS_DEFAULT | caps_bit("SYS_ADMIN"), NEW_KERNEL);
	const struct record *plain = rule_of(s, "clone3", "");

	ck_at(plain, "action", "'SCMP_ACT_ERRNO'");
	ck_at(plain, "errnoRet", "38");
#if !defined(__s390x__)
	{
		static const char short_flags[] = "[{\"index\":0,\"value\":2114060288,"
						  "\"op\":\"SCMP_CMP_MASKED_EQ\"}]";

		ck_assert(rule_of(s, "clone", flags) || rule_of(s, "clone", short_flags));
		ck_assert(!rule_of(admin, "clone", flags) && !rule_of(admin, "clone", short_flags));
	}
#endif
	ck_assert(allows(admin, "clone3"));
}
END_TEST

START_TEST(an_old_kernel_gets_less)
{
	cleanup_record struct record *old = default_for(CAPS_DEFAULT, KERNEL_VERSION_OF(4, 7));
	cleanup_record struct record *then = default_for(CAPS_DEFAULT, KERNEL_VERSION_OF(4, 8));

	ck_assert(!allows(old, "ptrace"));
	ck_assert(allows(then, "ptrace"));
}
END_TEST

#if defined(__x86_64__)
START_TEST(the_architectures_are_this_machines)
{
	cleanup_record struct record *s = default_for(CAPS_DEFAULT, NEW_KERNEL);

	ck_at(s, "architectures", "['SCMP_ARCH_X86_64','SCMP_ARCH_X86','SCMP_ARCH_X32']");
	ck_assert(allows(s, "arch_prctl"));
	ck_assert(!allows(s, "s390_pci_mmio_read"));
	ck_assert(!allows(s, "riscv_flush_icache"));
}
END_TEST
#define TESTS_OF_ARCH the_architectures_are_this_machines,
#else
#define TESTS_OF_ARCH
#endif

START_TEST(what_the_build_made_is_what_the_profile_says)
{
	static const uint32_t kernels[] = {KERNEL_VERSION_OF(4, 7), KERNEL_VERSION_OF(4, 8),
					   KERNEL_VERSION_OF(6, 18)};
	cleanup_fd int fd = open(profile_path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	size_t n;

	ck_assert_msg(fd >= 0, "open '%s'", profile_path);
	ck_ok(read_fd_limited(fd, SECCOMP_PROFILE_MAX, &text, &n, &err));
	/* no capability, each one alone with the default ones, all */
	for (unsigned i = 0; i < 43 * 3; i++) {
		uint64_t caps = i / 3 == 0    ? 0
				: i / 3 == 42 ? UINT64_MAX
					      : CAPS_DEFAULT | CAPS_BIT(i / 3 - 1);
		cleanup_str struct str slow = STR_INIT, fast = STR_INIT;
		struct jw w = jw_to(&fast, RECORD_COMPACT);

		ck_ok(try_profile(text, n, caps, kernels[i % 3], &slow));
		jw_object_begin(&w);
		seccomp_default_write(caps, kernels[i % 3], &w);
		jw_object_end(&w);
		ck_assert_str_eq(str_text(&fast), str_text(&slow));
	}
}
END_TEST

static const char mixed[] =
	"{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_LOG'],"
	"'architectures':['SCMP_ARCH_X86'],'listenerPath':'/s','listenerMetadata':'m','syscalls':["
	"{'name':'old','action':'SCMP_ACT_KILL','comment':'gone'},"
	"{'names':['both'],'action':'SCMP_ACT_ERRNO','errnoRet':5,'includes':"
	"{'caps':['CAP_SYS_ADMIN','CAP_BPF']}},"
	"{'names':['either'],'action':'SCMP_ACT_LOG','excludes':{'caps':['CAP_SYS_ADMIN','CAP_BPF']"
	"}},"
	"{'names':['new'],'action':'SCMP_ACT_LOG','includes':{'minKernel':'5.10'}},"
	"{'names':['past'],'action':'SCMP_ACT_LOG','excludes':{'minKernel':'5.10'}},"
	"{'names':['unknown'],'action':'SCMP_ACT_LOG','includes':{'caps':['CAP_WARP']}},"
	"{'names':['fine'],'action':'SCMP_ACT_LOG','excludes':{'caps':['CAP_WARP']}},"
	"{'names':['elsewhere'],'action':'SCMP_ACT_LOG','includes':{'arches':['vax']}},"
	"{'names':['args'],'action':'SCMP_ACT_LOG','args':[{'index':1,'value':18446744073709551615,"
	"'valueTwo':2,'op':'SCMP_CMP_EQ'}]}]}";

START_TEST(a_users_profile_is_evaluated_in_the_same_way)
{
	uint64_t admin = caps_bit("SYS_ADMIN"), bpf = caps_bit("BPF");
	cleanup_record struct record *none = profile_for(mixed, 0, KERNEL_VERSION_OF(5, 9));
	cleanup_record struct record *one = profile_for(mixed, bpf, KERNEL_VERSION_OF(5, 10));
	cleanup_record struct record *two = profile_for(mixed, admin | bpf, NEW_KERNEL);

	ck_at(none, "defaultAction", "'SCMP_ACT_ALLOW'");
	ck_at(none, "defaultErrnoRet", "absent");
	ck_at(none, "architectures", "['SCMP_ARCH_X86']");
	ck_at(none, "flags", "['SECCOMP_FILTER_FLAG_LOG']");
	ck_at(none, "listenerPath", "'/s'");
	ck_at(none, "listenerMetadata", "'m'");
	ck_at(rule_of(none, "old", ""), "action", "'SCMP_ACT_KILL'");
	ck_at(rule_of(none, "old", ""), "comment", "absent");
	ck_assert(!rule_of(none, "both", "") && !rule_of(one, "both", ""));
	ck_at(rule_of(two, "both", ""), "errnoRet", "5");
	ck_assert(rule_of(none, "either", ""));
	ck_assert(!rule_of(one, "either", "") && !rule_of(two, "either", ""));
	ck_assert(!rule_of(none, "new", "") && rule_of(one, "new", ""));
	ck_assert(rule_of(none, "past", "") && !rule_of(one, "past", ""));
	ck_assert(!rule_of(two, "unknown", "") && rule_of(two, "fine", ""));
	ck_assert(!rule_of(two, "elsewhere", ""));
	ck_assert(rule_of(none, "args",
			  "[{\"index\":1,\"value\":18446744073709551615,\"valueTwo\":2,"
			  "\"op\":\"SCMP_CMP_EQ\"}]"));
}
END_TEST

START_TEST(an_empty_profile_filters_nothing)
{
	cleanup_record struct record *s = profile_for("{}", 0, NEW_KERNEL);
	cleanup_record struct record *no_rules = profile_for("{'syscalls':[]}", 0, NEW_KERNEL);

	ck_assert_ptr_null(s);
	ck_assert_ptr_null(no_rules);
}
END_TEST

START_TEST(a_profile_that_makes_no_sense_is_refused)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "Decoding seccomp profile failed: "},
		{"/etc/profile.json", "Decoding seccomp profile failed: "},
		{"[]", "it is no object"},
		{"{\"defaultAction\":1}", "key 'defaultAction' is an int, wanted a string"},
		{"{\"syscalls\":[{}]}", "key 'defaultAction' is missing"},
		{"{\"defaultAction\":\"A\",\"syscalls\":{}}", "key 'syscalls' is no array"},
		{"{\"defaultAction\":\"A\",\"syscalls\":[{\"names\":[\"a\"]}]}",
		 "rule 0: key 'action' is missing"},
		{"{\"defaultAction\":\"A\",\"syscalls\":[{\"names\":[1],\"action\":\"A\"}]}",
		 "rule 0: key 'names' has no strings"},
		{"{\"defaultAction\":\"A\",\"syscalls\":[{\"name\":\"a\",\"names\":[\"b\"],"
		 "\"action\":\"A\"}]}",
		 "both 'name' and 'names' are specified"},
		{"{\"defaultAction\":\"A\",\"architectures\":[\"x\"],\"archMap\":[{}]}",
		 "both 'architectures' and 'archMap' are specified"},
		{"{\"defaultAction\":\"A\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"A\","
		 "\"includes\":{\"minKernel\":\"new\"}}]}",
		 "invalid kernel version: new"},
		{"{\"defaultAction\":\"A\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"A\","
		 "\"args\":[{\"index\":-1}]}]}",
		 "key 'index': the number is negative"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_str struct str out = STR_INIT;

		ck_fails(BERTH_E_INVALID,
			 try_profile(cases[i].text, strlen(cases[i].text), 0, NEW_KERNEL, &out));
		ck_says(cases[i].says);
	}
}
END_TEST

START_TEST(a_profile_has_limits)
{
	cleanup_free char *big = calloc(1, SECCOMP_PROFILE_MAX + 2);
	cleanup_str struct str many = STR_INIT, out = STR_INIT;

	memset(big, ' ', SECCOMP_PROFILE_MAX + 1);
	ck_fails(BERTH_E_LIMIT, try_profile(big, strlen(big), 0, NEW_KERNEL, &out));
	str_clear(&out);
	str_add(&many, "{\"defaultAction\":\"A\",\"syscalls\":[{}");
	for (int i = 0; i < SECCOMP_RULES_MAX; i++)
		str_add(&many, ",{}");
	str_add(&many, "]}");
	ck_fails(BERTH_E_LIMIT, try_profile(many.p, many.len, 0, NEW_KERNEL, &out));
	ck_says("more than 16384 rules");
}
END_TEST

START_TEST(kernels_are_told_apart_by_two_numbers)
{
	ck_assert_uint_eq(kernel_version_of("6.1.0-18-amd64"), KERNEL_VERSION_OF(6, 1));
	ck_assert_uint_eq(kernel_version_of("4.8"), KERNEL_VERSION_OF(4, 8));
	ck_assert_uint_eq(kernel_version_of("3.12-1-amd64"), KERNEL_VERSION_OF(3, 12));
	ck_assert_uint_eq(kernel_version_of("6"), 0);
	ck_assert_uint_eq(kernel_version_of("6."), 0);
	ck_assert_uint_eq(kernel_version_of(""), 0);
	ck_assert_uint_eq(kernel_version_of("99999999.1"), 0);
	ck_assert_uint_gt(kernel_version(), KERNEL_VERSION_OF(4, 0));
}
END_TEST

int main(int argc, char *argv[])
{
	if (argc > 1)
		profile_path = argv[1];
	return CK_MAIN(
		"seccomp/profile", the_default_forbids_what_it_does_not_name,
		a_capability_opens_its_calls, clone_is_filtered_and_clone3_absent_without_sys_admin,
		an_old_kernel_gets_less, TESTS_OF_ARCH what_the_build_made_is_what_the_profile_says,
		a_users_profile_is_evaluated_in_the_same_way, an_empty_profile_filters_nothing,
		a_profile_that_makes_no_sense_is_refused, a_profile_has_limits,
		kernels_are_told_apart_by_two_numbers);
}
