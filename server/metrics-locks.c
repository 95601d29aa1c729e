/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The profile of locks as metrics, class by class. On the endpoint's thread; takes LOCK_COUNTERS through the profile, which
 * stops nobody who counts. */
#include "server/metrics-private.h"

#include <stddef.h>

#include "base/lock-profile.h"

static const MetricFigure totals[] = {
    { METRIC_LOCK_ACQUISITIONS, false, offsetof(LockUse, acquired) },
    { METRIC_LOCK_CONTENDED, false, offsetof(LockUse, contended) },
    { METRIC_LOCK_HOLDS, false, offsetof(LockUse, holds) },
    { METRIC_LOCK_HELD, true, offsetof(LockUse, held) },
    { METRIC_LOCK_SLEEPS, false, offsetof(LockUse, idle) },
    { METRIC_LOCK_SLEPT, true, offsetof(LockUse, idled) },
    { METRIC_LOCK_WAIT_LONGEST, true, offsetof(LockUse, waited_longest) },
    { METRIC_LOCK_HELD_LONGEST, true, offsetof(LockUse, held_longest) },
};

/* Classes that nobody has used have no lines. */
static void write_totals(const LockUse *classes, MetricText *text)
{
    g_autoptr(GArray) rows = metric_rows_new();

    for (unsigned i = 0; i < LOCK_CLASSES; i++)
        if (classes[i].acquired || classes[i].idle)
            metric_rows_add(rows, "lock", lock_class_name((LockClass)i), &classes[i]);
    metric_table(text, totals, G_N_ELEMENTS(totals), rows);
}

/* The profile's last bucket has no end, so that none of ours may end behind it. */
static void write_waits(const LockUse *classes, MetricText *text)
{
    metric_begin(text, &metric_families[METRIC_LOCK_WAIT]);
    for (unsigned i = 0; i < LOCK_CLASSES; i++) {
        uint64_t below[(LOCK_WAIT_BUCKETS - 2) / METRIC_POWER_STEP + 1], count = 0;
        GString *labels;

        G_STATIC_ASSERT((int)METRIC_FIRST_POWER == (int)LOCK_WAIT_FIRST_BIT);
        if (!classes[i].contended)
            continue;
        for (unsigned k = 0; k < LOCK_WAIT_BUCKETS; k++) {
            count += classes[i].waits[k];
            if (k % METRIC_POWER_STEP == 0)
                below[k / METRIC_POWER_STEP] = count;
        }
        labels = g_string_new(NULL);
        metric_label(labels, "lock", lock_class_name((LockClass)i));
        metric_buckets(text, labels->str, below, G_N_ELEMENTS(below), count, classes[i].waited);
        g_string_free(labels, TRUE);
    }
}

void metrics_locks_section(MetricText *text)
{
    g_autofree LockUse *classes = NULL;

    if (!lock_profile_enabled())
        return;
    classes = g_new(LockUse, LOCK_CLASSES);
    lock_profile_totals(classes);
    write_totals(classes, text);
    write_waits(classes, text);
}
