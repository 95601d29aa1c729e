/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules in their order (order.def): what is left open is filled in first, then the whole is judged.
 * Any thread, no lock; a config that nobody else has. */
#include "conf/rules/rules.h"

#include <stdarg.h>

#define FILL(rule) rule,
#define REFUSE(rule)
static DomainRule *const fill[] = {
#include "conf/rules/order.def"
    NULL,
};
#undef FILL
#undef REFUSE
#define FILL(rule)
#define REFUSE(rule) rule,
static DomainRule *const refuse[] = {
#include "conf/rules/order.def"
    NULL,
};
#undef FILL
#undef REFUSE

static int run(DomainRule *const *rules, DomainConfig *config, DomainCheck *check)
{
    for (; *rules; rules++)
        if ((*rules)(config, check) < 0)
            return -1;
    return 0;
}

int domain_rules_run(DomainConfig *config, DomainCheck *check)
{
    const DomainRules *driver = check->rules;

    if (run(fill, config, check) < 0 || (driver->fill && driver->fill(config, check) < 0))
        return -1;
    if (check->flags & (ELEMENT_STORED | ELEMENT_UNJUDGED))
        return 0;
    if (run(refuse, config, check) < 0)
        return -1;
    return driver->check ? driver->check(config, check) : 0;
}

int domain_fail(DomainCheck *check, int code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return error_set(check->error, code == VIR_ERR_XML_ERROR ? VIR_FROM_XML : VIR_FROM_DOMAIN, code, "%s", text);
}
