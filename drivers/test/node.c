/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pretended machine: what a connection can ask about the host itself. Everything here is fixed when
 * the host is opened, so these functions take no lock and run on any thread. */
#include "drivers/test/test.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

enum {
    VERSION = 2,                  /* 0.0.2: the pretended hypervisor's, as old as the URI */
    CELL_MEMORY = 2097152,        /* KiB of the first cell; the second has twice as much, and so on */
    CELL_FREE_MEMORY = 2097152,   /* bytes, the same way */
    FREE_MEMORY = 3145728,        /* bytes */
    CELLS_MAX = 1024,
};

/* Three of eight processors are online, so that the holes of a map can be seen. */
static const struct {
    uint8_t map;
    unsigned online, present;
} cpu_map = { 0x15, 3, 8 };

static const char security_model[] = "testSecurity";
static const char security_label[] = "libvirt-test";

const TestNode test_default_node = {
    .model = TEST_ARCH, .memory = 3145728, .cpus = 16, .mhz = 1400, .nodes = 2, .sockets = 2, .cores = 2, .threads = 2,
};

/* --- capabilities ---------------------------------------------------------------------------- */

/* Pages of one cell: the first kind is the one that is in use. */
static void put_pages(GString *xml, int cell)
{
    unsigned size = cell % 2 ? 8 : 4;

    g_string_append_printf(xml, "          <pages unit='KiB' size='%u'>%u</pages>\n", size,
                           (unsigned)CELL_MEMORY / 4);
    g_string_append(xml, "          <pages unit='KiB' size='2048'>0</pages>\n"
                         "          <pages unit='KiB' size='1048576'>0</pages>\n");
}

static void put_cell(GString *xml, int cell, int cpus)
{
    g_string_append_printf(xml, "        <cell id='%d'>\n"
                                "          <memory unit='KiB'>%" G_GINT64_FORMAT "</memory>\n",
                           cell, (int64_t)CELL_MEMORY * (cell + 1));
    put_pages(xml, cell);
    g_string_append_printf(xml, "          <cpus num='%d'>\n", cpus);
    for (int i = 0; i < cpus; i++)
        g_string_append_printf(xml, "            <cpu id='%d' socket_id='%d' die_id='0' core_id='%d' siblings='%d'/>\n",
                               cell * cpus + i, cell, i, cell * cpus + i);
    g_string_append(xml, "          </cpus>\n        </cell>\n");
}

static void put_host(GString *xml, const TestNode *node)
{
    int cpus = MAX(node->cpus / node->nodes, 1);

    g_string_append(xml,
        "  <host>\n"
        "    <cpu>\n"
        "      <arch>" TEST_ARCH "</arch>\n"
        "      <features>\n"
        "        <pae/>\n"
        "        <nonpae/>\n"
        "      </features>\n"
        "      <pages unit='KiB' size='4'/>\n"
        "      <pages unit='KiB' size='8'/>\n"
        "      <pages unit='KiB' size='2048'/>\n"
        "      <pages unit='KiB' size='1048576'/>\n"
        "    </cpu>\n"
        "    <power_management/>\n"
        "    <iommu support='no'/>\n"
        "    <topology>\n");
    g_string_append_printf(xml, "      <cells num='%d'>\n", node->nodes);
    for (int cell = 0; cell < node->nodes; cell++)
        put_cell(xml, cell, cpus);
    g_string_append_printf(xml,
        "      </cells>\n"
        "    </topology>\n"
        "    <secmodel>\n"
        "      <model>%s</model>\n"
        "      <doi></doi>\n"
        "    </secmodel>\n"
        "  </host>\n"
        "\n", security_model);
}

static void put_guest(GString *xml, const char *kind)
{
    g_string_append_printf(xml,
        "  <guest>\n"
        "    <os_type>%s</os_type>\n"
        "    <arch name='" TEST_ARCH "'>\n"
        "      <wordsize>32</wordsize>\n"
        "      <emulator>/usr/bin/test-hv</emulator>\n"
        "      <domain type='test'/>\n"
        "    </arch>\n"
        "    <features>\n"
        "      <pae/>\n"
        "      <nonpae/>\n"
        "    </features>\n"
        "  </guest>\n"
        "\n", kind);
}

