/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads that define, start, stop, rename and remove the same few domains while others look them up
 * and list them. Every published view carries which life of the domain it belongs to and its number
 * therein, so that a reader can tell what it must not see any more. */
#include "conf/list.h"

#include <stdatomic.h>

#include "conf-helper.h"

enum { UUIDS = 24, NAMES = 32, CHANGERS = 4, READERS = 3 };

/* From the first publish of a claimed domain to its removal. Kept until the end of the test. */
typedef struct Life {
    _Atomic bool removed;     /* set after domain_remove() has returned */
    unsigned published;       /* owned by the running job */
    struct Life *next;
} Life;

/* What views carry. */
typedef struct Stamp {
    Life *life;
    unsigned version;
} Stamp;

typedef struct Race {
    DomainList *list;
    _Atomic bool stop;
    _Atomic(Life *) lives;
    atomic_int next_id;
    atomic_uint defined, removed, renamed, clashed, released, looked_up, listed;
} Race;

typedef struct Racer {
    Race *race;
    GThread *thread;
    GRand *random;
    Wish wish;
} Racer;

static void random_name(GRand *random, char name[16])
{
    g_snprintf(name, 16, "vm-%d", g_rand_int_range(random, 0, NAMES));
}

static Life *life_new(Race *race)
{
    Life *life = g_new0(Life, 1);

    life->next = atomic_load(&race->lives);
    while (!atomic_compare_exchange_weak(&race->lives, &life->next, life))
        continue;
    return life;
}

static void publish(Domain *domain, const char *name, int id)
{
    Life *life = domain->driver_data;
    Stamp *stamp = g_new(Stamp, 1);
    g_autoptr(DomainConfig) config = config_make(name, domain->uuid);
    DomainFacts facts = {
        .id = id, .state = id >= 0 ? VIR_DOMAIN_RUNNING : VIR_DOMAIN_SHUTOFF, .persistent = config,
        .driver_facts = stamp, .free_facts = g_free,
    };

    *stamp = (Stamp){ life, ++life->published };
    domain_publish(domain, domain_view_new(&facts));
}

static void assert_not_found(Race *race, const Life *life, const Uuid *uuid, const char *name, int id)
{
    g_autoptr(DomainView) by_uuid = domain_list_view_by_uuid(race->list, uuid);
    g_autoptr(DomainView) by_name = domain_list_view_by_name(race->list, name);
    g_autoptr(DomainView) by_id = domain_list_view_by_id(race->list, id);

    g_assert_true(!by_uuid || ((Stamp *)by_uuid->driver_facts)->life != life);
    g_assert_true(!by_name || ((Stamp *)by_name->driver_facts)->life != life);
    g_assert_null(by_id);
}

static void remove_domain(Race *race, Domain *domain)
{
    Life *life = domain->driver_data;
    g_autoptr(DomainView) view = domain_view(domain);

    domain_remove(domain);
    atomic_store(&life->removed, true);
    assert_not_found(race, life, &domain->uuid, view->name, view->id);
    atomic_fetch_add(&race->removed, 1);
}

static void rename_domain(Racer *racer, Domain *domain)
{
    char name[16];
    int id = domain->view->id;

    random_name(racer->random, name);
    if (domain_rename_begin(domain, name, NULL) < 0)
        return;
    if (g_rand_boolean(racer->random))
        publish(domain, domain->name, id);
    if (g_rand_int_range(racer->random, 0, 4) == 0) {
        domain_rename_abort(domain, name);
    } else if (g_rand_int_range(racer->random, 0, 4) == 0) {
        remove_domain(racer->race, domain);
    } else {
        publish(domain, name, id);
        g_assert_cmpstr(domain->name, ==, name);
        atomic_fetch_add(&racer->race->renamed, 1);
    }
}

