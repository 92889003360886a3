/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <sys/wait.h>

#include "core/driver/info.h"
#include "core/driver/trial.h"
#include "tests/unit/driver_rig.h"
#include "tests/unit/odd/odd.h"

static struct network *net;

static int open_odd(void)
{
	return drivers_network(rig, "odd", &net, &err);
}

static void be(const char *words)
{
	ck_assert_int_eq(setenv("ODD", words, 1), 0);
}

/* With these words the driver is refused, and the text ends so. */
static void ck_refused(const char *words, const char *text)
{
	rig_make_odd();
	be(words);
	net = NULL;
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_assert_ptr_null(net);
	ck_ends(text);
	ck_says("network driver 'odd' (");
	rig_done();
}

/* --- what works ----------------------------------------------------------- */

START_TEST(a_driver_is_loaded_opened_shared_and_closed)
{
	struct network *again = NULL;
	struct stat st;
	int closed = 0;

	rig_make_odd();
	ck_ok(open_odd());
	ck_assert_str_eq(net->name, "odd");
	ck_assert_uint_eq(net->threads, BERTH_THREADS_FREE);
	ck_assert_uint_eq(net->caps & BERTH_NET_V4, BERTH_NET_V4);
	ck_assert_str_eq(net->head->version, "1.0.0");
	ck_assert_ptr_nonnull(net->ops.attach);
	ck_ok(drivers_network(rig, "odd", &again, &err));
	ck_assert_ptr_eq(net, again);
	ck_assert_int_eq(stat(rig_path("root/network/odd"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	((struct odd *)(void *)net->net)->closed = &closed;
	rig_done();
	ck_assert_int_eq(closed, 1);
}
END_TEST

START_TEST(one_file_may_hold_drivers_of_all_kinds)
{
	struct storage *st;
	struct isolation *iso;
	struct registry *reg;

	rig_make();
	/* neither the name of the file nor its directory matter: its section says what it holds */
	(void)rig_copy("odd_all", "drivers/anything.so");
	ck_ok(drivers_storage(rig, "odd", &st, &err));
	ck_ok(open_odd());
	ck_ok(drivers_isolation(rig, "odd", &iso, &err));
	ck_ok(drivers_registry(rig, "odd", &reg, &err));
	ck_assert_uint_eq(st->head->kind, BERTH_STORAGE);
	ck_assert_uint_eq(reg->head->kind, BERTH_REGISTRY);
	rig_done();
}
END_TEST

START_TEST(the_config_names_the_file_and_the_default)
{
	rig_make();
	(void)rig_copy("odd_network", "drivers/elsewhere.so");
	rig_config_is("\"network\": {\"driver\": \"odd\"}");
	ck_ok(drivers_network(rig, NULL, &net, &err));
	ck_assert_str_eq(net->name, "odd");
	rig_done();
	rig_make();
	ck_assert_int_eq(mkdir(rig_path("own"), 0755), 0);
	(void)rig_copy("odd_network", "own/x.so");
	{
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "\"network\": {\"drivers\": {\"odd\": {\"file\": \"%s\"}}}",
			       rig_path("own/x.so"));
		rig_config_is(text);
	}
	ck_ok(open_odd());
	ck_fails(BERTH_E_INVALID, drivers_network(rig, NULL, &net, &err));
	ck_says("the config names no network driver");
	rig_done();
}
END_TEST

START_TEST(calls_that_an_older_driver_lacks_answer_unsupported)
{
	rig_make_odd();
	be("old-table");
	ck_ok(open_odd());
	ck_fails(BERTH_E_UNSUPPORTED, net->ops.each(net->net, NULL, NULL, &err));
	ck_says("'each'");
	ck_fails(BERTH_E_UNSUPPORTED, net->ops.publish(net->net, NULL, NULL, &err));
	/* absence of these means that there is nothing to do */
	ck_ok(net->ops.create(net->net, NULL, NULL, &err));
	ck_ok(net->ops.remove(net->net, NULL, &err));
	rig_done();
}
END_TEST

static int take_id(void *arg, const char *id)
{
	ck_assert_str_eq(id, "network/odd");
	return 5;
}

START_TEST(a_later_driver_with_more_calls_is_cut_to_what_is_known)
{
	rig_make_odd();
	be("later-table,later-head");
	ck_ok(open_odd());
	ck_assert_int_eq(net->ops.each(net->net, take_id, NULL, NULL), 5);
	rig_done();
}
END_TEST

/* --- names ---------------------------------------------------------------- */

START_TEST(a_name_is_a_name_and_no_path)
{
	static const char *const bad[] = {"../odd", "a/b", "/x.so", "",
					  "Odd",    "9x",  "o d",   "odd.so"};

	rig_make_odd();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_fails(BERTH_E_INVALID, drivers_network(rig, bad[i], &net, &err));
	ck_fails(BERTH_E_INVALID, drivers_network(rig, "/x.so", &net, &err));
	ck_assert_str_eq(err.text, "'/x.so' is no name of a driver (a letter, then letters, digits "
				   "and '-')");
	ck_assert_ptr_nonnull(strstr(err.hint, "\"file\""));
	rig_done();
}
END_TEST

START_TEST(an_unknown_name_is_told_with_what_there_is)
{
	rig_make_odd();
	ck_fails(BERTH_E_NOT_FOUND, drivers_network(rig, "od", &net, &err));
	ck_says("no network driver 'od' in '");
	ck_says("(did you mean 'odd'?)");
	ck_assert_str_eq(err.hint, "there is: odd");
	rig_done();
	rig_make();
	ck_fails(BERTH_E_NOT_FOUND, drivers_storage(rig, "x", &(struct storage *){0}, &err));
	ck_assert_str_eq(err.hint, "no storage driver is there; is 'driver_dirs' right?");
	rig_done();
}
END_TEST

START_TEST(a_file_of_another_kind_or_name_is_refused)
{
	rig_make();
	(void)rig_copy("odd_network", "drivers/storage/odd.so");
	(void)rig_copy("odd_network", "drivers/network/even.so");
	ck_fails(BERTH_E_INVALID, drivers_storage(rig, "odd", &(struct storage *){0}, &err));
	ck_ends("it is a network driver ('odd'), wanted a storage driver");
	ck_fails(BERTH_E_INVALID, drivers_network(rig, "even", &net, &err));
	ck_ends("its name is 'odd', not 'even'");
	rig_done();
}
END_TEST

/* --- files ---------------------------------------------------------------- */

START_TEST(what_is_no_elf_file_is_refused)
{
	int fd;

	rig_make();
	fd = open(rig_path("drivers/network"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_write(fd, "odd.so", "#!/bin/sh\n");
	ck_assert_int_eq(close(fd), 0);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("not an ELF file");
	ck_assert_int_eq(truncate(rig_path("drivers/network/odd.so"), 0), 0);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("not an ELF file");
	ck_assert_int_eq(unlink(rig_path("drivers/network/odd.so")), 0);
	ck_assert_int_eq(mkdir(rig_path("drivers/network/odd.so"), 0755), 0);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("not a regular file");
	ck_assert_int_eq(rmdir(rig_path("drivers/network/odd.so")), 0);
	ck_assert_int_eq(mkfifo(rig_path("drivers/network/odd.so"), 0644), 0);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("not a regular file");
	rig_done();
}
END_TEST

START_TEST(a_file_for_another_machine_is_refused)
{
	const uint16_t machine = EM_VAX;
	const unsigned char class = 7;
	const uint16_t type = ET_EXEC;
	const char *path = rig_make_odd();

	rig_patch(path, ELFMAG, SELFMAG, offsetof(Elf64_Ehdr, e_machine), &machine, 2);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_says("made for another machine: machine 75, this engine is for ");
	path = rig_copy("odd_all", "drivers/network/odd.so");
	rig_patch(path, ELFMAG, SELFMAG, EI_CLASS, &class, 1);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_says("another word size");
	path = rig_copy("odd_all", "drivers/network/odd.so");
	rig_patch(path, ELFMAG, SELFMAG, offsetof(Elf64_Ehdr, e_type), &type, 2);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("an ELF file, but not a shared object");
	rig_done();
}
END_TEST

START_TEST(a_library_that_is_no_driver_is_refused)
{
	const char *path = rig_make_odd();

	rig_patch(path, BERTH_INFO_SECTION, 12, 0, ".other.info", 12);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("no driver: it has no section .berth.info");
	ck_assert_ptr_nonnull(strstr(err.hint, "BERTH_DRIVER_EXPORT"));
	rig_done();
}
END_TEST

START_TEST(a_damaged_section_is_refused)
{
	static const struct {
		size_t offset;
		const char *bytes;
		size_t n;
		const char *text;
	} damages[] = {
		{0, "X", 1, "its section .berth.info is damaged"},
		{8, "\1", 1, "its section .berth.info is damaged"},
		{24, "../", 3, "its section .berth.info has a name that is none"},
		{24, "\0", 1, "its section .berth.info has a name that is none"},
		{56, "\0", 1, "its section .berth.info has no version for driver 'odd'"},
		{56, "1\n2", 3, "its section .berth.info has no version for driver 'odd'"},
	};

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const char *path = rig_make_odd();

		rig_patch_info(path, damages[i].offset, damages[i].bytes, damages[i].n);
		ck_fails(BERTH_E_INVALID, open_odd());
		ck_says(damages[i].text);
		rig_done();
	}
}
END_TEST

START_TEST(no_cut_and_no_flipped_byte_of_the_headers_does_harm)
{
	struct info infos[INFO_MAX];
	const char *path;
	struct stat st;
	size_t n, refused = 0;
	int fd;

	rig_make();
	path = rig_copy("odd_network", "drivers/network/odd.so");
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_ok(info_read(fd, infos, &n, &err));
	ck_assert_uint_eq(n, 1);
	for (off_t at = 0; at < (off_t)sizeof(Elf64_Ehdr); at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			unsigned char byte, flipped;

			ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
			flipped = byte ^ (unsigned char)(1u << bit);
			ck_assert_int_eq(pwrite(fd, &flipped, 1, at), 1);
			refused += info_read(fd, infos, &n, NULL) < 0;
			ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
		}
	}
	ck_assert_uint_gt(refused, 100);
	for (off_t len = st.st_size - 1; len > 0; len -= 1 + len / 32) {
		ck_assert_int_eq(ftruncate(fd, len), 0);
		ck_assert_int_lt(info_read(fd, infos, &n, NULL), 0);
	}
	ck_assert_int_eq(close(fd), 0);
	rig_done();
}
END_TEST

START_TEST(another_abi_is_refused_with_both_numbers)
{
	const uint32_t abi = 9;
	const char *path = rig_make_odd();

	/* the network driver's record is the second one, so a file of its own */
	path = rig_copy("odd_network", "drivers/network/odd.so");
	rig_patch_info(path, offsetof(struct berth_driver_info, abi), &abi, sizeof(abi));
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("needs driver ABI 9, this engine has 1");
	rig_done();
}
END_TEST

START_TEST(a_driver_for_a_later_host_is_refused_with_both_numbers)
{
	const uint32_t more = sizeof(struct berth_host) + 8;
	char text[128];
	const char *path;

	rig_make();
	path = rig_copy("odd_network", "drivers/network/odd.so");
	rig_patch_info(path, offsetof(struct berth_driver_info, host_min), &more, sizeof(more));
	ck_fails(BERTH_E_INVALID, open_odd());
	(void)snprintf(text, sizeof(text),
		       "needs a host of %u bytes (host_min), this engine's has %zu", more,
		       sizeof(struct berth_host));
	ck_says(text);
	rig_done();
	ck_refused("host-min", "it was made for a later one");
}
END_TEST

START_TEST(who_else_could_have_written_it_is_looked_at)
{
	const char *path = rig_make_odd();

	ck_assert_int_eq(chmod(path, 0664), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_ends("the file can be written by others (mode 0664)");
	ck_assert_ptr_nonnull(strstr(err.hint, "chmod go-w '"));
	ck_assert_int_eq(chmod(path, 0642), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_ok(open_odd());
	rig_config_is("");
	ck_assert_int_eq(chmod(rig_path("drivers/network"), 0775), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_says("/drivers/network' can be written by others (mode 0775)");
	/* the directory itself must not be, also if it is sticky */
	ck_assert_int_eq(chmod(rig_path("drivers/network"), 01777), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_assert_int_eq(chmod(rig_path("drivers/network"), 0755), 0);
	ck_assert_int_eq(chmod(rig_path("drivers"), 0777), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_says("/drivers' can be written by others (mode 0777)");
	/* one further up may, as /tmp */
	ck_assert_int_eq(chmod(rig_path("drivers"), 01777), 0);
	ck_ok(open_odd());
	rig_done();
}
END_TEST

START_TEST(the_file_behind_a_link_is_what_counts)
{
	rig_make();
	ck_assert_int_eq(mkdir(rig_path("open"), 0777), 0);
	ck_assert_int_eq(chmod(rig_path("open"), 0777), 0);
	(void)rig_copy("odd_network", "open/odd.so");
	ck_assert_int_eq(symlink(rig_path("open/odd.so"), rig_path("drivers/network/odd.so")), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_says("/open' can be written by others");
	ck_assert_int_eq(chmod(rig_path("open"), 0755), 0);
	ck_ok(open_odd());
	rig_done();
}
END_TEST

START_TEST(what_belongs_to_somebody_else_is_refused)
{
	const char *path = rig_make_odd();

	if (!rig_is_root("only root can give files away"))
		return;
	ck_assert_int_eq(chown(path, 1234, 0), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_ends("the file belongs to user 1234, not to root");
	ck_assert_int_eq(chown(path, 0, 0), 0);
	ck_assert_int_eq(chown(rig_path("drivers"), 1234, 0), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_says("/drivers' belongs to user 1234");
	rig_done();
}
END_TEST

START_TEST(an_ordinary_user_may_use_drivers_of_root_and_of_his_own)
{
	const char *path = rig_make_odd();

	if (!rig_is_root("all other tests show it then"))
		return;
	ck_assert_int_eq(chmod(ck_top_path, 0755), 0);
	ck_assert_int_eq(chmod(rig_top, 0755), 0);
	ck_assert_int_eq(mkdir(rig_path("root"), 0700), 0);
	ck_assert_int_eq(chown(rig_path("root"), 1234, 1234), 0);
	ck_assert_int_eq(setresgid(1234, 1234, 1234), 0);
	ck_assert_int_eq(setresuid(1234, 1234, 0), 0);
	ck_ok(open_odd());
	ck_assert_int_eq(setresuid(0, 0, 0), 0);
	rig_config_is("");
	ck_assert_int_eq(chown(path, 1234, 0), 0);
	ck_assert_int_eq(setresuid(1234, 1234, 0), 0);
	ck_ok(open_odd());
	ck_assert_int_eq(setresuid(0, 0, 0), 0);
	rig_config_is("");
	ck_assert_int_eq(chown(path, 1235, 0), 0);
	ck_assert_int_eq(setresuid(1234, 1234, 0), 0);
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_ends("belongs to user 1235, not to root or to you");
	ck_assert_int_eq(setresuid(0, 0, 0), 0);
	rig_done();
}
END_TEST

/* --- the first load ------------------------------------------------------- */

START_TEST(a_crash_while_loading_is_a_refusal_with_the_signals_name)
{
	ck_refused("load-segv", "crashed while it was loaded (SIGSEGV)");
	ck_refused("load-abort", "crashed while it was loaded (SIGABRT)");
	ck_refused("entry-segv", "crashed while it was loaded (SIGSEGV)");
	ck_refused("wild-pointer", "crashed while it was loaded (SIGSEGV)");
	ck_refused("load-exit", "ended its process while it was loaded (exit status 3)");
	ck_refused("load-exit-0", "ended its process while it was loaded (exit status 0)");
}
END_TEST

START_TEST(a_crash_is_remembered_until_the_file_changes)
{
	rig_make_odd();
	ck_assert_int_eq(mkdir(rig_path("root"), 0700), 0);
	be("load-segv");
	ck_fails(BERTH_E_INVALID, open_odd());
	be("");
	rig_config_is("");
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("crashed while it was loaded (SIGSEGV)");
	ck_assert_ptr_nonnull(strstr(err.hint, "/drivers.known is removed"));
	/* another file in its place */
	(void)rig_copy("odd_all", "drivers/network/new.so");
	ck_assert_int_eq(
		rename(rig_path("drivers/network/new.so"), rig_path("drivers/network/odd.so")), 0);
	ck_ok(open_odd());
	rig_done();
}
END_TEST

START_TEST(a_file_that_never_ends_loading_is_given_up)
{
	bool lasting = false;
	const char *path = rig_make_odd();

	be("load-hang");
	ck_fails(BERTH_E_INVALID, trial_load(path, 200, &lasting, &err));
	ck_assert_str_eq(err.text, "did not load within 200 ms");
	ck_assert(lasting);
	be("");
	lasting = false;
	ck_ok(trial_load(path, 10000, &lasting, &err));
	ck_assert(lasting);
	rig_done();
}
END_TEST

static off_t count_loads(void)
{
	struct stat st;

	return stat(rig_path("loads"), &st) < 0 ? 0 : st.st_size;
}

/* Open it in a process of its own, where nothing is mapped yet. */
static void open_elsewhere(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(open_odd() == 0 ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(a_known_file_is_loaded_without_a_trial)
{
	rig_make_odd();
	ck_assert_int_eq(mkdir(rig_path("root"), 0700), 0);
	ck_assert_int_eq(setenv("ODD_LOADS", rig_path("loads"), 1), 0);
	open_elsewhere();
	ck_assert_int_eq(count_loads(), 2); /* the trial, and for good */
	open_elsewhere();
	ck_assert_int_eq(count_loads(), 3);
	ck_assert_int_eq(unlink(rig_path("root/drivers.known")), 0);
	open_elsewhere();
	ck_assert_int_eq(count_loads(), 5);
	rig_done();
}
END_TEST

START_TEST(a_missing_library_is_told_and_not_remembered)
{
	rig_make();
	ck_assert_int_eq(mkdir(rig_path("root"), 0700), 0);
	(void)rig_copy("odd_undefined", "drivers/network/odd.so");
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_says("undefined symbol: odd_nobody_has_this");
	ck_assert_int_ne(access(rig_path("root/drivers.known"), F_OK), 0);
	rig_done();
}
END_TEST

START_TEST(a_file_without_the_entry_is_refused)
{
	const char *path = rig_make_odd();

	rig_patch(path, "berth_driver_v1", 16, 0, "berth_driver_v0", 16);
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_ends("it does not export berth_driver_v1");
	rig_done();
}
END_TEST

/* --- heads and tables ----------------------------------------------------- */

START_TEST(a_missing_required_call_is_told_by_name)
{
	struct storage *st;
	struct registry *reg;

	ck_refused("no-detach",
		   "it lacks the call 'detach', which is required without the cap 'no-netns'");
	ck_refused("promise", "it lacks the call 'publish', which its cap 'publish' promises");
	ck_refused("no-open", "it lacks the required call 'open'");
	ck_refused("no-close", "it lacks the required call 'close'");
	ck_refused("no-ops", "it has no table of calls");
	rig_make_odd();
	(void)rig_copy("odd_all", "drivers/storage/odd.so");
	(void)rig_copy("odd_all", "drivers/registry/odd.so");
	be("no-view-remove");
	ck_fails(BERTH_E_INVALID, drivers_storage(rig, "odd", &st, &err));
	ck_ends("it lacks the required call 'view_remove'");
	be("plan-without-put");
	ck_fails(BERTH_E_INVALID, drivers_storage(rig, "odd", &st, &err));
	ck_ends("it lacks the call 'view_put', which is required with 'view_plan'");
	be("promise");
	ck_fails(BERTH_E_INVALID, drivers_storage(rig, "odd", &st, &err));
	ck_ends("it lacks the call 'view_mount', which its cap 'form-dir' promises");
	ck_fails(BERTH_E_INVALID, drivers_registry(rig, "odd", &reg, &err));
	ck_ends("it lacks the call 'resolve', which its cap 'pull' promises");
	rig_done();
}
END_TEST

START_TEST(a_head_that_disagrees_with_the_section_is_refused)
{
	ck_refused("other-version", "its section .berth.info says version 1.0.0, its code 6.6.6");
	ck_refused("other-name",
		   "its section .berth.info names a network driver 'odd', but its code "
		   "has none");
	ck_refused("other-kind",
		   "its section .berth.info names a network driver 'odd', but its code "
		   "has none");
}
END_TEST

START_TEST(a_head_that_makes_no_sense_is_refused)
{
	ck_refused("small-head", "its head has 48 bytes, at least 120 are needed");
	ck_refused("no-name",
		   "its head has no usable name (a letter, then letters, digits and '-')");
	ck_refused("no-summary", "its head has no summary");
	ck_refused("threads", "its rule for threads is 9, which this engine does not know");
	ck_refused("unknown-need",
		   "it needs something (0x10000000000) that this engine does not know");
}
END_TEST

START_TEST(a_table_of_options_that_makes_no_sense_is_refused)
{
	ck_refused("option-twice", "its option 'a' is there twice");
	ck_refused("option-name",
		   "its option 'Not-good' has a bad name (a small letter, then small "
		   "letters, digits and '_')");
	ck_refused("option-type", "its option 'a' is of type 77, which this engine does not know");
	ck_refused("option-no-choices", "its option 'a' has no choices");
	ck_refused("option-choices", "its option 'a' has choices, but is no enum");
	ck_refused("option-default", "its option 'a' has a default that is no value of it");
	ck_refused("option-both", "its option 'a' is required, but has a default");
	ck_refused("small-options", "its options have 8 bytes each, at least 40 are needed");
}
END_TEST

/* --- opening -------------------------------------------------------------- */

START_TEST(what_open_says_is_passed_on)
{
	rig_make_odd();
	be("open-fails");
	ck_fails(BERTH_E_CORRUPT, open_odd());
	ck_assert_str_eq(err.text, "network driver 'odd': state of format 7");
	/* and it has not got a directory, as if it held something */
	ck_assert_int_ne(access(rig_path("root/network/odd"), F_OK), 0);
	be("open-nonsense");
	ck_fails(BERTH_E_INTERNAL, open_odd());
	ck_ends("the driver answered 7, which means nothing");
	be("open-silent");
	ck_fails(BERTH_E_BUSY, open_odd());
	ck_ends("the driver says 'busy', and not why");
	be("");
	ck_ok(open_odd());
	rig_done();
}
END_TEST

static bool is_mapped_here(void)
{
	cleanup_file FILE *f = fopen("/proc/self/maps", "re");
	char line[1024];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, rig_top))
			return true;
	return false;
}

START_TEST(who_wants_a_process_of_its_own_gets_one)
{
	rig_make_odd();
	be("needs-process");
	ck_ok(open_odd());
	rig_done();
}
END_TEST

START_TEST(who_is_to_have_a_process_of_its_own_is_not_in_ours)
{
	rig_make_odd();
	rig_config_is("\"network\": {\"drivers\":\n{\"odd\":\n{\"process\": \"separate\"}}}");
	be("");
	ck_ok(open_odd());
	ck_assert(!is_mapped_here());
	rig_done();
	rig_make_odd();
	ck_ok(open_odd());
	ck_assert(is_mapped_here());
	rig_done();
	rig_make_odd();
	rig_config_is("\"network\": {\"drivers\":\n{\"odd\":\n{\"process\": \"separate\"}}}");
	be("load-abort");
	ck_fails(BERTH_E_INVALID, open_odd());
	ck_says("crashed while it was loaded (SIGABRT)");
	rig_done();
}
END_TEST

START_TEST(needs_that_are_not_met_are_told)
{
	rig_make_odd();
	be("needs-root");
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(ck_top_path, 0755), 0);
		ck_assert_int_eq(chmod(rig_top, 0755), 0);
		ck_assert_int_eq(setresuid(1234, 1234, 0), 0);
	}
	ck_fails(BERTH_E_DENIED, open_odd());
	ck_says("it needs root, you are user ");
	(void)setresuid(0, 0, 0); /* if it was root before */
	rig_done();
}
END_TEST

START_TEST(a_driver_that_isolates_nothing_must_be_allowed)
{
	struct isolation *iso;

	rig_make();
	(void)rig_copy("odd_all", "drivers/isolation/odd.so");
	be("insecure");
	ck_fails(BERTH_E_DENIED, drivers_isolation(rig, "odd", &iso, &err));
	ck_assert_str_eq(err.text, "isolation driver 'odd': it isolates nothing");
	ck_assert_ptr_nonnull(strstr(err.hint, "\"allow_insecure\": true"));
	rig_config_is("\"isolation\": {\"allow_insecure\": true}");
	ck_ok(drivers_isolation(rig, "odd", &iso, &err));
	rig_done();
}
END_TEST

START_TEST(no_descriptor_stays_behind)
{
	int before;

	rig_make_odd();
	ck_ok(open_odd());
	rig_done();
	before = ck_count_fds();
	for (int i = 0; i < 20; i++) {
		rig_config_is("");
		be(i % 2 ? "open-fails" : "");
		(void)open_odd();
		rig_done();
	}
	ck_assert_int_eq(ck_count_fds(), before);
}
END_TEST

int main(int argc, char *argv[])
{
	if (!rig_main(argc, argv))
		return 1;
	return CK_MAIN(
		"driver/load", a_driver_is_loaded_opened_shared_and_closed,
		one_file_may_hold_drivers_of_all_kinds, the_config_names_the_file_and_the_default,
		calls_that_an_older_driver_lacks_answer_unsupported,
		a_later_driver_with_more_calls_is_cut_to_what_is_known,
		a_name_is_a_name_and_no_path, an_unknown_name_is_told_with_what_there_is,
		a_file_of_another_kind_or_name_is_refused, what_is_no_elf_file_is_refused,
		a_file_for_another_machine_is_refused, a_library_that_is_no_driver_is_refused,
		a_damaged_section_is_refused, no_cut_and_no_flipped_byte_of_the_headers_does_harm,
		another_abi_is_refused_with_both_numbers,
		a_driver_for_a_later_host_is_refused_with_both_numbers,
		who_else_could_have_written_it_is_looked_at, the_file_behind_a_link_is_what_counts,
		what_belongs_to_somebody_else_is_refused,
		an_ordinary_user_may_use_drivers_of_root_and_of_his_own,
		a_crash_while_loading_is_a_refusal_with_the_signals_name,
		a_crash_is_remembered_until_the_file_changes,
		a_file_that_never_ends_loading_is_given_up, a_known_file_is_loaded_without_a_trial,
		a_missing_library_is_told_and_not_remembered, a_file_without_the_entry_is_refused,
		a_missing_required_call_is_told_by_name,
		a_head_that_disagrees_with_the_section_is_refused,
		a_head_that_makes_no_sense_is_refused,
		a_table_of_options_that_makes_no_sense_is_refused, what_open_says_is_passed_on,
		who_wants_a_process_of_its_own_gets_one,
		who_is_to_have_a_process_of_its_own_is_not_in_ours,
		needs_that_are_not_met_are_told, a_driver_that_isolates_nothing_must_be_allowed,
		no_descriptor_stays_behind);
}
