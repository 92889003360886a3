/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/caps.h"

#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "core/container/spec_parts.h"

#define PREFIX "CAP_"

/* By their numbers in linux/capability.h, which may be older than this list. */
static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

enum { CAPS = sizeof(names) / sizeof(names[0]) };

const char *caps_name(unsigned cap)
{
	return cap < CAPS ? names[cap] : NULL;
}

uint64_t caps_bit(const char *name)
{
	if (strncasecmp(name, PREFIX, strlen(PREFIX)) == 0)
		name += strlen(PREFIX);
	for (unsigned i = 0; i < CAPS; i++) {
		if (strcasecmp(names[i] + strlen(PREFIX), name) == 0)
			return CAPS_BIT(i);
	}
	return 0;
}

uint64_t caps_available(void)
{
	static uint64_t known; /* nobody in this process changes it; two who ask at once agree */
	uint64_t caps = known;

	/* the bounding set: a root that lacks one here cannot give it to a container either */
	for (unsigned i = 0; !known && i < CAPS; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			caps |= CAPS_BIT(i);
	}
	known = caps;
	return caps;
}

/* The set of a list. "ALL" is not a set here but an answer of its own. */
static int read_list(const struct record *list, uint64_t available, uint64_t *ret, bool *ret_all,
		     struct berth_error *err)
{
	char shown[SPEC_SHOWN_MAX];
	uint64_t caps = 0;
	bool all = false;

	for (size_t i = 0; i < record_len(list); i++) {
		const char *name = record_str_or(record_at(list, i), "");
		uint64_t bit = caps_bit(name);

		if (strcasecmp(name, "ALL") == 0) {
			all = true;
			continue;
		}
		if (!bit)
			return berth_fail(err, BERTH_E_INVALID, "unknown capability: \"%s%s\"",
					  strncasecmp(name, PREFIX, strlen(PREFIX)) ? PREFIX : "",
					  spec_shown(name, shown));
		if (!(bit & available))
			return berth_fail(
				err, BERTH_E_INVALID,
				"capability not supported by your kernel or not available "
				"in the current environment: \"%s\"",
				caps_name((unsigned)__builtin_ctzll(bit)));
		caps |= bit;
	}
	*ret = caps;
	*ret_all = all;
	return 0;
}

int caps_tweak(uint64_t available, const struct record *add, const struct record *drop,
	       uint64_t *ret, struct berth_error *err)
{
	uint64_t added, dropped;
	bool add_all, drop_all;
	int r;

	r = read_list(add, available, &added, &add_all, err);
	if (r < 0) {
		berth_error_prefix(err, "invalid CapAdd");
		return r;
	}
	/* what is not there is dropped already */
	r = read_list(drop, UINT64_MAX, &dropped, &drop_all, err);
	if (r < 0) {
		berth_error_prefix(err, "invalid CapDrop");
		return r;
	}
	if (add_all)
		*ret = available & ~dropped;
	else if (drop_all)
		*ret = added;
	else
		*ret = (CAPS_DEFAULT & available & ~dropped) | added;
	return 0;
}

void caps_write(struct jw *w, uint64_t caps)
{
	jw_array_begin(w);
	for (unsigned i = 0; i < CAPS; i++) {
		if (caps & CAPS_BIT(i))
			jw_str(w, names[i]);
	}
	jw_array_end(w);
}
