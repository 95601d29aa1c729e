/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/cpu/cpu.h promises, with a small CPU map of the tests' own. */
#include "conf/cpu/cpu.h"

#include <string.h>

#include <glib/gstdio.h>

/* --- a map ------------------------------------------------------------------------------------- */

static const char index_xml[] =
    "<cpus>"
    " <arch name='x86'>"
    "  <include filename='vendors.xml'/><include filename='features.xml'/><include filename='models.xml'/>"
    " </arch>"
    " <arch name='ppc64'>"
    "  <vendor name='Blue'/><vendor name='Green'/>"
    "  <model name='P1'><vendor name='Blue'/></model><model name='P2'/>"
    " </arch>"
    " <arch name='arm'><model name='never read'/></arch>"
    "</cpus>";

static const char vendors_xml[] =
    "<cpus><vendor name='Intel' string='GenuineIntel'/><vendor name='AMD' string='AuthenticAMD'/></cpus>";

static const char features_xml[] =
    "<cpus>"
    " <feature name='one'><cpuid eax_in='0x01' ecx='0x00000001'/></feature>"
    " <feature name='two'><cpuid eax_in='0x01' ecx='0x00000002'/></feature>"
    " <feature name='four'><alias name='vier' source='qemu'/><cpuid eax_in='0x01' edx='0x00000004'/></feature>"
    " <feature name='hle'><cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000010'/></feature>"
    " <feature name='rtm'><cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000800'/></feature>"
    " <feature name='pinned' migratable='no'><cpuid eax_in='0x80000007' edx='0x00000100'/></feature>"
    " <feature name='msr-no'><msr index='0x10a' edx='0x00000000' eax='0x00000001'/></feature>"
    "</cpus>";

static const char models_xml[] =
    "<cpus>"
    " <model name='base'><decode host='on' guest='on'/><feature name='one'/></model>"
    " <model name='old'><decode host='on' guest='on'/><signature family='6' model='60'/><vendor name='Intel'/>"
    "  <feature name='one'/><feature name='two'/><feature name='hle'/><feature name='rtm'/></model>"
    " <model name='old-noTSX'><decode host='on' guest='on'/><signature family='6' model='60'/><vendor name='Intel'/>"
    "  <feature name='one'/><feature name='two'/></model>"
    " <model name='stepped'><decode host='on' guest='on'/><signature family='6' model='85' stepping='5-7'/>"
    "  <vendor name='Intel'/><feature name='one'/><feature name='four'/></model>"
    " <model name='other'><decode host='on' guest='on'/><vendor name='AMD'/><feature name='one'/><feature name='two'/>"
    "  <feature name='four' removed='yes'/></model>"
    " <model name='secret'><decode host='off' guest='off'/><feature name='one'/><feature name='two'/>"
    "  <feature name='four'/></model>"
    "</cpus>";

typedef struct Fixture {
    char *folder;
    CpuMap *map;
    Arena arena;
    Error error;
} Fixture;

static void put(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        g_assert_cmpint(g_unlink(path), ==, 0);
    }
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* Loads a map with these models instead of the usual ones. */
static void fixture_load(Fixture *fixture, const char *models)
{
    memset(fixture, 0, sizeof *fixture);
    arena_init(&fixture->arena, NULL, 0);
    fixture->folder = g_dir_make_tmp("conf-cpu-XXXXXX", NULL);
    g_assert_nonnull(fixture->folder);
    put(fixture->folder, "index.xml", index_xml);
    put(fixture->folder, "vendors.xml", vendors_xml);
    put(fixture->folder, "features.xml", features_xml);
    put(fixture->folder, "models.xml", models);
    fixture->map = cpu_map_load(fixture->folder, &fixture->error);
}

static void fixture_init(Fixture *fixture)
{
    fixture_load(fixture, models_xml);
    g_assert_cmpstr(fixture->error.message, ==, NULL);
    g_assert_nonnull(fixture->map);
}

