/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "load-report.h"

/* Measures what handshakes cost a server that is nothing but GnuTLS, for @seconds: one thread each for both ends of
 * socket pairs, the server's with the same certificates (server.pem and server.key in @directory), tickets and
 * verification as a real one. Appends members handshakes, resumed and cpu_us (the server thread's, for each) to @report;
 * with @resume all but the first are resumed. Ends the program when a handshake fails. */
void floor_measure(const Way *way, const char *directory, bool resume, double seconds, Report *report);
