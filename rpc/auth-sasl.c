/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exchange of SASL, one for each client that must prove who it is.
 *
 *   (none) ── sasl_offer ─▶ begun ── sasl_exchange, first ─▶ under way ── sasl_exchange … ─▶ proved
 *                             ▲                                  └── a step fails ──┐
 *                             └──────────────── sasl_offer ─────────────────────────┘  (three times, then closed)
 *
 * Runs on workers, one call of a client at a time (client.h: `auth_busy`); takes LOCK_OUTBOX when the security layer
 * comes between client and socket. What failed stands in the log; the client learns only that it failed. */
#include "rpc/client-private.h"

#include <inttypes.h>

#include "base/i18n.h"
#include "base/lock.h"
#include "base/log.h"
#include "rpc/sasl.h"
#include "rpc/sasl-private.h"

LOG_SOURCE("rpc.sasl");

enum { LAYER_MOST = 65536 };

struct SaslExchange {
    sasl_conn_t *connection;
    bool under_way;
};

/* --- the library ---------------------------------------------------------------------------------- */

/* The library's own locks. They have no class: it nests them in ways that are its own. */
static void *mutex_new(void)
{
    GMutex *mutex = g_new(GMutex, 1);

    g_mutex_init(mutex);
    return mutex;
}

static int mutex_lock(void *mutex)
{
    g_mutex_lock(mutex);
    return SASL_OK;
}

static int mutex_unlock(void *mutex)
{
    g_mutex_unlock(mutex);
    return SASL_OK;
}

static void mutex_free(void *mutex)
{
    if (!mutex)
        return;
    g_mutex_clear(mutex);
    g_free(mutex);
}

static int log_message(void *context, int level, const char *message)
{
    if (message && level <= SASL_LOG_WARN && level != SASL_LOG_NONE)
        log_info("%s", message);
    return SASL_OK;
}

static const sasl_callback_t callbacks[] = {
    { SASL_CB_LOG, (int (*)(void))(void (*)(void))log_message, NULL },
    { SASL_CB_LIST_END, NULL, NULL },
};

int sasl_prepare(Error *error)
{
    int r;

    sasl_set_mutex(mutex_new, mutex_lock, mutex_unlock, mutex_free);
    r = sasl_server_init(callbacks, "libvirt");    /* the name of the file with its settings, as libvirtd's */
    if (r == SASL_OK)
        return 0;
    return error_set(error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("SASL is not available: %s"),
                     sasl_errstring(r, NULL, NULL));
}

/* --- one exchange ------------------------------------------------------------------------------------ */

void sasl_exchange_free(SaslExchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->connection)
        sasl_dispose(&exchange->connection);
    g_free(exchange);
}

/* Passwords in clear only where they are encrypted already; a layer of SASL's only where nothing else encrypts. */
static int set_properties(Client *client, sasl_conn_t *connection, const SaslRules *rules)
{
    bool layer = client->identity.transport == CLIENT_TCP, tls = client->identity.transport == CLIENT_TLS;
    sasl_security_properties_t properties = {
        .min_ssf = layer ? rules->min_ssf : 0,
        .max_ssf = layer ? 100000 : 0,
        .maxbufsize = LAYER_MOST,
        .security_flags = SASL_SEC_NOANONYMOUS | (tls ? 0 : SASL_SEC_NOPLAINTEXT),
    };
    sasl_ssf_t bits = 256;
    int r = SASL_OK;

    if (tls)
        r = sasl_setprop(connection, SASL_SSF_EXTERNAL, &bits);
    return r == SASL_OK ? sasl_setprop(connection, SASL_SEC_PROPS, &properties) : r;
}

static int fail(Client *client, const char *what, Error *error)
{
    SaslExchange *exchange = client->sasl;

    log_warning("client %" PRIu64 "%s%s could not prove who it is: %s", client->identity.id,
                *client->identity.address ? " from " : "", client->identity.address, what);
    exchange->under_way = false;
    client_login_failed(client);
    return error_set(error, VIR_FROM_RPC, VIR_ERR_AUTH_FAILED, _("the client could not prove who it is"));
}

