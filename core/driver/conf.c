/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/options.h"

#include <string.h>

struct berth_conf {
	const struct berth_conf *below; /* asked for what is not set here; may be NULL */
	size_t n;
	struct option_value value[];
};

void conf_free(struct berth_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->n; i++) {
		if (conf->value[i].type == BERTH_OPT_SECRET && conf->value[i].text)
			explicit_bzero(conf->value[i].text, strlen(conf->value[i].text));
		free(conf->value[i].text);
	}
	free(conf);
}

/* A value for each option of the table, none of them set. */
static struct berth_conf *new_conf(const struct berth_driver *head, const struct berth_conf *below)
{
	struct berth_option option;
	struct berth_conf *conf;
	size_t n = 0;

	while (options_at(head, n, &option))
		n++;
	conf = calloc(1, sizeof(*conf) + n * sizeof(conf->value[0]));
	if (!conf)
		return NULL;
	conf->below = below;
	conf->n = n;
	for (size_t i = 0; i < n; i++) {
		(void)options_at(head, i, &option);
		conf->value[i].name = option.name;
		conf->value[i].type = option.type;
	}
	return conf;
}

static struct option_value *find(struct berth_conf *conf, const char *name, size_t *ret_i)
{
	for (size_t i = 0; i < conf->n; i++) {
		if (str_eq(conf->value[i].name, name)) {
			*ret_i = i;
			return &conf->value[i];
		}
	}
	return NULL;
}

/* The driver's name for the option that is meant by @word; with @flag only of those that have it.
 */
static const char *nearest(const struct berth_driver *head, const char *word, uint32_t flag)
{
	const char *names[OPTIONS_MAX];
	struct berth_option option;
	size_t n = 0;

	for (size_t i = 0; i < OPTIONS_MAX && options_at(head, i, &option); i++) {
		if ((option.flags & flag) == flag)
			names[n++] = option.name;
	}
	return str_nearest(word, names, n);
}

static int unknown(const struct berth_driver *head, const char *word, uint32_t flag,
		   struct berth_error *err)
{
	const char *near = nearest(head, word, flag);
	const char *kind = config_section(head->kind);

	if (near)
		return berth_fail(err, BERTH_E_INVALID,
				  "%s driver '%s' has no option '%.70s' (did you mean '%s'?)", kind,
				  head->name, word, near);
	(void)berth_fail(err, BERTH_E_INVALID, "%s driver '%s' has no option '%.70s'", kind,
			 head->name, word);
	berth_error_hint(err, "its options: berth driver inspect %s", head->name);
	return -BERTH_E_INVALID;
}

/* --- from the config file ------------------------------------------------- */

/* Where mistakes in the options of one driver are told. */
struct place {
	const struct config *config;
	const char *path[6]; /* of the options object; then the option; then NULL */
	struct record *mistakes;
};

static int tell(struct place *place, const char *option, struct berth_error *err)
{
	struct berth_error mistake = *err;
	const struct config *config = place->config;
	cleanup_free char *key = NULL;
	unsigned line;

	if (mistake.code != BERTH_E_INVALID)
		return -mistake.code;
	place->path[4] = option;
	line = config_line(config, place->path);
	if (!place->mistakes) {
		if (line)
			berth_error_prefix(err, "%s: line %u", config->file, line);
		return -BERTH_E_INVALID;
	}
	key = str_fmt("%s.drivers.%s.options.%s", place->path[0], place->path[2],
		      option ? option : "");
	if (!key)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return config_mistake_add(place->mistakes, config->file, line, key, &mistake, err);
}

static int read_given(struct place *place, const struct berth_driver *head,
		      const struct record *options, struct berth_conf *conf,
		      struct berth_error *err)
{
	const char *key;
	struct record *val;

