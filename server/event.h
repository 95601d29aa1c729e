/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering for events. All of these run on the I/O thread of the session's client. */
#pragma once

#include "server/server.h"

enum { EVENT_SUBSCRIPTIONS_MAX = 1024 };

/* The row of an event, NULL when there is none with this id. */
const ProcEvent *event_find(EventFamily family, int id);
/* uuid NULL: events about all objects. Returns the callback id, or -1 and VIR_ERR_INVALID_ARG when the same
 * registration exists. */
int event_subscribe(Session *session, const ProcEvent *event, bool legacy, const Uuid *uuid, Error *error);
/* -1 and VIR_ERR_INTERNAL_ERROR when there is no such registration. */
int event_unsubscribe(Session *session, int callback_id, EventFamily family, Error *error);
int event_unsubscribe_legacy(Session *session, const ProcEvent *event, Error *error);
