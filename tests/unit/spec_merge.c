/* SPDX-License-Identifier: Apache-2.0 */
/* ContainerCreate body + image -> what is kept and shown, and what is refused. */
#include <time.h>

#include "tests/unit/spec_case.h"

#define BODY(host) "{'Image':'x','Cmd':['a'],'HostConfig':{" host "}}"

static const char image[] =
	"{'architecture':'amd64','config':{'Env':['PATH=/bin','A=image','B=image'],"
	"'Cmd':['default'],'Entrypoint':['/entry'],'User':'web','WorkingDir':'/srv','Labels':"
	"{'l':'image','m':'image'},'ExposedPorts':{'80':{},'53/udp':{},'junk':{},'0/tcp':{}},"
	"'Volumes':{'/data':{}},'StopSignal':'SIGQUIT','Shell':['/bin/bash'],'OnBuild':['RUN x'],"
	"'Healthcheck':{'Test':['CMD','true'],'Interval':5,'Timeout':2000000000,'Retries':-3}}}";

START_TEST(a_body_without_host_config_gets_every_default)
{
	cleanup_record struct record *m = merged_of("{'Image':'alpine','Cmd':['sh']}");

	make_portable(m);
	ck_golden(m, "merge-default.json");
}
END_TEST

START_TEST(a_full_body_keeps_dockers_order_and_all_values)
{
	cleanup_record struct record *m = merged_with(
		"{'Domainname':'d','Hostname':'h','Cmd':['a'],'Image':'x','Tty':true,'OpenStdin':"
		"true,"
		"'StopTimeout':0,'Shell':['sh'],'Labels':{'l':'user'},'Env':['A=user'],"
		"'HostConfig':{'Mounts':[{'Target':'/t','Type':'bind','Source':'/"
		"s','ReadOnly':true,"
		"'BindOptions':{'Propagation':'rslave','NonRecursive':true}}],'Init':false,"
		"'Memory':67108864,'Ulimits':[{'Name':'nofile','Soft':1,'Hard':2}],'CapAdd':['NET_"
		"ADMIN'],"
		"'PortBindings':{'80':[{'HostPort':'8080'}]},'Sysctls':{'net.ipv4.ip_forward':'1'},"
		"'LogConfig':{'Type':'local','Config':{'max-size':'1m'}},'StorageDriver':'vfs',"
		"'RestartPolicy':{'Name':'on-failure','MaximumRetryCount':3},'ConsoleSize':[24,80],"
		"'Tmpfs':{'/run':'size=1m'},'Annotations':{'k':'v'},'BlkioWeight':100,"
		"'Devices':[{'PathOnHost':'/dev/null'}],'SecurityOpt':['no-new-privileges']},"
		"'NetworkingConfig':{'EndpointsConfig':{'n':{'Aliases':['w'],'IPAMConfig':"
		"{'IPv4Address':'10.0.0.2'}}}}}",
		image);

	make_portable(m);
	ck_golden(m, "merge-full.json");
}
END_TEST

START_TEST(what_the_user_says_is_above_the_image)
{
	cleanup_record struct record *m = merged_with(
		"{'Image':'x','Env':['B=user','C=user'],'Labels':{'m':'user'},'User':'root',"
		"'WorkingDir':'/tmp/../opt/','StopSignal':'TERM','Cmd':['mine'],"
		"'ExposedPorts':{'81':{}},'Volumes':{'/own':{}}}",
		image);

	ck_at(m, "Config.Env", "['B=user','C=user','PATH=/bin','A=image']");
	ck_at(m, "Config.Labels", "{'m':'user','l':'image'}");
	ck_at(m, "Config.User", "'root'");
	ck_at(m, "Config.WorkingDir", "'/opt'");
	ck_at(m, "Config.StopSignal", "'TERM'");
	ck_at(m, "Config.Cmd", "['mine']");
	ck_at(m, "Config.Entrypoint", "['/entry']");
	ck_at(m, "Config.ExposedPorts", "{'81/tcp':{},'80/tcp':{},'53/udp':{}}");
	ck_at(m, "Config.Volumes", "{'/own':{},'/data':{}}");
}
END_TEST

