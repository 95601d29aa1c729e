/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What rpc/gate.c promises: who must go for another one, and who may stay. */
#include "rpc/client-private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { CLIENTS = 3 };

typedef struct Port {
    Gate gate;
    Service service;
    Client clients[CLIENTS];
    int peers[CLIENTS];
} Port;

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = { .ss_family = AF_INET };

    g_assert_cmpint(inet_pton(AF_INET, text, &((struct sockaddr_in *)(void *)&address)->sin_addr), ==, 1);
    return address;
}

/* All come at the time 0: two from one address, the last from another. */
static void set_up(Port *port, gconstpointer unused)
{
    static const char *const addresses[CLIENTS] = { "192.0.2.1", "192.0.2.1", "192.0.2.2" };

    gate_init(&port->gate);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct sockaddr_storage address = address_of(addresses[i]);
        Client *client = &port->clients[i];
        int ends[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
        client->service = &port->service;
        client->refs = 1;
        client->socket = ends[0];
        port->peers[i] = ends[1];
        client->place.gate = &port->gate;
        gate_source(client->place.source, &address, 0);
        gate_enter(client, 0);
    }
}

static void tear_down(Port *port, gconstpointer unused)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        gate_leave(&port->clients[i]);
        close(port->clients[i].socket);
        close(port->peers[i]);
    }
    g_assert_cmpuint(port->service.n_unauth, ==, 0);
    gate_deinit(&port->gate);
}

static void silent_ones_go_in_their_order_after_a_moment(Port *port, gconstpointer unused)
{
    g_assert_null(gate_evict(&port->gate, NULL, 19 * CLOCK_MS));
    g_assert_true(gate_evict(&port->gate, NULL, 20 * CLOCK_MS) == &port->clients[0]);
    g_assert_cmpint(port->clients[0].refs, ==, 2);
    g_assert_true(gate_evict(&port->gate, NULL, 20 * CLOCK_MS) == &port->clients[1]);
    g_assert_cmpuint(gate_count(&port->gate), ==, 1);
    g_assert_false(gate_leave(&port->clients[0]));
}

static void one_whose_first_bytes_wait_for_us_stays(Port *port, gconstpointer unused)
{
    g_assert_cmpint(write(port->peers[0], "x", 1), ==, 1);
    g_assert_true(gate_evict(&port->gate, NULL, CLOCK_S) == &port->clients[1]);
}

static void one_that_does_not_read_its_answers_keeps_us_waiting_whatever_it_sends(Port *port, gconstpointer unused)
{
    g_assert_cmpint(write(port->peers[0], "x", 1), ==, 1);
    port->clients[0].writing = true;
    g_assert_true(gate_evict(&port->gate, NULL, CLOCK_S) == &port->clients[0]);
}

static void one_that_a_worker_has_stays_however_long_that_takes(Port *port, gconstpointer unused)
{
    gate_work(&port->clients[0]);
    g_assert_true(gate_evict(&port->gate, NULL, 3600 * CLOCK_S) == &port->clients[1]);
}

static void one_that_has_begun_gets_a_second(Port *port, gconstpointer unused)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        gate_work(&port->clients[i]);
        gate_wait(&port->clients[i], (int64_t)i * CLOCK_S);
    }
    g_assert_null(gate_evict(&port->gate, NULL, CLOCK_S - 1));
    g_assert_true(gate_evict(&port->gate, NULL, CLOCK_S) == &port->clients[0]);
    g_assert_null(gate_evict(&port->gate, NULL, 2 * CLOCK_S - 1));
}

static void a_source_loses_only_its_own(Port *port, gconstpointer unused)
{
    const uint8_t *source = port->clients[2].place.source;

    g_assert_cmpuint(gate_count_source(&port->gate, source), ==, 1);
    g_assert_cmpuint(gate_count_source(&port->gate, port->clients[0].place.source), ==, 2);
    g_assert_true(gate_evict(&port->gate, source, CLOCK_S) == &port->clients[2]);
    g_assert_null(gate_evict(&port->gate, source, CLOCK_S));
}

static void a_network_of_ipv6_is_one_source(void)
{
    uint8_t first[GATE_SOURCE_SIZE], second[GATE_SOURCE_SIZE], other[GATE_SOURCE_SIZE];
    struct sockaddr_storage address = { .ss_family = AF_INET6 };
    struct in6_addr *in6 = &((struct sockaddr_in6 *)(void *)&address)->sin6_addr;

    g_assert_cmpint(inet_pton(AF_INET6, "2001:db8:1:2::1", in6), ==, 1);
    gate_source(first, &address, 0);
    g_assert_cmpint(inet_pton(AF_INET6, "2001:db8:1:2:3::4", in6), ==, 1);
    gate_source(second, &address, 0);
    g_assert_cmpint(inet_pton(AF_INET6, "2001:db8:1:3::1", in6), ==, 1);
    gate_source(other, &address, 0);
    g_assert_cmpmem(first, sizeof first, second, sizeof second);
    g_assert_cmpint(memcmp(first, other, sizeof first), !=, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add("/rpc-gate/" #name, Port, NULL, set_up, name, tear_down)
    TEST(silent_ones_go_in_their_order_after_a_moment);
    TEST(one_whose_first_bytes_wait_for_us_stays);
    TEST(one_that_does_not_read_its_answers_keeps_us_waiting_whatever_it_sends);
    TEST(one_that_a_worker_has_stays_however_long_that_takes);
    TEST(one_that_has_begun_gets_a_second);
    TEST(a_source_loses_only_its_own);
    g_test_add_func("/rpc-gate/a_network_of_ipv6_is_one_source", a_network_of_ipv6_is_one_source);
    return g_test_run();
}
