/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What snapshots, checkpoints and backups have in common: from the document to the object and back, the guests that
 * are inside, how they are shared, and which moment may come from which.
 * Any thread, no lock; a schema is read from the disk. What is shared is never changed. */
#include "conf/moment.h"

#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "conf/moment-private.h"
#include "conf/rules/rules.h"
#include "conf/xml.h"

/* --- sharing --------------------------------------------------------------------------------- */

void *moment_ref(const void *moment)
{
    MomentHead *head = (MomentHead *)moment;

    g_atomic_int_inc(&head->refs);
    return head;
}

void moment_unref(const void *moment)
{
    MomentHead *head = (MomentHead *)moment;

    if (!head || !g_atomic_int_dec_and_test(&head->refs))
        return;
    if (head->edits) {
        arena_reset(head->edits);
        g_free(head->edits);
    }
    domain_config_unref(head->domain);
    domain_config_unref(head->inactive);
    g_free(head);
}

void moment_set_domain(void *moment, const DomainConfig *domain, const DomainConfig *inactive)
{
    MomentHead *head = moment;
    DomainConfig *old_domain = head->domain, *old_inactive = head->inactive;

    g_assert(head->refs == 1);
    head->domain = domain ? domain_config_ref(domain) : NULL;
    head->inactive = inactive ? domain_config_ref(inactive) : NULL;
    domain_config_unref(old_domain);
    domain_config_unref(old_inactive);
}

Arena *moment_arena(void *moment)
{
    MomentHead *head = moment;

    g_assert(head->refs == 1);
    if (!head->edits) {
        head->edits = g_new(Arena, 1);
        arena_init(head->edits, NULL, 0);
    }
    return head->edits;
}

/* --- parse ----------------------------------------------------------------------------------- */

typedef struct Reading {
    const MomentKind *kind;
    const DomainRules *rules;
    const xmlNode *root;
    unsigned flags;       /* MomentParseFlags */
    size_t domains;       /* the guests' size in memory */
    Error *error;
} Reading;

static bool brings_all(unsigned flags)
{
    return flags & (MOMENT_PARSE_REDEFINE | MOMENT_PARSE_STORED);
}

static MomentUse use_of(unsigned flags)
{
    if (flags & MOMENT_PARSE_STORED)
        return MOMENT_USE_STORED;
    return flags & MOMENT_PARSE_REDEFINE ? MOMENT_USE_REDEFINED : MOMENT_USE_NEW;
}

/* libvirt takes every element in <disks> for a disk; the tree is the parse's own. */
static void name_disks(const xmlNode *root)
{
    for (const xmlNode *disks = xml_element(root->children); disks; disks = xml_element(disks->next))
        for (xmlNode *disk = xml_is(disks, "disks") ? disks->children : NULL; disk; disk = disk->next)
            if (disk->type == XML_ELEMENT_NODE) {
                xmlNodeSetName(disk, (const xmlChar *)"disk");
                disk->ns = NULL;
            }
}

/* Was accepted when it was defined, so that no rule judges it now. NULL and an error. */
static DomainConfig *read_domain(Reading *reading, const xmlNode *node)
{
    unsigned flags = reading->flags & MOMENT_PARSE_STORED ? DOMAIN_PARSE_STORED : DOMAIN_PARSE_UNJUDGED;
    DomainRules rules = reading->rules ? *reading->rules : (DomainRules){ 0 };
    DomainConfig *config;
    size_t size = 0;

    rules.interface_prefix = NULL;    /* names are given when it is defined */
    config = domain_config_parse_node(node, &rules, flags, &size, reading->error);
    reading->domains += size;
    return config;
}

static int read_domains(Reading *reading, MomentHead *head, Arena *arena)
{
    const xmlNode *domain = xml_child(reading->root, "domain");
    const xmlNode *inactive = xml_child(reading->root, "inactiveDomain");
    const char *type = domain ? xml_attribute(domain, "type", arena) : NULL;

    if (!brings_all(reading->flags))
        return 0;
    if (domain && (!reading->kind->domain_by_type || (type && *type))) {
        head->domain = read_domain(reading, domain);
        if (!head->domain)
            return -1;
    }
    if (inactive) {
        head->inactive = read_domain(reading, inactive);
        if (!head->inactive)
            return -1;
    }
    return 0;
}

/* NULL and an error. The object takes over what the draft's head has. */
static void *read_moment(Reading *reading, Arena *arena, size_t *size)
{
    const MomentKind *kind = reading->kind;
    ElementParse parse = { .arena = arena, .error = reading->error, .flags = kind->flags };
    MomentHead *draft = arena_zalloc(arena, kind->type->size), *moment = NULL;

    if (reading->flags & MOMENT_PARSE_REDEFINE)
        parse.flags |= ELEMENT_INACTIVE;
    if (reading->flags & MOMENT_PARSE_STORED)
        parse.flags = ELEMENT_STORED;
    if (element_parse(kind->type, draft, reading->root, use_of(reading->flags), &parse) == 0
        && read_domains(reading, draft, arena) == 0
        && (!kind->complete || kind->complete(draft, reading->flags, arena, reading->error) == 0)) {
        moment = element_pack(kind->type, draft, size);
        moment->refs = 1;
        return moment;
    }
    domain_config_unref(draft->domain);
    domain_config_unref(draft->inactive);
    return NULL;
}

static int check_root(const MomentKind *kind, const xmlNode *root, Error *error)
{
    if (xml_is(root, kind->root))
        return 0;
    return error_set(error, VIR_FROM_XML, VIR_ERR_XML_ERROR, _("Expected the root element '%s', not '%s'"), kind->root,
                     (const char *)root->name);
}

