/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "berth/isolation.h"
#include "mocked.h"

static struct mocked m;
static const struct berth_isolation_ops *ops;
static struct berth_isolation *iso;
static int root;
static int out;

static void begin(const char *scenario)
{
	m = mocked_open(MOCK_ISOLATION, scenario);
	ops = m.ops;
	iso = m.instance;
	root = ck_dir();
	ck_assert_int_eq(mkdirat(root, "work", 0755), 0);
	out = openat(ck_dir(), "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int create(const char *id, const char *args, struct berth_sandbox **ret)
{
	cleanup_free char *spec = str_fmt("{\"process\":{\"args\":%s,\"env\":[\"PATH=/bin:/usr/"
					  "bin\",\"X=y\"],\"cwd\":\"/work\"}}",
					  args);
	struct berth_launch launch = {
		.size = sizeof(launch),
		.id = id,
		.spec = {spec, strlen(spec)},
		.root_fd = root,
		.stdio = {-1, out, out},
		.console_socket = -1,
		.netns_fd = -1,
		.userns_fd = -1,
		.cgroup_fd = -1,
		.state_fd = -1,
		.checkpoint_fd = -1,
	};

	return ops->create(iso, &launch, NULL, ret, &err);
}

static const char *output(void)
{
	static char text[4096];
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

/* Wait for its end, as the engine does. */
static struct berth_exit end_of(struct berth_sandbox *sb)
{
	struct berth_exit end = {.size = sizeof(end)};
	struct pollfd poll_fd = {.events = POLLIN};

	ck_ok(ops->wait_fd(sb, &poll_fd.fd, &err));
	ck_assert_int_eq(poll(&poll_fd, 1, 10000), 1);
	ck_ok(ops->reap(sb, &end, &err));
	return end;
}

START_TEST(a_program_runs_when_it_is_started_and_its_status_is_exact)
{
	struct berth_sandbox *sb;
	struct berth_exit end = {.size = sizeof(end)};
	struct berth_sandbox_info info = {.size = sizeof(info)};

	begin(NULL);
	ck_ok(create("c1", "[\"sh\",\"-c\",\"pwd; echo $X; exit 7\"]", &sb));
	ck_ok(ops->info(sb, &info, &err));
	ck_assert_int_gt(info.pid, 1);
	ck_assert_uint_eq(info.started_ns, 0);
	ck_fails(BERTH_E_BUSY, ops->reap(sb, &end, &err));
	usleep(50000);
	ck_assert_str_eq(output(), "");
	ck_ok(ops->start(sb, &err));
	ck_fails(BERTH_E_BUSY, ops->start(sb, &err));
	ck_assert_int_eq(end_of(sb).code, 7);
	end = end_of(sb); /* again the same */
	ck_assert_int_eq(end.code, 7);
	ck_assert_int_eq(end.signal, 0);
	ck_assert_ptr_nonnull(strstr(output(), "/work\ny\n"));
	ck_fails(BERTH_E_NOT_FOUND, ops->signal(sb, SIGTERM, 0, &err));
	ck_ok(ops->destroy(sb, &err));
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	ops->forget(NULL);
	mocked_close(&m);
}
END_TEST

START_TEST(the_program_gets_no_descriptor_of_ours)
{
	struct berth_sandbox *sb;
	struct berth_sandbox *other;

	begin(NULL);
	ck_assert_int_ge(fcntl(root, F_DUPFD, 20), 20); /* even one that is not close-on-exec */
	ck_ok(create("other", "[\"true\"]", &other));
	ck_ok(create("c1", "[\"sh\",\"-c\",\"ls /proc/self/fd | tr '\\\\n' ' '\"]", &sb));
	ck_ok(ops->start(sb, &err));
	(void)end_of(sb);
	ck_assert_str_eq(output(), "0 1 2 3 "); /* 3: the directory that ls reads */
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	ck_ok(ops->destroy(other, &err));
	ops->forget(other);
	mocked_close(&m);
}
END_TEST

static bool is_alive(int pid)
{
	cleanup_free char *path = str_fmt("/proc/%d/stat", pid);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[256] = {0};
	const char *state;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	state = strrchr(text, ')');
	return state && state[2] != 'Z';
}

START_TEST(what_the_program_started_ends_with_it)
{
	struct berth_sandbox *sb;
	int pid = 0;

	begin(NULL);
	ck_ok(create("c1", "[\"sh\",\"-c\",\"sleep 60 & echo $!; wait\"]", &sb));
	ck_ok(ops->start(sb, &err));
	for (int i = 0; i < 200 && !strchr(output(), '\n'); i++)
		usleep(10000);
	pid = (int)strtol(output(), NULL, 10);
	ck_assert_int_gt(pid, 1);
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	for (int i = 0; i < 200 && is_alive(pid); i++)
		usleep(10000);
	ck_assert(!is_alive(pid));
	mocked_close(&m);
}
END_TEST

START_TEST(a_pid_that_came_again_is_not_taken_for_the_old_one)
{
	struct berth_sandbox *sb;
	struct berth_exit end = {.size = sizeof(end)};
	cleanup_free char *state = str_fmt("{\"pid\":%d,\"birth\":1}", (int)getpid());

	begin(NULL);
	ck_ok(ops->recover(iso, "c1", (struct berth_str){state, strlen(state)}, &sb, &err));
	ck_ok(ops->reap(sb, &end, &err));
	ck_assert_uint_eq(end.flags, BERTH_EXIT_UNKNOWN);
	ck_ok(ops->destroy(sb, &err)); /* and this process lives on */
	ops->forget(sb);
	mocked_close(&m);
}
END_TEST

START_TEST(a_signal_ends_it_and_is_told)
{
	struct berth_sandbox *sb;
	struct berth_exit end;

	begin(NULL);
	ck_ok(create("c1", "[\"sleep\",\"60\"]", &sb));
	ck_ok(ops->start(sb, &err));
	ck_ok(ops->signal(sb, SIGTERM, BERTH_SIGNAL_ALL, &err));
	end = end_of(sb);
	ck_assert_int_eq(end.signal, SIGTERM);
	ck_assert_int_eq(end.code, 128 + SIGTERM);
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	mocked_close(&m);
}
END_TEST

START_TEST(what_cannot_be_executed_is_told_with_its_errno)
{
	struct berth_sandbox *sb = NULL;

	begin(NULL);
	ck_ok(create("c1", "[\"no-such-program\"]", &sb));
	ck_fails(BERTH_E_EXEC, ops->start(sb, &err));
	ck_assert_int_eq(err.sys_errno, ENOENT);
	ck_assert_str_eq(err.text, "exec: \"no-such-program\": executable file not found in $PATH");
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	ck_write(root, "garbage", "\x01\x02 no program");
	ck_assert_int_eq(fchmodat(root, "garbage", 0755, 0), 0);
	ck_ok(create("c1", "[\"/garbage\"]", &sb));
	ck_fails(BERTH_E_EXEC, ops->start(sb, &err));
	ck_assert_int_eq(err.sys_errno, ENOEXEC);
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	sb = NULL;
	ck_fails(BERTH_E_INVALID, create("c1", "[]", &sb));
	ck_fails(BERTH_E_INVALID, create("../c1", "[\"true\"]", &sb));
	ck_assert_ptr_null(sb);
	mocked_close(&m);
}
END_TEST

START_TEST(one_more_process_can_be_run_while_it_lives)
{
	static const char process[] =
		"{\"args\":[\"sh\",\"-c\",\"echo more; exit 5\"],\"cwd\":\"/\"}";
	struct berth_exec exec = {
		.size = sizeof(exec),
		.process = {process, sizeof(process) - 1},
		.stdio = {-1, -1, -1},
		.console_socket = -1,
	};
	struct berth_sandbox *sb;
	siginfo_t info = {0};
	int pidfd = -1;

	begin(NULL);
	exec.stdio[1] = out;
	ck_ok(create("c1", "[\"sleep\",\"60\"]", &sb));
	ck_ok(ops->start(sb, &err));
	ck_ok(ops->exec(sb, &exec, NULL, &pidfd, &err));
	ck_cloexec(pidfd);
	ck_assert_int_eq(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	ck_assert_int_eq(info.si_status, 5);
	ck_assert_str_eq(output(), "more\n");
	ck_ok(ops->freeze(sb, true, &err));
	ck_fails(BERTH_E_BUSY, ops->exec(sb, &exec, NULL, &pidfd, &err));
	ck_ok(ops->freeze(sb, false, &err));
	ck_ok(ops->destroy(sb, &err));
	ck_fails(BERTH_E_NOT_FOUND, ops->exec(sb, &exec, NULL, &pidfd, &err));
	ops->forget(sb);
	mocked_close(&m);
}
END_TEST

START_TEST(it_can_pretend)
{
	struct berth_sandbox *sb;
	struct berth_exit end;

	begin("{\"pretend\":{\"exit_code\":3,\"run_ms\":50,\"ignore_term\":true},\"oom\":true}");
	ck_ok(create("c1", "[\"no-such-program\"]", &sb));
	ck_ok(ops->start(sb, &err));
	usleep(10000);
	ck_ok(ops->signal(sb, SIGTERM, 0, &err));
	end = end_of(sb);
	ck_assert_int_eq(end.code, 3);
	ck_assert_uint_eq(end.flags, BERTH_EXIT_OOM);
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	mocked_close(&m);
}
END_TEST

START_TEST(an_id_is_taken_as_long_as_its_sandbox_lives)
{
	struct berth_sandbox *sb;
	struct berth_sandbox *twin;

	begin(NULL);
	ck_ok(create("c1", "[\"sleep\",\"60\"]", &sb));
	ck_fails(BERTH_E_EXISTS, create("c1", "[\"true\"]", &twin));
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	ck_ok(create("c1", "[\"true\"]", &sb));
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	mocked_close(&m);
}
END_TEST

/* In another process: recover, look, kill. */
static void check_recovered(struct berth_str state)
{
	struct berth_sandbox *sb;
	struct berth_sandbox_info info = {.size = sizeof(info)};
	struct berth_exit end = {.size = sizeof(end)};

	ck_ok(ops->recover(iso, "c1", state, &sb, &err));
	ck_ok(ops->info(sb, &info, &err));
	ck_assert_int_gt(info.pid, 1);
	ck_assert_uint_gt(info.started_ns, 0);
	ck_fails(BERTH_E_BUSY, ops->reap(sb, &end, &err));
	ck_ok(ops->signal(sb, SIGKILL, 0, &err));
	end = end_of(sb);
	ck_assert_uint_eq(end.flags, BERTH_EXIT_UNKNOWN);
	ops->forget(sb);
}

START_TEST(another_process_can_recover_it)
{
	struct berth_sink state = {.limit = 65536};
	struct berth_sandbox *sb;
	int status;
	pid_t child;

	begin(NULL);
	ck_ok(create("c1", "[\"sleep\",\"60\"]", &sb));
	ck_ok(ops->start(sb, &err));
	ck_ok(ops->save(sb, &state, &err));
	child = fork();
	if (child == 0) {
		check_recovered((struct berth_str){state.text.p, state.text.len});
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(end_of(sb).signal, SIGKILL); /* the parent knows how */
	ops->forget(sb);
	/* dead, and from the driver's own state */
	ck_ok(ops->recover(iso, "c1", (struct berth_str){NULL, 0}, &sb, &err));
	ck_assert_uint_eq(end_of(sb).flags, BERTH_EXIT_UNKNOWN);
	ck_ok(ops->destroy(sb, &err));
	ops->forget(sb);
	ck_fails(BERTH_E_NOT_FOUND,
		 ops->recover(iso, "c1", (struct berth_str){NULL, 0}, &sb, &err));
	lent_sink_done(&state);
	mocked_close(&m);
}
END_TEST

int main(void)
{
	return CK_MAIN("mock/isolation", a_program_runs_when_it_is_started_and_its_status_is_exact,
		       the_program_gets_no_descriptor_of_ours,
		       what_the_program_started_ends_with_it,
		       a_pid_that_came_again_is_not_taken_for_the_old_one,
		       a_signal_ends_it_and_is_told, what_cannot_be_executed_is_told_with_its_errno,
		       one_more_process_can_be_run_while_it_lives, it_can_pretend,
		       an_id_is_taken_as_long_as_its_sandbox_lives, another_process_can_recover_it);
}
