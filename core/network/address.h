/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address: IP addresses and subnets as values (struct berth_addr), their texts, and what one
 * reckons with them. Knows no socket and no database.
 */
#ifndef CORE_NETWORK_ADDRESS_H
#define CORE_NETWORK_ADDRESS_H

#include <berth/network.h>

enum { ADDRESS_TEXT_MAX = 56, MAC_TEXT_MAX = 18 };

/** "10.0.0.1", "fd00::1": prefix 32 or 128. INVALID. */
int address_parse(const char *text, struct berth_addr *ret);
/** "10.0.0.7/24"; the bits of the host stay. INVALID. */
int address_parse_cidr(const char *text, struct berth_addr *ret);
/** Without and with its prefix length; return @out. */
const char *address_text(const struct berth_addr *a, char out[static ADDRESS_TEXT_MAX]);
const char *address_cidr(const struct berth_addr *a, char out[static ADDRESS_TEXT_MAX]);

/** Bytes of the address: 4 or 16. */
static inline size_t address_len(const struct berth_addr *a)
{
	return a->family == BERTH_IPV4 ? 4 : 16;
}
/** The first and the last address of a subnet, with its prefix. */
struct berth_addr address_first(const struct berth_addr *net);
struct berth_addr address_last(const struct berth_addr *net);
/** Order within a family. */
int address_compare(const struct berth_addr *a, const struct berth_addr *b);
bool address_is_in(const struct berth_addr *net, const struct berth_addr *a);
bool address_overlap(const struct berth_addr *a, const struct berth_addr *b);
/** One further; false behind the very last. */
bool address_next(struct berth_addr *a);
/** One back; false before the very first. */
bool address_before(struct berth_addr *a);
bool address_is_any(const struct berth_addr *a);

/** "02:42:ac:11:00:02". INVALID. An empty text is all zero. */
int mac_parse(const char *text, uint8_t ret[static 6]);
const char *mac_text(const uint8_t mac[static 6], char out[static MAC_TEXT_MAX]);

#endif
