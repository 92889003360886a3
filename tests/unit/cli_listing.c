/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and other outputs of ps, images and history: byte for byte what docker prints of the same.
 */
#include "ck.h"

#include "base/clock.h"
#include "base/record.h"
#include "programs/berth/cells.h"
#include "programs/berth/history.h"
#include "programs/berth/images.h"
#include "programs/berth/ps.h"
#include "programs/berth/table.h"

static struct str out;

static struct record *parse(const char *json)
{
	struct record *r;

	ck_ok(record_parse(json, strlen(json), 0, &r, &err));
	return r;
}

/* so long before now that the words for it do not change while the test runs */
static long long ago(int days)
{
	return (long long)(clock_now_ns() / CLOCK_SECOND) - 86400LL * days - 3600;
}

/* ------------------------------------------------------------------------------------- table */

static const char *layout(const char *text)
{
	str_clear(&out);
	table_layout(text, &out);
	return str_text(&out);
}

START_TEST(cells_are_as_wide_as_the_widest_of_their_column)
{
	ck_assert_str_eq(layout("A\tB\nlonger than ten\tx\n"), "A                 B\n"
							       "longer than ten   x\n");
	ck_assert_str_eq(layout("A\tB\tC\n"), "A         B         C\n");
	ck_assert_str_eq(layout("A\t\tC\n"), "A                   C\n");
	ck_assert_str_eq(layout(""), "");
}
END_TEST

START_TEST(width_counts_characters)
{
	ck_assert_str_eq(layout("ééééééééé\tB\naaaaaaaaa\tB\n"), "ééééééééé   B\naaaaaaaaa   B\n");
}
END_TEST

START_TEST(a_column_ends_with_the_lines_that_have_it)
{
	ck_assert_str_eq(layout("one\nlonger than ten\tb\nno tabs\nc\td\n"),
			 "one\nlonger than ten   b\nno tabs\nc         d\n");
}
END_TEST

START_TEST(many_tabs_are_only_text)
{
	cleanup_str struct str tabs = STR_INIT;

	for (int i = 0; i < 5000; i++)
		str_add_char(&tabs, '\t');
	str_clear(&out);
	table_layout(str_text(&tabs), &out);
	ck_assert_uint_gt(out.len, 4000);
}
END_TEST

