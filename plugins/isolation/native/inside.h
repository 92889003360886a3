/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside: what runs in the child between clone and exec stands on.
 *
 * Everything here makes plain system calls on memory that the parent has prepared: no allocation,
 * no stdio, no locale, none of the cleanup attributes. There is nobody to return an error to but
 * the parent at the other end of the channel, so what fails says so there and ends the child
 * (inside_die); that is why the code between clone and exec reads as a list of steps.
 *
 * Paths in the container's root filesystem are hostile: they are opened by inside_open and
 * inside_target only, and worked on by descriptor.
 */
#ifndef NATIVE_INSIDE_H
#define NATIVE_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "berth/driver.h"

enum report_kind {
	REPORT_FAILED = 1,  /* and the child is gone */
	REPORT_WANTS_MAPS,  /* in its new user namespace: write the mappings, then say go */
	REPORT_WANTS_HOOKS, /* run the hooks of the run-time namespace, then say go */
	REPORT_READY,	    /* waits for start */
	REPORT_NOTIFY,	    /* number: descriptor of the seccomp listener; take it, then say go */
};

enum { REPORT_TEXT_MAX = 480, INSIDE_PATH_MAX = 4096 };

/* One message of the child. The parent answers with one byte. */
struct report {
	uint32_t kind;
	int32_t code; /* enum berth_code */
	int32_t sys_errno;
	int32_t number;
	uint32_t complete; /* the text needs no errno behind it */
	char text[REPORT_TEXT_MAX];
};

struct inside {
	int channel;
	char *scratch[2]; /* INSIDE_PATH_MAX bytes each */
};

void inside_send(const struct inside *in, const struct report *report);
/** Tell the parent that it is time for @kind, and wait for its go. */
void inside_sync(const struct inside *in, enum report_kind kind, int number);
/** Wait for the parent's go; its end means ours. */
void inside_await(const struct inside *in);

/**
 * Report and end. @fmt knows %s and %d only. @sys_errno 0: none. Sends @code, or what fits the
 * errno if @code is 0.
 */
void inside_die(const struct inside *in, int code, int sys_errno, const char *fmt, ...)
	BERTH_PRINTF(4, 5) __attribute__((noreturn));
/** The same with EXEC, and with a text to which nothing about @sys_errno is to be added. */
void inside_die_exec(const struct inside *in, int sys_errno, const char *fmt, ...)
	BERTH_PRINTF(3, 4) __attribute__((noreturn));

/** Text by the same rules into @out, cut to fit. */
void inside_format(char *out, size_t size, const char *fmt, va_list ap);

/** openat2 with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | @resolve; -errno on failure. */
int inside_open(int root, const char *path, int flags, uint64_t resolve);
/**
 * An O_PATH descriptor of @path in the tree at @root, made if it is missing: a directory, or an
 * empty file. Links of the image are followed, within the root. Dies if it cannot.
 */
int inside_target(const struct inside *in, int root, const char *path, bool is_file);
/** The same for the directory in which @path is; *ret_leaf is the last component of @path. */
int inside_parent(const struct inside *in, int root, const char *path, const char **ret_leaf);

/** "/proc/self/fd/N", for the system calls that know only paths. */
struct fd_path {
	char text[32];
};
struct fd_path fd_path(int fd);

/** Write @text in one call; 0 or -errno. */
int inside_write(int fd, const char *text);
/** The same to a file that is opened for it. */
int inside_write_file(int dirfd, const char *path, const char *text);
/** A decimal number with its NUL. Returns @out. */
char *inside_number(char out[static 24], int64_t value);

#endif
