// Where the extender starts us: flat 32-bit code, DS = SS with base 0, ES the program segment prefix,
// interrupts on, a small stack. The C code never returns.

    .section .text.start, "ax"
    .globl  _start
    .globl  dos_stack
    .globl  dos_stack_end

dos_image:
_start:
    cld
    movw    %ds, %ax
    movw    %ax, %es

    // EBX: how far from its place in the ELF the program was loaded. Until the words of mkle.py's list
    // have been put right by that, nothing may be named by its address.
    call    1f
1:  popl    %edi
    subl    $(1b - dos_image), %edi     // the start of the object
    leal    dos_list_offset(%edi), %esi
    movl    %edi, %ebx
    subl    $dos_image_base, %ebx
2:  xorl    %eax, %eax
    lodsb
    testl   %eax, %eax
    jnz     3f
    lodsl
    testl   %eax, %eax
    jz      4f
3:  addl    %eax, %edi
    addl    %ebx, (%edi)
    jmp     2b

    // The list was where cleared memory belongs.
4:  movl    $dos_bss, %edi
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
