/* SPDX-License-Identifier: Apache-2.0 */
#include "template_tree.h"

#include <inttypes.h>
#include <string.h>

#include "template_lex.h"

enum flow {
	FLOW_ON,
	FLOW_BREAK,
	FLOW_CONTINUE,
};

struct variable {
	const char *name;
	struct value value;
};

struct exec {
	const struct template *t;
	const struct template_env *env;
	struct value root;
	struct values values;
	struct variable *variables;
	size_t n_variables, cap_variables;
	const struct node *at; /* what is being looked at, for messages */
	size_t steps, out_begin;
	struct str *out;
	struct berth_error *err;
};

static int eval_pipe(struct exec *ex, const struct value *dot, const struct node *pipe,
		     struct value *ret);
static int walk(struct exec *ex, const struct value *dot, const struct node *n, enum flow *flow);

/* ---------------------------------------------------------------------------------- messages */

static void prefix_place(struct exec *ex)
{
	const struct text *source = &ex->t->source;
	const struct node *n = ex->at;
	unsigned line, byte;

	lexer_place(source->p, n->pos, &line, &byte);
	berth_error_prefix(ex->err, "template: :%u:%u: executing \"\" at <%.*s>", line, byte,
			   n->end - n->start > 200 ? 200 : (int)(n->end - n->start),
			   source->p + n->start);
}

BERTH_PRINTF(2, 3)
static int fail(struct exec *ex, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)berth_vfail(ex->err, BERTH_E_INVALID, 0, fmt, ap);
	va_end(ap);
	prefix_place(ex);
	return -BERTH_E_INVALID;
}

/* look at @n; LIMIT when there was too much to look at */
static int step(struct exec *ex, const struct node *n)
{
	ex->at = n;
	if (++ex->steps <= TEMPLATE_STEPS_MAX)
		return 0;
	return berth_fail(ex->err, BERTH_E_LIMIT, "template: more than %d steps",
			  TEMPLATE_STEPS_MAX);
}

/* --------------------------------------------------------------------------------- variables */

static int push_variable(struct exec *ex, const char *name, const struct value *v)
{
	if (ex->n_variables == ex->cap_variables) {
		size_t cap = ex->cap_variables ? ex->cap_variables * 2 : 16;
		struct variable *more = realloc(ex->variables, cap * sizeof(*more));

		if (!more)
			return berth_fail(ex->err, BERTH_E_NO_MEMORY, "out of memory");
		ex->variables = more;
		ex->cap_variables = cap;
	}
	ex->variables[ex->n_variables++] = (struct variable){name, *v};
	return 0;
}

static struct value *find_variable(struct exec *ex, const char *name)
{
	for (size_t i = ex->n_variables; i > 0; i--)
		if (strcmp(ex->variables[i - 1].name, name) == 0)
			return &ex->variables[i - 1].value;
	return &ex->root; /* "$"; the parser made sure that there are no others */
}

/* ------------------------------------------------------------------------------------ fields */

static struct value absent_value(struct exec *ex, const char *key)
{
	enum template_absent kind =
		ex->env->absent ? ex->env->absent(key) : TEMPLATE_ABSENT_UNKNOWN;

	switch (kind) {
	case TEMPLATE_ABSENT_LIST:
		return (struct value){.kind = VALUE_LIST};
	case TEMPLATE_ABSENT_MAP:
		return (struct value){.kind = VALUE_MAP, .free_keys = true};
	case TEMPLATE_ABSENT_POINTER:
		return (struct value){.kind = VALUE_POINTER};
	case TEMPLATE_ABSENT_STRING:
		return value_string("", 0);
	case TEMPLATE_ABSENT_ZERO:
		return value_int(0);
	case TEMPLATE_ABSENT_FALSE:
		return value_bool(false);
	case TEMPLATE_ABSENT_UNKNOWN:
		break;
	}
	return (struct value){.kind = VALUE_NONE};
}

