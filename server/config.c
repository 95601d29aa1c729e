/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings: the table of config.def as data, and a file read into it.
 * Runs on the thread that starts or reloads the server, which may wait for a disk; takes no lock.
 * A Config is written only until config_load returns it. */
#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/i18n.h"
#include "server/config-private.h"

#define FILE_MOST ((size_t)1 << 20)
#define IO_THREADS_MOST 8

#define DEFAULT_INT(value) .number = (value)
#define DEFAULT_BOOL(value) .number = (value)
#define DEFAULT_MODE(value) .number = (value)
#define DEFAULT_STRING(value) .text = (value)
#define DEFAULT_PATH(value) .text = (value)
#define DEFAULT_LIST(value) .text = (value)

const Setting config_settings[SETTINGS] = {
#define SETTING(key, kind, value, least, most, from, group, documentation)                              \
    [SETTING_##key] = { .name = #key, .offset = offsetof(Config, key), .type = SETTING_##kind,          \
                        .when = SETTING_##from, DEFAULT_##kind(value), .minimum = (least),              \
                        .maximum = (most) },
#include "server/config.def"
#undef SETTING
};

/* --- defaults ------------------------------------------------------------------------------ */

static bool config_is_session(const char *root)
{
    return !root && geteuid() != 0;
}

/* `system` below `root`, or for a user's session "drover" below `session`. */
static char *config_default_dir(const char *root, const char *system, const char *session)
{
    if (config_is_session(root))
        return g_build_filename(session, "drover", NULL);
    return root ? g_build_filename(root, system, NULL) : g_strdup(system);
}

char *config_default_file(const char *root)
{
    g_autofree char *dir = config_default_dir(root, "/etc/drover", g_get_user_config_dir());

    return g_build_filename(dir, "droverd.conf", NULL);
}

static void config_set_default(Config *config, const Setting *setting)
{
    switch (setting->type) {
    case SETTING_INT:
        *CONFIG_MEMBER(config, setting, int) = (int)setting->number;
        break;
    case SETTING_BOOL:
        *CONFIG_MEMBER(config, setting, bool) = setting->number;
        break;
    case SETTING_MODE:
        *CONFIG_MEMBER(config, setting, unsigned) = (unsigned)setting->number;
        break;
    case SETTING_STRING:
    case SETTING_PATH:
        *CONFIG_MEMBER(config, setting, char *) = g_strdup(setting->text);
        break;
    case SETTING_LIST:
        break;
    }
}

static Config *config_new(const char *root)
{
    Config *config = g_new0(Config, 1);

    config->refs = 1;
    for (SettingId id = 0; id < SETTINGS; id++)
        config_set_default(config, &config_settings[id]);
    config->run_dir = config_default_dir(root, config->unix_sock_dir, g_get_user_runtime_dir());
    config->state_dir = config_default_dir(root, "/var/lib/drover", g_get_user_data_dir());
    g_free(config->unix_sock_dir);
    config->unix_sock_dir = g_strdup(config->run_dir);
    g_free(config->config_dir);
    config->config_dir = config_default_dir(root, config_settings[SETTING_config_dir].text, g_get_user_config_dir());
    return config;
}

/* --- values -------------------------------------------------------------------------------- */

/* The entry, its row, and how to complain about it. */
typedef struct Assignment {
    Config *config;
    const Setting *setting;
    ConfigEntry *entry;
    const char *file;
    Error *error;
} Assignment;

static int assignment_fail(const Assignment *a, const char *format, ...) G_GNUC_PRINTF(2, 3);
static int assignment_fail(const Assignment *a, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    return error_set(a->error, VIR_FROM_CONF, VIR_ERR_CONF_SYNTAX, "%s:%d: %s: %s", a->file, a->entry->line,
                     a->entry->key, what);
}

static int assign_number(const Assignment *a)
{
    const Setting *setting = a->setting;

    if (a->entry->type != CONFIG_NUMBER)
        return assignment_fail(a, _("the value must be a number without quotes"));
    if (a->entry->number < setting->minimum || a->entry->number > setting->maximum)
        return assignment_fail(a, _("%lld is not from %ld to %ld"), (long long)a->entry->number,
                               setting->minimum, setting->maximum);
    if (setting->type == SETTING_BOOL)
        *CONFIG_MEMBER(a->config, setting, bool) = a->entry->number == 1;
    else
        *CONFIG_MEMBER(a->config, setting, int) = (int)a->entry->number;
    return 0;
}

static int assign_mode(const Assignment *a)
{
    const char *text = a->entry->text;

    if (a->entry->type != CONFIG_TEXT)
        return assignment_fail(a, _("the value must be an octal number in quotes, such as \"0770\""));
    if (!*text || strlen(text) > 5 || text[strspn(text, "01234567")] ||
        g_ascii_strtoll(text, NULL, 8) > a->setting->maximum)
        return assignment_fail(a, _("'%s' is not an octal number from 0 to %04lo"), text,
                               (unsigned long)a->setting->maximum);
    *CONFIG_MEMBER(a->config, a->setting, unsigned) = (unsigned)g_ascii_strtoll(text, NULL, 8);
    return 0;
}

