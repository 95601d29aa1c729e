/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table cpu.def can't say: which settings of a CPU go together, the order and distances of NUMA cells,
 * and amounts of memory in attributes.
 * Pure functions of the element that was parsed: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "conf/elements.h"
#include "conf/xml.h"

#define VENDOR_ID_LENGTH 12
#define DISTANCE_LOCAL 10
#define DISTANCE_UNREACHABLE 255

/* --- the guest's CPU -------------------------------------------------------------------------- */

int cpu_model_parsed(void *self, ElementParse *parse)
{
    CpuModel *model = self;

    if (!model->value)
        model->fallback = CPU_FALLBACK_ABSENT;
    else if (model->fallback == CPU_FALLBACK_ABSENT)
        model->fallback = CPU_FALLBACK_ALLOW;
    if (!model->vendor_id)
        return 0;
    if (strlen(model->vendor_id) != VENDOR_ID_LENGTH)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'vendor_id' must have exactly %d characters: '%s'"), VENDOR_ID_LENGTH,
                            model->vendor_id);
    if (strchr(model->vendor_id, ','))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute 'vendor_id' may not have a comma in it: '%s'"),
                            model->vendor_id);
    return 0;
}

/* The text of the node's first child of that name, also where the table doesn't read it; NULL for none or "". */
static const char *child_text(const ElementParse *parse, const char *name)
{
    const char *text = xml_text(xml_child(element_node(parse), name), parse->arena);

    return text && *text ? text : NULL;
}

/* `names`: of features, NULL after the last. */
static int check_distinct(const char *const *names, ElementParse *parse)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (; *names; names++)
        if (!g_hash_table_add(seen, (void *)*names))
            return element_fail(parse, VIR_ERR_XML_ERROR, _("The CPU feature '%s' is there twice"), *names);
    return 0;
}

static int check_features(const Cpu *cpu, bool named, ElementParse *parse)
{
    const char **names = arena_array(parse->arena, cpu->n_features + 1, sizeof *names);

    if (cpu->n_features > 0 && !named && cpu->mode == CPU_MODE_CUSTOM)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<feature> needs a CPU model that it changes"));
    for (unsigned i = 0; i < cpu->n_features; i++)
        names[i] = cpu->features[i]->name;
    names[cpu->n_features] = NULL;
    return check_distinct(names, parse);
}

static bool mode_is_whole_host(CpuMode mode)
{
    return mode == CPU_MODE_HOST_PASSTHROUGH || mode == CPU_MODE_MAXIMUM;
}

int cpu_parsed(void *self, ElementParse *parse)
{
    Cpu *cpu = self;
    bool named = child_text(parse, "model") != NULL;

    if (cpu->migratable != TRISTATE_ABSENT && !mode_is_whole_host(cpu->mode))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute 'migratable' is for the modes 'host-passthrough' and 'maximum', not '%s'"),
                            element_word(&cpu_mode_words, cpu->mode));
    if (!named && child_text(parse, "vendor"))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<vendor> needs a CPU model"));
    if (check_features(cpu, named, parse) < 0 || element_refuse_several(parse, "cache", VIR_ERR_XML_ERROR) < 0)
        return -1;
    if (cpu->model && !cpu->model->value && !cpu->model->vendor_id)
        cpu->model = NULL;
    if (cpu->mode != CPU_MODE_CUSTOM || !named)
        cpu->match = CPU_MATCH_ABSENT;
    else if (cpu->match == CPU_MATCH_ABSENT)
        cpu->match = CPU_MATCH_EXACT;
    if (cpu->mode == CPU_MODE_CUSTOM && !named)
        cpu->mode = CPU_MODE_ABSENT;
    return 0;
}

/* --- NUMA ------------------------------------------------------------------------------------- */

/* The attribute `value` as bytes; `unit_bytes` is the unit when none is given. libvirt looks for it in a child. */
static int take_amount(uint64_t unit_bytes, uint64_t *bytes, ElementParse *parse)
{
    const char *value = xml_attribute(element_node(parse), "value", parse->arena);

    if (!value || *value == '\0')
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute '%s' is missing"), "value");
    return element_scaled(parse, value, child_text(parse, "unit"), unit_bytes, bytes);
}

