/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that are run for their answer. The limits are set by a shell that becomes the program, because between
 * fork and exec of a process with threads hardly anything may be done. The program's pipes are served by the
 * calling thread until both are closed; then it is waited for. Takes no lock, and may not be called with one. */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/lock.h"

/* --- start ----------------------------------------------------------------------------------- */

/* sh -c 'ulimit …; exec "$@"' sh PROGRAM ARGUMENT… */
static char **command_of(const char *const *argv, const ProgramLimits *limits)
{
    GPtrArray *words = g_ptr_array_new();
    GString *script = g_string_new(NULL);

    if (limits->cpu_seconds)
        g_string_append_printf(script, "ulimit -t %u && ", limits->cpu_seconds);
    if (limits->memory)
        g_string_append_printf(script, "ulimit -v %zu && ", limits->memory / 1024);
    g_string_append(script, "exec \"$@\"");
    g_ptr_array_add(words, g_strdup("sh"));
    g_ptr_array_add(words, g_strdup("-c"));
    g_ptr_array_add(words, g_string_free(script, FALSE));
    g_ptr_array_add(words, g_strdup("sh"));
    for (; *argv; argv++)
        g_ptr_array_add(words, g_strdup(*argv));
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

/* Our threads block signals, which a program would inherit. */
static void reset_signals(posix_spawnattr_t *attributes)
{
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

/* The errno of posix_spawn. `in`, `out`: the program's ends. */
static int start(char **words, int in, int out, pid_t *pid)
{
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    reset_signals(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    rc = posix_spawnp(pid, "/bin/sh", &actions, &attributes, words, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* --- talk ------------------------------------------------------------------------------------ */

typedef struct Talk {
    int to, from;            /* -1: closed */
    const char *input;
    size_t left;
    GString *output;
    size_t most;
} Talk;

static void close_end(int *fd)
{
    close(*fd);
    *fd = -1;
}

/* A program that doesn't read all of its input is its own business: SIGPIPE is ignored in the whole process. */
static void feed(Talk *talk)
{
    ssize_t n = write(talk->to, talk->input, talk->left);

    if (n > 0) {
        talk->input += n;
        talk->left -= (size_t)n;
    }
    if (talk->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&talk->to);
}

static void take(Talk *talk)
{
    char part[4096];
    ssize_t n = read(talk->from, part, sizeof part);

    if (n > 0 && talk->output->len < talk->most)
        g_string_append_len(talk->output, part, MIN(n, (ssize_t)(talk->most - talk->output->len)));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&talk->from);
}

/* Until the program has closed its output; false when the deadline (0: none) came before. */
static bool serve(Talk *talk, int64_t deadline)
{
    while (talk->from >= 0) {
        struct pollfd fds[2] = { { talk->from, POLLIN, 0 }, { talk->to, POLLOUT, 0 } };
        int64_t left = deadline ? (deadline - clock_now()) / CLOCK_MS : 60000;

        if (left <= 0)
            return false;
        if (poll(fds, 2, (int)MIN(left, 60000)) <= 0)
            continue;
        if (fds[1].revents)
            feed(talk);
        if (fds[0].revents)
            take(talk);
    }
    return true;
}

static void wait_for(pid_t pid, ProgramResult *result)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        g_assert(errno == EINTR);
    result->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int make_pipe(int ends[2], int ours, Error *error)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot make a pipe"));
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    return 0;
}

int program_run(const char *const *argv, const char *input, size_t size, const ProgramLimits *limits, ProgramResult *result,
              Error *error)
{
    g_auto(GStrv) words = command_of(argv, limits);
    Talk talk = { .input = input, .left = size, .most = limits->output };
    int in[2], out[2], rc;
    pid_t pid;

    lock_assert_none();
    if (make_pipe(in, 1, error) < 0)
        return -1;
    if (make_pipe(out, 0, error) < 0) {
        close(in[0]);
        close(in[1]);
        return -1;
    }
    rc = start(words, in[0], out[1], &pid);
    close(in[0]);
    close(out[1]);
    talk.to = in[1];
    talk.from = out[0];
    talk.output = g_string_new(NULL);
    if (rc == 0) {
        if (!serve(&talk, limits->wall_seconds ? clock_now() + limits->wall_seconds * CLOCK_S : 0))
            kill(pid, SIGKILL);
        wait_for(pid, result);
    }
    if (talk.to >= 0)
        close(talk.to);
    if (talk.from >= 0)
        close(talk.from);
    result->output = g_string_free(talk.output, FALSE);
    if (rc == 0)
        return 0;
    program_result_clear(result);
    return error_set_errno(error, VIR_FROM_NONE, rc, _("cannot run '%s'"), argv[0]);
}

void program_result_clear(ProgramResult *result)
{
    g_clear_pointer(&result->output, g_free);
}
