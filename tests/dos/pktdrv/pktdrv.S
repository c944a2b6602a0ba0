// PKTDRV.COM: a packet driver (FTP Software's specification 1.09, as Crynwr's drivers follow it) for the NE2000 that
// QEMU shows, resident and driven by the card's interrupt. For tests: what a DOS machine's owner loads before MPYTHON.
//
// Assembled with INTERRUPT, IO and IRQ defined. Handler + 12 has counters for the tests, see COUNTERS below.

        .code16
        .intel_syntax noprefix

        .set MAX_HANDLES, 4
        .set TX_PAGE, 0x40
        .set RING_START, 0x46
        .set RING_STOP, 0x80
        .set CARD_VECTOR, IRQ + 8 + ((IRQ & 8) * 12)    // 08h to 0Fh, 70h to 77h

        .set CR, IO
        .set PSTART, IO + 1
        .set PSTOP, IO + 2
        .set BNRY, IO + 3
        .set TPSR, IO + 4
        .set TBCR, IO + 5
        .set ISR, IO + 7
        .set RSAR, IO + 8
        .set RBCR, IO + 10
        .set RCR, IO + 12
        .set TCR, IO + 13
        .set DCR, IO + 14
        .set IMR, IO + 15
        .set DATA, IO + 16
        .set RESET, IO + 31
        .set EVENTS, 0x15       // received, received with an error, overflow

        .macro  outb_ port, value
        mov     dx, OFFSET \port
        mov     al, \value
        out     dx, al
        .endm

        .text
        .global _start
_start:
        jmp     install

// ---------------------------------------------------------------- the resident part

handler:
        .byte   0xe9            // a near jump, whatever the distance
        .word   dispatch - . - 2
        .asciz  "PKT DRVR"
// COUNTERS
open:   .word   0               // handles in use
taken:  .word   0               // frames given to a receiver
nobody: .word   0               // frames that no handle wanted
full:   .word   0               // frames for which the receiver had no room
sent:   .word   0

name:   .asciz  "NE2000 for tests"
station: .space 6
next:   .byte   0
        .balign 2
// In use, length of the type, type (8), receiver's offset and segment, 2 unused.
handles: .space 16 * MAX_HANDLES
header: .space  18              // of the card, then the frame's

dispatch:
        cld
        cmp     ah, 1
        je      driver_info
        cmp     ah, 2
        je      access_type
        cmp     ah, 3
        je      release_type
        cmp     ah, 4
        je      send_packet
        cmp     ah, 6
        je      get_address
        mov     dh, 11          // no such command

refuse:                         // with the error in DH
        push    bp
        mov     bp, sp
        or      byte ptr [bp + 6], 1
        pop     bp
        iret

agree:
        push    bp
        mov     bp, sp
        and     byte ptr [bp + 6], 0xfe
        pop     bp
        iret

driver_info:
        mov     bx, 11
        mov     cx, 0x0100      // class 1, number 0
        mov     dx, 54
        mov     si, cs
        mov     ds, si
        mov     si, OFFSET name
        mov     al, 1
        jmp     agree

access_type:
        mov     dh, 2
        cmp     al, 1
        jne     refuse
        mov     dh, 5
        cmp     cx, 8
        ja      refuse
        push    bp
        push    ax
        push    bx
        push    cx
        push    si
        push    di
        push    es
        mov     bx, OFFSET handles
        xor     bp, bp          // a free one
1:      cmp     byte ptr cs:[bx], 0
        jne     2f
        mov     bp, bx
        jmp     3f
2:      push    cx              // the same type twice?
        push    si
        mov     ax, cs
        mov     es, ax
        lea     di, [bx + 2]
        cmp     cl, cs:[bx + 1]
        jne     4f
        repe    cmpsb
4:      pop     si
        pop     cx
        mov     dh, 10
        je      5f
3:      add     bx, 16
        cmp     bx, OFFSET handles + 16 * MAX_HANDLES
        jb      1b
        mov     dh, 9
        test    bp, bp
        jz      5f
        mov     byte ptr cs:[bp], 1
        mov     cs:[bp + 1], cl
        lea     di, [bp + 2]
        mov     ax, cs
        mov     es, ax
        rep     movsb
        pop     es
        pop     di
        mov     cs:[bp + 10], di
        mov     cs:[bp + 12], es
        inc     word ptr cs:[open]
        pop     si
        pop     cx
        pop     bx
        pop     ax
        mov     ax, bp
        pop     bp
        jmp     agree
