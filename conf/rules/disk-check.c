/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is refused about disks: one by one, in the order in which libvirt looks, then one against another.
 * Pure functions of the config, which they don't change: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/common.h"
#include "conf/rules/disk.h"
#include "conf/scalar.h"

#define VENDOR_LENGTH 8
#define PRODUCT_LENGTH 16

static const StorageSource *disk_storage(const Disk *disk)
{
    return disk->source ? &disk->source->storage : NULL;
}

static const Encryption *disk_encryption(const Disk *disk)
{
    return disk->encryption ? disk->encryption : disk->source ? disk->source->storage.encryption : NULL;
}

static const Auth *disk_auth(const Disk *disk)
{
    return disk->auth ? disk->auth : disk->source ? disk->source->storage.auth : NULL;
}

static bool is_local(StorageType type)
{
    return type == STORAGE_TYPE_FILE || type == STORAGE_TYPE_BLOCK || type == STORAGE_TYPE_DIR;
}

/* A drive without a medium, or a disk that isn't there. */
static bool is_empty(const Disk *disk)
{
    const StorageSource *storage = disk_storage(disk);

    if (is_local(disk->type))
        return !storage || !(storage->file || storage->dev || storage->dir);
    return storage && storage->protocol == STORAGE_PROTOCOL_NONE;
}

/* --- the target and the sources ---------------------------------------------------------------- */

static int check_target(const Disk *disk, DomainCheck *check)
{
    const StorageSource *storage = disk_storage(disk);

    if (disk->target.dev)
        return 0;
    if (storage && storage->pool)
        return domain_fail(check, VIR_ERR_NO_TARGET,
                           _("The disk with pool='%s' and volume='%s' needs a <target> with the attribute 'dev'"),
                           storage->pool, storage->volume);
    return domain_fail(check, VIR_ERR_NO_TARGET, _("The disk '%s' needs a <target> with the attribute 'dev'"),
                       !storage ? "" : storage->file ? storage->file : storage->dev ? storage->dev : "");
}

/* --- how one logs in */

static bool protocol_has_auth(StorageProtocol protocol)
{
    switch (protocol) {
    case STORAGE_PROTOCOL_ISCSI:
    case STORAGE_PROTOCOL_HTTP:
    case STORAGE_PROTOCOL_HTTPS:
    case STORAGE_PROTOCOL_FTP:
    case STORAGE_PROTOCOL_FTPS:
    case STORAGE_PROTOCOL_SSH:
    case STORAGE_PROTOCOL_RBD:
    case STORAGE_PROTOCOL_NONE:
        return true;
    default:
        return false;
    }
}

static int check_auth(StorageProtocol protocol, const Auth *auth, DomainCheck *check)
{
    static const char *const usages[] = { "none", "volume", "ceph", "iscsi", "tls", "vtpm", NULL };
    const char *type = auth->secret->type, *name = element_word(&storage_protocol_words, protocol);
    const char *wanted = NULL;

    if (protocol == STORAGE_PROTOCOL_ISCSI)
        wanted = "iscsi";
    else if (protocol == STORAGE_PROTOCOL_RBD)
        wanted = "ceph";
    if (!protocol_has_auth(protocol))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A disk's <source> with protocol='%s' can't have <auth>"), name);
    if (!type || !g_strv_contains(usages, type))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The <secret> of a disk's <auth> needs the attribute 'type' with a known word, not '%s'"),
                           type ? type : "");
    if (wanted && strcmp(type, wanted) != 0)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The <secret> of a disk with protocol='%s' must have type='%s', not '%s'"), name, wanted,
                           type);
    return 0;
}

/* One layer of a disk. */
static int check_layer(const StorageSource *storage, const Auth *auth, const Encryption *encryption,
                       DomainCheck *check)
{
    if (storage && storage->protocol && auth && check_auth(storage->protocol, auth, check) < 0)
        return -1;
    if (encryption && encryption->cipher)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The <encryption> of a disk can't have <cipher name='%s'>: the volume says it itself"),
                           encryption->cipher->name);
    return 0;
}

