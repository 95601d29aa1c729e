/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests the rows that rpc/gen makes against facts of the protocol that are written down here a second time. */
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "rpc/admin-rows.h"
#include "rpc/keepalive-rows.h"
#include "rpc/lxc-rows.h"
#include "rpc/qemu-rows.h"
#include "rpc/remote-rows.h"

static const Proc *row(int number)
{
    const Proc *proc = program_proc(&remote_program, number);

    g_assert_nonnull(proc);
    return proc;
}

static unsigned count(const Program *program)
{
    unsigned n = 0;

    for (unsigned i = 0; i < program->n_procs; i++)
        n += program_proc(program, (int32_t)i) != NULL;
    return n;
}

static void programs_have_their_numbers(void)
{
    g_assert_cmphex(remote_program.number, ==, 0x20008086);
    g_assert_cmphex(qemu_program.number, ==, 0x20008087);
    g_assert_cmphex(lxc_program.number, ==, 0x00068000);
    g_assert_cmphex(admin_program.number, ==, 0x06900690);
    g_assert_cmphex(keepalive_program.number, ==, 0x6b656570);
    g_assert_cmpuint(remote_program.version, ==, 1);
}

static void every_procedure_has_a_row(void)
{
    g_assert_cmpuint(count(&remote_program), ==, 443);
    g_assert_cmpuint(count(&qemu_program), ==, 7);
    g_assert_cmpuint(count(&lxc_program), ==, 1);
    g_assert_cmpuint(count(&admin_program), ==, 19);
    g_assert_cmpuint(count(&keepalive_program), ==, 2);
    for (int i = 1; i <= 443; i++)
        g_assert_cmpuint(row(i)->number, ==, i);
}

static void numbers_outside_have_no_row(void)
{
    g_assert_null(program_proc(&remote_program, 0));
    g_assert_null(program_proc(&remote_program, -1));
    g_assert_null(program_proc(&remote_program, 444));
    g_assert_null(program_proc(&remote_program, INT32_MIN));
    g_assert_null(program_proc(&remote_program, INT32_MAX));
}

/* Number, name on the wire, lane, job of conf/job.h. */
static const struct {
    int number;
    const char *wire_name;
    Lane lane;
    int job;
} facts[] = {
    { 1, "CONNECT_OPEN", LANE_CONTROL, 0 },
    { 6, "NODE_GET_INFO", LANE_INLINE, 0 },
    { 12, "DOMAIN_DESTROY", LANE_DOMAIN, 4 },
    { 14, "DOMAIN_GET_XML_DESC", LANE_INLINE, 0 },
    { 16, "DOMAIN_GET_INFO", LANE_INLINE, 0 },
    { 23, "DOMAIN_LOOKUP_BY_NAME", LANE_INLINE, 0 },
    { 34, "DOMAIN_SUSPEND", LANE_DOMAIN, 2 },
    { 37, "CONNECT_LIST_DOMAINS", LANE_BULK, 0 },
    { 47, "NETWORK_LOOKUP_BY_UUID", LANE_WORKER, 0 },
    { 60, "CONNECT_SUPPORTS_FEATURE", LANE_CONTROL, 0 },
    { 64, "DOMAIN_BLOCK_STATS", LANE_DOMAIN, 1 },
    { 66, "AUTH_LIST", LANE_CONTROL, 0 },
    { 94, "STORAGE_VOL_DELETE", LANE_WORKER, 0 },
    { 157, "CONNECT_GET_LIB_VERSION", LANE_INLINE, 0 },
    { 163, "DOMAIN_GET_JOB_INFO", LANE_INLINE, 0 },
    { 164, "DOMAIN_ABORT_JOB", LANE_WORKER, 0 },
    { 182, "DOMAIN_MANAGED_SAVE", LANE_DOMAIN, 3 },
    { 207, "DOMAIN_MIGRATE_SET_MAX_SPEED", LANE_DOMAIN, 1 },
    { 209, "STORAGE_VOL_DOWNLOAD", LANE_WORKER, 0 },
    { 273, "CONNECT_LIST_ALL_DOMAINS", LANE_BULK, 0 },
    { 305, "DOMAIN_MIGRATE_PERFORM3_PARAMS", LANE_DOMAIN, 3 },
    { 316, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", LANE_CONTROL, 0 },
    { 350, "DOMAIN_DEFINE_XML_FLAGS", LANE_DOMAIN, 2 },
    { 443, "DOMAIN_FD_ASSOCIATE", LANE_DOMAIN, 2 },
};

static void rows_say_what_the_protocol_says(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(facts); i++) {
        const Proc *proc = row(facts[i].number);

        g_assert_cmpstr(proc->wire_name, ==, facts[i].wire_name);
        g_assert_cmpint(proc->lane, ==, facts[i].lane);
        g_assert_cmpint(proc->job, ==, facts[i].job);
    }
    g_assert_cmpstr(row(34)->name, ==, "domain.suspend");
    g_assert_cmpstr(row(34)->api, ==, "virDomainSuspend");
    g_assert_cmpstr(row(96)->name, ==, "storage_vol.lookup_by_key");
    g_assert_cmpstr(row(60)->api, ==, "");
}

