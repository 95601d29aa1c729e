/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beside domain.def: what the root element needs that a table can't say.
 * Hooks, called while the document is parsed: any thread, no lock. */
#include "base/i18n.h"
#include "conf/elements.h"
#include "conf/xml.h"

static unsigned count_children(const xmlNode *node, const char *name)
{
    unsigned n = 0;

    for (const xmlNode *child = xml_element(node->children); child; child = xml_element(child->next))
        n += xml_is(child, name);
    return n;
}

/* These are a mistake when they are there twice, unlike all others, of which the first counts. */
static int refuse_doubles(const xmlNode *node, ElementParse *parse)
{
    static const char *const once[] = { "genid", "numatune", "resource" };

    for (unsigned i = 0; i < G_N_ELEMENTS(once); i++)
        if (count_children(node, once[i]) > 1)
            return element_fail(parse, VIR_ERR_XML_ERROR, _("The element '%s' may be there only once"), once[i]);
    return 0;
}

int domain_parsed(void *self, ElementParse *parse)
{
    DomainConfig *config = self;
    const xmlNode *node = element_node(parse);

    if (!config->has_genid && count_children(node, "genid")) {
        uuid_generate(&config->genid);
        config->has_genid = true;
    }
    return refuse_doubles(node, parse);
}
