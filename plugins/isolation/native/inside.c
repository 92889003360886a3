/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

enum { LINKS_MAX = 40, STEPS_MAX = INSIDE_PATH_MAX, RETRIES = 64 };

void inside_send(const struct inside *in, const struct report *report)
{
	ssize_t n;

	do
		n = send(in->channel, report, sizeof(*report), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		_exit(1); /* nobody is there any more */
}

void inside_await(const struct inside *in)
{
	char go;
	ssize_t n;

	do
		n = recv(in->channel, &go, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(1);
}

void inside_sync(const struct inside *in, enum report_kind kind, int number)
{
	struct report report;

	report.kind = kind;
	report.code = 0;
	report.sys_errno = 0;
	report.number = number;
	report.complete = 0;
	report.text[0] = '\0';
	inside_send(in, &report);
	inside_await(in);
}

char *inside_number(char out[static 24], int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char digits[24];
	size_t n = 0;
	size_t at = 0;

	do
		digits[n++] = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		out[at++] = '-';
	while (n)
		out[at++] = digits[--n];
	out[at] = '\0';
	return out;
}

void inside_format(char *out, size_t size, const char *fmt, va_list ap)
{
	size_t at = 0;

	for (; *fmt && at + 1 < size; fmt++) {
		char number[24];
		const char *piece;

		if (*fmt != '%') {
			out[at++] = *fmt;
			continue;
		}
		fmt++;
		piece = *fmt == 's' ? va_arg(ap, const char *)
				    : inside_number(number, va_arg(ap, int));
		while (*piece && at + 1 < size)
			out[at++] = *piece++;
	}
	out[at] = '\0';
}

static void die(const struct inside *in, struct report *report, const char *fmt, va_list ap)
	__attribute__((noreturn));

static void die(const struct inside *in, struct report *report, const char *fmt, va_list ap)
{
	report->kind = REPORT_FAILED;
	report->number = 0;
	inside_format(report->text, sizeof(report->text), fmt, ap);
	inside_send(in, report);
	_exit(1);
}

void inside_die(const struct inside *in, int code, int sys_errno, const char *fmt, ...)
{
	struct report report;
	va_list ap;

	report.code = code ? code : berth_code_of_errno(sys_errno);
	report.sys_errno = sys_errno;
	report.complete = sys_errno == 0;
	va_start(ap, fmt);
	die(in, &report, fmt, ap);
	va_end(ap);
}

void inside_die_exec(const struct inside *in, int sys_errno, const char *fmt, ...)
{
	struct report report;
	va_list ap;

	report.code = BERTH_E_EXEC;
	report.sys_errno = sys_errno;
	report.complete = 1;
	va_start(ap, fmt);
	die(in, &report, fmt, ap);
	va_end(ap);
}

int inside_open(int root, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	int tries = RETRIES;
	long fd;

	do
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR) && --tries > 0);
	return fd < 0 ? -errno : (int)fd;
}

/* @out becomes the first @n bytes of @a, '/', and @b; false if that is too long. */
static bool join(char *out, const char *a, size_t n, const char *b)
{
	size_t m = strlen(b);

	if (n + 1 + m + 1 > INSIDE_PATH_MAX)
		return false;
	memmove(out + n + 1, b, m + 1);
	if (out != a)
		memmove(out, a, n);
	out[n] = '/';
	return true;
}

/*
 * Component @at..@end of @path is missing in directory @dir. Make it; or, where a link points
 * to nothing yet, rewrite @path to go where the link goes. True if @path has changed.
 */