int numa_cache_size_parsed(void *self, ElementParse *parse)
{
    NumaCacheSize *size = self;
    uint64_t bytes;

    if (take_amount(1024, &bytes, parse) < 0)
        return -1;
    size->value = bytes / 1024 + (bytes % 1024 != 0);
    size->has_value = true;
    size->unit = "KiB";
    return 0;
}

int numa_cache_line_parsed(void *self, ElementParse *parse)
{
    NumaCacheLine *line = self;
    uint64_t bytes;

    if (take_amount(1, &bytes, parse) < 0)
        return -1;
    line->value = (unsigned)bytes;    /* libvirt keeps the lower half of a number that is too large */
    line->has_value = true;
    line->unit = "B";
    return 0;
}

int numa_cache_parsed(void *self, ElementParse *parse)
{
    NumaCache *cache = self;
    bool stored = parse->flags & ELEMENT_STORED;    /* then a line of no length was left out */

    if (!cache->size || (!cache->line && !stored))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<cache> needs <%s> in it"),
                            cache->size ? "line" : "size");
    if (cache->line && cache->line->value == 0)
        cache->line = NULL;
    return 0;
}

int numa_distances_parsed(void *self, ElementParse *parse)
{
    const NumaDistances *distances = self;

    if (distances->n_siblings == 0)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<distances> needs a <sibling> in it"));
    return 0;
}

/* A set without any CPU is as if there was none. */
int numa_cell_parsed(void *self, ElementParse *parse)
{
    NumaCell *cell = self;
    const char *text = xml_attribute(element_node(parse), "cpus", parse->arena);
    CpuSet cpus;

    if (!text)
        return 0;
    if (!cpuset_parse(text, &cpus))
        return element_fail(parse, VIR_ERR_INVALID_ARG, _("Invalid value '%s' of the attribute '%s'"), text, "cpus");
    if (!cpuset_is_empty(&cpus))
        cell->cpus = cpuset_format(&cpus, parse->arena);
    return 0;
}

/* Puts the cells where their numbers say. A cell without memory gives way to another of its number, and a number
 * that is left over becomes an empty cell. */
static int sort_cells(Numa *numa, NumaCell **order, ElementParse *parse)
{
    unsigned n = numa->n_cells;

    memset(numa->cells, 0, n * sizeof *numa->cells);
    for (unsigned i = 0; i < n; i++) {
        NumaCell *cell = order[i], *before;
        unsigned id = cell->has_id ? cell->id : i;

        if (id >= n)
            return element_fail(parse, VIR_ERR_XML_ERROR,
                                _("The attribute 'id' of a <cell> is %u, but the %u cells have 0 to %u"), id,
                                n, n - 1);
        before = numa->cells[id];
        if (before && before->memory > 0)
            return element_fail(parse, VIR_ERR_XML_ERROR, _("The NUMA cell %u is there twice"), id);
        if (before && !cell->cpus)
            cell->cpus = before->cpus;
        cell->id = id;
        numa->cells[id] = cell;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!numa->cells[i])
            numa->cells[i] = ELEMENT_NEW(parse->arena, NumaCell);
        numa->cells[i]->id = i;
        numa->cells[i]->has_id = numa->cells[i]->has_memory = true;
    }
    return 0;
}

/* One distance that is known from the document. */
typedef struct Distance {
    unsigned from, to, value;
    int64_t weight;    /* of several for the same way the heaviest counts */
} Distance;

static int compare_distances(const void *a, const void *b)
{
    const Distance *one = a, *other = b;

    if (one->from != other->from)
        return one->from < other->from ? -1 : 1;
    if (one->to != other->to)
        return one->to < other->to ? -1 : 1;
    return (one->weight < other->weight) - (one->weight > other->weight);
}

static int check_distance(unsigned from, const NumaSibling *sibling, unsigned n, ElementParse *parse)
{
    if (sibling->id >= n)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'id' of a <sibling> is %u, but there is no such NUMA cell"),
                            sibling->id);
    if (sibling->value < DISTANCE_LOCAL || sibling->value > DISTANCE_UNREACHABLE
        || (from == sibling->id) != (sibling->value == DISTANCE_LOCAL))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The NUMA cell %u can't have the distance %u to cell %u"), from,
                            sibling->value, sibling->id);
    return 0;
}

