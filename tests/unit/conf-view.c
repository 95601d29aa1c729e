/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/view.h promises: the handle's bytes, the filter's groups, who owns what. */
#include "conf/view.h"

#include "conf-helper.h"

static void assert_handle(const char *name, int id, const uint8_t *bytes, size_t size)
{
    g_autoptr(DomainView) view = view_make(name, uuid_of(7), id);

    g_assert_cmpmem(view->handle, view->handle_size, bytes, size);
}

static void handle_is_name_uuid_and_id_as_on_the_wire(void)
{
    static const uint8_t bytes[] = {
        0, 0, 0, 5, 'v', 'm', '-', '0', '1', 0, 0, 0,
        0x5a, 0x1e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0,
        0, 0, 1, 2,
    };

    assert_handle("vm-01", 0x102, bytes, sizeof bytes);
}

static void name_of_four_bytes_gets_no_padding(void)
{
    static const uint8_t bytes[] = {
        0, 0, 0, 4, 't', 'e', 's', 't',
        0x5a, 0x1e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0,
        0, 0, 0, 1,
    };

    assert_handle("test", 1, bytes, sizeof bytes);
}

static void domain_that_is_off_has_id_minus_one(void)
{
    static const uint8_t bytes[] = {
        0, 0, 0, 1, 'x', 0, 0, 0,
        0x5a, 0x1e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0,
        0xff, 0xff, 0xff, 0xff,
    };

    assert_handle("x", -1, bytes, sizeof bytes);
}

static void view_lies_in_one_piece(void)
{
    g_autoptr(DomainView) view = view_make("vm", uuid_of(1), -1);

    g_assert_true((uint8_t *)view->name == view->handle + view->handle_size);
    g_assert_cmpstr(view->name, ==, "vm");
}

static void filter_has_one_bit_of_each_group(void)
{
    g_autoptr(DomainView) off = view_make("vm", uuid_of(1), -1);
    g_autoptr(DomainView) on = view_make("vm", uuid_of(1), 3);

    g_assert_cmphex(off->filter, ==,
                    VIR_CONNECT_LIST_DOMAINS_INACTIVE | VIR_CONNECT_LIST_DOMAINS_PERSISTENT |
                    VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE |
                    VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART | VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT |
                    VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT);
    g_assert_cmphex(on->filter ^ off->filter, ==,
                    VIR_CONNECT_LIST_DOMAINS_INACTIVE | VIR_CONNECT_LIST_DOMAINS_ACTIVE |
                    VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_RUNNING);
}

static uint32_t filter_of(DomainFacts facts, bool persistent)
{
    g_autoptr(DomainConfig) config = config_make("vm", uuid_of(1));

    facts.id = 1;
    facts.active = config;
    facts.persistent = persistent ? config : NULL;
    g_autoptr(DomainView) view = domain_view_new(&facts);

    return view->filter;
}

static void filter_follows_each_fact(void)
{
    DomainFacts all = { .autostart = true, .managed_save = true, .has_snapshots = true, .has_checkpoints = true };

    all.state = VIR_DOMAIN_PAUSED;
    g_assert_cmphex(filter_of(all, false), ==,
                    VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_TRANSIENT |
                    VIR_CONNECT_LIST_DOMAINS_PAUSED | VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE |
                    VIR_CONNECT_LIST_DOMAINS_AUTOSTART | VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT |
                    VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT);
}

static void crashed_blocked_and_suspended_are_other(void)
{
    static const int states[] = { VIR_DOMAIN_NOSTATE, VIR_DOMAIN_BLOCKED, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_CRASHED,
                                  VIR_DOMAIN_PMSUSPENDED };

    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++)
        g_assert_true(filter_of((DomainFacts){ .state = states[i] }, true) & VIR_CONNECT_LIST_DOMAINS_OTHER);
}

static void any_bit_of_a_group_but_every_group_must_match(void)
{
    const uint32_t filter = VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_PAUSED;

    g_assert_true(domain_filter_match(filter, 0));
    g_assert_true(domain_filter_match(filter, VIR_CONNECT_LIST_DOMAINS_ACTIVE));
    g_assert_true(domain_filter_match(filter, VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED));
    g_assert_true(domain_filter_match(filter, VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_PAUSED));
    g_assert_false(domain_filter_match(filter, VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_RUNNING));
    g_assert_false(domain_filter_match(filter, VIR_CONNECT_LIST_DOMAINS_INACTIVE));
}

static void all_sixteen_filter_bits_are_known(void)
{
    g_assert_cmphex(domain_filter_known, ==, 0xffff);
}

