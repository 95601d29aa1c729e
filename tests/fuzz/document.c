/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzzes the domain document: what parses is formatted, that text must parse from a client as well as from the store,
 * and be formatted as the same text again. Secrets that are left out must be gone, and nothing else. */
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "conf/rules/rules.h"

static const DomainRules rules = { .default_arch = "i686", .namespaces = NAMESPACE_TEST };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const char *before, const char *after)
{
    g_printerr("%s\n--- before\n%s\n--- after\n%s\n", what, before, after ? after : "(none)");
    abort();
}

/* Another round of `text` with these flags gives it again. */
static void check_round(const char *text, unsigned parse_flags)
{
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) config = domain_config_parse(text, strlen(text), &rules, parse_flags, &error);
    g_autofree char *again = NULL;

    if (!config)
        fail("a formatted document is refused", text, error.message);
    again = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE);
    if (strcmp(text, again) != 0)
        fail("a formatted document is formatted otherwise", text, again);
}

static void check_copy(const DomainConfig *config, const char *text)
{
    g_autoptr(DomainConfig) copy = domain_config_copy(config);
    g_autofree char *again = domain_config_format(copy, -1, DOMAIN_FORMAT_SECURE);

    if (strcmp(text, again) != 0)
        fail("a copy is formatted otherwise", text, again);
}

static void check_without_secrets(const DomainConfig *config)
{
    g_autofree char *text = domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE);
    g_autoptr(DomainConfig) again = domain_config_parse(text, strlen(text), &rules, 0, NULL);
    g_autofree char *shown = again ? domain_config_format(again, -1, DOMAIN_FORMAT_SECURE) : NULL;

    if (g_strcmp0(text, shown) != 0)
        fail("a document without its secrets is refused, or has some", text, shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) config = domain_config_parse((const char *)data, size, &rules, 0, &error);
    g_autofree char *text = NULL;

    if (!config) {
        if (error.code == VIR_ERR_OK || !error.message)
            fail("refused without an error", "", NULL);
        error_clear(&error);
        return 0;
    }
    text = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE);
    check_copy(config, text);
    check_round(text, 0);
    check_round(text, DOMAIN_PARSE_STORED);
    check_without_secrets(config);
    return 0;
}
