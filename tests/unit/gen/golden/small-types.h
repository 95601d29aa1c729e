/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * Numbers, limits and structs of the small program. */
#pragma once

#include <stdint.h>

#include "rpc/shared-types.h"

#define SMALL_LIMIT_LIST 8
#define SMALL_LIMIT_BLOB 64

/* Every procedure and event by its number. */
typedef enum SmallProc {
    SMALL_PROC_THING_SUSPEND = 1,
    SMALL_PROC_THING_GET_INFO = 2,
    SMALL_PROC_THING_LIST_ALL = 3,
    SMALL_PROC_THING_CREATE = 4,
    SMALL_PROC_THING_CREATE_FLAGS = 5,
    SMALL_PROC_THING_PUT = 6,
    SMALL_PROC_THING_MOVE = 7,
    SMALL_PROC_CONNECT_OPEN = 8,
    SMALL_PROC_THING_EVENT_OLD = 9,
    SMALL_PROC_THING_EVENT_NEW = 10,
    SMALL_PROC_THING_EVENT_GONE = 11,
} SmallProc;

/* How things are. */
enum {
    SMALL_MOOD_GOOD = 0,
    SMALL_MOOD_BAD = 3,
};

/* Nothing here varies: it is opened up where it is used. */
typedef struct SmallFixed {
    uint64_t number;
    uint8_t state;
    char label[5];
    uint16_t short_;
} SmallFixed;

/* Something inside something. */
typedef struct SmallNested {
    uint32_t n_things;
    RemoteThing *things;
    RemoteThing *owner;    /* NULL: absent */
    uint32_t n_moods;
    int32_t *moods;
} SmallNested;

/* thing.suspend: Arguments, no result. */
typedef struct SmallThingSuspendArgs {
    RemoteThing dom;
} SmallThingSuspendArgs;

/* thing.get_info: A result of fixed size, with numbers of every length. */
typedef struct SmallThingGetInfoArgs {
    RemoteThing dom;
    uint32_t source;
} SmallThingGetInfoArgs;

/* thing.get_info: A result of fixed size, with numbers of every length. */
typedef struct SmallThingGetInfoResult {
    uint8_t state;
    uint64_t memory;
    int32_t id;
    SmallFixed fixed;
    uint8_t key[6];
} SmallThingGetInfoResult;

/* thing.list_all: An array that the server holds encoded already. */
typedef struct SmallThingListAllArgs {
    int32_t need_results;
    uint32_t flags;
} SmallThingListAllArgs;

/* thing.list_all: An array that the server holds encoded already. */
typedef struct SmallThingListAllResult {
    XdrEncoded things;
    uint32_t ret;
} SmallThingListAllResult;

/* thing.create: An older form. */
typedef struct SmallThingCreateArgs {
    RemoteThing dom;
    uint32_t n_names;
    const char **names;
    uint8_t uuid[16];
} SmallThingCreateArgs;

/* thing.create_flags: The newer form; its result is not wanted by the older one. */
typedef struct SmallThingCreateFlagsArgs {
    RemoteThing dom;
    uint32_t n_names;
    const char **names;
    uint8_t uuid[16];
    uint32_t flags;
    const char *extra;    /* NULL: absent */
} SmallThingCreateFlagsArgs;

/* thing.create_flags: The newer form; its result is not wanted by the older one. */
typedef struct SmallThingCreateFlagsResult {
    RemoteThing dom;
} SmallThingCreateFlagsResult;

/* thing.put: Everything else: a word of C as a name, optional values, bytes, files, a stream. Names may go on in the next line. */
typedef struct SmallThingPutArgs {
    double default_;
    uint32_t n_params;
    RemoteParam *params;
    SmallNested nested;
    XdrBytes blob;
    int32_t mood;
    int64_t *number;    /* NULL: absent */
    SmallFixed *fixed;    /* NULL: absent */
    uint32_t flags;
} SmallThingPutArgs;

/* thing.put: Everything else: a word of C as a name, optional values, bytes, files, a stream. Names may go on in the next line. */
typedef struct SmallThingPutResult {
    uint32_t n_all;
    SmallFixed *all;
    uint32_t n_letters;
    char *letters;
} SmallThingPutResult;

/* thing.move: A name that is a handle. */
typedef struct SmallThingMoveArgs {
    const char *to;
} SmallThingMoveArgs;

/* connect.open: The server's own. */
typedef struct SmallConnectOpenArgs {
    const char *name;    /* NULL: absent */
    uint32_t flags;
} SmallConnectOpenArgs;

/* thing.event_new: A message with a callback id and the older one inside. */
typedef struct SmallThingEventNewMsg {
    int32_t reason;
    SmallFixed msg;
} SmallThingEventNewMsg;

/* thing.event_gone: A message with members of its own. */
typedef struct SmallThingEventGoneMsg {
    RemoteThing dom;
} SmallThingEventGoneMsg;
