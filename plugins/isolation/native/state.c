/* SPDX-License-Identifier: Apache-2.0 */
/* What another process needs to know to take a container over, and what hooks are told of it. */
#include <fcntl.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/ident.h"
#include "base/path.h"
#include "base/record_write.h"
#include "kernel.h"
#include "native.h"

enum { STATE_FORMAT = 1, STAT_MAX = 4096, STAT_FIELD_START = 22 };

uint64_t state_start_ticks(pid_t pid)
{
	char path[40], text[STAT_MAX];
	cleanup_fd int fd = -1;
	char *at;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* the second field is a name in parentheses, which may hold anything */
	at = strrchr(text, ')');
	for (int field = 2; at && field < STAT_FIELD_START; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

int state_dir_of(int fd, char **ret, struct berth_error *err)
{
	struct fd_path link = fd_path(fd);
	char path[STAT_MAX];
	ssize_t n = readlink(link.text, path, sizeof(path));

	if (n < 0 || n == sizeof(path))
		return berth_fail_errno(err, n < 0 ? errno : ENAMETOOLONG,
					"find the state directory");
	*ret = strndup(path, (size_t)n);
	return *ret ? 0 : no_memory(err);
}

int state_describe(const struct berth_sandbox *sb, const char *status, struct str *out,
		   struct berth_error *err)
{
	struct jw w = jw_to(out, RECORD_COMPACT);

	jw_object_begin(&w);
	jw_key_str(&w, "ociVersion", sb->version);
	jw_key_str(&w, "id", sb->id);
	jw_key_str(&w, "status", status);
	if (strcmp(status, "stopped") != 0)
		jw_key_int(&w, "pid", sb->pid);
	jw_key_str(&w, "bundle", sb->bundle ? sb->bundle : "");
	if (sb->annotations)
		jw_key_raw(&w, "annotations", sb->annotations);
	jw_object_end(&w);
	return str_check(out, err);
}

static char *hex_of(const void *bytes, size_t n)
{
	char *hex = malloc(2 * n + 1);

	if (hex)
		hex_encode(bytes, n, hex);
	return hex;
}

int state_save(struct berth_sandbox *sb, struct berth_sink *sink, struct berth_error *err)
{
	cleanup_free char *filter = NULL;
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);
	int r;

	jw_object_begin(&w);
	jw_key_int(&w, "NativeState", STATE_FORMAT);
	jw_key_int(&w, "Pid", sb->pid);
	jw_key_uint(&w, "StartTicks", sb->start_ticks);
	jw_key_bool(&w, "Started", sb->state == SANDBOX_STARTED);
	jw_key_uint(&w, "StartedNs", sb->started_ns);
	jw_key_bool(&w, "Outlives", sb->outlives);
	jw_key_uint(&w, "Namespaces", sb->namespaces);
	jw_key_bool(&w, "IsInit", sb->is_init);
	if (sb->uids) {
		jw_key_str(&w, "Uids", sb->uids);
		jw_key_str(&w, "Gids", sb->gids);
	}
	if (sb->state_dir)
		jw_key_str(&w, "StateDir", sb->state_dir);
	if (sb->cgroup.path)
		jw_key_str(&w, "CgroupPath", sb->cgroup.path);
	jw_key_str(&w, "Version", sb->version);
	if (sb->bundle)
		jw_key_str(&w, "Bundle", sb->bundle);
	if (sb->annotations)
		jw_key_str(&w, "Annotations", sb->annotations);
	if (sb->hooks)
		jw_key_str(&w, "Hooks", sb->hooks);
	if (sb->has_personality)
		jw_key_uint(&w, "Personality", sb->personality);
	if (sb->filter.n) {
		filter = hex_of(sb->filter.insns, sb->filter.n * sizeof(*sb->filter.insns));
		if (!filter)
			return no_memory(err);
		jw_key_uint(&w, "FilterFlags", sb->filter.flags);
		jw_key_bool(&w, "FilterNotify", sb->filter.notify);
		if (sb->filter.listener_path)
			jw_key_str(&w, "ListenerPath", sb->filter.listener_path);
		if (sb->filter.listener_metadata)
			jw_key_str(&w, "ListenerMetadata", sb->filter.listener_metadata);
		jw_key_str(&w, "Filter", filter);
	}
	jw_object_end(&w);
	r = str_check(&out, err);
	if (r == 0 && sb->iso->host->sink_put(sink, out.p, out.len) < 0)
		r = berth_fail(err, BERTH_E_LIMIT, "the state of container '%s' is too long",
			       sb->id);
	return r;
}

static int take_text(const struct record *state, const char *key, char **ret,
		     struct berth_error *err)
{
	const char *text = record_str(record_get(state, key));

	return text ? str_copy(text, ret, err) : 0;
}

static int take_filter(const struct record *state, struct seccomp_filter *ret,
		       struct berth_error *err)
{
	const char *hex = record_str(record_get(state, "Filter"));
	size_t n = hex ? strlen(hex) / 2 : 0;
	char *path = NULL;
	char *metadata = NULL;
	int r;

	if (n == 0)
		return 0;
	if (n % sizeof(struct sock_filter) || n / sizeof(struct sock_filter) > SECCOMP_INSNS_MAX)
		return berth_fail(err, BERTH_E_CORRUPT, "saved state: its filter is damaged");
	ret->insns = malloc(n);
	if (!ret->insns)
		return no_memory(err);
	if (!hex_decode(hex, ret->insns, n))
		return berth_fail(err, BERTH_E_CORRUPT, "saved state: its filter is damaged");
	ret->n = n / sizeof(struct sock_filter);
	ret->flags = (unsigned)record_int_or(record_get(state, "FilterFlags"), 0);
	ret->notify = record_bool_or(record_get(state, "FilterNotify"), false);
	r = take_text(state, "ListenerPath", &path, err);
	ret->listener_path = path;
	if (r == 0)
		r = take_text(state, "ListenerMetadata", &metadata, err);
	ret->listener_metadata = metadata;
	return r;
}

static int take_state(struct berth_sandbox *sb, const struct record *state, struct berth_error *err)
{
	uint64_t number = 0;
	int64_t pid = record_int_or(record_get(state, "Pid"), 0);
	int r;

	if (record_int_or(record_get(state, "NativeState"), 0) > STATE_FORMAT)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "container '%s' was made by a later version of this driver",
				  sb->id);
	sb->pid = pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
	(void)record_uint(record_get(state, "StartTicks"), &sb->start_ticks);
	(void)record_uint(record_get(state, "StartedNs"), &sb->started_ns);
	if (record_uint(record_get(state, "Namespaces"), &number))
		sb->namespaces = (unsigned)number;
	if (record_uint(record_get(state, "Personality"), &number)) {
		sb->has_personality = true;
		sb->personality = number;
	}
	sb->is_init = record_bool_or(record_get(state, "IsInit"), false);
	sb->outlives = record_bool_or(record_get(state, "Outlives"), false);
	sb->state = record_bool_or(record_get(state, "Started"), false) ? SANDBOX_STARTED
									: SANDBOX_CREATED;
	r = take_text(state, "Uids", &sb->uids, err);
	if (r == 0)
		r = take_text(state, "Gids", &sb->gids, err);
	if (r == 0)
		r = take_text(state, "StateDir", &sb->state_dir, err);
	if (r == 0)
		r = take_text(state, "Version", &sb->version, err);
	if (r == 0)
		r = take_text(state, "Bundle", &sb->bundle, err);
	if (r == 0)
		r = take_text(state, "Annotations", &sb->annotations, err);
	if (r == 0)
		r = take_text(state, "Hooks", &sb->hooks, err);
	if (r == 0)
		r = take_filter(state, &sb->filter, err);
	if (r == 0 && !sb->version)
		r = str_copy("1.0.2", &sb->version, err);
	return r;
}

