/* SPDX-License-Identifier: Apache-2.0 */
/* config.json, and the process of an exec. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sched.h>

#include "tests/unit/spec_case.h"

#define HOST(host) "{'Image':'x','Cmd':['sh','-c','id'],'HostConfig':{" host "}}"

static const char *image; /* below what write_with is given; NULL: none */

/* What spec_write makes of @in, as a tree. Mounts are gathered as the engine does. */
static struct record *write_with(struct spec_input *in, const char *body)
{
	cleanup_record struct record *merged = merged_with(body, image);
	cleanup_str struct str out = STR_INIT;
	struct spec_mount *mounts = NULL;
	struct record *spec = NULL;
	char path[96];

	ck_ok(spec_mounts(merged, &mounts, &in->n_mounts, &err));
	for (size_t i = 0; i < in->n_mounts; i++) {
		if (str_eq(mounts[i].type, "volume"))
			mounts[i].host_path = str_fmt("/volumes/%s/_data", mounts[i].source);
	}
	make_portable(merged);
	in->config = &engine;
	in->merged = merged;
	in->mounts = mounts;
	if (in->rootfd <= 0)
		in->rootfd = small_root(path);
	ck_ok(spec_write(in, &out, &err));
	ck_ok(record_parse(out.p, out.len, 0, &spec, &err));
	spec_mounts_free(mounts, in->n_mounts);
	in->merged = NULL;
	in->mounts = NULL;
	return spec;
}

static struct record *spec_of(const char *body)
{
	struct spec_input in = {.hostname = "box"};

	return write_with(&in, body);
}

static int try_write(struct spec_input *in, const char *body)
{
	cleanup_record struct record *merged = merged_of(body);
	cleanup_str struct str out = STR_INIT;
	char path[96];

	in->config = &engine;
	in->merged = merged;
	if (in->rootfd <= 0)
		in->rootfd = small_root(path);
	return spec_write(in, &out, &err);
}

/* The golden files have seccomp's 10 KB not in them. */
static void ck_golden_spec(struct record *spec, const char *name)
{
	if (caps_available() != (caps_available() | CAPS_DEFAULT))
		return; /* a machine that lacks what every container gets: spec_caps tests that */
	ck_assert_uint_gt(record_len(record_path(spec, "linux.seccomp.syscalls")), 10);
	record_unset(record_get(spec, "linux"), "seccomp");
	ck_golden(spec, name);
}

START_TEST(a_default_container_is_dockers)
{
	struct spec_input in = {
		.id = "0123",
		.hostname = "box",
		.hosts_path = "/c/hosts",
		.hostname_path = "/c/hostname",
		.resolv_path = "/c/resolv.conf",
		.cgroups_path = "/berth/0123",
	};
	cleanup_record struct record *spec = write_with(&in, HOST(""));

	ck_golden_spec(spec, "spec-default.json");
}
END_TEST

START_TEST(limits_become_resources)
{
	cleanup_record struct record *spec = spec_of(
		HOST("'Memory':67108864,'MemoryReservation':33554432,'MemorySwappiness':10,"
		     "'NanoCpus':500000000,'CpuShares':512,'CpusetCpus':'0','CpusetMems':'0',"
		     "'PidsLimit':100,'BlkioWeight':300,'BlkioDeviceReadBps':[{'Path':'/dev/null',"
		     "'Rate':1000}],'BlkioWeightDevice':[{'Path':'/dev/zero','Weight':20}],"
		     "'Ulimits':[{'Name':'nofile','Soft':1024,'Hard':-1},{'Name':'core','Soft':0,"
		     "'Hard':0}],'OomScoreAdj':-7,'CpuRealtimePeriod':10,'CpuRealtimeRuntime':5"));

	/* soft 1024 of no hard limit */
	ck_golden_spec(spec, "spec-limits.json");
}
END_TEST

START_TEST(mounts_init_names_and_mappings_are_all_there)
{
	static const char *const map[] = {"0:100000:65536", NULL};
	struct spec_input in = {
		.hostname = "box",
		.hosts_path = "/c/hosts",
		.hostname_path = "/c/hostname",
		.resolv_path = "/c/resolv.conf",
		.init_path = "/usr/libexec/berth-init",
		.uid_map = map,
		.gid_map = map,
	};
	cleanup_record struct record *spec = write_with(
		&in,
		"{'Image':'x','Entrypoint':['/e'],'Cmd':['c'],'Tty':true,'Domainname':'dom',"
		"'User':'web','WorkingDir':'/srv','Env':['PATH=/bin','X=1'],'HostConfig':{"
		"'Binds':['/host:/etc/hosts','data:/data'],'Tmpfs':{'/run':'size=1m'},"
		"'ShmSize':1048576,'ReadonlyRootfs':true,'Annotations':{'a':'b'},"
		"'ConsoleSize':[24,80],'GroupAdd':['adm'],'Sysctls':{'net.ipv4.ip_forward':'1',"
		"'net.ipv4.ip_unprivileged_port_start':'80'},'SecurityOpt':"
		"['no-new-privileges','apparmor=mine'],'DeviceCgroupRules':['c 10:* rwm'],"
		"'Devices':[{'PathOnHost':'/dev/null','PathInContainer':'/dev/nothing',"
		"'CgroupPermissions':'rw'}],'CapAdd':['NET_ADMIN'],'CapDrop':['mknod']}}");

	ck_golden_spec(spec, "spec-much.json");
}
END_TEST