5:      pop     es
        pop     di
        pop     si
        pop     cx
        pop     bx
        pop     ax
        pop     bp
        jmp     refuse

// ZF: BX is a handle in use
find_handle:
        push    ax
        mov     ax, bx
        sub     ax, OFFSET handles
        cmp     ax, 16 * MAX_HANDLES
        jae     1f
        test    al, 15
        jnz     1f
        cmp     byte ptr cs:[bx], 1
1:      pop     ax
        ret

release_type:
        mov     dh, 1
        call    find_handle
        jne     refuse
        mov     byte ptr cs:[bx], 0
        dec     word ptr cs:[open]
        jmp     agree

get_address:
        mov     dh, 1
        call    find_handle
        jne     refuse
        mov     dh, 9
        cmp     cx, 6
        jb      refuse
        push    si
        push    di
        push    ds
        mov     cx, cs
        mov     ds, cx
        mov     si, OFFSET station
        mov     cx, 6
        rep     movsb
        mov     cx, 6
        pop     ds
        pop     di
        pop     si
        jmp     agree

send_packet:
        mov     dh, 12
        cmp     cx, 60
        jb      refuse
        cmp     cx, 1514
        ja      refuse
        push    ax
        push    bx
        push    cx
        push    si
        outb_   IMR, 0          // the interrupt handler uses the card's memory, too
        mov     bx, TX_PAGE * 256
        mov     ah, 0x12
        call    start_dma
        push    cx
        inc     cx
        shr     cx, 1
        mov     dx, OFFSET DATA
        rep     outsw
        pop     cx
        outb_   TPSR, TX_PAGE
        mov     dx, OFFSET TBCR
        mov     al, cl
        out     dx, al
        inc     dx
        mov     al, ch
        out     dx, al
        outb_   CR, 0x26
1:      in      al, dx
        test    al, 4
        jnz     1b
        inc     word ptr cs:[sent]
        outb_   IMR, EVENTS
        pop     si
        pop     cx
        pop     bx
        pop     ax
        jmp     agree

// AH: command (0Ah read, 12h write), BX: address in the card, CX: bytes, made even. Changes AX, DX.
start_dma:
        outb_   CR, 0x22
        push    cx
        inc     cx
        and     cl, 0xfe
        mov     dx, OFFSET RBCR
        mov     al, cl
        out     dx, al
        inc     dx
        mov     al, ch
        out     dx, al
        pop     cx
        mov     dx, OFFSET RSAR
        mov     al, bl
        out     dx, al
        inc     dx
        mov     al, bh
        out     dx, al
        mov     dx, OFFSET CR
        mov     al, ah
        out     dx, al
        ret

card_interrupt:
        pusha
        push    ds
        push    es
        cld
        mov     ax, cs
        mov     ds, ax
1:      mov     dx, OFFSET ISR
        in      al, dx
        test    al, EVENTS
        jz      2f
        out     dx, al
        call    drain
        jmp     1b
2:      mov     al, 0x20
        .if     IRQ & 8
        out     0xa0, al
        .endif
        out     0x20, al
        pop     es
        pop     ds
        popa
        iret

// Gives all frames in the ring to their receivers. DS is ours.
drain:
        outb_   CR, 0x62
        mov     dx, OFFSET ISR  // page 1: the page that the card writes next
        in      al, dx
        mov     ah, al
        outb_   CR, 0x22
        cmp     ah, [next]
        jne     1f
        ret
1:      mov     bh, [next]
        xor     bl, bl
        mov     cx, 18
        mov     ah, 0x0a
        call    start_dma
        push    ds
        pop     es
        mov     di, OFFSET header
        mov     cx, 9
        mov     dx, OFFSET DATA
        rep     insw
        // Where the next frame has to be. When the ring has just become full, QEMU takes it for empty and writes
        // over it: then everything in it is given up.
        mov     ax, [header + 2]
        add     ax, 4 + 255
        add     ah, [next]
        cmp     ah, RING_STOP
        jb      3f
        sub     ah, RING_STOP - RING_START
3:      cmp     ah, [header + 1]
        je      4f
        outb_   CR, 0x62
        mov     dx, OFFSET ISR
        in      al, dx
        mov     [header + 1], al
        outb_   CR, 0x22
        jmp     5f
