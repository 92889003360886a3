/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/make.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/record_write.h"
#include "core/container/connect.h"
#include "core/container/userns.h"
#include "core/volume/volume.h"

/** What one launch gathers; all of it is given back by launch_done. */
struct launch {
	struct container_host *h;
	struct container_row *row;
	struct storage *storage;
	struct network_host networks;
	struct connection_wish wish;
	struct connection net;
	struct userns userns;
	struct spec_mount *mounts;
	size_t n_mounts;
	int root, run_dir, state_dir;
	char *join_net, *join_pid, *join_ipc; /* namespaces of other containers */
	bool tty, open_stdin, stdin_once;
};

static void launch_done(struct launch *l)
{
	spec_mounts_free(l->mounts, l->n_mounts);
	connection_done(&l->net);
	userns_close(&l->userns);
	free(l->join_net);
	free(l->join_pid);
	free(l->join_ipc);
	close_fd(&l->root);
	close_fd(&l->run_dir);
	close_fd(&l->state_dir);
}
#define cleanup_launch cleanup_with(launch_done)

static const struct record *host_config(const struct launch *l)
{
	return record_get(l->row->merged, "HostConfig");
}

static int mount_root(struct launch *l, struct berth_error *err)
{
	struct berth_view_opts opts = {
		.size = sizeof(opts),
		.flags = l->row->auto_remove ? BERTH_VIEW_VOLATILE : 0,
		.userns_fd = l->userns.fd,
		.want_form = BERTH_ST_FORM_DIR,
	};
	uint64_t caps = l->storage->caps;

	if (opts.userns_fd >= 0 && !(caps & (BERTH_ST_IDMAP | BERTH_ST_CHOWN_CLONE)))
		return berth_fail(
			err, BERTH_E_UNSUPPORTED,
			"--userns needs the capability 'idmap', which storage driver '%s' "
			"does not have",
			l->storage->name);
	return l->storage->ops.view_mount(l->storage->st, l->row->id, &opts, &l->root, err);
}

/** "container:REF" of one of the modes -> /proc/PID/ns/KIND of that running container. */
static int join_other(struct launch *l, const char *mode, const char *kind, char **ret,
		      struct berth_error *err)
{
	const char *ref = str_after(mode ? mode : "", "container:");
	cleanup_row struct container_row *other = NULL;
	int r;

