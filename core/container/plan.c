/* SPDX-License-Identifier: Apache-2.0 */
/* run --dry-run: what would be made, as far as it concerns others than the container itself. */
#include "core/container/connect.h"
#include "core/container/make.h"
#include "core/image/image.h"

int container_plan(struct container_host *h, const char *name, const struct record *body,
		   struct record **ret, struct berth_error *err)
{
	cleanup_record struct record *plan = record_new_object(), *networks = NULL;
	struct network_host networks_of = container_network_host(h);
	cleanup_row struct container_row *row = NULL;
	cleanup_image struct image *image = NULL;
	struct connection_wish wish;
	struct storage *storage;
	int r = container_draft(h, body, &row, &image, &storage, NULL, err);

	if (r == 0)
		r = str_copy(name ? name : "", &row->name, err);
	if (r < 0)
		return r;
	wish = container_wish(row);
	r = connection_plan(&networks_of, &wish, &networks, err);
	if (r == 0)
		r = record_set_str(plan, "Image", image->id, err);
	if (r == 0)
		r = record_set_str(plan, "StorageDriver", storage->name, err);
	if (r == 0)
		r = record_set_str(plan, "Isolation", row->isolation, err);
	if (r == 0)
		r = record_set(plan, "Networks", steal_ptr(networks), err);
	if (r == 0)
		*ret = steal_ptr(plan);
	return r;
}
