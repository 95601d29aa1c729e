/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several hosts have in common, as the <cpu> of a guest that can run on each of them; and a guest's <cpu> with
 * all its features named. Pure functions, any thread, no lock. */
#include "conf/cpu/cpu-private.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/i18n.h"

/* One call. */
typedef struct Baseline {
    const CpuMap *map;
    CpuView *views;
    xmlDoc **docs;
    unsigned n;
    const char *const *without;    /* may be NULL */
    bool migratable;
    Arena *arena;
    Error *error;
} Baseline;

/* These set the error and return false. */
static bool refuse_vendors(const Baseline *baseline, const char *one, const char *other)
{
    error_set(baseline->error, VIR_FROM_CPU, VIR_ERR_OPERATION_FAILED,
              _("The CPUs are of different vendors: '%s' and '%s'"), one, other);
    return false;
}

static bool refuse_vendor(const Baseline *baseline, const char *name)
{
    error_set(baseline->error, VIR_FROM_CPU, VIR_ERR_OPERATION_FAILED, _("The CPU vendor '%s' is not known"), name);
    return false;
}

Cpu *cpu_guest_new(const char *model, const char *vendor, const GArray *uses, Arena *arena)
{
    Cpu *cpu = ELEMENT_NEW(arena, Cpu);

    cpu->mode = CPU_MODE_CUSTOM;
    cpu->match = CPU_MATCH_EXACT;
    cpu->model = ELEMENT_NEW(arena, CpuModel);
    cpu->model->value = model;
    cpu->model->fallback = CPU_FALLBACK_ALLOW;
    cpu->vendor = vendor;
    for (unsigned i = 0; uses && i < uses->len; i++) {
        const CpuUse *use = &g_array_index(uses, CpuUse, i);
        CpuFeature *feature = ELEMENT_NEW(arena, CpuFeature);

        feature->name = use->name;
        feature->policy = use->policy;
        element_list_add(arena, (void ***)&cpu->features, &cpu->n_features, feature);
    }
    return cpu;
}

/* --- x86 --------------------------------------------------------------------------------------- */

/* The distinct names of the hosts' models, NULL-ended. */
static const char *const *model_names(const Baseline *baseline)
{
    const char **names = arena_zalloc(baseline->arena, (baseline->n + 1) * sizeof *names);
    unsigned n = 0;

    for (unsigned i = 0; i < baseline->n; i++) {
        bool there = false;

        for (unsigned j = 0; j < n; j++)
            there |= strcmp(names[j], baseline->views[i].model) == 0;
        if (!there)
            names[n++] = baseline->views[i].model;
    }
    return names;
}

/* What the hosts so far have in common. */
typedef struct Common {
    uint32_t *bits;             /* NULL: there was no host yet */
    const CpuVendor *vendor;    /* NULL: none was named */
} Common;

/* A host that names no vendor has that of its model; only the first may be of none. */
static bool add_vendor(const Baseline *baseline, unsigned i, Common *common)
{
    const CpuPart *part = &baseline->map->x86;
    const CpuView *view = &baseline->views[i];
    const CpuVendor *of_model = cpu_find_model(part, view->model)->vendor;
    const char *name = view->vendor;

    if (i > 0 && of_model) {
        if (name && strcmp(name, of_model->name) != 0)
            return refuse_vendors(baseline, of_model->name, name);
        name = of_model->name;
    }
    if (!name)
        return true;
    if (common->vendor)
        return strcmp(common->vendor->name, name) == 0 || refuse_vendors(baseline, common->vendor->name, name);
    common->vendor = cpu_find_vendor(part, name);
    return common->vendor || refuse_vendor(baseline, name);
}

static bool collect(const Baseline *baseline, Common *common)
{
    for (unsigned i = 0; i < baseline->n; i++) {
        uint32_t *bits = cpu_view_bits(baseline->map, &baseline->views[i], baseline->arena, baseline->error);

        if (!bits || !add_vendor(baseline, i, common))
            return false;
        if (common->bits)
            cpu_bits_intersect(baseline->map, common->bits, bits);
        else
            common->bits = bits;
    }
    if (cpu_bits_empty(baseline->map, common->bits)) {
        error_set(baseline->error, VIR_FROM_CPU, VIR_ERR_OPERATION_FAILED, _("The CPUs have no feature in common"));
        return false;
    }
    return true;
}

