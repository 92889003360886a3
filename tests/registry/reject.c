/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>

#include "reg.h"

static struct reg r;

enum { FILES_MAX = 200 };

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The code that a file's name begins with. */
static int code_of(const char *name)
{
	for (int code = 1; code <= BERTH_E_INTERNAL; code++) {
		const char *rest = str_after(name, berth_code_name(code));

		if (rest && rest[0] == '-')
			return code;
	}
	ck_abort_msg("'%s' begins with no code", name);
	return 0;
}

static bool is_one_line(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static void refuse(int dir, const char *name)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct berth_where where = reg_where(fd);
	cleanup_heard struct heard h = {.text = STR_INIT};
	int code;

	ck_assert_int_ge(fd, 0);
	code = r.ops->each(r.reg, &where, NULL, hear_desc, &h, &err);
	ck_assert_msg(code == -code_of(name), "'%s': %s: %s", name, berth_code_name(code),
		      code ? err.text : "");
	ck_assert_msg(err.text[0] && is_one_line(err.text), "'%s': '%s'", name, err.text);
	ck_assert_msg(strstr(err.text, "x.tar"), "'%s': '%s' names no file", name, err.text);
	ck_assert_int_eq(h.calls, 0);
	if (getenv("CK_SHOW"))
		printf("# %-45s %s\n", name, err.text);
}

