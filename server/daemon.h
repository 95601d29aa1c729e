/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process does to become a daemon: leaving the terminal, being the only one on its
 * directories, having descriptors enough. The main thread, at the start and at the end. */
#pragma once

#include <stdint.h>

#include "server/config.h"

/* Goes into the background, before any thread is started. Returns in the child only, where *ready is to be
 * handed to daemon_ready: the parent waits for that and exits 0, or with the child's status when the child
 * ends before. What the child writes to standard error until then is still seen. -1 and an error when there
 * can be no child. */
int daemon_fork(int *ready, Error *error);
/* Lets the parent exit and leaves the terminal: standard input, output and error become /dev/null. A log
 * without log_outputs has to be set anew afterwards. `ready` -1 (not in the background): does nothing. */
void daemon_ready(int ready);

/* The claim of a process on the directories of its sockets and definitions, and its pid file. */
typedef struct Instance Instance;

/* Makes the directories when they are missing, and the pid file (NULL: droverd.pid beside the sockets)
 * with our process id in it. NULL and VIR_ERR_OPERATION_INVALID naming the directory or file, and the
 * process where it is known, when another one holds any of them; VIR_ERR_SYSTEM_ERROR else. The claims end
 * with the process however it ends. To be called in the process that stays. */
Instance *instance_claim(const Config *config, const char *pid_file, Error *error);
/* Removes the pid file and gives the claims up. NULL is fine. */
void instance_release(Instance *instance);

/* Lets the process open as many descriptors as the system allows it; returns how many that are. */
uint64_t daemon_raise_file_limit(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Instance, instance_release)