static bool has_free_keys(struct exec *ex, const char *key)
{
	return ex->env->absent && ex->env->absent(key) == TEMPLATE_ABSENT_MAP;
}

/*
 * The key that is meant by @name. Docker's templates run over Go structs whose fields are written
 * "ID" and "CPUShares" where the JSON has "Id" and "CpuShares"; both are in use.
 */
static const char *find_key(const struct value *map, const char *name)
{
	const char *key;
	struct record *val;

	if (record_has(map->record, name) || map->free_keys)
		return name;
	record_foreach (map->record, key, val)
		if (strcasecmp(key, name) == 0 && name[0] == key[0])
			return key;
	return name;
}

static bool is_row(const struct exec *ex, const struct value *v)
{
	return ex->env->row_type && v->kind == VALUE_MAP && v->record == ex->root.record;
}

static int map_field(struct exec *ex, const struct value *map, const char *name, struct value *ret)
{
	const char *key = find_key(map, name);
	struct value v = value_member(map, key);

	if (v.kind == VALUE_NONE && is_row(ex, map))
		return fail(ex, "can't evaluate field %s in type %s", name, ex->env->row_type);
	if (v.kind == VALUE_NONE || v.kind == VALUE_NIL) {
		struct value absent = absent_value(ex, key);

		if (absent.kind != VALUE_NONE)
			v = absent;
		else if (v.kind == VALUE_NONE && ex->env->strict && !map->free_keys)
			return fail(ex, "map has no entry for key \"%s\"", name);
	}
	if (v.kind == VALUE_MAP)
		v.free_keys = has_free_keys(ex, key);
	*ret = v;
	return 0;
}

static int get_field(struct exec *ex, const struct value *from, const char *name, struct value *ret)
{
	switch (from->kind) {
	case VALUE_MAP:
		return map_field(ex, from, name, ret);
	case VALUE_NONE:
		if (ex->env->strict)
			return fail(ex, "nil data; no entry for key \"%s\"", name);
		*ret = *from;
		return 0;
	case VALUE_NIL:
	case VALUE_POINTER:
		return fail(ex, "nil pointer evaluating interface {}.%s", name);
	default:
		return fail(ex, "can't evaluate field %s in type %s", name, value_type_name(from));
	}
}

/* {{.Label "x"}}: a field of the row that takes an argument */
static int call_method(struct exec *ex, const struct value *from, const char *name,
		       const struct value *args, size_t n_args, struct value *ret)
{
	cleanup_str struct str out = STR_INIT;
	bool is_method = is_row(ex, from) && ex->env->method &&
			 ex->env->method(ex->env->method_arg, name, NULL, NULL);

	if (!is_method && !is_row(ex, from))
		return fail(ex, "%s is not a method but has arguments", name);
	if (!is_method || n_args != 1)
		return fail(ex, "wrong number of args for %s: want %d got %zu", name, is_method,
			    n_args);
	if (args[0].kind != VALUE_STRING)
		return fail(ex, "wrong type for value; expected string; got %s",
			    value_type_name(&args[0]));
	(void)ex->env->method(ex->env->method_arg, name, args[0].string.p, &out);
	return value_take_str(&ex->values, &out, ret, ex->err);
}

static int walk_fields(struct exec *ex, const struct value *from, const struct name *fields,
		       const struct value *args, size_t n_args, struct value *ret)
{
	struct value v = *from;

	for (const struct name *f = fields; f; f = f->next) {
		bool is_method = is_row(ex, &v) && ex->env->method &&
				 ex->env->method(ex->env->method_arg, f->text, NULL, NULL);
		struct value next;
		int r;

		if (is_method || (!f->next && n_args > 0))
			r = call_method(ex, &v, f->text, args, f->next ? 0 : n_args, &next);
		else
			r = get_field(ex, &v, f->text, &next);
		if (r < 0)
			return r;
		v = next;
	}
	*ret = v;
	return 0;
}

