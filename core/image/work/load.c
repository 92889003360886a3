/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/load.h"

#include <stdlib.h>
#include <string.h>

#include "core/image/rows.h"
#include "core/image/sweep.h"
#include "core/image/work/spool.h"
#include "core/image/work/take.h"

enum { TOPS_MAX = 4096 }; /* manifests in one archive */

/** A top-level manifest of the archive, and the names that it has there. */
struct top {
	char *media_type;
	char *digest;
	struct digest value;
	uint64_t bytes;
	bool synthetic, has_platform, skip;
	struct platform platform;
	char **names;
};

struct load {
	struct store *store;
	struct drivers *drivers;
	struct storage *storage;
	struct registry *registry;
	struct berth_where where;
	struct layer_source from;
	struct platform want;
	bool want_given;
	image_note_fn note;
	void *arg;
	struct berth_op *op;
	struct top *top;
	size_t n;
	struct record *out;
	struct berth_error *err; /* for the callback */
};

static int no_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static void forget_tops(struct load *ld)
{
	for (size_t i = 0; i < ld->n; i++) {
		free(ld->top[i].media_type);
		free(ld->top[i].digest);
		strv_free(ld->top[i].names);
	}
	free(ld->top);
	ld->top = NULL;
	ld->n = 0;
}

static void load_done(struct load *ld)
{
	forget_tops(ld);
	record_free(ld->out);
}

BERTH_PRINTF(2, 3)
static void say(const struct load *ld, const char *fmt, ...)
{
	cleanup_str struct str line = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_addv(&line, fmt, ap);
	va_end(ap);
	if (ld->note)
		ld->note(ld->arg, str_text(&line));
}

/* --- what is in the archive
 * ----------------------------------------------------------------------- */

static int top_new(struct load *ld, const struct berth_desc *desc, struct top **ret,
		   struct berth_error *err)
{
	cleanup_record struct record *platform = NULL;
	struct top top = {.bytes = desc->bytes, .synthetic = desc->flags & BERTH_DESC_SYNTHETIC};
	void *grown;
	int r = digest_parse(desc->digest, &top.value, err);

	if (r < 0)
		return r;
	if (ld->n == TOPS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "it has more than %d images", TOPS_MAX);
	if (desc->platform.n > 0 &&
	    record_parse(desc->platform.p, desc->platform.n, 0, &platform, NULL) == 0)
		top.has_platform = platform_read(platform, &top.platform);
	grown = reallocarray(ld->top, ld->n + 1, sizeof(*ld->top));
	if (!grown)
		return no_memory(err);
	ld->top = grown;
	ld->top[ld->n] = top;
	*ret = &ld->top[ld->n++];
	r = str_copy(desc->media_type, &(*ret)->media_type, err);
	return r < 0 ? r : str_copy(desc->digest, &(*ret)->digest, err);
}

static int add_top(void *arg, const char *name, const struct berth_desc *desc)
{
	struct load *ld = arg;
	struct top *top = NULL;

	for (size_t i = 0; i < ld->n && !top; i++)
		if (str_eq(ld->top[i].digest, desc->digest))
			top = &ld->top[i];
	if (!top) {
		int r = top_new(ld, desc, &top, ld->err);

		if (r < 0)
			return r;
	}
	if (*name && !strv_has(top->names, name) && strv_add(&top->names, name) < 0)
		return no_memory(ld->err);
	return 0;
}

/** Ask the config's archive drivers, in their order, whose it is. */
static int find_driver(struct load *ld, int fd, const char *label, struct berth_error *err)
{
	char **archives = ld->store->config->kind[BERTH_REGISTRY].archives;
	cleanup_str struct str said = STR_INIT;

	ld->where = (struct berth_where){
		.size = sizeof(ld->where),
		.flags = BERTH_WHERE_PULL | BERTH_WHERE_RESOLVE,
		.base = label,
		.fd = fd,
	};
	strv_foreach (name, archives) {
		struct berth_error why = {0};
		int r = drivers_registry(ld->drivers, *name, &ld->registry, err);

		if (r < 0)
			return r;
		if (~ld->registry->caps & (BERTH_REG_ARCHIVE | BERTH_REG_EACH))
			return berth_fail(err, BERTH_E_UNSUPPORTED,
					  "registry driver '%s' cannot read archives", *name);
		ld->err = &why;
		r = ld->registry->ops.each(ld->registry->reg, &ld->where, ld->op, add_top, ld,
					   &why);
		if (r == 0)
			return 0;
		(void)ld->registry->ops.finish(ld->registry->reg, &ld->where, false, ld->op, NULL);
		forget_tops(ld);
		if (r != -BERTH_E_UNSUPPORTED) {
			if (err)
				*err = why;
			return r;
		}
		str_addf(&said, "%s%s: %s", said.len ? "; " : "", *name, why.text);
	}
	(void)berth_fail(err, BERTH_E_UNSUPPORTED, "it is no archive of images");
	berth_error_hint(err, "%s",
			 said.len ? str_text(&said) : "the config names no archive driver");
	return -BERTH_E_UNSUPPORTED;
}

