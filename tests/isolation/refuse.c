/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, by hostile images and bad specifications; and that nothing is left of it. */
#include "rig.h"

#include <sys/wait.h>

/* Creating fails with @code, saying @part; box_end sees what is left behind. */
static void refused(struct box *b, int code, const char *part)
{
	ck_fails(code, box_try_create(b, &err));
	ck_says(part);
	ck_assert_ptr_null(b->sb);
	box_end(b);
}

static void link_to(const struct box *b, const char *name, const char *to)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", b->root, name);
	ck_assert_int_eq(symlink(to, path), 0);
}

static void proc_behind_a_link(const char *name, const char *to, const char *says)
{
	struct box b = box("exit 0");
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/tmp", b.root);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	link_to(&b, name, to);
	refused(&b, BERTH_E_INVALID, says);
}

START_TEST(proc_does_not_go_where_a_link_points)
{
	proc_behind_a_link("proc", "/tmp", "/proc");
	proc_behind_a_link("proc", "not-there", "/proc");
	proc_behind_a_link("sys", "tmp", "/sys");
}
END_TEST

START_TEST(links_of_an_image_do_not_lead_out)
{
	struct box b = box("list /outside cat /inside/here say end");
	char host[96];
	int dir = ck_dir_at(host);
	char link[256];

	ck_write(dir, "secret", "x");
	(void)snprintf(link, sizeof(link), "../../../../../../..%s", host);
	link_to(&b, "a", link);
	link_to(&b, "b", host);
	(void)snprintf(link, sizeof(link), "%s/here", b.root);
	ck_write(AT_FDCWD, link, "in\n");
	box_add(&b, "mounts",
		"{'destination':'/a/made','type':'tmpfs','source':'tmpfs','options':[]}");
	box_add(&b, "mounts",
		"{'destination':'/b/made2','type':'tmpfs','source':'tmpfs','options':[]}");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert(!ck_exists(dir, "made"));
	ck_assert(!ck_exists(dir, "made2"));
	/* it was made inside, where the link leads when the root is the root */
	(void)snprintf(link, sizeof(link), "%s%s/made2", b.root, host);
	ck_assert_int_eq(access(link, F_OK), 0);
	ck_assert_int_eq(close(dir), 0);
	box_end(&b);
}
END_TEST

START_TEST(devices_do_not_go_where_a_link_points)
{
	struct box b = box("exit 0");
	char host[96];
	int dir = ck_dir_at(host);

	link_to(&b, "away", host);
	box_add(&b, "linux.devices",
		"{'path':'/away/node','type':'c','major':1,'minor':3,'fileMode':438}");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert(!ck_exists(dir, "node"));
	ck_assert_int_eq(close(dir), 0);
	box_end(&b);
}
END_TEST

START_TEST(a_masked_path_behind_a_link_stays_inside)
{
	struct box b = box("exit 0");
	char host[96];
	int dir = ck_dir_at(host);

	ck_write(dir, "file", "still here\n");
	link_to(&b, "away", host);
	box_setf(&b, "linux.maskedPaths", "['/away','/away/file']");
	box_setf(&b, "linux.readonlyPaths", "['/away']");
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_str_eq(ck_text(dir, "file"), "still here\n");
	ck_assert_int_eq(close(dir), 0);
	box_end(&b);
}
END_TEST

START_TEST(a_working_directory_is_one_of_the_container)
{
	int extra = open("/", O_RDONLY | O_DIRECTORY);

	for (int fd = 3; fd < 20; fd++) {
		struct box b = box("self");
		int r;

		box_setf(&b, "process.cwd", "'/proc/self/fd/%d'", fd);
		r = box_try_create(&b, &err);
		if (r == 0)
			r = b.ops->start(b.sb, &err);
		ck_assert_msg(r < 0, "fd %d", fd);
		ck_assert_ptr_null(box_line(&b, "cwd"));
		box_end(&b);
	}
	ck_assert_int_eq(close(extra), 0);
}
END_TEST

START_TEST(nothing_but_proc_goes_below_proc)
{
	struct box b = box("exit 0");

	box_add(&b, "mounts",
		"{'destination':'/proc/sys','type':'tmpfs','source':'tmpfs','options':[]}");
	refused(&b, BERTH_E_INVALID, "/proc");
}
END_TEST

START_TEST(each_stage_of_create_cleans_up)
{
	struct box b = box("exit 0");

	box_add(&b, "mounts",
		"{'destination':'/x','type':'bind','source':'/no/such/source','options':['bind']}");
	refused(&b, BERTH_E_NOT_FOUND, "/no/such/source");
	b = box("exit 0");
	box_add(&b, "mounts", "{'destination':'/x','type':'nosuchfs','source':'x','options':[]}");
	ck_assert_int_lt(box_try_create(&b, &err), 0);
	ck_says("nosuchfs");
	box_end(&b);
	b = box("exit 0");
	box_set(&b, "linux.sysctl", "{'net.no.such.thing':'1'}");
	refused(&b, BERTH_E_NOT_FOUND, "net/no/such/thing");
	b = box("exit 0");
	box_add(&b, "linux.devices", "{'path':'/payload/x','type':'c','major':1,'minor':3}");
	ck_assert_int_lt(box_try_create(&b, &err), 0);
	ck_says("payload");
	box_end(&b);
	b = box("exit 0");
	box_set(&b, "linux.resources.cpu", "{'cpus':'4000-4001'}");
	ck_assert_int_lt(box_try_create(&b, &err), 0);
	ck_says("cpuset");
	box_end(&b);
	b = box("exit 0");
	box_set(&b, "linux.seccomp", "{'defaultAction':'SCMP_ACT_NONSENSE'}");
	refused(&b, BERTH_E_INVALID, "defaultAction");
	b = box("exit 0");
	box_set(&b, "process.terminal", "true");
	refused(&b, BERTH_E_INVALID, "process.terminal");
}
END_TEST

