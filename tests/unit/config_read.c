/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"
#include "tests/unit/ck.h"

#define DEFAULTS "{\"root\": \"/r\", \"run\": \"/u\", \"driver_dirs\": [\"/d\"]}"

static struct config *c;

static int load(const char *text)
{
	return config_load_text(text, "the.json", DEFAULTS, &c, &err);
}

/* @text is refused with just these words. */
static void ck_refused(const char *text, const char *words)
{
	c = NULL;
	ck_fails(BERTH_E_INVALID, load(text));
	ck_assert_str_eq(err.text, words);
	ck_assert_ptr_null(c);
}

START_TEST(what_no_file_says_has_a_default)
{
	ck_ok(config_load_text(NULL, NULL, DEFAULTS, &c, &err));
	ck_assert_ptr_null(c->file);
	ck_assert_str_eq(c->root, "/r");
	ck_assert_str_eq(c->run, "/u");
	ck_assert_str_eq(c->driver_dirs[0], "/d");
	ck_assert_str_eq(c->kind[BERTH_STORAGE].driver, "auto");
	ck_assert_uint_eq(strv_len(c->kind[BERTH_STORAGE].candidates), 0);
	ck_assert_str_eq(c->kind[BERTH_NETWORK].driver, "");
	ck_assert(!c->kind[BERTH_ISOLATION].allow_insecure);
	ck_assert_str_eq(c->cgroup_parent, "/berth");
	ck_assert_uint_eq(c->stop_timeout_ms, 10000);
	ck_assert_uint_eq(c->shm_size, 64 << 20);
	ck_assert_str_eq(c->seccomp_profile, "");
	ck_assert_uint_eq(strv_len(c->dns), 0);
	ck_assert(!c->init);
	ck_assert_uint_eq(c->log_max_size, 0);
	ck_assert_uint_eq(c->limit_layer_entries, 4000000);
	ck_assert_uint_eq(c->limit_layer_size, UINT64_C(64) << 30);
	config_free(c);
}
END_TEST

START_TEST(the_file_goes_over_the_defaults)
{
	static const char defaults[] =
		"{\"root\": \"/r\", \"run\": \"/u\", \"storage\": {\"driver\": \"auto\","
		" \"candidates\": [\"a\", \"b\"], \"drivers\": {\"a\": {\"file\": \"/a.so\"},"
		" \"b\": {\"file\": \"/b.so\"}}}}";

	ck_ok(config_load_text("{\"root\": \"/mine\", \"storage\": {\"candidates\": [\"c\"],"
			       " \"drivers\": {\"b\": {\"file\": \"/mine.so\"}}}}",
			       "x", defaults, &c, &err));
	ck_assert_str_eq(c->root, "/mine");
	ck_assert_str_eq(c->run, "/u");
	ck_assert_str_eq(c->kind[BERTH_STORAGE].driver, "auto");
	ck_assert_uint_eq(strv_len(c->kind[BERTH_STORAGE].candidates), 1);
	ck_assert_str_eq(c->kind[BERTH_STORAGE].candidates[0], "c");
	ck_assert_str_eq(record_str(record_get(config_driver(c, BERTH_STORAGE, "a"), "file")),
			 "/a.so");
	ck_assert_str_eq(record_str(record_get(config_driver(c, BERTH_STORAGE, "b"), "file")),
			 "/mine.so");
	ck_assert_ptr_null(config_driver(c, BERTH_STORAGE, "c"));
	ck_assert_ptr_null(config_driver(c, BERTH_NETWORK, "b"));
	ck_assert_ptr_null(config_driver(c, 99, "b"));
	config_free(c);
}
END_TEST

