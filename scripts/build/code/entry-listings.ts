/** The code of entry-code.ts, for each architecture. */

/**
 * The smallest limit of address space that V8 starts with, rounded down: with 1.10 GiB it dumps, with 1.14 GiB it serves.
 * The same on arm64, where V8 reserves as much. The low 16 bits must be 0.
 */
const ADDRESS_SPACE_BYTES = 0x4640_0000
const SMALL = 'exec-server: the limit of address space (ulimit -v, LimitAS=) is too small: it takes at least 1.2 GiB\n'
const REFUSED =
  'exec-server: this system lets no memory become executable, which the runtime needs ' +
  '(systemd: MemoryDenyWriteExecute=no, SELinux: execmem)\n'

/** A number as the bytes of a little-endian word. */
const word = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('hex')
}

/** An arm64 instruction with its 16-bit operand. */
const withOperand = (code: number, value: number): string => ((code | (value << 5)) >>> 0).toString(16)

/** An arm64 instruction that loads an address at this distance in bytes. */
const addressOf = (register: number, distance: number): string =>
  (0x1000_0000 | ((distance & 3) << 29) | ((distance >> 2) << 5) | register).toString(16)

/** A line of a listing with a text. */
const x64Text = (text: string): string => `${Buffer.from(text).toString('hex')}  .ascii ${JSON.stringify(text)}`
const arm64Text = (text: string): string =>
  // Codes are written as numbers, from the last byte to the first.
  `${Buffer.from(text).reverse().toString('hex')}  .ascii ${JSON.stringify(text)}`

