/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that hold the state of a guest, from the side of whoever writes or reads one: all that save.c knows of where a
 * state goes and comes from. Behind it today is a descriptor of the file itself, in which libxl writes and reads.
 *
 * A file is written where nobody finds it, flushed, and then takes the place of what had the name before; when it isn't
 * finished, or droverd dies, nothing of it is left and what was there before still is. A file that is read has been held
 * against its checksums as a whole, header, document and state, before its reader is there: nothing is built from one
 * that was cut short or altered.
 * Each struct is used by one thread at a time. All of it may wait for a disk: no lock may be held. */
#pragma once

#include "conf/save-image.h"

/* A file that is being written. */
typedef struct XenFile {
    int fd;                   /* owned; -1: none */
    char *path;               /* owned: where it will be */
    char *aside;              /* owned: where it is meanwhile; NULL: nowhere, the kernel removes it with the descriptor */
    struct XenFollower *follower;    /* owned: goes after a state that is being written; or NULL */
} XenFile;

#define XEN_FILE_INIT { .fd = -1 }

/* `path` must be absolute, and a regular file or nothing. 0, or -1 and VIR_ERR_OPERATION_FAILED, VIR_ERR_SYSTEM_ERROR. */
int xen_file_open(XenFile *file, const char *path, Error *error);
/* The name under which libraries that want one can open what is being written; the caller's. */
char *xen_file_name(const XenFile *file);
/* Flushed, under its name, and that flushed too. After that xen_file_clear only closes it. 0 or -1. */
int xen_file_keep(XenFile *file, Error *error);
/* A file that wasn't kept is gone. Does nothing to one that was never opened. */
void xen_file_clear(XenFile *file);

/* The image of a saved guest: begun with its document, then the state goes to xen_writer_stream. */
int xen_writer_open(XenFile *writer, const char *path, const DomainConfig *config, bool running, Error *error);
static inline int xen_writer_stream(const XenFile *writer)
{
    return writer->fd;
}
/* After the state: gives the image its checksums and flushes it. Most of both was done while the state was written. What
 * is left is xen_file_keep. */
int xen_writer_seal(XenFile *writer, Error *error);

/* Reads and checks all of an image. 0, or -1 and an error; save_image_clear when 0. The state is read from `fd`. */
int xen_reader_open(SaveImage *reader, const char *path, Error *error);

/* The name of the driver in images. */
#define XEN_IMAGE_DRIVER "xen"

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(XenFile, xen_file_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SaveImage, save_image_clear)
