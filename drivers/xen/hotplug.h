/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of xen-hotplug, a small program of its own that libxl runs in the place of Xen's shell scripts when a disk
 * or an interface of a guest comes or goes. It knows neither droverd nor GLib, since it is started for each device.
 * One thread. Functions return 0, or -1 after hotplug_fail. */
#pragma once

#include <stdbool.h>

typedef struct Hotplug {
    struct xs_handle *xs;
    const char *path;         /* XENBUS_PATH: the device's backend in xenstore, relative to /local/domain/0 */
} Hotplug;

/* The value of a name below the device; NULL when it isn't there. The caller's, from malloc. */
char *hotplug_read(Hotplug *hotplug, const char *name);
int hotplug_write(Hotplug *hotplug, const char *name, const char *value);
/* What isn't there any more is fine. */
void hotplug_remove(Hotplug *hotplug, const char *name);
/* Tells xenstore and stderr what is wrong; libxl puts it into its own message. Returns -1. */
int hotplug_fail(Hotplug *hotplug, const char *format, ...) __attribute__((format(printf, 2, 3)));

int hotplug_disk_add(Hotplug *hotplug);
int hotplug_disk_remove(Hotplug *hotplug);
/* `device`: the interface on this host as the kernel or QEMU has named it; `suffix`: what follows a name of the
 * document's own. */
int hotplug_interface_add(Hotplug *hotplug, const char *device, const char *suffix);
int hotplug_interface_remove(Hotplug *hotplug, const char *device, const char *suffix);