/* A claim, the job, and what a caller must look at there. */
static void define_domain(Racer *racer)
{
    Race *race = racer->race;
    Uuid uuid = uuid_of((unsigned)g_rand_int_range(racer->random, 0, UUIDS));
    char name[16];
    bool fresh;

    random_name(racer->random, name);
    g_autoptr(Domain) domain = domain_list_claim(race->list, &uuid, name, &fresh, NULL);

    if (!domain) {
        atomic_fetch_add(&race->clashed, 1);
        return;
    }
    if (g_rand_int_range(racer->random, 0, 8) == 0) {
        domain_list_release(domain);    /* as a call that was refused before its turn */
        atomic_fetch_add(&race->released, 1);
        return;
    }
    wish_run(&racer->wish, &domain->jobs);
    if (!domain->gone && strcmp(domain->name, name) == 0) {
        if (!domain->view && g_rand_int_range(racer->random, 0, 4) == 0) {
            domain_list_release(domain);
            atomic_fetch_add(&race->released, 1);
        } else {
            if (!domain->driver_data)
                domain->driver_data = life_new(race);
            publish(domain, name, domain->view ? domain->view->id : -1);
            atomic_fetch_add(&race->defined, 1);
        }
    }
    job_end(&racer->wish.ticket);
}

static void change_domain(Racer *racer)
{
    Race *race = racer->race;
    Uuid uuid = uuid_of((unsigned)g_rand_int_range(racer->random, 0, UUIDS));
    g_autoptr(Domain) domain = domain_list_find(race->list, &uuid);

    if (!domain)
        return;
    wish_run(&racer->wish, &domain->jobs);
    if (!domain->gone) {
        switch (g_rand_int_range(racer->random, 0, 4)) {
        case 0:
            rename_domain(racer, domain);
            break;
        case 1:
            remove_domain(race, domain);
            break;
        default:
            publish(domain, domain->name, domain->view->id >= 0 ? -1 : atomic_fetch_add(&race->next_id, 1));
            break;
        }
    }
    job_end(&racer->wish.ticket);
}

static void *run_changer(void *data)
{
    Racer *racer = data;

    while (!atomic_load(&racer->race->stop)) {
        if (g_rand_boolean(racer->random))
            define_domain(racer);
        else
            change_domain(racer);
    }
    return NULL;
}

/* Whoever saw a view by its UUID finds nothing older of that life under its name and id. */
static void look_up(Race *race, const Uuid *uuid)
{
    g_autoptr(DomainView) first = domain_list_view_by_uuid(race->list, uuid);

    if (!first)
        return;

    const Stamp *was = first->driver_facts;
    bool removed = atomic_load(&was->life->removed);
    g_autoptr(DomainView) second = domain_list_view_by_name(race->list, first->name);
    const Stamp *is = second ? second->driver_facts : NULL;

    g_assert_true(uuid_equal(&first->uuid, uuid));
    if (is) {
        g_assert_cmpstr(second->name, ==, first->name);
        g_assert_true(is->life != was->life || (!removed && is->version >= was->version));
    }
    removed = atomic_load(&was->life->removed);
    g_autoptr(DomainView) third = first->id >= 0 ? domain_list_view_by_id(race->list, first->id) : NULL;

    if (third) {
        is = third->driver_facts;
        g_assert_true(is->life == was->life && !removed && is->version >= was->version);
    }
    atomic_fetch_add(&race->looked_up, 1);
}

static void collect(Race *race)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n_pages = domain_list_pages(race->list, pages, DOMAIN_LIST_SHARDS);
    bool seen[UUIDS] = { false };

    for (unsigned p = 0; p < n_pages; p++) {
        for (unsigned i = 0; i < pages[p]->n; i++) {
            const DomainEntry *entry = &pages[p]->entries[i];
            uint32_t number;

            memcpy(&number, entry->view->uuid.bytes + 12, sizeof number);
            number = GUINT32_FROM_LE(number);
            g_assert_false(seen[number]);
            seen[number] = true;
            g_assert_cmpmem(pages[p]->handles + entry->handle_at, entry->handle_size, entry->view->handle,
                            entry->view->handle_size);
        }
        domain_page_unref(pages[p]);
    }
    g_assert_cmpuint(domain_list_count(race->list, 0), <=, UUIDS);
    atomic_fetch_add(&race->listed, 1);
}

static void *run_reader(void *data)
{
    Racer *racer = data;

    while (!atomic_load(&racer->race->stop)) {
        for (unsigned i = 0; i < 50; i++) {
            Uuid uuid = uuid_of((unsigned)g_rand_int_range(racer->random, 0, UUIDS));

            look_up(racer->race, &uuid);
        }
        collect(racer->race);
    }
    return NULL;
}

