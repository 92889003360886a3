/* SPDX-License-Identifier: Apache-2.0 */
#include "berth/network.h"
#include "mocked.h"

static struct mocked m;
static const struct berth_network_ops *ops;
static struct berth_network *net;

static const struct berth_net_desc desc = {.size = sizeof(desc), .id = "n1", .name = "net"};
static const struct berth_addr addr = {.family = 4, .prefix = 24, .ip = {10, 0, 0, 2}};
static const struct berth_port ports[] = {
	{.size = sizeof(ports[0]), .inside = 80, .outside = 8080, .count = 1, .proto = BERTH_TCP},
	{.size = sizeof(ports[0]), .inside = 53, .outside = 53, .count = 3, .proto = BERTH_UDP},
};

static void begin(void)
{
	m = mocked_open(MOCK_NETWORK, NULL);
	ops = m.ops;
	net = m.instance;
}

static struct berth_endpoint endpoint(const char *id)
{
	return (struct berth_endpoint){
		.size = sizeof(struct berth_endpoint),
		.id = id,
		.network = "n1",
		.addr = &addr,
		.n_addr = 1,
		.port = ports,
		.n_port = 2,
		.port_stride = sizeof(ports[0]),
		.netns_fd = -1,
	};
}

static int attach(const char *id, struct berth_attached *ret)
{
	struct berth_endpoint ep = endpoint(id);

	return ops->attach(net, &desc, &ep, NULL, NULL, ret, &err);
}

START_TEST(an_endpoint_is_remembered_with_its_ports_until_it_is_detached)
{
	struct berth_attached got = {.size = sizeof(got)};
	struct berth_endpoint ep = endpoint("e1");
	struct berth_sink findings = {.limit = 0};

	begin();
	ck_ok(ops->create(net, &desc, NULL, &err));
	ck_ok(ops->check(net, &desc, &ep, &findings, &err));
	ck_assert_int_eq(lent_finding(&findings, "mock.detached"), BERTH_FINDING_ERROR);
	lent_sink_done(&findings);
	ck_ok(attach("e1", &got));
	ck_assert_uint_eq(got.n_addr, 1);
	ck_assert_int_eq(got.addr[0].ip[3], 2);
	ck_assert_int_eq(got.helper_pidfd, -1);
	ck_assert_str_eq(ck_text(m.state, "endpoints/e1"), "n1\n8080:80/6,53:53/17+2");
	ck_fails(BERTH_E_EXISTS, attach("e1", &got));
	ep.n_port = 1;
	ck_ok(ops->publish(net, &desc, &ep, &err));
	ck_assert_str_eq(ck_text(m.state, "endpoints/e1"), "n1\n8080:80/6");
	ck_ok(ops->check(net, &desc, &ep, &findings, &err));
	ck_assert_ptr_null(findings.findings);
	ck_fails(BERTH_E_BUSY, ops->remove(net, &desc, &err));
	ck_ok(ops->detach(net, &desc, &ep, &err));
	ck_ok(ops->detach(net, &desc, &ep, &err));
	ck_fails(BERTH_E_NOT_FOUND, ops->publish(net, &desc, &ep, &err));
	ck_ok(ops->remove(net, &desc, &err));
	ck_ok(ops->remove(net, &desc, &err));
	mocked_close(&m);
}
END_TEST

START_TEST(reconcile_makes_exactly_what_should_be)
{
	struct berth_attached got = {.size = sizeof(got)};
	struct berth_endpoint ep = endpoint("kept");
	struct berth_net_desc stale = {.size = sizeof(stale), .id = "stale", .name = "x"};
	struct str ids = STR_INIT;

	begin();
	ck_ok(ops->create(net, &stale, NULL, &err));
	ck_ok(attach("gone", &got));
	ck_ok(ops->reconcile(net, &desc, 1, sizeof(desc), &ep, 1, sizeof(ep), &err));
	ck_ok(ops->each(net, mocked_hear, &ids, &err));
	ck_assert_str_eq(str_text(&ids), "network/n1 endpoint/kept ");
	str_done(&ids);
	mocked_close(&m);
}
END_TEST

START_TEST(what_is_no_name_is_refused)
{
	struct berth_attached got = {.size = sizeof(got)};

	begin();
	ck_fails(BERTH_E_INVALID, attach("../x", &got));
	mocked_close(&m);
}
END_TEST

int main(void)
{
	return CK_MAIN("mock/network",
		       an_endpoint_is_remembered_with_its_ports_until_it_is_detached,
		       reconcile_makes_exactly_what_should_be, what_is_no_name_is_refused);
}
