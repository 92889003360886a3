/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <string.h>

static char **empty(void)
{
	return calloc(1, sizeof(char *));
}

void strv_free(char **v)
{
	for (char **s = v; s && *s; s++)
		free(*s);
	free(v);
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

/* Room for @more entries behind the @n that are there. */
static int grow(char ***v, size_t n, size_t more)
{
	char **wider = reallocarray(*v, n + more + 1, sizeof(char *));

	if (!wider)
		return -BERTH_E_NO_MEMORY;
	wider[n] = NULL; /* what was no array is an empty one now */
	*v = wider;
	return 0;
}

int strv_take(char ***v, char *s)
{
	size_t n = strv_len(*v);

	if (!s || grow(v, n, 1) < 0) {
		free(s);
		return -BERTH_E_NO_MEMORY;
	}
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
	return 0;
}

int strv_add(char ***v, const char *s)
{
	return strv_take(v, strdup(s));
}

int strv_add_n(char ***v, const char *s, size_t n)
{
	return strv_take(v, strndup(s, n));
}

int strv_addf(char ***v, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return strv_take(v, n < 0 ? NULL : s);
}

int strv_add_all(char ***v, char *const *more)
{
	cleanup_strv char **copies = strv_copy(more);
	size_t n = strv_len(*v);
	size_t n_more = strv_len(more);

	if (!copies || grow(v, n, n_more) < 0)
		return -BERTH_E_NO_MEMORY;
	memcpy(*v + n, copies, (n_more + 1) * sizeof(char *));
	copies[0] = NULL; /* the strings are in *v now */
	return 0;
}

char **strv_new(const char *first, ...)
{
	cleanup_strv char **v = empty();
	va_list ap;
	int r = v ? 0 : -BERTH_E_NO_MEMORY;

	va_start(ap, first);
	for (const char *s = first; s && r == 0; s = va_arg(ap, const char *))
		r = strv_add(&v, s);
	va_end(ap);
	return r < 0 ? NULL : steal_ptr(v);
}

char **strv_copy(char *const *v)
{
	size_t n = strv_len(v);
	cleanup_strv char **copy = calloc(n + 1, sizeof(char *));

	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(v[i]);
		if (!copy[i])
			return NULL;
	}
	return steal_ptr(copy);
}

bool strv_has(char *const *v, const char *s)
{
	strv_foreach (at, v) {
		if (strcmp(*at, s) == 0)
			return true;
	}
	return false;
}

char **strv_split(const char *s, char sep)
{
	cleanup_strv char **v = empty();

	if (!v || !*s)
		return steal_ptr(v);
	for (;;) {
		const char *end = strchrnul(s, sep);

		if (strv_add_n(&v, s, (size_t)(end - s)) < 0)
			return NULL;
		if (!*end)
			return steal_ptr(v);
		s = end + 1;
	}
}

char *strv_join(char *const *v, const char *sep)
{
	struct str out = STR_INIT;

	strv_foreach (s, v) {
		if (s != v)
			str_add(&out, sep);
		str_add(&out, *s);
	}
	return str_steal(&out);
}

static bool is_entry(const char *entry, const char *name, size_t n)
{
	return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

const char *strv_env(char *const *v, const char *name)
{
	size_t n = strlen(name);
	const char *value = NULL;

	strv_foreach (s, v) {
		if (is_entry(*s, name, n))
			value = *s + n + 1;
	}
	return value;
}

int strv_set_env(char ***v, const char *entry)
{
	size_t n = strcspn(entry, "=");

	for (char **s = *v; s && *s; s++) {
		char *copy;

		if (!is_entry(*s, entry, n))
			continue;
		copy = strdup(entry);
		if (!copy)
			return -BERTH_E_NO_MEMORY;
		free(*s);
		*s = copy;
		return 0;
	}
	return strv_add(v, entry);
}
