/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks in the files of xl and xm, in both directions: xl has pairs of keys and values beside values known by their
 * place, xm only the latter. What xl takes is in Xen's page xl-disk-configuration(5).
 * Pure functions: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/xen/xen-private.h"

/* --- format ---------------------------------------------------------------------------------- */

static int unsupported(XenFormat *format, const Disk *disk, int code, const char *what)
{
    return error_set(format->error, FROM, code, _("Xen's configuration can't have the disk '%s': %s"),
                     disk->target.dev, what);
}

/* A ':' ends a host's name: it is marked as one of the name itself, for the file and for what reads the source. */
static void append_host(GString *text, const SourceHost *host)
{
    if (host->name && strchr(host->name, ':')) {    /* an IPv6 address */
        g_string_append_c(text, '[');
        for (const char *at = host->name; *at; at++)
            g_string_append_printf(text, *at == ':' ? "\\%c" : "%c", *at);
        g_string_append_c(text, ']');
    } else if (host->name) {
        g_string_append(text, host->name);
    }
    if (host->has_port && host->port)
        g_string_append_printf(text, "\\\\:%u", host->port);
}

/* These end a part of the source or mark one. */
static bool has_mark(const char *text, const char *marks)
{
    return text && strpbrk(text, marks);
}

static int append_network(XenFormat *format, const Disk *disk, GString *text)
{
    const StorageSource *source = &disk->source->storage;
    const char *snapshot = source->snapshot ? source->snapshot->name : NULL;

    if (source->protocol != STORAGE_PROTOCOL_RBD)
        return unsupported(format, disk, VIR_ERR_NO_SUPPORT, _("its storage protocol is not 'rbd'"));
    if (has_mark(source->name, ":\\") || has_mark(snapshot, ":\\@"))
        return unsupported(format, disk, VIR_ERR_CONFIG_UNSUPPORTED, _("the name of its image has a ':'"));
    g_string_append_printf(text, "rbd:%s%s%s:auth_supported=none", source->name ? source->name : "", snapshot ? "@" : "",
                           snapshot ? snapshot : "");
    for (unsigned i = 0; i < source->n_hosts; i++) {
        if (has_mark(source->hosts[i]->name, "\\;,[]"))
            return unsupported(format, disk, VIR_ERR_CONFIG_UNSUPPORTED, _("the name of its host can't be one"));
        g_string_append(text, i == 0 ? ":mon_host=" : "\\\\;");
        append_host(text, source->hosts[i]);
    }
    return 0;
}

/* Nothing for an empty drive. */
static int append_target(XenFormat *format, const Disk *disk, GString *text)
{
    const StorageSource *source = disk->source ? &disk->source->storage : NULL;

    switch (disk->type) {
    case STORAGE_TYPE_FILE:
        g_string_append(text, source && source->file ? source->file : "");
        return 0;
    case STORAGE_TYPE_BLOCK:
        g_string_append(text, source && source->dev ? source->dev : "");
        return 0;
    case STORAGE_TYPE_DIR:
        g_string_append(text, source && source->dir ? source->dir : "");
        return 0;
    case STORAGE_TYPE_NETWORK:
        return source ? append_network(format, disk, text) : 0;
    default:
        return unsupported(format, disk, VIR_ERR_INTERNAL_ERROR, _("its source is of another kind"));
    }
}

static const char *xl_format_word(DiskFormat format)
{
    switch (format) {
    case DISK_FORMAT_VHD:
        return "xvhd";
    case DISK_FORMAT_QCOW:
    case DISK_FORMAT_QCOW2:
    case DISK_FORMAT_QED:
        return element_word(&disk_format_words, format);
    default:
        return "raw";
    }
}

static const char *backend_word(const char *driver)
{
    if (strcmp(driver, "qemu") == 0 || strcmp(driver, "file") == 0)
        return "qdisk";
    return strcmp(driver, "tap") == 0 || strcmp(driver, "phy") == 0 ? driver : "";
}

