/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records for the kernel's audit, with a double in the kernel's place: what is queued arrives in order, nobody waits for the
 * kernel, what is too much is counted, and the levels mean what the manual says. Also how records are written, and which
 * call becomes which. */
#include "server/audit-kernel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libvirt/virterror.h>

#include "base/clock.h"
#include "base/lock.h"
#include "rpc/remote-rows.h"
#include "server-fixture.h"

/* The double. One test runs at a time; set before the audit is made, or under `lock`. */
static struct {
    Lock lock;
    Cond changed;
    int open_result, enabled_result, send_result;
    bool held;                /* sending waits */
    unsigned opened, closed, sent, sending, looked;
    GPtrArray *ops;           /* of what was sent: op, reason, object, who, address, result */
} kernel;

static int double_open(void)
{
    kernel.opened += kernel.open_result >= 0;
    return kernel.open_result;
}

static int double_enabled(int fd)
{
    int r;

    g_assert_cmpint(fd, ==, kernel.open_result);
    lock_acquire(&kernel.lock);
    kernel.looked++;
    r = kernel.enabled_result;
    cond_broadcast(&kernel.changed);
    lock_release(&kernel.lock);
    return r;
}

static int double_send(int fd, const AuditRecord *record)
{
    int r;

    lock_assert_none();
    lock_acquire(&kernel.lock);
    kernel.sending++;
    cond_broadcast(&kernel.changed);
    while (kernel.held)
        cond_wait(&kernel.changed, &kernel.lock);
    g_ptr_array_add(kernel.ops, g_strdup_printf("%d %s %s %s %s %s %s", record->kind, record->op,
                                                record->reason ? record->reason : "-", record->object ? record->object : "-",
                                                record->who, record->address ? record->address : "-",
                                                record->done ? "done" : "failed"));
    kernel.sent++;
    r = kernel.send_result;
    cond_broadcast(&kernel.changed);
    lock_release(&kernel.lock);
    return r;
}

static void double_close(int fd)
{
    kernel.closed++;
}

static const AuditGate gate = { double_open, double_enabled, double_send, double_close };

static void reset(void)
{
    if (kernel.ops)
        g_ptr_array_unref(kernel.ops);
    kernel.ops = g_ptr_array_new_with_free_func(g_free);
    kernel.open_result = 7;
    kernel.enabled_result = 1;
    kernel.send_result = 0;
    kernel.held = false;
    kernel.opened = kernel.closed = kernel.sent = kernel.sending = kernel.looked = 0;
}

static AuditRecord *numbered(unsigned i)
{
    AuditRecord *record = g_new0(AuditRecord, 1);

    record->kind = AUDIT_CONTROL;
    record->op = "suspend";
    record->done = true;
    record->who = g_strdup("uid:0");
    record->object = g_strdup_printf("vm%u", i);
    return record;
}

static void wait_for(const unsigned *figure, unsigned value)
{
    lock_acquire(&kernel.lock);
    while (*figure < value)
        cond_wait(&kernel.changed, &kernel.lock);
    lock_release(&kernel.lock);
}

static void hold(bool held)
{
    lock_acquire(&kernel.lock);
    kernel.held = held;
    cond_broadcast(&kernel.changed);
    lock_release(&kernel.lock);
}

static void records_arrive_in_order_and_the_last_before_the_end(void)
{
    KernelAudit *audit;

    reset();
    audit = audit_kernel_new(&gate, 1, NULL);
    g_assert_true(audit_kernel_wanted(audit));
    for (unsigned i = 0; i < 1000; i++)
        audit_kernel_take(audit, numbered(i));
    audit_kernel_free(audit);
    g_assert_cmpuint(kernel.ops->len, ==, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        g_autofree char *expected = g_strdup_printf("%d suspend - vm%u uid:0 - done", AUDIT_CONTROL, i);

        g_assert_cmpstr(g_ptr_array_index(kernel.ops, i), ==, expected);
    }
    g_assert_cmpuint(kernel.opened, ==, 1);
    g_assert_cmpuint(kernel.closed, ==, 1);
}

static void nobody_waits_for_a_kernel_that_takes_nothing(void)
{
    KernelAudit *audit;

    reset();
    kernel.held = true;
    audit = audit_kernel_new(&gate, 1, NULL);
    audit_kernel_take(audit, numbered(0));
    wait_for(&kernel.sending, 1);
    for (unsigned i = 1; i <= 5000; i++)    /* 4,096 of them find room */
        audit_kernel_take(audit, numbered(i));
    hold(false);
    wait_for(&kernel.sent, 1 + 4096);
    audit_kernel_free(audit);
    g_assert_cmpuint(kernel.sent, ==, 1 + 4096);
    g_assert_true(g_str_has_prefix(g_ptr_array_index(kernel.ops, 4096), "0 suspend - vm4096 "));
}

