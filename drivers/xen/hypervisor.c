/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What both halves of the seam share. */
#include "drivers/xen/hypervisor.h"

#include <glib.h>

void xen_event_clear(XenEvent *event)
{
    g_clear_pointer(&event->path, g_free);
    g_clear_pointer(&event->token, g_free);
}
