/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a saved domain: a header of drover's own, the domain's document, and then the state of the guest as its
 * driver wrote it. The layout, all numbers little endian:
 *
 *     0  8   "DROVERSV"
 *     8  4   the version, 3
 *    12  4   flags: 1 the image is complete, 2 the guest was running, 4 the state has a checksum
 *    16  16  the name of the driver that can read the state, padded with NULs
 *    32  8   the length of the document
 *    40  8   where the state begins
 *    48  8   the length of the state, until the end of the file
 *    56  8   the checksum of the state, see state-sum.h; zero without that flag
 *    64  32  the SHA-256 of all that stands before it here, and of the document
 *    96      the document, without a NUL
 *
 * Images of version 2 are read, too: they have the CRC-32 of the state at 56, and zero at 60.
 *
 * An image is held against its checksums before anything is made of it. All of this may wait for a disk: no lock may be
 * held. What is wrong with a file is VIR_ERR_SYSTEM_ERROR, what is wrong in it VIR_ERR_OPERATION_FAILED. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "conf/config.h"
#include "conf/state-sum.h"

#define SAVE_IMAGE_DRIVER_MAX 15    /* letters of a driver's name */

typedef struct SaveImage {
    DomainConfig *config;      /* owned */
    bool running;              /* else paused */
    int fd;                    /* owned; at the first byte of the state */
    uint64_t state_offset;
    uint64_t state_size;
} SaveImage;

/* NULL and no descriptor, which save_image_clear leaves alone. */
#define SAVE_IMAGE_INIT { .fd = -1 }

/* Writes the header, for now of an image that isn't complete, and the document at the beginning of `fd`, an empty file
 * that is open for reading and writing, and leaves it where the state has to begin. `path` is for messages. 0 or -1. */
int save_image_begin(int fd, const char *path, const char *driver, const DomainConfig *config, bool running,
                     Error *error);
/* After the state: whatever stands in the file then is the image, which becomes complete and is flushed to the disk.
 * `sum`: the state gets a checksum; what has been summed of it already, from its first byte on, isn't read again. NULL: it
 * gets none. 0 or -1; a file that wasn't finished is refused by whoever opens it. */
int save_image_finish(int fd, const char *path, const StateSum *sum, Error *error);

/* Opens an image for the driver of that name. `rules`: see domain_config_parse; no rule refuses what was saved.
 * 0, or -1 and *image as it was. */
int save_image_open(const char *path, const char *driver, const struct DomainRules *rules, SaveImage *image,
                    Error *error);
void save_image_clear(SaveImage *image);

/* Puts another document into an image, in which the guest must find itself unchanged, and says whether it will run
 * (TRISTATE_ABSENT: as it was). The file is written anew with its state and takes the place of the old one when it is
 * whole, so for a while there are two. NULL for `document`: only `running` changes.
 * 0; or -1, the file being as it was, and besides the above what domain_config_parse refuses, and
 * VIR_ERR_CONFIG_UNSUPPORTED for a document of which the guest would notice. */
int save_image_replace(const char *path, const char *driver, const struct DomainRules *rules, const char *document,
                       size_t size, Tristate running, Error *error);
