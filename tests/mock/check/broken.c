/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are the broken drivers broken, each in its own way? Else the loader's tests prove nothing.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>

#include "berth/isolation.h"
#include "berth/network.h"
#include "berth/registry.h"
#include "ck.h"

static void *open_file(const char *name)
{
	cleanup_free char *path = str_fmt("%s/%s.so", BROKEN, name);

	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static const struct berth_driver *load(const char *name)
{
	void *file = open_file(name);
	berth_driver_v1_fn entry;

	ck_assert_msg(file, "%s", dlerror());
	*(void **)&entry = dlsym(file, "berth_driver_v1");
	return entry ? entry(0) : NULL;
}

/* The bytes of the file, and the record in them; NULL if there is none. */
static const struct berth_driver_info *info_of(const char *name)
{
	static char bytes[1 << 20];
	cleanup_free char *path = str_fmt("%s/%s.so", BROKEN, name);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof(bytes));
	char *at;

	ck_assert_int_gt(n, 0);
	at = memmem(bytes, (size_t)n, BERTH_INFO_MAGIC, strlen(BERTH_INFO_MAGIC));
	return (const void *)at;
}

/* The call at @offset of the table. */
static const void *call_at(const struct berth_driver *head, size_t offset)
{
	const void *call;

	memcpy(&call, (const char *)head->ops + offset, sizeof(call));
	return call;
}

START_TEST(without_a_fault_it_is_right)
{
	static const char *const names[] = {"right", "right-network", "right-isolation",
					    "right-registry"};

	for (uint32_t i = 0; i < 4; i++) {
		const struct berth_driver *head = load(names[i]);

		ck_assert_uint_eq(head->kind, i + 1);
		ck_assert_str_eq(head->name, names[i]);
		ck_assert_uint_eq(info_of(names[i])->kind, i + 1);
		ck_assert_str_eq(info_of(names[i])->name, names[i]);
		ck_assert_uint_eq(head->host_min, BERTH_HOST_SIZE_1_0);
	}
}
END_TEST

START_TEST(the_entry_is_missing_or_empty)
{
	void *file = open_file("abi9");

	ck_assert_ptr_null(dlsym(file, "berth_driver_v1"));
	ck_assert_ptr_nonnull(dlsym(file, "berth_driver_v9"));
	ck_assert_ptr_nonnull(dlsym(open_file("entry-null"), "berth_driver_v1"));
	ck_assert_ptr_null(load("entry-null"));
}
END_TEST

START_TEST(what_they_say_of_themselves_is_wrong)
{
	ck_assert_uint_eq(load("kind-unknown")->kind, 77);
	ck_assert_uint_eq(info_of("kind-unknown")->kind, 77);
	ck_assert_uint_eq(load("info-lies")->kind, BERTH_STORAGE);
	ck_assert_uint_eq(info_of("info-lies")->kind, BERTH_NETWORK);
	ck_assert_ptr_nonnull(load("no-info"));
	ck_assert_ptr_null(info_of("no-info"));
	ck_assert_uint_gt(load("host-min")->host_min, sizeof(struct berth_host));
	ck_assert_uint_gt(info_of("host-min")->host_min, sizeof(struct berth_host));
	ck_assert_str_eq(load("other-name")->name, "some-name");
}
END_TEST

START_TEST(one_required_call_is_missing)
{
	ck_assert_ptr_null(call_at(load("lacks-view-create"),
				   offsetof(struct berth_storage_ops, view_create)));
	ck_assert_ptr_nonnull(
		call_at(load("right"), offsetof(struct berth_storage_ops, view_create)));
	ck_assert_ptr_null(
		call_at(load("lacks-attach"), offsetof(struct berth_network_ops, attach)));
	ck_assert_ptr_null(call_at(load("lacks-reap"), offsetof(struct berth_isolation_ops, reap)));
	ck_assert_ptr_null(call_at(load("lacks-read"), offsetof(struct berth_registry_ops, read)));
	ck_assert(load("lacks-read")->caps & BERTH_REG_PULL);
}
END_TEST

START_TEST(tables_of_other_sizes_have_rubbish_where_nobody_may_look)
{
	const struct berth_driver *later = load("new-table");
	const struct berth_driver *older = load("old-table");

	ck_assert_uint_gt(later->size, sizeof(*later));
	ck_assert_uint_eq(later->ops_size, sizeof(struct berth_storage_ops) + 3 * sizeof(void *));
	ck_assert_ptr_nonnull(call_at(later, sizeof(struct berth_storage_ops)));
	ck_assert_uint_eq(older->ops_size, offsetof(struct berth_storage_ops, check));
	ck_assert_ptr_nonnull(call_at(older, offsetof(struct berth_storage_ops, check)));
	ck_assert_ptr_nonnull(call_at(older, offsetof(struct berth_storage_ops, each)));
}
END_TEST

START_TEST(two_options_have_one_name)
{
	const struct berth_option *options = load("twin-options")->options;

	ck_assert_str_eq(options[0].name, options[2].name);
}
END_TEST

/* What becomes of a process that opens the file? */
static int status_after(const char *name)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(1); /* for the one that hangs */
		(void)open_file(name);
		_exit(55);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

START_TEST(constructors_crash_hang_and_exit)
{
	int status = status_after("crashes");

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_after("hangs");
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
	status = status_after("exits");
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = status_after("right");
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 55);
}
END_TEST

START_TEST(text_is_no_shared_object)
{
	ck_assert_ptr_null(open_file("not-elf"));
	ck_assert_ptr_nonnull(strstr(dlerror(), "not-elf.so"));
}
END_TEST

int main(void)
{
	return CK_MAIN("mock/broken", without_a_fault_it_is_right, the_entry_is_missing_or_empty,
		       what_they_say_of_themselves_is_wrong, one_required_call_is_missing,
		       tables_of_other_sizes_have_rubbish_where_nobody_may_look,
		       two_options_have_one_name, constructors_crash_hang_and_exit,
		       text_is_no_shared_object);
}
