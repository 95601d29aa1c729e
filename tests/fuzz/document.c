/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzzes the domain document: whatever parses must be formatted, copied, compared and changed without contradictions.
 * What is printed must be accepted again, from a client as well as from the store, and be printed as the same text.
 * The mutator (mutate.c) changes the XML by the tables; the rows that a document fills count as coverage. One thread. */
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "conf/config-private.h"
#include "conf/device.h"
#include "conf/element-private.h"
#include "conf/rules/rules.h"
#include "conf/xml.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/quirks.h"

#define ALL (DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE | DOMAIN_FORMAT_UPDATE_CPU | DOMAIN_FORMAT_MIGRATABLE)
#define DEFINED (DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE)    /* what the store keeps */

static const DomainRules rules = { .default_arch = "i686", .interface_prefix = "testnet", .namespaces = ~0u };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t max_out_size, unsigned seed);

G_NORETURN static void fail(const char *what, const char *before, const char *after)
{
    g_printerr("%s\n--- before\n%s\n--- after\n%s\n", what, before, after ? after : "(none)");
    abort();
}

/* --- what a document fills --------------------------------------------------------------------- */

typedef void Visit(const ElementRow *row, const void *self);

/* Calls it for each row that has a value, with the struct that has the member. */
static void visit(const ElementType *type, const void *self, Visit *each)
{
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        if (!element_row_is_set(row, self))
            continue;
        each(row, self);
        if (row->place == ROW_CHILD)
            visit(row->type, ROW_AT(self, row->offset, void *const), each);
        else if (row->place == ROW_PART || row->place == ROW_SPLICE)
            visit(row->type, row_at(self, row->offset), each);
        else if (row->place == ROW_LIST)
            for (unsigned i = 0; i < ROW_AT(self, row->more, const unsigned); i++)
                visit(row->type, ROW_AT(self, row->offset, void **const)[i], each);
    }
}

/* libFuzzer keeps an input that sets one of these for the first time: the tables are data, so their rows leave no
 * trace in the code that runs. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t filled[1 << 14];

/* The place relative to other constant data is the same in each run. */
static void count(const ElementRow *row, const void *self)
{
    uint64_t what = (uintptr_t)row - (uintptr_t)&domain_config_type;

    if (row->kind == KIND_ENUM || row->kind == KIND_YESNO || row->kind == KIND_ONOFF)
        what = what * 64 + ROW_AT(self, row->offset, const uint8_t);
    filled[what * UINT64_C(0x9e3779b97f4a7c15) >> 50] = 1;
}

static xmlDoc *read_tree(const uint8_t *data, size_t size)
{
    return xml_parse((const char *)data, size, DOMAIN_TEXT_LIMIT, "fuzz", VIR_FROM_DOMAIN, NULL);
}

/* --- text -------------------------------------------------------------------------------------- */

static DomainConfig *parse_again(const char *text, unsigned flags, const char *what)
{
    Error error = ERROR_INIT;
    DomainConfig *config = domain_config_parse(text, strlen(text), &rules, flags, &error);

    if (!config)
        fail(what, text, error.message);
    return config;
}

static void check_text(const DomainConfig *config, unsigned flags, const char *expected, const char *what)
{
    g_autofree char *text = domain_config_format(config, -1, flags);

    if (strcmp(text, expected) != 0)
        fail(what, expected, text);
}

static void check_abi(const DomainConfig *a, const DomainConfig *b, const char *text, const char *what)
{
    Error error = ERROR_INIT;

    if (domain_config_check_abi(a, b, &error) < 0 || domain_config_check_abi(b, a, &error) < 0)
        fail(what, text, error.message);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sorted_lines(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    qsort(lines, g_strv_length(lines), sizeof *lines, compare_lines);
    return g_strjoinv("\n", lines);
}

/* Disks and controllers are sorted by what the client said, so what was filled in can give them another order. */
static bool is_other_order(const DomainConfig *config, unsigned format_flags, const char *text)
{
    g_autofree char *other = domain_config_format(config, -1, format_flags);
    g_autofree char *a = sorted_lines(text), *b = sorted_lines(other);

    return strcmp(text, other) != 0 && strcmp(a, b) == 0;
}

/* What is printed with these flags may be read again with those, and is the same guest. */
static void check_round(const DomainConfig *config, unsigned format_flags, unsigned parse_flags)
{
    g_autofree char *text = domain_config_format(config, -1, format_flags);
    g_autoptr(DomainConfig) stored = parse_again(text, parse_flags | DOMAIN_PARSE_STORED, "refused by the store");
    g_autoptr(DomainConfig) given = NULL;

    if (!(known_quirks(config) & QUIRK_STORED))
        check_text(stored, format_flags, text, "changed by the store");
    if (known_quirks(config) & QUIRK_REFUSED)
        return;
    given = parse_again(text, parse_flags, "refused from a client");
    if (known_quirks(config) & QUIRK_CHANGED || is_other_order(given, format_flags, text))
        return;
    check_text(given, format_flags, text, "changed from a client");
    check_abi(config, given, text, "another guest from a client");
}

/* Whatever is shown may be stored, in each shape; one of them is tried. */
static void check_shape(const DomainConfig *config, unsigned flags)
{
    g_autofree char *text = domain_config_format(config, flags & DOMAIN_FORMAT_INACTIVE ? -1 : 1, flags);

    domain_config_unref(parse_again(text, DOMAIN_PARSE_STORED, "refused in one of its shapes"));
}

static void refuse_secret(const ElementRow *row, const void *self)
{
    if (row->flags & ROW_IS_SECRET)
        fail("a secret is shown", row->name, "");
}

static void check_without_secrets(const DomainConfig *config)
{
    g_autofree char *text = domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE);
    g_autoptr(DomainConfig) again = parse_again(text, DOMAIN_PARSE_STORED, "refused without its secrets");

    visit(&domain_config_type, again, refuse_secret);
}

