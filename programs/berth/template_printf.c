/* SPDX-License-Identifier: Apache-2.0 */
#include "template_func.h"

#include <inttypes.h>
#include <string.h>

#include "template.h"
#include "template_literal.h"

enum { WIDTH_MAX = 1000000 };

struct directive {
	bool minus, plus, sharp, blank, zero;
	bool has_width, has_precision;
	int width, precision;
	uint32_t verb;
};

struct printer {
	const char *at, *end;
	const struct value *args;
	size_t n_args, next;
	struct str *out;
};

/* ----------------------------------------------------------------------------------- padding */

static size_t count_runes(const char *p, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; count++) {
		size_t len;

		(void)literal_rune(p + i, n - i, &len);
		i += len;
	}
	return count;
}

static void add_blanks(struct str *out, size_t n, char c)
{
	char *p = str_room(out, n);

	if (!p)
		return;
	memset(p, c, n);
	str_grew(out, n);
}

/* @text to the width asked for; zeros go behind the sign */
static void add_padded(const struct directive *d, const char *text, size_t n, bool is_number,
		       struct str *out)
{
	size_t len = count_runes(text, n);
	size_t missing = d->has_width && (size_t)d->width > len ? (size_t)d->width - len : 0;

	if (d->minus || missing == 0) {
		str_add_n(out, text, n);
		add_blanks(out, missing, ' ');
		return;
	}
	if (d->zero) {
		size_t sign = is_number && n > 0 && strchr("+- ", text[0]) ? 1 : 0;

		str_add_n(out, text, sign);
		add_blanks(out, missing, '0');
		str_add_n(out, text + sign, n - sign);
		return;
	}
	add_blanks(out, missing, ' ');
	str_add_n(out, text, n);
}

/* ----------------------------------------------------------------------------------- numbers */

static void add_digits(uint64_t value, unsigned base, bool upper, struct str *out)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[64];
	size_t n = sizeof(text);

	do {
		text[--n] = digits[value % base];
		value /= base;
	} while (value);
	str_add_n(out, text + n, sizeof(text) - n);
}

static void print_int(const struct directive *d, bool negative, uint64_t value, struct str *out)
{
	cleanup_str struct str s = STR_INIT;
	cleanup_str struct str digits = STR_INIT;
	struct directive pad = *d;

	add_digits(value,
		   d->verb == 'b'		      ? 2
		   : d->verb == 'o' || d->verb == 'O' ? 8
		   : d->verb == 'd' || d->verb == 'v' ? 10
						      : 16,
		   d->verb == 'X', &digits);
	if (negative)
		str_add_char(&s, '-');
	else if (d->plus)
		str_add_char(&s, '+');
	else if (d->blank)
		str_add_char(&s, ' ');
	if (d->verb == 'O')
		str_add(&s, "0o");
	else if (d->sharp && d->verb != 'd' && d->verb != 'v')
		str_add(&s, d->verb == 'b'   ? "0b"
			    : d->verb == 'o' ? "0"
			    : d->verb == 'x' ? "0x"
					     : "0X");
	if (d->has_precision) {
		pad.zero = false;
		if ((size_t)d->precision > digits.len)
			add_blanks(&s, (size_t)d->precision - digits.len, '0');
	}
	str_add(&s, str_text(&digits));
	add_padded(&pad, str_text(&s), s.len, true, out);
}

static void print_float(const struct directive *d, double value, struct str *out)
{
	cleanup_str struct str s = STR_INIT;
	char format[] = "%.*e";
	int precision = d->has_precision ? d->precision : 6;

	if (precision > 400)
		precision = 400; /* a double has no more to tell */
	if (value >= 0 && (d->plus || d->blank))
		str_add_char(&s, d->plus ? '+' : ' ');
	if ((d->verb == 'v' || d->verb == 'g') && !d->has_precision) {
		value_print_float(value, &s);
	} else {
		format[3] = d->verb == 'v' ? 'g' : d->verb == 'F' ? 'f' : (char)d->verb;
		/* the format is one of %.*e %.*E %.*f %.*g %.*G */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		str_addf(&s, format, precision, value);
#pragma GCC diagnostic pop
	}
	add_padded(d, str_text(&s), s.len, true, out);
}

