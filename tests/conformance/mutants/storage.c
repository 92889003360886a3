/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage driver that is wrong in one way: the calls of a right one, of which the option `mutant`
 * breaks one rule. The suite must find exactly that (storage.txt); else it proves nothing.
 */
#undef berth_driver_v1 /* the right driver's entry has another name here: meson.build */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "berth/storage.h"

const struct berth_driver *right_driver_v1(uint32_t index);
__attribute__((visibility("default"))) const struct berth_driver *berth_driver_v1(uint32_t index);

#define MUTANTS                                                                                    \
	"none|shows-what-is-made|abort-commits|busy-is-removed|leaks-a-descriptor|"                \
	"ignores-cancel|wrong-code|writes-on-failure|absent-is-an-error|needs-err|prints|"         \
	"changes-umask|forgets-read-only|shares-its-state|swallows-errors|keeps-memory|"           \
	"takes-any-name|state-of-any-format|says-nothing"

static const struct berth_storage_ops *right;
static char mutant[32] = "none";
static char making[256]; /* the layer that is being made */
static int first_state = -1;

static bool is(const char *name)
{
	return str_eq(mutant, name);
}

static int begin(struct berth_storage *st, const struct berth_layer_desc *desc, struct berth_op *op,
		 struct berth_ingest **ret, struct berth_error *err)
{
	int r = right->ingest_begin(st, desc, is("ignores-cancel") ? NULL : op, ret, err);

	if (r == 0)
		(void)snprintf(making, sizeof(making), "%s", desc->layer);
	return r;
}

static int commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
		  struct berth_error *err)
{
	making[0] = '\0';
	return right->ingest_commit(in, parent, is("ignores-cancel") ? NULL : op, err);
}

static void give_up(struct berth_ingest *in)
{
	making[0] = '\0';
	if (in && is("abort-commits"))
		(void)right->ingest_commit(in, NULL, NULL, NULL);
	else
		right->ingest_abort(in);
}

static int count_one(void *arg, const char *id)
{
	*(bool *)arg |= str_eq(id, making);
	return 0;
}

static int each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		struct berth_error *err)
{
	bool is_there = false;
	int r;

	if (is("shows-what-is-made") && making[0] && flags & BERTH_EACH_LAYERS) {
		(void)right->each(st, BERTH_EACH_LAYERS, count_one, &is_there, NULL);
		if (!is_there)
			(void)fn(arg, making);
	}
	if (is("swallows-errors"))
		return (r = right->each(st, flags, fn, arg, NULL)) > 0 ? r : 0;
	return right->each(st, flags, fn, arg, err);
}

static int layer_remove(struct berth_storage *st, const char *layer, struct berth_error *err)
{
	struct berth_layer_desc desc = {.size = sizeof(desc), .layer = layer};
	struct berth_error why;
	bool have = true;
	int r;

	if (is("absent-is-an-error") && right->claim(st, &desc, NULL, &have, NULL) == 0 && !have)
		return berth_fail(err, BERTH_E_NOT_FOUND, "there is no layer '%s'", layer);
	r = right->layer_remove(st, layer, &why);
	if (r == -BERTH_E_BUSY && is("busy-is-removed"))
		return 0;
	if (r < 0 && err)
		*err = why;
	return r;
}

static void keep(const char *view)
{
	static struct kept {
		struct kept *next; /* found from here, and so no leak: it only grows */
		char text[1016];
	} * kept;
	struct kept *k = calloc(1, sizeof(*k));

	if (!k)
		return;
	(void)snprintf(k->text, sizeof(k->text), "%s", view);
	k->next = kept;
	kept = k;
}

static int view_create(struct berth_storage *st, const char *view, const char *layer,
		       uint32_t flags, const struct berth_conf *conf, struct berth_error *err)
{
	if (is("prints"))
		(void)fprintf(stderr, "a view is made\n");
	if (is("keeps-memory"))
		keep(view);
	if (is("forgets-read-only"))
		flags &= ~(uint32_t)BERTH_VIEW_READ_ONLY;
	return right->view_create(st, view, layer, flags, conf, err);
}

static int view_mount(struct berth_storage *st, const char *view,
		      const struct berth_view_opts *opts, int *ret, struct berth_error *err)
{
	int r = right->view_mount(st, view, opts, ret, err);

	if (r < 0 && is("writes-on-failure"))
		*ret = -1;
	if (r == -BERTH_E_NOT_FOUND && is("wrong-code"))
		return berth_fail(err, BERTH_E_INTERNAL, "something went wrong");
	if (r < 0 && err && is("says-nothing"))
		err->text[0] = '\0';
	if (r == 0 && is("leaks-a-descriptor"))
		(void)fcntl(*ret, F_DUPFD_CLOEXEC, 3);
	return r;
}

static int view_remove(struct berth_storage *st, const char *view, struct berth_error *err)
{
	int r = right->view_remove(st, view, err);

	if (r < 0 && is("needs-err"))
		(void)fprintf(stderr, "%s", err->text);
	if (r != -BERTH_E_INVALID || !is("takes-any-name"))
		return r;
	if (err)
		err->code = -77; /* as it was before */
	return 0;
}

static int reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret,
		   struct berth_error *err)
{
	return right->reclaim(st, is("ignores-cancel") ? NULL : op, ret, err);
}

static int open_wrong(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		      void **ret, struct berth_error *err)
{
	const char *word = host->conf_str(conf, "mutant");
	struct berth_error why;
	int r;

	(void)snprintf(mutant, sizeof(mutant), "%s", word ? word : "none");
	if (is("changes-umask"))
		(void)umask(027);
	if (is("shares-its-state")) {
		struct stat st;

		if (first_state < 0 || fstat(first_state, &st) < 0 || st.st_nlink == 0)
			first_state = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
		state_fd = first_state;
	}
	r = right_driver_v1(0)->open(host, conf, state_fd, ret, &why);
	if (r == -BERTH_E_CORRUPT && is("state-of-any-format")) {
		(void)unlinkat(state_fd, "format", 0);
		return right_driver_v1(0)->open(host, conf, state_fd, ret, err);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

static const struct berth_option *options(void)
{
	static struct berth_option all[32];
	size_t n = 0;

	for (const struct berth_option *o = right_driver_v1(0)->options; o && o->name && n < 30;
	     o++)
		all[n++] = *o;
	all[n] = (struct berth_option){
		.name = "mutant",
		.type = BERTH_OPT_ENUM,
		.fallback = "none",
		.choices = MUTANTS,
		.doc = "which rule is broken",
	};
	return all;
}

const struct berth_driver *berth_driver_v1(uint32_t index)
{
	static struct berth_storage_ops ops;
	static struct berth_driver head;

	if (index > 0)
		return NULL;
	head = *right_driver_v1(0);
	right = head.ops;
	ops = *right;
	ops.ingest_begin = begin;
	ops.ingest_commit = commit;
	ops.ingest_abort = give_up;
	ops.layer_remove = layer_remove;
	ops.view_create = view_create;
	ops.view_mount = view_mount;
	ops.view_remove = view_remove;
	ops.each = each;
	ops.reclaim = reclaim;
	head.ops = &ops;
	head.options = options();
	head.open = open_wrong;
	return &head;
}