START_TEST(what_the_user_leaves_open_is_the_images)
{
	cleanup_record struct record *m = merged_with("{'Image':'x'}", image);

	ck_at(m, "Config.Env", "['PATH=/bin','A=image','B=image']");
	ck_at(m, "Config.Cmd", "['default']");
	ck_at(m, "Config.Entrypoint", "['/entry']");
	ck_at(m, "Config.User", "'web'");
	ck_at(m, "Config.WorkingDir", "'/srv'");
	ck_at(m, "Config.StopSignal", "'SIGQUIT'");
	ck_at(m, "Config.Volumes", "{'/data':{}}");
	ck_at(m, "Config.OnBuild", "null");
	ck_at(m, "Config.Shell", "absent");
}
END_TEST

START_TEST(an_entrypoint_of_the_user_drops_the_images_command)
{
	cleanup_record struct record *m =
		merged_with("{'Image':'x','Entrypoint':['/mine']}", image);
	cleanup_record struct record *none =
		merged_with("{'Image':'x','Entrypoint':[''],'Cmd':['c']}", image);
	cleanup_record struct record *word = merged_with("{'Image':'x','Entrypoint':'/e'}", image);

	ck_at(m, "Config.Entrypoint", "['/mine']");
	ck_at(m, "Config.Cmd", "null");
	ck_at(none, "Config.Entrypoint", "null");
	ck_at(none, "Config.Cmd", "['c']");
	ck_at(word, "Config.Entrypoint", "['/e']");
}
END_TEST

START_TEST(a_healthcheck_is_merged_field_by_field)
{
	cleanup_record struct record *m =
		merged_with("{'Image':'x','Healthcheck':{'Retries':7,'Test':[]}}", image);
	cleanup_record struct record *off =
		merged_with("{'Image':'x','Healthcheck':{'Test':['NONE']}}", image);

	/* the image's 5 ns and -3 tries are not taken */
	ck_at(m, "Config.Healthcheck", "{'Test':['CMD','true'],'Timeout':2000000000,'Retries':7}");
	ck_at(off, "Config.Healthcheck", "{'Test':['NONE'],'Timeout':2000000000}");
}
END_TEST

START_TEST(an_image_that_says_nonsense_does_no_harm)
{
	cleanup_record struct record *m = merged_with(
		"{'Image':'x'}",
		"{'config':{'Cmd':['a'],'WorkingDir':'../../etc','StopSignal':'NOPE','Labels':null,"
		"'Env':['=x','','OK=1'],'ExposedPorts':{'-1':{},'99999/tcp':{}}}}");

	ck_at(m, "Config.WorkingDir", "'/etc'");
	ck_at(m, "Config.StopSignal", "absent");
	ck_at(m, "Config.ExposedPorts", "absent");
	ck_at(m, "Config.Labels", "{}");
}
END_TEST

START_TEST(an_image_with_wrong_types_is_refused_by_the_keys_name)
{
	cleanup_record struct record *body = json("{'Image':'x'}");
	cleanup_record struct record *bad = json("{'config':{'Env':[7]}}");
	cleanup_record struct record *odd = json("{'config':[]}");
	struct record *m = NULL;

	ck_fails(BERTH_E_INVALID, spec_merge(&engine, body, bad, &m, &err));
	ck_says("key 'config.Env' is of type int, wanted string");
	ck_fails(BERTH_E_INVALID, spec_merge(&engine, body, odd, &m, &err));
	ck_says("key 'config' is of type array, wanted object");
	ck_assert_ptr_null(m);
}
END_TEST

START_TEST(keys_are_found_whatever_their_case_and_null_is_absent)
{
	cleanup_record struct record *m =
		merged_of("{'image':'x','cmd':['a'],'hostconfig':{'memory':67108864,'Binds':null},"
			  "'Unknown':{'deep':[1]},'Env':null}");

	ck_at(m, "Config.Image", "'x'");
	ck_at(m, "Config.Cmd", "['a']");
	ck_at(m, "HostConfig.Memory", "67108864");
	ck_at(m, "HostConfig.MemorySwap", "134217728");
	ck_at(m, "HostConfig.Binds", "null");
	ck_at(m, "Config.Unknown", "absent");
}
END_TEST

START_TEST(empty_lists_stay_empty_and_absent_ones_null)
{
	cleanup_record struct record *m =
		merged_of(BODY("'Binds':[],'Dns':[],'Ulimits':[],'Devices':[]"));

	ck_at(m, "HostConfig.Binds", "[]");
	ck_at(m, "HostConfig.Dns", "[]");
	ck_at(m, "HostConfig.Ulimits", "[]");
	ck_at(m, "HostConfig.DnsSearch", "null");
	ck_at(m, "HostConfig.CapAdd", "null");
	ck_at(m, "HostConfig.PortBindings", "{}");
	ck_at(m, "HostConfig.Mounts", "absent");
}
END_TEST

