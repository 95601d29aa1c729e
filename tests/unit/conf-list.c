/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/list.h promises, one thread at a time; conf-list-race.c has the threads. */
#include "conf/list.h"

#include "conf-helper.h"

typedef struct Fixture {
    DomainList *list;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->list = domain_list_new();
}

static void tear_down(Fixture *f, gconstpointer data)
{
    domain_list_free(f->list);
}

/* Claims and publishes; owned reference. */
static Domain *add(Fixture *f, const char *name, unsigned number, int id)
{
    Uuid uuid = uuid_of(number);
    bool fresh = false;
    Domain *domain = domain_list_claim(f->list, &uuid, name, &fresh, NULL);

    g_assert_nonnull(domain);
    g_assert_true(fresh);
    domain_publish(domain, view_make(name, uuid, id));
    return domain;
}

static bool found_by_name(Fixture *f, const char *name)
{
    g_autoptr(DomainView) view = domain_list_view_by_name(f->list, name);

    g_assert_true(!view || strcmp(view->name, name) == 0);
    return view != NULL;
}

static bool found_by_uuid(Fixture *f, unsigned number)
{
    Uuid uuid = uuid_of(number);
    g_autoptr(DomainView) view = domain_list_view_by_uuid(f->list, &uuid);

    g_assert_true(!view || uuid_equal(&view->uuid, &uuid));
    return view != NULL;
}

static bool found_by_id(Fixture *f, int id)
{
    g_autoptr(DomainView) view = domain_list_view_by_id(f->list, id);

    g_assert_true(!view || view->id == id);
    return view != NULL;
}

static unsigned count_in_pages(Fixture *f)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n_pages = domain_list_pages(f->list, pages, DOMAIN_LIST_SHARDS), n = 0;

    for (unsigned i = 0; i < n_pages; i++) {
        n += pages[i]->n;
        domain_page_unref(pages[i]);
    }
    return n;
}

static void assert_clash(Fixture *f, unsigned number, const char *name, const char *detail)
{
    Uuid uuid = uuid_of(number);
    Error error = ERROR_INIT;
    bool fresh = true;

    g_assert_null(domain_list_claim(f->list, &uuid, name, &fresh, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(error.detail, ==, detail);
    error_clear(&error);
}

static void empty_list_finds_nothing(Fixture *f, gconstpointer data)
{
    g_assert_false(found_by_name(f, "vm"));
    g_assert_false(found_by_uuid(f, 1));
    g_assert_false(found_by_id(f, 1));
    g_assert_cmpuint(domain_list_count(f->list, 0), ==, 0);
    g_assert_cmpuint(count_in_pages(f), ==, 0);
}

static void published_domain_is_found_by_name_uuid_and_id(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, 5);

    g_assert_true(found_by_name(f, "vm") && found_by_uuid(f, 1) && found_by_id(f, 5));
    g_assert_false(found_by_name(f, "v") || found_by_uuid(f, 2) || found_by_id(f, 1));
}

static void found_domain_is_the_claimed_one(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);
    g_autoptr(Domain) found = domain_list_find(f->list, &domain->uuid);

    g_assert_true(found == domain);
}

static void claimed_domain_is_invisible(Fixture *f, gconstpointer data)
{
    Uuid uuid = uuid_of(1);
    bool fresh;
    g_autoptr(Domain) domain = domain_list_claim(f->list, &uuid, "vm", &fresh, NULL);

    g_assert_false(found_by_name(f, "vm") || found_by_uuid(f, 1));
    g_assert_null(domain_list_find(f->list, &uuid));
    g_assert_null(domain_view(domain));
    g_assert_cmpuint(domain_list_count(f->list, 0), ==, 0);
    g_assert_cmpuint(count_in_pages(f), ==, 0);
}

static void claim_of_a_known_domain_returns_it(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);
    bool fresh = true;
    g_autoptr(Domain) again = domain_list_claim(f->list, &domain->uuid, "vm", &fresh, NULL);

    g_assert_true(again == domain);
    g_assert_false(fresh);
}

static void name_of_another_domain_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);

    assert_clash(f, 2, "vm", "domain 'vm' already exists with uuid 5a1e0000-0000-0000-0000-000001000000");
}

