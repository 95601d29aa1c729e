/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checksum of a guest's state in a file: CRC-32, as zlib has it. It tells what a disk, a network or a tool has done to
 * an image by mistake; whoever alters one on purpose could write any checksum beside it. A tenth of the cost of SHA-256,
 * which took longer than the saving itself, and pieces can be summed at the same time.
 * For save-image.c, and for whoever sums a state while it is still being written. May wait for a disk: no lock held. */
#pragma once

#include <stdint.h>

typedef struct StateSum {
    uint64_t size;             /* so many bytes have been summed */
    uint32_t crc;              /* theirs; 0 of none */
} StateSum;

/* Adds the next `size` bytes, which stand at `offset` of the file. With long ones several threads share the work.
 * 0, or -1 and errno (EIO: there are fewer), and *sum as it was. */
int state_sum_add(StateSum *sum, int fd, uint64_t offset, uint64_t size);
