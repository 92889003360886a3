/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_embed: run by the build. Reads a profile in Docker's format, writes C with a table of its
 * rules: seccomp_embed seccomp-default.json seccomp_default.c
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/path.h"
#include "core/container/seccomp_profile.h"
#include "core/container/seccomp_rule.h"

/* @text as a C string literal, in pieces, for compilers with short lines. */
static void print_literal(FILE *out, const char *text)
{
	enum { PIECE = 80 };

	fputs("\t\"", out);
	for (size_t i = 0; text[i]; i++) {
		if (i && i % PIECE == 0)
			fputs("\"\n\t\"", out);
		if (text[i] == '"' || text[i] == '\\')
			fputc('\\', out);
		fputc(text[i], out);
	}
	fputs("\"", out);
}

static int print_head(FILE *out, const struct record *profile, struct berth_error *err)
{
	cleanup_str struct str head = STR_INIT;
	struct jw w = jw_to(&head, RECORD_COMPACT);
	int r;

	jw_object_begin(&w);
	r = seccomp_head_write(profile, &w, err);
	if (r == 0)
		r = str_check(&head, err);
	if (r < 0)
		return r;
	fputs("const char seccomp_default_head[] =\n", out);
	print_literal(out, str_text(&head) + 1); /* without its brace */
	fputs(";\n\n", out);
	return 0;
}

static int print_rule(FILE *out, const struct record *rule, struct berth_error *err)
{
	cleanup_str struct str text = STR_INIT;
	struct jw w = jw_to(&text, RECORD_COMPACT);
	struct seccomp_when when;
	int r = seccomp_rule_when(rule, &when, err);

	if (r < 0 || when.never)
		return r;
	r = seccomp_rule_write(rule, &w, err);
	if (r == 0)
		r = str_check(&text, err);
	if (r < 0)
		return r;
	fprintf(out, "\t{{false, UINT64_C(%#llx), UINT64_C(%#llx), %#x, %#x},\n",
		(unsigned long long)when.needs_caps, (unsigned long long)when.lacks_caps,
		when.from_kernel, when.to_kernel);
	print_literal(out, str_text(&text));
	fprintf(out, ",\n\t%zu},\n", text.len);
	return 0;
}

static int print_all(FILE *out, const struct record *profile, struct berth_error *err)
{
	const struct record *rules = record_get(profile, "syscalls");
	int r;

	fputs("/* Made from seccomp-default.json by the build. */\n"
	      "#include \"core/container/seccomp_rule.h\"\n\n",
	      out);
	r = print_head(out, profile, err);
	fputs("const struct seccomp_rule seccomp_default_rules[] = {\n", out);
	for (size_t i = 0; r == 0 && i < record_len(rules); i++)
		r = print_rule(out, record_at(rules, i), err);
	fputs("};\n\nconst size_t seccomp_default_n =\n"
	      "\tsizeof(seccomp_default_rules) / sizeof(seccomp_default_rules[0]);\n",
	      out);
	return r;
}

static int embed(const char *from, const char *to, struct berth_error *err)
{
	cleanup_record struct record *profile = NULL;
	cleanup_fd int fd = open(from, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	cleanup_file FILE *out = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return berth_fail_errno(err, errno, "open '%s'", from);
	r = read_fd_limited(fd, SECCOMP_PROFILE_MAX, &text, &len, err);
	if (r == 0)
		r = record_parse(text, len, 0, &profile, err);
	if (r < 0)
		return r;
	out = fopen(to, "we");
	if (!out)
		return berth_fail_errno(err, errno, "open '%s'", to);
	r = print_all(out, profile, err);
	if (r == 0 && (fflush(out) != 0 || ferror(out)))
		r = berth_fail_errno(err, errno, "write '%s'", to);
	return r;
}

int main(int argc, char **argv)
{
	struct berth_error err = {0};

	if (argc != 3) {
		fprintf(stderr, "usage: seccomp_embed PROFILE.json OUT.c\n");
		return 2;
	}
	if (embed(argv[1], argv[2], &err) < 0) {
		fprintf(stderr, "seccomp_embed: %s\n", err.text);
		return 1;
	}
	return 0;
}
