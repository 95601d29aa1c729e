/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about the host's NUMA nodes that give the guest's memory: who chooses them, and which cell of the guest
 * has its own. Pure functions of the config: any thread, no lock. */
#include <stdlib.h>

#include "base/i18n.h"
#include "conf/rules/common.h"

/* --- who chooses ----------------------------------------------------------------------------- */

static bool is_pinned(const DomainConfig *config)
{
    const CpuTune *tune = config->cputune;

    return config->vcpu.cpuset || (tune && (tune->n_vcpupins || tune->emulatorpin || tune->n_iothreadpins));
}

/* Who lets the host choose the CPUs lets it choose their memory, when nothing is said of that. */
static NumaTuneMemory *memory_of(DomainConfig *config, DomainCheck *check)
{
    if (config->numatune && config->numatune->memory)
        return config->numatune->memory;
    if (config->vcpu.placement != VCPU_PLACEMENT_AUTO)
        return NULL;
    if (!config->numatune)
        config->numatune = ELEMENT_NEW(check->arena, NumaTune);
    config->numatune->memory = ELEMENT_NEW(check->arena, NumaTuneMemory);
    config->numatune->memory->placement = NUMA_TUNE_PLACEMENT_AUTO;
    return config->numatune->memory;
}

/* After the pins are settled. */
int rule_numa_placement(DomainConfig *config, DomainCheck *check)
{
    NumaTuneMemory *memory = memory_of(config, check);

    if (!memory)
        return 0;
    /* <memory/> says nothing, not even that nobody chooses. */
    if (!memory->mode && !memory->placement && !memory->nodeset)
        return 0;
    if (memory->mode == NUMA_TUNE_MODE_ABSENT)
        memory->mode = NUMA_TUNE_MODE_STRICT;
    if (memory->placement == NUMA_TUNE_PLACEMENT_ABSENT || memory->placement == NUMA_TUNE_PLACEMENT_DEFAULT)
        memory->placement = memory->nodeset || config->vcpu.placement == VCPU_PLACEMENT_STATIC
                                ? NUMA_TUNE_PLACEMENT_STATIC : NUMA_TUNE_PLACEMENT_AUTO;
    if (memory->placement == NUMA_TUNE_PLACEMENT_STATIC)
        return 0;
    memory->nodeset = NULL;
    if (!is_pinned(config))
        config->vcpu.placement = VCPU_PLACEMENT_AUTO;
    return 0;
}

/* --- cells of the guest ---------------------------------------------------------------------- */

static int compare_nodes(const void *a, const void *b)
{
    const NumaTuneNode *one = *(NumaTuneNode *const *)a, *other = *(NumaTuneNode *const *)b;

    return number_order(one->cellid, other->cellid);
}

int rule_numa_node_order(DomainConfig *config, DomainCheck *check)
{
    NumaTune *tune = config->numatune;

    (void)check;
    if (tune && tune->n_memnodes)
        qsort(tune->memnodes, tune->n_memnodes, sizeof *tune->memnodes, compare_nodes);
    return 0;
}

static int check_node(const NumaTuneNode *node, const NumaTuneMemory *memory, unsigned n_cells, DomainCheck *check)
{
    if (node->cellid >= n_cells)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The attribute cellid='%u' of <memnode> is none of the guest's %u NUMA cells"),
                           node->cellid, n_cells);
    if (memory && memory->mode == NUMA_TUNE_MODE_RESTRICTIVE && node->mode != NUMA_TUNE_MODE_RESTRICTIVE)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("<memnode> of the cell %u has the mode '%s', but that of <memory> is 'restrictive'"),
                           node->cellid, element_word(&numa_tune_mode_words, node->mode));
    return 0;
}

static int check_nodes(const NumaTune *tune, unsigned n_cells, DomainCheck *check)
{
    if (tune->memory && tune->memory->placement == NUMA_TUNE_PLACEMENT_AUTO)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<memnode> doesn't go with the placement 'auto' of <memory>"));
    for (unsigned i = 0; i < tune->n_memnodes; i++) {
        const NumaTuneNode *node = tune->memnodes[i];

        if (check_node(node, tune->memory, n_cells, check) < 0)
            return -1;
        if (i > 0 && tune->memnodes[i - 1]->cellid == node->cellid)
            return domain_fail(check, VIR_ERR_XML_ERROR, _("Two <memnode> have the cellid %u"), node->cellid);
    }
    return 0;
}

/* After placement and order are settled. */
int rule_numa_nodes(DomainConfig *config, DomainCheck *check)
{
    const NumaTune *tune = config->numatune;
    const NumaTuneMemory *memory = tune ? tune->memory : NULL;

    if (memory && memory->placement == NUMA_TUNE_PLACEMENT_STATIC && !memory->nodeset)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<memory> of <numatune> has no nodeset, but the placement 'static' needs one"));
    return tune && tune->n_memnodes ? check_nodes(tune, domain_cell_count(config), check) : 0;
}
