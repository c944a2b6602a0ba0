// A driver that offers the long-name calls of INT 21h, AH=71h, and answers them with the short ones.
// The tests see by it whether the calls are made as they are meant. AX=71FFh, BL=n: AX is how often
// function 71nnh was called. Eight searches at once. Every drive but A: "has long names".
    .intel_syntax noprefix
    .code16
    .text
    .globl _start
_start:
    jmp install

old:        .long 0
old_dta:    .long 0
counts:     .fill 256, 1, 0
used:       .fill 8, 1, 0
dtas:       .fill 8 * 64, 1, 0

dos:        // calls DOS; flags and registers as it leaves them
    pushf
    call dword ptr cs:[old]
    ret

handler:
    cmp ah, 0x71
    je 1f
    jmp dword ptr cs:[old]
1:  cmp al, 0xff
    je count
    push bx
    mov bl, al
    xor bh, bh
    inc byte ptr cs:[bx + offset counts]
    pop bx
    cmp al, 0xa0
    je volume
    cmp al, 0x4e
    je find_first
    cmp al, 0x4f
    je find_next
    cmp al, 0xa1
    je find_close
    cmp al, 0x6c
    je 2f
    cmp al, 0x39
    je 3f
    cmp al, 0x3a
    je 3f
    cmp al, 0x3b
    je 3f
    cmp al, 0x41
    je delete
    cmp al, 0x47
    je 3f
    cmp al, 0x56
    je 3f
    mov ax, 0x7100
    jmp failed
2:  mov ax, 0x6c00
    jmp dword ptr cs:[old]
delete:
    test si, si // wildcards must not be allowed
    jz 3f
    mov ax, 1
    jmp failed
3:  mov ah, al
    xor al, al
    jmp dword ptr cs:[old]
count:
    xor bh, bh
    mov al, cs:[bx + offset counts]
    xor ah, ah
    jmp done
volume:
    push si
    mov si, dx
    cmp byte ptr [si], 'A'
    pop si
    mov bx, 6
    je done
    mov bx, 0x4006
    mov cx, 255
    mov dx, 260
done:
    clc
    retf 2
failed:
    stc
    retf 2

find_first:
    push bp
    xor bp, bp
1:  cmp byte ptr cs:[bp + offset used], 0
    je 2f
    inc bp
    cmp bp, 8
    jb 1b
    pop bp
    mov ax, 4
    jmp failed
2:  mov ah, 0x4e
    call search
    jc 3f
    mov byte ptr cs:[bp + offset used], 1
    lea ax, [bp + 0x100]
3:  pop bp
    retf 2
find_next:
    push bp
    mov bp, bx
    sub bp, 0x100
    mov ah, 0x4f
    call search
    pop bp
    retf 2
find_close:
    mov byte ptr cs:[bx + offset used - 0x100], 0
    jmp done

// A search by AH with the transfer area of slot BP; what was found goes to ES:DI.
search:
    push bx
    push cx
    push dx
    push si
    push di
    push ds
    push es
    push ax
    mov ah, 0x2f
    call dos
    mov word ptr cs:[old_dta], bx
    mov word ptr cs:[old_dta + 2], es
    push ds
    push dx
    push cs
    pop ds
    mov bx, bp
    shl bx, 6
    lea dx, [bx + offset dtas]
    mov ah, 0x1a
    call dos
    pop dx
    pop ds
    pop ax
    call dos
    pushf
    push ax
    lds dx, cs:[old_dta]
    mov ah, 0x1a
    call dos
    pop ax
    popf
    pop es
    push es
    jc 9f
    cmp si, 1 // dates as DOS has them
    mov ax, 1
    stc
    jne 9f
    push cs
    pop ds
    lea si, [bx + offset dtas]
    xor eax, eax
    mov al, [si + 0x15]
    mov es:[di], eax
    mov eax, [si + 0x16]
    mov es:[di + 0x14], eax
    mov eax, [si + 0x1a]
    mov es:[di + 0x20], eax
    lea si, [si + 0x1e]
    lea di, [di + 0x2c]
    mov cx, 13
    cld
    rep movsb
    clc
9:  pop es
    pop ds
    pop di
    pop si
    pop dx
    pop cx
    pop bx
    ret

install:
    mov ax, 0x3521
    int 0x21
    mov word ptr [old], bx
    mov word ptr [old + 2], es
    mov ax, 0x2521
    mov dx, offset handler
    int 0x21
    mov dx, offset install
    int 0x27
