/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host without a server: opens a driver, calls its operations as server/serve.c would (the view or
 * the domain looked up, the job held, what was kept released), and writes down what it announces.
 * For the unit tests of drivers; used by the test's one thread. */
#pragma once

#include <glib.h>

#include "drivers/driver.h"

typedef struct Fixture {
    Host host;
    GString *events;          /* one line each, see fixture_events */
} Fixture;

/* What the next host is given as its state_dir; NULL: nothing is kept. Borrowed. */
extern const char *fixture_state_dir;

/* NULL and an error when the driver doesn't open it. */
Fixture *fixture_open(const Driver *driver, const char *uri, bool read_only, Error *error);
/* As above; a failure fails the test. */
Fixture *fixture_new(const Driver *driver, const char *uri);
void fixture_free(Fixture *fixture);

/* What was announced since the last time, a line each: "lifecycle NAME ID EVENT DETAIL", "reboot NAME ID",
 * "pmsuspend NAME ID", "pmwakeup NAME ID", "metadata NAME ID TYPE URI", "added NAME ID ALIAS", "removed NAME ID ALIAS",
 * "tray NAME ID ALIAS REASON", "balloon NAME ID KIB". Good until the next call. */
const char *fixture_events(Fixture *fixture);

/* One call. Between begin and end `op` is what the operation gets; results live until end. */
typedef struct FixtureCall {
    Op op;
    Arena arena;
    Error error;
    JobTicket ticket;
} FixtureCall;

/* `domain` is a name, NULL for procedures without one. Begins the job that the procedure's row declares. */
void fixture_begin(Fixture *fixture, FixtureCall *call, const char *procedure, const char *domain);
/* Ends job and call; returns the error's code, VIR_ERR_OK for r == 0. Insists that r and the error agree. */
int fixture_end(FixtureCall *call, int r);

/* Runs driver->member(op, &args) or (op, &args, &result) as one call; gives the error's code. */
#define FIXTURE_CALL(fixture, procedure, domain, member, ...)                                   \
    ({                                                                                          \
        FixtureCall fixture_call_;                                                              \
        fixture_begin(fixture, &fixture_call_, procedure, domain);                              \
        fixture_end(&fixture_call_, (fixture)->host.driver->member(&fixture_call_.op, __VA_ARGS__)); \
    })

/* As server/ops/domain.c does it; the code of the error, VIR_ERR_OK when it worked. */
int fixture_define(Fixture *fixture, const char *document);
int fixture_create(Fixture *fixture, const char *document, uint32_t flags);
int fixture_restore(Fixture *fixture, const RemoteDomainRestoreFlagsArgs *args);
int fixture_start(Fixture *fixture, const char *name, uint32_t flags);
int fixture_destroy(Fixture *fixture, const char *name);
int fixture_undefine(Fixture *fixture, const char *name);
int fixture_suspend(Fixture *fixture, const char *name);

/* A small document; `extra` (NULL: nothing) stands among the devices. The uuid's last digits are `number`. */
char *fixture_document(const char *name, unsigned number, const char *extra);
/* "running/1", the state and its reason; "none" when there is no such domain. Static storage. */
const char *fixture_state(Fixture *fixture, const char *name);
/* The document as domain.get_xml_desc gives it; owned by the caller. */
char *fixture_xml(Fixture *fixture, const char *name, uint32_t flags);
