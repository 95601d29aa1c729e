/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The figures of one hypervisor's domains for a scrape, from the operation that answers virConnectGetAllDomainStats, so that
 * monitoring sees what clients see and a driver has nothing more to fill in. Asked for some thousand domains at a time, which
 * bounds the answer that is in memory. On the thread that has the sample: an endpoint's, and another one while the driver is
 * asked. Takes shards of lists and LOCK_JOB, one after another. */
#include "server/metrics-private.h"

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/remote-rows.h"
#include "server/invoke.h"

LOG_SOURCE("server.metrics");

enum { BATCH = 4096 };

/* The first six are filled in from the view, so that a host whose driver fails still has them. */
enum { ROW_STATE, ROW_REASON, ROW_MEMORY, ROW_MEMORY_MAX, ROW_VCPUS, ROW_VCPUS_MAX };

const SampleParam sample_domain_params[] = {
    [ROW_STATE] = { "state.state", METRIC_DOMAIN_STATE, SAMPLE_NUMBER },
    [ROW_REASON] = { "state.reason", METRIC_DOMAIN_STATE_REASON, SAMPLE_NUMBER },
    [ROW_MEMORY] = { "balloon.current", METRIC_DOMAIN_MEMORY, SAMPLE_KIB },
    [ROW_MEMORY_MAX] = { "balloon.maximum", METRIC_DOMAIN_MEMORY_MAX, SAMPLE_KIB },
    [ROW_VCPUS] = { "vcpu.current", METRIC_DOMAIN_VCPUS, SAMPLE_NUMBER },
    [ROW_VCPUS_MAX] = { "vcpu.maximum", METRIC_DOMAIN_VCPUS_MAX, SAMPLE_NUMBER },
    { "cpu.time", METRIC_DOMAIN_CPU, SAMPLE_NS },
    { "cpu.user", METRIC_DOMAIN_CPU_USER, SAMPLE_NS },
    { "cpu.system", METRIC_DOMAIN_CPU_SYSTEM, SAMPLE_NS },
    { "balloon.rss", METRIC_DOMAIN_MEMORY_RSS, SAMPLE_KIB },
    { "balloon.unused", METRIC_DOMAIN_MEMORY_UNUSED, SAMPLE_KIB },
    { "balloon.available", METRIC_DOMAIN_MEMORY_AVAILABLE, SAMPLE_KIB },
    { "balloon.usable", METRIC_DOMAIN_MEMORY_USABLE, SAMPLE_KIB },
    { "balloon.swap_in", METRIC_DOMAIN_SWAP_IN, SAMPLE_KIB },
    { "balloon.swap_out", METRIC_DOMAIN_SWAP_OUT, SAMPLE_KIB },
    { NULL, METRICS, SAMPLE_NUMBER },
};
const SampleParam sample_vcpu_params[] = {
    { "time", METRIC_VCPU_TIME, SAMPLE_NS },
    { "wait", METRIC_VCPU_WAIT, SAMPLE_NS },
    { NULL, METRICS, SAMPLE_NUMBER },
};
const SampleParam sample_block_params[] = {
    { "rd.reqs", METRIC_BLOCK_READ_REQUESTS, SAMPLE_NUMBER },
    { "rd.bytes", METRIC_BLOCK_READ_BYTES, SAMPLE_NUMBER },
    { "rd.times", METRIC_BLOCK_READ_TIME, SAMPLE_NS },
    { "wr.reqs", METRIC_BLOCK_WRITE_REQUESTS, SAMPLE_NUMBER },
    { "wr.bytes", METRIC_BLOCK_WRITE_BYTES, SAMPLE_NUMBER },
    { "wr.times", METRIC_BLOCK_WRITE_TIME, SAMPLE_NS },
    { "fl.reqs", METRIC_BLOCK_FLUSH_REQUESTS, SAMPLE_NUMBER },
    { "fl.times", METRIC_BLOCK_FLUSH_TIME, SAMPLE_NS },
    { "capacity", METRIC_BLOCK_CAPACITY, SAMPLE_NUMBER },
    { "allocation", METRIC_BLOCK_ALLOCATION, SAMPLE_NUMBER },
    { "physical", METRIC_BLOCK_PHYSICAL, SAMPLE_NUMBER },
    { NULL, METRICS, SAMPLE_NUMBER },
};
const SampleParam sample_net_params[] = {
    { "rx.bytes", METRIC_NET_RX_BYTES, SAMPLE_NUMBER },
    { "rx.pkts", METRIC_NET_RX_PACKETS, SAMPLE_NUMBER },
    { "rx.errs", METRIC_NET_RX_ERRORS, SAMPLE_NUMBER },
    { "rx.drop", METRIC_NET_RX_DROPS, SAMPLE_NUMBER },
    { "tx.bytes", METRIC_NET_TX_BYTES, SAMPLE_NUMBER },
    { "tx.pkts", METRIC_NET_TX_PACKETS, SAMPLE_NUMBER },
    { "tx.errs", METRIC_NET_TX_ERRORS, SAMPLE_NUMBER },
    { "tx.drop", METRIC_NET_TX_DROPS, SAMPLE_NUMBER },
    { NULL, METRICS, SAMPLE_NUMBER },
};

