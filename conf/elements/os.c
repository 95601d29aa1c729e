/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of the boot elements (os.def) can't say: what depends on the kind of domain, and values that
 * follow from others. What concerns devices, and what refuses, is in conf/rules/os.c.
 * Pure functions of the element and its place: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

#define BOOT_DEVICES_MAX 4    /* what stands behind the fourth <boot> is not looked at */

/* --- the kind of guest ------------------------------------------------------------------------- */

int os_type_parsed(void *self, ElementParse *parse)
{
    OsType *type = self;
    const DomainConfig *config = element_above(parse, 2);

    if (config && config->type == DOMAIN_TYPE_XEN && type->name == OS_TYPE_NAME_XEN)
        type->name = OS_TYPE_NAME_LINUX;
    return 0;
}

/* Outside of Xen "linux" is a guest of which nothing is known. */
static void forget_unknown_guest(Os *os)
{
    os->loader = (Loader){ 0 };
    os->nvram = (NvramFile){ 0 };
    os->has_loader = os->has_nvram = false;
    os->kernel = os->initrd = os->cmdline = os->dtb = os->root = NULL;
}

/* Each of the first four must be known; of the others nothing is kept. */
static int check_boot_devices(Os *os, ElementParse *parse)
{
    os->n_boots = MIN(os->n_boots, BOOT_DEVICES_MAX);
    for (unsigned i = 0; i < os->n_boots; i++)
        if (!os->boots[i]->dev)
            return element_fail(parse, VIR_ERR_XML_ERROR,
                                _("The attribute 'dev' of <boot> must be 'fd', 'cdrom', 'hd' or 'network'"));
    return 0;
}

/* The attribute is looked at for whole machines only, which are known once the children are. */
static int check_firmware(Os *os, ElementParse *parse)
{
    const char *word = xml_attribute(element_node(parse), "firmware", parse->arena);

    if (os->type.name != OS_TYPE_NAME_HVM)
        os->firmware = FIRMWARE_TYPE_ABSENT;
    else if (word && *word && !os->firmware)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'firmware' of <os> is '%s', it must be 'bios' or 'efi'"), word);
    return 0;
}

int os_parsed(void *self, ElementParse *parse)
{
    Os *os = self;
    const DomainConfig *config = element_above(parse, 1);

    if (os->type.name == OS_TYPE_NAME_LINUX && !(config && config->type == DOMAIN_TYPE_XEN))
        forget_unknown_guest(os);
    if (check_firmware(os, parse) < 0)
        return -1;
    return check_boot_devices(os, parse);
}

/* --- firmware ---------------------------------------------------------------------------------- */

/* Another host has a choice of its own: it gets the file that was chosen here. */
bool os_firmware_shown(const void *self, const ElementFormat *format)
{
    (void)self;
    return !(format->flags & ELEMENT_MIGRATABLE);
}

static FirmwareFeature *find_feature(const OsFirmware *firmware, FirmwareFeatureName name)
{
    for (unsigned i = 0; i < firmware->n_features; i++)
        if (firmware->features[i]->name == name)
            return firmware->features[i];
    return NULL;
}

/* One of each name, the last, in the order of the names; enrolled keys are of no use without secure boot. */
int os_firmware_parsed(void *self, ElementParse *parse)
{
    OsFirmware *firmware = self;
    Tristate wanted[FIRMWARE_FEATURE_NAME_SECURE_BOOT + 1] = { TRISTATE_ABSENT };
    OsFirmware tidy = { 0 };

    for (unsigned i = 0; i < firmware->n_features; i++)
        wanted[firmware->features[i]->name] = firmware->features[i]->enabled;
    if (wanted[FIRMWARE_FEATURE_NAME_ENROLLED_KEYS] == TRISTATE_YES && !wanted[FIRMWARE_FEATURE_NAME_SECURE_BOOT])
        wanted[FIRMWARE_FEATURE_NAME_SECURE_BOOT] = TRISTATE_YES;
    for (unsigned name = 1; name < G_N_ELEMENTS(wanted); name++) {
        FirmwareFeature *feature = find_feature(firmware, name);

        if (!wanted[name])
            continue;
        if (!feature)
            feature = ELEMENT_NEW(parse->arena, FirmwareFeature);
        feature->name = name;
        feature->enabled = wanted[name];
        element_list_add(parse->arena, (void ***)&tidy.features, &tidy.n_features, feature);
    }
    *firmware = tidy;
    return firmware->n_features ? 0 : 1;
}

int loader_parsed(void *self, ElementParse *parse)
{
    Loader *loader = self;

    (void)parse;
    if (loader->path && !loader->type)
        loader->type = LOADER_TYPE_ROM;
    return 0;
}

/* A type without source is left of a source that says nothing: a stored document may have it. */
int nvram_file_parsed(void *self, ElementParse *parse)
{
    const NvramFile *nvram = self;
    const char *word = xml_attribute(element_node(parse), "type", parse->arena);

    if (word && !nvram->type)    /* "none" is a type, of which there can't be a source */
        return element_fail(parse, strcmp(word, "none") == 0 ? VIR_ERR_INTERNAL_ERROR : VIR_ERR_XML_ERROR,
                            _("The attribute 'type' of <nvram> is '%s', which is no type of a source"), word);
    if (nvram->type && !nvram->has_source && !(parse->flags & ELEMENT_STORED))
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("<nvram> with the attribute 'type' has no element <source>"));
    return 0;
}

/* --- ACPI and BIOS ----------------------------------------------------------------------------- */

int acpi_tables_parsed(void *self, ElementParse *parse)
{
    const AcpiTables *acpi = self;

    if (acpi->n_tables > 1)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<acpi> has more than one <table>"));
    return 0;
}

int acpi_table_parsed(void *self, ElementParse *parse)
{
    AcpiTable *table = self;

    if (!table->path)
        table->path = "";
    return 0;
}

int bios_parsed(void *self, ElementParse *parse)
{
    Bios *bios = self;

    if (!bios->useserial && xml_attribute(element_node(parse), "useserial", parse->arena))
        bios->useserial = TRISTATE_NO;
    return 0;
}

/* A boot loader of the host decides instead. */
bool os_boot_shown(const void *self, const ElementFormat *format)
{
    const DomainConfig *config = format->above;

    (void)self;
    return !(config && config->bootloader);
}
