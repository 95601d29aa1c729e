/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's hypercalls through libxenctrl. One handle serves all threads; a hypercall enters the hypervisor and
 * returns, so nothing here waits. Takes no lock. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/probe.h"
#include "drivers/xen/xen.h"

/* A guest that takes longer to build than this mostly waits for something, and lets others be built beside it. */
enum { BUILD_SECONDS = 5 };

static int count_hypercall(Hypervisor *hv, int r)
{
    int errnum = errno;

    xen_count_hypercall(hv);
    if (r >= 0)
        return r;
    /* Of a domain that isn't there Xen says that there is no such process. */
    return errnum == ESRCH ? -ENOENT : errnum ? -errnum : -EIO;
}

/* Makes one hypercall: an expression of libxenctrl's. 0 or more, or -errno. */
#define counted(hv, hypercall)                              \
    ({                                                      \
        int counted_r;                                      \
        PROBE_HYPERCALL_BEGIN(__func__);                    \
        counted_r = count_hypercall((hv), (hypercall));     \
        PROBE_HYPERCALL_END(__func__, counted_r);           \
        counted_r;                                          \
    })

static xc_interface *xc_of(Hypervisor *hv)
{
    return real_of(hv)->xc;
}

/* --- domains --------------------------------------------------------------------------------- */

/* Both kinds without paravirtual page tables are "hvm" to Xen; a PVH guest has no emulated machine around it. */
static XenKind kind_of(const xc_domaininfo_t *from)
{
    if (!(from->flags & XEN_DOMINF_hvm_guest))
        return XEN_PV;
    return from->arch_config.emulation_flags & XEN_X86_EMU_PIT ? XEN_HVM : XEN_PVH;
}

static uint64_t pages_kib(uint64_t pages)
{
    return pages > UINT64_MAX / (XC_PAGE_SIZE / 1024) ? UINT64_MAX : pages * (XC_PAGE_SIZE / 1024);
}

