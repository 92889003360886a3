/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/kernel.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Decimal digits at *@at, which moves behind them; -1 if there are none or too many. */
static long read_digits(const char **at)
{
	long n = 0;
	int digits = 0;

	while (**at >= '0' && **at <= '9') {
		n = n * 10 + (**at - '0');
		(*at)++;
		if (++digits > 6)
			return -1;
	}
	return digits ? n : -1;
}

uint32_t kernel_version_of(const char *release)
{
	long major = read_digits(&release);
	long minor;

	if (major < 0 || *release != '.')
		return 0;
	release++;
	minor = read_digits(&release);
	if (minor < 0 || major > UINT16_MAX || minor > UINT16_MAX)
		return 0;
	return KERNEL_VERSION_OF(major, minor);
}

uint32_t kernel_version(void)
{
	struct utsname name;

	return uname(&name) == 0 ? kernel_version_of(name.release) : 0;
}

bool kernel_cgroup2(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

bool kernel_has_sysctl(const char *name)
{
	char path[128] = "/proc/sys/";
	size_t n = strlen(path);

	if (strlen(name) >= sizeof(path) - n)
		return false;
	for (; *name; name++)
		path[n++] = *name == '.' ? '/' : *name;
	path[n] = '\0';
	return access(path, F_OK) == 0;
}

static size_t read_small(const char *path, char *out, size_t room)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, out, room - 1);

	if (n < 0)
		n = 0;
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == ' '))
		n--;
	out[n] = '\0';
	return (size_t)n;
}

bool kernel_has_apparmor(void)
{
	char word[8];

	return read_small("/sys/module/apparmor/parameters/enabled", word, sizeof(word)) > 0 &&
	       word[0] == 'Y';
}

static int read_range(const char **at, long *ret_first, long *ret_last)
{
	long first = read_digits(at);
	long last = first;

	if (first >= 0 && **at == '-') {
		(*at)++;
		last = read_digits(at);
	}
	if (first < 0 || last < first)
		return -1;
	*ret_first = first;
	*ret_last = last;
	return 0;
}

int kernel_set_parse(const char *text, struct kernel_set *ret)
{
	struct kernel_set set = {{0}};
	long first, last;

	for (bool more = *text; more; text += more) {
		if (read_range(&text, &first, &last) < 0)
			return -1;
		if (last >= KERNEL_SET_MAX)
			return -2;
		for (long i = first; i <= last; i++)
			set.bits[i / 64] |= UINT64_C(1) << (i % 64);
		more = *text == ',';
		if (*text && !more)
			return -1;
	}
	*ret = set;
	return 0;
}

bool kernel_set_has(const struct kernel_set *set, unsigned i)
{
	return i < KERNEL_SET_MAX && set->bits[i / 64] & (UINT64_C(1) << (i % 64));
}

bool kernel_set_within(const struct kernel_set *part, const struct kernel_set *whole)
{
	for (size_t i = 0; i < KERNEL_SET_MAX / 64; i++) {
		if (part->bits[i] & ~whole->bits[i])
			return false;
	}
	return true;
}

void kernel_list(const char *path, char out[static KERNEL_LIST_MAX])
{
	cleanup_free char *full = str_fmt("/sys/devices/system/%s", path);

	out[0] = '\0';
	if (full)
		(void)read_small(full, out, KERNEL_LIST_MAX);
}
