/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with an archive is said in one line, and nothing of it stays. */
#include "rig.h"

static struct rig r;

static void ck_refuses(int fd, int code, const char *why)
{
	ck_fails(code, rig_load(&r, fd, NULL, NULL, &err));
	ck_says("load 'x.tar'");
	ck_says(why);
	ck_assert_ptr_null(strchr(err.text, '\n'));
	ck_assert_str_eq(str_text(&r.notes), "");
	ck_empty(&r);
}

static int text_fd(const char *text)
{
	cleanup_str struct str s = STR_INIT;

	str_add(&s, text);
	return rig_fd_of(&s);
}

START_TEST(what_is_no_archive_is_refused)
{
	cleanup_str struct str zip = STR_INIT, zeros = STR_INIT;

	rig_open(&r);
	ck_refuses(text_fd(""), BERTH_E_UNSUPPORTED, "no archive of images");
	ck_refuses(text_fd("hello, I am a text"), BERTH_E_UNSUPPORTED, "no archive of images");
	str_add_n(&zip, "PK\3\4\0\0\0\0", 8);
	for (int i = 0; i < 1000; i++)
		str_add(&zip, "zipzip");
	ck_refuses(rig_fd_of(&zip), BERTH_E_UNSUPPORTED, "no archive of images");
	str_add_n(&zeros, (char[4096]){0}, 4096);
	ck_refuses(rig_fd_of(&zeros), BERTH_E_UNSUPPORTED, "no archive of images");
	rig_close(&r);
}
END_TEST

START_TEST(a_tar_of_something_else_is_refused)
{
	struct rig_archive a = {0};

	rig_open(&r);
	ltar_file(&a.tar, "etc/passwd", "root:x:0:0");
	ltar_end(&a.tar);
	ck_refuses(rig_archive_fd(&a), BERTH_E_UNSUPPORTED, "no archive of images");
	ck_assert_ptr_nonnull(strstr(err.hint, "oci-layout"));
	ck_assert_ptr_nonnull(strstr(err.hint, "docker-archive"));
	rig_close(&r);
}
END_TEST

/** One image of two layers, the bytes of the archive. */
static void make(struct str *out, bool oci, enum rig_packing packing)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	struct ltar t = {0};

	for (int i = 0; i < 200; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "d/f%d", i);
		ltar_file(&t, name, "some text that is not very long");
	}
	rig_layer(&image, &t, packing);
	rig_file_layer(&image, "g", "2", packing);
	if (oci) {
		rig_oci(&a, &image, "a:1", false);
		rig_oci_end(&a);
	} else {
		rig_docker(&a, &image, "\"a:1\"");
		rig_docker_end(&a);
	}
	str_add_n(out, a.tar.out.p, a.tar.out.len);
	ltar_done(&a.tar);
	str_done(&a.items);
}

START_TEST(archives_cut_off_anywhere_are_refused_and_leave_nothing)
{
	rig_open(&r);
	for (int oci = 0; oci < 2; oci++) {
		cleanup_str struct str whole = STR_INIT;

		make(&whole, oci, RIG_PLAIN);
		for (size_t cut = 600; cut < whole.len - 2048; cut += whole.len / 9) {
			cleanup_str struct str part = STR_INIT;

			str_add_n(&part, whole.p, cut);
			ck_assert_int_lt(rig_load(&r, rig_fd_of(&part), NULL, NULL, &err), 0);
			ck_says("x.tar");
			ck_empty(&r);
		}
	}
	rig_close(&r);
}
END_TEST

START_TEST(a_packed_archive_that_is_cut_off_is_refused)
{
	cleanup_str struct str whole = STR_INIT, packed = STR_INIT;

	rig_open(&r);
	make(&whole, false, RIG_PLAIN);
	rig_gzip(whole.p, whole.len, &packed);
	str_cut(&packed, packed.len / 2);
	ck_refuses(rig_fd_of(&packed), BERTH_E_CORRUPT, "too early");
	rig_close(&r);
}
END_TEST

/** One bit wrong somewhere: it is refused, or (in what nobody reads) the image is right all the
 * same. */
