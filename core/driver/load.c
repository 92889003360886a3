/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/load.h"

#include <dlfcn.h>

#include "core/driver/find.h"
#include "core/driver/info.h"
#include "core/driver/loaded.h"
#include "core/driver/options.h"
#include "core/driver/separate.h"
#include "core/driver/trial.h"
#include "core/driver/trust.h"
#include "core/driver/trace.h"

/* A driver file on its way in. */
struct entrant {
	uint32_t kind;	  /* wanted; 0 = any */
	const char *name; /* wanted; NULL = any */
	char *path;	  /* without symlinks */
	struct stat st;
	struct info infos[INFO_MAX]; /* read only if the file was not known */
	size_t n_infos;
};

static void entrant_done(struct entrant *e)
{
	free(e->path);
}

void loaded_free(struct loaded *l)
{
	if (!l)
		return;
	if (l->is_open)
		l->head.close(l->instance);
	trace_detach(l);
	separate_free(l->separate);
	conf_free(l->conf);
	free(l->path);
	free(l);
}

static void loaded_free_at(struct loaded **l)
{
	loaded_free(*l);
}

/* --- before it is mapped -------------------------------------------------- */

static bool is_wanted(const struct entrant *e, uint32_t kind, const char *name)
{
	return (!e->kind || e->kind == kind) && (!e->name || str_eq(e->name, name));
}

/* The file holds others than the wanted one: say which. */
static int wrong_driver(const struct entrant *e, struct berth_error *err)
{
	const struct info *i = &e->infos[0];

	if (!config_section(i->kind))
		return info_check(i, err);
	if (e->kind && i->kind != e->kind)
		return berth_fail(err, BERTH_E_INVALID,
				  "it is a %s driver ('%s'), wanted a %s driver",
				  driver_kind_name(i->kind), i->name, driver_kind_name(e->kind));
	return berth_fail(err, BERTH_E_INVALID, "its name is '%s', not '%s'", i->name,
			  e->name ? e->name : "");
}

/* What the file says of itself, without running it. */
static int read_infos(struct entrant *e, int fd, struct berth_error *err)
{
	const struct info *wanted = NULL;
	int r = info_read(fd, e->infos, &e->n_infos, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < e->n_infos; i++) {
		const struct info *info = &e->infos[i];

		/* one of another ABI only if there is none of ours */
		if (is_wanted(e, info->kind, info->name) &&
		    (!wanted || (wanted->abi != BERTH_ABI && info->abi == BERTH_ABI)))
			wanted = info;
	}
	return wanted ? info_check(wanted, err) : wrong_driver(e, err);
}

/* Not loaded before: in a process of its own first. */
static int try_out(struct drivers *d, struct entrant *e, int fd, struct berth_error *err)
{
	struct berth_error why;
	bool lasting;
	int r = read_infos(e, fd, err);

	if (r < 0)
		return r;
	r = trial_load(e->path, TRIAL_TIMEOUT_MS, &lasting, &why);
	if (r == 0)
		return 0;
	if (lasting)
		known_add(&d->known, d->config->root, &e->st, e->path, why.text);
	if (err)
		*err = why;
	return r;
}

/* *@ret_is_known: it was, and nothing spoke against it. @is_separate: none of it will run here, so it
 * need not be tried out. */
static int examine(struct drivers *d, struct entrant *e, const char *path, bool is_separate,
		   bool *ret_is_known, struct berth_error *err)
{
	cleanup_fd int fd = -1;
	const char *why;
	int r = trust_open(path, &fd, &e->path, &e->st, err);

	if (r < 0)
		return r;
	*ret_is_known = known_find(&d->known, d->config->root, &e->st, &why);
	if (!*ret_is_known)
		return is_separate ? read_infos(e, fd, err) : try_out(d, e, fd, err);
	if (!why)
		return 0;
	(void)berth_fail(err, BERTH_E_INVALID, "%s", why);
	berth_error_hint(err,
			 "it is not tried again until it changes, or %s/drivers.known is removed",
			 d->config->root);
	return -BERTH_E_INVALID;
}

/* --- mapping -------------------------------------------------------------- */

int load_map(const char *path, void **ret_lib, berth_driver_v1_fn *ret_entry,
	     struct berth_error *err)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol;

	if (!lib) {
		const char *why = dlerror();

		return berth_fail(err, BERTH_E_INVALID, "%s", why ? why : "cannot be loaded");
	}
	symbol = dlsym(lib, "berth_driver_v1");
	if (!symbol)
		return berth_fail(err, BERTH_E_INVALID, "it does not export berth_driver_v1");
	*ret_lib = lib;
	memcpy(ret_entry, &symbol, sizeof(symbol));
	return 0;
}

/* Copies the wanted head out of those that the entry hands out. */
static int find_head(const struct entrant *e, berth_driver_v1_fn entry, struct berth_driver *ret,
		     struct berth_error *err)
{
	struct berth_driver head;

