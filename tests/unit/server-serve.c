/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way of a call through the server: before the opening, to a domain, through its job, and what is given back
 * when it comes to nothing. */
#include <libvirt/libvirt.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/remote-rows.h"
#include "server-fixture.h"

static void call(int fd, int proc, uint32_t serial, const XdrOut *args)
{
    const FrameHeader header = {
        .program = remote_program.number, .version = 1, .proc = proc, .type = FRAME_CALL, .serial = serial,
    };
    XdrOut out;
    size_t at;

    xdr_out_init(&out, NULL, 0);
    at = frame_begin(&out, &header);
    if (args)
        memcpy(xdr_reserve(&out, args->size), args->data, args->size);
    frame_end(&out, at);
    g_assert_cmpint(send(fd, out.data, out.size, MSG_NOSIGNAL), ==, out.size);
    xdr_out_deinit(&out);
}

/* A procedure whose arguments begin with a domain; two words of zeros follow. */
static void call_domain(int fd, int proc, uint32_t serial, const Uuid *uuid)
{
    XdrOut args;

    xdr_out_init(&args, NULL, 0);
    xdr_put_string(&args, "vm", 100);
    xdr_put_opaque_fixed(&args, uuid->bytes, sizeof uuid->bytes);
    xdr_put_int(&args, -1);
    xdr_put_uhyper(&args, 0);
    call(fd, proc, serial, &args);
    xdr_out_deinit(&args);
}

static void call_define(int fd, uint32_t serial, const char *uuid)
{
    g_autofree char *document = g_strdup_printf(
        "<domain type='test'><name>vm</name><uuid>%s</uuid><memory>1024</memory><os><type>hvm</type></os></domain>",
        uuid);
    XdrOut args;

    xdr_out_init(&args, NULL, 0);
    xdr_put_string(&args, document, 10000);
    call(fd, REMOTE_PROC_DOMAIN_DEFINE_XML, serial, &args);
    xdr_out_deinit(&args);
}

/* Waits for the next answer, whichever call it belongs to (*serial); the code of its error, VIR_ERR_OK when it is good. */
static int any_answer(Fixture *f, int fd, uint32_t *serial)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    FrameHeader header;

    while (!fixture_read(f, fd, &header)) {
        g_assert_cmpint(clock_now(), <, deadline);
        g_usleep(200);
    }
    g_assert_cmpuint(header.type, ==, FRAME_REPLY);
    *serial = header.serial;
    return header.status == FRAME_OK ? VIR_ERR_OK : (int)xdr_load32(f->payload);
}

/* Waits for the answer to `serial`, which must be the next one. */
static int answer(Fixture *f, int fd, uint32_t serial)
{
    uint32_t answered;
    int code = any_answer(f, fd, &answered);

    g_assert_cmpuint(answered, ==, serial);
    return code;
}

static const char *message(const Fixture *f)
{
    uint32_t size = xdr_load32(f->payload + 12);

    g_assert_cmpuint(16 + size, <=, f->payload_size);
    f->payload[16 + size] = '\0';
    return (const char *)f->payload + 16;
}

static const char FIRST[] = "11111111-0000-4000-8000-000000000001", SECOND[] = "22222222-0000-4000-8000-000000000002";

static Uuid uuid_of(const char *text)
{
    Uuid uuid;

    g_assert_true(uuid_parse(text, &uuid));
    return uuid;
}

/* A connection to a host with the domain "vm". */
static int dial_to_domain(Fixture *f, Session **session)
{
    int fd = fixture_dial(f, "fake:///here", false, session);

    call_define(fd, 1, FIRST);
    g_assert_cmpint(answer(f, fd, 1), ==, VIR_ERR_OK);
    return fd;
}

static void wait_suspending(Fixture *f, unsigned n)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;

    for (;;) {
        unsigned now;

        lock_acquire(&f->lock);
        now = f->suspending;
        lock_release(&f->lock);
        if (now >= n)
            return;
        g_assert_cmpint(clock_now(), <, deadline);
        fixture_turn(f);
        g_usleep(200);
    }
}

/* --- before a domain comes into it ----------------------------------------------------------------- */

static void calls_before_the_opening_are_an_internal_error(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, NULL, false, &session);
    static const int procs[] = {
        REMOTE_PROC_CONNECT_GET_TYPE, REMOTE_PROC_CONNECT_LIST_ALL_DOMAINS, REMOTE_PROC_DOMAIN_SUSPEND,
        REMOTE_PROC_DOMAIN_DEFINE_XML, REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER,
    };
    const Uuid uuid = uuid_of(FIRST);

    for (unsigned i = 0; i < G_N_ELEMENTS(procs); i++) {
        call_domain(fd, procs[i], i, &uuid);
        g_assert_cmpint(answer(f, fd, i), ==, VIR_ERR_INTERNAL_ERROR);
        g_assert_cmpuint(xdr_load32(f->payload + 4), ==, VIR_FROM_RPC);
    }
    close(fd);
}

