/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests the codecs that rpc/gen makes: each procedure's arguments, results and messages on the way there
 * and back, cut short at every length, and as noise. Inputs lie in allocations of their exact size.
 *
 * Noise that decodes is found by trying: small words make short strings, short arrays and values of known
 * kinds likely. What it was decoded to is encoded, decoded and encoded again; both encodings must be equal. */
#include <glib.h>

#include "rpc/admin-client.h"
#include "rpc/admin-rows.h"
#include "rpc/keepalive-client.h"
#include "rpc/keepalive-rows.h"
#include "rpc/lxc-client.h"
#include "rpc/lxc-rows.h"
#include "rpc/proc.h"
#include "rpc/qemu-client.h"
#include "rpc/qemu-rows.h"
#include "rpc/remote-client.h"
#include "rpc/remote-rows.h"
#include "rpc/shared-codec.h"

#define NOISE_SIZE 4096
#define TRIES 3000
#define SAMPLES 6

typedef bool (*Decode)(XdrIn *in, void *data);
typedef bool (*Encode)(XdrOut *out, const void *data);

/* One direction of one procedure. */
typedef struct Way {
    const Proc *proc;
    const char *what;
    Decode decode;
    Encode encode;
    size_t size;
} Way;

typedef struct Decoded {
    Arena arena;
    uint8_t *bytes;
    void *value;
    size_t used;
    const char *failed;
} Decoded;

static const struct {
    const Program *program;
    const ClientProc *client;
} programs[] = {
    { &remote_program, remote_client }, { &qemu_program, qemu_client }, { &lxc_program, lxc_client },
    { &admin_program, admin_client }, { &keepalive_program, keepalive_client },
};

/* Decodes a copy; true when it worked. decoded_clear in any case. */
static bool decoded_init(Decoded *decoded, const Way *way, const uint8_t *bytes, size_t size)
{
    XdrIn in;
    bool ok;

    arena_init(&decoded->arena, NULL, 0);
    decoded->bytes = g_memdup2(bytes, size);
    decoded->value = g_malloc0(way->size);
    in = (XdrIn){ .at = decoded->bytes, .end = decoded->bytes + size, .arena = &decoded->arena };
    ok = way->decode(&in, decoded->value);
    decoded->used = ok ? size - (size_t)(in.end - in.at) : 0;
    decoded->failed = in.failed;
    g_assert_true(ok == (in.failed == NULL));
    return ok;
}

static void decoded_clear(Decoded *decoded)
{
    arena_reset(&decoded->arena);
    g_free(decoded->bytes);
    g_free(decoded->value);
}

static void fill(uint8_t *bytes, size_t size, GRand *rand)
{
    int most = g_rand_int_range(rand, 1, 9);

    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint32_t word = (uint32_t)g_rand_int_range(rand, 0, most);

        if (g_rand_int_range(rand, 0, 40) == 0)
            word = g_rand_int(rand);
        xdr_store32(bytes + i, word);
    }
}

/* A message that decodes, in `bytes`; its length, or 0 when none was found. */
static size_t find_message(const Way *way, uint8_t *bytes, GRand *rand)
{
    for (int i = 0; i < TRIES; i++) {
        Decoded decoded;
        bool ok;

        fill(bytes, NOISE_SIZE, rand);
        ok = decoded_init(&decoded, way, bytes, NOISE_SIZE);
        decoded_clear(&decoded);
        if (ok)
            return decoded.used;
    }
    return 0;
}

static void check_prefixes(const Way *way, const uint8_t *bytes, size_t size)
{
    for (size_t n = 0; n < size; n++) {
        Decoded decoded;

        if (decoded_init(&decoded, way, bytes, n))
            g_error("%s %s: %zu of %zu bytes are accepted", way->proc->name, way->what, n, size);
        decoded_clear(&decoded);
    }
}

