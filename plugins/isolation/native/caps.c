/* SPDX-License-Identifier: Apache-2.0 */
#include "caps.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "berth/driver.h"

int caps_number(const char *name)
{
	cap_value_t value;

	/* the library takes numbers and all cases too; the specification only "CAP_CHOWN" */
	if (strncmp(name, "CAP_", 4) != 0 || cap_from_name(name, &value) < 0 || value > 63)
		return -1;
	return value;
}

const char *caps_name(int number)
{
	static char upper[64];
	char *name;

	if (number >= (int)cap_max_bits())
		return NULL;
	name = cap_to_name(number);
	if (!name)
		return NULL;
	for (size_t i = 0; i < sizeof(upper) - 1; i++) {
		char c = name[i];

		upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		if (!c)
			break;
	}
	(void)cap_free(name);
	return upper;
}

static int raw_capget(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};

	return (int)syscall(SYS_capget, &head, data);
}

/* What of our own we can hand on. */
static uint64_t own_caps(void)
{
	struct __user_cap_data_struct data[2];
	uint64_t permitted;
	uint64_t set = 0;

	if (raw_capget(data) < 0)
		return 0;
	permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	for (int i = 0; i < 64; i++) {
		int r = prctl(PR_CAPBSET_READ, i);

		if (r < 0)
			break;
		if (r > 0)
			set |= UINT64_C(1) << i;
	}
	return set & permitted;
}

static uint64_t all_caps(void)
{
	uint64_t set = 0;

	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i) >= 0; i++)
		set |= UINT64_C(1) << i;
	return set;
}

void caps_limit(const struct berth_host *host, struct spec_caps *caps, bool own_userns)
{
	uint64_t ours = own_userns ? all_caps() : own_caps();
	uint64_t wanted = caps->bounding | caps->effective | caps->inheritable | caps->permitted |
			  caps->ambient;

	for (int i = 0; i < 64; i++) {
		if (wanted & ~ours & (UINT64_C(1) << i)) {
			const char *name = caps_name(i);

			berth_log(host, BERTH_LOG_WARN,
				  "capability %s is not to be had here and left out",
				  name ? name : "of a number unknown");
		}
	}
	caps->bounding &= ours;
	caps->effective &= ours;
	caps->inheritable &= ours;
	caps->permitted &= ours;
	caps->ambient &= ours;
}

int caps_bound(uint64_t bounding)
{
	for (int i = 0; i < 64; i++) {
		if (bounding & (UINT64_C(1) << i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i) < 0)
			return errno == EINVAL ? 0 : -errno; /* behind the last one */
	}
	return 0;
}

static int raise_ambient(uint64_t ambient)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return errno == EINVAL ? 0 : -errno;
	for (int i = 0; i < 64; i++)
		if ((ambient & (UINT64_C(1) << i)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return -errno;
	return 0;
}

int caps_take(const struct spec_caps *caps, uint64_t extra)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	uint64_t permitted = caps->permitted | caps->effective | extra;
	uint64_t effective = caps->effective | extra;
	/* the kernel takes an ambient one only if it is permitted and inheritable */
	uint64_t ambient = caps->ambient & caps->inheritable & permitted;
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)caps->inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		 (uint32_t)(caps->inheritable >> 32)},
	};

	if (syscall(SYS_capset, &head, data) < 0)
		return -errno;
	return raise_ambient(ambient);
}