/* How long a text can be in terms of the memory that its config takes: conf/config-parse.c measures only where it
 * could be above the limit. */
static void check_size(const uint8_t *document, size_t size, const char *text)
{
    g_autoptr(xmlDoc) doc = read_tree(document, size);
    g_autoptr(DomainConfig) config = NULL;
    size_t packed = 0;

    if (doc)
        config = domain_config_parse_node(xmlDocGetRootElement(doc), &rules, 0, &packed, NULL);
    if (config && strlen(text) > 16 * packed)
        fail("longer than its size in memory allows", "", text);
}

/* --- objects ----------------------------------------------------------------------------------- */

static void check_same(const DomainConfig *config, const DomainConfig *other, const char *text, const char *what)
{
    if (!element_equal(&domain_config_type, config, other) || !element_equal(&domain_config_type, other, config))
        fail(what, text, "not equal");
    check_text(other, DEFINED, text, what);
    check_abi(config, other, text, what);
}

static void check_copies(const DomainConfig *config, const char *text)
{
    g_autoptr(DomainConfig) copy = domain_config_copy(config);
    Arena arena;

    check_same(config, config, text, "a document differs from itself");
    check_same(config, copy, text, "a copy differs");
    arena_init(&arena, NULL, 0);
    check_same(config, element_copy(&domain_config_type, config, &arena), text, "a copy in an arena differs");
    arena_reset(&arena);
}

/* --- devices ----------------------------------------------------------------------------------- */

/* One of the devices as a document of its own; NULL when there is none. */
static char *cut_device(const char *text, size_t choice)
{
    g_autoptr(xmlDoc) doc = xml_parse(text, strlen(text), DOMAIN_STORED_TEXT_LIMIT, "fuzz", VIR_FROM_DOMAIN, NULL);
    xmlNode *devices = xml_child(xmlDocGetRootElement(doc), "devices"), *chosen = NULL;
    unsigned n = 0;
    g_autoptr(xmlBuffer) out = xmlBufferCreate();

    for (xmlNode *child = xml_element(devices->children); child; child = xml_element(child->next))
        if (!xml_is(child, "emulator") && choice % ++n == 0)
            chosen = child;
    if (!chosen)
        return NULL;
    xmlNodeDump(out, doc, chosen, 0, 0);
    return g_strdup((const char *)xmlBufferContent(out));
}

/* Whether it holds something that isn't printed, such as a label that leaves everything as it is: then a device that is
 * cut out of the text may be none of those in it. */
static bool holds_more_than_text(const DomainConfig *config, const char *text)
{
    g_autoptr(DomainConfig) other = parse_again(text, DOMAIN_PARSE_STORED, "refused by the store");

    return !element_equal(&domain_config_type, config, other);
}

/* A change of a copy; NULL when it is refused. What comes out is a document like any other. */
static DomainConfig *try_change(const DomainConfig *config, DeviceChange kind, const char *device, unsigned flags,
                                Error *error)
{
    g_autoptr(DomainConfig) changed = domain_config_copy(config);

    error_clear(error);
    if (domain_config_change_device(changed, kind, device, strlen(device), &rules, flags, error) < 0) {
        if (error->code == VIR_ERR_OK || !error->message)
            fail("a change is refused without an error", device, NULL);
        return NULL;
    }
    check_round(changed, DEFINED, flags & DOMAIN_PARSE_LIVE);
    return g_steal_pointer(&changed);
}

/* A device of the document is taken out and put back. */
static void check_attach(const DomainConfig *config, const char *text, const char *device)
{
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) without = try_change(config, DEVICE_DETACH, device, 0, &error);
    g_autoptr(DomainConfig) with = NULL;
    g_autoptr(DomainConfig) twice = NULL;

    if (error.code == VIR_ERR_DEVICE_MISSING && !holds_more_than_text(config, text))
        fail("a device of the document isn't found", text, device);
    if (without)
        with = try_change(without, DEVICE_ATTACH, device, 0, &error);
    twice = try_change(config, DEVICE_ATTACH, device, 0, &error);
    error_clear(&error);
}

