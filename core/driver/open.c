/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/loaded.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/path.h"
#include "core/driver/trace.h"

enum {
	ROOT_MODE = 0711, /* containers' users need to get through to volumes */
	DIR_MODE = 0700,
};

/* --- needs ---------------------------------------------------------------- */

/* Whether uid 0 is the machine's, not one of a user namespace: then all ids map to themselves. */
static bool in_initial_userns(struct drivers *d)
{
	if (d->initial_userns < 0) {
		cleanup_fd int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
		cleanup_free char *text = NULL;
		unsigned first, to, count;

		d->initial_userns = fd >= 0 && read_fd_limited(fd, 65536, &text, NULL, NULL) == 0 &&
				    sscanf(text, "%u %u %u", &first, &to, &count) == 3 &&
				    first == 0 && to == 0 && count == UINT32_MAX;
	}
	return d->initial_userns;
}

int driver_check_needs(struct drivers *d, const struct loaded *l, struct berth_error *err)
{
	const struct berth_driver *head = &l->head;

	if ((head->needs & BERTH_NEEDS_PROCESS) && !l->separate)
		return berth_fail(
			err, BERTH_E_UNSUPPORTED,
			"it must run in a process of its own (\"process\": \"separate\")");
	if (head->needs & BERTH_NEEDS_ROOT) {
		if (geteuid() != 0)
			return berth_fail(err, BERTH_E_DENIED, "it needs root, you are user %u",
					  (unsigned)geteuid());
		if (!in_initial_userns(d))
			return berth_fail(err, BERTH_E_DENIED,
					  "it needs the machine's root, this is a user namespace");
	}
	if (head->kind == BERTH_ISOLATION && (head->caps & BERTH_ISO_INSECURE) &&
	    !d->config->kind[BERTH_ISOLATION].allow_insecure) {
		(void)berth_fail(err, BERTH_E_DENIED, "it isolates nothing");
		berth_error_hint(err,
				 "the config may allow it: \"isolation\": {\"allow_insecure\": "
				 "true}");
		return -BERTH_E_DENIED;
	}
	return 0;
}

/* --- state ---------------------------------------------------------------- */

/* mkdir -p, of a path that the config gives and that may lead over links of the admin's. */
static int make_root(const char *root, struct berth_error *err)
{
	cleanup_free char *path = strdup(root);

	if (!path)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return berth_fail_errno(err, errno, "make directory '%s'", path);
		*at = '/';
	}
	if (mkdir(path, ROOT_MODE) < 0 && errno != EEXIST)
		return berth_fail_errno(err, errno, "make directory '%s'", path);
	return 0;
}

int driver_root_dir(struct drivers *d, int *ret_fd, struct berth_error *err)
{
	const char *root = d->config->root;
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		int r = make_root(root, err);

		if (r < 0)
			return r;
		fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", root);
	*ret_fd = fd;
	return 0;
}

int driver_state_dir(struct drivers *d, const struct berth_driver *head, int *ret_fd,
		     bool *ret_made, struct berth_error *err)
{
	cleanup_fd int rootfd = -1;
	char path[64];
	struct berth_error why;
	int r = driver_root_dir(d, &rootfd, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", driver_kind_name(head->kind), head->name);
	r = state_open(rootfd, path, O_RDONLY | O_DIRECTORY, 0, ret_fd, &why);
	if (ret_made)
		*ret_made = r == -BERTH_E_NOT_FOUND;
	if (r == -BERTH_E_NOT_FOUND)
		r = state_mkdirs(rootfd, path, DIR_MODE, ret_fd, &why);
	if (r < 0) {
		if (err)
			*err = why;
		berth_error_prefix(err, "%s", d->config->root);
	}
	return r;
}

void driver_drop_state_dir(struct drivers *d, const struct berth_driver *head)
{
	cleanup_free char *path =
		str_fmt("%s/%s/%s", d->config->root, driver_kind_name(head->kind), head->name);

	if (path)
		(void)rmdir(path); /* not empty if another process opened it meanwhile */
}

/* --- open ----------------------------------------------------------------- */

/* What callers see of it. */
static void publish(struct loaded *l)
{
	const struct berth_driver *head = &l->head;

	switch ((enum berth_kind)head->kind) {
	case BERTH_STORAGE:
		l->storage = (struct storage){head->name, head->caps,	  head->threads,
					      head,	  l->ops.storage, l->instance};
		return;
	case BERTH_NETWORK:
		l->network = (struct network){head->name, head->caps,	  head->threads,
					      head,	  l->ops.network, l->instance};
		return;
	case BERTH_ISOLATION:
		l->isolation = (struct isolation){head->name, head->caps,	head->threads,
						  head,	      l->ops.isolation, l->instance};
		return;
	case BERTH_REGISTRY:
		l->registry = (struct registry){head->name, head->caps,	     head->threads,
						head,	    l->ops.registry, l->instance};
		return;
	}
}

static int open_loaded(struct drivers *d, struct loaded *l, struct berth_error *err)
{
	cleanup_fd int state = -1;
	bool made = false;
	struct berth_error why = {0};
	void *instance = NULL;
	int r = driver_check_needs(d, l, err);

	if (r == 0)
		r = driver_state_dir(d, &l->head, &state, &made, err);
	if (r < 0)
		return r;
	r = driver_result(l->head.open(&l->host, l->conf, state, &instance, &why), &why);
	if (r < 0) {
		if (made)
			driver_drop_state_dir(d, &l->head);
		if (err)
			*err = why;
		return r;
	}
	l->instance = instance;
	l->is_open = true;
	publish(l);
	return trace_is_on() ? trace_attach(l, err) : 0;
}

int driver_open(struct drivers *d, uint32_t kind, const char *name, struct loaded **ret,
		struct berth_error *err)
{
	struct loaded *l;
	int r = driver_resolve(d, kind, name, &name, err);

	if (r == 0)
		r = driver_load(d, kind, name, &l, err);
	if (r < 0)
		return r;
	if (!l->is_open)
		r = open_loaded(d, l, err);
	if (r < 0) {
		berth_error_prefix(err, "%s driver '%s'", driver_kind_name(kind), name);
		return r;
	}
	*ret = l;
	return 0;
}
