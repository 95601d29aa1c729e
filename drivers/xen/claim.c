/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See claim.h. Devices that guests have are few, so all claims are gone through. LOCK_XEN_HOST guards them and is held
 * across nothing. */
#include "drivers/xen/claim.h"

#include "base/clock.h"

/* A driver of the host that gets a device may look at it for long; a start needn't wait for one that hangs. */
#define PATIENCE (60 * CLOCK_S)

typedef enum ClaimState { HELD, LEAVING, GOING } ClaimState;

typedef struct Claim {
    int64_t key;              /* in the table; the address */
    HostPciAddress address;
    Uuid uuid;                /* of the guest */
    ClaimState state;
} Claim;

static int64_t key_of(const HostPciAddress *address)
{
    return (int64_t)((uint64_t)address->domain << 32 | (address->bus & 0xff) << 24 | (address->slot & 0xff) << 16
                     | (address->function & 0xffff));
}

GHashTable *xen_claims_new(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
}

static Claim *find_locked(XenHost *xen, const HostPciAddress *address)
{
    const int64_t key = key_of(address);

    lock_assert_held(&xen->lock);
    return g_hash_table_lookup(xen->claims, &key);
}

static void add_locked(XenHost *xen, const HostPciAddress *address, const Uuid *uuid)
{
    Claim *claim = g_new0(Claim, 1);

    lock_assert_held(&xen->lock);
    *claim = (Claim){ .key = key_of(address), .address = *address, .uuid = *uuid, .state = HELD };
    g_hash_table_add(xen->claims, claim);
}

XenClaimed xen_claim(XenHost *xen, const HostPciAddress *address, const Uuid *uuid, Uuid *other)
{
    int64_t deadline = clock_now() + PATIENCE;
    Claim *claim;

    LOCK_SCOPE(&xen->lock);
    while ((claim = find_locked(xen, address)) && claim->state == GOING)
        if (!cond_wait_until(&xen->claims_done, &xen->lock, deadline))
            return XEN_CLAIM_LATE;
    if (!claim) {
        add_locked(xen, address, uuid);
        return XEN_CLAIM_FRESH;
    }
    if (uuid_equal(&claim->uuid, uuid)) {
        claim->state = HELD;
        return XEN_CLAIM_OWN;
    }
    *other = claim->uuid;
    if (claim->state == HELD)
        return XEN_CLAIM_OTHER;
    claim->state = GOING;
    return XEN_CLAIM_LEAVING;
}

bool xen_claim_go(XenHost *xen, const HostPciAddress *address, const Uuid *uuid)
{
    Claim *claim;

    LOCK_SCOPE(&xen->lock);
    claim = find_locked(xen, address);
    if (!claim || claim->state == GOING || !uuid_equal(&claim->uuid, uuid))
        return false;
    claim->state = GOING;
    return true;
}

void xen_claim_end(XenHost *xen, const HostPciAddress *address)
{
    const int64_t key = key_of(address);

    LOCK_SCOPE(&xen->lock);
    g_hash_table_remove(xen->claims, &key);
    cond_broadcast(&xen->claims_done);
}

void xen_claim_keep(XenHost *xen, const HostPciAddress *address)
{
    LOCK_SCOPE(&xen->lock);
    find_locked(xen, address)->state = HELD;
    cond_broadcast(&xen->claims_done);
}

bool xen_claims_leave(XenHost *xen, const Uuid *uuid)
{
    GHashTableIter iter;
    bool any = false;
    void *item;

    LOCK_SCOPE(&xen->lock);
    g_hash_table_iter_init(&iter, xen->claims);
    while (g_hash_table_iter_next(&iter, &item, NULL)) {
        Claim *claim = item;

        if (claim->state == HELD && uuid_equal(&claim->uuid, uuid)) {
            claim->state = LEAVING;
            any = true;
        }
    }
    return any;
}

bool xen_claims_next(XenHost *xen, HostPciAddress *address, Uuid *uuid)
{
    GHashTableIter iter;
    void *item;

    LOCK_SCOPE(&xen->lock);
    g_hash_table_iter_init(&iter, xen->claims);
    while (g_hash_table_iter_next(&iter, &item, NULL)) {
        Claim *claim = item;

        if (claim->state != LEAVING)
            continue;
        claim->state = GOING;
        *address = claim->address;
        *uuid = claim->uuid;
        return true;
    }
    return false;
}

GArray *xen_claims_of(XenHost *xen, const Uuid *uuid)
{
    GArray *addresses = NULL;
    GHashTableIter iter;
    void *item;

    LOCK_SCOPE(&xen->lock);
    g_hash_table_iter_init(&iter, xen->claims);
    while (g_hash_table_iter_next(&iter, &item, NULL)) {
        const Claim *claim = item;

        if (claim->state == GOING || !uuid_equal(&claim->uuid, uuid))
            continue;
        if (!addresses)
            addresses = g_array_new(false, false, sizeof(HostPciAddress));
        g_array_append_val(addresses, claim->address);
    }
    return addresses;
}

GHashTable *xen_addresses_new(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
}

bool xen_addresses_add(GHashTable *addresses, const HostPciAddress *address)
{
    int64_t *key = g_new(int64_t, 1);

    *key = key_of(address);
    return g_hash_table_add(addresses, key);
}

bool xen_addresses_has(GHashTable *addresses, const HostPciAddress *address)
{
    const int64_t key = key_of(address);

    return g_hash_table_contains(addresses, &key);
}
