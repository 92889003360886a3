/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/wire.h"

enum kind {
	U16,
	U32, /* and i32, enum */
	U64,
	STR,
	BYTES, /* struct berth_str */
	FD,
	CONF,
	RAW,	/* `size` bytes as they are: frozen structs, arrays of numbers */
	TEXT,	/* a char array of `size` that ends with a NUL */
	RAWS,	/* pointer to as many of `size` bytes as the u32 at `count` says */
	STRS,	/* pointer to as many strings as the u32 at `count` says */
	STRV,	/* pointer to strings, NULL ends */
	LIST,	/* pointer to as many `of`, with the u32 at `stride` between them */
	STRUCT, /* pointer to one `of` */
};

struct field {
	enum kind kind;
	size_t offset, size, count, stride;
	const struct wire_struct *of;
};

/* All of them begin with a u32 size. */
struct wire_struct {
	size_t size;
	const struct field *field; /* ends with a field at offset 0 */
};

#define F(kind, member)                                                                            \
	{                                                                                          \
		kind, offsetof(struct STRUCT_NAME, member)                                         \
	}
#define F_RAW(kind, member)                                                                        \
	{                                                                                          \
		kind, offsetof(struct STRUCT_NAME, member),                                        \
			sizeof(((struct STRUCT_NAME *)0)->member)                                  \
	}
#define F_RAWS(member, n)                                                                          \
	{                                                                                          \
		RAWS, offsetof(struct STRUCT_NAME, member),                                        \
			sizeof(*((struct STRUCT_NAME *)0)->member),                                \
			offsetof(struct STRUCT_NAME, n)                                            \
	}
#define F_STRS(member, n)                                                                          \
	{                                                                                          \
		STRS, offsetof(struct STRUCT_NAME, member), 0, offsetof(struct STRUCT_NAME, n)     \
	}
#define F_LIST(member, n, stride_, of_)                                                            \
	{                                                                                          \
		LIST, offsetof(struct STRUCT_NAME, member), 0, offsetof(struct STRUCT_NAME, n),    \
			offsetof(struct STRUCT_NAME, stride_), &(of_)                              \
	}
#define F_STRUCT(member, of_)                                                                      \
	{                                                                                          \
		STRUCT, offsetof(struct STRUCT_NAME, member), .of = &(of_)                         \
	}
#define DEFINE(var) const struct wire_struct var = {sizeof(struct STRUCT_NAME), var##_fields}

/* clang-format off */
#define STRUCT_NAME berth_layer_desc
static const struct field wire_layer_desc_fields[] = {
	F(U32, flags), F(STR, layer), F(STR, parent), F(STR, diff_id), F(STR, blob_digest),
	F(STR, media_type), F(STR, reference), F(U64, blob_size), F(BYTES, annotations),
	F(BYTES, referrers), {0},
};
DEFINE(wire_layer_desc);
#undef STRUCT_NAME

#define STRUCT_NAME berth_usage
static const struct field wire_usage_fields[] = {
	F(U32, flags), F(U64, own), F(U64, shared), F(U64, inodes), {0},
};
DEFINE(wire_usage);
#undef STRUCT_NAME

#define STRUCT_NAME berth_mount_step
static const struct field wire_step_fields[] = {
	F(U32, kind), F(STR, fstype), F(STR, source), F(FD, source_fd), F(U32, onto),
	F(STR, target), F(U64, attr), F(STRV, options), F_RAWS(lower, n_lower), F(U32, upper),
	F(U32, work), F(U32, flags), {0},
};
static DEFINE(wire_step);
#undef STRUCT_NAME

#define STRUCT_NAME berth_plan
static const struct field wire_plan_fields[] = {
	F(U64, form), F_LIST(step, n, stride, wire_step), {0},
};
DEFINE(wire_plan);
#undef STRUCT_NAME

#define STRUCT_NAME berth_view_opts
static const struct field wire_view_opts_fields[] = {
	F(U32, flags), F(FD, userns_fd), F(U64, want_form), F(U64, attr), F(CONF, conf), {0},
};
DEFINE(wire_view_opts);
#undef STRUCT_NAME

#define STRUCT_NAME berth_net_desc
static const struct field wire_net_desc_fields[] = {
	F(U32, flags), F(STR, id), F(STR, name), F_RAWS(subnet, n_subnet), F(U32, mtu),
	F(CONF, conf), F(BYTES, state), {0},
};
DEFINE(wire_net_desc);
#undef STRUCT_NAME

