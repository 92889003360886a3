/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes: Dockerfile lines that change an image's config, as `import --change` and `commit
 * --change` take them: CMD ENTRYPOINT ENV EXPOSE LABEL USER VOLUME WORKDIR STOPSIGNAL ONBUILD
 * HEALTHCHECK.
 */
#ifndef CORE_IMAGE_CHANGES_H
#define CORE_IMAGE_CHANGES_H

#include "base/record.h"

/** Apply @line to the object @config (an image's `config`). INVALID, naming the instruction. */
int change_apply(struct record *config, const char *line, struct berth_error *err);

#endif
