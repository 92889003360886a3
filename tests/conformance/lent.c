/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/lent.h"

#include <check.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static struct str log_lines;

static void log_str(const struct berth_host *host, uint32_t level, const char *text)
{
	str_addf(&log_lines, "%u %s\n", level, text);
}

static bool cancelled(struct berth_op *op)
{
	if (op && ++op->polls == op->cancel_at)
		op->cancelled = true;
	return op && op->cancelled;
}

static int cancel_fd(struct berth_op *op)
{
	if (!op)
		return -1;
	if (op->fd < 0)
		op->fd = eventfd(op->cancelled, EFD_CLOEXEC);
	return op->fd;
}

static void progress(struct berth_op *op, uint64_t done, uint64_t total, const char *unit)
{
	if (op)
		op->done = done;
}

static const char *conf_str(const struct berth_conf *conf, const char *key)
{
	for (size_t i = 0; conf && conf->pairs && conf->pairs[i]; i++) {
		const char *value = str_after(conf->pairs[i], key);

		if (value && value[0] == '=')
			return value + 1;
	}
	for (const struct berth_option *o = conf ? conf->options : NULL; o && o->name; o++) {
		if (str_eq(o->name, key))
			return o->fallback;
	}
	return NULL;
}

static uint32_t type_of(const struct berth_conf *conf, const char *key)
{
	for (const struct berth_option *o = conf ? conf->options : NULL; o && o->name; o++) {
		if (str_eq(o->name, key))
			return o->type;
	}
	return BERTH_OPT_U64;
}

static int conf_u64(const struct berth_conf *conf, const char *key, uint64_t *ret)
{
	const char *value = conf_str(conf, key);

	if (!value)
		return -BERTH_E_NOT_FOUND;
	if (type_of(conf, key) == BERTH_OPT_SIZE)
		return parse_size(value, ret);
	if (type_of(conf, key) == BERTH_OPT_DURATION)
		return parse_duration_ms(value, ret);
	return parse_u64(value, UINT64_MAX, ret);
}

static bool conf_bool(const struct berth_conf *conf, const char *key)
{
	const char *value = conf_str(conf, key);
	bool on = false;

	return value && parse_bool(value, &on) == 0 && on;
}

static int sink_put(struct berth_sink *sink, const char *bytes, size_t n)
{
	if (sink->text.len + n > sink->limit)
		return -BERTH_E_LIMIT;
	str_add_n(&sink->text, bytes, n);
	return 0;
}

static int finding(struct berth_sink *sink, uint32_t level, const char *id, const char *text,
		   const char *fix)
{
	struct record *one = record_new_object();

	if (!sink->findings)
		sink->findings = record_new_array();
	ck_assert(record_set_int(one, "level", level, NULL) == 0);
	ck_assert(record_set_str(one, "id", id, NULL) == 0);
	ck_assert(record_set_str(one, "text", text, NULL) == 0);
	if (fix)
		ck_assert(record_set_str(one, "fix", fix, NULL) == 0);
	return record_append(sink->findings, one, NULL);
}

static int spawn(const struct berth_host *host, const char *const argv[], const char *const envp[],
		 const int fds[], size_t n_fds, int *ret_pidfd, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_DENIED, "tests lend no programs");
}

static int socket_in(const struct berth_host *host, int netns_fd, int domain, int type,
		     int protocol, int *ret_fd, struct berth_error *err)
{
	cleanup_fd int own = -1;
	int fd;

	if (netns_fd >= 0) {
		own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (own < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
			return berth_fail_errno(err, errno, "enter the network namespace");
	}
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	if (netns_fd >= 0)
		ck_assert(setns(own, CLONE_NEWNET) == 0);
	if (fd < 0)
		return berth_fail_errno(err, errno, "socket");
	*ret_fd = fd;
	return 0;
}

static int event(const struct berth_host *host, const char *topic, struct berth_str json)
{
	return 0;
}

static int credential(const struct berth_host *host, const char *registry, struct berth_sink *sink,
		      struct berth_error *err)
{
	return berth_fail(err, BERTH_E_NOT_FOUND, "tests lend no credentials");
}

const struct berth_host *lent_host(void)
{
	static const struct berth_host host = {
		.size = sizeof(host),
		.abi = BERTH_ABI,
		.engine = "berth-tests 1",
		.log_str = log_str,
		.cancelled = cancelled,
		.cancel_fd = cancel_fd,
		.progress = progress,
		.conf_str = conf_str,
		.conf_u64 = conf_u64,
		.conf_bool = conf_bool,
		.conf_json = conf_str,
		.sink_put = sink_put,
		.finding = finding,
		.spawn = spawn,
		.socket_in = socket_in,
		.event = event,
		.credential = credential,
	};

	return &host;
}

const struct berth_driver *lent_load(const char *path)
{
	void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays: drivers are never unloaded */
	berth_driver_v1_fn entry;

	ck_assert_msg(file, "dlopen: %s", dlerror());
	*(void **)&entry = dlsym(file, "berth_driver_v1");
	ck_assert_msg(entry, "'%s' has no entry", path);
	ck_assert_ptr_nonnull(entry(0));
	ck_assert_ptr_null(entry(1));
	return entry(0);
}

void lent_cancel(struct berth_op *op)
{
	uint64_t one = 1;

	op->cancelled = true;
	if (op->fd >= 0)
		ck_assert(write(op->fd, &one, sizeof(one)) == sizeof(one));
}

void lent_op_done(struct berth_op *op)
{
	close_fd(&op->fd);
}

void lent_sink_done(struct berth_sink *sink)
{
	str_done(&sink->text);
	record_free(sink->findings);
	sink->findings = NULL;
}

int lent_finding(const struct berth_sink *sink, const char *id)
{
	for (size_t i = 0; i < record_len(sink->findings); i++) {
		const struct record *one = record_at(sink->findings, i);

		if (str_eq(record_str(record_get(one, "id")), id))
			return (int)record_int_or(record_get(one, "level"), 0);
	}
	return 0;
}

const char *lent_log(void)
{
	static struct str last;

	str_done(&last);
	last = log_lines;
	log_lines = (struct str)STR_INIT;
	return str_text(&last);
}
