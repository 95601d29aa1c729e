/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which URIs are this Xen host; opening and closing it. Opening meets all domains that run: one hypercall for each
 * XEN_LIST_MAX of them, and a watch and a read for each one's name. Nobody else knows the host before xen_open
 * returns. Runs on workers and the main thread. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/common.h"
#include "drivers/xen/claim.h"
#include "drivers/xen/sampler.h"

LOG_SOURCE("drivers.xen.host");

#define XEN_URI "xen:///system"
enum { PATIENCE_SECONDS = 10, BALLOON_SECONDS = 1 };

bool xen_claims(const char *uri, char **key, Error *error)
{
    g_autoptr(GUri) parts = g_uri_parse(uri, G_URI_FLAGS_ENCODED_QUERY, NULL);
    const char *host = parts ? g_uri_get_host(parts) : NULL, *path = parts ? g_uri_get_path(parts) : NULL;

    if (!parts) {
        error_set(error, VIR_FROM_LIBXL, VIR_ERR_INVALID_ARG, _("'%s' is no URI"), uri);
        return false;
    }
    if (host && *host)
        return false;
    if (strcmp(path, "/system") != 0 && strcmp(path, "/") != 0 && *path) {
        error_set(error, VIR_FROM_LIBXL, VIR_ERR_INTERNAL_ERROR,
                  _("'%s' has an unexpected path, try xen:///system"), uri);
        return false;
    }
    *key = g_strdup(XEN_URI);
    return true;
}

const char *xen_own_host(void)
{
    return access("/dev/xen/privcmd", R_OK | W_OK) == 0 ? XEN_URI : NULL;
}

int xen_fail(Error *error, int r, const char *what)
{
    return error_set(error, VIR_FROM_LIBXL, VIR_ERR_OPERATION_FAILED, _("Xen can't %s: %s"), what, g_strerror(-r));
}

void xen_close(Host *host)
{
    XenHost *xen = xen_host(host);

    xen_observer_stop(xen);
    xen_consoles_free(xen->consoles);
    xen_sampler_free(xen->sampler);
    xen_tasks_stop(xen);
    xen_settle_granted(xen);    /* granted while nobody observed any more: their jobs have to end */
    xen_tasks_stop(xen);        /* which may have found that a guest has ended */
    host->data = NULL;
    g_assert(g_hash_table_size(xen->settling) == 0);
    g_hash_table_unref(xen->settling);
    g_hash_table_unref(xen->watched);
    g_hash_table_unref(xen->aliased);
    g_hash_table_unref(xen->devices_told);
    g_hash_table_unref(xen->balloons);
    g_hash_table_unref(xen->claims);
    xen_samples_free(xen);
    xen_records_close(xen);
    if (xen->hv)
        xen->hv->ops->close(xen->hv);
    if (xen->wake_fd >= 0)
        close(xen->wake_fd);
    cond_deinit(&xen->passed);
    cond_deinit(&xen->tasks_done);
    cond_deinit(&xen->claims_done);
    lock_deinit(&xen->lock);
    g_free(xen);
}

static unsigned hash_uuid(const void *uuid)
{
    return (unsigned)uuid_hash(uuid);
}

static int same_uuid(const void *a, const void *b)
{
    return uuid_equal(a, b);
}

static XenHost *xen_host_new(Host *host)
{
    XenHost *xen = g_new0(XenHost, 1);

    xen->host = host;
    xen->opening = true;
    xen->patience = PATIENCE_SECONDS * CLOCK_S;
    xen->balloon_pause = BALLOON_SECONDS * CLOCK_S;
    xen->balloons = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    xen->consoles = xen_consoles_new();
    xen->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    lock_init(&xen->lock, LOCK_XEN_HOST);
    cond_init(&xen->passed);
    xen->watched = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    xen->aliased = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    xen->devices_told = g_hash_table_new(NULL, NULL);
    xen->settling = g_hash_table_new(hash_uuid, same_uuid);
    g_queue_init(&xen->granted);
    g_queue_init(&xen->tasks);
    cond_init(&xen->tasks_done);
    xen->claims = xen_claims_new();
    cond_init(&xen->claims_done);
    return xen;
}

/* All that runs is published; the observer goes on from there. */
static int fill(XenHost *xen, Error *error)
{
    XenSweep sweep;
    int r;

    if (xen->wake_fd < 0)
        return error_set_errno(error, VIR_FROM_LIBXL, errno, _("an event can't be made"));
    if (xen_samples_make(xen, error) < 0)
        return -1;
    xen->hv = xen_connect(error);
    if (!xen->hv)
        return -1;
    r = xen->hv->ops->version(xen->hv, &xen->version);
    if (r < 0)
        return xen_fail(error, r, _("tell its version"));
    r = xen_devices_watch(xen);
    if (r < 0)
        return xen_fail(error, r, _("watch for devices"));
    if (xen_records_open(xen, error) < 0)
        return -1;
    xen_hostdevs_recover(xen);    /* when guests that were half built are gone */
    if (xen_look(xen, &sweep, error) < 0)
        return -1;
    xen->sampler = xen_sampler_new("/sys", XEN_SAMPLER_PERIOD, !xen->hv->unobserved);
    log_info("Xen %u.%u.%u has %u domains", xen->version.major, xen->version.minor, xen->version.micro, sweep.n);
    xen_sweep_clear(&sweep);
    xen->opening = false;
    if (xen_observer_start(xen, error) < 0)
        return -1;
    xen_autostart(xen);
    return 0;
}

int xen_open(Host *host, const char *uri, bool read_only, Error *error)
{
    XenHost *xen = xen_host_new(host);

    host->data = xen;
    host->uri = g_strdup(XEN_URI);
    if (fill(xen, error) == 0)
        return 0;
    xen_close(host);
    return -1;
}

/* A lookup or a list may meet a domain whose name has to be read, and whoever wants a document may be the first who does.
 * Other questions about a domain that is known never do. */
bool xen_may_block(const Host *host, const Proc *proc)
{
    switch (proc->number) {
    case REMOTE_PROC_DOMAIN_LOOKUP_BY_ID:
    case REMOTE_PROC_DOMAIN_LOOKUP_BY_NAME:
    case REMOTE_PROC_DOMAIN_LOOKUP_BY_UUID:
    case REMOTE_PROC_CONNECT_LIST_ALL_DOMAINS:
    case REMOTE_PROC_CONNECT_LIST_DOMAINS:
    case REMOTE_PROC_CONNECT_LIST_DEFINED_DOMAINS:
    case REMOTE_PROC_CONNECT_NUM_OF_DOMAINS:
    case REMOTE_PROC_CONNECT_NUM_OF_DEFINED_DOMAINS:
    case REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS:
    case REMOTE_PROC_DOMAIN_GET_XML_DESC:
        return true;
    default:
        return common_may_block(host, proc);
    }
}
