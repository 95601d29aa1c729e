/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the Linux kernel says of this host, for the document of capabilities: NUMA cells with their CPUs and memory,
 * caches, page sizes, and how the CPUs are grouped.
 * Reads /sys and /proc below a folder of the caller's choice, so that tests can bring their own. What isn't there
 * is left out. Any thread, no lock; waits for nothing but these files. */
#include "conf/capabilities.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/cpuset.h"

#define CACHE_LEVEL_MIN 3    /* what is below belongs to one core alone */

typedef struct HostReader {
    const char *root;
    CapsHost *host;
    Arena *arena;
} HostReader;

/* --- files ------------------------------------------------------------------------------------- */

/* The text of a file without its last line feed; NULL when it can't be read. */
static char *read_text(const HostReader *reader, const char *format, ...) G_GNUC_PRINTF(2, 3);
static char *read_text(const HostReader *reader, const char *format, ...)
{
    g_autofree char *path = NULL, *whole = NULL, *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    path = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    whole = g_strconcat(reader->root, path, NULL);
    if (!g_file_get_contents(whole, &text, NULL, NULL))
        return NULL;
    return arena_strdup(reader->arena, g_strchomp(text));
}

static unsigned number_or(const char *text, unsigned other)
{
    return text && g_ascii_isdigit(*text) ? (unsigned)strtoul(text, NULL, 10) : other;
}

static bool read_set(const char *text, CpuSet *set)
{
    memset(set, 0, sizeof *set);
    return text && *text && cpuset_parse(text, set);
}

/* --- memory ------------------------------------------------------------------------------------ */

/* "MemTotal:  4942040 kB" somewhere in the text, in KiB. */
static uint64_t memory_total(const char *text)
{
    const char *at = text ? strstr(text, "MemTotal:") : NULL;

    return at ? g_ascii_strtoull(at + strlen("MemTotal:"), NULL, 10) : 0;
}

static int compare_sizes(const void *a, const void *b)
{
    unsigned one = *(const unsigned *)a, other = *(const unsigned *)b;

    return (one > other) - (one < other);
}

