/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/driver_rig.h"
#include "tests/unit/odd/odd.h"

static struct network *net;
static const struct berth_host *host;
static const struct berth_conf *conf;

static int open_odd(void)
{
	int r = drivers_network(rig, "odd", &net, &err);

	if (r == 0) {
		const struct odd *odd = (const struct odd *)(void *)net->net;

		host = odd->host;
		conf = odd->conf;
	}
	return r;
}

/* The config has @options for the driver, each on its line. */
static void with_options(const char *options)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "\"network\": {\"drivers\": {\"odd\": {\"options\":\n{%s}}}}", options);
	rig_config_is(text);
}

static void ck_refused(const char *options, const char *words)
{
	with_options(options);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_assert_str_eq(err.text, words);
}

static void ck_u64(const struct berth_conf *of, const char *key, uint64_t wanted)
{
	uint64_t value = 0;

	ck_assert_int_eq(host->conf_u64(of, key, &value), 0);
	ck_assert_uint_eq(value, wanted);
}

START_TEST(what_is_not_set_has_the_declared_default)
{
	uint64_t value = 77;

	rig_make_odd();
	ck_ok(open_odd());
	ck_assert_str_eq(host->conf_str(conf, "word"), "apple");
	ck_assert(host->conf_bool(conf, "flag"));
	ck_u64(conf, "size", 4096);
	ck_u64(conf, "wait", 2000);
	ck_assert_str_eq(host->conf_str(conf, "mode"), "slow");
	ck_assert_int_eq(host->conf_u64(conf, "number", &value), -BERTH_E_NOT_FOUND);
	ck_assert_uint_eq(value, 77);
	ck_assert_ptr_null(host->conf_str(conf, "place"));
	ck_assert_ptr_null(host->conf_str(conf, "password"));
	ck_assert_ptr_null(host->conf_json(conf, "extra"));
	ck_assert_ptr_null(host->conf_str(conf, "never heard of"));
	ck_assert(!host->conf_bool(conf, "never heard of"));
	rig_done();
}
END_TEST

START_TEST(values_of_each_type_arrive_parsed)
{
	rig_make_odd();
	with_options(
		"\"word\": \"pear\", \"flag\": false, \"number\": 18446744073709551615,"
		"\"size\": \"2m\", \"wait\": \"250ms\", \"place\": \"/a/b\", \"mode\": \"fast\","
		"\"password\": \"geheim\", \"extra\": {\"a\": [1, null]}");
	ck_ok(open_odd());
	ck_assert_str_eq(host->conf_str(conf, "word"), "pear");
	ck_assert(!host->conf_bool(conf, "flag"));
	ck_u64(conf, "number", UINT64_MAX);
	ck_u64(conf, "size", 2 << 20);
	ck_u64(conf, "wait", 250);
	ck_assert_str_eq(host->conf_str(conf, "place"), "/a/b");
	ck_assert_str_eq(host->conf_str(conf, "mode"), "fast");
	ck_assert_str_eq(host->conf_str(conf, "password"), "geheim");
	ck_assert_str_eq(host->conf_json(conf, "extra"), "{\"a\":[1,null]}");
	/* nothing is handed out as another type than it has */
	ck_assert_ptr_null(host->conf_str(conf, "size"));
	ck_assert_ptr_null(host->conf_json(conf, "word"));
	ck_assert(!host->conf_bool(conf, "number"));
	/* numbers and bools may be strings, sizes numbers */
	with_options("\"flag\": \"no\", \"number\": \"12\", \"size\": 7");
	ck_ok(open_odd());
	ck_assert(!host->conf_bool(conf, "flag"));
	ck_u64(conf, "number", 12);
	ck_u64(conf, "size", 7);
	rig_done();
}
END_TEST

START_TEST(an_unknown_option_is_told_with_line_and_suggestion)
{
	rig_make_odd();
	ck_refused("\"flag\": true,\n\"wrod\": \"x\"",
		   "the.json: line 4: network driver 'odd' has no option 'wrod' (did you mean "
		   "'word'?)");
	ck_refused("\"zzzzzz\": 1",
		   "the.json: line 3: network driver 'odd' has no option 'zzzzzz'");
	ck_assert_str_eq(err.hint, "its options: berth driver inspect odd");
	rig_done();
}
END_TEST

