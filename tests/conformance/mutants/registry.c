/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry driver that is wrong in one way: the calls of a right one, of which the option
 * `mutant` breaks one rule. The suite must find exactly that (registry.txt); else it proves nothing.
 */
#undef berth_driver_v1 /* the right driver's entry has another name here: meson.build */
#include <fcntl.h>
#include <stdio.h>

#include "base/str.h"
#include "berth/registry.h"

const struct berth_driver *right_driver_v1(uint32_t index);
__attribute__((visibility("default"))) const struct berth_driver *berth_driver_v1(uint32_t index);

#define MUTANTS                                                                                    \
	"none|wrong-code|ignores-ranges|writes-on-failure|leaks-a-descriptor|ignores-cancel|"      \
	"has-everything|corrupt-is-fine|given-up-is-finished|lists-twice|ignores-the-callback"

static const struct berth_registry_ops *right;
static char mutant[32] = "none";

static bool is(const char *name)
{
	return str_eq(mutant, name);
}

static struct berth_op *heed(struct berth_op *op)
{
	return is("ignores-cancel") ? NULL : op;
}

static int resolve(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		   const char *ref, struct berth_op *op, berth_desc_fn fn, void *arg,
		   struct berth_reply *reply, struct berth_error *err)
{
	int r = right->resolve(reg, where, repo, ref, heed(op), fn, arg, reply, err);

	if (r == -BERTH_E_NOT_FOUND && is("wrong-code"))
		return berth_fail(err, BERTH_E_INTERNAL, "something went wrong");
	return r;
}

static int fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		 const struct berth_desc *desc, uint64_t from, uint64_t len, struct berth_op *op,
		 struct berth_stream **ret, struct berth_reply *reply, struct berth_error *err)
{
	int r;

	if (is("ignores-ranges") && from > 0 && from < desc->bytes)
		from = 0;
	r = right->fetch(reg, where, repo, desc, from, len, heed(op), ret, reply, err);
	if (r < 0 && is("writes-on-failure"))
		*ret = NULL;
	if (r == 0 && is("leaks-a-descriptor"))
		(void)fcntl(where->fd, F_DUPFD_CLOEXEC, 3);
	return r;
}

static int has(struct berth_registry *reg, const struct berth_where *where, const char *repo,
	       const struct berth_desc *desc, struct berth_op *op, bool *ret,
	       struct berth_error *err)
{
	int r = right->has(reg, where, repo, desc, heed(op), ret, err);

	if (r == 0 && is("has-everything"))
		*ret = true;
	return r;
}

static int upload_begin(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const struct berth_desc *desc, const char *mount_from,
			struct berth_op *op, struct berth_upload **ret, struct berth_error *err)
{
	return right->upload_begin(reg, where, repo, desc, mount_from, heed(op), ret, err);
}

static int write_bytes(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
		       struct berth_error *err)
{
	return right->write(up, buf, n, heed(op), err);
}

static int upload_commit(struct berth_upload *up, struct berth_op *op, struct berth_error *err)
{
	struct berth_error why;
	int r = right->upload_commit(up, heed(op), &why);

	if (r == -BERTH_E_CORRUPT && is("corrupt-is-fine"))
		return 0;
	if (r < 0 && err)
		*err = why;
	return r;
}

struct listing {
	berth_desc_fn fn;
	void *arg;
};

static int hear(void *arg, const char *name, const struct berth_desc *desc)
{
	struct listing *l = arg;
	int r = l->fn(l->arg, name, desc);

	if (r == 0 && is("lists-twice"))
		r = l->fn(l->arg, name, desc);
	return is("ignores-the-callback") ? 0 : r;
}

static int each(struct berth_registry *reg, const struct berth_where *where, struct berth_op *op,
		berth_desc_fn fn, void *arg, struct berth_error *err)
{
	struct listing l = {fn, arg};

	return right->each(reg, where, heed(op), hear, &l, err);
}

static int finish(struct berth_registry *reg, const struct berth_where *where, bool commit,
		  struct berth_op *op, struct berth_error *err)
{
	return right->finish(reg, where, commit || is("given-up-is-finished"), heed(op), err);
}

static int open_wrong(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		      void **ret, struct berth_error *err)
{
	const char *word = host->conf_str(conf, "mutant");

	(void)snprintf(mutant, sizeof(mutant), "%s", word ? word : "none");
	return right_driver_v1(0)->open(host, conf, state_fd, ret, err);
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
	static struct berth_registry_ops ops;
	static struct berth_driver head;

	if (index > 0)
		return NULL;
	head = *right_driver_v1(0);
	right = head.ops;
	ops = *right;
	ops.resolve = resolve;
	ops.fetch = fetch;
	ops.has = has;
	ops.upload_begin = upload_begin;
	ops.write = write_bytes;
	ops.upload_commit = upload_commit;
	ops.each = each;
	ops.finish = finish;
	head.ops = &ops;
	head.options = options();
	head.option_size = sizeof(struct berth_option);
	head.open = open_wrong;
	return &head;
}
