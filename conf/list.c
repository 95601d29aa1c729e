/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The indexes of the domain list: by name, by UUID, by id. Any thread.
 * A question takes the one shard that it needs, refs the view that it finds there, and leaves.
 * A change takes the name's shard, the UUID's, then the id's inside each other, so that whoever
 * sees it through one index finds it through all; two shards of one kind are never held together.
 * Frees nothing and formats nothing under a lock, and takes no domain's job. */
#include "conf/list.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/i18n.h"
#include "conf/list-private.h"

/* --- where something stands ------------------------------------------------------------------ */

/* The upper bits choose the shard, the lower ones the place in its table. */
static unsigned shard_of(uint64_t hash)
{
    return (unsigned)(hash >> 32) % DOMAIN_LIST_SHARDS;
}

static NameShard *name_shard(DomainList *list, uint64_t hash)
{
    return &list->names[shard_of(hash)];
}

static UuidShard *uuid_shard(DomainList *list, uint64_t hash)
{
    return &list->uuids[shard_of(hash)];
}

static IdShard *id_shard(DomainList *list, uint64_t hash)
{
    return &list->ids[shard_of(hash)];
}

static uint64_t hash_name(const DomainList *list, const char *name)
{
    return index_hash(&list->key, name, strlen(name));
}

static uint64_t hash_uuid(const DomainList *list, const Uuid *uuid)
{
    return index_hash(&list->key, uuid->bytes, sizeof uuid->bytes);
}

static uint64_t hash_id(const DomainList *list, int id)
{
    return index_hash(&list->key, &id, sizeof id);
}

static bool same_name(const void *item, const void *key)
{
    const DomainName *name = item;

    return strcmp(name->text, key) == 0;
}

static bool same_uuid(const void *item, const void *key)
{
    const Domain *domain = item;

    return uuid_equal(&domain->uuid, key);
}

static bool same_id(const void *item, const void *key)
{
    const DomainView *view = item;

    return view->id == *(const int *)key;
}

/* --- making and freeing ---------------------------------------------------------------------- */

DomainList *domain_list_new(void)
{
    DomainList *list = aligned_alloc(LIST_ALIGN, sizeof *list);

    if (!list)
        g_error("no memory for a list of domains");    /* as GLib's own allocations end */
    memset(list, 0, sizeof *list);
    index_key_init(&list->key);
    for (unsigned i = 0; i < DOMAIN_LIST_SHARDS; i++) {
        lock_init(&list->names[i].lock, LOCK_LIST_NAME);
        lock_init(&list->uuids[i].lock, LOCK_LIST_UUID);
        lock_init(&list->ids[i].lock, LOCK_LIST_ID);
    }
    return list;
}

static Domain *first_domain(UuidShard *shard)
{
    LOCK_SCOPE(&shard->lock);
    for (uint32_t i = 0; i < shard->domains.size; i++) {
        if (shard->domains.slots[i].item)
            return domain_ref(shard->domains.slots[i].item);
    }
    return NULL;
}

void domain_list_free(DomainList *list)
{
    if (!list)
        return;
    for (unsigned i = 0; i < DOMAIN_LIST_SHARDS; i++) {
        for (Domain *domain; (domain = first_domain(&list->uuids[i])); domain_unref(domain))
            domain_remove(domain);
    }
    g_assert(atomic_load(&list->counts) == 0);
    for (unsigned i = 0; i < DOMAIN_LIST_SHARDS; i++) {
        g_assert(list->names[i].names.used == 0 && list->ids[i].views.used == 0);
        lock_deinit(&list->names[i].lock);
        lock_deinit(&list->uuids[i].lock);
        lock_deinit(&list->ids[i].lock);
    }
    free(list);
}

static DomainName *name_new(Domain *domain, uint64_t hash, const char *text)
{
    size_t size = strlen(text) + 1;
    DomainName *name = g_malloc(sizeof *name + size);

    *name = (DomainName){ .hash = hash, .domain = domain };
    memcpy(name->text, text, size);
    return name;
}

static void name_free(DomainName *name)
{
    if (!name)
        return;
    domain_view_unref(name->view);
    g_free(name);
}