static void limits_are_the_protocol_s(void)
{
    g_assert_cmpint(REMOTE_LIMIT_STRING, ==, 4194304);
    g_assert_cmpint(REMOTE_LIMIT_DOMAIN_LIST, ==, 16384);
    g_assert_cmpint(REMOTE_LIMIT_NODE_DEVICE_LIST, ==, 65536);
    g_assert_cmpint(REMOTE_LIMIT_MIGRATE_COOKIE, ==, 4194304);
    g_assert_cmpint(REMOTE_LIMIT_CONNECT_GET_ALL_DOMAIN_STATS, ==, 262144);
    g_assert_cmpint(REMOTE_LIMIT_DOMAIN_SEND_KEY, ==, 16);
    g_assert_cmpint(REMOTE_LIMIT_AUTH_SASL_DATA, ==, 65536);
    g_assert_cmpint(REMOTE_LIMIT_CPUMAPS, ==, 8388608);
    g_assert_cmpint(ADMIN_LIMIT_CLIENT_LIST, ==, 16384);
}

/* Whether exactly the listed numbers (0 ends) of the remote program have the flag. */
static void assert_flag(ProcFlag flag, const int *numbers)
{
    for (int i = 1; i <= 443; i++) {
        bool given = (row(i)->flags & flag) != 0;

        if (i == *numbers) {
            g_assert_true(given);
            numbers++;
        } else {
            g_assert_false(given);
        }
    }
    g_assert_cmpint(*numbers, ==, 0);
}

static void only_authentication_comes_before_authentication(void)
{
    assert_flag(PROC_BEFORE_AUTH, (const int[]){ 66, 67, 68, 69, 70, 0 });
    assert_flag(PROC_BEFORE_OPEN, (const int[]){ 1, 2, 60, 66, 67, 68, 69, 70, 0 });
}

static void files_and_streams_go_where_they_should(void)
{
    assert_flag(PROC_FDS_IN, (const int[]){ 249, 309, 310, 443, 0 });
    assert_flag(PROC_FDS_OUT, (const int[]){ 343, 0 });
    assert_flag(PROC_STREAM_UP, (const int[]){ 148, 201, 208, 215, 296, 304, 0 });
    assert_flag(PROC_STREAM_DOWN, (const int[]){ 201, 209, 211, 296, 0 });
    assert_flag(PROC_STREAM_SPARSE, (const int[]){ 208, 209, 0 });
    g_assert_cmpint(program_proc(&qemu_program, 7)->flags & (PROC_FDS_IN | PROC_FDS_OUT), ==,
                    PROC_FDS_IN | PROC_FDS_OUT);
}

static void events_cannot_be_called(void)
{
    unsigned n = 0;

    for (int i = 1; i <= 443; i++)
        n += (row(i)->flags & PROC_EVENT) != 0;
    g_assert_cmpuint(n, ==, 51);
    g_assert_true(row(107)->flags & PROC_EVENT);
    g_assert_true(row(318)->flags & PROC_EVENT);
    g_assert_null(row(318)->decode);
}

