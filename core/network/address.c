/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/str.h"

static int bits_of(const struct berth_addr *a)
{
	return a->family == BERTH_IPV4 ? 32 : 128;
}

int address_parse(const char *text, struct berth_addr *ret)
{
	struct berth_addr a = {0};

	if (inet_pton(AF_INET, text, a.ip) == 1)
		a.family = BERTH_IPV4;
	else if (inet_pton(AF_INET6, text, a.ip) == 1)
		a.family = BERTH_IPV6;
	else
		return -BERTH_E_INVALID;
	a.prefix = (uint8_t)bits_of(&a);
	*ret = a;
	return 0;
}

int address_parse_cidr(const char *text, struct berth_addr *ret)
{
	const char *slash = strchr(text, '/');
	struct berth_addr a;
	char host[ADDRESS_TEXT_MAX];
	uint64_t prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return -BERTH_E_INVALID;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (address_parse(host, &a) < 0 || parse_u64(slash + 1, (uint64_t)bits_of(&a), &prefix) < 0)
		return -BERTH_E_INVALID;
	a.prefix = (uint8_t)prefix;
	*ret = a;
	return 0;
}

const char *address_text(const struct berth_addr *a, char out[static ADDRESS_TEXT_MAX])
{
	out[0] = '\0';
	if (a->family)
		(void)inet_ntop(a->family == BERTH_IPV4 ? AF_INET : AF_INET6, a->ip, out,
				ADDRESS_TEXT_MAX);
	return out;
}

const char *address_cidr(const struct berth_addr *a, char out[static ADDRESS_TEXT_MAX])
{
	size_t n = strlen(address_text(a, out));

	if (a->family)
		(void)snprintf(out + n, ADDRESS_TEXT_MAX - n, "/%u", a->prefix);
	return out;
}

/** The bits of byte @i that belong to the net. */
static uint8_t mask_of(const struct berth_addr *net, size_t i)
{
	int bits = net->prefix - (int)i * 8;

	if (bits >= 8)
		return 0xff;
	return bits <= 0 ? 0 : (uint8_t)(0xff << (8 - bits));
}

struct berth_addr address_first(const struct berth_addr *net)
{
	struct berth_addr a = *net;

	for (size_t i = 0; i < address_len(net); i++)
		a.ip[i] &= mask_of(net, i);
	return a;
}

struct berth_addr address_last(const struct berth_addr *net)
{
	struct berth_addr a = *net;

	for (size_t i = 0; i < address_len(net); i++)
		a.ip[i] |= (uint8_t)~mask_of(net, i);
	return a;
}

int address_compare(const struct berth_addr *a, const struct berth_addr *b)
{
	return memcmp(a->ip, b->ip, address_len(a));
}

bool address_is_in(const struct berth_addr *net, const struct berth_addr *a)
{
	if (net->family != a->family)
		return false;
	for (size_t i = 0; i < address_len(net); i++)
		if ((net->ip[i] ^ a->ip[i]) & mask_of(net, i))
			return false;
	return true;
}

bool address_overlap(const struct berth_addr *a, const struct berth_addr *b)
{
	return a->prefix < b->prefix ? address_is_in(a, b) : address_is_in(b, a);
}

bool address_next(struct berth_addr *a)
{
	for (size_t i = address_len(a); i-- > 0;)
		if (++a->ip[i])
			return true;
	return false;
}

bool address_before(struct berth_addr *a)
{
	for (size_t i = address_len(a); i-- > 0;)
		if (a->ip[i]--)
			return true;
	return false;
}

bool address_is_any(const struct berth_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

int mac_parse(const char *text, uint8_t ret[static 6])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t mac[6] = {0};

	for (int i = 0; *text && i < 6; i++) {
		for (int half = 0; half < 2; half++) {
			char c = *text ? (char)(*text | 0x20) : '\0';
			const char *at = c ? strchr(digits, c) : NULL;

			if (!at)
				return -BERTH_E_INVALID;
			mac[i] = (uint8_t)(mac[i] << 4 | (at - digits));
			text++;
		}
		if (i < 5 && *text != ':' && *text != '-')
			return -BERTH_E_INVALID;
		if (i < 5)
			text++;
		else if (*text)
			return -BERTH_E_INVALID;
	}
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

const char *mac_text(const uint8_t mac[static 6], char out[static MAC_TEXT_MAX])
{
	(void)snprintf(out, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
	return out;
}
