/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: from the specification's "linux.seccomp" to a program for the kernel.
 *
 * Compiling takes milliseconds and a library; so the result is kept in the driver's state
 * directory, seccomp/<hash of the text>.bpf. The hash only finds the file: the whole text is in it
 * and is compared, along with the architecture and the library that made it. Hit: one file is
 * mapped, its pages are shared between all monitors. Miss: libseccomp is loaded, used and unloaded
 * again.
 */
#ifndef NATIVE_SECCOMP_H
#define NATIVE_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/filter.h>

#include "berth/driver.h"
#include "base/str.h"

enum { SECCOMP_TEXT_MAX = 1024 * 1024, SECCOMP_INSNS_MAX = BPF_MAXINSNS };

struct seccomp_filter {
	struct sock_filter *insns; /* NULL: no filter */
	size_t n;
	unsigned flags;				       /* SECCOMP_FILTER_FLAG_* */
	bool notify;				       /* some action asks a listener */
	const char *listener_path, *listener_metadata; /* NULL if not given */
	void *map; /* what the above lies in; NULL: memory of malloc */
	size_t map_len;
};

/** Filter for @text, "" = none. @state_fd: the driver's directory, -1: no cache. */
int seccomp_get(int state_fd, struct berth_str text, struct seccomp_filter *ret,
		struct berth_error *err);
void seccomp_done(struct seccomp_filter *filter);

/** What seccomp_compile makes: bytes of the program, and what stands beside it. */
struct seccomp_made {
	struct str insns;
	unsigned flags;
	bool notify;
	char *listener_path, *listener_metadata;
	/* which library it was, so that a newer one is asked again */
	char *library;
	uint64_t library_size, library_mtime;
};

/** UNSUPPORTED without libseccomp; INVALID. */
int seccomp_compile(struct berth_str text, struct seccomp_made *ret, struct berth_error *err);
void seccomp_made_done(struct seccomp_made *made);
/** Size and time of change of a library's file; false if it is gone. */
bool seccomp_library_stat(const char *path, uint64_t *ret_size, uint64_t *ret_mtime);

#endif