static void uuid_of_another_domain_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);

    assert_clash(f, 1, "other", "domain 'vm' is already defined with uuid 5a1e0000-0000-0000-0000-000001000000");
    g_assert_false(found_by_name(f, "other"));
}

static void name_and_uuid_of_two_domains_are_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) one = add(f, "one", 1, -1);
    g_autoptr(Domain) two = add(f, "two", 2, -1);

    assert_clash(f, 1, "two", "domain 'two' already exists with uuid 5a1e0000-0000-0000-0000-000002000000");
}

static void name_that_is_only_claimed_is_refused_too(Fixture *f, gconstpointer data)
{
    Uuid uuid = uuid_of(1);
    bool fresh;
    g_autoptr(Domain) domain = domain_list_claim(f->list, &uuid, "vm", &fresh, NULL);

    assert_clash(f, 2, "vm", "domain 'vm' already exists with uuid 5a1e0000-0000-0000-0000-000001000000");
    assert_clash(f, 1, "other", "domain 'vm' is already defined with uuid 5a1e0000-0000-0000-0000-000001000000");
}

static void released_claim_frees_name_and_uuid(Fixture *f, gconstpointer data)
{
    Uuid uuid = uuid_of(1);
    bool fresh;
    g_autoptr(Domain) domain = domain_list_claim(f->list, &uuid, "vm", &fresh, NULL);

    domain_list_release(domain);
    g_assert_true(domain->gone);
    g_autoptr(Domain) one = add(f, "vm", 2, -1);
    g_autoptr(Domain) two = add(f, "other", 1, -1);
}

static void release_keeps_what_another_call_has_claimed(Fixture *f, gconstpointer data)
{
    Uuid uuid = uuid_of(1);
    bool first_fresh, second_fresh;
    g_autoptr(Domain) first = domain_list_claim(f->list, &uuid, "vm", &first_fresh, NULL);
    g_autoptr(Domain) second = domain_list_claim(f->list, &uuid, "vm", &second_fresh, NULL);

    g_assert_true(first == second && first_fresh && !second_fresh);
    domain_list_release(first);
    g_assert_false(second->gone);
    domain_publish(second, view_make("vm", uuid, -1));
    g_assert_true(found_by_name(f, "vm"));
}

static void last_of_two_releases_frees_the_name(Fixture *f, gconstpointer data)
{
    Uuid uuid = uuid_of(1);
    bool fresh;
    g_autoptr(Domain) first = domain_list_claim(f->list, &uuid, "vm", &fresh, NULL);
    g_autoptr(Domain) second = domain_list_claim(f->list, &uuid, "vm", &fresh, NULL);

    domain_list_release(second);
    domain_list_release(first);
    g_assert_true(first->gone);
    g_autoptr(Domain) other = add(f, "vm", 2, -1);
}

static void release_of_a_published_domain_does_nothing(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);

    domain_list_release(domain);
    g_assert_true(found_by_name(f, "vm") && !domain->gone);
}

static void removed_domain_is_found_no_more(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, 5);

    g_assert_cmpuint(count_in_pages(f), ==, 1);
    domain_remove(domain);
    g_assert_true(domain->gone);
    g_assert_null(domain_view(domain));
    g_assert_false(found_by_name(f, "vm") || found_by_uuid(f, 1) || found_by_id(f, 5));
    g_assert_cmpuint(domain_list_count(f->list, 0), ==, 0);
    g_assert_cmpuint(count_in_pages(f), ==, 0);
}

static void claim_after_a_removal_makes_a_new_domain(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) old = add(f, "vm", 1, 5);

    domain_remove(old);
    g_autoptr(Domain) new = add(f, "vm", 1, 6);

    domain_list_release(old);    /* a claim of the old one that came too late */
    g_assert_true(old != new && !new->gone && found_by_name(f, "vm"));
}

static void reader_keeps_the_view_of_a_removed_domain(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, 5);
    g_autoptr(DomainView) view = domain_list_view_by_name(f->list, "vm");

    domain_remove(domain);
    g_assert_cmpstr(view->name, ==, "vm");
    g_assert_cmpint(view->refs, ==, 1);
}