/* ------------------------------------------------------------------------ process */

START_TEST(a_user_that_is_not_root_has_a_bounding_set_only)
{
	cleanup_record struct record *spec = spec_of("{'Image':'x','Cmd':['a'],'User':'web'}");
	cleanup_record struct record *root = spec_of("{'Image':'x','Cmd':['a'],'User':'0:5'}");
	const struct record *caps = record_path(spec, "process.capabilities");

	ck_assert_uint_eq(record_len(record_get(caps, "bounding")),
			  (unsigned)__builtin_popcountll(CAPS_DEFAULT & caps_available()));
	ck_at(caps, "effective", "[]");
	ck_at(caps, "permitted", "[]");
	ck_at(caps, "inheritable", "absent");
	ck_at(caps, "ambient", "absent");
	caps = record_path(root, "process.capabilities");
	ck_assert_uint_eq(record_len(record_get(caps, "effective")),
			  record_len(record_get(caps, "bounding")));
	ck_at(spec, "process.user",
	      "{'uid':1000,'gid':1001,'umask':18,'additionalGids':[1001,50]}");
	ck_at(root, "process.user.gid", "5");
}
END_TEST

static uint64_t bounding_of(const char *host)
{
	cleanup_free char *body = str_fmt("{'Image':'x','Cmd':['a'],'HostConfig':{%s}}", host);
	cleanup_record struct record *spec = spec_of(body);
	const struct record *list = record_path(spec, "process.capabilities.bounding");
	uint64_t caps = 0;

	for (size_t i = 0; i < record_len(list); i++)
		caps |= caps_bit(record_str(record_at(list, i)));
	return caps;
}

START_TEST(capabilities_are_added_and_dropped_as_docker_does)
{
	uint64_t have = caps_available();
	uint64_t usual = CAPS_DEFAULT & have;
	uint64_t nice = caps_bit("sys_nice"), chown = caps_bit("CAP_CHOWN");

	ck_assert_uint_eq(__builtin_popcountll(CAPS_DEFAULT), 14);
	ck_assert_uint_eq(bounding_of(""), usual);
	ck_assert_uint_eq(bounding_of("'CapDrop':['chown']"), usual & ~chown);
	ck_assert_uint_eq(bounding_of("'CapDrop':['ALL']"), 0);
	ck_assert_uint_eq(bounding_of("'CapDrop':['ALL'],'CapAdd':['Chown']"), chown);
	ck_assert_uint_eq(bounding_of("'CapAdd':['ALL'],'CapDrop':['CHOWN']"), have & ~chown);
	ck_assert_uint_eq(bounding_of("'Privileged':true"), have);
	if (have & nice)
		ck_assert_uint_eq(bounding_of("'CapAdd':['CAP_SYS_NICE']"), usual | nice);
}
END_TEST

START_TEST(a_capability_that_is_not_there_is_not_promised)
{
	cleanup_record struct record *add = json("['SYS_NICE']");
	uint64_t caps = 7;

	ck_fails(BERTH_E_INVALID, caps_tweak(CAPS_DEFAULT, add, NULL, &caps, &err));
	ck_says("capability not supported by your kernel or not available in the current "
		"environment: \"CAP_SYS_NICE\"");
	ck_assert_uint_eq(caps, 7);
	ck_ok(caps_tweak(CAPS_DEFAULT, NULL, add, &caps, &err));
	ck_assert_uint_eq(caps, CAPS_DEFAULT);
	ck_ok(caps_tweak(caps_bit("CHOWN"), NULL, NULL, &caps, &err));
	ck_assert_uint_eq(caps, caps_bit("CHOWN"));
}
END_TEST

START_TEST(the_environment_has_defaults_that_the_user_overrules)
{
	cleanup_record struct record *plain = spec_of(HOST(""));
	cleanup_record struct record *own = NULL;

	image = "{'config':{'Env':['','=bad','I=1','A=3']}}";
	own = spec_of("{'Image':'x','Cmd':['a'],'Tty':true,'Env':['A=1','TERM=dumb','HOME=/h',"
		      "'A=2','HOSTNAME','PATH=','E=a=b']}");
	ck_at(plain, "process.env",
	      "['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',"
	      "'HOSTNAME=box','HOME=/root']");
	ck_at(own, "process.env", "['PATH=','TERM=dumb','A=2','HOME=/h','E=a=b','I=1']");
}
END_TEST

START_TEST(an_environment_of_twenty_thousand_is_written_whole)
{
	cleanup_str struct str body = STR_INIT;
	cleanup_record struct record *spec = NULL;

	str_add(&body, "{'Image':'x','Cmd':['a'],'Env':['V0=old'");
	for (int i = 0; i < 20000; i++)
		str_addf(&body, ",'V%d=%d'", i, i);
	str_add(&body, "]}");
	spec = spec_of(body.p);
	ck_assert_uint_eq(record_len(record_path(spec, "process.env")), 20003);
	ck_assert_str_eq(record_str(record_at(record_path(spec, "process.env"), 2)), "V0=0");
}
END_TEST

