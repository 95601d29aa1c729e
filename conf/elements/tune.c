/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beside tune.def: memory, virtual CPUs, shares of the host's resources, and drivers' namespaces.
 * Hooks, called while one document is parsed or written: any thread, no lock. What needs more than the element
 * itself is in conf/rules: memory.c, vcpu.c, cputune.c, resctrl.c, numa.c. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "conf/scalar.h"

/* --- memory ---------------------------------------------------------------------------------- */

int huge_page_parsed(void *self, ElementParse *parse)
{
    const HugePage *page = self;

    if (page->size == 0)
        return element_fail(parse, VIR_ERR_XML_DETAIL, _("The attribute 'size' must not be 0"));
    return 0;
}

/* --- virtual CPUs ---------------------------------------------------------------------------- */

bool vcpu_current_shown(const void *self, const ElementFormat *format)
{
    const Vcpu *vcpu = self;

    (void)format;
    return vcpu->current != vcpu->value;
}

int cpu_tune_parsed(void *self, ElementParse *parse)
{
    (void)self;
    if (element_refuse_several(parse, "emulatorpin", VIR_ERR_XML_ERROR) < 0)
        return -1;
    return element_refuse_several(parse, "emulatorsched", VIR_ERR_XML_ERROR);
}

/* The amount in bytes becomes a whole number of the largest unit that allows it. */
int cache_share_parsed(void *self, ElementParse *parse)
{
    CacheShare *share = self;
    uint64_t size;
    SizeUnit unit = SIZE_UNIT_B;

    if (element_scaled(parse, share->size_text, share->unit_text, 1024, &size) < 0)
        return -1;
    for (; size > 0 && size % 1024 == 0 && unit < SIZE_UNIT_EIB; unit++)
        size /= 1024;
    share->size = size;
    share->has_size = true;
    share->unit = unit;
    return 0;
}

/* --- disks and groups ------------------------------------------------------------------------ */

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_limits(const BlkioDevice *device)
{
    return device->weight || device->read_iops_sec || device->write_iops_sec || device->read_bytes_sec
           || device->write_bytes_sec;
}

/* Devices without a value go, but not before their paths were looked at. */
int blkio_tune_parsed(void *self, ElementParse *parse)
{
    BlkioTune *tune = self;
    const char **paths = arena_array(parse->arena, tune->n_devices, sizeof *paths);
    unsigned kept = 0;

    for (unsigned i = 0; i < tune->n_devices; i++)
        paths[i] = tune->devices[i]->path;
    if (tune->n_devices)
        qsort(paths, tune->n_devices, sizeof *paths, compare_paths);
    for (unsigned i = 1; i < tune->n_devices; i++)
        if (strcmp(paths[i], paths[i - 1]) == 0)
            return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED, _("Two <device> have the path '%s'"),
                                paths[i]);
    for (unsigned i = 0; i < tune->n_devices; i++)
        if (has_limits(tune->devices[i]))
            tune->devices[kept++] = tune->devices[i];
    tune->n_devices = kept;
    return 0;
}

static int check_appid(const char *appid, ElementParse *parse)
{
    size_t length = strlen(appid);

    if (length > 128)
        return element_fail(parse, VIR_ERR_INVALID_ARG,
                            _("The attribute 'appid' of <fibrechannel> has %zu characters, more than 128"),
                            length);
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isprint(appid[i]))
            return element_fail(parse, VIR_ERR_XML_ERROR,
                                _("The attribute appid='%s' of <fibrechannel> has characters that can't be printed"),
                                appid);
    return 0;
}

int resource_parsed(void *self, ElementParse *parse)
{
    Resource *resource = self;
    const char *appid = resource->fibrechannel ? resource->fibrechannel->appid : NULL;

    if (!resource->partition && !appid)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("<resource> has neither a <partition> nor a <fibrechannel> with the attribute 'appid'"));
    return appid ? check_appid(appid, parse) : 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const IdRange *one = *(IdRange *const *)a, *other = *(IdRange *const *)b;

    return (one->start > other->start) - (one->start < other->start);
}