START_TEST(a_wrong_bit_anywhere_is_found)
{
	rig_open(&r);
	for (int oci = 0; oci < 2; oci++) {
		cleanup_str struct str whole = STR_INIT;
		int found = 0;

		make(&whole, oci, oci ? RIG_GZIP : RIG_PLAIN);
		for (size_t at = 13; at < whole.len; at += whole.len / 41) {
			int n;

			whole.p[at] ^= 0x10;
			n = rig_load(&r, rig_fd_of(&whole), NULL, NULL, &err);
			whole.p[at] ^= 0x10;
			if (n < 0) {
				found++;
				ck_empty(&r);
				continue;
			}
			ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM image"), 1);
			{
				cleanup_record struct record *list = NULL, *names = NULL;

				ck_ok(image_list(r.store, NULL, false, &names, &err));
				ck_ok(image_remove(
					r.store, r.drivers,
					record_str(record_get(record_at(names, 0), "Id")),
					IMAGE_REMOVE_FORCE, &list, &err));
			}
			ck_empty(&r);
		}
		ck_assert_int_gt(found, 20);
	}
	rig_close(&r);
}
END_TEST

/** An OCI archive of one image whose config, manifest or index are given. */
static int handmade(const char *config, const char *layer_bytes, const char *layer_type,
		    const char *config_type)
{
	struct rig_archive a = {0};
	cleanup_str struct str manifest = STR_INIT;
	char cd[80], ld[80], md[80];

	rig_blob(&a, config, strlen(config), cd);
	rig_blob(&a, layer_bytes, strlen(layer_bytes), ld);
	str_addf(&manifest,
		 "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":"
		 "%zu},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
		 config_type, cd, strlen(config), layer_type, ld, strlen(layer_bytes));
	rig_blob(&a, manifest.p, manifest.len, md);
	rig_oci_entry(&a, "application/vnd.oci.image.manifest.v1+json", md, manifest.len, "");
	rig_oci_end(&a);
	return rig_archive_fd(&a);
}

#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER  "application/vnd.oci.image.layer.v1.tar"
#define ZERO_ID	   "sha256:0000000000000000000000000000000000000000000000000000000000000000"

START_TEST(what_the_config_says_must_be_true)
{
	rig_open(&r);
	/* a diff id that is not the layer's */
	ck_refuses(handmade("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" ZERO_ID "\"]}}", "",
			    OCI_LAYER, OCI_CONFIG),
		   BERTH_E_CORRUPT, "uncompressed layer should be " ZERO_ID);
	ck_says("layer 1 of 1");
	ck_refuses(handmade("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", "", OCI_LAYER,
			    OCI_CONFIG),
		   BERTH_E_CORRUPT, "0 diff ids, the manifest has 1 layers");
	ck_refuses(handmade("{\"rootfs\":", "", OCI_LAYER, OCI_CONFIG), BERTH_E_CORRUPT, "config");
	ck_refuses(handmade("{\"os\":\"windows\",\"rootfs\":{\"diff_ids\":[\"" ZERO_ID "\"]}}", "",
			    OCI_LAYER, OCI_CONFIG),
		   BERTH_E_UNSUPPORTED, "operating system");
	rig_close(&r);
}
END_TEST

START_TEST(what_is_no_image_is_named)
{
	rig_open(&r);
	ck_refuses(handmade("{}", "", OCI_LAYER, "application/vnd.cncf.helm.config.v1+json"),
		   BERTH_E_UNSUPPORTED, "artifact");
	ck_refuses(handmade("{}", "", "application/x", OCI_CONFIG), BERTH_E_UNSUPPORTED,
		   "unknown type 'application/x'");
	ck_refuses(handmade("{}", "", "application/vnd.oci.image.layer.nondistributable.v1.tar",
			    OCI_CONFIG),
		   BERTH_E_UNSUPPORTED, "not distributed");
	rig_close(&r);
}
END_TEST

/** A layer with this in it is refused in every packing and form. */
static void hostile(struct ltar *t, int code, const char *why)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};

	rig_file_layer(&image, "good", "1", RIG_GZIP);
	rig_layer(&image, t, RIG_GZIP);
	rig_file_layer(&image, "also good", "1", RIG_GZIP);
	rig_oci(&a, &image, "evil:1", false);
	rig_oci_end(&a);
	ck_refuses(rig_archive_fd(&a), code, why);
	ck_says("layer 2 of 3");
}

