/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "report.h"
#include "verb.h"

static const struct report_line lines[] = {
	{"Containers", "Containers", 0, NULL},
	{"Running", "ContainersRunning", 1, NULL},
	{"Paused", "ContainersPaused", 1, NULL},
	{"Stopped", "ContainersStopped", 1, NULL},
	{"Images", "Images", 0, NULL},
	{"Server Version", "ServerVersion", 0, NULL},
	{"Storage Driver", "Driver", 0, NULL},
	{"Error", "Drivers.storage.Error", 1, NULL},
	{"Why", "Drivers.storage.Auto", 1, NULL},
	{"Network Driver", "Drivers.network.Name", 0, NULL},
	{"Error", "Drivers.network.Error", 1, NULL},
	{"Isolation Driver", "Drivers.isolation.Name", 0, NULL},
	{"Error", "Drivers.isolation.Error", 1, NULL},
	{"Cgroup Driver", "CgroupDriver", 0, NULL},
	{"Cgroup Version", "CgroupVersion", 0, NULL},
	{"Kernel Version", "KernelVersion", 0, NULL},
	{"Operating System", "OperatingSystem", 0, NULL},
	{"OSType", "OSType", 0, NULL},
	{"Architecture", "Architecture", 0, NULL},
	{"CPUs", "NCPU", 0, NULL},
	{"Total Memory", "TotalMemory", 0, NULL},
	{"Name", "Name", 0, NULL},
	{"Root Dir", "DockerRootDir", 0, NULL},
	{"Config File", "ConfigFile", 0, NULL},
	{0},
};

/* for the text only: "7.655GiB" */
static int add_memory(struct record *info, struct berth_error *err)
{
	char text[STR_SIZE_MAX];
	uint64_t bytes = 0;

	if (!record_uint(record_get(info, "MemTotal"), &bytes))
		return 0;
	return record_set_str(info, "TotalMemory", str_human_size(bytes, STR_SIZE_BINARY, 4, text),
			      err);
}

int info_verb(struct cli *cli, const struct options *o)
{
	const char *format = options_str(o, "format");
	cleanup_record struct record *info = NULL;
	struct berth_error err;
	int r = cli_engine(cli, &err);

	if (r == 0)
		r = engine_info(cli->engine, &info, &err);
	if (r == 0 && !(format && format[0]))
		r = add_memory(info, &err);
	return r < 0 ? cli_fail(cli, NULL, &err) : report_print(cli, format, NULL, lines, info);
}
