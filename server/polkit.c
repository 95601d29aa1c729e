/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread that speaks with polkit over the system's bus.
 *
 *   asked ─▶ sent ──reply, no bus, deadline, given up──▶ answered
 *
 * Everything but the queue of new questions belongs to the thread. It waits for the bus, for deadlines, and for a wish on
 * `wake_fd`; polkit may take as long as a user takes to type his password, and many questions are open at once. */
#include "server/polkit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <glib.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/lock.h"
#include "base/log.h"

LOG_SOURCE("server.polkit");

#define SERVICE "org.freedesktop.PolicyKit1"
#define OBJECT "/org/freedesktop/PolicyKit1/Authority"
#define INTERFACE "org.freedesktop.PolicyKit1.Authority"

enum { ALLOW_USER_INTERACTION = 1 };

/* One open question. */
typedef struct Asked {
    PolkitQuestion question;
    sd_bus_slot *slot;        /* of the reply that is waited for */
    char id[32];              /* by which it can be called off */
    bool done;                /* answered: to be freed at the end of the turn */
} Asked;

struct Polkit {
    /* fixed */
    int wake_fd;
    GThread *thread;
    /* the thread's */
    sd_bus *bus;              /* NULL: not connected */
    GPtrArray *asked;         /* of Asked */
    uint64_t asked_so_far;
    /* under LOCK_POLKIT */
    Lock lock;
    GQueue fresh;             /* of Asked */
    bool stopping;
};

static void asked_free(void *data)
{
    Asked *asked = data;

    sd_bus_slot_unref(asked->slot);
    g_free(asked);
}

static void answer(Asked *asked, Error *error)
{
    asked->done = true;
    asked->slot = sd_bus_slot_unref(asked->slot);
    asked->question.answer(asked->question.data, error);
    error_clear(error);
}

