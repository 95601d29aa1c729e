/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of controllers (controller.def) can't say: which kinds have models and ports, and where the
 * companions of a USB 2 controller begin.
 * Pure functions of the element: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

static bool has_models(ControllerType type)
{
    switch (type) {
    case CONTROLLER_TYPE_IDE:
    case CONTROLLER_TYPE_SCSI:
    case CONTROLLER_TYPE_USB:
    case CONTROLLER_TYPE_PCI:
    case CONTROLLER_TYPE_VIRTIO_SERIAL:
        return true;
    default:
        return false;
    }
}

static unsigned count_children(const xmlNode *node, const char *name)
{
    unsigned n = 0;

    for (const xmlNode *child = node->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && !child->ns && strcmp((const char *)child->name, name) == 0)
            n++;
    return n;
}

/* A companion serves two ports of its USB 2 controller; which ones goes by its model unless the document says. */
static void place_companion(Controller *controller, Arena *arena)
{
    unsigned port;

    switch (controller->usb_model) {
    case USB_MODEL_ICH9_UHCI1:
        port = 0;
        break;
    case USB_MODEL_ICH9_UHCI2:
        port = 2;
        break;
    case USB_MODEL_ICH9_UHCI3:
        port = 4;
        break;
    default:
        return;
    }
    if (controller->info.master)
        return;
    controller->info.master = ELEMENT_NEW(arena, DeviceMaster);
    controller->info.master->startport = port;
    controller->info.master->has_startport = true;
}

int controller_parsed(void *self, ElementParse *parse)
{
    Controller *controller = self;
    const xmlNode *node = element_node(parse);

    if (!has_models(controller->type) && xmlHasProp(node, BAD_CAST "model"))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("A controller of the type '%s' has no attribute 'model'"),
                            element_word(&controller_type_words, controller->type));
    if (count_children(node, "model") > 1)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<controller> has more than one <model>"));
    if (count_children(node, "target") > 1)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<controller> has more than one <target>"));
    if (controller->type != CONTROLLER_TYPE_USB && controller->type != CONTROLLER_TYPE_VIRTIO_SERIAL)
        controller->has_ports = false;
    place_companion(controller, parse->arena);
    return 0;
}
