/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-hotplug: connects a guest's disk or interface with the host, and lets go of it again. libxl says what by the
 * arguments and the environment that it has for Xen's scripts:
 *   xen-hotplug add|remove                             XENBUS_PATH=backend/vbd/…
 *   xen-hotplug online|offline type_if=vif             XENBUS_PATH=backend/vif/… vif=vif3.0
 *   xen-hotplug add|remove type_if=tap                 XENBUS_PATH=backend/vif/… INTERFACE=vif3.0-emu
 * Nothing is kept between two runs but what stands in xenstore. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "drivers/xen/hotplug.h"

char *hotplug_read(Hotplug *hotplug, const char *name)
{
    char path[256];
    unsigned size;

    snprintf(path, sizeof path, "%s/%s", hotplug->path, name);
    return xs_read(hotplug->xs, XBT_NULL, path, &size);    /* libxenstore puts a NUL behind it */
}

int hotplug_write(Hotplug *hotplug, const char *name, const char *value)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", hotplug->path, name);
    if (xs_write(hotplug->xs, XBT_NULL, path, value, (unsigned)strlen(value)))
        return 0;
    fprintf(stderr, "xen-hotplug: %s: %m\n", path);
    return -1;
}

void hotplug_remove(Hotplug *hotplug, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", hotplug->path, name);
    xs_rm(hotplug->xs, XBT_NULL, path);
}

int hotplug_fail(Hotplug *hotplug, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "xen-hotplug: %s: %s\n", hotplug->path, text);
    hotplug_write(hotplug, "hotplug-error", text);
    hotplug_write(hotplug, "hotplug-status", "error");
    return -1;
}

static int serve_disk(Hotplug *hotplug, const char *action)
{
    if (strcmp(action, "add") == 0)
        return hotplug_disk_add(hotplug);
    return strcmp(action, "remove") == 0 ? hotplug_disk_remove(hotplug) : 0;
}

/* The paravirtual end comes online and goes offline, the emulated card's is added and removed. */
static int serve_interface(Hotplug *hotplug, const char *action, const char *type)
{
    bool tap = type && strcmp(type, "type_if=tap") == 0;
    const char *device = getenv(tap ? "INTERFACE" : "vif");
    const char *suffix = tap ? "-emu" : "";

    if (!device || *device == '\0')
        return hotplug_fail(hotplug, "there is no name of the interface");
    if (strcmp(action, tap ? "remove" : "offline") == 0)
        return hotplug_interface_remove(hotplug, device, suffix);
    if (strcmp(action, tap ? "add" : "online") != 0)
        return 0;
    if (hotplug_interface_add(hotplug, device, suffix) < 0)
        return -1;
    return tap ? 0 : hotplug_write(hotplug, "hotplug-status", "connected");
}

int main(int argc, char **argv)
{
    Hotplug hotplug = { .path = getenv("XENBUS_PATH") };
    const char *type = getenv("XENBUS_TYPE");
    int rc;

    if (argc < 2 || !hotplug.path || !type) {
        fputs("xen-hotplug: libxl runs this program, for a device of a guest\n", stderr);
        return 2;
    }
    hotplug.xs = xs_open(0);
    if (!hotplug.xs) {
        perror("xen-hotplug: xenstore");
        return 1;
    }
    rc = strcmp(type, "vif") == 0 ? serve_interface(&hotplug, argv[1], argc > 2 ? argv[2] : NULL)
                                  : serve_disk(&hotplug, argv[1]);
    xs_close(hotplug.xs);
    return rc < 0 ? 1 : 0;
}