static void refuse_all(const char *driver)
{
	int dir = open(REJECT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entry;
	int before;
	int n = scandir(REJECT, &entry, not_hidden, alphasort);

	ck_assert_int_gt(n, 60);
	r = reg_open(driver);
	before = ck_count_fds();
	for (int i = 0; i < n; i++) {
		refuse(dir, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	ck_assert_int_eq(ck_count_fds(), before);
	reg_close(&r);
}

START_TEST(the_layout_driver_refuses_each_of_the_hostile_archives)
{
	refuse_all(OCI_LAYOUT);
}
END_TEST

START_TEST(the_docker_driver_refuses_each_of_the_hostile_archives)
{
	refuse_all(DOCKER_ARCHIVE);
}
END_TEST

static void accept_all(const char *driver)
{
	int dir = open(ODD, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entry;
	int n = scandir(ODD, &entry, not_hidden, alphasort);

	ck_assert_int_gt(n, 15);
	r = reg_open(driver);
	for (int i = 0; i < n; i++) {
		cleanup_fd int fd = openat(dir, entry[i]->d_name, O_RDONLY | O_CLOEXEC);
		cleanup_heard struct heard h = {.text = STR_INIT};
		int code = reg_each(&r, fd, &h);

		ck_assert_msg(code == 0, "'%s': %s", entry[i]->d_name, err.text);
		ck_assert_int_eq(h.calls, 1);
		ck_assert_str_eq(reg_blob(&r, fd, h.digest), "{\"schemaVersion\":2}");
		free(entry[i]);
	}
	free(entry);
	reg_close(&r);
}

START_TEST(the_layout_driver_reads_each_of_the_odd_but_right_archives)
{
	accept_all(OCI_LAYOUT);
}
END_TEST

START_TEST(the_docker_driver_reads_each_of_the_odd_but_right_archives)
{
	accept_all(DOCKER_ARCHIVE);
}
END_TEST

static void exceed(struct tarball *t, const char *text)
{
	cleanup_heard struct heard h = {.text = STR_INIT};
	int fd = tarball_fd(t);

	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_LIMIT, reg_each(&r, fd, &h));
	ck_says(text);
	reg_close(&r);
}

START_TEST(more_than_65536_entries_are_refused)
{
	struct tarball t = {STR_INIT};

	tarball_text(&t, "index.json", "{\"manifests\":[]}");
	for (int i = 0; i < 65536; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d", i);
		tarball_header(&t, name, '0', NULL, 0);
	}
	tarball_end(&t);
	exceed(&t, "has more than 65536 entries or 16777216 bytes of names");
}
END_TEST

START_TEST(more_than_16_mib_of_names_are_refused)
{
	static char name[4001];
	struct tarball t = {STR_INIT};

	for (int i = 0; i < 16 * 1024 * 1024 / 4000 + 1; i++) {
		memset(name, 'n', sizeof(name) - 1);
		memcpy(name + snprintf(name, 9, "%d", i), "n", 1);
		tarball_entry(&t, "long", 'L', NULL, name, sizeof(name));
		tarball_header(&t, "short", '0', NULL, 0);
	}
	tarball_end(&t);
	exceed(&t, "16777216 bytes of names");
}
END_TEST

START_TEST(an_extended_header_of_more_than_1_mib_is_refused)
{
	struct tarball t = {STR_INIT};

	tarball_text(&t, "index.json", "{\"manifests\":[]}");
	tarball_header(&t, "pax", 'x', NULL, 1024 * 1024 + 512);
	memset(str_room(&t.bytes, 1024 * 1024 + 512), 'x', 1024 * 1024 + 512);
	str_grew(&t.bytes, 1024 * 1024 + 512);
	tarball_end(&t);
	exceed(&t, "an extended header of 1049088 bytes, 1048576 are allowed");
}
END_TEST

START_TEST(a_name_of_more_than_4096_bytes_is_refused)
{
	static char name[4098];
	cleanup_heard struct heard h = {.text = STR_INIT};
	struct tarball t = {STR_INIT};
	int fd;

	memset(name, 'n', sizeof(name) - 1);
	tarball_entry(&t, "long", 'L', NULL, name, sizeof(name));
	tarball_header(&t, "short", '0', NULL, 0);
	tarball_end(&t);
	fd = tarball_fd(&t);
	r = reg_open(OCI_LAYOUT);
	ck_fails(BERTH_E_CORRUPT, reg_each(&r, fd, &h));
	ck_says("is too long");
	reg_close(&r);
}
END_TEST

START_TEST(eight_links_in_a_row_are_followed_and_nine_are_not)
{
	struct tarball t = {STR_INIT};
	cleanup_heard struct heard h = {.text = STR_INIT};
	char name[2] = "a";
	int fd;

	r = reg_open(OCI_LAYOUT);
	for (int links = 8; links <= 9; links++) {
		tarball_entry(&t, "index.json", '2', "b", NULL, 0);
		for (int i = 1; i < links; i++) {
			char target[2] = {(char)('b' + i), '\0'};

			name[0] = (char)('a' + i);
			tarball_entry(&t, name, '2', target, NULL, 0);
		}
		name[0] = (char)('a' + links);
		tarball_text(&t, name, "{\"manifests\":[]}");
		tarball_end(&t);
		fd = tarball_fd(&t);
		if (links == 8)
			ck_ok(reg_each(&r, fd, &h));
		else
			ck_fails(BERTH_E_CORRUPT, reg_each(&r, fd, &h));
	}
	reg_close(&r);
}
END_TEST

START_TEST(every_cut_of_an_archive_is_either_read_or_refused)
{
	struct tarball t = {STR_INIT};
	char digest[TARBALL_DIGEST];
	cleanup_str struct str whole = STR_INIT;
	cleanup_str struct str index = STR_INIT;

	tarball_blob(&t, "{}", 2, digest);
	str_addf(&index, "{\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"%s\",\"size\":2}]}",
		 digest);
	tarball_text(&t, "index.json", str_text(&index));
	tarball_end(&t);
	str_add_n(&whole, t.bytes.p, t.bytes.len);
	str_done(&t.bytes);
	r = reg_open(DOCKER_ARCHIVE);
	for (size_t n = 0; n < whole.len; n += 37) {
		cleanup_heard struct heard h = {.text = STR_INIT};
		cleanup_fd int fd = -1;
		int code;

		str_add_n(&t.bytes, whole.p, n);
		fd = tarball_fd(&t);
		code = reg_each(&r, fd, &h);
		/* behind the index's last byte nothing is missing */
		if (n >= 1024 + 512 + index.len)
			ck_assert_msg(code == 0 || n % 512, "%zu: %s", n, err.text);
		else
			ck_assert_msg(code < 0, "%zu was read", n);
	}
	reg_close(&r);
}
END_TEST

int main(void)
{
	return CK_MAIN("registry/reject", the_layout_driver_refuses_each_of_the_hostile_archives,
		       the_docker_driver_refuses_each_of_the_hostile_archives,
		       the_layout_driver_reads_each_of_the_odd_but_right_archives,
		       the_docker_driver_reads_each_of_the_odd_but_right_archives,
		       more_than_65536_entries_are_refused, more_than_16_mib_of_names_are_refused,
		       an_extended_header_of_more_than_1_mib_is_refused,
		       a_name_of_more_than_4096_bytes_is_refused,
		       eight_links_in_a_row_are_followed_and_nine_are_not,
		       every_cut_of_an_archive_is_either_read_or_refused);
}