static int check_layers(const Disk *disk, DomainCheck *check)
{
    if (check_layer(disk_storage(disk), disk_auth(disk), disk_encryption(disk), check) < 0)
        return -1;
    for (const BackingStore *below = disk->backing_store; below; below = below->backing_store)
        if (below->source
            && check_layer(below->source, below->source->auth, below->source->encryption, check) < 0)
            return -1;
    return 0;
}

/* --- SCSI devices of the host ------------------------------------------------------------------ */

static int check_lun_source(const Disk *disk, DomainCheck *check)
{
    const StorageSource *storage = disk_storage(disk);
    const Encryption *encryption = disk_encryption(disk);
    DiskFormat format = disk->driver ? disk->driver->type : DISK_FORMAT_ABSENT;

    if (disk->type == STORAGE_TYPE_NETWORK && storage && storage->protocol != STORAGE_PROTOCOL_ISCSI)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with device='lun' can't have protocol='%s'"), disk->target.dev,
                           element_word(&storage_protocol_words, storage->protocol));
    if (disk->type != STORAGE_TYPE_NETWORK && disk->type != STORAGE_TYPE_BLOCK && disk->type != STORAGE_TYPE_VOLUME)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with device='lun' must be of the type block, network or volume"),
                           disk->target.dev);
    if (format && format != DISK_FORMAT_RAW)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with device='lun' must have the format raw, not '%s'"), disk->target.dev,
                           element_word(&disk_format_words, format));
    if (storage && storage->slices)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with device='lun' can't have <slices>"), disk->target.dev);
    if (encryption && encryption->format != ENCRYPTION_FORMAT_DEFAULT)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with device='lun' can't have <encryption>"), disk->target.dev);
    return 0;
}

static int check_lun(const Disk *disk, DomainCheck *check)
{
    const StorageSource *storage = disk_storage(disk);
    const char *what = NULL;

    if (disk->sgio == DISK_SGIO_UNFILTERED)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' can't have sgio='unfiltered': no kernel offers it any more"),
                           disk->target.dev);
    if (disk->device == DISK_DEVICE_LUN)
        return check_lun_source(disk, check);
    if (storage && storage->reservations)
        what = "reservations";
    else if (disk->rawio)
        what = "rawio";
    else if (disk->sgio)
        what = "sgio";
    if (what)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED, _("The disk '%s' needs device='lun' for '%s'"),
                           disk->target.dev, what);
    return 0;
}

/* --- limits, the address and the driver -------------------------------------------------------- */

static int check_limits(const Disk *disk, DomainCheck *check)
{
    static const DiskIoTune none;
    const DiskIoTune *tune = disk->iotune ? disk->iotune : &none;
    const struct {
        const char *what;
        uint64_t total, read, write;
    } limits[] = {
        { "bytes_sec", tune->total_bytes_sec, tune->read_bytes_sec, tune->write_bytes_sec },
        { "iops_sec", tune->total_iops_sec, tune->read_iops_sec, tune->write_iops_sec },
        { "bytes_sec_max", tune->total_bytes_sec_max, tune->read_bytes_sec_max, tune->write_bytes_sec_max },
        { "iops_sec_max", tune->total_iops_sec_max, tune->read_iops_sec_max, tune->write_iops_sec_max },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++)
        if (limits[i].total && (limits[i].read || limits[i].write))
            return domain_fail(check, VIR_ERR_XML_ERROR,
                               _("The <iotune> of the disk '%s' can't have <total_%s> beside limits for reading or "
                                 "writing"),
                               disk->target.dev, limits[i].what);
    return 0;
}

static int check_address(const Disk *disk, DomainCheck *check)
{
    DiskBus bus = disk->target.bus;
    const Address *address = disk->info.address;

    if (address && !address_is_drive(address)
        && (bus == DISK_BUS_IDE || bus == DISK_BUS_FDC || bus == DISK_BUS_SCSI || bus == DISK_BUS_SATA))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with bus='%s' can't have an <address> with type='%s'"), disk->target.dev,
                           element_word(&disk_bus_words, bus), element_word(&address_type_words, address->type));
    return 0;
}

