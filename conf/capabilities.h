/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The documents that say what a host and its hypervisor can do. A driver fills in the structs of the tables
 * capabilities.def and domcaps.def; here is what helps it, and how they are written.
 * Pure functions: any thread, no lock. What is made lives in the caller's arena. */
#pragma once

#include "base/arena.h"
#include "conf/element.h"
#include "conf/elements.h"

/* The documents, owned by the caller. */
char *capabilities_format(const Capabilities *capabilities);
char *domain_capabilities_format(const DomainCaps *capabilities);

/* --- for capabilities -------------------------------------------------------------------------- */

/* A kind of guest at the end of the list; `emulator` may be NULL. To `arch` of it machines and further domains may
 * be added. */
CapsGuest *capabilities_add_guest(Capabilities *capabilities, const char *os, const char *arch, unsigned wordsize,
                                  const char *emulator, const char *domain_type, Arena *arena);
/* The features of the guest, made when it has none. */
CapsGuestFeatures *capabilities_guest_features(CapsGuest *guest, Arena *arena);
CapsToggle *capabilities_toggle(bool initial, bool toggle, Arena *arena);
/* A NUMA cell at the end of the list, with its memory in KiB. */
CapsCell *capabilities_add_cell(CapsHost *host, unsigned id, uint64_t memory, Arena *arena);
/* Pages of `size` KiB at the end of the cell's list. */
void capabilities_add_pages(CapsCell *cell, unsigned size, uint64_t n, Arena *arena);
/* A CPU at the end of the cell's list; `siblings`: the CPUs of its core, as a set ("0-1"). */
void capabilities_add_cpu(CapsCell *cell, unsigned id, unsigned socket, unsigned die, unsigned core,
                          const char *siblings, Arena *arena);
/* The distance of cell `to`, at the end of the cell's list. */
void capabilities_add_distance(CapsCell *cell, unsigned to, unsigned distance, Arena *arena);
/* A page size in KiB that the host's CPU has. */
void capabilities_add_page_size(HostCpu *cpu, unsigned size, Arena *arena);
void capabilities_add_security(CapsHost *host, const char *model, const char *doi, Arena *arena);
/* Guests are migrated live, over these (NULL-ended, may be NULL). */
void capabilities_set_migration(CapsHost *host, const char *const *transports, Arena *arena);

/* capabilities-host.c: what the Linux kernel below `root` ("" for this host's own /sys and /proc) says: NUMA cells,
 * caches, power management, IOMMU, and page sizes when host->cpu is set. */
void capabilities_read_host(CapsHost *host, const char *root, Arena *arena);
/* How the CPUs of the host's cells are grouped: sockets in a cell, cores in a socket, threads in a core; all in one
 * socket where they are not alike. */
void capabilities_host_topology(const CapsHost *host, CpuTopology *topology);

/* --- for domain capabilities ------------------------------------------------------------------- */

/* A list of values at the end of `item`'s: the words of those values whose bit is in `values`, in the order of the
 * enumeration; bit 0 is the word that means absent. */
void capabilities_add_enum(CapsEnum ***enums, unsigned *n, const char *name, const ElementWords *words, uint64_t values,
                           Arena *arena);
/* The same of words that are in no enumeration; NULL-ended. */
void capabilities_add_names(CapsEnum ***enums, unsigned *n, const char *name, const char *const *names, Arena *arena);
CapsSupport *capabilities_support(bool supported, Arena *arena);
CapsItem *capabilities_item(bool supported, Arena *arena);
/* A mode of guests' CPUs at the end of the list. */
CapsCpuMode *capabilities_add_mode(CapsCpuModes *modes, CpuMode mode, bool supported, Arena *arena);
/* A CPU model of the mode `custom`; `vendor` may be NULL. */
void capabilities_add_model(CapsCpuMode *mode, const char *model, const char *vendor, CapsUsable usable, Arena *arena);
/* What the mode `host-model` comes down to. */
void capabilities_set_host_model(CapsCpuMode *mode, const Cpu *cpu);
