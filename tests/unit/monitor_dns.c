/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/monitor/dns.h"

#include "ck.h"

/* A question "name type" as bytes in static memory; labels by their dots. */
static const uint8_t *ask(const char *name, unsigned type, size_t *ret_n)
{
	static uint8_t m[600];
	size_t n = 12;

	memset(m, 0, sizeof(m));
	m[0] = 0x12;
	m[1] = 0x34;
	m[2] = 1; /* recursion desired */
	m[5] = 1;
	while (*name) {
		size_t label = strcspn(name, ".");

		m[n++] = (uint8_t)label;
		memcpy(m + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	n++;
	m[n + 1] = (uint8_t)type;
	m[n + 3] = 1;
	*ret_n = n + 4;
	return m;
}

static uint8_t *ask_writable(const char *name, unsigned type, size_t *ret_n)
{
	return (uint8_t *)ask(name, type, ret_n);
}

static void add_edns(uint8_t *m, size_t *n, unsigned room)
{
	const uint8_t opt[] = {0, 0, 41, (uint8_t)(room >> 8), (uint8_t)room, 0, 0, 0, 0, 0, 0};

	memcpy(m + *n, opt, sizeof(opt));
	*n += sizeof(opt);
	m[11] = 1;
}

START_TEST(a_question_is_read_in_lower_case)
{
	struct dns_query q;
	enum dns_rcode rcode;
	size_t n;
	const uint8_t *m = ask("Web.Example", DNS_AAAA, &n);

	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_ASK);
	ck_assert_str_eq(q.name, "web.example");
	ck_assert_int_eq(q.type, DNS_AAAA);
	ck_assert_uint_eq(q.room, DNS_UDP_PLAIN);
	ck_assert(!q.has_edns);
}
END_TEST

START_TEST(the_root_has_an_empty_name)
{
	struct dns_query q;
	enum dns_rcode rcode;
	size_t n;
	const uint8_t *m = ask("", DNS_ANY, &n);

	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_ASK);
	ck_assert_str_eq(q.name, "");
}
END_TEST

START_TEST(a_message_cut_anywhere_is_refused_or_dropped)
{
	size_t n;
	const uint8_t *m = ask("a.bc", DNS_A, &n);

	for (size_t i = 0; i < n; i++) {
		uint8_t *part = malloc(i ? i : 1); /* so that a byte too far is seen */
		enum dns_rcode rcode = DNS_NOERROR;
		struct dns_query q;
		enum dns_verdict verdict;

		memcpy(part, m, i);
		verdict = dns_parse(part, i, &q, &rcode);
		free(part);
		ck_assert_int_eq(verdict, i < 12 ? DNS_DROP : DNS_WRONG);
		if (i >= 12)
			ck_assert_int_eq(rcode, DNS_FORMERR);
	}
}
END_TEST

START_TEST(what_is_no_plain_question_is_refused)
{
	struct dns_query q;
	enum dns_rcode rcode;
	size_t n;
	uint8_t *m = ask_writable("a", DNS_A, &n);

	m[2] = 0x80; /* an answer: to answer it would make a loop */
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_DROP);
	m[2] = 0x28; /* UPDATE */
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_WRONG);
	ck_assert_int_eq(rcode, DNS_NOTIMP);
	m[2] = 1;
	m[5] = 2; /* two questions */
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_WRONG);
	ck_assert_int_eq(rcode, DNS_FORMERR);
	m[5] = 1;
	m[12] = 0xc0; /* a pointer as its name */
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_WRONG);
	m[12] = 1;
	m[13] = '.'; /* a dot inside of a label */
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_WRONG);
	m[13] = 'a';
	m[n - 1] = 3; /* class CHAOS */
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_WRONG);
	ck_assert_int_eq(rcode, DNS_NOTIMP);
}
END_TEST

START_TEST(a_name_has_255_bytes_at_most)
{
	char name[260];
	struct dns_query q;
	enum dns_rcode rcode;
	const uint8_t *m;
	size_t n;

	/* 127 labels of one letter: 255 bytes with the root, 253 characters as text */
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	name[253] = '\0';
	m = ask(name, DNS_A, &n);
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_ASK);
	ck_assert_str_eq(q.name, name);
	name[253] = '.';
	name[259] = '\0';
	m = ask(name, DNS_A, &n);
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_WRONG);
}
END_TEST

