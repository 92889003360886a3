/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: the state directory and what is in it.
 *
 *   <root>/berth.db              SQLite; schema.c holds all tables and their migrations (PRAGMA
 * user_version) <root>/content/sha256/<hex>  blobs by digest, complete and verified
 *   <root>/content/partial/      blobs coming in; a name is locked by who writes it
 *   <root>/storage/<driver>/     state of storage drivers   (also network/, isolation/, registry/)
 *   <root>/containers/<id>/      files of a container: hosts, resolv.conf, log
 *   <root>/volumes/<name>/
 *   <run>/containers/<id>/       run-time files of a container: config.json, sockets, locks
 *
 * The rule for everything that is made outside of the database: the row is written first and says
 * "being made"; the maker holds the object's lock (store_lock); whoever finds such a row and gets
 * the lock knows that the maker is dead, and undoes it. It knows no driver.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "base/digest.h"
#include "core/config/config.h"
#include "core/store/db.h"

struct store {
	const struct config *config; /**< borrowed */
	struct db *db;
	bool left_trash; /**< storage drivers have something to reclaim, when nobody waits */
	bool left_endpoints; /**< network drivers have containers to let go of, likewise */
	int rootfd, runfd; /**< O_PATH-less O_DIRECTORY fds of <root> and <run> */
};

/**
 * Open, and make what is missing (directories 0711/0700, schema). Cheap: no scan. DENIED with a
 * hint if not root or not ours. CORRUPT if the database is damaged (hint: system check --repair).
 * UNSUPPORTED if it was written by a later version.
 */
int store_open(const struct config *config, struct store **ret, struct berth_error *err);
void store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close);
#define cleanup_store cleanup_with(store_close_at)

/**
 * Lock the object @kind ("container", "image", "layer") / @name among all processes, until the fd
 * is closed: a file in <run>/locks. BUSY at once if @try is true and somebody holds it.
 */
int store_lock(struct store *store, const char *kind, const char *name, bool try, int *ret_fd,
	       struct berth_error *err);
/** The same, together with others who take it so. */
int store_lock_shared(struct store *store, const char *kind, const char *name, int *ret_fd,
		      struct berth_error *err);
/** Give an exclusive lock back and remove its file: the object is gone, or locks of its kind are
 * many. */
void store_lock_drop(struct store *store, const char *kind, const char *name, int *lock_fd);
/** For who ends and is not waited for (a monitor): keeps opening cheap for the next one; see
 * db_tidy. */
void store_tidy(struct store *store);

/* --- content: blobs by digest ---------------------------------------------------------------- */

/** Is it there, and how long? NOT_FOUND. */
int content_stat(struct store *store, const struct digest *digest, uint64_t *ret_size,
		 struct berth_error *err);
/** For reading. NOT_FOUND. */
int content_open(struct store *store, const struct digest *digest, int *ret_fd,
		 struct berth_error *err);
/** The whole of a small one; LIMIT above @limit. NUL-terminated; the caller frees. */
int content_read(struct store *store, const struct digest *digest, uint64_t limit, char **ret,
		 size_t *ret_len, struct berth_error *err);
/** Unlink; absent: 0. Only by who has made sure that no row refers to it (image_sweep). */
int content_remove(struct store *store, const struct digest *digest, struct berth_error *err);

/**
 * A blob coming in. With a known @digest only one writes it at a time: BUSY if another process or
 * thread does now (try again later), EXISTS if the blob is there. Bytes that an earlier,
 * interrupted writer left are kept: *ret_have says how many. The caller hashes; commit is told the
 * digest that came out. No digest known: pass NULL.
 */
struct content_writer;
int content_begin(struct store *store, const struct digest *digest, struct content_writer **ret,
		  uint64_t *ret_have, struct berth_error *err);
int content_write(struct content_writer *w, const void *bytes, size_t n, struct berth_error *err);
/** fd of the partial file, e.g. to hash what is already there; borrowed. */
int content_writer_fd(const struct content_writer *w);
/** Throw away what is there and start at 0. */
int content_restart(struct content_writer *w, struct berth_error *err);
/**
 * Sync and rename; the name itself is on the disk after content_sync, once for several blobs. Ends
 * @w in every case. (any thread)
 */
int content_commit(struct content_writer *w, const struct digest *digest, struct berth_error *err);
/** @keep: leave the bytes for the next try. NULL is fine. */
void content_abort(struct content_writer *w, bool keep);
static inline void content_drop(struct content_writer *w)
{
	content_abort(w, false);
}
DEFINE_CLEANUP(struct content_writer *, content_drop);
#define cleanup_content cleanup_with(content_drop_at)
int content_sync(struct store *store, struct berth_error *err);

typedef int (*content_fn)(void *arg, const struct digest *digest, uint64_t size);
int content_each(struct store *store, content_fn fn, void *arg, struct berth_error *err);
/**
 * Remove what dead writers left: files without a digest, and with @all also what could be
 * continued. *ret_files (may be NULL): how many.
 */
int content_sweep(struct store *store, bool all, size_t *ret_files, struct berth_error *err);
/**
 * A file without a name on the store's filesystem, for what has to be seekable; gone when closed.
 */
int content_temp(struct store *store, int *ret_fd, struct berth_error *err);

#endif
