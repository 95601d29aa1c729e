/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of conf/xen share: one conversion in each direction. */
#pragma once

#include "conf/config.h"
#include "conf/element.h"
#include "conf/xen/value.h"
#include "conf/xen/xl.h"

#define FROM VIR_FROM_XENXL

/* --- from the config to the file --------------------------------------------------------------- */

typedef struct XenFormat {
    const DomainConfig *config;
    XenDialect dialect;
    bool is_machine;           /* a whole machine (hvm), not a paravirtual guest */
    XenSettings settings;
    Arena *arena;
    Error *error;
} XenFormat;

/* Each sets what its subject has. 0, or -1 and an error. */
typedef int XenPut(XenFormat *format);
XenPut xen_put_graphics, xen_put_spice, xen_put_interfaces, xen_put_pci, xen_put_serials, xen_put_sounds;
XenPut xen_put_disks, xen_put_inputs, xen_put_usb, xen_put_channels;
/* Of a disk with a source, as xl and xm have it; in the arena. NULL and an error. */
const char *xl_disk_text(XenFormat *format, const Disk *disk);
const char *xm_disk_text(XenFormat *format, const Disk *disk);

/* --- from the file to the document ------------------------------------------------------------- */

typedef struct XenParse {
    XenSettings settings;
    XenDialect dialect;
    OsTypeName os;
    bool is_machine;
    GString *out;              /* the document */
    Arena *arena;
    Error *error;
} XenParse;

/* Appends to the document; what stands for a %s (which takes no width) is escaped. */
void xen_write(XenParse *parse, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* <name>text</name>, nothing when `text` is NULL. */
void xen_write_leaf(XenParse *parse, const char *name, const char *text);
/* " name='value'", nothing when `value` is NULL. */
void xen_write_attribute(XenParse *parse, const char *name, const char *value);
/* The same with the first `size` bytes of a value. */
void xen_write_part(XenParse *parse, const char *name, const char *value, size_t size);

/* Each writes what the file says of its subject. 0, or -1 and an error. */
typedef int XenWrite(XenParse *parse);
XenWrite xen_write_disks, xen_write_controllers, xen_write_interfaces, xen_write_characters, xen_write_inputs;
XenWrite xen_write_graphics, xen_write_sounds, xen_write_hostdevs;
/* A disk of the file as xl and xm have it. 1: it is left out; 0; -1 and an error. */
int xl_write_disk(XenParse *parse, const char *text);
int xm_write_disk(XenParse *parse, const char *text);

/* The parts of "key=value,key=value"; the text is split in place. */
typedef struct XenPairs {
    char *rest;
} XenPairs;
/* The next one: false at the end. *value is NULL for what has no '='. White space before it is skipped. */
bool xen_pairs_next(XenPairs *pairs, char **key, char **value);
/* What can't be read, or isn't there though it must be: VIR_ERR_INTERNAL_ERROR. Returns -1. */
int xen_refuse(XenParse *parse, const char *setting, const char *text);

/* libxl's names of CPU features and libvirt's. */
const char *xen_feature_name(const char *libvirt);
const char *xen_feature_from(const char *xen);
