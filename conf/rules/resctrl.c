/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about groups of virtual CPUs that share parts of the CPU's cache and of the memory bandwidth (Linux:
 * resctrl). A group is a set of virtual CPUs; no two overlap. <cachetune> makes one, <memorytune> makes one or adds
 * to the one that has just its virtual CPUs. The lists are arranged in the order of the groups.
 * Pure functions of the config: any thread, no lock. Each virtual CPU is looked at once for each element that names
 * it, so a long document takes no more than its length. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "conf/rules/common.h"

typedef enum MonitorKind { MONITOR_CACHE, MONITOR_BANDWIDTH } MonitorKind;

typedef struct Group {
    const char *vcpus;
    CacheTune *cache;                /* NULL: no part of a cache and no counter of it */
    MemoryBandwidthTune *bandwidth;
    bool allocates;                  /* keeps or limits something, does not only count */
    bool counts_whole[2];            /* has a counter of all its virtual CPUs, by MonitorKind */
    bool counts_part;                /* has a counter of some of them */
} Group;

/* A counter of some of a group's virtual CPUs. */
typedef struct Part {
    const char *vcpus;
    bool kinds[2];
} Part;

typedef struct Groups {
    DomainCheck *check;
    unsigned n_vcpus;
    Group **groups;
    unsigned n_groups;
    CpuSet taken;        /* the virtual CPUs of all of them */
    Group **group_of;    /* by virtual CPU; NULL: none */
    Part **part_of;      /* by virtual CPU; NULL: none */
} Groups;

/* The virtual CPUs of an element, without those that the guest can't have. NULL and an error when it is no set. */
static const char *read_vcpus(Groups *groups, const char *text, const char *element, CpuSet *set)
{
    if (!cpuset_parse(text, set)) {
        domain_fail(groups->check, VIR_ERR_XML_ERROR,
                    _("The attribute vcpus='%s' of <%s> is no set of CPUs"), text, element);
        return NULL;
    }
    cpuset_limit(set, groups->n_vcpus);
    return cpuset_format(set, groups->check->arena);
}

/* --- groups ---------------------------------------------------------------------------------- */

/* *found: the group of just these virtual CPUs, NULL when there is none. -1 and an error when others overlap. */
static int find_group(Groups *groups, const CpuSet *set, const char *vcpus, Group **found)
{
    *found = groups->group_of[cpuset_next(set, 0)];
    if (*found && strcmp((*found)->vcpus, vcpus) == 0)
        return 0;
    *found = NULL;
    if (!cpuset_overlaps(&groups->taken, set))
        return 0;
    for (int vcpu = cpuset_next(set, 0); vcpu >= 0; vcpu = cpuset_next(set, (unsigned)vcpu + 1))
        if (groups->group_of[vcpu])
            return domain_fail(groups->check, VIR_ERR_XML_ERROR,
                               _("The virtual CPUs '%s' and '%s' of <cachetune> and <memorytune> overlap"),
                               groups->group_of[vcpu]->vcpus, vcpus);
    return 0;
}

static void enter_group(Groups *groups, Group *group, const CpuSet *set)
{
    element_list_add(groups->check->arena, (void ***)&groups->groups, &groups->n_groups, group);
    cpuset_unite(&groups->taken, set);
    for (int vcpu = cpuset_next(set, 0); vcpu >= 0; vcpu = cpuset_next(set, (unsigned)vcpu + 1))
        groups->group_of[vcpu] = group;
}

/* --- counters -------------------------------------------------------------------------------- */

static int refuse_same_counter(Groups *groups, const char *vcpus)
{
    return domain_fail(groups->check, VIR_ERR_INVALID_ARG, _("Two <monitor> of the same kind have vcpus='%s'"),
                       vcpus);
}

static int refuse_overlap(Groups *groups, const char *vcpus)
{
    return domain_fail(groups->check, VIR_ERR_INVALID_ARG,
                       _("<monitor> with vcpus='%s' overlaps another one"), vcpus);
}

static int count_whole(Groups *groups, Group *group, MonitorKind kind)
{
    if (group->counts_whole[kind])
        return refuse_same_counter(groups, group->vcpus);
    if (!group->allocates && group->counts_part)
        return refuse_overlap(groups, group->vcpus);
    group->counts_whole[kind] = true;
    return 0;
}

