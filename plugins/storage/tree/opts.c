/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "newmount.h"
#include "tree.h"

int tree_view_opts(const struct berth_view_opts *opts, struct tree_view_opts *ret,
		   struct berth_error *err)
{
	struct berth_view_opts o = {.userns_fd = -1};

	if (opts)
		memcpy(&o, opts, opts->size < sizeof(o) ? opts->size : sizeof(o));
	if (o.want_form && o.want_form != BERTH_ST_FORM_DIR)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "a view of this driver is a directory");
	if (o.attr & ~(uint64_t)MOUNT_ATTRS_ALLOWED)
		return berth_fail(err, BERTH_E_INVALID, "mount attributes 0x%llx are not allowed",
				  (unsigned long long)o.attr);
	*ret = (struct tree_view_opts){
		.flags = o.flags,
		.userns_fd = o.userns_fd,
		.attr = o.attr,
	};
	return 0;
}
