/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host that a file describes:
 *
 *   <node xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
 *     <cpu><model>i686</model><mhz>1400</mhz><active>16</active><nodes>2</nodes><sockets>2</sockets>…</cpu>
 *     <memory>3145728</memory>
 *     <domain>… <test:runstate>5</test:runstate><test:transient/><test:hasmanagedsave/></domain>
 *     <domain file='beside-this-file.xml'/>
 *   </node>
 *
 * Domains run unless test:runstate says otherwise. Other elements are left alone. Runs while the host
 * is opened, on one thread, reads files, takes no lock of its own. */
#include "drivers/test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <libvirt/libvirt.h>
#include <libxml/parser.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "drivers/common/change.h"

#define TEST_NAMESPACE "http://libvirt.org/schemas/domain/test/1.0"
enum {
    FILE_SIZE_MAX = 256 << 20,
    PARSE_OPTIONS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS,
};

static int file_error(Error *error, const char *path, const char *what)
{
    return error_set(error, VIR_FROM_TEST, VIR_ERR_XML_ERROR, "'%s': %s", path, what);
}

/* Never waits for somebody to write into a pipe. */
static int open_regular(const char *path, Error *error)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat info;
    int opened;

    if (fd < 0 || fstat(fd, &info) < 0)
        return error_set_errno(error, VIR_FROM_TEST, errno, _("the file '%s' can't be read"), path);
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_SIZE_MAX)
        return file_error(error, path, _("this is not a file that could describe a host"));
    opened = fd;
    fd = -1;
    return opened;
}

static xmlDoc *read_xml(const char *path, const char *root, Error *error)
{
    AUTO_FD fd = open_regular(path, error);
    g_autoptr(xmlDoc) doc = NULL;

    if (fd < 0)
        return NULL;
    doc = xmlReadFd(fd, NULL, NULL, PARSE_OPTIONS);
    if (!doc) {
        file_error(error, path, _("this is not a well-formed XML document"));
        return NULL;
    }
    if (!xmlStrEqual(xmlDocGetRootElement(doc)->name, BAD_CAST root)) {
        error_set(error, VIR_FROM_TEST, VIR_ERR_XML_ERROR, _("the root element of '%s' isn't <%s>"), path, root);
        return NULL;
    }
    return g_steal_pointer(&doc);
}

static xmlNode *child_named(xmlNode *parent, const char *name, const char *href)
{
    for (xmlNode *node = parent->children; node; node = node->next) {
        if (node->type == XML_ELEMENT_NODE && xmlStrEqual(node->name, BAD_CAST name) &&
            (href ? node->ns && xmlStrEqual(node->ns->href, BAD_CAST href) : !node->ns))
            return node;
    }
    return NULL;
}

/* Sets *value when `parent` has a child of that name, which must be a number of 1 to `max`. */
static int read_number(const char *path, xmlNode *parent, const char *name, const char *href, uint64_t max,
                       uint64_t *value, Error *error)
{
    xmlNode *node = child_named(parent, name, href);
    xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
    guint64 number;
    bool good;

    if (!node)
        return 0;
    good = g_ascii_string_to_unsigned(g_strstrip((char *)text), 10, 1, max, &number, NULL);
    xmlFree(text);
    if (!good)
        return error_set(error, VIR_FROM_TEST, VIR_ERR_XML_ERROR,
                         _("<%s> in '%s' must be a number from 1 to %" G_GUINT64_FORMAT), name, path, max);
    *value = number;
    return 0;
}

/* --- the node -------------------------------------------------------------------------------- */

static int read_cpu(const char *path, xmlNode *cpu, TestNode *node, Error *error)
{
    const struct {
        const char *name;
        int *value;
        uint64_t max;    /* so that the document of capabilities stays within what one reply can hold */
    } numbers[] = {
        { "active", &node->cpus, 16384 }, { "mhz", &node->mhz, INT32_MAX }, { "nodes", &node->nodes, 256 },
        { "sockets", &node->sockets, 256 }, { "cores", &node->cores, 4096 }, { "threads", &node->threads, 256 },
    };
    xmlNode *model = child_named(cpu, "model", NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        uint64_t value = (uint64_t)*numbers[i].value;

        if (read_number(path, cpu, numbers[i].name, NULL, numbers[i].max, &value, error) < 0)
            return -1;
        *numbers[i].value = (int)value;
    }
    if (model) {
        xmlChar *text = xmlNodeGetContent(model);

        g_strlcpy(node->model, (const char *)text, sizeof node->model);
        xmlFree(text);
    }
    return 0;
}

/* --- domains --------------------------------------------------------------------------------- */

