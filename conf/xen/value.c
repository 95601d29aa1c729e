/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The syntax of Xen's files: a small part of Python's. The parser goes over the text once, never looks beyond its end,
 * and goes at most DEPTH_MAX lists deep. Any thread, no lock. */
#include "conf/xen/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/i18n.h"
#include "conf/element.h"

#define DEPTH_MAX 8

/* --- parse ----------------------------------------------------------------------------------- */

typedef struct Reader {
    const char *at, *end;
    unsigned line;
    unsigned depth;
    Arena *arena;
    Error *error;
} Reader;

static int fail(const Reader *reader, const char *why)
{
    return error_set(reader->error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, _("line %u of the configuration: %s"),
                     reader->line,
                     why);
}

/* NUL at the end; there is none before it. */
static char peek(const Reader *reader)
{
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_blanks(Reader *reader)
{
    while (peek(reader) == ' ' || peek(reader) == '\t')
        reader->at++;
}

static void skip_lines(Reader *reader)
{
    for (;;) {
        skip_blanks(reader);
        if (!is_line_end(peek(reader)))
            return;
        reader->line += *reader->at == '\n';
        reader->at++;
    }
}

static void skip_comment(Reader *reader)
{
    while (reader->at < reader->end && !is_line_end(*reader->at))
        reader->at++;
}

static const char *keep(Reader *reader, const char *from, const char *to)
{
    return arena_printf(reader->arena, "%.*s", (int)(to - from), from);
}

static const char *read_name(Reader *reader)
{
    const char *from = reader->at;

    if (!g_ascii_isalpha(peek(reader))) {
        fail(reader, _("a name must stand here"));
        return NULL;
    }
    while (g_ascii_isalnum(peek(reader)) || peek(reader) == '_')
        reader->at++;
    return keep(reader, from, reader->at);
}

/* Between three quotes there may be ends of lines. */
static const char *read_long_text(Reader *reader)
{
    const char *from = reader->at + 3, *to = g_strstr_len(from, reader->end - from, "\"\"\"");

    if (!to) {
        fail(reader, _("the end of a text is missing"));
        return NULL;
    }
    for (const char *at = from; at < to; at++)
        reader->line += *at == '\n';
    reader->at = to + 3;
    return keep(reader, from, to);
}

static const char *read_text(Reader *reader)
{
    char quote = *reader->at;
    const char *from = reader->at + 1;

    if (reader->end - reader->at >= 6 && strncmp(reader->at, "\"\"\"", 3) == 0)
        return read_long_text(reader);
    do
        reader->at++;
    while (reader->at < reader->end && *reader->at != quote && !is_line_end(*reader->at));
    if (peek(reader) != quote) {
        fail(reader, _("the end of a text is missing"));
        return NULL;
    }
    return keep(reader, from, reader->at++);
}

static int read_digits(Reader *reader, int64_t *number)
{
    bool negative = peek(reader) == '-';
    uint64_t value = 0;

    if (negative || peek(reader) == '+')
        reader->at++;
    if (!g_ascii_isdigit(peek(reader)))
        return fail(reader, _("a number must stand here"));
    while (g_ascii_isdigit(peek(reader))) {
        if (value > INT64_MAX / 10 - 1)
            return fail(reader, _("the number is too large"));
        value = value * 10 + (uint64_t)(*reader->at++ - '0');
    }
    *number = negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

static XenValue *read_value(Reader *reader);

static XenValue *read_list(Reader *reader)
{
    XenValue *list = xen_new_list(reader->arena);

    if (reader->depth == DEPTH_MAX) {
        fail(reader, _("there are too many lists in each other"));
        return NULL;
    }
    reader->at++;
    reader->depth++;
    for (skip_lines(reader); peek(reader) != ']'; skip_lines(reader)) {
        XenValue *item = read_value(reader);

        if (!item)
            return NULL;
        xen_add_value(list, item, reader->arena);
        skip_lines(reader);
        if (peek(reader) == ',')
            reader->at++;
        else if (peek(reader) != ']') {
            fail(reader, _("a ',' or ']' must stand here"));
            return NULL;
        }
    }
    reader->at++;
    reader->depth--;
    return list;
}

static XenValue *read_value(Reader *reader)
{
    XenValue *value = ELEMENT_NEW(reader->arena, XenValue);
    char c;

    skip_blanks(reader);
    c = peek(reader);
    if (c == '[')
        return read_list(reader);
    if (c == '"' || c == '\'') {
        value->type = XEN_TEXT;
        value->text = read_text(reader);
        return value->text ? value : NULL;
    }
    if (g_ascii_isdigit(c) || c == '-' || c == '+')
        return read_digits(reader, &value->number) == 0 ? value : NULL;
    fail(reader, _("a value must stand here"));
    return NULL;
}

static int read_setting(Reader *reader, XenSettings *settings)
{
    XenSetting *setting = ELEMENT_NEW(reader->arena, XenSetting);

    setting->name = read_name(reader);
    if (!setting->name)
        return -1;
    skip_blanks(reader);
    if (peek(reader) != '=')
        return fail(reader, _("a '=' must stand here"));
    reader->at++;
    setting->value = read_value(reader);
    if (!setting->value)
        return -1;
    element_list_add(reader->arena, (void ***)&settings->settings, &settings->n_settings, setting);
    return 0;
}

int xen_settings_parse(XenSettings *settings, const char *text, size_t size, Error *error)
{
    Reader reader = { .at = text, .end = text + size, .line = 1, .arena = settings->arena, .error = error };

    for (skip_lines(&reader); reader.at < reader.end; skip_lines(&reader)) {
        if (peek(&reader) != '#' && read_setting(&reader, settings) < 0)
            return -1;
        skip_blanks(&reader);
        if (peek(&reader) == '#')
            skip_comment(&reader);
        if (peek(&reader) == ';')
            reader.at++;
        else if (reader.at < reader.end && !is_line_end(*reader.at))
            return fail(&reader, _("the end of the line must stand here"));
    }
    return 0;
}

/* --- format ---------------------------------------------------------------------------------- */

static void put_text(GString *out, const char *text)
{
    const char *quote = "\"";

    if (strchr(text, '\n') || (strchr(text, '"') && strchr(text, '\'')))
        quote = "\"\"\"";
    else if (strchr(text, '"'))
        quote = "'";
    g_string_append(out, quote);
    g_string_append(out, text);
    g_string_append(out, quote);
}

static void put_value(GString *out, const XenValue *value)
{
    switch (value->type) {
    case XEN_NUMBER:
        g_string_append_printf(out, "%" PRId64, value->number);
        break;
    case XEN_TEXT:
        put_text(out, value->text);
        break;
    case XEN_LIST:
        g_string_append(out, "[ ");
        for (unsigned i = 0; i < value->n_items; i++) {
            if (i > 0)
                g_string_append(out, ", ");
            put_value(out, value->items[i]);
        }
        g_string_append(out, " ]");
        break;
    }
}

char *xen_settings_format(const XenSettings *settings)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < settings->n_settings; i++) {
        g_string_append_printf(out, "%s = ", settings->settings[i]->name);
        put_value(out, settings->settings[i]->value);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

/* --- set ------------------------------------------------------------------------------------- */

static XenSetting *find(const XenSettings *settings, const char *name)
{
    for (unsigned i = 0; i < settings->n_settings; i++)
        if (strcmp(settings->settings[i]->name, name) == 0)
            return settings->settings[i];
    return NULL;
}

void xen_set_value(XenSettings *settings, const char *name, XenValue *value)
{
    XenSetting *setting = find(settings, name);

    if (!setting) {
        setting = ELEMENT_NEW(settings->arena, XenSetting);
        setting->name = name;
        element_list_add(settings->arena, (void ***)&settings->settings, &settings->n_settings, setting);
    }
    setting->value = value;
}

void xen_set_number(XenSettings *settings, const char *name, int64_t number)
{
    XenValue *value = ELEMENT_NEW(settings->arena, XenValue);

    value->type = XEN_NUMBER;
    value->number = number;
    xen_set_value(settings, name, value);
}

/* Would put_text write it so that it is read as the same? */
static bool is_writable(const char *text)
{
    bool is_long = strchr(text, '\n') || (strchr(text, '"') && strchr(text, '\''));

    if (is_long)
        return !strstr(text, "\"\"\"") && !g_str_has_suffix(text, "\"");
    return !strchr(text, '\r');
}

static XenValue *new_text(XenSettings *settings, const char *text)
{
    XenValue *value = ELEMENT_NEW(settings->arena, XenValue);

    value->type = XEN_TEXT;
    value->text = arena_strdup(settings->arena, text);
    if (!is_writable(text))
        settings->unwritable = value->text;
    return value;
}

void xen_set_text(XenSettings *settings, const char *name, const char *text)
{
    xen_set_value(settings, name, new_text(settings, text));
}

XenValue *xen_new_list(Arena *arena)
{
    XenValue *value = ELEMENT_NEW(arena, XenValue);

    value->type = XEN_LIST;
    return value;
}

void xen_add_value(XenValue *list, XenValue *value, Arena *arena)
{
    element_list_add(arena, (void ***)&list->items, &list->n_items, value);
}

void xen_add_text(XenSettings *settings, XenValue *list, const char *text)
{
    xen_add_value(list, new_text(settings, text), settings->arena);
}

/* --- get ------------------------------------------------------------------------------------- */

static int refuse(const char *name, Error *error)
{
    return error_set(error, VIR_FROM_CONF, VIR_ERR_INTERNAL_ERROR,
                     _("the setting '%s' has a value of a type that it can't have"),
                     name);
}

const XenValue *xen_setting(const XenSettings *settings, const char *name)
{
    const XenSetting *setting = find(settings, name);

    return setting ? setting->value : NULL;
}

bool xen_read_number(const char *text, unsigned base, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, (int)base);
    return errno == 0 && end != text && *end == '\0';
}

int xen_get_number(const XenSettings *settings, const char *name, uint64_t *value, Error *error)
{
    const XenValue *found = xen_setting(settings, name);

    if (!found)
        return 0;
    if (found->type == XEN_NUMBER && found->number >= 0)
        *value = (uint64_t)found->number;
    else if (found->type != XEN_TEXT || !xen_read_number(found->text, 10, value))
        return refuse(name, error);
    return 0;
}

int xen_get_bool(const XenSettings *settings, const char *name, bool *value, Error *error)
{
    const XenValue *found = xen_setting(settings, name);

    if (!found)
        return 0;
    if (found->type == XEN_LIST || (found->type == XEN_NUMBER && found->number < 0))
        return refuse(name, error);
    *value = found->type == XEN_NUMBER ? found->number != 0 : strcmp(found->text, "1") == 0;
    return 0;
}

int xen_get_text(const XenSettings *settings, const char *name, const char **value, Error *error)
{
    const XenValue *found = xen_setting(settings, name);

    if (!found)
        return 0;
    if (found->type != XEN_TEXT)
        return refuse(name, error);
    *value = found->text;
    return 0;
}

const XenValue *xen_get_list(const XenSettings *settings, const char *name)
{
    const XenValue *found = xen_setting(settings, name);

    return found && found->type == XEN_LIST ? found : NULL;
}