static void publishing_frees_the_view_before(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, 5);
    g_autoptr(DomainView) old = domain_view(domain);

    g_assert_cmpuint(count_in_pages(f), ==, 1);
    domain_publish(domain, view_make("vm", uuid_of(1), 5));
    g_assert_cmpint(old->refs, ==, 1);
    domain_publish(domain, view_make("vm", uuid_of(1), -1));
    domain_publish(domain, view_make("vm", uuid_of(1), -1));
    g_autoptr(DomainView) new = domain_view(domain);

    g_assert_cmpint(new->refs, ==, 3);    /* the domain's, the name's, mine */
}

static void id_follows_the_published_view(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);

    g_assert_false(found_by_id(f, -1));
    domain_publish(domain, view_make("vm", uuid_of(1), 7));
    g_assert_true(found_by_id(f, 7));
    domain_publish(domain, view_make("vm", uuid_of(1), 8));
    g_assert_true(found_by_id(f, 8));
    g_assert_false(found_by_id(f, 7));
    domain_publish(domain, view_make("vm", uuid_of(1), -1));
    g_assert_false(found_by_id(f, 8));
}

static void rename_swaps_the_name_when_published(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "old", 1, 5);

    g_assert_cmpint(domain_rename_begin(domain, "new", NULL), ==, 0);
    g_assert_true(found_by_name(f, "old"));
    g_assert_false(found_by_name(f, "new"));
    domain_publish(domain, view_make("new", uuid_of(1), 5));
    g_assert_true(found_by_name(f, "new") && found_by_uuid(f, 1) && found_by_id(f, 5));
    g_assert_false(found_by_name(f, "old"));
    g_assert_cmpstr(domain->name, ==, "new");
    g_autofree char *text = job_describe(&domain->jobs);

    g_assert_nonnull(strstr(text, "'new'"));
    g_autoptr(Domain) other = add(f, "old", 2, -1);
}

static void renaming_domain_holds_both_names(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "old", 1, -1);

    g_assert_cmpint(domain_rename_begin(domain, "new", NULL), ==, 0);
    assert_clash(f, 2, "old", "domain 'old' already exists with uuid 5a1e0000-0000-0000-0000-000001000000");
    assert_clash(f, 2, "new", "domain 'new' already exists with uuid 5a1e0000-0000-0000-0000-000001000000");
    domain_rename_abort(domain, "new");
}

static void renaming_domain_can_be_claimed_by_both_names(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "old", 1, -1);
    bool fresh;

    g_assert_cmpint(domain_rename_begin(domain, "new", NULL), ==, 0);
    g_autoptr(Domain) by_old = domain_list_claim(f->list, &domain->uuid, "old", &fresh, NULL);
    g_autoptr(Domain) by_new = domain_list_claim(f->list, &domain->uuid, "new", &fresh, NULL);

    g_assert_true(by_old == domain && by_new == domain && !fresh);
    domain_rename_abort(domain, "new");
}

static void view_of_the_old_name_may_be_published_while_renaming(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "old", 1, -1);

    g_assert_cmpint(domain_rename_begin(domain, "new", NULL), ==, 0);
    domain_publish(domain, view_make("old", uuid_of(1), 3));
    g_assert_true(found_by_name(f, "old"));
    g_assert_false(found_by_name(f, "new"));
    domain_publish(domain, view_make("new", uuid_of(1), 3));
    g_assert_false(found_by_name(f, "old"));
}

static void aborted_rename_gives_the_name_back(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "old", 1, -1);

    g_assert_cmpint(domain_rename_begin(domain, "new", NULL), ==, 0);
    domain_rename_abort(domain, "new");
    g_assert_true(found_by_name(f, "old"));
    g_autoptr(Domain) other = add(f, "new", 2, -1);
}

static void removal_while_renaming_frees_both_names(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "old", 1, -1);

    g_assert_cmpint(domain_rename_begin(domain, "new", NULL), ==, 0);
    domain_remove(domain);
    g_autoptr(Domain) one = add(f, "old", 2, -1);
    g_autoptr(Domain) two = add(f, "new", 3, -1);
}

