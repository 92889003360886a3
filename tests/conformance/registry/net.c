/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that are not there, or do not answer: for drivers that talk to other machines. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "tests/conformance/registry/rig.h"

/* A port of this machine, with somebody who listens, or without; his descriptor is kept. */
static struct berth_where where_at(bool listens, char base[static 64])
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	suite_needs(BERTH_REG_PULL, "capability 'pull'");
	if (!(suite_driver()->needs & BERTH_NEEDS_NETWORK))
		suite_skip("the driver talks to no other machine");
	ck_assert_int_eq(bind(fd, (void *)&addr, len), 0);
	ck_assert_int_eq(getsockname(fd, (void *)&addr, &len), 0);
	if (listens)
		ck_assert_int_eq(listen(fd, 8), 0);
	(void)snprintf(base, 64, "http://127.0.0.1:%u", ntohs(addr.sin_port));
	return (struct berth_where){
		.size = sizeof(struct berth_where),
		.flags = BERTH_WHERE_PULL | BERTH_WHERE_RESOLVE | BERTH_WHERE_PLAIN_HTTP,
		.host = base + strlen("http://"),
		.base = base,
		.fd = -1,
	};
}

static int resolve_at(const struct berth_where *where, struct berth_op *op)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct berth_reply reply = {.size = sizeof(reply)};
	struct rig r = {.statefd = ck_dir(), .fd = -1, .head = suite_driver()};
	void *instance = NULL;
	int code;

	r.ops = r.head->ops;
	ck_ok(r.head->open(lent_host(), suite_conf(NULL), r.statefd, &instance, &err));
	memset(&err, 0, sizeof(err));
	code = r.ops->resolve(instance, where, "demo", "1", op, reg_hear, &h, &reply, &err);
	ck_assert_int_eq(h.calls, 0);
	r.head->close(instance);
	ck_assert_int_eq(close(r.statefd), 0);
	return code;
}

START_TEST(where_nobody_listens_is_unreachable)
{
	char base[64];
	struct berth_where where = where_at(false, base);

	ck_assert_int_eq(resolve_at(&where, NULL), -BERTH_E_UNREACHABLE);
	ck_assert_int_eq(err.code, BERTH_E_UNREACHABLE);
}
END_TEST

START_TEST(a_server_that_never_answers_can_be_given_up)
{
	char base[64];
	struct berth_where where = where_at(true, base);
	struct berth_op op = LENT_OP;
	struct canceller *c = reg_cancel_in(&op, 300);
	uint64_t begin = reg_now();

	ck_assert_int_eq(resolve_at(&where, &op), -BERTH_E_CANCELLED);
	ck_assert_uint_lt(reg_now() - begin, 1300);
	reg_cancel_done(c);
	lent_op_done(&op);
}
END_TEST

SUITE_CASES(registry_net_cases, where_nobody_listens_is_unreachable,
	    a_server_that_never_answers_can_be_given_up);
