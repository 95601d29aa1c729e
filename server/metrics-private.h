/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One scrape on its way: metrics-server.c writes what droverd counts itself, metrics-sample.c takes the figures of domains,
 * metrics-domains.c writes them, metrics.c has the HTTP around it. All on the thread of the endpoint that is asked. */
#pragma once

#include "server/metrics-text.h"
#include "server/server.h"

/* --- metrics-server.c -------------------------------------------------------------------------------- */

enum { SERVER_SECTIONS = 8 };
/* Writes the families of one section, all at once: none grows with the number of domains. */
void metrics_server_section(Server *server, unsigned section, MetricText *text);

/* --- metrics-locks.c --------------------------------------------------------------------------------- */

/* Writes nothing when the profile of locks was compiled out. */
void metrics_locks_section(MetricText *text);

/* --- metrics-sample.c -------------------------------------------------------------------------------- */

/* How a driver's figure becomes a metric's. */
typedef enum SampleUnit { SAMPLE_NUMBER, SAMPLE_KIB, SAMPLE_NS } SampleUnit;

typedef struct SampleParam {
    const char *name;         /* in virConnectGetAllDomainStats, behind "block.0." and the like */
    MetricId metric;
    SampleUnit unit;
} SampleParam;

enum { SAMPLE_PARAMS_MAX = 16 };

/* What each kind of thing has; up to a NULL name. */
extern const SampleParam sample_domain_params[], sample_vcpu_params[], sample_block_params[], sample_net_params[];

/* Figures of one thing, in the order of its params. */
typedef struct SampleRow {
    const char *labels;       /* ready to be written; in the sample's chunk */
    uint32_t has;             /* a bit for each value that is there */
    uint64_t values[SAMPLE_PARAMS_MAX];
} SampleRow;

typedef struct SampleDomain {
    SampleRow row;
    DomainView *view;         /* referenced */
    int64_t taken;            /* clock_now() when reading its figures began */
    const char *holder;       /* the procedure that holds its job; NULL: none */
    int64_t held;             /* nanoseconds */
    unsigned waiting;
} SampleDomain;

typedef struct SampleHost {
    const char *uri;          /* as a label, ready to be written */
    unsigned active, inactive;
    bool good;                /* the driver has answered */
} SampleHost;

/* The figures of all domains at one moment; immutable when made. Its size is bounded by what there is: some 300 bytes for a
 * domain, 200 for a device. */
typedef struct Samples {
    unsigned refs;            /* of scrapes of one endpoint, and its own */
    int64_t taken;            /* clock_now() */
    GArray *hosts;            /* of SampleHost */
    GArray *domains;          /* of SampleDomain */
    GArray *vcpus, *disks, *interfaces;    /* of SampleRow */
    GStringChunk *texts;
} Samples;

/* Asks each driver for what it publishes: takes no job and waits for no guest. */
Samples *samples_take(Server *server);
Samples *samples_ref(Samples *samples);
void samples_unref(Samples *samples);

/* --- metrics-domains.c ------------------------------------------------------------------------------- */

/* Where a scrape is among the families of domains; zero at first. */
typedef struct DomainsCursor {
    unsigned family, row;
    bool begun;               /* the head of the family is written */
} DomainsCursor;

/* Writes on from the cursor, until `text` has grown to `enough` bytes or all is written; false then. */
bool metrics_domains_part(const Samples *samples, DomainsCursor *cursor, MetricText *text, size_t enough);
