/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/op.h"

#include <stdatomic.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"

struct berth_op {
	atomic_bool cancelled;
	int fd; /* readable once it is cancelled */
	op_progress_fn progress;
	void *arg;
};

int op_new(op_progress_fn fn, void *arg, struct berth_op **ret, struct berth_error *err)
{
	cleanup_free struct berth_op *op = calloc(1, sizeof(*op));

	if (!op)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	op->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (op->fd < 0)
		return berth_fail_errno(err, errno, "make an eventfd");
	op->progress = fn;
	op->arg = arg;
	*ret = steal_ptr(op);
	return 0;
}

void op_watch(struct berth_op *op, op_progress_fn fn, void *arg)
{
	op->progress = fn;
	op->arg = arg;
}

void op_cancel(struct berth_op *op)
{
	static const uint64_t one = 1;
	int kept_errno = errno;

	atomic_store(&op->cancelled, true);
	/* full means that it is readable already */
	if (write(op->fd, &one, sizeof(one)) < 0)
		errno = kept_errno;
}

bool op_cancelled(const struct berth_op *op)
{
	return op && atomic_load(&op->cancelled);
}

int op_check(const struct berth_op *op, struct berth_error *err)
{
	if (op_cancelled(op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	return 0;
}

int op_cancel_fd(const struct berth_op *op)
{
	return op ? op->fd : -1;
}

void op_progress(struct berth_op *op, uint64_t done, uint64_t total, const char *unit)
{
	if (op && op->progress)
		op->progress(op->arg, done, total, unit);
}

void op_free(struct berth_op *op)
{
	if (!op)
		return;
	(void)close(op->fd);
	free(op);
}