/* The sizes of huge pages in KiB, in order. */
static GArray *huge_page_sizes(const HostReader *reader)
{
    g_autofree char *path = g_strconcat(reader->root, "/sys/kernel/mm/hugepages", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    GArray *sizes = g_array_new(FALSE, FALSE, sizeof(unsigned));
    const char *name;

    while (folder && (name = g_dir_read_name(folder))) {
        unsigned size;

        if (sscanf(name, "hugepages-%ukB", &size) == 1 && size > 0)
            g_array_append_val(sizes, size);
    }
    g_array_sort(sizes, compare_sizes);
    return sizes;
}

/* The memory that isn't in huge pages is in small ones. */
static void add_cell_pages(const HostReader *reader, CapsCell *cell)
{
    g_autoptr(GArray) sizes = huge_page_sizes(reader);
    unsigned small = (unsigned)(sysconf(_SC_PAGESIZE) / 1024);
    uint64_t rest = cell->memory, *counts = arena_array(reader->arena, sizes->len + 1, sizeof *counts);

    for (unsigned i = 0; i < sizes->len; i++) {
        unsigned size = g_array_index(sizes, unsigned, i);
        const char *text = read_text(reader, "/sys/devices/system/node/node%u/hugepages/hugepages-%ukB/nr_hugepages",
                                     cell->id, size);

        if (!text)
            text = read_text(reader, "/sys/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages", size);
        counts[i] = number_or(text, 0);
        rest -= MIN(rest, counts[i] * size);
    }
    capabilities_add_pages(cell, small, rest / small, reader->arena);
    for (unsigned i = 0; i < sizes->len; i++)
        capabilities_add_pages(cell, g_array_index(sizes, unsigned, i), counts[i], reader->arena);
}

/* --- cells ------------------------------------------------------------------------------------- */

static void add_cell_cpus(const HostReader *reader, CapsCell *cell, const CpuSet *cpus)
{
    for (int cpu = cpuset_next(cpus, 0); cpu >= 0; cpu = cpuset_next(cpus, (unsigned)cpu + 1)) {
        const char *folder = arena_printf(reader->arena, "/sys/devices/system/cpu/cpu%d/topology", cpu);
        const char *siblings = read_text(reader, "%s/thread_siblings_list", folder);
        CpuSet set;

        siblings = read_set(siblings, &set) ? cpuset_format(&set, reader->arena)
                                            : arena_printf(reader->arena, "%d", cpu);
        capabilities_add_cpu(cell, (unsigned)cpu, number_or(read_text(reader, "%s/physical_package_id", folder), 0),
                             number_or(read_text(reader, "%s/die_id", folder), 0),
                             number_or(read_text(reader, "%s/core_id", folder), 0), siblings, reader->arena);
    }
}

/* "10 21": the distances to all cells that are online. */
static void add_cell_distances(const HostReader *reader, CapsCell *cell, const CpuSet *nodes)
{
    const char *at = read_text(reader, "/sys/devices/system/node/node%u/distance", cell->id);

    for (int node = cpuset_next(nodes, 0); at && node >= 0; node = cpuset_next(nodes, (unsigned)node + 1)) {
        char *end;
        unsigned long distance = strtoul(at, &end, 10);

        if (end == at)
            break;
        capabilities_add_distance(cell, (unsigned)node, (unsigned)distance, reader->arena);
        at = end;
    }
}

static void add_node(const HostReader *reader, unsigned node, const CpuSet *nodes)
{
    uint64_t memory = memory_total(read_text(reader, "/sys/devices/system/node/node%u/meminfo", node));
    CapsCell *cell = capabilities_add_cell(reader->host, node, memory, reader->arena);
    CpuSet cpus;

    add_cell_pages(reader, cell);
    add_cell_distances(reader, cell, nodes);
    if (read_set(read_text(reader, "/sys/devices/system/node/node%u/cpulist", node), &cpus))
        add_cell_cpus(reader, cell, &cpus);
}

/* A kernel without NUMA has one cell with everything. */
static void add_only_cell(const HostReader *reader)
{
    CapsCell *cell = capabilities_add_cell(reader->host, 0, memory_total(read_text(reader, "/proc/meminfo")),
                                           reader->arena);
    CpuSet cpus;

    add_cell_pages(reader, cell);
    if (read_set(read_text(reader, "/sys/devices/system/cpu/online"), &cpus))
        add_cell_cpus(reader, cell, &cpus);
}

static void read_cells(const HostReader *reader)
{
    CpuSet nodes;

    if (!read_set(read_text(reader, "/sys/devices/system/node/online"), &nodes)) {
        add_only_cell(reader);
        return;
    }
    for (int node = cpuset_next(&nodes, 0); node >= 0; node = cpuset_next(&nodes, (unsigned)node + 1))
        add_node(reader, (unsigned)node, &nodes);
}

/* --- caches ------------------------------------------------------------------------------------ */

static bool has_bank(const CapsCache *cache, const CapsCacheBank *bank)
{
    for (unsigned i = 0; i < cache->n_banks; i++)
        if (cache->banks[i]->id == bank->id && cache->banks[i]->level == bank->level
            && cache->banks[i]->type == bank->type)
            return true;
    return false;
}

/* "36608K" in the largest unit that goes into it. */
static void set_bank_size(CapsCacheBank *bank, const char *text)
{
    char *end;
    uint64_t bytes = g_ascii_strtoull(text ? text : "", &end, 10);
    unsigned unit = 0;
    static const char *const units[] = { "B", "KiB", "MiB", "GiB" };

    if (*end == 'K' || *end == 'M')
        bytes *= *end == 'K' ? 1024 : 1024 * 1024;
    for (; unit + 1 < G_N_ELEMENTS(units) && bytes > 0 && bytes % 1024 == 0; unit++)
        bytes /= 1024;
    bank->size = bytes;
    bank->unit = units[unit];
    bank->has_size = true;
}

static void read_cache(const HostReader *reader, CapsCache *cache, const char *folder)
{
    CapsCacheBank *bank = ELEMENT_NEW(reader->arena, CapsCacheBank);
    const char *type = read_text(reader, "%s/type", folder), *id = read_text(reader, "%s/id", folder);
    CpuSet cpus;

    bank->level = number_or(read_text(reader, "%s/level", folder), 0);
    if (bank->level < CACHE_LEVEL_MIN || !type || !id)
        return;
    bank->id = number_or(id, 0);
    bank->has_id = bank->has_level = true;
    bank->type = *type == 'I' ? CAPS_CACHE_TYPE_CODE : *type == 'D' ? CAPS_CACHE_TYPE_DATA : CAPS_CACHE_TYPE_BOTH;
    set_bank_size(bank, read_text(reader, "%s/size", folder));
    if (read_set(read_text(reader, "%s/shared_cpu_list", folder), &cpus))
        bank->cpus = cpuset_format(&cpus, reader->arena);
    if (!has_bank(cache, bank))
        element_list_add(reader->arena, (void ***)&cache->banks, &cache->n_banks, bank);
}

static int compare_banks(const void *a, const void *b)
{
    const CapsCacheBank *one = *(CapsCacheBank *const *)a, *other = *(CapsCacheBank *const *)b;

    if (one->level != other->level)
        return one->level < other->level ? -1 : 1;
    if (one->type != other->type)
        return one->type < other->type ? -1 : 1;
    return (one->id > other->id) - (one->id < other->id);
}

static void read_caches(const HostReader *reader)
{
    CapsCache *cache = ELEMENT_NEW(reader->arena, CapsCache);
    CpuSet cpus;

    if (!read_set(read_text(reader, "/sys/devices/system/cpu/online"), &cpus))
        return;
    for (int cpu = cpuset_next(&cpus, 0); cpu >= 0; cpu = cpuset_next(&cpus, (unsigned)cpu + 1)) {
        for (unsigned index = 0;; index++) {
            const char *folder = arena_printf(reader->arena, "/sys/devices/system/cpu/cpu%d/cache/index%u", cpu, index);

            if (!read_text(reader, "%s/level", folder))
                break;
            read_cache(reader, cache, folder);
        }
    }
    if (cache->n_banks == 0)
        return;
    qsort(cache->banks, cache->n_banks, sizeof *cache->banks, compare_banks);
    reader->host->cache = cache;
}

/* --- the rest ---------------------------------------------------------------------------------- */

static void read_power(const HostReader *reader)
{
    const char *states = read_text(reader, "/sys/power/state");

    reader->host->power_management = ELEMENT_NEW(reader->arena, CapsPower);
    if (!states)
        return;
    reader->host->power_management->suspend_mem = strstr(states, "mem") != NULL;
    reader->host->power_management->suspend_disk = strstr(states, "disk") != NULL;
    reader->host->power_management->suspend_hybrid = strstr(states, "mem") && strstr(states, "disk");
}

static void read_iommu(const HostReader *reader)
{
    g_autofree char *path = g_strconcat(reader->root, "/sys/kernel/iommu_groups", NULL);
    g_autoptr(GDir) groups = g_dir_open(path, 0, NULL);

    reader->host->iommu = ELEMENT_NEW(reader->arena, CapsIommu);
    reader->host->iommu->support = groups && g_dir_read_name(groups) ? TRISTATE_YES : TRISTATE_NO;
}

static void read_page_sizes(const HostReader *reader)
{
    g_autoptr(GArray) sizes = huge_page_sizes(reader);

    capabilities_add_page_size(reader->host->cpu, (unsigned)(sysconf(_SC_PAGESIZE) / 1024), reader->arena);
    for (unsigned i = 0; i < sizes->len; i++)
        capabilities_add_page_size(reader->host->cpu, g_array_index(sizes, unsigned, i), reader->arena);
}

void capabilities_read_host(CapsHost *host, const char *root, Arena *arena)
{
    const HostReader reader = { root, host, arena };

    read_cells(&reader);
    read_caches(&reader);
    read_power(&reader);
    read_iommu(&reader);
    if (host->cpu)
        read_page_sizes(&reader);
}

/* --- how the CPUs are grouped ------------------------------------------------------------------ */

typedef struct GroupItem {
    uint64_t group, item;
} GroupItem;

static int compare_items(const void *a, const void *b)
{
    const GroupItem *one = a, *other = b;

    if (one->group != other->group)
        return one->group < other->group ? -1 : 1;
    return (one->item > other->item) - (one->item < other->item);
}

/* How many distinct items the largest group has. Sorts them. */
static unsigned largest_group(GroupItem *items, unsigned n)
{
    unsigned most = 0, here = 0;

    qsort(items, n, sizeof *items, compare_items);
    for (unsigned i = 0; i < n; i++) {
        bool same_group = i > 0 && items[i].group == items[i - 1].group;

        if (same_group && items[i].item == items[i - 1].item)
            continue;
        here = same_group ? here + 1 : 1;
        most = MAX(most, here);
    }
    return most;
}

static uint64_t core_key(const CapsCpu *cpu)
{
    return (uint64_t)cpu->socket_id << 40 | (uint64_t)(cpu->die_id & 0xff) << 32 | cpu->core_id;
}

/* Takes the numbers of one cell into account. */
static void count_cell(const CapsCpus *cpus, unsigned *sockets, unsigned *cores, unsigned *threads)
{
    g_autofree GroupItem *items = g_new(GroupItem, cpus->n_cpus + 1);
    unsigned n = cpus->n_cpus;

    for (unsigned i = 0; i < n; i++)
        items[i] = (GroupItem){ 0, cpus->cpus[i]->socket_id };
    *sockets = MAX(*sockets, largest_group(items, n));
    for (unsigned i = 0; i < n; i++)
        items[i] = (GroupItem){ cpus->cpus[i]->socket_id, core_key(cpus->cpus[i]) };
    *cores = MAX(*cores, largest_group(items, n));
    for (unsigned i = 0; i < n; i++)
        items[i] = (GroupItem){ core_key(cpus->cpus[i]), cpus->cpus[i]->id };
    *threads = MAX(*threads, largest_group(items, n));
}

void capabilities_host_topology(const CapsHost *host, CpuTopology *topology)
{
    const CapsCells *cells = host->topology ? host->topology->cells : NULL;
    unsigned sockets = 0, cores = 0, threads = 0, n = 0, n_cells = 0;

    for (unsigned i = 0; cells && i < cells->n_cells; i++) {
        const CapsCpus *cpus = cells->cells[i]->cpus;

        if (cpus->n_cpus == 0)
            continue;
        count_cell(cpus, &sockets, &cores, &threads);
        n += cpus->n_cpus;
        n_cells++;
    }
    if (n_cells * sockets * cores * threads != n) {    /* they aren't all alike, or a socket is in several cells */
        sockets = threads = 1;
        cores = n;
    }
    *topology = (CpuTopology){
        .sockets = sockets, .has_sockets = true, .dies = 1, .has_dies = true, .cores = cores, .has_cores = true,
        .threads = threads, .has_threads = true,
    };
}
