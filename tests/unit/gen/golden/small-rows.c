/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * The rows of the small program. */
#include "rpc/small-rows.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "rpc/small-codec.h"

static const Proc rows[12] = {
    [1] = {
        .name = "thing.suspend", .wire_name = "THING_SUSPEND", .api = "virThingSuspend",
        .number = 1, .lane = LANE_DOMAIN, .job = 2,
        .object = PROC_OBJECT_DOMAIN, .object_at = offsetof(SmallThingSuspendArgs, dom),
        .flags = PROC_RO_DENIED,
        .flags_at = -1,
        .error_domain = VIR_FROM_DOMAIN, .ro_flags = 0,
        .args_size = sizeof(SmallThingSuspendArgs), .result_size = 0,
        .decode = small_decode_thing_suspend, .encode = NULL,
        .rights = {
            { "thing", "suspend", 0, 0 },
        },
    },
    [2] = {
        .name = "thing.get_info", .wire_name = "THING_GET_INFO", .api = "virThingGetInfo",
        .number = 2, .lane = LANE_INLINE, .job = 0,
        .object = PROC_OBJECT_DOMAIN, .object_at = offsetof(SmallThingGetInfoArgs, dom),
        .flags = PROC_HIGH,
        .flags_at = offsetof(SmallThingGetInfoArgs, source),
        .error_domain = VIR_FROM_DOMAIN, .ro_flags = 0,
        .args_size = sizeof(SmallThingGetInfoArgs), .result_size = sizeof(SmallThingGetInfoResult),
        .decode = small_decode_thing_get_info, .encode = small_encode_thing_get_info,
        .rights = {
            { "thing", "read", 0, 0 },
            { "thing", "secret", VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE, 0 },
        },
    },
    [3] = {
        .name = "thing.list_all", .wire_name = "THING_LIST_ALL", .api = "",
        .number = 3, .lane = LANE_BULK, .job = 0,
        .object = PROC_OBJECT_NONE, .object_at = 0,
        .flags = 0,
        .flags_at = offsetof(SmallThingListAllArgs, flags),
        .error_domain = VIR_FROM_DOMAIN, .ro_flags = 0,
        .args_size = sizeof(SmallThingListAllArgs), .result_size = sizeof(SmallThingListAllResult),
        .decode = small_decode_thing_list_all, .encode = small_encode_thing_list_all,
        .rights = {
            { "connect", "search", 0, 0 },
        },
        .filter = { "thing", "getattr", 0, 0 },
    },
    [4] = {
        .name = "thing.create", .wire_name = "THING_CREATE", .api = "",
        .number = 4, .lane = LANE_DOMAIN, .job = 2,
        .object = PROC_OBJECT_DOMAIN, .object_at = offsetof(SmallThingCreateArgs, dom),
        .flags = 0,
        .flags_at = -1,
        .error_domain = VIR_FROM_DOMAIN, .ro_flags = 0,
        .args_size = sizeof(SmallThingCreateArgs), .result_size = 0,
        .decode = small_decode_thing_create, .encode = NULL,
    },
    [5] = {
        .name = "thing.create_flags", .wire_name = "THING_CREATE_FLAGS", .api = "",
        .number = 5, .lane = LANE_DOMAIN, .job = 2,
        .object = PROC_OBJECT_DOMAIN, .object_at = offsetof(SmallThingCreateFlagsArgs, dom),
        .flags = 0,
        .flags_at = offsetof(SmallThingCreateFlagsArgs, flags),
        .error_domain = VIR_FROM_DOMAIN, .ro_flags = VIR_DOMAIN_START_PAUSED,
        .args_size = sizeof(SmallThingCreateFlagsArgs), .result_size = sizeof(SmallThingCreateFlagsResult),
        .decode = small_decode_thing_create_flags, .encode = small_encode_thing_create_flags,
        .rights = {
            { "thing", "start", 0, 0 },
            { "thing", "save", 0, VIR_DOMAIN_AFFECT_CONFIG },
        },
    },
    [6] = {
        .name = "thing.put", .wire_name = "THING_PUT", .api = "",
        .number = 6, .lane = LANE_WORKER, .job = 0,
        .object = PROC_OBJECT_NONE, .object_at = 0,
        .flags = PROC_FDS_IN | PROC_FDS_OUT | PROC_STREAM_UP | PROC_STREAM_DOWN | PROC_STREAM_SPARSE,
        .flags_at = offsetof(SmallThingPutArgs, flags),
        .error_domain = VIR_FROM_STORAGE, .ro_flags = 0,
        .args_size = sizeof(SmallThingPutArgs), .result_size = sizeof(SmallThingPutResult),
        .decode = small_decode_thing_put, .encode = small_encode_thing_put,
    },
    [7] = {
        .name = "thing.move", .wire_name = "THING_MOVE", .api = "",
        .number = 7, .lane = LANE_WORKER, .job = 0,
        .object = PROC_OBJECT_NODE_DEVICE, .object_at = offsetof(SmallThingMoveArgs, to),
        .flags = 0,
        .flags_at = -1,
        .error_domain = VIR_FROM_DOMAIN, .ro_flags = 0,
        .args_size = sizeof(SmallThingMoveArgs), .result_size = 0,
        .decode = small_decode_thing_move, .encode = NULL,
    },
    [8] = {
        .name = "connect.open", .wire_name = "CONNECT_OPEN", .api = "",
        .number = 8, .lane = LANE_CONTROL, .job = 0,
        .object = PROC_OBJECT_NONE, .object_at = 0,
        .flags = PROC_BEFORE_AUTH | PROC_BEFORE_OPEN,
        .flags_at = offsetof(SmallConnectOpenArgs, flags),
        .error_domain = VIR_FROM_NONE, .ro_flags = 0,
        .args_size = sizeof(SmallConnectOpenArgs), .result_size = 0,
        .decode = small_decode_connect_open, .encode = NULL,
    },
    [9] = {
        .name = "thing.event_old", .wire_name = "THING_EVENT_OLD", .api = "",
        .number = 9, .lane = LANE_CONTROL, .job = 0,
        .object = PROC_OBJECT_NONE, .object_at = 0,
        .flags = PROC_EVENT,
        .flags_at = -1,
        .error_domain = VIR_FROM_NONE, .ro_flags = 0,
        .args_size = 0, .result_size = sizeof(SmallFixed),
        .decode = NULL, .encode = small_encode_thing_event_old,
    },
    [10] = {
        .name = "thing.event_new", .wire_name = "THING_EVENT_NEW", .api = "",
        .number = 10, .lane = LANE_CONTROL, .job = 0,
        .object = PROC_OBJECT_NONE, .object_at = 0,
        .flags = PROC_EVENT,
        .flags_at = -1,
        .error_domain = VIR_FROM_NONE, .ro_flags = 0,
        .args_size = 0, .result_size = sizeof(SmallThingEventNewMsg),
        .decode = NULL, .encode = small_encode_thing_event_new,
    },
    [11] = {
        .name = "thing.event_gone", .wire_name = "THING_EVENT_GONE", .api = "",
        .number = 11, .lane = LANE_CONTROL, .job = 0,
        .object = PROC_OBJECT_NONE, .object_at = 0,
        .flags = PROC_EVENT,
        .flags_at = -1,
        .error_domain = VIR_FROM_NONE, .ro_flags = 0,
        .args_size = 0, .result_size = sizeof(SmallThingEventGoneMsg),
        .decode = NULL, .encode = small_encode_thing_event_gone,
    },
};

const Program small_program = {
    .name = "small", .number = 0x12345678, .version = 1,
    .procs = rows, .n_procs = 12,
};

const ProcEvent small_events[2] = {
    /* thing.event_new */
    { .number = 10, .family = EVENT_FAMILY_DOMAIN, .id = 3,
      .legacy = 9, .legacy_at = offsetof(SmallThingEventNewMsg, msg) },
    /* thing.event_gone */
    { .number = 11, .family = EVENT_FAMILY_NETWORK, .id = 1,
      .legacy = 0, .legacy_at = 0 },
};