static void fixture_clear(Fixture *fixture)
{
    cpu_map_free(fixture->map);
    arena_reset(&fixture->arena);
    error_clear(&fixture->error);
    remove_folder(fixture->folder);
    g_free(fixture->folder);
}

/* --- the map ----------------------------------------------------------------------------------- */

static void a_folder_without_a_map_is_named(void)
{
    Error error = ERROR_INIT;

    g_assert_null(cpu_map_load("/nonexistent", &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_nonnull(strstr(error.message, "/nonexistent/index.xml"));
    error_clear(&error);
}

static void a_model_with_an_unknown_feature_is_refused(void)
{
    Fixture fixture;

    fixture_load(&fixture, "<cpus><model name='m'><decode host='on' guest='on'/><feature name='none'/></model></cpus>");
    g_assert_null(fixture.map);
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_INTERNAL_ERROR);
    g_assert_nonnull(strstr(fixture.error.message, "'none'"));
    fixture_clear(&fixture);
}

static void a_model_of_an_unknown_vendor_is_refused(void)
{
    Fixture fixture;

    fixture_load(&fixture, "<cpus><model name='m'><decode host='on' guest='on'/><vendor name='Who'/></model></cpus>");
    g_assert_null(fixture.map);
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_INTERNAL_ERROR);
    fixture_clear(&fixture);
}

static void two_models_of_one_name_are_refused(void)
{
    Fixture fixture;

    fixture_load(&fixture, "<cpus><model name='m'><decode host='on' guest='on'/></model>"
                           "<model name='m'><decode host='on' guest='on'/></model></cpus>");
    g_assert_null(fixture.map);
    fixture_clear(&fixture);
}

static void models_are_listed_in_the_order_of_the_map(void)
{
    Fixture fixture;
    const char *const *models;

    fixture_init(&fixture);
    g_assert_cmpint(cpu_map_models(fixture.map, "x86_64", &models, &fixture.error), ==, 6);
    g_assert_cmpstr(models[0], ==, "base");
    g_assert_cmpstr(models[5], ==, "secret");
    g_assert_null(models[6]);
    g_assert_cmpint(cpu_map_models(fixture.map, "ppc64le", &models, &fixture.error), ==, 2);
    g_assert_cmpstr(models[1], ==, "P2");
    fixture_clear(&fixture);
}

static void where_any_model_will_do_none_is_listed(void)
{
    Fixture fixture;
    const char *const *models;

    fixture_init(&fixture);
    g_assert_cmpint(cpu_map_models(fixture.map, "aarch64", &models, &fixture.error), ==, 0);
    g_assert_null(models);
    g_assert_cmpint(cpu_map_models(fixture.map, "s390x", &models, &fixture.error), ==, 0);
    fixture_clear(&fixture);
}

static void what_is_no_architecture_is_refused_otherwise_than_one_without_models(void)
{
    Fixture fixture;
    const char *const *models;

    fixture_init(&fixture);
    g_assert_cmpint(cpu_map_models(fixture.map, "bogus", &models, &fixture.error), ==, -1);
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(cpu_map_models(fixture.map, "riscv64", &models, &fixture.error), ==, -1);
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_NO_SUPPORT);
    fixture_clear(&fixture);
}

static void a_model_may_be_of_a_vendor(void)
{
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpstr(cpu_map_vendor(fixture.map, "i686", "old"), ==, "Intel");
    g_assert_cmpstr(cpu_map_vendor(fixture.map, "ppc64", "P1"), ==, "Blue");
    g_assert_null(cpu_map_vendor(fixture.map, "x86_64", "base"));
    g_assert_null(cpu_map_vendor(fixture.map, "x86_64", "none"));
    fixture_clear(&fixture);
}

/* --- decode ------------------------------------------------------------------------------------ */

#define INTEL { .leaf = 0, .eax = 7, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e }
#define SIGNATURE_OLD 0x000306c3        /* family 6, model 60, stepping 3 */
#define SIGNATURE_STEPPED 0x00050657    /* family 6, model 85, stepping 7 */

