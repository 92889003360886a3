/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives from before Docker 1.10: no manifest.json, but "repositories", which names the top layer
 * of each image. A layer is a directory with its tar and a "json", which has the config as it was
 * with this layer, and the parent's id. The image's config is made from these as Docker 1.10 did
 * it.
 */
#include "loader.h"

#include "archive/hash.h"
#include "archive/oci_index.h"
#include "base/ident.h"

enum { CHAIN_MAX = 256 }; /* layers of one image */

/* The layers of one image, top first; index 0 is what "repositories" names. */
struct chain {
	struct record *json[CHAIN_MAX];
	char *id[CHAIN_MAX];
	size_t n;
};

static void chain_done(struct chain *chain)
{
	for (size_t i = 0; i < chain->n; i++) {
		record_free(chain->json[i]);
		free(chain->id[i]);
	}
}

static int add_link(const struct loader *ld, struct chain *chain, const char *id,
		    struct berth_error *err)
{
	cleanup_free char *name = NULL;
	cleanup_record struct record *json = NULL;
	int r;

	if (!ident_is_id(id))
		return berth_fail(err, BERTH_E_CORRUPT, "%s: '%s' is no id of a layer",
				  ld->place->label, id);
	if (chain->n == CHAIN_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "%s has an image of more than %d layers",
				  ld->place->label, CHAIN_MAX);
	name = str_fmt("%s/json", id);
	if (!name)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = oci_json_read(ld->place, name, &json, err);
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? oci_as_corrupt(-BERTH_E_INVALID, err) : r;
	r = str_copy(id, &chain->id[chain->n], err);
	if (r < 0)
		return r;
	chain->json[chain->n++] = steal_ptr(json);
	return 0;
}

static int follow(const struct loader *ld, const char *top, struct chain *chain,
		  struct berth_error *err)
{
	const char *id = top;
	int r = 0;

	while (r == 0 && id && id[0]) {
		r = loader_check_cancel(ld, err);
		if (r == 0)
			r = add_link(ld, chain, id, err);
		if (r == 0)
			id = record_str(record_get(chain->json[chain->n - 1], "parent"));
	}
	return r;
}

/* Add a layer's file and diff id. That is the digest of the file, unless it is compressed. */
static int add_layer(struct loader *ld, const char *id, struct record *layers,
		     struct record *diff_ids, struct berth_error *err)
{
	cleanup_free char *name = str_fmt("%s/layer.tar", id);
	cleanup_place_file struct place_file file = {.fd = -1};
	char text[DIGEST_TEXT_MAX];
	struct digest digest;
	const char *suffix;
	int r;

	if (!name)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = place_open(ld->place, name, &file, err);
	if (r < 0)
		return r == -BERTH_E_NOT_FOUND ? oci_as_corrupt(-BERTH_E_INVALID, err) : r;
	r = loader_sniff(ld, name, &file, &suffix, err);
	if (r == 0 && suffix[0])
		r = berth_fail(err, BERTH_E_UNSUPPORTED,
			       "%s: layer '%s' of before Docker 1.10 is compressed",
			       ld->place->label, name);
	if (r == 0)
		r = loader_hash(ld, name, &file, &digest, err);
	if (r == 0)
		r = record_append_str(layers, name, err);
	return r < 0 ? r : record_append_str(diff_ids, digest_format(&digest, text), err);
}

static int copy_str(const struct record *from, struct record *to, const char *key,
		    struct berth_error *err)
{
	const char *text = record_str(record_get(from, key));

	return text && text[0] ? record_set_str(to, key, text, err) : 0;
}

