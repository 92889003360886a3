/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/drivers.h"

#include "base/str.h"

/* In the order of the bits in the public headers. */
static const char *const storage_caps[] = {
	"ingest-tree", "ingest-tar", "claim",	    "parent-late", "whiteout-keep",
	"native-diff", "idmap",	     "chown-clone", "quota",	   "verify",
	"share-ro",    "form-dir",   "form-block",  "form-image",  "userxattr",
	"tar-exact",   "one-file",   "one-owner",   NULL,
};

static const char *const network_caps[] = {
	"ipam",	    "dns",     "publish",      "v4",  "v6",	   "rootless", "helper",
	"no-netns", "hotplug", "keeps-src-ip", "tap", "user-made", "internal", NULL,
};

static const char *const isolation_caps[] = {
	"exec",	     "pause",	"update",      "checkpoint", "stats",	   "console",
	"userns",    "recover", "pid-is-real", "root-fd",    "root-block", "root-image",
	"net-netns", "net-tap", "insecure",    NULL,
};

static const char *const registry_caps[] = {
	"pull",	     "push",	   "tags",   "range",	"mount", "referrers", "delete",
	"synthetic", "one-writer", "search", "archive", "each",	 NULL,
};

static const char *const *const caps[] = {
	[BERTH_STORAGE] = storage_caps,
	[BERTH_NETWORK] = network_caps,
	[BERTH_ISOLATION] = isolation_caps,
	[BERTH_REGISTRY] = registry_caps,
};

const char *driver_cap_name(uint32_t kind, unsigned int bit)
{
	const char *const *names;

	if (!config_section(kind))
		return NULL;
	names = caps[kind];
	for (unsigned int i = 0; names[i]; i++) {
		if (i == bit)
			return names[i];
	}
	return NULL;
}

const char *driver_kind_name(uint32_t kind)
{
	const char *name = config_section(kind);

	return name ? name : "?";
}

uint32_t driver_kind_parse(const char *word)
{
	for (uint32_t kind = BERTH_STORAGE; kind <= BERTH_REGISTRY; kind++) {
		if (str_eq(word, config_section(kind)))
			return kind;
	}
	return 0;
}