static HostCpu *decode(Fixture *fixture, const CpuidLeaf *leaves, unsigned n)
{
    CpuData data = { .leaves = leaves, .n_leaves = n };
    HostCpu *cpu = cpu_decode_host(fixture->map, "x86_64", &data, &fixture->arena, &fixture->error);

    g_assert_cmpstr(fixture->error.message, ==, NULL);
    return cpu;
}

static void a_host_is_of_the_model_with_its_signature(void)
{
    const CpuidLeaf leaves[] = { INTEL, { .leaf = 1, .eax = SIGNATURE_STEPPED, .ecx = 3, .edx = 4 } };
    Fixture fixture;
    HostCpu *cpu;

    fixture_init(&fixture);
    cpu = decode(&fixture, leaves, 2);
    g_assert_cmpstr(cpu->model, ==, "stepped");
    g_assert_cmpstr(cpu->vendor, ==, "Intel");
    g_assert_cmpint(cpu->signature->family, ==, 6);
    g_assert_cmpint(cpu->signature->model, ==, 85);
    g_assert_cmpint(cpu->signature->stepping, ==, 7);
    g_assert_cmpint(cpu->n_features, ==, 1);
    g_assert_cmpstr(cpu->features[0]->name, ==, "two");
    fixture_clear(&fixture);
}

static void a_stepping_that_a_model_does_not_have_is_not_its_signature(void)
{
    const CpuidLeaf leaves[] = { INTEL, { .leaf = 1, .eax = SIGNATURE_STEPPED & ~0xfu, .ecx = 3 } };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_cmpstr(decode(&fixture, leaves, 2)->model, ==, "old-noTSX");
    fixture_clear(&fixture);
}

static void transactional_memory_that_does_not_work_is_left_out(void)
{
    const CpuidLeaf leaves[] = {
        INTEL, { .leaf = 1, .eax = SIGNATURE_OLD, .ecx = 3 }, { .leaf = 7, .ebx = 0x810 },
    };
    Fixture fixture;
    HostCpu *cpu;

    fixture_init(&fixture);
    cpu = decode(&fixture, leaves, 3);
    g_assert_cmpstr(cpu->model, ==, "old-noTSX");
    g_assert_cmpint(cpu->n_features, ==, 0);
    fixture_clear(&fixture);
}

static void features_come_from_registers_of_the_model_too(void)
{
    const CpuidLeaf leaves[] = { INTEL, { .leaf = 1, .eax = SIGNATURE_STEPPED, .ecx = 1, .edx = 4 } };
    const CpuMsr msr = { .index = 0x10a, .value = 1 };
    const CpuData data = { .leaves = leaves, .n_leaves = 2, .msrs = &msr, .n_msrs = 1 };
    Fixture fixture;
    HostCpu *cpu;

    fixture_init(&fixture);
    cpu = cpu_decode_host(fixture.map, "x86_64", &data, &fixture.arena, &fixture.error);
    g_assert_cmpint(cpu->n_features, ==, 1);
    g_assert_cmpstr(cpu->features[0]->name, ==, "msr-no");
    fixture_clear(&fixture);
}

static void a_guest_may_get_a_model_without_one_of_its_features(void)
{
    const CpuidLeaf leaves[] = { INTEL, { .leaf = 1, .eax = SIGNATURE_STEPPED, .edx = 4 } };
    const CpuUsable usable[] = { { .model = "stepped" } };
    const CpuData data = { .leaves = leaves, .n_leaves = 2 };
    Fixture fixture;
    Cpu *cpu;

    fixture_init(&fixture);
    cpu = cpu_decode_guest(fixture.map, &data, usable, 1, &fixture.arena, &fixture.error);
    g_assert_cmpstr(cpu->model->value, ==, "stepped");
    g_assert_cmpint(cpu->n_features, ==, 1);
    g_assert_cmpstr(cpu->features[0]->name, ==, "one");
    g_assert_cmpint(cpu->features[0]->policy, ==, CPU_POLICY_DISABLE);
    fixture_clear(&fixture);
}

