/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one kind of error that a client, a guest or a file can cause: a code and a
 * domain from <libvirt/virterror.h>, and a whole sentence for a person.
 * An Error is owned by one thread at a time; it has no lock. What only a bug of
 * ours can cause is an assertion and never comes here. */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libvirt/virterror.h>

typedef struct Error {
    int code;         /* VIR_ERR_*; VIR_ERR_OK: nothing has gone wrong */
    int domain;       /* VIR_FROM_* */
    char *message;    /* owned; the generic text of the code, a colon, the detail */
    char *detail;     /* owned; the detail alone, NULL when there is none */
    int int1, int2;   /* -1; int1 is errno for VIR_ERR_SYSTEM_ERROR */
} Error;

/* A cleared error; a static one needs no clearing. */
#define ERROR_INIT { 0, 0, NULL, NULL, -1, -1 }

/* Sets the error, replacing what was there. `error` may be NULL: then nothing is kept.
 * `format` gives the detail, a whole translated sentence that names the object.
 * Returns -1 always, so that a failing function ends in `return error_set (…);`. */
int error_set(Error *error, int domain, int code, const char *format, ...) G_GNUC_PRINTF(4, 5);

/* As error_set, with the code alone and no detail. */
int error_set_plain(Error *error, int domain, int code);

/* A failed system call: VIR_ERR_SYSTEM_ERROR, the detail followed by strerror(errnum). */
int error_set_errno(Error *error, int domain, int errnum, const char *format, ...) G_GNUC_PRINTF(4, 5);

bool error_is_set(const Error *error);
void error_clear(Error *error);
/* Moves `from` (then cleared) to `to` (cleared first). */
void error_move(Error *to, Error *from);

/* The generic text of a code, translated ("Domain not found"); never NULL. */
const char *error_code_text(int code);
/* The generic text untranslated with its place for the detail ("Domain not found: %s"),
 * as clients expect it in str1; static storage. */
const char *error_code_template(int code, bool with_detail);
