/**
 * The program that bubblewrap starts in the sandbox, instead of a shell or a second Node: it creates a session, takes
 * the controlling terminal, closes inherited descriptors, tries each candidate path and execs the first that works. It
 * is machine code, so that it needs no file in the sandbox and costs only a fraction of a millisecond.
 */
import type { Arch } from './seccomp.ts'

/**
 * In C, for both architectures:
 *
 *     int main(int argc, char **argv, char **envp) {            // [self, MODE, ARG0, CANDIDATE..., '', ARG...]
 *       char **candidate = argv + 3, **arguments = candidate;
 *       if (argc < 5) fail(unfit);
 *       for (;; arguments++) {
 *         if (*arguments == NULL) fail(unfit);
 *         if (**arguments == '\0') break;
 *       }
 *       if (arguments == candidate) fail(unfit);
 *       *arguments = argv[2];                                   // in place of the ''
 *       setsid();                                               // fails if it leads a process group already
 *       if (MODE is "t") { if (ioctl(0, TIOCSCTTY, 0) < 0) fail(no_terminal); }
 *       else if (MODE is not "p") fail(unfit);
 *       if (close_range(3, ~0u, 0) != 0) for (int fd = 3; fd < 1024; fd++) close(fd);
 *       char *message = missing; int code = 127;
 *       for (; candidate != arguments; candidate++) {
 *         int error = execve(*candidate, arguments, envp);      // returns only on failure
 *         if (error == EACCES) message = denied, code = 126;
 *         else if (error != ENOENT && error != ENOTDIR)
 *           fail(error == ENOEXEC ? format : error == E2BIG ? too_long : unfit);
 *       }
 *       report(message, code);                                  // fail(message) is report(message, 126)
 *     }
 *
 * Each line of a listing has the machine code, its assembly and a comment. Offsets to labels are filled in by link():
 * they are `..` on x64 and zero bits on arm64.
 */
const X64 = `
start:
  48 8b 0c 24            mov rcx, [rsp]                  ; argc; then argv from rsp+8 on, NULL, envp
  48 8d 6c cc 10         lea rbp, [rsp+rcx*8+16]         ; rbp: envp
  4c 8d 74 24 20         lea r14, [rsp+32]               ; r14: the next candidate, argv[3] at first
  4d 89 f4               mov r12, r14                    ; r12: the slot of the ''
  48 83 f9 05            cmp rcx, 5
  0f 82 .. .. .. ..      jb malformed
find:
  49 8b 04 24            mov rax, [r12]
  48 85 c0               test rax, rax
  0f 84 .. .. .. ..      jz malformed                    ; NULL: there is no ''
  80 38 00               cmp byte ptr [rax], 0
  74 ..                  je found
  49 83 c4 08            add r12, 8
  eb ..                  jmp find
found:
  4d 39 f4               cmp r12, r14
  0f 84 .. .. .. ..      je malformed                    ; there is no candidate
  48 8b 44 24 18         mov rax, [rsp+24]               ; ARG0
  49 89 04 24            mov [r12], rax                  ; r12: argv of the program from here on
  b8 70 00 00 00         mov eax, 112                    ; setsid()
  0f 05                  syscall
  48 8b 44 24 10         mov rax, [rsp+16]               ; MODE
  0f b7 00               movzx eax, word ptr [rax]       ; the letter and the NUL
  83 f8 70               cmp eax, 0x70                   ; 'p'
  74 ..                  je descriptors
  83 f8 74               cmp eax, 0x74                   ; 't'
  0f 85 .. .. .. ..      jne malformed
  31 ff                  xor edi, edi                    ; ioctl(0, TIOCSCTTY, 0)
  be 0e 54 00 00         mov esi, 0x540e
  31 d2                  xor edx, edx
  b8 10 00 00 00         mov eax, 16
  0f 05                  syscall
  48 8d 35 .. .. .. ..   lea rsi, [rip+no_terminal]
  85 c0                  test eax, eax
  0f 88 .. .. .. ..      js fail
descriptors:
  bf 03 00 00 00         mov edi, 3                      ; close_range(3, ~0, 0)
  be ff ff ff ff         mov esi, -1
  31 d2                  xor edx, edx
  b8 b4 01 00 00         mov eax, 436
  0f 05                  syscall
  85 c0                  test eax, eax
  74 ..                  jz closed
  bf 03 00 00 00         mov edi, 3
close:
  b8 03 00 00 00         mov eax, 3                      ; close(edi), of which a failure is ignored
  0f 05                  syscall
  ff c7                  inc edi
  81 ff 00 04 00 00      cmp edi, 1024
  72 ..                  jb close
closed:
  4c 8d 2d .. .. .. ..   lea r13, [rip+missing]          ; r13, ebx: message and exit code when none is left
  bb 7f 00 00 00         mov ebx, 127
try:
  4d 39 e6               cmp r14, r12
  74 ..                  je none
  49 8b 3e               mov rdi, [r14]
  49 83 c6 08            add r14, 8
  4c 89 e6               mov rsi, r12
  48 89 ea               mov rdx, rbp
  b8 3b 00 00 00         mov eax, 59                     ; execve(rdi, rsi, rdx)
  0f 05                  syscall
  83 f8 fe               cmp eax, -2                     ; ENOENT
  74 ..                  je try
  83 f8 ec               cmp eax, -20                    ; ENOTDIR
  74 ..                  je try
  83 f8 f3               cmp eax, -13                    ; EACCES
  75 ..                  jne other
  4c 8d 2d .. .. .. ..   lea r13, [rip+denied]
  bb 7e 00 00 00         mov ebx, 126
  eb ..                  jmp try
none:
  4c 89 ee               mov rsi, r13
  eb ..                  jmp report
other:
  48 8d 35 .. .. .. ..   lea rsi, [rip+format]
  83 f8 f8               cmp eax, -8                     ; ENOEXEC
  74 ..                  je fail
  48 8d 35 .. .. .. ..   lea rsi, [rip+too_long]
  83 f8 f9               cmp eax, -7                     ; E2BIG
  74 ..                  je fail
malformed:
  48 8d 35 .. .. .. ..   lea rsi, [rip+unfit]
fail:
  bb 7e 00 00 00         mov ebx, 126
report:
  31 d2                  xor edx, edx                    ; edx: the length, the newline included
count:
  ff c2                  inc edx
  80 7c 16 ff 0a         cmp byte ptr [rsi+rdx-1], 10
  75 ..                  jne count
  bf 02 00 00 00         mov edi, 2                      ; write(2, rsi, rdx)
  b8 01 00 00 00         mov eax, 1
  0f 05                  syscall
  89 df                  mov edi, ebx                    ; exit_group(ebx)
  b8 e7 00 00 00         mov eax, 231
  0f 05                  syscall
`

