/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds drivers that are modules, files named driver_NAME.so, so that a host without a hypervisor's libraries runs
 * droverd all the same. All are loaded at the start, by the main thread: which drivers there are is fixed before
 * anybody connects, no call ever waits for a linker, and what is wrong is in the log at once. Takes no lock. */
#include "server/modules.h"

#include <errno.h>
#include <string.h>

#include <gmodule.h>

#include "base/log.h"
#include "drivers/module.h"
#include "drivers/test/driver.h"
#include "server/version.h"

LOG_SOURCE("server.modules");

#define PREFIX "driver_"
#define SUFFIX "." G_MODULE_SUFFIX

struct Modules {
    GPtrArray *drivers;       /* of const Driver, with a NULL at the end */
};

/* Droverd as it lies in a build tree has its modules beside it. */
static char *build_folder(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;
    g_autofree char *mark = folder ? g_build_filename(folder, "..", "build.ninja", NULL) : NULL;

    if (!mark || !g_file_test(mark, G_FILE_TEST_IS_REGULAR))
        return NULL;
    return g_build_filename(folder, "..", "drivers", NULL);
}

static char *module_folder(const Config *config)
{
    char *beside;

    if (config->module_dir)
        return g_strdup(config->module_dir);
    beside = build_folder();
    return beside ? beside : g_strdup(DROVER_MODULE_DIR);
}

static bool is_known(const Modules *modules, const char *scheme)
{
    for (unsigned i = 0; i < modules->drivers->len; i++)
        if (strcmp(((const Driver *)modules->drivers->pdata[i])->scheme, scheme) == 0)
            return true;
    return false;
}

/* What is wrong with what was found in the file; NULL: nothing. */
static const char *objection(const Modules *modules, const DriverModule *found)
{
    if (found->size != sizeof(Driver) || strcmp(found->version, DROVER_VERSION) != 0)
        return "it belongs to another release of drover";
    if (is_known(modules, found->driver->scheme))
        return "there is a driver for its URIs already";
    return NULL;
}

static void load(Modules *modules, const char *path)
{
    GModule *module = g_module_open(path, G_MODULE_BIND_LOCAL);
    const char *wrong;
    void *symbol;

    if (!module) {
        log_warning("the driver in %s can't be loaded: %s", path, g_module_error());
        return;
    }
    if (!g_module_symbol(module, DRIVER_MODULE_SYMBOL, &symbol)) {
        log_warning("%s is no driver of drover: %s", path, g_module_error());
        g_module_close(module);
        return;
    }
    wrong = objection(modules, symbol);
    if (wrong) {
        log_warning("the driver in %s is not used: %s", path, wrong);
        g_module_close(module);
        return;
    }
    g_module_make_resident(module);
    g_ptr_array_add(modules->drivers, (void *)(uintptr_t)((const DriverModule *)symbol)->driver);
    log_info("%s serves %s:// URIs", path, ((const DriverModule *)symbol)->driver->scheme);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of their names, so that which of two wins doesn't depend on the disk. */
static void load_folder(Modules *modules, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (!dir) {
        log_info("there is no folder of drivers %s", folder);
        return;
    }
    while ((name = g_dir_read_name(dir)))
        if (g_str_has_prefix(name, PREFIX) && g_str_has_suffix(name, SUFFIX))
            g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
    g_ptr_array_sort(paths, by_name);
    for (unsigned i = 0; i < paths->len; i++)
        load(modules, paths->pdata[i]);
}

Modules *modules_load(const Config *config)
{
    Modules *modules = g_new0(Modules, 1);
    g_autofree char *folder = module_folder(config);

    modules->drivers = g_ptr_array_new();
    g_ptr_array_add(modules->drivers, (void *)(uintptr_t)&test_driver);
    load_folder(modules, folder);
    g_ptr_array_add(modules->drivers, NULL);
    return modules;
}

const Driver *const *modules_drivers(const Modules *modules)
{
    return (const Driver *const *)modules->drivers->pdata;
}

void modules_free(Modules *modules)
{
    if (!modules)
        return;
    g_ptr_array_unref(modules->drivers);
    g_free(modules);
}
