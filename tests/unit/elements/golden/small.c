/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made from conf/elements by conf/gen; the tables as constant data. */
#include "small.h"

#include "conf/element-private.h"

const ElementNamespace element_namespaces[] = {
    [0] = { "app", "urn:app" },
    { NULL, NULL },
};

static const char *const colour_texts[] = { NULL, "red", "green", "light-blue" };
static const char *const colour_absent[] = { "default" };
const ElementWords colour_words = { 3, 1, colour_texts, colour_absent };
static const char *const joint_kind_texts[] = { NULL, "screw", "nail" };
static const char *const joint_kind_absent[] = { NULL };
const ElementWords joint_kind_words = { 2, 0, joint_kind_texts, joint_kind_absent };

static const ElementCondition wheel_shine_when[] = { { CONDITION_KEY, false, 0, UINT64_C(0x6) } };
static const ElementRow wheel_rows[] = {
    { .name = "size", .name_size = 4, .prefix = UINT64_C(0x657a6973), .place = ROW_ATTR, .kind = KIND_UINT, .flags = ROW_IS_REQUIRED | ROW_IS_ABI, .presence = PRESENT_BYTE, .seen = offsetof(Wheel, has_size), .offset = offsetof(Wheel, size), .more = offsetof(Wheel, has_size), .base = 10 },
    { .name = "shine", .name_size = 5, .prefix = UINT64_C(0x656e696873), .place = ROW_ATTR, .kind = KIND_YESNO, .presence = PRESENT_BYTE, .seen = offsetof(Wheel, shine), .offset = offsetof(Wheel, shine), .base = 10, .conditions = wheel_shine_when, .n_conditions = 1 },
    { .name = "value", .name_size = 5, .prefix = UINT64_C(0x65756c6176), .place = ROW_TEXT, .kind = KIND_STRING, .presence = PRESENT_POINTER, .seen = offsetof(Wheel, value), .offset = offsetof(Wheel, value), .base = 10 },
};
static const uint16_t wheel_deep[] = { 2 };
const ElementType wheel_type = {
    .name = "Wheel", .rows = wheel_rows, .n_rows = 3, .size = sizeof(Wheel),
    .deep = wheel_deep, .n_deep = 1, .phases = PHASE_ATTRIBUTES | PHASE_ATTRIBUTES_WHEN | PHASE_TEXT,
    .open = false, .strict = 0,
    .parsed = NULL,
};

static const ElementRow label_rows[] = {
    { .name = "note", .name_size = 4, .prefix = UINT64_C(0x65746f6e), .place = ROW_LEAF, .kind = KIND_STRING, .presence = PRESENT_POINTER, .seen = offsetof(Label, note), .offset = offsetof(Label, note), .base = 10 },
};
static const uint16_t label_deep[] = { 0 };
const ElementType label_type = {
    .name = "Label", .rows = label_rows, .n_rows = 1, .size = sizeof(Label),
    .deep = label_deep, .n_deep = 1, .phases = PHASE_CHILDREN,
    .open = false, .strict = 0,
    .parsed = NULL,
};

