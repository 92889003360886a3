/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-driver-host: serves one driver to the process that started it (core/driver/separate.h).
 *
 *	berth-driver-host FILE KIND NAME	descriptor 3: calls; 4: closed when the engine is gone
 *	berth-driver-host stand-in		stand_in.c
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "core/driver/load.h"
#include "seat.h"

struct served served;

/* --- the driver --------------------------------------------------------------------------------
 */

static int find_head(const char *path, uint32_t kind, const char *name, struct berth_error *err)
{
	berth_driver_v1_fn entry;
	void *lib;
	int r = load_map(path, &lib, &entry, err);

	for (uint32_t i = 0; r == 0 && i < LOAD_DRIVERS_MAX; i++) {
		const struct berth_driver *theirs = entry(i);

		if (!theirs)
			break;
		head_copy(theirs, &served.head);
		if (!served.head.name ||
		    (served.head.kind == kind && str_eq(served.head.name, name)))
			return head_check(&served.head, err);
	}
	return r < 0 ? r : berth_fail(err, BERTH_E_INVALID, "it has no such driver");
}

static int load(const char *path, uint32_t kind, const char *name, struct berth_error *err)
{
	int r = find_head(path, kind, name, err);

	if (r == 0)
		r = clamp_ops(&served.head, &served.ops, err);
	lend(&served);
	return r;
}

/* --- what it says of itself --------------------------------------------------------------------
 */

/* A bit for each call that the driver itself has. */
static uint64_t calls(void)
{
	const struct berth_driver *h = &served.head;
	uint64_t has = (h->probe ? UINT64_C(1) << WIRE_PROBE : 0) |
		       (h->open ? UINT64_C(1) << WIRE_OPEN : 0) |
		       (h->reload ? UINT64_C(1) << WIRE_RELOAD : 0) |
		       (h->status ? UINT64_C(1) << WIRE_STATUS : 0) |
		       (h->close ? UINT64_C(1) << WIRE_CLOSE : 0);
	const struct wire_call *call;

	for (unsigned i = WIRE_KIND; (call = wire_call(h->kind, i)); i++) {
		void (*fn)(void) = NULL;

		if (call->offset + sizeof(fn) <= h->ops_size)
			memcpy(&fn, (const char *)h->ops + call->offset, sizeof(fn));
		if (fn)
			has |= UINT64_C(1) << i;
	}
	return has;
}

static const struct berth_option *option_at(uint64_t i)
{
	const char *first = (const char *)served.head.options;

	return first ? (const void *)(first + i * served.head.option_size) : NULL;
}

static void put_options(struct wire *w)
{
	uint64_t n = 0;

	while (option_at(n) && option_at(n)->name)
		n++;
	wire_put_u64(w, n);
	for (uint64_t i = 0; i < n; i++) {
		struct berth_option o = {0};

		memcpy(&o, option_at(i),
		       served.head.option_size < sizeof(o) ? served.head.option_size : sizeof(o));
		wire_put_str(w, o.name);
		wire_put_u64(w, o.type);
		wire_put_u64(w, o.flags);
		wire_put_str(w, o.fallback);
		wire_put_str(w, o.choices);
		wire_put_str(w, o.doc);
	}
}

static int say_hello(int control, int r, const struct berth_error *err)
{
	const struct wire_port port = {.fd = control};
	const struct berth_driver *h = &served.head;
	cleanup_wire struct wire w = {0};

	wire_put_u64(&w, (uint32_t)r);
	if (r < 0) {
		wire_put_str(&w, err->text);
	} else {
		wire_put_u64(&w, h->host_min);
		wire_put_u64(&w, h->threads);
		wire_put_u64(&w, h->caps);
		wire_put_u64(&w, h->needs);
		wire_put_str(&w, h->name);
		wire_put_str(&w, h->version);
		wire_put_str(&w, h->summary);
		put_options(&w);
		wire_put_u64(&w, calls());
	}
	return wire_send(&port, WIRE_HELLO, &w, NULL);
}

/* --- life --------------------------------------------------------------------------------------
 */

/* A driver that hangs, or that we wait for, does not keep us: without the engine there is nothing
 * to do. */
static void *watch_engine(void *arg)
{
	char none;

	while (read((int)(intptr_t)arg, &none, 1) < 0 && errno == EINTR)
		;
	_exit(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
	int control = WIRE_CONTROL_FD, life = WIRE_LIFE_FD;
	struct berth_error err = {0};
	pthread_t thread;
	uint64_t kind;
	int r;

	if (argc == 2 && str_eq(argv[1], "stand-in"))
		stand_in();
	if (argc != 4 || parse_u64(argv[2], BERTH_REGISTRY, &kind) < 0 ||
	    fcntl(WIRE_CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(WIRE_LIFE_FD, F_SETFD, FD_CLOEXEC) < 0) {
		(void)fputs("berth-driver-host is started by berth\n", stderr);
		return EXIT_FAILURE;
	}
	if (kind == BERTH_ISOLATION && !isolation_prepare(&control, &life))
		return EXIT_FAILURE;
	if (pthread_create(&thread, NULL, watch_engine, (void *)(intptr_t)life) != 0)
		return EXIT_FAILURE;
	r = load(argv[1], (uint32_t)kind, argv[3], &err);
	if (say_hello(control, r, &err) < 0 || r < 0)
		return EXIT_FAILURE;
	seat_serve(control);
	return EXIT_SUCCESS;
}
