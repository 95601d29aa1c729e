/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings log_filters and log_outputs: from text to a list of parts and back.
 * Runs on the thread that changes a setting; takes no lock; only log_outputs_open may wait for a
 * disk. Never touches what is in effect: log.c swaps a whole list in when it was read in full. */
#include "base/log-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/i18n.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define PARTS_MOST 256

static void log_filter_clear(gpointer data)
{
    LogFilter *filter = data;

    g_free(filter->match);
    g_free(filter->pattern);
}

static void log_output_clear(gpointer data)
{
    LogOutput *output = data;

    g_free(output->name);
    if (output->fd >= 0)
        close(output->fd);
}

GArray *log_filters_new(void)
{
    GArray *filters = g_array_new(FALSE, FALSE, sizeof(LogFilter));

    g_array_set_clear_func(filters, log_filter_clear);
    return filters;
}

GArray *log_outputs_new(void)
{
    GArray *outputs = g_array_new(FALSE, FALSE, sizeof(LogOutput));

    g_array_set_clear_func(outputs, log_output_clear);
    return outputs;
}

/* Takes "N:" off the front; 0 when there is no level from 1 to 4. */
static LogLevel log_take_level(const char **text)
{
    const char *at = *text;

    if (at[0] < '1' || at[0] > '4' || at[1] != ':')
        return 0;
    *text = at + 2;
    return (LogLevel)(at[0] - '0');
}

/* The words of a setting, or NULL and an error when there are absurdly many. */
static char **log_split(const char *setting, const char *text, Error *error)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t\n", -1);
    unsigned n = 0;

    for (unsigned i = 0; words[i]; i++) {
        if (words[i][0])
            words[n++] = words[i];
        else
            g_free(words[i]);
    }
    words[n] = NULL;
    if (n > PARTS_MOST) {
        error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG, _("%s has more than %d parts"), setting, PARTS_MOST);
        return NULL;
    }
    return g_steal_pointer(&words);
}

GArray *log_filters_parse(const char *text, Error *error)
{
    g_auto(GStrv) words = log_split("log_filters", text, error);
    g_autoptr(GArray) filters = log_filters_new();

    if (!words)
        return NULL;
    for (char **word = words; *word; word++) {
        const char *match = *word;
        LogLevel level = log_take_level(&match);
        LogFilter filter;

        /* A '+' once asked libvirt for stack traces; it still stands in people's files. */
        if (*match == '+')
            match++;
        if (!level || !*match) {
            error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG,
                      _("the log filter '%s' is not of the form LEVEL:NAME with a level from 1 to 4"), *word);
            return NULL;
        }
        filter = (LogFilter){ level, g_strdup(match), g_strconcat("*", match, "*", NULL) };
        g_array_append_val(filters, filter);
    }
    return g_steal_pointer(&filters);
}

int log_open_file(const char *path, Error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0)
        error_set_errno(error, VIR_FROM_NONE, errno, _("cannot open the log file '%s'"), path);
    return fd;
}

/* Where `text` (behind the level) says that lines go; false when it says nothing known. */
static bool log_sink_parse(const char *text, LogSink *sink, const char **name)
{
    *name = NULL;
    if (strcmp(text, "stderr") == 0)
        *sink = LOG_SINK_STDERR;
    else if (strcmp(text, "journald") == 0)
        *sink = LOG_SINK_JOURNAL;
    else if (g_str_has_prefix(text, "syslog:") && text[7])
        *sink = LOG_SINK_SYSLOG, *name = text + 7;
    else if (g_str_has_prefix(text, "file:") && text[5])
        *sink = LOG_SINK_FILE, *name = text + 5;
    else
        return false;
    return true;
}

