/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/image/names.h"

/* the members of an image's Config that API 1.50 shows, in its order */
static const char *const config_keys[] = {
	"User",	  "ExposedPorts", "Env",	 "Entrypoint",	"Cmd",	   "Volumes", "WorkingDir",
	"Labels", "StopSignal",	  "ArgsEscaped", "Healthcheck", "OnBuild", "Shell",   NULL,
};

/** As Go's omitempty: what is empty is not shown. */
static bool is_empty(const struct record *r)
{
	switch (record_type(r)) {
	case RECORD_STR:
		return *record_str(r) == '\0';
	case RECORD_ARRAY:
	case RECORD_OBJECT:
		return record_len(r) == 0;
	case RECORD_BOOL:
		return !record_bool_or(r, false);
	case RECORD_NULL:
		return true;
	default:
		return false;
	}
}

static int add_config(struct record *out, const struct record *config, struct berth_error *err)
{
	const struct record *from = record_get(config, "config");
	cleanup_record struct record *shown = record_new_object();
	int r = shown ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; config_keys[i] && r == 0; i++) {
		struct record *val = record_get(from, config_keys[i]);

		if (!is_empty(val))
			r = record_set(shown, config_keys[i], record_ref(val), err);
	}
	return r < 0 ? r : record_set(out, "Config", steal_ptr(shown), err);
}

static int add_names(struct store *store, const char *id, struct record *out,
		     struct berth_error *err)
{
	cleanup_record struct record *tags = record_new_array();
	cleanup_record struct record *digests = record_new_array();
	cleanup_names struct image_names names = {0};
	int r;

	if (!tags || !digests)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = names_read(store, id, &names, err);
	for (size_t i = 0; i < names.n && r == 0; i++) {
		const char *full = names.name[i].full;

		r = record_append_str(name_is_digest(full) ? digests : tags, reference_short(full),
				      err);
	}
	if (r == 0)
		r = record_set(out, "RepoTags", steal_ptr(tags), err);
	if (r == 0)
		r = record_set(out, "RepoDigests", steal_ptr(digests), err);
	return r;
}

/** What the build said of the last step that had something to say. */
static const char *comment_of(const struct record *config)
{
	const struct record *history = record_get(config, "history");
	size_t n = record_len(history);
	const char *own = record_str(record_get(config, "comment"));

	if (own && *own)
		return own;
	return n ? record_str_or(record_get(record_at(history, n - 1), "comment"), "") : "";
}

/** The driver that has the layers, else the one that would get them. */
static int add_driver(struct store *store, struct drivers *drivers, const struct image *image,
		      struct record *out, struct berth_error *err)
{
	cleanup_record struct record *driver = record_new_object();
	cleanup_db_stmt struct db_stmt *q = NULL;
	const char *name = "";
	int r;

	if (!driver)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = db_query(store->db, &q, err,
		     "SELECT driver FROM layer_copy WHERE chain=?1 AND ready=1 ORDER BY driver",
		     "s", image->top);
	if (r == 0)
		r = db_step(q, err);
	if (r > 0)
		name = db_text(q, 0);
	else if (r == 0 && drivers)
		(void)drivers_default(drivers, BERTH_STORAGE, &name, NULL); /* "" then */
	if (r >= 0)
		r = record_set_null(driver, "Data", err);
	if (r == 0)
		r = record_set_str(driver, "Name", name, err);
	return r < 0 ? r : record_set(out, "GraphDriver", steal_ptr(driver), err);
}

static int add_rootfs(const struct record *config, struct record *out, struct berth_error *err)
{
	struct record *diff_ids = record_path(config, "rootfs.diff_ids");
	struct record *rootfs = record_new_object();
	int r = record_set(out, "RootFS", rootfs, err);

	if (r == 0)
		r = record_set_str(rootfs, "Type", "layers", err);
	if (r == 0 && record_len(diff_ids) > 0)
		r = record_set(rootfs, "Layers", record_ref(diff_ids), err);
	return r;
}

