/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The durable store is not there yet: opening one is refused, so nothing is ever kept by it.
 * Any thread; takes no lock. */
#include "conf/store.h"

#include "base/i18n.h"

Store *store_open(const char *directory, Error *error)
{
    error_set(error, VIR_FROM_CONF, VIR_ERR_NO_SUPPORT, _("the store in '%s' cannot be opened"), directory);
    return NULL;
}

void store_close(Store *store)
{
    g_assert(!store);
}

const char *store_directory(const Store *store)
{
    g_assert_not_reached();
}

int store_save(Store *store, const char *name, const char *document, size_t size, Error *error)
{
    return error_set_plain(error, VIR_FROM_CONF, VIR_ERR_NO_SUPPORT);
}

int store_remove(Store *store, const char *name, Error *error)
{
    return error_set_plain(error, VIR_FROM_CONF, VIR_ERR_NO_SUPPORT);
}

int store_rename(Store *store, const char *old, const char *name, const char *document, size_t size, Error *error)
{
    return error_set_plain(error, VIR_FROM_CONF, VIR_ERR_NO_SUPPORT);
}

int store_set_autostart(Store *store, const char *name, bool autostart, Error *error)
{
    return error_set_plain(error, VIR_FROM_CONF, VIR_ERR_NO_SUPPORT);
}

int store_load(Store *store, unsigned threads, bool (*take)(void *data, const StoredDocument *document, Error *error),
               void *data, Error *error)
{
    return error_set_plain(error, VIR_FROM_CONF, VIR_ERR_NO_SUPPORT);
}
