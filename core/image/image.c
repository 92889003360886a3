/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/ident.h"

#define ID_PREFIX "sha256:"

#define FOUND "i.id,i.config,i.layers,i.size,i.created_ns FROM image i WHERE i.id"

void image_free(struct image *image)
{
	if (!image)
		return;
	free(image->id);
	free(image->name);
	record_free(image->config);
	free(image->top);
	strv_free(image->layers);
	free(image);
}

static int damaged(const char *id, struct berth_error *err)
{
	berth_error_prefix(err, "the database's config of image '%s'", id);
	if (err)
		err->code = BERTH_E_CORRUPT;
	return -BERTH_E_CORRUPT;
}

/** Columns from @at on, as FOUND has them. */
static int row_read(struct db_stmt *q, int at, struct image **ret, struct berth_error *err)
{
	cleanup_image struct image *image = calloc(1, sizeof(*image));
	const char *config = db_text(q, at + 1);
	const char *layers = db_text(q, at + 2);
	size_t n;

	if (!image)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	image->id = strdup(db_text(q, at));
	image->layers = strv_split(layers ? layers : "", ' ');
	image->size = (uint64_t)db_int(q, at + 3);
	image->created_ns = db_int(q, at + 4);
	if (!image->id || !image->layers)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	n = strv_len(image->layers);
	if (n > 0 && !(image->top = strdup(image->layers[n - 1])))
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (record_parse(config ? config : "", config ? strlen(config) : 0, 0, &image->config,
			 err) < 0)
		return damaged(image->id, err);
	*ret = steal_ptr(image);
	return 0;
}

static int no_such(const char *name, const struct reference *ref, struct berth_error *err)
{
	cleanup_free char *shown = NULL;

	if (!ident_is_id(name) && ref->host && reference_familiar(ref, &shown, NULL) == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "No such image: %s", shown);
	return berth_fail(err, BERTH_E_NOT_FOUND, "No such image: %s%s",
			  ident_is_id(name) ? ID_PREFIX : "", name);
}

/** The range of ids that begin like @name; not set if @name cannot be the beginning of one. */
static int id_range(const char *name, char **ret_from, char **ret_to, struct berth_error *err)
{
	const char *hex = str_after(name, ID_PREFIX);

	if (!hex)
		hex = name;
	if (!ident_is_id_prefix(hex))
		return 0;
	*ret_from = str_fmt(ID_PREFIX "%s", hex);
	*ret_to = str_fmt(ID_PREFIX "%sg", hex); /* behind the last digit */
	return *ret_from && *ret_to ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

/** A name wins over ids; of ids there must be one only. */
static int pick(struct db_stmt *q, const char *name, struct image **ret, bool *ret_by_name,
		struct berth_error *err)
{
	cleanup_image struct image *image = NULL;
	int n = 0;
	int r;

	while ((r = db_step(q, err)) > 0) {
		*ret_by_name = db_int(q, 0) == 0;
		if (n++ > 0)
			return berth_fail(err, BERTH_E_INVALID,
					  "'%s' is the beginning of several image ids", name);
		r = row_read(q, 1, &image, err);
		if (r < 0)
			return r;
		if (*ret_by_name)
			break;
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(image);
	return 0;
}

int image_find(struct store *store, const char *name, struct image **ret, struct berth_error *err)
{
	cleanup_reference struct reference ref = {0};
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_free char *full = NULL;
	cleanup_free char *from = NULL;
	cleanup_free char *to = NULL;
	bool by_name = false;
	int r = id_range(name, &from, &to, err);

	if (r < 0)
		return r;
	/* what can be an id need not be a name */
	r = reference_parse(name, &ref, from ? NULL : err);
	if (r == 0)
		r = reference_full(&ref, &full, err);
	else if (from)
		r = 0;
	if (r == 0)
		r = db_query(store->db, &q, err,
			     "SELECT 0," FOUND "=(SELECT image FROM image_name WHERE name=?1) "
			     "UNION ALL SELECT 1," FOUND ">=?2 AND i.id<?3 LIMIT 3",
			     "sss", full, from, to);
	if (r == 0)
		r = pick(q, name, &image, &by_name, err);
	if (r < 0)
		return r;
	if (!image)
		return no_such(name, &ref, err);
	if (by_name) {
		r = reference_familiar(&ref, &image->name, err);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(image);
	return 0;
}

int image_is_ready(struct store *store, const struct image *image, const char *driver, bool *ret,
		   struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	int r;

	if (!image->top) {
		*ret = true;
		return 0;
	}
	/* a layer is ready only after its parent, and stays as long as it has a child */
	r = db_query(store->db, &q, err,
		     "SELECT ready FROM layer_copy WHERE chain=?1 AND driver=?2", "ss", image->top,
		     driver);
	if (r == 0)
		r = db_step(q, err);
	if (r < 0)
		return r;
	*ret = r > 0 && db_int(q, 0) != 0;
	return 0;
}
