/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/moment*.c share: what the three kinds of documents have in common, and a guest's disks as they see them. */
#pragma once

#include "conf/config-private.h"
#include "conf/element-private.h"
#include "conf/moment.h"

typedef struct MomentKind {
    const char *root;              /* the name of the root element */
    const char *what;              /* names the document in messages */
    const char *schema;            /* its path */
    int domain;                    /* VIR_FROM_* */
    const ElementType *type;       /* its struct begins with a MomentHead */
    bool always_valid;             /* what a client sends is held against the schema unasked, where there is one */
    unsigned flags;                /* ElementFlags of what isn't our own store's */
    bool domain_by_type;           /* a <domain> without the attribute `type` is only a UUID, and isn't kept */
    /* What the table can't say, of a draft with its guests; `arena` holds what it makes. NULL: nothing.
     * 0, or -1 and an error. */
    int (*complete)(void *draft, unsigned flags, Arena *arena, Error *error);
    char *(*format)(const void *moment, unsigned flags);
} MomentKind;

/* The document as an object with one reference. `flags`: MomentParseFlags. */
void *moment_parse(const MomentKind *kind, const char *document, size_t size, const struct DomainRules *rules,
                   unsigned flags, Error *error);
/* What the table has, as text; `flags`: MomentFormatFlags. */
char *moment_format(const MomentKind *kind, const void *moment, unsigned flags);
/* A guest as it stands inside of a moment's document: without the indentation before it and the end of line behind. */
char *moment_domain_text(const DomainConfig *config, const char *name, unsigned flags);
/* The seconds since 1970. */
int64_t moment_now(void);

/* Has the drive nothing in it? */
bool disk_is_empty(const Disk *disk);
/* The place of the disk with that target, or of the only one whose contents have that path; -1: there is none. */
int disk_find(const DomainConfig *guest, const char *name);
