/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks the CPU that this process runs on: the CPUID instruction, what the kernel says in /proc and /dev, and KVM.
 * Whatever can't be read is left out. Any thread; does not wait for anything but these files. */
#include "conf/cpu/cpu-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/kvm.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "base/auto.h"

#define MSR_ARCH_CAPABILITIES 0x10a
#define CPUINFO "/proc/cpuinfo"

/* --- CPUID ------------------------------------------------------------------------------------- */

#if defined(__x86_64__) || defined(__i386__)

#define LEAF_EXTENDED 0x80000000u

static CpuidLeaf ask(uint32_t leaf, uint32_t sub)
{
    CpuidLeaf answer = { .leaf = leaf, .sub = sub };

    __cpuid_count(leaf, sub, answer.eax, answer.ebx, answer.ecx, answer.edx);
    return answer;
}

/* Is there such a leaf? For one beyond the last the CPU answers with that of another. */
static bool leaf_exists(uint32_t leaf, uint32_t sub)
{
    uint32_t base = leaf & LEAF_EXTENDED;

    if (ask(base, 0).eax < leaf)
        return false;
    switch (leaf) {
    case 0x7:
    case 0x14:    /* EAX of the first says which is the last */
        return sub <= ask(leaf, 0).eax;
    case 0xf:     /* EDX of the first has a bit for each */
        return sub == 0 || (sub < 32 && ask(leaf, 0).edx >> sub & 1);
    case 0x12:    /* only where leaf 7 has SGX */
        return leaf_exists(7, 0) && ask(7, 0).ebx & 1u << 2;
    default:
        return true;
    }
}

static void add_leaf(GArray *leaves, uint32_t leaf, uint32_t sub)
{
    CpuidLeaf answer;

    for (unsigned i = 0; i < leaves->len; i++) {
        const CpuidLeaf *known = &g_array_index(leaves, CpuidLeaf, i);

        if (known->leaf == leaf && known->sub == sub)
            return;
    }
    if (!leaf_exists(leaf, sub))
        return;
    answer = ask(leaf, sub);
    g_array_append_val(leaves, answer);
}

/* Vendor and signature, and whatever the map knows a feature of. */
static void read_leaves(const CpuMap *map, GArray *leaves)
{
    add_leaf(leaves, 0, 0);
    add_leaf(leaves, 1, 0);
    for (unsigned i = 0; i < map->words->len; i++) {
        const CpuWord *word = &g_array_index(map->words, CpuWord, i);

        if (!word->msr)
            add_leaf(leaves, word->leaf, word->sub);
    }
}

#else

static void read_leaves(const CpuMap *map, GArray *leaves)
{
    (void)map;
    (void)leaves;
}

#endif

/* --- KVM --------------------------------------------------------------------------------------- */

static bool read_msr_device(uint32_t index, uint64_t *value)
{
    AUTO_FD fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);

    return fd >= 0 && pread(fd, value, sizeof *value, index) == (ssize_t)sizeof *value;
}

#if defined(__linux__) && defined(KVM_GET_MSRS) && (defined(__x86_64__) || defined(__i386__))

static bool read_msr_kvm(uint32_t index, uint64_t *value)
{
    AUTO_FD fd = open("/dev/kvm", O_RDONLY | O_CLOEXEC);
    union {
        struct kvm_msrs msrs;
        char room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
    } asked = { .msrs.nmsrs = 1 };

    asked.msrs.entries[0].index = index;
    if (fd < 0 || ioctl(fd, KVM_GET_MSRS, &asked.msrs) != 1)
        return false;
    *value = asked.msrs.entries[0].data;
    return true;
}

/* The frequency of the time-stamp counter, and whether KVM can give guests another one. */
static CpuCounter *read_counter(Arena *arena)
{
    AUTO_FD kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    AUTO_FD vm = kvm >= 0 ? ioctl(kvm, KVM_CREATE_VM, 0) : -1;
    AUTO_FD cpu = vm >= 0 ? ioctl(vm, KVM_CREATE_VCPU, 0) : -1;
    int khz = cpu >= 0 ? ioctl(cpu, KVM_GET_TSC_KHZ, 0) : -1;
    CpuCounter *counter;

    if (khz <= 0)
        return NULL;
    counter = ELEMENT_NEW(arena, CpuCounter);
    counter->name = "tsc";
    counter->frequency = (uint64_t)khz * 1000;
    counter->has_frequency = true;
    counter->scaling = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0 ? TRISTATE_YES : TRISTATE_NO;
    return counter;
}

