/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/read.h"

#include <string.h>

#include "base/ident.h"
#include "core/config/locate.h"

/* --- mistakes ------------------------------------------------------------- */

/* The parts with dots between, into @out. */
static void join_path(const char *const path[], struct str *out)
{
	for (size_t i = 0; path[i]; i++)
		str_addf(out, "%s%s", i ? "." : "", path[i]);
}

int config_mistake_add(struct record *list, const char *file, unsigned line, const char *key,
		       const struct berth_error *mistake, struct berth_error *err)
{
	cleanup_record struct record *item = record_new_object();
	int r;

	if (!item)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_str(item, "File", file, err);
	if (r == 0)
		r = record_set_uint(item, "Line", line, err);
	if (r == 0)
		r = record_set_str(item, "Key", key, err);
	if (r == 0)
		r = record_set_str(item, "Text", mistake->text, err);
	if (r == 0)
		r = record_set_str(item, "Hint", mistake->hint, err);
	if (r == 0)
		r = record_append(list, steal_ptr(item), err);
	return r;
}

/* Tell the mistake that stands in *@err: as the result, or into the list (0 then). */
static int mistake(const struct config_reader *reader, const char *const path[],
		   struct berth_error *err)
{
	unsigned line = locate_key(reader->text, path);
	cleanup_str struct str key = STR_INIT;
	struct berth_error why = *err;

	if (!reader->mistakes) {
		berth_error_prefix(err, "%s: line %u", reader->label, line);
		return -BERTH_E_INVALID;
	}
	join_path(path, &key);
	return config_mistake_add(reader->mistakes, reader->label, line, str_text(&key), &why, err);
}

/* "unknown key 'storage.drvier' (did you mean 'driver'?)" */
static int unknown_key(const struct config_reader *reader, const char *const path[],
		       const char *nearest, struct berth_error *err)
{
	cleanup_str struct str key = STR_INIT;

	join_path(path, &key);
	if (nearest)
		(void)berth_fail(err, BERTH_E_INVALID, "unknown key '%s' (did you mean '%s'?)",
				 str_text(&key), nearest);
	else
		(void)berth_fail(err, BERTH_E_INVALID, "unknown key '%s'", str_text(&key));
	return mistake(reader, path, err);
}

static int wrong_value(const struct config_reader *reader, const char *const path[],
		       const char *value, const char *wanted, struct berth_error *err)
{
	cleanup_str struct str key = STR_INIT;

	join_path(path, &key);
	(void)berth_fail(err, BERTH_E_INVALID, "key '%s' is %s, wanted %s", str_text(&key), value,
			 wanted);
	return mistake(reader, path, err);
}

/* What stands there, for wrong_value: "'10q'", "an array". */
static const char *describe(const struct record *val, char *out, size_t n)
{
	const char *text = record_str(val);

	if (text)
		(void)snprintf(out, n, "'%.60s'", text);
	else
		(void)snprintf(out, n, "%s", val ? record_type_name(record_type(val)) : "null");
	return out;
}

/* --- values --------------------------------------------------------------- */

static int put_str(struct config *config, const struct config_key *key, const char *text,
		   struct berth_error *err)
{
	char *copy;
	int r = str_copy(text, &copy, err);

	if (r < 0)
		return r;
	config_member_done(config, key);
	*(char **)config_member(config, key) = copy;
	return 0;
}

static int parse_unit(enum config_unit unit, const char *text, uint64_t *ret)
{
	switch (unit) {
	case CONFIG_COUNT:
		return parse_u64(text, UINT64_MAX, ret);
	case CONFIG_BYTES:
		return parse_size(text, ret);
	case CONFIG_MS:
		return parse_duration_ms(text, ret);
	}
	return -BERTH_E_INVALID;
}

/* A count is a number, a duration a string, a size either. */
static bool read_u64(const struct config_type *type, const struct record *val, uint64_t *ret)
{
	const char *text = record_str(val);
	uint64_t value;

	if (text && type->unit != CONFIG_COUNT) {
		if (parse_unit(type->unit, text, &value) < 0)
			return false;
	} else if (type->unit == CONFIG_MS || !record_uint(val, &value)) {
		return false;
	}
	if (value < type->min)
		return false;
	*ret = value;
	return true;
}

