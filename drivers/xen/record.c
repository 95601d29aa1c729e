/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What outlasts droverd on a Xen host, below host->state_dir/xen:
 *
 *   domains/NAME.xml, domains/autostart/    the definitions; host->store
 *   running/UUID.building.xml               the document of a guest that drover is building; xen->running
 *   running/UUID.xml                        the same when it is built
 *   /local/domain/ID/drover, in xenstore    "building", written by libxl in one transaction with the guest's name; then by
 *                                           drover "starting" (or "waiting", if it is to stay paused), and "built" when
 *                                           it runs; "saving" and "saved" while it is saved, "dumping" while it is
 *                                           paused for a dump; "bound" in the place of all these if it is to end with a
 *                                           connection to droverd; "ending" before it is destroyed
 *
 * The first is on the disk before a build begins. The word is in xenstore since it has to live exactly as long as the
 * guest: a guest that xl makes with the same UUID has none, and none is left when the host starts anew. The guest can read
 * it and can't write it. So droverd may be killed at any moment:
 *
 *   a document ──┬── no guest with the UUID          it has gone, or was never made: forgotten
 *                ├── guest, "built"                  ours, and listed with the document
 *                ├── guest, "starting", "waiting"    the same, once the rest of its start is done: it goes on from a saved
 *                │                                   state once only, so that is removed; it runs, or stays paused
 *                ├── guest, "bound"                  destroyed, since the connection is gone
 *                ├── guest, "saving"                 it goes on; but a managed save that is there is complete: destroyed
 *                ├── guest, "dumping"                it goes on
 *                ├── guest, "saved"                  its image is complete or as it was before: people have to look
 *                ├── guest, "ending"                 half destroyed: that is finished
 *                ├── guest, no name, no word         the same: libxl forgets what is in xenstore first
 *                └── guest, another word, or a name  somebody else's: forgotten
 *   UUID.building ─┬── guest, "building"             half built: destroyed
 *                  ├── guest, "starting" and so on   as with the document of one that is built
 *                  └── guest, no name, no word       killed in the first moments of a build: destroyed
 *
 * "building" without a UUID.building is what xl makes of a guest of ours that it has saved and restored: libxl keeps the
 * word with its own configuration of the guest.
 *
 * Everything here may wait for a disk or for xenstored. Takes LOCK_XEN_HOST for the table of what is kept. */
#include "drivers/xen/xen.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/change.h"

LOG_SOURCE("drivers.xen.record");

#define BUILDING ".building"
enum { LOAD_THREADS_MAX = 8, PATH_SIZE = 64 };

/* What was kept of a guest by an earlier droverd. */
typedef struct XenKept {
    const DomainConfig *config;    /* owned; its UUID is the key in xen->kept */
    bool unfinished;          /* it was being built */
    bool unsaved;             /* it was being saved, and has no image */
} XenKept;

/* --- one guest ------------------------------------------------------------------------------- */

typedef struct Names {
    char built[UUID_TEXT_SIZE];
    char building[UUID_TEXT_SIZE + sizeof BUILDING];
} Names;

static Names names_of(const Uuid *uuid)
{
    Names names;

    uuid_format(uuid, names.built);
    g_snprintf(names.building, sizeof names.building, "%s" BUILDING, names.built);
    return names;
}

int xen_record_begin(XenHost *xen, const DomainConfig *config, Error *error)
{
    Names names = names_of(&config->uuid);
    g_autofree char *document = NULL;

    if (!xen->running)
        return 0;
    if (store_remove(xen->running, names.built, error) < 0)
        return -1;
    document = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE);
    return store_save(xen->running, names.building, document, strlen(document), error);
}

int xen_record_end(XenHost *xen, const DomainConfig *config, Error *error)
{
    Names names = names_of(&config->uuid);
    g_autofree char *document = NULL;

    if (!xen->running)
        return 0;
    document = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE);
    return store_rename(xen->running, names.building, names.built, document, strlen(document), error);
}

int xen_record_change(XenHost *xen, const DomainConfig *config, Error *error)
{
    Names names = names_of(&config->uuid);
    g_autofree char *document = NULL;

    if (!xen->running)
        return 0;
    document = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE);
    return store_save(xen->running, names.built, document, strlen(document), error);
}

static void remove_file(XenHost *xen, const char *name)
{
    Error error = ERROR_INIT;

    /* What is left lying is found to be of no guest at the next start. */
    if (store_remove(xen->running, name, &error) < 0)
        log_warning("what is kept of guest %s can't be removed: %s", name, error.message);
    error_clear(&error);
}

void xen_record_remove(XenHost *xen, const Uuid *uuid)
{
    Names names = names_of(uuid);

    if (!xen->running)
        return;
    remove_file(xen, names.built);
    remove_file(xen, names.building);
}

