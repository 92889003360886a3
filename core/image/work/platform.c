/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/platform.h"

#include <string.h>
#include <sys/utsname.h>

/* other names of architectures, and the variant that they imply */
static const struct {
	const char *name, *arch, *variant;
} aliases[] = {
	{"x86_64", "amd64", ""},   {"x86-64", "amd64", ""},    {"i386", "386", ""},
	{"i486", "386", ""},	   {"i586", "386", ""},	       {"i686", "386", ""},
	{"aarch64", "arm64", ""},  {"armhf", "arm", "v7"},     {"armel", "arm", "v6"},
	{"armv8l", "arm", "v8"},   {"armv7l", "arm", "v7"},    {"armv6l", "arm", "v6"},
	{"armv5tel", "arm", "v5"}, {"ppc64el", "ppc64le", ""},
};

static const char *const known_os[] = {"linux",	 "windows", "darwin", "freebsd", "openbsd",
				       "netbsd", "solaris", "wasip1", "js"};
static const char *const known_arch[] = {"386",	    "amd64",   "arm",	 "arm64",    "loong64",
					 "mips",    "mipsle",  "mips64", "mips64le", "ppc64",
					 "ppc64le", "riscv64", "s390x",	 "wasm"};

/** A word in small letters; false: too long, or other letters than names of platforms have. */
static bool copy_word(const char *from, size_t n, char out[static PLATFORM_WORD_MAX])
{
	if (n >= PLATFORM_WORD_MAX || *from == '.' || *from == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] | 0x20) : from[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
		      c == '.'))
			return false;
		out[i] = c;
	}
	out[n] = '\0';
	return true;
}

/** One spelling for each: the default variants are "" but for arm, where it is v7. */
static void normalise(struct platform *p)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (!str_eq(p->arch, aliases[i].name))
			continue;
		(void)copy_word(aliases[i].arch, strlen(aliases[i].arch), p->arch);
		if (!*p->variant)
			(void)copy_word(aliases[i].variant, strlen(aliases[i].variant), p->variant);
		break;
	}
	if (str_eq(p->os, "macos"))
		(void)copy_word("darwin", strlen("darwin"), p->os);
	if (str_eq(p->arch, "arm") && !*p->variant)
		(void)copy_word("v7", 2, p->variant);
	if (str_eq(p->arch, "arm") && strlen(p->variant) == 1) {
		p->variant[1] = p->variant[0];
		p->variant[0] = 'v';
		p->variant[2] = '\0';
	}
	if ((str_eq(p->arch, "arm64") && (str_eq(p->variant, "v8") || str_eq(p->variant, "8"))) ||
	    (str_eq(p->arch, "amd64") && str_eq(p->variant, "v1")))
		p->variant[0] = '\0';
}

void platform_host(struct platform *ret)
{
	struct utsname name;
	struct platform p = {.os = "linux"};

	if (uname(&name) == 0) /* fails for a bad address only */
		(void)copy_word(name.machine, strlen(name.machine), p.arch);
	normalise(&p);
	*ret = p;
}

static bool is_known(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(words[i], word))
			return true;
	return false;
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

int platform_parse(const char *text, struct platform *ret, struct berth_error *err)
{
	struct platform p = {0};
	const char *slash = strchr(text, '/');
	const char *variant = slash ? strchr(slash + 1, '/') : NULL;
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	bool fine = n > 0 && copy_word(text, n, p.os);

	if (fine && slash) {
		n = variant ? (size_t)(variant - slash - 1) : strlen(slash + 1);
		fine = n > 0 && copy_word(slash + 1, n, p.arch);
	}
	if (fine && variant)
		fine = variant[1] && copy_word(variant + 1, strlen(variant + 1), p.variant);
	if (!fine)
		return berth_fail(err, BERTH_E_INVALID,
				  "\"%.64s\": invalid platform, wanted os/arch or os/arch/variant",
				  text);
	if (!slash) {
		struct platform host;

		platform_host(&host);
		if (!is_known(known_os, N(known_os), p.os)) {
			memcpy(p.arch, p.os, sizeof(p.arch));
			normalise(&p);
			memcpy(p.os, host.os, sizeof(p.os));
			if (!is_known(known_arch, N(known_arch), p.arch))
				return berth_fail(
					err, BERTH_E_INVALID,
					"\"%.64s\": unknown operating system or architecture",
					text);
		} else {
			memcpy(p.arch, host.arch, sizeof(p.arch));
			memcpy(p.variant, host.variant, sizeof(p.variant));
		}
	}
	normalise(&p);
	*ret = p;
	return 0;
}

bool platform_read(const struct record *obj, struct platform *ret)
{
	const char *os = record_str(record_get(obj, "os"));
	const char *arch = record_str(record_get(obj, "architecture"));
	const char *variant = record_str_or(record_get(obj, "variant"), "");
	struct platform p = {0};

	if (!os || !arch || !*os || !*arch || !copy_word(os, strlen(os), p.os) ||
	    !copy_word(arch, strlen(arch), p.arch) ||
	    !copy_word(variant, strlen(variant), p.variant))
		return false;
	normalise(&p);
	*ret = p;
	return true;
}

const char *platform_format(const struct platform *p, char out[static PLATFORM_TEXT_MAX])
{
	(void)snprintf(out, PLATFORM_TEXT_MAX, "%.31s/%.31s%s%.30s", p->os, p->arch,
		       *p->variant ? "/" : "", p->variant);
	return out;
}

/** "v7" -> 7; "" -> @fallback; -1 for another word. */
static int level(const char *variant, int fallback)
{
	if (!*variant)
		return fallback;
	if (variant[0] != 'v' || variant[1] < '0' || variant[1] > '9' || variant[2] != '\0')
		return -1;
	return variant[1] - '0';
}

int platform_rank(const struct platform *want, const struct platform *have)
{
	int base, w, h;

	if (!str_eq(want->os, have->os))
		return -1;
	if (str_eq(want->arch, "arm64") && str_eq(have->arch, "arm")) {
		/* most of them still run the 32 bit set: better than nothing */
		h = level(have->variant, 7);
		return h < 0 || h > 8 ? -1 : 20 - h;
	}
	if (!str_eq(want->arch, have->arch))
		return -1;
	if (str_eq(want->variant, have->variant))
		return 0;
	base = str_eq(want->arch, "arm64") ? 8 : str_eq(want->arch, "arm") ? 7 : 1;
	w = level(want->variant, base);
	h = level(have->variant, base);
	if (w < 0 || h < 0 || h > w)
		return -1;
	return w - h;
}
