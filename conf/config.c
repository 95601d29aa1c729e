/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The config as an object: one allocation with all its texts, shared by counting references.
 * Any thread; what is shared is never changed. A text that was replaced before has an allocation of its own.
 * Takes no lock. */
#include "conf/config.h"

#include <string.h>

#include "conf/config-private.h"

/* Every text of a config: what is not named here is neither copied nor freed. */
static const size_t texts[] = {
#define TEXT(member) offsetof(DomainConfig, member)
    TEXT(name), TEXT(type), TEXT(title), TEXT(description), TEXT(cpuset), TEXT(dump_core), TEXT(os_type),
    TEXT(os_arch), TEXT(os_machine), TEXT(os_firmware), TEXT(on_poweroff), TEXT(on_reboot), TEXT(on_crash),
    TEXT(metadata), TEXT(rest_os), TEXT(devices), TEXT(rest[DOMAIN_AFTER_UUID]), TEXT(rest[DOMAIN_BEFORE_MEMORY]),
    TEXT(rest[DOMAIN_AFTER_MEMORY]), TEXT(rest[DOMAIN_AFTER_VCPU]), TEXT(rest[DOMAIN_AFTER_OS]),
    TEXT(rest[DOMAIN_AFTER_ACTIONS]), TEXT(rest[DOMAIN_AFTER_DEVICES]),
#undef TEXT
};
G_STATIC_ASSERT(DOMAIN_PLACES == 7);

static char **text_at(const DomainConfig *config, size_t i)
{
    return (char **)((char *)config + texts[i]);
}

static bool is_inside(const DomainConfig *config, const char *text)
{
    return text >= (const char *)config && text < (const char *)config + config->block;
}

DomainConfig *domain_config_pack(const DomainConfig *draft)
{
    size_t sizes[G_N_ELEMENTS(texts)];
    size_t total = sizeof *draft;
    DomainConfig *config;
    char *at;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *text = *text_at(draft, i);

        sizes[i] = text ? strlen(text) + 1 : 0;
        total += sizes[i];
    }
    g_assert(total <= UINT32_MAX);
    config = g_malloc(total);
    *config = *draft;
    config->refs = 1;
    config->block = (uint32_t)total;
    at = (char *)(config + 1);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (sizes[i] == 0)
            continue;
        memcpy(at, *text_at(draft, i), sizes[i]);
        *text_at(config, i) = at;
        at += sizes[i];
    }
    return config;
}

DomainConfig *domain_config_copy(const DomainConfig *config)
{
    return domain_config_pack(config);
}

void domain_config_set_text(DomainConfig *config, char **member, const char *text)
{
    char *old = *member;

    g_assert(config->refs == 1);
    *member = g_strdup(text);
    if (!is_inside(config, old))
        g_free(old);
}

DomainConfig *domain_config_ref(const DomainConfig *config)
{
    DomainConfig *shared = (DomainConfig *)config;

    g_atomic_int_inc(&shared->refs);
    return shared;
}

void domain_config_unref(const DomainConfig *config)
{
    DomainConfig *shared = (DomainConfig *)config;

    if (!shared || !g_atomic_int_dec_and_test(&shared->refs))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        if (!is_inside(shared, *text_at(shared, i)))
            g_free(*text_at(shared, i));
    g_free(shared);
}
