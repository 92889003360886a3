/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/keys.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/ident.h"

/* --- grammars ------------------------------------------------------------- */

static bool is_absolute(const char *s)
{
	return s[0] == '/' && strlen(s) < 4096;
}

/* No component that leads elsewhere: it is joined to the hierarchies' roots. */
static bool is_cgroup(const char *s)
{
	const char *at = s;

	if (*s != '/')
		return false;
	while (*at) {
		size_t len;

		at += strspn(at, "/");
		len = strcspn(at, "/");
		if ((len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += len;
	}
	return strlen(s) < 4096;
}

static bool is_driver(const char *s)
{
	return ident_is_driver(s) && !str_eq(s, "auto");
}

static bool is_seccomp_profile(const char *s)
{
	return !*s || str_eq(s, "unconfined") || is_absolute(s);
}

static bool is_ip(const char *s)
{
	unsigned char buf[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, s, buf) == 1 || inet_pton(AF_INET6, s, buf) == 1;
}

/* What may stand in a line of resolv.conf. */
static bool is_word(const char *s)
{
	if (!*s || strlen(s) > 255)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

static bool is_u32(const char *s, size_t n)
{
	char digits[11];
	uint64_t value;

	if (n >= sizeof(digits))
		return false;
	memcpy(digits, s, n);
	digits[n] = '\0';
	return parse_u64(digits, UINT32_MAX, &value) == 0;
}

static bool is_id_range(const char *s)
{
	size_t first = strcspn(s, ":");

	if (!*s)
		return true;
	return s[first] == ':' && is_u32(s, first) && is_u32(s + first + 1, strlen(s + first + 1));
}

/* One limit of NAME=SOFT[:HARD]; -1 is unlimited. */
static bool is_rlimit(const char *s, size_t n)
{
	if (n == 2 && memcmp(s, "-1", 2) == 0)
		return true;
	return n > 0 && n < 20 && strspn(s, "0123456789") >= n;
}

static bool is_ulimit(const char *s)
{
	size_t name = strspn(s, "abcdefghijklmnopqrstuvwxyz");
	const char *soft = s + name + 1;
	size_t len;

	if (!name || s[name] != '=')
		return false;
	len = strcspn(soft, ":");
	if (!is_rlimit(soft, len))
		return false;
	return !soft[len] || is_rlimit(soft + len + 1, strlen(soft + len + 1));
}

/* --- types ---------------------------------------------------------------- */

static const struct config_type type_path = {
	.word = "path",
	.wanted = "an absolute path",
	.shape = CONFIG_STR,
	.fits = is_absolute,
};
static const struct config_type type_paths = {
	.word = "list of paths",
	.wanted = "a list of absolute paths",
	.shape = CONFIG_STRV,
	.fits = is_absolute,
};
static const struct config_type type_auto = {
	.word = "driver",
	.wanted = "\"auto\" or the name of a driver (a letter, then letters, digits and '-')",
	.shape = CONFIG_STR,
	.fits = ident_is_driver,
};
static const struct config_type type_driver = {
	.word = "driver",
	.wanted = "the name of a driver (a letter, then letters, digits and '-')",
	.shape = CONFIG_STR,
	.fits = is_driver,
};
static const struct config_type type_driver_list = {
	.word = "list of drivers",
	.wanted = "a list of names of drivers",
	.shape = CONFIG_STRV,
	.fits = is_driver,
};
static const struct config_type type_entries = {
	.word = "object of drivers",
	.wanted = "an object with an entry for each driver",
	.shape = CONFIG_ENTRIES,
};
static const struct config_type type_bool = {
	.word = "bool",
	.wanted = "true or false",
	.shape = CONFIG_BOOL,
};
static const struct config_type type_count = {
	.word = "number",
	.wanted = "a whole number of at least 1",
	.shape = CONFIG_U64,
	.unit = CONFIG_COUNT,
	.min = 1,
};
static const struct config_type type_size = {
	.word = "size",
	.wanted = "a size of at least 1 byte, such as \"64m\" or a number of bytes",
	.shape = CONFIG_U64,
	.unit = CONFIG_BYTES,
	.min = 1,
};
static const struct config_type type_size_or_0 = {
	.word = "size",
	.wanted = "a size such as \"64m\", a number of bytes, or 0",
	.shape = CONFIG_U64,
	.unit = CONFIG_BYTES,
};
static const struct config_type type_duration = {
	.word = "duration",
	.wanted = "a duration with its unit, such as \"10s\"",
	.shape = CONFIG_U64,
	.unit = CONFIG_MS,
};
static const struct config_type type_cgroup = {
	.word = "cgroup",
	.wanted = "the absolute path of a cgroup, without '..'",
	.shape = CONFIG_STR,
	.fits = is_cgroup,
};
static const struct config_type type_seccomp = {
	.word = "path or word",
	.wanted = "an absolute path, \"unconfined\" or \"\"",
	.shape = CONFIG_STR,
	.fits = is_seccomp_profile,
};
static const struct config_type type_addresses = {
	.word = "list of addresses",
	.wanted = "a list of IP addresses",
	.shape = CONFIG_STRV,
	.fits = is_ip,
};
static const struct config_type type_words = {
	.word = "list of words",
	.wanted = "a list of words without blanks",
	.shape = CONFIG_STRV,
	.fits = is_word,
};
static const struct config_type type_id_range = {
	.word = "range of ids",
	.wanted = "\"FIRST:COUNT\" or \"\"",
	.shape = CONFIG_STR,
	.fits = is_id_range,
};
static const struct config_type type_ulimits = {
	.word = "list of limits",
	.wanted = "a list of limits such as \"nofile=1024:4096\"",
	.shape = CONFIG_STRV,
	.fits = is_ulimit,
};

/* --- table ---------------------------------------------------------------- */

#define AT(member)	       offsetof(struct config, member)
#define AT_KIND(kind_, member) offsetof(struct config, kind[kind_].member)

/* In the order of the file. What has no default here has one in the program's defaults. */
const struct config_key config_keys[] = {
	{"", "root", &type_path, AT(root), NULL,
	 "Directory for all that survives a reboot: database, images, layers, volumes."},
	{"", "run", &type_path, AT(run), NULL,
	 "Directory for what does not survive a reboot: sockets, locks, specs of running "
	 "containers."},
	{"", "driver_dirs", &type_paths, AT(driver_dirs), NULL,
	 "Directories in which drivers are looked for, in this order. They, all directories above "
	 "them and the files must belong to root (or to the user that runs the engine) and be "
	 "writable by nobody else."},

	{"storage", "driver", &type_auto, AT_KIND(BERTH_STORAGE, driver), "auto",
	 "Storage driver of new images and containers. With \"auto\" the first of the candidates "
	 "that works here is chosen, once, and kept in ROOT/storage/auto."},
	{"storage", "candidates", &type_driver_list, AT_KIND(BERTH_STORAGE, candidates), NULL,
	 "Storage drivers that \"auto\" may choose from, best first."},
	{"storage", "drivers", &type_entries, AT_KIND(BERTH_STORAGE, drivers), NULL,
	 "File and options of storage drivers, by name; see below."},

	{"network", "driver", &type_driver, AT_KIND(BERTH_NETWORK, driver), NULL,
	 "Network of containers that name none, and driver of networks that are created without one."},
	{"network", "builtin", &type_driver_list, AT_KIND(BERTH_NETWORK, builtin), NULL,
	 "Drivers that have a network of their own name from the beginning."},
	{"network", "drivers", &type_entries, AT_KIND(BERTH_NETWORK, drivers), NULL,
	 "File and options of network drivers, by name."},

	{"isolation", "driver", &type_driver, AT_KIND(BERTH_ISOLATION, driver), NULL,
	 "Isolation driver of containers that name none."},
	{"isolation", "drivers", &type_entries, AT_KIND(BERTH_ISOLATION, drivers), NULL,
	 "File and options of isolation drivers, by name."},
	{"isolation", "allow_insecure", &type_bool, AT_KIND(BERTH_ISOLATION, allow_insecure),
	 "false", "Whether drivers may be used that say of themselves that they isolate nothing."},

	{"registry", "archives", &type_driver_list, AT_KIND(BERTH_REGISTRY, archives), NULL,
	 "Registry drivers that are asked, in this order, to read an archive or a directory."},
	{"registry", "save", &type_driver, AT_KIND(BERTH_REGISTRY, save), NULL,
	 "Registry driver with which `save` writes archives."},
	{"registry", "drivers", &type_entries, AT_KIND(BERTH_REGISTRY, drivers), NULL,
	 "File and options of registry drivers, by name."},

	{"containers", "cgroup_parent", &type_cgroup, AT(cgroup_parent), "/berth",
	 "Group below which containers get their cgroups."},
	{"containers", "stop_timeout", &type_duration, AT(stop_timeout_ms), "10s",
	 "How long `stop` waits between the stop signal and KILL."},
	{"containers", "shm_size", &type_size, AT(shm_size), "64m", "Size of /dev/shm."},
	{"containers", "seccomp_profile", &type_seccomp, AT(seccomp_profile), "",
	 "Profile of containers that name none: a file in docker's JSON format, \"unconfined\", or "
	 "\"\" for the one that is built in."},
	{"containers", "dns", &type_addresses, AT(dns), NULL,
	 "Name servers of containers; empty: the host's."},
	{"containers", "dns_search", &type_words, AT(dns_search), NULL,
	 "Search domains of containers; empty: the host's."},
	{"containers", "dns_options", &type_words, AT(dns_options), NULL,
	 "Options of resolv.conf; empty: the host's."},
	{"containers", "init", &type_bool, AT(init), "false",
	 "Whether every container gets an init process, as with --init."},
	{"containers", "userns_range", &type_id_range, AT(userns_range), "",
	 "Ids on the host for --userns=auto, \"FIRST:COUNT\"; \"\": from /etc/subuid and "
	 "/etc/subgid."},
	{"containers", "log_max_size", &type_size_or_0, AT(log_max_size), "0",
	 "Size at which a container's log begins anew; 0: never."},
	{"containers", "default_ulimits", &type_ulimits, AT(default_ulimits), NULL,
	 "Resource limits of containers that set none, \"NAME=SOFT[:HARD]\"."},

	{"limits", "manifest_size", &type_size, AT(limit_manifest_size), "4m",
	 "Longest manifest or index of an image that is accepted."},
	{"limits", "config_size", &type_size, AT(limit_config_size), "8m",
	 "Longest image config that is accepted."},
	{"limits", "layer_size", &type_size, AT(limit_layer_size), "64g",
	 "Largest layer that is unpacked, in bytes of its uncompressed tar."},
	{"limits", "layer_entries", &type_count, AT(limit_layer_entries), "4000000",
	 "Most files, directories and links in one layer."},
	{"limits", "layers", &type_count, AT(limit_layers), "500", "Most layers of one image."},
	{"limits", "archive_size", &type_size, AT(limit_archive_size), "256g",
	 "Longest archive that `load` and `import` take."},
};
const size_t config_keys_count = sizeof(config_keys) / sizeof(config_keys[0]);

const struct config_key *config_key_find(const char *section, const char *key)
{
	for (size_t i = 0; i < config_keys_count; i++) {
		if (str_eq(config_keys[i].key, key) && str_eq(config_keys[i].section, section))
			return &config_keys[i];
	}
	return NULL;
}

bool config_has_section(const char *section)
{
	for (size_t i = 0; i < config_keys_count; i++) {
		if (*section && str_eq(config_keys[i].section, section))
			return true;
	}
	return false;
}

const char *config_key_nearest(const char *section, const char *word)
{
	const char *candidates[sizeof(config_keys) / sizeof(config_keys[0])];

	for (size_t i = 0; i < config_keys_count; i++) {
		const struct config_key *k = &config_keys[i];

		candidates[i] = NULL;
		if (str_eq(k->section, section))
			candidates[i] = k->key;
		else if (!*section)
			candidates[i] = k->section;
	}
	return str_nearest(word, candidates, config_keys_count);
}

void config_member_done(struct config *config, const struct config_key *key)
{
	void *at = config_member(config, key);

	switch (key->type->shape) {
	case CONFIG_STR:
		free(*(char **)at);
		*(char **)at = NULL;
		return;
	case CONFIG_STRV:
		strv_free(*(char ***)at);
		*(char ***)at = NULL;
		return;
	case CONFIG_ENTRIES:
		record_free(*(struct record **)at);
		*(struct record **)at = NULL;
		return;
	case CONFIG_BOOL:
		*(bool *)at = false;
		return;
	case CONFIG_U64:
		*(uint64_t *)at = 0;
		return;
	}
}

/* @value with the largest unit that leaves a whole number. */
static void print_bytes(uint64_t value, struct str *out)
{
	static const char letters[] = "kmgtp";
	size_t i = 0;

	while (value && value % 1024 == 0 && letters[i]) {
		value /= 1024;
		i++;
	}
	str_addf(out, "%" PRIu64, value);
	if (i)
		str_add_char(out, letters[i - 1]);
}

void config_print_u64(enum config_unit unit, uint64_t value, struct str *out)
{
	switch (unit) {
	case CONFIG_COUNT:
		str_addf(out, "%" PRIu64, value);
		return;
	case CONFIG_BYTES:
		print_bytes(value, out);
		return;
	case CONFIG_MS:
		if (value % 1000)
			str_addf(out, "%" PRIu64 "ms", value);
		else
			str_addf(out, "%" PRIu64 "s", value / 1000);
		return;
	}
}
