/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_index.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "tar_header.h"

/* What is known while walking; the strings are from extended headers and meant for the next entry.
 */
struct scan {
	int fd;
	const struct berth_host *host;
	struct berth_op *op;
	uint64_t file_bytes;
	uint64_t at;
	struct tar_index *index;
	size_t cap;
	size_t name_bytes;
	struct tar_extended next;
};

static int damaged(const struct scan *scan, const char *what, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_CORRUPT, "%s is damaged: %s at byte %llu",
			  scan->index->label, what, (unsigned long long)scan->at);
}

static int read_at(const struct scan *scan, void *buf, size_t n, uint64_t at,
		   struct berth_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(scan->fd, (char *)buf + done, n - done, (off_t)(at + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return berth_fail_errno(err, errno, "read %s", scan->index->label);
		if (r == 0)
			return berth_fail(err, BERTH_E_CORRUPT,
					  "%s is truncated: it became shorter", scan->index->label);
		done += (size_t)r;
	}
	return 0;
}

static uint64_t padded(uint64_t bytes)
{
	return (bytes + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

/* Is there all the content that a header claims? @at is behind the header. */
static int check_room(const struct scan *scan, const char *name, uint64_t bytes,
		      struct berth_error *err)
{
	uint64_t there = scan->file_bytes - scan->at;

	if (bytes <= there)
		return 0;
	return berth_fail(err, BERTH_E_CORRUPT,
			  "%s is truncated: entry '%s' claims %llu bytes, %llu are there",
			  scan->index->label, name, (unsigned long long)bytes,
			  (unsigned long long)there);
}

static int add_entry(struct scan *scan, char *name, char *link, const struct tar_entry *proto,
		     struct berth_error *err)
{
	struct tar_index *index = scan->index;
	struct tar_entry *entry;

	scan->name_bytes += strlen(name) + (link ? strlen(link) : 0);
	if (index->n == TAR_ENTRIES_MAX || scan->name_bytes > TAR_NAMES_MAX) {
		free(name);
		free(link);
		return berth_fail(err, BERTH_E_LIMIT,
				  "%s has more than %d entries or %d bytes of names", index->label,
				  TAR_ENTRIES_MAX, TAR_NAMES_MAX);
	}
	if (index->n == scan->cap) {
		size_t cap = scan->cap ? scan->cap * 2 : 64;
		struct tar_entry *more = reallocarray(index->entry, cap, sizeof(*more));

		if (!more) {
			free(name);
			free(link);
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		}
		index->entry = more;
		scan->cap = cap;
	}
	entry = &index->entry[index->n++];
	*entry = *proto;
	entry->name = name;
	entry->link = link;
	return 0;
}

/* The body of an extended header (pax x and g, GNU L and K), limited and NUL-terminated. */
static int take_extended(struct scan *scan, const struct tar_header *header,
			 struct berth_error *err)
{
	cleanup_free char *body = NULL;
	const char *wrong;
	int r;

	r = check_room(scan, "(extended header)", header->bytes, err);
	if (r < 0)
		return r;
	if (header->bytes > TAR_EXTENDED_MAX)
		return berth_fail(err, BERTH_E_LIMIT,
				  "%s has an extended header of %llu bytes, %d are allowed",
				  scan->index->label, (unsigned long long)header->bytes,
				  TAR_EXTENDED_MAX);
	body = malloc(header->bytes + 1);
	if (!body)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = read_at(scan, body, header->bytes, scan->at, err);
	if (r < 0)
		return r;
	body[header->bytes] = '\0';
	wrong = tar_extended_take(&scan->next, header->type, body, header->bytes);
	if (wrong)
		return damaged(scan, wrong, err);
	scan->at += padded(header->bytes);
	return 0;
}

/* A header that stands for an entry: index it and step over its content. */
static int take_entry(struct scan *scan, const struct tar_header *header, struct berth_error *err)
{
	const struct tar_extended *next = &scan->next;
	const char *raw = next->path ? next->path : header->name;
	const char *raw_link = next->link ? next->link : header->link;
	uint64_t bytes = next->has_bytes ? next->bytes : header->bytes;
	struct tar_entry proto = {.offset = scan->at, .bytes = bytes};
	cleanup_free char *name = NULL;
	cleanup_free char *link = NULL;
	const char *wrong;
	int r;

	wrong = tar_clean_name(raw, &name);
	if (wrong)
		return damaged(scan, wrong, err);
	proto.kind = (uint8_t)tar_header_kind(header->type, raw);
	if (header->type == 'S' || next->sparse)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "%s: entry '%s' is a sparse file",
				  scan->index->label, name);
	if (header->type >= '1' && header->type <= '6' && bytes > 0)
		return damaged(scan, "an entry without content has a size", err);
	r = check_room(scan, name, bytes, err);
	if (r < 0)
		return r;
	if (proto.kind == TAR_SYMLINK || proto.kind == TAR_HARDLINK) {
		if (!tar_is_printable(raw_link))
			return damaged(
				scan, "a link's target has control characters or is too long", err);
		r = str_copy(raw_link, &link, err);
		if (r < 0)
			return r;
	}
	tar_extended_done(&scan->next);
	scan->at += padded(bytes);
	if (name[0] == '\0')
		return 0; /* "./", the top itself */
	return add_entry(scan, steal_ptr(name), steal_ptr(link), &proto, err);
}

/* Behind a zero block: the archive ends here if another one follows, or nothing. */
static int check_end(struct scan *scan, struct berth_error *err)
{
	char block[TAR_BLOCK];
	int r;

	if (scan->file_bytes - scan->at >= TAR_BLOCK) {
		r = read_at(scan, block, sizeof(block), scan->at, err);
		if (r < 0)
			return r;
		if (!tar_is_zero(block))
			return damaged(scan, "more follows behind its end", err);
	}
	scan->index->ended = true;
	return 0;
}

static int take_header(struct scan *scan, bool *ret_done, struct berth_error *err)
{
	char block[TAR_BLOCK];
	struct tar_header header;
	const char *wrong;
	int r;

	if (scan->file_bytes < TAR_BLOCK) /* not even one header: anything, but nobody's tar */
		return berth_fail(err, BERTH_E_UNSUPPORTED, "%s is no tar archive",
				  scan->index->label);
	if (scan->file_bytes - scan->at < TAR_BLOCK)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "%s is truncated: it ends inside a header at byte %llu",
				  scan->index->label, (unsigned long long)scan->file_bytes);
	r = read_at(scan, block, sizeof(block), scan->at, err);
	if (r < 0)
		return r;
	if (tar_is_zero(block)) {
		scan->at += TAR_BLOCK;
		*ret_done = true;
		return check_end(scan, err);
	}
	wrong = tar_header_parse(block, &header);
	if (wrong && scan->at == 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "%s is no tar archive",
				  scan->index->label);
	if (wrong)
		return damaged(scan, wrong, err);
	scan->at += TAR_BLOCK;
	if (tar_header_is_extended(header.type))
		return take_extended(scan, &header, err);
	return take_entry(scan, &header, err);
}

static int walk(struct scan *scan, struct berth_error *err)
{
	bool done = false;
	unsigned steps = 0;
	int r;

	if (scan->file_bytes == 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "%s is empty", scan->index->label);
	/* The padding of the last entry may be missing, its content may not: `at` may pass the end.
	 */
	while (!done && scan->at < scan->file_bytes) {
		if (++steps % 1024 == 0 && scan->host->cancelled(scan->op))
			return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
		r = take_header(scan, &done, err);
		if (r < 0)
			return r;
	}
	if (tar_extended_is_set(&scan->next))
		return damaged(scan, "an extended header without its entry", err);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tar_entry *)a)->name, ((const struct tar_entry *)b)->name);
}

