/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of controllers (controller.def) can't say: which kinds have models and ports, and where the
 * companions of a USB 2 controller begin.
 * Pure functions of the element: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

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

    if (!has_models(controller->type) && xml_attribute(element_node(parse), "model", parse->arena))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("A controller of the type '%s' has no attribute 'model'"),
                            element_word(&controller_type_words, controller->type));
    if (element_refuse_several(parse, "model", VIR_ERR_XML_ERROR) < 0
        || element_refuse_several(parse, "target", VIR_ERR_XML_ERROR) < 0)
        return -1;
    if (controller->type != CONTROLLER_TYPE_USB && controller->type != CONTROLLER_TYPE_VIRTIO_SERIAL)
        controller->has_ports = false;
    place_companion(controller, parse->arena);
    return 0;
}
