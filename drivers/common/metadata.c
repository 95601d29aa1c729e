/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Title, description and the elements that applications keep in a domain's document. Reading
 * looks at the published view; writing runs inside a job of the domain, makes new documents and leaves the
 * rest to change.c, so it may wait for the store's disk. Takes no lock of its own. */
#include "drivers/common/common.h"

#include <libvirt/libvirt.h>
#include <libxml/tree.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "conf/xml.h"
#include "drivers/common/change.h"
#include "drivers/common/op.h"

enum { TEXT_LIMIT = 1 << 29 };    /* bytes: the protocol's limits are below */

/* --- the <metadata> element ------------------------------------------------------------------ */

/* NULL when it is none. `own`: what a config has. The tree's texts and names are without references, so they can be
 * compared. */
static xmlDoc *parse(const char *text, bool own)
{
    xmlDoc *doc = (own ? xml_parse_own : xml_parse)(text, strlen(text), TEXT_LIMIT, "metadata", VIR_FROM_DOMAIN, NULL);

    if (doc)    /* the texts are UTF-8, whatever the document says */
        g_clear_pointer((xmlChar **)&doc->encoding, xmlFree);
    return doc;
}

/* The element of an application: the child of <metadata> in the namespace `uri`. */
static xmlNode *find_element(xmlDoc *doc, const char *uri)
{
    for (xmlNode *node = xmlDocGetRootElement(doc)->children; node; node = node->next) {
        if (node->type == XML_ELEMENT_NODE && node->ns && xmlStrEqual(node->ns->href, BAD_CAST uri))
            return node;
    }
    return NULL;
}

/* Moves `node` and all elements below it from the namespace `from` (NULL: none) to `to` (NULL: none).
 * An attribute leaves a namespace with its element; one without a namespace belongs to its element anyway. */
static void change_namespace(xmlNode *node, const xmlChar *from, xmlNs *to)
{
    if (node->type != XML_ELEMENT_NODE)
        return;
    if (from ? node->ns && xmlStrEqual(node->ns->href, from) : !node->ns)
        node->ns = to;
    for (xmlAttr *attribute = node->properties; from && attribute; attribute = attribute->next) {
        if (attribute->ns && xmlStrEqual(attribute->ns->href, from))
            attribute->ns = to;
    }
    for (xmlNode *child = node->children; child; child = child->next)
        change_namespace(child, from, to);
}

static void remove_declaration(xmlNode *node, const xmlChar *href)
{
    for (xmlNs **place = &node->nsDef; *place; place = &(*place)->next) {
        xmlNs *ns = *place;

        if (xmlStrEqual(ns->href, href)) {
            *place = ns->next;
            xmlFreeNs(ns);
            return;
        }
    }
}

/* The element of `uri` in the text of a <metadata> element, without its namespace as it was given;
 * in the arena, NULL when there is none. */
static const char *get_element(const char *metadata, const char *uri, Arena *arena)
{
    g_autoptr(xmlDoc) doc = metadata ? parse(metadata, true) : NULL;
    xmlNode *node = doc ? find_element(doc, uri) : NULL;
    xmlNode *copy;
    const char *text;

    if (!node)
        return NULL;
    copy = xmlDocCopyNode(node, doc, 1);
    change_namespace(copy, BAD_CAST uri, NULL);
    remove_declaration(copy, BAD_CAST uri);
    text = xml_node_text(copy, 0, arena);
    xmlFreeNode(copy);
    return text;
}

/* `text` as a node of `doc` in the namespace `uri`, declared with the prefix `key`; NULL and an error. */
static xmlNode *make_element(xmlDoc *doc, const char *text, const char *key, const char *uri, Error *error)
{
    g_autoptr(xmlDoc) given = parse(text, false);
    xmlNode *node;
    xmlNs *ns;

    /* With a document type come entities, which nobody would know any more in the domain's document. */
    if (!given || given->intSubset) {
        error_set(error, VIR_FROM_DOMAIN, VIR_ERR_XML_DETAIL,
                  _("the metadata for '%s' is not one well-formed XML element"), uri);
        return NULL;
    }
    node = xmlDocCopyNode(xmlDocGetRootElement(given), doc, 1);
    if (node->ns && xmlStrEqual(node->ns->href, BAD_CAST uri))
        return node;
    ns = xmlNewNs(node, BAD_CAST uri, BAD_CAST key);
    if (!ns) {
        error_set(error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                  _("the metadata for '%s' uses the prefix '%s' for another namespace"), uri, key);
        xmlFreeNode(node);
        return NULL;
    }
    if (node->ns)
        change_namespace(node, node->ns->href, ns);
    change_namespace(node, NULL, ns);
    return node;
}

/* The new text of <metadata> with the element of `uri` replaced, added, or (element NULL) removed; in the arena.
 * NULL and an error when the element can't stand there. */
static const char *put_element(const char *metadata, const char *element, const char *key, const char *uri, Arena *arena,
                               Error *error)
{
    g_autoptr(xmlDoc) doc = metadata ? parse(metadata, true) : NULL;
    xmlNode *old, *node = NULL;

    if (!doc)
        doc = parse("<metadata/>", true);
    old = find_element(doc, uri);
    if (element && !(node = make_element(doc, element, key, uri, error)))
        return NULL;
    if (node)
        xmlAddChild(xmlDocGetRootElement(doc), node);
    if (old) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    return xml_node_text(xmlDocGetRootElement(doc), 1, arena);
}

