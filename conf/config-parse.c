/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the document to the typed object: bounded XML, the tables of conf/elements, the rules of conf/rules.
 * Any thread, no lock. What is put together points into the tree or the parse's arena, and is packed into one
 * allocation at the end. */
#include <string.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "conf/config-private.h"
#include "conf/rules/rules.h"
#include "conf/xml.h"

#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"

static const DomainRules no_rules;

/* What every document has, whatever the driver. */
static int complete_identity(DomainConfig *draft, Error *error)
{
    if (!draft->name)
        return error_set_plain(error, VIR_FROM_DOMAIN, VIR_ERR_NO_NAME);
    if (draft->has_uuid)
        return 0;
    uuid_generate(&draft->uuid);
    draft->has_uuid = draft->head.uuid_generated = true;
    return 0;
}

static int parse_tree(const xmlNode *root, DomainConfig *draft, ElementParse *parse, const DomainRules *rules)
{
    DomainCheck check = { .arena = parse->arena, .error = parse->error, .flags = parse->flags, .rules = rules };

    if (element_parse(&domain_config_type, draft, root, 0, parse) < 0
        || complete_identity(draft, parse->error) < 0)
        return -1;
    return domain_rules_run(draft, &check);
}

/* A short text can be long when written out: deep indentation, escapes, what the rules fill in. What is accepted can
 * be stored and sent, so a config whose `size` bytes could give too long a document is measured. */
static int check_length(const DomainConfig *config, size_t size, size_t limit, Error *error)
{
    g_autofree char *text = NULL;

    if (size < limit / 16)
        return 0;
    text = domain_config_format(config, INT32_MAX, DOMAIN_FORMAT_SECURE);
    if (strlen(text) <= limit)
        return 0;
    return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_XML_DETAIL,
                     _("(domain_definition): the document would have more than %zu bytes when written out"), limit);
}

static unsigned element_flags(unsigned flags)
{
    return (flags & DOMAIN_PARSE_LIVE ? 0 : ELEMENT_INACTIVE) | (flags & DOMAIN_PARSE_STORED ? ELEMENT_STORED : 0)
           | (flags & DOMAIN_PARSE_UNJUDGED ? ELEMENT_UNJUDGED : 0);
}

DomainConfig *domain_config_parse_node(const xmlNode *root, const DomainRules *rules, unsigned flags, size_t *size,
                                       Error *error)
{
    uint8_t first[16384] __attribute__((aligned(16)));
    Arena arena;
    ElementParse parse = { .arena = &arena, .error = error, .flags = element_flags(flags) };
    DomainConfig draft = { 0 }, *config = NULL;

    if (!rules)
        rules = &no_rules;
    parse.namespaces = rules->namespaces;
    arena_init(&arena, first, sizeof first);
    if (parse_tree(root, &draft, &parse, rules) == 0)
        config = domain_config_pack(&draft, size);
    arena_reset(&arena);
    return config;
}

DomainConfig *domain_config_parse(const char *document, size_t size, const DomainRules *rules, unsigned flags,
                                  Error *error)
{
    size_t limit = flags & DOMAIN_PARSE_STORED ? DOMAIN_STORED_TEXT_LIMIT : DOMAIN_TEXT_LIMIT;
    uint8_t first[65536] __attribute__((aligned(16)));
    Arena arena;    /* the tree */
    g_autoptr(DomainConfig) config = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    size_t packed = 0;
    xmlNode *root;

    arena_init(&arena, first, sizeof first);
    root = xml_parse_in(&arena, &doc, document, size, limit, flags & DOMAIN_PARSE_STORED, "domain_definition",
                        VIR_FROM_DOMAIN, error);
    if (root && !xml_is(root, "domain")) {
        error_set(error, VIR_FROM_XML, VIR_ERR_XML_ERROR, _("Expected the root element 'domain', not '%s'"),
                  (const char *)root->name);
    } else if (root && flags & DOMAIN_PARSE_VALIDATE && xml_validate(document, size, SCHEMA, error) < 0) {
        root = NULL;
    } else if (root) {
        /* The texts that we keep are UTF-8, whatever the document was in. */
        g_clear_pointer((xmlChar **)&doc->encoding, xmlFree);
        config = domain_config_parse_node(root, rules, flags, &packed, error);
    }
    arena_reset(&arena);
    if (config && check_length(config, packed, limit, error) < 0)
        return NULL;
    return g_steal_pointer(&config);
}