const char *xl_disk_text(XenFormat *format, const Disk *disk)
{
    const char *driver = disk->driver ? disk->driver->name : NULL;
    g_autoptr(GString) text = g_string_new(NULL), target = g_string_new(NULL);

    if (!driver && disk->type == STORAGE_TYPE_NETWORK)
        driver = "qemu";
    if (disk->transient) {
        unsupported(format, disk, VIR_ERR_CONFIG_UNSUPPORTED, _("it is transient"));
        return NULL;
    }
    if (append_target(format, disk, target) < 0)
        return NULL;
    if (has_mark(disk->target.dev, ","))
        format->settings.unwritable = disk->target.dev;
    g_string_printf(text, "format=%s,vdev=%s,access=%s", xl_format_word(disk->driver ? disk->driver->type
                                                                        : DISK_FORMAT_ABSENT),
                    disk->target.dev, disk->readonly ? "ro" : disk->shareable ? "!" : "rw");
    if (driver)
        g_string_append_printf(text, ",backendtype=%s", backend_word(driver));
    if (disk->device == DISK_DEVICE_CDROM)
        g_string_append(text, ",devtype=cdrom");
    if (target->len > 0)    /* takes all that is behind it */
        g_string_append_printf(text, ",target=%s", target->str);
    return arena_strdup(format->arena, text->str);
}

/* The source has its driver before it; a format means something to tap alone. */
static int append_xm_source(XenFormat *format, const Disk *disk, const char *path, GString *text)
{
    const char *driver = disk->driver ? disk->driver->name : NULL;
    DiskFormat type = disk->driver ? disk->driver->type : DISK_FORMAT_ABSENT;

    if (type) {
        if (driver)
            g_string_append_printf(text, "%s:", driver);
        if (driver && (strcmp(driver, "tap") == 0 || strcmp(driver, "tap2") == 0))
            g_string_append_printf(text, "%s:", type == DISK_FORMAT_RAW ? "aio" : element_word(&disk_format_words,
                                                                                               type));
    } else if (disk->type == STORAGE_TYPE_FILE || disk->type == STORAGE_TYPE_BLOCK) {
        g_string_append(text, disk->type == STORAGE_TYPE_FILE ? "file:" : "phy:");
    } else {
        return unsupported(format, disk, VIR_ERR_INTERNAL_ERROR, _("its source is neither a file nor a block device"));
    }
    g_string_append(text, path);
    return 0;
}

/* The path or name alone. */
static const char *source_path(const Disk *disk)
{
    const StorageSource *source = disk->source ? &disk->source->storage : NULL;

    if (!source)
        return NULL;
    if (disk->type == STORAGE_TYPE_BLOCK)
        return source->dev;
    if (disk->type == STORAGE_TYPE_DIR)
        return source->dir;
    return disk->type == STORAGE_TYPE_NETWORK ? source->name : source->file;
}

const char *xm_disk_text(XenFormat *format, const Disk *disk)
{
    const char *path = source_path(disk);
    g_autoptr(GString) text = g_string_new(NULL);

    if (disk->transient) {
        unsupported(format, disk, VIR_ERR_CONFIG_UNSUPPORTED, _("it is transient"));
        return NULL;
    }
    if (path && append_xm_source(format, disk, path, text) < 0)
        return NULL;
    if (has_mark(path, ",") || has_mark(disk->target.dev, ","))
        format->settings.unwritable = has_mark(path, ",") ? path : disk->target.dev;
    g_string_append_printf(text, ",%s%s,%s", disk->target.dev, disk->device == DISK_DEVICE_CDROM ? ":cdrom" : "",
                           disk->readonly ? "r" : disk->shareable ? "!" : "w");
    return arena_strdup(format->arena, text->str);
}

