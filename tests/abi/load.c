/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers that were built from the headers of an earlier release load, and work, today. Argument:
 * the directory in which they were built.
 */
#include <poll.h>
#include <unistd.h>

#include "tests/unit/driver_rig.h"

static const char *release = "1.0";

/* The driver of @kind as the only one of that name. */
static void use(uint32_t kind)
{
	char from[64], to[64];

	rig_make();
	rig_config_is("\"isolation\": {\"allow_insecure\": true}");
	(void)snprintf(from, sizeof(from), "%s/%s", release, driver_kind_name(kind));
	(void)snprintf(to, sizeof(to), "drivers/%s/old.so", driver_kind_name(kind));
	(void)rig_copy(from, to);
}

static int remember(void *arg, const char *id)
{
	str_addf(arg, "%s;", id);
	return 0;
}

START_TEST(an_old_storage_driver_holds_layers_and_views)
{
	const struct berth_layer_desc desc = {.size = sizeof(desc), .layer = "sha256:a"};
	cleanup_record struct record *list = NULL, *status = NULL;
	cleanup_str struct str all = STR_INIT;
	struct berth_ingest *in;
	struct storage *st;
	uint64_t bytes;
	bool have;
	int fd;

	use(BERTH_STORAGE);
	ck_ok(drivers_storage(rig, "old", &st, &err));
	ck_ok(st->ops.ingest_begin(st->st, &desc, NULL, &in, &err));
	ck_ok(st->ops.ingest_tree(in, &fd, &err));
	ck_assert_int_eq(close(fd), 0);
	ck_ok(st->ops.ingest_commit(in, NULL, NULL, &err));
	ck_fails(BERTH_E_EXISTS, st->ops.ingest_begin(st->st, &desc, NULL, &in, &err));
	ck_ok(st->ops.view_create(st->st, "v", "sha256:a", 0, NULL, &err));
	ck_ok(st->ops.each(st->st, BERTH_EACH_LAYERS, remember, &all, &err));
	ck_ok(st->ops.each(st->st, BERTH_EACH_VIEWS, remember, &all, &err));
	ck_assert_str_eq(str_text(&all), "sha256:a;v;");
	ck_ok(st->ops.view_remove(st->st, "v", &err));
	ck_ok(st->ops.layer_remove(st->st, "sha256:a", &err));
	/* what came later, and what it never had */
	ck_fails(BERTH_E_UNSUPPORTED, st->ops.claim(st->st, &desc, NULL, &have, &err));
	ck_fails(BERTH_E_UNSUPPORTED, st->ops.reclaim(st->st, NULL, &bytes, &err));
	ck_ok(drivers_probe(rig, BERTH_STORAGE, "old", &list, &err));
	ck_assert_str_eq(record_str(record_get(record_at(list, 0), "id")), "old.probe");
	ck_ok(drivers_status(rig, BERTH_STORAGE, "old", &status, &err));
	ck_assert(record_bool_or(record_get(status, "old"), false));
	rig_done();
}
END_TEST

START_TEST(an_old_network_driver_attaches)
{
	const struct berth_net_desc desc = {.size = sizeof(desc), .id = "n", .name = "n"};
	const struct berth_endpoint ep = {
		.size = sizeof(ep), .id = "e", .network = "n", .ifname = "eth0", .netns_fd = -1};
	struct berth_attached attached = {.size = sizeof(attached)};
	cleanup_sink struct berth_sink *sink = NULL;
	cleanup_str struct str state = STR_INIT;
	struct network *net;

	use(BERTH_NETWORK);
	ck_ok(sink_new(&state, 64, &sink, &err));
	ck_ok(drivers_network(rig, "old", &net, &err));
	ck_ok(net->ops.create(net->net, &desc, sink, &err));
	ck_ok(net->ops.attach(net->net, &desc, &ep, NULL, sink, &attached, &err));
	ck_assert_uint_eq(attached.n_addr, 1);
	ck_assert_uint_eq(attached.addr[0].ip[3], 7);
	ck_assert_uint_eq(attached.addr[0].prefix, 24);
	ck_assert_str_eq(str_text(&state), "eth0");
	ck_fails(BERTH_E_EXISTS,
		 net->ops.attach(net->net, &desc, &ep, NULL, sink, &attached, &err));
	ck_ok(net->ops.detach(net->net, &desc, &ep, &err));
	rig_done();
}
END_TEST

