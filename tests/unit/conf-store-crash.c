/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A store whose process is killed in the middle of many changes: what was told as done is there, the rest is whole
 * or absent. The process is this program again, as "conf-store-crash --change DIRECTORY". */
#include "conf/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#define THREADS 20
#define ROUNDS 25

/* --- the process that is killed --------------------------------------------------------------- */

/* What thread `t` does as its step `n`: most are saves, some remove, some rename. The name that its document has
 * after the step, NULL when it has none. */
static const char *name_after(unsigned t, unsigned n, char name[16])
{
    if (n == 0 || n % 7 == 6)
        return NULL;
    g_snprintf(name, 16, "d%u-%c", t, n % 7 >= 4 ? 'b' : 'a');
    return name;
}

/* Names its step, and is as long as no other one, so that a mixture shows. */
static char *document_after(unsigned t, unsigned n)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "<d t='%u' n='%u'>", t, n);
    for (unsigned i = 0; i < n * 37 % 500; i++)
        g_string_append_printf(text, "%u ", n);
    g_string_append_printf(text, "</d n='%u'>", n);
    return g_string_free(text, FALSE);
}

static int do_step(Store *store, unsigned t, unsigned n)
{
    char before[16], after[16];
    const char *old = name_after(t, n - 1, before), *name = name_after(t, n, after);
    g_autofree char *document = document_after(t, n);

    if (!name)
        return store_remove(store, old, NULL);
    if (old && strcmp(old, name) != 0)
        return store_rename(store, old, name, document, strlen(document), NULL);
    return store_save(store, name, document, strlen(document), NULL);
}

typedef struct Changer {
    Store *store;
    unsigned thread;
} Changer;

typedef struct Done {
    unsigned thread, step;
} Done;

static gpointer change(gpointer data)
{
    Changer *changer = data;

    for (unsigned n = 1;; n++) {
        Done done = { changer->thread, n };

        if (do_step(changer->store, changer->thread, n) < 0 || write(STDOUT_FILENO, &done, sizeof done) != sizeof done)
            _exit(1);
    }
}

static int change_until_killed(const char *directory)
{
    Store *store = store_open(directory, NULL);
    Changer changers[THREADS];

    if (!store)
        return 1;
    for (unsigned t = 0; t < THREADS; t++) {
        changers[t] = (Changer){ store, t };
        g_thread_unref(g_thread_new("change", change, &changers[t]));
    }
    for (;;)
        pause();
}

/* --- the one that looks -------------------------------------------------------------------------- */

/* Starts the other one, kills it after so many steps are done, and says which step each thread did last. */
static void run_and_kill(const char *program, const char *directory, unsigned after, unsigned last[THREADS])
{
    char *argv[] = { (char *)program, (char *)"--change", (char *)directory, NULL };
    g_autoptr(GError) error = NULL;
    Done done;
    GPid pid;
    int out;

    g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    for (unsigned n = 0; read(out, &done, sizeof done) == sizeof done; n++) {
        last[done.thread] = done.step;
        if (n == after)
            g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    }
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    close(out);
}

typedef struct Found {
    unsigned n[THREADS];       /* documents of each thread */
    char *name[THREADS], *document[THREADS];
} Found;

static bool take(void *data, const StoredDocument *document, Error *error)
{
    Found *found = data;
    unsigned t = (unsigned)strtoul(document->name + 1, NULL, 10);

    g_assert_cmpuint(t, <, THREADS);
    if (found->n[t]++ == 0) {
        found->name[t] = g_strdup(document->name);
        found->document[t] = g_strdup(document->document);
    }
    return true;
}

/* Whether the directory is as it was after step `n` of thread `t`. */
static bool is_after(const Found *found, unsigned t, unsigned n)
{
    char name[16];
    g_autofree char *document = document_after(t, n);

    if (!name_after(t, n, name))
        return found->n[t] == 0;
    return found->n[t] == 1 && strcmp(found->name[t], name) == 0 && strcmp(found->document[t], document) == 0;
}

static void look(const char *directory, const unsigned last[THREADS])
{
    Error error = ERROR_INIT;
    Found found = { 0 };
    Store *store = store_open(directory, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_cmpint(store_load(store, 1, take, &found, &error), >=, 0);
    for (unsigned t = 0; t < THREADS; t++) {
        char name[16];

        /* The step after the last that was told may be done or not. */
        if (!is_after(&found, t, last[t]) && !is_after(&found, t, last[t] + 1))
            g_error("thread %u after step %u: %u documents, %s, %s", t, last[t], found.n[t], found.name[t],
                    found.document[t]);
        g_free(found.name[t]);
        g_free(found.document[t]);
        /* The next round begins without. */
        g_snprintf(name, sizeof name, "d%u-a", t);
        g_assert_cmpint(store_remove(store, name, NULL), ==, 0);
        g_snprintf(name, sizeof name, "d%u-b", t);
        g_assert_cmpint(store_remove(store, name, NULL), ==, 0);
    }
    store_close(store);
}

static void nothing_that_was_told_as_done_is_lost_when_it_is_killed(gconstpointer program)
{
    g_autofree char *directory = g_dir_make_tmp("drover-crash-XXXXXX", NULL);
    const char *rm[] = { "rm", "-rf", directory, NULL };

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned last[THREADS] = { 0 };

        run_and_kill(program, directory, (unsigned)g_test_rand_int_range(0, round % 5 ? 200 : 8000), last);
        look(directory, last);
    }
    g_assert_true(g_spawn_sync(NULL, (char **)rm, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--change") == 0)
        return change_until_killed(argv[2]);
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/conf/store/nothing_that_was_told_as_done_is_lost_when_it_is_killed", argv[0],
                         nothing_that_was_told_as_done_is_lost_when_it_is_killed);
    return g_test_run();
}
