/* SPDX-License-Identifier: Apache-2.0 */
#include "template_tree.h"

#include <string.h>

#include "template_lex.h"
#include "template_literal.h"

enum { VARIABLES_MAX = 1000 };

struct parser {
	struct arena *arena;
	const char *source;
	struct token *tokens;
	size_t at;
	char lex_error[128];
	unsigned depth, ranges;
	const char *variables[VARIABLES_MAX];
	size_t n_variables;
	struct berth_error *err;
};

/* how a body ended */
enum stop {
	STOP_EOF,
	STOP_END,
	STOP_ELSE,
};

static int parse_body(struct parser *p, struct node **ret, enum stop *ret_stop);
static int parse_pipe(struct parser *p, const char *context, enum token_kind end,
		      struct node **ret);

/* ---------------------------------------------------------------------------------- messages */

BERTH_PRINTF(3, 4)
static int fail_at(struct parser *p, const struct token *t, const char *fmt, ...)
{
	unsigned line, byte;
	va_list ap;

	lexer_place(p->source, t->start, &line, &byte);
	va_start(ap, fmt);
	(void)berth_vfail(p->err, BERTH_E_INVALID, 0, fmt, ap);
	va_end(ap);
	berth_error_prefix(p->err, "template: :%u", line);
	return -BERTH_E_INVALID;
}

static bool word_is(const struct parser *p, const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && strlen(word) == t->end - t->start &&
	       memcmp(p->source + t->start, word, t->end - t->start) == 0;
}

static bool is_keyword(const struct parser *p, const struct token *t)
{
	static const char *const keywords[] = {
		"block", "break", "continue", "define",	  "else", "end",
		"if",	 "range", "nil",      "template", "with",
	};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (word_is(p, t, keywords[i]))
			return true;
	return false;
}

static int unexpected(struct parser *p, const struct token *t, const char *context)
{
	size_t n = t->end - t->start;

	if (t->kind == TOKEN_ERROR)
		return fail_at(p, t, "%s", p->lex_error);
	if (t->kind == TOKEN_EOF)
		return fail_at(p, t, "unexpected EOF");
	if (is_keyword(p, t) || t->kind == TOKEN_DOT)
		return fail_at(p, t, "unexpected <%.*s> in %s", (int)n, p->source + t->start,
			       context);
	return fail_at(p, t, "unexpected \"%.*s\"%s in %s", n > 10 ? 10 : (int)n,
		       p->source + t->start, n > 10 ? "..." : "", context);
}

static int no_memory(struct parser *p)
{
	return berth_fail(p->err, BERTH_E_NO_MEMORY, "out of memory");
}

/* ------------------------------------------------------------------------------------ tokens */

static const struct token *next(struct parser *p)
{
	const struct token *t = &p->tokens[p->at];

	if (t->kind != TOKEN_EOF && t->kind != TOKEN_ERROR)
		p->at++;
	return t;
}

static const struct token *peek(struct parser *p)
{
	return &p->tokens[p->at];
}

static const struct token *peek_solid(struct parser *p)
{
	while (peek(p)->kind == TOKEN_SPACE)
		p->at++;
	return peek(p);
}

static const struct token *next_solid(struct parser *p)
{
	(void)peek_solid(p);
	return next(p);
}

static struct node *new_node(struct parser *p, enum node_kind kind, const struct token *t)
{
	struct node *n = arena_alloc(p->arena, sizeof(*n));

	if (n) {
		n->kind = kind;
		n->pos = n->start = t->start;
		n->end = t->end;
		n->text.p = "";
	}
	return n;
}

static const char *token_text(struct parser *p, const struct token *t)
{
	return arena_copy(p->arena, p->source + t->start, t->end - t->start);
}

/* ---------------------------------------------------------------------------------- operands */

static bool is_known_variable(const struct parser *p, const char *name)
{
	for (size_t i = p->n_variables; i > 0; i--)
		if (strcmp(p->variables[i - 1], name) == 0)
			return true;
	return strcmp(name, "$") == 0;
}

static int add_field(struct parser *p, struct node *n, const struct token *t)
{
	struct name *name = arena_alloc(p->arena, sizeof(*name));
	struct name **last = &n->fields;

	if (!name)
		return no_memory(p);
	name->text = arena_copy(p->arena, p->source + t->start + 1, t->end - t->start - 1);
	if (!name->text)
		return no_memory(p);
	while (*last)
		last = &(*last)->next;
	*last = name;
	n->end = t->end;
	return 0;
}

