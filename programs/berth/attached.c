/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"

int attached_run(struct cli *cli, struct attached *a)
{
	enum session_end end = SESSION_LEFT;
	struct berth_error err;
	int status = STATUS_OK, code = 0;
	int r = session_run(a->streams, a->flags, &a->keys, &end, &code, &err);

	if (r == 0 && a->id && a->streams->has_duty)
		r = container_finish(&cli->engine->host, a->id, &err);
	container_streams_close(a->streams);
	if (r < 0)
		return cli_fail(cli, a->object, &err);
	switch (end) {
	case SESSION_ENDED:
		status = code;
		break;
	case SESSION_DETACHED:
		status = STATUS_OK;
		break;
	case SESSION_LEFT:
		status = STATUS_FAILED;
		break;
	}
	return status;
}
