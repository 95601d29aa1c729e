/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening on the network: every address that the configuration means, IPv4 and IPv6, each with a socket of its own.
 * Main thread only, which may wait for a name server; takes no lock. */
#include "server/network.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "base/log.h"
#include "rpc/sasl.h"
#include "server/polkit.h"
#include "server/tls-watch.h"

LOG_SOURCE("server.network");

static void auto_addresses(struct addrinfo **addresses)
{
    if (*addresses)
        freeaddrinfo(*addresses);
}
#define AUTO_ADDRESSES __attribute__((cleanup(auto_addresses))) struct addrinfo

/* The descriptor, or -1 and errno. */
static int listen_on(const struct addrinfo *address, int backlog)
{
    AUTO_FD fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, result;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    /* IPv4 has a socket of its own, whatever the system makes of IPv6's */
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, backlog) < 0)
        return -1;
    result = fd;
    fd = -1;
    return result;
}

/* A kernel without IPv6 is no mistake as long as something else can be listened on. */
static bool is_no_such_family(int code)
{
    return code == EAFNOSUPPORT || code == EADDRNOTAVAIL;
}

static int open_port(Server *server, const char *port, const ListenSettings *settings, Error *error)
{
    const Config *config = server->config;
    const char *host = config->listen_addr;
    AUTO_ADDRESSES *addresses = NULL;
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    unsigned opened = 0;
    int r = getaddrinfo(host, port, &hints, &addresses), failed = EADDRNOTAVAIL;

    if (r != 0)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, _("cannot listen on port '%s' of '%s': %s"), port,
                         host ? host : "*", gai_strerror(r));
    for (const struct addrinfo *address = addresses; address; address = address->ai_next) {
        int fd = listen_on(address, config->max_queued_clients);

        if (fd >= 0) {
            service_listen_with(server->service, fd, settings);
            opened++;
        } else if (is_no_such_family(errno)) {
            failed = errno;
        } else {
            return error_set_errno(error, VIR_FROM_RPC, errno, _("cannot listen on port '%s' of '%s'"), port,
                                   host ? host : "*");
        }
    }
    if (opened == 0)
        return error_set_errno(error, VIR_FROM_RPC, failed, _("cannot listen on port '%s' of '%s'"), port,
                               host ? host : "*");
    log_info("listening on port %s", port);
    return 0;
}

static TlsSettings tls_settings(const Config *config)
{
    return (TlsSettings){
        .key_file = config->key_file, .cert_file = config->cert_file, .ca_file = config->ca_file,
        .crl_file = config->crl_file, .priority = config->tls_priority, .allowed_dns = config->tls_allowed_dn_list,
        .no_verify = config->tls_no_verify_certificate, .no_sanity = config->tls_no_sanity_certificate,
    };
}

ClientAuth network_auth(const char *setting)
{
    if (strcmp(setting, "polkit") == 0)
        return CLIENT_AUTH_POLKIT;
    return strcmp(setting, "sasl") == 0 ? CLIENT_AUTH_SASL : CLIENT_AUTH_NONE;
}

static bool was_handed(const GArray *sockets, SocketRole role)
{
    for (unsigned i = 0; i < sockets->len; i++)
        if (g_array_index(sockets, ActivatedSocket, i).role == role)
            return true;
    return false;
}

/* Whether some socket asks for it. */
static bool wants(const Config *config, const GArray *sockets, ClientAuth auth)
{
    return network_auth(config->auth_unix_rw) == auth || network_auth(config->auth_unix_ro) == auth
        || ((config->listen_tcp || was_handed(sockets, SOCKET_TCP)) && network_auth(config->auth_tcp) == auth)
        || ((config->listen_tls || was_handed(sockets, SOCKET_TLS)) && network_auth(config->auth_tls) == auth);
}

int network_prepare(Server *server, const GArray *sockets, Error *error)
{
    if (wants(server->config, sockets, CLIENT_AUTH_POLKIT))
        server->polkit = polkit_new();
    return wants(server->config, sockets, CLIENT_AUTH_SASL) ? sasl_prepare(error) : 0;
}

static void take_handed(Server *server, const GArray *sockets, SocketRole role, const ListenSettings *settings)
{
    for (unsigned i = 0; i < sockets->len; i++)
        if (g_array_index(sockets, ActivatedSocket, i).role == role)
            service_listen_with(server->service, g_array_index(sockets, ActivatedSocket, i).fd, settings);
}

static int open_tcp(Server *server, const GArray *sockets, Error *error)
{
    const Config *config = server->config;
    ListenSettings settings = { .network = true, .auth = network_auth(config->auth_tcp) };
    bool handed = was_handed(sockets, SOCKET_TCP);

    if (!handed && !config->listen_tcp)
        return 0;
    if (!settings.auth)
        log_warning("auth_tcp is \"none\": whoever reaches the port for TCP can do everything");
    if (!handed)
        return open_port(server, config->tcp_port, &settings, error);
    take_handed(server, sockets, SOCKET_TCP, &settings);
    return 0;
}

static int open_tls(Server *server, const GArray *sockets, Error *error)
{
    const Config *config = server->config;
    TlsSettings files = tls_settings(config);
    ListenSettings settings = { .network = true, .auth = network_auth(config->auth_tls) };
    bool handed = was_handed(sockets, SOCKET_TLS);

    if (!handed && !config->listen_tls)
        return 0;
    settings.tls = server->tls = tls_new(&files, error);
    if (!server->tls)
        return -1;
    server->tls_watch = tls_watch_new(server->tls, &files);
    if (!handed)
        return open_port(server, config->tls_port, &settings, error);
    take_handed(server, sockets, SOCKET_TLS, &settings);
    return 0;
}

int network_open(Server *server, const GArray *sockets, Error *error)
{
    return open_tcp(server, sockets, error) < 0 ? -1 : open_tls(server, sockets, error);
}

void network_reload(Server *server, const Config *config)
{
    TlsSettings settings = tls_settings(config);
    Error error = ERROR_INIT;

    if (!server->tls)
        return;
    if (tls_set(server->tls, &settings, &error) == 0) {
        tls_watch_free(server->tls_watch);    /* the files may be others */
        server->tls_watch = tls_watch_new(server->tls, &settings);
    } else {
        log_error("ALARM: the new settings for TLS are refused, the former ones stay: %s", error.message);
    }
    error_clear(&error);
}

int network_update_tls(Server *server, Error *error)
{
    if (!server->tls)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_OPERATION_INVALID, _("the server does not listen for TLS"));
    return tls_update(server->tls, error);
}