static void read_only_connections_may_not_change_or_see_secrets(void)
{
    unsigned denied = 0;

    for (int i = 1; i <= 443; i++)
        denied += (row(i)->flags & PROC_RO_DENIED) != 0;
    g_assert_cmpuint(denied, ==, 199);
    g_assert_true(row(34)->flags & PROC_RO_DENIED);
    g_assert_true(row(145)->flags & PROC_RO_DENIED);
    g_assert_false(row(16)->flags & PROC_RO_DENIED);
    g_assert_false(row(14)->flags & PROC_RO_DENIED);
    g_assert_cmpuint(row(14)->ro_flags, ==, 1 | 8);
    g_assert_cmpuint(row(186)->ro_flags, ==, 1);
    g_assert_cmpuint(row(388)->ro_flags, ==, 1);
    g_assert_cmpuint(row(412)->ro_flags, ==, 1);
}

static void flags_are_found_in_the_arguments(void)
{
    g_assert_cmpint(row(14)->flags_at, ==, offsetof(RemoteDomainGetXmlDescArgs, flags));
    g_assert_cmpint(row(34)->flags_at, ==, -1);
    g_assert_cmpint(row(61)->flags_at, ==, -1);    /* 64 bits wide there */
    g_assert_cmpint(row(353)->flags_at, ==, offsetof(RemoteDomainInterfaceAddressesArgs, source));
}

static void objects_are_found_in_the_arguments(void)
{
    g_assert_cmpint(row(34)->object, ==, PROC_OBJECT_DOMAIN);
    g_assert_cmpint(row(34)->object_at, ==, 0);
    g_assert_cmpint(row(192)->object, ==, PROC_OBJECT_SNAPSHOT);
    g_assert_cmpint(row(192)->object_at, ==, offsetof(RemoteDomainRevertToSnapshotArgs, snap.dom));
    g_assert_cmpint(row(417)->object, ==, PROC_OBJECT_CHECKPOINT);
    g_assert_cmpint(row(417)->object_at, ==, offsetof(RemoteDomainCheckpointDeleteArgs, checkpoint.dom));
    g_assert_cmpint(row(228)->object, ==, PROC_OBJECT_CONNECT);
    g_assert_cmpint(row(23)->object, ==, PROC_OBJECT_CONNECT);
    g_assert_cmpint(row(120)->object, ==, PROC_OBJECT_NODE_DEVICE);
    g_assert_cmpint(row(113)->object, ==, PROC_OBJECT_CONNECT);
    g_assert_cmpint(row(94)->object, ==, PROC_OBJECT_VOLUME);
    g_assert_cmpint(row(125)->object, ==, PROC_OBJECT_POOL);
    g_assert_cmpint(row(410)->object, ==, PROC_OBJECT_NETWORK_PORT);
    g_assert_cmpint(row(404)->object, ==, PROC_OBJECT_NETWORK);
    g_assert_cmpint(row(66)->object, ==, PROC_OBJECT_NONE);
    g_assert_cmpint(row(318)->object, ==, PROC_OBJECT_NONE);
}

static void every_job_of_a_domain_has_its_domain_or_a_document(void)
{
    for (int i = 1; i <= 443; i++) {
        int object = row(i)->object;

        if (row(i)->lane != LANE_DOMAIN)
            continue;
        g_assert_cmpint(row(i)->job, !=, 0);
        if (object != PROC_OBJECT_DOMAIN && object != PROC_OBJECT_SNAPSHOT && object != PROC_OBJECT_CHECKPOINT)
            g_assert_true(i == 10 || i == 11 || i == 350 || i == 54 || i == 233);    /* define, create, restore */
    }
}

static void errors_come_from_the_object_s_domain(void)
{
    g_assert_cmpint(row(34)->error_domain, ==, VIR_FROM_DOMAIN);
    g_assert_cmpint(row(273)->error_domain, ==, VIR_FROM_DOMAIN);
    g_assert_cmpint(row(46)->error_domain, ==, VIR_FROM_NETWORK);
    g_assert_cmpint(row(283)->error_domain, ==, VIR_FROM_NETWORK);
    g_assert_cmpint(row(84)->error_domain, ==, VIR_FROM_STORAGE);
    g_assert_cmpint(row(94)->error_domain, ==, VIR_FROM_STORAGE);
    g_assert_cmpint(row(111)->error_domain, ==, VIR_FROM_NODEDEV);
    g_assert_cmpint(row(128)->error_domain, ==, VIR_FROM_INTERFACE);
    g_assert_cmpint(row(142)->error_domain, ==, VIR_FROM_SECRET);
    g_assert_cmpint(row(175)->error_domain, ==, VIR_FROM_NWFILTER);
    g_assert_cmpint(row(185)->error_domain, ==, VIR_FROM_DOMAIN_SNAPSHOT);
    g_assert_cmpint(row(6)->error_domain, ==, VIR_FROM_NONE);
}

