/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between auth-sasl.c, which leads the exchange, and transport-sasl.c, which encrypts after it. */
#pragma once

#include <sasl/sasl.h>

#include "rpc/transport.h"

/* The security layer that the exchange has agreed on; the connection is borrowed until the transport is freed. NULL: none
 * can be made. */
Transport *transport_sasl_new(sasl_conn_t *connection);