static void encode_again(const Way *way, const uint8_t *bytes, size_t size, XdrOut *out)
{
    Decoded decoded;

    if (!decoded_init(&decoded, way, bytes, size))
        g_error("%s %s: own encoding is refused: %s", way->proc->name, way->what, decoded.failed);
    if (decoded.used != size)
        g_error("%s %s: %zu of %zu bytes are read", way->proc->name, way->what, decoded.used, size);
    g_assert_true(way->encode(out, decoded.value));
    decoded_clear(&decoded);
}

static void check_round(const Way *way, const uint8_t *bytes, size_t size)
{
    XdrOut first, second;

    xdr_out_init(&first, NULL, 0);
    xdr_out_init(&second, NULL, 0);
    encode_again(way, bytes, size, &first);
    encode_again(way, first.data, first.size, &second);
    g_assert_cmpmem(first.data, first.size, second.data, second.size);
    xdr_out_deinit(&first);
    xdr_out_deinit(&second);
}

static void check_way(const Way *way)
{
    g_autofree uint8_t *bytes = g_malloc(NOISE_SIZE);
    GRand *rand = g_rand_new_with_seed(way->proc->number * 2 + (way->what[0] == 'a'));

    for (int i = 0; i < SAMPLES; i++) {
        size_t size = find_message(way, bytes, rand);

        if (size == 0)
            g_error("%s %s: nothing that decodes was found", way->proc->name, way->what);
        check_prefixes(way, bytes, size);
        if (way->encode)
            check_round(way, bytes, size);
    }
    g_rand_free(rand);
}

/* The two procedures whose results the server holds encoded: a client decodes them to another struct. */
static bool holds_encoded(const Program *program, unsigned number)
{
    return program == &remote_program && (number == REMOTE_PROC_CONNECT_LIST_ALL_DOMAINS
                                          || number == REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS);
}

static void for_each_way(void (*check)(const Way *way))
{
    for (size_t p = 0; p < G_N_ELEMENTS(programs); p++) {
        for (unsigned n = 1; n < programs[p].program->n_procs; n++) {
            const Proc *proc = program_proc(programs[p].program, (int32_t)n);
            const ClientProc *client = &programs[p].client[n];

            if (!proc)
                continue;
            if (proc->decode)
                check(&(Way){ proc, "args", proc->decode, client->call, proc->args_size });
            if (client->reply)
                check(&(Way){ proc, "result", client->reply,
                              holds_encoded(programs[p].program, n) ? NULL : proc->encode, client->reply_size });
        }
    }
}

static void every_message_survives_there_and_back_and_no_shorter_one_is_taken(void)
{
    for_each_way(check_way);
}

static void noise(const Way *way)
{
    uint8_t bytes[256];
    GRand *rand = g_rand_new_with_seed(way->proc->number);

    for (int i = 0; i < 64; i++) {
        Decoded decoded;

        for (size_t at = 0; at < sizeof(bytes); at++)
            bytes[at] = (uint8_t)g_rand_int(rand);
        decoded_init(&decoded, way, bytes, (size_t)g_rand_int_range(rand, 0, sizeof(bytes)));
        decoded_clear(&decoded);
    }
    g_rand_free(rand);
}

static void noise_is_refused_or_decoded_but_never_harmful(void)
{
    for_each_way(noise);
}

/* Every procedure that has members has both directions, on both sides. */
static void server_and_client_agree_about_what_there_is(void)
{
    for (size_t p = 0; p < G_N_ELEMENTS(programs); p++) {
        for (unsigned n = 1; n < programs[p].program->n_procs; n++) {
            const Proc *proc = program_proc(programs[p].program, (int32_t)n);
            const ClientProc *client = &programs[p].client[n];

            if (!proc)
                continue;
            g_assert_true((proc->decode != NULL) == (client->call != NULL));
            g_assert_true((proc->decode != NULL) == (proc->args_size > 0));
            g_assert_true((proc->encode != NULL) == (client->reply != NULL));
            g_assert_true((proc->encode != NULL) == (proc->result_size > 0));
        }
    }
}

/* Bytes that were written by hand from the protocol's description. */

#define UUID_BYTES "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"

