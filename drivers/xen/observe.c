/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens without anybody asking: xenstore's watches, and a look at the hypervisor now and then, since a domain
 * that is paused tells nobody. A *pass* takes all that xenstore has told so far, each domain once however often it was
 * named, and settles. The observer's thread makes passes; a question that finds events ready makes one before it answers.
 *
 *   idle ──an event, a wake-up, the time──▶ turn ──▶ reconnect? ──▶ events ──▶ sweep? ──▶ settle ──▶ idle
 *
 * LOCK_XEN_HOST guards whose turn it is and is held across nothing. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"

LOG_SOURCE("drivers.xen.observe");

enum {
    TURN_SECONDS = 10,        /* longer than a thousand new domains take; else xenstored hangs */
    LOOK_MS = 1000,           /* between two looks at the hypervisor */
    HURRY_MS = 100,           /* the same while a domain is being built */
    SETTLING_MS = 1000,       /* questions wait for a pass that has had its events for no longer than that */
    EVENTS_MAX = 8192,        /* of one pass; a storm must not keep those waiting who want what came before it */
};

#define INTRODUCED "@introduceDomain"
#define RELEASED "@releaseDomain"

/* --- turns ----------------------------------------------------------------------------------- */

/* Who hangs is not waited for again and again. */
static int64_t turn_deadline_locked(XenHost *xen, int64_t asked)
{
    lock_assert_held(&xen->lock);
    return MIN(asked, xen->taken_at) + TURN_SECONDS * CLOCK_S;
}

static bool take_turn_locked(XenHost *xen)
{
    int64_t asked = clock_now();

    lock_assert_held(&xen->lock);
    while (xen->taken) {
        if (cond_wait_until(&xen->passed, &xen->lock, turn_deadline_locked(xen, asked)) || !xen->taken
            || clock_now() < turn_deadline_locked(xen, asked))    /* it may be another one's turn by now */
            continue;
        if (!xen->late)
            log_warning("domains can't be settled: another thread has waited for xenstored for %d s", TURN_SECONDS);
        xen->late = true;
        return false;
    }
    xen->taken = true;
    xen->taken_at = clock_now();
    xen->late = false;
    return true;
}

bool xen_turn_begin(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    return take_turn_locked(xen);
}

void xen_turn_end(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    xen->taken = false;
    cond_broadcast(&xen->passed);
}

/* The turn for a pass; false: somebody else has begun and ended one since the call, or it can't be had. */
static bool begin_pass(XenHost *xen)
{
    uint64_t before;

    LOCK_SCOPE(&xen->lock);
    before = xen->passes;
    if (!take_turn_locked(xen))
        return false;
    if (xen->passes > before) {
        xen->taken = false;
        cond_broadcast(&xen->passed);
        return false;
    }
    xen->passes++;
    return true;
}

/* --- a pass ---------------------------------------------------------------------------------- */

static bool is_lost(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    return xen->lost;
}

static void set_lost(XenHost *xen, bool lost)
{
    LOCK_SCOPE(&xen->lock);
    xen->lost = lost;
}

static int watch_domains(XenHost *xen)
{
    int r = xen->hv->ops->watch(xen->hv, INTRODUCED, INTRODUCED);

    return r < 0 ? r : xen->hv->ops->watch(xen->hv, RELEASED, RELEASED);
}

/* A new connection, all watches again, and all names, since they may have changed meanwhile. */
static bool reconnect(XenHost *xen)
{
    int r = xen->hv->ops->reconnect(xen->hv);

    if (r == 0)
        r = watch_domains(xen);
    if (r == 0)
        r = xen_devices_watch(xen);
    if (r == 0)
        r = xen_names_again(xen);
    if (r < 0)
        return false;
    xen_devices_again(xen);
    log_info("xenstored answers again");
    set_lost(xen, false);
    return true;
}

static void note_unsettled(XenHost *xen, int64_t since)
{
    __atomic_store_n(&xen->unsettled, since, __ATOMIC_SEQ_CST);
}

/* Takes the events that are ready; false: there are none. `names` collects the ids whose name has changed. `*sweep`: domains have
 * come or gone. */