/* A device of the document is put in the place of itself. */
static void check_update(const DomainConfig *config, const char *text, const char *device)
{
    unsigned quirks = known_quirks(config);
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) updated = try_change(config, DEVICE_UPDATE, device, 0, &error);
    g_autoptr(DomainConfig) running = NULL;

    if (error.code == VIR_ERR_DEVICE_MISSING && !holds_more_than_text(config, text))
        fail("a device of the document isn't found", text, device);
    if (!updated && error.code != VIR_ERR_OPERATION_FAILED && error.code != VIR_ERR_DEVICE_MISSING
        && !(quirks & QUIRK_REFUSED))
        fail("a device can't take its own place", device, error.message);
    if (updated && !quirks && !is_other_order(updated, DEFINED, text))
        check_text(updated, DEFINED, text, "changed by a device in its own place");
    running = try_change(config, DEVICE_UPDATE, device, DOMAIN_PARSE_LIVE, &error);
    if (!running && error.code == VIR_ERR_OPERATION_UNSUPPORTED && !quirks)
        fail("a device that stays the same can't be updated", device, error.message);
    error_clear(&error);
}

/* --- the target -------------------------------------------------------------------------------- */

/* A running domain's: what only it has stays when it is read as such. */
static void check_live(const uint8_t *data, size_t size)
{
    g_autoptr(DomainConfig) config = domain_config_parse((const char *)data, size, &rules, DOMAIN_PARSE_LIVE, NULL);

    if (config)
        check_round(config, DOMAIN_FORMAT_SECURE, DOMAIN_PARSE_LIVE);
}

/* No rule refuses what is stored, nor what we make of it. */
static void check_stored(const uint8_t *data, size_t size)
{
    g_autoptr(DomainConfig) config = domain_config_parse((const char *)data, size, &rules, DOMAIN_PARSE_STORED, NULL);
    g_autofree char *text = config ? domain_config_format(config, -1, DEFINED) : NULL;

    if (text)
        domain_config_unref(parse_again(text, DOMAIN_PARSE_STORED, "refused by the store that it is from"));
}

/* All checks of one document are some twenty parses: each gets a fourth of them, by lot that falls the same way every
 * time; with DROVER_FUZZ_ALL in the environment all of them. */
static bool is_turn(unsigned lot, unsigned check)
{
    return lot % 4 == check || getenv("DROVER_FUZZ_ALL");
}

static void check_good(const DomainConfig *config, const uint8_t *data, size_t size, unsigned lot)
{
    g_autofree char *text = domain_config_format(config, -1, DEFINED);
    g_autofree char *device = cut_device(text, lot / 4);

    visit(&domain_config_type, config, count);
    check_round(config, DEFINED, 0);
    if (is_turn(lot, 0)) {
        check_without_secrets(config);
        check_shape(config, lot / 4 & ALL);
    }
    if (is_turn(lot, 1)) {
        check_size(data, size, text);
        check_copies(config, text);
    }
    if (device && is_turn(lot, 2))
        check_attach(config, text, device);
    if (device && is_turn(lot, 3))
        check_update(config, text, device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) config = domain_config_parse((const char *)data, size, &rules, 0, &error);
    g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
    unsigned lot = g_bytes_hash(bytes);

    if (is_turn(lot, 0) || is_turn(lot, 1))
        check_live(data, size);
    if (is_turn(lot, 2) || is_turn(lot, 3))
        check_stored(data, size);
    if (config)
        check_good(config, data, size, lot);
    else if (error.code == VIR_ERR_OK || !error.message)
        fail("refused without an error", "", NULL);
    error_clear(&error);
    return 0;
}

/* --- the mutator -------------------------------------------------------------------------------- */

/* The tree as text; 0 when it is longer than that. */
static size_t write_tree(xmlDoc *doc, uint8_t *out, size_t max_size)
{
    g_autoptr(xmlBuffer) text = xmlBufferCreate();
    int size = xmlNodeDump(text, doc, xmlDocGetRootElement(doc), 0, 0);

    if (size <= 0 || (size_t)size > max_size)
        return 0;
    memcpy(out, xmlBufferContent(text), (size_t)size);
    return (size_t)size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    g_autoptr(xmlDoc) doc = seed % 32 ? read_tree(data, size) : NULL;
    Mutation mutation = { .doc = doc, .type = &domain_config_type, .random = seed };
    size_t made;

    if (!doc)
        return LLVMFuzzerMutate(data, size, max_size);
    for (unsigned n = 1 + seed / 32 % 4; n > 0; n--)
        mutate_tree(&mutation);
    made = write_tree(doc, data, max_size);
    return made ? made : LLVMFuzzerMutate(data, size, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t max_out_size, unsigned seed)
{
    g_autoptr(xmlDoc) doc = read_tree(data, size);
    g_autoptr(xmlDoc) more = read_tree(other, other_size);
    Mutation mutation = { .doc = doc, .type = &domain_config_type, .random = seed };

    if (!doc || !more)
        return 0;
    mutate_cross(&mutation, more);
    return write_tree(doc, out, max_out_size);
}