START_TEST(a_name_that_begins_like_another_is_another)
{
	cleanup_str struct str body = STR_INIT, name = STR_INIT;
	cleanup_record struct record *spec = NULL;

	for (int i = 0; i < 3000; i++)
		str_add_char(&name, 'A');
	str_add(&body, "{'Image':'x','Cmd':['a'],'Env':['B=1'");
	for (int i = 3000; i > 0; i--)
		str_addf(&body, ",'%.*s=%d'", i, name.p, i);
	str_add(&body, "]}");
	spec = spec_of(body.p);
	ck_assert_uint_eq(record_len(record_path(spec, "process.env")), 3004);
}
END_TEST

START_TEST(strings_with_anything_in_them_survive)
{
	cleanup_record struct record *spec = spec_of(
		"{'Image':'x','Cmd':['a\\u0001\\n\\t\\u001b[0m\\\\','\\u00e9\\ud83d\\ude00'],"
		"'Env':['N=\\u007f\\u2028'],'HostConfig':{'Annotations':{'k\\n':'</x>'}}}");

	ck_assert_str_eq(record_str(record_at(record_path(spec, "process.args"), 0)),
			 "a\001\n\t\033[0m\\");
	ck_assert_str_eq(record_str(record_at(record_path(spec, "process.args"), 1)),
			 "\303\251\360\237\230\200");
	ck_assert_str_eq(record_str(record_get(record_get(spec, "annotations"), "k\n")), "</x>");
}
END_TEST

START_TEST(a_home_that_is_no_text_is_still_json)
{
	struct spec_input in = {.rootfd = ck_dir()};
	cleanup_record struct record *spec = NULL;

	ck_assert_int_eq(mkdirat(in.rootfd, "etc", 0755), 0);
	ck_write(in.rootfd, "etc/passwd", "root:x:0:0::/\377\"\001h:\n");
	spec = write_with(&in, HOST(""));
	ck_assert_str_eq(record_str(record_at(record_path(spec, "process.env"), 2)),
			 "HOME=/\357\277\275\"\001h");
}
END_TEST

START_TEST(init_runs_before_the_users_program_unless_pids_are_shared)
{
	struct spec_input in = {.init_path = "/init"}, shared = in;
	cleanup_record struct record *own = write_with(&in, HOST("'Binds':['/x:/sbin']"));
	cleanup_record struct record *hosts = write_with(&shared, HOST("'PidMode':'host'"));
	const struct record *mounts = record_get(own, "mounts");

	ck_at(own, "process.args", "['/sbin/docker-init','--','sh','-c','id']");
	ck_at(hosts, "process.args", "['sh','-c','id']");
	/* above what the user mounts */
	ck_at(record_at(mounts, record_len(mounts) - 1), "destination", "'/sbin/docker-init'");
}
END_TEST

START_TEST(default_ulimits_of_the_config_are_below_the_users)
{
	char *defaults[] = {(char *)"nofile=5:6", (char *)"core=0", NULL};
	cleanup_record struct record *spec = NULL;

	engine.default_ulimits = defaults;
	spec = spec_of(HOST("'Ulimits':[{'Name':'nofile','Soft':1,'Hard':2}]"));
	ck_at(spec, "process.rlimits",
	      "[{'type':'RLIMIT_NOFILE','hard':2,'soft':1},{'type':'RLIMIT_CORE','hard':0,"
	      "'soft':0}]");
}
END_TEST

START_TEST(a_bad_default_ulimit_is_named)
{
	static const char *const bad[] = {
		"nofile", "nofile=", "nofile=1:2:3", "nofile=x", "as=1", "nofile=2:1", "=1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *defaults[] = {(char *)(uintptr_t)bad[i], NULL};
		cleanup_record struct record *body = json(HOST(""));
		cleanup_record struct record *m = NULL;

		engine.default_ulimits = defaults;
		ck_fails(BERTH_E_INVALID, spec_merge(&engine, body, NULL, &m, &err));
		ck_says("ulimit");
	}
}
END_TEST

/* ------------------------------------------------------------------------ linux */

static bool has_namespace(const struct record *spec, const char *type, const char *path)
{
	const struct record *list = record_path(spec, "linux.namespaces");

	for (size_t i = 0; i < record_len(list); i++) {
		const struct record *ns = record_at(list, i);

		if (str_eq(record_str(record_get(ns, "type")), type))
			return str_eq(record_str(record_get(ns, "path")), path);
	}
	return false;
}

static bool has_any_namespace(const struct record *spec, const char *type)
{
	cleanup_free char *text = record_to_text(record_path(spec, "linux.namespaces"), 0);

	return strstr(text, type);
}

