/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that knows libseccomp, which is loaded for as long as it works. */
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/path.h"
#include "fields.h"
#include "seccomp.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { RULES_MAX = 65536, ARCHS_MAX = 24, X32_BIT = 0x40000000 };

struct library {
	void *handle;
	scmp_filter_ctx (*init)(uint32_t action);
	void (*release)(scmp_filter_ctx ctx);
	int (*arch_add)(scmp_filter_ctx ctx, uint32_t token);
	int (*arch_exist)(const scmp_filter_ctx ctx, uint32_t token);
	uint32_t (*arch_resolve_name)(const char *name);
	uint32_t (*arch_native)(void);
	int (*attr_set)(scmp_filter_ctx ctx, enum scmp_filter_attr attr, uint32_t value);
	int (*resolve)(const char *name);
	int (*resolve_arch)(uint32_t token, const char *name);
	int (*rule_add_array)(scmp_filter_ctx ctx, uint32_t action, int nr, unsigned n,
			      const struct scmp_arg_cmp *args);
	int (*export_bpf)(const scmp_filter_ctx ctx, int fd);
};

static void library_close(struct library *lib)
{
	if (lib->handle)
		(void)dlclose(lib->handle);
}

static int library_open(struct library *lib, struct berth_error *err)
{
	const struct {
		const char *name;
		void **to;
	} symbols[] = {
		{"seccomp_init", (void **)&lib->init},
		{"seccomp_release", (void **)&lib->release},
		{"seccomp_arch_add", (void **)&lib->arch_add},
		{"seccomp_arch_exist", (void **)&lib->arch_exist},
		{"seccomp_arch_resolve_name", (void **)&lib->arch_resolve_name},
		{"seccomp_arch_native", (void **)&lib->arch_native},
		{"seccomp_attr_set", (void **)&lib->attr_set},
		{"seccomp_syscall_resolve_name", (void **)&lib->resolve},
		{"seccomp_syscall_resolve_name_arch", (void **)&lib->resolve_arch},
		{"seccomp_rule_add_array", (void **)&lib->rule_add_array},
		{"seccomp_export_bpf", (void **)&lib->export_bpf},
	};

	lib->handle = dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle) {
		int r = berth_fail(err, BERTH_E_UNSUPPORTED, "seccomp filter: %s", dlerror());

		berth_error_hint(err, "install libseccomp2, or run without a seccomp filter");
		return r;
	}
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		*symbols[i].to = dlsym(lib->handle, symbols[i].name);
		if (!*symbols[i].to)
			return berth_fail(err, BERTH_E_UNSUPPORTED,
					  "seccomp filter: libseccomp has no %s", symbols[i].name);
	}
	return 0;
}

static int note_library(const struct library *lib, struct seccomp_made *made,
			struct berth_error *err)
{
	Dl_info info;

	if (!dladdr((void *)(uintptr_t)lib->init, &info) || !info.dli_fname ||
	    !seccomp_library_stat(info.dli_fname, &made->library_size, &made->library_mtime))
		return str_copy("", &made->library, err);
	return str_copy(info.dli_fname, &made->library, err);
}

/* One filter in the making. */
struct compile {
	struct library lib;
	scmp_filter_ctx ctx;
	uint32_t fallback; /* the default action */
	bool notify;
	struct {
		uint32_t token;
		int last; /* the highest number that the rules know */
	} arch[ARCHS_MAX];
	size_t n_archs;
};

