/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For the friends of list.c: a call's hold on the pages of its host's domain list. */
#pragma once

#include "drivers/driver.h"

/* The pages of all shards, alive until the reply is out; returns how many. */
unsigned op_pages(Op *op, DomainPage *const **pages);
/* -1 and VIR_ERR_RPC: `n` domains, more than REMOTE_LIMIT_DOMAIN_LIST, don't fit into one reply. */
int op_too_many(Op *op, size_t n);
