/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of trusted platform modules (tpm.def) can't say: the usual device, and what there may be one of.
 * Pure functions of the element and its place: any thread, no lock. */
#include "conf/elements.h"

int tpm_backend_parsed(void *self, ElementParse *parse)
{
    TpmBackend *backend = self;

    if (backend->type == TPM_BACKEND_TYPE_PASSTHROUGH) {
        backend->has_device = true;
        if (!backend->device.path)
            backend->device.path = "/dev/tpm0";
    }
    if (backend->type == TPM_BACKEND_TYPE_EXTERNAL)
        return element_refuse_several(parse, "source", VIR_ERR_XML_ERROR);
    return 0;
}

int tpm_parsed(void *self, ElementParse *parse)
{
    (void)self;
    return element_refuse_several(parse, "backend", VIR_ERR_XML_ERROR);
}
