/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors that are droverd's own: connections of clients, and files with a lock on them. A child that goes on without exec
 * must not keep them: a client would never see that its connection has ended, and the next droverd would find the locks taken.
 * They get high numbers, so that a child tells them from what libraries have opened. */
#pragma once

/* The lowest number of one's own. Libraries get such a number when so many others are open, which they never are. */
enum { DESCRIPTOR_OWN = 2048 };

/* The same open file under a number of one's own, closed at exec; `fd` is closed. When the process may not have so many, and for
 * -1: `fd` itself, and errno as it was. Any thread; no lock. */
int descriptor_own(int fd);
/* Closes all of them, in a child. Calls nothing that isn't async-signal-safe. */
void descriptor_close_own(void);
