/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checksum of a guest's state in a file. It tells what a disk, a network or a tool has done to an image by mistake;
 * whoever alters one on purpose could write any checksum beside it.
 *
 * A state is cut into pieces of STATE_SUM_PIECE bytes, the last one being what is left. Each has its XXH64, with the number of
 * the piece as the seed, and the sum of those, modulo 2^64, is the state's: pieces can be summed by several threads in any
 * order, and one in another's place counts as altered.
 * For save-image.c, and for whoever sums a state while it is still being written. May wait for a disk: no lock held. */
#pragma once

#include <stdint.h>

enum { STATE_SUM_PIECE = 256 << 10 };    /* fits into a processor's cache; a part of the format of images */

typedef struct StateSum {
    uint64_t size;             /* so many bytes have been summed, from the state's first one on */
    uint64_t value;            /* theirs; 0 of none */
} StateSum;

/* Adds the next `size` bytes, which stand at `offset` of the file; only what ends with a whole piece can be gone on from.
 * With many bytes several threads share the work. 0; or -1 and errno (EIO: there are fewer; EINVAL: what has been summed
 * doesn't end with a whole piece), and *sum as it was. */
int state_sum_add(StateSum *sum, int fd, uint64_t offset, uint64_t size);

/* The CRC-32 of so many bytes, as older images have it. 0 or -1 as above. */
int state_sum_crc(int fd, uint64_t offset, uint64_t size, uint32_t *crc);