START_TEST(every_key_is_read)
{
	ck_ok(load("{\"containers\": {\"cgroup_parent\": \"/a/b\", \"stop_timeout\": \"1m30s\","
		   " \"shm_size\": 4096, \"seccomp_profile\": \"unconfined\","
		   " \"dns\": [\"192.0.2.1\", \"2001:db8::1\"], \"dns_search\": [\"example.org\"],"
		   " \"dns_options\": [\"ndots:2\"], \"init\": true, \"userns_range\": "
		   "\"100000:65536\","
		   " \"log_max_size\": \"10m\", \"default_ulimits\": [\"nofile=1024:-1\", "
		   "\"core=0\"]},"
		   " \"isolation\": {\"driver\": \"x\", \"allow_insecure\": true},"
		   " \"registry\": {\"archives\": [\"p\", \"q\"]},"
		   " \"limits\": {\"manifest_size\": \"1k\", \"config_size\": \"2k\","
		   " \"layer_size\": \"3k\", \"layer_entries\": 4, \"layers\": 5,"
		   " \"archive_size\": \"6k\"}}"));
	ck_assert_str_eq(c->file, "the.json");
	ck_assert_str_eq(c->cgroup_parent, "/a/b");
	ck_assert_uint_eq(c->stop_timeout_ms, 90000);
	ck_assert_uint_eq(c->shm_size, 4096);
	ck_assert_str_eq(c->seccomp_profile, "unconfined");
	ck_assert_str_eq(c->dns[1], "2001:db8::1");
	ck_assert_str_eq(c->dns_search[0], "example.org");
	ck_assert_str_eq(c->dns_options[0], "ndots:2");
	ck_assert(c->init);
	ck_assert_str_eq(c->userns_range, "100000:65536");
	ck_assert_uint_eq(c->log_max_size, 10 << 20);
	ck_assert_str_eq(c->default_ulimits[0], "nofile=1024:-1");
	ck_assert_str_eq(c->kind[BERTH_ISOLATION].driver, "x");
	ck_assert(c->kind[BERTH_ISOLATION].allow_insecure);
	ck_assert_str_eq(c->kind[BERTH_REGISTRY].archives[1], "q");
	ck_assert_uint_eq(c->limit_manifest_size, 1024);
	ck_assert_uint_eq(c->limit_config_size, 2048);
	ck_assert_uint_eq(c->limit_layer_size, 3072);
	ck_assert_uint_eq(c->limit_layer_entries, 4);
	ck_assert_uint_eq(c->limit_layers, 5);
	ck_assert_uint_eq(c->limit_archive_size, 6144);
	config_free(c);
}
END_TEST

START_TEST(an_unknown_key_is_told_with_its_line_and_a_suggestion)
{
	ck_refused("{\n\"root\": \"/r\",\n\n\"storag\": {}\n}",
		   "the.json: line 4: unknown key 'storag' (did you mean 'storage'?)");
	ck_refused("{\"storage\": {\n\"drvier\": \"x\"}}",
		   "the.json: line 2: unknown key 'storage.drvier' (did you mean 'driver'?)");
	ck_refused("{\n\"colour\": 1}", "the.json: line 2: unknown key 'colour'");
	ck_refused("{\"storage\": {\n\"drivers\": {\n\"x\": {\n\"fil\": \"/x\"}}}}",
		   "the.json: line 4: unknown key 'storage.drivers.x.fil' (did you mean 'file'?)");
	/* a key of another section is none here */
	ck_refused("{\"network\": {\"candidates\": []}}",
		   "the.json: line 1: unknown key 'network.candidates'");
}
END_TEST

START_TEST(a_fault_of_syntax_is_told_with_its_place)
{
	ck_fails(BERTH_E_INVALID, load("{\n\"root\": \"/r\",\n}"));
	ck_says("the.json: line 3, column 1: ");
	ck_fails(BERTH_E_INVALID, load(""));
	ck_says("the.json: ");
	ck_refused("[]", "the.json: line 1: the whole is array, wanted an object");
	ck_refused("null", "the.json: line 1: the whole is null, wanted an object");
}
END_TEST