static uint32_t read_action(const struct fields *f, const char *key, const char *errno_key)
{
	static const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
		{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
		{"SCMP_ACT_LOG", SCMP_ACT_LOG},
		{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
		{"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
	};
	const char *name = field_str(f, key);
	uint64_t number = EPERM;

	(void)field_uint(f, errno_key, 4095, &number);
	if (str_eq(name, "SCMP_ACT_ERRNO"))
		return SCMP_ACT_ERRNO((uint32_t)number);
	if (str_eq(name, "SCMP_ACT_TRACE"))
		return SCMP_ACT_TRACE((uint32_t)number);
	if (field_has(f, errno_key))
		field_invalid(f, errno_key, "stands at an action that returns no errno");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (str_eq(name, actions[i].name))
			return actions[i].action;
	field_invalid(f, key, "is '%.40s', which is no action", name ? name : "");
	return SCMP_ACT_KILL_PROCESS;
}

static unsigned read_flags(const struct fields *f)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} flags[] = {
		{"SECCOMP_FILTER_FLAG_TSYNC", 0}, /* there are no other threads */
		{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
		{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	};
	const char **names = field_strv(f, "flags", NULL);
	unsigned set = 0;

	for (; *names; names++) {
		size_t i = 0;

		while (i < sizeof(flags) / sizeof(flags[0]) && strcmp(flags[i].name, *names) != 0)
			i++;
		if (i == sizeof(flags) / sizeof(flags[0]))
			field_invalid(f, "flags", "has '%.60s', which is no flag", *names);
		else
			set |= (unsigned)flags[i].flag;
	}
	return set;
}

static void note_arch(struct compile *c, uint32_t token)
{
	for (size_t i = 0; i < c->n_archs; i++)
		if (c->arch[i].token == token)
			return;
	if (c->n_archs < ARCHS_MAX) {
		c->arch[c->n_archs].token = token;
		c->arch[c->n_archs++].last = -1;
	}
}

/* "SCMP_ARCH_X86_64" -> "x86_64" */
static void read_archs(struct compile *c, const struct fields *f)
{
	const char **names = field_strv(f, "architectures", NULL);

	note_arch(c, c->lib.arch_native());
	for (; *names; names++) {
		const char *name = str_after(*names, "SCMP_ARCH_");
		char lower[32] = "";
		uint32_t token;

		for (size_t i = 0; name && name[i] && i < sizeof(lower) - 1; i++)
			lower[i] =
				name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
		token = c->lib.arch_resolve_name(lower);
		if (!name || token == 0) {
			field_invalid(f, "architectures", "has '%.40s', which is no architecture",
				      *names);
			return;
		}
		note_arch(c, token);
		if (c->lib.arch_exist(c->ctx, token) == -EEXIST &&
		    c->lib.arch_add(c->ctx, token) < 0)
			field_fail(f, "architectures", BERTH_E_UNSUPPORTED,
				   "has '%.40s', which libseccomp does not take", *names);
	}
}

static enum scmp_compare read_op(const struct fields *f)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
		{"SCMP_CMP_NE", SCMP_CMP_NE},
		{"SCMP_CMP_LT", SCMP_CMP_LT},
		{"SCMP_CMP_LE", SCMP_CMP_LE},
		{"SCMP_CMP_EQ", SCMP_CMP_EQ},
		{"SCMP_CMP_GE", SCMP_CMP_GE},
		{"SCMP_CMP_GT", SCMP_CMP_GT},
		{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
	};
	const char *name = field_str(f, "op");

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (str_eq(name, ops[i].name))
			return ops[i].op;
	field_invalid(f, "op", "is '%.40s', which is no comparison", name ? name : "");
	return SCMP_CMP_EQ;
}

struct rule {
	uint32_t action;
	struct scmp_arg_cmp args[6];
	unsigned n_args;
	bool either; /* conditions on one argument: each is a rule of its own */
};

static void read_args(const struct fields *f, struct rule *ret)
{
	size_t n = field_count(f, "args", 6);
	unsigned seen = 0;

	for (size_t i = 0; i < n; i++) {
		struct fields item = field_item(f, "args", i);
		struct scmp_arg_cmp *a = &ret->args[i];
		uint64_t index = 0;
		uint64_t value = 0;
		uint64_t second = 0;

		if (!field_uint(&item, "index", 5, &index))
			field_invalid(&item, "index", "is missing");
		(void)field_uint(&item, "value", UINT64_MAX, &value);
		(void)field_uint(&item, "valueTwo", UINT64_MAX, &second);
		*a = (struct scmp_arg_cmp){
			.arg = (unsigned)index, .op = read_op(&item), .datum_a = value};
		if (a->op == SCMP_CMP_MASKED_EQ)
			a->datum_b = second; /* "value" is the mask */
		ret->either = ret->either || (seen & 1u << index);
		seen |= 1u << index;
	}
	ret->n_args = (unsigned)n;
}

static int add_rule(struct compile *c, const struct rule *rule, int nr)
{
	int r = 0;

	if (!rule->either)
		return c->lib.rule_add_array(c->ctx, rule->action, nr, rule->n_args, rule->args);
	for (unsigned i = 0; i < rule->n_args && r == 0; i++)
		r = c->lib.rule_add_array(c->ctx, rule->action, nr, 1, &rule->args[i]);
	return r;
}

static void note_number(struct compile *c, const char *name)
{
	for (size_t i = 0; i < c->n_archs; i++) {
		int nr = c->lib.resolve_arch(c->arch[i].token, name);

		if (nr > c->arch[i].last)
			c->arch[i].last = nr;
	}
}

static void read_rule(struct compile *c, const struct fields *f)
{
	const char **names = field_strv(f, "names", NULL);
	struct rule rule = {.action = read_action(f, "action", "errnoRet")};

	read_args(f, &rule);
	if (!*names)
		field_invalid(f, "names", "is empty");
	for (; *names && f->p->r == 0; names++) {
		int nr = c->lib.resolve(*names);
		int r;

		if (nr == __NR_SCMP_ERROR)
			continue; /* of a newer kernel or another machine: nothing to filter */
		note_number(c, *names);
		if (rule.action == SCMP_ACT_NOTIFY && strcmp(*names, "write") == 0)
			field_invalid(f, "names",
				      "has 'write' with SCMP_ACT_NOTIFY: the listener "
				      "could never be handed over");
		c->notify = c->notify || rule.action == SCMP_ACT_NOTIFY;
		if (rule.action == c->fallback)
			continue;
		r = add_rule(c, &rule, nr);
		if (r < 0)
			field_invalid(f, "names",
				      "has '%.60s', for which libseccomp refuses this "
				      "rule: %s",
				      *names, strerror(-r));
	}
}

/* What a new system call gets: "there is none" rather than "not permitted", so that programs fall
 * back to older ones as they do on older kernels. */
static bool wants_enosys(uint32_t fallback)
{
	return fallback != SCMP_ACT_ALLOW && fallback != SCMP_ACT_LOG &&
	       fallback != SCMP_ACT_NOTIFY && fallback != SCMP_ACT_ERRNO(ENOSYS) &&
	       (fallback & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE;
}

static void put(struct str *out, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	struct sock_filter insn = {code, jt, jf, k};

	str_add_n(out, &insn, sizeof(insn));
}

/* Two of the library's architectures are one to the kernel, told apart by a bit in the number. */
static uint32_t audit_arch(uint32_t token)
{
	return token == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : token;
}

/*
 * Before the library's program: numbers above all that the rules know are ENOSYS. One block a table
 * of numbers; a block that is not meant is jumped over with the architecture still loaded.
 */
static void put_enosys(struct compile *c, struct str *out)
{
	const uint32_t nr = offsetof(struct seccomp_data, nr);
	const uint32_t arch = offsetof(struct seccomp_data, arch);
	const uint32_t refuse = SECCOMP_RET_ERRNO | ENOSYS;

	for (size_t i = 0; i < c->n_archs; i++) {
		bool x32 = c->arch[i].token == SCMP_ARCH_X32;
		bool x64 = c->arch[i].token == SCMP_ARCH_X86_64;
		uint32_t last = (uint32_t)c->arch[i].last;

		if (c->arch[i].last < 0)
			continue;
		if (x32 && !(last & X32_BIT))
			last |= X32_BIT;
		put(out, BPF_LD | BPF_W | BPF_ABS, 0, 0, arch);
		put(out, BPF_JMP | BPF_JEQ | BPF_K, 0, x32 || x64 ? 4 : 3,
		    audit_arch(c->arch[i].token));
		put(out, BPF_LD | BPF_W | BPF_ABS, 0, 0, nr);
		if (x64)
			put(out, BPF_JMP | BPF_JGE | BPF_K, 2, 0, X32_BIT);
		if (x32)
			put(out, BPF_JMP | BPF_JGE | BPF_K, 0, 2, X32_BIT);
		put(out, BPF_JMP | BPF_JGT | BPF_K, 0, 1, last);
		put(out, BPF_RET | BPF_K, 0, 0, refuse);
	}
}

static int export(struct compile *c, struct str *out, struct berth_error *err)
{
	cleanup_fd int fd = memfd_create("filter", MFD_CLOEXEC);
	cleanup_free char *bytes = NULL;
	size_t n;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "make room for a seccomp filter");
	r = c->lib.export_bpf(c->ctx, fd);
	if (r < 0)
		return berth_fail_errno(err, -r, "compile the seccomp filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return berth_fail_errno(err, errno, "read the seccomp filter");
	r = read_fd_limited(fd, SECCOMP_INSNS_MAX * sizeof(struct sock_filter), &bytes, &n, err);
	if (r < 0)
		return r;
	if (wants_enosys(c->fallback))
		put_enosys(c, out);
	str_add_n(out, bytes, n);
	if (out->len / sizeof(struct sock_filter) > SECCOMP_INSNS_MAX)
		return berth_fail(err, BERTH_E_LIMIT,
				  "the seccomp filter has more than %d instructions",
				  SECCOMP_INSNS_MAX);
	return str_check(out, err);
}

static int copy_listener(const struct fields *f, struct seccomp_made *made)
{
	int r = str_copy(field_str(f, "listenerPath"), &made->listener_path, f->p->err);

	if (r == 0)
		r = str_copy(field_str(f, "listenerMetadata"), &made->listener_metadata, f->p->err);
	if (r == 0 && made->notify && !made->listener_path)
		field_invalid(f, "listenerPath", "is missing, and an action asks for a listener");
	if (r == 0 && made->listener_path && made->listener_path[0] != '/')
		field_invalid(f, "listenerPath", "is no absolute path");
	return r < 0 ? r : f->p->r;
}

static int compile_tree(struct compile *c, const struct fields *f, struct seccomp_made *made)
{
	size_t n = field_count(f, "syscalls", RULES_MAX);
	int r;

	c->fallback = read_action(f, "defaultAction", "defaultErrnoRet");
	if (c->fallback == SCMP_ACT_NOTIFY)
		field_invalid(f, "defaultAction", "cannot be SCMP_ACT_NOTIFY");
	made->flags = read_flags(f);
	if (f->p->r < 0)
		return f->p->r;
	c->ctx = c->lib.init(c->fallback);
	if (!c->ctx)
		return berth_fail(f->p->err, BERTH_E_UNSUPPORTED,
				  "key 'linux.seccomp.defaultAction' is refused by libseccomp");
	read_archs(c, f);
	for (size_t i = 0; i < n && f->p->r == 0; i++) {
		struct fields item = field_item(f, "syscalls", i);

		read_rule(c, &item);
	}
	made->notify = c->notify;
	r = f->p->r < 0 ? f->p->r : copy_listener(f, made);
	return r < 0 ? r : export(c, &made->insns, f->p->err);
}

int seccomp_compile(struct berth_str text, struct seccomp_made *ret, struct berth_error *err)
{
	cleanup_record struct record *tree = NULL;
	cleanup_arena struct arena arena = {NULL};
	struct parser p = {.arena = &arena, .err = err};
	struct seccomp_made made = {.insns = STR_INIT};
	struct compile c = {.n_archs = 0};
	int r;

	r = record_parse(text.p, text.n, 0, &tree, err);
	if (r < 0)
		return r;
	if (record_type(tree) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_INVALID, "key 'linux.seccomp' is no object");
	r = library_open(&c.lib, err);
	if (r == 0) {
		struct fields f = fields_of(&p, tree, "linux.seccomp");

		r = compile_tree(&c, &f, &made);
	}
	if (r == 0)
		r = note_library(&c.lib, &made, err);
	if (c.ctx)
		c.lib.release(c.ctx);
	library_close(&c.lib);
	if (r < 0) {
		seccomp_made_done(&made);
		return r;
	}
	*ret = made;
	return 0;
}
