/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/image/work/hash.h"
#include "core/image/work/manifest.h"

/** The chain id of a layer: its diff id if it is the base, else of the chain below and its diff id.
 */
static int chain_of(const char *below, const struct digest *diff_id, char **ret,
		    struct berth_error *err)
{
	cleanup_free char *both = NULL;
	char text[DIGEST_TEXT_MAX];
	struct digest chain = *diff_id;

	(void)digest_format(diff_id, text);
	if (below) {
		int r;

		both = str_fmt("%s %s", below, text);
		if (!both)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		r = hash_bytes(both, strlen(both), &chain, err);
		if (r < 0)
			return r;
	}
	return str_copy(digest_format(&chain, text), ret, err);
}

static int read_diff_ids(struct image_config *c, const struct record *ids, struct berth_error *err)
{
	size_t n = record_len(ids);
	int r = 0;

	c->diff_id = calloc(n ? n : 1, sizeof(*c->diff_id));
	c->chain = calloc(n + 1, sizeof(*c->chain));
	if (!c->diff_id || !c->chain)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	c->n = n;
	for (size_t i = 0; i < n && r == 0; i++) {
		const char *text = record_str(record_at(ids, i));

		r = text ? digest_parse(text, &c->diff_id[i], err)
			 : berth_fail(err, BERTH_E_INVALID, "diff id %zu is no string", i + 1);
		if (r < 0) {
			if (err)
				err->code = BERTH_E_CORRUPT;
			return -BERTH_E_CORRUPT;
		}
		r = chain_of(i ? c->chain[i - 1] : NULL, &c->diff_id[i], &c->chain[i], err);
	}
	return r;
}

static int check_shape(const struct image_config *c, const struct record *rootfs,
		       uint64_t max_layers, struct berth_error *err)
{
	const char *type = record_str_or(record_get(rootfs, "type"), "layers");
	size_t n = record_len(record_get(rootfs, "diff_ids"));

	if (record_type(c->doc) != RECORD_OBJECT || record_type(rootfs) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_CORRUPT, "it has no rootfs");
	if (!str_eq(type, "layers"))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "its rootfs is of type '%.40s'", type);
	if (n > max_layers)
		return berth_fail(err, BERTH_E_LIMIT, "it has %zu layers, at most %llu are allowed",
				  n, (unsigned long long)max_layers);
	/* very old ones leave it out, and are for linux */
	if (!str_eq(record_str_or(record_get(c->doc, "os"), "linux"), "linux"))
		return berth_fail(
			err, BERTH_E_UNSUPPORTED,
			"image operating system \"%.40s\" cannot be used on this platform",
			record_str_or(record_get(c->doc, "os"), ""));
	return 0;
}

int image_config_parse(const char *bytes, size_t n, uint64_t max_layers, struct image_config *ret,
		       struct berth_error *err)
{
	cleanup_image_config struct image_config c = {0};
	const struct record *rootfs;
	const char *created;
	int64_t ns;
	int r = record_parse(bytes, n, 0, &c.doc, err);

	if (r < 0) {
		if (r == -BERTH_E_INVALID && err)
			err->code = BERTH_E_CORRUPT;
		return r == -BERTH_E_INVALID ? -BERTH_E_CORRUPT : r;
	}
	rootfs = record_get(c.doc, "rootfs");
	r = check_shape(&c, rootfs, max_layers, err);
	if (r == 0)
		r = read_diff_ids(&c, record_get(rootfs, "diff_ids"), err);
	if (r < 0)
		return r;
	if (!platform_read(c.doc, &c.platform))
		platform_host(&c.platform);
	created = record_str(record_get(c.doc, "created"));
	if (created && clock_parse(created, &ns, NULL) == 0 && ns != CLOCK_NEVER)
		c.created_ns = ns;
	*ret = c;
	c = (struct image_config){0};
	return 0;
}

void image_config_done(struct image_config *c)
{
	record_free(c->doc);
	free(c->diff_id);
	for (size_t i = 0; i < c->n; i++)
		free(c->chain[i]);
	free(c->chain);
	*c = (struct image_config){0};
}