#define STRUCT_NAME berth_port
static const struct field wire_port_fields[] = {
	F(U16, inside), F(U16, outside), F(U16, count), F_RAW(RAW, proto), F_RAW(RAW, flags),
	F_RAW(RAW, host), {0},
};
static DEFINE(wire_port);
#undef STRUCT_NAME

#define STRUCT_NAME berth_endpoint
static const struct field wire_endpoint_fields[] = {
	F(U32, flags), F(STR, id), F(STR, network), F(STR, container), F(STR, hostname),
	F(STR, ifname), F_STRS(alias, n_alias), F_RAWS(addr, n_addr), F_RAW(RAW, mac), F(U16, mtu),
	F_LIST(port, n_port, port_stride, wire_port), F_RAWS(route, n_route), F(FD, netns_fd),
	F(BYTES, state), {0},
};
DEFINE(wire_endpoint);
#undef STRUCT_NAME

#define STRUCT_NAME berth_attached
static const struct field wire_attached_fields[] = {
	F(U32, n_addr), F_RAW(RAW, addr), F_RAW(RAW, gateway4), F_RAW(RAW, gateway6),
	F_RAW(RAW, dns), F_RAW(RAW, mac), F(FD, helper_pidfd), {0},
};
DEFINE(wire_attached);
#undef STRUCT_NAME

#define STRUCT_NAME berth_launch
static const struct field wire_launch_fields[] = {
	F(U32, flags), F(STR, id), F(BYTES, spec), F_STRUCT(root, wire_plan), F(FD, root_fd),
	F(FD, stdio[0]), F(FD, stdio[1]), F(FD, stdio[2]), F(FD, console_socket), F(FD, netns_fd),
	F(FD, userns_fd), F(FD, cgroup_fd), F(FD, state_fd), F(FD, checkpoint_fd),
	F(U32, preserve_fds), F(STR, bundle), {0},
};
DEFINE(wire_launch);
#undef STRUCT_NAME

#define STRUCT_NAME berth_sandbox_info
static const struct field wire_sandbox_info_fields[] = {
	F(U32, flags), F(U32, pid), F(U64, started_ns), {0},
};
DEFINE(wire_sandbox_info);
#undef STRUCT_NAME

#define STRUCT_NAME berth_exit
static const struct field wire_exit_fields[] = {
	F(U32, flags), F(U32, code), F(U32, signal), F(U64, at_ns), {0},
};
DEFINE(wire_exit);
#undef STRUCT_NAME

#define STRUCT_NAME berth_exec
static const struct field wire_exec_fields[] = {
	F(U32, flags), F(BYTES, process), F(FD, stdio[0]), F(FD, stdio[1]), F(FD, stdio[2]),
	F(FD, console_socket), F(U32, preserve_fds), {0},
};
DEFINE(wire_exec);
#undef STRUCT_NAME

#define STRUCT_NAME berth_where
static const struct field wire_where_fields[] = {
	F(U32, flags), F(STR, host), F(STR, base), F(STR, ca_dir), F(STR, client_cert),
	F(STR, client_key), F(U32, connect_ms), F(FD, fd), {0},
};
DEFINE(wire_where);
#undef STRUCT_NAME

#define STRUCT_NAME berth_desc
static const struct field wire_desc_fields[] = {
	F(U32, flags), F(STR, media_type), F(STR, digest), F(U64, bytes), F(BYTES, annotations),
	F(BYTES, platform), {0},
};
DEFINE(wire_desc);
#undef STRUCT_NAME

#define STRUCT_NAME berth_reply
static const struct field wire_reply_fields[] = {
	F(U32, http), F(U64, retry_after_ms), F_RAW(TEXT, warning), F_RAW(TEXT, ratelimit), {0},
};
DEFINE(wire_reply);
#undef STRUCT_NAME
/* clang-format on */

size_t wire_struct_size(const struct wire_struct *type)
{
	return type->size;
}

/* --- one field ------------------------------------------------------------ */

static uint32_t u32_at(const char *base, size_t offset)
{
	uint32_t u;

	memcpy(&u, base + offset, sizeof(u));
	return u;
}

static const void *pointer_at(const char *base, size_t offset)
{
	const void *p;

	memcpy(&p, base + offset, sizeof(p));
	return p;
}

static void put_list(struct wire *w, const struct field *f, const char *base)
{
	const char *first = pointer_at(base, f->offset);
	uint32_t n = first ? u32_at(base, f->count) : 0;
	uint32_t stride = u32_at(base, f->stride);

	wire_put_u64(w, n);
	for (uint32_t i = 0; i < n; i++)
		wire_put_struct(w, f->of, first + (size_t)i * stride);
}

