/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads labels out of the text that a document has in <metadata>. Any thread; takes no lock. */
#include "conf/label.h"

#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "base/auto.h"

/* Further ones are not looked at, so that a document can't make every question about its domain expensive. */
enum { LABELS_MOST = 64 };

static bool is_ours(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && node->ns && xmlStrEqual(node->ns->href, BAD_CAST DOMAIN_LABELS_NAMESPACE)
        && (!name || xmlStrEqual(node->name, BAD_CAST name));
}

static void add_label(GPtrArray *labels, const xmlNode *node)
{
    xmlChar *content = xmlNodeGetContent(node);
    char *label = g_strstrip(g_strdup(content ? (const char *)content : ""));

    xmlFree(content);
    if (*label)
        g_ptr_array_add(labels, label);
    else
        g_free(label);
}

char **domain_config_labels(const DomainConfig *config)
{
    g_autoptr(xmlDoc) doc = NULL;
    GPtrArray *labels;

    if (G_LIKELY(!config->metadata || !strstr(config->metadata, DOMAIN_LABELS_NAMESPACE)))
        return NULL;
    doc = xmlReadMemory(config->metadata, (int)strlen(config->metadata), NULL, NULL,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!doc)
        return NULL;
    labels = g_ptr_array_new();
    for (const xmlNode *of = xmlDocGetRootElement(doc)->children; of; of = of->next)
        for (const xmlNode *node = is_ours(of, NULL) ? of->children : NULL; node && labels->len < LABELS_MOST;
             node = node->next)
            if (is_ours(node, "label"))
                add_label(labels, node);
    if (labels->len == 0) {
        g_ptr_array_unref(labels);
        return NULL;
    }
    g_ptr_array_add(labels, NULL);
    return (char **)g_ptr_array_free(labels, FALSE);
}