/* All distances of the document's cells, with the ways back and to the cells themselves. What is said for a way
 * outweighs what is said for its way back; the later outweighs the earlier in the former, the earlier in the latter. */
static int collect_distances(NumaCell **order, unsigned n, GArray *all, ElementParse *parse)
{
    int64_t step = 1;

    for (unsigned i = 0; i < n; i++) {
        const NumaDistances *distances = order[i]->distances;
        unsigned from = order[i]->id;

        for (unsigned j = 0; distances && j < distances->n_siblings; j++, step++) {
            const NumaSibling *sibling = distances->siblings[j];
            const Distance found[] = {
                { from, sibling->id, sibling->value, step },
                { sibling->id, from, sibling->value, -step },
                { from, from, DISTANCE_LOCAL, 0 },
                { sibling->id, sibling->id, DISTANCE_LOCAL, 0 },
            };

            if (check_distance(from, sibling, n, parse) < 0)
                return -1;
            g_array_append_vals(all, found, G_N_ELEMENTS(found));
        }
        order[i]->distances = NULL;
    }
    return 0;
}

static void add_distance(NumaCell *cell, const Distance *distance, Arena *arena)
{
    NumaSibling *sibling = ELEMENT_NEW(arena, NumaSibling);

    sibling->id = distance->to;
    sibling->value = distance->value;
    sibling->has_id = sibling->has_value = true;
    if (!cell->distances)
        cell->distances = ELEMENT_NEW(arena, NumaDistances);
    element_list_add(arena, (void ***)&cell->distances->siblings, &cell->distances->n_siblings, sibling);
}

static int fill_distances(Numa *numa, NumaCell **order, ElementParse *parse)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Distance));
    const Distance *last = NULL;

    if (collect_distances(order, numa->n_cells, all, parse) < 0)
        return -1;
    g_array_sort(all, compare_distances);
    for (unsigned i = 0; i < all->len; i++) {
        const Distance *distance = &g_array_index(all, Distance, i);

        if (!last || last->from != distance->from || last->to != distance->to)
            add_distance(numa->cells[distance->from], distance, parse->arena);
        last = distance;
    }
    return 0;
}

int numa_parsed(void *self, ElementParse *parse)
{
    Numa *numa = self;
    NumaCell **order;

    if (numa->n_cells == 0)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<numa> needs a <cell> in it"));
    order = arena_memdup(parse->arena, numa->cells, numa->n_cells * sizeof *order);
    if (sort_cells(numa, order, parse) < 0 || fill_distances(numa, order, parse) < 0)
        return -1;
    return 0;
}

/* --- the host's CPU --------------------------------------------------------------------------- */

/* The first counter called tsc is kept, all others go. */
static void keep_tsc(HostCpu *cpu)
{
    unsigned n = cpu->n_counters;

    cpu->n_counters = 0;
    for (unsigned i = 0; i < n && cpu->n_counters == 0; i++)
        if (cpu->counters[i]->name && strcmp(cpu->counters[i]->name, "tsc") == 0)
            cpu->counters[cpu->n_counters++] = cpu->counters[i];
}

int host_cpu_parsed(void *self, ElementParse *parse)
{
    HostCpu *cpu = self;
    const char **names = arena_array(parse->arena, cpu->n_features + 1, sizeof *names);

    if (xml_attribute(element_node(parse), "mode", parse->arena))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED, _("The attribute 'mode' is not for the CPU of a host"));
    if (xml_attribute(element_node(parse), "migratable", parse->arena))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute 'migratable' is not for the CPU of a host"));
    for (unsigned i = 0; i < cpu->n_features; i++)
        names[i] = cpu->features[i]->name;
    names[cpu->n_features] = NULL;
    keep_tsc(cpu);
    return check_distinct(names, parse) < 0 ? -1 : element_refuse_several(parse, "cache", VIR_ERR_XML_ERROR);
}
