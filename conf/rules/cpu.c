/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about a guest's CPU that need more than the element itself: its topology and NUMA cells against the
 * number of virtual CPUs, and the cells against one another.
 * Pure functions of the config: any thread, no lock. */
#include <limits.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "conf/rules/rules.h"

#define CACHE_LEVEL_MAX 3

static const Numa *config_numa(const DomainConfig *config)
{
    return config->cpu ? config->cpu->numa : NULL;
}

/* --- model and topology ----------------------------------------------------------------------- */

int rule_cpu_check(DomainConfig *config, DomainCheck *check)
{
    const Cpu *cpu = config->cpu;

    if (cpu && cpu->mode == CPU_MODE_ABSENT && cpu->check != CPU_CHECK_ABSENT)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute check='%s' of <cpu> needs a CPU model"),
                           element_word(&cpu_check_words, cpu->check));
    return 0;
}

int rule_cpu_topology(DomainConfig *config, DomainCheck *check)
{
    const CpuTopology *topology = config->cpu ? config->cpu->topology : NULL;
    unsigned cpus;

    if (topology
        && (__builtin_mul_overflow(topology->sockets, topology->dies, &cpus)
            || __builtin_mul_overflow(cpus, topology->cores, &cpus)
            || __builtin_mul_overflow(cpus, topology->threads, &cpus)))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<topology> has more than %u CPUs: %u sockets, %u dies, %u cores, %u threads"),
                           UINT_MAX, topology->sockets, topology->dies, topology->cores, topology->threads);
    return 0;
}

/* --- NUMA cells ------------------------------------------------------------------------------- */

static unsigned count_cpus(const CpuSet *set)
{
    unsigned n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(set->words); i++)
        n += (unsigned)__builtin_popcountll(set->words[i]);
    return n;
}

/* The CPUs of all cells. -1 and an error when one is in two of them. */
static int collect_cpus(const Numa *numa, CpuSet *all, DomainCheck *check)
{
    for (unsigned i = 0; i < numa->n_cells; i++) {
        const NumaCell *cell = numa->cells[i];
        CpuSet cpus;

        if (!cell->cpus || !cpuset_parse(cell->cpus, &cpus))
            continue;
        if (cpuset_overlaps(all, &cpus))
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("The attribute cpus='%s' of the NUMA cell %u has a virtual CPU of another cell"),
                               cell->cpus, i);
        cpuset_unite(all, &cpus);
    }
    return 0;
}

int rule_numa_cpus(DomainConfig *config, DomainCheck *check)
{
    const Numa *numa = config_numa(config);
    CpuSet all = { { 0 } };
    int beyond;

    if (!numa)
        return 0;
    if (collect_cpus(numa, &all, check) < 0)
        return -1;
    if (count_cpus(&all) > config->vcpu.value)
        return domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                           _("<numa> has %u virtual CPUs, <vcpu> only %u"), count_cpus(&all),
                           config->vcpu.value);
    beyond = cpuset_next(&all, config->vcpu.value);
    if (beyond >= 0)
        return domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                           _("<numa> names the virtual CPU %d, but <vcpu> has only %u"), beyond,
                           config->vcpu.value);
    return 0;
}

/* --- HMAT: memory-side caches, latency and bandwidth ------------------------------------------ */

int rule_numa_caches(DomainConfig *config, DomainCheck *check)
{
    const Numa *numa = config_numa(config);

    for (unsigned i = 0; numa && i < numa->n_cells; i++) {
        const NumaCell *cell = numa->cells[i];
        bool seen[CACHE_LEVEL_MAX + 1] = { false };

        for (unsigned j = 0; j < cell->n_caches; j++) {
            unsigned level = cell->caches[j]->level;

            if (level > CACHE_LEVEL_MAX)
                return domain_fail(check, VIR_ERR_XML_ERROR,
                                   _("The attribute level='%u' of <cache> of NUMA cell %u is above %d"),
                                   level, cell->id, CACHE_LEVEL_MAX);
            if (seen[level])
                return domain_fail(check, VIR_ERR_XML_ERROR, _("The NUMA cell %u has two caches of level %u"), cell->id,
                                   level);
            seen[level] = true;
        }
    }
    return 0;
}

static bool has_cache(const NumaCell *cell, unsigned level)
{
    for (unsigned i = 0; i < cell->n_caches; i++)
        if (cell->caches[i]->level == level)
            return true;
    return false;
}

static int check_link(const Numa *numa, const NumaLink *link, DomainCheck *check)
{
    const char *element = element_word(&numa_link_kind_words, link->kind);

    if (link->initiator >= numa->n_cells)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The attribute initiator='%u' of <%s> is no NUMA cell"), link->initiator,
                           element);
    if (link->target >= numa->n_cells)
        return domain_fail(check, VIR_ERR_XML_ERROR, _("The attribute target='%u' of <%s> is no NUMA cell"),
                           link->target, element);
    if (!numa->cells[link->initiator]->cpus)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The attribute initiator='%u' of <%s> is a NUMA cell without CPUs"),
                           link->initiator, element);
    if (link->cache > 0 && !has_cache(numa->cells[link->target], link->cache))
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The attribute cache='%u' of <%s> is no cache of the NUMA cell %u"),
                           link->cache, element, link->target);
    return 0;
}

/* A number for both cells and what is said of them. Documents are too short for 2^28 cells. */
static int64_t link_key(unsigned initiator, unsigned target, unsigned rest)
{
    return (int64_t)((uint64_t)initiator << 36 | (uint64_t)target << 8 | rest);
}

/* Neither the same thing is said twice, nor anything for both directions. `seen` holds keys. */
static int enter_link(const NumaLink *link, GHashTable *seen, DomainCheck *check)
{
    enum { PAIR = 0xff };
    const char *element = element_word(&numa_link_kind_words, link->kind);
    int64_t said = link_key(link->initiator, link->target, (unsigned)link->kind << 4 | link->type << 2 | link->cache);
    int64_t pair = link_key(link->initiator, link->target, PAIR);
    int64_t back = link_key(link->target, link->initiator, PAIR);

    if (g_hash_table_contains(seen, &said))
        return domain_fail(check, VIR_ERR_XML_ERROR, _("<%s> from NUMA cell %u to %u is there twice"),
                           element, link->initiator, link->target);
    if (link->initiator != link->target && g_hash_table_contains(seen, &back))
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("<%s> goes from NUMA cell %u to %u, but another one goes from %u to %u"),
                           element, link->initiator, link->target, link->target, link->initiator);
    g_hash_table_add(seen, arena_memdup(check->arena, &said, sizeof said));
    g_hash_table_add(seen, arena_memdup(check->arena, &pair, sizeof pair));
    return 0;
}

/* Comes after rule_numa_caches: the levels are small. */
int rule_numa_links(DomainConfig *config, DomainCheck *check)
{
    const Numa *numa = config_numa(config);
    const NumaLinks *links = numa ? numa->interconnects : NULL;
    g_autoptr(GHashTable) seen = NULL;

    if (!links)
        return 0;
    seen = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (unsigned i = 0; i < links->n_links; i++)
        if (check_link(numa, links->links[i], check) < 0 || enter_link(links->links[i], seen, check) < 0)
            return -1;
    return 0;
}
