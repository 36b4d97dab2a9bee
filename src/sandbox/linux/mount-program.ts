/**
 * The program that puts prepared mounts at their places. The server starts it when bubblewrap has made the rest and
 * waits; it enters the sandbox's mount namespace. It makes bind mounts only, by mount(2), which creates nothing: whatever
 * its paths lead to while a command swaps directories and links, no file or directory comes to be there.
 */
import { encodeName } from '../../protocol/schemas/path-uri.ts'
import { align, assemblyOf, programImage } from './machine-code.ts'
import type { Listings, ProgramData } from './machine-code.ts'
import type { Attachment } from './staged-mounts.ts'
import type { Arch } from './system-calls.ts'

/**
 * In C. The last call of the table is exit_group(0).
 *
 *     for (struct { long call, arguments[5]; } *next = table; syscall(next->call, next->arguments...) >= 0; next++);
 *     exit_group(1);
 */
const LISTINGS: Listings = {
  x64: `
start:
  48 8d 1d .. .. .. ..   lea rbx, [rip+table]
next:
  48 8b 03               mov rax, [rbx]
  48 8b 7b 08            mov rdi, [rbx+8]
  48 8b 73 10            mov rsi, [rbx+16]
  48 8b 53 18            mov rdx, [rbx+24]
  4c 8b 53 20            mov r10, [rbx+32]
  4c 8b 43 28            mov r8, [rbx+40]
  48 83 c3 30            add rbx, 48
  0f 05                  syscall
  48 85 c0               test rax, rax
  79 ..                  jns next
  bf 01 00 00 00         mov edi, 1
  b8 e7 00 00 00         mov eax, 231                    ; exit_group(1)
  0f 05                  syscall
`,
  arm64: `
start:
  10000014  adr x20, table
next:
  a9400288  ldp x8, x0, [x20]
  a9410a81  ldp x1, x2, [x20, #16]
  a9421283  ldp x3, x4, [x20, #32]
  9100c294  add x20, x20, #48
  d4000001  svc #0
  f100001f  cmp x0, #0
  5400000a  b.ge next
  d2800020  mov x0, #1
  d2800bc8  mov x8, #94                     ; exit_group(1)
  d4000001  svc #0
`,
}

/** Assembler source of the code, so that a test can check the bytes. */
export function mountProgramAssembly(arch: Arch): string {
  return [assemblyOf(LISTINGS, arch), '.balign 8', 'table:', ''].join('\n')
}

const CALLS = {
  x64: { mount: 165, exit_group: 231, setns: 308 },
  arm64: { mount: 40, exit_group: 94, setns: 268 },
} as const satisfies Record<Arch, Record<string, number>>

/** A namespace to enter, with the descriptor of it that the program gets, and its type. */
export const NAMESPACES = {
  /** The one that owns the mount namespace, if that is not the server's. Entered first: it gives the right to mount. */
  user: { fd: 3, type: 0x1000_0000 },
  mount: { fd: 4, type: 0x2_0000 },
} as const

const MS_BIND = 0x1000
const MS_REC = 0x4000

type Call = { name: keyof (typeof CALLS)['x64']; args: readonly (number | Uint8Array)[] }

const CALL_BYTES = 48
const ARGUMENTS = 5
const ALIGNMENT = 8

/** A static ELF executable without arguments. It exits with 0 if all the mounts are made. */
export function mountProgramImage(
  arch: Arch,
  attach: readonly Attachment[],
  enter: readonly (keyof typeof NAMESPACES)[],
): Uint8Array {
  const calls: Call[] = [
    ...enter.map((name): Call => ({ name: 'setns', args: [NAMESPACES[name].fd, NAMESPACES[name].type] })),
    ...attach.map(({ from, to }): Call => ({ name: 'mount', args: [text(from), text(to), 0, MS_BIND | MS_REC, 0] })),
    { name: 'exit_group', args: [0] },
  ]
  return programImage(LISTINGS, arch, (address) => layOut(arch, calls, address), ALIGNMENT)
}

/** The table, and behind it the texts that it refers to by address. */
function layOut(arch: Arch, calls: readonly Call[], address: number): ProgramData {
  const texts: Uint8Array[] = []
  let end = address + calls.length * CALL_BYTES
  const place = (bytes: Uint8Array): number => {
    const at = end
    texts.push(bytes)
    end += align(bytes.length, ALIGNMENT)
    return at
  }
  const numbers = calls.flatMap(({ name, args }) => {
    const values = args.map((value) => (typeof value === 'number' ? value : place(value)))
    return [CALLS[arch][name], ...values, ...Array<number>(ARGUMENTS - args.length).fill(0)]
  })
  const table = new Uint8Array(BigInt64Array.from(numbers.map(BigInt)).buffer)
  return [{ label: 'table', bytes: table }, ...texts.map((bytes) => ({ bytes }))]
}

/** Zero-terminated. */
const text = (value: string): Uint8Array => encodeName(`${value}\0`)
