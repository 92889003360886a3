/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_tree: a parsed template; what template_parse makes and template_exec walks.
 */
#ifndef BERTH_TEMPLATE_TREE_H
#define BERTH_TEMPLATE_TREE_H

#include "arena.h"
#include "template.h"
#include "template_func.h"

/** Bytes; p is never NULL. NUL-terminated behind them, but for plain text. */
struct text {
	const char *p;
	size_t n;
};

enum node_kind {
	/* what a body consists of */
	NODE_TEXT,
	NODE_ACTION,
	NODE_IF,
	NODE_WITH,
	NODE_RANGE,
	NODE_BREAK,
	NODE_CONTINUE,
	/* within the braces */
	NODE_PIPE,
	NODE_COMMAND,
	NODE_DOT,
	NODE_NIL,
	NODE_BOOL,
	NODE_INT,
	NODE_FLOAT,
	NODE_STRING,
	NODE_FIELD,
	NODE_VARIABLE,
	NODE_FUNCTION,
	NODE_CHAIN, /* fields of something in parentheses */
};

struct name {
	const char *text;
	struct name *next;
};

struct node {
	enum node_kind kind;
	size_t pos;	   /* for messages: as Go counts */
	size_t start, end; /* of its text in the source */
	struct node *next;
	struct node *pipe;	/* ACTION IF WITH RANGE; CHAIN: what stands in front */
	struct node *list;	/* body; commands of a PIPE, operands of a COMMAND */
	struct node *otherwise; /* body after else */
	struct text text;	/* TEXT STRING; name of VARIABLE */
	struct name *fields;	/* FIELD VARIABLE CHAIN */
	const struct template_function *function;
	union {
		bool boolean;
		int64_t integer;
		double number;
	};
	const char *declared[2]; /* PIPE: "$x" */
	unsigned n_declared;
	bool assign; /* "=" rather than ":=" */
};

struct template
{
	struct arena arena;
	struct text source;
	struct node *body;
};

#endif
