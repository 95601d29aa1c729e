/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics over HTTP, with libmicrohttpd: each endpoint is a listening socket and a thread of its own, which is never one
 * that serves calls. A scrape is a text that is made in parts while it is being sent, so that it takes the same memory
 * however many domains there are, but for their figures; those are shared by scrapes of the same moment.
 * How many may ask at once, and for how long, is limited; whoever reads too slowly is disconnected, and who only holds a
 * connection makes room when another one comes. */
#include "server/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "server/metrics-private.h"
#include "server/socket.h"

LOG_SOURCE("server.metrics");

enum {
    CONNECTIONS_MAX = 16,     /* of one endpoint; beyond, an old one is closed for each that comes */
    CONNECTIONS_BEYOND = 16,  /* on their way out then; when these are used up too, none is accepted */
    IDLE_SECONDS = 10,        /* without any progress */
    SCRAPE_SECONDS = 60,      /* for the whole of it */
    REQUEST_BYTES = 16384,    /* of a request and what belongs to its connection */
    PART_BYTES = 65536,       /* made at once */
    SHARED_MS = 1000,         /* so old may figures be that another scrape has taken */
    ANSWER_MS = 5000,         /* for which a driver is waited for, and the other scrapes of its endpoint with it */
    BACKLOG = 64,
};

/* One connection; all of it is its endpoint's thread's. */
typedef struct Peer {
    int fd;
    bool asking;              /* its request is there and not yet answered */
    bool shut;                /* told to go */
} Peer;

typedef struct Endpoint {
    /* fixed */
    Server *server;
    struct MHD_Daemon *daemon;
    SocketFile *file;         /* NULL: it is a port */
    int fd;
    Sampler *sampler;
    /* its thread's */
    Samples *latest;          /* NULL: none yet */
    GQueue peers;             /* of Peer, the oldest first */
    unsigned shut;            /* how many of them are told to go */
} Endpoint;

struct Metrics {
    Endpoint endpoints[2];
    unsigned n;
};

/* --- one scrape ----------------------------------------------------------------------------------------- */

typedef struct Scrape {
    Endpoint *endpoint;
    Samples *samples;
    MetricText text;
    size_t sent;              /* bytes of the text that are gone */
    unsigned section;
    DomainsCursor cursor;
    bool ended;
    int64_t deadline;
} Scrape;

static Samples *share_samples(Endpoint *endpoint)
{
    if (!endpoint->latest || clock_now() - endpoint->latest->taken > SHARED_MS * CLOCK_MS) {
        samples_unref(endpoint->latest);
        endpoint->latest = samples_take(endpoint->sampler);
    }
    return samples_ref(endpoint->latest);
}

/* The text's next part; nothing when it has ended. */
static void write_part(Scrape *scrape)
{
    g_string_truncate(scrape->text.out, 0);
    scrape->sent = 0;
    if (scrape->section < SERVER_SECTIONS) {
        metrics_server_section(scrape->endpoint->server, scrape->section++, &scrape->text);
    } else if (!scrape->ended && !metrics_domains_part(scrape->samples, &scrape->cursor, &scrape->text, PART_BYTES)) {
        metric_end(&scrape->text);
        scrape->ended = true;
    }
}

static ssize_t read_scrape(void *data, uint64_t position, char *to, size_t room)
{
    Scrape *scrape = data;
    size_t n;

    if (clock_now() > scrape->deadline) {
        log_warning("a scrape of metrics was not read in %d s, it is cut off", SCRAPE_SECONDS);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    while (scrape->sent == scrape->text.out->len) {
        if (scrape->ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        write_part(scrape);
    }
    n = MIN(room, scrape->text.out->len - scrape->sent);
    memcpy(to, scrape->text.out->str + scrape->sent, n);
    scrape->sent += n;
    return (ssize_t)n;
}

static void free_scrape(void *data)
{
    Scrape *scrape = data;

    samples_unref(scrape->samples);
    g_string_free(scrape->text.out, TRUE);
    g_free(scrape);
}

/* --- connections ------------------------------------------------------------------------------------------ */

/* The oldest that has asked for nothing, or else the oldest; not the one that has just come. */
static Peer *least_useful(Endpoint *endpoint)
{
    Peer *oldest = NULL;

    for (GList *at = endpoint->peers.head; at != endpoint->peers.tail; at = at->next) {
        Peer *peer = at->data;

        if (peer->shut)
            continue;
        if (!peer->asking)
            return peer;
        if (!oldest)
            oldest = peer;
    }
    return oldest;
}

/* libmicrohttpd finds the socket at its end and closes the connection itself. */
static void shut_down(Endpoint *endpoint, Peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    peer->shut = true;
    endpoint->shut++;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    Endpoint *endpoint = data;
    Peer *peer = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        peer = g_new0(Peer, 1);
        peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = peer;
        g_queue_push_tail(&endpoint->peers, peer);
        if (endpoint->peers.length - endpoint->shut > CONNECTIONS_MAX)
            shut_down(endpoint, least_useful(endpoint));    /* there is one: MAX + 1 are not shut */
    } else {
        g_queue_remove(&endpoint->peers, peer);
        endpoint->shut -= peer->shut;
        g_free(peer);
    }
}

static void set_asking(struct MHD_Connection *connection, bool asking)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    ((Peer *)info->socket_context)->asking = asking;
}

static void on_answered(void *data, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode why)
{
    set_asking(connection, false);
}

