/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "verb.h"

enum { WIDTH = 80, COLUMN = 40, NAME_WIDTH = 10, FLAGS_MAX = 32 };

/* clang-format off */
const struct option global_options[] = {
	{"config", 0, OPTION_STRING, "Config file to use", "file"},
	{"context", 'c', OPTION_STRING, NULL, .flags = OPTION_IGNORED},
	{"debug", 'D', OPTION_BOOL, "Log what is done to stderr"},
	{"host", 'H', OPTION_LIST, NULL, .flags = OPTION_HIDDEN},
	{"log-level", 'l', OPTION_STRING, "Log up to this: error, warn, info, debug", "level"},
	{"trace", 0, OPTION_BOOL, "Tell of each call of a driver on stderr"},
	{"version", 'v', OPTION_BOOL, "Show the version"},
	{0},
};
/* clang-format on */

/* ----------------------------------------------------------------------------------- columns */

static int first_name_len(const struct verb *verb)
{
	return (int)strcspn(verb->names, "|");
}

static void add_section(struct str *out, const char *title, enum verb_section section)
{
	const struct verb *found[64];
	size_t n = 0, rows;

	for (size_t i = 0; i < n_verbs && n < 64; i++)
		if (verbs[i].section == section)
			found[n++] = &verbs[i];
	rows = (n + 1) / 2;
	str_addf(out, "%s\n", title);
	for (size_t i = 0; i < rows; i++) {
		size_t begin = out->len;

		for (size_t j = i; j < n; j += rows) {
			size_t used = out->len - begin;

			if (j > i)
				str_addf(out, "%*s", used < COLUMN ? (int)(COLUMN - used) : 1, "");
			str_addf(out, "  %-8.*s %s", first_name_len(found[j]), found[j]->names,
				 found[j]->doc);
		}
		str_add_char(out, '\n');
	}
}

static void add_word(struct str *out, size_t *line, const char *word, int len)
{
	if (out->len - *line + (size_t)len + 2 > WIDTH) {
		*line = out->len + 1;
		str_add_char(out, '\n');
	}
	str_addf(out, "%s%.*s", out->len == *line ? "  " : " ", len, word);
}

/* Names alone. */
static void add_more(struct str *out)
{
	size_t line;

	str_add(out, "More\n");
	line = out->len;
	for (size_t i = 0; i < n_verbs; i++)
		if (verbs[i].section == SECTION_MORE)
			add_word(out, &line, verbs[i].names, first_name_len(&verbs[i]));
	str_add(out, "\nGroups: 'berth GROUP --help' lists what is in them\n");
	line = out->len;
	for (size_t i = 0; i < n_verb_groups; i++)
		add_word(out, &line, verb_groups[i], (int)strlen(verb_groups[i]));
	str_add_char(out, '\n');
}

void help_overview(struct str *out)
{
	str_add(out, "Usage:  berth [--config FILE] [-D] COMMAND\n\n");
	add_section(out, "Containers", SECTION_CONTAINERS);
	add_section(out, "Images", SECTION_IMAGES);
	add_section(out, "Engine", SECTION_ENGINE);
	add_more(out);
	str_add(out, "\n'berth COMMAND --help' tells more about a command.\n");
}

void help_group(const char *group, struct str *out)
{
	size_t len = strlen(group);

	str_addf(out, "Usage:  berth %s COMMAND\n\nCommands:\n", group);
	for (size_t i = 0; i < n_verbs; i++) {
		const char *name = verbs[i].names;

		while (name && (strncmp(name, group, len) != 0 || name[len] != ' ')) {
			name = strchr(name, '|');
			name = name ? name + 1 : NULL;
		}
		if (name && !(verbs[i].flags & VERB_HIDDEN))
			str_addf(out, "  %-*.*s  %s\n", NAME_WIDTH,
				 (int)strcspn(name + len + 1, "|"), name + len + 1, verbs[i].doc);
	}
	str_addf(out, "\n'berth %s COMMAND --help' tells more about a command.\n", group);
}

/* ------------------------------------------------------------------------------------- flags */

static const char *metavar(const struct option *option)
{
	if (option->metavar)
		return option->metavar;
	switch (option->type) {
	case OPTION_LIST:
		return "list";
	case OPTION_STRING:
		return "string";
	case OPTION_INT:
		return "int";
	case OPTION_SIZE:
	case OPTION_SWAP:
		return "bytes";
	case OPTION_DURATION:
		return "duration";
	case OPTION_CPUS:
		return "decimal";
	case OPTION_BOOL:
	case OPTION_END:
	case OPTION_TABLE:
		break;
	}
	return "";
}

static void flag_text(const struct option *option, struct str *out)
{
	str_clear(out);
	if (option->letter)
		str_addf(out, "  -%c, --%s", option->letter, option->name);
	else
		str_addf(out, "      --%s", option->name);
	if (option->type != OPTION_BOOL)
		str_addf(out, " %s", metavar(option));
}

static void add_option(void *arg, const struct option *option)
{
	cleanup_str struct str flag = STR_INIT;
	struct str *out = arg;

	if (option->flags & (OPTION_HIDDEN | OPTION_IGNORED) || !option->doc)
		return;
	flag_text(option, &flag);
	if (flag.len > FLAGS_MAX - 2)
		str_addf(out, "%s\n%*s%s\n", str_text(&flag), FLAGS_MAX, "", option->doc);
	else
		str_addf(out, "%-*s%s\n", FLAGS_MAX, str_text(&flag), option->doc);
}

void help_verb(const struct verb *verb, const char *name, struct str *out)
{
	str_addf(out, "Usage:  berth %s %s\n\n%s\n", name, verb->usage, verb->doc);
	if (strchr(verb->names, '|')) {
		cleanup_strv char **names = strv_split(verb->names, '|');
		const char *comma = "";

		str_add(out, "\nAliases:\n  ");
		strv_foreach (alias, names) {
			str_addf(out, "%sberth %s", comma, *alias);
			comma = ", ";
		}
		str_add_char(out, '\n');
	}
	if (!verb->options)
		return;
	str_add(out, "\nOptions:\n");
	option_each(verb->options, add_option, out);
}
