/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The figures of domains as metrics. All lines of a family stand together, so each family walks all domains or devices; a
 * cursor lets the text be made in parts while it is being sent. On the endpoint's thread; takes no lock. */
#include "server/metrics-private.h"

#include "base/clock.h"

/* What one family is made of; the rows of one hypervisor. */
typedef struct Source {
    MetricId metric;
    /* One row's line, if it has one. */
    void (*write)(const HostSample *sample, unsigned row, MetricText *text);
    unsigned (*rows)(const HostSample *sample);
} Source;

static const SampleDomain *domain_at(const HostSample *sample, unsigned row)
{
    return &g_array_index(sample->domains, SampleDomain, row);
}

static unsigned itself(const HostSample *sample)
{
    return 1;
}

static unsigned its_domains(const HostSample *sample)
{
    return sample->domains->len;
}

/* What is at `labels`, and one more, until the next call. */
static const char *with_label(const HostSample *sample, size_t labels, const char *label, const char *value)
{
    g_string_assign(sample->scratch, sample_text(sample, labels));
    metric_label(sample->scratch, label, value);
    return sample->scratch->str;
}

static void write_host_domains(const HostSample *sample, unsigned row, MetricText *text)
{
    metric_number(text, with_label(sample, sample->uri, "active", "yes"), sample->active);
    metric_number(text, with_label(sample, sample->uri, "active", "no"), sample->inactive);
}

static void write_host_sampled(const HostSample *sample, unsigned row, MetricText *text)
{
    metric_number(text, sample_text(sample, sample->uri), sample->good);
}

static void write_host_overdue(const HostSample *sample, unsigned row, MetricText *text)
{
    metric_time(text, sample_text(sample, sample->uri), (uint64_t)sample->overdue);
}

static const char *labels_of(const HostSample *sample, unsigned row)
{
    return sample_text(sample, domain_at(sample, row)->row.labels);
}

static void write_info(const HostSample *sample, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(sample, row);
    char uuid[UUID_TEXT_SIZE];

    metric_number(text, with_label(sample, domain->row.labels, "uuid", uuid_format(&domain->view->uuid, uuid)), 1);
}

static void write_age(const HostSample *sample, unsigned row, MetricText *text)
{
    metric_time(text, labels_of(sample, row), (uint64_t)MAX(clock_now() - domain_at(sample, row)->taken, 0));
}

static void write_start(const HostSample *sample, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(sample, row);

    if (domain->view->started > 0)
        metric_time(text, labels_of(sample, row), (uint64_t)domain->view->started);
}

static void write_job(const HostSample *sample, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(sample, row);

    if (domain->holder)
        metric_time(text, with_label(sample, domain->row.labels, "procedure", domain->holder), (uint64_t)domain->held);
}

static void write_waiting(const HostSample *sample, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(sample, row);

    if (domain->waiting)
        metric_number(text, labels_of(sample, row), domain->waiting);
}

static const Source sources[] = {
    { METRIC_HOST_DOMAINS, write_host_domains, itself },
    { METRIC_HOST_SAMPLED, write_host_sampled, itself },
    { METRIC_HOST_OVERDUE, write_host_overdue, itself },
    { METRIC_DOMAIN, write_info, its_domains },
    { METRIC_DOMAIN_SAMPLE_AGE, write_age, its_domains },
    { METRIC_DOMAIN_START, write_start, its_domains },
    { METRIC_DOMAIN_JOB, write_job, its_domains },
    { METRIC_DOMAIN_WAITING, write_waiting, its_domains },
};

/* --- figures of drivers -------------------------------------------------------------------------------- */

typedef enum Kind { KIND_DOMAIN, KIND_VCPU, KIND_BLOCK, KIND_NET, KINDS } Kind;

/* One figure of all things of one kind, and where it stands in their rows. */
typedef struct Figure {
    const SampleParam *param;
    Kind kind;
    unsigned at;
} Figure;

/* The nth figure of all kinds together; false: there are no more. */
static bool figure_at(unsigned n, Figure *figure)
{
    static const SampleParam *const params[KINDS] = {
        [KIND_DOMAIN] = sample_domain_params, [KIND_VCPU] = sample_vcpu_params, [KIND_BLOCK] = sample_block_params,
        [KIND_NET] = sample_net_params,
    };

    for (Kind kind = 0; kind < KINDS; kind++) {
        for (unsigned at = 0; params[kind][at].name; at++) {
            if (n-- == 0) {
                *figure = (Figure){ &params[kind][at], kind, at };
                return true;
            }
        }
    }
    return false;
}

static GArray *rows_of(const HostSample *sample, Kind kind)
{
    switch (kind) {
    case KIND_VCPU:
        return sample->vcpus;
    case KIND_BLOCK:
        return sample->disks;
    case KIND_NET:
        return sample->interfaces;
    case KIND_DOMAIN:
    default:
        return sample->domains;    /* each begins with a row */
    }
}

static void write_figure(const Figure *figure, const HostSample *sample, unsigned row, MetricText *text)
{
    GArray *rows = rows_of(sample, figure->kind);
    const SampleRow *values = (const SampleRow *)(const void *)(rows->data + (size_t)row * g_array_get_element_size(rows));

    if (!(values->has & 1u << figure->at))
        return;
    if (figure->param->unit == SAMPLE_NS)
        metric_time(text, sample_text(sample, values->labels), values->values[figure->at]);
    else
        metric_number(text, sample_text(sample, values->labels), values->values[figure->at]);
}

/* --- in parts -------------------------------------------------------------------------------------------- */

static bool is_full(const MetricText *text, size_t enough)
{
    return text->out->len >= enough;
}

static void begin_family(DomainsCursor *cursor, MetricText *text, MetricId metric)
{
    if (!cursor->begun)
        metric_begin(text, &metric_families[metric]);
    cursor->begun = true;
    text->family = &metric_families[metric];
}

/* Rows of one hypervisor in one family, which is a source's or a figure's. False: there are more. */
static bool write_rows(const Source *source, const Figure *figure, const HostSample *sample, DomainsCursor *cursor,
                       MetricText *text, size_t enough)
{
    unsigned n = source ? source->rows(sample) : rows_of(sample, figure->kind)->len;

    for (; cursor->row < n && !is_full(text, enough); cursor->row++) {
        if (source)
            source->write(sample, cursor->row, text);
        else
            write_figure(figure, sample, cursor->row, text);
    }
    return cursor->row >= n;
}

/* Writes one family on. False: there is more of it. */
static bool write_family(const Source *source, const Figure *figure, const Samples *samples, DomainsCursor *cursor,
                         MetricText *text, size_t enough)
{
    begin_family(cursor, text, source ? source->metric : figure->param->metric);
    while (cursor->host < samples->hosts->len) {
        if (!write_rows(source, figure, g_ptr_array_index(samples->hosts, cursor->host), cursor, text, enough))
            return false;
        cursor->host++;
        cursor->row = 0;
    }
    return true;
}

bool metrics_domains_part(const Samples *samples, DomainsCursor *cursor, MetricText *text, size_t enough)
{
    while (!is_full(text, enough)) {
        bool is_source = cursor->family < G_N_ELEMENTS(sources);
        const Source *source = is_source ? &sources[cursor->family] : NULL;
        Figure figure = { 0 };

        if (!source && !figure_at(cursor->family - (unsigned)G_N_ELEMENTS(sources), &figure))
            return false;
        if (write_family(source, &figure, samples, cursor, text, enough))
            *cursor = (DomainsCursor){ .family = cursor->family + 1 };
    }
    return true;
}
