/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/info.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/ident.h"
#include "core/config/config.h"

enum {
	SECTIONS_MAX = 4096,
	NAMES_MAX = 1024 * 1024, /* bytes of the table of sections' names */
};

/* Exactly @n bytes at @at. What is short is no whole ELF file. */
static int read_at(int fd, uint64_t at, void *bytes, size_t n, struct berth_error *err)
{
	char *to = bytes;

	while (n) {
		ssize_t got = at > INT64_MAX ? 0 : pread(fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail_errno(err, errno, "read");
		if (got == 0)
			return berth_fail(err, BERTH_E_INVALID, "the ELF file is cut off");
		to += got;
		at += (size_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* --- the machine ---------------------------------------------------------- */

static const char *machine_name(unsigned machine, char *out, size_t n)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{EM_X86_64, "x86_64"}, {EM_386, "i386"},    {EM_AARCH64, "aarch64"},
		{EM_ARM, "arm"},       {EM_RISCV, "riscv"}, {EM_PPC64, "ppc64"},
		{EM_S390, "s390"},     {EM_MIPS, "mips"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	(void)snprintf(out, n, "machine %u", machine);
	return out;
}

/* This program's own header is what a driver's must be like. */
static int own_header(ElfW(Ehdr) * ret, struct berth_error *err)
{
	cleanup_fd int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return berth_fail_errno(err, errno, "open '/proc/self/exe'");
	return read_at(fd, 0, ret, sizeof(*ret), err);
}

static int check_header(const ElfW(Ehdr) * elf, struct berth_error *err)
{
	ElfW(Ehdr) own;
	char a[32], b[32];
	int r = own_header(&own, err);

	if (r < 0)
		return r;
	if (elf->e_ident[EI_CLASS] != own.e_ident[EI_CLASS] ||
	    elf->e_ident[EI_DATA] != own.e_ident[EI_DATA]) {
		bool bits = elf->e_ident[EI_CLASS] != own.e_ident[EI_CLASS];

		return berth_fail(err, BERTH_E_INVALID,
				  "made for another machine: %s, this engine is for %s",
				  bits ? "another word size" : "another byte order",
				  machine_name(own.e_machine, b, sizeof(b)));
	}
	if (elf->e_machine != own.e_machine)
		return berth_fail(err, BERTH_E_INVALID,
				  "made for another machine: %s, this engine is for %s",
				  machine_name(elf->e_machine, a, sizeof(a)),
				  machine_name(own.e_machine, b, sizeof(b)));
	if (elf->e_type != ET_DYN)
		return berth_fail(err, BERTH_E_INVALID, "an ELF file, but not a shared object");
	if (elf->e_shentsize != sizeof(ElfW(Shdr)) || elf->e_shnum == 0 ||
	    elf->e_shnum > SECTIONS_MAX || elf->e_shstrndx >= elf->e_shnum)
		return berth_fail(err, BERTH_E_INVALID, "the ELF file has no usable sections");
	return 0;
}

static int read_header(int fd, ElfW(Ehdr) * ret, struct berth_error *err)
{
	ssize_t n;

	memset(ret, 0, sizeof(*ret));
	n = pread(fd, ret, sizeof(*ret), 0);
	if (n < 0)
		return berth_fail_errno(err, errno, "read");
	if (n < SELFMAG || memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0)
		return berth_fail(err, BERTH_E_INVALID, "not an ELF file");
	if ((size_t)n < sizeof(*ret))
		return berth_fail(err, BERTH_E_INVALID, "the ELF file is cut off");
	return check_header(ret, err);
}

/* --- the section ---------------------------------------------------------- */

/* The header of section @name: *@ret is all zero if there is none. */
static int find_section(int fd, const ElfW(Ehdr) * elf, const char *name, ElfW(Shdr) * ret,
			struct berth_error *err)
{
	size_t bytes = elf->e_shnum * sizeof(ElfW(Shdr));
	cleanup_free ElfW(Shdr) *sections = malloc(bytes);
	cleanup_free char *names = NULL;
	const ElfW(Shdr) * strings;
	int r;

	if (!sections)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = read_at(fd, elf->e_shoff, sections, bytes, err);
	if (r < 0)
		return r;
	strings = &sections[elf->e_shstrndx];
	if (strings->sh_size == 0 || strings->sh_size > NAMES_MAX)
		return berth_fail(err, BERTH_E_INVALID, "the ELF file has no usable sections");
	names = malloc(strings->sh_size);
	if (!names)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = read_at(fd, strings->sh_offset, names, strings->sh_size, err);
	if (r < 0)
		return r;
	names[strings->sh_size - 1] = '\0';
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < elf->e_shnum; i++) {
		if (sections[i].sh_name < strings->sh_size &&
		    str_eq(names + sections[i].sh_name, name))
			*ret = sections[i];
	}
	return 0;
}

/* A version is shown to people: printable, one word. */
static bool is_version(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s <= ' ' || *s > '~')
			return false;
	}
	return true;
}

/* The name and version of a record may fill their arrays without a final NUL. */
static int take_record(const struct berth_driver_info *record, struct info *ret,
		       struct berth_error *err)
{
	if (memcmp(record->magic, BERTH_INFO_MAGIC, sizeof(record->magic)) != 0 ||
	    record->size != sizeof(*record))
		return berth_fail(err, BERTH_E_INVALID, "its section %s is damaged",
				  BERTH_INFO_SECTION);
	memset(ret, 0, sizeof(*ret));
	ret->abi = record->abi;
	ret->kind = record->kind;
	ret->host_min = record->host_min;
	memcpy(ret->name, record->name, sizeof(record->name));
	memcpy(ret->version, record->version, sizeof(record->version));
	if (!ident_is_driver(ret->name))
		return berth_fail(err, BERTH_E_INVALID,
				  "its section %s has a name that is none (a letter, then "
				  "letters, digits and '-')",
				  BERTH_INFO_SECTION);
	if (!is_version(ret->version))
		return berth_fail(err, BERTH_E_INVALID,
				  "its section %s has no version for driver '%s'",
				  BERTH_INFO_SECTION, ret->name);
	return 0;
}

/* Compilers put the records of a file into any order. */
static int by_kind(const void *left, const void *right)
{
	const struct info *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->name, b->name);
}

