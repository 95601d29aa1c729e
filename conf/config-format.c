/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the typed object to the document, in libvirt's order and manner of writing.
 * Any thread, no lock; reads one immutable config and writes one new text. */
#include <string.h>

#include "conf/config-private.h"
#include "conf/xml.h"

/* <tag>text</tag> on a line of its own, nothing when `text` is NULL. */
static void put_text(GString *out, const char *tag, const char *text)
{
    if (!text)
        return;
    g_string_append_printf(out, "  <%s>", tag);
    xml_put_escaped(out, text);
    g_string_append_printf(out, "</%s>\n", tag);
}

static void put_lines(GString *out, const char *lines)
{
    if (lines)
        g_string_append(out, lines);
}

static void put_memory(GString *out, const DomainConfig *config)
{
    put_lines(out, config->rest[DOMAIN_BEFORE_MEMORY]);
    g_string_append(out, "  <memory");
    xml_put_attribute(out, "dumpCore", config->dump_core);
    g_string_append_printf(out, " unit='KiB'>%" G_GUINT64_FORMAT "</memory>\n", config->max_memory);
    g_string_append_printf(out, "  <currentMemory unit='KiB'>%" G_GUINT64_FORMAT "</currentMemory>\n", config->memory);
    put_lines(out, config->rest[DOMAIN_AFTER_MEMORY]);
}

static void put_vcpus(GString *out, const DomainConfig *config)
{
    g_string_append(out, "  <vcpu");
    xml_put_attribute(out, "placement", config->vcpu_auto ? "auto" : "static");
    xml_put_attribute(out, "cpuset", config->cpuset);
    if (config->vcpus != config->max_vcpus)
        g_string_append_printf(out, " current='%u'", config->vcpus);
    g_string_append_printf(out, ">%u</vcpu>\n", config->max_vcpus);
    put_lines(out, config->rest[DOMAIN_AFTER_VCPU]);
}

static void put_os(GString *out, const DomainConfig *config)
{
    g_string_append(out, "  <os");
    xml_put_attribute(out, "firmware", config->os_firmware);
    g_string_append(out, ">\n    <type");
    xml_put_attribute(out, "arch", config->os_arch);
    xml_put_attribute(out, "machine", config->os_machine);
    g_string_append_c(out, '>');
    xml_put_escaped(out, config->os_type);
    g_string_append(out, "</type>\n");
    put_lines(out, config->rest_os);
    g_string_append(out, "  </os>\n");
    put_lines(out, config->rest[DOMAIN_AFTER_OS]);
}

/* The devices without the passwords of their <graphics>. The text is of our own writing (xml_put_element):
 * '<' begins a tag and nothing else, and every value stands in single quotes that it can't contain. */
static void put_devices_without_secrets(GString *out, const char *devices)
{
    static const char tag[] = "<graphics ", attribute[] = " passwd='";

    for (;;) {
        const char *start = strstr(devices, tag);
        const char *end = start ? strchr(start, '>') : NULL;
        const char *secret = end ? g_strstr_len(start, end - start, attribute) : NULL;

        if (!end)
            break;
        if (!secret) {
            g_string_append_len(out, devices, end - devices);
        } else {
            const char *behind = strchr(secret + strlen(attribute), '\'') + 1;

            g_string_append_len(out, devices, secret - devices);
            g_string_append_len(out, behind, end - behind);
        }
        devices = end;
    }
    g_string_append(out, devices);
}

static void put_devices(GString *out, const DomainConfig *config, unsigned flags)
{
    g_string_append(out, "  <devices>\n");
    if (config->devices && config->has_secrets && !(flags & DOMAIN_FORMAT_SECURE))
        put_devices_without_secrets(out, config->devices);
    else
        put_lines(out, config->devices);
    g_string_append(out, "  </devices>\n");
}

static void put_identity(GString *out, const DomainConfig *config)
{
    char uuid[UUID_TEXT_SIZE];

    put_text(out, "name", config->name);
    put_text(out, "uuid", uuid_format(&config->uuid, uuid));
    put_lines(out, config->rest[DOMAIN_AFTER_UUID]);
    put_text(out, "title", config->title);
    put_text(out, "description", config->description);
    if (config->metadata)
        g_string_append_printf(out, "  %s\n", config->metadata);
}

char *domain_config_format(const DomainConfig *config, int id, unsigned flags)
{
    GString *out = g_string_sized_new(1024 + config->block);

    g_string_append(out, "<domain");
    xml_put_attribute(out, "type", config->type);
    if (id >= 0)
        g_string_append_printf(out, " id='%d'", id);
    g_string_append(out, ">\n");
    put_identity(out, config);
    put_memory(out, config);
    put_vcpus(out, config);
    put_os(out, config);
    put_text(out, "on_poweroff", config->on_poweroff);
    put_text(out, "on_reboot", config->on_reboot);
    put_text(out, "on_crash", config->on_crash);
    put_lines(out, config->rest[DOMAIN_AFTER_ACTIONS]);
    put_devices(out, config, flags);
    put_lines(out, config->rest[DOMAIN_AFTER_DEVICES]);
    g_string_append(out, "</domain>\n");
    return g_string_free(out, FALSE);
}
