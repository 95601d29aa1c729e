/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines to the journal, a file, syslog or stderr, with libvirt's filters and outputs.
 * Takes LOCK_LOG (the highest rank: logging is allowed anywhere). A line that no filter
 * lets through costs one comparison and formats nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/error.h"

typedef enum LogLevel { LOG_LEVEL_DEBUG = 1, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR } LogLevel;

/* One per source file: LOG_SOURCE("conf.store");  names what log_filters matches. */
typedef struct LogSource LogSource;
struct LogSource {
    const char *name;
    int level;          /* atomic: lowest level let through; 0 until the first line is asked for */
    LogSource *next;    /* under LOCK_LOG: another one that is known to the filters */
};

#define LOG_SOURCE(text) static LogSource log_source = { text, 0, NULL }

bool log_wanted_slow(LogSource *source, LogLevel level);

static inline bool log_wanted(LogSource *source, LogLevel level)
{
    if (G_LIKELY((int)level < __atomic_load_n(&source->level, __ATOMIC_RELAXED)))
        return false;
    return log_wanted_slow(source, level);
}

void log_write(LogSource *source, LogLevel level, const char *file, int line, const char *func,
               const char *format, ...) G_GNUC_PRINTF(6, 7);

#define LOG_AT(level, ...)                                                                      \
    do {                                                                                        \
        if (log_wanted(&log_source, level))                                                     \
            log_write(&log_source, level, __FILE__, __LINE__, __func__, __VA_ARGS__);           \
    } while (0)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* The settings log_level, log_filters ("1:rpc 3:conf.store", '*' and '?' match) and
 * log_outputs ("3:stderr 1:file:/path 2:syslog:ident 1:journald"), as libvirtd.conf has them.
 * NULL or "" means the default. -1 and an error (VIR_ERR_CONF_SYNTAX… VIR_ERR_INVALID_ARG) leave
 * everything as it was. Any thread. */
int log_set_level(LogLevel level, Error *error);
int log_set_filters(const char *filters, Error *error);
int log_set_outputs(const char *outputs, Error *error);
/* Whether the setters would understand the text; they change and open nothing. */
int log_check_filters(const char *filters, Error *error);
int log_check_outputs(const char *outputs, Error *error);
/* The settings in effect as text, owned by the caller, and how many parts they have. */
char *log_get_filters(unsigned *n);
char *log_get_outputs(unsigned *n);
LogLevel log_get_level(void);
/* How many lines of a level were let through so far, and how many of all began with "ALARM:". Any thread. */
uint64_t log_count(LogLevel level);
uint64_t log_count_alarms(void);
/* Opens files again by name (after they were rotated). */
void log_reopen(void);
