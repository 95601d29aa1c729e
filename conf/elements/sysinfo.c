/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of system information (sysinfo.def) can't say: which fields each SMBIOS table has, and the forms
 * of dates and UUIDs. That the UUID is the domain's is in conf/rules/os.c.
 * Pure functions of the element and its place: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/scalar.h"

#define FIELD(name) (1u << SMBIOS_FIELD_##name)

/* --- fields ------------------------------------------------------------------------------------ */

/* MM/DD/YYYY, or MM/DD/YY for a year of the 20th century. */
static bool is_date(const char *text)
{
    int month, day, year;

    if (!scalar_take_int(&text, &month) || *text++ != '/' || !scalar_take_int(&text, &day) || *text++ != '/'
        || !scalar_take_int(&text, &year) || *text != '\0')
        return false;
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && year >= 0 && (year < 100 || year >= 1900);
}

static int check_field(SmbiosEntry *entry, ElementParse *parse)
{
    char text[UUID_TEXT_SIZE];
    Uuid uuid;

    if (entry->name == SMBIOS_FIELD_DATE && !is_date(entry->value))
        return element_fail(parse, VIR_ERR_XML_DETAIL,
                            _("The date is '%s', it must be MM/DD/YYYY or MM/DD/YY"), entry->value);
    if (entry->name != SMBIOS_FIELD_UUID)
        return 0;
    if (!uuid_parse(entry->value, &uuid))
        return element_fail(parse, VIR_ERR_XML_DETAIL, _("The UUID is malformed: '%s'"), entry->value);
    entry->value = arena_strdup(parse->arena, uuid_format(&uuid, text));
    return 0;
}

/* The fields of the table of that name. */
static unsigned fields_of(const char *table)
{
    if (strcmp(table, "bios") == 0)
        return FIELD(VENDOR) | FIELD(VERSION) | FIELD(DATE) | FIELD(RELEASE);
    if (strcmp(table, "system") == 0)
        return FIELD(MANUFACTURER) | FIELD(PRODUCT) | FIELD(VERSION) | FIELD(SERIAL) | FIELD(UUID) | FIELD(SKU)
               | FIELD(FAMILY);
    if (strcmp(table, "baseBoard") == 0)
        return FIELD(MANUFACTURER) | FIELD(PRODUCT) | FIELD(VERSION) | FIELD(SERIAL) | FIELD(ASSET) | FIELD(LOCATION);
    return FIELD(MANUFACTURER) | FIELD(VERSION) | FIELD(SERIAL) | FIELD(ASSET) | FIELD(SKU);
}

/* Of each known field the first, in the order of the table; an empty one hides those behind it. */
int smbios_table_parsed(void *self, ElementParse *parse)
{
    SmbiosTable *table = self;
    SmbiosEntry *by_name[SMBIOS_FIELD_RELEASE + 1] = { NULL };
    unsigned fields = fields_of((const char *)element_node(parse)->name);

    for (unsigned i = 0; i < table->n_entries; i++) {
        SmbiosEntry *entry = table->entries[i];

        if (fields & 1u << entry->name && !by_name[entry->name])
            by_name[entry->name] = entry;
    }
    table->n_entries = 0;
    for (unsigned name = 1; name < G_N_ELEMENTS(by_name); name++) {
        if (!by_name[name] || !by_name[name]->value)
            continue;
        if (check_field(by_name[name], parse) < 0)
            return -1;
        table->entries[table->n_entries++] = by_name[name];
    }
    return table->n_entries ? 0 : 1;
}

/* --- texts ------------------------------------------------------------------------------------- */

int oem_string_parsed(void *self, ElementParse *parse)
{
    OemString *string = self;

    (void)parse;
    if (!string->value)
        string->value = "";
    return 0;
}

int fw_cfg_entry_parsed(void *self, ElementParse *parse)
{
    FwCfgEntry *entry = self;

    if (entry->value && entry->value[strspn(entry->value, " \t\n\v\f\r")] == '\0')
        entry->value = NULL;
    if (!entry->value && !entry->file)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The <entry> '%s' has neither a text nor the attribute 'file'"), entry->name);
    if (entry->file)
        entry->value = NULL;
    return 0;
}
