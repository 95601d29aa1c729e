/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of trusted platform modules (tpm.def) can't say: the usual device, and what there may be one of.
 * Pure functions of the element and its place: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

/* Refuses a second child of that name. */
static int check_single(ElementParse *parse, const char *name)
{
    unsigned n = 0;

    for (xmlNode *child = xml_element(element_node(parse)->children); child; child = xml_element(child->next))
        n += xml_is(child, name);
    if (n > 1)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("there are %u elements '%s', there may be one"), n, name);
    return 0;
}

int tpm_backend_parsed(void *self, ElementParse *parse)
{
    TpmBackend *backend = self;

    if (backend->type == TPM_BACKEND_TYPE_PASSTHROUGH) {
        backend->has_device = true;
        if (!backend->device.path)
            backend->device.path = "/dev/tpm0";
    }
    return backend->type == TPM_BACKEND_TYPE_EXTERNAL ? check_single(parse, "source") : 0;
}

int tpm_parsed(void *self, ElementParse *parse)
{
    (void)self;
    return check_single(parse, "backend");
}
