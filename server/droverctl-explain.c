/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `droverctl explain DOMAIN`: who is changing it since when, and what waits for that. Main thread. */
#include "server/droverctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/i18n.h"

/* JobKind, as conf/job.h has it. */
static const char *const kinds[] = { "none", "query", "modify", "async", "destroy" };

static const char *kind_of(const ControlJobFact *fact)
{
    return fact->kind >= 0 && fact->kind < (int)G_N_ELEMENTS(kinds) ? kinds[fact->kind] : "?";
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

/* --- for people ---------------------------------------------------------------------------------------- */

static char *owner_of(const ControlJobFact *fact)
{
    if (fact->client == 0)
        return g_strdup(_("the server itself"));
    if (!*fact->who)
        return g_strdup_printf(_("client %" PRIu64 ", which has left"), fact->client);
    return g_strdup_printf(_("client %" PRIu64 " (%s, process %" PRId64 ")"), fact->client, fact->who, fact->pid);
}

static void print_holder(const ControlJobFact *fact)
{
    g_autofree char *owner = owner_of(fact);

    printf(fact->interrupted ? _("  held by %s for %s since %.3f s; it was asked to stop\n")
                             : _("  held by %s for %s since %.3f s\n"), fact->procedure, owner, seconds(fact->age));
}

static void print_waiting(const ControlJobFact *fact)
{
    g_autofree char *owner = owner_of(fact);

    if (fact->left < 0)
        printf(_("  %s for %s since %.3f s\n"), fact->procedure, owner, seconds(fact->age));
    else
        printf(_("  %s for %s since %.3f s, gives up in %.3f s\n"), fact->procedure, owner, seconds(fact->age),
               seconds(fact->left));
}

static void print_text(const ControlDomainExplainResult *result)
{
    bool same = result->n_running && result->n_async
        && result->running[0].kind == result->async[0].kind;    /* the async job in a step of its own */

    printf(_("Domain '%s' of %s\n"), result->dom.name, result->uri);
    if (result->n_async)
        print_holder(&result->async[0]);
    if (result->n_running && !same)
        print_holder(&result->running[0]);
    if (!result->n_running && !result->n_async)
        printf(_("  nothing changes it\n"));
    printf(ngettext("%u call waits\n", "%u calls wait\n", result->parked), result->parked);
    for (uint32_t i = 0; i < result->n_waiting; i++)
        print_waiting(&result->waiting[i]);
    if (result->parked > result->n_waiting)
        printf(_("  … and %u more\n"), result->parked - result->n_waiting);
}

/* --- for programs --------------------------------------------------------------------------------------- */

static void print_json_fact(const ControlJobFact *fact)
{
    printf("{\"procedure\": \"%s\", \"kind\": \"%s\", \"client\": %" PRIu64 ", \"who\": ", fact->procedure, kind_of(fact),
           fact->client);
    print_json_text(fact->who);
    printf(", \"pid\": %" PRId64 ", \"age_ns\": %" PRId64 ", \"left_ns\": ", fact->pid, fact->age);
    if (fact->left < 0)
        printf("null");
    else
        printf("%" PRId64, fact->left);
    printf(", \"interrupted\": %s}", fact->interrupted ? "true" : "false");
}

static void print_json_one(const char *name, const ControlJobFact *facts, uint32_t n)
{
    printf(", \"%s\": ", name);
    if (n)
        print_json_fact(facts);
    else
        printf("null");
}

static void print_json(const ControlDomainExplainResult *result)
{
    printf("{\"uri\": ");
    print_json_text(result->uri);
    printf(", \"domain\": ");
    print_json_text(result->dom.name);
    print_json_one("running", result->running, result->n_running);
    print_json_one("async", result->async, result->n_async);
    printf(", \"parked\": %u, \"waiting\": [", result->parked);
    for (uint32_t i = 0; i < result->n_waiting; i++) {
        printf("%s\n  ", i ? "," : "");
        print_json_fact(&result->waiting[i]);
    }
    printf("]}\n");
}

int show_explained(const Options *options, const char *domain)
{
    const ControlDomainExplainArgs args = { .domain = domain, .uri = options->uri ? options->uri : "" };
    ControlDomainExplainResult result = { 0 };
    g_autofree uint8_t *frame = NULL;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = ask(options, CONTROL_PROC_DOMAIN_EXPLAIN, &args, &arena, &frame, &result);
    if (r == 0) {
        if (options->json)
            print_json(&result);
        else
            print_text(&result);
    }
    arena_reset(&arena);
    return r;
}
