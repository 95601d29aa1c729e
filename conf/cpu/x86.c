/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of x86 features as bits, and the way back from bits to the model that a CPU comes closest to.
 * The choice is libvirt's, because guests migrate between its hosts and ours with the description that comes of it.
 * Pure functions, any thread, no lock. */
#include "conf/cpu/cpu-private.h"

#include <string.h>

#include "base/i18n.h"

/* --- sets -------------------------------------------------------------------------------------- */

uint32_t *cpu_bits_new(const CpuMap *map, Arena *arena)
{
    return arena_zalloc(arena, MAX(map->words->len, 1) * sizeof(uint32_t));
}

uint32_t *cpu_bits_copy(const CpuMap *map, const uint32_t *bits, Arena *arena)
{
    return arena_memdup(arena, bits, MAX(map->words->len, 1) * sizeof(uint32_t));
}

void cpu_bits_add(uint32_t *bits, const CpuMapFeature *feature)
{
    for (unsigned i = 0; i < feature->n_masks; i++)
        bits[feature->masks[i].word] |= feature->masks[i].bits;
}

void cpu_bits_remove(uint32_t *bits, const CpuMapFeature *feature)
{
    for (unsigned i = 0; i < feature->n_masks; i++)
        bits[feature->masks[i].word] &= ~feature->masks[i].bits;
}

bool cpu_bits_have(const uint32_t *bits, const CpuMapFeature *feature)
{
    for (unsigned i = 0; i < feature->n_masks; i++)
        if (~bits[feature->masks[i].word] & feature->masks[i].bits)
            return false;
    return true;
}

void cpu_bits_subtract(const CpuMap *map, uint32_t *bits, const uint32_t *other)
{
    for (unsigned i = 0; i < map->words->len; i++)
        bits[i] &= ~other[i];
}

void cpu_bits_intersect(const CpuMap *map, uint32_t *bits, const uint32_t *other)
{
    for (unsigned i = 0; i < map->words->len; i++)
        bits[i] &= other[i];
}

bool cpu_bits_empty(const CpuMap *map, const uint32_t *bits)
{
    for (unsigned i = 0; i < map->words->len; i++)
        if (bits[i])
            return false;
    return true;
}

char *cpu_bits_names(const CpuMap *map, const uint32_t *bits, Arena *arena)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (unsigned i = 0; i < map->x86.features->len; i++) {
        const CpuMapFeature *feature = map->x86.features->pdata[i];

        if (cpu_bits_have(bits, feature))
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", feature->name);
    }
    return arena_strdup(arena, names->str);
}

void cpu_take_features(const CpuMap *map, uint32_t *bits, CpuPolicy policy, GArray *uses)
{
    for (unsigned i = 0; i < map->x86.features->len; i++) {
        const CpuMapFeature *feature = map->x86.features->pdata[i];
        CpuUse use = { feature->name, policy };

        if (!cpu_bits_have(bits, feature))
            continue;
        cpu_bits_remove(bits, feature);
        g_array_append_val(uses, use);
    }
}

void cpu_disable_removed(const CpuMapModel *model, GArray *uses)
{
    for (const char *const *name = model->removed; *name; name++) {
        CpuUse use = { *name, CPU_POLICY_DISABLE };
        bool there = false;

        for (unsigned i = 0; i < uses->len; i++)
            there |= strcmp(g_array_index(uses, CpuUse, i).name, *name) == 0;
        if (!there)
            g_array_append_val(uses, use);
    }
}

/* --- decode ------------------------------------------------------------------------------------ */

