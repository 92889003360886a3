/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "core/container/spec_parts.h"

/* The kernel's numbers; the C library keeps the first two for itself and starts later. */
enum { RT_MIN = 34, RT_MAX = 64, RT_HALF = 15 };

static const struct {
	const char *name;
	int number;
} signals[] = {
	{"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},	     {"CHLD", SIGCHLD},
	{"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},	     {"HUP", SIGHUP},
	{"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},	     {"IOT", SIGIOT},
	{"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGPOLL},     {"PROF", SIGPROF},
	{"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
	{"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
	{"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
	{"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
	{"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
};

static int realtime(const char *name)
{
	bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
	uint64_t n = 0;

	if (!from_min && strncasecmp(name, "RTMAX", 5) != 0)
		return 0;
	name += 5;
	if (*name && (*name != (from_min ? '+' : '-') || parse_u64(name + 1, RT_HALF, &n) < 0))
		return 0;
	return from_min ? RT_MIN + (int)n : RT_MAX - (int)n;
}

int spec_signal(const char *text, int *ret, struct berth_error *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	char shown[SPEC_SHOWN_MAX];
	uint64_t number;
	int found;

	if (parse_u64(text, RT_MAX, &number) == 0 && number > 0) {
		*ret = (int)number;
		return 0;
	}
	found = realtime(name);
	for (size_t i = 0; !found && i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (strcasecmp(signals[i].name, name) == 0)
			found = signals[i].number;
	}
	if (!found)
		return berth_fail(err, BERTH_E_INVALID, "invalid signal: %s",
				  spec_shown(text, shown));
	*ret = found;
	return 0;
}
