/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log.h - the log for who looks for a fault; off unless asked for.
 *
 *	time=2024-01-02T03:04:05.1Z level=debug pid=411 at=container.start id=4f… driver=overlay
 *
 * One line is one write, so lines of several processes do not mix. Errors are returned, not logged.
 * No secrets: there is no call that takes a header or an environment, and none may be written.
 * Costs one comparison while off.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "berth/driver.h"

/** Write lines up to @level (0: none) to @fd, which is borrowed for the life of the process. */
void log_to_fd(int fd, int level);
/** The same to the end of a file, which is made with mode 0600. */
int log_to_file(const char *path, int level, struct berth_error *err);
/** "error", "warn", "info", "debug", "off"; INVALID for another word. */
int log_parse_level(const char *word, int *ret_level, struct berth_error *err);

extern int log_level;

static inline bool log_enabled(int level)
{
	return level <= log_level;
}

/** Use log_line. */
void log_write(int level, const char *at, const char *fmt, ...) BERTH_PRINTF(3, 4);

/**
 * One line: @at is "room.what", the rest is key=value as printf makes it; quote what may hold
 * blanks: "name='%s'". Control characters are replaced. Arguments are not evaluated while off.
 */
#define log_line(level, at, ...)                                                                   \
	do {                                                                                       \
		if (log_enabled(level))                                                            \
			log_write((level), (at), __VA_ARGS__);                                     \
	} while (0)

#define log_debug(at, ...) log_line(BERTH_LOG_DEBUG, at, __VA_ARGS__)

#endif
