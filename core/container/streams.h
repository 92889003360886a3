/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams: what the verbs that connect a client to a container share: pipes and the taking over of
 * what the monitor hands out. container.h has the part that programs see.
 */
#ifndef CORE_CONTAINER_STREAMS_H
#define CORE_CONTAINER_STREAMS_H

#include "core/container/monitor.h"

/** Both ends of the pipes of one client. */
struct container_pipes {
	int in_r, in_w, out_r, out_w, err_r, err_w;
};
#define CONTAINER_PIPES_INIT                                                                       \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1                                                             \
	}

void container_streams_init(struct container_streams *s);
/** Pipes for output as @attach (enum container_attach_flags) asks; a terminal needs one only. */
int container_pipes_open(uint32_t attach, bool tty, struct container_pipes *ret,
			 struct berth_error *err);
void container_pipes_close(struct container_pipes *p);
static inline void container_pipes_close_at(struct container_pipes *p)
{
	container_pipes_close(p);
}
#define cleanup_pipes cleanup_with(container_pipes_close_at)

int container_streams_take(struct container_streams *s, struct monitor_msg *msg,
			   struct berth_error *err);

#endif
