/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Xen host itself. The hypervisor is asked each time, since memory and CPUs change: a hypercall or a few, and
 * nothing waits. The kernel that drover runs under sees only its own domain's CPUs and memory, so the topology is
 * the hypervisor's. Any thread; takes no lock. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "conf/capabilities.h"
#include "drivers/common/op.h"
#include "drivers/xen/offer.h"

enum { CELLS_MAX = 1024 };

int xen_connect_get_version(Op *op, RemoteConnectGetVersionResult *result)
{
    const XenVersion *version = &xen_host(op->host)->version;

    result->hv_ver = version->major * UINT64_C(1000000) + version->minor * UINT64_C(1000) + version->micro;
    return 0;
}

int xen_connect_get_max_vcpus(Op *op, const RemoteConnectGetMaxVcpusArgs *args,
                              RemoteConnectGetMaxVcpusResult *result)
{
    bool machine = args->type && g_ascii_strcasecmp(args->type, "hvm") == 0;

    result->max_vcpus = (int32_t)xen_offers[machine ? XEN_HVM : XEN_PV].vcpus;
    return 0;
}

static int ask_node(Op *op, XenNode *node)
{
    XenHost *xen = xen_host(op->host);
    int r = xen->hv->ops->node(xen->hv, node);

    return r < 0 ? xen_fail(op->error, r, _("tell about the host")) : 0;
}

int xen_node_get_info(Op *op, RemoteNodeGetInfoResult *result)
{
    XenNode node;

    if (ask_node(op, &node) < 0)
        return -1;
    g_strlcpy(result->model, "x86_64", sizeof result->model);
    result->memory = node.memory;
    result->cpus = (int32_t)node.cpus;
    result->mhz = (int32_t)node.mhz;
    result->nodes = (int32_t)MAX(node.cells, 1);
    result->cores = (int32_t)MAX(node.cores, 1);
    result->threads = (int32_t)MAX(node.threads, 1);
    result->sockets = MAX(result->cpus / (result->nodes * result->cores * result->threads), 1);
    return 0;
}

int xen_node_get_free_memory(Op *op, RemoteNodeGetFreeMemoryResult *result)
{
    XenNode node;

    if (ask_node(op, &node) < 0)
        return -1;
    result->freeMem = node.free_memory * 1024;
    return 0;
}

/* The cells and, unless NULL, their distances, in the call's memory; how many, or -1 and an error. */
static int ask_cells(Op *op, XenCell **cells, uint32_t **distances)
{
    XenHost *xen = xen_host(op->host);
    XenNode node;
    unsigned n;
    int r;

    if (ask_node(op, &node) < 0)
        return -1;
    n = CLAMP(node.max_cells, 1, CELLS_MAX);
    *cells = arena_array(op->arena, n, sizeof **cells);
    if (distances)
        *distances = arena_array(op->arena, (size_t)n * n, sizeof **distances);
    r = xen->hv->ops->cells(xen->hv, *cells, distances ? *distances : NULL, n);
    return r < 0 ? xen_fail(op->error, r, _("tell about its NUMA cells")) : r;
}

int xen_node_get_cells_free_memory(Op *op, const RemoteNodeGetCellsFreeMemoryArgs *args,
                                   RemoteNodeGetCellsFreeMemoryResult *result)
{
    XenCell *cells;
    int n = ask_cells(op, &cells, NULL);

    if (n < 0)
        return -1;
    if (args->startCell < 0 || args->startCell >= n || args->maxcells < 0)
        return op_fail(op, VIR_ERR_INTERNAL_ERROR, _("cell %d is none of the %d cells of this host"), args->startCell,
                       n);
    result->n_cells = (uint32_t)MIN(args->maxcells, n - args->startCell);
    result->cells = arena_array(op->arena, MAX(result->n_cells, 1), sizeof *result->cells);
    for (uint32_t i = 0; i < result->n_cells; i++)
        result->cells[i] = cells[(uint32_t)args->startCell + i].free_memory;
    return 0;
}

/* All CPUs, in the call's memory; how many, or -1 and an error. */
static int ask_cpus(Op *op, const XenNode *node, XenCpu **cpus)
{
    XenHost *xen = xen_host(op->host);
    int r;

    *cpus = arena_array(op->arena, MAX(node->max_cpus, 1), sizeof **cpus);
    r = xen->hv->ops->cpus(xen->hv, *cpus, node->max_cpus);
    return r < 0 ? xen_fail(op->error, r, _("tell about its CPUs")) : r;
}

int xen_node_get_cpu_map(Op *op, const RemoteNodeGetCpuMapArgs *args, RemoteNodeGetCpuMapResult *result)
{
    XenNode node;
    XenCpu *cpus;
    int n;

    if (op_check_flags(op, args->flags, 0) < 0 || ask_node(op, &node) < 0 || (n = ask_cpus(op, &node, &cpus)) < 0)
        return -1;
    result->ret = n;
    if (args->need_map) {
        result->cpumap.size = ((uint32_t)n + 7) / 8;
        result->cpumap.data = arena_zalloc(op->arena, MAX(result->cpumap.size, 1));
    }
    for (int i = 0; i < n; i++) {
        if (!cpus[i].online)
            continue;
        result->online += args->need_online ? 1 : 0;
        if (args->need_map)
            result->cpumap.data[i / 8] |= (uint8_t)(1 << i % 8);
    }
    return 0;
}

