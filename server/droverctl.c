/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* droverctl, the tool for what virsh and virt-admin have no word for: its command line, and `droverctl policy check`, which
 * needs no daemon. */
#include "server/droverctl.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "server/droverctl-policy.h"
#include "server/version.h"

static GOptionContext *context_new(Options *options)
{
    const GOptionEntry entries[] = {
        { "socket", 's', 0, G_OPTION_ARG_FILENAME, &options->socket, N_("The administration socket of the server"), "PATH" },
        { "file", 'f', 0, G_OPTION_ARG_FILENAME, &options->file, N_("The file of rules, as access_policy names it"), "PATH" },
        { "uri", 'u', 0, G_OPTION_ARG_STRING, &options->uri, N_("The hypervisor of the domain"), "URI" },
        { "identities", 'i', 0, G_OPTION_ARG_NONE, &options->identities, N_("All clients of one identity in one line"), NULL },
        { "reset", 0, 0, G_OPTION_ARG_NONE, &options->reset, N_("calls, locks: counted anew from now on"), NULL },
        { "sites", 0, 0, G_OPTION_ARG_NONE, &options->sites, N_("locks: places in the source instead of classes"), NULL },
        { "watch", 'w', 0, G_OPTION_ARG_NONE, &options->watch, N_("locks: show each second what it brought"), NULL },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &options->json, N_("JSON instead of a table"), NULL },
        { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
    };
    GOptionContext *context = g_option_context_new("clients | calls | locks | explain DOMAIN | policy check WHO RIGHT [OBJECT…]");

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context,
        _("clients: who is using the server now, and how much\n"
          "calls: how many calls of which kind there were, and what their time was spent with\n"
          "locks: what the server's locks cost\n"
          "explain: who is changing DOMAIN since when, and what waits for that\n"
          "policy check: may WHO (uid:1000) do RIGHT (domain:start) to OBJECT (name:web-1), and by which line"));
    return context;
}

static int run(const Options *options, int n, char **words)
{
    if (n == 1 && strcmp(words[0], "clients") == 0)
        return show_clients(options) < 0;
    if (n == 1 && strcmp(words[0], "calls") == 0)
        return show_calls(options) < 0;
    if (n == 1 && strcmp(words[0], "locks") == 0)
        return show_locks(options) < 0;
    if (n == 2 && strcmp(words[0], "explain") == 0)
        return show_explained(options, words[1]) < 0;
    if (n >= 4 && strcmp(words[0], "policy") == 0 && strcmp(words[1], "check") == 0)
        return droverctl_policy_check(options->file ? options->file : "/etc/drover/policy", words + 2, options->json);
    complain(_("the commands are 'clients', 'calls', 'locks', 'explain DOMAIN' and 'policy check WHO RIGHT [OBJECT…]'; see --help"));
    return 2;
}

int main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = NULL;
    g_autoptr(GError) error = NULL;
    Options options = { 0 };
    int r;

    setlocale(LC_ALL, "");
    bindtextdomain(DROVER_TEXT_DOMAIN, DROVER_LOCALE_DIR);
    bind_textdomain_codeset(DROVER_TEXT_DOMAIN, "UTF-8");
    context = context_new(&options);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        complain("%s", error->message);
        return 2;
    }
    r = run(&options, argc - 1, argv + 1);
    g_free(options.socket);
    g_free(options.file);
    g_free(options.uri);
    return r;
}
