/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of power and events (power.def) can't say.
 * Pure functions of the element and its place: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

/* Each event once, in the order of their names in the table. */
int perf_parsed(void *self, ElementParse *parse)
{
    Perf *perf = self;
    PerfEvent *by_name[PERF_EVENT_NAME_EMULATION_FAULTS + 1] = { NULL };

    for (unsigned i = 0; i < perf->n_events; i++) {
        PerfEvent *event = perf->events[i];

        if (by_name[event->name])
            return element_fail(parse, VIR_ERR_XML_ERROR, _("<perf> has the event '%s' twice"),
                                element_word(&perf_event_name_words, event->name));
        by_name[event->name] = event;
    }
    perf->n_events = 0;
    for (unsigned name = 1; name < G_N_ELEMENTS(by_name); name++)
        if (by_name[name])
            perf->events[perf->n_events++] = by_name[name];
    return 0;
}
