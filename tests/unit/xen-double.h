/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Xen host in memory, on the other side of the seam (drivers/xen/hypervisor.h): it counts what it is asked, and fails
 * when it is told to. What the tests do to it here is what xl would do behind drover's back. */
#pragma once

#include "drivers-fixture.h"
#include "drivers/xen/hypervisor.h"
#include "drivers/xen/xen.h"

typedef struct XenDouble XenDouble;

/* A host that is opened next has these domains already: Domain-0 and `n` others from the id 1 on, "guest-00001" and so
 * on, that have run. Then fixture_new(&xen_driver, "xen:///system"). */
Fixture *double_open(unsigned n);
XenDouble *double_of(Fixture *fixture);

/* What has been asked since the last call of this. */
XenAsked double_asked(Fixture *fixture);

/* A domain that runs, as xl makes it: created, named, introduced. Its uuid ends with `number`. `name` NULL: it has none. */
XenInfo *double_create(XenDouble *xen, int id, unsigned number, const char *name);
/* The same without telling xenstore: only the hypervisor knows. */
XenInfo *double_create_silently(XenDouble *xen, int id, unsigned number, const char *name);
/* To be changed at will (paused, shutdown, dying). NULL: gone. */
XenInfo *double_find(XenDouble *xen, int id);
void double_destroy(XenDouble *xen, int id, bool tell);
void double_rename(XenDouble *xen, int id, const char *name);
/* An event for a path that is watched. */
void double_fire(XenDouble *xen, const char *path);
/* From now on events are on their way until somebody makes sure that all have come. */
void double_delay_events(XenDouble *xen);
/* Whether xenstored gives no answer to who asks for events that are on their way; how many wait for that. */
void double_hang(XenDouble *xen, bool hangs);
unsigned double_hanging(XenDouble *xen);
/* From now on another event for the path (static) is ready whenever somebody looks, one for each pass. */
void double_fire_endlessly(XenDouble *xen, const char *path);

/* From now on hypercalls (requests) fail with this errno; 0: no more. */
void double_fail_hypercalls(XenDouble *xen, int errnum);
void double_fail_requests(XenDouble *xen, int errnum);
/* xenstored ends: all watches are gone, requests fail until it is back. */
void double_lose_store(XenDouble *xen);
void double_bring_back_store(XenDouble *xen);
/* The scheduler of the host (XenScheduler, or another number), and the one share and set of CPUs that all domains have. */
void double_set_scheduler(XenDouble *xen, int scheduler);
/* Moves a domain into another CPU pool, whose scheduler is another one. */
void double_set_pool(XenDouble *xen, int id, unsigned pool, int scheduler);
XenShare double_share(XenDouble *xen);
void double_set_weight(XenDouble *xen, unsigned weight);
unsigned double_pins(XenDouble *xen);
unsigned double_watches(XenDouble *xen);
/* Watches that there are whatever domains there are. */
enum { DOUBLE_WATCHES = 5 };
/* Called once inside the next hypercall about one domain, after it was answered. */
void double_then(XenDouble *xen, void (*then)(XenDouble *xen));

/* Bytes that a saved guest's state has. */
enum { DOUBLE_STATE_SIZE = 100000 };
/* From now on a save and a dump, having written all, fail with this errno; 0: no more. A guest that is to sleep fails too: with
 * ETIMEDOUT it goes on, with another errno it stands still. */
void double_fail_saves(XenDouble *xen, int errnum);
/* Called once inside the next save, when the state has been written, or when the guest that is to sleep does so. */
void double_during_save(Fixture *fixture, void (*during)(Fixture *fixture));
/* From now on builds fail with this errno, before there is a guest or with one that is left; 0: no more. */
void double_fail_builds(XenDouble *xen, int errnum, bool leaves_guest);
/* From now on domains can't be destroyed; 0: they can. */
void double_fail_destroys(XenDouble *xen, int errnum);
/* Each call of the seam that counts or changes something has a moment before it, and one after it if it changes something.
 * At the `moment`th from now, counted from 1, a copy of the host is made, which the next double_open opens, and `then` is
 * called to copy what else there is: as if droverd were killed there. */
void double_copy_at(XenDouble *xen, unsigned moment, void (*then)(void));
/* The Xen host goes on when the fixture is freed, and the next double_open opens it again. */
void double_outlive(XenDouble *xen);
/* What xenstore has of drover's word for a guest; NULL: none. */
void double_say(XenDouble *xen, int id, const char *word);
void double_forget_name(XenDouble *xen, int id);
/* xenstore has forgotten what is there only as long as the host runs, but for guests. */
void double_new_boot(XenDouble *xen);

/* What libxl does in xenstore when somebody gives a guest a disk, takes it away (`image` NULL) or puts another medium into a
 * drive (targets that begin with 'h' are drives): all of it and its events. */
void double_disk(XenDouble *xen, int id, const char *target, const char *image);
void double_interface(XenDouble *xen, int id, const char *mac, bool there);
/* What stands in xenstore. */
void double_put(XenDouble *xen, const char *path, const char *value);
/* What was asked of devices since the last call: "attach ID disk DEV" and the like, a line each. Interned. */
const char *double_devices(XenDouble *xen);
/* From now on devices can't be changed; 0: they can. */
void double_fail_devices(XenDouble *xen, int errnum);

/* A PCI device of the host, and who has it: "host", "free" (guests can have it), or a guest's id. As libxl does, the double takes
 * one for a guest and doesn't give it back. Interned; NULL: there is no such device. */
void double_pci(XenDouble *xen, const char *address, const char *who);
const char *double_pci_who(XenDouble *xen, const char *address);
/* What was given back since the last call: "0000:00:10.0 to the host" or "for guests", a line each. Interned. */
const char *double_releases(XenDouble *xen);
/* From now on no device can be given back; 0: they can. */
void double_fail_releases(XenDouble *xen, int errnum);
/* Called once inside the next release, before anything is done; inside the next build, before the guest is there; inside the next
 * request for a value, after it was read; inside the next question for a guest's document, in the same way. All have the same `data`. */
void double_during_release(XenDouble *xen, void (*during)(void *data), void *data);
void double_during_build(XenDouble *xen, void (*during)(void *data), void *data);
void double_during_read(XenDouble *xen, void (*during)(void *data), void *data);
void double_during_describe(XenDouble *xen, void (*during)(void *data), void *data);
/* What stands in xenstore; interned, NULL: nothing. */
const char *double_at(XenDouble *xen, const char *path);
