/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks: other programs' programs, run at fixed points of a container's life with its state on
 * their standard input. The state is written to a memfd: a hook that does not read it hangs nobody.
 *
 *   prestart, createRuntime   by the parent in its own namespaces, before the root changes
 *   createContainer           by the child in the container's, before the root changes
 *   startContainer            by the child, in the end: with the program's own rights and filter,
 *                             for the hook's file is one of the image
 *   poststart, poststop       by the parent; their failures are logged, nothing more
 */
#ifndef NATIVE_HOOKS_H
#define NATIVE_HOOKS_H

#include "arena.h"
#include "inside.h"
#include "plan.h"

struct berth_host;

/** The hooks of one kind out of the "hooks" object. INVALID. */
int hooks_parse(struct berth_str hooks, enum spec_hook_kind kind, struct arena *arena,
		struct plan_hooks *ret, struct berth_error *err);

/** A memfd for hooks' standard input; hooks_fill puts the state there. */
int hooks_open(int *ret_fd, struct berth_error *err);
int hooks_fill(int fd, struct berth_str state, struct berth_error *err);

/** In the parent: all of them, one after the other, until one fails. */
int hooks_run(const struct plan_hooks *hooks, enum spec_hook_kind kind, int state_fd,
	      struct berth_error *err);
/** In the child. */
void hooks_run_inside(const struct inside *in, const struct plan_hooks *hooks, int state_fd);

#endif