static int assign_text(const Assignment *a)
{
    char **member = CONFIG_MEMBER(a->config, a->setting, char *);
    const char *text = a->entry->text;

    if (a->entry->type != CONFIG_TEXT)
        return assignment_fail(a, _("the value must be a text in quotes"));
    if (!*text)
        return 0;
    if (strlen(text) < (size_t)a->setting->minimum || strlen(text) > (size_t)a->setting->maximum)
        return assignment_fail(a, _("the text must have from %ld to %ld bytes"), a->setting->minimum,
                               a->setting->maximum);
    if (a->setting->type == SETTING_PATH && !g_path_is_absolute(text))
        return assignment_fail(a, _("'%s' is not an absolute path"), text);
    g_free(*member);
    *member = g_steal_pointer(&a->entry->text);
    return 0;
}

static int assign_list(const Assignment *a)
{
    guint n;

    if (a->entry->type != CONFIG_LIST)
        return assignment_fail(a, _("the value must be a list of texts in brackets, such as [ \"a\", \"b\" ]"));
    n = g_strv_length(a->entry->list);
    if (n < (guint)a->setting->minimum || n > (guint)a->setting->maximum)
        return assignment_fail(a, _("the list must have from %ld to %ld elements"), a->setting->minimum,
                               a->setting->maximum);
    *CONFIG_MEMBER(a->config, a->setting, char **) = g_steal_pointer(&a->entry->list);
    return 0;
}

static int assign(const Assignment *a)
{
    switch (a->setting->type) {
    case SETTING_INT:
    case SETTING_BOOL:
        return assign_number(a);
    case SETTING_MODE:
        return assign_mode(a);
    case SETTING_STRING:
    case SETTING_PATH:
        return assign_text(a);
    case SETTING_LIST:
        return assign_list(a);
    }
    g_assert_not_reached();
}

/* --- the file ------------------------------------------------------------------------------- */

static const Setting *config_find(const char *key)
{
    for (SettingId id = 0; id < SETTINGS; id++)
        if (strcmp(config_settings[id].name, key) == 0)
            return &config_settings[id];
    return NULL;
}

static int config_apply(Config *config, const char *file, GArray *entries, GPtrArray *warnings, Error *error)
{
    for (guint i = 0; i < entries->len; i++) {
        Assignment a = { .config = config, .entry = &g_array_index(entries, ConfigEntry, i), .file = file,
                         .error = error };
        int *line;

        a.setting = config_find(a.entry->key);
        if (!a.setting)
            return assignment_fail(&a, _("there is no such setting"));
        line = &config->line_of[a.setting - config_settings];
        /* As in libvirtd, the first one counts. */
        if (*line) {
            g_ptr_array_add(warnings, g_strdup_printf(_("%s:%d: %s: was set in line %d already, which counts"), file,
                                                      a.entry->line, a.entry->key, *line));
            continue;
        }
        if (assign(&a) < 0)
            return -1;
        *line = a.entry->line;
    }
    return 0;
}

/* Reads `file` into config. A file that isn't there is an error only when it was asked for by name. */
static int config_read(Config *config, const char *file, bool asked_for, GPtrArray *warnings, Error *error)
{
    g_autoptr(GArray) entries = NULL;
    g_autofree char *text = NULL;
    Error reason = ERROR_INIT;
    size_t size = 0;

    text = durable_read(AT_FDCWD, file, FILE_MOST, &size, &reason);
    if (!text && reason.int1 == ENOENT && !asked_for) {
        error_clear(&reason);
        return 0;
    }
    if (!text) {
        error_set_errno(error, VIR_FROM_CONF, reason.int1, _("cannot read the configuration file '%s'"), file);
        error_clear(&reason);
        return -1;
    }
    entries = config_parse(file, text, size, error);
    if (!entries || config_apply(config, file, entries, warnings, error) < 0)
        return -1;
    config->file = g_strdup(file);
    return 0;
}

Config *config_load(const char *file, const char *root, Error *error)
{
    g_autofree char *absolute_root = root ? g_canonicalize_filename(root, NULL) : NULL;
    g_autofree char *path = file ? g_canonicalize_filename(file, NULL) : config_default_file(absolute_root);
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Config) config = config_new(absolute_root);

    if (config_read(config, path, file != NULL, warnings, error) < 0)
        return NULL;
    if (config_check(config, warnings, error) < 0)
        return NULL;
    g_ptr_array_add(warnings, NULL);
    config->warnings = (char **)g_ptr_array_free(g_steal_pointer(&warnings), FALSE);
    return g_steal_pointer(&config);
}

Config *config_ref(Config *config)
{
    g_atomic_int_inc(&config->refs);
    return config;
}

void config_unref(Config *config)
{
    if (!config || !g_atomic_int_dec_and_test(&config->refs))
        return;
    for (SettingId id = 0; id < SETTINGS; id++) {
        const Setting *setting = &config_settings[id];

        if (setting->type == SETTING_STRING || setting->type == SETTING_PATH)
            g_free(*CONFIG_MEMBER(config, setting, char *));
        else if (setting->type == SETTING_LIST)
            g_strfreev(*CONFIG_MEMBER(config, setting, char **));
    }
    g_strfreev(config->warnings);
    g_free(config->file);
    g_free(config->run_dir);
    g_free(config->state_dir);
    g_free(config);
}

unsigned config_io_threads(const Config *config)
{
    return config->io_threads ? (unsigned)config->io_threads : MIN(g_get_num_processors(), IO_THREADS_MOST);
}