static void word_path(int id, char path[PATH_SIZE])
{
    g_snprintf(path, PATH_SIZE, "/local/domain/%d/" XEN_WORD, id);
}

int xen_record_mark(XenHost *xen, int id, const char *word)
{
    char path[PATH_SIZE];

    word_path(id, path);
    return xen->hv->ops->write(xen->hv, path, word);
}

bool xen_record_marks(XenHost *xen, Domain *domain)
{
    g_autoptr(DomainView) view = domain_view(domain);

    return xen->running && xen_domain(domain)->ours && view && !view->bound_to;
}

/* A guest that went by itself just before it was marked has nobody who takes the mark away, nor the folder that was made for it. */
static void unmark_gone(XenHost *xen, int id)
{
    char path[PATH_SIZE];
    char **names = NULL;

    word_path(id, path);
    xen->hv->ops->remove(xen->hv, path);
    g_snprintf(path, sizeof path, "/local/domain/%d", id);
    if (xen->hv->ops->directory(xen->hv, path, &names) == 0 && !names[0])
        xen->hv->ops->remove(xen->hv, path);
    g_strfreev(names);
}

int xen_destroy(XenHost *xen, Domain *domain, int id)
{
    g_autoptr(DomainView) view = domain_view(domain);
    XenInfo info;
    int r, there;

    xen_domain(domain)->own_end = true;
    if (!xen->running || !xen_domain(domain)->ours)
        return xen->hv->ops->destroy(xen->hv, id);
    r = xen_record_mark(xen, id, XEN_WORD_ENDING);
    if (r < 0)
        return r;
    r = xen->hv->ops->destroy(xen->hv, id);
    there = r < 0 ? xen_ask(xen, id, &domain->uuid, &info) : -1;
    if (there == 1)
        xen_record_mark(xen, id, view && view->bound_to ? XEN_WORD_BOUND : XEN_WORD_BUILT);
    else if (there == 0)
        unmark_gone(xen, id);
    return r;
}

const DomainConfig *xen_record_take(XenHost *xen, const XenInfo *info, bool *unsaved)
{
    const DomainConfig *config;
    XenKept *kept;

    LOCK_SCOPE(&xen->lock);
    *unsaved = false;
    kept = g_hash_table_lookup(xen->kept, &info->uuid);
    if (!kept)
        return NULL;
    config = domain_config_ref(kept->config);
    *unsaved = kept->unsaved;
    g_hash_table_remove(xen->kept, &info->uuid);
    return config;
}

/* --- what an earlier droverd has left -------------------------------------------------------- */

typedef enum Remains {
    REMAINS_NOTHING, REMAINS_UNKNOWN, REMAINS_OURS, REMAINS_STARTING, REMAINS_WAITING, REMAINS_SAVING, REMAINS_SAVED,
    REMAINS_DUMPING, REMAINS_BOUND, REMAINS_HALF, REMAINS_ENDING, REMAINS_FOREIGN,
} Remains;

static Remains judge_word(const XenKept *kept, const char *word)
{
    static const struct {
        const char *word;
        Remains remains;
    } words[] = {
        { XEN_WORD_STARTING, REMAINS_STARTING }, { XEN_WORD_WAITING, REMAINS_WAITING }, { XEN_WORD_BUILT, REMAINS_OURS },
        { XEN_WORD_SAVING, REMAINS_SAVING }, { XEN_WORD_SAVED, REMAINS_SAVED }, { XEN_WORD_DUMPING, REMAINS_DUMPING },
        { XEN_WORD_BOUND, REMAINS_BOUND }, { XEN_WORD_ENDING, REMAINS_ENDING },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(word, words[i].word) == 0)
            return words[i].remains;
    return kept->unfinished ? REMAINS_HALF : REMAINS_FOREIGN;
}

/* One that stands still beside its managed save is only still to be ended. */
static bool saved_for_next_start(XenHost *xen, const XenInfo *info)
{
    return info->shutdown && info->why == XEN_SHUTDOWN_SUSPEND && xen_managed_exists(xen, &info->uuid);
}

static Remains judge(XenHost *xen, const XenKept *kept, const XenInfo *info)
{
    g_autofree char *word = NULL, *name = NULL;
    char path[PATH_SIZE];
    int r;

    if (!info)
        return REMAINS_NOTHING;
    word_path(info->id, path);
    r = xen->hv->ops->read(xen->hv, path, &word);
    if (r == 0)
        return judge_word(kept, word);
    if (r != -ENOENT)
        return REMAINS_UNKNOWN;    /* nobody can tell; nothing must be destroyed or forgotten for that */
    g_snprintf(path, sizeof path, "/local/domain/%d/name", info->id);
    r = xen->hv->ops->read(xen->hv, path, &name);
    if (r != -ENOENT)
        return r == 0 ? REMAINS_FOREIGN : REMAINS_UNKNOWN;
    return kept->unfinished ? REMAINS_HALF : REMAINS_ENDING;
}

