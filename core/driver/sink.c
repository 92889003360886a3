/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/sink.h"

#include "base/cleanup.h"

/* One of the two is NULL. */
struct berth_sink {
	struct str *out;
	size_t room; /* bytes that may still come */
	struct record *findings;
};

static int make(struct str *out, size_t limit, struct record *findings, struct berth_sink **ret,
		struct berth_error *err)
{
	struct berth_sink *sink = malloc(sizeof(*sink));

	if (!sink)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	sink->out = out;
	sink->room = limit;
	sink->findings = findings;
	*ret = sink;
	return 0;
}

int sink_new(struct str *out, size_t limit, struct berth_sink **ret, struct berth_error *err)
{
	return make(out, limit, NULL, ret, err);
}

int sink_new_findings(struct record *out, struct berth_sink **ret, struct berth_error *err)
{
	return make(NULL, 0, out, ret, err);
}

void sink_free(struct berth_sink *sink)
{
	free(sink);
}

int sink_put(struct berth_sink *sink, const char *bytes, size_t n)
{
	if (!sink || !sink->out)
		return -BERTH_E_INVALID;
	if (n > sink->room)
		return -BERTH_E_LIMIT;
	str_add_n(sink->out, bytes, n);
	if (sink->out->failed)
		return -BERTH_E_NO_MEMORY;
	sink->room -= n;
	return 0;
}

const char *finding_level_name(uint32_t level)
{
	static const char *const names[] = {
		[BERTH_FINDING_OK] = "ok",
		[BERTH_FINDING_INFO] = "info",
		[BERTH_FINDING_WARN] = "warn",
		[BERTH_FINDING_ERROR] = "error",
	};

	return level < sizeof(names) / sizeof(names[0]) ? names[level] : NULL;
}

int finding_add(struct record *list, uint32_t level, const char *id, const char *text,
		const char *fix, struct berth_error *err)
{
	cleanup_record struct record *item = record_new_object();
	int r;

	if (!item)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = record_set_str(item, "id", id, err);
	if (r == 0)
		r = record_set_str(item, "level", finding_level_name(level), err);
	if (r == 0)
		r = record_set_str(item, "text", text, err);
	if (r == 0)
		r = record_set_str(item, "fix", fix ? fix : "", err);
	if (r == 0)
		r = record_append(list, steal_ptr(item), err);
	return r;
}

int finding_addf(struct record *list, uint32_t level, const char *id, const char *fix,
		 struct berth_error *err, const char *fmt, ...)
{
	cleanup_str struct str text = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_addv(&text, fmt, ap);
	va_end(ap);
	return finding_add(list, level, id, str_text(&text), fix, err);
}

int sink_finding(struct berth_sink *sink, uint32_t level, const char *id, const char *text,
		 const char *fix)
{
	if (!sink || !sink->findings || !id || !text || !finding_level_name(level))
		return -BERTH_E_INVALID;
	if (record_len(sink->findings) >= SINK_FINDINGS_MAX)
		return -BERTH_E_LIMIT;
	return finding_add(sink->findings, level, id, text, fix, NULL);
}
