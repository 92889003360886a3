/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mocked: an open mock with a scenario and a transcript, for its tests.
 */
#ifndef TESTS_MOCKED_H
#define TESTS_MOCKED_H

#include "ck.h"
#include "tests/conformance/lent.h"

struct mocked {
	const struct berth_driver *head;
	const void *ops;
	void *instance;
	int state;
	int dir; /* with "transcript" in it */
};

static char mocked_path[96];

/** Open the driver of file @path on state directory @state, with @scenario or NULL. */
BERTH_UNUSED
static int mocked_try(struct mocked *m, const char *path, int state, const char *scenario)
{
	cleanup_free char *transcript = NULL;
	cleanup_free char *json = scenario ? str_fmt("scenario=%s", scenario) : NULL;
	const char *pairs[3] = {NULL};
	struct berth_conf conf = {.pairs = pairs};

	if (!mocked_path[0])
		m->dir = ck_dir_at(mocked_path);
	transcript = str_fmt("transcript=%s/transcript", mocked_path);
	pairs[0] = transcript;
	pairs[1] = json;
	m->head = lent_load(path);
	m->ops = m->head->ops;
	m->state = state;
	conf.options = m->head->options;
	return m->head->open(lent_host(), &conf, state, &m->instance, &err);
}

BERTH_UNUSED
static struct mocked mocked_open(const char *path, const char *scenario)
{
	struct mocked m = {.dir = -1};

	ck_ok(mocked_try(&m, path, ck_dir(), scenario));
	return m;
}

BERTH_UNUSED
static void mocked_close(struct mocked *m)
{
	m->head->close(m->instance);
	m->head->close(NULL);
}

/** Remember ids that a listing tells, with blanks behind. */
BERTH_UNUSED
static int mocked_hear(void *str, const char *id)
{
	str_addf(str, "%s ", id);
	return 0;
}

#endif
