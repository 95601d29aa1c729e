/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the values of the settings must mean, beyond type and range, and what is not available yet.
 * Part of config_load: same thread, no lock; may wait for the database of groups.
 * A protection that was asked for and can't be given is an error, never a warning. */
#include "server/config-private.h"

#include <grp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/log.h"
#include "base/uuid.h"

/* "FILE:LINE: KEY: what", whole and translated; owned by the caller. */
static char *config_say(const Config *config, SettingId id, const char *what)
{
    return g_strdup_printf("%s:%d: %s: %s", config->file, config->line_of[id], config_settings[id].name, what);
}

static int config_fail(const Config *config, SettingId id, int code, Error *error, const char *format, ...)
    G_GNUC_PRINTF(5, 6);
static int config_fail(const Config *config, SettingId id, int code, Error *error, const char *format, ...)
{
    g_autofree char *what = NULL, *sentence = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    sentence = config_say(config, id, what);
    return error_set(error, VIR_FROM_CONF, code, "%s", sentence);
}

int config_mistake(const Config *config, SettingId id, const char *what, Error *error)
{
    return config_fail(config, id, VIR_ERR_CONF_SYNTAX, error, "%s", what);
}

/* --- who may connect -------------------------------------------------------------------------- */

static int check_local_auth(const Config *config, SettingId id, const char *scheme, Error *error)
{
    if (strcmp(scheme, "none") == 0 || strcmp(scheme, "sasl") == 0 || strcmp(scheme, "polkit") == 0)
        return 0;
    return config_fail(config, id, VIR_ERR_CONF_SYNTAX, error, _("'%s' is no way of authentication"), scheme);
}

static int check_remote_auth(const Config *config, SettingId id, const char *scheme, Error *error)
{
    if (strcmp(scheme, "none") == 0 || strcmp(scheme, "sasl") == 0)
        return 0;
    return config_fail(config, id, VIR_ERR_CONF_SYNTAX, error,
                       _("'%s' is no way of authentication over the network"), scheme);
}

static int check_access(const Config *config, Error *error)
{
    for (char **driver = config->access_drivers; driver && *driver; driver++) {
        if (strcmp(*driver, "nop") == 0)
            continue;
        if (strcmp(*driver, "polkit") == 0)
            return config_fail(config, SETTING_access_drivers, VIR_ERR_CONFIG_UNSUPPORTED, error,
                               _("access control by '%s' is not available yet"), *driver);
        return config_fail(config, SETTING_access_drivers, VIR_ERR_CONF_SYNTAX, error,
                           _("'%s' is no access control driver"), *driver);
    }
    return 0;
}

static int check_auth(const Config *config, Error *error)
{
    if (check_local_auth(config, SETTING_auth_unix_ro, config->auth_unix_ro, error) < 0 ||
        check_local_auth(config, SETTING_auth_unix_rw, config->auth_unix_rw, error) < 0 ||
        check_remote_auth(config, SETTING_auth_tcp, config->auth_tcp, error) < 0 ||
        check_remote_auth(config, SETTING_auth_tls, config->auth_tls, error) < 0)
        return -1;
    return check_access(config, error);
}

/* --- sockets, log, host ----------------------------------------------------------------------- */

static int check_sockets(const Config *config, Error *error)
{
    /* ".new": a socket is made beside its place first. */
    size_t most = sizeof ((struct sockaddr_un *)0)->sun_path - sizeof "/libvirt-admin-sock.new";
    g_autofree char *buffer = g_malloc(65536);
    struct group group, *found = NULL;

    if (strlen(config->unix_sock_dir) > most)
        return error_set(error, VIR_FROM_CONF, VIR_ERR_INVALID_ARG,
                         _("the path '%s' is too long for a directory of sockets: it may have %zu bytes"),
                         config->unix_sock_dir, most);
    if (!config->unix_sock_group)
        return 0;
    getgrnam_r(config->unix_sock_group, &group, buffer, 65536, &found);
    if (!found)
        return config_fail(config, SETTING_unix_sock_group, VIR_ERR_CONF_SYNTAX, error,
                           _("there is no group '%s'"), config->unix_sock_group);
    return 0;
}