/* What the library said last, without asking for a name. */
static int fail_with(Client *client, int code, Error *error)
{
    SaslExchange *exchange = client->sasl;

    return fail(client, exchange->connection ? sasl_errdetail(exchange->connection) : sasl_errstring(code, NULL, NULL),
                error);
}

/* "[2001:db8::1]:40404" as the library wants it; NULL: no address. */
static char *sasl_address(const Client *client)
{
    g_autofree char *text = g_strdup(client->identity.address);
    char *port = strrchr(text, ':');

    if (!port)
        return NULL;
    *port = ';';
    if (*text != '[')
        return g_steal_pointer(&text);
    port[-1] = '\0';
    return g_strdup_printf("%s;%s", text + 1, port + 1);
}

const char *sasl_offer(Client *client, const SaslRules *rules, Error *error)
{
    g_autofree char *address = sasl_address(client);
    SaslExchange *exchange = client->sasl;
    const char *mechanisms = NULL;
    int r;

    if (client_authenticated(client)) {
        error_set(error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("the client has proved who it is already"));
        return NULL;
    }
    if (!exchange)
        exchange = client->sasl = g_new0(SaslExchange, 1);
    if (exchange->connection)
        sasl_dispose(&exchange->connection);
    exchange->under_way = false;
    r = sasl_server_new("libvirt", NULL, NULL, NULL, address, NULL, SASL_SUCCESS_DATA, &exchange->connection);
    if (r == SASL_OK)
        r = set_properties(client, exchange->connection, rules);
    if (r == SASL_OK)
        r = sasl_listmech(exchange->connection, NULL, "", ",", "", &mechanisms, NULL, NULL);
    if (r == SASL_OK && mechanisms)
        return mechanisms;
    fail_with(client, r, error);
    return NULL;
}

static bool user_is_allowed(const SaslRules *rules, const char *user)
{
    if (!rules->allowed_users)
        return true;
    for (char **pattern = rules->allowed_users; *pattern; pattern++)
        if (g_pattern_match_simple(*pattern, user))
            return true;
    return false;
}

/* The mechanism is content; are we? */
static int finish(Client *client, const SaslRules *rules, Error *error)
{
    SaslExchange *exchange = client->sasl;
    const void *user = NULL, *ssf = NULL;
    Transport *layer = NULL;

    if (sasl_getprop(exchange->connection, SASL_USERNAME, &user) != SASL_OK || !user)
        return fail(client, _("the mechanism gives no name"), error);
    if (!user_is_allowed(rules, user)) {
        g_autofree char *what = g_strdup_printf(_("sasl_allowed_username_list does not have '%s'"), (const char *)user);

        return fail(client, what, error);
    }
    if (client->identity.transport == CLIENT_TCP) {
        if (sasl_getprop(exchange->connection, SASL_SSF, &ssf) != SASL_OK || *(const sasl_ssf_t *)ssf < rules->min_ssf)
            return fail(client, _("the mechanism's encryption is weaker than tcp_min_ssf asks for"), error);
        layer = transport_sasl_new(exchange->connection);
        if (!layer)
            return fail(client, _("the mechanism doesn't encrypt"), error);
    }
    exchange->under_way = false;
    client_authenticate(client, user, layer);
    log_info("client %" PRIu64 " is '%s'", client->identity.id, (const char *)user);
    return 0;
}

int sasl_exchange(Client *client, const SaslRules *rules, const char *mechanism, const char *data, size_t size,
                  SaslAnswer *answer, Error *error)
{
    SaslExchange *exchange = client->sasl;
    const char *out = NULL;
    unsigned out_size = 0;
    int r;

    if (!exchange || !exchange->connection || exchange->under_way == (mechanism != NULL) || client_authenticated(client))
        return error_set(error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("this step of SASL has no place here"));
    if (mechanism)
        r = sasl_server_start(exchange->connection, mechanism, data, (unsigned)size, &out, &out_size);
    else
        r = sasl_server_step(exchange->connection, data, (unsigned)size, &out, &out_size);
    exchange->under_way = r == SASL_CONTINUE;
    if (r != SASL_OK && r != SASL_CONTINUE)
        return fail_with(client, r, error);
    if (r == SASL_OK && finish(client, rules, error) < 0)
        return -1;
    *answer = (SaslAnswer){ .complete = r == SASL_OK, .data = out, .size = out_size };
    return 0;
}