START_TEST(a_wrong_value_is_told_with_what_is_wanted)
{
	rig_make_odd();
	ck_refused("\"word\": 1",
		   "the.json: line 3: option 'word' is of type int, wanted a string");
	ck_refused("\"flag\": \"on\"",
		   "the.json: line 3: option 'flag' is 'on', wanted true or false");
	ck_refused("\"number\": -1",
		   "the.json: line 3: option 'number' is of type int, wanted a whole number");
	ck_refused("\"number\": \"1k\"",
		   "the.json: line 3: option 'number' is '1k', wanted a whole number");
	ck_refused("\"size\": \"big\"",
		   "the.json: line 3: option 'size' is 'big', wanted a size such "
		   "as \"64m\", or a number of bytes");
	ck_refused("\"wait\": 10",
		   "the.json: line 3: option 'wait' is of type int, wanted a duration "
		   "with its unit, such as \"10s\"");
	ck_refused("\"place\": \"here\"",
		   "the.json: line 3: option 'place' is 'here', wanted an absolute path");
	ck_refused("\"mode\": \"fas\"",
		   "the.json: line 3: option 'mode' is 'fas', wanted one of slow|fast");
	ck_refused("\"mode\": \"slow|fast\"",
		   "the.json: line 3: option 'mode' is 'slow|fast', wanted one of slow|fast");
	ck_refused("\"word\": null",
		   "the.json: line 3: option 'word' is of type null, wanted a string");
	rig_done();
}
END_TEST

START_TEST(a_secret_is_in_no_message)
{
	rig_make_odd();
	with_options("\"password\": [\"geheim\"]");
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_assert_ptr_null(strstr(err.text, "geheim"));
	rig_done();
}
END_TEST

START_TEST(a_required_option_must_be_there)
{
	rig_make_odd();
	ck_assert_int_eq(setenv("ODD", "required", 1), 0);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_says("network driver 'odd' needs its option 'key'");
	with_options("\"key\": \"k\"");
	ck_ok(open_odd());
	ck_assert_str_eq(host->conf_str(conf, "key"), "k");
	rig_done();
}
END_TEST

START_TEST(an_object_has_its_own_values_over_the_drivers)
{
	static const char *const own[] = {"word=plum=x", "size=1m", NULL};
	struct berth_conf *object = NULL, *empty = NULL;

	rig_make_odd();
	with_options("\"word\": \"pear\", \"mode\": \"fast\"");
	ck_ok(open_odd());
	ck_ok(drivers_object_conf(rig, BERTH_NETWORK, "odd", own, &object, &err));
	ck_assert_str_eq(host->conf_str(object, "word"), "plum=x");
	ck_u64(object, "size", 1 << 20);
	ck_assert_str_eq(host->conf_str(object, "mode"), "fast");
	ck_assert(host->conf_bool(object, "flag"));
	ck_assert_str_eq(host->conf_str(conf, "word"), "pear");
	ck_ok(drivers_object_conf(rig, BERTH_NETWORK, "odd", NULL, &empty, &err));
	ck_assert_str_eq(host->conf_str(empty, "word"), "pear");
	drivers_object_conf_free(object);
	drivers_object_conf_free(empty);
	drivers_object_conf_free(NULL);
	rig_done();
}
END_TEST

START_TEST(an_object_takes_only_options_for_objects)
{
	static const struct {
		const char *word, *text;
	} bad[] = {
		{"word", "'word' is no option: KEY=VALUE is wanted"},
		{"wrod=x", "network driver 'odd' has no option 'wrod' (did you mean 'word'?)"},
		/* not suggested: it is not for objects */
		{"passwort=x", "network driver 'odd' has no option 'passwort'"},
		{"mode=fast", "option 'mode' of network driver 'odd' is not for single objects: it "
			      "belongs into the config"},
		{"size=big",
		 "option 'size' is 'big', wanted a size such as \"64m\", or a number of "
		 "bytes"},
		{"extra={", "option 'extra' is '{', wanted JSON"},
	};
	struct berth_conf *object = NULL;

	rig_make_odd();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const words[] = {bad[i].word, NULL};

		ck_fails(BERTH_E_INVALID,
			 drivers_object_conf(rig, BERTH_NETWORK, "odd", words, &object, &err));
		ck_assert_str_eq(err.text, bad[i].text);
		ck_assert_ptr_null(object);
	}
	rig_done();
}
END_TEST

