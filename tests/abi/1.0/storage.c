/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage driver of version 1.0, written against its headers alone: layers and views are
 * directories. It must load and work with every later engine of ABI 1; so it is never edited.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <berth/storage.h>

struct berth_storage {
	const struct berth_host *host;
	int state;
};

struct berth_ingest {
	struct berth_storage *st;
	char making[160];
};

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static const char *layer_path(char out[160], const char *name)
{
	(void)snprintf(out, 160, "layer-%.140s", name);
	return out;
}

static const char *view_path(char out[160], const char *name)
{
	(void)snprintf(out, 160, "view-%.140s", name);
	return out;
}

static int old_ingest_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
			    struct berth_op *op, struct berth_ingest **ret, struct berth_error *err)
{
	struct berth_ingest *in;
	char path[160];

	if (st->host->cancelled(op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (faccessat(st->state, layer_path(path, desc->layer), F_OK, 0) == 0)
		return berth_fail(err, BERTH_E_EXISTS, "layer '%s' is there", desc->layer);
	in = calloc(1, sizeof(*in));
	if (!in)
		return no_memory(err);
	in->st = st;
	(void)snprintf(in->making, sizeof(in->making), "make-%.140s", desc->layer);
	if (mkdirat(st->state, in->making, 0755) < 0 && errno != EEXIST) {
		int failed = errno;

		free(in);
		return berth_fail_errno(err, failed, "make a layer");
	}
	st->host->progress(op, 1, 1, "layers");
	*ret = in;
	return 0;
}

static int old_ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err)
{
	int fd = openat(in->st->state, in->making, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return berth_fail_errno(err, errno, "open a layer");
	*ret_dirfd = fd;
	return 0;
}

static int old_ingest_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
			     struct berth_error *err)
{
	char path[160];
	int r = 0;

	layer_path(path, in->making + strlen("make-"));
	if (renameat(in->st->state, in->making, in->st->state, path) < 0)
		r = berth_fail_errno(err, errno, "show a layer");
	free(in);
	return r;
}

static void old_ingest_abort(struct berth_ingest *in)
{
	if (in)
		(void)unlinkat(in->st->state, in->making, AT_REMOVEDIR);
	free(in);
}

static int old_layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err)
{
	char path[160];

	if (unlinkat(st->state, layer_path(path, layer), AT_REMOVEDIR) < 0 && errno != ENOENT)
		return berth_fail_errno(err, errno, "remove layer '%s'", layer);
	return 0;
}

static int old_view_create(struct berth_storage *st, const char *view, const char *layer,
			   uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
{
	char path[160];

	if (layer && faccessat(st->state, layer_path(path, layer), F_OK, 0) < 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "no layer '%s'", layer);
	if (mkdirat(st->state, view_path(path, view), 0755) < 0)
		return berth_fail_errno(err, errno, "make view '%s'", view);
	return 0;
}

static int old_view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
{
	char path[160];

	if (unlinkat(st->state, view_path(path, view), AT_REMOVEDIR) < 0 && errno != ENOENT)
		return berth_fail_errno(err, errno, "remove view '%s'", view);
	return 0;
}

static int old_each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		    struct berth_error *err)
{
	int fd = openat(st->state, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return berth_fail_errno(err, errno, "list");
	while (r == 0 && (e = readdir(dir))) {
		if (flags & BERTH_EACH_LAYERS && strncmp(e->d_name, "layer-", 6) == 0)
			r = fn(arg, e->d_name + 6);
		else if (flags & BERTH_EACH_VIEWS && strncmp(e->d_name, "view-", 5) == 0)
			r = fn(arg, e->d_name + 5);
	}
	(void)closedir(dir);
	return r;
}

static int old_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		     struct berth_sink *findings, struct berth_error *err)
{
	return host->finding(findings, BERTH_FINDING_OK, "old.probe", "it works", NULL);
}

static int old_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		    void **ret_instance, struct berth_error *err)
{
	struct berth_storage *st = calloc(1, sizeof(*st));
	uint64_t size = 0;

	if (!st)
		return no_memory(err);
	if (host->size < BERTH_HOST_SIZE_1_0 || host->conf_u64(conf, "size", &size) != 0 ||
	    size != 65536 || !host->conf_bool(conf, "on") ||
	    strcmp(host->conf_str(conf, "word"), "b") != 0) {
		free(st);
		return berth_fail(err, BERTH_E_INTERNAL, "the host does not lend what 1.0 had");
	}
	st->host = host;
	st->state = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	berth_log(host, BERTH_LOG_DEBUG, "open");
	*ret_instance = st;
	return 0;
}

static int old_status(void *instance, struct berth_sink *json, struct berth_error *err)
{
	struct berth_storage *st = instance;

	return berth_sink_str(st->host, json, "{\"old\": true}");
}

static void old_close(void *instance)
{
	struct berth_storage *st = instance;

	if (st)
		(void)close(st->state);
	free(st);
}

static const struct berth_option options[] = {
	{"size", BERTH_OPT_SIZE, 0, "64k", NULL, "A size."},
	{"on", BERTH_OPT_BOOL, BERTH_OPT_RELOADABLE, "yes", NULL, "A switch."},
	{"word", BERTH_OPT_ENUM, BERTH_OPT_PER_OBJECT, "b", "a|b", "A word."},
	{NULL, 0, 0, NULL, NULL, NULL},
};

static const struct berth_storage_ops ops = {
	.ingest_begin = old_ingest_begin,
	.ingest_tree = old_ingest_tree,
	.ingest_commit = old_ingest_commit,
	.ingest_abort = old_ingest_abort,
	.layer_remove = old_layer_remove,
	.view_create = old_view_create,
	.view_remove = old_view_remove,
	.each = old_each,
};

static const struct berth_driver head = {
	.size = sizeof(struct berth_driver),
	.kind = BERTH_STORAGE,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_PER_OBJECT,
	.caps = BERTH_ST_INGEST_TREE,
	.name = "old",
	.version = "1.0.0",
	.summary = "a driver of ABI 1.0",
	.options = options,
	.ops = &ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(ops),
	.probe = old_probe,
	.open = old_open,
	.status = old_status,
	.close = old_close,
};

BERTH_DRIVER_EXPORT(BERTH_STORAGE, "old", "1.0.0", head);