static void who_cannot_send_goes_on(void)
{
    KernelAudit *audit;

    reset();
    kernel.send_result = -ECONNREFUSED;
    audit = audit_kernel_new(&gate, 1, NULL);
    for (unsigned i = 0; i < 10; i++)
        audit_kernel_take(audit, numbered(i));
    audit_kernel_free(audit);
    g_assert_cmpuint(kernel.sent, ==, 10);
}

static void while_the_host_has_it_off_few_records_are_wanted(void)
{
    unsigned wanted = 0;
    KernelAudit *audit;

    reset();
    kernel.enabled_result = 0;
    audit = audit_kernel_new(&gate, 1, NULL);
    g_assert_nonnull(audit);
    g_assert_false(audit_kernel_wanted(audit));
    while (!audit_kernel_wanted(audit))
        g_usleep(1000);    /* a second */
    lock_acquire(&kernel.lock);
    kernel.enabled_result = 1;
    lock_release(&kernel.lock);
    audit_kernel_take(audit, numbered(0));
    wait_for(&kernel.sent, 1);
    for (unsigned i = 0; i < 100; i++)
        wanted += audit_kernel_wanted(audit);
    g_assert_cmpuint(wanted, ==, 100);
    audit_kernel_free(audit);
}

static void level_0_opens_nothing(void)
{
    Error error = ERROR_INIT;

    reset();
    g_assert_null(audit_kernel_new(&gate, 0, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OK);
    g_assert_cmpuint(kernel.opened, ==, 0);
    g_assert_false(audit_kernel_wanted(NULL));
    audit_kernel_free(NULL);
}

/* Opening, asking; whether level 1 has it then, and level 2. */
static const struct {
    int open, enabled;
    bool first, second;
} levels[] = {
    { 7, 1, true, true },
    { 7, 0, true, false },
    { 7, -EPERM, true, false },
    { 7, -ECONNREFUSED, false, false },
    { -EPERM, 0, false, false },
    { -EPROTONOSUPPORT, 0, false, false },
};

static void level_1_does_without_and_level_2_does_not(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(levels); i++) {
        for (int level = 1; level <= 2; level++) {
            bool expected = level == 1 ? levels[i].first : levels[i].second;
            Error error = ERROR_INIT;
            KernelAudit *audit;

            reset();
            kernel.open_result = levels[i].open;
            kernel.enabled_result = levels[i].enabled;
            audit = audit_kernel_new(&gate, level, &error);
            g_assert_true((audit != NULL) == expected);
            g_assert_cmpint(error.code, ==, level == 1 || expected ? VIR_ERR_OK : VIR_ERR_CONFIG_UNSUPPORTED);
            error_clear(&error);
            audit_kernel_free(audit);
            g_assert_cmpuint(kernel.closed, ==, kernel.opened);
        }
    }
}

