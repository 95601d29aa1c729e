/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the loads are aimed at: the domains the server has, and those that loads define themselves. Filled by the main
 * thread before the workers start, read by all of them, changed by none. */
#include "load-target.h"

#include <stdio.h>

void target_list(Target *target, int fd)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    Out out = { 0 };
    size_t begin = frame_begin(&out, PROC_LIST_ALL, 2);

    out_u32(&out, 1);
    out_u32(&out, 0);
    frame_end(&out, begin);
    g_autofree char *why = wire_call(fd, &out, body);
    out_clear(&out);
    if (why)
        fail("cannot list the domains: %s", why);

    Cursor cursor = { body->data, body->data + body->len, false };
    size_t count = cursor_u32(&cursor);
    target->domains = g_new0(Domain, count + 1);
    target->running = g_new0(Domain *, count + 1);
    target->stopped = g_new0(Domain *, count + 1);
    for (; target->count < count && !cursor.bad; target->count++) {
        Domain *domain = target->domains + target->count;
        const uint8_t *from = cursor.at;
        size_t name_len = cursor_u32(&cursor);
        const uint8_t *name = cursor_bytes(&cursor, name_len), *uuid = cursor_bytes(&cursor, 16);
        domain->id = (int32_t)cursor_u32(&cursor);
        if (cursor.bad)
            break;
        domain->name = g_strndup((const char *)name, name_len);
        memcpy(domain->uuid, uuid, 16);
        domain->handle_len = (size_t)(cursor.at - from);
        domain->handle = g_memdup2(from, domain->handle_len);
        if (domain->id >= 0)
            target->running[target->running_count++] = domain;
        else
            target->stopped[target->stopped_count++] = domain;
    }
    if (cursor.bad)
        fail("the list of domains is cut short");
}

void target_clear(Target *target)
{
    for (size_t i = 0; i < target->count; i++) {
        g_free(target->domains[i].name);
        g_free(target->domains[i].handle);
    }
    g_free(target->domains);
    g_free(target->running);
    g_free(target->stopped);
}

OwnDomain own_domain(const char *prefix, uint32_t series, uint32_t number)
{
    OwnDomain domain = { .uuid = { 'b', 'e', 'n', 'c' } };

    g_snprintf(domain.name, sizeof(domain.name), "%s-%u-%05u", prefix, series, number);
    put32(domain.uuid + 4, g_str_hash(prefix));
    put32(domain.uuid + 8, series);
    put32(domain.uuid + 12, number);
    return domain;
}

static void format_uuid(const uint8_t uuid[16], char text[37])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < 16; i++) {
        *text++ = digits[uuid[i] >> 4];
        *text++ = digits[uuid[i] & 15];
        if (i == 3 || i == 5 || i == 7 || i == 9)
            *text++ = '-';
    }
    *text = '\0';
}

size_t out_document(Out *out, const Target *target, const OwnDomain *domain)
{
    char uuid[37], text[512];

    format_uuid(domain->uuid, uuid);
    g_snprintf(text, sizeof(text),
               "<domain type='%s'>\n  <name>%s</name>\n  <uuid>%s</uuid>\n  <memory unit='KiB'>65536</memory>\n"
               "  <vcpu>1</vcpu>\n  <os>\n    <type>hvm</type>\n  </os>\n</domain>\n",
               target->domain_type, domain->name, uuid);
    out_string(out, text);
    return strlen(text);
}

void out_handle(Out *out, const OwnDomain *domain)
{
    out_string(out, domain->name);
    out_bytes(out, domain->uuid, 16);
    out_u32(out, (uint32_t)-1);
}