START_TEST(a_privileged_container_masks_nothing)
{
	cleanup_record struct record *m = merged_of(BODY("'Privileged':true"));
	cleanup_record struct record *own =
		merged_of(BODY("'MaskedPaths':['/x'],'ReadonlyPaths':[]"));
	cleanup_record struct record *none =
		merged_of(BODY("'SecurityOpt':['systempaths=unconfined']"));

	ck_at(m, "HostConfig.MaskedPaths", "null");
	ck_at(m, "HostConfig.ReadonlyPaths", "null");
	ck_at(m, "HostConfig.SecurityOpt", "['label=disable']");
	ck_at(own, "HostConfig.MaskedPaths", "['/x']");
	ck_at(own, "HostConfig.ReadonlyPaths", "[]");
	ck_at(none, "HostConfig.MaskedPaths", "[]");
	ck_at(none, "HostConfig.ReadonlyPaths", "[]");
}
END_TEST

START_TEST(the_default_masks_what_leaks_from_the_host)
{
	static const char *const paths[] = {"/proc/kcore", "/proc/keys", "/proc/interrupts",
					    "/sys/firmware", "/sys/devices/virtual/powercap"};
	cleanup_record struct record *m = merged_of(BODY(""));
	cleanup_strv char **masked = NULL;

	ck_ok(record_strv(record_path(m, "HostConfig.MaskedPaths"), &masked, &err));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		ck_assert_msg(strv_has(masked, paths[i]), "%s is not masked", paths[i]);
	if (access("/sys/devices/system/cpu/cpu0/thermal_throttle", F_OK) == 0)
		ck_assert(strv_has(masked, "/sys/devices/system/cpu/cpu0/thermal_throttle"));
}
END_TEST

START_TEST(no_limit_on_processes_is_null_however_it_is_said)
{
	cleanup_record struct record *zero = merged_of(BODY("'PidsLimit':0"));
	cleanup_record struct record *minus = merged_of(BODY("'PidsLimit':-1"));
	cleanup_record struct record *some = merged_of(BODY("'PidsLimit':7,'MemorySwappiness':-1"));

	ck_at(zero, "HostConfig.PidsLimit", "null");
	ck_at(minus, "HostConfig.PidsLimit", "null");
	ck_at(some, "HostConfig.PidsLimit", "7");
	ck_at(some, "HostConfig.MemorySwappiness", "null");
}
END_TEST

START_TEST(the_mac_address_moves_to_the_main_network)
{
	cleanup_record struct record *m =
		merged_of("{'Image':'x','Cmd':['a'],'MacAddress':'02:42:ac:11:00:02','HostConfig':"
			  "{'NetworkMode':'n'}}");

	ck_at(m, "Config.MacAddress", "absent");
	ck_at(m, "NetworkingConfig.EndpointsConfig.n.MacAddress", "'02:42:ac:11:00:02'");
	ck_assert_uint_eq(record_len(record_get(m, "Warnings")), 1);
}
END_TEST

START_TEST(warnings_come_only_if_there_is_something_to_say)
{
	cleanup_record struct record *quiet = merged_of(BODY(""));
	cleanup_record struct record *m =
		merged_of(BODY("'NetworkMode':'host','PortBindings':{'80/tcp':[{'HostPort':''}]},"
			       "'CpuPercent':5"));

	ck_assert(!record_has(quiet, "Warnings"));
	ck_at(m, "Warnings",
	      "['Published ports are discarded when using host network mode',"
	      "'linux does not support CPU percent. Percent discarded.']");
}
END_TEST