static void put_strings(struct wire *w, const char *const *strings, uint64_t n)
{
	wire_put_u64(w, n);
	for (uint64_t i = 0; i < n; i++)
		wire_put_str(w, strings[i]);
}

static void put_strv(struct wire *w, const char *const *strings)
{
	uint64_t n = 0;

	wire_put_u64(w, strings != NULL);
	while (strings && strings[n])
		n++;
	if (strings)
		put_strings(w, strings, n);
}

static void put_field(struct wire *w, const struct field *f, const char *base)
{
	const char *at = base + f->offset;
	struct berth_str bytes;
	uint16_t half;
	uint64_t u = 0;

	switch (f->kind) {
	case U16:
		memcpy(&half, at, sizeof(half));
		wire_put_u64(w, half);
		break;
	case U32:
		wire_put_u64(w, u32_at(base, f->offset));
		break;
	case U64:
		memcpy(&u, at, sizeof(u));
		wire_put_u64(w, u);
		break;
	case STR:
		wire_put_str(w, pointer_at(base, f->offset));
		break;
	case BYTES:
		memcpy(&bytes, at, sizeof(bytes));
		wire_put_bytes(w, bytes.p, bytes.n);
		break;
	case FD:
		wire_put_fd(w, (int)u32_at(base, f->offset));
		break;
	case CONF:
		wire_put_conf(w, pointer_at(base, f->offset));
		break;
	case RAW:
	case TEXT:
		wire_put_bytes(w, at, f->size);
		break;
	case RAWS:
		u = pointer_at(base, f->offset) ? u32_at(base, f->count) : 0;
		wire_put_bytes(w, pointer_at(base, f->offset), u * f->size);
		break;
	case STRS:
		u = pointer_at(base, f->offset) ? u32_at(base, f->count) : 0;
		put_strings(w, pointer_at(base, f->offset), u);
		break;
	case STRV:
		put_strv(w, pointer_at(base, f->offset));
		break;
	case LIST:
		put_list(w, f, base);
		break;
	case STRUCT:
		wire_put_struct(w, f->of, pointer_at(base, f->offset));
		break;
	}
}

static void set_u32(char *base, size_t offset, uint64_t u)
{
	uint32_t small = (uint32_t)u;

	memcpy(base + offset, &small, sizeof(small));
}

static void set_pointer(char *base, size_t offset, const void *p)
{
	memcpy(base + offset, &p, sizeof(p));
}

static void get_list(struct wire *w, const struct field *f, char *base)
{
	uint64_t n = wire_get_max(w, WIRE_ITEMS_MAX);
	char *all;

	set_u32(base, f->stride, f->of->size);
	if (!n || n > (w->n - w->at) / sizeof(uint64_t)) {
		w->bad |= n != 0;
		return;
	}
	all = wire_room(w, n * f->of->size);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		const void *one = wire_get_struct(w, f->of);

		if (one)
			memcpy(all + i * f->of->size, one, f->of->size);
		else
			w->bad = true;
	}
	set_pointer(base, f->offset, all);
	set_u32(base, f->count, w->bad ? 0 : n);
}

static const char **get_strings(struct wire *w, uint64_t *ret_n)
{
	uint64_t n = wire_get_max(w, WIRE_ITEMS_MAX);
	const char **strings;

	if (n > (w->n - w->at) / sizeof(uint64_t))
		w->bad = true;
	strings = wire_room(w, (n + 1) * sizeof(*strings));
	for (uint64_t i = 0; i < n && !w->bad; i++)
		strings[i] = wire_get_text(w);
	*ret_n = w->bad ? 0 : n;
	return strings;
}

static void get_raws(struct wire *w, const struct field *f, char *base)
{
	struct berth_str bytes = wire_get_bytes(w);
	void *copy;

	if (bytes.n % f->size || bytes.n / f->size > WIRE_ITEMS_MAX)
		w->bad = true;
	copy = bytes.n ? wire_room(w, bytes.n) : NULL; /* aligned, which the body is not */
	if (!copy)
		return;
	memcpy(copy, bytes.p, bytes.n);
	set_pointer(base, f->offset, copy);
	set_u32(base, f->count, bytes.n / f->size);
}

static void get_raw(struct wire *w, const struct field *f, char *at)
{
	struct berth_str bytes = wire_get_bytes(w);

	if (bytes.n != f->size) {
		w->bad = true;
		return;
	}
	memcpy(at, bytes.p, f->size);
	if (f->kind == TEXT)
		at[f->size - 1] = '\0';
}

