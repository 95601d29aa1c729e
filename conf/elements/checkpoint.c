/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of checkpoints (checkpoint.def) can't say: a size belongs to a note.
 * Pure function of the element: any thread, no lock. */
#include "conf/element.h"
#include "conf/elements.h"

bool checkpoint_size_shown(const void *self, const ElementFormat *format)
{
    const CheckpointDisk *disk = self;

    (void)format;
    return disk->bitmap != NULL;
}
