/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines: which are wanted, and to where they go.
 * Any thread. Takes LOCK_LOG and nothing under it, so a line may be written under any other lock.
 * What is in effect is one of the few things a process has once; it lives here, reachable by the
 * functions of log.h alone. Sources enter a list when they are first asked, so that a change of
 * the filters reaches their level and asking stays one comparison. They are never taken off it:
 * a module that logs stays loaded. A line that cannot be written is lost, nobody waits for it. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "base/log-private.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/lock.h"

static struct {
    Lock lock;
    /* under LOCK_LOG */
    LogLevel level;
    GArray *filters;      /* LogFilter; NULL: none */
    GArray *outputs;      /* LogOutput; NULL: not yet asked for, then the default */
    LogSource *sources;
    uint64_t counts[LOG_LEVEL_ERROR + 1], alarms;    /* lines so far */
} log_state = { .lock = { .mutex = PTHREAD_MUTEX_INITIALIZER, .class = LOCK_LOG }, .level = LOG_LEVEL_WARNING };

/* Under LOCK_LOG. The lowest level that any output takes. */
static LogLevel log_outputs_floor(void)
{
    LogLevel floor = log_state.outputs ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG;

    for (guint i = 0; log_state.outputs && i < log_state.outputs->len; i++)
        floor = MIN(floor, g_array_index(log_state.outputs, LogOutput, i).level);
    return floor;
}

/* Under LOCK_LOG. The first filter that matches decides, whatever the general level is. */
static LogLevel log_level_of(const LogSource *source)
{
    for (guint i = 0; log_state.filters && i < log_state.filters->len; i++) {
        const LogFilter *filter = &g_array_index(log_state.filters, LogFilter, i);

        if (fnmatch(filter->pattern, source->name, 0) == 0)
            return filter->level;
    }
    return log_state.level;
}

/* A line that no output would take isn't wanted either. */
static void log_source_update_locked(LogSource *source)
{
    int wanted = (int)MAX(log_level_of(source), log_outputs_floor());

    lock_assert_held(&log_state.lock);
    __atomic_store_n(&source->level, wanted, __ATOMIC_RELAXED);
}

static void log_sources_update_locked(void)
{
    for (LogSource *source = log_state.sources; source; source = source->next)
        log_source_update_locked(source);
}

/* Here are the first question of a source, and every line that is wanted. */
bool log_wanted_slow(LogSource *source, LogLevel level)
{
    int wanted = __atomic_load_n(&source->level, __ATOMIC_RELAXED);

    if (G_UNLIKELY(wanted == 0)) {
        LOCK_SCOPE(&log_state.lock);
        if (__atomic_load_n(&source->level, __ATOMIC_RELAXED) == 0) {
            source->next = log_state.sources;
            log_state.sources = source;
            log_source_update_locked(source);
        }
        wanted = __atomic_load_n(&source->level, __ATOMIC_RELAXED);
    }
    return (int)level >= wanted;
}

typedef struct LogLine {
    const LogSource *source;
    LogLevel level;
    const char *file, *func;
    int line;
    const char *message;
    char *flat;      /* the message without control characters: one line, whatever a client put into it */
    char *text;      /* with time, thread, level and place, and a newline */
    size_t length;
} LogLine;

/* "2026-01-31 12:34:56.789+0000: 4711: info : function:12 : message" */
static void log_line_format(LogLine *line)
{
    static const char *const names[] = { "", "debug", "info", "warning", "error" };
    int64_t now = clock_real();
    time_t seconds = now / CLOCK_S;
    char date[32];
    struct tm utc;

    line->flat = g_strdup(line->message);
    for (char *c = line->flat; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &utc);
    line->text = g_strdup_printf("%s.%03d+0000: %d: %s : %s:%d : %s\n", date,
                                 (int)(now % CLOCK_S / CLOCK_MS), (int)gettid(), names[line->level], line->func,
                                 line->line, line->flat);
    line->length = strlen(line->text);
}

static int log_priority(LogLevel level)
{
    static const int priorities[] = { 0, LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR };

    return priorities[level];
}

static void log_to_journal(const LogLine *line)
{
    sd_journal_send("MESSAGE=%s", line->message, "PRIORITY=%d", log_priority(line->level), "CODE_FILE=%s",
                    line->file, "CODE_LINE=%d", line->line, "CODE_FUNC=%s", line->func, "DROVER_SOURCE=%s",
                    line->source->name, "SYSLOG_IDENTIFIER=%s", g_get_prgname() ? g_get_prgname() : "droverd",
                    NULL);
}

static void log_to_fd(int fd, const LogLine *line)
{
    ssize_t n;

    do
        n = write(fd, line->text, line->length);
    while (n < 0 && errno == EINTR);
}