static const XenInfo *find_guest(const XenSweep *sweep, const Uuid *uuid)
{
    for (unsigned i = 0; i < sweep->n; i++)
        if (!sweep->infos[i].dying && uuid_equal(&sweep->infos[i].uuid, uuid))
            return &sweep->infos[i];
    return NULL;
}

/* Killed between two of the last steps of a build. */
static void finish(XenHost *xen, const XenKept *kept)
{
    Error error = ERROR_INIT;

    if (kept->unfinished && xen_record_end(xen, kept->config, &error) < 0)
        log_warning("what is kept of domain '%s' can't be changed: %s", kept->config->name, error.message);
    error_clear(&error);
}

/* The last steps of a start, as build.c takes them. What can't be done is left as it is for the next droverd. */
static void start_remains(XenHost *xen, const XenKept *kept, const XenInfo *info, bool run)
{
    const char *name = kept->config->name;
    Error error = ERROR_INIT;
    int r = 0;

    finish(xen, kept);
    if (xen_managed_remove(xen, &kept->config->uuid, &error) < 0) {
        log_error("domain '%s' (%d) was being started when droverd ended, and stays paused: %s", name, info->id, error.message);
        error_clear(&error);
        return;
    }
    if (run && info->paused)
        r = xen_let_run(xen, info);
    if (r == 0)
        r = xen_record_mark(xen, info->id, XEN_WORD_BUILT);
    if (r < 0)
        log_error("domain '%s' (%d) was being started when droverd ended, and that can't be finished: %s", name, info->id,
                  g_strerror(-r));
    else
        log_warning("domain '%s' (%d) was being started when droverd ended; that has been finished", name, info->id);
}

/* The dump is lost with the file that had no name yet. */
static void wake_remains(XenHost *xen, const DomainConfig *config, const XenInfo *info)
{
    int r = info->paused ? xen_let_run(xen, info) : 0;

    if (r == 0)
        r = xen_record_mark(xen, info->id, XEN_WORD_BUILT);
    if (r < 0)
        log_error("domain '%s' (%d) was paused for a dump when droverd ended, and can't go on: %s", config->name, info->id,
                  g_strerror(-r));
    else
        log_warning("domain '%s' (%d) was paused for a dump when droverd ended; it goes on", config->name, info->id);
}

/* Destroys what is left; `what`: why, for the log. False: it can't be, and the next start tries again. */
static bool end_remains(XenHost *xen, const DomainConfig *config, const XenInfo *info, const char *what)
{
    int r = xen->hv->ops->destroy(xen->hv, info->id);

    if (r < 0)
        log_error("domain '%s' (%d) %s when droverd ended, and can't be destroyed: %s", config->name, info->id, what,
                  g_strerror(-r));
    else
        log_warning("domain '%s' (%d) %s when droverd ended; it has been destroyed", config->name, info->id, what);
    return r == 0;
}

/* True: it is still to be listed. */
static bool recover(XenHost *xen, XenKept *kept, const XenInfo *info)
{
    const DomainConfig *config = kept->config;
    Remains remains = judge(xen, kept, info);

    switch (remains) {
    case REMAINS_OURS:
        finish(xen, kept);
        return true;
    case REMAINS_STARTING:
    case REMAINS_WAITING:
        start_remains(xen, kept, info, remains == REMAINS_STARTING);
        return true;
    case REMAINS_SAVING:
        kept->unsaved = !saved_for_next_start(xen, info);
        if (kept->unsaved) {    /* ends.c sees to one that stands still, now or in a moment */
            log_warning("domain '%s' (%d) was being saved when droverd ended; it goes on, and has no new image",
                        config->name, info->id);
            return true;
        }
        if (!end_remains(xen, config, info, "had just been saved"))
            return true;
        break;
    case REMAINS_SAVED:
        log_warning("domain '%s' (%d) was being saved when droverd ended; its image may be complete, and then the domain has "
                    "to be destroyed, else resumed", config->name, info->id);
        return true;
    case REMAINS_DUMPING:
        wake_remains(xen, config, info);
        return true;
    case REMAINS_UNKNOWN:
        return !kept->unfinished;
    case REMAINS_HALF:
        if (!end_remains(xen, config, info, "was half built"))
            return false;
        break;
    case REMAINS_ENDING:
        if (!end_remains(xen, config, info, "was half destroyed"))
            return false;
        break;
    case REMAINS_BOUND:
        if (!end_remains(xen, config, info, "was bound to a connection"))
            return true;
        break;
    case REMAINS_FOREIGN:
        log_warning("domain '%s' (%d) runs, but it isn't the guest that drover made with its UUID", config->name, info->id);
        break;
    default:
        log_info("domain '%s' has ended while there was no droverd", config->name);
        break;
    }
    xen_record_remove(xen, &config->uuid);
    return false;
}

