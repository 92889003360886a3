/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolation driver that is wrong in one way: the calls of a right one, RIGHT_DRIVER, of which the
 * option `mutant` breaks one rule. The suite must find exactly that (isolation.txt); else it proves
 * nothing.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "berth/isolation.h"

#define MUTANTS                                                                                    \
	"none|starts-twice|runs-at-once|loses-the-status|reaps-early|signals-the-dead|"            \
	"signals-one|destroys-thrice|keeps-a-descriptor|takes-any-name|says-busy-for-exists|"      \
	"execs-into-the-dead|freezes-nothing|thaws-nothing|finds-what-is-not|ignores-limits|"      \
	"prints|changes-the-umask"

static const struct berth_driver *right_head;
static const struct berth_isolation_ops *right;
static char mutant[32] = "none";
static unsigned destroyed; /* how often, since the last one was created */

static bool is(const char *name)
{
	return str_eq(mutant, name);
}

/* What the right one answered is what is told, but for one code. */
static int forgive(const char *name, int code, int r, const struct berth_error *why,
		   struct berth_error *err)
{
	if (r == code && is(name))
		return 0;
	if (r < 0 && err)
		*err = *why;
	return r;
}

static int create(struct berth_isolation *iso, const struct berth_launch *launch,
		  struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	struct berth_error why = {0};
	int r = right->create(iso, launch, op, ret, &why);

	destroyed = 0;
	if (r == 0 && is("runs-at-once"))
		return right->start(*ret, err);
	if (is("prints"))
		(void)write(STDOUT_FILENO, "created\n", 8);
	if (is("changes-the-umask"))
		(void)umask(0);
	if (r == -BERTH_E_EXISTS && is("says-busy-for-exists"))
		return berth_fail(err, BERTH_E_BUSY, "it is in use");
	return forgive("takes-any-name", -BERTH_E_INVALID, r, &why, err);
}

static int recover(struct berth_isolation *iso, const char *id, struct berth_str state,
		   struct berth_sandbox **ret, struct berth_error *err)
{
	struct berth_error why;

	return forgive("finds-what-is-not", -BERTH_E_NOT_FOUND,
		       right->recover(iso, id, state, ret, &why), &why, err);
}

static int start(struct berth_sandbox *sb, struct berth_error *err)
{
	struct berth_error why;
	int r = right->start(sb, &why);

	if (is("runs-at-once") && r == -BERTH_E_BUSY)
		return 0;
	return forgive("starts-twice", -BERTH_E_BUSY, r, &why, err);
}

static int exec(struct berth_sandbox *sb, const struct berth_exec *what, struct berth_op *op,
		int *ret_pidfd, struct berth_error *err)
{
	struct berth_error why;

	if (is("keeps-a-descriptor"))
		(void)open("/", O_PATH | O_CLOEXEC);
	return forgive("execs-into-the-dead", -BERTH_E_NOT_FOUND,
		       right->exec(sb, what, op, ret_pidfd, &why), &why, err);
}

static int send(struct berth_sandbox *sb, int32_t signo, uint32_t flags, struct berth_error *err)
{
	struct berth_error why;

	if (is("signals-one"))
		flags &= ~(uint32_t)BERTH_SIGNAL_ALL;
	return forgive("signals-the-dead", -BERTH_E_NOT_FOUND,
		       right->signal(sb, signo, flags, &why), &why, err);
}

static int reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	struct berth_error why;
	int r = right->reap(sb, ret, &why);

	if (r == 0 && ret->signal == 0 && is("loses-the-status"))
		ret->code = 0;
	return forgive("reaps-early", -BERTH_E_BUSY, r, &why, err);
}

static int update(struct berth_sandbox *sb, struct berth_str resources, struct berth_error *err)
{
	return is("ignores-limits") ? 0 : right->update(sb, resources, err);
}

static int freeze(struct berth_sandbox *sb, bool on, struct berth_error *err)
{
	if (is(on ? "freezes-nothing" : "thaws-nothing"))
		return 0;
	return right->freeze(sb, on, err);
}

static int destroy(struct berth_sandbox *sb, struct berth_error *err)
{
	if (is("destroys-thrice") && ++destroyed > 3)
		return berth_fail(err, BERTH_E_NOT_FOUND, "it is gone");
	return right->destroy(sb, err);
}

static int open_wrong(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		      void **ret, struct berth_error *err)
{
	const char *word = host->conf_str(conf, "mutant");

	(void)snprintf(mutant, sizeof(mutant), "%s", word ? word : "none");
	return right_head->open(host, conf, state_fd, ret, err);
}

static const struct berth_option *options(void)
{
	static struct berth_option all[32];
	size_t n = 0;

	for (const struct berth_option *o = right_head->options; o && o->name && n < 30; o++)
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

static bool find_right(void)
{
	void *file = dlopen(RIGHT_DRIVER, RTLD_NOW | RTLD_LOCAL);
	berth_driver_v1_fn entry = NULL;

	if (file)
		*(void **)&entry = dlsym(file, "berth_driver_v1");
	right_head = entry ? entry(0) : NULL;
	return right_head != NULL;
}

static const struct berth_driver *wrong_head(void)
{
	static struct berth_isolation_ops ops;
	static struct berth_driver head;

	head = *right_head;
	right = head.ops;
	ops = *right;
	ops.create = create;
	ops.recover = recover;
	ops.start = start;
	ops.exec = exec;
	ops.signal = send;
	ops.reap = reap;
	ops.update = update;
	ops.freeze = freeze;
	ops.destroy = destroy;
	head.name = "wrong";
	head.version = "1.0.0";
	head.ops = &ops;
	head.options = options();
	head.open = open_wrong;
	return &head;
}

BERTH_DRIVER_INFO(only, BERTH_ISOLATION, "wrong", "1.0.0");

__attribute__((visibility("default"))) const struct berth_driver *berth_driver_v1(uint32_t index);

const struct berth_driver *berth_driver_v1(uint32_t index)
{
	return index == 0 && (right_head || find_right()) ? wrong_head() : NULL;
}