4:      call    deliver
5:      mov     al, [header + 1]
        mov     [next], al
        dec     al
        cmp     al, RING_START
        jae     2f
        mov     al, RING_STOP - 1
2:      mov     dx, OFFSET BNRY
        out     dx, al
        jmp     drain

// The frame of the header to the handle that wants its type.
deliver:
        mov     bx, OFFSET handles
1:      cmp     byte ptr [bx], 0
        je      2f
        lea     si, [bx + 2]
        mov     di, OFFSET header + 16
        mov     cl, [bx + 1]
        xor     ch, ch
        cmp     cx, 2
        jbe     3f
        mov     cx, 2
3:      cmp     cx, cx
        repe    cmpsb
        je      4f
2:      add     bx, 16
        cmp     bx, OFFSET handles + 16 * MAX_HANDLES
        jb      1b
        inc     word ptr [nobody]
        ret
4:      mov     cx, [header + 2]
        sub     cx, 4
        push    cx
        push    bx
        xor     ax, ax
        call    dword ptr [bx + 10]
        pop     bx
        pop     cx
        mov     ax, es
        or      ax, di
        jnz     5f
        inc     word ptr [full]
        ret
5:      push    di
        push    cx
        push    bx
        mov     bh, [next]
        mov     bl, 4
        mov     ah, 0x0a
        call    start_dma
        mov     dx, OFFSET DATA
        shr     cx, 1
        rep     insw
        jnc     6f
        in      ax, dx
        stosb
6:      pop     bx
        pop     cx
        pop     si
        inc     word ptr [taken]
        push    ds
        push    es
        lea     di, [bx + 10]
        pop     ds
        mov     ax, 1
        call    dword ptr cs:[di]
        pop     ds
        ret
resident_end:

// ---------------------------------------------------------------- the transient part

absent: .ascii  "PKTDRV: no NE2000\r\n$"
ready:  .ascii  "PKTDRV: ready\r\n$"
prom:   .space  32

install:
        cld
        mov     dx, OFFSET RESET
        in      al, dx
        out     dx, al
        mov     cx, 0xffff
1:      mov     dx, OFFSET ISR
        in      al, dx
        test    al, 0x80
        loopz   1b
        jnz     2f
        mov     dx, OFFSET absent
        mov     ah, 9
        int     0x21
        mov     ax, 0x4c01
        int     0x21
2:      outb_   CR, 0x21
        outb_   DCR, 0x49
        outb_   IMR, 0
        outb_   RCR, 0x20
        outb_   TCR, 2
        xor     bx, bx
        mov     cx, 32
        mov     ah, 0x0a
        call    start_dma
        mov     di, OFFSET prom
        mov     dx, OFFSET DATA
        mov     cx, 16
        rep     insw
        outb_   CR, 0x21
        outb_   PSTART, RING_START
        outb_   PSTOP, RING_STOP
        outb_   BNRY, (RING_STOP-1)
        outb_   ISR, 0xff
        mov     byte ptr [next], RING_START
        outb_   CR, 0x61
        mov     si, OFFSET prom
        mov     di, OFFSET station
        mov     dx, OFFSET IO + 1
        mov     cx, 6
3:      lodsw                   // each byte of the PROM comes twice
        stosb
        out     dx, al
        inc     dx
        loop    3b
        mov     al, RING_START
        out     dx, al
        outb_   CR, 0x22
        outb_   TCR, 0
        outb_   RCR, 4          // our own address and broadcasts

        mov     dx, OFFSET handler
        mov     ax, 0x2500 + INTERRUPT
        int     0x21
        mov     dx, OFFSET card_interrupt
        mov     ax, 0x2500 + CARD_VECTOR
        int     0x21
        cli
        .if     IRQ & 8
        in      al, 0xa1
        and     al, ~(1 << (IRQ & 7)) & 0xff
        out     0xa1, al
        in      al, 0x21
        and     al, 0xfb
        .else
        in      al, 0x21
        and     al, ~(1 << IRQ) & 0xff
        .endif
        out     0x21, al
        outb_   IMR, EVENTS
        sti
        mov     dx, OFFSET ready
        mov     ah, 9
        int     0x21
        mov     dx, OFFSET resident_end + 15
        shr     dx, 4
        mov     ax, 0x3100
        int     0x21
