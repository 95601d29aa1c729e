/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hypervisor for test_stuck.py that can be opened and never closed. */
#include <glib.h>
#include <unistd.h>

#include "drivers/module.h"

static bool claims(const char *uri, char **key, Error *error)
{
    *key = g_strdup(uri);
    return true;
}

static int open_host(Host *host, const char *uri, bool read_only, Error *error)
{
    host->uri = g_strdup(uri);
    return 0;
}

static void close_host(Host *host)
{
    for (;;)
        pause();
}

static const Driver stuck_driver = {
    .scheme = "stuck", .type = "Stuck", .claims = claims, .open = open_host, .close = close_host,
};

DRIVER_MODULE(stuck_driver, DROVER_VERSION);