static const ElementCondition toy_wheels_when[] = { { CONDITION_BYTE, true, offsetof(Toy, broken), 0 } };
static const ElementCondition toy_more_when[] = { { CONDITION_HAS, false, offsetof(Toy, axle.has_size), 0 } };
static const ElementRow toy_rows[] = {
    { .name = "colour", .name_size = 6, .prefix = UINT64_C(0x72756f6c6f63), .place = ROW_ATTR, .kind = KIND_ENUM, .flags = ROW_IS_ABI | ROW_HAS_DEFAULT, .presence = PRESENT_BYTE, .seen = offsetof(Toy, colour), .offset = offsetof(Toy, colour), .base = 10, .bad = 67, .initial = INT64_C(1), .words = &colour_words },
    { .name = "weight", .name_size = 6, .prefix = UINT64_C(0x746867696577), .place = ROW_ATTR, .kind = KIND_KIB, .presence = PRESENT_BYTE, .seen = offsetof(Toy, has_weight), .offset = offsetof(Toy, weight), .more = offsetof(Toy, has_weight), .base = 10 },
    { .name = "mode", .name_size = 4, .prefix = UINT64_C(0x65646f6d), .place = ROW_ATTR, .kind = KIND_UINT, .flags = ROW_HAS_OMIT | ROW_HAS_MIN | ROW_HAS_MAX, .presence = PRESENT_BYTE, .seen = offsetof(Toy, has_mode), .offset = offsetof(Toy, mode), .more = offsetof(Toy, has_mode), .base = 0, .show = 4, .omit = INT64_C(0), .min = INT64_C(0), .max = INT64_C(255) },
    { .name = "shelf", .name_size = 5, .prefix = UINT64_C(0x666c656873), .place = ROW_ATTR, .kind = KIND_STRING, .flags = ROW_IS_PATH, .presence = PRESENT_POINTER, .seen = offsetof(Toy, shelf), .offset = offsetof(Toy, shelf), .base = 10 },
    { .name = "uuid", .name_size = 4, .prefix = UINT64_C(0x64697575), .place = ROW_LEAF, .kind = KIND_UUID, .presence = PRESENT_BYTE, .seen = offsetof(Toy, has_uuid), .offset = offsetof(Toy, uuid), .more = offsetof(Toy, has_uuid), .base = 10 },
    { .name = "password", .name_size = 8, .prefix = UINT64_C(0x64726f7773736170), .place = ROW_LEAF, .kind = KIND_STRING, .flags = ROW_IS_SECRET, .presence = PRESENT_POINTER, .seen = offsetof(Toy, password), .offset = offsetof(Toy, password), .base = 10 },
    { .name = "broken", .name_size = 6, .prefix = UINT64_C(0x6e656b6f7262), .place = ROW_FLAG, .presence = PRESENT_BYTE, .seen = offsetof(Toy, broken), .offset = offsetof(Toy, broken) },
    { .name = "metadata", .name_size = 8, .prefix = UINT64_C(0x617461646174656d), .place = ROW_RAW, .presence = PRESENT_POINTER, .seen = offsetof(Toy, metadata), .offset = offsetof(Toy, metadata) },
    { .name = "wheel", .name_size = 5, .prefix = UINT64_C(0x6c65656877), .place = ROW_CHILD, .flags = ROW_IS_UNCOMPARED, .presence = PRESENT_POINTER, .seen = offsetof(Toy, spare), .offset = offsetof(Toy, spare), .type = &wheel_type, .key = KEY_MEMBER, .key_offset = offsetof(Toy, colour) },
    { .name = "axle", .name_size = 4, .prefix = UINT64_C(0x656c7861), .place = ROW_PART, .flags = ROW_IS_KEEP, .presence = PRESENT_BYTE, .seen = offsetof(Toy, has_axle), .offset = offsetof(Toy, axle), .more = offsetof(Toy, has_axle), .type = &wheel_type, .key = KEY_MEMBER, .key_offset = offsetof(Toy, colour) },
    { .name = "wheel", .name_size = 5, .prefix = UINT64_C(0x6c65656877), .place = ROW_LIST, .presence = PRESENT_COUNT, .seen = offsetof(Toy, n_wheels), .offset = offsetof(Toy, wheels), .more = offsetof(Toy, n_wheels), .type = &wheel_type, .key = KEY_MEMBER, .key_offset = offsetof(Toy, colour), .conditions = toy_wheels_when, .n_conditions = 1 },
    { .name = "*", .name_size = 1, .prefix = UINT64_C(0x2a), .place = ROW_LIST, .presence = PRESENT_COUNT, .seen = offsetof(Toy, n_joints), .offset = offsetof(Toy, joints), .more = offsetof(Toy, n_joints), .words = &joint_kind_words, .type = &joint_type, .name_offset = offsetof(Joint, kind) },
    { .name = "label", .name_size = 5, .prefix = UINT64_C(0x6c6562616c), .place = ROW_SPLICE, .presence = PRESENT_ALWAYS, .offset = offsetof(Toy, label), .type = &label_type },
    { .name = "more", .name_size = 4, .prefix = UINT64_C(0x65726f6d), .place = ROW_CHILD, .presence = PRESENT_POINTER, .seen = offsetof(Toy, more), .offset = offsetof(Toy, more), .namespace = 1, .type = &label_type, .conditions = toy_more_when, .n_conditions = 1 },
};
static const uint16_t toy_deep[] = { 3, 5, 7, 8, 9, 10, 11, 12, 13 };
const ElementType toy_type = {
    .name = "Toy", .rows = toy_rows, .n_rows = 14, .size = sizeof(Toy),
    .deep = toy_deep, .n_deep = 9, .phases = PHASE_ATTRIBUTES | PHASE_CHILDREN | PHASE_CHILDREN_WHEN,
    .open = false, .strict = 0,
    .parsed = toy_parsed,
};

static const ElementRow joint_rows[] = {
    { .name = "kind", .name_size = 4, .prefix = UINT64_C(0x646e696b), .place = ROW_ATTR, .kind = KIND_ENUM, .flags = ROW_IS_UNREAD | ROW_IS_UNWRITTEN, .presence = PRESENT_BYTE, .seen = offsetof(Joint, kind), .offset = offsetof(Joint, kind), .base = 10, .words = &joint_kind_words },
    { .name = "depth", .name_size = 5, .prefix = UINT64_C(0x6874706564), .place = ROW_ATTR, .kind = KIND_LONG, .flags = ROW_IS_LIVE, .presence = PRESENT_BYTE, .seen = offsetof(Joint, has_depth), .offset = offsetof(Joint, depth), .more = offsetof(Joint, has_depth), .base = 10, .shown = joint_depth_shown },
};
const ElementType joint_type = {
    .name = "Joint", .rows = joint_rows, .n_rows = 2, .size = sizeof(Joint),
    .deep = NULL, .n_deep = 0, .phases = PHASE_ATTRIBUTES,
    .open = true, .strict = 67,
    .parsed = NULL,
};