/* ---------------------------------------------------------------------------------- operands */

static int eval_arg(struct exec *ex, const struct value *dot, const struct node *n,
		    struct value *ret);

static int eval_variable(struct exec *ex, const struct node *n, const struct value *args,
			 size_t n_args, struct value *ret)
{
	const struct value *v = find_variable(ex, n->text.p);

	if (n_args > 0 && !n->fields)
		return fail(ex, "can't give argument to non-function %s", n->text.p);
	return walk_fields(ex, v, n->fields, args, n_args, ret);
}

static int eval_chain(struct exec *ex, const struct value *dot, const struct node *n,
		      const struct value *args, size_t n_args, struct value *ret)
{
	struct value v;
	int r = eval_arg(ex, dot, n->pipe, &v);

	if (r < 0)
		return r;
	return walk_fields(ex, &v, n->fields, args, n_args, ret);
}

static int not_a_function(struct exec *ex, const struct node *n)
{
	return fail(ex, "can't give argument to non-function %.*s", (int)(n->end - n->start),
		    ex->t->source.p + n->start);
}

/* an operand that is no function */
static int eval_operand(struct exec *ex, const struct value *dot, const struct node *n,
			const struct value *args, size_t n_args, struct value *ret)
{
	int r = step(ex, n);

	if (r < 0)
		return r;
	switch (n->kind) {
	case NODE_FIELD:
		return walk_fields(ex, dot, n->fields, args, n_args, ret);
	case NODE_VARIABLE:
		return eval_variable(ex, n, args, n_args, ret);
	case NODE_CHAIN:
		return eval_chain(ex, dot, n, args, n_args, ret);
	default:
		break;
	}
	if (n_args > 0)
		return not_a_function(ex, n);
	switch (n->kind) {
	case NODE_DOT:
		*ret = *dot;
		break;
	case NODE_PIPE:
		return eval_pipe(ex, dot, n, ret);
	case NODE_NIL:
		*ret = (struct value){.kind = VALUE_NIL};
		break;
	case NODE_BOOL:
		*ret = value_bool(n->boolean);
		break;
	case NODE_INT:
		*ret = value_int(n->integer);
		break;
	case NODE_FLOAT:
		*ret = (struct value){.kind = VALUE_FLOAT, .number = n->number};
		break;
	default:
		*ret = value_string(n->text.p, n->text.n);
		break;
	}
	return 0;
}

/* a call of @name with the operands from @first on; @whole is what messages show */
struct call {
	const struct node *name, *first, *whole;
	const struct value *final; /* from the pipeline, or NULL */
};

static int eval_call(struct exec *ex, const struct value *dot, const struct call *call,
		     struct value *ret);

/* an operand as an argument: a function stands for what it gives without arguments */
static int eval_arg(struct exec *ex, const struct value *dot, const struct node *n,
		    struct value *ret)
{
	if (n->kind == NODE_FUNCTION)
		return eval_call(ex, dot, &(struct call){.name = n, .whole = n}, ret);
	return eval_operand(ex, dot, n, NULL, 0, ret);
}

/* --------------------------------------------------------------------------------- functions */

static bool is_constant(const struct node *n)
{
	return n && (n->kind == NODE_BOOL || n->kind == NODE_INT || n->kind == NODE_FLOAT ||
		     n->kind == NODE_STRING);
}

static int check_type(struct exec *ex, char want, const struct node *n, const struct value *v)
{
	if ((want == 's' && v->kind == VALUE_STRING) || (want == 'i' && v->kind == VALUE_INT) ||
	    want == '.')
		return 0;
	if (is_constant(n))
		return fail(ex, "expected %s; found %.*s", want == 's' ? "string" : "integer",
			    (int)(n->end - n->start), ex->t->source.p + n->start);
	if (v->kind == VALUE_NONE || v->kind == VALUE_NIL || v->kind == VALUE_POINTER)
		return fail(ex, "invalid value; expected %s", want == 's' ? "string" : "int");
	return fail(ex, "wrong type for value; expected %s; got %s", want == 's' ? "string" : "int",
		    value_type_name(v));
}

