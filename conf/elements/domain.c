/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beside domain.def: what the root element needs that a table can't say.
 * Hooks, called while the document is parsed: any thread, no lock. */
#include "conf/elements.h"
#include "conf/xml.h"

int domain_parsed(void *self, ElementParse *parse)
{
    DomainConfig *config = self;

    if (!config->has_genid && xml_child(element_node(parse), "genid")) {
        uuid_generate(&config->genid);
        config->has_genid = true;
    }
    if (element_refuse_several(parse, "genid", VIR_ERR_XML_ERROR) < 0
        || element_refuse_several(parse, "numatune", VIR_ERR_XML_ERROR) < 0)
        return -1;
    return element_refuse_several(parse, "resource", VIR_ERR_XML_ERROR);
}
