/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth/registry.h - the calls of a registry driver.
 *
 * A registry driver moves bytes that are named by their digest. It does not understand manifests:
 * the engine picks platforms, verifies length and digest of every byte before anything is visible,
 * decompresses, decides order and parallelism, keeps credentials, mirrors and resumable parts.
 * Manifest bytes are stored and pushed exactly as received.
 *
 * The same calls serve a server on the network and an archive in a file (`load` and `save`):
 *
 *   pull:  resolve -> fetch, read*, close_stream (per manifest and blob, several at a time)
 *   push:  has -> upload_begin, write*, upload_commit -> put_manifest -> finish
 *   list:  tags, each, search, referrers
 *
 * Where: `where` names the place; for a server it is the base address and its security, for an
 * archive an fd. `repo` is the repository without host ("library/alpine"), `ref` a tag or a digest.
 *
 * Follows the OCI distribution specification 1.1, the OCI image layout 1.1 (image-layout.md) and,
 * for docker archives, the layout that `docker save` writes.
 */
#ifndef BERTH_REGISTRY_H
#define BERTH_REGISTRY_H

#include "driver.h"

#ifdef __cplusplus
extern "C" {
#endif

struct berth_registry; /* the instance; completed by the driver */
struct berth_stream;   /* bytes coming in; completed by the driver */
struct berth_upload;   /* bytes going out; completed by the driver */

/** berth_driver.caps of a registry driver. */
#define BERTH_REG_PULL	    (UINT64_C(1) << 0)
#define BERTH_REG_PUSH	    (UINT64_C(1) << 1)
#define BERTH_REG_TAGS	    (UINT64_C(1) << 2)
#define BERTH_REG_RANGE	    (UINT64_C(1) << 3) /**< fetch from an offset is cheap */
#define BERTH_REG_MOUNT	    (UINT64_C(1) << 4) /**< upload_begin honours mount_from */
#define BERTH_REG_REFERRERS (UINT64_C(1) << 5)
#define BERTH_REG_DELETE    (UINT64_C(1) << 6)
#define BERTH_REG_SYNTHETIC                                                                        \
	(UINT64_C(1) << 7) /**< makes manifests up: digests are not a registry's */
#define BERTH_REG_ONE_WRITER (UINT64_C(1) << 8) /**< one process may write at a time */
#define BERTH_REG_SEARCH     (UINT64_C(1) << 9)
#define BERTH_REG_ARCHIVE                                                                          \
	(UINT64_C(1) << 10)		   /**< `where` is a file or directory (fd), not a server */
#define BERTH_REG_EACH (UINT64_C(1) << 11) /**< each lists everything that is in there */

enum berth_where_flags {
	BERTH_WHERE_PULL = 1u << 0,	  /**< may be used to fetch blobs */
	BERTH_WHERE_RESOLVE = 1u << 1,	  /**< may be asked what a tag means */
	BERTH_WHERE_PUSH = 1u << 2,	  /**< may be written to */
	BERTH_WHERE_PLAIN_HTTP = 1u << 3, /**< no TLS */
	BERTH_WHERE_NO_VERIFY = 1u << 4,  /**< TLS without checking the certificate */
};

/** A place. Growable. */
struct berth_where {
	uint32_t size;
	uint32_t flags;	  /**< enum berth_where_flags */
	const char *host; /**< "registry.example:5000"; key for credentials; NULL for archives */
	/**
	 * Address to talk to if it is not the host's own (a mirror), or NULL. Archives: what
	 * messages call the file ("x.tar"), or NULL.
	 */
	const char *base;
	const char *ca_dir, *client_cert, *client_key; /**< paths or NULL */
	uint32_t connect_ms;			       /**< 0 = the driver's default */
	/**
	 * Archives: the file (seekable; the engine spools pipes) or an O_DIRECTORY fd of a layout,
	 * borrowed for the call and the same in all calls between the first one and finish. A file
	 * that is to be written is empty from its offset on and has PUSH without PULL in flags, or
	 * is open for writing only; it may be a pipe then. Else -1.
	 */
	int32_t fd;
};

enum berth_desc_flags {
	/** Made up by a driver with SYNTHETIC: no registry knows this manifest by this digest. */
	BERTH_DESC_SYNTHETIC = 1u << 0,
};

/** A descriptor (OCI image-spec descriptor.md). Growable. */
struct berth_desc {
	uint32_t size;
	uint32_t flags; /**< enum berth_desc_flags */
	const char *media_type;
	const char *
		digest; /**< "sha256:<hex>"; "" from a driver with SYNTHETIC that did not hash it */
	uint64_t bytes; /**< length; UINT64_MAX = unknown */
	struct berth_str annotations; /**< JSON object or empty */
	struct berth_str platform;    /**< JSON object or empty */
};

/** Is called with one descriptor and the name under which it was found ("" = none). Borrowed. */
typedef int (*berth_desc_fn)(void *arg, const char *name, const struct berth_desc *desc);

/**
 * What the other side said besides, filled on success and failure. Growable; zeroed by the caller
 * but for size. `warning` and `ratelimit` are text for people.
 */
struct berth_reply {
	uint32_t size;
	int32_t http;		 /**< status, 0 = none */
	uint64_t retry_after_ms; /**< 0 = not said */
	char warning[256];
	char ratelimit[128];
};

struct berth_registry_ops {
	/**
	 * Required with PULL. What does @ref of @repo name? The descriptor goes to @fn, once.
	 * Archives:
	 * @repo is the whole name as written in the archive. NOT_FOUND, DENIED, UNREACHABLE,
	 * RETRY_LATER.
	 */
	int (*resolve)(struct berth_registry *reg, const struct berth_where *where,
		       const char *repo, const char *ref, struct berth_op *op, berth_desc_fn fn,
		       void *arg, struct berth_reply *reply, struct berth_error *err);
	/**
	 * Required with PULL. Begin to read the bytes of @desc from offset @from, at most @len
	 * (UINT64_MAX: to the end). The driver need not verify; it must not return other bytes than
	 * were asked for (a server that ignores a range: skip). NOT_FOUND if it is not there.
	 */
	int (*fetch)(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		     const struct berth_desc *desc, uint64_t from, uint64_t len,
		     struct berth_op *op, struct berth_stream **ret, struct berth_reply *reply,
		     struct berth_error *err);
	/** Required with PULL. Up to @n bytes; *ret_n == 0: the end. Blocks; honours the fetch's
	 * op. */
	int (*read)(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
		    struct berth_error *err);
	/** Required with PULL. NULL is fine. */
	void (*close_stream)(struct berth_stream *stream);
	/** Required with PUSH. Is the blob or manifest there already? */
	int (*has)(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		   const struct berth_desc *desc, struct berth_op *op, bool *ret,
		   struct berth_error *err);
	/**
	 * Required with PUSH. Begin to upload a blob. With MOUNT and @mount_from (a repository on
	 * the same server) *ret may be NULL on success: it has been mounted, nothing is to be sent.
	 */
	int (*upload_begin)(struct berth_registry *reg, const struct berth_where *where,
			    const char *repo, const struct berth_desc *desc, const char *mount_from,
			    struct berth_op *op, struct berth_upload **ret,
			    struct berth_error *err);
	/** Required with PUSH. All of @n or failure. */
	int (*write)(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
		     struct berth_error *err);
	/**
	 * Required with PUSH. 0: the other side has it, under the digest of upload_begin. CORRUPT:
	 * the bytes were others than announced. Ends @up in every case.
	 */
	int (*upload_commit)(struct berth_upload *up, struct berth_op *op, struct berth_error *err);
	/** Required with PUSH. NULL is fine. */
	void (*upload_abort)(struct berth_upload *up);
	/** Required with PUSH. Put manifest @bytes under @ref (tag, digest, or "" = digest only).
	 */
	int (*put_manifest)(struct berth_registry *reg, const struct berth_where *where,
			    const char *repo, const char *ref, const struct berth_desc *desc,
			    struct berth_str bytes, struct berth_op *op, struct berth_error *err);
	/** Required with TAGS. */
	int (*tags)(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		    berth_id_fn fn, void *arg, struct berth_op *op, struct berth_error *err);
	/**
	 * Required with EACH. All top-level manifests and the names they have in there ("repo:tag"
	 * as written; one call of @fn per name; "" if unnamed), in the archive's order.
	 * UNSUPPORTED: this is no archive of the driver's kind, another one may know it; CORRUPT:
	 * it is, and it is damaged.
	 */
	int (*each)(struct berth_registry *reg, const struct berth_where *where,
		    struct berth_op *op, berth_desc_fn fn, void *arg, struct berth_error *err);
	/** Required with DELETE. A tag or a digest; what else refers to the content is not looked
	 * at. */
	int (*remove)(struct berth_registry *reg, const struct berth_where *where, const char *repo,
		      const char *ref, struct berth_op *op, struct berth_error *err);
	/** Required with REFERRERS. Descriptors whose subject is @digest; @artifact_type NULL =
	 * all. */
	int (*referrers)(struct berth_registry *reg, const struct berth_where *where,
			 const char *repo, const char *digest, const char *artifact_type,
			 struct berth_op *op, berth_desc_fn fn, void *arg, struct berth_error *err);
	/**
	 * Required with SEARCH. JSON array of {"name","description","star_count","is_official",
	 * "is_automated"} into @json; at most @limit.
	 */
	int (*search)(struct berth_registry *reg, const struct berth_where *where, const char *term,
		      uint32_t limit, struct berth_op *op, struct berth_sink *json,
		      struct berth_error *err);
	/**
	 * Required with ARCHIVE. End of work with @where: with @commit true an archive being
	 * written becomes whole (index written, synced), with false what was written is dropped.
	 * Readers call it too.
	 */
	int (*finish)(struct berth_registry *reg, const struct berth_where *where, bool commit,
		      struct berth_op *op, struct berth_error *err);
};

#ifdef __cplusplus
}
#endif

#endif /* BERTH_REGISTRY_H */