	record_foreach (options, key, val) {
		struct berth_option option;
		size_t i;
		struct option_value *value = find(conf, key, &i);
		int r;

		if (value) {
			(void)options_at(head, i, &option);
			r = option_set_record(&option, val, value, err);
		} else {
			r = unknown(head, key, 0, err);
		}
		if (r < 0)
			r = tell(place, key, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_missing(struct place *place, const struct berth_driver *head,
			const struct record *given, struct berth_conf *conf,
			struct berth_error *err)
{
	for (size_t i = 0; i < conf->n; i++) {
		struct berth_option option;
		int r = 0;

		(void)options_at(head, i, &option);
		if (conf->value[i].is_set || record_has(given, option.name))
			continue;
		if (option.fallback) {
			r = option_set_text(&option, option.fallback, &conf->value[i], err);
		} else if (option.flags & BERTH_OPT_REQUIRED) {
			(void)berth_fail(err, BERTH_E_INVALID,
					 "%s driver '%s' needs its option '%s'",
					 config_section(head->kind), head->name, option.name);
			r = tell(place, NULL, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_all(struct place *place, const struct berth_driver *head, struct berth_conf **ret,
		    struct berth_error *err)
{
	const struct record *entry = config_driver(place->config, head->kind, head->name);
	const struct record *options = record_get(entry, "options");
	cleanup_conf struct berth_conf *conf = new_conf(head, NULL);
	int r;

	if (!conf)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = read_given(place, head, options, conf, err);
	if (r == 0)
		r = read_missing(place, head, options, conf, err);
	if (r < 0)
		return r;
	if (!place->mistakes)
		*ret = steal_ptr(conf);
	return 0;
}

int conf_read(const struct config *config, const struct berth_driver *head, struct record *mistakes,
	      struct berth_conf **ret, struct berth_error *err)
{
	struct place place = {
		.config = config,
		.path = {config_section(head->kind), "drivers", head->name, "options"},
		.mistakes = mistakes,
	};
	struct berth_error why;
	int r = read_all(&place, head, ret, &why);

	if (r < 0 && err)
		*err = why;
	return r;
}

/* --- for one object ------------------------------------------------------- */

static int read_word(const struct berth_driver *head, const char *word, struct berth_conf *conf,
		     struct berth_error *err)
{
	size_t len = strcspn(word, "=");
	cleanup_free char *key = strndup(word, len);
	struct berth_option option;
	struct option_value *value;
	size_t i;

	if (!key)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (word[len] != '=')
		return berth_fail(err, BERTH_E_INVALID, "'%.70s' is no option: KEY=VALUE is wanted",
				  word);
	value = find(conf, key, &i);
	if (!value)
		return unknown(head, key, BERTH_OPT_PER_OBJECT, err);
	(void)options_at(head, i, &option);
	if (!(option.flags & BERTH_OPT_PER_OBJECT))
		return berth_fail(err, BERTH_E_INVALID,
				  "option '%s' of %s driver '%s' is not for single objects: it "
				  "belongs into the config",
				  key, config_section(head->kind), head->name);
	return option_set_text(&option, word + len + 1, value, err);
}

int conf_read_object(const struct berth_driver *head, const char *const *options,
		     const struct berth_conf *below, struct berth_conf **ret,
		     struct berth_error *err)
{
	cleanup_conf struct berth_conf *conf = new_conf(head, below);

	if (!conf)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; options && options[i]; i++) {
		int r = read_word(head, options[i], conf, err);

		if (r < 0)
			return r;
	}
	*ret = steal_ptr(conf);
	return 0;
}

/* --- questions ------------------------------------------------------------ */

/* The value in force, or NULL if none is set, or another type is asked for than was declared. */
static const struct option_value *get(const struct berth_conf *conf, const char *key,
				      uint32_t types_mask)
{
	for (; conf; conf = conf->below) {
		for (size_t i = 0; i < conf->n; i++) {
			const struct option_value *v = &conf->value[i];

			if (v->is_set && str_eq(v->name, key))
				return types_mask & (1u << v->type) ? v : NULL;
		}
	}
	return NULL;
}

const char *conf_str(const struct berth_conf *conf, const char *key)
{
	const struct option_value *v = get(conf, key,
					   1u << BERTH_OPT_STR | 1u << BERTH_OPT_PATH |
						   1u << BERTH_OPT_ENUM | 1u << BERTH_OPT_SECRET);

	return v ? v->text : NULL;
}

int conf_u64(const struct berth_conf *conf, const char *key, uint64_t *ret)
{
	const struct option_value *v = get(
		conf, key, 1u << BERTH_OPT_U64 | 1u << BERTH_OPT_SIZE | 1u << BERTH_OPT_DURATION);

	if (!v)
		return -BERTH_E_NOT_FOUND;
	*ret = v->number;
	return 0;
}

bool conf_bool(const struct berth_conf *conf, const char *key)
{
	const struct option_value *v = get(conf, key, 1u << BERTH_OPT_BOOL);

	return v && v->number;
}

const char *conf_json(const struct berth_conf *conf, const char *key)
{
	const struct option_value *v = get(conf, key, 1u << BERTH_OPT_JSON);

	return v ? v->text : NULL;
}
