/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/fault.h"

#include <dirent.h>
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "tests/conformance/run.h"

enum {
	ALL_OF_THEM = 96, /* the first so many calls fail one by one, of later ones some */
	AT_MOST = 400,
};

/* Shared with the processes that a driver clones, whose calls are its own. */
struct plan {
	/* which call fails: counted down, 0 is none. Drivers may have threads */
	atomic_uint calls_left;
	atomic_uint memory_left;
	int fail_with;
	const char *_Atomic failed;
};
static struct plan none;
static struct plan *plan = &none;

static bool is_hit(atomic_uint *left, const char *name)
{
	unsigned n = atomic_load(left);

	while (n && !atomic_compare_exchange_weak(left, &n, n - 1))
		;
	if (n != 1)
		return false;
	plan->failed = name;
	return true;
}

static bool call_fails(const char *name)
{
	if (!is_hit(&plan->calls_left, name))
		return false;
	errno = plan->fail_with;
	return true;
}

static bool memory_fails(const char *name)
{
	if (!is_hit(&plan->memory_left, name))
		return false;
	errno = ENOMEM;
	return true;
}

#define FAULT(type, failure, name, parameters, arguments)                                          \
	static type faulty_##name parameters                                                       \
	{                                                                                          \
		return call_fails(#name) ? (failure) : name arguments;                             \
	}
#define FAULT_MEMORY(name, parameters, arguments)                                                  \
	static void *faulty_##name parameters                                                      \
	{                                                                                          \
		return memory_fails(#name) ? NULL : name arguments;                                \
	}
#include "tests/conformance/fault_calls.h"
#undef FAULT
#undef FAULT_MEMORY

/* Functions as addresses: what the table of imports holds. */
#define FAULT(type, failure, name, parameters, arguments) {#name, (uintptr_t)faulty_##name},
#define FAULT_MEMORY(name, parameters, arguments)	  {#name, (uintptr_t)faulty_##name},
static const struct {
	const char *name;
	uintptr_t address;
} wrappers[] = {
#include "tests/conformance/fault_calls.h"
};

static uintptr_t wrapper_of(const char *name)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		size_t n = strlen(wrappers[i].name);

		/* "openat64" answers for "openat" as well: the same thing on 64 bits */
		if (strncmp(name, wrappers[i].name, n) == 0 && !name[n])
			return wrappers[i].address;
		if (n > 2 && str_has_suffix(wrappers[i].name, "64") && strlen(name) == n - 2 &&
		    strncmp(name, wrappers[i].name, n - 2) == 0)
			return wrappers[i].address;
	}
	return 0;
}

/* What the file has of itself in memory. */
struct imports {
	const struct link_map *map;
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * tables[2];
	size_t bytes[2];
	size_t patched;
};

/* glibc has made addresses of these, musl has not. */
static const void *at(const struct link_map *map, ElfW(Addr) address)
{
	return (const void *)(address < map->l_addr ? map->l_addr + address : address);
}

static void read_dynamic(struct imports *im)
{
	for (const ElfW(Dyn) *d = im->map->l_ld; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SYMTAB:
			im->symbols = at(im->map, d->d_un.d_ptr);
			break;
		case DT_STRTAB:
			im->names = at(im->map, d->d_un.d_ptr);
			break;
		case DT_JMPREL:
			im->tables[0] = at(im->map, d->d_un.d_ptr);
			break;
		case DT_PLTRELSZ:
			im->bytes[0] = d->d_un.d_val;
			break;
		case DT_RELA:
			im->tables[1] = at(im->map, d->d_un.d_ptr);
			break;
		case DT_RELASZ:
			im->bytes[1] = d->d_un.d_val;
			break;
		}
	}
}