START_TEST(a_key_may_be_there_once_only)
{
	ck_fails(BERTH_E_INVALID, load("{\"root\": \"/a\",\n\"root\": \"/b\"}"));
	ck_says("the.json: line 2, ");
	ck_says("'root' is there twice");
	ck_fails(BERTH_E_INVALID, load("{\"storage\": {\"drivers\": {\"x\": {},\n\n\"x\": {}}}}"));
	ck_says("line 3, ");
	/* the same word in several objects is several keys */
	ck_ok(load("{\"network\": {\"drivers\": {}}, \"storage\": {\"drivers\": {}}}"));
	config_free(c);
}
END_TEST

START_TEST(a_value_of_the_wrong_type_is_told)
{
	ck_refused("{\"root\": 7}", "the.json: line 1: key 'root' is int, wanted an absolute path");
	ck_refused("{\"root\": null}",
		   "the.json: line 1: key 'root' is null, wanted an absolute path");
	ck_refused("{\"driver_dirs\": \"/d\"}",
		   "the.json: line 1: key 'driver_dirs' is '/d', wanted a list of absolute paths");
	ck_refused("{\"storage\": []}",
		   "the.json: line 1: key 'storage' is array, wanted an object");
	ck_refused("{\"containers\": {\"init\": \"true\"}}",
		   "the.json: line 1: key 'containers.init' is 'true', wanted true or false");
	ck_refused("{\"limits\": {\"layers\": \"5\"}}",
		   "the.json: line 1: key 'limits.layers' is '5', wanted a whole number of at "
		   "least 1");
	ck_refused("{\"storage\": {\"drivers\": {\n\"x\": 1}}}",
		   "the.json: line 2: key 'storage.drivers.x' is int, wanted an object");
	ck_refused("{\"storage\": {\"drivers\": {\"x\": {\"options\": 1}}}}",
		   "the.json: line 1: key 'storage.drivers.x.options' is int, wanted an object");
}
END_TEST

START_TEST(a_value_out_of_range_is_told)
{
	static const char *const bad[] = {
		"{\"root\": \"relative\"}",
		"{\"driver_dirs\": [\"/a\", \"b\"]}",
		"{\"storage\": {\"driver\": \"../x\"}}",
		"{\"storage\": {\"driver\": \"Overlay\"}}",
		"{\"storage\": {\"candidates\": [\"auto\"]}}",
		"{\"network\": {\"driver\": \"auto\"}}",
		"{\"registry\": {\"archives\": [\"a/b\"]}}",
		"{\"storage\": {\"drivers\": {\"a/b\": {}}}}",
		"{\"storage\": {\"drivers\": {\"auto\": {}}}}",
		"{\"storage\": {\"drivers\": {\"x\": {\"file\": \"x.so\"}}}}",
		"{\"storage\": {\"drivers\": {\"x\": {\"process\": \"other\"}}}}",
		"{\"containers\": {\"cgroup_parent\": \"a\"}}",
		"{\"containers\": {\"cgroup_parent\": \"/a/../b\"}}",
		"{\"containers\": {\"cgroup_parent\": \"/a/.\"}}",
		"{\"containers\": {\"stop_timeout\": 10}}",
		"{\"containers\": {\"stop_timeout\": \"10\"}}",
		"{\"containers\": {\"stop_timeout\": \"-1s\"}}",
		"{\"containers\": {\"shm_size\": 0}}",
		"{\"containers\": {\"shm_size\": -1}}",
		"{\"containers\": {\"shm_size\": \"1x\"}}",
		"{\"containers\": {\"seccomp_profile\": \"default\"}}",
		"{\"containers\": {\"dns\": [\"localhost\"]}}",
		"{\"containers\": {\"dns_search\": [\"a b\"]}}",
		"{\"containers\": {\"dns_options\": [\"a\\nnameserver 1\"]}}",
		"{\"containers\": {\"userns_range\": \"1000\"}}",
		"{\"containers\": {\"userns_range\": \"1:4294967296\"}}",
		"{\"containers\": {\"default_ulimits\": [\"nofile\"]}}",
		"{\"containers\": {\"default_ulimits\": [\"nofile=1:\"]}}",
		"{\"limits\": {\"layers\": 0}}",
		"{\"limits\": {\"layers\": 1.5}}",
		"{\"limits\": {\"manifest_size\": \"0\"}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = load(bad[i]);

		ck_assert_msg(r == -BERTH_E_INVALID, "%s: %s", bad[i], berth_code_name(r));
	}
	ck_refused("{\n\"driver_dirs\": [\"/a\",\n\"b\"]}",
		   "the.json: line 2: key 'driver_dirs' is 'b', wanted a list of absolute paths "
		   "(item 2)");
}
END_TEST