static void keep_migratable(const CpuMap *map, GArray *uses)
{
    for (unsigned i = 0; i < uses->len;) {
        const CpuMapFeature *feature = cpu_find_feature(&map->x86, g_array_index(uses, CpuUse, i).name);

        if (feature->migratable)
            i++;
        else
            g_array_remove_index(uses, i);
    }
}

static bool all_name_vendor(const Baseline *baseline)
{
    for (unsigned i = 0; i < baseline->n; i++)
        if (!baseline->views[i].vendor)
            return false;
    return true;
}

static Cpu *baseline_x86(const Baseline *baseline)
{
    CpuDecode decode = { .preferred = model_names(baseline) };
    CpuDecoded decoded = { 0 };
    Common common = { 0 };
    Cpu *cpu = NULL;

    if (!collect(baseline, &common))
        return NULL;
    decode.bits = common.bits;
    decode.vendor = common.vendor;
    if (cpu_decode(baseline->map, &decode, &decoded, baseline->arena, baseline->error) == 0) {
        if (baseline->migratable)
            keep_migratable(baseline->map, decoded.uses);
        cpu = cpu_guest_new(decoded.model->name, all_name_vendor(baseline) ? common.vendor->name : NULL, decoded.uses,
                            baseline->arena);
        if (!decode.preferred[1] && strcmp(decode.preferred[0], decoded.model->name) == 0)
            cpu->model->fallback = CPU_FALLBACK_FORBID;
    }
    cpu_decoded_clear(&decoded);
    return cpu;
}

/* --- others ------------------------------------------------------------------------------------ */

/* All of one model, and of its vendor; of a model of no vendor, all of one. */
static bool check_ppc64(const Baseline *baseline, const CpuMapModel *model, const CpuVendor **vendor)
{
    const CpuPart *part = &baseline->map->ppc64;

    for (unsigned i = 0; i < baseline->n; i++) {
        const CpuView *view = &baseline->views[i];
        const CpuVendor *own = view->vendor ? cpu_find_vendor(part, view->vendor) : NULL;
        const CpuVendor *expected = model->vendor ? model->vendor : *vendor;

        if (strcmp(view->model, model->name) != 0) {
            error_set(baseline->error, VIR_FROM_CPU, VIR_ERR_OPERATION_FAILED,
                      _("The CPUs are of different models: '%s' and '%s'"), model->name, view->model);
            return false;
        }
        if (!view->vendor)
            continue;
        if (!own)
            return refuse_vendor(baseline, view->vendor);
        if (expected && own != expected)
            return refuse_vendors(baseline, expected->name, own->name);
        if (!model->vendor)
            *vendor = own;
    }
    return true;
}

static Cpu *baseline_ppc64(const Baseline *baseline)
{
    const char *name = baseline->views[0].model;
    const CpuMapModel *model = cpu_find_model(&baseline->map->ppc64, name);
    const CpuVendor *vendor = NULL;
    Cpu *cpu;

    if (!model) {
        error_set(baseline->error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR, _("The CPU model '%s' is not known"), name);
        return NULL;
    }
    if (!check_ppc64(baseline, model, &vendor))
        return NULL;
    cpu = cpu_guest_new(model->name, vendor ? vendor->name : NULL, NULL, baseline->arena);
    cpu->model->fallback = CPU_FALLBACK_FORBID;
    return cpu;
}

static Cpu *compute(const Baseline *baseline)
{
    const char *arch = baseline->views[0].arch;

    switch (cpu_family(arch, baseline->error)) {
    case CPU_FAMILY_X86:
        return baseline_x86(baseline);
    case CPU_FAMILY_PPC64:
        return baseline_ppc64(baseline);
    case CPU_FAMILY_ARM:    /* nothing is known of the models: libvirt takes the first */
        return cpu_guest_new(baseline->views[0].model, NULL, NULL, baseline->arena);
    case CPU_FAMILY_S390:
        error_set(baseline->error, VIR_FROM_CPU, VIR_ERR_NO_SUPPORT,
                  _("What CPUs of the architecture '%s' have in common can't be told"), arch);
        break;
    case CPU_FAMILY_NONE:
        break;
    }
    return NULL;
}

