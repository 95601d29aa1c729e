/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loads libvirt's CPU map: vendors, features and models of x86, vendors and models of POWER. The files are data of
 * libvirt's package; the one folder that a map is made from is the caller's choice.
 * Runs once, before the map is shared. Whatever the files hold, nothing here asserts on it. */
#include "conf/cpu/cpu-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "conf/xml.h"

#define MAP_FILE_LIMIT (8u << 20)
#define VENDOR_LENGTH 12

/* One loading. */
typedef struct MapLoader {
    CpuMap *map;
    const char *folder;
    GPtrArray *docs;           /* xmlDoc: all files of one family */
    Error *error;
} MapLoader;

/* What an element of the map is made into. */
typedef int LoadElement(MapLoader *loader, CpuPart *part, const xmlNode *node);

/* `what`: the attribute or child that is wrong. */
static int refuse(MapLoader *loader, const xmlNode *node, const char *what)
{
    const char *name = xml_attribute(node, "name", &loader->map->arena);

    return error_set(loader->error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR,
                     _("The CPU map in %s has an element '%s' (name='%s') whose '%s' is missing or wrong"),
                     loader->folder, (const char *)node->name, name ? name : "", what);
}

static const char *attribute(MapLoader *loader, const xmlNode *node, const char *name)
{
    return node ? xml_attribute(node, name, &loader->map->arena) : NULL;
}

/* Attributes point into trees that go; what stays is copied. */
static const char *keep(MapLoader *loader, const char *text)
{
    return arena_strdup(&loader->map->arena, text);
}

/* A number such as 0x80000001; 0 when the attribute isn't there. */
static bool number(MapLoader *loader, const xmlNode *node, const char *name, uint32_t *value)
{
    const char *text = attribute(loader, node, name);
    char *end;
    unsigned long long wide;

    *value = 0;
    if (!text)
        return true;
    errno = 0;
    wide = strtoull(text, &end, 0);
    *value = (uint32_t)wide;
    return errno == 0 && end != text && *end == '\0' && wide <= UINT32_MAX;
}

static bool is_yes(MapLoader *loader, const xmlNode *node, const char *name, const char *word)
{
    const char *text = attribute(loader, node, name);

    return text && strcmp(text, word) == 0;
}

/* --- vendors ----------------------------------------------------------------------------------- */

static uint32_t little_endian(const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;

    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static int load_vendor(MapLoader *loader, CpuPart *part, const xmlNode *node)
{
    const char *name = attribute(loader, node, "name"), *string = attribute(loader, node, "string");
    CpuVendor *vendor = arena_zalloc(&loader->map->arena, sizeof *vendor);

    if (!name || cpu_find_vendor(part, name))
        return refuse(loader, node, "name");
    vendor->name = keep(loader, name);
    if (part == &loader->map->x86) {
        if (!string || strlen(string) != VENDOR_LENGTH)
            return refuse(loader, node, "string");
        vendor->ebx = little_endian(string);
        vendor->edx = little_endian(string + 4);
        vendor->ecx = little_endian(string + 8);
    }
    g_ptr_array_add(part->vendors, vendor);
    return 0;
}

/* --- features ---------------------------------------------------------------------------------- */

static unsigned word_of(CpuMap *map, const CpuWord *wanted)
{
    for (unsigned i = 0; i < map->words->len; i++) {
        const CpuWord *word = &g_array_index(map->words, CpuWord, i);

        if (word->msr == wanted->msr && word->leaf == wanted->leaf && word->sub == wanted->sub
            && word->reg == wanted->reg)
            return i;
    }
    g_array_append_val(map->words, *wanted);
    return map->words->len - 1;
}

/* <cpuid eax_in= ecx_in= eax= …/> or <msr index= eax= edx=/>. */
static int load_bits(MapLoader *loader, const xmlNode *feature, const xmlNode *node, GArray *masks)
{
    static const char *const registers[] = { "eax", "ebx", "ecx", "edx" };
    CpuWord word = { .msr = xml_is(node, "msr") };
    const char *where = word.msr ? "index" : "eax_in";

    if (!attribute(loader, node, where) || !number(loader, node, where, &word.leaf)
        || !number(loader, node, "ecx_in", &word.sub))
        return refuse(loader, feature, where);
    for (CpuRegister reg = CPU_EAX; reg <= CPU_EDX; reg++) {
        CpuMask mask;

        if (!number(loader, node, registers[reg], &mask.bits))
            return refuse(loader, feature, registers[reg]);
        if (mask.bits == 0)
            continue;
        word.reg = reg;
        mask.word = word_of(loader->map, &word);
        g_array_append_val(masks, mask);
    }
    return 0;
}

static int load_feature(MapLoader *loader, CpuPart *part, const xmlNode *node)
{
    const char *name = attribute(loader, node, "name");
    CpuMapFeature *feature = arena_zalloc(&loader->map->arena, sizeof *feature);
    g_autoptr(GArray) masks = g_array_new(FALSE, FALSE, sizeof(CpuMask));

    if (!name || cpu_find_feature(part, name))
        return refuse(loader, node, "name");
    for (xmlNode *child = xml_element(node->children); child; child = xml_element(child->next))
        if ((xml_is(child, "cpuid") || xml_is(child, "msr")) && load_bits(loader, node, child, masks) < 0)
            return -1;
    if (masks->len == 0)
        return refuse(loader, node, "cpuid");
    feature->name = keep(loader, name);
    feature->masks = arena_memdup(&loader->map->arena, masks->data, masks->len * sizeof(CpuMask));
    feature->n_masks = masks->len;
    feature->migratable = !is_yes(loader, node, "migratable", "no");
    g_ptr_array_add(part->features, feature);
    g_hash_table_insert(part->by_name, (void *)feature->name, feature);
    return 0;
}

/* --- models ------------------------------------------------------------------------------------ */

/* "5-7" or "5,7" as bits; all of them when the text is NULL. */
static bool steppings(const char *text, uint16_t *bits)
{
    *bits = text ? 0 : UINT16_MAX;
    while (text && *text) {
        char *end;
        unsigned long first, last;

        first = last = strtoul(text, &end, 10);
        if (end == text)
            return false;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last > 15 || last < first || (*end && *end != ','))
            return false;
        for (unsigned long i = first; i <= last; i++)
            *bits |= (uint16_t)(1u << i);
        text = *end ? end + 1 : end;
    }
    return true;
}

