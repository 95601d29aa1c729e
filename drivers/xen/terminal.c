/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The terminals of guests' consoles: pseudo terminals of this host, served by xenconsoled or by the guest's QEMU. Where one is
 * stands in xenstore; nothing but the name of a pseudo terminal is believed.
 * For console.c; inside a job of the guest, on a worker. No lock. */
#include "drivers/xen/xen.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>

#include <libvirt/libvirt.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "drivers/common/op.h"

#define TERMINALS "/dev/pts/"

/* Of the guest's document: whether the device with the alias (the first console without one) is a serial port, and
 * which. */
typedef struct Wanted {
    bool found;
    bool serial;
    int port;
} Wanted;

static bool is_called(const DeviceInfo *info, const char *alias)
{
    return !alias || (info->alias && g_strcmp0(info->alias->name, alias) == 0);
}

static Wanted find_device(const DomainConfig *config, const char *alias)
{
    const Devices *devices = &config->devices;

    for (unsigned i = 0; i < devices->n_consoles; i++) {
        const Console *console = devices->consoles[i];

        if (is_called(&console->info, alias))
            return (Wanted){ true, console->target.type == CONSOLE_TARGET_TYPE_SERIAL, console->target.port };
    }
    for (unsigned i = 0; i < devices->n_serials; i++)
        if (is_called(&devices->serials[i]->info, alias))
            return (Wanted){ true, true, devices->serials[i]->target.port };
    return (Wanted){ .found = false };
}

static bool is_terminal_name(const char *path)
{
    const char *number = path + strlen(TERMINALS);

    if (!g_str_has_prefix(path, TERMINALS) || *number == '\0')
        return false;
    while (isdigit((unsigned char)*number))
        number++;
    return *number == '\0';
}

/* What stands in xenstore; the caller's. NULL and an error: xenstored fails. *path NULL: there is none. */
static int read_terminal(Op *op, int id, const char *name, char **path)
{
    XenHost *xen = xen_host(op->host);
    g_autofree char *node = g_strdup_printf("/local/domain/%d/%s", id, name);
    int r = xen->hv->ops->read(xen->hv, node, path);

    if (r == -ENOENT) {
        *path = NULL;
        return 0;
    }
    if (r < 0)
        return xen_fail(op->error, r, _("tell where the console is"));
    if (!is_terminal_name(*path))
        g_clear_pointer(path, g_free);
    return 0;
}

/* A guest that others made may have a document without devices: then the machine's first port, else Xen's console. */
static int find_terminal(Op *op, const XenInfo *info, const char *alias, char **path)
{
    Wanted wanted = find_device(op->domain->active, alias);
    g_autofree char *port = g_strdup_printf("serial/%d/tty", wanted.port);

    *path = NULL;
    if (alias && !wanted.found)
        return op_fail(op, VIR_ERR_INTERNAL_ERROR, _("domain '%s' has no console '%s'"), op->view->name, alias);
    if ((wanted.serial || (!wanted.found && info->kind == XEN_HVM)) && read_terminal(op, info->id, port, path) < 0)
        return -1;
    if (!*path && !(wanted.found && wanted.serial) && read_terminal(op, info->id, "console/tty", path) < 0)
        return -1;
    if (!*path)
        return op_fail(op, VIR_ERR_OPERATION_FAILED, _("the console of domain '%s' isn't connected to a terminal"),
                       op->view->name);
    return 0;
}

/* Raw: what the guest writes arrives as it is. */
static int open_terminal(Op *op, const char *path)
{
    AUTO_FD fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    struct termios settings;
    int result;

    if (fd < 0 || tcgetattr(fd, &settings) < 0)
        return error_set_errno(op->error, VIR_FROM_LIBXL, errno, _("the console %s can't be opened"), path);
    cfmakeraw(&settings);
    tcsetattr(fd, TCSANOW, &settings);
    result = fd;
    fd = -1;
    return result;
}

int xen_terminal_open(Op *op, const XenInfo *info, const char *alias, char **path)
{
    return find_terminal(op, info, alias, path) < 0 ? -1 : open_terminal(op, *path);
}