/* --- the answer, read as it goes over the wire -------------------------------------------------------- */

typedef struct Field {
    char name[VIR_TYPED_PARAM_FIELD_LENGTH];
    int32_t type;
    uint64_t number;          /* of all types but texts and doubles */
    const uint8_t *text;      /* of a text, `size` bytes; NULL: it isn't one */
    uint32_t size;
} Field;

/* Text that isn't moved, since the bytes are the driver's. */
static bool get_text(XdrIn *in, const uint8_t **text, uint32_t *size)
{
    size_t padded;

    if (!xdr_get_uint(in, size))
        return false;
    padded = ((size_t)*size + 3) & ~(size_t)3;
    if (!xdr_has(in, padded))
        return false;
    *text = in->at;
    in->at += padded;
    return true;
}

static bool get_field(XdrIn *in, Field *field)
{
    const uint8_t *name;
    uint32_t size, word;

    *field = (Field){ 0 };
    if (!get_text(in, &name, &size) || size >= sizeof field->name || !xdr_get_int(in, &field->type))
        return false;
    memcpy(field->name, name, size);
    field->name[size] = '\0';
    switch (field->type) {
    case VIR_TYPED_PARAM_INT:
    case VIR_TYPED_PARAM_UINT:
    case VIR_TYPED_PARAM_BOOLEAN:
        if (!xdr_get_uint(in, &word))
            return false;
        field->number = word;
        return true;
    case VIR_TYPED_PARAM_LLONG:
    case VIR_TYPED_PARAM_ULLONG:
    case VIR_TYPED_PARAM_DOUBLE:
        return xdr_get_uhyper(in, &field->number);
    case VIR_TYPED_PARAM_STRING:
        return get_text(in, &field->text, &field->size);
    default:
        return false;
    }
}

/* --- one domain's ------------------------------------------------------------------------------------- */

static void set_value(SampleRow *row, const SampleParam *params, const char *name, uint64_t value)
{
    for (unsigned i = 0; params[i].name; i++) {
        if (strcmp(params[i].name, name) != 0)
            continue;
        row->values[i] = params[i].unit == SAMPLE_KIB ? value * 1024 : value;
        row->has |= 1u << i;
    }
}

/* "block.3.rd.reqs": 3, and `*rest` is "rd.reqs". -1: it is of another kind, or the count. */
static int index_in(const char *name, const char *kind, const char **rest)
{
    size_t length = strlen(kind);
    char *end;
    long index;

    if (strncmp(name, kind, length) != 0 || !g_ascii_isdigit(name[length]))
        return -1;
    index = strtol(name + length, &end, 10);
    if (*end != '.' || index > G_MAXUINT16)
        return -1;
    *rest = end + 1;
    return (int)index;
}

/* Keeps the labels at `of`, and one more. */
static size_t keep_labels(HostSample *sample, size_t of, const char *label, const char *value)
{
    size_t at = sample->texts->len;

    g_string_assign(sample->scratch, sample_text(sample, of));
    metric_label(sample->scratch, label, value);
    g_string_append_len(sample->texts, sample->scratch->str, (gssize)sample->scratch->len + 1);
    return at;
}

/* The devices of one domain and kind, which stand in the answer one after another. */
typedef struct SampleDevices {
    const char *kind, *label;
    const SampleParam *params;
    GArray *rows;
    int index;                /* of the last row; -1: none of this domain */
} SampleDevices;