/* Counters of a part may not overlap, but there may be one of each kind for the same virtual CPUs. */
static int count_part(Groups *groups, Group *group, const CpuSet *set, const char *vcpus, MonitorKind kind)
{
    Part *part = groups->part_of[cpuset_next(set, 0)];

    if (part && strcmp(part->vcpus, vcpus) == 0) {
        if (part->kinds[kind])
            return refuse_same_counter(groups, vcpus);
        part->kinds[kind] = true;
        return 0;
    }
    if (!group->allocates && (group->counts_whole[MONITOR_CACHE] || group->counts_whole[MONITOR_BANDWIDTH]))
        return refuse_overlap(groups, vcpus);
    part = arena_zalloc(groups->check->arena, sizeof *part);
    part->vcpus = vcpus;
    part->kinds[kind] = true;
    for (int vcpu = cpuset_next(set, 0); vcpu >= 0; vcpu = cpuset_next(set, (unsigned)vcpu + 1)) {
        if (groups->part_of[vcpu])
            return refuse_overlap(groups, vcpus);
        groups->part_of[vcpu] = part;
    }
    group->counts_part = true;
    return 0;
}

/* *text: the monitor's attribute, which is normalised. */
static int settle_monitor(Groups *groups, Group *group, const CpuSet *all, const char **text, MonitorKind kind)
{
    CpuSet set;
    const char *vcpus = read_vcpus(groups, *text, "monitor", &set);

    if (!vcpus)
        return -1;
    if (cpuset_is_empty(&set))
        return domain_fail(groups->check, VIR_ERR_INVALID_ARG,
                           _("The attribute vcpus='%s' of <monitor> has none of the guest's virtual CPUs"), *text);
    if (!cpuset_covers(all, &set))
        return domain_fail(groups->check, VIR_ERR_INVALID_ARG,
                           _("The attribute vcpus='%s' of <monitor> has others than the vcpus='%s' around it"),
                           *text, group->vcpus);
    *text = vcpus;
    if (strcmp(vcpus, group->vcpus) == 0)
        return count_whole(groups, group, kind);
    return count_part(groups, group, &set, vcpus, kind);
}

/* --- caches ---------------------------------------------------------------------------------- */

static int compare_shares(const void *a, const void *b)
{
    const CacheShare *one = *(CacheShare *const *)a, *other = *(CacheShare *const *)b;
    int rc = number_order(one->level, other->level);

    if (rc == 0)
        rc = number_order(one->type, other->type);
    return rc ? rc : number_order(one->id, other->id);
}

static int compare_caches(const void *a, const void *b)
{
    const CacheShare *one = *(CacheShare *const *)a, *other = *(CacheShare *const *)b;
    int rc = number_order(one->level, other->level);

    if (rc == 0)
        rc = number_order(one->id, other->id);
    return rc ? rc : number_order(one->type, other->type);
}

/* Of one cache there may be a part for code and one for data, or one for both. Leaves the shares in libvirt's order. */
static int arrange_shares(Groups *groups, CacheTune *tune)
{
    if (tune->n_caches == 0)
        return 0;
    qsort(tune->caches, tune->n_caches, sizeof *tune->caches, compare_caches);
    for (unsigned i = 1; i < tune->n_caches; i++) {
        const CacheShare *before = tune->caches[i - 1], *share = tune->caches[i];

        if (before->level == share->level && before->id == share->id
            && (before->type == CACHE_TYPE_BOTH || before->type == share->type))
            return domain_fail(groups->check, VIR_ERR_XML_ERROR,
                               _("Two <cache> are about the cache level='%u' id='%u' of the type '%s'"),
                               share->level,
                               share->id, element_word(&cache_type_words, share->type));
    }
    qsort(tune->caches, tune->n_caches, sizeof *tune->caches, compare_shares);
    return 0;
}

static int settle_cache(Groups *groups, CacheTune *tune)
{
    Group *group;
    CpuSet set;
    const char *vcpus = read_vcpus(groups, tune->vcpus, "cachetune", &set);

    if (!vcpus)
        return -1;
    if (cpuset_is_empty(&set))
        return 0;
    if (find_group(groups, &set, vcpus, &group) < 0)
        return -1;
    if (group)
        return domain_fail(groups->check, VIR_ERR_XML_ERROR, _("Two <cachetune> have vcpus='%s'"), vcpus);
    if (arrange_shares(groups, tune) < 0)
        return -1;
    group = arena_zalloc(groups->check->arena, sizeof *group);
    group->vcpus = tune->vcpus = vcpus;
    group->cache = tune;
    group->allocates = tune->n_caches > 0;
    for (unsigned i = 0; i < tune->n_monitors; i++)
        if (settle_monitor(groups, group, &set, &tune->monitors[i]->vcpus, MONITOR_CACHE) < 0)
            return -1;
    if (tune->n_caches || tune->n_monitors)
        enter_group(groups, group, &set);
    return 0;
}