static const struct {
	const char *body, *says;
} refusals[] = {
	{"{}", "config cannot be empty in order to create a container"},
	{"{'Image':'x'}", "no command specified"},
	{"{'Image':'x','Cmd':[],'Entrypoint':['']}", "no command specified"},
	{"{'Image':7}", "key 'Image' is of type int, wanted string"},
	{"{'Image':'x','Cmd':{}}", "key 'Cmd' is of type object, wanted array of strings"},
	{"{'Image':'x','HostConfig':[]}", "key 'HostConfig' is of type array, wanted object"},
	{BODY("'Memory':'64m'"), "key 'HostConfig.Memory' is of type string, wanted int"},
	{BODY("'Memory':1e9"), "key 'HostConfig.Memory' is of type number, wanted int"},
	{BODY("'Privileged':'yes'"), "key 'HostConfig.Privileged' is of type string, wanted bool"},
	{BODY("'Mounts':[{'BindOptions':{'NonRecursive':1}}]"),
	 "key 'HostConfig.Mounts.BindOptions.NonRecursive' is of type int, wanted bool"},
	{BODY("'PortBindings':{'80/tcp':{}}"),
	 "key 'HostConfig.PortBindings.80/tcp' is of type object"},
	{BODY("'ConsoleSize':[1]"), "wanted array of two numbers"},
	{BODY("'ConsoleSize':[-1,2]"), "wanted unsigned int"},
	/* memory */
	{BODY("'Memory':6291455"), "Minimum memory limit allowed is 6MB"},
	{BODY("'Memory':-5"), "Minimum memory limit allowed is 6MB"},
	{BODY("'Memory':9223372036854775807"), "Memory limit is out of range"},
	{BODY("'Memory':67108864,'MemorySwap':67108863"),
	 "Minimum memoryswap limit should be larger than memory limit, see usage"},
	{BODY("'MemorySwap':67108864"),
	 "You should always set the Memory limit when using Memoryswap limit, see usage"},
	{BODY("'MemorySwap':-2"), "Memoryswap limit is out of range"},
	{BODY("'MemoryReservation':4"), "Minimum memory reservation allowed is 6MB"},
	{BODY("'Memory':67108864,'MemoryReservation':67108865"),
	 "Minimum memory limit can not be less than memory reservation limit, see usage"},
	{BODY("'MemorySwappiness':101"),
	 "Invalid value: 101, valid memory swappiness range is 0-100"},
	{BODY("'MemorySwappiness':-2"),
	 "Invalid value: -2, valid memory swappiness range is 0-100"},
	{BODY("'ShmSize':-1"), "SHM size can not be less than 0"},
	/* processors */
	{BODY("'NanoCpus':1000000000,'CpuPeriod':1000"),
	 "Conflicting options: Nano CPUs and CPU Period cannot both be set"},
	{BODY("'NanoCpus':1000000000,'CpuQuota':1000"),
	 "Conflicting options: Nano CPUs and CPU Quota cannot both be set"},
	{BODY("'NanoCpus':-1"), "range of CPUs is from 0.01 to "},
	{BODY("'NanoCpus':9000000000000000"), "CPUs available"},
	{BODY("'CpuShares':-1"), "invalid CPU shares (-1): value must be a positive integer"},
	{BODY("'CpuPeriod':999"), "CPU cfs period can not be less than 1ms (i.e. 1000)"},
	{BODY("'CpuPeriod':1000001"), "or larger than 1s (i.e. 1000000)"},
	{BODY("'CpuQuota':999"), "CPU cfs quota can not be less than 1ms (i.e. 1000)"},
	{BODY("'CpuRealtimePeriod':10,'CpuRealtimeRuntime':11"),
	 "cpu real-time runtime cannot be higher than cpu real-time period"},
	{BODY("'CpusetCpus':'0-'"), "Invalid value 0- for cpuset cpus"},
	{BODY("'CpusetCpus':'3-1'"), "Invalid value 3-1 for cpuset cpus"},
	{BODY("'CpusetCpus':'0,'"), "Invalid value 0, for cpuset cpus"},
	{BODY("'CpusetCpus':'0-9999999'"), "Invalid value 0-9999999 for cpuset cpus"},
	{BODY("'CpusetCpus':'0-99999'"),
	 "Invalid value 0-99999 for cpuset cpus: value of out range"},
	{BODY("'CpusetCpus':'8000'"),
	 "Requested CPUs are not available - requested 8000, available: "},
	{BODY("'CpusetMems':'8000'"),
	 "Requested memory nodes are not available - requested 8000, available: "},
	{BODY("'CpusetMems':'a'"), "Invalid value a for cpuset mems"},
	/* block I/O */
	{BODY("'BlkioWeight':9"), "Range of blkio weight is from 10 to 1000"},
	{BODY("'BlkioWeight':1001"), "Range of blkio weight is from 10 to 1000"},
	{BODY("'BlkioDeviceReadBps':[{'Path':'sda','Rate':1}]"), "bad format for device path: sda"},
	{BODY("'BlkioDeviceReadBps':[{'Path':'/dev/sda','Rate':-1}]"), "invalid Rate for device"},
	{BODY("'IOMaximumIOps':1"), "QoS maximum IOPs configuration is not supported on linux"},
	{BODY("'IOMaximumBandwidth':1"),
	 "QoS maximum bandwidth configuration is not supported on linux"},
	/* policies */
	{BODY("'AutoRemove':true,'RestartPolicy':{'Name':'always'}"),
	 "can't create 'AutoRemove' container with restart policy"},
	{BODY("'RestartPolicy':{'Name':'often'}"),
	 "invalid restart policy: unknown policy 'often'; use one of 'no', 'always', 'on-failure', "
	 "or 'unless-stopped'"},
	{BODY("'RestartPolicy':{'Name':'always','MaximumRetryCount':1}"),
	 "maximum retry count can only be used with 'on-failure'"},
	{BODY("'RestartPolicy':{'Name':'no','MaximumRetryCount':-1}"), "and cannot be negative"},
	{BODY("'RestartPolicy':{'Name':'on-failure','MaximumRetryCount':-1}"),
	 "maximum retry count cannot be negative"},
	{BODY("'LogConfig':{'Type':'syslog'}"),
	 "logger: no log driver named 'syslog' is registered"},
	{BODY("'LogConfig':{'Config':{'max-fil':'1'}}"),
	 "unknown log opt 'max-fil' for json-file log driver"},
	{BODY("'OomScoreAdj':1001"),
	 "Invalid value 1001, range for oom score adj is [-1000, 1000]"},
	{BODY("'OomScoreAdj':-1001"), "range for oom score adj is [-1000, 1000]"},
	/* modes */
	{BODY("'IpcMode':'hosts'"), "invalid IPC mode: hosts"},
	{BODY("'PidMode':'private'"), "invalid PID mode: private"},
	{BODY("'PidMode':'container:'"), "invalid PID mode: container:"},
	{BODY("'UTSMode':'container:x'"), "invalid UTS mode: container:x"},
	{BODY("'CgroupnsMode':'both'"), "invalid cgroup namespace mode: both"},
	{BODY("'UsernsMode':'remap'"), "invalid USER mode: remap"},
	{BODY("'UsernsMode':'auto','Privileged':true"),
	 "privileged mode is incompatible with user namespaces."},
	{BODY("'UsernsMode':'auto','NetworkMode':'host'"),
	 "cannot share the host's network namespace when user namespaces are enabled"},
	{BODY("'UsernsMode':'auto','PidMode':'host'"),
	 "cannot share the host PID namespace when user namespaces are enabled"},
	/* security */
	{BODY("'CapAdd':['FLY']"), "invalid CapAdd: unknown capability: \"CAP_FLY\""},
	{BODY("'CapDrop':['CAP_FLY']"), "invalid CapDrop: unknown capability: \"CAP_FLY\""},
	{BODY("'SecurityOpt':['x']"), "invalid --security-opt 1: \"x\""},
	{BODY("'SecurityOpt':['x=y']"), "invalid --security-opt 2: \"x=y\""},
	{BODY("'SecurityOpt':['no-new-privileges=maybe']"),
	 "invalid --security-opt 2: \"no-new-privileges=maybe\""},
	{BODY("'SecurityOpt':['systempaths=confined']"),
	 "invalid --security-opt 2: \"systempaths=confined\""},
	{BODY("'Ulimits':[{'Name':'as','Soft':1,'Hard':1}]"), "invalid ulimit type: as"},
	{BODY("'Ulimits':[{'Name':'nofile','Soft':3,'Hard':2}]"),
	 "ulimit soft limit must be less than or equal to hard limit: 3 > 2"},
	{BODY("'Ulimits':[{'Name':'nofile','Soft':-1,'Hard':2}]"), "soft: -1 (unlimited), hard: 2"},
	{BODY("'Ulimits':[{'Name':'nofile','Soft':-2,'Hard':2}]"), "invalid ulimit argument"},
	{BODY("'DeviceCgroupRules':['c 1:3']"), "invalid device cgroup rule format: 'c 1:3'"},
	{BODY("'DeviceCgroupRules':['d 1:3 rwm']"),
	 "invalid device cgroup rule format: 'd 1:3 rwm'"},
	{BODY("'DeviceCgroupRules':['c 1:3 rwx']"),
	 "invalid device cgroup rule format: 'c 1:3 rwx'"},
	{BODY("'DeviceCgroupRules':['c 1:3 rwm rwm']"), "invalid device cgroup rule format"},
	{BODY("'Devices':[{'PathOnHost':'null'}]"), "bad format for path: null"},
	{BODY("'Devices':[{'PathOnHost':'/dev/null','CgroupPermissions':'rx'}]"),
	 "invalid device mode: rx"},
	/* names */
	{BODY("'VolumesFrom':['']"), "volumes-from specification cannot be an empty string"},
	{BODY("'VolumesFrom':['c:rx']"), "invalid mode: rx"},
	{BODY("'VolumesFrom':['c:nocopy']"), "invalid mode: nocopy"},
	{BODY("'Annotations':{'':'x'}"), "the empty string is not permitted as an annotation key"},
	{BODY("'CgroupParent':'/a/../../b'"), "invalid cgroup parent: /a/../../b"},
	{BODY("'Sysctls':{'../kernel/core_pattern':'x'}"),
	 "invalid sysctl: ../kernel/core_pattern"},
	{BODY("'MaskedPaths':['proc']"), "masked and read-only paths must be absolute"},
	{BODY("'Tmpfs':7"), "key 'HostConfig.Tmpfs' is of type int, wanted object"},
	/* network */
	{BODY("'PortBindings':{'x':[]}"), "invalid port specification: \"x\""},
	{BODY("'PortBindings':{'0/tcp':[]}"), "invalid port specification: \"0/tcp\""},
	{BODY("'PortBindings':{'80/icmp':[]}"), "invalid port specification: \"80/icmp\""},
	{BODY("'PortBindings':{'80':[{'HostPort':'9-8'}]}"), "invalid port specification: \"9-8\""},
	{BODY("'PortBindings':{'80':[{'HostPort':'70000'}]}"),
	 "invalid port specification: \"70000\""},
	{BODY("'PortBindings':{'80':[{'HostIp':'localhost'}]}"), "invalid IP address: localhost"},
	{BODY("'ExtraHosts':['x']"), "bad format for add-host: \"x\""},
	{BODY("'ExtraHosts':[':1.2.3.4']"), "bad format for add-host: \":1.2.3.4\""},
	{BODY("'ExtraHosts':['a b:1.2.3.4']"), "bad format for add-host: \"a b:1.2.3.4\""},
	{BODY("'ExtraHosts':['x:1.2.3']"), "invalid IP address in add-host: \"1.2.3\""},
	{BODY("'Dns':['one']"), "invalid IP address: one"},
	{BODY("'DnsSearch':['a\\nb']"), "DnsSearch: \"a?b\""},
	{BODY("'NetworkMode':'container:'"), "invalid container format container:<name|id>"},
	{BODY("'NetworkMode':'container'"), "invalid container format container:<name|id>"},
	{BODY("'NetworkMode':'container:c','Dns':['1.1.1.1']"),
	 "conflicting options: dns and the network mode"},
	{BODY("'NetworkMode':'container:c','Links':['a:b']"),
	 "container type network can't be used with links"},
	{BODY("'NetworkMode':'container:c','ExtraHosts':['a:1.1.1.1']"),
	 "conflicting options: custom host-to-IP mapping and the network mode"},
	{BODY("'NetworkMode':'container:c','PublishAllPorts':true"),
	 "conflicting options: port publishing and the container type network mode"},
	{"{'Image':'x','Cmd':['a'],'ExposedPorts':{'80':{}},'HostConfig':"
	 "{'NetworkMode':'container:c'}}",
	 "conflicting options: port exposing and the container type network mode"},
	{"{'Image':'x','Cmd':['a'],'Hostname':'h','HostConfig':{'NetworkMode':'container:c'}}",
	 "conflicting options: hostname and the network mode"},
	{"{'Image':'x','Cmd':['a'],'Hostname':'h','HostConfig':{'UTSMode':'host'}}",
	 "conflicting options: hostname and the UTS mode"},
	{BODY("'NetworkMode':'host','Links':['a:b']"),
	 "host type networking can't be used with links"},
	{"{'Image':'x','Cmd':['a'],'MacAddress':'02','HostConfig':{}}", "invalid MAC address: 02"},
	{"{'Image':'x','Cmd':['a'],'MacAddress':'02:42:ac:11:00:02','HostConfig':"
	 "{'NetworkMode':'host'}}",
	 "conflicting options: mac-address and the network mode"},
	{"{'Image':'x','Cmd':['a'],'MacAddress':'02:42:ac:11:00:02','NetworkingConfig':"
	 "{'EndpointsConfig':{'default':{'MacAddress':'02:42:ac:11:00:03'}}}}",
	 "the container-wide MAC address must match the endpoint-specific MAC address"},
	{"{'Image':'x','Cmd':['a'],'NetworkingConfig':{'EndpointsConfig':{'n':{'IPAMConfig':"
	 "{'IPv4Address':'::1'}}}}}",
	 "invalid config for network n: invalid IPv4 address: ::1"},
	/* the container itself */
	{"{'Image':'x','Cmd':['a'],'WorkingDir':'opt'}",
	 "the working directory 'opt' is invalid, it needs to be an absolute path"},
	{"{'Image':'x','Cmd':['a'],'StopSignal':'SIGNOPE'}", "invalid signal: SIGNOPE"},
	{"{'Image':'x','Cmd':['a'],'Env':['=x']}", "invalid environment variable: =x"},
	{"{'Image':'x','Cmd':['a'],'Hostname':'a b'}", "invalid hostname format: a b"},
	{"{'Image':'x','Cmd':['a'],'Hostname':'a\\nb'}", "invalid hostname format: a?b"},
	{"{'Image':'x','Cmd':['a'],'Hostname':"
	 "'01234567890123456789012345678901234567890123456789012345678901234'}",
	 "is too long (maximum 64 bytes)"},
	{"{'Image':'x','Cmd':['a'],'ExposedPorts':{'http':{}}}",
	 "invalid port specification: http"},
	{"{'Image':'x','Cmd':['a'],'Healthcheck':{'Interval':1}}",
	 "Interval in Healthcheck cannot be less than 1ms"},
	{"{'Image':'x','Cmd':['a'],'Healthcheck':{'StartPeriod':-1}}",
	 "StartPeriod in Healthcheck cannot be less than 1ms"},
	{"{'Image':'x','Cmd':['a'],'Healthcheck':{'Retries':-1}}",
	 "Retries in Healthcheck cannot be negative"},
};

