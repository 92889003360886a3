/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ident.h"
#include "tests/unit/ck.h"

START_TEST(random_ids_are_ids_and_differ)
{
	char a[IDENT_ID_MAX];
	char b[IDENT_ID_MAX];

	for (int i = 0; i < 1000; i++) {
		ck_ok(ident_random(a, &err));
		ck_assert(ident_is_id(a));
		ck_assert_uint_lt(strspn(a, "0123456789"), IDENT_SHORT);
	}
	ck_ok(ident_random(b, &err));
	ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(random_names_are_names)
{
	char name[IDENT_NAME_MAX];
	char first[IDENT_NAME_MAX];
	int same = 0;

	ck_ok(ident_random_name(0, first, &err));
	for (int i = 0; i < 1000; i++) {
		ck_ok(ident_random_name(0, name, &err));
		ck_assert_msg(ident_is_name(name), "'%s'", name);
		ck_assert_ptr_nonnull(strchr(name, '_'));
		ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		same += strcmp(name, first) == 0;
		ck_ok(ident_random_name(1, name, &err));
		ck_assert_msg(ident_is_name(name), "'%s'", name);
		ck_assert_int_eq(strspn(name + strlen(name) - 1, "0123456789"), 1);
	}
	ck_assert_int_lt(same, 10);
}
END_TEST

START_TEST(ids_are_64_hex_digits)
{
	char id[IDENT_ID_MAX + 1];

	memset(id, 'a', sizeof(id));
	id[64] = '\0';
	ck_assert(ident_is_id(id));
	ck_assert(ident_is_id_prefix(id));
	id[63] = 'g';
	ck_assert(!ident_is_id(id));
	ck_assert(!ident_is_id_prefix(id));
	id[63] = 'A';
	ck_assert(!ident_is_id(id));
	id[63] = '\0';
	ck_assert(!ident_is_id(id));
	ck_assert(ident_is_id_prefix(id));
	memset(id, 'a', sizeof(id));
	id[65] = '\0';
	ck_assert(!ident_is_id(id));
	ck_assert(!ident_is_id_prefix(id));
	ck_assert(!ident_is_id_prefix(""));
	ck_assert(ident_is_id_prefix("0"));
}
END_TEST

START_TEST(container_names_are_dockers)
{
	char name[300];

	ck_assert(ident_is_name("web"));
	ck_assert(ident_is_name("Web_1.2-x"));
	ck_assert(ident_is_name("0a"));
	ck_assert(!ident_is_name("a")); /* docker wants two */
	ck_assert(!ident_is_name(""));
	ck_assert(!ident_is_name("_a"));
	ck_assert(!ident_is_name(".a"));
	ck_assert(!ident_is_name("-a"));
	ck_assert(!ident_is_name("a/b"));
	ck_assert(!ident_is_name("a b"));
	ck_assert(!ident_is_name("a\n"));
	ck_assert(!ident_is_name("a\xc3\xa9"));
	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	ck_assert(ident_is_name(name));
	name[255] = 'a';
	name[256] = '\0';
	ck_assert(!ident_is_name(name));
}
END_TEST

START_TEST(driver_names_and_objects_have_their_grammars)
{
	char name[200];

	ck_assert(ident_is_object("a"));
	ck_assert(ident_is_object("sha256:0a_b.c-d"));
	ck_assert(!ident_is_object(""));
	ck_assert(!ident_is_object("A"));
	ck_assert(!ident_is_object(":a"));
	ck_assert(!ident_is_object("a/b"));
	ck_assert(!ident_is_object("../a"));
	memset(name, 'a', sizeof(name));
	name[128] = '\0';
	ck_assert(ident_is_object(name));
	name[128] = 'a';
	name[129] = '\0';
	ck_assert(!ident_is_object(name));
	name[32] = '\0';
	ck_assert(ident_is_driver(name));
	name[32] = 'a';
	name[33] = '\0';
	ck_assert(!ident_is_driver(name));
	ck_assert(ident_is_driver("docker-archive"));
	ck_assert(!ident_is_driver("0a"));
	ck_assert(!ident_is_driver("a.so"));
	ck_assert(!ident_is_driver("a_b"));
	ck_assert(!ident_is_driver(""));
}
END_TEST

int main(void)
{
	return CK_MAIN("base/ident", random_ids_are_ids_and_differ, random_names_are_names,
		       ids_are_64_hex_digits, container_names_are_dockers,
		       driver_names_and_objects_have_their_grammars);
}
