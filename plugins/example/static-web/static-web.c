/* SPDX-License-Identifier: Apache-2.0 */
/*
 * static-web - a registry driver which pulls images from any web server that hands out files.
 *
 * A repository is a directory of the server with an OCI image layout in it, as `skopeo copy
 * docker://alpine:3.20 oci:/srv/www/images/alpine:3.20` writes it:
 *
 *	BASE/REPO/index.json			its manifests, tags as annotations
 *	BASE/REPO/blobs/sha256/HEX		manifests, configs, layers
 *
 * BASE is where->base or, without one, https://HOST. Nothing is written there. What each call promises
 * is in <berth/registry.h>.
 */
#include <berth/registry.h>

#include <curl/curl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	HEX_CHARS = 64,		  /* of a SHA-256 */
	NAME_MAX_CHARS = 255,	  /* of a repository */
	INDEX_MAX = 4 << 20,	  /* bytes of an index.json */
	BUFFER_BYTES = 256 << 10, /* that have come and nobody has read */
	PIECE_BYTES = 64 << 10,	  /* that curl hands over at once: less than the buffer */
	CONNECT_MS = 10000,
	SILENCE_S = 60, /* the other side may say nothing for so long */
	REDIRECTS_MAX = 5,
};

static const char ref_key[] = "org.opencontainers.image.ref.name";

struct berth_registry {
	const struct berth_host *host;
};

struct berth_stream {
	const struct berth_host *host;
	struct berth_op *op; /* of the fetch: it outlives the stream */
	CURLM *multi;
	CURL *easy;
	char *buffer;
	size_t begin, end; /* of what has come, in the buffer */
	uint64_t skip;	   /* bytes to come before those asked for: the server ignores ranges */
	uint64_t left;	   /* bytes still asked for */
	bool is_paused;
	bool is_done;
	CURLcode result; /* if done */
};

/* ------------------------------------------------------------------------------- names become addresses */

static int check_digest(const char *digest, struct berth_error *err)
{
	if (strncmp(digest, "sha256:", 7) == 0 &&
	    strspn(digest + 7, "0123456789abcdef") == HEX_CHARS && !digest[7 + HEX_CHARS])
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "this is no digest of kind sha256");
}

/* Small letters, digits, '.', '_' and '-' between slashes: no part is "..", nothing needs escapes. */
static int check_repo(const char *repo, struct berth_error *err)
{
	size_t n = strspn(repo, "abcdefghijklmnopqrstuvwxyz0123456789._-/");

	if (n > 0 && n <= NAME_MAX_CHARS && !repo[n] && repo[0] != '/' && repo[0] != '.' &&
	    !strstr(repo, "/.") && !strstr(repo, "//"))
		return 0;
	return berth_fail(err, BERTH_E_INVALID, "this is no name of a repository");
}

/* Address of file @name of @repo; free() it. */
static int address_of(const struct berth_where *where, const char *repo, const char *name,
		      char **ret, struct berth_error *err)
{
	const char *scheme = where->flags & BERTH_WHERE_PLAIN_HTTP ? "http://" : "https://";
	const char *base = where->base ? where->base : where->host;
	int r = check_repo(repo, err);

	if (r < 0)
		return r;
	if (!base)
		return berth_fail(err, BERTH_E_INVALID, "there is no server to ask");
	if (strstr(base, "://"))
		scheme = "";
	if (asprintf(ret, "%s%s/%s/%s", scheme, base, repo, name) < 0)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

static int address_of_blob(const struct berth_where *where, const char *repo, const char *digest,
			   char **ret, struct berth_error *err)
{
	char name[sizeof("blobs/sha256/") + HEX_CHARS];
	int r = check_digest(digest, err);

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest + strlen("sha256:"));
	return address_of(where, repo, name, ret, err);
}

/* ------------------------------------------------------------------------------------------- requests */

/* From libcurl: bytes have come. What does not fit waits until somebody has read. */
static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct berth_stream *s = arg;
	size_t all = size * n;
	size_t skipped = all < s->skip ? all : (size_t)s->skip;

	if (all - skipped > BUFFER_BYTES - s->end) {
		s->is_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(s->buffer + s->end, bytes + skipped, all - skipped);
	s->end += all - skipped;
	s->skip -= skipped;
	return all;
}

