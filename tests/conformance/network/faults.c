/* SPDX-License-Identifier: Apache-2.0 */
/* Each call of the driver with one failing system call or allocation after the other. */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/fault.h"
#include "tests/conformance/network/nw.h"

struct scene {
	struct nw m;
	struct wire w;
	struct box b;
	char *empty; /* how the machine looks without them */
};

static void needs(void)
{
	nw_needs_attach();
	nw_needs_real();
	if (!suite_has("create") || !suite_has("remove"))
		suite_skip("the driver makes no networks (call 'create')");
}

/* A network, and a container with a port where there are ports, not attached. */
static void set(struct scene *s)
{
	nw_open(&s->m);
	nw_wire(&s->w, 1);
	ck_ok(nw_create(&s->m, &s->w));
	nw_box(&s->b, &s->w, 1);
	if (nw_can(BERTH_NET_PUBLISH))
		nw_port(&s->b, 8080, 80, BERTH_TCP, BERTH_IPV4);
	/* once, so that what is made with the first one is there */
	ck_ok(nw_attach(&s->m, &s->w, &s->b));
	ck_ok(nw_detach(&s->m, &s->w, &s->b));
	s->empty = strdup(nw_looks(s->m.machine));
}

static void strike(struct scene *s)
{
	nw_end_box(&s->b);
	ck_ok(nw_remove(&s->m, &s->w));
	lent_sink_done(&s->w.state);
	free(s->empty);
	nw_close(&s->m);
}

/* ---------------------------------------------------------------------------------------- attach */

static int attach(void *arg, struct berth_error *e)
{
	struct scene *s = arg;

	str_clear(&s->b.state.text);
	s->b.ep.state = (struct berth_str){0};
	return s->m.ops->attach(s->m.net, &s->w.desc, &s->b.ep, NULL, &s->b.state, &s->b.got, e);
}

/* All or nothing: a container that could not be attached can be, at once. */
static void after_attach(void *arg, int result)
{
	struct scene *s = arg;

	if (result < 0) {
		nw_ck_looks(s->m.machine, s->empty);
		ck_assert_msg(nw_attach(&s->m, &s->w, &s->b) == 0, "%s", nw_why());
	} else {
		s->b.ep.state = (struct berth_str){str_text(&s->b.state.text), s->b.state.text.len};
	}
	ck_assert_msg(nw_detach(&s->m, &s->w, &s->b) == 0, "%s", nw_why());
	nw_ck_looks(s->m.machine, s->empty);
}

START_TEST(an_attach_whose_calls_fail_leaves_nothing_and_can_be_repeated)
{
	struct scene s;

	needs();
	set(&s);
	fault_each(&(struct fault_case){.run = attach, .after = after_attach, .arg = &s});
	strike(&s);
}
END_TEST

/* ---------------------------------------------------------------------------------------- detach */

static void before_detach(void *arg)
{
	struct scene *s = arg;

	ck_assert_msg(nw_attach(&s->m, &s->w, &s->b) == 0, "%s", nw_why());
}

static int detach(void *arg, struct berth_error *e)
{
	const struct scene *s = arg;

	return s->m.ops->detach(s->m.net, &s->w.desc, &s->b.ep, e);
}

static void after_detach(void *arg, int result BERTH_UNUSED)
{
	struct scene *s = arg;

	ck_assert_msg(nw_detach(&s->m, &s->w, &s->b) == 0, "%s", nw_why());
	nw_ck_looks(s->m.machine, s->empty);
}

START_TEST(a_detach_whose_calls_fail_can_be_repeated)
{
	struct scene s;

	needs();
	set(&s);
	fault_each(&(struct fault_case){
		.before = before_detach, .run = detach, .after = after_detach, .arg = &s});
	strike(&s);
}
END_TEST

/* -------------------------------------------------------------------------------------- networks */

static int create(void *arg, struct berth_error *e)
{
	struct scene *s = arg;

	return s->m.ops->create(s->m.net, &s->w.desc, NULL, e);
}

static void after_create(void *arg, int result BERTH_UNUSED)
{
	struct scene *s = arg;

	ck_assert_msg(nw_create(&s->m, &s->w) == 0, "%s", nw_why());
	ck_assert_msg(nw_attach(&s->m, &s->w, &s->b) == 0, "%s", nw_why());
	ck_assert_msg(nw_detach(&s->m, &s->w, &s->b) == 0, "%s", nw_why());
	nw_ck_looks(s->m.machine, s->empty);
}

static void before_create(void *arg)
{
	struct scene *s = arg;

	ck_assert_msg(nw_remove(&s->m, &s->w) == 0, "%s", nw_why());
	s->w.desc.state = (struct berth_str){0};
}

START_TEST(a_create_whose_calls_fail_can_be_repeated)
{
	struct scene s;

	needs();
	set(&s);
	fault_each(&(struct fault_case){
		.before = before_create, .run = create, .after = after_create, .arg = &s});
	strike(&s);
}
END_TEST

static int net_remove(void *arg, struct berth_error *e)
{
	const struct scene *s = arg;

	return s->m.ops->remove(s->m.net, &s->w.desc, e);
}

START_TEST(a_removal_whose_calls_fail_can_be_repeated)
{
	struct scene s;

	needs();
	set(&s);
	fault_each(&(struct fault_case){.run = net_remove, .after = after_create, .arg = &s});
	strike(&s);
}
END_TEST

SUITE_CASES(network_fault_cases, an_attach_whose_calls_fail_leaves_nothing_and_can_be_repeated,
	    a_detach_whose_calls_fail_can_be_repeated, a_create_whose_calls_fail_can_be_repeated,
	    a_removal_whose_calls_fail_can_be_repeated);