static char type_of_arg(const struct template_function *f, size_t i)
{
	size_t n = strlen(f->types);

	return f->types[i < n ? i : n - 1];
}

/* "and", "or": the value that decided, and nothing behind it is evaluated */
static int eval_logic(struct exec *ex, const struct value *dot, const struct call *call,
		      struct value *ret)
{
	bool is_or = call->name->function->name[0] == 'o';
	struct value v = {.kind = VALUE_NIL};

	for (const struct node *n = call->first; n; n = n->next) {
		int r = eval_arg(ex, dot, n, &v);

		if (r < 0)
			return r;
		if (value_truth(&v) == is_or) {
			*ret = v;
			return 0;
		}
	}
	*ret = call->final ? *call->final : v;
	return 0;
}

static size_t count_args(const struct call *call)
{
	size_t n_args = call->final ? 1 : 0;

	for (const struct node *n = call->first; n; n = n->next)
		n_args++;
	return n_args;
}

static int eval_args(struct exec *ex, const struct value *dot, const struct call *call,
		     struct value *args)
{
	const struct template_function *f = call->name->function;
	size_t i = 0;

	for (const struct node *n = call->first; n; n = n->next, i++) {
		int r = eval_arg(ex, dot, n, &args[i]);

		if (r == 0)
			r = check_type(ex, type_of_arg(f, i), n, &args[i]);
		if (r < 0)
			return r;
	}
	if (!call->final)
		return 0;
	args[i] = *call->final;
	return check_type(ex, type_of_arg(f, i), NULL, call->final);
}

static int eval_call(struct exec *ex, const struct value *dot, const struct call *call,
		     struct value *ret)
{
	const struct template_function *f = call->name->function;
	struct value args[TEMPLATE_ARGS_MAX + 1];
	size_t n_args = count_args(call);
	int r = step(ex, call->name);

	if (r < 0)
		return r;
	if (n_args < f->min || (f->max && n_args > f->max))
		return fail(ex, "wrong number of args for %s: want %s%u got %zu", f->name,
			    f->max == f->min ? "" : "at least ", f->min, n_args);
	if (!f->call)
		return eval_logic(ex, dot, call, ret);
	r = eval_args(ex, dot, call, args);
	if (r < 0)
		return r;
	r = f->call(&ex->values, args, n_args, ret, ex->err);
	if (r == -BERTH_E_INVALID) {
		ex->at = call->whole;
		berth_error_prefix(ex->err, "error calling %s", f->name);
		prefix_place(ex);
	}
	return r;
}

/* --------------------------------------------------------------------------------- pipelines */

static int eval_command(struct exec *ex, const struct value *dot, const struct node *command,
			const struct value *final, struct value *ret)
{
	struct value args[TEMPLATE_ARGS_MAX + 1];
	const struct node *first = command->list;
	size_t n_args = 0;

	if (first->kind == NODE_FUNCTION) {
		struct call call = {first, first->next, command, final};

		return eval_call(ex, dot, &call, ret);
	}
	ex->at = first;
	if (first->kind == NODE_NIL && !first->next && !final)
		return fail(ex, "nil is not a command");
	if (!first->fields && (first->next || final))
		return not_a_function(ex, first);
	for (const struct node *n = first->next; n; n = n->next) {
		int r = eval_arg(ex, dot, n, &args[n_args++]);

		if (r < 0)
			return r;
	}
	if (final)
		args[n_args++] = *final;
	return eval_operand(ex, dot, first, args, n_args, ret);
}