/* Everything is still: all ways of counting agree, and each domain is found in all ways. */
static void assert_consistent(Race *race)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n_pages = domain_list_pages(race->list, pages, DOMAIN_LIST_SHARDS), n = 0, active = 0, named = 0;

    for (unsigned p = 0; p < n_pages; p++) {
        for (unsigned i = 0; i < pages[p]->n; i++, n++) {
            DomainView *view = pages[p]->entries[i].view;
            g_autoptr(DomainView) by_name = domain_list_view_by_name(race->list, view->name);
            g_autoptr(DomainView) by_uuid = domain_list_view_by_uuid(race->list, &view->uuid);
            g_autoptr(DomainView) by_id = domain_list_view_by_id(race->list, view->id);

            g_assert_true(by_name == view && by_uuid == view && by_id == (view->id >= 0 ? view : NULL));
            active += view->id >= 0;
        }
        domain_page_unref(pages[p]);
    }
    for (unsigned i = 0; i < NAMES; i++) {
        g_autofree char *name = g_strdup_printf("vm-%u", i);
        g_autoptr(DomainView) view = domain_list_view_by_name(race->list, name);

        named += view != NULL;
    }
    g_assert_cmpuint(named, ==, n);
    g_assert_cmpuint(domain_list_count(race->list, 0), ==, n);
    g_assert_cmpuint(domain_list_count(race->list, VIR_CONNECT_LIST_DOMAINS_ACTIVE), ==, active);
    g_assert_cmpuint(domain_list_count(race->list, VIR_CONNECT_LIST_DOMAINS_INACTIVE), ==, n - active);
}

/* No name and no uuid is left reserved by somebody who has gone. */
static void assert_nothing_reserved(Race *race)
{
    for (unsigned i = 0; i < UUIDS; i++) {
        Uuid uuid = uuid_of(i);
        g_autoptr(Domain) domain = domain_list_find(race->list, &uuid);

        if (domain)
            domain_remove(domain);
    }
    for (unsigned i = 0; i < NAMES; i++) {
        g_autofree char *name = g_strdup_printf("vm-%u", i);
        Uuid uuid = uuid_of(1000 + i);
        bool fresh = false;
        g_autoptr(Domain) domain = domain_list_claim(race->list, &uuid, name, &fresh, NULL);

        g_assert_true(domain && fresh);
        domain_list_release(domain);
    }
}

static void every_way_to_a_domain_agrees_while_threads_change_it(void)
{
    Race race = { .list = domain_list_new() };
    Racer racers[CHANGERS + READERS];
    int64_t end = clock_now() + (g_test_slow() ? 20 : 2) * CLOCK_S;
    unsigned n = G_N_ELEMENTS(racers);

    for (unsigned i = 0; i < n; i++) {
        racers[i] = (Racer){ .race = &race, .random = g_rand_new_with_seed((guint32)g_test_rand_int()) };
        wish_init(&racers[i].wish, JOB_MODIFY, "domain.define_xml", i);
    }
    for (unsigned i = 0; i < n; i++)
        racers[i].thread = g_thread_new(NULL, i < CHANGERS ? run_changer : run_reader, &racers[i]);
    while (clock_now() < end)
        look_up(&race, &(Uuid){ { 0x5a, 0x1e } });
    atomic_store(&race.stop, true);
    for (unsigned i = 0; i < n; i++) {
        g_thread_join(racers[i].thread);
        g_rand_free(racers[i].random);
        wish_clear(&racers[i].wish);
    }
    g_test_message("defined %u, removed %u, renamed %u, clashed %u, released %u, looked up %u, listed %u", race.defined,
                   race.removed, race.renamed, race.clashed, race.released, race.looked_up, race.listed);
    g_assert_cmpuint(MIN(MIN(race.defined, race.removed), MIN(race.renamed, race.released)), >, 0);
    g_assert_cmpuint(MIN(race.looked_up, race.listed), >, 0);
    assert_consistent(&race);
    assert_nothing_reserved(&race);
    domain_list_free(race.list);
    for (Life *life = race.lives, *next; life; life = next) {
        next = life->next;
        g_free(life);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/list/every_way_to_a_domain_agrees_while_threads_change_it",
                    every_way_to_a_domain_agrees_while_threads_change_it);
    return g_test_run();
}
