/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <dirent.h>
#include <isa-l/igzip_lib.h>
#include <openssl/sha.h>
#include <sys/mman.h>
#include <zstd.h>

const char *rig_build, *rig_driver;

void rig_open_at(struct rig *r, const char *dir)
{
	cleanup_free char *text = NULL;
	cleanup_free char *file = NULL;
	int top;

	*r = (struct rig){0};
	if (dir)
		(void)snprintf(r->dir, sizeof(r->dir), "%s", dir);
	else
		(void)close(ck_dir_at(r->dir));
	top = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(top, 0);
	ck_write(top, "berth.json", "{}");
	(void)close(top);
	file = str_fmt("%s/berth.json", r->dir);
	text = str_fmt("{\"root\":\"%s/root\",\"run\":\"%s/run\","
		       "\"driver_dirs\":[\"%s/plugins\",\"%s/core/image/work\"],"
		       "\"storage\":{\"driver\":\"%s\"},"
		       "\"registry\":{\"archives\":[\"oci-layout\",\"docker-archive\"]}}",
		       r->dir, r->dir, rig_build, rig_build, rig_driver);
	ck_ok(config_load(file, text, &r->config, &err));
	ck_ok(store_open(r->config, &r->store, &err));
	ck_ok(drivers_new(r->config, &r->drivers, &err));
	ck_ok(image_work_load(r->config, &r->work, &err));
}

void rig_open(struct rig *r)
{
	rig_open_at(r, NULL);
}

void rig_close(struct rig *r)
{
	drivers_free(r->drivers);
	store_close(r->store);
	config_free(r->config);
	str_done(&r->notes);
}

struct storage *rig_storage(struct rig *r, const char *name)
{
	struct storage *st;

	ck_ok(drivers_storage(r->drivers, name, &st, &err));
	return st;
}

/* --- making
 * ---------------------------------------------------------------------------------------------- */

const char *rig_digest_of(const void *bytes, size_t n, char out[static 80])
{
	unsigned char sum[SHA256_DIGEST_LENGTH];

	(void)SHA256(bytes, n, sum);
	memcpy(out, "sha256:", 7);
	for (size_t i = 0; i < sizeof(sum); i++)
		(void)snprintf(out + 7 + 2 * i, 3, "%02x", sum[i]);
	return out;
}

void rig_gzip(const void *bytes, size_t n, struct str *out)
{
	struct isal_zstream s;
	size_t room = n + n / 8 + 1000;
	char *to = str_room(out, room);

	isal_deflate_stateless_init(&s);
	s.gzip_flag = IGZIP_GZIP;
	s.end_of_stream = 1;
	s.next_in = (uint8_t *)bytes;
	s.avail_in = (uint32_t)n;
	s.next_out = (uint8_t *)to;
	s.avail_out = (uint32_t)room;
	ck_assert_int_eq(isal_deflate_stateless(&s), COMP_OK);
	str_grew(out, s.total_out);
}

static void zstd(const void *bytes, size_t n, struct str *out)
{
	size_t room = ZSTD_compressBound(n);
	size_t got = ZSTD_compress(str_room(out, room), room, bytes, n, 1);

	ck_assert(!ZSTD_isError(got));
	str_grew(out, got);
}

void rig_layer(struct rig_image *image, struct ltar *t, enum rig_packing packing)
{
	static const char *const types[] = {"tar", "tar+gzip", "tar+zstd"};
	struct str *blob;
	char diff_id[80];

	ltar_end(t);
	image->blob = reallocarray(image->blob, image->n + 1, sizeof(*image->blob));
	image->digest = reallocarray(image->digest, image->n + 1, sizeof(*image->digest));
	blob = &image->blob[image->n];
	*blob = (struct str)STR_INIT;
	if (packing == RIG_GZIP)
		rig_gzip(t->out.p, t->out.len, blob);
	else if (packing == RIG_ZSTD)
		zstd(t->out.p, t->out.len, blob);
	else
		str_add_n(blob, t->out.p, t->out.len);
	(void)rig_digest_of(t->out.p, t->out.len, diff_id);
	(void)rig_digest_of(blob->p, blob->len, image->digest[image->n]);
	str_addf(&image->diff_ids, "%s\"%s\"", image->n ? "," : "", diff_id);
	str_addf(&image->layers,
		 "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.%s\",\"digest\":\"%s\","
		 "\"size\":%zu}",
		 image->n ? "," : "", types[packing], image->digest[image->n], blob->len);
	image->n++;
	ltar_done(t);
}