static int eval_pipe(struct exec *ex, const struct value *dot, const struct node *pipe,
		     struct value *ret)
{
	struct value v = {.kind = VALUE_NIL};

	for (const struct node *c = pipe->list; c; c = c->next) {
		struct value next;
		int r = eval_command(ex, dot, c, c == pipe->list ? NULL : &v, &next);

		if (r < 0)
			return r;
		v = next;
	}
	for (unsigned i = 0; i < pipe->n_declared; i++) {
		int r = 0;

		if (pipe->assign)
			*find_variable(ex, pipe->declared[i]) = v;
		else
			r = push_variable(ex, pipe->declared[i], &v);
		if (r < 0)
			return r;
	}
	*ret = v;
	return 0;
}

/* ----------------------------------------------------------------------------------- actions */

static int emit(struct exec *ex, const char *p, size_t n)
{
	str_add_n(ex->out, p, n);
	if (ex->out->len - ex->out_begin > TEMPLATE_OUTPUT_MAX)
		return berth_fail(ex->err, BERTH_E_LIMIT, "template: more than %d MiB of output",
				  TEMPLATE_OUTPUT_MAX >> 20);
	return 0;
}

static int walk_action(struct exec *ex, const struct value *dot, const struct node *n)
{
	struct value v;
	int r = eval_pipe(ex, dot, n->pipe, &v);

	if (r < 0 || n->pipe->n_declared > 0)
		return r;
	if (v.kind == VALUE_NONE || v.kind == VALUE_NIL)
		str_add(ex->out, "<no value>");
	else
		value_print(&v, ex->out);
	return emit(ex, "", 0);
}

static int walk_if(struct exec *ex, const struct value *dot, const struct node *n, enum flow *flow)
{
	struct value v;
	int r = eval_pipe(ex, dot, n->pipe, &v);

	if (r < 0)
		return r;
	if (value_truth(&v))
		return walk(ex, n->kind == NODE_WITH ? &v : dot, n->list, flow);
	return walk(ex, dot, n->otherwise, flow);
}

/* one turn of a range; with two variables the first is the index or the key */
static int walk_turn(struct exec *ex, const struct node *n, const struct value *key,
		     const struct value *item, enum flow *flow)
{
	const struct node *pipe = n->pipe;
	size_t outer = ex->n_variables;
	int r = 0;

	for (unsigned i = 0; i < pipe->n_declared && r == 0; i++) {
		const struct value *v = pipe->n_declared == 2 && i == 0 ? key : item;

		if (pipe->assign)
			*find_variable(ex, pipe->declared[i]) = *v;
		else
			r = push_variable(ex, pipe->declared[i], v);
	}
	if (r == 0)
		r = walk(ex, item, n->list, flow);
	ex->n_variables = outer;
	return r;
}

