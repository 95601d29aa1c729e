/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What acquiring and releasing a free lock costs in this build: prints nanoseconds, the best of many rounds. For bench/locks,
 * which asks a build with the profile of locks and one without. A second thread exists, since glibc has shorter ways for
 * a process without one. */
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/lock.h"

enum { ROUNDS = 200, TURNS = 100000 };

static void *wait_for_end(void *data)
{
    pthread_mutex_t *end = data;

    pthread_mutex_lock(end);
    pthread_mutex_unlock(end);
    return NULL;
}

int main(void)
{
    pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;
    double best = 1e9;
    pthread_t other;
    Lock lock;

    pthread_mutex_lock(&end);
    if (pthread_create(&other, NULL, wait_for_end, &end) != 0)
        return 1;
    lock_init(&lock, LOCK_POOL);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t begun = clock_now();

        for (int i = 0; i < TURNS; i++) {
            lock_acquire(&lock);
            lock_release(&lock);
        }
        best = MIN(best, (double)(clock_now() - begun) / TURNS);
    }
    printf("%.2f\n", best);
    pthread_mutex_unlock(&end);
    pthread_join(other, NULL);
    lock_deinit(&lock);
    return 0;
}
