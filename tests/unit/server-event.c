/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: who gets which, in which form and order. */
#include "server/event.h"

#include <libvirt/libvirt.h>
#include <unistd.h>

#include "rpc/remote-rows.h"
#include "server-fixture.h"

#define HERE "fake:///here"

static const ProcEvent *lifecycle(void)
{
    return event_find(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
}

static Uuid uuid_of(uint8_t n)
{
    return (Uuid){ .bytes = { n } };
}

static void announce(Host *host, uint8_t uuid, int32_t detail)
{
    RemoteDomainEventLifecycleMsg message = {
        .dom = { .name = "vm", .uuid = { uuid }, .id = 7 }, .event = VIR_DOMAIN_EVENT_STARTED, .detail = detail,
    };
    const DriverEvent event = {
        .proc = REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, .message = &message, .uuid = uuid_of(uuid),
    };

    host_announce(host, &event);
}

static int subscribe(Session *session, const ProcEvent *event, bool legacy, const Uuid *uuid)
{
    Error error = ERROR_INIT;
    int id = event_subscribe(session, event, legacy, uuid, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_cmpint(id, >=, 0);
    return id;
}

static void expect_event(Fixture *f, int fd, int callback_id, int32_t detail)
{
    FrameHeader header;

    g_assert_true(fixture_read(f, fd, &header));
    g_assert_cmpuint(header.type, ==, FRAME_MESSAGE);
    g_assert_cmpuint(header.serial, ==, 1);
    g_assert_cmpuint(header.status, ==, FRAME_OK);
    g_assert_cmpint(header.proc, ==, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE);
    g_assert_cmpuint(xdr_load32(f->payload), ==, (uint32_t)callback_id);
    g_assert_cmpuint(xdr_load32(f->payload + f->payload_size - 4), ==, (uint32_t)detail);
}

static void expect_nothing(Fixture *f, int fd)
{
    FrameHeader header;

    g_assert_false(fixture_read(f, fd, &header));
}

static void an_event_goes_to_who_has_registered(Fixture *f, gconstpointer data)
{
    Session *session, *other;
    int fd = fixture_dial(f, HERE, false, &session), quiet = fixture_dial(f, HERE, false, &other);
    int id = subscribe(session, lifecycle(), false, NULL);

    announce(session->host, 1, 5);
    expect_event(f, fd, id, 5);
    expect_nothing(f, fd);
    expect_nothing(f, quiet);
    close(fd);
    close(quiet);
}

static void registrations_for_all_and_for_one_both_deliver(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Uuid uuid = uuid_of(1);
    int all = subscribe(session, lifecycle(), false, NULL), one = subscribe(session, lifecycle(), false, &uuid);

    g_assert_cmpint(all, !=, one);
    announce(session->host, 1, 5);
    expect_event(f, fd, all, 5);
    expect_event(f, fd, one, 5);
    announce(session->host, 2, 6);
    expect_event(f, fd, all, 6);
    expect_nothing(f, fd);
    close(fd);
}

static void another_host_is_not_heard(Fixture *f, gconstpointer data)
{
    Session *session, *other;
    int fd = fixture_dial(f, HERE, false, &session), far = fixture_dial(f, "fake:///there", false, &other);

    subscribe(session, lifecycle(), false, NULL);
    announce(other->host, 1, 5);
    expect_nothing(f, fd);
    close(fd);
    close(far);
}

static void events_keep_the_order_of_their_announcement(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    int id = subscribe(session, lifecycle(), false, NULL);

    for (int32_t i = 0; i < 100; i++)
        announce(session->host, 1, i);
    for (int32_t i = 0; i < 100; i++)
        expect_event(f, fd, id, i);
    close(fd);
}

static void what_was_announced_before_the_registration_is_not_delivered(Fixture *f, gconstpointer data)
{
    Session *session, *other;
    int fd = fixture_dial(f, HERE, false, &session), early = fixture_dial(f, HERE, false, &other);
    int early_id = subscribe(other, lifecycle(), false, NULL), id;

    announce(session->host, 1, 5);    /* still on its way to the I/O thread */
    id = subscribe(session, lifecycle(), false, NULL);
    announce(session->host, 1, 6);
    expect_event(f, fd, id, 6);
    expect_nothing(f, fd);
    expect_event(f, early, early_id, 5);
    close(fd);
    close(early);
}

static void after_the_registration_has_ended_nothing_comes(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Error error = ERROR_INIT;
    int id = subscribe(session, lifecycle(), false, NULL);

    announce(session->host, 1, 5);
    g_assert_cmpint(event_unsubscribe(session, id, EVENT_FAMILY_DOMAIN, &error), ==, 0);
    expect_nothing(f, fd);
    close(fd);
}

static void an_unknown_number_is_an_internal_error(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Error error = ERROR_INIT;
    int id = subscribe(session, lifecycle(), false, NULL);

    g_assert_cmpint(event_unsubscribe(session, id + 1, EVENT_FAMILY_DOMAIN, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_cmpint(error.domain, ==, VIR_FROM_RPC);
    error_clear(&error);
    close(fd);
}

static void a_number_of_another_kind_of_object_is_unknown(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Error error = ERROR_INIT;
    int id = subscribe(session, lifecycle(), false, NULL);

    g_assert_cmpint(event_unsubscribe(session, id, EVENT_FAMILY_NETWORK, &error), ==, -1);
    error_clear(&error);
    close(fd);
}

static void the_same_registration_twice_is_an_invalid_argument(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Error error = ERROR_INIT;
    Uuid uuid = uuid_of(1), other = uuid_of(2);

    subscribe(session, lifecycle(), false, &uuid);
    subscribe(session, lifecycle(), false, &other);
    g_assert_cmpint(event_subscribe(session, lifecycle(), false, &uuid, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(error.domain, ==, VIR_FROM_NONE);
    error_clear(&error);
    close(fd);
}

static void the_older_form_has_its_own_number_and_no_callback_id(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    FrameHeader header;
    g_autofree uint8_t *newer = NULL;
    int id = subscribe(session, lifecycle(), false, NULL);

    announce(session->host, 1, 5);
    expect_event(f, fd, id, 5);
    newer = g_memdup2(f->payload, f->payload_size);
    subscribe(session, lifecycle(), true, NULL);
    announce(session->host, 1, 5);
    expect_event(f, fd, id, 5);
    g_assert_true(fixture_read(f, fd, &header));
    g_assert_cmpint(header.proc, ==, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE);
    g_assert_cmpmem(f->payload, f->payload_size, newer + 4, f->payload_size);
    close(fd);
}

static void the_older_form_ends_by_its_kind(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Error error = ERROR_INIT;

    subscribe(session, lifecycle(), true, NULL);
    g_assert_cmpint(event_unsubscribe_legacy(session, lifecycle(), &error), ==, 0);
    announce(session->host, 1, 5);
    expect_nothing(f, fd);
    g_assert_cmpint(event_unsubscribe_legacy(session, lifecycle(), &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_INTERNAL_ERROR);
    error_clear(&error);
    close(fd);
}

static void an_older_registration_cannot_be_ended_by_number(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Error error = ERROR_INIT;
    int id = subscribe(session, lifecycle(), true, NULL);

    g_assert_cmpint(event_unsubscribe(session, id, EVENT_FAMILY_DOMAIN, &error), ==, -1);
    error_clear(&error);
    close(fd);
}

static void numbers_run_over_and_pass_those_in_use(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Uuid uuids[3] = { uuid_of(1), uuid_of(2), uuid_of(3) };

    g_assert_cmpint(subscribe(session, lifecycle(), false, &uuids[0]), ==, 1);
    session->next_callback = G_MAXINT;
    g_assert_cmpint(subscribe(session, lifecycle(), false, &uuids[1]), ==, G_MAXINT);
    g_assert_cmpint(subscribe(session, lifecycle(), false, &uuids[2]), ==, 2);
    close(fd);
}

static void registrations_are_bounded(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    Error error = ERROR_INIT;

    for (unsigned i = 0; i < EVENT_SUBSCRIPTIONS_MAX; i++) {
        Uuid uuid = { .bytes = { (uint8_t)i, (uint8_t)(i >> 8) } };

        subscribe(session, lifecycle(), false, &uuid);
    }
    g_assert_cmpint(event_subscribe(session, lifecycle(), false, NULL, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_FAILED);
    error_clear(&error);
    close(fd);
}

static void who_leaves_has_no_registrations(Fixture *f, gconstpointer data)
{
    Session *session, *other;
    int fd = fixture_dial(f, HERE, false, &session), stays = fixture_dial(f, HERE, false, &other);

    subscribe(session, lifecycle(), false, NULL);
    client_ref(session->client);
    close(fd);
    fixture_turn(f);
    g_assert_null(session->subscriptions);
    announce(other->host, 1, 5);
    fixture_turn(f);
    client_unref(session->client);
    close(stays);
}

static void a_message_beyond_the_limits_is_not_sent(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, HERE, false, &session);
    g_autofree char *name = g_strnfill(5 << 20, 'n');
    RemoteDomainEventLifecycleMsg message = { .dom = { .name = name } };
    const DriverEvent event = {
        .proc = REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, .message = &message, .uuid = uuid_of(1),
    };

    subscribe(session, lifecycle(), false, NULL);
    host_announce(session->host, &event);
    expect_nothing(f, fd);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) FIXTURE_ADD("/server/event/", claim)
    ADD(an_event_goes_to_who_has_registered);
    ADD(registrations_for_all_and_for_one_both_deliver);
    ADD(another_host_is_not_heard);
    ADD(events_keep_the_order_of_their_announcement);
    ADD(what_was_announced_before_the_registration_is_not_delivered);
    ADD(after_the_registration_has_ended_nothing_comes);
    ADD(an_unknown_number_is_an_internal_error);
    ADD(a_number_of_another_kind_of_object_is_unknown);
    ADD(the_same_registration_twice_is_an_invalid_argument);
    ADD(the_older_form_has_its_own_number_and_no_callback_id);
    ADD(the_older_form_ends_by_its_kind);
    ADD(an_older_registration_cannot_be_ended_by_number);
    ADD(numbers_run_over_and_pass_those_in_use);
    ADD(registrations_are_bounded);
    ADD(who_leaves_has_no_registrations);
    ADD(a_message_beyond_the_limits_is_not_sent);
    return g_test_run();
}
