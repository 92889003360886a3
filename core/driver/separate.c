/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate_call.h"

#include <fcntl.h>

#include "base/path.h"

/* --- objects -------------------------------------------------------------- */

static struct proxy *new_proxy(struct separate *s, const struct berth_host *host)
{
	struct proxy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->s = s;
	p->host = host;
	p->instance = p;
	p->state_fd = p->wait_fd = p->signal_fd = -1;
	(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

struct proxy *proxy_new(struct proxy *instance)
{
	struct proxy *p = new_proxy(instance->s, instance->host);

	if (p)
		p->instance = instance;
	return p;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	if (p->conf.out.p) /* may hold a secret */
		explicit_bzero(p->conf.out.p, p->conf.out.cap);
	wire_done(&p->conf);
	wire_done(&p->held);
	str_done(&p->saved);
	close_fd(&p->state_fd);
	close_fd(&p->wait_fd);
	close_fd(&p->signal_fd);
	free(p->id);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* --- instances ------------------------------------------------------------ */

/* Opens it with what the frame has; the handle is kept. */
static int open_remote(struct proxy *p, struct frame *f, struct berth_error *err)
{
	union wire_arg a[] = {{.p = NULL}, {.fd = p->state_fd}, {.u = 0}};
	struct frame opening = {.s = f->s,
				.process = f->process,
				.channel = f->channel,
				.host = p->host,
				.a = a,
				.kept_conf = &p->conf};
	int r = transact(&opening, WIRE_OPEN, 0, err);

	if (r != 0)
		return r;
	p->remote = a[2].u;
	p->life = f->process->life;
	return 0;
}

/* The process of @f is another one than that which knew @p: make it known there. */
static int revive(struct proxy *p, struct frame *f, struct berth_error *err)
{
	int r = 0;

	(void)pthread_mutex_lock(&p->instance->lock);
	if (p->instance->life != f->process->life) {
		r = open_remote(p->instance, f, err);
		if (r != 0 && err && r != -BERTH_E_DRIVER_DIED)
			berth_error_prefix(err, "open it again");
	}
	(void)pthread_mutex_unlock(&p->instance->lock);
	if (r != 0 || p->life == f->process->life)
		return r;
	if (!p->id)
		return berth_fail(err, BERTH_E_DRIVER_DIED,
				  "the process of driver '%s' that made it is gone", p->s->name);
	(void)pthread_mutex_lock(&p->lock);
	if (p->life != f->process->life)
		r = sandbox_recover(p, f, err);
	(void)pthread_mutex_unlock(&p->lock);
	return r;
}

int proxy_call_held(struct proxy *p, unsigned call, union wire_arg *a, struct wire *held,
		    struct berth_error *err)
{
	struct frame f = {.s = p->s,
			  .host = p->host,
			  .a = a,
			  .held = held,
			  .op = p->op,
			  .signal_fd = p->signal_fd,
			  .keeps_signal = p->op != NULL};
	cleanup_str struct str said = STR_INIT;
	int r;

	if (p->s->head.kind == BERTH_ISOLATION && call == ISO_SAVE)
		f.copy = &said;
	r = process_take(p->s, &f.process, &f.channel, err);

	if (r < 0)
		return r;
	r = revive(p, &f, err);
	if (r == 0)
		r = transact(&f, call, p->remote, err);
	process_give(p->s, f.process, f.channel);
	if (r == 0 && f.copy) {
		struct str old = p->saved;

		p->saved = said;
		said = old;
	}
	return r;
}

int proxy_call(struct proxy *p, unsigned call, union wire_arg *a, struct berth_error *err)
{
	return proxy_call_held(p, call, a, NULL, err);
}

int proxy_make(struct proxy *instance, unsigned call, union wire_arg *a, size_t at,
	       struct proxy **ret, struct berth_error *err)
{
	struct frame f = {.s = instance->s, .host = instance->host, .a = a, .signal_fd = -1};
	bool is_stream = instance->s->head.kind == BERTH_REGISTRY && call == REG_FETCH;
	struct proxy *made = proxy_new(instance);
	int r;

	if (!made)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = process_take(f.s, &f.process, &f.channel, err);
	if (r == 0) {
		r = revive(instance, &f, err);
		f.keeps_signal = is_stream;
		if (r == 0)
			r = transact(&f, call, instance->remote, err);
		made->life = f.process->life;
		process_give(f.s, f.process, f.channel);
	}
	made->remote = a[at].u;
	if (is_stream) {
		made->op = f.op;
		made->signal_fd = f.signal_fd;
	}
	if (r != 0 || !made->remote) {
		proxy_free(made);
		made = NULL;
	}
	if (r == 0)
		*ret = made;
	return r;
}

/* Not worth a new process: what it knew died with it. */
static bool is_known(struct proxy *p)
{
	bool is;

	(void)pthread_mutex_lock(&p->s->lock);
	is = p->s->process && p->life == p->s->process->life &&
	     p->s->process->owner == getpid();
	(void)pthread_mutex_unlock(&p->s->lock);
	return is;
}

void proxy_drop(struct proxy *p, unsigned call)
{
	union wire_arg none[1] = {{0}};

	if (!p)
		return;
	p->op = NULL; /* may be gone by now */
	if (is_known(p))
		(void)proxy_call(p, call, none, NULL); /* it cannot fail, but for a death */
	proxy_free(p);
}

/* --- the head ------------------------------------------------------------- */

/* open and probe are told of no instance yet: so each driver has functions of its own. */
static struct separate *slots[SEPARATE_MAX];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static int head_open(struct separate *s, const struct berth_host *host,
		     const struct berth_conf *conf, int state_fd, void **ret,
		     struct berth_error *err)
{
	struct proxy *p = new_proxy(s, host);
	struct frame f = {.s = s};
	int r = 0;

	if (!p)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	p->conf.host = host;
	p->conf.head = &s->head;
	wire_put_conf(&p->conf, conf);
	p->state_fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (p->state_fd < 0)
		r = berth_fail_errno(err, errno, "keep the state directory");
	if (r == 0)
		r = process_take(s, &f.process, &f.channel, err);
	if (r == 0) {
		r = open_remote(p, &f, err);
		process_give(s, f.process, f.channel);
	}
	if (r != 0) {
		proxy_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

static int head_probe(struct separate *s, const struct berth_host *host,
		      const struct berth_conf *conf, int scratch_fd, struct berth_sink *findings,
		      struct berth_error *err)
{
	union wire_arg a[] = {{.conf = conf}, {.fd = scratch_fd}, {.sink = findings}};
	struct frame f = {.s = s, .host = host, .a = a};
	int r = process_take(s, &f.process, &f.channel, err);

	if (r < 0)
		return r;
	r = transact(&f, WIRE_PROBE, 0, err);
	process_give(s, f.process, f.channel);
	return r;
}

/* The new options count when it is opened again, too. */
static int head_reload(void *instance, const struct berth_conf *conf, struct berth_error *err)
{
	struct proxy *p = instance;
	struct wire changed = {.host = p->host, .head = &p->s->head};
	union wire_arg a[] = {{.conf = conf}};
	int r = proxy_call(p, WIRE_RELOAD, a, err);

	if (r != 0)
		return r;
	wire_put_conf(&changed, conf);
	(void)pthread_mutex_lock(&p->lock);
	wire_done(&p->conf);
	p->conf = changed;
	(void)pthread_mutex_unlock(&p->lock);
	return 0;
}

static int head_status(void *instance, struct berth_sink *json, struct berth_error *err)
{
	union wire_arg a[] = {{.sink = json}};

	return proxy_call(instance, WIRE_STATUS, a, err);
}

static void head_close(void *instance)
{
	proxy_drop(instance, WIRE_CLOSE);
}

#define EACH_SLOT(X)                                                                               \
	X(0)                                                                                       \
	X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)     \
		X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29)      \
			X(30) X(31)
#define SLOT_FUNCTIONS(i)                                                                          \
	static int open_##i(const struct berth_host *host, const struct berth_conf *conf,          \
			    int state_fd, void **ret, struct berth_error *err)                     \
	{                                                                                          \
		return head_open(slots[i], host, conf, state_fd, ret, err);                        \
	}                                                                                          \
	static int probe_##i(const struct berth_host *host, const struct berth_conf *conf,         \
			     int scratch_fd, struct berth_sink *findings, struct berth_error *err) \
	{                                                                                          \
		return head_probe(slots[i], host, conf, scratch_fd, findings, err);                \
	}
EACH_SLOT(SLOT_FUNCTIONS)

#define SLOT_ENTRY(i) {open_##i, probe_##i},
static const struct {
	int (*open)(const struct berth_host *host, const struct berth_conf *conf, int state_fd,
		    void **ret, struct berth_error *err);
	int (*probe)(const struct berth_host *host, const struct berth_conf *conf, int scratch_fd,
		     struct berth_sink *findings, struct berth_error *err);
} slot_calls[SEPARATE_MAX] = {EACH_SLOT(SLOT_ENTRY)};

static bool take_slot(struct separate *s)
{
	bool found = false;

	(void)pthread_mutex_lock(&slots_lock);
	for (unsigned i = 0; i < SEPARATE_MAX && !found; i++) {
		if (slots[i])
			continue;
		slots[i] = s;
		s->slot = i;
		found = true;
	}
	(void)pthread_mutex_unlock(&slots_lock);
	return found;
}

/* --- what it says of itself ----------------------------------------------- */

static const struct {
	size_t size;
	const void *ops;
} tables[] = {
	[BERTH_STORAGE] = {sizeof(struct berth_storage_ops), &separate_storage},
	[BERTH_NETWORK] = {sizeof(struct berth_network_ops), &separate_network},
	[BERTH_ISOLATION] = {sizeof(struct berth_isolation_ops), &separate_isolation},
	[BERTH_REGISTRY] = {sizeof(struct berth_registry_ops), &separate_registry},
};

static const struct berth_option *read_options(struct wire *w)
{
	uint64_t n = wire_get_max(w, WIRE_OPTIONS_MAX);
	struct berth_option *options = wire_room(w, (n + 1) * sizeof(*options));

	for (uint64_t i = 0; i < n && !w->bad; i++) {
		struct berth_option *o = &options[i];

		o->name = wire_get_text(w);
		o->type = (uint32_t)wire_get_max(w, UINT32_MAX);
		o->flags = (uint32_t)wire_get_max(w, UINT32_MAX);
		o->fallback = wire_get_str(w);
		o->choices = wire_get_str(w);
		o->doc = wire_get_str(w);
	}
	return n ? options : NULL;
}

/* Which calls it has, a bit each: ours in their places. */
static void read_calls(struct separate *s, struct wire *w)
{
	uint64_t has = wire_get_u64(w);
	const struct wire_call *call;
	uint32_t kind = s->head.kind;

	for (unsigned i = WIRE_KIND; (call = wire_call(kind, i)); i++) {
		if (has >> i & 1)
			memcpy((char *)&s->ops + call->offset,
			       (const char *)tables[kind].ops + call->offset,
			       sizeof(void (*)(void)));
	}
	s->head.ops = &s->ops;
	s->head.ops_size = (uint32_t)tables[kind].size;
	s->head.open = has >> WIRE_OPEN & 1 ? slot_calls[s->slot].open : NULL;
	s->head.close = has >> WIRE_CLOSE & 1 ? head_close : NULL;
	s->head.probe = has >> WIRE_PROBE & 1 ? slot_calls[s->slot].probe : NULL;
	s->head.reload = has >> WIRE_RELOAD & 1 ? head_reload : NULL;
	s->head.status = has >> WIRE_STATUS & 1 ? head_status : NULL;
}

static int read_head(struct separate *s, struct berth_error *err)
{
	struct wire *w = &s->hello;
	struct berth_driver *h = &s->head;
	int r = (int32_t)(uint32_t)wire_get_max(w, UINT32_MAX);

	if (r != 0) {
		const char *text = wire_get_text(w);

		return berth_fail(err, BERTH_E_INVALID, "%s", text);
	}
	h->size = sizeof(*h);
	h->host_min = (uint32_t)wire_get_max(w, UINT32_MAX);
	h->threads = (uint32_t)wire_get_max(w, UINT32_MAX);
	h->caps = wire_get_u64(w);
	h->needs = wire_get_u64(w);
	h->name = wire_get_str(w);
	h->version = wire_get_str(w);
	h->summary = wire_get_str(w);
	h->option_size = sizeof(struct berth_option);
	h->options = read_options(w);
	read_calls(s, w);
	if (wire_check(w, NULL) < 0 || !str_eq(h->name, s->name))
		return berth_fail(err, BERTH_E_INVALID,
				  "its process introduced itself with nonsense");
	s->is_single = h->threads == BERTH_THREADS_ONE || h->kind == BERTH_ISOLATION;
	return 0;
}

/* --- life ----------------------------------------------------------------- */

/* Beside an installed berth or a helper of it, in a build tree, or where it was configured to be. */
static int find_program(const char *given, char **ret, struct berth_error *err)
{
	static const char *const places[] = {"", "../libexec/berth/", "../driver-host/",
					     "../../programs/driver-host/"};
	cleanup_fd int self = given ? -1 : open("/proc/self/exe", O_PATH | O_CLOEXEC);
	cleanup_free char *own = NULL;
	int dir;

	if (given)
		return str_copy(given, ret, err);
	if (self >= 0)
		(void)path_of_fd(self, &own, NULL);
	dir = own ? (int)(path_base(own) - own) : 0;
	for (size_t i = 0; own && i < sizeof(places) / sizeof(places[0]); i++) {
		cleanup_free char *path = str_fmt("%.*s%sberth-driver-host", dir, own, places[i]);

		if (path && access(path, X_OK) == 0) {
			*ret = steal_ptr(path);
			return 0;
		}
	}
	return str_copy(BERTH_LIBEXECDIR "/berth-driver-host", ret, err);
}

static void init_locks(struct separate *s)
{
	pthread_mutexattr_t recursive;

	(void)pthread_mutexattr_init(&recursive);
	(void)pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&s->turn, &recursive);
	(void)pthread_mutexattr_destroy(&recursive);
	(void)pthread_mutex_init(&s->lock, NULL);
}

