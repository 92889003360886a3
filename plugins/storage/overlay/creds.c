/* SPDX-License-Identifier: Apache-2.0 */
#include "creds.h"

#include <errno.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static int caps_get(struct __user_cap_data_struct *caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capget, &head, caps);
}

static int caps_set(const struct __user_cap_data_struct *caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capset, &head, caps);
}

/* setfsuid says what was before, and nothing of whether it worked: ask again, with an invalid id */
static bool set_ids(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	return (gid_t)setfsgid((gid_t)-1) == gid && (uid_t)setfsuid((uid_t)-1) == uid;
}

int creds_become(uid_t uid, gid_t gid, struct creds *ret_old, struct berth_error *err)
{
	struct creds old = {
		.uid = (uid_t)setfsuid((uid_t)-1),
		.gid = (gid_t)setfsgid((gid_t)-1),
	};

	if (caps_get(old.caps) < 0)
		return berth_fail_errno(err, errno, "read the capabilities");
	if (!set_ids(uid, gid) || caps_set(old.caps) < 0) {
		int r = berth_fail(err, BERTH_E_DENIED, "cannot act as user %u", (unsigned)uid);
		int back = creds_restore(&old, err);

		return back < 0 ? back : r;
	}
	*ret_old = old;
	return 0;
}

int creds_restore(const struct creds *old, struct berth_error *err)
{
	if (!set_ids(old->uid, old->gid) || caps_set(old->caps) < 0)
		return berth_fail(err, BERTH_E_INTERNAL, "cannot be user %u again",
				  (unsigned)old->uid);
	return 0;
}
