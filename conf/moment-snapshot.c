/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots: what a document says is made whole with what is known of the guest, so that there is an entry for each of
 * its disks. Any thread, no lock; the object is the caller's alone. Looks at files of disks, and may wait for that. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/i18n.h"
#include "conf/moment-private.h"
#include "conf/rules/rules.h"

#define FROM VIR_FROM_DOMAIN_SNAPSHOT

/* --- parse and format ------------------------------------------------------------------------ */

static bool is_of_disks_only(const SnapshotConfig *snapshot)
{
    return snapshot->state == SNAPSHOT_STATE_DISK_SNAPSHOT;
}

/* Nothing of such a guest is in memory. */
static bool is_offline(const SnapshotConfig *snapshot, unsigned flags)
{
    if (flags & (MOMENT_PARSE_REDEFINE | MOMENT_PARSE_STORED))
        return snapshot->state == SNAPSHOT_STATE_SHUTOFF || is_of_disks_only(snapshot);
    return flags & MOMENT_PARSE_DISK_ONLY;
}

static int check_memory(const SnapshotMemory *memory, bool offline, Error *error)
{
    if (memory->file && memory->snapshot != DISK_SNAPSHOT_EXTERNAL)
        return error_set(error, FROM, VIR_ERR_XML_ERROR,
                         _("The attribute file='%s' of <memory> needs snapshot='external'"),
                         memory->file);
    if (!memory->file && memory->snapshot == DISK_SNAPSHOT_EXTERNAL)
        return error_set(error, FROM, VIR_ERR_XML_ERROR,
                         _("A <memory> with snapshot='external' needs the attribute 'file'"));
    if (offline && memory->snapshot && memory->snapshot != DISK_SNAPSHOT_NO)
        return error_set(error, FROM, VIR_ERR_XML_ERROR,
                         _("The attribute 'snapshot' of <memory> is '%s', but there is no memory in a snapshot of a "
                           "guest that is off, or of disks only"),
                         element_word(&disk_snapshot_words, memory->snapshot));
    if (memory->file && memory->file[0] != '/')
        return error_set(error, FROM, VIR_ERR_XML_ERROR, _("The file '%s' of <memory> must have an absolute path"),
                         memory->file);
    return 0;
}

static int complete_memory(SnapshotConfig *snapshot, unsigned flags, Arena *arena, Error *error)
{
    bool offline = is_offline(snapshot, flags);

    if (!snapshot->memory)
        snapshot->memory = ELEMENT_NEW(arena, SnapshotMemory);
    if (snapshot->memory->snapshot == DISK_SNAPSHOT_MANUAL)
        return error_set(error, FROM, VIR_ERR_XML_ERROR,
                         _("The attribute snapshot='manual' can't be used for <memory>"));
    if (!snapshot->memory->snapshot && snapshot->memory->file)
        snapshot->memory->snapshot = DISK_SNAPSHOT_EXTERNAL;
    if (!snapshot->memory->snapshot && flags & (MOMENT_PARSE_REDEFINE | MOMENT_PARSE_STORED))
        snapshot->memory->snapshot = offline ? DISK_SNAPSHOT_NO : DISK_SNAPSHOT_INTERNAL;
    return check_memory(snapshot->memory, offline, error);
}

static int complete(void *draft, unsigned flags, Arena *arena, Error *error)
{
    SnapshotConfig *snapshot = draft;

    if (flags & (MOMENT_PARSE_REDEFINE | MOMENT_PARSE_STORED)) {
        if (!snapshot->name)
            return error_set(error, FROM, VIR_ERR_XML_ERROR, _("A snapshot that is defined again needs a <name>"));
        if (!snapshot->has_creation_time && flags & MOMENT_PARSE_REDEFINE)
            return error_set(error, FROM, VIR_ERR_INTERNAL_ERROR,
                             _("The snapshot '%s', which is defined again, needs a <creationTime>"), snapshot->name);
    } else {
        snapshot->creation_time = moment_now();
        snapshot->has_creation_time = true;
        if (!snapshot->name)
            snapshot->name = arena_printf(arena, "%" PRId64, snapshot->creation_time);
    }
    return complete_memory(snapshot, flags, arena, error);
}

