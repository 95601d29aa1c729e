/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small values in documents: numbers and amounts of memory. Pure functions, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* "8192", also with white space before it and a '+', as libvirt takes numbers; false for anything else. */
bool scalar_parse_uint(const char *text, uint64_t *value);
/* A number and its unit (NULL or "": KiB) as KiB, rounded up. VIR_ERR_XML_ERROR for what is no number,
 * VIR_ERR_INVALID_ARG for an unknown unit, VIR_ERR_OVERFLOW. `what` names the element in messages. */
int scalar_parse_memory(const char *text, const char *unit, const char *what, uint64_t *kib, Error *error);
/* A number and its unit (NULL or "": `usual` bytes) as bytes, at most `most`; errors as above. */
int scalar_parse_scaled(const char *text, const char *unit, uint64_t usual, uint64_t most, const char *what,
                        uint64_t *bytes, Error *error);
