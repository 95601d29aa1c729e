/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The figures of domains as metrics. All lines of a family stand together, so each family walks all domains or devices; a
 * cursor lets the text be made in parts while it is being sent. On the endpoint's thread; takes no lock. */
#include "server/metrics-private.h"

#include "base/clock.h"

/* What one family is made of. */
typedef struct Source {
    MetricId metric;
    /* One row's line, if it has one. */
    void (*write)(const Samples *samples, unsigned row, MetricText *text);
    unsigned (*rows)(const Samples *samples);
} Source;

static const SampleHost *host_at(const Samples *samples, unsigned row)
{
    return &g_array_index(samples->hosts, SampleHost, row);
}

static const SampleDomain *domain_at(const Samples *samples, unsigned row)
{
    return &g_array_index(samples->domains, SampleDomain, row);
}

static unsigned all_hosts(const Samples *samples)
{
    return samples->hosts->len;
}

static unsigned all_domains(const Samples *samples)
{
    return samples->domains->len;
}

static void with_label(MetricText *text, const char *labels, const char *label, const char *value, uint64_t number)
{
    g_autoptr(GString) all = g_string_new(labels);

    metric_label(all, label, value);
    metric_number(text, all->str, number);
}

static void write_host_domains(const Samples *samples, unsigned row, MetricText *text)
{
    const SampleHost *host = host_at(samples, row);

    with_label(text, host->uri, "active", "yes", host->active);
    with_label(text, host->uri, "active", "no", host->inactive);
}

static void write_host_sampled(const Samples *samples, unsigned row, MetricText *text)
{
    metric_number(text, host_at(samples, row)->uri, host_at(samples, row)->good);
}

static void write_info(const Samples *samples, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(samples, row);
    char uuid[UUID_TEXT_SIZE];

    with_label(text, domain->row.labels, "uuid", uuid_format(&domain->view->uuid, uuid), 1);
}

static void write_age(const Samples *samples, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(samples, row);

    metric_time(text, domain->row.labels, (uint64_t)MAX(clock_now() - domain->taken, 0));
}

static void write_start(const Samples *samples, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(samples, row);

    if (domain->view->started > 0)
        metric_time(text, domain->row.labels, (uint64_t)domain->view->started);
}

static void write_job(const Samples *samples, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(samples, row);
    g_autoptr(GString) labels = domain->holder ? g_string_new(domain->row.labels) : NULL;

    if (!labels)
        return;
    metric_label(labels, "procedure", domain->holder);
    metric_time(text, labels->str, (uint64_t)domain->held);
}

static void write_waiting(const Samples *samples, unsigned row, MetricText *text)
{
    const SampleDomain *domain = domain_at(samples, row);

    if (domain->waiting)
        metric_number(text, domain->row.labels, domain->waiting);
}

static const Source sources[] = {
    { METRIC_HOST_DOMAINS, write_host_domains, all_hosts },
    { METRIC_HOST_SAMPLED, write_host_sampled, all_hosts },
    { METRIC_DOMAIN, write_info, all_domains },
    { METRIC_DOMAIN_SAMPLE_AGE, write_age, all_domains },
    { METRIC_DOMAIN_START, write_start, all_domains },
    { METRIC_DOMAIN_JOB, write_job, all_domains },
    { METRIC_DOMAIN_WAITING, write_waiting, all_domains },
};

/* --- figures of drivers -------------------------------------------------------------------------------- */

/* One figure of all things of one kind; what they are, and where it stands in their rows. */
typedef struct Figure {
    const SampleParam *param;
    const GArray *rows;       /* of SampleRow, or of SampleDomain, which begins with one */
    unsigned at;
} Figure;

/* The nth figure of all kinds together; false: there are no more. */
static bool figure_at(const Samples *samples, unsigned n, Figure *figure)
{
    const struct { const SampleParam *params; const GArray *rows; } kinds[] = {
        { sample_domain_params, samples->domains }, { sample_vcpu_params, samples->vcpus },
        { sample_block_params, samples->disks }, { sample_net_params, samples->interfaces },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const SampleParam *param = kinds[i].params;

        for (unsigned at = 0; param->name; at++, param++) {
            if (n-- == 0) {
                *figure = (Figure){ param, kinds[i].rows, at };
                return true;
            }
        }
    }
    return false;
}

static void write_figure(const Figure *figure, unsigned row, MetricText *text)
{
    const SampleRow *values = (const SampleRow *)(const void *)(figure->rows->data
        + (size_t)row * g_array_get_element_size((GArray *)figure->rows));

    if (!(values->has & 1u << figure->at))
        return;
    if (figure->param->unit == SAMPLE_NS)
        metric_time(text, values->labels, values->values[figure->at]);
    else
        metric_number(text, values->labels, values->values[figure->at]);
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

/* Writes rows of one family. False: there are more. */
static bool write_source(const Source *source, const Samples *samples, DomainsCursor *cursor, MetricText *text,
                         size_t enough)
{
    unsigned n = source->rows(samples);

    begin_family(cursor, text, source->metric);
    for (; cursor->row < n && !is_full(text, enough); cursor->row++)
        source->write(samples, cursor->row, text);
    return cursor->row >= n;
}

static bool write_figures(const Figure *figure, DomainsCursor *cursor, MetricText *text, size_t enough)
{
    begin_family(cursor, text, figure->param->metric);
    for (; cursor->row < figure->rows->len && !is_full(text, enough); cursor->row++)
        write_figure(figure, cursor->row, text);
    return cursor->row >= figure->rows->len;
}

bool metrics_domains_part(const Samples *samples, DomainsCursor *cursor, MetricText *text, size_t enough)
{
    while (!is_full(text, enough)) {
        Figure figure;
        bool done;

        if (cursor->family < G_N_ELEMENTS(sources))
            done = write_source(&sources[cursor->family], samples, cursor, text, enough);
        else if (figure_at(samples, cursor->family - G_N_ELEMENTS(sources), &figure))
            done = write_figures(&figure, cursor, text, enough);
        else
            return false;
        if (done)
            *cursor = (DomainsCursor){ .family = cursor->family + 1 };
    }
    return true;
}
