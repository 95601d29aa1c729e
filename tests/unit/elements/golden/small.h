/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made from conf/elements by conf/gen; the structs. */
#pragma once

#include "conf/element.h"
#include "conf/element-head.h"

#define NAMESPACE_APP (1u << 0)    /* urn:app */

/* what it looks like */
typedef enum __attribute__((packed)) Colour {
    COLOUR_ABSENT,
    COLOUR_RED,
    COLOUR_GREEN,
    COLOUR_LIGHT_BLUE,
} Colour;
extern const ElementWords colour_words;

typedef enum __attribute__((packed)) JointKind {
    JOINT_KIND_ABSENT,
    JOINT_KIND_SCREW,
    JOINT_KIND_NAIL,
} JointKind;
extern const ElementWords joint_kind_words;

/* What it rolls on. */
typedef struct Wheel {
    const char *value;
    unsigned size;
    bool has_size;
    Tristate shine;
} Wheel;

/* What several elements have. */
typedef struct Label {
    const char *note;
} Label;

/* A toy; the root of the example. */
typedef struct Toy {
    Wheel axle;
    Label label;
    uint64_t weight;
    const char *shelf;
    const char *password;
    const char *metadata;
    struct Wheel *spare;
    struct Wheel **wheels;
    struct Joint **joints;
    struct Label *more;
    unsigned mode;
    unsigned n_wheels;
    unsigned n_joints;
    Colour colour;
    bool has_weight;
    bool has_mode;
    Uuid uuid;
    bool has_uuid;
    bool broken;
    bool has_axle;
} Toy;

/* What holds two parts together. */
typedef struct Joint {
    int64_t depth;
    JointKind kind;
    bool has_depth;
} Joint;

extern const ElementType wheel_type;
extern const ElementType label_type;
extern const ElementType toy_type;
extern const ElementType joint_type;

/* The hooks, beside the tables in conf/elements. */
bool joint_depth_shown(const void *self, const ElementFormat *format);
int toy_parsed(void *self, ElementParse *parse);
