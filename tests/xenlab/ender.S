/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest in 4 MiB that ends as it is told: PV when it is assembled for 64 bits, PVH for 32. A digit is the reason that it
 * gives to Xen (0 poweroff, 1 reboot, 3 crash, 4 watchdog, 5 soft reset). It takes the first character of its command line,
 * or, when that is none, waits for one from its console. It never writes to its console, and obeys no request to shut down. */
        .section .note.xen, "a", @note
#define XEN_NOTE(type, directive, value) \
        .p2align 2; .long 4, 2f - 1f, type; .asciz "Xen"; 1: directive value; 2: .p2align 2

#ifdef __x86_64__
        XEN_NOTE(5, .asciz, "xen-3.0")                  /* XEN_VERSION */
        XEN_NOTE(6, .asciz, "linux")                    /* GUEST_OS */
        XEN_NOTE(8, .asciz, "generic")                  /* LOADER */
        XEN_NOTE(10, .asciz, "!writable_page_tables")   /* FEATURES */
        XEN_NOTE(1, .quad, _start)                      /* ENTRY */
        XEN_NOTE(3, .quad, 0)                           /* VIRT_BASE */
        XEN_NOTE(4, .quad, 0)                           /* PADDR_OFFSET */

/* Xen starts it in 64-bit mode with events masked; a hypercall is a SYSCALL. %rbp keeps struct start_info; the page after the next
 * one is the console's, as Xen's domain builder lays them out. */
        .text
        .globl _start
_start: movq    %rsi, %rbp
        movzbl  128(%rbp), %ebx /* of cmd_line */
        jmp     check
wait:   pushq   $0              /* struct sched_poll: no timeout, */
        pushq   $1              /* one port, */
        leaq    80(%rbp), %rax  /* which is the console's */
        pushq   %rax
        movl    $29, %eax       /* __HYPERVISOR_sched_op */
        movl    $3, %edi        /* SCHEDOP_poll */
        movq    %rsp, %rsi
        syscall
        addq    $24, %rsp
        leaq    0x2000(%rbp), %rdx
        movl    3072(%rdx), %eax        /* in_cons */
        cmpl    3076(%rdx), %eax        /* in_prod */
        je      wait
        movl    %eax, %ecx
        andl    $1023, %ecx
        movzbl  (%rdx,%rcx), %ebx
        incl    %eax
        movl    %eax, 3072(%rdx)
check:  subl    $'0', %ebx
        cmpl    $5, %ebx
        ja      wait
        pushq   %rbx            /* struct sched_shutdown */
        movl    $29, %eax
        movl    $2, %edi        /* SCHEDOP_shutdown */
        movq    %rsp, %rsi
        syscall
        jmp     wait

#else
        XEN_NOTE(18, .long, _start)                     /* PHYS32_ENTRY */

/* Xen starts it in flat 32-bit mode; a hypercall is a VMMCALL: the lab's processor has AMD's kind of virtualization. */
        .data
        .p2align 3
param:  .word   0x7ff0, 0       /* struct xen_hvm_param: of DOMID_SELF */
index:  .long   17              /* HVM_PARAM_CONSOLE_PFN; then 18, HVM_PARAM_CONSOLE_EVTCHN */
value:  .quad   0
poll:   .long   value, 1        /* struct sched_poll: one port, */
        .quad   0               /* and no timeout */
reason: .long   0               /* struct sched_shutdown */
        .zero   32
stack:

        .text
        .globl _start
_start: movl    $stack, %esp
        movl    24(%ebx), %eax  /* cmdline_paddr of struct hvm_start_info */
        xorl    %edi, %edi
        testl   %eax, %eax
        jz      console
        movzbl  (%eax), %edi
console: call   get
        movl    value, %ebp
        shll    $12, %ebp       /* its page */
        incl    index
        call    get             /* its port, where poll looks */
        jmp     check
get:    movl    $34, %eax       /* __HYPERVISOR_hvm_op */
        movl    $1, %ebx        /* HVMOP_get_param */
        movl    $param, %ecx
        vmmcall
        ret
wait:   movl    $29, %eax       /* __HYPERVISOR_sched_op */
        movl    $3, %ebx        /* SCHEDOP_poll */
        movl    $poll, %ecx
        vmmcall
        movl    3072(%ebp), %eax        /* in_cons */
        cmpl    3076(%ebp), %eax        /* in_prod */
        je      wait
        movl    %eax, %ecx
        andl    $1023, %ecx
        movzbl  (%ebp,%ecx), %edi
        incl    %eax
        movl    %eax, 3072(%ebp)
check:  subl    $'0', %edi
        cmpl    $5, %edi
        ja      wait
        movl    %edi, reason
        movl    $29, %eax
        movl    $2, %ebx        /* SCHEDOP_shutdown */
        movl    $reason, %ecx
        vmmcall
        jmp     wait
#endif
