/* SPDX-License-Identifier: Apache-2.0 */
/* What cases see of the run: suite.h. */
#include "tests/conformance/suite.h"

#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/run.h"

const struct berth_driver *suite_driver(void)
{
	return &run.driver.head;
}

/* Found from here, and so no leak of the case. */
static struct made {
	struct berth_conf conf;
	struct made *next;
} * made;

static const struct berth_conf *make_conf(char *const *values)
{
	struct made *m = calloc(1, sizeof(*m));
	char **pairs;

	ck_assert_ptr_nonnull(m);
	ck_ok(bind_options(&run.driver, values, &pairs, &err));
	m->conf.pairs = (const char *const *)pairs;
	m->next = made;
	made = m;
	return &m->conf;
}

const struct berth_conf *suite_conf(const char *const *more)
{
	static const struct berth_conf *plain;
	cleanup_strv char **values = strv_copy(run.options);

	if (!more)
		return plain ? plain : (plain = make_conf(run.options));
	for (; *more; more++)
		ck_assert_int_eq(strv_add(&values, *more), 0);
	return make_conf(values);
}

const struct berth_conf *suite_defaults(void)
{
	return make_conf(NULL);
}

bool suite_is_separate(void)
{
	return run.wish.is_separate;
}

void suite_moved(void)
{
	bind_follow();
}

/* The children of this thread, each with a blank behind it. */
static void read_children(char *out, size_t size)
{
	cleanup_file FILE *f = fopen("/proc/thread-self/children", "re");
	size_t n = f ? fread(out, 1, size - 1, f) : 0;

	out[n] = '\0';
}

/* Its process for the driver ends by itself, a moment after it: it becomes ours, and is waited for. */
int suite_kill(pid_t pid)
{
	char before[512], after[512];
	int status = 0;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	read_children(before, sizeof(before));
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	read_children(after, sizeof(after));
	for (char *at = after, *end; *at; at = *end ? end + 1 : end) {
		long child = strtol(at, &end, 10);
		char word[32];

		(void)snprintf(word, sizeof(word), "%ld ", child);
		if (child > 0 && !strstr(before, word))
			(void)waitpid((pid_t)child, NULL, 0);
	}
	return status;
}

size_t suite_memory(void)
{
	size_t (*of_sanitizer)(void);

	/* which has an allocator of its own */
	*(void **)&of_sanitizer = dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
	return of_sanitizer ? of_sanitizer() : mallinfo2().uordblks;
}

const char *suite_file(void)
{
	return run.wish.file;
}

static int compare_call(void *arg, const char *call, bool has)
{
	return str_eq(arg, call) ? 1 + has : 0;
}

bool suite_has(const char *call)
{
	int found = clamp_each_call(&run.driver.raw, compare_call, (void *)(uintptr_t)call);

	ck_assert_msg(found > 0, "there is no call '%s'", call);
	return found == 2;
}

const char *suite_trait(const char *name)
{
	for (const struct suite_trait *t = run.suite->traits; t && t->name; t++) {
		if (str_eq(t->name, name))
			return run_trait(t);
	}
	ck_abort_msg("there is no trait '%s'", name);
}

uint64_t suite_trait_u64(const char *name)
{
	const char *value = suite_trait(name);
	uint64_t n = 0;

	ck_assert_msg(parse_u64(value, UINT64_MAX, &n) == 0, "trait '%s' is no number: '%s'", name,
		      value);
	return n;
}

bool suite_trait_is(const char *name, const char *value)
{
	return str_eq(suite_trait(name), value);
}

_Noreturn void suite_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(run_page->skipped, sizeof(run_page->skipped), fmt, ap);
	va_end(ap);
	(void)fflush(NULL); /* what check has to say of this case so far */
	_exit(0);	    /* nothing of it is a leak */
}

void suite_needs(uint64_t caps, const char *what)
{
	if ((run.driver.head.caps & caps) != caps)
		suite_skip("the driver does not promise %s", what);
}
