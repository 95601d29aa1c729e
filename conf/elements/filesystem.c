/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of file systems (filesystem.def) can't say: what only counts together with another setting, and
 * the size of a file system in memory.
 * Pure functions of the element and its place: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/scalar.h"
#include "conf/xml.h"

/* --- driver and program ------------------------------------------------------------------------ */

/* Without a driver its settings say nothing; what is negotiated with the guest does. */
int filesystem_driver_parsed(void *self, ElementParse *parse)
{
    FilesystemDriver *driver = self;

    (void)parse;
    if (!driver->type) {
        driver->format = STORAGE_FORMAT_ABSENT;
        driver->wrpolicy = FILESYSTEM_WRITE_POLICY_ABSENT;
    }
    return 0;
}

int filesystem_threads_parsed(void *self, ElementParse *parse)
{
    const FilesystemThreads *threads = self;

    (void)parse;
    return threads->size < 0 ? 1 : 0;
}

/* --- source ------------------------------------------------------------------------------------ */

/* The size of a file system in memory, in any unit, as KiB. As strtoull has it a minus sign wraps, which is then
 * too much for the unit KiB. */
static int read_usage(FilesystemSource *source, ElementParse *parse)
{
    const xmlNode *node = element_node(parse);
    const char *text = xml_attribute(node, "usage", parse->arena);
    const char *unit = xml_attribute(node, "units", parse->arena);
    uint64_t usage, factor;

    if (!text)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The attribute 'usage' of <source> is missing, a file system of type='ram' needs it"));
    if (!scalar_parse_unsigned(text, 10, UINT64_MAX, true, &usage))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("The attribute usage='%s' of <source> is no number"), text);
    if (element_scaled(parse, "1", unit, 1024, &factor) < 0)
        return -1;
    if (__builtin_mul_overflow(usage, factor, &source->usage))
        return element_fail(parse, VIR_ERR_OVERFLOW, _("The attribute usage='%s' of <source> is too large"), text);
    source->usage /= 1024;
    source->has_usage = true;
    source->units = "KiB";
    return 0;
}

int filesystem_source_parsed(void *self, ElementParse *parse)
{
    FilesystemSource *source = self;
    const Filesystem *filesystem = element_above(parse, 1);

    if (filesystem->type == FILESYSTEM_TYPE_RAM)
        return read_usage(source, parse);
    if (filesystem->type == FILESYSTEM_TYPE_VOLUME && (!source->pool || !source->volume))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("The <source> of a file system of type='volume' needs the attributes 'pool' and "
                              "'volume'"));
    return 0;
}

/* Other types than directories have one in vain. */
bool filesystem_socket_shown(const void *self, const ElementFormat *format)
{
    const Filesystem *filesystem = format->above;

    (void)self;
    return filesystem->type == FILESYSTEM_TYPE_MOUNT || filesystem->type == FILESYSTEM_TYPE_BIND;
}

static bool has_source(const Filesystem *filesystem)
{
    const FilesystemSource *source = &filesystem->source;

    return source->dir || source->file || source->dev || source->name || source->socket || source->has_usage ||
           source->pool;
}

/* A socket that another type than a directory has in vain isn't written; our own documents may be without source. */
int filesystem_parsed(void *self, ElementParse *parse)
{
    Filesystem *filesystem = self;

    if (!has_source(filesystem) && (filesystem->type == FILESYSTEM_TYPE_RAM ||
                                    filesystem->type == FILESYSTEM_TYPE_VOLUME))
        return element_fail(parse, VIR_ERR_XML_ERROR, _("A file system of type='%s' needs the element <source>"),
                            element_word(&filesystem_type_words, filesystem->type));
    if (!has_source(filesystem) && parse->flags & ELEMENT_STORED)
        return 0;
    if (!has_source(filesystem))
        return element_fail(parse, VIR_ERR_NO_SOURCE,
                            _("The file system that the guest finds as '%s' has no <source> for type='%s'"),
                            filesystem->target.dir ? filesystem->target.dir : "",
                            element_word(&filesystem_type_words, filesystem->type));
    if (filesystem->source.socket)
        filesystem->source.dir = NULL;    /* whoever serves the socket knows */
    else if (!filesystem->accessmode)
        filesystem->accessmode = FILESYSTEM_ACCESS_PASSTHROUGH;
    return 0;
}
