/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "core/image/image.h"

/*
 * The grammar, as docker's clients and registries have it:
 *
 *   reference  name [":" tag] ["@" digest]
 *   name       [host [":" port] "/"] part *("/" part)
 *   host       label *("." label) | "[" IPv6 "]"       label: letters, digits, inner hyphens
 *   part       lower-case letters and digits, with ".", "_", "__" or any number of "-" between them
 *   tag        up to 128 of letters, digits, "_", ".", "-", beginning with none of the last two
 *
 * A first part is a host if it has a "." or ":" or a capital letter, or is "localhost".
 */

enum {
	REPO_MAX = 255,
	TAG_MAX = 128,
	DIGEST_HEX_MIN = 32,
};

#define HUB	   "docker.io"
#define HUB_LEGACY "index.docker.io"
#define OFFICIAL   "library/"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_low_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static int bad_format(struct berth_error *err)
{
	return berth_fail(err, BERTH_E_INVALID, "invalid reference format");
}

/** Labels with dots between them; *ret_end: what follows. */
static bool scan_domain(const char *s, const char **ret_end)
{
	for (;;) {
		if (!is_alnum(*s))
			return false;
		while (is_alnum(*s) || *s == '-')
			s++;
		if (s[-1] == '-')
			return false;
		if (*s != '.')
			break;
		s++;
	}
	*ret_end = s;
	return true;
}

static bool scan_ipv6(const char *s, const char **ret_end)
{
	const char *from = ++s;

	while (isxdigit((unsigned char)*s) || *s == ':')
		s++;
	*ret_end = s + 1;
	return *s == ']' && s > from;
}

static bool is_host(const char *s)
{
	const char *end;

	if (*s == '[' ? !scan_ipv6(s, &end) : !scan_domain(s, &end))
		return false;
	if (*end == ':') {
		const char *port = ++end;

		while (*end >= '0' && *end <= '9')
			end++;
		if (end == port)
			return false;
	}
	return *end == '\0';
}

static bool is_separator(const char *s, size_t n)
{
	if (n == 1)
		return *s == '.' || *s == '_' || *s == '-';
	if (n == 2 && s[0] == '_' && s[1] == '_')
		return true;
	for (size_t i = 0; i < n; i++)
		if (s[i] != '-')
			return false;
	return n > 0;
}

/** "a/b-c/d__e" */
static bool is_repo(const char *s, size_t n)
{
	const char *end = s + n;

	for (;;) {
		const char *from = s;

		while (s < end && is_low_alnum(*s))
			s++;
		if (s == from)
			return false; /* a part, and what follows a separator, begins with one of
					 those */
		if (s == end)
			return true;
		from = s;
		while (s < end && !is_low_alnum(*s) && *s != '/')
			s++;
		if (s > from && !is_separator(from, (size_t)(s - from)))
			return false;
		if (s < end && *s == '/') {
			if (s > from)
				return false;
			s++;
		}
	}
}

