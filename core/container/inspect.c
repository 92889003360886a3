/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/connect.h"
#include "core/container/make.h"

#include <string.h>

#include "base/clock.h"
#include "base/record_write.h"

static const char *status_word(enum container_state state)
{
	if (state == CONTAINER_CREATING || state == CONTAINER_STARTING)
		return "created";
	return container_state_name(state);
}

static void state_write(struct jw *w, const struct container_row *row)
{
	char text[CLOCK_TEXT_MAX];
	bool alive = (row->state & CONTAINER_ALIVE) != 0;

	jw_key_object(w, "State");
	jw_key_str(w, "Status", status_word(row->state));
	jw_key_bool(w, "Running", alive);
	jw_key_bool(w, "Paused", row->state == CONTAINER_PAUSED);
	jw_key_bool(w, "Restarting", false);
	jw_key_bool(w, "OOMKilled", (row->flags & BERTH_EXIT_OOM) != 0);
	jw_key_bool(w, "Dead", row->state == CONTAINER_DEAD);
	jw_key_int(w, "Pid", alive ? row->pid : 0);
	jw_key_int(w, "ExitCode", row->exit_code);
	jw_key_str(w, "Error", row->error ? row->error : "");
	jw_key_str(w, "StartedAt",
		   clock_format_or_never(row->started_ns ? row->started_ns : CLOCK_NEVER, text));
	jw_key_str(w, "FinishedAt",
		   clock_format_or_never(row->finished_ns ? row->finished_ns : CLOCK_NEVER, text));
	jw_object_end(w);
}

/** Path and Args: the command line, Entrypoint first. */
static void command_write(struct jw *w, const struct record *config)
{
	static const char *const parts[] = {"Entrypoint", "Cmd"};
	bool first = true;

	for (int p = 0; p < 2; p++) {
		const struct record *words = record_get(config, parts[p]);

		for (size_t i = 0; i < record_len(words); i++) {
			const char *word = record_str_or(record_at(words, i), "");

			if (first) {
				jw_key_str(w, "Path", word);
				jw_key_array(w, "Args");
				first = false;
			} else {
				jw_str(w, word);
			}
		}
	}
	if (first) {
		jw_key_str(w, "Path", "");
		jw_key_array(w, "Args");
	}
	jw_array_end(w);
}

static const char *volume_name(const struct record *volumes, const char *target)
{
	for (size_t i = 0; i < record_len(volumes); i++) {
		const struct record *v = record_at(volumes, i);

		if (str_eq(record_str(record_get(v, "Destination")), target))
			return record_str_or(record_get(v, "Name"), "");
	}
	return "";
}

static int mounts_write(struct jw *w, struct container_host *h, const struct container_row *row,
			struct berth_error *err)
{
	struct spec_mount *mounts = NULL;
	size_t n = 0;
	int r = spec_mounts(row->merged, &mounts, &n, err);

	if (r < 0)
		return r;
	jw_key_array(w, "Mounts");
	for (size_t i = 0; i < n; i++) {
		const struct spec_mount *m = &mounts[i];
		bool volume = str_eq(m->type, "volume");
		const char *name =
			volume ? volume_name(record_get(row->merged, "Volumes"), m->target) : "";
		cleanup_free char *data = str_fmt("%s/volumes/%s/_data", h->config->root, name);

		if (m->hidden)
			continue;
		jw_object_begin(w);
		jw_key_str(w, "Type", m->type);
		if (volume)
			jw_key_str(w, "Name", name);
		jw_key_str(w, "Source", volume ? data : m->source ? m->source : "");
		jw_key_str(w, "Destination", m->target);
		if (volume)
			jw_key_str(w, "Driver", "local");
		jw_key_str(w, "Mode", m->mode ? m->mode : "");
		jw_key_bool(w, "RW", !m->read_only);
		jw_key_str(w, "Propagation", m->propagation ? m->propagation : "");
		jw_object_end(w);
	}
	jw_array_end(w);
	spec_mounts_free(mounts, n);
	return 0;
}

static void paths_write(struct jw *w, struct container_host *h, const struct container_row *row)
{
	static const struct {
		const char *key, *file;
	} paths[] = {{"ResolvConfPath", "resolv.conf"},
		     {"HostnamePath", "hostname"},
		     {"HostsPath", "hosts"},
		     {"LogPath", MONITOR_LOG}};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		cleanup_free char *path = NULL;

		path = str_fmt("%s/containers/%s/%s", h->config->root, row->id, paths[i].file);
		jw_key_str(w, paths[i].key, path ? path : "");
	}
}

static int size_write(struct jw *w, struct container_host *h, const struct container_row *row,
		      struct berth_error *err)
{
	struct berth_usage u = {.size = sizeof(u)};
	struct storage *st;
	int r = drivers_storage(h->drivers, row->storage, &st, err);

	if (r == 0)
		r = st->ops.usage(st->st, row->id, BERTH_EACH_VIEWS, &u, err);
	if (r < 0)
		return r == -BERTH_E_UNSUPPORTED ? 0 : r;
	jw_key_uint(w, "SizeRw", u.own);
	jw_key_uint(w, "SizeRootFs", u.shared == UINT64_MAX ? u.own : u.own + u.shared);
	return 0;
}

int container_inspect(struct container_host *h, const char *ref, bool size, struct record **ret,
		      struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	cleanup_str struct str out = STR_INIT;
	const struct record *config;
	char text[CLOCK_TEXT_MAX];
	struct jw w = jw_to(&out, RECORD_COMPACT);
	int r = container_row_find(h->store, ref, &row, err);

	if (r < 0)
		return r;
	config = record_get(row->merged, "Config");
	jw_object_begin(&w);
	jw_key_str(&w, "Id", row->id);
	jw_key_str(&w, "Created", clock_format(row->created_ns, text));
	command_write(&w, config);
	state_write(&w, row);
	jw_key_str(&w, "Image", row->image ? row->image : "");
	paths_write(&w, h, row);
	jw_key(&w, "Name");
	{
		cleanup_free char *name = str_fmt("/%s", row->name);

		jw_str(&w, name ? name : row->name);
	}
	jw_key_int(&w, "RestartCount", 0);
	jw_key_str(&w, "Driver", row->storage);
	jw_key_str(&w, "Isolation", row->isolation);
	jw_key_str(&w, "Platform", "linux");
	jw_key_str(&w, "MountLabel", "");
	jw_key_str(&w, "ProcessLabel", "");
	jw_key_str(&w, "AppArmorProfile", "");
	jw_key_raw(&w, "ExecIDs", "null");
	jw_key(&w, "HostConfig");
	jw_record(&w, record_get(row->merged, "HostConfig"));
	jw_key_object(&w, "GraphDriver");
	jw_key_raw(&w, "Data", "null");
	jw_key_str(&w, "Name", row->storage);
	jw_object_end(&w);
	if (size)
		r = size_write(&w, h, row, err);
	if (r == 0)
		r = mounts_write(&w, h, row, err);
	jw_key(&w, "Config");
	jw_record(&w, config);
	if (r == 0)
		r = container_network_show(&w, h, row, err);
	jw_object_end(&w);
	if (r == 0)
		r = str_check(&out, err);
	if (r == 0)
		r = record_parse(out.p, out.len, 0, ret, err);
	return r;
}

int container_find(struct container_host *h, const char *ref, char ret_id[static 65],
		   struct berth_error *err)
{
	cleanup_row struct container_row *row = NULL;
	int r = container_row_find(h->store, ref, &row, err);

	if (r == 0)
		memcpy(ret_id, row->id, 65);
	return r;
}
