/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small values in documents: numbers and amounts of memory. Pure functions, any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Numbers as strtoll and strtoull take them: white space and a sign before the digits, in that base (0: as it begins).
 * False, and *value in any state, when that is not the whole text or the number is outside of the limits. A minus
 * sign before an unsigned number is refused unless it `wraps`. */
bool scalar_parse_signed(const char *text, int base, int64_t least, int64_t most, int64_t *value);
bool scalar_parse_unsigned(const char *text, int base, uint64_t most, bool wraps, uint64_t *value);
/* A decimal int at the beginning of *text, which then moves behind it. */
bool scalar_take_int(const char **text, int *number);
#define WWN_DIGITS 16    /* of a world wide name */
/* Is it exactly so many hexadecimal digits? */
bool scalar_is_hex(const char *text, size_t digits);
/* "8192", also with white space before it and a '+', as libvirt takes numbers; false for anything else. */
bool scalar_parse_uint(const char *text, uint64_t *value);
/* A number and its unit (NULL or "": KiB) as KiB, rounded up. VIR_ERR_XML_ERROR for what is no number,
 * VIR_ERR_INVALID_ARG for an unknown unit, VIR_ERR_OVERFLOW. `what` names the element in messages. */
int scalar_parse_memory(const char *text, const char *unit, const char *what, uint64_t *kib, Error *error);
/* A number and its unit (NULL or "": `usual` bytes) as bytes, at most `most`; errors as above. */
int scalar_parse_scaled(const char *text, const char *unit, uint64_t usual, uint64_t most, const char *what,
                        uint64_t *bytes, Error *error);