/* From libcurl, for each line of a head. Redirected, there are several: the last one counts. */
static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
	struct berth_stream *s = arg;
	long status = 0;

	(void)line;
	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 206) /* we get the range that we asked for */
		s->skip = 0;
	return size * n;
}

static int fail_status(long status, const char *address, struct berth_error *err)
{
	switch (status) {
	case 401:
	case 403:
		return berth_fail(err, BERTH_E_DENIED, "'%.300s': HTTP status %ld", address,
				  status);
	case 404:
	case 410:
		return berth_fail(err, BERTH_E_NOT_FOUND, "'%.300s' is not there", address);
	case 416:
		return berth_fail(err, BERTH_E_INVALID, "'%.300s' is shorter", address);
	case 429:
	case 503:
		return berth_fail(err, BERTH_E_RETRY_LATER, "'%.300s': HTTP status %ld", address,
				  status);
	default:
		return berth_fail(err, BERTH_E_IO, "'%.300s': HTTP status %ld", address, status);
	}
}

static int fail_curl(CURLcode result, struct berth_error *err)
{
	const char *text = curl_easy_strerror(result);

	if (result == CURLE_OUT_OF_MEMORY)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (result == CURLE_OPERATION_TIMEDOUT)
		return berth_fail(err, BERTH_E_TIMEOUT, "no answer in time");
	if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL)
		return berth_fail(err, BERTH_E_INVALID, "%s", text);
	return berth_fail(err, BERTH_E_UNREACHABLE, "%s", text);
}

/* Work on the request until there are bytes to be read, or it is over. */
static int wait_for_bytes(struct berth_stream *s, struct berth_error *err)
{
	while (s->begin == s->end && !s->is_done) {
		struct curl_waitfd also = {.fd = s->host->cancel_fd(s->op),
					   .events = CURL_WAIT_POLLIN};
		int running = 0;
		int n;
		CURLMsg *msg;

		if (s->host->cancelled(s->op))
			return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
		s->begin = s->end = 0;
		if (s->is_paused) {
			s->is_paused = false;
			(void)curl_easy_pause(s->easy, CURLPAUSE_CONT);
		}
		if (curl_multi_perform(s->multi, &running) != CURLM_OK)
			return berth_fail(err, BERTH_E_INTERNAL, "libcurl fails");
		while ((msg = curl_multi_info_read(s->multi, &n))) {
			s->is_done = msg->msg == CURLMSG_DONE;
			s->result = msg->data.result;
		}
		if (s->begin == s->end && !s->is_done)
			(void)curl_multi_poll(s->multi, &also, also.fd >= 0 ? 1 : 0, 1000, NULL);
	}
	if (s->begin == s->end && s->result != CURLE_OK)
		return fail_curl(s->result, err);
	return 0;
}