	if (!ref)
		return 0;
	r = container_row_find(l->h->store, ref, &other, err);
	if (r < 0)
		return r;
	if (!(other->state & CONTAINER_ALIVE) || other->pid <= 0)
		return berth_fail(err, BERTH_E_BUSY,
				  "cannot join %s of a non running container: %s", kind, other->id);
	*ret = str_fmt("/proc/%lld/ns/%s", (long long)other->pid, kind);
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int join_others(struct launch *l, struct berth_error *err)
{
	const struct record *host = host_config(l);
	int r = join_other(l, l->row->network, "net", &l->join_net, err);

	if (r == 0)
		r = join_other(l, record_str(record_get(host, "PidMode")), "pid", &l->join_pid,
			       err);
	if (r == 0)
		r = join_other(l, record_str(record_get(host, "IpcMode")), "ipc", &l->join_ipc,
			       err);
	return r;
}

/**
 * The run-time directory, after the monitor of an earlier run has removed it: it does so after
 * everybody has been told that the container ended.
 */
static int run_dir_open(struct launch *l, struct berth_error *err)
{
	enum { TRIES = 8 };

	for (int try = 0;; try++) {
		cleanup_fd int dir = -1, lock = -1;
		int r = container_dir(l->h->store->runfd, l->row->id, 0700, &dir, err);

		if (r == 0)
			r = lock_take(dir, MONITOR_LOCK, 0, &lock, err);
		if (r == 0)
			l->run_dir = steal_fd(&dir);
		if (r != -BERTH_E_NOT_FOUND || try == TRIES)
			return r;
	}
}

static int gather(struct launch *l, struct berth_error *err)
{
	const struct record *config = record_get(l->row->merged, "Config");
	int r;

	l->tty = record_bool_or(record_get(config, "Tty"), false);
	l->open_stdin = record_bool_or(record_get(config, "OpenStdin"), false);
	l->stdin_once = record_bool_or(record_get(config, "StdinOnce"), false);
	r = drivers_storage(l->h->drivers, l->row->storage, &l->storage, err);
	if (r == 0)
		r = join_others(l, err);
	if (r == 0)
		r = userns_open(l->h->config, l->h->store,
				record_str(record_get(host_config(l), "UsernsMode")), l->row->id,
				&l->userns, err);
	if (r == 0)
		r = mount_root(l, err);
	if (r == 0)
		r = container_dir(l->h->store->rootfd, l->row->id, 0710, &l->state_dir, err);
	if (r == 0)
		r = run_dir_open(l, err);
	if (r == 0)
		r = spec_mounts(l->row->merged, &l->mounts, &l->n_mounts, err);
	if (r == 0 && l->n_mounts > 0)
		r = volume_locate(l->h->store, record_get(l->row->merged, "Volumes"), l->mounts,
				  l->n_mounts, err);
	if (r == 0)
		r = connection_open(&l->networks, &l->wish, &l->net, err);
	if (r == 0)
		r = container_files_write(l->h, l->row, &l->net, l->state_dir, err);
	if (r == 0 && l->net.wants_resolver)
		r = container_names_write(l->h, l->row, &l->net, l->run_dir, err);
	return r;
}

static int write_spec(struct launch *l, struct berth_error *err)
{
	const struct config *config = l->h->config;
	const struct record *host = host_config(l);
	const char *parent = record_str(record_get(host, "CgroupParent"));
	cleanup_free char *hosts = NULL, *hostname = NULL, *resolv = NULL, *cgroup = NULL;
	cleanup_str struct str spec = STR_INIT;
	struct spec_input in = {
		.config = config,
		.merged = l->row->merged,
		.id = l->row->id,
		.hostname = record_str(record_path(l->row->merged, "Config.Hostname")),
		.rootfd = l->root,
		.mounts = l->mounts,
		.n_mounts = l->n_mounts,
		.network = l->net.kind,
		.netns_path = l->join_net,
		.pidns_path = l->join_pid,
		.ipcns_path = l->join_ipc,
		.uid_map = (const char *const *)l->userns.uid_map,
		.gid_map = (const char *const *)l->userns.gid_map,
	};
	int r;

	hosts = str_fmt("%s/containers/%s/hosts", config->root, l->row->id);
	hostname = str_fmt("%s/containers/%s/hostname", config->root, l->row->id);
	resolv = str_fmt("%s/containers/%s/resolv.conf", config->root, l->row->id);
	cgroup = str_fmt("%s/%s", parent && *parent ? parent : config->cgroup_parent, l->row->id);
	if (!hosts || !hostname || !resolv || !cgroup)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	in.hosts_path = hosts;
	in.hostname_path = hostname;
	in.resolv_path = resolv;
	in.cgroups_path = cgroup;
	if (record_bool_or(record_get(host, "Init"), config->init))
		in.init_path = l->h->init;
	r = spec_write(&in, &spec, err);
	if (r == 0)
		r = str_check(&spec, err);
	if (r == 0)
		r = state_replace(l->run_dir, MONITOR_SPEC, 0600, spec.p, spec.len, 0, err);
	return r;
}

static int send_launch(struct launch *l, int monitor, uint32_t attach,
		       const struct container_pipes *pipes, struct berth_error *err)
{
	const char *log = record_str(record_path(l->row->merged, "HostConfig.LogConfig.Type"));
	cleanup_free char *text = str_fmt("%s %s", l->row->id, l->row->storage);
	uint32_t flags = attach;
	int fds[MONITOR_FDS_MAX];
	size_t n = 0;

	if (!text)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	fds[n++] = l->run_dir;
	fds[n++] = l->state_dir;
	fds[n++] = l->root;
	if (l->userns.fd >= 0) {
		fds[n++] = l->userns.fd;
		flags |= MONITOR_HAVE_USERNS;
	}
	if (pipes->out_w >= 0) {
		fds[n++] = pipes->out_w;
		flags |= MONITOR_HAVE_OUT;
	}
	if (pipes->err_w >= 0) {
		fds[n++] = pipes->err_w;
		flags |= MONITOR_HAVE_ERR;
	}
	flags |= l->tty ? MONITOR_TTY : 0;
	flags |= l->open_stdin ? MONITOR_OPEN_STDIN : 0;
	flags |= l->stdin_once ? MONITOR_STDIN_ONCE : 0;
	flags |= l->net.kind == SPEC_NET_NEW ? MONITOR_WAIT_NETWORK : 0;
	flags |= str_eq(log, "none") ? MONITOR_NO_LOG : 0;
	return monitor_send(monitor, MONITOR_LAUNCH, flags, (int32_t)l->row->auto_remove, 0, text,
			    fds, n, err);
}

/** Nobody else gets these ports until the container's end. */
static int send_ports(const struct ports *ports, int monitor, struct berth_error *err)
{
	int r = 0;

	for (size_t at = 0; at < ports->n_fds && r == 0; at += MONITOR_FDS_MAX) {
		size_t n = ports->n_fds - at;

		r = monitor_send(monitor, MONITOR_PORTS, 0, 0, 0, NULL, ports->fds + at,
				 n < MONITOR_FDS_MAX ? n : MONITOR_FDS_MAX, err);
	}
	return r;
}

/** CREATED has come with the network namespace: connect it, and let the program go. */
static int connect_and_start(struct launch *l, int monitor, struct monitor_msg *msg,
			     struct berth_error *err)
{
	int r = monitor_expect(monitor, MONITOR_CREATED, msg, err);

