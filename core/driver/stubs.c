/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/stubs.h"

/* One per call, since each has other arguments. Which driver it is, the caller knows. */
#define LACKS(call) return berth_fail(err, BERTH_E_UNSUPPORTED, "the driver has no call '%s'", call)

static int storage_claim(struct berth_storage *st, const struct berth_layer_desc *desc,
			 struct berth_op *op, bool *ret_have, struct berth_error *err)
{
	LACKS("claim");
}

static int storage_ingest_tree(struct berth_ingest *in, int *ret_dirfd, struct berth_error *err)
{
	LACKS("ingest_tree");
}

static int storage_ingest_tar(struct berth_ingest *in, int fd, struct berth_op *op,
			      struct berth_error *err)
{
	LACKS("ingest_tar");
}

static int storage_usage(struct berth_storage *st, const char *id, uint32_t each_flag,
			 struct berth_usage *ret, struct berth_error *err)
{
	LACKS("usage");
}

static int storage_view_mount(struct berth_storage *st, const char *view,
			      const struct berth_view_opts *opts, int *ret_mount_fd,
			      struct berth_error *err)
{
	LACKS("view_mount");
}

static int storage_view_plan(struct berth_storage *st, const char *view,
			     const struct berth_view_opts *opts, const struct berth_plan **ret,
			     struct berth_error *err)
{
	LACKS("view_plan");
}

static void storage_view_put(struct berth_storage *st, const char *view,
			     const struct berth_plan *plan)
{
	/* there is no view_plan either, so nothing to put back */
}

static int storage_view_commit(struct berth_storage *st, const char *view, const char *layer,
			       struct berth_op *op, struct berth_error *err)
{
	LACKS("view_commit");
}

static int storage_view_limit(struct berth_storage *st, const char *view, uint64_t bytes,
			      uint64_t inodes, struct berth_error *err)
{
	LACKS("view_limit");
}

static int storage_changes(struct berth_storage *st, const char *view, berth_change_fn fn,
			   void *arg, struct berth_op *op, struct berth_error *err)
{
	LACKS("changes");
}

static int storage_tree_open(struct berth_storage *st, const char *layer, int *ret_dirfd,
			     struct berth_error *err)
{
	LACKS("tree_open");
}

static int storage_diff_tar(struct berth_storage *st, const char *layer, int out_fd,
			    struct berth_op *op, struct berth_error *err)
{
	LACKS("diff_tar");
}

static int storage_check(struct berth_storage *st, const char *id, uint32_t depth,
			 struct berth_op *op, struct berth_sink *findings, struct berth_error *err)
{
	LACKS("check");
}

static int storage_reclaim(struct berth_storage *st, struct berth_op *op, uint64_t *ret_bytes,
			   struct berth_error *err)
{
	LACKS("reclaim");
}

static int storage_below(struct berth_storage *st, const char *id, uint32_t each_flag,
			 struct berth_sink *sink, struct berth_error *err)
{
	LACKS("below");
}

static int network_plan(struct berth_network *net, const struct berth_net_desc *desc,
			const struct berth_endpoint *endpoint, struct berth_sink *json,
			struct berth_error *err)
{
	LACKS("plan");
}

/* "Optional (default: nothing to make)". */
static int network_create(struct berth_network *net, const struct berth_net_desc *desc,
			  struct berth_sink *state, struct berth_error *err)
{
	return 0;
}

/* "Optional (default: nothing to do)". */
static int network_remove(struct berth_network *net, const struct berth_net_desc *desc,
			  struct berth_error *err)
{
	return 0;
}

static int network_attach(struct berth_network *net, const struct berth_net_desc *desc,
			  const struct berth_endpoint *ep, struct berth_op *op,
			  struct berth_sink *state, struct berth_attached *ret,
			  struct berth_error *err)
{
	LACKS("attach");
}

/* Of what cannot be attached nothing is attached, and undoing that is success. */
static int network_detach(struct berth_network *net, const struct berth_net_desc *desc,
			  const struct berth_endpoint *ep, struct berth_error *err)
{
	return 0;
}