static int check_log(const Config *config, Error *error)
{
    Error reason = ERROR_INIT;
    int rc = 0;

    if (config->log_filters && log_check_filters(config->log_filters, &reason) < 0)
        rc = config_fail(config, SETTING_log_filters, VIR_ERR_CONF_SYNTAX, error, "%s", reason.detail);
    else if (config->log_outputs && log_check_outputs(config->log_outputs, &reason) < 0)
        rc = config_fail(config, SETTING_log_outputs, VIR_ERR_CONF_SYNTAX, error, "%s", reason.detail);
    error_clear(&reason);
    return rc;
}

/* As the file of libvirtd says: the UUID in the sample, all of one digit, is nobody's. */
static bool uuid_is_of_one_digit(const Uuid *uuid)
{
    if (uuid->bytes[0] >> 4 != (uuid->bytes[0] & 15))
        return false;
    for (size_t i = 1; i < sizeof uuid->bytes; i++)
        if (uuid->bytes[i] != uuid->bytes[0])
            return false;
    return true;
}

static int check_host(const Config *config, Error *error)
{
    g_autofree char *scheme = g_uri_parse_scheme(config->default_uri);
    Uuid uuid;

    if (!scheme)
        return config_fail(config, SETTING_default_uri, VIR_ERR_CONF_SYNTAX, error,
                           _("'%s' is no URI of a hypervisor"), config->default_uri);
    if (config->host_uuid && (!uuid_parse(config->host_uuid, &uuid) || uuid_is_of_one_digit(&uuid)))
        return config_fail(config, SETTING_host_uuid, VIR_ERR_CONF_SYNTAX, error, _("'%s' is no UUID of a host"),
                           config->host_uuid);
    if (strcmp(config->host_uuid_source, "smbios") != 0 && strcmp(config->host_uuid_source, "machine-id") != 0)
        return config_fail(config, SETTING_host_uuid_source, VIR_ERR_CONF_SYNTAX, error,
                           _("'%s' is no source of UUIDs"), config->host_uuid_source);
    return 0;
}

/* --- warnings ------------------------------------------------------------------------------- */

/* libvirtd starts with more workers than it may have; so do we, and say so. */
static void check_workers(Config *config, GPtrArray *warnings)
{
    g_autofree char *what = NULL;

    if (config->min_workers > config->max_workers) {
        what = g_strdup_printf(_("max_workers is taken to be %d as well"), config->min_workers);
        g_ptr_array_add(warnings, config_say(config, SETTING_min_workers, what));
        config->max_workers = config->min_workers;
    }
    if (config->admin_min_workers > config->admin_max_workers)
        config->admin_max_workers = config->admin_min_workers;
}

/* Whether the value asks for nothing but what is so anyway. */
static bool setting_is_harmless(Config *config, const Setting *setting)
{
    switch (setting->type) {
    case SETTING_INT:
        return *CONFIG_MEMBER(config, setting, int) == 0 ||
               *CONFIG_MEMBER(config, setting, int) == (int)setting->number;
    case SETTING_BOOL:
        return !*CONFIG_MEMBER(config, setting, bool);
    case SETTING_MODE:
        return *CONFIG_MEMBER(config, setting, unsigned) == (unsigned)setting->number;
    case SETTING_STRING:
    case SETTING_PATH:
        return g_strcmp0(*CONFIG_MEMBER(config, setting, char *), setting->text) == 0;
    case SETTING_LIST:
        return !*CONFIG_MEMBER(config, setting, char **);
    }
    g_assert_not_reached();
}

/* Where polkit decides who may connect, everybody may reach the socket. */
static void open_to_polkit(Config *config)
{
    if (strcmp(config->auth_unix_rw, "polkit") == 0 && !config->line_of[SETTING_unix_sock_rw_perms])
        config->unix_sock_rw_perms = 0777;
}

static void warn_of_what_comes_later(Config *config, GPtrArray *warnings)
{
    for (SettingId id = 0; id < SETTINGS; id++) {
        const Setting *setting = &config_settings[id];

        if (setting->when == SETTING_LATER && config->line_of[id] && !setting_is_harmless(config, setting))
            g_ptr_array_add(warnings,
                            config_say(config, id, _("this setting has no effect yet")));
    }
}

int config_check(Config *config, GPtrArray *warnings, Error *error)
{
    if (check_auth(config, error) < 0 || check_sockets(config, error) < 0 || check_log(config, error) < 0 ||
        check_host(config, error) < 0)
        return -1;
    open_to_polkit(config);
    check_workers(config, warnings);
    warn_of_what_comes_later(config, warnings);
    return 0;
}
