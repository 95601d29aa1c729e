/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A filter for people and tests: each file that is named is taken for a definition of the test driver and printed
 * as it would be stored ("== PATH", then the document or "error CODE: message"). No server, no store. */
#include <stdio.h>
#include <string.h>

#include "conf/config.h"
#include "conf/rules/rules.h"

static const DomainRules rules = { .default_arch = "i686", .interface_prefix = "testnet",
                                   .namespaces = NAMESPACE_TEST };

static void filter(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(DomainConfig) config = NULL;
    Error error = ERROR_INIT;
    size_t size;

    printf("== %s\n", path);
    if (!g_file_get_contents(path, &text, &size, NULL)) {
        printf("error -1: cannot read the file\n");
        return;
    }
    config = domain_config_parse(text, size, &rules, 0, &error);
    if (config) {
        g_autofree char *out = domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE | DOMAIN_FORMAT_SECURE);

        fputs(out, stdout);
    } else {
        printf("error %d: %s\n", error.code, error.message);
    }
    error_clear(&error);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        filter(argv[i]);
    return 0;
}
