/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PV guest that does nothing: it polls no event channel, for ever. Xen starts it in 64-bit mode with a stack, its page
 * tables made and events masked; a hypercall is a SYSCALL. */
        .section .note.xen, "a", @note
#define XEN_NOTE(type, directive, value) \
        .p2align 2; .long 4, 2f - 1f, type; .asciz "Xen"; 1: directive value; 2: .p2align 2
        XEN_NOTE(5, .asciz, "xen-3.0")                  /* XEN_VERSION */
        XEN_NOTE(6, .asciz, "linux")                    /* GUEST_OS */
        XEN_NOTE(8, .asciz, "generic")                  /* LOADER */
        XEN_NOTE(10, .asciz, "!writable_page_tables")   /* FEATURES */
        XEN_NOTE(1, .quad, _start)                      /* ENTRY */
        XEN_NOTE(3, .quad, 0)                           /* VIRT_BASE */
        XEN_NOTE(4, .quad, 0)                           /* PADDR_OFFSET */

        .text
        .globl _start
_start: pushq   $0              /* struct sched_poll: no timeout, */
        pushq   $0              /* no ports, */
        pushq   $0              /* and no array of them */
        movl    $29, %eax       /* __HYPERVISOR_sched_op */
        movl    $3, %edi        /* SCHEDOP_poll */
        movq    %rsp, %rsi
        syscall
        addq    $24, %rsp
        jmp     _start
