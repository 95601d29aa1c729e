/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A <cpu> element, of a host or of a guest, in the one shape that comparing and baseline work on.
 * Reads any document that a client gives. Pure functions, any thread, no lock. */
#include "conf/cpu/cpu-private.h"

#include <string.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "conf/xml.h"

#define DOCUMENT_LIMIT (4u << 20)

static const char *text_of(const xmlNode *root, const char *name, Arena *arena)
{
    const char *text = xml_text(xml_child(root, name), arena);

    return text && *text ? text : NULL;
}

static void add_use(CpuView *view, const char *name, CpuPolicy policy)
{
    CpuUse use = { name, policy };

    g_array_append_val(view->uses, use);
}

void cpu_view_of_host(CpuView *view, const HostCpu *host)
{
    view->host = true;
    view->arch = element_word(&arch_words, host->arch);
    view->model = host->model;
    view->vendor = host->vendor;
    view->uses = g_array_new(FALSE, FALSE, sizeof(CpuUse));
    for (unsigned i = 0; i < host->n_features; i++)
        add_use(view, host->features[i]->name, CPU_POLICY_REQUIRE);
}

/* A guest's model and vendor count in any mode, also where a domain would not keep them. */
static void view_of_guest(CpuView *view, const Cpu *guest, const xmlNode *root, Arena *arena)
{
    view->model = text_of(root, "model", arena);
    view->vendor = text_of(root, "vendor", arena);
    view->match = guest->match;
    view->uses = g_array_new(FALSE, FALSE, sizeof(CpuUse));
    for (unsigned i = 0; i < guest->n_features; i++)
        add_use(view, guest->features[i]->name, guest->features[i]->policy);
}

/* NUMA cells are the domain's, not the CPU's: they are not looked at. */
static void drop_numa(const xmlNode *root)
{
    xmlNode *numa;

    while ((numa = xml_child(root, "numa"))) {
        xmlUnlinkNode(numa);
        xmlFreeNode(numa);
    }
}

static int parse_root(CpuView *view, const xmlNode *root, bool host, Arena *arena, Error *error)
{
    ElementParse parse = { .arena = arena, .error = error, .flags = ELEMENT_INACTIVE };
    HostCpu *described;
    Cpu *wanted;

    if (host) {
        described = ELEMENT_NEW(arena, HostCpu);
        if (element_parse(&host_cpu_type, described, root, 0, &parse) < 0)
            return -1;
        if (!described->model)
            return error_set(error, VIR_FROM_CPU, VIR_ERR_XML_ERROR, _("The CPU of a host needs an element 'model'"));
        cpu_view_of_host(view, described);
        return 0;
    }
    wanted = ELEMENT_NEW(arena, Cpu);
    if (element_parse(&cpu_type, wanted, root, 0, &parse) < 0)
        return -1;
    view_of_guest(view, wanted, root, arena);
    return 0;
}

/* The tree of a document whose root is <cpu>; NULL and an error. */
static xmlDoc *parse_document(const char *document, Error *error)
{
    g_autoptr(xmlDoc) doc = xml_parse(document, strlen(document), DOCUMENT_LIMIT, _("(CPU definition)"), VIR_FROM_CPU,
                                      error);
    const xmlNode *root;

    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    if (!xml_is(root, "cpu")) {
        error_set(error, VIR_FROM_CPU, VIR_ERR_XML_ERROR, _("The document begins with the element '%s', not 'cpu'"),
                  (const char *)root->name);
        return NULL;
    }
    return g_steal_pointer(&doc);
}

int cpu_validate(const char *document, const char *path, Error *error)
{
    g_autoptr(xmlDoc) doc = parse_document(document, error);

    return doc ? xml_validate(document, strlen(document), path, error) : -1;
}

int cpu_view_parse(CpuView *view, const char *document, CpuKind kind, Arena *arena, xmlDoc **doc, Error *error)
{
    const xmlNode *root;
    bool host = kind == CPU_KIND_HOST;

    *doc = parse_document(document, error);
    if (!*doc)
        return -1;
    root = xmlDocGetRootElement(*doc);
    if (kind == CPU_KIND_ANY && xml_child(root, "arch")) {
        if (xml_attribute(root, "match", arena))
            return error_set(error, VIR_FROM_CPU, VIR_ERR_XML_ERROR,
                             _("The element 'arch' is for hosts, the attribute 'match' for guests"));
        host = true;
    }
    drop_numa(root);
    if (parse_root(view, root, host, arena, error) < 0) {
        if (error)
            error->domain = VIR_FROM_CPU;
        return -1;
    }
    return 0;
}

void cpu_view_clear(CpuView *view)
{
    g_clear_pointer(&view->uses, g_array_unref);
}

/* --- as bits ----------------------------------------------------------------------------------- */

static const CpuMapFeature *find_feature(const CpuMap *map, const char *name, Error *error)
{
    const CpuMapFeature *feature = cpu_find_feature(&map->x86, name);

    if (!feature)
        error_set(error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR, _("The CPU feature '%s' is not known"), name);
    return feature;
}

/* The features of the model; none when the view names no model. */
static uint32_t *model_bits(const CpuMap *map, const CpuView *view, Arena *arena, Error *error)
{
    const CpuMapModel *model;

    if (!view->model)
        return cpu_bits_new(map, arena);
    model = cpu_find_model(&map->x86, view->model);
    if (!model) {
        error_set(error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR, _("The CPU model '%s' is not known"), view->model);
        return NULL;
    }
    return cpu_bits_copy(map, model->bits, arena);
}

uint32_t *cpu_view_bits(const CpuMap *map, const CpuView *view, Arena *arena, Error *error)
{
    uint32_t *bits = model_bits(map, view, arena, error);

    for (unsigned i = 0; bits && i < view->uses->len; i++) {
        const CpuUse *use = cpu_view_use(view, i);
        const CpuMapFeature *feature;

        if (use->policy == CPU_POLICY_OPTIONAL)
            continue;
        feature = find_feature(map, use->name, error);
        if (!feature)
            return NULL;
        if (use->policy == CPU_POLICY_REQUIRE || use->policy == CPU_POLICY_FORCE)
            cpu_bits_add(bits, feature);
        else
            cpu_bits_remove(bits, feature);
    }
    return bits;
}

uint32_t *cpu_view_bits_of(const CpuMap *map, const CpuView *view, CpuPolicy policy, Arena *arena, Error *error)
{
    uint32_t *bits = policy == CPU_POLICY_REQUIRE ? model_bits(map, view, arena, error) : cpu_bits_new(map, arena);

    for (unsigned i = 0; bits && i < view->uses->len; i++) {
        const CpuUse *use = cpu_view_use(view, i);
        const CpuMapFeature *feature;

        if (use->policy != policy)
            continue;
        feature = find_feature(map, use->name, error);
        if (!feature)
            return NULL;
        cpu_bits_add(bits, feature);
    }
    return bits;
}
