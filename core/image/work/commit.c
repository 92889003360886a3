/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/commit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "core/image/work/changes.h"
#include "core/image/work/compose.h"
#include "core/image/work/hash.h"
#include "core/image/work/pack.h"

/* What of a container's config is an image's: the rest is of the one container. */
static const char *const image_keys[] = {
	"User",	  "ExposedPorts", "Env",	 "Entrypoint",	"Cmd",	   "Volumes", "WorkingDir",
	"Labels", "StopSignal",	  "StopTimeout", "Healthcheck", "OnBuild", "Shell",
};

static bool is_empty(const struct record *r)
{
	switch (record_type(r)) {
	case RECORD_NULL:
		return true;
	case RECORD_STR:
		return !*record_str(r);
	case RECORD_ARRAY:
	case RECORD_OBJECT:
		return record_len(r) == 0;
	default:
		return false;
	}
}

static int add_config(const struct image_commit *what, struct record *out, struct berth_error *err)
{
	struct record *config = record_new_object();
	int r = record_set(out, "config", config, err);

	for (size_t i = 0; i < sizeof(image_keys) / sizeof(image_keys[0]) && r == 0; i++) {
		const struct record *value = record_get(what->config, image_keys[i]);

		if (!is_empty(value))
			r = record_set(config, image_keys[i], record_copy(value), err);
	}
	strv_foreach (line, what->lines)
		if (r == 0)
			r = change_apply(config, *line, err);
	return r;
}

/* What the container ran, as docker has it. */
static int created_by(const struct image_commit *what, char **ret, struct berth_error *err)
{
	const struct record *cmd = record_get(what->config, "Cmd");
	cleanup_str struct str out = STR_INIT;
	int r;

	for (size_t i = 0; i < record_len(cmd); i++)
		str_addf(&out, "%s%s", i ? " " : "", record_str_or(record_at(cmd, i), ""));
	r = str_check(&out, err);
	return r < 0 ? r : str_copy(str_text(&out), ret, err);
}

static int add_step(const struct image_commit *what, const char *created, bool empty,
		    struct record *history, struct berth_error *err)
{
	struct record *step = record_new_object();
	cleanup_free char *by = NULL;
	int r = record_append(history, step, err);

	if (r == 0 && what->author && *what->author)
		r = record_set_str(step, "author", what->author, err);
	if (r == 0 && what->comment && *what->comment)
		r = record_set_str(step, "comment", what->comment, err);
	if (r == 0)
		r = record_set_str(step, "created", created, err);
	if (r == 0)
		r = created_by(what, &by, err);
	if (r == 0)
		r = record_set_str(step, "created_by", by, err);
	if (r == 0 && empty)
		r = record_set_bool(step, "empty_layer", true, err);
	return r;
}

static int add_history(const struct image_commit *what, const char *created, bool empty,
		       struct record *out, struct berth_error *err)
{
	const struct record *below = record_get(what->base->config, "history");
	struct record *history =
		record_type(below) == RECORD_ARRAY ? record_copy(below) : record_new_array();
	int r = record_set(out, "history", history, err);

	return r < 0 ? r : add_step(what, created, empty, history, err);
}

/* Keys of the base that stay as they are. */
static int inherit(const struct image_commit *what, const char *key, struct record *out,
		   struct berth_error *err)
{
	const struct record *value = record_get(what->base->config, key);

	return is_empty(value) ? 0 : record_set(out, key, record_copy(value), err);
}

static int make_config(const struct image_commit *what, int64_t now_ns, bool empty,
		       struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	char created[CLOCK_TEXT_MAX];
	int r = out ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	(void)clock_format(now_ns, created);
	if (r == 0)
		r = inherit(what, "architecture", out, err);
	if (r == 0)
		r = inherit(what, "variant", out, err);
	if (r == 0 && what->author && *what->author)
		r = record_set_str(out, "author", what->author, err);
	if (r == 0 && what->comment && *what->comment)
		r = record_set_str(out, "comment", what->comment, err);
	if (r == 0)
		r = record_set_str(out, "created", created, err);
	if (r == 0)
		r = add_config(what, out, err);
	if (r == 0)
		r = add_history(what, created, empty, out, err);
	if (r == 0)
		r = record_set_str(out, "os",
				   record_str_or(record_get(what->base->config, "os"), "linux"),
				   err);
	if (r == 0)
		*ret = steal_ptr(out);
	return r;
}

/* The changes become a layer. */
static int make_layer(struct compose *c, const struct image_commit *what, struct berth_error *err)
{
	const struct pack_how how = {.op = c->op};
	cleanup_tar_writer struct tar_writer *w = NULL;
	cleanup_pack struct pack *pack = NULL;
	struct tar_output out;
	int r = compose_layer_begin(c, &out, err);

	if (r == 0)
		r = tar_writer_new(&out, &w, err);
	if (r == 0)
		r = pack_new(w, &how, &pack, err);
	if (r == 0)
		r = pack_changes(pack, what->root, what->change, what->n, err);
	if (r == 0)
		r = tar_write_end(w, err);
	return r < 0 ? r : compose_layer_end(c, true, err);
}

static int add_to_hash(void *arg, const void *p, size_t n, struct berth_error *err)
{
	return hash_add(arg, p, n, err);
}

int image_digest_changes(int topfd, struct image_change *change, size_t n, struct berth_op *op,
			 struct digest *ret, struct berth_error *err)
{
	const struct pack_how how = {.op = op};
	cleanup_hash struct hash *hash = NULL;
	cleanup_tar_writer struct tar_writer *w = NULL;
	cleanup_pack struct pack *pack = NULL;
	struct tar_output out = {.put = add_to_hash, .fd = -1};
	int r = hash_new(DIGEST_SHA256, &hash, err);

	out.arg = hash;
	if (r == 0)
		r = tar_writer_new(&out, &w, err);
	if (r == 0)
		r = pack_new(w, &how, &pack, err);
	if (r == 0)
		r = pack_changes(pack, topfd, change, n, err);
	if (r == 0)
		r = tar_write_end(w, err);
	return r < 0 ? r : hash_end(hash, ret, err);
}

static int commit_locked(struct compose *c, const struct image_commit *what,
			 struct compose_made *made, char **ret_id, struct berth_error *err)
{
	int r = what->n > 0 ? make_layer(c, what, err) : 0;

	return r < 0 ? r : compose_image(c, made, ret_id, err);
}

int image_commit(struct store *store, struct drivers *drivers, const struct image_commit *what,
		 struct berth_op *op, char **ret_id, struct berth_error *err)
{
	struct compose c = {
		COMPOSE_INIT, .store = store,	  .drivers = drivers, .storage = what->storage,
		.op = op,     .base = what->base,
	};
	cleanup_record struct record *config = NULL;
	cleanup_free char *full = NULL;
	struct compose_made made = {.parent = what->base->id, .created_ns = clock_now_ns()};
	int r = 0;

	/* mistakes in what people typed are told before anything is read */
	if (what->name && *what->name)
		r = compose_name(what->name, "commit", &full, err);
	if (r == 0)
		r = make_config(what, made.created_ns, what->n == 0, &config, err);
	if (r == 0)
		r = compose_begin(&c, err);
	if (r < 0)
		return r;
	made.config = config;
	made.full = full;
	r = commit_locked(&c, what, &made, ret_id, err);
	compose_end(&c, r);
	return r;
}
