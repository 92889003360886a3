/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "core/image/rows.h"

int image_tag(struct store *store, const char *source, const char *target, struct berth_error *err)
{
	cleanup_reference struct reference ref = {0};
	cleanup_image struct image *image = NULL;
	cleanup_free char *full = NULL;
	int r = image_find(store, source, &image, err);

	if (r == 0)
		r = reference_parse(target, &ref, err);
	if (r < 0)
		return r;
	if (digest_is_set(&ref.digest))
		return berth_fail(err, BERTH_E_INVALID,
				  "refusing to create a tag with a digest reference");
	r = reference_full(&ref, &full, err);
	if (r == 0)
		r = db_begin(store->db, err);
	if (r == 0)
		r = rows_name_set(store->db, full, image->id, err);
	if (r == 0)
		r = db_run(store->db, NULL, err, "UPDATE image SET tagged_ns=?2 WHERE id=?1", "si",
			   image->id, clock_now_ns());
	if (r == 0)
		r = db_commit(store->db, DB_DURABLE, err);
	if (r < 0)
		db_rollback(store->db);
	return r;
}
