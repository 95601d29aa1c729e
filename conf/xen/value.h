/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The syntax of Xen's files: lines of "name = value", where a value is a number, a text in quotes or a list of values.
 * Values live in an arena. Pure functions: any thread, no lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum XenValueType { XEN_NUMBER, XEN_TEXT, XEN_LIST } XenValueType;

typedef struct XenValue {
    XenValueType type;
    int64_t number;
    const char *text;
    struct XenValue **items;    /* of a list */
    unsigned n_items;
} XenValue;

typedef struct XenSetting {
    const char *name;
    XenValue *value;
} XenSetting;

typedef struct XenSettings {
    Arena *arena;               /* not owned: everything is in it */
    XenSetting **settings;
    unsigned n_settings;
    const char *unwritable;     /* a text that was set and that can't stand there; NULL: none */
} XenSettings;

/* Adds what is in the file. 0, or -1 and VIR_ERR_CONF_SYNTAX with the line. */
int xen_settings_parse(XenSettings *settings, const char *text, size_t size, Error *error);
/* As text, owned by the caller; there must be nothing unwritable. */
char *xen_settings_format(const XenSettings *settings);

/* The first of that name; NULL when there is none. */
const XenValue *xen_setting(const XenSettings *settings, const char *name);
/* Sets what a file will have, at the place where it was first set; texts are copied. */
void xen_set_number(XenSettings *settings, const char *name, int64_t number);
void xen_set_text(XenSettings *settings, const char *name, const char *text);
void xen_set_value(XenSettings *settings, const char *name, XenValue *value);
XenValue *xen_new_list(Arena *arena);
void xen_add_value(XenValue *list, XenValue *value, Arena *arena);
/* Puts a text at the end of a list; it is copied. */
void xen_add_text(XenSettings *settings, XenValue *list, const char *text);

/* What a setting says, as libvirt takes it: numbers may be in quotes. 0, or -1 and VIR_ERR_INTERNAL_ERROR when its
 * value is of another type. `*value` is left alone when there is no such setting. */
int xen_get_number(const XenSettings *settings, const char *name, uint64_t *value, Error *error);
int xen_get_bool(const XenSettings *settings, const char *name, bool *value, Error *error);
int xen_get_text(const XenSettings *settings, const char *name, const char **value, Error *error);
/* The list of that name; NULL when there is none, or what is there is no list. */
const XenValue *xen_get_list(const XenSettings *settings, const char *name);
/* A number in decimal digits, with white space and a sign before it as strtoul has it; false for anything else. */
bool xen_read_number(const char *text, unsigned base, uint64_t *value);
