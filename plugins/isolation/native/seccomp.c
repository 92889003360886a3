/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/audit.h>

#include "base/path.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__)
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define NATIVE_ARCH AUDIT_ARCH_S390X
#elif defined(__i386__)
#define NATIVE_ARCH AUDIT_ARCH_I386
#elif defined(__arm__)
#define NATIVE_ARCH AUDIT_ARCH_ARM
#else
#error "which AUDIT_ARCH_ is this?"
#endif

#define CACHE_MAGIC UINT64_C(0x3166637368747262) /* "brthscf1", also its format */

enum { CACHE_FILES_MAX = 128, NAME_MAX_LEN = 32 };

/*
 * A file: this, then the text, the instructions (aligned), the library's path, and the listener's
 * path and metadata; the last three with their NULs, the listener's empty if not given.
 */
struct cache_head {
	uint64_t magic;
	uint64_t check; /* over everything behind the head */
	uint64_t library_size, library_mtime;
	uint32_t arch, flags, notify;
	uint32_t text_len, insns_len, library_len, path_len, metadata_len;
};

/* Fast, and nothing rests on it. */
static uint64_t hash_bytes(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15);

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t w;

		memcpy(&w, p, 8);
		h = (h ^ w) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	for (; n; p++, n--)
		h = (h ^ *p) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 29;
}

static void cache_name(struct berth_str text, char out[static NAME_MAX_LEN])
{
	(void)snprintf(out, NAME_MAX_LEN, "%016llx.bpf",
		       (unsigned long long)hash_bytes(text.p, text.n));
}

bool seccomp_library_stat(const char *path, uint64_t *ret_size, uint64_t *ret_mtime)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*ret_size = (uint64_t)st.st_size;
	*ret_mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	return true;
}