static void rename_to_a_taken_name_is_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "old", 1, -1);
    g_autoptr(Domain) other = add(f, "taken", 2, -1);
    Error error = ERROR_INIT;

    g_assert_cmpint(domain_rename_begin(domain, "taken", &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(error.detail, ==, "domain 'taken' already exists with uuid 5a1e0000-0000-0000-0000-000002000000");
    error_clear(&error);
    g_assert_cmpint(domain_rename_begin(domain, "old", NULL), ==, -1);
}

static void counts_follow_starts_stops_and_removals(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) one = add(f, "one", 1, -1);
    g_autoptr(Domain) two = add(f, "two", 2, 4);
    g_autoptr(Domain) three = add(f, "three", 3, 5);

    g_assert_cmpuint(domain_list_count(f->list, VIR_CONNECT_LIST_DOMAINS_ACTIVE), ==, 2);
    g_assert_cmpuint(domain_list_count(f->list, VIR_CONNECT_LIST_DOMAINS_INACTIVE), ==, 1);
    g_assert_cmpuint(domain_list_count(f->list, 0), ==, 3);
    domain_publish(two, view_make("two", uuid_of(2), -1));
    domain_remove(three);
    g_assert_cmpuint(domain_list_count(f->list, VIR_CONNECT_LIST_DOMAINS_ACTIVE), ==, 0);
    g_assert_cmpuint(domain_list_count(f->list, VIR_CONNECT_LIST_DOMAINS_INACTIVE), ==, 2);
    g_assert_cmpuint(domain_list_count(f->list, 3), ==, 2);
}

static void count_with_other_flags_looks_at_each(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) one = add(f, "one", 1, -1);
    g_autoptr(Domain) two = add(f, "two", 2, 4);

    g_assert_cmpuint(domain_list_count(f->list, VIR_CONNECT_LIST_DOMAINS_PERSISTENT), ==, 2);
    g_assert_cmpuint(domain_list_count(f->list, VIR_CONNECT_LIST_DOMAINS_RUNNING), ==, 1);
    g_assert_cmpuint(domain_list_count(f->list, VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_INACTIVE),
                     ==, 0);
}

static void pages_hold_each_domain_once_with_its_handle(Fixture *f, gconstpointer data)
{
    enum { N = 1000 };
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    bool seen[N] = { false };
    unsigned n_pages, n = 0;

    for (unsigned i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("vm-%u", i);

        domain_unref(add(f, name, i, i % 2 ? (int)i : -1));
    }
    n_pages = domain_list_pages(f->list, pages, DOMAIN_LIST_SHARDS);
    for (unsigned p = 0; p < n_pages; p++) {
        size_t at = 0;

        for (unsigned i = 0; i < pages[p]->n; i++, n++) {
            const DomainEntry *entry = &pages[p]->entries[i];
            unsigned number = (unsigned)atoi(entry->view->name + 3);

            g_assert_false(seen[number]);
            seen[number] = true;
            g_assert_cmpuint(entry->handle_at, ==, at);
            g_assert_cmpmem(pages[p]->handles + at, entry->handle_size, entry->view->handle, entry->view->handle_size);
            g_assert_cmphex(entry->filter & ~pages[p]->all_filters, ==, 0);
            g_assert_cmphex(entry->filter, ==, entry->view->filter);
            g_assert_cmpint(entry->state, ==, number % 2 ? VIR_DOMAIN_RUNNING : VIR_DOMAIN_SHUTOFF);
            g_assert_cmpuint(entry->memory, ==, 1024);
            g_assert_cmpuint(entry->max_vcpus, ==, 2);
            at += entry->handle_size;
        }
        g_assert_cmpuint(at, ==, pages[p]->handles_size);
        domain_page_unref(pages[p]);
    }
    g_assert_cmpuint(n, ==, N);
}

static DomainPage *only_page(Fixture *f)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];

    g_assert_cmpuint(domain_list_pages(f->list, pages, DOMAIN_LIST_SHARDS), ==, 1);
    return pages[0];
}