static void separate_free_at(struct separate **s)
{
	separate_free(*s);
}

int separate_load(const char *program, const char *path, uint32_t kind, const char *name,
		  struct separate **ret, struct berth_error *err)
{
	__attribute__((cleanup(separate_free_at))) struct separate *s = NULL;
	int r;

	if (kind < BERTH_STORAGE || kind > BERTH_REGISTRY)
		return berth_fail(err, BERTH_E_INVALID, "there is no kind %u of drivers", kind);
	s = calloc(1, sizeof(*s));
	if (!s)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	init_locks(s);
	s->head.kind = kind;
	s->timeout_ms = SEPARATE_TIMEOUT_MS;
	s->slot = SEPARATE_MAX;
	if (!take_slot(s))
		return berth_fail(err, BERTH_E_LIMIT,
				  "more than %d drivers in processes of their own", SEPARATE_MAX);
	r = find_program(program, &s->program, err);
	if (r == 0)
		r = str_copy(path, &s->path, err);
	if (r == 0)
		r = str_copy(name, &s->name, err);
	if (r == 0)
		r = process_first(s, &s->hello, err);
	if (r == 0)
		r = read_head(s, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(s);
	return 0;
}

const struct berth_driver *separate_head(const struct separate *s)
{
	return &s->head;
}

void separate_set_timeout(struct separate *s, uint64_t ms)
{
	s->timeout_ms = ms < INT32_MAX ? ms : INT32_MAX;
}

int separate_pid(struct separate *s)
{
	int pid;

	(void)pthread_mutex_lock(&s->lock);
	pid = s->process ? s->process->pid : 0;
	(void)pthread_mutex_unlock(&s->lock);
	return pid;
}

void separate_renew(struct separate *s)
{
	process_stop(s);
}

void separate_free(struct separate *s)
{
	if (!s)
		return;
	process_stop(s);
	if (s->slot < SEPARATE_MAX) {
		(void)pthread_mutex_lock(&slots_lock);
		slots[s->slot] = NULL;
		(void)pthread_mutex_unlock(&slots_lock);
	}
	wire_done(&s->hello);
	free(s->program);
	free(s->path);
	free(s->name);
	(void)pthread_mutex_destroy(&s->turn);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