/* Imports may be read-only by now. */
static void patch(struct imports *im, const ElfW(Rela) * rela)
{
	const ElfW(Sym) *symbol = &im->symbols[ELF64_R_SYM(rela->r_info)];
	uintptr_t *slot = (uintptr_t *)(im->map->l_addr + rela->r_offset);
	uintptr_t page = (uintptr_t)slot & ~((uintptr_t)getpagesize() - 1);
	uintptr_t wrapper;

	if (ELF64_R_SYM(rela->r_info) == 0 || symbol->st_shndx != SHN_UNDEF)
		return;
	wrapper = wrapper_of(im->names + symbol->st_name);
	if (!wrapper)
		return;
	ck_assert_int_eq(mprotect((void *)page, (size_t)getpagesize(), PROT_READ | PROT_WRITE), 0);
	*slot = wrapper;
	im->patched++;
}

/* Once in the process of each case that wants it: from here the driver's calls are ours. */
static void take_over(void)
{
	static bool is_done;
	struct imports im = {0};

	if (is_done)
		return;
	if (suite_is_separate())
		suite_skip("calls of a driver in a process of its own cannot be made to fail");
	ck_assert_int_eq(dlinfo(run.driver.lib, RTLD_DI_LINKMAP, &im.map), 0);
	read_dynamic(&im);
	ck_assert(im.symbols && im.names);
	for (size_t t = 0; t < 2; t++) {
		for (size_t i = 0; i < im.bytes[t] / sizeof(ElfW(Rela)); i++)
			patch(&im, &im.tables[t][i]);
	}
	plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(plan, MAP_FAILED);
	if (!im.patched)
		suite_skip("the driver's file imports nothing that could be made to fail");
	is_done = true;
}

void fault_arm(unsigned n, int sys_errno)
{
	take_over();
	plan->failed = NULL;
	plan->fail_with = sys_errno;
	atomic_store(sys_errno == ENOMEM ? &plan->memory_left : &plan->calls_left, n);
}

const char *fault_disarm(void)
{
	atomic_store(&plan->calls_left, 0);
	atomic_store(&plan->memory_left, 0);
	return plan->failed;
}

static bool is_allowed(int code, int sys_errno)
{
	/* a driver may take a failure for "this kernel cannot", or for damage; that of a container's own
	 * process for its death, or for what its program says */
	return code == (int)berth_code_of_errno(sys_errno) || code == BERTH_E_UNSUPPORTED ||
	       code == BERTH_E_IO || code == BERTH_E_CORRUPT ||
	       (run.driver.head.kind == BERTH_ISOLATION &&
		(code == BERTH_E_EXEC || code == BERTH_E_NOT_FOUND));
}

/* One run with the @n'th call failing; true if there was one. */
static bool try_one(const struct fault_case *c, unsigned n, int sys_errno)
{
	int fds = ck_count_fds();
	struct berth_error e = {.code = CK_UNTOUCHED};
	const char *name;
	int r;

	if (c->before)
		c->before(c->arg);
	fault_arm(n, sys_errno);
	r = c->run(c->arg, &e);
	name = fault_disarm();
	if (!name)
		ck_assert_msg(r == 0, "untouched it fails: %s", e.text);
	ck_assert_msg(r <= 0 && (r == 0 || is_allowed(-r, sys_errno)),
		      "%s (call %u) failed with %s: the answer is %s: %s", name, n,
		      strerror(sys_errno), berth_code_name(r), e.text);
	ck_assert_msg(r == 0 ? e.code == CK_UNTOUCHED : e.code == -r && e.text[0],
		      "%s (call %u) failed: the answer is %s, but err says %s '%s'", name, n,
		      berth_code_name(r), berth_code_name(e.code), e.text);
	if (c->after)
		c->after(c->arg, r);
	ck_assert_msg(ck_count_fds() == fds, "%s (call %u) failed: %d descriptors more", name, n,
		      ck_count_fds() - fds);
	return name != NULL;
}

void fault_each(const struct fault_case *c)
{
	static const int errnos[] = {EIO, ENOMEM};

	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
		unsigned n = 1;

		for (unsigned runs = 0; runs < AT_MOST && try_one(c, n, errnos[i]); runs++)
			n += 1 + (n > ALL_OF_THEM ? n / 16 : 0);
	}
}