static bool is_tag(const char *s, size_t n)
{
	if (n == 0 || n > TAG_MAX || !(is_alnum(*s) || *s == '_'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-')
			return false;
	return true;
}

/** Whether it looks like a digest of any algorithm: words between one of "-_+.", ":", hex digits.
 */
static bool is_digest_shaped(const char *s)
{
	size_t n = 0;

	for (;;) {
		if (!is_alnum(*s) || (*s >= '0' && *s <= '9'))
			return false;
		while (is_alnum(*s))
			s++;
		if (*s == ':')
			break;
		if (!*s || !strchr("-_+.", *s))
			return false;
		s++;
	}
	for (s++; isxdigit((unsigned char)*s); s++)
		n++;
	return *s == '\0' && n >= DIGEST_HEX_MIN;
}

static int read_digest(const char *s, struct digest *ret, struct berth_error *err)
{
	size_t hex;

	if (!is_digest_shaped(s))
		return bad_format(err);
	if (digest_parse(s, ret, NULL) == 0)
		return 0;
	hex = strlen(strchr(s, ':') + 1);
	if (!str_has_prefix(s, "sha256:") && !str_has_prefix(s, "sha512:"))
		return berth_fail(err, BERTH_E_INVALID, "unsupported digest algorithm");
	if (hex != (str_has_prefix(s, "sha256:") ? 64 : 128))
		return berth_fail(err, BERTH_E_INVALID, "invalid checksum digest length");
	return berth_fail(err, BERTH_E_INVALID, "invalid checksum digest format");
}

static bool has_capital(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			return true;
	return false;
}

/** Which part of @text is the host. *ret_rest: what follows the host. Returns its length, 0 = none.
 */
static size_t split_host(const char *text, const char **ret_rest)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : 0;

	*ret_rest = text;
	if (!slash)
		return 0;
	if (memchr(text, '.', n) || memchr(text, ':', n) || has_capital(text, n) ||
	    (n == strlen("localhost") && strncmp(text, "localhost", n) == 0)) {
		*ret_rest = slash + 1;
		return n;
	}
	return 0;
}

/** The parts behind the host. */
static int read_rest(const char *rest, bool on_hub, struct reference *ref, struct berth_error *err)
{
	size_t n = strcspn(rest, ":@");
	const char *at = rest + n;
	bool official = on_hub && !memchr(rest, '/', n);
	size_t full = n + (official ? strlen(OFFICIAL) : 0);

	if (!is_repo(rest, n))
		return bad_format(err);
	if (full > REPO_MAX)
		return berth_fail(err, BERTH_E_INVALID,
				  "repository name must not be more than %d characters", REPO_MAX);
	ref->repo = str_fmt("%s%.*s", official ? OFFICIAL : "", (int)n, rest);
	if (!ref->repo)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (*at == ':') {
		n = strcspn(++at, "@");
		if (!is_tag(at, n))
			return bad_format(err);
		ref->tag = strndup(at, n);
		at += n;
	} else if (*at != '@') {
		ref->tag = strdup("latest");
	}
	if (*at != '@')
		return ref->tag ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return read_digest(at + 1, &ref->digest, err);
}

int reference_parse(const char *text, struct reference *ret, struct berth_error *err)
{
	cleanup_reference struct reference ref = {0};
	const char *rest;
	bool on_hub;
	size_t n;
	int r;

	if (ident_is_id(text))
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid repository name (%s), cannot specify 64-byte "
				  "hexadecimal strings",
				  text);
	n = split_host(text, &rest);
	ref.host = n ? strndup(text, n) : strdup(HUB);
	if (!ref.host)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	on_hub = str_eq(ref.host, HUB) || str_eq(ref.host, HUB_LEGACY);
	n = strcspn(rest, ":");
	if (has_capital(rest, n))
		return berth_fail(err, BERTH_E_INVALID,
				  "invalid reference format: repository name (%s%.*s) must be "
				  "lowercase",
				  on_hub && !strchr(rest, '/') ? OFFICIAL : "", (int)n, rest);
	if (!is_host(ref.host))
		return bad_format(err);
	/* the old name of the hub is the longer one, so the new one fits in its place */
	if (on_hub)
		memcpy(ref.host, HUB, sizeof(HUB));
	r = read_rest(rest, on_hub, &ref, err);
	if (r < 0)
		return r;
	*ret = ref;
	ref = (struct reference){0};
	return 0;
}

void reference_done(struct reference *ref)
{
	free(ref->host);
	free(ref->repo);
	free(ref->tag);
	*ref = (struct reference){0};
}

int reference_full(const struct reference *ref, char **ret, struct berth_error *err)
{
	char text[DIGEST_TEXT_MAX];
	char *full;

	/* with a digest the tag says nothing more: docker forgets it too */
	if (digest_is_set(&ref->digest))
		full = str_fmt("%s/%s@%s", ref->host, ref->repo, digest_format(&ref->digest, text));
	else
		full = str_fmt("%s/%s:%s", ref->host, ref->repo, ref->tag);
	if (!full)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	*ret = full;
	return 0;
}

const char *reference_short(const char *full)
{
	const char *rest = str_after(full, HUB "/");
	const char *official = rest ? str_after(rest, OFFICIAL) : NULL;

	if (official && !strchr(official, '/'))
		return official;
	return rest ? rest : full;
}

int reference_familiar(const struct reference *ref, char **ret, struct berth_error *err)
{
	cleanup_free char *full = NULL;
	char text[DIGEST_TEXT_MAX];

	full = str_fmt("%s/%s%s%s%s%s", ref->host, ref->repo, ref->tag ? ":" : "",
		       ref->tag ? ref->tag : "", digest_is_set(&ref->digest) ? "@" : "",
		       digest_format(&ref->digest, text));
	if (!full)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return str_copy(reference_short(full), ret, err);
}
