/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests the generated server/invoke.c: operations get their own types, and older procedures reach the
 * operation of the newer one with the right constants. */
#include "server/invoke.h"

#include <glib.h>
#include <libvirt/libvirt.h>

/* What the double of a driver was called with last. */
typedef struct Seen {
    const char *op;
    char text[64];
    uint64_t memory;
    uint32_t flags, number;
} Seen;

static Seen *seen_of(Op *op)
{
    return op->host->data;
}

static int suspend(Op *op, const RemoteDomainSuspendArgs *args)
{
    *seen_of(op) = (Seen){ .op = "suspend", .number = (uint32_t)args->dom.id };
    return 0;
}

static int get_info(Op *op, const RemoteDomainGetInfoArgs *args, RemoteDomainGetInfoResult *result)
{
    *seen_of(op) = (Seen){ .op = "get_info" };
    result->maxMem = 4096;
    return 0;
}

static int attach(Op *op, const RemoteDomainAttachDeviceFlagsArgs *args)
{
    *seen_of(op) = (Seen){ .op = "attach", .flags = args->flags, .number = (uint32_t)args->dom.id };
    g_strlcpy(seen_of(op)->text, args->xml, sizeof(seen_of(op)->text));
    return 0;
}

static int set_memory(Op *op, const RemoteDomainSetMemoryFlagsArgs *args)
{
    *seen_of(op) = (Seen){ .op = "set_memory", .flags = args->flags, .memory = args->memory };
    return 0;
}

static int get_scheduler(Op *op, const RemoteDomainGetSchedulerParametersFlagsArgs *args,
                         RemoteDomainGetSchedulerParametersFlagsResult *result)
{
    static RemoteTypedParam params[2];

    *seen_of(op) = (Seen){ .op = "get_scheduler", .flags = args->flags, .number = (uint32_t)args->nparams };
    result->n_params = 2;
    result->params = params;
    return args->nparams == 99 ? -1 : 0;
}

static int destroy(Op *op, const RemoteDomainDestroyFlagsArgs *args)
{
    *seen_of(op) = (Seen){ .op = "destroy", .flags = args->flags };
    return 0;
}

static int hypervisor_version(Op *op, RemoteConnectGetVersionResult *result)
{
    *seen_of(op) = (Seen){ .op = "version" };
    result->hv_ver = 2;
    return 0;
}

static int monitor(Op *op, const QemuDomainMonitorCommandArgs *args, QemuDomainMonitorCommandResult *result)
{
    *seen_of(op) = (Seen){ .op = "monitor" };
    result->result = args->cmd;
    return 0;
}

static const Driver double_driver = {
    .connect_get_version = hypervisor_version,
    .domain_suspend = suspend,
    .domain_get_info = get_info,
    .domain_attach_device_flags = attach,
    .domain_set_memory_flags = set_memory,
    .domain_get_scheduler_parameters_flags = get_scheduler,
    .domain_destroy_flags = destroy,
    .domain_monitor_command = monitor,
};

typedef struct Fixture {
    Seen seen;
    Host host;
    Op op;
} Fixture;

static void fixture_init(Fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->host.driver = &double_driver;
    fixture->host.data = &fixture->seen;
    fixture->op.host = &fixture->host;
}

static void operation_gets_its_arguments(void)
{
    RemoteDomainSuspendArgs args = { .dom.id = 7 };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpint(remote_invoke[REMOTE_PROC_DOMAIN_SUSPEND].invoke(&fixture.op, &args, NULL), ==, 0);
    g_assert_cmpstr(fixture.seen.op, ==, "suspend");
    g_assert_cmpuint(fixture.seen.number, ==, 7);
}

static void operation_fills_in_its_result(void)
{
    RemoteDomainGetInfoArgs args = { 0 };
    RemoteDomainGetInfoResult result = { 0 };
    RemoteConnectGetVersionResult version = { 0 };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpint(remote_invoke[REMOTE_PROC_DOMAIN_GET_INFO].invoke(&fixture.op, &args, &result), ==, 0);
    g_assert_cmpuint(result.maxMem, ==, 4096);
    g_assert_cmpint(remote_invoke[REMOTE_PROC_CONNECT_GET_VERSION].invoke(&fixture.op, NULL, &version), ==, 0);
    g_assert_cmpuint(version.hv_ver, ==, 2);
}

static void place_of_the_operation_tells_whether_it_is_there(void)
{
    const Invoke *there = &remote_invoke[REMOTE_PROC_DOMAIN_SUSPEND];
    const Invoke *missing = &remote_invoke[REMOTE_PROC_DOMAIN_RESUME];

    g_assert_cmpuint(there->op_at, ==, offsetof(struct Driver, domain_suspend));
    g_assert_nonnull(*(void *const *)((const char *)&double_driver + there->op_at));
    g_assert_null(*(void *const *)((const char *)&double_driver + missing->op_at));
}

