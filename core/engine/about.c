/* SPDX-License-Identifier: Apache-2.0 */
/* SystemVersion and SystemInfo: what `berth version` and `berth info` print. */
#include "core/engine/engine.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/clock.h"
#include "base/record_write.h"

/** Engine API versions that the records of this core follow. */
#define API_VERSION	"1.50"
#define API_VERSION_MIN "1.24"

static const char *machine_arch(const struct utsname *u)
{
	static const char *const names[][2] = {{"x86_64", "amd64"},    {"aarch64", "arm64"},
					       {"armv7l", "arm"},      {"i686", "386"},
					       {"ppc64le", "ppc64le"}, {"s390x", "s390x"},
					       {"riscv64", "riscv64"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(u->machine, names[i][0]))
			return names[i][1];
	return u->machine;
}

static int finish(struct str *out, struct record **ret, struct berth_error *err)
{
	int r = str_check(out, err);

	return r == 0 ? record_parse(out->p, out->len, 0, ret, err) : r;
}

int engine_version(struct engine *e, struct record **ret, struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);
	struct utsname u;

	(void)e;
	(void)uname(&u);
	jw_object_begin(&w);
	jw_key_object(&w, "Platform");
	jw_key_str(&w, "Name", "berth");
	jw_object_end(&w);
	jw_key_str(&w, "Version", BERTH_VERSION);
	jw_key_str(&w, "ApiVersion", API_VERSION);
	jw_key_str(&w, "MinAPIVersion", API_VERSION_MIN);
	jw_key_int(&w, "DriverABI", BERTH_ABI);
	jw_key_str(&w, "Os", "linux");
	jw_key_str(&w, "Arch", machine_arch(&u));
	jw_key_str(&w, "KernelVersion", u.release);
	jw_object_end(&w);
	return finish(&out, ret, err);
}

static int64_t count(struct store *store, const char *sql)
{
	cleanup_db_stmt struct db_stmt *q = NULL;

	if (db_query(store->db, &q, NULL, sql, "") < 0 || db_step(q, NULL) <= 0)
		return 0;
	return db_int(q, 0);
}

static void counts_write(struct jw *w, struct store *store)
{
	static const char *const sql[][2] = {
		{"Containers", "SELECT count(*) FROM container"},
		{"ContainersRunning", "SELECT count(*) FROM container WHERE state='running'"},
		{"ContainersPaused", "SELECT count(*) FROM container WHERE state='paused'"},
		{"ContainersStopped", "SELECT count(*) FROM container WHERE state NOT IN"
				      "('running','paused')"},
		{"Images", "SELECT count(*) FROM image"},
	};

	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
		jw_key_int(w, sql[i][0], count(store, sql[i][1]));
}

/** {"Name", "Status" of the driver itself, or "Error"} for the default driver of each kind. */
static void driver_write(struct jw *w, struct engine *e, uint32_t kind)
{
	cleanup_str struct str status = STR_INIT, reasons = STR_INIT;
	cleanup_sink struct berth_sink *sink = NULL;
	struct berth_error err = {0};
	struct storage *st;
	const char *name;

	jw_key_object(w, driver_kind_name(kind));
	if (drivers_default(e->drivers, kind, &name, &err) < 0) {
		jw_key_str(w, "Error", err.text);
	} else {
		jw_key_str(w, "Name", name);
		if (kind == BERTH_STORAGE &&
		    drivers_auto_reasons(e->drivers, &reasons, NULL) == 0 && reasons.len)
			jw_key_str(w, "Auto", str_text(&reasons));
		if (kind == BERTH_STORAGE && drivers_storage(e->drivers, name, &st, &err) < 0)
			jw_key_str(w, "Error", err.text);
		else if (kind == BERTH_STORAGE && st->head->status &&
			 sink_new(&status, 65536, &sink, NULL) == 0 &&
			 st->head->status(st->st, sink, NULL) == 0 && status.len > 0)
			jw_key_raw(w, "Status", str_text(&status));
	}
	jw_object_end(w);
}

static const char *cgroup_version(void)
{
	struct statfs st;

	if (statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC)
		return "2";
	return "1";
}

static void os_name(struct str *out)
{
	cleanup_file FILE *f = fopen("/etc/os-release", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		const char *value = str_after(line, "PRETTY_NAME=");

		if (!value)
			continue;
		value += *value == '"';
		str_add_n(out, value, strcspn(value, "\"\n"));
		return;
	}
	str_add(out, "Linux");
}

int engine_info(struct engine *e, struct record **ret, struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT, os = STR_INIT;
	struct jw w = jw_to(&out, RECORD_COMPACT);
	char text[CLOCK_TEXT_MAX];
	struct sysinfo s = {0};
	const char *storage = "";
	struct utsname u;

	(void)uname(&u);
	(void)sysinfo(&s);
	os_name(&os);
	jw_object_begin(&w);
	counts_write(&w, e->store);
	if (drivers_default(e->drivers, BERTH_STORAGE, &storage, NULL) < 0)
		storage = "";
	jw_key_str(&w, "Driver", storage);
	jw_key_object(&w, "Drivers");
	for (uint32_t kind = BERTH_STORAGE; kind <= BERTH_ISOLATION; kind++)
		driver_write(&w, e, kind);
	jw_object_end(&w);
	jw_key_str(&w, "DockerRootDir", e->config->root);
	jw_key_str(&w, "ConfigFile", e->config->file ? e->config->file : "");
	jw_key_str(&w, "CgroupDriver", "cgroupfs");
	jw_key_str(&w, "CgroupVersion", cgroup_version());
	jw_key_str(&w, "KernelVersion", u.release);
	jw_key_str(&w, "OperatingSystem", str_text(&os));
	jw_key_str(&w, "OSType", "linux");
	jw_key_str(&w, "Architecture", u.machine);
	jw_key_int(&w, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
	jw_key_uint(&w, "MemTotal", (uint64_t)s.totalram * s.mem_unit);
	jw_key_str(&w, "Name", u.nodename);
	jw_key_str(&w, "ServerVersion", BERTH_VERSION);
	jw_key_str(&w, "SystemTime", clock_format(clock_now_ns(), text));
	jw_object_end(&w);
	return finish(&out, ret, err);
}