char *test_capabilities(const TestNode *node)
{
    GString *xml = g_string_new("<capabilities>\n\n");

    put_host(xml, node);
    put_guest(xml, "hvm");
    put_guest(xml, "xen");
    g_string_append(xml, "</capabilities>\n");
    return g_string_free(xml, false);
}

/* --- operations ------------------------------------------------------------------------------ */

int test_connect_get_version(Op *op, RemoteConnectGetVersionResult *result)
{
    result->hv_ver = VERSION;
    return 0;
}

int test_connect_get_capabilities(Op *op, RemoteConnectGetCapabilitiesResult *result)
{
    result->capabilities = arena_strdup(op->arena, test_host(op->host)->capabilities);
    return 0;
}

int test_connect_get_max_vcpus(Op *op, const RemoteConnectGetMaxVcpusArgs *args,
                               RemoteConnectGetMaxVcpusResult *result)
{
    result->max_vcpus = TEST_MAX_VCPUS;
    return 0;
}

int test_node_get_info(Op *op, RemoteNodeGetInfoResult *result)
{
    const TestNode *node = &test_host(op->host)->node;

    g_strlcpy(result->model, node->model, sizeof result->model);
    result->memory = node->memory;
    result->cpus = node->cpus;
    result->mhz = node->mhz;
    result->nodes = node->nodes;
    result->sockets = node->sockets;
    result->cores = node->cores;
    result->threads = node->threads;
    return 0;
}

int test_node_get_free_memory(Op *op, RemoteNodeGetFreeMemoryResult *result)
{
    result->freeMem = FREE_MEMORY;
    return 0;
}

int test_node_get_cells_free_memory(Op *op, const RemoteNodeGetCellsFreeMemoryArgs *args,
                                    RemoteNodeGetCellsFreeMemoryResult *result)
{
    int cells = test_host(op->host)->node.nodes;

    if (args->startCell < 0 || args->startCell >= cells || args->maxcells < 0)
        return op_fail(op, VIR_ERR_INTERNAL_ERROR, _("cell %d is none of the %d cells of this host"), args->startCell,
                       cells);
    result->n_cells = (uint32_t)MIN(MIN(args->maxcells, cells - args->startCell), CELLS_MAX);
    result->cells = arena_array(op->arena, MAX(result->n_cells, 1), sizeof *result->cells);
    for (uint32_t i = 0; i < result->n_cells; i++)
        result->cells[i] = (uint64_t)CELL_FREE_MEMORY * ((uint32_t)args->startCell + i + 1);
    return 0;
}

int test_node_get_cpu_map(Op *op, const RemoteNodeGetCpuMapArgs *args, RemoteNodeGetCpuMapResult *result)
{
    if (op_check_flags(op, args->flags, 0) < 0)
        return -1;
    if (args->need_map) {
        result->cpumap.data = arena_memdup(op->arena, &cpu_map.map, 1);
        result->cpumap.size = 1;
    }
    if (args->need_online)
        result->online = cpu_map.online;
    result->ret = (int32_t)cpu_map.present;
    return 0;
}

int test_node_get_security_model(Op *op, RemoteNodeGetSecurityModelResult *result)
{
    result->n_model = sizeof security_model;
    result->model = arena_memdup(op->arena, security_model, sizeof security_model);
    result->n_doi = 1;
    result->doi = arena_strdup(op->arena, "");
    return 0;
}

/* Every pretended machine has the same label, and it is enforced. */
int test_domain_get_security_label(Op *op, const RemoteDomainGetSecurityLabelArgs *args,
                                   RemoteDomainGetSecurityLabelResult *result)
{
    result->n_label = sizeof security_label;
    result->label = arena_memdup(op->arena, security_label, sizeof security_label);
    result->enforcing = 1;
    return 0;
}