static int load_signatures(MapLoader *loader, CpuMapModel *model, const xmlNode *node)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(CpuModelSignature));

    for (xmlNode *child = xml_element(node->children); child; child = xml_element(child->next)) {
        CpuModelSignature signature;
        uint32_t family, number_in_family;

        if (!xml_is(child, "signature"))
            continue;
        if (!number(loader, child, "family", &family) || family == 0
            || !number(loader, child, "model", &number_in_family)
            || !steppings(attribute(loader, child, "stepping"), &signature.steppings))
            return refuse(loader, node, "signature");
        signature.family = family;
        signature.model = number_in_family;
        g_array_append_val(all, signature);
    }
    if (all->len > 0) {
        model->signatures = arena_memdup(&loader->map->arena, all->data, all->len * sizeof(CpuModelSignature));
        model->n_signatures = all->len;
    }
    return 0;
}

static int load_model_features(MapLoader *loader, CpuPart *part, CpuMapModel *model, const xmlNode *node)
{
    g_autoptr(GPtrArray) removed = g_ptr_array_new();

    for (xmlNode *child = xml_element(node->children); child; child = xml_element(child->next)) {
        const char *name = attribute(loader, child, "name");
        const CpuMapFeature *feature = name ? cpu_find_feature(part, name) : NULL;

        if (!xml_is(child, "feature"))
            continue;
        if (!feature)
            return refuse(loader, node, name ? name : "feature");
        if (is_yes(loader, child, "removed", "yes"))
            g_ptr_array_add(removed, (void *)feature->name);
        else
            cpu_bits_add(model->bits, feature);
    }
    g_ptr_array_add(removed, NULL);
    model->removed = arena_memdup(&loader->map->arena, removed->pdata, removed->len * sizeof *removed->pdata);
    return 0;
}

/* A model may begin as a copy of an earlier one. */
static int load_ancestor(MapLoader *loader, CpuPart *part, CpuMapModel *model, const xmlNode *node)
{
    const xmlNode *child = xml_child(node, "model");
    const char *name = attribute(loader, child, "name");
    const CpuMapModel *ancestor = name ? cpu_find_model(part, name) : NULL;

    if (!child)
        return 0;
    if (!ancestor)
        return refuse(loader, node, "model");
    model->vendor = ancestor->vendor;
    model->signatures = ancestor->signatures;
    model->n_signatures = ancestor->n_signatures;
    memcpy(model->bits, ancestor->bits, loader->map->words->len * sizeof *model->bits);
    return 0;
}

