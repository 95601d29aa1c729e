/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of audio backends (audio.def) can't say: a format of its own needs a mixer.
 * Pure functions of the element and its place: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

int audio_stream_parsed(void *self, ElementParse *parse)
{
    AudioStream *stream = self;
    bool is_fixed = stream->fixed_settings == TRISTATE_YES;

    if (is_fixed && stream->mixing_engine != TRISTATE_YES)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute fixedSettings='yes' needs mixingEngine='yes'"));
    if (stream->has_settings && !is_fixed)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("<settings> needs the attribute fixedSettings='yes'"));
    stream->has_settings = is_fixed;
    return 0;
}
