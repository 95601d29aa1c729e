/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain document as a typed object: the structs that follow from conf/elements, with struct DomainConfig as
 * their root. Immutable once made: shared by reference counting, readable by any thread without a lock. A change
 * is a new one (domain_config_copy, edit before it is shared, then publish). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "conf/elements.h"

struct DomainRules;

typedef enum DomainParseFlags {
    DOMAIN_PARSE_VALIDATE = 1 << 0,    /* against the schema that libvirt installs */
    DOMAIN_PARSE_STORED = 1 << 1,      /* from our own store: never refused for a rule that is newer than the file */
    DOMAIN_PARSE_LIVE = 1 << 2,        /* of a running domain: what only such a one has is read as well */
    DOMAIN_PARSE_UNJUDGED = 1 << 3,    /* in another document, where it was accepted before: no rule refuses it */
} DomainParseFlags;

/* `document`: UTF-8 text of `size` bytes, at most 4 MiB as given and as formatted (STORED: 16 MiB), at most
 * 256 levels deep; no entity is declared, expanded or fetched. `rules`: what the
 * driver wants, NULL for nothing.
 * Returns an owned reference, or NULL and: VIR_ERR_XML_ERROR (27; what is there is wrong),
 * VIR_ERR_XML_DETAIL (35; not well-formed, or too long), VIR_ERR_NO_NAME (21), VIR_ERR_XML_INVALID_SCHEMA (92),
 * VIR_ERR_CONFIG_UNSUPPORTED (67; a value that isn't known, or things that don't go together), VIR_ERR_OVERFLOW
 * (82; too much memory), VIR_ERR_INVALID_ARG (8; a bad unit or set of CPUs), VIR_ERR_INTERNAL_ERROR (1; what
 * libvirt's clients get for it). DOMAIN_PARSE_VALIDATE may wait for a disk. */
DomainConfig *domain_config_parse(const char *document, size_t size, const struct DomainRules *rules, unsigned flags,
                                  Error *error);

typedef enum DomainFormatFlags {
    DOMAIN_FORMAT_SECURE = 1 << 0,
    DOMAIN_FORMAT_INACTIVE = 1 << 1,
    DOMAIN_FORMAT_UPDATE_CPU = 1 << 2,
    DOMAIN_FORMAT_MIGRATABLE = 1 << 3,
} DomainFormatFlags;

/* The document as libvirt formats it; `id` >= 0 gives <domain … id='1'>. Owned by the caller. */
char *domain_config_format(const DomainConfig *config, int id, unsigned flags);

DomainConfig *domain_config_ref(const DomainConfig *config);
void domain_config_unref(const DomainConfig *config);    /* NULL is fine */
/* A private copy with one reference, to be edited before it is shared. */
DomainConfig *domain_config_copy(const DomainConfig *config);
/* Where what is put into a config that isn't shared yet has to live: it goes with the config. */
Arena *domain_config_arena(DomainConfig *config);
/* Replaces one of the texts of a config that isn't shared yet; `text` is copied and may be NULL.
 *   domain_config_set_text(config, &config->title, "…"); */
void domain_config_set_text(DomainConfig *config, const char **member, const char *text);
/* The numbers that every question asks for; KiB. */
static inline unsigned domain_config_max_vcpus(const DomainConfig *config)
{
    return config->vcpu.value;
}
static inline unsigned domain_config_vcpus(const DomainConfig *config)
{
    return config->vcpu.has_current ? config->vcpu.current : config->vcpu.value;
}
static inline uint64_t domain_config_max_memory(const DomainConfig *config)
{
    return config->memory.value;
}
static inline uint64_t domain_config_memory(const DomainConfig *config)
{
    return config->current_memory;
}
/* Changes them in a config that isn't shared yet. `n` is at most domain_config_max_vcpus, and at least 1. */
void domain_config_set_vcpus(DomainConfig *config, unsigned n);
/* Fewer than there are now take the current ones with them. */
void domain_config_set_max_vcpus(DomainConfig *config, unsigned n);
void domain_config_set_memory(DomainConfig *config, uint64_t kib);
void domain_config_set_max_memory(DomainConfig *config, uint64_t kib);
/* May a running guest go on with `to` in the place of `from`? 0, or -1 and VIR_ERR_CONFIG_UNSUPPORTED. */
int domain_config_check_abi(const DomainConfig *from, const DomainConfig *to, Error *error);

static inline void domain_config_unref_auto(DomainConfig *config)
{
    domain_config_unref(config);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainConfig, domain_config_unref_auto)