static void decode_bytes(Decoded *decoded, const Program *program, int number, const void *bytes, size_t size)
{
    const Proc *proc = program_proc(program, number);

    g_assert_true(decoded_init(decoded, &(Way){ proc, "args", proc->decode, NULL, proc->args_size }, bytes, size));
}

static void handle_of_a_domain_is_read(void)
{
    static const char bytes[] = "\0\0\0\4vm-1" UUID_BYTES "\xff\xff\xff\xff";
    const RemoteDomainSuspendArgs *args;
    Decoded decoded;

    decode_bytes(&decoded, &remote_program, REMOTE_PROC_DOMAIN_SUSPEND, bytes, sizeof(bytes) - 1);
    args = decoded.value;
    g_assert_cmpstr(args->dom.name, ==, "vm-1");
    g_assert_cmpmem(args->dom.uuid, 16, UUID_BYTES, 16);
    g_assert_cmpint(args->dom.id, ==, -1);
    decoded_clear(&decoded);
}

static void bytes_behind_the_arguments_are_ignored(void)
{
    static const char bytes[] = "\0\0\0\x0amore";
    const RemoteConnectSupportsFeatureArgs *args;
    Decoded decoded;

    decode_bytes(&decoded, &remote_program, REMOTE_PROC_CONNECT_SUPPORTS_FEATURE, bytes, sizeof(bytes) - 1);
    args = decoded.value;
    g_assert_cmpint(args->feature, ==, 10);
    g_assert_cmpuint(decoded.used, ==, 4);
    decoded_clear(&decoded);
}

static void name_to_open_is_present_whatever_the_flag(void)
{
    static const char bytes[] = "\1\0\0\0" "\0\0\0\0" "\1\0\0\0";
    static const char absent[] = "\0\0\0\0" "\0\0\0\1";
    const RemoteConnectOpenArgs *args;
    Decoded decoded;

    decode_bytes(&decoded, &remote_program, REMOTE_PROC_CONNECT_OPEN, bytes, sizeof(bytes) - 1);
    args = decoded.value;
    g_assert_cmpstr(args->name, ==, "");
    g_assert_cmphex(args->flags, ==, 0x01000000);
    decoded_clear(&decoded);
    decode_bytes(&decoded, &remote_program, REMOTE_PROC_CONNECT_OPEN, absent, sizeof(absent) - 1);
    args = decoded.value;
    g_assert_null(args->name);
    g_assert_cmpuint(args->flags, ==, 1);
    decoded_clear(&decoded);
}

static void values_of_all_seven_kinds_are_read(void)
{
    static const char bytes[] = "\0\0\0\7"
        "\0\0\0\1i\0\0\0" "\0\0\0\1" "\xff\xff\xff\xff"
        "\0\0\0\1u\0\0\0" "\0\0\0\2" "\xff\xff\xff\xff"
        "\0\0\0\1l\0\0\0" "\0\0\0\3" "\xff\xff\xff\xff\xff\xff\xff\xfe"
        "\0\0\0\1U\0\0\0" "\0\0\0\4" "\0\0\0\1\0\0\0\0"
        "\0\0\0\1d\0\0\0" "\0\0\0\5" "\x3f\xe0\0\0\0\0\0\0"
        "\0\0\0\1b\0\0\0" "\0\0\0\6" "\0\0\0\1"
        "\0\0\0\1s\0\0\0" "\0\0\0\7" "\0\0\0\4text"
        "\0\0\0\0";
    const RemoteConnectSetIdentityArgs *args;
    Decoded decoded;

    decode_bytes(&decoded, &remote_program, REMOTE_PROC_CONNECT_SET_IDENTITY, bytes, sizeof(bytes) - 1);
    args = decoded.value;
    g_assert_cmpuint(args->n_params, ==, 7);
    g_assert_cmpint(args->params[0].value.i, ==, -1);
    g_assert_cmpuint(args->params[1].value.ui, ==, UINT32_MAX);
    g_assert_cmpint(args->params[2].value.l, ==, -2);
    g_assert_cmpuint(args->params[3].value.ul, ==, UINT64_C(1) << 32);
    g_assert_true(args->params[4].value.d == 0.5);
    g_assert_cmpint(args->params[5].value.b, ==, 1);
    g_assert_cmpstr(args->params[6].value.s, ==, "text");
    g_assert_cmpstr(args->params[6].field, ==, "s");
    decoded_clear(&decoded);
}

