/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the calls on the run path take: `meson test --benchmark`, or by hand
 * `storage-bench FILE.so [DIR]`. Microseconds, median and 90th percentile.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/conformance/lent.h"
#include "base/clock.h"
#include "base/path.h"
#include "berth/storage.h"

enum {
	ROUNDS = 300,
	MANY_LAYERS = 300,
};

enum step { OPEN, CREATE, MOUNT, UNMOUNT, REMOVE, CLOSE, STEPS };

static const char *const step_names[STEPS] = {
	"open", "view_create", "view_mount", "close of the mount", "view_remove", "close",
};

struct bench {
	const struct berth_driver *head;
	const struct berth_storage_ops *ops;
	struct berth_storage *st;
	int statefd;
	int64_t times[STEPS][ROUNDS];
};

static struct berth_error err;

/* lent_load is for tests only: it reports through check */
static const struct berth_driver *load(const char *path)
{
	void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	berth_driver_v1_fn entry = NULL;

	if (file)
		*(void **)&entry = dlsym(file, "berth_driver_v1");
	if (!entry) {
		(void)fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return entry(0);
}

static void must(int r, const char *what)
{
	if (r == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, err.text);
	exit(1);
}

static void open_driver(struct bench *b)
{
	const struct berth_conf conf = {.options = b->head->options};
	void *instance;

	must(b->head->open(lent_host(), &conf, b->statefd, &instance, &err), "open");
	b->st = instance;
}

static void make_layer(struct bench *b, const char *layer, const char *parent)
{
	const struct berth_layer_desc desc = {
		.size = sizeof(desc), .layer = layer, .parent = parent};
	struct berth_ingest *in;
	int dir;

	must(b->ops->ingest_begin(b->st, &desc, NULL, &in, &err), "ingest_begin");
	must(b->ops->ingest_tree(in, &dir, &err), "ingest_tree");
	for (int i = 0; i < 3; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "file-%d", i);
		must(state_replace(dir, name, 0644, name, strlen(name), 0, &err), "write");
	}
	(void)close(dir);
	must(b->ops->ingest_commit(in, parent, NULL, &err), "ingest_commit");
}

static int64_t since(int64_t *at)
{
	int64_t now = clock_mono_ns();
	int64_t took = now - *at;

	*at = now;
	return took;
}

static void round_of(struct bench *b, int i, const char *layer, uint32_t flags)
{
	const struct berth_view_opts opts = {.size = sizeof(opts), .userns_fd = -1};
	int64_t at = clock_mono_ns();
	int fd;

	open_driver(b);
	b->times[OPEN][i] = since(&at);
	must(b->ops->view_create(b->st, "v", layer, flags, NULL, &err), "view_create");
	b->times[CREATE][i] = since(&at);
	must(b->ops->view_mount(b->st, "v", &opts, &fd, &err), "view_mount");
	b->times[MOUNT][i] = since(&at);
	(void)close(fd);
	b->times[UNMOUNT][i] = since(&at);
	must(b->ops->view_remove(b->st, "v", &err), "view_remove");
	b->times[REMOVE][i] = since(&at);
	b->head->close(b->st);
	b->times[CLOSE][i] = since(&at);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void run(struct bench *b, const char *title, const char *layer, uint32_t flags)
{
	for (int i = 0; i < ROUNDS; i++)
		round_of(b, i, layer, flags);
	(void)printf("%s\n", title);
	for (int step = 0; step < STEPS; step++) {
		int64_t *t = b->times[step];

		qsort(t, ROUNDS, sizeof(*t), by_value);
		(void)printf("  %-20s %7.1f %7.1f us\n", step_names[step],
			     (double)t[ROUNDS / 2] / 1000, (double)t[ROUNDS * 9 / 10] / 1000);
	}
}

int main(int argc, char *argv[])
{
	static struct bench b;
	char path[128];
	char layer[32];
	char parent[32] = "";
	uint64_t bytes;

	if (argc < 2 || geteuid() != 0) {
		(void)fprintf(stderr, "usage, as root: storage-bench FILE.so [DIR]\n");
		return 77;
	}
	b.head = load(argv[1]);
	b.ops = b.head->ops;
	(void)snprintf(path, sizeof(path), "%s/berth-bench-XXXXXX",
		       argc > 2 ? argv[2] : "/var/tmp");
	if (!mkdtemp(path))
		return 1;
	b.statefd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	open_driver(&b);
	for (int i = 1; i <= MANY_LAYERS; i++) {
		(void)snprintf(layer, sizeof(layer), "sha256:%08d", i);
		if (i <= 2 || b.head->caps & BERTH_ST_WHITEOUT_KEEP)
			make_layer(&b, layer, parent[0] ? parent : NULL);
		memcpy(parent, layer, sizeof(parent));
	}
	b.head->close(b.st);
	run(&b, "2 layers", "sha256:00000002", 0);
	run(&b, "2 layers, volatile", "sha256:00000002", BERTH_VIEW_VOLATILE);
	run(&b, "2 layers, read-only", "sha256:00000002", BERTH_VIEW_READ_ONLY);
	if (b.head->caps & BERTH_ST_WHITEOUT_KEEP)
		run(&b, "300 layers", layer, 0);
	open_driver(&b);
	must(b.ops->reclaim(b.st, NULL, &bytes, &err), "reclaim");
	b.head->close(b.st);
	(void)remove_tree_content(b.statefd, NULL); /* the directory itself shows if that failed */
	return rmdir(path) < 0;
}