static char *format(const void *moment, unsigned flags)
{
    return snapshot_config_format(moment, NULL, flags);
}

static const MomentKind kind = {
    .root = "domainsnapshot",
    .what = "domain_snapshot",
    .schema = "/usr/share/libvirt/schemas/domainsnapshot.rng",
    .domain = VIR_FROM_DOMAIN_SNAPSHOT,
    .type = &snapshot_config_type,
    .domain_by_type = true,
    .complete = complete,
    .format = format,
};

SnapshotConfig *snapshot_config_parse(const char *document, size_t size, const DomainRules *rules, unsigned flags,
                                      Error *error)
{
    return moment_parse(&kind, document, size, rules, flags, error);
}

char *snapshot_config_format(const SnapshotConfig *snapshot, const Uuid *guest, unsigned flags)
{
    g_autofree char *domain = NULL, *inactive = NULL;
    SnapshotConfig shown = *snapshot;
    char uuid[UUID_TEXT_SIZE];

    if (snapshot->head.domain)
        domain = moment_domain_text(snapshot->head.domain, "domain", flags);
    else if (guest)
        domain = g_strdup_printf("<domain>\n    <uuid>%s</uuid>\n  </domain>", uuid_format(guest, uuid));
    if (snapshot->head.inactive)
        inactive = moment_domain_text(snapshot->head.inactive, "inactiveDomain", flags);
    shown.domain = domain;
    shown.inactive_domain = inactive;
    return moment_format(&kind, &shown, flags);
}

bool snapshot_config_is_external(const SnapshotConfig *snapshot)
{
    if (snapshot->memory && snapshot->memory->snapshot == DISK_SNAPSHOT_EXTERNAL)
        return true;
    for (unsigned i = 0; snapshot->disks && i < snapshot->disks->n_disks; i++)
        if (snapshot->disks->disks[i]->snapshot == DISK_SNAPSHOT_EXTERNAL)
            return true;
    return false;
}

/* --- names for images ------------------------------------------------------------------------ */

/* "/images/guest.qcow2" → "/images/guest.NAME". */
static const char *image_name(const char *path, const char *name, Arena *arena)
{
    const char *dot = strrchr(path, '.');
    size_t length = dot && !strchr(dot, '/') ? (size_t)(dot - path) : strlen(path);

    return arena_printf(arena, "%.*s.%s", (int)length, path, name);
}

static int make_image(SnapshotDisk *disk, const Disk *of, const SnapshotConfig *snapshot, Arena *arena, Error *error)
{
    const char *path = storage_path(of->type, of->source ? &of->source->storage : NULL);
    struct stat found;

    if (disk->type != STORAGE_TYPE_FILE)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The disk '%s' needs a <source>: no name can be made up for one of type '%s'"), disk->name,
                         element_word(&storage_type_words, disk->type));
    if (!path)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The disk '%s' needs a <source>: the guest has nothing in that drive"), disk->name);
    if (stat(path, &found) < 0 || !S_ISREG(found.st_mode))
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The disk '%s' needs a <source>: what it has now, '%s', is no regular file"),
                         disk->name, path);
    if (!disk->source)
        disk->source = ELEMENT_NEW(arena, StorageSource);
    disk->source->file = image_name(path, snapshot->name, arena);
    return 0;
}

/* `disks` are those of the guest, in its order. */
static int name_images(SnapshotConfig *snapshot, const DomainConfig *guest, Arena *arena, Error *error)
{
    const SnapshotDisks *disks = snapshot->disks;

    for (unsigned i = 0; i < disks->n_disks; i++) {
        SnapshotDisk *disk = disks->disks[i];

        if (disk->snapshot != DISK_SNAPSHOT_EXTERNAL || storage_path(disk->type, disk->source))
            continue;
        if (make_image(disk, guest->devices.disks[i], snapshot, arena, error) < 0)
            return -1;
        for (unsigned other = 0; other < i; other++)
            if (g_strcmp0(storage_path(disks->disks[other]->type, disks->disks[other]->source),
                          disk->source->file) == 0)
                return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                                 _("The disk '%s' needs a <source>: '%s' would be the image of the disk '%s' as well"),
                                 disk->name, disk->source->file, disks->disks[other]->name);
    }
    return 0;
}