static Domain *domain_new(DomainList *list, const Uuid *uuid, uint64_t name_hash, const char *name)
{
    Domain *domain = g_new0(Domain, 1);

    domain->uuid = *uuid;
    domain->list = list;
    domain->refs = 1;
    domain->named = name_new(domain, name_hash, name);
    domain->name = domain->named->text;
    job_queue_init(&domain->jobs, domain->name);
    return domain;
}

Domain *domain_ref(Domain *domain)
{
    g_atomic_int_inc(&domain->refs);
    return domain;
}

void domain_unref(Domain *domain)
{
    if (!domain || !g_atomic_int_dec_and_test(&domain->refs))
        return;
    g_assert(domain->gone && !domain->view && !domain->reserved);
    job_queue_deinit(&domain->jobs);
    if (domain->free_driver_data)
        domain->free_driver_data(domain->driver_data);
    domain_config_unref(domain->persistent);
    domain_config_unref(domain->active);
    name_free(domain->named);
    g_free(domain);
}

/* --- questions ------------------------------------------------------------------------------- */

static DomainView *ref_or_null(DomainView *view)
{
    return view ? domain_view_ref(view) : NULL;
}

DomainView *domain_list_view_by_uuid(DomainList *list, const Uuid *uuid)
{
    uint64_t hash = hash_uuid(list, uuid);
    UuidShard *shard = uuid_shard(list, hash);

    LOCK_SCOPE(&shard->lock);
    Domain *domain = index_find(&shard->domains, hash, same_uuid, uuid);

    return domain ? ref_or_null(domain->view) : NULL;
}

DomainView *domain_list_view_by_name(DomainList *list, const char *name)
{
    uint64_t hash = hash_name(list, name);
    NameShard *shard = name_shard(list, hash);

    LOCK_SCOPE(&shard->lock);
    DomainName *found = index_find(&shard->names, hash, same_name, name);

    return found ? ref_or_null(found->view) : NULL;
}

DomainView *domain_list_view_by_id(DomainList *list, int id)
{
    uint64_t hash = hash_id(list, id);
    IdShard *shard = id_shard(list, hash);

    LOCK_SCOPE(&shard->lock);
    return ref_or_null(index_find(&shard->views, hash, same_id, &id));
}

Domain *domain_list_find(DomainList *list, const Uuid *uuid)
{
    uint64_t hash = hash_uuid(list, uuid);
    UuidShard *shard = uuid_shard(list, hash);

    LOCK_SCOPE(&shard->lock);
    Domain *domain = index_find(&shard->domains, hash, same_uuid, uuid);

    return domain && domain->view ? domain_ref(domain) : NULL;
}

DomainView *domain_view(Domain *domain)
{
    UuidShard *shard = uuid_shard(domain->list, hash_uuid(domain->list, &domain->uuid));

    LOCK_SCOPE(&shard->lock);
    return ref_or_null(domain->view);
}

/* --- claims ---------------------------------------------------------------------------------- */

/* Who stands in the way, copied under the locks and told after them. */
typedef struct Clash {
    Uuid uuid;
    char *name;       /* NULL: it has the same name */
} Clash;

static Domain *claim(DomainList *list, const Uuid *uuid, const char *name, bool *fresh, Clash *clash)
{
    uint64_t by_name = hash_name(list, name), by_uuid = hash_uuid(list, uuid);
    NameShard *names = name_shard(list, by_name);
    UuidShard *uuids = uuid_shard(list, by_uuid);

    LOCK_SCOPE(&names->lock);
    LOCK_SCOPE(&uuids->lock);
    DomainName *named = index_find(&names->names, by_name, same_name, name);
    Domain *domain = index_find(&uuids->domains, by_uuid, same_uuid, uuid);

    if (named && named->domain != domain) {
        clash->uuid = named->domain->uuid;
        return NULL;
    }
    if (!named && domain) {
        clash->name = g_strdup(domain->name);
        return NULL;
    }
    *fresh = !domain;
    if (!domain) {
        domain = domain_new(list, uuid, by_name, name);
        index_insert(&names->names, by_name, domain->named);
        index_insert(&uuids->domains, by_uuid, domain);
    }
    if (!domain->view)
        domain->claims++;
    return domain_ref(domain);
}

