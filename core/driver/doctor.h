/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: is this machine fit, and is everything in place? Looks, and lets drivers probe; changes
 * nothing.
 */
#ifndef CORE_DRIVER_DOCTOR_H
#define CORE_DRIVER_DOCTOR_H

#include "core/driver/drivers.h"

/**
 * Findings about the kernel, the engine's directories and every driver that is found or configured:
 * array of {"id", "level" ("ok" "info" "warn" "error"), "text", "fix", "driver" ("KIND NAME", "" if
 * it is not about one), "used" (false for drivers that the config does not name: what is wrong
 * with them matters to nobody yet)}. Something is in the way if a used one is an "error". Fails for
 * lack of memory only.
 */
int doctor(struct drivers *d, struct record **ret, struct berth_error *err);

/** machine.c: the first part, about the kernel alone; without "driver" and "used". */
int machine_examine(struct record *findings, struct berth_error *err);

#endif