static bool make_component(const struct inside *in, int dir, char *path, size_t at, size_t end,
			   bool is_file)
{
	char *link = in->scratch[1];
	char saved = path[end];
	ssize_t n;
	int r;

	path[end] = '\0';
	if (is_file) {
		r = openat(dir, path + at, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (r >= 0)
			(void)close(r);
	} else {
		r = mkdirat(dir, path + at, 0755);
	}
	if (r < 0 && errno != EEXIST)
		inside_die(in, 0, errno, "make '%s' in the root filesystem", path);
	n = r < 0 ? readlinkat(dir, path + at, link, INSIDE_PATH_MAX - 1) : -1;
	if (n <= 0) {
		path[end] = saved;
		return false;
	}
	link[n] = '\0';
	if (saved && !join(link, link, (size_t)n, path + end + 1))
		inside_die(in, BERTH_E_LIMIT, ENAMETOOLONG, "path '%s'", path);
	if (link[0] == '/')
		at = 0; /* openat2 takes it from the root */
	n = (ssize_t)strlen(link);
	if (at + (size_t)n + 1 > INSIDE_PATH_MAX)
		inside_die(in, BERTH_E_LIMIT, ENAMETOOLONG, "path '%s'", path);
	memmove(path + at, link, (size_t)n + 1);
	return true;
}

/* Walk @path (scratch 0) from the root and make what is missing; the descriptor of the end. */
static int make_path(const struct inside *in, int root, char *path, bool is_file)
{
	unsigned links = 0;
	size_t at = 0;
	int dir = -1;

	for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
		size_t end = at;
		char saved;
		bool last;
		int fd;

		while (path[end] == '/')
			end++;
		at = end;
		while (path[end] && path[end] != '/')
			end++;
		if (at == end && dir >= 0)
			return dir; /* ends with a slash */
		last = !path[end];
		saved = path[end];
		path[end] = '\0';
		fd = inside_open(root, at == end ? "/" : path, O_PATH, 0);
		path[end] = saved;
		if (fd == -ENOENT) {
			if (!make_component(in, dir < 0 ? root : dir, path, at, end,
					    is_file && last))
				continue;
			if (++links > LINKS_MAX)
				break;
			at = 0;
			if (dir >= 0)
				(void)close(dir);
			dir = -1;
			continue;
		}
		if (fd < 0)
			inside_die(in, 0, -fd, "open '%s' in the root filesystem", path);
		if (dir >= 0)
			(void)close(dir);
		if (last)
			return fd;
		dir = fd;
		at = end;
	}
	inside_die(in, BERTH_E_INVALID, ELOOP, "path '%s'", path);
}

int inside_target(const struct inside *in, int root, const char *path, bool is_file)
{
	int fd = inside_open(root, path, O_PATH, 0);
	size_t n = strlen(path);

	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		inside_die(in, 0, -fd, "open '%s' in the root filesystem", path);
	if (n + 1 > INSIDE_PATH_MAX)
		inside_die(in, BERTH_E_LIMIT, ENAMETOOLONG, "path '%s'", path);
	memcpy(in->scratch[0], path, n + 1);
	return make_path(in, root, in->scratch[0], is_file);
}

int inside_parent(const struct inside *in, int root, const char *path, const char **ret_leaf)
{
	size_t n = strlen(path);
	size_t leaf = n;

	while (leaf && path[leaf - 1] != '/')
		leaf--;
	*ret_leaf = path + leaf;
	if (leaf + 1 > INSIDE_PATH_MAX)
		inside_die(in, BERTH_E_LIMIT, ENAMETOOLONG, "path '%s'", path);
	memcpy(in->scratch[0], path, leaf);
	in->scratch[0][leaf] = '\0';
	return make_path(in, root, in->scratch[0], false);
}

struct fd_path fd_path(int fd)
{
	static const char prefix[] = "/proc/self/fd/";
	struct fd_path path;
	char number[24];
	size_t n;

	memcpy(path.text, prefix, sizeof(prefix));
	inside_number(number, fd);
	n = strlen(number);
	memcpy(path.text + sizeof(prefix) - 1, number, n + 1);
	return path;
}

int inside_write(int fd, const char *text)
{
	size_t n = strlen(text);
	ssize_t done;

	do
		done = write(fd, text, n);
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -EIO;
}

int inside_write_file(int dirfd, const char *path, const char *text)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = inside_write(fd, text);
	(void)close(fd);
	return r;
}