static int read_strv(const struct config_reader *reader, const struct config_key *key,
		     const char *const path[], const struct record *val, struct berth_error *err)
{
	const struct config_type *type = key->type;
	cleanup_strv char **list = NULL;
	char shown[64];

	if (record_type(val) != RECORD_ARRAY)
		return wrong_value(reader, path, describe(val, shown, sizeof(shown)), type->wanted,
				   err);
	for (size_t i = 0; i < record_len(val); i++) {
		const struct record *item = record_at(val, i);
		const char *text = record_str(item);

		if (!text || !type->fits(text)) {
			char wanted[160];

			(void)snprintf(wanted, sizeof(wanted), "%s (item %zu)", type->wanted,
				       i + 1);
			return wrong_value(reader, path, describe(item, shown, sizeof(shown)),
					   wanted, err);
		}
		if (strv_add(&list, text) < 0)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	}
	config_member_done(reader->config, key);
	*(char ***)config_member(reader->config, key) = steal_ptr(list);
	return 0;
}

/* --- drivers -------------------------------------------------------------- */

static int read_entry_key(const struct config_reader *reader, const char *const path[],
			  const char *key, const struct record *val, struct berth_error *err)
{
	static const char *const known[] = {"file", "process", "options"};
	const char *text = record_str(val);
	char shown[64];

	describe(val, shown, sizeof(shown));
	if (str_eq(key, "file")) {
		if (!text || text[0] != '/')
			return wrong_value(reader, path, shown, "an absolute path", err);
	} else if (str_eq(key, "process")) {
		if (!str_eq(text, "shared") && !str_eq(text, "separate"))
			return wrong_value(reader, path, shown, "\"shared\" or \"separate\"", err);
	} else if (str_eq(key, "options")) {
		if (record_type(val) != RECORD_OBJECT)
			return wrong_value(reader, path, shown, "an object", err);
	} else {
		return unknown_key(reader, path, str_nearest(key, known, 3), err);
	}
	return 0;
}

