/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_lex: the words of a template.
 */
#ifndef BERTH_TEMPLATE_LEX_H
#define BERTH_TEMPLATE_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "berth/driver.h"

enum token_kind {
	TOKEN_ERROR, /* text of the message in lexer.error */
	TOKEN_EOF,
	TOKEN_TEXT,
	TOKEN_LEFT,  /* {{ */
	TOKEN_RIGHT, /* }} */
	TOKEN_SPACE,
	TOKEN_PIPE,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_ASSIGN,
	TOKEN_DECLARE,
	TOKEN_OTHER, /* a character that means nothing */
	/* operands */
	TOKEN_DOT,
	TOKEN_FIELD,	/* with its dot */
	TOKEN_VARIABLE, /* with its dollar */
	TOKEN_WORD,
	TOKEN_NUMBER,
	TOKEN_CHAR,
	TOKEN_STRING, /* with its quotes */
	TOKEN_RAW_STRING,
};

struct token {
	enum token_kind kind;
	size_t start, end;
};

struct lexer {
	const char *text;
	size_t len;
	size_t pos;
	bool inside; /* of {{ }} */
	bool trim;   /* the text that follows loses its leading blanks */
	unsigned parens;
	char error[128];
};

struct token lexer_next(struct lexer *lx);

/** Line of @pos, from 1; the byte within that line as Go counts it. */
void lexer_place(const char *text, size_t pos, unsigned *ret_line, unsigned *ret_byte);

#endif
