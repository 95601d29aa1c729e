/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of the lowest class of the scheduler that do nothing, one on each CPU. They share one atomic flag with the
 * main thread, which makes and ends them; no locks. */
#include "load-awake.h"

#include "load-wire.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct Awake {
    _Atomic bool over;
    GArray *threads;                /* of pthread_t */
};

static void *idle_main(void *data)
{
    Awake *awake = data;
    struct sched_param param = { 0 };

    if (sched_setscheduler(0, SCHED_IDLE, &param) < 0)     /* 0: this thread */
        fail("cannot run below everything else: %s", g_strerror(errno));
    while (!atomic_load_explicit(&awake->over, memory_order_relaxed))
        for (int i = 0; i < 64; i++)
            atomic_signal_fence(memory_order_seq_cst);
    return NULL;
}

static pthread_t start_on(Awake *awake, int cpu)
{
    pthread_attr_t attr;
    pthread_t thread;
    cpu_set_t only;

    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof(only), &only);
    int r = pthread_create(&thread, &attr, idle_main, awake);
    if (r != 0)
        fail("cannot keep CPU %d awake: %s", cpu, g_strerror(r));
    pthread_attr_destroy(&attr);
    return thread;
}

Awake *awake_new(void)
{
    Awake *awake = g_new0(Awake, 1);
    cpu_set_t mine;

    awake->threads = g_array_new(FALSE, FALSE, sizeof(pthread_t));
    if (sched_getaffinity(0, sizeof(mine), &mine) < 0)
        fail("sched_getaffinity: %s", g_strerror(errno));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &mine))
            continue;
        pthread_t thread = start_on(awake, cpu);
        g_array_append_val(awake->threads, thread);
    }
    return awake;
}

void awake_free(Awake *awake)
{
    atomic_store(&awake->over, true);
    for (guint i = 0; i < awake->threads->len; i++)
        pthread_join(g_array_index(awake->threads, pthread_t, i), NULL);
    g_array_unref(awake->threads);
    g_free(awake);
}
