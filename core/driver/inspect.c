/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/drivers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/record_write.h"
#include "core/driver/find.h"
#include "core/driver/info.h"
#include "core/driver/loaded.h"
#include "core/driver/options.h"
#include "core/driver/trust.h"

/* --- files ---------------------------------------------------------------- */

/* What speaks against the file as a whole; its records, if they can be read. */
static size_t read_file(struct drivers *d, const char *path, struct info infos[static INFO_MAX],
			struct berth_error *refused)
{
	cleanup_fd int fd = -1;
	cleanup_free char *real = NULL;
	struct berth_error unreadable;
	struct stat st;
	const char *why;
	size_t n = 0;

	memset(refused, 0, sizeof(*refused));
	if (trust_open(path, &fd, &real, &st, refused) < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	else if (known_find(&d->known, d->config->root, &st, &why) && why)
		(void)berth_fail(refused, BERTH_E_INVALID, "%s", why);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (info_read(fd, infos, &n, &unreadable) < 0) {
		if (!refused->code)
			*refused = unreadable;
		return 0;
	}
	return n;
}

static void fill(struct driver_file *file, const struct info *info)
{
	file->kind = info->kind;
	file->abi = info->abi;
	file->host_min = info->host_min;
	memcpy(file->name, info->name, sizeof(file->name));
	memcpy(file->version, info->version, sizeof(file->version));
	if (!file->refused.code)
		(void)info_check(info, &file->refused);
}

static int each_in_file(struct drivers *d, char *path, driver_file_fn fn, void *arg)
{
	struct info infos[INFO_MAX];
	struct berth_error refused;
	size_t n;
	int r = 0;

	{
		with_lock(d);

		n = read_file(d, path, infos, &refused);
	}
	for (size_t i = 0; r == 0 && (i < n || i == 0); i++) {
		struct driver_file file = {.path = path, .refused = refused};

		if (n)
			fill(&file, &infos[i]);
		r = fn(arg, &file);
	}
	return r;
}

/* Without the lock while @fn runs, so that it may ask more. */
int drivers_each_file(struct drivers *d, driver_file_fn fn, void *arg, struct berth_error *err)
{
	cleanup_strv char **files = NULL;
	int r = find_files(d->config, &files, err);

	strv_foreach (path, files) {
		if (r == 0)
			r = each_in_file(d, *path, fn, arg);
	}
	return r;
}

/* --- words ---------------------------------------------------------------- */

static const char *const needs_names[] = {"root", "spawn", "process", "network"};

static const char *threads_name(uint32_t threads)
{
	switch ((enum berth_threads)threads) {
	case BERTH_THREADS_ONE:
		return "one";
	case BERTH_THREADS_PER_OBJECT:
		return "per-object";
	case BERTH_THREADS_FREE:
		return "free";
	}
	return "?";
}

static void write_caps(struct jw *w, const struct berth_driver *head)
{
	jw_key_array(w, "Caps");
	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = driver_cap_name(head->kind, bit);
		char number[16];

		if (!(head->caps >> bit & 1))
			continue;
		(void)snprintf(number, sizeof(number), "bit-%u", bit);
		jw_str(w, name ? name : number);
	}
	jw_array_end(w);
}

static void write_needs(struct jw *w, const struct berth_driver *head)
{
	jw_key_array(w, "Needs");
	for (unsigned bit = 0; bit < sizeof(needs_names) / sizeof(needs_names[0]); bit++) {
		if (head->needs >> bit & 1)
			jw_str(w, needs_names[bit]);
	}
	jw_array_end(w);
}

static void write_choices(struct jw *w, const char *choices)
{
	jw_key_array(w, "Choices");
	for (const char *at = choices; at; at = strchr(at, '|')) {
		at += *at == '|';
		jw_str_n(w, at, strcspn(at, "|"));
	}
	jw_array_end(w);
}

static void write_options(struct jw *w, const struct berth_driver *head)
{
	struct berth_option o;

	jw_key_array(w, "Options");
	for (size_t i = 0; options_at(head, i, &o); i++) {
		jw_object_begin(w);
		jw_key_str(w, "Name", o.name);
		jw_key_str(w, "Type", options_type_name(o.type));
		jw_key_str(w, "Default", o.fallback);
		write_choices(w, o.choices);
		jw_key_bool(w, "Required", o.flags & BERTH_OPT_REQUIRED);
		jw_key_bool(w, "Reloadable", o.flags & BERTH_OPT_RELOADABLE);
		jw_key_bool(w, "PerObject", o.flags & BERTH_OPT_PER_OBJECT);
		jw_key_str(w, "Doc", o.doc ? o.doc : "");
		jw_object_end(w);
	}
	jw_array_end(w);
}

static int write_call(void *arg, const char *call, bool has)
{
	jw_key_bool(arg, call, has);
	return 0;
}