	for (uint32_t i = 0; i < LOAD_DRIVERS_MAX; i++) {
		const struct berth_driver *theirs = entry(i);

		if (!theirs)
			break;
		head_copy(theirs, &head);
		/* a broken one is told of, unless another one is wanted for sure */
		if (!head.name || is_wanted(e, head.kind, head.name)) {
			*ret = head;
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_INVALID,
			  "its section %s names a %s driver '%s', but its code has none",
			  BERTH_INFO_SECTION, driver_kind_name(e->kind), e->name ? e->name : "");
}

/* What was said without running must be what runs. */
static int compare(const struct entrant *e, const struct berth_driver *head,
		   struct berth_error *err)
{
	for (size_t i = 0; i < e->n_infos; i++) {
		const struct info *info = &e->infos[i];

		if (info->kind != head->kind || !str_eq(info->name, head->name))
			continue;
		if (str_eq(info->version, head->version))
			return 0;
		return berth_fail(err, BERTH_E_INVALID,
				  "its section %s says version %s, its code %s", BERTH_INFO_SECTION,
				  info->version, head->version);
	}
	return berth_fail(err, BERTH_E_INVALID,
			  "its code has a %s driver '%s' that its section %s does not name",
			  driver_kind_name(head->kind), head->name, BERTH_INFO_SECTION);
}

/* Its head, from here or from a process of its own. */
static int take_head(struct loaded *l, const struct entrant *e, bool is_separate,
		     struct berth_error *err)
{
	berth_driver_v1_fn entry;
	void *lib;
	int r;

	if (is_separate) {
		r = separate_load(NULL, e->path, e->kind, e->name, &l->separate, err);
		if (r == 0)
			head_copy(separate_head(l->separate), &l->head);
		return r;
	}
	r = load_map(e->path, &lib, &entry, err);
	return r < 0 ? r : find_head(e, entry, &l->head, err);
}

static int map(struct drivers *d, const struct entrant *e, bool is_known, bool is_separate,
	       struct loaded **ret, struct berth_error *err)
{
	__attribute__((cleanup(loaded_free_at))) struct loaded *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	l->drivers = d;
	r = take_head(l, e, is_separate, err);
	if (r == 0)
		r = head_check(&l->head, err);
	if (r == 0 && !is_known)
		r = compare(e, &l->head, err);
	if (r == 0)
		r = clamp_ops(&l->head, &l->ops, err);
	if (r == 0)
		r = str_copy(e->path, &l->path, err);
	if (r < 0)
		return r;
	if (!is_known && !is_separate)
		known_add(&d->known, d->config->root, &e->st, e->path, NULL);
	host_lend(l);
	*ret = steal_ptr(l);
	return 0;
}

static int load(struct drivers *d, struct entrant *e, const char *path, bool is_separate,
		struct loaded **ret, struct berth_error *err)
{
	bool is_known;
	int r = examine(d, e, path, is_separate, &is_known, err);

	if (r == 0)
		r = map(d, e, is_known, is_separate, ret, err);
	/* one that says it can live nowhere else */
	if (r == 0 && !is_separate && e->name && ((*ret)->head.needs & BERTH_NEEDS_PROCESS)) {
		loaded_free(*ret);
		r = map(d, e, is_known, true, ret, err);
	}
	return r;
}

/* --- by name -------------------------------------------------------------- */

static struct loaded *find_loaded(struct drivers *d, uint32_t kind, const char *name)
{
	struct loaded *l = d->loaded;

	while (l && !(l->head.kind == kind && str_eq(l->head.name, name)))
		l = l->next;
	return l;
}

static bool wants_process(const struct config *config, uint32_t kind, const char *name)
{
	return str_eq(record_str(record_get(config_driver(config, kind, name), "process")),
		      "separate");
}

int driver_load_bare(struct drivers *d, uint32_t kind, const char *name, struct loaded **ret,
		     struct berth_error *err)
{
	cleanup_with(entrant_done) struct entrant e = {.kind = kind, .name = name};
	struct loaded *l = find_loaded(d, kind, name);
	cleanup_free char *path = NULL;
	int r;

	if (!l) {
		r = find_driver(d->config, kind, name, &path, err);
		if (r < 0)
			return r;
		r = load(d, &e, path, wants_process(d->config, kind, name), &l, err);
		if (r < 0) {
			berth_error_prefix(err, "%s driver '%s' (%s)", config_section(kind), name,
					   path);
			return r;
		}
		l->next = d->loaded;
		d->loaded = l;
	}
	*ret = l;
	return 0;
}

int driver_load(struct drivers *d, uint32_t kind, const char *name, struct loaded **ret,
		struct berth_error *err)
{
	struct loaded *l;
	int r = driver_load_bare(d, kind, name, &l, err);

	if (r == 0 && !l->conf)
		r = conf_read(d->config, &l->head, NULL, &l->conf, err);
	if (r < 0)
		return r;
	*ret = l;
	return 0;
}

int driver_load_file(struct drivers *d, uint32_t kind, const char *path, struct loaded **ret,
		     struct berth_error *err)
{
	cleanup_with(entrant_done) struct entrant e = {.kind = kind};
	int r = load(d, &e, path, false, ret, err);

	if (r < 0)
		berth_error_prefix(err, "%s", path);
	return r;
}