START_TEST(what_is_too_long_ends_with_an_ellipsis)
{
	static const char *const cases[][2] = {{"12345", "12345"},
					       {"123456", "1234…"},
					       {"", ""},
					       {"äöüßä", "äöüßä"},
					       {"äöüßäö", "äöüß…"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		str_clear(&out);
		table_shorten(cases[i][0], 5, &out);
		ck_assert_str_eq(str_text(&out), cases[i][1]);
	}
}
END_TEST

/* ---------------------------------------------------------------------------------------- ps */

static const char *const containers =
	"[{\"Id\":\"4f66ad9a0b2e1234567890abcdef4f66ad9a0b2e1234567890abcdef12345678\","
	"\"Names\":[\"/web\",\"/db/link\"],\"Image\":\"nginx:latest\",\"ImageID\":\"sha256:1111\","
	"\"Command\":\"/docker-entrypoint.sh nginx -g 'daemon off;'\",\"Created\":%lld,\"Ports\":["
	"{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
	"{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
	"{\"PrivatePort\":443,\"Type\":\"tcp\"}],\"Labels\":{\"b\":\"2\",\"a\":\"1\"},"
	"\"State\":\"running\",\"Status\":\"Up 2 minutes\","
	"\"NetworkSettings\":{\"Networks\":{\"bridge\":{}}},\"Mounts\":[{\"Type\":\"volume\","
	"\"Name\":\"0123456789abcdef0123456789abcdef\",\"Driver\":\"local\"},"
	"{\"Type\":\"bind\",\"Source\":\"/x/y\"}],\"SizeRw\":1234,\"SizeRootFs\":77800000}]";

static int ps(const char *format, bool quiet, bool shorten, const struct record *list)
{
	cleanup_listing struct listing l = {0};
	int r = listing_open(&l, &ps_listing, format, quiet, &err);

	str_clear(&out);
	return r < 0 ? r : ps_print(&l, list, shorten, &out, &err);
}

static const char *ps_text(const char *format, bool quiet, bool shorten)
{
	cleanup_free char *json = str_fmt(containers, ago(15));
	cleanup_record struct record *list = parse(json);

	ck_ok(ps(format, quiet, shorten, list));
	return str_text(&out);
}

START_TEST(ps_prints_dockers_table)
{
	ck_assert_str_eq(ps_text(NULL, false, true),
			 "CONTAINER ID   IMAGE          COMMAND                  CREATED       "
			 "STATUS         "
			 "PORTS                                              NAMES\n"
			 "4f66ad9a0b2e   nginx:latest   \"/docker-entrypoint.…\"   2 weeks ago   "
			 "Up 2 minutes   "
			 "443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp   web\n");
}
END_TEST

START_TEST(ps_of_nothing_is_the_headings)
{
	cleanup_record struct record *none = parse("[]");

	ck_ok(ps(NULL, false, true, none));
	ck_assert_str_eq(str_text(&out), "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    "
					 "PORTS     NAMES\n");
	ck_ok(ps("{{.ID}}", false, true, none));
	ck_assert_str_eq(str_text(&out), "");
}
END_TEST

START_TEST(ps_quiet_prints_ids)
{
	ck_assert_str_eq(ps_text(NULL, true, true), "4f66ad9a0b2e\n");
	ck_assert_str_eq(ps_text(NULL, true, false),
			 "4f66ad9a0b2e1234567890abcdef4f66ad9a0b2e1234567890abcdef12345678\n");
}
END_TEST

START_TEST(ps_without_truncation_prints_all)
{
	ck_assert_str_eq(
		ps_text("{{.ID}} {{.Names}} {{.Command}} {{.Mounts}}", false, false),
		"4f66ad9a0b2e1234567890abcdef4f66ad9a0b2e1234567890abcdef12345678 web,db/link "
		"\"/docker-entrypoint.sh nginx -g 'daemon off;'\" "
		"0123456789abcdef0123456789abcdef,/x/y\n");
}
END_TEST

START_TEST(names_by_which_others_link_to_it_are_not_its_own)
{
	cleanup_record struct record *list =
		parse("[{\"Id\":\"aa\",\"Names\":[\"/db/link\",\"/web\"]}]");

	ck_ok(ps("{{.Names}}", false, true, list));
	ck_assert_str_eq(str_text(&out), "web\n");
}
END_TEST

START_TEST(ps_has_dockers_columns)
{
	ck_assert_str_eq(
		ps_text("{{.Size}} {{.Mounts}} {{.Labels}} {{.LocalVolumes}} {{.Networks}} "
			"{{.State}} {{.Label \"a\"}}{{.Label \"no\"}}",
			false, true),
		"1.23kB (virtual 77.8MB) 0123456789abcd…,/x/y a=1,b=2 1 bridge running 1\n");
}
END_TEST

START_TEST(ps_as_json_has_dockers_keys_in_dockers_order)
{
	const char *text = ps_text("json", false, true);

	ck_assert(str_has_prefix(text,
				 "{\"Command\":\"\\\"/docker-entrypoint.…\\\"\",\"CreatedAt\":\""));
	ck_assert_ptr_nonnull(strstr(
		text,
		"\"ID\":\"4f66ad9a0b2e\",\"Image\":\"nginx:latest\",\"Labels\":\"a=1,b=2\","
		"\"LocalVolumes\":\"1\",\"Mounts\":\"0123456789abcd…,/x/y\",\"Names\":\"web\","
		"\"Networks\":\"bridge\",\"Ports\":\"443/tcp, 0.0.0.0:8080-\\u003e80/tcp, "
		"[::]:8080-\\u003e80/tcp\",\"RunningFor\":\"2 weeks ago\",\"Size\":\"1.23kB "
		"(virtual 77.8MB)\",\"State\":\"running\",\"Status\":\"Up 2 minutes\"}\n"));
}
END_TEST

START_TEST(tables_of_templates_have_headings)
{
	ck_assert_str_eq(ps_text("table {{.ID}}\\t{{.Names}}\\t{{.Label \"com.x.some-thing\"}}",
				 false, true),
			 "CONTAINER ID   NAMES     some thing\n4f66ad9a0b2e   web       \n");
	ck_assert_str_eq(ps_text("table {{upper .ID}} {{json .Names}}", false, true),
			 "CONTAINER ID NAMES\n4F66AD9A0B2E \"web\"\n");
	ck_assert_str_eq(ps_text("{{.ID}}\\t{{.Names}}\\n", false, true), "4f66ad9a0b2e\tweb\n\n");
}
END_TEST

START_TEST(a_column_that_is_not_there_is_an_error_also_without_rows)
{
	cleanup_record struct record *none = parse("[]");

	ck_fails(BERTH_E_INVALID, ps("{{.Foo}}", false, true, none));
	ck_assert_str_eq(err.text,
			 "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo "
			 "in type row");
	ck_fails(BERTH_E_INVALID, ps("{{", false, true, none));
}
END_TEST

START_TEST(neighbouring_ports_are_one_range)
{
	cleanup_record struct record *ports = parse(
		"[{\"PrivatePort\":82,\"Type\":\"tcp\"},{\"PrivatePort\":80,\"Type\":\"tcp\"},"
		"{\"PrivatePort\":81,\"Type\":\"tcp\"},{\"PrivatePort\":90,\"Type\":\"tcp\"},"
		"{\"PrivatePort\":81,\"Type\":\"udp\"},"
		"{\"IP\":\"0.0.0.0\",\"PrivatePort\":53,\"PublicPort\":53,\"Type\":\"udp\"},"
		"{\"IP\":\"0.0.0.0\",\"PrivatePort\":54,\"PublicPort\":54,\"Type\":\"udp\"},"
		"{\"IP\":\"0.0.0.0\",\"PrivatePort\":55,\"PublicPort\":1055,\"Type\":\"udp\"}]");

	str_clear(&out);
	cell_ports(ports, &out);
	ck_assert_str_eq(str_text(&out), "80-82/tcp, 0.0.0.0:53-54->53-54/udp, 90/tcp, 81/udp, "
					 "0.0.0.0:1055->55/udp");
}
END_TEST

START_TEST(an_image_without_a_name_shows_by_its_id)
{
	cleanup_record struct record *list =
		parse("[{\"Id\":\"aa\",\"Image\":\"sha256:4f66ad9a0b2e1234567890ab\",\"ImageID\":"
		      "\"sha256:4f66ad9a0b2e1234567890ab\"},{\"Id\":\"bb\",\"Image\":\"\"},"
		      "{\"Id\":\"cc\",\"Image\":\"x:1@sha256:0000\",\"ImageID\":\"sha256:9999\"}]");

	ck_ok(ps("{{.Image}}", false, true, list));
	ck_assert_str_eq(str_text(&out), "4f66ad9a0b2e\n<no image>\nx:1\n");
}
END_TEST

/* ------------------------------------------------------------------------------------ images */

static const char *const images =
	"[{\"Containers\":-1,\"Created\":%lld,\"Id\":\"sha256:4f66ad9a0b2e1234\",\"RepoDigests\":"
	"[\"nginx@sha256:aaaa\"],\"RepoTags\":[\"nginx:latest\",\"nginx:1.2\",\"localhost:5000/x/"
	"y:1\"],"
	"\"SharedSize\":-1,\"Size\":187654321},"
	"{\"Containers\":-1,\"Created\":%lld,\"Id\":\"sha256:5f66ad9a0b2e1234\",\"RepoDigests\":[],"
	"\"RepoTags\":[],\"SharedSize\":-1,\"Size\":1000},"
	"{\"Containers\":2,\"Created\":%lld,\"Id\":\"sha256:6f66ad9a0b2e1234\",\"RepoDigests\":"
	"[\"foo@sha256:bbbb\"],\"RepoTags\":[],\"SharedSize\":500,\"Size\":1000000}]";

static const char *images_text(const char *format, bool quiet, unsigned flags)
{
	cleanup_free char *json = str_fmt(images, ago(15), ago(15), ago(15));
	cleanup_record struct record *list = parse(json);
	cleanup_listing struct listing l = {0};

	ck_ok(listing_open(&l, &images_listing, format, quiet, &err));
	str_clear(&out);
	ck_ok(images_print(&l, list, flags, &out, &err));
	return str_text(&out);
}

START_TEST(images_prints_dockers_table)
{
	ck_assert_str_eq(images_text(NULL, false, IMAGES_SHORTEN),
			 "REPOSITORY           TAG       IMAGE ID       CREATED       SIZE\n"
			 "nginx                latest    4f66ad9a0b2e   2 weeks ago   188MB\n"
			 "nginx                1.2       4f66ad9a0b2e   2 weeks ago   188MB\n"
			 "localhost:5000/x/y   1         4f66ad9a0b2e   2 weeks ago   188MB\n"
			 "<none>               <none>    5f66ad9a0b2e   2 weeks ago   1kB\n"
			 "foo                  <none>    6f66ad9a0b2e   2 weeks ago   1MB\n");
}
END_TEST

START_TEST(images_quiet_prints_an_id_for_each_name)
{
	ck_assert_str_eq(images_text(NULL, true, IMAGES_SHORTEN),
			 "4f66ad9a0b2e\n4f66ad9a0b2e\n4f66ad9a0b2e\n5f66ad9a0b2e\n6f66ad9a0b2e\n");
}
END_TEST

START_TEST(digests_belong_to_the_tags_of_their_name)
{
	ck_assert_str_eq(
		images_text("{{.Repository}}:{{.Tag}}@{{.Digest}}", false, IMAGES_SHORTEN),
		"nginx:latest@sha256:aaaa\nnginx:1.2@sha256:aaaa\nlocalhost:5000/x/y:1@<none>\n"
		"<none>:<none>@<none>\nfoo:<none>@sha256:bbbb\n");
}
END_TEST

START_TEST(images_as_json_have_dockers_keys)
{
	const char *last;

	(void)images_text("json", false, IMAGES_SHORTEN);
	out.p[out.len - 1] = '\0';
	last = strrchr(out.p, '\n') + 1;
	ck_assert_ptr_nonnull(strstr(last, "{\"Containers\":\"2\",\"CreatedAt\":\""));
	ck_assert_ptr_nonnull(strstr(
		last,
		"\"CreatedSince\":\"2 weeks ago\",\"Digest\":\"\",\"ID\":\"6f66ad9a0b2e\","
		"\"Repository\":\"foo\",\"SharedSize\":\"500B\",\"Size\":\"1MB\",\"Tag\":"
		"\"\\u003cnone\\u003e\",\"UniqueSize\":\"999.5kB\",\"VirtualSize\":\"1MB\"}"));
}
END_TEST

/* ----------------------------------------------------------------------------------- history */

static const char *history_text(const char *format, unsigned flags)
{
	static const char *const steps =
		"[{\"Id\":\"sha256:4f66ad9a0b2e1234\",\"Created\":1700000000,\"CreatedBy\":"
		"\"/bin/sh -c #(nop)  CMD [\\\"bash\\\"] and something that is quite "
		"long\",\"Tags\":null,"
		"\"Size\":0,\"Comment\":\"buildkit\"},{\"Id\":\"<missing>\",\"Created\":1600000000,"
		"\"CreatedBy\":\"/bin/sh -c #(nop) ADD file:x in "
		"/\\tb\",\"Size\":77800000,\"Comment\":"
		"\"\"}]";
	cleanup_record struct record *list = parse(steps);
	cleanup_listing struct listing l = {0};

	ck_ok(listing_open(&l, history_listing(flags), format, false, &err));
	str_clear(&out);
	ck_ok(history_print(&l, list, flags, &out, &err));
	return str_text(&out);
}

START_TEST(history_prints_dockers_table)
{
	ck_assert_str_eq(
		history_text(NULL, HISTORY_SHORTEN),
		"IMAGE          CREATED AT             CREATED BY                             "
		"         SIZE       COMMENT\n"
		"4f66ad9a0b2e   2023-11-14T22:13:20Z   /bin/sh -c #(nop)  CMD [\"bash\"] and "
		"somethin…   0          buildkit\n"
		"<missing>      2020-09-13T12:26:40Z   /bin/sh -c #(nop) ADD file:x in / b   "
		"          77800000   \n");
	ck_assert_str_eq(history_text("{{.ID}} {{.Size}}", HISTORY_SHORTEN | HISTORY_HUMAN),
			 "4f66ad9a0b2e 0B\n<missing> 77.8MB\n");
}
END_TEST

int main(void)
{
	return CK_MAIN("cli/listing", cells_are_as_wide_as_the_widest_of_their_column,
		       width_counts_characters, a_column_ends_with_the_lines_that_have_it,
		       many_tabs_are_only_text, what_is_too_long_ends_with_an_ellipsis,
		       ps_prints_dockers_table, ps_of_nothing_is_the_headings, ps_quiet_prints_ids,
		       ps_without_truncation_prints_all,
		       names_by_which_others_link_to_it_are_not_its_own, ps_has_dockers_columns,
		       ps_as_json_has_dockers_keys_in_dockers_order,
		       tables_of_templates_have_headings,
		       a_column_that_is_not_there_is_an_error_also_without_rows,
		       neighbouring_ports_are_one_range, an_image_without_a_name_shows_by_its_id,
		       images_prints_dockers_table, images_quiet_prints_an_id_for_each_name,
		       digests_belong_to_the_tags_of_their_name, images_as_json_have_dockers_keys,
		       history_prints_dockers_table);
}
