/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of disks (disk.def) can't say: old words and old places, and what is written under a condition
 * that no row can have.
 * Pure functions of the element: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

int disk_driver_parsed(void *self, ElementParse *parse)
{
    DiskDriver *driver = self;

    if (driver->type == DISK_FORMAT_AIO)
        driver->type = DISK_FORMAT_RAW;
    if (driver->rerror_policy == DISK_ERROR_POLICY_ENOSPACE)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute rerror_policy='enospace' of <driver> can't be: reading needs no space"));
    return 0;
}

/* A geometry in which something is 0 is not told. */
bool disk_geometry_shown(const void *self, const ElementFormat *format)
{
    const Disk *disk = self;

    (void)format;
    return disk->geometry->cyls && disk->geometry->heads && disk->geometry->secs;
}

/* Before there was <source> the attributes had it all; they are still written for who reads them. */
static int mirror_modernise(DiskMirror *mirror, ElementParse *parse)
{
    if (mirror->job != MIRROR_JOB_COPY)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <mirror> with job='%s' needs the attribute 'type'"),
                            element_word(&mirror_job_words, mirror->job));
    if (!mirror->old_file)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("A <mirror> without a type needs the attribute 'file'"));
    mirror->type = STORAGE_TYPE_FILE;
    mirror->source = ELEMENT_NEW(parse->arena, MirrorSource);
    mirror->source->storage.file = mirror->old_file;
    if (!mirror->format)
        mirror->format = ELEMENT_NEW(parse->arena, StorageFormatInfo);
    mirror->format->type = mirror->old_format;
    return 0;
}

int disk_mirror_parsed(void *self, ElementParse *parse)
{
    DiskMirror *mirror = self;

    if (!mirror->type && mirror_modernise(mirror, parse) < 0)
        return -1;
    if (!mirror->source && parse->flags & ELEMENT_STORED)
        return 1;    /* its source says nothing, so it was not written */
    if (!mirror->source)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("A <mirror> with a type needs a <source>"));
    mirror->old_file = NULL;
    if (mirror->type == STORAGE_TYPE_FILE && mirror->job == MIRROR_JOB_COPY) {
        mirror->file = mirror->source->storage.file;
        mirror->format_word = mirror->format ? mirror->format->type : STORAGE_FORMAT_ABSENT;
    }
    if (mirror->type == STORAGE_TYPE_VOLUME)
        mirror->source->storage.auth = NULL;    /* the pool has it */
    return 0;
}

/* How to log in and to decrypt may be said in either place, and is written where it was. */
int disk_parsed(void *self, ElementParse *parse)
{
    Disk *disk = self;
    DiskSource *source = disk->source;

    if (source && source->storage.auth && disk->auth)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("A <disk> can't have <auth> beside its <source> and in it"));
    if (source && source->storage.encryption && disk->encryption)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("A <disk> can't have <encryption> beside its <source> and in it"));
    if (source && disk->type == STORAGE_TYPE_VOLUME)
        source->storage.auth = NULL;    /* the pool has it */
    /* An empty drive is of no particular type; one that our store has may be written without its source. */
    if (!source && !(parse->flags & ELEMENT_STORED))
        disk->type = STORAGE_TYPE_FILE;
    return 0;
}
