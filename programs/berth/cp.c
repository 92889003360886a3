/* SPDX-License-Identifier: Apache-2.0 */
/* cp: docker's rules of what goes where under which name, which are those of cp -a. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "cli.h"
#include "core/engine/archive.h"
#include "verb.h"

enum { SIZE_DIGITS = 3, GO_DIR = 1u << 31, GO_SYMLINK = 1u << 27, LINKS_MAX = 40 };

/* clang-format off */
const struct option cp_options[] = {
	{"archive", 'a', OPTION_BOOL, "Keep owners and groups"},
	{"follow-link", 'L', OPTION_BOOL, "Copy what a symlink SRC leads to"},
	{"quiet", 'q', OPTION_BOOL, "Do not say what was copied"},
	{0},
};
/* clang-format on */

/* One side. */
struct side {
	const char *container; /* NULL: here */
	char *path;
	bool exists, is_dir;
	/* it is not the thing itself, but what is in it: "dir/." */
	bool content;
};

struct copy {
	struct cli *cli;
	struct side src, dst;
	char *dir, *as; /* the directory that is copied into, and the name there */
	bool archive, follow;
};

static void copy_done(struct copy *c)
{
	free((char *)c->src.container);
	free((char *)c->dst.container);
	free(c->src.path);
	free(c->dst.path);
	free(c->dir);
	free(c->as);
}
#define cleanup_copy cleanup_with(copy_done)

/* "CONTAINER:PATH"; what begins like a path is one, and has no container. */
static int parse(const char *arg, struct side *ret, struct berth_error *err)
{
	const char *colon = *arg == '/' || *arg == '.' ? NULL : strchr(arg, ':');

	if (colon == arg)
		return berth_fail(err, BERTH_E_INVALID, "'%s' has no container before its colon",
				  arg);
	if (colon && !colon[1])
		return berth_fail(err, BERTH_E_INVALID, "'%s' has no path behind its colon", arg);
	if (colon)
		ret->container = strndup(arg, (size_t)(colon - arg));
	ret->path = strdup(colon ? colon + 1 : arg);
	ret->content = str_has_suffix(ret->path ? ret->path : "", "/.") || str_eq(ret->path, ".");
	if (!ret->path || (colon && !ret->container))
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	return 0;
}

/* --- what there is -------------------------------------------------------- */

