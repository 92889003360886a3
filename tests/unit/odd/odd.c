/* SPDX-License-Identifier: Apache-2.0 */
#include "odd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include <berth/isolation.h>
#include <berth/network.h>
#include <berth/registry.h>
#include <berth/storage.h>

#ifdef ODD_UNDEFINED
void odd_nobody_has_this(void);
#endif

static bool is(const char *word)
{
	const char *list = getenv("ODD");
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, len) == 0 && (at[len] == '\0' || at[len] == ','))
			return true;
	}
	return false;
}

static bool str_is(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

__attribute__((constructor)) static void loaded(void)
{
	const char *path = getenv("ODD_LOADS");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd >= 0 && write(fd, "x", 1) == 1)
		(void)close(fd);
	if (is("load-segv"))
		(void)raise(SIGSEGV);
	if (is("load-abort"))
		abort();
	if (is("load-exit"))
		exit(3);
	if (is("load-exit-0"))
		exit(0);
	while (is("load-hang"))
		(void)pause();
#ifdef ODD_UNDEFINED
	odd_nobody_has_this();
#endif
}

/* --- the head ------------------------------------------------------------- */

static int odd_open(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		    void **ret_instance, struct berth_error *err)
{
	struct odd *odd;

	if (is("open-fails"))
		return berth_fail(err, BERTH_E_CORRUPT, "state of format 7");
	if (is("open-nonsense"))
		return 7;
	if (is("open-silent"))
		return -BERTH_E_BUSY;
	odd = calloc(1, sizeof(*odd));
	if (!odd)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	odd->host = host;
	odd->conf = conf;
	*ret_instance = odd;
	return 0;
}

static void odd_close(void *instance)
{
	struct odd *odd = instance;

	if (odd && odd->closed)
		(*odd->closed)++;
	free(odd);
}

static int odd_status(void *instance, struct berth_sink *json, struct berth_error *err)
{
	struct odd *odd = instance;
	int r = berth_sink_str(odd->host, json, is("status-list") ? "[]" : "{\"Layers\": 3}");

	return r < 0 ? berth_fail(err, -r, "no room") : 0;
}

