/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_format: how a container's output is kept (docs/formats/log.md). Frames of raw bytes, as they were
 * read from the pipe: nothing is scanned, quoted or split, so writing costs about what the pipe costs.
 *
 *   head (16 bytes, little endian) | bytes | length again (4 bytes)
 *
 * The length at both ends lets a reader go backwards from the end (`logs --tail`). A frame that is cut off
 * (power loss, full disk) is ignored; what a writer finds behind the last whole frame it cuts away.
 */
#ifndef CORE_CONTAINER_LOG_FORMAT_H
#define CORE_CONTAINER_LOG_FORMAT_H

#include <stdint.h>

enum { LOG_FRAME_MAX = 1u << 20 }; /* bytes of one frame; a longer one is damage */

struct log_frame {
	uint32_t len;
	uint8_t stream; /* 1 stdout, 2 stderr */
	uint8_t reserved[3];
	int64_t at_ns;
};

#define LOG_FRAME_TAIL 4u

_Static_assert(sizeof(struct log_frame) == 16, "on-disk format");

#endif