Domain *domain_list_claim(DomainList *list, const Uuid *uuid, const char *name, bool *fresh, Error *error)
{
    Clash clash = { .name = NULL };
    g_autofree char *other = NULL;
    char text[UUID_TEXT_SIZE];
    Domain *domain = claim(list, uuid, name, fresh, &clash);

    if (domain)
        return domain;
    other = clash.name;
    if (other)
        error_set(error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED, _("domain '%s' is already defined with uuid %s"),
                  other, uuid_format(uuid, text));
    else
        error_set(error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED, _("domain '%s' already exists with uuid %s"),
                  name, uuid_format(&clash.uuid, text));
    return NULL;
}

/* --- changes --------------------------------------------------------------------------------- */

static uint64_t count_of(const DomainView *view)
{
    return !view ? 0 : view->id >= 0 ? UINT64_C(1) << 32 : 1;
}

/* Takes the old view's id out and puts the new one's in; called inside the UUID shard. */
static void swap_id(DomainList *list, DomainView *old, DomainView *view)
{
    int from = old ? old->id : -1, to = view ? view->id : -1;

    if (from >= 0) {
        uint64_t hash = hash_id(list, from);
        IdShard *shard = id_shard(list, hash);

        LOCK_SCOPE(&shard->lock);
        if (from == to)
            index_replace(&shard->views, hash, old, domain_view_ref(view));
        else
            index_remove(&shard->views, hash, old);
    }
    if (to >= 0 && to != from) {
        uint64_t hash = hash_id(list, to);
        IdShard *shard = id_shard(list, hash);

        LOCK_SCOPE(&shard->lock);
        index_insert(&shard->views, hash, domain_view_ref(view));
    }
}

/* Puts `view` (NULL: none) into the place of domain->view in the domain and the id index, keeps
 * counts and drops the page, which is handed to the caller to be freed outside of the locks. */
static DomainPage *swap_view_locked(UuidShard *shard, Domain *domain, DomainView *view)
{
    DomainView *old = domain->view;
    DomainPage *page = shard->page;

    lock_assert_held(&shard->lock);
    swap_id(domain->list, old, view);
    shard->page = NULL;
    if (old) {
        shard->listed--;
        shard->handles_size -= old->handle_size;
    }
    if (view) {
        shard->listed++;
        shard->handles_size += view->handle_size;
    }
    atomic_fetch_add_explicit(&domain->list->counts, count_of(view) - count_of(old), memory_order_acq_rel);
    domain->view = view;
    return page;
}

/* Takes a name that no longer answers out of its index and frees it. */
static void drop_name(DomainList *list, DomainName *name)
{
    NameShard *shard = name_shard(list, name->hash);

    {
        LOCK_SCOPE(&shard->lock);
        index_remove(&shard->names, name->hash, name);
    }
    name_free(name);
}

/* What was published before, and what still refers to it. */
static void unref_old(DomainPage *page, DomainView *view, DomainView *of_name)
{
    domain_page_unref(page);
    if (view && view->id >= 0)
        domain_view_unref(view);    /* the id index's */
    domain_view_unref(of_name);
    domain_view_unref(view);
}

void domain_publish(Domain *domain, DomainView *view)
{
    DomainList *list = domain->list;
    DomainName *before = domain->named;
    bool renamed = strcmp(view->name, before->text) != 0;
    DomainName *name = renamed ? domain->reserved : before;

    g_assert(!domain->gone && uuid_equal(&domain->uuid, &view->uuid));
    g_assert(name && strcmp(view->name, name->text) == 0);

    NameShard *names = name_shard(list, name->hash);
    UuidShard *uuids = uuid_shard(list, hash_uuid(list, &domain->uuid));
    DomainView *old = domain->view, *of_name = name->view;
    DomainPage *page;

    {
        LOCK_SCOPE(&names->lock);
        LOCK_SCOPE(&uuids->lock);
        page = swap_view_locked(uuids, domain, view);
        name->view = domain_view_ref(view);
        if (renamed) {
            domain->named = name;
            domain->name = name->text;
            domain->reserved = NULL;
        }
    }
    if (renamed) {
        job_queue_rename(&domain->jobs, domain->name);
        drop_name(list, before);
    }
    unref_old(page, old, of_name);
}

