/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/save.h"

#include <stdlib.h>
#include <string.h>

#include "core/image/names.h"
#include "core/image/rows.h"
#include "core/image/work/give.h"

/* One image, and the names that it gets in the archive: full references. */
struct saved {
	struct image *image;
	char **names;
};

struct save {
	struct store *store;
	struct give give;
	struct saved *item;
	size_t n;
};

static void save_done(struct save *s)
{
	for (size_t i = 0; i < s->n; i++) {
		image_free(s->item[i].image);
		strv_free(s->item[i].names);
	}
	free(s->item);
}

/* --- what people asked for ------------------------------------------------ */

/* @full NULL: no name. */
static int add(struct save *s, struct image **image, const char *full, struct berth_error *err)
{
	struct saved *item = NULL;

	for (size_t i = 0; i < s->n && !item; i++)
		if (str_eq(s->item[i].image->id, (*image)->id))
			item = &s->item[i];
	if (!item) {
		void *more = reallocarray(s->item, s->n + 1, sizeof(*s->item));

		if (!more)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		s->item = more;
		item = &s->item[s->n++];
		*item = (struct saved){.image = steal_ptr(*image)};
	}
	if (full && !strv_has(item->names, full) && strv_add(&item->names, full) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

/* A repository without a tag: all tags that it has here. *ret_n: how many. */
static int add_repo(struct save *s, const struct reference *ref, size_t *ret_n,
		    struct berth_error *err)
{
	cleanup_names struct image_names names = {0};
	cleanup_free char *repo = str_fmt("%s/%s", ref->host, ref->repo);
	int r = repo ? names_read(s->store, NULL, &names, err)
		     : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; i < names.n && r == 0; i++) {
		const char *full = names.name[i].full;
		cleanup_image struct image *image = NULL;
		size_t len = name_repo_len(full);

		if (name_is_digest(full) || len != strlen(repo) || memcmp(full, repo, len) != 0)
			continue;
		r = image_find(s->store, names.name[i].image, &image, err);
		if (r == 0)
			r = add(s, &image, full, err);
		(*ret_n)++;
	}
	return r;
}

static bool has_tag(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strpbrk(slash ? slash : name, ":@") != NULL;
}

static int add_name(struct save *s, const char *name, struct berth_error *err)
{
	cleanup_reference struct reference ref = {0};
	cleanup_image struct image *image = NULL;
	cleanup_free char *full = NULL;
	bool is_name = reference_parse(name, &ref, NULL) == 0;
	size_t n = 0;
	int r = is_name && !has_tag(name) ? add_repo(s, &ref, &n, err) : 0;

	if (r < 0 || n > 0)
		return r;
	r = image_find(s->store, name, &image, err);
	/* found by an id or a digest it has no name in there */
	if (r == 0 && is_name && image->name && has_tag(name) && !digest_is_set(&ref.digest))
		r = reference_full(&ref, &full, err);
	return r < 0 ? r : add(s, &image, full, err);
}

/* --- into the archive ----------------------------------------------------- */

static int save_one(struct save *s, const struct saved *item, struct berth_error *err)
{
	cleanup_gift struct gift gift = {0};
	int r = gift_wrap(s->store, item->image, &gift, err);

	if (r == 0)
		r = give_blobs(&s->give, &gift, "", err);
	if (r == 0 && !item->names)
		r = give_manifest(&s->give, &gift, "", "", err);
	strv_foreach (full, item->names) {
		size_t len = name_repo_len(*full);
		cleanup_free char *repo = strndup(*full, len);

		if (r == 0 && !repo)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		if (r == 0)
			r = give_manifest(&s->give, &gift, repo, *full + len + 1, err);
	}
	if (r < 0)
		berth_error_prefix(err, "image '%s'",
				   item->names ? reference_short(item->names[0]) : item->image->id);
	return r;
}

static int save_all(struct save *s, struct berth_error *err)
{
	struct registry *reg = s->give.registry;
	int r = 0;

	for (size_t i = 0; i < s->n && r == 0; i++)
		r = save_one(s, &s->item[i], err);
	if (r == 0)
		r = reg->ops.finish(reg->reg, s->give.where, true, s->give.op, err);
	if (r < 0)
		(void)reg->ops.finish(reg->reg, s->give.where, false, s->give.op, NULL);
	return r;
}

static int find_driver(struct save *s, struct drivers *drivers, const char *driver,
		       struct berth_error *err)
{
	const uint64_t needs = BERTH_REG_ARCHIVE | BERTH_REG_PUSH;
	int r = drivers_registry(drivers, driver, &s->give.registry, err);

	if (r == 0 && (s->give.registry->caps & needs) != needs)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "registry driver '%s' cannot write archives", driver);
	return r;
}

int image_save(struct store *store, struct drivers *drivers, char *const *names, const char *driver,
	       int fd, const char *label, struct berth_op *op, struct berth_error *err)
{
	const struct berth_where where = {
		.size = sizeof(where),
		.flags = BERTH_WHERE_PUSH,
		.base = label,
		.fd = fd,
	};
	cleanup_with(save_done) struct save s = {
		.store = store,
		.give = {.store = store, .where = &where, .op = op},
	};
	cleanup_fd int lock = -1; /* nothing is swept meanwhile */
	int r = find_driver(&s, drivers, driver, err);

	if (r == 0)
		r = store_lock_shared(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, &lock, err);
	strv_foreach (name, names)
		if (r == 0)
			r = add_name(&s, *name, err);
	return r < 0 ? r : save_all(&s, err);
}
