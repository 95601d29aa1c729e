/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One scrape on its way: metrics-server.c writes what droverd counts itself, metrics-sample.c takes the figures of one
 * hypervisor's domains, metrics-take.c those of all hypervisors and waits for them, metrics-domains.c writes them, metrics.c has
 * the HTTP around it. On the thread of the endpoint that is asked, but for what drivers are asked: that has threads of its own. */
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
    size_t labels;            /* where they begin in the sample's texts, ready to be written */
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

/* The figures of one hypervisor's domains at one moment; whose it is, is its owner's matter. Its size is bounded by what there is:
 * some 300 bytes for a domain, 200 for a device. Its memory is used again by the next that is taken in its place. */
typedef struct HostSample {
    Host *host;               /* a shared one, so that it stays */
    size_t uri;               /* its label */
    unsigned active, inactive;
    bool good;                /* the driver has answered, or there was nothing to ask */
    int64_t overdue;          /* nanoseconds for which the driver has not; 0 while it may still be waited for */
    GArray *domains;          /* of SampleDomain */
    GArray *vcpus, *disks, *interfaces;    /* of SampleRow */
    GString *texts;           /* labels, each with its end */
    GString *scratch;
} HostSample;

/* Empty; host_sample_free. */
HostSample *host_sample_new(void);
/* NULL is fine. */
void host_sample_free(HostSample *sample);
/* Forgets what was there and takes what is published. Waits for nothing. */
void host_sample_begin(HostSample *sample, Host *host);
/* Whether there is anything to ask the driver. */
bool host_sample_wants(const HostSample *sample);
/* Asks it: takes no job and waits for no guest, but drivers may break that. */
void host_sample_ask(HostSample *sample);

static inline const char *sample_text(const HostSample *sample, size_t at)
{
    return sample->texts->str + at;
}

/* --- metrics-take.c ---------------------------------------------------------------------------------- */

/* Takes samples for one endpoint. */
typedef struct Sampler Sampler;

/* The figures of all domains; immutable when made. One thread's at a time, as its sampler. */
typedef struct Samples {
    unsigned refs;            /* of scrapes of one endpoint, and its own */
    int64_t taken;            /* clock_now() */
    Sampler *sampler;
    GPtrArray *hosts;         /* of HostSample */
} Samples;

/* `wait`: nanoseconds for which drivers are waited for. */
Sampler *sampler_new(Server *server, int64_t wait);
/* From now on nobody waits for drivers. Any thread. */
void sampler_stop(Sampler *sampler);
/* When it is stopped and no thread takes samples: waits for whatever drivers still do. Once. */
void sampler_join(Sampler *sampler);
/* Writes to the log which drivers that is. Any thread. */
void sampler_tell_stuck(Sampler *sampler);
/* After sampler_join, when all samples are given back. */
void sampler_free(Sampler *sampler);
/* A driver that has not answered in time is not asked again, nor waited for, until it has. */
Samples *samples_take(Sampler *sampler);
/* Any thread. */
Samples *samples_ref(Samples *samples);
void samples_unref(Samples *samples);

/* --- metrics-domains.c ------------------------------------------------------------------------------- */

/* Where a scrape is among the families of domains; zero at first. */
typedef struct DomainsCursor {
    unsigned family, host, row;
    bool begun;               /* the head of the family is written */
} DomainsCursor;

/* Writes on from the cursor, until `text` has grown to `enough` bytes or all is written; false then. */
bool metrics_domains_part(const Samples *samples, DomainsCursor *cursor, MetricText *text, size_t enough);