START_TEST(namespaces_are_new_the_hosts_or_anothers)
{
	struct spec_input net_host = {.network = SPEC_NET_HOST, .hostname = "box"};
	struct spec_input join = {.network = SPEC_NET_PATH,
				  .netns_path = "/n",
				  .pidns_path = "/p",
				  .ipcns_path = "/i",
				  .shm_path = "/shm"};
	cleanup_record struct record *own = spec_of(HOST("'CgroupnsMode':'host'"));
	cleanup_record struct record *host =
		write_with(&net_host, HOST("'NetworkMode':'host','PidMode':'host','IpcMode':'host',"
					   "'UTSMode':'host'"));
	cleanup_record struct record *other = write_with(
		&join, HOST("'NetworkMode':'container:c','PidMode':'container:c','IpcMode':"
			    "'container:c'"));
	static const char *const all[] = {"mount", "network", "uts", "pid", "ipc"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		ck_assert(has_namespace(own, all[i], NULL));
	ck_assert(!has_any_namespace(own, "user"));
	ck_assert(has_namespace(own, "cgroup", NULL)); /* make_portable says private */
	for (size_t i = 1; i < sizeof(all) / sizeof(all[0]); i++)
		ck_assert_msg(!has_any_namespace(host, all[i]), "%s", all[i]);
	ck_at(host, "hostname", "absent");
	ck_at(own, "hostname", "'box'");
	ck_assert(has_namespace(other, "network", "/n"));
	ck_assert(has_namespace(other, "pid", "/p"));
	ck_assert(has_namespace(other, "ipc", "/i"));
}
END_TEST

START_TEST(a_namespace_that_nobody_found_is_not_replaced_by_a_new_one)
{
	struct spec_input in = {.hostname = "b"}, net = {.network = SPEC_NET_PATH};

	ck_fails(BERTH_E_INTERNAL, try_write(&in, HOST("'PidMode':'container:c'")));
	ck_fails(BERTH_E_INTERNAL, try_write(&in, HOST("'IpcMode':'container:c'")));
	ck_fails(BERTH_E_INTERNAL, try_write(&net, HOST("")));
}
END_TEST

/* The mount at @target as "type source options", or NULL. */
static const char *mount_at(const struct record *spec, const char *target)
{
	static char line[512];
	const struct record *list = record_get(spec, "mounts");

	for (size_t i = record_len(list); i > 0; i--) {
		const struct record *m = record_at(list, i - 1);
		cleanup_free char *options = NULL;

		if (!str_eq(record_str(record_get(m, "destination")), target))
			continue;
		options = record_to_text(record_get(m, "options"), 0);
		(void)snprintf(line, sizeof(line), "%s %s %s", record_str(record_get(m, "type")),
			       record_str(record_get(m, "source")), options);
		return line;
	}
	return NULL;
}

START_TEST(shm_is_private_shared_or_absent)
{
	struct spec_input join = {.ipcns_path = "/i", .shm_path = "/other"};
	cleanup_record struct record *own = spec_of(HOST("'ShmSize':4096"));
	cleanup_record struct record *none = spec_of(HOST("'IpcMode':'none'"));
	cleanup_record struct record *host = spec_of(HOST("'IpcMode':'host'"));
	cleanup_record struct record *other = write_with(&join, HOST("'IpcMode':'container:c'"));

	ck_assert_str_eq(mount_at(own, "/dev/shm"),
			 "tmpfs shm [\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=4096\"]");
	ck_assert_ptr_null(mount_at(none, "/dev/shm"));
	ck_assert_str_eq(mount_at(host, "/dev/shm"), "bind /dev/shm [\"rbind\",\"rprivate\"]");
	ck_assert_str_eq(mount_at(other, "/dev/shm"), "bind /other [\"rbind\",\"rprivate\"]");
}
END_TEST

START_TEST(the_users_mounts_replace_ours)
{
	cleanup_record struct record *dev = spec_of(HOST("'Binds':['/dev:/dev','/proc:/proc']"));
	cleanup_record struct record *shm = spec_of(HOST("'Tmpfs':{'/dev/shm':''}"));

	ck_assert_str_eq(mount_at(dev, "/dev"), "bind /dev [\"rbind\",\"rprivate\"]");
	ck_assert_str_eq(mount_at(dev, "/proc"), "bind /proc [\"rbind\",\"rprivate\"]");
	ck_assert_ptr_null(mount_at(dev, "/dev/pts"));
	ck_assert_ptr_null(mount_at(dev, "/dev/shm"));
	ck_assert_ptr_nonnull(mount_at(dev, "/sys"));
	ck_assert_ptr_nonnull(strstr(mount_at(shm, "/dev/shm"), "tmpfs tmpfs"));
	ck_assert_ptr_nonnull(mount_at(shm, "/dev/pts"));
}
END_TEST

START_TEST(privileged_is_everything_that_the_host_has)
{
	cleanup_record struct record *spec = spec_of(HOST("'Privileged':true"));
	const struct record *devices = record_path(spec, "linux.devices");
	bool has_null = false;
	struct stat st;

	ck_at(spec, "linux.seccomp", "absent");
	ck_at(spec, "linux.maskedPaths", "absent");
	ck_at(spec, "linux.readonlyPaths", "absent");
	ck_at(spec, "linux.resources.devices", "[{'allow':true,'access':'rwm'}]");
	ck_assert_ptr_null(strstr(mount_at(spec, "/sys"), "\"ro\""));
	ck_assert_ptr_null(strstr(mount_at(spec, "/sys/fs/cgroup"), "\"ro\""));
	for (size_t i = 0; i < record_len(devices); i++) {
		const char *path = record_str(record_get(record_at(devices, i), "path"));

		has_null |= str_eq(path, "/dev/null");
		ck_assert_msg(lstat(path, &st) < 0 || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode),
			      "%s", path);
		ck_assert_msg(!str_has_prefix(path, "/dev/pts/") && !str_eq(path, "/dev/console"),
			      "%s", path);
	}
	ck_assert(has_null);
}
END_TEST

