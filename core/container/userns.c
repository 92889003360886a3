/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include "base/lock.h"
#include "base/path.h"
#include "core/container/monitor.h"

enum { IDS = 65536, SUBID_MAX = 1 << 20, SLOTS_MAX = 65536 };

void userns_close(struct userns *userns)
{
	close_fd(&userns->fd);
	strv_free(userns->uid_map);
	strv_free(userns->gid_map);
	userns->uid_map = userns->gid_map = NULL;
}

/** "first:count" of @who's line in the text of /etc/subuid. */
static bool subid_line(const char *text, const char *who, uint64_t *ret_first, uint64_t *ret_count)
{
	cleanup_strv char **lines = strv_split(text, '\n');

	strv_foreach (line, lines) {
		cleanup_strv char **field = strv_split(*line, ':');

		if (strv_len(field) == 3 && str_eq(field[0], who) &&
		    parse_u64(field[1], UINT32_MAX, ret_first) == 0 &&
		    parse_u64(field[2], UINT32_MAX, ret_count) == 0)
			return true;
	}
	return false;
}

/** The host ids that containers may use: from the config, or /etc/subuid. */
static int range_find(const struct config *config, uint64_t *ret_first, uint64_t *ret_count,
		      struct berth_error *err)
{
	cleanup_strv char **field = NULL;
	cleanup_free char *text = NULL;
	cleanup_fd int fd = -1;
	size_t n;

	if (config->userns_range && *config->userns_range) {
		field = strv_split(config->userns_range, ':');
		if (strv_len(field) == 2 && parse_u64(field[0], UINT32_MAX, ret_first) == 0 &&
		    parse_u64(field[1], UINT32_MAX, ret_count) == 0 && *ret_first > 0)
			return 0;
		return berth_fail(err, BERTH_E_INVALID,
				  "containers.userns_range '%s' is not FIRST:COUNT",
				  config->userns_range);
	}
	fd = open("/etc/subuid", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read_fd_limited(fd, SUBID_MAX, &text, &n, NULL) == 0 &&
	    (subid_line(text, "berth", ret_first, ret_count) ||
	     subid_line(text, "containers", ret_first, ret_count)))
		return 0;
	(void)berth_fail(err, BERTH_E_UNSUPPORTED, "no range of host ids for --userns=auto");
	berth_error_hint(err,
			 "add berth:2147483648:1073741824 to /etc/subuid and /etc/subgid, or set "
			 "containers.userns_range");
	return -BERTH_E_UNSUPPORTED;
}

static bool slot_in_use(struct store *store, int dir, const char *name, const char *id)
{
	struct container_host h = {.store = store};
	cleanup_free char *owner = NULL;

	if (state_read(dir, name, 128, &owner, NULL, NULL) < 0)
		return false;
	return !str_eq(owner, id) && monitor_is_alive(&h, owner);
}

/** A piece of the range that no running container has; <run>/userns/<slot> says whose it is. */
static int slot_take(struct store *store, const char *id, uint64_t slots, uint64_t *ret,
		     struct berth_error *err)
{
	cleanup_fd int dir = -1, lock = -1;
	int r = state_mkdirs(store->runfd, "userns", 0700, &dir, err);

	if (r == 0)
		r = lock_take(dir, "lock", 0, &lock, err);
	if (r < 0)
		return r;
	for (uint64_t slot = 0; slot < slots && slot < SLOTS_MAX; slot++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "%llu", (unsigned long long)slot);
		if (slot_in_use(store, dir, name, id))
			continue;
		r = state_replace(dir, name, 0600, id, strlen(id), 0, err);
		if (r == 0)
			*ret = slot;
		return r;
	}
	return berth_fail(err, BERTH_E_FULL, "all %llu ranges of host ids are in use",
			  (unsigned long long)slots);
}

static int map_write(pid_t pid, const char *file, char *const *map, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	cleanup_fd int fd = -1;
	char path[64];

	strv_foreach (entry, map) {
		unsigned int inside, outside, count;

		if (sscanf(*entry, "%u:%u:%u", &inside, &outside, &count) != 3)
			return berth_fail(err, BERTH_E_INVALID, "id mapping '%s'", *entry);
		str_addf(&text, "%u %u %u\n", inside, outside, count);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, str_text(&text), text.len) != (ssize_t)text.len)
		return berth_fail_errno(err, errno, "write the id mapping");
	return 0;
}

/** A namespace needs a process to be born; it is gone again when this returns. */
static int namespace_make(struct userns *u, struct berth_error *err)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	cleanup_fd int fd = -1;
	char path[64];
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	int r;

	if (pid < 0)
		return berth_fail_errno(err, errno, "make a user namespace");
	if (pid == 0)
		for (;;)
			(void)pause();
	r = map_write(pid, "uid_map", u->uid_map, err);
	if (r == 0)
		r = map_write(pid, "gid_map", u->gid_map, err);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = berth_fail_errno(err, errno, "open the user namespace");
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (r == 0)
		u->fd = steal_fd(&fd);
	return r;
}

int userns_open(const struct config *config, struct store *store, const char *mode, const char *id,
		struct userns *ret, struct berth_error *err)
{
	struct userns u = USERNS_NONE;
	const char *map = mode ? str_after(mode, "map:") : NULL;
	uint64_t first = 0, count = 0, slot = 0;
	int r = 0;

	if (!mode || !*mode || str_eq(mode, "host")) {
		*ret = u;
		return 0;
	}
	if (map) {
		r = strv_addf(&u.uid_map, "%s", map);
	} else if (str_eq(mode, "auto") || str_eq(mode, "private")) {
		r = range_find(config, &first, &count, err);
		if (r == 0)
			r = slot_take(store, id, count / IDS, &slot, err);
		if (r == 0)
			r = strv_addf(&u.uid_map, "0:%llu:%d",
				      (unsigned long long)(first + slot * IDS), IDS);
	} else {
		r = berth_fail(err, BERTH_E_INVALID,
			       "invalid USER mode: '%s' (host, auto, private, map:IN:OUT:COUNT)",
			       mode);
	}
	if (r == 0) {
		u.gid_map = strv_copy(u.uid_map);
		r = u.gid_map ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (r == 0)
		r = namespace_make(&u, err);
	if (r < 0) {
		userns_close(&u);
		return r;
	}
	*ret = u;
	return 0;
}