START_TEST(an_old_isolation_driver_runs_a_program)
{
	struct berth_launch launch = {
		.size = sizeof(launch),
		.id = "c",
		.spec = {"{}", 2},
		.root_fd = -1,
		.stdio = {-1, -1, -1},
		.console_socket = -1,
		.netns_fd = -1,
	};
	struct berth_sandbox_info info = {.size = sizeof(info)};
	struct berth_exit how = {.size = sizeof(how)};
	struct berth_sandbox *sb;
	struct pollfd end = {.events = POLLIN};
	struct isolation *iso;
	char out[8] = "";
	int pipe_fds[2];

	use(BERTH_ISOLATION);
	ck_assert_int_eq(pipe(pipe_fds), 0);
	launch.stdio[1] = pipe_fds[1];
	ck_ok(drivers_isolation(rig, "old", &iso, &err));
	ck_ok(iso->ops.create(iso->iso, &launch, NULL, &sb, &err));
	ck_ok(iso->ops.info(sb, &info, &err));
	ck_assert_int_gt(info.pid, 0);
	ck_fails(BERTH_E_BUSY, iso->ops.reap(sb, &how, &err));
	ck_ok(iso->ops.start(sb, &err));
	ck_ok(iso->ops.wait_fd(sb, &end.fd, &err));
	ck_assert_int_eq(poll(&end, 1, 10000), 1);
	ck_ok(iso->ops.reap(sb, &how, &err));
	ck_assert_int_eq(how.code, 3);
	ck_assert_int_eq(read(pipe_fds[0], out, sizeof(out)), 3);
	ck_assert_str_eq(out, "ran");
	ck_fails(BERTH_E_NOT_FOUND, iso->ops.signal(sb, 9, 0, &err));
	ck_fails(BERTH_E_UNSUPPORTED, iso->ops.freeze(sb, true, &err));
	ck_ok(iso->ops.destroy(sb, &err));
	iso->ops.forget(sb);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	rig_done();
}
END_TEST

static int keep_desc(void *arg, const char *name, const struct berth_desc *desc)
{
	*(uint64_t *)arg = desc->bytes;
	return 0;
}

START_TEST(an_old_registry_driver_serves_bytes)
{
	const struct berth_where where = {.size = sizeof(where), .host = "h", .fd = -1};
	const struct berth_desc desc = {
		.size = sizeof(desc),
		.digest = "sha256:"
			  "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
	};
	struct berth_reply reply = {.size = sizeof(reply)};
	struct berth_stream *stream;
	struct registry *reg;
	uint64_t bytes = 0;
	char text[16] = "";
	size_t n;

	use(BERTH_REGISTRY);
	ck_ok(drivers_registry(rig, "old", &reg, &err));
	ck_ok(reg->ops.resolve(reg->reg, &where, "r", "latest", NULL, keep_desc, &bytes, &reply,
			       &err));
	ck_assert_uint_eq(bytes, 6);
	ck_assert_int_eq(reply.http, 200);
	ck_fails(BERTH_E_NOT_FOUND, reg->ops.resolve(reg->reg, &where, "r", "x", NULL, keep_desc,
						     &bytes, &reply, &err));
	ck_ok(reg->ops.fetch(reg->reg, &where, "r", &desc, 1, 3, NULL, &stream, &reply, &err));
	ck_ok(reg->ops.read(stream, text, sizeof(text), &n, &err));
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(text, "ell");
	reg->ops.close_stream(stream);
	rig_done();
}
END_TEST

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	rig_odd = argv[1];
	return CK_MAIN("abi/load", an_old_storage_driver_holds_layers_and_views,
		       an_old_network_driver_attaches, an_old_isolation_driver_runs_a_program,
		       an_old_registry_driver_serves_bytes);
}