static int parse_word(struct parser *p, const struct token *t, struct node **ret)
{
	struct node *n = new_node(p, NODE_FUNCTION, t);

	if (!n)
		return no_memory(p);
	if (word_is(p, t, "true") || word_is(p, t, "false")) {
		n->kind = NODE_BOOL;
		n->boolean = word_is(p, t, "true");
	} else if (word_is(p, t, "nil")) {
		n->kind = NODE_NIL;
	} else {
		n->function = template_function(p->source + t->start, t->end - t->start);
		if (!n->function)
			return fail_at(p, t, "function \"%.*s\" not defined",
				       (int)(t->end - t->start), p->source + t->start);
	}
	*ret = n;
	return 0;
}

static int parse_number(struct parser *p, const struct token *t, struct node **ret)
{
	struct node *n = new_node(p, NODE_INT, t);
	const char *text = token_text(p, t);
	bool is_float = false;

	if (!n || !text)
		return no_memory(p);
	if (t->kind == TOKEN_CHAR) {
		if (!literal_char(text, &n->integer))
			return fail_at(p, t, "malformed character constant: %s", text);
	} else if (!literal_number(text, &is_float, &n->integer, &n->number)) {
		return fail_at(p, t, "%s number syntax: \"%s\"",
			       strlen(text) == 1 ? "illegal" : "bad", text);
	}
	if (is_float)
		n->kind = NODE_FLOAT;
	*ret = n;
	return 0;
}

static int parse_string(struct parser *p, const struct token *t, struct node **ret)
{
	struct node *n = new_node(p, NODE_STRING, t);
	char *text = arena_copy(p->arena, p->source + t->start + 1, t->end - t->start - 2);

	if (!n || !text)
		return no_memory(p);
	n->text.n = t->end - t->start - 2;
	if (t->kind == TOKEN_STRING && !literal_unquote(text, &n->text.n))
		return fail_at(p, t, "invalid syntax");
	n->text.p = text;
	*ret = n;
	return 0;
}

static int parse_variable(struct parser *p, const struct token *t, struct node **ret)
{
	struct node *n = new_node(p, NODE_VARIABLE, t);

	if (!n)
		return no_memory(p);
	n->text.p = token_text(p, t);
	if (!n->text.p)
		return no_memory(p);
	if (!is_known_variable(p, n->text.p))
		return fail_at(p, t, "undefined variable \"%s\"", n->text.p);
	*ret = n;
	return 0;
}

static int parse_field(struct parser *p, const struct token *t, struct node **ret)
{
	struct node *n = new_node(p, NODE_FIELD, t);

	if (!n)
		return no_memory(p);
	*ret = n;
	return add_field(p, n, t);
}

/* *ret NULL: what follows is no operand, and is not consumed */
static int parse_term(struct parser *p, struct node **ret)
{
	const struct token *t = peek_solid(p);
	struct node *n;
	int r;

	*ret = NULL;
	switch (t->kind) {
	case TOKEN_WORD:
		return parse_word(p, next(p), ret);
	case TOKEN_DOT:
		*ret = new_node(p, NODE_DOT, next(p));
		return *ret ? 0 : no_memory(p);
	case TOKEN_VARIABLE:
		return parse_variable(p, next(p), ret);
	case TOKEN_FIELD:
		return parse_field(p, next(p), ret);
	case TOKEN_NUMBER:
	case TOKEN_CHAR:
		return parse_number(p, next(p), ret);
	case TOKEN_STRING:
	case TOKEN_RAW_STRING:
		return parse_string(p, next(p), ret);
	case TOKEN_OPEN:
		next(p);
		r = parse_pipe(p, "parenthesized pipeline", TOKEN_CLOSE, &n);
		if (r < 0)
			return r;
		n->start = n->pos = t->start;
		n->end = p->tokens[p->at - 1].end;
		*ret = n;
		return 0;
	case TOKEN_ERROR:
	case TOKEN_EOF:
	case TOKEN_TEXT:
	case TOKEN_LEFT:
	case TOKEN_RIGHT:
	case TOKEN_SPACE:
	case TOKEN_PIPE:
	case TOKEN_CLOSE:
	case TOKEN_COMMA:
	case TOKEN_ASSIGN:
	case TOKEN_DECLARE:
	case TOKEN_OTHER:
		break;
	}
	return 0;
}

