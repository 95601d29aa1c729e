/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about the guest's memory: the total against NUMA cells, modules, balloon and limit; and huge pages
 * against NUMA cells. Pure functions of the config: any thread, no lock. */
#include <inttypes.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "conf/rules/common.h"

#define TOTAL_MAX ((uint64_t)INT64_MAX / 1024)    /* KiB */

/* --- amounts --------------------------------------------------------------------------------- */

static int add(uint64_t *sum, uint64_t more, DomainCheck *check)
{
    if (__builtin_add_overflow(*sum, more, sum) || *sum > TOTAL_MAX)
        return domain_fail(check, VIR_ERR_OVERFLOW,
                           _("The NUMA cells and the memory modules have together more than %" PRIu64 " KiB"),
                           TOTAL_MAX);
    return 0;
}

static int sum_cells(const DomainConfig *config, uint64_t *sum, DomainCheck *check)
{
    for (unsigned i = 0; i < domain_cell_count(config); i++)
        if (add(sum, config->cpu->numa->cells[i]->memory, check) < 0)
            return -1;
    return 0;
}

static int sum_modules(const DomainConfig *config, uint64_t *sum, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_memories; i++)
        if (add(sum, config->devices.memories[i]->target.size, check) < 0)
            return -1;
    return 0;
}

int rule_memory(DomainConfig *config, DomainCheck *check)
{
    uint64_t total = config->memory.value, cells = 0, modules = 0;

    if (sum_modules(config, &modules, check) < 0 || (total == 0 && sum_cells(config, &cells, check) < 0))
        return -1;
    if (cells > 0) {
        total = modules;
        if (add(&total, cells, check) < 0)
            return -1;
    }
    if (modules > total)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The memory modules have %" PRIu64 " KiB, <memory> only %" PRIu64),
                           modules, total);
    if (modules == total)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("There is no memory at the start, neither in <memory> nor in NUMA cells"));
    config->memory.value = total;
    config->memory.has_value = config->has_memory = true;
    if (config->current_memory == 0 || config->current_memory > total)
        config->current_memory = total;
    config->has_current_memory = true;
    return 0;
}

/* A limit of 0 without slots is none. */
int rule_max_memory(DomainConfig *config, DomainCheck *check)
{
    const MaxMemory *limit = config->max_memory;

    if (!limit)
        return 0;
    if (limit->value == 0 && limit->slots == 0) {
        config->max_memory = NULL;
        return 0;
    }
    if (limit->value == 0 || limit->slots == 0)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("<maxMemory> needs both an amount and slots, but has %" PRIu64
                             " KiB and %u slots"), limit->value, limit->slots);
    if (limit->value < config->memory.value)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("<maxMemory> has %" PRIu64 " KiB, less than the %" PRIu64
                             " of <memory>"), limit->value, config->memory.value);
    return 0;
}

/* --- huge pages ------------------------------------------------------------------------------ */

static const HugePages *config_pages(const DomainConfig *config)
{
    return config->memory_backing ? config->memory_backing->hugepages : NULL;
}

/* A guest without cells is one that has the cell 0 alone. */
int rule_huge_pages_without_cells(DomainConfig *config, DomainCheck *check)
{
    const HugePages *pages = config_pages(config);
    CpuSet set;

    (void)check;
    for (unsigned i = 0; pages && domain_cell_count(config) == 0 && i < pages->n_pages; i++) {
        HugePage *page = pages->pages[i];

        if (page->nodeset && cpuset_parse(page->nodeset, &set) && cpuset_next(&set, 1) < 0)
            page->nodeset = NULL;
    }
    return 0;
}

static const HugePage *page_of_cell(const HugePages *pages, int cell)
{
    CpuSet set;

    for (unsigned i = 0; i < pages->n_pages; i++)
        if (pages->pages[i]->nodeset && cpuset_parse(pages->pages[i]->nodeset, &set)
            && cpuset_contains(&set, (unsigned)cell))
            return pages->pages[i];
    return NULL;
}

static int refuse_shared_cell(const HugePages *pages, const HugePage *page, int cell, DomainCheck *check)
{
    return domain_fail(check, VIR_ERR_XML_DETAIL,
                       _("The huge pages of %" PRIu64 " KiB and of %" PRIu64
                         " KiB are both for the NUMA cell %d"), page_of_cell(pages, cell)->size, page->size, cell);
}

/* `taken`: the cells of the pages before. */
static int check_cells(const HugePages *pages, const HugePage *page, unsigned n_cells, CpuSet *taken,
                       DomainCheck *check)
{
    CpuSet set;
    int cell;

    if (!cpuset_parse(page->nodeset, &set))
        return 0;    /* can't be: the table has parsed it */
    for (cell = cpuset_next(&set, 0); cell >= 0; cell = cpuset_next(&set, (unsigned)cell + 1))
        if (cpuset_contains(taken, (unsigned)cell))
            return refuse_shared_cell(pages, page, cell, check);
    cell = cpuset_next(&set, n_cells);
    if (cell >= 0)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The attribute nodeset='%s' of <page> names the NUMA cell %d, which the guest hasn't"),
                           page->nodeset, cell);
    cpuset_unite(taken, &set);
    return 0;
}

int rule_huge_pages(DomainConfig *config, DomainCheck *check)
{
    const HugePages *pages = config_pages(config);
    const HugePage *rest = NULL;
    CpuSet taken = { { 0 } };

    for (unsigned i = 0; pages && i < pages->n_pages; i++) {
        const HugePage *page = pages->pages[i];

        if (page->nodeset) {
            if (check_cells(pages, page, domain_cell_count(config), &taken, check) < 0)
                return -1;
            continue;
        }
        if (rest)
            return domain_fail(check, VIR_ERR_XML_DETAIL,
                               _("The huge pages of %" PRIu64 " KiB and of %" PRIu64
                                 " KiB are both for all NUMA cells that no other <page> names"),
                               rest->size, page->size);
        rest = page;
    }
    return 0;
}