/** The driver knows things by their digest; the name of the repository means nothing in an archive.
 */
static int fetch(struct load *ld, const char *media_type, const struct digest *digest,
		 uint64_t bytes, const char *what, struct blob *ret, struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];
	const struct berth_desc desc = {
		.size = sizeof(desc),
		.media_type = media_type,
		.digest = digest_format(digest, text),
		.bytes = bytes,
	};

	return blob_fetch(&ld->from, &desc, digest, ld->store->config->limit_manifest_size, what,
			  ld->op, ret, err);
}

/* --- which manifest
 * ------------------------------------------------------------------------------- */

/** The way from the top down to the manifest of one platform. */
struct way {
	struct blob index[MANIFEST_DEPTH_MAX];
	size_t n;
	struct blob manifest;
	char *media_type;
};

static void way_done(struct way *way)
{
	for (size_t i = 0; i < way->n; i++)
		blob_done(&way->index[i]);
	blob_done(&way->manifest);
	free(way->media_type);
}

static int no_platform(const struct load *ld, const struct manifest *index, struct berth_error *err)
{
	cleanup_free char *has = manifest_platforms(index);
	char want[PLATFORM_TEXT_MAX];

	return berth_fail(err, BERTH_E_NOT_FOUND,
			  "there is no image for platform %s in it (it has: %s)",
			  platform_format(&ld->want, want), has ? has : "?");
}

static int follow(struct load *ld, struct way *way, const char *media_type,
		  const struct digest *digest, uint64_t bytes, struct berth_error *err);

/** The best entry that is in the archive: who saved one platform may keep the index of all. */
static int follow_index(struct load *ld, struct way *way, const struct manifest *index,
			struct berth_error *err)
{
	cleanup_free size_t *order = NULL;
	struct berth_error why = {0};
	size_t n, depth = way->n;
	int r = manifest_choose(index, &ld->want, !ld->want_given, &order, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const struct manifest_desc *d = &index->item[order[i]];

		r = follow(ld, way, d->media_type, &d->digest, d->bytes, &why);
		if (r != -BERTH_E_NOT_FOUND)
			break;
		while (way->n > depth)
			blob_done(&way->index[--way->n]);
	}
	if (n == 0)
		return no_platform(ld, index, err);
	if (r < 0 && err)
		*err = why;
	return r;
}

static int follow(struct load *ld, struct way *way, const char *media_type,
		  const struct digest *digest, uint64_t bytes, struct berth_error *err)
{
	cleanup_manifest struct manifest m = {0};
	cleanup_blob struct blob blob = {0};
	int r = fetch(ld, media_type, digest, bytes, "manifest", &blob, err);

	if (r == 0)
		r = manifest_parse(blob.bytes, blob.n, media_type, ld->store->config->limit_layers,
				   &m, err);
	if (r < 0)
		return r;
	if (m.kind == MANIFEST_IMAGE) {
		r = str_copy(m.media_type, &way->media_type, err);
		if (r < 0)
			return r;
		way->manifest = blob;
		blob = (struct blob){0};
		return 0;
	}
	if (way->n == MANIFEST_DEPTH_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "more than %d indexes inside each other",
				  MANIFEST_DEPTH_MAX);
	way->index[way->n++] = blob;
	blob = (struct blob){0};
	return follow_index(ld, way, &m, err);
}

static bool shares_name(const struct top *a, const struct top *b)
{
	strv_foreach (name, a->names)
		if (strv_has(b->names, *name))
			return true;
	return false;
}

/** Of several with one name and different platforms one is meant, as if they stood in an index. */
static void skip_other_platforms(struct load *ld)
{
	for (size_t i = 0; i < ld->n; i++) {
		struct top *a = &ld->top[i];
		int rank = a->has_platform ? platform_rank(&ld->want, &a->platform) : 0;

		if (rank < 0 && ld->want_given)
			a->skip = true;
		for (size_t j = 0; j < ld->n && !a->skip; j++) {
			struct top *b = &ld->top[j];
			int other;

			if (j == i || !a->has_platform || !b->has_platform || !shares_name(a, b))
				continue;
			other = platform_rank(&ld->want, &b->platform);
			if (other >= 0 && (rank < 0 || other < rank || (other == rank && j < i)))
				a->skip = true;
		}
	}
}

/* --- one image
 * -------------------------------------------------------------------------------------- */

/** The names of the archive as keys of the database; what is no name is said and left out. */
static int full_names(struct load *ld, const struct top *top, char ***ret, struct berth_error *err)
{
	cleanup_strv char **names = strv_copy(NULL);

	if (!names)
		return no_memory(err);
	strv_foreach (name, top->names) {
		cleanup_reference struct reference ref = {0};
		struct berth_error why = {0};
		char *full;
		int r = reference_parse(*name, &ref, &why);

		if (r == -BERTH_E_INVALID) {
			say(ld, "'%s' in the archive is no name for an image (%s): left out", *name,
			    why.text);
			continue;
		}
		r = reference_full(&ref, &full, err);
		if (r < 0)
			return r;
		if (strv_take(&names, full) < 0)
			return no_memory(err);
	}
	*ret = steal_ptr(names);
	return 0;
}