START_TEST(a_check_tells_every_mistake_in_options_and_names)
{
	struct record *list = NULL;
	const struct record *m;

	rig_make_odd();
	rig_config_is("\"storage\": {\"driver\": \"nobody\"},\n"
		      "\"network\": {\"driver\": \"odd\", \"drivers\": {\"odd\": {\"options\": {\n"
		      "\"wrod\": 1,\n\"size\": \"big\"}},\n\"gone\": {}}}");
	ck_ok(drivers_check(rig, &list, &err));
	ck_assert_uint_eq(record_len(list), 4);
	m = record_at(list, 0);
	ck_assert_str_eq(record_str(record_get(m, "Key")), "storage.driver");
	ck_assert_int_eq(record_int_or(record_get(m, "Line"), 0), 2);
	ck_assert_ptr_nonnull(
		strstr(record_str(record_get(m, "Text")), "no storage driver 'nobody'"));
	m = record_at(list, 1);
	ck_assert_str_eq(record_str(record_get(m, "Key")), "network.drivers.odd.options.wrod");
	ck_assert_int_eq(record_int_or(record_get(m, "Line"), 0), 4);
	ck_assert_str_eq(record_str(record_get(m, "File")), "the.json");
	m = record_at(list, 2);
	ck_assert_int_eq(record_int_or(record_get(m, "Line"), 0), 5);
	m = record_at(list, 3);
	ck_assert_str_eq(record_str(record_get(m, "Key")), "network.drivers.gone");
	ck_assert_int_eq(record_int_or(record_get(m, "Line"), 0), 6);
	record_free(list);
	rig_config_is("\"network\": {\"driver\": \"odd\"}");
	ck_ok(drivers_check(rig, &list, &err));
	/* the default "auto" without candidates names no driver */
	ck_assert_uint_eq(record_len(list), 0);
	record_free(list);
	rig_done();
}
END_TEST

START_TEST(only_secrets_are_hidden_when_the_config_is_shown)
{
	struct record *shown;
	char *json;

	rig_make_odd();
	rig_config_is(
		"\"network\": {\"drivers\": {\"odd\": {\"options\": {\"password\": \"geheim\","
		" \"word\": \"pear\", \"passwrod\": \"tippfehler\"}},"
		" \"gone\": {\"options\": {\"a\": \"unknown\"}}}}");
	ck_ok(drivers_config_show(rig, &shown, &err));
	json = record_to_text(shown, RECORD_COMPACT);
	ck_assert_ptr_nonnull(strstr(json, "\"word\":\"pear\""));
	ck_assert_ptr_nonnull(strstr(json, "\"password\":\"***\""));
	ck_assert_ptr_null(strstr(json, "geheim"));
	ck_assert_ptr_null(strstr(json, "tippfehler"));
	ck_assert_ptr_null(strstr(json, "unknown"));
	free(json);
	record_free(shown);
	rig_done();
}
END_TEST

int main(int argc, char *argv[])
{
	if (!rig_main(argc, argv))
		return 1;
	return CK_MAIN("driver/options", what_is_not_set_has_the_declared_default,
		       values_of_each_type_arrive_parsed,
		       an_unknown_option_is_told_with_line_and_suggestion,
		       a_wrong_value_is_told_with_what_is_wanted, a_secret_is_in_no_message,
		       a_required_option_must_be_there,
		       an_object_has_its_own_values_over_the_drivers,
		       an_object_takes_only_options_for_objects,
		       a_check_tells_every_mistake_in_options_and_names,
		       only_secrets_are_hidden_when_the_config_is_shown);
}
