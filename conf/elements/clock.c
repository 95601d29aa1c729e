/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of the clock (clock.def) can't say: an adjustment that turns one kind of clock into another, and
 * what each timer knows. Pure functions of the element and its place: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/scalar.h"
#include "conf/xml.h"

/* A clock that begins at UTC or local time and is adjusted is a variable one with that basis. */
int clock_parsed(void *self, ElementParse *parse)
{
    Clock *clock = self;
    const char *text = xml_attribute(element_node(parse), "adjustment", parse->arena);

    if ((clock->offset != CLOCK_OFFSET_UTC && clock->offset != CLOCK_OFFSET_LOCALTIME) || clock->reset || !text ||
        *text == '\0')
        return 0;
    if (!scalar_parse_signed(text, 10, INT64_MIN, INT64_MAX, &clock->adjustment))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'adjustment' of <clock> is '%s', it must be 'reset' or a number"), text);
    clock->has_adjustment = true;
    clock->basis = clock->offset == CLOCK_OFFSET_UTC ? CLOCK_BASIS_UTC : CLOCK_BASIS_LOCALTIME;
    clock->offset = CLOCK_OFFSET_VARIABLE;
    return 0;
}

/* The timers that can have the attribute; `what` names it. */
static int refuse_attribute(const ClockTimer *timer, const char *what, ElementParse *parse)
{
    return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED, _("The timer '%s' can't have the attribute '%s'"),
                        element_word(&timer_name_words, timer->name), what);
}

int timer_parsed(void *self, ElementParse *parse)
{
    ClockTimer *timer = self;
    const TimerCatchup *catchup = &timer->catchup;
    bool adjusts = catchup->threshold || catchup->slew || catchup->limit;

    if (timer->tickpolicy && (timer->name == TIMER_NAME_KVMCLOCK || timer->name == TIMER_NAME_HYPERVCLOCK))
        return refuse_attribute(timer, "tickpolicy", parse);
    if (adjusts && timer->tickpolicy != TIMER_TICKPOLICY_CATCHUP)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The timer '%s' has a <catchup>, which needs the attribute tickpolicy='catchup'"),
                            element_word(&timer_name_words, timer->name));
    if (timer->name != TIMER_NAME_TSC && timer->frequency)
        return refuse_attribute(timer, "frequency", parse);
    if (timer->name != TIMER_NAME_TSC && timer->mode)
        return refuse_attribute(timer, "mode", parse);
    if (timer->track && timer->name != TIMER_NAME_PLATFORM && timer->name != TIMER_NAME_RTC)
        return refuse_attribute(timer, "track", parse);
    return 0;
}