static int look_here(struct side *s, bool follow, struct berth_error *err)
{
	struct stat st;
	bool through = follow || str_has_suffix(s->path, "/") || s->content;

	if (fstatat(AT_FDCWD, s->path, &st, through ? 0 : AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return berth_fail_errno(err, errno, "look at '%s'", s->path);
	}
	s->exists = true;
	s->is_dir = S_ISDIR(st.st_mode);
	return 0;
}

/* The path that symlink @target at the end of @path leads to. */
static char *linked(const char *path, const char *target)
{
	const char *base = path_base(path);

	if (*target == '/')
		return strdup(target);
	return str_fmt("%.*s%s", (int)(base - path), path, target);
}

static int look_inside(struct engine *e, struct side *s, bool follow, struct berth_error *err)
{
	for (int links = 0;; links++) {
		cleanup_record struct record *st = NULL;
		struct berth_error why = {0};
		uint64_t mode = 0;
		char *next;
		int r = engine_path_stat(e, s->container, s->path, &st, &why);

		if (r == -BERTH_E_NOT_FOUND && str_has_prefix(why.text, "Could not find"))
			return 0;
		if (r < 0) {
			if (err)
				*err = why;
			return r;
		}
		(void)record_uint(record_get(st, "mode"), &mode);
		if (!(mode & GO_SYMLINK) || !follow) {
			s->exists = true;
			s->is_dir = (mode & GO_DIR) != 0;
			return 0;
		}
		if (links == LINKS_MAX)
			return berth_fail(err, BERTH_E_INVALID, "'%s': too many symlinks", s->path);
		next = linked(s->path, record_str_or(record_get(st, "linkTarget"), ""));
		if (!next)
			return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
		free(s->path);
		s->path = next;
	}
}

static int look(struct copy *c, struct side *s, bool follow, struct berth_error *err)
{
	return s->container ? look_inside(c->cli->engine, s, follow, err)
			    : look_here(s, follow, err);
}

/* --- where to ------------------------------------------------------------- */

static char *without_slashes(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return strndup(path, n);
}

/* @path on the host without symlinks, or NULL. */
static char *real_path(const char *path)
{
	cleanup_fd int fd = open(path, O_PATH | O_CLOEXEC);
	char *real = NULL;

	return fd >= 0 && path_of_fd(fd, &real, NULL) == 0 ? real : NULL;
}

/* The name that something of @path has by itself. */
static int own_name(const struct side *s, char **ret, struct berth_error *err)
{
	cleanup_free char *path = without_slashes(s->path);
	cleanup_free char *clean = NULL;
	const char *name = s->content ? "." : path ? path_base(path) : NULL;

	if (name && !path_is_name(name) &&
	    !s->content) { /* "/", "..": what they are called elsewhere */
		clean = s->container ? path_clean(s->path) : real_path(s->path);
		name = clean ? path_base(clean) : NULL;
		if (name && !path_is_name(name))
			name = ".";
	}
	*ret = name ? strdup(name) : NULL;
	return *ret ? 0 : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int into(struct copy *c, const char *path, struct berth_error *err)
{
	return str_copy(path, &c->dir, err);
}

/* To the very name that was given. */
static int renamed(struct copy *c, struct berth_error *err)
{
	cleanup_free char *path = without_slashes(c->dst.path);
	const char *base = path ? path_base(path) : NULL;
	int r;

	if (!base)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (!path_is_name(base))
		return berth_fail(err, BERTH_E_INVALID, "'%s' is no name for a copy", c->dst.path);
	c->dir = base == path ? strdup(c->dst.container ? "/" : ".")
			      : strndup(path, (size_t)(base - path));
	r = str_copy(base, &c->as, err);
	return c->dir ? r : berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
}

static int decide(struct copy *c, struct berth_error *err)
{
	int r;

	if (!c->src.exists)
		return berth_fail(err, BERTH_E_NOT_FOUND, "no such file or directory: '%s'",
				  c->src.path);
	if (c->dst.exists && c->dst.is_dir) {
		r = own_name(&c->src, &c->as, err);
		return r < 0 ? r : into(c, c->dst.path, err);
	}
	if (c->dst.exists && c->src.is_dir)
		return berth_fail(err, BERTH_E_INVALID, "cannot copy a directory onto a file");
	if (!c->dst.exists && !c->src.is_dir && str_has_suffix(c->dst.path, "/"))
		return berth_fail(err, BERTH_E_NOT_FOUND, "no such directory: '%s'", c->dst.path);
	return renamed(c, err);
}

/* --- the copy ------------------------------------------------------------- */

/* The writing half, in a thread: what it writes to the pipe is read by the other half. */
struct writer {
	struct copy *c;
	const struct image_work *work;
	int fd;
	uint64_t bytes;
	int result;
	struct berth_error err;
};

static int write_local(struct writer *w)
{
	const struct copy *c = w->c;
	cleanup_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *cwd = getcwd(NULL, 0);
	cleanup_free char *path = NULL, *real = NULL;

	if (c->follow && !c->src.content)
		real = real_path(c->src.path);
	path = cwd ? path_join(cwd, real ? real : c->src.path) : NULL;
	if (root < 0 || !path)
		return berth_fail(&w->err, BERTH_E_NO_MEMORY, "out of memory");
	return w->work->copy_out(root, path, c->as, w->fd, c->cli->engine->op, &w->bytes, &w->err);
}

static void *write_side(void *arg)
{
	struct writer *w = arg;
	const struct copy *c = w->c;

	w->result = c->src.container
			    ? engine_copy_out(c->cli->engine, c->src.container, c->src.path, c->as,
					      w->fd, &w->bytes, &w->err)
			    : write_local(w);
	close_fd(&w->fd);
	return NULL;
}

static int read_side(struct copy *c, const struct image_work *work, int fd, struct berth_error *err)
{
	struct image_owner owner = {geteuid(), getegid()};
	const struct image_owner *own = c->archive ? NULL : &owner;
	cleanup_fd int dir = -1;

	if (c->dst.container) {
		owner = (struct image_owner){0, 0};
		return engine_copy_in(c->cli->engine, c->dst.container, c->dir, fd, own, err);
	}
	dir = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return berth_fail_errno(err, errno, "open '%s'", c->dir);
	return work->copy_in(dir, "", fd, own, c->cli->engine->op, err);
}

/* Both halves; what failed first is the reason. */
static int copy(struct copy *c, uint64_t *ret_bytes, struct berth_error *err)
{
	struct writer w = {.c = c, .fd = -1};
	cleanup_fd int from = -1;
	pthread_t thread;
	int fds[2], r;

	r = engine_image_work(c->cli->engine, &w.work, err);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return berth_fail_errno(err, errno, "make a pipe");
	(void)fcntl(fds[0], F_SETPIPE_SZ, 1 << 20); /* best effort: fewer switches */
	from = fds[0];
	w.fd = fds[1];
	r = pthread_create(&thread, NULL, write_side, &w);
	if (r != 0) {
		close_fd(&w.fd);
		return berth_fail_errno(err, r, "start a thread");
	}
	r = read_side(c, w.work, from, err);
	close_fd(&from); /* if this half failed, the other one ends now */
	(void)pthread_join(thread, NULL);
	if (w.result < 0 && (r == 0 || w.err.sys_errno != EPIPE)) {
		*err = w.err;
		return w.result;
	}
	*ret_bytes = w.bytes;
	return r;
}

static void say(const struct copy *c, uint64_t bytes)
{
	char size[STR_SIZE_MAX];

	(void)fprintf(stderr, "Successfully copied %s to %s%s%s\n",
		      str_human_size(bytes, STR_SIZE_DECIMAL, SIZE_DIGITS, size),
		      c->dst.container ? c->dst.container : "", c->dst.container ? ":" : "",
		      c->dst.path);
}

static int from_stdin(struct copy *c, struct berth_error *err)
{
	int r = look(c, &c->dst, true, err);

	if (r < 0)
		return r;
	if (!c->dst.exists || !c->dst.is_dir)
		return berth_fail(err, BERTH_E_INVALID, "destination \"%s:%s\" must be a directory",
				  c->dst.container, c->dst.path);
	return engine_copy_in(c->cli->engine, c->dst.container, c->dst.path, STDIN_FILENO, NULL,
			      err);
}

static int to_stdout(struct copy *c, struct berth_error *err)
{
	int r = look(c, &c->src, c->follow, err);

	if (r == 0 && isatty(STDOUT_FILENO))
		return berth_fail(err, BERTH_E_INVALID, "refusing to write a tar to a terminal");
	return r < 0 ? r
		     : engine_copy_out(c->cli->engine, c->src.container, c->src.path, NULL,
				       STDOUT_FILENO, NULL, err);
}

static int between(struct copy *c, bool quiet, struct berth_error *err)
{
	uint64_t bytes = 0;
	int r = look(c, &c->src, c->follow, err);

	if (r == 0)
		r = look(c, &c->dst, true, err);
	if (r == 0)
		r = decide(c, err);
	if (r == 0)
		r = copy(c, &bytes, err);
	if (r == 0 && !quiet)
		say(c, bytes);
	return r;
}

static int check(const struct copy *c, struct berth_error *err)
{
	if (!c->src.container && !c->dst.container)
		return berth_fail(err, BERTH_E_INVALID,
				  "must specify at least one container source");
	if (c->src.container && c->dst.container)
		return berth_fail(err, BERTH_E_UNSUPPORTED,
				  "copying between containers is not supported");
	return 0;
}

int cp_verb(struct cli *cli, const struct options *o)
{
	cleanup_copy struct copy c = {
		.cli = cli,
		.archive = options_bool(o, "archive"),
		.follow = options_bool(o, "follow-link"),
	};
	struct berth_error err = {0};
	int r = parse(o->args[0], &c.src, &err);

	if (r == 0)
		r = parse(o->args[1], &c.dst, &err);
	if (r == 0)
		r = check(&c, &err);
	if (r == 0)
		r = cli_engine_cancellable(cli, &err);
	if (r == 0 && !c.src.container && str_eq(c.src.path, "-"))
		r = from_stdin(&c, &err);
	else if (r == 0 && !c.dst.container && str_eq(c.dst.path, "-"))
		r = to_stdout(&c, &err);
	else if (r == 0)
		r = between(&c, options_bool(o, "quiet"), &err);
	return r < 0 ? cli_fail(cli, o->args[0], &err) : STATUS_OK;
}
