/* SPDX-License-Identifier: Apache-2.0 */
/* -v, --mount, --tmpfs, VOLUME and --volumes-from -> what is mounted where. */
#include "tests/unit/spec_case.h"

#define HOST(host) "{'Image':'x','Cmd':['a'],'HostConfig':{" host "}}"

static struct spec_mount *mounts;
static size_t n_mounts;

static int try_mounts(const char *body)
{
	cleanup_record struct record *m = merged_of(body);

	spec_mounts_free(mounts, n_mounts);
	mounts = NULL;
	n_mounts = 0;
	return spec_mounts(m, &mounts, &n_mounts, &err);
}

static void get_mounts(const char *body)
{
	ck_ok(try_mounts(body));
}

/* Mount @i in one line: "bind /src > /dst [rbind,ro] mode propagation +flag". */
static const char *line_of(size_t i)
{
	static char line[512];
	const struct spec_mount *m = &mounts[i];
	cleanup_free char *options = strv_join(m->options, ",");

	ck_assert_uint_lt(i, n_mounts);
	(void)snprintf(line, sizeof(line), "%s %s > %s [%s] '%s' '%s'%s%s%s%s%s", m->type,
		       m->source ? m->source : "-", m->target, options, m->mode, m->propagation,
		       m->read_only ? " +ro" : "", m->no_copy ? " +nocopy" : "",
		       m->create_source ? " +create" : "", m->from_image ? " +image" : "",
		       m->hidden ? " +hidden" : "");
	return line;
}

static const char *read_only_word(void)
{
	return kernel_version() >= KERNEL_VERSION_OF(5, 12) ? "rro" : "ro";
}

static void ck_line(size_t i, const char *wanted)
{
	const char *at = strstr(wanted, "RO");
	cleanup_free char *text = NULL;

	if (at)
		text = str_fmt("%.*s%s%s", (int)(at - wanted), wanted, read_only_word(), at + 2);
	ck_assert_str_eq(line_of(i), text ? text : wanted);
}

START_TEST(a_bind_has_source_target_and_mode)
{
	get_mounts(HOST("'Binds':['/src/../s:/t//u:ro,z','/a:/b','/c:/d:rslave,cached']"));
	ck_assert_uint_eq(n_mounts, 3);
	ck_line(0, "bind /a > /b [rbind,rprivate] '' 'rprivate' +create");
	ck_line(1, "bind /c > /d [rbind,rslave] 'rslave,cached' 'rslave' +create");
	ck_line(2, "bind /s > /t/u [rbind,RO,rprivate] 'ro,z' 'rprivate' +ro +create");
}
END_TEST

START_TEST(a_name_instead_of_a_path_is_a_volume)
{
	get_mounts(HOST("'Binds':['data:/d','more:/m:ro,nocopy','/only'],'VolumeDriver':'nfs'"));
	ck_assert_uint_eq(n_mounts, 3);
	ck_line(0, "volume data > /d [rbind,rprivate] 'z' ''");
	ck_line(1, "volume more > /m [rbind,RO,rprivate] 'ro,nocopy' '' +ro +nocopy");
	ck_line(2, "volume  > /only [rbind,rprivate] 'z' ''");
	ck_assert_str_eq(mounts[0].volume_driver, "nfs");
}
END_TEST

START_TEST(a_mount_object_says_all_that_a_bind_can_be)
{
	get_mounts(
		HOST("'Mounts':["
		     "{'Type':'bind','Source':'/not/there','Target':'/a','BindOptions':"
		     "{'Propagation':'shared','NonRecursive':true,'CreateMountpoint':true}},"
		     "{'Type':'bind','Source':'/x/','Target':'/b/','ReadOnly':true,'BindOptions':"
		     "{'ReadOnlyNonRecursive':true}},"
		     "{'Type':'bind','Source':'/x','Target':'/"
		     "c','ReadOnly':true,'Consistency':'cached'}]"));
	ck_assert_uint_eq(n_mounts, 3);
	ck_line(0, "bind /not/there > /a [bind,shared] '' 'shared' +create");
	ck_line(1, "bind /x > /b [rbind,ro,rprivate] '' 'rprivate' +ro");
	ck_line(2, "bind /x > /c [rbind,RO,rprivate] '' 'rprivate' +ro");
}
END_TEST