const ARM64 = `
start:
  f94003f3  ldr x19, [sp]                   ; argc; then argv from sp+8 on, NULL, envp
  910083f4  add x20, sp, #32                ; x20: the next candidate, argv[3] at first
  8b336ff5  add x21, sp, x19, lsl #3
  910042b5  add x21, x21, #16               ; x21: envp
  aa1403f6  mov x22, x20                    ; x22: the slot of the ''
  f100167f  cmp x19, #5
  54000003  b.lo malformed
find:
  f94002c0  ldr x0, [x22]
  b4000000  cbz x0, malformed               ; NULL: there is no ''
  39400000  ldrb w0, [x0]
  34000000  cbz w0, found
  910022d6  add x22, x22, #8
  14000000  b find
found:
  eb1402df  cmp x22, x20
  54000000  b.eq malformed                  ; there is no candidate
  f9400fe0  ldr x0, [sp, #24]               ; ARG0
  f90002c0  str x0, [x22]                   ; x22: argv of the program from here on
  d28013a8  mov x8, #157                    ; setsid()
  d4000001  svc #0
  f9400be0  ldr x0, [sp, #16]               ; MODE
  79400000  ldrh w0, [x0]                   ; the letter and the NUL
  7101c01f  cmp w0, #0x70                   ; 'p'
  54000000  b.eq descriptors
  7101d01f  cmp w0, #0x74                   ; 't'
  54000001  b.ne malformed
  d2800000  mov x0, #0                      ; ioctl(0, TIOCSCTTY, 0)
  d28a81c1  mov x1, #0x540e
  d2800002  mov x2, #0
  d28003a8  mov x8, #29
  d4000001  svc #0
  10000001  adr x1, no_terminal
  35000000  cbnz w0, fail
descriptors:
  52800060  mov w0, #3                      ; close_range(3, ~0, 0)
  12800001  mov w1, #-1
  52800002  mov w2, #0
  d2803688  mov x8, #436
  d4000001  svc #0
  34000000  cbz w0, closed
  52800073  mov w19, #3
close:
  2a1303e0  mov w0, w19                     ; close(w19), of which a failure is ignored
  d2800728  mov x8, #57
  d4000001  svc #0
  11000673  add w19, w19, #1
  7110027f  cmp w19, #1024
  54000003  b.lo close
closed:
  10000017  adr x23, missing                ; x23, w24: message and exit code when none is left
  52800ff8  mov w24, #127
try:
  eb16029f  cmp x20, x22
  54000000  b.eq none
  f8408680  ldr x0, [x20], #8
  aa1603e1  mov x1, x22
  aa1503e2  mov x2, x21
  d2801ba8  mov x8, #221                    ; execve(x0, x1, x2)
  d4000001  svc #0
  3100081f  cmn w0, #2                      ; ENOENT
  54000000  b.eq try
  3100501f  cmn w0, #20                     ; ENOTDIR
  54000000  b.eq try
  3100341f  cmn w0, #13                     ; EACCES
  54000001  b.ne other
  10000017  adr x23, denied
  52800fd8  mov w24, #126
  14000000  b try
none:
  aa1703e1  mov x1, x23
  14000000  b report
other:
  10000001  adr x1, format
  3100201f  cmn w0, #8                      ; ENOEXEC
  54000000  b.eq fail
  10000001  adr x1, too_long
  31001c1f  cmn w0, #7                      ; E2BIG
  54000000  b.eq fail
malformed:
  10000001  adr x1, unfit
fail:
  52800fd8  mov w24, #126
report:
  d2800002  mov x2, #0                      ; x2: the length, the newline included
count:
  38626820  ldrb w0, [x1, x2]
  91000442  add x2, x2, #1
  7100281f  cmp w0, #10
  54000001  b.ne count
  d2800040  mov x0, #2                      ; write(2, x1, x2)
  d2800808  mov x8, #64
  d4000001  svc #0
  2a1803e0  mov w0, w24                     ; exit_group(w24)
  d2800bc8  mov x8, #94
  d4000001  svc #0
`