/* It was given to the I/O thread because there was no host; that has come since, and changes nothing for it. */
static void a_call_before_the_opening_stays_one_when_that_ends_meanwhile(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, NULL, false, &session);
    const Proc *proc = program_proc(&remote_program, REMOTE_PROC_DOMAIN_SUSPEND);
    FrameHeader header = { .program = remote_program.number, .version = 1, .proc = proc->number, .serial = 5 };
    IoThread *io = f->server.rpc->io[0];
    Call *inline_call = io_scratch_call(io);
    uint8_t payload[64] = { 0 };

    call_begin_inline(inline_call, session->client, &remote_program, proc, &header, payload, sizeof payload,
                      io_out(io));
    inline_call->lane = (uint8_t)remote_service_ops.lane(session->client, proc);
    session->host = fixture_host(f, "fake:///here");
    remote_service_ops.serve(inline_call);
    outbox_send(session->client, io_out(io), 0, OUT_REPLY);
    g_assert_cmpint(answer(f, fd, 5), ==, VIR_ERR_INTERNAL_ERROR);
    close(fd);
}

static void who_may_only_read_changes_nothing(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, "fake:///here", true, &session);

    call_define(fd, 1, FIRST);
    g_assert_cmpint(answer(f, fd, 1), ==, VIR_ERR_OPERATION_DENIED);
    close(fd);
}

static void what_the_driver_leaves_out_is_not_supported(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = dial_to_domain(f, &session);
    const Uuid uuid = uuid_of(FIRST);

    call_domain(fd, REMOTE_PROC_DOMAIN_RESUME, 2, &uuid);
    g_assert_cmpint(answer(f, fd, 2), ==, VIR_ERR_NO_SUPPORT);
    close(fd);
}

static void arguments_that_are_cut_short_are_an_rpc_error(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = dial_to_domain(f, &session);

    call(fd, REMOTE_PROC_DOMAIN_SUSPEND, 2, NULL);
    g_assert_cmpint(answer(f, fd, 2), ==, VIR_ERR_RPC);
    call_define(fd, 3, FIRST);
    g_assert_cmpint(answer(f, fd, 3), ==, VIR_ERR_OK);
    close(fd);
}

/* --- domains and their jobs ------------------------------------------------------------------------- */

static void an_unknown_domain_is_named(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = dial_to_domain(f, &session);
    const Uuid uuid = uuid_of(SECOND);

    call_domain(fd, REMOTE_PROC_DOMAIN_SUSPEND, 2, &uuid);
    g_assert_cmpint(answer(f, fd, 2), ==, VIR_ERR_NO_DOMAIN);
    g_assert_nonnull(strstr(message(f), SECOND));
    close(fd);
}

static void who_waits_too_long_is_told_for_what(Fixture *f, gconstpointer data)
{
    Session *session, *other;
    int holder = dial_to_domain(f, &session), fd = fixture_dial(f, "fake:///here", false, &other);
    const Uuid uuid = uuid_of(FIRST);
    g_autofree char *whose = g_strdup_printf("domain.suspend of client %u", (unsigned)session->client->identity.id);

    call_domain(holder, REMOTE_PROC_DOMAIN_SUSPEND, 2, &uuid);
    wait_suspending(f, 1);
    f->server.job_timeout = 20 * CLOCK_MS;
    call_domain(fd, REMOTE_PROC_DOMAIN_SUSPEND, 3, &uuid);
    g_assert_cmpint(answer(f, fd, 3), ==, VIR_ERR_OPERATION_TIMEOUT);
    g_assert_nonnull(strstr(message(f), "vm"));
    g_assert_nonnull(strstr(message(f), whose));
    fixture_open_gate(f);
    g_assert_cmpint(answer(f, holder, 2), ==, VIR_ERR_OK);
    close(holder);
    close(fd);
}

static void who_leaves_waits_for_nothing_any_more(Fixture *f, gconstpointer data)
{
    Session *session, *other;
    int holder = dial_to_domain(f, &session), fd = fixture_dial(f, "fake:///here", false, &other);
    const Uuid uuid = uuid_of(FIRST);
    Domain *domain = domain_list_find(session->host->domains, &uuid);

    call_domain(holder, REMOTE_PROC_DOMAIN_SUSPEND, 2, &uuid);
    wait_suspending(f, 1);
    for (uint32_t serial = 1; serial <= 5; serial++)
        call_domain(fd, REMOTE_PROC_DOMAIN_SUSPEND, serial, &uuid);
    fixture_turn(f);
    g_assert_cmpuint(domain->jobs.parked, ==, 5);
    close(fd);
    fixture_turn(f);
    g_assert_cmpuint(domain->jobs.parked, ==, 0);
    fixture_open_gate(f);
    g_assert_cmpint(answer(f, holder, 2), ==, VIR_ERR_OK);
    g_assert_cmpuint(f->suspending, ==, 1);
    domain_unref(domain);
    close(holder);
}