/* --- an entry for each disk ------------------------------------------------------------------ */

/* What the guest's own document wants for a disk. */
static DiskSnapshot wish_of(const Disk *disk)
{
    if (disk->snapshot)
        return disk->snapshot;
    return disk->readonly ? DISK_SNAPSHOT_NO : DISK_SNAPSHOT_ABSENT;
}

/* `all`: the place that every disk must have that is kept at all; absent: each may have its own. */
static int settle_disk(SnapshotDisk *disk, const Disk *of, DiskSnapshot usual, DiskSnapshot all, Error *error)
{
    DiskSnapshot wish = wish_of(of);
    const char *path = storage_path(disk->type, disk->source);

    if (!disk->snapshot)
        disk->snapshot = wish && (!all || wish == DISK_SNAPSHOT_NO) ? wish : usual;
    else if (all && disk->snapshot != all && !(disk->snapshot == DISK_SNAPSHOT_NO && wish == DISK_SNAPSHOT_NO))
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The attribute 'snapshot' of the disk '%s' is '%s', but must be '%s' as for all others"),
                         disk->name, element_word(&disk_snapshot_words, disk->snapshot),
                         element_word(&disk_snapshot_words, all));
    if (path && disk->snapshot != DISK_SNAPSHOT_EXTERNAL)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The <source> '%s' of the disk '%s' needs snapshot='external'"),
                         path, disk->name);
    disk->name = of->target.dev;
    return 0;
}

static SnapshotDisk *add_disk(const Disk *of, DiskSnapshot usual, Arena *arena)
{
    SnapshotDisk *disk = ELEMENT_NEW(arena, SnapshotDisk);

    disk->name = of->target.dev;
    disk->type = STORAGE_TYPE_FILE;
    disk->snapshot = disk_is_empty(of) ? DISK_SNAPSHOT_NO : wish_of(of);
    if (!disk->snapshot)
        disk->snapshot = usual;
    return disk;
}

/* The guest's disks in its order; those that the document has are told what they lack. NULL and an error. */
static SnapshotDisk **gather_disks(const SnapshotDisks *asked, const DomainConfig *guest, DiskSnapshot usual,
                                   bool uniform,
                                   Arena *arena, Error *error)
{
    DiskSnapshot all = uniform && usual == DISK_SNAPSHOT_INTERNAL ? usual : DISK_SNAPSHOT_ABSENT;
    unsigned n = guest->devices.n_disks;
    SnapshotDisk **disks = arena_zalloc(arena, element_list_room(n) * sizeof(SnapshotDisk *));

    for (unsigned i = 0; asked && i < asked->n_disks; i++) {
        SnapshotDisk *disk = asked->disks[i];
        int at = disk_find(guest, disk->name);

        if (at < 0 || disks[at]) {
            error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                      at < 0 ? _("The guest has no disk '%s'") : _("The disk '%s' is there twice"), disk->name);
            return NULL;
        }
        if (settle_disk(disk, guest->devices.disks[at], usual, all, error) < 0)
            return NULL;
        disks[at] = disk;
    }
    for (unsigned i = 0; i < n; i++)
        if (!disks[i])
            disks[i] = add_disk(guest->devices.disks[i], usual, arena);
    return disks;
}

