/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What server/modules.c promises: modules are found in their folder, what is wrong with one is its own
 * business alone, and the built-in driver is always there. */
#include "server/modules.h"

#include <glib.h>
#include <string.h>

static const Driver *find(const Modules *modules, const char *scheme)
{
    for (const Driver *const *driver = modules_drivers(modules); *driver; driver++)
        if (strcmp((*driver)->scheme, scheme) == 0)
            return *driver;
    return NULL;
}

static unsigned count(const Modules *modules)
{
    unsigned n = 0;

    while (modules_drivers(modules)[n])
        n++;
    return n;
}

static Modules *load(const char *folder)
{
    Config config = { .module_dir = (char *)(uintptr_t)folder };

    return modules_load(&config);
}

static void module_in_the_folder_is_a_driver_that_uses_our_floor(void)
{
    Modules *modules = load(MODULES_DIR);
    const Driver *good = find(modules, "good");
    Error error = ERROR_INIT;

    g_assert_nonnull(good);
    g_assert_cmpstr(good->type, ==, "Good");
    g_assert_false(good->claims("good:///", NULL, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_NO_CONNECT);
    error_clear(&error);
    modules_free(modules);
}

static void module_without_its_library_is_left_out(void)
{
    Modules *modules = load(MODULES_DIR);

    g_assert_null(find(modules, "needy"));
    modules_free(modules);
}

static void module_of_another_release_is_left_out(void)
{
    Modules *modules = load(MODULES_DIR);

    g_assert_null(find(modules, "old"));
    modules_free(modules);
}

static void nobody_takes_the_built_in_drivers_uris(void)
{
    Modules *modules = load(MODULES_DIR);

    g_assert_cmpstr(find(modules, "test")->type, ==, "TEST");
    g_assert_cmpuint(count(modules), ==, 2);
    modules_free(modules);
}

static void without_a_folder_there_is_the_built_in_driver(void)
{
    Modules *modules = load("/nonexistent");

    g_assert_cmpuint(count(modules), ==, 1);
    g_assert_nonnull(find(modules, "test"));
    modules_free(modules);
}

static void modules_can_be_loaded_again(void)
{
    for (unsigned i = 0; i < 3; i++) {
        Modules *modules = load(MODULES_DIR);

        g_assert_cmpuint(count(modules), ==, 2);
        modules_free(modules);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/server-modules/" #test, test)
    ADD(module_in_the_folder_is_a_driver_that_uses_our_floor);
    ADD(module_without_its_library_is_left_out);
    ADD(module_of_another_release_is_left_out);
    ADD(nobody_takes_the_built_in_drivers_uris);
    ADD(without_a_folder_there_is_the_built_in_driver);
    ADD(modules_can_be_loaded_again);
    return g_test_run();
}
