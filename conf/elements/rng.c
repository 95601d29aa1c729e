/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of random number generators (rng.def) can't say: a rate of nothing, and that there is one backend.
 * Pure functions of the element and its place: any thread, no lock. */
#include "conf/elements.h"

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
    (void)self;
    return element_refuse_several(parse, "backend", VIR_ERR_XML_ERROR);
}

/* As libvirt has it: also for a character device without anything to say. */
bool rng_backend_opens(const void *self, const ElementFormat *format)
{
    const RngBackend *backend = self;

    return backend->model == RNG_BACKEND_MODEL_EGD;
}
