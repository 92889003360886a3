/* SPDX-License-Identifier: Apache-2.0 */
#include "seat.h"

#include <stdlib.h>
#include <unistd.h>

static __thread const struct wire_port *here;

bool seat_is_here(void)
{
	return here != NULL;
}

bool seat_say(enum wire_type type, const struct wire *w)
{
	if (!here)
		return false;
	if (wire_send(here, type, w, NULL) < 0)
		_exit(EXIT_FAILURE); /* nobody is there to work for */
	return true;
}

/* --- a call's arguments ------------------------------------------------------------------------
 */

static void get_list(struct wire *w, const struct wire_struct *type, union wire_arg *a)
{
	uint64_t n = wire_get_max(w, WIRE_ITEMS_MAX);
	size_t size = wire_struct_size(type);
	char *all = n ? wire_room(w, n * size) : NULL;

	for (uint64_t i = 0; i < n && !w->bad; i++) {
		const void *one = wire_get_struct(w, type);

		if (one)
			memcpy(all + i * size, one, size);
		else
			w->bad = true;
	}
	a->list.p = all;
	a->list.n = (uint32_t)n;
	a->list.stride = (uint32_t)size;
}

static void get_preserved(struct call *c, struct wire *w, uint32_t n)
{
	if (n > WIRE_PRESERVE_MAX)
		w->bad = true;
	c->preserved = wire_room(w, (n + 1) * sizeof(int));
	for (uint32_t i = 0; i < n && !w->bad; i++)
		c->preserved[c->n_preserved++] = wire_get_fd(w);
}

static void get_struct(struct call *c, struct wire *w, char letter, union wire_arg *a)
{
	a->p = wire_get_struct(w, wire_struct_of(letter));
	if (letter == 'C' && a->p)
		get_preserved(c, w, ((const struct berth_launch *)a->p)->preserve_fds);
	if (letter == 'X' && a->p)
		get_preserved(c, w, ((const struct berth_exec *)a->p)->preserve_fds);
	if (letter == 'W')
		c->where = wire_get_u64(w);
}

static void get_arg(struct call *c, struct wire *w, char letter, union wire_arg *a)
{
	switch (letter) {
	case 'u':
		a->u = wire_get_u64(w);
		return;
	case 's':
		a->s = wire_get_str(w);
		return;
	case 'b':
		a->b = wire_get_bytes(w);
		return;
	case 'f':
		a->fd = wire_get_fd(w);
		return;
	case 'o':
		if (wire_get_max(w, 1)) {
			c->op = (struct berth_op){.fd = wire_get_fd(w)};
			a->op = &c->op;
		}
		return;
	case 'c':
		a->conf = (const struct berth_conf *)wire_get_conf(w);
		return;
	case 'k':
		a->sink = wire_get_max(w, 1) ? &c->sink : NULL;
		return;
	case 'i':
		a->fn.id = lend_id;
		return;
	case 'g':
		a->fn.change = lend_change;
		return;
	case 'd':
		a->fn.desc = lend_desc;
		return;
	case 'n':
	case 'e':
		get_list(w, wire_struct_of(letter), a);
		return;
	default:
		get_struct(c, w, letter, a);
	}
}

/* The room for what the driver is to fill. */
static void get_room(struct wire *w, char letter, union wire_arg *a)
{
	const struct wire_struct *type = wire_struct_of(letter);

	if (letter == 'B') {
		a->buf.n = wire_get_max(w, WIRE_CHUNK);
		a->buf.p = wire_room(w, a->buf.n + 1);
	} else if (letter == 'f' || letter == 'w') {
		a->fd = -1;
	} else if (type && letter != 'P') {
		bool is_wanted = wire_get_max(w, 1);
		uint32_t size = (uint32_t)wire_get_max(w, UINT32_MAX);

		a->ret = is_wanted ? wire_room(w, wire_struct_size(type)) : NULL;
		if (size > wire_struct_size(type))
			size = (uint32_t)wire_struct_size(type);
		if (a->ret)
			memcpy(a->ret, &size, sizeof(size));
	}
}