START_TEST(a_privileged_container_gets_a_device_once_more_only_by_another_name)
{
	cleanup_record struct record *spec =
		spec_of(HOST("'Privileged':true,'Devices':[{'PathOnHost':'/dev/null'},"
			     "{'PathOnHost':'/dev/null','PathInContainer':'/dev/nothing'}]"));
	cleanup_free char *text = record_to_text(record_path(spec, "linux.devices"), 0);
	const char *first = strstr(text, "\"/dev/null\"");

	ck_assert(first && !strstr(first + 1, "\"/dev/null\""));
	ck_assert(strstr(text, "\"/dev/nothing\""));
}
END_TEST

START_TEST(an_ordinary_container_gets_no_device_and_cannot_open_one)
{
	cleanup_record struct record *spec = spec_of(HOST(""));
	cleanup_free char *rules =
		record_to_text(record_path(spec, "linux.resources.devices"), RECORD_COMPACT);

	ck_at(spec, "linux.devices", "absent");
	ck_assert_ptr_nonnull(strstr(
		rules, "[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\","
		       "\"access\":\"m\"},{\"allow\":true,\"type\":\"b\",\"access\":\"m\"}"));
	ck_assert_ptr_null(strstr(rules, "\"type\":\"b\",\"access\":\"r"));
	ck_assert_ptr_nonnull(strstr(mount_at(spec, "/sys"), "\"ro\""));
	ck_assert_ptr_nonnull(strstr(mount_at(spec, "/sys/fs/cgroup"), "\"ro\""));
}
END_TEST

START_TEST(a_device_is_given_with_its_numbers_and_rights)
{
	cleanup_record struct record *spec =
		spec_of(HOST("'Devices':[{'PathOnHost':'/dev/null','PathInContainer':'/dev/n',"
			     "'CgroupPermissions':'r'}],'DeviceCgroupRules':['b 8:* rw']"));
	const struct record *rules = record_path(spec, "linux.resources.devices");
	const struct record *device = record_at(record_path(spec, "linux.devices"), 0);
	size_t n = record_len(rules);

	ck_at(device, "path", "'/dev/n'");
	ck_at(device, "type", "'c'");
	ck_at(device, "major", "1");
	ck_at(device, "minor", "3");
	ck_at(device, "fileMode", "438");
	ck_at(record_at(rules, n - 2), "access", "'r'");
	ck_at(record_at(rules, n - 2), "minor", "3");
	ck_at(record_at(rules, n - 1), "type", "'b'");
	ck_at(record_at(rules, n - 1), "minor", "absent");
}
END_TEST

/* A directory with two devices, one of them in a directory of its own, and other things. */
static char *device_dir(void)
{
	char path[96];
	int fd = ck_dir_at(path);

	if (mknodat(fd, "one", S_IFCHR | 0600, makedev(1, 3)) < 0)
		return NULL;
	ck_assert_int_eq(mkdirat(fd, "sub", 0755), 0);
	ck_assert_int_eq(mknodat(fd, "sub/two", S_IFBLK | 0640, makedev(7, 9)), 0);
	ck_assert_int_eq(symlinkat("/dev/zero", fd, "link"), 0);
	ck_assert_int_eq(symlinkat(".", fd, "loop"), 0);
	ck_write(fd, "file", "");
	ck_assert_int_eq(close(fd), 0);
	return strdup(path);
}

START_TEST(a_directory_of_devices_is_all_devices_in_it)
{
	cleanup_free char *dir = device_dir();
	cleanup_free char *body = NULL;
	cleanup_record struct record *spec = NULL;
	const struct record *devices;
	bool one_first;

	if (!dir) /* no CAP_MKNOD */
		return;
	body = str_fmt("{'Image':'x','Cmd':['a'],'HostConfig':{'Devices':[{'PathOnHost':'%s',"
		       "'PathInContainer':'/dev/d'}]}}",
		       dir);
	spec = spec_of(body);
	devices = record_path(spec, "linux.devices");
	ck_assert_uint_eq(record_len(devices), 2);
	one_first = str_eq(record_str(record_get(record_at(devices, 0), "path")), "/dev/d/one");
	ck_at(record_at(devices, one_first), "path", "'/dev/d/sub/two'");
	ck_at(record_at(devices, one_first), "minor", "9");
}
END_TEST

START_TEST(what_is_no_device_is_refused)
{
	struct spec_input in = {.hostname = "b"};

	ck_fails(BERTH_E_NOT_FOUND, try_write(&in, HOST("'Devices':[{'PathOnHost':'/dev/none'}]")));
	ck_says("error gathering device information while adding custom device \"/dev/none\": No "
		"such "
		"file or directory");
	ck_fails(BERTH_E_INVALID,
		 try_write(&in, HOST("'Devices':[{'PathOnHost':'/proc/version'}]")));
	ck_says("not a device node");
	ck_fails(BERTH_E_NOT_FOUND,
		 try_write(&in, HOST("'BlkioDeviceReadBps':[{'Path':'/dev/none','Rate':1}]")));
}
END_TEST