static void older_attach_means_the_running_guest(void)
{
    RemoteDomainAttachDeviceArgs args = { .dom.id = 3, .xml = "<disk/>" };
    const Invoke *row = &remote_invoke[REMOTE_PROC_DOMAIN_ATTACH_DEVICE];
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpuint(row->via, ==, REMOTE_PROC_DOMAIN_ATTACH_DEVICE_FLAGS);
    g_assert_cmpuint(row->op_at, ==, offsetof(struct Driver, domain_attach_device_flags));
    g_assert_cmpint(row->invoke(&fixture.op, &args, NULL), ==, 0);
    g_assert_cmpstr(fixture.seen.op, ==, "attach");
    g_assert_cmpstr(fixture.seen.text, ==, "<disk/>");
    g_assert_cmpuint(fixture.seen.number, ==, 3);
    g_assert_cmpuint(fixture.seen.flags, ==, VIR_DOMAIN_AFFECT_LIVE);
}

static void older_maximum_is_a_flag_of_the_newer_call(void)
{
    RemoteDomainSetMaxMemoryArgs args = { .memory = 1024 };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpint(remote_invoke[REMOTE_PROC_DOMAIN_SET_MAX_MEMORY].invoke(&fixture.op, &args, NULL), ==, 0);
    g_assert_cmpuint(fixture.seen.memory, ==, 1024);
    g_assert_cmpuint(fixture.seen.flags, ==, VIR_DOMAIN_MEM_MAXIMUM);
}

static void older_destroy_has_no_flags(void)
{
    RemoteDomainDestroyArgs args = { 0 };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpint(remote_invoke[REMOTE_PROC_DOMAIN_DESTROY].invoke(&fixture.op, &args, NULL), ==, 0);
    g_assert_cmpstr(fixture.seen.op, ==, "destroy");
    g_assert_cmpuint(fixture.seen.flags, ==, 0);
}

static void answer_of_the_newer_call_comes_back_with_its_count(void)
{
    RemoteDomainGetSchedulerParametersArgs args = { .nparams = 5 };
    RemoteDomainGetSchedulerParametersResult result = { 0 };
    const Invoke *row = &remote_invoke[REMOTE_PROC_DOMAIN_GET_SCHEDULER_PARAMETERS];
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpint(row->invoke(&fixture.op, &args, &result), ==, 0);
    g_assert_cmpuint(fixture.seen.number, ==, 5);
    g_assert_cmpuint(result.n_params, ==, 2);
    g_assert_nonnull(result.params);
}

static void failure_of_the_newer_call_leaves_the_result_alone(void)
{
    RemoteDomainGetSchedulerParametersArgs args = { .nparams = 99 };
    RemoteDomainGetSchedulerParametersResult result = { 0 };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpint(remote_invoke[REMOTE_PROC_DOMAIN_GET_SCHEDULER_PARAMETERS].invoke(&fixture.op, &args, &result),
                    ==, -1);
    g_assert_cmpuint(result.n_params, ==, 0);
}

static void document_s_older_form_can_be_turned_into_the_newer_one(void)
{
    RemoteDomainDefineXmlArgs args = { .xml = "<domain/>" };
    RemoteDomainDefineXmlFlagsArgs newer = { 0 };
    RemoteDomainDefineXmlFlagsResult answer = { .dom = { .name = "vm-1", .id = -1 } };
    RemoteDomainDefineXmlResult result = { 0 };
    const Invoke *row = &remote_invoke[REMOTE_PROC_DOMAIN_DEFINE_XML];

    g_assert_null(row->invoke);
    g_assert_cmpuint(row->op_at, ==, 0);
    g_assert_cmpuint(row->via, ==, REMOTE_PROC_DOMAIN_DEFINE_XML_FLAGS);
    row->via_args(&args, &newer);
    g_assert_cmpstr(newer.xml, ==, "<domain/>");
    g_assert_cmpuint(newer.flags, ==, 0);
    row->via_result(&answer, &result);
    g_assert_cmpstr(result.dom.name, ==, "vm-1");
}

static void start_by_hand_has_no_operation(void)
{
    const Invoke *older = &remote_invoke[REMOTE_PROC_DOMAIN_CREATE];
    const Invoke *newer = &remote_invoke[REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS];

    g_assert_cmpuint(newer->op_at, ==, 0);
    g_assert_null(newer->invoke);
    g_assert_cmpuint(older->via, ==, REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS);
    g_assert_null(older->via_result);
}

static void programs_beside_the_remote_one_reach_the_driver_too(void)
{
    QemuDomainMonitorCommandArgs args = { .cmd = "info" };
    QemuDomainMonitorCommandResult result = { 0 };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpint(qemu_invoke[QEMU_PROC_DOMAIN_MONITOR_COMMAND].invoke(&fixture.op, &args, &result), ==, 0);
    g_assert_cmpstr(result.result, ==, "info");
}

#define TEST(name) g_test_add_func("/server/invoke/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(operation_gets_its_arguments);
    TEST(operation_fills_in_its_result);
    TEST(place_of_the_operation_tells_whether_it_is_there);
    TEST(older_attach_means_the_running_guest);
    TEST(older_maximum_is_a_flag_of_the_newer_call);
    TEST(older_destroy_has_no_flags);
    TEST(answer_of_the_newer_call_comes_back_with_its_count);
    TEST(failure_of_the_newer_call_leaves_the_result_alone);
    TEST(document_s_older_form_can_be_turned_into_the_newer_one);
    TEST(start_by_hand_has_no_operation);
    TEST(programs_beside_the_remote_one_reach_the_driver_too);
    return g_test_run();
}