static void log_to_output(const LogOutput *output, const LogLine *line)
{
    switch (output->sink) {
    case LOG_SINK_STDERR:
        log_to_fd(STDERR_FILENO, line);
        break;
    case LOG_SINK_FILE:
        log_to_fd(output->fd, line);
        break;
    case LOG_SINK_SYSLOG:
        syslog(log_priority(line->level), "%s", line->flat);
        break;
    case LOG_SINK_JOURNAL:
        log_to_journal(line);
        break;
    }
}

/* Under LOCK_LOG. syslog keeps the pointer to its name: it lives as long as the output does. */
static void log_outputs_install(GArray *outputs)
{
    for (guint i = 0; i < outputs->len; i++) {
        const LogOutput *output = &g_array_index(outputs, LogOutput, i);

        if (output->sink == LOG_SINK_SYSLOG)
            openlog(output->name, LOG_PID, LOG_DAEMON);
    }
    g_clear_pointer(&log_state.outputs, g_array_unref);
    log_state.outputs = outputs;
}

static GArray *log_outputs_locked(void)
{
    lock_assert_held(&log_state.lock);
    if (!log_state.outputs)
        log_outputs_install(log_outputs_default());
    return log_state.outputs;
}

void log_write(LogSource *source, LogLevel level, const char *file, int line_number, const char *func,
               const char *format, ...)
{
    g_autofree char *message = NULL, *flat = NULL, *text = NULL;
    LogLine line = { .source = source, .level = level, .file = file, .line = line_number, .func = func };
    int errnum = errno;
    va_list args;

    va_start(args, format);
    line.message = message = g_strdup_vprintf(format, args);
    va_end(args);
    log_line_format(&line);
    flat = line.flat;
    text = line.text;
    {
        LOCK_SCOPE(&log_state.lock);
        const GArray *outputs = log_outputs_locked();

        log_state.counts[CLAMP(level, LOG_LEVEL_DEBUG, LOG_LEVEL_ERROR)]++;
        log_state.alarms += g_str_has_prefix(message, "ALARM:");
        for (guint i = 0; i < outputs->len; i++) {
            const LogOutput *output = &g_array_index(outputs, LogOutput, i);

            if (level >= output->level)
                log_to_output(output, &line);
        }
    }
    errno = errnum;
}

int log_set_level(LogLevel level, Error *error)
{
    if (level < LOG_LEVEL_DEBUG || level > LOG_LEVEL_ERROR)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG, _("the log level %d is not from 1 to 4"),
                         (int)level);
    LOCK_SCOPE(&log_state.lock);
    log_state.level = level;
    log_sources_update_locked();
    return 0;
}

int log_set_filters(const char *text, Error *error)
{
    GArray *filters = log_filters_parse(text ? text : "", error);

    if (!filters)
        return -1;
    LOCK_SCOPE(&log_state.lock);
    g_clear_pointer(&log_state.filters, g_array_unref);
    log_state.filters = filters;
    log_sources_update_locked();
    return 0;
}

int log_set_outputs(const char *text, Error *error)
{
    g_autoptr(GArray) outputs = log_outputs_parse(text ? text : "", error);

    if (!outputs || log_outputs_open(outputs, error) < 0)
        return -1;
    if (outputs->len == 0) {
        g_array_unref(outputs);
        outputs = log_outputs_default();
    }
    LOCK_SCOPE(&log_state.lock);
    log_outputs_install(g_steal_pointer(&outputs));
    log_sources_update_locked();
    return 0;
}

char *log_get_filters(unsigned *n)
{
    LOCK_SCOPE(&log_state.lock);
    *n = log_state.filters ? log_state.filters->len : 0;
    return log_state.filters ? log_filters_format(log_state.filters) : g_strdup("");
}

char *log_get_outputs(unsigned *n)
{
    LOCK_SCOPE(&log_state.lock);
    *n = log_outputs_locked()->len;
    return log_outputs_format(log_state.outputs);
}

LogLevel log_get_level(void)
{
    LOCK_SCOPE(&log_state.lock);
    return log_state.level;
}

uint64_t log_count(LogLevel level)
{
    LOCK_SCOPE(&log_state.lock);
    return log_state.counts[level];
}

uint64_t log_count_alarms(void)
{
    LOCK_SCOPE(&log_state.lock);
    return log_state.alarms;
}

void log_reopen(void)
{
    LOCK_SCOPE(&log_state.lock);
    GArray *outputs = log_outputs_locked();

    for (guint i = 0; i < outputs->len; i++) {
        LogOutput *output = &g_array_index(outputs, LogOutput, i);
        int fd = output->sink == LOG_SINK_FILE ? log_open_file(output->name, NULL) : -1;

        if (fd < 0)
            continue;
        close(output->fd);
        output->fd = fd;
    }
}
