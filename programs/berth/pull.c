/* SPDX-License-Identifier: Apache-2.0 */
#include "pull.h"

#include <string.h>

int pull_wanted(const struct options *o, struct berth_error *err)
{
	const char *when = options_str(o, "pull");

	if (when && strcmp(when, "always") == 0)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "--pull always: registries are not supported yet");
	return 0;
}

void pull_hint(const char *name, struct berth_error *err)
{
	if (err->code != BERTH_E_NOT_FOUND || !strstr(err->text, "No such image"))
		return;
	(void)berth_fail(err, BERTH_E_NOT_FOUND, "unable to find the image locally");
	berth_error_hint(err, "'berth load -i FILE' brings images, 'berth images' lists them");
}