static int network_publish(struct berth_network *net, const struct berth_net_desc *desc,
			   const struct berth_endpoint *ep, struct berth_error *err)
{
	LACKS("publish");
}

static int network_check(struct berth_network *net, const struct berth_net_desc *desc,
			 const struct berth_endpoint *ep, struct berth_sink *findings,
			 struct berth_error *err)
{
	LACKS("check");
}

static int network_reconcile(struct berth_network *net, const struct berth_net_desc *desc,
			     uint32_t n_desc, uint32_t desc_stride, const struct berth_endpoint *ep,
			     uint32_t n_ep, uint32_t ep_stride, struct berth_error *err)
{
	LACKS("reconcile");
}

static int network_each(struct berth_network *net, berth_id_fn fn, void *arg,
			struct berth_error *err)
{
	LACKS("each");
}

static int isolation_features(struct berth_isolation *iso, struct berth_sink *json,
			      struct berth_error *err)
{
	LACKS("features");
}

static int isolation_explain(struct berth_isolation *iso, struct berth_str spec,
			     struct berth_sink *findings, struct berth_error *err)
{
	LACKS("explain");
}

static int isolation_recover(struct berth_isolation *iso, const char *id, struct berth_str state,
			     struct berth_sandbox **ret, struct berth_error *err)
{
	LACKS("recover");
}

static int isolation_save(struct berth_sandbox *sb, struct berth_sink *state,
			  struct berth_error *err)
{
	LACKS("save");
}

static int isolation_exec(struct berth_sandbox *sb, const struct berth_exec *exec,
			  struct berth_op *op, int *ret_pidfd, struct berth_error *err)
{
	LACKS("exec");
}

static int isolation_update(struct berth_sandbox *sb, struct berth_str resources,
			    struct berth_error *err)
{
	LACKS("update");
}

static int isolation_freeze(struct berth_sandbox *sb, bool on, struct berth_error *err)
{
	LACKS("freeze");
}

static int isolation_stats(struct berth_sandbox *sb, struct berth_sink *json,
			   struct berth_error *err)
{
	LACKS("stats");
}

static int isolation_processes(struct berth_sandbox *sb, berth_id_fn fn, void *arg,
			       struct berth_error *err)
{
	LACKS("processes");
}

static int isolation_checkpoint(struct berth_sandbox *sb, int dir_fd, uint32_t flags,
				struct berth_op *op, struct berth_error *err)
{
	LACKS("checkpoint");
}

static int registry_resolve(struct berth_registry *reg, const struct berth_where *where,
			    const char *repo, const char *ref, struct berth_op *op,
			    berth_desc_fn fn, void *arg, struct berth_reply *reply,
			    struct berth_error *err)
{
	LACKS("resolve");
}

static int registry_fetch(struct berth_registry *reg, const struct berth_where *where,
			  const char *repo, const struct berth_desc *desc, uint64_t from,
			  uint64_t len, struct berth_op *op, struct berth_stream **ret,
			  struct berth_reply *reply, struct berth_error *err)
{
	LACKS("fetch");
}

static int registry_read(struct berth_stream *stream, void *buf, size_t n, size_t *ret_n,
			 struct berth_error *err)
{
	LACKS("read");
}

static void registry_close_stream(struct berth_stream *stream)
{
	/* there is no fetch either, so only NULL can come */
}

static int registry_has(struct berth_registry *reg, const struct berth_where *where,
			const char *repo, const struct berth_desc *desc, struct berth_op *op,
			bool *ret, struct berth_error *err)
{
	LACKS("has");
}

static int registry_upload_begin(struct berth_registry *reg, const struct berth_where *where,
				 const char *repo, const struct berth_desc *desc,
				 const char *mount_from, struct berth_op *op,
				 struct berth_upload **ret, struct berth_error *err)
{
	LACKS("upload_begin");
}