static void assert_right(const ProcRight *right, const char *object, const char *permission, uint32_t only_with,
                         uint32_t not_with)
{
    g_assert_cmpstr(right->object, ==, object);
    g_assert_cmpstr(right->permission, ==, permission);
    g_assert_cmpuint(right->only_with, ==, only_with);
    g_assert_cmpuint(right->not_with, ==, not_with);
}

static void rights_depend_on_the_flags(void)
{
    const ProcRight *rights = row(199)->rights;

    assert_right(&row(34)->rights[0], "domain", "suspend", 0, 0);
    g_assert_null(row(34)->rights[1].object);
    assert_right(&rights[0], "domain", "write", 0, 0);
    assert_right(&rights[1], "domain", "save", 0, VIR_DOMAIN_AFFECT_CONFIG | VIR_DOMAIN_AFFECT_LIVE);
    assert_right(&rights[2], "domain", "save", VIR_DOMAIN_AFFECT_CONFIG, 0);
    assert_right(&rights[3], "domain", "write", VIR_DOMAIN_VCPU_GUEST, 0);
    g_assert_null(rights[4].object);
    assert_right(&row(14)->rights[1], "domain", "read_secure", VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE, 0);
    assert_right(&row(273)->filter, "domain", "getattr", 0, 0);
    g_assert_null(row(34)->filter.object);
}

static const ProcEvent *event(int family, int id)
{
    for (size_t i = 0; i < REMOTE_EVENTS; i++)
        if (remote_events[i].family == family && remote_events[i].id == id)
            return &remote_events[i];
    g_assert_not_reached();
}

static void every_event_has_its_messages(void)
{
    g_assert_cmpint(REMOTE_EVENTS, ==, 27 + 8);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_LIFECYCLE)->number, ==, 318);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_LIFECYCLE)->legacy, ==, 107);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON)->number, ==, 324);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON)->legacy, ==, 195);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2)->number, ==, 339);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2)->legacy, ==, 0);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE)->number, ==, 438);
    g_assert_cmpint(event(EVENT_FAMILY_NETWORK, 0)->number, ==, 315);
    g_assert_cmpint(event(EVENT_FAMILY_STORAGE_POOL, 1)->number, ==, 373);
    g_assert_cmpint(event(EVENT_FAMILY_NODE_DEVICE, 1)->number, ==, 377);
    g_assert_cmpint(event(EVENT_FAMILY_SECRET, 1)->number, ==, 383);
    g_assert_cmpint(event(EVENT_FAMILY_CLOSE, 0)->number, ==, 362);
    g_assert_cmpint(qemu_events[0].number, ==, 6);
}

static void older_message_lies_inside_the_newer_one(void)
{
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_PMWAKEUP)->legacy_at, ==,
                    offsetof(RemoteDomainEventCallbackPmwakeupMsg, msg));
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_PMWAKEUP)->legacy_at, >, 0);
    g_assert_cmpint(event(EVENT_FAMILY_DOMAIN, VIR_DOMAIN_EVENT_ID_REBOOT)->legacy_at, ==, 0);
}

#define TEST(name) g_test_add_func("/rpc/rows/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(programs_have_their_numbers);
    TEST(every_procedure_has_a_row);
    TEST(numbers_outside_have_no_row);
    TEST(rows_say_what_the_protocol_says);
    TEST(limits_are_the_protocol_s);
    TEST(only_authentication_comes_before_authentication);
    TEST(files_and_streams_go_where_they_should);
    TEST(events_cannot_be_called);
    TEST(read_only_connections_may_not_change_or_see_secrets);
    TEST(flags_are_found_in_the_arguments);
    TEST(objects_are_found_in_the_arguments);
    TEST(every_job_of_a_domain_has_its_domain_or_a_document);
    TEST(errors_come_from_the_object_s_domain);
    TEST(rights_depend_on_the_flags);
    TEST(every_event_has_its_messages);
    TEST(older_message_lies_inside_the_newer_one);
    return g_test_run();
}