static size_t aligned(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Where the parts of a mapped file are; false if they are not as they should be. */
static bool open_parts(const char *map, size_t len, struct berth_str text,
		       struct seccomp_filter *ret)
{
	const struct cache_head *head = (const void *)map;
	uint64_t size, mtime;
	size_t insns, library, path, metadata, end;

	if (len < sizeof(*head) || head->magic != CACHE_MAGIC || head->arch != NATIVE_ARCH ||
	    head->text_len != text.n)
		return false;
	insns = sizeof(*head) + aligned(head->text_len);
	library = insns + head->insns_len;
	path = library + head->library_len;
	metadata = path + head->path_len;
	end = metadata + head->metadata_len;
	if (end != len || !head->insns_len || head->insns_len % sizeof(struct sock_filter) ||
	    head->insns_len / sizeof(struct sock_filter) > SECCOMP_INSNS_MAX ||
	    !head->library_len || !head->path_len || !head->metadata_len || map[path - 1] ||
	    map[metadata - 1] || map[end - 1])
		return false;
	if (memcmp(map + sizeof(*head), text.p, text.n) != 0 ||
	    hash_bytes(map + sizeof(*head), len - sizeof(*head)) != head->check)
		return false;
	if (!seccomp_library_stat(map + library, &size, &mtime) || size != head->library_size ||
	    mtime != head->library_mtime)
		return false;
	ret->insns = (struct sock_filter *)(uintptr_t)(map + insns);
	ret->n = head->insns_len / sizeof(struct sock_filter);
	ret->flags = head->flags;
	ret->notify = head->notify != 0;
	ret->listener_path = head->path_len > 1 ? map + path : NULL;
	ret->listener_metadata = head->metadata_len > 1 ? map + metadata : NULL;
	return true;
}

static bool load_cached(int state_fd, struct berth_str text, struct seccomp_filter *ret)
{
	char path[16 + NAME_MAX_LEN] = "seccomp/";
	struct seccomp_filter f = {0};
	cleanup_fd int fd = -1;
	struct stat st;
	void *map;

	cache_name(text, path + strlen(path));
	if (state_open(state_fd, path, O_RDONLY, 0, &fd, NULL) < 0 || fstat(fd, &st) < 0 ||
	    st.st_size <= 0 || st.st_size > 8 * SECCOMP_TEXT_MAX)
		return false;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	if (!open_parts(map, (size_t)st.st_size, text, &f)) {
		(void)munmap(map, (size_t)st.st_size);
		return false;
	}
	f.map = map;
	f.map_len = (size_t)st.st_size;
	*ret = f;
	return true;
}

/* A cache that never ends would be a leak: when it is full it begins anew. */
static void limit_cache(int dir)
{
	cleanup_dir DIR *entries = NULL;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t n = 0;

	entries = fd >= 0 ? fdopendir(fd) : NULL;
	while (entries && readdir(entries))
		n++;
	if (n > CACHE_FILES_MAX)
		(void)remove_tree_content(dir, NULL);
}

static void add_part(struct str *file, const void *bytes, size_t n)
{
	static const char zeros[8];

	str_add_n(file, bytes, n);
	str_add_n(file, zeros, aligned(file->len) - file->len);
}

static int store(int state_fd, struct berth_str text, const struct seccomp_made *made,
		 struct berth_error *err)
{
	const char *path = made->listener_path ? made->listener_path : "";
	const char *metadata = made->listener_metadata ? made->listener_metadata : "";
	struct cache_head head = {
		.magic = CACHE_MAGIC,
		.library_size = made->library_size,
		.library_mtime = made->library_mtime,
		.arch = NATIVE_ARCH,
		.flags = made->flags,
		.notify = made->notify,
		.text_len = (uint32_t)text.n,
		.insns_len = (uint32_t)made->insns.len,
		.library_len = (uint32_t)strlen(made->library) + 1,
		.path_len = (uint32_t)strlen(path) + 1,
		.metadata_len = (uint32_t)strlen(metadata) + 1,
	};
	cleanup_str struct str file = STR_INIT;
	cleanup_fd int dir = -1;
	char name[NAME_MAX_LEN];
	int r;

	str_add_n(&file, &head, sizeof(head));
	add_part(&file, text.p, text.n);
	str_add_n(&file, made->insns.p, made->insns.len);
	str_add_n(&file, made->library, head.library_len);
	str_add_n(&file, path, head.path_len);
	str_add_n(&file, metadata, head.metadata_len);
	r = str_check(&file, err);
	if (r < 0)
		return r;
	head.check = hash_bytes(file.p + sizeof(head), file.len - sizeof(head));
	memcpy(file.p, &head, sizeof(head));
	r = state_mkdirs(state_fd, "seccomp", 0700, &dir, err);
	if (r < 0)
		return r;
	limit_cache(dir);
	cache_name(text, name);
	return state_replace(dir, name, 0600, file.p, file.len, 0, err);
}

/* The same without a file. */
static int keep(struct seccomp_made *made, struct seccomp_filter *ret, struct berth_error *err)
{
	size_t len = made->insns.len;
	char *insns = str_steal(&made->insns);

	if (!insns)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret = (struct seccomp_filter){
		.insns = (void *)insns,
		.n = len / sizeof(struct sock_filter),
		.flags = made->flags,
		.notify = made->notify,
		.listener_path = steal_ptr(made->listener_path),
		.listener_metadata = steal_ptr(made->listener_metadata),
	};
	return 0;
}

int seccomp_get(int state_fd, struct berth_str text, struct seccomp_filter *ret,
		struct berth_error *err)
{
	struct seccomp_made made = {.insns = STR_INIT};
	int r;

	if (!text.n) {
		*ret = (struct seccomp_filter){0};
		return 0;
	}
	if (text.n > SECCOMP_TEXT_MAX)
		return berth_fail(err, BERTH_E_LIMIT,
				  "key 'linux.seccomp' has %zu bytes, at most "
				  "%d are taken",
				  text.n, SECCOMP_TEXT_MAX);
	if (state_fd >= 0 && load_cached(state_fd, text, ret))
		return 0;
	r = seccomp_compile(text, &made, err);
	if (r < 0)
		return r;
	/* a cache that cannot be written costs time, not the container */
	if (state_fd < 0 || store(state_fd, text, &made, NULL) < 0 ||
	    !load_cached(state_fd, text, ret))
		r = keep(&made, ret, err);
	seccomp_made_done(&made);
	return r;
}

void seccomp_done(struct seccomp_filter *filter)
{
	if (filter->map) {
		(void)munmap(filter->map, filter->map_len);
	} else {
		free(filter->insns);
		free((void *)(uintptr_t)filter->listener_path);
		free((void *)(uintptr_t)filter->listener_metadata);
	}
	*filter = (struct seccomp_filter){0};
}

void seccomp_made_done(struct seccomp_made *made)
{
	str_done(&made->insns);
	free(made->listener_path);
	free(made->listener_metadata);
	free(made->library);
	*made = (struct seccomp_made){.insns = STR_INIT};
}
