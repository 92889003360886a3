/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/separate_call.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "base/clock.h"

#define MS (CLOCK_SECOND / 1000)

enum {
	PROTOCOL_TEXT_MAX = 64 * 1024, /* of a line of the log, an event's topic */
	SAVED_MAX = 64 * 1024,	       /* of a sandbox, as berth/isolation.h says */
};

/* --- patience ------------------------------------------------------------- */

static void cancel(struct frame *f)
{
	static const uint64_t one = 1;

	if (f->cancelled_at)
		return;
	f->cancelled_at = clock_mono_ns();
	f->cancel_fd = -1; /* it stays readable */
	if (f->signal_fd >= 0)
		(void)!write(f->signal_fd, &one, sizeof(one)); /* it is new, so it is not full */
}

static int64_t patience_ends(const struct frame *f)
{
	int64_t end = f->silent_at;

	if (f->cancelled_at && f->cancelled_at + SEPARATE_CANCEL_MS * MS < end)
		end = f->cancelled_at + SEPARATE_CANCEL_MS * MS;
	return end;
}

static int give_up(struct frame *f, struct berth_error *err)
{
	static __thread char text[96];

	if (f->cancelled_at && clock_mono_ns() < f->silent_at)
		f->ended = "it did not stop when it was cancelled, and was ended";
	else {
		(void)snprintf(text, sizeof(text), "no answer to '%s' for %llu ms, and was ended",
			       f->call->name, (unsigned long long)f->s->timeout_ms);
		f->ended = text;
	}
	return berth_fail(err, BERTH_E_TIMEOUT, "%s", f->ended);
}

static int wait_frame(void *arg, short events, struct berth_error *err)
{
	struct frame *f = arg;
	int64_t left = patience_ends(f) - clock_mono_ns();
	struct pollfd fds[] = {{.fd = f->channel->fd, .events = events},
			       {.fd = f->process->pidfd, .events = POLLIN},
			       {.fd = f->cancel_fd, .events = POLLIN}};
	int n;

	if (left <= 0)
		return give_up(f, err);
	n = poll(fds, 3, left > INT32_MAX * MS ? INT32_MAX : (int)(left / MS) + 1);
	if (n < 0 && errno != EINTR)
		return berth_fail_errno(err, errno, "wait for a driver");
	if (n > 0 && fds[2].revents)
		cancel(f);
	/* a child of its own may hold the socket open: then only its death tells */
	if (n > 0 && fds[1].revents && !fds[0].revents)
		return berth_fail(err, BERTH_E_UNREACHABLE, "the other end is gone");
	return 0;
}

/* --- arguments ------------------------------------------------------------ */

static void put_list(struct wire *w, const struct wire_struct *type, const union wire_arg *a)
{
	wire_put_u64(w, a->list.n);
	for (uint32_t i = 0; i < a->list.n; i++)
		wire_put_struct(w, type, (const char *)a->list.p + (size_t)i * a->list.stride);
}

/* Descriptors 3 and up of ours, that go to a program. */
static void put_preserved(struct wire *w, uint32_t n)
{
	if (n > WIRE_PRESERVE_MAX)
		w->bad = true;
	for (int fd = 3; !w->bad && fd < 3 + (int)n; fd++)
		wire_put_fd(w, fd);
}

static void put_op(struct frame *f, struct wire *w)
{
	wire_put_u64(w, f->op != NULL);
	if (!f->op)
		return;
	f->cancel_fd = f->host->cancel_fd(f->op);
	f->signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wire_put_fd(w, f->signal_fd);
	if (f->signal_fd < 0)
		w->bad = true;
}

/* Of results only how much room there is. */
static void put_result(struct wire *w, char letter, const union wire_arg *a)
{
	const struct wire_struct *type = wire_struct_of(letter);
	uint32_t size = 0;

	if (letter == 'B') {
		wire_put_u64(w, a->buf.n);
	} else if (type && letter != 'P') {
		if (a->ret)
			memcpy(&size, a->ret, sizeof(size));
		wire_put_u64(w, a->ret != NULL);
		wire_put_u64(w, size);
	}
}

