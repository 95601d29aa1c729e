/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts together and writes what a host and its hypervisor can do, in libvirt's form.
 * Pure functions of their arguments: any thread, no lock. Never asks the host itself. */
#include "conf/capabilities.h"

/* --- the documents ----------------------------------------------------------------------------- */

/* libvirt sets host and guests apart by empty lines. */
char *capabilities_format(const Capabilities *capabilities)
{
    GString *out = g_string_new("<capabilities>\n\n");
    ElementFormat format = { .out = out, .flags = ELEMENT_SECURE };

    element_format(&caps_host_type, &capabilities->host, "host", 0, 1, &format);
    for (unsigned i = 0; i < capabilities->n_guests; i++) {
        g_string_append_c(out, '\n');
        element_format(&caps_guest_type, capabilities->guests[i], "guest", 0, 1, &format);
    }
    g_string_append(out, "\n</capabilities>\n");
    return g_string_free(out, FALSE);
}

char *domain_capabilities_format(const DomainCaps *capabilities)
{
    GString *out = g_string_new(NULL);
    ElementFormat format = { .out = out, .flags = ELEMENT_SECURE };

    element_format(&domain_caps_type, capabilities, "domainCapabilities", 0, 0, &format);
    return g_string_free(out, FALSE);
}

/* --- guests ------------------------------------------------------------------------------------ */

CapsGuest *capabilities_add_guest(Capabilities *capabilities, const char *os, const char *arch, unsigned wordsize,
                                  const char *emulator, const char *domain_type, Arena *arena)
{
    CapsGuest *guest = ELEMENT_NEW(arena, CapsGuest);
    CapsDomain *domain = ELEMENT_NEW(arena, CapsDomain);

    guest->os_type = os;
    guest->has_arch = true;
    guest->arch.name = arch;
    guest->arch.wordsize = wordsize;
    guest->arch.has_wordsize = true;
    guest->arch.emulator = emulator;
    domain->type = domain_type;
    element_list_add(arena, (void ***)&guest->arch.domains, &guest->arch.n_domains, domain);
    element_list_add(arena, (void ***)&capabilities->guests, &capabilities->n_guests, guest);
    return guest;
}

CapsGuestFeatures *capabilities_guest_features(CapsGuest *guest, Arena *arena)
{
    if (!guest->features)
        guest->features = ELEMENT_NEW(arena, CapsGuestFeatures);
    return guest->features;
}

CapsToggle *capabilities_toggle(bool initial, bool toggle, Arena *arena)
{
    CapsToggle *feature = ELEMENT_NEW(arena, CapsToggle);

    feature->initial = initial ? TRISTATE_YES : TRISTATE_NO;
    feature->toggle = toggle ? TRISTATE_YES : TRISTATE_NO;
    return feature;
}

/* --- the host ---------------------------------------------------------------------------------- */

CapsCell *capabilities_add_cell(CapsHost *host, unsigned id, uint64_t memory, Arena *arena)
{
    CapsCell *cell = ELEMENT_NEW(arena, CapsCell);
    CapsCells *cells;

    if (!host->topology) {
        host->topology = ELEMENT_NEW(arena, CapsTopology);
        host->topology->cells = ELEMENT_NEW(arena, CapsCells);
    }
    cells = host->topology->cells;
    cell->id = id;
    cell->memory = memory;
    cell->has_id = cell->has_memory = true;
    cell->cpus = ELEMENT_NEW(arena, CapsCpus);
    cell->cpus->has_num = true;
    element_list_add(arena, (void ***)&cells->cells, &cells->n_cells, cell);
    cells->num = cells->n_cells;
    cells->has_num = true;
    return cell;
}

void capabilities_add_pages(CapsCell *cell, unsigned size, uint64_t n, Arena *arena)
{
    CapsPages *pages = ELEMENT_NEW(arena, CapsPages);

    pages->unit = "KiB";
    pages->size = size;
    pages->value = n;
    pages->has_size = pages->has_value = true;
    element_list_add(arena, (void ***)&cell->pages, &cell->n_pages, pages);
}

void capabilities_add_cpu(CapsCell *cell, unsigned id, unsigned socket, unsigned die, unsigned core,
                          const char *siblings, Arena *arena)
{
    CapsCpu *cpu = ELEMENT_NEW(arena, CapsCpu);

    cpu->id = id;
    cpu->socket_id = socket;
    cpu->die_id = die;
    cpu->core_id = core;
    cpu->has_id = cpu->has_socket_id = cpu->has_die_id = cpu->has_core_id = true;
    cpu->siblings = siblings;
    element_list_add(arena, (void ***)&cell->cpus->cpus, &cell->cpus->n_cpus, cpu);
    cell->cpus->num = cell->cpus->n_cpus;
}

