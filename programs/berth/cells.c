/* SPDX-License-Identifier: Apache-2.0 */
#include "cells.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/ident.h"

void cell_id(const char *id, bool shorten, struct str *out)
{
	const char *hex = str_after(id, "sha256:");

	if (!shorten)
		str_add(out, id);
	else
		str_addf(out, "%.*s", IDENT_SHORT, hex ? hex : id);
}

void cell_time(int64_t seconds, struct str *out)
{
	time_t t = (time_t)seconds;
	char text[64];
	struct tm tm;

	if (localtime_r(&t, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &tm) > 0)
		str_add(out, text);
}

void cell_since(int64_t seconds, struct str *out)
{
	char human[CLOCK_HUMAN_MAX];
	int64_t ns = 0;

	if (__builtin_mul_overflow(seconds, CLOCK_SECOND, &ns) ||
	    __builtin_sub_overflow(clock_now_ns(), ns, &ns))
		ns = 0;
	str_addf(out, "%s ago", clock_human(ns, human));
}

/* ------------------------------------------------------------------------------------- ports */

struct port {
	int64_t inner, outer;
	const char *ip, *type;
};

static struct port read_port(const struct record *r)
{
	return (struct port){
		.inner = record_int_or(record_get(r, "PrivatePort"), 0),
		.outer = record_int_or(record_get(r, "PublicPort"), 0),
		.ip = record_str_or(record_get(r, "IP"), ""),
		.type = record_str_or(record_get(r, "Type"), ""),
	};
}

static int by_port(const void *a, const void *b)
{
	const struct port *x = a, *y = b;
	int c;

	if (x->inner != y->inner)
		return x->inner < y->inner ? -1 : 1;
	c = strcmp(x->ip, y->ip);
	if (c != 0)
		return c;
	if (x->outer != y->outer)
		return x->outer < y->outer ? -1 : 1;
	return strcmp(x->type, y->type);
}

static void add_comma(struct str *out)
{
	if (out->len > 0)
		str_add(out, ", ");
}

/* as in a URL: an IPv6 address in brackets */
static void add_host(const char *ip, struct str *out)
{
	str_addf(out, strchr(ip, ':') ? "[%s]:" : "%s:", ip);
}

/* ports first to last of one address and protocol, published under their own numbers or not at all
 */
static void add_group(const struct port *first, int64_t last, struct str *out)
{
	char range[48];

	if (last > first->inner)
		(void)snprintf(range, sizeof(range), "%lld-%lld", (long long)first->inner,
			       (long long)last);
	else
		(void)snprintf(range, sizeof(range), "%lld", (long long)last);
	add_comma(out);
	if (first->ip[0]) {
		add_host(first->ip, out);
		str_addf(out, "%s->", range);
	}
	str_addf(out, "%s/%s", range, first->type);
}

static bool is_mapped(const struct port *p)
{
	return p->ip[0] && p->outer != p->inner;
}

static bool same_group(const struct port *a, const struct port *b)
{
	return strcmp(a->ip, b->ip) == 0 && strcmp(a->type, b->type) == 0;
}

/* a run of numbers of one address and protocol; complete runs come before those that are still open
 */
struct run {
	struct port first;
	int64_t last;
};

static void group_ports(const struct port *ports, size_t n, struct run *runs, struct str *out)
{
	size_t n_runs = 0;

	for (size_t i = 0; i < n; i++) {
		const struct port *p = &ports[i];
		size_t at = 0;

		if (is_mapped(p))
			continue;
		while (at < n_runs && !same_group(&runs[at].first, p))
			at++;
		if (at < n_runs && p->inner == runs[at].last + 1) {
			runs[at].last = p->inner;
			continue;
		}
		if (at < n_runs)
			add_group(&runs[at].first, runs[at].last, out);
		else
			n_runs++;
		runs[at] = (struct run){*p, p->inner};
	}
	for (size_t i = 0; i < n_runs; i++)
		add_group(&runs[i].first, runs[i].last, out);
}

void cell_ports(const struct record *ports, struct str *out)
{
	size_t n = record_len(ports);
	cleanup_free struct port *all = calloc(n + 1, sizeof(*all));
	cleanup_free struct run *runs = calloc(n + 1, sizeof(*runs));
	cleanup_str struct str text = STR_INIT;

	if (!all || !runs) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		all[i] = read_port(record_at(ports, i));
	qsort(all, n, sizeof(*all), by_port);
	group_ports(all, n, runs, &text);
	for (size_t i = 0; i < n; i++) {
		if (!is_mapped(&all[i]))
			continue;
		add_comma(&text);
		add_host(all[i].ip, &text);
		str_addf(&text, "%lld->%lld/%s", (long long)all[i].outer, (long long)all[i].inner,
			 all[i].type);
	}
	str_add(out, str_text(&text));
}

/* ------------------------------------------------------------------------------------ objects */

static int by_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_sorted(const struct record *object, bool values, struct str *out)
{
	cleanup_free const char **keys = calloc(record_len(object) + 1, sizeof(*keys));
	struct record *val;
	const char *key;
	size_t n = 0;

	if (!keys) {
		out->failed = true;
		return;
	}
	record_foreach (object, key, val)
		keys[n++] = key;
	qsort(keys, n, sizeof(*keys), by_key);
	for (size_t i = 0; i < n; i++) {
		str_addf(out, "%s%s", i ? "," : "", keys[i]);
		if (values)
			str_addf(out, "=%s", record_str_or(record_get(object, keys[i]), ""));
	}
}

void cell_labels(const struct record *labels, struct str *out)
{
	add_sorted(labels, true, out);
}

void cell_keys(const struct record *object, struct str *out)
{
	add_sorted(object, false, out);
}
