/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What guests of each kind can have here: one table, by which documents are refused and of which domain capabilities tell.
 * Constant data: any thread, no lock. */
#pragma once

#include "conf/config.h"
#include "drivers/xen/hypervisor.h"

/* A value of an enumeration of conf/elements as a bit; bit 0 stands for one that is absent. */
#define OFFER(value) (UINT64_C(1) << (value))

typedef struct XenOffer {
    const char *machine;      /* `machine` of <os><type> */
    unsigned vcpus;           /* at most */
    /* bits, as OFFER makes them */
    uint64_t disk_devices;    /* of DiskDevice */
    uint64_t disk_buses;      /* of DiskBus; the absent one too, which a name makes up for */
    uint64_t graphics;        /* of GraphicsType */
    uint64_t videos;          /* of VideoType */
    uint64_t hostdevs;        /* of HostdevType */
    uint64_t channels;        /* of CharType */
    uint64_t loaders;         /* of LoaderType */
    uint64_t firmwares;       /* of FirmwareType */
    uint64_t cpu_modes;       /* of CpuMode */
    bool genid;
} XenOffer;

extern const XenOffer xen_offers[3];    /* by XenKind */

/* The kind of guest of a document that names one of ours. */
XenKind xen_kind_of(const DomainConfig *config);

static inline const XenOffer *xen_offer_of(const DomainConfig *config)
{
    return &xen_offers[xen_kind_of(config)];
}

/* Whether the value, a bit of `offered`, can be had. */
static inline bool offer_has(uint64_t offered, unsigned value)
{
    return value < 64 && (offered >> value & 1);
}