START_TEST(edns_says_how_much_fits)
{
	const struct {
		unsigned says, room;
	} cases[] = {{100, 512}, {600, 600}, {65535, 1232}};

	for (size_t i = 0; i < 3; i++) {
		struct dns_query q;
		enum dns_rcode rcode;
		size_t n;
		uint8_t *m = ask_writable("a", DNS_A, &n);

		add_edns(m, &n, cases[i].says);
		ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_ASK);
		ck_assert(q.has_edns);
		ck_assert_uint_eq(q.room, cases[i].room);
	}
}
END_TEST

START_TEST(an_answer_has_its_records)
{
	const uint8_t ip[] = {10, 1, 2, 3};
	uint8_t buf[DNS_UDP_MAX];
	struct dns_answer a;
	struct dns_query q;
	enum dns_rcode rcode;
	size_t n, len;
	uint8_t *m = ask_writable("web", DNS_A, &n);
	const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 1, 2, 3};

	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_ASK);
	dns_begin(&a, &q, buf, q.room);
	dns_add_address(&a, 4, ip);
	len = dns_end(&a, &q, DNS_NOERROR);
	ck_assert_uint_eq(len, n + sizeof(record));
	ck_assert_mem_eq(buf, "\x12\x34\x81\x80\0\1\0\1\0\0\0\0", 12);
	ck_assert_mem_eq(buf + 12, m + 12, n - 12);
	ck_assert_mem_eq(buf + n, record, sizeof(record));
}
END_TEST

START_TEST(what_does_not_fit_is_cut_and_said)
{
	const uint8_t ip[16] = {0xfd};
	uint8_t buf[DNS_UDP_MAX];
	struct dns_answer a;
	struct dns_query q;
	enum dns_rcode rcode;
	size_t n, len;
	uint8_t *m = ask_writable("web", DNS_AAAA, &n);

	add_edns(m, &n, 512);
	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_ASK);
	dns_begin(&a, &q, buf, q.room);
	for (int i = 0; i < 100; i++)
		dns_add_address(&a, 6, ip);
	len = dns_end(&a, &q, DNS_NOERROR);
	ck_assert_uint_le(len, 512);
	ck_assert_uint_gt(len, 512 - 28);
	ck_assert(buf[2] & 2);
	ck_assert_uint_eq(buf[7], (512 - 11 - q.end) / 28);
}
END_TEST

START_TEST(an_address_is_read_backwards)
{
	uint8_t ip[16];
	int family;

	ck_assert(dns_reverse("4.3.2.1.in-addr.arpa", &family, ip));
	ck_assert_int_eq(family, 4);
	ck_assert_mem_eq(ip, "\1\2\3\4\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	ck_assert(dns_reverse("2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f."
			      "ip6.arpa",
			      &family, ip));
	ck_assert_int_eq(family, 6);
	ck_assert_mem_eq(ip, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x12", 16);
	ck_assert(!dns_reverse("3.2.1.in-addr.arpa", &family, ip));
	ck_assert(!dns_reverse("x.in-addr.arpa", &family, ip));
	ck_assert(!dns_reverse(".ip6.arpa", &family, ip));
	ck_assert(!dns_reverse("web", &family, ip));
}
END_TEST

START_TEST(a_name_is_an_answer)
{
	uint8_t buf[DNS_UDP_MAX];
	struct dns_answer a;
	struct dns_query q;
	enum dns_rcode rcode;
	size_t n, len;
	uint8_t *m = ask_writable("4.3.2.1.in-addr.arpa", DNS_PTR, &n);

	ck_assert_int_eq(dns_parse(m, n, &q, &rcode), DNS_ASK);
	dns_begin(&a, &q, buf, q.room);
	dns_add_name(&a, "web.front");
	len = dns_end(&a, &q, DNS_NOERROR);
	ck_assert_uint_eq(len, n + 12 + 11);
	ck_assert_mem_eq(buf + n + 10, "\0\13\3web\5front\0", 13);
}
END_TEST

int main(void)
{
	return CK_MAIN("monitor/dns", a_question_is_read_in_lower_case, the_root_has_an_empty_name,
		       a_message_cut_anywhere_is_refused_or_dropped,
		       what_is_no_plain_question_is_refused, a_name_has_255_bytes_at_most,
		       edns_says_how_much_fits, an_answer_has_its_records,
		       what_does_not_fit_is_cut_and_said, an_address_is_read_backwards,
		       a_name_is_an_answer);
}
