/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of random number generators (rng.def) can't say: a rate of nothing, and that there is one backend.
 * Pure functions of the element and its place: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

/* 0 bytes are no limit, and a period of 0 is the usual one. */
int rng_rate_parsed(void *self, ElementParse *parse)
{
    RngRate *rate = self;

    (void)parse;
    rate->has_bytes = rate->bytes != 0;
    rate->has_period = rate->has_bytes && rate->period != 0;
    return 0;
}

int rng_parsed(void *self, ElementParse *parse)
{
    unsigned n = 0;

    (void)self;
    for (xmlNode *child = xml_element(element_node(parse)->children); child; child = xml_element(child->next))
        n += xml_is(child, "backend");
    if (n > 1)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("there are %u elements 'backend', there may be one"), n);
    return 0;
}