static void print_rune(const struct directive *d, uint64_t code, struct str *out)
{
	cleanup_str struct str s = STR_INIT;
	char utf8[4];
	size_t n = literal_utf8(code > UINT32_MAX ? UINT32_MAX : (uint32_t)code, utf8);

	if (d->verb == 'U')
		str_addf(&s, "U+%04" PRIX64, code);
	else if (d->verb == 'q')
		str_addf(&s, "'%.*s'", (int)n, utf8);
	else
		str_add_n(&s, utf8, n);
	add_padded(d, str_text(&s), s.len, false, out);
}

/* ----------------------------------------------------------------------------------- strings */

void template_quote(const char *p, size_t n, struct str *out)
{
	static const char letters[] = "abfnrtv", codes[] = "\a\b\f\n\r\t\v";

	str_add_char(out, '"');
	for (size_t i = 0; i < n;) {
		size_t len;
		uint32_t c = literal_rune(p + i, n - i, &len);
		const char *named = c && c < 0x20 ? strchr(codes, (int)c) : NULL;

		if (c == 0xfffd && len == 1)
			str_addf(out, "\\x%02x", (unsigned char)p[i]);
		else if (c == '"' || c == '\\')
			str_addf(out, "\\%c", (char)c);
		else if (named)
			str_addf(out, "\\%c", letters[named - codes]);
		else if (c < 0x20 || c == 0x7f)
			str_addf(out, "\\x%02x", c);
		else if (c >= 0x80 && c < 0xa1)
			str_addf(out, "\\u%04x", c);
		else
			str_add_n(out, p + i, len);
		i += len;
	}
	str_add_char(out, '"');
}

static size_t cut_runes(const char *p, size_t n, int max)
{
	size_t i = 0;

	while (i < n && max-- > 0) {
		size_t len;

		(void)literal_rune(p + i, n - i, &len);
		i += len;
	}
	return i;
}

static void print_string(const struct directive *d, const char *p, size_t n, struct str *out)
{
	cleanup_str struct str s = STR_INIT;

	if (d->has_precision)
		n = cut_runes(p, n, d->precision);
	if (d->verb == 'q')
		template_quote(p, n, &s);
	else if (d->verb == 'x' || d->verb == 'X')
		for (size_t i = 0; i < n; i++)
			str_addf(&s, d->verb == 'x' ? "%02x" : "%02X", (unsigned char)p[i]);
	else
		str_add_n(&s, p, n);
	add_padded(d, str_text(&s), s.len, false, out);
	if (s.failed)
		out->failed = true;
}

/* -------------------------------------------------------------------------------- directives */

static bool verb_fits(const struct value *v, uint32_t verb)
{
	const char *verbs = "v";

	switch (v->kind) {
	case VALUE_BOOL:
		verbs = "vt";
		break;
	case VALUE_INT:
	case VALUE_UINT:
		verbs = "vdboOxXcqU";
		break;
	case VALUE_FLOAT:
		verbs = "veEfFgG";
		break;
	case VALUE_STRING:
		verbs = "vsqxX";
		break;
	case VALUE_LIST:
	case VALUE_MAP:
		verbs = "vs";
		break;
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
		break;
	}
	return verb < 0x80 && strchr(verbs, (int)verb);
}

static void bad_verb(const struct directive *d, const struct value *v, struct str *out)
{
	char verb[4];
	size_t n = literal_utf8(d->verb, verb);

	str_addf(out, "%%!%.*s(", (int)n, verb);
	if (v->kind != VALUE_NIL && v->kind != VALUE_NONE && v->kind != VALUE_POINTER)
		str_addf(out, "%s=", value_type_name(v));
	value_print(v, out);
	str_add_char(out, ')');
}

static void print_int_as(const struct directive *d, bool negative, uint64_t value, struct str *out)
{
	if (d->verb == 'c' || d->verb == 'q' || d->verb == 'U')
		print_rune(d, negative ? UINT32_MAX : value, out);
	else
		print_int(d, negative, value, out);
}

