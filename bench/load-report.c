/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The result of a run as one line of JSON on stdout. Main thread only, no locks. */
#include "load-report.h"

#include <stdio.h>

Report report_new(void)
{
    return (Report) { g_string_new("{") };
}

static void key_append(Report *report, const char *key)
{
    char last = report->text->str[report->text->len - 1];

    g_string_append_printf(report->text, "%s\"%s\": ", last == '{' ? "" : ", ", key);
}

void report_number(Report *report, const char *key, double value)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];

    key_append(report, key);
    g_string_append(report->text, g_ascii_formatd(digits, sizeof(digits), "%.12g", value));
}

void report_text(Report *report, const char *key, const char *value)
{
    key_append(report, key);
    if (!value) {
        g_string_append(report->text, "null");
        return;
    }
    g_string_append_c(report->text, '"');
    for (const char *at = value; *at; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_c(report->text, '\\');
        g_string_append_c(report->text, (unsigned char)*at < ' ' ? ' ' : *at);
    }
    g_string_append_c(report->text, '"');
}

void report_open(Report *report, const char *key)
{
    key_append(report, key);
    g_string_append_c(report->text, '{');
}

void report_close(Report *report)
{
    g_string_append_c(report->text, '}');
}

void report_hist(Report *report, const Hist *hist)
{
    static const struct { const char *key; double fraction; } points[] = {
        { "p50_us", 0.5 }, { "p90_us", 0.9 }, { "p99_us", 0.99 }, { "p999_us", 0.999 }, { "max_us", 1 },
    };

    report_number(report, "timed", (double)hist->count);
    for (size_t i = 0; i < G_N_ELEMENTS(points) && hist->count; i++)
        report_number(report, points[i].key, (double)hist_quantile(hist, points[i].fraction) / 1000);
}

void report_stats(Report *report, const Stats *stats, double seconds)
{
    report_number(report, "calls", (double)stats->calls);
    report_number(report, "rate", (double)stats->calls / seconds);
    report_hist(report, &stats->hist);
    report_number(report, "errors", (double)stats->errors);
    report_text(report, "first_error", stats->first_error);
}

void report_server(Report *report, pid_t pid, const Usage *before, const Usage *after, uint64_t calls, double syscalls,
                   const char *why_not)
{
    Memory memory = { 0 };
    double each = calls ? 1.0 / (double)calls : 0;

    memory_read(pid, &memory);
    report_open(report, "server");
    report_number(report, "cpu_s", (double)(after->cpu_ns - before->cpu_ns) / 1e9);
    report_number(report, "cpu_us_per_call", (double)(after->cpu_ns - before->cpu_ns) / 1000 * each);
    report_number(report, "voluntary_switches_per_call", ((double)after->voluntary - (double)before->voluntary) * each);
    report_number(report, "involuntary_switches_per_call", ((double)after->involuntary - (double)before->involuntary) * each);
    if (syscalls >= 0)
        report_number(report, "syscalls_per_call", syscalls * each);
    else
        report_text(report, "syscalls_per_call", NULL);
    if (why_not)
        report_text(report, "syscalls_note", why_not);
    report_number(report, "rss_kib", (double)memory.rss_kib);
    report_number(report, "anon_kib", (double)memory.anon_kib);
    report_number(report, "threads", after->threads);
    report_close(report);
}

void report_print(Report *report)
{
    puts(g_string_append_c(report->text, '}')->str);
    fflush(stdout);
    g_string_free(report->text, TRUE);
}