START_TEST(sysctls_of_ours_are_for_a_network_of_its_own)
{
	struct spec_input host = {.network = SPEC_NET_HOST};
	cleanup_record struct record *own = spec_of(HOST(""));
	cleanup_record struct record *hosts =
		write_with(&host, HOST("'NetworkMode':'host','Sysctls':{'kernel.shmmax':'1'}"));
	cleanup_record struct record *domain = spec_of(
		"{'Image':'x','Cmd':['a'],'Domainname':'d','HostConfig':{'UTSMode':'host'}}");

	ck_assert_str_eq(record_str(record_get(record_path(own, "linux.sysctl"),
					       "net.ipv4.ip_unprivileged_port_start")),
			 "0");
	ck_at(hosts, "linux.sysctl", "{'kernel.shmmax':'1'}");
	ck_assert(!record_has(record_path(domain, "linux.sysctl"), "kernel.domainname"));
}
END_TEST

START_TEST(seccomp_is_what_the_user_says_else_the_config)
{
	char path[96];
	cleanup_free char *profile = NULL;
	int dir = ck_dir_at(path);
	cleanup_record struct record *off = spec_of(HOST("'SecurityOpt':['seccomp=unconfined']"));
	cleanup_record struct record *own = spec_of(
		HOST("'SecurityOpt':['seccomp={\\\"defaultAction\\\":\\\"SCMP_ACT_LOG\\\"}']"));
	cleanup_record struct record *privileged =
		spec_of(HOST("'Privileged':true,'SecurityOpt':['seccomp={\\\"defaultAction\\\":"
			     "\\\"SCMP_ACT_LOG\\\"}']"));
	cleanup_record struct record *configured = NULL, *none = NULL, *builtin = NULL;

	ck_at(off, "linux.seccomp", "absent");
	ck_at(own, "linux.seccomp.defaultAction", "'SCMP_ACT_LOG'");
	ck_at(privileged, "linux.seccomp.defaultAction", "'SCMP_ACT_LOG'");
	ck_write(dir, "p.json", "{\"defaultAction\":\"SCMP_ACT_TRAP\"}");
	profile = str_fmt("%s/p.json", path);
	engine.seccomp_profile = profile;
	configured = spec_of(HOST(""));
	ck_at(configured, "linux.seccomp.defaultAction", "'SCMP_ACT_TRAP'");
	builtin = spec_of(HOST("'SecurityOpt':['seccomp=builtin']"));
	ck_at(builtin, "linux.seccomp.defaultAction", "'SCMP_ACT_ERRNO'");
	engine.seccomp_profile = (char *)"unconfined";
	none = spec_of(HOST(""));
	ck_at(none, "linux.seccomp", "absent");
}
END_TEST

START_TEST(a_profile_that_cannot_be_read_stops_the_start)
{
	struct spec_input in = {.hostname = "b"};

	ck_fails(BERTH_E_INVALID, try_write(&in, HOST("'SecurityOpt':['seccomp=/a/path']")));
	ck_says("Decoding seccomp profile failed");
	engine.seccomp_profile = (char *)"/not/there";
	ck_fails(BERTH_E_NOT_FOUND, try_write(&in, HOST("")));
	ck_says("seccomp profile '/not/there'");
}
END_TEST

START_TEST(a_mapping_that_makes_no_sense_is_refused)
{
	static const char *const bad[] = {"0:1",    "0:1:2:3",	      "a:1:2",
					  "0:1:-1", "0:1:4294967296", ""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const map[] = {bad[i], NULL};
		struct spec_input in = {.uid_map = map, .gid_map = map};

		ck_fails(BERTH_E_INVALID, try_write(&in, HOST("")));
		ck_says("invalid id mapping");
	}
}
END_TEST

/* ------------------------------------------------------------------------ mounts */

START_TEST(a_volume_without_a_directory_is_refused)
{
	struct spec_mount volume = {
		.type = (char *)"volume", .source = (char *)"v", .target = (char *)"/v"};
	struct spec_input in = {.mounts = &volume, .n_mounts = 1};

	ck_fails(BERTH_E_UNSUPPORTED, try_write(&in, HOST("")));
	ck_says("mount of type volume at '/v' has no directory on the host");
}
END_TEST

static struct spec_input with_bind(struct spec_mount *m, const char *source, const char *kind)
{
	static char *options[] = {(char *)"rbind", NULL};

	*m = (struct spec_mount){.type = (char *)"bind",
				 .source = (char *)(uintptr_t)source,
				 .target = (char *)"/t",
				 .propagation = (char *)(uintptr_t)kind,
				 .options = options};
	return (struct spec_input){.mounts = m, .n_mounts = 1, .hostname = "b"};
}

START_TEST(only_a_shared_mount_can_be_shared)
{
	struct spec_mount m;
	struct spec_input in;
	char path[96];

	if (unshare(CLONE_NEWNS) < 0) /* no privilege */
		return;
	ck_assert_int_eq(close(ck_dir_at(path)), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("none", path, "tmpfs", 0, NULL), 0);
	in = with_bind(&m, path, "rshared");
	ck_fails(BERTH_E_INVALID, try_write(&in, HOST("")));
	ck_says(path);
	ck_says("but it is not a shared mount");
	in = with_bind(&m, path, "rslave");
	ck_fails(BERTH_E_INVALID, try_write(&in, HOST("")));
	ck_says("but it is not a shared or slave mount");
	ck_assert_int_eq(mount(NULL, path, NULL, MS_SHARED, NULL), 0);
	in = with_bind(&m, path, "rslave");
	ck_ok(try_write(&in, HOST("")));
	in = with_bind(&m, path, "shared");
	ck_ok(try_write(&in, HOST("")));
	ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
}
END_TEST