/**
 * Messages on stderr, in the order in which they follow the code. Each ends with a newline. Clients recognise certain
 * phrases as a sandbox denial, so only `denied` contains one.
 */
const MESSAGES = {
  missing: 'exec-server: no such program\n',
  denied: 'exec-server: permission denied\n',
  format: 'exec-server: not an executable format\n',
  too_long: 'exec-server: arguments or environment too long\n',
  unfit: 'exec-server: cannot be executed\n',
  no_terminal: 'exec-server: the terminal cannot be taken\n',
}

type Step = {
  /** Set if the line is a label and not an instruction. */
  label?: string
  /** x64: hex bytes, `..` for offset bytes. arm64: one 32-bit word. */
  code: string
  assembly: string
}

const LISTINGS: Record<Arch, string> = { x64: X64, arm64: ARM64 }

function steps(arch: Arch): Step[] {
  return LISTINGS[arch]
    .trim()
    .split('\n')
    .map((line) => {
      const text = (line.split(';', 1)[0] as string).trim()
      if (text.endsWith(':')) return { label: text.slice(0, -1), code: '', assembly: text }
      const [code, assembly] = text.split(/ {2,}/) as [string, string]
      return { code, assembly }
    })
}

/** Assembler source of the same code, so that a test can check the bytes. */
export function launcherAssembly(arch: Arch): string {
  const messages = Object.entries(MESSAGES).map(([label, text]) => `${label}: .ascii ${JSON.stringify(text)}`)
  return [
    arch === 'x64' ? '.intel_syntax noprefix' : '',
    ...steps(arch).map(({ assembly }) => assembly),
    ...messages,
    '',
  ].join('\n')
}

const FILE_HEADER_BYTES = 64
const PROGRAM_HEADER_BYTES = 56
/** Offset of the code in bytes, in the file and in memory. */
export const CODE_OFFSET = FILE_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES

/** Above every system's vm.mmap_min_addr. The code itself is position-independent. */
const ADDRESS = 0x40_0000
/** The largest page size of arm64, 64 KiB. */
const ALIGNMENT = 0x1_0000

const MACHINE = { x64: 62, arm64: 183 } as const

const images = new Map<Arch, Uint8Array>()

/** A static ELF executable without sections or writable segments. The array is cached: do not modify it. */
export function launcherImage(arch: Arch): Uint8Array {
  let image = images.get(arch)
  if (image === undefined) images.set(arch, (image = wrap(link(arch), MACHINE[arch])))
  return image
}

function wrap(code: Uint8Array, machine: number): Uint8Array {
  const image = new Uint8Array(CODE_OFFSET + code.length)
  image.set(code, CODE_OFFSET)
  const view = new DataView(image.buffer)
  // The magic, 64 bits, little endian, version 1.
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 2, true) // e_type: ET_EXEC
  view.setUint16(18, machine, true) // e_machine
  view.setUint32(20, 1, true) // e_version
  view.setBigUint64(24, BigInt(ADDRESS + CODE_OFFSET), true) // e_entry
  view.setBigUint64(32, BigInt(FILE_HEADER_BYTES), true) // e_phoff
  view.setUint16(52, FILE_HEADER_BYTES, true) // e_ehsize
  view.setUint16(54, PROGRAM_HEADER_BYTES, true) // e_phentsize
  view.setUint16(56, 2, true) // e_phnum
  const writeSegment = (
    index: number,
    type: number,
    flags: number,
    address: number,
    bytes: number,
    alignment: number,
  ): void => {
    const at = FILE_HEADER_BYTES + index * PROGRAM_HEADER_BYTES
    view.setUint32(at, type, true) // p_type
    view.setUint32(at + 4, flags, true) // p_flags; p_offset is 0
    view.setBigUint64(at + 16, BigInt(address), true) // p_vaddr
    view.setBigUint64(at + 24, BigInt(address), true) // p_paddr
    view.setBigUint64(at + 32, BigInt(bytes), true) // p_filesz
    view.setBigUint64(at + 40, BigInt(bytes), true) // p_memsz
    view.setBigUint64(at + 48, BigInt(alignment), true) // p_align
  }
  // PT_LOAD, readable and executable: the whole file.
  writeSegment(0, 1, 5, ADDRESS, image.length, ALIGNMENT)
  // PT_GNU_STACK, readable and writable: without this header the stack would be executable.
  writeSegment(1, 0x6474_e551, 6, 0, 0, 16)
  return image
}

