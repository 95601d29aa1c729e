/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of character devices: the numbers of ports, the first console that is the first serial port's other
 * name, and whether what a device is connected to can be reached at all.
 * Pure functions of the config: any thread, no lock. */
#include <limits.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/common.h"

#define ISA_PORTS 4

/* --- numbers ----------------------------------------------------------------------------------- */

static const Serial *isa_serial(const Devices *devices, unsigned i)
{
    const Serial *serial = devices->serials[i];

    return serial->target.type == SERIAL_TARGET_TYPE_ISA_SERIAL ? serial : NULL;
}

/* Marks the ISA ports that the document names. */
static int find_isa_ports(const Devices *devices, bool used[ISA_PORTS], DomainCheck *check)
{
    unsigned n = 0;

    for (unsigned i = 0; i < devices->n_serials; i++) {
        const Serial *serial = isa_serial(devices, i);

        if (!serial)
            continue;
        if (++n > ISA_PORTS || (serial->target.has_port && serial->target.port >= ISA_PORTS))
            return domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                               _("There are too many <serial> with a target of type='isa-serial', or one has "
                                 "a port above %d: a machine has %d such ports"),
                               ISA_PORTS - 1, ISA_PORTS);
        if (!serial->target.has_port || serial->target.port < 0)
            continue;
        if (used[serial->target.port])
            return domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                               _("Two <serial> have a target of type='isa-serial' with port='%d'"),
                               serial->target.port);
        used[serial->target.port] = true;
    }
    return 0;
}

static int number_isa_serials(Devices *devices, DomainCheck *check)
{
    bool used[ISA_PORTS] = { false };
    int port = 0;

    if (find_isa_ports(devices, used, check) < 0)
        return -1;
    for (unsigned i = 0; i < devices->n_serials; i++) {
        SerialTarget *target = &devices->serials[i]->target;

        if (!isa_serial(devices, i) || target->has_port)
            continue;
        while (used[port])
            port++;
        target->port = port++;
        target->has_port = true;
    }
    return 0;
}

/* The number behind the highest one, for a port that has none. */
static void number_port(int *port, bool *has_port, int *highest)
{
    if (!*has_port)
        *port = *highest == INT_MAX ? INT_MIN : *highest + 1;
    *has_port = true;
    *highest = MAX(*highest, *port);
}

/* Behind the highest of all. */
static void number_serials(Devices *devices)
{
    int highest = -1;

    for (unsigned i = 0; i < devices->n_serials; i++)
        if (devices->serials[i]->target.has_port)
            highest = MAX(highest, devices->serials[i]->target.port);
    for (unsigned i = 0; i < devices->n_serials; i++) {
        Serial *serial = devices->serials[i];

        serial->has_target = true;
        number_port(&serial->target.port, &serial->target.has_port, &highest);
    }
}

/* Behind the highest of those before it, other than a serial port. */
static void number_parallels(Devices *devices)
{
    int highest = -1;

    for (unsigned i = 0; i < devices->n_parallels; i++) {
        Parallel *parallel = devices->parallels[i];

        parallel->has_target = true;
        number_port(&parallel->target.port, &parallel->target.has_port, &highest);
    }
}

/* A console's number is its place; only a document of our own store says another one (see console_parsed). */
static void number_consoles(Devices *devices)
{
    for (unsigned i = 0; i < devices->n_consoles; i++) {
        Console *console = devices->consoles[i];

        if (!console->target.has_port)
            console->target.port = (int)i;
        console->has_target = console->target.has_port = true;
        if (console->target.type == CONSOLE_TARGET_TYPE_ABSENT)
            console->target.type = CONSOLE_TARGET_TYPE_SERIAL;
    }
}

int rule_char_ports(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;
    Arch arch = config->os.type.arch;

    number_consoles(devices);
    if (number_isa_serials(devices, check) < 0)
        return -1;
    number_serials(devices);
    number_parallels(devices);
    for (unsigned i = 0; i < devices->n_serials; i++)
        if (devices->serials[i]->target.type == SERIAL_TARGET_TYPE_ISA_DEBUG && arch != ARCH_X86_64
            && arch != ARCH_I686)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A <serial> has a target of type='isa-debug', which a machine of arch='%s' "
                                 "can't have"), arch ? element_word(&arch_words, arch) : "");
    return 0;
}

/* --- the first console ------------------------------------------------------------------------- */