static int recover_all(XenHost *xen, Error *error)
{
    GHashTableIter iter;
    XenSweep sweep;
    void *kept;
    int r;

    if (g_hash_table_size(xen->kept) == 0)
        return 0;
    r = xen_sweep(xen, &sweep);
    if (r < 0)
        return xen_fail(error, r, _("list its domains"));
    g_hash_table_iter_init(&iter, xen->kept);
    while (g_hash_table_iter_next(&iter, NULL, &kept)) {
        if (!recover(xen, kept, find_guest(&sweep, &((XenKept *)kept)->config->uuid)))
            g_hash_table_iter_remove(&iter);
    }
    xen_sweep_clear(&sweep);
    return 0;
}

/* --- loading --------------------------------------------------------------------------------- */

/* Called from several threads at once. */
static bool take_running(void *data, const StoredDocument *document, Error *error)
{
    XenHost *xen = data;
    DomainConfig *config = domain_config_parse(document->document, document->size, &xen_domain_rules,
                                               DOMAIN_PARSE_STORED | DOMAIN_PARSE_LIVE, error);
    XenKept *kept;

    if (!config)
        return false;
    kept = g_new0(XenKept, 1);
    kept->config = config;
    kept->unfinished = g_str_has_suffix(document->name, BUILDING);
    LOCK_SCOPE(&xen->lock);
    g_hash_table_replace(xen->kept, (void *)&config->uuid, kept);
    return true;
}

/* Called from several threads at once; the list's locks and the claim keep two files apart. */
static bool take_defined(void *data, const StoredDocument *document, Error *error)
{
    XenHost *xen = data;
    g_autoptr(DomainConfig) config = domain_config_parse(document->document, document->size, &xen_domain_rules,
                                                         DOMAIN_PARSE_STORED, error);
    g_autoptr(Domain) domain = NULL;
    DomainFacts facts;
    bool fresh;

    if (!config)
        return false;
    if (strcmp(config->name, document->name) != 0) {
        error_set(error, VIR_FROM_LIBXL, VIR_ERR_XML_ERROR, _("the file '%s.xml' holds the domain '%s'"), document->name,
                  config->name);
        return false;
    }
    domain = domain_list_claim(xen->host->domains, &config->uuid, config->name, &fresh, error);
    if (!domain)
        return false;
    facts = change_facts(domain);
    facts.persistent = config;
    facts.autostart = document->autostart;
    facts.managed_save = xen_managed_exists(xen, &config->uuid);
    xen_domain(domain);
    change_publish(domain, &facts);
    return true;
}

static Store *open_in(XenHost *xen, const char *folder, Error *error)
{
    g_autofree char *path = g_build_filename(xen->host->state_dir, "xen", folder, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    if (g_mkdir_with_parents(parent, 0700) < 0) {
        error_set_errno(error, VIR_FROM_LIBXL, errno, _("the folder '%s' can't be made"), parent);
        return NULL;
    }
    return store_open(path, error);
}

static void kept_free(void *data)
{
    XenKept *kept = data;

    domain_config_unref(kept->config);
    g_free(kept);
}

static unsigned hash_uuid(const void *uuid)
{
    return (unsigned)uuid_hash(uuid);
}

static int same_uuid(const void *a, const void *b)
{
    return uuid_equal(a, b);
}

int xen_records_open(XenHost *xen, Error *error)
{
    unsigned threads = (unsigned)CLAMP(sysconf(_SC_NPROCESSORS_ONLN), 1, LOAD_THREADS_MAX);
    int defined;

    xen->kept = g_hash_table_new_full(hash_uuid, same_uuid, NULL, kept_free);
    if (!xen->host->state_dir)
        return 0;
    xen->host->store = open_in(xen, "domains", error);
    if (!xen->host->store)
        return -1;
    xen->running = open_in(xen, "running", error);
    if (!xen->running)
        return -1;
    defined = store_load(xen->host->store, threads, take_defined, xen, error);
    if (defined < 0 || store_load(xen->running, threads, take_running, xen, error) < 0)
        return -1;
    log_info("%d domains are defined, %u guests were made by drover before", defined, g_hash_table_size(xen->kept));
    return recover_all(xen, error);
}

void xen_records_close(XenHost *xen)
{
    if (xen->kept)
        g_hash_table_unref(xen->kept);
    store_close(xen->running);
}
