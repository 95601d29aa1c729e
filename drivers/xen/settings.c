/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See settings.h. Each kind of device has a list of what is refused and, where it has such, one of what is passed over. */
#include "drivers/xen/settings.h"

typedef struct Setting {
    bool there;
    const char *name;
} Setting;

static const char *first(const Setting *settings, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (settings[i].there)
            return settings[i].name;
    return NULL;
}

/* Appends "WHICH: a, b" when any is there. */
static void append(GString *text, const char *kind, const char *which, const Setting *settings, unsigned n)
{
    bool any = false;

    for (unsigned i = 0; i < n; i++) {
        if (!settings[i].there)
            continue;
        if (any)
            g_string_append(text, ", ");
        else
            g_string_append_printf(text, "%s%s%s%s: ", text->len ? "; " : "", kind, which ? " " : "", which ? which : "");
        g_string_append(text, settings[i].name);
        any = true;
    }
}

/* --- refused --------------------------------------------------------------------------------- */

/* A missing disk or device always keeps a guest from starting. */
static bool may_be_missing(StartupPolicy policy)
{
    return policy != STARTUP_POLICY_ABSENT && policy != STARTUP_POLICY_MANDATORY;
}

/* Errors of a disk are always told to the guest. */
static bool other_errors(DiskErrorPolicy policy)
{
    return policy != DISK_ERROR_POLICY_ABSENT && policy != DISK_ERROR_POLICY_REPORT;
}

const char *setting_refused_disk(const Disk *disk)
{
    static const DiskDriver no_driver;
    const DiskDriver *driver = disk->driver ? disk->driver : &no_driver;
    const DiskSource *source = disk->source;
    const Setting settings[] = {
        { disk->wwn != NULL, "<wwn>" },
        { disk->vendor != NULL, "<vendor>" },
        { disk->product != NULL, "<product>" },
        { disk->geometry != NULL, "<geometry>" },
        { disk->blockio != NULL, "<blockio>" },
        { disk->model != DISK_MODEL_ABSENT, "model" },
        { disk->shareable && !disk->readonly, "<shareable/> without <readonly/>" },
        { disk->target.has_rotation_rate, "rotation_rate" },
        { disk->target.tray == DISK_TRAY_OPEN, "tray='open'" },
        { disk->target.removable == TRISTATE_YES && disk->device == DISK_DEVICE_DISK, "removable='on'" },
        { driver->copy_on_read == TRISTATE_YES, "copy_on_read='on'" },
        { other_errors(driver->error_policy), "error_policy" },
        { other_errors(driver->rerror_policy), "rerror_policy" },
        { driver->has_iothread, "iothread" },
        { source && may_be_missing(source->startup_policy), "startupPolicy" },
        { source && source->storage.fdgroup != NULL, "fdgroup" },
        { source && source->storage.reservations != NULL, "<reservations>" },
        { disk->info.rom != NULL, "<rom>" },
        { disk->info.acpi != NULL, "<acpi>" },
    };

    return first(settings, G_N_ELEMENTS(settings));
}

const char *setting_refused_interface(const Interface *interface)
{
    const Setting settings[] = {
        { interface->downscript != NULL, "<downscript>" },
        { interface->teaming != NULL, "<teaming>" },
        { interface->guest != NULL, "<guest>" },
        { interface->n_routes > 0, "<route>" },
        { interface->source.n_ips > 0 || interface->source.n_routes > 0, "<source> <ip>, <route>" },
        { interface->n_port_forwards > 0, "<portForward>" },
        { interface->has_port && interface->port.isolated == TRISTATE_YES, "<port isolated='yes'>" },
        { interface->trust_guest_rx_filters == TRISTATE_YES, "trustGuestRxFilters" },
        { interface->has_target && interface->target.managed == TRISTATE_NO, "<target managed='no'>" },
        { interface->has_backend && interface->backend.tap != NULL, "<backend tap=…>" },
        { interface->info.rom != NULL, "<rom>" },
        { interface->info.acpi != NULL, "<acpi>" },
    };

    return first(settings, G_N_ELEMENTS(settings));
}

const char *setting_refused_hostdev(const Hostdev *hostdev)
{
    const Setting settings[] = {
        { may_be_missing(hostdev->source.startup_policy), "startupPolicy" },
        { hostdev->source.guest_reset != USB_GUEST_RESET_ABSENT, "guestReset" },
        { hostdev->teaming != NULL, "<teaming>" },
        { hostdev->info.rom != NULL, "<rom>" },
        { hostdev->info.boot != NULL, "<boot order=…>" },
        { hostdev->info.acpi != NULL, "<acpi>" },
    };

    return first(settings, G_N_ELEMENTS(settings));
}

