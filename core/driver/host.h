/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host: what of the struct berth_host needs no engine, so that a driver's own process lends the
 * same (programs/driver-host).
 */
#ifndef CORE_DRIVER_HOST_H
#define CORE_DRIVER_HOST_H

#include "berth/driver.h"

/** As berth_host.spawn, for the driver of @head. */
int host_run(const struct berth_driver *head, const char *const argv[], const char *const envp[],
	     const int fds[], size_t n_fds, int *ret_pidfd, struct berth_error *err);

#endif
