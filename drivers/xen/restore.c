/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that go on from what was saved of them: from a file, or by their next start; and what such files say.
 * A file is read as a whole and held against its checksums before anything is built from it. Nothing of the guest's own
 * state can be trusted to be more than what the guest was: it is libxl's to read.
 * Runs on workers; a restore reads its image before it has the job of the domain that it makes, and builds inside it. Takes
 * no lock. */
#include "drivers/xen/xen.h"

#include <string.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"
#include "drivers/xen/stream.h"

/* What a call that restores knows of the image before it has its domain's job. */
typedef struct Restore {
    SaveImage image;
    DomainConfig *config;     /* the guest's that is made; owned */
    bool runs;                /* it goes on at once */
} Restore;

/* --- restore --------------------------------------------------------------------------------- */

/* The document of the guest that is made: the image's, or another one in which the guest finds itself unchanged but for
 * what it is called. */
static DomainConfig *choose_document(Op *op, const SaveImage *image, const char *document)
{
    g_autoptr(DomainConfig) other = NULL, alike = NULL;

    if (!document)
        return domain_config_ref(image->config);
    other = domain_config_parse(document, strlen(document), op->host->driver->domain_rules, 0, op->error);
    if (!other)
        return NULL;
    alike = domain_config_copy(other);
    alike->uuid = image->config->uuid;
    domain_config_set_text(alike, &alike->name, image->config->name);
    if (domain_config_check_abi(image->config, alike, op->error) < 0)
        return NULL;
    return g_steal_pointer(&other);
}

static XenStart restored_start(const SaveImage *image, const DomainConfig *config, bool runs)
{
    return (XenStart){
        .config = config, .stream = image->fd, .paused = !runs, .state_reason = VIR_DOMAIN_RUNNING_RESTORED,
        .detail = VIR_DOMAIN_EVENT_STARTED_RESTORED,
    };
}

static void restore_free(void *data)
{
    Restore *restore = data;

    save_image_clear(&restore->image);
    domain_config_unref(restore->config);
    g_free(restore);
}

int xen_domain_restore_prepare(Op *op, const RemoteDomainRestoreFlagsArgs *args, DomainConfig **config)
{
    Restore *restore = g_new(Restore, 1);

    *restore = (Restore){ .image = SAVE_IMAGE_INIT };
    op_keep(op, restore, restore_free);
    if (xen_save_runs(op, args->flags, false, &restore->runs) < 0
        || xen_reader_open(&restore->image, args->from, op->error) < 0)
        return -1;
    if (!args->flags)
        restore->runs = restore->image.running;
    restore->config = choose_document(op, &restore->image, args->dxml);
    if (!restore->config)
        return -1;
    *config = domain_config_ref(restore->config);
    op->prepared = restore;
    return 0;
}

int xen_domain_restore(Op *op, const RemoteDomainRestoreFlagsArgs *args)
{
    const Restore *restore = op->prepared;
    const XenStart start = restored_start(&restore->image, restore->config, restore->runs);

    if (change_check_claim(op, restore->config) < 0 || xen_need_off(op, restore->config) < 0)
        return -1;
    /* A transient one has left the list with its former guest. */
    if (op->domain->gone)
        return op_fail(op, VIR_ERR_OPERATION_FAILED, _("domain '%s' has just ended, try again"), restore->config->name);
    return xen_start(xen_host(op->host), op->domain, &start, op->error);
}

/* --- what the next start finds ----------------------------------------------------------------- */

int xen_managed_start(XenHost *xen, Domain *domain, bool paused, uint64_t bound_to, Error *error)
{
    g_autofree char *path = xen_managed_path(xen, &domain->uuid, error);
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;
    XenStart start;

    if (!path || xen_reader_open(&image, path, error) < 0)
        return -1;
    start = restored_start(&image, image.config, image.running && !paused);
    /* Once it runs, its disks are no more as they were when it was saved: never again. */
    start.before_run = xen_managed_discard;
    start.bound_to = bound_to;
    return xen_start(xen, domain, &start, error);
}

/* --- what images say --------------------------------------------------------------------------- */

static int put_document(Op *op, const char *path, uint32_t flags, char **xml)
{
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;
    bool secure = flags & VIR_DOMAIN_SAVE_IMAGE_XML_SECURE;

    if (op_check_flags(op, flags, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE) < 0 || xen_reader_open(&image, path, op->error) < 0)
        return -1;
    *xml = op_keep_memory(op, domain_config_format(image.config, -1, DOMAIN_FORMAT_INACTIVE
                                                   | (secure ? DOMAIN_FORMAT_SECURE : 0)));
    return 0;
}

static int define_document(Op *op, const char *path, const char *document, uint32_t flags)
{
    bool runs;

    if (xen_save_runs(op, flags, false, &runs) < 0)
        return -1;
    return save_image_replace(path, XEN_IMAGE_DRIVER, op->host->driver->domain_rules, document,
                              document ? strlen(document) : 0,
                              !flags ? TRISTATE_ABSENT : runs ? TRISTATE_YES : TRISTATE_NO, op->error);
}

int xen_domain_save_image_get_xml_desc(Op *op, const RemoteDomainSaveImageGetXmlDescArgs *args,
                                       RemoteDomainSaveImageGetXmlDescResult *result)
{
    return put_document(op, args->file, args->flags, (char **)&result->xml);
}

int xen_domain_save_image_define_xml(Op *op, const RemoteDomainSaveImageDefineXmlArgs *args)
{
    return define_document(op, args->file, args->dxml, args->flags);
}

/* NULL and an error when there is none. */
static char *need_managed(Op *op)
{
    if (op->view->managed_save)
        return xen_managed_path(xen_host(op->host), &op->view->uuid, op->error);
    error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_INVALID, _("domain '%s' has no managed save image"),
              op->view->name);
    return NULL;
}

int xen_domain_managed_save_get_xml_desc(Op *op, const RemoteDomainManagedSaveGetXmlDescArgs *args,
                                         RemoteDomainManagedSaveGetXmlDescResult *result)
{
    g_autofree char *path = need_managed(op);

    return path ? put_document(op, path, args->flags, (char **)&result->xml) : -1;
}

int xen_domain_managed_save_define_xml(Op *op, const RemoteDomainManagedSaveDefineXmlArgs *args)
{
    g_autofree char *path = need_managed(op);

    return path ? define_document(op, path, args->dxml, args->flags) : -1;
}
