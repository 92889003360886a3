/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v2 has no device controller: a small program decides each access. Ours is the list of rules from
 * its end, first match counts, which is what writing them one after the other means in v1:
 *
 *	r2 = type, r3 = access, r4 = major, r5 = minor
 *	each rule: no match -> next; match -> return allow
 *	return 0
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include <linux/bpf.h>

#include "cgroup.h"

enum {
	RULE_INSNS_MAX = 10,
	FIXED_INSNS = 8,
	ACCESS_ALL = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE,
};

struct program {
	struct bpf_insn *insn;
	size_t n;
};

static void emit(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		 int32_t imm)
{
	p->insn[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = off, .imm = imm};
}

static void emit_return(struct program *p, int32_t value)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_begin(struct program *p)
{
	/* access_type: the low half is the kind of node, the high half what is wanted */
	emit(p, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_2, BPF_REG_1, 0, 0);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	emit(p, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_4, BPF_REG_1, 4, 0);
	emit(p, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_5, BPF_REG_1, 8, 0);
}

/* Jumps of a rule go behind it; how far is known at its end. */
static void emit_rule(struct program *p, const struct device_rule *rule)
{
	int32_t access = (rule->read ? BPF_DEVCG_ACC_READ : 0) |
			 (rule->write ? BPF_DEVCG_ACC_WRITE : 0) |
			 (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0);
	size_t begin = p->n;

	if (rule->type != 'a')
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0,
		     rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (access != ACCESS_ALL) {
		/* all that is wanted is allowed; or anything that is wanted is denied */
		emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, access);
		if (rule->allow)
			emit(p, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		else
			emit(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0);
	}
	if (rule->type != 'a' && rule->major >= 0)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)rule->major);
	if (rule->type != 'a' && rule->minor >= 0)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)rule->minor);
	emit_return(p, rule->allow ? 1 : 0);
	for (size_t i = begin; i < p->n; i++) {
		uint8_t op = p->insn[i].code;

		if ((op & 7) == BPF_JMP && (op & 0xf0) != BPF_EXIT)
			p->insn[i].off = (int16_t)(p->n - i - 1);
	}
}

static int load_program(const struct program *p, struct berth_error *err)
{
	union bpf_attr attr = {0};
	int fd;

	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)p->insn;
	attr.insn_cnt = (uint32_t)p->n;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return berth_fail_errno(err, errno, "load the device rules of a cgroup");
	return fd;
}

static int compile(const struct device_rule *rules, size_t n, struct berth_error *err)
{
	cleanup_free struct bpf_insn *insns =
		calloc(FIXED_INSNS + n * RULE_INSNS_MAX, sizeof(*insns));
	struct program p = {.insn = insns};
	bool total = false;
	size_t i = n;

	if (!insns)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	emit_begin(&p);
	while (i && !total) {
		const struct device_rule *rule = &rules[--i];

		emit_rule(&p, rule);
		/* the verifier refuses what can never be reached */
		total = rule->type == 'a' && rule->read && rule->write && rule->mknod;
	}
	if (!total)
		emit_return(&p, 0);
	return load_program(&p, err);
}

/* All programs of a group must agree: the ones from before go when the new one is there. */
static void detach_old(int group, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		union bpf_attr attr = {0};
		cleanup_fd int old = -1;

		attr.prog_id = ids[i];
		old = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
		if (old < 0)
			continue;
		memset(&attr, 0, sizeof(attr));
		attr.target_fd = (uint32_t)group;
		attr.attach_bpf_fd = (uint32_t)old;
		attr.attach_type = BPF_CGROUP_DEVICE;
		(void)syscall(SYS_bpf, BPF_PROG_DETACH, &attr, sizeof(attr));
	}
}

int cgroup2_devices(const struct cgroup_dir *dir, const struct device_rule *rules, size_t n,
		    struct berth_error *err)
{
	cleanup_fd int program = -1;
	cleanup_fd int group = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	union bpf_attr attr = {0};
	uint32_t ids[64];
	uint32_t n_ids;
	int r;

	if (group < 0)
		return berth_fail_errno(err, errno, "open cgroup '%s'", dir->path);
	r = compile(rules, n, err);
	if (r < 0)
		return r;
	program = r;
	attr.query.target_fd = (uint32_t)group;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = sizeof(ids) / sizeof(ids[0]);
	r = (int)syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr));
	n_ids = r < 0 ? 0 : attr.query.prog_cnt;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)group;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0)
		return berth_fail_errno(err, errno, "attach device rules to cgroup '%s'",
					dir->path);
	detach_old(group, ids, n_ids);
	return 0;
}
