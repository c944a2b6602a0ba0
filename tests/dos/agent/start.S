// What the agent cannot say in C: its entry, calls of DOS and the BIOS, and interrupt handlers.

        .code16
        .intel_syntax noprefix
        .set PORT, 0x3f8

        .section .text.start, "ax"
        .global _start
_start:
        cli
        mov     ax, cs
        mov     ss, ax
        mov     esp, OFFSET stack_end
        sti
        cld
        mov     edi, OFFSET __bss_start
        mov     ecx, OFFSET __bss_end
        sub     ecx, edi
        xor     eax, eax
        rep     stosb
        mov     ax, cs
        mov     ds, ax
        mov     es, ax
        .att_syntax prefix
        calll   main                    # pushes 32 bits, as the compiler's ret takes them
        .intel_syntax noprefix
        mov     ax, 0x4c00
        int     0x21

        .text

// void call_int21(struct regs *r): ES and DS are taken from r and given back there.
        .global call_int21
call_int21:
        push    ebp
        push    ebx
        push    esi
        push    edi
        push    ds
        push    es
        mov     ebp, [esp + 24]
        mov     cs:[regs], bp
        mov     eax, [bp]
        mov     ebx, [bp + 4]
        mov     ecx, [bp + 8]
        mov     edx, [bp + 12]
        mov     esi, [bp + 16]
        mov     edi, [bp + 20]
        push    word ptr [bp + 28]
        mov     es, word ptr [bp + 30]
        mov     ebp, [bp + 24]
        pop     ds
        int     0x21
        pushf
        push    ebp
        movzx   ebp, word ptr cs:[regs]
        mov     ss:[bp], eax
        mov     ss:[bp + 4], ebx
        mov     ss:[bp + 8], ecx
        mov     ss:[bp + 12], edx
        mov     ss:[bp + 16], esi
        mov     ss:[bp + 20], edi
        pop     dword ptr ss:[bp + 24]
        pop     word ptr ss:[bp + 32]
        mov     ss:[bp + 28], ds
        mov     ss:[bp + 30], es
        pop     es
        pop     ds
        cld
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        retd

// uint32_t call_int13(uint8_t function, uint16_t packet)
        .global call_int13
call_int13:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     ah, [esp + 20]
        mov     si, [esp + 24]
        mov     al, 0
        mov     dl, 0x81
        int     0x13
        pushf
        pop     bx
        shl     eax, 16
        mov     ax, bx
        cld
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        retd

// uint16_t exec(uint16_t path, uint16_t block): the program may leave nothing of the registers.
        .global exec
exec:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     dx, [esp + 20]
        mov     bx, [esp + 24]
        mov     ax, cs
        mov     es, ax
        mov     cs:[stack], esp
        mov     ax, 0x4b00
        int     0x21
        cli
        mov     dx, cs
        mov     ss, dx
        mov     esp, cs:[stack]
        sti
        mov     ds, dx
        mov     es, dx
        cld
        jc      1f
        xor     ax, ax
1:      movzx   eax, ax
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        retd

        .global our_segment
our_segment:
        mov     ax, cs
        retd

// Ctrl-C ends a program that has not asked for it, and never us. DOS may be asked whose program runs.
break_handler:
        push    ax
        push    bx
        mov     ah, 0x62
        int     0x21
        mov     ax, cs
        cmp     ax, bx
        pop     bx
        pop     ax
        jz      1f
        stc
        retf
1:      iret

// The UART says that there is a byte: that ends the HLT, and we look for ourselves.
uart_handler:
        push    ax
        push    dx
        mov     dx, PORT + 1
        xor     al, al
        out     dx, al
        mov     al, 0x20
        out     0x20, al
        pop     dx
        pop     ax
        iret

        .global install_break_handler
install_break_handler:
        mov     dx, OFFSET break_handler
        mov     ax, 0x2523
        int     0x21
        retd

        .global install_handlers
install_handlers:
        push    ebx
        mov     dx, OFFSET uart_handler
        mov     ax, 0x250c
        int     0x21
        mov     dx, PORT + 3
        mov     al, 0x80
        out     dx, al
        mov     dx, PORT
        mov     al, 1
        out     dx, al
        inc     dx
        mov     al, 0
        out     dx, al
        mov     dx, PORT + 3
        mov     al, 3
        out     dx, al
        mov     dx, PORT + 2
        mov     al, 7
        out     dx, al
        pop     ebx
        retd

// void wait_for_byte(void): returns when there may be one. The UART may interrupt only in here, so that a program
// which we run meets it as it is after boot.
        .global wait_for_byte
wait_for_byte:
        cli
        in      al, 0x21
        push    ax
        and     al, 0xef
        out     0x21, al
        mov     dx, PORT + 4
        mov     al, 0x0b
        out     dx, al
        mov     dx, PORT + 1
        mov     al, 1
        out     dx, al
        mov     dx, PORT + 5
        in      al, dx
        test    al, 1
        jnz     1f
        sti
        hlt
        cli
1:      mov     dx, PORT + 1
        xor     al, al
        out     dx, al
        mov     dx, PORT + 4
        mov     al, 3
        out     dx, al
        pop     ax
        out     0x21, al
        sti
        retd

        .data
regs:   .word   0
stack:  .long   0

        .section .stack, "aw", @nobits
        .space  4096
stack_end:

        .section .note.GNU-stack, "", @progbits