static bool take_events(XenHost *xen, GHashTable *names, bool *sweep)
{
    unsigned taken = 0;
    int r = 0;

    for (; taken < EVENTS_MAX; taken++) {
        XenEvent event;
        int id;

        r = xen->hv->ops->next_event(xen->hv, &event);
        if (r <= 0)
            break;
        if (*event.path == '@')
            *sweep = true;
        if (strcmp(event.path, INTRODUCED) == 0)
            __atomic_store_n(&xen->introduced, clock_real(), __ATOMIC_RELAXED);
        if (!xen_devices_event(xen, &event) && xen_name_event(xen, &event, &id))
            g_hash_table_add(names, GINT_TO_POINTER(id));
        xen_event_clear(&event);
    }
    if (r < 0 && !is_lost(xen)) {
        log_warning("the connection to xenstored is lost: %s", g_strerror(-r));
        set_lost(xen, true);
    }
    return taken > 0;
}

/* True: a domain that was waited for has its name now. */
static bool take_names(XenHost *xen, GHashTable *names)
{
    GHashTableIter iter;
    bool awaited = false;
    void *key;

    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        int id = GPOINTER_TO_INT(key);
        g_autofree char *name = NULL;

        if (xen_name_awaited(xen, id))
            awaited = true;
        else if (xen_name_read(xen, id, &name) == 0)
            xen_settle_name(xen, id, name);
    }
    return awaited;
}

/* Whether one of them is listed as being built by others: nobody tells when it runs. */
static bool any_starts(XenHost *xen, const XenSweep *sweep)
{
    bool found = false;

    for (unsigned i = 0; i < sweep->n && !found; i++) {
        g_autoptr(DomainView) view = NULL;

        if (!sweep->infos[i].paused || sweep->infos[i].dying || sweep->infos[i].cpu_time > 0)
            continue;
        view = domain_list_view_by_id(xen->host->domains, sweep->infos[i].id);
        found = view && view->state == VIR_DOMAIN_PAUSED && view->reason == VIR_DOMAIN_PAUSED_STARTING_UP;
    }
    return found;
}

static void looked(XenHost *xen, bool hurry)
{
    LOCK_SCOPE(&xen->lock);
    xen->looked = clock_now();
    xen->hurry = hurry;
}

static void look(XenHost *xen)
{
    XenSweep sweep;
    int r = xen_sweep(xen, &sweep);

    if (r < 0) {
        looked(xen, false);
        log_warning("the hypervisor doesn't list its domains: %s", g_strerror(-r));
        return;
    }
    xen_compare_in_turn(xen, &sweep);
    xen_names_sweep(xen, &sweep);
    xen_balloons(xen, &sweep);
    looked(xen, any_starts(xen, &sweep));
    xen_sweep_clear(&sweep);
}

/* False: somebody else has made one, or nobody can. */
static bool pass(XenHost *xen, bool sweep)
{
    g_autoptr(GHashTable) names = NULL;
    bool told;

    if (!begin_pass(xen))
        return false;
    names = g_hash_table_new(NULL, NULL);
    if (is_lost(xen) && reconnect(xen))
        sweep = true;
    note_unsettled(xen, clock_now());    /* before anything is taken: then nobody finds it neither ready nor taken */
    told = take_events(xen, names, &sweep);
    xen_settle_granted(xen);
    if (!told)
        note_unsettled(xen, 0);
    if (take_names(xen, names) || sweep)
        look(xen);
    xen_settle_aliases(xen);
    note_unsettled(xen, 0);
    if (!is_lost(xen))
        xen_devices_pass(xen);
    xen_turn_end(xen);
    return true;
}

void xen_observe(XenHost *xen, bool sweep)
{
    pass(xen, sweep);
}

/* Whether a pass has taken events and not settled them. One that takes long is not waited for: xenstored may hang, and a question
 * that needs nothing of it is answered nevertheless. */
static bool is_settling(const XenHost *xen)
{
    int64_t since = __atomic_load_n(&xen->unsettled, __ATOMIC_SEQ_CST);

    return since && clock_now() - since < SETTLING_MS * CLOCK_MS;
}

/* Whether a domain that somebody else's job has kept from being settled is waiting for a pass. */
static bool has_granted(const XenHost *xen)
{
    return __atomic_load_n(&xen->n_granted, __ATOMIC_SEQ_CST) > 0;
}