/* --- bandwidth ------------------------------------------------------------------------------- */

static int compare_nodes(const void *a, const void *b)
{
    const MemoryBandwidth *one = *(MemoryBandwidth *const *)a, *other = *(MemoryBandwidth *const *)b;

    return number_order(one->id, other->id);
}

static int arrange_nodes(Groups *groups, MemoryBandwidthTune *tune)
{
    if (tune->n_nodes == 0)
        return 0;
    qsort(tune->nodes, tune->n_nodes, sizeof *tune->nodes, compare_nodes);
    for (unsigned i = 1; i < tune->n_nodes; i++)
        if (tune->nodes[i]->id == tune->nodes[i - 1]->id)
            return domain_fail(groups->check, VIR_ERR_XML_ERROR,
                               _("Two <node> of <memorytune> with vcpus='%s' have the id %u"), tune->vcpus,
                               tune->nodes[i]->id);
    return 0;
}

/* What `more` has goes into the group's element of that name. */
static void join_bandwidth(Groups *groups, Group *group, MemoryBandwidthTune *more)
{
    MemoryBandwidthTune *tune = group->bandwidth;
    Arena *arena = groups->check->arena;

    if (!tune) {
        group->bandwidth = more;
        return;
    }
    for (unsigned i = 0; i < more->n_nodes; i++)
        element_list_add(arena, (void ***)&tune->nodes, &tune->n_nodes, more->nodes[i]);
    for (unsigned i = 0; i < more->n_monitors; i++)
        element_list_add(arena, (void ***)&tune->monitors, &tune->n_monitors, more->monitors[i]);
}

static int settle_bandwidth(Groups *groups, MemoryBandwidthTune *given)
{
    Group *group;
    CpuSet set;
    const char *vcpus = read_vcpus(groups, given->vcpus, "memorytune", &set);
    bool is_new;

    if (!vcpus)
        return -1;
    if (cpuset_is_empty(&set))
        return 0;
    if (find_group(groups, &set, vcpus, &group) < 0)
        return -1;
    if (given->n_nodes == 0 && given->n_monitors == 0)
        return 0;
    is_new = !group;
    if (is_new)
        group = arena_zalloc(groups->check->arena, sizeof *group);
    group->vcpus = given->vcpus = vcpus;
    join_bandwidth(groups, group, given);
    group->allocates |= given->n_nodes > 0;
    for (unsigned i = 0; i < given->n_monitors; i++)
        if (settle_monitor(groups, group, &set, &given->monitors[i]->vcpus, MONITOR_BANDWIDTH) < 0)
            return -1;
    if (is_new)
        enter_group(groups, group, &set);
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* The lists anew from the groups, each with the name that it has on the host. */
static int list_groups(Groups *groups, CpuTune *tune)
{
    Arena *arena = groups->check->arena;

    tune->cachetunes = NULL;
    tune->memorytunes = NULL;
    tune->n_cachetunes = tune->n_memorytunes = 0;
    for (unsigned i = 0; i < groups->n_groups; i++) {
        Group *group = groups->groups[i];
        const char *id = group->cache ? group->cache->id : group->bandwidth->id;

        if (!id)
            id = arena_printf(arena, "vcpus_%s", group->vcpus);
        if (group->cache) {
            group->cache->id = id;
            element_list_add(arena, (void ***)&tune->cachetunes, &tune->n_cachetunes, group->cache);
        }
        if (group->bandwidth) {
            group->bandwidth->id = id;
            if (arrange_nodes(groups, group->bandwidth) < 0)
                return -1;
            element_list_add(arena, (void ***)&tune->memorytunes, &tune->n_memorytunes, group->bandwidth);
        }
    }
    return 0;
}

/* After the virtual CPUs are settled. */
int rule_resctrl(DomainConfig *config, DomainCheck *check)
{
    CpuTune *tune = config->cputune;
    Groups groups = { .check = check, .n_vcpus = config->vcpu.value };

    if (!tune || (tune->n_cachetunes == 0 && tune->n_memorytunes == 0))
        return 0;
    groups.group_of = arena_zalloc(check->arena, CPUSET_SIZE * sizeof *groups.group_of);
    groups.part_of = arena_zalloc(check->arena, CPUSET_SIZE * sizeof *groups.part_of);
    for (unsigned i = 0; i < tune->n_cachetunes; i++)
        if (settle_cache(&groups, tune->cachetunes[i]) < 0)
            return -1;
    for (unsigned i = 0; i < tune->n_memorytunes; i++)
        if (settle_bandwidth(&groups, tune->memorytunes[i]) < 0)
            return -1;
    return list_groups(&groups, tune);
}