/* --- reading --------------------------------------------------------------------------------- */

static int unknown_type(Op *op, int type)
{
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("unknown type of metadata '%d'"), type);
}

static int need_uri(Op *op)
{
    return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                     _("the metadata of an application is named by a uri, and none was given"));
}

int common_domain_get_metadata(Op *op, const RemoteDomainGetMetadataArgs *args,
                               RemoteDomainGetMetadataResult *result)
{
    const DomainConfig *config;
    const char *text = NULL;

    if (op_check_flags(op, args->flags, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) < 0)
        return -1;
    if (args->type < VIR_DOMAIN_METADATA_DESCRIPTION || args->type > VIR_DOMAIN_METADATA_ELEMENT)
        return unknown_type(op, args->type);
    if (args->type == VIR_DOMAIN_METADATA_ELEMENT && !args->uri)
        return need_uri(op);
    config = op_asked_config(op, op->view, args->flags);
    if (!config)
        return -1;
    if (args->type == VIR_DOMAIN_METADATA_DESCRIPTION)
        text = config->description;
    else if (args->type == VIR_DOMAIN_METADATA_TITLE)
        text = config->title;
    else
        text = get_element(config->metadata, args->uri, op->arena);
    if (!text)
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_NO_DOMAIN_METADATA,
                         _("domain '%s' has no such metadata"), op->view->name);
    if (args->type != VIR_DOMAIN_METADATA_ELEMENT)
        op_keep_view(op, domain_view_ref(op->view));
    result->metadata = text;
    return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

static int check_element(Op *op, const RemoteDomainSetMetadataArgs *args)
{
    if (!args->uri || !*args->uri)
        return need_uri(op);
    if (op_check_text(op, "uri", args->uri) < 0)
        return -1;
    if (args->metadata && (!args->key || xmlValidateNCName(BAD_CAST args->key, 0) != 0))
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                         _("'%s' can't be the prefix of the metadata for '%s'"), args->key ? args->key : "", args->uri);
    return 0;
}

static int check_new_text(Op *op, const RemoteDomainSetMetadataArgs *args)
{
    if (args->type == VIR_DOMAIN_METADATA_TITLE && args->metadata && strpbrk(args->metadata, "\r\n"))
        return error_set(op->error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG,
                         _("the title of domain '%s' must be a single line"), op->view->name);
    return args->metadata ? op_check_text(op, "metadata", args->metadata) : 0;
}

/* An empty text is none. */
static void set_text(DomainConfig *config, const char **member, const char *text)
{
    domain_config_set_text(config, member, text && *text ? text : NULL);
}

/* A copy of `config` with the change in it; NULL and an error. */
static DomainConfig *changed(Op *op, const DomainConfig *config, const RemoteDomainSetMetadataArgs *args)
{
    g_autoptr(DomainConfig) copy = domain_config_copy(config);

    if (args->type == VIR_DOMAIN_METADATA_DESCRIPTION) {
        set_text(copy, &copy->description, args->metadata);
    } else if (args->type == VIR_DOMAIN_METADATA_TITLE) {
        set_text(copy, &copy->title, args->metadata);
    } else {
        const char *text = put_element(copy->metadata, args->metadata, args->key, args->uri, op->arena, op->error);

        if (!text)
            return NULL;
        domain_config_set_text(copy, &copy->metadata, text);
        /* Deep, wide or with many namespaces it may be more than a whole document can hold. */
        if (change_check_readable(op, copy) < 0)
            return NULL;
    }
    return g_steal_pointer(&copy);
}

static void announce(Op *op, const RemoteDomainSetMetadataArgs *args)
{
    const RemoteDomainEventCallbackMetadataChangeMsg message = {
        .dom = op_handle(op->view),
        .type = args->type,
        .nsuri = args->type == VIR_DOMAIN_METADATA_ELEMENT ? args->uri : NULL,
    };

    host_announce(op->host, &(DriverEvent){
        .proc = REMOTE_PROC_DOMAIN_EVENT_CALLBACK_METADATA_CHANGE, .message = &message, .uuid = op->view->uuid,
    });
}

static int check_set(Op *op, const RemoteDomainSetMetadataArgs *args)
{
    if (op_check_flags(op, args->flags, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) < 0)
        return -1;
    switch (args->type) {
    case VIR_DOMAIN_METADATA_DESCRIPTION:
    case VIR_DOMAIN_METADATA_TITLE:
        return check_new_text(op, args);
    case VIR_DOMAIN_METADATA_ELEMENT:
        return check_element(op, args);
    default:
        return unknown_type(op, args->type);
    }
}

int common_domain_set_metadata(Op *op, const RemoteDomainSetMetadataArgs *args)
{
    DomainFacts facts = change_facts(op->domain);
    g_autoptr(DomainConfig) active = NULL;
    g_autoptr(DomainConfig) persistent = NULL;
    OpAffects affects;

    if (check_set(op, args) < 0 || op_affects(op, op->view, args->flags, &affects) < 0)
        return -1;
    if (affects.live && !(active = changed(op, facts.active, args)))
        return -1;
    if (affects.config && !(persistent = changed(op, facts.persistent, args)))
        return -1;
    if (active)
        facts.active = active;
    if (persistent)
        facts.persistent = persistent;
    if (change_commit(op->host, op->domain, &facts, op->error) < 0)
        return -1;
    announce(op, args);
    return 0;
}
