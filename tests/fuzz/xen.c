/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzzes the files of Xen's own tools: what can be read and written must be read again as the same. The first byte says
 * which dialect it is. One thread. */
#include <stdlib.h>
#include <string.h>

#include "conf/xen/xl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

G_NORETURN static void fail(const char *what, const char *before, const char *after)
{
    g_printerr("%s\n--- before\n%s\n--- after\n%s\n", what, before, after ? after : "(none)");
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    XenDialect dialect = size > 0 && data[0] & 1 ? XEN_DIALECT_XM : XEN_DIALECT_XL;
    g_autoptr(DomainConfig) config = NULL, same = NULL;
    g_autofree char *text = NULL, *again = NULL;
    Error error = ERROR_INIT;

    if (size > 0)
        config = xen_config_parse((const char *)data + 1, size - 1, dialect, &error);
    if (config)
        text = xen_config_format(config, dialect, &error);
    error_clear(&error);
    if (!text)
        return 0;
    same = xen_config_parse(text, strlen(text), dialect, &error);
    if (!same)
        fail("what was written is refused", text, error.message);
    again = xen_config_format(same, dialect, &error);
    if (g_strcmp0(text, again) != 0)
        fail("what was written is written otherwise", text, again);
    return 0;
}
