/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/config*.c share: a config as it is put together. */
#pragma once

#include "conf/config.h"
#include "conf/scalar.h"

#define DOMAIN_TEXT_LIMIT (4u << 20)            /* bytes of a document from a client */
#define DOMAIN_STORED_TEXT_LIMIT (16u << 20)    /* bytes of one from our own store */

/* The members of the config without its head, whose count of references others may be changing; what they point to
 * stays the config's. */
void domain_config_view(const DomainConfig *config, DomainConfig *view);
/* A config with one reference, a deep copy of the draft, which nobody else has, in `*size` bytes. */
DomainConfig *domain_config_pack(const DomainConfig *draft, size_t *size);
/* As domain_config_parse, from an element of whatever name inside of a document; `*size`: of the result in memory. */
DomainConfig *domain_config_parse_node(const xmlNode *root, const struct DomainRules *rules, unsigned flags, size_t *size,
                                       Error *error);
/* As domain_config_format, as an element <name> at this depth of a document. */
void domain_config_put(const DomainConfig *config, const char *name, int id, unsigned flags, unsigned depth,
                       GString *out);