/* A console of type "serial" is the same device as the serial port. */
static void console_follow(Console *console, const Serial *serial)
{
    console->type = serial->type;
    console->source = serial->source;
    console->info = serial->info;
    console->tty = serial->source.pty ? serial->source.pty->path : NULL;
    console->has_target = console->target.has_port = true;
    console->target.type = CONSOLE_TARGET_TYPE_SERIAL;
    console->target.port = serial->target.port;
}

/* For documents from the time when there were consoles only. */
static void make_serial(Devices *devices, const Console *console, Arena *arena)
{
    Serial *serial = ELEMENT_NEW(arena, Serial);

    serial->type = console->type;
    serial->source = console->source;
    serial->info = console->info;
    serial->has_target = serial->target.has_port = true;
    element_list_add(arena, (void ***)&devices->serials, &devices->n_serials, serial);
}

/* Is it a port on which a kernel can write from its first line on? */
static bool serial_is_console(const Serial *serial)
{
    switch (serial->target.type) {
    case SERIAL_TARGET_TYPE_ABSENT:
    case SERIAL_TARGET_TYPE_ISA_SERIAL:
    case SERIAL_TARGET_TYPE_SPAPR_VIO_SERIAL:
    case SERIAL_TARGET_TYPE_SYSTEM_SERIAL:
    case SERIAL_TARGET_TYPE_SCLP_SERIAL:
        return true;
    default:
        return false;
    }
}

int rule_console_first(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;
    bool is_serial = devices->n_consoles > 0 && devices->consoles[0]->target.type == CONSOLE_TARGET_TYPE_SERIAL;

    for (unsigned i = 1; i < devices->n_consoles; i++)
        if (devices->consoles[i]->target.type == CONSOLE_TARGET_TYPE_SERIAL)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("<console> number %u has a target of type='serial', which only the first may have"),
                               i + 1);
    if (config->os.type.name != OS_TYPE_NAME_HVM)
        return 0;
    if (is_serial && devices->n_serials == 0)
        make_serial(devices, devices->consoles[0], check->arena);
    else if (!is_serial && (devices->n_serials == 0 || !serial_is_console(devices->serials[0])))
        return 0;
    if (!is_serial)
        element_list_insert(check->arena, (void ***)&devices->consoles, &devices->n_consoles, 0,
                            ELEMENT_NEW(check->arena, Console));
    console_follow(devices->consoles[0], devices->serials[0]);
    return 0;
}

/* --- what they are connected to ---------------------------------------------------------------- */

#define CHANNEL_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

/* Which device is judged, for messages and for what depends on it. */
typedef struct CharOwner {
    const char *name;          /* of its element */
    CharType type;
    bool path_is_made;         /* the driver gives it a socket's path */
} CharOwner;

static int refuse_missing(const CharOwner *owner, int code, const char *attribute, DomainCheck *check)
{
    return domain_fail(check, code, _("A <%s> of type='%s' lacks the attribute '%s' of its <source>"),
                       owner->name, element_word(&char_type_words, owner->type), attribute);
}

static int check_port(const CharOwner *owner, const CharPort *port, DomainCheck *check)
{
    const char *channel = port ? port->channel : NULL;

    if (!channel)
        return refuse_missing(owner, VIR_ERR_CONFIG_UNSUPPORTED, "channel", check);
    if (channel[strspn(channel, CHANNEL_CHARS)] != '\0')
        return domain_fail(check, VIR_ERR_INVALID_ARG,
                           _("A <%s> has a source with channel='%s', a name has letters, digits, '_', '-' and "
                             "'.' only"), owner->name, channel);
    return 0;
}

static int check_udp(const CharOwner *owner, const CharSource *source, DomainCheck *check)
{
    for (unsigned i = 0; i < source->n_udp; i++)
        if (source->udp[i]->mode == CHAR_MODE_CONNECT && source->udp[i]->service)
            return 0;
    return refuse_missing(owner, VIR_ERR_INTERNAL_ERROR, "service", check);
}