static void those_that_wait_have_their_turn(Fixture *f, gconstpointer data)
{
    Session *session, *other;
    int holder = dial_to_domain(f, &session), fd = fixture_dial(f, "fake:///here", false, &other);
    const Uuid uuid = uuid_of(FIRST);
    unsigned answered = 0;    /* a bit for each serial: they end in turn, and two workers may answer in any order */

    call_domain(holder, REMOTE_PROC_DOMAIN_SUSPEND, 2, &uuid);
    wait_suspending(f, 1);
    for (uint32_t serial = 1; serial <= 5; serial++)
        call_domain(fd, REMOTE_PROC_DOMAIN_SUSPEND, serial, &uuid);
    fixture_turn(f);
    fixture_open_gate(f);
    while (answered != 0x3e) {
        uint32_t serial;

        g_assert_cmpint(any_answer(f, fd, &serial), ==, VIR_ERR_OK);
        g_assert_cmpuint(serial, <=, 5);
        g_assert_cmpuint(answered & 1u << serial, ==, 0);
        answered |= 1u << serial;
    }
    g_assert_cmpint(answer(f, holder, 2), ==, VIR_ERR_OK);
    close(holder);
    close(fd);
}

/* --- what is given back ----------------------------------------------------------------------------- */

static void a_definition_that_a_wrapper_fails_reserves_nothing(Fixture *f, gconstpointer data)
{
    static const char *const wrappers[] = { "fail code=9 procedure=domain.define_xml times=1", NULL };
    Session *session;
    int fd;

    g_assert_cmpint(wrap_new(wrappers, &f->server.wrap, NULL), ==, 0);
    fd = fixture_dial(f, "fake:///here", false, &session);
    call_define(fd, 1, FIRST);
    g_assert_cmpint(answer(f, fd, 1), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_nonnull(strstr(message(f), "driver_wrap"));
    call_define(fd, 2, SECOND);    /* the same name, and another UUID */
    g_assert_cmpint(answer(f, fd, 2), ==, VIR_ERR_OK);
    close(fd);
}

static void set_fail(Fixture *f, bool fail)
{
    lock_acquire(&f->lock);
    f->fail = fail;
    lock_release(&f->lock);
}

static void a_definition_that_fails_gives_back_no_claim_but_its_own(Fixture *f, gconstpointer data)
{
    const Uuid uuid = uuid_of(FIRST);
    Session *session;
    int fd = fixture_dial(f, "fake:///here", false, &session);
    bool fresh;
    Domain *claimed = domain_list_claim(session->host->domains, &uuid, "vm", &fresh, NULL);

    g_assert_nonnull(claimed);
    set_fail(f, true);
    call_define(fd, 1, FIRST);
    g_assert_cmpint(answer(f, fd, 1), ==, VIR_ERR_INTERNAL_ERROR);
    set_fail(f, false);
    call_define(fd, 2, SECOND);    /* the name is still that of the domain which is claimed */
    g_assert_cmpint(answer(f, fd, 2), ==, VIR_ERR_OPERATION_FAILED);
    domain_list_release(claimed);
    domain_unref(claimed);
    call_define(fd, 3, SECOND);
    g_assert_cmpint(answer(f, fd, 3), ==, VIR_ERR_OK);
    close(fd);
}

static void descriptors_of_an_operation_that_failed_are_closed(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = dial_to_domain(f, &session), before, after;
    const Uuid uuid = uuid_of(FIRST);

    before = dup(fd);
    close(before);
    for (uint32_t serial = 2; serial < 10; serial++) {
        call_domain(fd, REMOTE_PROC_DOMAIN_OPEN_GRAPHICS_FD, serial, &uuid);
        g_assert_cmpint(answer(f, fd, serial), ==, VIR_ERR_OPERATION_FAILED);
    }
    g_assert_true(rpc_drain(f->server.rpc, clock_now() + 60 * CLOCK_S));
    after = dup(fd);
    close(after);
    g_assert_cmpint(after, ==, before);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) FIXTURE_ADD("/server/serve/", claim)
    ADD(calls_before_the_opening_are_an_internal_error);
    ADD(a_call_before_the_opening_stays_one_when_that_ends_meanwhile);
    ADD(who_may_only_read_changes_nothing);
    ADD(what_the_driver_leaves_out_is_not_supported);
    ADD(arguments_that_are_cut_short_are_an_rpc_error);
    ADD(an_unknown_domain_is_named);
    ADD(who_waits_too_long_is_told_for_what);
    ADD(who_leaves_waits_for_nothing_any_more);
    ADD(those_that_wait_have_their_turn);
    ADD(a_definition_that_a_wrapper_fails_reserves_nothing);
    ADD(a_definition_that_fails_gives_back_no_claim_but_its_own);
    ADD(descriptors_of_an_operation_that_failed_are_closed);
    return g_test_run();
}
