/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of droverctl, and what they share. One thread. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "base/arena.h"

/* Writes a message for people; -1. */
int complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Asks the server one procedure of the control program. 0, or -1 when it couldn't be asked or refused, and why has been
 * written. `args` and `result` are the procedure's structs; what the result points to is in `arena` and in `*frame`,
 * which the caller frees. */
int ask(int fd, int32_t number, const void *args, Arena *arena, uint8_t **frame, void *result);
/* A string of JSON. */
void print_json_text(const char *text);

/* --- droverctl-locks.c ------------------------------------------------------------------------ */
typedef struct LocksOptions {
    gboolean sites, reset, watch, json;
} LocksOptions;
/* 0, or -1 as ask(). With `watch` until the server ends. */
int show_locks(int fd, const LocksOptions *options);
