/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/capabilities.h promises: the form of both documents, and what is read from a kernel's files. */
#include "conf/capabilities.h"

#include <string.h>

#include <glib/gstdio.h>

static Arena arena;

static void expect_text(char *text, const char *expected)
{
    g_assert_cmpstr(text, ==, expected);
    g_free(text);
    arena_reset(&arena);
}

/* --- capabilities ------------------------------------------------------------------------------ */

static void host_and_guests_are_set_apart_by_empty_lines(void)
{
    Capabilities caps = { 0 };
    CapsGuest *guest;

    caps.host.iommu = ELEMENT_NEW(&arena, CapsIommu);
    caps.host.iommu->support = TRISTATE_NO;
    guest = capabilities_add_guest(&caps, "hvm", "i686", 32, "/usr/bin/hv", "test", &arena);
    capabilities_guest_features(guest, &arena)->pae = true;
    capabilities_guest_features(guest, &arena)->acpi = capabilities_toggle(true, false, &arena);
    capabilities_add_guest(&caps, "xen", "x86_64", 64, NULL, "xen", &arena);
    expect_text(capabilities_format(&caps),
                "<capabilities>\n"
                "\n"
                "  <host>\n"
                "    <iommu support='no'/>\n"
                "  </host>\n"
                "\n"
                "  <guest>\n"
                "    <os_type>hvm</os_type>\n"
                "    <arch name='i686'>\n"
                "      <wordsize>32</wordsize>\n"
                "      <emulator>/usr/bin/hv</emulator>\n"
                "      <domain type='test'/>\n"
                "    </arch>\n"
                "    <features>\n"
                "      <pae/>\n"
                "      <acpi default='on' toggle='no'/>\n"
                "    </features>\n"
                "  </guest>\n"
                "\n"
                "  <guest>\n"
                "    <os_type>xen</os_type>\n"
                "    <arch name='x86_64'>\n"
                "      <wordsize>64</wordsize>\n"
                "      <domain type='xen'/>\n"
                "    </arch>\n"
                "  </guest>\n"
                "\n"
                "</capabilities>\n");
}

static void cells_count_their_cpus(void)
{
    Capabilities caps = { 0 };
    CapsCell *cell = capabilities_add_cell(&caps.host, 0, 2048, &arena);

    capabilities_add_pages(cell, 4, 512, &arena);
    capabilities_add_distance(cell, 0, 10, &arena);
    capabilities_add_distance(cell, 1, 21, &arena);
    capabilities_add_cpu(cell, 0, 0, 0, 0, "0-1", &arena);
    capabilities_add_cpu(cell, 1, 0, 0, 0, "0-1", &arena);
    capabilities_add_cell(&caps.host, 1, 0, &arena);
    expect_text(capabilities_format(&caps),
                "<capabilities>\n"
                "\n"
                "  <host>\n"
                "    <topology>\n"
                "      <cells num='2'>\n"
                "        <cell id='0'>\n"
                "          <memory unit='KiB'>2048</memory>\n"
                "          <pages unit='KiB' size='4'>512</pages>\n"
                "          <distances>\n"
                "            <sibling id='0' value='10'/>\n"
                "            <sibling id='1' value='21'/>\n"
                "          </distances>\n"
                "          <cpus num='2'>\n"
                "            <cpu id='0' socket_id='0' die_id='0' core_id='0' siblings='0-1'/>\n"
                "            <cpu id='1' socket_id='0' die_id='0' core_id='0' siblings='0-1'/>\n"
                "          </cpus>\n"
                "        </cell>\n"
                "        <cell id='1'>\n"
                "          <memory unit='KiB'>0</memory>\n"
                "          <cpus num='0'>\n"
                "          </cpus>\n"
                "        </cell>\n"
                "      </cells>\n"
                "    </topology>\n"
                "  </host>\n"
                "\n"
                "</capabilities>\n");
}

