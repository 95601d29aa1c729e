/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of what a guest shows and plays: its graphics cards and their memory, the card that a screen needs, and
 * the audio backends that sound cards and displays name.
 * Pure functions of the config: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/common.h"

/* --- graphics cards ---------------------------------------------------------------------------- */

/* The card that is usual for such a guest. */
static VideoType usual_video(const DomainConfig *config, const DomainRules *rules)
{
    if (rules->usual_video)
        return rules->usual_video(config);
    if (config->os.type.name == OS_TYPE_NAME_XEN || config->os.type.name == OS_TYPE_NAME_LINUX)
        return VIDEO_TYPE_XEN;
    if (config->os.type.arch == ARCH_PPC64 || config->os.type.arch == ARCH_PPC64LE)
        return VIDEO_TYPE_VGA;
    return VIDEO_TYPE_CIRRUS;
}

/* The memory in KiB that a card has when nothing is said; 0: the hypervisor decides. */
static unsigned usual_memory(const DomainConfig *config, VideoType type)
{
    switch (type) {
    case VIDEO_TYPE_VGA:
    case VIDEO_TYPE_CIRRUS:
    case VIDEO_TYPE_VMVGA:
        if (config->type == DOMAIN_TYPE_VBOX)
            return 8 << 10;
        return config->type == DOMAIN_TYPE_VMWARE ? 4 << 10 : 16 << 10;
    case VIDEO_TYPE_BOCHS:
        return 16 << 10;
    case VIDEO_TYPE_XEN:
        return 4 << 10;
    case VIDEO_TYPE_QXL:
        return 64 << 10;
    default:
        return 0;
    }
}

/* The next power of two; 0 when there is none in 32 bits. */
static unsigned round_up(unsigned value)
{
    unsigned power = 1;

    if (value == 0 || value > 1u << 31)
        return 0;
    while (power < value)
        power *= 2;
    return power;
}

static void fill_memory(unsigned *memory, bool *has_memory, unsigned usual)
{
    *memory = round_up(*memory ? *memory : usual);
    *has_memory = *memory != 0;
}

static void fill_video(Video *video, const DomainConfig *config, const DomainRules *rules)
{
    VideoModel *model = &video->model;
    unsigned usual;

    if (model->type == VIDEO_TYPE_ABSENT)
        model->type = usual_video(config, rules);
    usual = usual_memory(config, model->type);
    fill_memory(&model->ram, &model->has_ram, model->type == VIDEO_TYPE_QXL ? usual : 0);
    fill_memory(&model->vram, &model->has_vram, usual);
    if (!video->has_model)
        model->heads = 1;
    video->has_model = model->has_heads = true;
    if (model->primary == TRISTATE_NO)
        model->primary = TRISTATE_ABSENT;
}

/* The card that is marked comes first; of several rule_video_check says that they can't be. */
static void primary_first(Devices *devices)
{
    for (unsigned i = 0; i < devices->n_videos; i++) {
        Video *video = devices->videos[i];

        if (video->model.primary != TRISTATE_YES)
            continue;
        memmove(devices->videos + 1, devices->videos, i * sizeof *devices->videos);
        devices->videos[0] = video;
        return;
    }
}

/* Of a card that is none only its name is kept. */
static void forget_video(Video *video)
{
    DeviceAlias *alias = video->info.alias;

    memset(video, 0, sizeof *video);
    video->has_model = true;
    video->model.type = VIDEO_TYPE_NONE;
    video->info.alias = alias;
}

int rule_video_fill(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;

    primary_first(devices);
    for (unsigned i = 0; i < devices->n_videos; i++)
        fill_video(devices->videos[i], config, check->rules);
    if (devices->n_videos == 0 && devices->n_graphics == 0)
        return 0;
    if (devices->n_videos == 0)
        element_list_add(check->arena, (void ***)&devices->videos, &devices->n_videos,
                         ELEMENT_NEW(check->arena, Video));
    /* the first once more: it may be new, or have lost a memory that is no power of two */
    fill_video(devices->videos[0], config, check->rules);
    if (devices->videos[0]->model.type == VIDEO_TYPE_NONE)
        forget_video(devices->videos[0]);
    else
        devices->videos[0]->model.primary = TRISTATE_YES;
    return 0;
}

static int refuse_video(const Video *video, const char *attribute, DomainCheck *check)
{
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("A graphics card of type='%s' can't have the attribute '%s'"),
                       element_word(&video_type_words, video->model.type), attribute);
}

