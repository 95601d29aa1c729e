/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where our hotplug program is. libxl runs it in the place of Xen's shell scripts, for the devices that it can serve.
 * Any thread, no lock. */
#include "drivers/xen/real.h"

#include <dlfcn.h>
#include <unistd.h>

/* The program lies beside this module. libxl runs what a device's "script" in xenstore names whenever that device comes
 * or goes, whoever makes it go, so that a guest which drover made can be destroyed by xl too. */
char *hotplug_program(void)
{
    g_autofree char *folder = NULL;
    g_autofree char *path = NULL;
    g_autofree char *plain = NULL;
    Dl_info here;

    if (!dladdr((void *)(uintptr_t)hotplug_program, &here) || !here.dli_fname)
        return NULL;
    folder = g_path_get_dirname(here.dli_fname);
    path = g_build_filename(folder, "xen-hotplug", NULL);
    /* A relative name would be one of Xen's own folder. */
    if (!g_path_is_absolute(path) || access(path, X_OK) != 0)
        return NULL;
    plain = g_canonicalize_filename(path, NULL);
    return g_steal_pointer(&plain);
}

/* Whether packets on a bridge pass through iptables, where Xen's script opens the way for each guest. */
static bool bridges_filter(void)
{
    g_autofree char *text = NULL;

    return g_file_get_contents("/proc/sys/net/bridge/bridge-nf-call-iptables", &text, NULL, NULL) && *text != '0';
}

char *hotplug_bridge_program(void)
{
    return bridges_filter() ? NULL : hotplug_program();
}
