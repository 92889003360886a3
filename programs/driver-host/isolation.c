/* SPDX-License-Identifier: Apache-2.0 */
#include "seat.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- descriptors for programs ------------------------------------------------------------------
 *
 * A program of the container gets the caller's descriptors 3 and up: here they are put in place for
 * the call, and nothing else is ever there.
 */

static int nothing = -1;

bool isolation_prepare(int *control, int *life)
{
	const int above = 3 + WIRE_PRESERVE_MAX;
	cleanup_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	*control = fcntl(*control, F_DUPFD_CLOEXEC, above);
	*life = fcntl(*life, F_DUPFD_CLOEXEC, above);
	nothing = fcntl(null, F_DUPFD_CLOEXEC, above);
	if (*control < 0 || *life < 0 || nothing < 0)
		return false;
	for (int fd = 3; fd < above; fd++)
		if (fd != null && dup3(nothing, fd, O_CLOEXEC) < 0)
			return false;
	null = -1; /* one of them */
	return true;
}

static int put_in_place(const struct call *c, struct berth_error *err)
{
	for (size_t i = 0; i < c->n_preserved; i++)
		if (dup3(c->preserved[i], 3 + (int)i, O_CLOEXEC) < 0)
			return berth_fail_errno(err, errno, "put descriptor %zu in place", 3 + i);
	return 0;
}

static void take_away(const struct call *c)
{
	for (size_t i = 0; i < c->n_preserved; i++)
		(void)dup3(nothing, 3 + (int)i, O_CLOEXEC);
}

/* --- calls -------------------------------------------------------------------------------------
 */

static int create(struct call *c, struct berth_error *err)
{
	struct berth_sandbox *sb = NULL;
	int r = put_in_place(c, err);

	if (r == 0)
		r = served.ops.isolation.create(c->object, c->a[0].p, c->a[1].op, &sb, err);
	take_away(c);
	c->a[2].u = (uintptr_t)sb;
	return r;
}

static int recover(struct call *c, struct berth_error *err)
{
	struct berth_sandbox *sb = NULL;
	int r = served.ops.isolation.recover(c->object, c->a[0].s, c->a[1].b, &sb, err);

	c->a[2].u = (uintptr_t)sb;
	return r;
}

/* The process is a child of ours: its end is told through a socket. */
static int exec(struct call *c, struct berth_error *err)
{
	int pair[2], pidfd = -1, r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_fail_errno(err, errno, "make a pair of sockets");
	r = put_in_place(c, err);
	if (r == 0)
		r = served.ops.isolation.exec(c->object, c->a[0].p, c->a[1].op, &pidfd, err);
	take_away(c);
	if (r == 0) {
		c->a[2].fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
		c->a[3].fd = pair[1];
		r = stand_in_watch(pidfd, pair[0], err);
	} else {
		(void)close(pair[0]);
	}
	if (r != 0)
		(void)close(pair[1]);
	return r;
}

int isolation_call(struct call *c, struct berth_error *err)
{
	const struct berth_isolation_ops *ops = &served.ops.isolation;
	struct berth_isolation *iso = c->object;
	struct berth_sandbox *sb = c->object;
	union wire_arg *a = c->a;

	switch ((enum wire_isolation_call)c->number) {
	case ISO_FEATURES:
		return ops->features(iso, a[0].sink, err);
	case ISO_EXPLAIN:
		return ops->explain(iso, a[0].b, a[1].sink, err);
	case ISO_CREATE:
		return create(c, err);
	case ISO_RECOVER:
		return recover(c, err);
	case ISO_SAVE:
		return ops->save(sb, a[0].sink, err);
	case ISO_INFO:
		return ops->info(sb, a[0].ret, err);
	case ISO_START:
		return ops->start(sb, err);
	case ISO_EXEC:
		return exec(c, err);
	case ISO_SIGNAL:
		return ops->signal(sb, (int32_t)(uint32_t)a[0].u, (uint32_t)a[1].u, err);
	case ISO_WAIT_FD:
		return ops->wait_fd(sb, &a[0].fd, err);
	case ISO_REAP:
		return ops->reap(sb, a[0].ret, err);
	case ISO_UPDATE:
		return ops->update(sb, a[0].b, err);
	case ISO_FREEZE:
		return ops->freeze(sb, a[0].u != 0, err);
	case ISO_STATS:
		return ops->stats(sb, a[0].sink, err);
	case ISO_PROCESSES:
		return ops->processes(sb, a[0].fn.id, NULL, err);
	case ISO_CHECKPOINT:
		return ops->checkpoint(sb, a[0].fd, (uint32_t)a[1].u, a[2].op, err);
	case ISO_DESTROY:
		return ops->destroy(sb, err);
	case ISO_FORGET:
		ops->forget(sb);
		return 0;
	}
	return -BERTH_E_INTERNAL;
}
