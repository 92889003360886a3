/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/trace.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/record_write.h"
#include "core/driver/loaded.h"

enum { SHOWN_MAX = 80, ID_DIGITS = 64, ID_SHOWN = 12 };

/* The environment, because programs that we start and parts with a copy of the core of their own
 * are to know it as well. */
void trace_switch_on(void)
{
	(void)setenv("BERTH_TRACE", "1", 1); /* without memory there is no trace */
}

bool trace_is_on(void)
{
	return str_eq(getenv("BERTH_TRACE"), "1");
}

/* --- a line --------------------------------------------------------------- */

struct trace_call trace_begin(const struct trace_name *name, const char *call)
{
	struct trace_call c = {.is_silent = !name};

	if (name)
		str_addf(&c.line, "trace: %s %s(", name->text, call);
	return c;
}

static void add_name(struct trace_call *c, const char *name)
{
	str_addf(&c->line, "%s%s=", c->has_args ? ", " : "", name);
	c->has_args = true;
}

/* Ids and digests by their beginning, other strings up to a limit; quoted like JSON. */
void trace_str(struct trace_call *c, const char *name, const char *value)
{
	size_t n = value ? strlen(value) : 0, shown = n, digits;

	if (c->is_silent)
		return;
	add_name(c, name);
	if (!value) {
		str_add(&c->line, "-");
		return;
	}
	digits = strspn(value, "0123456789abcdef");
	if (str_has_prefix(value, "sha256:"))
		shown = n > strlen("sha256:") + ID_SHOWN ? strlen("sha256:") + ID_SHOWN : n;
	else if (n == ID_DIGITS && digits == n)
		shown = ID_SHOWN;
	else if (n > SHOWN_MAX)
		shown = SHOWN_MAX;
	jw_quote(&c->line, value, shown, RECORD_COMPACT);
	if (shown < n)
		str_add(&c->line, "...");
}

void trace_u64(struct trace_call *c, const char *name, uint64_t value)
{
	if (c->is_silent)
		return;
	add_name(c, name);
	if (value == UINT64_MAX)
		str_add(&c->line, "-");
	else
		str_addf(&c->line, "%llu", (unsigned long long)value);
}

void trace_i64(struct trace_call *c, const char *name, int64_t value)
{
	if (c->is_silent)
		return;
	add_name(c, name);
	str_addf(&c->line, "%lld", (long long)value);
}

void trace_bytes(struct trace_call *c, const char *name, size_t n)
{
	if (c->is_silent)
		return;
	add_name(c, name);
	str_addf(&c->line, "<%zu bytes>", n);
}

struct berth_error *trace_go(struct trace_call *c)
{
	if (!c->is_silent)
		c->since = clock_mono_ns();
	return &c->err;
}

/* One write, so that lines of several threads and processes do not mix. */
static void write_line(struct trace_call *c, int64_t took)
{
	str_addf(&c->line, " [%lld.%03lld ms]\n", (long long)(took / 1000000),
		 (long long)(took / 1000 % 1000));
	if (!c->line.failed)
		(void)write_all(STDERR_FILENO, c->line.p, c->line.len, NULL); /* or it is lost */
	str_done(&c->line);
}

int trace_end(struct trace_call *c, int r, struct berth_error *err)
{
	int64_t took = c->is_silent ? 0 : clock_mono_ns() - c->since;

	if (r < 0 && err)
		*err = c->err;
	if (c->is_silent)
		return r;
	if (r < 0) {
		str_addf(&c->line, ") = %s: ", berth_code_name(r));
		jw_quote(&c->line, c->err.text, strnlen(c->err.text, sizeof(c->err.text)),
			 RECORD_COMPACT);
	} else {
		str_addf(&c->line, ") = %d", r);
	}
	write_line(c, took);
	return r;
}

void trace_end_void(struct trace_call *c)
{
	int64_t took = c->is_silent ? 0 : clock_mono_ns() - c->since;

	if (c->is_silent)
		return;
	str_add_char(&c->line, ')');
	write_line(c, took);
}

/* --- a driver ------------------------------------------------------------- */

int trace_attach(struct loaded *l, struct berth_error *err)
{
	struct trace_name name;

	(void)snprintf(name.text, sizeof(name.text), "%s/%s", driver_kind_name(l->head.kind),
		       l->head.name);
	switch ((enum berth_kind)l->head.kind) {
	case BERTH_STORAGE:
		l->traced = trace_storage(&l->storage, &name);
		break;
	case BERTH_NETWORK:
		l->traced = trace_network(&l->network, &name);
		break;
	case BERTH_ISOLATION:
		l->traced = trace_isolation(&l->isolation, &name);
		break;
	case BERTH_REGISTRY:
		l->traced = trace_registry(&l->registry, &name);
		break;
	}
	return l->traced ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

void trace_detach(struct loaded *l)
{
	free(l->traced);
	l->traced = NULL;
}
