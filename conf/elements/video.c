/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of graphics cards (video.def) can't say.
 * Pure functions of the element and its place: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

int video_acceleration_parsed(void *self, ElementParse *parse)
{
    const VideoAcceleration *acceleration = self;

    if (!acceleration->accel2d && !acceleration->accel3d && !acceleration->rendernode)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("<acceleration> has none of the attributes 'accel2d', 'accel3d' and 'rendernode'"));
    return 0;
}
