/* SPDX-License-Identifier: Apache-2.0 */
/* What a container uses, as the JSON object that berth/isolation.h describes. */
#include <fcntl.h>

#include "base/path.h"
#include "base/record_write.h"
#include "cgroup.h"

enum { FILE_MAX = 64 * 1024, DEVICES_MAX = 64 };

/* "No limit" of v1 is the largest number of pages. */
static bool is_limit(uint64_t bytes)
{
	return bytes < UINT64_C(0x7ffffffffffff000);
}

static void put_file(struct jw *w, const char *key, const struct cgroup_dir *d, const char *file)
{
	uint64_t value;

	if (cgroup_read_u64(d, file, &value))
		jw_key_uint(w, key, value);
}

static void put_value(struct jw *w, const char *key, const char *text, const char *name,
		      uint64_t factor)
{
	uint64_t value;

	if (cgroup_value(text, name, &value))
		jw_key_uint(w, key, value * factor);
}

static void put_cpu(struct jw *w, const struct cgroup *cg)
{
	const struct cgroup_dir *usage = cgroup_dir_of(cg, CGROUP_CPUACCT);
	const struct cgroup_dir *cpu = cgroup_dir_of(cg, CGROUP_CPU);
	char text[2048];

	jw_key_object(w, "cpu");
	if (usage && usage->v2 && cgroup_read(usage, "cpu.stat", text, sizeof(text))) {
		put_value(w, "usage_ns", text, "usage_usec", 1000);
		put_value(w, "user_ns", text, "user_usec", 1000);
		put_value(w, "system_ns", text, "system_usec", 1000);
	} else if (usage && !usage->v2) {
		put_file(w, "usage_ns", usage, "cpuacct.usage");
		put_file(w, "user_ns", usage, "cpuacct.usage_user");
		put_file(w, "system_ns", usage, "cpuacct.usage_sys");
	}
	if (cpu && cgroup_read(cpu, "cpu.stat", text, sizeof(text))) {
		put_value(w, "throttled_ns", text, cpu->v2 ? "throttled_usec" : "throttled_time",
			  cpu->v2 ? 1000 : 1);
		put_value(w, "periods", text, "nr_periods", 1);
		put_value(w, "throttled_periods", text, "nr_throttled", 1);
	}
	jw_object_end(w);
}

static void put_memory(struct jw *w, const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CGROUP_MEMORY);
	char text[8192];
	uint64_t limit;

	jw_key_object(w, "memory");
	if (d) {
		put_file(w, "usage", d, d->v2 ? "memory.current" : "memory.usage_in_bytes");
		if (cgroup_read_u64(d, d->v2 ? "memory.max" : "memory.limit_in_bytes", &limit) &&
		    is_limit(limit))
			jw_key_uint(w, "limit", limit);
		if (cgroup_read(d, "memory.stat", text, sizeof(text)))
			put_value(w, "cache", text, d->v2 ? "file" : "total_cache", 1);
		put_file(w, "peak", d, d->v2 ? "memory.peak" : "memory.max_usage_in_bytes");
		if (!d->v2)
			put_file(w, "failcnt", d, "memory.failcnt");
		else if (cgroup_read(d, "memory.events", text, sizeof(text)))
			put_value(w, "failcnt", text, "max", 1);
		jw_key_uint(w, "oom_kills", cgroup_oom_kills(cg));
	}
	jw_object_end(w);
}

/* Without the pids controller: count the tasks of a group that there is. */
static uint64_t count_tasks(const struct cgroup *cg)
{
	cleanup_free char *text = NULL;
	cleanup_fd int fd = -1;
	uint64_t n = 0;
	size_t len;

	if (!cg->n)
		return 0;
	fd = openat(cg->dir[0].fd, cg->dir[0].v2 ? "cgroup.threads" : "tasks",
		    O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read_fd_limited(fd, 16 * 1024 * 1024, &text, &len, NULL) < 0)
		return 0;
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static void put_pids(struct jw *w, const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CGROUP_PIDS);

	jw_key_object(w, "pids");
	if (d) {
		put_file(w, "current", d, "pids.current");
		put_file(w, "limit", d, "pids.max"); /* "max" is no number, and left out */
	} else {
		jw_key_uint(w, "current", count_tasks(cg));
	}
	jw_object_end(w);
}

