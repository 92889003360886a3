/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/container/spec_parts.h"

#define OCI_VERSION "1.1.0"

enum { SPEC_SIZE = 24 * 1024 }; /* usual bytes of config.json, so that it is allocated once */

bool spec_mode_is_host(const struct record *host, const char *key)
{
	return str_eq(record_str(record_get(host, key)), "host");
}

const char *spec_mode_container(const struct record *host, const char *key)
{
	return str_after(record_str_or(record_get(host, key), ""), "container:");
}

bool spec_has_init(const struct spec_input *in)
{
	const struct record *host = record_get(in->merged, "HostConfig");

	/* in somebody else's PID namespace there is an init already */
	return in->init_path && !in->pidns_path && !spec_mode_is_host(host, "PidMode") &&
	       !spec_mode_container(host, "PidMode");
}

static void write_root(const struct record *host, struct jw *w)
{
	jw_key_object(w, "root");
	jw_key_str(w, "path", "rootfs");
	jw_key_bool(w, "readonly", record_bool_or(record_get(host, "ReadonlyRootfs"), false));
	jw_object_end(w);
}

static void write_annotations(const struct record *host, struct jw *w)
{
	const struct record *list = record_get(host, "Annotations");

	if (record_len(list) > 0) {
		jw_key(w, "annotations");
		jw_record(w, list);
	}
}

static int write_all(const struct spec_input *in, struct jw *w, struct berth_error *err)
{
	const struct record *host = record_get(in->merged, "HostConfig");
	const char *propagation;
	int r;

	jw_key_str(w, "ociVersion", OCI_VERSION);
	jw_key(w, "process");
	r = spec_process_write(in, NULL, w, err);
	if (r < 0)
		return r;
	write_root(host, w);
	/* a name for the host's own UTS namespace would be everybody's */
	if (in->hostname && !in->utsns_path && !spec_mode_is_host(host, "UTSMode"))
		jw_key_str(w, "hostname", in->hostname);
	r = spec_mounts_write(in, w, &propagation, err);
	if (r < 0)
		return r;
	write_annotations(host, w);
	return spec_linux_write(in, propagation, w, err);
}

int spec_write(const struct spec_input *in, struct str *out, struct berth_error *err)
{
	struct jw w = jw_to(out, RECORD_COMPACT);
	int r;

	(void)str_room(out, SPEC_SIZE);
	jw_object_begin(&w);
	r = write_all(in, &w, err);
	jw_object_end(&w);
	return r < 0 ? r : str_check(out, err);
}