static void put_arg(struct frame *f, struct wire *w, char letter, const union wire_arg *a)
{
	switch (letter) {
	case 'u':
		wire_put_u64(w, a->u);
		return;
	case 's':
		wire_put_str(w, a->s);
		return;
	case 'b':
		wire_put_bytes(w, a->b.p, a->b.n);
		return;
	case 'f':
		wire_put_fd(w, a->fd);
		return;
	case 'o':
		f->op = a->op;
		put_op(f, w);
		return;
	case 'c':
		if (f->kept_conf)
			str_add_n(&w->out, f->kept_conf->out.p, f->kept_conf->out.len);
		else
			wire_put_conf(w, a->conf);
		return;
	case 'k':
		f->sink = a->sink;
		wire_put_u64(w, a->sink != NULL);
		return;
	case 'i':
	case 'g':
	case 'd':
		f->fn = a;
		f->fn_letter = letter;
		return;
	case 'n':
	case 'e':
		put_list(w, wire_struct_of(letter), a);
		return;
	default:
		wire_put_struct(w, wire_struct_of(letter), a->p);
	}
	if (letter == 'C' && a->p)
		put_preserved(w, ((const struct berth_launch *)a->p)->preserve_fds);
	if (letter == 'X' && a->p)
		put_preserved(w, ((const struct berth_exec *)a->p)->preserve_fds);
	if (letter == 'W') /* by which the driver's end knows it again */
		wire_put_u64(w, a->p ? (uint32_t)((const struct berth_where *)a->p)->fd : 0);
}

static int send_call(struct frame *f, const struct wire_port *port, unsigned number,
		     uint64_t remote, bool wants_err, struct berth_error *err)
{
	cleanup_wire struct wire w = {.host = f->host, .head = &f->s->head};
	const char *at = f->call->signature;
	bool is_result;
	char letter;

	wire_put_u64(&w, number);
	wire_put_u64(&w, remote);
	wire_put_u64(&w, wants_err);
	for (size_t i = 0; (letter = wire_next(&at, &is_result)); i++) {
		if (is_result)
			put_result(&w, letter, &f->a[i]);
		else
			put_arg(f, &w, letter, &f->a[i]);
	}
	return wire_send(port, WIRE_CALL, &w, err);
}

/* --- what it says in the middle ------------------------------------------- */

static int tell_item(struct frame *f, enum wire_type type, struct wire *w)
{
	const char *text = type == WIRE_DESC ? NULL : wire_get_text(w);
	uint32_t change = type == WIRE_CHANGE ? (uint32_t)wire_get_max(w, UINT32_MAX) : 0;
	const char *name = type == WIRE_DESC ? wire_get_str(w) : NULL;
	const struct berth_desc *desc = type == WIRE_DESC ? wire_get_struct(w, &wire_desc) : NULL;
	static const char letters[] = {[WIRE_ID] = 'i', [WIRE_CHANGE] = 'g', [WIRE_DESC] = 'd'};
	int r;

	if (wire_check(w, NULL) < 0 || f->fn_letter != letters[type] ||
	    (type == WIRE_DESC && !desc)) {
		w->bad = true;
		return -BERTH_E_CORRUPT;
	}
	if (f->stopped)
		return f->stopped;
	if (type == WIRE_ID)
		r = f->fn->fn.id(f->fn->fn.arg, text);
	else if (type == WIRE_CHANGE)
		r = f->fn->fn.change(f->fn->fn.arg, change, text);
	else
		r = f->fn->fn.desc(f->fn->fn.arg, name, desc);
	f->stopped = r;
	return r;
}

static int put(struct frame *f, struct wire *w)
{
	struct berth_str bytes = wire_get_bytes(w);

	if (wire_check(w, NULL) < 0 || !f->sink) {
		w->bad = true;
		return -BERTH_E_CORRUPT;
	}
	if (f->copy && f->copy->len + bytes.n <= SAVED_MAX)
		str_add_n(f->copy, bytes.p ? bytes.p : "", bytes.n);
	return f->host->sink_put(f->sink, bytes.p ? bytes.p : "", bytes.n);
}

static int finding(struct frame *f, struct wire *w)
{
	uint32_t level = (uint32_t)wire_get_max(w, UINT32_MAX);
	const char *id = wire_get_text(w), *text = wire_get_text(w), *fix = wire_get_str(w);

	if (wire_check(w, NULL) < 0 || !f->sink) {
		w->bad = true;
		return -BERTH_E_CORRUPT;
	}
	return f->host->finding(f->sink, level, id, text, fix);
}

static int credential(struct frame *f, struct wire *w, struct berth_error *err)
{
	const char *registry = wire_get_text(w);

	if (wire_check(w, NULL) < 0 || !f->sink) {
		w->bad = true;
		return -BERTH_E_CORRUPT;
	}
	return f->host->credential(f->host, registry, f->sink, err);
}

static int is_cancelled(struct frame *f, struct wire *w)
{
	if (wire_check(w, NULL) < 0)
		w->bad = true;
	if (!f->op || !f->host->cancelled(f->op))
		return 0;
	cancel(f);
	return 1;
}

