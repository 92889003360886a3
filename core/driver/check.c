/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/drivers.h"

#include "core/driver/loaded.h"
#include "core/driver/options.h"

/* --- the config against what drivers declare ------------------------------ */

/* A driver that the config names, and where. */
struct named {
	uint32_t kind;
	const char *name;
	const char *key; /* within the section */
};

static int tell(const struct config *config, const struct named *n, struct record *mistakes,
		const struct berth_error *mistake, struct berth_error *err)
{
	const char *section = config_section(n->kind);
	bool is_entry = str_eq(n->key, "drivers");
	const char *path[] = {section, n->key, is_entry ? n->name : NULL, NULL};
	cleanup_free char *key =
		str_fmt("%s.%s%s%s", section, n->key, is_entry ? "." : "", is_entry ? n->name : "");

	if (!key)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return config_mistake_add(mistakes, config->file, config_line(config, path), key, mistake,
				  err);
}

static int check_one(struct drivers *d, const struct named *n, struct record *mistakes,
		     struct berth_error *err)
{
	cleanup_conf struct berth_conf *conf = NULL;
	struct berth_error why;
	struct loaded *l;
	int r = driver_load_bare(d, n->kind, n->name, &l, &why);

	if (r == -BERTH_E_NO_MEMORY) {
		if (err)
			*err = why;
		return r;
	}
	if (r < 0)
		return tell(d->config, n, mistakes, &why, err);
	return conf_read(d->config, &l->head, mistakes, &conf, err);
}

static int check_list(struct drivers *d, uint32_t kind, char *const *names, const char *key,
		      struct record *mistakes, struct berth_error *err)
{
	int r = 0;

	strv_foreach (name, names) {
		const struct named n = {kind, *name, key};

		/* what has an entry too is looked at there */
		if (r == 0 && !config_driver(d->config, kind, *name))
			r = check_one(d, &n, mistakes, err);
	}
	return r;
}

static int check_kind(struct drivers *d, uint32_t kind, struct record *mistakes,
		      struct berth_error *err)
{
	const struct config_kind *k = &d->config->kind[kind];
	char *driver[] = {k->driver, NULL};
	char *save[] = {k->save, NULL};
	const char *name;
	struct record *entry;
	int r = 0;

	if (k->driver && *k->driver && !str_eq(k->driver, "auto"))
		r = check_list(d, kind, driver, "driver", mistakes, err);
	if (r == 0 && str_eq(k->driver, "auto"))
		r = check_list(d, kind, k->candidates, "candidates", mistakes, err);
	if (r == 0)
		r = check_list(d, kind, k->archives, "archives", mistakes, err);
	if (r == 0 && k->save && *k->save)
		r = check_list(d, kind, save, "save", mistakes, err);
	record_foreach (k->drivers, name, entry) {
		const struct named n = {kind, name, "drivers"};

		if (r == 0)
			r = check_one(d, &n, mistakes, err);
	}
	return r;
}

int drivers_check(struct drivers *d, struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *mistakes = record_new_array();
	int r = 0;
	with_lock(d);

	if (!mistakes)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (uint32_t kind = BERTH_STORAGE; r == 0 && kind <= BERTH_REGISTRY; kind++)
		r = check_kind(d, kind, mistakes, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(mistakes);
	return 0;
}

/* --- the config with secrets hidden --------------------------------------- */

/* What a driver that does not load would call a secret, nobody knows. */
static bool is_secret(void *arg, uint32_t kind, const char *driver, const char *name)
{
	struct berth_option option;
	struct loaded *l;

	if (driver_load_bare(arg, kind, driver, &l, NULL) < 0)
		return true;
	for (size_t i = 0; options_at(&l->head, i, &option); i++) {
		if (str_eq(option.name, name))
			return option.type == BERTH_OPT_SECRET;
	}
	return true; /* a mistyped secret */
}

int drivers_config_show(struct drivers *d, struct record **ret, struct berth_error *err)
{
	with_lock(d);

	return config_show(d->config, is_secret, d, ret, err);
}
