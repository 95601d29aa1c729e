/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The queue of records for the kernel's audit, and the thread that sends them.
 * Sending is one datagram, but the kernel holds its sender up, for as long as a minute, while the audit daemon is behind; so no
 * thread that serves clients sends. Takes LOCK_AUDIT and no other lock inside it; nothing is held while something is sent. */
#include "server/audit-kernel.h"

#include <errno.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/lock.h"
#include "base/log.h"

LOG_SOURCE("server.audit.kernel");

enum { QUEUED_MAX = 4096, STOP_SECONDS = 2 };

/* How often it is looked whether the host has its audit switched on. */
#define LOOK_EVERY CLOCK_S

struct KernelAudit {
    /* fixed */
    const AuditGate *gate;
    int fd;
    GThread *thread;
    /* relaxed atomics, written by the thread */
    bool enabled;             /* by the host, when it was looked at last */
    int64_t next_look;        /* clock_now() */
    /* the thread's */
    bool failing;             /* the last record could not be sent, and the log has a line about it */
    /* under LOCK_AUDIT */
    Lock lock;
    Cond wake;
    AuditRecord *first, *last;
    unsigned queued;
    unsigned lost;            /* since it was told */
    int64_t stop_by;          /* 0: it goes on */
};

void audit_record_free(AuditRecord *record)
{
    if (!record)
        return;
    g_free(record->who);
    g_free(record->address);
    g_free(record->object);
    g_free(record);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Whether the host's audit is on. Where that may not be asked, it may be. */
static void look(KernelAudit *audit)
{
    int64_t now = clock_now();

    if (now < audit->next_look)
        return;
    __atomic_store_n(&audit->enabled, audit->gate->enabled(audit->fd) != 0, __ATOMIC_RELAXED);
    __atomic_store_n(&audit->next_look, now + LOOK_EVERY, __ATOMIC_RELAXED);
}

static void send_record(KernelAudit *audit, const AuditRecord *record)
{
    int r = audit->gate->send(audit->fd, record);

    if (r < 0 && !audit->failing)
        log_warning("a record can't be given to the kernel's audit: %s", g_strerror(-r));
    audit->failing = r < 0;
}

/* Sends and frees the records. How many were left when the time to stop had come. */
static unsigned send_all(KernelAudit *audit, AuditRecord *record, int64_t stop_by)
{
    unsigned left = 0;

    for (AuditRecord *next; record; record = next) {
        next = record->next;
        if (stop_by && clock_now() >= stop_by)
            left++;
        else
            send_record(audit, record);
        audit_record_free(record);
    }
    return left;
}

static void *audit_main(void *data)
{
    KernelAudit *audit = data;

    lock_acquire(&audit->lock);
    while (audit->first || audit->stop_by == 0) {
        AuditRecord *first = audit->first;
        unsigned lost = audit->lost;
        int64_t stop_by = audit->stop_by;

        if (!first) {
            cond_wait(&audit->wake, &audit->lock);
            continue;
        }
        audit->first = audit->last = NULL;
        audit->queued = audit->lost = 0;
        lock_release(&audit->lock);
        look(audit);
        lost += send_all(audit, first, stop_by);
        if (lost)
            log_error("%u records for the kernel's audit are lost, since it takes them too slowly", lost);
        lock_acquire(&audit->lock);
    }
    lock_release(&audit->lock);
    return NULL;
}

/* --- everybody --------------------------------------------------------------------------------- */

bool audit_kernel_wanted(const KernelAudit *audit)
{
    if (!audit)
        return false;
    return __atomic_load_n(&audit->enabled, __ATOMIC_RELAXED) ||
           clock_now() >= __atomic_load_n(&audit->next_look, __ATOMIC_RELAXED);
}

void audit_kernel_take(KernelAudit *audit, AuditRecord *record)
{
    lock_acquire(&audit->lock);
    if (audit->queued < QUEUED_MAX) {
        record->next = NULL;
        if (audit->last)
            audit->last->next = record;
        else
            audit->first = record;
        audit->last = g_steal_pointer(&record);
        if (audit->queued++ == 0)
            cond_signal(&audit->wake);
    } else {
        audit->lost++;
    }
    lock_release(&audit->lock);
    audit_record_free(record);
}

/* What level 2 asks for and isn't there; for level 1 it is no more than worth knowing. Returns NULL. */
static KernelAudit *cannot(int level, const char *why, Error *error)
{
    if (level > 1)
        error_set(error, VIR_FROM_CONF, VIR_ERR_CONFIG_UNSUPPORTED,
                  _("audit_level = 2 requires the kernel's audit: %s"), why);
    else
        log_info("nothing is reported to the kernel's audit: %s", why);
    return NULL;
}

/* Why it is no use to send anything; NULL: it is. */
static const char *why_not(int enabled, int level)
{
    if (enabled == 0)
        return level > 1 ? _("this host has it switched off") : NULL;
    if (enabled == -EPERM && level == 1)
        return NULL;    /* whoever may write need not be one who may ask */
    return enabled < 0 ? g_strerror(-enabled) : NULL;
}

KernelAudit *audit_kernel_new(const AuditGate *gate, int level, Error *error)
{
    KernelAudit *audit;
    const char *why;
    int fd, enabled;

    if (level == 0)
        return NULL;
    if (!gate)
        return cannot(level, _("drover was built without libaudit"), error);
    fd = gate->open();
    if (fd < 0)
        return cannot(level, g_strerror(-fd), error);
    enabled = gate->enabled(fd);
    why = why_not(enabled, level);
    if (why) {
        gate->close(fd);
        return cannot(level, why, error);
    }
    audit = g_new0(KernelAudit, 1);
    audit->gate = gate;
    audit->fd = fd;
    audit->enabled = enabled != 0;
    audit->next_look = clock_now() + LOOK_EVERY;
    lock_init(&audit->lock, LOCK_AUDIT);
    cond_init(&audit->wake);
    audit->thread = g_thread_new("audit", audit_main, audit);
    return audit;
}

void audit_kernel_free(KernelAudit *audit)
{
    if (!audit)
        return;
    lock_acquire(&audit->lock);
    audit->stop_by = clock_now() + STOP_SECONDS * CLOCK_S;
    cond_signal(&audit->wake);
    lock_release(&audit->lock);
    g_thread_join(audit->thread);
    audit->gate->close(audit->fd);
    cond_deinit(&audit->wake);
    lock_deinit(&audit->lock);
    g_free(audit);
}