START_TEST(each_mistake_is_refused_in_dockers_words)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int r = try_merge(refusals[i].body);

		if (r == -BERTH_E_INVALID && strstr(err.text, refusals[i].says))
			continue;
		(void)fprintf(stderr, "%s\n  wanted: %s\n  got:    %s\n", refusals[i].body,
			      refusals[i].says, r == 0 ? "no failure" : err.text);
		wrong++;
	}
	ck_assert_msg(wrong == 0, "%d differ", wrong);
}
END_TEST

START_TEST(devices_by_drivers_are_refused_as_docker_does_without_one)
{
	ck_fails(BERTH_E_UNSUPPORTED,
		 try_merge(BODY("'DeviceRequests':[{'Count':-1,'Capabilities':[['gpu']]}]")));
	ck_says("could not select device driver \"\" with capabilities: [[\"gpu\"]]");
}
END_TEST

START_TEST(what_is_right_at_the_border_is_taken)
{
	static const char *const bodies[] = {
		BODY("'Memory':6291456,'MemorySwap':6291456,'MemoryReservation':6291456"),
		BODY("'Memory':67108864,'MemorySwap':-1"),
		BODY("'NanoCpus':1000000000"),
		BODY("'CpuPeriod':1000,'CpuQuota':1000"),
		BODY("'CpuPeriod':1000000,'CpuQuota':-1"),
		BODY("'CpusetCpus':'0','CpusetMems':'0'"),
		BODY("'BlkioWeight':10"),
		BODY("'OomScoreAdj':-1000"),
		BODY("'IpcMode':'shareable','PidMode':'container:x','UsernsMode':'host'"),
		BODY("'CapAdd':['ALL'],'CapDrop':['all','cap_mknod']"),
		BODY("'SecurityOpt':['no-new-privileges:true','seccomp=unconfined','label=disable',"
		     "'apparmor=unconfined','writable-cgroups=false']"),
		BODY("'Ulimits':[{'Name':'core','Soft':-1,'Hard':-1}]"),
		BODY("'DeviceCgroupRules':['a *:* rwm','b 8:* r','c 10:229 m']"),
		BODY("'PortBindings':{'80/SCTP':[{'HostIp':'::1','HostPort':'8000-8010'}]}"),
		BODY("'ExtraHosts':['a:host-gateway','b:2001:db8::1']"),
		BODY("'VolumesFrom':['c','d:ro','e:rw,z']"),
		BODY("'Sysctls':{'net.ipv4.conf.eth0/1.forwarding':'1'}"),
		"{'Image':'x','Cmd':['a'],'StopSignal':'RTMIN+3','Hostname':"
		"'0123456789012345678901234567890123456789012345678901234567890123'}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		ck_ok(try_merge(bodies[i]));
}
END_TEST

START_TEST(a_hundred_thousand_entries_are_refused_before_they_cost_anything)
{
	cleanup_str struct str text = STR_INIT;
	cleanup_record struct record *body = NULL;
	struct record *m = NULL;

	str_add(&text, "{\"Cmd\":[\"a\"],\"Env\":[\"A=1\"");
	for (int i = 0; i < 100000; i++)
		str_add(&text, ",\"A=1\"");
	str_add(&text, "]}");
	ck_ok(record_parse(text.p, text.len, 0, &body, &err));
	ck_fails(BERTH_E_LIMIT, spec_merge(&engine, body, NULL, &m, &err));
	ck_says("key 'Env' has 100001 entries, at most 65536 are allowed");
}
END_TEST

START_TEST(sixty_thousand_variables_of_an_image_are_merged_in_no_time)
{
	cleanup_str struct str text = STR_INIT;
	cleanup_record struct record *below = NULL, *body = NULL;
	cleanup_record struct record *m = NULL;
	struct timespec from, to;

	str_add(&text, "{\"config\":{\"Cmd\":[\"a\"],\"Env\":[\"X=1\"");
	for (int i = 0; i < 60000; i++)
		str_addf(&text, ",\"V%d=1\"", i);
	str_add(&text, "]}}");
	ck_ok(record_parse(text.p, text.len, 0, &below, &err));
	str_clear(&text);
	str_add(&text, "{\"Env\":[\"X=2\"");
	for (int i = 0; i < 60000; i++)
		str_addf(&text, ",\"V%d=2\"", i);
	str_add(&text, "]}");
	ck_ok(record_parse(text.p, text.len, 0, &body, &err));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	ck_ok(spec_merge(&engine, body, below, &m, &err));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ck_assert_uint_eq(record_len(record_path(m, "Config.Env")), 60001);
	/* quadratic, it would be minutes */
	ck_assert_int_lt(to.tv_sec - from.tv_sec, 5);
}
END_TEST

static const struct {
	const char *text;
	int number;
} signals[] = {
	{"TERM", 15},	 {"SIGTERM", 15}, {"sigkill", 9},  {"15", 15},		{"RTMIN", 34},
	{"RTMIN+3", 37}, {"RTMAX", 64},	  {"rtmax-1", 63}, {"SIGRTMIN+15", 49}, {"64", 64},
};

START_TEST(signals_have_names_and_numbers)
{
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int number = 0;

		ck_ok(spec_signal(signals[i].text, &number, &err));
		ck_assert_msg(number == signals[i].number, "'%s' is %d", signals[i].text, number);
	}
}
END_TEST

