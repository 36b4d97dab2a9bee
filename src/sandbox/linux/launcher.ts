/**
 * The program that bubblewrap starts in the sandbox, instead of a shell or a second Node: it creates a session, takes
 * the controlling terminal, closes inherited descriptors, tries each candidate path and execs the first that works. It
 * is machine code, so that it needs no file in the sandbox and costs only a fraction of a millisecond.
 */
import { ARM64 } from './launcher-arm64.ts'
import { X64 } from './launcher-x64.ts'
import type { Arch } from './system-calls.ts'

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
 * The listings leave out the offsets to labels, which link() fills in.
 */
const LISTINGS: Record<Arch, string> = { x64: X64, arm64: ARM64 }

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
