/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PVH guest that does nothing: it halts, for ever. Xen starts it in flat 32-bit mode. Interrupts are open, since a halt
 * without them would end the guest; none is ever set up to arrive. */
        .section .note.xen, "a", @note
        .p2align 2
        .long   4, 4, 18        /* PHYS32_ENTRY */
        .asciz  "Xen"
        .long   _start

        .text
        .globl _start
_start: sti
1:      hlt
        jmp     1b
