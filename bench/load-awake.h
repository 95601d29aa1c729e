/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

typedef struct Awake Awake;

/* Keeps every CPU that this process may use from going to sleep, with a thread each that runs only when nothing else
 * wants to. In a virtual machine, waking a halted CPU costs more than a call; with this, latencies of a lone caller can be
 * compared. Ends the program when it can't. */
Awake *awake_new(void);
void awake_free(Awake *awake);
