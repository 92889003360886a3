/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/wire.h"

/* clang-format off */
static const struct wire_call head_calls[] = {
	[WIRE_PROBE] = {"probe", "cfk"},
	[WIRE_OPEN] = {"open", "cf>u"},
	[WIRE_RELOAD] = {"reload", "c"},
	[WIRE_STATUS] = {"status", "k"},
	[WIRE_CLOSE] = {"close", ""},
};

#define ST(number, member, signature)                                                              \
	[(number) - WIRE_KIND] = {#member, signature, offsetof(struct berth_storage_ops, member)}
static const struct wire_call storage_calls[] = {
	ST(ST_CLAIM, claim, "Lo>u"),
	ST(ST_INGEST_BEGIN, ingest_begin, "Lo>u"),
	ST(ST_INGEST_TREE, ingest_tree, ">f"),
	ST(ST_INGEST_TAR, ingest_tar, "fo"),
	ST(ST_INGEST_COMMIT, ingest_commit, "so"),
	ST(ST_INGEST_ABORT, ingest_abort, ""),
	ST(ST_USAGE, usage, "su>S"),
	ST(ST_LAYER_REMOVE, layer_remove, "s"),
	ST(ST_VIEW_CREATE, view_create, "ssuc"),
	ST(ST_VIEW_MOUNT, view_mount, "sV>f"),
	ST(ST_VIEW_PLAN, view_plan, "sV>P>u"),
	ST(ST_VIEW_PUT, view_put, "su"),
	ST(ST_VIEW_COMMIT, view_commit, "sso"),
	ST(ST_VIEW_REMOVE, view_remove, "s"),
	ST(ST_VIEW_LIMIT, view_limit, "suu"),
	ST(ST_CHANGES, changes, "sgo"),
	ST(ST_TREE_OPEN, tree_open, "s>f"),
	ST(ST_DIFF_TAR, diff_tar, "sfo"),
	ST(ST_EACH, each, "ui"),
	ST(ST_CHECK, check, "suok"),
	ST(ST_RECLAIM, reclaim, "o>u"),
	ST(ST_BELOW, below, "suk"),
};

#define NET(number, member, signature)                                                             \
	[(number) - WIRE_KIND] = {#member, signature, offsetof(struct berth_network_ops, member)}
static const struct wire_call network_calls[] = {
	NET(NET_PLAN, plan, "NEk"),
	NET(NET_CREATE, create, "Nk"),
	NET(NET_REMOVE, remove, "N"),
	NET(NET_ATTACH, attach, "NEok>A"),
	NET(NET_DETACH, detach, "NE"),
	NET(NET_PUBLISH, publish, "NE"),
	NET(NET_CHECK, check, "NEk"),
	NET(NET_RECONCILE, reconcile, "ne"),
	NET(NET_EACH, each, "i"),
};

#define ISO(number, member, signature)                                                             \
	[(number) - WIRE_KIND] = {#member, signature, offsetof(struct berth_isolation_ops, member)}
static const struct wire_call isolation_calls[] = {
	ISO(ISO_FEATURES, features, "k"),
	ISO(ISO_EXPLAIN, explain, "bk"),
	ISO(ISO_CREATE, create, "Co>u"),
	ISO(ISO_RECOVER, recover, "sb>u"),
	ISO(ISO_SAVE, save, "k"),
	ISO(ISO_INFO, info, ">I"),
	ISO(ISO_START, start, ""),
	ISO(ISO_EXEC, exec, "Xo>f>f"),
	ISO(ISO_SIGNAL, signal, "uu"),
	ISO(ISO_WAIT_FD, wait_fd, ">w"),
	ISO(ISO_REAP, reap, ">T"),
	ISO(ISO_UPDATE, update, "b"),
	ISO(ISO_FREEZE, freeze, "u"),
	ISO(ISO_STATS, stats, "k"),
	ISO(ISO_PROCESSES, processes, "i"),
	ISO(ISO_CHECKPOINT, checkpoint, "fuo"),
	ISO(ISO_DESTROY, destroy, ""),
	ISO(ISO_FORGET, forget, ""),
};

#define REG(number, member, signature)                                                             \
	[(number) - WIRE_KIND] = {#member, signature, offsetof(struct berth_registry_ops, member)}
static const struct wire_call registry_calls[] = {
	REG(REG_RESOLVE, resolve, "Wssod>R"),
	REG(REG_FETCH, fetch, "WsDuuo>u>R"),
	REG(REG_READ, read, ">B"),
	REG(REG_CLOSE_STREAM, close_stream, ""),
	REG(REG_HAS, has, "WsDo>u"),
	REG(REG_UPLOAD_BEGIN, upload_begin, "WsDso>u"),
	REG(REG_WRITE, write, "bo"),
	REG(REG_UPLOAD_COMMIT, upload_commit, "o"),
	REG(REG_UPLOAD_ABORT, upload_abort, ""),
	REG(REG_PUT_MANIFEST, put_manifest, "WssDbo"),
	REG(REG_TAGS, tags, "Wsio"),
	REG(REG_EACH, each, "Wod"),
	REG(REG_REMOVE, remove, "Wsso"),
	REG(REG_REFERRERS, referrers, "Wsssod"),
	REG(REG_SEARCH, search, "Wsuok"),
	REG(REG_FINISH, finish, "Wuo"),
};
/* clang-format on */

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	const struct wire_call *calls;
	size_t n;
} kinds[] = {
	[BERTH_STORAGE] = {storage_calls, LENGTH(storage_calls)},
	[BERTH_NETWORK] = {network_calls, LENGTH(network_calls)},
	[BERTH_ISOLATION] = {isolation_calls, LENGTH(isolation_calls)},
	[BERTH_REGISTRY] = {registry_calls, LENGTH(registry_calls)},
};

const struct wire_call *wire_call(uint32_t kind, unsigned call)
{
	if (call < WIRE_KIND)
		return call >= WIRE_PROBE ? &head_calls[call] : NULL;
	if (kind >= LENGTH(kinds) || call - WIRE_KIND >= kinds[kind].n)
		return NULL;
	return &kinds[kind].calls[call - WIRE_KIND];
}

const struct wire_struct *wire_struct_of(char letter)
{
	switch (letter) {
	case 'L':
		return &wire_layer_desc;
	case 'V':
		return &wire_view_opts;
	case 'N':
	case 'n':
		return &wire_net_desc;
	case 'E':
	case 'e':
		return &wire_endpoint;
	case 'W':
		return &wire_where;
	case 'D':
		return &wire_desc;
	case 'C':
		return &wire_launch;
	case 'X':
		return &wire_exec;
	case 'P':
		return &wire_plan;
	case 'S':
		return &wire_usage;
	case 'I':
		return &wire_sandbox_info;
	case 'T':
		return &wire_exit;
	case 'A':
		return &wire_attached;
	case 'R':
		return &wire_reply;
	default:
		return NULL;
	}
}

char wire_next(const char **at, bool *ret_is_result)
{
	*ret_is_result = **at == '>';
	*at += *ret_is_result;
	return **at ? *(*at)++ : '\0';
}
