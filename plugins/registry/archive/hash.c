/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

#include <openssl/evp.h>

struct hash {
	EVP_MD_CTX *ctx;
	enum digest_algo algo;
};

int hash_new(enum digest_algo algo, struct hash **ret, struct berth_error *err)
{
	cleanup_hash struct hash *hash = calloc(1, sizeof(*hash));

	if (hash)
		hash->ctx = EVP_MD_CTX_new();
	if (!hash || !hash->ctx)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	hash->algo = algo;
	if (EVP_DigestInit_ex(hash->ctx, algo == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256(),
			      NULL) != 1)
		return berth_fail(err, BERTH_E_UNSUPPORTED, "libcrypto offers no such digest here");
	*ret = steal_ptr(hash);
	return 0;
}

void hash_free(struct hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->ctx);
	free(hash);
}

int hash_add(struct hash *hash, const void *bytes, size_t n, struct berth_error *err)
{
	if (EVP_DigestUpdate(hash->ctx, bytes, n) != 1)
		return berth_fail(err, BERTH_E_INTERNAL, "libcrypto failed to hash");
	return 0;
}

int hash_end(struct hash *hash, struct digest *ret, struct berth_error *err)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (EVP_DigestFinal_ex(hash->ctx, bytes, &n) != 1)
		return berth_fail(err, BERTH_E_INTERNAL, "libcrypto failed to hash");
	return digest_from_bytes(hash->algo, bytes, n, ret, err);
}

int hash_bytes(enum digest_algo algo, const void *bytes, size_t n, struct digest *ret,
	       struct berth_error *err)
{
	cleanup_hash struct hash *hash = NULL;
	int r;

	r = hash_new(algo, &hash, err);
	if (r < 0)
		return r;
	r = hash_add(hash, bytes, n, err);
	if (r < 0)
		return r;
	return hash_end(hash, ret, err);
}
