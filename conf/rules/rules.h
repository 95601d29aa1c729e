/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of a domain document that concern more than one element: first those that fill in what a document
 * leaves open, then those that refuse. Each subject has one file in this folder; the order is in order.def.
 * Pure functions of the config: any thread, no lock. */
#pragma once

#include "conf/element.h"
#include "conf/elements.h"

struct DomainCheck;

typedef enum DomainTakes {
    DOMAIN_TAKES_WIDE_SCSI = 1 << 0,    /* 15 units on a SCSI bus, not 7 */
    DOMAIN_TAKES_DISK_FD = 1 << 1,      /* <source fdgroup=…> */
} DomainTakes;

/* What a driver wants of documents; constant, and without any member what suits every guest. */
typedef struct DomainRules {
    const char *default_arch;      /* of a document that names none; NULL: it stays open */
    const char *interface_prefix;  /* of the names that it gives interfaces of a definition; NULL: they need none */
    unsigned namespaces;           /* NAMESPACE_*: the drivers' namespaces that are kept */
    unsigned takes;                /* DomainTakes: what libvirt's test driver doesn't take and this one does */
    /* The graphics card of a guest whose document names none; NULL: what libvirt's test driver has. */
    VideoType (*usual_video)(const DomainConfig *config);
    /* A driver's own rules, after the common ones; may be NULL. 0, or -1 and an error. */
    int (*fill)(DomainConfig *config, struct DomainCheck *check);
    int (*check)(DomainConfig *config, struct DomainCheck *check);
} DomainRules;

typedef struct DomainCheck {
    Arena *arena;                  /* whatever a rule makes lives here */
    Error *error;
    unsigned flags;                /* ElementFlags */
    const DomainRules *rules;      /* never NULL */
} DomainCheck;

typedef int DomainRule(DomainConfig *config, DomainCheck *check);    /* 0, or -1 and an error */

#define FILL(rule) DomainRule rule;
#define REFUSE(rule) DomainRule rule;
#include "conf/rules/order.def"
#undef FILL
#undef REFUSE

/* Sets the error. `format`: a whole translated sentence that names element, attribute and value. Returns -1. */
int domain_fail(DomainCheck *check, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Runs all rules that fill in, then (unless ELEMENT_STORED or ELEMENT_UNJUDGED) all that refuse. 0, or -1 and an error. */
int domain_rules_run(DomainConfig *config, DomainCheck *check);
