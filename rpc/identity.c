/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom clients stand for, what weight they have, and what they have used. An identity lives as long as one of its clients,
 * and the last that had one are remembered, so that the figures of a tool that comes and goes add up.
 * Any thread. Takes LOCK_IDENTITIES and no other lock inside it, and through pool.c LOCK_POOL after it. */
#include "rpc/identity.h"

#include <stddef.h>

/* Identities without a client that are remembered. */
enum { REMEMBERED = 64 };

typedef struct Weight {
    GPatternSpec *pattern;
    unsigned weight;
} Weight;

struct Identities {
    /* relaxed atomic */
    unsigned present;         /* identities with clients */
    /* under LOCK_IDENTITIES */
    Lock lock;
    GHashTable *by_name;      /* of Identity, without a reference */
    GQueue idle;              /* of those that have no reference, the last to lose it last */
    GArray *weights;          /* of Weight; the first that matches counts */
};

static void weight_clear(void *data)
{
    g_pattern_spec_free(((Weight *)data)->pattern);
}

static GArray *weights_new(void)
{
    GArray *weights = g_array_new(FALSE, FALSE, sizeof(Weight));

    g_array_set_clear_func(weights, weight_clear);
    return weights;
}

Identities *identities_new(void)
{
    Identities *table = g_new0(Identities, 1);

    lock_init(&table->lock, LOCK_IDENTITIES);
    table->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    table->weights = weights_new();
    return table;
}

static void identity_free(Identity *identity)
{
    for (unsigned i = 0; i < TURN_CLASSES; i++)
        g_assert(!identity->shares[i].queued);    /* calls hold their client, and clients hold us */
    g_free(identity->name);
    g_free(identity);
}

void identities_free(Identities *table)
{
    Identity *identity;

    g_assert(g_hash_table_size(table->by_name) == table->idle.length);
    while ((identity = g_queue_pop_head(&table->idle)))
        identity_free(identity);
    g_hash_table_unref(table->by_name);
    g_array_unref(table->weights);
    lock_deinit(&table->lock);
    g_free(table);
}

static unsigned weight_locked(const Identities *table, const char *name)
{
    lock_assert_held(&table->lock);
    for (unsigned i = 0; i < table->weights->len; i++) {
        const Weight *weight = &g_array_index(table->weights, Weight, i);

        if (g_pattern_spec_match_string(weight->pattern, name))
            return weight->weight;
    }
    return 1;
}

static Identity *identity_new_locked(Identities *table, const char *name)
{
    Identity *identity = g_new0(Identity, 1);

    identity->table = table;
    identity->name = g_strdup(name);
    identity->weight = weight_locked(table, name);
    for (unsigned i = 0; i < TURN_CLASSES; i++)
        identity->shares[i].identity = identity;
    g_hash_table_insert(table->by_name, identity->name, identity);
    return identity;
}

unsigned identities_present(const Identities *table)
{
    return __atomic_load_n(&table->present, __ATOMIC_RELAXED);
}

Identity *identity_find(Identities *table, const char *name)
{
    Identity *identity;

    LOCK_SCOPE(&table->lock);
    identity = g_hash_table_lookup(table->by_name, name);
    if (!identity)
        identity = identity_new_locked(table, name);
    else if (identity->refs == 0)
        g_queue_remove(&table->idle, identity);
    identity->refs++;
    if (identity->clients++ == 0)
        __atomic_add_fetch(&table->present, 1, __ATOMIC_RELAXED);
    return identity;
}

static void leave_locked(Identity *identity)
{
    lock_assert_held(&identity->table->lock);
    if (--identity->clients == 0)
        __atomic_sub_fetch(&identity->table->present, 1, __ATOMIC_RELAXED);
}

void identity_leave(Identity *identity)
{
    LOCK_SCOPE(&identity->table->lock);
    leave_locked(identity);
}

/* Who is to be forgotten, NULL: nobody. */
static Identity *remember_locked(Identities *table, Identity *identity)
{
    Identity *oldest = NULL;

    lock_assert_held(&table->lock);
    g_queue_push_tail(&table->idle, identity);
    if (table->idle.length > REMEMBERED)
        oldest = g_queue_pop_head(&table->idle);
    if (oldest)
        g_hash_table_remove(table->by_name, oldest->name);
    return oldest;
}

void identity_unref(Identity *identity, const ClientUse *use)
{
    Identities *table = identity ? identity->table : NULL;
    Identity *forgotten = NULL;

    if (!identity)
        return;
    lock_acquire(&table->lock);
    if (use) {
        client_use_add(&identity->former, use);
        leave_locked(identity);
    }
    if (--identity->refs == 0)
        forgotten = remember_locked(table, identity);
    lock_release(&table->lock);
    if (forgotten)
        identity_free(forgotten);
}

bool identity_weight_parse(const char *text, char **pattern, unsigned *weight)
{
    const char *space = strrchr(text, ' ');
    guint64 number;

    if (!space || space == text || !g_ascii_string_to_unsigned(space + 1, 10, 1, IDENTITY_WEIGHT_MAX, &number, NULL))
        return false;
    if (pattern) {
        *pattern = g_strchomp(g_strndup(text, (size_t)(space - text)));
        *weight = (unsigned)number;
    }
    return true;
}

