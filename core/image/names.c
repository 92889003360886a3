/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/names.h"

#include <stdlib.h>
#include <string.h>

static int add(struct image_names *names, size_t *room, struct db_stmt *q, struct berth_error *err)
{
	struct image_name *name;

	if (names->n == *room) {
		size_t more = *room ? 2 * *room : 16;
		void *grown = reallocarray(names->name, more, sizeof(*names->name));

		if (!grown)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		names->name = grown;
		*room = more;
	}
	name = &names->name[names->n++];
	name->image = strdup(db_text(q, 0));
	name->full = strdup(db_text(q, 1));
	if (!name->image || !name->full)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

int names_read(struct store *store, const char *id, struct image_names *ret,
	       struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_names struct image_names names = {0};
	size_t room = 0;
	int r;

	if (id)
		r = db_query(store->db, &q, err,
			     "SELECT image,name FROM image_name WHERE image=?1 ORDER BY name", "s",
			     id);
	else
		r = db_query(store->db, &q, err,
			     "SELECT image,name FROM image_name ORDER BY image,name", "");
	while (r == 0 && (r = db_step(q, err)) > 0)
		r = add(&names, &room, q, err);
	if (r < 0)
		return r;
	*ret = names;
	names = (struct image_names){0};
	return 0;
}

void names_done(struct image_names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		free(names->name[i].image);
		free(names->name[i].full);
	}
	free(names->name);
	*names = (struct image_names){0};
}

size_t names_of(const struct image_names *names, const char *id, size_t *ret_first)
{
	size_t low = 0, high = names->n, n = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(names->name[mid].image, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + n < names->n && str_eq(names->name[low + n].image, id))
		n++;
	*ret_first = low;
	return n;
}

bool name_is_digest(const char *full)
{
	return strchr(full, '@') != NULL;
}

size_t name_repo_len(const char *full)
{
	const char *at = strchr(full, '@');
	const char *slash = strrchr(full, '/');

	if (at)
		return (size_t)(at - full);
	/* a colon before the last slash is the host's port */
	return (size_t)(slash ? slash - full : 0) + strcspn(slash ? slash : full, ":");
}