static void print_value(const struct directive *d, const struct value *v, struct str *out)
{
	cleanup_str struct str s = STR_INIT;

	if (d->verb == 'T') {
		add_padded(d, value_type_name(v), strlen(value_type_name(v)), false, out);
		return;
	}
	if (!verb_fits(v, d->verb)) {
		bad_verb(d, v, out);
		return;
	}
	switch (v->kind) {
	case VALUE_INT:
		print_int_as(d, v->integer < 0,
			     v->integer < 0 ? 0 - (uint64_t)v->integer : (uint64_t)v->integer, out);
		return;
	case VALUE_UINT:
		print_int_as(d, false, v->natural, out);
		return;
	case VALUE_FLOAT:
		print_float(d, v->number, out);
		return;
	case VALUE_STRING:
		print_string(d, v->string.p, v->string.n, out);
		return;
	case VALUE_NONE:
	case VALUE_NIL:
	case VALUE_POINTER:
	case VALUE_BOOL:
	case VALUE_LIST:
	case VALUE_MAP:
		break;
	}
	value_print(v, &s);
	add_padded(d, str_text(&s), s.len, false, out);
}

/* a number, or '*' and the next argument; false if there is none */
static bool parse_count(struct printer *p, int *ret, bool *ret_bad)
{
	int value = 0;
	bool any = false;

	*ret_bad = false;
	if (p->at < p->end && *p->at == '*') {
		const struct value *v = p->next < p->n_args ? &p->args[p->next] : NULL;

		p->at++;
		p->next += v != NULL;
		*ret_bad = !v || v->kind != VALUE_INT || v->integer < -WIDTH_MAX ||
			   v->integer > WIDTH_MAX;
		*ret = *ret_bad ? 0 : (int)v->integer;
		return !*ret_bad;
	}
	for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
		any = true;
		if (value <= WIDTH_MAX)
			value = value * 10 + (*p->at - '0');
	}
	*ret = value > WIDTH_MAX ? 0 : value;
	return any && value <= WIDTH_MAX;
}

static void parse_flags(struct printer *p, struct directive *d)
{
	for (; p->at < p->end; p->at++) {
		switch (*p->at) {
		case '-':
			d->minus = true;
			break;
		case '+':
			d->plus = true;
			break;
		case '#':
			d->sharp = true;
			break;
		case ' ':
			d->blank = true;
			break;
		case '0':
			d->zero = true;
			break;
		default:
			return;
		}
	}
}

/* after a '%' */
static void print_directive(struct printer *p)
{
	struct directive d = {0};
	bool bad;
	size_t n;

	parse_flags(p, &d);
	d.has_width = parse_count(p, &d.width, &bad);
	if (bad)
		str_add(p->out, "%!(BADWIDTH)");
	if (d.width < 0) {
		d.minus = true;
		d.width = -d.width;
	}
	if (p->at < p->end && *p->at == '.') {
		p->at++;
		d.has_precision = true;
		if (!parse_count(p, &d.precision, &bad) && bad) {
			str_add(p->out, "%!(BADPREC)");
			d.has_precision = false;
		}
		if (d.precision < 0)
			d.has_precision = false;
	}
	if (p->at >= p->end) {
		str_add(p->out, "%!(NOVERB)");
		return;
	}
	d.verb = literal_rune(p->at, (size_t)(p->end - p->at), &n);
	if (d.verb == '%') {
		str_add_char(p->out, '%');
	} else if (p->next < p->n_args) {
		print_value(&d, &p->args[p->next++], p->out);
	} else {
		str_addf(p->out, "%%!%.*s(MISSING)", (int)n, p->at);
	}
	p->at += n;
}

static void print_extra(struct printer *p)
{
	if (p->next >= p->n_args)
		return;
	str_add(p->out, "%!(EXTRA ");
	for (size_t i = p->next; i < p->n_args; i++) {
		const struct value *v = &p->args[i];

		if (i > p->next)
			str_add(p->out, ", ");
		if (strcmp(value_type_name(v), "<nil>") != 0)
			str_addf(p->out, "%s=", value_type_name(v));
		value_print(v, p->out);
	}
	str_add_char(p->out, ')');
}

int template_printf(struct values *vs, const struct value *args, size_t n, struct value *ret,
		    struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	struct printer p = {
		.at = args[0].string.p,
		.end = args[0].string.p + args[0].string.n,
		.args = args + 1,
		.n_args = n - 1,
		.out = &out,
	};

	while (p.at < p.end && out.len <= TEMPLATE_MEMORY_MAX) {
		const char *next = memchr(p.at, '%', (size_t)(p.end - p.at));

		str_add_n(&out, p.at, (size_t)((next ? next : p.end) - p.at));
		p.at = next ? next + 1 : p.end;
		if (next)
			print_directive(&p);
	}
	print_extra(&p);
	return value_take_str(vs, &out, ret, err);
}