/* EAX of leaf 1: family in 11:8 and 27:20, model in 7:4 and 19:16, stepping in 3:0. */
void cpu_signature_split(uint32_t signature, unsigned *family, unsigned *model, unsigned *stepping)
{
    *family = (signature >> 8 & 0xf) + (signature >> 20 & 0xff);
    *model = (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
    *stepping = signature & 0xf;
}

static bool has_signature(const CpuMapModel *model, uint32_t signature)
{
    unsigned family, number, stepping;

    cpu_signature_split(signature, &family, &number, &stepping);
    for (unsigned i = 0; i < model->n_signatures; i++) {
        const CpuModelSignature *known = &model->signatures[i];

        if (known->family == family && known->model == number && known->steppings >> stepping & 1)
            return true;
    }
    return false;
}

/* The CPU as this model with features added and taken away. */
static CpuDecoded describe(const CpuMap *map, const CpuDecode *decode, const CpuMapModel *model,
                           const CpuUsable *usable, Arena *arena)
{
    CpuDecoded candidate = { .model = model, .uses = g_array_new(FALSE, FALSE, sizeof(CpuUse)) };
    uint32_t *more = cpu_bits_copy(map, decode->bits, arena), *less = cpu_bits_copy(map, model->bits, arena);

    cpu_bits_subtract(map, more, model->bits);
    cpu_bits_subtract(map, less, decode->bits);
    for (const char *const *name = usable ? usable->blockers : NULL; name && *name; name++) {
        const CpuMapFeature *feature = cpu_find_feature(&map->x86, *name);

        if (feature && !cpu_bits_have(more, feature))
            cpu_bits_add(less, feature);
    }
    cpu_take_features(map, more, CPU_POLICY_REQUIRE, candidate.uses);
    cpu_take_features(map, less, CPU_POLICY_DISABLE, candidate.uses);
    if (!decode->host)
        cpu_disable_removed(model, candidate.uses);
    return candidate;
}

static unsigned count_disabled(const CpuDecoded *candidate)
{
    unsigned n = 0;

    for (unsigned i = 0; i < candidate->uses->len; i++)
        n += g_array_index(candidate->uses, CpuUse, i).policy == CPU_POLICY_DISABLE;
    return n;
}

/* What it costs to describe the CPU by this candidate: a feature that is added counts as one, those that are taken
 * away as 2, 3, 4, … Of these libvirt sees only the first half, the others count as if they were added. */
typedef struct Cost {
    unsigned total, disabled;
} Cost;

static Cost cost_of(const CpuDecoded *candidate, bool host)
{
    unsigned n = candidate->uses->len;
    unsigned seen = host ? 0 : (count_disabled(candidate) + 1) / 2;
    unsigned disabled = seen * 2 + seen * (seen - (seen > 0)) / 2;

    return (Cost){ .total = n - seen + disabled, .disabled = disabled };
}

typedef enum Choice { CHOOSE_OLD, CHOOSE_NEW, CHOOSE_AND_STOP } Choice;

static bool is_listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static Choice choose(const CpuDecode *decode, const CpuDecoded *best, const CpuDecoded *candidate)
{
    bool preferred = is_listed(decode->preferred, candidate->model->name);
    bool best_fits, fits;
    Cost cost, least;

    if (!(decode->host ? candidate->model->for_hosts : candidate->model->for_guests))
        return CHOOSE_OLD;
    if (decode->host && count_disabled(candidate) > 0)
        return CHOOSE_OLD;
    if (preferred && !decode->preferred[1])
        return CHOOSE_AND_STOP;
    if (!best->model)
        return CHOOSE_NEW;
    best_fits = decode->signature && has_signature(best->model, decode->signature);
    fits = decode->signature && has_signature(candidate->model, decode->signature);
    if (best_fits != fits)
        return fits ? CHOOSE_NEW : CHOOSE_OLD;
    least = cost_of(best, decode->host);
    cost = cost_of(candidate, decode->host);
    if (cost.total < least.total || (cost.total == least.total && cost.disabled < least.disabled))
        return CHOOSE_NEW;
    return preferred && cost.disabled < least.disabled ? CHOOSE_NEW : CHOOSE_OLD;
}

static const CpuUsable *find_usable(const CpuDecode *decode, const char *model)
{
    for (unsigned i = 0; i < decode->n_usable; i++)
        if (strcmp(decode->usable[i].model, model) == 0)
            return &decode->usable[i];
    return NULL;
}

/* The models that come later in the map are the newer ones; of equals the newest is taken. */
int cpu_decode(const CpuMap *map, const CpuDecode *decode, CpuDecoded *decoded, Arena *arena, Error *error)
{
    for (unsigned i = map->x86.models->len; i-- > 0;) {
        const CpuMapModel *model = map->x86.models->pdata[i];
        const CpuUsable *usable = find_usable(decode, model->name);
        CpuDecoded candidate;
        Choice choice;

        if ((decode->usable && !usable) || (decode->vendor && model->vendor && decode->vendor != model->vendor))
            continue;
        candidate = describe(map, decode, model, usable, arena);
        choice = choose(decode, decoded, &candidate);
        if (choice == CHOOSE_OLD) {
            cpu_decoded_clear(&candidate);
            continue;
        }
        cpu_decoded_clear(decoded);
        *decoded = candidate;
        if (choice == CHOOSE_AND_STOP)
            break;
    }
    if (!decoded->model)
        return error_set(error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR, _("No CPU model of the CPU map fits this CPU"));
    return 0;
}

void cpu_decoded_clear(CpuDecoded *decoded)
{
    g_clear_pointer(&decoded->uses, g_array_unref);
    decoded->model = NULL;
}

/* --- from CPUID to a description ---------------------------------------------------------------- */

#define SIGNATURE_BITS 0x0fff3fffu

static const CpuidLeaf *find_leaf(const CpuData *data, uint32_t leaf, uint32_t sub)
{
    for (unsigned i = 0; i < data->n_leaves; i++)
        if (data->leaves[i].leaf == leaf && data->leaves[i].sub == sub)
            return &data->leaves[i];
    return NULL;
}

static uint32_t msr_word(const CpuData *data, const CpuWord *word)
{
    for (unsigned i = 0; i < data->n_msrs; i++)
        if (data->msrs[i].index == word->leaf)
            return (uint32_t)(word->reg == CPU_EAX ? data->msrs[i].value : data->msrs[i].value >> 32);
    return 0;
}

uint32_t cpu_data_word(const CpuData *data, const CpuWord *word)
{
    const CpuidLeaf *leaf = word->msr ? NULL : find_leaf(data, word->leaf, word->sub);

    if (word->msr)
        return msr_word(data, word);
    if (!leaf)
        return 0;
    switch (word->reg) {
    case CPU_EAX:
        return leaf->eax;
    case CPU_EBX:
        return leaf->ebx;
    case CPU_ECX:
        return leaf->ecx;
    case CPU_EDX:
        return leaf->edx;
    }
    g_assert_not_reached();
}

static const CpuVendor *data_vendor(const CpuMap *map, const CpuData *data)
{
    const CpuidLeaf *leaf = find_leaf(data, 0, 0);

    for (unsigned i = 0; leaf && i < map->x86.vendors->len; i++) {
        const CpuVendor *vendor = map->x86.vendors->pdata[i];

        if (vendor->ebx == leaf->ebx && vendor->ecx == leaf->ecx && vendor->edx == leaf->edx)
            return vendor;
    }
    return NULL;
}

/* On these Intel CPUs transactional memory doesn't work, whatever they say. */
static void drop_broken_tsx(const CpuMap *map, uint32_t *bits, const CpuDecode *decode)
{
    static const char *const names[] = { "hle", "rtm" };
    unsigned family, model, stepping;

    cpu_signature_split(decode->signature, &family, &model, &stepping);
    if (!decode->vendor || strcmp(decode->vendor->name, "Intel") != 0 || family != 6)
        return;
    if (model != 60 && model != 69 && model != 70 && !(model == 63 && stepping < 4))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const CpuMapFeature *feature = cpu_find_feature(&map->x86, names[i]);

        if (feature)
            cpu_bits_remove(bits, feature);
    }
}