static void memory_and_vcpus_come_from_the_config_unless_given(void)
{
    g_autoptr(DomainConfig) config = config_make("vm", uuid_of(1));
    DomainFacts facts = { .id = -1, .persistent = config };
    g_autoptr(DomainView) plain = domain_view_new(&facts);

    facts.memory = 77;
    facts.vcpus = 5;
    g_autoptr(DomainView) given = domain_view_new(&facts);

    g_assert_cmpuint(plain->memory, ==, 1024);
    g_assert_cmpuint(plain->max_memory, ==, 2048);
    g_assert_cmpuint(plain->vcpus, ==, 1);
    g_assert_cmpuint(plain->max_vcpus, ==, 2);
    g_assert_cmpuint(given->memory, ==, 77);
    g_assert_cmpuint(given->vcpus, ==, 5);
}

static void active_config_speaks_for_a_running_domain(void)
{
    g_autoptr(DomainConfig) persistent = config_make("vm", uuid_of(1));
    g_autoptr(DomainConfig) active = config_make("vm", uuid_of(1));
    DomainFacts facts = { .id = 1, .active = active, .persistent = persistent };

    domain_config_set_max_memory(active, 4096);
    g_autoptr(DomainView) view = domain_view_new(&facts);

    g_assert_cmpuint(view->max_memory, ==, 4096);
    g_assert_true(domain_view_config(view) == active);
}

static void facts_of_a_view_make_the_same_view_again(void)
{
    g_autoptr(DomainConfig) config = config_make("vm", uuid_of(1));
    DomainFacts facts = {
        .id = 4, .state = VIR_DOMAIN_PAUSED, .reason = VIR_DOMAIN_PAUSED_IOERROR, .autostart = true, .updated = true,
        .managed_save = true, .has_snapshots = true, .has_checkpoints = true, .started = 12345,
        .active = config, .persistent = config, .memory = 99, .vcpus = 2,
    };
    g_autoptr(DomainView) first = domain_view_new(&facts);

    facts = domain_view_facts(first);
    g_autoptr(DomainView) second = domain_view_new(&facts);

    g_assert_cmpint(second->reason, ==, VIR_DOMAIN_PAUSED_IOERROR);
    g_assert_cmpint(second->started, ==, 12345);
    g_assert_true(second->updated);
    g_assert_cmphex(second->filter, ==, first->filter);
    g_assert_cmpuint(second->memory, ==, 99);
    g_assert_true(second->active == config && second->persistent_config == config);
    g_assert_cmpmem(second->handle, second->handle_size, first->handle, first->handle_size);
}

static void view_keeps_its_configs_alive(void)
{
    g_autoptr(DomainView) view = NULL;

    {
        g_autoptr(DomainConfig) config = config_make("vm", uuid_of(1));

        view = domain_view_new(&(DomainFacts){ .id = -1, .persistent = config });
        g_assert_cmpint(config->head.refs, ==, 2);
    }
    g_assert_cmpint(view->persistent_config->head.refs, ==, 1);
    g_assert_cmpstr(view->persistent_config->name, ==, "vm");
}

static void count_free(void *facts)
{
    ++*(unsigned *)facts;
}

static void last_reference_frees_the_drivers_facts(void)
{
    g_autoptr(DomainConfig) config = config_make("vm", uuid_of(1));
    unsigned freed = 0;
    DomainFacts facts = { .id = -1, .persistent = config, .driver_facts = &freed, .free_facts = count_free };
    DomainView *view = domain_view_new(&facts);

    g_assert_null(domain_view_facts(view).driver_facts);
    domain_view_ref(view);
    domain_view_unref(view);
    g_assert_cmpuint(freed, ==, 0);
    domain_view_unref(view);
    g_assert_cmpuint(freed, ==, 1);
    domain_view_unref(NULL);
}

#define TEST(function) g_test_add_func("/conf/view/" #function, function)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(handle_is_name_uuid_and_id_as_on_the_wire);
    TEST(name_of_four_bytes_gets_no_padding);
    TEST(domain_that_is_off_has_id_minus_one);
    TEST(view_lies_in_one_piece);
    TEST(filter_has_one_bit_of_each_group);
    TEST(filter_follows_each_fact);
    TEST(crashed_blocked_and_suspended_are_other);
    TEST(any_bit_of_a_group_but_every_group_must_match);
    TEST(all_sixteen_filter_bits_are_known);
    TEST(memory_and_vcpus_come_from_the_config_unless_given);
    TEST(active_config_speaks_for_a_running_domain);
    TEST(facts_of_a_view_make_the_same_view_again);
    TEST(view_keeps_its_configs_alive);
    TEST(last_reference_frees_the_drivers_facts);
    return g_test_run();
}
