/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the parts of the configuration: config-parse.c knows the syntax, config.c the table of
 * settings, config-check.c what a value must mean. */
#pragma once

#include <stdint.h>

#include "server/config.h"

typedef enum SettingType {
    SETTING_INT,
    SETTING_BOOL,
    SETTING_MODE,
    SETTING_STRING,
    SETTING_PATH,
    SETTING_LIST,
} SettingType;

typedef enum SettingWhen { SETTING_NOW, SETTING_LATER, SETTING_OLD } SettingWhen;

/* A row of the table. */
typedef struct Setting {
    const char *name;
    size_t offset;              /* of its member in Config */
    SettingType type;
    SettingWhen when;
    long number;                /* default of INT, BOOL, MODE */
    const char *text;           /* default of STRING, PATH; may be NULL */
    long minimum, maximum;
} Setting;

extern const Setting config_settings[SETTINGS];

/* "key = value" as it stands in the file. */
typedef enum ConfigValueType { CONFIG_NUMBER, CONFIG_TEXT, CONFIG_LIST } ConfigValueType;

typedef struct ConfigEntry {
    char *key;          /* owned */
    int line;           /* of the key */
    ConfigValueType type;
    int64_t number;     /* CONFIG_NUMBER */
    char *text;         /* CONFIG_TEXT; owned */
    char **list;        /* CONFIG_LIST of texts; owned */
} ConfigEntry;

/* The entries in order, in an array that frees them. `text` has `size` bytes and a NUL behind them.
 * NULL and VIR_ERR_CONF_SYNTAX with file and line. */
GArray *config_parse(const char *file, const char *text, size_t size, Error *error);

/* Rules that need more than a row of the table. Adds warnings to `warnings` (char *, owned). -1 and an
 * error as config_load says. */
int config_check(Config *config, GPtrArray *warnings, Error *error);

/* The member of a setting. */
#define CONFIG_MEMBER(config, setting, type) ((type *)((char *)(config) + (setting)->offset))