	if (r < 0)
		return r;
	if (msg->n_fds == 0)
		return berth_fail(err, BERTH_E_INTERNAL, "monitor sent no network namespace");
	r = connection_attach(&l->networks, &l->wish, &l->net, msg->fds[0], err);
	if (r == 0 && l->net.from_driver)
		r = container_files_write(l->h, l->row, &l->net, l->state_dir, err);
	if (r == 0 && l->net.wants_resolver)
		r = container_names_serve(monitor, msg->fds[0], err);
	monitor_msg_close(msg);
	if (r == 0)
		r = send_ports(&l->net.ports, monitor, err);
	if (r == 0)
		r = monitor_send(monitor, MONITOR_START, 0, 0, 0, NULL, NULL, 0, err);
	return r;
}

static int take_started(struct launch *l, int *monitor, struct container_pipes *pipes,
			struct monitor_msg *msg, struct container_streams *s,
			struct berth_error *err)
{
	int r = monitor_expect(*monitor, MONITOR_STARTED, msg, err);

	if (r == 0)
		r = container_streams_take(s, msg, err);
	monitor_msg_close(msg);
	if (r < 0)
		return r;
	s->out = steal_fd(&pipes->out_r);
	s->err = steal_fd(&pipes->err_r);
	s->control = steal_fd(monitor);
	l->row->pid = msg->head.a;
	l->row->started_ns = clock_now_ns();
	return container_row_started(l->h->store, l->row->id, l->row->pid, l->row->started_ns, err);
}

int container_launch(struct container_host *h, struct container_row *row, int monitor_fd,
		     uint32_t attach, struct container_streams *ret_streams,
		     struct berth_error *err)
{
	cleanup_launch struct launch l = {.h = h,
					  .row = row,
					  .networks = container_network_host(h),
					  .wish = container_wish(row),
					  .net = CONNECTION_INIT,
					  .userns = USERNS_NONE,
					  .root = -1,
					  .run_dir = -1,
					  .state_dir = -1};
	cleanup_pipes struct container_pipes pipes = CONTAINER_PIPES_INIT;
	cleanup_fd int monitor = monitor_fd;
	struct container_streams streams;
	struct monitor_msg msg;
	int r = 0;

	container_streams_init(&streams);
	if (monitor < 0)
		r = monitor_spawn(h, row->isolation, &monitor, err);
	if (r == 0)
		r = gather(&l, err);
	if (r == 0)
		r = write_spec(&l, err);
	if (r == 0)
		r = container_pipes_open(attach, l.tty, &pipes, err);
	if (r == 0)
		r = send_launch(&l, monitor, attach, &pipes, err);
	if (r < 0) {
		connection_undo(&l.networks, &l.net);
		return r;
	}
	/* the monitor has them now; ours would keep pipes open and the root mounted */
	close_fd(&pipes.out_w);
	close_fd(&pipes.err_w);
	close_fd(&l.root);

	if (l.net.kind == SPEC_NET_NEW)
		r = connect_and_start(&l, monitor, &msg, err);
	if (r == 0)
		r = take_started(&l, &monitor, &pipes, &msg, &streams, err);
	if (r < 0) {
		connection_undo(&l.networks, &l.net);
		container_streams_close(&streams);
		return r;
	}
	if (ret_streams)
		*ret_streams = streams;
	else
		container_streams_close(&streams);
	return 0;
}
