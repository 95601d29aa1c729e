/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints: an entry for each of a guest's disks, and names for the notes of what changes.
 * Any thread, no lock; the object is the caller's alone. */
#include <inttypes.h>

#include "base/i18n.h"
#include "conf/moment-private.h"
#include "conf/rules/rules.h"

#define FROM VIR_FROM_DOMAIN_CHECKPOINT

/* --- parse and format ------------------------------------------------------------------------ */

static int complete(void *draft, unsigned flags, Arena *arena, Error *error)
{
    CheckpointConfig *checkpoint = draft;

    if (flags & (MOMENT_PARSE_REDEFINE | MOMENT_PARSE_STORED)) {
        if (!checkpoint->name)
            return error_set(error, FROM, VIR_ERR_XML_ERROR, _("A checkpoint that is defined again needs a <name>"));
        if (!checkpoint->has_creation_time && flags & MOMENT_PARSE_REDEFINE)
            return error_set(error, FROM, VIR_ERR_INTERNAL_ERROR,
                             _("The checkpoint '%s', which is defined again, needs a <creationTime>"),
                             checkpoint->name);
        return 0;
    }
    checkpoint->creation_time = moment_now();
    checkpoint->has_creation_time = true;
    if (!checkpoint->name)
        checkpoint->name = arena_printf(arena, "%" PRId64, checkpoint->creation_time);
    return 0;
}

static char *format(const void *moment, unsigned flags)
{
    return checkpoint_config_format(moment, flags);
}

static const MomentKind kind = {
    .root = "domaincheckpoint",
    .what = "domain_checkpoint",
    .schema = "/usr/share/libvirt/schemas/domaincheckpoint.rng",
    .domain = VIR_FROM_DOMAIN_CHECKPOINT,
    .type = &checkpoint_config_type,
    .always_valid = true,
    .complete = complete,
    .format = format,
};

CheckpointConfig *checkpoint_config_parse(const char *document, size_t size, const DomainRules *rules, unsigned flags,
                                          Error *error)
{
    return moment_parse(&kind, document, size, rules, flags, error);
}

char *checkpoint_config_format(const CheckpointConfig *checkpoint, unsigned flags)
{
    g_autofree char *domain = NULL;
    CheckpointConfig shown = *checkpoint;

    if (checkpoint->head.domain && !(flags & MOMENT_FORMAT_NO_DOMAIN))
        domain = moment_domain_text(checkpoint->head.domain, "domain", flags);
    shown.domain = domain;
    return moment_format(&kind, &shown, flags);
}

/* --- an entry for each disk ------------------------------------------------------------------ */

static void name_notes(CheckpointConfig *checkpoint)
{
    for (unsigned i = 0; checkpoint->disks && i < checkpoint->disks->n_disks; i++) {
        CheckpointDisk *disk = checkpoint->disks->disks[i];

        if (disk->checkpoint == CHECKPOINT_KIND_BITMAP && !disk->bitmap)
            disk->bitmap = checkpoint->name;
    }
}

/* Nothing changes on such a disk. */
static bool is_fixed(const Disk *disk)
{
    return disk->readonly || disk_is_empty(disk);
}

static int settle_disk(CheckpointDisk *disk, const Disk *of, Error *error)
{
    if (is_fixed(of) && disk->checkpoint != CHECKPOINT_KIND_NO)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The disk '%s' can't have checkpoint='bitmap': it is empty or can't be written"),
                         disk->name);
    disk->name = of->target.dev;
    return 0;
}

/* Without <disks> all disks are noted that can change, else those that are named. */
static CheckpointDisk *add_disk(const Disk *of, CheckpointKind usual, Arena *arena)
{
    CheckpointDisk *disk = ELEMENT_NEW(arena, CheckpointDisk);

    disk->name = of->target.dev;
    disk->checkpoint = is_fixed(of) ? CHECKPOINT_KIND_NO : usual;
    return disk;
}

/* The guest's disks in its order; those that the document has are judged. NULL and an error. */
static CheckpointDisk **gather_disks(const CheckpointDisks *asked, const DomainConfig *guest, Arena *arena,
                                     Error *error)
{
    CheckpointKind usual = asked ? CHECKPOINT_KIND_NO : CHECKPOINT_KIND_BITMAP;
    unsigned n = guest->devices.n_disks;
    CheckpointDisk **disks = arena_zalloc(arena, element_list_room(n) * sizeof(CheckpointDisk *));

    for (unsigned i = 0; asked && i < asked->n_disks; i++) {
        CheckpointDisk *disk = asked->disks[i];
        int at = disk_find(guest, disk->name);

        if (at < 0 || disks[at]) {
            error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                      at < 0 ? _("The guest has no disk '%s'") : _("The disk '%s' is there twice"), disk->name);
            return NULL;
        }
        if (settle_disk(disk, guest->devices.disks[at], error) < 0)
            return NULL;
        disks[at] = disk;
    }
    for (unsigned i = 0; i < n; i++)
        if (!disks[i])
            disks[i] = add_disk(guest->devices.disks[i], usual, arena);
    return disks;
}

int checkpoint_config_complete(CheckpointConfig *checkpoint, Error *error)
{
    const DomainConfig *guest = checkpoint->head.domain;
    unsigned n = checkpoint->disks ? checkpoint->disks->n_disks : 0;
    Arena *arena = moment_arena(checkpoint);
    CheckpointDisk **disks;

    if (!guest)
        return error_set(error, FROM, VIR_ERR_INTERNAL_ERROR, _("the checkpoint '%s' doesn't say what the guest was"),
                         checkpoint->name);
    if (n > guest->devices.n_disks)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("The checkpoint '%s' has %u disks, the guest only %u"),
                         checkpoint->name, n, guest->devices.n_disks);
    if (guest->devices.n_disks == 0)
        return error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("A guest without disks can't have the checkpoint '%s'"),
                         checkpoint->name);
    disks = gather_disks(n ? checkpoint->disks : NULL, guest, arena, error);
    if (!disks)
        return -1;
    checkpoint->disks = ELEMENT_NEW(arena, CheckpointDisks);
    checkpoint->disks->disks = disks;
    checkpoint->disks->n_disks = guest->devices.n_disks;
    name_notes(checkpoint);
    return 0;
}

int checkpoint_config_redefine(CheckpointConfig *checkpoint, const Uuid *guest, Error *error)
{
    char uuid[UUID_TEXT_SIZE];

    if (!checkpoint->head.domain) {
        name_notes(checkpoint);
        return 0;
    }
    if (!uuid_equal(&checkpoint->head.domain->uuid, guest))
        return error_set(error, FROM, VIR_ERR_INVALID_ARG,
                         _("The <domain> of the checkpoint '%s' must have the UUID %s"),
                         checkpoint->name, uuid_format(guest, uuid));
    return checkpoint_config_complete(checkpoint, error);
}
