/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes as records of the kernel's audit, for the server's own units: they are queued by whoever ends a call and sent by one
 * thread, since the kernel makes the sender wait while the audit daemon is behind. Any thread. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/uuid.h"
#include "rpc/rpc.h"

typedef enum AuditKind {
    AUDIT_CONTROL,     /* of a guest: it is started, stopped, paused, … */
    AUDIT_RESOURCE,    /* what a guest has: devices, memory, virtual CPUs */
    AUDIT_CONFIG,      /* of the server, or of something that isn't a guest */
} AuditKind;

typedef struct AuditRecord {
    AuditKind kind;
    bool done;                    /* false: the call has failed, or was refused */
    const char *virt;             /* the driver, such as "xen"; lives as long as the server; NULL: none */
    const char *op;               /* what was done, or with AUDIT_RESOURCE to which; a constant */
    const char *reason;           /* a constant; NULL: none */
    char *who;                    /* "uid:1000"; owned */
    char *address;                /* without its port; owned; NULL: the client came over a UNIX socket */
    char *object;                 /* a guest's name, or what an AUDIT_CONFIG is about; owned; NULL: not known */
    char uuid[UUID_TEXT_SIZE];    /* the guest's; "": not known */
    struct AuditRecord *next;     /* in the queue */
} AuditRecord;

/* The way into the kernel, or a double of it. Only one thread calls these at a time; they may block. */
typedef struct AuditGate {
    /* A descriptor, or an errno below 0. */
    int (*open)(void);
    /* 1: the host has its audit switched on; 0: it hasn't; below 0 an errno: it can't be told, as -EPERM without the right
     * to ask, or there is none that this process could reach. */
    int (*enabled)(int fd);
    /* 0, or an errno below 0. */
    int (*send)(int fd, const AuditRecord *record);
    void (*close)(int fd);
} AuditGate;

typedef struct KernelAudit KernelAudit;

/* The kernel's own gate (audit-libaudit.c); NULL where drover was built without libaudit. */
const AuditGate *audit_gate(void);
/* As audit_level says: 0 is never, 1 when it can be had, and 2 makes it an error when it can't or is switched off. NULL: there
 * is none, which is an error only when `error` is set. `gate` lives as long as what is returned, and may be NULL. */
KernelAudit *audit_kernel_new(const AuditGate *gate, int level, Error *error);
/* Sends what is queued, for 2 s at most. NULL is fine. No other thread uses it any more. */
void audit_kernel_free(KernelAudit *audit);
/* Whether records are wanted now. While the host's audit is off, one a second is, to see whether that has changed. NULL is
 * fine: no. */
bool audit_kernel_wanted(const KernelAudit *audit);
/* Takes the record over. Never waits: when 4,096 are queued it is dropped, and the log says how many were. */
void audit_kernel_take(KernelAudit *audit, AuditRecord *record);
void audit_record_free(AuditRecord *record);    /* NULL is fine */
/* A new one about who made the call; `op` is a constant. audit.c. */
AuditRecord *audit_record(const Call *call, AuditKind kind, const char *op, bool done);
/* What the kernel gets besides the address and the result; owned. Only where drover was built with libaudit. */
char *audit_record_text(const AuditRecord *record);
