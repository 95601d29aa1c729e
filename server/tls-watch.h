/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates that are renewed on disk are taken without anybody's asking. */
#pragma once

#include "rpc/tls.h"

typedef struct TlsWatch TlsWatch;

/* Starts the thread that looks after the files; all is borrowed until tls_watch_free. Never NULL. */
TlsWatch *tls_watch_new(Tls *tls, const TlsSettings *settings);
void tls_watch_free(TlsWatch *watch);    /* joins it; NULL is fine */
/* Reads the files now and says so in the log; any thread that may wait for a disk. 0, or -1 and an error as
 * tls_reload: the former certificates stay. */
int tls_update(Tls *tls, Error *error);
