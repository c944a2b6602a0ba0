// Where the extender starts us: flat 32-bit code, DS = ES = SS with base 0, interrupts on.
// The extender's own stack is small, so ours is taken at once. The C code never returns.

    .text
    .globl  _start
    .globl  dos_stack
    .globl  dos_stack_end

_start:
    cld
    movw    %ds, %ax
    movw    %ax, %es
    movl    $dos_stack_end, %esp
    xorl    %ebp, %ebp
    call    dos_start

    .bss
    .balign 16
dos_stack:
    .skip   DOS_STACK_SIZE
dos_stack_end:

    .section .note.GNU-stack, "", @progbits
