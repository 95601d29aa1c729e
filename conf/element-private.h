/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shape of the constant data that conf/gen makes from the tables; for the engine (element*.c) alone. */
#pragma once

#include "conf/element.h"

/* What in the XML a row stands for. */
typedef enum RowPlace {
    ROW_ATTR, ROW_TEXT, ROW_LEAF,                         /* a value, by its kind */
    ROW_FLAG, ROW_RAW,
    ROW_CHILD, ROW_PART, ROW_LIST, ROW_SPLICE,            /* another element's table */
} RowPlace;

typedef enum RowKind {
    KIND_NONE,
    KIND_STRING, KIND_CPUSET,                             /* const char * */
    KIND_ENUM, KIND_YESNO, KIND_ONOFF,                    /* one byte, 0: absent */
    KIND_UINT, KIND_INT,                                  /* four bytes and has_… */
    KIND_ULONG, KIND_LONG, KIND_KIB, KIND_BYTES,          /* eight bytes and has_… */
    KIND_UUID, KIND_MAC,                                  /* and has_… */
} RowKind;

typedef enum RowFlags {
    ROW_IS_REQUIRED = 1 << 0,
    ROW_IS_LENIENT = 1 << 1,
    ROW_IS_NONZERO = 1 << 2,
    ROW_IS_NONEMPTY = 1 << 3,
    ROW_IS_SECRET = 1 << 4,
    ROW_IS_LIVE = 1 << 5,
    ROW_IS_KEEP = 1 << 6,
    ROW_IS_UNREAD = 1 << 7,
    ROW_IS_UNWRITTEN = 1 << 8,
    ROW_IS_ABI = 1 << 9,
    ROW_HAS_DEFAULT = 1 << 10,
    ROW_HAS_OMIT = 1 << 11,
    ROW_HAS_MIN = 1 << 12,
    ROW_HAS_MAX = 1 << 13,
    ROW_IS_AGAIN = 1 << 14,
    ROW_IS_WRAPS = 1 << 15,
    ROW_IS_MERGE = 1 << 16,
    ROW_IS_UNCOMPARED = 1 << 17,
    ROW_IS_PATH = 1 << 18,
} RowFlags;

typedef enum ConditionKind {
    CONDITION_KEY,        /* the element's key is one of the mask */
    CONDITION_BYTE,       /* an enumeration, a tristate or a flag */
    CONDITION_POINTER, CONDITION_COUNT, CONDITION_HAS,
} ConditionKind;

typedef struct ElementCondition {
    uint8_t kind;
    bool negate;
    uint16_t offset;
    uint64_t mask;        /* bit of each word that will do; 0: any value but "absent" */
} ElementCondition;

typedef enum ElementPresence { PRESENT_ALWAYS, PRESENT_BYTE, PRESENT_POINTER, PRESENT_COUNT } ElementPresence;

typedef enum RowKey { KEY_NONE, KEY_SAME, KEY_MEMBER } RowKey;

struct ElementRow {
    const char *name;
    uint64_t prefix;      /* of the name: see element_prefix */
    uint8_t name_size;
    uint8_t place, kind;
    uint8_t presence;     /* ElementPresence: how one sees whether the member has a value */
    uint8_t namespace;    /* 0: none, else 1 + the index in element_namespaces */
    uint8_t base, show;   /* of numbers; show: hexadecimal digits, 16 + octal digits, 0: decimal */
    uint8_t bad, missing; /* VIR_ERR_*, 0: the usual one */
    uint8_t key;          /* RowKey */
    uint8_t n_conditions;
    uint32_t flags;       /* RowFlags */
    uint16_t offset;      /* of the member */
    uint16_t more;        /* of has_… or n_… */
    uint16_t seen;        /* where presence looks */
    uint16_t key_offset;
    uint16_t name_offset; /* of a list with words: the member of an item that says its name */
    int64_t initial, omit, min, max;
    const char *initial_text, *omit_text;
    const ElementWords *words;    /* of an enumeration; of a list: the names that its items may have */
    const ElementType *type;
    const ElementCondition *conditions;
    bool (*shown)(const void *self, const ElementFormat *format);
};

struct ElementType {
    const char *name;
    const ElementRow *rows;
    const uint16_t *deep; /* the rows whose members point to something, for copies */
    uint16_t n_rows, n_deep, size;
    uint8_t phases;       /* which of the parser's passes have rows: ElementPhases */
    bool open;            /* written as two tags even without children */
    uint8_t strict;       /* VIR_ERR_* for a child that no row names; 0: it is left out */
    int (*parsed)(void *self, ElementParse *parse);
};

/* The parser's passes over the rows of an element. */
typedef enum ElementPhases {
    PHASE_ATTRIBUTES = 1 << 0,             /* attributes, text and splices without conditions */
    PHASE_ATTRIBUTES_WHEN = 1 << 1,        /* those with conditions */
    PHASE_CHILDREN = 1 << 2,
    PHASE_CHILDREN_WHEN = 1 << 3,
    PHASE_TEXT = 1 << 4,                   /* not a pass: the element, or a splice of it, may have a text */
} ElementPhases;

typedef struct ElementNamespace {
    const char *prefix, *uri;
} ElementNamespace;
/* By number; ends with a NULL prefix. */
extern const ElementNamespace element_namespaces[];

#define ROW_AT(self, offset, type) (*(type *)((char *)(self) + (offset)))

/* The first eight bytes of a name, zeros behind a shorter one: most names differ in them. */
static inline uint64_t element_prefix(const char *name)
{
    uint64_t prefix = 0;

    for (unsigned i = 0; i < 8 && name[i]; i++)
        prefix |= (uint64_t)(uint8_t)name[i] << (8 * i);
    return prefix;
}

static inline void *row_at(const void *self, size_t offset)
{
    return (char *)self + offset;
}

static inline bool row_has_member(const ElementRow *row)
{
    return row->place == ROW_PART || row->kind >= KIND_UINT;
}

/* Does the row exist for this element? */
bool element_row_holds(const ElementRow *row, const void *self, unsigned key);
unsigned element_row_key(const ElementRow *row, const void *self, unsigned key);
/* Has the member a value? A splice always has. */
static inline bool element_row_is_set(const ElementRow *row, const void *self)
{
    const void *at = row_at(self, row->seen);

    switch ((ElementPresence)row->presence) {
    case PRESENT_BYTE:
        return *(const uint8_t *)at != 0;
    case PRESENT_POINTER:
        return *(void *const *)at != NULL;
    case PRESENT_COUNT:
        return *(const unsigned *)at != 0;
    case PRESENT_ALWAYS:
        break;
    }
    return true;
}
/* How many items an array of n has room for: element_list_add counts on it. */
unsigned element_list_room(unsigned n);

/* element-value.c: the text of an attribute, leaf or text as the member's value, and back. `unit` is the attribute's
 * text for amounts (NULL: none). */
int element_value_parse(const ElementRow *row, void *self, const char *text, const char *unit, ElementParse *parse);
void element_value_format(const ElementRow *row, const void *self, GString *out, bool attribute);
/* For a row without text in the document. */
void element_value_default(const ElementRow *row, void *self);
bool element_value_equal(const ElementRow *row, const void *a, const void *b);
/* A number that the row does not show (omit=). */
bool element_value_is_omitted(const ElementRow *row, const void *self);