static void decode(struct call *c, struct wire *w)
{
	const char *at = c->what->signature;
	bool is_result;
	char letter;

	for (size_t i = 0; (letter = wire_next(&at, &is_result)); i++) {
		if (is_result)
			get_room(w, letter, &c->a[i]);
		else
			get_arg(c, w, letter, &c->a[i]);
	}
}

/* --- its results -------------------------------------------------------------------------------
 */

static void put_result(struct wire *w, char letter, const union wire_arg *a)
{
	switch (letter) {
	case 'u':
		wire_put_u64(w, a->u);
		return;
	case 'f':
	case 'w':
		wire_put_fd(w, a->fd);
		return;
	case 'B':
		wire_put_bytes(w, a->buf.p, a->buf.n);
		return;
	default:
		wire_put_struct(w, wire_struct_of(letter), letter == 'P' ? a->p : a->ret);
	}
}

static void put_error(struct wire *w, const struct berth_error *err, bool is_wanted)
{
	bool was_said = is_wanted && err->code != 0;

	wire_put_u64(w, was_said);
	if (!was_said)
		return;
	wire_put_u64(w, (uint32_t)err->code);
	wire_put_u64(w, (uint32_t)err->sys_errno);
	wire_put_str(w, err->text);
	wire_put_str(w, err->hint);
}

static void answer(const struct call *c, int r, const struct berth_error *err, bool wants_err)
{
	cleanup_wire struct wire w = {0};
	const char *at = c->what->signature;
	bool is_result;
	char letter;

	wire_put_u64(&w, (uint32_t)r);
	for (size_t i = 0; (letter = wire_next(&at, &is_result)); i++)
		if (is_result && (r == 0 || letter == 'R'))
			put_result(&w, letter, &c->a[i]);
	if (r != 0)
		put_error(&w, err, wants_err);
	(void)seat_say(WIRE_RESULT, &w);
}

/* --- what is ours no more ----------------------------------------------------------------------
 */

static void close_list(const struct wire_struct *type, const union wire_arg *a)
{
	for (uint32_t i = 0; i < a->list.n; i++)
		wire_close_struct(type, (char *)(uintptr_t)a->list.p + (size_t)i * a->list.stride);
}

static void close_argument(char letter, union wire_arg *a)
{
	const struct wire_struct *type = wire_struct_of(letter);

	if (letter == 'f')
		close_fd(&a->fd);
	else if (letter == 'n' || letter == 'e')
		close_list(type, a);
	else if (type)
		wire_close_struct(type, (void *)(uintptr_t)a->p);
}

/* Descriptors that came for the call, and those that went with its results. */
static void close_all(struct call *c, int r)
{
	const char *at = c->what->signature;
	bool is_result;
	char letter;

	for (size_t i = 0; (letter = wire_next(&at, &is_result)); i++) {
		if (!is_result)
			close_argument(letter, &c->a[i]);
		else if (r == 0 && letter == 'f')
			close_fd(&c->a[i].fd);
		else if (r == 0 && letter == 'A' && c->a[i].ret)
			wire_close_struct(wire_struct_of(letter), c->a[i].ret);
	}
	for (size_t i = 0; i < c->n_preserved; i++)
		close_fd(&c->preserved[i]);
	if (c->op.fd >= 0 && !c->keeps_op)
		(void)close(c->op.fd);
}

/* --- calls -------------------------------------------------------------------------------------
 */

static int head_call(struct call *c, struct berth_error *err)
{
	const struct berth_driver *head = &served.head;
	void *instance = NULL;
	int r;

	switch (c->number) {
	case WIRE_PROBE:
		return head->probe(&served.host, c->a[0].conf, c->a[1].fd, c->a[2].sink, err);
	case WIRE_OPEN:
		r = head->open(&served.host, c->a[0].conf, c->a[1].fd, &instance, err);
		c->a[2].u = (uintptr_t)instance;
		return r;
	case WIRE_RELOAD:
		return head->reload(c->object, c->a[0].conf, err);
	case WIRE_STATUS:
		return head->status(c->object, c->a[0].sink, err);
	default:
		head->close(c->object);
		return 0;
	}
}

