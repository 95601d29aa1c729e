/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drivers/xen/child.c: children that find every lock free. */
#include "drivers/xen/child.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "base/descriptor.h"

#define S INT64_C(1000000000)
#define MS INT64_C(1000000)

/* In memory that parent and children share. */
typedef struct Shared {
    int begun;                /* atomic: children that have begun to prove */
    int gone_on;              /* atomic: children that have gone on */
} Shared;

typedef struct Test {
    Shared *shared;
    pthread_mutex_t mutex;    /* each process has its own of it: what a library's lock is */
    int held;                 /* atomic: the other thread has the mutex */
    int last;                 /* atomic: the mutex is held until so many children have begun */
} Test;

static void set_up(Test *test, const void *unused)
{
    *test = (Test){ .mutex = PTHREAD_MUTEX_INITIALIZER };
    test->shared = mmap(NULL, sizeof *test->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert_true(test->shared != MAP_FAILED);
}

static void tear_down(Test *test, const void *unused)
{
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);    /* no child is left */
    g_assert_cmpint(errno, ==, ECHILD);
    munmap(test->shared, sizeof *test->shared);
}

static void prove(void *data)
{
    Test *test = data;

    __atomic_add_fetch(&test->shared->begun, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&test->mutex);
    pthread_mutex_unlock(&test->mutex);
}

/* Holds the lock until so many children have come into the world with it. */
static void *hold(void *data)
{
    Test *test = data;

    pthread_mutex_lock(&test->mutex);
    __atomic_store_n(&test->held, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&test->shared->begun, __ATOMIC_SEQ_CST) < __atomic_load_n(&test->last, __ATOMIC_SEQ_CST))
        g_usleep(200);
    pthread_mutex_unlock(&test->mutex);
    return NULL;
}

static GThread *holder(Test *test, int children)
{
    GThread *thread;

    __atomic_store_n(&test->last, children, __ATOMIC_SEQ_CST);
    thread = g_thread_new("holder", hold, test);
    while (!__atomic_load_n(&test->held, __ATOMIC_SEQ_CST))
        g_usleep(200);
    return thread;
}

/* What a child does that goes on: it takes the lock again, tells that it was there, and ends. */
static pid_t fork_and_go_on(Test *test, int64_t patience)
{
    pid_t pid = child_fork(prove, test, patience);

    if (pid == 0) {
        prove(test);
        __atomic_add_fetch(&test->shared->gone_on, 1, __ATOMIC_SEQ_CST);
        _exit(7);
    }
    return pid;
}

static void assert_ends(pid_t pid, int code)
{
    int status;

    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, code);
}

static void a_child_goes_on_when_no_lock_is_held(Test *test, const void *unused)
{
    pid_t pid = fork_and_go_on(test, 60 * S);

    g_assert_cmpint(pid, >, 0);
    assert_ends(pid, 7);
    g_assert_cmpint(test->shared->gone_on, ==, 1);
}

static void one_that_was_forked_while_a_lock_was_held_is_forked_again(Test *test, const void *unused)
{
    GThread *thread = holder(test, 2);
    pid_t pid = fork_and_go_on(test, 50 * MS);

    g_thread_join(thread);
    g_assert_cmpint(pid, >, 0);
    assert_ends(pid, 7);
    g_assert_cmpint(test->shared->gone_on, ==, 1);
    g_assert_cmpint(test->shared->begun, >, 2);    /* those that were ended, and the last one twice */
}

static void a_lock_that_stays_held_is_an_error_in_the_end(Test *test, const void *unused)
{
    GThread *thread = holder(test, G_MAXINT);

    g_assert_cmpint(fork_and_go_on(test, 2 * MS), ==, -1);
    g_assert_cmpint(errno, ==, EDEADLK);
    g_assert_cmpint(test->shared->gone_on, ==, 0);
    __atomic_store_n(&test->last, 0, __ATOMIC_SEQ_CST);
    g_thread_join(thread);
}

static void no_signal_is_blocked_in_a_child(Test *test, const void *unused)
{
    sigset_t all, before, seen;
    pid_t pid;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = child_fork(prove, test, 60 * S);
    if (pid == 0) {
        sigprocmask(SIG_BLOCK, NULL, &seen);
        _exit(sigismember(&seen, SIGTERM) || sigismember(&seen, SIGCHLD));
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_ends(pid, 0);
}

static void wait_for(const int *count, int wanted)
{
    while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < wanted)
        g_usleep(200);
}

/* Both ends of a pipe are with parent and child, so whoever reads it sees when all of them have ended. */
static void one_that_waits_for_a_lock_dies_with_its_parent(Test *test, const void *unused)
{
    int ends[2];
    char byte;
    pid_t parent;

    g_assert_cmpint(pipe(ends), ==, 0);
    parent = fork();
    if (parent == 0) {
        close(ends[0]);
        pthread_mutex_lock(&test->mutex);
        child_fork(prove, test, 3600 * S);
        _exit(1);
    }
    close(ends[1]);
    wait_for(&test->shared->begun, 1);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
    g_assert_cmpint(test->shared->gone_on, ==, 0);
    close(ends[0]);
}

/* A destroy that has begun is brought to its end. */
static void one_that_has_gone_on_outlives_its_parent(Test *test, const void *unused)
{
    int ends[2];
    char byte = 0;
    pid_t parent;

    g_assert_cmpint(pipe(ends), ==, 0);
    parent = fork();
    if (parent == 0) {
        const pid_t parent_id = getpid();

        if (child_fork(prove, test, 60 * S) != 0) {
            wait_for(&test->shared->gone_on, 1);
            _exit(0);
        }
        __atomic_add_fetch(&test->shared->gone_on, 1, __ATOMIC_SEQ_CST);
        while (getppid() == parent_id)
            g_usleep(200);
        _exit(write(ends[1], "x", 1) != 1);
    }
    close(ends[1]);
    waitpid(parent, NULL, 0);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'x');
    close(ends[0]);
}

/* Only the parent has its connections and locks, though the child lives: what is at the other end sees at once that it has ended. */
static void one_that_has_gone_on_has_none_of_its_parents_own_descriptors(Test *test, const void *unused)
{
    struct rlimit limit;
    int ends[2], word[2];
    char byte;
    pid_t pid;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = limit.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    if (limit.rlim_cur <= DESCRIPTOR_OWN) {
        g_test_skip("so many descriptors can't be had here");
        return;
    }
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_cmpint(pipe(word), ==, 0);
    ends[1] = descriptor_own(ends[1]);
    g_assert_cmpint(ends[1], >=, DESCRIPTOR_OWN);
    pid = child_fork(prove, test, 60 * S);
    if (pid == 0)
        _exit(read(word[0], &byte, 1) != 1);
    close(ends[1]);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
    g_assert_cmpint(write(word[1], "x", 1), ==, 1);
    assert_ends(pid, 0);
    close(ends[0]);
    close(word[0]);
    close(word[1]);
}

#define TEST(name) g_test_add("/xen/child/" #name, Test, NULL, set_up, name, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_child_goes_on_when_no_lock_is_held);
    TEST(one_that_was_forked_while_a_lock_was_held_is_forked_again);
    TEST(a_lock_that_stays_held_is_an_error_in_the_end);
    TEST(no_signal_is_blocked_in_a_child);
    TEST(one_that_waits_for_a_lock_dies_with_its_parent);
    TEST(one_that_has_gone_on_outlives_its_parent);
    TEST(one_that_has_gone_on_has_none_of_its_parents_own_descriptors);
    return g_test_run();
}
