/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The load generator's histogram: what it says of durations that are known. */
#include "bench/load-hist.h"

#include <glib.h>

static Hist *new_hist(void)
{
    return g_new0(Hist, 1);
}

static void assert_near(uint64_t value, uint64_t expected)
{
    g_assert_cmpuint(value, >=, expected - expected / 50);
    g_assert_cmpuint(value, <=, expected + expected / 50);
}

static void nothing_counted_gives_zero(void)
{
    g_autofree Hist *hist = new_hist();

    g_assert_cmpuint(hist_quantile(hist, 0.5), ==, 0);
    g_assert_cmpuint(hist_quantile(hist, 1), ==, 0);
}

static void quantiles_of_an_even_spread_are_within_two_percent(void)
{
    g_autofree Hist *hist = new_hist();

    for (int64_t ns = 1000; ns <= 1000000; ns += 100)
        hist_add(hist, ns);
    assert_near(hist_quantile(hist, 0.5), 500500);
    assert_near(hist_quantile(hist, 0.9), 900100);
    assert_near(hist_quantile(hist, 0.99), 990000);
}

static void every_power_of_two_keeps_its_precision(void)
{
    for (unsigned bit = 0; bit < 42; bit++) {
        g_autofree Hist *hist = new_hist();
        uint64_t value = ((uint64_t)1 << bit) + ((uint64_t)1 << bit) / 3;

        hist_add(hist, (int64_t)value);
        hist_add(hist, (int64_t)value * 2);
        assert_near(hist_quantile(hist, 0.5), value);
    }
}

static void no_quantile_exceeds_the_greatest(void)
{
    g_autofree Hist *hist = new_hist();

    hist_add(hist, 1000001);
    g_assert_cmpuint(hist_quantile(hist, 0.999), <=, 1000001);
    g_assert_cmpuint(hist_quantile(hist, 1), <=, 1000001);
    g_assert_cmpuint(hist->max, ==, 1000001);
}

static void one_late_call_of_a_thousand_shows_in_the_tail_only(void)
{
    g_autofree Hist *hist = new_hist();

    for (int i = 0; i < 999; i++)
        hist_add(hist, 50000);
    hist_add(hist, 80000000);
    assert_near(hist_quantile(hist, 0.99), 50000);
    assert_near(hist_quantile(hist, 1), 80000000);
}

static void merging_adds_counts_and_keeps_the_greatest(void)
{
    g_autofree Hist *one = new_hist(), *two = new_hist();

    hist_add(one, 1000);
    hist_add(two, 9000);
    hist_add(two, 9000);
    hist_merge(one, two);
    g_assert_cmpuint(one->count, ==, 3);
    g_assert_cmpuint(one->max, ==, 9000);
    assert_near(hist_quantile(one, 0.5), 9000);
}

static void times_out_of_range_are_still_counted(void)
{
    g_autofree Hist *hist = new_hist();

    hist_add(hist, -5);
    hist_add(hist, INT64_MAX);
    g_assert_cmpuint(hist->count, ==, 2);
    g_assert_cmpuint(hist_quantile(hist, 0.1), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add_func("/bench/hist/" #name, name)
    ADD(nothing_counted_gives_zero);
    ADD(quantiles_of_an_even_spread_are_within_two_percent);
    ADD(every_power_of_two_keeps_its_precision);
    ADD(no_quantile_exceeds_the_greatest);
    ADD(one_late_call_of_a_thousand_shows_in_the_tail_only);
    ADD(merging_adds_counts_and_keeps_the_greatest);
    ADD(times_out_of_range_are_still_counted);
#undef ADD
    return g_test_run();
}
