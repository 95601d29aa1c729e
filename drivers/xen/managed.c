/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the states are that domains go on from at their next start: one file for each, named by the UUID, so that it stays
 * through a renaming. The file alone says whether there is one; views repeat it. Any thread that may wait for a disk;
 * no lock, no state. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/auto.h"
#include "base/durable.h"
#include "base/i18n.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

static char *managed_path(const XenHost *xen, const Uuid *uuid)
{
    char text[UUID_TEXT_SIZE];

    return g_strdup_printf("%s/xen/save/%s.save", xen->host->state_dir, uuid_format(uuid, text));
}

char *xen_managed_path(XenHost *xen, const Uuid *uuid, Error *error)
{
    g_autofree char *folder = NULL;

    if (!xen->host->state_dir) {
        error_set(error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_UNSUPPORTED, _("this host keeps nothing for the next start"));
        return NULL;
    }
    folder = g_strdup_printf("%s/xen/save", xen->host->state_dir);
    if (g_mkdir_with_parents(folder, 0700) < 0) {
        error_set_errno(error, VIR_FROM_DOMAIN, errno, _("cannot make the folder '%s'"), folder);
        return NULL;
    }
    return managed_path(xen, uuid);
}

bool xen_managed_exists(const XenHost *xen, const Uuid *uuid)
{
    g_autofree char *path = xen->host->state_dir ? managed_path(xen, uuid) : NULL;

    return path && access(path, F_OK) == 0;
}

int xen_managed_remove(XenHost *xen, const Uuid *uuid, Error *error)
{
    g_autofree char *path = xen->host->state_dir ? managed_path(xen, uuid) : NULL;
    g_autofree char *folder = path ? g_path_get_dirname(path) : NULL;
    AUTO_FD dir = -1;

    if (!path || (unlink(path) < 0 && errno == ENOENT))
        return 0;
    if (access(path, F_OK) == 0 || (dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return error_set_errno(error, VIR_FROM_DOMAIN, errno, _("cannot remove '%s'"), path);
    return durable_flush_directory(dir, folder, error);
}

int xen_managed_discard(XenHost *xen, Domain *domain, Error *error)
{
    return xen_managed_remove(xen, &domain->uuid, error);
}

int xen_domain_managed_save_remove(Op *op, const RemoteDomainManagedSaveRemoveArgs *args)
{
    XenHost *xen = xen_host(op->host);
    DomainFacts facts = change_facts(op->domain);

    if (op_check_flags(op, args->flags, 0) < 0 || xen_managed_remove(xen, &op->domain->uuid, op->error) < 0)
        return -1;
    facts.managed_save = false;
    return xen_commit(xen, op->domain, &facts, op->error);
}
