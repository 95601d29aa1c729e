/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of conf/cpu share: the map's inside, features as bits, and CPUs of documents in one shape.
 * The bits that features stand for are gathered in words, one for each register of CPUID leaves and MSRs that the map
 * mentions; a set of features is an array of all words. */
#pragma once

#include "conf/cpu/cpu.h"

typedef enum CpuFamily { CPU_FAMILY_NONE, CPU_FAMILY_X86, CPU_FAMILY_PPC64, CPU_FAMILY_ARM, CPU_FAMILY_S390 } CpuFamily;

/* The family whose part of the map is about the architecture. VIR_ERR_NO_SUPPORT for CPU_FAMILY_NONE. */
CpuFamily cpu_family(const char *arch, Error *error);

typedef enum CpuRegister { CPU_EAX, CPU_EBX, CPU_ECX, CPU_EDX } CpuRegister;

/* Where 32 bits come from. */
typedef struct CpuWord {
    bool msr;
    uint32_t leaf, sub;    /* the leaf, or the MSR's index */
    CpuRegister reg;       /* of an MSR: EAX is the lower half, EDX the upper */
} CpuWord;

typedef struct CpuMask {
    unsigned word;
    uint32_t bits;
} CpuMask;

typedef struct CpuVendor {
    const char *name;
    uint32_t ebx, ecx, edx;    /* of leaf 0; of x86 only */
} CpuVendor;

typedef struct CpuMapFeature {
    const char *name;
    CpuMask *masks;
    unsigned n_masks;
    bool migratable;
} CpuMapFeature;

typedef struct CpuModelSignature {
    unsigned family, model;
    uint16_t steppings;    /* a bit each */
} CpuModelSignature;

typedef struct CpuMapModel {
    const char *name;
    const CpuVendor *vendor;    /* NULL: any */
    bool for_hosts, for_guests; /* may be what a CPU is taken for */
    CpuModelSignature *signatures;
    unsigned n_signatures;
    const char **removed;       /* features that the model once had, NULL-ended */
    uint32_t *bits;
} CpuMapModel;

/* One family. */
typedef struct CpuPart {
    GPtrArray *vendors;         /* CpuVendor */
    GPtrArray *features;        /* CpuMapFeature */
    GPtrArray *models;          /* CpuMapModel */
    GHashTable *by_name;        /* features */
    const char **names;         /* of the models, NULL-ended */
} CpuPart;

struct CpuMap {
    Arena arena;
    CpuPart x86, ppc64;
    GArray *words;              /* CpuWord; of x86 */
};

const CpuVendor *cpu_find_vendor(const CpuPart *part, const char *name);        /* NULL when unknown */
const CpuMapFeature *cpu_find_feature(const CpuPart *part, const char *name);
const CpuMapModel *cpu_find_model(const CpuPart *part, const char *name);

/* --- x86.c: sets of features ------------------------------------------------------------------- */

uint32_t *cpu_bits_new(const CpuMap *map, Arena *arena);
uint32_t *cpu_bits_copy(const CpuMap *map, const uint32_t *bits, Arena *arena);
void cpu_bits_add(uint32_t *bits, const CpuMapFeature *feature);
void cpu_bits_remove(uint32_t *bits, const CpuMapFeature *feature);
bool cpu_bits_have(const uint32_t *bits, const CpuMapFeature *feature);
void cpu_bits_subtract(const CpuMap *map, uint32_t *bits, const uint32_t *other);
void cpu_bits_intersect(const CpuMap *map, uint32_t *bits, const uint32_t *other);
bool cpu_bits_empty(const CpuMap *map, const uint32_t *bits);
/* Names with ", " between them. */
char *cpu_bits_names(const CpuMap *map, const uint32_t *bits, Arena *arena);

/* --- view.c: a CPU of a document, be it a host's or a guest's ---------------------------------- */

typedef struct CpuUse {
    const char *name;
    CpuPolicy policy;
} CpuUse;

typedef struct CpuView {
    bool host;
    const char *arch;           /* of a host; else NULL */
    const char *model, *vendor; /* may be NULL */
    CpuMatch match;             /* of a guest */
    GArray *uses;               /* CpuUse; a host's features are required */
} CpuView;

typedef enum CpuKind { CPU_KIND_HOST, CPU_KIND_ANY } CpuKind;

/* Reads a document whose root is <cpu>. `doc` receives the tree that the view points into; view and tree are to be
 * cleared in any case. 0, or -1 and an error. */
int cpu_view_parse(CpuView *view, const char *document, CpuKind kind, Arena *arena, xmlDoc **doc, Error *error);
void cpu_view_of_host(CpuView *view, const HostCpu *host);
void cpu_view_clear(CpuView *view);
static inline const CpuUse *cpu_view_use(const CpuView *view, unsigned i)
{
    return &g_array_index(view->uses, CpuUse, i);
}

/* The features of the view: model and required and forced ones, without disabled and forbidden ones. NULL and
 * VIR_ERR_INTERNAL_ERROR for a model or feature that is not in the map. */
uint32_t *cpu_view_bits(const CpuMap *map, const CpuView *view, Arena *arena, Error *error);
/* Only those with that policy; CPU_POLICY_REQUIRE: with those of the model. */
uint32_t *cpu_view_bits_of(const CpuMap *map, const CpuView *view, CpuPolicy policy, Arena *arena, Error *error);

/* --- baseline.c --------------------------------------------------------------------------------- */

/* A guest's CPU of that model; `vendor` and `uses` (CpuUse) may be NULL. */
Cpu *cpu_guest_new(const char *model, const char *vendor, const GArray *uses, Arena *arena);

/* --- x86.c: from bits to a model --------------------------------------------------------------- */

typedef struct CpuDecode {
    const uint32_t *bits;
    const CpuVendor *vendor;    /* NULL: unknown */
    uint32_t signature;         /* EAX of leaf 1; 0: unknown */
    bool host;                  /* no feature of the model may be missing */
    const CpuUsable *usable;    /* NULL: all models */
    unsigned n_usable;
    const char *const *preferred;    /* models to be preferred, NULL-ended; a single one is taken in any case */
} CpuDecode;

typedef struct CpuDecoded {
    const CpuMapModel *model;
    GArray *uses;               /* CpuUse: required ones, then disabled ones */
} CpuDecoded;

/* 0; or -1 and VIR_ERR_INTERNAL_ERROR. `decoded` is to be cleared in any case. */
int cpu_decode(const CpuMap *map, const CpuDecode *decode, CpuDecoded *decoded, Arena *arena, Error *error);
void cpu_decoded_clear(CpuDecoded *decoded);
/* 32 bits of what the CPU says; 0 where the data has no such leaf or register. */
uint32_t cpu_data_word(const CpuData *data, const CpuWord *word);
void cpu_signature_split(uint32_t signature, unsigned *family, unsigned *model, unsigned *stepping);
/* Those that the model once had are disabled unless they are in `uses` already. */
void cpu_disable_removed(const CpuMapModel *model, GArray *uses);
/* Puts the features of `bits` at the end of `uses` and takes them out of `bits`. */
void cpu_take_features(const CpuMap *map, uint32_t *bits, CpuPolicy policy, GArray *uses);
