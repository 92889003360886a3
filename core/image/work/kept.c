/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/kept.h"

#include <stdlib.h>

void kept_done(struct kept *kept)
{
	free(kept->media_type);
	*kept = (struct kept){0};
}

int kept_find(struct store *store, const struct digest *diff_id, struct kept *ret,
	      struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	char text[DIGEST_TEXT_MAX];
	int r = db_query(store->db, &q, err,
			 "SELECT DISTINCT digest,media_type FROM image_blob WHERE diff_id=?1", "s",
			 digest_format(diff_id, text));

	while (r == 0 && (r = db_step(q, err)) > 0) {
		struct kept kept = {0};

		r = 0;
		if (digest_parse(db_text(q, 0), &kept.blob, NULL) < 0 ||
		    content_stat(store, &kept.blob, &kept.bytes, NULL) < 0)
			continue;
		r = str_copy(db_text(q, 1), &kept.media_type, err);
		if (r == 0)
			*ret = kept;
		return r;
	}
	if (r < 0)
		return r;
	(void)berth_fail(err, BERTH_E_NOT_FOUND, "layer %s is not in the store any more", text);
	berth_error_hint(err, "load or pull the image again");
	return -BERTH_E_NOT_FOUND;
}