/* As for a domain: what is accepted can be stored and sent. */
static int check_length(const Reading *reading, const void *moment, size_t size, size_t limit)
{
    g_autofree char *text = NULL;

    if (size + reading->domains < limit / 16)
        return 0;
    text = reading->kind->format(moment, MOMENT_FORMAT_STORED);
    if (strlen(text) <= limit)
        return 0;
    return error_set(reading->error, reading->kind->domain, VIR_ERR_XML_DETAIL,
                     _("(%s): the document would have more than %zu bytes when written out"),
                     reading->kind->what, limit);
}

static bool is_validated(const MomentKind *kind, unsigned flags)
{
    if (flags & MOMENT_PARSE_VALIDATE)
        return true;
    return kind->always_valid && !(flags & MOMENT_PARSE_STORED) && access(kind->schema, R_OK) == 0;
}

void *moment_parse(const MomentKind *kind, const char *document, size_t size, const DomainRules *rules, unsigned flags, Error *error)
{
    size_t limit = flags & MOMENT_PARSE_STORED ? DOMAIN_STORED_TEXT_LIMIT : DOMAIN_TEXT_LIMIT;
    uint8_t first[16384] __attribute__((aligned(16)));
    Reading reading = { .kind = kind, .rules = rules, .flags = flags, .error = error };
    g_autoptr(xmlDoc) doc = (flags & MOMENT_PARSE_STORED ? xml_parse_own : xml_parse)(document, size, limit, kind->what,
                                                                                      kind->domain, error);
    size_t packed = 0;
    Arena arena;
    void *moment;

    if (!doc)
        return NULL;
    reading.root = xmlDocGetRootElement(doc);
    if (check_root(kind, reading.root, error) < 0
        || (is_validated(kind, flags) && xml_validate(document, size, kind->schema, error) < 0))
        return NULL;
    /* The texts that we keep are UTF-8, whatever the document was in. */
    g_clear_pointer((xmlChar **)&doc->encoding, xmlFree);
    name_disks(reading.root);
    arena_init(&arena, first, sizeof first);
    moment = read_moment(&reading, &arena, &packed);
    arena_reset(&arena);
    if (moment && check_length(&reading, moment, packed, limit) < 0)
        g_clear_pointer(&moment, moment_unref);
    return moment;
}

int64_t moment_now(void)
{
    return clock_real() / CLOCK_S;
}

/* --- format ---------------------------------------------------------------------------------- */

/* libvirt writes the secrets of a guest when it is asked to, those of the disks beside it never. */
char *moment_format(const MomentKind *kind, const void *moment, unsigned flags)
{
    bool stored = flags & MOMENT_FORMAT_STORED;
    ElementFormat format = { .out = g_string_sized_new(4096), .flags = kind->flags };

    if (stored)
        format.flags = ELEMENT_SECURE | ELEMENT_STORED;
    element_format(kind->type, moment, kind->root, stored ? MOMENT_USE_STORED : MOMENT_USE_REDEFINED, 0, &format);
    return g_string_free(format.out, FALSE);
}

char *moment_domain_text(const DomainConfig *config, const char *name, unsigned flags)
{
    unsigned format = DOMAIN_FORMAT_INACTIVE;
    GString *text = g_string_sized_new(4096);

    if (flags & (MOMENT_FORMAT_SECURE | MOMENT_FORMAT_STORED))
        format |= DOMAIN_FORMAT_SECURE;
    domain_config_put(config, name, -1, format, 1, text);
    g_string_truncate(text, text->len - 1);
    return g_strchug(g_string_free(text, FALSE));
}

/* --- parents --------------------------------------------------------------------------------- */

int moment_check_parent(const char *name, const char *parent, MomentLookup *lookup, void *moments, Error *error)
{
    const char *next = NULL;

    if (!parent)
        return 0;
    if (strcmp(name, parent) == 0)
        return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("'%s' can't come from itself"), name);
    if (!lookup(moments, parent, &next))
        return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("'%s' can't come from '%s', which isn't known"),
                         name, parent);
    /* What is in the list has no circle, so the way up ends. */
    while (next) {
        if (strcmp(name, next) == 0)
            return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                             _("'%s' can't come from '%s', which comes from '%s' itself"), name, parent, name);
        if (!lookup(moments, next, &next))
            break;
    }
    return 0;
}

/* --- disks ----------------------------------------------------------------------------------- */

static const char *disk_path(const Disk *disk)
{
    return storage_path(disk->type, disk->source ? &disk->source->storage : NULL);
}

bool disk_is_empty(const Disk *disk)
{
    switch (disk->type) {
    case STORAGE_TYPE_FILE:
    case STORAGE_TYPE_BLOCK:
    case STORAGE_TYPE_DIR:
        return !disk_path(disk);
    case STORAGE_TYPE_NETWORK:
        return !disk->source || disk->source->storage.protocol <= STORAGE_PROTOCOL_NONE;
    case STORAGE_TYPE_ABSENT:
        return true;
    case STORAGE_TYPE_VOLUME:
    case STORAGE_TYPE_NVME:
    case STORAGE_TYPE_VHOSTUSER:
        break;
    }
    return false;
}

int disk_find(const DomainConfig *guest, const char *name)
{
    int found = -1;

    for (unsigned i = 0; i < guest->devices.n_disks; i++) {
        const Disk *disk = guest->devices.disks[i];

        if (name[0] != '/') {
            if (g_strcmp0(disk->target.dev, name) == 0)
                return (int)i;
        } else if (g_strcmp0(disk_path(disk), name) == 0) {
            if (found >= 0)
                return -1;
            found = (int)i;
        }
    }
    return found;
}
