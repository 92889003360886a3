/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: which addresses of a network are taken (tables network_pool, network_address). All calls
 * are made within the caller's transaction, so an address is never given twice, and one that is
 * given is in the same transaction as what it is for.
 */
#ifndef CORE_NETWORK_POOL_H
#define CORE_NETWORK_POOL_H

#include "core/network/row.h"

/**
 * Decide the subnets of @row: those of spec.IPAM.Config, checked; none: one of the default pools,
 * and with EnableIPv6 also a random one of fd00::/8, that no network of ours and no route of the
 * host has. Writes the result to spec.IPAM.Config, and the tables. INVALID, EXISTS (overlap), FULL
 * (no subnet is left).
 */
int pool_make(const struct network_host *h, struct network_row *row, struct berth_error *err);

/**
 * An address of family @family for @endpoint: @wanted (family 0: any). *ret has the subnet's
 * prefix. NOT_FOUND: the network has no subnet of that family. INVALID: it is in none. EXISTS:
 * it is taken. FULL: none is free.
 */
int pool_take(struct store *store, const struct network_row *row, uint8_t family,
	      const struct berth_addr *wanted, const char *endpoint, struct berth_addr *ret,
	      struct berth_error *err);
/** All that @endpoint has. */
int pool_give_back(struct store *store, const char *endpoint, struct berth_error *err);

/** The hardware address of who has no wish: 02:42 and the IPv4 address, or random. */
int pool_mac(const struct berth_addr *v4, uint8_t ret[static 6], struct berth_error *err);

#endif