int info_read(int fd, struct info ret[static INFO_MAX], size_t *ret_n, struct berth_error *err)
{
	struct berth_driver_info records[INFO_MAX];
	ElfW(Ehdr) elf;
	ElfW(Shdr) section;
	size_t n;
	int r;

	r = read_header(fd, &elf, err);
	if (r == 0)
		r = find_section(fd, &elf, BERTH_INFO_SECTION, &section, err);
	if (r < 0)
		return r;
	if (section.sh_type == SHT_NULL || section.sh_size == 0) {
		(void)berth_fail(err, BERTH_E_INVALID, "no driver: it has no section %s",
				 BERTH_INFO_SECTION);
		berth_error_hint(err,
				 "a driver is made with BERTH_DRIVER_EXPORT of berth/driver.h");
		return -BERTH_E_INVALID;
	}
	if (section.sh_type != SHT_PROGBITS || section.sh_size % sizeof(records[0]) ||
	    section.sh_size > sizeof(records))
		return berth_fail(err, BERTH_E_INVALID, "its section %s is damaged",
				  BERTH_INFO_SECTION);
	n = section.sh_size / sizeof(records[0]);
	r = read_at(fd, section.sh_offset, records, section.sh_size, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take_record(&records[i], &ret[i], err);
	if (r < 0)
		return r;
	qsort(ret, n, sizeof(ret[0]), by_kind);
	*ret_n = n;
	return 0;
}

int info_check(const struct info *info, struct berth_error *err)
{
	if (info->abi != BERTH_ABI)
		return berth_fail(err, BERTH_E_INVALID, "needs driver ABI %u, this engine has %u",
				  info->abi, BERTH_ABI);
	if (!config_section(info->kind))
		return berth_fail(err, BERTH_E_INVALID,
				  "driver '%s' is of kind %u, which this engine does not know",
				  info->name, info->kind);
	if (info->host_min > sizeof(struct berth_host))
		return berth_fail(err, BERTH_E_INVALID,
				  "needs a host of %u bytes (host_min), this engine's has %zu: it "
				  "was made for a later one",
				  info->host_min, sizeof(struct berth_host));
	return 0;
}
