/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of conf/view.c, list.c and job.c share: configs without a document, and a job that is
 * waited for on this thread. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "conf/config.h"
#include "conf/job.h"
#include "conf/view.h"

static inline Uuid uuid_of(unsigned n)
{
    Uuid uuid = { { 0x5a, 0x1e } };
    uint32_t number = GUINT32_TO_LE(n);

    memcpy(uuid.bytes + 12, &number, sizeof number);
    return uuid;
}

static inline DomainConfig *config_make(const char *name, Uuid uuid)
{
    DomainConfig draft = { .name = name, .uuid = uuid, .has_uuid = true };
    DomainConfig *config = domain_config_copy(&draft);

    domain_config_set_max_memory(config, 2048);
    domain_config_set_memory(config, 1024);
    domain_config_set_max_vcpus(config, 2);
    domain_config_set_vcpus(config, 1);
    return config;
}

/* A view of a persistent domain; running when id >= 0. */
static inline DomainView *view_make(const char *name, Uuid uuid, int id)
{
    g_autoptr(DomainConfig) config = config_make(name, uuid);
    DomainFacts facts = {
        .id = id,
        .state = id >= 0 ? VIR_DOMAIN_RUNNING : VIR_DOMAIN_SHUTOFF,
        .active = id >= 0 ? config : NULL,
        .persistent = config,
    };

    return domain_view_new(&facts);
}

/* A ticket with what became of it. One thread's; alive until no other thread can be in its ready(). */
typedef struct Wish {
    JobTicket ticket;
    Lock lock;              /* GLib's own would hide the hand-over from ThreadSanitizer */
    Cond cond;
    unsigned answers;       /* how often ready() was called */
    JobOutcome outcome;     /* the last one */
} Wish;

static inline void wish_ready(JobTicket *ticket, JobOutcome outcome)
{
    Wish *wish = (Wish *)(void *)ticket;    /* the first member */

    LOCK_SCOPE(&wish->lock);
    wish->answers++;
    wish->outcome = outcome;
    cond_signal(&wish->cond);
}

static inline void wish_init(Wish *wish, JobKind kind, const char *procedure, uint64_t owner)
{
    *wish = (Wish){
        .ticket = {
            .kind = kind, .procedure = procedure, .owner = owner, .ready = wish_ready, .error = ERROR_INIT,
            .deadline = INT64_MAX,
        },
    };
    lock_init(&wish->lock, LOCK_LOG);
    cond_init(&wish->cond);
}

static inline void wish_clear(Wish *wish)
{
    error_clear(&wish->ticket.error);
    cond_deinit(&wish->cond);
    lock_deinit(&wish->lock);
}

static inline unsigned wish_answers(Wish *wish)
{
    LOCK_SCOPE(&wish->lock);
    return wish->answers;
}

/* Waits until ready() has been called; the test fails after half a minute. */
static inline JobOutcome wish_wait(Wish *wish)
{
    int64_t until = clock_now() + 60 * CLOCK_S;

    LOCK_SCOPE(&wish->lock);
    while (wish->answers == 0) {
        if (!cond_wait_until(&wish->cond, &wish->lock, until))
            g_error("nobody answered a parked ticket");
    }
    return wish->outcome;
}

static inline JobOutcome wish_begin(Wish *wish, JobQueue *queue, Timers *timers)
{
    wish->answers = 0;
    return job_begin(queue, &wish->ticket, timers);
}

/* Begins and waits for the turn. */
static inline void wish_run(Wish *wish, JobQueue *queue)
{
    if (wish_begin(wish, queue, NULL) == JOB_PARKED)
        g_assert_cmpint(wish_wait(wish), ==, JOB_GRANTED);
}