/* Out of the indexes; the list's reference goes to the caller. */
static void unlist_locked(UuidShard *uuids, uint64_t hash, Domain *domain)
{
    DomainName *name = domain->named;
    NameShard *names = name_shard(domain->list, name->hash);

    lock_assert_held(&names->lock);
    lock_assert_held(&uuids->lock);
    index_remove(&names->names, name->hash, name);
    index_remove(&uuids->domains, hash, domain);
    domain->gone = true;
}

void domain_remove(Domain *domain)
{
    DomainList *list = domain->list;
    DomainName *name = domain->named;
    uint64_t hash = hash_uuid(list, &domain->uuid);
    NameShard *names = name_shard(list, name->hash);
    UuidShard *uuids = uuid_shard(list, hash);
    DomainView *old = domain->view, *of_name = name->view;
    DomainName *reserved = g_steal_pointer(&domain->reserved);
    DomainPage *page;

    g_assert(!domain->gone);
    {
        LOCK_SCOPE(&names->lock);
        LOCK_SCOPE(&uuids->lock);
        page = swap_view_locked(uuids, domain, NULL);
        name->view = NULL;
        unlist_locked(uuids, hash, domain);
    }
    if (reserved)
        drop_name(list, reserved);
    unref_old(page, old, of_name);
    domain_unref(domain);    /* the list's */
}

/* Gives a claim back unless it is the last one. A domain that nobody has published keeps its name, so what
 * *name_hash tells about it holds until the caller comes back with both locks. */
static bool release_but_last(UuidShard *uuids, Domain *domain, uint64_t *name_hash)
{
    LOCK_SCOPE(&uuids->lock);
    if (domain->view || domain->gone)
        return true;
    g_assert(domain->claims > 0);
    if (domain->claims == 1) {
        *name_hash = domain->named->hash;
        return false;
    }
    domain->claims--;
    return true;
}

static bool release_last(NameShard *names, UuidShard *uuids, uint64_t hash, Domain *domain)
{
    LOCK_SCOPE(&names->lock);
    LOCK_SCOPE(&uuids->lock);
    if (domain->view || domain->gone || --domain->claims > 0)
        return false;
    unlist_locked(uuids, hash, domain);
    return true;
}

void domain_list_release(Domain *domain)
{
    DomainList *list = domain->list;
    uint64_t hash = hash_uuid(list, &domain->uuid), name_hash;
    UuidShard *uuids = uuid_shard(list, hash);

    if (!release_but_last(uuids, domain, &name_hash)
        && release_last(name_shard(list, name_hash), uuids, hash, domain))
        domain_unref(domain);    /* the list's */
}

int domain_rename_begin(Domain *domain, const char *name, Error *error)
{
    DomainList *list = domain->list;
    uint64_t hash = hash_name(list, name);
    NameShard *shard = name_shard(list, hash);
    DomainName *mine = name_new(domain, hash, name);
    char text[UUID_TEXT_SIZE];
    Uuid uuid;

    g_assert(!domain->gone && !domain->reserved);
    {
        LOCK_SCOPE(&shard->lock);
        DomainName *other = index_find(&shard->names, hash, same_name, name);

        if (!other) {
            index_insert(&shard->names, hash, mine);
            domain->reserved = mine;
            return 0;
        }
        uuid = other->domain->uuid;
    }
    name_free(mine);
    return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED, _("domain '%s' already exists with uuid %s"),
                     name, uuid_format(&uuid, text));
}

void domain_rename_abort(Domain *domain, const char *name)
{
    DomainName *reserved = g_steal_pointer(&domain->reserved);

    g_assert(reserved && strcmp(reserved->text, name) == 0);
    drop_name(domain->list, reserved);
}
