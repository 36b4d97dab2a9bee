/**
 * `__atomic_compare_exchange` in machine code, for objects of 8 bytes:
 *
 *     bool __atomic_compare_exchange(size_t size, void *object, void *expected, void *desired, int, int)
 *
 * V8 calls it for the free lists of its code tables only. These are `std::atomic`s of a structure of 8 bytes, so they
 * are aligned to 8 bytes. Another size ends the process with SIGILL (x64) or SIGTRAP (arm64): it must never be taken
 * for atomic.
 */
import { assemblySource, machineCode } from './machine-code.ts'

const X64 = `
  48 83 ff 08       cmp rdi, 8
  75 19             jne trap
  48 8b 02          mov rax, [rdx]              ; expected
  48 8b 09          mov rcx, [rcx]              ; desired
  f0 48 0f b1 0e    lock cmpxchg [rsi], rcx     ; a full barrier, whatever order is asked for
  75 06             jne differs
  b8 01 00 00 00    mov eax, 1
  c3                ret
differs:
  48 89 02          mov [rdx], rax              ; the caller gets the value that is there
  31 c0             xor eax, eax
  c3                ret
trap:
  0f 0b             ud2
`

const ARM64 = `
  f100201f          cmp x0, #8
  540001c1          b.ne trap
  f9400048          ldr x8, [x2]                ; expected
  f9400069          ldr x9, [x3]                ; desired
retry:
  c85ffc2a          ldaxr x10, [x1]             ; acquire and release, whatever order is asked for
  eb08015f          cmp x10, x8
  540000a1          b.ne differs
  c80bfc29          stlxr w11, x9, [x1]
  35ffff8b          cbnz w11, retry
  52800020          mov w0, #1
  d65f03c0          ret
differs:
  d5033f5f          clrex
  f900004a          str x10, [x2]               ; the caller gets the value that is there
  52800000          mov w0, #0
  d65f03c0          ret
trap:
  d4200000          brk #0
`

const LISTINGS = { x64: X64, arm64: ARM64 }

/** The code of the function. It is position-independent. */
export const compareExchange = (arch: 'x64' | 'arm64'): Buffer => machineCode(arch, LISTINGS[arch]).bytes

/** Assembler source of the same code, so that a test can check the bytes. */
export const compareExchangeAssembly = (arch: 'x64' | 'arm64'): string => assemblySource(arch, LISTINGS[arch])
