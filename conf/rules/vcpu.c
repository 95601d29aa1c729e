/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about the number of virtual CPUs and I/O threads, and about each one of them.
 * Pure functions of the config: any thread, no lock. */
#include <stdlib.h>

#include "base/i18n.h"
#include "conf/rules/common.h"

/* --- virtual CPUs ---------------------------------------------------------------------------- */

/* A list that names each virtual CPU once, in order. Of several for one the last counts; what the document doesn't
 * name is disabled. */
static int spread_entries(Vcpus *vcpus, unsigned most, DomainCheck *check)
{
    VcpuEntry *all = arena_zalloc(check->arena, most * sizeof *all);

    for (unsigned i = 0; i < vcpus->n_entries; i++) {
        const VcpuEntry *given = vcpus->entries[i];

        if (given->id >= most)
            return domain_fail(check, VIR_ERR_XML_ERROR,
                               _("<vcpus> names the virtual CPU %u, but <vcpu> has only %u"), given->id, most);
        all[given->id] = *given;
    }
    vcpus->entries = NULL;
    vcpus->n_entries = 0;
    for (unsigned i = 0; i < most; i++) {
        all[i].id = i;
        all[i].has_id = true;
        element_list_add(check->arena, (void ***)&vcpus->entries, &vcpus->n_entries, &all[i]);
    }
    return 0;
}

/* What a virtual CPU that isn't there at the start would be for, if it couldn't be added later. */
static int settle_entry(VcpuEntry *entry, DomainCheck *check)
{
    bool enabled = entry->enabled == TRISTATE_YES;

    if (!enabled)
        entry->enabled = TRISTATE_NO;
    if (entry->hotpluggable == TRISTATE_ABSENT)
        entry->hotpluggable = enabled ? TRISTATE_NO : TRISTATE_YES;
    if (!enabled && entry->hotpluggable == TRISTATE_NO)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The virtual CPU %u is neither enabled nor hotpluggable"), entry->id);
    return 0;
}

static int settle_entries(DomainConfig *config, DomainCheck *check)
{
    Vcpus *vcpus = config->vcpus;
    unsigned enabled = 0;

    if (spread_entries(vcpus, config->vcpu.value, check) < 0)
        return -1;
    for (unsigned i = 0; i < vcpus->n_entries; i++) {
        if (settle_entry(vcpus->entries[i], check) < 0)
            return -1;
        enabled += vcpus->entries[i]->enabled == TRISTATE_YES;
    }
    config->vcpu.current = enabled;
    return 0;
}

int rule_vcpus(DomainConfig *config, DomainCheck *check)
{
    Vcpu *vcpu = &config->vcpu;

    if (!config->has_vcpu) {
        vcpu->value = 1;
        vcpu->has_value = config->has_vcpu = true;
        vcpu->placement = VCPU_PLACEMENT_STATIC;
    }
    if (vcpu->value == 0)
        return domain_fail(check, VIR_ERR_INTERNAL_ERROR, _("<vcpu> has to have 1 virtual CPU at least"));
    if (!vcpu->has_current)
        vcpu->current = vcpu->value;
    vcpu->has_current = true;
    if (config->vcpus && config->vcpus->n_entries)
        return settle_entries(config, check);
    config->vcpus = NULL;
    if (vcpu->current > vcpu->value)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute current='%u' of <vcpu> is above its maximum %u"), vcpu->current,
                           vcpu->value);
    return 0;
}

/* --- I/O threads ----------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    return number_order(*(const unsigned *)a, *(const unsigned *)b);
}

/* The numbers of the threads in order, 0 at the end. NULL and an error when one is there twice. */
static unsigned *sorted_numbers(const IothreadIds *threads, DomainCheck *check)
{
    unsigned n = threads->n_iothreads;
    unsigned *numbers = arena_zalloc(check->arena, (n + 1) * sizeof *numbers);

    for (unsigned i = 0; i < n; i++)
        numbers[i] = threads->iothreads[i]->id;
    qsort(numbers, n, sizeof *numbers, compare_numbers);
    for (unsigned i = 1; i < n; i++)
        if (numbers[i] == numbers[i - 1]) {
            domain_fail(check, VIR_ERR_XML_ERROR, _("Two <iothread> have the id %u"), numbers[i]);
            return NULL;
        }
    return numbers;
}

/* Without numbers, the threads have 1, 2, … and nothing is said of them; with some, all have one. */
int rule_iothreads(DomainConfig *config, DomainCheck *check)
{
    IothreadIds *threads = config->iothreadids;
    unsigned next = 1;
    const unsigned *taken;

    if (!threads || threads->n_iothreads == 0)
        return 0;
    taken = sorted_numbers(threads, check);
    if (!taken)
        return -1;
    while (threads->n_iothreads < config->iothreads) {
        Iothread *thread;

        for (; next == *taken; next++)
            taken++;
        thread = ELEMENT_NEW(check->arena, Iothread);
        thread->id = next++;
        thread->has_id = true;
        element_list_add(check->arena, (void ***)&threads->iothreads, &threads->n_iothreads, thread);
    }
    config->iothreads = threads->n_iothreads;
    config->has_iothreads = true;
    return 0;
}

/* -1: not given. */
static int check_pool(int least, int most, const char *element, DomainCheck *check)
{
    if (most == 0)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute thread_pool_max='0' of <%s> leaves no thread"), element);
    if (least > most)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute thread_pool_min='%d' of <%s> needs a thread_pool_max that "
                             "is not below it"), least, element);
    return 0;
}

int rule_thread_pools(DomainConfig *config, DomainCheck *check)
{
    const IothreadIds *threads = config->iothreadids;
    const DefaultIothread *rest = config->defaultiothread;

    for (unsigned i = 0; threads && i < threads->n_iothreads; i++) {
        const Iothread *thread = threads->iothreads[i];

        if (check_pool(thread->has_thread_pool_min ? thread->thread_pool_min : -1,
                       thread->has_thread_pool_max ? thread->thread_pool_max : -1, "iothread", check) < 0)
            return -1;
    }
    if (!rest)
        return 0;
    return check_pool(rest->has_thread_pool_min ? rest->thread_pool_min : -1,
                      rest->has_thread_pool_max ? rest->thread_pool_max : -1, "defaultiothread", check);
}