static int log_output_parse(const char *word, LogOutput *output, Error *error)
{
    const char *text = word, *name;
    LogLevel level = log_take_level(&text);

    *output = (LogOutput){ .level = level, .fd = -1 };
    if (!level || !log_sink_parse(text, &output->sink, &name))
        return error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG,
                         _("the log output '%s' is none of LEVEL:stderr, LEVEL:journald, LEVEL:syslog:NAME and "
                           "LEVEL:file:PATH with a level from 1 to 4"), word);
    if (output->sink == LOG_SINK_FILE && !g_path_is_absolute(name))
        return error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG,
                         _("the path in the log output '%s' is not absolute"), word);
    output->name = g_strdup(name);
    return 0;
}

/* Of two outputs to one place the later one counts, as in libvirt; a process has one syslog name. */
static void log_outputs_add(GArray *outputs, LogOutput output)
{
    for (guint i = 0; i < outputs->len; i++) {
        const LogOutput *old = &g_array_index(outputs, LogOutput, i);

        if (old->sink == output.sink && (output.sink != LOG_SINK_FILE || strcmp(old->name, output.name) == 0)) {
            g_array_remove_index(outputs, i);
            break;
        }
    }
    g_array_append_val(outputs, output);
}

GArray *log_outputs_parse(const char *text, Error *error)
{
    g_auto(GStrv) words = log_split("log_outputs", text, error);
    g_autoptr(GArray) outputs = log_outputs_new();

    if (!words)
        return NULL;
    for (char **word = words; *word; word++) {
        LogOutput output;

        if (log_output_parse(*word, &output, error) < 0)
            return NULL;
        log_outputs_add(outputs, output);
    }
    return g_steal_pointer(&outputs);
}

int log_outputs_open(GArray *outputs, Error *error)
{
    for (guint i = 0; i < outputs->len; i++) {
        LogOutput *output = &g_array_index(outputs, LogOutput, i);

        if (output->sink == LOG_SINK_FILE && (output->fd = log_open_file(output->name, error)) < 0)
            return -1;
    }
    return 0;
}

int log_check_filters(const char *text, Error *error)
{
    g_autoptr(GArray) filters = log_filters_parse(text, error);

    return filters ? 0 : -1;
}

int log_check_outputs(const char *text, Error *error)
{
    g_autoptr(GArray) outputs = log_outputs_parse(text, error);

    return outputs ? 0 : -1;
}

/* systemd tells in JOURNAL_STREAM which file the journal is connected to. */
static bool stderr_is_journal(void)
{
    const char *stream = g_getenv("JOURNAL_STREAM");
    g_autofree char *ours = NULL;
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    ours = g_strdup_printf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, ours) == 0;
}

static bool stderr_is_nowhere(void)
{
    struct stat st;

    return fstat(STDERR_FILENO, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

GArray *log_outputs_default(void)
{
    GArray *outputs = log_outputs_new();
    LogOutput output = { LOG_SINK_STDERR, LOG_LEVEL_DEBUG, NULL, -1 };

    if (stderr_is_journal() || (stderr_is_nowhere() && access(JOURNAL_SOCKET, W_OK) == 0)) {
        output.sink = LOG_SINK_JOURNAL;
    } else if (stderr_is_nowhere()) {
        output.sink = LOG_SINK_SYSLOG;
        output.name = g_strdup(g_get_prgname() ? g_get_prgname() : "droverd");
    }
    g_array_append_val(outputs, output);
    return outputs;
}

char *log_filters_format(const GArray *filters)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < filters->len; i++) {
        const LogFilter *filter = &g_array_index(filters, LogFilter, i);

        g_string_append_printf(text, "%s%d:%s", i ? " " : "", filter->level, filter->match);
    }
    return g_string_free(text, FALSE);
}

char *log_outputs_format(const GArray *outputs)
{
    static const char *const sinks[] = { "stderr", "file", "syslog", "journald" };
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < outputs->len; i++) {
        const LogOutput *output = &g_array_index(outputs, LogOutput, i);

        g_string_append_printf(text, "%s%d:%s", i ? " " : "", output->level, sinks[output->sink]);
        if (output->name)
            g_string_append_printf(text, ":%s", output->name);
    }
    return g_string_free(text, FALSE);
}