static int odd_probe(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		     struct berth_sink *findings, struct berth_error *err)
{
	int fd;

	if (is("probe-fails"))
		return berth_fail(err, BERTH_E_IO, "the probe cannot be made");
	fd = openat(scratch_fd, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return berth_fail_errno(err, errno, "make a file");
	(void)close(fd);
	if (!is("probe-leaves"))
		(void)unlinkat(scratch_fd, "file", 0);
	if (is("probe-bad"))
		return host->finding(findings, BERTH_FINDING_ERROR, "odd.mount",
				     "mounts do not work here", "ask the admin");
	return host->finding(findings, BERTH_FINDING_OK, "odd.mount", "mounts work", NULL);
}

static const struct berth_option options[] = {
	{"word", BERTH_OPT_STR, BERTH_OPT_PER_OBJECT, "apple", NULL, "A word."},
	{"flag", BERTH_OPT_BOOL, BERTH_OPT_PER_OBJECT, "yes", NULL, "A flag."},
	{"number", BERTH_OPT_U64, 0, NULL, NULL, "A number."},
	{"size", BERTH_OPT_SIZE, BERTH_OPT_PER_OBJECT, "4k", NULL, "A size."},
	{"wait", BERTH_OPT_DURATION, BERTH_OPT_RELOADABLE, "2s", NULL, "A duration."},
	{"place", BERTH_OPT_PATH, 0, NULL, NULL, "A path."},
	{"mode", BERTH_OPT_ENUM, 0, "slow", "slow|fast", "A choice."},
	{"password", BERTH_OPT_SECRET, 0, NULL, NULL, "A secret."},
	{"extra", BERTH_OPT_JSON, BERTH_OPT_PER_OBJECT, NULL, NULL, "Anything."},
	{NULL},
};

static const struct berth_option required[] = {
	{"key", BERTH_OPT_STR, BERTH_OPT_REQUIRED, NULL, NULL, "Must be given."},
	{NULL},
};

/* Tables that are refused, by the word that brings them. */
static const struct {
	const char *word;
	struct berth_option table[3];
} wrong_options[] = {
	{"option-twice", {{"a", BERTH_OPT_STR}, {"a", BERTH_OPT_STR}, {NULL}}},
	{"option-name", {{"Not-good", BERTH_OPT_STR}, {NULL}}},
	{"option-type", {{"a", 77}, {NULL}}},
	{"option-no-choices", {{"a", BERTH_OPT_ENUM}, {NULL}}},
	{"option-choices", {{"a", BERTH_OPT_STR, 0, NULL, "x|y"}, {NULL}}},
	{"option-default", {{"a", BERTH_OPT_SIZE, 0, "many"}, {NULL}}},
	{"option-both", {{"a", BERTH_OPT_STR, BERTH_OPT_REQUIRED, "x"}, {NULL}}},
};

/* --- calls, as few as will do --------------------------------------------- */

static int net_attach(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_op *op,
		      struct berth_sink *state, struct berth_attached *ret, struct berth_error *err)
{
	struct pollfd p = {.fd = op ? ((struct odd *)(void *)net)->host->cancel_fd(op) : -1,
			   .events = POLLIN};

	if (desc && str_is(desc->id, "waits") && poll(&p, 1, -1) > 0)
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	while (desc && str_is(desc->id, "deaf"))
		(void)pause();
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

/* Does what the network's id says. */
static int net_detach(struct berth_network *net, const struct berth_net_desc *desc,
		      const struct berth_endpoint *ep, struct berth_error *err)
{
	const char *word = desc ? desc->id : NULL;

	if (str_is(word, "crashes"))
		abort();
	if (str_is(word, "exits"))
		_exit(3);
	while (str_is(word, "hangs"))
		(void)pause();
	if (str_is(word, "fails")) {
		(void)berth_fail(err, BERTH_E_BUSY, "it is in use");
		berth_error_hint(err, "wait");
		return -BERTH_E_BUSY;
	}
	if (str_is(word, "counts")) /* how many calls this process has seen */
		return berth_fail(err, BERTH_E_LIMIT, "%u", ++((struct odd *)(void *)net)->calls);
	return 0;
}

static int net_each(struct berth_network *net, berth_id_fn fn, void *arg, struct berth_error *err)
{
	return fn(arg, "network/odd");
}

static int st_begin(struct berth_storage *st, const struct berth_layer_desc *desc,
		    struct berth_op *op, struct berth_ingest **ret, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static int st_commit(struct berth_ingest *in, const char *parent, struct berth_op *op,
		     struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static void st_abort(struct berth_ingest *in)
{
}

static int st_remove(struct berth_storage *st, const char *name, struct berth_error *err)
{
	return 0;
}

static int st_create(struct berth_storage *st, const char *view, const char *layer, uint32_t flags,
		     const struct berth_conf *conf, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static int st_plan(struct berth_storage *st, const char *view, const struct berth_view_opts *opts,
		   const struct berth_plan **ret, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static int st_each(struct berth_storage *st, uint32_t flags, berth_id_fn fn, void *arg,
		   struct berth_error *err)
{
	return 0;
}

static int iso_create(struct berth_isolation *iso, const struct berth_launch *launch,
		      struct berth_op *op, struct berth_sandbox **ret, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static int iso_info(struct berth_sandbox *sb, struct berth_sandbox_info *ret,
		    struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static int iso_plain(struct berth_sandbox *sb, struct berth_error *err)
{
	return 0;
}

static int iso_signal(struct berth_sandbox *sb, int32_t signo, uint32_t flags,
		      struct berth_error *err)
{
	return 0;
}

static int iso_wait_fd(struct berth_sandbox *sb, int *ret_fd, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static int iso_reap(struct berth_sandbox *sb, struct berth_exit *ret, struct berth_error *err)
{
	return berth_fail(err, BERTH_E_UNSUPPORTED, "odd");
}

static void iso_forget(struct berth_sandbox *sb)
{
}

static struct berth_network_ops net_ops;
static struct berth_storage_ops st_ops;
static struct berth_isolation_ops iso_ops;
static struct berth_registry_ops reg_ops;

/* A later host's table: more calls than we know. */
static struct {
	struct berth_network_ops ops;
	void (*later[4])(void);
} later_ops;

static void make_tables(void)
{
	net_ops = (struct berth_network_ops){
		.attach = net_attach,
		.detach = is("no-detach") ? NULL : net_detach,
		.each = net_each,
	};
	later_ops.ops = net_ops;
	later_ops.later[0] = later_ops.later[3] = (void (*)(void))abort;
	st_ops = (struct berth_storage_ops){
		.ingest_begin = st_begin,
		.ingest_commit = st_commit,
		.ingest_abort = st_abort,
		.layer_remove = st_remove,
		.view_create = st_create,
		.view_remove = is("no-view-remove") ? NULL : st_remove,
		.view_plan = is("plan-without-put") ? st_plan : NULL,
		.each = st_each,
	};
	iso_ops = (struct berth_isolation_ops){
		.create = iso_create,
		.info = iso_info,
		.start = iso_plain,
		.signal = iso_signal,
		.wait_fd = iso_wait_fd,
		.reap = iso_reap,
		.destroy = iso_plain,
		.forget = iso_forget,
	};
}

/* --- what is handed out --------------------------------------------------- */

static void make_kind(struct berth_driver *head)
{
	switch ((enum berth_kind)head->kind) {
	case BERTH_STORAGE:
		head->ops = &st_ops;
		head->ops_size = sizeof(st_ops);
		head->caps = is("promise") ? BERTH_ST_FORM_DIR : 0;
		return;
	case BERTH_NETWORK:
		head->ops = &net_ops;
		head->ops_size = is("old-table") ? offsetof(struct berth_network_ops, each)
						 : sizeof(net_ops);
		head->caps = is("promise") ? BERTH_NET_PUBLISH : BERTH_NET_V4 | UINT64_C(1) << 60;
		if (is("later-table")) {
			head->ops = &later_ops;
			head->ops_size = sizeof(later_ops);
		}
		return;
	case BERTH_ISOLATION:
		head->ops = &iso_ops;
		head->ops_size = sizeof(iso_ops);
		head->caps = is("insecure") ? BERTH_ISO_INSECURE : 0;
		return;
	case BERTH_REGISTRY:
		head->ops = &reg_ops;
		head->ops_size = sizeof(reg_ops);
		head->caps = is("promise") ? BERTH_REG_PULL : 0;
		return;
	}
}

static void make_odd(struct berth_driver *head)
{
	if (is("required"))
		head->options = required;
	for (size_t i = 0; i < sizeof(wrong_options) / sizeof(wrong_options[0]); i++) {
		if (is(wrong_options[i].word))
			head->options = wrong_options[i].table;
	}
	if (is("small-options"))
		head->option_size = 8;
	if (is("small-head"))
		head->size = 48;
	if (is("host-min"))
		head->host_min = 4096;
	if (is("no-open"))
		head->open = NULL;
	if (is("no-close"))
		head->close = NULL;
	if (is("no-ops"))
		head->ops = NULL;
	if (is("no-probe"))
		head->probe = NULL;
	if (is("no-status"))
		head->status = NULL;
	if (is("no-name"))
		head->name = NULL;
	if (is("bad-name"))
		head->name = "../odd";
	if (is("other-name"))
		head->name = "even";
	if (is("no-summary"))
		head->summary = NULL;
	if (is("other-version"))
		head->version = "6.6.6";
	if (is("threads"))
		head->threads = 9;
	if (is("unknown-need"))
		head->needs = UINT64_C(1) << 40;
	if (is("needs-root"))
		head->needs = BERTH_NEEDS_ROOT;
	if (is("needs-process"))
		head->needs = BERTH_NEEDS_PROCESS;
	if (is("needs-spawn"))
		head->needs = BERTH_NEEDS_SPAWN;
	if (is("wild-pointer"))
		head->summary = (const char *)16;
}

__attribute__((visibility("default"))) const struct berth_driver *berth_driver_v1(uint32_t index);
const struct berth_driver *berth_driver_v1(uint32_t index)
{
	/* a later head is longer: what is behind the part that we know must not matter */
	static struct {
		struct berth_driver head;
		char later[64];
	} made[ODD_LAST + 1];
	struct berth_driver *head;

	if (is("entry-segv"))
		(void)raise(SIGSEGV);
	if (is("other-kind") || index > ODD_LAST - ODD_FIRST)
		return NULL;
	make_tables();
	head = &made[index].head;
	*head = (struct berth_driver){
		.size = is("later-head") ? sizeof(made[0]) : sizeof(*head),
		.kind = ODD_FIRST + index,
		.host_min = BERTH_HOST_SIZE_1_0,
		.threads = BERTH_THREADS_FREE,
		.name = "odd",
		.version = "1.0.0",
		.summary = "Odd, for tests.",
		.options = options,
		.option_size = sizeof(struct berth_option),
		.probe = odd_probe,
		.open = odd_open,
		.status = odd_status,
		.close = odd_close,
	};
	make_kind(head);
	make_odd(head);
	return head;
}

/* The preprocessor does not know enum berth_kind. */
#if ODD_FIRST <= 1
BERTH_DRIVER_INFO(storage, BERTH_STORAGE, "odd", "1.0.0");
#endif
#if ODD_FIRST <= 2 && ODD_LAST >= 2
BERTH_DRIVER_INFO(network, BERTH_NETWORK, "odd", "1.0.0");
#endif
#if ODD_LAST >= 4
BERTH_DRIVER_INFO(isolation, BERTH_ISOLATION, "odd", "1.0.0");
BERTH_DRIVER_INFO(registry, BERTH_REGISTRY, "odd", "1.0.0");
#endif