static void what_the_hypervisor_can_not_give_is_disabled(void)
{
    static const char *const blockers[] = { "four", NULL };
    const CpuidLeaf leaves[] = { INTEL, { .leaf = 1, .eax = SIGNATURE_STEPPED, .ecx = 1, .edx = 4 } };
    const CpuUsable usable[] = { { .model = "stepped", .blockers = blockers } };
    const CpuData data = { .leaves = leaves, .n_leaves = 2 };
    Fixture fixture;
    Cpu *cpu;

    fixture_init(&fixture);
    cpu = cpu_decode_guest(fixture.map, &data, usable, 1, &fixture.arena, &fixture.error);
    g_assert_cmpint(cpu->n_features, ==, 1);
    g_assert_cmpstr(cpu->features[0]->name, ==, "four");
    g_assert_cmpint(cpu->features[0]->policy, ==, CPU_POLICY_DISABLE);
    fixture_clear(&fixture);
}

static void a_host_without_any_feature_has_no_model(void)
{
    const CpuidLeaf leaves[] = { INTEL };
    const CpuData data = { .leaves = leaves, .n_leaves = 1 };
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_null(cpu_decode_host(fixture.map, "x86_64", &data, &fixture.arena, &fixture.error));
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_INTERNAL_ERROR);
    fixture_clear(&fixture);
}

static void this_host_can_be_read(void)
{
    Fixture fixture;
    HostCpu *cpu;

    fixture_init(&fixture);
    cpu = cpu_read_host(fixture.map, NULL, &fixture.arena);
    g_assert_nonnull(cpu);
    g_assert_null(cpu->topology);
    fixture_clear(&fixture);
}

/* --- compare ----------------------------------------------------------------------------------- */

/* A host of the model "old" and the vendor Intel with the feature "four". */
static const HostCpu *old_host(Fixture *fixture)
{
    HostCpu *host = ELEMENT_NEW(&fixture->arena, HostCpu);
    HostCpuFeature *feature = ELEMENT_NEW(&fixture->arena, HostCpuFeature);

    host->arch = ARCH_X86_64;
    host->model = "old";
    host->vendor = "Intel";
    feature->name = "four";
    element_list_add(&fixture->arena, (void ***)&host->features, &host->n_features, feature);
    return host;
}

static void expect_answer(const char *document, CpuComparison expected)
{
    Fixture fixture;
    CpuComparison answer;
    int rc;

    fixture_init(&fixture);
    rc = cpu_compare(fixture.map, "x86_64", old_host(&fixture), document, false, &answer, &fixture.error);
    g_assert_cmpint(rc, ==, 0);
    g_assert_cmpint(answer, ==, expected);
    fixture_clear(&fixture);
}

static void expect_refusal(const char *document, int code)
{
    Fixture fixture;
    CpuComparison answer = CPU_IDENTICAL;
    int rc;

    fixture_init(&fixture);
    rc = cpu_compare(fixture.map, "x86_64", old_host(&fixture), document, false, &answer, &fixture.error);
    g_assert_cmpint(rc, ==, -1);
    g_assert_cmpint(fixture.error.code, ==, code);
    g_assert_cmpint(fixture.error.domain, ==, VIR_FROM_CPU);
    g_assert_cmpint(answer, ==, CPU_IDENTICAL);
    fixture_clear(&fixture);
}

static void a_cpu_with_fewer_features_leaves_the_host_a_superset(void)
{
    expect_answer("<cpu><model>base</model></cpu>", CPU_SUPERSET);
}

static void a_cpu_without_a_model_asks_for_nothing(void)
{
    expect_answer("<cpu mode='host-passthrough'/>", CPU_SUPERSET);
}

static void a_cpu_with_all_features_is_identical(void)
{
    expect_answer("<cpu><model>old</model><feature policy='require' name='four'/></cpu>", CPU_IDENTICAL);
}

static void a_disabled_feature_counts_as_named(void)
{
    expect_answer("<cpu match='strict'><model>old</model><feature policy='disable' name='four'/></cpu>", CPU_IDENTICAL);
}