START_TEST(root_and_run_are_two_places)
{
	ck_fails(BERTH_E_INVALID, config_load_text("{}", "x", "{}", &c, &err));
	ck_says("'root' is missing");
	ck_fails(BERTH_E_INVALID, config_load_text("{}", "x", "{\"root\": \"/r\"}", &c, &err));
	ck_says("'run' is missing");
	ck_fails(BERTH_E_INVALID, load("{\"root\": \"/a\", \"run\": \"/a\"}"));
	ck_says("both '/a'");
}
END_TEST

START_TEST(mistakes_in_the_defaults_say_so)
{
	ck_fails(BERTH_E_INVALID, config_load_text("{}", "x", "{\"rot\": 1}", &c, &err));
	ck_says("built-in defaults: line 1: unknown key 'rot'");
}
END_TEST

START_TEST(the_environment_goes_over_the_file)
{
	ck_assert_int_eq(setenv("BERTH_ROOT", "/env/root", 1), 0);
	ck_assert_int_eq(setenv("BERTH_RUN", "/env/run", 1), 0);
	ck_ok(load("{\"root\": \"/file\"}"));
	ck_assert_str_eq(c->root, "/env/root");
	ck_assert_str_eq(c->run, "/env/run");
	config_free(c);
	ck_assert_int_eq(setenv("BERTH_RUN", "run", 1), 0);
	ck_fails(BERTH_E_INVALID, load("{}"));
	ck_assert_str_eq(err.text, "BERTH_RUN is 'run', wanted an absolute path");
}
END_TEST

START_TEST(a_later_mistake_finds_its_line_too)
{
	const char *const option[] = {"storage", "drivers", "x", "options", "b", NULL};
	const char *const absent[] = {"storage", "drivers", "y", "options", NULL};

	ck_ok(load("{\n\"storage\": {\n\"drivers\": {\n\"x\": {\"options\": {\"a\": [{\"b\": 1}],\n"
		   "\"b\": \"\\\"}\"}}}}}"));
	ck_assert_uint_eq(config_line(c, option), 5);
	ck_assert_uint_eq(config_line(c, absent), 3);
	ck_assert_uint_eq(config_line(c, (const char *const[]){"network", NULL}), 0);
	config_free(c);
	ck_ok(config_load_text(NULL, NULL, DEFAULTS, &c, &err));
	ck_assert_uint_eq(config_line(c, option), 0);
	config_free(c);
}
END_TEST

int main(void)
{
	(void)unsetenv("BERTH_ROOT");
	(void)unsetenv("BERTH_RUN");
	return CK_MAIN("config/read", what_no_file_says_has_a_default,
		       the_file_goes_over_the_defaults, every_key_is_read,
		       an_unknown_key_is_told_with_its_line_and_a_suggestion,
		       a_fault_of_syntax_is_told_with_its_place, a_key_may_be_there_once_only,
		       a_value_of_the_wrong_type_is_told, a_value_out_of_range_is_told,
		       root_and_run_are_two_places, mistakes_in_the_defaults_say_so,
		       the_environment_goes_over_the_file, a_later_mistake_finds_its_line_too);
}
