/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find: which file a driver is in. Executes nothing. Private to core/driver.
 */
#ifndef CORE_DRIVER_FIND_H
#define CORE_DRIVER_FIND_H

#include "core/driver/drivers.h"

/**
 * The file of driver @name: the config's "file", else KIND/NAME.so in the first of driver_dirs that
 * has it, else any file there with such a record in its section. free() it. NOT_FOUND names the
 * directories, its hint what is there; INVALID if @name is no name.
 */
int find_driver(const struct config *config, uint32_t kind, const char *name, char **ret_path,
		struct berth_error *err);
/** The first kind which has a driver @name; NOT_FOUND if none has. */
int find_kind(const struct config *config, const char *name, uint32_t *ret,
	      struct berth_error *err);
/** Every *.so of driver_dirs and of their KIND/, sorted within each, and every "file" of the
 * config; each once. free with strv_free. */
int find_files(const struct config *config, char ***ret, struct berth_error *err);

#endif