static void set_device(HostSample *sample, const SampleDomain *domain, SampleDevices *devices, int index, const char *rest,
                       const Field *field)
{
    SampleRow *row;

    if (index != devices->index) {
        char number[16];

        g_snprintf(number, sizeof number, "%d", index);
        g_array_append_val(devices->rows, ((SampleRow){
            .labels = keep_labels(sample, domain->row.labels, devices->label, number),
        }));
        devices->index = index;
    }
    row = &g_array_index(devices->rows, SampleRow, devices->rows->len - 1);
    if (field->text && strcmp(rest, "name") == 0) {
        g_autofree char *name = g_strndup((const char *)field->text, field->size);

        row->labels = keep_labels(sample, domain->row.labels, devices->label, name);
    } else if (!field->text && field->type != VIR_TYPED_PARAM_DOUBLE) {
        set_value(row, devices->params, rest, field->number);
    }
}

static bool read_params(HostSample *sample, SampleDomain *domain, XdrIn *in)
{
    SampleDevices kinds[] = {
        { "vcpu.", "vcpu", sample_vcpu_params, sample->vcpus, -1 },
        { "block.", "device", sample_block_params, sample->disks, -1 },
        { "net.", "device", sample_net_params, sample->interfaces, -1 },
    };
    uint32_t n;

    if (!xdr_get_uint(in, &n))
        return false;
    while (n-- > 0) {
        const char *rest = NULL;
        int index = -1;
        Field field;

        if (!get_field(in, &field))
            return false;
        for (unsigned i = 0; i < G_N_ELEMENTS(kinds) && index < 0; i++) {
            index = index_in(field.name, kinds[i].kind, &rest);
            if (index >= 0 && domain)
                set_device(sample, domain, &kinds[i], index, rest, &field);
        }
        if (index < 0 && domain && !field.text && field.type != VIR_TYPED_PARAM_DOUBLE)
            set_value(&domain->row, sample_domain_params, field.name, field.number);
    }
    return true;
}

/* --- many domains' ------------------------------------------------------------------------------------ */

/* The domain of a record; they come in the order in which they were asked for, but for those that have gone. */
static SampleDomain *find_from(GArray *domains, unsigned first, unsigned n, unsigned *at, const uint8_t *uuid)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned k = (*at + i) % n;
        SampleDomain *domain = &g_array_index(domains, SampleDomain, first + k);

        if (memcmp(domain->view->uuid.bytes, uuid, sizeof domain->view->uuid.bytes) == 0) {
            *at = k + 1;
            return domain;
        }
    }
    return NULL;
}

static bool read_records(HostSample *sample, unsigned first, unsigned n, const XdrEncoded *records)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    unsigned at = 0;
    XdrIn in;

    for (uint32_t i = 0; records->n_pieces > 1 && i < records->n_pieces; i++)
        g_byte_array_append(bytes, records->pieces[i].data, (guint)records->pieces[i].size);
    if (records->n_pieces == 1)
        in = (XdrIn){ .at = (uint8_t *)records->pieces->data };
    else
        in = (XdrIn){ .at = bytes->data };
    in.end = in.at + (records->n_pieces == 1 ? records->pieces->size : bytes->len);
    for (uint32_t i = 0; i < records->n; i++) {
        const uint8_t *name;
        uint8_t uuid[16];
        uint32_t size, id;

        if (!get_text(&in, &name, &size) || !xdr_get_opaque_fixed(&in, uuid, sizeof uuid) || !xdr_get_uint(&in, &id)
            || !read_params(sample, find_from(sample->domains, first, n, &at, uuid), &in))
            return false;
    }
    return true;
}

static RemoteDomain handle_of(const DomainView *view)
{
    RemoteDomain handle = { .name = view->name, .id = view->id };

    memcpy(handle.uuid, view->uuid.bytes, sizeof handle.uuid);
    return handle;
}

/* False: the driver has failed. */
static bool ask_driver(HostSample *sample, unsigned first, unsigned n)
{
    Host *host = sample->host;
    const Proc *proc = program_proc(&remote_program, REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS);
    const Invoke *invoke = invoke_find(&remote_program, proc);
    RemoteConnectGetAllDomainStatsArgs args = { .n_doms = n, .flags = VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT };
    RemoteConnectGetAllDomainStatsResult result = { 0 };
    Error error = ERROR_INIT;
    Arena arena;
    Op op = {
        .host = host, .proc = proc, .arena = &arena, .error = &error, .read_only = true, .invoke = invoke->invoke,
    };
    bool good;

    arena_init(&arena, NULL, 0);
    args.doms = arena_array(&arena, n, sizeof *args.doms);
    for (unsigned i = 0; i < n; i++)
        args.doms[i] = handle_of(g_array_index(sample->domains, SampleDomain, first + i).view);
    good = enter(&op, &args, &result) == 0;
    if (!good)
        log_info("%s gives no figures of its domains: %s", host->uri, error.message);
    else if (!read_records(sample, first, n, &result.retStats))
        good = false;
    op_release_kept(&op);
    error_clear(&error);
    arena_reset(&arena);
    return good;
}

