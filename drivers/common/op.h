/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What nearly every operation of every driver needs: an error in the driver's name, the check of
 * flags, which of a domain's two documents a call means, and a domain's handle in a result.
 * Takes no lock; runs on the thread of the operation. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/driver.h"

/* Sets op->error in the error domain of the host's driver. Returns -1 always. */
int op_fail(Op *op, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* 0 when `flags` has no bit outside `allowed`, else -1 and VIR_ERR_INVALID_ARG that names the bits. */
int op_check_flags(Op *op, uint32_t flags, uint32_t allowed);

/* Which documents a call with VIR_DOMAIN_AFFECT_* bits is about. */
typedef struct OpAffects {
    bool live, config;
} OpAffects;

/* Resolves VIR_DOMAIN_AFFECT_CURRENT and checks: LIVE needs a running domain, CONFIG a persistent one
 * (VIR_ERR_OPERATION_INVALID otherwise). Other bits of `flags` are not looked at. 0 or -1. */
int op_affects(Op *op, const DomainView *view, uint32_t flags, OpAffects *affects);
/* The same for a question: both bits together are VIR_ERR_INVALID_ARG. Returns the document, NULL on error. */
const DomainConfig *op_asked_config(Op *op, const DomainView *view, uint32_t flags);

/* Whether `text` can be read back from a document: it is UTF-8 of characters that XML has. */
bool op_document_holds(const char *text);
/* -1 and VIR_ERR_INVALID_ARG when `text` could not be read back from a document: it isn't UTF-8 or has
 * characters that XML can't hold. `what` is the argument's name, for the message. */
int op_check_text(Op *op, const char *what, const char *text);

/* -1 and VIR_ERR_INVALID_ARG when `kib` is nothing, or more than bytes can be counted of. */
int op_check_memory(Op *op, uint64_t kib);

/* -1 and VIR_ERR_OPERATION_INVALID unless the domain runs (or is paused). */
int op_need_active(Op *op, const DomainView *view);

/* The domain's handle for a result or an event; the name is borrowed from the view. */
RemoteDomain op_handle(const DomainView *view);

/* Hands the reference to `view` over to the call: it lives until the reply is out. */
void op_keep_view(Op *op, DomainView *view);
/* Hands memory from g_malloc over to the call; returns it. */
void *op_keep_memory(Op *op, void *memory);
