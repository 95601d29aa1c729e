/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tables of the small devices (small.def) can't say: settings that decide about each other, and amounts
 * in units of their own.
 * Pure functions of the element and its place: any thread, no lock. */
#include <inttypes.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

/* Only a period that says something is kept. */
int balloon_stats_parsed(void *self, ElementParse *parse)
{
    BalloonStats *stats = self;

    (void)parse;
    if (stats->period <= 0)
        stats->has_period = false;
    return 0;
}

/* --- shared memory ----------------------------------------------------------------------------- */

static void shmem_keep_size(Shmem *shmem, Arena *arena)
{
    if (!shmem->has_size_read || shmem->size_read == 0)
        return;
    shmem->size = ELEMENT_NEW(arena, ShmemSize);
    shmem->size->unit = "M";
    shmem->size->value = shmem->size_read >> 20;
    shmem->size->has_value = true;
}

int shmem_parsed(void *self, ElementParse *parse)
{
    Shmem *shmem = self;

    if (!shmem->has_model) {
        shmem->model.type = SHMEM_MODEL_NAME_IVSHMEM;
        shmem->has_model = true;
    }
    /* The oldest device has no roles: whatever is there means nothing. */
    if (shmem->model.type == SHMEM_MODEL_NAME_IVSHMEM)
        shmem->role = SHMEM_ROLE_ABSENT;
    else if (!shmem->role && xmlHasProp(element_node(parse), BAD_CAST "role"))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'role' must be 'master' or 'peer'"));
    if (shmem->msi && !shmem->server)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<shmem> with <msi> needs a <server>"));
    shmem_keep_size(shmem, parse->arena);
    return 0;
}

/* --- memory modules ---------------------------------------------------------------------------- */

int module_source_parsed(void *self, ElementParse *parse)
{
    const ModuleSource *source = self;

    if (source->nodemask && *source->nodemask == '\0')
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED, _("<nodemask> names no NUMA node of the host"));
    return 0;
}

#define LABEL_KIB_LEAST 128

int module_target_parsed(void *self, ElementParse *parse)
{
    const ModuleTarget *target = self;
    uint64_t label = target->label ? target->label->size : 0;

    if (label && label < LABEL_KIB_LEAST)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The <size> of <label> is %" PRIu64 " KiB, it must be at least %d KiB"),
                            label, LABEL_KIB_LEAST);
    if (label && label >= target->size)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The <size> of <label>, %" PRIu64 " KiB, must be below the module's %"
                              PRIu64 " KiB"),
                            label, target->size);
    return 0;
}

/* --- the socket between host and guest --------------------------------------------------------- */

/* An address of its own is a reason not to choose one. */
int vsock_cid_parsed(void *self, ElementParse *parse)
{
    VsockCid *cid = self;

    (void)parse;
    if (!cid->automatic)
        cid->automatic = cid->has_address ? TRISTATE_NO : TRISTATE_YES;
    return 0;
}

int vsock_parsed(void *self, ElementParse *parse)
{
    Vsock *vsock = self;

    if (!vsock->has_cid) {
        vsock->has_cid = true;
        return vsock_cid_parsed(&vsock->cid, parse);
    }
    return 0;
}
