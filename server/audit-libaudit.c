/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of the kernel's audit, written and sent with libaudit, in the words that ausearch and auvirt read.
 * The thread of audit-kernel.c alone, but for the start. Takes no lock. */
#include "server/audit-kernel.h"

#include <glib.h>

#ifdef HAVE_AUDIT

#include <errno.h>
#include <libaudit.h>
#include <string.h>

/* libaudit decides about quotes and blanks; a record stands in single quotes in the log, so those are no less dangerous. */
static void put_value(GString *text, const char *name, const char *value)
{
    size_t size = strlen(value);
    g_autofree char *hex = NULL;
    char *encoded;

    if (strchr(value, '\'')) {
        hex = g_malloc(2 * size + 1);
        audit_encode_value(hex, value, (unsigned)size);
        g_string_append_printf(text, " %s=%s", name, hex);
        return;
    }
    encoded = audit_encode_nv_string(name, value, (unsigned)size);
    g_string_append_printf(text, " %s", encoded ? encoded : name);
    free(encoded);
}

static void put_guest(GString *text, const AuditRecord *record)
{
    g_string_append_printf(text, "virt=%s %s=%s", record->virt ? record->virt : "?",
                           record->kind == AUDIT_RESOURCE ? "resrc" : "op", record->op);
    g_string_append_printf(text, " reason=%s", record->reason ? record->reason : "call");
    put_value(text, "vm", record->object ? record->object : "?");
    g_string_append_printf(text, " uuid=%s", *record->uuid ? record->uuid : "?");
}

char *audit_record_text(const AuditRecord *record)
{
    GString *text = g_string_new(NULL);

    if (record->kind == AUDIT_CONFIG) {
        g_string_append_printf(text, "op=%s", record->op);
        if (record->object)
            put_value(text, "object", record->object);
    } else {
        put_guest(text, record);
    }
    put_value(text, "acct", record->who);
    return g_string_free(text, FALSE);
}

static int kernel_open(void)
{
    int fd;

    if (!audit_can_write())
        return -EPERM;
    fd = audit_open();
    return fd < 0 ? -errno : fd;
}

/* libaudit says no as well when it may not ask, or when there is nobody to be asked, as in a container. */
static int kernel_enabled(int fd)
{
    int r;

    errno = 0;
    r = audit_is_enabled(fd);
    if (r > 0)
        return 1;
    if (r < 0)
        return errno ? -errno : -EIO;
    return errno == EPERM || errno == ECONNREFUSED ? -errno : 0;
}

static int kernel_send(int fd, const AuditRecord *record)
{
    static const int types[] = {
        [AUDIT_CONTROL] = AUDIT_VIRT_CONTROL,
        [AUDIT_RESOURCE] = AUDIT_VIRT_RESOURCE,
        [AUDIT_CONFIG] = AUDIT_USYS_CONFIG,
    };
    g_autofree char *text = audit_record_text(record);

    errno = 0;
    /* no host name: libaudit would ask a name server for its address */
    if (audit_log_user_message(fd, types[record->kind], text, NULL, record->address, NULL, record->done) > 0)
        return 0;
    return errno ? -errno : -EPERM;
}

static const AuditGate kernel_gate = {
    .open = kernel_open,
    .enabled = kernel_enabled,
    .send = kernel_send,
    .close = audit_close,
};

const AuditGate *audit_gate(void)
{
    return &kernel_gate;
}

#else

const AuditGate *audit_gate(void)
{
    return NULL;
}

#endif
