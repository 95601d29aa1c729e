/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about file systems that a guest mounts.
 * Pure functions of the config: any thread, no lock. */
#include "base/i18n.h"
#include "conf/rules/rules.h"

int rule_filesystems(DomainConfig *config, DomainCheck *check)
{
    g_autoptr(GHashTable) tags = g_hash_table_new(g_str_hash, g_str_equal);    /* by which virtiofs is mounted */

    for (unsigned i = 0; i < config->devices.n_filesystems; i++) {
        const Filesystem *filesystem = config->devices.filesystems[i];

        if (!filesystem->target.dir)
            return domain_fail(check, VIR_ERR_NO_TARGET,
                               _("The <filesystem> with the number %u, of type='%s', has no <target> with the "
                                 "attribute 'dir'"),
                               i + 1, element_word(&filesystem_type_words, filesystem->type));
        if (filesystem->info.boot && filesystem->driver.type != FILESYSTEM_DRIVER_TYPE_VIRTIOFS)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("The <filesystem> with the target dir='%s' can't have <boot>, only those with "
                                 "<driver type='virtiofs'> can"),
                               filesystem->target.dir);
        if (filesystem->driver.type == FILESYSTEM_DRIVER_TYPE_VIRTIOFS
            && !g_hash_table_add(tags, (void *)filesystem->target.dir))
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("Two <filesystem> with <driver type='virtiofs'> have the target dir='%s'"),
                               filesystem->target.dir);
    }
    return 0;
}