export const X64 = `
entry:
  48 8d 74 24 08                   lea rsi, [rsp+8]                      ; argv
  48 b8 2d 2d 65 6e 76 2d 66 69    movabs rax, 0x69662d766e652d2d        ; --env-fi
  48 b9 2d 2d 65 78 70 65 72 69    movabs rcx, 0x6972657078652d2d        ; --experi
argument:
  48 8b 3e                         mov rdi, [rsi]
  48 83 c6 08                      add rsi, 8
  48 85 ff                         test rdi, rdi
  74 0f                            jz variables
  48 3b 07                         cmp rax, [rdi]                        ; behind the last string there are 8 bytes more
  74 05                            je conceal
  48 3b 0f                         cmp rcx, [rdi]
  75 ea                            jne argument
conceal:
  c6 07 01                         mov byte ptr [rdi], 1
  eb e5                            jmp argument
variables:
  48 b8 4f 50 45 4e 53 53 4c 5f    movabs rax, 0x5f4c53534e45504f        ; OPENSSL_
next:
  48 8b 3e                         mov rdi, [rsi]
  48 85 ff                         test rdi, rdi
  74 1c                            jz hangup
  48 83 c6 08                      add rsi, 8
  48 3b 07                         cmp rax, [rdi]
  74 0e                            je hide
  81 3f 4e 4f 44 45                cmp dword ptr [rdi], 0x45444f4e       ; NODE
  75 e7                            jne next
  80 7f 04 5f                      cmp byte ptr [rdi+4], 0x5f            ; _
  75 e1                            jne next
hide:
  c6 07 01                         mov byte ptr [rdi], 1
  eb dc                            jmp next
hangup:
  49 89 d4                         mov r12, rdx                          ; the loader's, for the runtime
  48 83 ec 20                      sub rsp, 32                           ; handler, flags, restorer, mask
  48 c7 04 24 00 00 00 00          mov qword ptr [rsp], 0
  bf 01 00 00 00                   mov edi, 1                            ; rt_sigaction(SIGHUP, NULL, rsp, 8)
  31 f6                            xor esi, esi
  48 89 e2                         mov rdx, rsp
  41 ba 08 00 00 00                mov r10d, 8
  b8 0d 00 00 00                   mov eax, 13
  0f 05                            syscall
  48 83 3c 24 01                   cmp qword ptr [rsp], 1                ; SIG_IGN
  75 2c                            jne limit
  48 8d 05 d2 00 00 00             lea rax, [rip+ignore]
  48 89 04 24                      mov [rsp], rax
  48 c7 44 24 08 00 00 00 14       mov qword ptr [rsp+8], 0x14000000     ; SA_RESTART, SA_RESTORER
  48 8d 05 bf 00 00 00             lea rax, [rip+restore]
  48 89 44 24 10                   mov [rsp+16], rax
  48 89 e6                         mov rsi, rsp                          ; rt_sigaction(SIGHUP, rsp, NULL, 8)
  31 d2                            xor edx, edx
  b8 0d 00 00 00                   mov eax, 13
  0f 05                            syscall
limit:
  31 ff                            xor edi, edi                          ; prlimit64(0, RLIMIT_AS, NULL, rsp)
  be 09 00 00 00                   mov esi, 9
  31 d2                            xor edx, edx
  49 89 e2                         mov r10, rsp
  b8 2e 01 00 00                   mov eax, 302
  0f 05                            syscall
  85 c0                            test eax, eax
  75 0b                            jnz memory
  b8 ${word(ADDRESS_SPACE_BYTES)}                      mov eax, ${ADDRESS_SPACE_BYTES}
  48 39 04 24                      cmp qword ptr [rsp], rax
  72 59                            jb small
memory:
  31 ff                            xor edi, edi                          ; mmap(NULL, 4096, PROT_NONE, private, -1, 0)
  be 00 10 00 00                   mov esi, 4096
  31 d2                            xor edx, edx
  41 ba 22 00 00 00                mov r10d, 0x22
  49 c7 c0 ff ff ff ff             mov r8, -1
  45 31 c9                         xor r9d, r9d
  b8 09 00 00 00                   mov eax, 9
  0f 05                            syscall
  48 3d 00 f0 ff ff                cmp rax, -4096
  77 25                            ja leave
  48 89 c7                         mov rdi, rax                          ; mprotect(…, 4096, all), as V8 does
  ba 07 00 00 00                   mov edx, 7
  b8 0a 00 00 00                   mov eax, 10
  0f 05                            syscall
  41 89 c5                         mov r13d, eax
  b8 0b 00 00 00                   mov eax, 11                           ; munmap(…, 4096)
  0f 05                            syscall
  41 83 fd f3                      cmp r13d, -13                         ; EACCES: SELinux, or the kernel's own
  74 20                            je refused
  41 83 fd ff                      cmp r13d, -1                          ; EPERM: a filter of system calls
  74 1a                            je refused
leave:
  48 83 c4 20                      add rsp, 32
  4c 89 e2                         mov rdx, r12
runtime:
  e9 00 00 00 00                   .byte 0xe9, 0, 0, 0, 0                ; jmp: the distance is filled in
small:
  48 8d 35 39 00 00 00             lea rsi, [rip+small_text]
  ba ${word(SMALL.length)}                      mov edx, ${SMALL.length}
  eb 0c                            jmp fail
refused:
  48 8d 35 ${word(43 + SMALL.length)}                lea rsi, [rip+refused_text]
  ba ${word(REFUSED.length)}                      mov edx, ${REFUSED.length}
fail:
  bf 02 00 00 00                   mov edi, 2                            ; write(2, rsi, rdx)
  b8 01 00 00 00                   mov eax, 1
  0f 05                            syscall
  bf 01 00 00 00                   mov edi, 1                            ; exit_group(1)
  b8 e7 00 00 00                   mov eax, 231
  0f 05                            syscall
ignore:
  c3                               ret
restore:
  b8 0f 00 00 00                   mov eax, 15                           ; rt_sigreturn()
  0f 05                            syscall
setrlimit:
  b8 ff ff ff ff                   mov eax, -1
  c3                               ret
small_text:
  ${x64Text(SMALL)}
refused_text:
  ${x64Text(REFUSED)}
`

