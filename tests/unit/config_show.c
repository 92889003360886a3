/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"
#include "programs/defaults.h"
#include "tests/unit/ck.h"

static const char *doc_path;

static bool is_password(void *arg, uint32_t kind, const char *driver, const char *option)
{
	ck_assert_uint_eq(kind, BERTH_NETWORK);
	ck_assert_str_eq(driver, "x");
	return str_eq(option, "password");
}

static char *show(const char *text, config_secret_fn secret)
{
	struct config *c;
	struct record *shown;
	char *json;

	ck_ok(config_load_text(text, "x", berth_defaults, &c, &err));
	ck_ok(config_show(c, secret, NULL, &shown, &err));
	json = record_to_text(shown, RECORD_COMPACT);
	ck_assert_ptr_nonnull(json);
	record_free(shown);
	config_free(c);
	return json;
}

START_TEST(what_is_shown_loads_again_as_the_same)
{
	char *first = show("{\"containers\": {\"stop_timeout\": \"1500ms\", \"shm_size\": 65537,"
			   " \"dns\": [\"192.0.2.1\"], \"log_max_size\": \"3m\", \"init\": true},"
			   " \"limits\": {\"layers\": 7}}",
			   NULL);
	char *second = show(first, NULL);

	ck_assert_str_eq(first, second);
	ck_assert_ptr_nonnull(strstr(first, "\"stop_timeout\":\"1500ms\""));
	ck_assert_ptr_nonnull(strstr(first, "\"shm_size\":\"65537\""));
	ck_assert_ptr_nonnull(strstr(first, "\"log_max_size\":\"3m\""));
	ck_assert_ptr_nonnull(strstr(first, "\"layers\":7"));
	ck_assert_ptr_nonnull(strstr(first, "\"init\":true"));
	free(first);
	free(second);
}
END_TEST

START_TEST(secrets_are_not_shown)
{
	static const char text[] = "{\"network\": {\"drivers\": {\"x\": {\"file\": \"/x.so\","
				   " \"options\": {\"password\": \"abc\", \"user\": \"xyz\"}}}}}";
	char *json = show(text, is_password);

	ck_assert_ptr_nonnull(strstr(json, "\"x\":{\"file\":\"/x.so\",\"options\":"
					   "{\"password\":\"***\",\"user\":\"xyz\"}}"));
	ck_assert_ptr_null(strstr(json, "abc"));
	free(json);
	/* who cannot tell shows none */
	json = show(text, NULL);
	ck_assert_ptr_null(strstr(json, "abc"));
	ck_assert_ptr_null(strstr(json, "xyz"));
	free(json);
}
END_TEST

static int count_key(void *arg, const struct config_key_doc *doc)
{
	unsigned *n = arg;

	ck_assert_str_ne(doc->key, "");
	ck_assert_str_ne(doc->type, "");
	ck_assert_str_ne(doc->doc, "");
	if (str_eq(doc->key, "containers.stop_timeout"))
		ck_assert_str_eq(doc->fallback, "\"10s\"");
	if (str_eq(doc->key, "storage.driver"))
		ck_assert_str_eq(doc->fallback, "\"auto\"");
	(*n)++;
	return *n == 9999;
}

static int stop(void *arg, const struct config_key_doc *doc)
{
	return 42;
}

START_TEST(every_key_has_a_type_a_default_and_a_sentence)
{
	unsigned n = 0;

	ck_ok(config_each_key(berth_defaults, count_key, &n, &err));
	ck_assert_uint_gt(n, 25);
	ck_assert_int_eq(config_each_key(berth_defaults, stop, NULL, &err), 42);
}
END_TEST

/* The line that docs/config.md must have. Paths of this build are not what everybody has. */
static int find_line(void *arg, const struct config_key_doc *doc)
{
	bool is_path = strncmp(doc->type, "path", 4) == 0 || str_eq(doc->type, "list of paths");
	char *line = is_path ? str_fmt("| `%s` | %s | ", doc->key, doc->type)
			     : str_fmt("| `%s` | %s | `%s` | %s |\n", doc->key, doc->type,
				       doc->fallback, doc->doc);

	ck_assert_msg(strstr(arg, line), "docs/config.md lacks: %s", line);
	ck_assert_msg(strstr(arg, doc->doc), "docs/config.md lacks: %s", doc->doc);
	free(line);
	return 0;
}

START_TEST(the_documentation_has_every_key)
{
	int fd = open(doc_path, O_RDONLY | O_CLOEXEC);
	char *text;

	ck_assert_msg(fd >= 0, "open '%s'", doc_path);
	ck_ok(read_fd_limited(fd, 1 << 20, &text, NULL, &err));
	ck_ok(config_each_key(berth_defaults, find_line, text, &err));
	free(text);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(int argc, char *argv[])
{
	(void)unsetenv("BERTH_ROOT");
	(void)unsetenv("BERTH_RUN");
	if (argc != 2)
		return 1;
	doc_path = argv[1];
	return CK_MAIN("config/show", what_is_shown_loads_again_as_the_same, secrets_are_not_shown,
		       every_key_has_a_type_a_default_and_a_sentence,
		       the_documentation_has_every_key);
}
