/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "ck.h"
#include "core/network/ports.h"

static struct record *json(const char *text)
{
	struct record *r = NULL;

	ck_assert_int_eq(record_parse(text, strlen(text), 0, &r, NULL), 0);
	return r;
}

/** A port of UDP that was free a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static int reserve(const char *bindings, struct ports *ret, struct berth_error *e)
{
	cleanup_record struct record *r = json(bindings);
	struct ports_wish wish = {.bindings = r};

	return ports_reserve(&wish, ret, e);
}

START_TEST(a_reserved_port_is_nobody_elses)
{
	cleanup_free char *text = str_fmt("{\"53/udp\":[{\"HostPort\":\"%u\"}]}", free_port());
	cleanup_ports struct ports first = {0}, second = {0};

	ck_ok(reserve(text, &first, &err));
	ck_fails(BERTH_E_BUSY, reserve(text, &second, &err));
	ports_done(&first);
	ck_ok(reserve(text, &second, &err));
}
END_TEST

START_TEST(of_a_range_a_free_one_is_taken)
{
	unsigned port = free_port();
	cleanup_free char *one = str_fmt("{\"53/udp\":[{\"HostPort\":\"%u\"}]}", port);
	cleanup_free char *range =
		str_fmt("{\"53/udp\":[{\"HostPort\":\"%u-%u\"}]}", port, port + 20);
	cleanup_ports struct ports first = {0}, second = {0};

	if (port > 65000)
		return;
	ck_ok(reserve(one, &first, &err));
	ck_ok(reserve(range, &second, &err));
	ck_assert_uint_gt(second.list[0].outside, port);
	ck_assert_uint_le(second.list[0].outside, port + 20);
}
END_TEST

START_TEST(a_random_port_stays_the_same_if_it_is_free)
{
	cleanup_record struct record *wanted = json("{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\"}]}");
	cleanup_record struct record *before = NULL;
	cleanup_ports struct ports first = {0}, second = {0};
	struct ports_wish wish = {.bindings = wanted};
	unsigned port;

	ck_ok(ports_reserve(&wish, &first, &err));
	ck_assert_uint_eq(first.n, 1);
	port = first.list[0].outside;
	ck_assert_uint_gt(port, 0);
	ck_ok(ports_write(&first, &before, &err));
	ports_done(&first);
	wish.before = before;
	ck_ok(ports_reserve(&wish, &second, &err));
	ck_assert_uint_eq(second.list[0].outside, port);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	cleanup_ports struct ports p = {0};

	ck_fails(BERTH_E_INVALID, reserve("{\"0/tcp\":[{}]}", &p, &err));
	ck_fails(BERTH_E_INVALID, reserve("{\"80/icmp\":[{}]}", &p, &err));
	ck_fails(BERTH_E_INVALID, reserve("{\"80/tcp\":[{\"HostPort\":\"70000\"}]}", &p, &err));
	ck_fails(BERTH_E_INVALID, reserve("{\"80/tcp\":[{\"HostPort\":\"9-8\"}]}", &p, &err));
	ck_fails(BERTH_E_INVALID, reserve("{\"80/tcp\":[{\"HostIp\":\"x\"}]}", &p, &err));
	ck_fails(BERTH_E_NOT_FOUND,
		 reserve("{\"80/tcp\":[{\"HostIp\":\"192.0.2.200\"}]}", &p, &err));
	ck_assert_uint_eq(p.n, 0);
}
END_TEST

START_TEST(ports_are_written_and_read_as_they_were)
{
	cleanup_record struct record *list = NULL, *map = NULL, *exposed = json("{\"81/tcp\":{}}");
	cleanup_ports struct ports p = {0}, back = {0};
	cleanup_free char *text = NULL;

	ck_ok(reserve("{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\"}]}", &p, &err));
	ck_ok(ports_write(&p, &list, &err));
	ck_ok(ports_read(list, &back, &err));
	ck_assert_uint_eq(back.n, 1);
	ck_assert_uint_eq(back.list[0].inside, 80);
	ck_assert_uint_eq(back.list[0].outside, p.list[0].outside);
	ck_assert_uint_eq(back.list[0].proto, BERTH_TCP);
	ck_assert_uint_eq(back.list[0].host.family, BERTH_IPV4);
	ck_ok(ports_map(list, exposed, &map, &err));
	ck_assert(record_has(map, "81/tcp") && !record_get(map, "81/tcp"));
	ck_assert_uint_eq(record_len(record_get(map, "80/tcp")), 1);
}
END_TEST

int main(void)
{
	return CK_MAIN("network/ports", a_reserved_port_is_nobody_elses,
		       of_a_range_a_free_one_is_taken, a_random_port_stays_the_same_if_it_is_free,
		       what_makes_no_sense_is_refused, ports_are_written_and_read_as_they_were);
}
