/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings in effect: read once from a file, then immutable and shared by reference counting.
 * A reload makes a new one. Any thread may read; no lock. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/error.h"

#define SETTING_C_TYPE_INT int
#define SETTING_C_TYPE_BOOL bool
#define SETTING_C_TYPE_MODE unsigned
#define SETTING_C_TYPE_STRING char *
#define SETTING_C_TYPE_PATH char *
#define SETTING_C_TYPE_LIST char **    /* NULL-terminated; NULL when unset */

typedef enum SettingId {
#define SETTING(name, ...) SETTING_##name,
#include "server/config.def"
#undef SETTING
    SETTINGS
} SettingId;

typedef struct Config {
    int refs;            /* atomic */
    char *file;          /* what was read; NULL when there was no file */
    char *state_dir;     /* where drivers keep what must last, in folders of their own; below --root too */
    char *run_dir;       /* unix_sock_dir's default: sockets, the pid file */
    char **warnings;     /* whole sentences for the log, in the file's order; never NULL */
    int line_of[SETTINGS];    /* where it was set; 0: nowhere, it has its default */

    /* One member for each setting, with the default filled in. Unset texts and lists are NULL;
     * unix_sock_dir and config_dir never are. */
#define SETTING(name, type, ...) SETTING_C_TYPE_##type name;
#include "server/config.def"
#undef SETTING
} Config;

/* Reads `file`, or when that is NULL the default file, which may be missing. `root` (may be NULL)
 * is put before every default path, never before one that was given. Without `root` and without
 * being root the defaults are those of the user's session. May wait for a disk.
 * NULL and VIR_ERR_CONF_SYNTAX naming file, line and key when something in it is wrong,
 * VIR_ERR_CONFIG_UNSUPPORTED when it asks for a protection that isn't available yet,
 * VIR_ERR_SYSTEM_ERROR when it can't be read. */
Config *config_load(const char *file, const char *root, Error *error);
Config *config_ref(Config *config);
void config_unref(Config *config);    /* NULL is fine */

/* Where config_load looks when no file is named. Owned by the caller. */
char *config_default_file(const char *root);

/* What is found wrong with a setting only when it is put to use: VIR_ERR_CONF_SYNTAX naming file, line and key.
 * `what` is a sentence. Returns -1. */
int config_mistake(const Config *config, SettingId id, const char *what, Error *error);

/* How many I/O threads io_threads stands for on this host. */
unsigned config_io_threads(const Config *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_unref)
