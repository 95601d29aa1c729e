/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The insides of the domain list, shared by conf/list.c (indexes) and conf/page.c (pages). */
#pragma once

#include <stdatomic.h>

#include "base/lock.h"
#include "conf/index.h"
#include "conf/list.h"

/* Each shard has its cache lines for itself, two of them because processors fetch lines in pairs: else threads that ask
 * different shards would take each other's lines away, since taking a lock writes (docs/scaling.md). */
#define LIST_ALIGN 128

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
} __attribute__((aligned(LIST_ALIGN))) NameShard;

typedef struct UuidShard {
    Lock lock;                /* LOCK_LIST_UUID */
    Index domains;            /* of Domain, one reference each */
    DomainPage *page;         /* one reference; NULL: something has changed since it was made */
    uint32_t listed;          /* those with a view */
    size_t handles_size;      /* of all views */
} __attribute__((aligned(LIST_ALIGN))) UuidShard;

typedef struct IdShard {
    Lock lock;                /* LOCK_LIST_ID */
    Index views;              /* of DomainView, one reference each */
} __attribute__((aligned(LIST_ALIGN))) IdShard;

struct DomainList {
    /* fixed */
    IndexKey key;
    /* active domains in the upper half, inactive ones in the lower: one load tells both as of one moment; changes write it, and
     * it is apart from the key, which every question reads */
    _Atomic uint64_t counts __attribute__((aligned(LIST_ALIGN)));
    NameShard names[DOMAIN_LIST_SHARDS];
    UuidShard uuids[DOMAIN_LIST_SHARDS];
    IdShard ids[DOMAIN_LIST_SHARDS];
};
