/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The documents of what is kept of a guest at one moment: <domainsnapshot>, <domaincheckpoint> and <domainbackup>, as
 * typed objects. Their structs follow from conf/elements/{snapshot,checkpoint,backup}.def.
 * An object is immutable once it is shared and is then read by any thread without a lock; before that it belongs to
 * the one who parsed it, and the functions that take one that isn't const change it. None of this keeps a list of
 * moments: that is a driver's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "conf/config.h"

typedef enum MomentParseFlags {
    MOMENT_PARSE_REDEFINE = 1 << 0,     /* everything is in the document: when, what state, which guest */
    MOMENT_PARSE_DISK_ONLY = 1 << 1,    /* of a new snapshot: the guest's memory can't be in it */
    MOMENT_PARSE_VALIDATE = 1 << 2,     /* against the schema that libvirt installs; where there is one, checkpoints and
                                           backups always are */
    MOMENT_PARSE_STORED = 1 << 3,       /* from our own store: as REDEFINE, and nothing newer refuses it */
} MomentParseFlags;

typedef enum MomentFormatFlags {
    MOMENT_FORMAT_SECURE = 1 << 0,       /* with the guest's secrets */
    MOMENT_FORMAT_NO_DOMAIN = 1 << 1,    /* without the guest's own document */
    MOMENT_FORMAT_STORED = 1 << 2,       /* for our own store: with all secrets, and with what only it has */
} MomentFormatFlags;

/* The documents are bounded and refused as domain_config_parse has it; besides, VIR_ERR_XML_ERROR and
 * VIR_ERR_INTERNAL_ERROR for a redefined one that lacks what it must bring along. A new one without a name gets the
 * time in seconds as name. Validation may wait for a disk. NULL and an error, or an owned reference. */
SnapshotConfig *snapshot_config_parse(const char *document, size_t size, const struct DomainRules *rules,
                                      unsigned flags, Error *error);
CheckpointConfig *checkpoint_config_parse(const char *document, size_t size, const struct DomainRules *rules,
                                          unsigned flags, Error *error);
BackupConfig *backup_config_parse(const char *document, size_t size, unsigned flags, Error *error);

/* The documents as libvirt formats them, owned by the caller. `guest`: shown in a snapshot that doesn't know what its
 * guest was; may be NULL. */
char *snapshot_config_format(const SnapshotConfig *snapshot, const Uuid *guest, unsigned flags);
char *checkpoint_config_format(const CheckpointConfig *checkpoint, unsigned flags);
char *backup_config_format(const BackupConfig *backup, unsigned flags);

/* For each of the three kinds; NULL is fine for unref. */
void *moment_ref(const void *moment);
void moment_unref(const void *moment);
/* What the guest was, which is shared; NULL for what isn't known. The old ones are given back. */
void moment_set_domain(void *moment, const DomainConfig *domain, const DomainConfig *inactive);
/* Where what is put into an object that isn't shared yet has to live: it goes with the object. */
Arena *moment_arena(void *moment);

/* Whose parent is what? Looks `name` up among the moments that there are: false when there is none of that name,
 * else *parent is its parent's name or NULL. */
typedef bool MomentLookup(void *moments, const char *name, const char **parent);
/* May `name`, new or known, have `parent` (NULL: none)? 0; or -1 and VIR_ERR_INVALID_ARG when there is no such parent
 * or it comes from `name` itself. */
int moment_check_parent(const char *name, const char *parent, MomentLookup *lookup, void *moments, Error *error);

/* The path or name of a source; NULL when it has none, or its kind of place knows none. */
const char *storage_path(StorageType type, const StorageSource *source);

/* --- snapshots --------------------------------------------------------------------------------- */

/* Makes a new snapshot whole, of the guest that moment_set_domain said: its state, what becomes of its memory, and an
 * entry for each of its disks. `uniform`: inside of one snapshot all disks are kept in their images or none, because
 * the hypervisor can't do it for a single one.
 * 0, or -1 and VIR_ERR_CONFIG_UNSUPPORTED: an unknown disk, one that is there twice, or no name for an image can be
 * made up. Looks at the files of disks, so it may wait for a disk. */
int snapshot_config_complete(SnapshotConfig *snapshot, SnapshotState state, bool disk_only, bool uniform, Error *error);
/* Checks a redefined snapshot of the guest with UUID `guest` against the one of the same name that it replaces (NULL:
 * none), takes over from that what the guest was if the new one doesn't say, and gives it an entry for each disk.
 * 0, or -1 and VIR_ERR_INVALID_ARG (another guest, or another kind of state), VIR_ERR_INTERNAL_ERROR (nothing is known
 * of the guest), VIR_ERR_CONFIG_UNSUPPORTED (as above, or the guest differs). May wait for a disk. */
int snapshot_config_redefine(SnapshotConfig *snapshot, const SnapshotConfig *other, const Uuid *guest, bool disk_only,
                             Error *error);
/* Is any of it kept outside of the disks' images? */
bool snapshot_config_is_external(const SnapshotConfig *snapshot);

/* --- checkpoints ------------------------------------------------------------------------------- */

/* Gives a checkpoint of the guest that moment_set_domain said an entry for each of its disks, and names to the notes.
 * 0, or -1 and VIR_ERR_CONFIG_UNSUPPORTED. */
int checkpoint_config_complete(CheckpointConfig *checkpoint, Error *error);
/* Checks a redefined checkpoint of the guest with UUID `guest` and makes it whole as far as it says what the guest was.
 * 0, or -1 and VIR_ERR_INVALID_ARG, VIR_ERR_CONFIG_UNSUPPORTED. */
int checkpoint_config_redefine(CheckpointConfig *checkpoint, const Uuid *guest, Error *error);

/* --- backups ----------------------------------------------------------------------------------- */

/* Gives a backup an entry for each disk of `guest`; the files that it doesn't name get the disk's name with a dot and
 * `suffix`. 0, or -1 and VIR_ERR_CONFIG_UNSUPPORTED. */
int backup_config_align(BackupConfig *backup, const DomainConfig *guest, const char *suffix, Error *error);

static inline void snapshot_config_unref_auto(SnapshotConfig *snapshot)
{
    moment_unref(snapshot);
}
static inline void checkpoint_config_unref_auto(CheckpointConfig *checkpoint)
{
    moment_unref(checkpoint);
}
static inline void backup_config_unref_auto(BackupConfig *backup)
{
    moment_unref(backup);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotConfig, snapshot_config_unref_auto)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CheckpointConfig, checkpoint_config_unref_auto)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BackupConfig, backup_config_unref_auto)
