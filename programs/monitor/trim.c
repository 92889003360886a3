/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/monitor.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_USED_MAX = 512 * 1024 };

/** Pages of a file that are never written to come back from the page cache when they are needed. */
static int forget_text(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;

	(void)size;
	(void)arg;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &object->dlpi_phdr[i];
		uintptr_t from = (object->dlpi_addr + h->p_vaddr) & ~page;
		uintptr_t to = (object->dlpi_addr + h->p_vaddr + h->p_memsz) & ~page;

		/* what may be written to has been, by relocation: it exists here only */
		if (h->p_type == PT_LOAD && !(h->p_flags & PF_W) && to > from)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void trim(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	/* two pages for what is called from here */
	uintptr_t to = (here & ~page) - 2 * (page + 1);

	(void)malloc_trim(0);
	/* all of these are advice: whatever is refused is merely kept */
	(void)madvise((void *)((here - STACK_USED_MAX) & ~page),
		      to - ((here - STACK_USED_MAX) & ~page), MADV_DONTNEED);
	(void)dl_iterate_phdr(forget_text, NULL);
}