void capabilities_add_distance(CapsCell *cell, unsigned to, unsigned distance, Arena *arena)
{
    NumaSibling *sibling = ELEMENT_NEW(arena, NumaSibling);

    if (!cell->distances)
        cell->distances = ELEMENT_NEW(arena, NumaDistances);
    sibling->id = to;
    sibling->value = distance;
    sibling->has_id = sibling->has_value = true;
    element_list_add(arena, (void ***)&cell->distances->siblings, &cell->distances->n_siblings, sibling);
}

void capabilities_add_page_size(HostCpu *cpu, unsigned size, Arena *arena)
{
    CpuPages *pages = ELEMENT_NEW(arena, CpuPages);

    pages->unit = "KiB";
    pages->size = size;
    pages->has_size = true;
    element_list_add(arena, (void ***)&cpu->pages, &cpu->n_pages, pages);
}

void capabilities_add_security(CapsHost *host, const char *model, const char *doi, Arena *arena)
{
    CapsSecurityModel *security = ELEMENT_NEW(arena, CapsSecurityModel);

    security->model = model;
    security->doi = doi;
    element_list_add(arena, (void ***)&host->secmodels, &host->n_secmodels, security);
}

static void add_text(CapsText ***texts, unsigned *n, const char *value, Arena *arena)
{
    CapsText *text = ELEMENT_NEW(arena, CapsText);

    text->value = value;
    element_list_add(arena, (void ***)texts, n, text);
}

void capabilities_set_migration(CapsHost *host, const char *const *transports, Arena *arena)
{
    CapsMigration *migration = ELEMENT_NEW(arena, CapsMigration);

    migration->live = true;
    if (transports && *transports)
        migration->uri_transports = ELEMENT_NEW(arena, CapsUriTransports);
    for (; transports && *transports; transports++)
        add_text(&migration->uri_transports->transports, &migration->uri_transports->n_transports, *transports, arena);
    host->migration_features = migration;
}

/* --- domain capabilities ----------------------------------------------------------------------- */

static CapsEnum *add_enum(CapsEnum ***enums, unsigned *n, const char *name, Arena *arena)
{
    CapsEnum *values = ELEMENT_NEW(arena, CapsEnum);

    values->name = name;
    element_list_add(arena, (void ***)enums, n, values);
    return values;
}

void capabilities_add_enum(CapsEnum ***enums, unsigned *n, const char *name, const ElementWords *words, uint64_t values,
                           Arena *arena)
{
    CapsEnum *list = add_enum(enums, n, name, arena);

    if (values & 1 && words->n_absent > 0)
        add_text(&list->values, &list->n_values, words->absent[0], arena);
    for (unsigned i = 1; i <= words->n && i < 64; i++)
        if (values >> i & 1)
            add_text(&list->values, &list->n_values, words->words[i], arena);
}

void capabilities_add_names(CapsEnum ***enums, unsigned *n, const char *name, const char *const *names, Arena *arena)
{
    CapsEnum *list = add_enum(enums, n, name, arena);

    for (; *names; names++)
        add_text(&list->values, &list->n_values, *names, arena);
}

static Tristate yes_or_no(bool yes)
{
    return yes ? TRISTATE_YES : TRISTATE_NO;
}

CapsSupport *capabilities_support(bool supported, Arena *arena)
{
    CapsSupport *support = ELEMENT_NEW(arena, CapsSupport);

    support->supported = yes_or_no(supported);
    return support;
}

CapsItem *capabilities_item(bool supported, Arena *arena)
{
    CapsItem *item = ELEMENT_NEW(arena, CapsItem);

    item->supported = yes_or_no(supported);
    return item;
}

CapsCpuMode *capabilities_add_mode(CapsCpuModes *modes, CpuMode mode, bool supported, Arena *arena)
{
    CapsCpuMode *entry = ELEMENT_NEW(arena, CapsCpuMode);

    entry->name = mode;
    entry->supported = yes_or_no(supported);
    element_list_add(arena, (void ***)&modes->modes, &modes->n_modes, entry);
    return entry;
}

void capabilities_add_model(CapsCpuMode *mode, const char *model, const char *vendor, CapsUsable usable, Arena *arena)
{
    CapsModel *entry = ELEMENT_NEW(arena, CapsModel);

    entry->usable = usable;
    entry->vendor = vendor ? vendor : "unknown";
    entry->value = model;
    element_list_add(arena, (void ***)&mode->models, &mode->n_models, entry);
}

void capabilities_set_host_model(CapsCpuMode *mode, const Cpu *cpu)
{
    mode->model = cpu->model;
    mode->vendor = cpu->vendor;
    mode->features = cpu->features;
    mode->n_features = cpu->n_features;
}
