/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit: an image of what a container has changed.
 */
#ifndef CORE_ENGINE_COMMIT_H
#define CORE_ENGINE_COMMIT_H

#include "core/engine/engine.h"

struct engine_commit {
	const char *name;	      /**< of the image, or NULL */
	const char *author, *comment; /**< or NULL */
	char *const *lines;	      /**< Dockerfile lines, see image_work.import; or NULL */
	bool pause;		      /**< freeze a running container meanwhile */
};

/** *ret_id: "sha256:...", free(). NOT_FOUND: no such container, or its image is gone. */
int engine_commit(struct engine *e, const char *ref, const struct engine_commit *how, char **ret_id,
		  struct berth_error *err);

#endif