static void take(const xc_domaininfo_t *from, XenInfo *info)
{
    *info = (XenInfo){
        .id = from->domain,
        .kind = kind_of(from),
        .dying = from->flags & XEN_DOMINF_dying,
        .paused = from->flags & XEN_DOMINF_paused,
        .shutdown = from->flags & XEN_DOMINF_shutdown,
        .why = (from->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
        .vcpus = from->nr_online_vcpus,
        .max_vcpus = from->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : from->max_vcpu_id + 1,
        .memory = pages_kib(from->tot_pages),
        .max_memory = pages_kib(from->max_pages),
        .cpu_time = from->cpu_time, .pool = from->cpupool,
    };
    memcpy(info->uuid.bytes, from->handle, sizeof info->uuid.bytes);
}

static int real_list(Hypervisor *hv, int first, XenInfo *infos, unsigned max)
{
    g_autofree xc_domaininfo_t *list = g_new(xc_domaininfo_t, max);
    int n;

    if (first >= (int)DOMID_FIRST_RESERVED)
        return 0;
    n = counted(hv, xc_domain_getinfolist(xc_of(hv), (uint32_t)first, max, list));
    for (int i = 0; i < n; i++)
        take(&list[i], &infos[i]);
    return n;
}

static int real_info(Hypervisor *hv, int id, XenInfo *info)
{
    xc_domaininfo_t found;
    int n;

    if (id < 0 || id >= (int)DOMID_FIRST_RESERVED)
        return -ENOENT;
    n = counted(hv, xc_domain_getinfolist(xc_of(hv), (uint32_t)id, 1, &found));
    if (n < 0)
        return n;
    if (n == 0 || found.domain != id)    /* the next one */
        return -ENOENT;
    take(&found, info);
    return 0;
}

static int real_pause(Hypervisor *hv, int id)
{
    return counted(hv, xc_domain_pause(xc_of(hv), (uint32_t)id));
}

static int real_unpause(Hypervisor *hv, int id)
{
    return counted(hv, xc_domain_unpause(xc_of(hv), (uint32_t)id));
}

static int real_press_power(Hypervisor *hv, int id)
{
    return counted(hv, xc_domain_send_trigger(xc_of(hv), (uint32_t)id, XEN_DOMCTL_SENDTRIGGER_POWER, 0));
}

static int real_has_drivers(Hypervisor *hv, int id)
{
    uint64_t value = 0;
    int r = counted(hv, xc_hvm_param_get(xc_of(hv), (uint32_t)id, HVM_PARAM_CALLBACK_IRQ, &value));

    return r < 0 ? r : value != 0;
}

static int real_set_max_memory(Hypervisor *hv, int id, uint64_t kib)
{
    return counted(hv, xc_domain_setmaxmem(xc_of(hv), (uint32_t)id, kib));
}

/* --- virtual CPUs ---------------------------------------------------------------------------- */

static int real_vcpu(Hypervisor *hv, int id, unsigned vcpu, XenVcpu *out)
{
    xc_vcpuinfo_t info;
    int r = counted(hv, xc_vcpu_getinfo(xc_of(hv), (uint32_t)id, vcpu, &info));

    if (r < 0)
        return r;
    *out = (XenVcpu){
        .online = info.online, .running = info.running, .blocked = info.blocked, .cpu_time = info.cpu_time,
        .cpu = (int)info.cpu,
    };
    return 0;
}

/* A map of the size that Xen has here; NULL: it doesn't say. Freed with free. */
static uint8_t *map_new(Hypervisor *hv, size_t *size)
{
    int n = xc_get_cpumap_size(xc_of(hv));

    *size = n > 0 ? (size_t)n : 0;
    return n > 0 ? xc_cpumap_alloc(xc_of(hv)) : NULL;
}

static int real_get_affinity(Hypervisor *hv, int id, unsigned vcpu, uint8_t *map, size_t size)
{
    size_t room;
    uint8_t *whole = map_new(hv, &room);
    int r;

    if (!whole)
        return -EIO;
    r = counted(hv, xc_vcpu_getaffinity(xc_of(hv), (uint32_t)id, (int)vcpu, whole, NULL, XEN_VCPUAFFINITY_HARD));
    if (r == 0) {
        memset(map, 0, size);
        memcpy(map, whole, MIN(size, room));
    }
    free(whole);
    return r;
}

static int real_set_affinity(Hypervisor *hv, int id, unsigned vcpu, const uint8_t *map, size_t size)
{
    size_t room;
    uint8_t *whole = map_new(hv, &room);
    int r;

    if (!whole)
        return -EIO;
    memcpy(whole, map, MIN(size, room));
    r = counted(hv, xc_vcpu_setaffinity(xc_of(hv), (uint32_t)id, (int)vcpu, whole, NULL, XEN_VCPUAFFINITY_HARD));
    free(whole);
    return r;
}

/* --- the host -------------------------------------------------------------------------------- */

static int real_node(Hypervisor *hv, XenNode *node)
{
    xc_physinfo_t info = { 0 };
    int r = counted(hv, xc_physinfo(xc_of(hv), &info));

    if (r < 0)
        return r;
    *node = (XenNode){
        .cpus = info.nr_cpus,
        .max_cpus = info.max_cpu_id + 1,
        .cells = info.nr_nodes,
        .max_cells = info.max_node_id + 1,
        .cores = info.cores_per_socket,
        .threads = info.threads_per_core,
        .mhz = info.cpu_khz / 1000,
        .memory = pages_kib(info.total_pages),
        .free_memory = pages_kib(info.free_pages),
        .hvm = info.capabilities & XEN_SYSCTL_PHYSCAP_hvm,
        .pv = info.capabilities & XEN_SYSCTL_PHYSCAP_pv,
        .hap = info.capabilities & XEN_SYSCTL_PHYSCAP_hap,
    };
    return 0;
}

static int real_cpus(Hypervisor *hv, XenCpu *cpus, unsigned max)
{
    g_autofree xc_cputopo_t *list = g_new0(xc_cputopo_t, MAX(max, 1));
    unsigned n = max;
    int r = counted(hv, xc_cputopoinfo(xc_of(hv), &n, list));

    if (r < 0)
        return r;
    n = MIN(n, max);
    for (unsigned i = 0; i < n; i++)
        cpus[i] = (XenCpu){
            .online = list[i].core != XEN_INVALID_CORE_ID,
            .socket = list[i].socket, .core = list[i].core, .cell = list[i].node,
        };
    return (int)n;
}

static int real_cells(Hypervisor *hv, XenCell *cells, uint32_t *distances, unsigned max)
{
    g_autofree xc_meminfo_t *list = g_new0(xc_meminfo_t, MAX(max, 1));
    unsigned n = max;
    int r = counted(hv, xc_numainfo(xc_of(hv), &n, list, distances));

    if (r < 0)
        return r;
    n = MIN(n, max);
    for (unsigned i = 0; i < n; i++)
        cells[i] = (XenCell){
            .there = list[i].memsize != XEN_INVALID_MEM_SZ,
            .memory = list[i].memsize == XEN_INVALID_MEM_SZ ? 0 : list[i].memsize,
            .free_memory = list[i].memsize == XEN_INVALID_MEM_SZ ? 0 : list[i].memfree,
        };
    return (int)n;
}

static int real_version(Hypervisor *hv, XenVersion *version)
{
    xen_extraversion_t extra = { 0 };
    xen_capabilities_info_t capabilities = { 0 };
    int number = counted(hv, xc_version(xc_of(hv), XENVER_version, NULL));

    if (number < 0)
        return number;
    if (counted(hv, xc_version(xc_of(hv), XENVER_extraversion, &extra)) < 0)
        *extra = '\0';
    if (counted(hv, xc_version(xc_of(hv), XENVER_capabilities, &capabilities)) < 0)
        *capabilities = '\0';
    *version = (XenVersion){
        .major = (unsigned)number >> 16,
        .minor = (unsigned)number & 0xffff,
        .micro = *extra == '.' ? (unsigned)g_ascii_strtoull(extra + 1, NULL, 10) : 0,
    };
    g_strlcpy(version->capabilities, capabilities, sizeof version->capabilities);
    return 0;
}

/* --- scheduling ------------------------------------------------------------------------------ */

static int real_scheduler(Hypervisor *hv, unsigned pool)
{
    xc_cpupoolinfo_t *info = NULL;    /* the first pool from a number on */
    int scheduler, r;

    if (pool == XEN_POOL_FIRST) {
        r = counted(hv, xc_sched_id(xc_of(hv), &scheduler));
        return r < 0 ? r : scheduler;
    }
    r = counted(hv, (info = xc_cpupool_getinfo(xc_of(hv), pool)) ? 0 : -1);
    if (r == 0)
        r = info->cpupool_id == pool ? (int)info->sched_id : -ENOENT;
    if (info)
        xc_cpupool_infofree(xc_of(hv), info);
    return r;
}

static int real_get_share(Hypervisor *hv, XenScheduler scheduler, int id, XenShare *share)
{
    struct xen_domctl_sched_credit credit = { 0 };
    struct xen_domctl_sched_credit2 credit2 = { 0 };
    int r;

    if (scheduler == XEN_CREDIT) {
        r = counted(hv, xc_sched_credit_domain_get(xc_of(hv), (uint32_t)id, &credit));
        *share = (XenShare){ .weight = credit.weight, .cap = credit.cap };
        return r;
    }
    if (scheduler != XEN_CREDIT2)
        return -ENOTSUP;
    r = counted(hv, xc_sched_credit2_domain_get(xc_of(hv), (uint32_t)id, &credit2));
    *share = (XenShare){ .weight = credit2.weight, .cap = credit2.cap };
    return r;
}

static int real_set_share(Hypervisor *hv, XenScheduler scheduler, int id, const XenShare *share)
{
    struct xen_domctl_sched_credit credit = { .weight = (uint16_t)share->weight, .cap = (uint16_t)share->cap };
    struct xen_domctl_sched_credit2 credit2 = { .weight = (uint16_t)share->weight, .cap = (uint16_t)share->cap };

    if (scheduler == XEN_CREDIT)
        return counted(hv, xc_sched_credit_domain_set(xc_of(hv), (uint32_t)id, &credit));
    if (scheduler == XEN_CREDIT2)
        return counted(hv, xc_sched_credit2_domain_set(xc_of(hv), (uint32_t)id, &credit2));
    return -ENOTSUP;
}

/* --- open and close -------------------------------------------------------------------------- */

static void real_close(Hypervisor *hv)
{
    RealHypervisor *real = real_of(hv);

    xenstore_disconnect(real);
    places_deinit(&real->places);
    kernels_deinit(&real->kernels);
    lock_deinit(&real->lock);
    if (real->xc)
        xc_interface_close(real->xc);
    g_free(real);
}

static const HypervisorOps real_ops = {
    .close = real_close,
    .list = real_list,
    .info = real_info,
    .pause = real_pause,
    .unpause = real_unpause,
    .press_power = real_press_power,
    .has_drivers = real_has_drivers,
    .set_max_memory = real_set_max_memory,
    .vcpu = real_vcpu,
    .get_affinity = real_get_affinity,
    .set_affinity = real_set_affinity,
    .node = real_node,
    .cpus = real_cpus,
    .cells = real_cells,
    .version = real_version,
    .scheduler = real_scheduler,
    .get_share = real_get_share,
    .set_share = real_set_share,
    .read = xenstore_read,
    .write = xenstore_write,
    .remove = xenstore_remove,
    .directory = xenstore_directory,
    .watch = xenstore_watch,
    .unwatch = xenstore_unwatch,
    .has_event = xenstore_has_event,
    .sync = xenstore_sync,
    .next_event = xenstore_next_event,
    .event_fd = xenstore_event_fd,
    .reconnect = xenstore_reconnect,
    .usb_place = machine_usb_place,
    .pci_state = machine_pci_state,
    .pci_release = machine_pci_release,
    .attach = machine_attach,
    .detach = machine_detach,
    .update = machine_update,
    .save = machine_save,
    .sleep = machine_sleep,
    .go_on = machine_go_on,
    .dump = machine_dump,
    .describe = machine_describe,
    .build = machine_build,
    .can_build = machine_can_build,
    .set_memory = machine_set_memory,
    .set_vcpus = machine_set_vcpus,
    .destroy = machine_destroy,
    .unpause_machine = machine_unpause,
};

Hypervisor *xen_connect(Error *error)
{
    RealHypervisor *real = g_new0(RealHypervisor, 1);
    int r;

    real->hv.ops = &real_ops;
    lock_init(&real->lock, LOCK_XEN_STORE);
    kernels_init(&real->kernels, kernel_unpack);
    places_init(&real->places, MAX(g_get_num_processors(), 2), BUILD_SECONDS * CLOCK_S);
    real->logger = xen_logger();
    real->xc = xc_interface_open(&real->logger, &real->logger, 0);
    if (!real->xc) {
        error_set_errno(error, VIR_FROM_LIBXL, errno, _("this is no Xen host"));
        real_close(&real->hv);
        return NULL;
    }
    r = xenstore_connect(real);
    if (r < 0) {
        error_set_errno(error, VIR_FROM_LIBXL, -r, _("xenstored can't be reached"));
        real_close(&real->hv);
        return NULL;
    }
    return &real->hv;
}
