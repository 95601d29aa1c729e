/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The syntax of libvirtd.conf: from text to entries, without knowing any key.
 *   key = 12      key = "text"      key = 'text'      key = """text over lines"""
 *   key = [ "text", "text" ]        # comment
 * A statement ends with its line or a semicolon; a list may span lines; there are no escapes in a text.
 * Pure functions; no lock, no I/O. Whatever the text is, it ends in entries or in one error. */
#include "server/config-private.h"

#include <string.h>

#include "base/i18n.h"

#define ENTRIES_MOST 4096
#define LIST_MOST 4096
#define KEY_MOST 128

typedef struct Parser {
    const char *file;
    const char *at;      /* never behind `end` */
    const char *end;     /* here stands a NUL */
    int line;
    Error *error;
} Parser;

static void config_entry_clear(gpointer data)
{
    ConfigEntry *entry = data;

    g_free(entry->key);
    g_free(entry->text);
    g_strfreev(entry->list);
}

static int parser_fail(const Parser *parser, const char *key, const char *what)
{
    if (key)
        return error_set(parser->error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, "%s:%d: %s: %s", parser->file,
                         parser->line, key, what);
    return error_set(parser->error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, "%s:%d: %s", parser->file, parser->line,
                     what);
}

static void skip_blanks(Parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\t' || *parser->at == '\r')
        parser->at++;
}

static void skip_comment(Parser *parser)
{
    if (*parser->at == '#')
        while (parser->at < parser->end && *parser->at != '\n')
            parser->at++;
}

/* Blanks, comments and ends of lines. */
static void skip_space(Parser *parser)
{
    for (;;) {
        skip_blanks(parser);
        skip_comment(parser);
        if (*parser->at != '\n')
            return;
        parser->line++;
        parser->at++;
    }
}

static bool is_key_char(char c, bool first)
{
    return g_ascii_isalpha(c) || c == '_' || (!first && (g_ascii_isdigit(c) || strchr("-./", c)));
}

static char *parse_key(Parser *parser)
{
    const char *start = parser->at;

    while (parser->at < parser->end && is_key_char(*parser->at, parser->at == start))
        parser->at++;
    if (parser->at == start) {
        parser_fail(parser, NULL, _("the name of a setting is expected here"));
        return NULL;
    }
    if (parser->at - start > KEY_MOST) {
        parser_fail(parser, NULL, _("the name of a setting is far too long"));
        return NULL;
    }
    return g_strndup(start, (gsize)(parser->at - start));
}

static int parse_number(Parser *parser, ConfigEntry *entry)
{
    bool negative = *parser->at == '-';
    const char *start;
    int64_t number = 0;

    if (negative || *parser->at == '+')
        parser->at++;
    start = parser->at;
    while (g_ascii_isdigit(*parser->at)) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *parser->at - '0', &number))
            return parser_fail(parser, entry->key, _("the number is too large"));
        parser->at++;
    }
    if (parser->at == start)
        return parser_fail(parser, entry->key, _("a number is expected here"));
    entry->type = CONFIG_NUMBER;
    entry->number = negative ? -number : number;
    return 0;
}

/* The text between the quotes at hand; NULL and an error when they are not closed. */
static char *parse_text(Parser *parser, const char *key)
{
    bool triple = g_str_has_prefix(parser->at, "\"\"\"");
    const char quote[] = { *parser->at, triple ? '"' : '\0', triple ? '"' : '\0', '\0' };
    const char *start = parser->at + strlen(quote);
    const char *stop = strstr(start, quote);
    const char *newline = memchr(start, '\n', (size_t)(parser->end - start));

    if (!stop || (!triple && newline && newline < stop)) {
        parser_fail(parser, key, _("the quotes are not closed"));
        return NULL;
    }
    if (!g_utf8_validate(start, stop - start, NULL)) {
        parser_fail(parser, key, _("the text is not valid UTF-8"));
        return NULL;
    }
    for (const char *c = start; c < stop; c++)
        parser->line += *c == '\n';
    parser->at = stop + strlen(quote);
    return g_strndup(start, (gsize)(stop - start));
}

static bool at_quote(const Parser *parser)
{
    return *parser->at == '"' || *parser->at == '\'';
}

static int parse_list(Parser *parser, ConfigEntry *entry)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

    parser->at++;
    for (skip_space(parser); *parser->at != ']'; skip_space(parser)) {
        char *text;

        if (!at_quote(parser))
            return parser_fail(parser, entry->key, _("the list wants a text in quotes or its closing bracket here"));
        if (list->len == LIST_MOST)
            return parser_fail(parser, entry->key, _("the list is far too long"));
        text = parse_text(parser, entry->key);
        if (!text)
            return -1;
        g_ptr_array_add(list, text);
        skip_space(parser);
        if (*parser->at == ',')
            parser->at++;
        else if (*parser->at != ']')
            return parser_fail(parser, entry->key, _("the list wants a comma or its closing bracket here"));
    }
    parser->at++;
    g_ptr_array_add(list, NULL);
    entry->type = CONFIG_LIST;
    entry->list = (char **)g_ptr_array_free(g_steal_pointer(&list), FALSE);
    return 0;
}

static int parse_value(Parser *parser, ConfigEntry *entry)
{
    if (g_ascii_isdigit(*parser->at) || *parser->at == '-' || *parser->at == '+')
        return parse_number(parser, entry);
    if (*parser->at == '[')
        return parse_list(parser, entry);
    if (!at_quote(parser))
        return parser_fail(parser, entry->key, _("a number, a text in quotes or a list is expected behind '='"));
    entry->type = CONFIG_TEXT;
    entry->text = parse_text(parser, entry->key);
    return entry->text ? 0 : -1;
}

static int parse_entry(Parser *parser, ConfigEntry *entry)
{
    entry->line = parser->line;
    entry->key = parse_key(parser);
    if (!entry->key)
        return -1;
    skip_blanks(parser);
    if (*parser->at != '=')
        return parser_fail(parser, entry->key, _("'=' is expected behind the name of the setting"));
    parser->at++;
    skip_blanks(parser);
    if (parse_value(parser, entry) < 0)
        return -1;
    skip_blanks(parser);
    skip_comment(parser);
    if (*parser->at == ';')
        parser->at++;
    else if (*parser->at != '\n' && parser->at < parser->end)
        return parser_fail(parser, entry->key, _("the end of the line is expected behind the value"));
    return 0;
}

GArray *config_parse(const char *file, const char *text, size_t size, Error *error)
{
    Parser parser = { .file = file, .at = text, .end = text + size, .line = 1, .error = error };
    g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(ConfigEntry));

    g_array_set_clear_func(entries, config_entry_clear);
    if (memchr(text, '\0', size)) {
        error_set(error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, _("%s: the file is not a text"), file);
        return NULL;
    }
    for (skip_space(&parser); parser.at < parser.end; skip_space(&parser)) {
        if (entries->len == ENTRIES_MOST) {
            parser_fail(&parser, NULL, _("the file holds far too many settings"));
            return NULL;
        }
        g_array_set_size(entries, entries->len + 1);
        if (parse_entry(&parser, &g_array_index(entries, ConfigEntry, entries->len - 1)) < 0)
            return NULL;
    }
    return g_steal_pointer(&entries);
}