/* Xen has no floppy drives in this list. */
int xen_put_disks(XenFormat *format)
{
    const Devices *devices = &format->config->devices;
    XenValue *list = xen_new_list(format->arena);

    for (unsigned i = 0; i < devices->n_disks; i++) {
        const Disk *disk = devices->disks[i];
        const char *text;

        if (disk->device == DISK_DEVICE_FLOPPY)
            continue;
        text = format->dialect == XEN_DIALECT_XL ? xl_disk_text(format, disk) : xm_disk_text(format, disk);
        if (!text)
            return -1;
        xen_add_text(&format->settings, list, text);
    }
    if (list->n_items > 0)
        xen_set_value(&format->settings, "disk", list);
    return 0;
}

/* --- parse: what a file says of a disk --------------------------------------------------------- */

typedef struct XenDisk {
    const char *target, *format, *vdev, *access, *backend;
    bool old_prefix;      /* the target had one, so that no format follows by its place */
    bool is_cdrom;
} XenDisk;

static const char *bus_of(const XenParse *parse, const char *vdev)
{
    if (g_str_has_prefix(vdev, "xvd") || !parse->is_machine)
        return "xen";
    return g_str_has_prefix(vdev, "sd") ? "scsi" : "ide";
}

static void write_end(XenParse *parse, const XenDisk *disk, bool readonly, bool shareable)
{
    xen_write(parse, "<target dev='%s' bus='%s'/>", disk->vdev, bus_of(parse, disk->vdev));
    if (readonly)
        xen_write(parse, "<readonly/>");
    if (shareable)
        xen_write(parse, "<shareable/>");
    xen_write(parse, "</disk>\n");
}

/* A host of "a\:1;[b\:c]\:2", whose marks are gone when this is called. */
static void write_host(XenParse *parse, char *host)
{
    char *port = NULL;

    if (*host == '[') {
        char *end = strchr(++host, ']');

        if (end) {
            port = end[1] == ':' ? end + 2 : NULL;
            *end = '\0';
        }
    } else {
        port = strchr(host, ':');
        if (port)
            *port++ = '\0';
    }
    xen_write(parse, "<host name='%s'", host);
    xen_write_attribute(parse, "port", port);
    xen_write(parse, "/>");
}

/* The next part up to a ':' that isn't marked with a '\' as part of it; marks are taken out. NULL at the end. */
static char *next_part(char **rest)
{
    char *part = *rest, *to = part, *at = part;

    if (!part)
        return NULL;
    for (; *at && *at != ':'; at++) {
        if (*at == '\\' && at[1])
            at++;
        *to++ = *at;
    }
    *rest = *at ? at + 1 : NULL;
    *to = '\0';
    return part;
}

/* "rbd:pool/image:option=value:mon_host=a\:1;b": in the file each '\' is there twice. */
static void write_rbd(XenParse *parse, const char *target)
{
    g_auto(GStrv) halves = g_strsplit(target, "\\\\", -1);
    g_autofree char *text = g_strjoinv("\\", halves);
    char *rest = text + strlen("rbd:"), *part;
    g_autofree char *name = g_strdup(next_part(&rest));
    char *snapshot = strchr(name, '@');

    if (snapshot)
        *snapshot++ = '\0';
    xen_write(parse, "<source protocol='rbd' name='%s'>", name);
    while ((part = next_part(&rest))) {
        g_auto(GStrv) hosts = NULL;

        if (!g_str_has_prefix(part, "mon_host="))
            continue;
        hosts = g_strsplit_set(part + strlen("mon_host="), ";,", -1);
        for (char **host = hosts; *host; host++)
            write_host(parse, *host);
    }
    if (snapshot)
        xen_write(parse, "<snapshot name='%s'/>", snapshot);
    xen_write(parse, "</source>");
}

/* --- parse: xl ------------------------------------------------------------------------------- */

static bool take(const char **member, const char *value)
{
    if (*member)
        return false;
    *member = value;
    return true;
}

static bool take_device_type(XenDisk *disk, const char *type)
{
    if (strcmp(type, "cdrom") == 0)
        disk->is_cdrom = true;
    return disk->is_cdrom || strcmp(type, "disk") == 0;
}