START_TEST(bad_specifications_are_refused_by_their_key)
{
	static const struct {
		const char *path, *json, *says;
	} bad[] = {
		{"ociVersion", "7", "ociVersion"},
		{"process.args", "'exit'", "process.args"},
		{"process.args", "[]", "process.args"},
		{"process.args", "[7]", "process.args"},
		{"process.cwd", "'relative'", "process.cwd"},
		{"process.user.uid", "-1", "process.user.uid"},
		{"process.user.uid", "'root'", "process.user.uid"},
		{"process.user.gid", "4294967296", "process.user.gid"},
		{"process.rlimits", "[{'type':'RLIMIT_X','soft':1,'hard':1}]", "RLIMIT_X"},
		{"process.rlimits", "[{'type':'RLIMIT_CPU','soft':2,'hard':1}]", "process.rlimits"},
		{"process.oomScoreAdj", "1.5", "process.oomScoreAdj"},
		{"mounts", "{}", "mounts"},
		{"mounts", "[{'type':'tmpfs'}]", "mounts"},
		{"linux.namespaces", "[{'type':'mount'},{'type':'quantum'}]", "quantum"},
		{"linux.namespaces", "[{'type':'mount'},{'type':'mount'}]", "linux.namespaces"},
		{"linux.resources.pids.limit", "'many'", "linux.resources.pids.limit"},
		{"linux.resources.memory.limit", "[]", "linux.resources.memory.limit"},
		{"linux.cgroupsPath", "'/../..'", "cgroupsPath"},
		{"linux.sysctl", "{'net.x':7}", "linux.sysctl"},
		{"linux.sysctl", "{'kernel.panic':'1'}", "kernel.panic"},
		{"linux.maskedPaths", "[7]", "linux.maskedPaths"},
		{"annotations", "{'a':7}", "annotations.a"},
		{"process", "[]", "process"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct box b = box("exit 0");

		box_set(&b, bad[i].path, bad[i].json);
		refused(&b, BERTH_E_INVALID, bad[i].says);
	}
}
END_TEST

START_TEST(broken_json_is_refused)
{
	struct box b = box("exit 0");
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);
	size_t n = strlen(text);
	cleanup_free char *big = calloc(1, 5 << 20);

	b.launch.id = b.id;
	for (size_t len = 0; len < n; len += 97) {
		b.launch.spec = (struct berth_str){text, len};
		ck_fails(BERTH_E_INVALID, b.ops->create(b.iso, &b.launch, NULL, &b.sb, &err));
	}
	memset(big, ' ', 5 << 20);
	memcpy(big, text, n);
	b.launch.spec = (struct berth_str){big, 5 << 20};
	ck_fails(BERTH_E_LIMIT, b.ops->create(b.iso, &b.launch, NULL, &b.sb, &err));
	memset(big, '[', 1 << 20);
	b.launch.spec = (struct berth_str){big, 1 << 20};
	ck_fails(BERTH_E_INVALID, b.ops->create(b.iso, &b.launch, NULL, &b.sb, &err));
	box_end(&b);
}
END_TEST

START_TEST(what_this_machine_cannot_is_unsupported)
{
	struct box b = box("exit 0");

	box_set(&b, "linux.intelRdt", "{'closID':'x'}");
	ck_fails(BERTH_E_UNSUPPORTED, box_try_create(&b, &err));
	ck_says("linux.intelRdt");
	b.launch.flags = BERTH_LAUNCH_DEGRADED;
	ck_assert_int_eq(box_run(&b).code, 0);
	ck_assert_ptr_nonnull(strstr(lent_log(), "linux.intelRdt"));
	box_end(&b);
}
END_TEST

START_TEST(explain_says_the_same_beforehand)
{
	struct box b = box("exit 0");
	struct berth_sink findings = {.limit = 65536};
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);
	cleanup_free char *odd = NULL;

	ck_ok(b.ops->explain(b.iso, (struct berth_str){text, strlen(text)}, &findings, &err));
	ck_assert_uint_eq(record_len(findings.findings), 0);
	box_set(&b, "linux.intelRdt", "{'closID':'x'}");
	odd = record_to_text(b.spec, RECORD_COMPACT);
	ck_ok(b.ops->explain(b.iso, (struct berth_str){odd, strlen(odd)}, &findings, &err));
	ck_assert_int_eq(lent_finding(&findings, "native.key"), BERTH_FINDING_ERROR);
	lent_sink_done(&findings);
	box_end(&b);
}
END_TEST

START_TEST(a_bad_name_is_refused)
{
	struct box b = box("exit 0");
	cleanup_free char *text = record_to_text(b.spec, RECORD_COMPACT);

	b.launch.spec = (struct berth_str){text, strlen(text)};
	b.launch.id = "../x";
	ck_fails(BERTH_E_INVALID, b.ops->create(b.iso, &b.launch, NULL, &b.sb, &err));
	b.launch.id = "";
	ck_fails(BERTH_E_INVALID, b.ops->create(b.iso, &b.launch, NULL, &b.sb, &err));
	box_end(&b);
}
END_TEST

RIG_CASES(refuse_cases, proc_does_not_go_where_a_link_points, links_of_an_image_do_not_lead_out,
	  devices_do_not_go_where_a_link_points, a_masked_path_behind_a_link_stays_inside,
	  a_working_directory_is_one_of_the_container, nothing_but_proc_goes_below_proc,
	  each_stage_of_create_cleans_up, bad_specifications_are_refused_by_their_key,
	  broken_json_is_refused, what_this_machine_cannot_is_unsupported,
	  explain_says_the_same_beforehand, a_bad_name_is_refused);