static int after_term(struct parser *p, const struct node *n)
{
	cleanup_str struct str quoted = STR_INIT;

	template_quote(p->source + n->start, n->end - n->start, &quoted);
	return fail_at(p, peek(p), "unexpected . after term %s", str_text(&quoted));
}

/* a term, and fields of it */
static int parse_operand(struct parser *p, struct node **ret)
{
	struct node *n, *chain;
	int r = parse_term(p, &n);

	if (r < 0)
		return r;
	*ret = n;
	if (!n || peek(p)->kind != TOKEN_FIELD)
		return 0;
	switch (n->kind) {
	case NODE_BOOL:
	case NODE_STRING:
	case NODE_INT:
	case NODE_FLOAT:
	case NODE_NIL:
	case NODE_DOT:
		return after_term(p, n);
	case NODE_FIELD:
	case NODE_VARIABLE:
		chain = n;
		break;
	default:
		chain = new_node(p, NODE_CHAIN, peek(p));
		if (!chain)
			return no_memory(p);
		chain->pipe = n;
		chain->start = n->start;
	}
	chain->pos = peek(p)->start;
	while (r == 0 && peek(p)->kind == TOKEN_FIELD)
		r = add_field(p, chain, next(p));
	*ret = chain;
	return r;
}

/* --------------------------------------------------------------------------------- pipelines */

static int parse_command(struct parser *p, struct node **ret)
{
	struct node *command = new_node(p, NODE_COMMAND, peek_solid(p));
	struct node **last;
	size_t n_operands = 0;

	if (!command)
		return no_memory(p);
	last = &command->list;
	for (;;) {
		const struct token *t;
		int r = parse_operand(p, last);

		if (r < 0)
			return r;
		if (*last) {
			command->end = (*last)->end;
			last = &(*last)->next;
			if (++n_operands > TEMPLATE_ARGS_MAX)
				return fail_at(p, peek(p), "more than %d operands",
					       TEMPLATE_ARGS_MAX);
		}
		t = peek(p);
		if (t->kind == TOKEN_SPACE) {
			next(p);
			continue;
		}
		if (t->kind == TOKEN_PIPE)
			next(p);
		else if (t->kind != TOKEN_RIGHT && t->kind != TOKEN_CLOSE)
			return unexpected(p, t, "operand");
		if (!command->list)
			return fail_at(p, t, "empty command");
		*ret = command;
		return 0;
	}
}

static int declare(struct parser *p, struct node *pipe, const struct token *t, bool is_new)
{
	const char *name = token_text(p, t);

	if (!name)
		return no_memory(p);
	if (!is_new && !is_known_variable(p, name))
		return fail_at(p, t, "undefined variable \"%s\"", name);
	if (p->n_variables == VARIABLES_MAX)
		return fail_at(p, t, "more than %d variables", VARIABLES_MAX);
	if (is_new)
		p->variables[p->n_variables++] = name;
	pipe->declared[pipe->n_declared++] = name;
	return 0;
}

/* "$x :=", "$x =", "$i, $x :=" if they are there */
static int parse_declarations(struct parser *p, const char *context, struct node *pipe)
{
	size_t begin = p->at;
	const struct token *names[2];
	const struct token *t;
	bool comma = false;
	unsigned n = 0;
	int r = 0;

	while (peek_solid(p)->kind == TOKEN_VARIABLE && n < 2) {
		names[n++] = next(p);
		t = peek_solid(p);
		if (t->kind == TOKEN_DECLARE || t->kind == TOKEN_ASSIGN) {
			next(p);
			pipe->assign = t->kind == TOKEN_ASSIGN;
			for (unsigned i = 0; r == 0 && i < n; i++)
				r = declare(p, pipe, names[i], !pipe->assign);
			return r;
		}
		if (t->kind != TOKEN_COMMA)
			break;
		if (strcmp(context, "range") != 0 || n == 2)
			return fail_at(p, t, "too many declarations in %s", context);
		comma = true;
		next(p);
	}
	if (comma && n == 2 && !is_known_variable(p, token_text(p, names[1])))
		return fail_at(p, names[1], "undefined variable \"%.*s\"",
			       (int)(names[1]->end - names[1]->start), p->source + names[1]->start);
	if (comma)
		return fail_at(p, peek(p), "range can only initialize variables");
	p->at = begin;
	return 0;
}

static bool is_executable(const struct node *command)
{
	switch (command->list->kind) {
	case NODE_BOOL:
	case NODE_DOT:
	case NODE_NIL:
	case NODE_INT:
	case NODE_FLOAT:
	case NODE_STRING:
		return false;
	default:
		return true;
	}
}