/* Until the pass that is settling has ended, or is no more waited for. */
static void wait_for_pass(XenHost *xen)
{
    int64_t deadline = clock_now() + SETTLING_MS * CLOCK_MS;

    LOCK_SCOPE(&xen->lock);
    while (xen->taken && is_settling(xen))
        if (!cond_wait_until(&xen->passed, &xen->lock, deadline))
            return;
}

void xen_catch_up(XenHost *xen)
{
    if (xen->hv->ops->has_event(xen->hv) || has_granted(xen))
        xen_observe(xen, false);
    else if (is_settling(xen))
        wait_for_pass(xen);
}

/* True: the caller shall ask xenstored. False: somebody has, since the call; or another thread gets no answer. */
static bool begin_sync(XenHost *xen)
{
    const int64_t patience = SETTLING_MS * CLOCK_MS;
    uint64_t before;

    LOCK_SCOPE(&xen->lock);
    before = xen->syncs;
    while (xen->syncing)
        if (!cond_wait_until(&xen->passed, &xen->lock, xen->syncing + patience)
            && xen->syncing && clock_now() >= xen->syncing + patience)    /* it may be another one's by now */
            return false;
    if (xen->syncs > before)
        return false;
    xen->syncing = clock_now();
    xen->syncs++;
    return true;
}

static void end_sync(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    xen->syncing = 0;
    cond_broadcast(&xen->passed);
}

void xen_catch_up_fully(XenHost *xen)
{
    if (begin_sync(xen)) {
        xen->hv->ops->sync(xen->hv);    /* when it fails, the pass finds that out */
        end_sync(xen);
    }
    xen_observe(xen, false);
}

/* --- the observer's thread ------------------------------------------------------------------- */

void xen_wake(XenHost *xen)
{
    const uint64_t one = 1;

    if (write(xen->wake_fd, &one, sizeof one) < 0)
        g_assert(errno == EAGAIN);    /* it is awake */
}

/* When the hypervisor is to be asked again, however much xenstore tells meanwhile; clock_now(). */
static int64_t next_look(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    return xen->looked + (xen->hurry ? HURRY_MS : LOOK_MS) * CLOCK_MS;
}

/* A look that fails, or that another thread's pass forestalls, isn't made again at once. */
static void put_off(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    xen->looked = clock_now();
}

/* True: it is time, or xen_wake has said so: the hypervisor is to be asked. */
static bool wait_for_something(XenHost *xen)
{
    struct pollfd fds[] = {
        { .fd = xen->wake_fd, .events = POLLIN },
        { .fd = is_lost(xen) ? -1 : xen->hv->ops->event_fd(xen->hv), .events = POLLIN },
    };
    int64_t due = next_look(xen), left = due - clock_now();
    uint64_t count;

    poll(fds, G_N_ELEMENTS(fds), left > 0 ? (int)(left / CLOCK_MS) + 1 : 0);
    if (fds[0].revents && read(xen->wake_fd, &count, sizeof count) == sizeof count)
        return true;
    if (clock_now() < due)
        return false;
    put_off(xen);
    return true;
}

/* The observer has nothing else to do than to wait for who hangs. */
static void wait_for_others(XenHost *xen)
{
    int64_t deadline = clock_now() + LOOK_MS * CLOCK_MS;

    LOCK_SCOPE(&xen->lock);
    while (xen->taken && cond_wait_until(&xen->passed, &xen->lock, deadline))
        continue;
}

void xen_observe_once(XenHost *xen)
{
    if (!pass(xen, wait_for_something(xen)))
        wait_for_others(xen);
}

static bool is_stopping(XenHost *xen)
{
    LOCK_SCOPE(&xen->lock);
    return xen->stopping;
}

static void *observe(void *data)
{
    XenHost *xen = data;

    while (!is_stopping(xen))
        xen_observe_once(xen);
    return NULL;
}

int xen_observer_start(XenHost *xen, Error *error)
{
    int r = watch_domains(xen);

    if (r < 0)
        return xen_fail(error, r, _("watch for domains"));
    if (!xen->hv->unobserved)
        xen->observer = g_thread_new("xen-observer", observe, xen);
    return 0;
}

void xen_observer_stop(XenHost *xen)
{
    if (!xen->observer)
        return;
    lock_acquire(&xen->lock);
    xen->stopping = true;
    lock_release(&xen->lock);
    xen_wake(xen);
    g_thread_join(g_steal_pointer(&xen->observer));
}