START_TEST(the_root_propagates_if_a_mount_does)
{
	struct spec_mount m;
	struct spec_input in;
	cleanup_record struct record *merged = merged_of(HOST(""));
	cleanup_record struct record *spec = NULL;
	cleanup_str struct str out = STR_INIT;
	char path[96];

	if (unshare(CLONE_NEWNS) < 0)
		return;
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_SHARED, NULL), 0);
	in = with_bind(&m, "/", "rslave");
	in.config = &engine;
	in.merged = merged;
	in.rootfd = small_root(path);
	ck_ok(spec_write(&in, &out, &err));
	ck_ok(record_parse(out.p, out.len, 0, &spec, &err));
	ck_at(spec, "linux.rootfsPropagation", "'rslave'");
}
END_TEST

/* ------------------------------------------------------------------------ exec */

static struct record *exec_of(const char *body, const char *exec)
{
	cleanup_record struct record *merged = merged_of(body);
	cleanup_record struct record *e = json(exec);
	cleanup_str struct str out = STR_INIT;
	struct spec_input in = {.config = &engine, .merged = merged, .hostname = "box"};
	struct record *process = NULL;
	char path[96];

	in.rootfd = small_root(path);
	ck_ok(spec_process(&in, e, &out, &err));
	ck_ok(record_parse(out.p, out.len, 0, &process, &err));
	return process;
}

START_TEST(an_exec_takes_from_the_container_what_it_does_not_say)
{
	static const char body[] =
		"{'Image':'x','Cmd':['a'],'Tty':true,'Entrypoint':['/e'],'User':'web','Env':['A=1',"
		"'B=1'],'WorkingDir':'/srv','HostConfig':{'SecurityOpt':['no-new-privileges'],"
		"'CapDrop':['ALL'],'OomScoreAdj':5,'Ulimits':[{'Name':'core','Soft':1,'Hard':1}]}}";
	cleanup_record struct record *plain = exec_of(body, "{'Cmd':['ls','-l']}");
	cleanup_record struct record *own = exec_of(
		body,
		"{'Cmd':['id'],'Tty':true,'User':'0','Env':['B=2','C=3','A'],'WorkingDir':'/x',"
		"'Privileged':true,'ConsoleSize':[10,20]}");

	ck_at(plain, "args", "['ls','-l']");
	ck_at(plain, "terminal", "false");
	ck_at(plain, "cwd", "'/srv'");
	ck_at(plain, "user.uid", "1000");
	ck_at(plain, "env",
	      "['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin','HOSTNAME=box',"
	      "'A=1','B=1','HOME=/srv/web']");
	ck_at(plain, "noNewPrivileges", "true");
	ck_at(plain, "capabilities", "{'bounding':[],'effective':[],'permitted':[]}");
	ck_at(plain, "oomScoreAdj", "5");
	ck_at(plain, "rlimits", "[{'type':'RLIMIT_CORE','hard':1,'soft':1}]");

	ck_at(own, "args", "['id']");
	ck_at(own, "terminal", "true");
	ck_at(own, "consoleSize", "{'height':10,'width':20}");
	ck_at(own, "cwd", "'/x'");
	ck_at(own, "user.uid", "0");
	ck_at(own, "env",
	      "['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin','HOSTNAME=box',"
	      "'TERM=xterm','B=2','C=3','HOME=/root']");
	ck_assert_uint_eq(record_len(record_path(own, "capabilities.effective")),
			  (unsigned)__builtin_popcountll(caps_available()));
}
END_TEST

START_TEST(an_exec_that_makes_no_sense_is_refused)
{
	static const struct {
		const char *exec, *says;
		int code;
	} cases[] = {
		{"{}", "No exec command specified", BERTH_E_INVALID},
		{"{'Cmd':[]}", "No exec command specified", BERTH_E_INVALID},
		{"{'Cmd':['a'],'User':'nobody'}",
		 "unable to find user nobody: ", BERTH_E_NOT_FOUND},
		{"{'Cmd':['a'],'WorkingDir':'x'}", "the working directory 'x' is invalid",
		 BERTH_E_INVALID},
	};
	cleanup_record struct record *merged = merged_of(HOST(""));
	struct spec_input in = {.config = &engine, .merged = merged};
	char path[96];

	in.rootfd = small_root(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_record struct record *exec = json(cases[i].exec);
		cleanup_str struct str out = STR_INIT;

		ck_fails(cases[i].code, spec_process(&in, exec, &out, &err));
		ck_says(cases[i].says);
	}
}
END_TEST

/* ------------------------------------------------------------------------ update */

static int try_update(const char *host, const char *body, struct record **ret, struct str *out)
{
	cleanup_free char *create = str_fmt("{'Image':'x','Cmd':['a'],'HostConfig':{%s}}", host);
	cleanup_record struct record *merged = merged_of(create);
	cleanup_record struct record *wanted = json(body);
	cleanup_record struct record *warnings = record_new_array();

	return spec_update(merged, wanted, ret, warnings, out, &err);
}

