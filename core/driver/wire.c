/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/wire.h"

/* Numbers and lengths are 8 bytes of this machine; bytes follow their length, strings end with a
 * NUL that counts. */

static const uint64_t NO_STRING = UINT64_MAX;

struct wire_block {
	struct wire_block *next;
	_Alignas(16) char bytes[];
};

void wire_done(struct wire *w)
{
	struct wire_block *next;

	for (size_t i = w->at_fd; w->is_reader && i < w->n_fds; i++)
		(void)close(w->fds[i]);
	for (struct wire_block *b = w->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	str_done(&w->out);
	free(w->body);
	free(w->fds);
	memset(w, 0, sizeof(*w));
}

/* --- writing -------------------------------------------------------------- */

void wire_put_u64(struct wire *w, uint64_t u)
{
	str_add_n(&w->out, &u, sizeof(u));
}

void wire_put_bytes(struct wire *w, const void *bytes, size_t n)
{
	wire_put_u64(w, n);
	if (n)
		str_add_n(&w->out, bytes, n);
}

void wire_put_str(struct wire *w, const char *s)
{
	if (s)
		wire_put_bytes(w, s, strlen(s) + 1);
	else
		wire_put_u64(w, NO_STRING);
}

void wire_put_fd(struct wire *w, int fd)
{
	wire_put_u64(w, fd >= 0);
	if (fd < 0)
		return;
	if (w->n_fds % 16 == 0) {
		int *more = w->n_fds < WIRE_FDS_MAX
				    ? reallocarray(w->fds, w->n_fds + 16, sizeof(*more))
				    : NULL;

		if (!more) {
			w->bad = true;
			return;
		}
		w->fds = more;
	}
	w->fds[w->n_fds++] = fd;
}

static void put_option(struct wire *w, const struct berth_conf *conf, const struct berth_option *o)
{
	const struct berth_host *host = w->host;
	const char *text = NULL;
	uint64_t number = 0;
	bool is_set = false;

	switch ((enum berth_option_type)o->type) {
	case BERTH_OPT_BOOL:
		number = host->conf_bool(conf, o->name);
		is_set = true;
		break;
	case BERTH_OPT_U64:
	case BERTH_OPT_SIZE:
	case BERTH_OPT_DURATION:
		is_set = host->conf_u64(conf, o->name, &number) == 0;
		break;
	case BERTH_OPT_STR:
	case BERTH_OPT_PATH:
	case BERTH_OPT_ENUM:
	case BERTH_OPT_SECRET:
		text = host->conf_str(conf, o->name);
		is_set = text != NULL;
		break;
	case BERTH_OPT_JSON:
		text = host->conf_json(conf, o->name);
		is_set = text != NULL;
		break;
	}
	wire_put_str(w, o->name);
	wire_put_u64(w, o->type);
	wire_put_u64(w, is_set);
	wire_put_u64(w, number);
	wire_put_str(w, text);
}

void wire_put_conf(struct wire *w, const struct berth_conf *conf)
{
	const struct berth_option *first = w->head ? w->head->options : NULL;
	uint64_t n = 0;

	wire_put_u64(w, conf != NULL);
	if (!conf)
		return;
	while (first && first[n].name)
		n++;
	wire_put_u64(w, n);
	for (uint64_t i = 0; i < n; i++)
		put_option(w, conf, &first[i]);
}

/* --- reading -------------------------------------------------------------- */

static const char *take(struct wire *w, uint64_t n)
{
	const char *p = w->body + w->at;

	if (w->bad || n > w->n - w->at) {
		w->bad = true;
		return NULL;
	}
	w->at += n;
	return p;
}

uint64_t wire_get_u64(struct wire *w)
{
	const char *p = take(w, sizeof(uint64_t));
	uint64_t u = 0;

	if (p)
		memcpy(&u, p, sizeof(u));
	return u;
}

uint64_t wire_get_max(struct wire *w, uint64_t max)
{
	uint64_t u = wire_get_u64(w);

	if (u <= max)
		return u;
	w->bad = true;
	return 0;
}

struct berth_str wire_get_bytes(struct wire *w)
{
	uint64_t n = wire_get_u64(w);
	const char *p = n ? take(w, n) : NULL;

	return (struct berth_str){p, p ? (size_t)n : 0};
}

const char *wire_get_str(struct wire *w)
{
	uint64_t n = wire_get_u64(w);
	const char *p;

	if (n == NO_STRING)
		return NULL;
	p = take(w, n);
	if (p && n && memchr(p, '\0', n) == p + n - 1)
		return p;
	w->bad = true;
	return NULL;
}

const char *wire_get_text(struct wire *w)
{
	const char *s = wire_get_str(w);

	if (s)
		return s;
	w->bad = true;
	return "";
}

int wire_get_fd(struct wire *w)
{
	if (!wire_get_max(w, 1) || w->bad)
		return -1;
	if (w->at_fd < w->n_fds)
		return w->fds[w->at_fd++];
	w->bad = true;
	return -1;
}

void *wire_room(struct wire *w, size_t n)
{
	struct wire_block *b = w->bad ? NULL : calloc(1, sizeof(*b) + n);

	if (!b) {
		w->bad = true;
		return NULL;
	}
	b->next = w->blocks;
	w->blocks = b;
	return b->bytes;
}

struct wire_conf *wire_get_conf(struct wire *w)
{
	struct wire_conf *conf;

	if (!wire_get_max(w, 1))
		return NULL;
	conf = wire_room(w, sizeof(*conf));
	if (!conf)
		return NULL;
	conf->n = wire_get_max(w, WIRE_OPTIONS_MAX);
	conf->option = wire_room(w, (conf->n + 1) * sizeof(*conf->option));
	for (uint64_t i = 0; i < conf->n && !w->bad; i++) {
		struct wire_option *o = &conf->option[i];

		o->name = wire_get_text(w);
		o->type = (uint32_t)wire_get_u64(w);
		o->is_set = wire_get_max(w, 1);
		o->number = wire_get_u64(w);
		o->text = wire_get_str(w);
	}
	return w->bad ? NULL : conf;
}

int wire_check(const struct wire *w, struct berth_error *err)
{
	if (w->bad || w->at != w->n || w->at_fd != w->n_fds)
		return berth_fail(err, BERTH_E_CORRUPT, "a message is not as agreed");
	return 0;
}