static void a_strict_match_takes_no_further_feature(void)
{
    expect_answer("<cpu match='strict'><model>old</model></cpu>", CPU_INCOMPATIBLE);
}

static void a_forbidden_feature_may_not_be_there(void)
{
    expect_answer("<cpu><model>base</model><feature policy='forbid' name='four'/></cpu>", CPU_INCOMPATIBLE);
}

static void a_forced_feature_need_not_be_there(void)
{
    expect_answer("<cpu><model>base</model><feature policy='force' name='pinned'/></cpu>", CPU_SUPERSET);
}

static void an_optional_feature_need_not_be_there(void)
{
    expect_answer("<cpu><model>base</model><feature policy='optional' name='pinned'/></cpu>", CPU_SUPERSET);
}

static void another_vendor_is_incompatible(void)
{
    expect_answer("<cpu><model>base</model><vendor>AMD</vendor></cpu>", CPU_INCOMPATIBLE);
}

static void another_architecture_is_incompatible(void)
{
    expect_answer("<cpu><arch>ppc64</arch><model>P1</model></cpu>", CPU_INCOMPATIBLE);
}

static void a_32_bit_host_is_of_the_same_family(void)
{
    expect_answer("<cpu><arch>i686</arch><model>base</model></cpu>", CPU_SUPERSET);
}

static void the_model_counts_in_any_mode(void)
{
    expect_answer("<cpu mode='host-passthrough'><model>base</model><vendor>AMD</vendor></cpu>", CPU_INCOMPATIBLE);
}

static void numa_cells_are_not_looked_at(void)
{
    expect_answer("<cpu><model>base</model><numa/></cpu>", CPU_SUPERSET);
}

static void an_unknown_model_is_an_internal_error(void)
{
    expect_refusal("<cpu><model>none</model></cpu>", VIR_ERR_INTERNAL_ERROR);
}

static void an_unknown_feature_is_an_internal_error_even_when_optional(void)
{
    expect_refusal("<cpu><model>base</model><feature policy='optional' name='none'/></cpu>", VIR_ERR_INTERNAL_ERROR);
}

static void a_document_that_is_no_cpu_is_refused(void)
{
    expect_refusal("<domain/>", VIR_ERR_XML_ERROR);
    expect_refusal("<cpu", VIR_ERR_XML_DETAIL);
}

static void a_host_has_no_match(void)
{
    expect_refusal("<cpu match='exact'><arch>x86_64</arch><model>base</model></cpu>", VIR_ERR_XML_ERROR);
}

static void a_host_without_a_model_is_refused(void)
{
    expect_refusal("<cpu><arch>x86_64</arch></cpu>", VIR_ERR_XML_ERROR);
}

static void what_is_missing_is_named_when_asked_for(void)
{
    Fixture fixture;
    CpuComparison answer;
    int rc;

    fixture_init(&fixture);
    rc = cpu_compare(fixture.map, "x86_64", old_host(&fixture),
                     "<cpu><model>base</model><feature policy='require' name='msr-no'/>"
                     "<feature policy='require' name='pinned'/></cpu>", true, &answer, &fixture.error);
    g_assert_cmpint(rc, ==, -1);
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_CPU_INCOMPATIBLE);
    g_assert_nonnull(strstr(fixture.error.message, "pinned, msr-no"));
    fixture_clear(&fixture);
}

static void nothing_is_compatible_with_an_unknown_host(void)
{
    Fixture fixture;
    CpuComparison answer = CPU_IDENTICAL;
    int rc;

    fixture_init(&fixture);
    rc = cpu_compare(fixture.map, "x86_64", NULL, "<cpu><model>base</model></cpu>", false, &answer, &fixture.error);
    g_assert_cmpint(rc, ==, 0);
    g_assert_cmpint(answer, ==, CPU_INCOMPATIBLE);
    fixture_clear(&fixture);
}