/** What only the row knows: Parent and Metadata. */
static int add_row(struct store *store, const char *id, struct record *out, struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	struct record *metadata = record_new_object();
	char time[CLOCK_TEXT_MAX];
	const char *parent = NULL;
	int64_t tagged_ns = 0;
	int r = record_set(out, "Metadata", metadata, err);

	if (r == 0)
		r = db_query(store->db, &q, err, "SELECT parent,tagged_ns FROM image WHERE id=?1",
			     "s", id);
	if (r == 0)
		r = db_step(q, err);
	if (r > 0) {
		parent = db_text(q, 0);
		tagged_ns = db_int(q, 1);
	}
	if (r >= 0)
		r = record_set_str(out, "Parent", parent ? parent : "", err);
	if (r == 0)
		r = record_set_str(metadata, "LastTagTime", clock_format_or_never(tagged_ns, time),
				   err);
	return r;
}

/** The manifest, if one came with it. */
static int add_descriptor(struct store *store, const char *id, struct record *out,
			  struct berth_error *err)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	struct record *desc;
	int r = db_query(store->db, &q, err,
			 "SELECT u.media_type,u.digest,b.size FROM image_blob u JOIN blob b "
			 "ON b.digest=u.digest WHERE u.image=?1 AND u.kind='manifest' ORDER BY 2",
			 "s", id);

	if (r == 0)
		r = db_step(q, err);
	if (r <= 0)
		return r;
	desc = record_new_object();
	r = record_set(out, "Descriptor", desc, err);
	if (r == 0)
		r = record_set_str(desc, "mediaType", db_text(q, 0), err);
	if (r == 0)
		r = record_set_str(desc, "digest", db_text(q, 1), err);
	if (r == 0)
		r = record_set_int(desc, "size", db_int(q, 2), err);
	return r;
}

/** A string of the config under the API's name; @always: also if it is empty. */
static int add_str(struct record *out, const char *name, const struct record *config,
		   const char *key, bool always, struct berth_error *err)
{
	const char *value = record_str_or(record_get(config, key), "");

	return *value || always ? record_set_str(out, name, value, err) : 0;
}

static int add_strings(struct record *out, const struct record *config, struct berth_error *err)
{
	int r = add_str(out, "DockerVersion", config, "docker_version", true, err);

	if (r == 0)
		r = add_str(out, "Author", config, "author", true, err);
	if (r == 0)
		r = add_config(out, config, err);
	if (r == 0)
		r = add_str(out, "Architecture", config, "architecture", true, err);
	if (r == 0)
		r = add_str(out, "Variant", config, "variant", false, err);
	if (r == 0)
		r = add_str(out, "Os", config, "os", true, err);
	if (r == 0)
		r = add_str(out, "OsVersion", config, "os.version", false, err);
	return r;
}

int image_inspect(struct store *store, struct drivers *drivers, const char *name,
		  struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	cleanup_image struct image *image = NULL;
	int r;

	if (!out)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = image_find(store, name, &image, err);
	if (r == 0)
		r = record_set_str(out, "Id", image->id, err);
	if (r == 0)
		r = add_names(store, image->id, out, err);
	if (r == 0)
		r = record_set_str(out, "Parent", "", err); /* keeps its place; see add_row */
	if (r == 0)
		r = record_set_str(out, "Comment", comment_of(image->config), err);
	if (r == 0)
		r = add_str(out, "Created", image->config, "created", false, err);
	if (r == 0)
		r = add_strings(out, image->config, err);
	if (r == 0)
		r = record_set_uint(out, "Size", image->size, err);
	if (r == 0)
		r = add_driver(store, drivers, image, out, err);
	if (r == 0)
		r = add_rootfs(image->config, out, err);
	if (r == 0)
		r = add_row(store, image->id, out, err);
	if (r == 0)
		r = add_descriptor(store, image->id, out, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(out);
	return 0;
}
