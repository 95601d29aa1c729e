/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Has a host what a CPU asks for? On x86 features decide, on POWER the model, elsewhere nothing is known and every CPU
 * will do. Pure functions, any thread, no lock. */
#include "conf/cpu/cpu-private.h"

#include <stdarg.h>
#include <string.h>

#include "base/auto.h"
#include "base/i18n.h"

/* One comparison; `why` is set when the answer is CPU_INCOMPATIBLE. */
typedef struct Comparing {
    const CpuMap *map;
    const char *arch;       /* of the host */
    const CpuView *host, *wanted;
    const char *why;        /* a translated sentence */
    Arena *arena;
    Error *error;
} Comparing;

/* `format`: why, a translated sentence with at most two strings in it. */
static CpuComparison incompatible(Comparing *comparing, const char *format, ...) G_GNUC_PRINTF(2, 3);
static CpuComparison incompatible(Comparing *comparing, const char *format, ...)
{
    g_autofree char *why = NULL;
    va_list arguments;

    va_start(arguments, format);
    why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    comparing->why = arena_strdup(comparing->arena, why);
    return CPU_INCOMPATIBLE;
}

/* What holds for each family. True: *result is the answer. */
static bool compare_common(Comparing *comparing, CpuComparison *result)
{
    const CpuView *wanted = comparing->wanted, *host = comparing->host;

    if (wanted->arch && cpu_family(wanted->arch, NULL) != cpu_family(comparing->arch, NULL))
        *result = incompatible(comparing, _("the CPU is of the architecture '%s', the host of '%s'"), wanted->arch,
                               comparing->arch);
    else if (wanted->vendor && (!host->vendor || strcmp(wanted->vendor, host->vendor) != 0))
        *result = incompatible(comparing, _("the CPU is to be of the vendor '%s', the host's is of '%s'"),
                               wanted->vendor, host->vendor ? host->vendor : "");
    else
        return false;
    return true;
}

/* What the CPU asks for, by policy. */
typedef struct Wanted {
    uint32_t *force, *require, *optional, *disable, *forbid;
} Wanted;

static int sort_wanted(const Comparing *comparing, Wanted *wanted)
{
    struct {
        CpuPolicy policy;
        uint32_t **bits;
    } all[] = {
        { CPU_POLICY_FORCE, &wanted->force }, { CPU_POLICY_REQUIRE, &wanted->require },
        { CPU_POLICY_OPTIONAL, &wanted->optional }, { CPU_POLICY_DISABLE, &wanted->disable },
        { CPU_POLICY_FORBID, &wanted->forbid },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        *all[i].bits = cpu_view_bits_of(comparing->map, comparing->wanted, all[i].policy, comparing->arena,
                                        comparing->error);
        if (!*all[i].bits)
            return -1;
    }
    return 0;
}

static int compare_x86(Comparing *comparing, CpuComparison *result)
{
    const CpuMap *map = comparing->map;
    Arena *arena = comparing->arena;
    uint32_t *host = cpu_view_bits(map, comparing->host, arena, comparing->error), *missing, *more;
    Wanted wanted;

    if (!host || sort_wanted(comparing, &wanted) < 0)
        return -1;
    cpu_bits_intersect(map, wanted.forbid, host);
    if (!cpu_bits_empty(map, wanted.forbid)) {
        *result = incompatible(comparing, _("the host has features that are forbidden: %s"),
                               cpu_bits_names(map, wanted.forbid, arena));
        return 0;
    }
    /* the model brings features that are said to be otherwise */
    cpu_bits_subtract(map, wanted.require, wanted.force);
    cpu_bits_subtract(map, wanted.require, wanted.optional);
    cpu_bits_subtract(map, wanted.require, wanted.disable);
    missing = cpu_bits_copy(map, wanted.require, arena);
    cpu_bits_subtract(map, missing, host);
    if (!cpu_bits_empty(map, missing)) {
        *result = incompatible(comparing, _("the host lacks features that are required: %s"),
                               cpu_bits_names(map, missing, arena));
        return 0;
    }
    more = cpu_bits_copy(map, host, arena);
    cpu_bits_subtract(map, more, wanted.optional);
    cpu_bits_subtract(map, more, wanted.require);
    cpu_bits_subtract(map, more, wanted.disable);
    cpu_bits_subtract(map, more, wanted.force);
    *result = cpu_bits_empty(map, more) ? CPU_IDENTICAL : CPU_SUPERSET;
    if (*result == CPU_SUPERSET && !comparing->wanted->host && comparing->wanted->match == CPU_MATCH_STRICT)
        *result = incompatible(comparing, _("the host has more features than those named: %s"),
                               cpu_bits_names(map, more, arena));
    return 0;
}

static int compare_ppc64(Comparing *comparing, CpuComparison *result)
{
    const char *wanted = comparing->wanted->model;

    if (wanted && !cpu_find_model(&comparing->map->ppc64, wanted))
        return error_set(comparing->error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR, _("The CPU model '%s' is not known"),
                         wanted);
    if (wanted && strcmp(wanted, comparing->host->model) != 0)
        *result = incompatible(comparing, _("the CPU is to be of the model '%s', the host's is of '%s'"), wanted,
                               comparing->host->model);
    else
        *result = CPU_IDENTICAL;
    return 0;
}

static int compare_views(Comparing *comparing, CpuComparison *result)
{
    CpuFamily family = cpu_family(comparing->arch, comparing->error);

    if (family == CPU_FAMILY_NONE)
        return -1;
    if (family == CPU_FAMILY_ARM || family == CPU_FAMILY_S390) {
        *result = CPU_IDENTICAL;
        return 0;
    }
    if (!comparing->host->model) {
        *result = incompatible(comparing, "%s", _("the model of the host's CPU is not known"));
        return 0;
    }
    if (compare_common(comparing, result))
        return 0;
    return family == CPU_FAMILY_X86 ? compare_x86(comparing, result) : compare_ppc64(comparing, result);
}

int cpu_compare(const CpuMap *map, const char *arch, const HostCpu *host, const char *document, bool strict,
                CpuComparison *result, Error *error)
{
    static const HostCpu unknown;
    g_autoptr(xmlDoc) doc = NULL;
    CpuView ours = { 0 }, wanted = { 0 };
    Arena arena;
    Comparing comparing = { map, arch, &ours, &wanted, NULL, &arena, error };
    CpuComparison answer = CPU_INCOMPATIBLE;
    int rc;

    arena_init(&arena, NULL, 0);
    cpu_view_of_host(&ours, host ? host : &unknown);
    rc = cpu_view_parse(&wanted, document, CPU_KIND_ANY, &arena, &doc, error);
    if (rc == 0)
        rc = compare_views(&comparing, &answer);
    if (rc == 0 && answer == CPU_INCOMPATIBLE && strict)
        rc = error_set(error, VIR_FROM_CPU, VIR_ERR_CPU_INCOMPATIBLE, "%s", comparing.why);
    if (rc == 0)
        *result = answer;
    cpu_view_clear(&ours);
    cpu_view_clear(&wanted);
    arena_reset(&arena);
    return rc;
}