/* --- what is published ---------------------------------------------------------------------------------- */

static void look_at_job(SampleDomain *sample, Host *host, int64_t now)
{
    g_autoptr(Domain) domain = domain_list_find(host->domains, &sample->view->uuid);
    const JobFact *holding;
    JobPicture picture;

    if (!domain)
        return;
    job_look(&domain->jobs, &picture, NULL, 0);
    holding = picture.async.procedure ? &picture.async : &picture.running;
    sample->waiting = picture.parked;
    sample->holder = holding->procedure;
    if (sample->holder)
        sample->held = MAX(now - holding->since, 0);
}

static void add_domain(HostSample *sample, DomainView *view)
{
    SampleDomain domain = { .view = domain_view_ref(view), .taken = clock_now() };
    SampleRow *row = &domain.row;
    const uint64_t known[] = {
        [ROW_STATE] = (uint64_t)view->state, [ROW_REASON] = (uint64_t)view->reason, [ROW_MEMORY] = view->memory * 1024,
        [ROW_MEMORY_MAX] = view->max_memory * 1024, [ROW_VCPUS] = view->vcpus, [ROW_VCPUS_MAX] = view->max_vcpus,
    };

    row->labels = keep_labels(sample, sample->uri, "domain", view->name);
    memcpy(row->values, known, sizeof known);
    row->has = (1u << G_N_ELEMENTS(known)) - 1;
    look_at_job(&domain, sample->host, domain.taken);
    g_array_append_val(sample->domains, domain);
}

/* --- one hypervisor's ------------------------------------------------------------------------------------ */

static void domain_clear(void *domain)
{
    domain_view_unref(((SampleDomain *)domain)->view);
}

HostSample *host_sample_new(void)
{
    HostSample *sample = g_new0(HostSample, 1);

    sample->domains = g_array_new(FALSE, FALSE, sizeof(SampleDomain));
    g_array_set_clear_func(sample->domains, domain_clear);
    sample->vcpus = g_array_new(FALSE, FALSE, sizeof(SampleRow));
    sample->disks = g_array_new(FALSE, FALSE, sizeof(SampleRow));
    sample->interfaces = g_array_new(FALSE, FALSE, sizeof(SampleRow));
    sample->texts = g_string_new(NULL);
    sample->scratch = g_string_new(NULL);
    return sample;
}

void host_sample_free(HostSample *sample)
{
    if (!sample)
        return;
    g_array_unref(sample->domains);
    g_array_unref(sample->vcpus);
    g_array_unref(sample->disks);
    g_array_unref(sample->interfaces);
    g_string_free(sample->texts, TRUE);
    g_string_free(sample->scratch, TRUE);
    g_free(sample);
}

void host_sample_begin(HostSample *sample, Host *host)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n_pages = domain_list_pages(host->domains, pages, G_N_ELEMENTS(pages));

    g_array_set_size(sample->domains, 0);
    g_array_set_size(sample->vcpus, 0);
    g_array_set_size(sample->disks, 0);
    g_array_set_size(sample->interfaces, 0);
    g_string_truncate(sample->texts, 0);
    g_string_append_c(sample->texts, '\0');    /* no labels at all, for those that begin with none */
    sample->host = host;
    sample->uri = keep_labels(sample, 0, "uri", host->key);
    sample->active = domain_list_count(host->domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    sample->inactive = domain_list_count(host->domains, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
    sample->good = true;
    sample->overdue = 0;
    for (unsigned i = 0; i < n_pages; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++)
            add_domain(sample, pages[i]->entries[k].view);
        domain_page_unref(pages[i]);
    }
}

bool host_sample_wants(const HostSample *sample)
{
    const Proc *proc = program_proc(&remote_program, REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS);

    return sample->domains->len > 0 && enter_offered(sample->host, &remote_program, proc, NULL);
}

void host_sample_ask(HostSample *sample)
{
    for (unsigned first = 0, n; first < sample->domains->len && sample->good; first += n) {
        int64_t now = clock_now();

        n = MIN(sample->domains->len - first, BATCH);
        for (unsigned i = 0; i < n; i++)
            g_array_index(sample->domains, SampleDomain, first + i).taken = now;
        sample->good = ask_driver(sample, first, n);
    }
}
