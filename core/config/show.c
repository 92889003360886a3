/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"

#include "core/config/keys.h"
#include "core/config/read.h"

/* --- values --------------------------------------------------------------- */

/* Options of one driver, with what is secret replaced. Takes nothing over. */
static struct record *show_options(uint32_t kind, const char *driver, const struct record *options,
				   config_secret_fn secret, void *arg)
{
	cleanup_record struct record *out = record_new_object();
	const char *key;
	struct record *val;

	if (!out)
		return NULL;
	record_foreach (options, key, val) {
		struct record *shown = val ? record_ref(val) : NULL;

		if (!secret || secret(arg, kind, driver, key)) {
			record_free(shown);
			shown = record_new_str("***");
		}
		if (record_set(out, key, shown, NULL) < 0)
			return NULL;
	}
	return steal_ptr(out);
}

static struct record *show_entry(uint32_t kind, const char *driver, const struct record *entry,
				 config_secret_fn secret, void *arg)
{
	cleanup_record struct record *out = record_new_object();
	const char *key;
	struct record *val;

	if (!out)
		return NULL;
	record_foreach (entry, key, val) {
		struct record *shown = str_eq(key, "options")
					       ? show_options(kind, driver, val, secret, arg)
					       : record_ref(val);

		if (record_set(out, key, shown, NULL) < 0)
			return NULL;
	}
	return steal_ptr(out);
}

static struct record *show_entries(const struct config *config, const struct record *entries,
				   config_secret_fn secret, void *arg)
{
	cleanup_record struct record *out = record_new_object();
	const char *name;
	struct record *entry;
	uint32_t kind = BERTH_STORAGE;

	while (kind < BERTH_REGISTRY && config->kind[kind].drivers != entries)
		kind++;
	if (!out)
		return NULL;
	record_foreach (entries, name, entry) {
		struct record *shown = show_entry(kind, name, entry, secret, arg);

		if (record_set(out, name, shown, NULL) < 0)
			return NULL;
	}
	return steal_ptr(out);
}

static struct record *show_u64(enum config_unit unit, uint64_t value)
{
	cleanup_str struct str text = STR_INIT;

	if (unit == CONFIG_COUNT)
		return record_new_uint(value);
	config_print_u64(unit, value, &text);
	return record_new_str(str_text(&text));
}

static struct record *show_value(const struct config *config, const struct config_key *key,
				 config_secret_fn secret, void *arg)
{
	const void *member = (const char *)config + key->offset;

	switch (key->type->shape) {
	case CONFIG_STR:
		return record_new_str(*(char *const *)member);
	case CONFIG_STRV:
		return record_from_strv(*(char **const *)member);
	case CONFIG_BOOL:
		return record_new_bool(*(const bool *)member);
	case CONFIG_U64:
		return show_u64(key->type->unit, *(const uint64_t *)member);
	case CONFIG_ENTRIES:
		return show_entries(config, *(struct record *const *)member, secret, arg);
	}
	return NULL;
}

/* The object of @key's section within @out, made if need be; borrowed. */
static int section_of(struct record *out, const struct config_key *key, struct record **ret,
		      struct berth_error *err)
{
	int r = 0;

	if (!*key->section) {
		*ret = out;
		return 0;
	}
	if (!record_has(out, key->section))
		r = record_set(out, key->section, record_new_object(), err);
	if (r == 0)
		*ret = record_get(out, key->section);
	return r;
}

int config_show(const struct config *config, config_secret_fn secret, void *arg,
		struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *out = record_new_object();

	if (!out)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < config_keys_count; i++) {
		const struct config_key *key = &config_keys[i];
		struct record *section;
		int r = section_of(out, key, &section, err);

		if (r == 0)
			r = record_set(section, key->key, show_value(config, key, secret, arg),
				       err);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(out);
	return 0;
}

/* --- table ---------------------------------------------------------------- */

static int each_key(const struct config *config, const struct config_key *key, config_key_fn fn,
		    void *arg, struct berth_error *err)
{
	cleanup_free char *name =
		str_fmt("%s%s%s", key->section, *key->section ? "." : "", key->key);
	cleanup_record struct record *value = show_value(config, key, NULL, NULL);
	cleanup_free char *fallback = record_to_text(value, RECORD_COMPACT);
	const struct config_key_doc doc = {
		.key = name,
		.type = key->type->word,
		.fallback = fallback,
		.doc = key->doc,
	};

	if (!name || !value || !fallback)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return fn(arg, &doc);
}

int config_each_key(const char *defaults, config_key_fn fn, void *arg, struct berth_error *err)
{
	cleanup_config struct config *config = calloc(1, sizeof(*config));
	struct berth_error why;
	int r;

	if (!config)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = config_read_defaults(config, defaults, &why);
	if (r < 0 && err)
		*err = why;
	for (size_t i = 0; r == 0 && i < config_keys_count; i++)
		r = each_key(config, &config_keys[i], fn, arg, err);
	return r;
}