int xen_domain_get_scheduler_type(Op *op, const RemoteDomainGetSchedulerTypeArgs *args,
                                  RemoteDomainGetSchedulerTypeResult *result)
{
    XenHost *xen = xen_host(op->host);
    XenInfo info = { .pool = XEN_POOL_FIRST };
    int r;

    if (xen_question_look(op, &info) < 0)
        return -1;
    r = xen->hv->ops->scheduler(xen->hv, info.pool);
    if (r < 0)
        return xen_fail(op->error, r, _("tell its scheduler"));
    result->type = r == XEN_CREDIT ? "credit" : r == XEN_CREDIT2 ? "credit2" : r == XEN_ARINC653 ? "arinc653"
        : r == XEN_RTDS ? "rtds" : r == XEN_NULL ? "null" : "unknown";
    result->nparams = r == XEN_CREDIT || r == XEN_CREDIT2 ? 2 : 0;
    return 0;
}

/* --- capabilities ---------------------------------------------------------------------------- */

/* The CPUs that share a core, as a set: their numbers, since they need not be neighbours. */
static char *siblings_of(Arena *arena, const XenCpu *cpus, unsigned n, unsigned cpu)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < n; i++)
        if (cpus[i].online && cpus[i].socket == cpus[cpu].socket && cpus[i].core == cpus[cpu].core)
            g_string_append_printf(text, "%s%u", text->len ? "," : "", i);
    return arena_strdup(arena, text->str);
}

static void add_cell(Op *op, CapsHost *host, unsigned number, const XenCell *cell, const XenCpu *cpus, unsigned n_cpus)
{
    CapsCell *added = capabilities_add_cell(host, number, cell->memory / 1024, op->arena);

    for (unsigned i = 0; i < n_cpus; i++)
        if (cpus[i].online && cpus[i].cell == number)
            capabilities_add_cpu(added, i, cpus[i].socket, 0, cpus[i].core, siblings_of(op->arena, cpus, n_cpus, i),
                                 op->arena);
}

static int add_topology(Op *op, CapsHost *host, const XenNode *node)
{
    XenCpu *cpus = NULL;
    XenCell *cells;
    int n = ask_cells(op, &cells, NULL), n_cpus = n < 0 ? -1 : ask_cpus(op, node, &cpus);

    if (n_cpus < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (cells[i].there)
            add_cell(op, host, (unsigned)i, &cells[i], cpus, (unsigned)n_cpus);
    return 0;
}

/* A kind of guest for a word of the hypervisor's: "xen-3.0-x86_64", "hvm-3.0-x86_32p". */
static void add_guest(Op *op, Capabilities *capabilities, const char *os, const char *machine, const char *arch,
                      unsigned wordsize)
{
    CapsGuest *guest = capabilities_add_guest(capabilities, os, arch, wordsize, NULL, "xen", op->arena);
    CapsMachine *kind = ELEMENT_NEW(op->arena, CapsMachine);

    kind->value = machine;
    guest->arch.machines = arena_memdup(op->arena, &kind, sizeof kind);
    guest->arch.n_machines = 1;
    if (strcmp(os, "hvm") != 0)
        return;
    capabilities_guest_features(guest, op->arena)->acpi = capabilities_toggle(true, true, op->arena);
    capabilities_guest_features(guest, op->arena)->apic = capabilities_toggle(true, false, op->arena);
}

static void add_guests(Op *op, Capabilities *capabilities)
{
    g_auto(GStrv) words = g_strsplit(xen_host(op->host)->version.capabilities, " ", -1);
    bool hvm = false;

    for (char **word = words; *word; word++) {
        bool machine = g_str_has_prefix(*word, "hvm-"), wide = g_str_has_suffix(*word, "x86_64");

        if (!wide && !g_str_has_suffix(*word, "x86_32p"))
            continue;
        hvm = hvm || machine;
        add_guest(op, capabilities, machine ? "hvm" : "xen", machine ? "xenfv" : "xenpv", wide ? "x86_64" : "i686",
                  wide ? 64 : 32);
    }
    if (hvm)
        add_guest(op, capabilities, "xenpvh", "xenpvh", "x86_64", 64);
}

int xen_connect_get_capabilities(Op *op, RemoteConnectGetCapabilitiesResult *result)
{
    Capabilities capabilities = { .host.cpu = ELEMENT_NEW(op->arena, HostCpu) };
    XenNode node;

    capabilities.has_host = true;
    capabilities.host.cpu->arch = ARCH_X86_64;
    capabilities.host.power_management = ELEMENT_NEW(op->arena, CapsPower);
    if (ask_node(op, &node) < 0 || add_topology(op, &capabilities.host, &node) < 0)
        return -1;
    add_guests(op, &capabilities);
    result->capabilities = op_keep_memory(op, capabilities_format(&capabilities));
    return 0;
}
