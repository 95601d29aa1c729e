/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt prints and doesn't take back as it was, and we like it: the fuzzer looks away there. */
#pragma once

#include "conf/config.h"

typedef enum Quirks {
    QUIRK_CHANGED = 1 << 0,    /* read again from a client it is another document */
    QUIRK_REFUSED = 1 << 1,    /* it is refused from a client */
    QUIRK_STORED = 1 << 2,     /* read again from the store it is another document */
} Quirks;

unsigned known_quirks(const DomainConfig *config);