static void a_document_can_be_checked_against_a_schema(void)
{
    static const char schema[] = "<element name='cpu' xmlns='http://relaxng.org/ns/structure/1.0'><empty/></element>";
    g_autofree char *path = NULL;
    Fixture fixture;

    fixture_init(&fixture);
    put(fixture.folder, "cpu.rng", schema);
    path = g_build_filename(fixture.folder, "cpu.rng", NULL);
    g_assert_cmpint(cpu_validate("<cpu/>", path, &fixture.error), ==, 0);
    g_assert_cmpint(cpu_validate("<cpu><model/></cpu>", path, &fixture.error), ==, -1);
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_XML_INVALID_SCHEMA);
    g_assert_cmpint(cpu_validate("<domain/>", path, &fixture.error), ==, -1);
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_XML_ERROR);
    fixture_clear(&fixture);
}

/* --- baseline ---------------------------------------------------------------------------------- */

#define HOST(arch, rest) "<cpu><arch>" arch "</arch>" rest "</cpu>"

static void expect_baseline(const char *const *documents, unsigned n, unsigned flags, const char *expected)
{
    Fixture fixture;
    char *document;

    fixture_init(&fixture);
    document = cpu_baseline(fixture.map, documents, n, NULL, flags, &fixture.arena, &fixture.error);
    g_assert_cmpstr(fixture.error.message, ==, NULL);
    g_assert_cmpstr(document, ==, expected);
    fixture_clear(&fixture);
}

static void expect_no_baseline(const char *const *documents, unsigned n, int code)
{
    Fixture fixture;

    fixture_init(&fixture);
    g_assert_null(cpu_baseline(fixture.map, documents, n, NULL, 0, &fixture.arena, &fixture.error));
    g_assert_cmpint(fixture.error.code, ==, code);
    fixture_clear(&fixture);
}

static void one_host_keeps_its_model(void)
{
    const char *const hosts[] = { HOST("x86_64", "<model>old</model><vendor>Intel</vendor><feature name='four'/>") };

    expect_baseline(hosts, 1, 0,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='forbid'>old</model>\n"
                    "  <vendor>Intel</vendor>\n"
                    "  <feature policy='require' name='four'/>\n"
                    "</cpu>\n");
}

static void two_hosts_have_the_features_that_are_in_both(void)
{
    const char *const hosts[] = {
        HOST("x86_64", "<model>old</model><vendor>Intel</vendor><feature name='four'/>"),
        HOST("x86_64", "<model>old-noTSX</model><vendor>Intel</vendor><feature name='msr-no'/>"),
    };

    expect_baseline(hosts, 2, 0,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='allow'>old-noTSX</model>\n"
                    "  <vendor>Intel</vendor>\n"
                    "</cpu>\n");
}

static void the_vendor_is_left_out_when_a_host_names_none(void)
{
    const char *const hosts[] = { HOST("x86_64", "<model>old-noTSX</model>") };

    expect_baseline(hosts, 1, 0,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='forbid'>old-noTSX</model>\n"
                    "</cpu>\n");
}

static void all_features_are_named_in_order_when_asked_for(void)
{
    const char *const hosts[] = { HOST("x86_64", "<model>old</model><feature name='four'/>") };

    expect_baseline(hosts, 1, CPU_BASELINE_EXPAND,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='forbid'>old</model>\n"
                    "  <feature policy='require' name='four'/>\n"
                    "  <feature policy='require' name='hle'/>\n"
                    "  <feature policy='require' name='one'/>\n"
                    "  <feature policy='require' name='rtm'/>\n"
                    "  <feature policy='require' name='two'/>\n"
                    "</cpu>\n");
}

static void a_feature_that_the_model_once_had_is_disabled(void)
{
    const char *const hosts[] = { HOST("x86_64", "<model>other</model><vendor>AMD</vendor>") };

    expect_baseline(hosts, 1, 0,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='forbid'>other</model>\n"
                    "  <vendor>AMD</vendor>\n"
                    "  <feature policy='disable' name='four'/>\n"
                    "</cpu>\n");
}

