/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/bind.h"

#include "base/path.h"
#include "core/driver/drivers.h"
#include "core/driver/load.h"
#include "core/driver/options.h"
#include "core/driver/separate.h"
#include "core/driver/trial.h"

/* The record of the driver that is wanted; of several, the one that was named. */
static int pick(const struct bind_wish *wish, const struct info infos[], size_t n, struct info *ret,
		struct berth_error *err)
{
	cleanup_str struct str all = STR_INIT;
	const struct info *found = NULL;
	size_t matches = 0;

	for (size_t i = 0; i < n; i++) {
		str_addf(&all, "%s%s '%s'", i ? ", " : "", driver_kind_name(infos[i].kind),
			 infos[i].name);
		if ((wish->kind && infos[i].kind != wish->kind) ||
		    (wish->name && !str_eq(infos[i].name, wish->name)))
			continue;
		found = &infos[i];
		matches++;
	}
	if (matches == 1) {
		*ret = *found;
		return 0;
	}
	(void)berth_fail(err, BERTH_E_INVALID, matches ? "it has several drivers: %s" : "it has %s",
			 str_text(&all));
	berth_error_hint(err, "say which one with --kind and --name");
	return -BERTH_E_INVALID;
}

static int read_info(const struct bind_wish *wish, struct info *ret, struct berth_error *err)
{
	cleanup_fd int fd = open(wish->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct info infos[INFO_MAX];
	size_t n;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open");
	r = info_read(fd, infos, &n, err);
	if (r == 0)
		r = pick(wish, infos, n, ret, err);
	return r < 0 ? r : info_check(ret, err);
}

static int find_head(struct bound *b, struct berth_error *err)
{
	for (uint32_t i = 0; i < LOAD_DRIVERS_MAX; i++) {
		const struct berth_driver *theirs = b->entry(i);

		if (!theirs)
			break;
		head_copy(theirs, &b->raw);
		if (b->raw.kind == b->info.kind && b->raw.name &&
		    str_eq(b->raw.name, b->info.name)) {
			b->theirs = theirs;
			b->index = i;
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_INVALID,
			  "its section %s names a %s driver '%s', but its code has none",
			  BERTH_INFO_SECTION, driver_kind_name(b->info.kind), b->info.name);
}

/* For as long as we run. */
static struct separate *separate;

static const struct berth_driver *separate_entry(uint32_t index)
{
	return index == 0 ? separate_head(separate) : NULL;
}

void bind_follow(void)
{
	if (separate)
		separate_renew(separate);
}

static int take_separate(const struct bind_wish *wish, struct bound *b, struct berth_error *err)
{
	cleanup_free char *path = realpath(wish->file, NULL);
	int r;

	if (!path)
		return berth_fail_errno(err, errno, "open");
	r = separate_load(wish->program, path, b->info.kind, b->info.name, &separate, err);
	if (r < 0)
		return r;
	b->entry = separate_entry;
	return find_head(b, err);
}

static int take_shared(const struct bind_wish *wish, struct bound *b, struct berth_error *err)
{
	cleanup_free char *path = realpath(wish->file, NULL); /* dlopen looks up bare names */
	bool is_lasting;
	int r;

	if (!path)
		return berth_fail_errno(err, errno, "open");
	r = trial_load(path, TRIAL_TIMEOUT_MS, &is_lasting, err);
	if (r == 0)
		r = load_map(path, &b->lib, &b->entry, err);
	return r < 0 ? r : find_head(b, err);
}

int bind_driver(const struct bind_wish *wish, struct bound *ret, struct berth_error *err)
{
	struct bound b = {0};
	int r = read_info(wish, &b.info, err);

	if (r == 0)
		r = wish->is_separate ? take_separate(wish, &b, err) : take_shared(wish, &b, err);
	if (r == 0)
		r = head_check(&b.raw, err);
	if (r == 0)
		r = clamp_ops(&b.raw, &b.ops, err);
	if (r < 0)
		return r;
	*ret = b;
	ret->head = b.raw;
	ret->head.ops = &ret->ops;
	ret->head.ops_size = sizeof(ret->ops);
	return 0;
}

/* "10m" as "10485760": the lent getters take plain numbers. */
static int add_value(const struct berth_option *o, const char *text, char ***out,
		     struct berth_error *err)
{
	struct option_value value = {.name = o->name, .type = o->type};
	int r = option_set_text(o, text, &value, err);

	if (r < 0) {
		berth_error_prefix(err, "option '%s'", o->name);
		return r;
	}
	if (value.text)
		r = strv_addf(out, "%s=%s", o->name, value.text);
	else
		r = strv_addf(out, "%s=%llu", o->name, (unsigned long long)value.number);
	free(value.text);
	return r == 0 ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int find_option(const struct bound *b, const char *pair, struct berth_option *ret,
		       struct berth_error *err)
{
	size_t key = strcspn(pair, "=");
	struct berth_option o;

	if (!pair[key])
		return berth_fail(err, BERTH_E_INVALID, "option '%s' has no value: KEY=VALUE",
				  pair);
	for (size_t i = 0; options_at(&b->raw, i, &o); i++) {
		if (strlen(o.name) == key && strncmp(o.name, pair, key) == 0) {
			*ret = o;
			return 0;
		}
	}
	return berth_fail(err, BERTH_E_INVALID, "the driver has no option '%.*s'", (int)key, pair);
}

int bind_options(const struct bound *b, char *const *values, char ***ret, struct berth_error *err)
{
	cleanup_strv char **out = strv_copy(NULL);
	struct berth_option o;
	int r = out ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");

	for (size_t i = strv_len(values); r == 0 && i-- > 0;) {
		r = find_option(b, values[i], &o, err);
		if (r == 0)
			r = add_value(&o, strchr(values[i], '=') + 1, &out, err);
	}
	for (size_t i = 0; r == 0 && options_at(&b->raw, i, &o); i++) {
		if (o.fallback)
			r = add_value(&o, o.fallback, &out, err);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(out);
	return 0;
}
