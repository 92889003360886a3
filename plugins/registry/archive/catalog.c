/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

int catalog_new(struct catalog **ret, struct berth_error *err)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (!catalog)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	catalog->refs = 1;
	*ret = catalog;
	return 0;
}

static void item_done(struct catalog_item *item)
{
	free(item->name);
	free(item->ref);
	free(item->media_type);
	free(item->annotations);
	free(item->platform);
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (size_t i = 0; i < catalog->n_item; i++)
		item_done(&catalog->item[i]);
	for (size_t i = 0; i < catalog->n_blob; i++) {
		free(catalog->blob[i].entry);
		free(catalog->blob[i].text);
	}
	free(catalog->item);
	free(catalog->blob);
	free(catalog);
}

/* Grow an array by one zeroed element; sizes are powers of two, so that this is rarely a copy. */
static void *grow(void **array, size_t *n, size_t size, struct berth_error *err)
{
	void *last;

	if ((*n & (*n - 1)) == 0) {
		void *more = reallocarray(*array, *n ? *n * 2 : 1, size);

		if (!more) {
			(void)berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
			return NULL;
		}
		*array = more;
	}
	last = (char *)*array + *n * size;
	memset(last, 0, size);
	(*n)++;
	return last;
}

int catalog_add_item(struct catalog *catalog, struct catalog_item **ret, struct berth_error *err)
{
	void *array = catalog->item;
	struct catalog_item *item = grow(&array, &catalog->n_item, sizeof(*item), err);

	catalog->item = array;
	if (!item)
		return -BERTH_E_NO_MEMORY;
	*ret = item;
	return 0;
}

int catalog_add_blob(struct catalog *catalog, struct catalog_blob **ret, struct berth_error *err)
{
	void *array = catalog->blob;
	struct catalog_blob *blob = grow(&array, &catalog->n_blob, sizeof(*blob), err);

	catalog->blob = array;
	if (!blob)
		return -BERTH_E_NO_MEMORY;
	*ret = blob;
	return 0;
}

const struct catalog_blob *catalog_blob(const struct catalog *catalog, const struct digest *digest)
{
	for (size_t i = 0; i < catalog->n_blob; i++) {
		if (digest_eq(&catalog->blob[i].digest, digest))
			return &catalog->blob[i];
	}
	return NULL;
}

/* A layout on its own is one repository: what is written there are tags, without a name before
 * them. */
static bool is_bare_tag(const struct catalog_item *item)
{
	return item->ref && str_eq(item->ref, item->name) && !strpbrk(item->ref, ":/@");
}

static bool names(const struct catalog_item *item, const char *repo, const char *ref,
		  const char *full)
{
	if (item->name[0] && str_eq(item->name, full))
		return true;
	if (item->ref && str_eq(item->ref, full))
		return true;
	return repo[0] && is_bare_tag(item) && str_eq(item->ref, ref);
}

static int find_only(const struct catalog *catalog, const char *label,
		     const struct catalog_item **ret, struct berth_error *err)
{
	for (size_t i = 1; i < catalog->n_item; i++) {
		if (!digest_eq(&catalog->item[i].digest, &catalog->item[0].digest))
			return berth_fail(err, BERTH_E_INVALID,
					  "%s holds several images: name one of them", label);
	}
	if (catalog->n_item == 0)
		return berth_fail(err, BERTH_E_NOT_FOUND, "%s holds no image", label);
	*ret = &catalog->item[0];
	return 0;
}

static int find_digest(const struct catalog *catalog, const char *label,
		       const struct digest *digest, const struct catalog_item **ret,
		       struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < catalog->n_item; i++) {
		if (digest_eq(&catalog->item[i].digest, digest)) {
			*ret = &catalog->item[i];
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_NOT_FOUND, "%s has no manifest '%s'", label,
			  digest_format(digest, text));
}

int catalog_find(const struct catalog *catalog, const char *label, const char *repo,
		 const char *ref, const struct catalog_item **ret, struct berth_error *err)
{
	cleanup_str struct str full = STR_INIT;
	const struct catalog_item *found = NULL;
	struct digest digest;
	int r;

	if (digest_parse(ref, &digest, NULL) == 0)
		return find_digest(catalog, label, &digest, ret, err);
	str_addf(&full, "%s%s%s", repo, repo[0] && ref[0] ? ":" : "", ref);
	r = str_check(&full, err);
	if (r < 0)
		return r;
	if (full.len == 0)
		return find_only(catalog, label, ret, err);
	for (size_t i = 0; i < catalog->n_item; i++) {
		const struct catalog_item *item = &catalog->item[i];

		if (!names(item, repo, ref, str_text(&full)))
			continue;
		if (found && !digest_eq(&found->digest, &item->digest)) {
			r = berth_fail(err, BERTH_E_INVALID,
				       "%s has different manifests called '%s'", label,
				       str_text(&full));
			berth_error_hint(err, "ask for one by its digest");
			return r;
		}
		if (!found)
			found = item;
	}
	if (!found)
		return berth_fail(err, BERTH_E_NOT_FOUND, "%s has no image '%s'", label,
				  str_text(&full));
	*ret = found;
	return 0;
}

int catalog_tags(const struct catalog *catalog, const char *repo, berth_id_fn fn, void *arg)
{
	for (size_t i = 0; i < catalog->n_item; i++) {
		const struct catalog_item *item = &catalog->item[i];
		const char *tag = NULL;
		int r;

		if (!item->name[0])
			continue;
		if (!repo[0] || is_bare_tag(item)) {
			tag = item->name;
		} else {
			tag = str_after(item->name, repo);
			tag = tag && tag[0] == ':' ? tag + 1 : NULL;
		}
		if (!tag)
			continue;
		r = fn(arg, tag);
		if (r != 0)
			return r;
	}
	return 0;
}

static struct berth_str bytes_of(const char *text)
{
	return (struct berth_str){text, text ? strlen(text) : 0};
}

int catalog_tell(const struct catalog_item *item, berth_desc_fn fn, void *arg)
{
	char digest[DIGEST_TEXT_MAX];
	struct berth_desc desc = {
		.size = sizeof(desc),
		.flags = item->flags,
		.media_type = item->media_type,
		.digest = digest_format(&item->digest, digest),
		.bytes = item->bytes,
		.annotations = bytes_of(item->annotations),
		.platform = bytes_of(item->platform),
	};

	return fn(arg, item->name, &desc);
}