static void value_of_an_eighth_kind_is_refused(void)
{
    static const uint8_t bytes[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0 };
    const Proc *proc = program_proc(&remote_program, REMOTE_PROC_CONNECT_SET_IDENTITY);
    Decoded decoded;

    g_assert_false(decoded_init(&decoded, &(Way){ proc, "args", proc->decode, NULL, proc->args_size }, bytes,
                                sizeof(bytes)));
    g_assert_cmpstr(decoded.failed, ==, "unknown kind of value");
    decoded_clear(&decoded);
}

static void encode_row(XdrOut *out, int number, const void *value)
{
    xdr_out_init(out, NULL, 0);
    g_assert_true(program_proc(&remote_program, number)->encode(out, value));
}

static void info_of_a_domain_is_written(void)
{
    RemoteDomainGetInfoResult result = { .state = 1, .maxMem = 2048, .memory = 1024, .nrVirtCpu = 4, .cpuTime = 5 };
    XdrOut out;

    encode_row(&out, REMOTE_PROC_DOMAIN_GET_INFO, &result);
    g_assert_cmpmem(out.data, out.size,
                    "\0\0\0\1" "\0\0\0\0\0\0\x08\0" "\0\0\0\0\0\0\x04\0" "\0\0\0\4" "\0\0\0\0\0\0\0\5", 32);
    xdr_out_deinit(&out);
}

static void model_of_the_host_takes_four_bytes_a_character(void)
{
    RemoteNodeGetInfoResult result = { .model = "x86_64", .cpus = 2 };
    XdrOut out;

    encode_row(&out, REMOTE_PROC_NODE_GET_INFO, &result);
    g_assert_cmpuint(out.size, ==, 160);
    g_assert_cmpmem(out.data, 8, "\0\0\0x\0\0\0" "8", 8);
    g_assert_cmpuint(xdr_load32(out.data + 136), ==, 2);
    xdr_out_deinit(&out);
}

static void list_of_domains_is_copied_as_it_is(void)
{
    static const char domain[] = "\0\0\0\4vm-1" UUID_BYTES "\0\0\0\7";
    XdrPiece piece = { (const uint8_t *)domain, sizeof(domain) - 1 };
    RemoteConnectListAllDomainsResult result = { .domains = { 1, 1, &piece }, .ret = 1 };
    const RemoteConnectListAllDomainsReply *reply;
    Decoded decoded;
    XdrOut out;

    encode_row(&out, REMOTE_PROC_CONNECT_LIST_ALL_DOMAINS, &result);
    g_assert_true(decoded_init(&decoded, &(Way){ NULL, "", remote_reply_connect_list_all_domains, NULL, sizeof(*reply) }, out.data,
                               out.size));
    reply = decoded.value;
    g_assert_cmpuint(reply->n_domains, ==, 1);
    g_assert_cmpstr(reply->domains[0].name, ==, "vm-1");
    g_assert_cmpint(reply->domains[0].id, ==, 7);
    g_assert_cmpuint(reply->ret, ==, 1);
    decoded_clear(&decoded);
    xdr_out_deinit(&out);
}

static void message_is_written_without_its_callback_id(void)
{
    RemoteDomainEventLifecycleMsg message = { .dom = { .name = "vm-1", .id = 3 }, .event = 2, .detail = 1 };
    XdrOut out, older;

    encode_row(&out, REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE, &message);
    g_assert_cmpuint(out.size, ==, 8 + 16 + 4 + 4 + 4);
    g_assert_cmpuint(xdr_load32(out.data), ==, 4);
    encode_row(&older, REMOTE_PROC_DOMAIN_EVENT_LIFECYCLE, &message);
    g_assert_cmpmem(out.data, out.size, older.data, older.size);
    xdr_out_deinit(&out);
    xdr_out_deinit(&older);
}