static int walk_range_items(struct exec *ex, const struct node *n, const struct value *over,
			    size_t count)
{
	const struct member *members = NULL;
	enum flow flow = FLOW_ON;

	if (over->kind == VALUE_MAP) {
		members = value_members(&ex->values, over, &count);
		if (!members)
			return values_exhausted(&ex->values, ex->err);
	}
	for (size_t i = 0; i < count && flow != FLOW_BREAK; i++) {
		struct value key = value_int((int64_t)i), item = key;
		int r = step(ex, n);

		if (r < 0)
			return r;
		if (over->kind == VALUE_LIST)
			item = value_of(record_at(over->record, i));
		if (members) {
			key = value_string(members[i].key, strlen(members[i].key));
			item = value_of(members[i].value);
		}
		flow = FLOW_ON;
		r = walk_turn(ex, n, &key, &item, &flow);
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk_range(struct exec *ex, const struct value *dot, const struct node *n,
		      enum flow *flow)
{
	struct node bare = *n->pipe; /* its variables are those of each turn */
	cleanup_str struct str text = STR_INIT;
	struct value over;
	size_t count = 0;
	int r;

	bare.n_declared = 0;
	r = eval_pipe(ex, dot, &bare, &over);
	if (r < 0)
		return r;
	switch (over.kind) {
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
		break;
	case VALUE_LIST:
	case VALUE_MAP:
		count = record_len(over.record);
		break;
	case VALUE_INT:
		count = over.integer > 0 ? (size_t)over.integer : 0;
		break;
	case VALUE_BOOL:
	case VALUE_UINT:
	case VALUE_FLOAT:
	case VALUE_STRING:
		value_print(&over, &text);
		return fail(ex, "range can't iterate over %s", str_text(&text));
	}
	if (count == 0)
		return walk(ex, dot, n->otherwise, flow);
	return walk_range_items(ex, n, &over, count);
}

static int walk_one(struct exec *ex, const struct value *dot, const struct node *n, enum flow *flow)
{
	switch (n->kind) {
	case NODE_TEXT:
		return emit(ex, n->text.p, n->text.n);
	case NODE_ACTION:
		return walk_action(ex, dot, n);
	case NODE_IF:
	case NODE_WITH:
		return walk_if(ex, dot, n, flow);
	case NODE_RANGE:
		return walk_range(ex, dot, n, flow);
	case NODE_BREAK:
		*flow = FLOW_BREAK;
		return 0;
	case NODE_CONTINUE:
		*flow = FLOW_CONTINUE;
		return 0;
	default:
		return berth_fail(ex->err, BERTH_E_INTERNAL, "template: no such action");
	}
}

/* a body; its variables end with it, and those of {{if $x := …}} with the if */
static int walk(struct exec *ex, const struct value *dot, const struct node *n, enum flow *flow)
{
	for (; n && *flow == FLOW_ON; n = n->next) {
		size_t outer = ex->n_variables;
		int r = step(ex, n);

		if (r == 0)
			r = walk_one(ex, dot, n, flow);
		if (r < 0)
			return r;
		if (n->kind != NODE_ACTION)
			ex->n_variables = outer;
	}
	return 0;
}

int template_exec(const struct template *t, const struct record *data,
		  const struct template_env *env, struct str *out, struct berth_error *err)
{
	static const struct template_env plain;
	struct exec ex = {
		.t = t,
		.env = env ? env : &plain,
		.root = value_of(data),
		.values.arena.limit = TEMPLATE_MEMORY_MAX,
		.out = out,
		.out_begin = out->len,
		.err = err,
	};
	enum flow flow = FLOW_ON;
	int r;

	ex.values.headings = ex.env->headings;
	ex.values.row = ex.env->row_type ? data : NULL;
	r = walk(&ex, &ex.root, t->body, &flow);
	free(ex.variables);
	record_free(ex.values.kept);
	arena_done(&ex.values.arena);
	return r < 0 ? r : str_check(out, err);
}

/* --------------------------------------------------------------------------------- questions */

static bool uses(const struct node *n, const char *name)
{
	for (; n; n = n->next) {
		bool is_top = n->kind == NODE_FIELD ||
			      (n->kind == NODE_VARIABLE && strcmp(n->text.p, "$") == 0);

		if (is_top && n->fields && strcmp(n->fields->text, name) == 0)
			return true;
		if (uses(n->pipe, name) || uses(n->list, name) || uses(n->otherwise, name))
			return true;
	}
	return false;
}

bool template_uses(const struct template *t, const char *name)
{
	return uses(t->body, name);
}

static bool uses_all(const struct node *n)
{
	for (; n; n = n->next) {
		if (n->kind == NODE_DOT ||
		    (n->kind == NODE_VARIABLE && !n->fields && strcmp(n->text.p, "$") == 0))
			return true;
		if (uses_all(n->pipe) || uses_all(n->list) || uses_all(n->otherwise))
			return true;
	}
	return false;
}

bool template_uses_all(const struct template *t)
{
	return uses_all(t->body);
}