START_TEST(hostile_layers_are_refused_and_the_good_ones_with_them)
{
	struct ltar t = {0};

	rig_open(&r);
	ltar_file(&t, "../../../../etc/cron.d/evil", "* * * * * root evil");
	hostile(&t, BERTH_E_CORRUPT, "'../../../../etc/cron.d/evil': its name leaves");
	ltar_link(&t, "h", "../../../../etc/shadow");
	hostile(&t, BERTH_E_CORRUPT, "hard link");
	ltar_symlink(&t, "a", "b");
	ltar_symlink(&t, "b", "a");
	ltar_file(&t, "a/x", "");
	hostile(&t, BERTH_E_CORRUPT, "'a/x'");
	ltar_pax_str(&t, "SCHILY.xattr.trusted.overlay.redirect", "/");
	ltar_dir(&t, "d");
	hostile(&t, BERTH_E_CORRUPT, "overlay");
	ltar_entry(&t, 'Z', "x", "", "", 0);
	hostile(&t, BERTH_E_UNSUPPORTED, "unknown type");
	t.bad_checksum = true;
	ltar_file(&t, "x", "");
	hostile(&t, BERTH_E_CORRUPT, "checksum");
	rig_close(&r);
}
END_TEST

START_TEST(limits_are_kept)
{
	struct ltar t = {0};
	cleanup_free char *zeros = calloc(1, 1 << 20);
	cleanup_str struct str many = STR_INIT;
	struct rig_archive a = {0};
	struct rig_image image = {0};

	rig_open(&r);
	r.config->limit_layer_entries = 5;
	for (int i = 0; i < 6; i++)
		ltar_file(&t, "f", "");
	hostile(&t, BERTH_E_LIMIT, "5 entries");
	r.config->limit_layer_entries = 1000;
	r.config->limit_layer_size = 1 << 20;
	ltar_entry(&t, '0', "bomb", "", zeros, 1 << 20);
	hostile(&t, BERTH_E_LIMIT, "1048576");
	r.config->limit_layer_size = 1 << 30;
	r.config->limit_layers = 2;
	for (int i = 0; i < 3; i++)
		rig_file_layer(&image, "f", "x", RIG_GZIP);
	rig_oci(&a, &image, "a:1", false);
	rig_oci_end(&a);
	ck_refuses(rig_archive_fd(&a), BERTH_E_LIMIT, "3 layers");
	r.config->limit_layers = 100;
	r.config->limit_config_size = 10;
	make(&many, true, RIG_GZIP);
	ck_refuses(rig_fd_of(&many), BERTH_E_LIMIT, "at most 10");
	r.config->limit_config_size = 1 << 20;
	r.config->limit_archive_size = 1000;
	str_clear(&many);
	{
		cleanup_str struct str plain = STR_INIT;

		make(&plain, true, RIG_PLAIN);
		rig_gzip(plain.p, plain.len, &many);
	}
	ck_refuses(rig_fd_of(&many), BERTH_E_LIMIT, "1000");
	rig_close(&r);
}
END_TEST

START_TEST(an_image_that_fails_leaves_those_before_it)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	struct ltar t = {0};

	rig_open(&r);
	rig_file_layer(&image, "f", "good", RIG_PLAIN);
	rig_docker(&a, &image, "\"good:1\"");
	ltar_file(&t, "../x", "");
	rig_layer(&image, &t, RIG_PLAIN);
	rig_docker(&a, &image, "\"evil:1\"");
	rig_docker_end(&a);
	ck_fails(BERTH_E_CORRUPT, rig_load(&r, rig_archive_fd(&a), NULL, NULL, &err));
	ck_says("image 'evil:1'");
	ck_assert_str_eq(rig_read(&r, NULL, "good:1", "f"), "good");
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM image"), 1);
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM layer"), 1);
	ck_assert_int_eq(rig_count(&r, "SELECT count(*) FROM blob"), 2);
	rig_close(&r);
}
END_TEST

/* --- damage in the store
 * ------------------------------------------------------------------------------- */

/** Overwrite a byte in the blob of the only layer. */
static void damage_layer_blob(void)
{
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_free char *path = NULL;
	int fd;

	ck_ok(db_query(r.store->db, &q, &err, "SELECT digest FROM image_blob WHERE kind='layer'",
		       ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	path = str_fmt("%s/root/content/sha256/%s", r.dir, db_text(q, 0) + 7);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "X", 1, 600), 1);
	(void)close(fd);
}

static int one_layer(void)
{
	struct rig_archive a = {0};
	struct rig_image image = {0};
	struct ltar t = {0};

	ltar_file(&t, "f", "hello");
	ltar_file(&t, "g", "world");
	rig_layer(&image, &t, RIG_PLAIN);
	rig_oci(&a, &image, "a:1", false);
	rig_oci_end(&a);
	return rig_archive_fd(&a);
}

