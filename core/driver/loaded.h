/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loaded: what stands behind struct drivers: the drivers that are loaded, some of them open.
 * Private to core/driver. Its functions want the lock to be held by the caller, unless they say
 * otherwise.
 */
#ifndef CORE_DRIVER_LOADED_H
#define CORE_DRIVER_LOADED_H

#include <pthread.h>

#include "core/driver/drivers.h"
#include "core/driver/head.h"
#include "core/driver/known.h"

/** A driver of a file that is mapped. */
struct loaded {
	struct berth_host host; /* first: from here a host call finds the rest */
	struct loaded *next;
	struct drivers *drivers;
	char *path;
	struct separate *separate; /* its calls go to a process of its own; NULL: they do not */
	struct berth_driver head;  /* clamped copy */
	union ops ops;
	struct berth_conf *conf;
	bool is_open;
	void *instance;
	void *traced; /* what stands between callers and the driver (trace.h), or NULL */
	union {
		struct storage storage;
		struct network network;
		struct isolation isolation;
		struct registry registry;
	};
};

struct drivers {
	const struct config *config;
	pthread_mutex_t lock;
	struct loaded *loaded;
	struct known known;
	char *auto_storage; /* decided before; NULL: not looked up yet */
	int initial_userns; /* -1: not looked up yet */
	drivers_notice_fn notice;
	void *notice_arg;
	drivers_credential_fn credential;
	void *credential_arg;
	drivers_event_fn event;
	void *event_arg;
};

static inline void drivers_unlock_at(struct drivers **d)
{
	(void)pthread_mutex_unlock(&(*d)->lock);
}
/** Hold the lock of @d to the end of the scope. */
#define with_lock(d)                                                                               \
	cleanup_with(drivers_unlock_at) struct drivers *locked_ = (d);                             \
	(void)pthread_mutex_lock(&locked_->lock)

/** load.c: driver @name as a file that is mapped, checked, with its options read; not open. */
int driver_load(struct drivers *d, uint32_t kind, const char *name, struct loaded **ret,
		struct berth_error *err);
/** The same without options: for who asks about mistakes in them. */
int driver_load_bare(struct drivers *d, uint32_t kind, const char *name, struct loaded **ret,
		     struct berth_error *err);
/** A driver of the file @path, whatever the config says; bare. @kind 0: the first one of the file.
 */
int driver_load_file(struct drivers *d, uint32_t kind, const char *path, struct loaded **ret,
		     struct berth_error *err);
void loaded_free(struct loaded *l);

/** open.c: the same, and open. */
int driver_open(struct drivers *d, uint32_t kind, const char *name, struct loaded **ret,
		struct berth_error *err);
/** <root>, made if need be. */
int driver_root_dir(struct drivers *d, int *ret_fd, struct berth_error *err);
/** Its directory <root>/<kind>/<name>, made if need be. @ret_made (may be NULL): it was not there.
 */
int driver_state_dir(struct drivers *d, const struct berth_driver *head, int *ret_fd,
		     bool *ret_made, struct berth_error *err);
/** Remove it again, if nothing is in it: it was made for nothing. */
void driver_drop_state_dir(struct drivers *d, const struct berth_driver *head);
/** DENIED or UNSUPPORTED if what the driver needs is not there. */
int driver_check_needs(struct drivers *d, const struct loaded *l, struct berth_error *err);

/** The name for @name: the config's default for NULL, "auto" resolved. Borrowed. */
int driver_resolve(struct drivers *d, uint32_t kind, const char *name, const char **ret,
		   struct berth_error *err);
/** auto.c: the storage driver that was decided on, or is now. Borrowed. */
int driver_auto(struct drivers *d, const char **ret, struct berth_error *err);
/** probe.c: findings of driver @name appended to @findings. */
int driver_probe(struct drivers *d, uint32_t kind, const char *name, struct record *findings,
		 struct berth_error *err);

/** host.c: what @l's driver is lent. */
void host_lend(struct loaded *l);
/** A result of a driver as we can use it: 0 or -BERTH_E_...; fills *@err (not NULL) if it did not.
 */
int driver_result(int r, struct berth_error *err);

#endif