static void answer_no(Asked *asked, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void answer_no(Asked *asked, int code, const char *format, ...)
{
    g_autofree char *what = NULL;
    Error error = ERROR_INIT;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    log_info("process %d of user %u for %s: %s", (int)asked->question.pid, (unsigned)asked->question.uid,
             asked->question.action, what);
    error_set(&error, VIR_FROM_POLKIT, code, "%s", what);
    answer(asked, &error);
}

static void answer_no_polkit(Asked *asked, const char *why)
{
    answer_no(asked, VIR_ERR_AUTH_FAILED, _("polkit, which decides who may connect, can't be asked: %s"), why);
}

/* --- polkit's answer ------------------------------------------------------------------------------- */

/* Whether the details say that the user has closed the dialog; < 0: they can't be read. */
static int read_dismissed(sd_bus_message *reply)
{
    int r = sd_bus_message_enter_container(reply, 'a', "{ss}"), dismissed = 0;
    const char *key, *value;

    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
        dismissed |= strcmp(key, "polkit.dismissed") == 0 && *value;
    return r < 0 ? r : dismissed;
}

static void judge(Asked *asked, sd_bus_message *reply)
{
    int authorized, challenge, dismissed;
    int r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
    Error none = ERROR_INIT;

    if (r >= 0)
        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
    dismissed = r < 0 ? r : read_dismissed(reply);
    if (dismissed < 0)
        answer_no_polkit(asked, g_strerror(-dismissed));
    else if (authorized)
        answer(asked, &none);
    else if (dismissed)
        answer_no(asked, VIR_ERR_AUTH_CANCELLED, _("the user has cancelled the authentication"));
    else if (challenge)
        answer_no(asked, VIR_ERR_AUTH_UNAVAILABLE, _("no agent of polkit is there to authenticate the user for '%s'"),
                  asked->question.action);
    else
        answer_no(asked, VIR_ERR_AUTH_FAILED, _("polkit's rules don't allow '%s'"), asked->question.action);
}

static int on_reply(sd_bus_message *reply, void *data, sd_bus_error *error)
{
    const sd_bus_error *failed = sd_bus_message_get_error(reply);

    if (failed)
        answer_no_polkit(data, failed->message ? failed->message : failed->name);
    else
        judge(data, reply);
    return 0;
}

/* --- the question ---------------------------------------------------------------------------------- */

static int put_subject(sd_bus_message *call, const PolkitQuestion *question)
{
    return sd_bus_message_append(call, "(sa{sv})", "unix-process", 3, "pid", "u", (uint32_t)question->pid, "start-time", "t",
                                 question->start_time, "uid", "i", (int32_t)question->uid);
}

static int send_question(Polkit *polkit, Asked *asked)
{
    const PolkitQuestion *question = &asked->question;
    sd_bus_message *call = NULL;
    int r = 0;

    if (!polkit->bus)
        r = sd_bus_open_system(&polkit->bus);
    if (r >= 0)
        r = sd_bus_message_new_method_call(polkit->bus, &call, SERVICE, OBJECT, INTERFACE, "CheckAuthorization");
    if (r >= 0)
        r = put_subject(call, question);
    if (r >= 0)
        r = sd_bus_message_append(call, "sa{ss}us", question->action, 0, ALLOW_USER_INTERACTION, asked->id);
    if (r >= 0)
        r = sd_bus_call_async(polkit->bus, &asked->slot, call, on_reply, asked, UINT64_MAX);    /* our own deadlines */
    sd_bus_message_unref(call);
    return r;
}

static void ask(Polkit *polkit, Asked *asked)
{
    int r;

    g_snprintf(asked->id, sizeof asked->id, "drover-%" PRIu64, ++polkit->asked_so_far);
    g_ptr_array_add(polkit->asked, asked);
    if (asked->question.start_time == 0) {
        answer_no(asked, VIR_ERR_AUTH_FAILED, _("the process that has connected isn't there any more"));
        return;
    }
    r = send_question(polkit, asked);
    if (r < 0)
        answer_no_polkit(asked, g_strerror(-r));
}

/* polkit needn't go on, and closes the dialog if there is one. */
static void call_off(Polkit *polkit, const Asked *asked)
{
    if (polkit->bus)
        sd_bus_call_method_async(polkit->bus, NULL, SERVICE, OBJECT, INTERFACE, "CancelCheckAuthorization", NULL, NULL, "s",
                                 asked->id);
}

/* --- the thread ------------------------------------------------------------------------------------ */

/* What came since the last look; false: it is time to end. */
static bool take_fresh(Polkit *polkit)
{
    GQueue fresh;
    Asked *asked;
    bool stopping;

    lock_acquire(&polkit->lock);
    fresh = polkit->fresh;
    g_queue_init(&polkit->fresh);
    stopping = polkit->stopping;
    lock_release(&polkit->lock);
    while ((asked = g_queue_pop_head(&fresh)))
        ask(polkit, asked);
    return !stopping;
}

static void look_at_asked(Polkit *polkit)
{
    int64_t now = clock_now();

    for (unsigned i = 0; i < polkit->asked->len; i++) {
        Asked *asked = g_ptr_array_index(polkit->asked, i);
        bool late = now >= asked->question.deadline;

        if (asked->done || (!late && !asked->question.is_given_up(asked->question.data)))
            continue;
        call_off(polkit, asked);
        answer_no(asked, VIR_ERR_AUTH_FAILED, "%s",
                  late ? _("polkit has not answered in time") : _("the client has left"));
    }
}

static void forget_done(Polkit *polkit)
{
    for (unsigned i = polkit->asked->len; i-- > 0;)
        if (((Asked *)g_ptr_array_index(polkit->asked, i))->done)
            g_ptr_array_remove_index_fast(polkit->asked, i);
}

/* What the bus has; when that breaks, all that was asked over it is answered, and the next question makes a new one. */
static void serve_bus(Polkit *polkit)
{
    int r = 1;

    while (polkit->bus && r > 0)
        r = sd_bus_process(polkit->bus, NULL);
    if (r >= 0)
        return;
    log_info("the connection to the system's bus has ended: %s", g_strerror(-r));
    for (unsigned i = 0; i < polkit->asked->len; i++) {
        Asked *asked = g_ptr_array_index(polkit->asked, i);

        if (!asked->done)
            answer_no_polkit(asked, g_strerror(-r));
    }
    polkit->bus = sd_bus_close_unref(polkit->bus);
}

/* Milliseconds until something must be looked at; -1: nothing waits. */
static int time_left(const Polkit *polkit)
{
    int64_t now = clock_now(), until = INT64_MAX;
    uint64_t bus;

    for (unsigned i = 0; i < polkit->asked->len; i++)
        until = MIN(until, ((const Asked *)g_ptr_array_index(polkit->asked, i))->question.deadline);
    if (polkit->bus && sd_bus_get_timeout(polkit->bus, &bus) >= 0 && bus != UINT64_MAX)
        until = MIN(until, (int64_t)bus * 1000);    /* microseconds of the same clock */
    if (until == INT64_MAX)
        return -1;
    return (int)CLAMP((until - now + CLOCK_MS - 1) / CLOCK_MS, 0, 3600 * 1000);
}

static void wait_for_something(Polkit *polkit)
{
    struct pollfd fds[] = { { .fd = polkit->wake_fd, .events = POLLIN }, { .fd = -1 } };
    uint64_t wishes;

    if (polkit->bus) {
        fds[1].fd = sd_bus_get_fd(polkit->bus);
        fds[1].events = (short)MAX(sd_bus_get_events(polkit->bus), 0);
    }
    if (poll(fds, G_N_ELEMENTS(fds), time_left(polkit)) > 0 && fds[0].revents
        && read(polkit->wake_fd, &wishes, sizeof wishes) < 0 && errno != EAGAIN)
        log_warning("cannot read an event: %s", g_strerror(errno));
}

static void *polkit_main(void *data)
{
    Polkit *polkit = data;

    while (take_fresh(polkit)) {
        serve_bus(polkit);
        look_at_asked(polkit);
        forget_done(polkit);
        wait_for_something(polkit);
    }
    for (unsigned i = 0; i < polkit->asked->len; i++) {
        Asked *asked = g_ptr_array_index(polkit->asked, i);

        if (asked->done)
            continue;
        call_off(polkit, asked);
        answer_no(asked, VIR_ERR_AUTH_FAILED, _("the server is stopping"));
    }
    g_ptr_array_set_size(polkit->asked, 0);
    if (polkit->bus)
        polkit->bus = sd_bus_flush_close_unref(polkit->bus);
    return NULL;
}

/* --- for others -------------------------------------------------------------------------------------- */

Polkit *polkit_new(void)
{
    Polkit *polkit = g_new0(Polkit, 1);

    polkit->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (polkit->wake_fd < 0)
        g_error("cannot set up the thread for polkit: %s", g_strerror(errno));
    polkit->asked = g_ptr_array_new_with_free_func(asked_free);
    g_queue_init(&polkit->fresh);
    lock_init(&polkit->lock, LOCK_POLKIT);
    polkit->thread = g_thread_new("polkit", polkit_main, polkit);
    return polkit;
}

void polkit_look(Polkit *polkit)
{
    uint64_t one = 1;

    if (write(polkit->wake_fd, &one, sizeof one) < 0)
        g_assert(errno == EAGAIN);    /* it has been woken often enough */
}

void polkit_stop(Polkit *polkit)
{
    if (!polkit || !polkit->thread)
        return;
    lock_acquire(&polkit->lock);
    polkit->stopping = true;
    lock_release(&polkit->lock);
    polkit_look(polkit);
    g_thread_join(polkit->thread);
    polkit->thread = NULL;
}

void polkit_free(Polkit *polkit)
{
    if (!polkit)
        return;
    polkit_stop(polkit);
    close(polkit->wake_fd);
    g_ptr_array_unref(polkit->asked);
    lock_deinit(&polkit->lock);
    g_free(polkit);
}

void polkit_ask(Polkit *polkit, const PolkitQuestion *question)
{
    Asked *asked = g_new0(Asked, 1);
    bool stopping;

    asked->question = *question;
    lock_acquire(&polkit->lock);
    stopping = polkit->stopping;
    if (!stopping)
        g_queue_push_tail(&polkit->fresh, asked);
    lock_release(&polkit->lock);
    if (!stopping) {
        polkit_look(polkit);
        return;
    }
    answer_no(asked, VIR_ERR_AUTH_FAILED, _("the server is stopping"));
    asked_free(asked);
}
