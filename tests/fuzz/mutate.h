/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes to a document that keep it a document: what libFuzzer's bytes seldom hit. One thread. */
#pragma once

#include <stdint.h>

#include <libxml/tree.h>

#include "conf/element-private.h"

/* A tree of `type` that is being changed. */
typedef struct Mutation {
    xmlDoc *doc;
    const ElementType *type;    /* of the root */
    uint64_t random;            /* the state; everything that is chosen follows from it */
} Mutation;

/* One change at a random place: elements are made from the tables, doubled, moved, taken out; attributes and texts get
 * values that the tables know and values at their limits. */
void mutate_tree(Mutation *mutation);
/* Puts an element of `other` into the tree, where the tables have it. */
void mutate_cross(Mutation *mutation, xmlDoc *other);
