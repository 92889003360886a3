/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_file: how a container's output is kept (docs/formats/log.md). Frames of raw bytes, as they
 * were read from the pipe: nothing is scanned, quoted or split, so writing costs about what the
 * pipe costs.
 *
 *   head (16 bytes, little endian) | bytes | length again (4 bytes)
 *
 * The length at both ends lets a reader go backwards from the end (`logs --tail`). A frame that is
 * cut off (power loss) ends what can be read. It knows files, not containers.
 */
#ifndef CORE_CONTAINER_LOG_FILE_H
#define CORE_CONTAINER_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "berth/driver.h"

enum {
	LOG_FRAME_MAX = 1u << 20, /* bytes of one frame; a longer one is damage */
	LOG_STDOUT = 1,
	LOG_STDERR = 2,
};

/**
 * Append one frame to @fd (O_APPEND) by one write. FULL and other failures leave the file as it
 * was: half a frame would hide all that follows.
 */
int log_file_append(int fd, int stream, int64_t at_ns, const void *bytes, size_t n,
		    struct berth_error *err);

/** What a reader wants. */
struct log_select {
	bool out, err;
	int64_t since_ns, until_ns; /* 0 = no bound */
};

/** The file as it is now, mapped; what is appended later is found by opening it again. */
struct log_file {
	const char *p;
	size_t n;
};

int log_file_open(int fd, struct log_file *ret, struct berth_error *err);
void log_file_close(struct log_file *log);
#define cleanup_log_file __attribute__((cleanup(log_file_close)))

/** A place in the file: a frame, and bytes of it to skip. {0, 0} is the beginning. */
struct log_place {
	size_t frame, skip;
};

/** Where the last @lines lines of what is selected begin; the end if @lines is 0. */
struct log_place log_file_tail(const struct log_file *log, const struct log_select *select,
			       int64_t lines);

/** One piece of output: not necessarily whole lines. Non-zero ends. */
typedef int (*log_file_fn)(void *arg, int stream, int64_t at_ns, const char *bytes, size_t n);

/** All that is selected from *@place on; *@place ends behind the last whole frame. */
int log_file_read(const struct log_file *log, const struct log_select *select,
		  struct log_place *place, log_file_fn fn, void *arg);

#endif
