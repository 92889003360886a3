/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <root>/storage/auto: what "auto" means on this machine. The first line is a driver's name, what
 * follows is the reason, for people. Written once, never changed by the engine: another driver
 * would not find what is there.
 */
#include "core/driver/loaded.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/log.h"
#include "base/path.h"

#define AUTO_FILE "auto"

enum { AUTO_MAX = 16 * 1024 }; /* bytes */

/* --- the decision that was made ------------------------------------------- */

/* *@ret NULL: none was made. @why_text (may be NULL) gets the lines with the reasons. */
static int read_decision(const struct config *config, char **ret, struct str *why_text,
			 struct berth_error *err)
{
	cleanup_fd int rootfd = open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct berth_error why;
	size_t n;
	int r;

	*ret = NULL;
	if (rootfd < 0 && errno == ENOENT)
		return 0;
	if (rootfd < 0)
		return berth_fail_errno(err, errno, "open '%s'", config->root);
	r = state_read(rootfd, "storage/" AUTO_FILE, AUTO_MAX, &text, NULL, &why);
	if (r == -BERTH_E_NOT_FOUND)
		return 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	n = strcspn(text, "\n");
	if (why_text && text[n])
		str_add(why_text, text + n + 1);
	text[n] = '\0';
	if (!ident_is_driver(text)) {
		(void)berth_fail(err, BERTH_E_CORRUPT,
				 "'%s/storage/" AUTO_FILE "' does not begin with a driver's name",
				 config->root);
		berth_error_hint(err,
				 "put the name of the storage driver in use on its first line");
		return -BERTH_E_CORRUPT;
	}
	*ret = steal_ptr(text);
	return 0;
}

/* --- a decision to make --------------------------------------------------- */

/* Would it do? @why gets one line either way, with its name in it. */
static bool is_good(struct drivers *d, const char *name, struct str *why)
{
	cleanup_record struct record *findings = record_new_array();
	struct berth_error err = {0};

	if (!findings || driver_probe(d, BERTH_STORAGE, name, findings, &err) < 0) {
		str_add(why, findings ? err.text : "out of memory");
		return false;
	}
	for (size_t i = 0; i < record_len(findings); i++) {
		const struct record *f = record_at(findings, i);

		if (str_eq(record_str(record_get(f, "level")), "error")) {
			str_addf(why, "%s: %s", name, record_str_or(record_get(f, "text"), "?"));
			return false;
		}
	}
	str_addf(why, "%s: its probe found nothing that does not work", name);
	return true;
}

static int write_decision(struct drivers *d, const char *name, const char *reasons,
			  struct berth_error *err)
{
	cleanup_fd int rootfd = -1, dirfd = -1;
	cleanup_str struct str text = STR_INIT;
	char now[CLOCK_TEXT_MAX];
	int r = driver_root_dir(d, &rootfd, err);

	if (r == 0)
		r = state_mkdirs(rootfd, "storage", 0700, &dirfd, err);
	if (r < 0)
		return r;
	str_addf(&text, "%s\nchosen for \"auto\" on %s:\n%s", name,
		 clock_format(clock_now_ns(), now), reasons);
	r = str_check(&text, err);
	return r == 0 ? state_replace(dirfd, AUTO_FILE, 0644, text.p, text.len,
				      STATE_EXCL | STATE_FSYNC, err)
		      : r;
}

/* Lines as one. */
static void join(const char *lines, struct str *out)
{
	for (const char *at = lines; *at; at++) {
		if (*at != '\n')
			str_add_char(out, *at);
		else if (at[1])
			str_add(out, at > lines && at[-1] == ':' ? " " : "; ");
	}
}

static int nothing_works(const char *reasons, struct berth_error *err)
{
	cleanup_str struct str line = STR_INIT;

	join(reasons, &line);
	(void)berth_fail(err, BERTH_E_UNSUPPORTED, "no storage driver of the candidates works: %s",
			 str_text(&line));
	berth_error_hint(err, "name one in the config: \"storage\": {\"driver\": \"NAME\"}; `berth "
			      "driver ls` lists all");
	return -BERTH_E_UNSUPPORTED;
}

/* The first good one of the candidates. @reasons gets a line for each that was looked at. */
static int choose(struct drivers *d, const char **ret, struct str *reasons, struct berth_error *err)
{
	char **candidates = d->config->kind[BERTH_STORAGE].candidates;

	if (!strv_len(candidates)) {
		(void)berth_fail(err, BERTH_E_INVALID,
				 "\"storage\": {\"driver\": \"auto\"} without any candidates");
		berth_error_hint(err, "name a driver, or \"candidates\"");
		return -BERTH_E_INVALID;
	}
	strv_foreach (name, candidates) {
		cleanup_str struct str why = STR_INIT;
		bool good = is_good(d, *name, &why);

		str_addf(reasons, "%s\n", str_text(&why));
		if (good) {
			*ret = *name;
			return str_check(reasons, err);
		}
	}
	return nothing_works(str_text(reasons), err);
}

static void tell(struct drivers *d, const char *name, const char *reasons)
{
	cleanup_str struct str text = STR_INIT;

	str_addf(&text, "storage driver '%s' chosen, from now on (%s/storage/" AUTO_FILE ")", name,
		 d->config->root);
	d->notice(d->notice_arg, str_text(&text));
	log_debug("drivers.auto", "driver=%s reasons='%s'", name, reasons);
}

static int decide(struct drivers *d, char **ret, struct berth_error *err)
{
	cleanup_str struct str reasons = STR_INIT;
	struct berth_error why;
	const char *name;
	int r = choose(d, &name, &reasons, err);

	if (r < 0)
		return r;
	r = write_decision(d, name, str_text(&reasons), &why);
	if (r == -BERTH_E_EXISTS)
		return read_decision(d->config, ret, NULL, err); /* another process was first */
	if (r < 0) {
		if (err)
			*err = why;
		berth_error_prefix(err, "keep the choice of a storage driver");
		return r;
	}
	tell(d, name, str_text(&reasons));
	return str_copy(name, ret, err);
}

int driver_auto(struct drivers *d, const char **ret, struct berth_error *err)
{
	if (!d->auto_storage) {
		char *name;
		int r = read_decision(d->config, &name, NULL, err);

		if (r == 0 && !name)
			r = decide(d, &name, err);
		if (r < 0)
			return r;
		d->auto_storage = name;
	}
	*ret = d->auto_storage;
	return 0;
}

int drivers_auto_look(struct drivers *d, char **ret, struct str *reasons, bool *ret_made,
		      struct berth_error *err)
{
	cleanup_str struct str lines = STR_INIT;
	const char *name;
	int r = read_decision(d->config, ret, &lines, err);

	if (r < 0)
		return r;
	*ret_made = *ret;
	if (!*ret) {
		r = choose(d, &name, &lines, err);
		if (r == 0)
			r = str_copy(name, ret, err);
	}
	join(str_text(&lines), reasons);
	return r;
}

int drivers_auto_reasons(struct drivers *d, struct str *out, struct berth_error *err)
{
	cleanup_free char *name = NULL;
	cleanup_str struct str lines = STR_INIT;
	int r = 0;

	if (str_eq(d->config->kind[BERTH_STORAGE].driver, "auto"))
		r = read_decision(d->config, &name, &lines, err);
	join(str_text(&lines), out);
	return r;
}