/* What libcurl is to do; it copies all strings. */
static void set_request(const struct berth_stream *s, const struct berth_where *where,
			const char *address, uint64_t from)
{
	bool verify = !(where->flags & BERTH_WHERE_NO_VERIFY);
	char range[32];

	(void)snprintf(range, sizeof(range), "%llu-", (unsigned long long)from);
	(void)curl_easy_setopt(s->easy, CURLOPT_URL, address);
	(void)curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L); /* signals are the engine's */
	(void)curl_easy_setopt(s->easy, CURLOPT_USERAGENT, s->host->engine);
	(void)curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(s->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(s->easy, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(s->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	(void)curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS,
			       where->connect_ms ? (long)where->connect_ms : (long)CONNECT_MS);
	(void)curl_easy_setopt(s->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(s->easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
	(void)curl_easy_setopt(s->easy, CURLOPT_BUFFERSIZE, (long)PIECE_BYTES);
	(void)curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
	(void)curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	if (where->ca_dir)
		(void)curl_easy_setopt(s->easy, CURLOPT_CAPATH, where->ca_dir);
	if (where->client_cert)
		(void)curl_easy_setopt(s->easy, CURLOPT_SSLCERT, where->client_cert);
	if (where->client_key)
		(void)curl_easy_setopt(s->easy, CURLOPT_SSLKEY, where->client_key);
	if (from > 0)
		(void)curl_easy_setopt(s->easy, CURLOPT_RANGE, range);
	if (s->left == 0)
		(void)curl_easy_setopt(s->easy, CURLOPT_NOBODY, 1L);
	(void)curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, take_bytes);
	(void)curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
	(void)curl_easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(s->easy, CURLOPT_HEADERDATA, s);
}

static void static_web_close_stream(struct berth_stream *s)
{
	if (!s)
		return;
	if (s->multi && s->easy)
		(void)curl_multi_remove_handle(s->multi, s->easy);
	curl_easy_cleanup(s->easy);
	if (s->multi)
		(void)curl_multi_cleanup(s->multi);
	free(s->buffer);
	free(s);
}

/* A stream on which nothing has been asked yet. */
static struct berth_stream *new_stream(const struct berth_host *host, struct berth_op *op)
{
	struct berth_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->host = host;
	s->op = op;
	s->buffer = malloc(BUFFER_BYTES);
	s->multi = curl_multi_init();
	s->easy = curl_easy_init();
	if (s->buffer && s->multi && s->easy &&
	    curl_multi_add_handle(s->multi, s->easy) == CURLM_OK)
		return s;
	static_web_close_stream(s);
	return NULL;
}

static void tell_reply(const struct berth_stream *s, long status, struct berth_reply *reply)
{
	curl_off_t seconds = 0;

	if (!reply || reply->size < offsetof(struct berth_reply, warning))
		return;
	reply->http = (int32_t)status;
	(void)curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &seconds);
	reply->retry_after_ms = seconds > 0 ? (uint64_t)seconds * 1000 : 0;
}

/* Ask for @len bytes of @address from byte @from on; the answer has begun, and is none of an error. */
static int begin_request(const struct berth_registry *reg, const struct berth_where *where,
			 const char *address, uint64_t from, uint64_t len, struct berth_op *op,
			 struct berth_stream **ret, struct berth_reply *reply,
			 struct berth_error *err)
{
	struct berth_stream *s = new_stream(reg->host, op);
	long status = 0;
	int r;

	if (!s)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	s->skip = from;
	s->left = len;
	set_request(s, where, address, from);
	r = wait_for_bytes(s, err);
	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	tell_reply(s, status, reply);
	if (r == 0 && status != 200 && status != 206)
		r = fail_status(status, address, err);
	else if (r < 0)
		berth_error_prefix(err, "'%.300s'", address);
	if (r < 0) {
		static_web_close_stream(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int static_web_read(struct berth_stream *s, void *buf, size_t n, size_t *ret_n,
			   struct berth_error *err)
{
	size_t have;
	int r;

	if (s->host->cancelled(s->op))
		return berth_fail(err, BERTH_E_CANCELLED, "cancelled");
	if (n > s->left)
		n = (size_t)s->left;
	if (n == 0) {
		*ret_n = 0;
		return 0;
	}
	r = wait_for_bytes(s, err);
	if (r < 0)
		return r;
	have = s->end - s->begin;
	if (n > have)
		n = have;
	memcpy(buf, s->buffer + s->begin, n);
	s->begin += n;
	s->left -= n;
	*ret_n = n;
	return 0;
}

/* -------------------------------------------------------------------------------------------- the index */

/* All of a small file; free() it. */
static int read_file(const struct berth_registry *reg, const struct berth_where *where,
		     const char *address, struct berth_op *op, char **ret, size_t *ret_n,
		     struct berth_reply *reply, struct berth_error *err)
{
	struct berth_stream *s = NULL;
	char *text = NULL;
	size_t room = 0;
	size_t len = 0;
	size_t n = 1;
	int r = begin_request(reg, where, address, 0, UINT64_MAX, op, &s, reply, err);

	while (r == 0 && n > 0) {
		if (room - len < PIECE_BYTES) {
			char *more = realloc(text, room + 4 * PIECE_BYTES);

			if (!more) {
				r = berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
				break;
			}
			text = more;
			room += 4 * PIECE_BYTES;
		}
		r = static_web_read(s, text + len, room - len, &n, err);
		len += r == 0 ? n : 0;
		if (len > INDEX_MAX)
			r = berth_fail(err, BERTH_E_LIMIT, "'%.300s' has more than %d bytes",
				       address, INDEX_MAX);
	}
	static_web_close_stream(s);
	if (r < 0) {
		free(text);
		return r;
	}
	*ret = text;
	*ret_n = len;
	return 0;
}

static int parse_index(const char *text, size_t n, json_object **ret, struct berth_error *err)
{
	json_tokener *parser = json_tokener_new_ex(16);
	json_object *manifests;

	if (!parser)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*ret = json_tokener_parse_ex(parser, text, (int)n);
	json_tokener_free(parser);
	if (!json_object_object_get_ex(*ret, "manifests", &manifests) ||
	    !json_object_is_type(manifests, json_type_array)) {
		json_object_put(*ret);
		return berth_fail(err, BERTH_E_CORRUPT, "its index.json is no index");
	}
	return 0;
}

/* index.json of @repo; json_object_put() it. */
static int read_index(const struct berth_registry *reg, const struct berth_where *where,
		      const char *repo, struct berth_op *op, json_object **ret,
		      struct berth_reply *reply, struct berth_error *err)
{
	char *address = NULL;
	char *text = NULL;
	size_t n = 0;
	int r = address_of(where, repo, "index.json", &address, err);

	if (r == 0)
		r = read_file(reg, where, address, op, &text, &n, reply, err);
	if (r == 0)
		r = parse_index(text, n, ret, err);
	free(text);
	free(address);
	return r;
}

static const char *text_of(json_object *object, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

/* Its tag, or "". */
static const char *tag_of(json_object *manifest)
{
	json_object *annotations;

	if (!json_object_object_get_ex(manifest, "annotations", &annotations))
		return "";
	return text_of(annotations, ref_key);
}

static json_object *find_manifest(json_object *index, const char *ref)
{
	bool is_digest = strchr(ref, ':');
	json_object *manifests = json_object_object_get(index, "manifests");

	for (size_t i = 0; ref[0] && i < json_object_array_length(manifests); i++) {
		json_object *one = json_object_array_get_idx(manifests, i);
		const char *name = is_digest ? text_of(one, "digest") : tag_of(one);

		if (strcmp(name, ref) == 0)
			return one;
	}
	return NULL;
}

/* ----------------------------------------------------------------------------------- with BERTH_REG_PULL */

static int static_web_resolve(struct berth_registry *reg, const struct berth_where *where,
			      const char *repo, const char *ref, struct berth_op *op,
			      berth_desc_fn fn, void *arg, struct berth_reply *reply,
			      struct berth_error *err)
{
	json_object *index = NULL;
	json_object *found;
	json_object *size;
	struct berth_desc desc = {.size = sizeof(desc), .bytes = UINT64_MAX};
	int r = read_index(reg, where, repo, op, &index, reply, err);

	if (r < 0)
		return r;
	found = find_manifest(index, ref);
	if (found) {
		desc.media_type = text_of(found, "mediaType");
		desc.digest = text_of(found, "digest");
		if (json_object_object_get_ex(found, "size", &size) &&
		    json_object_is_type(size, json_type_int) && json_object_get_int64(size) >= 0)
			desc.bytes = (uint64_t)json_object_get_int64(size);
		r = check_digest(desc.digest, err) < 0 ? -BERTH_E_CORRUPT : 0;
		if (r < 0)
			(void)berth_fail(err, BERTH_E_CORRUPT, "index.json names no digest");
	} else {
		r = berth_fail(err, BERTH_E_NOT_FOUND, "repository '%.128s' has no such manifest",
			       repo);
	}
	if (r == 0)
		r = fn(arg, ref, &desc);
	json_object_put(index);
	return r;
}

static int static_web_fetch(struct berth_registry *reg, const struct berth_where *where,
			    const char *repo, const struct berth_desc *desc, uint64_t from,
			    uint64_t len, struct berth_op *op, struct berth_stream **ret,
			    struct berth_reply *reply, struct berth_error *err)
{
	char *address = NULL;
	int r = address_of_blob(where, repo, desc->digest, &address, err);

	if (r < 0)
		return r;
	if (len == 0 || from == desc->bytes) /* servers call that no range: is it there? */
		r = begin_request(reg, where, address, 0, 0, op, ret, reply, err);
	else if (desc->bytes != UINT64_MAX && from > desc->bytes)
		r = berth_fail(err, BERTH_E_INVALID, "it has %llu bytes only",
			       (unsigned long long)desc->bytes);
	else
		r = begin_request(reg, where, address, from, len, op, ret, reply, err);
	free(address);
	return r;
}

/* ----------------------------------------------------------------------------------- with BERTH_REG_TAGS */

static int static_web_tags(struct berth_registry *reg, const struct berth_where *where,
			   const char *repo, berth_id_fn fn, void *arg, struct berth_op *op,
			   struct berth_error *err)
{
	json_object *index = NULL;
	json_object *manifests;
	int r = read_index(reg, where, repo, op, &index, NULL, err);

	if (r < 0)
		return r;
	manifests = json_object_object_get(index, "manifests");
	for (size_t i = 0; r == 0 && i < json_object_array_length(manifests); i++) {
		const char *tag = tag_of(json_object_array_get_idx(manifests, i));

		if (tag[0])
			r = fn(arg, tag);
	}
	json_object_put(index);
	return r;
}

/* ---------------------------------------------------------------------- required: open, close; and probe */

static int static_web_open(const struct berth_host *host, const struct berth_conf *conf,
			   int state_fd, void **ret_instance, struct berth_error *err)
{
	struct berth_registry *reg = calloc(1, sizeof(*reg));

	(void)conf;
	(void)state_fd; /* it keeps nothing */
	if (!reg)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(reg);
		return berth_fail(err, BERTH_E_NO_MEMORY, "libcurl does not begin");
	}
	reg->host = host;
	*ret_instance = reg;
	return 0;
}

static void static_web_close(void *instance)
{
	if (!instance)
		return;
	curl_global_cleanup();
	free(instance);
}

static int static_web_probe(const struct berth_host *host, const struct berth_conf *conf,
			    int scratch_fd, struct berth_sink *findings, struct berth_error *err)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

	(void)conf;
	(void)scratch_fd;
	(void)err;
	if (!(curl->features & CURL_VERSION_SSL))
		return host->finding(findings, BERTH_FINDING_WARN, "static-web.tls",
				     "libcurl has no TLS: only plain http works",
				     "install a libcurl with TLS");
	return host->finding(findings, BERTH_FINDING_OK, "static-web.tls", curl_version(), NULL);
}

/* ----------------------------------------------------------------------------------------- the tables */

static const struct berth_registry_ops static_web_ops = {
	.resolve = static_web_resolve,
	.fetch = static_web_fetch,
	.read = static_web_read,
	.close_stream = static_web_close_stream,
	.tags = static_web_tags,
};

static const struct berth_driver static_web_head = {
	.size = sizeof(static_web_head),
	.kind = BERTH_REGISTRY,
	.host_min = BERTH_HOST_SIZE_1_0,
	.threads = BERTH_THREADS_FREE, /* each stream has a connection of its own */
	.caps = BERTH_REG_PULL | BERTH_REG_TAGS | BERTH_REG_RANGE,
	.needs = BERTH_NEEDS_NETWORK,
	.name = "static-web",
	.version = "1.0.0",
	.summary = "images from any web server: OCI layouts as files",
	.options = NULL,
	.ops = &static_web_ops,
	.option_size = sizeof(struct berth_option),
	.ops_size = sizeof(static_web_ops),
	.probe = static_web_probe,
	.open = static_web_open,
	.close = static_web_close,
};

BERTH_DRIVER_EXPORT(BERTH_REGISTRY, "static-web", "1.0.0", static_web_head);