static int make(struct call *c, struct berth_error *err)
{
	if (c->number < WIRE_KIND)
		return head_call(c, err);
	switch ((enum berth_kind)served.head.kind) {
	case BERTH_STORAGE:
		return storage_call(c, err);
	case BERTH_NETWORK:
		return network_call(c, err);
	case BERTH_ISOLATION:
		return isolation_call(c, err);
	case BERTH_REGISTRY:
		return registry_call(c, err);
	}
	return -BERTH_E_INTERNAL;
}

static void serve_call(struct wire *w)
{
	struct call c = {.op.fd = -1};
	struct berth_error err = {0};
	bool wants_err;
	int r;

	c.number = (unsigned)wire_get_max(w, UINT32_MAX);
	c.object = (void *)(uintptr_t)wire_get_u64(w);
	wants_err = wire_get_max(w, 1);
	c.what = wire_call(served.head.kind, c.number);
	if (!c.what)
		_exit(EXIT_FAILURE);
	decode(&c, w);
	if (wire_check(w, NULL) < 0)
		_exit(EXIT_FAILURE);
	r = make(&c, wants_err ? &err : NULL);
	answer(&c, r, &err, wants_err);
	close_all(&c, r);
}

static int take_answer(struct wire *w, struct berth_error *err)
{
	int r = (int)(uint32_t)wire_get_max(w, UINT32_MAX);
	int sys_errno = (int)(uint32_t)wire_get_max(w, UINT32_MAX);
	const char *text = wire_get_text(w), *hint = wire_get_text(w);

	if (wire_check(w, NULL) < 0)
		_exit(EXIT_FAILURE);
	if (r < 0 && err) {
		err->code = -r;
		err->sys_errno = sys_errno;
		(void)snprintf(err->text, sizeof(err->text), "%s", text);
		(void)snprintf(err->hint, sizeof(err->hint), "%s", hint);
	}
	return r;
}

int seat_ask(enum wire_type type, const struct wire *w, struct berth_error *err)
{
	if (!seat_say(type, w))
		return berth_fail(err, BERTH_E_INTERNAL, "not on the thread of a call");
	for (;;) {
		cleanup_wire struct wire got = {0};
		enum wire_type what;

		if (wire_recv(here, &what, &got, NULL) < 0)
			_exit(EXIT_FAILURE);
		if (what == WIRE_ANSWER)
			return take_answer(&got, err);
		if (what != WIRE_CALL)
			_exit(EXIT_FAILURE);
		serve_call(&got);
	}
}

/* The thread that is told of channels, too. */
static void *serve_channel(void *arg)
{
	seat_serve((int)(intptr_t)arg);
	return NULL;
}

static void begin_channel(struct wire *w)
{
	int fd = wire_get_fd(w);
	pthread_t thread;

	if (wire_check(w, NULL) < 0 || fd < 0 ||
	    pthread_create(&thread, NULL, serve_channel, (void *)(intptr_t)fd) != 0)
		_exit(EXIT_FAILURE);
	(void)pthread_detach(thread);
}

void seat_serve(int fd)
{
	struct wire_port port = {.fd = fd};

	here = &port;
	for (;;) {
		cleanup_wire struct wire w = {0};
		enum wire_type type;

		if (wire_recv(&port, &type, &w, NULL) < 0)
			break;
		if (type == WIRE_CALL)
			serve_call(&w);
		else if (type == WIRE_CHANNEL)
			begin_channel(&w);
		else
			_exit(EXIT_FAILURE);
	}
	here = NULL;
	(void)close(fd);
}
