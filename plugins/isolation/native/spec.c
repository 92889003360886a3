/* SPDX-License-Identifier: Apache-2.0 */
#include "spec.h"

#include "scan.h"

static const struct {
	const char *name;
	int flag;
} namespaces[SPEC_NS_COUNT] = {
	[SPEC_NS_MOUNT] = {"mount", CLONE_NEWNS},  [SPEC_NS_PID] = {"pid", CLONE_NEWPID},
	[SPEC_NS_NET] = {"network", CLONE_NEWNET}, [SPEC_NS_UTS] = {"uts", CLONE_NEWUTS},
	[SPEC_NS_IPC] = {"ipc", CLONE_NEWIPC},	   [SPEC_NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP},
	[SPEC_NS_USER] = {"user", CLONE_NEWUSER},  [SPEC_NS_TIME] = {"time", CLONE_NEWTIME},
};

static const char *const hook_names[SPEC_HOOK_COUNT] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
};

const char *spec_ns_name(enum spec_ns_kind kind)
{
	return namespaces[kind].name;
}

int spec_ns_flag(enum spec_ns_kind kind)
{
	return namespaces[kind].flag;
}

const char *spec_hook_name(enum spec_hook_kind kind)
{
	return hook_names[kind];
}

/* 1.0 to 1.3, with whatever stands behind the minor number. */
static void check_version(const struct fields *root, const char *version)
{
	if (!version)
		field_invalid(root, "ociVersion", "is missing");
	else if (!str_has_prefix(version, "1."))
		field_fail(root, "ociVersion", BERTH_E_UNSUPPORTED, "is '%.32s', wanted 1.0 to 1.3",
			   version);
	else if (version[2] < '0' || version[2] > '3' || (version[3] >= '0' && version[3] <= '9'))
		field_fail(root, "ociVersion", BERTH_E_UNSUPPORTED, "is '%.32s', wanted 1.0 to 1.3",
			   version);
}

static void read_root(const struct fields *root, struct spec *spec)
{
	struct fields r = field_object(root, "root");

	spec->root_path = field_str(&r, "path");
	spec->root_readonly = field_bool(&r, "readonly");
}

static void note_hooks(const struct fields *root, struct spec *spec)
{
	struct fields h = field_object(root, "hooks");

	for (int i = 0; i < SPEC_HOOK_COUNT; i++)
		spec->has_hook[i] = field_count(&h, hook_names[i], 256) > 0;
}

static void check_annotations(const struct fields *root)
{
	struct fields a = field_object(root, "annotations");
	const char *key;
	struct record *value;

	record_foreach (a.obj, key, value) {
		if (!record_str(value))
			field_invalid(&a, key, "is no string");
	}
}

/* What cannot be true together, whatever the machine. */
static void check_whole(const struct fields *root, struct spec *spec)
{
	if (!spec_has_own(spec, SPEC_NS_MOUNT))
		field_fail(root, "linux.namespaces", BERTH_E_UNSUPPORTED,
			   "has no mount namespace; a container without one is not supported");
	if (spec->hostname && !spec_has_own(spec, SPEC_NS_UTS))
		field_invalid(root, "hostname", "needs a uts namespace of the container's own");
	if (spec->domainname && !spec_has_own(spec, SPEC_NS_UTS))
		field_invalid(root, "domainname", "needs a uts namespace of the container's own");
	if (!spec_has_own(spec, SPEC_NS_USER) && (spec->uids.n || spec->gids.n))
		field_invalid(root, "linux.uidMappings", "needs a user namespace");
	if ((spec->monotonic.given || spec->boottime.given) &&
	    (!spec_has_own(spec, SPEC_NS_TIME) || spec->ns[SPEC_NS_TIME].path))
		field_invalid(root, "linux.timeOffsets", "needs a new time namespace");
}

static void read_all(struct parser *p, struct spec *spec)
{
	struct fields root = fields_of(p, spec->tree, "");
	struct fields process = field_object(&root, "process");
	struct fields linux_ = field_object(&root, "linux");

	spec->version = field_str(&root, "ociVersion");
	check_version(&root, spec->version);
	spec->hostname = field_str(&root, "hostname");
	spec->domainname = field_str(&root, "domainname");
	read_root(&root, spec);
	note_hooks(&root, spec);
	check_annotations(&root);
	if (!process.obj)
		field_invalid(&root, "process", "is missing");
	spec_read_process(&process, &spec->process);
	spec_read_linux(&linux_, spec);
	spec_read_mounts(&root, spec);
	check_whole(&root, spec);
}

static bool is_given(struct berth_str value)
{
	return value.p && !(value.n == 4 && memcmp(value.p, "null", 4) == 0);
}

/* Note where the parts are that are kept as text, and parse the rest. */
static int make_tree(struct berth_str text, struct spec *spec, struct berth_error *err)
{
	cleanup_str struct str rest = STR_INIT;
	struct berth_str linux_;
	int r;

	r = scan_member(text, "hooks", &spec->hooks, err);
	if (r == 0)
		r = scan_member(text, "annotations", &spec->annotations, err);
	if (r == 0)
		r = scan_member(text, "linux", &linux_, err);
	if (r == 0 && linux_.p && linux_.p[0] == '{')
		r = scan_member(linux_, "seccomp", &spec->seccomp, err);
	if (r < 0)
		return r;
	if (!is_given(spec->hooks))
		spec->hooks = (struct berth_str){NULL, 0};
	if (!is_given(spec->annotations))
		spec->annotations = (struct berth_str){NULL, 0};
	if (!is_given(spec->seccomp)) {
		spec->seccomp = (struct berth_str){NULL, 0};
		return record_parse(text.p, text.n, 0, &spec->tree, err);
	}
	str_add_n(&rest, text.p, (size_t)(spec->seccomp.p - text.p));
	str_add(&rest, "null");
	str_add_n(&rest, spec->seccomp.p + spec->seccomp.n,
		  (size_t)(text.p + text.n - (spec->seccomp.p + spec->seccomp.n)));
	r = str_check(&rest, err);
	return r < 0 ? r : record_parse(rest.p, rest.len, 0, &spec->tree, err);
}

int spec_parse(struct berth_str text, struct spec *spec, struct berth_error *err)
{
	struct parser p = {.arena = &spec->arena, .err = err};
	int r;

	*spec = (struct spec){0};
	if (text.n > SPEC_BYTES_MAX)
		return berth_fail(err, BERTH_E_LIMIT,
				  "the specification has %zu bytes, at most %d are taken", text.n,
				  SPEC_BYTES_MAX);
	r = make_tree(text, spec, err);
	if (r < 0)
		return r;
	if (record_type(spec->tree) != RECORD_OBJECT)
		return berth_fail(err, BERTH_E_INVALID, "the specification is no JSON object");
	read_all(&p, spec);
	return p.r;
}

void spec_done(struct spec *spec)
{
	record_free(spec->tree);
	spec->tree = NULL;
	arena_done(&spec->arena);
}
