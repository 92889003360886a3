/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op: what stands behind struct berth_op. The rest of its calls is in drivers.h.
 */
#ifndef CORE_DRIVER_OP_H
#define CORE_DRIVER_OP_H

#include "core/driver/drivers.h"

/** Readable once @op is cancelled; borrowed. -1 for NULL. */
int op_cancel_fd(const struct berth_op *op);

#endif
