/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backups: an entry for each of a guest's disks, with the file that its data go to.
 * Any thread, no lock; the object is the caller's alone. */
#include "base/i18n.h"
#include "conf/moment-private.h"

#define FROM VIR_FROM_DOMAIN

/* --- parse and format ------------------------------------------------------------------------ */

static char *format(const void *moment, unsigned flags)
{
    return backup_config_format(moment, flags);
}

static const MomentKind kind = {
    .root = "domainbackup",
    .what = "domain_backup",
    .schema = "/usr/share/libvirt/schemas/domainbackup.rng",
    .domain = VIR_FROM_DOMAIN,
    .type = &backup_config_type,
    .flags = ELEMENT_INACTIVE,    /* how far it is, is told by other calls */
    .always_valid = true,
    .format = format,
};

BackupConfig *backup_config_parse(const char *document, size_t size, unsigned flags, Error *error)
{
    return moment_parse(&kind, document, size, NULL, flags, error);
}

char *backup_config_format(const BackupConfig *backup, unsigned flags)
{
    return moment_format(&kind, backup, flags);
}

/* --- an entry for each disk ------------------------------------------------------------------ */

static int find_target(const DomainConfig *guest, const char *name)
{
    return name[0] == '/' ? -1 : disk_find(guest, name);
}

/* A place for the data of a disk that the document doesn't name. */
static int make_place(BackupDisk *disk, const Disk *of, BackupMode mode, const char *suffix, Arena *arena, Error *error)
{
    const char *path = storage_path(of->type, of->source ? &of->source->storage : NULL);
    StorageSource *place;

    if (of->type != STORAGE_TYPE_FILE || !path)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The disk '%s' must be named with a place for its backup: only for files one is made up"),
                         disk->name);
    place = ELEMENT_NEW(arena, StorageSource);
    place->file = arena_printf(arena, "%s.%s", path, suffix);
    disk->type = STORAGE_TYPE_FILE;
    if (mode == BACKUP_MODE_PUSH)
        disk->target = place;
    else
        disk->scratch = place;
    return 0;
}

static int check_disk(const BackupDisk *disk, const Disk *of, const BackupConfig *backup, Error *error)
{
    if (disk->backupmode == BACKUP_DISK_MODE_INCREMENTAL && !disk->incremental && !backup->incremental)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The disk '%s' with backupmode='incremental' needs the attribute 'incremental', or the "
                           "whole backup an <incremental>"),
                         disk->name);
    if (disk->backup == TRISTATE_YES && disk_is_empty(of))
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED, _("The disk '%s' is empty"), disk->name);
    return 0;
}

/* `named`: which of the guest's disks the document has. */
static int check_disks(const BackupConfig *backup, const DomainConfig *guest, bool *named, Error *error)
{
    for (unsigned i = 0; backup->disks && i < backup->disks->n_disks; i++) {
        const BackupDisk *disk = backup->disks->disks[i];
        int at = find_target(guest, disk->name);

        if (at < 0 || named[at])
            return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                             at < 0 ? _("The guest has no disk '%s'") : _("The disk '%s' is there twice"), disk->name);
        if (check_disk(disk, guest->devices.disks[at], backup, error) < 0)
            return -1;
        named[at] = true;
    }
    return 0;
}

static int add_disk(BackupConfig *backup, const Disk *of, bool wanted, const char *suffix, Arena *arena, Error *error)
{
    BackupDisk *disk = ELEMENT_NEW(arena, BackupDisk);

    disk->name = of->target.dev;
    disk->backup = wanted && !of->readonly && !disk_is_empty(of) ? TRISTATE_YES : TRISTATE_NO;
    element_list_add(arena, (void ***)&backup->disks->disks, &backup->disks->n_disks, disk);
    return disk->backup == TRISTATE_YES ? make_place(disk, of, backup->mode, suffix, arena, error) : 0;
}

static void settle_modes(const BackupConfig *backup)
{
    for (unsigned i = 0; i < backup->disks->n_disks; i++) {
        BackupDisk *disk = backup->disks->disks[i];

        if (!disk->backupmode)
            disk->backupmode = disk->incremental || backup->incremental ? BACKUP_DISK_MODE_INCREMENTAL
                                                                        : BACKUP_DISK_MODE_FULL;
        if (!disk->incremental && disk->backupmode == BACKUP_DISK_MODE_INCREMENTAL)
            disk->incremental = backup->incremental;
    }
}

int backup_config_align(BackupConfig *backup, const DomainConfig *guest, const char *suffix, Error *error)
{
    Arena *arena = moment_arena(backup);
    unsigned n = guest->devices.n_disks;
    bool *named = arena_zalloc(arena, n + 1);
    bool all = !backup->disks || backup->disks->n_disks == 0;

    if (n == 0)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED, _("A guest without disks can't have a backup"));
    if (check_disks(backup, guest, named, error) < 0)
        return -1;
    if (!backup->disks)
        backup->disks = ELEMENT_NEW(arena, BackupDisks);
    for (unsigned i = 0; i < n; i++)
        if (!named[i] && add_disk(backup, guest->devices.disks[i], all, suffix, arena, error) < 0)
            return -1;
    settle_modes(backup);
    return 0;
}
