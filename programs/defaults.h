/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defaults: the config that holds where no file says otherwise, as JSON text for config_load. The
 * only place that names drivers: the core does not.
 */
#ifndef PROGRAMS_DEFAULTS_H
#define PROGRAMS_DEFAULTS_H

extern const char berth_defaults[];

#endif