struct device_io {
	unsigned major, minor;
	uint64_t read_bytes, write_bytes, read_ops, write_ops;
};

struct io {
	struct device_io v[DEVICES_MAX];
	size_t n;
};

static struct device_io *io_of(struct io *io, unsigned major, unsigned minor)
{
	for (size_t i = 0; i < io->n; i++)
		if (io->v[i].major == major && io->v[i].minor == minor)
			return &io->v[i];
	if (io->n == DEVICES_MAX)
		return NULL;
	io->v[io->n] = (struct device_io){.major = major, .minor = minor};
	return &io->v[io->n++];
}

/* v1: "8:0 Read 4096" lines, one file for bytes and one for operations. */
static void read_v1_io(struct io *io, const char *text, bool ops)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		struct device_io *d;
		unsigned major, minor;
		char word[16];
		unsigned long long value;

		if (sscanf(p, "%u:%u %15s %llu", &major, &minor, word, &value) != 4)
			continue;
		d = io_of(io, major, minor);
		if (d && strcmp(word, "Read") == 0)
			*(ops ? &d->read_ops : &d->read_bytes) = value;
		else if (d && strcmp(word, "Write") == 0)
			*(ops ? &d->write_ops : &d->write_bytes) = value;
	}
}

static void read_v2_io(struct io *io, const char *text)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		unsigned long long rbytes, wbytes, rios, wios;
		unsigned major, minor;
		struct device_io *d;

		if (sscanf(p, "%u:%u rbytes=%llu wbytes=%llu rios=%llu wios=%llu", &major, &minor,
			   &rbytes, &wbytes, &rios, &wios) != 6)
			continue;
		d = io_of(io, major, minor);
		if (d)
			*d = (struct device_io){major, minor, rbytes, wbytes, rios, wios};
	}
}

static void read_io(struct io *io, const struct cgroup_dir *d)
{
	static const struct {
		const char *file;
		bool ops;
	} files[] = {
		{"blkio.throttle.io_service_bytes_recursive", false},
		{"blkio.throttle.io_serviced_recursive", true},
	};
	cleanup_free char *text = malloc(FILE_MAX);

	if (!text)
		return;
	if (d->v2 && cgroup_read(d, "io.stat", text, FILE_MAX))
		read_v2_io(io, text);
	for (int i = 0; i < 2 && !d->v2; i++)
		if (cgroup_read(d, files[i].file, text, FILE_MAX))
			read_v1_io(io, text, files[i].ops);
}

static void put_io(struct jw *w, const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CGROUP_BLKIO);
	struct io io = {.n = 0};

	if (d)
		read_io(&io, d);
	jw_key_array(w, "io");
	for (size_t i = 0; i < io.n; i++) {
		jw_object_begin(w);
		jw_key_uint(w, "major", io.v[i].major);
		jw_key_uint(w, "minor", io.v[i].minor);
		jw_key_uint(w, "read_bytes", io.v[i].read_bytes);
		jw_key_uint(w, "write_bytes", io.v[i].write_bytes);
		jw_key_uint(w, "read_ops", io.v[i].read_ops);
		jw_key_uint(w, "write_ops", io.v[i].write_ops);
		jw_object_end(w);
	}
	jw_array_end(w);
}

int cgroup_stats(const struct cgroup *cg, struct str *json, struct berth_error *err)
{
	struct jw w = jw_to(json, RECORD_COMPACT);

	jw_object_begin(&w);
	put_cpu(&w, cg);
	put_memory(&w, cg);
	put_pids(&w, cg);
	put_io(&w, cg);
	jw_object_end(&w);
	return str_check(json, err);
}
