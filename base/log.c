/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 2048 };

int log_level = 0;
static int log_fd = -1;

static const char *const levels[] = {
	[0] = "off",
	[BERTH_LOG_ERROR] = "error",
	[BERTH_LOG_WARN] = "warn",
	[BERTH_LOG_INFO] = "info",
	[BERTH_LOG_DEBUG] = "debug",
};

enum { N_LEVELS = sizeof(levels) / sizeof(levels[0]) };

void log_to_fd(int fd, int level)
{
	log_fd = fd;
	log_level = level;
}

int log_to_file(const char *path, int level, struct berth_error *err)
{
	/* a path that the user names: it may be a symlink, and /dev/stderr */
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0600);

	if (fd < 0)
		return berth_fail_errno(err, errno, "open log '%s'", path);
	log_to_fd(fd, level);
	return 0;
}

int log_parse_level(const char *word, int *ret_level, struct berth_error *err)
{
	for (int i = 0; i < N_LEVELS; i++) {
		if (strcmp(word, levels[i]) == 0) {
			*ret_level = i;
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_INVALID,
			  "log level '%s': wanted off, error, warn, info or debug", word);
}

void log_write(int level, const char *at, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	char now[CLOCK_TEXT_MAX];
	int kept_errno = errno;
	size_t n;
	size_t head;
	ssize_t written;
	va_list ap;
	int r;

	if (level < 0 || level >= N_LEVELS || log_fd < 0)
		return;
	r = snprintf(line, sizeof(line) - 1, "time=%s level=%s pid=%d at=%s ",
		     clock_format(clock_now_ns(), now), levels[level], (int)getpid(), at);
	head = r < 0 ? 0 : (size_t)r < sizeof(line) - 2 ? (size_t)r : sizeof(line) - 2;
	va_start(ap, fmt);
	errno = kept_errno; /* for %m */
	(void)vsnprintf(line + head, sizeof(line) - 1 - head, fmt, ap);
	va_end(ap);
	n = strnlen(line, sizeof(line) - 1);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[n++] = '\n';
	written = write(log_fd, line, n);
	(void)written; /* a log that cannot be written has nowhere to say so */
	errno = kept_errno;
}