static void the_host_says_how_it_migrates_and_confines(void)
{
    static const char *const transports[] = { "tcp", "rdma", NULL };
    Capabilities caps = { 0 };

    caps.host.power_management = ELEMENT_NEW(&arena, CapsPower);
    capabilities_set_migration(&caps.host, transports, &arena);
    capabilities_add_security(&caps.host, "none", "0", &arena);
    capabilities_add_security(&caps.host, "own", "", &arena);
    expect_text(capabilities_format(&caps),
                "<capabilities>\n"
                "\n"
                "  <host>\n"
                "    <power_management/>\n"
                "    <migration_features>\n"
                "      <live/>\n"
                "      <uri_transports>\n"
                "        <uri_transport>tcp</uri_transport>\n"
                "        <uri_transport>rdma</uri_transport>\n"
                "      </uri_transports>\n"
                "    </migration_features>\n"
                "    <secmodel>\n"
                "      <model>none</model>\n"
                "      <doi>0</doi>\n"
                "    </secmodel>\n"
                "    <secmodel>\n"
                "      <model>own</model>\n"
                "      <doi></doi>\n"
                "    </secmodel>\n"
                "  </host>\n"
                "\n"
                "</capabilities>\n");
}

/* --- domain capabilities ----------------------------------------------------------------------- */

static void values_come_in_the_order_of_their_enumeration(void)
{
    DomainCaps caps = { .path = "/usr/bin/hv", .domain = "test", .arch = "i686" };
    CapsItem *disk = capabilities_item(true, &arena);

    caps.devices = ELEMENT_NEW(&arena, CapsDevices);
    caps.devices->disk = disk;
    caps.devices->tpm = capabilities_item(false, &arena);
    capabilities_add_enum(&disk->enums, &disk->n_enums, "mode", &cpu_cache_mode_words,
                          1u << CPU_CACHE_MODE_DISABLE | 1u << CPU_CACHE_MODE_EMULATE, &arena);
    capabilities_add_enum(&disk->enums, &disk->n_enums, "none", &cpu_cache_mode_words, 0, &arena);
    expect_text(domain_capabilities_format(&caps),
                "<domainCapabilities>\n"
                "  <path>/usr/bin/hv</path>\n"
                "  <domain>test</domain>\n"
                "  <arch>i686</arch>\n"
                "  <devices>\n"
                "    <disk supported='yes'>\n"
                "      <enum name='mode'>\n"
                "        <value>emulate</value>\n"
                "        <value>disable</value>\n"
                "      </enum>\n"
                "      <enum name='none'/>\n"
                "    </disk>\n"
                "    <tpm supported='no'/>\n"
                "  </devices>\n"
                "</domainCapabilities>\n");
}

static void the_word_for_absent_comes_first(void)
{
    DomainCaps caps = { 0 };
    CapsItem *item = capabilities_item(true, &arena);

    caps.memory_backing = item;
    capabilities_add_enum(&item->enums, &item->n_enums, "check", &cpu_check_words,
                          1u << CPU_CHECK_ABSENT | 1u << CPU_CHECK_FULL, &arena);
    expect_text(domain_capabilities_format(&caps),
                "<domainCapabilities>\n"
                "  <memoryBacking supported='yes'>\n"
                "    <enum name='check'>\n"
                "      <value>default</value>\n"
                "      <value>full</value>\n"
                "    </enum>\n"
                "  </memoryBacking>\n"
                "</domainCapabilities>\n");
}

static Cpu *some_cpu(void)
{
    Cpu *cpu = ELEMENT_NEW(&arena, Cpu);
    CpuFeature *feature = ELEMENT_NEW(&arena, CpuFeature);

    cpu->model = ELEMENT_NEW(&arena, CpuModel);
    cpu->model->fallback = CPU_FALLBACK_FORBID;
    cpu->model->value = "m";
    cpu->vendor = "v";
    feature->policy = CPU_POLICY_DISABLE;
    feature->name = "f";
    element_list_add(&arena, (void ***)&cpu->features, &cpu->n_features, feature);
    return cpu;
}