static void what_can_not_be_migrated_is_left_out_when_asked_for(void)
{
    const char *const hosts[] = { HOST("x86_64", "<model>base</model><feature name='pinned'/>") };

    expect_baseline(hosts, 1, CPU_BASELINE_MIGRATABLE,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='forbid'>base</model>\n"
                    "</cpu>\n");
}

static void what_the_hypervisor_gives_no_guest_is_left_out(void)
{
    static const char *const without[] = { "pinned", NULL };
    const char *const hosts[] = {
        HOST("x86_64", "<model>base</model><feature name='pinned'/><feature name='four'/>"),
    };
    Fixture fixture;
    char *document;

    fixture_init(&fixture);
    document = cpu_baseline(fixture.map, hosts, 1, without, 0, &fixture.arena, &fixture.error);
    g_assert_nonnull(strstr(document, "name='four'"));
    g_assert_null(strstr(document, "pinned"));
    fixture_clear(&fixture);
}

static void hosts_of_different_vendors_have_no_baseline(void)
{
    const char *const hosts[] = { HOST("x86_64", "<model>old</model><vendor>Intel</vendor>"),
                                  HOST("x86_64", "<model>other</model>") };

    expect_no_baseline(hosts, 2, VIR_ERR_OPERATION_FAILED);
}

static void hosts_with_nothing_in_common_have_no_baseline(void)
{
    Fixture fixture;
    const char *const hosts[] = { HOST("x86_64", "<model>a</model>"), HOST("x86_64", "<model>b</model>") };

    fixture_load(&fixture, "<cpus><model name='a'><decode host='on' guest='on'/><feature name='one'/></model>"
                           "<model name='b'><decode host='on' guest='on'/><feature name='two'/></model></cpus>");
    g_assert_null(cpu_baseline(fixture.map, hosts, 2, NULL, 0, &fixture.arena, &fixture.error));
    g_assert_cmpint(fixture.error.code, ==, VIR_ERR_OPERATION_FAILED);
    fixture_clear(&fixture);
}

static void an_unknown_vendor_has_no_baseline(void)
{
    const char *const hosts[] = { HOST("x86_64", "<model>base</model><vendor>Who</vendor>") };

    expect_no_baseline(hosts, 1, VIR_ERR_OPERATION_FAILED);
}

static void power_hosts_must_be_of_one_model(void)
{
    const char *const same[] = { HOST("ppc64", "<model>P1</model><vendor>Blue</vendor>"),
                                 HOST("ppc64le", "<model>P1</model>") };
    const char *const different[] = { HOST("ppc64", "<model>P1</model>"), HOST("ppc64", "<model>P2</model>") };

    expect_baseline(same, 2, 0,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='forbid'>P1</model>\n"
                    "</cpu>\n");
    expect_no_baseline(different, 2, VIR_ERR_OPERATION_FAILED);
}

static void power_hosts_are_of_the_vendor_of_their_model(void)
{
    const char *const hosts[] = { HOST("ppc64", "<model>P1</model><vendor>Green</vendor>") };

    expect_no_baseline(hosts, 1, VIR_ERR_OPERATION_FAILED);
}

static void of_arm_hosts_the_first_model_is_taken(void)
{
    const char *const hosts[] = { HOST("aarch64", "<model>any</model>"), HOST("aarch64", "<model>thing</model>") };

    expect_baseline(hosts, 2, CPU_BASELINE_EXPAND,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='allow'>any</model>\n"
                    "</cpu>\n");
}

static void other_architectures_have_no_baseline(void)
{
    const char *const s390[] = { HOST("s390x", "<model>z1</model>") };
    const char *const mips[] = { HOST("mips", "<model>m</model>") };

    expect_no_baseline(s390, 1, VIR_ERR_NO_SUPPORT);
    expect_no_baseline(mips, 1, VIR_ERR_NO_SUPPORT);
}

static void a_host_may_not_have_a_mode(void)
{
    const char *const hosts[] = { "<cpu mode='custom'><arch>x86_64</arch><model>base</model></cpu>" };

    expect_no_baseline(hosts, 1, VIR_ERR_CONFIG_UNSUPPORTED);
}

