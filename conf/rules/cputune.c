/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about the guest's share of the host's CPUs: pins and schedulers of virtual CPUs and I/O threads are
 * arranged as one element for each, in the order of these; periods and quotas have their limits.
 * Pure functions of the config: any thread, no lock. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "conf/rules/common.h"

#define PERIOD_MIN 1000          /* microseconds */
#define PERIOD_MAX 1000000
#define QUOTA_MIN 1000
#define QUOTA_MAX 17592186044415
#define SHARES_MIN 2
#define SHARES_MAX 262144

/* --- virtual CPUs ---------------------------------------------------------------------------- */

/* The set of a pin, normalised; NULL and an error. */
static const char *settle_cpuset(const VcpuPin *pin, DomainCheck *check)
{
    CpuSet set;

    if (!pin->cpuset) {
        domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                    _("<vcpupin> of the virtual CPU %u has no attribute 'cpuset'"), pin->vcpu);
        return NULL;
    }
    if (!cpuset_parse(pin->cpuset, &set)) {
        domain_fail(check, VIR_ERR_INVALID_ARG,
                    _("The attribute cpuset='%s' of <vcpupin> is no set of CPUs"), pin->cpuset);
        return NULL;
    }
    if (cpuset_is_empty(&set)) {
        domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                    _("The attribute cpuset='%s' of <vcpupin> leaves no CPU"), pin->cpuset);
        return NULL;
    }
    return cpuset_format(&set, check->arena);
}

/* Replaces a list by the members of `slots` that are not NULL. */
static void gather(void **slots, unsigned n_slots, void ***items, unsigned *n, Arena *arena)
{
    *items = NULL;
    *n = 0;
    for (unsigned i = 0; i < n_slots; i++)
        if (slots[i])
            element_list_add(arena, items, n, slots[i]);
}

static int arrange_vcpu_pins(CpuTune *tune, unsigned n_vcpus, DomainCheck *check)
{
    VcpuPin **slots = arena_zalloc(check->arena, n_vcpus * sizeof *slots);

    for (unsigned i = 0; i < tune->n_vcpupins; i++) {
        VcpuPin *pin = tune->vcpupins[i];

        if (pin->vcpu >= n_vcpus)
            continue;    /* may be a leftover of more virtual CPUs: libvirt lets it go */
        if (pin->cpuset && slots[pin->vcpu])
            return domain_fail(check, VIR_ERR_INTERNAL_ERROR, _("Two <vcpupin> are for the virtual CPU %u"),
                               pin->vcpu);
        pin->cpuset = settle_cpuset(pin, check);
        if (!pin->cpuset)
            return -1;
        slots[pin->vcpu] = pin;
    }
    gather((void **)slots, n_vcpus, (void ***)&tune->vcpupins, &tune->n_vcpupins, check->arena);
    return 0;
}

static int place_vcpu_sched(const VcpuSched *given, VcpuSched **slots, unsigned n_vcpus, DomainCheck *check)
{
    CpuSet set;

    if (!cpuset_parse(given->vcpus, &set))
        return 0;    /* can't be: the table has parsed it */
    for (int vcpu = cpuset_next(&set, 0); vcpu >= 0; vcpu = cpuset_next(&set, (unsigned)vcpu + 1)) {
        if ((unsigned)vcpu >= n_vcpus)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("<vcpusched> names the virtual CPU %d, but <vcpu> has only %u"), vcpu,
                               n_vcpus);
        if (slots[vcpu])
            return domain_fail(check, VIR_ERR_XML_DETAIL, _("Two <vcpusched> are for the virtual CPU %d"), vcpu);
        slots[vcpu] = arena_memdup(check->arena, given, sizeof *given);
        slots[vcpu]->vcpus = arena_printf(check->arena, "%d", vcpu);
    }
    return 0;
}

static int arrange_vcpu_scheds(CpuTune *tune, unsigned n_vcpus, DomainCheck *check)
{
    VcpuSched **slots = arena_zalloc(check->arena, n_vcpus * sizeof *slots);

    for (unsigned i = 0; i < tune->n_vcpuscheds; i++)
        if (place_vcpu_sched(tune->vcpuscheds[i], slots, n_vcpus, check) < 0)
            return -1;
    gather((void **)slots, n_vcpus, (void ***)&tune->vcpuscheds, &tune->n_vcpuscheds, check->arena);
    return 0;
}

/* --- I/O threads ----------------------------------------------------------------------------- */

/* Where each I/O thread stands in the document. */
typedef struct ThreadPlace {
    unsigned id, at;
} ThreadPlace;

typedef struct Threads {
    ThreadPlace *places;    /* by id; NULL: the threads have the numbers 1 to n */
    unsigned n;
} Threads;

static int compare_places(const void *a, const void *b)
{
    const ThreadPlace *one = a, *other = b;

    return number_order(one->id, other->id);
}

static Threads threads_of(const DomainConfig *config, DomainCheck *check)
{
    const IothreadIds *ids = config->iothreadids;
    Threads threads = { NULL, config->iothreads };

    if (!ids || ids->n_iothreads == 0)
        return threads;
    threads.n = ids->n_iothreads;
    threads.places = arena_array(check->arena, threads.n, sizeof *threads.places);
    for (unsigned i = 0; i < threads.n; i++)
        threads.places[i] = (ThreadPlace){ ids->iothreads[i]->id, i };
    qsort(threads.places, threads.n, sizeof *threads.places, compare_places);
    return threads;
}

