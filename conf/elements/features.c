/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of the features (features.def) can't say: numbers with limits of their own and amounts whose unit
 * is chosen for them.
 * Pure functions of the element and its place: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

#define MIB (1024u * 1024u)

/* --- system management mode -------------------------------------------------------------------- */

int tseg_parsed(void *self, ElementParse *parse)
{
    Tseg *tseg = self;
    const xmlNode *node = element_node(parse);
    const char *text = xml_text(node, parse->arena);

    if (*text == '\0')
        return 1;
    if (element_scaled(parse, text, xml_attribute(node, "unit", parse->arena), MIB, &tseg->value) < 0)
        return -1;
    tseg->has_value = true;
    tseg->unit = TSEG_UNIT_B;
    while (tseg->value && tseg->value % 1024 == 0 && tseg->unit < TSEG_UNIT_PIB) {
        tseg->value /= 1024;
        tseg->unit++;
    }
    return 0;
}

/* --- KVM and Hyper-V --------------------------------------------------------------------------- */

int dirty_ring_parsed(void *self, ElementParse *parse)
{
    const DirtyRing *ring = self;

    if (ring->has_size && (ring->size < 1024 || ring->size > 65536 || (ring->size & (ring->size - 1)) != 0))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'size' of <dirty-ring> is %u, it must be a power of two from 1024 to "
                              "65536"),
                            ring->size);
    return 0;
}

/* Timers that need a message are the usual ones: nothing is said of them. */
int hyperv_timers_parsed(void *self, ElementParse *parse)
{
    HypervTimers *timers = self;

    (void)parse;
    if (timers->direct.state != TRISTATE_YES) {
        timers->direct.state = TRISTATE_ABSENT;
        timers->has_direct = false;
    }
    return 0;
}

int hyperv_vendor_parsed(void *self, ElementParse *parse)
{
    const HypervVendor *vendor = self;

    if (!vendor->value)
        return 0;
    if (strlen(vendor->value) > 12)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'value' of <vendor_id> is '%s', it can't be longer than 12 characters"),
                            vendor->value);
    if (strchr(vendor->value, ','))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'value' of <vendor_id> is '%s', it can't contain a comma"), vendor->value);
    return 0;
}

/* --- containers -------------------------------------------------------------------------------- */

/* The usual policy for no capability at all says nothing. */
int process_capabilities_parsed(void *self, ElementParse *parse)
{
    const ProcessCapabilities *capabilities = self;
    const ProcessCapabilities nothing = { .policy = CAPABILITIES_POLICY_DEFAULT };

    (void)parse;
    return element_equal(&process_capabilities_type, capabilities, &nothing) ? 1 : 0;
}
