/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-wire.h"

/* A domain as the server named it in a list. */
typedef struct Domain {
    uint8_t *handle;                /* encoded, as it goes into calls: name, UUID, id */
    size_t handle_len;
    char *name;
    uint8_t uuid[16];
    int32_t id;                     /* -1: not running */
} Domain;

/* The server as found before a measurement. Fixed while workers run. */
typedef struct Target {
    const char *path;               /* of the socket */
    const char *uri;
    const char *domain_type;        /* the type attribute of documents that are defined */
    Domain *domains;
    size_t count;
    Domain **running;               /* views into @domains */
    size_t running_count;
    Domain **stopped;
    size_t stopped_count;
} Target;

/* Lists all domains through @fd into @target (whose strings the caller has set). Ends the program when it can't. */
void target_list(Target *target, int fd);
void target_clear(Target *target);

/* A domain of ours: the name is @prefix and two numbers, the UUID is made of the same, so that it can be found again
 * (and undefined) without asking the server. */
typedef struct OwnDomain {
    char name[64];
    uint8_t uuid[16];
} OwnDomain;

OwnDomain own_domain(const char *prefix, uint32_t series, uint32_t number);

/* Appends the document of @domain as an XDR string: small, and accepted by every driver. Returns its length. */
size_t out_document(Out *out, const Target *target, const OwnDomain *domain);

/* Appends the handle of @domain. */
void out_handle(Out *out, const OwnDomain *domain);
