/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rule about clocks: every guest has one. Pure functions of the config: any thread, no lock. */
#include "conf/rules/rules.h"

int rule_clock_default(DomainConfig *config, DomainCheck *check)
{
    (void)check;
    if (!config->clock.offset)
        config->clock.offset = CLOCK_OFFSET_UTC;
    config->has_clock = true;
    return 0;
}
