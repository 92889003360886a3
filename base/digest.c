/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <string.h>

#include "base/str.h"

static const struct {
	const char *name;
	uint8_t len;
} algos[] = {
	[DIGEST_NONE] = {"", 0},
	[DIGEST_SHA256] = {"sha256", 32},
	[DIGEST_SHA512] = {"sha512", 64},
};

enum { N_ALGOS = sizeof(algos) / sizeof(algos[0]) };

void hex_encode(const void *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[at[i] >> 4];
		*out++ = digits[at[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hex_decode(const char *hex, void *bytes, size_t n)
{
	uint8_t *out = bytes;

	if (strnlen(hex, 2 * n + 1) != 2 * n)
		return false;
	for (size_t i = 0; i < 2 * n; i++) {
		if (hex_digit(hex[i]) < 0)
			return false;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return true;
}

int digest_parse(const char *text, struct digest *ret, struct berth_error *err)
{
	for (uint8_t algo = DIGEST_SHA256; algo < N_ALGOS; algo++) {
		const char *hex = str_after(text, algos[algo].name);
		struct digest d = {.algo = algo, .len = algos[algo].len};

		if (!hex || *hex != ':')
			continue;
		if (!hex_decode(hex + 1, d.bytes, d.len))
			return berth_fail(
				err, BERTH_E_INVALID,
				"digest '%.160s': wanted %u lower case hex digits behind '%s:'",
				text, 2u * d.len, algos[algo].name);
		*ret = d;
		return 0;
	}
	return berth_fail(err, BERTH_E_INVALID, "digest '%.160s': wanted sha256:… or sha512:…",
			  text);
}

int digest_parse_loose(const char *text, struct digest *ret, struct berth_error *err)
{
	struct digest d = {.algo = DIGEST_SHA256, .len = algos[DIGEST_SHA256].len};

	if (!hex_decode(text, d.bytes, d.len))
		return digest_parse(text, ret, err);
	*ret = d;
	return 0;
}

int digest_from_bytes(enum digest_algo algo, const void *bytes, size_t n, struct digest *ret,
		      struct berth_error *err)
{
	struct digest d = {.algo = (uint8_t)algo, .len = (uint8_t)n};

	if (algo == DIGEST_NONE || (size_t)algo >= N_ALGOS || n != algos[algo].len)
		return berth_fail(err, BERTH_E_INVALID, "%zu bytes are no digest of this kind", n);
	memcpy(d.bytes, bytes, n);
	*ret = d;
	return 0;
}

const char *digest_algo_name(const struct digest *d)
{
	return d->algo < N_ALGOS ? algos[d->algo].name : "";
}

const char *digest_hex(const struct digest *d, char out[static DIGEST_HEX_MAX])
{
	hex_encode(d->bytes, d->len <= DIGEST_BYTES_MAX ? d->len : 0, out);
	return out;
}

const char *digest_format(const struct digest *d, char out[static DIGEST_TEXT_MAX])
{
	char hex[DIGEST_HEX_MAX];

	if (digest_is_set(d))
		(void)snprintf(out, DIGEST_TEXT_MAX, "%s:%s", digest_algo_name(d),
			       digest_hex(d, hex));
	else
		out[0] = '\0';
	return out;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return a->algo == b->algo && a->len <= DIGEST_BYTES_MAX &&
	       memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool digest_is_set(const struct digest *d)
{
	return d->algo != DIGEST_NONE;
}
