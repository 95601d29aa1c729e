/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of rules that says which client may do what. Immutable once read; any thread; no lock. Also linked into
 * droverctl, which answers from the same file. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

typedef struct Policy Policy;

/* Lines "allow WHO RIGHT" or "deny WHO RIGHT": WHO is a pattern for uid:NUMBER, dn:NAME or sasl:NAME, in quotes when it
 * holds spaces; RIGHT one for OBJECT:PERMISSION, as domain:start; * stands for anything; what follows a # is a comment.
 * NULL and VIR_ERR_CONF_SYNTAX naming file and line, or VIR_ERR_SYSTEM_ERROR. May wait for a disk. */
Policy *policy_load(const char *file, Error *error);
void policy_free(Policy *policy);    /* NULL is fine */
/* What the first rule that matches says; when none does, no. `*line`: the rule's, 0: none; may be NULL. */
bool policy_allows(const Policy *policy, const char *who, const char *object, const char *permission, unsigned *line);
/* The rule of that line as it stands in the file; NULL when there is none. */
const char *policy_rule(const Policy *policy, unsigned line);
