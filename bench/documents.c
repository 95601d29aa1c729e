/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain document costs, through libvirt's client library and whatever driver the URI means: definitions, dumps and
 * memory, with the CPU time of this process and of the server. One thread; prints one line of JSON.
 *
 *   documents-load URI SERVER_PID|0 define|dump|fill FILE SECONDS|COUNT
 *
 * define: the document is defined again and again (parsed and stored); dump: formatted again and again; fill: COUNT
 * copies with other names and UUIDs are defined and stay, for whoever measures memory, until standard input ends;
 * those that are there already count. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU seconds of all threads of the server; 0 for none. */
static double server_cpu(long pid)
{
    g_autofree char *directory = g_strdup_printf("/proc/%ld/task", pid);
    g_autoptr(GDir) threads = pid ? g_dir_open(directory, 0, NULL) : NULL;
    double sum = 0;

    for (const char *name; threads && (name = g_dir_read_name(threads)) != NULL;) {
        g_autofree char *path = g_strdup_printf("%s/%s/schedstat", directory, name);
        g_autofree char *text = NULL;

        if (g_file_get_contents(path, &text, NULL, NULL))
            sum += (double)g_ascii_strtoull(text, NULL, 10) / 1e9;
    }
    return sum;
}

static void die(const char *what)
{
    fprintf(stderr, "documents-load: %s: %s\n", what, virGetLastErrorMessage());
    exit(1);
}

static void quiet(void *data, virErrorPtr error)
{
}

static virDomainPtr define(virConnectPtr conn, const char *document)
{
    virDomainPtr domain = virDomainDefineXML(conn, document);

    if (!domain)
        die("define");
    return domain;
}

static void dump(virDomainPtr domain)
{
    char *text = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);

    if (!text)
        die("dump");
    free(text);
}

/* The text with another name, and another UUID wherever the domain's stands. */
static char *numbered(const char *document, unsigned n)
{
    const char *name = strstr(document, "<name>") + 6, *name_end = strstr(name, "</name>");
    g_autofree char *uuid = g_strndup(strstr(document, "<uuid>") + 6, 36);
    g_autofree char *fresh = g_strdup_printf("%.24s%012x", uuid, n);
    GString *copy = g_string_new_len(document, name - document);

    g_string_append_printf(copy, "bench-%u%s", n, name_end);
    g_string_replace(copy, uuid, fresh, 0);
    return g_string_free(copy, FALSE);
}

static void fill(virConnectPtr conn, const char *document, unsigned n)
{
    char c;

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *text = numbered(document, i);

        virDomainFree(define(conn, text));
    }
    printf("{\"domains\": %u}\n", n);
    fflush(stdout);
    while (fread(&c, 1, 1, stdin) == 1)
        continue;
}

static void measure(virConnectPtr conn, long pid, bool dumps, const char *document, double seconds)
{
    virDomainPtr domain = define(conn, document);
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID), server = server_cpu(pid), start = now(CLOCK_MONOTONIC), wall;
    unsigned long calls = 0;

    do {
        for (int i = 0; i < 16; i++, calls++)
            if (dumps)
                dump(domain);
            else
                virDomainFree(define(conn, document));
        wall = now(CLOCK_MONOTONIC) - start;
    } while (wall < seconds);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    server = server_cpu(pid) - server;
    printf("{\"calls\": %lu, \"wall_us\": %.2f, \"client_us\": %.2f, \"server_us\": %.2f}\n", calls,
           wall / (double)calls * 1e6, cpu / (double)calls * 1e6, server / (double)calls * 1e6);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

int main(int argc, char **argv)
{
    g_autofree char *document = NULL;
    virConnectPtr conn;

    if (argc != 6 || !g_file_get_contents(argv[4], &document, NULL, NULL)) {
        fprintf(stderr, "usage: documents-load URI SERVER_PID|0 define|dump|fill FILE SECONDS|COUNT\n");
        return 2;
    }
    virSetErrorFunc(NULL, quiet);
    conn = virConnectOpen(argv[1]);
    if (!conn)
        die("open");
    if (strcmp(argv[3], "fill") == 0)
        fill(conn, document, (unsigned)atoi(argv[5]));
    else
        measure(conn, atol(argv[2]), strcmp(argv[3], "dump") == 0, document, atof(argv[5]));
    virConnectClose(conn);
    return 0;
}