void rig_file_layer(struct rig_image *image, const char *name, const char *text,
		    enum rig_packing packing)
{
	struct ltar t = {0};

	ltar_file(&t, name, text);
	rig_layer(image, &t, packing);
}

void rig_image_done(struct rig_image *image)
{
	for (size_t i = 0; i < image->n; i++)
		str_done(&image->blob[i]);
	free(image->blob);
	free(image->digest);
	str_done(&image->diff_ids);
	str_done(&image->layers);
	*image = (struct rig_image){0};
}

static void make_config(const struct rig_image *image, struct str *out)
{
	str_addf(
		out,
		"{\"os\":\"%s\",\"architecture\":\"%s\"%s%s%s,\"created\":\"2024-01-02T03:04:05Z\","
		"\"config\":{%s},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]},"
		"\"history\":[{\"created_by\":\"test\"}]}",
		image->os ? image->os : "linux", image->arch ? image->arch : "amd64",
		image->variant ? ",\"variant\":\"" : "", image->variant ? image->variant : "",
		image->variant ? "\"" : "", image->config ? image->config : "",
		str_text(&image->diff_ids));
}

void rig_docker(struct rig_archive *a, struct rig_image *image, const char *names)
{
	cleanup_str struct str config = STR_INIT, name = STR_INIT;

	make_config(image, &config);
	(void)rig_digest_of(config.p, config.len, a->id);
	str_addf(&name, "%s.json", a->id + 7);
	ltar_entry(&a->tar, '0', str_text(&name), "", config.p, config.len);
	str_addf(&a->items, "%s{\"Config\":\"%s\",\"RepoTags\":[%s],\"Layers\":[",
		 a->items.len ? "," : "", str_text(&name), names);
	for (size_t i = 0; i < image->n; i++) {
		str_clear(&name);
		str_addf(&name, "%.20s-%zu/layer.tar", a->id + 7, i);
		ltar_entry(&a->tar, '0', str_text(&name), "", image->blob[i].p, image->blob[i].len);
		str_addf(&a->items, "%s\"%s\"", i ? "," : "", str_text(&name));
	}
	str_add(&a->items, "]}");
	rig_image_done(image);
}

void rig_docker_end(struct rig_archive *a)
{
	cleanup_str struct str text = STR_INIT;

	str_addf(&text, "[%s]", str_text(&a->items));
	ltar_entry(&a->tar, '0', "manifest.json", "", text.p, text.len);
	ltar_end(&a->tar);
}

void rig_blob(struct rig_archive *a, const void *bytes, size_t n, char digest[static 80])
{
	char name[100];

	(void)rig_digest_of(bytes, n, digest);
	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	if (a->tar.out.len && memmem(a->tar.out.p, a->tar.out.len, name, strlen(name)))
		return; /* it is there */
	ltar_entry(&a->tar, '0', name, "", bytes, n);
}

void rig_oci_entry(struct rig_archive *a, const char *media_type, const char *digest, size_t n,
		   const char *more)
{
	str_addf(&a->items, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s%s}",
		 a->items.len ? "," : "", media_type, digest, n, *more ? "," : "", more);
}

void rig_oci(struct rig_archive *a, struct rig_image *image, const char *name, bool quiet)
{
	cleanup_str struct str config = STR_INIT, manifest = STR_INIT, more = STR_INIT;
	char digest[80];

	make_config(image, &config);
	rig_blob(a, config.p, config.len, a->id);
	for (size_t i = 0; i < image->n; i++)
		rig_blob(a, image->blob[i].p, image->blob[i].len, digest);
	str_addf(
		&manifest,
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":"
		"\"%s\",\"size\":%zu},\"layers\":[%s]}",
		a->id, config.len, str_text(&image->layers));
	rig_blob(a, manifest.p, manifest.len, a->manifest);
	a->manifest_n = manifest.len;
	if (name)
		str_addf(&more, "\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}",
			 name);
	if (!quiet)
		rig_oci_entry(a, "application/vnd.oci.image.manifest.v1+json", a->manifest,
			      manifest.len, str_text(&more));
	rig_image_done(image);
}