START_TEST(a_mount_object_says_all_that_a_volume_can_be)
{
	get_mounts(HOST("'Mounts':[{'Type':'volume','Source':'vol','Target':'/v','ReadOnly':true,"
			"'VolumeOptions':{'NoCopy':true,'Labels':{'l':'1'},'Subpath':'a/b',"
			"'DriverConfig':{'Name':'nfs','Options':{'o':'addr=1'}}}},"
			"{'Type':'image','Source':'alpine','Target':'/i','ImageOptions':"
			"{'Subpath':'etc'}}]"));
	ck_assert_uint_eq(n_mounts, 2);
	ck_line(0, "image alpine > /i [rbind,RO,rprivate] '' 'rprivate' +ro");
	ck_assert_str_eq(mounts[0].subpath, "etc");
	ck_line(1, "volume vol > /v [rbind,RO,rprivate] 'z' '' +ro +nocopy");
	ck_assert_str_eq(mounts[1].subpath, "a/b");
	ck_assert_str_eq(mounts[1].volume_driver, "nfs");
	ck_assert_str_eq(mounts[1].volume_labels[0], "l=1");
	ck_assert_str_eq(mounts[1].volume_options[0], "o=addr=1");
}
END_TEST

START_TEST(a_tmpfs_is_safe_unless_the_user_says_otherwise)
{
	get_mounts(HOST("'Tmpfs':{'/a':'','/b':'size=64m,exec,mode=1777','/c':'rw,nosuid,suid'},"
			"'Mounts':[{'Type':'tmpfs','Target':'/d','ReadOnly':true,'TmpfsOptions':"
			"{'SizeBytes':67108864,'Mode':493,'Options':[['exec']]}},"
			"{'Type':'tmpfs','Target':'/e','TmpfsOptions':{'SizeBytes':1000}}]"));
	ck_assert_uint_eq(n_mounts, 5);
	ck_line(0, "tmpfs - > /a [noexec,nosuid,nodev,rprivate] '' '' +hidden");
	ck_line(1, "tmpfs - > /b [nosuid,nodev,rprivate,size=64m,exec,mode=1777] "
		   "'size=64m,exec,mode=1777' '' +hidden");
	ck_line(2, "tmpfs - > /c [noexec,nodev,rprivate,rw,suid] 'rw,nosuid,suid' '' +hidden");
	ck_line(3, "tmpfs - > /d [nosuid,nodev,rprivate,ro,mode=755,size=64m,exec] '' '' +ro");
	ck_line(4, "tmpfs - > /e [noexec,nosuid,nodev,rprivate,rw,size=1000] '' ''");
}
END_TEST

START_TEST(the_images_volumes_give_way_to_wishes)
{
	get_mounts("{'Image':'x','Cmd':['a'],'Volumes':{'/a':{},'/b/':{},'rel':{},'/c':{},'/n':{}},"
		   "'HostConfig':{'Binds':['/host:/a'],'Tmpfs':{'/b':''},'Mounts':"
		   "[{'Type':'volume','Source':'vv','Target':'/c'}]}}");
	ck_assert_uint_eq(n_mounts, 5);
	ck_line(0, "bind /host > /a [rbind,rprivate] '' 'rprivate' +create");
	ck_line(1, "tmpfs - > /b [noexec,nosuid,nodev,rprivate] '' '' +hidden");
	ck_line(2, "volume vv > /c [rbind,rprivate] 'z' ''");
	ck_line(3, "volume  > /n [rbind,rprivate] '' '' +image");
	ck_line(4, "volume  > /rel [rbind,rprivate] '' '' +image");
}
END_TEST

START_TEST(what_is_inside_comes_after_what_is_around)
{
	get_mounts(HOST("'Binds':['/1:/a/b/c','/2:/a','/3:/z','/4:/a/b']"));
	ck_assert_str_eq(mounts[0].target, "/a");
	ck_assert_str_eq(mounts[1].target, "/z");
	ck_assert_str_eq(mounts[2].target, "/a/b");
	ck_assert_str_eq(mounts[3].target, "/a/b/c");
}
END_TEST