/* --- requests --------------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                              const char *type)
{
    enum MHD_Result result = MHD_NO;

    if (!response)
        return MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_words(struct MHD_Connection *connection, unsigned status, const char *words)
{
    return answer(connection, status,
                  MHD_create_response_from_buffer(strlen(words), (void *)words, MHD_RESPMEM_PERSISTENT),
                  "text/plain; charset=utf-8");
}

static enum MHD_Result answer_scrape(Endpoint *endpoint, struct MHD_Connection *connection)
{
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    bool open_metrics = accept && strstr(accept, "application/openmetrics-text");
    Scrape *scrape = g_new0(Scrape, 1);
    struct MHD_Response *response;

    scrape->endpoint = endpoint;
    scrape->samples = share_samples(endpoint);
    scrape->text = (MetricText){ .out = g_string_sized_new(PART_BYTES + 4096), .open_metrics = open_metrics };
    scrape->deadline = clock_now() + SCRAPE_SECONDS * CLOCK_S;
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PART_BYTES, read_scrape, scrape, free_scrape);
    if (!response)
        free_scrape(scrape);
    return answer(connection, MHD_HTTP_OK, response,
                  open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                               : "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result serve(void *data, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *upload, size_t *upload_size, void **state)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        if (*upload_size > 0 || !*state) {
            *upload_size = 0;    /* what is sent along is passed over */
            *state = data;    /* anything that isn't NULL */
            return MHD_YES;
        }
        return answer_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    }
    if (!*state) {    /* libmicrohttpd calls once with the head alone */
        *state = data;
        return MHD_YES;
    }
    if (strcmp(url, "/metrics") != 0)
        return answer_words(connection, MHD_HTTP_NOT_FOUND, "the metrics are at /metrics\n");
    set_asking(connection, true);
    return answer_scrape(data, connection);
}

static void log_http(void *data, const char *format, va_list args) G_GNUC_PRINTF(2, 0);
static void log_http(void *data, const char *format, va_list args)
{
    g_autofree char *message = NULL;

    if (!log_wanted(&log_source, LOG_LEVEL_DEBUG))
        return;
    message = g_strdup_vprintf(format, args);
    log_debug("%s", g_strchomp(message));
}

/* --- endpoints ---------------------------------------------------------------------------------------------- */

/* Takes over the descriptor and the file. */
static int endpoint_start(Metrics *metrics, Server *server, int fd, SocketFile *file, Error *error)
{
    Endpoint *endpoint = &metrics->endpoints[metrics->n++];

    *endpoint = (Endpoint){
        .server = server, .fd = fd, .file = file, .sampler = sampler_new(server, ANSWER_MS * CLOCK_MS),
    };
    /* Not epoll: with it this library overlooks an end that comes together with the last bytes, and waits IDLE_SECONDS. */
    endpoint->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, serve, endpoint,
        MHD_OPTION_EXTERNAL_LOGGER, log_http, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(CONNECTIONS_MAX + CONNECTIONS_BEYOND),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, endpoint,
        MHD_OPTION_NOTIFY_COMPLETED, on_answered, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
        MHD_OPTION_END);
    if (!endpoint->daemon)
        return error_set(error, VIR_FROM_NONE, VIR_ERR_INTERNAL_ERROR, _("cannot serve metrics"));
    return 0;
}

static int start_socket(Metrics *metrics, Server *server, Error *error)
{
    const Config *config = server->config;
    g_autofree char *path = config->metrics_socket ? g_strdup(config->metrics_socket)
                                                   : g_build_filename(config->unix_sock_dir, "metrics-sock", NULL);
    SocketFile *file = NULL;
    int fd = socket_listen(path, config->metrics_socket_perms, config->unix_sock_group, BACKLOG, &file, error);

    return fd < 0 ? -1 : endpoint_start(metrics, server, fd, file, error);
}

static int port_listen(int port, Error *error)
{
    AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1, result;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0
        || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        return error_set_errno(error, VIR_FROM_NONE, errno, _("cannot listen on port %d for metrics"), port);
    result = fd;
    fd = -1;
    return result;
}

static int start_port(Metrics *metrics, Server *server, Error *error)
{
    int fd = port_listen(server->config->metrics_port, error);

    return fd < 0 ? -1 : endpoint_start(metrics, server, fd, NULL, error);
}

Metrics *metrics_start(Server *server, Error *error)
{
    const Config *config = server->config;
    Metrics *metrics;

    if (!config->listen_metrics && !config->metrics_port)
        return NULL;
    metrics = g_new0(Metrics, 1);
    if ((!config->listen_metrics || start_socket(metrics, server, error) == 0)
        && (!config->metrics_port || start_port(metrics, server, error) == 0))
        return metrics;
    metrics_stop(metrics);
    metrics_free(metrics);
    return NULL;
}

void metrics_stop(Metrics *metrics)
{
    for (unsigned i = 0; metrics && i < metrics->n; i++) {
        Endpoint *endpoint = &metrics->endpoints[i];

        if (endpoint->file)
            socket_unlink(endpoint->file);
        sampler_stop(endpoint->sampler);
        if (endpoint->daemon)
            MHD_stop_daemon(endpoint->daemon);    /* closes the descriptor */
        else
            close(endpoint->fd);
        samples_unref(endpoint->latest);
        endpoint->latest = NULL;
        sampler_join(endpoint->sampler);
    }
}

void metrics_tell_stuck(Metrics *metrics)
{
    for (unsigned i = 0; metrics && i < metrics->n; i++)
        sampler_tell_stuck(metrics->endpoints[i].sampler);
}

void metrics_free(Metrics *metrics)
{
    for (unsigned i = 0; metrics && i < metrics->n; i++)
        sampler_free(metrics->endpoints[i].sampler);
    g_free(metrics);
}
