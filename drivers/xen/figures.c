/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the driver counts of itself, for monitoring: what it asks of Xen, and what it keeps. Divided by the calls that were
 * served meanwhile it says whether questions still cost what docs/xen.md promises. Any thread; LOCK_XEN_HOST and
 * LOCK_XEN_SAMPLER for a moment. */
#include "drivers/xen/xen.h"

#include "base/clock.h"
#include "drivers/xen/sampler.h"

static void show(DriverCounterVisit visit, void *opaque, DriverCounterType type, const char *name, const char *unit,
                 const char *help, double value)
{
    visit(&(DriverCounter){ .name = name, .help = help, .unit = unit, .type = type, .value = value }, opaque);
}

static unsigned watched(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    return g_hash_table_size(xen->watched);
}

static unsigned waiting(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    return g_hash_table_size(xen->settling);
}

static uint64_t passes(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    return xen->passes;
}

void xen_figures(const Host *host, DriverCounterVisit visit, void *opaque)
{
    XenHost *xen = xen_host(host);
    XenAsked asked = xen_asked(xen->hv);
    uint64_t samples;
    int64_t taken;

    xen_sampler_figures(xen->sampler, &samples, &taken);
    show(visit, opaque, DRIVER_COUNTER, "xen_hypercalls", NULL, "Entries into the hypervisor, without those of libxl",
         (double)asked.hypercalls);
    show(visit, opaque, DRIVER_COUNTER, "xen_store_requests", NULL, "Requests to xenstored, without those of libxl",
         (double)asked.requests);
    show(visit, opaque, DRIVER_COUNTER, "xen_passes", NULL, "Passes over what xenstored has told", (double)passes(xen));
    show(visit, opaque, DRIVER_COUNTER, "xen_device_samples", NULL, "Samples of all disks and interfaces", (double)samples);
    if (taken)
        show(visit, opaque, DRIVER_GAUGE, "xen_device_sample_age_seconds", "seconds", "How old the newest sample is",
             (double)(clock_now() - taken) / CLOCK_S);
    show(visit, opaque, DRIVER_GAUGE, "xen_watched_names", NULL, "Domains whose name is watched", watched(xen));
    show(visit, opaque, DRIVER_GAUGE, "xen_domains_to_settle", NULL,
         "Domains that differ from what is published and whose job is taken", waiting(xen));
}