#else

static bool read_msr_kvm(uint32_t index, uint64_t *value)
{
    (void)index;
    (void)value;
    return false;
}

static CpuCounter *read_counter(Arena *arena)
{
    (void)arena;
    return NULL;
}

#endif

/* --- /proc/cpuinfo ----------------------------------------------------------------------------- */

/* The number behind "name\t: " in its first line with that name; false when there is none. */
static bool cpuinfo_number(const char *name, unsigned *value)
{
    g_autofree char *text = NULL;
    size_t length = strlen(name);

    if (!g_file_get_contents(CPUINFO, &text, NULL, NULL))
        return false;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        const char *at;
        char *end;

        line += *line == '\n';
        if (strncmp(line, name, length) != 0)
            continue;
        at = line + length;
        at += strspn(at, " \t");
        if (*at != ':')
            continue;
        *value = (unsigned)strtoul(at + 1, &end, 0);
        return end != at + 1;
    }
    return false;
}

/* --- all of it --------------------------------------------------------------------------------- */

static bool data_has(const CpuMap *map, const CpuData *data, const char *name)
{
    const CpuMapFeature *feature = cpu_find_feature(&map->x86, name);

    for (unsigned i = 0; feature && i < feature->n_masks; i++) {
        const CpuWord *word = &g_array_index(map->words, CpuWord, feature->masks[i].word);

        if (~cpu_data_word(data, word) & feature->masks[i].bits)
            return false;
    }
    return feature != NULL;
}

void cpu_read_data(const CpuMap *map, CpuData *data, Arena *arena)
{
    g_autoptr(GArray) leaves = g_array_new(FALSE, FALSE, sizeof(CpuidLeaf));
    CpuMsr msr = { .index = MSR_ARCH_CAPABILITIES };

    read_leaves(map, leaves);
    *data = (CpuData){ .n_leaves = leaves->len };
    data->leaves = arena_memdup(arena, leaves->data, leaves->len * sizeof(CpuidLeaf));
    if (data_has(map, data, "arch-capabilities")
        && (read_msr_device(msr.index, &msr.value) || read_msr_kvm(msr.index, &msr.value))) {
        data->msrs = arena_memdup(arena, &msr, sizeof msr);
        data->n_msrs = 1;
    }
}

static Arch machine_arch(void)
{
    struct utsname name;
    int arch;

    if (uname(&name) < 0)
        return ARCH_ABSENT;
    arch = element_value(&arch_words, name.machine);
    return arch > 0 ? (Arch)arch : ARCH_ABSENT;
}

static void add_details(const CpuMap *map, const CpuData *data, HostCpu *cpu, Arena *arena)
{
    unsigned number;

    if (cpuinfo_number("microcode", &number) && number > 0) {
        cpu->microcode = ELEMENT_NEW(arena, CpuMicrocode);
        cpu->microcode->version = number;
        cpu->microcode->has_version = true;
    }
    if (cpuinfo_number("address sizes", &number) && number > 0) {
        cpu->maxphysaddr = ELEMENT_NEW(arena, CpuAddress);
        cpu->maxphysaddr->mode = CPU_ADDRESS_MODE_EMULATE;
        cpu->maxphysaddr->bits = number;
        cpu->maxphysaddr->has_bits = true;
    }
    if (data_has(map, data, "invtsc")) {
        CpuCounter *counter = read_counter(arena);

        if (counter)
            element_list_add(arena, (void ***)&cpu->counters, &cpu->n_counters, counter);
    }
}

HostCpu *cpu_read_host(const CpuMap *map, const CpuTopology *topology, Arena *arena)
{
    Arch arch = machine_arch();
    const char *name = element_word(&arch_words, arch);
    bool x86 = name && cpu_family(name, NULL) == CPU_FAMILY_X86;
    HostCpu *cpu = NULL;
    CpuData data;

    cpu_read_data(map, &data, arena);
    if (x86)
        cpu = cpu_decode_host(map, name, &data, arena, NULL);
    if (!cpu) {
        cpu = ELEMENT_NEW(arena, HostCpu);
        cpu->arch = arch;
    }
    if (x86)
        add_details(map, &data, cpu, arena);
    if (topology)
        cpu->topology = arena_memdup(arena, topology, sizeof *topology);
    return cpu;
}