/* What only a virtio disk may have. */
static int check_virtio(const Disk *disk, DomainCheck *check)
{
    static const DiskDriver none;
    const DiskDriver *driver = disk->driver ? disk->driver : &none;
    const char *option = virtio_option(&driver->virtio);
    const struct {
        const char *what;
        bool set;
    } options[] = {
        { "model", disk->model },
        { "queues", driver->queues },
        { "event_idx", driver->event_idx },
        { "ioeventfd", driver->ioeventfd },
        { option, option },
    };

    if (disk->target.bus == DISK_BUS_VIRTIO)
        return 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++)
        if (options[i].set)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("The disk '%s' needs bus='virtio' for the attribute '%s'"), disk->target.dev,
                               options[i].what);
    return 0;
}

/* --- NVMe drives and disks of another process -------------------------------------------------- */

/* All that the process at the other end would have to know of. */
static const char *vhost_user_unwanted(const Disk *disk)
{
    static const DiskDriver no_driver;
    static const DiskGeometry no_geometry;
    static const DiskBlockIo no_blockio;
    const DiskDriver *driver = disk->driver ? disk->driver : &no_driver;
    const DiskGeometry *geometry = disk->geometry ? disk->geometry : &no_geometry;
    const DiskBlockIo *blockio = disk->blockio ? disk->blockio : &no_blockio;
    const struct {
        const char *what;
        bool set;
    } unwanted[] = {
        { "cache", driver->cache },
        { "error_policy", driver->error_policy || driver->rerror_policy },
        { "io", driver->io },
        { "ioeventfd", driver->ioeventfd },
        { "copy_on_read", driver->copy_on_read },
        { "discard", driver->discard },
        { "iothread", driver->iothread },
        { "detect_zeroes", driver->detect_zeroes },
        { "metadata_cache", driver->metadata_cache && driver->metadata_cache->max_size },
        { "iotune", disk->iotune && (disk->iotune->group_name || disk_has_limits(disk->iotune)) },
        { "backingStore", disk->backing_store },
        { "encryption", disk_encryption(disk) },
        { "readonly", disk->readonly },
        { "shareable", disk->shareable },
        { "transient", disk->transient },
        { "serial", disk->serial },
        { "wwn", disk->wwn },
        { "vendor", disk->vendor },
        { "product", disk->product },
        { "auth", disk_auth(disk) },
        { "geometry", geometry->cyls || geometry->heads || geometry->secs || geometry->trans },
        { "blockio", blockio->logical_block_size || blockio->physical_block_size },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(unwanted); i++)
        if (unwanted[i].set)
            return unwanted[i].what;
    return NULL;
}

static int check_vhost_user(const Disk *disk, DomainCheck *check)
{
    const char *unwanted;

    if (disk->type != STORAGE_TYPE_VHOSTUSER)
        return 0;
    if (disk->target.bus != DISK_BUS_VIRTIO)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with type='vhostuser' needs bus='virtio', not '%s'"), disk->target.dev,
                           element_word(&disk_bus_words, disk->target.bus));
    if (disk->snapshot != DISK_SNAPSHOT_NO && disk->snapshot != DISK_SNAPSHOT_ABSENT)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with type='vhostuser' can't have snapshot='%s', only 'no'"),
                           disk->target.dev, element_word(&disk_snapshot_words, disk->snapshot));
    unwanted = vhost_user_unwanted(disk);
    if (unwanted)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with type='vhostuser' can't have '%s'"), disk->target.dev, unwanted);
    return 0;
}

static int check_nvme(const Disk *disk, DomainCheck *check)
{
    const StorageSource *storage = disk_storage(disk);

    if (disk->type == STORAGE_TYPE_NVME && storage && storage->namespace == 0)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' can't have namespace='0': an NVMe drive counts from 1"), disk->target.dev);
    return 0;
}