static int align(SnapshotConfig *snapshot, DiskSnapshot usual, bool uniform, Error *error)
{
    const DomainConfig *guest = snapshot->head.domain;
    Arena *arena = moment_arena(snapshot);
    SnapshotDisk **disks;

    if (!guest)
        return error_set(error, FROM, VIR_ERR_INTERNAL_ERROR, _("the snapshot '%s' doesn't say what the guest was"),
                         snapshot->name);
    if (snapshot->disks && snapshot->disks->n_disks > guest->devices.n_disks)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The snapshot '%s' has %u disks, the guest only %u"),
                         snapshot->name, snapshot->disks->n_disks, guest->devices.n_disks);
    if (guest->devices.n_disks == 0)
        return 0;
    disks = gather_disks(snapshot->disks, guest, usual, uniform, arena, error);
    if (!disks)
        return -1;
    snapshot->disks = ELEMENT_NEW(arena, SnapshotDisks);
    snapshot->disks->disks = disks;
    snapshot->disks->n_disks = guest->devices.n_disks;
    return name_images(snapshot, guest, arena, error);
}

/* --- new and redefined ----------------------------------------------------------------------- */

int snapshot_config_complete(SnapshotConfig *snapshot, SnapshotState state, bool disk_only, bool uniform, Error *error)
{
    DiskSnapshot usual = DISK_SNAPSHOT_INTERNAL;

    snapshot->state = state;
    if (disk_only) {
        usual = DISK_SNAPSHOT_EXTERNAL;
        if (state != SNAPSHOT_STATE_SHUTOFF)
            snapshot->state = SNAPSHOT_STATE_DISK_SNAPSHOT;
        snapshot->memory->snapshot = DISK_SNAPSHOT_NO;
    } else if (snapshot->memory->snapshot == DISK_SNAPSHOT_EXTERNAL) {
        usual = DISK_SNAPSHOT_EXTERNAL;
    } else {
        snapshot->memory->snapshot = state == SNAPSHOT_STATE_SHUTOFF ? DISK_SNAPSHOT_NO : DISK_SNAPSHOT_INTERNAL;
    }
    return align(snapshot, usual, uniform, error);
}

static bool is_running(const SnapshotConfig *snapshot)
{
    return snapshot->state == SNAPSHOT_STATE_RUNNING || snapshot->state == SNAPSHOT_STATE_PAUSED;
}

static int check_other(const SnapshotConfig *snapshot, const SnapshotConfig *other, Error *error)
{
    if (is_running(snapshot) != is_running(other))
        return error_set(error, FROM, VIR_ERR_INVALID_ARG,
                         _("The state of the snapshot '%s' is '%s' and can't become '%s': a guest that was running "
                           "stays one"),
                         snapshot->name, element_word(&snapshot_state_words, other->state),
                         element_word(&snapshot_state_words, snapshot->state));
    if (is_of_disks_only(snapshot) != is_of_disks_only(other))
        return error_set(error, FROM, VIR_ERR_INVALID_ARG,
                         _("The snapshot '%s' can't change between one of disks only and one of the whole guest"),
                         snapshot->name);
    if (other->head.domain && snapshot->head.domain)
        return domain_config_check_abi(other->head.domain, snapshot->head.domain, error);
    return 0;
}

int snapshot_config_redefine(SnapshotConfig *snapshot, const SnapshotConfig *other, const Uuid *guest, bool disk_only,
                             Error *error)
{
    bool external = is_of_disks_only(snapshot) || snapshot_config_is_external(snapshot);
    char uuid[UUID_TEXT_SIZE];

    if (disk_only && !is_of_disks_only(snapshot))
        return error_set(error, FROM, VIR_ERR_INVALID_ARG,
                         _("The state of the snapshot '%s' must be 'disk-snapshot' for one of disks only"),
                         snapshot->name);
    if (snapshot->head.domain && !uuid_equal(&snapshot->head.domain->uuid, guest))
        return error_set(error, FROM, VIR_ERR_INVALID_ARG, _("The <domain> of the snapshot '%s' must have the UUID %s"),
                         snapshot->name, uuid_format(guest, uuid));
    if (other && check_other(snapshot, other, error) < 0)
        return -1;
    if (other && !snapshot->head.domain)
        moment_set_domain(snapshot, other->head.domain, snapshot->head.inactive);
    return align(snapshot, external ? DISK_SNAPSHOT_EXTERNAL : DISK_SNAPSHOT_INTERNAL, true, error);
}
