/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive: what the two drivers for archives of images are made of. Each is this, a head, and a
 * flavour.
 *
 * A session is what goes on with one `where` between its first call and finish: either its catalog
 * is read, once, or it is written, or, in a directory, both. Sessions are known by their
 * descriptor.
 *
 * The instance's lock guards the list of sessions, reference counts, and all of a session's members
 * that change. It is held while an archive is read for the first time, but not while bytes of blobs
 * move or the host's callbacks run.
 */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include <pthread.h>
#include <sys/stat.h>

#include "berth/registry.h"
#include "catalog.h"
#include "place.h"

struct session;
struct writer;

/** In what one driver differs from the other. */
struct archive_flavour {
	bool directories; /* `where` may be a directory */
	/** Make the catalog of s->place. UNSUPPORTED: not such an archive. Called with the lock
	 * held. */
	int (*load)(const struct session *s, struct berth_op *op, struct catalog **ret,
		    struct berth_error *err);
	/** Write what belongs into a tar besides an OCI layout, before its end; or NULL. */
	int (*close_tar)(struct writer *writer, struct berth_op *op, struct berth_error *err);
};

struct berth_registry {
	const struct berth_host *host;
	const struct archive_flavour *flavour;
	pthread_mutex_t lock;
	struct session *sessions;
};

struct session {
	struct session *next;
	struct berth_registry *reg;
	unsigned refs;	    /* the list's, and one per call, stream and upload */
	int where_fd;	    /* number of the host's descriptor: the key */
	struct stat st;	    /* so that another file under the same number is noticed */
	struct place place; /* its fd is our own */
	bool loaded;
	struct catalog *catalog; /* NULL unless loaded */
	struct writer *writer;	 /* NULL unless written */
};

extern const struct berth_registry_ops archive_ops;

int archive_open(const struct archive_flavour *flavour, const struct berth_host *host, void **ret,
		 struct berth_error *err);
void archive_close(void *instance);

enum session_flags {
	SESSION_READ = 1u << 0,	 /* with its catalog */
	SESSION_WRITE = 1u << 1, /* with a writer */
	SESSION_EITHER = 0,	 /* as it is, or as `where` says */
};

/** The session of @where, begun if need be. Give back by session_put. */
int session_get(struct berth_registry *reg, const struct berth_where *where, uint32_t flags,
		struct berth_op *op, struct session **ret, struct berth_error *err);
void session_put(struct session *s);
DEFINE_CLEANUP(struct session *, session_put);
#define cleanup_session cleanup_with(session_put_at)
/** The session of @where if there is one, else NULL. */
struct session *session_find(struct berth_registry *reg, const struct berth_where *where);
/** Take it off the list. What still holds it may go on. */
void session_forget(struct session *s);
/** Free its writer. */
void session_end_write(struct session *s);
/** The catalog as it is now; catalog_put. */
struct catalog *session_catalog(struct session *s);
void session_catalog_put(struct session *s, struct catalog *catalog);

/** The load of an OCI layout, be it a directory or a tar. */
int archive_load_oci(const struct session *s, struct berth_op *op, struct catalog **ret,
		     struct berth_error *err);

/* stream.c, upload.c: members of archive_ops */
int archive_fetch(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		  const struct berth_desc *desc, uint64_t from, uint64_t len, struct berth_op *op,
		  struct berth_stream **ret, struct berth_reply *reply, struct berth_error *err);
int archive_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		 struct berth_error *err);
void archive_close_stream(struct berth_stream *stream);
int archive_has(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		const struct berth_desc *desc, struct berth_op *op, bool *ret,
		struct berth_error *err);
int archive_upload_begin(struct berth_registry *reg, const struct berth_where *where,
			 const char *repo, const struct berth_desc *desc, const char *mount_from,
			 struct berth_op *op, struct berth_upload **ret, struct berth_error *err);
int archive_write(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
		  struct berth_error *err);
int archive_upload_commit(struct berth_upload *up, struct berth_op *op, struct berth_error *err);
void archive_upload_abort(struct berth_upload *up);
int archive_put_manifest(struct berth_registry *reg, const struct berth_where *where,
			 const char *repo, const char *ref, const struct berth_desc *desc,
			 struct berth_str bytes, struct berth_op *op, struct berth_error *err);

#endif