static void each_cpu_mode_shows_what_is_its_own(void)
{
    static const char *const switches[] = { "on", "off", NULL };
    DomainCaps caps = { 0 };
    CapsCpuMode *mode;

    caps.cpu = ELEMENT_NEW(&arena, CapsCpuModes);
    capabilities_add_mode(caps.cpu, CPU_MODE_HOST_PASSTHROUGH, false, &arena);
    mode = capabilities_add_mode(caps.cpu, CPU_MODE_MAXIMUM, true, &arena);
    capabilities_add_names(&mode->enums, &mode->n_enums, "maximumMigratable", switches, &arena);
    mode = capabilities_add_mode(caps.cpu, CPU_MODE_HOST_MODEL, true, &arena);
    capabilities_set_host_model(mode, some_cpu());
    mode = capabilities_add_mode(caps.cpu, CPU_MODE_CUSTOM, true, &arena);
    capabilities_add_model(mode, "a", "Intel", CAPS_USABLE_YES, &arena);
    capabilities_add_model(mode, "b", NULL, CAPS_USABLE_UNKNOWN, &arena);
    expect_text(domain_capabilities_format(&caps),
                "<domainCapabilities>\n"
                "  <cpu>\n"
                "    <mode name='host-passthrough' supported='no'/>\n"
                "    <mode name='maximum' supported='yes'>\n"
                "      <enum name='maximumMigratable'>\n"
                "        <value>on</value>\n"
                "        <value>off</value>\n"
                "      </enum>\n"
                "    </mode>\n"
                "    <mode name='host-model' supported='yes'>\n"
                "      <model fallback='forbid'>m</model>\n"
                "      <vendor>v</vendor>\n"
                "      <feature policy='disable' name='f'/>\n"
                "    </mode>\n"
                "    <mode name='custom' supported='yes'>\n"
                "      <model usable='yes' vendor='Intel'>a</model>\n"
                "      <model usable='unknown' vendor='unknown'>b</model>\n"
                "    </mode>\n"
                "  </cpu>\n"
                "</domainCapabilities>\n");
}

static void features_are_supported_or_not(void)
{
    DomainCaps caps = { 0 };

    caps.features = ELEMENT_NEW(&arena, CapsFeatures);
    caps.features->vmcoreinfo = capabilities_support(true, &arena);
    caps.features->sgx = ELEMENT_NEW(&arena, CapsSgx);
    caps.features->sgx->supported = TRISTATE_NO;
    expect_text(domain_capabilities_format(&caps),
                "<domainCapabilities>\n"
                "  <features>\n"
                "    <vmcoreinfo supported='yes'/>\n"
                "    <sgx supported='no'/>\n"
                "  </features>\n"
                "</domainCapabilities>\n");
}

/* --- the kernel's files ------------------------------------------------------------------------ */

/* A machine: two NUMA nodes, in each a socket with two cores of two threads; 2 MiB pages. */
typedef struct Machine {
    char *root;
    GPtrArray *made;    /* paths, in the order in which they were made */
} Machine;

static void make_folders(Machine *machine, const char *path)
{
    g_autofree char *parent = g_path_get_dirname(path);

    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return;
    make_folders(machine, parent);
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    g_ptr_array_add(machine->made, g_strdup(path));
}

static void put(Machine *machine, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(machine->root, name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);

    make_folders(machine, folder);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_ptr_array_add(machine->made, g_steal_pointer(&path));
}

