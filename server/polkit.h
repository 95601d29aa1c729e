/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks polkit whether a process may do something. One thread speaks D-Bus; who asks doesn't wait. Any thread may call the
 * functions here; they take LOCK_POLKIT for a few pointers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

typedef struct Polkit Polkit;

typedef struct PolkitQuestion {
    const char *action;       /* static: "org.libvirt.unix.manage" */
    pid_t pid;
    uint64_t start_time;      /* of that process; see rpc/peer.h */
    uid_t uid;
    int64_t deadline;         /* clock_now(): then the answer is no */
    void *data;
    /* Nobody waits for the answer any more. Called by the thread, with no lock held. */
    bool (*is_given_up)(void *data);
    /* Exactly once, by the thread or, when that has ended, by polkit_ask, with no lock held. No error: yes; else why not (of VIR_FROM_POLKIT), which
     * may be moved away. */
    void (*answer)(void *data, Error *error);
} PolkitQuestion;

/* Connects to no bus yet: that is done for the first question, and again after the bus has gone. */
Polkit *polkit_new(void);
/* Answers what is still open, and what is asked from now on, with no, and joins the thread. The main thread; NULL is fine. */
void polkit_stop(Polkit *polkit);
/* The same, and nobody asks any more. */
void polkit_free(Polkit *polkit);
void polkit_ask(Polkit *polkit, const PolkitQuestion *question);
/* Somebody may have given up: polkit is told then that its answer, and the dialog for it, isn't needed. */
void polkit_look(Polkit *polkit);
