/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include <sys/ioctl.h>

#include "body.h"

bool terminal_raw(struct terminal *t, int fd)
{
	struct terminal now = {.fd = fd};

	t->fd = -1;
	if (tcgetattr(fd, &now.before) < 0)
		return false;
	*t = now;
	terminal_raw_again(t);
	return true;
}

void terminal_raw_again(const struct terminal *t)
{
	struct termios raw;

	if (t->fd < 0)
		return;
	raw = t->before;
	cfmakeraw(&raw);
	(void)tcsetattr(t->fd, TCSADRAIN, &raw); /* if it went away, reading says so */
}

void terminal_restore(struct terminal *t)
{
	int kept_errno = errno;

	if (t->fd >= 0)
		(void)tcsetattr(t->fd, TCSADRAIN, &t->before);
	t->fd = -1;
	errno = kept_errno;
}

static bool read_size(struct winsize *ret)
{
	for (int fd = 0; fd <= 2; fd++)
		if (ioctl(fd, TIOCGWINSZ, ret) == 0 && ret->ws_row > 0 && ret->ws_col > 0)
			return true;
	return false;
}

void terminal_copy_size(int console)
{
	struct winsize size;

	if (console >= 0 && read_size(&size))
		(void)ioctl(console, TIOCSWINSZ, &size); /* a container that just ended has none */
}

int terminal_add_size(struct record *body, const char *key, struct berth_error *err)
{
	struct winsize size;
	int r;

	if (!read_size(&size))
		return 0;
	r = body_append(body, key, record_new_int(size.ws_row), err);
	return r < 0 ? r : body_append(body, key, record_new_int(size.ws_col), err);
}
