/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPU models: what libvirt's CPU map says of them, which model a CPU comes closest to, whether a host has what a CPU
 * asks for, and what several hosts have in common.
 * A map is immutable once loaded and then shared by all threads; everything else is a pure function. What is made
 * lives in the caller's arena and points into the map and the arguments. No lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "conf/elements.h"

#define CPU_MAP_FOLDER "/usr/share/libvirt/cpu_map"

typedef struct CpuMap CpuMap;

/* Reads index.xml of that folder and the files that it names: waits for a disk. NULL and VIR_ERR_INTERNAL_ERROR
 * that names the file. */
CpuMap *cpu_map_load(const char *folder, Error *error);
void cpu_map_free(CpuMap *map);    /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuMap, cpu_map_free)

/* How many models there are for an architecture; *models (of the map, in its order) ends with NULL. 0 and NULL where
 * the hypervisor alone knows the models. -1 and VIR_ERR_INVALID_ARG for what is no architecture, VIR_ERR_NO_SUPPORT
 * for one without CPU models. */
int cpu_map_models(const CpuMap *map, const char *arch, const char *const **models, Error *error);

/* The vendor of a model; NULL when it is of none, or not in the map. */
const char *cpu_map_vendor(const CpuMap *map, const char *arch, const char *model);

/* --- documents -------------------------------------------------------------------------------- */

typedef enum CpuComparison {
    CPU_INCOMPATIBLE = 0,    /* as VIR_CPU_COMPARE_* */
    CPU_IDENTICAL = 1,
    CPU_SUPERSET = 2,
} CpuComparison;

/* Has a host of that architecture (`host`: its CPU; NULL or without model: unknown) what the <cpu> of the document
 * asks for? With `strict` an incompatible CPU is VIR_ERR_CPU_INCOMPATIBLE with what is missing. Otherwise
 * -1 and: VIR_ERR_XML_DETAIL, VIR_ERR_XML_ERROR, VIR_ERR_CONFIG_UNSUPPORTED for the document, VIR_ERR_INTERNAL_ERROR
 * for a model or feature that is not in the map, VIR_ERR_NO_SUPPORT for the architecture. */
int cpu_compare(const CpuMap *map, const char *arch, const HostCpu *host, const char *document, bool strict,
                CpuComparison *result, Error *error);

/* Checks a document for cpu_compare against libvirt's schema at `path`, as xml_validate does. 0, or
 * -1 and VIR_ERR_XML_INVALID_SCHEMA; VIR_ERR_XML_DETAIL or VIR_ERR_XML_ERROR for what is no <cpu>. May wait for a
 * disk. */
int cpu_validate(const char *document, const char *path, Error *error);

typedef enum CpuBaselineFlags {
    CPU_BASELINE_EXPAND = 1 << 0,        /* VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES */
    CPU_BASELINE_MIGRATABLE = 1 << 1,    /* VIR_CONNECT_BASELINE_CPU_MIGRATABLE */
} CpuBaselineFlags;

/* The <cpu> of the guests that can run on each of `n` (at least 1) hosts, in the arena; `documents` are the hosts'
 * <cpu>. `without`: features that the hypervisor gives no guest, NULL-ended; may be NULL. Returns NULL and: the codes
 * of cpu_compare for the documents, VIR_ERR_OPERATION_FAILED when the hosts have nothing in common,
 * VIR_ERR_INVALID_ARG for n = 0. */
char *cpu_baseline(const CpuMap *map, const char *const *documents, unsigned n, const char *const *without,
                   unsigned flags, Arena *arena, Error *error);

/* Names each feature of the guest's CPU, in the order of their names; what the map knows of the architecture only.
 * 0, or -1 and VIR_ERR_INTERNAL_ERROR for a model that is not in the map. */
int cpu_expand_features(const CpuMap *map, const char *arch, Cpu *cpu, Arena *arena, Error *error);

/* --- what a CPU says about itself -------------------------------------------------------------- */

typedef struct CpuidLeaf {
    uint32_t leaf, sub;    /* EAX and ECX before the CPUID instruction */
    uint32_t eax, ebx, ecx, edx;
} CpuidLeaf;

typedef struct CpuMsr {
    uint32_t index;
    uint64_t value;
} CpuMsr;

/* Leaves and registers in any order; what is missing counts as zero. */
typedef struct CpuData {
    const CpuidLeaf *leaves;
    unsigned n_leaves;
    const CpuMsr *msrs;
    unsigned n_msrs;
} CpuData;

/* A hypervisor's word on one model. */
typedef struct CpuUsable {
    const char *model;
    const char *const *blockers;    /* features of the model that no guest can have here, NULL-ended; may be NULL */
} CpuUsable;

/* The description of a host's x86 CPU: model, vendor, signature and features. NULL and VIR_ERR_INTERNAL_ERROR when no
 * model fits. */
HostCpu *cpu_decode_host(const CpuMap *map, const char *arch, const CpuData *data, Arena *arena, Error *error);
/* The same as a guest would get it: model, vendor and features with policies. `usable` (n of them): the models that the
 * hypervisor offers; NULL: all. */
Cpu *cpu_decode_guest(const CpuMap *map, const CpuData *data, const CpuUsable *usable, unsigned n, Arena *arena,
                      Error *error);

/* What the CPU that this runs on says: all leaves that the map asks for. On other architectures than x86 there are
 * none. Reads a few files of /proc and /dev, and asks KVM where it may. */
void cpu_read_data(const CpuMap *map, CpuData *data, Arena *arena);
/* The whole description of this host: the former with microcode, counter, address bits and `topology` (may be NULL).
 * Without a model when none fits. */
HostCpu *cpu_read_host(const CpuMap *map, const CpuTopology *topology, Arena *arena);
