/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors and the generic text of every code, from the table error-text.def.
 * Any thread; no lock. Never waits, never fails. Messages are translated here, templates are not:
 * clients expect those as they are in the table. */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

#include "base/i18n.h"

typedef struct ErrorText {
    const char *alone;          /* without a detail */
    const char *with_detail;    /* "%s" is its place */
    bool joined;                /* with_detail is `alone`, a colon, and the place */
} ErrorText;

static const ErrorText error_texts[] = {
#define ERROR_NOUN(code, text) [VIR_ERR_##code] = { text, text ": %s", true },
#define ERROR_TEXT(code, alone, with_detail) [VIR_ERR_##code] = { alone, with_detail, false },
#include "base/error-text.def"
#undef ERROR_NOUN
#undef ERROR_TEXT
};

static const ErrorText *error_text(int code)
{
    static const ErrorText unknown = { N_("unknown error"), "unknown error: %s", true };

    if (code <= 0 || (size_t)code >= G_N_ELEMENTS(error_texts) || !error_texts[code].alone)
        return &unknown;
    return &error_texts[code];
}

const char *error_code_text(int code)
{
    return _(error_text(code)->alone);
}

const char *error_code_template(int code, bool with_detail)
{
    return with_detail ? error_text(code)->with_detail : error_text(code)->alone;
}

/* The translated message around a detail. */
static char *error_message(const ErrorText *text, const char *detail)
{
    const char *template, *place;

    /* TRANSLATORS: the kind of an error, and what exactly has gone wrong */
    if (text->joined)
        return g_strdup_printf(_("%s: %s"), _(text->alone), detail);
    template = text->with_detail[0] == '%' ? text->with_detail : _(text->with_detail);
    place = strstr(template, "%s");
    if (!place)
        return g_strconcat(template, ": ", detail, NULL);
    return g_strdup_printf("%.*s%s%s", (int)(place - template), template, detail, place + 2);
}

void error_clear(Error *error)
{
    g_free(error->message);
    g_free(error->detail);
    *error = (Error)ERROR_INIT;
}

/* Takes over `detail`, which may be NULL. */
static int error_take(Error *error, int domain, int code, char *detail)
{
    g_assert(code != VIR_ERR_OK);
    error_clear(error);
    error->code = code;
    error->domain = domain;
    error->detail = detail;
    error->message = detail ? error_message(error_text(code), detail) : g_strdup(error_code_text(code));
    return -1;
}

int error_set(Error *error, int domain, int code, const char *format, ...)
{
    char *detail;
    va_list args;

    if (!error)
        return -1;
    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    return error_take(error, domain, code, detail);
}

int error_set_plain(Error *error, int domain, int code)
{
    return error ? error_take(error, domain, code, NULL) : -1;
}

int error_set_errno(Error *error, int domain, int errnum, const char *format, ...)
{
    g_autofree char *what = NULL;
    char reason[256];
    va_list args;

    if (!error)
        return -1;
    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    error_take(error, domain, VIR_ERR_SYSTEM_ERROR,
               g_strconcat(what, ": ", strerror_r(errnum, reason, sizeof reason), NULL));
    error->int1 = errnum;
    return -1;
}

bool error_is_set(const Error *error)
{
    return error->code != VIR_ERR_OK;
}

void error_move(Error *to, Error *from)
{
    g_assert(to != from);
    error_clear(to);
    *to = *from;
    *from = (Error)ERROR_INIT;
}
