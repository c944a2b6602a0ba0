// Where the extender starts us: flat 32-bit code, DS = SS with base 0, ES the program segment prefix,
// interrupts on, ESP at dos_stack_end as tools/mkle.py says in the header.
// The C code never returns.

    .text
    .globl  _start
    .globl  dos_stack
    .globl  dos_stack_end

_start:
    cld
    movw    %ds, %ax
    movw    %ax, %es
    // PMODE/W does not clear what has no pages in the file. Nothing of ours is on the stack yet.
    movl    $dos_bss, %edi
    movl    $dos_bss_end, %ecx
    subl    %edi, %ecx
    xorl    %eax, %eax
    rep stosb
    xorl    %ebp, %ebp
    call    dos_start

    .bss
    .balign 16
dos_stack:
    .skip   DOS_STACK_SIZE
dos_stack_end:

    .section .note.GNU-stack, "", @progbits
