/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/hash.h"

#include <openssl/evp.h>

struct hash {
	EVP_MD_CTX *ctx;
	enum digest_algo algo;
};

int hash_new(enum digest_algo algo, struct hash **ret, struct berth_error *err)
{
	cleanup_hash struct hash *hash = calloc(1, sizeof(*hash));
	const EVP_MD *md = algo == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();

	if (!hash || !(hash->ctx = EVP_MD_CTX_new()))
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	hash->algo = algo == DIGEST_SHA512 ? DIGEST_SHA512 : DIGEST_SHA256;
	if (EVP_DigestInit_ex(hash->ctx, md, NULL) != 1)
		return berth_fail(err, BERTH_E_INTERNAL, "libcrypto has no %s",
				  EVP_MD_get0_name(md));
	*ret = steal_ptr(hash);
	return 0;
}

int hash_add(struct hash *hash, const void *bytes, size_t n, struct berth_error *err)
{
	if (n > 0 && EVP_DigestUpdate(hash->ctx, bytes, n) != 1)
		return berth_fail(err, BERTH_E_INTERNAL, "libcrypto could not hash");
	return 0;
}

int hash_end(struct hash *hash, struct digest *ret, struct berth_error *err)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (EVP_DigestFinal_ex(hash->ctx, bytes, &n) != 1)
		return berth_fail(err, BERTH_E_INTERNAL, "libcrypto could not hash");
	return digest_from_bytes(hash->algo, bytes, n, ret, err);
}

void hash_free(struct hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->ctx);
	free(hash);
}

int hash_bytes(const void *bytes, size_t n, struct digest *ret, struct berth_error *err)
{
	cleanup_hash struct hash *hash = NULL;
	int r = hash_new(DIGEST_SHA256, &hash, err);

	if (r == 0)
		r = hash_add(hash, bytes, n, err);
	return r < 0 ? r : hash_end(hash, ret, err);
}

int hash_expect(const struct digest *want, const struct digest *got, const char *what,
		struct berth_error *err)
{
	char w[DIGEST_TEXT_MAX], g[DIGEST_TEXT_MAX];

	if (digest_eq(want, got))
		return 0;
	return berth_fail(err, BERTH_E_CORRUPT, "%s should be %s, its bytes are %s", what,
			  digest_format(want, w), digest_format(got, g));
}