START_TEST(a_damaged_blob_is_found_by_a_check_and_not_unpacked)
{
	const char *other = str_eq(rig_driver, "vfs") ? "overlay" : "vfs";
	cleanup_record struct record *findings = record_new_array();
	cleanup_image struct image *image = NULL;
	struct storage *st;

	rig_open(&r);
	ck_loads(&r, one_layer());
	ck_ok(r.work->verify(r.store, findings, NULL, &err));
	ck_assert_uint_eq(record_len(findings), 0);
	damage_layer_blob();
	ck_ok(r.work->verify(r.store, findings, NULL, &err));
	ck_assert_uint_eq(record_len(findings), 1);
	ck_assert_str_eq(record_str(record_get(record_at(findings, 0), "id")),
			 "image.blob-damaged");
	ck_ok(image_find(r.store, "a:1", &image, &err));
	st = rig_storage(&r, other);
	ck_fails(BERTH_E_CORRUPT, r.work->materialise(r.store, r.drivers, image, st, NULL, &err));
	ck_says(other);
	ck_says("layer 1 of 1");
	rig_close(&r);
}
END_TEST

START_TEST(a_damaged_blob_is_healed_by_loading_it_again)
{
	cleanup_record struct record *findings = record_new_array();
	struct storage *st;

	rig_open(&r);
	ck_loads(&r, one_layer());
	damage_layer_blob();
	/* the layer must be wanted again, or nobody looks at the blob */
	st = rig_storage(&r, NULL);
	{
		cleanup_image struct image *image = NULL;

		ck_ok(image_find(r.store, "a:1", &image, &err));
		ck_ok(st->ops.layer_remove(st->st, image->top, &err));
	}
	ck_ok(db_run(r.store->db, NULL, &err, "DELETE FROM layer_copy", ""));
	ck_loads(&r, one_layer());
	ck_assert_str_eq(rig_read(&r, NULL, "a:1", "g"), "world");
	ck_ok(r.work->verify(r.store, findings, NULL, &err));
	ck_assert_uint_eq(record_len(findings), 0);
	rig_close(&r);
}
END_TEST

START_TEST(a_missing_blob_says_what_to_do)
{
	const char *other = str_eq(rig_driver, "vfs") ? "overlay" : "vfs";
	cleanup_db_stmt struct db_stmt *q = NULL;
	cleanup_image struct image *image = NULL;
	struct digest digest;

	rig_open(&r);
	ck_loads(&r, one_layer());
	ck_ok(db_query(r.store->db, &q, &err, "SELECT digest FROM image_blob WHERE kind='layer'",
		       ""));
	ck_assert_int_eq(db_step(q, &err), 1);
	ck_ok(digest_parse(db_text(q, 0), &digest, &err));
	db_stmt_done(steal_ptr(q));
	ck_ok(content_remove(r.store, &digest, &err));
	ck_ok(image_find(r.store, "a:1", &image, &err));
	ck_fails(BERTH_E_NOT_FOUND, r.work->materialise(r.store, r.drivers, image,
							rig_storage(&r, other), NULL, &err));
	ck_assert_ptr_nonnull(strstr(err.hint, "load or pull"));
	/* and loading brings it back */
	ck_loads(&r, one_layer());
	ck_ok(r.work->materialise(r.store, r.drivers, image, rig_storage(&r, other), NULL, &err));
	rig_close(&r);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	rig_build = argv[1];
	rig_driver = argv[2];
	if (geteuid() != 0)
		return ck_skip_all("storage drivers need root");
	return CK_MAIN(
		"image/refuse", what_is_no_archive_is_refused, a_tar_of_something_else_is_refused,
		archives_cut_off_anywhere_are_refused_and_leave_nothing,
		a_packed_archive_that_is_cut_off_is_refused, a_wrong_bit_anywhere_is_found,
		what_the_config_says_must_be_true, what_is_no_image_is_named,
		hostile_layers_are_refused_and_the_good_ones_with_them, limits_are_kept,
		an_image_that_fails_leaves_those_before_it,
		a_damaged_blob_is_found_by_a_check_and_not_unpacked,
		a_damaged_blob_is_healed_by_loading_it_again, a_missing_blob_says_what_to_do);
}
