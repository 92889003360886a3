/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/path.h"
#include "cni.h"

void cni_list_done(struct cni_list *list)
{
	record_free(list->doc);
	*list = (struct cni_list){0};
}

/* Versions whose results have "ips", as we read them. */
static bool knows(const char *version)
{
	static const char *const known[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq(known[i], version))
			return true;
	return false;
}

static int check_plugin(const struct record *plugin, size_t i, struct berth_error *err)
{
	const char *type = record_str(record_get(plugin, "type"));

	if (!type || !path_is_name(type))
		return berth_fail(err, BERTH_E_INVALID, "plugin %zu has no 'type' that is a name",
				  i + 1);
	return 0;
}

int cni_list_parse(const char *text, size_t n, struct cni_list *ret, struct berth_error *err)
{
	cleanup_cni_list struct cni_list list = {0};
	int r = record_parse(text, n, 0, &list.doc, err);

	if (r < 0)
		return r;
	list.version = record_str_or(record_get(list.doc, "cniVersion"), "");
	list.name = record_str_or(record_get(list.doc, "name"), "");
	list.plugins = record_get(list.doc, "plugins");
	list.n = record_len(list.plugins);
	if (!*list.name)
		return berth_fail(err, BERTH_E_INVALID, "it has no 'name'");
	if (record_type(list.plugins) != RECORD_ARRAY || list.n == 0)
		return berth_fail(err, BERTH_E_INVALID,
				  "it has no 'plugins': a list is wanted (.conflist)");
	if (list.n > CNI_PLUGINS_MAX)
		return berth_fail(err, BERTH_E_LIMIT, "it has %zu plugins, at most %d are allowed",
				  list.n, CNI_PLUGINS_MAX);
	if (!knows(list.version))
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "it is of CNI version '%.16s', wanted 0.3.0 to 1.1.0",
				  list.version);
	for (size_t i = 0; i < list.n && r == 0; i++)
		r = check_plugin(record_at(list.plugins, i), i, err);
	if (r < 0)
		return r;
	*ret = list;
	list = (struct cni_list){0};
	return 0;
}

int cni_list_read(const struct berth_network *net, const struct berth_conf *conf,
		  struct cni_list *ret, struct berth_error *err)
{
	const char *path = conf ? net->host->conf_str(conf, "conflist") : NULL;
	cleanup_free char *text = NULL;
	cleanup_fd int fd = -1;
	size_t n;
	int r;

	if (!path || !*path) {
		(void)berth_fail(err, BERTH_E_INVALID,
				 "a network of driver 'cni' needs a configuration list");
		berth_error_hint(err, "name it: -o conflist=/etc/cni/net.d/10-x.conflist");
		return -BERTH_E_INVALID;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", path);
	r = read_fd_limited(fd, CNI_TEXT_MAX, &text, &n, err);
	if (r == 0)
		r = cni_list_parse(text, n, ret, err);
	if (r < 0)
		berth_error_prefix(err, "'%s'", path);
	return r;
}

int cni_list_input(const struct cni_list *list, size_t i, const struct record *previous,
		   struct str *out, struct berth_error *err)
{
	cleanup_record struct record *conf = record_copy(record_at(list->plugins, i));
	int r = record_set_str(conf, "cniVersion", list->version, err);

	if (r == 0)
		r = record_set_str(conf, "name", list->name, err);
	if (r == 0 && previous)
		r = record_set(conf, "prevResult", record_copy(previous), err);
	if (r < 0)
		return r;
	record_print(conf, RECORD_COMPACT, out);
	return str_check(out, err);
}
