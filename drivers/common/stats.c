/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics of many domains at once, from what is published: the groups state, cpu-total,
 * balloon and vcpu.
 * Every record is written once, in the wire's form, into one buffer whose size is known before;
 * no domain is visited for the list of all. Takes no lock while encoding and never waits. */
#include "drivers/common/common.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"
#include "drivers/common/pages.h"

#define STATS_KNOWN                                                                             \
    (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_VCPU)
#define STATS_FILTERS                                                                           \
    (VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE |                      \
     VIR_CONNECT_LIST_DOMAINS_PERSISTENT | VIR_CONNECT_LIST_DOMAINS_TRANSIENT |                 \
     VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED |                       \
     VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER)
#define STATS_FLAGS                                                                             \
    (STATS_FILTERS | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT |                                 \
     VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING | (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)

/* Sizes on the wire: a string's length word and padded bytes, the type word, the value. */
#define PADDED(n) (((n) + 3) & ~(size_t)3)
#define WORD_FIELD(name) (4 + PADDED(sizeof name - 1) + 4 + 4)
#define LONG_FIELD(name) (4 + PADDED(sizeof name - 1) + 4 + 8)

enum {
    STATE_SIZE = WORD_FIELD("state.state") + WORD_FIELD("state.reason"),
    CPU_SIZE = LONG_FIELD("cpu.time"),
    BALLOON_SIZE = LONG_FIELD("balloon.current") + LONG_FIELD("balloon.maximum"),
    VCPU_SIZE = WORD_FIELD("vcpu.current") + WORD_FIELD("vcpu.maximum"),
};

/* The name and type of a parameter; with constant names this compiles to a few stores. */
static inline __attribute__((always_inline)) uint8_t *put_field(uint8_t *at, const char *name, uint32_t type)
{
    size_t length = strlen(name), padded = PADDED(length);

    xdr_store32(at, (uint32_t)length);
    memcpy(at + 4, name, length);
    memset(at + 4 + length, 0, padded - length);
    xdr_store32(at + 4 + padded, type);
    return at + 4 + padded + 4;
}

static inline __attribute__((always_inline)) uint8_t *put_word(uint8_t *at, const char *name, uint32_t type,
                                                               uint32_t value)
{
    at = put_field(at, name, type);
    xdr_store32(at, value);
    return at + 4;
}

static inline __attribute__((always_inline)) uint8_t *put_long(uint8_t *at, const char *name, uint64_t value)
{
    at = put_field(at, name, VIR_TYPED_PARAM_ULLONG);
    xdr_store64(at, value);
    return at + 8;
}

/* --- what a driver adds ---------------------------------------------------------------------- */

static uint8_t *extra_grow(CommonStatsExtra *extra, size_t size)
{
    guint at;

    if (!extra->bytes)
        extra->bytes = g_byte_array_new();
    at = extra->bytes->len;
    g_byte_array_set_size(extra->bytes, at + (guint)size);
    extra->n++;
    return extra->bytes->data + at;
}

void common_extra_word(CommonStatsExtra *extra, const char *name, int type, uint32_t value)
{
    put_word(extra_grow(extra, 4 + PADDED(strlen(name)) + 4 + 4), name, (uint32_t)type, value);
}

void common_extra_long(CommonStatsExtra *extra, const char *name, uint64_t value)
{
    put_long(extra_grow(extra, 4 + PADDED(strlen(name)) + 4 + 8), name, value);
}

void common_extra_text(CommonStatsExtra *extra, const char *name, const char *value)
{
    size_t length = strlen(value), padded = PADDED(length);
    uint8_t *at = extra_grow(extra, 4 + PADDED(strlen(name)) + 4 + 4 + padded);

    at = put_field(at, name, VIR_TYPED_PARAM_STRING);
    xdr_store32(at, (uint32_t)length);
    memset(at + 4, 0, padded);
    memcpy(at + 4, value, length);
}

void common_extra_join(CommonStatsExtra *extra, CommonStatsExtra *more)
{
    uint32_t n = extra->n + more->n;

    if (more->bytes) {
        memcpy(extra_grow(extra, more->bytes->len), more->bytes->data, more->bytes->len);
        g_byte_array_unref(g_steal_pointer(&more->bytes));
    }
    extra->n = n;
    more->n = 0;
}

/* All parts of a domain's extra parameters. */
typedef struct Extras {
    unsigned n_parts;
    uint32_t n;               /* parameters */
    size_t size;              /* bytes */
    const CommonStatsExtra *parts[COMMON_STATS_EXTRAS];
} Extras;

static Extras extras_of(const CommonStatsSource *source, const DomainView *view)
{
    Extras extras = { .n_parts = 0 };

    if (source && source->extra)
        extras.n_parts = source->extra(source->data, view, extras.parts);
    for (unsigned i = 0; i < extras.n_parts; i++) {
        extras.n += extras.parts[i]->n;
        extras.size += extras.parts[i]->bytes ? extras.parts[i]->bytes->len : 0;
    }
    return extras;
}

static uint8_t *put_extras(uint8_t *at, const Extras *extras)
{
    for (unsigned i = 0; i < extras->n_parts; i++) {
        const GByteArray *bytes = extras->parts[i]->bytes;

        if (bytes) {
            memcpy(at, bytes->data, bytes->len);
            at += bytes->len;
        }
    }
    return at;
}

/* --- records --------------------------------------------------------------------------------- */

/* Only a running domain has a CPU time. */
static uint32_t groups_of(uint32_t filter, uint32_t groups)
{
    if (filter & VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        return groups;
    return groups & ~(uint32_t)VIR_DOMAIN_STATS_CPU_TOTAL;
}

static size_t params_size(uint32_t groups)
{
    return (groups & VIR_DOMAIN_STATS_STATE ? STATE_SIZE : 0) + (groups & VIR_DOMAIN_STATS_CPU_TOTAL ? CPU_SIZE : 0) +
           (groups & VIR_DOMAIN_STATS_BALLOON ? BALLOON_SIZE : 0) + (groups & VIR_DOMAIN_STATS_VCPU ? VCPU_SIZE : 0);
}

static size_t record_size(const CommonStatsSource *source, const DomainView *view, uint32_t filter, uint32_t groups)
{
    return 4 + params_size(groups_of(filter, groups)) + extras_of(source, view).size;
}

static uint8_t *put_params(Op *op, uint8_t *at, const DomainEntry *published, uint32_t groups,
                           const CommonStatsSource *source)
{
    bool cpu = groups & VIR_DOMAIN_STATS_CPU_TOTAL;
    DomainEntry copy;
    const DomainEntry *entry = published;
    Extras extras;
    uint64_t cpu_time = 0;

    if (source) {
        copy = *published;
        cpu_time = source->look(source->data, &copy);
        entry = &copy;
    } else if (cpu) {
        cpu_time = op->host->driver->domain_cpu_time(entry->view);
    }

    extras = extras_of(source, published->view);
    groups &= STATS_KNOWN;
    xdr_store32(at, 2 * (uint32_t)__builtin_popcount(groups) - cpu + extras.n);
    at += 4;
    if (groups & VIR_DOMAIN_STATS_STATE) {
        at = put_word(at, "state.state", VIR_TYPED_PARAM_INT, (uint32_t)entry->state);
        at = put_word(at, "state.reason", VIR_TYPED_PARAM_INT, (uint32_t)entry->reason);
    }
    if (cpu)
        at = put_long(at, "cpu.time", cpu_time);
    if (groups & VIR_DOMAIN_STATS_BALLOON) {
        at = put_long(at, "balloon.current", entry->memory);
        at = put_long(at, "balloon.maximum", entry->max_memory);
    }
    if (groups & VIR_DOMAIN_STATS_VCPU) {
        at = put_word(at, "vcpu.current", VIR_TYPED_PARAM_UINT, entry->vcpus);
        at = put_word(at, "vcpu.maximum", VIR_TYPED_PARAM_UINT, entry->max_vcpus);
    }
    return put_extras(at, &extras);
}

/* The records' one buffer. */
typedef struct Records {
    uint32_t n;
    size_t size;         /* of all records */
    XdrPiece piece;
} Records;

static uint8_t *records_begin(Op *op, Records *records)
{
    uint8_t *data = op_keep_memory(op, g_malloc(MAX(records->size, 1)));

    records->piece = (XdrPiece){ .data = data, .size = records->size };
    return data;
}

static void records_end(Op *op, const Records *records, const uint8_t *end, XdrEncoded *result)
{
    g_assert(end == records->piece.data + records->size);
    *result = (XdrEncoded){
        .n = records->n,
        .n_pieces = 1,
        .pieces = arena_memdup(op->arena, &records->piece, sizeof records->piece),
    };
}

static bool is_wanted(Op *op, const DomainView *view, uint32_t has, uint32_t filter)
{
    return domain_filter_match(has, filter) && (!op->may_see || op->may_see(op, view));
}

static int stats_of_all(Op *op, uint32_t groups, uint32_t filter, const CommonStatsSource *source, XdrEncoded *result)
{
    DomainPage *const *pages;
    unsigned n_pages = op_pages(op, &pages);
    Records records = { 0 };
    uint8_t *at;

    for (unsigned i = 0; i < n_pages; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++) {
            const DomainEntry *entry = &pages[i]->entries[k];

            if (is_wanted(op, entry->view, entry->filter, filter)) {
                records.n++;
                records.size += entry->handle_size + record_size(source, entry->view, entry->filter, groups);
            }
        }
    }
    if (records.n > REMOTE_LIMIT_DOMAIN_LIST)
        return op_too_many(op, records.n);
    at = records_begin(op, &records);
    for (unsigned i = 0; i < n_pages; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++) {
            const DomainEntry *entry = &pages[i]->entries[k];

            if (!is_wanted(op, entry->view, entry->filter, filter))
                continue;
            memcpy(at, pages[i]->handles + entry->handle_at, entry->handle_size);
            at = put_params(op, at + entry->handle_size, entry, groups_of(entry->filter, groups), source);
        }
    }
    records_end(op, &records, at, result);
    return 0;
}

