/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of backups (backup.def) can't say: attributes that need one another, and where data can go.
 * Pure functions of the element: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

int backup_server_parsed(void *self, ElementParse *parse)
{
    const BackupServer *server = self;

    if (server->transport == BACKUP_TRANSPORT_RDMA)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute transport='rdma' of <server> can't be used for a backup"));
    if (server->transport == BACKUP_TRANSPORT_UNIX && !server->socket)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <server> with transport='unix' needs the attribute 'socket'"));
    if (server->transport != BACKUP_TRANSPORT_UNIX && server->socket)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute socket='%s' of <server> needs transport='unix'"), server->socket);
    if (server->socket && server->socket[0] != '/')
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The socket '%s' of <server> must have an absolute path"), server->socket);
    return 0;
}

int backup_disk_parsed(void *self, ElementParse *parse)
{
    const BackupDisk *disk = self;

    if (disk->type && disk->type != STORAGE_TYPE_FILE && disk->type != STORAGE_TYPE_BLOCK)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'type' of <disk> is '%s', but a backup can't be in such a place"),
                            element_word(&storage_type_words, disk->type));
    return 0;
}

int backup_config_parsed(void *self, ElementParse *parse)
{
    const BackupConfig *backup = self;

    if (backup->server && backup->mode != BACKUP_MODE_PULL)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED, _("A backup with <server> needs mode='pull'"));
    return 0;
}
