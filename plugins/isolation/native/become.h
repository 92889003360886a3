/* SPDX-License-Identifier: Apache-2.0 */
/*
 * become: the way from a child of ours to the user's program, the same for a container's first
 * process and for an exec. The parent prepares (become_prepare), the child carries out (the other
 * three).
 *
 * What must not be: a program that sees a descriptor of ours, or a working directory outside of its
 * root; that keeps a capability or a group; that runs one system call of its own without its
 * filter.
 */
#ifndef NATIVE_BECOME_H
#define NATIVE_BECOME_H

#include "inside.h"
#include "native.h"
#include "plan.h"

/** What become_prepare needs to know beside the process itself. */
struct become_input {
	const struct berth_host *host;
	struct arena *arena;
	const struct spec_process *process;
	const int *stdio; /* three of the caller's; -1: /dev/null */
	uint32_t preserve;
	bool own_userns;
	const struct spec_idmaps *uids; /* of that user namespace */
	const struct own_program *program;
};

/** Fill @b, but for the filter and the hooks. INVALID, UNSUPPORTED. */
int become_prepare(const struct become_input *input, struct become *b, struct berth_error *err);

/** First of all: signals, descriptors, and what is written to our own /proc while it is the host's.
 */
void become_begin(const struct inside *in, struct become *b);
/** Standard input, output and error, when there is no terminal. */
void become_stdio(const struct inside *in, const struct become *b);
/** Everything else, and the program. Returns never. */
void become_program(struct inside *in, struct become *b) __attribute__((noreturn));

#endif
