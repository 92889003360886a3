/* SPDX-License-Identifier: Apache-2.0 */
#include "core/driver/head.h"

#include "base/ident.h"
#include "core/config/config.h"
#include "core/driver/options.h"

enum {
	TEXT_MAX = 1024, /* of a version or a summary */
	/* all needs that this engine knows how to meet, or to refuse */
	NEEDS_KNOWN =
		BERTH_NEEDS_ROOT | BERTH_NEEDS_SPAWN | BERTH_NEEDS_PROCESS | BERTH_NEEDS_NETWORK,
};

/* The head as ABI 1.0 had it. */
#define HEAD_SIZE_1_0 (offsetof(struct berth_driver, close) + sizeof(void *))

void head_copy(const struct berth_driver *theirs, struct berth_driver *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, theirs, theirs->size < sizeof(*ret) ? theirs->size : sizeof(*ret));
}

static int check_identity(const struct berth_driver *head, struct berth_error *err)
{
	if (head->size < HEAD_SIZE_1_0)
		return berth_fail(err, BERTH_E_INVALID,
				  "its head has %u bytes, at least %zu are needed", head->size,
				  HEAD_SIZE_1_0);
	if (!config_section(head->kind))
		return berth_fail(err, BERTH_E_INVALID,
				  "its head is of kind %u, which this engine does not know",
				  head->kind);
	if (!head->name || !ident_is_driver(head->name))
		return berth_fail(err, BERTH_E_INVALID,
				  "its head has no usable name (a letter, then letters, digits and "
				  "'-')");
	if (!head->version || !*head->version || strnlen(head->version, TEXT_MAX) == TEXT_MAX)
		return berth_fail(err, BERTH_E_INVALID, "its head has no version");
	if (!head->summary || strnlen(head->summary, TEXT_MAX) == TEXT_MAX)
		return berth_fail(err, BERTH_E_INVALID, "its head has no summary");
	return 0;
}

int head_check(const struct berth_driver *head, struct berth_error *err)
{
	int r = check_identity(head, err);

	if (r < 0)
		return r;
	if (head->host_min > sizeof(struct berth_host))
		return berth_fail(err, BERTH_E_INVALID,
				  "needs a host of %u bytes (host_min), this engine's has %zu: it "
				  "was made for a later one",
				  head->host_min, sizeof(struct berth_host));
	if (head->threads > BERTH_THREADS_FREE)
		return berth_fail(err, BERTH_E_INVALID,
				  "its rule for threads is %u, which this engine does not know",
				  head->threads);
	if (head->needs & ~(uint64_t)NEEDS_KNOWN)
		return berth_fail(err, BERTH_E_INVALID,
				  "it needs something (0x%llx) that this engine does not know",
				  (unsigned long long)(head->needs & ~(uint64_t)NEEDS_KNOWN));
	if (!head->open || !head->close)
		return berth_fail(err, BERTH_E_INVALID, "it lacks the required call '%s'",
				  head->open ? "close" : "open");
	if (!head->ops)
		return berth_fail(err, BERTH_E_INVALID, "it has no table of calls");
	return options_check(head, err);
}