/* One member of "drivers". */
static int read_entry(const struct config_reader *reader, const char *section, const char *name,
		      const struct record *entry, struct berth_error *err)
{
	const char *path[] = {section, "drivers", name, NULL, NULL};
	const char *key;
	struct record *val;
	char shown[64];

	if (!ident_is_driver(name) || str_eq(name, "auto")) {
		(void)berth_fail(err, BERTH_E_INVALID,
				 "'%s' in '%s.drivers' is no name of a driver (a letter, then "
				 "letters, digits and '-')",
				 name, section);
		berth_error_hint(err, "give it a name and the path as its \"file\"");
		return mistake(reader, path, err);
	}
	if (record_type(entry) != RECORD_OBJECT)
		return wrong_value(reader, path, describe(entry, shown, sizeof(shown)), "an object",
				   err);
	record_foreach (entry, key, val) {
		int r;

		path[3] = key;
		r = read_entry_key(reader, path, key, val, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_entries(const struct config_reader *reader, const struct config_key *key,
			const char *const path[], const struct record *val, struct berth_error *err)
{
	struct record **member = config_member(reader->config, key);
	const char *name;
	struct record *entry;
	char shown[64];

	if (record_type(val) != RECORD_OBJECT)
		return wrong_value(reader, path, describe(val, shown, sizeof(shown)),
				   key->type->wanted, err);
	record_foreach (val, name, entry) {
		int r = read_entry(reader, key->section, name, entry, err);

		if (r == 0)
			r = record_set(*member, name, record_ref(entry), err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- tree ----------------------------------------------------------------- */

static int read_key(const struct config_reader *reader, const struct config_key *key,
		    const char *const path[], const struct record *val, struct berth_error *err)
{
	const struct config_type *type = key->type;
	void *member = config_member(reader->config, key);
	const char *text = record_str(val);
	char shown[64];

	describe(val, shown, sizeof(shown));
	switch (type->shape) {
	case CONFIG_STR:
		if (!text || !type->fits(text))
			return wrong_value(reader, path, shown, type->wanted, err);
		return put_str(reader->config, key, text, err);
	case CONFIG_STRV:
		return read_strv(reader, key, path, val, err);
	case CONFIG_ENTRIES:
		return read_entries(reader, key, path, val, err);
	case CONFIG_BOOL:
		if (!record_bool(val, member))
			return wrong_value(reader, path, shown, type->wanted, err);
		return 0;
	case CONFIG_U64:
		if (!read_u64(type, val, member))
			return wrong_value(reader, path, shown, type->wanted, err);
		return 0;
	}
	return 0;
}

static int read_section(const struct config_reader *reader, const char *section,
			const struct record *obj, struct berth_error *err)
{
	const char *path[] = {section, NULL, NULL};
	const char *name;
	struct record *val;
	char shown[64];

	if (record_type(obj) != RECORD_OBJECT)
		return wrong_value(reader, path, describe(obj, shown, sizeof(shown)), "an object",
				   err);
	record_foreach (obj, name, val) {
		const struct config_key *key = config_key_find(section, name);
		int r;

		path[1] = name;
		if (key)
			r = read_key(reader, key, path, val, err);
		else
			r = unknown_key(reader, path, config_key_nearest(section, name), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_tree(const struct config_reader *reader, const struct record *tree,
		     struct berth_error *err)
{
	const char *path[] = {NULL, NULL};
	const char *name;
	struct record *val;

	if (record_type(tree) != RECORD_OBJECT) {
		(void)berth_fail(err, BERTH_E_INVALID, "the whole is %s, wanted an object",
				 tree ? record_type_name(record_type(tree)) : "null");
		return mistake(reader, path, err);
	}
	record_foreach (tree, name, val) {
		const struct config_key *key = config_key_find("", name);
		int r;

		path[0] = name;
		if (key)
			r = read_key(reader, key, path, val, err);
		else if (config_has_section(name))
			r = read_section(reader, name, val, err);
		else
			r = unknown_key(reader, path, config_key_nearest("", name), err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The parser's text begins with the place: "line 4, column 7: ...". */
static int syntax_mistake(const struct config_reader *reader, struct berth_error *err)
{
	struct berth_error mistake = *err;
	unsigned line = 1;

	if (reader->mistakes) {
		(void)sscanf(mistake.text, "line %u,", &line);
		return config_mistake_add(reader->mistakes, reader->label, line, "", &mistake, err);
	}
	berth_error_prefix(err, "%s", reader->label);
	return -err->code;
}

int config_read(const struct config_reader *reader, struct berth_error *err)
{
	cleanup_record struct record *tree = NULL;
	int r = record_parse(reader->text, strlen(reader->text), 0, &tree, err);
	if (r == -BERTH_E_NO_MEMORY)
		return r;
	if (r < 0)
		return syntax_mistake(reader, err);
	return read_tree(reader, tree, err);
}

/* --- fallbacks ------------------------------------------------------------ */

static int read_fallback(struct config *config, const struct config_key *key,
			 struct berth_error *err)
{
	void *member = config_member(config, key);
	const char *text = key->fallback ? key->fallback : "";

	switch (key->type->shape) {
	case CONFIG_STR:
		return put_str(config, key, text, err);
	case CONFIG_STRV:
		*(char ***)member = *text ? strv_split(text, ' ') : strv_copy(NULL);
		break;
	case CONFIG_ENTRIES:
		*(struct record **)member = record_new_object();
		break;
	case CONFIG_BOOL:
		return parse_bool(text, member);
	case CONFIG_U64:
		return parse_unit(key->type->unit, text, member);
	}
	return *(void **)member ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int read_fallbacks(struct config *config, struct berth_error *err)
{
	for (size_t i = 0; i < config_keys_count; i++) {
		int r = read_fallback(config, &config_keys[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int config_read_defaults(struct config *config, const char *defaults, struct berth_error *err)
{
	const struct config_reader reader = {
		.config = config,
		.label = "built-in defaults",
		.text = defaults,
	};
	int r = read_fallbacks(config, err);

	if (r == 0 && defaults)
		r = config_read(&reader, err);
	return r;
}