export const ARM64 = `
entry:
  910023ea          add x10, sp, #8             ; argv
  d285a5ac          movz x12, #0x2d2d           ; --env-fi
  f2adccac          movk x12, #0x6e65, lsl #16
  f2c5aecc          movk x12, #0x2d76, lsl #32
  f2ed2ccc          movk x12, #0x6966, lsl #48
  d285a5ab          movz x11, #0x2d2d           ; --experi
  f2af0cab          movk x11, #0x7865, lsl #16
  f2ccae0b          movk x11, #0x6570, lsl #32
  f2ed2e4b          movk x11, #0x6972, lsl #48
  5280002d          mov w13, #1
argument:
  f840854e          ldr x14, [x10], #8
  b400010e          cbz x14, variables
  f94001cf          ldr x15, [x14]              ; behind the last string there are 8 bytes more
  eb0c01ff          cmp x15, x12
  54000060          b.eq conceal
  eb0b01ff          cmp x15, x11
  54ffff41          b.ne argument
conceal:
  390001cd          strb w13, [x14]
  17fffff8          b argument
variables:
  5289e9cb          movz w11, #0x4f4e           ; NODE
  72a8a88b          movk w11, #0x4544, lsl #16
  d28a09ec          movz x12, #0x504f           ; OPENSSL_
  f2a9c8ac          movk x12, #0x4e45, lsl #16
  f2ca6a6c          movk x12, #0x5353, lsl #32
  f2ebe98c          movk x12, #0x5f4c, lsl #48
next:
  f840854e          ldr x14, [x10], #8
  b400016e          cbz x14, hangup
  f94001cf          ldr x15, [x14]
  eb0c01ff          cmp x15, x12
  540000c0          b.eq hide
  6b0b01ff          cmp w15, w11
  54ffff41          b.ne next
  394011cf          ldrb w15, [x14, #4]
  71017dff          cmp w15, #0x5f              ; _
  54fffee1          b.ne next
hide:
  390001cd          strb w13, [x14]
  17fffff5          b next
hangup:
  aa0003e9          mov x9, x0                  ; the loader's, for the runtime
  d10083ff          sub sp, sp, #32             ; handler, flags, restorer, mask
  f90003ff          str xzr, [sp]
  d2800020          mov x0, #1                  ; rt_sigaction(SIGHUP, NULL, sp, 8)
  d2800001          mov x1, #0
  910003e2          mov x2, sp
  d2800103          mov x3, #8
  d28010c8          mov x8, #134
  d4000001          svc #0
  f94003ea          ldr x10, [sp]
  f100055f          cmp x10, #1                 ; SIG_IGN
  54000121          b.ne limit
  1000070a          adr x10, ignore
  f90003ea          str x10, [sp]
  d2a2000a          mov x10, #0x10000000        ; SA_RESTART
  f90007ea          str x10, [sp, #8]
  d2800020          mov x0, #1                  ; rt_sigaction(SIGHUP, sp, NULL, 8)
  910003e1          mov x1, sp
  d2800002          mov x2, #0
  d4000001          svc #0
limit:
  d2800000          mov x0, #0                  ; prlimit64(0, RLIMIT_AS, NULL, sp)
  d2800121          mov x1, #9
  d2800002          mov x2, #0
  910003e3          mov x3, sp
  d28020a8          mov x8, #261
  d4000001          svc #0
  b50000a0          cbnz x0, memory
  f94003ea          ldr x10, [sp]
  ${withOperand(0xd2a0_000b, ADDRESS_SPACE_BYTES >>> 16)}          movz x11, #${ADDRESS_SPACE_BYTES >>> 16}, lsl #16
  eb0b015f          cmp x10, x11
  54000363          b.lo small
memory:
  d2800000          mov x0, #0                  ; mmap(NULL, 4096, PROT_NONE, private, -1, 0)
  d2820001          mov x1, #4096
  d2800002          mov x2, #0
  d2800443          mov x3, #0x22
  92800004          mov x4, #-1
  d2800005          mov x5, #0
  d2801bc8          mov x8, #222
  d4000001          svc #0
  b140041f          cmn x0, #1, lsl #12
  540001c8          b.hi leave
  aa0003ea          mov x10, x0                 ; mprotect(…, 4096, all), as V8 does
  d2820001          mov x1, #4096
  d28000e2          mov x2, #7
  d2801c48          mov x8, #226
  d4000001          svc #0
  aa0003eb          mov x11, x0
  aa0a03e0          mov x0, x10                 ; munmap(…, 4096)
  d2801ae8          mov x8, #215
  d4000001          svc #0
  b100357f          cmn x11, #13                ; EACCES: SELinux, or the kernel's own
  54000120          b.eq refused
  b100057f          cmn x11, #1                 ; EPERM: a filter of system calls
  540000e0          b.eq refused
leave:
  910083ff          add sp, sp, #32
  aa0903e0          mov x0, x9
runtime:
  14000000          .word 0x14000000            ; b: the distance is filled in
small:
  100001c1          adr x1, small_text
  ${withOperand(0xd280_0002, SMALL.length)}          mov x2, #${SMALL.length}
  14000003          b fail
refused:
  ${addressOf(1, 44 + SMALL.length)}          adr x1, refused_text
  ${withOperand(0xd280_0002, REFUSED.length)}          mov x2, #${REFUSED.length}
fail:
  d2800040          mov x0, #2                  ; write(2, x1, x2)
  d2800808          mov x8, #64
  d4000001          svc #0
  d2800020          mov x0, #1                  ; exit_group(1)
  d2800bc8          mov x8, #94
  d4000001          svc #0
ignore:
  d65f03c0          ret
setrlimit:
  12800000          mov w0, #-1
  d65f03c0          ret
small_text:
  ${arm64Text(SMALL)}
refused_text:
  ${arm64Text(REFUSED)}
`