/* The mounts of a container as --volumes-from would find them. */
static struct record *inheriting(const char *body, bool read_only)
{
	struct spec_mount from[] = {
		{.type = (char *)"volume", .source = (char *)"anon", .target = (char *)"/v"},
		{.type = (char *)"bind",
		 .source = (char *)"/h",
		 .target = (char *)"/b",
		 .propagation = (char *)"rslave",
		 .read_only = true},
		{.type = (char *)"tmpfs", .target = (char *)"/t"},
	};
	struct record *m = merged_of(body);

	ck_ok(spec_inherit(m, from, 3, read_only, &err));
	return m;
}

START_TEST(inherited_mounts_are_between_wishes_and_the_images)
{
	cleanup_record struct record *m =
		inheriting("{'Image':'x','Cmd':['a'],'Volumes':{'/v':{}},'HostConfig':"
			   "{'Binds':['/own:/b']}}",
			   false);

	ck_ok(spec_mounts(m, &mounts, &n_mounts, &err));
	ck_assert_uint_eq(n_mounts, 2);
	ck_line(0, "bind /own > /b [rbind,rprivate] '' 'rprivate' +create");
	ck_line(1, "volume anon > /v [rbind,rprivate] '' '' +nocopy");
}
END_TEST

START_TEST(inherited_mounts_may_be_read_only_for_the_heir)
{
	cleanup_record struct record *m = inheriting(HOST(""), true);

	ck_ok(spec_mounts(m, &mounts, &n_mounts, &err));
	ck_assert_uint_eq(n_mounts, 2);
	ck_line(0, "bind /h > /b [rbind,RO,rslave] '' 'rslave' +ro +nocopy");
	ck_line(1, "volume anon > /v [rbind,RO,rprivate] '' '' +ro +nocopy");
}
END_TEST

START_TEST(of_two_that_are_inherited_for_one_place_the_last_counts)
{
	struct spec_mount other = {
		.type = (char *)"volume", .source = (char *)"other", .target = (char *)"/v"};
	cleanup_record struct record *m = inheriting(HOST(""), false);

	ck_ok(spec_inherit(m, &other, 1, false, &err));
	ck_ok(spec_mounts(m, &mounts, &n_mounts, &err));
	ck_assert_uint_eq(n_mounts, 2);
	ck_assert_str_eq(mounts[1].source, "other");
}
END_TEST

START_TEST(volumes_from_names_a_container_and_a_mode)
{
	cleanup_free char *ref = NULL, *other = NULL;
	bool read_only = true;

	ck_ok(spec_volumes_from("web", &ref, &read_only, &err));
	ck_assert_str_eq(ref, "web");
	ck_assert(!read_only);
	ck_ok(spec_volumes_from("db:ro,z", &other, &read_only, &err));
	ck_assert_str_eq(other, "db");
	ck_assert(read_only);
}
END_TEST

#define CONFIG_OF(type) "invalid mount config for type \"" type "\": "