static int check_video_driver(const Video *video, DomainCheck *check)
{
    const VideoDriver *driver = video->driver;
    bool is_virtio = video->model.type == VIDEO_TYPE_VIRTIO;
    const char *option;

    if (driver && driver->name == VIDEO_BACKEND_VHOSTUSER) {
        if (!is_virtio)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A graphics card of type='%s' can't have the driver name='vhostuser', only "
                                 "type='virtio' can"), element_word(&video_type_words, video->model.type));
    } else if (video->model.acceleration && video->model.acceleration->rendernode) {
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<acceleration> of a graphics card has rendernode='%s', which needs the "
                             "driver name='vhostuser'"), video->model.acceleration->rendernode);
    }
    if (!driver || is_virtio)
        return 0;
    option = virtio_option(&driver->virtio);
    return option ? refuse_video(video, option, check) : 0;
}

static int check_video_model(const Video *video, DomainCheck *check)
{
    const VideoModel *model = &video->model;

    if (model->resolution && (model->resolution->x == 0 || model->resolution->y == 0))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<resolution> of a graphics card has x='%u' and y='%u', neither may be 0"),
                           model->resolution->x, model->resolution->y);
    if (model->type == VIDEO_TYPE_QXL)
        return 0;
    if (model->ram)
        return refuse_video(video, "ram", check);
    if (model->vram64)
        return refuse_video(video, "vram64", check);
    if (model->vgamem)
        return refuse_video(video, "vgamem", check);
    if (model->type == VIDEO_TYPE_RAMFB && video->info.address)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A graphics card of type='ramfb' can't have an <address>"));
    return 0;
}

int rule_video_check(DomainConfig *config, DomainCheck *check)
{
    const Devices *devices = &config->devices;

    for (unsigned i = 0; i < devices->n_videos; i++) {
        const Video *video = devices->videos[i];

        if (video->model.type == VIDEO_TYPE_NONE && devices->n_videos > 1)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A <video> has a model of type='none', then it must be the only one"));
        if (i > 0 && video->model.primary == TRISTATE_YES)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("More than one <video> has a model with primary='yes'"));
        if (check_video_driver(video, check) < 0 || check_video_model(video, check) < 0)
            return -1;
    }
    return 0;
}

/* --- sound ------------------------------------------------------------------------------------- */

/* The numbers of the audio backends as a set, and an error in `check` when one is there twice. NULL: none, or that. */
static GHashTable *audio_ids(const Devices *devices, DomainCheck *check)
{
    g_autoptr(GHashTable) ids = NULL;

    if (devices->n_audios > 0)
        ids = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < devices->n_audios; i++)
        if (!g_hash_table_add(ids, GUINT_TO_POINTER(devices->audios[i]->id))) {
            domain_fail(check, VIR_ERR_XML_ERROR, _("Two <audio> have the id='%u'"), devices->audios[i]->id);
            return NULL;
        }
    return g_steal_pointer(&ids);
}

static int check_audio_use(const AudioUse *use, const char *user, GHashTable *ids, DomainCheck *check)
{
    if (!use || (ids && g_hash_table_contains(ids, GUINT_TO_POINTER(use->id))))
        return 0;
    return domain_fail(check, VIR_ERR_XML_ERROR,
                       _("A <%s> names the audio backend id='%u', but no <audio> has that id"), user, use->id);
}

int rule_audio_check(DomainConfig *config, DomainCheck *check)
{
    const Devices *devices = &config->devices;
    g_autoptr(GHashTable) ids = audio_ids(devices, check);

    if (!ids && devices->n_audios > 0)
        return -1;
    for (unsigned i = 0; i < devices->n_sounds; i++)
        if (check_audio_use(devices->sounds[i]->audio, "sound", ids, check) < 0)
            return -1;
    return 0;
}

/* --- displays ---------------------------------------------------------------------------------- */

/* After rule_audio_check: no number is there twice. */
int rule_graphics_check(DomainConfig *config, DomainCheck *check)
{
    const Devices *devices = &config->devices;
    g_autoptr(GHashTable) ids = devices->n_graphics > 0 ? audio_ids(devices, check) : NULL;

    for (unsigned i = 0; i < devices->n_graphics; i++) {
        const Graphics *graphics = devices->graphics[i];

        if (graphics->type == GRAPHICS_TYPE_VNC
            && check_audio_use(graphics->vnc.audio, "graphics", ids, check) < 0)
            return -1;
        if (graphics->dbus.p2p == TRISTATE_YES && graphics->dbus.address)
            return domain_fail(check, VIR_ERR_XML_ERROR,
                               _("A display of type='dbus' with p2p='yes' can't have the attribute address='%s'"),
                               graphics->dbus.address);
    }
    return 0;
}