static int check_pipe(struct parser *p, const struct token *end, const char *context,
		      const struct node *pipe)
{
	unsigned stage = 2;

	if (!pipe->list)
		return fail_at(p, end, "missing value for %s", context);
	for (const struct node *c = pipe->list->next; c; c = c->next, stage++)
		if (!is_executable(c))
			return fail_at(p, end, "non executable command in pipeline stage %u",
				       stage);
	return 0;
}

static int parse_pipe(struct parser *p, const char *context, enum token_kind end, struct node **ret)
{
	struct node *pipe = new_node(p, NODE_PIPE, peek_solid(p));
	struct node **last;
	int r;

	if (!pipe)
		return no_memory(p);
	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return berth_fail(p->err, BERTH_E_LIMIT, "template: nested deeper than %d levels",
				  TEMPLATE_DEPTH_MAX);
	r = parse_declarations(p, context, pipe);
	if (r < 0)
		return r;
	last = &pipe->list;
	for (;;) {
		const struct token *t = peek_solid(p);

		if (t->kind == end) {
			r = check_pipe(p, t, context, pipe);
			if (r < 0)
				return r;
			next(p);
			break;
		}
		if (t->kind < TOKEN_DOT && t->kind != TOKEN_OPEN)
			return unexpected(p, t, context);
		r = parse_command(p, last);
		if (r < 0)
			return r;
		pipe->end = (*last)->end;
		last = &(*last)->next;
	}
	p->depth--;
	*ret = pipe;
	return 0;
}

/* ----------------------------------------------------------------------------------- actions */

static int expect_right(struct parser *p, const char *context)
{
	const struct token *t = next_solid(p);

	return t->kind == TOKEN_RIGHT ? 0 : unexpected(p, t, context);
}

/* what follows {{else}}: a body, or with "else if" another one of these as the only thing in it */
static int parse_control(struct parser *p, enum node_kind kind, const struct token *word,
			 struct node **ret);

static int parse_else(struct parser *p, struct node *n, bool *ret_closed)
{
	const struct token *t = peek_solid(p);
	enum stop stop;
	int r;

	*ret_closed = false;
	if ((n->kind == NODE_IF && word_is(p, t, "if")) ||
	    (n->kind == NODE_WITH && word_is(p, t, "with"))) {
		next(p);
		*ret_closed = true; /* the inner one takes the {{end}} */
		return parse_control(p, n->kind, t, &n->otherwise);
	}
	r = expect_right(p, "else");
	if (r < 0)
		return r;
	r = parse_body(p, &n->otherwise, &stop);
	if (r < 0)
		return r;
	if (stop == STOP_ELSE)
		return fail_at(p, &p->tokens[p->at - 1], "expected end; found {{else}}");
	return 0;
}

static int parse_control(struct parser *p, enum node_kind kind, const struct token *word,
			 struct node **ret)
{
	static const char *const contexts[] = {
		[NODE_IF] = "if", [NODE_WITH] = "with", [NODE_RANGE] = "range"};
	struct node *n = new_node(p, kind, word);
	size_t outer = p->n_variables;
	enum stop stop;
	bool closed = false;
	int r;

	if (!n)
		return no_memory(p);
	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return berth_fail(p->err, BERTH_E_LIMIT, "template: nested deeper than %d levels",
				  TEMPLATE_DEPTH_MAX);
	r = parse_pipe(p, contexts[kind], TOKEN_RIGHT, &n->pipe);
	if (r < 0)
		return r;
	p->ranges += kind == NODE_RANGE;
	r = parse_body(p, &n->list, &stop);
	if (r < 0)
		return r;
	p->ranges -= kind == NODE_RANGE;
	if (stop == STOP_ELSE)
		r = parse_else(p, n, &closed);
	if (r < 0)
		return r;
	if (!closed) {
		r = expect_right(p, "end");
		if (r < 0)
			return r;
	}
	p->depth--;
	p->n_variables = outer;
	*ret = n;
	return 0;
}

static int parse_jump(struct parser *p, const struct token *word, struct node **ret)
{
	bool is_break = word_is(p, word, "break");
	int r = expect_right(p, is_break ? "{{break}}" : "{{continue}}");

	if (r < 0)
		return r;
	if (p->ranges == 0)
		return fail_at(p, word, "{{%s}} outside {{range}}",
			       is_break ? "break" : "continue");
	*ret = new_node(p, is_break ? NODE_BREAK : NODE_CONTINUE, word);
	return *ret ? 0 : no_memory(p);
}

