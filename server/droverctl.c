/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* droverctl, the tool for what virsh and virt-admin have no word for: `droverctl clients` shows who is using the
 * server now, `droverctl policy check` what the rules of access say. The first is a client of the administration socket, with one thread and one question; it uses the wire's codecs and
 * nothing else of the server. */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>

#include "base/i18n.h"
#include "rpc/control-client.h"
#include "rpc/control-types.h"
#include "rpc/frame.h"
#include "rpc/proc.h"
#include "server/droverctl-policy.h"
#include "server/version.h"

#define PROGRAM 0x64726f76u

static char *socket_path, *policy_path;
static gboolean as_json, by_identity;

static int complain(const char *format, ...) G_GNUC_PRINTF(1, 2);
static int complain(const char *format, ...)
{
    va_list args;

    fputs("droverctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return -1;
}

/* --- the question and its answer -------------------------------------------------------------------- */

static char *default_socket(void)
{
    if (geteuid() == 0)
        return g_strdup("/run/drover/libvirt-admin-sock");
    return g_build_filename(g_get_user_runtime_dir(), "drover", "libvirt-admin-sock", NULL);
}

static int dial(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
        return complain(_("the path '%s' is too long for a socket"), path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        complain(_("cannot connect to '%s': %s"), path, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return false;
        data += MAX(n, 0);
        size -= (size_t)MAX(n, 0);
    }
    return true;
}

/* One whole frame, owned by the caller; NULL when the connection ends before. */
static uint8_t *read_frame(int fd, size_t *size)
{
    uint8_t head[FRAME_LENGTH_SIZE], *frame;

    if (recv(fd, head, sizeof head, MSG_WAITALL) != sizeof head)
        return NULL;
    *size = xdr_load32(head);
    if (*size < FRAME_HEADER_SIZE || *size > FRAME_MAX)
        return NULL;
    frame = g_malloc(*size + 1);
    memcpy(frame, head, sizeof head);
    for (size_t at = sizeof head; at < *size;) {
        ssize_t n = recv(fd, frame + at, *size - at, 0);

        if (n == 0 || (n < 0 && errno != EINTR)) {
            g_free(frame);
            return NULL;
        }
        at += (size_t)MAX(n, 0);
    }
    return frame;
}

/* The error struct begins with code, domain and message; the rest is for libraries. */
static int refused(XdrIn *in)
{
    bool present = false;
    char *message = NULL;
    int32_t code, domain;

    if (!xdr_get_int(in, &code) || !xdr_get_int(in, &domain) || !xdr_get_present(in, &present) || !present
        || !xdr_get_string(in, &message, (uint32_t)(in->end - in->at)))
        return complain(_("the server answers with an error that can't be read"));
    return complain("%s", message);
}

static int ask(int fd, int32_t number, const void *args, Arena *arena, uint8_t **frame, void *result)
{
    const FrameHeader question = { PROGRAM, 1, number, FRAME_CALL, 1, FRAME_OK };
    const ClientProc *proc = &control_client[number];
    FrameHeader header;
    XdrOut out;
    XdrIn in;
    size_t begin, size;
    bool good;

    xdr_out_init(&out, NULL, 0);
    begin = frame_begin(&out, &question);
    good = (!proc->call || proc->call(&out, args)) && frame_end(&out, begin) && send_all(fd, out.data, out.size);
    xdr_out_deinit(&out);
    if (!good || !(*frame = read_frame(fd, &size)))
        return complain(_("the server has closed the connection"));
    frame_header_get(*frame, &header);
    in = (XdrIn){ *frame + FRAME_HEADER_SIZE, *frame + size, arena, NULL };
    if (header.status != FRAME_OK)
        return refused(&in);
    if (proc->reply && !proc->reply(&in, result))
        return complain(_("the server's answer can't be read: %s"), in.failed);
    return 0;
}

/* --- what is printed ---------------------------------------------------------------------------------- */

/* One line: a client, or all of one identity together. */
typedef struct Line {
    ControlClientUse use;
    unsigned clients;
} Line;

static void add(Line *line, const ControlClientUse *use)
{
    line->clients++;
    line->use.running += use->running;
    line->use.waiting += use->waiting;
    line->use.parked += use->parked;
    line->use.served += use->served;
    line->use.bytes_in += use->bytes_in;
    line->use.bytes_out += use->bytes_out;
    line->use.taken += use->taken;
    line->use.waited += use->waited;
}

static GArray *lines_of(const ControlClientListUseResult *result)
{
    GArray *lines = g_array_new(FALSE, TRUE, sizeof(Line));
    g_autoptr(GHashTable) found = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < result->n_clients; i++) {
        const ControlClientUse *use = &result->clients[i];
        void *index = by_identity ? g_hash_table_lookup(found, use->who) : NULL;

        if (index) {
            add(&g_array_index(lines, Line, GPOINTER_TO_UINT(index) - 1), use);
            continue;
        }
        g_array_append_val(lines, ((Line){ .use = *use, .clients = 1 }));
        g_hash_table_insert(found, (char *)use->who, GUINT_TO_POINTER(lines->len));
    }
    return lines;
}

static double mean_wait_us(const ControlClientUse *use)
{
    return use->taken ? (double)use->waited / (double)use->taken / 1000 : 0;
}

static void print_table(const GArray *lines)
{
    printf(" %-9s %-6s %-24s %6s %7s %7s %7s %10s %12s %12s %10s\n", by_identity ? "Clients" : "Server",
           by_identity ? "" : "Id", "Who", "Weight", "Running", "Queued", "Parked", "Served", "Bytes in", "Bytes out",
           "Wait (us)");
    for (int i = 0; i < 122; i++)
        putchar('-');
    putchar('\n');
    for (unsigned i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        const ControlClientUse *use = &line->use;

        if (by_identity)
            printf(" %-9u %-6s", line->clients, "");
        else
            printf(" %-9s %-6" PRIu64, use->server, use->id);
        printf(" %-24s %6u %7u %7u %7u %10" PRIu64 " %12" PRIu64 " %12" PRIu64 " %10.1f\n", use->who, use->weight,
               use->running, use->waiting, use->parked, use->served, use->bytes_in, use->bytes_out, mean_wait_us(use));
    }
}

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            printf("\\u%04x", c);
        else if (c == '"' || c == '\\')
            printf("\\%c", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_json(const GArray *lines)
{
    printf("[");
    for (unsigned i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        const ControlClientUse *use = &line->use;

        printf("%s\n  {\"who\": ", i ? "," : "");
        print_json_text(use->who);
        if (by_identity) {
            printf(", \"clients\": %u", line->clients);
        } else {
            printf(", \"server\": ");
            print_json_text(use->server);
            printf(", \"id\": %" PRIu64 ", \"pid\": %" PRId64, use->id, use->pid);
        }
        printf(", \"weight\": %u, \"running\": %u, \"queued\": %u, \"parked\": %u, \"served\": %" PRIu64
               ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"waited_ns\": %" PRIu64
               "}", use->weight, use->running, use->waiting, use->parked, use->served, use->bytes_in, use->bytes_out,
               use->taken, use->waited);
    }
    printf("\n]\n");
}

static int show_clients(int fd)
{
    const ControlClientListUseArgs args = { 0 };
    ControlClientListUseResult result = { 0 };
    g_autofree uint8_t *frame = NULL;
    Arena arena;
    int r;

    arena_init(&arena, NULL, 0);
    r = ask(fd, CONTROL_PROC_CLIENT_LIST_USE, &args, &arena, &frame, &result);
    if (r == 0) {
        g_autoptr(GArray) lines = lines_of(&result);

        if (as_json)
            print_json(lines);
        else
            print_table(lines);
    }
    arena_reset(&arena);
    return r;
}

static GOptionContext *options_new(void)
{
    static const GOptionEntry entries[] = {
        { "socket", 's', 0, G_OPTION_ARG_FILENAME, &socket_path, N_("The administration socket of the server"), "PATH" },
        { "file", 'f', 0, G_OPTION_ARG_FILENAME, &policy_path, N_("The file of rules, as access_policy names it"),
          "PATH" },
        { "identities", 'i', 0, G_OPTION_ARG_NONE, &by_identity, N_("All clients of one identity in one line"), NULL },
        { "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, N_("JSON instead of a table"), NULL },
        { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
    };
    GOptionContext *options = g_option_context_new("clients | policy check WHO RIGHT [OBJECT…]");

    g_option_context_add_main_entries(options, entries, NULL);
    g_option_context_set_summary(options, _("clients: who is using the server now, and how much\n"
                                              "policy check: may WHO (uid:1000) do RIGHT (domain:start) to OBJECT (name:web-1), and by "
                                              "which line"));
    return options;
}

int main(int argc, char **argv)
{
    g_autoptr(GOptionContext) options = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    int fd, r;

    setlocale(LC_ALL, "");
    bindtextdomain(DROVER_TEXT_DOMAIN, DROVER_LOCALE_DIR);
    bind_textdomain_codeset(DROVER_TEXT_DOMAIN, "UTF-8");
    options = options_new();
    if (!g_option_context_parse(options, &argc, &argv, &error)) {
        complain("%s", error->message);
        return 2;
    }
    if (argc >= 5 && strcmp(argv[1], "policy") == 0 && strcmp(argv[2], "check") == 0)
        return droverctl_policy_check(policy_path ? policy_path : "/etc/drover/policy", argv + 3, as_json);
    if (argc != 2 || strcmp(argv[1], "clients") != 0) {
        complain(_("the commands are 'clients' and 'policy check WHO RIGHT [OBJECT…]'; see --help"));
        return 2;
    }
    path = socket_path ? g_steal_pointer(&socket_path) : default_socket();
    fd = dial(path);
    if (fd < 0)
        return 1;
    r = show_clients(fd);
    close(fd);
    return r < 0 ? 1 : 0;
}
