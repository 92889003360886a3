/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/address.h"
#include "core/network/pool.h"
#include "store_rig.h"

static struct store *store;
static struct network_host host;
static struct network_row row;

/** A network with these subnets, "SUBNET[,RANGE]". */
static int make(const char *name, const char *subnet, const char *range, struct berth_error *e)
{
	cleanup_free char *text = NULL;
	int r;

	record_free(row.spec);
	row = (struct network_row){
		.id = (char *)name, .name = (char *)name, .driver = (char *)"mock"};
	if (subnet)
		text = str_fmt("{\"IPAM\":{\"Config\":[{\"Subnet\":\"%s\"%s%s%s}]}}", subnet,
			       range ? ",\"IPRange\":\"" : "", range ? range : "",
			       range ? "\"" : "");
	else
		text = strdup("{\"IPAM\":{\"Config\":[]}}");
	ck_assert_int_eq(record_parse(text, strlen(text), 0, &row.spec, NULL), 0);
	r = db_begin(store->db, e);
	if (r == 0)
		r = pool_make(&host, &row, e);
	if (r == 0)
		r = network_row_insert(store, &row, e);
	if (r == 0)
		r = db_commit(store->db, DB_LAZY, e);
	if (r < 0)
		db_rollback(store->db);
	return r;
}

static const char *take(const char *wanted, const char *endpoint)
{
	static char text[ADDRESS_TEXT_MAX];
	struct berth_addr want = {0}, got;
	struct berth_error e = {0};

	if (wanted)
		ck_assert_int_eq(address_parse(wanted, &want), 0);
	if (pool_take(store, &row, BERTH_IPV4, &want, endpoint, &got, &e) < 0)
		return berth_code_name(e.code);
	return address_cidr(&got, text);
}

static void setup(void)
{
	store = rig_store();
	host = (struct network_host){.config = &rig_config, .store = store};
}

START_TEST(addresses_are_given_in_turn_and_a_used_one_again_late)
{
	setup();
	ck_ok(make("n", "10.1.0.0/24", NULL, &err));
	ck_assert_str_eq(take(NULL, "a"), "10.1.0.2/24"); /* .1 is the gateway */
	ck_assert_str_eq(take(NULL, "b"), "10.1.0.3/24");
	ck_ok(pool_give_back(store, "a", &err));
	ck_assert_str_eq(take(NULL, "c"), "10.1.0.4/24");
	store_close(store);
}
END_TEST

START_TEST(a_full_pool_is_said_and_has_room_again_later)
{
	setup();
	ck_ok(make("n", "10.1.0.0/29", NULL, &err));
	for (int i = 0; i < 5; i++)
		ck_assert_str_ne(take(NULL, i ? "x" : "first"), "full");
	ck_assert_str_eq(take(NULL, "y"), "full");
	ck_ok(pool_give_back(store, "first", &err));
	ck_assert_str_eq(take(NULL, "y"), "10.1.0.2/29");
	store_close(store);
}
END_TEST

START_TEST(an_address_is_given_once_and_only_if_it_is_the_networks)
{
	setup();
	ck_ok(make("n", "10.1.0.0/24", NULL, &err));
	ck_assert_str_eq(take("10.1.0.9", "a"), "10.1.0.9/24");
	ck_assert_str_eq(take("10.1.0.9", "b"), "exists");
	ck_assert_str_eq(take("10.1.0.1", "b"), "exists"); /* the gateway */
	ck_assert_str_eq(take("10.1.0.0", "b"), "invalid");
	ck_assert_str_eq(take("10.1.0.255", "b"), "invalid");
	ck_assert_str_eq(take("10.2.0.1", "b"), "invalid");
	store_close(store);
}
END_TEST

START_TEST(a_range_limits_what_is_given_but_not_what_is_asked_for)
{
	setup();
	ck_ok(make("n", "10.1.0.0/24", "10.1.0.128/30", &err));
	for (int i = 0; i < 4; i++)
		ck_assert_str_ne(take(NULL, "a"), "full");
	ck_assert_str_eq(take(NULL, "a"), "full");
	ck_assert_str_eq(take("10.1.0.7", "a"), "10.1.0.7/24");
	store_close(store);
}
END_TEST

START_TEST(subnets_of_networks_never_overlap)
{
	setup();
	ck_ok(make("one", "10.1.0.0/16", NULL, &err));
	ck_fails(BERTH_E_EXISTS, make("two", "10.1.7.0/24", NULL, &err));
	ck_fails(BERTH_E_EXISTS, make("two", "10.0.0.0/8", NULL, &err));
	ck_fails(BERTH_E_INVALID, make("two", "10.2.0.0/24", "10.3.0.0/25", &err));
	ck_fails(BERTH_E_INVALID, make("two", "10.2.0.0/0", NULL, &err));
	ck_fails(BERTH_E_INVALID, make("two", "words", NULL, &err));
	ck_ok(make("two", "10.2.0.0/24", NULL, &err));
	store_close(store);
}
END_TEST

START_TEST(chosen_subnets_are_private_and_all_different)
{
	struct berth_addr b16, b12, before[20];

	setup();
	(void)address_parse_cidr("192.168.0.0/16", &b16);
	(void)address_parse_cidr("172.16.0.0/12", &b12);
	for (int i = 0; i < 20; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "n%d", i);
		ck_ok(make(name, NULL, NULL, &err));
		before[i] = row.subnet[0].net;
		ck_assert(address_is_in(&b16, &before[i]) || address_is_in(&b12, &before[i]));
		for (int k = 0; k < i; k++)
			ck_assert(!address_overlap(&before[k], &before[i]));
	}
	store_close(store);
}
END_TEST

START_TEST(addresses_of_either_family_are_read_and_written)
{
	char text[ADDRESS_TEXT_MAX];
	struct berth_addr a;
	uint8_t mac[6];

	ck_assert_int_eq(address_parse_cidr("fd00::7/64", &a), 0);
	ck_assert_str_eq(address_cidr(&a, text), "fd00::7/64");
	a = address_last(&a);
	ck_assert_str_eq(address_text(&a, text), "fd00::ffff:ffff:ffff:ffff");
	ck_assert(address_next(&a));
	ck_assert_str_eq(address_text(&a, text), "fd00:0:0:1::");
	ck_assert_int_lt(address_parse_cidr("10.0.0.1/33", &a), 0);
	ck_assert_int_lt(address_parse_cidr("10.0.0.1", &a), 0);
	ck_assert_int_lt(address_parse("10.0.0", &a), 0);
	ck_assert_int_eq(mac_parse("02:42:ac:11:00:02", mac), 0);
	ck_assert_uint_eq(mac[2], 0xac);
	ck_assert_int_lt(mac_parse("02:42:ac:11:00", mac), 0);
	ck_assert_int_lt(mac_parse("02:42:ac:11:00:0g", mac), 0);
	ck_assert_int_lt(mac_parse("02:42:ac:11:00:02:03", mac), 0);
}
END_TEST

int main(void)
{
	return CK_MAIN("network/pool", addresses_are_given_in_turn_and_a_used_one_again_late,
		       a_full_pool_is_said_and_has_room_again_later,
		       an_address_is_given_once_and_only_if_it_is_the_networks,
		       a_range_limits_what_is_given_but_not_what_is_asked_for,
		       subnets_of_networks_never_overlap,
		       chosen_subnets_are_private_and_all_different,
		       addresses_of_either_family_are_read_and_written);
}
