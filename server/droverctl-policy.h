/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `droverctl policy check`: may WHO do RIGHT to an object, and which line of the rules says so. For droverctl.c alone. */
#pragma once

#include <stdbool.h>

/* `words`, NULL-terminated: WHO RIGHT, and then what else is known: name:NAME, uuid:UUID, label:LABEL, access:ro, and
 * also:WHO for further names. Prints the answer. The exit status: 0 when it is allowed, 1 when not or when that depends on the
 * object, 2 when there is no answer. */
int droverctl_policy_check(const char *file, char *const *words, bool as_json);