static int load_model(MapLoader *loader, CpuPart *part, const xmlNode *node)
{
    const char *name = attribute(loader, node, "name");
    const xmlNode *decode = xml_child(node, "decode"), *vendor = xml_child(node, "vendor");
    const char *vendor_name = attribute(loader, vendor, "name");
    CpuMapModel *model = arena_zalloc(&loader->map->arena, sizeof *model);
    bool x86 = part == &loader->map->x86;

    if (!name || cpu_find_model(part, name))
        return refuse(loader, node, "name");
    if (x86 && !decode)
        return refuse(loader, node, "decode");
    model->name = keep(loader, name);
    model->bits = cpu_bits_new(loader->map, &loader->map->arena);
    model->for_hosts = decode && is_yes(loader, decode, "host", "on");
    model->for_guests = decode && is_yes(loader, decode, "guest", "on");
    if (x86 && (load_ancestor(loader, part, model, node) < 0 || load_signatures(loader, model, node) < 0))
        return -1;
    if (vendor) {
        model->vendor = vendor_name ? cpu_find_vendor(part, vendor_name) : NULL;
        if (!model->vendor)
            return refuse(loader, node, "vendor");
    }
    if (x86 && load_model_features(loader, part, model, node) < 0)
        return -1;
    g_ptr_array_add(part->models, model);
    return 0;
}

/* --- files ------------------------------------------------------------------------------------- */

static xmlDoc *read_file(MapLoader *loader, const char *name)
{
    g_autofree char *path = g_build_filename(loader->folder, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) failed = NULL;
    gsize size;

    if (!g_file_get_contents(path, &text, &size, &failed)) {
        error_set(loader->error, VIR_FROM_CPU, VIR_ERR_INTERNAL_ERROR, _("The CPU map can't be read: %s"),
                  failed->message);
        return NULL;
    }
    return xml_parse(text, size, MAP_FILE_LIMIT, path, VIR_FROM_CPU, loader->error);
}

static int load_elements(MapLoader *loader, CpuPart *part, const xmlNode *parent, const char *name, LoadElement *load)
{
    for (xmlNode *node = xml_element(parent->children); node; node = xml_element(node->next))
        if (xml_is(node, name) && load(loader, part, node) < 0)
            return -1;
    return 0;
}

/* All elements of that name: those of the index, then those of the files that it includes. */
static int load_everywhere(MapLoader *loader, CpuPart *part, const xmlNode *arch, const char *name, LoadElement *load)
{
    if (load_elements(loader, part, arch, name, load) < 0)
        return -1;
    for (unsigned i = 0; i < loader->docs->len; i++)
        if (load_elements(loader, part, xmlDocGetRootElement(loader->docs->pdata[i]), name, load) < 0)
            return -1;
    return 0;
}

static int read_includes(MapLoader *loader, const xmlNode *arch)
{
    for (xmlNode *node = xml_element(arch->children); node; node = xml_element(node->next)) {
        const char *name = attribute(loader, node, "filename");
        xmlDoc *doc;

        if (!xml_is(node, "include"))
            continue;
        if (!name || strchr(name, '/'))
            return refuse(loader, node, "filename");
        doc = read_file(loader, name);
        if (!doc)
            return -1;
        g_ptr_array_add(loader->docs, doc);
    }
    return 0;
}

static void list_names(CpuMap *map, CpuPart *part)
{
    part->names = arena_zalloc(&map->arena, (part->models->len + 1) * sizeof *part->names);
    for (unsigned i = 0; i < part->models->len; i++)
        part->names[i] = ((const CpuMapModel *)part->models->pdata[i])->name;
}

static int load_part(MapLoader *loader, CpuPart *part, const xmlNode *arch)
{
    g_autoptr(GPtrArray) docs = g_ptr_array_new_with_free_func((GDestroyNotify)xmlFreeDoc);
    bool x86 = part == &loader->map->x86;

    loader->docs = docs;
    if (read_includes(loader, arch) < 0 || load_everywhere(loader, part, arch, "vendor", load_vendor) < 0
        || (x86 && load_everywhere(loader, part, arch, "feature", load_feature) < 0)
        || load_everywhere(loader, part, arch, "model", load_model) < 0)
        return -1;
    return 0;
}

static int load_map(MapLoader *loader)
{
    g_autoptr(xmlDoc) index = read_file(loader, "index.xml");

    if (!index)
        return -1;
    for (xmlNode *arch = xml_element(xmlDocGetRootElement(index)->children); arch; arch = xml_element(arch->next)) {
        const char *name = attribute(loader, arch, "name");
        CpuPart *part = NULL;

        if (name && strcmp(name, "x86") == 0)
            part = &loader->map->x86;
        else if (name && strcmp(name, "ppc64") == 0)
            part = &loader->map->ppc64;
        if (part && xml_is(arch, "arch") && load_part(loader, part, arch) < 0)
            return -1;
    }
    list_names(loader->map, &loader->map->x86);
    list_names(loader->map, &loader->map->ppc64);
    return 0;
}