/* Prefixes of an older syntax: of these xl takes the format, of those nothing. */
static void take_prefix(XenDisk *disk, char **target)
{
    static const char *const formats[] = { "raw:", "qcow:", "qcow2:", "vhd:", "qed:" };
    static const char *const others[] = { "tapdisk:", "tap:", "tap2:", "aio:", "ioemu:", "file:", "phy:" };

    for (bool found = true; found;) {
        found = false;
        for (unsigned i = 0; i < G_N_ELEMENTS(formats) && !found; i++)
            if (g_str_has_prefix(*target, formats[i])) {
                char *end = *target + strlen(formats[i]);

                found = disk->old_prefix = true;
                end[-1] = '\0';
                disk->format = *target;
                *target = end;
            }
        for (unsigned i = 0; i < G_N_ELEMENTS(others) && !found; i++)
            if (g_str_has_prefix(*target, others[i])) {
                found = disk->old_prefix = true;
                *target += strlen(others[i]);
            }
    }
}

/* "hdc:cdrom" */
static bool take_place(XenDisk *disk, char *value)
{
    char *type;

    if (!disk->target) {
        take_prefix(disk, &value);
        disk->target = value;
    } else if (!disk->format && !disk->old_prefix) {
        disk->format = value;
    } else if (!disk->vdev) {
        type = strchr(value, ':');
        if (type) {
            *type++ = '\0';
            if (!take_device_type(disk, type))
                return false;
        }
        disk->vdev = value;
    } else {
        return take(&disk->access, value);
    }
    return true;
}

static bool take_flag(XenDisk *disk, const char *flag)
{
    static const char *const ignored[] = { "removable", "direct-io-safe", "discard", "no-discard" };

    if (strcmp(flag, "cdrom") == 0)
        return disk->is_cdrom = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(ignored); i++)
        if (strcmp(flag, ignored[i]) == 0)
            return true;
    return false;
}

static bool take_pair(XenDisk *disk, const char *key, char *value)
{
    if (strcmp(key, "format") == 0)
        return take(&disk->format, value);
    if (strcmp(key, "vdev") == 0)
        return take(&disk->vdev, value);
    if (strcmp(key, "access") == 0)
        return take(&disk->access, value);
    if (strcmp(key, "backendtype") == 0)
        return take(&disk->backend, value);
    if (strcmp(key, "devtype") == 0)
        return take_device_type(disk, value);
    return strcmp(key, "backend") == 0 || strcmp(key, "script") == 0;
}

/* target= takes all the rest, commas included. */
static bool read_xl_disk(XenDisk *disk, char *text)
{
    XenPairs pairs = { text };
    char *key, *value;

    for (;;) {
        if (pairs.rest && g_str_has_prefix(pairs.rest + strspn(pairs.rest, " \t"), "target="))
            return take(&disk->target, strchr(pairs.rest, '=') + 1);
        if (!xen_pairs_next(&pairs, &key, &value))
            return true;
        if (value ? !take_pair(disk, key, value) : !take_flag(disk, key) && !take_place(disk, key))
            return false;
    }
}

static const char *xl_format(const char *format)
{
    if (!format || *format == '\0' || strcmp(format, "raw") == 0 || strcmp(format, "empty") == 0)
        return "raw";
    if (strcmp(format, "vhd") == 0 || strcmp(format, "xvhd") == 0)
        return "vhd";
    if (strcmp(format, "qcow") == 0 || strcmp(format, "qcow2") == 0 || strcmp(format, "qed") == 0)
        return format;
    return NULL;
}

/* libvirt's name of what drives it. NULL when xl doesn't know it. */
static const char *xl_driver(const char *backend)
{
    if (!backend || *backend == '\0' || strcmp(backend, "qdisk") == 0)
        return "qemu";
    return strcmp(backend, "phy") == 0 || strcmp(backend, "tap") == 0 ? backend : NULL;
}