static void without_hosts_there_is_no_baseline(void)
{
    expect_no_baseline(NULL, 0, VIR_ERR_INVALID_ARG);
}

#define TEST(group, name) g_test_add_func("/conf/cpu/" group "/" #name, name)

static void add_comparing(void)
{
    TEST("compare", a_cpu_with_fewer_features_leaves_the_host_a_superset);
    TEST("compare", a_cpu_without_a_model_asks_for_nothing);
    TEST("compare", a_cpu_with_all_features_is_identical);
    TEST("compare", a_disabled_feature_counts_as_named);
    TEST("compare", a_strict_match_takes_no_further_feature);
    TEST("compare", a_forbidden_feature_may_not_be_there);
    TEST("compare", a_forced_feature_need_not_be_there);
    TEST("compare", an_optional_feature_need_not_be_there);
    TEST("compare", another_vendor_is_incompatible);
    TEST("compare", another_architecture_is_incompatible);
    TEST("compare", a_32_bit_host_is_of_the_same_family);
    TEST("compare", the_model_counts_in_any_mode);
    TEST("compare", numa_cells_are_not_looked_at);
    TEST("compare", an_unknown_model_is_an_internal_error);
    TEST("compare", an_unknown_feature_is_an_internal_error_even_when_optional);
    TEST("compare", a_document_that_is_no_cpu_is_refused);
    TEST("compare", a_host_has_no_match);
    TEST("compare", a_host_without_a_model_is_refused);
    TEST("compare", what_is_missing_is_named_when_asked_for);
    TEST("compare", a_document_can_be_checked_against_a_schema);
    TEST("compare", nothing_is_compatible_with_an_unknown_host);
}

static void add_baseline(void)
{
    TEST("baseline", one_host_keeps_its_model);
    TEST("baseline", two_hosts_have_the_features_that_are_in_both);
    TEST("baseline", the_vendor_is_left_out_when_a_host_names_none);
    TEST("baseline", all_features_are_named_in_order_when_asked_for);
    TEST("baseline", a_feature_that_the_model_once_had_is_disabled);
    TEST("baseline", what_can_not_be_migrated_is_left_out_when_asked_for);
    TEST("baseline", what_the_hypervisor_gives_no_guest_is_left_out);
    TEST("baseline", hosts_of_different_vendors_have_no_baseline);
    TEST("baseline", hosts_with_nothing_in_common_have_no_baseline);
    TEST("baseline", an_unknown_vendor_has_no_baseline);
    TEST("baseline", power_hosts_must_be_of_one_model);
    TEST("baseline", power_hosts_are_of_the_vendor_of_their_model);
    TEST("baseline", of_arm_hosts_the_first_model_is_taken);
    TEST("baseline", other_architectures_have_no_baseline);
    TEST("baseline", a_host_may_not_have_a_mode);
    TEST("baseline", without_hosts_there_is_no_baseline);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("map", a_folder_without_a_map_is_named);
    TEST("map", a_model_with_an_unknown_feature_is_refused);
    TEST("map", a_model_of_an_unknown_vendor_is_refused);
    TEST("map", two_models_of_one_name_are_refused);
    TEST("map", models_are_listed_in_the_order_of_the_map);
    TEST("map", where_any_model_will_do_none_is_listed);
    TEST("map", what_is_no_architecture_is_refused_otherwise_than_one_without_models);
    TEST("map", a_model_may_be_of_a_vendor);
    TEST("decode", a_host_is_of_the_model_with_its_signature);
    TEST("decode", a_stepping_that_a_model_does_not_have_is_not_its_signature);
    TEST("decode", transactional_memory_that_does_not_work_is_left_out);
    TEST("decode", features_come_from_registers_of_the_model_too);
    TEST("decode", a_guest_may_get_a_model_without_one_of_its_features);
    TEST("decode", what_the_hypervisor_can_not_give_is_disabled);
    TEST("decode", a_host_without_any_feature_has_no_model);
    TEST("decode", this_host_can_be_read);
    add_comparing();
    add_baseline();
    return g_test_run();
}
