/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between log.c, which writes lines, and log-setting.c, which reads the settings. */
#pragma once

#include "base/log.h"

typedef enum LogSink { LOG_SINK_STDERR, LOG_SINK_FILE, LOG_SINK_SYSLOG, LOG_SINK_JOURNAL } LogSink;

typedef struct LogFilter {
    LogLevel level;
    char *match;      /* owned; as it was written */
    char *pattern;    /* owned; for fnmatch */
} LogFilter;

typedef struct LogOutput {
    LogSink sink;
    LogLevel level;    /* the lowest it takes */
    char *name;        /* owned; the path or the ident, else NULL */
    int fd;            /* of a file, else -1 */
} LogOutput;

/* Arrays that free their elements. */
GArray *log_filters_new(void);
GArray *log_outputs_new(void);

/* NULL and an error when the text is wrong. No lock. Files are not opened yet. */
GArray *log_filters_parse(const char *text, Error *error);
GArray *log_outputs_parse(const char *text, Error *error);
/* Opens the files, so it may wait for a disk. */
int log_outputs_open(GArray *outputs, Error *error);
/* What is used when nothing is set: the journal below systemd, else standard error. */
GArray *log_outputs_default(void);

char *log_filters_format(const GArray *filters);
char *log_outputs_format(const GArray *outputs);

/* Opens a log file for appending; -1 and an error. */
int log_open_file(const char *path, Error *error);