static void without_libaudit_only_level_2_complains(void)
{
    Error error = ERROR_INIT;

    g_assert_null(audit_kernel_new(NULL, 1, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OK);
    g_assert_null(audit_kernel_new(NULL, 2, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_nonnull(strstr(error.message, "built without libaudit"));
    error_clear(&error);
}

/* --- with a server ------------------------------------------------------------------------------ */

static void call(int fd, int proc, const XdrOut *args)
{
    const FrameHeader header = {
        .program = remote_program.number, .version = 1, .proc = proc, .type = FRAME_CALL, .serial = 1,
    };
    XdrOut out;
    size_t at;

    xdr_out_init(&out, NULL, 0);
    at = frame_begin(&out, &header);
    memcpy(xdr_reserve(&out, args->size), args->data, args->size);
    frame_end(&out, at);
    g_assert_cmpint(send(fd, out.data, out.size, MSG_NOSIGNAL), ==, out.size);
    xdr_out_deinit(&out);
}

static const char UUID[] = "11111111-0000-4000-8000-000000000001";

static void call_define(int fd)
{
    g_autofree char *document = g_strdup_printf("<domain type='test'><name>v m</name><uuid>%s</uuid><memory>1024</memory>"
                                                "<os><type>hvm</type></os></domain>", UUID);
    XdrOut args;

    xdr_out_init(&args, NULL, 0);
    xdr_put_string(&args, document, 10000);
    call(fd, REMOTE_PROC_DOMAIN_DEFINE_XML, &args);
    xdr_out_deinit(&args);
}

static void call_guest(int fd, int proc)
{
    XdrOut args;
    Uuid uuid;

    g_assert_true(uuid_parse(UUID, &uuid));
    xdr_out_init(&args, NULL, 0);
    xdr_put_string(&args, "v m", 100);
    xdr_put_opaque_fixed(&args, uuid.bytes, sizeof uuid.bytes);
    xdr_put_int(&args, -1);
    call(fd, proc, &args);
    xdr_out_deinit(&args);
}

/* Reads an answer, so that the call has ended or is about to, and waits until n records have come. */
static const char *record_after_answer(Fixture *f, int fd, unsigned n)
{
    int64_t deadline = clock_now() + 60 * CLOCK_S;
    FrameHeader header;

    while (!fixture_read(f, fd, &header)) {
        g_assert_cmpint(clock_now(), <, deadline);
        g_usleep(200);
    }
    wait_for(&kernel.sent, n);
    return g_ptr_array_index(kernel.ops, n - 1);
}

static void a_call_becomes_what_the_readers_of_the_audit_know(Fixture *f, gconstpointer data)
{
    g_autofree char *who = g_strdup_printf("uid:%u", (unsigned)geteuid()), *expected = NULL;
    Session *session, *reader;
    int fd, ro;

    reset();
    f->server.kernel_audit = audit_kernel_new(&gate, 1, NULL);
    fixture_open_gate(f);
    fd = fixture_dial(f, "fake:///here", false, &session);
    ro = fixture_dial(f, "fake:///here", true, &reader);
    call_define(fd);
    expected = g_strdup_printf("%d define_xml - v m %s - done", AUDIT_CONTROL, who);
    g_assert_cmpstr(record_after_answer(f, fd, 1), ==, expected);
    g_free(expected);
    call_guest(fd, REMOTE_PROC_DOMAIN_SUSPEND);
    expected = g_strdup_printf("%d suspend - v m %s - done", AUDIT_CONTROL, who);
    g_assert_cmpstr(record_after_answer(f, fd, 2), ==, expected);
    g_free(expected);
    call_guest(fd, REMOTE_PROC_DOMAIN_CREATE);    /* the driver can't */
    expected = g_strdup_printf("%d start booted - %s - failed", AUDIT_CONTROL, who);
    g_assert_cmpstr(record_after_answer(f, fd, 3), ==, expected);
    g_free(expected);
    call_guest(ro, REMOTE_PROC_DOMAIN_SUSPEND);    /* refused before the guest is looked for */
    expected = g_strdup_printf("%d suspend - - %s - failed", AUDIT_CONTROL, who);
    g_assert_cmpstr(record_after_answer(f, ro, 4), ==, expected);
    close(fd);
    close(ro);
    audit_kernel_free(g_steal_pointer(&f->server.kernel_audit));
}

#ifdef HAVE_AUDIT
static void assert_text(AuditRecord record, const char *expected)
{
    g_autofree char *text = NULL;

    record.who = record.who ? record.who : (char *)"uid:0";
    text = audit_record_text(&record);
    g_assert_cmpstr(text, ==, expected);
}

static void a_record_is_written_as_its_readers_want_it(void)
{
    assert_text((AuditRecord){ .kind = AUDIT_CONTROL, .virt = "xen", .op = "start", .reason = "booted", .object = (char *)"web",
                               .uuid = "11111111-0000-4000-8000-000000000001" },
                "virt=xen op=start reason=booted vm=\"web\" uuid=11111111-0000-4000-8000-000000000001 acct=\"uid:0\"");
    assert_text((AuditRecord){ .kind = AUDIT_RESOURCE, .virt = "test", .op = "dev", .reason = "attach" },
                "virt=test resrc=dev reason=attach vm=\"?\" uuid=? acct=\"uid:0\"");
    assert_text((AuditRecord){ .kind = AUDIT_CONFIG, .op = "client.close", .object = (char *)"timeout" },
                "op=client.close object=\"timeout\" acct=\"uid:0\"");
}

static void a_name_cannot_forge_a_record(void)
{
    assert_text((AuditRecord){ .kind = AUDIT_CONFIG, .op = "x", .object = (char *)"a' res=success" },
                "op=x object=6127207265733D73756363657373 acct=\"uid:0\"");
    assert_text((AuditRecord){ .kind = AUDIT_CONFIG, .op = "x", .object = (char *)"a\" b" },
                "op=x object=61222062 acct=\"uid:0\"");
    assert_text((AuditRecord){ .kind = AUDIT_CONFIG, .op = "x", .who = (char *)"dn:CN=a b", .object = (char *)"a'" },
                "op=x object=6127 acct=646E3A434E3D612062");
}
#endif

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    lock_init(&kernel.lock, LOCK_LOG);
    cond_init(&kernel.changed);
#define ADD(claim) g_test_add_func("/server/audit/" #claim, claim)
    ADD(records_arrive_in_order_and_the_last_before_the_end);
    ADD(nobody_waits_for_a_kernel_that_takes_nothing);
    ADD(who_cannot_send_goes_on);
    ADD(while_the_host_has_it_off_few_records_are_wanted);
    ADD(level_0_opens_nothing);
    ADD(level_1_does_without_and_level_2_does_not);
    ADD(without_libaudit_only_level_2_complains);
    FIXTURE_ADD("/server/audit/", a_call_becomes_what_the_readers_of_the_audit_know);
#ifdef HAVE_AUDIT
    ADD(a_record_is_written_as_its_readers_want_it);
    ADD(a_name_cannot_forge_a_record);
#endif
    status = g_test_run();
    cond_deinit(&kernel.changed);
    lock_deinit(&kernel.lock);
    g_ptr_array_unref(kernel.ops);
    return status;
}