static int arrange_ranges(IdRange **ranges, unsigned n, const char *name, ElementParse *parse)
{
    if (n == 0)
        return 0;
    qsort(ranges, n, sizeof *ranges, compare_ranges);
    if (ranges[0]->start != 0)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The container's root has to be mapped: no <%s> has start='0'"), name);
    return 0;
}

int id_map_parsed(void *self, ElementParse *parse)
{
    IdMap *map = self;

    if (arrange_ranges(map->uids, map->n_uids, "uid", parse) < 0
        || arrange_ranges(map->gids, map->n_gids, "gid", parse) < 0)
        return -1;
    if ((map->n_uids == 0) != (map->n_gids == 0))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("Users and groups have to be mapped both, by <uid> and <gid>"));
    return map->n_uids == 0;
}

/* --- namespaces of drivers ------------------------------------------------------------------- */

/* One without content leaves no trace, not even the declaration of its namespace: 1 is "forget it". */

int qemu_commandline_parsed(void *self, ElementParse *parse)
{
    const QemuCommandline *line = self;

    (void)parse;
    return line->n_args == 0 && line->n_envs == 0;
}

int qemu_environment_parsed(void *self, ElementParse *parse)
{
    const QemuEnvironment *variable = self;
    const char *at = variable->name;

    if (!g_ascii_isalpha(*at) && *at != '_')
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                            _("The environment variable's name '%s' begins with neither a letter nor an underscore"),
                            variable->name);
    for (; *at; at++)
        if (!g_ascii_isalnum(*at) && *at != '_')
            return element_fail(parse, VIR_ERR_INTERNAL_ERROR,
                                _("The environment variable's name '%s' has other characters than letters, digits "
                                  "and underscores"), variable->name);
    return 0;
}

int qemu_capabilities_parsed(void *self, ElementParse *parse)
{
    const QemuCapabilities *capabilities = self;

    (void)parse;
    return capabilities->n_adds == 0 && capabilities->n_removed == 0;
}

int qemu_deprecation_parsed(void *self, ElementParse *parse)
{
    const QemuDeprecation *deprecation = self;

    (void)parse;
    return deprecation->behavior == NULL;
}

int qemu_override_parsed(void *self, ElementParse *parse)
{
    const QemuOverride *override = self;

    (void)parse;
    return override->n_devices == 0;
}

static bool is_value_of(const char *value, QemuPropertyType type)
{
    uint64_t plain;
    int64_t number;

    switch (type) {
    case QEMU_PROPERTY_TYPE_SIGNED:
        return scalar_parse_signed(value, 10, INT64_MIN, INT64_MAX, &number);
    case QEMU_PROPERTY_TYPE_UNSIGNED:
        return scalar_parse_unsigned(value, 10, UINT64_MAX, false, &plain);
    case QEMU_PROPERTY_TYPE_BOOL:
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    default:
        return true;
    }
}

int qemu_property_parsed(void *self, ElementParse *parse)
{
    const QemuProperty *property = self;

    if (property->type == QEMU_PROPERTY_TYPE_REMOVE) {
        if (property->value)
            return element_fail(parse, VIR_ERR_XML_ERROR,
                                _("The property '%s' is removed and can't have the attribute value='%s'"),
                                property->name,
                                property->value);
        return 0;
    }
    if (!property->value)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The property '%s' has no attribute 'value'"), property->name);
    if (!is_value_of(property->value, property->type))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The value '%s' of the property '%s' is not of the type '%s'"),
                            property->value, property->name,
                            element_word(&qemu_property_type_words, property->type));
    return 0;
}

int lxc_namespaces_parsed(void *self, ElementParse *parse)
{
    const LxcNamespaces *shared = self;

    (void)parse;
    return !shared->sharenet && !shared->shareipc && !shared->shareuts;
}

int lxc_share_parsed(void *self, ElementParse *parse)
{
    const LxcShare *share = self;

    (void)parse;
    return share->type == LXC_SOURCE_ABSENT;
}

int bhyve_commandline_parsed(void *self, ElementParse *parse)
{
    const BhyveCommandline *line = self;

    (void)parse;
    return line->n_args == 0;
}

int xen_commandline_parsed(void *self, ElementParse *parse)
{
    const XenCommandline *line = self;

    (void)parse;
    return line->n_args == 0;
}