static bool xl_access(const char *access, bool *readonly, bool *shareable)
{
    bool none = !access || *access == '\0';

    *readonly = !none && (strcmp(access, "r") == 0 || strcmp(access, "ro") == 0);
    *shareable = !none && (strcmp(access, "!") == 0 || strcmp(access, "w!") == 0);
    return none || *readonly || *shareable || strcmp(access, "w") == 0 || strcmp(access, "rw") == 0;
}

static void write_xl_source(XenParse *parse, const XenDisk *disk, const char *driver, const char *format)
{
    bool rbd = disk->target && g_str_has_prefix(disk->target, "rbd:");
    bool block = strcmp(driver, "phy") == 0 && !disk->is_cdrom;

    xen_write(parse, "<disk type='%s' device='%s'><driver name='%s' type='%s'/>", rbd ? "network" : block ? "block"
              : "file",
              disk->is_cdrom ? "cdrom" : "disk", disk->is_cdrom ? "qemu" : driver, format);
    if (rbd)
        write_rbd(parse, disk->target);
    else if (disk->target && *disk->target)
        xen_write(parse, block ? "<source dev='%s'/>" : "<source file='%s'/>", disk->target);
}

int xl_write_disk(XenParse *parse, const char *text)
{
    g_autofree char *copy = g_strdup(text);
    XenDisk disk = { NULL };
    const char *format, *driver;
    bool readonly, shareable;

    if (!read_xl_disk(&disk, copy) || !disk.vdev || *disk.vdev == '\0' || !xl_access(disk.access, &readonly,
                                                                                     &shareable))
        return xen_refuse(parse, "disk", text);
    format = xl_format(disk.is_cdrom ? NULL : disk.format);
    driver = xl_driver(disk.is_cdrom ? NULL : disk.backend);
    if (!format || !driver || (!disk.target && !disk.is_cdrom))
        return xen_refuse(parse, "disk", text);
    write_xl_source(parse, &disk, driver, format);
    write_end(parse, &disk, readonly || disk.is_cdrom, shareable);
    return 0;
}

/* --- parse: xm ------------------------------------------------------------------------------- */

/* "phy:/dev/x" or "tap:qcow:/x"; false when it can't be read. */
static bool read_xm_source(XenDisk *disk, char *source)
{
    char *end = strchr(source, ':');

    disk->target = source;
    if (!end)
        return true;
    *end = '\0';
    disk->backend = source;
    disk->target = end + 1;
    if (strcmp(source, "tap") != 0 && strcmp(source, "tap2") != 0)
        return true;
    source = end + 1;
    end = strchr(source, ':');
    if (!end)
        return false;
    *end = '\0';
    disk->format = strcmp(source, "aio") == 0 ? "raw" : source;
    disk->target = end + 1;
    return element_value(&disk_format_words, disk->format) > 0;
}

/* "source,device,mode"; libvirt leaves out what it can't read. */
int xm_write_disk(XenParse *parse, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", 3);
    XenDisk disk = { NULL };
    char *vdev, *type;
    bool block;

    if (g_strv_length(parts) < 3 || !read_xm_source(&disk, parts[0]))
        return 1;
    vdev = g_str_has_prefix(parts[1], "ioemu:") ? parts[1] + strlen("ioemu:") : parts[1];
    type = strchr(vdev, ':');
    if (type) {
        *type++ = '\0';
        disk.is_cdrom = strcmp(type, "cdrom") == 0;
    }
    disk.vdev = vdev;
    if (!disk.backend)
        disk.backend = "phy";
    block = strcmp(disk.backend, "phy") == 0;
    xen_write(parse, "<disk type='%s' device='%s'><driver name='%s' type='%s'/>", block ? "block" : "file",
              disk.is_cdrom ? "cdrom" : "disk", disk.backend, disk.format ? disk.format : "raw");
    if (*disk.target)
        xen_write(parse, block ? "<source dev='%s'/>" : "<source file='%s'/>", disk.target);
    write_end(parse, &disk, strcmp(parts[2], "r") == 0 || strcmp(parts[2], "ro") == 0,
              strcmp(parts[2], "w!") == 0 || strcmp(parts[2], "!") == 0);
    return 0;
}
