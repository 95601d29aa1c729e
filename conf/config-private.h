/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/config*.c share: a config as it is put together, and the small values in documents. */
#pragma once

#include "conf/config.h"

#define DOMAIN_TEXT_LIMIT (4u << 20)            /* bytes of a document from a client */
#define DOMAIN_STORED_TEXT_LIMIT (16u << 20)    /* bytes of one from our own store */

/* A config with one reference whose texts are copies of the draft's, all in one allocation.
 * The draft and what it points to stay the caller's. */
DomainConfig *domain_config_pack(const DomainConfig *draft);

/* "8192", also with white space before it and a '+', as libvirt takes numbers; false for anything else. */
bool scalar_parse_uint(const char *text, uint64_t *value);
/* A number and its unit (NULL or "": KiB) as KiB, rounded up. VIR_ERR_XML_ERROR for what is no number,
 * VIR_ERR_INVALID_ARG for an unknown unit, VIR_ERR_OVERFLOW. `what` names the element in messages. */
int scalar_parse_memory(const char *text, const char *unit, const char *what, uint64_t *kib, Error *error);
/* "0-3,^2,7" as "0-1,3,7", owned by the caller. NULL and VIR_ERR_INVALID_ARG, or VIR_ERR_CONFIG_UNSUPPORTED
 * for a set without any CPU. */
char *scalar_parse_cpuset(const char *text, Error *error);
