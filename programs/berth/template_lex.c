/* SPDX-License-Identifier: Apache-2.0 */
#include "template_lex.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* letters of any script count: what is not ASCII is taken for one */
static bool is_word(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static char at(const struct lexer *lx, size_t pos)
{
	return pos < lx->len ? lx->text[pos] : '\0';
}

static bool has(const struct lexer *lx, size_t pos, const char *word)
{
	size_t n = strlen(word);

	return pos <= lx->len && n <= lx->len - pos && memcmp(lx->text + pos, word, n) == 0;
}

static struct token token(struct lexer *lx, enum token_kind kind, size_t end)
{
	struct token t = {kind, lx->pos, end};

	lx->pos = end;
	return t;
}

BERTH_PRINTF(2, 3)
static struct token fail(struct lexer *lx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(lx->error, sizeof(lx->error), fmt, ap);
	va_end(ap);
	return (struct token){TOKEN_ERROR, lx->pos, lx->pos};
}

/* "{{-" followed by a blank */
static bool trims_left(const struct lexer *lx, size_t pos)
{
	return at(lx, pos + 2) == '-' && pos + 3 < lx->len && is_blank(lx->text[pos + 3]);
}

/* a blank and "-}}" */
static bool trims_right(const struct lexer *lx, size_t pos)
{
	return pos < lx->len && is_blank(lx->text[pos]) && has(lx, pos + 1, "-}}");
}

/* past the comment whose braces are at @start, with its trimming; false: lx->error says why not */
static bool skip_comment(struct lexer *lx, size_t start)
{
	size_t end = start + 2;

	while (end < lx->len && !has(lx, end, "*/"))
		end++;
	if (end >= lx->len) {
		(void)fail(lx, "unclosed comment");
		return false;
	}
	end += 2;
	lx->trim = trims_right(lx, end);
	if (lx->trim)
		end += 2;
	if (!has(lx, end, "}}")) {
		(void)fail(lx, "comment ends before closing delimiter");
		return false;
	}
	lx->pos = end + 2;
	return true;
}

/* from lx->pos to the next {{, which becomes lx->pos; without the blanks that are trimmed away */
static struct token plain_text(struct lexer *lx)
{
	size_t start = lx->pos, end = lx->pos;

	while (end < lx->len && !has(lx, end, "{{"))
		end++;
	lx->pos = end;
	if (lx->trim)
		while (start < end && is_blank(lx->text[start]))
			start++;
	lx->trim = false;
	if (end < lx->len && trims_left(lx, end))
		while (end > start && is_blank(lx->text[end - 1]))
			end--;
	return (struct token){TOKEN_TEXT, start, end};
}

static struct token lex_text(struct lexer *lx)
{
	for (;;) {
		struct token t = plain_text(lx);
		size_t after;

		if (t.start < t.end)
			return t;
		if (lx->pos >= lx->len)
			return (struct token){TOKEN_EOF, lx->len, lx->len};
		after = lx->pos + 2;
		if (trims_left(lx, lx->pos))
			after += 2;
		if (!has(lx, after, "/*")) {
			lx->inside = true;
			lx->parens = 0;
			return token(lx, TOKEN_LEFT, after);
		}
		if (!skip_comment(lx, after))
			return (struct token){TOKEN_ERROR, lx->pos, lx->pos};
	}
}

static struct token lex_space(struct lexer *lx)
{
	size_t end = lx->pos;

	while (end < lx->len && is_blank(lx->text[end])) {
		if (trims_right(lx, end) && end > lx->pos)
			break;
		if (trims_right(lx, end)) {
			lx->trim = true;
			lx->inside = false;
			if (lx->parens)
				return fail(lx, "unclosed left paren");
			return token(lx, TOKEN_RIGHT, end + 4);
		}
		end++;
	}
	return token(lx, TOKEN_SPACE, end);
}

static struct token lex_quoted(struct lexer *lx, char quote, enum token_kind kind)
{
	size_t end = lx->pos + 1;

	for (; end < lx->len; end++) {
		char c = lx->text[end];

		if (c == quote)
			return token(lx, kind, end + 1);
		if (quote == '`')
			continue;
		if (c == '\n')
			break;
		if (c == '\\')
			end++;
	}
	if (quote == '`')
		return fail(lx, "unterminated raw quoted string");
	return fail(lx, "unterminated %s", quote == '"' ? "quoted string" : "character constant");
}

static bool ends_word(const struct lexer *lx, size_t pos)
{
	char c = at(lx, pos);

	return pos >= lx->len || is_blank(c) || strchr(".,|:=()", c) || has(lx, pos, "}}");
}

static struct token bad_character(struct lexer *lx, size_t pos)
{
	unsigned char c = (unsigned char)at(lx, pos);

	if (c < 0x20 || c > 0x7e)
		return fail(lx, "bad character U+%04X", c);
	return fail(lx, "bad character U+%04X '%c'", c, c);
}

static struct token lex_word(struct lexer *lx, enum token_kind kind, size_t end)
{
	while (end < lx->len && is_word(lx->text[end]))
		end++;
	if (!ends_word(lx, end))
		return bad_character(lx, end);
	return token(lx, kind, end);
}

/* the parser judges what is a number; here only where it ends */
static struct token lex_number(struct lexer *lx)
{
	size_t end = lx->pos;
	size_t begin;
	bool hex;

	if (at(lx, end) == '+' || at(lx, end) == '-')
		end++;
	begin = end;
	hex = has(lx, end, "0x") || has(lx, end, "0X");
	while (end < lx->len) {
		char c = lx->text[end];
		bool sign = end > begin && (c == '+' || c == '-');

		if (sign && !strchr(hex ? "pP" : "eEpP", lx->text[end - 1]))
			return token(lx, TOKEN_NUMBER,
				     end + 1); /* not one, as the parser will say */
		if (!is_word(c) && c != '.' && !sign)
			break;
		end++;
	}
	return token(lx, TOKEN_NUMBER, end);
}

static struct token lex_inside(struct lexer *lx)
{
	char c = at(lx, lx->pos), next = at(lx, lx->pos + 1);
	size_t pos = lx->pos;

	if (pos >= lx->len)
		return fail(lx, "unclosed action");
	if (has(lx, pos, "}}")) {
		if (lx->parens)
			return fail(lx, "unclosed left paren");
		lx->inside = false;
		return token(lx, TOKEN_RIGHT, pos + 2);
	}
	if (is_blank(c))
		return lex_space(lx);
	switch (c) {
	case '|':
		return token(lx, TOKEN_PIPE, pos + 1);
	case ',':
		return token(lx, TOKEN_COMMA, pos + 1);
	case '=':
		return token(lx, TOKEN_ASSIGN, pos + 1);
	case ':':
		if (next != '=')
			return fail(lx, "expected :=");
		return token(lx, TOKEN_DECLARE, pos + 2);
	case '(':
		lx->parens++;
		return token(lx, TOKEN_OPEN, pos + 1);
	case ')':
		if (!lx->parens)
			return fail(lx, "unexpected right paren");
		lx->parens--;
		return token(lx, TOKEN_CLOSE, pos + 1);
	case '"':
		return lex_quoted(lx, '"', TOKEN_STRING);
	case '`':
		return lex_quoted(lx, '`', TOKEN_RAW_STRING);
	case '\'':
		return lex_quoted(lx, '\'', TOKEN_CHAR);
	case '$':
		return lex_word(lx, TOKEN_VARIABLE, pos + 1);
	case '.':
		if ((next >= '0' && next <= '9') || pos + 1 == lx->len)
			return lex_number(lx);
		if (is_word(next))
			return lex_word(lx, TOKEN_FIELD, pos + 1);
		if (!ends_word(lx, pos + 1))
			return bad_character(lx, pos + 1);
		return token(lx, TOKEN_DOT, pos + 1);
	default:
		break;
	}
	if (c == '+' || c == '-' || (c >= '0' && c <= '9'))
		return lex_number(lx);
	if (is_word(c))
		return lex_word(lx, TOKEN_WORD, pos);
	if (c > 0x20 && c < 0x7f)
		return token(lx, TOKEN_OTHER, pos + 1);
	return fail(lx, "unrecognized character in action: U+%04X", (unsigned char)c);
}

struct token lexer_next(struct lexer *lx)
{
	return lx->inside ? lex_inside(lx) : lex_text(lx);
}

void lexer_place(const char *text, size_t pos, unsigned *ret_line, unsigned *ret_byte)
{
	unsigned line = 1;
	size_t begin = 0;

	for (size_t i = 0; i < pos; i++) {
		if (text[i] != '\n')
			continue;
		line++;
		begin = i + 1;
	}
	*ret_line = line;
	*ret_byte = (unsigned)(pos - begin);
}
