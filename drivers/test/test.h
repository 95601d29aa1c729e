/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The insides of the test driver, shared by its files. */
#pragma once

#include "base/lock.h"
#include "conf/rules/rules.h"
#include "drivers/driver.h"

/* What the pretended machine has. */
typedef struct TestNode {
    char model[32];
    uint64_t memory;          /* KiB */
    int cpus, mhz, nodes, sockets, cores, threads;    /* sockets of each node, cores of each socket, … */
} TestNode;

typedef struct TestHost {
    /* fixed after open */
    TestNode node;
    char *capabilities;
    /* under LOCK_TEST_HOST */
    Lock lock;
    int next_id;
} TestHost;

/* What the driver knows of a domain: Domain.driver_data. Made before the domain is published first and never
 * replaced, so that its consoles find it as long as they hold the domain. */
typedef struct TestDomain {
    /* under LOCK_TEST_HOST, this one's own */
    Lock lock;
    struct ConsoleStream *console;  /* the session that has the line, NULL: nobody */
} TestDomain;

static inline TestHost *test_host(const Host *host)
{
    return host->data;
}

#define TEST_MAX_VCPUS 32
#define TEST_ARCH "i686"    /* of every pretended machine whose document says nothing else */

/* --- host.c ---------------------------------------------------------------------------------- */
bool test_claims(const char *uri, char **key, Error *error);
int test_open(Host *host, const char *uri, bool read_only, Error *error);
void test_close(Host *host);
/* Makes driver_data; called by whoever publishes a domain first, inside its job. */
void test_domain_attach(Domain *domain);

/* --- node-file.c ----------------------------------------------------------------------------- */
/* Fills the host from the file: the node, then the domains. 0 or -1 and an error. Reads files. */
int test_load_node_file(Host *host, const char *path, Error *error);

/* --- node.c ---------------------------------------------------------------------------------- */
extern const TestNode test_default_node;
char *test_capabilities(const TestNode *node);    /* owned by the caller */
int test_connect_get_version(Op *op, RemoteConnectGetVersionResult *result);
int test_connect_get_capabilities(Op *op, RemoteConnectGetCapabilitiesResult *result);
int test_connect_get_max_vcpus(Op *op, const RemoteConnectGetMaxVcpusArgs *args,
                               RemoteConnectGetMaxVcpusResult *result);
int test_node_get_info(Op *op, RemoteNodeGetInfoResult *result);
int test_node_get_free_memory(Op *op, RemoteNodeGetFreeMemoryResult *result);
int test_node_get_cells_free_memory(Op *op, const RemoteNodeGetCellsFreeMemoryArgs *args,
                                    RemoteNodeGetCellsFreeMemoryResult *result);
int test_node_get_cpu_map(Op *op, const RemoteNodeGetCpuMapArgs *args, RemoteNodeGetCpuMapResult *result);
int test_node_get_security_model(Op *op, RemoteNodeGetSecurityModelResult *result);
int test_domain_get_security_label(Op *op, const RemoteDomainGetSecurityLabelArgs *args,
                                   RemoteDomainGetSecurityLabelResult *result);

/* --- life.c: in a job of the domain ------------------------------------------------------------ */
/* Runs `config` in the domain, without an event. 0 or -1 and an error. */
int test_start(Host *host, Domain *domain, const DomainConfig *config, int state, int reason, uint64_t bound_to,
               Error *error);
int test_domain_start(Op *op, const DomainConfig *config, uint32_t flags);
int test_domain_suspend(Op *op, const RemoteDomainSuspendArgs *args);
int test_domain_resume(Op *op, const RemoteDomainResumeArgs *args);
int test_domain_shutdown_flags(Op *op, const RemoteDomainShutdownFlagsArgs *args);
int test_domain_reboot(Op *op, const RemoteDomainRebootArgs *args);
int test_domain_reset(Op *op, const RemoteDomainResetArgs *args);
int test_domain_destroy_flags(Op *op, const RemoteDomainDestroyFlagsArgs *args);
uint64_t test_domain_cpu_time(const DomainView *view);

/* --- define.c: in a job of the domain ---------------------------------------------------------- */
extern const DomainRules test_domain_rules;
int test_domain_define(Op *op, const DomainConfig *config);
int test_domain_undefine_flags(Op *op, const RemoteDomainUndefineFlagsArgs *args);
int test_domain_set_autostart(Op *op, const RemoteDomainSetAutostartArgs *args);
int test_domain_rename(Op *op, const RemoteDomainRenameArgs *args, RemoteDomainRenameResult *result);

/* --- resources.c: in a job of the domain ------------------------------------------------------- */
int test_domain_get_vcpus(Op *op, const RemoteDomainGetVcpusArgs *args, RemoteDomainGetVcpusResult *result);
int test_domain_set_vcpus_flags(Op *op, const RemoteDomainSetVcpusFlagsArgs *args);
int test_domain_set_memory_flags(Op *op, const RemoteDomainSetMemoryFlagsArgs *args);

/* --- device.c: in a job of the domain ---------------------------------------------------------- */
int test_domain_attach_device_flags(Op *op, const RemoteDomainAttachDeviceFlagsArgs *args);
int test_domain_detach_device_flags(Op *op, const RemoteDomainDetachDeviceFlagsArgs *args);
int test_domain_update_device_flags(Op *op, const RemoteDomainUpdateDeviceFlagsArgs *args);
int test_domain_detach_device_alias(Op *op, const RemoteDomainDetachDeviceAliasArgs *args);

/* --- console.c, screenshot.c: in a job of the domain; the stream outlives it ------------------- */
/* The machine is off: whoever has its console reads to the end. */
void test_console_hang_up(Domain *domain);
int test_domain_open_console(Op *op, const RemoteDomainOpenConsoleArgs *args);
int test_domain_screenshot(Op *op, const RemoteDomainScreenshotArgs *args, RemoteDomainScreenshotResult *result);