static void get_field(struct wire *w, const struct field *f, char *base)
{
	char *at = base + f->offset;
	struct berth_str bytes;
	uint64_t u;

	switch (f->kind) {
	case U16:
		u = wire_get_max(w, UINT16_MAX);
		memcpy(at, &(uint16_t){(uint16_t)u}, sizeof(uint16_t));
		break;
	case U32:
		set_u32(base, f->offset, wire_get_max(w, UINT32_MAX));
		break;
	case U64:
		u = wire_get_u64(w);
		memcpy(at, &u, sizeof(u));
		break;
	case STR:
		set_pointer(base, f->offset, wire_get_str(w));
		break;
	case BYTES:
		bytes = wire_get_bytes(w);
		memcpy(at, &bytes, sizeof(bytes));
		break;
	case FD:
		set_u32(base, f->offset, (uint32_t)wire_get_fd(w));
		break;
	case CONF:
		set_pointer(base, f->offset, wire_get_conf(w));
		break;
	case RAW:
	case TEXT:
		get_raw(w, f, at);
		break;
	case RAWS:
		get_raws(w, f, base);
		break;
	case STRS:
		set_pointer(base, f->offset, get_strings(w, &u));
		set_u32(base, f->count, u);
		break;
	case STRV:
		if (wire_get_max(w, 1))
			set_pointer(base, f->offset, get_strings(w, &u));
		break;
	case LIST:
		get_list(w, f, base);
		break;
	case STRUCT:
		set_pointer(base, f->offset, wire_get_struct(w, f->of));
		break;
	}
}

/* --- structs -------------------------------------------------------------- */

/* The part that the maker of @value knew, in the size that we know. Absent descriptors are -1. */
static uint32_t clamp(const struct wire_struct *type, const void *value, char *ret)
{
	uint32_t size = u32_at(value, 0);

	memset(ret, 0, type->size);
	for (const struct field *f = type->field; f->offset; f++) {
		if (f->kind == FD)
			set_u32(ret, f->offset, UINT32_MAX);
	}
	memcpy(ret, value, size < type->size ? size : type->size);
	return size;
}

void wire_put_struct(struct wire *w, const struct wire_struct *type, const void *value)
{
	_Alignas(16) char copy[1024];

	wire_put_u64(w, value != NULL);
	if (!value)
		return;
	if (type->size > sizeof(copy)) {
		w->bad = true;
		return;
	}
	wire_put_u64(w, clamp(type, value, copy));
	for (const struct field *f = type->field; f->offset; f++)
		put_field(w, f, copy);
}

void *wire_get_struct(struct wire *w, const struct wire_struct *type)
{
	uint64_t size;
	char *value;

	if (!wire_get_max(w, 1))
		return NULL;
	size = wire_get_max(w, UINT32_MAX);
	value = wire_room(w, type->size);
	if (!value)
		return NULL;
	for (const struct field *f = type->field; f->offset; f++)
		get_field(w, f, value);
	set_u32(value, 0, size < type->size ? size : type->size);
	return value;
}

void wire_close_struct(const struct wire_struct *type, void *value)
{
	char *base = value;

	for (const struct field *f = type->field; base && f->offset; f++) {
		if (f->kind == FD) {
			int fd = (int)u32_at(base, f->offset);

			close_fd(&fd);
			set_u32(base, f->offset, UINT32_MAX);
		} else if (f->kind == STRUCT) {
			wire_close_struct(f->of, (void *)(uintptr_t)pointer_at(base, f->offset));
		} else if (f->kind == LIST) {
			char *first = (char *)(uintptr_t)pointer_at(base, f->offset);

			for (uint32_t i = 0; first && i < u32_at(base, f->count); i++)
				wire_close_struct(f->of, first + (size_t)i * f->of->size);
		}
	}
}

void wire_copy_out(const struct wire_struct *type, void *to, const void *from)
{
	uint32_t size = u32_at(to, 0);

	if (size > type->size)
		size = (uint32_t)type->size;
	if (size > sizeof(size))
		memcpy((char *)to + sizeof(size), (const char *)from + sizeof(size),
		       size - sizeof(size));
}

static bool is_earlier(int32_t step, uint32_t i)
{
	return step == -1 || (step >= 0 && (uint32_t)step < i);
}

bool wire_plan_is_sound(const struct berth_plan *plan)
{
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct berth_mount_step *s = &plan->step[i];

		if (!is_earlier(s->onto, i) || !is_earlier(s->upper, i) || !is_earlier(s->work, i))
			return false;
		for (uint32_t k = 0; k < s->n_lower; k++) {
			if (s->lower[k] >= i)
				return false;
		}
	}
	return true;
}
