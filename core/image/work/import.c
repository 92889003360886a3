/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/image/work/changes.h"
#include "core/image/work/compose.h"
#include "core/image/work/platform.h"
#include "core/image/work/spool.h"

struct import {
	struct compose compose;
	const char *message;
	char *const *changes;
	struct platform platform;
	char *full; /* name, or NULL */
	/* found out */
	struct record *config;
	int64_t now_ns;
};

static void import_done(struct import *im)
{
	free(im->full);
	record_free(im->config);
}

static int config_body(struct import *im, struct record *out, struct berth_error *err)
{
	struct record *config = record_new_object();
	int r = record_set(out, "config", config, err);

	strv_foreach (line, im->changes)
		if (r == 0)
			r = change_apply(config, *line, err);
	return r;
}

static int config_history(struct import *im, struct record *out, const char *created,
			  struct berth_error *err)
{
	struct record *history = record_new_array();
	struct record *step;
	int r = record_set(out, "history", history, err);

	if (r < 0)
		return r;
	step = record_new_object();
	r = record_append(history, step, err);
	if (r == 0)
		r = record_set_str(step, "created", created, err);
	return r < 0 ? r : record_set_str(step, "comment", im->message, err);
}

static int make_config(struct import *im, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();
	char created[CLOCK_TEXT_MAX];
	int r = out ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	(void)clock_format(im->now_ns, created);
	if (r == 0)
		r = record_set_str(out, "architecture", im->platform.arch, err);
	if (r == 0 && *im->platform.variant)
		r = record_set_str(out, "variant", im->platform.variant, err);
	if (r == 0)
		r = record_set_str(out, "comment", im->message, err);
	if (r == 0)
		r = record_set_str(out, "created", created, err);
	if (r == 0)
		r = config_body(im, out, err);
	if (r == 0)
		r = config_history(im, out, created, err);
	if (r == 0)
		r = record_set_str(out, "os", im->platform.os, err);
	if (r == 0)
		im->config = steal_ptr(out);
	return r;
}

static int import_locked(struct import *im, int fd, char **ret_id, struct berth_error *err)
{
	const uint64_t limit = im->compose.store->config->limit_archive_size;
	struct compose_made made = {.full = im->full, .created_ns = im->now_ns};
	struct spool_source src;
	cleanup_fd int file = -1;
	int r = spool_open(fd, limit, im->compose.op, &src, err);

	/* layers are kept as gzip, zstd or plain; what else there is becomes plain */
	if (r == 0 && (src.kind == INFLATE_BZIP2 || src.kind == INFLATE_XZ)) {
		r = spool_to_file(&src, im->compose.store, &file, err);
		if (r == 0)
			r = spool_open(file, limit, im->compose.op, &src, err);
	}
	if (r == 0)
		r = compose_take_tar(&im->compose, spool_read, &src, src.kind, err);
	made.config = im->config;
	return r < 0 ? r : compose_image(&im->compose, &made, ret_id, err);
}

int image_import(struct store *store, struct drivers *drivers, int fd, const char *label,
		 const char *name, const char *message, const char *platform, char *const *changes,
		 struct berth_op *op, char **ret_id, struct berth_error *err)
{
	cleanup_free char *default_message = str_fmt("Imported from %s", label);
	cleanup_with(import_done) struct import im = {
		.compose = {COMPOSE_INIT, .store = store, .drivers = drivers, .op = op},
		.message = message && *message ? message : default_message,
		.changes = changes,
		.now_ns = clock_now_ns(),
	};
	int r = 0;

	if (!default_message)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (platform)
		r = platform_parse(platform, &im.platform, err);
	else
		platform_host(&im.platform);
	if (r == 0 && name && *name)
		r = compose_name(name, "import", &im.full, err);
	/* mistakes in what people typed are told before a gigabyte is read */
	if (r == 0)
		r = make_config(&im, err);
	if (r == 0 && drivers_storage(drivers, NULL, &im.compose.storage, NULL) < 0)
		im.compose.storage = NULL;
	if (r == 0)
		r = compose_begin(&im.compose, err);
	if (r < 0)
		return r;
	r = import_locked(&im, fd, ret_id, err);
	compose_end(&im.compose, r);
	if (r < 0)
		berth_error_prefix(err, "import '%s'", label);
	return r;
}