static const struct {
	const char *body, *says;
} refusals[] = {
	{HOST("'Binds':['']"), "invalid volume specification: ''"},
	{HOST("'Binds':[':/x']"), "invalid volume specification: ':/x'"},
	{HOST("'Binds':['/a:/b:ro:rw']"), "invalid volume specification: '/a:/b:ro:rw'"},
	{HOST("'Binds':['/a:ro']"), "invalid volume specification: '/a:ro'"},
	{HOST("'Binds':['/a:/b:rx']"), "invalid mode: rx"},
	{HOST("'Binds':['/a:/b:ro,rw']"), "invalid mode: ro,rw"},
	{HOST("'Binds':['/a:/b:ro,']"), "invalid mode: ro,"},
	{HOST("'Binds':['/a:/b:shared,rprivate']"), "invalid mode: shared,rprivate"},
	{HOST("'Binds':['/a:/']"), "invalid specification: destination can't be '/'"},
	{HOST("'Binds':['/a:/x/..']"), "invalid specification: destination can't be '/'"},
	{HOST("'Binds':['/a:b']"),
	 "invalid volume specification: '/a:b': " CONFIG_OF("bind") "invalid mount path: 'b' mount "
								    "path must be absolute"},
	{HOST("'Binds':['./a:/b']"), "includes invalid characters for a local volume name"},
	{HOST("'Binds':['..:/b']"), "includes invalid characters for a local volume name"},
	{HOST("'Binds':['a:/b']"), "volume name is too short"},
	{HOST("'Binds':['va:/b:rslave']"), "field BindOptions must not be specified"},
	{HOST("'Binds':['/va:/b:nocopy']"), "field VolumeOptions must not be specified"},
	{HOST("'Binds':['/a:/x','/b:/x/']"), "Duplicate mount point: /x"},
	{HOST("'Binds':['/a:/x'],'Tmpfs':{'/x':''}"), "Duplicate mount point: /x"},
	{HOST("'Binds':['/a:/x'],'Mounts':[{'Type':'tmpfs','Target':'/x'}]"),
	 "Duplicate mount point: /x"},
	{HOST("'Mounts':[{'Type':'bind','Source':'/a'}]"),
	 CONFIG_OF("bind") "field Target must not be empty"},
	{HOST("'Mounts':[{'Type':'bind','Target':'/a'}]"),
	 CONFIG_OF("bind") "field Source must not be empty"},
	{HOST("'Mounts':[{'Type':'bind','Source':'a','Target':'/a'}]"),
	 CONFIG_OF("bind") "invalid mount path: 'a' mount path must be absolute"},
	{HOST("'Mounts':[{'Type':'bind','Source':'/a','Target':'a'}]"),
	 CONFIG_OF("bind") "invalid mount path: 'a' mount path must be absolute"},
	{HOST("'Mounts':[{'Type':'bind','Source':'/a','Target':'/a','BindOptions':"
	      "{'Propagation':'all'}}]"),
	 CONFIG_OF("bind") "invalid propagation mode: all"},
	{HOST("'Mounts':[{'Type':'bind','Source':'/a','Target':'/a','VolumeOptions':{}}]"),
	 "VolumeOptions must not be specified on mount type \"bind\""},
	{HOST("'Mounts':[{'Type':'volume','Target':'/a','BindOptions':{}}]"),
	 "BindOptions must not be specified on mount type \"volume\""},
	{HOST("'Mounts':[{'Type':'tmpfs','Target':'/a','ImageOptions':{}}]"),
	 "ImageOptions must not be specified on mount type \"tmpfs\""},
	{HOST("'Mounts':[{'Type':'bind','Source':'/a','Target':'/a','BindOptions':"
	      "{'ReadOnlyNonRecursive':true}}]"),
	 "mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive"},
	{HOST("'Mounts':[{'Type':'bind','Source':'/a','Target':'/a','BindOptions':"
	      "{'ReadOnlyForceRecursive':true}}]"),
	 "mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive"},
	{HOST("'Mounts':[{'Type':'bind','Source':'/a','Target':'/a','ReadOnly':true,'BindOptions':"
	      "{'ReadOnlyNonRecursive':true,'ReadOnlyForceRecursive':true}}]"),
	 "mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive"},
	{HOST("'Mounts':[{'Type':'volume','Source':'../x','Target':'/a'}]"),
	 "includes invalid characters for a local volume name"},
	{HOST("'Mounts':[{'Type':'volume','Target':'/a','ReadOnly':true}]"),
	 CONFIG_OF("volume") "must not set ReadOnly mode when using anonymous volumes"},
	{HOST("'Mounts':[{'Type':'volume','Target':'/a','VolumeOptions':{'Subpath':'x'}}]"),
	 CONFIG_OF("volume") "must not set Subpath when using anonymous volumes"},
	{HOST("'Mounts':[{'Type':'volume','Source':'vv','Target':'/a','VolumeOptions':"
	      "{'Subpath':'a/../../x'}}]"),
	 CONFIG_OF("volume") "subpath must be a relative path within the volume"},
	{HOST("'Mounts':[{'Type':'image','Source':'i','Target':'/a','ImageOptions':"
	      "{'Subpath':'/etc'}}]"),
	 "subpath must be a relative path within the volume"},
	{HOST("'Mounts':[{'Type':'tmpfs','Source':'x','Target':'/a'}]"),
	 CONFIG_OF("tmpfs") "field Source must not be specified"},
	{HOST("'Mounts':[{'Type':'tmpfs','Target':'/a','TmpfsOptions':{'Options':[['suid']]}}]"),
	 CONFIG_OF("tmpfs") "invalid option: suid"},
	{HOST("'Mounts':[{'Type':'tmpfs','Target':'/a','TmpfsOptions':{'Options':[[]]}}]"),
	 "invalid option array length"},
	{HOST("'Mounts':[{'Type':'tmpfs','Target':'/a','TmpfsOptions':{'SizeBytes':-1}}]"),
	 "invalid tmpfs size or mode"},
	{HOST("'Mounts':[{'Type':'npipe','Source':'x','Target':'/a'}]"),
	 CONFIG_OF("npipe") "mount type unknown"},
	{HOST("'Mounts':[{'Target':'/a'}]"), CONFIG_OF("") "mount type unknown"},
	{HOST("'Tmpfs':{'/':''}"), "invalid specification: destination can't be '/'"},
	{HOST("'Tmpfs':{'a':''}"), "invalid mount path: 'a' mount path must be absolute"},
	{HOST("'Tmpfs':{'/a':'remount'}"), "invalid tmpfs option [\"remount\"]"},
	{HOST("'Tmpfs':{'/a':'size'}"), "invalid tmpfs option [\"size\"]"},
	{HOST("'Tmpfs':{'/a':'context=x'}"), "invalid tmpfs option [\"context=x\"]"},
	{"{'Image':'x','Cmd':['a'],'Volumes':{'/':{}}}",
	 "invalid specification: destination can't be '/'"},
	{"{'Image':'x','Cmd':['a'],'Volumes':{'':{}}}",
	 "invalid specification: destination can't be '/'"},
};

