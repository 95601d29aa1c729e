/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may make which call: rows, flags, and the two ways in which a connection is read-only. */
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "rpc/remote-rows.h"
#include "server-fixture.h"

static const Proc *row(int number)
{
    const Proc *proc = program_proc(&remote_program, number);

    g_assert_nonnull(proc);
    return proc;
}

/* Zeroed arguments with these flags, for any row that has some. */
static void *args_with(const Proc *proc, uint32_t flags)
{
    char *args = g_malloc0(MAX(proc->args_size, 1));

    if (proc->flags_at >= 0)
        memcpy(args + proc->flags_at, &flags, sizeof flags);
    return args;
}

static int verdict(bool read_only, const Proc *proc, uint32_t flags)
{
    g_autofree void *args = args_with(proc, flags);
    Error error = ERROR_INIT;
    int r = access_check(read_only, proc, args, &error), code = error.code;

    g_assert_true((r == 0) == (code == VIR_ERR_OK));
    if (code != VIR_ERR_OK)
        g_assert_cmpint(error.domain, ==, proc->error_domain);
    error_clear(&error);
    return code;
}

static void who_may_change_may_make_every_call(void)
{
    for (int number = 1; (unsigned)number < remote_program.n_procs; number++)
        if (program_proc(&remote_program, number))
            g_assert_cmpint(verdict(false, row(number), ~(uint32_t)0), ==, VIR_ERR_OK);
}

static void who_may_only_read_may_make_no_call_that_is_denied(void)
{
    unsigned denied = 0;

    for (int number = 1; (unsigned)number < remote_program.n_procs; number++) {
        const Proc *proc = program_proc(&remote_program, number);

        if (!proc)
            continue;
        g_assert_cmpint(verdict(true, proc, 0), ==,
                        proc->flags & PROC_RO_DENIED ? VIR_ERR_OPERATION_DENIED : VIR_ERR_OK);
        denied += (proc->flags & PROC_RO_DENIED) != 0;
    }
    g_assert_cmpuint(denied, >, 100);
}

static void a_refusal_names_the_function_that_was_called(void)
{
    const Proc *proc = row(REMOTE_PROC_DOMAIN_SUSPEND);
    g_autofree void *args = args_with(proc, 0);
    Error error = ERROR_INIT;

    g_assert_cmpint(access_check(true, proc, args, &error), ==, -1);
    g_assert_cmpint(error.domain, ==, VIR_FROM_DOMAIN);
    g_assert_nonnull(strstr(error.message, "read only access prevents virDomainSuspend"));
    error_clear(&error);
}

static void secrets_in_a_document_are_for_who_may_change(void)
{
    const Proc *proc = row(REMOTE_PROC_DOMAIN_GET_XML_DESC);

    g_assert_cmpint(verdict(true, proc, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(verdict(true, proc, VIR_DOMAIN_XML_INACTIVE), ==, VIR_ERR_OK);
    g_assert_cmpint(verdict(true, proc, VIR_DOMAIN_XML_SECURE), ==, VIR_ERR_OPERATION_DENIED);
    g_assert_cmpint(verdict(true, proc, VIR_DOMAIN_XML_MIGRATABLE), ==, VIR_ERR_OPERATION_DENIED);
    g_assert_cmpint(verdict(true, proc, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE), ==,
                    VIR_ERR_OPERATION_DENIED);
}

static void flags_are_found_where_the_row_says(void)
{
    const Proc *proc = row(REMOTE_PROC_DOMAIN_GET_XML_DESC);
    g_autofree void *args = args_with(proc, 0x1234);

    g_assert_cmpuint(flags_of(proc, args), ==, 0x1234);
    g_assert_cmpuint(flags_of(proc, NULL), ==, 0);
    g_assert_cmpuint(flags_of(row(REMOTE_PROC_CONNECT_GET_TYPE), NULL), ==, 0);
}

static void the_read_only_socket_is_read_only_before_and_after_opening(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, NULL, true, &session);

    g_assert_true(session_read_only(session, NULL));
    session->host = fixture_host(f, "");
    g_assert_true(session_read_only(session, session->host));
    close(fd);
}

static void a_connection_that_was_opened_read_only_is_so(Fixture *f, gconstpointer data)
{
    Session *session;
    int fd = fixture_dial(f, "", false, &session);

    g_assert_false(session_read_only(session, session->host));
    session->read_only = true;
    g_assert_true(session_read_only(session, session->host));
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/server/access/" #claim, claim)
    ADD(who_may_change_may_make_every_call);
    ADD(who_may_only_read_may_make_no_call_that_is_denied);
    ADD(a_refusal_names_the_function_that_was_called);
    ADD(secrets_in_a_document_are_for_who_may_change);
    ADD(flags_are_found_where_the_row_says);
    FIXTURE_ADD("/server/access/", the_read_only_socket_is_read_only_before_and_after_opening);
    FIXTURE_ADD("/server/access/", a_connection_that_was_opened_read_only_is_so);
    return g_test_run();
}