/* after "{{". *ret NULL: {{end}} or {{else}}, told by *ret_stop, of which only the word is consumed
 */
static int parse_action(struct parser *p, struct node **ret, enum stop *ret_stop)
{
	const struct token *t = peek_solid(p);
	int r;

	*ret = NULL;
	if (is_keyword(p, t) && !word_is(p, t, "nil")) {
		next(p);
		if (word_is(p, t, "if"))
			return parse_control(p, NODE_IF, t, ret);
		if (word_is(p, t, "with"))
			return parse_control(p, NODE_WITH, t, ret);
		if (word_is(p, t, "range"))
			return parse_control(p, NODE_RANGE, t, ret);
		if (word_is(p, t, "break") || word_is(p, t, "continue"))
			return parse_jump(p, t, ret);
		if (word_is(p, t, "end") || word_is(p, t, "else")) {
			*ret_stop = word_is(p, t, "end") ? STOP_END : STOP_ELSE;
			return 0;
		}
		return fail_at(p, t, "{{%.*s}} is not supported", (int)(t->end - t->start),
			       p->source + t->start);
	}
	*ret = new_node(p, NODE_ACTION, t);
	if (!*ret)
		return no_memory(p);
	r = parse_pipe(p, "command", TOKEN_RIGHT, &(*ret)->pipe);
	return r;
}

static int parse_body(struct parser *p, struct node **ret, enum stop *ret_stop)
{
	struct node **last = ret;

	*ret = NULL;
	for (;;) {
		const struct token *t = next(p);
		int r = 0;

		if (t->kind == TOKEN_EOF) {
			if (p->depth > 0)
				return unexpected(p, t, "");
			*ret_stop = STOP_EOF;
			return 0;
		}
		if (t->kind == TOKEN_TEXT) {
			*last = new_node(p, NODE_TEXT, t);
			if (!*last)
				return no_memory(p);
			(*last)->text = (struct text){p->source + t->start, t->end - t->start};
		} else if (t->kind == TOKEN_LEFT) {
			r = parse_action(p, last, ret_stop);
			if (r == 0 && !*last)
				return 0;
		} else {
			r = unexpected(p, t, "input");
		}
		if (r < 0)
			return r;
		last = &(*last)->next;
	}
}

/* ------------------------------------------------------------------------------------- whole */

static int lex_all(struct parser *p, size_t len)
{
	struct lexer lx = {.text = p->source, .len = len};
	size_t cap = 0, n = 0;

	do {
		if (n == cap) {
			struct token *more;

			cap = cap ? cap * 2 : 64;
			more = realloc(p->tokens, cap * sizeof(*more));
			if (!more)
				return no_memory(p);
			p->tokens = more;
		}
		p->tokens[n] = lexer_next(&lx);
	} while (p->tokens[n].kind != TOKEN_EOF && p->tokens[n++].kind != TOKEN_ERROR);
	memcpy(p->lex_error, lx.error, sizeof(p->lex_error));
	return 0;
}

static int parse_all(struct parser *p, size_t len, struct node **ret)
{
	enum stop stop;
	int r = lex_all(p, len);

	if (r < 0)
		return r;
	r = parse_body(p, ret, &stop);
	if (r < 0)
		return r;
	if (stop != STOP_EOF)
		return fail_at(p, &p->tokens[p->at - 1], "unexpected {{%s}}",
			       stop == STOP_END ? "end" : "else");
	return 0;
}

int template_parse(const char *text, struct template **ret, struct berth_error *err)
{
	size_t len = strlen(text);
	cleanup_template struct template *t = calloc(1, sizeof(*t));
	cleanup_free struct parser *p = calloc(1, sizeof(*p));
	cleanup_free struct token *tokens = NULL;
	int r;

	if (!t || !p)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (len > TEMPLATE_SOURCE_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "template: longer than %d bytes",
				  TEMPLATE_SOURCE_MAX);
	t->source = (struct text){arena_copy(&t->arena, text, len), len};
	if (!t->source.p)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	p->arena = &t->arena;
	p->source = t->source.p;
	p->err = err;
	r = parse_all(p, len, &t->body);
	tokens = p->tokens;
	if (r < 0)
		return r;
	*ret = steal_ptr(t);
	return 0;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	arena_done(&t->arena);
	free(t);
}
