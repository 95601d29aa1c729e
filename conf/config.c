/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The config as an object: one allocation with all that the document says, shared by counting references.
 * Any thread; what is shared is never changed. What is put into a copy before it is shared lives in an arena of
 * the copy's own. Takes no lock. */
#include "conf/config.h"

#include <string.h>

#include "conf/config-private.h"

DomainConfig *domain_config_pack(const DomainConfig *draft, size_t *size)
{
    DomainConfig *config = element_pack(&domain_config_type, draft, size);

    config->head.refs = 1;
    config->head.edits = NULL;
    return config;
}

void domain_config_view(const DomainConfig *config, DomainConfig *view)
{
    memcpy((char *)view + sizeof view->head, (const char *)config + sizeof view->head, sizeof *view - sizeof view->head);
    view->head = (ConfigHead){ .uuid_generated = config->head.uuid_generated };
}

DomainConfig *domain_config_copy(const DomainConfig *config)
{
    DomainConfig view;
    size_t size;

    domain_config_view(config, &view);
    return domain_config_pack(&view, &size);
}

Arena *domain_config_arena(DomainConfig *config)
{
    g_assert(config->head.refs == 1);
    if (!config->head.edits) {
        config->head.edits = g_new(Arena, 1);
        arena_init(config->head.edits, NULL, 0);
    }
    return config->head.edits;
}

void domain_config_set_text(DomainConfig *config, const char **member, const char *text)
{
    *member = text ? arena_strdup(domain_config_arena(config), text) : NULL;
}

DomainConfig *domain_config_ref(const DomainConfig *config)
{
    DomainConfig *shared = (DomainConfig *)config;

    g_atomic_int_inc(&shared->head.refs);
    return shared;
}

void domain_config_unref(const DomainConfig *config)
{
    DomainConfig *shared = (DomainConfig *)config;

    if (!shared || !g_atomic_int_dec_and_test(&shared->head.refs))
        return;
    if (shared->head.edits) {
        arena_reset(shared->head.edits);
        g_free(shared->head.edits);
    }
    g_free(shared);
}

void domain_config_set_vcpus(DomainConfig *config, unsigned n)
{
    config->vcpu.current = n;
    config->vcpu.has_current = true;
    for (unsigned i = 0; config->vcpus && i < config->vcpus->n_entries; i++) {
        VcpuEntry *entry = config->vcpus->entries[i];

        entry->enabled = entry->id < n ? TRISTATE_YES : TRISTATE_NO;
        if (entry->enabled == TRISTATE_NO)
            entry->hotpluggable = TRISTATE_YES;
    }
}

void domain_config_set_max_vcpus(DomainConfig *config, unsigned n)
{
    unsigned current = domain_config_vcpus(config);

    config->vcpu.value = n;
    config->vcpu.has_value = config->has_vcpu = true;
    for (unsigned i = config->vcpus ? config->vcpus->n_entries : 0; i-- > 0;)
        if (config->vcpus->entries[i]->id >= n)
            element_list_remove((void **)config->vcpus->entries, &config->vcpus->n_entries, i);
    domain_config_set_vcpus(config, MIN(current, n));
}

void domain_config_set_memory(DomainConfig *config, uint64_t kib)
{
    config->current_memory = kib;
    config->has_current_memory = true;
}

void domain_config_set_max_memory(DomainConfig *config, uint64_t kib)
{
    config->memory.value = kib;
    config->memory.has_value = config->has_memory = true;
    domain_config_set_memory(config, MIN(config->current_memory, kib));
}

int domain_config_check_abi(const DomainConfig *from, const DomainConfig *to, Error *error)
{
    return element_check_abi(&domain_config_type, from, to, "domain", error);
}
