/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that survive a power cut: written aside, flushed, renamed over the old one,
 * the directory flushed. All of these may wait for a disk: no lock may be held. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* Writes `size` bytes to `aside` in the directory `dir_fd` (mode 0600) and flushes it to the disk.
 * On failure nothing is left behind, -1 and VIR_ERR_SYSTEM_ERROR. */
int durable_write_aside(int dir_fd, const char *aside, const void *data, size_t size, Error *error);
/* Makes names created, renamed or removed in `dir_fd` before this call survive. */
int durable_flush_directory(int dir_fd, const char *path_for_messages, Error *error);
/* Both, and the rename between them: `name` holds the old or the new content, never a mixture. */
int durable_replace(int dir_fd, const char *name, const void *data, size_t size, Error *error);
/* The whole file with a NUL behind it; at most `limit` bytes. NULL and an error otherwise. */
char *durable_read(int dir_fd, const char *name, size_t limit, size_t *size, Error *error);
/* The same into the caller's `buffer` of `limit` bytes, without a NUL; 0, or -1 and an error. */
int durable_read_into(int dir_fd, const char *name, char *buffer, size_t limit, size_t *size, Error *error);
