/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzzes the documents of snapshots, checkpoints and backups: what our own store has written must be read again as the
 * same. The first byte says which kind it is, and whether everything is in it. One thread. */
#include <stdlib.h>
#include <string.h>

#include "conf/moment.h"
#include "conf/rules/rules.h"

static const DomainRules rules = { .default_arch = "i686", .namespaces = ~0u };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

G_NORETURN static void fail(const char *what, const char *before, const char *after)
{
    g_printerr("%s\n--- before\n%s\n--- after\n%s\n", what, before, after ? after : "(none)");
    abort();
}

static void *parse(unsigned kind, const char *text, size_t size, unsigned flags, Error *error)
{
    if (kind == 0)
        return snapshot_config_parse(text, size, &rules, flags, error);
    return kind == 1 ? (void *)checkpoint_config_parse(text, size, &rules, flags, error)
                     : (void *)backup_config_parse(text, size, flags, error);
}

static char *format(unsigned kind, const void *moment, unsigned flags)
{
    if (kind == 0)
        return snapshot_config_format(moment, NULL, flags);
    return kind == 1 ? checkpoint_config_format(moment, flags) : backup_config_format(moment, flags);
}

/* An entry for each disk, as a driver would have it. */
static void align(unsigned kind, void *moment)
{
    const DomainConfig *guest = ((MomentHead *)moment)->domain;

    if (!guest)
        return;
    if (kind == 0)
        snapshot_config_redefine(moment, NULL, &guest->uuid, false, NULL);
    else if (kind == 1)
        checkpoint_config_redefine(moment, &guest->uuid, NULL);
}

static void check_round(unsigned kind, const void *moment)
{
    g_autofree char *text = format(kind, moment, MOMENT_FORMAT_STORED), *again = NULL;
    Error error = ERROR_INIT;
    void *same = parse(kind, text, strlen(text), MOMENT_PARSE_STORED, &error);

    if (!same)
        fail("what our store has is refused", text, error.message);
    again = format(kind, same, MOMENT_FORMAT_STORED);
    if (strcmp(text, again) != 0)
        fail("what our store has is formatted otherwise", text, again);
    moment_unref(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned uses[] = { 0, MOMENT_PARSE_DISK_ONLY, MOMENT_PARSE_REDEFINE, MOMENT_PARSE_STORED };
    unsigned kind = size > 0 ? data[0] % 3 : 0, flags = size > 0 ? uses[data[0] / 3 % 4] : 0;
    g_autofree char *shown = NULL;
    void *moment;

    moment = size > 0 ? parse(kind, (const char *)data + 1, size - 1, flags, NULL) : NULL;
    if (!moment)
        return 0;
    shown = format(kind, moment, MOMENT_FORMAT_SECURE);
    if (flags == MOMENT_PARSE_STORED)
        check_round(kind, moment);
    align(kind, moment);
    moment_unref(moment);
    return 0;
}