static void put_number(Machine *machine, int number, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void put_number(Machine *machine, int number, const char *format, ...)
{
    g_autofree char *name = NULL, *text = g_strdup_printf("%d\n", number);
    va_list arguments;

    va_start(arguments, format);
    name = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    put(machine, name, text);
}

static void put_cpu(Machine *machine, int cpu)
{
    g_autofree char *folder = g_strdup_printf("sys/devices/system/cpu/cpu%d", cpu);
    g_autofree char *siblings = g_strdup_printf("%s/topology/thread_siblings_list", folder);
    g_autofree char *pair = g_strdup_printf("%d-%d\n", cpu & ~1, cpu | 1);
    g_autofree char *index = g_strdup_printf("%s/cache/index0", folder);
    g_autofree char *type = g_strdup_printf("%s/type", index), *size = g_strdup_printf("%s/size", index);
    g_autofree char *shared = g_strdup_printf("%s/shared_cpu_list", index);

    put_number(machine, cpu / 4, "%s/topology/physical_package_id", folder);
    put_number(machine, 0, "%s/topology/die_id", folder);
    put_number(machine, cpu / 2 % 2, "%s/topology/core_id", folder);
    put(machine, siblings, pair);
    put_number(machine, 3, "%s/level", index);
    put_number(machine, cpu / 4, "%s/id", index);
    put(machine, type, "Unified\n");
    put(machine, size, cpu < 4 ? "2048K\n" : "1500K\n");
    put(machine, shared, cpu < 4 ? "0-3\n" : "4-7\n");
}

static void machine_init(Machine *machine)
{
    machine->root = g_dir_make_tmp("conf-capabilities-XXXXXX", NULL);
    machine->made = g_ptr_array_new_with_free_func(g_free);
    put(machine, "sys/devices/system/cpu/online", "0-7\n");
    for (int cpu = 0; cpu < 8; cpu++)
        put_cpu(machine, cpu);
    put(machine, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "3\n");
    put(machine, "proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n");
}

static void machine_add_nodes(Machine *machine)
{
    put(machine, "sys/devices/system/node/online", "0-1\n");
    put(machine, "sys/devices/system/node/node0/cpulist", "0-3\n");
    put(machine, "sys/devices/system/node/node1/cpulist", "4-7\n");
    put(machine, "sys/devices/system/node/node0/distance", "10 21\n");
    put(machine, "sys/devices/system/node/node1/distance", "21 10\n");
    put(machine, "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:        8192 kB\n");
    put(machine, "sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:        4096 kB\n");
    put(machine, "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "1\n");
}

static void machine_clear(Machine *machine)
{
    for (unsigned i = machine->made->len; i-- > 0;)
        g_assert_cmpint(g_remove(machine->made->pdata[i]), ==, 0);
    g_assert_cmpint(g_rmdir(machine->root), ==, 0);
    g_ptr_array_unref(machine->made);
    g_free(machine->root);
    arena_reset(&arena);
}

static void each_node_is_a_cell(void)
{
    Machine machine;
    CapsHost host = { 0 };
    const CapsCells *cells;

    machine_init(&machine);
    machine_add_nodes(&machine);
    capabilities_read_host(&host, machine.root, &arena);
    cells = host.topology->cells;
    g_assert_cmpint(cells->num, ==, 2);
    g_assert_cmpint(cells->cells[0]->memory, ==, 8192);
    g_assert_cmpint(cells->cells[1]->cpus->num, ==, 4);
    g_assert_cmpint(cells->cells[1]->cpus->cpus[1]->id, ==, 5);
    g_assert_cmpstr(cells->cells[1]->cpus->cpus[1]->siblings, ==, "4-5");
    g_assert_cmpint(cells->cells[1]->distances->siblings[0]->value, ==, 21);
    machine_clear(&machine);
}

static void memory_outside_of_huge_pages_is_in_small_ones(void)
{
    Machine machine;
    CapsHost host = { 0 };
    const CapsCell *cell;

    machine_init(&machine);
    machine_add_nodes(&machine);
    capabilities_read_host(&host, machine.root, &arena);
    cell = host.topology->cells->cells[0];
    g_assert_cmpint(cell->n_pages, ==, 2);
    g_assert_cmpint(cell->pages[0]->size * cell->pages[0]->value, ==, 8192 - 2048);
    g_assert_cmpint(cell->pages[1]->size, ==, 2048);
    g_assert_cmpint(cell->pages[1]->value, ==, 1);
    machine_clear(&machine);
}

static void a_kernel_without_nodes_has_one_cell_with_all_cpus(void)
{
    Machine machine;
    CapsHost host = { 0 };

    machine_init(&machine);
    capabilities_read_host(&host, machine.root, &arena);
    g_assert_cmpint(host.topology->cells->num, ==, 1);
    g_assert_cmpint(host.topology->cells->cells[0]->memory, ==, 16384);
    g_assert_cmpint(host.topology->cells->cells[0]->cpus->num, ==, 8);
    machine_clear(&machine);
}

static void cpus_that_share_a_cache_share_its_bank(void)
{
    Machine machine;
    CapsHost host = { 0 };

    machine_init(&machine);
    capabilities_read_host(&host, machine.root, &arena);
    g_assert_cmpint(host.cache->n_banks, ==, 2);
    g_assert_cmpint(host.cache->banks[0]->size, ==, 2);
    g_assert_cmpstr(host.cache->banks[0]->unit, ==, "MiB");
    g_assert_cmpint(host.cache->banks[1]->size, ==, 1500);
    g_assert_cmpstr(host.cache->banks[1]->unit, ==, "KiB");
    g_assert_cmpstr(host.cache->banks[1]->cpus, ==, "4-7");
    machine_clear(&machine);
}

static void sockets_are_counted_in_each_cell(void)
{
    Machine machine;
    CapsHost host = { 0 };
    CpuTopology topology;

    machine_init(&machine);
    machine_add_nodes(&machine);
    capabilities_read_host(&host, machine.root, &arena);
    capabilities_host_topology(&host, &topology);
    g_assert_cmpint(topology.sockets, ==, 1);
    g_assert_cmpint(topology.cores, ==, 2);
    g_assert_cmpint(topology.threads, ==, 2);
    machine_clear(&machine);
}

static void cpus_that_are_not_alike_are_in_one_socket(void)
{
    Machine machine;
    CapsHost host = { 0 };
    CpuTopology topology;

    machine_init(&machine);
    put(&machine, "sys/devices/system/cpu/cpu7/topology/physical_package_id", "2\n");
    capabilities_read_host(&host, machine.root, &arena);
    capabilities_host_topology(&host, &topology);
    g_assert_cmpint(topology.sockets, ==, 1);
    g_assert_cmpint(topology.cores, ==, 8);
    g_assert_cmpint(topology.threads, ==, 1);
    g_ptr_array_remove_index(machine.made, machine.made->len - 1);
    machine_clear(&machine);
}

static void without_iommu_groups_there_is_no_iommu(void)
{
    Machine machine;
    CapsHost host = { 0 };

    machine_init(&machine);
    capabilities_read_host(&host, machine.root, &arena);
    g_assert_cmpint(host.iommu->support, ==, TRISTATE_NO);
    put(&machine, "sys/kernel/iommu_groups/0/type", "DMA\n");
    capabilities_read_host(&host, machine.root, &arena);
    g_assert_cmpint(host.iommu->support, ==, TRISTATE_YES);
    machine_clear(&machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    arena_init(&arena, NULL, 0);
#define ADD(claim) g_test_add_func("/conf/capabilities/" #claim, claim)
    ADD(host_and_guests_are_set_apart_by_empty_lines);
    ADD(cells_count_their_cpus);
    ADD(the_host_says_how_it_migrates_and_confines);
    ADD(values_come_in_the_order_of_their_enumeration);
    ADD(the_word_for_absent_comes_first);
    ADD(each_cpu_mode_shows_what_is_its_own);
    ADD(features_are_supported_or_not);
    ADD(each_node_is_a_cell);
    ADD(memory_outside_of_huge_pages_is_in_small_ones);
    ADD(a_kernel_without_nodes_has_one_cell_with_all_cpus);
    ADD(cpus_that_share_a_cache_share_its_bank);
    ADD(sockets_are_counted_in_each_cell);
    ADD(cpus_that_are_not_alike_are_in_one_socket);
    ADD(without_iommu_groups_there_is_no_iommu);
    return g_test_run();
}
