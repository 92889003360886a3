/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template: Go's text/template over a struct record, as far as --format needs it.
 *
 *	r = template_parse("{{.Names}}: {{json .Labels}}", &t, err);
 *	r = template_exec(t, row, NULL, &out, err);
 *
 * There is: fields, variables, pipelines, parentheses, if, with, range (over lists, objects,
 * numbers) with else, break and continue, comments, trimming, all literals but complex numbers, the
 * functions of text/template (and or not eq ne lt le gt ge index slice len print printf println) and
 * docker's own (json join split lower upper title pad truncate). Not: define, template, block, call,
 * html, js, urlquery.
 *
 * Templates come from people, data from images: neither can make it crash, recurse without bound,
 * or use memory without bound. It knows nothing of containers; what the command knows about its data
 * is in struct template_env.
 */
#ifndef BERTH_TEMPLATE_H
#define BERTH_TEMPLATE_H

#include "base/record.h"
#include "base/str.h"

enum {
	TEMPLATE_SOURCE_MAX = 65536,
	TEMPLATE_DEPTH_MAX = 100,
	TEMPLATE_STEPS_MAX = 20000000,
	TEMPLATE_MEMORY_MAX = 64 << 20,
	TEMPLATE_OUTPUT_MAX = 256 << 20,
};

struct template;

/** What a key stands for when it is absent or null: in Go it has a type then, in JSON it has none.
 */
enum template_absent {
	TEMPLATE_ABSENT_UNKNOWN = 0, /* "<no value>", or with strict an error */
	TEMPLATE_ABSENT_LIST,	     /* prints "[]" */
	TEMPLATE_ABSENT_MAP,	     /* prints "map[]"; may miss any key, also with strict */
	TEMPLATE_ABSENT_POINTER,     /* prints "<nil>" */
	TEMPLATE_ABSENT_STRING,	     /* prints "" */
	TEMPLATE_ABSENT_ZERO,	     /* prints "0" */
	TEMPLATE_ABSENT_FALSE,	     /* prints "false" */
};

struct template_env {
	/** A key that is not there is an error, unless @absent knows it. */
	bool strict;
	/** The top value is a row of a list, with these fields and no others: an error calls it so.
	 */
	const char *row_type;
	/** For the headings of a table: json, lower, upper, title, truncate hand on what they get.
	 */
	bool headings;
	/** May be NULL. */
	enum template_absent (*absent)(const char *key);
	/**
	 * {{.Label "x"}} on the top value: the answer to @ret; false if there is no such method.
	 * With
	 * @arg NULL only whether there is one. May be NULL.
	 */
	bool (*method)(const void *method_arg, const char *name, const char *arg, struct str *ret);
	const void *method_arg;
};

/** INVALID: Go's words in one line, "template: :1: unclosed action". LIMIT. */
int template_parse(const char *text, struct template **ret, struct berth_error *err);
void template_free(struct template *t);
DEFINE_CLEANUP(struct template *, template_free);
#define cleanup_template cleanup_with(template_free_at)

/**
 * Append what comes out to @out. @env may be NULL. INVALID: "template: :1:2: executing "" at
 * <.Foo>: …"; what was made until then is in @out.
 */
int template_exec(const struct template *t, const struct record *data,
		  const struct template_env *env, struct str *out, struct berth_error *err);

/** Whether field @name of the top value (".Size", "$.Size") is asked for anywhere. */
bool template_uses(const struct template *t, const char *name);
/** Whether the top value as a whole may be used ("{{json .}}"), so that all of its fields are. */
bool template_uses_all(const struct template *t);

#endif