/* --- what the guest sees ----------------------------------------------------------------------- */

static int check_words(const Disk *disk, DomainCheck *check)
{
    const struct {
        const char *what, *text;
        size_t limit;
    } words[] = {
        { "vendor", disk->vendor, VENDOR_LENGTH },
        { "product", disk->product, PRODUCT_LENGTH },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (!words[i].text)
            continue;
        for (const char *at = words[i].text; *at; at++)
            if (!g_ascii_isprint(*at))
                return domain_fail(check, VIR_ERR_XML_ERROR,
                                   _("The <%s> of the disk '%s' has characters that aren't printable ASCII"),
                                   words[i].what, disk->target.dev);
        if (strlen(words[i].text) > words[i].limit)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("The <%s> '%s' of the disk '%s' is longer than %zu characters"), words[i].what,
                               words[i].text, disk->target.dev, words[i].limit);
    }
    return 0;
}

static int check_drive(const Disk *disk, DomainCheck *check)
{
    bool removes = disk->device == DISK_DEVICE_CDROM || disk->device == DISK_DEVICE_FLOPPY;
    bool floppy = disk->device == DISK_DEVICE_FLOPPY;
    const DiskTarget *target = &disk->target;

    if (target->tray && !removes)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' with tray='open' must be a CD-ROM or floppy drive"), target->dev);
    if (check_words(disk, check) < 0)
        return -1;
    if (floppy != (target->bus == DISK_BUS_FDC))
        return domain_fail(check, VIR_ERR_INTERNAL_ERROR, _("The disk '%s' with device='%s' can't have bus='%s'"),
                           target->dev, element_word(&disk_device_words, disk->device),
                           element_word(&disk_bus_words, target->bus));
    if (target->removable && target->bus != DISK_BUS_USB)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The disk '%s' needs bus='usb' for the attribute 'removable' of its <target>"),
                           target->dev);
    return 0;
}

static int check_startup(const Disk *disk, DomainCheck *check)
{
    StartupPolicy policy = disk->source ? disk->source->startup_policy : STARTUP_POLICY_ABSENT;

    if (!policy)
        return 0;
    if (!is_local(disk->type) && disk->type != STORAGE_TYPE_VOLUME)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The disk '%s' with type='%s' can't have startupPolicy='%s'"), disk->target.dev,
                           element_word(&storage_type_words, disk->type), element_word(&startup_policy_words, policy));
    if (policy == STARTUP_POLICY_REQUISITE && disk->device != DISK_DEVICE_CDROM
        && disk->device != DISK_DEVICE_FLOPPY)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The disk '%s' with startupPolicy='requisite' must be a CD-ROM or floppy drive"),
                           disk->target.dev);
    return 0;
}

static int check_wwn(const Disk *disk, DomainCheck *check)
{
    const char *digits = disk->wwn;

    if (!digits)
        return 0;
    if (g_str_has_prefix(digits, "0x"))
        digits += 2;
    if (!scalar_is_hex(digits, WWN_DIGITS))
        return domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                           _("The <wwn> '%s' of the disk '%s' must be %d hexadecimal digits"), disk->wwn,
                           disk->target.dev, WWN_DIGITS);
    return 0;
}

static int check_name(const Disk *disk, DomainCheck *check)
{
    static const char *const disks[] = { "hd", "sd", "vd", "xvd", "ubd" };
    const char *name = disk->target.dev;
    bool fits = disk->device == DISK_DEVICE_CDROM;

    if (disk->device == DISK_DEVICE_FLOPPY)
        fits = g_str_has_prefix(name, "fd");
    for (unsigned i = 0; i < G_N_ELEMENTS(disks) && disk->device != DISK_DEVICE_FLOPPY; i++)
        fits |= g_str_has_prefix(name, disks[i]);
    if (!fits)
        return domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                           _("The attribute dev='%s' of a <target> is no name of a disk with device='%s'"), name,
                           element_word(&disk_device_words, disk->device));
    return 0;
}

