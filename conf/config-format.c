/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the typed object to the document, as the tables of conf/elements have it.
 * Any thread, no lock; reads one immutable config and writes one new text. */
#include <string.h>

#include "conf/config-private.h"
#include "conf/xml.h"

static unsigned element_flags(unsigned flags)
{
    unsigned known = 0;

    if (flags & DOMAIN_FORMAT_SECURE)
        known |= ELEMENT_SECURE;
    if (flags & DOMAIN_FORMAT_INACTIVE)
        known |= ELEMENT_INACTIVE;
    if (flags & DOMAIN_FORMAT_MIGRATABLE)
        known |= ELEMENT_MIGRATABLE;
    return known;
}

void domain_config_put(const DomainConfig *config, const char *name, int id, unsigned flags, unsigned depth,
                       GString *out)
{
    g_autoptr(GString) extra = g_string_new(NULL);
    ElementFormat format = { .out = out, .flags = element_flags(flags) };
    DomainConfig placed;
    Arena arena;

    if (id >= 0)
        g_string_append_printf(extra, " id='%d'", id);
    element_put_namespaces(extra, element_namespaces_used(&domain_config_type, config));
    format.root_extra = extra->str;
    arena_init(&arena, NULL, 0);
    if (depth > 0 && config->metadata) {
        domain_config_view(config, &placed);
        placed.metadata = xml_foreign_deeper(config->metadata, depth + 1, &arena);
        config = &placed;
    }
    element_format(&domain_config_type, config, name, 0, depth, &format);
    arena_reset(&arena);
}

char *domain_config_format(const DomainConfig *config, int id, unsigned flags)
{
    GString *out = g_string_sized_new(4096);

    domain_config_put(config, "domain", id, flags, 0, out);
    return g_string_free(out, FALSE);
}