/* Those that were named; one that is gone is left out. */
static int stats_of_named(Op *op, const RemoteConnectGetAllDomainStatsArgs *args, uint32_t groups,
                          uint32_t filter, const CommonStatsSource *source, XdrEncoded *result)
{
    DomainView **views = arena_array(op->arena, args->n_doms, sizeof *views);
    Records records = { 0 };
    uint8_t *at;

    for (uint32_t i = 0; i < args->n_doms; i++) {
        DomainView *view;
        Uuid uuid;

        memcpy(&uuid, &args->doms[i].uuid, sizeof uuid);
        view = domain_list_view_by_uuid(op->host->domains, &uuid);
        if (!view)
            continue;
        op_keep_view(op, view);
        if (!is_wanted(op, view, view->filter, filter))
            continue;
        views[records.n++] = view;
        records.size += view->handle_size + record_size(source, view, view->filter, groups);
    }
    at = records_begin(op, &records);
    for (uint32_t i = 0; i < records.n; i++) {
        const DomainView *view = views[i];
        const DomainEntry entry = {
            .view = views[i],
            .state = view->state, .reason = view->reason,
            .memory = view->memory, .max_memory = view->max_memory,
            .vcpus = view->vcpus, .max_vcpus = view->max_vcpus,
        };

        memcpy(at, view->handle, view->handle_size);
        at = put_params(op, at + view->handle_size, &entry, groups_of(view->filter, groups), source);
    }
    records_end(op, &records, at, result);
    return 0;
}

int common_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args, const CommonStatsSource *source,
                        RemoteConnectGetAllDomainStatsResult *result)
{
    uint32_t known = source || op->host->driver->domain_cpu_time ? STATS_KNOWN : STATS_KNOWN & ~VIR_DOMAIN_STATS_CPU_TOTAL;
    uint32_t groups, filter = domain_filter_reduce(args->flags & STATS_FILTERS);

    if (op_check_flags(op, args->flags, STATS_FLAGS) < 0)
        return -1;
    if (source)
        known |= source->more;
    groups = args->stats ? args->stats & known : known;
    if ((args->stats & ~known) && (args->flags & (uint32_t)VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS))
        return op_fail(op, VIR_ERR_ARGUMENT_UNSUPPORTED,
                       _("the groups of statistics with the bits 0x%x are not known to this host"),
                       args->stats & ~known);
    if (args->n_doms)
        return stats_of_named(op, args, groups, filter, source, &result->retStats);
    return stats_of_all(op, groups, filter, source, &result->retStats);
}

int common_connect_get_all_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args,
                                        RemoteConnectGetAllDomainStatsResult *result)
{
    return common_domain_stats(op, args, NULL, result);
}