const char *setting_refused_graphics(const Graphics *graphics)
{
    const GraphicsPassword *password = graphics->type == GRAPHICS_TYPE_VNC ? &graphics->vnc.password
        : graphics->type == GRAPHICS_TYPE_SPICE ? &graphics->spice.password : NULL;
    const GraphicsSpice *spice = graphics->type == GRAPHICS_TYPE_SPICE ? &graphics->spice : NULL;
    const Setting settings[] = {
        { graphics->n_listens > 1, "a second <listen>" },
        { password && password->connected != GRAPHICS_CONNECTED_ABSENT, "connected" },
        { graphics->type == GRAPHICS_TYPE_VNC && graphics->vnc.share_policy != VNC_SHARE_POLICY_ABSENT, "sharePolicy" },
        { graphics->type == GRAPHICS_TYPE_VNC && graphics->vnc.power_control == TRISTATE_YES, "powerControl" },
        { graphics->type == GRAPHICS_TYPE_SDL && graphics->sdl.fullscreen == TRISTATE_YES, "fullscreen" },
        { spice && spice->has_filetransfer && spice->filetransfer.enable == TRISTATE_NO, "<filetransfer enable='no'>" },
        { spice && spice->gl && spice->gl->enable == TRISTATE_YES, "<gl enable='yes'>" },
    };

    return first(settings, G_N_ELEMENTS(settings));
}

const char *setting_refused_video(const Video *video)
{
    const VideoModel *model = &video->model;
    const Setting settings[] = {
        { model->has_heads && model->heads > 1, "heads" },
        { model->resolution != NULL, "<resolution>" },
        { model->acceleration && model->acceleration->accel3d == TRISTATE_YES, "<acceleration accel3d='yes'>" },
    };

    return first(settings, G_N_ELEMENTS(settings));
}

const char *setting_refused_others(const Devices *devices)
{
    const Memballoon *balloon = devices->memballoon;

    for (unsigned i = 0; i < devices->n_sounds; i++)
        if (devices->sounds[i]->n_codecs > 0)
            return "<sound> <codec>";
    for (unsigned i = 0; i < devices->n_controllers; i++)
        if (devices->controllers[i]->has_pcihole64)
            return "<pcihole64>";
    return balloon && balloon->autodeflate == TRISTATE_YES ? "<memballoon autodeflate='on'>" : NULL;
}

/* --- passed over ------------------------------------------------------------------------------ */

static void disk_passed_over(const Disk *disk, GString *text)
{
    const DiskDriver *driver = disk->driver;
    const Setting settings[] = {
        { disk->serial != NULL, "<serial>" },    /* Nova gives one to each volume */
        { driver && driver->cache != DISK_CACHE_ABSENT, "cache" },
        { driver && driver->io != DISK_IO_ABSENT, "io" },
        { driver && driver->detect_zeroes != DISK_DETECT_ZEROES_ABSENT, "detect_zeroes" },
        { driver && (driver->ioeventfd || driver->event_idx), "ioeventfd, event_idx" },
        { driver && (driver->has_queues || driver->has_queue_size), "queues" },
        { driver && driver->metadata_cache != NULL, "<metadata_cache>" },
        { disk->source && disk->source->storage.n_seclabels > 0, "<seclabel>" },
    };

    append(text, "disk", disk->target.dev, settings, G_N_ELEMENTS(settings));
}

static void interface_passed_over(const Interface *interface, GString *text)
{
    const InterfaceDriver *driver = interface->has_driver ? &interface->driver : NULL;
    const uint8_t *mac = interface->mac.address.bytes;
    char name[18];
    const Setting settings[] = {
        { driver != NULL || interface->has_other_driver, "<driver>" },
        { interface->has_tune, "<tune>" },
        { interface->coalesce != NULL, "<coalesce>" },
        { interface->has_backend && interface->backend.vhost != NULL, "<backend vhost=…>" },
    };

    g_snprintf(name, sizeof name, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    append(text, "interface", name, settings, G_N_ELEMENTS(settings));
}

static void graphics_passed_over(const Graphics *graphics, GString *text)
{
    const GraphicsSpice *spice = &graphics->spice;
    const Setting settings[] = {
        { spice->has_jpeg, "<jpeg>" },
        { spice->has_zlib, "<zlib>" },
        { spice->has_playback, "<playback>" },
    };

    if (graphics->type == GRAPHICS_TYPE_SPICE)
        append(text, "graphics", "spice", settings, G_N_ELEMENTS(settings));
}

char *settings_passed_over(const DomainConfig *config)
{
    const Devices *devices = &config->devices;
    const Setting rest[] = {
        { devices->memballoon && devices->memballoon->stats != NULL, "<stats>" },
        { devices->memballoon && devices->memballoon->free_page_reporting == TRISTATE_YES, "freePageReporting" },
    };
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < devices->n_disks; i++)
        disk_passed_over(devices->disks[i], text);
    for (unsigned i = 0; i < devices->n_interfaces; i++)
        interface_passed_over(devices->interfaces[i], text);
    for (unsigned i = 0; i < devices->n_graphics; i++)
        graphics_passed_over(devices->graphics[i], text);
    append(text, "memballoon", NULL, rest, G_N_ELEMENTS(rest));
    return g_string_free(text, text->len == 0);
}