/* What only the loaded file can tell. */
static void write_head(struct jw *w, const struct berth_driver *head)
{
	jw_key_str(w, "Summary", head->summary);
	jw_key_str(w, "Threads", threads_name(head->threads));
	write_caps(w, head);
	write_needs(w, head);
	write_options(w, head);
	jw_key_object(w, "Calls");
	jw_key_bool(w, "probe", head->probe != NULL);
	jw_key_bool(w, "reload", head->reload != NULL);
	jw_key_bool(w, "status", head->status != NULL);
	(void)clamp_each_call(head, write_call, w);
	jw_object_end(w);
}

/* --- inspect -------------------------------------------------------------- */

/* The record that is asked about: of @kind and @name, where they are given. */
static const struct info *pick(const struct info infos[], size_t n, uint32_t kind, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if ((!kind || infos[i].kind == kind) && (!name || str_eq(infos[i].name, name)))
			return &infos[i];
	}
	return NULL;
}

static int no_record(const char *path, uint32_t kind, const struct berth_error *refused,
		     struct berth_error *err)
{
	if (!refused->code)
		return berth_fail(err, BERTH_E_NOT_FOUND, "no %s driver in '%s'",
				  kind ? driver_kind_name(kind) : "such", path);
	if (err)
		*err = *refused;
	berth_error_prefix(err, "%s", path);
	return -refused->code;
}

static void write_info(struct jw *w, const char *path, const struct info *info,
		       const struct berth_error *refused)
{
	struct berth_error why = *refused;

	jw_key_str(w, "Name", info->name);
	jw_key_str(w, "Kind", driver_kind_name(info->kind));
	jw_key_str(w, "File", path);
	jw_key_str(w, "Version", info->version);
	jw_key_uint(w, "ABI", info->abi);
	jw_key_uint(w, "HostMin", info->host_min);
	if (why.code || info_check(info, &why) < 0)
		jw_key_str(w, "Refused", why.text);
}

/* @name NULL: the file is meant, not one driver of it. */
static int inspect(struct drivers *d, uint32_t kind, const char *name, const char *path, bool run,
		   struct record **ret, struct berth_error *err)
{
	struct info infos[INFO_MAX];
	struct berth_error refused;
	size_t n = read_file(d, path, infos, &refused);
	const struct info *info = pick(infos, n, kind, name);
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);
	struct loaded *l, *only_here = NULL;
	int r = 0;

	if (!info)
		return no_record(path, kind, &refused, err);
	if (run && name)
		r = driver_load_bare(d, info->kind, name, &l, err);
	else if (run)
		r = driver_load_file(d, info->kind, path, &only_here, err);
	if (r < 0)
		return r;
	jw_object_begin(&w);
	write_info(&w, path, info, &refused);
	if (run)
		write_head(&w, name ? &l->head : &only_here->head);
	jw_object_end(&w);
	loaded_free(only_here);
	r = str_check(&text, err);
	return r == 0 ? record_parse(text.p, text.len, 0, ret, err) : r;
}

int drivers_inspect(struct drivers *d, uint32_t kind, const char *name, bool run,
		    struct record **ret, struct berth_error *err)
{
	cleanup_free char *path = NULL;
	int r = 0;
	with_lock(d);

	if (strchr(name, '/'))
		return inspect(d, kind, NULL, name, run, ret, err);
	if (!kind)
		r = find_kind(d->config, name, &kind, err);
	if (r == 0)
		r = driver_resolve(d, kind, name, &name, err);
	if (r == 0)
		r = find_driver(d->config, kind, name, &path, err);
	return r == 0 ? inspect(d, kind, name, path, run, ret, err) : r;
}

/* --- status --------------------------------------------------------------- */

enum { STATUS_MAX = 256 * 1024 };

static int ask_status(struct loaded *l, struct str *json, struct berth_error *err)
{
	struct berth_error why = {0};
	struct berth_sink *sink;
	int r;

	if (!l->head.status) {
		str_add(json, "{}");
		return 0;
	}
	r = sink_new(json, STATUS_MAX, &sink, err);
	if (r < 0)
		return r;
	r = driver_result(l->head.status(l->instance, sink, &why), &why);
	sink_free(sink);
	if (r < 0 && err)
		*err = why;
	return r;
}

int drivers_status(struct drivers *d, uint32_t kind, const char *name, struct record **ret,
		   struct berth_error *err)
{
	cleanup_record struct record *status = NULL;
	cleanup_str struct str json = STR_INIT;
	struct loaded *l;
	int r;
	with_lock(d);

	r = driver_open(d, kind, name, &l, err);
	if (r == 0)
		r = ask_status(l, &json, err);
	if (r == 0)
		r = record_parse(str_text(&json), json.len, 0, &status, err);
	if (r == 0 && record_type(status) != RECORD_OBJECT)
		r = berth_fail(err, BERTH_E_INTERNAL, "its status is no object");
	if (r < 0) {
		berth_error_prefix(err, "status of %s driver '%s'", driver_kind_name(kind),
				   name ? name : "(default)");
		return r;
	}
	*ret = steal_ptr(status);
	return 0;
}