/* The thread's place, or -1 and an error. `element` names who asks. */
static int find_thread(const Threads *threads, unsigned id, const char *element, DomainCheck *check)
{
    ThreadPlace key = { id, 0 };
    const ThreadPlace *found;

    if (!threads->places && id > 0 && id <= threads->n)
        return (int)id - 1;
    found = threads->places ? bsearch(&key, threads->places, threads->n, sizeof key, compare_places) : NULL;
    if (found)
        return (int)found->at;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("<%s> names the I/O thread %u, which doesn't exist"), element, id);
}

static int arrange_thread_pins(CpuTune *tune, const Threads *threads, DomainCheck *check)
{
    IothreadPin **slots = arena_zalloc(check->arena, threads->n * sizeof *slots);

    for (unsigned i = 0; i < tune->n_iothreadpins; i++) {
        IothreadPin *pin = tune->iothreadpins[i];
        int at = find_thread(threads, pin->iothread, "iothreadpin", check);

        if (at < 0)
            return -1;
        if (slots[at])
            return domain_fail(check, VIR_ERR_INTERNAL_ERROR, _("Two <iothreadpin> are for the I/O thread %u"),
                               pin->iothread);
        slots[at] = pin;
    }
    gather((void **)slots, threads->n, (void ***)&tune->iothreadpins, &tune->n_iothreadpins, check->arena);
    return 0;
}

static int place_thread_sched(const IothreadSched *given, IothreadSched **slots, const Threads *threads,
                              DomainCheck *check)
{
    CpuSet set;

    if (!cpuset_parse(given->iothreads, &set))
        return 0;    /* can't be: the table has parsed it */
    for (int id = cpuset_next(&set, 0); id >= 0; id = cpuset_next(&set, (unsigned)id + 1)) {
        int at = find_thread(threads, (unsigned)id, "iothreadsched", check);

        if (at < 0)
            return -1;
        if (slots[at])
            return domain_fail(check, VIR_ERR_XML_DETAIL, _("Two <iothreadsched> are for the I/O thread %d"), id);
        slots[at] = arena_memdup(check->arena, given, sizeof *given);
        slots[at]->iothreads = arena_printf(check->arena, "%d", id);
    }
    return 0;
}

static int arrange_thread_scheds(CpuTune *tune, const Threads *threads, DomainCheck *check)
{
    IothreadSched **slots = arena_zalloc(check->arena, threads->n * sizeof *slots);

    for (unsigned i = 0; i < tune->n_iothreadscheds; i++)
        if (place_thread_sched(tune->iothreadscheds[i], slots, threads, check) < 0)
            return -1;
    gather((void **)slots, threads->n, (void ***)&tune->iothreadscheds, &tune->n_iothreadscheds, check->arena);
    return 0;
}

/* After virtual CPUs and I/O threads are settled. */
int rule_cpu_tune(DomainConfig *config, DomainCheck *check)
{
    CpuTune *tune = config->cputune;
    Threads threads;

    if (!tune)
        return 0;
    threads = threads_of(config, check);
    if ((tune->n_vcpupins && arrange_vcpu_pins(tune, config->vcpu.value, check) < 0)
        || (tune->n_iothreadpins && arrange_thread_pins(tune, &threads, check) < 0)
        || (tune->n_vcpuscheds && arrange_vcpu_scheds(tune, config->vcpu.value, check) < 0)
        || (tune->n_iothreadscheds && arrange_thread_scheds(tune, &threads, check) < 0))
        return -1;
    return 0;
}

/* --- limits ---------------------------------------------------------------------------------- */

static int check_period(uint64_t period, const char *element, DomainCheck *check)
{
    if (period == 0 || (period >= PERIOD_MIN && period <= PERIOD_MAX))
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("<%s> of <cputune> has %" PRIu64 ", which is not from %d to %d"), element, period,
                       PERIOD_MIN, PERIOD_MAX);
}

static int check_quota(int64_t quota, const char *element, DomainCheck *check)
{
    if (quota <= 0 || (quota >= QUOTA_MIN && quota <= QUOTA_MAX))
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("<%s> of <cputune> has %" PRId64 ", which is not from %d to %" PRId64),
                       element, quota,
                       QUOTA_MIN, (int64_t)QUOTA_MAX);
}

int rule_cpu_limits(DomainConfig *config, DomainCheck *check)
{
    const CpuTune *tune = config->cputune;

    if (!tune)
        return 0;
    if (tune->shares != 0 && (tune->shares < SHARES_MIN || tune->shares > SHARES_MAX))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<shares> of <cputune> has %" PRIu64 ", which is not from %d to %d"),
                           tune->shares,
                           SHARES_MIN, SHARES_MAX);
    if (check_period(tune->period, "period", check) < 0
        || check_period(tune->global_period, "global_period", check) < 0
        || check_period(tune->emulator_period, "emulator_period", check) < 0
        || check_period(tune->iothread_period, "iothread_period", check) < 0
        || check_quota(tune->quota, "quota", check) < 0
        || check_quota(tune->global_quota, "global_quota", check) < 0
        || check_quota(tune->emulator_quota, "emulator_quota", check) < 0)
        return -1;
    return check_quota(tune->iothread_quota, "iothread_quota", check);
}