static bool log_or_event(struct frame *f, enum wire_type type, struct wire *w)
{
	uint64_t number = wire_get_max(w, UINT32_MAX);
	const char *text = wire_get_text(w);
	struct berth_str json = type == WIRE_EVENT ? wire_get_bytes(w) : (struct berth_str){0};

	if (wire_check(w, NULL) < 0 || strlen(text) > PROTOCOL_TEXT_MAX)
		return false;
	if (type == WIRE_EVENT)
		(void)f->host->event(f->host, text, json); /* best effort */
	else
		f->host->log_str(f->host, (uint32_t)number, text);
	return true;
}

static bool progress(struct frame *f, struct wire *w)
{
	uint64_t done = wire_get_u64(w), total = wire_get_u64(w);
	const char *unit = wire_get_str(w);

	if (wire_check(w, NULL) < 0)
		return false;
	if (f->op)
		f->host->progress(f->op, done, total, unit);
	return true;
}

/* *@ret_answered: it waits for what was returned. false: this is not what was agreed. */
static bool serve(struct frame *f, enum wire_type type, struct wire *w, bool *ret_answered,
		  int *ret_r, struct berth_error *why)
{
	*ret_answered = true;
	switch (type) {
	case WIRE_ID:
	case WIRE_CHANGE:
	case WIRE_DESC:
		*ret_r = tell_item(f, type, w);
		return !w->bad;
	case WIRE_PUT:
		*ret_r = put(f, w);
		return !w->bad;
	case WIRE_FINDING:
		*ret_r = finding(f, w);
		return !w->bad;
	case WIRE_CREDENTIAL:
		*ret_r = credential(f, w, why);
		return !w->bad;
	case WIRE_CANCELLED:
		*ret_r = is_cancelled(f, w);
		return !w->bad;
	case WIRE_LOG:
	case WIRE_EVENT:
		*ret_answered = false;
		return log_or_event(f, type, w);
	case WIRE_PROGRESS:
		*ret_answered = false;
		return progress(f, w);
	case WIRE_HELLO:
	case WIRE_CHANNEL:
	case WIRE_CALL:
	case WIRE_RESULT:
	case WIRE_ANSWER:
		return false;
	}
	return false;
}

static int answer(const struct wire_port *port, int r, const struct berth_error *why,
		  struct berth_error *err)
{
	cleanup_wire struct wire w = {0};

	wire_put_u64(&w, (uint32_t)r);
	wire_put_u64(&w, (uint32_t)why->sys_errno);
	wire_put_str(&w, why->text);
	wire_put_str(&w, why->hint);
	return wire_send(port, WIRE_ANSWER, &w, err);
}

/* --- results -------------------------------------------------------------- */

static bool get_buffer(struct wire *w, union wire_arg *a)
{
	struct berth_str bytes = wire_get_bytes(w);

	if (bytes.n > a->buf.n)
		return false;
	if (bytes.n)
		memcpy(a->buf.p, bytes.p, bytes.n);
	a->buf.n = bytes.n;
	return true;
}

/* The driver's struct to the place of @a; descriptors in it, if any, are the caller's then. */
static bool get_struct(struct frame *f, struct wire *w, char letter, union wire_arg *a)
{
	const struct wire_struct *type = wire_struct_of(letter);
	void *value = wire_get_struct(w, type);

	if (letter == 'P') {
		a->p = value;
		if (value && wire_plan_is_sound(value))
			return true;
		wire_close_struct(type, value);
		return false;
	}
	if (letter == 'A' && value &&
	    ((struct berth_attached *)value)->n_addr >
		    sizeof(((struct berth_attached *)value)->addr) / sizeof(struct berth_addr)) {
		wire_close_struct(type, value);
		return false;
	}
	if (value && a->ret)
		wire_copy_out(type, a->ret, value);
	return value || !a->ret;
}

static bool get_result(struct frame *f, struct wire *w, char letter, union wire_arg *a)
{
	switch (letter) {
	case 'u':
		a->u = wire_get_u64(w);
		return true;
	case 'f':
	case 'w':
		a->fd = wire_get_fd(w);
		return a->fd >= 0;
	case 'B':
		return get_buffer(w, a);
	default:
		return get_struct(f, w, letter, a);
	}
}

static void drop_results(const char *signature, union wire_arg *a)
{
	bool is_result;
	char letter;

	for (size_t i = 0; (letter = wire_next(&signature, &is_result)); i++) {
		if (is_result && strchr("fw", letter))
			close_fd(&a[i].fd);
		else if (is_result && letter == 'A')
			wire_close_struct(wire_struct_of(letter), a[i].ret);
	}
}

/* What the driver answered, if that is one of the answers that there are. */
static bool is_answer(const struct frame *f, int r)
{
	return (r <= 0 && r >= -BERTH_E_INTERNAL) || (f->stopped && r == f->stopped);
}