static void page_is_made_again_only_after_a_change(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);
    DomainPage *first = only_page(f), *second = only_page(f);

    g_assert_true(first == second);
    domain_publish(domain, view_make("vm", uuid_of(1), 9));
    DomainPage *third = only_page(f);

    g_assert_true(third != first);
    g_assert_cmpint(third->entries[0].view->id, ==, 9);
    g_assert_cmpint(first->entries[0].view->id, ==, -1);    /* who holds it sees no change */
    domain_page_unref(first);
    domain_page_unref(second);
    domain_page_unref(third);
}

static void pages_shrink_when_domains_go(Fixture *f, gconstpointer data)
{
    enum { N = 1000 };

    for (unsigned i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("vm-%u", i);
        g_autoptr(Domain) domain = add(f, name, i, -1);

        if (i % 3 == 0)
            domain_remove(domain);
    }
    g_assert_cmpuint(count_in_pages(f), ==, 666);
    g_assert_cmpuint(domain_list_count(f->list, 0), ==, 666);
}

static void parked_job_finds_the_domain_gone(Fixture *f, gconstpointer data)
{
    g_autoptr(Domain) domain = add(f, "vm", 1, -1);
    Wish remover, waiter;

    wish_init(&remover, JOB_MODIFY, "domain.undefine", 1);
    wish_init(&waiter, JOB_MODIFY, "domain.set_autostart", 2);
    g_assert_cmpint(wish_begin(&remover, &domain->jobs, NULL), ==, JOB_GRANTED);
    g_assert_cmpint(wish_begin(&waiter, &domain->jobs, NULL), ==, JOB_PARKED);
    domain_remove(domain);
    job_end(&remover.ticket);
    g_assert_cmpint(wish_wait(&waiter), ==, JOB_GRANTED);
    g_assert_true(domain->gone);
    job_end(&waiter.ticket);
    wish_clear(&remover);
    wish_clear(&waiter);
}

static void count_free(void *data)
{
    ++*(unsigned *)data;
}

static void driver_data_is_freed_with_the_last_reference(Fixture *f, gconstpointer data)
{
    Domain *domain = add(f, "vm", 1, -1);
    unsigned freed = 0;

    domain->driver_data = &freed;
    domain->free_driver_data = count_free;
    domain_remove(domain);
    g_assert_cmpuint(freed, ==, 0);
    domain_unref(domain);
    g_assert_cmpuint(freed, ==, 1);
}

#define TEST(function) g_test_add("/conf/list/" #function, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(empty_list_finds_nothing);
    TEST(published_domain_is_found_by_name_uuid_and_id);
    TEST(found_domain_is_the_claimed_one);
    TEST(claimed_domain_is_invisible);
    TEST(claim_of_a_known_domain_returns_it);
    TEST(name_of_another_domain_is_refused);
    TEST(uuid_of_another_domain_is_refused);
    TEST(name_and_uuid_of_two_domains_are_refused);
    TEST(name_that_is_only_claimed_is_refused_too);
    TEST(released_claim_frees_name_and_uuid);
    TEST(release_keeps_what_another_call_has_claimed);
    TEST(last_of_two_releases_frees_the_name);
    TEST(release_of_a_published_domain_does_nothing);
    TEST(removed_domain_is_found_no_more);
    TEST(claim_after_a_removal_makes_a_new_domain);
    TEST(reader_keeps_the_view_of_a_removed_domain);
    TEST(publishing_frees_the_view_before);
    TEST(id_follows_the_published_view);
    TEST(rename_swaps_the_name_when_published);
    TEST(renaming_domain_holds_both_names);
    TEST(renaming_domain_can_be_claimed_by_both_names);
    TEST(view_of_the_old_name_may_be_published_while_renaming);
    TEST(aborted_rename_gives_the_name_back);
    TEST(removal_while_renaming_frees_both_names);
    TEST(rename_to_a_taken_name_is_refused);
    TEST(counts_follow_starts_stops_and_removals);
    TEST(count_with_other_flags_looks_at_each);
    TEST(pages_hold_each_domain_once_with_its_handle);
    TEST(page_is_made_again_only_after_a_change);
    TEST(pages_shrink_when_domains_go);
    TEST(parked_job_finds_the_domain_gone);
    TEST(driver_data_is_freed_with_the_last_reference);
    return g_test_run();
}