static int registry_write(struct berth_upload *up, const void *buf, size_t n, struct berth_op *op,
			  struct berth_error *err)
{
	LACKS("write");
}

static int registry_upload_commit(struct berth_upload *up, struct berth_op *op,
				  struct berth_error *err)
{
	LACKS("upload_commit");
}

static void registry_upload_abort(struct berth_upload *up)
{
	/* there is no upload_begin either */
}

static int registry_put_manifest(struct berth_registry *reg, const struct berth_where *where,
				 const char *repo, const char *ref, const struct berth_desc *desc,
				 struct berth_str bytes, struct berth_op *op,
				 struct berth_error *err)
{
	LACKS("put_manifest");
}

static int registry_tags(struct berth_registry *reg, const struct berth_where *where,
			 const char *repo, berth_id_fn fn, void *arg, struct berth_op *op,
			 struct berth_error *err)
{
	LACKS("tags");
}

static int registry_each(struct berth_registry *reg, const struct berth_where *where,
			 struct berth_op *op, berth_desc_fn fn, void *arg, struct berth_error *err)
{
	LACKS("each");
}

static int registry_remove(struct berth_registry *reg, const struct berth_where *where,
			   const char *repo, const char *ref, struct berth_op *op,
			   struct berth_error *err)
{
	LACKS("remove");
}

static int registry_referrers(struct berth_registry *reg, const struct berth_where *where,
			      const char *repo, const char *digest, const char *artifact_type,
			      struct berth_op *op, berth_desc_fn fn, void *arg,
			      struct berth_error *err)
{
	LACKS("referrers");
}

static int registry_search(struct berth_registry *reg, const struct berth_where *where,
			   const char *term, uint32_t limit, struct berth_op *op,
			   struct berth_sink *json, struct berth_error *err)
{
	LACKS("search");
}

/* A server has nothing to finish. */
static int registry_finish(struct berth_registry *reg, const struct berth_where *where, bool commit,
			   struct berth_op *op, struct berth_error *err)
{
	return 0;
}

/* Every call that a driver may lack, in its place; what is always required is NULL here. */
const struct berth_storage_ops stubs_storage = {
	.claim = storage_claim,
	.ingest_tree = storage_ingest_tree,
	.ingest_tar = storage_ingest_tar,
	.usage = storage_usage,
	.view_mount = storage_view_mount,
	.view_plan = storage_view_plan,
	.view_put = storage_view_put,
	.view_commit = storage_view_commit,
	.view_limit = storage_view_limit,
	.changes = storage_changes,
	.tree_open = storage_tree_open,
	.diff_tar = storage_diff_tar,
	.check = storage_check,
	.reclaim = storage_reclaim,
	.below = storage_below,
};

const struct berth_network_ops stubs_network = {
	.plan = network_plan,
	.create = network_create,
	.remove = network_remove,
	.attach = network_attach,
	.detach = network_detach,
	.publish = network_publish,
	.check = network_check,
	.reconcile = network_reconcile,
	.each = network_each,
};

const struct berth_isolation_ops stubs_isolation = {
	.features = isolation_features,
	.explain = isolation_explain,
	.recover = isolation_recover,
	.save = isolation_save,
	.exec = isolation_exec,
	.update = isolation_update,
	.freeze = isolation_freeze,
	.stats = isolation_stats,
	.processes = isolation_processes,
	.checkpoint = isolation_checkpoint,
};

const struct berth_registry_ops stubs_registry = {
	.resolve = registry_resolve,
	.fetch = registry_fetch,
	.read = registry_read,
	.close_stream = registry_close_stream,
	.has = registry_has,
	.upload_begin = registry_upload_begin,
	.write = registry_write,
	.upload_commit = registry_upload_commit,
	.upload_abort = registry_upload_abort,
	.put_manifest = registry_put_manifest,
	.tags = registry_tags,
	.each = registry_each,
	.remove = registry_remove,
	.referrers = registry_referrers,
	.search = registry_search,
	.finish = registry_finish,
};