static int check_place(const CharOwner *owner, const CharSource *source, DomainCheck *check)
{
    const char *missing = NULL;

    switch (owner->type) {
    case CHAR_TYPE_FILE:
    case CHAR_TYPE_DEV:
    case CHAR_TYPE_PIPE:
        missing = source->file && source->file->path ? NULL : "path";
        break;
    case CHAR_TYPE_NMDM:
        if (source->nmdm && !source->nmdm->master != !source->nmdm->slave)
            missing = source->nmdm->master ? "slave" : "master";
        break;
    case CHAR_TYPE_TCP:
        if (!source->tcp || !source->tcp->host || !source->tcp->service)
            missing = source->tcp && source->tcp->host ? "service" : "host";
        break;
    case CHAR_TYPE_UDP:
        return check_udp(owner, source, check);
    case CHAR_TYPE_UNIX:
        missing = source->socket || owner->path_is_made ? NULL : "path";
        break;
    case CHAR_TYPE_SPICEPORT:
    case CHAR_TYPE_DBUS:
        return check_port(owner, source->port, check);
    default:
        break;
    }
    return missing ? refuse_missing(owner, VIR_ERR_INTERNAL_ERROR, missing, check) : 0;
}

/* `models`: see unlabelled_models. */
static int check_labels(const CharOwner *owner, const CharSource *source, GHashTable *models, DomainCheck *check)
{
    const char *model = NULL;

    if (source->file)
        model = find_unlabelled(models, source->file->seclabels, source->file->n_seclabels);
    else if (source->socket)
        model = find_unlabelled(models, source->socket->seclabels, source->socket->n_seclabels);
    else if (source->pty)
        model = find_unlabelled(models, source->pty->seclabels, source->pty->n_seclabels);
    if (!model)
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("The source of a <%s> can't have a <seclabel> with model='%s': that of the "
                         "domain has relabel='no'"), owner->name, model);
}

static int check_source(const CharOwner *owner, const CharSource *source, GHashTable *models, DomainCheck *check)
{
    return check_place(owner, source, check) < 0 ? -1 : check_labels(owner, source, models, check);
}

/* A device that names its socket's path itself. */
static int check_plain(const char *name, CharType type, const CharSource *source, GHashTable *models,
                       DomainCheck *check)
{
    const CharOwner owner = { .name = name, .type = type };

    return check_source(&owner, source, models, check);
}

static int check_channels(const DomainConfig *config, GHashTable *models, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_channels; i++) {
        const Channel *channel = config->devices.channels[i];
        const CharOwner owner = {
            .name = "channel", .type = channel->type,
            .path_is_made = channel->target.type == CHANNEL_TARGET_TYPE_VIRTIO
                            || channel->target.type == CHANNEL_TARGET_TYPE_XEN,
        };

        if (check_source(&owner, &channel->source, models, check) < 0)
            return -1;
    }
    return 0;
}

static int check_smartcards(const DomainConfig *config, GHashTable *models, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_smartcards; i++) {
        const Smartcard *smartcard = config->devices.smartcards[i];
        const Address *address = smartcard->info.address;

        if (address && address->type != ADDRESS_TYPE_CCID)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A <smartcard> has an address of type='%s', it can only have 'ccid'"),
                               element_word(&address_type_words, address->type));
        if (smartcard->mode == SMARTCARD_MODE_PASSTHROUGH
            && check_plain("smartcard", smartcard->type, &smartcard->source, models, check) < 0)
            return -1;
    }
    return 0;
}

static int check_rngs(const DomainConfig *config, GHashTable *models, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_rngs; i++) {
        const RngBackend *backend = &config->devices.rngs[i]->backend;

        if (backend->model == RNG_BACKEND_MODEL_EGD
            && check_plain("rng", backend->type, &backend->source, models, check) < 0)
            return -1;
    }
    return 0;
}

int rule_char_sources(DomainConfig *config, DomainCheck *check)
{
    const Devices *devices = &config->devices;
    g_autoptr(GHashTable) models = unlabelled_models(config);

    if (check_smartcards(config, models, check) < 0)
        return -1;
    for (unsigned i = 0; i < devices->n_serials; i++)
        if (check_plain("serial", devices->serials[i]->type, &devices->serials[i]->source, models, check) < 0)
            return -1;
    for (unsigned i = 0; i < devices->n_parallels; i++)
        if (check_plain("parallel", devices->parallels[i]->type, &devices->parallels[i]->source, models, check) < 0)
            return -1;
    for (unsigned i = 0; i < devices->n_consoles; i++)
        if (check_plain("console", devices->consoles[i]->type, &devices->consoles[i]->source, models, check) < 0)
            return -1;
    for (unsigned i = 0; i < devices->n_redirdevs; i++)
        if (check_plain("redirdev", devices->redirdevs[i]->type, &devices->redirdevs[i]->source, models, check) < 0)
            return -1;
    return check_channels(config, models, check) < 0 ? -1 : check_rngs(config, models, check);
}