/* One step of the image's history. */
static int add_history(const struct record *json, struct record *history, struct berth_error *err)
{
	cleanup_record struct record *step = record_new_object();
	cleanup_strv char **cmd = NULL;
	cleanup_free char *line = NULL;
	int r;

	if (!step)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = oci_as_corrupt(record_strv(record_path(json, "container_config.Cmd"), &cmd, err), err);
	if (r < 0)
		return r;
	line = strv_join(cmd, " ");
	if (!line)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = copy_str(json, step, "created", err);
	if (r == 0)
		r = copy_str(json, step, "author", err);
	if (r == 0 && line[0])
		r = record_set_str(step, "created_by", line, err);
	if (r == 0)
		r = copy_str(json, step, "comment", err);
	return r < 0 ? r : record_append(history, steal_ptr(step), err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The top layer's json, without what only layers have, its keys in order, as Go prints a map. */
static int make_config(const struct record *json, struct record *rootfs, struct record *history,
		       struct str *out, struct berth_error *err)
{
	static const char *const dropped[] = {"id",	   "parent",   "Size",
					      "parent_id", "layer_id", "throwaway"};
	cleanup_record struct record *copy = record_copy(json);
	cleanup_record struct record *config = record_new_object();
	cleanup_strv char **keys = strv_copy(NULL);
	const char *key;
	struct record *value;
	int r;

	if (!copy || !config || !keys)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		record_unset(copy, dropped[i]);
	r = record_set(copy, "rootfs", record_ref(rootfs), err);
	if (r == 0)
		r = record_set(copy, "history", record_ref(history), err);
	record_foreach (copy, key, value) {
		if (r == 0 && strv_add(&keys, key) < 0)
			r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	if (r < 0)
		return r;
	qsort(keys, strv_len(keys), sizeof(*keys), by_text);
	strv_foreach (k, keys) {
		value = record_get(copy, *k);
		if (r == 0)
			r = value ? record_set(config, *k, record_ref(value), err)
				  : record_set_null(config, *k, err);
	}
	if (r < 0)
		return r;
	record_print(config, RECORD_HTML_ESCAPE, out);
	return str_check(out, err);
}

/* What the chain comes to: arrays for the manifest and the config, base first. */
static int collect(struct loader *ld, const struct chain *chain, struct record *layers,
		   struct record *diff_ids, struct record *history, struct berth_error *err)
{
	int r = 0;

	if (!layers || !diff_ids || !history)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = chain->n; r == 0 && i-- > 0;) {
		r = add_layer(ld, chain->id[i], layers, diff_ids, err);
		if (r == 0)
			r = add_history(chain->json[i], history, err);
	}
	return r;
}

static int make_rootfs(struct record *diff_ids, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *rootfs = record_new_object();
	int r;

	if (!rootfs)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_str(rootfs, "type", "layers", err);
	if (r == 0)
		r = record_set(rootfs, "diff_ids", record_ref(diff_ids), err);
	if (r < 0)
		return r;
	*ret = steal_ptr(rootfs);
	return 0;
}

static int load_image(struct loader *ld, const struct chain *chain, const struct record *names,
		      struct berth_error *err)
{
	cleanup_record struct record *layers = record_new_array();
	cleanup_record struct record *diff_ids = record_new_array();
	cleanup_record struct record *history = record_new_array();
	cleanup_record struct record *rootfs = NULL;
	cleanup_str struct str config = STR_INIT;
	struct loader_image image = {.layers = layers, .diff_ids = diff_ids};
	int r;

	r = collect(ld, chain, layers, diff_ids, history, err);
	if (r == 0)
		r = make_rootfs(diff_ids, &rootfs, err);
	if (r == 0)
		r = make_config(chain->json[0], rootfs, history, &config, err);
	if (r == 0)
		r = hash_bytes(DIGEST_SHA256, config.p, config.len, &image.config, err);
	if (r == 0)
		r = loader_note_blob(ld, &image.config, NULL, config.p, config.len, err);
	image.config_bytes = config.len;
	return r < 0 ? r : loader_add_image(ld, &image, names, err);
}

static int load_tag(struct loader *ld, const char *repo, const char *tag, const struct record *top,
		    struct berth_error *err)
{
	cleanup_record struct record *names = record_new_array();
	cleanup_free char *name = str_fmt("%s:%s", repo, tag);
	__attribute__((cleanup(chain_done))) struct chain chain = {.n = 0};
	int r;

	if (!names || !name)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (!record_str(top))
		return berth_fail(err, BERTH_E_CORRUPT, "'repositories' of %s: '%s' is no id",
				  ld->place->label, name);
	r = record_append_str(names, name, err);
	if (r == 0)
		r = follow(ld, record_str(top), &chain, err);
	if (r == 0 && chain.n == 0)
		r = berth_fail(err, BERTH_E_CORRUPT, "'repositories' of %s: '%s' has no layer",
			       ld->place->label, name);
	return r < 0 ? r : load_image(ld, &chain, names, err);
}

int docker_load_legacy(struct loader *ld, struct berth_error *err)
{
	cleanup_record struct record *repositories = NULL;
	const char *repo;
	const char *tag;
	struct record *tags;
	struct record *top;
	size_t images = 0;
	int r;

	r = oci_json_read(ld->place, "repositories", &repositories, err);
	if (r < 0)
		return r;
	if (record_type(repositories) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_CORRUPT, "'repositories' of %s is no object",
				  ld->place->label);
	record_foreach (repositories, repo, tags) {
		record_foreach (tags, tag, top) {
			if (r == 0 && ++images > DOCKER_IMAGES_MAX)
				r = berth_fail(err, BERTH_E_LIMIT, "%s has more than %d images",
					       ld->place->label, DOCKER_IMAGES_MAX);
			if (r == 0)
				r = load_tag(ld, repo, tag, top, err);
		}
	}
	return r;
}