static void result_above_its_limit_is_refused(void)
{
    RemoteConnectListDomainsResult result = { .n_ids = REMOTE_LIMIT_DOMAIN_LIST + 1 };
    XdrOut out;

    result.ids = g_new0(int32_t, result.n_ids);
    xdr_out_init(&out, NULL, 0);
    g_assert_false(program_proc(&remote_program, REMOTE_PROC_CONNECT_LIST_DOMAINS)->encode(&out, &result));
    g_assert_cmpstr(out.failed, ==, "more elements than allowed");
    result.n_ids--;
    out.size = 0;
    g_assert_true(program_proc(&remote_program, REMOTE_PROC_CONNECT_LIST_DOMAINS)->encode(&out, &result));
    g_assert_cmpuint(out.size, ==, 4 + 16384 * 4);
    xdr_out_deinit(&out);
    g_free(result.ids);
}

static void arguments_above_their_limit_are_refused(void)
{
    RemoteDomainSendKeyArgs args = { .dom = { .name = "x" }, .n_keycodes = 17 };
    uint32_t keys[17] = { 0 };
    const Proc *proc = program_proc(&remote_program, REMOTE_PROC_DOMAIN_SEND_KEY);
    Decoded decoded;
    XdrOut out;

    args.keycodes = keys;
    xdr_out_init(&out, NULL, 0);
    g_assert_false(remote_call_domain_send_key(&out, &args));
    xdr_out_deinit(&out);
    xdr_out_init(&out, NULL, 0);
    args.n_keycodes = 16;
    g_assert_true(remote_call_domain_send_key(&out, &args));
    /* The count of keys stands before 16 keys and the flags. */
    xdr_store32(out.data + out.size - 4 - 16 * 4 - 4, 17);
    g_assert_false(decoded_init(&decoded, &(Way){ proc, "args", proc->decode, NULL, proc->args_size }, out.data,
                                out.size));
    g_assert_cmpstr(decoded.failed, ==, "more elements than allowed");
    decoded_clear(&decoded);
    xdr_out_deinit(&out);
}

static void error_has_all_its_members(void)
{
    RemoteError error = { .code = 42, .domain = 20, .message = "gone", .level = 2, .int1 = -1, .int2 = -1 };
    XdrOut out;

    xdr_out_init(&out, NULL, 0);
    g_assert_true(remote_put_error(&out, &error));
    g_assert_cmpmem(out.data, out.size,
                    "\0\0\0\x2a" "\0\0\0\x14" "\0\0\0\1\0\0\0\4gone" "\0\0\0\2" "\0\0\0\0" "\0\0\0\0\0\0\0\0\0\0\0\0"
                    "\xff\xff\xff\xff" "\xff\xff\xff\xff" "\0\0\0\0", 52);
    xdr_out_deinit(&out);
}

#define TEST(name) g_test_add_func("/rpc/codec/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(every_message_survives_there_and_back_and_no_shorter_one_is_taken);
    TEST(noise_is_refused_or_decoded_but_never_harmful);
    TEST(server_and_client_agree_about_what_there_is);
    TEST(handle_of_a_domain_is_read);
    TEST(bytes_behind_the_arguments_are_ignored);
    TEST(name_to_open_is_present_whatever_the_flag);
    TEST(values_of_all_seven_kinds_are_read);
    TEST(value_of_an_eighth_kind_is_refused);
    TEST(info_of_a_domain_is_written);
    TEST(model_of_the_host_takes_four_bytes_a_character);
    TEST(list_of_domains_is_copied_as_it_is);
    TEST(message_is_written_without_its_callback_id);
    TEST(result_above_its_limit_is_refused);
    TEST(arguments_above_their_limit_are_refused);
    TEST(error_has_all_its_members);
    return g_test_run();
}
