/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom clients stand for, and what weight they have. An identity lives as long as one of its clients.
 * Any thread. Takes LOCK_IDENTITIES and no other lock inside it. */
#include "rpc/identity.h"

typedef struct Weight {
    GPatternSpec *pattern;
    unsigned weight;
} Weight;

struct Identities {
    /* under LOCK_IDENTITIES */
    Lock lock;
    GHashTable *by_name;      /* of Identity, without a reference */
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

void identities_free(Identities *table)
{
    g_assert(g_hash_table_size(table->by_name) == 0);
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

Identity *identity_find(Identities *table, const char *name)
{
    Identity *identity;

    LOCK_SCOPE(&table->lock);
    identity = g_hash_table_lookup(table->by_name, name);
    if (!identity)
        identity = identity_new_locked(table, name);
    identity->refs++;
    return identity;
}

void identity_unref(Identity *identity)
{
    Identities *table;
    bool last;

    if (!identity)
        return;
    table = identity->table;
    lock_acquire(&table->lock);
    last = --identity->refs == 0;
    if (last)
        g_hash_table_remove(table->by_name, identity->name);
    lock_release(&table->lock);
    if (!last)
        return;
    for (unsigned i = 0; i < TURN_CLASSES; i++)
        g_assert(!identity->shares[i].queued);    /* calls hold their client, and clients hold us */
    g_free(identity->name);
    g_free(identity);
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

void client_identify(Client *client, const char *kind, const char *name)
{
    g_autofree char *full = g_strdup_printf("%s:%s", kind, name);
    Identity *before = client->who;

    g_assert(client->n_former < G_N_ELEMENTS(client->former));
    __atomic_store_n(&client->who, identity_find(client->service->rpc->identities, full), __ATOMIC_RELEASE);
    client->former[client->n_former++] = before;    /* others may be reading its name */
}

const char *client_who_name(const Client *client)
{
    return client_who(client)->name;
}

void client_forget_identity(Client *client)
{
    for (unsigned i = 0; i < client->n_former; i++)
        identity_unref(client->former[i]);
    identity_unref(client->who);
}