/** The code with its offsets filled in, followed by the messages. */
function link(arch: Arch): Uint8Array {
  const listing = steps(arch)
  const instructions: (Step & { at: number; bytes: number })[] = []
  const places = new Map<string, number>()
  let end = 0
  for (const step of listing) {
    if (step.label !== undefined) places.set(step.label, end)
    else {
      const bytes = step.code.replaceAll(' ', '').length / 2
      instructions.push({ ...step, at: end, bytes })
      end += bytes
    }
  }
  for (const [label, text] of Object.entries(MESSAGES)) {
    places.set(label, end)
    end += text.length
  }
  const code = new Uint8Array(end)
  for (const { at, bytes, ...step } of instructions) {
    // The label is the last operand; x64 puts addresses in brackets.
    const target = places.get(/\w+(?=\]?$)/.exec(step.assembly)?.[0] ?? '')
    if (arch === 'x64') writeX64(code, at, bytes, step.code, target)
    else writeArm64(code, at, step.code, target)
  }
  const messages = new TextEncoder().encode(Object.values(MESSAGES).join(''))
  code.set(messages, end - messages.length)
  return code
}

/** An x64 offset is the last 8 or 32 bits of an instruction, relative to the next instruction. */
function writeX64(to: Uint8Array, at: number, bytes: number, code: string, target: number | undefined): void {
  to.set(Uint8Array.fromHex(code.replaceAll('..', '00').replaceAll(' ', '')), at)
  const open = code.split('..').length - 1
  if (open > 0 !== (target !== undefined)) throw new Error(`a label and a distance do not go together: ${code}`)
  if (target === undefined) return
  const view = new DataView(to.buffer)
  const distance = target - (at + bytes)
  if (open === 4) view.setInt32(at + bytes - 4, distance, true)
  else if (distance >= -128 && distance <= 127) view.setInt8(at + bytes - 1, distance)
  else throw new Error(`too far for one byte: ${code}`)
}

/**
 * An arm64 offset is relative to the instruction itself. Branches count 4-byte words; ADR counts bytes and encodes the
 * two lowest bits apart.
 */
function writeArm64(to: Uint8Array, at: number, code: string, target: number | undefined): void {
  const word = parseInt(code, 16)
  const distance = target === undefined ? undefined : target - at
  new DataView(to.buffer).setUint32(at, (word | distanceBits(word, distance)) >>> 0, true)
}

function distanceBits(word: number, distance: number | undefined): number {
  const isConditional = (word & 0xff00_0010) >>> 0 === 0x5400_0000 || (word & 0x7e00_0000) === 0x3400_0000
  const isJump = (word & 0x7c00_0000) === 0x1400_0000
  const isAddress = (word & 0x9f00_0000) === 0x1000_0000
  if ((isConditional || isJump || isAddress) !== (distance !== undefined)) {
    throw new Error(`a label and a distance do not go together: ${word.toString(16)}`)
  }
  if (distance === undefined) return 0
  if (isAddress) return ((distance & 3) << 29) | (((distance >> 2) & 0x7_ffff) << 5)
  return isJump ? (distance >> 2) & 0x3ff_ffff : ((distance >> 2) & 0x7_ffff) << 5
}

/** What the launcher runs. */
export type LaunchedCommand = {
  /** Whether descriptor 0 becomes the session's controlling terminal. */
  terminal: boolean
  /** The program's argv[0]. */
  arg0: string
  /** Paths for execve, tried in order: at least one, none of them empty. */
  candidates: readonly string[]
  /** The arguments after argv[0]. */
  args: readonly string[]
}

/**
 * The launcher's arguments, without its own name.
 * @throws if there is no candidate, or an empty one
 */
export function launcherArguments({ terminal, arg0, candidates, args }: LaunchedCommand): string[] {
  // An empty candidate would end the list early.
  if (candidates.length === 0 || candidates.includes(''))
    throw new Error('a command needs candidates, and none without a name')
  return [terminal ? 't' : 'p', arg0, ...candidates, '', ...args]
}