/* Without it only start is not possible any more. */
static void find_state_dir(struct berth_sandbox *sb)
{
	if (sb->state_dir)
		sb->state_fd = open(sb->state_dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The same process as then? Its pid alone may be another's by now. */
static void find_process(struct berth_sandbox *sb)
{
	if (sb->pid <= 0)
		return;
	sb->pidfd = kernel_pidfd_open(sb->pid);
	if (sb->pidfd >= 0 && sb->start_ticks && state_start_ticks(sb->pid) != sb->start_ticks)
		close_fd(&sb->pidfd);
}

static int find_groups(struct berth_sandbox *sb, const struct record *state,
		       struct berth_error *err)
{
	const char *path = record_str(record_get(state, "CgroupPath"));
	cleanup_free char *usual = NULL;
	int r = cgroup_host_find(&sb->iso->cgroups, err);

	if (r < 0)
		return r;
	if (path) /* saved, so it is complete */
		return cgroup_find(&sb->iso->cgroups, path, &sb->cgroup, err);
	path = record_str(record_path(state, "linux.cgroupsPath"));
	if (!path || path[0] != '/') {
		usual = str_fmt("/berth/%s", path && *path ? path : sb->id);
		path = usual;
	}
	return path ? cgroup_find(&sb->iso->cgroups, path, &sb->cgroup, err) : no_memory(err);
}

int state_recover(struct berth_isolation *iso, const char *id, struct berth_str state,
		  struct berth_sandbox **ret, struct berth_error *err)
{
	cleanup_record struct record *tree = NULL;
	struct berth_sandbox *sb;
	int r = 0;

	if (!ident_is_object(id))
		return berth_fail(err, BERTH_E_INVALID, "'%.64s' is no name for a container", id);
	if (state.n)
		r = record_parse(state.p, state.n, 0, &tree, err);
	if (r < 0)
		return berth_fail(err, BERTH_E_CORRUPT,
				  "the saved state of container '%s' is damaged", id);
	sb = calloc(1, sizeof(*sb));
	if (!sb)
		return no_memory(err);
	sb->iso = iso;
	sb->pidfd = sb->channel = sb->state_fd = -1;
	r = str_copy(id, &sb->id, err);
	if (r == 0)
		r = take_state(sb, tree, err);
	if (r == 0)
		r = find_groups(sb, tree, err);
	if (r == 0) {
		find_process(sb);
		find_state_dir(sb);
		if (sb->pidfd < 0 && sb->cgroup.n == 0)
			r = berth_fail(err, BERTH_E_NOT_FOUND, "there is no container '%s'", id);
	}
	if (r < 0) {
		sandbox_free(sb);
		return r;
	}
	/* whose first process is not known must be killed by its groups */
	if (sb->pidfd < 0)
		sb->is_init = false;
	*ret = sb;
	return 0;
}