void rig_oci_end(struct rig_archive *a)
{
	cleanup_str struct str text = STR_INIT;

	ltar_file(&a->tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	str_addf(&text, "{\"schemaVersion\":2,\"manifests\":[%s]}", str_text(&a->items));
	ltar_entry(&a->tar, '0', "index.json", "", text.p, text.len);
	ltar_end(&a->tar);
}

int rig_fd_of(const struct str *bytes)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_ok(write_all(fd, bytes->p, bytes->len, &err));
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

int rig_archive_fd(struct rig_archive *a)
{
	int fd = rig_fd_of(&a->tar.out);

	ltar_done(&a->tar);
	str_done(&a->items);
	return fd;
}

/* --- using
 * -----------------------------------------------------------------------------------------------
 */

static void note(void *arg, const char *line)
{
	struct str *out = arg;

	str_addf(out, "%s\n", line);
}

int rig_load(struct rig *r, int fd, const char *platform, struct record **ret,
	     struct berth_error *why)
{
	struct record *list = NULL;
	int n;

	str_clear(&r->notes);
	n = r->work->load(r->store, r->drivers, fd, "x.tar", platform, note, &r->notes, NULL, &list,
			  why);
	(void)close(fd);
	if (ret && n == 0)
		*ret = list;
	else
		record_free(list);
	return n;
}

/** A view of the image, mounted but nowhere attached. */
static int mount_image(struct rig *r, const char *storage, const char *name)
{
	const struct berth_view_opts opts = {
		.size = sizeof(opts),
		.flags = BERTH_VIEW_READ_ONLY,
		.userns_fd = -1,
		.want_form = BERTH_ST_FORM_DIR,
	};
	struct storage *st = rig_storage(r, storage);
	cleanup_image struct image *image = NULL;
	int fd = -1;

	ck_ok(image_find(r->store, name, &image, &err));
	ck_ok(st->ops.view_remove(st->st, "look", &err));
	ck_ok(st->ops.view_create(st->st, "look", image->top, BERTH_VIEW_READ_ONLY, NULL, &err));
	ck_ok(st->ops.view_mount(st->st, "look", &opts, &fd, &err));
	return fd;
}

static void unmount_image(struct rig *r, const char *storage, int fd)
{
	struct storage *st = rig_storage(r, storage);

	(void)close(fd);
	ck_ok(st->ops.view_remove(st->st, "look", &err));
}

const char *rig_read(struct rig *r, const char *storage, const char *name, const char *path)
{
	int fd = mount_image(r, storage, name);
	const char *text = ck_text(fd, path);

	unmount_image(r, storage, fd);
	return text;
}

bool rig_stat(struct rig *r, const char *storage, const char *name, const char *path,
	      struct stat *ret)
{
	int fd = mount_image(r, storage, name);
	bool there = fstatat(fd, path, ret, AT_SYMLINK_NOFOLLOW) == 0;

	unmount_image(r, storage, fd);
	return there;
}

int64_t rig_count(struct rig *r, const char *sql)
{
	cleanup_db_stmt struct db_stmt *q = NULL;

	ck_ok(db_query(r->store->db, &q, &err, sql, ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	return db_int(q, 0);
}

static int count_entries(struct rig *r, const char *path)
{
	cleanup_free char *full = str_fmt("%s/root/%s", r->dir, path);
	DIR *dir = opendir(full);
	int n = 0;

	ck_assert_msg(dir, "open '%s'", full);
	for (const struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static int count_layer(void *arg, const char *id)
{
	++*(int *)arg;
	return 0;
}

void ck_empty(struct rig *r)
{
	struct storage *st = rig_storage(r, NULL);
	int layers = 0;

	ck_assert_int_eq(rig_count(r,
				   "SELECT (SELECT count(*) FROM image)+(SELECT count(*) FROM "
				   "image_name)+(SELECT count(*) FROM image_blob)+(SELECT count(*) "
				   "FROM image_layer)"),
			 0);
	ck_assert_int_eq(rig_count(r, "SELECT (SELECT count(*) FROM blob)+(SELECT count(*) FROM "
				      "layer)+(SELECT count(*) FROM layer_copy)"),
			 0);
	ck_assert_int_eq(count_entries(r, "content/sha256"), 0);
	ck_assert_int_eq(count_entries(r, "content/partial"), 0);
	ck_ok(st->ops.each(st->st, BERTH_EACH_LAYERS | BERTH_EACH_VIEWS, count_layer, &layers,
			   &err));
	ck_assert_int_eq(layers, 0);
}
