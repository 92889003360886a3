/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/drivers.h"

#include "base/log.h"
#include "core/driver/loaded.h"
#include "core/driver/options.h"

static void notice_to_log(void *arg, const char *text)
{
	log_line(BERTH_LOG_INFO, "drivers.notice", "text='%s'", text);
}

int drivers_new(const struct config *config, struct drivers **ret, struct berth_error *err)
{
	struct drivers *d = calloc(1, sizeof(*d));

	if (!d)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	(void)pthread_mutex_init(&d->lock, NULL);
	d->config = config;
	d->initial_userns = -1;
	d->notice = notice_to_log;
	*ret = d;
	return 0;
}

void drivers_free(struct drivers *d)
{
	if (!d)
		return;
	while (d->loaded) {
		struct loaded *l = d->loaded;

		d->loaded = l->next;
		loaded_free(l);
	}
	known_done(&d->known);
	free(d->auto_storage);
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
}

void drivers_set_notice(struct drivers *d, drivers_notice_fn fn, void *arg)
{
	d->notice = fn ? fn : notice_to_log;
	d->notice_arg = arg;
}

void drivers_set_credential(struct drivers *d, drivers_credential_fn fn, void *arg)
{
	d->credential = fn;
	d->credential_arg = arg;
}

void drivers_set_event(struct drivers *d, drivers_event_fn fn, void *arg)
{
	d->event = fn;
	d->event_arg = arg;
}

int driver_resolve(struct drivers *d, uint32_t kind, const char *name, const char **ret,
		   struct berth_error *err)
{
	if (!config_section(kind))
		return berth_fail(err, BERTH_E_INVALID, "there is no kind %u of drivers", kind);
	if (!name)
		name = d->config->kind[kind].driver;
	if (!name || !*name)
		return berth_fail(err, BERTH_E_INVALID, "the config names no %s driver",
				  driver_kind_name(kind));
	if (kind == BERTH_STORAGE && str_eq(name, "auto"))
		return driver_auto(d, ret, err);
	*ret = name;
	return 0;
}

int drivers_default(struct drivers *d, uint32_t kind, const char **ret, struct berth_error *err)
{
	with_lock(d);

	return driver_resolve(d, kind, NULL, ret, err);
}

int drivers_storage(struct drivers *d, const char *name, struct storage **ret,
		    struct berth_error *err)
{
	struct loaded *l;
	int r;
	with_lock(d);

	r = driver_open(d, BERTH_STORAGE, name, &l, err);
	if (r == 0)
		*ret = &l->storage;
	return r;
}

int drivers_network(struct drivers *d, const char *name, struct network **ret,
		    struct berth_error *err)
{
	struct loaded *l;
	int r;
	with_lock(d);

	r = driver_open(d, BERTH_NETWORK, name, &l, err);
	if (r == 0)
		*ret = &l->network;
	return r;
}

int drivers_isolation(struct drivers *d, const char *name, struct isolation **ret,
		      struct berth_error *err)
{
	struct loaded *l;
	int r;
	with_lock(d);

	r = driver_open(d, BERTH_ISOLATION, name, &l, err);
	if (r == 0)
		*ret = &l->isolation;
	return r;
}

int drivers_registry(struct drivers *d, const char *name, struct registry **ret,
		     struct berth_error *err)
{
	struct loaded *l;
	int r;
	with_lock(d);

	r = driver_open(d, BERTH_REGISTRY, name, &l, err);
	if (r == 0)
		*ret = &l->registry;
	return r;
}

int drivers_object_conf(struct drivers *d, uint32_t kind, const char *name,
			const char *const *options, struct berth_conf **ret,
			struct berth_error *err)
{
	struct loaded *l;
	int r;
	with_lock(d);

	r = driver_resolve(d, kind, name, &name, err);
	if (r == 0)
		r = driver_load(d, kind, name, &l, err);
	if (r == 0)
		r = conf_read_object(&l->head, options, l->conf, ret, err);
	return r;
}

void drivers_object_conf_free(struct berth_conf *conf)
{
	conf_free(conf);
}
