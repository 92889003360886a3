/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/file_copy.h - copy the bytes of one file: shared blocks where the filesystem can, else
 * inside the kernel, else by hand; holes stay holes. Nothing else of the file is copied.
 */
#ifndef BASE_FILE_COPY_H
#define BASE_FILE_COPY_H

#include <sys/types.h>

#include "berth/driver.h"

enum file_copy_reflink {
	FILE_COPY_REFLINK_AUTO, /* where the filesystem can */
	FILE_COPY_REFLINK_NEVER,
	FILE_COPY_REFLINK_ALWAYS, /* or UNSUPPORTED */
};

/**
 * Copy @size bytes of @from, which has @blocks blocks of 512 bytes, to the empty file @to.
 * *@reflink: what to try; AUTO becomes NEVER once the filesystem has said that it cannot, so that
 * it is asked once for many files.
 */
int file_copy(int from, int to, off_t size, blkcnt_t blocks, enum file_copy_reflink *reflink,
	      struct berth_error *err);

#endif