typedef struct FileDomain {
    uint64_t state;
    bool transient, managed_save;
} FileDomain;

static int read_namespace(const char *path, xmlNode *node, FileDomain *domain, Error *error)
{
    domain->state = VIR_DOMAIN_RUNNING;
    if (read_number(path, node, "runstate", TEST_NAMESPACE, VIR_DOMAIN_PMSUSPENDED, &domain->state, error) < 0)
        return -1;
    domain->transient = child_named(node, "transient", TEST_NAMESPACE) != NULL;
    domain->managed_save = child_named(node, "hasmanagedsave", TEST_NAMESPACE) != NULL;
    if (domain->state == VIR_DOMAIN_SHUTOFF && domain->transient)
        return file_error(error, path, _("a transient domain can't be shut off"));
    if (domain->state != VIR_DOMAIN_SHUTOFF && domain->managed_save)
        return file_error(error, path, _("only a domain that is shut off can have a managed save image"));
    return 0;
}

/* The document of a domain without what is meant for this driver alone. */
static DomainConfig *read_config(const char *path, xmlNode *node, Error *error)
{
    g_autoptr(xmlDoc) doc = xmlNewDoc(BAD_CAST "1.0");
    g_autoptr(DomainConfig) config = NULL;
    xmlNode *copy = xmlDocCopyNode(node, doc, 1);
    xmlChar *text = NULL;
    int size = 0;

    xmlDocSetRootElement(doc, copy);
    for (xmlNode *child = copy->children, *next; child; child = next) {
        next = child->next;
        if (child->type == XML_ELEMENT_NODE && child->ns && xmlStrEqual(child->ns->href, BAD_CAST TEST_NAMESPACE)) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
        }
    }
    xmlDocDumpMemoryEnc(doc, &text, &size, "UTF-8");
    config = domain_config_parse((const char *)text, (size_t)size, &test_domain_rules, 0, error);
    xmlFree(text);
    return g_steal_pointer(&config);
}

static int add_domain(Host *host, const char *path, xmlNode *node, Error *error)
{
    g_autoptr(DomainConfig) config = NULL;
    g_autoptr(Domain) domain = NULL;
    FileDomain file;
    DomainFacts facts;
    bool fresh;

    if (read_namespace(path, node, &file, error) < 0 || !(config = read_config(path, node, error)))
        return -1;
    domain = domain_list_claim(host->domains, &config->uuid, config->name, &fresh, error);
    if (!domain)
        return -1;
    if (!fresh)
        return error_set(error, VIR_FROM_TEST, VIR_ERR_XML_ERROR, _("domain '%s' is in '%s' twice"), config->name, path);
    facts = change_facts(domain);
    facts.persistent = file.transient ? NULL : config;
    facts.managed_save = file.managed_save;
    if (file.state != VIR_DOMAIN_SHUTOFF) {
        if (facts.persistent) {
            test_domain_attach(domain);
            change_publish(domain, &facts);
        }
        return test_start(host, domain, config, (int)file.state, 0, 0, error);
    }
    test_domain_attach(domain);
    change_publish(domain, &facts);
    return 0;
}

/* <domain file='…'/>, a path beside the node file. */
static int add_domain_file(Host *host, const char *path, const char *file, Error *error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *whole = g_path_is_absolute(file) ? g_strdup(file) : g_build_filename(folder, file, NULL);
    g_autoptr(xmlDoc) doc = read_xml(whole, "domain", error);

    return doc ? add_domain(host, whole, xmlDocGetRootElement(doc), error) : -1;
}

static int add_domain_element(Host *host, const char *path, xmlNode *node, Error *error)
{
    xmlChar *file = xmlGetNoNsProp(node, BAD_CAST "file");
    int r = file ? add_domain_file(host, path, (const char *)file, error) : add_domain(host, path, node, error);

    xmlFree(file);
    return r;
}

int test_load_node_file(Host *host, const char *path, Error *error)
{
    g_autoptr(xmlDoc) doc = read_xml(path, "node", error);
    TestNode *node = &test_host(host)->node;
    xmlNode *root, *cpu;

    if (!doc)
        return -1;
    root = xmlDocGetRootElement(doc);
    cpu = child_named(root, "cpu", NULL);
    if ((cpu && read_cpu(path, cpu, node, error) < 0) ||
        read_number(path, root, "memory", NULL, INT64_MAX, &node->memory, error) < 0)
        return -1;
    for (xmlNode *child = root->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE && xmlStrEqual(child->name, BAD_CAST "domain") &&
            add_domain_element(host, path, child, error) < 0)
            return -1;
    }
    return 0;
}