START_TEST(an_update_changes_what_it_names_and_nothing_else)
{
	cleanup_record struct record *m = NULL;
	cleanup_str struct str out = STR_INIT;

	ck_ok(try_update("'Memory':67108864,'CpuShares':7,'CpusetCpus':'0'",
			 "{'Memory':134217728,'PidsLimit':-1,'CpuQuota':5000,'RestartPolicy':"
			 "{'Name':'always'}}",
			 &m, &out));
	ck_at(m, "HostConfig.Memory", "134217728");
	ck_at(m, "HostConfig.MemorySwap", "134217728");
	ck_at(m, "HostConfig.CpuShares", "7");
	ck_at(m, "HostConfig.CpusetCpus", "'0'");
	ck_at(m, "HostConfig.PidsLimit", "-1");
	ck_at(m, "HostConfig.RestartPolicy", "{'Name':'always','MaximumRetryCount':0}");
	ck_assert_str_eq(str_text(&out),
			 "{\"memory\":{\"limit\":134217728},\"cpu\":{\"quota\":5000},"
			 "\"pids\":{\"limit\":-1}}");
}
END_TEST

START_TEST(memory_may_grow_where_swap_has_no_limit)
{
	cleanup_record struct record *m = NULL;
	cleanup_str struct str out = STR_INIT;

	ck_ok(try_update("'Memory':67108864,'MemorySwap':-1", "{'Memory':134217728}", &m, &out));
	ck_at(m, "HostConfig.MemorySwap", "-1");
}
END_TEST

START_TEST(an_update_without_limits_has_nothing_for_the_driver)
{
	cleanup_record struct record *m = NULL;
	cleanup_str struct str out = STR_INIT;

	ck_ok(try_update("", "{'RestartPolicy':{'Name':'unless-stopped'}}", &m, &out));
	ck_assert_str_eq(str_text(&out), "{}");
}
END_TEST

START_TEST(an_update_that_contradicts_is_refused)
{
	static const struct {
		const char *host, *body, *says;
	} cases[] = {
		{"", "{'Memory':5}", "Minimum memory limit allowed is 6MB"},
		{"'CpuPeriod':1000", "{'NanoCpus':1000000000}",
		 "Nano CPUs cannot be updated as CPU Period has already been set"},
		{"'CpuQuota':1000", "{'NanoCpus':1000000000}",
		 "Nano CPUs cannot be updated as CPU Quota has already been set"},
		{"'NanoCpus':1000000000", "{'CpuPeriod':1000}",
		 "CPU Period cannot be updated as NanoCPUs has already been set"},
		{"'NanoCpus':1000000000", "{'CpuQuota':1000}",
		 "CPU Quota cannot be updated as NanoCPUs has already been set"},
		{"'Memory':67108864,'MemorySwap':67108864", "{'Memory':134217728}",
		 "Memory limit should be smaller than already set memoryswap limit"},
		{"'AutoRemove':true", "{'RestartPolicy':{'Name':'always'}}",
		 "Restart policy cannot be updated because AutoRemove is enabled"},
		{"", "{'RestartPolicy':{'Name':'often'}}", "unknown policy 'often'"},
		{"", "{'Memory':'1g'}", "key 'Memory' is of type string, wanted int"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record *m = NULL;
		cleanup_str struct str out = STR_INIT;

		ck_fails(BERTH_E_INVALID, try_update(cases[i].host, cases[i].body, &m, &out));
		ck_says(cases[i].says);
		ck_assert_ptr_null(m);
	}
}
END_TEST

int main(int argc, char *argv[])
{
	read_args(argc, argv);
	return CK_MAIN("spec/write", a_default_container_is_dockers, limits_become_resources,
		       mounts_init_names_and_mappings_are_all_there,
		       a_user_that_is_not_root_has_a_bounding_set_only,
		       capabilities_are_added_and_dropped_as_docker_does,
		       a_capability_that_is_not_there_is_not_promised,
		       the_environment_has_defaults_that_the_user_overrules,
		       an_environment_of_twenty_thousand_is_written_whole,
		       a_name_that_begins_like_another_is_another,
		       strings_with_anything_in_them_survive, a_home_that_is_no_text_is_still_json,
		       init_runs_before_the_users_program_unless_pids_are_shared,
		       default_ulimits_of_the_config_are_below_the_users,
		       a_bad_default_ulimit_is_named, namespaces_are_new_the_hosts_or_anothers,
		       a_namespace_that_nobody_found_is_not_replaced_by_a_new_one,
		       shm_is_private_shared_or_absent, the_users_mounts_replace_ours,
		       privileged_is_everything_that_the_host_has,
		       a_privileged_container_gets_a_device_once_more_only_by_another_name,
		       an_ordinary_container_gets_no_device_and_cannot_open_one,
		       a_device_is_given_with_its_numbers_and_rights,
		       a_directory_of_devices_is_all_devices_in_it, what_is_no_device_is_refused,
		       sysctls_of_ours_are_for_a_network_of_its_own,
		       seccomp_is_what_the_user_says_else_the_config,
		       a_profile_that_cannot_be_read_stops_the_start,
		       a_mapping_that_makes_no_sense_is_refused,
		       a_volume_without_a_directory_is_refused, only_a_shared_mount_can_be_shared,
		       the_root_propagates_if_a_mount_does,
		       an_exec_takes_from_the_container_what_it_does_not_say,
		       an_exec_that_makes_no_sense_is_refused,
		       an_update_changes_what_it_names_and_nothing_else,
		       memory_may_grow_where_swap_has_no_limit,
		       an_update_without_limits_has_nothing_for_the_driver,
		       an_update_that_contradicts_is_refused);
}