static int sort_entries(struct tar_index *index, struct berth_error *err)
{
	if (index->n > 0)
		qsort(index->entry, index->n, sizeof(*index->entry), by_name);
	for (size_t i = 1; i < index->n; i++) {
		const struct tar_entry *a = &index->entry[i - 1];
		const struct tar_entry *b = &index->entry[i];

		/* Which of two would another reader take? Only of directories it does not matter.
		 */
		if (strcmp(a->name, b->name) == 0 && (a->kind != TAR_DIR || b->kind != TAR_DIR))
			return berth_fail(err, BERTH_E_CORRUPT, "%s has entry '%s' twice",
					  index->label, a->name);
	}
	return 0;
}

int tar_index_new(int fd, const char *label, const struct berth_host *host, struct berth_op *op,
		  struct tar_index **ret, struct berth_error *err)
{
	cleanup_tar_index struct tar_index *index = NULL;
	struct scan scan = {.fd = fd, .host = host, .op = op};
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat %s", label);
	index = calloc(1, sizeof(*index));
	if (!index)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = str_copy(label, &index->label, err);
	if (r < 0)
		return r;
	scan.file_bytes = (uint64_t)st.st_size;
	scan.index = index;
	r = walk(&scan, err);
	tar_extended_done(&scan.next);
	if (r < 0)
		return r;
	r = sort_entries(index, err);
	if (r < 0)
		return r;

	*ret = steal_ptr(index);
	return 0;
}

void tar_index_free(struct tar_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->n; i++) {
		free(index->entry[i].name);
		free(index->entry[i].link);
	}
	free(index->entry);
	free(index->label);
	free(index);
}

const struct tar_entry *tar_index_find(const struct tar_index *index, const char *name)
{
	struct tar_entry key = {.name = (char *)(uintptr_t)name};

	if (index->n == 0)
		return NULL;
	return bsearch(&key, index->entry, index->n, sizeof(key), by_name);
}

static int not_there(const struct tar_index *index, const char *name, struct berth_error *err)
{
	if (index->ended)
		return berth_fail(err, BERTH_E_NOT_FOUND, "%s has no entry '%s'", index->label,
				  name);
	return berth_fail(err, BERTH_E_CORRUPT,
			  "%s is truncated: entry '%s' and the end marker are missing",
			  index->label, name);
}

int tar_index_file(const struct tar_index *index, const char *name, const struct tar_entry **ret,
		   struct berth_error *err)
{
	cleanup_free char *clean = NULL;
	const char *at = name;

	for (int links = 0; links <= TAR_LINKS_MAX; links++) {
		const struct tar_entry *entry = tar_index_find(index, at);
		const char *wrong;
		char *next;

		if (!entry)
			return not_there(index, at, err);
		if (entry->kind == TAR_FILE) {
			*ret = entry;
			return 0;
		}
		if (entry->kind != TAR_SYMLINK && entry->kind != TAR_HARDLINK)
			return berth_fail(err, BERTH_E_CORRUPT, "%s: entry '%s' is no file",
					  index->label, entry->name);
		/* a symlink counts from its own directory, a hard link from the top */
		wrong = tar_clean_link(entry->kind == TAR_SYMLINK ? entry->name : "", entry->link,
				       &next);
		if (wrong)
			return berth_fail(err, BERTH_E_CORRUPT, "%s: link '%s' %s", index->label,
					  entry->name, wrong);
		free(clean);
		clean = next;
		at = clean;
	}
	return berth_fail(err, BERTH_E_CORRUPT, "%s: links from '%s' go on and on", index->label,
			  name);
}
