/* SPDX-License-Identifier: Apache-2.0 */
/*
 * creds - make the kernel act as the owner that a mapped mount can store.
 *
 * An overlay mount works on its upper directory with the credentials of whoever mounted it. In an
 * upper directory that is seen through an id-mapped mount nobody but mapped users can make a file,
 * and root of the host is not mapped. So for the moment of mounting this thread is, as far as files
 * are concerned, root of the user namespace; with all its capabilities, which the change of the
 * user would take away.
 */
#ifndef OVERLAY_CREDS_H
#define OVERLAY_CREDS_H

#include <linux/capability.h>
#include <sys/types.h>

#include "berth/driver.h"

struct creds {
	uid_t uid;
	gid_t gid;
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
};

/** Only this thread. On success call creds_restore before anything else is opened. */
int creds_become(uid_t uid, gid_t gid, struct creds *ret_old, struct berth_error *err);
/** INTERNAL if that did not work: the thread must not touch files any more then. */
int creds_restore(const struct creds *old, struct berth_error *err);

#endif
