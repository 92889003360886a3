/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/loaded.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"
#include "core/driver/sink.h"

/* Entries of a driver's directory with this name are ours, and no longer there when it is opened.
 */
#define SCRATCH_PREFIX ".probe-"

enum { SCRATCH_NAME_MAX = 32 };

/* --- the scratch directory ------------------------------------------------ */

/* What probes that were killed left behind; a living one holds its lock. */
static void sweep(int state)
{
	int fd = openat(state, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		cleanup_fd int scratch = -1;

		if (!str_has_prefix(entry->d_name, SCRATCH_PREFIX) ||
		    state_open(state, entry->d_name, O_RDONLY | O_DIRECTORY, 0, &scratch, NULL) < 0)
			continue;
		if (flock(scratch, LOCK_EX | LOCK_NB) == 0)
			(void)remove_tree(state, entry->d_name, NULL);
	}
}

static int make_scratch(int state, char name[static SCRATCH_NAME_MAX], int *ret_fd,
			struct berth_error *err)
{
	cleanup_fd int fd = -1;
	uint64_t random;
	int r;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return berth_fail_errno(err, errno, "get random bytes");
	(void)snprintf(name, SCRATCH_NAME_MAX, SCRATCH_PREFIX "%016llx",
		       (unsigned long long)random);
	r = state_mkdir(state, name, 0700, 0, err);
	if (r == 0)
		r = state_open(state, name, O_RDONLY | O_DIRECTORY, 0, &fd, err);
	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return berth_fail_errno(err, errno, "lock '%s'", name);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* The driver promises to leave nothing; who breaks that is told on. */
static int remove_scratch(int state, const char *name, const struct loaded *l,
			  struct record *findings, struct berth_error *err)
{
	cleanup_free char *id = str_fmt("%s.probe", l->head.name);
	int r;

	if (unlinkat(state, name, AT_REMOVEDIR) == 0)
		return 0;
	if (!id)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = remove_tree(state, name, err);
	if (r < 0) {
		berth_error_prefix(err, "remove what its probe left behind");
		return r;
	}
	return finding_add(findings, BERTH_FINDING_WARN, id,
			   "the driver's probe leaves files behind", "report it to its author",
			   err);
}

/* --- the probe ------------------------------------------------------------ */

static int call_probe(struct loaded *l, int scratch, struct record *findings,
		      struct berth_error *err)
{
	struct berth_sink *sink;
	struct berth_error why = {0};
	int r = sink_new_findings(findings, &sink, err);

	if (r < 0)
		return r;
	r = driver_result(l->head.probe(&l->host, l->conf, scratch, sink, &why), &why);
	sink_free(sink);
	if (r < 0 && err)
		*err = why;
	return r;
}

static int probe_in(struct loaded *l, int state, struct record *findings, struct berth_error *err)
{
	cleanup_fd int scratch = -1;
	char name[SCRATCH_NAME_MAX];
	int r, removed;

	sweep(state);
	r = make_scratch(state, name, &scratch, err);
	if (r < 0)
		return r;
	r = call_probe(l, scratch, findings, err);
	removed = remove_scratch(state, name, l, findings, r < 0 ? NULL : err);
	return r < 0 ? r : removed;
}

static int say_none(const struct loaded *l, struct record *findings, struct berth_error *err)
{
	cleanup_free char *id = str_fmt("%s.probe", l->head.name);

	if (!id)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return finding_add(findings, BERTH_FINDING_INFO, id,
			   "the driver has no probe: whether it works shows when it is used", NULL,
			   err);
}

/* A driver that is only looked at has no directory afterwards if it had none before. */
static int probe_loaded(struct drivers *d, struct loaded *l, struct record *findings,
			struct berth_error *err)
{
	cleanup_fd int state = -1;
	bool made;
	int r;

	r = driver_check_needs(d, l, err);
	if (r < 0)
		return r;
	if (!l->head.probe)
		return say_none(l, findings, err);
	r = driver_state_dir(d, &l->head, &state, &made, err);
	if (r < 0)
		return r;
	r = probe_in(l, state, findings, err);
	if (made)
		driver_drop_state_dir(d, &l->head);
	return r;
}

int driver_probe(struct drivers *d, uint32_t kind, const char *name, struct record *findings,
		 struct berth_error *err)
{
	struct loaded *l;
	int r = driver_load(d, kind, name, &l, err);

	if (r < 0)
		return r;
	r = probe_loaded(d, l, findings, err);
	if (r < 0)
		berth_error_prefix(err, "%s driver '%s'", driver_kind_name(kind), name);
	return r;
}

int drivers_probe(struct drivers *d, uint32_t kind, const char *name, struct record **ret,
		  struct berth_error *err)
{
	cleanup_record struct record *findings = record_new_array();
	int r;
	with_lock(d);

	if (!findings)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	r = driver_resolve(d, kind, name, &name, err);
	if (r == 0)
		r = driver_probe(d, kind, name, findings, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(findings);
	return 0;
}