void rpc_set_weights(Rpc *rpc, const char *const *texts)
{
    Identities *table = rpc->identities;
    g_autoptr(GArray) weights = weights_new();
    GArray *before;
    GHashTableIter iter;
    void *value;

    for (; texts && *texts; texts++) {
        g_autofree char *pattern = NULL;
        Weight weight;

        if (!identity_weight_parse(*texts, &pattern, &weight.weight))
            continue;    /* whoever calls has checked them */
        weight.pattern = g_pattern_spec_new(pattern);
        g_array_append_val(weights, weight);
    }
    lock_acquire(&table->lock);
    before = table->weights;
    table->weights = g_steal_pointer(&weights);
    g_hash_table_iter_init(&iter, table->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        __atomic_store_n(&((Identity *)value)->weight, weight_locked(table, ((Identity *)value)->name),
                         __ATOMIC_RELAXED);
    lock_release(&table->lock);
    g_array_unref(before);
}

/* --- a client's identity --------------------------------------------------------------------------- */

Identity *client_who(const Client *client)
{
    return __atomic_load_n(&client->who, __ATOMIC_ACQUIRE);
}

/* When one identity is left of several, it may have all workers: that may be many of its calls that wait. */
static void look_when_one_is_left(Rpc *rpc, unsigned before)
{
    if (before > 1 && identities_present(rpc->identities) == 1)
        pool_look_for_all(rpc->pool);
}

void client_identify(Client *client, const char *kind, const char *name)
{
    g_autofree char *full = g_strdup_printf("%s:%s", kind, name);
    Rpc *rpc = client->service->rpc;
    Identity *before = client->who;
    unsigned present;

    g_assert(client->n_former < G_N_ELEMENTS(client->former));
    __atomic_store_n(&client->who, identity_find(rpc->identities, full), __ATOMIC_RELEASE);
    client->former[client->n_former++] = before;    /* others may be reading its name */
    present = identities_present(rpc->identities);
    identity_leave(before);
    look_when_one_is_left(rpc, present);
}

const char *client_who_name(const Client *client)
{
    return client_who(client)->name;
}

void client_forget_identity(Client *client)
{
    Rpc *rpc = client->service->rpc;
    unsigned before = identities_present(rpc->identities);

    for (unsigned i = 0; i < client->n_former; i++)
        identity_unref(client->former[i], NULL);
    identity_unref(client->who, &client->use);
    look_when_one_is_left(rpc, before);
}

/* --- what they use ----------------------------------------------------------------------------------- */

/* A ClientUse as so many numbers, each of which only grows. */
enum { USE_FIGURES = sizeof(ClientUse) / sizeof(uint64_t) };

G_STATIC_ASSERT(offsetof(ClientUse, ran) == (USE_FIGURES - 1) * sizeof(uint64_t));

void client_use_add(ClientUse *to, const ClientUse *use)
{
    uint64_t *figures = (uint64_t *)to;
    const uint64_t *more = (const uint64_t *)use;

    for (unsigned i = 0; i < USE_FIGURES; i++)
        figures[i] += __atomic_load_n(&more[i], __ATOMIC_RELAXED);
}

/* A client may just be between those that are connected and those that have gone. */
static void never_back(ClientUse *use, ClientUse *told)
{
    uint64_t *figures = (uint64_t *)use, *before = (uint64_t *)told;

    for (unsigned i = 0; i < USE_FIGURES; i++)
        figures[i] = before[i] = MAX(figures[i], before[i]);
}

/* The figures of clients that are connected, by the name of their identity. */
static IdentityReport *report_of(GHashTable *by_name, Arena *arena, GPtrArray *reports, const char *name)
{
    IdentityReport *report = g_hash_table_lookup(by_name, name);

    if (report)
        return report;
    report = arena_zalloc(arena, sizeof *report);
    report->who = arena_strdup(arena, name);
    g_hash_table_insert(by_name, (char *)report->who, report);
    g_ptr_array_add(reports, report);
    return report;
}

static void add_connected(Service *service, GHashTable *by_name, Arena *arena, GPtrArray *reports)
{
    LOCK_SCOPE(&service->clients_lock);
    for (Client *client = service->clients_first; client; client = client->peer_next) {
        IdentityReport *report = report_of(by_name, arena, reports, client_who(client)->name);

        report->clients++;
        client_use_add(&report->use, &client->use);
        report->unread += outbox_size(client);
        report->events_unread += outbox_event_size(client);
        client_count_calls(client, &report->running, &report->waiting, &report->parked);
    }
}

GPtrArray *rpc_report_identities(Rpc *rpc, Arena *arena)
{
    Identities *table = rpc->identities;
    GPtrArray *reports = g_ptr_array_new();
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    void *value;

    for (Service *service = rpc->services; service; service = service->next)
        add_connected(service, by_name, arena, reports);
    LOCK_SCOPE(&table->lock);
    g_hash_table_iter_init(&iter, table->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Identity *identity = value;
        IdentityReport *report = report_of(by_name, arena, reports, identity->name);

        client_use_add(&report->use, &identity->former);
        never_back(&report->use, &identity->told);
    }
    return reports;
}
