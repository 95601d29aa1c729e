/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small helpers of drivers/common/op.h. They run on the thread of the operation, touch the call
 * and the view it was given, take no lock and never wait. */
#include "drivers/common/op.h"

#include <stdarg.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"

int op_fail(Op *op, int code, const char *format, ...)
{
    g_autofree char *detail = NULL;
    va_list args;

    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    return error_set(op->error, op->host->driver->error_domain, code, "%s", detail);
}

int op_check_flags(Op *op, uint32_t flags, uint32_t allowed)
{
    if (G_LIKELY(!(flags & ~allowed)))
        return 0;
    return op_fail(op, VIR_ERR_INVALID_ARG, _("unsupported flags (0x%x) in function %s"), flags & ~allowed,
                   op->proc->api && *op->proc->api ? op->proc->api : op->proc->name);
}

int op_need_active(Op *op, const DomainView *view)
{
    if (view->active)
        return 0;
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                     _("domain '%s' is not running"), view->name);
}

int op_affects(Op *op, const DomainView *view, uint32_t flags, OpAffects *affects)
{
    bool live = flags & VIR_DOMAIN_AFFECT_LIVE;
    bool config = flags & VIR_DOMAIN_AFFECT_CONFIG;

    if (!live && !config) {
        live = view->active != NULL;
        config = !live;
    }
    if (live && op_need_active(op, view) < 0)
        return -1;
    if (config && !view->persistent_config)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID,
                         _("domain '%s' is transient and has no persistent configuration"), view->name);
    *affects = (OpAffects){ .live = live, .config = config };
    return 0;
}

const DomainConfig *op_asked_config(Op *op, const DomainView *view, uint32_t flags)
{
    OpAffects affects;

    if ((flags & VIR_DOMAIN_AFFECT_LIVE) && (flags & VIR_DOMAIN_AFFECT_CONFIG)) {
        error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                  _("a question about domain '%s' can't be about its live and its persistent configuration at once"),
                  view->name);
        return NULL;
    }
    if (op_affects(op, view, flags, &affects) < 0)
        return NULL;
    return affects.live ? view->active : view->persistent_config;
}

static bool xml_holds(gunichar c)
{
    return (c >= 0x20 || c == '\t' || c == '\n' || c == '\r') && c != 0xfffe && c != 0xffff;
}

bool op_document_holds(const char *text)
{
    const char *at = g_utf8_validate(text, -1, NULL) ? text : NULL;

    while (at && *at)
        at = xml_holds(g_utf8_get_char(at)) ? g_utf8_next_char(at) : NULL;
    return at != NULL;
}

int op_check_text(Op *op, const char *what, const char *text)
{
    if (op_document_holds(text))
        return 0;
    return op_fail(op, VIR_ERR_INVALID_ARG, _("the %s has characters that a document can't hold"), what);
}

int op_check_memory(Op *op, uint64_t kib)
{
    if (kib > 0 && kib <= INT64_MAX / 1024)
        return 0;
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                     _("%" G_GUINT64_FORMAT " KiB is no amount of memory for domain '%s'"), kib, op->view->name);
}

RemoteDomain op_handle(const DomainView *view)
{
    RemoteDomain handle = { .name = view->name, .id = view->id };

    memcpy(&handle.uuid, &view->uuid, sizeof handle.uuid);
    return handle;
}

static void release_view(void *view)
{
    domain_view_unref(view);
}

void op_keep_view(Op *op, DomainView *view)
{
    op_keep(op, view, release_view);
}

void *op_keep_memory(Op *op, void *memory)
{
    op_keep(op, memory, g_free);
    return memory;
}