/* --- expand ------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    const CpuFeature *const *one = a, *const *other = b;

    return strcmp((*one)->name, (*other)->name);
}

static CpuUse *find_use(GArray *uses, const char *name)
{
    for (unsigned i = 0; i < uses->len; i++)
        if (strcmp(g_array_index(uses, CpuUse, i).name, name) == 0)
            return &g_array_index(uses, CpuUse, i);
    return NULL;
}

/* The model's features, changed by those that the document names. */
static int expand_x86(const CpuMap *map, const Cpu *cpu, GArray *uses, Arena *arena, Error *error)
{
    const char *name = cpu->model ? cpu->model->value : NULL;
    const CpuMapModel *model = name ? cpu_find_model(&map->x86, name) : NULL;

    if (!model)
        return error_set(error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR, _("The CPU model '%s' is not known"),
                         name ? name : "");
    cpu_take_features(map, cpu_bits_copy(map, model->bits, arena), CPU_POLICY_REQUIRE, uses);
    for (unsigned i = 0; i < cpu->n_features; i++) {
        CpuUse use = { cpu->features[i]->name, cpu->features[i]->policy };
        CpuUse *known = find_use(uses, use.name);

        if (use.policy != CPU_POLICY_REQUIRE && use.policy != CPU_POLICY_DISABLE)
            continue;
        if (known)
            known->policy = use.policy;
        else
            g_array_append_val(uses, use);
    }
    cpu_disable_removed(model, uses);
    return 0;
}

int cpu_expand_features(const CpuMap *map, const char *arch, Cpu *cpu, Arena *arena, Error *error)
{
    g_autoptr(GArray) uses = g_array_new(FALSE, FALSE, sizeof(CpuUse));
    CpuFamily family = cpu_family(arch, error);

    if (family == CPU_FAMILY_NONE)
        return -1;
    if (family == CPU_FAMILY_X86) {
        if (expand_x86(map, cpu, uses, arena, error) < 0)
            return -1;
        cpu->features = NULL;
        cpu->n_features = 0;
        for (unsigned i = 0; i < uses->len; i++) {
            CpuFeature *feature = ELEMENT_NEW(arena, CpuFeature);

            feature->name = g_array_index(uses, CpuUse, i).name;
            feature->policy = g_array_index(uses, CpuUse, i).policy;
            element_list_add(arena, (void ***)&cpu->features, &cpu->n_features, feature);
        }
    }
    if (cpu->n_features > 0)
        qsort(cpu->features, cpu->n_features, sizeof *cpu->features, compare_names);
    return 0;
}

/* --- the call ---------------------------------------------------------------------------------- */

static void drop_uses(CpuView *view, const char *const *without)
{
    for (unsigned i = 0; without && i < view->uses->len;) {
        if (g_strv_contains(without, cpu_view_use(view, i)->name))
            g_array_remove_index(view->uses, i);
        else
            i++;
    }
}

static char *baseline_document(const Baseline *baseline, const char *const *documents, unsigned flags)
{
    g_autoptr(GString) out = g_string_new(NULL);
    ElementFormat format = { .out = out, .flags = ELEMENT_INACTIVE };
    Cpu *cpu;

    for (unsigned i = 0; i < baseline->n; i++) {
        if (cpu_view_parse(&baseline->views[i], documents[i], CPU_KIND_HOST, baseline->arena, &baseline->docs[i],
                           baseline->error) < 0)
            return NULL;
        drop_uses(&baseline->views[i], baseline->without);
    }
    cpu = compute(baseline);
    if (!cpu)
        return NULL;
    if (flags & CPU_BASELINE_EXPAND
        && cpu_expand_features(baseline->map, baseline->views[0].arch, cpu, baseline->arena, baseline->error) < 0)
        return NULL;
    element_format(&cpu_type, cpu, "cpu", 0, 0, &format);
    return arena_strdup(baseline->arena, out->str);
}

char *cpu_baseline(const CpuMap *map, const char *const *documents, unsigned n, const char *const *without,
                   unsigned flags, Arena *arena, Error *error)
{
    Baseline baseline = {
        .map = map, .n = n, .without = without, .migratable = flags & CPU_BASELINE_MIGRATABLE, .arena = arena,
        .error = error,
    };
    char *document;

    if (n == 0) {
        error_set(error, VIR_FROM_CPU, VIR_ERR_INVALID_ARG, _("There is no CPU to begin with"));
        return NULL;
    }
    baseline.views = arena_zalloc(arena, n * sizeof *baseline.views);
    baseline.docs = arena_zalloc(arena, n * sizeof *baseline.docs);
    document = baseline_document(&baseline, documents, flags);
    for (unsigned i = 0; i < n; i++) {
        cpu_view_clear(&baseline.views[i]);
        if (baseline.docs[i])
            xmlFreeDoc(baseline.docs[i]);
    }
    return document;
}
