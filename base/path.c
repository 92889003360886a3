/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

bool path_is_name(const char *s)
{
	size_t len = strnlen(s, NAME_MAX + 1);

	if (len == 0 || len > NAME_MAX || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	return !strchr(s, '/');
}

/* Take back the last component of @out, which begins with @root bytes that stay. */
static void drop_last(struct str *out, size_t root)
{
	size_t len = out->len;

	while (len > root && out->p[len - 1] != '/')
		len--;
	str_cut(out, len > root ? len - 1 : root);
}

static void add_component(struct str *out, size_t root, const char *s, size_t n)
{
	if (out->len > root)
		str_add_char(out, '/');
	str_add_n(out, s, n);
}

static bool ends_with_dotdot(const struct str *out, size_t root)
{
	const char *last = str_text(out) + root;

	return strcmp(last, "..") == 0 || (strlen(last) > 3 && str_has_suffix(last, "/.."));
}

char *path_clean(const char *path)
{
	struct str out = STR_INIT;
	size_t root = *path == '/';

	if (root)
		str_add_char(&out, '/');
	while (*path && !out.failed) {
		size_t n = strcspn(path, "/");
		bool up = n == 2 && path[0] == '.' && path[1] == '.';

		if (up && out.len > root && !ends_with_dotdot(&out, root))
			drop_last(&out, root);
		else if (up ? !root : n > 1 || (n == 1 && *path != '.'))
			add_component(&out, root, path, n);
		path += n;
		path += strspn(path, "/");
	}
	if (!out.failed && !out.len)
		str_add_char(&out, '.');
	return str_steal(&out);
}

char *path_join(const char *a, const char *b)
{
	size_t len = strlen(a);

	if (!*a || *b == '/')
		return strdup(b);
	if (!*b)
		return strdup(a);
	while (len > 1 && a[len - 1] == '/')
		len--;
	return str_fmt("%.*s%s%s", (int)len, a, a[len - 1] == '/' ? "" : "/", b);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
