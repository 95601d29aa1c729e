/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The insides of the domain list, shared by conf/list.c (indexes) and conf/page.c (pages). */
#pragma once

#include <stdatomic.h>

#include "base/lock.h"
#include "conf/index.h"
#include "conf/list.h"

/* A name that belongs to a domain: the present one, or one that a renaming has reserved. */
typedef struct DomainName {
    uint64_t hash;
    Domain *domain;           /* which owns this */
    DomainView *view;         /* owned, under LOCK_LIST_NAME; NULL: reserved, not to be found */
    char text[];
} DomainName;

typedef struct NameShard {
    Lock lock;                /* LOCK_LIST_NAME */
    Index names;              /* of DomainName, each owned by its domain */
} NameShard;

typedef struct UuidShard {
    Lock lock;                /* LOCK_LIST_UUID */
    Index domains;            /* of Domain, one reference each */
    DomainPage *page;         /* one reference; NULL: something has changed since it was made */
    uint32_t listed;          /* those with a view */
    size_t handles_size;      /* of all views */
} UuidShard;

typedef struct IdShard {
    Lock lock;                /* LOCK_LIST_ID */
    Index views;              /* of DomainView, one reference each */
} IdShard;

struct DomainList {
    /* fixed */
    IndexKey key;
    /* active domains in the upper half, inactive ones in the lower: one load tells both as of one moment */
    _Atomic uint64_t counts;
    NameShard names[DOMAIN_LIST_SHARDS];
    UuidShard uuids[DOMAIN_LIST_SHARDS];
    IdShard ids[DOMAIN_LIST_SHARDS];
};
