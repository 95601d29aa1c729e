/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of access in use, who a client is to them, and the settings that were read last. Any thread; takes LOCK_POLICY, and
 * nothing inside it, for a call only when there are rules. */
#include "server/server.h"

void rules_init(Server *server)
{
    lock_init(&server->policy_lock, LOCK_POLICY);
    server->latest = config_ref(server->config);
}

void rules_deinit(Server *server)
{
    rules_set(server, NULL);
    config_unref(server->latest);
    lock_deinit(&server->policy_lock);
}

void rules_set(Server *server, Policy *policy)
{
    Policy *before;

    lock_acquire(&server->policy_lock);
    before = server->policy;
    server->policy = policy;
    __atomic_store_n(&server->ruled, policy != NULL, __ATOMIC_RELAXED);
    lock_release(&server->policy_lock);
    policy_unref(before);
}

Policy *rules_get(Server *server)
{
    if (G_LIKELY(!__atomic_load_n(&server->ruled, __ATOMIC_RELAXED)))
        return NULL;
    LOCK_SCOPE(&server->policy_lock);
    return server->policy ? policy_ref(server->policy) : NULL;
}

void rules_set_config(Server *server, Config *config)
{
    Config *before;

    lock_acquire(&server->policy_lock);
    before = server->latest;
    server->latest = config_ref(config);
    lock_release(&server->policy_lock);
    config_unref(before);
}

Config *rules_get_config(Server *server)
{
    LOCK_SCOPE(&server->policy_lock);
    return config_ref(server->latest);
}

static void add(GPtrArray *names, const char *kind, const char *name)
{
    g_ptr_array_add(names, g_strconcat(kind, name, NULL));
}

static void add_number(GPtrArray *names, const char *kind, unsigned number)
{
    g_ptr_array_add(names, g_strdup_printf("%s%u", kind, number));
}

/* All that it has proved to be, not only what it counts as among others. */
static char **names_of(const Client *client)
{
    GPtrArray *names = g_ptr_array_new();
    const ClientIdentity *from = client_identity(client);
    unsigned n;
    const gid_t *groups = client_groups(client, &n);

    if (client_user(client))
        add(names, "sasl:", client_user(client));
    if (client_dn(client))
        add(names, "dn:", client_dn(client));
    if (from->uid != (uid_t)-1) {
        add_number(names, "uid:", from->uid);
        add_number(names, "gid:", from->gid);
    }
    for (unsigned i = 0; i < n; i++)
        if (groups[i] != from->gid)
            add_number(names, "gid:", groups[i]);
    if (names->len == 0)
        add(names, "nobody", "");
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

void rules_subject(Session *session, bool read_only, PolicySubject *subject)
{
    static const char *const nobody[] = { NULL };
    char **names = __atomic_load_n(&session->names, __ATOMIC_ACQUIRE);

    *subject = (PolicySubject){ .names = nobody, .read_only = read_only };
    if (!client_authenticated(session->client))
        return;
    if (!names) {
        char **made = names_of(session->client);

        /* another call of the client may be as far */
        if (__atomic_compare_exchange_n(&session->names, &names, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            names = made;
        else
            g_strfreev(made);
    }
    subject->names = (const char *const *)names;
}
