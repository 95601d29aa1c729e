/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of droverctl: droverctl.c has main and the words of the command line, droverctl-wire.c the one question to the
 * daemon, the other files a command each. One thread; nothing of the server but the wire's codecs is used. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/arena.h"
#include "rpc/control-types.h"

/* What stands on the command line beside the command. */
typedef struct Options {
    char *socket, *file, *uri;    /* NULL: the default */
    gboolean json, identities, reset, sites, watch;
} Options;

/* --- droverctl-wire.c ------------------------------------------------------------------------------- */
/* Says it on standard error; -1. */
int complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Asks the daemon one thing. `result` points into `arena` and `*frame` (owned by the caller). 0, or -1 and the reason
 * has been told. */
int ask(const Options *options, int32_t number, const void *args, Arena *arena, uint8_t **frame, void *result);
/* A string of JSON, with its quotes. */
void print_json_text(const char *text);
/* A line under a table's head. */
void print_rule(unsigned width);

/* --- the commands: 0, or -1 and the reason has been told --------------------------------------------- */
int show_clients(const Options *options);
int show_calls(const Options *options);
int show_locks(const Options *options);    /* with `watch` until the server ends */
int show_explained(const Options *options, const char *domain);
