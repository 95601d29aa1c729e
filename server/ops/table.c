/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which procedures of the remote program have a hand-written body, and which functions those are.
 * Constant data; everything that is not here is a driver's operation. */
#include "server/ops/ops.h"

#include "rpc/remote-rows.h"

const Hand remote_hands[] = {
    [REMOTE_PROC_CONNECT_OPEN] = { .run = connect_open },
    [REMOTE_PROC_CONNECT_CLOSE] = { .run = connect_close },
    [REMOTE_PROC_CONNECT_SUPPORTS_FEATURE] = { .run = connect_supports_feature },
    [REMOTE_PROC_CONNECT_GET_TYPE] = { .run = connect_get_type },
    [REMOTE_PROC_CONNECT_GET_URI] = { .run = connect_get_uri },
    [REMOTE_PROC_CONNECT_GET_LIB_VERSION] = { .run = connect_get_lib_version },
    [REMOTE_PROC_AUTH_LIST] = { .run = auth_list },
    [REMOTE_PROC_AUTH_SASL_INIT] = { .run = auth_sasl_init },
    [REMOTE_PROC_AUTH_SASL_START] = { .run = auth_sasl_start },
    [REMOTE_PROC_AUTH_SASL_STEP] = { .run = auth_sasl_step },
    [REMOTE_PROC_AUTH_POLKIT] = { .later = auth_polkit_ask, .run = auth_refuse },
    [REMOTE_PROC_CONNECT_REGISTER_CLOSE_CALLBACK] = { .run = close_callback_accept },
    [REMOTE_PROC_CONNECT_UNREGISTER_CLOSE_CALLBACK] = { .run = close_callback_accept },
    [REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER] = { .run = domain_event_register_oldest },
    [REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER] = { .run = domain_event_deregister_oldest },
    [REMOTE_PROC_CONNECT_DOMAIN_EVENT_REGISTER_ANY] = { .run = domain_event_register_legacy },
    [REMOTE_PROC_CONNECT_DOMAIN_EVENT_DEREGISTER_ANY] = { .run = domain_event_deregister_legacy },
    [REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY] = { .run = domain_event_register_any },
    [REMOTE_PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY] = { .run = domain_event_deregister_any },
    [REMOTE_PROC_DOMAIN_DEFINE_XML_FLAGS] = {
        .prepare = define_prepare, .run = define_run, .offered = define_offered, .cancel = claim_cancel,
    },
    [REMOTE_PROC_DOMAIN_CREATE_XML] = {
        .prepare = create_prepare, .run = create_run, .offered = start_offered, .cancel = claim_cancel,
    },
    [REMOTE_PROC_DOMAIN_RESTORE_FLAGS] = {
        .prepare = restore_prepare, .run = restore_run, .offered = restore_offered, .cancel = claim_cancel,
    },
    [REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS] = { .run = start_run, .offered = start_offered },
};

const unsigned n_remote_hands = G_N_ELEMENTS(remote_hands);

const Hand *hand_find(const Program *program, const Proc *proc)
{
    if (program != &remote_program || proc->number >= n_remote_hands || !remote_hands[proc->number].run)
        return NULL;
    return &remote_hands[proc->number];
}
