/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about what a document says of the guest as such: its name and title, the parts that every document has,
 * and the state in which the test hypervisor is to begin with it.
 * Pure functions of the config: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/rules.h"

/* These are written even when the document had none. */
int rule_parts(DomainConfig *config, DomainCheck *check)
{
    (void)check;
    config->has_os = config->has_devices = true;
    return 0;
}

int rule_name(DomainConfig *config, DomainCheck *check)
{
    if (strchr(config->name, '\n'))
        return domain_fail(check, VIR_ERR_XML_DETAIL, _("<name> contains a line feed: '%s'"), config->name);
    if (strchr(config->name, '/'))
        return domain_fail(check, VIR_ERR_XML_ERROR, _("<name> contains a slash: '%s'"), config->name);
    if (config->title && strchr(config->title, '\n'))
        return domain_fail(check, VIR_ERR_XML_ERROR, _("<title> contains a line feed: '%s'"), config->title);
    return 0;
}

int rule_test_state(DomainConfig *config, DomainCheck *check)
{
    int state = config->has_test_state ? config->test_state : VIR_DOMAIN_RUNNING;

    if (state < 0 || state > VIR_DOMAIN_PMSUSPENDED)
        return domain_fail(check, VIR_ERR_XML_ERROR, _("<runstate> has the state %d, which doesn't exist"),
                           state);
    if (config->test_transient && state == VIR_DOMAIN_SHUTOFF)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("<transient> doesn't go with the state %d in <runstate>: it would be shut off"),
                           state);
    if (config->test_saved && state != VIR_DOMAIN_SHUTOFF)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("<hasmanagedsave> doesn't go with the state %d in <runstate>: it has to be shut off"),
                           state);
    return 0;
}