static void get_error(struct wire *w, struct berth_error *err)
{
	struct berth_error said = {0};
	const char *text, *hint;

	if (!wire_get_max(w, 1))
		return; /* it said nothing: nor do we */
	said.code = (int32_t)wire_get_max(w, UINT32_MAX);
	said.sys_errno = (int32_t)wire_get_max(w, UINT32_MAX);
	text = wire_get_text(w);
	hint = wire_get_text(w);
	(void)snprintf(said.text, sizeof(said.text), "%s", text);
	(void)snprintf(said.hint, sizeof(said.hint), "%s", hint);
	if (!w->bad && err)
		*err = said;
}

/* false: the message makes no sense. */
static bool take_result(struct frame *f, struct wire *w, int *ret_r, struct berth_error *err)
{
	int r = (int32_t)(uint32_t)wire_get_max(w, UINT32_MAX);
	const char *at = f->call->signature;
	struct berth_error said = err ? *err : (struct berth_error){0};
	union wire_arg was[WIRE_ARGS_MAX];
	bool is_result, ok = !w->bad;
	char letter;
	size_t n = 0;

	for (const char *c = at; (letter = wire_next(&c, &is_result)); n++) {
		was[n] = f->a[n];
		if (is_result && strchr("fw", letter))
			f->a[n].fd = -1;
	}
	for (size_t i = 0; ok && (letter = wire_next(&at, &is_result)); i++) {
		if (is_result && (r == 0 || letter == 'R'))
			ok = get_result(f, w, letter, &f->a[i]);
	}
	if (ok && r != 0)
		get_error(w, &said);
	if (!ok || wire_check(w, NULL) < 0) {
		if (r == 0)
			drop_results(f->call->signature, f->a);
		memcpy(f->a, was, n * sizeof(was[0]));
		return false;
	}
	if (!is_answer(f, r))
		r = berth_fail(&said, BERTH_E_INTERNAL,
			       "the driver answered %d to '%s', which means nothing", r,
			       f->call->name);
	if (r != 0 && err)
		*err = said;
	*ret_r = r;
	return true;
}

/* --- a call --------------------------------------------------------------- */

static int converse(struct frame *f, const struct wire_port *port, int *ret_r,
		    struct berth_error *err)
{
	for (;;) {
		cleanup_wire struct wire w = {0};
		struct berth_error why = {0}, lost;
		enum wire_type type;
		bool is_answered;
		int r;

		f->silent_at = clock_mono_ns() + (int64_t)f->s->timeout_ms * MS;
		r = wire_recv(port, &type, &w, &lost);
		if (r < 0)
			return r;
		if (type == WIRE_RESULT) {
			if (!take_result(f, &w, ret_r, err))
				return -BERTH_E_CORRUPT;
			if (f->held) {
				*f->held = w;
				memset(&w, 0, sizeof(w));
			}
			return 0;
		}
		if (!serve(f, type, &w, &is_answered, &r, &why))
			return -BERTH_E_CORRUPT;
		f->silent_at = clock_mono_ns() + (int64_t)f->s->timeout_ms * MS;
		if (is_answered)
			r = answer(port, r, &why, &lost);
		if (is_answered && r < 0)
			return r;
	}
}

/* The conversation cannot go on: whose fault was it? */
static int fail_broken(struct frame *f, int r, struct berth_error *err)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "it answered '%s' with nonsense, and was ended",
		       f->call->name);
	process_end(f->s, f->process,
		    f->ended			? f->ended
		    : r == -BERTH_E_UNREACHABLE ? NULL
		    : r == -BERTH_E_CORRUPT	? text
						: "out of resources to talk to it");
	return process_died(f->s, f->process, err);
}

int transact(struct frame *f, unsigned number, uint64_t remote, struct berth_error *err)
{
	struct wire_port port = {f->channel->fd, wait_frame, f};
	struct berth_error lost;
	int r, answered = 0;

	f->call = wire_call(f->s->head.kind, number);
	if (!f->keeps_signal || !f->op)
		f->signal_fd = -1;
	f->cancel_fd = f->op ? f->host->cancel_fd(f->op) : -1;
	f->silent_at = clock_mono_ns() + (int64_t)f->s->timeout_ms * MS;
	r = send_call(f, &port, number, remote, err != NULL, &lost);
	if (r == -BERTH_E_NO_MEMORY || r == -BERTH_E_LIMIT) {
		/* nothing was sent yet */
		if (!f->keeps_signal)
			close_fd(&f->signal_fd);
		return berth_fail(err, -r, "%s", lost.text);
	}
	if (r == 0)
		r = converse(f, &port, &answered, err);
	if (!f->keeps_signal)
		close_fd(&f->signal_fd);
	return r < 0 ? fail_broken(f, r, err) : answered;
}