static int check_source(const Disk *disk, DomainCheck *check)
{
    if (disk->device == DISK_DEVICE_DISK && is_empty(disk))
        return domain_fail(check, VIR_ERR_NO_SOURCE,
                           _("The disk '%s' needs a <source> that says where its contents are"), disk->target.dev);
    return 0;
}

/* A source that the client passes as file descriptors. */
static int check_descriptors(const Disk *disk, DomainCheck *check)
{
    const StorageSource *storage = disk_storage(disk);

    if (storage && storage->fdgroup && !(check->rules->takes & DOMAIN_TAKES_DISK_FD))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The disk '%s' can't have a <source> with fdgroup='%s' on this hypervisor"),
                           disk->target.dev ? disk->target.dev : "", storage->fdgroup);
    return 0;
}

int rule_disk_check(DomainConfig *config, DomainCheck *check)
{
    static int (*const checks[])(const Disk *disk, DomainCheck *check) = {
        check_descriptors, check_target, check_layers, check_lun, check_limits, check_address, check_virtio,
        check_nvme, check_vhost_user, check_drive, check_startup, check_wwn, check_name, check_source,
    };

    for (unsigned i = 0; i < config->devices.n_disks; i++)
        for (unsigned k = 0; k < G_N_ELEMENTS(checks); k++)
            if (checks[k](config->devices.disks[i], check) < 0)
                return -1;
    return 0;
}

/* --- against the guest's labels ---------------------------------------------------------------- */

/* `models`: see unlabelled_models. */
static int check_labels(const StorageSource *storage, const Disk *disk, GHashTable *models, DomainCheck *check)
{
    const char *model = find_unlabelled(models, storage->seclabels, storage->n_seclabels);

    if (!model)
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("The disk '%s' can't have a <seclabel> of the model '%s': that of the guest has relabel='no'"),
                       disk->target.dev, model);
}

int rule_disk_labels(DomainConfig *config, DomainCheck *check)
{
    g_autoptr(GHashTable) models = unlabelled_models(config);

    for (unsigned i = 0; models && i < config->devices.n_disks; i++) {
        const Disk *disk = config->devices.disks[i];

        if (disk->source && check_labels(&disk->source->storage, disk, models, check) < 0)
            return -1;
        for (const BackingStore *below = disk->backing_store; below; below = below->backing_store)
            if (below->source && check_labels(below->source, disk, models, check) < 0)
                return -1;
    }
    return 0;
}

/* --- one against another ----------------------------------------------------------------------- */

int rule_disk_targets(DomainConfig *config, DomainCheck *check)
{
    g_autoptr(GHashTable) names = NULL;

    if (config->devices.n_disks < 2)
        return 0;
    names = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < config->devices.n_disks; i++) {
        const char *name = config->devices.disks[i]->target.dev;

        if (!g_hash_table_add(names, (void *)name))
            return domain_fail(check, VIR_ERR_XML_ERROR, _("The <target> with dev='%s' is that of two disks"), name);
    }
    return 0;
}

int rule_disk_addresses(DomainConfig *config, DomainCheck *check)
{
    g_autoptr(GHashTable) taken = NULL;

    if (config->devices.n_disks < 2)
        return 0;
    taken = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < config->devices.n_disks; i++) {
        const Disk *disk = config->devices.disks[i];
        const Address *address = disk->info.address;

        if (!address_is_drive(address))
            continue;
        if (!g_hash_table_add(taken, arena_printf(check->arena, "%d:%s", disk->target.bus,
                                                  drive_key(&address->drive, check->arena))))
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("The disk '%s' has the <address> of another one: controller='%u' bus='%u' "
                                 "target='%u' unit='%u'"),
                               disk->target.dev, address->drive.controller, address->drive.bus, address->drive.target,
                               address->drive.unit);
    }
    return 0;
}