START_TEST(what_is_no_signal_is_refused)
{
	static const char *const bad[] = {"",	     "0",      "65",	   "-1",
					  "TERMS",   "SIG",    "RTMIN+16", "RTMAX+1",
					  "RTMIN-1", "RTMIN+", "15 ",	   "SIGSIGTERM"};
	int number = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_fails(BERTH_E_INVALID, spec_signal(bad[i], &number, &err));
		ck_says("invalid signal: ");
	}
	ck_assert_int_eq(number, 77);
}
END_TEST

int main(int argc, char *argv[])
{
	read_args(argc, argv);
	return CK_MAIN(
		"spec/merge", a_body_without_host_config_gets_every_default,
		a_full_body_keeps_dockers_order_and_all_values,
		what_the_user_says_is_above_the_image, what_the_user_leaves_open_is_the_images,
		an_entrypoint_of_the_user_drops_the_images_command,
		a_healthcheck_is_merged_field_by_field, an_image_that_says_nonsense_does_no_harm,
		an_image_with_wrong_types_is_refused_by_the_keys_name,
		keys_are_found_whatever_their_case_and_null_is_absent,
		empty_lists_stay_empty_and_absent_ones_null, a_privileged_container_masks_nothing,
		the_default_masks_what_leaks_from_the_host,
		no_limit_on_processes_is_null_however_it_is_said,
		the_mac_address_moves_to_the_main_network,
		warnings_come_only_if_there_is_something_to_say,
		each_mistake_is_refused_in_dockers_words,
		devices_by_drivers_are_refused_as_docker_does_without_one,
		what_is_right_at_the_border_is_taken,
		a_hundred_thousand_entries_are_refused_before_they_cost_anything,
		sixty_thousand_variables_of_an_image_are_merged_in_no_time,
		signals_have_names_and_numbers, what_is_no_signal_is_refused);
}
