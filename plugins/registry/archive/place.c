/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <sys/stat.h>

#include "base/path.h"

void place_file_done(struct place_file *file)
{
	if (file->owned)
		close_fd(&file->fd);
}

bool place_has(const struct place *place, const char *name)
{
	struct stat st;

	if (place->tar)
		return tar_index_find(place->tar, name);
	return root_stat(place->fd, name, 0, &st, NULL) == 0;
}

static int open_in_tar(const struct place *place, const char *name, struct place_file *ret,
		       struct berth_error *err)
{
	const struct tar_entry *entry;
	int r;

	r = tar_index_file(place->tar, name, &entry, err);
	if (r < 0)
		return r;
	*ret = (struct place_file){place->fd, false, entry->offset, entry->bytes};
	return 0;
}

int place_open(const struct place *place, const char *name, struct place_file *ret,
	       struct berth_error *err)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (place->tar)
		return open_in_tar(place, name, ret, err);
	/* links may lead to other files of the layout, as build systems make them */
	r = root_open_regular(place->fd, name, &fd, err);
	if (r == -BERTH_E_NOT_FOUND)
		return berth_fail(err, BERTH_E_NOT_FOUND, "%s has no file '%s'", place->label,
				  name);
	if (r < 0) {
		berth_error_prefix(err, "%s", place->label);
		return r;
	}
	if (fstat(fd, &st) < 0)
		return berth_fail_errno(err, errno, "stat '%s' of %s", name, place->label);
	*ret = (struct place_file){steal_fd(&fd), true, 0, (uint64_t)st.st_size};
	return 0;
}

int place_file_read(const struct place_file *file, uint64_t at, void *buf, size_t n, size_t *ret_n,
		    struct berth_error *err)
{
	ssize_t r;

	if (at >= file->bytes || n == 0) {
		*ret_n = 0;
		return 0;
	}
	if (n > file->bytes - at)
		n = (size_t)(file->bytes - at);
	do
		r = pread(file->fd, buf, n, (off_t)(file->offset + at));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return berth_fail_errno(err, errno, "read");
	if (r == 0)
		return berth_fail(err, BERTH_E_CORRUPT, "it became shorter while it was read");
	*ret_n = (size_t)r;
	return 0;
}

int place_read(const struct place *place, const char *name, size_t limit, char **ret,
	       size_t *ret_len, struct berth_error *err)
{
	cleanup_place_file struct place_file file = {.fd = -1};
	cleanup_free char *text = NULL;
	size_t done = 0;
	int r;

	r = place_open(place, name, &file, err);
	if (r < 0)
		return r;
	if (file.bytes > limit)
		return berth_fail(err, BERTH_E_LIMIT, "%s: '%s' has %llu bytes, %zu are allowed",
				  place->label, name, (unsigned long long)file.bytes, limit);
	text = malloc((size_t)file.bytes + 1);
	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	while (done < file.bytes) {
		size_t n;

		r = place_file_read(&file, done, text + done, (size_t)file.bytes - done, &n, err);
		if (r < 0) {
			berth_error_prefix(err, "'%s' of %s", name, place->label);
			return r;
		}
		done += n;
	}
	text[done] = '\0';
	*ret = steal_ptr(text);
	*ret_len = done;
	return 0;
}

const char *place_blob_name(const struct digest *digest, char out[static PLACE_BLOB_NAME_MAX])
{
	char hex[DIGEST_HEX_MAX];

	(void)snprintf(out, PLACE_BLOB_NAME_MAX, "blobs/%s/%s", digest_algo_name(digest),
		       digest_hex(digest, hex));
	return out;
}
