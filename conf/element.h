/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What follows from the tables in conf/elements: parse, format, copy and compare for any element, and what the
 * hooks beside the tables may use. The structs themselves are in the generated conf/elements.h.
 * Pure functions of their arguments: any thread, no lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>
#include <libxml/tree.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/uuid.h"

/* "yes"/"no" and "on"/"off". */
typedef enum __attribute__((packed)) Tristate { TRISTATE_ABSENT, TRISTATE_YES, TRISTATE_NO } Tristate;

typedef struct MacAddress {
    uint8_t bytes[6];
} MacAddress;

/* The table of one element; made by conf/gen/elements.py. */
typedef struct ElementType ElementType;
typedef struct ElementRow ElementRow;

typedef enum ElementFlags {
    ELEMENT_INACTIVE = 1 << 0,     /* a definition: rows marked `live` are neither read nor written */
    ELEMENT_SECURE = 1 << 1,       /* rows marked `secret` are written */
    ELEMENT_STORED = 1 << 2,       /* from our own store: no rule refuses it */
    ELEMENT_MIGRATABLE = 1 << 3,   /* for another host: what only this one's libvirt would add is left out */
    ELEMENT_UNJUDGED = 1 << 4,     /* no rule refuses it, else as from a client */
} ElementFlags;

/* Where the parser is: one for each element that is open. */
typedef struct ElementPlace {
    const struct ElementPlace *above;    /* NULL at the root */
    const ElementType *type;
    const xmlNode *node;
    void *self;                          /* the struct of this element */
    const struct ElementContent *content;    /* the engine's: what the node holds */
} ElementPlace;

typedef struct ElementParse {
    /* fixed while parsing */
    Arena *arena;                  /* everything that is made lives here */
    Error *error;
    unsigned flags;                /* ElementFlags */
    unsigned namespaces;           /* bits of the drivers' namespaces that are read: NAMESPACE_* */
    /* where it is */
    const ElementPlace *place;     /* the innermost element */
} ElementParse;

typedef struct ElementFormat {
    GString *out;
    unsigned flags;                /* ElementFlags */
    const void *above;             /* the struct of the element around the one whose hook is asked; NULL at the root */
    const char *root_extra;        /* put behind the attributes of the outermost element; NULL: nothing */
} ElementFormat;

/* --- for hooks --------------------------------------------------------------------------------- */

/* Sets the error, its text headed by the place in the document ("domain/devices/disk[2]: …").
 * `code`: VIR_ERR_*; `format`: a whole translated sentence. Returns -1. */
int element_fail(ElementParse *parse, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The struct around the one whose hook is running, `levels` elements up (1: the element that contains it; a splice
 * is a level of its own); NULL above the root. Its attributes are there already. */
void *element_above(const ElementParse *parse, unsigned levels);
/* The XML node of the element whose hook is running. */
const xmlNode *element_node(const ElementParse *parse);
/* 0, or element_fail with that code when the element has more than one child of the name. Other elements than the
 * ones that ask may be there twice: the first counts. */
int element_refuse_several(ElementParse *parse, const char *name, int code);
/* A zeroed struct of that type in the parse's arena: ELEMENT_NEW(parse->arena, DiskSource). */
#define ELEMENT_NEW(arena, Type) ((Type *)arena_zalloc(arena, sizeof(Type)))
/* Makes room for one more at the end of a list member and puts `item` there; the old array stays in the arena.
 *   element_list_add(arena, (void ***)&devices->controllers, &devices->n_controllers, controller); */
void element_list_add(Arena *arena, void ***items, unsigned *n, void *item);
void element_list_insert(Arena *arena, void ***items, unsigned *n, unsigned at, void *item);
void element_list_remove(void **items, unsigned *n, unsigned at);

/* The word of an enumeration's value, NULL for 0: element_word(disk_bus_words, bus); each enumeration X of the
 * tables has x_words. */
typedef struct ElementWords {
    uint8_t n;                     /* words[1] … words[n]; words[0] is NULL */
    uint8_t n_absent;              /* words that mean absent */
    const char *const *words;
    const char *const *absent;
} ElementWords;
const char *element_word(const ElementWords *words, unsigned value);
/* The value of a word; 0 for one that means absent, -1 when it isn't known. */
int element_value(const ElementWords *words, const char *word);

/* A number and its unit (NULL or "": `unit_bytes`) as bytes. 0, or -1 and VIR_ERR_XML_ERROR for what is no number,
 * VIR_ERR_INVALID_ARG for an unknown unit, VIR_ERR_OVERFLOW. */
int element_scaled(ElementParse *parse, const char *value, const char *unit, uint64_t unit_bytes, uint64_t *bytes);
/* "52:54:00:12:34:56"; like libvirt it doesn't look at what stands behind a white space there. False leaves *mac in
 * any state. */
bool mac_parse(const char *text, MacAddress *mac);

/* --- for whoever has a document ---------------------------------------------------------------- */

/* Fills `self` (zeroed, of type->size bytes) from `node`. Strings point into the node's document or the arena: both
 * must live until element_pack. 0; 1 when its hook wants it forgotten; or -1 and an error. */
int element_parse(const ElementType *type, void *self, const xmlNode *node, unsigned key, ElementParse *parse);
/* Writes the element as <name …> at this depth (two spaces a level). */
void element_format(const ElementType *type, const void *self, const char *name, unsigned key, unsigned depth,
                    ElementFormat *format);
/* A deep copy in one allocation of *size bytes that begins with the struct; g_free frees it all. */
void *element_pack(const ElementType *type, const void *self, size_t *size);
/* The namespaces (NAMESPACE_*) of what the element's own rows hold. */
unsigned element_namespaces_used(const ElementType *type, const void *self);
/* " xmlns:prefix='uri'" for each of them. */
void element_put_namespaces(GString *out, unsigned namespaces);
/* A deep copy in an arena. */
void *element_copy(const ElementType *type, const void *self, Arena *arena);
bool element_equal(const ElementType *type, const void *a, const void *b);
/* Compares what is marked `abi`. 0, or -1 and VIR_ERR_CONFIG_UNSUPPORTED that names the place and both values. */
int element_check_abi(const ElementType *type, const void *from, const void *to, const char *name, Error *error);