START_TEST(each_mistake_is_refused_in_dockers_words)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int r = try_mounts(refusals[i].body);

		if (r == -BERTH_E_INVALID && strstr(err.text, refusals[i].says))
			continue;
		(void)fprintf(stderr, "%s\n  wanted: %s\n  got:    %s\n", refusals[i].body,
			      refusals[i].says, r == 0 ? "no failure" : err.text);
		wrong++;
	}
	ck_assert_msg(wrong == 0, "%d differ", wrong);
}
END_TEST

START_TEST(a_mode_is_no_target)
{
	ck_fails(BERTH_E_INVALID, try_mounts(HOST("'Binds':['/a:ro']")));
	ck_assert_str_eq(err.text, "invalid volume specification: '/a:ro'");
}
END_TEST

START_TEST(an_image_cannot_ask_for_any_number_of_volumes)
{
	cleanup_record struct record *body = json("{'Image':'x','Cmd':['a'],'Volumes':{}}");
	cleanup_record struct record *m = NULL;
	char path[32];

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(path, sizeof(path), "/v%d", i);
		ck_ok(record_set(record_get(body, "Volumes"), path, record_new_object(), &err));
	}
	ck_ok(spec_merge(&engine, body, NULL, &m, &err));
	ck_fails(BERTH_E_LIMIT, spec_mounts(m, &mounts, &n_mounts, &err));
	ck_says("more than 4096 mounts");
	ck_assert_ptr_null(mounts);
}
END_TEST

int main(void)
{
	return CK_MAIN(
		"spec/mounts", a_bind_has_source_target_and_mode,
		a_name_instead_of_a_path_is_a_volume, a_mount_object_says_all_that_a_bind_can_be,
		a_mount_object_says_all_that_a_volume_can_be,
		a_tmpfs_is_safe_unless_the_user_says_otherwise,
		the_images_volumes_give_way_to_wishes, what_is_inside_comes_after_what_is_around,
		inherited_mounts_are_between_wishes_and_the_images,
		inherited_mounts_may_be_read_only_for_the_heir,
		of_two_that_are_inherited_for_one_place_the_last_counts,
		volumes_from_names_a_container_and_a_mode, each_mistake_is_refused_in_dockers_words,
		a_mode_is_no_target, an_image_cannot_ask_for_any_number_of_volumes);
}
