// Where the extender starts us: flat 32-bit code, DS = SS with base 0, ES the program segment prefix,
// interrupts on.
// The extender's own stack is small, so ours is taken at once. The C code never returns.

    .text
    .globl  _start
    .globl  dos_stack
    .globl  dos_stack_end

_start:
    cld
    movw    %ds, %ax
    movw    %ax, %es
    // The extender does not clear what has no pages in the file.
    movl    $dos_bss, %edi
    movl    $dos_bss_end, %ecx
    subl    %edi, %ecx
    xorl    %eax, %eax
    rep stosb
    movl    $dos_stack_end, %esp
    xorl    %ebp, %ebp
    call    dos_start

    .bss
    .balign 16
dos_stack:
    .skip   DOS_STACK_SIZE
dos_stack_end:

    .section .note.GNU-stack, "", @progbits