static int add_result(struct load *ld, const struct taken *taken, char *const *names,
		      struct berth_error *err)
{
	struct record *list = record_new_array();
	struct record *item = record_new_object();
	int r = record_append(ld->out, item, err);

	if (r < 0) {
		record_free(list);
		return r;
	}
	r = record_set_str(item, "Id", taken->id, err);
	if (r < 0) {
		record_free(list);
		return r;
	}
	r = record_set(item, "Names", list, err);
	strv_foreach (name, names)
		if (r == 0)
			r = record_append_str(list, reference_short(*name), err);
	return r;
}

/** What docker says. */
static void tell(const struct load *ld, const struct taken *taken, char *const *names)
{
	strv_foreach (renamed, taken->renamed) {
		const char *space = strchr(*renamed, ' ');
		cleanup_free char *name = strndup(*renamed, (size_t)(space - *renamed));

		if (name)
			say(ld,
			    "The image %s already exists, renaming the old one with ID %s to empty "
			    "string",
			    reference_short(name), space + 1);
	}
	strv_foreach (name, names)
		say(ld, "Loaded image: %s", reference_short(*name));
	if (strv_len(names) == 0)
		say(ld, "Loaded image ID: %s", taken->id);
}

static int load_one(struct load *ld, const struct top *top, struct berth_error *err)
{
	cleanup_with(way_done) struct way way = {0};
	cleanup_taken struct taken taken = {0};
	cleanup_strv char **names = NULL;
	struct take take = {
		.store = ld->store,
		.storage = ld->storage,
		.from = &ld->from,
		.op = ld->op,
		.synthetic = top->synthetic,
	};
	int r = full_names(ld, top, &names, err);

	if (r == 0)
		r = follow(ld, &way, top->media_type, &top->value, top->bytes, err);
	if (r < 0)
		return r;
	take.manifest = &way.manifest;
	take.manifest_type = way.media_type;
	take.indexes = way.index;
	take.n_indexes = way.n;
	take.names = names;
	r = image_take(&take, &taken, err);
	if (r == 0)
		r = add_result(ld, &taken, names, err);
	if (r == 0)
		tell(ld, &taken, names);
	return r;
}

static int load_all(struct load *ld, struct berth_error *err)
{
	size_t done = 0;
	int r = 0;

	skip_other_platforms(ld);
	for (size_t i = 0; i < ld->n && r == 0; i++) {
		const struct top *top = &ld->top[i];

		if (top->skip)
			continue;
		done++;
		r = load_one(ld, top, err);
		if (r < 0 && (ld->n > 1 || top->names))
			berth_error_prefix(err, "image '%s'",
					   top->names ? top->names[0] : top->digest);
	}
	if (r == 0 && done == 0) {
		char want[PLATFORM_TEXT_MAX];

		r = ld->n ? berth_fail(err, BERTH_E_NOT_FOUND,
				       "there is no image for platform %s in it",
				       platform_format(&ld->want, want))
			  : berth_fail(err, BERTH_E_NOT_FOUND, "there is no image in it");
	}
	return r;
}

static int load_locked(struct load *ld, int fd, const char *label, struct berth_error *err)
{
	cleanup_fd int file = -1;
	int r = spool_seekable(ld->store, fd, ld->op, &file, err);

	if (r == 0)
		r = find_driver(ld, file, label, err);
	if (r < 0)
		return r;
	ld->from = (struct layer_source){
		.registry = ld->registry,
		.where = &ld->where,
		.repo = "",
	};
	r = load_all(ld, err);
	(void)ld->registry->ops.finish(ld->registry->reg, &ld->where, r == 0, ld->op, NULL);
	return r;
}

int image_load(struct store *store, struct drivers *drivers, int fd, const char *label,
	       const char *platform, image_note_fn note, void *arg, struct berth_op *op,
	       struct record **ret, struct berth_error *err)
{
	cleanup_with(load_done) struct load ld = {
		.store = store,
		.drivers = drivers,
		.note = note,
		.arg = arg,
		.op = op,
		.want_given = platform != NULL,
		.out = record_new_array(),
	};
	cleanup_fd int lock = -1;
	int r = 0;

	if (!ld.out)
		return no_memory(err);
	if (platform)
		r = platform_parse(platform, &ld.want, err);
	else
		platform_host(&ld.want);
	/* without a storage driver images are kept all the same, and unpacked when one is there */
	if (r == 0 && drivers_storage(drivers, NULL, &ld.storage, NULL) < 0)
		ld.storage = NULL;
	if (r == 0)
		r = store_lock_shared(store, ROWS_LOCK_KIND, ROWS_LOCK_NAME, &lock, err);
	if (r < 0)
		return r;
	r = load_locked(&ld, fd, label, err);
	close_fd(&lock);
	if (r < 0) {
		(void)image_sweep(store, drivers, NULL); /* else the next one does it */
		(void)content_sweep(store, false, NULL, NULL);
		berth_error_prefix(err, "load '%s'", label);
		return r;
	}
	*ret = steal_ptr(ld.out);
	return 0;
}
