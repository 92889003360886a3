/* SPDX-License-Identifier: Apache-2.0 */
#include "tarball.h"

#include <check.h>
#include <openssl/evp.h>
#include <sys/mman.h>

static void put_octal(char *at, int digits, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%0*llo", digits, (unsigned long long)value);
	memcpy(at, text, (size_t)digits);
}

void tarball_header(struct tarball *t, const char *name, char type, const char *link,
		    uint64_t bytes)
{
	char block[512] = {0};
	unsigned sum = 0;

	ck_assert_uint_le(strlen(name), 100);
	memcpy(block, name, strlen(name));
	if (link)
		memcpy(block + 157, link, strlen(link));
	memcpy(block + 100, "0000644", 7);
	memcpy(block + 108, "0001750", 7);
	memcpy(block + 116, "0001750", 7);
	put_octal(block + 124, 11, bytes);
	memcpy(block + 136, "14616541000", 11);
	block[156] = type;
	memcpy(block + 257, "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	put_octal(block + 148, 6, sum);
	block[154] = '\0';
	str_add_n(&t->bytes, block, sizeof(block));
}

void tarball_entry(struct tarball *t, const char *name, char type, const char *link,
		   const void *content, size_t n)
{
	static const char zeros[512];

	tarball_header(t, name, type, link, n);
	str_add_n(&t->bytes, content ? content : "", n);
	str_add_n(&t->bytes, zeros, (512 - n % 512) % 512);
}

void tarball_file(struct tarball *t, const char *name, const void *content, size_t n)
{
	tarball_entry(t, name, '0', NULL, content, n);
}

void tarball_text(struct tarball *t, const char *name, const char *content)
{
	tarball_file(t, name, content, strlen(content));
}

void tarball_blob(struct tarball *t, const void *content, size_t n, char *digest)
{
	char text[TARBALL_DIGEST];
	char name[100];

	(void)snprintf(name, sizeof(name), "blobs/sha256/%.64s", digest_of(content, n, text) + 7);
	tarball_file(t, name, content, n);
	if (digest)
		memcpy(digest, text, sizeof(text));
}

void tarball_end(struct tarball *t)
{
	static const char zeros[1024];

	str_add_n(&t->bytes, zeros, sizeof(zeros));
}

int tarball_fd(struct tarball *t)
{
	int fd = memfd_create("tarball", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert(!t->bytes.failed);
	ck_assert_int_eq(write(fd, t->bytes.p, t->bytes.len), (ssize_t)t->bytes.len);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	str_done(&t->bytes);
	return fd;
}

const char *digest_of(const void *bytes, size_t n, char out[static TARBALL_DIGEST])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int len;

	ck_assert(EVP_Digest(bytes, n, hash, &len, EVP_sha256(), NULL) == 1);
	memcpy(out, "sha256:", 8);
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(out + 7 + 2 * i, 3, "%02x", hash[i]);
	return out;
}

static uint32_t crc32_of(const unsigned char *p, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
	}
	return ~crc;
}

void gzip_of(const void *bytes, size_t n, struct str *out)
{
	static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	const unsigned char *p = bytes;
	uint32_t tail[2] = {crc32_of(p, n), (uint32_t)n};

	str_add_n(out, head, sizeof(head));
	do {
		uint16_t len = n < 65535 ? (uint16_t)n : 65535;
		uint16_t inverse = (uint16_t)~len;

		n -= len;
		str_add_char(out, n == 0); /* last block, stored */
		str_add_n(out, &len, 2);
		str_add_n(out, &inverse, 2);
		str_add_n(out, p, len);
		p += len;
	} while (n > 0);
	str_add_n(out, tail, sizeof(tail));
}
