/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "cli.h"
#include "skeleton.h"
#include "verb.h"

enum { NAME_MAX_LEN = 32 }; /* as the section .berth.info holds it, with its NUL */

/* A project being made: what is in it when something fails goes again. */
struct project {
	const struct skeleton *skeleton;
	const char *name;
	char *ident; /* the name as a part of identifiers of C */
	const char *path;
	int dir;
	bool is_ours; /* the directory was made here */
};

static void project_done(struct project *p)
{
	close_fd(&p->dir);
	free(p->ident);
}

static const struct skeleton *skeleton_of(const char *kind)
{
	for (const struct skeleton *s = skeletons; s->kind; s++)
		if (str_eq(s->kind, kind))
			return s;
	return NULL;
}

static int check_name(const char *name, struct berth_error *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	int r;

	if (name[0] >= 'a' && name[0] <= 'z' && !name[n] && n < NAME_MAX_LEN)
		return 0;
	r = berth_fail(err, BERTH_E_INVALID, "'%s' is no name of a driver", name);
	berth_error_hint(err, "a small letter, then small letters, digits and '-', at most %d",
			 NAME_MAX_LEN - 1);
	return r;
}

static char *ident_of(const char *name)
{
	char *ident = strdup(name);

	for (char *p = ident; p && *p; p++)
		if (*p == '-')
			*p = '_';
	return ident;
}

/* ---------------------------------------------------------------------------------------- files */

/*
 * The text of a file: "skeleton_" begins identifiers, any other "skeleton" is the name, and words
 * between '@' are what differs between kinds.
 */
static void expand(const struct project *p, const char *text, struct str *out)
{
	const struct {
		const char *word;
		const char *value;
	} words[] = {
		{"skeleton_", p->ident},       {"skeleton", p->name},
		{"@KIND@", p->skeleton->kind}, {"@ABOUT@", p->skeleton->about},
		{"@TEST@", p->skeleton->test}, {"@LINK@", p->skeleton->link},
	};

	while (*text) {
		const char *rest = NULL;
		size_t i;

		for (i = 0; !rest && i < sizeof(words) / sizeof(words[0]); i++)
			rest = str_after(text, words[i].word);
		if (!rest) {
			str_add_char(out, *text++);
			continue;
		}
		i--;
		if (words[i].value == p->skeleton->about) /* is of the same form */
			expand(p, words[i].value, out);
		else
			str_add(out, words[i].value);
		if (i == 0)
			str_add_char(out, '_');
		text = rest;
	}
}

static int write_file(const struct project *p, const char *name, const char *text,
		      struct berth_error *err)
{
	cleanup_str struct str out = STR_INIT;
	int r;

	expand(p, text, &out);
	r = str_check(&out, err);
	if (r == 0)
		r = state_replace(p->dir, name, 0644, out.p, out.len, STATE_EXCL, err);
	return r;
}

/* All or none. */
static int write_files(const struct project *p, struct berth_error *err)
{
	cleanup_free char *source = str_fmt("%s.c", p->name);
	const struct {
		const char *name;
		const char *text;
	} files[] = {
		{".gitignore", skeleton_ignore},
		{"meson.build", skeleton_meson},
		{"README.md", skeleton_readme},
		{source, p->skeleton->source},
	};
	int r = source ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	size_t n = 0;

	while (r == 0 && n < sizeof(files) / sizeof(files[0])) {
		r = write_file(p, files[n].name, files[n].text, err);
		n += r == 0;
	}
	while (r < 0 && n-- > 0)
		(void)state_unlink(p->dir, files[n].name, NULL); /* the first failure counts */
	return r;
}

/* ------------------------------------------------------------------------------------ directory */

static int refuse_content(int dir, const char *path, struct berth_error *err)
{
	cleanup_dir DIR *d = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));
	const struct dirent *e;

	if (!d)
		return berth_fail_errno(err, errno, "list '%s'", path);
	while ((e = readdir(d))) {
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			return berth_fail(err, BERTH_E_EXISTS,
					  "directory '%s' is not empty: it has '%s'", path,
					  e->d_name);
	}
	return 0;
}

static int open_dir(struct project *p, struct berth_error *err)
{
	p->is_ours = mkdir(p->path, 0777) == 0;
	if (!p->is_ours && errno != EEXIST)
		return berth_fail_errno(err, errno, "make directory '%s'", p->path);
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return berth_fail_errno(err, errno, "open directory '%s'", p->path);
	return p->is_ours ? 0 : refuse_content(p->dir, p->path, err);
}

static int make(struct project *p, struct berth_error *err)
{
	int r = open_dir(p, err);

	if (r == 0)
		r = write_files(p, err);
	if (r < 0 && p->is_ours)
		(void)rmdir(p->path); /* unless somebody else put something in there */
	return r;
}

static int tell(const struct cli *cli, const struct project *p)
{
	cleanup_str struct str out = STR_INIT;

	str_addf(&out,
		 "%s: a %s driver in its minimal form. Next:\n\n"
		 "    cd %s\n"
		 "    meson setup build\n"
		 "    meson compile -C build\n"
		 "    sudo meson test -C build --verbose\n\n"
		 "README.md says where to go from there.\n",
		 p->name, p->skeleton->kind, p->path);
	return cli_print(cli, &out);
}

int driver_new_verb(struct cli *cli, const struct options *o)
{
	__attribute__((cleanup(project_done))) struct project p = {
		.skeleton = skeleton_of(o->args[0]),
		.name = o->args[1],
		.path = o->n_args > 2 ? o->args[2] : o->args[1],
		.dir = -1,
	};
	struct berth_error err = {0};
	int r;

	if (!p.skeleton) {
		r = berth_fail(&err, BERTH_E_INVALID, "'%s' is no kind of drivers", o->args[0]);
		berth_error_hint(&err, "storage, network, isolation or registry");
		return cli_fail(cli, NULL, &err);
	}
	r = check_name(p.name, &err);
	if (r == 0) {
		p.ident = ident_of(p.name);
		r = p.ident ? make(&p, &err) : berth_fail(&err, BERTH_E_NO_MEMORY, "out of memory");
	}
	return r < 0 ? cli_fail(cli, NULL, &err) : tell(cli, &p);
}
