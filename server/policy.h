/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of rules that says which client may do what to which object. Immutable once read, shared by reference; any
 * thread; no lock. Also linked into droverctl, which answers from the same file. docs/access.md has the whole of it. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/error.h"
#include "base/uuid.h"

typedef struct Policy Policy;

/* Who asks. */
typedef struct PolicySubject {
    const char *const *names;    /* all that it has proved to be: "uid:1000", "gid:36", "dn:CN=…", "sasl:fred"; NULL-terminated */
    bool read_only;
} PolicySubject;

/* What it is about. */
typedef struct PolicyObject {
    const char *name;
    const Uuid *uuid;
    const char *const *labels;   /* NULL-terminated; NULL: none */
    bool labels_unknown;         /* it has gone, with its labels: what is allowed by them is not, what is denied by them is */
} PolicyObject;

typedef enum PolicyAnswer { POLICY_DENIED, POLICY_ALLOWED, POLICY_DEPENDS } PolicyAnswer;

/* Lines "allow WHO RIGHT [CONDITION…]" or "deny …". WHO is a pattern for one of the subject's names, in quotes when it holds
 * spaces; RIGHT one for OBJECT:PERMISSION, as domain:start. Conditions, all of which must be true: name:PATTERN, uuid:UUID
 * and label:PATTERN of the object, access:ro or access:rw of the connection. * stands for anything; what follows a # is a
 * comment. One reference; NULL and VIR_ERR_CONF_SYNTAX naming file and line, or VIR_ERR_SYSTEM_ERROR. May wait for a disk. */
Policy *policy_load(const char *file, Error *error);
Policy *policy_ref(Policy *policy);
void policy_unref(Policy *policy);    /* NULL is fine; the last one frees it */
/* What the first rule that matches says; when none does, no. `object` NULL: it is not known (yet), or there is none; then
 * POLICY_DEPENDS when a rule about some objects would change the answer. A rule about objects never matches a right to the
 * connection as a whole (connect:…). `*line`: of the rule that decides, or of the first that makes it depend; 0: none; may be
 * NULL. */
PolicyAnswer policy_ask(const Policy *policy, const PolicySubject *subject, const char *kind, const char *permission,
                        const PolicyObject *object, unsigned *line);
/* The rule of that line as it stands in the file; NULL when there is none. */
const char *policy_rule(const Policy *policy, unsigned line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policy, policy_unref)
