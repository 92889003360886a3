/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/commit.h"
#include "core/image/work/copy.h"
#include "core/image/work/import.h"
#include "core/image/work/load.h"
#include "core/image/work/materialise.h"
#include "core/image/work/save.h"
#include "core/image/work/verify.h"

extern const struct image_work berth_image_work_1;

/** IMAGE_WORK_SYMBOL: all that the module shows. */
__attribute__((visibility("default"))) const struct image_work berth_image_work_1 = {
	.size = sizeof(struct image_work),
	.materialise = image_materialise,
	.load = image_load,
	.import = image_import,
	.commit = image_commit,
	.save = image_save,
	.copy_tree = image_copy_tree,
	.copy_out = image_copy_out,
	.copy_in = image_copy_in,
	.digest = image_digest_changes,
	.verify = image_verify,
};
