/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What server/config*.c promise: libvirtd.conf is understood, what is wrong is named with file, line
 * and key, what isn't available is refused or named. */
#include "server/config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Place {
    char *dir, *file;
} Place;

static void place_setup(Place *place, gconstpointer unused)
{
    place->dir = g_dir_make_tmp("drover-config-XXXXXX", NULL);
    place->file = g_build_filename(place->dir, "test.conf", NULL);
}

static void place_teardown(Place *place, gconstpointer unused)
{
    g_unlink(place->file);
    g_assert_cmpint(g_rmdir(place->dir), ==, 0);
    g_free(place->dir);
    g_free(place->file);
}

static Config *load_bytes(const Place *place, const char *text, gssize size, Error *error)
{
    g_assert_true(g_file_set_contents(place->file, text, size, NULL));
    return config_load(place->file, NULL, error);
}

static Config *load(const Place *place, const char *text)
{
    Error error = ERROR_INIT;
    Config *config = load_bytes(place, text, -1, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_nonnull(config);
    return config;
}

static void an_empty_file_gives_the_defaults(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = load(place, "");

    g_assert_cmpint(config->max_clients, ==, 5000);
    g_assert_cmpint(config->max_client_requests, ==, 64);
    g_assert_cmpint(config->keepalive_interval, ==, 5);
    g_assert_cmpuint(config->unix_sock_ro_perms, ==, 0777);
    g_assert_cmpuint(config->unix_sock_rw_perms, ==, 0700);
    g_assert_cmpstr(config->default_uri, ==, "test:///default");
    g_assert_null(config->log_filters);
    g_assert_null(config->driver_wrap);
    g_assert_cmpstr(config->file, ==, place->file);
    g_assert_cmpuint(g_strv_length(config->warnings), ==, 0);
}

static void every_form_of_a_value_is_read(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = load(place,
        "# a comment\n\n"
        "max_clients = 17 # and one behind\n"
        "  keepalive_interval=-1\t\n"
        "log_filters = '1:rpc\"x'\n"
        "unix_sock_rw_perms = \"0660\" ; min_workers = 7;\n"
        "default_uri = \"\"\"test:///\\default\"\"\"\n"
        "driver_wrap = [ \"trace\", 'delay ms=1', # why\n"
        "\n"
        "  \"fail\",\n"
        "]\r\n"
        "max_workers = 9");

    g_assert_cmpint(config->max_clients, ==, 17);
    g_assert_cmpint(config->keepalive_interval, ==, -1);
    g_assert_cmpstr(config->log_filters, ==, "1:rpc\"x");
    g_assert_cmpuint(config->unix_sock_rw_perms, ==, 0660);
    g_assert_cmpint(config->min_workers, ==, 7);
    g_assert_cmpstr(config->default_uri, ==, "test:///\\default");
    g_assert_cmpuint(g_strv_length(config->driver_wrap), ==, 3);
    g_assert_cmpstr(config->driver_wrap[1], ==, "delay ms=1");
    g_assert_cmpint(config->max_workers, ==, 9);
    g_assert_cmpint(config->line_of[SETTING_max_workers], ==, 12);
    g_assert_cmpint(config->line_of[SETTING_max_clients], ==, 3);
    g_assert_cmpint(config->line_of[SETTING_prio_workers], ==, 0);
}

static void an_empty_text_leaves_the_default(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = load(place, "log_filters = \"\"\ndefault_uri = ''\n");

    g_assert_null(config->log_filters);
    g_assert_cmpstr(config->default_uri, ==, "test:///default");
}

/* What is wrong, in a file of its own; the line where; the key, if one is named; and the code. */
static const struct {
    const char *text;
    int line;
    const char *key;
    int code;
} wrong[] = {
    { "max_clients = abc\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "\n\nmax_clients = \"5\"\n", 3, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients 5\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients\n= 5\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients =\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients = 5 max_workers = 3\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients = 0x10\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients = -1\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients = -\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients = 0\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients = 1000001\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "max_clients = 99999999999999999999\n", 1, "max_clients", VIR_ERR_CONF_SYNTAX },
    { "keepalive_interval = -2\n", 1, "keepalive_interval", VIR_ERR_CONF_SYNTAX },
    { "listen_tcp = 2\n", 1, "listen_tcp", VIR_ERR_CONF_SYNTAX },
    { "listen_tcp = \"yes\"\n", 1, "listen_tcp", VIR_ERR_CONF_SYNTAX },
    { "no_such_key = 1\n", 1, "no_such_key", VIR_ERR_CONF_SYNTAX },
    { "Max_clients = 1\n", 1, "Max_clients", VIR_ERR_CONF_SYNTAX },
    { "= 1\n", 1, NULL, VIR_ERR_CONF_SYNTAX },
    { "[section]\n", 1, NULL, VIR_ERR_CONF_SYNTAX },
    { "9lives = 1\n", 1, NULL, VIR_ERR_CONF_SYNTAX },
    { "log_filters = \"1:a\n\"\n", 1, "log_filters", VIR_ERR_CONF_SYNTAX },
    { "log_filters = \"1:a\\\"b\"\n", 1, "log_filters", VIR_ERR_CONF_SYNTAX },
    { "log_filters = '1:a\"\n", 1, "log_filters", VIR_ERR_CONF_SYNTAX },
    { "log_filters = \"\"\"1:a\n\n\"\n", 1, "log_filters", VIR_ERR_CONF_SYNTAX },
    { "log_filters = 1\n", 1, "log_filters", VIR_ERR_CONF_SYNTAX },
    { "\nlog_filters = \"9:x\"\n", 2, "log_filters", VIR_ERR_CONF_SYNTAX },
    { "\nlog_outputs = \"1:file:relative\"\n", 2, "log_outputs", VIR_ERR_CONF_SYNTAX },
    { "log_level = 5\n", 1, "log_level", VIR_ERR_CONF_SYNTAX },
    { "default_uri = \"\xff\xfe\"\n", 1, "default_uri", VIR_ERR_CONF_SYNTAX },
    { "default_uri = \"no scheme\"\n", 1, "default_uri", VIR_ERR_CONF_SYNTAX },
    { "unix_sock_rw_perms = \"99\"\n", 1, "unix_sock_rw_perms", VIR_ERR_CONF_SYNTAX },
    { "unix_sock_rw_perms = \"07777\"\n", 1, "unix_sock_rw_perms", VIR_ERR_CONF_SYNTAX },
    { "unix_sock_rw_perms = \"\"\n", 1, "unix_sock_rw_perms", VIR_ERR_CONF_SYNTAX },
    { "unix_sock_rw_perms = 770\n", 1, "unix_sock_rw_perms", VIR_ERR_CONF_SYNTAX },
    { "unix_sock_dir = \"relative\"\n", 1, "unix_sock_dir", VIR_ERR_CONF_SYNTAX },
    { "unix_sock_dir = \"/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/123456789"
      "0\"\n", 1, "unix_sock_dir", VIR_ERR_CONF_SYNTAX },
    { "unix_sock_group = \"no group has this name\"\n", 1, "unix_sock_group", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = \"nop\"\n", 1, "access_drivers", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = [ \"foo\" ]\n", 1, "access_drivers", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = [ nop ]\n", 1, "access_drivers", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = [ \"nop\" \"nop\" ]\n", 1, "access_drivers", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = [ \"nop\",\n", 2, "access_drivers", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = [ [ \"nop\" ] ]\n", 1, "access_drivers", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = [ 1 ]\n", 1, "access_drivers", VIR_ERR_CONF_SYNTAX },
    { "auth_unix_rw = \"foo\"\n", 1, "auth_unix_rw", VIR_ERR_CONF_SYNTAX },
    { "auth_tcp = \"polkit\"\n", 1, "auth_tcp", VIR_ERR_CONF_SYNTAX },
    { "tcp_min_ssf = 56\n", 1, "tcp_min_ssf", VIR_ERR_CONF_SYNTAX },
    { "host_uuid = \"zz\"\n", 1, "host_uuid", VIR_ERR_CONF_SYNTAX },
    { "host_uuid = \"00000000-0000-0000-0000-000000000000\"\n", 1, "host_uuid", VIR_ERR_CONF_SYNTAX },
    { "host_uuid_source = \"dice\"\n", 1, "host_uuid_source", VIR_ERR_CONF_SYNTAX },
    { "access_drivers = [ \"nop\", \"polkit\" ]\n", 1, "access_drivers", VIR_ERR_CONFIG_UNSUPPORTED },
    { "audit_level = 3\n", 1, "audit_level", VIR_ERR_CONF_SYNTAX },
};

static void what_is_wrong_is_named_with_file_line_and_key(Place *place, gconstpointer unused)
{
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *where = wrong[i].key
            ? g_strdup_printf("%s:%d: %s: ", place->file, wrong[i].line, wrong[i].key)
            : g_strdup_printf("%s:%d: ", place->file, wrong[i].line);
        Error error = ERROR_INIT;

        if (load_bytes(place, wrong[i].text, -1, &error))
            g_error("this was accepted: %s", wrong[i].text);
        if (error.code != wrong[i].code || !strstr(error.message, where))
            g_error("for %s the message is (%d) %s", wrong[i].text, error.code, error.message);
        error_clear(&error);
    }
}

static void a_file_with_a_zero_byte_is_refused(Place *place, gconstpointer unused)
{
    Error error = ERROR_INIT;

    g_assert_null(load_bytes(place, "max_clients = 5\n\0max_workers = 6\n", 33, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_CONF_SYNTAX);
    error_clear(&error);
}

static void a_file_above_a_mebibyte_is_refused(Place *place, gconstpointer unused)
{
    g_autofree char *text = g_strnfill((1 << 20) + 1, '#');
    Error error = ERROR_INIT;

    g_assert_null(load_bytes(place, text, -1, &error));
    g_assert_cmpint(error.int1, ==, EFBIG);
    error_clear(&error);
    text[1 << 20] = '\0';
    config_unref(load(place, text));
}

static void a_missing_file_is_an_error_only_when_it_was_named(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = NULL;
    Error error = ERROR_INIT;

    g_assert_null(config_load(place->file, NULL, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(error.int1, ==, ENOENT);
    g_assert_nonnull(strstr(error.message, place->file));
    error_clear(&error);
    config = config_load(NULL, place->dir, &error);
    g_assert_nonnull(config);
    g_assert_null(config->file);
}

static void every_default_path_is_below_the_root(Place *place, gconstpointer unused)
{
    g_autofree char *dir = g_build_filename(place->dir, "etc/drover", NULL);
    g_autofree char *file = config_default_file(place->dir);
    g_autofree char *run = g_build_filename(place->dir, "run/drover", NULL);
    g_autoptr(Config) config = NULL;

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_str_has_prefix(file, dir));
    g_assert_true(g_file_set_contents(file, "max_clients = 3\n", -1, NULL));
    config = config_load(NULL, place->dir, NULL);
    g_assert_nonnull(config);
    g_assert_cmpint(config->max_clients, ==, 3);
    g_assert_cmpstr(config->unix_sock_dir, ==, run);
    g_assert_cmpstr(config->config_dir, ==, dir);
    g_unlink(file);
    g_rmdir(dir);
    g_free(dir);
    dir = g_build_filename(place->dir, "etc", NULL);
    g_rmdir(dir);
}

static void a_path_that_was_given_is_not_below_the_root(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = NULL;

    g_assert_true(g_file_set_contents(place->file, "unix_sock_dir = \"/run/libvirt\"\n", -1, NULL));
    config = config_load(place->file, place->dir, NULL);
    g_assert_nonnull(config);
    g_assert_cmpstr(config->unix_sock_dir, ==, "/run/libvirt");
}

static void a_root_too_deep_for_sockets_is_refused(Place *place, gconstpointer unused)
{
    g_autofree char *deep = g_strnfill(100, 'd');
    g_autofree char *root = g_build_filename(place->dir, deep, NULL);
    Error error = ERROR_INIT;

    g_assert_null(config_load(NULL, root, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_INVALID_ARG);
    error_clear(&error);
}

static void without_root_the_paths_are_those_of_the_session(Place *place, gconstpointer unused)
{
    if (g_test_subprocess()) {
        Error error = ERROR_INIT;
        Config *config;

        if (geteuid() == 0)
            g_assert_cmpint(seteuid(65534), ==, 0);
        g_setenv("XDG_RUNTIME_DIR", "/nowhere/run", TRUE);
        g_setenv("XDG_CONFIG_HOME", "/nowhere/config", TRUE);
        config = config_load(NULL, NULL, &error);
        g_assert_cmpstr(error.message, ==, NULL);
        g_assert_cmpstr(config->unix_sock_dir, ==, "/nowhere/run/drover");
        g_assert_cmpstr(config->config_dir, ==, "/nowhere/config/drover");
        config_unref(config);
        if (geteuid() != getuid())
            g_assert_cmpint(seteuid(getuid()), ==, 0);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

static void of_two_settings_with_one_name_the_first_counts(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = load(place, "max_clients = 1\nmax_clients = 2\n");

    g_assert_cmpint(config->max_clients, ==, 1);
    g_assert_cmpuint(g_strv_length(config->warnings), ==, 1);
    g_assert_nonnull(strstr(config->warnings[0], "test.conf:2: max_clients: "));
}

static void what_comes_later_is_named_once_when_it_asks_for_something(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = load(place,
        "ovs_timeout = 7\nhost_uuid_source = \"machine-id\"\n");

    g_assert_cmpuint(g_strv_length(config->warnings), ==, 2);
    for (char **warning = config->warnings; *warning; warning++)
        g_assert_nonnull(strstr(*warning, "no effect yet"));
}

static void what_asks_for_nothing_new_is_not_named(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = load(place,
        "listen_tcp = 0\nlisten_tls = 0\ntls_port = \"16514\"\nauth_tls = \"none\"\naudit_level = 0\n"
        "audit_logging = 1\n"
        "keepalive_required = 1\nmax_requests = 20\nmdns_name = \"x\"\nauth_unix_rw = \"none\"\n");

    g_assert_cmpuint(g_strv_length(config->warnings), ==, 0);
}

static void more_workers_from_the_start_than_at_most_raise_the_most(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = load(place, "min_workers = 30\n");

    g_assert_cmpint(config->max_workers, ==, 30);
    g_assert_cmpuint(g_strv_length(config->warnings), ==, 1);
    g_assert_nonnull(strstr(config->warnings[0], "min_workers"));
}

static void the_file_of_libvirtd_is_understood(Place *place, gconstpointer unused)
{
    g_autoptr(Config) config = NULL;
    Error error = ERROR_INIT;

    if (access("/etc/libvirt/libvirtd.conf", R_OK) < 0) {
        g_test_skip("there is no /etc/libvirt/libvirtd.conf");
        return;
    }
    config = config_load("/etc/libvirt/libvirtd.conf", NULL, &error);
    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_nonnull(config);
}

/* Every setting that stands in libvirtd's file as a comment is one of ours: "#key = value". */
static void every_key_of_libvirtd_is_known(Place *place, gconstpointer unused)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    int known = 0;

    if (!g_file_get_contents("/etc/libvirt/libvirtd.conf", &text, NULL, NULL)) {
        g_test_skip("there is no /etc/libvirt/libvirtd.conf");
        return;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_autofree char *uncommented = NULL;
        Error error = ERROR_INIT;
        Config *config;

        if (!g_regex_match_simple("^#[a-z_]+ *= *\\S", *line, 0, 0))
            continue;
        uncommented = g_strconcat(*line + 1, "\n", NULL);
        config = load_bytes(place, uncommented, -1, &error);
        /* Its own samples ask for protections that we refuse, and for a group and UUID that are made up. */
        if (!config && error.code != VIR_ERR_CONFIG_UNSUPPORTED && !strstr(error.message, "host_uuid: ") &&
            !strstr(error.message, "unix_sock_group: "))
            g_error("%s: %s", *line, error.message);
        known++;
        config_unref(config);
        error_clear(&error);
    }
    g_assert_cmpint(known, >, 40);
}

static char *read_generated(const char *name)
{
    g_autofree char *path = g_build_filename(SETTINGS_DIR, name, NULL);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void the_sample_gives_the_defaults_as_it_is_and_uncommented(Place *place, gconstpointer unused)
{
    g_autofree char *sample = read_generated("droverd.conf");
    g_autoptr(GRegex) commented = g_regex_new("^#(?=[a-z_]+ = )", G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *uncommented = g_regex_replace_literal(commented, sample, -1, 0, "", 0, NULL);
    g_autoptr(Config) plain = load(place, sample);
    g_autoptr(Config) changed = load(place, uncommented);

    for (SettingId id = 0; id < SETTINGS; id++) {
        g_assert_cmpint(plain->line_of[id], ==, 0);
        g_assert_cmpint(changed->line_of[id], >, 0);
    }
#define SAME_INT(name) g_assert_cmpint(plain->name, ==, changed->name);
#define SAME_BOOL(name) SAME_INT(name)
#define SAME_MODE(name) SAME_INT(name)
#define SAME_STRING(name) g_assert_cmpstr(plain->name, ==, changed->name);
#define SAME_PATH(name) /* root's differ from a session's */ \
    if (geteuid() == 0) g_assert_cmpstr(plain->name, ==, changed->name);
#define SAME_LIST(name) g_assert_true(!plain->name && changed->name && !changed->name[0]);
#define SETTING(name, type, ...) SAME_##type(name)
#include "server/config.def"
#undef SETTING
}

static void every_setting_is_in_the_sample_and_the_manual(Place *place, gconstpointer unused)
{
    static const char *const names[] = {
#define SETTING(name, ...) #name,
#include "server/config.def"
#undef SETTING
    };
    g_autofree char *sample = read_generated("droverd.conf");
    g_autofree char *manual = read_generated("droverd.8");

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *in_sample = g_strdup_printf("\n#%s = ", names[i]);
        g_autofree char *in_manual = g_strdup_printf("\n.B %s\n", names[i]);

        if (!strstr(sample, in_sample) || !strstr(manual, in_manual))
            g_error("%s is not documented", names[i]);
    }
}

static void io_threads_are_one_for_each_processor_up_to_eight(Place *place, gconstpointer unused)
{
    g_autoptr(Config) automatic = load(place, "");
    g_autoptr(Config) given = load(place, "io_threads = 11\n");

    g_assert_cmpuint(config_io_threads(automatic), ==, MIN(g_get_num_processors(), 8));
    g_assert_cmpuint(config_io_threads(given), ==, 11);
}

#define ADD(name) g_test_add("/server/config/" #name, Place, NULL, place_setup, name, place_teardown)

int main(int argc, char **argv)
{
    g_setenv("LC_ALL", "C", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD(an_empty_file_gives_the_defaults);
    ADD(every_form_of_a_value_is_read);
    ADD(an_empty_text_leaves_the_default);
    ADD(what_is_wrong_is_named_with_file_line_and_key);
    ADD(a_file_with_a_zero_byte_is_refused);
    ADD(a_file_above_a_mebibyte_is_refused);
    ADD(a_missing_file_is_an_error_only_when_it_was_named);
    ADD(every_default_path_is_below_the_root);
    ADD(a_path_that_was_given_is_not_below_the_root);
    ADD(a_root_too_deep_for_sockets_is_refused);
    ADD(without_root_the_paths_are_those_of_the_session);
    ADD(of_two_settings_with_one_name_the_first_counts);
    ADD(what_comes_later_is_named_once_when_it_asks_for_something);
    ADD(what_asks_for_nothing_new_is_not_named);
    ADD(more_workers_from_the_start_than_at_most_raise_the_most);
    ADD(the_file_of_libvirtd_is_understood);
    ADD(every_key_of_libvirtd_is_known);
    ADD(the_sample_gives_the_defaults_as_it_is_and_uncommented);
    ADD(every_setting_is_in_the_sample_and_the_manual);
    ADD(io_threads_are_one_for_each_processor_up_to_eight);
    return g_test_run();
}