static void part_init(CpuPart *part)
{
    part->vendors = g_ptr_array_new();
    part->features = g_ptr_array_new();
    part->models = g_ptr_array_new();
    part->by_name = g_hash_table_new(g_str_hash, g_str_equal);
}

static void part_clear(CpuPart *part)
{
    g_ptr_array_unref(part->vendors);
    g_ptr_array_unref(part->features);
    g_ptr_array_unref(part->models);
    g_hash_table_unref(part->by_name);
}

CpuMap *cpu_map_load(const char *folder, Error *error)
{
    g_autoptr(CpuMap) map = g_new0(CpuMap, 1);
    MapLoader loader = { .map = map, .folder = folder, .error = error };

    arena_init(&map->arena, NULL, 0);
    part_init(&map->x86);
    part_init(&map->ppc64);
    map->words = g_array_new(FALSE, FALSE, sizeof(CpuWord));
    if (load_map(&loader) < 0)
        return NULL;
    return g_steal_pointer(&map);
}

void cpu_map_free(CpuMap *map)
{
    if (!map)
        return;
    part_clear(&map->x86);
    part_clear(&map->ppc64);
    g_array_unref(map->words);
    arena_reset(&map->arena);
    g_free(map);
}

/* --- look -------------------------------------------------------------------------------------- */

const CpuVendor *cpu_find_vendor(const CpuPart *part, const char *name)
{
    for (unsigned i = 0; i < part->vendors->len; i++) {
        const CpuVendor *vendor = part->vendors->pdata[i];

        if (strcmp(vendor->name, name) == 0)
            return vendor;
    }
    return NULL;
}

const CpuMapFeature *cpu_find_feature(const CpuPart *part, const char *name)
{
    return g_hash_table_lookup(part->by_name, name);
}

const CpuMapModel *cpu_find_model(const CpuPart *part, const char *name)
{
    for (unsigned i = 0; i < part->models->len; i++) {
        const CpuMapModel *model = part->models->pdata[i];

        if (strcmp(model->name, name) == 0)
            return model;
    }
    return NULL;
}

const char *cpu_map_vendor(const CpuMap *map, const char *arch, const char *name)
{
    CpuFamily family = cpu_family(arch, NULL);
    const CpuMapModel *model = NULL;

    if (family == CPU_FAMILY_X86)
        model = cpu_find_model(&map->x86, name);
    else if (family == CPU_FAMILY_PPC64)
        model = cpu_find_model(&map->ppc64, name);
    return model && model->vendor ? model->vendor->name : NULL;
}

CpuFamily cpu_family(const char *arch, Error *error)
{
    static const struct {
        const char *arch;
        CpuFamily family;
    } families[] = {
        { "i686", CPU_FAMILY_X86 }, { "x86_64", CPU_FAMILY_X86 }, { "ppc64", CPU_FAMILY_PPC64 },
        { "ppc64le", CPU_FAMILY_PPC64 }, { "armv6l", CPU_FAMILY_ARM }, { "armv7l", CPU_FAMILY_ARM },
        { "armv7b", CPU_FAMILY_ARM }, { "aarch64", CPU_FAMILY_ARM }, { "s390", CPU_FAMILY_S390 },
        { "s390x", CPU_FAMILY_S390 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        if (strcmp(families[i].arch, arch) == 0)
            return families[i].family;
    error_set(error, VIR_FROM_CPU, VIR_ERR_NO_SUPPORT, _("Nothing is known about CPUs of the architecture '%s'"), arch);
    return CPU_FAMILY_NONE;
}

int cpu_map_models(const CpuMap *map, const char *arch, const char *const **models, Error *error)
{
    *models = NULL;
    if (element_value(&arch_words, arch) <= 0)
        return error_set(error, VIR_FROM_CPU, VIR_ERR_INVALID_ARG, _("There is no architecture '%s'"), arch);
    switch (cpu_family(arch, error)) {
    case CPU_FAMILY_X86:
        *models = map->x86.names;
        return (int)map->x86.models->len;
    case CPU_FAMILY_PPC64:
        *models = map->ppc64.names;
        return (int)map->ppc64.models->len;
    case CPU_FAMILY_ARM:
    case CPU_FAMILY_S390:
        return 0;
    case CPU_FAMILY_NONE:
        break;
    }
    return -1;
}