static void read_data(const CpuMap *map, const CpuData *data, CpuDecode *decode, Arena *arena)
{
    const CpuidLeaf *leaf = find_leaf(data, 1, 0);
    uint32_t *bits = cpu_bits_new(map, arena);

    for (unsigned i = 0; i < map->words->len; i++)
        bits[i] = cpu_data_word(data, &g_array_index(map->words, CpuWord, i));
    decode->vendor = data_vendor(map, data);
    decode->signature = leaf ? leaf->eax & SIGNATURE_BITS : 0;
    drop_broken_tsx(map, bits, decode);
    decode->bits = bits;
}

HostCpu *cpu_decode_host(const CpuMap *map, const char *arch, const CpuData *data, Arena *arena, Error *error)
{
    HostCpu *cpu = ELEMENT_NEW(arena, HostCpu);
    CpuDecode decode = { .host = true };
    CpuDecoded decoded = { 0 };
    CpuSignature *signature = ELEMENT_NEW(arena, CpuSignature);
    int value = element_value(&arch_words, arch);

    read_data(map, data, &decode, arena);
    if (cpu_decode(map, &decode, &decoded, arena, error) < 0)
        return NULL;
    cpu->arch = value > 0 ? (Arch)value : ARCH_ABSENT;
    cpu->model = decoded.model->name;
    cpu->vendor = decode.vendor ? decode.vendor->name : NULL;
    cpu_signature_split(decode.signature, &signature->family, &signature->model, &signature->stepping);
    signature->has_family = signature->has_model = signature->has_stepping = true;
    if (signature->family > 0)
        cpu->signature = signature;
    for (unsigned i = 0; i < decoded.uses->len; i++) {
        HostCpuFeature *feature = ELEMENT_NEW(arena, HostCpuFeature);

        feature->name = g_array_index(decoded.uses, CpuUse, i).name;
        element_list_add(arena, (void ***)&cpu->features, &cpu->n_features, feature);
    }
    cpu_decoded_clear(&decoded);
    return cpu;
}

Cpu *cpu_decode_guest(const CpuMap *map, const CpuData *data, const CpuUsable *usable, unsigned n, Arena *arena,
                      Error *error)
{
    CpuDecode decode = { .usable = usable, .n_usable = n };
    CpuDecoded decoded = { 0 };
    Cpu *cpu = NULL;

    read_data(map, data, &decode, arena);
    if (cpu_decode(map, &decode, &decoded, arena, error) == 0) {
        cpu = cpu_guest_new(decoded.model->name, decode.vendor ? decode.vendor->name : NULL, decoded.uses, arena);
        cpu->model->fallback = CPU_FALLBACK_ALLOW;
    }
    cpu_decoded_clear(&decoded);
    return cpu;
}
