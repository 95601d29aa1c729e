/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PVH guest in 4 MiB that can be saved, and does nothing else. Xen starts it in flat 32-bit mode. It offers the first
 * domain an event channel, whose number is 3 after those of xenstore and the console, waits there for ever, and suspends itself
 * when it is called. Whoever saves it has to write the 3 to its node device/suspend/event-channel first. Restored, or let
 * go on, it begins again. Hypercalls are VMMCALLs: the lab's processor has AMD's kind of virtualization. */
        .section .note.xen, "a", @note
        .p2align 2
        .long   4, 4, 18        /* PHYS32_ENTRY */
        .asciz  "Xen"
        .long   _start

        .data
        .p2align 3
offer:  .word   0x7ff0, 0       /* struct evtchn_alloc_unbound: of DOMID_SELF, for domain 0; */
port:   .long   0               /* which one it is */
poll:   .long   port, 1         /* struct sched_poll: one port, */
        .quad   0               /* and no timeout */
reason: .long   2               /* struct sched_shutdown: SHUTDOWN_suspend */

        .text
        .globl _start
_start: movl    $32, %eax       /* __HYPERVISOR_event_channel_op */
        movl    $6, %ebx        /* EVTCHNOP_alloc_unbound */
        movl    $offer, %ecx
        vmmcall
        movl    $29, %eax       /* __HYPERVISOR_sched_op */
        movl    $3, %ebx        /* SCHEDOP_poll */
        movl    $poll, %ecx
        vmmcall
        movl    $29, %eax
        movl    $2, %ebx        /* SCHEDOP_shutdown */
        movl    $reason, %ecx
        vmmcall
        movl    $32, %eax
        movl    $3, %ebx        /* EVTCHNOP_close: what was pending there is gone with it */
        movl    $port, %ecx
        vmmcall
        jmp     _start
